/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BREAKS_H
#define PL_BREAKS_H

#include "core/pl_db.h"
#include "core/pl_ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_world;
struct pl_why;

/**
 * struct pl_break - a latch that goes down, or merely loses a pin
 * @latch: it; its .is_due says that it is here
 * @takes: from the guard: PL_GUARD_FLOW is every pin, PL_GUARD_PIN one reqid; PL_GUARD_NONE is
 *         nothing, since it was down before
 * @event: that breaks it; PL_EVENT_NONE: only the pin goes
 * @from:  state before
 * @diff:  set of enum pl_diff, or 0
 * @reqid: of the pin
 * @text:  for people, malloc()ed; may be NULL
 */
struct pl_break {
	struct pl_latch *latch;
	enum pl_guard_kind takes;
	enum pl_event event;
	enum pl_state from;
	unsigned diff;
	uint32_t reqid;
	char *text;
};

/**
 * struct pl_breaks - what one event took from the guard and the kernel does not know of yet
 * @depth: of pl_breaks_begin(); 0: nothing is collected
 */
struct pl_breaks {
	struct pl_break *list;
	size_t nr, room;
	unsigned depth;
};

/**
 * pl_breaks_begin() - what breaks from here to pl_breaks_end() is blocked together
 * @world: the world; pairs may be nested
 *
 * One event may break very many latches (a dead peer, a policy, a flush), and a transaction of its
 * own for each costs several times as much as what is in it.
 */
void pl_breaks_begin(struct pl_world *world);

/**
 * pl_breaks_end() - all of it is in force, then in the journal, then told, in this order
 * @world: the world; in the outermost pair
 */
void pl_breaks_end(struct pl_world *world);

/**
 * pl_breaks_flush() - the same at once: something else is about to happen to a latch that is due
 * @world: the world
 */
void pl_breaks_flush(struct pl_world *world);

/**
 * pl_breaks_put() - a latch goes down with the others; its state says so at once
 * @world: the world
 * @latch: not due
 * @event: what happened
 * @step:  that blocks its flow, or says why it stays blocked
 * @why:   copied
 *
 * Return: false when nothing is collected, or without memory: the caller does it at once
 */
bool pl_breaks_put(struct pl_world *world, struct pl_latch *latch, enum pl_event event,
		   const struct pl_step *step, const struct pl_why *why) PL_MUST_USE;

/**
 * pl_breaks_put_pin() - the pin of this reqid goes with the others
 * @world: the world
 * @latch: as above
 * @reqid: no SA has it any more
 *
 * Return: as above
 */
bool pl_breaks_put_pin(struct pl_world *world, struct pl_latch *latch,
		       uint32_t reqid) PL_MUST_USE;

#endif
