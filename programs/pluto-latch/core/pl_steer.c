/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The optional answer to a change of the SPD (RFC 5660 section 2.3, K38): a policy for just the
 * latched connection is put in front of all others, with the protection of its SA, so that the flow
 * keeps what it has. It stands there as long as the SPD would do otherwise and the latch is in
 * force, and not longer (K17, L1); nothing of it outlives the daemon's start (K39).
 *
 * Protection that a program asks for where the SPD lets packets by (section 3.1, K55) is given in
 * the same way, from the latch's first moment to its last: whatever discards packets, or wants
 * other SAs, is not got around for that (K11).
 *
 * Invariants: only a latch whose SA is there is led into it. The guard holds the flow all the time:
 * before the policy is there, and after it has gone, packets in clear are dropped. A policy that
 * could not be taken away keeps its latch in memory, and every tick tries again.
 */

#include "core/pl_steer.h"

struct search {
	const struct pl_world *world;
	const struct pl_latch *latch;
	const struct pl_sa *newest;
};

static int look_for_carrier(void *ctx, const struct pl_sa *sa)
{
	struct search *search = ctx;
	const struct pl_world *world = search->world;
	struct pl_terms terms = pl_step_terms(search->latch);

	if (sa->is_up && sa->reqid != 0 &&
	    pl_tuple_is_covered(terms.tuple, sa->role, &sa->tsi, &sa->tsr) &&
	    pl_step_may_carry(world, &terms, sa) &&
	    !pl_ksad_is_taken(world->ksad, sa->child) &&
	    (search->newest == NULL || sa->child > search->newest->child))
		search->newest = sa;
	return 0;
}

static const struct pl_sa *carrier(const struct pl_world *world, const struct pl_latch *latch)
{
	struct search search = { .world = world, .latch = latch };

	(void)pl_sad_touch(world->sad, &latch->tuple, look_for_carrier, &search, NULL);
	return search.newest;
}

static int put(struct pl_world *world, struct pl_latch *latch, const struct pl_steer *steer)
{
	int r = pl_spd_steer(world->spd, &latch->tuple,
			     steer->is_bypass ? PL_XFRM_PASSES : PL_XFRM_PROTECTS, steer->reqid);

	/* From here on there may be something to take away. */
	latch->is_steered = true;
	return r != 0 ? r : world->ops.steer->put(world->ops.steer_ctx, steer);
}

static int lead_into(struct pl_world *world, struct pl_latch *latch, const struct pl_sa *sa)
{
	struct pl_steer steer = {
		.tuple = latch->tuple, .protocol = sa->protocol,
		.mode = (enum pl_mode)sa->params.mode, .reqid = sa->reqid,
		.local = sa->path.local, .remote = sa->path.remote,
	};

	return put(world, latch, &steer);
}

static int lead_past(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_steer steer = { .tuple = latch->tuple, .is_bypass = true };

	return put(world, latch, &steer);
}

int pl_steer_on(struct pl_world *world, struct pl_latch *latch)
{
	const struct pl_sa *sa = NULL;
	bool was_steered = latch->is_steered;
	int r;

	if (world->ops.steer == NULL)
		return PL_E_UNSUPPORTED;
	if (!latch->is_bypass) {
		sa = carrier(world, latch);
		if (sa == NULL)
			return PL_E_NO_SA;
	}
	r = sa == NULL ? lead_past(world, latch) : lead_into(world, latch, sa);
	if (r != 0)
		(void)!pl_steer_off(world, latch);
	else if (!was_steered)
		latch->generation = ++world->generation;
	return r;
}

int pl_steer_off(struct pl_world *world, struct pl_latch *latch)
{
	int r;

	if (!latch->is_steered)
		return 0;
	r = world->ops.steer->take(world->ops.steer_ctx, &latch->tuple);
	/* Its socket would go on in clear, the way it knows. */
	if (r == 0 && latch->is_bypass)
		r = world->ops.route->forget(world->ops.route_ctx);
	if (r != 0) {
		world->is_steering_over = true;
		pl_step_wake(world);
		return r;
	}
	pl_spd_unsteer(world->spd, &latch->tuple);
	latch->is_steered = false;
	latch->generation = ++world->generation;
	return 0;
}

bool pl_steer_may(const struct pl_world *world, const struct pl_latch *latch)
{
	/* Policies for what is forwarded are not made. */
	return !latch->is_forwarded &&
	       (latch->is_optional || world->conf->spd_change == PL_CONF_SPD_PROTECT) &&
	       pl_step_is_pinned(latch->state) &&
	       pl_spd_may_steer(world->spd, &latch->tuple, NULL, 0, true);
}

bool pl_steer_may_begin(const struct pl_world *world, const struct pl_terms *terms)
{
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	unsigned nr;

	return world->ops.steer != NULL &&
	       pl_step_pins(world, terms, reqids, &nr) == 0 &&
	       pl_spd_may_steer(world->spd, terms->tuple, reqids, nr, false);
}

static bool is_needless(const struct pl_world *world, const struct pl_latch *latch)
{
	struct pl_terms terms = pl_step_terms(latch);
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	enum pl_direction way;
	unsigned nr;

	return !latch->is_bypass && pl_step_pins(world, &terms, reqids, &nr) == 0 &&
	       pl_spd_judge_bare(world->spd, &latch->tuple, reqids, nr, &way) ==
	       PL_SPD_PROTECTS;
}

bool pl_steer_look(struct pl_world *world, const struct pl_latch *latch)
{
	if (is_needless(world, latch))
		world->is_steering_over = true;
	else if (!pl_steer_may(world, latch))
		return false;
	return true;
}

void pl_steer_settle(struct pl_world *world)
{
	struct pl_latch *latch;

	if (!world->is_steering_over)
		return;
	world->is_steering_over = false;
	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (latch->is_steered &&
		    (!pl_step_is_pinned(latch->state) || is_needless(world, latch)))
			(void)!pl_steer_off(world, latch);
	}
}

static int follow(void *ctx, struct pl_latch *latch)
{
	struct pl_world *world = ctx;
	struct pl_why why = { .text = "its own policies do not lead into its SA" };
	int r = latch->is_steered && !latch->is_bypass && pl_step_is_pinned(latch->state) ?
		pl_steer_on(world, latch) : 0;

	if (r != 0 && r != PL_E_NO_SA)
		(void)!pl_step_take(world, latch, PL_EVENT_CONFLICT_SPD, &why);
	return 0;
}

void pl_steer_follow(struct pl_world *world, const struct pl_sa *sa)
{
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	(void)pl_db_touch(world->db, &query, follow, world, NULL);
}
