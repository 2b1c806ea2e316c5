/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a peer proposes is narrowed out of conflicts (RFC 5660 section 2.3, K32; design D5): the
 * answer is the largest part of it that touches no latch of another peer. That its peer is another
 * one is known at this time; what its protection will be is not, so an SA of the same peer is
 * judged when it is installed, as is everything that was not narrowed. There the latch breaks, and
 * the SA is accepted when its owner knows (K33, K34).
 *
 * Where latch.conf says so, newcomers are refused in the place of all that: here, which ends their
 * exchange well, and what only shows later when it is to be installed.
 *
 * Invariant: nothing is changed here. A narrowing that cannot be had, for whatever reason, leaves
 * that gate to decide.
 */

#include "core/pl_engine_impl.h"

#include "core/pl_association.h"
#include "core/pl_ts_fit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Latches of other peers that a proposal touches. */
struct concern {
	const struct pl_world *world;
	struct pl_peer peer;
	const struct pl_latch *first;
	unsigned nr;
};

/* And their flows. */
struct narrowing {
	struct concern concern;
	struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX];
};

static bool is_held(const struct pl_latch *latch)
{
	return (pl_step_is_pinned(latch->state) || latch->state == PL_STATE_BROKEN) &&
	       !latch->is_bypass && latch->params.peer.identity != NULL;
}

/* One that is BROKEN now waits for the end of its conflicts; another one would keep it so. */
static bool is_of_another(const struct concern *concern, const struct pl_latch *latch)
{
	return is_held(latch) && pl_peer_diff(&latch->params.peer, &concern->peer,
					      concern->world->rules.match) != 0;
}

static void count(struct concern *concern, const struct pl_latch *latch)
{
	concern->nr++;
	if (concern->first == NULL || latch->id < concern->first->id)
		concern->first = latch;
}

struct pl_peer pl_engine_peer_of(const struct pl_world *world, const struct pl_fact *fact)
{
	return (struct pl_peer) {
		.identity = fact->identity,
		.lineage = pl_sad_lineage(world->sad, fact->ike),
		.is_id_fixed = fact->conn.is_peer_id_fixed,
	};
}

static void name_first(const struct pl_latch *first, int at, struct pl_ts_verdict *ret)
{
	char tuple[PL_TUPLE_TEXT_MAX];

	if (first != NULL && (size_t)at < sizeof(ret->text))
		snprintf(ret->text + at, sizeof(ret->text) - at, "; the first is latch %llu, %s",
			 (unsigned long long)first->id, pl_tuple_text(&first->tuple, tuple));
}

void pl_engine_say_narrowed(const struct pl_ts_narrowed *narrowed, unsigned nr,
			    const struct pl_latch *first, struct pl_ts_verdict *ret)
{
	ret->tsi = narrowed->tsi;
	ret->tsr = narrowed->tsr;
	name_first(first, snprintf(ret->text, sizeof(ret->text),
				   "TSi cut for %u, TSr for %u of %u connections latched with "
				   "others, by %s", narrowed->cut_tsi, narrowed->cut_tsr, nr,
				   pl_ts_grain_name(narrowed->grain)), ret);
}

void pl_engine_say_refused(unsigned nr, const struct pl_latch *first, const char *why,
			   struct pl_ts_verdict *ret)
{
	name_first(first, snprintf(ret->text, sizeof(ret->text),
				   "%s%s%u connections are latched with others",
				   why == NULL ? "" : why, why == NULL ? "" : ": ", nr), ret);
}

const char *pl_engine_why_whole(unsigned nr, int r)
{
	if (nr > PL_TS_NARROW_FLOWS_MAX)
		return "too many connections to be cut out";
	if (r == PL_E_CONFLICT)
		return "nothing is left without them";
	if (r == PL_E_TOO_MANY)
		return "the kernel cannot hold what is left without them";
	return r == -ENOMEM ? "no memory" : "they cannot be cut out";
}

static struct concern concern_of(const struct pl_world *world, const struct pl_fact *fact)
{
	return (struct concern) { .world = world, .peer = pl_engine_peer_of(world, fact) };
}

/* Narrowing */

static int collect(void *ctx, struct pl_latch *latch)
{
	struct narrowing *narrowing = ctx;

	if (!is_of_another(&narrowing->concern, latch))
		return 0;
	if (narrowing->concern.nr < PL_TS_NARROW_FLOWS_MAX)
		narrowing->flows[narrowing->concern.nr] = latch->tuple;
	count(&narrowing->concern, latch);
	return 0;
}

static enum pl_verdict_kind judge(struct narrowing *narrowing, const struct pl_ts_facts *ts,
				  struct pl_ts_verdict *ret)
{
	struct pl_db_query query = { PL_ROLE_RESPONDER, &ts->selected_tsi, &ts->selected_tsr };
	const struct concern *concern = &narrowing->concern;
	struct pl_ts_narrowed narrowed;
	int r = PL_E_UNSUPPORTED;

	(void)pl_db_touch(concern->world->db, &query, collect, narrowing, NULL);
	if (concern->nr == 0)
		return PL_VERDICT_ACCEPT;
	/* of more than there is room for nothing is narrowed: pl_ts_narrow() */
	if (ts->may_narrow)
		r = pl_ts_fit(PL_ROLE_RESPONDER, ts, narrowing->flows, concern->nr, &narrowed);
	if (r != 0) {
		pl_engine_say_refused(concern->nr, concern->first,
				      pl_engine_why_whole(concern->nr, r), ret);
		return PL_VERDICT_ACCEPT;
	}
	pl_engine_say_narrowed(&narrowed, concern->nr, concern->first, ret);
	return PL_VERDICT_NARROW;
}

static enum pl_verdict_kind try_narrow(const struct pl_world *world, const struct pl_fact *fact,
				       struct pl_ts_verdict *ret)
{
	struct narrowing *narrowing;
	enum pl_verdict_kind given;

	if (fact->kind != PL_FACT_TS_REQUEST)
		return PL_VERDICT_ACCEPT;
	narrowing = calloc(1, sizeof(*narrowing));
	if (narrowing == NULL)
		return PL_VERDICT_ACCEPT;
	narrowing->concern = concern_of(world, fact);
	given = judge(narrowing, &fact->u.ts, ret);
	free(narrowing);
	return given;
}

/* Refusing */

/* Against whoever was there before it, a latch that was born broken has no claim. */
static bool has_claim(const struct pl_latch *latch)
{
	return is_held(latch) && (latch->state != PL_STATE_BROKEN ||
				  (latch->cause != PL_EVENT_CREATED_BROKEN &&
				   latch->cause != PL_EVENT_ACCEPTED_BROKEN));
}

static int count_claim(void *ctx, struct pl_latch *latch)
{
	struct concern *concern = ctx;

	if (has_claim(latch) && is_of_another(concern, latch))
		count(concern, latch);
	return 0;
}

static enum pl_verdict_kind try_refuse(const struct pl_world *world, const struct pl_fact *fact,
				       struct pl_ts_verdict *ret)
{
	struct pl_db_query query = {
		PL_ROLE_RESPONDER, &fact->u.ts.selected_tsi, &fact->u.ts.selected_tsr,
	};
	struct concern concern = concern_of(world, fact);

	(void)pl_db_touch(world->db, &query, count_claim, &concern, NULL);
	if (concern.nr == 0)
		return PL_VERDICT_ACCEPT;
	pl_engine_say_refused(concern.nr, concern.first, NULL, ret);
	return PL_VERDICT_REFUSE;
}

enum pl_verdict_kind pl_engine_judge_ts(const struct pl_world *world, const struct pl_fact *fact,
					struct pl_ts_verdict *ret)
{
	if (!fact->is_ok || fact->role != PL_ROLE_RESPONDER)
		return PL_VERDICT_ACCEPT;
	switch (world->conf->conflict) {
	case PL_CONF_CONFLICT_NARROW:
		return try_narrow(world, fact, ret);
	case PL_CONF_CONFLICT_REFUSE:
		return try_refuse(world, fact, ret);
	default:
		return PL_VERDICT_ACCEPT;
	}
}

/* What the installation of an SA would break, before it does. */
struct forecast {
	const struct pl_world *world;
	const struct pl_sa *sa;
	char *ret;
	size_t size;
};

static int would_break(void *ctx, struct pl_latch *latch)
{
	const struct forecast *forecast = ctx;
	const struct pl_world *world = forecast->world;
	struct pl_sa_view view = pl_sa_view(forecast->sa);
	struct pl_conflict_report report;

	if (!has_claim(latch))
		return 0;
	if (pl_step_is_pinned(latch->state) ?
		    pl_step_conflict(world, latch, pl_association_is_new(latch), &report) !=
			    PL_EVENT_CONFLICT_SA :
		    pl_conflict_judge(&latch->tuple, &latch->params, &view, &world->rules,
				      &report) != PL_CONFLICT_BREAK)
		return 0;
	snprintf(forecast->ret, forecast->size, "latch %llu is %s", (unsigned long long)latch->id,
		 report.text);
	return 1;
}

static int would_break_for(void *ctx, const struct pl_sa *sa)
{
	struct forecast *forecast = ctx;
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	return pl_db_touch(forecast->world->db, &query, would_break, forecast, NULL);
}

/* A pin names every SA of its reqid. */
static int would_break_namesakes(void *ctx, const struct pl_sa *sa)
{
	const struct forecast *forecast = ctx;
	const struct pl_sa *mine = forecast->sa;

	if (sa->is_known && mine->is_known &&
	    pl_params_diff(&sa->params, &mine->params, forecast->world->rules.match) == 0)
		return 0;
	return pl_sa_kin(sa, would_break_for, ctx);
}

bool pl_engine_is_refused(const struct pl_world *world, const struct pl_sa *sa, char *ret,
			  size_t size)
{
	struct forecast forecast = { world, sa, ret, size };

	if (world->conf->conflict != PL_CONF_CONFLICT_REFUSE || sa->role != PL_ROLE_RESPONDER)
		return false;
	return would_break_for(&forecast, sa) != 0 ||
	       pl_sad_of_reqid(world->sad, sa->reqid, would_break_namesakes, &forecast) != 0;
}
