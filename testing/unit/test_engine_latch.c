/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine with latches, rule by rule: what is done, in which order, and what it leaves in the
 * guard.
 */

#include "engine_stage.h"

#include <errno.h>
#include <string.h>

static void a_connection_is_guarded_before_it_is_pinned_T2_K2_K3(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	forget_log();
	assert_int_equal(latch_flow(5000, &id), 0);
	assert_string_equal(fake.log, "guard save permit:101 save");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(latch_flow(5000, &id), PL_E_ALREADY_LATCHED);
	assert_in_force();
}

static void without_an_SA_there_is_no_latch_and_the_flow_is_free_again(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(latch_flow(5000, &id), PL_E_NO_SA);
	assert_string_equal(fake.log, "guard save unguard forget");
	assert_int_equal(fake.nr_items, 0);
	assert_null(pl_engine_next(fake.engine, NULL, 0));
}

static void no_latch_is_made_while_SAs_conflict_K31(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	struct pl_conflict_report report;
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, &report), PL_E_CONFLICT);
	assert_non_null(strstr(report.text, "'B'"));
	assert_non_null(strstr(report.text, "'C'"));
	assert_int_equal(fake.nr_items, 0);
	/* T3: the object, on request; it mends when the conflict goes (T9) */
	ask.may_be_broken = true;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, &report), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
	down(2);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_conflicting_SA_is_accepted_after_the_owner_knows_T6_K33_K34_K30_L3(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block save ALERT dispose ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	assert_int_equal(fake.alert.id, id);
	assert_int_equal(fake.alert.from, PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.to, PL_STATE_BROKEN);
	assert_non_null(strstr(fake.reason, "'B'"));
	assert_non_null(strstr(fake.reason, "'C'"));
	assert_in_force();
}

static void a_UDP_socket_is_never_reset_it_would_hear_anybody_K49_U8(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	struct pl_conflict_report report;
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	ask.tuple.proto = PL_TUPLE_UDP;
	ask.disposition = PL_DISPOSITION_RESET;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, &report), 0);
	forget_log();
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block save ALERT ACCEPT");
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "enough"), 0);
	assert_null(strstr(fake.log, "dispose"));
	assert_in_force();
}

static void a_broken_latch_has_no_pin_in_either_direction_K45_K46(void **state)
{
	(void)state;
	established(5000);
	assert_int_equal(fake.nr_items, 3);
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(fake.nr_items, 1);
	assert_int_equal(fake.items[0].kind, PL_GUARD_FLOW);
	/* nor does B's next SA get one while C's is there (K4, K5) */
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

static void the_latch_is_BROKEN_even_if_the_kernel_refuses_to_block(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	fake.calls = 0;
	fake.fail_at = 1;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block FAILED save ALERT dispose ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_not_equal(fake.wake_at, 0);
	fake.fail_at = 0;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

/* What the guard refused to take away names whoever bears that number. */
static void an_SA_whose_reqid_may_still_be_pinned_is_refused_K33_K51(void **state)
{
	uint64_t id = established(5000);
	struct pl_fact elsewhere = child(2, who_c, REQID_B);

	(void)state;
	elsewhere.u.child.tsr.list[0] = host(99);
	fake.refuses = "block";
	assert_int_equal(install(elsewhere), PL_VERDICT_REFUSE);
	assert_int_equal(install(child(3, who_c, REQID_B)), PL_VERDICT_REFUSE);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	assert_int_equal(install(elsewhere), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

/* Not even its own peer's SA is left, and nothing that touches it bears the number. */
static void a_number_waits_for_the_block_though_nothing_of_it_is_left_K4_K5_K51(void **state)
{
	uint64_t id = established(5000);
	struct pl_fact elsewhere = child(2, who_c, REQID_B), own = child(3, who_c, REQID_C);

	(void)state;
	elsewhere.u.child.tsr.list[0] = host(99);
	own.u.child.tsr.list[0] = host(99);
	fake.refuses = "block";
	assert_int_equal(pl_engine_admin_break(fake.engine, id, "test"), 0);
	down(1);
	forget_log();
	assert_int_equal(install(elsewhere), PL_VERDICT_REFUSE);
	assert_string_equal(fake.log, "REFUSE");
	assert_int_equal(install(own), PL_VERDICT_ACCEPT);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_int_equal(install(elsewhere), PL_VERDICT_ACCEPT);
	assert_in_force();
}

static void the_end_of_all_conflicts_restores_T9_L10(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	down(2);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	forget_log();
	down(3);
	assert_string_equal(fake.log, "permit:101 save reroute ALERT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void routes_are_forgotten_once_for_all_that_an_event_restores_T9(void **state)
{
	uint64_t one = established(5000), two = established(5001);

	(void)state;
	for (int i = 0; i < 2; i++) {
		policy(PL_FACT_POLICY_ADD, "PASS", 1);
		assert_int_equal(state_of(one), PL_STATE_BROKEN);
		forget_log();
		policy(PL_FACT_POLICY_ADD, "", 1);
		assert_string_equal(fake.log,
				    "permit:101 save reroute ALERT permit:101 save ALERT");
		assert_int_equal(state_of(one), PL_STATE_ESTABLISHED);
		assert_int_equal(state_of(two), PL_STATE_ESTABLISHED);
	}
	assert_in_force();
}

static void a_latch_is_restored_also_when_routes_are_not_forgotten_T9(void **state)
{
	uint64_t one = established(5000), two = established(5001);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	forget_log();
	fake.refuses = "reroute";
	down(2);
	/* the guard drops what takes the old way, so nothing is less safe; no second try */
	assert_string_equal(fake.log, "permit:101 save reroute FAILED ALERT permit:101 save ALERT");
	assert_int_equal(state_of(one), PL_STATE_ESTABLISHED);
	assert_int_equal(state_of(two), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void routes_are_left_alone_by_a_restoration_that_failed_T9(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	forget_log();
	fake.refuses = "permit";
	down(2);
	assert_string_equal(fake.log, "permit:101 FAILED");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	/* its turn comes with the tick */
	fake.refuses = NULL;
	forget_log();
	pl_engine_tick(fake.engine);
	assert_string_equal(fake.log, "block permit:101 save reroute ALERT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void in_a_rekey_the_new_pin_comes_first_and_the_old_goes_with_the_last_SA_L5(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_b, 105)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "permit:105 ACCEPT");
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_in_force();
	forget_log();
	down(1);
	assert_string_equal(fake.log, "");
	down(3);
	assert_string_equal(fake.log, "retire:101");
	assert_in_force();
	/* L5, K15: without any SA it is still a latch, and nothing passes */
	down(2);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

/* The last byte of the outer local address; 0: nothing carries it. */
static unsigned path_of(uint64_t id)
{
	const struct pl_latch *latch;
	const struct pl_path *path;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	path = pl_engine_path(fake.engine, latch);
	return path == NULL ? 0 : path->local.bytes[3];
}

static struct pl_fact child_from(uint64_t serial, struct pl_identity *identity, uint32_t reqid,
				 uint8_t last)
{
	struct pl_fact fact = child(serial, identity, reqid);

	fact.u.child.path.local = (struct pl_address) { PL_AF_IP4, { 203, 0, 113, last } };
	return fact;
}

static void the_path_is_that_of_the_newest_SA_that_carries_K8_K9(void **state)
{
	struct pl_fact moved = child_from(3, who_b, REQID_B, 30), elsewhere;
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child_from(3, who_b, REQID_B, 3)), PL_VERDICT_ACCEPT);
	assert_int_equal(path_of(id), 3);
	assert_int_equal(install(child_from(2, who_b, 105, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(path_of(id), 3);
	elsewhere = child_from(4, who_b, 106, 4);
	elsewhere.u.child.tsr.list[0] = host(99);
	assert_int_equal(install(elsewhere), PL_VERDICT_ACCEPT);
	assert_int_equal(path_of(id), 3);
	/* asked, and the kernel has it not yet; then it moves (MOBIKE), which is no conflict */
	moved.kind = PL_FACT_SA_MIGRATE;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &moved), PL_VERDICT_ACCEPT);
	assert_int_equal(path_of(id), 3);
	pl_engine_note(fake.engine, &moved);
	assert_int_equal(path_of(id), 30);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	down(3);
	assert_int_equal(path_of(id), 2);
	/* what breaks it carries nothing of it */
	assert_int_equal(install(child_from(5, who_c, REQID_C, 5)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(path_of(id), 0);
	down(5);
	assert_int_equal(path_of(id), 2);
	down(2);
	down(1);
	assert_int_equal(path_of(id), 0);
}

static void an_SA_that_is_not_up_yet_has_no_path_of_a_latch_K9(void **state)
{
	struct pl_fact fact = child_from(2, who_b, REQID_B, 2);
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(pl_engine_child_install(fake.engine, &fact), PL_VERDICT_ACCEPT);
	assert_int_equal(path_of(id), 0);
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(path_of(id), 2);
}

/* same-peer-qop = pin */
static void an_SA_that_stands_beside_is_not_the_path_K9(void **state)
{
	struct pl_fact weaker = child_from(3, who_b, REQID_C, 3);
	uint64_t id;

	(void)state;
	fake.conf.may_differ_in_qop = true;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(install(child_from(2, who_b, REQID_B, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	weaker.u.child.key_bits = 128;
	assert_int_equal(install(weaker), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(path_of(id), 2);
}

static void a_reqid_of_two_peers_is_no_pin(void **state)
{
	struct pl_fact elsewhere = child(2, who_c, REQID_B);
	uint64_t id = established(5000), other;

	(void)state;
	elsewhere.u.child.tsr.list[0] = host(99);
	assert_int_equal(install(elsewhere), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(latch_flow(5001, &other), PL_E_SHARED_REQID);
	assert_in_force();
	down(2);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_policy_that_lets_packets_by_breaks_T7_K37(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	policy(PL_FACT_POLICY_ADD, "PASS", 1);
	assert_string_equal(fake.log, "block save ALERT dispose");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(fake.alert.event, PL_EVENT_CONFLICT_SPD);
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_policy_taken_away_breaks_and_one_gone_with_its_SA_does_not_K37_K15(void **state)
{
	struct pl_fact unroute = { .kind = PL_FACT_CONN_UNROUTE, .conn = { .serial = 1 } };
	uint64_t id = established(5000), other;

	(void)state;
	policy(PL_FACT_POLICY_DELETE, "", 1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(latch_flow(5001, &other), PL_E_NOT_PROTECTED);
	policy(PL_FACT_POLICY_ADD, "", 1);
	pl_engine_note(fake.engine, &unroute);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static void a_deleted_connection_breaks_what_has_no_policy_left_K37(void **state)
{
	struct pl_fact gone = { .kind = PL_FACT_CONN_DELETE, .conn = { .serial = 1 } };
	uint64_t id = established(5000);

	(void)state;
	policy(PL_FACT_POLICY_DELETE, "", 1);
	gone.conn.instance = 1;
	pl_engine_note(fake.engine, &gone);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	gone.conn.instance = 0;
	/* another one, between other hosts, says nothing about this flow */
	gone.u.ts.tsi = (struct pl_ts_list) { .len = 1, .list = { host(1) } };
	gone.u.ts.tsr = (struct pl_ts_list) { .len = 1, .list = { host(99) } };
	pl_engine_note(fake.engine, &gone);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	gone.u.ts.tsr.list[0] = host(2);
	pl_engine_note(fake.engine, &gone);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
}

static void a_deleted_template_may_have_covered_anything_K37(void **state)
{
	struct pl_fact gone = {
		.kind = PL_FACT_CONN_DELETE, .conn = { .serial = 1, .is_template = true },
	};
	uint64_t id = established(5000);

	(void)state;
	policy(PL_FACT_POLICY_DELETE, "", 1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	pl_engine_note(fake.engine, &gone);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
}

static void a_flush_breaks_everything(void **state)
{
	struct pl_fact flush = { .kind = PL_FACT_FLUSH };
	uint64_t id = established(5000);

	(void)state;
	pl_engine_note(fake.engine, &flush);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static struct pl_fact ike_end(struct pl_identity *identity, enum pl_exchange pending)
{
	return (struct pl_fact) {
		.kind = PL_FACT_IKE_DOWN, .ike = 1001, .identity = identity,
		.u.ike_end = { .reason = PL_REASON_TIMEOUT, .pending = pending,
			       .was_established = true },
	};
}

static void silence_to_are_you_there_ends_the_peers_latches_for_good_K19_T8_L29(void **state)
{
	struct pl_fact lost_c = ike_end(who_c, PL_EXCHANGE_LIVENESS);
	struct pl_fact lost_b = ike_end(who_b, PL_EXCHANGE_LIVENESS);
	struct pl_fact slow_b = ike_end(who_b, PL_EXCHANGE_CREATE_CHILD_SA);
	uint64_t id = established(5000);

	(void)state;
	lost_c.ike = 1002;
	pl_engine_note(fake.engine, &lost_c);
	pl_engine_note(fake.engine, &slow_b);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	pl_engine_note(fake.engine, &lost_b);
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	assert_int_equal(install(child(5, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	assert_in_force();
}

static void lineage_follows_a_rekey_and_not_a_new_authentication_L5(void **state)
{
	struct pl_fact up = { .kind = PL_FACT_IKE_UP, .ike = 2000, .u.ike = { .rekeys = 1001 } };
	struct pl_identity_data nobody = {
		.peer = { .id = "%null", .auth = PL_AUTH_NULL },
		.own = { .id = "A", .auth = PL_AUTH_NULL },
	};
	struct pl_identity *null;
	struct pl_fact fact;
	uint64_t id;

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &nobody, &null), 0);
	assert_int_equal(install(child(1, null, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	pl_engine_note(fake.engine, &up);
	fact = child(2, null, REQID_B);
	fact.ike = 2000;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	fact = child(3, null, REQID_B);
	fact.ike = 3000;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	pl_identity_unref(null);
}

static void listen_is_guarded_and_accept_takes_the_reqid_of_the_birth_T1_T4_K24(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple = flow(5000);
	uint64_t ids[2], id;
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	forget_log();
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &id), PL_E_NOT_FOUND);
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(state_of(ids[0]), PL_STATE_LISTENER);
	assert_string_equal(fake.log, "listen admit:101 save");
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), PL_E_ALREADY_LATCHED);
	forget_log();
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &id), 0);
	assert_string_equal(fake.log, "guard born guard permit:101 save ALERT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.listener, ids[0]);
	assert_in_force();
	/* T12, K44 */
	assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(ids[0]), PL_STATE_NONE);
	assert_in_force();
}

static void a_doubtful_birth_is_BROKEN_and_its_holder_knows_T5(void **state)
{
	static const struct {
		const char *why;
		uint32_t said, born[2];
		unsigned nr;
		const char *reason;
	} t[] = {
		{ "two reqids", REQID_B, { REQID_B, REQID_C }, 2, "more than one reqid" },
		{ "no birth", REQID_B, { 0, 0 }, 0, "no first packet of it is known" },
		{ "another one", REQID_B, { REQID_C, 0 }, 1, "another SA than is said" },
		{ "an SA that is gone", 555, { 555, 0 }, 1, "is gone" },
		{ "none at all", 0, { 0, 0 }, 0, "no first packet of it is known" },
	};
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2], id;
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_tuple tuple = flow((uint16_t)(6000 + i));

		memcpy(fake.born, t[i].born, sizeof(fake.born));
		fake.nr_born = t[i].nr;
		forget_log();
		assert_int_equal(pl_engine_accept(fake.engine, &tuple, t[i].said, 5, &id), 0);
		if (state_of(id) != PL_STATE_BROKEN || strstr(fake.log, "ALERT") == NULL ||
		    strstr(fake.reason, t[i].reason) == NULL)
			fail_msg("%s: %s", t[i].why, fake.reason);
	}
	assert_in_force();
}

/* RFC 5660 section 2.3.1 would latch whoever the next SA is of; he did not begin it. */
static void a_birth_whose_SA_is_gone_is_nobody_elses_L19(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple = flow(6000);
	uint64_t ids[2], id;
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	install(child(1, who_b, REQID_B));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	down(1);
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_string_equal(fake.reason, "the SA that it began under is gone");
	assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
	install(child(2, who_c, REQID_C));
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(2);
	install(child(3, who_b, REQID_B));
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static void the_kernel_gets_only_SAs_that_were_judged(void **state)
{
	struct pl_fact add = {
		.kind = PL_FACT_SA_ADD, .child = 1,
		.u.sa = { .protocol = PL_PROTO_ESP, .direction = PL_DIR_IN, .spi = 1,
			  .reqid = REQID_B },
	};
	struct pl_fact wrong = add;

	(void)state;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &add), PL_VERDICT_REFUSE);
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(pl_engine_kernel_change(fake.engine, &add), PL_VERDICT_ACCEPT);
	wrong.u.sa.spi = 2;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &wrong), PL_VERDICT_REFUSE);
	wrong = add;
	wrong.u.sa.reqid = REQID_C;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &wrong), PL_VERDICT_REFUSE);
	wrong = add;
	wrong.u.sa.direction = PL_DIR_OUT;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &wrong), PL_VERDICT_REFUSE);
	wrong = add;
	wrong.child = 0;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &wrong), PL_VERDICT_REFUSE);
	down(1);
	assert_int_equal(pl_engine_kernel_change(fake.engine, &add), PL_VERDICT_REFUSE);
}

static void a_lost_guard_is_rebuilt_and_nothing_comes_up_meanwhile(void **state)
{
	uint64_t id = established(5000), other;

	(void)state;
	fake.nr_items = 0;
	assert_int_equal(pl_engine_guard_lost(fake.engine), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	fake.calls = 0;
	fake.fail_at = 1;
	fake.is_sticky = true;
	fake.nr_items = 0;
	assert_int_equal(pl_engine_guard_lost(fake.engine), -EIO);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(latch_flow(5001, &other), PL_E_UNAVAILABLE);
	assert_int_equal(install(child(7, who_b, REQID_B)), PL_VERDICT_REFUSE);
	fake.fail_at = 0;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_pin_that_the_guard_refuses_breaks_and_is_not_believed_later(void **state)
{
	struct pl_fact fact = child(2, who_b, 105);
	uint64_t id = established(5000);

	(void)state;
	fake.calls = 0;
	fake.fail_at = 1;
	assert_int_equal(pl_engine_child_install(fake.engine, &fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.fail_at = 0;
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	/* and one that it does not let go of: another SA might get that number */
	fake.calls = 0;
	fake.fail_at = 1;
	down(2);
	assert_non_null(strstr(fake.log, "retire:105 FAILED block"));
	fake.fail_at = 0;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void reqid_0_is_never_a_pin(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(install(child(1, who_b, 0)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), PL_E_SHARED_REQID);
	assert_int_equal(fake.nr_items, 0);
}

static void what_the_journal_refuses_is_not_ESTABLISHED(void **state)
{
	uint64_t id = established(5000), other;

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	fake.calls = 0;
	fake.fail_at = 2;
	down(2);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
	fake.calls = 0;
	fake.fail_at = 4;
	assert_int_equal(latch_flow(5001, &other), -EIO);
	fake.fail_at = 0;
	assert_in_force();
}

static void a_flow_that_was_guarded_stays_so_when_its_next_latch_fails(void **state)
{
	struct pl_tuple tuple = flow(5000);
	uint64_t id = established(5000), again;
	const struct pl_latch *latch;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	fake.calls = 0;
	/* block, forget, guard, save, permit */
	fake.fail_at = 5;
	assert_int_equal(latch_flow(5000, &again), -EIO);
	assert_int_equal(fake.nr_items, 1);
	fake.fail_at = 0;
	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &latch), 0);
	assert_int_equal(latch->state, PL_STATE_CLOSED_TOLD);
	pl_engine_tick(fake.engine);
	assert_in_force();
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_items, 0);
}

static void nothing_is_restored_while_the_guard_is_not_in_force(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	fake.calls = 0;
	fake.fail_at = 1;
	assert_int_equal(pl_engine_guard_lost(fake.engine), -EIO);
	down(2);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(pl_engine_guard_lost(fake.engine), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_child_lost_with_its_peer_ends_the_latch_for_good_K19(void **state)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_DOWN, .child = 1, .ike = 1001, .identity = who_b,
		.u.child_end = { .ike_cause = PL_IKE_END_PEER_LOST },
	};
	uint64_t id = established(5000);

	(void)state;
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	assert_in_force();
}

static void a_peer_is_found_dead_once_for_each_IKE_SA_however_many_children_it_has(void **state)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_DOWN, .child = 1, .ike = 1001, .identity = who_b,
		.u.child_end = { .ike_cause = PL_IKE_END_PEER_LOST },
	};
	struct pl_fact end = {
		.kind = PL_FACT_IKE_DOWN, .ike = 1001, .identity = who_b,
		.u.ike_end = { .reason = PL_REASON_TIMEOUT, .pending = PL_EXCHANGE_LIVENESS,
			       .was_established = true },
	};
	uint64_t id = established(5000);

	(void)state;
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	forget_log();
	fact.child = 2;
	pl_engine_note(fake.engine, &fact);
	pl_engine_note(fake.engine, &end);
	assert_string_equal(fake.log, "");
	/* another IKE SA, another look */
	fact.ike = 1002;
	pl_engine_note(fake.engine, &fact);
	assert_string_equal(fake.log, "save");
}

static void an_SA_makes_up_for_an_unroute_that_came_before_it_K15(void **state)
{
	struct pl_fact unroute = { .kind = PL_FACT_CONN_UNROUTE, .conn = { .serial = 1 } };
	struct pl_fact fact;
	uint64_t id;

	(void)state;
	pl_engine_note(fake.engine, &unroute);
	fact = child(1, who_b, REQID_B);
	fact.conn.serial = 1;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	/* The peer deletes it: nobody here changed his mind. */
	down(1);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	pl_engine_note(fake.engine, &unroute);
	policy(PL_FACT_POLICY_ADD, "", 1);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
}

static void a_listener_that_fails_leaves_no_tuple_in_the_guard_that_nobody_knows(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple;
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
	fake.refuses = "listen";
	assert_int_not_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	fake.refuses = NULL;
	assert_in_force();
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.nr_items, 0);
	/* The same of a connection that comes to one. */
	fake.is_gone = false;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	tuple = flow(5000);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 5, ids), 0);
	assert_int_equal(pl_engine_release(fake.engine, NULL, ids[0]), 0);
	fake.refuses = "guard";
	assert_int_not_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 6, ids), 0);
	fake.refuses = NULL;
	assert_in_force();
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_connection_is_guarded_before_it_is_pinned_T2_K2_K3),
		TEST(without_an_SA_there_is_no_latch_and_the_flow_is_free_again),
		TEST(no_latch_is_made_while_SAs_conflict_K31),
		TEST(a_conflicting_SA_is_accepted_after_the_owner_knows_T6_K33_K34_K30_L3),
		TEST(a_UDP_socket_is_never_reset_it_would_hear_anybody_K49_U8),
		TEST(a_broken_latch_has_no_pin_in_either_direction_K45_K46),
		TEST(the_latch_is_BROKEN_even_if_the_kernel_refuses_to_block),
		TEST(an_SA_whose_reqid_may_still_be_pinned_is_refused_K33_K51),
		TEST(a_number_waits_for_the_block_though_nothing_of_it_is_left_K4_K5_K51),
		TEST(the_end_of_all_conflicts_restores_T9_L10),
		TEST(routes_are_forgotten_once_for_all_that_an_event_restores_T9),
		TEST(a_latch_is_restored_also_when_routes_are_not_forgotten_T9),
		TEST(routes_are_left_alone_by_a_restoration_that_failed_T9),
		TEST(in_a_rekey_the_new_pin_comes_first_and_the_old_goes_with_the_last_SA_L5),
		TEST(the_path_is_that_of_the_newest_SA_that_carries_K8_K9),
		TEST(an_SA_that_is_not_up_yet_has_no_path_of_a_latch_K9),
		TEST(an_SA_that_stands_beside_is_not_the_path_K9),
		TEST(a_reqid_of_two_peers_is_no_pin),
		TEST(a_policy_that_lets_packets_by_breaks_T7_K37),
		TEST(a_policy_taken_away_breaks_and_one_gone_with_its_SA_does_not_K37_K15),
		TEST(a_deleted_connection_breaks_what_has_no_policy_left_K37),
		TEST(a_deleted_template_may_have_covered_anything_K37),
		TEST(a_flush_breaks_everything),
		TEST(silence_to_are_you_there_ends_the_peers_latches_for_good_K19_T8_L29),
		TEST(lineage_follows_a_rekey_and_not_a_new_authentication_L5),
		TEST(listen_is_guarded_and_accept_takes_the_reqid_of_the_birth_T1_T4_K24),
		TEST(a_doubtful_birth_is_BROKEN_and_its_holder_knows_T5),
		TEST(a_birth_whose_SA_is_gone_is_nobody_elses_L19),
		TEST(the_kernel_gets_only_SAs_that_were_judged),
		TEST(a_lost_guard_is_rebuilt_and_nothing_comes_up_meanwhile),
		TEST(a_pin_that_the_guard_refuses_breaks_and_is_not_believed_later),
		TEST(reqid_0_is_never_a_pin),
		TEST(what_the_journal_refuses_is_not_ESTABLISHED),
		TEST(a_flow_that_was_guarded_stays_so_when_its_next_latch_fails),
		TEST(nothing_is_restored_while_the_guard_is_not_in_force),
		TEST(a_child_lost_with_its_peer_ends_the_latch_for_good_K19),
		TEST(a_peer_is_found_dead_once_for_each_IKE_SA_however_many_children_it_has),
		TEST(an_SA_makes_up_for_an_unroute_that_came_before_it_K15),
		TEST(a_listener_that_fails_leaves_no_tuple_in_the_guard_that_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
