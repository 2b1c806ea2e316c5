/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What clients should not send. Whatever it is, the answer is an error, nothing is done, and
 * nothing is left behind; teardown asserts that the service lives and leaks no memory.
 */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static const struct {
	const char *interface, *name, *parts;
} members[] = {
	{ MANAGER, "ResumeSession", "sd" },
	{ MANAGER, "OpenSession", "d" }, { MANAGER, "Latch", "hd" }, { MANAGER, "Listen", "hd" },
	{ MANAGER, "Find", "d" }, { MANAGER, "Inquire", "t" }, { MANAGER, "Release", "t" },
	{ MANAGER, "Unprotect", "t" }, { MANAGER, "List", "dtu" }, { MANAGER, "Break", "ts" },
	{ MANAGER, "Close", "ts" }, { MANAGER, "ForgetUnreadable", "" }, { MANAGER, "Reload", "" },
	{ MANAGER, "Stats", "" },
	{ PROPERTIES, "Get", "ss" }, { PROPERTIES, "GetAll", "s" },
	{ "org.freedesktop.DBus.Introspectable", "Introspect", "" },
};

enum { NR_MEMBERS = sizeof(members) / sizeof(members[0]) };

static int any_fd(void)
{
	return STDERR_FILENO;
}

static void every_member_refuses_every_other_signature(void **state)
{
	DBusConnection *client = client_new();

	(void)state;
	for (unsigned i = 0; i < NR_MEMBERS; i++) {
		const char *interface = members[i].interface, *name = members[i].name;

		if (members[i].parts[0] != '\0')
			expect_error(client, call_of(interface, name, ""), "Malformed");
		expect_error(client, call_of(interface, name, "u", 7u), "Malformed");
		expect_error(client, call_of(interface, name, "h", any_fd()), "Malformed");
		expect_error(client, call_of(interface, name, "hdt", any_fd(), NOTHING,
					     UINT64_C(1)), "Malformed");
		expect_error(client, call_of(interface, name, "tst", UINT64_C(1), "x",
					     UINT64_C(1)), "Malformed");
		expect_error(client, call_of(interface, name, "vv", "x", "y"), "Malformed");
	}
	client_free(client);
}

/* The member with a socket and one dictionary, or the dictionary alone. */
static DBusMessage *with_dict(const char *name, const struct entry *entries)
{
	for (unsigned i = 0; i < NR_MEMBERS; i++) {
		if (strcmp(members[i].name, name) != 0)
			continue;
		if (strcmp(members[i].parts, "hd") == 0)
			return call_new(name, "hd", any_fd(), entries);
		if (strcmp(members[i].parts, "d") == 0)
			return call_new(name, "d", entries);
		return call_new(name, "dtu", entries, UINT64_C(0), 0u);
	}
	fail_msg("no such member: %s", name);
	return NULL;
}

static void every_dictionary_refuses_keys_that_are_not_known(void **state)
{
	static const char *const names[] = { "OpenSession", "Latch", "Listen", "Find", "List" };
	const struct entry unknown[] = { E_S("colour", "green"), E_END };
	const struct entry empty[] = { E_S("", "green"), E_END };
	const struct entry similar[] = { E_S("Watch", "green"), E_END };
	DBusConnection *client = client_new();

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		expect_error(client, with_dict(names[i], unknown), "Unsupported");
		expect_error(client, with_dict(names[i], empty), "Unsupported");
		expect_error(client, with_dict(names[i], similar), "Unsupported");
	}
	client_free(client);
}

static void keys_of_one_member_are_not_keys_of_another(void **state)
{
	const struct entry late[] = { E_B("late", 1), E_END };
	const struct entry watch[] = { E_B("watch", 1), E_END };
	const struct entry remote[] = { E_S("remote_address", "192.0.2.2"),
					E_Q("remote_port", 1), E_END };
	DBusConnection *client = client_new();

	(void)state;
	expect_error(client, with_dict("Listen", late), "Unsupported");
	expect_error(client, with_dict("Listen", remote), "Unsupported");
	expect_error(client, with_dict("Latch", watch), "Unsupported");
	expect_error(client, with_dict("List", late), "Unsupported");
	client_free(client);
}

#define TEN "xxxxxxxxxx"
#define FIFTY TEN TEN TEN TEN TEN

static void values_of_another_type_or_out_of_range_are_refused(void **state)
{
	/* 256 bytes */
	static const char too_long[] = "@" FIFTY FIFTY FIFTY FIFTY FIFTY "xxxxx";
	const struct {
		const char *member, *error;
		struct entry entry;
	} rows[] = {
		{ "OpenSession", "Malformed", E_S("watch", "true") },
		{ "OpenSession", "Malformed", E_Q("watch", 1) },
		{ "Latch", "Malformed", E_S("protection", "integrity") },
		{ "Latch", "Unsupported", E_AS("protection", "integrity,magic") },
		{ "Latch", "LimitExceeded",
		  E_AS("protection", "integrity,integrity,integrity,integrity,integrity,"
		       "integrity,integrity,integrity,integrity") },
		{ "Latch", "Malformed", E_T("min_key_bits", 128) },
		{ "Latch", "Malformed", E_S("min_integ_bits", "96") },
		{ "Latch", "Unsupported", E_S("mode", "iptfs") },
		{ "Latch", "Unsupported", E_S("mode", "") },
		{ "Latch", "Malformed", E_B("mode", 1) },
		{ "Latch", "Unsupported", E_S("disposition", "explode") },
		{ "Latch", "Malformed", E_Q("late", 1) },
		{ "Latch", "Malformed", E_S("may_be_broken", "yes") },
		{ "Latch", "Malformed", E_S("remote_address", "192.0.2.2") },
		{ "Latch", "Malformed", E_Q("remote_port", 5) },
		{ "Latch", "Malformed", E_Q("remote_port", 0) },
		{ "Latch", "Malformed", E_S("remote_address", "192.0.2.256") },
		{ "Latch", "Malformed", E_S("remote_address", "b.test") },
		{ "Latch", "Malformed", E_S("remote_address", "fe80::1%eth0") },
		{ "Latch", "Malformed", E_S("suite", "") },
		{ "Latch", "Malformed", E_S("suite", "bypass") },
		{ "Latch", "Unsupported", E_S("suite", "esp rot13-26") },
		{ "Latch", "Malformed", E_S("narrow", "yes") },
		{ "Listen", "Unsupported", E_S("suite", "esp aes_gcm_16-256") },
		{ "Listen", "Unsupported", E_B("narrow", 1) },
		{ "Listen", "Unsupported", E_S("mode", "transport ") },
		{ "Latch", "Malformed", E_S("peer", "") },
		{ "Latch", "Malformed", E_S("peer", "%any") },
		{ "Latch", "Malformed", E_S("peer", "C=CA, CN=") },
		{ "Latch", "Malformed", E_S("peer", "@\xc3\xb6st") },
		{ "Latch", "Malformed", E_Q("peer", 1) },
		{ "Latch", "LimitExceeded", E_S("peer", too_long) },
		{ "Listen", "Malformed", E_S("peer", "east") },
		{ "Listen", "LimitExceeded", E_S("peer", too_long) },
		{ "Find", "Malformed", E_S("protocol", "tcp") },
		{ "Find", "Unsupported", E_S("protocol", "icmp") },
		{ "Find", "Malformed", E_Q("protocol", 6) },
		{ "Find", "Malformed", E_S("local_port", "80") },
		{ "List", "Unsupported", E_S("state", "BROKEN") },
		{ "List", "Malformed", E_Q("state", 3) },
		{ "List", "Unsupported", E_S("kind", "all") },
	};
	DBusConnection *client = client_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct entry entries[] = { rows[i].entry, E_END };

		expect_error(client, with_dict(rows[i].member, entries), rows[i].error);
	}
	client_free(client);
}

static int bound_to(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6 };
	bool is_v6 = inet_pton(AF_INET6, address, &at6.sin6_addr) == 1;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (is_v6) {
		assert_int_equal(bind(fd, (struct sockaddr *)&at6, sizeof(at6)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	}
	return fd;
}

/* The service sees 127.0.0.0/8 of its clients as 192.0.2.0/24. */
static void who_is_no_single_peer_has_a_name_and_changes_nothing(void **state)
{
	static const struct {
		const char *local, *remote, *error;
		uint16_t port;
	} rows[] = {
		{ "127.0.0.1", "198.51.100.9", "NoSa", 9 },
		{ "127.0.0.1", "198.51.100.9", "Malformed", 0 },
		{ "127.0.0.1", "0.0.0.0", "NotConnected", 9 },
		{ "0.0.0.0", "198.51.100.9", "NotConnected", 9 },
		{ "127.0.0.1", "192.0.2.1", "BothEndsLocal", 9 },
		{ "127.0.0.1", "127.0.0.1", "BothEndsLocal", 9 },
		{ "127.0.0.1", "169.254.1.1", "LinkLocal", 9 },
		{ "127.0.0.1", "224.0.0.1", "Unsupported", 9 },
		{ "127.0.0.1", "239.255.255.255", "Unsupported", 9 },
		{ "127.0.0.1", "255.255.255.255", "Unsupported", 9 },
		{ "127.0.0.1", "2001:db8::9", "Malformed", 9 },
		{ "127.0.0.1", "::", "Malformed", 9 },
		{ "127.0.0.1", "::ffff:198.51.100.9", "Malformed", 9 },
		{ "::ffff:127.0.0.1", "198.51.100.9", "Malformed", 9 },
		{ "::ffff:127.0.0.1", "::ffff:198.51.100.9", "NoSa", 9 },
		{ "::ffff:127.0.0.1", "::ffff:0.0.0.0", "NotConnected", 9 },
		{ "::ffff:127.0.0.1", "::ffff:224.0.0.1", "Unsupported", 9 },
		{ "::ffff:127.0.0.1", "2001:db8::9", "Malformed", 9 },
		{ "::ffff:127.0.0.1", "ff02::1", "Malformed", 9 },
		{ "::", "2001:db8::9", "NotConnected", 9 },
	};
	DBusConnection *client = client_new();
	int session = open_session(client, false);
	char before[sizeof(stage.line)] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct entry to[] = { E_S("remote_address", rows[i].remote),
					    E_Q("remote_port", rows[i].port), E_END };
		int fd = bound_to(rows[i].local);

		print_message("%s to %s\n", rows[i].local, rows[i].remote);
		expect_error(client, call_new("Latch", "hd", fd, to), rows[i].error);
		close(fd);
		tell("compare");
		assert_string_equal(stage.line, "ok 0 0");
		/* no latch, and the generation of the database says that none was tried */
		tell("status");
		if (strcmp(rows[i].error, "NoSa") == 0)
			strcpy(before, stage.line);
		assert_memory_equal(stage.line, "ok yes 0 ", 9);
		assert_string_equal(stage.line, before);
	}
	close(session);
	client_free(client);
}

static void a_key_that_comes_twice_is_refused(void **state)
{
	const struct entry twice[] = { E_S("mode", "tunnel"), E_S("mode", "tunnel"), E_END };
	DBusConnection *client = client_new();

	(void)state;
	expect_error(client, with_dict("Latch", twice), "Malformed");
	client_free(client);
}

static void huge_arguments_are_refused_and_the_service_lives(void **state)
{
	enum { NR_ENTRIES = 100000, NR_WORDS = 200000, TEXT = 8 << 20 };
	struct entry *entries = calloc(NR_ENTRIES + 1, sizeof(*entries));
	struct entry long_value[] = { { "remote_address", DBUS_TYPE_STRING, NULL, 0 }, E_END };
	struct entry long_key[] = { { NULL, DBUS_TYPE_BOOLEAN, NULL, 1 }, E_END };
	char *text = malloc(TEXT + 1);
	DBusConnection *client = client_new();

	(void)state;
	memset(text, 'x', TEXT);
	text[TEXT] = '\0';
	for (unsigned i = 0; i < NR_ENTRIES; i++)
		entries[i] = (struct entry) E_S("mode", "tunnel");
	long_value[0].text = text;
	long_key[0].key = text;
	expect_error(client, with_dict("Latch", entries), "Malformed");
	expect_error(client, with_dict("Latch", long_value), "LimitExceeded");
	expect_error(client, with_dict("Latch", long_key), "Unsupported");
	expect_error(client, call_new("Break", "ts", UINT64_C(1), text), "LimitExceeded");
	expect_error(client, call_of(PROPERTIES, "Get", "ss", text, text), "LimitExceeded");
	expect_done(client, call_of("org.freedesktop.DBus.Peer", "Ping", ""));
	free(entries);
	free(text);
	client_free(client);
}

/* Descriptors */

static void sockets_are_closed_before_the_answer(void **state)
{
	static const char *const parts[] = { "hd", "h", "hh", "hhhhhhhhhhhhhhhh" };
	DBusConnection *client = client_new();
	int session = -1;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		int pair[2];
		DBusMessage *call;
		char byte;

		/* In the second round it has a session, so that the engine sees the socket. */
		if (i == 4)
			session = open_session(client, false);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		call = i % 4 == 0 ? call_new("Latch", "hd", pair[0], NOTHING) :
		       i % 4 == 1 ? call_new("Listen", parts[1], pair[0]) :
		       i % 4 == 2 ? call_new("Inquire", parts[2], pair[0], pair[0]) :
		       call_new("Latch", parts[3], pair[0], pair[0], pair[0], pair[0], pair[0],
				pair[0], pair[0], pair[0], pair[0], pair[0], pair[0], pair[0],
				pair[0], pair[0], pair[0], pair[0]);
		close(pair[0]);
		dbus_message_unref(ask(client, call));
		/* Nobody has the other end any more. */
		assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), 0);
		close(pair[1]);
	}
	close(session);
	client_free(client);
}

static void calls_that_fail_leak_no_descriptor(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	unsigned before;

	(void)state;
	tcp_pair(pair);
	expect_error(client, call_new("Latch", "hd", pair[0], NOTHING), "NoSa");
	before = count_daemon_fds();
	for (unsigned i = 0; i < 200; i++) {
		const struct entry bad[] = { E_S("mode", "bad"), E_END };
		DBusMessage *call = i % 4 == 0 ? call_new("Latch", "hd", pair[0], NOTHING) :
				    i % 4 == 1 ? call_new("Latch", "hd", pair[0], bad) :
				    i % 4 == 2 ? call_new("Listen", "hd", pair[0], NOTHING) :
				    call_new("Inquire", "hh", pair[0], pair[1]);
		DBusMessage *reply = ask(client, call);

		assert_string_not_equal(error_of(reply), "");
		dbus_message_unref(reply);
	}
	assert_int_equal(count_daemon_fds(), before);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void a_client_that_never_reads_its_answers_harms_nobody(void **state)
{
	DBusConnection *flood = client_new(), *other = client_new();

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		DBusMessage *call = call_of("org.freedesktop.DBus.Introspectable", "Introspect",
					    "");

		assert_true(dbus_connection_send(flood, call, NULL));
		dbus_message_unref(call);
	}
	dbus_connection_flush(flood);
	expect_error(other, call_new("Inquire", "t", UINT64_C(1)), "NotFound");
	client_free(flood);
	expect_error(other, call_new("Inquire", "t", UINT64_C(1)), "NotFound");
	client_free(other);
}

/* Pluto needs descriptors, too. */
static void sessions_do_not_take_the_last_descriptors(void **state)
{
	enum { FEW = 128, NR = 128 };
	struct rlimit before, few;
	DBusConnection *clients[NR];
	int sessions[NR];
	unsigned nr = 0;

	(void)state;
	stop_daemon();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = FEW;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	start_daemon("sessions=1000");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	wait_ready();
	for (;;) {
		DBusMessage *reply;
		bool is_refused;

		assert_true(nr < NR);
		clients[nr] = client_new();
		reply = ask(clients[nr], call_new("OpenSession", "d", NOTHING));
		is_refused = strcmp(error_of(reply),
				    "org.libreswan.Latch1.Error.LimitExceeded") == 0;
		if (!is_refused)
			assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD,
							  &sessions[nr], DBUS_TYPE_INVALID));
		dbus_message_unref(reply);
		if (is_refused)
			break;
		nr++;
	}
	assert_true(nr > 60);
	assert_true(count_daemon_fds() <= FEW - FEW / 4);
	expect_error(clients[0], call_new("Latch", "hd", any_fd(), NOTHING), "NotInternet");
	client_free(clients[nr]);
	while (nr-- > 0) {
		close(sessions[nr]);
		client_free(clients[nr]);
	}
}

/* Before the bus has said who it is, only so many calls of a client wait. */
static void many_calls_at_once_are_all_answered(void **state)
{
	enum { NR = 300 };
	DBusPendingCall *pending[NR];
	DBusConnection *client = client_new();
	unsigned nr_limited = 0;

	(void)state;
	for (unsigned i = 0; i < NR; i++) {
		DBusMessage *call = call_new("Inquire", "t", UINT64_C(7));

		assert_true(dbus_connection_send_with_reply(client, call, &pending[i],
							    DEADLINE_MS));
		dbus_message_unref(call);
	}
	for (unsigned i = 0; i < NR; i++) {
		DBusMessage *reply;
		const char *dot;

		dbus_pending_call_block(pending[i]);
		reply = dbus_pending_call_steal_reply(pending[i]);
		dbus_pending_call_unref(pending[i]);
		dot = strrchr(error_of(reply), '.');
		assert_non_null(dot);
		nr_limited += strcmp(dot, ".LimitExceeded") == 0;
		/* The bus has a limit of its own for answers that are expected. */
		assert_true(strcmp(dot, ".NotFound") == 0 ||
			    strcmp(dot, ".LimitExceeded") == 0 ||
			    strcmp(dot, ".LimitsExceeded") == 0);
		dbus_message_unref(reply);
	}
	assert_true(nr_limited < NR);
	client_free(client);
}

static void calls_that_want_no_answer_get_none_and_are_done(void **state)
{
	struct scene scene = play();
	DBusMessage *call = call_new("Release", "t", scene.id);
	DBusMessage *answer;

	(void)state;
	dbus_message_set_no_reply(call, TRUE);
	assert_true(dbus_connection_send(scene.client, call, NULL));
	dbus_message_unref(call);
	/* Calls of one client are done in their order. */
	assert_string_equal(inquire(scene.client, scene.id, "state"), "closed");
	while ((answer = dbus_connection_pop_message(scene.client)) != NULL) {
		assert_int_not_equal(dbus_message_get_type(answer),
				     DBUS_MESSAGE_TYPE_METHOD_RETURN);
		dbus_message_unref(answer);
	}
	end(&scene);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(every_member_refuses_every_other_signature),
		TEST(every_dictionary_refuses_keys_that_are_not_known),
		TEST(keys_of_one_member_are_not_keys_of_another),
		TEST(values_of_another_type_or_out_of_range_are_refused),
		TEST(who_is_no_single_peer_has_a_name_and_changes_nothing),
		TEST(a_key_that_comes_twice_is_refused),
		TEST(huge_arguments_are_refused_and_the_service_lives),
		TEST(sockets_are_closed_before_the_answer),
		TEST(calls_that_fail_leak_no_descriptor),
		TEST(a_client_that_never_reads_its_answers_harms_nobody),
		TEST(sessions_do_not_take_the_last_descriptors),
		TEST(many_calls_at_once_are_all_answered),
		TEST(calls_that_want_no_answer_get_none_and_are_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
