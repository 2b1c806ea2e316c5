/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What administrators do with the service as a whole. */

#include "bus_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char conf[] = "/tmp/latch.conf.XXXXXX";

static void write_conf(const char *text)
{
	FILE *file = fopen(conf, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup_conf(void **state)
{
	close(mkstemp(conf));
	setenv("PLUTO_LATCH_CONF", conf, 1);
	return setup(state);
}

static int teardown_conf(void **state)
{
	int r = teardown(state);

	unlink(conf);
	strcpy(conf + strlen(conf) - 6, "XXXXXX");
	unsetenv("PLUTO_LATCH_CONF");
	return r;
}

/* Reload */

static void reload_holds_from_the_next_call_on_and_loses_no_latch(void **state)
{
	struct scene scene;
	int pair[2];

	(void)state;
	NEEDS_ROOT("reload_holds_from_the_next_call_on_and_loses_no_latch");
	scene = play();
	tcp_pair(pair);
	write_conf("[limits]\nlatches = 1\n[flow nothing]\nallow = no\n");
	expect_done(scene.client, call_new("Reload", ""));
	expect_error(scene.client, call_new("Latch", "hd", pair[0], NOTHING), "Forbidden");
	/* What is there goes on, and is the owner's, whatever the file says. */
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	assert_null(record_now(scene.session));
	write_conf("[limits]\nlatches = 1\n");
	expect_done(scene.client, call_new("Reload", ""));
	expect_error(scene.client, call_new("Latch", "hd", pair[0], NOTHING), "LimitExceeded");
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	write_conf("");
	expect_done(scene.client, call_new("Reload", ""));
	assert_int_not_equal(latch_fd(scene.client, pair[0]), 0);
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	close(pair[0]);
	close(pair[1]);
	end(&scene);
}

/* The text of an error is for people, and in it what is wrong, and where. */
static char *text_of_error(DBusMessage *reply)
{
	const char *text = "";
	char *copy;

	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	copy = strdup(text);
	dbus_message_unref(reply);
	return copy;
}

static void a_bad_file_is_refused_with_its_line_and_changes_nothing(void **state)
{
	DBusConnection *client;
	DBusMessage *reply;
	char *text, where[64];
	int pair[2], session;

	(void)state;
	NEEDS_ROOT("a_bad_file_is_refused_with_its_line_and_changes_nothing");
	client = client_new();
	write_conf("[flow nothing]\nallow = no\n[latch]\n# not the one that counts\ngro = \xff\n");
	reply = ask(client, call_new("Reload", ""));
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.BadConfig");
	text = text_of_error(reply);
	snprintf(where, sizeof(where), "%s:5: [latch] gro: ", conf);
	assert_non_null(strstr(text, "The configuration has an error; the old one stays."));
	assert_non_null(strstr(text, where));
	free(text);
	write_conf("[nonsense \xc3\x28]\n");
	reply = ask(client, call_new("Reload", ""));
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.BadConfig");
	free(text_of_error(reply));
	/* The first rule of it does not hold. */
	tcp_pair(pair);
	tell("sa add 1 b.test 101");
	session = open_session(client, false);
	assert_int_not_equal(latch_fd(client, pair[0]), 0);
	close(session);
	close(pair[0]);
	close(pair[1]);
	client_free(client);
}

/* Stats */

static uint64_t stat_of(DBusConnection *client, const char *name)
{
	DBusMessage *reply = ask(client, call_new("Stats", ""));
	DBusMessageIter at, dict, entry;
	uint64_t number = UINT64_MAX;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_has_signature(reply, "a{st}"));
	dbus_message_iter_init(reply, &at);
	for (dbus_message_iter_recurse(&at, &dict); number == UINT64_MAX &&
	     dbus_message_iter_get_arg_type(&dict) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(&dict)) {
		const char *key;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		dbus_message_iter_next(&entry);
		if (strcmp(key, name) == 0)
			dbus_message_iter_get_basic(&entry, &number);
	}
	dbus_message_unref(reply);
	if (number == UINT64_MAX)
		fail_msg("no %s", name);
	return number;
}

static void stats_count_what_there_is_and_what_happened(void **state)
{
	uint64_t calls, refused;
	struct scene scene;

	(void)state;
	NEEDS_ROOT("stats_count_what_there_is_and_what_happened");
	scene = play();
	assert_int_equal(stat_of(scene.client, "latches"), 1);
	assert_int_equal(stat_of(scene.client, "latches-total"), 262144);
	assert_int_equal(stat_of(scene.client, "sessions"), 1);
	assert_int_equal(stat_of(scene.client, "subscriptions"), 0);
	assert_int_equal(stat_of(scene.client, "pending"), 0);
	assert_int_equal(stat_of(scene.client, "automatic"), 0);
	assert_int_equal(stat_of(scene.client, "unreadable"), 0);
	assert_int_equal(stat_of(scene.client, "event-created"), 1);
	assert_int_equal(stat_of(scene.client, "event-conflict-sa"), 0);
	assert_int_equal(stat_of(scene.client, "alerts"), 0);
	tell("sa add 2 c.test 105");
	assert_int_equal(stat_of(scene.client, "event-conflict-sa"), 1);
	assert_int_equal(stat_of(scene.client, "alerts"), 1);
	assert_int_equal(stat_of(scene.client, "alerts-by-eof"), 0);
	calls = stat_of(scene.client, "calls");
	refused = stat_of(scene.client, "calls-refused");
	expect_error(scene.client, call_new("Inquire", "t", UINT64_C(99)), "NotFound");
	expect_error(scene.client, call_new("Inquire", ""), "Malformed");
	assert_int_equal(stat_of(scene.client, "calls-refused"), refused + 2);
	assert_int_equal(stat_of(scene.client, "calls"), calls + 5);
	end(&scene);
}

static bool may_not_count(DBusConnection *client)
{
	return is_answered(client, call_new("Stats", ""), "NotAuthorized");
}

static void only_the_administrator_reads_stats(void **state)
{
	struct scene scene;

	(void)state;
	NEEDS_ROOT("only_the_administrator_reads_stats");
	scene = play();
	as_nobody(may_not_count);
	end(&scene);
}

static bool may_not_reload(DBusConnection *client)
{
	return is_answered(client, call_new("Reload", ""), "NotAuthorized");
}

static void only_the_administrator_reloads(void **state)
{
	(void)state;
	NEEDS_ROOT("only_the_administrator_reloads");
	/* Not even whether the file is good is told. */
	write_conf("[nonsense]\n");
	as_nobody(may_not_reload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_conf, teardown_conf)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reload_holds_from_the_next_call_on_and_loses_no_latch),
		TEST(a_bad_file_is_refused_with_its_line_and_changes_nothing),
		TEST(only_the_administrator_reloads),
		TEST(stats_count_what_there_is_and_what_happened),
		TEST(only_the_administrator_reads_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
