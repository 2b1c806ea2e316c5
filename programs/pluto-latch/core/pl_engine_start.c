/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Birth of an engine that latches, in a kernel where an earlier daemon may have left its guard.
 *
 * The table outlives whoever made it, so that a daemon that dies lets nothing out. What is in it,
 * and not in the journal (pl_restore.c), belongs to latches of which nothing else is known: they
 * are closed, their sockets reset (K16, T14), and their flows stay blocked until no socket holds
 * them.
 *
 * Invariant: from the table of the predecessor to ours there is one transaction, and no flow of the
 * first is free in the second. It needs the journal alone, and so it is the first thing done: what
 * the table guards besides stays, and is looked for when all is in force.
 */

#include "core/pl_engine.h"

#include "core/pl_association.h"
#include "core/pl_contact.h"
#include "core/pl_engine_impl.h"
#include "core/pl_hold.h"
#include "core/pl_larva.h"
#include "core/pl_restore.h"
#include "core/pl_renew.h"
#include "core/pl_resume.h"

#include <errno.h>
#include <stdlib.h>

static bool is_complete(const struct pl_ops *ops)
{
	const struct pl_guard_ops *guard = ops->guard;

	return guard != NULL && guard->guard != NULL && guard->permit != NULL &&
	       guard->retire != NULL && guard->block != NULL && guard->unguard != NULL &&
	       guard->listen != NULL && guard->born != NULL && guard->rebuild != NULL &&
	       guard->walk != NULL && guard->take_over != NULL && guard->walk_left != NULL &&
	       ops->owner != NULL && ops->owner->alert != NULL &&
	       ops->socket != NULL && ops->socket->read != NULL && ops->socket->dispose != NULL &&
	       ops->socket->is_gone != NULL &&
	       ops->socket->holders != NULL && ops->clock != NULL && ops->clock->now_ns != NULL &&
	       (ops->route == NULL || ops->route->forget != NULL) &&
	       (ops->steer == NULL ||
		(ops->steer->put != NULL && ops->steer->take != NULL &&
		 ops->steer->sweep != NULL)) &&
	       (ops->ike == NULL ||
		(ops->ike->initiate != NULL && ops->ike->cancel != NULL));
}

void pl_engine_forget(struct pl_world *world)
{
	pl_larvae_free(world);
	pl_renewals_free(world);
	pl_resume_free(world);
	pl_associations_free(world);
	world->db = pl_db_free(world->db);
	world->sad = pl_sad_free(world->sad);
	world->spd = pl_spd_free(world->spd);
	world->ksad = pl_ksad_free(world->ksad);
	world->contacts = pl_contacts_free(world->contacts);
	world->usage = pl_usage_free(world->usage);
	world->holds = pl_holds_free(world->holds);
}

/* Flows and listeners, of the journal or of the predecessor's table. */
struct legacy {
	struct pl_guard_item *items;
	size_t nr, room;
};

static int remember(void *ctx, const struct pl_guard_item *item)
{
	struct legacy *legacy = ctx;

	if (legacy->nr == legacy->room) {
		size_t room = legacy->room == 0 ? 64 : legacy->room * 2;
		void *items = reallocarray(legacy->items, room, sizeof(*item));

		if (items == NULL)
			return -ENOMEM;
		legacy->items = items;
		legacy->room = room;
	}
	legacy->items[legacy->nr++] = *item;
	return 0;
}

/* Nobody is asked whether his limits allow it: the flow is guarded already. */
static int inherit(struct pl_world *world, const struct legacy *legacy)
{
	static const struct pl_owner socket = { .kind = PL_OWNER_SOCKET };
	struct pl_latch *latch;
	int r = 0;

	for (size_t i = 0; r == 0 && i < legacy->nr; i++) {
		r = pl_db_insert(world->db, &legacy->items[i].tuple, &socket, &latch);
		if (r == PL_E_ALREADY_LATCHED) {
			r = 0;
		} else if (r == 0) {
			latch->is_inherited = true;
			world->nr_unnamed++;
		}
	}
	return r;
}

/* Also what of the journal is not in the guard any more. */
static int add_heritage(struct legacy *legacy, const struct pl_heritage *heritage)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < heritage->nr; i++) {
		const struct pl_tuple *tuple = &heritage->items[i]->kept.tuple;
		bool is_listener = pl_tuple_is_listener(tuple);
		struct pl_guard_item item = {
			.kind = is_listener ? PL_GUARD_LISTENER : PL_GUARD_FLOW, .tuple = *tuple };

		r = remember(legacy, &item);
	}
	return r;
}

/* The guard refuses even to hold what it holds: nobody will do more for this one than keep it
 * blocked, and forget it when no socket has its tuple. */
static void entomb(struct pl_world *world, struct pl_latch *latch)
{
	pl_db_set_state(world->db, latch, PL_STATE_CLOSED_TOLD);
	latch->is_unsure = true;
	pl_step_mind(world, latch);
}

static void close_inherited(struct pl_world *world)
{
	static const struct pl_why why = { .text = "the daemon was restarted" };
	struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (latch->state == PL_STATE_UNBORN &&
		    pl_step_take(world, latch, PL_EVENT_LOST, &why) != 0)
			entomb(world, latch);
	}
	if (pl_db_count(world->db) > 0)
		pl_step_wake(world);
}

static int put_in_force(struct pl_world *world, const struct pl_heritage *heritage)
{
	struct legacy legacy = { .items = NULL };
	int r = add_heritage(&legacy, heritage);

	if (r == 0)
		r = world->ops.guard->take_over(world->ops.guard_ctx, legacy.items, legacy.nr);
	free(legacy.items);
	return r;
}

/* First in the guard, and then remembered. */
static int take_over(struct pl_world *world, struct pl_heritage *heritage)
{
	struct legacy legacy = { .items = NULL };
	int r = put_in_force(world, heritage);

	if (r == 0)
		r = world->ops.guard->walk_left(world->ops.guard_ctx, remember, &legacy);
	/* Its flows are blocked by now, and what it put into the SPD for them must not stay. */
	if (r == 0 && world->ops.steer != NULL)
		r = world->ops.steer->sweep(world->ops.steer_ctx);
	if (r == 0)
		r = pl_restore_insert(world, heritage);
	if (r == 0)
		r = inherit(world, &legacy);
	free(legacy.items);
	return r;
}

static int open_world(struct pl_world *world, const struct pl_ops *ops,
		      const struct pl_engine_settings *settings, uint64_t first_id)
{
	*world = (struct pl_world) {
		.ops = *ops, .conf = settings->conf,
		.rules = { (enum pl_peer_match)settings->conf->peer_match,
			   settings->conf->may_differ_in_qop },
		.last_reqid = PL_REQID_FIRST,
		.db = pl_db_new(settings->hash_key, first_id),
		.sad = pl_sad_new(), .spd = pl_spd_new(), .ksad = pl_ksad_new(),
		.contacts = pl_contacts_new(), .usage = pl_usage_new(),
		.holds = pl_holds_new(),
	};
	return world->db == NULL || world->sad == NULL || world->spd == NULL ||
	       world->ksad == NULL || world->contacts == NULL || world->usage == NULL ||
	       world->holds == NULL ?
		       -ENOMEM : 0;
}

/* In the guard, all of them, before the first of them is in the database. */
static int begin(struct pl_engine *engine, const struct pl_ops *ops,
		 const struct pl_engine_settings *settings, struct pl_heritage *heritage)
{
	struct pl_world *world = &engine->world;
	uint64_t first_id = heritage->found.next_id > settings->first_id ?
			    heritage->found.next_id : settings->first_id;
	int r = open_world(world, ops, settings, first_id);

	if (r == 0)
		r = pl_resume_read(world);
	if (r == 0)
		r = take_over(world, heritage);
	if (r != 0) {
		pl_engine_forget(world);
		return r;
	}
	world->is_guarding = true;
	world->nr_unreadable = heritage->found.nr_unreadable;
	world->damage = heritage->found.damage;
	engine->is_latching = true;
	pl_restore_begin(world, heritage);
	close_inherited(world);
	return 0;
}

int pl_engine_start(struct pl_engine *engine, const struct pl_ops *ops,
		    const struct pl_engine_settings *settings)
{
	struct pl_heritage heritage;
	int r;

	if (engine->is_latching)
		return PL_E_WRONG_STATE;
	if (!is_complete(ops))
		return PL_E_UNSUPPORTED;
	r = pl_restore_read(ops, settings->identities, &heritage);
	if (r == 0)
		r = begin(engine, ops, settings, &heritage);
	pl_restore_free(&heritage);
	return r;
}
