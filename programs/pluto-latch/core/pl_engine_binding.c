/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which latch has a channel binding, and when (RFC 5056; design D14).
 *
 * Invariant: what is handed out for one latch is always the same.
 */

#include "core/pl_engine.h"

#include "core/pl_engine_impl.h"

#include <string.h>

struct key_search {
	const struct pl_world *world;
	const struct pl_terms *terms;
	bool is_renewed;
};

static bool same_key(const struct pl_identity_end *a, const struct pl_identity_end *b)
{
	return a->spki.len == b->spki.len &&
	       (a->spki.len == 0 || memcmp(a->spki.ptr, b->spki.ptr, a->spki.len) == 0);
}

static int look_for_renewed(void *ctx, const struct pl_sa *sa)
{
	struct key_search *search = ctx;
	const struct pl_identity_data *latched, *now;

	if (!pl_step_may_carry(search->world, search->terms, sa) ||
	    sa->params.peer.identity == search->terms->params->peer.identity)
		return 0;
	latched = pl_identity_data(search->terms->params->peer.identity);
	now = pl_identity_data(sa->params.peer.identity);
	search->is_renewed = !same_key(&latched->peer, &now->peer) ||
			     !same_key(&latched->own, &now->own);
	return search->is_renewed;
}

int pl_engine_binding(const struct pl_engine *engine, const struct pl_latch *latch,
		      enum pl_binding_type type, struct pl_binding *ret)
{
	struct pl_terms terms = pl_step_terms(latch);
	struct key_search search = { .world = &engine->world, .terms = &terms };
	const struct pl_digest_ops *digest = engine->world.ops.digest;

	if (latch->state != PL_STATE_ESTABLISHED || latch->params.peer.identity == NULL)
		return PL_E_WRONG_STATE;
	(void)!pl_sad_touch(engine->world.sad, &latch->tuple, look_for_renewed, &search, NULL);
	if (search.is_renewed || digest == NULL)
		return PL_E_NOT_AVAILABLE;
	return pl_binding_make(digest, type, pl_identity_data(latch->params.peer.identity), ret);
}
