/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a peer proposes, and what latches of other peers leave of it (RFC 5660 section 2.3, K32). */

#include "engine_stage.h"

#include "core/pl_tuple.h"

#include <stdio.h>
#include <string.h>

static struct pl_ts_verdict verdict;

/* C asks for everything between its end, 192.0.2.2, and this host's */
static struct pl_fact request(struct pl_identity *who)
{
	return (struct pl_fact) {
		.kind = PL_FACT_TS_REQUEST, .child = 2, .ike = 1002, .role = PL_ROLE_RESPONDER,
		.identity = who, .is_ok = true,
		.u.ts = {
			.tsi = { .len = 1, .list = { host(2) } },
			.tsr = { .len = 1, .list = { host(1) } },
			.selected_tsi = { .len = 1, .list = { host(2) } },
			.selected_tsr = { .len = 1, .list = { host(1) } },
			.is_accepted = true, .may_narrow = true, .may_cut = true,
		},
	};
}

static struct pl_fact request_of(struct pl_identity *who, uint16_t tsi_port, uint16_t tsr_port)
{
	struct pl_fact fact = request(who);
	struct pl_ts *tsi = &fact.u.ts.selected_tsi.list[0], *tsr = &fact.u.ts.selected_tsr.list[0];

	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	if (tsi_port != 0)
		tsi->lo_port = tsi->hi_port = tsi_port;
	if (tsr_port != 0)
		tsr->lo_port = tsr->hi_port = tsr_port;
	fact.u.ts.tsi = fact.u.ts.selected_tsi;
	fact.u.ts.tsr = fact.u.ts.selected_tsr;
	return fact;
}

static enum pl_verdict_kind ask(struct pl_fact fact)
{
	memset(&verdict, 0, sizeof(verdict));
	return pl_engine_ts_request(fake.engine, &fact, &verdict);
}

/* the child SA that is made of it */
static enum pl_verdict_kind take(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	struct pl_fact fact = child(2, who_c, REQID_C);

	fact.role = PL_ROLE_RESPONDER;
	fact.u.child.tsi = *tsi;
	fact.u.child.tsr = *tsr;
	return install(fact);
}

static void is_list(const struct pl_ts_list *list, const char *want)
{
	char text[PL_TS_TEXT_MAX], all[1024] = "";

	for (unsigned i = 0; i < list->len; i++) {
		strcat(all, i == 0 ? "" : " ");
		strcat(all, pl_ts_text(&list->list[i], text));
	}
	assert_string_equal(all, want);
}

static void a_proposal_of_another_peer_is_narrowed_and_the_latch_lives_K32(void **state)
{
	uint64_t id = established(5000);
	struct pl_tuple tuple = flow(5000);

	(void)state;
	assert_int_equal(ask(request_of(who_c, 0, 0)), PL_VERDICT_NARROW);
	assert_false(pl_tuple_is_touched(&tuple, PL_ROLE_RESPONDER, &verdict.tsi, &verdict.tsr));
	is_list(&verdict.tsi, "192.0.2.2-192.0.2.2/6/0-4999 192.0.2.2-192.0.2.2/6/5001-65535");
	is_list(&verdict.tsr, "192.0.2.1-192.0.2.1/6/0-65535");
	assert_string_equal(fake.log, "");
	assert_int_equal(take(&verdict.tsi, &verdict.tsr), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void the_log_can_say_what_was_cut_and_for_whom_K32(void **state)
{
	uint64_t id = established(5000);
	char want[96];

	(void)state;
	assert_int_equal(ask(request(who_c)), PL_VERDICT_NARROW);
	snprintf(want, sizeof(want), "latch %llu, tcp 192.0.2.1:4000 192.0.2.2:5000",
		 (unsigned long long)id);
	assert_non_null(strstr(verdict.text, want));
	assert_non_null(strstr(verdict.text, "TSi cut for 1, TSr for 0 of 1 "));
	assert_non_null(strstr(verdict.text, "by port"));
}

static void many_connections_to_one_service_are_one_port_K32(void **state)
{
	(void)state;
	for (uint16_t port = 5000; port < 5060; port++)
		established(port);
	assert_int_equal(ask(request_of(who_c, 0, 0)), PL_VERDICT_NARROW);
	is_list(&verdict.tsi, "192.0.2.2-192.0.2.2/6/0-65535");
	is_list(&verdict.tsr, "192.0.2.1-192.0.2.1/6/0-3999 192.0.2.1-192.0.2.1/6/4001-65535");
	assert_int_equal(take(&verdict.tsi, &verdict.tsr), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "ACCEPT");
	assert_in_force();
}

static void what_cannot_be_narrowed_breaks_and_the_owner_knows_first_K33_K34(void **state)
{
	struct pl_fact fact = request_of(who_c, 5000, 4000);
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "");
	assert_int_equal(take(&fact.u.ts.selected_tsi, &fact.u.ts.selected_tsr),
			 PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block save ALERT dispose ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

static void its_own_peer_asks_for_what_it_wants_K32(void **state)
{
	(void)state;
	established(5000);
	assert_int_equal(ask(request(who_b)), PL_VERDICT_ACCEPT);
	/* of another IKE SA, and who that is nobody knows */
	assert_int_equal(ask(request(NULL)), PL_VERDICT_NARROW);
}

static void what_touches_no_latch_is_as_it_was_K32(void **state)
{
	struct pl_fact fact = request(who_c);

	(void)state;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	established(5000);
	assert_int_equal(ask(request_of(who_c, 5001, 0)), PL_VERDICT_ACCEPT);
	fact.u.ts.selected_tsi.list[0] = host(3);
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
}

/* It waits for the end of its conflicts. */
static void a_broken_latch_is_left_alone_as_well_K32_T9(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(7, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(ask(request_of(who_c, 0, 0)), PL_VERDICT_NARROW);
	assert_int_equal(take(&verdict.tsi, &verdict.tsr), PL_VERDICT_ACCEPT);
	down(7);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* And then the gate of last resort decides. */
static void what_pluto_or_the_kernel_cannot_hold_is_not_asked_for_K33(void **state)
{
	struct pl_fact fact = request_of(who_c, 0, 0);

	(void)state;
	established(5000);
	fact.u.ts.may_cut = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	fact.u.ts.may_narrow = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	fact = request_of(who_c, 0, 0);
	fact.is_ok = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	fact = request_of(who_c, 0, 0);
	fact.role = PL_ROLE_INITIATOR;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
}

/* One host of a subnet's two: what is left is one host, and any pluto can say that. */
static void what_is_not_narrowed_has_a_reason_for_the_log_K33(void **state)
{
	struct pl_fact fact = request_of(who_c, 0, 0);
	uint64_t id = established(5000);
	char want[128];

	(void)state;
	snprintf(want, sizeof(want), "1 connections are latched with others; the first is latch "
		 "%llu, tcp 192.0.2.1:4000 192.0.2.2:5000", (unsigned long long)id);
	fact.u.ts.may_cut = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	assert_non_null(strstr(verdict.text, "the kernel cannot hold what is left without them: "));
	assert_non_null(strstr(verdict.text, want));
	fact.u.ts.may_narrow = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	assert_non_null(strstr(verdict.text, "they cannot be cut out: "));
	assert_int_equal(ask(request_of(who_c, 5000, 4000)), PL_VERDICT_ACCEPT);
	assert_non_null(strstr(verdict.text, "nothing is left without them: "));
	/* where nothing conflicts there is nothing to say */
	assert_int_equal(ask(request_of(who_c, 5001, 4000)), PL_VERDICT_ACCEPT);
	assert_string_equal(verdict.text, "");
}

static void one_subnet_is_left_also_where_there_are_no_ranges_K32(void **state)
{
	struct pl_fact fact = request(who_c);
	struct pl_ts *net = &fact.u.ts.selected_tsi.list[0];

	(void)state;
	established(5000);
	net->hi[3] = 3;
	fact.u.ts.tsi = fact.u.ts.selected_tsi;
	fact.u.ts.may_cut = false;
	assert_int_equal(ask(fact), PL_VERDICT_NARROW);
	is_list(&verdict.tsi, "192.0.2.3-192.0.2.3/0/0-65535");
	is_list(&verdict.tsr, "192.0.2.1-192.0.2.1/0/0-65535");
}

static void every_conflict_breaks_unless_the_site_wants_it_narrowed_K33(void **state)
{
	(void)state;
	pl_conf_default(&fake.conf);
	established(5000);
	assert_int_equal(ask(request_of(who_c, 0, 0)), PL_VERDICT_ACCEPT);
	fake.conf.conflict = PL_CONF_CONFLICT_NARROW;
	assert_int_equal(ask(request_of(who_c, 0, 0)), PL_VERDICT_NARROW);
}

/* Newcomers are refused, where the site wants that. */

static enum pl_verdict_kind ask_rekey(struct pl_fact fact)
{
	fact.kind = PL_FACT_TS_REKEY;
	fact.u.ts.may_narrow = fact.u.ts.may_cut = false;
	return pl_engine_ts_other(fake.engine, &fact);
}

static struct pl_fact child_of(uint64_t serial, struct pl_identity *who, uint32_t reqid)
{
	struct pl_fact fact = child(serial, who, reqid);

	fact.role = PL_ROLE_RESPONDER;
	fact.u.child.tsi.list[0] = host(2);
	fact.u.child.tsr.list[0] = host(1);
	return fact;
}

static void newcomers_are_refused_where_the_site_wants_it_K30(void **state)
{
	uint64_t id = established(5000);
	char want[96];

	(void)state;
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	established(5001);
	assert_int_equal(ask(request(who_c)), PL_VERDICT_REFUSE);
	snprintf(want, sizeof(want), "2 connections are latched with others; the first is latch "
		 "%llu, tcp ", (unsigned long long)id);
	assert_non_null(strstr(pl_engine_refusal(fake.engine), want));
	assert_int_equal(ask(request_of(who_c, 5000, 4000)), PL_VERDICT_REFUSE);
	assert_int_equal(ask(request(NULL)), PL_VERDICT_REFUSE);
	assert_int_equal(ask_rekey(request(who_c)), PL_VERDICT_REFUSE);
	assert_non_null(pl_engine_refusal(fake.engine));
	assert_string_equal(fake.log, "");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	/* no question, no reason */
	assert_int_equal(ask(request(who_b)), PL_VERDICT_ACCEPT);
	assert_null(pl_engine_refusal(fake.engine));
}

static void who_conflicts_with_nobody_is_not_refused_K30(void **state)
{
	struct pl_fact fact = request(who_c);

	(void)state;
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	established(5000);
	assert_int_equal(ask_rekey(request(who_b)), PL_VERDICT_ACCEPT);
	assert_int_equal(ask(request_of(who_c, 5001, 0)), PL_VERDICT_ACCEPT);
	assert_int_equal(ask_rekey(request_of(who_c, 5001, 0)), PL_VERDICT_ACCEPT);
	/* what we ask for ourselves is no newcomer's */
	fact.role = PL_ROLE_INITIATOR;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
	fact = request(who_c);
	fact.is_ok = false;
	assert_int_equal(ask(fact), PL_VERDICT_ACCEPT);
}

/* Other protection shows when the SA is to be installed, and so does whatever was not asked. */
static void what_shows_late_is_refused_late_and_nothing_is_changed_K30(void **state)
{
	struct pl_fact fact = child_of(3, who_b, REQID_C);
	uint64_t id = established(5000);

	(void)state;
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	fact.u.child.key_bits = 128;
	assert_int_equal(install(fact), PL_VERDICT_REFUSE);
	assert_non_null(strstr(pl_engine_refusal(fake.engine), "differs in"));
	assert_int_equal(install(child_of(4, who_c, REQID_C)), PL_VERDICT_REFUSE);
	assert_string_equal(fake.log, "REFUSE REFUSE");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	/* nothing of them is left that would count later */
	assert_int_equal(install(child_of(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_null(pl_engine_refusal(fake.engine));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

/* Its selectors have nothing to do with the latch, but its packets would bear the latch's pin. */
static void who_would_share_the_reqid_of_a_latch_is_refused_K30(void **state)
{
	struct pl_fact fact = child_of(4, who_c, REQID_B);
	uint64_t id = established(5000);

	(void)state;
	fact.u.child.tsi.list[0] = host(9);
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	assert_int_equal(install(fact), PL_VERDICT_REFUSE);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	fact.u.child.reqid = REQID_C;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void who_broke_a_latch_may_not_stay_and_its_peer_may_come_K30_T9(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child_of(7, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	assert_int_equal(ask_rekey(request(who_c)), PL_VERDICT_REFUSE);
	assert_int_equal(install(child_of(8, who_c, REQID_C)), PL_VERDICT_REFUSE);
	assert_int_equal(ask(request(who_b)), PL_VERDICT_ACCEPT);
	down(7);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void against_whom_it_found_there_a_latch_has_no_claim_K30_T3(void **state)
{
	struct pl_engine_ask wish = ask_for(flow(5000));
	struct pl_conflict_report report;
	uint64_t id;

	(void)state;
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	assert_int_equal(install(child_of(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child_of(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	wish.may_be_broken = true;
	assert_int_equal(pl_engine_latch(fake.engine, &wish, &id, &report), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(ask_rekey(request(who_c)), PL_VERDICT_ACCEPT);
	assert_int_equal(ask_rekey(request(who_b)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child_of(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
}

static int narrowing(void **state)
{
	int r = setup(state);

	fake.conf.conflict = PL_CONF_CONFLICT_NARROW;
	return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, narrowing, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_proposal_of_another_peer_is_narrowed_and_the_latch_lives_K32),
		TEST(the_log_can_say_what_was_cut_and_for_whom_K32),
		TEST(many_connections_to_one_service_are_one_port_K32),
		TEST(what_cannot_be_narrowed_breaks_and_the_owner_knows_first_K33_K34),
		TEST(its_own_peer_asks_for_what_it_wants_K32),
		TEST(what_touches_no_latch_is_as_it_was_K32),
		TEST(a_broken_latch_is_left_alone_as_well_K32_T9),
		TEST(what_pluto_or_the_kernel_cannot_hold_is_not_asked_for_K33),
		TEST(what_is_not_narrowed_has_a_reason_for_the_log_K33),
		TEST(one_subnet_is_left_also_where_there_are_no_ranges_K32),
		TEST(every_conflict_breaks_unless_the_site_wants_it_narrowed_K33),
		TEST(newcomers_are_refused_where_the_site_wants_it_K30),
		TEST(who_conflicts_with_nobody_is_not_refused_K30),
		TEST(what_shows_late_is_refused_late_and_nothing_is_changed_K30),
		TEST(who_would_share_the_reqid_of_a_latch_is_refused_K30),
		TEST(who_broke_a_latch_may_not_stay_and_its_peer_may_come_K30_T9),
		TEST(against_whom_it_found_there_a_latch_has_no_claim_K30_T3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
