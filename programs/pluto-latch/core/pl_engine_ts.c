/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a peer proposes is narrowed out of conflicts (RFC 5660 section 2.3, K32; design D5): the
 * answer is the largest part of it that touches no latch of another peer. That its peer is another
 * one is known at this time; what its protection will be is not, so an SA of the same peer is
 * judged when it is installed, as is everything that was not narrowed. There the latch breaks, and
 * the SA is accepted when its owner knows (K33, K34).
 *
 * Invariant: nothing is changed here. A narrowing that cannot be had, for whatever reason, leaves
 * that gate to decide.
 */

#include "core/pl_engine_impl.h"

#include "core/pl_ts_narrow.h"
#include "core/pl_ts_pieces.h"

#include <stdio.h>
#include <stdlib.h>

/* Flows of other peers that a proposal touches, and room to try an answer. */
struct narrowing {
	const struct pl_world *world;
	struct pl_peer peer;
	const struct pl_latch *first;
	unsigned nr;
	struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX];
	struct pl_ts_piece pieces[PL_TS_PIECES_MAX];
};

/* One that is BROKEN now waits for the end of its conflicts; another one would keep it so. */
static bool is_of_another(const struct narrowing *narrowing, const struct pl_latch *latch)
{
	if ((!pl_step_is_pinned(latch->state) && latch->state != PL_STATE_BROKEN) ||
	    latch->is_bypass || latch->params.peer.identity == NULL)
		return false;
	return pl_peer_diff(&latch->params.peer, &narrowing->peer,
			    narrowing->world->rules.match) != 0;
}

static int collect(void *ctx, struct pl_latch *latch)
{
	struct narrowing *narrowing = ctx;

	if (!is_of_another(narrowing, latch))
		return 0;
	if (narrowing->nr == PL_TS_NARROW_FLOWS_MAX)
		return PL_E_TOO_MANY;
	narrowing->flows[narrowing->nr++] = latch->tuple;
	if (narrowing->first == NULL || latch->id < narrowing->first->id)
		narrowing->first = latch;
	return 0;
}

/* The kernel can hold it, and pluto can say it. */
static bool can_be_held(struct narrowing *narrowing, const struct pl_ts_facts *ts,
			const struct pl_ts_narrowed *narrowed)
{
	unsigned nr;

	return pl_ts_pieces(&narrowed->tsr, &narrowed->tsi, PL_TS_PIECES_MAX, narrowing->pieces,
			    &nr) == 0 &&
	       (ts->may_cut || pl_ts_pieces_are_plain(narrowing->pieces, nr));
}

/* Fewer selectors are larger pieces cut: what the kernel cannot hold widens the cut. */
static int narrow(struct narrowing *narrowing, const struct pl_ts_facts *ts,
		  struct pl_ts_narrowed *ret)
{
	for (unsigned limit = PL_TS_NARROW_SELECTORS; limit > 0; limit /= 2) {
		int r = pl_ts_narrow(PL_ROLE_RESPONDER, &ts->selected_tsi, &ts->selected_tsr,
				     narrowing->flows, narrowing->nr, limit, ret);

		if (r == 0 && can_be_held(narrowing, ts, ret))
			return 0;
		if (r != 0 && r != PL_E_TOO_MANY)
			return r;
	}
	return PL_E_TOO_MANY;
}

static void explain(const struct narrowing *narrowing, const struct pl_ts_narrowed *narrowed,
		    struct pl_ts_verdict *ret)
{
	char tuple[PL_TUPLE_TEXT_MAX];

	snprintf(ret->text, sizeof(ret->text),
		 "TSi cut for %u, TSr for %u of %u connections latched with others, by %s; "
		 "the first is latch %llu, %s", narrowed->cut_tsi, narrowed->cut_tsr,
		 narrowing->nr, pl_ts_grain_name(narrowed->grain),
		 (unsigned long long)narrowing->first->id,
		 pl_tuple_text(&narrowing->first->tuple, tuple));
}

static enum pl_verdict_kind judge(struct narrowing *narrowing, const struct pl_ts_facts *ts,
				  struct pl_ts_verdict *ret)
{
	struct pl_db_query query = { PL_ROLE_RESPONDER, &ts->selected_tsi, &ts->selected_tsr };
	struct pl_ts_narrowed narrowed;

	if (pl_db_touch(narrowing->world->db, &query, collect, narrowing, NULL) != 0 ||
	    narrowing->nr == 0 || narrow(narrowing, ts, &narrowed) != 0)
		return PL_VERDICT_ACCEPT;
	ret->tsi = narrowed.tsi;
	ret->tsr = narrowed.tsr;
	explain(narrowing, &narrowed, ret);
	return PL_VERDICT_NARROW;
}

enum pl_verdict_kind pl_engine_narrow(const struct pl_world *world, const struct pl_fact *fact,
				      struct pl_ts_verdict *ret)
{
	const struct pl_ts_facts *ts = &fact->u.ts;
	enum pl_verdict_kind given;
	struct narrowing *narrowing;

	if (world->conf->conflict != PL_CONF_CONFLICT_NARROW || !fact->is_ok || !ts->may_narrow ||
	    fact->role != PL_ROLE_RESPONDER)
		return PL_VERDICT_ACCEPT;
	narrowing = calloc(1, sizeof(*narrowing));
	if (narrowing == NULL)
		return PL_VERDICT_ACCEPT;
	narrowing->world = world;
	narrowing->peer = (struct pl_peer) {
		.identity = fact->identity, .lineage = pl_sad_lineage(world->sad, fact->ike),
		.is_id_fixed = fact->conn.is_peer_id_fixed,
	};
	given = judge(narrowing, ts, ret);
	free(narrowing);
	return given;
}
