/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Signals: who is told what, and what a subscriber costs that does not read. */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* as in the service */
enum { BATCH = 200, WINDOW = 4, PENDING_MAX = 1024, PINGS_OF_UID = 8 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The next message, but for the bus's own, which libdbus does not see: it answers no Ping. NULL by
 * the deadline. */
static DBusMessage *next(DBusConnection *client)
{
	int64_t end = now_ms() + DEADLINE_MS;

	for (;;) {
		DBusMessage *message = dbus_connection_pop_message(client);

		if (message != NULL && !dbus_message_has_sender(message, DBUS_SERVICE_DBUS))
			return message;
		if (message != NULL)
			dbus_message_unref(message);
		else if (now_ms() >= end || !dbus_connection_read_write(client, 100))
			return NULL;
	}
}

static bool is_signal(DBusMessage *message, const char *member)
{
	return dbus_message_is_signal(message, MANAGER, member);
}

static bool is_ping(DBusMessage *message)
{
	return dbus_message_is_method_call(message, DBUS_INTERFACE_PEER, "Ping");
}

/* The next message, which must be this signal. */
static DBusMessage *next_signal(DBusConnection *client, const char *member)
{
	DBusMessage *message = next(client);

	assert_non_null(message);
	if (!is_signal(message, member))
		fail_msg("%s instead of %s", dbus_message_get_member(message), member);
	return message;
}

static DBusMessage *next_ping(DBusConnection *client)
{
	DBusMessage *message = next(client);

	assert_non_null(message);
	assert_true(is_ping(message));
	return message;
}

static void answer(DBusConnection *client, DBusMessage *ping)
{
	DBusMessage *reply = dbus_message_new_method_return(ping);

	assert_true(dbus_connection_send(client, reply, NULL));
	dbus_connection_flush(client);
	dbus_message_unref(reply);
	dbus_message_unref(ping);
}

/* A call of a client that reads nothing else meanwhile: signals before the reply would be found. */
static void assert_nothing_came(DBusConnection *client)
{
	DBusMessage *call = call_of(DBUS_INTERFACE_PEER, "Ping", ""), *reply;

	assert_true(dbus_connection_send(client, call, NULL));
	dbus_connection_flush(client);
	dbus_message_unref(call);
	reply = next(client);
	assert_non_null(reply);
	assert_int_equal(dbus_message_get_type(reply), DBUS_MESSAGE_TYPE_METHOD_RETURN);
	dbus_message_unref(reply);
}

struct change {
	uint64_t id, generation;
	const char *from, *to, *cause;
};

static unsigned changes_of(DBusMessage *signal, struct change ret[BATCH])
{
	DBusMessageIter at, array, one;
	unsigned nr = 0;

	assert_true(dbus_message_has_signature(signal, "a(tssst)"));
	dbus_message_iter_init(signal, &at);
	for (dbus_message_iter_recurse(&at, &array);
	     dbus_message_iter_get_arg_type(&array) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(&array)) {
		struct change *to = &ret[nr++];

		assert_true(nr <= BATCH);
		dbus_message_iter_recurse(&array, &one);
		dbus_message_iter_get_basic(&one, &to->id);
		dbus_message_iter_next(&one);
		dbus_message_iter_get_basic(&one, &to->from);
		dbus_message_iter_next(&one);
		dbus_message_iter_get_basic(&one, &to->to);
		dbus_message_iter_next(&one);
		dbus_message_iter_get_basic(&one, &to->cause);
		dbus_message_iter_next(&one);
		dbus_message_iter_get_basic(&one, &to->generation);
	}
	return nr;
}

static void expect_change(DBusConnection *client, const struct change *wanted)
{
	DBusMessage *signal = next_signal(client, "Changed");
	struct change got[BATCH];

	assert_int_equal(changes_of(signal, got), 1);
	assert_int_equal(got[0].id, wanted->id);
	assert_string_equal(got[0].from, wanted->from);
	assert_string_equal(got[0].to, wanted->to);
	assert_string_equal(got[0].cause, wanted->cause);
	assert_true(got[0].generation > 0);
	dbus_message_unref(signal);
}

static void subscribe(DBusConnection *client)
{
	DBusMessage *reply = ask(client, call_new("Subscribe", "d", NOTHING));

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_has_signature(reply, "t"));
	dbus_message_unref(reply);
}

static void flap(bool is_down)
{
	tell(is_down ? "sa add 2 c.test 105" : "sa del 2");
}

/* Until the service waits for an answer. */
static DBusMessage *shut(DBusConnection *client, uint64_t id)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		const struct change change = {
			.id = id, .from = i % 2 == 0 ? "established" : "broken",
			.to = i % 2 == 0 ? "broken" : "established",
			.cause = i % 2 == 0 ? "conflict-sa" : "cleared",
		};

		flap(i % 2 == 0);
		expect_change(client, &change);
	}
	return next_ping(client);
}

static void a_subscriber_is_told_and_then_no_more(void **state)
{
	struct scene scene = play();
	DBusConnection *other = client_new(), *last = client_new();
	struct change change = {
		.id = scene.id, .from = "established", .to = "broken", .cause = "conflict-sa",
	};

	(void)state;
	subscribe(other);
	/* Again is no error, and no second signal. */
	subscribe(other);
	subscribe(last);
	flap(true);
	expect_change(other, &change);
	expect_change(last, &change);
	expect_done(other, call_new("Unsubscribe", ""));
	expect_done(other, call_new("Unsubscribe", ""));
	flap(false);
	change = (struct change) {
		.id = scene.id, .from = "broken", .to = "established", .cause = "cleared",
	};
	expect_change(last, &change);
	assert_nothing_came(other);
	expect_done(scene.client, call_new("Release", "t", scene.id));
	change = (struct change) {
		.id = scene.id, .from = "established", .to = "closed", .cause = "release",
	};
	expect_change(last, &change);
	/* its socket is gone, and so is it */
	tell("gone yes");
	change = (struct change) {
		.id = scene.id, .from = "closed", .to = "none", .cause = "flow-gone",
	};
	expect_change(last, &change);
	expect_error(other, call_new("Subscribe", "d", ((const struct entry[]) {
		     E_S("all", "yes"), E_END })), "Malformed");
	expect_error(other, call_new("Subscribe", "d", ((const struct entry[]) {
		     E_B("more", true), E_END })), "Unsupported");
	client_free(last);
	client_free(other);
	end(&scene);
}

/* Return: how many latches are broken; -1 when the next message is no summary */
static int64_t next_broken(DBusConnection *client)
{
	DBusMessage *message = next(client);
	DBusMessageIter at, dict, entry;
	int64_t broken = -1;

	if (message == NULL || !is_signal(message, "Summary"))
		return -1;
	dbus_message_iter_init(message, &at);
	for (dbus_message_iter_recurse(&at, &dict);
	     dbus_message_iter_get_arg_type(&dict) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(&dict)) {
		dbus_uint32_t count;
		const char *key;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		dbus_message_iter_next(&entry);
		dbus_message_iter_get_basic(&entry, &count);
		if (strcmp(key, "broken") == 0)
			broken = count;
	}
	dbus_message_unref(message);
	return broken;
}

/* Another user's subscription. It asserts nothing. Summaries are a second apart: in that time a
 * change would have been told. */
static bool hears_only_the_summary(DBusConnection *client)
{
	static const struct entry all[] = { E_B("all", true), E_END };
	static const char down[] = "sa add 2 c.test 105\n", up[] = "sa del 2\n";
	int64_t broken;

	dbus_bus_add_match(client, "type='signal',interface='" MANAGER "'", NULL);
	if (!is_answered(client, call_new("Subscribe", "d", all), "NotAuthorized") ||
	    !is_answered(client, call_new("Subscribe", "d", NOTHING), "") ||
	    write(stage.to_daemon, down, sizeof(down) - 1) != (ssize_t)sizeof(down) - 1)
		return false;
	/* The first one may be about the latch's birth. */
	broken = next_broken(client);
	if (broken == 0)
		broken = next_broken(client);
	return broken == 1 &&
	       write(stage.to_daemon, up, sizeof(up) - 1) == (ssize_t)sizeof(up) - 1 &&
	       next_broken(client) == 0;
}

static void another_user_hears_of_numbers_alone(void **state)
{
	struct scene scene;

	(void)state;
	NEEDS_ROOT("another_user_hears_of_numbers_alone");
	scene = play();
	as_nobody(hears_only_the_summary);
	/* the answers to the commands that another process gave */
	tell("status");
	tell("status");
	end(&scene);
}

static bool latches_and_breaks(DBusConnection *client)
{
	int pair[2], session = open_session(client, false);

	tcp_pair(pair);
	(void)latch_fd(client, pair[0]);
	close(session);
	return true;
}

static void the_administrator_hears_of_everybody_when_he_asks(void **state)
{
	static const struct entry all[] = { E_B("all", true), E_END };
	DBusConnection *own, *every;
	struct change got[BATCH];
	DBusMessage *signal;

	(void)state;
	NEEDS_ROOT("the_administrator_hears_of_everybody_when_he_asks");
	own = client_new();
	every = client_new();
	subscribe(own);
	expect_done(every, call_new("Subscribe", "d", all));
	tell("sa add 1 b.test 101");
	as_nobody(latches_and_breaks);
	signal = next_signal(every, "Changed");
	assert_int_equal(changes_of(signal, got), 1);
	assert_string_equal(got[0].from, "none");
	dbus_message_unref(signal);
	assert_nothing_came(own);
	client_free(every);
	client_free(own);
}

static void who_does_not_answer_is_sent_no_more_and_told_the_newest_later(void **state)
{
	struct scene scene = play();
	DBusConnection *silent = client_new(), *other = client_new();
	const struct change newest = {
		.id = scene.id, .from = "established", .to = "broken", .cause = "conflict-sa",
	};
	DBusMessage *ping;

	(void)state;
	subscribe(silent);
	ping = shut(silent, scene.id);
	subscribe(other);
	for (unsigned i = 0; i < 3; i++) {
		flap(i % 2 == 0);
		/* Everybody's turn has come by then. */
		dbus_message_unref(next_signal(other, "Changed"));
	}
	assert_nothing_came(silent);
	answer(silent, ping);
	expect_change(silent, &newest);
	client_free(other);
	client_free(silent);
	end(&scene);
}

/* Subscribing anew opens no window, and takes no second place among the pings. */
static void subscribing_again_is_no_way_around_an_answer(void **state)
{
	struct scene scene = play();
	DBusConnection *silent = client_new(), *other = client_new();
	DBusMessage *ping;

	(void)state;
	subscribe(silent);
	ping = shut(silent, scene.id);
	expect_done(silent, call_new("Unsubscribe", ""));
	subscribe(silent);
	subscribe(other);
	flap(true);
	dbus_message_unref(next_signal(other, "Changed"));
	assert_nothing_came(silent);
	answer(silent, ping);
	dbus_message_unref(next_signal(silent, "Changed"));
	client_free(other);
	client_free(silent);
	end(&scene);
}

static void one_user_s_pings_without_an_answer_are_few(void **state)
{
	struct scene scene = play();
	DBusConnection *silent[PINGS_OF_UID + 1];
	DBusMessage *pings[PINGS_OF_UID + 1] = { NULL }, *message;
	unsigned nr = 0, last = 0;

	(void)state;
	for (unsigned i = 0; i <= PINGS_OF_UID; i++) {
		silent[i] = client_new();
		subscribe(silent[i]);
	}
	for (unsigned i = 0; i < WINDOW; i++) {
		flap(i % 2 == 0);
		for (unsigned k = 0; k <= PINGS_OF_UID; k++)
			dbus_message_unref(next_signal(silent[k], "Changed"));
	}
	for (unsigned i = 0; i <= PINGS_OF_UID; i++) {
		DBusMessage *call = call_of(DBUS_INTERFACE_PEER, "Ping", "");

		assert_true(dbus_connection_send(silent[i], call, NULL));
		dbus_message_unref(call);
		message = next(silent[i]);
		assert_non_null(message);
		if (is_ping(message)) {
			nr++;
			pings[i] = message;
			message = next(silent[i]);
		} else {
			last = i;
		}
		dbus_message_unref(message);
	}
	assert_int_equal(nr, PINGS_OF_UID);
	answer(silent[last == 0 ? 1 : 0], pings[last == 0 ? 1 : 0]);
	pings[last == 0 ? 1 : 0] = NULL;
	pings[last] = next_ping(silent[last]);
	for (unsigned i = 0; i <= PINGS_OF_UID; i++) {
		if (pings[i] != NULL)
			dbus_message_unref(pings[i]);
		client_free(silent[i]);
	}
	end(&scene);
}

static void subscriptions_have_a_limit_and_end_with_their_names(void **state)
{
	DBusConnection *first, *second, *third;
	int session;

	(void)state;
	stop_daemon();
	start_daemon("subscriptions=2");
	wait_ready();
	first = client_new();
	second = client_new();
	third = client_new();
	subscribe(first);
	subscribe(second);
	expect_error(third, call_new("Subscribe", "d", NOTHING), "LimitExceeded");
	/* Sessions that watch are counted with them. */
	expect_error(third, call_new("OpenSession", "d", ((const struct entry[]) {
		     E_B("watch", true), E_END })), "LimitExceeded");
	subscribe(first);
	expect_done(second, call_new("Unsubscribe", ""));
	session = open_session(third, true);
	expect_error(second, call_new("Subscribe", "d", NOTHING), "LimitExceeded");
	client_free(first);
	/* The bus tells of its end after it, in its own time. */
	for (int64_t end = now_ms() + DEADLINE_MS; now_ms() < end; ) {
		if (is_answered(second, call_new("Subscribe", "d", NOTHING), ""))
			break;
	}
	expect_done(second, call_new("Subscribe", "d", NOTHING));
	close(session);
	client_free(second);
	client_free(third);
}

static void a_silent_subscriber_that_leaves_leaves_nothing_behind(void **state)
{
	struct scene scene = play();
	DBusConnection *silent = client_new(), *other = client_new();

	(void)state;
	subscribe(silent);
	dbus_message_unref(shut(silent, scene.id));
	client_free(silent);
	subscribe(other);
	flap(true);
	dbus_message_unref(next_signal(other, "Changed"));
	/* teardown finds leaks */
	client_free(other);
	end(&scene);
}

/* Many */

enum { CROWD = 1200 };

static void latch_crowd(DBusConnection *client, int fds[CROWD])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002),
				  .sin_port = htons(9) };

	for (unsigned i = 0; i < CROWD; i++) {
		fds[i] = udp_bound();
		assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
		(void)latch_fd(client, fds[i]);
	}
}

/* The service has our answer, if it asked: what we send it arrives in its order. */
static void catch_up(DBusConnection *client)
{
	for (unsigned i = 0; i < 2; i++) {
		DBusMessage *call = call_of(DBUS_INTERFACE_PEER, "Ping", ""), *message;

		assert_true(dbus_connection_send(client, call, NULL));
		dbus_message_unref(call);
		while ((message = next(client)) != NULL && is_ping(message))
			answer(client, message);
		assert_non_null(message);
		assert_int_equal(dbus_message_get_type(message),
				 DBUS_MESSAGE_TYPE_METHOD_RETURN);
		dbus_message_unref(message);
	}
}

/* Changes in signals until all of the crowd is told; each latch once. */
static unsigned hear_crowd(DBusConnection *client, unsigned *ret_messages)
{
	unsigned nr = 0;

	for (*ret_messages = 0; nr < CROWD; ++*ret_messages) {
		DBusMessage *message = next(client);
		struct change got[BATCH];

		assert_non_null(message);
		if (is_ping(message)) {
			answer(client, message);
			continue;
		}
		assert_true(is_signal(message, "Changed"));
		nr += changes_of(message, got);
		dbus_message_unref(message);
	}
	catch_up(client);
	return nr;
}

static void allow_files(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_mass_flap_is_few_messages_and_none_for_who_does_not_read(void **state)
{
	DBusConnection *owner = client_new(), *reader = client_new(), *silent = client_new();
	int session = open_session(owner, false);
	unsigned messages, nr_signals = 0;
	DBusMessage *message;
	static int fds[CROWD];

	(void)state;
	allow_files();
	tell("sa add 1 b.test 101");
	latch_crowd(owner, fds);
	/* Alerts of the owner's are no matter here. */
	close(session);
	subscribe(reader);
	subscribe(silent);
	flap(true);
	assert_int_equal(hear_crowd(reader, &messages), CROWD);
	/* G13 */
	assert_true(messages * 100 <= CROWD);
	print_message("# G13: %u messages for %d changes\n", messages, CROWD);
	flap(false);
	assert_int_equal(hear_crowd(reader, &messages), CROWD);
	flap(true);
	assert_int_equal(hear_crowd(reader, &messages), CROWD);
	/* Others are served; what came to the silent one is its window and a ping. */
	while ((message = next(silent)) != NULL && is_signal(message, "Changed")) {
		nr_signals++;
		dbus_message_unref(message);
	}
	assert_int_equal(nr_signals, WINDOW);
	assert_true(is_ping(message));
	assert_nothing_came(silent);
	answer(silent, message);
	message = next_signal(silent, "Lost");
	assert_true(dbus_message_has_signature(message, "t"));
	dbus_message_unref(message);
	for (unsigned i = 0; i < CROWD; i++)
		close(fds[i]);
	client_free(silent);
	client_free(reader);
	client_free(owner);
}

static void a_summary_comes_at_most_once_a_second(void **state)
{
	DBusConnection *listener = client_new();
	struct scene scene;
	DBusMessage *message;
	int64_t before;

	(void)state;
	dbus_bus_add_match(listener, "type='signal',member='Summary'", NULL);
	dbus_connection_flush(listener);
	assert_nothing_came(listener);
	scene = play();
	dbus_message_unref(next_signal(listener, "Summary"));
	before = now_ms();
	for (bool is_down = true; ; is_down = !is_down) {
		flap(is_down);
		dbus_connection_read_write(listener, 0);
		message = dbus_connection_pop_message(listener);
		if (message != NULL || now_ms() - before > DEADLINE_MS)
			break;
	}
	assert_non_null(message);
	assert_true(is_signal(message, "Summary"));
	/* Its sending and its arrival are not at the same moment. */
	assert_true(now_ms() - before >= 900);
	dbus_message_unref(message);
	client_free(listener);
	end(&scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_subscriber_is_told_and_then_no_more),
		TEST(another_user_hears_of_numbers_alone),
		TEST(the_administrator_hears_of_everybody_when_he_asks),
		TEST(who_does_not_answer_is_sent_no_more_and_told_the_newest_later),
		TEST(subscribing_again_is_no_way_around_an_answer),
		TEST(one_user_s_pings_without_an_answer_are_few),
		TEST(subscriptions_have_a_limit_and_end_with_their_names),
		TEST(a_silent_subscriber_that_leaves_leaves_nothing_behind),
		TEST(a_mass_flap_is_few_messages_and_none_for_who_does_not_read),
		TEST(a_summary_comes_at_most_once_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
