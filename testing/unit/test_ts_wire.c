/* SPDX-License-Identifier: GPL-2.0-or-later */

/* TS payloads: what is on the wire is what we hold, and no bytes whatsoever make the parser read
 * behind its input. Each random payload lies in a heap block of its exact size, so that the
 * sanitizer sees one byte too many.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/pl_ts_wire.h"

static uint64_t seed;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 32);
}

static void random_begins(const char *what)
{
	const char *wanted = getenv("PL_SEED");

	seed = wanted != NULL ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	print_message("%s: PL_SEED=%llu\n", what, (unsigned long long)seed);
}

static int parse_bytes(const uint8_t *bytes, size_t len, struct pl_ts_list *ret)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	int r;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	r = pl_ts_wire_parse((struct pl_blob) { .ptr = exact, .len = len }, ret);
	free(exact);
	return r;
}

#define HEAD(N) N, 0, 0, 0
#define TCP4000 7, 6, 0, 16, 0x0f, 0xa0, 0x0f, 0xa0, 192, 0, 2, 1, 192, 0, 2, 1

static void payloads_are_judged_by_the_rfc(void **state)
{
	static const struct {
		const char *why;
		int want;
		unsigned len, left;
		uint8_t bytes[64];
	} t[] = {
		{ "one selector", 0, 20, 1, { HEAD(1), TCP4000 } },
		{ "two selectors", 0, 36, 2, { HEAD(2), TCP4000, TCP4000 } },
		{ "bytes behind the last are nobody's", 0, 36, 1, { HEAD(1), TCP4000, TCP4000 } },
		{ "nothing at all", PL_E_MALFORMED, 0, 0, { 0 } },
		{ "a cut header", PL_E_MALFORMED, 3, 0, { 1, 0, 0 } },
		{ "no selector", PL_E_MALFORMED, 4, 0, { HEAD(0) } },
		{ "one promised, none there", PL_E_MALFORMED, 4, 0, { HEAD(1) } },
		{ "two promised, one there", PL_E_MALFORMED, 20, 0, { HEAD(2), TCP4000 } },
		{ "last byte missing", PL_E_MALFORMED, 19, 0, { HEAD(1), TCP4000 } },
		{ "length of zero", PL_E_MALFORMED, 20, 0, { HEAD(1), 7, 6, 0, 0 } },
		{ "length below its own header", PL_E_MALFORMED, 20, 0, { HEAD(1), 7, 6, 0, 7 } },
		{ "length one short", PL_E_MALFORMED, 20, 0, { HEAD(1), 7, 6, 0, 15 } },
		{ "length one long", PL_E_MALFORMED, 64, 0, { HEAD(1), 7, 6, 0, 17 } },
		{ "length of 65535", PL_E_MALFORMED, 20, 0, { HEAD(1), 7, 6, 255, 255 } },
		{ "IPv6 of IPv4's size", PL_E_MALFORMED, 20, 0, { HEAD(1), 8, 6, 0, 16 } },
		{ "addresses upside down", PL_E_MALFORMED, 20, 0,
		  { HEAD(1), 7, 0, 0, 16, 0, 0, 255, 255, 10, 0, 0, 2, 10, 0, 0, 1 } },
		{ "ports upside down: dropped, as pluto does", 0, 20, 0,
		  { HEAD(1), 7, 6, 0, 16, 0, 2, 0, 1, 10, 0, 0, 1, 10, 0, 0, 1 } },
		{ "OPAQUE is not upside down", 0, 20, 1,
		  { HEAD(1), 7, 6, 0, 16, 255, 255, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1 } },
		{ "a security label", PL_E_UNSUPPORTED, 16, 0, { HEAD(1), 10, 0, 0, 12 } },
		{ "Fibre Channel", PL_E_UNSUPPORTED, 16, 0, { HEAD(1), 9, 0, 0, 12 } },
		{ "an unknown type without contents", PL_E_UNSUPPORTED, 12, 0,
		  { HEAD(1), 99, 0, 0, 8 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_ts_list list = { .len = 77 };
		int r = parse_bytes(t[i].bytes, t[i].len, &list);

		if (r != t[i].want || (r == 0 && list.len != t[i].left))
			fail_msg("%s: %d, %u selectors", t[i].why, r, list.len);
		if (r != 0)
			assert_int_equal(list.len, 77);
	}
}

static void ranges_stay_ranges(void **state)
{
	static const uint8_t bytes[] = {
		HEAD(1), 7, 17, 0, 16, 0x10, 0, 0x1f, 0xff, 10, 0, 0, 3, 10, 0, 0, 9,
	};
	struct pl_ts_list list;
	char text[PL_TS_TEXT_MAX];

	(void)state;
	assert_int_equal(parse_bytes(bytes, sizeof(bytes), &list), 0);
	assert_string_equal(pl_ts_text(&list.list[0], text), "10.0.0.3-10.0.0.9/17/4096-8191");
}

static void more_selectors_than_we_hold_are_refused(void **state)
{
	static const uint8_t one[] = { TCP4000 };
	uint8_t bytes[4 + 255 * sizeof(one)] = { 0 };

	(void)state;
	for (unsigned n = 0; n < 255; n++)
		memcpy(bytes + 4 + n * sizeof(one), one, sizeof(one));
	for (unsigned n = 1; n <= 255; n++) {
		struct pl_ts_list list = { .len = 0 };

		bytes[0] = (uint8_t)n;
		assert_int_equal(parse_bytes(bytes, 4 + n * sizeof(one), &list),
				 n <= PL_TS_MAX ? 0 : PL_E_TOO_MANY);
		assert_int_equal(list.len, n <= PL_TS_MAX ? n : 0);
	}
}

static struct pl_ts random_ts(void)
{
	struct pl_ts ts = { .af = rnd() % 2 ? PL_AF_IP4 : PL_AF_IP6, .proto = (uint8_t)rnd() };
	size_t size = pl_ts_size(ts.af);

	for (size_t i = 0; i < size; i++) {
		ts.lo[i] = (uint8_t)rnd();
		ts.hi[i] = (uint8_t)rnd();
	}
	if (memcmp(ts.lo, ts.hi, size) > 0)
		memcpy(ts.hi, ts.lo, size);
	ts.lo_port = (uint16_t)rnd();
	ts.hi_port = (uint16_t)(ts.lo_port + rnd() % (65536u - ts.lo_port));
	if (rnd() % 8 == 0) {
		ts.lo_port = UINT16_MAX;
		ts.hi_port = 0;
	}
	return ts;
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	random_begins(__func__);
	for (unsigned n = 0; n < 5000; n++) {
		struct pl_ts_list list = { .len = 1 + rnd() % PL_TS_MAX }, again;
		uint8_t bytes[PL_TS_WIRE_MAX];
		size_t len;

		for (unsigned i = 0; i < list.len; i++)
			list.list[i] = random_ts();
		assert_int_equal(pl_ts_wire_write(&list, bytes, sizeof(bytes), &len), 0);
		assert_int_equal(parse_bytes(bytes, len, &again), 0);
		assert_int_equal(again.len, list.len);
		for (unsigned i = 0; i < list.len; i++)
			assert_memory_equal(&again.list[i], &list.list[i], sizeof(list.list[i]));
		assert_int_equal(pl_ts_wire_write(&list, bytes, len, &len), 0);
		/* one byte less is always noticed, on both ways */
		assert_int_equal(parse_bytes(bytes, len - 1, &again), PL_E_MALFORMED);
		assert_int_equal(pl_ts_wire_write(&list, bytes, len - 1, &len), PL_E_NO_SPACE);
	}
}

static void any_bytes_are_survived_and_what_is_read_is_valid(void **state)
{
	unsigned read = 0;

	(void)state;
	random_begins(__func__);
	for (unsigned n = 0; n < 200000; n++) {
		uint8_t bytes[96];
		size_t len = rnd() % sizeof(bytes);
		struct pl_ts_list list;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)rnd();
		/* mostly plausible, or every one dies at its first byte */
		if (len > 8 && rnd() % 4 != 0) {
			bytes[0] = (uint8_t)(1 + rnd() % 3);
			for (size_t at = 4; at + 4 <= len; at += bytes[at + 3]) {
				bytes[at] = (uint8_t)(7 + rnd() % 2);
				bytes[at + 2] = 0;
				bytes[at + 3] = (uint8_t)(bytes[at] == 7 ? 16 : 40) +
						(uint8_t)(rnd() % 16 == 0);
			}
		}
		if (parse_bytes(bytes, len, &list) != 0)
			continue;
		read++;
		assert_in_range(list.len, 0, PL_TS_MAX);
		for (unsigned i = 0; i < list.len; i++)
			assert_true(pl_ts_is_valid(&list.list[i]));
	}
	assert_in_range(read, 1000, 200000);
}

static void nothing_invalid_is_written(void **state)
{
	struct pl_ts_list list = { .len = 0 };
	uint8_t bytes[PL_TS_WIRE_MAX];
	size_t len = 77;

	(void)state;
	assert_int_equal(pl_ts_wire_write(&list, bytes, sizeof(bytes), &len), PL_E_MALFORMED);
	list.len = PL_TS_MAX + 1;
	assert_int_equal(pl_ts_wire_write(&list, bytes, sizeof(bytes), &len), PL_E_MALFORMED);
	list.len = 1;
	list.list[0] = (struct pl_ts) { .af = PL_AF_IP4, .lo_port = 2, .hi_port = 1 };
	assert_int_equal(pl_ts_wire_write(&list, bytes, sizeof(bytes), &len), PL_E_MALFORMED);
	list.list[0] = (struct pl_ts) { .af = 5 };
	assert_int_equal(pl_ts_wire_write(&list, bytes, sizeof(bytes), &len), PL_E_MALFORMED);
	assert_int_equal(len, 77);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_are_judged_by_the_rfc),
		cmocka_unit_test(ranges_stay_ranges),
		cmocka_unit_test(more_selectors_than_we_hold_are_refused),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(any_bytes_are_survived_and_what_is_read_is_valid),
		cmocka_unit_test(nothing_invalid_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
