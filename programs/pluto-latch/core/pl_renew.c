/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A latch of an SA of its own (K20) whose SA is gone: it expired, or the peer deleted it. That is
 * no break, but loss of packets (K15), until IKE has set up another one. Whoever has a wide latch
 * needs nobody for that: the next packet finds no SA, and the kernel asks pluto. Here the policy of
 * a wider SA may take the packet, so that the kernel is content and the guard drops it. So the
 * engine asks pluto itself, after ever longer waits, as long as the latch is intact.
 *
 * The same is done for a new pair of addresses of an association (U15) whose SAs are not there yet.
 *
 * Invariants: what is asked for is never wider, nor of another suite, than the latch. At most
 * ASKED_MAX attempts are under way: a whole IKE SA's children may go at once.
 */

#include "core/pl_renew.h"

#include "core/pl_association.h"
#include "core/pl_peer_id.h"

#include <errno.h>
#include <stdlib.h>

/* The peer may be about to set up another one himself. */
enum { FIRST_WAIT_S = 1, LAST_WAIT_S = 64, ASKED_MAX = 16 };

static const uint64_t second_ns = 1000000000;

/**
 * struct pl_renewal - of one latch with .is_bare
 * @id:       of the latch, and the ticket of struct pl_ike_ops
 * @next_ns:  CLOCK_MONOTONIC: not asked before
 * @wait_s:   after the next failure
 * @is_asked: pluto has not answered yet
 */
struct pl_renewal {
	struct pl_renewal *next;
	uint64_t id;
	uint64_t next_ns;
	unsigned wait_s;
	bool is_asked;
};

static bool wants_one(const struct pl_latch *latch)
{
	return (latch->is_narrow && pl_step_is_pinned(latch->state)) ||
	       pl_association_is_new(latch);
}

static int find_own(void *ctx, const struct pl_sa *sa)
{
	const struct pl_latch *latch = ctx;

	return pl_tuple_is_alone(&latch->tuple, sa->role, &sa->tsi, &sa->tsr);
}

/* One that conflicts would have broken it. */
static bool has_one(const struct pl_world *world, struct pl_latch *latch)
{
	if (pl_association_is_new(latch))
		return pl_step_is_proved(world, latch);
	return pl_sad_touch(world->sad, &latch->tuple, find_own, latch, NULL) != 0;
}

static void put_off(struct pl_world *world, struct pl_renewal *renewal)
{
	renewal->is_asked = false;
	renewal->next_ns = world->ops.clock->now_ns(world->ops.clock_ctx) +
			   renewal->wait_s * second_ns;
	if (renewal->wait_s < LAST_WAIT_S)
		renewal->wait_s *= 2;
	pl_step_wake_by(world, renewal->next_ns);
}

void pl_renew_look(struct pl_world *world, struct pl_latch *latch)
{
	static const struct pl_why why = { .text = "no memory to set up its SA again" };
	struct pl_renewal *renewal;

	if (latch->is_bare || world->ops.ike == NULL || !wants_one(latch) ||
	    has_one(world, latch))
		return;
	renewal = calloc(1, sizeof(*renewal));
	if (renewal == NULL) {
		/* Nothing but the tick would say that there is memory again. */
		if (pl_step_take(world, latch, PL_EVENT_CONFLICT_SA, &why) == 0) {
			pl_breaks_flush(world);
			latch->is_unsure = true;
			pl_step_mind(world, latch);
		}
		return;
	}
	*renewal = (struct pl_renewal) {
		.next = world->renewals, .id = latch->id, .wait_s = FIRST_WAIT_S,
	};
	world->renewals = renewal;
	latch->is_bare = true;
	put_off(world, renewal);
}

static struct pl_renewal **find(struct pl_world *world, uint64_t id)
{
	struct pl_renewal **at = &world->renewals;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

/* @is_done: its SA is there, and an attempt may just be about to say so. */
static void end(struct pl_world *world, struct pl_renewal **at, struct pl_latch *latch,
		bool is_done)
{
	struct pl_renewal *renewal = *at;

	*at = renewal->next;
	latch->is_bare = false;
	if (renewal->is_asked && !is_done)
		world->ops.ike->cancel(world->ops.ike_ctx, renewal->id);
	free(renewal);
}

void pl_renew_end(struct pl_world *world, struct pl_latch *latch)
{
	if (latch->is_bare)
		end(world, find(world, latch->id), latch, false);
}

void pl_renew_answer(struct pl_world *world, const struct pl_fact *fact)
{
	struct pl_renewal **at = find(world, fact->u.initiated.ticket);

	/* That there is an SA by now is seen by the tick. */
	if (*at != NULL)
		put_off(world, *at);
}

static bool ask(struct pl_world *world, struct pl_renewal *renewal, const struct pl_latch *latch)
{
	const struct pl_ike_ops *ops = world->ops.ike;
	struct pl_initiate how = {
		.is_narrow = latch->is_narrow,
		.peer = pl_peer_id_wanted(pl_db_peer(world->db, latch), &latch->params.peer),
	};
	int r;

	if (latch->is_narrow)
		how.suite = latch->params.suites[0];
	r = ops->initiate(world->ops.ike_ctx, renewal->id, &latch->tuple, &how);
	/* A connection that is configured for it alone has its suites from there. */
	if (r == PL_E_UNSUPPORTED) {
		how.suite = (struct pl_suite) { .protocol = 0 };
		r = ops->initiate(world->ops.ike_ctx, renewal->id, &latch->tuple, &how);
	}
	renewal->is_asked = r == 0;
	if (r != 0)
		put_off(world, renewal);
	return r == 0;
}

static unsigned nr_asked(const struct pl_world *world)
{
	unsigned nr = 0;

	for (const struct pl_renewal *at = world->renewals; at != NULL; at = at->next)
		nr += at->is_asked;
	return nr;
}

void pl_renew_tick(struct pl_world *world)
{
	uint64_t now = world->ops.clock->now_ns(world->ops.clock_ctx);
	unsigned nr = nr_asked(world);

	for (struct pl_renewal **at = &world->renewals; *at != NULL; ) {
		struct pl_renewal *renewal = *at;
		struct pl_latch *latch = pl_db_find_id(world->db, renewal->id);

		bool is_done = has_one(world, latch);

		if (is_done || !wants_one(latch)) {
			end(world, at, latch, is_done);
			continue;
		}
		at = &renewal->next;
		if (renewal->is_asked)
			continue;
		if (renewal->next_ns > now)
			pl_step_wake_by(world, renewal->next_ns);
		else if (nr < ASKED_MAX)
			nr += ask(world, renewal, latch);
		else
			pl_step_wake(world);
	}
}

void pl_renewals_free(struct pl_world *world)
{
	struct pl_renewal *renewal;

	while ((renewal = world->renewals) != NULL) {
		world->renewals = renewal->next;
		free(renewal);
	}
}
