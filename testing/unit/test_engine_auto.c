/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches that nobody asked for (K12, K13): the listeners of latch.conf, what becomes of a packet
 * that the guard held, how they end, and who may take them over.
 */

#include "engine_stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* This host's port 4000 of TCP and 4001 of UDP for whoever comes, B's ports 5000 to 5009 of TCP and
 * all of UDP. */
static const char rules[] =
	"[flow exempt]\nremote-port = 5009\nprotocol = tcp\n"
	"[flow in]\nprotocol = tcp\nlocal-port = 4000\nkey-bits = 256\nauto = yes\n"
	"[flow in-udp]\nprotocol = udp\nlocal-port = 4001\nlocal = 192.0.2.1\nauto = yes\n"
	"[flow out]\nprotocol = tcp\nremote = 192.0.2.2\nremote-port = 5000-5010\nauto = yes\n"
	"disposition = wait\n"
	"[flow out-udp]\nprotocol = udp\nremote = 192.0.2.2\nauto = yes\n";

static void begin_with(const char *conf)
{
	struct pl_conf_error err;

	pl_conf_clear(&fake.conf);
	assert_int_equal(pl_conf_load(conf, strlen(conf), &fake.conf, &err), 0);
	fake.nr_items = 0;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
	forget_log();
	fake.calls = 0;
}

static int setup_auto(void **state)
{
	int r = setup(state);

	begin_with(rules);
	return r;
}

static int teardown_auto(void **state)
{
	pl_conf_clear(&fake.conf);
	return teardown(state);
}

static struct pl_tuple out_flow(uint8_t proto, uint16_t remote_port)
{
	struct pl_tuple tuple = flow(remote_port);

	tuple.proto = proto;
	tuple.local_port = 40000;
	return tuple;
}

static enum pl_auto_verdict held(struct pl_tuple tuple, enum pl_direction way, int want)
{
	int error = 99;
	enum pl_auto_verdict verdict = pl_engine_auto(fake.engine, &tuple, way,
						      way == PL_DIR_OUT ? UID : 0, &error);

	assert_int_equal(error, want);
	return verdict;
}

/* It comes to port 4000, born under B's SA. */
static enum pl_auto_verdict comes(uint16_t port, uint32_t reqid, int want)
{
	fake.born[0] = reqid;
	fake.nr_born = reqid == 0 ? 0 : 1;
	return held(flow(port), PL_DIR_IN, want);
}

static const struct pl_latch *latch_at(struct pl_tuple tuple)
{
	const struct pl_latch *latch;

	return pl_engine_find(fake.engine, NULL, &tuple, &latch) == 0 ? latch : NULL;
}

/* Time in which a packet reaches its socket, and then a tick. */
static void later(void)
{
	fake.now += 3000 * MS;
	pl_engine_tick(fake.engine);
}

static void rules_listen_at_every_address_they_name_K12(void **state)
{
	const struct pl_latch *latch;
	unsigned nr = 0;

	(void)state;
	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; nr++) {
		at = latch->id;
		assert_int_equal(latch->state, PL_STATE_LISTENER);
		assert_int_equal(latch->owner.kind, PL_OWNER_ADMIN);
		assert_int_equal(latch->require.min_key_bits, nr < 2 ? 256 : 0);
		assert_int_equal(latch->tuple.af, nr == 1 ? PL_AF_IP6 : PL_AF_IP4);
		assert_int_equal(pl_tuple_is_wildcard(&latch->tuple), nr < 2);
	}
	assert_int_equal(nr, 3);
	assert_in_force();
}

static void of_two_rules_for_a_port_the_first_holds_K12(void **state)
{
	(void)state;
	begin_with("[flow a]\nprotocol = tcp\nlocal-port = 80-81\nlocal = 192.0.2.1\nauto = yes\n"
		   "key-bits = 128\n[flow b]\nprotocol = tcp\nlocal-port = 81-82\n"
		   "local = 192.0.2.1\nauto = yes\n");
	assert_int_equal(fake.nr_items, 3);
	assert_int_equal(pl_engine_next(fake.engine, NULL, 1)->require.min_key_bits, 128);
}

static void without_a_rule_there_is_nothing_K13(void **state)
{
	(void)state;
	begin_with("[flow a]\nprotocol = tcp\nlocal-port = 4000\n");
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, PL_E_NOT_FOUND), PL_AUTO_DROP);
	assert_int_equal(held(out_flow(PL_TUPLE_TCP, 5000), PL_DIR_OUT, PL_E_NOT_FOUND),
			 PL_AUTO_DROP);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void what_comes_is_latched_to_the_SA_of_its_birth_before_it_passes_K12_T4(void **state)
{
	const struct pl_latch *latch;

	(void)state;
	install(child(1, who_b, REQID_B));
	forget_log();
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard born guard permit:101 save");
	latch = latch_at(flow(5000));
	assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
	assert_int_equal(latch->owner.kind, PL_OWNER_ADMIN);
	assert_ptr_equal(latch->params.peer.identity, who_b);
	assert_in_force();
	/* a packet that was held meanwhile */
	forget_log();
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "");
}

static void a_birth_in_doubt_is_broken_and_passes_nothing_K12_T5(void **state)
{
	struct pl_fact weak = child(1, who_b, REQID_B);

	(void)state;
	weak.u.child.key_bits = 128;
	install(weak);
	assert_int_equal(comes(5000, 0, 0), PL_AUTO_AGAIN);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_int_equal(comes(5001, REQID_B, 0), PL_AUTO_AGAIN);
	assert_int_equal(latch_at(flow(5001))->state, PL_STATE_BROKEN);
	assert_in_force();
	/* the guard drops what is tried again; when nothing is left, a new birth is looked at */
	fake.is_gone = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_in_force();
}

static void what_goes_out_waits_for_its_SAs_K12_K25(void **state)
{
	struct pl_tuple tuple = out_flow(PL_TUPLE_TCP, 5000);
	const struct pl_latch *latch;

	(void)state;
	assert_int_equal(held(tuple, PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard save initiate");
	latch = latch_at(tuple);
	assert_int_equal(latch->state, PL_STATE_LARVAL);
	assert_int_equal(latch->owner.kind, PL_OWNER_ADMIN);
	assert_int_equal(latch->owner.uid, UID);
	assert_int_equal(latch->disposition, PL_DISPOSITION_WAIT);
	assert_in_force();
	/* again, while it waits: the guard drops it */
	assert_int_equal(held(tuple, PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_at(tuple)->state, PL_STATE_ESTABLISHED);
	assert_in_force();
	forget_log();
	assert_int_equal(held(out_flow(PL_TUPLE_UDP, 7), PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	assert_string_equal(fake.log, "guard save permit:101 save");
	assert_in_force();
}

static void what_nothing_protects_is_dropped_each_time_K12(void **state)
{
	struct pl_tuple tuple = out_flow(PL_TUPLE_TCP, 5000);

	(void)state;
	fake.initiate = PL_E_NOT_PROTECTED;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(held(tuple, PL_DIR_OUT, PL_E_NOT_PROTECTED), PL_AUTO_DROP);
		assert_null(latch_at(tuple));
		assert_in_force();
	}
	/* C, who would be in conflict, as well */
	install(child(1, who_b, REQID_B));
	install(child(2, who_c, REQID_C));
	assert_int_equal(held(tuple, PL_DIR_OUT, PL_E_CONFLICT), PL_AUTO_DROP);
	assert_null(latch_at(tuple));
	assert_in_force();
}

static void the_first_rule_in_the_file_holds_also_when_it_is_not_automatic(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(out_flow(PL_TUPLE_TCP, 5009), PL_DIR_OUT, PL_E_NOT_FOUND),
			 PL_AUTO_DROP);
	assert_int_equal(held(out_flow(PL_TUPLE_TCP, 5011), PL_DIR_OUT, PL_E_NOT_FOUND),
			 PL_AUTO_DROP);
	assert_int_equal(held(out_flow(PL_TUPLE_TCP, 5010), PL_DIR_OUT, 0), PL_AUTO_AGAIN);
}

static void at_a_program_s_listener_the_guard_has_the_last_word(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple = flow(5000);
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	ask.tuple.local_port = tuple.local_port = 4002;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(held(tuple, PL_DIR_IN, 0), PL_AUTO_PASS);
	assert_null(latch_at(tuple));
	/* whose latch it would not be at an automatic one */
	ask.tuple.local_port = 4001;
	ask.tuple.proto = PL_TUPLE_UDP;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), PL_E_ALREADY_LATCHED);
}

static void no_limit_of_others_is_used_up_and_its_own_holds_K12(void **state)
{
	char conf[sizeof(rules) + 64];

	(void)state;
	snprintf(conf, sizeof(conf), "%s[limits]\nautomatic = 5\nlatches = 1\n", rules);
	begin_with(conf);	/* three listeners, of uid 0 */
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_int_equal(comes(5001, REQID_B, 0), PL_AUTO_AGAIN);
	assert_int_equal(comes(5002, REQID_B, PL_E_LIMIT_EXCEEDED), PL_AUTO_DROP);
	assert_null(latch_at(flow(5002)));
	/* those of UID's sockets are counted for him */
	for (uint16_t port = 1; port <= 5; port++)
		assert_int_equal(held(out_flow(PL_TUPLE_UDP, port), PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	assert_int_equal(held(out_flow(PL_TUPLE_UDP, 6), PL_DIR_OUT, PL_E_LIMIT_EXCEEDED),
			 PL_AUTO_DROP);
	assert_in_force();
	/* what ends makes room */
	fake.is_gone = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_int_equal(comes(5002, REQID_B, 0), PL_AUTO_AGAIN);
	assert_in_force();
}

static void it_ends_with_its_socket_and_not_before_it_can_have_one_K12(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_non_null(latch_at(flow(5000)));
	fake.is_gone = false;
	later();
	assert_non_null(latch_at(flow(5000)));
	fake.is_gone = true;
	later();
	assert_null(latch_at(flow(5000)));
	assert_int_equal(fake.nr_items, 3 + 2);	/* listeners, and pins of two */
	assert_in_force();
}

static void of_UDP_it_ends_when_it_is_idle_K12(void **state)
{
	struct pl_tuple tuple = out_flow(PL_TUPLE_UDP, 7);

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(held(tuple, PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	fake.is_gone = true;
	later();
	assert_non_null(latch_at(tuple));
	fake.is_idle = true;
	fake.refuses = "idle";
	later();
	assert_non_null(latch_at(tuple));
	fake.refuses = NULL;
	later();
	assert_null(latch_at(tuple));
	assert_in_force();
}

static void nobody_opens_the_port_of_a_rule_K12(void **state)
{
	static const struct pl_owner root = { .kind = PL_OWNER_SESSION, .number = 5 };
	struct pl_tuple tuple = latch_at(pl_engine_next(fake.engine, NULL, 0)->tuple)->tuple;

	(void)state;
	fake.is_gone = true;
	assert_int_equal(pl_engine_release(fake.engine, &root, 1), PL_E_FORBIDDEN);
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, 1), PL_E_FORBIDDEN);
	assert_int_equal(pl_engine_admin_close(fake.engine, 1, "x"), PL_E_FORBIDDEN);
	/* some program's listener there was closed */
	assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
	pl_engine_flows_gone(fake.engine);
	later();
	assert_int_equal(state_of(1), PL_STATE_LISTENER);
	assert_in_force();
}

static void a_conflicting_SA_breaks_it_K12_K31(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	forget_log();
	install(child(2, who_c, REQID_C));
	assert_memory_equal(fake.log, "block save dispose", 18);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	assert_in_force();
}

/* A program */

static void a_program_takes_over_what_it_began_K12(void **state)
{
	struct pl_tuple tuple = out_flow(PL_TUPLE_TCP, 5000);
	struct pl_engine_ask ask = ask_for(tuple);
	uint64_t id, again = 0;

	(void)state;
	assert_int_equal(held(tuple, PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &again, NULL), PL_E_ALREADY_LATCHED);
	install(child(1, who_b, REQID_B));
	id = latch_at(tuple)->id;
	ask.is_narrow = true;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &again, NULL), PL_E_ALREADY_LATCHED);
	ask.is_narrow = false;
	ask.require.min_key_bits = 512;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &again, NULL), PL_E_WEAK);
	assert_int_equal(latch_at(tuple)->owner.kind, PL_OWNER_ADMIN);
	ask.require.min_key_bits = 128;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &again, NULL), 0);
	assert_int_equal(again, id);
	assert_int_equal(latch_at(tuple)->owner.kind, PL_OWNER_SESSION);
	assert_int_equal(latch_at(tuple)->owner.number, SESSION);
	assert_int_equal(latch_at(tuple)->cookie, 9);
	/* it is his now, and told to him */
	forget_log();
	install(child(2, who_c, REQID_C));
	assert_non_null(strstr(fake.log, "ALERT"));
	assert_in_force();
}

static void a_program_takes_over_what_came_to_it_K12(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id = 0;

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	fake.socket = fake.socket_again = (struct pl_socket_facts) {
		.tuple = flow(5000), .cookie = 9, .is_internet = true, .is_connected = true,
		.is_here = true,
	};
	memset(&ask.tuple, 0, sizeof(ask.tuple));	/* the socket says it */
	assert_int_equal(pl_engine_latch_socket(fake.engine, 3, &ask, &id, NULL), 0);
	assert_int_equal(latch_at(flow(5000))->id, id);
	assert_int_equal(latch_at(flow(5000))->owner.kind, PL_OWNER_SESSION);
	assert_in_force();
}

static void who_has_no_room_takes_nothing_over_and_changes_nothing(void **state)
{
	char conf[sizeof(rules) + 64];
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id = 0, other = 0;

	(void)state;
	snprintf(conf, sizeof(conf), "%s[limits]\nlatches = 1\n", rules);
	begin_with(conf);
	install(child(1, who_b, REQID_B));
	assert_int_equal(latch_flow(6000, &other), 0);
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(latch_at(flow(5000))->owner.kind, PL_OWNER_ADMIN);
	assert_int_equal(latch_at(flow(5000))->cookie, 0);
	/* as many as before count: with room there is one more, and no other */
	fake.is_gone = true;
	assert_int_equal(pl_engine_release(fake.engine, NULL, other), 0);
	pl_engine_tick(fake.engine);
	assert_int_equal(pl_engine_present(fake.engine, &ask, &id), 0);
	assert_int_equal(latch_flow(6000, &other), PL_E_LIMIT_EXCEEDED);
	assert_in_force();
}

/* Faults */

static void fails_at_each_effect(bool is_sticky, enum pl_direction way)
{
	struct pl_tuple tuple = way == PL_DIR_IN ? flow(5000) : out_flow(PL_TUPLE_TCP, 5000);

	for (unsigned at = 1; at < 12; at++) {
		enum pl_auto_verdict verdict;
		int error;

		begin_with(rules);
		install(child(1, who_b, REQID_B));
		fake.born[0] = REQID_B;
		fake.nr_born = 1;
		fake.calls = 0;
		fake.fail_at = at;
		fake.is_sticky = is_sticky;
		verdict = pl_engine_auto(fake.engine, &tuple, way, UID, &error);
		/* What passes no more than the guard lets it, is told to be looked at again. */
		assert_true(verdict == PL_AUTO_DROP || verdict == PL_AUTO_AGAIN);
		assert_true((verdict == PL_AUTO_DROP) == (error != 0));
		assert_safe();
		if (verdict == PL_AUTO_AGAIN) {
			size_t missing, extra;

			assert_non_null(latch_at(tuple));
			assert_int_equal(pl_engine_compare(fake.engine, &missing, &extra), 0);
			assert_int_equal(missing, 0);
		}
		fake.fail_at = 0;
		fake.is_gone = true;
		for (unsigned i = 0; i < 4; i++)
			later();
		fake.is_gone = false;
		assert_null(latch_at(tuple));
		assert_in_force();
		fake.unborn = (struct pl_tuple) { .af = PL_AF_NONE };
		assert_int_equal(pl_engine_auto(fake.engine, &tuple, way, UID, &error),
				 PL_AUTO_AGAIN);
		assert_int_equal(latch_at(tuple)->state, PL_STATE_ESTABLISHED);
	}
}

static void whatever_fails_nothing_passes_without_a_latch_K12(void **state)
{
	(void)state;
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		fails_at_each_effect(sticky, PL_DIR_IN);
		fails_at_each_effect(sticky, PL_DIR_OUT);
	}
}

static void while_the_guard_is_lost_everything_held_is_dropped(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	fake.refuses = "rebuild";
	assert_int_equal(pl_engine_guard_lost(fake.engine), -EIO);
	assert_int_equal(comes(5000, REQID_B, PL_E_UNAVAILABLE), PL_AUTO_DROP);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_in_force();
}

static void after_a_restart_rules_listen_again_and_old_flows_stay_blocked_K12_K16(void **state)
{
	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_int_equal(held(out_flow(PL_TUPLE_UDP, 7), PL_DIR_OUT, 0), PL_AUTO_AGAIN);
	start();
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_CLOSED_TOLD);
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_in_force();
	/* no socket says that a flow of UDP is over */
	fake.is_idle = true;
	later();
	assert_null(latch_at(out_flow(PL_TUPLE_UDP, 7)));
	assert_non_null(latch_at(flow(5000)));
	assert_in_force();
}

/* With a journal */

static void restart_with(const char *conf)
{
	struct pl_conf_error err;

	pl_conf_clear(&fake.conf);
	assert_int_equal(pl_conf_load(conf, strlen(conf), &fake.conf, &err), 0);
	fake.conf.restart_wait = 30;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
}

static void a_latch_of_the_journal_goes_on_and_its_listener_has_the_rule_of_today_K12_K16(
	void **state)
{
	static const char changed[] = "[flow in]\nprotocol = tcp\nlocal-port = 4000\n"
				      "key-bits = 192\nauto = yes\n[limits]\nautomatic = 4\n";

	(void)state;
	fake.has_journal = true;
	begin_with(rules);
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	restart_with(changed);
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_BROKEN);
	assert_int_equal(latch_at(flow(5000))->owner.kind, PL_OWNER_ADMIN);
	assert_int_equal(state_of(1), PL_STATE_LISTENER);
	assert_int_equal(pl_engine_next(fake.engine, NULL, 0)->require.min_key_bits, 192);
	/* the port of no rule any more is as free as it was */
	assert_int_equal(state_of(3), PL_STATE_NONE);
	assert_in_force();
	install(child(7, who_b, REQID_B + 4));
	assert_int_equal(latch_at(flow(5000))->state, PL_STATE_ESTABLISHED);
	/* it counts as what it is */
	assert_int_equal(comes(5001, REQID_B + 4, 0), PL_AUTO_AGAIN);
	assert_int_equal(comes(5002, REQID_B + 4, PL_E_LIMIT_EXCEEDED), PL_AUTO_DROP);
	assert_in_force();
}

static void without_a_wait_for_the_peer_the_rules_listen_all_the_same_K12(void **state)
{
	(void)state;
	fake.has_journal = true;
	begin_with(rules);
	install(child(1, who_b, REQID_B));
	fake.conf.restart_wait = 0;
	start();
	assert_int_equal(pl_engine_auto_begin(fake.engine), 0);
	install(child(1, who_b, REQID_B));
	assert_int_equal(comes(5000, REQID_B, 0), PL_AUTO_AGAIN);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_auto, teardown_auto)
	const struct CMUnitTest tests[] = {
		TEST(rules_listen_at_every_address_they_name_K12),
		TEST(of_two_rules_for_a_port_the_first_holds_K12),
		TEST(without_a_rule_there_is_nothing_K13),
		TEST(what_comes_is_latched_to_the_SA_of_its_birth_before_it_passes_K12_T4),
		TEST(a_birth_in_doubt_is_broken_and_passes_nothing_K12_T5),
		TEST(what_goes_out_waits_for_its_SAs_K12_K25),
		TEST(what_nothing_protects_is_dropped_each_time_K12),
		TEST(the_first_rule_in_the_file_holds_also_when_it_is_not_automatic),
		TEST(at_a_program_s_listener_the_guard_has_the_last_word),
		TEST(no_limit_of_others_is_used_up_and_its_own_holds_K12),
		TEST(it_ends_with_its_socket_and_not_before_it_can_have_one_K12),
		TEST(of_UDP_it_ends_when_it_is_idle_K12),
		TEST(nobody_opens_the_port_of_a_rule_K12),
		TEST(a_conflicting_SA_breaks_it_K12_K31),
		TEST(a_program_takes_over_what_it_began_K12),
		TEST(a_program_takes_over_what_came_to_it_K12),
		TEST(who_has_no_room_takes_nothing_over_and_changes_nothing),
		TEST(whatever_fails_nothing_passes_without_a_latch_K12),
		TEST(while_the_guard_is_lost_everything_held_is_dropped),
		TEST(a_latch_of_the_journal_goes_on_and_its_listener_has_the_rule_of_today_K12_K16),
		TEST(without_a_wait_for_the_peer_the_rules_listen_all_the_same_K12),
		TEST(after_a_restart_rules_listen_again_and_old_flows_stay_blocked_K12_K16),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_auto", tests, NULL, NULL);
}
