/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What one event breaks, taken together: the guard gets few transactions instead of one for each
 * latch.
 *
 * Invariants:
 * - The order of a single step (pl_step.c) is kept for all of them: whatever the event breaks is
 *   blocked before anybody is told of any of it, and the event's verdict comes after that.
 * - A latch that is due has its next state already, and is unsure: nobody is told that its flow is
 *   safe, and nothing permits it. Every other step of it settles this one first.
 * - A transaction that the guard refuses is asked for again, latch by latch: one that cannot be
 *   blocked puts nobody else in doubt.
 */

#include "core/pl_breaks.h"

#include "core/pl_steer.h"
#include "core/pl_step.h"

#include <stdlib.h>
#include <string.h>

/* In one transaction. More at a time gains nothing, and keeps the kernel busy for longer. */
enum { ITEMS_MAX = 1024, ITEMS_OF_ONE = 2 };

void pl_breaks_begin(struct pl_world *world)
{
	world->breaks.depth++;
}

void pl_breaks_end(struct pl_world *world)
{
	if (--world->breaks.depth == 0)
		pl_breaks_flush(world);
}

static struct pl_break *add(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_breaks *breaks = &world->breaks;

	if (breaks->depth == 0)
		return NULL;
	if (breaks->nr == breaks->room) {
		size_t room = breaks->room == 0 ? 16 : 2 * breaks->room;
		void *list = reallocarray(breaks->list, room, sizeof(*breaks->list));

		if (list == NULL)
			return NULL;
		breaks->list = list;
		breaks->room = room;
	}
	latch->is_due = true;
	breaks->list[breaks->nr] = (struct pl_break) { .latch = latch };
	return &breaks->list[breaks->nr++];
}

bool pl_breaks_put(struct pl_world *world, struct pl_latch *latch, enum pl_event event,
		   const struct pl_step *step, const struct pl_why *why)
{
	struct pl_break *one = add(world, latch);

	if (one == NULL)
		return false;
	one->event = event;
	one->from = latch->state;
	one->diff = why->diff;
	one->text = why->text == NULL ? NULL : strdup(why->text);
	pl_db_set_state(world->db, latch, step->next);
	if (step->effects & PL_DO_BLOCK) {
		one->takes = PL_GUARD_FLOW;
		latch->is_unsure = true;
	}
	return true;
}

bool pl_breaks_put_pin(struct pl_world *world, struct pl_latch *latch, uint32_t reqid)
{
	struct pl_break *one = add(world, latch);

	if (one == NULL)
		return false;
	one->takes = PL_GUARD_PIN;
	one->reqid = reqid;
	return true;
}

static unsigned items_of(const struct pl_break *one, struct pl_guard_item *ret)
{
	if (one->takes == PL_GUARD_NONE)
		return 0;
	ret[0] = (struct pl_guard_item) { .kind = one->takes, .tuple = one->latch->tuple };
	if (one->takes == PL_GUARD_FLOW)
		return 1;
	ret[0].pin = (struct pl_pin) { PL_DIR_IN, one->reqid };
	ret[1] = ret[0];
	ret[1].pin.direction = PL_DIR_OUT;
	return 2;
}

static bool unpin_together(struct pl_world *world, const struct pl_break *list, size_t nr)
{
	const struct pl_guard_ops *ops = world->ops.guard;
	struct pl_guard_item items[ITEMS_MAX];
	size_t nr_items = 0, nr_latches = 0;

	for (size_t i = 0; i < nr; i++) {
		unsigned more = items_of(&list[i], &items[nr_items]);

		nr_latches += more > 0;
		nr_items += more;
	}
	if (ops->unpin == NULL || nr_latches < 2)
		return false;
	return ops->unpin(world->ops.guard_ctx, items, nr_items) == 0;
}

/* A pin that stayed might let another SA of its number in: it breaks with the others. */
static void unpin_one(struct pl_world *world, struct pl_break *one)
{
	const struct pl_pin pins[] = { { PL_DIR_IN, one->reqid }, { PL_DIR_OUT, one->reqid } };
	struct pl_latch *latch = one->latch;
	struct pl_step step;

	if (one->takes == PL_GUARD_PIN) {
		if (world->ops.guard->retire(world->ops.guard_ctx, &latch->tuple, pins, 2) == 0 ||
		    pl_fsm_step(latch->state, PL_EVENT_CONFLICT_SA, &step) != 0)
			return;
		one->event = PL_EVENT_CONFLICT_SA;
		one->from = latch->state;
		one->text = strdup(PL_STEP_REFUSED);
		pl_db_set_state(world->db, latch, step.next);
	}
	(void)!pl_step_block_again(world, latch);
}

static void unpin(struct pl_world *world, struct pl_break *list, size_t nr)
{
	bool is_done = unpin_together(world, list, nr);

	for (size_t i = 0; i < nr; i++) {
		struct pl_break *one = &list[i];

		one->latch->is_due = false;
		if (!is_done && one->takes != PL_GUARD_NONE)
			unpin_one(world, one);
		else if (one->takes == PL_GUARD_FLOW)
			one->latch->is_unsure = false;
	}
}

static void record(struct pl_world *world, const struct pl_break *one)
{
	struct pl_why why = { .diff = one->diff, .text = one->text };
	struct pl_step step;

	if (one->event == PL_EVENT_NONE || pl_fsm_step(one->from, one->event, &step) != 0)
		return;
	(void)!pl_steer_off(world, one->latch);
	(void)!pl_step_record(world, one->latch, &(struct pl_taken) {
		one->event, one->from, &step, &why });
}

static void finish(struct pl_world *world, const struct pl_break *one)
{
	struct pl_why why = { .diff = one->diff, .text = one->text };
	struct pl_step step;

	if (one->event == PL_EVENT_NONE || pl_fsm_step(one->from, one->event, &step) != 0)
		return;
	(void)!pl_step_finish(world, one->latch, &(struct pl_taken) {
		one->event, one->from, &step, &why });
}

void pl_breaks_flush(struct pl_world *world)
{
	struct pl_breaks all = world->breaks;
	enum { AT_ONCE = ITEMS_MAX / ITEMS_OF_ONE };

	/* What comes of them is not collected with them. */
	world->breaks = (struct pl_breaks) { .depth = 0 };
	for (size_t i = 0; i < all.nr; i += AT_ONCE)
		unpin(world, &all.list[i], all.nr - i < AT_ONCE ? all.nr - i : AT_ONCE);
	for (size_t i = 0; i < all.nr; i++)
		record(world, &all.list[i]);
	for (size_t i = 0; i < all.nr; i++) {
		finish(world, &all.list[i]);
		free(all.list[i].text);
	}
	free(all.list);
	world->breaks.depth = all.depth;
}
