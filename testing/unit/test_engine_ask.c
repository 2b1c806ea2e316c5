/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What this host asks for, and latches of other peers (RFC 5660 section 2.3). */

#include "engine_stage.h"

#include "core/pl_engine_impl.h"
#include "core/pl_ts_narrow.h"
#include "core/pl_tuple.h"

#include <stdio.h>
#include <string.h>

static struct pl_ts_verdict verdict;

static struct pl_identity *between(const char *id, const char *key, const char *own_key)
{
	struct pl_blob wire = { (const uint8_t *)id + 1, strlen(id) - 1 };
	struct pl_blob spki = { (const uint8_t *)key, strlen(key) };
	struct pl_blob own = { (const uint8_t *)own_key, strlen(own_key) };
	struct pl_identity_data data = {
		.peer = {
			.id = id, .id_type = 2, .id_wire = wire, .auth = PL_AUTH_SIGNATURE,
			.anchor = wire, .spki = spki,
		},
		.own = { .id = "@a", .auth = PL_AUTH_SIGNATURE, .spki = own },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static struct pl_identity *named(const char *id, const char *key)
{
	return between(id, key, "a");
}

/* Who has B's name, and proves it otherwise. */
static struct pl_identity *b_by(enum pl_auth auth, const char *anchor)
{
	struct pl_identity_data data = {
		.peer = {
			.id = "@b", .id_type = 2, .id_wire = { (const uint8_t *)"b", 1 },
			.auth = auth,
			.anchor = { (const uint8_t *)anchor, strlen(anchor) },
			.spki = { (const uint8_t *)"b", auth == PL_AUTH_SIGNATURE },
		},
		.own = { .id = "@a", .auth = auth, .spki = { (const uint8_t *)"a", 1 } },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static int breaking(void **state)
{
	int r = setup(state);

	pl_identity_unref(who_b);
	pl_identity_unref(who_c);
	who_b = named("@b", "b");
	who_c = named("@c", "c");
	fake.conf.conflict = PL_CONF_CONFLICT_BREAK;
	return r;
}

static int narrowing(void **state)
{
	int r = breaking(state);

	fake.conf.conflict = PL_CONF_CONFLICT_NARROW;
	return r;
}

/* For everything between this host and 192.0.2.2; @who is known when an IKE SA is up. */
static struct pl_fact proposal(struct pl_identity *who, const char *peer_id)
{
	return (struct pl_fact) {
		.kind = PL_FACT_TS_PROPOSAL, .ike = who == NULL ? 0 : 1002,
		.role = PL_ROLE_INITIATOR, .identity = who, .is_ok = true,
		.u.ts = {
			.tsi = { .len = 1, .list = { host(1) } },
			.tsr = { .len = 1, .list = { host(2) } },
			.selected_tsi = { .len = 1, .list = { host(1) } },
			.selected_tsr = { .len = 1, .list = { host(2) } },
			.is_accepted = true, .may_narrow = true, .may_cut = true,
			.peer_id = peer_id,
		},
	};
}

static struct pl_fact proposal_of(struct pl_identity *who, uint16_t local, uint16_t remote)
{
	struct pl_fact fact = proposal(who, NULL);
	struct pl_ts *tsi = &fact.u.ts.selected_tsi.list[0], *tsr = &fact.u.ts.selected_tsr.list[0];

	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	if (local != 0)
		tsi->lo_port = tsi->hi_port = local;
	if (remote != 0)
		tsr->lo_port = tsr->hi_port = remote;
	fact.u.ts.tsi = fact.u.ts.selected_tsi;
	fact.u.ts.tsr = fact.u.ts.selected_tsr;
	return fact;
}

static enum pl_verdict_kind ask(struct pl_fact fact)
{
	memset(&verdict, 0, sizeof(verdict));
	return pl_engine_ts_request(fake.engine, &fact, &verdict);
}

static enum pl_verdict_kind answered(struct pl_fact fact)
{
	fact.kind = PL_FACT_TS_RESPONSE;
	fact.ike = 1002;
	return pl_engine_ts_other(fake.engine, &fact);
}

static void is_refused_for(uint64_t id)
{
	char want[96];

	snprintf(want, sizeof(want), "the first is latch %llu, tcp 192.0.2.1:4000 192.0.2.2:5000",
		 (unsigned long long)id);
	assert_non_null(pl_engine_refusal(fake.engine));
	assert_non_null(strstr(pl_engine_refusal(fake.engine), want));
	assert_string_equal(fake.log, "");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void is_refused_because(const char *why)
{
	assert_memory_equal(pl_engine_refusal(fake.engine), why, strlen(why));
}

static void what_would_conflict_is_asked_for_without_the_latch_K32(void **state)
{
	uint64_t id = established(5000);
	struct pl_tuple tuple = flow(5000);
	struct pl_fact fact;
	char want[64];

	(void)state;
	assert_int_equal(ask(proposal_of(who_c, 0, 0)), PL_VERDICT_NARROW);
	assert_false(pl_tuple_is_touched(&tuple, PL_ROLE_INITIATOR, &verdict.tsi, &verdict.tsr));
	assert_int_equal(verdict.tsi.len, 1);
	assert_int_equal(verdict.tsr.len, 2);
	assert_int_equal(verdict.tsr.list[0].hi_port, 4999);
	assert_int_equal(verdict.tsr.list[1].lo_port, 5001);
	snprintf(want, sizeof(want), "the first is latch %llu, tcp ", (unsigned long long)id);
	assert_non_null(strstr(verdict.text, want));
	assert_string_equal(fake.log, "");
	/* the SA that comes of it touches nobody */
	fact = child(2, who_c, REQID_C);
	fact.u.child.tsi = verdict.tsi;
	fact.u.child.tsr = verdict.tsr;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void what_cannot_be_cut_is_not_asked_for_and_breaks_nothing_K30(void **state)
{
	uint64_t id = established(5000);
	struct pl_fact fact = proposal_of(who_c, 0, 0);

	(void)state;
	assert_int_equal(ask(proposal_of(who_c, 4000, 5000)), PL_VERDICT_REFUSE);
	is_refused_for(id);
	is_refused_because("nothing is left without them: 1 connections ");
	fact.u.ts.may_cut = false;
	assert_int_equal(ask(fact), PL_VERDICT_REFUSE);
	is_refused_for(id);
	is_refused_because("the kernel cannot hold what is left without them: 1 connections ");
	/* but for one subnet, which would be left of two hosts */
	fact = proposal(who_c, NULL);
	fact.u.ts.selected_tsr.list[0] = (struct pl_ts) {
		.af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, 2 },
		.hi = { 192, 0, 2, 3 },
	};
	fact.u.ts.tsr = fact.u.ts.selected_tsr;
	fact.u.ts.may_cut = false;
	assert_int_equal(ask(fact), PL_VERDICT_NARROW);
	assert_int_equal(verdict.tsr.len, 1);
	assert_memory_equal(verdict.tsr.list[0].lo, fact.u.ts.tsr.list[0].hi, 16);
	fact.u.ts.may_narrow = false;
	assert_int_equal(ask(fact), PL_VERDICT_REFUSE);
	is_refused_for(id);
	is_refused_because("they cannot be cut out: 1 connections ");
}

static void more_latches_than_can_be_cut_out_are_named_as_the_reason_K30(void **state)
{
	(void)state;
	assert_string_equal(pl_engine_why_whole(PL_TS_NARROW_FLOWS_MAX + 1, PL_E_TOO_MANY),
			    "too many connections to be cut out");
	assert_string_equal(pl_engine_why_whole(PL_TS_NARROW_FLOWS_MAX, PL_E_TOO_MANY),
			    "the kernel cannot hold what is left without them");
}

static void where_nothing_is_cut_nothing_that_conflicts_is_asked_for_K30(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	established(5001);
	forget_log();
	assert_int_equal(ask(proposal(who_c, NULL)), PL_VERDICT_REFUSE);
	is_refused_for(id);
	assert_non_null(strstr(pl_engine_refusal(fake.engine), "2 connections "));
	fake.conf.conflict = PL_CONF_CONFLICT_REFUSE;
	assert_int_equal(ask(proposal(who_c, NULL)), PL_VERDICT_REFUSE);
	is_refused_for(id);
	/* but for what touches none */
	assert_int_equal(ask(proposal_of(who_c, 0, 5002)), PL_VERDICT_ACCEPT);
	assert_null(pl_engine_refusal(fake.engine));
}

static void before_IKE_AUTH_the_configured_ID_says_who_is_another_K30(void **state)
{
	static const struct {
		const char *why, *id;
		enum pl_verdict_kind want;
	} t[] = {
		{ "the peer's own", "@b", PL_VERDICT_ACCEPT },
		{ "in other letters", "@B", PL_VERDICT_ACCEPT },
		{ "nobody knows", NULL, PL_VERDICT_ACCEPT },
		{ "anybody", "%any", PL_VERDICT_ACCEPT },
		{ "somebody else's", "@c", PL_VERDICT_REFUSE },
		{ "another type", "b@b", PL_VERDICT_REFUSE },
	};

	(void)state;
	established(5000);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (ask(proposal(NULL, t[i].id)) != t[i].want)
			fail_msg("%s", t[i].why);
	}
	/* who has proved himself is not judged by what is configured */
	assert_int_equal(ask(proposal(who_b, "@c")), PL_VERDICT_ACCEPT);
	assert_int_equal(ask(proposal(who_c, "@b")), PL_VERDICT_REFUSE);
}

/* What this host wants of the peer itself breaks, as in any other role. */
static void its_own_peer_is_asked_for_everything_K33(void **state)
{
	struct pl_identity *renewed = named("@b", "new"), *own = between("@b", "b", "own");
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(ask(proposal(who_b, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(ask(proposal(own, NULL)), PL_VERDICT_ACCEPT);
	pl_identity_unref(own);
	assert_int_equal(ask(proposal(renewed, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(answered(proposal(renewed, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(child(2, renewed, REQID_C)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block save ALERT dispose ACCEPT");
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(2);
	pl_identity_unref(renewed);
}

/* It would be refused for as long as the latch is held, and nobody told. */
static void its_own_peer_by_other_means_is_no_other_peer_K33(void **state)
{
	struct pl_identity *const who[] = {
		b_by(PL_AUTH_PSK, "b"), b_by(PL_AUTH_EAP, "b"), b_by(PL_AUTH_SIGNATURE, "new CA"),
	};

	(void)state;
	established(5000);
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		assert_int_equal(ask(proposal(who[i], NULL)), PL_VERDICT_ACCEPT);
		assert_int_equal(answered(proposal(who[i], NULL)), PL_VERDICT_ACCEPT);
		pl_identity_unref(who[i]);
	}
}

static void a_latch_that_is_broken_keeps_nobody_from_asking_T9(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(install(child(7, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	fake.conf.conflict = PL_CONF_CONFLICT_BREAK;
	assert_int_equal(ask(proposal(who_c, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(answered(proposal(who_c, NULL)), PL_VERDICT_ACCEPT);
	/* and is left out where that can be */
	fake.conf.conflict = PL_CONF_CONFLICT_NARROW;
	assert_int_equal(ask(proposal_of(who_c, 0, 0)), PL_VERDICT_NARROW);
	assert_int_equal(ask(proposal_of(who_c, 4000, 5000)), PL_VERDICT_ACCEPT);
}

static void an_answer_that_conflicts_is_refused_and_the_latch_lives_K30(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	/* of somebody of whom nobody knew who he is */
	assert_int_equal(ask(proposal(NULL, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(answered(proposal(who_c, NULL)), PL_VERDICT_REFUSE);
	is_refused_for(id);
	/* who proved nothing is nobody's peer */
	assert_int_equal(answered(proposal(NULL, "@b")), PL_VERDICT_REFUSE);
	is_refused_for(id);
	assert_int_equal(answered(proposal(who_b, NULL)), PL_VERDICT_ACCEPT);
	assert_int_equal(answered(proposal_of(who_c, 0, 5001)), PL_VERDICT_ACCEPT);
	/* what is narrowed is narrowed before it is asked for, not after */
	fake.conf.conflict = PL_CONF_CONFLICT_NARROW;
	assert_int_equal(answered(proposal(who_c, NULL)), PL_VERDICT_REFUSE);
	is_refused_for(id);
}

static void an_answer_that_is_wider_than_the_question_is_refused_K30(void **state)
{
	struct pl_fact fact = proposal(who_b, NULL);

	(void)state;
	fact.u.ts.is_beyond = true;
	assert_int_equal(answered(fact), PL_VERDICT_REFUSE);
	assert_string_equal(pl_engine_refusal(fake.engine),
			    "they are wider than what was asked for");
	/* also what pluto would not take */
	fact.is_ok = false;
	assert_int_equal(answered(fact), PL_VERDICT_REFUSE);
	fact.is_ok = true;
	fact.u.ts.is_beyond = false;
	assert_int_equal(answered(fact), PL_VERDICT_ACCEPT);
}

#define BREAKING(name) cmocka_unit_test_setup_teardown(name, breaking, teardown)
#define NARROWING(name) cmocka_unit_test_setup_teardown(name, narrowing, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NARROWING(what_would_conflict_is_asked_for_without_the_latch_K32),
		NARROWING(what_cannot_be_cut_is_not_asked_for_and_breaks_nothing_K30),
		NARROWING(more_latches_than_can_be_cut_out_are_named_as_the_reason_K30),
		BREAKING(where_nothing_is_cut_nothing_that_conflicts_is_asked_for_K30),
		BREAKING(before_IKE_AUTH_the_configured_ID_says_who_is_another_K30),
		BREAKING(its_own_peer_is_asked_for_everything_K33),
		BREAKING(its_own_peer_by_other_means_is_no_other_peer_K33),
		BREAKING(a_latch_that_is_broken_keeps_nobody_from_asking_T9),
		BREAKING(an_answer_that_conflicts_is_refused_and_the_latch_lives_K30),
		BREAKING(an_answer_that_is_wider_than_the_question_is_refused_K30),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
