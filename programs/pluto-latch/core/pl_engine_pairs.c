/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The addresses of an association come and go while it lives (RFC 5660 section 5.4: U11, U15, U17).
 * They are asked for when it is latched, and then by the tick, because the kernel tells nobody. A
 * pair of addresses that has no latch gets one; one that the association has no more loses it.
 *
 * Invariants:
 * - The guard has an association by its ports, too: packets of a pair without a latch are dropped.
 *   So nothing passes before somebody asks, and what is asked for too late was only lost.
 * - A new pair takes the parameters of those that are there: same peer, same protection. SAs of
 *   anybody else do not pass it, they break it.
 * - The latch of a pair leaves the guard only while another one of the association is in it, which
 *   keeps the ports. The last one stays until the association is gone.
 */

#include "core/pl_engine.h"

#include "core/pl_association.h"
#include "core/pl_engine_impl.h"

#include <errno.h>
#include <string.h>

static bool is_intact(const struct pl_latch *latch)
{
	return (latch->state == PL_STATE_ESTABLISHED || latch->state == PL_STATE_BROKEN) &&
	       latch->params.peer.identity != NULL && !latch->is_bypass;
}

/* The oldest one; of an association that was let go of, nobody. */
static const struct pl_latch *first_of(const struct pl_world *world, uint64_t cookie)
{
	const struct pl_latch *pair = NULL, *first = NULL;

	while ((pair = pl_association_next(world, cookie, pair)) != NULL) {
		if (is_intact(pair) && (first == NULL || pair->id < first->id))
			first = pair;
	}
	return first;
}

static unsigned count_of(const struct pl_world *world, uint64_t cookie)
{
	const struct pl_latch *pair = NULL;
	unsigned nr = 0;

	while ((pair = pl_association_next(world, cookie, pair)) != NULL)
		nr++;
	return nr;
}

static bool has(const struct pl_address *list, unsigned nr, uint8_t af, const uint8_t bytes[16])
{
	for (unsigned i = 0; i < nr; i++) {
		if (list[i].af == af && memcmp(list[i].bytes, bytes, 16) == 0)
			return true;
	}
	return false;
}

static bool holds(const struct pl_ends *ends, const struct pl_tuple *tuple)
{
	return has(ends->local, ends->nr_local, tuple->af, tuple->local) &&
	       has(ends->remote, ends->nr_remote, tuple->af, tuple->remote);
}

/* Return: false for addresses between which no packet goes, or none that could be latched. */
static bool make_pair(const struct pl_latch *first, const struct pl_address *local,
		      const struct pl_address *remote, struct pl_tuple *ret)
{
	struct pl_tuple tuple = first->tuple;

	if (local->af != remote->af)
		return false;
	tuple.af = local->af;
	memcpy(tuple.local, local->bytes, sizeof(tuple.local));
	memcpy(tuple.remote, remote->bytes, sizeof(tuple.remote));
	return pl_tuple_connection(&tuple, ret) == 0;
}

/* Return: 0; why it has no latch. */
static int add_pair(struct pl_world *world, const struct pl_latch *first,
		    const struct pl_tuple *tuple)
{
	const struct pl_latch *old = pl_db_find(world->db, tuple);

	if (old != NULL && old->cookie == first->cookie)
		return 0;
	if (count_of(world, first->cookie) >= PL_PAIRS_MAX)
		return PL_E_TOO_MANY;
	if (pl_association_make(world, first) == NULL)
		return -ENOMEM;
	return pl_birth_pair(world, first, tuple);
}

/* Other pairs of addresses may be there, and have no latch. */
static void note(struct pl_world *world, const struct pl_latch *first, int refused)
{
	struct pl_association *association = pl_association_make(world, first);

	if (association != NULL)
		association->refused = refused;
}

static void add_pairs(struct pl_world *world, uint64_t cookie, const struct pl_ends *ends)
{
	const struct pl_latch *first = first_of(world, cookie);
	int refused = ends->is_cut ? PL_E_TOO_MANY : 0;
	struct pl_tuple tuple;

	if (first == NULL || !world->is_guarding)
		return;
	for (unsigned i = 0; i < ends->nr_local * ends->nr_remote; i++) {
		int r = 0;

		if (make_pair(first, &ends->local[i / ends->nr_remote],
			      &ends->remote[i % ends->nr_remote], &tuple))
			r = add_pair(world, first, &tuple);
		if (r != 0)
			refused = r;
	}
	/* After a restart nothing is known of one whose latches are all there. */
	if (refused != 0 || count_of(world, cookie) > 1 ||
	    pl_association_find(world, cookie) != NULL)
		note(world, first, refused);
}

/* Somebody else keeps the ports of the association in the guard. */
static bool has_other(const struct pl_world *world, const struct pl_latch *pair,
		      const struct pl_ends *ends)
{
	const struct pl_latch *other = NULL;

	while ((other = pl_association_next(world, pair->cookie, other)) != NULL) {
		if (other != pair && other->state != PL_STATE_CLOSED_GONE &&
		    holds(ends, &other->tuple))
			return true;
	}
	return false;
}

static void drop_pairs(struct pl_world *world, uint64_t cookie, const struct pl_ends *ends)
{
	static const struct pl_why why = {
		.text = "the association has not got these addresses any more",
	};
	struct pl_latch *pair, *next;

	for (pair = pl_association_next(world, cookie, NULL); pair != NULL; pair = next) {
		next = pl_association_next(world, cookie, pair);
		if (!holds(ends, &pair->tuple) && has_other(world, pair, ends))
			(void)!pl_step_take(world, pair, PL_EVENT_FLOW_GONE, &why);
	}
}

static int ask_ends(const struct pl_world *world, const struct pl_tuple *tuple, uint64_t cookie,
		    struct pl_ends *ret)
{
	const struct pl_socket_ops *ops = world->ops.socket;

	return ops->ends == NULL ? PL_E_UNSUPPORTED :
				   ops->ends(world->ops.socket_ctx, tuple, cookie, ret);
}

void pl_pairs_look(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_ends ends;
	int r;

	if (!pl_association_is_pair(latch))
		return;
	r = ask_ends(world, &latch->tuple, latch->cookie, &ends);
	/* It has not begun, or has ended. */
	if (r != 0 && r != PL_E_NOT_FOUND && latch->cookie != 0)
		note(world, latch, r);
	if (r != 0)
		return;
	/* Nobody presented its socket. */
	if (latch->cookie == 0 && holds(&ends, &latch->tuple))
		pl_db_set_cookie(world->db, latch, ends.cookie);
	if (latch->cookie == 0)
		return;
	add_pairs(world, ends.cookie, &ends);
	/* What was left out may be one of those that have latches. */
	if (!ends.is_cut)
		drop_pairs(world, ends.cookie, &ends);
}

bool pl_pairs_may_begin(const struct pl_world *world, const struct pl_tuple *tuple)
{
	struct pl_ends ends;
	int r;

	if (tuple->proto != PL_TUPLE_SCTP || world->ops.socket->ends == NULL)
		return true;
	r = ask_ends(world, tuple, 0, &ends);
	return r == PL_E_NOT_FOUND;
}

bool pl_pairs_is_asked_for(const struct pl_world *world, const struct pl_latch *latch)
{
	const struct pl_latch *pair = NULL;

	if (!pl_association_is_pair(latch) || latch->cookie == 0)
		return true;
	do {
		pair = pl_association_next(world, latch->cookie, pair);
	} while (pair != NULL && (!pl_step_is_polled(pair) || pair->state == PL_STATE_LARVAL));
	return pair == NULL || pair == latch;
}
