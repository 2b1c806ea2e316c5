/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches that wait for their SAs: few, as a limit says, and so they are a list. Each lives exactly
 * as long as its latch is PL_STATE_LARVAL: the step that leads away from there ends it.
 */

#include "core/pl_larva.h"

#include <errno.h>
#include <stdlib.h>

int pl_larva_new(struct pl_world *world, const struct pl_latch *latch, struct pl_larva **ret)
{
	struct pl_larva *larva;
	int r = pl_usage_take(world->usage, &world->conf->limits, latch->owner.uid,
			      PL_LIMIT_PENDING);

	if (r != 0)
		return r;
	larva = calloc(1, sizeof(*larva));
	if (larva == NULL) {
		pl_usage_give_back(world->usage, latch->owner.uid, PL_LIMIT_PENDING);
		return -ENOMEM;
	}
	larva->id = latch->id;
	larva->uid = latch->owner.uid;
	larva->next = world->larvae;
	world->larvae = larva;
	*ret = larva;
	return 0;
}

struct pl_larva *pl_larva_find(const struct pl_world *world, uint64_t id)
{
	struct pl_larva *larva = world->larvae;

	while (larva != NULL && larva->id != id)
		larva = larva->next;
	return larva;
}

/* What was let go of, or was another's in the end, cost the same. */
static void remember(struct pl_world *world, const struct pl_larva *larva, bool is_done)
{
	uint64_t now = world->ops.clock->now_ns(world->ops.clock_ctx);

	if (is_done)
		pl_holds_succeeded(world->holds, &larva->key);
	else if (larva->error != 0)
		pl_holds_failed(world->holds, &larva->key, now, larva->error, larva->reason);
	else
		pl_holds_failed(world->holds, &larva->key, now, PL_E_NO_SA,
				"it was ended before its SAs were there");
}

void pl_larva_end(struct pl_world *world, uint64_t id, bool is_done)
{
	struct pl_larva **at = &world->larvae, *larva;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	larva = *at;
	if (larva == NULL)
		return;
	*at = larva->next;
	if (larva->is_asked && !is_done)
		world->ops.ike->cancel(world->ops.ike_ctx, id);
	if (larva->is_begun)
		remember(world, larva, is_done);
	pl_usage_give_back(world->usage, larva->uid, PL_LIMIT_PENDING);
	free(larva);
}

void pl_larvae_free(struct pl_world *world)
{
	struct pl_larva *larva;

	while ((larva = world->larvae) != NULL) {
		world->larvae = larva->next;
		free(larva);
	}
}
