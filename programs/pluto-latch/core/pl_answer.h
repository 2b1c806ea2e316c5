/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ANSWER_H
#define PL_ANSWER_H

#include "core/pl_step.h"

/**
 * pl_answer_begin() - the inner end of a forwarded connection shall learn that it is broken
 * @world: the world
 * @latch: blocked; others than those that latch.conf wants this for are left alone
 *
 * What the guard refuses leaves it in doubt; meanwhile its segments are dropped in silence, as by
 * default.
 */
void pl_answer_begin(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_answer_again() - the doubt is over: what the guard refused is asked for again
 * @world: the world
 * @latch: any
 */
void pl_answer_again(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_answer_end() - it is not answered any more
 * @world: the world
 * @latch: any
 *
 * Return: 0; what the guard says: it may still be answered, and must not be permitted
 */
int pl_answer_end(struct pl_world *world, struct pl_latch *latch) PL_MUST_USE;

#endif
