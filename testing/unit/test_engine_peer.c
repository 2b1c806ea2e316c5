/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches and listeners for one peer by name: nobody else gets in, before or after a restart. */

#include "engine_stage.h"

#include <string.h>

static struct pl_identity *named(const char *id)
{
	struct pl_blob wire = { (const uint8_t *)id + 1, strlen(id) - 1 };
	struct pl_identity_data data = {
		.peer = {
			.id = id, .id_type = 2, .id_wire = wire, .auth = PL_AUTH_SIGNATURE,
			.anchor = wire, .spki = wire,
		},
		.own = { .id = "@a", .auth = PL_AUTH_SIGNATURE, .spki = wire },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static int setup_names(void **state)
{
	int r = setup(state);

	pl_identity_unref(who_b);
	pl_identity_unref(who_c);
	who_b = named("@b");
	who_c = named("@c");
	fake.has_journal = true;
	fake.conf.restart_wait = 30;
	return r;
}

static void restart(void)
{
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	forget_log();
}

static int latch_to(const char *peer, uint32_t setup_ms, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(5000));

	ask.peer = peer;
	ask.setup_ms = setup_ms;
	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

static const char *peer_of(uint64_t id)
{
	const struct pl_latch *latch = NULL;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return pl_engine_peer(fake.engine, latch);
}

static struct pl_tuple port_4000(void)
{
	struct pl_tuple tuple = flow(0);

	memset(tuple.remote, 0, sizeof(tuple.remote));
	return tuple;
}

static uint64_t listening_for(const char *peer)
{
	struct pl_engine_ask ask = ask_for(port_4000());
	uint64_t ids[2];
	unsigned nr;

	ask.peer = peer;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(nr, 1);
	return ids[0];
}

static bool is_admitted(uint32_t reqid)
{
	struct pl_tuple tuple = port_4000();

	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (fake.items[i].kind == PL_GUARD_PIN && fake.items[i].pin.reqid == reqid &&
		    pl_tuple_compare(&fake.items[i].tuple, &tuple) == 0)
			return true;
	}
	return false;
}

static void a_latch_for_a_peer_is_his_or_there_is_none_K31(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	forget_log();
	assert_int_equal(latch_to("@b", 0, &id), PL_E_WRONG_PEER);
	/* nothing was pinned, and nothing is left */
	assert_string_equal(fake.log, "guard save unguard forget");
	assert_int_equal(fake.nr_items, 0);
	assert_int_equal(fake.nr_records, 0);
	/* the object on request is of conflicts only */
	down(1);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_to("@b", 0, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

static void who_answers_first_and_is_another_ends_the_wait_K25_K26(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(latch_to("@b", 20000, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	assert_string_equal(peer_of(id), "@b");
	assert_string_equal(fake.wanted_of, "@b");
	forget_log();
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_null(strstr(fake.log, "permit"));
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.alert.event, PL_EVENT_FAILED);
	assert_int_equal(fake.alert.error, PL_E_WRONG_PEER);
	assert_int_equal(fake.nr_items, 0);
	/* and the one who is wanted completes it */
	down(1);
	fake.now += 1000000000;
	assert_int_equal(latch_to("@b", 20000, &id), 0);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void no_rekey_changes_whose_it_is_K14_K33(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_to("@b", 0, &id), 0);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	down(1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(install(child(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(2);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

static void a_demand_is_a_wish_for_protection_K55(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	(void)state;
	ask.peer = "@b";
	ask.is_bypass = true;
	ask.owner.uid = 0;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_UNSUPPORTED);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
}

static void a_listener_admits_births_of_its_peer_alone_K40_T4(void **state)
{
	uint64_t id;

	(void)state;
	/* those that are there, and those that come */
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	id = listening_for("@b");
	assert_false(is_admitted(REQID_C));
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_true(is_admitted(REQID_B));
	assert_int_equal(install(child(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_false(is_admitted(REQID_C));
	down(2);
	assert_false(is_admitted(REQID_B));
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

static void a_birth_of_another_peer_is_BROKEN_for_good_and_says_why_K31_L14_T5(void **state)
{
	struct pl_tuple tuple = flow(5000);
	uint64_t id = 0;

	(void)state;
	listening_for("@b");
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	fake.born[0] = REQID_C;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_C, 11, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_string_equal(fake.reason, "The peer is not the one that was asked for.");
	assert_string_equal(peer_of(id), "@b");
	assert_null(strstr(fake.log, "permit"));
	/* it has no better times to wait for */
	assert_int_equal(install(child(4, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	down(4);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static void who_presents_it_may_name_the_peer_and_no_other_than_the_listener_K40(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id = 0;

	(void)state;
	listening_for("@b");
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	ask.peer = "@c";
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), PL_E_WRONG_PEER);
	assert_int_equal(fake.nr_records, 1);
	ask.peer = NULL;
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

/* An SA of just this connection is its birth; the program comes later. */
static void who_adopts_what_was_born_gets_the_peer_he_names_or_nothing_K40_L14(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	struct pl_fact narrow = child(1, who_b, REQID_B);
	struct pl_ts *tsi = &narrow.u.child.tsi.list[0], *tsr = &narrow.u.child.tsr.list[0];
	const struct pl_latch *latch;
	struct pl_tuple tuple = flow(5000);
	uint64_t id = 0;

	(void)state;
	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	tsi->lo_port = tsi->hi_port = 4000;
	tsr->lo_port = tsr->hi_port = 5000;
	listening_for(NULL);
	assert_int_equal(install(narrow), PL_VERDICT_ACCEPT);
	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &latch), 0);
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	ask.peer = "@c";
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), PL_E_WRONG_PEER);
	assert_true(latch->is_early);
	assert_null(pl_engine_peer(fake.engine, latch));
	ask.peer = "@b";
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), 0);
	assert_int_equal(id, latch->id);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

/* A flow of a UDP socket that was born under another's SA: it does not become his by asking. */
static void a_tag_is_for_the_peer_of_its_birth_U10(void **state)
{
	struct pl_engine_ask ask = ask_for(port_4000());
	struct pl_conflict_report report;
	uint64_t ids[2], id = 0;
	unsigned nr;

	(void)state;
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	ask.tuple.proto = PL_TUPLE_UDP;
	fake.socket = (struct pl_socket_facts) {
		.tuple = ask.tuple, .cookie = 9, .is_internet = true, .is_here = true,
	};
	fake.socket_again = fake.socket;
	assert_int_equal(pl_engine_listen_socket(fake.engine, 5, &ask, ids, &nr), 0);
	ask.tuple = flow(5000);
	ask.tuple.proto = PL_TUPLE_UDP;
	memset(ask.tuple.local, 0, sizeof(ask.tuple.local));
	ask.tuple.local_port = 0;
	ask.tag = PL_TAG_IN;
	ask.peer = "@b";
	fake.born[0] = REQID_C;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_tag_socket(fake.engine, 5, &ask, &id, &report), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	ask.peer = "@c";
	assert_int_equal(pl_engine_tag_socket(fake.engine, 5, &ask, &id, &report),
			 PL_E_WRONG_PEER);
	ask.peer = "@b";
	assert_int_equal(pl_engine_tag_socket(fake.engine, 5, &ask, &id, &report),
			 PL_E_WRONG_PEER);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

/* latch.conf */

static void a_rule_says_with_whom_programs_may_latch_K11_K31(void **state)
{
	struct pl_engine_ask ask = ask_for(port_4000());
	uint64_t id = 0, ids[2];
	unsigned nr;

	(void)state;
	strcpy(fake.conf.other.peer, "@b");
	fake.conf.other.may_bypass = true;
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_to(NULL, 0, &id), PL_E_WRONG_PEER);
	assert_int_equal(latch_to("@c", 0, &id), PL_E_FORBIDDEN);
	ask.peer = "@c";
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), PL_E_FORBIDDEN);
	ask = ask_for(flow(5000));
	ask.owner.uid = 0;
	ask.is_bypass = true;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_FORBIDDEN);
	assert_int_equal(fake.nr_items, 0);
	assert_int_equal(fake.nr_records, 0);
	id = listening_for(NULL);
	assert_string_equal(peer_of(id), "@b");
	assert_false(is_admitted(REQID_C));
	down(1);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_true(is_admitted(REQID_B));
	assert_int_equal(latch_to(NULL, 0, &id), 0);
	assert_string_equal(peer_of(id), "@b");
	assert_in_force();
}

static void begin_with(const char *conf)
{
	struct pl_conf_error err;

	assert_int_equal(pl_conf_load(conf, strlen(conf), &fake.conf, &err), 0);
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
	forget_log();
}

static enum pl_auto_verdict held(enum pl_direction way, int want)
{
	struct pl_tuple tuple = flow(5000);
	int error = 99;
	enum pl_auto_verdict verdict = pl_engine_auto(fake.engine, &tuple, way, 0, &error);

	assert_int_equal(error, want);
	return verdict;
}

static void a_rule_s_listener_is_for_its_peer_and_for_that_of_today_K12_K40_K16(void **state)
{
	const struct pl_latch *listener;

	(void)state;
	begin_with("[flow in]\nprotocol = tcp\nlocal-port = 4000\nlocal = 192.0.2.1\n"
		   "peer = @b\nauto = yes\n");
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_true(is_admitted(REQID_B));
	assert_false(is_admitted(REQID_C));
	listener = pl_engine_next(fake.engine, NULL, 0);
	assert_string_equal(pl_engine_peer(fake.engine, listener), "@b");
	/* even if its packet came past the pins of the listener */
	fake.born[0] = REQID_C;
	fake.nr_born = 1;
	assert_int_equal(held(PL_DIR_IN, 0), PL_AUTO_AGAIN);
	assert_int_equal(pl_engine_next(fake.engine, NULL, listener->id)->state, PL_STATE_BROKEN);
	assert_in_force();
	/* the journal's listener has what the file says now */
	fake.is_gone = true;
	pl_conf_clear(&fake.conf);
	begin_with("[flow in]\nprotocol = tcp\nlocal-port = 4000\nlocal = 192.0.2.1\n"
		   "peer = @c\nauto = yes\n");
	listener = pl_engine_next(fake.engine, NULL, 0);
	assert_string_equal(pl_engine_peer(fake.engine, listener), "@c");
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_false(is_admitted(REQID_B));
	assert_true(is_admitted(REQID_C));
	pl_conf_clear(&fake.conf);
}

static void what_begins_by_a_rule_is_with_its_peer_or_is_dropped_K12_K31(void **state)
{
	const struct pl_latch *latch;

	(void)state;
	begin_with("[flow out]\nprotocol = tcp\nremote = 192.0.2.2\npeer = @b\nauto = yes\n");
	assert_int_equal(install(child(1, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(held(PL_DIR_OUT, PL_E_WRONG_PEER), PL_AUTO_DROP);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	/* nobody's SA is there: it waits, and another's does not do */
	down(1);
	assert_int_equal(held(PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	down(2);
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(held(PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	latch = pl_engine_next(fake.engine, NULL, 0);
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_string_equal(pl_engine_peer(fake.engine, latch), "@b");
	assert_in_force();
	pl_conf_clear(&fake.conf);
}

static void the_demand_outlives_the_daemon_K16_K53(void **state)
{
	struct pl_tuple tuple = flow(5001);
	uint64_t listener, id = 0, born = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_to("@b", 0, &id), 0);
	listener = listening_for("@b");
	restart();
	assert_string_equal(peer_of(id), "@b");
	assert_string_equal(peer_of(listener), "@b");
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_false(is_admitted(REQID_C));
	fake.born[0] = REQID_C;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_C, 11, &born), 0);
	assert_int_equal(state_of(born), PL_STATE_BROKEN);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(2);
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_true(is_admitted(REQID_B));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* What gives way takes its demand along, and what comes has its own. */
static void an_heir_has_its_own_demand_K29(void **state)
{
	uint64_t id = 0, next = 0;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_to("@b", 0, &id), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(latch_to("@c", 0, &next), PL_E_WRONG_PEER);
	assert_int_equal(state_of(id), PL_STATE_LINGERING);
	assert_int_equal(latch_to(NULL, 0, &next), 0);
	assert_int_not_equal(next, id);
	assert_null(peer_of(next));
	assert_int_equal(pl_engine_release(fake.engine, NULL, next), 0);
	assert_int_equal(latch_to("@b", 0, &next), 0);
	assert_string_equal(peer_of(next), "@b");
	assert_in_force();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_names, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_latch_for_a_peer_is_his_or_there_is_none_K31),
		TEST(who_answers_first_and_is_another_ends_the_wait_K25_K26),
		TEST(no_rekey_changes_whose_it_is_K14_K33),
		TEST(a_demand_is_a_wish_for_protection_K55),
		TEST(a_listener_admits_births_of_its_peer_alone_K40_T4),
		TEST(a_birth_of_another_peer_is_BROKEN_for_good_and_says_why_K31_L14_T5),
		TEST(who_presents_it_may_name_the_peer_and_no_other_than_the_listener_K40),
		TEST(who_adopts_what_was_born_gets_the_peer_he_names_or_nothing_K40_L14),
		TEST(a_tag_is_for_the_peer_of_its_birth_U10),
		TEST(a_rule_says_with_whom_programs_may_latch_K11_K31),
		TEST(a_rule_s_listener_is_for_its_peer_and_for_that_of_today_K12_K40_K16),
		TEST(what_begins_by_a_rule_is_with_its_peer_or_is_dropped_K12_K31),
		TEST(the_demand_outlives_the_daemon_K16_K53),
		TEST(an_heir_has_its_own_demand_K29),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
