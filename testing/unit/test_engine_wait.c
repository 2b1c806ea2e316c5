/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches that wait for their SAs: what pluto is asked for, what ends the wait, and what is left of
 * one that came to nothing.
 */

#include "engine_stage.h"

#include <errno.h>
#include <string.h>

enum { WAIT_MS = 20000 };
#define MS UINT64_C(1000000)

static int ask_and_wait(uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(5000));

	ask.setup_ms = WAIT_MS;
	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

static uint64_t waiting(void)
{
	uint64_t id = 0;

	assert_int_equal(ask_and_wait(&id), 0);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_int_equal(fake.ticket, id);
	forget_log();
	return id;
}

static void answer(uint64_t ticket, int error, const char *reason)
{
	struct pl_fact fact = {
		.kind = PL_FACT_INITIATED, .u.initiated = { .ticket = ticket, .error = error },
	};

	strcpy(fact.u.initiated.reason, reason);
	pl_engine_note(fake.engine, &fact);
}

static void without_SAs_pluto_is_asked_and_nothing_passes_K25_K26(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(ask_and_wait(&id), 0);
	assert_string_equal(fake.log, "guard save initiate");
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	/* Guarded, and no pin. */
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

static void with_SAs_or_without_patience_pluto_is_not_asked_K25(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(latch_flow(5001, &id), PL_E_NO_SA);
	assert_null(strstr(fake.log, "initiate"));
	install(child(1, who_b, REQID_B));
	assert_int_equal(ask_and_wait(&id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_null(strstr(fake.log, "initiate"));
}

static void it_is_ESTABLISHED_when_its_SA_is_up_and_its_owner_told_T15(void **state)
{
	uint64_t id = waiting();

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_string_equal(fake.log, "ACCEPT permit:101 save ALERT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.event, PL_EVENT_COMPLETED);
	assert_int_equal(fake.alert.from, PL_STATE_LARVAL);
	assert_int_equal(fake.alert.to, PL_STATE_ESTABLISHED);
	/* What pluto says of it then changes nothing. */
	forget_log();
	answer(id, PL_E_NO_SA, "");
	assert_string_equal(fake.log, "");
	assert_in_force();
}

static void an_SA_is_taken_when_it_is_up_and_not_before_T15(void **state)
{
	struct pl_fact fact = child(1, who_b, REQID_B);
	uint64_t id = waiting();

	(void)state;
	assert_int_equal(pl_engine_child_install(fake.engine, &fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_string_equal(fake.log, "");
	fact.kind = PL_FACT_CHILD_FAILED;
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_in_force();
}

static void what_pluto_says_is_the_reason_and_nothing_is_left_K26(void **state)
{
	uint64_t id = waiting();

	(void)state;
	answer(id + 1, PL_E_NO_SA, "of another one");
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	answer(id, PL_E_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED");
	assert_string_equal(fake.log, "unguard forget ALERT");
	assert_int_equal(fake.alert.event, PL_EVENT_FAILED);
	assert_int_equal(fake.alert.error, PL_E_AUTHENTICATION_FAILED);
	assert_string_equal(fake.reason, "AUTHENTICATION_FAILED");
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void SAs_that_do_not_cover_it_are_none_K26(void **state)
{
	uint64_t id = waiting();

	(void)state;
	answer(id, 0, "");
	assert_int_equal(fake.alert.error, PL_E_NO_SA);
	assert_int_equal(state_of(id), PL_STATE_NONE);
}

static void a_timeout_leaves_no_latch_K26(void **state)
{
	uint64_t id = waiting();
	uint64_t deadline = fake.wake_at;

	(void)state;
	assert_in_range(deadline - fake.now, (WAIT_MS - 1) * MS, WAIT_MS * MS);
	fake.now = deadline - MS;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_int_equal(fake.wake_at, deadline);
	fake.now = deadline;
	pl_engine_tick(fake.engine);
	assert_string_equal(fake.log, "unguard forget cancel ALERT");
	assert_int_equal(fake.alert.error, PL_E_TIMEOUT);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void a_deadline_puts_no_other_tick_off(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2], deadline;
	unsigned nr;

	(void)state;
	(void)waiting();
	deadline = fake.wake_at;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	/* The end of a listener is looked for. */
	assert_true(fake.wake_at < deadline);
	fake.now = fake.wake_at;
	assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
	fake.is_gone = true;
	for (unsigned i = 0; i < 3 && fake.wake_at < deadline; i++) {
		fake.now = fake.wake_at;
		pl_engine_tick(fake.engine);
	}
	assert_int_equal(fake.wake_at, deadline);
}

static void too_weak_an_SA_is_its_end_K40(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	(void)state;
	ask.setup_ms = WAIT_MS;
	ask.require.min_key_bits = 512;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	install(child(1, who_b, REQID_B));
	assert_int_equal(fake.alert.error, PL_E_WEAK);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void conflict(bool may_be_broken, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	struct pl_fact b = child(1, who_b, REQID_B);

	ask.setup_ms = WAIT_MS;
	ask.may_be_broken = may_be_broken;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, id, NULL), 0);
	/* Both are there before either is up. */
	assert_int_equal(pl_engine_child_install(fake.engine, &b), PL_VERDICT_ACCEPT);
	install(child(2, who_c, REQID_C));
}

static void with_SAs_of_two_peers_there_is_no_latch_K31(void **state)
{
	uint64_t id;

	(void)state;
	conflict(false, &id);
	assert_int_equal(fake.alert.error, PL_E_CONFLICT);
	assert_non_null(strstr(fake.reason, "'C'"));
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void or_one_that_is_BROKEN_T3(void **state)
{
	uint64_t id;

	(void)state;
	conflict(true, &id);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.alert.event, PL_EVENT_CREATED_BROKEN);
	assert_in_force();
}

static void what_pluto_refuses_at_once_is_the_answer(void **state)
{
	uint64_t id = 0;

	(void)state;
	fake.initiate = PL_E_NOT_PROTECTED;
	assert_int_equal(ask_and_wait(&id), PL_E_NOT_PROTECTED);
	assert_int_equal(fake.nr_items, 0);
	assert_null(strstr(fake.log, "cancel"));
	assert_null(strstr(fake.log, "ALERT"));
}

static void its_owner_may_let_go_of_it(void **state)
{
	uint64_t id = waiting();

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_string_equal(fake.log, "unguard forget cancel");
	assert_int_equal(state_of(id), PL_STATE_NONE);
}

static void a_guard_that_does_not_let_go_is_asked_again(void **state)
{
	uint64_t id = waiting();

	(void)state;
	fake.refuses = "unguard";
	answer(id, PL_E_NO_SA, "nobody there");
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_null(strstr(fake.log, "ALERT"));
	/* Whatever comes up now comes too late. */
	install(child(1, who_b, REQID_B));
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	fake.refuses = NULL;
	forget_log();
	pl_engine_tick(fake.engine);
	assert_string_equal(fake.log, "unguard forget ALERT");
	assert_string_equal(fake.reason, "nobody there");
	assert_int_equal(state_of(id), PL_STATE_NONE);
}

static void a_flow_that_was_guarded_before_does_not_wait(void **state)
{
	uint64_t old = established(5000), id = 0;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, old), 0);
	down(1);
	forget_log();
	assert_int_equal(ask_and_wait(&id), PL_E_NO_SA);
	assert_string_equal(fake.log, "");
	assert_int_equal(state_of(old), PL_STATE_LINGERING);
}

static void one_whose_old_socket_is_gone_waits_like_any_other_K25(void **state)
{
	uint64_t old = established(5000), id = 0;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, old), 0);
	down(1);
	fake.is_gone = true;
	forget_log();
	assert_int_equal(ask_and_wait(&id), 0);
	assert_string_equal(fake.log, "unguard forget guard save initiate");
	assert_int_equal(state_of(old), PL_STATE_NONE);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	answer(id, PL_E_NO_SA, "");
	assert_int_equal(fake.nr_items, 0);
	assert_in_force();
}

static void pending_creations_have_a_limit_of_their_own(void **state)
{
	struct pl_engine_ask ask;
	uint64_t id, first = 0;
	uint32_t most;

	(void)state;
	most = fake.conf.limits.each[PL_LIMIT_PENDING];
	for (uint32_t i = 0; i < most; i++) {
		ask = ask_for(flow((uint16_t)(6000 + i)));
		ask.setup_ms = WAIT_MS;
		assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
		first = first == 0 ? id : first;
	}
	assert_int_equal(ask_and_wait(&id), PL_E_LIMIT_EXCEEDED);
	fake.ticket = first;
	answer(first, PL_E_NO_SA, "");
	assert_int_equal(ask_and_wait(&id), 0);
}

static int ask_again(struct pl_conflict_report *ret_report)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	/* the next socket */
	ask.tuple.local_port = 4001;
	ask.setup_ms = WAIT_MS;
	forget_log();
	return pl_engine_latch(fake.engine, &ask, &id, ret_report);
}

/* The flow is as free as it was. */
static void assert_held_back(int error)
{
	struct pl_conflict_report report = { .text = "" };

	assert_int_equal(ask_again(&report), error);
	assert_non_null(strstr(report.text, "held back for 1 s."));
	assert_null(strstr(fake.log, "initiate"));
	assert_int_equal(fake.nr_items, 0);
}

static void what_failed_is_not_asked_for_again_at_once_D16(void **state)
{
	uint64_t id = waiting();

	(void)state;
	answer(id, PL_E_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED");
	assert_held_back(PL_E_AUTHENTICATION_FAILED);
	fake.now += 1000 * MS;
	assert_int_equal(ask_again(NULL), 0);
	assert_non_null(strstr(fake.log, "initiate"));
}

static void nor_is_what_was_given_up_on_D16(void **state)
{
	uint64_t id = waiting();

	(void)state;
	fake.now = fake.wake_at;
	pl_engine_tick(fake.engine);
	assert_held_back(PL_E_TIMEOUT);
	fake.now += 1000 * MS;
	id = waiting();
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(ask_again(NULL), PL_E_NO_SA);
	assert_null(strstr(fake.log, "initiate"));
}

static void nor_what_came_up_and_would_not_do_D16(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	(void)state;
	ask.setup_ms = WAIT_MS;
	ask.peer = "@nobody";
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	install(child(1, who_b, REQID_B));
	assert_int_equal(fake.alert.error, PL_E_WRONG_PEER);
	down(1);
	forget_log();
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_WRONG_PEER);
	assert_null(strstr(fake.log, "initiate"));
	/* Who wants anybody is none of those who wanted him. */
	assert_int_equal(ask_again(NULL), 0);
}

static void SAs_that_are_there_are_taken_though_it_is_held_back_K25(void **state)
{
	uint64_t id = waiting();

	(void)state;
	answer(id, PL_E_NO_SA, "nobody there");
	assert_held_back(PL_E_NO_SA);
	install(child(1, who_b, REQID_B));
	assert_int_equal(ask_again(NULL), 0);
	assert_int_equal(state_of(id + 2), PL_STATE_ESTABLISHED);
}

static void what_pluto_never_began_is_not_held_back(void **state)
{
	uint64_t id;

	(void)state;
	fake.initiate = PL_E_NOT_PROTECTED;
	assert_int_equal(ask_and_wait(&id), PL_E_NOT_PROTECTED);
	fake.initiate = 0;
	assert_int_equal(ask_and_wait(&id), 0);
}

static void success_ends_the_hold_D16(void **state)
{
	uint64_t id = waiting();

	(void)state;
	answer(id, PL_E_NO_SA, "");
	fake.now += 1000 * MS;
	(void)waiting();
	install(child(1, who_b, REQID_B));
	down(1);
	assert_int_equal(ask_again(NULL), 0);
	answer(fake.ticket, PL_E_NO_SA, "");
	/* one second, not two */
	fake.now += 1000 * MS;
	assert_int_equal(ask_again(NULL), 0);
}

static void a_look_is_not_the_end_of_an_owner(void **state)
{
	uint64_t id = waiting();

	(void)state;
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	fake.now += 2 * WAIT_MS * MS;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_SAs_pluto_is_asked_and_nothing_passes_K25_K26),
		TEST(with_SAs_or_without_patience_pluto_is_not_asked_K25),
		TEST(it_is_ESTABLISHED_when_its_SA_is_up_and_its_owner_told_T15),
		TEST(an_SA_is_taken_when_it_is_up_and_not_before_T15),
		TEST(what_pluto_says_is_the_reason_and_nothing_is_left_K26),
		TEST(SAs_that_do_not_cover_it_are_none_K26),
		TEST(a_timeout_leaves_no_latch_K26),
		TEST(a_deadline_puts_no_other_tick_off),
		TEST(too_weak_an_SA_is_its_end_K40),
		TEST(with_SAs_of_two_peers_there_is_no_latch_K31),
		TEST(or_one_that_is_BROKEN_T3),
		TEST(what_pluto_refuses_at_once_is_the_answer),
		TEST(its_owner_may_let_go_of_it),
		TEST(a_guard_that_does_not_let_go_is_asked_again),
		TEST(a_flow_that_was_guarded_before_does_not_wait),
		TEST(one_whose_old_socket_is_gone_waits_like_any_other_K25),
		TEST(pending_creations_have_a_limit_of_their_own),
		TEST(what_failed_is_not_asked_for_again_at_once_D16),
		TEST(nor_is_what_was_given_up_on_D16),
		TEST(nor_what_came_up_and_would_not_do_D16),
		TEST(SAs_that_are_there_are_taken_though_it_is_held_back_K25),
		TEST(what_pluto_never_began_is_not_held_back),
		TEST(success_ends_the_hold_D16),
		TEST(a_look_is_not_the_end_of_an_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
