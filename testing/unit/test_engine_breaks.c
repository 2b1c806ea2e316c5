/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One event that breaks many latches, or takes a pin of each: one transaction for many of them, all
 * of them blocked before anybody is told, and the guard's refusal hits nobody but whom it is about.
 */

#include "engine_stage.h"

#include <string.h>

enum { FEW = 3, MANY = 600, AT_ONCE = 512, FIRST_PORT = 5000 };

static void establish(uint64_t *ids, unsigned nr)
{
	fake.conf.limits.each[PL_LIMIT_LATCHES] = nr;
	for (unsigned i = 0; i < nr; i++)
		ids[i] = established((uint16_t)(FIRST_PORT + i));
	fake.calls = 0;
}

static void assert_all(const uint64_t *ids, unsigned nr, enum pl_state state)
{
	for (unsigned i = 0; i < nr; i++)
		assert_int_equal(state_of(ids[i]), state);
}

static void all_are_blocked_together_before_anybody_is_told_K33_K34_K51(void **state)
{
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "unpin:3 save save save "
				      "ALERT dispose ALERT dispose ALERT dispose ACCEPT");
	assert_non_null(strstr(fake.reason, "'C'"));
	assert_all(ids, FEW, PL_STATE_BROKEN);
	assert_int_equal(fake.nr_items, FEW);
	assert_in_force();
	/* and each mends as it would alone */
	down(2);
	assert_all(ids, FEW, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_refusal_is_looked_into_and_only_one_is_in_doubt_K51(void **state)
{
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	/* all of them together, and then the second alone */
	fake.refuses = "unpin";
	fake.fail_at = 3;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(strncmp(fake.log, "unpin:3 FAILED block block FAILED block save save save "
				 "ALERT", 60), 0);
	assert_all(ids, FEW, PL_STATE_BROKEN);
	assert_int_equal(fake.nr_items, FEW + 2);
	assert_int_not_equal(fake.wake_at, 0);
	assert_safe();
	fake.refuses = NULL;
	fake.fail_at = 0;
	pl_engine_tick(fake.engine);
	assert_all(ids, FEW, PL_STATE_BROKEN);
	assert_in_force();
}

static void a_refused_transaction_is_asked_for_again_one_by_one(void **state)
{
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	fake.refuses = "unpin";
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "unpin:3 FAILED block block block save save save "
				      "ALERT dispose ALERT dispose ALERT dispose ACCEPT");
	assert_all(ids, FEW, PL_STATE_BROKEN);
	assert_in_force();
}

static void the_pins_of_a_lost_SA_go_together(void **state)
{
	struct pl_fact second = child(2, who_b, 105);
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	assert_int_equal(install(second), PL_VERDICT_ACCEPT);
	forget_log();
	down(2);
	assert_string_equal(fake.log, "unpin:6");
	assert_all(ids, FEW, PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* A pin that stays might let another SA of its number in. */
static void a_pin_that_stays_breaks_its_latch_and_no_other_K51(void **state)
{
	struct pl_fact second = child(2, who_b, 105);
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	assert_int_equal(install(second), PL_VERDICT_ACCEPT);
	forget_log();
	fake.refuses = "unpin";
	fake.fail_at = fake.calls + 3;
	down(2);
	assert_string_equal(fake.log, "unpin:6 FAILED retire:105 retire:105 FAILED block "
				      "retire:105 save ALERT dispose "
				      "permit:101 save reroute ALERT");
	assert_string_equal(fake.reason, "no conflict is left");
	assert_all(ids, FEW, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_dead_peer_ends_them_all_at_once_K19(void **state)
{
	uint64_t ids[FEW];

	(void)state;
	establish(ids, FEW);
	pl_engine_note(fake.engine, &(struct pl_fact) {
		.kind = PL_FACT_CHILD_DOWN, .child = 1, .ike = 1, .identity = who_b,
		.u.child_end.ike_cause = PL_IKE_END_PEER_LOST,
	});
	assert_int_equal(strncmp(fake.log, "unpin:3 save save save ALERT", 28), 0);
	assert_all(ids, FEW, PL_STATE_DEAD);
	assert_in_force();
}

static void a_transaction_has_a_largest_size(void **state)
{
	static uint64_t ids[MANY];

	(void)state;
	establish(ids, MANY);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(strncmp(fake.log, "unpin:512 unpin:88 save save ", 29), 0);
	assert_int_equal(AT_ONCE + 88, MANY);
	assert_all(ids, MANY, PL_STATE_BROKEN);
	assert_int_equal(fake.nr_items, MANY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_are_blocked_together_before_anybody_is_told_K33_K34_K51),
		TEST(a_refusal_is_looked_into_and_only_one_is_in_doubt_K51),
		TEST(a_refused_transaction_is_asked_for_again_one_by_one),
		TEST(the_pins_of_a_lost_SA_go_together),
		TEST(a_pin_that_stays_breaks_its_latch_and_no_other_K51),
		TEST(a_dead_peer_ends_them_all_at_once_K19),
		TEST(a_transaction_has_a_largest_size),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_breaks", tests, NULL, NULL);
}
