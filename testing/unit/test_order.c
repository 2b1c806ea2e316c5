/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ordered index against an array that says which tuples are in it. */

#include "core/pl_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNIVERSE = 4000 };

static struct pl_tuple tuples[UNIVERSE];	/* in order */

static int compare(const void *a, const void *b)
{
	return pl_tuple_compare(a, b);
}

/* Few hosts with many connections, and IPv6 hosts that differ behind the first bytes only. */
static void fill(void)
{
	memset(tuples, 0, sizeof(tuples));
	for (unsigned i = 0; i < UNIVERSE; i++) {
		struct pl_tuple *t = &tuples[i];

		t->af = i % 3 == 0 ? PL_AF_IP6 : PL_AF_IP4;
		t->proto = PL_TUPLE_TCP;
		t->local[0] = 10;
		t->remote[0] = 10;
		t->remote[t->af == PL_AF_IP4 ? 3 : 15] = (uint8_t)(i % 50);
		t->local_port = (uint16_t)(1 + i / 50);
		t->remote_port = (uint16_t)(1 + i % 7);
	}
	qsort(tuples, UNIVERSE, sizeof(tuples[0]), compare);
}

/* From @from on, which need not be in it, as far as @last. */
static void compare_walk(const struct pl_order *order, const bool *is_in, unsigned from,
			 unsigned last)
{
	struct pl_order_at at;
	const struct pl_tuple *got = pl_order_seek(order, &tuples[from], &tuples[last], &at);

	for (unsigned i = from; i < UNIVERSE; i++) {
		if (!is_in[i])
			continue;
		/* What is after the last one may come or not; it ends there either way. */
		if (i > last) {
			assert_true(got == NULL || got == &tuples[i]);
			return;
		}
		assert_ptr_equal(got, &tuples[i]);
		got = pl_order_next(order, &tuples[last], &at);
	}
	assert_null(got);
}

static void the_order_agrees_with_a_naive_model(void **state)
{
	struct pl_order *order = pl_order_new();
	bool is_in[UNIVERSE] = { false };
	unsigned seed = 62, count = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	fill();
	compare_walk(order, is_in, 0, UNIVERSE - 1);
	for (unsigned round = 0; round < 60000; round++) {
		/* Phases of growing and of shrinking; some of them in order. */
		bool grows = round / 6000 % 2 == 0, is_sorted = round / 12000 % 2 == 1;
		unsigned i = is_sorted ? round % 6000 % UNIVERSE : (unsigned)random() % UNIVERSE;
		struct pl_tuple copy = tuples[i];

		if (random() % 8 < (grows ? 7 : 1)) {
			if (!is_in[i])
				assert_int_equal(pl_order_put(order, &tuples[i]), 0);
			count += !is_in[i];
			is_in[i] = true;
		} else {
			pl_order_take(order, &copy);
			count -= is_in[i];
			is_in[i] = false;
		}
		if (round % 50 == 0) {
			unsigned from = (unsigned)random() % UNIVERSE;

			compare_walk(order, is_in, from,
				     from + (unsigned)random() % (UNIVERSE - from));
		}
		if (round % 1000 == 0) {
			compare_walk(order, is_in, 0, UNIVERSE - 1);
			/* Two neighbours are more than one that is half full. */
			assert_true(pl_order_bytes(order) <= 20000 + count * 65);
		}
	}
	pl_order_free(order);
	assert_null(pl_order_free(NULL));
}

static void sorted_or_not_a_tuple_takes_few_bytes_G11(void **state)
{
	struct pl_order *sorted = pl_order_new(), *mixed = pl_order_new();

	(void)state;
	fill();
	for (unsigned i = 0; i < UNIVERSE; i++) {
		assert_int_equal(pl_order_put(sorted, &tuples[i]), 0);
		assert_int_equal(pl_order_put(mixed, &tuples[i * 1237 % UNIVERSE]), 0);
	}
	print_message("%zu and %zu bytes a tuple\n", pl_order_bytes(sorted) / UNIVERSE,
		      pl_order_bytes(mixed) / UNIVERSE);
	assert_true(pl_order_bytes(sorted) <= UNIVERSE * 18);
	assert_true(pl_order_bytes(mixed) <= UNIVERSE * PL_ORDER_BYTES);
	/* All gone, in the order in which they are: what is left is next to nothing. */
	for (unsigned i = 0; i < UNIVERSE; i++)
		pl_order_take(sorted, &tuples[i]);
	assert_true(pl_order_bytes(sorted) <= 4096);
	pl_order_free(sorted);
	pl_order_free(mixed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_agrees_with_a_naive_model),
		cmocka_unit_test(sorted_or_not_a_tuple_takes_few_bytes_G11),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
