/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A new engine with the journal of the one before (K16, K53, T14, design D11). */

#include "engine_stage.h"

#include <string.h>

enum { SECOND = 1000000000 };

static unsigned pins(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < fake.nr_items; i++)
		nr += fake.items[i].kind == PL_GUARD_PIN;
	return nr;
}

static int setup_journal(void **state)
{
	int r = setup(state);

	fake.has_journal = true;
	fake.conf.restart_wait = 30;
	return r;
}

/* Another daemon, with the policy that pluto makes anew. */
static void restart(void)
{
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	forget_log();
}

static void a_latch_waits_for_its_peer_and_nothing_passes_until_he_is_there_K16(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pins(), 0);
	assert_in_force();
	fake.disposition = PL_DISPOSITION_DEFAULT;
	pl_engine_tick(fake.engine);
	assert_non_null(strstr(fake.log, "initiate"));
	assert_string_equal(fake.wanted_of, "B");
	assert_int_equal(fake.ticket, id);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(install(child(7, who_b, REQID_B + 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(pins(), 2);
	assert_in_force();
	assert_safe();
	/* nobody's socket was touched */
	assert_int_equal(fake.disposition, PL_DISPOSITION_DEFAULT);
}

static void whom_the_guard_refuses_at_the_start_is_closed_and_ends_K16_T14(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.refuses = "guard";
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_int_equal(pins(), 0);
	/* its peer does not bring it back */
	fake.refuses = NULL;
	assert_int_equal(install(child(7, who_b, REQID_C)), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_int_equal(pins(), 0);
	assert_in_force();
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void no_conflict_is_not_enough_somebody_must_prove_himself_K16(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	for (unsigned i = 0; i < 5; i++)
		pl_engine_tick(fake.engine);
	policy(PL_FACT_POLICY_ADD, "", 2);
	policy(PL_FACT_POLICY_DELETE, "", 2);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pins(), 0);
	assert_in_force();
}

static void another_peer_does_not_bring_it_back_K16(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	assert_int_equal(install(child(7, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pins(), 0);
	/* nor does his end */
	down(7);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pins(), 0);
	assert_in_force();
}

static void other_protection_does_not_bring_it_back_K14_K16(void **state)
{
	struct pl_fact weak;
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	weak = child(7, who_b, REQID_C);
	weak.u.child.key_bits = 128;
	assert_int_equal(install(weak), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pins(), 0);
}

static void who_waits_too_long_is_closed_and_reset_T14(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	pl_engine_tick(fake.engine);
	fake.now += 31ull * SECOND;
	fake.disposition = PL_DISPOSITION_DEFAULT;
	pl_engine_tick(fake.engine);
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	/* and then it is too late */
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(pins(), 0);
	assert_in_force();
}

static void without_restart_wait_every_latch_is_closed_T14(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.conf.restart_wait = 0;
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	assert_in_force();
}

static void of_a_damaged_journal_everything_that_is_named_is_closed_K53(void **state)
{
	uint64_t id, broken;

	(void)state;
	id = established(5000);
	broken = established(5001);
	assert_int_equal(pl_engine_admin_break(fake.engine, broken, "test"), 0);
	fake.is_damaged = true;
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_int_equal(pl_state_shown(state_of(broken)), PL_STATE_CLOSED);
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(pins(), 0);
	assert_in_force();
}

static void who_cannot_be_read_is_closed_K53(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.records[0].identity = pl_identity_unref(fake.records[0].identity);
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	assert_in_force();
}

static void who_was_broken_for_good_is_closed_K19(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	assert_int_equal(pl_engine_admin_break(fake.engine, id, "test"), 0);
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
}

static void nobody_proves_that_he_is_nobody_twice(void **state)
{
	struct pl_identity_data nobody = {
		.peer = { .id = "N", .auth = PL_AUTH_NULL }, .own = { .id = "A" },
	};
	struct pl_identity *who;
	uint64_t id;

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &nobody, &who), 0);
	assert_int_equal(install(child(1, who, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	restart();
	assert_int_equal(pl_state_shown(state_of(id)), PL_STATE_CLOSED);
	pl_identity_unref(who);
}

static void a_listener_listens_again(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	restart();
	assert_int_equal(state_of(ids[0]), PL_STATE_LISTENER);
	/* and admits whoever satisfies it */
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_non_null(strstr(fake.log, "admit:101"));
	assert_in_force();
}

static void what_is_not_in_the_guard_any_more_is_guarded_K16(void **state)
{
	(void)state;
	established(5000);
	fake.nr_items = 0;
	/* it comes with the table, in one transaction, and not one by one */
	fake.refuses = "guard";
	start();
	assert_int_equal(fake.nr_items, 1);
	assert_int_equal(fake.items[0].kind, PL_GUARD_FLOW);
}

static void an_id_is_not_used_again(void **state)
{
	struct pl_tuple tuple = flow(5001);
	uint64_t id, next;

	(void)state;
	established(5000);
	id = established(5001);
	/* also of a latch that nothing is left of */
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	fake.is_gone = true;
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	restart();
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5001, &next), 0);
	assert_true(next > id);
}

static void its_owner_is_its_socket_and_his_limit_counts_it_D16_L8(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5001));
	const struct pl_latch *latch;
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_int_equal(latch->owner.kind, PL_OWNER_SOCKET);
	assert_int_equal(latch->owner.uid, UID);
	fake.conf.limits.each[PL_LIMIT_LATCHES] = 1;
	restart();
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_LIMIT_EXCEEDED);
}

static void the_later_of_two_of_one_tuple_is_meant(void **state)
{
	struct fake_record *first, *second;
	uint64_t id;

	(void)state;
	id = established(5000);
	first = &fake.records[0];
	second = &fake.records[fake.nr_records++];
	*second = *first;
	pl_identity_ref(second->identity);
	second->kept.id = id + 5;
	restart();
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(state_of(id + 5), PL_STATE_BROKEN);
	assert_int_equal(fake.nr_records, 1);
}

/* First in the guard: whatever goes wrong after that finds every flow blocked. */
static void a_start_that_fails_late_leaves_everything_blocked_K16(void **state)
{
	struct pl_engine_settings settings = { .first_id = 1, .conf = &fake.conf };
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.records[fake.nr_records] = fake.records[0];
	pl_identity_ref(fake.records[fake.nr_records].identity);
	fake.records[fake.nr_records++].kept.id = id + 5;
	assert_int_equal(pins(), 2);
	fake.refuses = "forget";
	assert_int_not_equal(pl_engine_start(engine, fake_ops(), &settings), 0);
	fake.refuses = NULL;
	assert_int_equal(pins(), 0);
	assert_int_equal(fake.nr_items, 1);
	pl_engine_free(engine);
}

static unsigned asked(void)
{
	unsigned nr = 0;

	forget_log();
	pl_engine_tick(fake.engine);
	for (const char *at = fake.log; (at = strstr(at, "initiate")) != NULL; at++)
		nr++;
	return nr;
}

static void pluto_is_not_asked_for_everything_at_once_D16(void **state)
{
	(void)state;
	for (uint16_t port = 5000; port < 5000 + NR_RECORDS; port++)
		established(port);
	restart();
	assert_int_equal(asked(), 64);
	assert_int_equal(asked(), NR_RECORDS - 64);
	/* and again, for it may not have answered */
	fake.now += 1000000000;
	assert_int_equal(asked(), 64);
}

static void who_refuses_is_asked_less_and_less_often_D16(void **state)
{
	static const unsigned waits[] = { 1, 2, 4, 8, 8 };

	(void)state;
	established(5000);
	restart();
	fake.initiate = PL_E_NO_SA;
	assert_int_equal(asked(), 1);
	for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		for (unsigned s = 0; s < waits[i]; s++) {
			assert_int_equal(asked(), 0);
			fake.now += 1000000000;
		}
		assert_int_equal(asked(), 1);
	}
	/* who comes at last is taken at once */
	assert_int_equal(install(child(7, who_b, REQID_B + 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(pins(), 2);
	assert_in_force();
}

static unsigned flows(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < fake.nr_items; i++)
		nr += fake.items[i].kind == PL_GUARD_FLOW;
	return nr;
}

/* Its record is damage now; one of another latch is readable. */
static void lose_first_record(void)
{
	established(5000);
	established(5001);
	pl_identity_unref(fake.records[0].identity);
	fake.records[0] = fake.records[1];
	fake.nr_records = 1;
}

static void what_cannot_be_read_is_blocked_until_an_administrator_has_seen_it_K53(void **state)
{
	size_t records = 9, freed = 9;

	(void)state;
	lose_first_record();
	fake.is_damaged = true;
	restart();
	pl_engine_tick(fake.engine);
	assert_int_equal(flows(), 2);
	assert_int_equal(pl_engine_unreadable(fake.engine), 2);
	/* not while the journal has it */
	fake.refuses = "forget-unreadable";
	assert_int_not_equal(pl_engine_forget_unreadable(fake.engine, &records, &freed), 0);
	assert_int_equal(flows(), 2);
	assert_int_equal(pl_engine_unreadable(fake.engine), 2);
	assert_int_equal(records, 9);
	fake.refuses = NULL;
	assert_int_equal(pl_engine_forget_unreadable(fake.engine, &records, &freed), 0);
	assert_int_equal(records, 2);
	assert_int_equal(freed, 1);
	/* the latch that was named is closed, and goes on being blocked */
	assert_int_equal(flows(), 1);
	assert_int_equal(pl_engine_unreadable(fake.engine), 0);
	assert_in_force();
	assert_int_equal(pl_engine_forget_unreadable(fake.engine, &records, &freed), 0);
	assert_int_equal(records + freed, 0);
}

static void with_a_whole_journal_nothing_is_set_free_K16(void **state)
{
	size_t records = 9, freed = 9;

	(void)state;
	lose_first_record();
	restart();
	assert_int_equal(pl_engine_forget_unreadable(fake.engine, &records, &freed), 0);
	assert_int_equal(records + freed, 0);
	assert_int_equal(flows(), 2);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_journal, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_latch_waits_for_its_peer_and_nothing_passes_until_he_is_there_K16),
		TEST(whom_the_guard_refuses_at_the_start_is_closed_and_ends_K16_T14),
		TEST(no_conflict_is_not_enough_somebody_must_prove_himself_K16),
		TEST(another_peer_does_not_bring_it_back_K16),
		TEST(other_protection_does_not_bring_it_back_K14_K16),
		TEST(who_waits_too_long_is_closed_and_reset_T14),
		TEST(without_restart_wait_every_latch_is_closed_T14),
		TEST(of_a_damaged_journal_everything_that_is_named_is_closed_K53),
		TEST(who_cannot_be_read_is_closed_K53),
		TEST(who_was_broken_for_good_is_closed_K19),
		TEST(nobody_proves_that_he_is_nobody_twice),
		TEST(a_listener_listens_again),
		TEST(what_is_not_in_the_guard_any_more_is_guarded_K16),
		TEST(an_id_is_not_used_again),
		TEST(its_owner_is_its_socket_and_his_limit_counts_it_D16_L8),
		TEST(the_later_of_two_of_one_tuple_is_meant),
		TEST(a_start_that_fails_late_leaves_everything_blocked_K16),
		TEST(what_cannot_be_read_is_blocked_until_an_administrator_has_seen_it_K53),
		TEST(with_a_whole_journal_nothing_is_set_free_K16),
		TEST(pluto_is_not_asked_for_everything_at_once_D16),
		TEST(who_refuses_is_asked_less_and_less_often_D16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
