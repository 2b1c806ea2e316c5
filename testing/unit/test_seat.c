/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions as slots of the journal: what is written is read, and nothing else is (K53). */

#include "store/pl_seat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct pl_kept_session whole = {
	.number = 0x8877665544332211, .uid = 0xfffffffe, .token = { 1, 2, 3, [31] = 255 },
};

/* Its sum is right. */
static int decode(uint8_t bytes[static PL_SLOT_BYTES])
{
	uint64_t sum = pl_slot_sum(bytes, PL_SLOT_BYTES - 8);
	struct pl_kept_session got;

	for (unsigned i = 0; i < 8; i++)
		bytes[PL_SLOT_BYTES - 8 + i] = (uint8_t)(sum >> 8 * i);
	return pl_seat_decode(bytes, &got);
}

static void what_is_written_is_read(void **state)
{
	struct pl_kept_session got = { .number = 0 };
	uint8_t bytes[PL_SLOT_BYTES];
	struct pl_kept latch;

	(void)state;
	pl_seat_encode(&whole, bytes);
	assert_int_equal(pl_seat_decode(bytes, &got), 0);
	assert_int_equal(got.number, whole.number);
	assert_int_equal(got.uid, whole.uid);
	assert_memory_equal(got.token, whole.token, sizeof(got.token));
	/* and it is no latch */
	assert_int_equal(pl_slot_decode(bytes, &latch), PL_E_MALFORMED);
}

static void no_bit_may_change_K53(void **state)
{
	struct pl_kept_session got = { .number = 5 };
	uint8_t bytes[PL_SLOT_BYTES];

	(void)state;
	pl_seat_encode(&whole, bytes);
	for (unsigned i = 0; i < 8 * PL_SLOT_BYTES; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(pl_seat_decode(bytes, &got), PL_E_MALFORMED);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(got.number, 5);
}

static void what_cannot_be_is_refused_though_its_sum_is_right_K53(void **state)
{
	struct pl_kept_session none = whole;
	uint8_t bytes[PL_SLOT_BYTES];

	(void)state;
	none.number = 0;
	pl_seat_encode(&none, bytes);
	assert_int_equal(decode(bytes), PL_E_MALFORMED);
	/* every bit but those of number, uid and token, and the sum */
	for (unsigned i = 0; i < 8 * (PL_SLOT_BYTES - 8); i++) {
		pl_seat_encode(&whole, bytes);
		assert_int_equal(decode(bytes), 0);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(decode(bytes), i / 8 >= 4 && i / 8 < 48 ? 0 : PL_E_MALFORMED);
	}
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(decode(bytes), PL_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(no_bit_may_change_K53),
		cmocka_unit_test(what_cannot_be_is_refused_though_its_sum_is_right_K53),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
