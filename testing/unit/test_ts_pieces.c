/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Ranges as policies of the kernel: by a table, and at random against counting: each packet of a
 * small world is in exactly as many pieces as it should be, one or none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_ts_pieces.h"
#include "core/pl_tuple.h"

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { ANY = 0, ICMP = 1, TCP = PL_TUPLE_TCP, UDP = PL_TUPLE_UDP, LAST = 65535 };

struct spec {
	uint8_t lo, hi, proto;
	uint16_t lo_port, hi_port;
};

static struct pl_ts ts_of(uint8_t af, const struct spec *spec)
{
	struct pl_ts ts = {
		.af = af, .proto = spec->proto, .lo_port = spec->lo_port, .hi_port = spec->hi_port,
	};

	ts.lo[0] = ts.hi[0] = af == PL_AF_IP4 ? 192 : 0x20;
	ts.lo[pl_ts_size(af) - 1] = spec->lo;
	ts.hi[pl_ts_size(af) - 1] = spec->hi;
	return ts;
}

static struct pl_ts_list list_of(uint8_t af, const struct spec *specs, unsigned nr)
{
	struct pl_ts_list list = { .len = nr };

	for (unsigned i = 0; i < nr; i++)
		list.list[i] = ts_of(af, &specs[i]);
	return list;
}

static struct pl_ts_piece pieces[PL_TS_PIECES_MAX];

static void ranges_become_the_fewest_blocks(void **state)
{
	static const struct {
		const char *why;
		struct spec local, remote;
		int want;
		unsigned nr;
	} t[] = {
		{ "a pair that pluto can say", { 2, 2, TCP, 4000, 4000 }, { 1, 1, TCP, 0, LAST },
		  0, 1 },
		{ "below a port", { 2, 2, TCP, 0, 3999 }, { 1, 1, TCP, 0, LAST }, 0, 6 },
		{ "above it", { 2, 2, TCP, 4001, LAST }, { 1, 1, TCP, 0, LAST }, 0, 10 },
		{ "all but the first", { 2, 2, TCP, 1, LAST }, { 1, 1, TCP, 0, LAST }, 0, 16 },
		{ "all but the last", { 2, 2, TCP, 0, 65534 }, { 1, 1, TCP, 0, LAST }, 0, 16 },
		{ "an aligned block", { 2, 2, TCP, 0x4000, 0x7fff }, { 1, 1, TCP, 0, LAST }, 0, 1 },
		{ "the last port", { 2, 2, TCP, LAST, LAST }, { 1, 1, TCP, 0, LAST }, 0, 1 },
		{ "port 0", { 2, 2, TCP, 0, 0 }, { 1, 1, TCP, 0, LAST }, 0, 1 },
		{ "addresses", { 1, 6, ANY, 0, LAST }, { 1, 1, ANY, 0, LAST }, 0, 4 },
		{ "all of the last byte", { 0, 255, ANY, 0, LAST }, { 1, 1, ANY, 0, LAST }, 0, 1 },
		{ "both ends", { 2, 2, TCP, 1, LAST }, { 1, 1, TCP, 0, 65534 }, 0, 256 },
		{ "and more than that", { 2, 4, TCP, 1, LAST }, { 1, 1, TCP, 0, 65534 },
		  PL_E_TOO_MANY, 0 },
		{ "the protocol of one end", { 2, 2, ANY, 0, LAST }, { 1, 1, UDP, 53, 53 }, 0, 1 },
		{ "two protocols", { 2, 2, TCP, 0, LAST }, { 1, 1, UDP, 0, LAST },
		  PL_E_CONFLICT, 0 },
		{ "fragments", { 2, 2, TCP, LAST, 0 }, { 1, 1, TCP, 0, LAST },
		  PL_E_UNSUPPORTED, 0 },
		{ "types of ICMP", { 2, 2, ICMP, 0x800, 0x8ff }, { 1, 1, ICMP, 0, LAST },
		  PL_E_UNSUPPORTED, 0 },
		{ "ports of 256 protocols", { 2, 2, ANY, 1, 1 }, { 1, 1, ANY, 0, LAST },
		  PL_E_TOO_MANY, 0 },
		{ "upside down", { 3, 2, TCP, 1, 1 }, { 1, 1, TCP, 0, LAST }, PL_E_MALFORMED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * SIZE(t); i++) {
		uint8_t af = i % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6;
		struct pl_ts_list local = list_of(af, &t[i / 2].local, 1);
		struct pl_ts_list remote = list_of(af, &t[i / 2].remote, 1);
		unsigned nr = 77;
		int r = pl_ts_pieces(&local, &remote, PL_TS_PIECES_MAX, pieces, &nr);

		if (r != t[i / 2].want || nr != (r == 0 ? t[i / 2].nr : 77))
			fail_msg("%s, IPv%u: %d, %u pieces", t[i / 2].why, af, r, nr);
		/* the limit is the last that fits */
		if (r == 0) {
			assert_int_equal(pl_ts_pieces(&local, &remote, nr, pieces, &nr), 0);
			assert_int_equal(pl_ts_pieces(&local, &remote, nr - 1, pieces, &nr),
					 PL_E_TOO_MANY);
		}
	}
}

static void families_do_not_mix(void **state)
{
	static const struct spec spec = { 1, 1, TCP, 0, LAST };
	struct pl_ts_list four = list_of(PL_AF_IP4, &spec, 1), six = list_of(PL_AF_IP6, &spec, 1);
	struct pl_ts_list both = { .len = 2, .list = { four.list[0], six.list[0] } };
	unsigned nr;

	(void)state;
	assert_int_equal(pl_ts_pieces(&four, &six, 4, pieces, &nr), PL_E_CONFLICT);
	assert_int_equal(pl_ts_pieces(&both, &six, 4, pieces, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(pieces[0].local.af, PL_AF_IP6);
}

/* Of the lists, or of a piece: is this packet in it? */
static bool has(const struct pl_ts *ts, uint8_t address, uint8_t proto, uint16_t port)
{
	size_t last = pl_ts_size(ts->af) - 1;

	return ts->lo[last] <= address && address <= ts->hi[last] &&
	       (ts->proto == 0 || ts->proto == proto) && ts->lo_port <= port && port <= ts->hi_port;
}

static bool list_has(const struct pl_ts_list *list, uint8_t address, uint8_t proto, uint16_t port)
{
	for (unsigned i = 0; i < list->len; i++) {
		if (has(&list->list[i], address, proto, port))
			return true;
	}
	return false;
}

static struct pl_ts_list random_list(void)
{
	static const uint16_t ports[] = { 0, 1, 2, 7, 8, 4000, 32767, 32768, 65534, LAST };
	struct pl_ts_list list = { .len = 1 + (unsigned)rand() % 3 };

	for (unsigned i = 0; i < list.len; i++) {
		unsigned a = (unsigned)rand() % 8, b = a + (unsigned)rand() % (8 - a);
		unsigned p = (unsigned)rand() % SIZE(ports);
		struct spec spec = { (uint8_t)a, (uint8_t)b, rand() % 3 ? TCP : UDP, ports[p],
				     ports[p + (unsigned)rand() % (SIZE(ports) - p)] };

		if (rand() % 4 == 0)
			spec = (struct spec) { (uint8_t)a, (uint8_t)b, ANY, 0, LAST };
		list.list[i] = ts_of(PL_AF_IP4, &spec);
	}
	return list;
}

static void check_packet(const struct pl_ts_list *local, const struct pl_ts_list *remote,
			 unsigned nr)
{
	static const uint16_t ports[] = { 0, 1, 2, 3, 7, 8, 9, 4000, 32768, 65534, LAST };
	uint8_t from = (uint8_t)(rand() % 9), to = (uint8_t)(rand() % 9);
	uint8_t proto = rand() % 2 ? TCP : UDP;
	uint16_t sport = ports[(unsigned)rand() % SIZE(ports)];
	uint16_t dport = ports[(unsigned)rand() % SIZE(ports)];
	unsigned want = list_has(local, from, proto, sport) && list_has(remote, to, proto, dport);
	unsigned got = 0;

	for (unsigned i = 0; i < nr; i++)
		got += has(&pieces[i].local, from, proto, sport) &&
		       has(&pieces[i].remote, to, proto, dport);
	assert_int_equal(got, want);
}

static void pieces_are_disjoint_and_exact(void **state)
{
	unsigned nr_done = 0;

	(void)state;
	srand(5660);
	for (unsigned i = 0; i < 3000; i++) {
		struct pl_ts_list local = random_list(), remote = random_list();
		uint16_t mask;
		unsigned nr;

		if (pl_ts_pieces(&local, &remote, PL_TS_PIECES_MAX, pieces, &nr) != 0)
			continue;
		nr_done++;
		for (unsigned p = 0; p < nr; p++) {
			assert_int_equal(pieces[p].local.proto, pieces[p].remote.proto);
			assert_true(pl_ts_port_mask(&pieces[p].local, &mask));
			assert_true(pl_ts_port_mask(&pieces[p].remote, &mask));
		}
		for (unsigned p = 0; p < 50; p++)
			check_packet(&local, &remote, nr);
	}
	assert_in_range(nr_done, 1000, 3000);
}

static void a_mask_is_of_a_block_alone(void **state)
{
	static const struct {
		uint16_t lo, hi;
		bool is_block;
		uint16_t mask;
	} t[] = {
		{ 0, LAST, true, 0 }, { 80, 80, true, 0xffff }, { 0, 0, true, 0xffff },
		{ 80, 81, true, 0xfffe }, { 81, 82, false, 0 }, { 1024, 2047, true, 0xfc00 },
		{ 1024, 2046, false, 0 }, { 512, 1535, false, 0 }, { LAST, 0, false, 0 },
		{ 32768, LAST, true, 0x8000 },
	};

	(void)state;
	for (size_t i = 0; i < SIZE(t); i++) {
		struct pl_ts ts = { .lo_port = t[i].lo, .hi_port = t[i].hi };
		uint16_t mask = 0x1234;

		assert_int_equal(pl_ts_port_mask(&ts, &mask), t[i].is_block);
		assert_int_equal(mask, t[i].is_block ? t[i].mask : 0x1234);
	}
}

/* What one SA of transport mode can enclose. */
static void ports_are_cut_within_the_same_addresses_and_hosts_are_not(void **state)
{
	static const struct {
		const char *why;
		uint8_t hi_cut, hi_remote;
		bool want;
	} t[] = {
		{ "two hosts, without a port", 1, 1, true },
		{ "a subnet, without a port of each", 7, 7, true },
		{ "a subnet, without a port of one host", 0, 7, false },
	};
	const struct spec local = { 2, 2, TCP, 0, LAST };

	(void)state;
	for (unsigned i = 0; i < SIZE(t); i++) {
		const struct spec remote[] = {
			{ (uint8_t)(t[i].hi_cut == 1), t[i].hi_cut, TCP, 0, 4095 },
			{ (uint8_t)(t[i].hi_remote == 1), t[i].hi_remote, TCP, 8192, LAST },
		};
		struct pl_ts_list here = list_of(PL_AF_IP4, &local, 1);
		struct pl_ts_list there = list_of(PL_AF_IP4, remote, 2);
		unsigned nr;

		assert_int_equal(pl_ts_pieces(&here, &there, PL_TS_PIECES_MAX, pieces, &nr), 0);
		assert_true(nr > 1);
		if (pl_ts_pieces_share_addresses(pieces, nr) != t[i].want)
			fail_msg("%s", t[i].why);
		assert_true(pl_ts_pieces_share_addresses(pieces, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_become_the_fewest_blocks),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(pieces_are_disjoint_and_exact),
		cmocka_unit_test(ports_are_cut_within_the_same_addresses_and_hosts_are_not),
		cmocka_unit_test(a_mask_is_of_a_block_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
