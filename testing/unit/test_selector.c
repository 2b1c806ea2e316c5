/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The algebra of selectors: by tables, and against a naive model that walks every packet of a tiny
 * world. Boxes of that world end only where the world has a point on either side, so that equal
 * points are equal selectors: 4 addresses at the edges of their family and across a byte, 3
 * protocols that are named and one that never is, ports at both ends, and "not visible".
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_selector.h"

enum { ADDRESSES = 4, UNNAMED = 200, ROUNDS = 4000 };

static const int ports[] = { -1, 0, 1, 2, 300, 65534, 65535 };
static const uint8_t protos[] = { 1, 6, 17, UNNAMED };

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct pl_ts ip4(uint8_t proto, uint8_t lo, uint8_t hi, uint16_t lo_port, uint16_t hi_port)
{
	return (struct pl_ts) {
		.af = PL_AF_IP4, .proto = proto, .lo_port = lo_port, .hi_port = hi_port,
		.lo = { 10, 0, 0, lo }, .hi = { 10, 0, 0, hi },
	};
}

/* A list as text, so that a table can hold it. */
static const char *text_of(const struct pl_ts_list *list)
{
	static char text[PL_TS_MAX * PL_TS_TEXT_MAX];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < list->len; i++) {
		char one[PL_TS_TEXT_MAX];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i == 0 ? "" : " ",
					pl_ts_text(&list->list[i], one));
	}
	return text;
}

/* The world */

struct world {
	uint8_t af;
	uint8_t base[16];
	unsigned dice;
};

static unsigned roll(struct world *world, unsigned sides)
{
	return (unsigned)rand_r(&world->dice) / 7 % sides;
}

static void address(const struct world *world, unsigned nr, uint8_t ret[16])
{
	size_t size = pl_ts_size(world->af);
	unsigned sum = world->base[size - 1] + nr;

	memcpy(ret, world->base, 16);
	ret[size - 1] = (uint8_t)sum;
	if (sum > UINT8_MAX)
		ret[size - 2]++;
}

/* First address, last address, across a byte; of both families. */
static void pick_world(struct world *world, unsigned round)
{
	size_t size;

	world->af = round % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6;
	size = pl_ts_size(world->af);
	memset(world->base, 0, sizeof(world->base));
	if (round / 2 % 3 == 1)
		memset(world->base, UINT8_MAX, size);
	if (round / 2 % 3 != 0)
		world->base[size - 1] = round / 2 % 3 == 1 ? 252 : 254;
}

static struct pl_ts some(struct world *world)
{
	static const uint16_t ranges[][2] = {
		{ 0, 65535 }, { 0, 65535 }, { 65535, 0 }, { 0, 0 }, { 0, 1 }, { 1, 1 }, { 2, 2 },
		{ 1, 65535 }, { 65534, 65535 }, { 65535, 65535 }, { 0, 65534 }, { 3, 65533 },
	};
	unsigned lo = roll(world, ADDRESSES), hi = lo + roll(world, ADDRESSES - lo);
	uint8_t proto = roll(world, 3) == 0 ? 0 : protos[roll(world, 3)];
	/* all protocols with ports are nothing that the RFC has: rarely */
	unsigned range = proto == 0 && roll(world, 20) > 0 ? 0 : roll(world, SIZE(ranges));
	struct pl_ts ts = {
		.af = world->af, .proto = proto,
		.lo_port = ranges[range][0], .hi_port = ranges[range][1],
	};

	address(world, lo, ts.lo);
	address(world, hi, ts.hi);
	return ts;
}

static void some_list(struct world *world, unsigned most, struct pl_ts_list *ret)
{
	ret->len = roll(world, most + 1);
	for (unsigned i = 0; i < ret->len; i++)
		ret->list[i] = some(world);
}

struct point {
	uint8_t addr[16];
	uint8_t proto;
	int port;
};

/* Written again here, from the RFC, and not from the code. */
static bool has(const struct pl_ts *ts, const struct point *point)
{
	size_t size = ts->af == PL_AF_IP4 ? 4 : 16;

	if (memcmp(point->addr, ts->lo, size) < 0 || memcmp(point->addr, ts->hi, size) > 0)
		return false;
	if (ts->proto != 0 && ts->proto != point->proto)
		return false;
	if (ts->lo_port == 0 && ts->hi_port == 65535)
		return true;
	if (ts->lo_port == 65535 && ts->hi_port == 0)
		return point->port == -1;
	return point->port >= ts->lo_port && point->port <= ts->hi_port;
}

static unsigned count(const struct pl_ts_list *list, const struct point *point)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < list->len; i++)
		nr += has(&list->list[i], point);
	return nr;
}

#define POINTS (ADDRESSES * SIZE(protos) * SIZE(ports))

static struct point point_of(const struct world *world, unsigned i)
{
	struct point point = {
		.proto = protos[i / SIZE(ports) % SIZE(protos)], .port = ports[i % SIZE(ports)],
	};

	address(world, i / SIZE(ports) / (unsigned)SIZE(protos), point.addr);
	return point;
}

/* The tests */

static void one_and_one_meet_in_one(void **state)
{
	static const struct {
		const char *why;
		uint8_t a_proto;
		uint16_t a[2];
		uint8_t b_proto;
		uint16_t b[2];
		const char *want;
	} t[] = {
		{ "any, any", 0, { 0, 65535 }, 0, { 0, 65535 }, "0/0-65535" },
		{ "protocol in any", 6, { 0, 65535 }, 0, { 0, 65535 }, "6/0-65535" },
		{ "other protocol", 6, { 0, 65535 }, 17, { 0, 65535 }, NULL },
		{ "one port in any", 6, { 0, 65535 }, 6, { 80, 80 }, "6/80-80" },
		{ "overlap", 6, { 10, 20 }, 6, { 15, 65535 }, "6/15-20" },
		{ "touch in one", 6, { 10, 20 }, 6, { 20, 30 }, "6/20-20" },
		{ "apart by one", 6, { 10, 19 }, 6, { 20, 30 }, NULL },
		{ "edge: last port", 6, { 0, 65535 }, 6, { 65535, 65535 }, "6/65535-65535" },
		{ "edge: port zero", 6, { 0, 65535 }, 6, { 0, 0 }, "6/0-0" },
		{ "opaque in any", 6, { 0, 65535 }, 6, { 65535, 0 }, "6/65535-0" },
		{ "opaque, opaque", 6, { 65535, 0 }, 0, { 65535, 0 }, "6/65535-0" },
		{ "opaque is no number", 6, { 65535, 0 }, 6, { 65535, 65535 }, NULL },
		{ "opaque is not zero", 6, { 65535, 0 }, 6, { 0, 65534 }, NULL },
		{ "ICMP echo of any", 1, { 8 << 8, 8 << 8 | 255 }, 0, { 0, 65535 },
		  "1/2048-2303" },
		{ "ICMP echo, code 0", 1, { 8 << 8, 8 << 8 | 255 }, 1, { 8 << 8, 8 << 8 },
		  "1/2048-2048" },
		{ "invalid ports", 6, { 2, 1 }, 6, { 0, 65535 }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < SIZE(t); i++) {
		struct pl_ts a = ip4(t[i].a_proto, 3, 9, t[i].a[0], t[i].a[1]);
		struct pl_ts b = ip4(t[i].b_proto, 5, 12, t[i].b[0], t[i].b[1]);
		struct pl_ts got = { .af = 99 }, rev = { .af = 99 };
		char text[PL_TS_TEXT_MAX];

		assert_int_equal(pl_selector_intersect(&a, &b, &got), t[i].want != NULL);
		assert_int_equal(pl_selector_intersect(&b, &a, &rev), t[i].want != NULL);
		assert_memory_equal(&got, &rev, sizeof(got));
		if (t[i].want == NULL && got.af != 99)
			fail_msg("%s: written", t[i].why);
		if (t[i].want == NULL)
			continue;
		pl_ts_text(&got, text);
		if (strncmp(text, "10.0.0.5-10.0.0.9/", 18) != 0 ||
		    strcmp(text + 18, t[i].want) != 0)
			fail_msg("%s: %s", t[i].why, text);
	}
}

static void addresses_and_families_meet_or_not(void **state)
{
	struct pl_ts a = ip4(6, 1, 4, 0, 65535), b = ip4(6, 5, 9, 0, 65535), ret = { .af = 99 };
	struct pl_ts six = { .af = PL_AF_IP6, .hi_port = 65535 };

	(void)state;
	memset(six.hi, 0xff, sizeof(six.hi));
	assert_false(pl_selector_intersect(&a, &b, &ret));
	assert_false(pl_selector_intersect(&a, &six, &ret));
	assert_int_equal(ret.af, 99);
	b.lo[3] = 4;
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_true(pl_selector_intersect(turn == 0 ? &a : &b, turn == 0 ? &b : &a, &ret));
		assert_int_equal(ret.lo[3], 4);
		assert_int_equal(ret.hi[3], 4);
	}
}

static void what_is_left_is_written_as_a_payload_can_hold_it(void **state)
{
	static const struct {
		const char *why;
		uint8_t proto;
		uint16_t from[2];
		uint8_t what_proto;
		uint8_t what_addr[2];
		uint16_t what[2];
		const char *want;	/* 10.0.0 stands before each address */
	} t[] = {
		{ "itself", 6, { 5, 9 }, 6, { 0, 9 }, { 5, 9 }, "" },
		{ "nothing of it", 6, { 5, 9 }, 6, { 0, 9 }, { 10, 11 }, "0-9/6/5-9" },
		{ "another protocol", 6, { 5, 9 }, 17, { 0, 9 }, { 5, 9 }, "0-9/6/5-9" },
		{ "a port: what is not visible is left", 6, { 0, 65535 }, 6, { 0, 9 }, { 80, 80 },
		  "0-9/6/0-79 0-9/6/81-65535 0-9/6/65535-0" },
		{ "port zero", 6, { 0, 65535 }, 6, { 0, 9 }, { 0, 0 },
		  "0-9/6/1-65535 0-9/6/65535-0" },
		{ "the last port", 6, { 0, 65535 }, 6, { 0, 9 }, { 65535, 65535 },
		  "0-9/6/0-65534 0-9/6/65535-0" },
		{ "all visible: 0-65535 would be ANY", 6, { 0, 65535 }, 6, { 0, 9 }, { 65535, 0 },
		  "0-9/6/0-65534 0-9/6/65535-65535" },
		{ "opaque of a range", 6, { 5, 65535 }, 6, { 0, 9 }, { 65535, 0 },
		  "0-9/6/5-65535" },
		{ "any of opaque", 6, { 65535, 0 }, 6, { 0, 9 }, { 0, 65535 }, "" },
		{ "the first address", 6, { 80, 80 }, 6, { 0, 0 }, { 0, 65535 }, "1-9/6/80-80" },
		{ "the last address", 6, { 80, 80 }, 6, { 9, 9 }, { 0, 65535 }, "0-8/6/80-80" },
		{ "one in the middle: no CIDR", 6, { 80, 80 }, 6, { 5, 5 }, { 0, 65535 },
		  "0-4/6/80-80 6-9/6/80-80" },
		{ "a port at one address", 6, { 5, 9 }, 6, { 5, 5 }, { 7, 7 },
		  "0-4/6/5-9 5-5/6/5-6 5-5/6/8-9 6-9/6/5-9" },
		{ "an address of all protocols", 0, { 0, 65535 }, 0, { 5, 5 }, { 0, 65535 },
		  "0-4/0/0-65535 6-9/0/0-65535" },
		{ "ICMP echo", 1, { 0, 65535 }, 1, { 0, 9 }, { 8 << 8, 8 << 8 | 255 },
		  "0-9/1/0-2047 0-9/1/2304-65535 0-9/1/65535-0" },
		{ "all protocols but one", 0, { 0, 65535 }, 6, { 5, 5 }, { 80, 80 }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < SIZE(t); i++) {
		struct pl_ts_list from = { .len = 1 }, got = { .len = 99 };
		struct pl_ts what = ip4(t[i].what_proto, t[i].what_addr[0], t[i].what_addr[1],
					t[i].what[0], t[i].what[1]);
		char text[1024] = "";
		int r;

		from.list[0] = ip4(t[i].proto, 0, 9, t[i].from[0], t[i].from[1]);
		r = pl_selector_subtract(&from, &what, 1, NULL, PL_TS_MAX, &got);
		assert_int_equal(r, t[i].want == NULL ? PL_E_TOO_MANY : 0);
		if (r != 0) {
			assert_int_equal(got.len, 99);
			continue;
		}
		for (unsigned g = 0; g < got.len; g++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "%s%u-%u/%u/%u-%u", g == 0 ? "" : " ", got.list[g].lo[3],
				 got.list[g].hi[3], got.list[g].proto, got.list[g].lo_port,
				 got.list[g].hi_port);
		if (strcmp(text, t[i].want) != 0)
			fail_msg("%s: %s", t[i].why, text);
	}
}

static void protocols_that_are_kept_are_listed_and_others_are_lost(void **state)
{
	struct pl_ts_list from = { .len = 1 }, got;
	struct pl_ts what = ip4(6, 5, 5, 80, 80);
	struct pl_protos keep = { .bits = { 0 } };

	(void)state;
	from.list[0] = ip4(0, 5, 6, 0, 65535);
	pl_protos_add(&keep, 6);
	pl_protos_add(&keep, 17);
	assert_true(pl_protos_has(&keep, 17));
	assert_false(pl_protos_has(&keep, 16));
	assert_int_equal(pl_selector_subtract(&from, &what, 1, &keep, PL_TS_MAX, &got), 0);
	assert_string_equal(text_of(&got),
			    "10.0.0.5-10.0.0.5/6/0-79 10.0.0.5-10.0.0.5/6/81-65535 "
			    "10.0.0.5-10.0.0.5/6/65535-0 10.0.0.5-10.0.0.5/17/0-65535 "
			    "10.0.0.6-10.0.0.6/0/0-65535");
}

static void what_belongs_together_is_merged(void **state)
{
	struct pl_ts_list a = { .len = 5 }, b = { .len = 1 }, got;

	(void)state;
	a.list[0] = ip4(6, 0, 3, 80, 90);
	a.list[1] = ip4(6, 0, 3, 91, 99);
	a.list[2] = ip4(6, 4, 9, 80, 99);
	a.list[3] = ip4(17, 9, 9, 53, 53);
	a.list[4] = ip4(6, 2, 5, 85, 95);
	assert_int_equal(pl_selector_canonical(&a, PL_TS_MAX, &got), 0);
	assert_string_equal(text_of(&got), "10.0.0.0-10.0.0.9/6/80-99 10.0.0.9-10.0.0.9/17/53-53");
	b.list[0] = ip4(0, 0, 255, 0, 65535);
	assert_int_equal(pl_selector_union(&a, &b, PL_TS_MAX, &got), 0);
	assert_string_equal(text_of(&got), "10.0.0.0-10.0.0.255/0/0-65535");
	assert_int_equal(pl_selector_meet(&a, &b, PL_TS_MAX, &got), 0);
	assert_int_equal(got.len, 2);
	/* several that only together hold one */
	b.list[0] = ip4(6, 0, 9, 80, 99);
	assert_true(pl_selector_contains(&a, &b));
	assert_false(pl_ts_list_covers(&a, &b));
	b.list[0].hi_port = 100;
	assert_false(pl_selector_contains(&a, &b));
}

static void an_invalid_list_is_refused_and_in_nothing(void **state)
{
	struct pl_ts_list good = { .len = 1 }, bad = { .len = 1 }, none = { .len = 0 }, got;
	struct pl_ts what[PL_SELECTOR_WHAT_MAX + 1];

	(void)state;
	memset(&got, 0x55, sizeof(got));
	good.list[0] = ip4(0, 0, 255, 0, 65535);
	bad.list[0] = ip4(6, 9, 8, 0, 65535);
	assert_int_equal(pl_selector_union(&good, &bad, PL_TS_MAX, &got), PL_E_MALFORMED);
	assert_int_equal(pl_selector_meet(&bad, &good, PL_TS_MAX, &got), PL_E_MALFORMED);
	assert_int_equal(pl_selector_canonical(&bad, PL_TS_MAX, &got), PL_E_MALFORMED);
	assert_false(pl_selector_contains(&good, &bad));
	assert_false(pl_selector_contains(&bad, &good));
	assert_false(pl_selector_contains(&bad, &none));
	assert_true(pl_selector_contains(&good, &none));
	bad.len = PL_TS_MAX + 1;
	for (unsigned i = 0; i < PL_TS_MAX; i++)
		bad.list[i] = good.list[0];
	assert_int_equal(pl_selector_canonical(&bad, PL_TS_MAX, &got), PL_E_MALFORMED);
	assert_int_equal(pl_selector_union(&good, &bad, PL_TS_MAX, &got), PL_E_MALFORMED);
	for (size_t i = 0; i < SIZE(what); i++)
		what[i] = ip4(6, 1, 1, 1, 1);
	assert_int_equal(pl_selector_subtract(&good, what, SIZE(what), NULL, PL_TS_MAX, &got),
			 PL_E_MALFORMED);
	assert_int_equal(got.len, 0x55555555);
}

static void as_many_as_may_be_are_taken(void **state)
{
	struct pl_ts_list full = { .len = PL_TS_MAX }, got;
	struct pl_ts what[PL_SELECTOR_WHAT_MAX];

	(void)state;
	for (unsigned i = 0; i < PL_TS_MAX; i++)
		full.list[i] = ip4(6, (uint8_t)(2 * i), (uint8_t)(2 * i), 1, 1);
	assert_int_equal(pl_selector_union(&full, &full, PL_TS_MAX, &got), 0);
	assert_memory_equal(&got, &full, sizeof(got));
	/* a larger limit is no larger list */
	assert_int_equal(pl_selector_union(&full, &full, PL_TS_MAX + 1, &got), 0);
	for (size_t i = 0; i < SIZE(what); i++)
		what[i] = ip4(6, (uint8_t)i, (uint8_t)i, 1, 1);
	assert_int_equal(pl_selector_subtract(&full, what, SIZE(what), NULL, 0, &got), 0);
	assert_int_equal(got.len, 0);
	for (unsigned i = 0; i < PL_TS_MAX; i++)
		full.list[i] = ip4(6, (uint8_t)(2 * i), (uint8_t)(2 * i), 1, 3);
	what[0] = ip4(6, 0, 255, 2, 2);
	assert_int_equal(pl_selector_subtract(&full, what, 1, NULL, PL_TS_MAX + 1, &got),
			 PL_E_TOO_MANY);
}

static bool wanted(unsigned op, bool a, bool b)
{
	return op == 0 ? a || b : op == 1 ? a && b : a && !b;
}

/* All packets of this address are wanted. */
static bool is_whole(const struct world *world, unsigned op, unsigned nr,
		     const struct pl_ts_list *a, const struct pl_ts_list *b)
{
	unsigned of_one = POINTS / ADDRESSES;

	for (unsigned i = nr * of_one; i < (nr + 1) * of_one; i++) {
		struct point point = point_of(world, i);

		if (!wanted(op, count(a, &point) != 0, count(b, &point) != 0))
			return false;
	}
	return true;
}

/* Where the unnamed protocol is wanted and not all is, 200 protocols were to be listed. */
static bool needs_a_list_of_protocols(const struct world *world, unsigned op,
				      const struct pl_ts_list *a, const struct pl_ts_list *b)
{
	for (unsigned i = 0; i < POINTS; i++) {
		struct point point = point_of(world, i);

		if (point.proto == UNNAMED &&
		    wanted(op, count(a, &point) != 0, count(b, &point) != 0) &&
		    !is_whole(world, op, i / (unsigned)(POINTS / ADDRESSES), a, b))
			return true;
	}
	return false;
}

static int operate(unsigned op, const struct pl_ts_list *a, const struct pl_ts_list *b,
		   unsigned limit, struct pl_ts_list *ret)
{
	if (op == 0)
		return pl_selector_union(a, b, limit, ret);
	if (op == 1)
		return pl_selector_meet(a, b, limit, ret);
	return pl_selector_subtract(a, b->list, b->len, NULL, limit, ret);
}

/* In order, no packet twice, and nothing to be done a second time. */
static void is_canonical(const struct world *world, const struct pl_ts_list *list)
{
	struct pl_ts_list again;

	for (unsigned i = 0; i < POINTS; i++) {
		struct point point = point_of(world, i);

		assert_true(count(list, &point) <= 1);
	}
	for (unsigned i = 0; i < list->len; i++) {
		assert_true(pl_ts_is_valid(&list->list[i]));
		if (i > 0)
			assert_true(memcmp(list->list[i - 1].lo, list->list[i].lo, 16) <= 0);
	}
	memset(&again, 0x55, sizeof(again));
	assert_int_equal(pl_selector_canonical(list, list->len, &again), 0);
	assert_memory_equal(&again, list, sizeof(again));
	if (list->len > 0)
		assert_int_equal(pl_selector_canonical(list, list->len - 1, &again),
				 PL_E_TOO_MANY);
}

static void every_packet_is_where_the_operation_says(void **state)
{
	struct world world = { .dice = 4301 };
	unsigned too_many = 0;

	(void)state;
	print_message("seed %u\n", world.dice);
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct pl_ts_list a, b, got, untouched;
		unsigned op = n % 3;
		int r;

		pick_world(&world, n / 3);
		some_list(&world, 5, &a);
		some_list(&world, 4, &b);
		memset(&got, 0x55, sizeof(got));
		untouched = got;
		r = operate(op, &a, &b, PL_TS_MAX, &got);
		if (needs_a_list_of_protocols(&world, op, &a, &b)) {
			assert_int_equal(r, PL_E_TOO_MANY);
			assert_memory_equal(&got, &untouched, sizeof(got));
			too_many++;
			continue;
		}
		assert_int_equal(r, 0);
		for (unsigned i = 0; i < POINTS; i++) {
			struct point point = point_of(&world, i);
			bool want = wanted(op, count(&a, &point) != 0, count(&b, &point) != 0);

			if ((count(&got, &point) != 0) != want)
				fail_msg("round %u, op %u: %d of %u/%d", n, op, want, point.proto,
					 point.port);
		}
		is_canonical(&world, &got);
	}
	assert_in_range(too_many, ROUNDS / 50, ROUNDS / 3);
}

/* The same packets in other pieces, another order, and some of them twice. */
static void shuffle(struct world *world, const struct pl_ts_list *from, struct pl_ts_list *ret)
{
	*ret = *from;
	for (unsigned i = 0; i < from->len && from->len > 0; i++) {
		struct pl_ts piece = some(world), cut;
		unsigned at = roll(world, ret->len + 1), host = roll(world, from->len);

		if (!pl_selector_intersect(&from->list[host], &piece, &cut))
			continue;
		memmove(&ret->list[at + 1], &ret->list[at],
			(ret->len - at) * sizeof(ret->list[0]));
		ret->list[at] = cut;
		ret->len++;
	}
	for (unsigned i = 0; i < ret->len; i++) {
		unsigned other = roll(world, ret->len);
		struct pl_ts ts = ret->list[i];

		ret->list[i] = ret->list[other];
		ret->list[other] = ts;
	}
}

static void equal_packets_have_one_form(void **state)
{
	struct world world = { .dice = 7296 };

	(void)state;
	print_message("seed %u\n", world.dice);
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct pl_ts_list a, other, b, first, second;
		bool is_equal = true, is_within = true;
		int r;

		pick_world(&world, n);
		some_list(&world, 5, &a);
		some_list(&world, 5, &b);
		r = pl_selector_canonical(&a, PL_TS_MAX, &first);
		if (r == 0) {
			shuffle(&world, &a, &other);
			assert_int_equal(pl_selector_canonical(&other, PL_TS_MAX, &second), 0);
			assert_memory_equal(&first, &second, sizeof(first));
		}
		for (unsigned i = 0; i < POINTS; i++) {
			struct point point = point_of(&world, i);
			bool in_a = count(&a, &point) != 0, in_b = count(&b, &point) != 0;

			is_equal = is_equal && in_a == in_b;
			is_within = is_within && (in_a || !in_b);
		}
		assert_int_equal(pl_selector_contains(&a, &b), is_within);
		if (r == 0 && pl_selector_canonical(&b, PL_TS_MAX, &second) == 0)
			assert_int_equal(memcmp(&first, &second, sizeof(first)) == 0, is_equal);
	}
}

static void what_is_kept_is_the_difference_but_for_unkept_protocols(void **state)
{
	struct world world = { .dice = 5660 };
	struct pl_protos keep = { .bits = { 0 } };

	(void)state;
	print_message("seed %u\n", world.dice);
	for (unsigned i = 0; i < 3; i++)
		pl_protos_add(&keep, protos[i]);
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct pl_ts_list a, b, got;

		pick_world(&world, n);
		some_list(&world, 4, &a);
		some_list(&world, 4, &b);
		assert_int_equal(pl_selector_subtract(&a, b.list, b.len, &keep, PL_TS_MAX, &got),
				 0);
		for (unsigned i = 0; i < POINTS; i++) {
			struct point point = point_of(&world, i);
			bool want = count(&a, &point) != 0 && count(&b, &point) == 0;

			if (point.proto == UNNAMED)
				want = is_whole(&world, 2, i / (unsigned)(POINTS / ADDRESSES), &a,
						&b);
			if ((count(&got, &point) != 0) != want)
				fail_msg("round %u: %d of %u/%d", n, want, point.proto, point.port);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_and_one_meet_in_one),
		cmocka_unit_test(addresses_and_families_meet_or_not),
		cmocka_unit_test(what_is_left_is_written_as_a_payload_can_hold_it),
		cmocka_unit_test(protocols_that_are_kept_are_listed_and_others_are_lost),
		cmocka_unit_test(what_belongs_together_is_merged),
		cmocka_unit_test(an_invalid_list_is_refused_and_in_nothing),
		cmocka_unit_test(as_many_as_may_be_are_taken),
		cmocka_unit_test(every_packet_is_where_the_operation_says),
		cmocka_unit_test(equal_packets_have_one_form),
		cmocka_unit_test(what_is_kept_is_the_difference_but_for_unkept_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
