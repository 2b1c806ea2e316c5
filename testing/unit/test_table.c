/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The hash table against an array that says which tuples are in it. */

#include "core/pl_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNIVERSE = 3000 };

static struct pl_tuple tuples[UNIVERSE];
static const uint8_t key[16] = { 1, 2, 3 };

static void fill(void)
{
	memset(tuples, 0, sizeof(tuples));
	for (unsigned i = 0; i < UNIVERSE; i++) {
		tuples[i].af = PL_AF_IP4;
		tuples[i].proto = PL_TUPLE_TCP;
		tuples[i].local_port = (uint16_t)(1 + i / 100);
		tuples[i].remote_port = (uint16_t)(1 + i % 100);
		tuples[i].local[0] = tuples[i].remote[0] = 10;
		tuples[i].remote[3] = 1;
	}
}

static void the_table_agrees_with_a_naive_model(void **state)
{
	struct pl_table *table = pl_table_new(key);
	bool is_in[UNIVERSE] = { false };
	unsigned count = 0, seed = 4242;

	(void)state;
	assert_non_null(table);
	print_message("seed %u\n", seed);
	srandom(seed);
	fill();
	for (unsigned round = 0; round < 60000; round++) {
		/* Phases of growing and of shrinking, over every size. */
		bool grows = round / 10000 % 2 == 0;
		unsigned i = (unsigned)random() % UNIVERSE;
		struct pl_tuple copy = tuples[i];

		assert_ptr_equal(pl_table_find(table, &copy), is_in[i] ? &tuples[i] : NULL);
		if (random() % 8 < (grows ? 6 : 1)) {
			assert_int_equal(pl_table_put(table, &tuples[i]),
					 is_in[i] ? PL_E_ALREADY_LATCHED : 0);
			count += !is_in[i];
			is_in[i] = true;
		} else {
			assert_ptr_equal(pl_table_take(table, &copy),
					 is_in[i] ? &tuples[i] : NULL);
			count -= is_in[i];
			is_in[i] = false;
		}
		assert_int_equal(pl_table_count(table), count);
		if (round % 500 == 0) {
			for (unsigned n = 0; n < UNIVERSE; n++)
				assert_ptr_equal(pl_table_find(table, &tuples[n]),
						 is_in[n] ? &tuples[n] : NULL);
		}
	}
	pl_table_free(table);
}

static void the_table_takes_32_bytes_an_entry_at_most_and_shrinks_again(void **state)
{
	struct pl_table *table = pl_table_new(key);
	size_t empty = pl_table_bytes(table), most;

	(void)state;
	fill();
	for (unsigned i = 0; i < UNIVERSE; i++) {
		assert_int_equal(pl_table_put(table, &tuples[i]), 0);
		/* The smallest table has its floor; later none has. */
		if (i > 12)
			assert_true(pl_table_bytes(table) - 48 <= (i + 1) * 32 + 128);
		/* A quarter of the slots is empty, so that every search ends. */
		assert_true((pl_table_bytes(table) - 40) / 12 * 3 / 4 >= i + 1);
	}
	most = pl_table_bytes(table);
	for (unsigned i = 0; i < UNIVERSE; i++) {
		assert_ptr_equal(pl_table_take(table, &tuples[i]), &tuples[i]);
		/* Taking one of every eight slots does not make it smaller and larger in turn. */
		if (i < UNIVERSE / 2)
			assert_int_equal(pl_table_bytes(table), most);
	}
	assert_int_equal(pl_table_bytes(table), empty);
	assert_null(pl_table_take(table, &tuples[0]));
	pl_table_free(table);
	assert_null(pl_table_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_agrees_with_a_naive_model),
		cmocka_unit_test(the_table_takes_32_bytes_an_entry_at_most_and_shrinks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
