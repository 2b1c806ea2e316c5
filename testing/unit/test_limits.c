/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Limits: a whole table, and counters against a naive array. */

#include "core/pl_limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_limit_has_a_name_a_range_and_a_sentence_D16(void **state)
{
	struct pl_limits limits;

	(void)state;
	pl_limits_default(&limits);
	for (int l = 0; l <= PL_LIMIT_ROOF; l++) {
		const struct pl_limit_info *info = pl_limit_info((enum pl_limit)l);
		bool is_counted = l > 0 && l < PL_LIMIT_COUNTED_ROOF;

		if (l == 0 || l == PL_LIMIT_COUNTED_ROOF || l == PL_LIMIT_ROOF) {
			assert_null(info->name);
			continue;
		}
		assert_non_null(info->name);
		assert_true(info->min <= info->initial && info->initial <= info->max);
		assert_int_equal(info->total_initial > 0, is_counted);
		if (is_counted)
			assert_true(info->total_initial > info->initial);
		assert_int_equal(info->sentence[strlen(info->sentence) - 1], '.');
		assert_int_equal(limits.each[l], info->initial);
		assert_int_equal(limits.total[l], info->total_initial);
		for (int other = 1; other < l; other++) {
			const char *name = pl_limit_info((enum pl_limit)other)->name;

			if (name != NULL)
				assert_string_not_equal(name, info->name);
		}
	}
	assert_null(pl_limit_info((enum pl_limit)-1)->name);
}

static void a_limit_can_be_set_only_within_its_range(void **state)
{
	struct pl_limits limits, before;

	(void)state;
	pl_limits_default(&limits);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, false, 1), 0);
	assert_int_equal(limits.each[PL_LIMIT_SESSIONS], 1);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, false, 4096), 0);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, true, 4096000), 0);
	assert_int_equal(limits.total[PL_LIMIT_SESSIONS], 4096000);
	assert_int_equal(limits.each[PL_LIMIT_SESSIONS], 4096);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_WAIT_MS, false, 0), 0);
	before = limits;
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, false, 0), PL_E_BAD_CONFIG);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, false, 4097), PL_E_BAD_CONFIG);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, true, 0), PL_E_BAD_CONFIG);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_SESSIONS, true, 4096001),
			 PL_E_BAD_CONFIG);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_WAIT_MS, true, 5), PL_E_UNSUPPORTED);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_NONE, false, 5), PL_E_UNSUPPORTED);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_COUNTED_ROOF, false, 5),
			 PL_E_UNSUPPORTED);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_ROOF, false, 5), PL_E_UNSUPPORTED);
	assert_memory_equal(&limits, &before, sizeof(limits));
}

static void a_message_is_allowed_up_to_its_limit(void **state)
{
	struct pl_limits limits;

	(void)state;
	pl_limits_default(&limits);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_LIST_PAGE, 0), 0);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_LIST_PAGE, 1000), 0);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_LIST_PAGE, 1001), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_LIST_PAGE, UINT64_MAX),
			 PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_LATCHES, 1), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_NONE, 0), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_limits_allow(&limits, PL_LIMIT_ROOF, 0), PL_E_LIMIT_EXCEEDED);
}

static void nobody_takes_more_than_his_limit_nor_all_more_than_the_total(void **state)
{
	struct pl_usage *usage = pl_usage_new();
	struct pl_limits limits;

	(void)state;
	pl_limits_default(&limits);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_PENDING, false, 2), 0);
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_PENDING, true, 3), 0);
	assert_int_equal(pl_usage_take(usage, &limits, 0, PL_LIMIT_PENDING), 0);
	assert_int_equal(pl_usage_take(usage, &limits, 0, PL_LIMIT_PENDING), 0);
	assert_int_equal(pl_usage_take(usage, &limits, 0, PL_LIMIT_PENDING),
			 PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_usage_take(usage, &limits, 0, PL_LIMIT_WAITS), 0);
	assert_int_equal(pl_usage_take(usage, &limits, 5, PL_LIMIT_PENDING), 0);
	assert_int_equal(pl_usage_take(usage, &limits, 6, PL_LIMIT_PENDING),
			 PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_usage_uids(usage), 2);
	assert_int_equal(pl_usage_total(usage, PL_LIMIT_PENDING), 3);
	/* A lower limit takes nothing away, and gives nothing more. */
	assert_int_equal(pl_limits_set(&limits, PL_LIMIT_PENDING, false, 1), 0);
	pl_usage_give_back(usage, 0, PL_LIMIT_PENDING);
	assert_int_equal(pl_usage_take(usage, &limits, 0, PL_LIMIT_PENDING),
			 PL_E_LIMIT_EXCEEDED);
	pl_usage_give_back(usage, 0, PL_LIMIT_PENDING);
	pl_usage_give_back(usage, 0, PL_LIMIT_PENDING);	/* never taken */
	assert_int_equal(pl_usage_total(usage, PL_LIMIT_PENDING), 1);
	assert_int_equal(pl_usage_uids(usage), 2);
	pl_usage_give_back(usage, 0, PL_LIMIT_WAITS);
	pl_usage_give_back(usage, 0, PL_LIMIT_WAITS);
	pl_usage_give_back(usage, 5, PL_LIMIT_NONE);
	pl_usage_give_back(usage, 5, PL_LIMIT_LIST_PAGE);
	assert_int_equal(pl_usage_uids(usage), 1);
	assert_int_equal(pl_usage_take(usage, &limits, 5, PL_LIMIT_LIST_PAGE), PL_E_UNSUPPORTED);
	assert_int_equal(pl_usage_take(usage, &limits, 5, PL_LIMIT_NONE), PL_E_UNSUPPORTED);
	assert_int_equal(pl_usage_take(usage, &limits, 5, PL_LIMIT_COUNTED_ROOF),
			 PL_E_UNSUPPORTED);
	assert_int_equal(pl_usage_of(usage, 5, PL_LIMIT_LIST_PAGE), 0);
	assert_int_equal(pl_usage_of(usage, 5, PL_LIMIT_PENDING), 1);
	assert_int_equal(pl_usage_of(usage, 6, PL_LIMIT_PENDING), 0);
	assert_int_equal(pl_usage_total(usage, PL_LIMIT_WAIT_MS), 0);
	assert_null(pl_usage_free(usage));
	assert_null(pl_usage_free(NULL));
}

static void counters_agree_with_a_naive_array(void **state)
{
	enum { UIDS = 6, EACH = 4, TOTAL = 15 };
	struct pl_usage *usage = pl_usage_new();
	unsigned naive[UIDS][PL_LIMIT_COUNTED_ROOF] = { { 0 } }, seed = 16;
	struct pl_limits limits;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	pl_limits_default(&limits);
	for (int l = 1; l < PL_LIMIT_COUNTED_ROOF; l++) {
		assert_int_equal(pl_limits_set(&limits, (enum pl_limit)l, false, EACH), 0);
		assert_int_equal(pl_limits_set(&limits, (enum pl_limit)l, true, TOTAL), 0);
	}
	for (unsigned round = 0; round < 20000; round++) {
		unsigned uid = (unsigned)random() % UIDS, users = 0, total = 0;
		enum pl_limit limit = 1 + random() % (PL_LIMIT_COUNTED_ROOF - 1);

		for (unsigned u = 0; u < UIDS; u++)
			total += naive[u][limit];
		if (random() % 2) {
			bool may = naive[uid][limit] < EACH && total < TOTAL;

			assert_int_equal(pl_usage_take(usage, &limits, uid, limit),
					 may ? 0 : PL_E_LIMIT_EXCEEDED);
			naive[uid][limit] += may;
			total += may;
		} else {
			pl_usage_give_back(usage, uid, limit);
			total -= naive[uid][limit] > 0;
			naive[uid][limit] -= naive[uid][limit] > 0;
		}
		for (unsigned u = 0; u < UIDS; u++) {
			bool uses = false;

			for (unsigned l = 1; l < PL_LIMIT_COUNTED_ROOF; l++)
				uses = uses || naive[u][l] > 0;
			users += uses;
		}
		assert_int_equal(pl_usage_of(usage, uid, limit), naive[uid][limit]);
		assert_int_equal(pl_usage_total(usage, limit), total);
		assert_int_equal(pl_usage_uids(usage), users);
	}
	pl_usage_free(usage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_limit_has_a_name_a_range_and_a_sentence_D16),
		cmocka_unit_test(a_limit_can_be_set_only_within_its_range),
		cmocka_unit_test(a_message_is_allowed_up_to_its_limit),
		cmocka_unit_test(nobody_takes_more_than_his_limit_nor_all_more_than_the_total),
		cmocka_unit_test(counters_agree_with_a_naive_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
