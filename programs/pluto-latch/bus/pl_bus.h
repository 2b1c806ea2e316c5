/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_H
#define PL_BUS_H

#include "core/pl_engine.h"
#include "core/pl_ops.h"

struct event_base;

/**
 * struct pl_bus - the service org.libreswan.Latch1 and its sessions
 */
struct pl_bus;

/**
 * typedef pl_bus_log - a line for the log of the daemon
 * @ctx:  as given
 * @text: one line without its end; what clients said is quoted
 */
typedef void pl_bus_log(void *ctx, const char *text);

/**
 * pl_bus_new() - sessions, and no bus yet
 * @conf: limits; borrowed, must outlive the bus
 * @log:  may be NULL
 * @ctx:  for @log
 *
 * Return: NULL without memory
 */
struct pl_bus *pl_bus_new(const struct pl_conf *conf, pl_bus_log *log, void *ctx) PL_MUST_USE;

#define PL_BUS_ERROR_MAX 512

/**
 * typedef pl_bus_reload - read latch.conf again, into the struct pl_conf of pl_bus_new()
 * @ctx:       as given
 * @ret_error: for the administrator, any bytes; written unless 0 is returned
 *
 * Return: 0; an error, and nothing is changed
 */
typedef int pl_bus_reload(void *ctx, char ret_error[static PL_BUS_ERROR_MAX]);

/**
 * pl_bus_on_reload() - what Reload does; without it there is none
 * @bus:    the bus
 * @reload: from the event loop, between two events of the engine
 * @ctx:    for @reload
 */
void pl_bus_on_reload(struct pl_bus *bus, pl_bus_reload *reload, void *ctx);

/**
 * pl_bus_owner_ops() - whom to tell; the context is a struct pl_bus
 */
const struct pl_owner_ops *pl_bus_owner_ops(void);

/**
 * pl_bus_attach() - serve from now on
 * @bus:     the bus
 * @base:    the event loop; borrowed, must outlive the bus
 * @address: D-Bus address of unix sockets, the only ones that never make us wait; or NULL for the
 *           system bus
 * @engine:  that answers; borrowed, must outlive the bus
 *
 * A bus that is not there, or goes, is looked for again and again; that is no error. Sessions live
 * on without the bus, until their clients end.
 *
 * Return: 0, or -ENOMEM
 */
int pl_bus_attach(struct pl_bus *bus, struct event_base *base, const char *address,
		  struct pl_engine *engine) PL_MUST_USE;

/**
 * pl_bus_is_serving() - the bus says that the name is ours
 * @bus: the bus
 */
bool pl_bus_is_serving(const struct pl_bus *bus);

/**
 * pl_bus_free() - end every session and leave the bus
 * @bus: NULL is fine
 *
 * The engine is not called: it ends too.
 *
 * Return: NULL
 */
struct pl_bus *pl_bus_free(struct pl_bus *bus);

#endif
