/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What Find, Inquire, Release, Unprotect and List answer. */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Find, Inquire, Release, Unprotect */

static uint64_t find(DBusConnection *client, const struct entry *flow)
{
	DBusMessage *reply = ask(client, call_new("Find", "d", flow));
	uint64_t id = 0;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	return id;
}

static void find_knows_connections_and_listeners_by_their_tuple_L16(void **state)
{
	struct scene scene = play();
	int fd = listener(AF_INET, false), wild = listener(AF_INET6, false);
	uint64_t local = strtoul(inquire(scene.client, scene.id, "local_port"), NULL, 10);
	uint64_t remote = strtoul(inquire(scene.client, scene.id, "remote_port"), NULL, 10);
	uint64_t ids[2], port, wild_port;
	const struct entry flow[] = {
		E_S("protocol", "tcp"), E_S("local_address", "192.0.2.1"),
		E_Q("local_port", local), E_S("remote_address", "192.0.2.2"),
		E_Q("remote_port", remote), E_END,
	};
	const struct entry mapped[] = {
		E_S("protocol", "tcp"), E_S("local_address", "::ffff:192.0.2.1"),
		E_Q("local_port", local), E_S("remote_address", "::ffff:192.0.2.2"),
		E_Q("remote_port", remote), E_END,
	};

	(void)state;
	assert_int_equal(find(scene.client, flow), scene.id);
	assert_int_equal(find(scene.client, mapped), scene.id);
	listen_on(scene.client, fd, ids);
	port = strtoul(inquire(scene.client, ids[0], "local_port"), NULL, 10);
	{
		const struct entry at[] = {
			E_S("protocol", "tcp"), E_S("local_address", "192.0.2.2"),
			E_Q("local_port", port), E_END,
		};

		assert_int_equal(find(scene.client, at), ids[0]);
	}
	listen_on(scene.client, wild, ids);
	wild_port = strtoul(inquire(scene.client, ids[0], "local_port"), NULL, 10);
	{
		const struct entry six[] = {
			E_S("protocol", "tcp"), E_S("local_address", "::"),
			E_Q("local_port", wild_port), E_END,
		};
		const struct entry four[] = {
			E_S("protocol", "tcp"), E_S("local_address", "0.0.0.0"),
			E_Q("local_port", wild_port), E_END,
		};

		assert_int_equal(find(scene.client, six), ids[0]);
		assert_int_equal(find(scene.client, four), ids[1]);
	}
	close(fd);
	close(wild);
	end(&scene);
}

static void find_refuses_what_is_not_there_and_what_is_no_flow(void **state)
{
	const struct entry absent[] = {
		E_S("protocol", "tcp"), E_S("local_address", "192.0.2.1"), E_Q("local_port", 1),
		E_S("remote_address", "192.0.2.2"), E_Q("remote_port", 1), E_END,
	};
	const struct entry loop[] = {
		E_S("protocol", "tcp"), E_S("local_address", "127.0.0.1"), E_Q("local_port", 1),
		E_S("remote_address", "127.0.0.2"), E_Q("remote_port", 1), E_END,
	};
	const struct entry near[] = {
		E_S("protocol", "tcp"), E_S("local_address", "fe80::1"), E_Q("local_port", 1),
		E_END,
	};
	const struct entry half[] = {
		E_S("protocol", "tcp"), E_S("local_address", "192.0.2.1"), E_Q("local_port", 1),
		E_Q("remote_port", 1), E_END,
	};
	const struct entry no_protocol[] = {
		E_S("local_address", "192.0.2.1"), E_Q("local_port", 1), E_END,
	};
	const struct entry brackets[] = {
		E_S("protocol", "tcp"), E_S("local_address", "[2001:db8::1]"), E_Q("local_port", 1),
		E_END,
	};
	DBusConnection *client = client_new();

	(void)state;
	expect_error(client, call_new("Find", "d", absent), "NotFound");
	expect_error(client, call_new("Find", "d", loop), "BothEndsLocal");
	expect_error(client, call_new("Find", "d", near), "LinkLocal");
	expect_error(client, call_new("Find", "d", half), "Malformed");
	expect_error(client, call_new("Find", "d", no_protocol), "Malformed");
	expect_error(client, call_new("Find", "d", brackets), "Malformed");
	client_free(client);
}

static void ids_that_nobody_has_are_not_found(void **state)
{
	static const char *const members[] = { "Inquire", "Release", "Unprotect" };
	static const uint64_t ids[] = { 0, 77, UINT64_MAX };
	DBusConnection *client = client_new();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 3; k++)
			expect_error(client, call_new(members[i], "t", ids[k]), "NotFound");
	}
	client_free(client);
}

static void a_released_latch_stays_guarded_until_its_socket_is_gone(void **state)
{
	struct scene scene = play();

	(void)state;
	expect_done(scene.client, call_new("Release", "t", scene.id));
	assert_string_equal(inquire(scene.client, scene.id, "state"), "closed");
	expect_error(scene.client, call_new("Release", "t", scene.id), "WrongState");
	tell("gone yes");
	expect_error(scene.client, call_new("Inquire", "t", scene.id), "NotFound");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	end(&scene);
}

static void an_unprotected_flow_leaves_the_guard_at_once_L1(void **state)
{
	struct scene scene = play();

	(void)state;
	expect_done(scene.client, call_new("Unprotect", "t", scene.id));
	expect_error(scene.client, call_new("Inquire", "t", scene.id), "NotFound");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	end(&scene);
}

static bool unprotect_forbidden(DBusConnection *client)
{
	int session, pair[2];

	session = open_session(client, false);
	tcp_pair(pair);
	return session >= 0 && is_answered(client, call_new("Unprotect", "t",
							    latch_fd(client, pair[0])),
					   "Forbidden");
}

static void unprotect_is_forbidden_unless_latch_conf_allows_it(void **state)
{
	(void)state;
	NEEDS_ROOT("unprotect_is_forbidden_unless_latch_conf_allows_it");
	tell("sa add 1 b.test 101");
	tell("bypass no");
	as_nobody(unprotect_forbidden);
}

/* List */

/* Flows of one bound socket to many ports. */
static void latch_many(DBusConnection *client, int fd, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct entry to[] = {
			E_S("remote_address", "192.0.2.2"), E_Q("remote_port", 1000 + i), E_END,
		};

		expect_done(client, call_new("Latch", "hd", fd, to));
	}
}

static void list_goes_page_by_page_to_the_end(void **state)
{
	struct scene scene = play();
	int fd = udp_bound();
	uint64_t cursor = 0;

	(void)state;
	latch_many(scene.client, fd, 24);
	assert_int_equal(list(scene.client, NOTHING, &cursor, 10), 10);
	assert_int_not_equal(cursor, 0);
	assert_int_equal(list(scene.client, NOTHING, &cursor, 10), 10);
	assert_int_equal(list(scene.client, NOTHING, &cursor, 10), 5);
	assert_int_equal(cursor, 0);
	assert_int_equal(list(scene.client, NOTHING, &cursor, 0), 25);
	assert_int_equal(cursor, 0);
	cursor = UINT64_MAX;
	assert_int_equal(list(scene.client, NOTHING, &cursor, 0), 0);
	close(fd);
	end(&scene);
}

static void list_filters_by_state_and_kind(void **state)
{
	const struct entry listeners[] = { E_S("kind", "listener"), E_END };
	const struct entry broken[] = { E_S("state", "broken"), E_END };
	const struct entry up[] = { E_S("state", "established"), E_S("kind", "connection"), E_END };
	const struct entry odd[] = { E_S("state", "odd"), E_END };
	struct scene scene = play();
	int fd = listener(AF_INET, false);
	uint64_t cursor = 0, ids[2];

	(void)state;
	listen_on(scene.client, fd, ids);
	assert_int_equal(list(scene.client, listeners, &cursor, 0), 1);
	assert_int_equal(list(scene.client, broken, &cursor, 0), 0);
	assert_int_equal(list(scene.client, up, &cursor, 0), 1);
	expect_error(scene.client, call_new("List", "dtu", odd, UINT64_C(0), 0u), "Unsupported");
	close(fd);
	end(&scene);
}

static void a_page_of_list_is_capped_by_the_limits_of_the_host(void **state)
{
	static const char *const limits[] = { "list-page=5", "reply-bytes=65536" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		DBusConnection *client;
		uint64_t cursor = 0;
		unsigned total = 0, pages = 0;
		int session, fd = udp_bound();

		stop_daemon();
		start_daemon(limits[i]);
		wait_ready();
		client = client_new();
		session = open_session(client, false);
		tell("sa add 1 b.test 101");
		latch_many(client, fd, 150);
		do {
			DBusMessage *reply = ask(client, call_new("List", "dtu", NOTHING,
								  cursor, 100000u));
			char *bytes;
			int len;

			assert_true(dbus_message_marshal(reply, &bytes, &len));
			dbus_free(bytes);
			assert_true(len < 65536);
			total += count_page(reply, &cursor);
			assert_true(++pages < 200);
		} while (cursor != 0);
		assert_int_equal(total, 150);
		assert_in_range(pages, i == 0 ? 30 : 2, i == 0 ? 31 : 10);
		close(fd);
		close(session);
		client_free(client);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(find_knows_connections_and_listeners_by_their_tuple_L16),
		TEST(find_refuses_what_is_not_there_and_what_is_no_flow),
		TEST(ids_that_nobody_has_are_not_found),
		TEST(a_released_latch_stays_guarded_until_its_socket_is_gone),
		TEST(an_unprotected_flow_leaves_the_guard_at_once_L1),
		TEST(unprotect_is_forbidden_unless_latch_conf_allows_it),
		TEST(list_goes_page_by_page_to_the_end),
		TEST(list_filters_by_state_and_kind),
		TEST(a_page_of_list_is_capped_by_the_limits_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
