/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_RESTORE_H
#define PL_RESTORE_H

#include "core/pl_step.h"

/**
 * struct pl_heirloom - one latch of an earlier daemon
 * @identity: of its peer; a reference; NULL when there is none, or none can be read
 * @kept:     as the journal has it; ends with its last byte that is not zero: most are for anybody
 */
struct pl_heirloom {
	struct pl_identity *identity;
	struct pl_kept kept;
};

/**
 * struct pl_heritage - all of them
 * @items: the latest first, one for each tuple
 * @found: what the journal says of itself
 */
struct pl_heritage {
	struct pl_heirloom **items;
	size_t nr, room;
	struct pl_store_found found;
};

/**
 * pl_restore_read() - the journal
 * @ops:  .store may be NULL, or have no walk: then there is nothing
 * @pool: where identities are; NULL: none can be read
 * @ret:  to be freed with pl_restore_free(), whatever is returned
 *
 * Return: 0; -ENOMEM; what the store said
 */
int pl_restore_read(const struct pl_ops *ops, struct pl_identity_pool *pool,
		    struct pl_heritage *ret) PL_MUST_USE;

/**
 * pl_restore_free() - forget it
 * @heritage: may be all zero
 */
void pl_restore_free(struct pl_heritage *heritage);

/**
 * pl_restore_insert() - its latches are in the database, and have taken no step yet
 * @world:    the world; its database is empty
 * @heritage: the journal; latches that gave way to others are gone from it, and from the store
 *
 * Return: 0; -ENOMEM; what the store said
 */
int pl_restore_insert(struct pl_world *world, struct pl_heritage *heritage) PL_MUST_USE;

/**
 * pl_restore_begin() - their first step, now that all of them are in the guard
 * @world:    the world
 * @heritage: the journal
 *
 * A listener listens. A connection whose peer can prove himself again is BROKEN until he does; for
 * every other one, and for all of a damaged journal (K53), it is over.
 */
void pl_restore_begin(struct pl_world *world, const struct pl_heritage *heritage);

/**
 * pl_restore_tick() - pluto is asked for the SAs of those that wait for their peers; those that
 * waited long enough are closed
 * @world: the world
 */
void pl_restore_tick(struct pl_world *world);

#endif
