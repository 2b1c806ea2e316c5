/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who may ask what: introspection, properties, sessions, other users, administrators. */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Introspection and properties */

static void introspect_answers_the_bytes_of_the_file(void **state)
{
	DBusConnection *client = client_new();
	DBusMessage *reply = ask(client, call_of("org.freedesktop.DBus.Introspectable",
						 "Introspect", ""));
	static char file[65536];
	const char *text;
	FILE *from = fopen("dbus/org.libreswan.Latch1.xml", "r");

	(void)state;
	assert_non_null(from);
	file[fread(file, 1, sizeof(file) - 1, from)] = '\0';
	fclose(from);
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text,
					  DBUS_TYPE_INVALID));
	assert_string_equal(text, file);
	dbus_message_unref(reply);
	client_free(client);
}

static void properties_are_read_one_by_one_and_all_together(void **state)
{
	struct scene scene = play();
	static const struct {
		const char *name, *type;
	} all[] = {
		{ "Version", "s" }, { "Features", "as" }, { "Counts", "a{su}" },
		{ "Generation", "t" },
	};
	DBusMessage *reply;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		DBusMessageIter at, variant;
		char *type;

		reply = ask(scene.client, call_of(PROPERTIES, "Get", "ss", MANAGER, all[i].name));
		assert_string_equal(error_of(reply), "");
		dbus_message_iter_init(reply, &at);
		dbus_message_iter_recurse(&at, &variant);
		type = dbus_message_iter_get_signature(&variant);
		assert_string_equal(type, all[i].type);
		dbus_free(type);
		dbus_message_unref(reply);
	}
	reply = ask(scene.client, call_of(PROPERTIES, "GetAll", "s", MANAGER));
	assert_string_equal(entry_of(reply, 0, "Version"), "0.1");
	assert_true(atoi(entry_of(reply, 0, "Generation")) > 0);
	dbus_message_unref(reply);
	end(&scene);
}

static void properties_that_are_not_there_or_read_only_are_standard_errors(void **state)
{
	DBusConnection *client = client_new();

	(void)state;
	expect_error(client, call_of(PROPERTIES, "Get", "ss", MANAGER, "Colour"),
		     DBUS_ERROR_UNKNOWN_PROPERTY);
	expect_error(client, call_of(PROPERTIES, "Get", "ss", "org.example", "Version"),
		     DBUS_ERROR_UNKNOWN_INTERFACE);
	expect_error(client, call_of(PROPERTIES, "GetAll", "s", "org.example"),
		     DBUS_ERROR_UNKNOWN_INTERFACE);
	expect_error(client, call_of(PROPERTIES, "Set", "ssv", MANAGER, "Version", "2"),
		     geteuid() == 0 ? DBUS_ERROR_PROPERTY_READ_ONLY : DBUS_ERROR_ACCESS_DENIED);
	expect_error(client, call_of(PROPERTIES, "Get", "s", MANAGER), "Malformed");
	client_free(client);
}

static void members_that_are_not_there_are_a_standard_error(void **state)
{
	DBusConnection *client = client_new();

	(void)state;
	if (geteuid() == 0) {
		expect_error(client, call_new("Open", ""), DBUS_ERROR_UNKNOWN_METHOD);
		expect_error(client, call_of("org.example", "List", ""),
			     DBUS_ERROR_UNKNOWN_METHOD);
	}
	expect_done(client, call_of("org.freedesktop.DBus.Peer", "Ping", ""));
	client_free(client);
}

/* Sessions */

static void a_session_begins_with_hello_and_there_is_one_for_each_name(void **state)
{
	DBusConnection *client = client_new(), *other = client_new();
	int session = open_session(client, false), again = open_session(other, true);

	(void)state;
	expect_error(client, call_new("OpenSession", "d", NOTHING), "SessionExists");
	assert_true(fcntl(session, F_GETFD) & FD_CLOEXEC);
	close(session);
	close(again);
	client_free(client);
	client_free(other);
}

/* The service hears of the end by and by. */
static int reopen(DBusConnection *client)
{
	for (unsigned i = 0; i < 1000; i++) {
		DBusMessage *reply = ask(client, call_new("OpenSession", "d", NOTHING));
		int fd = -1;

		(void)!dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd,
					     DBUS_TYPE_INVALID);
		dbus_message_unref(reply);
		if (fd >= 0)
			return fd;
	}
	fail_msg("the session that was closed is still there");
	return -1;
}

static void after_a_session_was_closed_another_can_be_opened(void **state)
{
	DBusConnection *client = client_new();

	(void)state;
	close(open_session(client, false));
	close(reopen(client));
	client_free(client);
}

static void a_client_that_writes_to_its_session_loses_it(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false);

	(void)state;
	assert_int_equal(send(session, "x", 1, MSG_NOSIGNAL), 1);
	assert_null(record(session));
	close(session);
	client_free(client);
}

static void a_client_that_leaves_the_bus_loses_its_session(void **state)
{
	struct scene scene = play();
	DBusConnection *other = client_new();

	(void)state;
	client_free(scene.client);
	assert_null(record(scene.session));
	scene.client = other;
	assert_string_equal(inquire(other, scene.id, "owner"), "socket");
	assert_string_equal(inquire(other, scene.id, "state"), "established");
	end(&scene);
}

static void when_a_session_is_closed_its_latches_belong_to_their_sockets_L8(void **state)
{
	struct scene scene = play();

	(void)state;
	assert_string_equal(inquire(scene.client, scene.id, "owner"), "session");
	close(scene.session);
	for (unsigned i = 0; i < 1000; i++) {
		if (strcmp(inquire(scene.client, scene.id, "owner"), "socket") == 0)
			break;
	}
	assert_string_equal(inquire(scene.client, scene.id, "owner"), "socket");
	scene.session = -1;
	end(&scene);
}

static void the_sessions_of_a_user_are_limited(void **state)
{
	DBusConnection *clients[3];
	int sessions[2];

	(void)state;
	stop_daemon();
	start_daemon("sessions=2");
	wait_ready();
	for (unsigned i = 0; i < 3; i++)
		clients[i] = client_new();
	for (unsigned i = 0; i < 2; i++)
		sessions[i] = open_session(clients[i], false);
	expect_error(clients[2], call_new("OpenSession", "d", NOTHING), "LimitExceeded");
	close(sessions[0]);
	sessions[0] = reopen(clients[2]);
	for (unsigned i = 0; i < 2; i++)
		close(sessions[i]);
	for (unsigned i = 0; i < 3; i++)
		client_free(clients[i]);
}

/* Others, and administrators */

static uint64_t known_id;

static unsigned count_of(DBusConnection *client, const char *what)
{
	DBusMessage *reply = ask(client, call_of(PROPERTIES, "Get", "ss", MANAGER, "Counts"));
	DBusMessageIter at, variant, dict, entry;
	const char *name;
	dbus_uint32_t count, found = 0;

	dbus_message_iter_init(reply, &at);
	dbus_message_iter_recurse(&at, &variant);
	dbus_message_iter_recurse(&variant, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		dbus_message_iter_next(&entry);
		dbus_message_iter_get_basic(&entry, &count);
		if (strcmp(name, what) == 0)
			found = count;
	}
	dbus_message_unref(reply);
	return found;
}

static bool sees_nothing(DBusConnection *client)
{
	uint64_t cursor = 0;

	return is_answered(client, call_new("Inquire", "t", known_id), "NotFound") &&
	       is_answered(client, call_new("Release", "t", known_id), "NotFound") &&
	       is_answered(client, call_new("Unprotect", "t", known_id), "NotFound") &&
	       is_answered(client, call_new("Break", "ts", known_id, "x"), "NotAuthorized") &&
	       is_answered(client, call_new("Close", "ts", known_id, "x"), "NotAuthorized") &&
	       is_answered(client, call_of(PROPERTIES, "Set", "ssv", MANAGER, "Version", "2"),
			   "AccessDenied") &&
	       count_of(client, "established") == 0 && count_of(client, "sessions") == 0 &&
	       list(client, NOTHING, &cursor, 0) == 0;
}

static void latches_of_others_do_not_exist(void **state)
{
	struct scene scene;

	(void)state;
	NEEDS_ROOT("latches_of_others_do_not_exist");
	scene = play();
	known_id = scene.id;
	assert_int_equal(count_of(scene.client, "established"), 1);
	assert_int_equal(count_of(scene.client, "sessions"), 1);
	as_nobody(sees_nothing);
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	end(&scene);
}

static bool owns_a_latch(DBusConnection *client)
{
	int session = open_session(client, true), pair[2];
	uint64_t cursor = 0, id;
	json_t *json;

	tcp_pair(pair);
	id = latch_fd(client, pair[0]);
	/* Both latches change. Told are the changes of its own latch, and nothing of root's. */
	tell("sa add 2 c.test 105");
	tell("sa del 2");
	while ((json = record_now(session)) != NULL) {
		if ((uint64_t)json_integer_value(json_object_get(json, "id")) != id)
			return false;
		json_decref(json);
	}
	return strcmp(inquire(client, id, "uid"), "65534") == 0 &&
	       list(client, NOTHING, &cursor, 0) == 1;
}

static void the_uid_is_the_bus_s_word_and_the_administrator_sees_all(void **state)
{
	struct scene scene;
	uint64_t cursor = 0;

	(void)state;
	NEEDS_ROOT("the_uid_is_the_bus_s_word_and_the_administrator_sees_all");
	scene = play();
	as_nobody(owns_a_latch);
	assert_int_equal(list(scene.client, NOTHING, &cursor, 0), 2);
	end(&scene);
}

static void an_administrator_breaks_a_latch_for_good_K62(void **state)
{
	DBusConnection *admin;
	struct scene scene;
	json_t *alert;

	(void)state;
	NEEDS_ROOT("an_administrator_breaks_a_latch_for_good_K62");
	scene = play();
	admin = client_new();
	expect_done(admin, call_new("Break", "ts", scene.id, "audit\n\xc2\x9b!"));
	/* before the call that caused it has returned */
	alert = record_now(scene.session);
	assert_non_null(alert);
	assert_string_equal(json_string_value(json_object_get(alert, "event")), "admin-break");
	assert_string_equal(json_string_value(json_object_get(alert, "from")), "established");
	assert_string_equal(json_string_value(json_object_get(alert, "to")), "broken");
	assert_string_equal(json_string_value(json_object_get(alert, "reason")), "audit?" "?" "?!");
	assert_true(json_is_true(json_object_get(alert, "for_good")));
	json_decref(alert);
	assert_string_equal(inquire(admin, scene.id, "for_good"), "true");
	expect_error(admin, call_new("Break", "ts", UINT64_C(999), "x"), "NotFound");
	client_free(admin);
	end(&scene);
}

static void an_administrator_closes_a_latch_K23(void **state)
{
	struct scene scene;
	json_t *alert;

	(void)state;
	NEEDS_ROOT("an_administrator_closes_a_latch_K23");
	scene = play();
	expect_done(scene.client, call_new("Close", "ts", scene.id, ""));
	alert = record_now(scene.session);
	assert_non_null(alert);
	assert_string_equal(json_string_value(json_object_get(alert, "to")), "closed");
	json_decref(alert);
	expect_error(scene.client, call_new("Close", "ts", scene.id, ""), "WrongState");
	expect_error(scene.client, call_new("Break", "ts", scene.id, ""), "WrongState");
	end(&scene);
}

static void a_reason_that_is_too_long_is_refused(void **state)
{
	static char reason[5001];
	struct scene scene;

	(void)state;
	NEEDS_ROOT("a_reason_that_is_too_long_is_refused");
	scene = play();
	memset(reason, 'x', 257);
	expect_error(scene.client, call_new("Break", "ts", scene.id, reason), "LimitExceeded");
	memset(reason, 'x', 5000);
	expect_error(scene.client, call_new("Close", "ts", scene.id, reason), "LimitExceeded");
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	reason[256] = '\0';
	expect_done(scene.client, call_new("Break", "ts", scene.id, reason));
	end(&scene);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(introspect_answers_the_bytes_of_the_file),
		TEST(properties_are_read_one_by_one_and_all_together),
		TEST(properties_that_are_not_there_or_read_only_are_standard_errors),
		TEST(members_that_are_not_there_are_a_standard_error),
		TEST(a_session_begins_with_hello_and_there_is_one_for_each_name),
		TEST(after_a_session_was_closed_another_can_be_opened),
		TEST(a_client_that_writes_to_its_session_loses_it),
		TEST(a_client_that_leaves_the_bus_loses_its_session),
		TEST(when_a_session_is_closed_its_latches_belong_to_their_sockets_L8),
		TEST(the_sessions_of_a_user_are_limited),
		TEST(latches_of_others_do_not_exist),
		TEST(the_uid_is_the_bus_s_word_and_the_administrator_sees_all),
		TEST(an_administrator_breaks_a_latch_for_good_K62),
		TEST(an_administrator_closes_a_latch_K23),
		TEST(a_reason_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
