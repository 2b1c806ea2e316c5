/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches asked for by socket, and what latch.conf says to them (design D12, K11). */

#include "engine_stage.h"

#include <errno.h>
#include <string.h>

enum { FD = 5 };

/* A connected socket that looks the same both times. */
static void socket_is(struct pl_tuple tuple)
{
	fake.looks = 0;
	fake.socket = (struct pl_socket_facts) {
		.tuple = tuple, .cookie = 4711, .is_internet = true, .is_here = true,
		.is_connected = tuple.remote_port != 0,
	};
	fake.socket_again = fake.socket;
}

static int latch_fd(const struct pl_engine_ask *ask, uint64_t *id)
{
	struct pl_conflict_report report;

	fake.looks = 0;
	return pl_engine_latch_socket(fake.engine, FD, ask, id, &report);
}

/* Not what the caller says, but what the kernel says. */
static struct pl_engine_ask nobody_asks(void)
{
	struct pl_engine_ask ask = ask_for(flow(5000));

	memset(&ask.tuple, 0, sizeof(ask.tuple));
	ask.cookie = 0;
	return ask;
}

static const struct pl_latch *found(uint64_t id)
{
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return latch;
}

static void a_socket_is_looked_at_before_and_after_the_guard(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_is(flow(5000));
	forget_log();
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_string_equal(fake.log, "read guard save permit:101 save read");
	assert_int_equal(found(id)->cookie, 4711);
	assert_int_equal(found(id)->tuple.remote_port, 5000);
	assert_false(found(id)->is_late);
	assert_in_force();
}

static void a_socket_that_changed_meanwhile_has_no_latch(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_is(flow(5000));
	fake.socket_again.cookie++;
	assert_int_equal(latch_fd(&ask, &id), PL_E_SOCKET_CHANGED);
	assert_int_equal(id, 0);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void bytes_that_came_before_the_guard_are_AlreadyUsed_unless_late(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_is(flow(5000));
	fake.socket.has_received = fake.socket_again.has_received = true;
	assert_int_equal(latch_fd(&ask, &id), PL_E_ALREADY_USED);
	/* between the two looks, and so perhaps before the guard */
	fake.socket.has_received = false;
	assert_int_equal(latch_fd(&ask, &id), PL_E_ALREADY_USED);
	assert_int_equal(fake.nr_items, 0);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	fake.socket.has_received = true;
	ask.is_late = true;
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_true(found(id)->is_late);
}

static void before_connect_the_caller_says_where_to(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	struct pl_tuple bound = flow(0);
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	memset(bound.remote, 0, sizeof(bound.remote));
	socket_is(bound);
	assert_int_equal(latch_fd(&ask, &id), PL_E_NOT_CONNECTED);
	ask.tuple = flow(5000);
	ask.tuple.local_port = 9;
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_int_equal(found(id)->tuple.local_port, 4000);
	assert_int_equal(found(id)->tuple.remote_port, 5000);
	/* one that is connected goes nowhere else */
	socket_is(flow(5001));
	assert_int_equal(latch_fd(&ask, &id), PL_E_WRONG_STATE);
	/* nor is one family the other */
	socket_is(bound);
	ask.tuple.af = PL_AF_IP6;
	assert_int_equal(latch_fd(&ask, &id), PL_E_MALFORMED);
}

static void listen_on_4000(uint64_t session)
{
	struct pl_engine_ask ask = nobody_asks();
	struct pl_tuple tuple = flow(0);
	uint64_t ids[2];
	unsigned nr;

	memset(tuple.remote, 0, sizeof(tuple.remote));
	ask.owner.number = session;
	socket_is(tuple);
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(found(ids[0])->cookie, 4711);
}

static void an_accepted_socket_has_the_reqid_of_its_birth_and_a_new_owner_T4_K24(
	void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	listen_on_4000(SESSION);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	socket_is(flow(5000));
	fake.socket.has_received = fake.socket_again.has_received = true;
	ask.owner.number = SESSION + 1;
	forget_log();
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_non_null(strstr(fake.log, "ALERT"));
	assert_int_equal(fake.alert.to, PL_STATE_ESTABLISHED);
	assert_int_equal(found(id)->owner.number, SESSION + 1);
	assert_int_equal(found(id)->cookie, 4711);
	/* those bytes were guarded: nothing is late about it */
	assert_false(found(id)->is_late);
	assert_in_force();
}

/* The second look fails, in one way or the other: at another socket, or at all. */
static void an_accepted_socket_that_changed_stays_guarded_and_pinned_until_it_is_gone_K43(
	void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	const struct pl_latch *left;
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	listen_on_4000(SESSION);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	for (unsigned is_error = 0; is_error < 2; is_error++) {
		struct pl_tuple tuple = flow((uint16_t)(5000 + is_error));

		socket_is(tuple);
		fake.socket_again.cookie += !is_error;
		fake.calls = 0;
		fake.fail_at = is_error ? 7 : 0;
		forget_log();
		assert_int_equal(latch_fd(&ask, &id), is_error ? -EIO : PL_E_SOCKET_CHANGED);
		assert_string_equal(fake.log, is_error ?
			"read guard born guard permit:101 save ALERT read FAILED save" :
			"read guard born guard permit:101 save ALERT read save");
		fake.fail_at = 0;
		assert_int_equal(id, 0);
		assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &left), 0);
		assert_int_equal(left->state, PL_STATE_LINGERING);
		/* the listener with its pin, and each flow with B's pins, both ways */
		assert_int_equal(fake.nr_items, 5 + 3 * is_error);
		assert_in_force();
	}
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void what_was_guarded_before_a_socket_changed_is_guarded_after_it_K43(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id = established(5000), ids[2];
	const struct pl_latch *left;
	struct pl_tuple tuple = flow(0);
	unsigned nr;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	socket_is(flow(5000));
	fake.socket_again.cookie++;
	assert_int_equal(latch_fd(&ask, &id), PL_E_SOCKET_CHANGED);
	assert_int_equal(fake.nr_items, 3);
	tuple = flow(5000);
	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &left), 0);
	assert_int_equal(left->state, PL_STATE_LINGERING);
	/* and so is a listener */
	listen_on_4000(SESSION);
	tuple = fake.socket.tuple;
	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &left), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, left->id), 0);
	socket_is(tuple);
	fake.socket_again.cookie++;
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr),
			 PL_E_SOCKET_CHANGED);
	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &left), 0);
	assert_int_equal(left->state, PL_STATE_LINGERING);
	assert_int_equal(fake.nr_items, 5);
	assert_in_force();
}

static void a_listener_of_which_one_half_fails_leaves_guarded_what_was_guarded_K43(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	struct pl_tuple any = { .af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 4000 };
	const struct pl_latch *left;
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	socket_is(any);
	for (unsigned was_guarded = 0; was_guarded < 2; was_guarded++) {
		fake.calls = 0;
		fake.looks = 0;
		/* read, holders twice, listen save listen; before each listen, what gives way:
		 * block forget */
		fake.fail_at = was_guarded ? 10 : 6;
		forget_log();
		assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), -EIO);
		fake.fail_at = 0;
		assert_int_equal(fake.nr_items, was_guarded ? 2 : 0);
		assert_in_force();
		if (was_guarded)
			break;
		fake.looks = 0;
		assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), 0);
		assert_int_equal(nr, 2);
		for (unsigned i = 0; i < nr; i++)
			assert_int_equal(pl_engine_release(fake.engine, NULL, ids[i]), 0);
	}
	for (uint64_t at = 0; (left = pl_engine_next(fake.engine, NULL, at)) != NULL; ) {
		at = left->id;
		assert_int_not_equal(left->state, PL_STATE_LISTENER);
	}
}

static void an_accepted_socket_is_BROKEN_when_two_peers_carried_it_T5(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	listen_on_4000(SESSION);
	fake.born[0] = REQID_B;
	fake.born[1] = REQID_C;
	fake.nr_born = 2;
	socket_is(flow(5000));
	/* It is reset by then. */
	fake.socket_again = (struct pl_socket_facts) { .is_internet = true, .is_here = true };
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static void who_presents_may_ask_for_more_than_the_listener_and_not_for_less_K40(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	listen_on_4000(SESSION);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	socket_is(flow(5000));
	ask.require.min_key_bits = 512;
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
}

static void latch_conf_forbids_and_demands_K11(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_is(flow(5000));
	fake.conf.other.is_allowed = false;
	assert_int_equal(latch_fd(&ask, &id), PL_E_FORBIDDEN);
	fake.conf.other.is_allowed = true;
	fake.conf.other.require.min_key_bits = 512;
	assert_int_equal(latch_fd(&ask, &id), PL_E_WEAK);
	fake.conf.other.require.min_key_bits = 0;
	fake.conf.other.require.mode = PL_MODE_TRANSPORT;
	ask.require.mode = PL_MODE_TUNNEL;
	assert_int_equal(latch_fd(&ask, &id), PL_E_FORBIDDEN);
	ask.require.mode = PL_MODE_NONE;
	fake.conf.other.disposition = PL_DISPOSITION_WAIT;
	assert_int_equal(latch_fd(&ask, &id), 0);
	assert_int_equal(found(id)->disposition, PL_DISPOSITION_WAIT);
	assert_int_equal(found(id)->require.mode, PL_MODE_TRANSPORT);
}

static void an_owner_ends_the_protection_only_where_latch_conf_lets_him(void **state)
{
	uint64_t id = established(5000);
	struct pl_owner owner = ask_for(flow(5000)).owner;

	(void)state;
	assert_int_equal(pl_engine_unprotect(fake.engine, &owner, id), PL_E_FORBIDDEN);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	fake.conf.other.may_bypass = true;
	id = established(5001);
	assert_int_equal(pl_engine_unprotect(fake.engine, &owner, id), 0);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_in_force();
}

static void a_look_that_fails_is_no_latch(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_is(flow(5000));
	/* read guard save permit save read: each of them */
	for (unsigned at = 1; at <= 6; at++) {
		fake.calls = 0;
		fake.fail_at = at;
		assert_int_not_equal(latch_fd(&ask, &id), 0);
		assert_int_equal(id, 0);
		fake.fail_at = 0;
		pl_engine_tick(fake.engine);
		assert_safe();
	}
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void a_port_with_sockets_of_others_is_refused_to_all_but_root(void **state)
{
	struct pl_engine_ask ask = nobody_asks();
	struct pl_tuple tuple = flow(0);
	uint64_t ids[2];
	unsigned nr = 0;

	(void)state;
	memset(tuple.remote, 0, sizeof(tuple.remote));
	tuple.proto = PL_TUPLE_UDP;
	socket_is(tuple);
	fake.has_foreign = true;
	forget_log();
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr),
			 PL_E_PORT_SHARED);
	assert_string_equal(fake.log, "read holders");
	assert_int_equal(nr, 0);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	/* nor when nobody can say */
	fake.has_foreign = false;
	fake.refuses = "holders";
	fake.looks = 0;
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), -EIO);
	assert_int_equal(fake.nr_items, 0);
	fake.refuses = NULL;
	fake.looks = 0;
	fake.has_mine = true;
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
	fake.looks = 0;
	fake.has_foreign = true;
	ask.owner.uid = 0;
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), 0);
	assert_in_force();
}

/* Reqids */

static struct pl_fact of_conn(struct pl_fact fact, uint64_t conn)
{
	fact.conn.serial = conn;
	return fact;
}

static uint32_t reqid_for(struct pl_fact fact)
{
	return pl_engine_reqid(fake.engine, &fact);
}

static void a_reqid_names_one_connection_one_peer_and_one_set_of_parameters(void **state)
{
	struct pl_fact b = of_conn(child(1, who_b, 0), 7), c = of_conn(child(2, who_c, 0), 7);
	struct pl_fact weak = of_conn(child(4, who_b, 0), 7);
	uint32_t base = reqid_for(b);

	(void)state;
	assert_int_not_equal(base, 0);
	assert_int_equal(base % 4, 0);
	/* nothing was installed under it: it is not given out again */
	assert_int_not_equal(reqid_for(b), base);
	b.u.child.reqid = base + 1;
	assert_int_equal(install(b), PL_VERDICT_ACCEPT);
	b.child = 3;
	assert_int_equal(reqid_for(b), base);
	assert_int_not_equal(reqid_for(of_conn(b, 8)), base);
	assert_int_not_equal(reqid_for(c), base);
	weak.u.child.key_bits = 128;
	assert_int_not_equal(reqid_for(weak), base);
	b.identity = NULL;
	assert_int_not_equal(reqid_for(b), base);
	/* a pin may still name it when its last SA is gone */
	down(1);
	b.identity = who_b;
	assert_int_not_equal(reqid_for(b), base);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_socket_is_looked_at_before_and_after_the_guard),
		TEST(a_socket_that_changed_meanwhile_has_no_latch),
		TEST(bytes_that_came_before_the_guard_are_AlreadyUsed_unless_late),
		TEST(before_connect_the_caller_says_where_to),
		TEST(an_accepted_socket_has_the_reqid_of_its_birth_and_a_new_owner_T4_K24),
		TEST(an_accepted_socket_is_BROKEN_when_two_peers_carried_it_T5),
		TEST(an_accepted_socket_that_changed_stays_guarded_and_pinned_until_it_is_gone_K43),
		TEST(what_was_guarded_before_a_socket_changed_is_guarded_after_it_K43),
		TEST(a_listener_of_which_one_half_fails_leaves_guarded_what_was_guarded_K43),
		TEST(who_presents_may_ask_for_more_than_the_listener_and_not_for_less_K40),
		TEST(latch_conf_forbids_and_demands_K11),
		TEST(an_owner_ends_the_protection_only_where_latch_conf_lets_him),
		TEST(a_look_that_fails_is_no_latch),
		TEST(a_port_with_sockets_of_others_is_refused_to_all_but_root),
		TEST(a_reqid_names_one_connection_one_peer_and_one_set_of_parameters),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_socket", tests, NULL, NULL);
}
