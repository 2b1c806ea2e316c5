/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_PROBE_H
#define PL_BUS_PROBE_H

#include "core/pl_base.h"

struct event_base;

/**
 * struct pl_bus_probe - a question to a bus: are you there?
 */
struct pl_bus_probe;

/**
 * typedef pl_bus_probe_done - the answer
 * @ctx:   as given
 * @fault: NULL: it is there, and accepts connections; else why it is no good
 */
typedef void pl_bus_probe_done(void *ctx, const char *fault);

/**
 * pl_bus_probe_new() - ask, without waiting
 * @base:    borrowed
 * @address: D-Bus address; only of unix sockets
 * @done:    called once, from the event loop; the probe is to be freed by then, or there
 * @ctx:     for @done
 * @ret:     the probe
 *
 * Return: NULL, or what is wrong with the address or with this host; @done is not called then
 */
const char *pl_bus_probe_new(struct event_base *base, const char *address,
			     pl_bus_probe_done *done, void *ctx,
			     struct pl_bus_probe **ret) PL_MUST_USE;

/**
 * pl_bus_probe_free() - do not ask any more
 * @probe: NULL is fine
 *
 * Return: NULL
 */
struct pl_bus_probe *pl_bus_probe_free(struct pl_bus_probe *probe);

#endif
