/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Containment of selectors: by a table, and against a naive model that walks every packet of a tiny
 * world (4 addresses, 3 protocols, 4 ports and "port not visible").
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_ts.h"

static struct pl_ts ip4(uint8_t proto, uint8_t lo, uint8_t hi, uint16_t lo_port, uint16_t hi_port)
{
	return (struct pl_ts) {
		.af = PL_AF_IP4, .proto = proto, .lo_port = lo_port, .hi_port = hi_port,
		.lo = { 10, 0, 0, lo }, .hi = { 10, 0, 0, hi },
	};
}

static void containment_follows_the_rfc(void **state)
{
	const struct pl_ts any = ip4(0, 0, 255, 0, 65535), tcp = ip4(6, 0, 255, 0, 65535),
			   web = ip4(6, 5, 5, 80, 80), opaque = ip4(6, 5, 5, 65535, 0),
			   upper = ip4(6, 5, 5, 1024, 65535), last = ip4(6, 5, 5, 65535, 65535),
			   first = ip4(6, 5, 5, 0, 0), any_proto_web = ip4(0, 5, 5, 80, 80),
			   upside = ip4(6, 5, 5, 2, 1), reversed = ip4(6, 6, 5, 0, 65535);
	struct pl_ts six = { .af = PL_AF_IP6, .hi_port = 65535 };
	const struct {
		const char *why;
		const struct pl_ts *inner, *outer;
		bool want;
	} t[] = {
		{ "itself", &web, &web, true },
		{ "a port in its protocol", &web, &tcp, true },
		{ "a protocol in any", &tcp, &any, true },
		{ "any is not in a protocol", &any, &tcp, false },
		{ "any protocol's port is not in one protocol", &any_proto_web, &web, false },
		{ "the wide is not in the narrow", &tcp, &web, false },
		{ "edge: last port in a range that ends there", &last, &upper, true },
		{ "edge: port zero is no any", &tcp, &first, false },
		{ "edge: port zero in any", &first, &tcp, true },
		{ "opaque in any", &opaque, &tcp, true },
		{ "opaque in itself", &opaque, &opaque, true },
		{ "opaque in a number", &opaque, &upper, false },
		{ "a number in opaque", &web, &opaque, false },
		{ "any in opaque", &tcp, &opaque, false },
		{ "another family", &six, &any, false },
		{ "invalid ports", &upside, &any, false },
		{ "in invalid ports", &web, &upside, false },
		{ "invalid addresses", &reversed, &any, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (pl_ts_is_within(t[i].inner, t[i].outer) != t[i].want)
			fail_msg("%s", t[i].why);
}

/* Does the selector hold the packet? port -1: not visible. */
static bool has(const struct pl_ts *ts, uint8_t address, uint8_t proto, int port)
{
	if (address < ts->lo[3] || address > ts->hi[3])
		return false;
	if (ts->proto != 0 && ts->proto != proto)
		return false;
	if (ts->lo_port == 0 && ts->hi_port == 65535)
		return true;
	if (ts->lo_port == 65535 && ts->hi_port == 0)
		return port == -1;
	return port >= ts->lo_port && port <= ts->hi_port;
}

static struct pl_ts tiny(unsigned *dice)
{
	static const uint16_t ports[][2] = {
		{ 0, 65535 }, { 65535, 0 }, { 0, 0 }, { 0, 1 }, { 1, 1 }, { 1, 65535 },
		{ 65534, 65535 }, { 65535, 65535 }, { 0, 65534 },
	};
	unsigned pick = (unsigned)rand_r(dice);
	uint8_t lo = pick & 3, hi = pick >> 2 & 3;
	unsigned p = (pick >> 8) % (sizeof(ports) / sizeof(ports[0]));

	return ip4((uint8_t)((pick >> 4) % 3), lo < hi ? lo : hi, lo < hi ? hi : lo,
		   ports[p][0], ports[p][1]);
}

static void containment_is_that_of_the_packets(void **state)
{
	static const int ports[] = { -1, 0, 1, 2, 65534, 65535 };
	unsigned dice = 5660;

	(void)state;
	print_message("seed %u\n", dice);
	for (unsigned n = 0; n < 20000; n++) {
		struct pl_ts a = tiny(&dice), b = tiny(&dice);
		bool all = true;

		for (uint8_t address = 0; address < 4; address++)
			for (uint8_t proto = 1; proto < 4; proto++)
				for (unsigned p = 0; p < sizeof(ports) / sizeof(ports[0]); p++)
					if (has(&a, address, proto, ports[p]) &&
					    !has(&b, address, proto, ports[p]))
						all = false;
		if (pl_ts_is_within(&a, &b) != all)
			fail_msg("pair %u: expected %d", n, all);
	}
}

static void a_list_covers_what_one_of_its_entries_holds(void **state)
{
	struct pl_ts_list outer = { .len = 2 }, inner = { .len = 0 };

	(void)state;
	outer.list[0] = ip4(6, 0, 10, 0, 65535);
	outer.list[1] = ip4(17, 0, 10, 53, 53);
	assert_false(pl_ts_list_covers(&outer, &inner));
	inner.len = 2;
	inner.list[0] = ip4(17, 3, 3, 53, 53);
	inner.list[1] = ip4(6, 3, 3, 80, 80);
	assert_true(pl_ts_list_covers(&outer, &inner));
	inner.list[1] = ip4(6, 3, 11, 80, 80);
	assert_false(pl_ts_list_covers(&outer, &inner));
}

static void equality_looks_at_every_field(void **state)
{
	const struct pl_ts base = ip4(6, 1, 2, 3, 4);
	struct pl_ts t[] = { base, base, base, base, base };

	(void)state;
	t[0].proto++;
	t[1].lo[3]--;
	t[2].hi[3]++;
	t[3].lo_port--;
	t[4].hi_port++;
	assert_true(pl_ts_is_equal(&base, &base));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_false(pl_ts_is_equal(&base, &t[i]));
}

static void text_names_ranges(void **state)
{
	struct pl_ts six = { .af = PL_AF_IP6, .proto = 132, .lo_port = 1, .hi_port = 9,
			     .lo = { 0x20, 1, 0x0d, 0xb8 },
			     .hi = { 0x20, 1, 0x0d, 0xb8, [15] = 5 } };
	struct pl_ts none = { .af = PL_AF_NONE };
	char text[PL_TS_TEXT_MAX];

	(void)state;
	assert_string_equal(pl_ts_text(&six, text), "2001:db8::-2001:db8::5/132/1-9");
	assert_string_equal(pl_ts_text(&none, text), "none");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(containment_follows_the_rfc),
		cmocka_unit_test(containment_is_that_of_the_packets),
		cmocka_unit_test(a_list_covers_what_one_of_its_entries_holds),
		cmocka_unit_test(equality_looks_at_every_field),
		cmocka_unit_test(text_names_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
