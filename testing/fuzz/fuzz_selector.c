/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: the algebra of selectors, and narrowing, with what a peer may propose. The input says
 * how many selectors of TSi and of TSr there are, the limit, the selectors, and latches.
 *
 * Asserted: that a payload of selectors is read as they were written; what the union, the meeting
 * and the difference of two lists have to do with each other; that a canonical form is one; that a
 * narrowed proposal is within the proposal, touches no latch, keeps the first selectors when it
 * may, and is the same again.
 */

#include "core/pl_ts_narrow.h"
#include "core/pl_selector.h"
#include "core/pl_ts_wire.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than pl_ts_narrow() chooses sides for one by one. */
enum { FLOWS = 80, FLOW_BYTES = 7 };

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static uint16_t take16(struct input *input)
{
	uint16_t high = take(input);

	return (uint16_t)(high << 8 | take(input));
}

/* Few addresses, so that they meet; at both edges of the family, and in the middle. */
static void take_selector(struct input *input, struct pl_ts *ret)
{
	static const uint8_t bases[] = { 0, 0, 10, UINT8_MAX };
	uint8_t kind = take(input), lo = take(input), hi = take(input);
	size_t size;

	*ret = (struct pl_ts) { .af = kind % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6, .proto = take(input) };
	size = pl_ts_size(ret->af);
	memset(ret->lo, bases[kind / 2 % 4], size - 1);
	memset(ret->hi, bases[kind / 8 % 4], size - 1);
	ret->lo[size - 1] = lo;
	ret->hi[size - 1] = hi;
	ret->lo_port = take16(input);
	ret->hi_port = take16(input);
	if (kind / 32 % 4 == 0) {
		ret->lo_port = 0;
		ret->hi_port = UINT16_MAX;
	}
}

/* As a payload has them: what is invalid is not there. */
static void take_list(struct input *input, unsigned nr, struct pl_ts_list *ret)
{
	for (unsigned i = 0; i < nr; i++) {
		take_selector(input, &ret->list[ret->len]);
		ret->len += pl_ts_is_valid(&ret->list[ret->len]);
	}
}

static void check_wire(const struct pl_ts_list *list)
{
	uint8_t body[PL_TS_WIRE_MAX];
	struct pl_ts_list read;
	size_t len;

	if (list->len == 0)
		return;
	assert(pl_ts_wire_write(list, body, sizeof(body), &len) == 0);
	assert(pl_ts_wire_parse((struct pl_blob) { body, len }, &read) == 0);
	assert(read.len == list->len);
	assert(memcmp(read.list, list->list, read.len * sizeof(read.list[0])) == 0);
}

/* An address in or beside one of the selectors, so that latches are often touched. */
static void take_address(struct input *input, const struct pl_ts_list *list, uint8_t af,
			 uint8_t ret[16])
{
	uint8_t which = take(input);
	const struct pl_ts *ts = &list->list[list->len == 0 ? 0 : which / 4 % list->len];

	if (list->len > 0 && ts->af == af)
		memcpy(ret, which % 2 == 0 ? ts->lo : ts->hi, pl_ts_size(af));
	if (which % 4 > 1)
		ret[pl_ts_size(af) - 1] ^= 1;
}

static void take_flow(struct input *input, const struct pl_ts_list *tsi,
		      const struct pl_ts_list *tsr, struct pl_tuple *ret)
{
	static const uint8_t protos[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	uint8_t kind = take(input);

	*ret = (struct pl_tuple) {
		.af = kind % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6, .proto = protos[kind / 2 % 3],
	};
	take_address(input, tsr, ret->af, ret->local);
	take_address(input, tsi, ret->af, ret->remote);
	ret->local_port = take16(input);
	ret->remote_port = take16(input);
}

/* What can be said in so many selectors is said in the same ones again. */
static void check_form(const struct pl_ts_list *list)
{
	struct pl_ts_list again;

	assert(list->len <= PL_TS_MAX);
	assert(pl_selector_canonical(list, list->len, &again) == 0);
	assert(memcmp(list->list, again.list, list->len * sizeof(list->list[0])) == 0);
	for (unsigned i = 0; i < list->len; i++) {
		struct pl_ts common;

		assert(pl_ts_is_valid(&list->list[i]));
		for (unsigned j = 0; j < i; j++)
			assert(!pl_selector_intersect(&list->list[i], &list->list[j], &common));
	}
}

static void check_algebra(const struct pl_ts_list *a, const struct pl_ts_list *b)
{
	struct pl_ts_list both, either, rest, other;

	if (pl_selector_union(a, b, PL_TS_MAX, &either) == 0) {
		check_form(&either);
		assert(pl_selector_contains(&either, a) && pl_selector_contains(&either, b));
		assert(pl_selector_union(b, a, PL_TS_MAX, &other) == 0);
		assert(memcmp(&either, &other, sizeof(other)) == 0);
	}
	if (pl_selector_meet(a, b, PL_TS_MAX, &both) != 0)
		return;
	check_form(&both);
	assert(pl_selector_contains(a, &both) && pl_selector_contains(b, &both));
	if (pl_selector_subtract(a, b->list, b->len, NULL, PL_TS_MAX, &rest) != 0)
		return;
	check_form(&rest);
	assert(pl_selector_meet(&rest, b, PL_TS_MAX, &other) == 0 && other.len == 0);
	if (pl_selector_union(&rest, &both, PL_TS_MAX, &other) == 0)
		assert(pl_selector_contains(a, &other) && pl_selector_contains(&other, a));
}

static bool first_is_free(const struct pl_ts_list first[2], const struct pl_tuple *flows,
			  unsigned nr)
{
	const struct pl_ts *tsi = &first[0].list[0], *tsr = &first[1].list[0];

	if (tsi->af != tsr->af ||
	    (tsi->proto != 0 && tsr->proto != 0 && tsi->proto != tsr->proto))
		return false;
	for (unsigned i = 0; i < nr; i++) {
		if (pl_tuple_is_touched(&flows[i], PL_ROLE_RESPONDER, &first[0], &first[1]))
			return false;
	}
	return true;
}

static void check_narrow(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
			 const struct pl_tuple *flows, unsigned nr, unsigned limit)
{
	struct pl_ts_list first[2] = { { .len = 1 }, { .len = 1 } };
	struct pl_ts_narrowed got, again;
	int r;

	first[0].list[0] = tsi->list[0];
	first[1].list[0] = tsr->list[0];
	r = pl_ts_narrow(PL_ROLE_RESPONDER, tsi, tsr, flows, nr, limit, &got);
	assert(r == 0 || r == PL_E_CONFLICT || r == PL_E_TOO_MANY);
	assert(pl_ts_narrow(PL_ROLE_RESPONDER, tsi, tsr, flows, nr, limit, &again) == r);
	assert(r == 0 || !first_is_free(first, flows, nr));
	if (r != 0)
		return;
	assert(memcmp(&got, &again, sizeof(got)) == 0);
	check_wire(&got.tsi);
	check_wire(&got.tsr);
	assert(got.tsi.len > 0 && got.tsi.len <= limit);
	assert(got.tsr.len > 0 && got.tsr.len <= limit);
	assert(pl_selector_contains(tsi, &got.tsi) && pl_selector_contains(tsr, &got.tsr));
	for (unsigned i = 0; i < nr; i++)
		assert(!pl_tuple_is_touched(&flows[i], PL_ROLE_RESPONDER, &got.tsi, &got.tsr));
	if (!first_is_free(first, flows, nr))
		return;
	assert(pl_selector_contains(&got.tsi, &first[0]));
	assert(pl_selector_contains(&got.tsr, &first[1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_ts_list tsi = { .len = 0 }, tsr = { .len = 0 };
	struct input input = { data, size };
	static struct pl_tuple flows[FLOWS];
	unsigned nr_tsi = take(&input) % (PL_TS_MAX + 1), nr_tsr = take(&input) % (PL_TS_MAX + 1);
	unsigned limit = 1 + take(&input) % PL_TS_MAX, nr = 0;

	take_list(&input, nr_tsi, &tsi);
	take_list(&input, nr_tsr, &tsr);
	while (nr < FLOWS && input.size >= FLOW_BYTES)
		take_flow(&input, &tsi, &tsr, &flows[nr++]);
	check_wire(&tsi);
	check_wire(&tsr);
	check_algebra(&tsi, &tsr);
	if (tsi.len > 0 && tsr.len > 0)
		check_narrow(&tsi, &tsr, flows, nr, limit);
	return 0;
}
