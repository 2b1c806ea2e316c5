/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_LARVA_H
#define PL_LARVA_H

#include "core/pl_hold.h"
#include "core/pl_step.h"

/**
 * struct pl_larva - what a latch that waits for its SAs still needs to know (K26)
 * @id:            of the latch, and the ticket of struct pl_ike_ops
 * @uid:           whose pending creation it counts as
 * @deadline_ns:   CLOCK_MONOTONIC
 * @is_begun:      pluto was asked, @key is for what
 * @is_asked:      and has not answered yet
 * @may_be_broken: struct pl_engine_ask
 * @error:         it is to fail with this; 0 as long as there is hope
 * @reason:        of @error; may be empty
 * @suite:         struct pl_wish
 * @is_wanted:     struct pl_wish
 */
struct pl_larva {
	struct pl_larva *next;
	uint64_t id;
	uint32_t uid;
	uint64_t deadline_ns;
	struct pl_hold_key key;
	bool is_begun;
	bool is_asked;
	bool may_be_broken;
	int error;
	char reason[PL_CONFLICT_TEXT_MAX];
	struct pl_suite suite;
	bool is_wanted;
};

/**
 * pl_larva_new() - a latch begins to wait
 * @world: the world
 * @latch: whose owner's limit of pending creations counts it
 * @ret:   all zero but for .id and .uid; belongs to the world
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; -ENOMEM
 */
int pl_larva_new(struct pl_world *world, const struct pl_latch *latch,
		 struct pl_larva **ret) PL_MUST_USE;

/**
 * pl_larva_find() - by the id of its latch
 * @world: the world
 * @id:    any
 *
 * Return: NULL if that latch does not wait
 */
struct pl_larva *pl_larva_find(const struct pl_world *world, uint64_t id);

/**
 * pl_larva_end() - the latch does not wait any more
 * @world:   the world
 * @id:      of a latch that may not have waited
 * @is_done: it has its SAs; otherwise pluto is told that nobody wants them, and the same is held
 *           back for a while (pl_holds_failed())
 */
void pl_larva_end(struct pl_world *world, uint64_t id, bool is_done);

/**
 * pl_larvae_free() - forget all, and tell nobody
 * @world: the world
 */
void pl_larvae_free(struct pl_world *world);

#endif
