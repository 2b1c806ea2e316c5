/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which SAs may begin a connection to a listener: those that satisfy it, and nothing else, whatever
 * comes and goes, and whatever the guard refuses.
 */

#include "engine_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WEAK = 128, STRONG = 256, REQID_D = 109 };

static struct pl_tuple port_4000(void)
{
	struct pl_tuple tuple = flow(0);

	memset(tuple.remote, 0, sizeof(tuple.remote));
	return tuple;
}

static uint64_t listening_for(uint16_t min_key_bits)
{
	struct pl_engine_ask ask = ask_for(port_4000());
	uint64_t ids[2];
	unsigned nr;

	ask.require.min_key_bits = min_key_bits;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(nr, 1);
	return ids[0];
}

static struct pl_fact sa_of(uint64_t serial, uint32_t reqid, uint16_t key_bits)
{
	struct pl_fact fact = child(serial, who_b, reqid);

	fact.u.child.key_bits = key_bits;
	return fact;
}

/* not of the listener's port */
static struct pl_fact elsewhere(struct pl_fact fact)
{
	struct pl_ts *local = &fact.u.child.tsi.list[0], *remote = &fact.u.child.tsr.list[0];

	local->proto = remote->proto = PL_TUPLE_TCP;
	local->lo_port = local->hi_port = 4001;
	return fact;
}

static bool is_admitted(uint32_t reqid)
{
	struct pl_tuple tuple = port_4000();
	bool is_found = false;

	for (unsigned i = 0; i < fake.nr_items; i++) {
		const struct pl_guard_item *item = &fake.items[i];

		if (item->kind != PL_GUARD_PIN || pl_tuple_compare(&item->tuple, &tuple) != 0)
			continue;
		assert_int_equal(item->pin.direction, PL_DIR_IN);
		is_found = is_found || item->pin.reqid == reqid;
	}
	return is_found;
}

static const struct pl_latch *latch_of(uint64_t id)
{
	const struct pl_latch *latch = NULL;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return latch;
}

static void a_weak_SA_begins_nothing_and_a_strong_one_does_before_it_is_there_K40_T4(void **state)
{
	(void)state;
	listening_for(STRONG);
	forget_log();
	assert_int_equal(install(sa_of(1, REQID_B, WEAK)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa_of(2, REQID_C, STRONG)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "ACCEPT admit:2000000003 ACCEPT");
	assert_false(is_admitted(REQID_B));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
	down(2);
	assert_false(is_admitted(REQID_C));
	assert_in_force();
}

static void who_begins_to_listen_admits_those_that_are_there_and_satisfy_K40_T1(void **state)
{
	struct pl_fact unknown = sa_of(3, 105, STRONG), nobody = sa_of(4, 107, STRONG);

	(void)state;
	strcpy(unknown.u.child.encrypt, "NEW_CIPHER");
	nobody.identity = NULL;
	assert_int_equal(install(sa_of(1, REQID_B, WEAK)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa_of(2, REQID_C, STRONG)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(unknown), PL_VERDICT_ACCEPT);
	assert_int_equal(install(nobody), PL_VERDICT_ACCEPT);
	assert_int_equal(install(elsewhere(sa_of(5, REQID_D, STRONG))), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa_of(6, 0, STRONG)), PL_VERDICT_ACCEPT);
	forget_log();
	listening_for(STRONG);
	assert_string_equal(fake.log, "listen admit:2000000003 save");
	assert_int_equal(fake.nr_items, 2);
	assert_true(is_admitted(REQID_C));
	assert_in_force();
}

static void what_is_unknown_is_never_admitted_K40(void **state)
{
	struct pl_fact unknown = sa_of(1, REQID_B, STRONG), nobody = sa_of(2, REQID_C, STRONG);

	(void)state;
	strcpy(unknown.u.child.encrypt, "NEW_CIPHER");
	nobody.identity = NULL;
	listening_for(0);
	forget_log();
	assert_int_equal(install(unknown), PL_VERDICT_ACCEPT);
	assert_int_equal(install(nobody), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa_of(3, 0, STRONG)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(elsewhere(sa_of(4, REQID_D, STRONG))), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "ACCEPT ACCEPT ACCEPT ACCEPT");
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

static void a_rekey_keeps_the_pin_and_the_last_SA_takes_it_along(void **state)
{
	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, STRONG));
	forget_log();
	install(sa_of(2, REQID_B, STRONG));
	down(1);
	assert_string_equal(fake.log, "ACCEPT");
	assert_true(is_admitted(REQID_B));
	/* one more of the number, that cannot come there, does not keep it */
	install(elsewhere(sa_of(3, REQID_B, STRONG)));
	down(2);
	assert_string_equal(fake.log, "ACCEPT ACCEPT dismiss:101");
	assert_false(is_admitted(REQID_B));
	assert_in_force();
}

static void a_number_that_a_weak_SA_shares_is_not_admitted(void **state)
{
	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, STRONG));
	forget_log();
	/* wherever the weak one leads: the guard sees numbers only */
	install(elsewhere(sa_of(2, REQID_B, WEAK)));
	assert_string_equal(fake.log, "dismiss:101 ACCEPT");
	assert_false(is_admitted(REQID_B));
	install(sa_of(3, REQID_B, STRONG));
	assert_false(is_admitted(REQID_B));
	assert_in_force();
	down(2);
	assert_true(is_admitted(REQID_B));
	assert_in_force();
	install(sa_of(4, REQID_B, WEAK));
	assert_false(is_admitted(REQID_B));
	down(1);
	down(3);
	assert_false(is_admitted(REQID_B));
	assert_in_force();
}

static void a_refused_pin_is_missing_until_the_tick_that_gives_it(void **state)
{
	uint64_t id = listening_for(STRONG);

	(void)state;
	fake.refuses = "admit";
	forget_log();
	assert_int_equal(install(sa_of(1, REQID_C, STRONG)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "admit:2000000003 FAILED ACCEPT");
	assert_true(latch_of(id)->is_unsure);
	assert_safe();
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_false(latch_of(id)->is_unsure);
	assert_true(is_admitted(REQID_C));
	assert_in_force();
}

/* The last pin of the number does not go, and whoever bears it next is weak. */
static void a_number_that_may_still_be_admitted_is_refused_to_others_K40(void **state)
{
	uint64_t id = listening_for(STRONG);

	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	fake.refuses = "block";
	fake.fail_at = fake.calls + 1;
	down(1);
	assert_true(latch_of(id)->is_unsure);
	assert_true(is_admitted(REQID_B));
	assert_int_equal(install(sa_of(2, REQID_B, WEAK)), PL_VERDICT_REFUSE);
	assert_int_equal(install(sa_of(3, REQID_C, WEAK)), PL_VERDICT_ACCEPT);
	fake.refuses = NULL;
	pl_engine_tick(fake.engine);
	assert_false(is_admitted(REQID_B));
	assert_int_equal(install(sa_of(4, REQID_B, WEAK)), PL_VERDICT_ACCEPT);
	assert_false(is_admitted(REQID_B));
	assert_in_force();
}

static void a_refused_pin_is_no_reason_not_to_listen(void **state)
{
	uint64_t id;

	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	fake.refuses = "admit";
	id = listening_for(STRONG);
	assert_int_equal(state_of(id), PL_STATE_LISTENER);
	assert_true(latch_of(id)->is_unsure);
	fake.refuses = NULL;
	forget_log();
	/* an SA may come before the tick */
	install(sa_of(2, REQID_C, STRONG));
	assert_string_equal(fake.log, "block admit:101 ACCEPT");
	assert_true(is_admitted(REQID_B));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
}

static void a_pin_that_does_not_go_takes_all_others_along(void **state)
{
	uint64_t id = listening_for(STRONG);

	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	install(sa_of(2, REQID_C, STRONG));
	fake.refuses = "dismiss";
	forget_log();
	down(1);
	assert_string_equal(fake.log, "dismiss:101 FAILED block admit:2000000003");
	assert_false(latch_of(id)->is_unsure);
	assert_false(is_admitted(REQID_B));
	assert_in_force();
	/* and when not even that works, it is tried again until it does */
	fake.fail_at = fake.calls + 2;
	down(2);
	assert_true(latch_of(id)->is_unsure);
	assert_true(is_admitted(REQID_C));
	fake.fail_at = fake.calls + 1;
	pl_engine_tick(fake.engine);
	assert_true(latch_of(id)->is_unsure);
	pl_engine_tick(fake.engine);
	assert_false(latch_of(id)->is_unsure);
	assert_false(is_admitted(REQID_C));
	assert_in_force();
}

static void a_listener_that_was_let_go_of_takes_births_and_a_closed_one_does_not_K44(void **state)
{
	uint64_t id = listening_for(STRONG);

	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_true(is_admitted(REQID_B));
	install(sa_of(2, REQID_C, STRONG));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "over"), 0);
	install(sa_of(3, REQID_D, STRONG));
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

static void a_successor_gets_no_pins_of_the_one_before(void **state)
{
	uint64_t id = listening_for(0);

	(void)state;
	install(sa_of(1, REQID_B, WEAK));
	assert_true(is_admitted(REQID_B));
	fake.refuses = "block";
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "over"), 0);
	assert_true(is_admitted(REQID_B));
	fake.refuses = NULL;
	id = listening_for(STRONG);
	assert_false(is_admitted(REQID_B));
	assert_false(latch_of(id)->is_unsure);
	assert_in_force();
}

static void without_SAs_nothing_begins(void **state)
{
	struct pl_fact flush = { .kind = PL_FACT_FLUSH };
	uint64_t id = listening_for(STRONG);

	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	install(sa_of(2, REQID_C, STRONG));
	pl_engine_note(fake.engine, &flush);
	assert_int_equal(state_of(id), PL_STATE_LISTENER);
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
}

static void a_lost_guard_gets_its_pins_back(void **state)
{
	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, STRONG));
	install(sa_of(2, REQID_C, WEAK));
	fake.nr_items = 0;
	assert_int_equal(pl_engine_guard_lost(fake.engine), 0);
	assert_int_equal(fake.nr_items, 2);
	assert_true(is_admitted(REQID_B));
	assert_in_force();
}

static void a_listener_of_every_address_admits_what_comes_to_one_of_them_K40(void **state)
{
	struct pl_engine_ask ask = ask_for((struct pl_tuple) {
		.af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 4000 });
	struct pl_fact other = sa_of(2, REQID_C, STRONG);
	uint64_t ids[2];
	unsigned nr, found = 0;

	(void)state;
	other.u.child.tsi.list[0].proto = other.u.child.tsr.list[0].proto = PL_TUPLE_UDP;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(nr, 2);
	forget_log();
	install(sa_of(1, REQID_B, STRONG));
	install(other);
	assert_string_equal(fake.log, "admit:101 ACCEPT ACCEPT");
	for (unsigned i = 0; i < fake.nr_items; i++)
		found += fake.items[i].kind == PL_GUARD_PIN &&
			 pl_tuple_is_wildcard(&fake.items[i].tuple) &&
			 fake.items[i].tuple.af == PL_AF_IP4;
	assert_int_equal(found, 1);
	assert_in_force();
}

/* From 192.0.2.2 to here: others made it, or removed it */
static void others(enum pl_xfrm_kind kind, uint32_t reqid)
{
	struct pl_xfrm_change change = {
		.kind = kind,
		.u.sa = {
			.protocol = PL_PROTO_ESP, .spi = 0x900 + reqid, .reqid = reqid,
			.digest = 99,
			.dst = { .af = PL_AF_IP4, .bytes = { 192, 0, 2, 1 } },
			.from = host(2), .to = host(1),
		},
	};

	assert_int_equal(pl_engine_xfrm(fake.engine, &change), 0);
}

static void a_number_that_others_use_is_not_admitted_K40(void **state)
{
	(void)state;
	install(sa_of(1, REQID_B, STRONG));
	install(sa_of(2, REQID_C, STRONG));
	others(PL_XFRM_SA_NEW, REQID_B);
	pl_engine_xfrm_settle(fake.engine);
	listening_for(STRONG);
	assert_false(is_admitted(REQID_B));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
	others(PL_XFRM_SA_GONE, REQID_B);
	pl_engine_xfrm_settle(fake.engine);
	assert_true(is_admitted(REQID_B));
	assert_in_force();
	forget_log();
	others(PL_XFRM_SA_NEW, REQID_B);
	pl_engine_xfrm_settle(fake.engine);
	assert_string_equal(fake.log, "dismiss:101");
	install(sa_of(3, REQID_B, STRONG));
	assert_false(is_admitted(REQID_B));
	assert_in_force();
	/* nor one that is theirs alone, and the other is as it was */
	others(PL_XFRM_SA_NEW, REQID_D);
	pl_engine_xfrm_settle(fake.engine);
	assert_false(is_admitted(REQID_D));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
}

static void the_last_SA_takes_its_pin_along_though_others_use_its_number(void **state)
{
	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, STRONG));
	others(PL_XFRM_SA_NEW, REQID_B);	/* and more is waiting */
	down(1);
	assert_false(is_admitted(REQID_B));
	pl_engine_xfrm_settle(fake.engine);
	assert_in_force();
}

static void who_is_blind_admits_nobody(void **state)
{
	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, STRONG));
	pl_engine_xfrm_blind(fake.engine);
	install(sa_of(2, REQID_C, STRONG));
	assert_int_equal(fake.nr_items, 1);
	assert_in_force();
	pl_engine_xfrm_list_begin(fake.engine);
	pl_engine_xfrm_list_end(fake.engine);
	pl_engine_xfrm_settle(fake.engine);
	assert_true(is_admitted(REQID_B));
	assert_true(is_admitted(REQID_C));
	assert_in_force();
}

/* What the guard let begin before it was told otherwise, say. */
static void who_was_born_weak_stays_BROKEN_though_nothing_conflicts_K40(void **state)
{
	struct pl_tuple tuple = flow(5000);
	uint64_t id;

	(void)state;
	listening_for(STRONG);
	install(sa_of(1, REQID_B, WEAK));
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	assert_int_equal(pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	install(sa_of(2, REQID_B, WEAK));
	down(1);
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_in_force();
}

/* A model that knows SAs and nothing else: what may begin is a number that an SA brings there, and
 * that no weak SA has. */
enum { NR_SAS = 6, NR_REQIDS = 3 };

struct model_sa {
	uint64_t serial;
	uint32_t reqid;
	bool is_weak, is_elsewhere;
};

static bool may_begin(const struct model_sa sas[NR_SAS], uint32_t reqid)
{
	bool is_reached = false;

	for (unsigned i = 0; i < NR_SAS; i++) {
		if (sas[i].serial == 0 || sas[i].reqid != reqid)
			continue;
		if (sas[i].is_weak)
			return false;
		is_reached = is_reached || !sas[i].is_elsewhere;
	}
	return is_reached;
}

static void change_sa(struct model_sa *sa, uint64_t serial, unsigned how)
{
	struct pl_fact fact;

	enum pl_verdict_kind verdict;

	if (sa->serial != 0) {
		down(sa->serial);
		sa->serial = 0;
		return;
	}
	*sa = (struct model_sa) {
		.serial = serial, .reqid = 101 + how % NR_REQIDS,
		.is_weak = how / 4 % 4 == 0, .is_elsewhere = how / 16 % 3 == 0,
	};
	fact = sa_of(serial, sa->reqid, sa->is_weak ? WEAK : STRONG);
	verdict = install(sa->is_elsewhere ? elsewhere(fact) : fact);
	/* an administrator's number waits until the guard is sure */
	if (verdict == PL_VERDICT_REFUSE && fake.fail_at != 0)
		sa->serial = 0;
	else
		assert_int_equal(verdict, PL_VERDICT_ACCEPT);
}

/* @faults: one in so many effects fails, and the listener then knows that it has to look again. */
static void live(unsigned seed, unsigned faults)
{
	struct model_sa sas[NR_SAS] = { { 0 } };
	uint64_t id = listening_for(STRONG);
	unsigned admitted = 0;

	print_message("seed %u\n", seed);
	for (unsigned step = 1; step < 20000; step++) {
		unsigned at = (unsigned)rand_r(&seed) % NR_SAS;

		fake.calls = 0;
		fake.fail_at = faults == 0 ? 0 : 1 + (unsigned)rand_r(&seed) % faults;
		fake.is_sticky = step % 2;
		change_sa(&sas[at], 100 + step, (unsigned)rand_r(&seed) >> 4);
		fake.fail_at = 0;
		for (unsigned i = 0; i < NR_REQIDS && !latch_of(id)->is_unsure; i++) {
			if (is_admitted(101 + i) != may_begin(sas, 101 + i))
				fail_msg("step %u: reqid %u is%s admitted", step, 101 + i,
					 is_admitted(101 + i) ? "" : " not");
			admitted += is_admitted(101 + i);
		}
		if (latch_of(id)->is_unsure && step % 3 == 0)
			pl_engine_tick(fake.engine);
		assert_safe();
		if (!latch_of(id)->is_unsure)
			assert_in_force();
		forget_log();
	}
	assert_in_range(admitted, 1000, 60000);
}

static void what_may_begin_agrees_with_a_naive_model_K40(void **state)
{
	(void)state;
	live(20260102, 0);
}

static void it_does_so_too_where_effects_fail_K40(void **state)
{
	(void)state;
	live(20260103, 4);
}

/* Connections at the port of the listener, from port 5000 on, with cookies from 100 on. */
static unsigned nr_came;
static int came_error;

static int came(void *ctx, const struct pl_tuple *tuple, pl_socket_see *see, void *see_ctx)
{
	int r = came_error;

	(void)ctx;
	assert_true(pl_tuple_is_listener(tuple));
	for (unsigned i = 0; r == 0 && i < nr_came; i++) {
		struct pl_tuple one = flow((uint16_t)(5000 + i));

		r = see(see_ctx, &one, 100 + i);
	}
	return r;
}

/* What leads to what a program does with a connection that it accepted, or does not. */
static uint64_t listening_with(unsigned nr, uint32_t reqid)
{
	uint64_t id = listening_for(STRONG);

	assert_int_equal(install(sa_of(1, REQID_B, STRONG)), PL_VERDICT_ACCEPT);
	fake.nr_born = reqid == 0 ? 0 : 1;
	fake.born[0] = reqid;
	fake.came = came;
	nr_came = nr;
	came_error = 0;
	return id;
}

/* The socket of the listener is gone, and those of the connections are not. */
static void listener_ends(uint64_t id)
{
	fake.is_gone = true;
	pl_engine_owner_gone(fake.engine, SESSION);
	(void)!pl_engine_flow_gone(fake.engine, &latch_of(id)->tuple);
	fake.is_gone = false;
}

static const struct pl_latch *latch_at(uint16_t port)
{
	struct pl_tuple tuple = flow(port);
	const struct pl_latch *latch = NULL;

	(void)!pl_engine_find(fake.engine, NULL, &tuple, &latch);
	return latch;
}

static void what_nobody_presented_is_latched_when_its_listener_ends_T4(void **state)
{
	uint64_t id = listening_with(2, REQID_B);
	const struct pl_latch *latch;

	(void)state;
	listener_ends(id);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), PL_E_NOT_FOUND);
	for (uint16_t i = 0; i < 2; i++) {
		latch = latch_at(5000 + i);
		assert_non_null(latch);
		assert_int_equal(latch->state, PL_STATE_ESTABLISHED);
		assert_int_equal(latch->cookie, 100 + i);
	}
	assert_in_force();
}

/* By an administrator; its program lives, and so do the connections that it accepted. */
static void what_a_closed_listener_leaves_is_latched_when_its_socket_goes_T4(void **state)
{
	uint64_t id = listening_with(1, REQID_B);

	(void)state;
	assert_int_equal(pl_engine_admin_close(fake.engine, id, "test"), 0);
	assert_null(latch_at(5000));
	listener_ends(id);
	assert_non_null(latch_at(5000));
	assert_in_force();
}

static void what_was_not_born_there_is_left_alone_T4(void **state)
{
	uint64_t id = listening_with(1, 0);
	const struct pl_latch *latch;

	(void)state;
	listener_ends(id);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), PL_E_NOT_FOUND);
	assert_null(latch_at(5000));
	assert_in_force();
}

static void a_listener_does_not_end_before_all_that_is_left_have_latches_T4(void **state)
{
	uint64_t id = listening_with(70, REQID_B);
	const struct pl_latch *latch;

	(void)state;
	listener_ends(id);
	assert_int_equal(latch_of(id)->state, PL_STATE_LISTENER);
	assert_non_null(latch_at(5063));
	assert_null(latch_at(5064));
	came_error = -EIO;
	listener_ends(id);
	assert_int_equal(latch_of(id)->state, PL_STATE_LISTENER);
	came_error = 0;
	listener_ends(id);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), PL_E_NOT_FOUND);
	assert_non_null(latch_at(5069));
	assert_in_force();
}

/* Its owner has let go of the listener, so that the connection is asked for as any other; while
 * that waits for SAs its program is killed. What is LARVAL ends as if it had never been.
 */
static void a_listener_does_not_end_while_one_of_it_waits_for_SAs_T4(void **state)
{
	uint64_t id = listening_with(1, REQID_B), larva = 0;
	struct pl_fact none = { .kind = PL_FACT_INITIATED, .u.initiated.error = PL_E_NO_SA };
	struct pl_engine_ask ask = ask_for(flow(5000));
	const struct pl_latch *latch;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	down(1);
	ask.setup_ms = 1000;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &larva, NULL), 0);
	assert_int_equal(latch_of(larva)->state, PL_STATE_LARVAL);
	listener_ends(id);
	assert_int_equal(latch_of(id)->state, PL_STATE_LINGERING);
	none.u.initiated.ticket = larva;
	pl_engine_note(fake.engine, &none);
	assert_null(latch_at(5000));
	listener_ends(id);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), PL_E_NOT_FOUND);
	assert_non_null(latch_at(5000));
	assert_int_equal(latch_at(5000)->state, PL_STATE_BROKEN);
	assert_in_force();
}

/* Likewise, but the SPD has nothing for it when it is asked for, so that nothing comes of it. */
static void what_could_not_be_latched_is_when_its_listener_ends_T4(void **state)
{
	uint64_t id = listening_with(1, REQID_B), none = 0;
	struct pl_engine_ask ask = ask_for(flow(5000));
	const struct pl_latch *latch;

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	ask.setup_ms = 1000;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &none, NULL), PL_E_NOT_PROTECTED);
	assert_null(latch_at(5000));
	listener_ends(id);
	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), PL_E_NOT_FOUND);
	assert_non_null(latch_at(5000));
	assert_int_equal(latch_at(5000)->state, PL_STATE_BROKEN);
	assert_in_force();
}

/* Who wants it free, gets it so: it is of no listener any more. */
static void what_its_owner_unprotected_is_left_alone_T4(void **state)
{
	uint64_t id = listening_with(1, REQID_B), own = 0;
	struct pl_engine_ask ask = ask_for(flow(5000));

	(void)state;
	ask.may_unprotect = true;
	assert_int_equal(pl_engine_present(fake.engine, &ask, &own), 0);
	assert_int_equal(latch_of(own)->state, PL_STATE_ESTABLISHED);
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, own), 0);
	assert_null(latch_at(5000));
	listener_ends(id);
	assert_null(latch_at(5000));
	assert_in_force();
}

/* It was accepted, the listener is closed, and only then is the socket presented. */
static void who_presents_late_gets_the_latch_that_was_left_T4(void **state)
{
	uint64_t id = listening_with(1, REQID_B), late = 0;
	struct pl_engine_ask ask = ask_for(flow(5000));

	(void)state;
	listener_ends(id);
	ask.tuple = (struct pl_tuple) { .af = PL_AF_NONE };
	fake.socket = fake.socket_again = (struct pl_socket_facts) {
		.tuple = flow(5000), .cookie = 100, .is_internet = true, .is_here = true,
		.is_connected = true,
	};
	assert_int_equal(pl_engine_latch_socket(fake.engine, 3, &ask, &late, NULL), 0);
	assert_int_equal(late, latch_at(5000)->id);
	assert_int_equal(latch_of(late)->state, PL_STATE_ESTABLISHED);
	assert_int_equal(latch_of(late)->owner.kind, PL_OWNER_SESSION);
	assert_in_force();
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_weak_SA_begins_nothing_and_a_strong_one_does_before_it_is_there_K40_T4),
		TEST(who_begins_to_listen_admits_those_that_are_there_and_satisfy_K40_T1),
		TEST(what_is_unknown_is_never_admitted_K40),
		TEST(a_rekey_keeps_the_pin_and_the_last_SA_takes_it_along),
		TEST(a_number_that_a_weak_SA_shares_is_not_admitted),
		TEST(a_refused_pin_is_missing_until_the_tick_that_gives_it),
		TEST(a_number_that_may_still_be_admitted_is_refused_to_others_K40),
		TEST(a_refused_pin_is_no_reason_not_to_listen),
		TEST(a_pin_that_does_not_go_takes_all_others_along),
		TEST(a_listener_that_was_let_go_of_takes_births_and_a_closed_one_does_not_K44),
		TEST(a_successor_gets_no_pins_of_the_one_before),
		TEST(without_SAs_nothing_begins),
		TEST(a_lost_guard_gets_its_pins_back),
		TEST(a_listener_of_every_address_admits_what_comes_to_one_of_them_K40),
		TEST(a_number_that_others_use_is_not_admitted_K40),
		TEST(the_last_SA_takes_its_pin_along_though_others_use_its_number),
		TEST(who_is_blind_admits_nobody),
		TEST(who_was_born_weak_stays_BROKEN_though_nothing_conflicts_K40),
		TEST(what_may_begin_agrees_with_a_naive_model_K40),
		TEST(it_does_so_too_where_effects_fail_K40),
		TEST(what_nobody_presented_is_latched_when_its_listener_ends_T4),
		TEST(what_a_closed_listener_leaves_is_latched_when_its_socket_goes_T4),
		TEST(what_was_not_born_there_is_left_alone_T4),
		TEST(a_listener_does_not_end_before_all_that_is_left_have_latches_T4),
		TEST(a_listener_does_not_end_while_one_of_it_waits_for_SAs_T4),
		TEST(what_could_not_be_latched_is_when_its_listener_ends_T4),
		TEST(what_its_owner_unprotected_is_left_alone_T4),
		TEST(who_presents_late_gets_the_latch_that_was_left_T4),
	};

	return cmocka_run_group_tests_name("engine_births", tests, NULL, NULL);
}
