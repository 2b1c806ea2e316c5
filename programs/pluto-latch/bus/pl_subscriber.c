/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Signals: Changed and Lost for those who subscribed, and Summary for everybody.
 *
 * A bus queues for a receiver that does not read, without a limit that would be ours, and its whole
 * queue for us is one. So each subscriber has a window: after some signals it is pinged, as a
 * library answers by itself, and nothing more is sent to it before it has answered. What happens
 * meanwhile is kept here, each latch once, from its oldest state to its newest.
 *
 * Invariants:
 * - A subscriber costs at most PENDING_MAX changes here and WINDOW signals in the bus, whatever
 *   happens and however slowly it reads. What is more is one Lost.
 * - Signals are gathered: many latches that change together are few messages.
 * - Nobody is told of a latch that he may not see.
 * - Pings without an answer leave enough of what a bus lets us wait for to other questions, also if
 *   somebody subscribes again and again.
 */

#include "bus/pl_subscriber.h"

#include "bus/pl_bus_impl.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <dbus/dbus.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

enum {
	GATHER_MS = 50,		/* from a change to its signal */
	BATCH = 200,		/* changes in one signal */
	WINDOW = 4,		/* signals before a ping */
	PENDING_MAX = 1024,	/* changes that wait */
	PINGS_OF_UID = 8,	/* a bus lets us wait for 128 answers */
	PINGS_MAX = 64,
	SUMMARY_MS = 1000,
	RETRY_MS = 5000,	/* the bus refused a ping */
	OUTGOING_MAX = 4 << 20,	/* bytes that wait for the bus */
};

struct change {
	RB_ENTRY(change) by_id;
	TAILQ_ENTRY(change) next;
	uint64_t id, generation;
	enum pl_state from, to;
	enum pl_event cause;
};

RB_HEAD(change_tree, change);
TAILQ_HEAD(change_list, change);

struct subscriber {
	RB_ENTRY(subscriber) by_name;
	struct pl_subscribers *all;
	DBusPendingCall *ping;		/* NULL: it has answered the last one */
	struct change_tree changes;
	struct change_list order;	/* the oldest first */
	unsigned nr_changes;
	unsigned nr_sent;		/* signals since it answered */
	uint32_t uid;
	bool is_all;
	bool is_lost;
	bool is_ended;			/* it unsubscribed, and its ping has no answer */
	char *name;
};

static int compare_id(const struct change *a, const struct change *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_name(const struct subscriber *a, const struct subscriber *b)
{
	return strcmp(a->name, b->name);
}

RB_HEAD(subscriber_tree, subscriber);
/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(change_tree, change, by_id, compare_id, OURS)
RB_GENERATE_INTERNAL(subscriber_tree, subscriber, by_name, compare_name, OURS)

struct pl_subscribers {
	struct pl_bus *bus;
	struct subscriber_tree tree;
	struct event *gather, *retry;
	struct event *summary;		/* pending: one was sent less than SUMMARY_MS ago */
	bool is_stale;			/* states changed since the last Summary */
	unsigned nr_pings;
};

/* Changes that wait */

static void forget_change(struct subscriber *one, struct change *change)
{
	RB_REMOVE(change_tree, &one->changes, change);
	TAILQ_REMOVE(&one->order, change, next);
	one->nr_changes--;
	free(change);
}

static void forget_changes(struct subscriber *one)
{
	struct change *change;

	while ((change = TAILQ_FIRST(&one->order)) != NULL)
		forget_change(one, change);
}

static void lose(struct subscriber *one)
{
	forget_changes(one);
	one->is_lost = true;
}

static void put_change(struct subscriber *one, const struct pl_alert *alert)
{
	struct change key = { .id = alert->id };
	struct change *change = RB_FIND(change_tree, &one->changes, &key);

	if (change == NULL) {
		change = one->nr_changes == PENDING_MAX ? NULL : calloc(1, sizeof(*change));
		if (change == NULL) {
			lose(one);
			return;
		}
		change->id = alert->id;
		change->from = alert->from;
		RB_INSERT(change_tree, &one->changes, change);
		TAILQ_INSERT_TAIL(&one->order, change, next);
		one->nr_changes++;
	}
	change->to = alert->to;
	change->cause = alert->event;
	change->generation = alert->generation;
}

/* Messages */

static const struct pl_signal signals[] = {
	[PL_SIGNAL_CHANGED] = { "Changed", "a(tssst)" },
	[PL_SIGNAL_LOST] = { "Lost", "t" },
	[PL_SIGNAL_SUMMARY] = { "Summary", "a{su}" },
};

const struct pl_signal *pl_signal_at(unsigned at)
{
	return at < PL_SIGNAL_ROOF ? &signals[at] : NULL;
}

static DBusMessage *signal_new(enum pl_signal_kind kind, const char *to)
{
	DBusMessage *signal = dbus_message_new_signal(PL_BUS_PATH, PL_BUS_INTERFACE,
						      signals[kind].name);

	if (signal == NULL || to == NULL || dbus_message_set_destination(signal, to))
		return signal;
	dbus_message_unref(signal);
	return NULL;
}

static bool append_change(DBusMessageIter *array, const struct change *change)
{
	const char *from = pl_state_name(pl_state_shown(change->from));
	const char *to = pl_state_name(change->to == PL_STATE_GONE ? PL_STATE_NONE :
								     pl_state_shown(change->to));
	const char *cause = pl_event_name(change->cause);
	DBusMessageIter at;

	if (!dbus_message_iter_open_container(array, DBUS_TYPE_STRUCT, NULL, &at))
		return false;
	if (dbus_message_iter_append_basic(&at, DBUS_TYPE_UINT64, &change->id) &&
	    dbus_message_iter_append_basic(&at, DBUS_TYPE_STRING, &from) &&
	    dbus_message_iter_append_basic(&at, DBUS_TYPE_STRING, &to) &&
	    dbus_message_iter_append_basic(&at, DBUS_TYPE_STRING, &cause) &&
	    dbus_message_iter_append_basic(&at, DBUS_TYPE_UINT64, &change->generation))
		return dbus_message_iter_close_container(array, &at);
	dbus_message_iter_abandon_container(array, &at);
	return false;
}

static bool append_changes(struct subscriber *one, DBusMessage *signal)
{
	DBusMessageIter at, array;
	struct change *change;
	unsigned nr = 0;

	dbus_message_iter_init_append(signal, &at);
	if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY,
					      signals[PL_SIGNAL_CHANGED].signature + 1, &array))
		return false;
	TAILQ_FOREACH(change, &one->order, next) {
		if (nr++ == BATCH)
			break;
		if (!append_change(&array, change)) {
			dbus_message_iter_abandon_container(&at, &array);
			return false;
		}
	}
	return dbus_message_iter_close_container(&at, &array);
}

static bool send_changes(struct subscriber *one)
{
	DBusMessage *signal = signal_new(PL_SIGNAL_CHANGED, one->name);

	if (signal != NULL && !append_changes(one, signal)) {
		dbus_message_unref(signal);
		signal = NULL;
	}
	if (!pl_bus_send(one->all->bus, signal))
		return false;
	for (unsigned nr = 0; nr < BATCH && one->nr_changes > 0; nr++)
		forget_change(one, TAILQ_FIRST(&one->order));
	return true;
}

static bool send_lost(struct subscriber *one)
{
	DBusMessage *signal = signal_new(PL_SIGNAL_LOST, one->name);
	uint64_t generation = pl_engine_generation(one->all->bus->engine);

	if (signal != NULL && !dbus_message_append_args(signal, DBUS_TYPE_UINT64, &generation,
							DBUS_TYPE_INVALID)) {
		dbus_message_unref(signal);
		signal = NULL;
	}
	return pl_bus_send(one->all->bus, signal);
}

/* The window */

static void gather(struct pl_subscribers *all)
{
	static const struct timeval in = { .tv_usec = GATHER_MS * 1000 };

	if (all->gather != NULL && !event_pending(all->gather, EV_TIMEOUT, NULL))
		event_add(all->gather, &in);
}

static unsigned pings_of(const struct pl_subscribers *all, uint32_t uid)
{
	struct subscriber *one;
	unsigned nr = 0;

	RB_FOREACH(one, subscriber_tree, (struct subscriber_tree *)&all->tree)
		nr += one->uid == uid && one->ping != NULL;
	return nr;
}

static void end_ping(struct subscriber *one)
{
	if (one->ping == NULL)
		return;
	dbus_pending_call_cancel(one->ping);
	dbus_pending_call_unref(one->ping);
	one->ping = NULL;
	one->all->nr_pings--;
}

static void end(struct subscriber *one);

/* An error is an answer as well, if it is the subscriber's: it has read what came before. */
static void on_ping(DBusPendingCall *pending, void *ctx)
{
	static const struct timeval later = { .tv_sec = RETRY_MS / 1000 };
	struct subscriber *one = ctx;
	struct pl_subscribers *all = one->all;
	DBusMessage *answer = dbus_pending_call_steal_reply(pending);

	end_ping(one);
	if (answer != NULL && dbus_message_has_sender(answer, one->name)) {
		one->nr_sent = 0;
		gather(all);
	} else if (!event_pending(all->retry, EV_TIMEOUT, NULL)) {
		event_add(all->retry, &later);
	}
	if (answer != NULL)
		dbus_message_unref(answer);
	if (one->is_ended)
		end(one);
}

static void ping(struct subscriber *one)
{
	struct pl_subscribers *all = one->all;
	DBusMessage *message;

	if (one->ping != NULL || all->nr_pings >= PINGS_MAX ||
	    pings_of(all, one->uid) >= PINGS_OF_UID)
		return;
	message = dbus_message_new_method_call(one->name, "/", DBUS_INTERFACE_PEER, "Ping");
	if (pl_bus_call(all->bus, message, DBUS_TIMEOUT_INFINITE, on_ping, one, &one->ping) == 0)
		all->nr_pings++;
}

/* Replies come first: what waits is told later, and shorter. */
static bool may_send(const struct pl_subscribers *all)
{
	return all->bus->conn != NULL &&
	       dbus_connection_get_outgoing_size(all->bus->conn) <= OUTGOING_MAX;
}

static void send_some(struct subscriber *one)
{
	while (one->nr_sent < WINDOW && (one->is_lost || one->nr_changes > 0)) {
		/* What was lost is older than what waits. */
		bool is_sent = may_send(one->all) &&
			       (one->is_lost ? send_lost(one) : send_changes(one));

		if (!is_sent) {
			gather(one->all);
			return;
		}
		one->is_lost = false;
		one->nr_sent++;
	}
	if (one->nr_sent == WINDOW)
		ping(one);
}

static void on_gather(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_subscribers *all = ctx;
	struct subscriber *one;

	(void)fd;
	(void)what;
	if (!all->bus->is_serving)
		return;
	RB_FOREACH(one, subscriber_tree, &all->tree)
		send_some(one);
}

/* Summary */

static bool append_state(DBusMessageIter *dict, const char *name, dbus_uint32_t count)
{
	DBusMessageIter entry;

	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return false;
	if (dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) &&
	    dbus_message_iter_append_basic(&entry, DBUS_TYPE_UINT32, &count))
		return dbus_message_iter_close_container(dict, &entry);
	dbus_message_iter_abandon_container(dict, &entry);
	return false;
}

static bool append_states(const struct pl_engine *engine, DBusMessage *signal)
{
	DBusMessageIter at, dict;

	dbus_message_iter_init_append(signal, &at);
	if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY,
					      signals[PL_SIGNAL_SUMMARY].signature + 1, &dict))
		return false;
	for (enum pl_state state = PL_STATE_UNBORN; state < PL_STATE_ROOF; state++) {
		if (pl_state_shown(state) == state &&
		    !append_state(&dict, pl_state_name(state), pl_engine_latches(engine, state))) {
			dbus_message_iter_abandon_container(&at, &dict);
			return false;
		}
	}
	return dbus_message_iter_close_container(&at, &dict);
}

static void on_summary(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval next = { .tv_sec = SUMMARY_MS / 1000 };
	struct pl_subscribers *all = ctx;
	DBusMessage *signal;

	(void)fd;
	(void)what;
	if (!all->is_stale || !all->bus->is_serving)
		return;
	signal = signal_new(PL_SIGNAL_SUMMARY, NULL);
	if (signal != NULL && !append_states(all->bus->engine, signal)) {
		dbus_message_unref(signal);
		signal = NULL;
	}
	if (pl_bus_send(all->bus, signal))
		all->is_stale = false;
	event_add(all->summary, &next);
}

/* Gathered as well, so that the first one tells of all that changes together. */
static void stale(struct pl_subscribers *all)
{
	static const struct timeval in = { .tv_usec = GATHER_MS * 1000 };

	all->is_stale = true;
	if (all->summary != NULL && !event_pending(all->summary, EV_TIMEOUT, NULL))
		event_add(all->summary, &in);
}

/* The public face */

struct pl_subscribers *pl_subscribers_new(struct pl_bus *bus)
{
	struct pl_subscribers *all = calloc(1, sizeof(*all));

	if (all != NULL) {
		all->bus = bus;
		RB_INIT(&all->tree);
	}
	return all;
}

int pl_subscribers_attach(struct pl_subscribers *all, struct event_base *base)
{
	all->gather = event_new(base, -1, 0, on_gather, all);
	all->retry = event_new(base, -1, 0, on_gather, all);
	all->summary = event_new(base, -1, 0, on_summary, all);
	if (all->gather == NULL || all->retry == NULL || all->summary == NULL)
		return -ENOMEM;
	if (all->is_stale)
		stale(all);
	return 0;
}

static void end(struct subscriber *one)
{
	struct pl_subscribers *all = one->all;

	end_ping(one);
	forget_changes(one);
	RB_REMOVE(subscriber_tree, &all->tree, one);
	pl_usage_give_back(pl_sessions_usage(all->bus->sessions), one->uid,
			   PL_LIMIT_SUBSCRIPTIONS);
	free(one->name);
	free(one);
	/* Somebody waits for its place among the pings, perhaps. */
	gather(all);
}

void pl_subscribers_clear(struct pl_subscribers *all)
{
	struct subscriber *one;

	while ((one = RB_MIN(subscriber_tree, &all->tree)) != NULL)
		end(one);
}

struct pl_subscribers *pl_subscribers_free(struct pl_subscribers *all)
{
	if (all == NULL)
		return NULL;
	pl_subscribers_clear(all);
	if (all->gather != NULL)
		event_free(all->gather);
	if (all->retry != NULL)
		event_free(all->retry);
	if (all->summary != NULL)
		event_free(all->summary);
	free(all);
	return NULL;
}

static struct subscriber *find(const struct pl_subscribers *all, const char *name)
{
	struct subscriber key = { .name = (char *)name };

	return RB_FIND(subscriber_tree, (struct subscriber_tree *)&all->tree, &key);
}

static struct subscriber *subscriber_new(struct pl_subscribers *all, const char *name)
{
	struct subscriber *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return NULL;
	one->all = all;
	one->name = strdup(name);
	if (one->name == NULL) {
		free(one);
		return NULL;
	}
	RB_INIT(&one->changes);
	TAILQ_INIT(&one->order);
	RB_INSERT(subscriber_tree, &all->tree, one);
	return one;
}

int pl_subscribe(struct pl_subscribers *all, const char *name, uint32_t uid, bool is_all)
{
	struct pl_usage *usage = pl_sessions_usage(all->bus->sessions);
	struct subscriber *one = find(all, name);
	int r;

	if (one == NULL) {
		r = pl_usage_take(usage, &all->bus->conf->limits, uid, PL_LIMIT_SUBSCRIPTIONS);
		if (r != 0)
			return r;
		one = subscriber_new(all, name);
		if (one == NULL) {
			pl_usage_give_back(usage, uid, PL_LIMIT_SUBSCRIPTIONS);
			return -ENOMEM;
		}
		one->uid = uid;
	}
	/* Of what it sees no more, nothing is to come. */
	if (one->is_all && !is_all)
		forget_changes(one);
	one->is_all = is_all;
	one->is_ended = false;
	return 0;
}

void pl_unsubscribe(struct pl_subscribers *all, const char *name)
{
	struct subscriber *one = find(all, name);

	if (one == NULL)
		return;
	if (one->ping == NULL) {
		end(one);
		return;
	}
	forget_changes(one);
	one->is_lost = false;
	one->is_ended = true;
}

void pl_subscriber_gone(struct pl_subscribers *all, const char *name)
{
	struct subscriber *one = find(all, name);

	if (one != NULL)
		end(one);
}

void pl_subscribers_watch(struct pl_subscribers *all, const struct pl_alert *alert)
{
	const struct pl_latch *latch;
	struct subscriber *one;

	if (all->bus->engine == NULL)
		return;
	/* What is gone was shown as closed, and is not counted any more. */
	if (pl_state_shown(alert->from) != pl_state_shown(alert->to) || alert->to == PL_STATE_GONE)
		stale(all);
	/* A look is all that is allowed from within an op. */
	if (RB_EMPTY(&all->tree) ||
	    pl_engine_inquire(all->bus->engine, NULL, alert->id, &latch) != 0)
		return;
	RB_FOREACH(one, subscriber_tree, &all->tree) {
		if (one->is_ended || one->is_lost ||
		    (!one->is_all && one->uid != latch->owner.uid))
			continue;
		put_change(one, alert);
		if (one->nr_changes >= BATCH && one->nr_sent < WINDOW)
			send_some(one);
	}
	gather(all);
}
