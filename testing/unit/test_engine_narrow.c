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

static bool has_pin(uint32_t reqid)
{
	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (fake.items[i].kind == PL_GUARD_PIN && fake.items[i].pin.reqid == reqid)
			return true;
	}
	return false;
}

/* A wide SA is 1, its own is 2; the log is empty. */
static uint64_t beside_a_wide_one(void)
{
	uint64_t id;

	install(child(1, who_b, REQID_B));
	install(narrow(2, 256));
	assert_int_equal(ask_narrow(NULL, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	forget_log();
	return id;
}

/* @s seconds later */
static void later(unsigned s)
{
	fake.now += s * UINT64_C(1000000000);
	pl_engine_tick(fake.engine);
}

static unsigned times_initiated(void)
{
	unsigned nr = 0;

	for (const char *at = fake.log; (at = strstr(at, "initiate-narrow")) != NULL; at++)
		nr++;
	return nr;
}

static void a_wide_SA_does_not_carry_it_K20_K4_K5(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	assert_true(has_pin(REQID_NARROW));
	assert_false(has_pin(REQID_B));
	install(child(3, who_b, REQID_B));
	assert_false(has_pin(REQID_B));
	down(2);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_false(has_pin(REQID_NARROW));
	assert_false(has_pin(REQID_B));
	assert_in_force();
}

static void a_rekey_of_its_own_SA_keeps_it_K20_L5(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	install(narrow(3, 256));
	down(2);
	assert_true(has_pin(REQID_NARROW));
	later(5);
	assert_int_equal(times_initiated(), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void its_number_names_no_wider_SA_K20(void **state)
{
	uint64_t id;

	(void)state;
	install(child(1, who_b, REQID_NARROW));
	install(narrow(2, 256));
	assert_int_equal(ask_narrow(NULL, &id), PL_E_SHARED_REQID);
	assert_int_equal(fake.nr_items, 0);
}

static void an_SA_of_its_own_that_ends_is_set_up_again_K15_K20(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	down(2);
	assert_int_equal(times_initiated(), 0);
	assert_in_range(fake.wake_at, 1, fake.now + UINT64_C(1000000000));
	later(1);
	assert_int_equal(times_initiated(), 1);
	assert_int_equal(fake.ticket, id);
	assert_int_equal(fake.wanted.suite.key_bits, 256);
	/* of nobody but who had it */
	assert_string_equal(fake.wanted_of, "B");
	/* One attempt at a time, and each failure is waited after for longer. */
	later(100);
	assert_int_equal(times_initiated(), 1);
	for (unsigned wait = 2, nr = 1; wait < 1000; wait *= 2, nr++) {
		answer(id, PL_E_TIMEOUT, "no answer");
		later((wait < 64 ? wait : 64) - 1);
		assert_int_equal(times_initiated(), nr);
		later(2);
		assert_int_equal(times_initiated(), nr + 1);
	}
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	forget_log();
	install(narrow(3, 256));
	assert_true(has_pin(REQID_NARROW));
	later(1);
	answer(id, 0, "");
	later(100);
	assert_string_equal(fake.log, "permit:105 ACCEPT");
	assert_in_force();
}

static void nobody_asks_for_a_latch_that_is_down_or_gone_K27(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	down(2);
	later(1);
	assert_int_equal(times_initiated(), 1);
	forget_log();
	assert_int_equal(pl_engine_admin_break(fake.engine, id, "test"), 0);
	later(1);
	assert_non_null(strstr(fake.log, "cancel"));
	later(100);
	assert_int_equal(times_initiated(), 0);

	fake.is_gone = true;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	later(1);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	forget_log();
	fake.is_gone = false;
	install(narrow(4, 256));
	assert_int_equal(ask_narrow(NULL, &id), 0);
	down(4);
	later(1);
	assert_int_equal(times_initiated(), 1);
	fake.is_gone = true;
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	later(1);
	assert_int_equal(state_of(id), PL_STATE_NONE);
	assert_non_null(strstr(fake.log, "cancel"));
}

static void one_that_was_broken_meanwhile_is_asked_for_after_that_T9_K20(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	install(child(9, who_c, REQID_C));
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	down(2);
	later(10);
	assert_int_equal(times_initiated(), 0);
	down(9);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	later(1);
	assert_int_equal(times_initiated(), 1);
	assert_in_force();
}

static void route(enum pl_fact_kind kind, bool is_for_latch)
{
	struct pl_fact fact = {
		.kind = kind, .conn = { .serial = 1, .is_for_latch = is_for_latch },
	};

	pl_engine_note(fake.engine, &fact);
}

static void what_was_made_for_it_may_go_and_the_configuration_may_not_K15_K37(void **state)
{
	uint64_t id = beside_a_wide_one();

	(void)state;
	down(2);
	route(PL_FACT_CONN_UNROUTE, true);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	route(PL_FACT_CONN_DELETE, true);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	route(PL_FACT_CONN_DELETE, false);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
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

/* Whatever came of IKE, there could be no latch: so nobody is asked, and nothing is guarded. */
static void a_suite_that_is_less_than_what_is_wanted_is_refused_before_IKE_K11(void **state)
{
	static const struct {
		const char *suite;
		struct pl_require require;
		int want;
	} t[] = {
		{ "esp aes_gcm_16-128", { .min_key_bits = 128 }, 0 },
		{ "esp aes_gcm_16-128", { .min_key_bits = 129 }, PL_E_WEAK },
		{ "esp aes_cbc-256 hmac_sha1_96", { .min_integ_bits = 96 }, 0 },
		{ "esp aes_cbc-256 hmac_sha1_96", { .min_integ_bits = 128 }, PL_E_WEAK },
		{ "ah hmac_sha2_256_128", { .protection = PL_PROTECT_INTEGRITY }, 0 },
		{ "ah hmac_sha2_256_128", { .protection = PL_PROTECT_CONFIDENTIALITY }, PL_E_WEAK },
		{ "esp null hmac_sha2_256_128", { .min_key_bits = 1 }, PL_E_WEAK },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(t) / sizeof(t[0]); i++) {
		size_t row = i / 2;
		bool is_policy = i % 2 == 1;
		int want = t[row].want == 0 ? 0 : is_policy ? PL_E_FORBIDDEN : PL_E_WEAK;
		struct pl_engine_ask ask = ask_for(flow((uint16_t)(5000 + i)));
		uint64_t id = 0;

		ask.setup_ms = WAIT_MS;
		assert_int_equal(pl_suite_parse(t[row].suite, &ask.suite), 0);
		*(is_policy ? &fake.conf.other.require : &ask.require) = t[row].require;
		forget_log();
		if (pl_engine_latch(fake.engine, &ask, &id, NULL) != want)
			fail_msg("%s, row %zu", t[row].suite, i);
		assert_string_equal(fake.log, want == 0 ? "guard save initiate-narrow" : "");
		fake.conf.other.require = (struct pl_require) { .min_key_bits = 0 };
	}
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
		TEST(a_wide_SA_does_not_carry_it_K20_K4_K5),
		TEST(a_rekey_of_its_own_SA_keeps_it_K20_L5),
		TEST(its_number_names_no_wider_SA_K20),
		TEST(an_SA_of_its_own_that_ends_is_set_up_again_K15_K20),
		TEST(nobody_asks_for_a_latch_that_is_down_or_gone_K27),
		TEST(one_that_was_broken_meanwhile_is_asked_for_after_that_T9_K20),
		TEST(what_was_made_for_it_may_go_and_the_configuration_may_not_K15_K37),
		TEST(latch_conf_may_want_it_for_all_K20_K11),
		TEST(a_suite_that_is_less_than_what_is_wanted_is_refused_before_IKE_K11),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_narrow", tests, NULL, NULL);
}
