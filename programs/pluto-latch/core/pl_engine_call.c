/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Calls of those who own latches, and of administrators: asking, letting go; and what time does.
 *
 * Invariant: somebody else's latch is not there (design D12).
 */

#include "core/pl_engine.h"

#include "core/pl_association.h"
#include "core/pl_answer.h"
#include "core/pl_births.h"
#include "core/pl_engine_impl.h"
#include "core/pl_larva.h"
#include "core/pl_renew.h"
#include "core/pl_restore.h"
#include "core/pl_resume.h"
#include "core/pl_steer.h"

#include <stdlib.h>

/* Asking */

static bool may_see(const struct pl_owner *who, const struct pl_latch *latch)
{
	return latch != NULL && (who == NULL || who->uid == latch->owner.uid);
}

int pl_engine_find(const struct pl_engine *engine, const struct pl_owner *who,
		   const struct pl_tuple *from, const struct pl_latch **ret)
{
	const struct pl_latch *latch;
	struct pl_tuple tuple = *from;
	int r = pl_tuple_is_listener(from) ? 0 : pl_tuple_connection(from, &tuple);

	if (r != 0)
		return r;
	latch = engine->is_latching ? pl_db_find(engine->world.db, &tuple) : NULL;
	if (!may_see(who, latch))
		return PL_E_NOT_FOUND;
	*ret = latch;
	return 0;
}

static int look_up(const struct pl_engine *engine, const struct pl_owner *who, uint64_t id,
		   struct pl_latch **ret)
{
	struct pl_latch *latch;

	latch = engine->is_latching ? pl_db_find_id(engine->world.db, id) : NULL;
	if (!may_see(who, latch))
		return PL_E_NOT_FOUND;
	*ret = latch;
	return 0;
}

int pl_engine_inquire(const struct pl_engine *engine, const struct pl_owner *who, uint64_t id,
		      const struct pl_latch **ret)
{
	struct pl_latch *latch;
	int r = look_up(engine, who, id, &latch);

	if (r == 0)
		*ret = latch;
	return r;
}

bool pl_engine_association(const struct pl_engine *engine, const struct pl_latch *latch,
			   struct pl_association_view *ret)
{
	return pl_association_look(&engine->world, latch, ret);
}

const struct pl_latch *pl_engine_next(const struct pl_engine *engine, const struct pl_owner *who,
				      uint64_t cursor)
{
	if (!engine->is_latching)
		return NULL;
	return who == NULL ? pl_db_next(engine->world.db, cursor) :
			     pl_db_next_of_uid(engine->world.db, who->uid, cursor);
}

/* Letting go */

/* What is let go of, or closed, is the association. What passes nothing now would go on blocking
 * the others, which are to be set free. */
static bool may_all(const struct pl_world *world, const struct pl_latch *latch, enum pl_event event)
{
	const struct pl_latch *pair = NULL;

	if (event != PL_EVENT_UNPROTECT || !pl_association_is_pair(latch))
		return true;
	while ((pair = pl_association_next(world, latch->cookie, pair)) != NULL) {
		if (pair->state == PL_STATE_BROKEN || pair->state == PL_STATE_DEAD)
			return false;
	}
	return true;
}

static void step_others(struct pl_world *world, uint64_t cookie, enum pl_event event,
			const struct pl_why *why)
{
	struct pl_latch *pair, *next;

	for (pair = pl_association_next(world, cookie, NULL); pair != NULL; pair = next) {
		next = pl_association_next(world, cookie, pair);
		(void)!pl_step_take(world, pair, event, why);
	}
}

static int step_by_id(struct pl_engine *engine, const struct pl_owner *who, uint64_t id,
		      enum pl_event event, const char *text)
{
	struct pl_why why = { .text = text };
	struct pl_world *world = &engine->world;
	struct pl_latch *latch;
	uint64_t cookie = 0;
	int r = look_up(engine, who, id, &latch);

	/* Without it the port would be open: it ends with its rule. */
	if (r == 0 && pl_step_stays(latch))
		r = PL_E_FORBIDDEN;
	if (r == 0 && !may_all(world, latch, event))
		r = PL_E_WRONG_STATE;
	/* One path may be broken, and the others live on. */
	if (r == 0 && pl_association_is_pair(latch) && event != PL_EVENT_ADMIN_BREAK)
		cookie = latch->cookie;
	if (r == 0)
		r = pl_step_take(world, latch, event, &why);
	if (r == 0)
		step_others(world, cookie, event, &why);
	if (r == 0)
		pl_step_wake(&engine->world);
	return r;
}

int pl_engine_release(struct pl_engine *engine, const struct pl_owner *who, uint64_t id)
{
	return step_by_id(engine, who, id, PL_EVENT_RELEASE, NULL);
}

int pl_engine_unprotect(struct pl_engine *engine, const struct pl_owner *who, uint64_t id)
{
	struct pl_latch *latch;
	int r = look_up(engine, who, id, &latch);

	if (r != 0)
		return r;
	if (who != NULL && !latch->may_unprotect)
		return PL_E_FORBIDDEN;
	return step_by_id(engine, who, id, PL_EVENT_UNPROTECT, NULL);
}

int pl_engine_admin_break(struct pl_engine *engine, uint64_t id, const char *text)
{
	return step_by_id(engine, NULL, id, PL_EVENT_ADMIN_BREAK, text);
}

int pl_engine_admin_close(struct pl_engine *engine, uint64_t id, const char *text)
{
	return step_by_id(engine, NULL, id, PL_EVENT_ADMIN_CLOSE, text);
}

/* Damage */

uint32_t pl_engine_used(const struct pl_engine *engine, enum pl_limit limit)
{
	return pl_usage_total(engine->world.usage, limit);
}

size_t pl_engine_unreadable(const struct pl_engine *engine)
{
	return engine->world.nr_unreadable;
}

unsigned pl_engine_damage(const struct pl_engine *engine)
{
	return engine->world.damage;
}

size_t pl_engine_unnamed(const struct pl_engine *engine)
{
	return engine->world.nr_unnamed;
}

/* It was in the guard alone, and its end is all that is waited for. */
static bool is_unknown(const struct pl_latch *latch)
{
	return latch->is_inherited && latch->cookie == 0 && latch->params.nr_suites == 0 &&
	       (latch->state == PL_STATE_CLOSED || latch->state == PL_STATE_CLOSED_TOLD);
}

static int free_unknown(struct pl_world *world, size_t *ret_nr)
{
	struct pl_latch *latch;
	size_t nr = 0;
	int r = 0;

	for (uint64_t at = 0; r == 0 && (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (!is_unknown(latch))
			continue;
		r = pl_step_take(world, latch, PL_EVENT_FLOW_GONE, NULL);
		nr += r == 0;
	}
	*ret_nr = nr;
	return r;
}

int pl_engine_forget_unreadable(struct pl_engine *engine, size_t *ret_records, size_t *ret_flows)
{
	struct pl_world *world = &engine->world;
	const struct pl_store_ops *store = world->ops.store;
	size_t nr_records = world->nr_unreadable, nr_flows = 0;
	int r = 0;

	if (engine->is_latching && world->damage != 0 && store->forget_unreadable != NULL)
		r = store->forget_unreadable(world->ops.store_ctx);
	if (r == 0 && engine->is_latching && world->damage != 0)
		r = free_unknown(world, &nr_flows);
	if (r != 0)
		return r;
	world->nr_unreadable = 0;
	world->damage = 0;
	*ret_records = nr_records;
	*ret_flows = nr_flows;
	return 0;
}

void pl_engine_owner_gone(struct pl_engine *engine, uint64_t session)
{
	if (engine->is_latching)
		pl_resume_orphan(&engine->world, session);
}

/* Whoever else shares its port does not keep a listener whose owner has let go of it: he could not
 * get rid of it. While the owner holds it, other sockets of his may be meant as well. */
static int is_listener_gone(struct pl_world *world, const struct pl_latch *latch, bool *ret)
{
	bool is_held = latch->state == PL_STATE_LISTENER &&
		       latch->owner.kind == PL_OWNER_SESSION &&
		       !pl_resume_is_awaited(world, latch->owner.number);
	struct pl_holders holders;
	int r = world->ops.socket->holders(world->ops.socket_ctx, &latch->tuple, latch->cookie,
					   latch->owner.uid, false, &holders);

	if (r == 0)
		*ret = !holders.has_own && !(is_held && holders.has_mine);
	return r;
}

static int is_socket_gone(struct pl_world *world, const struct pl_latch *latch, bool *ret)
{
	if (pl_tuple_is_listener(&latch->tuple) && latch->cookie != 0)
		return is_listener_gone(world, latch, ret);
	if (pl_auto_ends(world, latch))
		return pl_auto_is_gone(world, latch, ret);
	return world->ops.socket->is_gone(world->ops.socket_ctx, &latch->tuple, latch->cookie, ret);
}

static int flow_gone(struct pl_world *world, struct pl_latch *latch)
{
	bool is_gone = pl_tag_is_over(world, latch);
	int r = is_gone || pl_step_stays(latch) ? 0 : is_socket_gone(world, latch, &is_gone);

	if (r == 0 && is_gone && pl_tuple_is_listener(&latch->tuple))
		r = pl_rest_settle(world, latch);
	if (r != 0 || !is_gone)
		return r;
	return pl_step_take(world, latch, PL_EVENT_FLOW_GONE, NULL);
}

static int leave(struct pl_world *world, struct pl_latch *latch)
{
	uint64_t id = latch->id;
	int r = flow_gone(world, latch);

	latch = pl_db_find_id(world->db, id);
	if (latch != NULL) {
		latch->is_leaving = true;
		pl_step_mind(world, latch);
	}
	return r;
}

int pl_engine_flow_gone(struct pl_engine *engine, const struct pl_tuple *tuple)
{
	struct pl_latch *latch;

	latch = engine->is_latching ? pl_db_find(engine->world.db, tuple) : NULL;
	return latch == NULL ? PL_E_NOT_FOUND : leave(&engine->world, latch);
}

void pl_engine_socket_gone(struct pl_engine *engine, uint64_t cookie)
{
	struct pl_latch *latch = NULL;

	if (!engine->is_latching)
		return;
	while ((latch = pl_db_next_of_cookie(engine->world.db, cookie, latch)) != NULL) {
		latch->is_leaving = true;
		pl_step_mind(&engine->world, latch);
	}
}

void pl_engine_flows_gone(struct pl_engine *engine)
{
	struct pl_latch *latch;

	if (!engine->is_latching)
		return;
	for (uint64_t at = 0; (latch = pl_db_next(engine->world.db, at)) != NULL; ) {
		at = latch->id;
		latch->is_leaving = true;
		pl_step_mind(&engine->world, latch);
	}
}

/* What the guard refused, or a conflict that ended: cheap, and never put off. */
static void mend(struct pl_world *world, struct pl_latch *latch)
{
	uint64_t id = latch->id;

	if (latch->state == PL_STATE_LARVAL) {
		/* One that waits for its SAs has its own way. */
		if (pl_larva_find(world, id) == NULL)
			(void)!pl_step_take(world, latch, PL_EVENT_RELEASE, NULL);
	} else {
		if (latch->is_unsure && pl_births_are_taken(latch))
			pl_births_renew(world, latch);
		else if (latch->is_unsure && !pl_step_is_pinned(latch->state))
			(void)!pl_step_block_again(world, latch);
		pl_answer_again(world, latch);
		if (latch->state == PL_STATE_BROKEN)
			pl_step_recheck(world, latch, false);
	}
	latch = pl_db_find_id(world->db, id);
	if (latch != NULL)
		pl_db_mind(world->db, latch, latch->is_unsure || pl_step_is_polled(latch));
}

static bool is_over(const struct pl_world *world, uint64_t id)
{
	const struct pl_latch *latch = pl_db_find_id(world->db, id);

	return latch == NULL || latch->state == PL_STATE_CLOSED_GONE;
}

/* The end of an association is that of all its latches (U16); each looks for itself, to be sure. */
static void end_pairs(struct pl_world *world, uint64_t id)
{
	struct pl_latch *latch = pl_db_find_id(world->db, id), *next;
	uint64_t cookie;

	if (latch == NULL)
		return;
	cookie = pl_association_is_pair(latch) ? latch->cookie : 0;
	(void)!flow_gone(world, latch);
	if (cookie == 0 || !is_over(world, id))
		return;
	for (latch = pl_association_next(world, cookie, NULL); latch != NULL; latch = next) {
		next = pl_association_next(world, cookie, latch);
		if (latch->state != PL_STATE_LARVAL)
			(void)!flow_gone(world, latch);
	}
}

/* Its turn comes again after all others'. */
static void poll_socket(struct pl_world *world, struct pl_latch *latch)
{
	uint64_t id = latch->id;

	pl_db_mind(world->db, latch, false);
	if (pl_step_is_polled(latch) && latch->state != PL_STATE_LARVAL &&
	    pl_pairs_is_asked_for(world, latch)) {
		pl_pairs_look(world, latch);
		end_pairs(world, id);
	}
	latch = pl_db_find_id(world->db, id);
	if (latch != NULL)
		pl_step_mind(world, latch);
}

static size_t nr_minded(const struct pl_world *world)
{
	const struct pl_latch *latch = NULL;
	size_t nr = 0;

	while ((latch = pl_db_minded(world->db, latch)) != NULL)
		nr++;
	return nr;
}

void pl_engine_tick(struct pl_engine *engine)
{
	/* The kernel may take a millisecond to look for one socket, and users choose how many
	 * there are. */
	enum { PATIENCE_NS = 100000000 };
	struct pl_world *world = &engine->world;
	const struct pl_clock_ops *clock = world->ops.clock;
	struct pl_latch *latch, *next;
	uint64_t since;
	size_t nr;

	if (!engine->is_latching)
		return;
	world->wake_ns = 0;
	world->has_rerouted = false;
	if (!world->is_guarding)
		(void)!pl_engine_guard_lost(engine);
	/* What is done for one of them concerns no other. One that leaves the list and comes back
	 * is at its end then, for the next tick. */
	nr = nr_minded(world);
	for (latch = pl_db_minded(world->db, NULL); latch != NULL && nr > 0; latch = next, nr--) {
		next = pl_db_minded(world->db, latch);
		mend(world, latch);
	}
	nr = nr_minded(world);
	since = clock->now_ns(world->ops.clock_ctx);
	/* With one of an association others may go, or come. */
	for (; nr > 0 && (latch = pl_db_minded(world->db, NULL)) != NULL &&
	     clock->now_ns(world->ops.clock_ctx) - since < PATIENCE_NS; nr--)
		poll_socket(world, latch);
	pl_steer_settle(world);
	/* What waits for SAs or sessions waits for the next daemon. */
	if (!world->is_stopping) {
		pl_wait_tick(world);
		pl_restore_tick(world);
		pl_resume_tick(world);
		pl_renew_tick(world);
	}
	if (pl_db_minded(world->db, NULL) != NULL)
		pl_step_wake(world);
}
