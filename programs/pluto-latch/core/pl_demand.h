/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_DEMAND_H
#define PL_DEMAND_H

#include "core/pl_base.h"

/* Peers that were asked for by name, by the id of the latch: most latches have none. */
struct pl_demands;

/**
 * pl_demands_new() - none yet
 *
 * Return: NULL without memory
 */
struct pl_demands *pl_demands_new(void) PL_MUST_USE;

/**
 * pl_demands_free() - with all of them
 * @demands: NULL is fine
 *
 * Return: NULL
 */
struct pl_demands *pl_demands_free(struct pl_demands *demands);

/**
 * pl_demands_set() - this latch has this peer, and no other
 * @demands: the table
 * @id:      of the latch
 * @peer:    of pl_peer_id_read(); copied, also from the table itself; NULL: anybody
 *
 * Return: 0; -ENOMEM, and nothing changed
 */
int pl_demands_set(struct pl_demands *demands, uint64_t id, const char *peer) PL_MUST_USE;

/**
 * pl_demands_drop() - the latch is gone
 * @demands: the table
 * @id:      of a latch that may have none
 */
void pl_demands_drop(struct pl_demands *demands, uint64_t id);

/**
 * pl_demands_find() - whom a latch is for
 * @demands: the table
 * @id:      of the latch
 *
 * Return: NULL for anybody; else valid until it is set or dropped
 */
const char *pl_demands_find(const struct pl_demands *demands, uint64_t id);

#endif
