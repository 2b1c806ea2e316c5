/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What Latch and Listen answer. */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Latch */

static void latch_binds_a_connection_to_its_peer(void **state)
{
	struct scene scene = play();
	static const struct {
		const char *key, *value;
	} wanted[] = {
		{ "kind", "connection" }, { "state", "established" }, { "protocol", "tcp" },
		{ "local_address", "192.0.2.1" }, { "remote_address", "192.0.2.2" },
		{ "owner", "session" }, { "late", "false" }, { "for_good", "false" },
		{ "disposition", "default" }, { "protection", "integrity,confidentiality" },
		{ "mode", "transport" }, { "suites", "esp aes_gcm_16-256" },
		{ "indeterminate", "false" }, { "replay_window", "128" }, { "peer_id", "b.test" },
		{ "peer_id_type", "fqdn" }, { "peer_auth", "signature" },
		{ "local_id", "this.test" }, { "local_auth", "signature" }, { "reason", "" },
		{ "diff", "" }, { "cause", "created" },
		{ "outer_local_address", "10.0.0.2" }, { "outer_remote_address", "203.0.113.9" },
		{ "encapsulation", "udp" }, { "outer_local_port", "4500" },
		{ "outer_remote_port", "61000" }, { "nat", "local" },
		/* SHA-256 of "b.test" and of "anchor" */
		{ "peer_key_sha256",
		  "ae869e1a1907c03de0b7c1723e45cb56922f9a955c78dad381c78dff650f2922" },
		{ "trust_anchor_sha256",
		  "79bfb0e2ba76b9d447606ddbcc494834f05a4c11deb052e74b49ea307a3c5bcd" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_string_equal(inquire(scene.client, scene.id, wanted[i].key),
				    wanted[i].value);
	assert_int_equal(strtoul(inquire(scene.client, scene.id, "uid"), NULL, 10), geteuid());
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	end(&scene);
}

static void latch_answers_what_inquire_answers_K6_L16(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *latch, *inquired;
	DBusMessageIter at;
	uint64_t id;

	(void)state;
	tell("sa add 1 b.test 101");
	tcp_pair(pair);
	latch = ask(client, call_new("Latch", "hd", pair[0], NOTHING));
	assert_string_equal(error_of(latch), "");
	dbus_message_iter_init(latch, &at);
	dbus_message_iter_get_basic(&at, &id);
	inquired = ask(client, call_new("Inquire", "t", id));
	for (unsigned i = 0; i < 4; i++) {
		static const char *const keys[] = { "id", "state", "peer_id", "mono_ns" };
		char text[256];

		snprintf(text, sizeof(text), "%s", entry_of(latch, 1, keys[i]));
		assert_string_not_equal(text, "");
		assert_string_equal(entry_of(inquired, 0, keys[i]), text);
	}
	dbus_message_unref(latch);
	dbus_message_unref(inquired);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void latch_refuses_by_name(void **state)
{
	static const struct {
		const char *error, *before, *after;
	} rows[] = {
		{ "NoSa", NULL, NULL },
		{ "NotProtected", "policy del", "policy add" },
		{ "AlreadyUsed", "used yes", "used no" },
		{ "SocketChanged", "changes yes", "changes no" },
		{ "OtherNetns", "fact netns no", "fact netns yes" },
		{ "NotInternet", "fact internet no", "fact internet yes" },
		{ "Mptcp", "fact mptcp yes", "fact mptcp no" },
		{ "Translated", "fact translated yes", "fact translated no" },
		{ "BothEndsLocal", "fact peer-local yes", "fact peer-local no" },
		{ "SourceRouted", "fact source-routed yes", "fact source-routed no" },
		{ "Encapsulated", "fact encapsulated yes", "fact encapsulated no" },
		{ "VirtualInterface", "fact virtual yes", "fact virtual no" },
		{ "Forbidden", "allow no", "allow yes" },
		{ "Failed", "guard no", "guard yes" },
	};
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];

	(void)state;
	tcp_pair(pair);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].before != NULL)
			tell("%s", rows[i].before);
		expect_error(client, call_new("Latch", "hd", pair[0], NOTHING), rows[i].error);
		if (rows[i].after != NULL)
			tell("%s", rows[i].after);
		/* From the second row on there is an SA; without policy it is not enough. */
		if (i == 0)
			tell("sa add 1 b.test 101");
	}
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	latch_fd(client, pair[0]);
	expect_error(client, call_new("Latch", "hd", pair[0], NOTHING), "AlreadyLatched");
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void latch_refuses_sockets_that_are_not_connected_or_no_sockets(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false);
	int fds[2], tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	expect_error(client, call_new("Latch", "hd", fds[0], NOTHING), "NotInternet");
	expect_error(client, call_new("Listen", "hd", fds[0], NOTHING), "NotInternet");
	expect_error(client, call_new("Latch", "hd", tcp, NOTHING), "NotConnected");
	expect_error(client, call_new("Listen", "hd", tcp, NOTHING), "NotConnected");
	close(fds[0]);
	close(fds[1]);
	close(tcp);
	close(session);
	client_free(client);
}

static void latch_needs_a_session(void **state)
{
	DBusConnection *client = client_new();
	int pair[2];

	(void)state;
	tcp_pair(pair);
	expect_error(client, call_new("Latch", "hd", pair[0], NOTHING), "NoSession");
	expect_error(client, call_new("Listen", "hd", pair[0], NOTHING), "NoSession");
	close(open_session(client, false));
	close(pair[0]);
	close(pair[1]);
	client_free(client);
}

static void latch_says_who_is_in_conflict(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *reply;
	const char *text;

	(void)state;
	tell("sa add 1 b.test 101");
	tell("sa add 2 c.test 105");
	tcp_pair(pair);
	reply = ask(client, call_new("Latch", "hd", pair[0], NOTHING));
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.Conflict");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text,
					  DBUS_TYPE_INVALID));
	assert_non_null(strstr(text, "An SA or a policy for this flow conflicts"));
	assert_non_null(strstr(text, "b.test"));
	assert_non_null(strstr(text, "c.test"));
	dbus_message_unref(reply);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void latch_is_for_the_peer_that_was_named_or_there_is_none(void **state)
{
	const struct entry other[] = { E_S("peer", "@c.test"), E_END };
	const struct entry wanted[] = { E_S("peer", "@b.test"), E_END };
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *reply;
	json_t *alert;

	(void)state;
	tell("sa add 1 @b.test 101");
	tcp_pair(pair);
	expect_error(client, call_new("Latch", "hd", pair[0], other), "WrongPeer");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	reply = ask(client, call_new("Latch", "hd", pair[0], wanted));
	assert_string_equal(entry_of(reply, 1, "state"), "established");
	assert_string_equal(entry_of(reply, 1, "peer"), "@b.test");
	assert_string_equal(entry_of(reply, 1, "peer_id"), "@b.test");
	dbus_message_unref(reply);
	tell("sa add 2 @c.test 105");
	alert = record_now(session);
	assert_string_equal(json_string_value(json_object_get(alert, "to")), "broken");
	assert_string_equal(json_string_value(json_object_get(alert, "peer")), "@b.test");
	json_decref(alert);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void a_latch_may_be_born_broken_and_the_alert_comes_first_T3(void **state)
{
	const struct entry request[] = { E_B("may_be_broken", 1), E_END };
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *reply;
	json_t *alert;

	(void)state;
	tell("sa add 1 b.test 101");
	tell("sa add 2 c.test 105");
	tcp_pair(pair);
	reply = ask(client, call_new("Latch", "hd", pair[0], request));
	alert = record_now(session);
	assert_string_equal(error_of(reply), "");
	assert_string_equal(entry_of(reply, 1, "state"), "broken");
	assert_string_equal(entry_of(reply, 1, "diff"), "peer-id,peer-key");
	assert_non_null(alert);
	assert_string_equal(json_string_value(json_object_get(alert, "type")), "alert");
	assert_string_equal(json_string_value(json_object_get(alert, "state")), "broken");
	assert_string_equal(json_string_value(json_object_get(alert, "event")), "created-broken");
	assert_string_equal(json_string_value(json_object_get(alert, "peer_id")), "b.test");
	json_decref(alert);
	dbus_message_unref(reply);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void what_is_required_is_looked_at_K10(void **state)
{
	const struct entry strong[] = { E_Q("min_key_bits", 512), E_END };
	const struct entry tunnel[] = { E_S("mode", "tunnel"), E_END };
	const struct entry fine[] = {
		E_AS("protection", "integrity,confidentiality"), E_Q("min_key_bits", 256),
		E_Q("min_integ_bits", 96), E_S("mode", "transport"), E_S("disposition", "wait"),
		E_END,
	};
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *reply;

	(void)state;
	tell("sa add 1 b.test 101");
	tcp_pair(pair);
	expect_error(client, call_new("Latch", "hd", pair[0], strong), "Weak");
	expect_error(client, call_new("Latch", "hd", pair[0], tunnel), "Weak");
	reply = ask(client, call_new("Latch", "hd", pair[0], fine));
	assert_string_equal(error_of(reply), "");
	assert_string_equal(entry_of(reply, 1, "disposition"), "wait");
	dbus_message_unref(reply);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void a_late_latch_is_made_on_request_and_says_so(void **state)
{
	const struct entry late[] = { E_B("late", 1), E_END };
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];
	DBusMessage *reply;

	(void)state;
	tell("sa add 1 b.test 101");
	tcp_pair(pair);
	assert_int_equal(write(pair[1], "byte", 4), 4);
	expect_error(client, call_new("Latch", "hd", pair[0], NOTHING), "AlreadyUsed");
	reply = ask(client, call_new("Latch", "hd", pair[0], late));
	assert_string_equal(error_of(reply), "");
	assert_string_equal(entry_of(reply, 1, "late"), "true");
	dbus_message_unref(reply);
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

static void a_bound_socket_is_latched_before_it_connects(void **state)
{
	const struct entry to[] = {
		E_S("remote_address", "192.0.2.2"), E_Q("remote_port", 4000), E_END,
	};
	const struct entry everybody[] = {
		E_S("remote_address", "224.0.0.1"), E_Q("remote_port", 4000), E_END,
	};
	const struct entry itself[] = {
		E_S("remote_address", "192.0.2.1"), E_Q("remote_port", 4000), E_END,
	};
	const struct entry mixed[] = {
		E_S("remote_address", "2001:db8::2"), E_Q("remote_port", 4000), E_END,
	};
	const struct entry near[] = {
		E_S("remote_address", "169.254.1.1"), E_Q("remote_port", 4000), E_END,
	};
	DBusConnection *client = client_new();
	int session = open_session(client, false), fd = udp_bound();
	DBusMessage *reply;

	(void)state;
	tell("sa add 1 b.test 101");
	expect_error(client, call_new("Latch", "hd", fd, everybody), "Unsupported");
	expect_error(client, call_new("Latch", "hd", fd, itself), "BothEndsLocal");
	expect_error(client, call_new("Latch", "hd", fd, mixed), "Malformed");
	expect_error(client, call_new("Latch", "hd", fd, near), "LinkLocal");
	reply = ask(client, call_new("Latch", "hd", fd, to));
	assert_string_equal(error_of(reply), "");
	assert_string_equal(entry_of(reply, 1, "remote_port"), "4000");
	assert_string_equal(entry_of(reply, 1, "protocol"), "udp");
	dbus_message_unref(reply);
	close(fd);
	close(session);
	client_free(client);
}

static void the_latches_of_a_user_are_limited(void **state)
{
	DBusConnection *client;
	int session, first[2], second[2];

	(void)state;
	stop_daemon();
	start_daemon("latches=1");
	wait_ready();
	client = client_new();
	session = open_session(client, false);
	tell("sa add 1 b.test 101");
	tcp_pair(first);
	tcp_pair(second);
	latch_fd(client, first[0]);
	expect_error(client, call_new("Latch", "hd", second[0], NOTHING), "LimitExceeded");
	for (unsigned i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
	close(session);
	client_free(client);
}

/* Listen */

static void listen_gives_one_id_or_two_of_a_dual_stack_socket(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false);
	int one = listener(AF_INET, false), six = listener(AF_INET6, true);
	int both = listener(AF_INET6, false);
	uint64_t ids[2];

	(void)state;
	assert_int_equal(listen_on(client, one, ids), 1);
	assert_string_equal(inquire(client, ids[0], "kind"), "listener");
	assert_string_equal(inquire(client, ids[0], "state"), "listener");
	assert_string_equal(inquire(client, ids[0], "local_address"), "192.0.2.2");
	assert_string_equal(inquire(client, ids[0], "remote_address"), "");
	assert_int_equal(listen_on(client, six, ids), 1);
	assert_int_equal(listen_on(client, both, ids), 2);
	assert_string_equal(inquire(client, ids[0], "local_address"), "::");
	assert_string_equal(inquire(client, ids[1], "local_address"), "0.0.0.0");
	expect_error(client, call_new("Listen", "hd", one, NOTHING), "AlreadyLatched");
	close(one);
	close(six);
	close(both);
	close(session);
	client_free(client);
}

/* 127.0.0.1 connects to the listener. */
static void connect_to(int fd, int ret[2])
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_in to;
	socklen_t len = sizeof(to);

	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	ret[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(ret[1], (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(ret[1], (struct sockaddr *)&to, sizeof(to)), 0);
	ret[0] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[0] >= 0);
}

static void an_accepted_connection_is_latched_to_who_sent_its_first_packet(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), fd = listener(AF_INET, false);
	int first[2], second[2];
	uint64_t listener_id[2], id;
	json_t *alert;

	(void)state;
	tell("sa add 1 b.test 101");
	listen_on(client, fd, listener_id);
	connect_to(fd, first);
	tell("born any 101");
	/* What came in before it was presented came under the guard of the listener. */
	assert_int_equal(write(first[1], "byte", 4), 4);
	id = latch_fd(client, first[0]);
	alert = record_now(session);
	assert_non_null(alert);
	assert_string_equal(json_string_value(json_object_get(alert, "event")), "accepted");
	assert_int_equal(json_integer_value(json_object_get(alert, "listener")), listener_id[0]);
	json_decref(alert);
	assert_string_equal(inquire(client, id, "peer_id"), "b.test");
	assert_string_equal(inquire(client, id, "late"), "false");
	/* Nobody knows who this one is. */
	tell("born any 0");
	connect_to(fd, second);
	id = latch_fd(client, second[0]);
	assert_string_equal(inquire(client, id, "state"), "broken");
	for (unsigned i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
	close(fd);
	close(session);
	client_free(client);
}

/* U9, U10: a UDP socket that stays unconnected */

#define TAG(how, local, remote) \
	(const struct entry[]) { \
		E_S("tag", how), E_S("local_address", local), E_S("remote_address", remote), \
		E_Q("remote_port", 5353), E_END, \
	}

static uint64_t tag(DBusConnection *client, int fd, const struct entry *request)
{
	DBusMessage *reply = ask(client, call_new("Latch", "hd", fd, request));
	uint64_t id = 0;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &id,
					  DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	return id;
}

static void the_flows_of_a_datagram_socket_have_tags_U10(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), fd = udp_bound();
	uint64_t ids[2], id;

	(void)state;
	tell("sa add 1 b.test 101");
	expect_error(client, call_new("Latch", "hd", fd, TAG("out", "192.0.2.1", "192.0.2.2")),
		     "NotFound");
	assert_int_equal(listen_on(client, fd, ids), 1);
	expect_error(client, call_new("Latch", "hd", fd, TAG("in", "192.0.2.1", "192.0.2.2")),
		     "NotFound");
	expect_error(client, call_new("Latch", "hd", fd, TAG("in", "192.0.2.9", "192.0.2.2")),
		     "WrongFlow");
	tell("fact elsewhere yes");
	expect_error(client, call_new("Latch", "hd", fd, TAG("in", "192.0.2.1", "192.0.2.2")),
		     "WrongFlow");
	tell("fact elsewhere no");
	tell("born any 101");
	id = tag(client, fd, TAG("in", "192.0.2.1", "192.0.2.2"));
	assert_string_equal(inquire(client, id, "state"), "established");
	assert_string_equal(inquire(client, id, "peer_id"), "b.test");
	assert_string_equal(inquire(client, id, "local_address"), "192.0.2.1");
	assert_string_equal(inquire(client, id, "remote_port"), "5353");
	assert_int_equal(tag(client, fd, TAG("in", "192.0.2.1", "192.0.2.2")), id);
	assert_int_not_equal(tag(client, fd, TAG("in", "192.0.2.1", "192.0.2.3")), id);
	tell("born any 0");
	assert_int_not_equal(tag(client, fd, TAG("out", "192.0.2.1", "192.0.2.4")), id);
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	close(fd);
	close(session);
	client_free(client);
}

/* What peers choose */

static void an_id_that_is_no_utf8_is_made_so(void **state)
{
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];

	(void)state;
	tell("sa add 1 b\xff\xc0\xaf.test 101");
	tcp_pair(pair);
	assert_string_equal(inquire(client, latch_fd(client, pair[0]), "peer_id"),
			    "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.test");
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(latch_binds_a_connection_to_its_peer),
		TEST(latch_answers_what_inquire_answers_K6_L16),
		TEST(latch_refuses_by_name),
		TEST(latch_refuses_sockets_that_are_not_connected_or_no_sockets),
		TEST(latch_needs_a_session),
		TEST(latch_says_who_is_in_conflict),
		TEST(latch_is_for_the_peer_that_was_named_or_there_is_none),
		TEST(a_latch_may_be_born_broken_and_the_alert_comes_first_T3),
		TEST(what_is_required_is_looked_at_K10),
		TEST(a_late_latch_is_made_on_request_and_says_so),
		TEST(a_bound_socket_is_latched_before_it_connects),
		TEST(the_latches_of_a_user_are_limited),
		TEST(listen_gives_one_id_or_two_of_a_dual_stack_socket),
		TEST(an_accepted_connection_is_latched_to_who_sent_its_first_packet),
		TEST(the_flows_of_a_datagram_socket_have_tags_U10),
		TEST(an_id_that_is_no_utf8_is_made_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
