/* SPDX-License-Identifier: GPL-2.0-or-later */

/* spd-change = protect: a change of the SPD is answered with policies for just the latched flow
 * (K38), which are there while they are needed and no longer (K17, L1).
 */

#include "engine_stage.h"

#include <string.h>

static struct pl_xfrm_change policy_of(enum pl_direction way, uint32_t priority, uint32_t reqid)
{
	return (struct pl_xfrm_change) {
		.kind = PL_XFRM_POLICY_NEW,
		.u.policy = {
			.direction = way, .src = host(way == PL_DIR_OUT ? 1 : 2),
			.dst = host(way == PL_DIR_OUT ? 2 : 1), .priority = priority,
			.effect = PL_XFRM_PROTECTS, .reqid = reqid,
		},
	};
}

/* what the kernel says of a policy of ours */
static struct pl_xfrm_change own(enum pl_direction way, uint32_t reqid)
{
	struct pl_xfrm_change change = policy_of(way, PL_XFRM_FIRST, reqid);
	struct pl_xfrm_policy *policy = &change.u.policy;
	struct pl_tuple tuple = flow(1);

	policy->user = PL_XFRM_OURS;
	pl_tuple_selectors(&tuple, way == PL_DIR_OUT ? &policy->src : &policy->dst,
			   way == PL_DIR_OUT ? &policy->dst : &policy->src);
	return change;
}

static struct pl_xfrm_change pass(uint32_t priority)
{
	struct pl_xfrm_change change = policy_of(PL_DIR_OUT, priority, 0);

	change.u.policy.effect = PL_XFRM_PASSES;
	change.u.policy.src.lo[3] = 0;
	change.u.policy.src.hi[3] = 255;
	return change;
}

static struct pl_xfrm_change gone(struct pl_xfrm_change change)
{
	change.kind = PL_XFRM_POLICY_GONE;
	return change;
}

static void hear(struct pl_xfrm_change change)
{
	assert_int_equal(pl_engine_xfrm(fake.engine, &change), 0);
	pl_engine_xfrm_settle(fake.engine);
	assert_safe();
}

static const struct pl_latch *latch_of(uint64_t id)
{
	const struct pl_latch *latch = NULL;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return latch;
}

static void is_steered(uint64_t id, uint32_t reqid)
{
	const struct pl_latch *latch = latch_of(id);

	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_true(latch->is_steered);
	assert_int_equal(fake.nr_steered, 1);
	assert_int_equal(pl_tuple_compare(&fake.steered[0].tuple, &latch->tuple), 0);
	assert_int_equal(fake.steered[0].reqid, reqid);
	assert_in_force();
}

static void is_on_its_own(uint64_t id, enum pl_state state)
{
	const struct pl_latch *latch = latch_of(id);

	assert_int_equal(latch->state, state);
	assert_false(latch->is_steered);
	assert_int_equal(fake.nr_steered, 0);
	assert_in_force();
}

static int setup_protect(void **state)
{
	int r = setup(state);

	fake.conf.spd_change = PL_CONF_SPD_PROTECT;
	return r;
}

static uint64_t carried(void)
{
	uint64_t id = established(1);

	hear(policy_of(PL_DIR_IN, 100, 0));
	hear(policy_of(PL_DIR_OUT, 100, 0));
	assert_string_equal(fake.log, "");
	return id;
}

static uint64_t steered(void)
{
	uint64_t id = carried();

	hear(pass(1));
	is_steered(id, REQID_B);
	forget_log();
	return id;
}

static void a_change_of_the_SPD_is_answered_with_policies_of_its_own_K38_K17(void **state)
{
	uint64_t id = carried(), generation = latch_of(id)->generation;

	(void)state;
	hear(pass(1));
	assert_string_equal(fake.log, "steer:101");
	is_steered(id, REQID_B);
	assert_int_equal(fake.steered[0].protocol, PL_PROTO_ESP);
	assert_int_equal(fake.steered[0].mode, PL_MODE_TRANSPORT);
	assert_true(latch_of(id)->generation > generation);
	/* what we did is told by the kernel, too */
	hear(own(PL_DIR_IN, REQID_B));
	hear(own(PL_DIR_OUT, REQID_B));
	assert_string_equal(fake.log, "steer:101");
	forget_log();
	hear(gone(pass(1)));
	assert_string_equal(fake.log, "unsteer");
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	hear(gone(own(PL_DIR_IN, REQID_B)));
	hear(gone(own(PL_DIR_OUT, REQID_B)));
	assert_string_equal(fake.log, "unsteer");
}

static void without_the_wish_the_latch_breaks_K37(void **state)
{
	uint64_t id = carried();

	(void)state;
	hear(pass(1));
	assert_null(strstr(fake.log, "steer"));
	is_on_its_own(id, PL_STATE_BROKEN);
}

static void whatever_takes_the_protection_away_is_answered_K38(void **state)
{
	struct pl_xfrm_change flush = { .kind = PL_XFRM_POLICY_FLUSH };
	struct pl_fact unroute = { .kind = PL_FACT_CONN_UNROUTE, .conn = { .serial = 1 } };
	struct pl_fact route = { .kind = PL_FACT_CONN_ROUTE, .conn = { .serial = 1 } };
	uint64_t id = carried();

	(void)state;
	/* by pluto, before it is done */
	policy(PL_FACT_POLICY_ADD, "PASS", 2);
	is_steered(id, REQID_B);
	policy(PL_FACT_POLICY_ADD, "", 1);
	is_steered(id, REQID_B);	/* until the kernel has it */
	pl_engine_xfrm_settle(fake.engine);
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	/* policies that want other SAs, deleted ones, all of them */
	hear(policy_of(PL_DIR_OUT, 100, REQID_C));
	is_steered(id, REQID_B);
	hear(policy_of(PL_DIR_OUT, 100, 0));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	hear(gone(policy_of(PL_DIR_IN, 100, 0)));
	is_steered(id, REQID_B);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	hear(flush);
	is_steered(id, REQID_B);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_steered(id, REQID_B);
	hear(policy_of(PL_DIR_OUT, 100, 0));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	/* on purpose */
	pl_engine_note(fake.engine, &unroute);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	is_steered(id, REQID_B);
	pl_engine_note(fake.engine, &route);
	policy(PL_FACT_POLICY_ADD, "", 1);
	pl_engine_xfrm_settle(fake.engine);
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.id, 0);
}

static void policies_of_its_own_that_somebody_takes_are_put_back_K38(void **state)
{
	struct pl_xfrm_change flush = { .kind = PL_XFRM_POLICY_FLUSH };
	struct pl_xfrm_change other = own(PL_DIR_OUT, REQID_C);
	uint64_t id = steered();

	(void)state;
	hear(own(PL_DIR_IN, REQID_B));
	hear(own(PL_DIR_OUT, REQID_B));
	assert_string_equal(fake.log, "");
	hear(gone(own(PL_DIR_OUT, REQID_B)));
	assert_string_equal(fake.log, "steer:101");
	is_steered(id, REQID_B);
	hear(own(PL_DIR_OUT, REQID_B));
	forget_log();
	hear(flush);
	assert_string_equal(fake.log, "steer:101");
	is_steered(id, REQID_B);
	hear(own(PL_DIR_IN, REQID_B));
	hear(own(PL_DIR_OUT, REQID_B));
	/* overwritten: another's in our place */
	forget_log();
	hear(other);
	assert_non_null(strstr(fake.log, "steer:101"));
	hear(own(PL_DIR_OUT, REQID_B));
	assert_safe();
	other.u.policy.reqid = REQID_B;
	hear(other);
	is_steered(id, REQID_B);
}

static void as_good_a_policy_as_ours_breaks_K37(void **state)
{
	uint64_t id = carried();

	(void)state;
	/* which of two equals the kernel takes depends on their history */
	hear(pass(PL_XFRM_FIRST));
	is_on_its_own(id, PL_STATE_BROKEN);
	hear(gone(pass(PL_XFRM_FIRST)));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
}

static void without_an_SA_there_is_nothing_to_keep_K37(void **state)
{
	uint64_t id = carried();

	(void)state;
	down(1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	hear(pass(1));
	assert_null(strstr(fake.log, "steer:"));
	is_on_its_own(id, PL_STATE_BROKEN);
}

static void they_follow_the_SAs_of_the_latch_K38_L5(void **state)
{
	struct pl_fact moved = child(2, who_b, REQID_B + 10);
	uint64_t id = steered();

	(void)state;
	assert_int_equal(install(child(2, who_b, REQID_B + 10)), PL_VERDICT_ACCEPT);
	is_steered(id, REQID_B + 10);
	/* MOBIKE */
	moved.kind = PL_FACT_SA_MIGRATE;
	moved.u.child.path.remote = (struct pl_address) { .af = PL_AF_IP4, .bytes = { 9 } };
	pl_engine_note(fake.engine, &moved);
	assert_int_equal(fake.steered[0].remote.bytes[0], 9);
	down(2);
	is_steered(id, REQID_B);
	/* no SA: its packets wait for one, and do not leave in clear */
	down(1);
	is_steered(id, REQID_B);
	assert_int_equal(install(child(3, who_b, REQID_B + 20)), PL_VERDICT_ACCEPT);
	is_steered(id, REQID_B + 20);
}

static void they_go_with_a_break_of_another_cause_K17(void **state)
{
	uint64_t id = steered();

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block unsteer save ALERT dispose ACCEPT");
	is_on_its_own(id, PL_STATE_BROKEN);
	/* what the SPD does now is a conflict of its own */
	down(2);
	is_on_its_own(id, PL_STATE_BROKEN);
	hear(gone(pass(1)));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
}

static void they_go_with_the_connection_K17_L1(void **state)
{
	uint64_t id = steered();
	struct pl_tuple tuple = flow(1);

	(void)state;
	/* what is released is the socket's until that is gone */
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(fake.nr_steered, 1);
	assert_safe();
	fake.is_gone = true;
	forget_log();
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	assert_string_equal(fake.log, "unsteer unguard forget");
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_in_force();
}

static void each_end_takes_them_away_K17(void **state)
{
	uint64_t id = steered();

	(void)state;
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "end"), 0);
	is_on_its_own(id, PL_STATE_CLOSED_TOLD);
}

static void unprotect_takes_them_away_K17(void **state)
{
	uint64_t id = steered();

	(void)state;
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, id), 0);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_NONE);
}

static void what_cannot_be_put_breaks_K37(void **state)
{
	uint64_t id = carried();

	(void)state;
	fake.refuses = "steer";
	hear(pass(1));
	is_on_its_own(id, PL_STATE_BROKEN);
	assert_non_null(strstr(fake.log, "unsteer"));
	fake.refuses = NULL;
	hear(gone(pass(1)));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
}

static void what_cannot_be_taken_away_is_tried_again_K17(void **state)
{
	struct pl_tuple tuple = flow(1);
	uint64_t id = steered();

	(void)state;
	fake.refuses = "unsteer";
	/* the SPD is right again, and the latch is fine */
	hear(gone(pass(1)));
	is_steered(id, REQID_B);
	/* broken: blocked all the same */
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.nr_steered, 1);
	assert_in_force();
	/* nobody forgets them with the flow */
	fake.is_gone = true;
	assert_int_not_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.refuses = NULL;
	fake.is_gone = false;
	pl_engine_tick(fake.engine);
	is_on_its_own(id, PL_STATE_BROKEN);
}

static void a_flow_that_stays_guarded_keeps_its_policies_K38(void **state)
{
	struct pl_tuple tuple = flow(1);
	uint64_t id = steered();

	(void)state;
	fake.is_gone = true;
	fake.refuses = "unguard";
	assert_int_not_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	is_steered(id, REQID_B);
}

static void a_flow_that_lives_by_them_has_no_successor_K17(void **state)
{
	uint64_t id = steered(), heir;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	/* the SPD lets it by: no new latch, and the old one stays */
	assert_int_equal(latch_flow(1, &heir), PL_E_CONFLICT);
	assert_int_equal(state_of(id), PL_STATE_LINGERING);
	assert_int_equal(fake.nr_steered, 1);
	hear(gone(pass(1)));
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(latch_flow(1, &heir), 0);
	assert_in_force();
}

static void nothing_of_a_predecessor_is_left_K18_K39(void **state)
{
	uint64_t id = steered();

	(void)state;
	start();
	assert_string_equal(fake.log, "rebuild left sweep guard block save dispose save");
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_CLOSED_TOLD);
}

static void a_daemon_that_cannot_sweep_does_not_latch_K39(void **state)
{
	struct pl_engine_settings settings = { .first_id = 1, .conf = &fake.conf };
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	uint64_t id = carried();

	(void)state;
	(void)id;
	fake.refuses = "sweep";
	assert_int_not_equal(pl_engine_start(engine, fake_ops(), &settings), 0);
	fake.refuses = NULL;
	pl_engine_free(engine);
}

/* What a program asks for, and what becomes of it where the SPD lets its packets by. */
static int want(uint16_t port, uint8_t protection, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(port));

	ask.require.protection = protection;
	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

static void protection_is_given_over_BYPASS_to_who_asks_for_it_K55_K56_K57(void **state)
{
	uint64_t id, other;

	(void)state;
	install(child(1, who_b, REQID_B));
	hear(pass(1));
	forget_log();
	/* who takes what the SPD gives, gets that */
	assert_int_equal(latch_flow(1, &id), PL_E_CONFLICT);
	assert_null(strstr(fake.log, "steer"));
	forget_log();
	/* nothing passes, then the policy, then the pin: one step for the program */
	assert_int_equal(want(1, PL_PROTECT_CONFIDENTIALITY, &id), 0);
	assert_string_equal(fake.log, "guard save steer:101 permit:101 save");
	is_steered(id, REQID_B);
	/* whenever it is needed, whatever latch.conf says of changes */
	hear(gone(pass(1)));
	is_on_its_own(id, PL_STATE_ESTABLISHED);
	hear(pass(1));
	is_steered(id, REQID_B);
	assert_int_equal(want(2, PL_PROTECT_INTEGRITY, &other), 0);
	assert_int_equal(fake.nr_steered, 2);
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, id), 0);
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, other), 0);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(fake.nr_items, 0);
}

static void and_without_any_policy_K55(void **state)
{
	uint64_t id;

	(void)state;
	policy(PL_FACT_POLICY_DELETE, "", 1);
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_flow(1, &id), PL_E_NOT_PROTECTED);
	assert_int_equal(want(1, PL_PROTECT_INTEGRITY, &id), 0);
	is_steered(id, REQID_B);
}

static void an_SA_that_is_set_up_for_it_is_led_to_at_once_K55_K56_K57(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(1));
	uint64_t id;

	(void)state;
	hear(pass(1));
	ask.setup_ms = 1000;
	ask.require.protection = PL_PROTECT_INTEGRITY;
	forget_log();
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	assert_string_equal(fake.log, "guard save initiate");
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	forget_log();
	install(child(1, who_b, REQID_B));
	assert_string_equal(fake.log, "ACCEPT steer:101 permit:101 save ALERT");
	is_steered(id, REQID_B);
}

static void a_wish_that_comes_to_nothing_leaves_nothing_K57_L1(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 7; at++) {
		uint64_t id = 0;
		int r;

		teardown(NULL);
		setup(NULL);
		install(child(1, who_b, REQID_B));
		hear(pass(1));
		fake.calls = 0;
		fake.fail_at = at;
		r = want(1, PL_PROTECT_INTEGRITY, &id);
		assert_int_equal(r == 0, at > 5);
		fake.fail_at = 0;
		pl_engine_tick(fake.engine);
		assert_in_force();
		assert_int_equal(fake.nr_steered, at > 5);
		assert_int_equal(state_of(id), r == 0 ? PL_STATE_ESTABLISHED : PL_STATE_NONE);
	}
}

static void what_the_SPD_discards_or_gives_to_others_is_not_got_around_K11(void **state)
{
	struct pl_xfrm_change drop = policy_of(PL_DIR_IN, 1, 0), others = pass(1);
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_B));
	drop.u.policy.effect = PL_XFRM_DISCARDS;
	drop.u.policy.mark = (struct pl_xfrm_mark) { 5, 255 };
	hear(drop);
	hear(pass(1));
	assert_int_equal(want(1, PL_PROTECT_INTEGRITY, &id), PL_E_CONFLICT);
	hear(gone(drop));
	others.u.policy.effect = PL_XFRM_PROTECTS;
	others.u.policy.reqid = REQID_C;
	hear(others);
	assert_int_equal(want(1, PL_PROTECT_INTEGRITY, &id), PL_E_CONFLICT);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(fake.nr_items, 0);
	/* and what is there by then breaks */
	hear(pass(1));
	assert_int_equal(want(1, PL_PROTECT_INTEGRITY, &id), 0);
	hear(drop);
	is_on_its_own(id, PL_STATE_BROKEN);
}

static void a_weaker_SA_is_not_what_was_asked_for_K11(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(1));
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_B));
	hear(pass(1));
	ask.require.protection = PL_PROTECT_CONFIDENTIALITY;
	ask.require.min_key_bits = 512;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_WEAK);
	assert_int_equal(fake.nr_steered, 0);
}

static void what_latch_conf_demands_is_no_wish_K55(void **state)
{
	uint64_t id;

	(void)state;
	fake.conf.other.require.protection = PL_PROTECT_INTEGRITY;
	install(child(1, who_b, REQID_B));
	hear(pass(1));
	assert_int_equal(latch_flow(1, &id), PL_E_CONFLICT);
	assert_int_equal(fake.nr_steered, 0);
}

static void any_fault_leaves_it_protected_or_stopped_K38_K17(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 12; at++) {
		struct pl_tuple tuple = flow(1);
		uint64_t id;

		teardown(NULL);
		setup_protect(NULL);
		id = carried();
		fake.calls = 0;
		fake.fail_at = at;
		hear(pass(1));
		assert_int_equal(install(child(2, who_b, REQID_B + 10)), PL_VERDICT_ACCEPT);
		hear(gone(pass(1)));
		hear(pass(1));
		assert_safe();
		fake.fail_at = 0;
		fake.is_gone = true;
		pl_engine_tick(fake.engine);
		(void)!pl_engine_flow_gone(fake.engine, &tuple);
		(void)!pl_engine_release(fake.engine, NULL, id);
		pl_engine_tick(fake.engine);
		assert_int_equal(fake.nr_steered, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_protect, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_of_the_SPD_is_answered_with_policies_of_its_own_K38_K17),
		cmocka_unit_test_setup_teardown(without_the_wish_the_latch_breaks_K37, setup,
						teardown),
		TEST(whatever_takes_the_protection_away_is_answered_K38),
		TEST(policies_of_its_own_that_somebody_takes_are_put_back_K38),
		TEST(as_good_a_policy_as_ours_breaks_K37),
		TEST(without_an_SA_there_is_nothing_to_keep_K37),
		TEST(they_follow_the_SAs_of_the_latch_K38_L5),
		TEST(they_go_with_a_break_of_another_cause_K17),
		TEST(they_go_with_the_connection_K17_L1),
		TEST(each_end_takes_them_away_K17),
		TEST(unprotect_takes_them_away_K17),
		TEST(what_cannot_be_put_breaks_K37),
		TEST(what_cannot_be_taken_away_is_tried_again_K17),
		TEST(a_flow_that_stays_guarded_keeps_its_policies_K38),
		TEST(a_flow_that_lives_by_them_has_no_successor_K17),
		TEST(nothing_of_a_predecessor_is_left_K18_K39),
		TEST(a_daemon_that_cannot_sweep_does_not_latch_K39),
		cmocka_unit_test_setup_teardown(
			protection_is_given_over_BYPASS_to_who_asks_for_it_K55_K56_K57, setup,
			teardown),
		cmocka_unit_test_setup_teardown(and_without_any_policy_K55, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_SA_that_is_set_up_for_it_is_led_to_at_once_K55_K56_K57, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wish_that_comes_to_nothing_leaves_nothing_K57_L1,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_the_SPD_discards_or_gives_to_others_is_not_got_around_K11, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_weaker_SA_is_not_what_was_asked_for_K11, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_latch_conf_demands_is_no_wish_K55, setup,
						teardown),
		TEST(any_fault_leaves_it_protected_or_stopped_K38_K17),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
