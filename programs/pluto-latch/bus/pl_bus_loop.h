/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_LOOP_H
#define PL_BUS_LOOP_H

#include "core/pl_base.h"

struct DBusConnection;
struct event_base;

/**
 * struct pl_bus_loop - one connection in the event loop
 */
struct pl_bus_loop;

/**
 * typedef pl_bus_loop_turn - a message was dispatched, and let go
 * @ctx: as given
 *
 * Return: 0 to go on; anything else: the loop was freed
 */
typedef int pl_bus_loop_turn(void *ctx);

/**
 * pl_bus_loop_new() - serve this connection
 * @base: borrowed
 * @conn: a reference is kept
 * @turn: called from the event loop after each message
 * @ctx:  for @turn
 *
 * Return: NULL without memory
 */
struct pl_bus_loop *pl_bus_loop_new(struct event_base *base, struct DBusConnection *conn,
				    pl_bus_loop_turn *turn, void *ctx) PL_MUST_USE;

/**
 * pl_bus_loop_free() - let go of the connection, which is closed
 * @loop: NULL is fine; not from within a dispatch
 *
 * Return: NULL
 */
struct pl_bus_loop *pl_bus_loop_free(struct pl_bus_loop *loop);

#endif
