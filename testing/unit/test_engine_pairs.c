/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The latches of an association of SCTP: one for each pair of its addresses, which come and go, and
 * all of one peer. This host is 192.0.2.1 and 192.0.2.3, the peer is 192.0.2.2 and 192.0.2.4.
 */

#include "engine_stage.h"

#include "core/pl_association.h"

#include <errno.h>
#include <string.h>

enum { PORT = 5000, COOKIE = 9, SECOND_NS = 1000000000 };

static struct pl_tuple pair(uint8_t local, uint8_t remote)
{
	struct pl_tuple tuple = flow(PORT);

	tuple.proto = PL_TUPLE_SCTP;
	tuple.local[3] = local;
	tuple.remote[3] = remote;
	return tuple;
}

static struct pl_address address(uint8_t last)
{
	return (struct pl_address) { PL_AF_IP4, { 192, 0, 2, last } };
}

/* What the kernel says from now on; 0 is no address. */
static void has_ends(uint8_t local1, uint8_t local2, uint8_t remote1, uint8_t remote2)
{
	fake.ends = (struct pl_ends) {
		.cookie = COOKIE, .local = { address(local1), address(local2) },
		.remote = { address(remote1), address(remote2) },
		.nr_local = local2 == 0 ? 1 : 2, .nr_remote = remote2 == 0 ? 1 : 2,
	};
}

static void protect(uint8_t local, uint8_t remote)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_fact fact = {
			.kind = PL_FACT_POLICY_ADD, .conn = { .serial = 1 },
			.u.policy = {
				.direction = way, .priority = 100, .nr_templates = 1,
				.src = host(way == PL_DIR_OUT ? local : remote),
				.dst = host(way == PL_DIR_OUT ? remote : local),
			},
		};

		assert_int_equal(pl_engine_kernel_change(fake.engine, &fact), PL_VERDICT_ACCEPT);
	}
}

static struct pl_fact sa(uint64_t serial, struct pl_identity *who, uint8_t local, uint8_t remote)
{
	struct pl_fact fact = child(serial, who, who == who_b ? REQID_B : REQID_C);

	fact.u.child.tsi.list[0] = host(local);
	fact.u.child.tsr.list[0] = host(remote);
	return fact;
}

static void protect_all(void)
{
	protect(1, 4);
	protect(3, 2);
	protect(3, 4);
}

static void install_all(void)
{
	assert_int_equal(install(sa(1, who_b, 1, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa(2, who_b, 1, 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa(3, who_b, 3, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa(4, who_b, 3, 4)), PL_VERDICT_ACCEPT);
}

/* The first pair, with B's SA. */
static uint64_t begin(void)
{
	struct pl_engine_ask ask = ask_for(pair(1, 2));
	uint64_t id = 0;

	protect_all();
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	return id;
}

static void tick(void)
{
	fake.now += SECOND_NS;
	pl_engine_tick(fake.engine);
}

static uint64_t id_of(uint8_t local, uint8_t remote)
{
	struct pl_tuple tuple = pair(local, remote);
	const struct pl_latch *latch;

	return pl_engine_find(fake.engine, NULL, &tuple, &latch) == 0 ? latch->id : 0;
}

static enum pl_state state_at(uint8_t local, uint8_t remote)
{
	return state_of(id_of(local, remote));
}

static struct pl_association_view view(uint8_t local, uint8_t remote)
{
	struct pl_tuple tuple = pair(local, remote);
	struct pl_association_view ret = { .id = 0 };
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_find(fake.engine, NULL, &tuple, &latch), 0);
	assert_true(pl_engine_association(fake.engine, latch, &ret));
	return ret;
}

/* Four latches of B. */
static uint64_t four(void)
{
	uint64_t first;

	install_all();
	first = begin();
	has_ends(1, 3, 2, 4);
	tick();
	assert_int_equal(view(1, 2).nr_intact, 4);
	forget_log();
	return first;
}

static bool is_guarded(uint8_t local, uint8_t remote)
{
	struct pl_tuple tuple = pair(local, remote);

	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (fake.items[i].kind == PL_GUARD_FLOW &&
		    pl_tuple_compare(&fake.items[i].tuple, &tuple) == 0)
			return true;
	}
	return false;
}

static void each_pair_of_addresses_has_a_latch_and_they_are_one_association_U11(void **state)
{
	static const uint8_t pairs[][2] = { { 1, 2 }, { 1, 4 }, { 3, 2 }, { 3, 4 } };
	uint64_t first = four();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pl_association_view seen = view(pairs[i][0], pairs[i][1]);

		assert_int_equal(state_at(pairs[i][0], pairs[i][1]), PL_STATE_ESTABLISHED);
		assert_int_equal(seen.id, first);
		assert_int_equal(seen.nr_pairs, 4);
		assert_int_equal(seen.nr_intact, 4);
		assert_int_equal(seen.refused, 0);
	}
	assert_in_force();
	tick();
	assert_null(strstr(fake.log, "guard"));
	assert_null(strstr(fake.log, "ALERT"));
}

static void a_connected_socket_has_them_all_when_it_is_latched_U11(void **state)
{
	struct pl_engine_ask ask = ask_for(pair(1, 2));
	uint64_t id;

	(void)state;
	install_all();
	protect_all();
	has_ends(1, 3, 2, 4);
	fake.socket = fake.socket_again = (struct pl_socket_facts) {
		.tuple = pair(1, 2), .cookie = COOKIE, .is_internet = true, .is_here = true,
		.is_connected = true,
	};
	memset(&ask.tuple, 0, sizeof(ask.tuple));
	assert_int_equal(pl_engine_latch_socket(fake.engine, 0, &ask, &id, NULL), 0);
	assert_int_equal(view(1, 2).nr_intact, 4);
	assert_in_force();
}

/* Its packets are dropped until its SA is there, and pluto is asked for it. */
static void an_added_address_waits_for_SAs_of_the_same_peer_U15(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(install(sa(1, who_b, 1, 2)), PL_VERDICT_ACCEPT);
	first = begin();
	has_ends(1, 0, 2, 0);
	tick();
	assert_int_equal(view(1, 2).nr_pairs, 1);
	has_ends(1, 0, 2, 4);
	forget_log();
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_non_null(strstr(fake.log, "ALERT"));
	assert_int_equal(fake.alert.id, id_of(1, 4));
	assert_int_equal(fake.alert.association, first);
	assert_int_equal(fake.alert.nr_intact, 1);
	assert_int_equal(view(1, 4).id, first);
	assert_in_force();
	tick();
	tick();
	assert_non_null(strstr(fake.log, "initiate"));
	assert_int_equal(fake.ticket, id_of(1, 4));
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_int_equal(install(sa(2, who_b, 1, 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_at(1, 4), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.nr_intact, 2);
	assert_in_force();
}

static void a_pair_that_the_SPD_lets_pass_in_clear_is_broken_U15(void **state)
{
	struct pl_engine_ask ask = ask_for(pair(1, 2));
	uint64_t id;

	(void)state;
	install_all();
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	has_ends(1, 0, 2, 4);
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_int_equal(state_at(1, 2), PL_STATE_ESTABLISHED);
	assert_safe();
	protect(1, 4);
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void the_SA_of_another_peer_passes_no_further_pair_U15(void **state)
{
	(void)state;
	assert_int_equal(install(sa(1, who_b, 1, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(install(sa(2, who_c, 1, 4)), PL_VERDICT_ACCEPT);
	(void)begin();
	has_ends(1, 0, 2, 4);
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_int_equal(state_at(1, 2), PL_STATE_ESTABLISHED);
	assert_non_null(strstr(fake.reason, "C"));
	assert_in_force();
	down(2);
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_int_equal(install(sa(3, who_b, 1, 4)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_at(1, 4), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void a_deleted_address_has_no_latch_and_the_association_keeps_its_id_U17(void **state)
{
	uint64_t first = four();

	(void)state;
	has_ends(1, 3, 4, 0);
	tick();
	assert_int_equal(state_of(first), PL_STATE_NONE);
	assert_int_equal(state_at(3, 2), PL_STATE_NONE);
	assert_non_null(strstr(fake.log, "ALERT"));
	assert_int_equal(fake.alert.event, PL_EVENT_FLOW_GONE);
	assert_int_equal(view(3, 4).id, first);
	assert_int_equal(view(3, 4).nr_pairs, 2);
	assert_in_force();
	has_ends(1, 3, 2, 4);
	tick();
	assert_int_equal(view(1, 2).id, first);
	assert_int_equal(view(1, 2).nr_intact, 4);
}

/* The ports of the association are in the guard as long as one of its pairs is. */
static void the_last_pair_stays_guarded_whatever_the_kernel_says_U17(void **state)
{
	uint64_t first = four();

	(void)state;
	has_ends(7, 0, 8, 0);
	fake.conf.limits.each[PL_LIMIT_LATCHES] = 1;
	fake.refuses = "guard";
	tick();
	assert_int_equal(state_of(first), PL_STATE_ESTABLISHED);
	assert_true(is_guarded(1, 2));
	has_ends(1, 0, 2, 0);
	fake.ends.is_cut = true;
	tick();
	assert_true(is_guarded(3, 4));
	fake.ends = (struct pl_ends) { .nr_local = 0 };
	tick();
	assert_true(is_guarded(3, 4));
	assert_in_force();
}

static void when_one_path_breaks_the_others_live_on_and_the_last_is_told_U18(void **state)
{
	uint64_t first = four();

	(void)state;
	assert_int_equal(install(sa(5, who_c, 1, 2)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(first), PL_STATE_BROKEN);
	assert_int_equal(fake.disposition, PL_DISPOSITION_UNREACHABLE);
	assert_int_equal(fake.alert.to, PL_STATE_BROKEN);
	assert_int_equal(fake.alert.nr_intact, 3);
	assert_int_equal(state_at(3, 4), PL_STATE_ESTABLISHED);
	assert_in_force();
	for (uint8_t at = 0; at < 3; at++) {
		static const uint8_t others[][2] = { { 1, 4 }, { 3, 2 }, { 3, 4 } };
		uint64_t id = id_of(others[at][0], others[at][1]);

		assert_int_equal(pl_engine_admin_break(fake.engine, id, "x"), 0);
		assert_int_equal(fake.alert.association, first);
		assert_int_equal(fake.alert.nr_intact, 2 - at);
	}
	assert_in_force();
}

static void what_is_let_go_of_is_the_association_U11(void **state)
{
	uint64_t first = four();

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id_of(3, 2)), 0);
	assert_int_equal(state_of(first), PL_STATE_LINGERING);
	assert_int_equal(state_at(3, 4), PL_STATE_LINGERING);
	assert_in_force();
	has_ends(1, 3, 2, 6);
	tick();
	assert_int_equal(state_at(1, 6), PL_STATE_NONE);
	assert_int_equal(state_at(1, 2), PL_STATE_LINGERING);
	assert_int_equal(state_at(1, 4), PL_STATE_NONE);
}

static void it_is_set_free_only_when_every_pair_is_intact(void **state)
{
	uint64_t first = four();

	(void)state;
	assert_int_equal(pl_engine_admin_break(fake.engine, id_of(3, 4), "x"), 0);
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, first), PL_E_WRONG_STATE);
	assert_int_equal(state_of(first), PL_STATE_ESTABLISHED);
	fake.is_gone = true;
	tick();
	fake.is_gone = false;
	down(1);
	down(2);
	down(3);
	down(4);
	first = four();
	assert_int_equal(pl_engine_unprotect(fake.engine, NULL, first), 0);
	assert_int_equal(fake.nr_items, 0);
}

static void its_end_is_that_of_all_its_latches_at_once_U16(void **state)
{
	(void)four();
	(void)state;
	fake.ends = (struct pl_ends) { .nr_local = 0 };
	fake.is_gone = true;
	tick();
	assert_null(pl_engine_next(fake.engine, NULL, 0));
	assert_int_equal(fake.nr_items, 0);
}

static void a_pair_without_a_latch_has_a_reason_U11(void **state)
{
	(void)state;
	install_all();
	fake.conf.limits.each[PL_LIMIT_LATCHES] = 3;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	install_all();
	(void)begin();
	has_ends(1, 3, 2, 4);
	tick();
	assert_int_equal(view(1, 2).nr_pairs, 3);
	assert_int_equal(view(1, 2).refused, PL_E_LIMIT_EXCEEDED);
	has_ends(1, 0, 2, 4);
	tick();
	assert_int_equal(view(1, 2).refused, 0);
	fake.ends.is_cut = true;
	tick();
	assert_int_equal(view(1, 2).refused, PL_E_TOO_MANY);
	fake.refuses = "ends";
	tick();
	assert_int_equal(view(1, 2).refused, -EIO);
	assert_in_force();
}

static void a_pair_that_latch_conf_wants_of_another_peer_has_no_latch_K11_U15(void **state)
{
	struct pl_conf_rule rule = fake.conf.other;

	(void)state;
	rule.remote = host(4);
	strcpy(rule.peer, "@somebody");
	fake.conf.rules = &rule;
	fake.conf.nr_rules = 1;
	install_all();
	(void)begin();
	has_ends(1, 3, 2, 4);
	tick();
	assert_int_equal(view(1, 2).nr_pairs, 2);
	assert_int_equal(view(1, 2).refused, PL_E_WRONG_PEER);
	assert_int_equal(state_at(3, 2), PL_STATE_ESTABLISHED);
	assert_int_equal(id_of(1, 4), 0);
	assert_in_force();
}

/* L14 would latch the pair to whoever set up an SA for just that. */
static void an_SA_of_just_one_pair_begins_no_connection_of_its_own(void **state)
{
	struct pl_engine_ask ask = ask_for(pair(1, 2));
	struct pl_fact fact = sa(9, who_c, 1, 4);
	uint64_t ids[2];
	unsigned nr;

	(void)state;
	(void)four();
	has_ends(1, 0, 2, 0);
	tick();
	ask.tuple.remote_port = 0;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	fact.u.child.tsi.list[0].proto = fact.u.child.tsr.list[0].proto = PL_TUPLE_SCTP;
	fact.u.child.tsi.list[0].lo_port = fact.u.child.tsi.list[0].hi_port = 4000;
	fact.u.child.tsr.list[0].lo_port = fact.u.child.tsr.list[0].hi_port = PORT;
	assert_int_equal(install(fact), PL_VERDICT_ACCEPT);
	assert_int_equal(state_at(1, 4), PL_STATE_NONE);
	has_ends(1, 0, 2, 4);
	tick();
	assert_int_equal(state_at(1, 4), PL_STATE_BROKEN);
	assert_in_force();
}

static void whatever_fails_no_pair_passes_more_than_its_peer_K2_K3(void **state)
{
	for (unsigned at = 1; at < 40; at++) {
		for (unsigned sticky = 0; sticky < 2; sticky++) {
			teardown(state);
			setup(state);
			install_all();
			(void)begin();
			has_ends(1, 3, 2, 4);
			fake.calls = 0;
			fake.fail_at = at;
			fake.is_sticky = sticky;
			tick();
			assert_safe();
			has_ends(3, 0, 2, 4);
			tick();
			assert_safe();
			fake.fail_at = 0;
			fake.is_sticky = false;
			tick();
			tick();
			assert_in_force();
			assert_int_equal(state_at(3, 4), PL_STATE_ESTABLISHED);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_pair_of_addresses_has_a_latch_and_they_are_one_association_U11),
		TEST(a_connected_socket_has_them_all_when_it_is_latched_U11),
		TEST(an_added_address_waits_for_SAs_of_the_same_peer_U15),
		TEST(a_pair_that_the_SPD_lets_pass_in_clear_is_broken_U15),
		TEST(the_SA_of_another_peer_passes_no_further_pair_U15),
		TEST(a_deleted_address_has_no_latch_and_the_association_keeps_its_id_U17),
		TEST(the_last_pair_stays_guarded_whatever_the_kernel_says_U17),
		TEST(when_one_path_breaks_the_others_live_on_and_the_last_is_told_U18),
		TEST(what_is_let_go_of_is_the_association_U11),
		TEST(it_is_set_free_only_when_every_pair_is_intact),
		TEST(its_end_is_that_of_all_its_latches_at_once_U16),
		TEST(a_pair_without_a_latch_has_a_reason_U11),
		TEST(a_pair_that_latch_conf_wants_of_another_peer_has_no_latch_K11_U15),
		TEST(an_SA_of_just_one_pair_begins_no_connection_of_its_own),
		TEST(whatever_fails_no_pair_passes_more_than_its_peer_K2_K3),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_pairs", tests, NULL, NULL);
}
