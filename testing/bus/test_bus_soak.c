/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Clients that make, ask for and release latches at random, and go without a word, while SAs of
 * another peer come and go and the guard refuses. After each round, when all of them are gone, the
 * service has what it had before the first; that it ends without a leak is seen in teardown, under
 * ASAN. The same with real SAs, and processes that are killed: scenario latch-soak.
 */

#include "bus_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 5, ROOM = 8, ROUNDS = 4, ACTS = 500 };

struct client {
	DBusConnection *bus;
	int session;
	struct held {
		int pair[2];	/* the second is -1 of a listener */
		uint64_t id;	/* 0: nothing is held */
	} held[ROOM];
};

static struct client clients[CLIENTS];
static unsigned created, refused, released, broken, gone;
static bool is_contested, is_stubborn;

static unsigned chance(unsigned n)
{
	return (unsigned)random() % n;
}

static void enter(struct client *client)
{
	client->bus = client_new();
	client->session = open_session(client->bus, chance(4) == 0);
}

static void let_go(struct held *held)
{
	close(held->pair[0]);
	if (held->pair[1] >= 0)
		close(held->pair[1]);
	held->id = 0;
}

/* The bus sees it first, or the session does. */
static void leave(struct client *client)
{
	bool is_first = chance(2) == 0;

	if (is_first)
		close(client->session);
	client_free(client->bus);
	if (!is_first)
		close(client->session);
	for (unsigned i = 0; i < ROOM; i++) {
		if (client->held[i].id != 0)
			let_go(&client->held[i]);
	}
	client->bus = NULL;
	gone++;
}

/* With another peer's SA there, or a guard that refuses, the answer is one of these; or a port that
 * was released is used again before the service is told that its socket is gone.
 */
static bool is_refused(DBusMessage *reply)
{
	const char *error = error_of(reply), *dot = strrchr(error, '.');

	if (error[0] == '\0')
		return false;
	if (strcmp(dot + 1, "AlreadyLatched") != 0 &&
	    (!is_contested || strcmp(dot + 1, "Conflict") != 0) &&
	    (!is_stubborn || strcmp(dot + 1, "Failed") != 0))
		fail_msg("%s", error);
	refused++;
	return true;
}

static void create(struct client *client, struct held *held)
{
	const struct entry bold[] = { E_B("may_be_broken", true), E_END };
	bool is_listener = chance(4) == 0;
	DBusMessageIter at, ids;
	DBusMessage *reply;

	if (held->id != 0)
		let_go(held);
	held->pair[1] = -1;
	if (is_listener)
		held->pair[0] = listener(AF_INET, false);
	else
		tcp_pair(held->pair);
	reply = ask(client->bus, call_new(is_listener ? "Listen" : "Latch", "hd", held->pair[0],
					  !is_listener && chance(2) == 0 ? bold : NOTHING));
	if (is_refused(reply)) {
		let_go(held);
	} else {
		dbus_message_iter_init(reply, &at);
		if (is_listener)
			dbus_message_iter_recurse(&at, &ids);
		dbus_message_iter_get_basic(is_listener ? &ids : &at, &held->id);
		created++;
	}
	dbus_message_unref(reply);
}

static void release(struct client *client, struct held *held)
{
	DBusMessage *reply = ask(client->bus, call_new("Release", "t", held->id));

	released += error_of(reply)[0] == '\0';
	dbus_message_unref(reply);
	if (chance(2) == 0)
		let_go(held);
}

static void look(struct client *client, struct held *held)
{
	uint64_t cursor = 0;

	dbus_message_unref(ask(client->bus, call_new("Inquire", "t", held->id)));
	list(client->bus, NOTHING, &cursor, 3);
}

static void read_records(struct client *client)
{
	json_t *json;

	while ((json = record_now(client->session)) != NULL) {
		const char *to = json_string_value(json_object_get(json, "to"));

		broken += to != NULL && strcmp(to, "broken") == 0;
		json_decref(json);
	}
}

/* Without a guard that obeys, another peer's SA is refused. A session that nobody reads would be
 * closed when it is full.
 */
static void change_SAs(void)
{
	if (is_stubborn)
		return;
	is_contested = !is_contested;
	tell(is_contested ? "sa add 2 c.test 105" : "sa del 2");
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (clients[i].bus != NULL)
			read_records(&clients[i]);
	}
}

/* Every connection ends, and its TIME_WAIT. */
static void pass_time(void)
{
	tell("gone yes");
	tell("gone no");
}

static void change_guard(void)
{
	is_stubborn = !is_stubborn && chance(3) == 0;
	tell("guard %s", is_stubborn ? "no" : "yes");
}

static void act(void)
{
	struct client *client = &clients[chance(CLIENTS)];
	struct held *held = &client->held[chance(ROOM)];
	unsigned what = chance(20);

	if (client->bus == NULL)
		enter(client);
	if (what == 0)
		leave(client);
	else if (what == 1)
		change_SAs();
	else if (what == 2)
		change_guard();
	else if (what == 3 && !is_stubborn)
		pass_time();
	else if (what < 11)
		create(client, held);
	else if (held->id != 0 && what < 16)
		release(client, held);
	else if (held->id != 0)
		look(client, held);
}

/* The service hears of the end of a connection when the bus says so. */
static void wait_empty(void)
{
	unsigned serving, latches = 1;

	for (unsigned i = 0; latches != 0 && i < 1000; i++) {
		tell("gone yes");
		tell("status");
		if (sscanf(stage.line, "ok yes %u %u", &latches, &serving) != 2)
			fail_msg("%s", stage.line);
	}
	assert_int_equal(latches, 0);
	tell("gone no");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
}

static void nothing_is_left_of_clients_that_come_and_go_at_random(void **state)
{
	unsigned seed = (unsigned)time(NULL), fds;

	(void)state;
	print_message("# seed %u\n", seed);
	srandom(seed);
	tell("sa add 1 b.test 101");
	fds = count_daemon_fds();
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < ACTS; i++)
			act();
		is_stubborn = false;
		tell("guard yes");
		for (unsigned i = 0; i < CLIENTS; i++) {
			if (clients[i].bus != NULL)
				leave(&clients[i]);
		}
		wait_empty();
		for (unsigned i = 0; count_daemon_fds() != fds && i < 1000; i++)
			tell("status");
		assert_int_equal(count_daemon_fds(), fds);
	}
	print_message("# %u created, %u refused, %u released, %u records of a break, %u gone\n",
		      created, refused, released, broken, gone);
	assert_true(created > ROUNDS * ACTS / 8);
	assert_true(refused > 50);
	assert_true(released > 30);
	assert_true(broken > 200);
	assert_true(gone > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_is_left_of_clients_that_come_and_go_at_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
