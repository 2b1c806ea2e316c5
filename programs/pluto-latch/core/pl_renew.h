/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_RENEW_H
#define PL_RENEW_H

#include "core/pl_step.h"

/**
 * pl_renew_look() - has a latch that goes on under an SA of its own lost it, or is it there again
 * @world: the world
 * @latch: in any state
 */
void pl_renew_look(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_renew_end() - the latch is about to be freed; nobody wants its SA any more
 * @world: the world
 * @latch: any
 */
void pl_renew_end(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_renew_answer() - pluto says what came of it
 * @world: the world
 * @fact:  PL_FACT_INITIATED, of any ticket
 */
void pl_renew_answer(struct pl_world *world, const struct pl_fact *fact);

/**
 * pl_renew_tick() - time went by
 * @world: the world
 */
void pl_renew_tick(struct pl_world *world);

/**
 * pl_renewals_free() - forget all, and tell nobody
 * @world: the world
 */
void pl_renewals_free(struct pl_world *world);

#endif
