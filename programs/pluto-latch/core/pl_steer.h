/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_STEER_H
#define PL_STEER_H

#include "core/pl_step.h"

/**
 * pl_steer_on() - lead the packets of a latch into its SA, whatever the SPD says
 * @world: the world
 * @latch: a connection, guarded
 *
 * Return: 0; PL_E_UNSUPPORTED when nobody can; PL_E_NO_SA without an SA that is up and carries all
 * of it, and nothing changed; -ENOMEM; what the ops said, and what was put before is gone, too.
 */
int pl_steer_on(struct pl_world *world, struct pl_latch *latch) PL_MUST_USE;

/**
 * pl_steer_off() - the SPD alone decides again (K17)
 * @world: the world
 * @latch: steered or not
 *
 * Return: 0; what the ops said: the latch is still .is_steered, and pl_steer_settle() tries again
 */
int pl_steer_off(struct pl_world *world, struct pl_latch *latch) PL_MUST_USE;

/**
 * pl_steer_may() - a change of the SPD is answered with policies of the latch's own (K38)
 * @world: the world
 * @latch: any
 */
bool pl_steer_may(const struct pl_world *world, const struct pl_latch *latch);

/**
 * pl_steer_may_begin() - a latch that is not there yet may be protected where the SPD lets it by
 * @world: the world
 * @terms: of the connection
 */
bool pl_steer_may_begin(const struct pl_world *world, const struct pl_terms *terms);

/**
 * pl_steer_look() - does the SPD protect a steered latch by itself again? If so, remember it
 * @world: the world
 * @latch: steered
 *
 * Return: false when it does not, and must not be got around any more
 */
bool pl_steer_look(struct pl_world *world, const struct pl_latch *latch) PL_MUST_USE;

/**
 * pl_steer_settle() - the kernel has what pluto said: let go of latches that pl_steer_look() found,
 * and of those that are down
 * @world: the world
 */
void pl_steer_settle(struct pl_world *world);

/**
 * pl_steer_follow() - an SA came up, went, or has other addresses: lead those that it touches anew
 * @world: the world
 * @sa:    may be out of the mirror
 */
void pl_steer_follow(struct pl_world *world, const struct pl_sa *sa);

#endif
