/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: TSi and TSr as they come from a peer. The first two bytes are the length of the body
 * of TSi, the next one says how latches are placed, and the rest are the bodies: any bytes
 * whatsoever.
 *
 * Asserted: a second, plain reading by the RFC (section 3.13) comes to the same selectors, or to
 * the same refusal; every selector read is valid; what we say of it on the wire is read as the
 * same; what is narrowed of it is within it.
 */

#include "core/pl_selector.h"
#include "core/pl_ts_narrow.h"
#include "core/pl_ts_pieces.h"
#include "core/pl_ts_wire.h"
#include "input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Malformed, not supported, too many and fine are told apart in the order of the bytes. */
static int read_again(const uint8_t *body, size_t len, struct pl_ts_list *ret)
{
	const uint8_t *at = body + 4, *end = body + len;

	ret->len = 0;
	if (len < 4 || body[0] == 0)
		return PL_E_MALFORMED;
	for (unsigned n = 0; n < body[0]; n++) {
		unsigned said = end - at < 8 ? 0 : (unsigned)at[2] * 256 + at[3];
		unsigned size = said == 0 ? 0 : at[0] == 7 ? 4 : at[0] == 8 ? 16 : 0;
		struct pl_ts ts = { .af = size == 4 ? PL_AF_IP4 : PL_AF_IP6 };

		if (said < 8 || said > (size_t)(end - at))
			return PL_E_MALFORMED;
		if (size == 0)
			return PL_E_UNSUPPORTED;
		if (said != 8 + 2 * size || memcmp(at + 8, at + 8 + size, size) > 0)
			return PL_E_MALFORMED;
		ts.proto = at[1];
		ts.lo_port = (uint16_t)(at[4] * 256 + at[5]);
		ts.hi_port = (uint16_t)(at[6] * 256 + at[7]);
		memcpy(ts.lo, at + 8, size);
		memcpy(ts.hi, at + 8 + size, size);
		at += said;
		if (ts.lo_port > ts.hi_port && !(ts.lo_port == UINT16_MAX && ts.hi_port == 0))
			continue;
		if (ret->len == PL_TS_MAX)
			return PL_E_TOO_MANY;
		ret->list[ret->len++] = ts;
	}
	return 0;
}

/* What we say, in a block of its exact size. */
static void check_written(const struct pl_ts_list *list)
{
	struct pl_ts_list read;
	uint8_t *body;
	size_t size = 4, len = 0;

	for (unsigned i = 0; i < list->len; i++)
		size += list->list[i].af == PL_AF_IP4 ? 16 : 40;
	body = malloc(size);
	assert(pl_ts_wire_write(list, body, size - 1, &len) == (list->len == 0 ?
	       PL_E_MALFORMED : PL_E_NO_SPACE) && len == 0);
	if (list->len > 0) {
		assert(pl_ts_wire_write(list, body, size, &len) == 0 && len == size);
		assert(body[0] == list->len);
		assert(pl_ts_wire_parse((struct pl_blob) { body, len }, &read) == 0);
		assert(read.len == list->len);
		assert(memcmp(read.list, list->list, read.len * sizeof(read.list[0])) == 0);
	}
	free(body);
}

/* Nothing of the input is behind the block. */
static int read_body(const uint8_t *data, size_t size, struct pl_ts_list *ret)
{
	uint8_t *body = malloc(size == 0 ? 1 : size);
	struct pl_ts_list again;
	int r;

	if (size > 0)
		memcpy(body, data, size);
	ret->len = 77;
	r = pl_ts_wire_parse((struct pl_blob) { body, size }, ret);
	assert(r == read_again(body, size, &again));
	free(body);
	if (r != 0) {
		assert(ret->len == 77);
		return r;
	}
	assert(ret->len == again.len);
	assert(memcmp(ret->list, again.list, ret->len * sizeof(ret->list[0])) == 0);
	for (unsigned i = 0; i < ret->len; i++)
		assert(pl_ts_is_valid(&ret->list[i]));
	check_written(ret);
	return 0;
}

/* A latch with its ends at corners of the proposal. */
static bool latch_at(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr, uint8_t how,
		     struct pl_tuple *ret)
{
	const struct pl_ts *i = &tsi->list[how % tsi->len], *r = &tsr->list[how / 4 % tsr->len];
	struct pl_tuple tuple = {
		.af = i->af, .proto = how % 2 == 0 ? PL_TUPLE_TCP : PL_TUPLE_UDP,
		.local_port = r->hi_port, .remote_port = i->lo_port,
	};

	memcpy(tuple.remote, how % 3 == 0 ? i->lo : i->hi, sizeof(tuple.remote));
	memcpy(tuple.local, how % 5 == 0 ? r->lo : r->hi, sizeof(tuple.local));
	return i->af == r->af && pl_tuple_connection(&tuple, ret) == 0;
}

static void check_answer(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr, uint8_t how)
{
	static struct pl_ts_piece pieces[PL_TS_PIECES_MAX];
	struct pl_ts_narrowed got;
	struct pl_tuple flow;
	unsigned nr;

	if (!latch_at(tsi, tsr, how, &flow) ||
	    pl_ts_narrow(PL_ROLE_RESPONDER, tsi, tsr, &flow, 1, 1 + how % 15, &got) != 0)
		return;
	assert(pl_selector_contains(tsi, &got.tsi) && pl_selector_contains(tsr, &got.tsr));
	assert(!flow_meets(&flow, PL_ROLE_RESPONDER, 0, &got.tsi) ||
	       !flow_meets(&flow, PL_ROLE_RESPONDER, 1, &got.tsr));
	check_written(&got.tsi);
	check_written(&got.tsr);
	if (pl_ts_pieces(&got.tsr, &got.tsi, PL_TS_PIECES_MAX, pieces, &nr) == 0)
		assert(nr > 0 && nr <= PL_TS_PIECES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	size_t first = input_word(&input) % 2048;
	uint8_t how = input_byte(&input);
	struct pl_ts_list tsi, tsr;
	int r;

	if (first > input.size)
		first = input.size;
	r = read_body(input.data, first, &tsi);
	if (read_body(input.data + first, input.size - first, &tsr) != 0 || r != 0)
		return 0;
	if (tsi.len > 0 && tsr.len > 0)
		check_answer(&tsi, &tsr, how);
	return 0;
}
