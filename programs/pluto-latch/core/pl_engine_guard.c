/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The guard as a whole: what has to be in force for the database to be true, put there anew when
 * somebody removed it, and compared with what is there.
 *
 * Invariant: while the guard is not known to be in force, no latch is ESTABLISHED and no SA comes
 * in (struct pl_world.is_guarding).
 */

#include "core/pl_engine.h"

#include "core/pl_answer.h"
#include "core/pl_births.h"
#include "core/pl_engine_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct items {
	struct pl_guard_item *list;
	size_t nr, room;
};

static int add_item(void *ctx, const struct pl_guard_item *item)
{
	struct items *items = ctx;

	if (items->nr == items->room) {
		size_t room = items->room == 0 ? 64 : items->room * 2;
		void *list = reallocarray(items->list, room, sizeof(*item));

		if (list == NULL)
			return -ENOMEM;
		items->list = list;
		items->room = room;
	}
	items->list[items->nr++] = *item;
	return 0;
}

static int add_pins(struct items *items, const struct pl_world *world,
		    const struct pl_latch *latch)
{
	struct pl_terms terms = pl_step_terms(latch);
	uint32_t reqids[PL_STEP_REQIDS_MAX] = { 0 };
	unsigned nr = 1;

	/* What cannot be pinned is guarded all the same. Without an SA the number is 0. */
	if (!latch->is_bypass && pl_step_pins(world, &terms, reqids, &nr) != 0)
		return 0;
	for (unsigned i = 0; i < 2 * nr; i++) {
		struct pl_guard_item item = {
			.kind = PL_GUARD_PIN, .tuple = latch->tuple,
			.pin = { i % 2 == 0 ? PL_DIR_IN : PL_DIR_OUT, reqids[i / 2] },
		};
		int r = add_item(items, &item);

		if (r != 0)
			return r;
	}
	return 0;
}

static int add_births(struct items *items, const struct pl_world *world,
		      const struct pl_latch *listener)
{
	struct pl_pin *pins = NULL;
	unsigned nr = 0;
	int r = pl_births_pins(world, listener, &pins, &nr);

	for (unsigned i = 0; r == 0 && i < nr; i++) {
		struct pl_guard_item item = {
			.kind = PL_GUARD_PIN, .tuple = listener->tuple, .pin = pins[i],
		};

		r = add_item(items, &item);
	}
	free(pins);
	return r;
}

static int items_of(const struct pl_world *world, struct items *ret)
{
	const struct pl_latch *latch;
	int r = 0;

	for (uint64_t at = 0; r == 0 && (latch = pl_db_next(world->db, at)) != NULL; ) {
		struct pl_guard_item item = { .kind = PL_GUARD_FLOW, .tuple = latch->tuple };

		at = latch->id;
		if (latch->state == PL_STATE_CLOSED_GONE)
			continue;
		if (pl_tuple_is_listener(&latch->tuple))
			item.kind = PL_GUARD_LISTENER;
		r = add_item(ret, &item);
		if (r == 0 && pl_births_are_taken(latch))
			r = add_births(ret, world, latch);
		else if (r == 0 && latch->is_answered)
			r = add_item(ret, &(struct pl_guard_item) { .kind = PL_GUARD_ANSWER,
								    .tuple = latch->tuple });
		else if (r == 0 && item.kind == PL_GUARD_FLOW && pl_step_is_pinned(latch->state))
			r = add_pins(ret, world, latch);
	}
	return r;
}

static void for_all(struct pl_world *world, void (*what)(struct pl_world *, struct pl_latch *))
{
	struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		what(world, latch);
	}
}

static void let_down(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_why why = { .text = "the guard is not in force" };

	if (pl_step_is_pinned(latch->state) && !pl_tuple_is_listener(&latch->tuple))
		(void)!pl_step_take(world, latch, PL_EVENT_CONFLICT_SPD, &why);
}

static void made_sure(struct pl_world *world, struct pl_latch *latch)
{
	latch->is_unsure = false;
	pl_answer_again(world, latch);
	pl_step_recheck(world, latch, false);
}

int pl_engine_guard_lost(struct pl_engine *engine)
{
	struct pl_world *world = &engine->world;
	struct items items = { .list = NULL };
	int r;

	if (!engine->is_latching)
		return PL_E_UNAVAILABLE;
	world->is_guarding = false;
	world->has_rerouted = false;
	r = items_of(world, &items);
	if (r == 0)
		r = world->ops.guard->rebuild(world->ops.guard_ctx, items.list, items.nr);
	free(items.list);
	if (r != 0) {
		for_all(world, let_down);
		pl_step_wake(world);
		return r;
	}
	world->is_guarding = true;
	for_all(world, made_sure);
	return 0;
}

bool pl_engine_is_guarding(const struct pl_engine *engine)
{
	return engine->is_latching && engine->world.is_guarding;
}

/* Field by field: there may be padding. */
static int compare(const void *one, const void *two)
{
	const struct pl_guard_item *a = one, *b = two;
	int order = (int)a->kind - (int)b->kind;

	if (order == 0)
		order = pl_tuple_compare(&a->tuple, &b->tuple);
	if (order == 0)
		order = (int)a->pin.direction - (int)b->pin.direction;
	if (order == 0)
		order = (a->pin.reqid > b->pin.reqid) - (a->pin.reqid < b->pin.reqid);
	return order;
}

static void sort(struct items *items)
{
	if (items->nr > 0)
		qsort(items->list, items->nr, sizeof(*items->list), compare);
}

int pl_engine_compare(struct pl_engine *engine, size_t *ret_missing, size_t *ret_extra)
{
	struct pl_world *world = &engine->world;
	struct items want = { .list = NULL }, have = { .list = NULL };
	size_t w = 0, h = 0, missing = 0, extra = 0;
	int r;

	if (!engine->is_latching)
		return PL_E_UNAVAILABLE;
	r = items_of(world, &want);
	if (r == 0)
		r = world->ops.guard->walk(world->ops.guard_ctx, add_item, &have);
	sort(&want);
	sort(&have);
	while (r == 0 && (w < want.nr || h < have.nr)) {
		int order = w == want.nr ? 1 : h == have.nr ? -1 :
			    compare(&want.list[w], &have.list[h]);

		missing += order < 0;
		extra += order > 0;
		w += order <= 0;
		h += order >= 0;
	}
	free(want.list);
	free(have.list);
	if (r == 0) {
		*ret_missing = missing;
		*ret_extra = extra;
	}
	return r;
}
