/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches of flows that this host forwards (L21): which packets make one, what breaks it, that no
 * socket ends it, and what a restart leaves of it. Of the stage's two hosts, the local one is
 * behind this gateway here.
 */

#include "engine_stage.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

static const char rules[] =
	"[flow exempt]\nforward = yes\nprotocol = tcp\nremote-port = 5009\n"
	"[flow lan]\nforward = yes\nprotocol = tcp\nlocal = 192.0.2.1\nremote = 192.0.2.2\n"
	"auto = yes\n"
	"[flow lan-udp]\nforward = yes\nprotocol = udp\nlocal = 192.0.2.1\nremote = 192.0.2.2\n"
	"auto = yes\n";

/* The same, and the inner end is to be told by a RST. */
static const char resets[] =
	"[flow lan]\nforward = yes\nprotocol = tcp\nlocal = 192.0.2.1\nremote = 192.0.2.2\n"
	"disposition = reset\nauto = yes\n"
	"[flow lan-udp]\nforward = yes\nprotocol = udp\nlocal = 192.0.2.1\nremote = 192.0.2.2\n"
	"disposition = reset\nauto = yes\n";

static void begin_with(const char *conf)
{
	struct pl_conf_error err;

	pl_conf_clear(&fake.conf);
	assert_int_equal(pl_conf_load(conf, strlen(conf), &fake.conf, &err), 0);
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
	forget_log();
	fake.calls = 0;
}

static int setup_forward(void **state)
{
	int r = setup(state);

	begin_with(rules);
	return r;
}

static int teardown_forward(void **state)
{
	pl_conf_clear(&fake.conf);
	return teardown(state);
}

static struct pl_tuple back(struct pl_tuple tuple)
{
	struct pl_tuple ret = tuple;

	ret.local_port = tuple.remote_port;
	ret.remote_port = tuple.local_port;
	memcpy(ret.local, tuple.remote, sizeof(ret.local));
	memcpy(ret.remote, tuple.local, sizeof(ret.remote));
	return ret;
}

static enum pl_auto_verdict held(struct pl_tuple sent, int want)
{
	int error = 99;
	enum pl_auto_verdict verdict = pl_engine_auto_forward(fake.engine, &sent, &error);

	assert_int_equal(error, want);
	return verdict;
}

static const struct pl_latch *latch_at(struct pl_tuple tuple)
{
	const struct pl_latch *latch;

	return pl_engine_find(fake.engine, NULL, &tuple, &latch) == 0 ? latch : NULL;
}

static void later(void)
{
	fake.now += 3000 * MS;
	pl_engine_tick(fake.engine);
}

static void whoever_begins_it_the_inner_end_is_the_local_one_L21(void **state)
{
	struct pl_tuple udp = flow(7);
	const struct pl_latch *latch;

	(void)state;
	udp.proto = PL_TUPLE_UDP;
	install(child(1, who_b, REQID_B));
	forget_log();
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard save permit:101 save");
	latch = latch_at(flow(5000));
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_true(latch->is_forwarded);
	assert_int_equal(latch->owner.kind, PL_OWNER_ADMIN);
	assert_ptr_equal(latch->params.peer.identity, who_b);
	/* from the other end, and no birth is asked for: the guard looks at the packet again */
	forget_log();
	assert_int_equal(held(back(flow(5001)), 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard save permit:101 save");
	assert_int_equal(latch_at(flow(5001))->state, PL_STATE_ESTABLISHED);
	assert_null(latch_at(back(flow(5001))));
	assert_int_equal(held(udp, 0), PL_AUTO_AGAIN);
	assert_true(latch_at(udp)->is_forwarded);
	/* packets of it that were held meanwhile, either way */
	forget_log();
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(held(back(flow(5000)), 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "");
	assert_in_force();
}

static void SAs_are_set_up_for_the_inner_end_only_L21_K25(void **state)
{
	(void)state;
	assert_int_equal(held(back(flow(5001)), PL_E_NO_SA), PL_AUTO_DROP);
	assert_null(latch_at(flow(5001)));
	assert_null(strstr(fake.log, "initiate"));
	forget_log();
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard save initiate");
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_LARVAL);
	assert_in_force();
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void what_no_rule_wants_or_two_peers_could_carry_is_not_latched_L21_K31(void **state)
{
	struct pl_tuple other = flow(5000);

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5009), PL_E_NOT_FOUND), PL_AUTO_DROP);
	assert_int_equal(held(back(flow(5009)), PL_E_NOT_FOUND), PL_AUTO_DROP);
	other.remote[3] = 3;
	assert_int_equal(held(other, PL_E_NOT_FOUND), PL_AUTO_DROP);
	install(child(2, who_c, REQID_C));
	assert_int_equal(held(flow(5000), PL_E_CONFLICT), PL_AUTO_DROP);
	assert_null(latch_at(flow(5000)));
	assert_in_force();
}

/* The rules are of no other flows, and others not of these. */
static void a_flow_of_this_host_is_none_that_it_forwards_L21(void **state)
{
	struct pl_tuple tuple = flow(5000);
	int error = 0;

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(pl_engine_auto(fake.engine, &tuple, PL_DIR_OUT, UID, &error),
			 PL_AUTO_DROP);
	assert_int_equal(error, PL_E_NOT_FOUND);
	begin_with("[flow own]\nprotocol = tcp\nremote = 192.0.2.2\nauto = yes\n");
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), PL_E_NOT_FOUND), PL_AUTO_DROP);
	assert_int_equal(pl_engine_auto(fake.engine, &tuple, PL_DIR_OUT, UID, &error),
			 PL_AUTO_AGAIN);
	assert_false(latch_at(tuple)->is_forwarded);
}

static void a_conflicting_SA_blocks_it_and_its_end_mends_it_L21_K33(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	forget_log();
	install(child(2, who_c, REQID_C));
	assert_string_equal(fake.log, "block save ACCEPT");
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_in_force();
	down(2);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* Not even a policy that the administrator would have for flows of this host. */
static void a_change_of_policy_breaks_it_L21_K37(void **state)
{
	(void)state;
	fake.conf.spd_change = PL_CONF_SPD_PROTECT;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	policy(PL_FACT_POLICY_ADD, "pass", 2);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_int_equal(fake.nr_steered, 0);
	assert_in_force();
}

static bool is_answered(struct pl_tuple tuple)
{
	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (fake.items[i].kind == PL_GUARD_ANSWER &&
		    pl_tuple_compare(&fake.items[i].tuple, &tuple) == 0)
			return true;
	}
	return false;
}

/* After it is blocked and on record; and before it passes again nobody is told any more that it is
 * over. */
static void a_rule_may_answer_the_inner_end_with_a_RST_K59_U18_L21(void **state)
{
	struct pl_tuple udp = flow(7);

	(void)state;
	udp.proto = PL_TUPLE_UDP;
	begin_with(resets);
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(held(back(flow(5001)), 0), PL_AUTO_AGAIN);
	assert_int_equal(held(udp, 0), PL_AUTO_AGAIN);
	forget_log();
	install(child(2, who_c, REQID_C));
	assert_string_equal(fake.log, "unpin:3 save save save answer answer ACCEPT");
	assert_true(is_answered(flow(5000)));
	assert_true(is_answered(flow(5001)));
	assert_false(is_answered(udp));
	assert_in_force();
	/* again, and from another side: nothing to add */
	install(child(3, who_c, REQID_C));
	assert_in_force();
	down(2);
	forget_log();
	down(3);
	assert_non_null(strstr(fake.log, "silence permit:101"));
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_false(is_answered(flow(5000)));
	assert_false(is_answered(flow(5001)));
	assert_in_force();
}

static void an_answer_that_the_guard_refuses_is_asked_for_again_K59_L21(void **state)
{
	(void)state;
	begin_with(resets);
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	fake.refuses = "answer";
	install(child(2, who_c, REQID_C));
	assert_safe();
	assert_false(is_answered(flow(5000)));
	later();
	assert_false(is_answered(flow(5000)));
	fake.refuses = NULL;
	forget_log();
	later();
	assert_true(is_answered(flow(5000)));
	assert_non_null(strstr(fake.log, "block"));
	assert_in_force();
	/* once is enough */
	forget_log();
	later();
	assert_null(strstr(fake.log, "answer"));
	down(2);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_false(is_answered(flow(5000)));
	assert_in_force();
	/* what is not wanted any more is not due either */
	fake.refuses = "answer";
	install(child(3, who_c, REQID_C));
	fake.refuses = NULL;
	down(3);
	later();
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_false(is_answered(flow(5000)));
	assert_in_force();
}

static void without_the_word_in_the_rule_nobody_is_answered_K60_L21(void **state)
{
	static const char *const words[] = { "", "disposition = default\n", "disposition = wait\n",
					     "disposition = unreachable\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char conf[256];

		snprintf(conf, sizeof(conf), "[flow lan]\nforward = yes\nprotocol = tcp\n"
			 "local = 192.0.2.1\nremote = 192.0.2.2\n%sauto = yes\n", words[i]);
		begin_with(conf);
		install(child(1, who_b, REQID_B));
		assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
		forget_log();
		install(child(2, who_c, REQID_C));
		assert_string_equal(fake.log, "block save ACCEPT");
		assert_int_equal(pl_engine_admin_close(fake.engine, latch_at(flow(5000))->id, "x"),
				 0);
		assert_false(is_answered(flow(5000)));
		assert_in_force();
		fake.is_gone = fake.is_idle = true;
		later();
		fake.is_gone = fake.is_idle = false;
	}
	/* nor is one of this host: it has a socket */
	begin_with("[flow own]\nprotocol = tcp\nremote = 192.0.2.2\ndisposition = reset\n");
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_flow(6000, &(uint64_t) { 0 }), 0);
	forget_log();
	install(child(2, who_c, REQID_C));
	assert_string_equal(fake.log, "block save ALERT dispose ACCEPT");
	assert_false(is_answered(flow(6000)));
}

/* Waiting for SAs is no break. What the administrator closes is as if reset. */
static void it_is_answered_when_closed_and_not_while_it_waits_K48_L21(void **state)
{
	(void)state;
	begin_with(resets);
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_LARVAL);
	assert_false(is_answered(flow(5000)));
	install(child(1, who_b, REQID_B));
	assert_false(is_answered(flow(5000)));
	assert_int_equal(pl_engine_admin_close(fake.engine, latch_at(flow(5000))->id, "x"), 0);
	assert_true(is_answered(flow(5000)));
	assert_in_force();
	/* the table is put anew with it, if somebody takes it away */
	fake.nr_items = 0;
	assert_int_equal(pl_engine_guard_lost(fake.engine), 0);
	assert_true(is_answered(flow(5000)));
	assert_in_force();
	fake.is_gone = fake.is_idle = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_int_equal(fake.nr_items, 0);
	assert_in_force();
}

/* A successor waits for the peer first, as for every other. */
static void a_restart_is_no_break_and_its_end_is_one_K16_L21(void **state)
{
	(void)state;
	fake.has_journal = true;
	begin_with(resets);
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	install(child(2, who_c, REQID_C));
	assert_true(is_answered(flow(5000)));
	fake.conf.restart_wait = 30;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_false(is_answered(flow(5000)));
	assert_in_force();
	pl_engine_tick(fake.engine);
	fake.now += 40000 * MS;
	pl_engine_tick(fake.engine);
	assert_int_equal(pl_state_shown(latch_at(flow(5000))->state), PL_STATE_CLOSED);
	assert_true(is_answered(flow(5000)));
	assert_in_force();
}

static void whatever_fails_nothing_is_answered_that_may_pass_L21(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 24; at++) {
		begin_with(resets);
		install(child(1, who_b, REQID_B));
		assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
		fake.calls = 0;
		fake.fail_at = at;
		install(child(2, who_c, REQID_C));
		assert_safe();
		down(2);
		assert_safe();
		fake.fail_at = 0;
		if (latch_at(flow(5000))->state == PL_STATE_BROKEN) {
			install(child(1, who_b, REQID_B));
			later();
		}
		assert_safe();
		assert_in_force();
		fake.is_gone = fake.is_idle = true;
		assert_int_equal(pl_engine_admin_close(fake.engine, latch_at(flow(5000))->id, "x"),
				 0);
		for (unsigned i = 0; i < 4; i++)
			later();
		fake.is_gone = fake.is_idle = false;
		assert_null(latch_at(flow(5000)));
		assert_in_force();
	}
}

static void it_ends_when_conntrack_says_so_and_not_with_a_socket_L21(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	fake.is_gone = true;	/* there never was one */
	later();
	assert_non_null(latch_at(flow(5000)));
	fake.is_idle = true;
	fake.refuses = "idle";
	later();
	assert_non_null(latch_at(flow(5000)));
	fake.refuses = NULL;
	later();
	assert_null(latch_at(flow(5000)));
	assert_int_equal(fake.nr_items, 0);
	assert_in_force();
}

static void a_broken_one_stays_blocked_until_it_is_over_L21_K45(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	install(child(2, who_c, REQID_C));
	fake.is_gone = true;
	later();
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_int_equal(pl_engine_admin_close(fake.engine, latch_at(flow(5000))->id, "x"), 0);
	later();
	assert_non_null(latch_at(flow(5000)));
	assert_in_force();
	fake.is_idle = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_in_force();
}

static void no_program_takes_it_over_L21(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_ALREADY_LATCHED);
	fake.is_gone = true;
	assert_int_equal(pl_engine_admin_close(fake.engine, latch_at(flow(5000))->id, "x"), 0);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_ALREADY_LATCHED);
	assert_true(latch_at(flow(5000))->is_forwarded);
	assert_int_equal(latch_at(flow(5000))->owner.kind, PL_OWNER_ADMIN);
	assert_in_force();
	/* nor does this host's flow become one that it forwards */
	assert_int_equal(latch_flow(6000, &id), 0);
	assert_int_equal(held(flow(6000), 0), PL_AUTO_AGAIN);
	assert_false(latch_at(flow(6000))->is_forwarded);
}

static void there_are_only_so_many_L21(void **state)
{
	char conf[sizeof(rules) + 64];

	(void)state;
	snprintf(conf, sizeof(conf), "%s[limits]\nautomatic = 2\n", rules);
	begin_with(conf);
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	assert_int_equal(held(back(flow(5001)), 0), PL_AUTO_AGAIN);
	assert_int_equal(held(flow(5002), PL_E_LIMIT_EXCEEDED), PL_AUTO_DROP);
	assert_null(latch_at(flow(5002)));
	assert_in_force();
	fake.is_gone = fake.is_idle = true;
	later();
	assert_int_equal(held(flow(5002), 0), PL_AUTO_AGAIN);
}

static void whatever_fails_nothing_passes_without_a_latch_L21(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 24; at++) {
		struct pl_tuple sent = at % 2 == 0 ? flow(5000) : back(flow(5000));
		enum pl_auto_verdict verdict;
		int error;

		begin_with(rules);
		install(child(1, who_b, REQID_B));
		fake.calls = 0;
		fake.fail_at = at / 2;
		verdict = pl_engine_auto_forward(fake.engine, &sent, &error);
		assert_true((verdict == PL_AUTO_AGAIN) == (error == 0));
		assert_safe();
		fake.fail_at = 0;
		fake.is_gone = fake.is_idle = true;
		for (unsigned i = 0; i < 4; i++)
			later();
		fake.is_gone = fake.is_idle = false;
		assert_null(latch_at(flow(5000)));
		assert_in_force();
		assert_int_equal(held(sent, 0), PL_AUTO_AGAIN);
		assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	}
}

static void after_a_restart_it_waits_for_its_peer_and_for_no_socket_L21_K16(void **state)
{
	(void)state;
	fake.has_journal = true;
	begin_with(rules);
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	fake.conf.restart_wait = 30;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_true(latch_at(flow(5000))->is_forwarded);
	fake.is_gone = true;
	later();
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_in_force();
	install(child(7, who_b, REQID_B + 4));
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* What is in the guard alone is closed; it may have been forwarded, and no socket is its end. */
static void without_a_journal_it_stays_blocked_until_conntrack_says_so_L21_K16(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	start();
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_CLOSED_TOLD);
	assert_int_equal(held(flow(5000), 0), PL_AUTO_AGAIN);
	fake.is_gone = true;
	later();
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_CLOSED_TOLD);
	fake.is_idle = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_forward, teardown_forward)
	const struct CMUnitTest tests[] = {
		TEST(whoever_begins_it_the_inner_end_is_the_local_one_L21),
		TEST(SAs_are_set_up_for_the_inner_end_only_L21_K25),
		TEST(what_no_rule_wants_or_two_peers_could_carry_is_not_latched_L21_K31),
		TEST(a_flow_of_this_host_is_none_that_it_forwards_L21),
		TEST(a_conflicting_SA_blocks_it_and_its_end_mends_it_L21_K33),
		TEST(a_change_of_policy_breaks_it_L21_K37),
		TEST(a_rule_may_answer_the_inner_end_with_a_RST_K59_U18_L21),
		TEST(an_answer_that_the_guard_refuses_is_asked_for_again_K59_L21),
		TEST(without_the_word_in_the_rule_nobody_is_answered_K60_L21),
		TEST(it_is_answered_when_closed_and_not_while_it_waits_K48_L21),
		TEST(a_restart_is_no_break_and_its_end_is_one_K16_L21),
		TEST(whatever_fails_nothing_is_answered_that_may_pass_L21),
		TEST(it_ends_when_conntrack_says_so_and_not_with_a_socket_L21),
		TEST(a_broken_one_stays_blocked_until_it_is_over_L21_K45),
		TEST(no_program_takes_it_over_L21),
		TEST(there_are_only_so_many_L21),
		TEST(whatever_fails_nothing_passes_without_a_latch_L21),
		TEST(after_a_restart_it_waits_for_its_peer_and_for_no_socket_L21_K16),
		TEST(without_a_journal_it_stays_blocked_until_conntrack_says_so_L21_K16),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_forward", tests, NULL, NULL);
}
