/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine's ear for pluto: each fact updates a mirror, and what it means for latches happens
 * before the verdict goes back (design, "One path for every change"). Until pl_engine_start() it
 * sees everything, counts it, and lets everything pass: the daemon is then stock pluto.
 *
 * Invariants:
 * - A fact of an asked kind that is not what its function expects is refused. "I do not know" must
 *   never install anything.
 * - An SA is judged at child-install, against every latch that it touches; breaks are complete,
 *   the owner's alert included, when ACCEPT is returned (K33, K34). Its pins are there by then too.
 * - The kernel gets only SAs that were judged, whichever path of pluto leads there (design D2).
 * - The end of an SA, or of an IKE SA, breaks nothing by itself (K15, L5); only silence to "are you
 *   there?" does (K19), and to anything else on an IKE SA that is in doubt (pl_contact.c).
 */

#include "core/pl_engine.h"

#include "core/pl_births.h"
#include "core/pl_contact.h"
#include "core/pl_engine_impl.h"
#include "core/pl_renew.h"
#include "core/pl_steer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pl_engine *pl_engine_new(pl_engine_observer *observer, void *ctx)
{
	struct pl_engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL)
		return NULL;
	engine->observer = observer;
	engine->observer_ctx = ctx;
	return engine;
}

struct pl_engine *pl_engine_free(struct pl_engine *engine)
{
	if (engine == NULL)
		return NULL;
	pl_engine_forget(&engine->world);
	free(engine);
	return NULL;
}

static bool see(struct pl_engine *engine, const struct pl_fact *fact)
{
	if ((unsigned)fact->kind <= PL_FACT_NONE || (unsigned)fact->kind >= PL_FACT_ROOF)
		return false;
	engine->count[fact->kind]++;
	engine->refusal[0] = '\0';
	engine->world.has_rerouted = false;
	if (engine->observer != NULL)
		engine->observer(engine->observer_ctx, fact);
	return true;
}

static enum pl_verdict_kind judge_ts(struct pl_engine *engine, const struct pl_fact *fact,
				     struct pl_ts_verdict *ret)
{
	bool is_own = fact->kind == PL_FACT_TS_PROPOSAL || fact->kind == PL_FACT_TS_RESPONSE;
	enum pl_verdict_kind given;

	if (!engine->is_latching)
		return PL_VERDICT_ACCEPT;
	given = is_own ? pl_engine_judge_own(&engine->world, fact, ret) :
			 pl_engine_judge_ts(&engine->world, fact, ret);
	if (given == PL_VERDICT_REFUSE)
		snprintf(engine->refusal, sizeof(engine->refusal), "%s", ret->text);
	return given;
}

enum pl_verdict_kind pl_engine_ts_request(struct pl_engine *engine, const struct pl_fact *fact,
					  struct pl_ts_verdict *ret)
{
	if (!see(engine, fact) ||
	    (fact->kind != PL_FACT_TS_REQUEST && fact->kind != PL_FACT_TS_PROPOSAL))
		return PL_VERDICT_REFUSE;
	return judge_ts(engine, fact, ret);
}

enum pl_verdict_kind pl_engine_ts_other(struct pl_engine *engine, const struct pl_fact *fact)
{
	struct pl_ts_verdict unused;

	if (!see(engine, fact) ||
	    (fact->kind != PL_FACT_TS_REKEY && fact->kind != PL_FACT_TS_RESPONSE))
		return PL_VERDICT_REFUSE;
	return judge_ts(engine, fact, &unused);
}

const char *pl_engine_refusal(const struct pl_engine *engine)
{
	return engine->refusal[0] == '\0' ? NULL : engine->refusal;
}

enum pl_verdict_kind pl_engine_suites(struct pl_engine *engine, const struct pl_fact *fact,
				      struct pl_suites *ret)
{
	if (!see(engine, fact) || fact->kind != PL_FACT_SUITES)
		return PL_VERDICT_REFUSE;
	return engine->is_latching ? pl_engine_choose(&engine->world, fact, ret) :
				     PL_VERDICT_ACCEPT;
}

/* Latches that an SA touches */

static int recheck(void *ctx, struct pl_latch *latch)
{
	if (latch->state == PL_STATE_LARVAL)
		pl_wait_look(ctx, latch);
	else
		pl_step_recheck(ctx, latch, false);
	return 0;
}

void pl_engine_recheck_sa(struct pl_world *world, const struct pl_sa *sa)
{
	struct pl_db_query query = { sa->role, &sa->tsi, &sa->tsr };

	pl_breaks_begin(world);
	(void)pl_db_touch(world->db, &query, recheck, world, NULL);
	pl_breaks_end(world);
}

struct about_sa {
	struct pl_world *world;
	const struct pl_sa *sa;
};

static int recheck_and_pin(void *ctx, struct pl_latch *latch)
{
	struct about_sa *about = ctx;

	pl_step_recheck(about->world, latch, false);
	pl_step_pin(about->world, latch, about->sa);
	return 0;
}

static int retire(void *ctx, struct pl_latch *latch)
{
	struct about_sa *about = ctx;

	pl_step_retire(about->world, latch, about->sa);
	return 0;
}

static int recheck_other(void *ctx, const struct pl_sa *sa)
{
	struct about_sa *about = ctx;

	if (sa != about->sa)
		pl_engine_recheck_sa(about->world, sa);
	return 0;
}

static int is_unlike(void *ctx, const struct pl_sa *sa)
{
	const struct about_sa *about = ctx;

	return !sa->is_known || !about->sa->is_known ||
	       pl_params_diff(&sa->params, &about->sa->params, about->world->rules.match) != 0;
}

/* A pin names every SA of its reqid, so another one of the number concerns the latches of both. */
static int recheck_namesakes(void *ctx, const struct pl_sa *sa)
{
	return is_unlike(ctx, sa) ? pl_sa_kin(sa, recheck_other, ctx) : 0;
}

/* Reqids */

struct reqid_search {
	const struct pl_params *params;
	uint32_t base;
};

static bool is_equal(const struct pl_params *a, const struct pl_params *b)
{
	return a->peer.identity == b->peer.identity &&
	       pl_params_diff(a, b, PL_PEER_MATCH_KEY) == 0 &&
	       pl_params_diff(b, a, PL_PEER_MATCH_KEY) == 0;
}

static int find_reqid(void *ctx, const struct pl_sa *sa)
{
	struct reqid_search *search = ctx;

	if (!sa->is_known || sa->reqid < PL_REQID_FIRST ||
	    !is_equal(&sa->params, search->params))
		return 0;
	search->base = sa->reqid - sa->reqid % PL_REQID_STEP;
	return 1;
}

uint32_t pl_engine_reqid(struct pl_engine *engine, const struct pl_fact *fact)
{
	struct pl_world *world = &engine->world;
	struct pl_params params;
	struct reqid_search search = { .params = &params };

	if (!engine->is_latching)
		return 0;
	if (pl_sad_params(world->sad, fact, &params) == 0)
		(void)pl_sad_of_conn(world->sad, fact->conn.serial, find_reqid, &search);
	if (search.base != 0)
		return search.base;
	if (world->last_reqid > PL_REQID_LAST - PL_REQID_STEP)
		return 0;
	world->last_reqid += PL_REQID_STEP;
	return world->last_reqid;
}

void pl_engine_sa_gone(struct pl_world *world, uint64_t child)
{
	struct pl_sa *sa = pl_sad_find(world->sad, child);
	struct about_sa about = { world, sa };
	struct pl_db_query query;

	if (sa == NULL)
		return;
	query = (struct pl_db_query) { sa->role, &sa->tsi, &sa->tsr };
	pl_sad_take(world->sad, sa);
	/* Pluto says so before the kernel has deleted it. */
	if (pl_sad_of_reqid(world->sad, sa->reqid, is_unlike, &about) != 0)
		pl_ksad_leave(world->ksad, child);
	else
		pl_ksad_forget(world->ksad, child);
	pl_births_change(world, sa, false);
	pl_breaks_begin(world);
	(void)pl_db_touch(world->db, &query, retire, &about, NULL);
	pl_breaks_end(world);
	pl_steer_follow(world, sa);
	pl_breaks_begin(world);
	pl_engine_recheck_sa(world, sa);
	(void)pl_sad_of_reqid(world->sad, sa->reqid, recheck_namesakes, &about);
	pl_breaks_end(world);
	pl_birth_over(world, sa);
	pl_sa_free(sa);
}

/* What is pinned for a latch that is unsure is not known: the guard refused to block it, say. A
 * number that we gave out names one party for good, whatever pins are left; an administrator's may
 * name another one next. All unsure latches are minded, and there are few such SAs. */
static bool may_be_pinned_for_others(const struct pl_world *world, uint32_t reqid)
{
	const struct pl_latch *latch = NULL;

	if (reqid >= PL_REQID_FIRST)
		return false;
	do
		latch = pl_db_minded(world->db, latch);
	while (latch != NULL && !latch->is_unsure);
	return latch != NULL;
}

enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine, const struct pl_fact *fact)
{
	struct pl_world *world = &engine->world;
	struct about_sa about = { .world = world };
	struct pl_db_query query;
	struct pl_sa *sa;

	if (!see(engine, fact) || fact->kind != PL_FACT_CHILD_INSTALL)
		return PL_VERDICT_REFUSE;
	if (!engine->is_latching)
		return PL_VERDICT_ACCEPT;
	if (!world->is_guarding || world->is_stopping ||
	    may_be_pinned_for_others(world, fact->u.child.reqid) ||
	    pl_sad_add(world->sad, fact, &sa) != 0)
		return PL_VERDICT_REFUSE;
	if (pl_engine_is_refused(world, sa, engine->refusal, sizeof(engine->refusal))) {
		pl_sad_take(world->sad, sa);
		pl_sa_free(sa);
		return PL_VERDICT_REFUSE;
	}
	/* Whoever took its route away wants it again. */
	if (fact->conn.serial == engine->unrouting)
		engine->unrouting = 0;
	about.sa = sa;
	query = (struct pl_db_query) { sa->role, &sa->tsi, &sa->tsr };
	pl_breaks_begin(world);
	(void)pl_db_touch(world->db, &query, recheck_and_pin, &about, NULL);
	(void)pl_sad_of_reqid(world->sad, sa->reqid, recheck_namesakes, &about);
	pl_breaks_end(world);
	pl_births_change(world, sa, true);
	/* Also what the guard refused just now, because of this SA. */
	if (!may_be_pinned_for_others(world, sa->reqid))
		return PL_VERDICT_ACCEPT;
	pl_engine_sa_gone(world, fact->child);
	return PL_VERDICT_REFUSE;
}

static void sa_up(struct pl_world *world, uint64_t child)
{
	struct pl_sa *sa = pl_sad_find(world->sad, child);

	if (sa == NULL)
		return;
	sa->is_up = true;
	pl_steer_follow(world, sa);
	pl_engine_recheck_sa(world, sa);
	pl_wait_reap(world);
	pl_birth_of_sa(world, sa);
}

static void sa_moved(struct pl_world *world, const struct pl_fact *fact)
{
	struct pl_sa *sa = pl_sad_find(world->sad, fact->child);

	if (sa == NULL)
		return;
	sa->path = fact->u.child.path;
	pl_steer_follow(world, sa);
}

struct path_search {
	const struct pl_world *world;
	const struct pl_terms *terms;
	const struct pl_sa *newest;
};

static int look_for_path(void *ctx, const struct pl_sa *sa)
{
	struct path_search *search = ctx;

	if (sa->is_up && pl_step_may_carry(search->world, search->terms, sa) &&
	    (search->newest == NULL || sa->child > search->newest->child))
		search->newest = sa;
	return 0;
}

const struct pl_path *pl_engine_path(const struct pl_engine *engine, const struct pl_latch *latch)
{
	struct pl_terms terms = pl_step_terms(latch);
	struct path_search search = { .world = &engine->world, .terms = &terms };

	if (!pl_step_is_pinned(latch->state) || pl_tuple_is_listener(&latch->tuple))
		return NULL;
	(void)!pl_sad_touch(engine->world.sad, &latch->tuple, look_for_path, &search, NULL);
	return search.newest == NULL ? NULL : &search.newest->path;
}

const char *pl_engine_peer(const struct pl_engine *engine, const struct pl_latch *latch)
{
	return engine->is_latching ? pl_db_peer(engine->world.db, latch) : NULL;
}

bool pl_engine_same_peer(const struct pl_engine *engine, const struct pl_latch *a,
			 const struct pl_latch *b)
{
	return pl_peer_diff(&a->params.peer, &b->params.peer,
			    engine->world.conf->peer_match) == 0;
}

/* The gate of last resort */

static bool is_approved_sa(const struct pl_world *world, const struct pl_fact *fact)
{
	const struct pl_sa *sa = pl_sad_find(world->sad, fact->child);
	const struct pl_sa_facts *asked = &fact->u.sa;

	if (fact->child == 0 || sa == NULL)
		return false;
	if (asked->protocol == PL_PROTO_IPCOMP)
		return sa->has_ipcomp;
	return asked->protocol == sa->protocol && asked->reqid == sa->reqid &&
	       ((asked->direction == PL_DIR_IN && asked->spi == sa->spi_in) ||
		(asked->direction == PL_DIR_OUT && asked->spi == sa->spi_out));
}

static bool is_approved_migration(const struct pl_world *world, const struct pl_fact *fact)
{
	const struct pl_sa *sa = pl_sad_find(world->sad, fact->child);
	const struct pl_child_facts *asked = &fact->u.child;

	return fact->child != 0 && sa != NULL && asked->protocol == sa->protocol &&
	       asked->reqid == sa->reqid && asked->spi_in == sa->spi_in &&
	       asked->spi_out == sa->spi_out && pl_ts_list_covers(&sa->tsi, &asked->tsi) &&
	       pl_ts_list_covers(&sa->tsr, &asked->tsr);
}

struct about_policy {
	struct pl_world *world;
	bool is_absent;
};

static int recheck_policy(void *ctx, struct pl_latch *latch)
{
	struct about_policy *about = ctx;

	pl_step_recheck(about->world, latch, about->is_absent);
	return 0;
}

static void recheck_policies(struct pl_world *world, const struct pl_db_query *query,
			     bool is_absent)
{
	struct about_policy about = { world, is_absent };

	pl_breaks_begin(world);
	(void)pl_db_touch(world->db, query, recheck_policy, &about, NULL);
	pl_breaks_end(world);
}

static void policy_changed(struct pl_world *world, const struct pl_policy_facts *policy,
			   bool is_absent)
{
	bool is_out = policy->direction == PL_DIR_OUT;
	struct pl_ts_list local = { .len = 1, .list = { is_out ? policy->src : policy->dst } };
	struct pl_ts_list remote = { .len = 1, .list = { is_out ? policy->dst : policy->src } };
	struct pl_db_query query = { PL_ROLE_INITIATOR, &local, &remote };

	recheck_policies(world, &query, is_absent);
}

static bool is_approved(struct pl_world *world, const struct pl_fact *fact)
{
	bool is_change;

	if (!world->is_guarding)
		return false;
	switch (fact->kind) {
	case PL_FACT_SA_ADD:
		return is_approved_sa(world, fact) &&
		       pl_ksad_add(world->ksad, &fact->u.sa, fact->child) == 0;
	case PL_FACT_SA_MIGRATE:
		if (!is_approved_migration(world, fact))
			return false;
		pl_ksad_move(world->ksad, fact->child);
		return true;
	default:
		if (pl_spd_add(world->spd, &fact->u.policy, &is_change) != 0)
			return false;
		if (is_change)
			policy_changed(world, &fact->u.policy, false);
		return true;
	}
}

enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine, const struct pl_fact *fact)
{
	if (!see(engine, fact))
		return PL_VERDICT_REFUSE;
	switch (fact->kind) {
	case PL_FACT_SA_ADD:
	case PL_FACT_SA_MIGRATE:
	case PL_FACT_POLICY_ADD:
		break;
	default:
		return PL_VERDICT_REFUSE;
	}
	return !engine->is_latching || is_approved(&engine->world, fact) ? PL_VERDICT_ACCEPT :
									  PL_VERDICT_REFUSE;
}

/* What nobody can refuse */

void pl_engine_recheck_all(struct pl_world *world, bool is_absent)
{
	struct pl_latch *latch;

	pl_breaks_begin(world);
	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		pl_step_recheck(world, latch, is_absent);
	}
	pl_breaks_end(world);
}

/* Each child of the IKE SA says so too, and each time every latch would be looked at. */
static void peer_dead(struct pl_engine *engine, const struct pl_fact *fact,
		      const struct pl_doubt *doubt)
{
	struct pl_world *world = &engine->world;
	struct pl_why why = { .text = doubt == NULL ? "the peer does not answer any more" :
			      "the peer has started anew, and knows of nothing before" };
	struct pl_peer peer = pl_engine_peer_of(world, fact);
	struct pl_latch *latch;

	if (fact->ike != 0 && fact->ike == engine->dead_ike)
		return;
	engine->dead_ike = fact->ike;
	pl_breaks_begin(world);
	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (!pl_tuple_is_listener(&latch->tuple) &&
		    pl_peer_diff(&latch->params.peer, &peer, world->rules.match) == 0 &&
		    (doubt == NULL || !pl_contact_spares(doubt, latch)))
			(void)!pl_step_take(world, latch, PL_EVENT_PEER_DEAD, &why);
	}
	pl_breaks_end(world);
}

/* Whoever claims to know nothing of an IKE SA, and is silent on it, is not behind a lossy path. */
static void ike_ends(struct pl_engine *engine, const struct pl_fact *fact,
		     enum pl_ike_end_cause cause)
{
	struct pl_doubt doubt;
	bool is_doubted = pl_contact_is_doubted(&engine->world, fact->ike, &doubt);

	if (cause == PL_IKE_END_PEER_LOST || (is_doubted && cause == PL_IKE_END_UNANSWERED))
		peer_dead(engine, fact, is_doubted ? &doubt : NULL);
}

static void ike_up(struct pl_world *world, const struct pl_fact *fact)
{
	/* Without memory the successor counts as another peer's. */
	(void)!pl_sad_ike_up(world->sad, fact->ike, fact->u.ike.rekeys);
	pl_contact_up(world, fact);
}

/* Before the SAs go, so that nothing is mended on the way. */
static void child_down(struct pl_engine *engine, const struct pl_fact *fact)
{
	ike_ends(engine, fact, fact->u.child_end.ike_cause);
	pl_engine_sa_gone(&engine->world, fact->child);
}

static void ike_down(struct pl_engine *engine, const struct pl_fact *fact)
{
	ike_ends(engine, fact, pl_ike_end_cause(&fact->u.ike_end));
	pl_contact_down(&engine->world, fact->ike);
	pl_sad_ike_down(engine->world.sad, fact->ike);
}

/* Instances come and go with their SAs, and so does what was made for one latch; any other
 * connection goes by somebody's will (K37). A template says
 * nothing of what its instances covered. */
static void connection_deleted(struct pl_world *world, const struct pl_fact *fact)
{
	const struct pl_ts_facts *ts = &fact->u.ts;
	struct pl_db_query query = { PL_ROLE_INITIATOR, &ts->tsi, &ts->tsr };

	if (fact->conn.instance != 0 || fact->conn.is_for_latch)
		return;
	if (fact->conn.is_template || ts->tsi.len == 0 || ts->tsr.len == 0)
		pl_engine_recheck_all(world, true);
	else
		recheck_policies(world, &query, true);
}

static void policy_deleted(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_spd_remove(engine->world.spd, &fact->u.policy);
	policy_changed(&engine->world, &fact->u.policy,
		       engine->unrouting != 0 && fact->conn.serial == engine->unrouting);
}

static void flushed(struct pl_world *world)
{
	pl_sad_clear(world->sad);
	pl_ksad_clear(world->ksad);
	pl_spd_clear(world->spd);
	pl_engine_recheck_all(world, true);
	pl_births_renew_all(world);
}

bool pl_engine_heeds(const struct pl_engine *engine, enum pl_fact_kind kind)
{
	if (engine->observer != NULL)
		return true;
	switch (kind) {
	case PL_FACT_PROPOSALS:
	case PL_FACT_PROPOSAL_CHOSEN:
	case PL_FACT_TS_VERDICT:
	case PL_FACT_TS_OFFER:
	case PL_FACT_TS_ANSWER:
	case PL_FACT_SPI_GET:
		return false;
	default:
		return true;
	}
}

void pl_engine_note(struct pl_engine *engine, const struct pl_fact *fact)
{
	struct pl_world *world = &engine->world;

	if (!see(engine, fact) || !engine->is_latching)
		return;
	switch (fact->kind) {
	case PL_FACT_STOPPING:
		pl_engine_stop(engine);
		break;
	case PL_FACT_CHILD_UP:
		sa_up(world, fact->child);
		break;
	case PL_FACT_CHILD_FAILED:
		pl_engine_sa_gone(world, fact->child);
		break;
	case PL_FACT_CHILD_DOWN:
		child_down(engine, fact);
		break;
	case PL_FACT_IKE_UP:
		ike_up(world, fact);
		break;
	case PL_FACT_IKE_ALIVE:
		pl_contact_alive(world, fact->ike);
		break;
	case PL_FACT_IKE_DOWN:
		ike_down(engine, fact);
		break;
	case PL_FACT_SA_MIGRATE:
		sa_moved(world, fact);
		break;
	case PL_FACT_SA_DELETE:
		pl_ksad_remove(world->ksad, &fact->u.sa);
		break;
	case PL_FACT_POLICY_DELETE:
		policy_deleted(engine, fact);
		break;
	case PL_FACT_CONN_UNROUTE:
		if (!fact->conn.is_for_latch)
			engine->unrouting = fact->conn.serial;
		break;
	case PL_FACT_CONN_ROUTE:
		engine->unrouting = 0;
		break;
	case PL_FACT_CONN_DELETE:
		connection_deleted(world, fact);
		break;
	case PL_FACT_FLUSH:
		flushed(world);
		break;
	case PL_FACT_INITIATED:
		pl_wait_answer(world, fact);
		pl_renew_answer(world, fact);
		break;
	default:
		break;
	}
}

uint64_t pl_engine_generation(const struct pl_engine *engine)
{
	return engine->world.generation;
}

uint32_t pl_engine_latches(const struct pl_engine *engine, enum pl_state shown)
{
	return engine->is_latching ? pl_db_shown(engine->world.db, shown) : 0;
}

uint64_t pl_engine_count(const struct pl_engine *engine, enum pl_fact_kind kind)
{
	return (unsigned)kind < PL_FACT_ROOF ? engine->count[kind] : 0;
}
