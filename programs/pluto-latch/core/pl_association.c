/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An association of SCTP is one latch for each pair of its addresses (RFC 5660 section 5.4: the
 * choice of N times M latches, U11). What makes them one is the cookie of their socket, which has
 * one association: the database finds them by it. Beside that little is to be known, and only of
 * those that ever had several; it is here and not in each latch.
 *
 * Invariant: the id of an association does not change while any latch of it is left, also when its
 * first pair of addresses is deleted.
 */

#include "core/pl_association.h"

#include <stdlib.h>

bool pl_association_is_pair(const struct pl_latch *latch)
{
	return latch->tuple.proto == PL_TUPLE_SCTP && !pl_tuple_is_listener(&latch->tuple);
}

bool pl_association_is_new(const struct pl_latch *latch)
{
	return pl_association_is_pair(latch) && latch->state == PL_STATE_BROKEN &&
	       latch->cause == PL_EVENT_CREATED_BROKEN && latch->params.peer.identity != NULL;
}

struct pl_latch *pl_association_next(const struct pl_world *world, uint64_t cookie,
				     const struct pl_latch *after)
{
	struct pl_latch *latch = pl_db_next_of_cookie(world->db, cookie, after);

	while (latch != NULL && !pl_association_is_pair(latch))
		latch = pl_db_next_of_cookie(world->db, cookie, latch);
	return latch;
}

/* The kernel counts cookies up, so that their low bits spread evenly. */
static unsigned chain_of(uint64_t cookie)
{
	return (unsigned)(cookie % PL_ASSOCIATION_CHAINS);
}

struct pl_association *pl_association_find(const struct pl_world *world, uint64_t cookie)
{
	struct pl_association *found = world->associations[chain_of(cookie)];

	while (found != NULL && found->cookie != cookie)
		found = found->next;
	return found;
}

struct pl_association *pl_association_make(struct pl_world *world, const struct pl_latch *first)
{
	struct pl_association **chain = &world->associations[chain_of(first->cookie)];
	struct pl_association *association = pl_association_find(world, first->cookie);

	if (association != NULL)
		return association;
	association = calloc(1, sizeof(*association));
	if (association == NULL)
		return NULL;
	*association = (struct pl_association) {
		.next = *chain, .cookie = first->cookie, .id = first->id,
	};
	*chain = association;
	return association;
}

void pl_association_end(struct pl_world *world, uint64_t cookie)
{
	struct pl_association **at = &world->associations[chain_of(cookie)], *association;

	while (*at != NULL && (*at)->cookie != cookie)
		at = &(*at)->next;
	association = *at;
	if (association == NULL || pl_association_next(world, cookie, NULL) != NULL)
		return;
	*at = association->next;
	free(association);
}

bool pl_association_look(const struct pl_world *world, const struct pl_latch *latch,
			 struct pl_association_view *ret)
{
	const struct pl_association *association;
	const struct pl_latch *pair = NULL;

	if (!pl_association_is_pair(latch))
		return false;
	association = latch->cookie == 0 ? NULL : pl_association_find(world, latch->cookie);
	*ret = (struct pl_association_view) { .id = latch->id };
	if (association != NULL) {
		ret->id = association->id;
		ret->refused = association->refused;
	}
	do {
		pair = latch->cookie == 0 ? latch :
					    pl_association_next(world, latch->cookie, pair);
		if (pair == NULL)
			break;
		ret->nr_pairs += pl_state_shown(pair->state) != PL_STATE_CLOSED;
		ret->nr_intact += pair->state == PL_STATE_ESTABLISHED;
	} while (latch->cookie != 0);
	return true;
}

void pl_associations_free(struct pl_world *world)
{
	struct pl_association *association;

	for (unsigned i = 0; i < PL_ASSOCIATION_CHAINS; i++) {
		while ((association = world->associations[i]) != NULL) {
			world->associations[i] = association->next;
			free(association);
		}
	}
}
