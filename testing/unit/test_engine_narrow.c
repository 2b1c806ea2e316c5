/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches under an SA of just their own connection (RFC 5660 section 2.1): what pluto is asked for,
 * what will do, and what is deleted in the end.
 */

#include "engine_stage.h"

#include <string.h>

enum { WAIT_MS = 20000, REQID_NARROW = 105 };

static int ask_narrow(const char *suite, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(5000));

	ask.setup_ms = WAIT_MS;
	ask.is_narrow = suite == NULL;
	if (suite != NULL)
		assert_int_equal(pl_suite_parse(suite, &ask.suite), 0);
	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

static struct pl_fact narrow(uint64_t serial, uint32_t key_bits)
{
	struct pl_fact fact = child(serial, who_b, REQID_NARROW);
	struct pl_ts *tsi = &fact.u.child.tsi.list[0], *tsr = &fact.u.child.tsr.list[0];

	tsi->proto = tsr->proto = PL_TUPLE_TCP;
	tsi->lo_port = tsi->hi_port = 4000;
	tsr->lo_port = tsr->hi_port = 5000;
	fact.u.child.key_bits = key_bits;
	return fact;
}

static void answer(uint64_t ticket, int error, const char *reason)
{
	struct pl_fact fact = {
		.kind = PL_FACT_INITIATED, .u.initiated = { .ticket = ticket, .error = error },
	};

	strcpy(fact.u.initiated.reason, reason);
	pl_engine_note(fake.engine, &fact);
}

static void an_SA_of_its_own_is_set_up_beside_a_wide_one_K20(void **state)
{
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_B));
	forget_log();
	assert_int_equal(ask_narrow(NULL, &id), 0);
	assert_string_equal(fake.log, "guard save initiate-narrow");
	assert_int_equal(fake.wanted.suite.protocol, 0);
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	/* Another wide one is none, either. */
	install(child(2, who_b, REQID_B));
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	install(narrow(3, 256));
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(fake.alert.event, PL_EVENT_COMPLETED);
	assert_in_force();
}

static void one_that_is_there_will_do_K20(void **state)
{
	uint64_t id;

	(void)state;
	install(narrow(1, 256));
	forget_log();
	assert_int_equal(ask_narrow("esp aes_gcm_16-256", &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_null(strstr(fake.log, "initiate"));
}

static void who_wants_one_suite_gets_an_SA_of_his_own_K21(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(ask_narrow("esp aes_gcm_16-256", &id), 0);
	assert_string_equal(fake.log, "guard save initiate-narrow");
	assert_int_equal(fake.wanted.suite.key_bits, 256);
	/* Of another suite: it is not what was asked for. */
	install(narrow(1, 128));
	assert_int_equal(state_of(id), PL_STATE_LARVAL);
	answer(id, 0, "");
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.alert.error, PL_E_NO_SA);
	assert_non_null(strstr(fake.log, "delete:1"));
	assert_int_equal(fake.nr_items, 0);
}

static void a_peer_that_refuses_gets_no_wider_one_K20(void **state)
{
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_B));
	assert_int_equal(ask_narrow(NULL, &id), 0);
	answer(id, PL_E_NARROW_REFUSED, "TS_UNACCEPTABLE");
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_int_equal(fake.alert.error, PL_E_NARROW_REFUSED);
	assert_string_equal(fake.reason, "TS_UNACCEPTABLE");
	assert_int_equal(fake.nr_items, 0);
}

static void its_SA_ends_with_the_latch_and_no_sooner_K27_K28_T10(void **state)
{
	uint64_t id;

	(void)state;
	install(narrow(1, 256));
	assert_int_equal(ask_narrow(NULL, &id), 0);
	forget_log();
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	pl_engine_tick(fake.engine);
	assert_null(strstr(fake.log, "delete"));
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_non_null(strstr(fake.log, "unguard forget delete:1"));
}

static void an_SA_that_others_use_too_stays_K27(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	fake.is_gone = true;
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_null(strstr(fake.log, "delete"));
}

static void latch_conf_may_want_it_for_all_K20_K11(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	uint64_t id;

	(void)state;
	fake.conf.other.is_narrow = 1;
	ask.setup_ms = WAIT_MS;
	install(child(1, who_b, REQID_B));
	forget_log();
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	assert_string_equal(fake.log, "guard save initiate-narrow");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(an_SA_of_its_own_is_set_up_beside_a_wide_one_K20),
		TEST(one_that_is_there_will_do_K20),
		TEST(who_wants_one_suite_gets_an_SA_of_his_own_K21),
		TEST(a_peer_that_refuses_gets_no_wider_one_K20),
		TEST(its_SA_ends_with_the_latch_and_no_sooner_K27_K28_T10),
		TEST(an_SA_that_others_use_too_stays_K27),
		TEST(latch_conf_may_want_it_for_all_K20_K11),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_narrow", tests, NULL, NULL);
}
