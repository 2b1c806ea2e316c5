/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libdbus in libevent: watches are events, timeouts are timers, and messages are dispatched from a
 * zero timeout of their own.
 *
 * Invariants:
 * - Nothing is dispatched from a callback of libdbus: it holds locks there.
 * - At most a few messages a turn: IKE waits for nobody.
 * - While the bus does not take our replies, no more requests are read.
 */

#include "bus/pl_bus_loop.h"

#include <dbus/dbus.h>
#include <event2/event.h>
#include <stdlib.h>

enum {
	MESSAGES_A_TURN = 16,
	OUTGOING_MAX = 8 << 20,		/* bytes that wait for the bus */
	USEC_PER_MSEC = 1000,
};

struct pl_bus_loop {
	struct event_base *base;
	DBusConnection *conn;
	struct event *dispatch;
	pl_bus_loop_turn *turn;
	void *ctx;
};

/* Of a watch or a timeout. */
struct handle {
	struct pl_bus_loop *loop;
	struct event *event;
};

static void arm(struct pl_bus_loop *loop, DBusDispatchStatus status)
{
	static const struct timeval now, soon = { .tv_usec = 100 * USEC_PER_MSEC };

	if (status != DBUS_DISPATCH_COMPLETE)
		event_add(loop->dispatch, status == DBUS_DISPATCH_NEED_MEMORY ? &soon : &now);
}

static void arm_if_needed(struct pl_bus_loop *loop)
{
	arm(loop, dbus_connection_get_dispatch_status(loop->conn));
}

static void dispatch(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_bus_loop *loop = ctx;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < MESSAGES_A_TURN; i++) {
		DBusDispatchStatus status;

		/* on_watch() goes on when it has been written. */
		if (dbus_connection_get_outgoing_size(loop->conn) > OUTGOING_MAX)
			return;
		status = dbus_connection_dispatch(loop->conn);
		if (loop->turn(loop->ctx) != 0)
			return;
		if (status != DBUS_DISPATCH_DATA_REMAINS)
			break;
	}
	arm_if_needed(loop);
}

static void handle_free(void *data)
{
	struct handle *handle = data;

	if (handle->event != NULL)
		event_free(handle->event);
	free(handle);
}

static struct handle *handle_new(struct pl_bus_loop *loop)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (handle != NULL)
		handle->loop = loop;
	return handle;
}

/* Watches */

static void on_watch(evutil_socket_t fd, short what, void *ctx)
{
	DBusWatch *watch = ctx;
	struct handle *handle = dbus_watch_get_data(watch);
	struct pl_bus_loop *loop = handle->loop;
	DBusConnection *conn = dbus_connection_ref(loop->conn);
	unsigned flags = 0;

	(void)fd;
	if (what & EV_READ)
		flags |= DBUS_WATCH_READABLE;
	if (what & EV_WRITE)
		flags |= DBUS_WATCH_WRITABLE;
	/* Without memory it comes again: the descriptor is still ready. The watch may be gone. */
	(void)!dbus_watch_handle(watch, flags);
	arm_if_needed(loop);
	dbus_connection_unref(conn);
}

static dbus_bool_t watch_add(DBusWatch *watch, void *data)
{
	struct handle *handle = handle_new(data);
	unsigned flags = dbus_watch_get_flags(watch);
	short what = EV_PERSIST;

	if (handle == NULL)
		return FALSE;
	if (flags & DBUS_WATCH_READABLE)
		what |= EV_READ;
	if (flags & DBUS_WATCH_WRITABLE)
		what |= EV_WRITE;
	handle->event = event_new(handle->loop->base, dbus_watch_get_unix_fd(watch), what,
				  on_watch, watch);
	if (handle->event == NULL ||
	    (dbus_watch_get_enabled(watch) && event_add(handle->event, NULL) != 0)) {
		handle_free(handle);
		return FALSE;
	}
	dbus_watch_set_data(watch, handle, handle_free);
	return TRUE;
}

static void watch_remove(DBusWatch *watch, void *data)
{
	(void)data;
	/* Its free function takes the event out. */
	dbus_watch_set_data(watch, NULL, NULL);
}

static void watch_toggled(DBusWatch *watch, void *data)
{
	struct handle *handle = dbus_watch_get_data(watch);

	(void)data;
	if (handle == NULL)
		return;
	if (dbus_watch_get_enabled(watch))
		event_add(handle->event, NULL);
	else
		event_del(handle->event);
}

/* Timeouts, which are periodic */

static void on_timeout(evutil_socket_t fd, short what, void *ctx)
{
	DBusTimeout *timeout = ctx;
	struct handle *handle = dbus_timeout_get_data(timeout);
	struct pl_bus_loop *loop = handle->loop;
	DBusConnection *conn = dbus_connection_ref(loop->conn);

	(void)fd;
	(void)what;
	(void)!dbus_timeout_handle(timeout);
	arm_if_needed(loop);
	dbus_connection_unref(conn);
}

static int timeout_start(DBusTimeout *timeout, struct event *event)
{
	int ms = dbus_timeout_get_interval(timeout);
	struct timeval interval = {
		.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * USEC_PER_MSEC,
	};

	return event_add(event, &interval);
}

static dbus_bool_t timeout_add(DBusTimeout *timeout, void *data)
{
	struct handle *handle = handle_new(data);

	if (handle == NULL)
		return FALSE;
	handle->event = event_new(handle->loop->base, -1, EV_PERSIST, on_timeout, timeout);
	if (handle->event == NULL || (dbus_timeout_get_enabled(timeout) &&
				      timeout_start(timeout, handle->event) != 0)) {
		handle_free(handle);
		return FALSE;
	}
	dbus_timeout_set_data(timeout, handle, handle_free);
	return TRUE;
}

static void timeout_remove(DBusTimeout *timeout, void *data)
{
	(void)data;
	dbus_timeout_set_data(timeout, NULL, NULL);
}

static void timeout_toggled(DBusTimeout *timeout, void *data)
{
	struct handle *handle = dbus_timeout_get_data(timeout);

	(void)data;
	if (handle == NULL)
		return;
	event_del(handle->event);
	if (dbus_timeout_get_enabled(timeout))
		(void)!timeout_start(timeout, handle->event);
}

static void on_dispatch_status(DBusConnection *conn, DBusDispatchStatus status, void *data)
{
	(void)conn;
	arm(data, status);
}

struct pl_bus_loop *pl_bus_loop_new(struct event_base *base, DBusConnection *conn,
				    pl_bus_loop_turn *turn, void *ctx)
{
	struct pl_bus_loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->base = base;
	loop->conn = dbus_connection_ref(conn);
	loop->turn = turn;
	loop->ctx = ctx;
	loop->dispatch = event_new(base, -1, 0, dispatch, loop);
	if (loop->dispatch == NULL ||
	    !dbus_connection_set_watch_functions(conn, watch_add, watch_remove, watch_toggled,
						 loop, NULL) ||
	    !dbus_connection_set_timeout_functions(conn, timeout_add, timeout_remove,
						   timeout_toggled, loop, NULL))
		return pl_bus_loop_free(loop);
	dbus_connection_set_dispatch_status_function(conn, on_dispatch_status, loop, NULL);
	arm_if_needed(loop);
	return loop;
}

struct pl_bus_loop *pl_bus_loop_free(struct pl_bus_loop *loop)
{
	if (loop == NULL)
		return NULL;
	dbus_connection_set_dispatch_status_function(loop->conn, NULL, NULL, NULL);
	(void)!dbus_connection_set_watch_functions(loop->conn, NULL, NULL, NULL, NULL, NULL);
	(void)!dbus_connection_set_timeout_functions(loop->conn, NULL, NULL, NULL, NULL, NULL);
	dbus_connection_close(loop->conn);
	dbus_connection_unref(loop->conn);
	if (loop->dispatch != NULL)
		event_free(loop->dispatch);
	free(loop);
	return NULL;
}
