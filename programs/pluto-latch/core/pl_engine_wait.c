/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Creation that waits for IKE (K25, K26, T15): the latch is LARVAL, its flow in the guard without a
 * pin, pluto asked for SAs. It ends in one of three ways: an SA comes up that will do, whoever
 * initiated it; pluto says that none will come; time is up.
 *
 * Invariant: one that fails leaves nothing behind, and its flow is as free as it was before it was
 * asked for. While the guard refuses to let go of the flow the latch stays, and every tick tries
 * again.
 */

#include "core/pl_engine_impl.h"
#include "core/pl_error.h"
#include "core/pl_larva.h"

#include <stdio.h>
#include <string.h>

static void give_up(struct pl_larva *larva, int error, const char *reason)
{
	larva->error = error;
	snprintf(larva->reason, sizeof(larva->reason), "%s",
		 reason[0] == '\0' ? pl_strerror(error) : reason);
}

static int admit(const struct pl_world *world, const struct pl_latch *latch,
		 const struct pl_engine_ask *ask, struct pl_hold_key *ret_key,
		 struct pl_lesson *ret)
{
	const struct pl_hold_wish wish = {
		.uid = latch->owner.uid, .is_forwarded = latch->is_forwarded,
		.is_narrow = latch->is_narrow, .suite = ask->suite, .tuple = &latch->tuple,
		.require = latch->require, .peer = ask->peer,
	};
	uint64_t now = world->ops.clock->now_ns(world->ops.clock_ctx);
	char text[PL_HOLD_TEXT_MAX];
	int r;

	pl_hold_key(&wish, ret_key);
	r = pl_holds_admit(world->holds, ret_key, now, text);
	if (r != 0) {
		ret->is_held_back = true;
		snprintf(ret->report.text, sizeof(ret->report.text), "%s", text);
	}
	return r;
}

int pl_wait_begin(struct pl_world *world, const struct pl_latch *latch,
		  const struct pl_engine_ask *ask, struct pl_lesson *ret)
{
	const struct pl_clock_ops *clock = world->ops.clock;
	const struct pl_initiate how = {
		.is_narrow = latch->is_narrow, .suite = ask->suite, .peer = ask->peer,
	};
	struct pl_hold_key key;
	struct pl_larva *larva;
	int r;

	r = admit(world, latch, ask, &key, ret);
	if (r == 0)
		r = pl_larva_new(world, latch, &larva);
	if (r != 0)
		return r;
	memcpy(&larva->key, &key, sizeof(key));
	larva->may_be_broken = ask->may_be_broken;
	larva->suite = ask->suite;
	larva->is_wanted = ask->is_wanted;
	larva->deadline_ns = clock->now_ns(world->ops.clock_ctx) +
			     (uint64_t)ask->setup_ms * 1000000u;
	r = world->ops.ike->initiate(world->ops.ike_ctx, latch->id, &latch->tuple, &how);
	if (r != 0) {
		pl_larva_end(world, latch->id, false);
		return r;
	}
	larva->is_begun = true;
	larva->is_asked = true;
	pl_step_wake_by(world, larva->deadline_ns);
	return 0;
}

/* What is there may do now. Without SAs or policies there is still hope. */
static void try(struct pl_world *world, struct pl_latch *latch, struct pl_larva *larva,
		bool is_last_chance)
{
	const struct pl_wish wish = {
		.require = latch->require, .is_narrow = latch->is_narrow,
		.suite = larva->suite, .is_wanted = larva->is_wanted,
		.peer = pl_db_peer(world->db, latch),
	};
	struct pl_lesson lesson;
	int r = pl_birth_complete(world, latch, &wish, PL_EVENT_COMPLETED, larva->may_be_broken,
				  &lesson);

	if (r != 0 && (is_last_chance || (r != PL_E_NO_SA && r != PL_E_NOT_PROTECTED)))
		give_up(larva, r, lesson.report.text);
}

void pl_wait_look(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_larva *larva = pl_larva_find(world, latch->id);

	if (larva != NULL && larva->error == 0)
		try(world, latch, larva, false);
}

bool pl_wait_is_hopeless(const struct pl_world *world)
{
	const struct pl_larva *larva = world->larvae;

	while (larva != NULL && larva->error == 0)
		larva = larva->next;
	return larva != NULL;
}

void pl_wait_reap(struct pl_world *world)
{
	struct pl_larva *next;

	for (struct pl_larva *larva = world->larvae; larva != NULL; larva = next) {
		struct pl_why why = { .text = larva->reason, .error = larva->error };

		next = larva->next;
		if (larva->error != 0 &&
		    pl_step_take(world, pl_db_find_id(world->db, larva->id), PL_EVENT_FAILED,
				 &why) != 0)
			pl_step_wake(world);
	}
}

void pl_wait_answer(struct pl_world *world, const struct pl_fact *fact)
{
	const struct pl_initiated_facts *answer = &fact->u.initiated;
	struct pl_larva *larva = pl_larva_find(world, answer->ticket);

	if (larva == NULL)
		return;
	larva->is_asked = false;
	if (larva->error == 0 && answer->error != 0)
		give_up(larva, answer->error, answer->reason);
	else if (larva->error == 0)
		try(world, pl_db_find_id(world->db, larva->id), larva, true);
	pl_wait_reap(world);
}

void pl_wait_tick(struct pl_world *world)
{
	uint64_t now = world->ops.clock->now_ns(world->ops.clock_ctx);

	for (struct pl_larva *larva = world->larvae; larva != NULL; larva = larva->next) {
		if (larva->error == 0 && larva->deadline_ns <= now)
			give_up(larva, PL_E_TIMEOUT, "");
		else if (larva->error == 0)
			pl_step_wake_by(world, larva->deadline_ns);
	}
	pl_wait_reap(world);
}
