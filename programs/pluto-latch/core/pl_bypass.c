/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The other half of optional protection (RFC 5660 section 3.1, K55): a privileged program asks that
 * just one connection passes in clear where the SPD protects it. Such a latch has no peer and no
 * parameters. Its policies let its packets by, and the guard holds it like all others: what has no
 * SA passes, nothing else does, and after a break nothing at all.
 *
 * Invariant: in clear passes what an administrator has allowed in latch.conf, to a program of uid
 * 0, for a connection that nobody wants discarded; from the moment the latch is there to its end.
 */

#include "core/pl_bypass.h"

#include "core/pl_steer.h"

static int judge_wishes(const struct pl_engine_ask *ask)
{
	const struct pl_require *require = &ask->require;

	if (require->protection != 0 || require->min_key_bits != 0 ||
	    require->min_integ_bits != 0 || require->mode != PL_MODE_NONE)
		return PL_E_WEAK;
	return ask->is_narrow || ask->suite.protocol != 0 || ask->tag != PL_TAG_NONE ||
	       ask->peer != NULL ? PL_E_UNSUPPORTED : 0;
}

static bool can_bypass(const struct pl_world *world)
{
	const struct pl_ops *ops = &world->ops;

	/* Kernels whose sockets cannot be made to forget would never stop. */
	return ops->steer != NULL && ops->guard->bypass != NULL && ops->route != NULL &&
	       ops->route->forget(ops->route_ctx) == 0;
}

int pl_bypass_admit(const struct pl_world *world, const struct pl_tuple *tuple,
		    const struct pl_engine_ask *ask, const struct pl_engine_ask *admitted)
{
	int r = judge_wishes(ask);

	if (r != 0)
		return r;
	if (ask->owner.uid != 0)
		return PL_E_NOT_AUTHORIZED;
	if (!admitted->may_unprotect || judge_wishes(admitted) != 0)
		return PL_E_FORBIDDEN;
	if (world->is_blind)
		return PL_E_UNAVAILABLE;
	if (!pl_spd_may_steer(world->spd, tuple, NULL, 0, true))
		return PL_E_CONFLICT;
	return can_bypass(world) ? 0 : PL_E_UNSUPPORTED;
}

int pl_bypass_begin(struct pl_world *world, struct pl_latch *latch)
{
	int r = pl_steer_on(world, latch);

	return r != 0 ? r : pl_step_take(world, latch, PL_EVENT_CREATED, NULL);
}

static bool is_intact(const struct pl_world *world, const struct pl_latch *latch)
{
	return !world->is_blind && pl_spd_is_bypassed(world->spd, &latch->tuple) &&
	       pl_spd_may_steer(world->spd, &latch->tuple, NULL, 0, true);
}

void pl_bypass_recheck(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_why why = { .text = "its policies cannot let it by any more" };

	if (!pl_step_is_pinned(latch->state) || is_intact(world, latch))
		return;
	if (pl_steer_on(world, latch) != 0 || !is_intact(world, latch))
		(void)!pl_step_take(world, latch, PL_EVENT_CONFLICT_SPD, &why);
}
