/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine's ear for the kernel (design D7): what anybody does to SAs and policies, pluto
 * included. Changes go into the mirrors one by one, and latches are judged by them when no more are
 * waiting: in between, a mirror may be behind what pluto has said already.
 *
 * Invariant: what could not be taken in (no memory, an unreadable list) makes the engine blind, and
 * a blind engine has no ESTABLISHED latch and makes none. Only a whole list ends that.
 */

#include "core/pl_engine.h"

#include "core/pl_births.h"
#include "core/pl_engine_impl.h"
#include "core/pl_steer.h"

static void remember(struct pl_news *news, const struct pl_ts *from, const struct pl_ts *to,
		     uint32_t reqid, uint64_t child)
{
	if (news->nr == PL_NEWS_MAX) {
		news->is_all = true;
		return;
	}
	news->items[news->nr].from = *from;
	news->items[news->nr].to = *to;
	news->items[news->nr].reqid = reqid;
	news->items[news->nr++].child = child;
}

static int take_sa(struct pl_engine *engine, const struct pl_xfrm_change *change)
{
	struct pl_ksad *ksad = engine->world.ksad;
	const struct pl_xfrm_sa *sa = &change->u.sa;
	uint64_t child = 0, before = pl_ksad_deeds(ksad);
	int r = 0;

	if (change->kind == PL_XFRM_SA_NEW)
		r = pl_ksad_kernel_new(ksad, sa, &child);
	else
		child = pl_ksad_kernel_gone(ksad, sa, change->is_expiry);
	/* Most of it is pluto's, and was judged when pluto said so. */
	if (pl_ksad_deeds(ksad) != before)
		remember(&engine->news, &sa->from, &sa->to, sa->reqid, child);
	return r;
}

static int take_policy(struct pl_engine *engine, const struct pl_xfrm_change *change)
{
	struct pl_spd *spd = engine->world.spd;
	const struct pl_xfrm_policy *policy = &change->u.policy;
	uint64_t before = pl_spd_deeds(spd);
	int r = 0;

	if (policy->direction == PL_DIR_NONE)
		return 0;
	if (change->kind == PL_XFRM_POLICY_NEW)
		r = pl_spd_kernel_new(spd, policy);
	else
		pl_spd_kernel_gone(spd, policy);
	if (pl_spd_deeds(spd) != before)
		remember(&engine->news, &policy->src, &policy->dst, 0, 0);
	return r;
}

static int take(struct pl_engine *engine, const struct pl_xfrm_change *change)
{
	switch (change->kind) {
	case PL_XFRM_SA_NEW:
	case PL_XFRM_SA_GONE:
		return take_sa(engine, change);
	case PL_XFRM_POLICY_NEW:
	case PL_XFRM_POLICY_GONE:
		return take_policy(engine, change);
	case PL_XFRM_SA_FLUSH:
		pl_ksad_kernel_flush(engine->world.ksad, change->u.protocol);
		engine->news.is_all = true;
		return 0;
	case PL_XFRM_POLICY_FLUSH:
		pl_spd_kernel_flush(engine->world.spd, change->u.type);
		engine->news.is_all = true;
		return 0;
	default:
		return 0;
	}
}

int pl_engine_xfrm(struct pl_engine *engine, const struct pl_xfrm_change *change)
{
	return engine->is_latching ? take(engine, change) : 0;
}

void pl_engine_xfrm_list_begin(struct pl_engine *engine)
{
	if (!engine->is_latching)
		return;
	pl_spd_list_begin(engine->world.spd);
	pl_ksad_list_begin(engine->world.ksad);
}

int pl_engine_xfrm_listed(struct pl_engine *engine, const struct pl_xfrm_change *change)
{
	if (!engine->is_latching)
		return 0;
	switch (change->kind) {
	case PL_XFRM_SA_NEW:
		return pl_ksad_listed(engine->world.ksad, &change->u.sa);
	case PL_XFRM_POLICY_NEW:
		return pl_spd_listed(engine->world.spd, &change->u.policy);
	default:
		return PL_E_UNSUPPORTED;
	}
}

void pl_engine_xfrm_list_end(struct pl_engine *engine)
{
	if (!engine->is_latching)
		return;
	pl_spd_list_end(engine->world.spd);
	pl_ksad_list_end(engine->world.ksad);
	engine->world.is_blind = false;
	engine->news.is_all = true;
}

/* Judging */

static int recheck(void *ctx, struct pl_latch *latch)
{
	pl_step_recheck(ctx, latch, false);
	return 0;
}

/* Those that share a reqid. */
static int recheck_sa(void *ctx, const struct pl_sa *sa)
{
	pl_engine_recheck_sa(ctx, sa);
	return 0;
}

static int recheck_kin(void *ctx, const struct pl_sa *sa)
{
	return pl_sa_kin(sa, recheck_sa, ctx);
}

/* Nobody says at which end we are. */
static void recheck_between(struct pl_world *world, const struct pl_ts *from,
			    const struct pl_ts *to)
{
	struct pl_ts_list tsi = { .len = 1, .list = { *from } };
	struct pl_ts_list tsr = { .len = 1, .list = { *to } };

	for (enum pl_role role = PL_ROLE_INITIATOR; role < PL_ROLE_ROOF; role++) {
		struct pl_db_query query = { role, &tsi, &tsr };

		(void)pl_db_touch(world->db, &query, recheck, world, NULL);
	}
}

static void recheck_news(struct pl_world *world, const struct pl_news *news)
{
	for (unsigned i = 0; i < news->nr; i++) {
		const struct pl_sa *sa = pl_sad_find(world->sad, news->items[i].child);

		recheck_between(world, &news->items[i].from, &news->items[i].to);
		if (news->items[i].reqid != 0)
			(void)pl_sad_of_reqid(world->sad, news->items[i].reqid, recheck_kin, world);
		if (sa != NULL)
			pl_engine_recheck_sa(world, sa);
		pl_births_recheck(world, news->items[i].reqid);
	}
}

static void settle_all(struct pl_world *world)
{
	pl_engine_recheck_all(world, false);
	pl_births_renew_all(world);
}

void pl_engine_xfrm_settle(struct pl_engine *engine)
{
	struct pl_news *news = &engine->news;

	if (!engine->is_latching)
		return;
	engine->world.has_rerouted = false;
	pl_breaks_begin(&engine->world);
	if (news->is_all)
		settle_all(&engine->world);
	else
		recheck_news(&engine->world, news);
	pl_breaks_end(&engine->world);
	news->is_all = false;
	news->nr = 0;
	pl_steer_settle(&engine->world);
	pl_wait_reap(&engine->world);
}

bool pl_engine_xfrm_is_settled(const struct pl_engine *engine)
{
	return !engine->news.is_all && engine->news.nr == 0 && !engine->world.is_steering_over &&
	       !pl_wait_is_hopeless(&engine->world);
}

void pl_engine_xfrm_blind(struct pl_engine *engine)
{
	if (!engine->is_latching)
		return;
	engine->world.is_blind = true;
	engine->news.is_all = true;
	pl_engine_xfrm_settle(engine);
}
