/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What this host asks for, as the initiator of a child SA (RFC 5660 section 2.3; design D5). Here
 * nothing has to break: what is not asked for, or not taken, is not there, and the latch lives.
 * What would conflict with a latch of another peer is narrowed out of it (K32) where latch.conf
 * wants that, and is not asked for otherwise. An answer that conflicts all the same is refused.
 *
 * Before IKE_AUTH nobody knows who the peer is. It counts as another one when the connection names
 * another ID than the latch's peer has; else it may be he, with SAs that the latch needs, and the
 * answer is judged when he has proved who he is.
 *
 * Who has the latched peer's ID, but a renewed key, another method or trust anchor, no proof that
 * lasts, or is another ID or key of this host's, or protects otherwise: such an SA is installed,
 * and breaks what it must (K33), as in any other role; a latch that held out against that would
 * wait for nobody. A latch that is BROKEN keeps nobody from asking, for its
 * end may never come; but it is cut out as well, where there is something to cut.
 *
 * Invariant: nothing is changed here.
 */

#include "core/pl_engine_impl.h"

#include "core/pl_peer_id.h"
#include "core/pl_ts_fit.h"

#include <stdio.h>
#include <stdlib.h>

/* Who has another name, or none that is known. */
enum { ANOTHER = PL_DIFF_PEER_ID | PL_DIFF_PEER_UNKNOWN };

/* Flows of other peers. */
struct asking {
	const struct pl_world *world;
	struct pl_peer peer;
	const char *peer_id;
	bool is_proved;
	const struct pl_latch *first;	/* of those that are intact */
	unsigned nr_intact;
	unsigned nr;
	struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX];
};

static bool is_of_another(const struct asking *asking, const struct pl_latch *latch)
{
	const struct pl_peer *latched = &latch->params.peer;

	if ((!pl_step_is_pinned(latch->state) && latch->state != PL_STATE_BROKEN) ||
	    latch->is_bypass || latched->identity == NULL)
		return false;
	if (asking->is_proved)
		return (pl_peer_diff(latched, &asking->peer, PL_PEER_MATCH_ID) & ANOTHER) != 0;
	return !pl_peer_id_may_be(asking->peer_id, pl_identity_data(latched->identity)->peer.id);
}

static int collect(void *ctx, struct pl_latch *latch)
{
	struct asking *asking = ctx;

	if (!is_of_another(asking, latch))
		return 0;
	if (pl_step_is_pinned(latch->state)) {
		asking->nr_intact++;
		if (asking->first == NULL || latch->id < asking->first->id)
			asking->first = latch;
	}
	/* of more than there is room for nothing is narrowed: pl_ts_narrow() */
	if (asking->nr < PL_TS_NARROW_FLOWS_MAX)
		asking->flows[asking->nr] = latch->tuple;
	asking->nr++;
	return 0;
}

static enum pl_verdict_kind narrow(const struct asking *asking, const struct pl_ts_facts *ts,
				   struct pl_ts_verdict *ret, const char **ret_why)
{
	struct pl_ts_narrowed narrowed;
	int r = PL_E_UNSUPPORTED;

	if (asking->world->conf->conflict != PL_CONF_CONFLICT_NARROW)
		return PL_VERDICT_NONE;
	if (ts->may_narrow)
		r = pl_ts_fit(PL_ROLE_INITIATOR, ts, asking->flows, asking->nr, &narrowed);
	if (r != 0) {
		*ret_why = pl_engine_why_whole(asking->nr, r);
		return PL_VERDICT_NONE;
	}
	pl_engine_say_narrowed(&narrowed, asking->nr, asking->first, ret);
	return PL_VERDICT_NARROW;
}

static enum pl_verdict_kind judge(struct asking *asking, const struct pl_fact *fact,
				  struct pl_ts_verdict *ret)
{
	const struct pl_ts_facts *ts = &fact->u.ts;
	struct pl_db_query query = { PL_ROLE_INITIATOR, &ts->selected_tsi, &ts->selected_tsr };
	enum pl_verdict_kind given = PL_VERDICT_NONE;
	const char *why = NULL;

	(void)pl_db_touch(asking->world->db, &query, collect, asking, NULL);
	if (asking->nr > 0 && fact->kind == PL_FACT_TS_PROPOSAL)
		given = narrow(asking, ts, ret, &why);
	if (given != PL_VERDICT_NONE)
		return given;
	if (asking->nr_intact == 0)
		return PL_VERDICT_ACCEPT;
	pl_engine_say_refused(asking->nr_intact, asking->first, why, ret);
	return PL_VERDICT_REFUSE;
}

enum pl_verdict_kind pl_engine_judge_own(const struct pl_world *world, const struct pl_fact *fact,
					 struct pl_ts_verdict *ret)
{
	struct asking *asking;
	enum pl_verdict_kind given;

	if (fact->u.ts.is_beyond) {
		snprintf(ret->text, sizeof(ret->text), "they are wider than what was asked for");
		return PL_VERDICT_REFUSE;
	}
	if (!fact->is_ok)
		return PL_VERDICT_ACCEPT;
	asking = calloc(1, sizeof(*asking));
	if (asking == NULL) {
		snprintf(ret->text, sizeof(ret->text), "no memory");
		return PL_VERDICT_REFUSE;
	}
	asking->world = world;
	asking->is_proved = fact->ike != 0;
	asking->peer_id = fact->u.ts.peer_id;
	asking->peer = pl_engine_peer_of(world, fact);
	given = judge(asking, fact, ret);
	free(asking);
	return given;
}
