/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A listener's latches that are born from an SA of just one connection: at once, before anybody
 * came (L14), and what becomes of them.
 */

#include "engine_stage.h"

#include <string.h>

static uint64_t listening(void)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	uint64_t ids[2];
	unsigned nr;

	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(nr, 1);
	forget_log();
	return ids[0];
}

/* of flow(@port) alone; the peer set it up */
static struct pl_fact narrow(uint64_t serial, struct pl_identity *identity, uint32_t reqid,
			     uint16_t port)
{
	struct pl_fact fact = child(serial, identity, reqid);
	struct pl_ts *tsi = &fact.u.child.tsi.list[0], *tsr = &fact.u.child.tsr.list[0];

	fact.role = PL_ROLE_RESPONDER;
	*tsi = host(2);
	*tsr = host(1);
	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	tsi->lo_port = tsi->hi_port = port;
	tsr->lo_port = tsr->hi_port = 4000;
	return fact;
}

static const struct pl_latch *latch_at(uint16_t port)
{
	struct pl_tuple tuple = flow(port);
	const struct pl_latch *latch;

	return pl_engine_find(fake.engine, NULL, &tuple, &latch) == 0 ? latch : NULL;
}

static void an_SA_of_one_connection_is_its_birth_L14_T4_K24(void **state)
{
	uint64_t listener = listening();

	(void)state;
	assert_int_equal(install(narrow(1, who_b, REQID_B, 6000)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "admit:101 ACCEPT guard born guard permit:101 save ALERT");
	assert_non_null(latch_at(6000));
	assert_int_equal(latch_at(6000)->state, PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.event, PL_EVENT_ACCEPTED);
	assert_int_equal(fake.alert.listener, listener);
	assert_in_force();
}

static void a_wider_SA_is_none_L14(void **state)
{
	struct pl_fact ports = narrow(2, who_b, REQID_B, 6000);

	(void)state;
	listening();
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	ports.u.child.tsi.list[0].hi_port++;
	assert_int_equal(install(ports), PL_VERDICT_ACCEPT);
	assert_null(latch_at(6000));
	assert_string_equal(fake.log, "admit:101 ACCEPT ACCEPT");
}

static void without_a_listener_there_is_none(void **state)
{
	uint64_t id = listening();

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_equal(install(narrow(1, who_b, REQID_B, 6000)), PL_VERDICT_ACCEPT);
	assert_null(latch_at(6000));
	assert_in_force();
}

static int present(uint16_t port, uint16_t min_key_bits, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(port));

	ask.owner.number = SESSION + 1;
	ask.require.min_key_bits = min_key_bits;
	return pl_engine_present(fake.engine, &ask, id);
}

static void who_presents_the_socket_gets_the_latch(void **state)
{
	uint64_t id = 0;

	(void)state;
	listening();
	install(narrow(1, who_b, REQID_B, 6000));
	forget_log();
	assert_int_equal(present(6000, 512, &id), PL_E_WEAK);
	assert_int_equal(latch_at(6000)->owner.number, SESSION);
	assert_int_equal(present(6000, 256, &id), 0);
	assert_string_equal(fake.log, "");
	assert_int_equal(id, latch_at(6000)->id);
	assert_int_equal(latch_at(6000)->owner.number, SESSION + 1);
	assert_int_equal(latch_at(6000)->cookie, 9);
	/* Once. */
	assert_int_equal(present(6000, 0, &id), PL_E_ALREADY_LATCHED);
	/* The end of the SA is no end of the connection (L5). */
	down(1);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(latch_at(6000)->state, PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void nobody_comes_and_the_latch_goes_with_its_SA(void **state)
{
	(void)state;
	listening();
	install(narrow(1, who_b, REQID_B, 6000));
	fake.is_gone = false;
	down(1);
	pl_engine_tick(fake.engine);
	assert_int_equal(latch_at(6000)->state, PL_STATE_ESTABLISHED);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_null(latch_at(6000));
	assert_int_equal(fake.alert.event, PL_EVENT_FLOW_GONE);
}

static void an_SA_of_another_peer_breaks_it_K33(void **state)
{
	(void)state;
	listening();
	install(narrow(1, who_b, REQID_B, 6000));
	forget_log();
	assert_int_equal(install(narrow(2, who_c, REQID_C, 6000)), PL_VERDICT_ACCEPT);
	assert_string_equal(fake.log, "block save ALERT dispose admit:2000000003 ACCEPT");
	assert_int_equal(latch_at(6000)->state, PL_STATE_BROKEN);
	assert_in_force();
}

static void a_first_packet_of_another_peer_makes_it_BROKEN_T5(void **state)
{
	(void)state;
	listening();
	install(child(2, who_c, REQID_C));
	fake.born[0] = REQID_C;
	fake.nr_born = 1;
	install(narrow(1, who_b, REQID_B, 6000));
	assert_int_equal(latch_at(6000)->state, PL_STATE_BROKEN);
	assert_int_equal(fake.alert.event, PL_EVENT_ACCEPTED_BROKEN);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(an_SA_of_one_connection_is_its_birth_L14_T4_K24),
		TEST(a_wider_SA_is_none_L14),
		TEST(without_a_listener_there_is_none),
		TEST(who_presents_the_socket_gets_the_latch),
		TEST(nobody_comes_and_the_latch_goes_with_its_SA),
		TEST(an_SA_of_another_peer_breaks_it_K33),
		TEST(a_first_packet_of_another_peer_makes_it_BROKEN_T5),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_early", tests, NULL, NULL);
}
