/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which SAs may begin a connection to a listener (K40, T4). Between the first packet and the
 * program that presents the socket nobody asks the daemon; so the guard has to know before that
 * which SAs satisfy the listener, and only those have a pin there.
 *
 * Invariants: a listener's pin names a reqid all of whose SAs are pluto's, known, and satisfy it,
 * and one of them reaches it. The pin is there before the SA is, and goes with the last one. A
 * refused change takes pins away, never leaves one too many: the listener is unsure, and blocked
 * before it gets any again.
 */

#include "core/pl_births.h"

#include "core/pl_peer_id.h"

#include <errno.h>
#include <stdlib.h>

bool pl_births_are_taken(const struct pl_latch *latch)
{
	return pl_tuple_is_listener(&latch->tuple) &&
	       (latch->state == PL_STATE_LISTENER || latch->state == PL_STATE_LINGERING);
}

/* @peer: whom the listener is for */
static bool satisfies(const struct pl_sa *sa, const struct pl_latch *listener, const char *peer)
{
	return sa->is_known && pl_params_meet(&sa->params, &listener->require) == 0 &&
	       pl_peer_id_admits(peer, &sa->params.peer);
}

/* Its packets may come by an SA that nobody knows. */
static bool is_foreign(const struct pl_world *world, uint32_t reqid)
{
	return world->is_blind || pl_ksad_has_foreign(world->ksad, reqid);
}

struct pins {
	const struct pl_world *world;
	const struct pl_latch *listener;
	const char *peer;
	struct pl_pin *list;
	unsigned nr, room;
	uint32_t last;		/* reqid that was looked at */
};

static int find_weak(void *ctx, const struct pl_sa *sa)
{
	const struct pins *pins = ctx;

	return satisfies(sa, pins->listener, pins->peer) ? 0 : PL_E_SHARED_REQID;
}

static int add_pin(void *ctx, const struct pl_sa *sa)
{
	struct pins *pins = ctx;

	if (sa->reqid == pins->last)
		return 0;
	pins->last = sa->reqid;
	if (is_foreign(pins->world, sa->reqid) ||
	    pl_sad_of_reqid(pins->world->sad, sa->reqid, find_weak, pins) != 0)
		return 0;
	if (pins->nr == pins->room) {
		unsigned room = pins->room == 0 ? 16 : 2 * pins->room;
		void *list = reallocarray(pins->list, room, sizeof(*pins->list));

		if (list == NULL)
			return -ENOMEM;
		pins->list = list;
		pins->room = room;
	}
	pins->list[pins->nr++] = (struct pl_pin) { PL_DIR_IN, sa->reqid };
	return 0;
}

int pl_births_pins(const struct pl_world *world, const struct pl_latch *listener,
		   struct pl_pin **ret, unsigned *ret_nr)
{
	/* reqid 0 counts as seen: it is nobody's */
	struct pins pins = {
		.world = world, .listener = listener, .peer = pl_db_peer(world->db, listener),
	};
	int r = pl_sad_of_listener(world->sad, &listener->tuple, add_pin, &pins);

	if (r != 0) {
		free(pins.list);
		return r;
	}
	*ret = pins.list;
	*ret_nr = pins.nr;
	return 0;
}

static void doubt(struct pl_world *world, struct pl_latch *listener)
{
	listener->is_unsure = true;
	pl_step_mind(world, listener);
}

void pl_births_renew(struct pl_world *world, struct pl_latch *listener)
{
	struct pl_pin *pins = NULL;
	unsigned nr = 0;
	int r;

	/* What may be too much goes first, also when there is no memory for the rest. */
	if (listener->is_unsure && pl_step_block_again(world, listener) != 0)
		return;
	r = pl_births_pins(world, listener, &pins, &nr);
	if (r == 0 && nr > 0)
		r = world->ops.guard->permit(world->ops.guard_ctx, &listener->tuple, pins, nr);
	free(pins);
	if (r != 0)
		doubt(world, listener);
}

/* A change: what the SAs of its reqid are to a listener, with it and without. */
struct change {
	struct pl_world *world;
	const struct pl_sa *sa;
	uint32_t reqid;
	bool is_new;
	/* of the listener that is looked at; the SA itself left out */
	const struct pl_latch *listener;
	const char *peer;
	bool is_reached, is_weak;
};

static int look_at_sa(void *ctx, const struct pl_sa *sa)
{
	struct change *change = ctx;

	if (sa == change->sa)
		return 0;
	change->is_weak = !satisfies(sa, change->listener, change->peer);
	if (!change->is_reached)
		change->is_reached = pl_sa_reaches(sa, &change->listener->tuple);
	/* As to strength and peer, all kin are alike. */
	return change->is_weak || change->is_reached;
}

static int look_at_kin(void *ctx, const struct pl_sa *sa)
{
	struct change *change = ctx;

	(void)pl_sa_kin(sa, look_at_sa, change);
	return change->is_weak;
}

/* Return: the SAs but the one in question would have a pin. */
static bool look(struct change *change, const struct pl_latch *listener)
{
	change->listener = listener;
	change->peer = pl_db_peer(change->world->db, listener);
	change->is_reached = change->is_weak = false;
	(void)pl_sad_of_reqid(change->world->sad, change->reqid, look_at_kin, change);
	return change->is_reached && !change->is_weak;
}

static void set_pin(struct pl_world *world, struct pl_latch *listener, uint32_t reqid, bool is_fit)
{
	bool is_on = is_fit && !is_foreign(world, reqid);
	const struct pl_guard_ops *ops = world->ops.guard;
	struct pl_pin pin = { PL_DIR_IN, reqid };

	if (!listener->is_unsure) {
		if ((is_on ? ops->permit : ops->retire)(world->ops.guard_ctx, &listener->tuple,
							&pin, 1) == 0)
			return;
		doubt(world, listener);
		/* One that is missing can wait for the tick. */
		if (is_on)
			return;
	}
	pl_births_renew(world, listener);
}

static int follow(void *ctx, struct pl_latch *listener)
{
	struct change *change = ctx;
	const struct pl_sa *sa = change->sa;
	bool with, without;

	if (!pl_births_are_taken(listener))
		return 0;
	without = look(change, listener);
	with = (without || pl_sa_reaches(sa, &listener->tuple)) && !change->is_weak &&
	       satisfies(sa, listener, change->peer);
	if (with != without)
		set_pin(change->world, listener, sa->reqid, with == change->is_new);
	return 0;
}

static int follow_unless_reached(void *ctx, struct pl_latch *listener)
{
	struct change *change = ctx;

	return pl_sa_reaches(change->sa, &listener->tuple) ? 0 : follow(ctx, listener);
}

static int follow_other(void *ctx, const struct pl_sa *sa)
{
	struct change *change = ctx;
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	if (sa == change->sa)
		return 0;
	return pl_db_touch_listeners(change->world->db, &query, follow_unless_reached, change,
				     NULL);
}

static bool are_alike(const struct pl_sa *a, const struct pl_sa *b)
{
	if (!a->is_known || !b->is_known)
		return a->is_known == b->is_known;
	return pl_params_diff(&a->params, &b->params, PL_PEER_MATCH_KEY) == 0 &&
	       pl_params_diff(&b->params, &a->params, PL_PEER_MATCH_KEY) == 0;
}

/* Where only others of the number reach a listener, one that is unlike them decides, too. */
static int follow_namesakes(void *ctx, const struct pl_sa *sa)
{
	struct change *change = ctx;

	return are_alike(sa, change->sa) ? 0 : pl_sa_kin(sa, follow_other, change);
}

void pl_births_change(struct pl_world *world, const struct pl_sa *sa, bool is_new)
{
	struct change change = {
		.world = world, .sa = sa, .reqid = sa->reqid, .is_new = is_new,
	};
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	if (sa->reqid == 0)
		return;
	(void)pl_db_touch_listeners(world->db, &query, follow, &change, NULL);
	(void)pl_sad_of_reqid(world->sad, sa->reqid, follow_namesakes, &change);
}

static int recheck(void *ctx, struct pl_latch *listener)
{
	struct change *change = ctx;

	if (pl_births_are_taken(listener))
		set_pin(change->world, listener, change->reqid,
			look(change, listener));
	return 0;
}

static int recheck_sa(void *ctx, const struct pl_sa *sa)
{
	struct change *change = ctx;
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	return pl_db_touch_listeners(change->world->db, &query, recheck, change, NULL);
}

static int recheck_kin(void *ctx, const struct pl_sa *sa)
{
	return pl_sa_kin(sa, recheck_sa, ctx);
}

void pl_births_recheck(struct pl_world *world, uint32_t reqid)
{
	struct change change = { .world = world, .reqid = reqid };

	if (reqid != 0)
		(void)pl_sad_of_reqid(world->sad, reqid, recheck_kin, &change);
}

void pl_births_renew_all(struct pl_world *world)
{
	struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (!pl_births_are_taken(latch))
			continue;
		latch->is_unsure = true;
		pl_births_renew(world, latch);
	}
}
