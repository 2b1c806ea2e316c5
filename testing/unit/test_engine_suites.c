/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which suites a peer's child SA may have (RFC 5660 sections 2.1 and 4: K20, K21, L24). */

#include "engine_stage.h"

#include "core/pl_tuple.h"

#include <string.h>

enum { WAIT_MS = 20000, REQID_NARROW = 105 };

static struct pl_suites suites;

/* the peer's end is 192.0.2.2, and of just one connection with a port that is not 0 */
static struct pl_fact question(struct pl_identity *who, uint16_t port)
{
	struct pl_fact fact = {
		.kind = PL_FACT_SUITES, .child = 9, .ike = 1009, .role = PL_ROLE_RESPONDER,
		.identity = who, .is_ok = true,
		.u.ts = {
			.selected_tsi = { .len = 1, .list = { host(2) } },
			.selected_tsr = { .len = 1, .list = { host(1) } },
			.is_accepted = true,
		},
	};
	struct pl_ts *tsi = &fact.u.ts.selected_tsi.list[0], *tsr = &fact.u.ts.selected_tsr.list[0];

	if (port == 0)
		return fact;
	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	tsi->lo_port = tsi->hi_port = port;
	tsr->lo_port = tsr->hi_port = 4000;
	return fact;
}

static enum pl_verdict_kind ask(struct pl_identity *who, uint16_t port)
{
	struct pl_fact fact = question(who, port);

	memset(&suites, 0, sizeof(suites));
	return pl_engine_suites(fake.engine, &fact, &suites);
}

/* all of them, in a row */
static void left(const char *want, bool is_must)
{
	char text[PL_SUITE_TEXT_MAX], all[256] = "";

	for (unsigned i = 0; i < suites.nr; i++) {
		strcat(all, i == 0 ? "" : ", ");
		strcat(all, pl_suite_text(&suites.list[i], text));
	}
	assert_string_equal(all, want);
	assert_int_equal(suites.is_must, is_must);
}

/* an SA of B's for just one connection, and a latch under it */
static uint64_t latched(uint16_t port, uint64_t serial, uint32_t key_bits)
{
	struct pl_fact fact = child(serial, who_b, REQID_NARROW + (uint32_t)serial);
	struct pl_engine_ask wish = ask_for(flow(port));
	struct pl_ts *tsi = &fact.u.child.tsi.list[0], *tsr = &fact.u.child.tsr.list[0];
	uint64_t id;

	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	tsi->lo_port = tsi->hi_port = 4000;
	tsr->lo_port = tsr->hi_port = port;
	fact.u.child.key_bits = key_bits;
	install(fact);
	wish.is_narrow = true;
	assert_int_equal(pl_engine_latch(fake.engine, &wish, &id, NULL), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	return id;
}

static uint64_t larval(uint16_t port, const char *suite)
{
	struct pl_engine_ask wish = ask_for(flow(port));
	uint64_t id;

	wish.setup_ms = WAIT_MS;
	if (suite != NULL)
		assert_int_equal(pl_suite_parse(suite, &wish.suite), 0);
	assert_int_equal(pl_engine_latch(fake.engine, &wish, &id, NULL), 0);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	return id;
}

static void where_nothing_is_latched_any_suite_will_do_K21(void **state)
{
	(void)state;
	assert_int_equal(ask(who_b, 0), PL_VERDICT_ACCEPT);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_ACCEPT);
	latched(5000, 1, 256);
	assert_int_equal(ask(who_b, 5001), PL_VERDICT_ACCEPT);
}

static void an_SA_of_just_a_latched_connection_has_its_suite_or_is_not_made_K20_K21(void **state)
{
	(void)state;
	latched(5000, 1, 256);
	latched(5001, 2, 128);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", true);
	assert_int_equal(ask(who_b, 5001), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-128", true);
}

static void a_wider_one_has_it_where_the_peer_has_it_too_K21(void **state)
{
	(void)state;
	latched(5000, 1, 256);
	assert_int_equal(ask(who_b, 0), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", false);
}

static void where_latches_differ_none_is_better_than_the_other_K21(void **state)
{
	(void)state;
	latched(5000, 1, 256);
	latched(5001, 2, 128);
	assert_int_equal(ask(who_b, 0), PL_VERDICT_ACCEPT);
}

static void a_latch_that_may_have_several_leaves_all_of_them_K22(void **state)
{
	struct pl_fact fact = child(1, who_b, REQID_B);
	struct pl_allowed_facts also = { .encrypt = "AES_GCM_16", .key_bits = 128 };
	uint64_t id;

	(void)state;
	fact.u.child.may_lack_esn = true;
	fact.u.child.allowed[0] = fact.u.child.allowed[1] = also;
	fact.u.child.allowed[1].key_bits = 256;
	fact.u.child.nr_allowed = 2;
	install(fact);
	assert_int_equal(latch_flow(5000, &id), 0);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-128, esp aes_gcm_16-256", true);
	/* One of another connection has to be the one that both have. */
	latched(5001, 2, 256);
	assert_int_equal(ask(who_b, 0), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", false);
}

static void another_peer_is_judged_when_its_SA_is_installed_K31(void **state)
{
	(void)state;
	latched(5000, 1, 256);
	assert_int_equal(ask(who_c, 5000), PL_VERDICT_ACCEPT);
	assert_int_equal(ask(NULL, 5000), PL_VERDICT_ACCEPT);
}

static void a_broken_latch_is_mended_by_its_own_suite_alone_K21_T9(void **state)
{
	uint64_t id = latched(5000, 1, 256);

	(void)state;
	install(child(2, who_c, REQID_C));
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", true);
}

static void one_that_is_closed_leaves_all_of_them_K21(void **state)
{
	uint64_t id = latched(5000, 1, 256);

	(void)state;
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "a test"), 0);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_ACCEPT);
}

static void who_asks_for_one_is_not_given_the_peers_L24_K21(void **state)
{
	(void)state;
	larval(5000, "esp aes_gcm_16-256");
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", true);
	/* whoever it is: nobody has proved to be the peer of this latch yet */
	assert_int_equal(ask(who_c, 5000), PL_VERDICT_NARROW);
	left("esp aes_gcm_16-256", true);
}

static void who_asks_for_none_is_given_what_the_peer_wants_L24(void **state)
{
	(void)state;
	larval(5000, NULL);
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_ACCEPT);
}

static void both_ends_ask_for_the_same_and_the_peers_SA_is_enough_L24(void **state)
{
	uint64_t id = larval(5000, "esp aes_gcm_16-256");
	struct pl_fact fact = child(7, who_b, REQID_NARROW);
	struct pl_fact answer = {
		.kind = PL_FACT_INITIATED, .u.initiated = { .ticket = id, .error = PL_E_NO_SA },
	};
	struct pl_fact asked = question(who_b, 5000);

	(void)state;
	assert_int_equal(ask(who_b, 5000), PL_VERDICT_NARROW);
	fact.role = PL_ROLE_RESPONDER;
	fact.u.child.tsi = asked.u.ts.selected_tsi;
	fact.u.child.tsr = asked.u.ts.selected_tsr;
	install(fact);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	/* What comes of its own attempt is none of its business any more, nor is a second SA. */
	pl_engine_note(fake.engine, &answer);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	fact.child = 8;
	install(fact);
	down(7);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void both_ends_ask_for_different_ones_and_the_peers_SA_is_no_use_L24(void **state)
{
	uint64_t id = larval(5000, "esp aes_gcm_16-256");
	struct pl_fact fact = child(7, who_b, REQID_NARROW);
	struct pl_fact asked = question(who_b, 5000);

	(void)state;
	fact.role = PL_ROLE_RESPONDER;
	fact.u.child.key_bits = 128;
	fact.u.child.tsi = asked.u.ts.selected_tsi;
	fact.u.child.tsr = asked.u.ts.selected_tsr;
	install(fact);
	assert_int_not_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_safe();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_nothing_is_latched_any_suite_will_do_K21),
		TEST(an_SA_of_just_a_latched_connection_has_its_suite_or_is_not_made_K20_K21),
		TEST(a_wider_one_has_it_where_the_peer_has_it_too_K21),
		TEST(where_latches_differ_none_is_better_than_the_other_K21),
		TEST(a_latch_that_may_have_several_leaves_all_of_them_K22),
		TEST(another_peer_is_judged_when_its_SA_is_installed_K31),
		TEST(a_broken_latch_is_mended_by_its_own_suite_alone_K21_T9),
		TEST(one_that_is_closed_leaves_all_of_them_K21),
		TEST(who_asks_for_one_is_not_given_the_peers_L24_K21),
		TEST(who_asks_for_none_is_given_what_the_peer_wants_L24),
		TEST(both_ends_ask_for_the_same_and_the_peers_SA_is_enough_L24),
		TEST(both_ends_ask_for_different_ones_and_the_peers_SA_is_no_use_L24),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
