/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Selectors and latches out of a fuzzer's bytes, and the naive model of them. Few addresses, so
 * that they meet: at both edges of the family, and in the middle.
 */

#include "input.h"

#include <string.h>

enum { FLOW_BYTES = 7 };

uint8_t input_byte(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

uint16_t input_word(struct input *input)
{
	uint16_t high = input_byte(input);

	return (uint16_t)(high << 8 | input_byte(input));
}

static void take_selector(struct input *input, struct pl_ts *ret)
{
	static const uint8_t bases[] = { 0, 0, 10, UINT8_MAX };
	uint8_t kind = input_byte(input), lo = input_byte(input), hi = input_byte(input);
	size_t size;

	*ret = (struct pl_ts) {
		.af = kind % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6, .proto = input_byte(input),
	};
	size = pl_ts_size(ret->af);
	memset(ret->lo, bases[kind / 2 % 4], size - 1);
	memset(ret->hi, bases[kind / 8 % 4], size - 1);
	ret->lo[size - 1] = lo;
	ret->hi[size - 1] = hi;
	ret->lo_port = input_word(input);
	ret->hi_port = input_word(input);
	if (kind / 32 % 4 == 0) {
		ret->lo_port = 0;
		ret->hi_port = UINT16_MAX;
	}
}

void input_list(struct input *input, struct pl_ts_list *ret)
{
	unsigned nr = input_byte(input) % (PL_TS_MAX + 1);

	ret->len = 0;
	for (unsigned i = 0; i < nr && input->size > 0; i++) {
		take_selector(input, &ret->list[ret->len]);
		ret->len += pl_ts_is_valid(&ret->list[ret->len]);
	}
}

static void take_address(struct input *input, const struct pl_ts_list *list, uint8_t af,
			 uint8_t ret[16])
{
	uint8_t which = input_byte(input);
	const struct pl_ts *ts = &list->list[list->len == 0 ? 0 : which / 4 % list->len];

	if (list->len > 0 && ts->af == af)
		memcpy(ret, which % 2 == 0 ? ts->lo : ts->hi, pl_ts_size(af));
	if (which % 4 > 1)
		ret[pl_ts_size(af) - 1] ^= 1;
}

unsigned input_flows(struct input *input, enum pl_role role, const struct pl_ts_list *tsi,
		     const struct pl_ts_list *tsr, struct pl_tuple ret[static INPUT_FLOWS])
{
	static const uint8_t protos[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	bool is_initiator = role == PL_ROLE_INITIATOR;
	unsigned nr = 0;

	while (nr < INPUT_FLOWS && input->size >= FLOW_BYTES) {
		struct pl_tuple *flow = &ret[nr++];
		uint8_t kind = input_byte(input);

		*flow = (struct pl_tuple) {
			.af = kind % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6, .proto = protos[kind / 2 % 3],
		};
		take_address(input, is_initiator ? tsi : tsr, flow->af, flow->local);
		take_address(input, is_initiator ? tsr : tsi, flow->af, flow->remote);
		flow->local_port = input_word(input);
		flow->remote_port = input_word(input);
	}
	return nr;
}

/* The address before, or behind. At the edge it comes out at the other one, a point, too. */
static void move(uint8_t *addr, size_t size, int by)
{
	for (size_t i = size; i > 0; i--) {
		int sum = addr[i - 1] + by;

		addr[i - 1] = (uint8_t)sum;
		if (sum >= 0 && sum <= UINT8_MAX)
			return;
	}
}

static uint32_t next(uint64_t *dice)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*dice >> 33);
}

static const struct pl_ts *any_of(const struct pl_ts_list *a, const struct pl_ts_list *b,
				  uint64_t *dice)
{
	uint32_t at = next(dice) % (a->len + b->len);

	return at < a->len ? &a->list[at] : &b->list[at - a->len];
}

static int corner_port(const struct pl_ts *ts, uint64_t *dice)
{
	int port = next(dice) % 2 == 0 ? ts->lo_port : ts->hi_port;

	port += (int)(next(dice) % 3) - 1;
	return port < 0 || port > UINT16_MAX || next(dice) % 8 == 0 ? -1 : port;
}

void points_of(const struct pl_ts_list *a, const struct pl_ts_list *b,
	       struct point ret[static POINTS])
{
	static const uint8_t protos[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP, 1, 58, 200 };
	uint64_t dice = 5660;

	if (a->len + b->len == 0) {
		memset(ret, 0, POINTS * sizeof(*ret));
		return;
	}
	for (unsigned i = 0; i < a->len + b->len; i++)
		dice = dice * 31 + any_of(a, b, &dice)->lo_port;
	for (unsigned i = 0; i < POINTS; i++) {
		const struct pl_ts *at = any_of(a, b, &dice), *other = any_of(a, b, &dice);
		size_t size = pl_ts_size(at->af);

		ret[i] = (struct point) { .af = at->af, .proto = other->proto };
		if (other->proto == 0 || next(&dice) % 4 == 0)
			ret[i].proto = protos[next(&dice) % sizeof(protos)];
		memcpy(ret[i].addr, next(&dice) % 2 == 0 ? at->lo : at->hi, size);
		move(ret[i].addr, size, (int)(next(&dice) % 3) - 1);
		ret[i].port = corner_port(any_of(a, b, &dice), &dice);
	}
}

bool point_is_in(const struct pl_ts_list *list, const struct point *point)
{
	for (unsigned i = 0; i < list->len; i++) {
		const struct pl_ts *ts = &list->list[i];

		if (ts->af != point->af || (ts->proto != 0 && ts->proto != point->proto) ||
		    memcmp(point->addr, ts->lo, 16) < 0 || memcmp(point->addr, ts->hi, 16) > 0)
			continue;
		if (ts->lo_port == 0 && ts->hi_port == UINT16_MAX)
			return true;
		if (ts->lo_port == UINT16_MAX && ts->hi_port == 0 ? point->port == -1 :
		    point->port >= ts->lo_port && point->port <= ts->hi_port)
			return true;
	}
	return false;
}

static struct point end_of(const struct pl_tuple *flow, enum pl_role role, unsigned side)
{
	bool is_local = (role == PL_ROLE_INITIATOR) == (side == 0);
	struct point end = {
		.af = flow->af, .proto = flow->proto,
		.port = is_local ? flow->local_port : flow->remote_port,
	};

	memcpy(end.addr, is_local ? flow->local : flow->remote, 16);
	return end;
}

bool point_is_end(const struct pl_tuple *flow, enum pl_role role, unsigned side,
		  const struct point *point)
{
	struct point end = end_of(flow, role, side);

	return point->af == end.af && point->proto == end.proto &&
	       (point->port == -1 || point->port == end.port) &&
	       memcmp(point->addr, end.addr, 16) == 0;
}

bool flow_meets(const struct pl_tuple *flow, enum pl_role role, unsigned side,
		const struct pl_ts_list *list)
{
	struct point end = end_of(flow, role, side), hidden = end;

	hidden.port = -1;
	return point_is_in(list, &end) || point_is_in(list, &hidden);
}
