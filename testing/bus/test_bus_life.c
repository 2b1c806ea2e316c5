/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the owners of latches are told, and what becomes of it all when readers are slow, and when
 * the bus is not there.
 */

#include "bus_stage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *text_at(json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text == NULL ? "" : text;
}

static uint64_t number_at(json_t *json, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(json, key));
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Telling */

static void the_owner_has_the_alert_before_the_conflicting_sa_is_accepted_K34_K59_L7(void **state)
{
	struct scene scene = play();
	uint64_t before = now_ns();
	json_t *alert;

	(void)state;
	tell("sa add 2 c.test 105");
	/* The answer came after the verdict; the record is here already. */
	alert = record_now(scene.session);
	assert_non_null(alert);
	assert_string_equal(text_at(alert, "type"), "alert");
	assert_string_equal(text_at(alert, "event"), "conflict-sa");
	assert_string_equal(text_at(alert, "from"), "established");
	assert_string_equal(text_at(alert, "to"), "broken");
	assert_string_equal(text_at(alert, "state"), "broken");
	assert_string_equal(text_at(alert, "cause"), "conflict-sa");
	assert_string_equal(text_at(alert, "peer_id"), "b.test");
	assert_string_equal(text_at(alert, "owner"), "session");
	assert_non_null(strstr(text_at(alert, "reason"), "c.test"));
	assert_int_equal(json_array_size(json_object_get(alert, "diff")), 2);
	assert_int_equal(number_at(alert, "id"), scene.id);
	assert_int_equal(number_at(alert, "listener"), 0);
	assert_in_range(number_at(alert, "mono_ns"), before, now_ns());
	json_decref(alert);
	tell("sa del 2");
	alert = record_now(scene.session);
	assert_non_null(alert);
	assert_string_equal(text_at(alert, "event"), "cleared");
	assert_string_equal(text_at(alert, "to"), "established");
	json_decref(alert);
	assert_null(record_now(scene.session));
	end(&scene);
}

/* Every key of an alert's LATCH is one of Inquire, with the same value. */
static void records_say_what_inquire_says(void **state)
{
	struct scene scene = play();
	const char *key;
	json_t *alert, *value;
	unsigned nr = 0;

	(void)state;
	tell("sa add 2 c.test 105");
	alert = record_now(scene.session);
	assert_non_null(alert);
	json_object_foreach(alert, key, value) {
		const char *inquired;
		char text[64] = "";

		if (strcmp(key, "type") == 0 || strcmp(key, "event") == 0 ||
		    strcmp(key, "from") == 0 || strcmp(key, "to") == 0 ||
		    strcmp(key, "listener") == 0)
			continue;
		inquired = inquire(scene.client, scene.id, key);
		nr++;
		if (json_is_integer(value))
			snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
		else if (json_is_boolean(value))
			snprintf(text, sizeof(text), "%s", json_is_true(value) ? "true" : "false");
		if (json_is_string(value))
			assert_string_equal(inquired, json_string_value(value));
		else if (json_is_array(value))
			assert_string_not_equal(inquired, "");
		else
			assert_string_equal(inquired, text);
	}
	assert_true(nr > 25);
	json_decref(alert);
	end(&scene);
}

static void alerts_go_to_the_owner_alone_and_changes_to_who_watches_L17(void **state)
{
	DBusConnection *watching = client_new(), *idle = client_new();
	int watch = open_session(watching, true), other = open_session(idle, false);
	struct scene scene = play();
	json_t *change;

	(void)state;
	while ((change = record_now(watch)) != NULL) {
		assert_string_equal(text_at(change, "type"), "change");
		json_decref(change);
	}
	tell("sa add 2 c.test 105");
	change = record_now(watch);
	assert_non_null(change);
	assert_string_equal(text_at(change, "type"), "change");
	assert_string_equal(text_at(change, "event"), "conflict-sa");
	assert_string_equal(text_at(change, "peer_id"), "b.test");
	json_decref(change);
	assert_null(record_now(other));
	close(watch);
	close(other);
	client_free(watching);
	client_free(idle);
	end(&scene);
}

static void who_owns_and_watches_is_told_once(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, true), pair[2];
	json_t *json;

	(void)state;
	tell("sa add 1 b.test 101");
	tcp_pair(pair);
	latch_fd(client, pair[0]);
	while ((json = record_now(session)) != NULL)
		json_decref(json);
	tell("sa add 2 c.test 105");
	json = record_now(session);
	assert_non_null(json);
	assert_string_equal(text_at(json, "type"), "alert");
	json_decref(json);
	assert_null(record_now(session));
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

/* Two records for each latch of the session that nobody reads. */
static void flood(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		tell("sa add 2 c.test 105");
		tell("sa del 2");
	}
}

static void a_session_that_is_full_is_closed_and_that_is_the_alert(void **state)
{
	struct scene scene;
	unsigned nr = 0;
	json_t *json;

	(void)state;
	stop_daemon();
	start_daemon("queue-bytes=65536");
	wait_ready();
	scene = play();
	flood(200);
	while ((json = record(scene.session)) != NULL) {
		nr++;
		json_decref(json);
	}
	/* The queue was used, and then there was an end. */
	assert_in_range(nr, 10, 399);
	assert_string_equal(inquire(scene.client, scene.id, "owner"), "socket");
	assert_string_equal(inquire(scene.client, scene.id, "state"), "established");
	/* Who was closed may come again. */
	close(scene.session);
	scene.session = open_session(scene.client, false);
	end(&scene);
}

static void who_merely_watches_too_slowly_is_told_lost_and_lives_on(void **state)
{
	DBusConnection *watching;
	struct scene scene;
	unsigned nr_before = 0;
	json_t *json, *mine;
	int watch;

	(void)state;
	stop_daemon();
	start_daemon("queue-bytes=65536");
	wait_ready();
	watching = client_new();
	watch = open_session(watching, true);
	scene = play();
	for (unsigned i = 0; i < 200; i++) {
		flood(1);
		while ((mine = record_now(scene.session)) != NULL)
			json_decref(mine);
	}
	for (;;) {
		json = record(watch);
		assert_non_null(json);
		if (strcmp(text_at(json, "type"), "lost") == 0)
			break;
		nr_before++;
		json_decref(json);
	}
	assert_in_range(nr_before, 10, 399);
	assert_true(number_at(json, "generation") >= 400);
	json_decref(json);
	assert_null(record_now(watch));
	tell("sa add 2 c.test 105");
	json = record(watch);
	assert_non_null(json);
	assert_string_equal(text_at(json, "type"), "change");
	json_decref(json);
	close(watch);
	client_free(watching);
	end(&scene);
}

/* The bus */

static void the_bus_is_killed_and_comes_back_and_sessions_live_on(void **state)
{
	struct scene scene = play();
	DBusConnection *again;
	json_t *alert;

	(void)state;
	stop_bus();
	/* Without a bus the owner is told all the same. */
	tell("sa add 2 c.test 105");
	alert = record_now(scene.session);
	assert_non_null(alert);
	json_decref(alert);
	start_bus();
	tell("wait");
	again = client_new();
	assert_string_equal(inquire(again, scene.id, "state"), "broken");
	assert_string_equal(inquire(again, scene.id, "owner"), "session");
	/* The new name has no session, and may open one. */
	expect_error(again, call_new("Latch", "hd", scene.pair[0], NOTHING), "NoSession");
	close(open_session(again, false));
	tell("sa del 2");
	alert = record_now(scene.session);
	assert_non_null(alert);
	assert_string_equal(text_at(alert, "event"), "cleared");
	json_decref(alert);
	client_free(again);
	end(&scene);
}

static void a_session_ends_with_its_descriptor_when_there_is_no_bus(void **state)
{
	struct scene scene = play();
	DBusConnection *again;

	(void)state;
	stop_bus();
	close(scene.session);
	scene.session = -1;
	start_bus();
	tell("wait");
	again = client_new();
	for (unsigned i = 0; i < 1000; i++) {
		if (strcmp(inquire(again, scene.id, "owner"), "socket") == 0)
			break;
	}
	assert_string_equal(inquire(again, scene.id, "owner"), "socket");
	client_free(again);
	end(&scene);
}

static void the_bus_may_be_absent_at_start(void **state)
{
	DBusConnection *client;

	(void)state;
	stop_daemon();
	stop_bus();
	start_daemon(NULL);
	tell("status");
	assert_string_equal(stage.line, "ok no 0 0");
	start_bus();
	wait_ready();
	client = client_new();
	expect_error(client, call_new("Inquire", "t", UINT64_C(1)), "NotFound");
	client_free(client);
}

static void a_bus_that_hangs_does_not_stop_the_service(void **state)
{
	struct scene scene = play();
	json_t *alert;

	(void)state;
	assert_int_equal(kill(stage.bus, SIGSTOP), 0);
	tell("sa add 2 c.test 105");
	alert = record_now(scene.session);
	assert_non_null(alert);
	json_decref(alert);
	assert_int_equal(kill(stage.bus, SIGCONT), 0);
	assert_string_equal(inquire(scene.client, scene.id, "state"), "broken");
	end(&scene);
}

static int connect_at_once(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return fd;
	assert_int_equal(errno, EAGAIN);
	close(fd);
	return -1;
}

/* Its queue of connections is full, or has one place left: libdbus would wait for ever. */
static void a_bus_that_does_not_accept_does_not_stop_the_service(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)state;
	stop_bus();
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/bus", getenv("BUS_DIR"));
	for (unsigned nr_free = 0; nr_free < 4; nr_free++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), mine[8];
		unsigned nr = 0;

		stop_daemon();
		unlink(at.sun_path);
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(listen(fd, 3), 0);
		for (unsigned i = 0; i < 4 - nr_free; i++) {
			mine[nr] = connect_at_once(&at);
			assert_true(mine[nr] >= 0);
			nr++;
		}
		start_daemon(NULL);
		for (unsigned i = 0; i < 50; i++) {
			tell("status");
			assert_string_equal(stage.line, "ok no 0 0");
		}
		/* Those who wait in the queue hear of the end, and look again. */
		close(fd);
		while (nr-- > 0)
			close(mine[nr]);
	}
	start_bus();
	tell("wait");
}

/* Calls that nobody will be there to hear the answer of, and callers that were never identified. */
static void clients_may_leave_at_any_time(void **state)
{
	DBusConnection *client;

	(void)state;
	tell("sa add 1 b.test 101");
	for (unsigned i = 0; i < 50; i++) {
		DBusMessage *call;
		int pair[2];

		client = client_new();
		tcp_pair(pair);
		call = i % 2 == 0 ? call_new("OpenSession", "d", NOTHING) :
		       call_new("Latch", "hd", pair[0], NOTHING);
		assert_true(dbus_connection_send(client, call, NULL));
		dbus_message_unref(call);
		dbus_connection_flush(client);
		close(pair[0]);
		close(pair[1]);
		client_free(client);
	}
	client = client_new();
	expect_error(client, call_new("Inquire", "t", UINT64_C(1)), "NotFound");
	client_free(client);
}

static void while_somebody_else_owns_the_name_it_waits(void **state)
{
	DBusConnection *thief;
	struct pollfd at;

	(void)state;
	stop_daemon();
	thief = client_new();
	assert_int_equal(dbus_bus_request_name(thief, "org.libreswan.Latch1", 0, NULL),
			 DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	start_daemon(NULL);
	tell("status");
	assert_string_equal(stage.line, "ok no 0 0");
	at = (struct pollfd) { .fd = stage.from_daemon, .events = POLLIN };
	assert_int_equal(poll(&at, 1, 0), 0);
	assert_int_equal(dbus_bus_release_name(thief, "org.libreswan.Latch1", NULL),
			 DBUS_RELEASE_NAME_REPLY_RELEASED);
	wait_ready();
	client_free(thief);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(the_owner_has_the_alert_before_the_conflicting_sa_is_accepted_K34_K59_L7),
		TEST(records_say_what_inquire_says),
		TEST(alerts_go_to_the_owner_alone_and_changes_to_who_watches_L17),
		TEST(who_owns_and_watches_is_told_once),
		TEST(a_session_that_is_full_is_closed_and_that_is_the_alert),
		TEST(who_merely_watches_too_slowly_is_told_lost_and_lives_on),
		TEST(the_bus_is_killed_and_comes_back_and_sessions_live_on),
		TEST(a_session_ends_with_its_descriptor_when_there_is_no_bus),
		TEST(the_bus_may_be_absent_at_start),
		TEST(a_bus_that_hangs_does_not_stop_the_service),
		TEST(a_bus_that_does_not_accept_does_not_stop_the_service),
		TEST(clients_may_leave_at_any_time),
		TEST(while_somebody_else_owns_the_name_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
