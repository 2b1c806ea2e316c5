/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An orderly end of the daemon: what latches become of it, with each stop = of latch.conf. */

#include "engine_stage.h"

#include <string.h>

static void stopping(void)
{
	struct pl_fact fact = { .kind = PL_FACT_STOPPING };

	pl_engine_note(fake.engine, &fact);
}

/* What pluto does next: SAs, policies and the connection itself go. */
static void pluto_lets_go(void)
{
	struct pl_fact gone = {
		.kind = PL_FACT_CONN_DELETE, .conn = { .serial = 1 },
		.u.ts = { .tsi = { .len = 1, .list = { host(1) } },
			  .tsr = { .len = 1, .list = { host(2) } } },
	};
	struct pl_fact unroute = { .kind = PL_FACT_CONN_UNROUTE, .conn = { .serial = 1 } };
	struct pl_fact flush = { .kind = PL_FACT_FLUSH };

	down(1);
	pl_engine_note(fake.engine, &unroute);
	policy(PL_FACT_POLICY_DELETE, "", 1);
	policy(PL_FACT_POLICY_ADD, "PASS", 1);
	pl_engine_note(fake.engine, &gone);
	pl_engine_note(fake.engine, &flush);
	pl_engine_tick(fake.engine);
}

static unsigned nr_pins(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < fake.nr_items; i++)
		nr += fake.items[i].kind == PL_GUARD_PIN;
	return nr;
}

static void pins_go_before_pluto_lets_go_of_anything_and_nothing_breaks_K16_K4(void **state)
{
	uint64_t id = established(5000), listener[2];
	struct pl_engine_ask ask = ask_for(flow(0));
	unsigned nr;

	(void)state;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	ask.tuple.local_port = 4001;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, listener, &nr), 0);
	assert_int_not_equal(nr_pins(), 0);
	forget_log();
	stopping();
	assert_int_equal(nr_pins(), 0);
	assert_null(strstr(fake.log, "ALERT"));
	assert_null(strstr(fake.log, "dispose"));
	assert_null(strstr(fake.log, "unguard"));
	forget_log();
	pluto_lets_go();
	/* the listener's, once more */
	assert_string_equal(fake.log, "block");
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_int_equal(state_of(listener[0]), PL_STATE_LISTENER);
	assert_false(pl_engine_is_over(fake.engine));
	assert_in_force();
}

static void the_next_daemon_goes_on_with_what_was_kept_K16(void **state)
{
	uint64_t id;

	(void)state;
	fake.has_journal = true;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	stopping();
	pluto_lets_go();
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(nr_pins(), 0);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void no_SA_is_installed_and_nothing_comes_up_while_it_stops(void **state)
{
	uint64_t broken = established(5000), id;

	(void)state;
	assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(broken), PL_STATE_BROKEN);
	stopping();
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_REFUSE);
	assert_int_not_equal(latch_flow(5001, &id), 0);
	pluto_lets_go();
	assert_int_equal(state_of(broken), PL_STATE_BROKEN);
	assert_in_force();
}

static void a_pin_that_the_guard_does_not_give_back_breaks_K45(void **state)
{
	uint64_t id = established(5000);

	(void)state;
	fake.refuses = "retire";
	stopping();
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(nr_pins(), 0);
}

static void with_close_every_latch_is_CLOSED_and_told_and_reset_K48(void **state)
{
	static const char done[] = "block save ALERT dispose";
	static const struct { const char *why; enum pl_state from; const char *log; } t[] = {
		{ "established", PL_STATE_ESTABLISHED, done },
		{ "broken", PL_STATE_BROKEN, done },
		{ "dead", PL_STATE_DEAD, done },
		{ "a listener has nothing to reset", PL_STATE_LISTENER, "block save ALERT" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_engine_ask ask = ask_for(flow(0));
		uint64_t ids[2], id;
		unsigned nr;

		teardown(NULL);
		setup(NULL);
		fake.conf.stop = PL_CONF_STOP_CLOSE;
		memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
		if (t[i].from == PL_STATE_LISTENER)
			assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
		id = t[i].from == PL_STATE_LISTENER ? ids[0] : established(5000);
		if (t[i].from == PL_STATE_BROKEN)
			assert_int_equal(install(child(2, who_c, REQID_C)), PL_VERDICT_ACCEPT);
		if (t[i].from == PL_STATE_DEAD)
			assert_int_equal(pl_engine_admin_break(fake.engine, id, "x"), 0);
		assert_int_equal(state_of(id), t[i].from);
		forget_log();
		stopping();
		if (strncmp(fake.log, t[i].log, strlen(t[i].log)) != 0)
			fail_msg("%s: %s", t[i].why, fake.log);
		assert_int_equal(fake.alert.to, PL_STATE_CLOSED);
		if (t[i].from != PL_STATE_LISTENER)
			assert_int_equal(fake.disposition, PL_DISPOSITION_RESET);
		assert_non_null(strstr(fake.reason, "stopped"));
		/* the socket is still there: it stays blocked beyond the end */
		assert_false(pl_engine_is_over(fake.engine));
		assert_int_equal(nr_pins(), 0);
		pluto_lets_go();
		assert_in_force();
		fake.is_gone = true;
		pl_engine_tick(fake.engine);
		assert_true(pl_engine_is_over(fake.engine));
		assert_int_equal(fake.nr_items, 0);
	}
}

static void it_is_over_at_once_if_the_sockets_are(void **state)
{
	(void)state;
	(void)established(5000);
	fake.conf.stop = PL_CONF_STOP_CLOSE;
	fake.is_gone = true;
	assert_false(pl_engine_is_over(fake.engine));
	stopping();
	assert_true(pl_engine_is_over(fake.engine));
	assert_int_equal(fake.nr_items, 0);
	assert_in_force();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pins_go_before_pluto_lets_go_of_anything_and_nothing_breaks_K16_K4),
		TEST(the_next_daemon_goes_on_with_what_was_kept_K16),
		TEST(no_SA_is_installed_and_nothing_comes_up_while_it_stops),
		TEST(a_pin_that_the_guard_does_not_give_back_breaks_K45),
		TEST(with_close_every_latch_is_CLOSED_and_told_and_reset_K48),
		TEST(it_is_over_at_once_if_the_sockets_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
