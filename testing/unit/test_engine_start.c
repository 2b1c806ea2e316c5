/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A new engine in a kernel where another one left its guard (K16, T14, design D11). */

#include "engine_stage.h"

#include <string.h>

static unsigned pins(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < fake.nr_items; i++)
		nr += fake.items[i].kind == PL_GUARD_PIN;
	return nr;
}

static void what_a_predecessor_guarded_stays_blocked_and_is_reset_K16_T14(void **state)
{
	const struct pl_latch *latch;

	(void)state;
	established(5000);
	established(5001);
	assert_int_equal(pins(), 4);
	fake.disposition = PL_DISPOSITION_DEFAULT;
	start();
	assert_int_equal(pins(), 0);
	assert_int_equal(fake.nr_items, 2);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	assert_int_not_equal(fake.wake_at, 0);
	assert_in_force();
	latch = pl_engine_next(fake.engine, NULL, 0);
	assert_non_null(latch);
	assert_int_equal(pl_state_shown(latch->state), PL_STATE_CLOSED);
	assert_int_equal(latch->owner.kind, PL_OWNER_SOCKET);
	/* an SA of its peer does not bring it back: who that was is not known any more */
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(pins(), 0);
	assert_in_force();
}

static void it_leaves_the_guard_when_no_socket_holds_it_any_more(void **state)
{
	(void)state;
	established(5000);
	start();
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_items, 1);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_items, 0);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
}

static void the_end_of_what_was_inherited_gives_nobody_room_D16(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(6000));
	uint64_t id;

	(void)state;
	established(5000);
	fake.conf.limits.each[PL_LIMIT_LATCHES] = 1;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	/* what nobody asked for is counted as nobody's, and so is its end */
	ask.owner.uid = 0;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_items, 3);
	ask.tuple = flow(6001);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_LIMIT_EXCEEDED);
}

static void its_tuple_can_be_latched_anew(void **state)
{
	uint64_t id;

	(void)state;
	established(5000);
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_listener_is_closed_and_can_be_made_anew(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	start();
	assert_int_equal(fake.nr_items, 1);
	assert_int_equal(fake.items[0].kind, PL_GUARD_LISTENER);
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(state_of(ids[0]), PL_STATE_LISTENER);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_predecessor_guarded_stays_blocked_and_is_reset_K16_T14),
		TEST(it_leaves_the_guard_when_no_socket_holds_it_any_more),
		TEST(the_end_of_what_was_inherited_gives_nobody_room_D16),
		TEST(its_tuple_can_be_latched_anew),
		TEST(a_listener_is_closed_and_can_be_made_anew),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_start", tests, NULL, NULL);
}
