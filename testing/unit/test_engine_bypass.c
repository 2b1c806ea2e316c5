/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A privileged program asks that its connection passes in clear where the SPD protects it (RFC 5660
 * section 3.1): who may, what happens in which order, and that nothing of it is left.
 */

#include "engine_stage.h"

#include <stdio.h>
#include <string.h>

static struct pl_engine_ask ask_bypass(uint32_t uid)
{
	struct pl_engine_ask ask = ask_for(flow(1));

	ask.owner.uid = uid;
	ask.is_bypass = true;
	return ask;
}

static int bypass(uint64_t *id)
{
	struct pl_engine_ask ask = ask_bypass(0);

	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

static int setup_allowed(void **state)
{
	int r = setup(state);

	fake.conf.other.may_bypass = true;
	return r;
}

static struct pl_xfrm_change own(enum pl_direction way)
{
	struct pl_xfrm_change change = {
		.kind = PL_XFRM_POLICY_NEW,
		.u.policy = { .direction = way, .user = PL_XFRM_OURS,
			      .priority = PL_XFRM_FIRST, .effect = PL_XFRM_PASSES },
	};
	struct pl_xfrm_policy *policy = &change.u.policy;
	struct pl_tuple tuple = flow(1);

	pl_tuple_selectors(&tuple, way == PL_DIR_OUT ? &policy->src : &policy->dst,
			   way == PL_DIR_OUT ? &policy->dst : &policy->src);
	return change;
}

static struct pl_xfrm_change wide(enum pl_xfrm_effect effect, uint32_t priority)
{
	struct pl_xfrm_change change = {
		.kind = PL_XFRM_POLICY_NEW,
		.u.policy = { .direction = PL_DIR_OUT, .src = host(1), .dst = host(2),
			      .priority = priority, .effect = effect },
	};

	change.u.policy.src.lo[3] = 0;
	change.u.policy.src.hi[3] = 255;
	return change;
}

static void hear(struct pl_xfrm_change change)
{
	assert_int_equal(pl_engine_xfrm(fake.engine, &change), 0);
	pl_engine_xfrm_settle(fake.engine);
	assert_safe();
}

static uint64_t bypassed(void)
{
	uint64_t id;

	forget_log();
	assert_int_equal(bypass(&id), 0);
	hear(own(PL_DIR_IN));
	hear(own(PL_DIR_OUT));
	return id;
}

static void uid_0_gets_a_bypass_in_one_step_K55_K56_K57_L23(void **state)
{
	const struct pl_latch *latch;
	uint64_t id = bypassed();

	(void)state;
	/* nothing passes before the policies are there */
	assert_string_equal(fake.log, "reroute guard save steer:0 bypass save");
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_true(latch->is_bypass);
	assert_null(latch->params.peer.identity);
	assert_true(fake.steered[0].is_bypass);
	assert_in_force();
	/* SAs come and go beside it */
	forget_log();
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	down(1);
	assert_string_equal(fake.log, "ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void nobody_else_does_L23_K11(void **state)
{
	struct pl_engine_ask ask = ask_bypass(UID);
	uint64_t id;

	(void)state;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_NOT_AUTHORIZED);
	ask.owner.uid = 0;
	fake.conf.other.may_bypass = false;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_FORBIDDEN);
	fake.conf.other.may_bypass = true;
	fake.conf.other.require.protection = PL_PROTECT_INTEGRITY;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_FORBIDDEN);
	fake.conf.other.require.protection = 0;
	hear(wide(PL_XFRM_DISCARDS, 1));
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_CONFLICT);
	fake.refuses = "reroute";
	assert_int_not_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	assert_int_equal(fake.nr_items, 0);
	assert_int_equal(fake.nr_steered, 0);
}

static void what_excludes_it_has_a_name_L23(void **state)
{
	struct pl_engine_ask asks[] = {
		ask_bypass(0), ask_bypass(0), ask_bypass(0), ask_bypass(0), ask_bypass(0),
		ask_bypass(0),
	};
	static const int errors[] = {
		PL_E_WEAK, PL_E_WEAK, PL_E_WEAK, PL_E_WEAK, PL_E_UNSUPPORTED, PL_E_UNSUPPORTED,
	};
	uint64_t id;

	(void)state;
	asks[0].require.protection = PL_PROTECT_INTEGRITY;
	asks[1].require.min_key_bits = 128;
	asks[2].require.min_integ_bits = 96;
	asks[3].require.mode = PL_MODE_TUNNEL;
	asks[4].is_narrow = true;
	asks[5].suite.protocol = PL_PROTO_ESP;
	for (unsigned i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		assert_int_equal(pl_engine_latch(fake.engine, &asks[i], &id, NULL), errors[i]);
	assert_string_equal(fake.log, "");
}

static void nothing_of_it_outlives_the_connection_K17_K55_L1(void **state)
{
	struct pl_tuple tuple = flow(1);
	uint64_t id = bypassed();

	(void)state;
	fake.is_gone = true;
	forget_log();
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	/* its socket may be another's by then: no way of before is left */
	assert_string_equal(fake.log, "unsteer reroute unguard save ALERT forget");
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(fake.nr_items, 0);
}

static void nothing_passes_after_its_end_by_anybody_K55_K46(void **state)
{
	uint64_t id = bypassed();

	(void)state;
	forget_log();
	assert_int_equal(pl_engine_admin_break(fake.engine, id, "enough"), 0);
	assert_string_equal(fake.log, "block unsteer reroute save ALERT dispose");
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	assert_in_force();
}

static void policies_of_others_that_go_before_it_break_it_K36_K11(void **state)
{
	struct pl_xfrm_change flush = { .kind = PL_XFRM_POLICY_FLUSH };
	uint64_t id = bypassed();

	(void)state;
	forget_log();
	/* its own are put back, and worse ones of others do not matter */
	hear(flush);
	assert_string_equal(fake.log, "steer:0");
	hear(own(PL_DIR_IN));
	hear(own(PL_DIR_OUT));
	hear(wide(PL_XFRM_PROTECTS, 1));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	hear(wide(PL_XFRM_DISCARDS, 1));
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.nr_steered, 0);
	assert_in_force();
}

static void a_lost_guard_comes_back_with_it_K55(void **state)
{
	uint64_t id = bypassed();

	(void)state;
	fake.nr_items = 0;
	assert_int_equal(pl_engine_guard_lost(fake.engine), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.nr_items, 3);
	assert_in_force();
}

static void a_successor_lets_nothing_by_K58(void **state)
{
	uint64_t id = bypassed();

	(void)state;
	start();
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_CLOSED_TOLD);
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

/* A journal, and a daemon after it; the session of who asked may come back. */
static uint64_t bypassed_and_killed(void)
{
	static const struct pl_kept_session session = { .number = SESSION, .token = { 1 } };
	uint64_t id;

	fake.has_journal = true;
	fake.conf.restart_wait = 300;
	fake.conf.resume_wait = 30;
	fake.nr_remind = 100;
	assert_int_equal(pl_engine_session_save(fake.engine, &session), 0);
	id = bypassed();
	assert_int_equal(fake.nr_records, 1);
	assert_true(fake.records[0].kept.is_bypass);
	fake.told = PL_TOLD_NOT;
	forget_log();
	start();
	return id;
}

static void its_owner_hears_of_its_end_from_the_successor_K58_K16(void **state)
{
	uint64_t id = bypassed_and_killed();
	const struct pl_latch *latch;
	char text[64];

	(void)state;
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_CLOSED);
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_true(latch->is_bypass);
	assert_non_null(strstr(latch->reason, "in clear"));
	/* nothing brings it back */
	hear(wide(PL_XFRM_PASSES, 1));
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(state_of(id), PL_STATE_CLOSED);
	assert_in_force();
	pl_engine_session_resumed(fake.engine, SESSION);
	snprintf(text, sizeof(text), "%llu closed, ", (unsigned long long)id);
	assert_string_equal(fake.reminded, text);
	assert_int_equal(fake.nr_items, 1);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
	assert_int_equal(fake.nr_records, 0);
}

static void one_that_cannot_be_written_down_is_none_K57_K58(void **state)
{
	uint64_t id = 0;

	(void)state;
	fake.refuses = "save";
	assert_int_not_equal(bypass(&id), 0);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_steered, 0);
	assert_int_equal(fake.nr_items, 0);
	assert_in_force();
}

static void whatever_fails_nothing_is_left_K57(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 8; at++) {
		uint64_t id = 0;
		int r;

		teardown(NULL);
		setup_allowed(NULL);
		fake.fail_at = at;
		r = bypass(&id);
		assert_int_equal(r == 0, at > 6);
		fake.fail_at = 0;
		pl_engine_tick(fake.engine);
		assert_in_force();
		assert_int_equal(fake.nr_steered, at > 6);
		assert_int_equal(state_of(id), r == 0 ? PL_STATE_ESTABLISHED : PL_STATE_NONE);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_allowed, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(uid_0_gets_a_bypass_in_one_step_K55_K56_K57_L23),
		TEST(nobody_else_does_L23_K11),
		TEST(what_excludes_it_has_a_name_L23),
		TEST(nothing_of_it_outlives_the_connection_K17_K55_L1),
		TEST(nothing_passes_after_its_end_by_anybody_K55_K46),
		TEST(policies_of_others_that_go_before_it_break_it_K36_K11),
		TEST(a_lost_guard_comes_back_with_it_K55),
		TEST(a_successor_lets_nothing_by_K58),
		TEST(its_owner_hears_of_its_end_from_the_successor_K58_K16),
		TEST(one_that_cannot_be_written_down_is_none_K57_K58),
		TEST(whatever_fails_nothing_is_left_K57),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
