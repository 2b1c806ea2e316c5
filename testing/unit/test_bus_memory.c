/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Without memory for the answer: libdbus fails at the first place of a call that makes latches,
 * then at the second, and so on until nothing fails. Whoever gets an error, or no answer at all,
 * does not know the number of a latch; so none is left that is his to release.
 */

#include "engine_stage.h"

#include "bus/pl_bus_caller.h"
#include "bus/pl_bus_impl.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

/* The place that fails: 1 is the next; 0 is none. */
static unsigned countdown;

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

#define WRAP(TYPE, NAME, PARAMETERS, ARGUMENTS, FAILURE)	\
	TYPE __real_##NAME PARAMETERS;				\
	TYPE __wrap_##NAME PARAMETERS;				\
	TYPE __wrap_##NAME PARAMETERS				\
	{							\
		return fails() ? (FAILURE) : __real_##NAME ARGUMENTS; \
	}

WRAP(DBusMessage *, dbus_message_new, (int type), (type), NULL)
WRAP(dbus_bool_t, dbus_message_set_reply_serial, (DBusMessage *m, dbus_uint32_t serial),
     (m, serial), FALSE)
WRAP(dbus_bool_t, dbus_message_set_destination, (DBusMessage *m, const char *name), (m, name),
     FALSE)
WRAP(dbus_bool_t, dbus_message_iter_append_basic,
     (DBusMessageIter *at, int type, const void *value), (at, type, value), FALSE)
WRAP(dbus_bool_t, dbus_message_iter_open_container,
     (DBusMessageIter *at, int type, const char *signature, DBusMessageIter *sub),
     (at, type, signature, sub), FALSE)

dbus_bool_t __wrap_dbus_message_append_args(DBusMessage *message, int type, ...);
dbus_bool_t __wrap_dbus_message_append_args(DBusMessage *message, int type, ...)
{
	dbus_bool_t ok;
	va_list args;

	if (fails())
		return FALSE;
	va_start(args, type);
	ok = dbus_message_append_args_valist(message, type, args);
	va_end(args);
	return ok;
}

/* A connection that takes what it is given. */

static DBusMessage *sent;

dbus_bool_t __wrap_dbus_connection_get_is_connected(DBusConnection *conn);
dbus_bool_t __wrap_dbus_connection_get_is_connected(DBusConnection *conn)
{
	return conn != NULL;
}

dbus_bool_t __wrap_dbus_connection_send(DBusConnection *conn, DBusMessage *message,
					dbus_uint32_t *serial);
dbus_bool_t __wrap_dbus_connection_send(DBusConnection *conn, DBusMessage *message,
					dbus_uint32_t *serial)
{
	(void)conn;
	(void)serial;
	if (fails())
		return FALSE;
	sent = dbus_message_ref(message);
	return TRUE;
}

static struct pl_bus *bus;
static struct event_base *base;
static struct pl_caller_id who;
static int session_fd, socket_fd;

static int setup_bus(void **state)
{
	struct pl_session_wish wish = { .uid = UID };
	struct pl_tuple tuple = flow(0);

	setup(state);
	base = event_base_new();
	bus = pl_bus_new(&fake.conf, NULL, NULL);
	assert_non_null(bus);
	assert_int_equal(pl_bus_attach(bus, base, "unix:path=/nonexistent", fake.engine), 0);
	/* the bus is there, and looked for no more */
	event_del(bus->retry);
	bus->conn = (DBusConnection *)&bus;
	who = (struct pl_caller_id) { .uid = UID };
	assert_int_equal(pl_session_open(bus->sessions, &wish, &who.session, &session_fd), 0);
	socket_fd = dup(session_fd);
	fake.socket = (struct pl_socket_facts) {
		.tuple = tuple, .cookie = 4711, .is_internet = true, .is_here = true,
	};
	memset(fake.socket.tuple.remote, 0, sizeof(fake.socket.tuple.remote));
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	return 0;
}

static int teardown_bus(void **state)
{
	bus->conn = NULL;
	pl_bus_free(bus);
	event_base_free(base);
	close(session_fd);
	close(socket_fd);
	return teardown(state);
}

static DBusMessage *message_of(const char *member)
{
	DBusMessage *message = dbus_message_new_method_call("a.b", PL_BUS_PATH, PL_BUS_INTERFACE,
							    member);
	DBusMessageIter at, dict;

	assert_non_null(message);
	dbus_message_set_serial(message, 7);
	assert_true(dbus_message_set_sender(message, ":1.1"));
	dbus_message_iter_init_append(message, &at);
	assert_true(dbus_message_iter_append_basic(&at, DBUS_TYPE_UNIX_FD, &socket_fd));
	assert_true(dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "{sv}", &dict));
	assert_true(dbus_message_iter_close_container(&at, &dict));
	return message;
}

/* Return: the last answer said success. */
static bool take_answer(void)
{
	bool is_success = sent != NULL &&
			  dbus_message_get_type(sent) == DBUS_MESSAGE_TYPE_METHOD_RETURN;

	countdown = 0;
	if (sent != NULL)
		dbus_message_unref(sent);
	sent = NULL;
	return is_success;
}

static bool settle(const struct pl_alert *alert, unsigned fail_at)
{
	countdown = fail_at;
	pl_call_settle(bus, alert);
	return take_answer();
}

/* Return: it was answered with success. */
static bool ask(const char *member, unsigned fail_at)
{
	DBusMessage *message = message_of(member);
	struct pl_call *call = pl_call_new(message, pl_member_find(NULL, member),
					   &fake.conf.limits);

	assert_non_null(call);
	assert_int_equal(call->error, 0);
	dbus_message_unref(message);
	fake.looks = 0;
	fake.socket_again = fake.socket;
	countdown = fail_at;
	pl_call_finish(bus, &who, call);
	return take_answer();
}

/* Latches that their owner could release. */
static unsigned nr_held(void)
{
	const struct pl_latch *latch;
	unsigned nr = 0;

	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; ) {
		at = latch->id;
		nr += pl_state_shown(latch->state) != PL_STATE_CLOSED;
	}
	return nr;
}

/* Return: how many latches were made in the end. */
static unsigned fail_at_each_place(const char *member)
{
	unsigned at = 0, held = nr_held();
	struct harm harm = { 0 };
	bool is_told;

	do {
		is_told = ask(member, ++at);
		if (!is_told) {
			assert_int_equal(nr_held(), held);
			count_harm(&harm);
		}
		assert_safe();
		assert_in_range(at, 1, 500);
	} while (!is_told);
	/* the answer, what it says, and its way */
	assert_in_range(at, 6, 500);
	judge_harm("22 the k-th allocation fails", &harm);
	return nr_held() - held;
}

static void who_is_not_told_of_a_latch_has_none(void **state)
{
	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	fake.socket.tuple = flow(5000);
	fake.socket.is_connected = true;
	assert_int_equal(fail_at_each_place("Latch"), 1);
}

static void who_is_not_told_of_a_listener_has_none(void **state)
{
	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	fake.socket.tuple = (struct pl_tuple) {
		.af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 4000,
	};
	assert_int_equal(fail_at_each_place("Listen"), 2);
}

static void who_is_not_told_of_an_accepted_connection_leaves_it_guarded(void **state)
{
	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_true(ask("Listen", 0));
	fake.socket.tuple = flow(5000);
	fake.socket.is_connected = true;
	assert_int_equal(fail_at_each_place("Latch"), 1);
}

/* The engine is at work when it says that the SAs are there, and may not be called. */
static void who_waited_and_is_not_told_has_no_latch_either(void **state)
{
	struct pl_alert alert = { .from = PL_STATE_LARVAL, .to = PL_STATE_ESTABLISHED };
	struct harm harm = { 0 };
	bool is_told;
	unsigned at = 0;

	(void)state;
	fake.socket.tuple = flow(5000);
	fake.socket.is_connected = true;
	do {
		assert_false(ask("Latch", 0));
		assert_false(TAILQ_EMPTY(&bus->waiting));
		alert.id = TAILQ_FIRST(&bus->waiting)->larva;
		assert_int_equal(install(child(++at, who_b, REQID_B)), PL_VERDICT_ACCEPT);
		assert_int_equal(state_of(alert.id), PL_STATE_ESTABLISHED);
		is_told = settle(&alert, at);
		assert_int_equal(state_of(alert.id), PL_STATE_ESTABLISHED);
		assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
		assert_int_equal(nr_held(), is_told);
		if (!is_told)
			count_harm(&harm);
		assert_safe();
		down(at);
		fake.is_gone = true;
		pl_engine_tick(fake.engine);
		fake.is_gone = false;
		assert_in_range(at, 1, 500);
	} while (!is_told);
	assert_in_range(at, 6, 500);
	judge_harm("22 the k-th allocation fails", &harm);
}

static void who_left_the_bus_has_no_latch_either(void **state)
{
	struct harm harm = { 0 };

	(void)state;
	assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	bus->conn = NULL;
	fake.socket.tuple = flow(5000);
	fake.socket.is_connected = true;
	assert_false(ask("Latch", 0));
	assert_int_equal(nr_held(), 0);
	count_harm(&harm);
	/* and what it latched stays guarded while it has the socket */
	assert_int_equal(fake.nr_items, 3);
	judge_harm("13 an owner dies between call and answer", &harm);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_bus, teardown_bus)
	const struct CMUnitTest tests[] = {
		TEST(who_is_not_told_of_a_latch_has_none),
		TEST(who_is_not_told_of_a_listener_has_none),
		TEST(who_is_not_told_of_an_accepted_connection_leaves_it_guarded),
		TEST(who_waited_and_is_not_told_has_no_latch_either),
		TEST(who_left_the_bus_has_no_latch_either),
	};
#undef TEST

	return cmocka_run_group_tests_name("bus_memory", tests, NULL, NULL);
}
