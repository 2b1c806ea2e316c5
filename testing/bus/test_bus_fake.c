/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A bus that is played by the test: what a real one does rarely, or never at the right moment. It
 * answers when it likes, and says of callers what it likes.
 */

#include "bus_stage.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { CONNECTIONS_MAX = 64 };

static struct {
	DBusServer *server;
	DBusWatch *accepts;
	DBusConnection *all[CONNECTIONS_MAX];
	unsigned nr;
	DBusConnection *to;	/* the service, when it has the name */
} fake;

static dbus_bool_t watch_add(DBusWatch *watch, void *data)
{
	(void)data;
	fake.accepts = watch;
	return TRUE;
}

static void watch_remove(DBusWatch *watch, void *data)
{
	(void)watch;
	(void)data;
	fake.accepts = NULL;
}

static void on_connection(DBusServer *server, DBusConnection *connection, void *data)
{
	(void)server;
	(void)data;
	assert_true(fake.nr < CONNECTIONS_MAX);
	dbus_connection_set_exit_on_disconnect(connection, FALSE);
	fake.all[fake.nr++] = dbus_connection_ref(connection);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The next message of any connection, by the deadline. */
static DBusMessage *next_message(DBusConnection **ret_from)
{
	uint64_t deadline = now_ms() + DEADLINE_MS;

	while (now_ms() < deadline) {
		struct pollfd at[CONNECTIONS_MAX + 1];
		nfds_t nr = 0;

		for (unsigned i = 0; i < fake.nr; i++) {
			DBusMessage *message;
			int fd;

			if (!dbus_connection_read_write(fake.all[i], 0))
				continue;
			message = dbus_connection_pop_message(fake.all[i]);
			if (message != NULL) {
				*ret_from = fake.all[i];
				return message;
			}
			if (dbus_connection_get_unix_fd(fake.all[i], &fd))
				at[nr++] = (struct pollfd) { .fd = fd, .events = POLLIN };
		}
		at[nr++] = (struct pollfd) { .fd = dbus_watch_get_unix_fd(fake.accepts),
					     .events = POLLIN };
		if (poll(at, nr, 10) > 0 && at[nr - 1].revents != 0)
			dbus_watch_handle(fake.accepts, DBUS_WATCH_READABLE);
	}
	fail_msg("the service says nothing");
	return NULL;
}

/* The next call of this method of the bus; what else comes is ignored. */
static DBusMessage *next_call(const char *method, DBusConnection **ret_from)
{
	for (;;) {
		DBusMessage *message = next_message(ret_from);

		if (dbus_message_is_method_call(message, DBUS_INTERFACE_DBUS, method))
			return message;
		dbus_message_unref(message);
	}
}

static void answer(DBusConnection *to, DBusMessage *call, DBusMessage *reply)
{
	dbus_message_set_sender(reply, DBUS_SERVICE_DBUS);
	assert_true(dbus_connection_send(to, reply, NULL));
	dbus_message_unref(reply);
	dbus_message_unref(call);
}

static void greet(void)
{
	const char *name = ":1.0";
	DBusMessage *hello = next_call("Hello", &fake.to), *reply;

	reply = dbus_message_new_method_return(hello);
	dbus_message_append_args(reply, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	answer(fake.to, hello, reply);
}

static void grant_name(dbus_uint32_t result)
{
	DBusMessage *request = next_call("RequestName", &fake.to), *reply;

	reply = dbus_message_new_method_return(request);
	dbus_message_append_args(reply, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID);
	answer(fake.to, request, reply);
}

static int setup_fake(void **state)
{
	(void)state;
	snprintf(stage.address, sizeof(stage.address), "unix:path=%s/fake", getenv("BUS_DIR"));
	fake.server = dbus_server_listen(stage.address, NULL);
	assert_non_null(fake.server);
	dbus_server_set_new_connection_function(fake.server, on_connection, NULL, NULL);
	assert_true(dbus_server_set_watch_functions(fake.server, watch_add, watch_remove, NULL,
						    NULL, NULL));
	start_daemon(NULL);
	return 0;
}

static int teardown_fake(void **state)
{
	(void)state;
	stop_daemon();
	while (fake.nr > 0) {
		DBusConnection *connection = fake.all[--fake.nr];

		dbus_connection_close(connection);
		dbus_connection_unref(connection);
	}
	dbus_server_disconnect(fake.server);
	dbus_server_unref(fake.server);
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static void become_bus(void)
{
	greet();
	grant_name(DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	dbus_connection_flush(fake.to);
	wait_ready();
}

/* A call as if from @sender; lets go of it. */
static dbus_uint32_t forward(const char *sender, DBusMessage *call)
{
	dbus_uint32_t serial;

	dbus_message_set_sender(call, sender);
	assert_true(dbus_connection_send(fake.to, call, &serial));
	dbus_connection_flush(fake.to);
	dbus_message_unref(call);
	return serial;
}

static DBusMessage *next_answer(dbus_uint32_t serial)
{
	for (;;) {
		DBusConnection *from;
		DBusMessage *message = next_message(&from);

		if (dbus_message_get_reply_serial(message) == serial)
			return message;
		dbus_message_unref(message);
	}
}

/* The answer to a forwarded call is this error. */
static void expect_answer(dbus_uint32_t serial, const char *name)
{
	DBusMessage *message = next_answer(serial);
	char full[128];

	snprintf(full, sizeof(full), "org.libreswan.Latch1.Error.%s", name);
	assert_string_equal(error_of(message), full);
	dbus_message_unref(message);
}

enum { UID_ABSENT = -1 };

static void append_groups(DBusMessageIter *dict, const dbus_uint32_t *gids, int nr)
{
	static const char *const key = "UnixGroupIDs";
	DBusMessageIter entry, variant, array;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "au", &variant);
	dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "u", &array);
	dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_UINT32, &gids, nr);
	dbus_message_iter_close_container(&variant, &array);
	dbus_message_iter_close_container(&entry, &variant);
	dbus_message_iter_close_container(dict, &entry);
}

static DBusMessage *credentials(DBusMessage *question, int64_t uid)
{
	static const dbus_uint32_t gids[] = { 7, 4242 };
	DBusMessage *reply = dbus_message_new_method_return(question);
	DBusMessageIter at, dict, entry, variant;
	const char *key = uid == UID_ABSENT ? "ProcessID" : "UnixUserID";
	dbus_uint32_t number = (dbus_uint32_t)uid;

	dbus_message_iter_init_append(reply, &at);
	dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "{sv}", &dict);
	dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "u", &variant);
	dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT32, &number);
	dbus_message_iter_close_container(&entry, &variant);
	dbus_message_iter_close_container(&dict, &entry);
	append_groups(&dict, gids, 2);
	dbus_message_iter_close_container(&at, &dict);
	return reply;
}

static void say_gone(const char *name)
{
	DBusMessage *signal = dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
						      "NameOwnerChanged");
	const char *nobody = "";

	dbus_message_append_args(signal, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &name,
				 DBUS_TYPE_STRING, &nobody, DBUS_TYPE_INVALID);
	dbus_message_set_sender(signal, DBUS_SERVICE_DBUS);
	assert_true(dbus_connection_send(fake.to, signal, NULL));
	dbus_connection_flush(fake.to);
	dbus_message_unref(signal);
}

static void calls_wait_for_the_word_of_the_bus_and_only_so_many(void **state)
{
	enum { WAITING = 32, MORE = 5 };
	dbus_uint32_t serials[WAITING + MORE];
	DBusConnection *from;
	DBusMessage *question;

	(void)state;
	become_bus();
	for (unsigned i = 0; i < WAITING + MORE; i++)
		serials[i] = forward(":1.7", call_new("Inquire", "t", UINT64_C(1)));
	question = next_call("GetConnectionCredentials", &from);
	for (unsigned i = WAITING; i < WAITING + MORE; i++)
		expect_answer(serials[i], "LimitExceeded");
	answer(from, question, credentials(question, 1000));
	for (unsigned i = 0; i < WAITING; i++)
		expect_answer(serials[i], "NotFound");
}

static void all_who_wait_together_are_limited(void **state)
{
	enum { NAMES = 70, CALLS = 30, TOTAL = 2048 };
	dbus_uint32_t serial = 0;

	(void)state;
	become_bus();
	for (unsigned i = 0; i < NAMES * CALLS; i++) {
		char name[16];

		snprintf(name, sizeof(name), ":1.%u", 10 + i / CALLS);
		serial = forward(name, call_new("Inquire", "t", UINT64_C(1)));
	}
	assert_true(NAMES * CALLS > TOTAL);
	expect_answer(serial, "LimitExceeded");
}

static void who_is_unknown_to_the_bus_is_refused(void **state)
{
	DBusConnection *from;
	DBusMessage *question;
	dbus_uint32_t serial;

	(void)state;
	become_bus();
	serial = forward(":1.7", call_new("Inquire", "t", UINT64_C(1)));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, credentials(question, UID_ABSENT));
	expect_answer(serial, "NotAuthorized");
	/* It is asked again, and not taken for somebody. */
	serial = forward(":1.7", call_new("Break", "ts", UINT64_C(1), "x"));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, dbus_message_new_error(question, DBUS_ERROR_NAME_HAS_NO_OWNER, ""));
	expect_answer(serial, "NotAuthorized");
	serial = forward(":1.7", call_new("Break", "ts", UINT64_C(1), "x"));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, dbus_message_new_method_return(question));
	expect_answer(serial, "NotAuthorized");
}

static void credentials_are_asked_for_once_for_each_name(void **state)
{
	DBusConnection *from;
	DBusMessage *question;
	dbus_uint32_t serial;

	(void)state;
	become_bus();
	serial = forward(":1.7", call_new("Break", "ts", UINT64_C(1), "x"));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, credentials(question, 1000));
	expect_answer(serial, "NotAuthorized");
	/* No further question: the answer is the next message. */
	serial = forward(":1.7", call_new("Break", "ts", UINT64_C(1), "x"));
	question = next_message(&from);
	assert_int_equal(dbus_message_get_reply_serial(question), serial);
	dbus_message_unref(question);
	/* A name that left is nobody; somebody else is asked for. */
	say_gone(":1.7");
	serial = forward(":1.7", call_new("Break", "ts", UINT64_C(1), "x"));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, credentials(question, 0));
	expect_answer(serial, "NotFound");
}

static void a_caller_who_leaves_takes_his_descriptors_along(void **state)
{
	DBusConnection *from;
	int pair[2];
	struct pollfd at;
	char byte;

	(void)state;
	become_bus();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	forward(":1.7", call_new("Latch", "hd", pair[0], NOTHING));
	close(pair[0]);
	dbus_message_unref(next_call("GetConnectionCredentials", &from));
	assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	say_gone(":1.7");
	at = (struct pollfd) { .fd = pair[1], .events = POLLIN };
	assert_int_equal(poll(&at, 1, DEADLINE_MS), 1);
	assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
	close(pair[1]);
}

static void names_that_others_say_are_gone_are_not(void **state)
{
	DBusConnection *from;
	DBusMessage *question, *signal;
	const char *name = ":1.7", *nobody = "";
	dbus_uint32_t serial;

	(void)state;
	become_bus();
	serial = forward(name, call_new("Inquire", "t", UINT64_C(1)));
	question = next_call("GetConnectionCredentials", &from);
	signal = dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "NameOwnerChanged");
	dbus_message_append_args(signal, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &name,
				 DBUS_TYPE_STRING, &nobody, DBUS_TYPE_INVALID);
	forward(":1.8", signal);
	answer(from, question, credentials(question, 1000));
	expect_answer(serial, "NotFound");
}

static void groups_are_the_word_of_the_bus_too(void **state)
{
	DBusConnection *from;
	DBusMessage *question, *session;
	dbus_uint32_t serial;
	int pair[2];

	(void)state;
	become_bus();
	tcp_pair(pair);
	serial = forward(":1.7", call_new("OpenSession", "d", NOTHING));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, credentials(question, 1000));
	/* Its descriptor is in there. */
	session = next_answer(serial);
	tell("deny-gid 4241");
	serial = forward(":1.7", call_new("Latch", "hd", pair[0], NOTHING));
	expect_answer(serial, "NoSa");
	tell("deny-gid 4242");
	serial = forward(":1.7", call_new("Latch", "hd", pair[0], NOTHING));
	expect_answer(serial, "Forbidden");
	dbus_message_unref(session);
	close(pair[0]);
	close(pair[1]);
}

static void who_wants_no_answer_gets_none(void **state)
{
	DBusMessage *call = call_new("Inquire", "t", UINT64_C(1)), *question;
	dbus_uint32_t quiet, loud;
	DBusConnection *from;

	(void)state;
	become_bus();
	dbus_message_set_no_reply(call, TRUE);
	quiet = forward(":1.7", call);
	loud = forward(":1.7", call_new("Inquire", "t", UINT64_C(1)));
	question = next_call("GetConnectionCredentials", &from);
	answer(from, question, credentials(question, 1000));
	question = next_message(&from);
	assert_int_not_equal(dbus_message_get_reply_serial(question), quiet);
	assert_int_equal(dbus_message_get_reply_serial(question), loud);
	dbus_message_unref(question);
}

static void a_bus_that_refuses_is_tried_again(void **state)
{
	DBusConnection *from;
	DBusMessage *call;

	(void)state;
	call = next_call("Hello", &from);
	answer(from, call, dbus_message_new_error(call, DBUS_ERROR_LIMITS_EXCEEDED, ""));
	greet();
	call = next_call("RequestName", &from);
	answer(from, call, dbus_message_new_error(call, DBUS_ERROR_ACCESS_DENIED, ""));
	greet();
	call = next_call("RequestName", &from);
	answer(from, call, dbus_message_new_method_return(call));
	become_bus();
	tell("status");
	assert_string_equal(stage.line, "ok yes 0 0");
}

static void who_loses_the_name_comes_back_for_it(void **state)
{
	const char *name = "org.libreswan.Latch1";
	DBusMessage *signal = dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
						      "NameLost");

	(void)state;
	become_bus();
	dbus_message_append_args(signal, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	forward(DBUS_SERVICE_DBUS, signal);
	greet();
	grant_name(DBUS_REQUEST_NAME_REPLY_IN_QUEUE);
	tell("status");
	assert_string_equal(stage.line, "ok no 0 0");
	signal = dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "NameAcquired");
	dbus_message_append_args(signal, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	forward(DBUS_SERVICE_DBUS, signal);
	tell("wait");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_fake, teardown_fake)
	static const struct CMUnitTest tests[] = {
		TEST(calls_wait_for_the_word_of_the_bus_and_only_so_many),
		TEST(all_who_wait_together_are_limited),
		TEST(who_is_unknown_to_the_bus_is_refused),
		TEST(credentials_are_asked_for_once_for_each_name),
		TEST(a_caller_who_leaves_takes_his_descriptors_along),
		TEST(names_that_others_say_are_gone_are_not),
		TEST(groups_are_the_word_of_the_bus_too),
		TEST(who_wants_no_answer_gets_none),
		TEST(a_bus_that_refuses_is_tried_again),
		TEST(who_loses_the_name_comes_back_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
