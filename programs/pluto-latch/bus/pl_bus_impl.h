/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_IMPL_H
#define PL_BUS_IMPL_H

#include "bus/pl_bus.h"
#include "bus/pl_bus_caller.h"
#include "bus/pl_bus_loop.h"
#include "bus/pl_bus_member.h"
#include "bus/pl_bus_probe.h"
#include "bus/pl_session.h"
#include "bus/pl_subscriber.h"

struct DBusConnection;
struct DBusMessage;
struct DBusPendingCall;
struct event;

#define PL_BUS_NAME "org.libreswan.Latch1"
#define PL_BUS_PATH "/org/libreswan/Latch1"

/**
 * struct pl_bus_budget - lines of the log in one second
 */
struct pl_bus_budget {
	long second;
	unsigned nr_lines;
};

/**
 * struct pl_bus_tally - what happened since the service began; for Stats
 * @calls:   that were carried out, and those that were not
 * @refused: of them, answered with an error
 * @alerts:  that an owner has, as a record
 * @eofs:    that an owner has as the end of his session: its reader was too slow
 * @events:  changes of latches
 */
struct pl_bus_tally {
	uint64_t calls, refused, alerts, eofs, events[PL_EVENT_ROOF];
};

/**
 * struct pl_bus - see pl_bus.h
 * @of_clients: lines that clients cause, so that they cannot keep the others from being said
 * @of_latches: lines about breaks
 * @ready:   calls to be carried out as soon as the message that brought them is let go
 * @waiting: calls that were carried out, and whose answer depends on a latch in the state "larval"
 * @untold:  calls to be given back as soon as the engine may be called
 * @undo:    that is now
 * @retry:   when to look for the bus again
 * @is_lost: the connection is to be given up
 * @is_mute: why there is no bus was logged
 */
struct pl_bus {
	const struct pl_conf *conf;
	pl_bus_log *log;
	void *log_ctx;
	pl_bus_reload *reload;
	void *reload_ctx;
	struct pl_bus_budget of_clients, of_latches;
	struct pl_bus_tally tally;
	struct event_base *base;
	struct pl_engine *engine;
	char *address;
	struct DBusConnection *conn;
	struct pl_bus_loop *loop;
	struct pl_bus_probe *probe;
	struct event *retry, *undo;
	unsigned retry_ms;
	bool is_serving;
	bool is_lost;
	bool is_mute;
	struct pl_sessions *sessions;
	struct pl_callers *callers;
	struct pl_subscribers *subscribers;
	struct pl_call_list ready, waiting, untold;
};

/**
 * pl_bus_say() - a line for the log, about clients or the bus; at most some in a second
 * @bus:    the bus
 * @format: as of printf()
 */
void pl_bus_say(struct pl_bus *bus, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * pl_bus_note() - the same about latches
 * @bus:    the bus
 * @format: as of printf()
 */
void pl_bus_note(struct pl_bus *bus, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * pl_bus_send() - send a message, without waiting
 * @bus:     a bus that may be gone
 * @message: NULL is fine; one reference less
 *
 * Return: it is on its way
 */
bool pl_bus_send(struct pl_bus *bus, struct DBusMessage *message);

/**
 * pl_bus_give_back_later() - pl_call_give_back() from the event loop: the engine is at work now
 * @bus:  attached
 * @call: in no list
 */
void pl_bus_give_back_later(struct pl_bus *bus, struct pl_call *call);

/* As DBusPendingCallNotifyFunction */
typedef void pl_bus_done(struct DBusPendingCall *pending, void *ctx);

enum { PL_BUS_CALL_MS = 10000 };	/* of calls to the bus itself */

/**
 * pl_bus_call() - ask the bus itself, or somebody on it
 * @bus:     connected
 * @message: one reference less, always
 * @ms:      how long to wait for the answer; DBUS_TIMEOUT_INFINITE is for ever
 * @done:    called with the answer, from a dispatch
 * @ctx:     for @done
 * @ret:     cancel and unref it; NULL: it is on its own
 *
 * Return: 0 or -ENOMEM
 */
int pl_bus_call(struct pl_bus *bus, struct DBusMessage *message, int ms, pl_bus_done *done,
		void *ctx, struct DBusPendingCall **ret) PL_MUST_USE;

#endif
