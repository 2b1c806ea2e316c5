/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Narrowing out of conflicts: by a table of what people would ask for, and against a naive model
 * that walks every pair of packet ends of a tiny world (5 addresses, 4 protocols, 7 ports and "not
 * visible" at each end). Boxes of that world end only where it has points.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_ts_narrow.h"
#include "core/pl_selector.h"

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { ICMP = 1, TCP = PL_TUPLE_TCP, UDP = PL_TUPLE_UDP, ICMPV6 = 58 };

/* "tsi > tsr", selectors as "LAST BYTES/PROTOCOL/PORTS" of 192.0.2.x (IPv6: 2001:db8::x) */
struct ends {
	uint8_t lo, hi;
	uint8_t proto;
	uint16_t lo_port, hi_port;
};

static void fill(uint8_t af, uint8_t last, uint8_t ret[16])
{
	static const uint8_t ip4[16] = { 192, 0, 2 }, ip6[16] = { 0x20, 1, 0x0d, 0xb8 };

	memcpy(ret, af == PL_AF_IP4 ? ip4 : ip6, 16);
	ret[pl_ts_size(af) - 1] = last;
}

static struct pl_ts ts_of(uint8_t af, const struct ends *ends)
{
	struct pl_ts ts = {
		.af = af, .proto = ends->proto, .lo_port = ends->lo_port,
		.hi_port = ends->hi_port,
	};

	fill(af, ends->lo, ts.lo);
	fill(af, ends->hi, ts.hi);
	return ts;
}

/* As this host sees it, which is .1 and the responder; the other end is .@remote. */
static struct pl_tuple flow(uint8_t af, uint8_t proto, uint16_t local_port, uint8_t remote,
			    uint16_t remote_port)
{
	struct pl_tuple tuple = {
		.af = af, .proto = proto, .local_port = local_port, .remote_port = remote_port,
	};

	fill(af, 1, tuple.local);
	fill(af, remote, tuple.remote);
	return tuple;
}

static void list_text(const struct pl_ts_list *list, char *ret, size_t size)
{
	ret[0] = '\0';
	for (unsigned i = 0; i < list->len; i++) {
		const struct pl_ts *ts = &list->list[i];
		size_t last = pl_ts_size(ts->af) - 1, len = strlen(ret);

		snprintf(ret + len, size - len, "%s%u-%u/%u/%u-%u", i == 0 ? "" : " ",
			 ts->lo[last], ts->hi[last], ts->proto, ts->lo_port, ts->hi_port);
	}
}

#define ANY 0, 65535
#define HOST(last) last, last

static const struct asked {
	const char *why;
	uint8_t af;
	struct ends tsi[4], tsr[4];		/* up to the first without an address */
	struct {
		uint8_t proto, remote;
		uint16_t local_port, remote_port;
	} flows[4];				/* up to the first without a protocol */
	unsigned limit;
	int r;
	const char *tsi_text, *tsr_text, *grain;
} asked[] = {
	{ "all TCP of a host: the port that the client drew goes", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, ANY } }, { { TCP, 2, 80, 32800 } },
	  15, 0, "2-2/6/0-32799 2-2/6/32801-65535", "1-1/6/0-65535", "port" },
	{ "the same when we are the client", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, ANY } }, { { TCP, 2, 32800, 80 } },
	  15, 0, "2-2/6/0-65535", "1-1/6/0-32799 1-1/6/32801-65535", "port" },
	{ "equal ports: the proposer's", 6,
	  { { HOST(2), UDP, ANY } }, { { HOST(1), UDP, ANY } }, { { UDP, 2, 500, 500 } },
	  15, 0, "2-2/17/0-499 2-2/17/501-65535", "1-1/17/0-65535", "port" },
	{ "one port asked for: the wider side goes", 4,
	  { { HOST(2), TCP, 32800, 32800 } }, { { HOST(1), TCP, ANY } },
	  { { TCP, 2, 80, 32800 } },
	  15, 0, "2-2/6/32800-32800", "1-1/6/0-79 1-1/6/81-65535", "port" },
	{ "exactly the latch: nothing is left", 4,
	  { { HOST(2), TCP, 32800, 32800 } }, { { HOST(1), TCP, 80, 80 } },
	  { { TCP, 2, 80, 32800 } }, 15, PL_E_CONFLICT, NULL, NULL, NULL },
	{ "with fragments: they are the latch's, too", 4,
	  { { HOST(2), TCP, 32800, 32800 }, { HOST(2), TCP, 65535, 0 } },
	  { { HOST(1), TCP, 80, 80 }, { HOST(1), TCP, 65535, 0 } },
	  { { TCP, 2, 80, 32800 } }, 15, PL_E_CONFLICT, NULL, NULL, NULL },
	{ "a subnet: addresses before and after are whole, no CIDR", 4,
	  { { 2, 200, TCP, ANY } }, { { HOST(1), TCP, ANY } }, { { TCP, 9, 80, 32800 } },
	  15, 0, "2-8/6/0-65535 9-9/6/0-32799 9-9/6/32801-65535 10-200/6/0-65535",
	  "1-1/6/0-65535", "port" },
	{ "the first selectors stay: the far end is cut", 4,
	  { { HOST(2), TCP, 32800, 32800 }, { HOST(2), TCP, ANY } },
	  { { HOST(1), TCP, 22, 22 }, { HOST(1), TCP, ANY } }, { { TCP, 2, 80, 32800 } },
	  15, 0, "2-2/6/0-65535", "1-1/6/0-79 1-1/6/81-65535", "port" },
	{ "any protocol: those with latches, ICMP and what is named stay", 4,
	  { { HOST(2), 0, ANY }, { HOST(2), 47, ANY } }, { { HOST(1), 0, ANY } },
	  { { TCP, 2, 80, 32800 } }, 15, 0,
	  "2-2/1/0-65535 2-2/6/0-32799 2-2/6/32801-65535 2-2/17/0-65535 2-2/47/0-65535 "
	  "2-2/132/0-65535", "1-1/0/0-65535", "port" },
	{ "of IPv6 its own ICMP", 6,
	  { { 2, 3, 0, ANY } }, { { HOST(1), 0, ANY } }, { { TCP, 2, 80, 32800 } }, 15, 0,
	  "2-2/6/0-32799 2-2/6/32801-65535 2-2/17/0-65535 2-2/58/0-65535 2-2/132/0-65535 "
	  "3-3/0/0-65535", "1-1/0/0-65535", "port" },
	{ "two latches of one service: one cut is enough", 4,
	  { { HOST(2), TCP, 32800, 32801 } }, { { HOST(1), TCP, ANY } },
	  { { TCP, 2, 80, 32800 }, { TCP, 2, 80, 32801 } }, 15, 0,
	  "2-2/6/32800-32801", "1-1/6/0-79 1-1/6/81-65535", "port" },
	{ "does not fit: the service goes", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, ANY } },
	  { { TCP, 2, 80, 32800 }, { TCP, 2, 80, 32810 }, { TCP, 2, 80, 32820 } }, 3, 0,
	  "2-2/6/0-65535", "1-1/6/0-79 1-1/6/81-65535", "port" },
	{ "does not fit at all: a protocol goes", 4,
	  { { HOST(2), TCP, ANY }, { HOST(2), UDP, ANY } },
	  { { HOST(1), TCP, ANY }, { HOST(1), UDP, ANY } },
	  { { TCP, 2, 80, 32800 }, { TCP, 2, 443, 32810 } }, 2, 0,
	  "2-2/17/0-65535", "1-1/6/0-65535 1-1/17/0-65535", "protocol" },
	{ "any protocol does not fit: an address goes", 4,
	  { { 2, 4, 0, ANY } }, { { HOST(1), 0, ANY } }, { { TCP, 3, 80, 32800 } }, 4, 0,
	  "2-2/0/0-65535 4-4/0/0-65535", "1-1/0/0-65535", "address" },
	{ "two addresses do not fit: the protocol at the far end", 4,
	  { { 2, 7, 0, ANY }, { HOST(9), 0, ANY } }, { { HOST(1), 0, ANY } },
	  { { TCP, 3, 80, 32800 }, { TCP, 5, 80, 32800 } }, 3, 0,
	  "2-7/0/0-65535 9-9/0/0-65535", "1-1/1/0-65535 1-1/17/0-65535 1-1/132/0-65535",
	  "protocol" },
	{ "nor does that: the selector goes", 4,
	  { { 2, 7, 0, ANY }, { HOST(9), 0, ANY } }, { { HOST(1), 0, ANY } },
	  { { TCP, 3, 80, 32800 }, { TCP, 5, 80, 32800 } }, 2, 0,
	  "9-9/0/0-65535", "1-1/0/0-65535", "selector" },
	{ "three addresses do not fit: all between them go", 4,
	  { { 2, 9, 0, ANY } }, { { HOST(1), 0, ANY } },
	  { { TCP, 5, 80, 32800 }, { TCP, 3, 80, 32800 }, { TCP, 7, 80, 32800 } }, 2, 0,
	  "2-2/0/0-65535 8-9/0/0-65535", "1-1/0/0-65535", "block" },
	{ "we are the client and it does not fit: the service goes", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, ANY } },
	  { { TCP, 2, 32800, 80 }, { TCP, 2, 32810, 80 }, { TCP, 2, 32820, 80 } }, 3, 0,
	  "2-2/6/0-79 2-2/6/81-65535", "1-1/6/0-65535", "port" },
	{ "other protocols do not count in what is wider", 4,
	  { { HOST(2), TCP, 1, 100 } }, { { HOST(1), TCP, 1, 50 }, { HOST(1), UDP, ANY } },
	  { { TCP, 2, 20, 10 } }, 15, 0,
	  "2-2/6/1-9 2-2/6/11-100", "1-1/6/1-50 1-1/17/0-65535", "port" },
	{ "all protocols do", 4,
	  { { HOST(2), 0, ANY } }, { { HOST(1), TCP, 1, 50 } }, { { TCP, 2, 20, 10 } }, 15, 0,
	  "2-2/1/0-65535 2-2/6/0-9 2-2/6/11-65535 2-2/17/0-65535 2-2/132/0-65535",
	  "1-1/6/1-50", "port" },
	{ "wider is addresses times ports", 6,
	  { { 2, 3, UDP, 1, 10 } }, { { HOST(1), UDP, 1, 30 } }, { { UDP, 2, 5, 6 } }, 15, 0,
	  "2-3/17/1-10", "1-1/17/1-4 1-1/17/6-30", "port" },
	{ "of more addresses", 4,
	  { { 2, 3, UDP, 1, 16 } }, { { HOST(1), UDP, 1, 30 } }, { { UDP, 2, 9, 6 } }, 15, 0,
	  "2-2/17/1-5 2-2/17/7-16 3-3/17/1-16", "1-1/17/1-30", "port" },
	{ "of more ports", 4,
	  { { 2, 3, UDP, 1, 5 } }, { { HOST(1), UDP, 1, 11 } }, { { UDP, 2, 3, 4 } }, 15, 0,
	  "2-3/17/1-5", "1-1/17/1-2 1-1/17/4-11", "port" },
	{ "and by one port", 4,
	  { { HOST(2), UDP, 1, 11 } }, { { HOST(1), UDP, 1, 10 } }, { { UDP, 2, 9, 6 } }, 15, 0,
	  "2-2/17/1-5 2-2/17/7-11", "1-1/17/1-10", "port" },
	{ "not even the proposal fits: the first selectors", 4,
	  { { HOST(7), UDP, 53, 53 }, { HOST(2), TCP, ANY } },
	  { { HOST(1), UDP, 9, 9 }, { HOST(1), TCP, 5, 5 } },
	  { { TCP, 2, 5, 32800 } }, 1, 0, "7-7/17/53-53", "1-1/17/9-9", "first" },
	{ "no room for what is left, and the first is the latch's", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, 5, 6 } },
	  { { TCP, 2, 5, 5 }, { TCP, 2, 6, 6 } }, 1, PL_E_TOO_MANY, NULL, NULL, NULL },
	{ "does not fit, and all is of one service: a range goes", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, 80, 80 } },
	  { { TCP, 2, 80, 32810 }, { TCP, 2, 80, 32800 }, { TCP, 2, 80, 32820 } }, 3, 0,
	  "2-2/6/0-32799 2-2/6/32821-65535", "1-1/6/80-80", "range" },
	{ "two protocols are left that have nobody at the other end", 4,
	  { { HOST(2), TCP, 5, 5 } }, { { HOST(1), TCP, 5, 5 }, { HOST(1), UDP, 5, 5 } },
	  { { TCP, 2, 5, 5 } }, 15, PL_E_CONFLICT, NULL, NULL, NULL },
	{ "a choice sees what is left: one is cut here, the other there", 4,
	  { { HOST(2), TCP, 1, 2 } }, { { HOST(1), TCP, 1, 2 } },
	  { { TCP, 2, 1, 1 }, { TCP, 2, 2, 2 } }, 15, 0, "2-2/6/2-2", "1-1/6/1-1", "port" },
	{ "every port is of some latch, and yet one pair is free", 4,
	  { { HOST(2), TCP, 1, 2 } }, { { HOST(1), TCP, 1, 3 } },
	  { { TCP, 2, 1, 1 }, { TCP, 2, 2, 2 }, { TCP, 2, 2, 1 }, { TCP, 2, 3, 1 } },
	  15, 0, "2-2/6/2-2", "1-1/6/1-1 1-1/6/3-3", "port" },
	{ "no latch of that peer: as proposed", 4,
	  { { HOST(2), TCP, ANY } }, { { HOST(1), TCP, ANY } }, { { TCP, 3, 80, 32800 } },
	  15, 0, "2-2/6/0-65535", "1-1/6/0-65535", "port" },
};

static void list_of(uint8_t af, const struct ends ends[4], struct pl_ts_list *ret)
{
	ret->len = 0;
	while (ret->len < 4 && ends[ret->len].hi != 0) {
		ret->list[ret->len] = ts_of(af, &ends[ret->len]);
		ret->len++;
	}
}

static void check_one(const struct asked *a)
{
	struct pl_ts_list tsi, tsr;
	struct pl_ts_narrowed got;
	struct pl_tuple flows[4];
	unsigned nr = 0;
	char text[2][1024];
	int r;

	list_of(a->af, a->tsi, &tsi);
	list_of(a->af, a->tsr, &tsr);
	while (nr < 4 && a->flows[nr].proto != 0) {
		flows[nr] = flow(a->af, a->flows[nr].proto, a->flows[nr].local_port,
				 a->flows[nr].remote, a->flows[nr].remote_port);
		nr++;
	}
	r = pl_ts_narrow(PL_ROLE_RESPONDER, &tsi, &tsr, flows, nr, a->limit, &got);
	if (r != a->r)
		fail_msg("%s: %d", a->why, r);
	if (r != 0)
		return;
	list_text(&got.tsi, text[0], sizeof(text[0]));
	list_text(&got.tsr, text[1], sizeof(text[1]));
	if (strcmp(text[0], a->tsi_text) != 0 || strcmp(text[1], a->tsr_text) != 0 ||
	    strcmp(pl_ts_grain_name(got.grain), a->grain) != 0)
		fail_msg("%s: %s > %s (%s)", a->why, text[0], text[1],
			 pl_ts_grain_name(got.grain));
}

static void what_is_asked_for_is_cut_where_least_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZE(asked); i++)
		check_one(&asked[i]);
}

static void what_cannot_be_narrowed_has_a_name(void **state)
{
	static struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX + 1];
	const struct ends host = { HOST(2), TCP, ANY };
	struct pl_ts_list one = { .len = 1 }, none = { .len = 0 }, bad, many;
	struct pl_ts_narrowed got, untouched;

	(void)state;
	memset(&got, 0x55, sizeof(got));
	untouched = got;
	one.list[0] = ts_of(PL_AF_IP4, &host);
	bad = one;
	bad.list[0].lo[3]++;
	many = one;
	many.len = PL_TS_MAX + 1;
	assert_int_equal(pl_ts_narrow(PL_ROLE_NONE, &one, &one, flows, 0, 15, &got),
			 PL_E_MALFORMED);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &none, &one, flows, 0, 15, &got),
			 PL_E_MALFORMED);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &one, &none, flows, 0, 15, &got),
			 PL_E_MALFORMED);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &bad, &one, flows, 0, 15, &got),
			 PL_E_MALFORMED);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &one, &many, flows, 0, 15, &got),
			 PL_E_MALFORMED);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &one, &one, flows, 0, 0, &got),
			 PL_E_MALFORMED);
	for (size_t i = 0; i < SIZE(flows); i++)
		flows[i] = flow(PL_AF_IP4, TCP, 80, 3, (uint16_t)(i + 1));
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &one, &one, flows, SIZE(flows), 15, &got),
			 PL_E_TOO_MANY);
	assert_memory_equal(&got, &untouched, sizeof(got));
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &one, &one, flows, SIZE(flows) - 1, 15,
				      &got), 0);
	assert_string_equal(pl_ts_grain_name(PL_TS_GRAIN_ROOF), "none");
	assert_string_equal(pl_ts_grain_name(PL_TS_GRAIN_NONE), "none");
}

/* Of IPv6, what is wider than all of IPv4 is as wide as any other such: the ports decide. */
static void wide_is_wide(void **state)
{
	static const uint8_t bits[] = { 32, 64, 95, 96 };
	struct pl_tuple latched = flow(PL_AF_IP6, TCP, 32800, 2, 80);
	struct pl_ts_list tsi = { .len = 1 }, tsr = { .len = 1 };

	(void)state;
	tsi.list[0] = (struct pl_ts) { .af = PL_AF_IP6, .proto = TCP, .hi_port = 65535 };
	memset(tsi.list[0].hi, 0xff, 16);
	for (size_t i = 0; i < SIZE(bits); i++) {
		struct pl_ts_narrowed got;

		tsr.list[0] = tsi.list[0];
		memcpy(tsr.list[0].lo, latched.local, 16);
		tsr.list[0].lo[15] = 0;
		memcpy(tsr.list[0].hi, tsr.list[0].lo, 16);
		for (unsigned b = bits[i]; b < 128; b++)
			tsr.list[0].hi[b / 8] |= (uint8_t)(0x80 >> b % 8);
		assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &tsi, &tsr, &latched, 1, 15, &got),
				 0);
		assert_int_equal(got.cut_tsr, 1);
		assert_int_equal(got.cut_tsi, 0);
	}
	/* half of IPv4 is less */
	tsr.list[0].hi[12] = 0x7f;
	for (unsigned turn = 0; turn < 2; turn++) {
		struct pl_ts_narrowed got;

		assert_int_equal(pl_ts_narrow(turn == 0 ? PL_ROLE_RESPONDER : PL_ROLE_INITIATOR,
					      turn == 0 ? &tsi : &tsr, turn == 0 ? &tsr : &tsi,
					      &latched, 1, 15, &got), 0);
		assert_int_equal(got.cut_tsi, turn == 0 ? 1 : 0);
	}
}

/* A thousand connections of one client to us, and somebody else in its place asks for all. */
static void many_connections_of_one_host_leave_what_is_not_theirs(void **state)
{
	static struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX];
	const struct ends theirs = { HOST(2), 0, ANY }, ours = { HOST(1), 0, ANY };
	struct pl_ts_list tsi = { .len = 1 }, tsr = { .len = 1 };
	struct pl_ts_narrowed got;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < SIZE(flows); i++)
		flows[i] = flow(PL_AF_IP4, TCP, 4000, 2, (uint16_t)(32000 + 3 * i));
	tsi.list[0] = ts_of(PL_AF_IP4, &theirs);
	tsr.list[0] = ts_of(PL_AF_IP4, &ours);
	assert_int_equal(pl_ts_narrow(PL_ROLE_RESPONDER, &tsi, &tsr, flows, SIZE(flows), 15, &got),
			 0);
	list_text(&got.tsr, text, sizeof(text));
	assert_string_equal(text, "1-1/1/0-65535 1-1/6/0-3999 1-1/6/4001-65535 1-1/17/0-65535 "
				  "1-1/132/0-65535");
	list_text(&got.tsi, text, sizeof(text));
	assert_string_equal(text, "2-2/0/0-65535");
	assert_int_equal(got.cut_tsr, SIZE(flows));
	assert_int_equal(got.cut_tsi, 0);
	/* and when it is we who ask */
	assert_int_equal(pl_ts_narrow(PL_ROLE_INITIATOR, &tsr, &tsi, flows, SIZE(flows), 15, &got),
			 0);
	assert_int_equal(got.grain, PL_TS_GRAIN_PORT);
	assert_int_equal(got.cut_tsr, 0);
	assert_int_equal(got.cut_tsi, SIZE(flows));
}

/* The world: addresses .1 to .5, ours as well as theirs. */

enum { ADDRESSES = 5, ROUNDS = 2000, FLOWS = 8 };

static const int ports[] = { -1, 0, 1, 2, 3, 4, 300, 65535 };
static const uint16_t latched[] = { 1, 2, 3, 300 };
static const uint8_t protos[] = { ICMP, TCP, UDP, 200 };

struct point {
	uint8_t addr[16];
	uint8_t proto;
	int port;
};

#define POINTS (ADDRESSES * SIZE(protos) * SIZE(ports))

struct round {
	unsigned dice;
	uint8_t af;
	enum pl_role role;
	unsigned limit;
	struct pl_ts_list side[2];	/* TSi, TSr */
	struct pl_tuple flows[FLOWS];
	unsigned nr;
	struct point points[POINTS];
};

static unsigned roll(struct round *round, unsigned sides)
{
	return (unsigned)rand_r(&round->dice) / 7 % sides;
}

static struct pl_ts some(struct round *round)
{
	static const uint16_t ranges[][2] = {
		{ 0, 65535 }, { 0, 65535 }, { 65535, 0 }, { 1, 1 }, { 2, 2 }, { 1, 2 }, { 2, 3 },
		{ 1, 65535 },
	};
	unsigned lo = roll(round, ADDRESSES), hi = lo + roll(round, ADDRESSES - lo);
	uint8_t proto = roll(round, 3) == 0 ? 0 : protos[1 + roll(round, 2)];
	unsigned range = proto == 0 ? 0 : roll(round, SIZE(ranges));
	struct ends ends = {
		(uint8_t)(lo + 1), (uint8_t)(hi + 1), proto, ranges[range][0], ranges[range][1],
	};

	return ts_of(round->af, &ends);
}

static void begin(struct round *round)
{
	round->af = roll(round, 2) == 0 ? PL_AF_IP4 : PL_AF_IP6;
	round->role = roll(round, 4) == 0 ? PL_ROLE_INITIATOR : PL_ROLE_RESPONDER;
	round->limit = roll(round, 2) == 0 ? PL_TS_MAX : 1 + roll(round, 15);
	for (unsigned s = 0; s < 2; s++) {
		round->side[s].len = 1 + roll(round, 4);
		for (unsigned i = 0; i < round->side[s].len; i++)
			round->side[s].list[i] = some(round);
	}
	round->nr = roll(round, FLOWS + 1);
	for (unsigned i = 0; i < round->nr; i++) {
		struct pl_tuple *tuple = &round->flows[i];

		*tuple = flow(round->af, protos[1 + roll(round, 2)],
			      latched[roll(round, SIZE(latched))],
			      (uint8_t)(1 + roll(round, ADDRESSES)),
			      latched[roll(round, SIZE(latched))]);
		fill(round->af, (uint8_t)(1 + roll(round, ADDRESSES)), tuple->local);
	}
	for (unsigned i = 0; i < POINTS; i++) {
		round->points[i].proto = protos[i / SIZE(ports) % SIZE(protos)];
		if (round->points[i].proto == ICMP && round->af == PL_AF_IP6)
			round->points[i].proto = ICMPV6;
		round->points[i].port = ports[i % SIZE(ports)];
		fill(round->af, (uint8_t)(1 + i / SIZE(ports) / SIZE(protos)),
		     round->points[i].addr);
	}
}

static bool has(const struct pl_ts_list *list, const struct point *point)
{
	for (unsigned i = 0; i < list->len; i++) {
		const struct pl_ts *ts = &list->list[i];

		if (memcmp(point->addr, ts->lo, 16) < 0 || memcmp(point->addr, ts->hi, 16) > 0 ||
		    (ts->proto != 0 && ts->proto != point->proto))
			continue;
		if (ts->lo_port == 0 && ts->hi_port == 65535)
			return true;
		if (ts->lo_port == 65535 && ts->hi_port == 0 ? point->port == -1 :
		    point->port >= ts->lo_port && point->port <= ts->hi_port)
			return true;
	}
	return false;
}

/* May a packet of the flow have this end? @side: 0 is TSi. */
static bool is_end(const struct round *round, const struct pl_tuple *flow, unsigned side,
		   const struct point *point)
{
	bool is_local = (round->role == PL_ROLE_INITIATOR) == (side == 0);
	uint16_t port = is_local ? flow->local_port : flow->remote_port;

	return point->proto == flow->proto && (point->port == -1 || point->port == port) &&
	       memcmp(point->addr, is_local ? flow->local : flow->remote, 16) == 0;
}

static bool touches(const struct round *round, const struct pl_tuple *flow, unsigned side,
		    const struct pl_ts_list *list)
{
	for (unsigned i = 0; i < POINTS; i++) {
		if (is_end(round, flow, side, &round->points[i]) && has(list, &round->points[i]))
			return true;
	}
	return false;
}

static bool conflicts(const struct round *round, const struct pl_ts_list side[2])
{
	for (unsigned f = 0; f < round->nr; f++) {
		if (touches(round, &round->flows[f], 0, &side[0]) &&
		    touches(round, &round->flows[f], 1, &side[1]))
			return true;
	}
	return false;
}

/* The first selectors, where a packet can be of both and is no latch's. */
static bool first(const struct round *round, struct pl_ts_list ret[2])
{
	for (unsigned s = 0; s < 2; s++) {
		ret[s].len = 1;
		ret[s].list[0] = round->side[s].list[0];
	}
	if (ret[0].list[0].proto != 0 && ret[1].list[0].proto != 0 &&
	    ret[0].list[0].proto != ret[1].list[0].proto)
		return false;
	return !conflicts(round, ret);
}

/* Is there one pair of ends of one protocol in the proposal that is no latch's? */
static bool leaves_something(const struct round *round)
{
	for (unsigned a = 0; a < POINTS; a++) {
		const struct point *i = &round->points[a];

		for (unsigned b = 0; b < POINTS && has(&round->side[0], i); b++) {
			const struct point *r = &round->points[b];
			bool is_free = i->proto == r->proto && has(&round->side[1], r);

			for (unsigned f = 0; f < round->nr && is_free; f++)
				is_free = !is_end(round, &round->flows[f], 0, i) ||
					  !is_end(round, &round->flows[f], 1, r);
			if (is_free)
				return true;
		}
	}
	return false;
}

/* Whatever is missing at one side is an end of a latch whose other end is there. Of a protocol that
 * nobody names, it is enough that the address is such an end's.
 */
static void is_maximal(const struct round *round, const struct pl_ts_list got[2])
{
	for (unsigned i = 0; i < 2 * POINTS; i++) {
		unsigned side = i % 2;
		const struct point *point = &round->points[i / 2];
		bool is_needed = false;

		if (!has(&round->side[side], point) || has(&got[side], point))
			continue;
		for (unsigned f = 0; f < round->nr && !is_needed; f++) {
			struct point at = *point;

			if (point->proto == 200) {
				at.proto = round->flows[f].proto;
				at.port = -1;
			}
			is_needed = is_end(round, &round->flows[f], side, &at) &&
				    touches(round, &round->flows[f], 1 - side, &got[1 - side]);
		}
		if (!is_needed)
			fail_msg("side %u lacks %u/%d", side, point->proto, point->port);
	}
}

static void is_right(const struct round *round, const struct pl_ts_narrowed *narrowed)
{
	const struct pl_ts_list got[2] = { narrowed->tsi, narrowed->tsr };
	struct pl_ts_list begin[2];

	for (unsigned s = 0; s < 2; s++) {
		assert_in_range(got[s].len, 1, round->limit);
		assert_true(pl_selector_contains(&round->side[s], &got[s]));
		for (unsigned i = 0; i < POINTS; i++)
			assert_true(!has(&got[s], &round->points[i]) ||
				    has(&round->side[s], &round->points[i]));
	}
	assert_false(conflicts(round, got));
	for (unsigned f = 0; f < round->nr; f++)
		assert_false(pl_tuple_is_touched(&round->flows[f], round->role, &got[0], &got[1]));
	if (first(round, begin)) {
		assert_true(pl_selector_contains(&got[0], &begin[0]));
		assert_true(pl_selector_contains(&got[1], &begin[1]));
	}
	if (narrowed->grain == PL_TS_GRAIN_PORT)
		is_maximal(round, got);
}

static void the_rest_is_within_free_of_latches_maximal_and_has_the_first(void **state)
{
	struct round round = { .dice = 2009 };
	unsigned count[PL_TS_GRAIN_ROOF] = { 0 }, empty = 0;

	(void)state;
	print_message("seed %u\n", round.dice);
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct pl_ts_narrowed got, again;
		struct pl_ts_list begin_of[2];
		int r;

		begin(&round);
		memset(&got, 0x55, sizeof(got));
		memset(&again, 0xaa, sizeof(again));
		r = pl_ts_narrow(round.role, &round.side[0], &round.side[1], round.flows, round.nr,
				 round.limit, &got);
		assert_int_equal(pl_ts_narrow(round.role, &round.side[0], &round.side[1],
					      round.flows, round.nr, round.limit, &again), r);
		/* an empty answer is said only where there is none; too many, only with a limit */
		if (r == PL_E_CONFLICT)
			assert_false(leaves_something(&round));
		if (r == PL_E_TOO_MANY)
			assert_true(round.limit < PL_TS_MAX);
		if (r != 0) {
			assert_false(first(&round, begin_of));
			assert_int_equal(got.grain, 0x55555555);
			empty++;
			continue;
		}
		assert_memory_equal(&got, &again, sizeof(got));
		count[got.grain]++;
		is_right(&round, &got);
	}
	assert_in_range(empty, ROUNDS / 100, ROUNDS / 4);
	for (unsigned g = PL_TS_GRAIN_PORT; g < PL_TS_GRAIN_ROOF; g++) {
		print_message("%s: %u\n", pl_ts_grain_name(g), count[g]);
		assert_true(count[g] > 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_cut_where_least_is_lost),
		cmocka_unit_test(what_cannot_be_narrowed_has_a_name),
		cmocka_unit_test(wide_is_wide),
		cmocka_unit_test(many_connections_of_one_host_leave_what_is_not_theirs),
		cmocka_unit_test(the_rest_is_within_free_of_latches_maximal_and_has_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
