/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Flows of a UDP socket that stays unconnected, each with a latch that is the tag of its datagrams
 * (U9, U10). */

#include "engine_stage.h"

#include <string.h>

enum { FD = 5, COOKIE = 4711, REST_S = 120 };

static const struct pl_latch *found(uint64_t id)
{
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return latch;
}

static struct pl_tuple udp(uint16_t port)
{
	struct pl_tuple tuple = flow(port);

	tuple.proto = PL_TUPLE_UDP;
	return tuple;
}

/* The socket at port 4000, of one address or of all. */
static void socket_at(bool is_wildcard, uint64_t cookie)
{
	struct pl_tuple tuple = udp(0);

	memset(tuple.remote, 0, sizeof(tuple.remote));
	if (is_wildcard)
		memset(tuple.local, 0, sizeof(tuple.local));
	fake.socket = (struct pl_socket_facts) {
		.tuple = tuple, .cookie = cookie, .is_internet = true, .is_here = true,
	};
	fake.socket_again = fake.socket;
}

static void listen_to(bool is_wildcard)
{
	struct pl_engine_ask ask = ask_for(udp(5000));
	uint64_t ids[2];
	unsigned nr;

	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	socket_at(is_wildcard, COOKIE);
	fake.looks = 0;
	assert_int_equal(pl_engine_listen_socket(fake.engine, FD, &ask, ids, &nr), 0);
}

static void born_under(uint32_t reqid)
{
	fake.born[0] = reqid;
	fake.nr_born = reqid != 0;
}

static struct pl_engine_ask asks(enum pl_tag tag, uint16_t port)
{
	struct pl_engine_ask ask = ask_for(udp(port));

	memset(ask.tuple.local, 0, sizeof(ask.tuple.local));
	ask.tuple.local_port = 0;
	ask.cookie = 0;
	ask.tag = tag;
	return ask;
}

static int tag_as(const struct pl_engine_ask *ask, uint64_t *id)
{
	struct pl_conflict_report report;

	fake.looks = 0;
	return pl_engine_tag_socket(fake.engine, FD, ask, id, &report);
}

static int tag(enum pl_tag tag, uint16_t port, uint64_t *id)
{
	struct pl_engine_ask ask = asks(tag, port);

	return tag_as(&ask, id);
}

static unsigned nr_latches(void)
{
	const struct pl_latch *latch;
	unsigned nr = 0;

	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; nr++)
		at = latch->id;
	return nr;
}

static void let_time_pass(uint64_t seconds)
{
	fake.now += seconds * 1000000000u;
	pl_engine_tick(fake.engine);
}

static void a_received_datagram_has_the_tag_of_its_birth_and_keeps_it_U10(void **state)
{
	uint64_t id, again, other;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	forget_log();
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), 0);
	assert_string_equal(fake.log,
			    "read guard born born guard permit:101 save ALERT read");
	assert_int_equal(found(id)->state, PL_STATE_ESTABLISHED);
	assert_int_equal(found(id)->cookie, COOKIE);
	assert_int_equal(found(id)->tuple.local_port, 4000);
	assert_int_equal(found(id)->tuple.remote_port, 5000);
	assert_false(found(id)->is_late);
	/* found, and nothing is made or changed */
	forget_log();
	assert_int_equal(tag(PL_TAG_IN, 5000, &again), 0);
	assert_int_equal(again, id);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &again), 0);
	assert_int_equal(again, id);
	assert_string_equal(fake.log, "read read");
	assert_int_equal(tag(PL_TAG_IN, 5001, &other), 0);
	assert_int_not_equal(other, id);
	assert_in_force();
}

static void what_nobody_began_has_no_tag_and_stays_unguarded_U10(void **state)
{
	uint64_t id = 0;

	(void)state;
	listen_to(false);
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), PL_E_NOT_FOUND);
	assert_int_equal(id, 0);
	assert_int_equal(nr_latches(), 1);
	assert_in_force();
	/* while the guard does not let go of the flow, the engine knows of it */
	fake.refuses = "unguard";
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), PL_E_NOT_FOUND);
	assert_int_equal(nr_latches(), 2);
	assert_safe();
}

static void two_peers_that_began_one_flow_break_it_U10_T5(void **state)
{
	uint64_t id;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	fake.born[1] = REQID_C;
	fake.nr_born = 2;
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), 0);
	assert_int_equal(found(id)->state, PL_STATE_BROKEN);
	assert_in_force();
}

static void who_sends_first_has_a_latch_as_of_a_connection(void **state)
{
	uint64_t id;

	(void)state;
	listen_to(false);
	forget_log();
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), 0);
	assert_string_equal(fake.log, "read guard born unguard "
				      "guard save born permit:101 save read");
	assert_int_equal(found(id)->state, PL_STATE_ESTABLISHED);
	assert_int_equal(found(id)->cookie, COOKIE);
	/* but when the peer was first, it is who he is that counts */
	born_under(REQID_C);
	assert_int_equal(tag(PL_TAG_OUT, 5001, &id), 0);
	assert_int_equal(found(id)->state, PL_STATE_BROKEN);
	assert_in_force();
}

static void an_SA_of_its_own_is_not_for_a_flow_that_the_peer_began_K20(void **state)
{
	struct pl_engine_ask ask = asks(PL_TAG_OUT, 5000);
	uint64_t id = 0;

	(void)state;
	listen_to(false);
	ask.is_narrow = true;
	born_under(REQID_B);
	assert_int_equal(tag_as(&ask, &id), PL_E_ALREADY_USED);
	assert_int_equal(nr_latches(), 1);
	born_under(0);
	assert_int_equal(tag_as(&ask, &id), PL_E_NO_SA);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), 0);
	assert_int_equal(tag_as(&ask, &id), PL_E_ALREADY_LATCHED);
	assert_in_force();
}

static void only_the_socket_of_a_latched_listener_has_tags_U10(void **state)
{
	struct pl_engine_ask other = asks(PL_TAG_OUT, 5000);
	uint64_t id = 0;

	(void)state;
	socket_at(false, COOKIE);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), PL_E_NOT_FOUND);
	listen_to(false);
	/* another socket on the port, another user, another protocol, a connection */
	socket_at(false, COOKIE + 1);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), PL_E_NOT_FOUND);
	socket_at(false, COOKIE);
	other.owner.uid++;
	assert_int_equal(tag_as(&other, &id), PL_E_NOT_FOUND);
	fake.socket.tuple.proto = PL_TUPLE_TCP;
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), PL_E_UNSUPPORTED);
	socket_at(false, COOKIE);
	fake.socket.is_connected = true;
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), PL_E_WRONG_STATE);
	assert_int_equal(nr_latches(), 1);
	assert_int_equal(id, 0);
	assert_in_force();
}

static void a_socket_on_every_address_needs_to_know_which_and_no_other_may_be_said(void **state)
{
	struct pl_engine_ask ask = asks(PL_TAG_OUT, 5000);
	uint64_t id = 0;

	(void)state;
	listen_to(true);
	assert_int_equal(tag_as(&ask, &id), PL_E_NOT_CONNECTED);
	memcpy(ask.tuple.local, udp(0).local, sizeof(ask.tuple.local));
	fake.socket.is_elsewhere = true;
	assert_int_equal(tag_as(&ask, &id), PL_E_WRONG_FLOW);
	fake.socket.is_elsewhere = false;
	assert_int_equal(tag_as(&ask, &id), 0);
	assert_memory_equal(found(id)->tuple.local, udp(0).local, sizeof(ask.tuple.local));
	/* of one address it is that one */
	socket_at(false, COOKIE);
	assert_int_equal(tag_as(&ask, &id), 0);
	ask.tuple.local[3]++;
	assert_int_equal(tag_as(&ask, &id), PL_E_WRONG_FLOW);
	ask.tuple.af = PL_AF_IP6;
	assert_int_equal(tag_as(&ask, &id), PL_E_MALFORMED);
}

static void a_socket_that_changed_leaves_nothing_that_passes(void **state)
{
	uint64_t id = 0;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	fake.socket_again.cookie++;
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), PL_E_SOCKET_CHANGED);
	assert_int_equal(id, 0);
	assert_in_force();
	let_time_pass(REST_S);
	assert_int_equal(nr_latches(), 1);
}

static void a_tag_belongs_to_one_live_session(void **state)
{
	struct pl_engine_ask ask = asks(PL_TAG_IN, 5000);
	uint64_t id, again = 0;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	assert_int_equal(tag_as(&ask, &id), 0);
	ask.owner.number++;
	assert_int_equal(tag_as(&ask, &again), PL_E_ALREADY_LATCHED);
	pl_engine_owner_gone(fake.engine, SESSION);
	assert_int_equal(found(id)->owner.kind, PL_OWNER_SOCKET);
	assert_int_equal(tag_as(&ask, &again), 0);
	assert_int_equal(again, id);
	assert_int_equal(found(id)->owner.number, SESSION + 1);
	ask.require.min_key_bits = 512;
	assert_int_equal(tag_as(&ask, &again), PL_E_WEAK);
}

/* U5: the server connected a second socket for this peer. */
static void the_latch_of_another_socket_is_no_tag(void **state)
{
	struct pl_engine_ask ask = asks(PL_TAG_NONE, 5000);
	struct pl_conflict_report report;
	uint64_t id, tagged = 0;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	socket_at(false, COOKIE + 1);
	fake.socket.tuple = fake.socket_again.tuple = udp(5000);
	fake.socket.is_connected = fake.socket_again.is_connected = true;
	fake.looks = 0;
	memset(&ask.tuple, 0, sizeof(ask.tuple));
	assert_int_equal(pl_engine_latch_socket(fake.engine, FD, &ask, &id, &report), 0);
	socket_at(false, COOKIE);
	assert_int_equal(tag(PL_TAG_IN, 5000, &tagged), PL_E_ALREADY_LATCHED);
	assert_int_equal(tagged, 0);
	assert_int_equal(found(id)->cookie, COOKIE + 1);
}

/* RFC 5660 section 5.2: UDP is not reset; here that would take the socket from everybody. */
static void the_end_of_one_tag_leaves_socket_and_others_alone_U8(void **state)
{
	struct pl_engine_ask ask = asks(PL_TAG_OUT, 5001);
	uint64_t one, two, three;

	(void)state;
	listen_to(false);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &one), 0);
	ask.disposition = PL_DISPOSITION_RESET;
	assert_int_equal(tag_as(&ask, &two), 0);
	assert_int_equal(tag(PL_TAG_OUT, 5002, &three), 0);
	forget_log();
	assert_int_equal(pl_engine_admin_close(fake.engine, two, NULL), 0);
	assert_int_equal(pl_engine_admin_break(fake.engine, one, NULL), 0);
	assert_null(strstr(fake.log, "dispose"));
	assert_int_equal(found(three)->state, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void all_tags_end_with_their_socket_U6(void **state)
{
	uint64_t id;

	(void)state;
	listen_to(false);
	for (uint16_t port = 5000; port < 5004; port++)
		assert_int_equal(tag(PL_TAG_OUT, port, &id), 0);
	fake.is_gone = true;
	pl_engine_socket_gone(fake.engine, COOKIE);
	pl_engine_tick(fake.engine);
	assert_int_equal(nr_latches(), 0);
	assert_int_equal(fake.nr_items, 0);
}

/* Between the two, the socket may hold what came under the first. */
static void a_released_flow_rests_before_somebody_else_may_have_it_U10(void **state)
{
	struct pl_engine_ask late = asks(PL_TAG_OUT, 5001);
	uint64_t id, id2;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), 0);
	assert_int_equal(tag(PL_TAG_IN, 5001, &id2), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id2), 0);
	let_time_pass(REST_S - 1);
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), PL_E_ALREADY_USED);
	assert_int_equal(tag(PL_TAG_OUT, 5000, &id), PL_E_ALREADY_USED);
	late.is_late = true;
	assert_int_equal(tag_as(&late, &id2), 0);
	assert_true(found(id2)->is_late);
	assert_int_equal(nr_latches(), 3);
	assert_in_force();
	let_time_pass(1);
	assert_int_equal(nr_latches(), 2);
	assert_in_force();
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), PL_E_NOT_FOUND);
	fake.unborn = (struct pl_tuple) { .af = PL_AF_NONE };
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), 0);
	assert_int_equal(found(id)->state, PL_STATE_ESTABLISHED);
	assert_false(found(id)->is_late);
}

static void a_flow_rests_for_good_without_a_listener_or_by_an_administrator_K49(void **state)
{
	uint64_t id, closed;
	const struct pl_latch *listener;

	(void)state;
	listen_to(false);
	born_under(REQID_B);
	listener = pl_engine_next(fake.engine, NULL, 0);
	assert_int_equal(tag(PL_TAG_IN, 5000, &id), 0);
	assert_int_equal(tag(PL_TAG_IN, 5001, &closed), 0);
	assert_int_equal(pl_engine_admin_close(fake.engine, closed, NULL), 0);
	let_time_pass(2 * REST_S);
	assert_int_equal(nr_latches(), 3);
	assert_int_equal(tag(PL_TAG_IN, 5001, &closed), PL_E_ALREADY_USED);
	assert_int_equal(pl_engine_release(fake.engine, NULL, listener->id), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	let_time_pass(2 * REST_S);
	assert_int_equal(nr_latches(), 3);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_received_datagram_has_the_tag_of_its_birth_and_keeps_it_U10),
		TEST(what_nobody_began_has_no_tag_and_stays_unguarded_U10),
		TEST(two_peers_that_began_one_flow_break_it_U10_T5),
		TEST(who_sends_first_has_a_latch_as_of_a_connection),
		TEST(an_SA_of_its_own_is_not_for_a_flow_that_the_peer_began_K20),
		TEST(only_the_socket_of_a_latched_listener_has_tags_U10),
		TEST(a_socket_on_every_address_needs_to_know_which_and_no_other_may_be_said),
		TEST(a_socket_that_changed_leaves_nothing_that_passes),
		TEST(a_tag_belongs_to_one_live_session),
		TEST(the_latch_of_another_socket_is_no_tag),
		TEST(the_end_of_one_tag_leaves_socket_and_others_alone_U8),
		TEST(all_tags_end_with_their_socket_U6),
		TEST(a_released_flow_rests_before_somebody_else_may_have_it_U10),
		TEST(a_flow_rests_for_good_without_a_listener_or_by_an_administrator_K49),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_tag", tests, NULL, NULL);
}
