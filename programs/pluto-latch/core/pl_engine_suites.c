/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which suite a child SA gets that a peer asks for (RFC 5660 section 2.1: K20, K21; design D6). One
 * that carries a latched connection and nothing else has the suite of the latch, or is not made:
 * that is the protection its program asked for. It is so, too, while that program waits for its
 * SAs: of two ends that ask at once for different suites neither gets what it did not ask for
 * (section 4, L24).
 *
 * A wider SA carries others as well, who did not choose. There the suite of the latches is taken
 * where the peer has it among several, because another one breaks them, and not insisted on.
 *
 * Another peer than the latch's is none of this: whatever its suite is, its SA is a conflict, and
 * judged when it is installed.
 */

#include "core/pl_engine_impl.h"

#include "core/pl_larva.h"

#include <string.h>

/* What is left, after the latches that were looked at. */
struct choice {
	const struct pl_world *world;
	const struct pl_ts_facts *ts;
	struct pl_peer peer;
	bool is_any;
	struct pl_suites left;
};

static bool is_of_peer(const struct choice *choice, const struct pl_latch *latch)
{
	return pl_peer_diff(&latch->params.peer, &choice->peer, choice->world->rules.match) == 0;
}

/* None: this latch does not mind. */
static unsigned suites_of(const struct choice *choice, const struct pl_latch *latch,
			  const struct pl_suite **ret)
{
	const struct pl_larva *larva;

	if (latch->is_bypass)
		return 0;
	if (latch->state == PL_STATE_LARVAL) {
		larva = pl_larva_find(choice->world, latch->id);
		if (larva == NULL || larva->error != 0 || larva->suite.protocol == 0)
			return 0;
		*ret = &larva->suite;
		return 1;
	}
	if ((!pl_step_is_pinned(latch->state) && latch->state != PL_STATE_BROKEN) ||
	    !is_of_peer(choice, latch))
		return 0;
	*ret = latch->params.suites;
	return latch->params.nr_suites;
}

static int look(void *ctx, struct pl_latch *latch)
{
	struct choice *choice = ctx;
	const struct pl_suite *suites = NULL;
	unsigned nr = suites_of(choice, latch, &suites);

	if (nr == 0)
		return 0;
	if (pl_tuple_is_alone(&latch->tuple, PL_ROLE_RESPONDER, &choice->ts->selected_tsi,
			      &choice->ts->selected_tsr))
		choice->left.is_must = true;
	if (choice->is_any) {
		memcpy(choice->left.list, suites, nr * sizeof(suites[0]));
		choice->left.nr = nr;
	} else {
		choice->left.nr = pl_suites_meet(choice->left.list, choice->left.nr, suites, nr,
						 choice->left.list);
	}
	choice->is_any = false;
	/* Whatever it is, it breaks one of them. */
	return choice->left.nr == 0;
}

enum pl_verdict_kind pl_engine_choose(const struct pl_world *world, const struct pl_fact *fact,
				      struct pl_suites *ret)
{
	struct choice choice = {
		.world = world, .ts = &fact->u.ts, .is_any = true,
		.peer = pl_engine_peer_of(world, fact),
	};
	struct pl_db_query query = {
		PL_ROLE_RESPONDER, &fact->u.ts.selected_tsi, &fact->u.ts.selected_tsr,
	};

	(void)pl_db_touch(world->db, &query, look, &choice, NULL);
	if (choice.is_any || choice.left.nr == 0)
		return PL_VERDICT_ACCEPT;
	*ret = choice.left;
	return PL_VERDICT_NARROW;
}
