/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel says about its SAs and policies, and what becomes of latches (K35 to K37, T6, T7,
 * T9). Pluto's own changes are said twice, by pluto first: the second time must change nothing.
 */

#include "engine_stage.h"

#include "core/pl_engine_impl.h"
#include "core/pl_ksad.h"
#include "core/pl_larva.h"
#include "core/pl_spd.h"

#include <string.h>

/* The policy that the stage's setup() installs, as the kernel tells it */
static struct pl_xfrm_change policy_of(enum pl_direction way, uint32_t priority, uint32_t reqid)
{
	return (struct pl_xfrm_change) {
		.kind = PL_XFRM_POLICY_NEW,
		.u.policy = {
			.direction = way, .src = host(way == PL_DIR_OUT ? 1 : 2),
			.dst = host(way == PL_DIR_OUT ? 2 : 1), .priority = priority,
			.effect = PL_XFRM_PROTECTS, .reqid = reqid,
		},
	};
}

static struct pl_xfrm_change pass(enum pl_direction way, uint32_t priority)
{
	struct pl_xfrm_change change = policy_of(way, priority, 0);

	change.u.policy.effect = PL_XFRM_PASSES;
	/* wider than pluto's: another policy to the kernel */
	change.u.policy.src.lo[3] = 0;
	change.u.policy.src.hi[3] = 255;
	return change;
}

static struct pl_xfrm_change sa_of(uint32_t spi, uint32_t reqid, uint8_t from, uint8_t to,
				   uint64_t digest)
{
	return (struct pl_xfrm_change) {
		.kind = PL_XFRM_SA_NEW,
		.u.sa = {
			.protocol = PL_PROTO_ESP, .spi = spi, .reqid = reqid,
			.dst = { .af = PL_AF_IP4, .bytes = { 192, 0, 2, to } },
			.from = host(from), .to = host(to), .digest = digest,
		},
	};
}

static struct pl_xfrm_change gone(struct pl_xfrm_change change)
{
	change.kind = change.kind == PL_XFRM_SA_NEW ? PL_XFRM_SA_GONE : PL_XFRM_POLICY_GONE;
	return change;
}

static void say(struct pl_xfrm_change change)
{
	assert_int_equal(pl_engine_xfrm(fake.engine, &change), 0);
}

/* and nothing more is waiting */
static void hear(struct pl_xfrm_change change)
{
	say(change);
	pl_engine_xfrm_settle(fake.engine);
	assert_safe();
}

static void listed(struct pl_xfrm_change change)
{
	assert_int_equal(pl_engine_xfrm_listed(fake.engine, &change), 0);
}

static void end_list(void)
{
	pl_engine_xfrm_list_end(fake.engine);
	pl_engine_xfrm_settle(fake.engine);
	assert_safe();
}

/* B's SA and its two halves in the kernel, told by pluto and by the kernel */
static void add_sa(enum pl_direction way, uint64_t serial, uint32_t reqid)
{
	struct pl_fact fact = {
		.kind = PL_FACT_SA_ADD, .child = serial,
		.u.sa = {
			.protocol = PL_PROTO_ESP, .direction = way, .reqid = reqid,
			.spi = (uint32_t)serial + (way == PL_DIR_OUT ? 500 : 0),
		},
	};

	assert_int_equal(pl_engine_kernel_change(fake.engine, &fact), PL_VERDICT_ACCEPT);
}

static struct pl_xfrm_change half(enum pl_direction way, uint64_t serial, uint64_t digest)
{
	return way == PL_DIR_OUT ? sa_of((uint32_t)serial + 500, REQID_B, 1, 2, digest) :
				   sa_of((uint32_t)serial, REQID_B, 2, 1, digest);
}

static uint64_t carried(void)
{
	uint64_t id = established(1);

	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		hear(policy_of(way, 100, 0));
		add_sa(way, 1, REQID_B);
		hear(half(way, 1, 10 + way));
	}
	assert_string_equal(fake.log, "");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	return id;
}

static void is_broken(uint64_t id, enum pl_event cause)
{
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	assert_int_equal(latch->state, PL_STATE_BROKEN);
	assert_int_equal(latch->cause, cause);
	assert_non_null(latch->reason);
	assert_int_equal(fake.alert.to, PL_STATE_BROKEN);
	assert_in_force();
}

static void is_well(uint64_t id)
{
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.to, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void list_what_is_there(bool has_policies, bool has_sas, uint64_t digest)
{
	pl_engine_xfrm_list_begin(fake.engine);
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		if (has_policies)
			listed(policy_of(way, 100, 0));
		if (has_sas)
			listed(half(way, 1, digest + way));
	}
}

static void a_foreign_policy_in_clear_breaks_until_it_goes_K35_K36_K37_T7_T9(
	void **state)
{
	uint64_t id = carried();

	(void)state;
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		hear(pass(way, 99));
		is_broken(id, PL_EVENT_CONFLICT_SPD);
		hear(gone(pass(way, 99)));
		is_well(id);
		/* of two equals nobody knows which one the kernel takes */
		hear(pass(way, 100));
		is_broken(id, PL_EVENT_CONFLICT_SPD);
		forget_log();
		/* its cached routes go, each time */
		hear(gone(pass(way, 100)));
		assert_string_equal(fake.log, "permit:101 save reroute ALERT");
		is_well(id);
		forget_log();
		hear(pass(way, 101));
		hear(gone(pass(way, 101)));
		assert_string_equal(fake.log, "");
	}
}

static void what_a_foreign_policy_does_decides_T7(void **state)
{
	uint64_t id = carried();
	struct pl_xfrm_change change = pass(PL_DIR_OUT, 1);

	(void)state;
	change.u.policy.effect = PL_XFRM_DISCARDS;
	hear(change);
	change.u.policy.effect = PL_XFRM_PROTECTS;
	change.u.policy.reqid = REQID_B;
	hear(change);
	assert_string_equal(fake.log, "");
	/* any SA, or somebody else's */
	for (uint32_t reqid = 0; reqid <= REQID_C; reqid += REQID_C) {
		change.u.policy.reqid = reqid;
		hear(change);
		is_broken(id, PL_EVENT_CONFLICT_SPD);
		change.u.policy.reqid = REQID_B;
		hear(change);
		is_well(id);
	}
}

static void a_policy_that_may_not_apply_breaks_and_never_vouches_T7(void **state)
{
	uint64_t id = carried();
	struct pl_xfrm_change partial[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		partial[i] = pass(PL_DIR_OUT, 1);
	partial[0].u.policy.mark = (struct pl_xfrm_mark) { 5, 255 };
	partial[1].u.policy.ifindex = 2;
	partial[2].u.policy.type = 1;
	partial[3].u.policy.is_partial = true;
	partial[3].u.policy.dst.lo[3] = 0;
	partial[4].u.policy.if_id = 7;
	for (unsigned i = 0; i < 5; i++) {
		hear(partial[i]);
		is_broken(id, PL_EVENT_CONFLICT_SPD);
		hear(gone(partial[i]));
		is_well(id);
		partial[i].u.policy.effect = PL_XFRM_DISCARDS;
		hear(partial[i]);
		hear(pass(PL_DIR_OUT, 2));
		is_broken(id, PL_EVENT_CONFLICT_SPD);
		hear(gone(pass(PL_DIR_OUT, 2)));
		hear(gone(partial[i]));
		is_well(id);
	}
	/* as good as pluto's, and worse than it */
	partial[0] = pass(PL_DIR_OUT, 100);
	partial[0].u.policy.mark = (struct pl_xfrm_mark) { 5, 255 };
	hear(partial[0]);
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	partial[0].u.policy.priority = 101;
	hear(partial[0]);
	is_well(id);
}

static void a_policy_of_pluto_that_somebody_takes_breaks_until_it_is_back_K37_T9(void **state)
{
	uint64_t id = carried();
	struct pl_xfrm_change flush = { .kind = PL_XFRM_POLICY_FLUSH };
	struct pl_xfrm_change other = policy_of(PL_DIR_IN, 100, 0);

	(void)state;
	hear(gone(policy_of(PL_DIR_OUT, 100, 0)));
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(policy_of(PL_DIR_OUT, 100, 0));
	is_well(id);
	/* overwritten, and pluto writes it again */
	other.u.policy.effect = PL_XFRM_PASSES;
	hear(other);
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_well(id);
	hear(policy_of(PL_DIR_IN, 101, 0));
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_well(id);
	hear(policy_of(PL_DIR_IN, 100, 77));
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_well(id);
	flush.u.type = 1;
	hear(flush);
	is_well(id);
	flush.u.type = 0;
	hear(flush);
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(policy_of(PL_DIR_IN, 100, 0));
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(policy_of(PL_DIR_OUT, 100, 0));
	is_well(id);
}

static void what_pluto_did_is_heard_again_and_changes_nothing_T7(void **state)
{
	uint64_t id = carried();

	(void)state;
	/* a rekey: pluto's policies get another reqid, go and come back, before we listen */
	policy(PL_FACT_POLICY_DELETE, "", 1);
	policy(PL_FACT_POLICY_ADD, "", 1);
	forget_log();
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		say(policy_of(way, 100, 77));
		say(gone(policy_of(way, 100, 77)));
		say(policy_of(way, 100, 0));
	}
	pl_engine_xfrm_settle(fake.engine);
	assert_string_equal(fake.log, "");
	/* pluto's end of them breaks nothing by itself (K15), said twice or not */
	policy(PL_FACT_POLICY_DELETE, "", 1);
	hear(gone(policy_of(PL_DIR_IN, 100, 0)));
	hear(gone(policy_of(PL_DIR_OUT, 100, 0)));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_string_equal(fake.log, "");
}

static void a_foreign_SA_that_could_carry_it_breaks_until_it_goes_K31_T6_T9(void **state)
{
	static const struct {
		const char *why;
		uint32_t reqid;
		uint8_t from, to, protocol;
		bool breaks;
	} t[] = {
		{ "between its two ends, inbound", 7, 2, 1, PL_PROTO_ESP, true },
		{ "outbound", 7, 1, 2, PL_PROTO_ESP, true },
		{ "AH", 7, 2, 1, PL_PROTO_AH, true },
		{ "IPComp", 7, 2, 1, PL_PROTO_IPCOMP, true },
		{ "any other protocol", 7, 2, 1, 43, true },
		{ "its reqid, between others", REQID_B, 8, 9, PL_PROTO_ESP, true },
		{ "between others", 7, 8, 9, PL_PROTO_ESP, false },
		{ "one end of it", 7, 2, 9, PL_PROTO_ESP, false },
	};
	uint64_t id = carried();

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_xfrm_change change = sa_of(900, t[i].reqid, t[i].from, t[i].to, 99);

		print_message("%s\n", t[i].why);
		change.u.sa.protocol = t[i].protocol;
		hear(change);
		if (t[i].breaks)
			is_broken(id, PL_EVENT_CONFLICT_SA);
		/* another one of that SPI */
		change.u.sa.dst.bytes[3] = 77;
		hear(gone(change));
		if (t[i].breaks)
			is_broken(id, PL_EVENT_CONFLICT_SA);
		change.u.sa.dst.bytes[3] = t[i].to;
		hear(gone(change));
		assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
		change.u.sa.is_larval = true;
		forget_log();
		hear(change);
		assert_string_equal(fake.log, "");
	}
}

static void no_latch_is_made_beside_what_somebody_else_did_K31_K35(void **state)
{
	struct pl_conflict_report report;
	struct pl_engine_ask ask = ask_for(flow(2));
	uint64_t id = carried(), more;

	(void)state;
	hear(sa_of(900, 7, 2, 1, 99));
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &more, &report), PL_E_CONFLICT);
	assert_non_null(strstr(report.text, "did not make"));
	hear(gone(sa_of(900, 7, 2, 1, 99)));
	hear(pass(PL_DIR_OUT, 1));
	assert_int_equal(latch_flow(2, &more), PL_E_CONFLICT);
	hear(gone(pass(PL_DIR_OUT, 1)));
	hear(gone(policy_of(PL_DIR_OUT, 100, 0)));
	assert_int_equal(latch_flow(2, &more), PL_E_NOT_PROTECTED);
	hear(policy_of(PL_DIR_OUT, 100, 0));
	hear(gone(half(PL_DIR_IN, 1, 11)));
	assert_int_equal(latch_flow(2, &more), PL_E_NO_SA);
	pl_engine_xfrm_blind(fake.engine);
	assert_int_equal(latch_flow(2, &more), PL_E_UNAVAILABLE);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	assert_in_force();
}

static void an_SA_of_pluto_that_somebody_takes_breaks_until_there_is_another_T9(void **state)
{
	struct pl_xfrm_change flush = { .kind = PL_XFRM_SA_FLUSH };
	uint64_t id = carried();

	(void)state;
	hear(gone(half(PL_DIR_OUT, 1, 12)));
	is_broken(id, PL_EVENT_CONFLICT_SA);
	/* an equal one by hand would begin its sequence numbers again */
	hear(half(PL_DIR_OUT, 1, 12));
	is_broken(id, PL_EVENT_CONFLICT_SA);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	list_what_is_there(true, true, 10);
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SA);
	hear(gone(half(PL_DIR_OUT, 1, 12)));
	is_well(id);
	add_sa(PL_DIR_IN, 2, REQID_B);
	add_sa(PL_DIR_OUT, 2, REQID_B);
	hear(half(PL_DIR_IN, 2, 21));
	hear(half(PL_DIR_OUT, 2, 22));
	is_well(id);
	flush.u.protocol = PL_PROTO_AH;
	hear(flush);
	is_well(id);
	flush.u.protocol = 0;
	hear(flush);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	/* pluto lets go of both: nothing is in conflict, and nothing is pinned (L5) */
	down(1);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	down(2);
	is_well(id);
}

static void another_SA_under_plutos_SPI_is_foreign_T6(void **state)
{
	uint64_t id = carried();

	(void)state;
	hear(half(PL_DIR_IN, 1, 99));
	is_broken(id, PL_EVENT_CONFLICT_SA);
	hear(gone(half(PL_DIR_IN, 1, 99)));
	is_broken(id, PL_EVENT_CONFLICT_SA);
}

static void an_SA_that_pluto_failed_to_install_vouches_for_nobody_T6(void **state)
{
	struct pl_fact fact = { .kind = PL_FACT_CHILD_FAILED, .child = 2 };
	uint64_t id = carried();

	(void)state;
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	add_sa(PL_DIR_IN, 2, REQID_B);
	pl_engine_note(fake.engine, &fact);
	hear(half(PL_DIR_IN, 2, 5));
	is_broken(id, PL_EVENT_CONFLICT_SA);
}

static void an_SA_that_ends_or_that_pluto_ends_breaks_nothing_K15_L5(void **state)
{
	struct pl_fact fact = {
		.kind = PL_FACT_SA_DELETE,
		.u.sa = { .protocol = PL_PROTO_ESP, .spi = 1,
			  .dst = { .af = PL_AF_IP4, .bytes = { 192, 0, 2, 1 } } },
	};
	struct pl_xfrm_change expired = gone(half(PL_DIR_OUT, 1, 12));
	uint64_t id = carried();

	(void)state;
	expired.is_expiry = true;
	hear(expired);
	pl_engine_note(fake.engine, &fact);
	hear(gone(half(PL_DIR_IN, 1, 11)));
	assert_string_equal(fake.log, "");
	down(1);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_list_finds_whatever_was_lost_K37_T6_T7_T9(void **state)
{
	uint64_t id = carried();

	(void)state;
	list_what_is_there(true, true, 10);
	end_list();
	assert_string_equal(fake.log, "");
	/* something more */
	list_what_is_there(true, true, 10);
	listed(pass(PL_DIR_IN, 1));
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	list_what_is_there(true, true, 10);
	end_list();
	is_well(id);
	list_what_is_there(true, true, 10);
	listed(sa_of(900, 7, 1, 2, 99));
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SA);
	list_what_is_there(true, true, 10);
	end_list();
	is_well(id);
	/* something less */
	list_what_is_there(false, true, 10);
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	list_what_is_there(true, true, 10);
	end_list();
	is_well(id);
	/* the same SPIs and reqids, and other keys */
	list_what_is_there(true, true, 20);
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SA);
}

static void a_list_without_its_SAs_breaks_T6(void **state)
{
	uint64_t id = carried();

	(void)state;
	list_what_is_there(true, false, 0);
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SA);
}

static void addresses_that_pluto_moves_are_no_theft_T6(void **state)
{
	struct pl_fact fact = child(1, who_b, REQID_B);
	uint64_t id = carried();

	(void)state;
	fact.kind = PL_FACT_SA_MIGRATE;
	assert_int_equal(pl_engine_kernel_change(fake.engine, &fact), PL_VERDICT_ACCEPT);
	list_what_is_there(true, true, 30);
	end_list();
	assert_string_equal(fake.log, "");
	list_what_is_there(true, true, 40);
	end_list();
	is_broken(id, PL_EVENT_CONFLICT_SA);
}

static void an_engine_that_cannot_see_has_no_established_latch_T9(void **state)
{
	uint64_t id = carried();

	(void)state;
	pl_engine_xfrm_blind(fake.engine);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	/* a list that has no end tells nothing */
	list_what_is_there(true, true, 10);
	pl_engine_xfrm_settle(fake.engine);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	list_what_is_there(true, true, 10);
	end_list();
	is_well(id);
}

/* C's child 2, of the reqid that B's SA has (reqid=), in the kernel under it; it selects others. */
static uint64_t shared(bool is_told)
{
	struct pl_fact fact = child(2, who_c, REQID_B);
	uint64_t id = carried();

	fact.u.child.tsr.list[0] = host(99);
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		add_sa(way, 2, REQID_B);
		if (is_told)
			hear(half(way, 2, 20 + way));
	}
	return id;
}

/* Pluto says that a child SA ends before the kernel has deleted it. */
static void whoever_shared_the_reqid_is_deleted_before_a_pin_names_it_again_T9(void **state)
{
	uint64_t id = shared(true);

	(void)state;
	down(2);
	policy(PL_FACT_POLICY_ADD, "", 1);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	hear(gone(half(PL_DIR_IN, 2, 21)));
	is_broken(id, PL_EVENT_CONFLICT_SA);
	hear(gone(half(PL_DIR_OUT, 2, 22)));
	is_well(id);
}

static void what_the_kernel_tells_late_of_whoever_shared_the_reqid_counts_T9(void **state)
{
	uint64_t id = shared(false);

	(void)state;
	down(2);
	policy(PL_FACT_POLICY_ADD, "", 1);
	is_broken(id, PL_EVENT_CONFLICT_SA);
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		hear(half(way, 2, 20 + way));
		is_broken(id, PL_EVENT_CONFLICT_SA);
	}
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		is_broken(id, PL_EVENT_CONFLICT_SA);
		hear(gone(half(way, 2, 20 + way)));
	}
	is_well(id);
}

static void whoever_shared_the_reqid_and_expired_is_gone_T9(void **state)
{
	uint64_t id = shared(true);

	(void)state;
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_xfrm_change end = gone(half(way, 2, 20 + way));

		end.is_expiry = true;
		hear(end);
	}
	is_broken(id, PL_EVENT_CONFLICT_SA);
	down(2);
	is_well(id);
}

static void many_changes_at_once_leave_none_out_T7(void **state)
{
	uint64_t id = carried();

	(void)state;
	for (uint16_t port = 1; port < 100; port++) {
		struct pl_xfrm_change change = pass(PL_DIR_OUT, 1);

		change.u.policy.dst.proto = change.u.policy.src.proto = PL_TUPLE_UDP;
		change.u.policy.dst.lo_port = change.u.policy.dst.hi_port = port;
		say(change);
	}
	say(pass(PL_DIR_OUT, 1));
	pl_engine_xfrm_settle(fake.engine);
	is_broken(id, PL_EVENT_CONFLICT_SPD);
}

static bool is_settled(void)
{
	return pl_engine_xfrm_is_settled(fake.engine);
}

/* What is settled is not looked at again until something else happens. */
static void what_pluto_did_asks_nobody_and_what_others_do_is_judged_T7_T9(void **state)
{
	uint64_t id = carried();

	(void)state;
	assert_true(is_settled());
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		say(policy_of(way, 100, 0));
		add_sa(way, 1, REQID_B);
		say(half(way, 1, 20 + way));
		assert_true(is_settled());
	}
	say(pass(PL_DIR_OUT, 99));
	assert_false(is_settled());
	/* also when pluto's own come after it */
	say(policy_of(PL_DIR_OUT, 100, 0));
	assert_false(is_settled());
	pl_engine_xfrm_settle(fake.engine);
	assert_true(is_settled());
	is_broken(id, PL_EVENT_CONFLICT_SPD);
	hear(gone(pass(PL_DIR_OUT, 99)));
	is_well(id);
	say(gone(half(PL_DIR_IN, 1, 21)));
	assert_false(is_settled());
	pl_engine_xfrm_settle(fake.engine);
	assert_true(is_settled());
	say((struct pl_xfrm_change) { .kind = PL_XFRM_POLICY_FLUSH });
	assert_false(is_settled());
	pl_engine_xfrm_settle(fake.engine);
	list_what_is_there(true, true, 20);
	pl_engine_xfrm_list_end(fake.engine);
	assert_false(is_settled());
}

/* Two that only settling ends. */
static void policies_to_take_away_and_waits_without_hope_are_to_be_settled_K26(void **state)
{
	struct pl_larva hopeless = { .error = PL_E_WRONG_PEER }, hopeful = { .next = &hopeless };
	struct pl_engine engine = { .is_latching = true };

	(void)state;
	assert_true(pl_engine_xfrm_is_settled(&engine));
	engine.world.is_steering_over = true;
	assert_false(pl_engine_xfrm_is_settled(&engine));
	engine.world.is_steering_over = false;
	engine.world.larvae = &hopeful;
	assert_false(pl_engine_xfrm_is_settled(&engine));
	hopeless.error = 0;
	assert_true(pl_engine_xfrm_is_settled(&engine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_foreign_policy_in_clear_breaks_until_it_goes_K35_K36_K37_T7_T9,
			setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_foreign_policy_does_decides_T7, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_policy_that_may_not_apply_breaks_and_never_vouches_T7, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_policy_of_pluto_that_somebody_takes_breaks_until_it_is_back_K37_T9, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_pluto_did_is_heard_again_and_changes_nothing_T7, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_foreign_SA_that_could_carry_it_breaks_until_it_goes_K31_T6_T9, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			no_latch_is_made_beside_what_somebody_else_did_K31_K35, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_SA_of_pluto_that_somebody_takes_breaks_until_there_is_another_T9, setup,
			teardown),
		cmocka_unit_test_setup_teardown(another_SA_under_plutos_SPI_is_foreign_T6, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			an_SA_that_pluto_failed_to_install_vouches_for_nobody_T6, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_SA_that_ends_or_that_pluto_ends_breaks_nothing_K15_L5, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_finds_whatever_was_lost_K37_T6_T7_T9, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_list_without_its_SAs_breaks_T6, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_that_pluto_moves_are_no_theft_T6, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			an_engine_that_cannot_see_has_no_established_latch_T9, setup, teardown),
		cmocka_unit_test_setup_teardown(
			whoever_shared_the_reqid_is_deleted_before_a_pin_names_it_again_T9, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_the_kernel_tells_late_of_whoever_shared_the_reqid_counts_T9, setup,
			teardown),
		cmocka_unit_test_setup_teardown(whoever_shared_the_reqid_and_expired_is_gone_T9,
						setup, teardown),
		cmocka_unit_test_setup_teardown(many_changes_at_once_leave_none_out_T7, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_pluto_did_asks_nobody_and_what_others_do_is_judged_T7_T9, setup,
			teardown),
		cmocka_unit_test(
			policies_to_take_away_and_waits_without_hope_are_to_be_settled_K26),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
