/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The life of the connection to the bus. IKE runs whether or not there is a bus, so nothing here
 * waits: the greeting and the request for the name are messages like others, a bus that is absent,
 * hangs or goes is left alone and looked for again, ever more rarely.
 *
 * Invariants:
 * - libdbus's own ways of registering, which block or end the process, are not used.
 * - The connection is given up from the event loop only, between two messages.
 * - Sessions do not depend on the bus: who holds the descriptor is told.
 */

#include "bus/pl_bus_impl.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The specification's; packagers may give another one. */
#ifndef PL_BUS_SYSTEM_ADDRESS
#define PL_BUS_SYSTEM_ADDRESS "unix:path=/run/dbus/system_bus_socket"
#endif

enum {
	RETRY_FIRST_MS = 50,
	RETRY_LAST_MS = 10000,
	LOG_LINES = 50,			/* in each second, of each budget */
	RECEIVED_MAX = 4 << 20,		/* bytes of requests that are read ahead */
	RECEIVED_FDS_MAX = 64,
};

#define MATCH_GONE "type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS "'," \
	"interface='" DBUS_INTERFACE_DBUS "',member='NameOwnerChanged',arg2=''"

/* Whoever decides how much there is to say, does not decide how much is said. */
static bool may_say(struct pl_bus_budget *budget, bool *ret_is_last)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != budget->second) {
		budget->second = now.tv_sec;
		budget->nr_lines = 0;
	}
	*ret_is_last = ++budget->nr_lines == LOG_LINES;
	return budget->nr_lines <= LOG_LINES;
}

static void __attribute__((format(printf, 3, 0)))
say(struct pl_bus *bus, struct pl_bus_budget *budget, const char *format, va_list args)
{
	char text[1024] = "bus: ";
	size_t len = strlen(text);
	bool is_last;

	if (bus->log == NULL || !may_say(budget, &is_last))
		return;
	vsnprintf(text + len, sizeof(text) - len, format, args);
	bus->log(bus->log_ctx, text);
	if (is_last)
		bus->log(bus->log_ctx, "bus: further lines of this second are left out");
}

void pl_bus_say(struct pl_bus *bus, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(bus, &bus->of_clients, format, args);
	va_end(args);
}

void pl_bus_note(struct pl_bus *bus, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(bus, &bus->of_latches, format, args);
	va_end(args);
}

static void say_session(void *ctx, const char *text)
{
	pl_bus_say(ctx, "%s", text);
}

bool pl_bus_send(struct pl_bus *bus, DBusMessage *message)
{
	bool is_sent;

	if (message == NULL)
		return false;
	is_sent = bus->conn != NULL && dbus_connection_get_is_connected(bus->conn) &&
		  dbus_connection_send(bus->conn, message, NULL);
	dbus_message_unref(message);
	return is_sent;
}

int pl_bus_call(struct pl_bus *bus, DBusMessage *message, int ms, pl_bus_done *done,
		void *ctx, DBusPendingCall **ret)
{
	DBusPendingCall *pending = NULL;
	bool is_sent = message != NULL && bus->conn != NULL &&
		dbus_connection_send_with_reply(bus->conn, message, &pending, ms) &&
		pending != NULL && dbus_pending_call_set_notify(pending, done, ctx, NULL);

	if (message != NULL)
		dbus_message_unref(message);
	if (!is_sent && pending != NULL) {
		dbus_pending_call_cancel(pending);
		dbus_pending_call_unref(pending);
	}
	if (!is_sent)
		return -ENOMEM;
	if (ret != NULL)
		*ret = pending;
	else
		dbus_pending_call_unref(pending);
	return 0;
}

/* Giving up, and trying again */

static void retry_later(struct pl_bus *bus)
{
	struct timeval when = {
		.tv_sec = bus->retry_ms / 1000, .tv_usec = (bus->retry_ms % 1000) * 1000,
	};

	event_add(bus->retry, &when);
	bus->retry_ms = bus->retry_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : bus->retry_ms * 2;
}

static void drop(struct pl_call_list *calls)
{
	struct pl_call *call;

	while ((call = TAILQ_FIRST(calls)) != NULL) {
		TAILQ_REMOVE(calls, call, next);
		pl_call_free(call);
	}
}

static void disconnect(struct pl_bus *bus)
{
	DBusConnection *conn = bus->conn;

	bus->conn = NULL;
	bus->is_serving = false;
	bus->is_lost = false;
	pl_subscribers_clear(bus->subscribers);
	pl_callers_clear(bus->callers);
	drop(&bus->ready);
	drop(&bus->waiting);
	bus->loop = pl_bus_loop_free(bus->loop);
	if (conn != NULL)
		dbus_connection_unref(conn);
}

/* @why: said once, until the bus is back */
static void give_up(struct pl_bus *bus, const char *why)
{
	if (!bus->is_mute)
		pl_bus_say(bus, "no bus: %s; looking for it again", why);
	bus->is_mute = true;
	bus->is_lost = true;
}

/* Messages */

static DBusMessage *message_to_bus(const char *method)
{
	return dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
					    DBUS_INTERFACE_DBUS, method);
}

static void serve(struct pl_bus *bus)
{
	if (bus->is_serving)
		return;
	bus->is_serving = true;
	bus->is_mute = false;
	bus->retry_ms = RETRY_FIRST_MS;
	pl_bus_say(bus, "serving " PL_BUS_NAME);
}

static void on_name(DBusPendingCall *pending, void *ctx)
{
	struct pl_bus *bus = ctx;
	DBusMessage *answer = dbus_pending_call_steal_reply(pending);
	dbus_uint32_t result = 0;

	if (answer == NULL)
		return;
	if (dbus_message_get_type(answer) == DBUS_MESSAGE_TYPE_ERROR)
		give_up(bus, "it does not let us own " PL_BUS_NAME);
	else if (!dbus_message_get_args(answer, NULL, DBUS_TYPE_UINT32, &result,
					DBUS_TYPE_INVALID))
		give_up(bus, "its answer makes no sense");
	else if (result == DBUS_REQUEST_NAME_REPLY_IN_QUEUE)
		pl_bus_say(bus, "somebody else owns " PL_BUS_NAME "; waiting for it");
	else
		serve(bus);
	dbus_message_unref(answer);
}

static void request_name(struct pl_bus *bus)
{
	const char *name = PL_BUS_NAME;
	dbus_uint32_t flags = 0;
	DBusMessage *message = message_to_bus("RequestName");

	if (message != NULL && !dbus_message_append_args(message, DBUS_TYPE_STRING, &name,
							 DBUS_TYPE_UINT32, &flags,
							 DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		message = NULL;
	}
	/* With no place for an error, this sends and does not wait. */
	dbus_bus_add_match(bus->conn, MATCH_GONE, NULL);
	if (pl_bus_call(bus, message, PL_BUS_CALL_MS, on_name, bus, NULL) != 0)
		give_up(bus, "no memory");
}

static void on_hello(DBusPendingCall *pending, void *ctx)
{
	struct pl_bus *bus = ctx;
	DBusMessage *answer = dbus_pending_call_steal_reply(pending);
	const char *name;

	if (answer == NULL)
		return;
	if (dbus_message_get_type(answer) == DBUS_MESSAGE_TYPE_ERROR)
		give_up(bus, "it does not welcome us");
	else if (!dbus_message_get_args(answer, NULL, DBUS_TYPE_STRING, &name,
					DBUS_TYPE_INVALID) ||
		 !dbus_bus_set_unique_name(bus->conn, name))
		give_up(bus, "its greeting makes no sense");
	else
		request_name(bus);
	dbus_message_unref(answer);
}

static void on_gone(struct pl_bus *bus, DBusMessage *signal)
{
	const char *name, *before, *after;

	if (dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
				  DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID) &&
	    name[0] == ':' && after[0] == '\0') {
		pl_subscriber_gone(bus->subscribers, name);
		pl_callers_gone(bus->callers, name);
	}
}

static bool is_our_name(DBusMessage *signal)
{
	const char *name;

	return dbus_message_get_args(signal, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
	       strcmp(name, PL_BUS_NAME) == 0;
}

/* Signals; whatever else comes goes its way. */
static DBusHandlerResult filter(DBusConnection *conn, DBusMessage *message, void *ctx)
{
	struct pl_bus *bus = ctx;

	(void)conn;
	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		give_up(bus, "it is gone, or was never there");
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (!dbus_message_has_sender(message, DBUS_SERVICE_DBUS))
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
		on_gone(bus, message);
	else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameAcquired") &&
		 is_our_name(message))
		serve(bus);
	else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameLost") &&
		 is_our_name(message))
		give_up(bus, "somebody took " PL_BUS_NAME " away");
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

/* Calls of our object. What is not ours is answered by libdbus: UnknownMethod. */
static DBusHandlerResult on_call(DBusConnection *conn, DBusMessage *message, void *ctx)
{
	struct pl_bus *bus = ctx;
	const struct pl_member *member;
	struct pl_call *call;

	(void)conn;
	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL ||
	    dbus_message_get_sender(message) == NULL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	member = pl_member_find(dbus_message_get_interface(message),
				dbus_message_get_member(message));
	if (member == NULL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	call = pl_call_new(message, member, &bus->conf->limits);
	/* Without memory for the call there is none for an answer either. */
	if (call == NULL)
		return DBUS_HANDLER_RESULT_HANDLED;
	if (call->error != 0)
		TAILQ_INSERT_TAIL(&bus->ready, call, next);
	else
		pl_callers_ask(bus->callers, call);
	return DBUS_HANDLER_RESULT_HANDLED;
}

static void run_ready(struct pl_bus *bus)
{
	struct pl_call *call;

	while ((call = TAILQ_FIRST(&bus->ready)) != NULL) {
		const struct pl_caller_id *who = pl_callers_id(bus->callers, call->sender);

		TAILQ_REMOVE(&bus->ready, call, next);
		if (who == NULL && call->error == 0)
			pl_call_free(call);
		else
			pl_call_finish(bus, who, call);
	}
}

/* Nobody can be told the id of a latch that he asked for. */
static void give_back(struct pl_bus *bus, struct pl_call_list *calls)
{
	struct pl_call *call;

	while ((call = TAILQ_FIRST(calls)) != NULL) {
		TAILQ_REMOVE(calls, call, next);
		pl_call_give_back(bus, call);
	}
}

static void on_undo(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_bus *bus = ctx;

	(void)fd;
	(void)what;
	give_back(bus, &bus->untold);
}

void pl_bus_give_back_later(struct pl_bus *bus, struct pl_call *call)
{
	TAILQ_INSERT_TAIL(&bus->untold, call, next);
	event_active(bus->undo, EV_TIMEOUT, 0);
}

/* The message is let go by now, and with it its descriptors. */
static int turn(void *ctx)
{
	struct pl_bus *bus = ctx;

	if (!bus->is_lost) {
		run_ready(bus);
		return 0;
	}
	give_back(bus, &bus->waiting);
	disconnect(bus);
	retry_later(bus);
	return 1;
}

/* Connecting */

static int set_up(struct pl_bus *bus)
{
	static const DBusObjectPathVTable calls = { .message_function = on_call };

	dbus_connection_set_exit_on_disconnect(bus->conn, FALSE);
	dbus_connection_set_max_received_size(bus->conn, RECEIVED_MAX);
	dbus_connection_set_max_received_unix_fds(bus->conn, RECEIVED_FDS_MAX);
	bus->loop = pl_bus_loop_new(bus->base, bus->conn, turn, bus);
	if (bus->loop == NULL)
		return -ENOMEM;
	if (!dbus_connection_add_filter(bus->conn, filter, bus, NULL) ||
	    !dbus_connection_register_object_path(bus->conn, PL_BUS_PATH, &calls, bus))
		return -ENOMEM;
	return pl_bus_call(bus, message_to_bus("Hello"), PL_BUS_CALL_MS, on_hello, bus, NULL);
}

static void fail(struct pl_bus *bus, const char *why)
{
	give_up(bus, why);
	disconnect(bus);
	retry_later(bus);
}

static void on_probed(void *ctx, const char *fault)
{
	struct pl_bus *bus = ctx;

	bus->probe = pl_bus_probe_free(bus->probe);
	if (fault == NULL) {
		bus->conn = dbus_connection_open_private(bus->address, NULL);
		fault = bus->conn == NULL ? "it does not accept connections" : NULL;
	}
	if (fault == NULL && set_up(bus) != 0) {
		/* Closing is the loop's; without one nobody else would. */
		if (bus->loop == NULL)
			dbus_connection_close(bus->conn);
		fault = "no memory";
	}
	if (fault != NULL)
		fail(bus, fault);
}

static void try_connect(struct pl_bus *bus)
{
	const char *fault = pl_bus_probe_new(bus->base, bus->address, on_probed, bus,
					     &bus->probe);

	if (fault != NULL)
		fail(bus, fault);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	try_connect(ctx);
}

/* The public face */

struct pl_bus *pl_bus_new(const struct pl_conf *conf, pl_bus_log *log, void *ctx)
{
	struct pl_bus *bus = calloc(1, sizeof(*bus));

	if (bus == NULL)
		return NULL;
	TAILQ_INIT(&bus->ready);
	TAILQ_INIT(&bus->waiting);
	TAILQ_INIT(&bus->untold);
	bus->conf = conf;
	bus->log = log;
	bus->log_ctx = ctx;
	bus->retry_ms = RETRY_FIRST_MS;
	/* The signals of this process are pluto's. */
	dbus_connection_set_change_sigpipe(FALSE);
	bus->sessions = pl_sessions_new(conf, say_session, bus);
	bus->callers = pl_callers_new(bus);
	bus->subscribers = pl_subscribers_new(bus);
	if (bus->sessions == NULL || bus->callers == NULL || bus->subscribers == NULL)
		return pl_bus_free(bus);
	return bus;
}

void pl_bus_on_reload(struct pl_bus *bus, pl_bus_reload *reload, void *ctx)
{
	bus->reload = reload;
	bus->reload_ctx = ctx;
}

int pl_bus_attach(struct pl_bus *bus, struct event_base *base, const char *address,
		  struct pl_engine *engine)
{
	if (address == NULL)
		address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (address == NULL)
		address = PL_BUS_SYSTEM_ADDRESS;
	bus->base = base;
	bus->engine = engine;
	bus->address = strdup(address);
	bus->retry = event_new(base, -1, 0, on_retry, bus);
	bus->undo = event_new(base, -1, 0, on_undo, bus);
	if (bus->address == NULL || bus->retry == NULL || bus->undo == NULL ||
	    pl_sessions_attach(bus->sessions, base, engine) != 0 ||
	    pl_subscribers_attach(bus->subscribers, base) != 0)
		return -ENOMEM;
	try_connect(bus);
	return 0;
}

bool pl_bus_is_serving(const struct pl_bus *bus)
{
	return bus->is_serving;
}

struct pl_bus *pl_bus_free(struct pl_bus *bus)
{
	if (bus == NULL)
		return NULL;
	pl_bus_probe_free(bus->probe);
	if (bus->callers != NULL && bus->subscribers != NULL)
		disconnect(bus);
	pl_subscribers_free(bus->subscribers);
	pl_sessions_free(bus->sessions);
	pl_callers_free(bus->callers);
	if (bus->retry != NULL)
		event_free(bus->retry);
	if (bus->undo != NULL)
		event_free(bus->undo);
	drop(&bus->untold);
	free(bus->address);
	free(bus);
	return NULL;
}

static enum pl_told alert(void *ctx, const struct pl_owner *owner, const struct pl_alert *what)
{
	struct pl_bus *bus = ctx;
	enum pl_told told = pl_sessions_alert(bus->sessions, owner, what);

	bus->tally.alerts += told == PL_TOLD_RECORD;
	bus->tally.eofs += told == PL_TOLD_EOF;
	return told;
}

static enum pl_told remind(void *ctx, const struct pl_owner *owner, const struct pl_alert *what)
{
	struct pl_bus *bus = ctx;

	return pl_sessions_remind(bus->sessions, owner, what);
}

/* Breaks and what ends them; what administrators do is said with their uid. */
static bool is_security_event(enum pl_event event)
{
	switch (event) {
	case PL_EVENT_CREATED_BROKEN:
	case PL_EVENT_ACCEPTED_BROKEN:
	case PL_EVENT_CONFLICT_SA:
	case PL_EVENT_CONFLICT_SPD:
	case PL_EVENT_PEER_DEAD:
	case PL_EVENT_CLEARED:
	case PL_EVENT_RESTORED:
	case PL_EVENT_LOST:
		return true;
	default:
		return false;
	}
}

static void note(struct pl_bus *bus, const struct pl_alert *what)
{
	char tuple[PL_TUPLE_TEXT_MAX], who[32] = "";
	const struct pl_latch *latch;

	/* A look is all that is allowed from within an op. */
	if (bus->engine != NULL && pl_engine_inquire(bus->engine, NULL, what->id, &latch) == 0)
		snprintf(who, sizeof(who), " of uid %u", latch->owner.uid);
	pl_bus_note(bus, "latch %llu%s, %s: %s, %s %s%s%s", (unsigned long long)what->id, who,
		    pl_tuple_text(&what->tuple, tuple), pl_event_name(what->event),
		    pl_state_shown(what->from) == pl_state_shown(what->to) ? "still" : "now",
		    pl_state_name(pl_state_shown(what->to)), what->reason == NULL ? "" : ": ",
		    what->reason == NULL ? "" : what->reason);
}

static void watch(void *ctx, const struct pl_alert *what)
{
	struct pl_bus *bus = ctx;

	if ((unsigned)what->event < PL_EVENT_ROOF)
		bus->tally.events[what->event]++;
	/* What is broken already does not break again, whatever else happens to it. */
	if (is_security_event(what->event) && what->from != what->to)
		note(bus, what);
	pl_sessions_watch(bus->sessions, what);
	pl_subscribers_watch(bus->subscribers, what);
	pl_call_settle(bus, what);
}

const struct pl_owner_ops *pl_bus_owner_ops(void)
{
	static const struct pl_owner_ops ops = {
		.alert = alert, .watch = watch, .remind = remind,
	};

	return &ops;
}
