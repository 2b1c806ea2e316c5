/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ASSOCIATION_H
#define PL_ASSOCIATION_H

#include "core/pl_step.h"

/* Latches of one association; it has no more of them, whoever adds addresses. */
#define PL_PAIRS_MAX 64

/**
 * struct pl_association_view - what is told of an association with each of its latches; a value
 * @id:        of its first latch, which may be gone
 * @nr_pairs:  latches that are not closed
 * @nr_intact: of them, ESTABLISHED ones; 0: nothing of the association passes
 * @refused:   why the last pair of addresses that has no latch has none: enum pl_error or a
 *             negative errno; 0 when every pair has one
 */
struct pl_association_view {
	uint64_t id;
	unsigned nr_pairs, nr_intact;
	int refused;
};

/**
 * struct pl_association - one whose addresses are several, or were; the world's
 * @cookie:  of its socket, which is that of all of its latches
 * @id:      as above
 * @refused: as above
 */
struct pl_association {
	struct pl_association *next;
	uint64_t cookie, id;
	int refused;
};

/**
 * pl_association_is_pair() - of an association of SCTP
 * @latch: any
 */
bool pl_association_is_pair(const struct pl_latch *latch);

/**
 * pl_association_is_new() - a pair of addresses under none of whose SAs a packet ever passed
 * @latch: any
 *
 * It is BROKEN since its birth. That no SA of its peer is there is what it waits for, and no
 * packet loss (K15).
 */
bool pl_association_is_new(const struct pl_latch *latch);

/**
 * pl_association_next() - the next latch of an association
 * @world:  the world
 * @cookie: of its socket
 * @after:  one of them; NULL begins
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_association_next(const struct pl_world *world, uint64_t cookie,
				     const struct pl_latch *after);

/**
 * pl_association_find() - what is known of it beside its latches
 * @world:  the world
 * @cookie: of its socket
 *
 * Return: NULL if it never had more than one latch
 */
struct pl_association *pl_association_find(const struct pl_world *world, uint64_t cookie);

/**
 * pl_association_make() - likewise, and from now on there is something
 * @world: the world
 * @first: its first latch, with a cookie
 *
 * Return: NULL without memory
 */
struct pl_association *pl_association_make(struct pl_world *world, const struct pl_latch *first);

/**
 * pl_association_end() - with its last latch goes what is known of it
 * @world:  the world
 * @cookie: of the socket of a latch that is gone, whatever that was
 */
void pl_association_end(struct pl_world *world, uint64_t cookie);

/**
 * pl_association_look() - what is told of it
 * @world: the world
 * @latch: any
 * @ret:   the answer
 *
 * Return: false for what is no latch of an association
 */
bool pl_association_look(const struct pl_world *world, const struct pl_latch *latch,
			 struct pl_association_view *ret);

/**
 * pl_associations_free() - forget all
 * @world: the world
 */
void pl_associations_free(struct pl_world *world);

#endif
