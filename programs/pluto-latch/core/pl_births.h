/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BIRTHS_H
#define PL_BIRTHS_H

#include "core/pl_step.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * pl_births_are_taken() - the pins of this latch say under which SAs connections may begin
 * @latch: any
 */
bool pl_births_are_taken(const struct pl_latch *latch);

/**
 * pl_births_pins() - all pins that a listener is to have
 * @world:    the world
 * @listener: of its database
 * @ret:      malloc()ed, or NULL when there are none
 * @ret_nr:   how many
 *
 * Return: 0 or -ENOMEM
 */
int pl_births_pins(const struct pl_world *world, const struct pl_latch *listener,
		   struct pl_pin **ret, unsigned *ret_nr) PL_MUST_USE;

/**
 * pl_births_renew() - give a listener all of its pins
 * @world:    the world
 * @listener: guarded
 *
 * One that is unsure loses those that it had first. What the guard refuses leaves it without pins
 * that it ought to have, and unsure: pl_engine_tick() tries again.
 */
void pl_births_renew(struct pl_world *world, struct pl_latch *listener);

/**
 * pl_births_change() - the pins of listeners follow an SA
 * @world:  the world
 * @sa:     in the mirror already, or not any more
 * @is_new: which of the two
 */
void pl_births_change(struct pl_world *world, const struct pl_sa *sa, bool is_new);

/**
 * pl_births_recheck() - others made or removed SAs of this reqid
 * @world: the world
 * @reqid: any
 */
void pl_births_recheck(struct pl_world *world, uint32_t reqid);

/**
 * pl_births_renew_all() - anything may have changed: block every listener, and give it its pins
 * @world: the world
 */
void pl_births_renew_all(struct pl_world *world);

#endif
