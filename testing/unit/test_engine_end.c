/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine's patience, and the ends of latches: what a tick looks after and for how long, and
 * what a release, the end of a socket, of a session, or an administrator leave in the guard.
 */

#include "engine_stage.h"

#include <errno.h>
#include <string.h>

static void a_tick_is_asked_for_once_so_that_nobody_can_put_it_off(void **state)
{
	uint64_t id[2] = { established(5000), established(5001) };

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id[0]), 0);
	assert_int_not_equal(fake.wake_at, 0);
	fake.wake_at = 0;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id[1]), 0);
	assert_int_equal(fake.wake_at, 0);
	/* Their sockets are there, so it goes on. */
	pl_engine_tick(fake.engine);
	assert_int_not_equal(fake.wake_at, 0);
	fake.wake_at = 0;
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.wake_at, 0);
	assert_int_equal(state_of(id[0]), PL_STATE_NONE);
	assert_int_equal(state_of(id[1]), PL_STATE_NONE);
}

static void what_the_journal_refused_is_tried_again(void **state)
{
	uint64_t id = established(5000);
	const struct pl_latch *latch;

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.wake_at = 0;
	fake.calls = 0;
	fake.fail_at = 2;	/* permit, save */
	forget_log();
	down(2);
	assert_string_equal(fake.log, "permit:101 save FAILED block");
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_int_equal(latch->state, PL_STATE_BROKEN);
	assert_int_equal(latch->cause, PL_EVENT_CONFLICT_SA);
	assert_non_null(strstr(latch->reason, "SA #2 is of 'C'"));
	assert_int_not_equal(fake.wake_at, 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_refused_permit_leaves_it_BROKEN_and_a_later_look_mends_it(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	fake.calls = 0;
	fake.fail_at = 1;
	down(2);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.fail_at = 0;
	forget_log();
	pl_engine_tick(fake.engine);
	assert_non_null(strstr(fake.log, "block"));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_tick_looks_at_each_once_even_if_every_permit_fails(void **state)
{
	uint64_t id[2] = { established(5000), established(5001) };

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	fake.refuses = "permit";
	down(2);
	fake.calls = 0;
	pl_engine_tick(fake.engine);
	/* block, permit */
	assert_int_equal(fake.calls, 4);
	assert_int_not_equal(fake.wake_at, 0);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id[0]), PL_STATE_ESTABLISHED);
	assert_int_equal(state_of(id[1]), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_tick_asks_for_sockets_as_long_as_IKE_can_wait_and_blocks_whatever_it_takes(
	void **state)
{
	enum { NR = 20, MS = 1000000 };
	uint64_t id[NR], last = 0;

	(void)state;
	for (unsigned i = 0; i < NR; i++) {
		id[i] = established((uint16_t)(5000 + i));
		assert_int_equal(pl_engine_release(fake.engine, NULL, id[i]), 0);
	}
	last = established(6000);
	fake.refuses = "block";
	assert_int_equal(pl_engine_admin_break(fake.engine, last, NULL), 0);
	fake.refuses = NULL;
	fake.gone_ns = 40 * MS;
	pl_engine_tick(fake.engine);
	assert_in_range(fake.gone_asked, 1, 4);
	assert_in_force();
	assert_int_not_equal(fake.wake_at, 0);
	/* Each has its turn. */
	fake.is_gone = true;
	for (unsigned i = 0; i < NR; i++)
		pl_engine_tick(fake.engine);
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(state_of(id[i]), PL_STATE_NONE);
	assert_int_equal(state_of(last), PL_STATE_DEAD);
	assert_in_force();
}

static void a_listener_ends_with_the_last_socket_on_its_port_also_in_a_session_K44(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2], id = established(5000);
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_not_equal(fake.wake_at, 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(ids[0]), PL_STATE_LISTENER);
	fake.is_gone = true;
	forget_log();
	pl_engine_tick(fake.engine);
	assert_string_equal(fake.log, "unguard save ALERT forget");
	assert_int_equal(fake.alert.event, PL_EVENT_FLOW_GONE);
	assert_int_equal(state_of(ids[0]), PL_STATE_NONE);
	/* A connection is its session's to release. */
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* Anybody may share a port of UDP, and would keep the latch on it. */
static void a_listener_that_nobody_holds_ends_with_its_own_socket_K44(void **state)
{
	enum { IN_SESSION, RELEASED, LEFT, NR };
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	fake.has_mine = true;
	for (unsigned how = IN_SESSION; how < NR; how++) {
		fake.is_gone = false;
		assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
		if (how == RELEASED)
			assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
		if (how == LEFT)
			pl_engine_owner_gone(fake.engine, SESSION);
		pl_engine_tick(fake.engine);
		assert_int_equal(state_of(ids[0]), how == RELEASED ? PL_STATE_LINGERING :
								     PL_STATE_LISTENER);
		fake.is_gone = true;
		pl_engine_tick(fake.engine);
		if (how == IN_SESSION) {
			assert_int_equal(state_of(ids[0]), PL_STATE_LISTENER);
			fake.has_mine = false;
			fake.has_foreign = true;
			pl_engine_tick(fake.engine);
			fake.has_mine = true;
		}
		assert_int_equal(state_of(ids[0]), PL_STATE_NONE);
		assert_int_equal(fake.nr_items, 0);
	}
}

static void a_released_flow_stays_guarded_until_its_socket_is_gone_T10_K43(void **state)
{
	struct pl_owner other = { .kind = PL_OWNER_SESSION, .uid = 5, .number = 6 };
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, &other, id), PL_E_NOT_FOUND);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_LINGERING);
	assert_int_equal(fake.nr_items, 3);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void a_socket_that_ended_is_looked_for_until_TIME_WAIT_has_ended_too_K43(void **state)
{
	struct pl_tuple tuple = flow(5000);
	uint64_t id = established(5000), other = established(5001);

	(void)state;
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.nr_items, 6);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(state_of(other), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.nr_items, 3);
	fake.is_gone = false;
	pl_engine_flows_gone(fake.engine);
	assert_int_equal(state_of(other), PL_STATE_ESTABLISHED);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(other), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

/* Of a socket that was never connected, or is connected elsewhere by now, the kernel tells another
 * tuple, or none. */
static void an_association_is_looked_for_also_while_its_owner_has_it_U16(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	const struct pl_latch *latch;
	uint64_t id = established(5001);

	(void)state;
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	ask.tuple.proto = PL_TUPLE_SCTP;
	fake.is_gone = false;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	forget_log();
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_not_equal(fake.wake_at, 0);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_non_null(strstr(fake.log, "ALERT"));
	assert_int_not_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
}

static void a_socket_that_ended_ends_its_latches_whatever_its_tuple_was_K43(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id[3], other = established(6000);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		ask.tuple.remote_port = (uint16_t)(5000 + i);
		ask.cookie = 4711;
		assert_int_equal(pl_engine_latch(fake.engine, &ask, &id[i], NULL), 0);
	}
	assert_int_equal(pl_engine_admin_break(fake.engine, id[1], NULL), 0);
	pl_engine_socket_gone(fake.engine, 0);
	pl_engine_socket_gone(fake.engine, 4712);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id[0]), PL_STATE_ESTABLISHED);
	/* what the kernel says decides, and TIME_WAIT may be left */
	fake.is_gone = false;
	fake.wake_at = 0;
	pl_engine_socket_gone(fake.engine, 4711);
	assert_int_not_equal(fake.wake_at, 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id[0]), PL_STATE_ESTABLISHED);
	assert_int_equal(state_of(id[1]), PL_STATE_DEAD);
	fake.is_gone = true;
	forget_log();
	pl_engine_tick(fake.engine);
	assert_non_null(strstr(fake.log, "ALERT"));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(state_of(id[i]), PL_STATE_NONE);
	assert_int_equal(state_of(other), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.nr_items, 3);
	assert_in_force();
	pl_engine_socket_gone(fake.engine, 4711);
}

static void a_conflict_stops_what_was_released_and_what_is_broken_may_end_T11(void **state)
{
	uint64_t lingering = established(5000), broken = established(5001);

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, lingering), 0);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(lingering), PL_STATE_CLOSED_TOLD);
	assert_int_equal(pl_engine_release(fake.engine, NULL, broken), 0);
	assert_int_equal(state_of(broken), PL_STATE_CLOSED_TOLD);
	down(2);
	assert_int_equal(state_of(broken), PL_STATE_CLOSED_TOLD);
	assert_in_force();
}

static void a_failed_attempt_leaves_a_released_flow_as_it_was(void **state)
{
	uint64_t id = established(5000), again;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(latch_flow(5000, &again), 0);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(state_of(again), PL_STATE_ESTABLISHED);
	assert_in_force();
	assert_int_equal(pl_engine_release(fake.engine, NULL, again), 0);
	down(1);
	assert_int_equal(latch_flow(5000, &id), PL_E_NO_SA);
	assert_int_equal(state_of(again), PL_STATE_LINGERING);
	assert_in_force();
}

static void the_end_of_a_session_frees_no_flow(void **state)
{
	const struct pl_latch *latch;
	uint64_t id = established(5000);

	(void)state;
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_int_equal(latch->owner.kind, PL_OWNER_SOCKET);
	assert_int_equal(latch->owner.number, 9);
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_in_force();
	/* nobody is left to be told, and T6 still holds */
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_null(strstr(fake.log, "ALERT"));
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	pl_engine_tick(fake.engine);
	down(2);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	/* nor does the end of a session make one forget why a latch is broken */
	assert_int_equal(latch_flow(5001, &id), 0);
	assert_int_equal(install(child(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(3);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void an_administrator_resets_and_CLOSED_waits_for_its_owner_T13_K48_L9(void **state)
{
	uint64_t told = established(5000), untold = established(5001);

	(void)state;
	assert_int_equal(pl_engine_admin_close(fake.engine, told, "because"), 0);
	assert_string_equal(fake.log, "block save ALERT dispose save");
	assert_string_equal(fake.reason, "because");
	assert_int_equal(state_of(told), PL_STATE_CLOSED_TOLD);
	fake.told = PL_TOLD_NOT;
	assert_int_equal(pl_engine_admin_close(fake.engine, untold, "because"), 0);
	assert_int_equal(state_of(untold), PL_STATE_CLOSED);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(told), PL_STATE_NONE);
	assert_int_equal(state_of(untold), PL_STATE_CLOSED_GONE);
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(state_of(untold), PL_STATE_NONE);
	assert_int_equal(fake.nr_items, 0);
}

static void the_heir_of_a_guarded_flow_never_sets_it_free_K43(void **state)
{
	uint64_t old = established(5000), id = 0;
	struct pl_tuple tuple = flow(5000);

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, old), 0);
	fake.refuses = "save";
	forget_log();
	assert_int_not_equal(latch_flow(5000, &id), 0);
	assert_null(strstr(fake.log, "unguard"));
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_in_force();
	assert_int_equal(fake.nr_items, 1);
	assert_int_equal(fake.items[0].kind, PL_GUARD_FLOW);
	fake.is_gone = true;
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	assert_int_equal(fake.nr_items, 0);
}

/* The pins of the old latch would let its peer in while the SAs of the new one are looked at. */
static void what_was_not_blocked_is_blocked_before_a_new_latch_looks_K2_K3(void **state)
{
	uint64_t old = established(5000), id = 0;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, old), 0);
	fake.refuses = "block";
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	down(1);
	assert_int_equal(state_of(old), PL_STATE_CLOSED_TOLD);
	assert_int_equal(latch_flow(5000, &id), -EIO);
	assert_int_equal(state_of(old), PL_STATE_CLOSED_TOLD);
	fake.refuses = NULL;
	forget_log();
	assert_int_equal(latch_flow(5000, &id), 0);
	assert_int_equal(strncmp(fake.log, "block forget guard save permit", 30), 0);
	assert_int_equal(state_of(old), PL_STATE_NONE);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_birth_that_the_guard_refused_is_mended_by_a_tick(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple = flow(6000);
	uint64_t ids[2], id = 0;
	unsigned nr;

	(void)state;
	(void)established(5000);
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	fake.refuses = "permit";
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, 0, 5, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_tick_is_asked_for_once_so_that_nobody_can_put_it_off),
		TEST(what_the_journal_refused_is_tried_again),
		TEST(a_refused_permit_leaves_it_BROKEN_and_a_later_look_mends_it),
		TEST(a_tick_looks_at_each_once_even_if_every_permit_fails),
		TEST(a_tick_asks_for_sockets_as_long_as_IKE_can_wait_and_blocks_whatever_it_takes),
		TEST(a_listener_ends_with_the_last_socket_on_its_port_also_in_a_session_K44),
		TEST(a_listener_that_nobody_holds_ends_with_its_own_socket_K44),
		TEST(an_association_is_looked_for_also_while_its_owner_has_it_U16),
		TEST(a_released_flow_stays_guarded_until_its_socket_is_gone_T10_K43),
		TEST(a_socket_that_ended_is_looked_for_until_TIME_WAIT_has_ended_too_K43),
		TEST(a_socket_that_ended_ends_its_latches_whatever_its_tuple_was_K43),
		TEST(a_conflict_stops_what_was_released_and_what_is_broken_may_end_T11),
		TEST(a_failed_attempt_leaves_a_released_flow_as_it_was),
		TEST(the_end_of_a_session_frees_no_flow),
		TEST(the_heir_of_a_guarded_flow_never_sets_it_free_K43),
		TEST(what_was_not_blocked_is_blocked_before_a_new_latch_looks_K2_K3),
		TEST(a_birth_that_the_guard_refused_is_mended_by_a_tick),
		TEST(an_administrator_resets_and_CLOSED_waits_for_its_owner_T13_K48_L9),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_end", tests, NULL, NULL);
}
