/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions of the daemon before, with the journal in memory (design D13, K16, K24, K39). */

#include "engine_stage.h"

#include <stdio.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;

static struct pl_kept_session session_of(uint64_t number, uint32_t uid)
{
	struct pl_kept_session session = { .number = number, .uid = uid };

	memset(session.token, (int)number, sizeof(session.token));
	return session;
}

static int setup_journal(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID);
	int r = setup(state);

	fake.has_journal = true;
	fake.conf.restart_wait = 300;
	fake.conf.resume_wait = 30;
	fake.nr_remind = 100;
	assert_int_equal(pl_engine_session_save(fake.engine, &session), 0);
	return r;
}

/* Another daemon, with the policy that pluto makes anew; it has no session to tell. */
static void restart(void)
{
	fake.told = PL_TOLD_NOT;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	forget_log();
	fake.reminded[0] = '\0';
}

static int find(uint32_t uid, const struct pl_kept_session *session)
{
	uint64_t number = 0;
	int r = pl_engine_session_find(fake.engine, uid, session->token, &number);

	assert_true(r != 0 || number == session->number);
	assert_true(r == 0 || number == 0);
	return r;
}

static struct pl_owner owner_of(uint64_t id)
{
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return latch->owner;
}

static void assert_reminded(uint64_t id, const char *state)
{
	char text[256];

	snprintf(text, sizeof(text), "%llu %s, ", (unsigned long long)id, state);
	assert_string_equal(fake.reminded, text);
}

static void who_comes_back_owns_his_latches_and_is_told_how_they_are_K24(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID);
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	assert_int_equal(pl_engine_session_last(fake.engine), SESSION);
	assert_int_equal(find(UID, &session), 0);
	pl_engine_session_resumed(fake.engine, SESSION);
	assert_reminded(id, "broken");
	assert_int_equal(owner_of(id).kind, PL_OWNER_SESSION);
	assert_int_equal(owner_of(id).number, SESSION);
	/* and of what comes then */
	fake.alert.id = 0;
	assert_int_equal(install(child(7, who_b, REQID_B + 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(fake.alert.id, id);
	assert_int_equal(fake.alert.event, PL_EVENT_CLEARED);
	assert_in_force();
	/* time takes nothing away from him any more */
	fake.now += 100 * SECOND;
	pl_engine_tick(fake.engine);
	assert_int_equal(owner_of(id).kind, PL_OWNER_SESSION);
	assert_int_equal(fake.nr_sessions, 1);
}

static void wrong_token_other_user_and_a_session_that_lives_are_one_error(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID), wrong = session;

	(void)state;
	established(5000);
	assert_int_equal(find(UID, &session), PL_E_NOT_RESUMABLE);
	restart();
	for (unsigned i = 0; i < sizeof(wrong.token); i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			wrong.token[i] ^= (uint8_t)bit;
			assert_int_equal(find(UID, &wrong), PL_E_NOT_RESUMABLE);
			wrong.token[i] ^= (uint8_t)bit;
		}
	}
	assert_int_equal(find(UID + 1, &session), PL_E_NOT_RESUMABLE);
	/* not even root */
	assert_int_equal(find(0, &session), PL_E_NOT_RESUMABLE);
	assert_int_equal(find(UID, &session), 0);
	pl_engine_session_resumed(fake.engine, SESSION);
	assert_int_equal(find(UID, &session), PL_E_NOT_RESUMABLE);
}

static void who_does_not_come_in_time_has_left_his_latches_to_their_sockets_L8(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID);
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	fake.now += 29 * SECOND;
	pl_engine_tick(fake.engine);
	assert_int_equal(owner_of(id).kind, PL_OWNER_SESSION);
	assert_int_equal(find(UID, &session), 0);
	fake.now += 2 * SECOND;
	/* also before anybody looked at the clock */
	assert_int_equal(find(UID, &session), PL_E_NOT_RESUMABLE);
	pl_engine_tick(fake.engine);
	assert_int_equal(owner_of(id).kind, PL_OWNER_SOCKET);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.nr_sessions, 0);
	assert_in_force();
	/* the flow goes with its socket */
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_in_force();
}

static void without_time_to_resume_there_is_nobody_to_come_back(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID);
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.conf.resume_wait = 0;
	restart();
	assert_int_equal(owner_of(id).kind, PL_OWNER_SOCKET);
	assert_int_equal(find(UID, &session), PL_E_NOT_RESUMABLE);
	assert_int_equal(fake.nr_sessions, 0);
}

static void a_session_that_ended_is_not_in_the_journal(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID);
	uint64_t id;

	(void)state;
	id = established(5000);
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(fake.nr_sessions, 0);
	restart();
	assert_int_equal(owner_of(id).kind, PL_OWNER_SOCKET);
	assert_int_equal(find(UID, &session), PL_E_NOT_RESUMABLE);
}

static void what_is_closed_meanwhile_is_told_and_then_forgotten_T13_T14(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.conf.restart_wait = 0;
	restart();
	assert_int_equal(state_of(id), PL_STATE_CLOSED);
	/* the reset socket is gone, and he has not heard why */
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_CLOSED_GONE);
	assert_in_force();
	pl_engine_session_resumed(fake.engine, SESSION);
	assert_reminded(id, "closed");
	assert_int_equal(state_of(id), PL_STATE_NONE);
}

static void what_there_was_no_room_to_tell_stays_T13(void **state)
{
	uint64_t first, second;

	(void)state;
	first = established(5000);
	second = established(5001);
	fake.conf.restart_wait = 0;
	restart();
	fake.nr_remind = 1;
	pl_engine_session_resumed(fake.engine, SESSION);
	assert_reminded(first, "closed");
	assert_int_equal(state_of(first), PL_STATE_CLOSED_TOLD);
	assert_int_equal(state_of(second), PL_STATE_CLOSED);
}

static void who_released_is_not_told_again(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	restart();
	assert_int_equal(owner_of(id).kind, PL_OWNER_SOCKET);
	pl_engine_session_resumed(fake.engine, SESSION);
	assert_string_equal(fake.reminded, "");
}

static void a_socket_that_ended_meanwhile_is_noticed(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	restart();
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_CLOSED_GONE);
	assert_in_force();
}

/* A program that was restarted with the daemon does not resume: it begins anew, and at once. */
static void nobody_waits_for_a_session_that_may_not_come(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t id, again[2];
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, again, &nr), 0);
	id = established(5000);
	restart();
	fake.is_gone = true;
	/* the new program's socket is on the port */
	fake.has_mine = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_CLOSED_GONE);
	ask.owner.number = SESSION + 1;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, again, &nr), 0);
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &again[1]), 0);
	assert_true(again[1] != id);
	assert_in_force();
}

static void a_session_that_cannot_be_written_down_is_refused_and_changes_nothing(void **state)
{
	struct pl_kept_session session = session_of(SESSION, UID), next = session;

	(void)state;
	restart();
	next.token[0] ^= 1;
	fake.refuses = "save-session";
	assert_int_not_equal(pl_engine_session_save(fake.engine, &next), 0);
	fake.refuses = NULL;
	assert_int_equal(find(UID, &session), 0);
	assert_int_equal(fake.nr_sessions, 1);
	assert_memory_equal(&fake.sessions[0], &session, sizeof(session));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_journal, teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_comes_back_owns_his_latches_and_is_told_how_they_are_K24),
		TEST(wrong_token_other_user_and_a_session_that_lives_are_one_error),
		TEST(who_does_not_come_in_time_has_left_his_latches_to_their_sockets_L8),
		TEST(without_time_to_resume_there_is_nobody_to_come_back),
		TEST(a_session_that_ended_is_not_in_the_journal),
		TEST(what_is_closed_meanwhile_is_told_and_then_forgotten_T13_T14),
		TEST(what_there_was_no_room_to_tell_stays_T13),
		TEST(who_released_is_not_told_again),
		TEST(a_socket_that_ended_meanwhile_is_noticed),
		TEST(nobody_waits_for_a_session_that_may_not_come),
		TEST(a_session_that_cannot_be_written_down_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
