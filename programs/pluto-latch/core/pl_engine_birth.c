/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Births: latches that are asked for, and those that come to a listener.
 *
 * First the flow enters the guard, then its SAs are looked at, then it is pinned to them (K31,
 * L15). So nothing passes between the look and the latch (K2, K3), and an SA that arrives meanwhile
 * is judged like any other. A listener's connection takes the reqid that the guard saw in the
 * packet's path, never one that a lookup would find now.
 *
 * Invariant: a call that fails leaves no latch, or one that passes nothing.
 */

#include "core/pl_engine.h"

#include "core/pl_admit.h"
#include "core/pl_bypass.h"
#include "core/pl_engine_impl.h"
#include "core/pl_error.h"
#include "core/pl_peer_id.h"
#include "core/pl_renew.h"
#include "core/pl_steer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Making room and objects */

bool pl_birth_is_replaceable(const struct pl_latch *latch)
{
	return latch == NULL || latch->state == PL_STATE_LINGERING ||
	       latch->state == PL_STATE_CLOSED_TOLD;
}

/* Memory for the successor first: without it the flow of the old latch would be nobody's. Pins that
 * the old one could not get rid of would let packets in while the SAs of the new one are looked at.
 */
static int supersede(struct pl_world *world, struct pl_latch *old, const struct pl_owner *owner,
		     const char *peer, struct pl_latch **ret)
{
	int r = 0;

	if (old->is_unsure && !pl_step_is_pinned(old->state))
		r = pl_step_block_again(world, old);
	if (r == 0)
		r = pl_db_name_heir(world->db, old, owner, ret);
	if (r != 0)
		return r;
	(*ret)->is_heir = true;
	(*ret)->is_steered = old->is_steered;
	r = pl_db_set_peer(world->db, *ret, peer);
	if (r == 0)
		r = pl_step_take(world, old, PL_EVENT_SUPERSEDED, NULL);
	if (r != 0)
		pl_db_drop_heir(world->db);
	return r;
}

/* The session that would be told of its end has not come back yet: whoever wants the flow need not
 * wait for that. */
static void stop_waiting(struct pl_world *world, const struct pl_tuple *tuple)
{
	struct pl_latch *old = pl_db_find(world->db, tuple);

	if (old != NULL && old->state == PL_STATE_CLOSED_GONE)
		(void)!pl_step_take(world, old, PL_EVENT_TOLD, NULL);
}

static int insert(struct pl_world *world, const struct pl_tuple *tuple,
		  const struct pl_owner *owner, const char *peer, struct pl_latch **ret)
{
	struct pl_latch *latch;
	int r = pl_db_insert(world->db, tuple, owner, &latch);

	if (r != 0)
		return r;
	r = pl_db_set_peer(world->db, latch, peer);
	if (r == 0)
		*ret = latch;
	else
		pl_db_remove(world->db, latch);
	return r;
}

/* An object in PL_STATE_UNBORN; what was there before gives way, its flow still guarded. */
static int conceive(struct pl_world *world, const struct pl_tuple *tuple,
		    const struct pl_owner *owner, const char *peer, struct pl_latch **ret)
{
	struct pl_latch *old;
	int r;

	stop_waiting(world, tuple);
	old = pl_db_find(world->db, tuple);
	if (!pl_birth_is_replaceable(old))
		return PL_E_ALREADY_LATCHED;
	r = pl_usage_take(world->usage, &world->conf->limits, owner->uid, pl_step_limit(owner));
	if (r != 0)
		return r;
	r = old != NULL ? supersede(world, old, owner, peer, ret) :
			  insert(world, tuple, owner, peer, ret);
	if (r != 0)
		pl_usage_give_back(world->usage, owner->uid, pl_step_limit(owner));
	return r;
}

/* No latch, and yet the flow must not be set free: it was not free before, or its packets are on
 * their way. The object goes when the socket is gone. */
static void entomb(struct pl_world *world, struct pl_latch *latch)
{
	pl_db_set_state(world->db, latch, PL_STATE_CLOSED_TOLD);
	latch->is_unsure = true;
	(void)!pl_steer_off(world, latch);
	pl_step_mind(world, latch);
}

static void miscarry(struct pl_world *world, struct pl_latch *latch)
{
	if (latch->is_heir) {
		entomb(world, latch);
		return;
	}
	/* One that could not leave the guard stays in mind, and owner and tick know it. */
	if (latch->state != PL_STATE_UNBORN) {
		latch->is_unsure = true;
		pl_step_mind(world, latch);
		return;
	}
	pl_usage_give_back(world->usage, latch->owner.uid, pl_step_limit(&latch->owner));
	pl_db_remove(world->db, latch);
}

/* Nothing came of it. */
static void give_back(struct pl_world *world, struct pl_latch *latch)
{
	if (latch->is_heir || latch->state != PL_STATE_LARVAL ||
	    pl_step_take(world, latch, PL_EVENT_RELEASE, NULL) != 0)
		miscarry(world, latch);
}

static void take_wishes(struct pl_world *world, struct pl_latch *latch,
			const struct pl_engine_ask *ask)
{
	pl_db_set_cookie(world->db, latch, ask->cookie);
	latch->require = ask->require;
	latch->disposition = ask->disposition;
	latch->is_late = ask->is_late;
	latch->may_unprotect = ask->may_unprotect;
	latch->is_tagged = ask->tag != PL_TAG_NONE;
}

/* It carries the whole connection, and if that is wished for, nothing else. */
static bool will_do(const struct pl_sa_view *view, const struct pl_tuple *tuple,
		    const struct pl_wish *wish)
{
	const struct pl_suite *suite = &wish->suite;

	if (view->params == NULL ||
	    !pl_tuple_is_covered(tuple, view->role, view->tsi, view->tsr))
		return false;
	if (!wish->is_narrow)
		return true;
	return pl_tuple_is_alone(tuple, view->role, view->tsi, view->tsr) &&
	       (suite->protocol == 0 ||
		memcmp(suite, &view->params->suites[0], sizeof(*suite)) == 0);
}

static const struct pl_params *carrier_params(const struct pl_world *world,
					      const struct pl_tuple *tuple,
					      const struct pl_wish *wish, uint32_t reqid,
					      const struct pl_sa_view *views, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct pl_sa *sa = pl_sad_find(world->sad, views[i].child);

		if ((reqid == 0 || sa->reqid == reqid) && will_do(&views[i], tuple, wish))
			return views[i].params;
	}
	return NULL;
}

/* SAs that cannot be pinned are refused when they are to be (pl_step_take()). */
static int ask_kernel(const struct pl_world *world, const struct pl_terms *terms,
		      const struct pl_wish *wish, struct pl_lesson *ret)
{
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	unsigned nr;
	int r;

	if (pl_step_pins(world, terms, reqids, &nr) != 0)
		nr = 0;
	r = pl_step_ask_kernel(world, terms, reqids, nr, PL_ASK_ABSENT | PL_ASK_BARE,
			       &ret->report);
	/* The SPD is asked last: it is all that is in the way. */
	ret->is_beyond_spd = wish->is_wanted && ret->report.diff == 0 &&
			     (r == PL_E_CONFLICT || r == PL_E_NOT_PROTECTED) &&
			     pl_steer_may_begin(world, terms);
	return ret->is_beyond_spd ? 0 : r;
}

/* @reqid names the SA that the parameters are to be from; 0 is any. */
static int learn(const struct pl_world *world, const struct pl_tuple *tuple,
		 const struct pl_wish *wish, uint32_t reqid, struct pl_lesson *ret)
{
	struct pl_sa_view *views;
	const struct pl_params *carrier;
	struct pl_terms terms;
	unsigned nr;
	int r;

	*ret = (struct pl_lesson) { .has_carrier = false };
	terms = (struct pl_terms) { tuple, &ret->params, wish->is_narrow };
	r = pl_sad_views(world->sad, tuple, reqid, &views, &nr);
	if (r != 0)
		return r;
	carrier = carrier_params(world, tuple, wish, reqid, views, nr);
	if (carrier != NULL) {
		ret->has_carrier = true;
		ret->params = *carrier;
		r = pl_conflict_birth(tuple, wish, views, nr, &world->rules, &ret->params,
				      &ret->report);
	} else {
		r = PL_E_NO_SA;
	}
	free(views);
	return r == 0 ? ask_kernel(world, &terms, wish, ret) : r;
}

static int learn_for(struct pl_world *world, struct pl_latch *latch, const struct pl_wish *wish,
		     uint32_t reqid, struct pl_lesson *ret)
{
	int r = learn(world, &latch->tuple, wish, reqid, ret);
	int s = ret->has_carrier ? pl_latch_set_params(latch, &ret->params) : 0;

	return r == 0 ? s : r;
}

/* Births */

int pl_birth_complete(struct pl_world *world, struct pl_latch *latch, const struct pl_wish *wish,
		      enum pl_event event, bool may_be_broken, struct pl_lesson *ret)
{
	struct pl_why why = { .text = ret->report.text };
	int r = learn_for(world, latch, wish, 0, ret);

	if (r == 0 && ret->is_beyond_spd) {
		latch->is_optional = true;
		r = pl_steer_on(world, latch);
	}
	if (r == 0)
		r = pl_step_take(world, latch, event, NULL);
	if (r == PL_E_CONFLICT && may_be_broken) {
		why.diff = ret->report.diff;
		r = pl_step_take(world, latch, PL_EVENT_CREATED_BROKEN, &why);
	}
	return r;
}

/* At a socket that others send to as well, the peer may have been first: then its datagrams wait
 * there, and say under which SA the latch is born. */
static int expect_no_birth(struct pl_world *world, const struct pl_latch *latch)
{
	uint32_t seen[2];
	unsigned nr = 0;
	int r = world->ops.guard->born(world->ops.guard_ctx, &latch->tuple, seen, &nr);

	return r == 0 && nr > 0 ? PL_E_ALREADY_USED : r;
}

/* @may_wait: for SAs to be set up; the latch may stay PL_STATE_LARVAL. */
static int give_birth(struct pl_world *world, struct pl_latch *latch,
		      const struct pl_wish *wish, const struct pl_engine_ask *ask, bool may_wait,
		      struct pl_lesson *ret)
{
	int r = pl_step_take(world, latch, PL_EVENT_DEFERRED, NULL);

	if (r == 0 && ask->tag != PL_TAG_NONE && !ask->is_late)
		r = expect_no_birth(world, latch);
	if (r != 0)
		return r;
	if (latch->is_bypass)
		return pl_bypass_begin(world, latch);
	r = pl_birth_complete(world, latch, wish, PL_EVENT_CREATED, ask->may_be_broken, ret);
	return r == PL_E_NO_SA && may_wait ? pl_wait_begin(world, latch, ask, ret) : r;
}

/* Who wants one suite wants an SA of his own (K21). */
static bool is_narrow(const struct pl_engine_ask *ask)
{
	return ask->is_narrow || ask->suite.protocol != 0;
}

/* An old latch whose socket is gone already: the tick would find that, only later. Then the new one
 * begins as if there had been none, and may wait for its SAs. */
static void bury(struct pl_world *world, const struct pl_tuple *tuple)
{
	struct pl_latch *old;
	bool is_gone = false;

	stop_waiting(world, tuple);
	old = pl_db_find(world->db, tuple);
	if (old != NULL && pl_birth_is_replaceable(old) && !old->is_forwarded &&
	    world->ops.socket->is_gone(world->ops.socket_ctx, &old->tuple, old->cookie,
				       &is_gone) == 0 && is_gone)
		(void)!pl_step_take(world, old, PL_EVENT_FLOW_GONE, NULL);
}

int pl_birth_judge_peer(const struct pl_world *world, const struct pl_latch *latch,
			const char *peer)
{
	const char *had = pl_db_peer(world->db, latch);

	if (peer == NULL)
		return 0;
	if (had != NULL && strcmp(had, peer) != 0)
		return PL_E_WRONG_PEER;
	return latch->params.peer.identity == NULL ||
	       pl_peer_id_admits(peer, &latch->params.peer) ? 0 : PL_E_WRONG_PEER;
}

/* What is there becomes what was asked for, and his who asked. */
static int hand_over(struct pl_world *world, struct pl_latch *latch,
		     const struct pl_engine_ask *ask)
{
	bool is_named = pl_db_peer(world->db, latch) != NULL;
	int r = pl_birth_judge_peer(world, latch, ask->peer);

	if (r == 0 && !is_named)
		r = pl_db_set_peer(world->db, latch, ask->peer);
	if (r != 0)
		return r;
	r = pl_auto_give(world, latch, &ask->owner);
	if (r == 0)
		take_wishes(world, latch, ask);
	else if (!is_named)
		(void)!pl_db_set_peer(world->db, latch, NULL);
	return r;
}

/* A program that asks for what its connection has already holds it from now on. */
static int take_over(struct pl_world *world, struct pl_latch *latch,
		     const struct pl_engine_ask *ask, uint64_t *ret_id)
{
	int r;

	if (latch->state != PL_STATE_ESTABLISHED || (is_narrow(ask) && !latch->is_narrow) ||
	    (ask->suite.protocol != 0 &&
	     memcmp(&ask->suite, &latch->params.suites[0], sizeof(ask->suite)) != 0))
		return PL_E_ALREADY_LATCHED;
	if (pl_params_meet(&latch->params, &ask->require) != 0)
		return PL_E_WEAK;
	r = hand_over(world, latch, ask);
	if (r == 0)
		*ret_id = latch->id;
	return r;
}

int pl_birth_take(struct pl_world *world, const struct pl_tuple *tuple,
		  const struct pl_engine_ask *ask, uint64_t *ret_id, struct pl_lesson *ret)
{
	struct pl_wish wish = {
		.require = ask->require,
		.is_narrow = is_narrow(ask), .suite = ask->suite, .is_wanted = ask->is_wanted,
		.peer = ask->peer,
	};
	struct pl_latch *old = pl_db_find(world->db, tuple);
	bool was_guarded = old != NULL;
	/* What was guarded before must not be set free when nothing comes of it. */
	bool may_wait = ask->setup_ms > 0 && world->ops.ike != NULL && !was_guarded;
	struct pl_latch *latch;
	bool gives_way = was_guarded && pl_birth_is_replaceable(old);
	int r;

	/* Whose ends are here, and whose are not, is never one latch's after the other. */
	if (was_guarded && old->state != PL_STATE_CLOSED_GONE &&
	    old->is_forwarded != ask->is_forwarded)
		return PL_E_ALREADY_LATCHED;
	if (was_guarded && pl_auto_is_flow(old) && !gives_way)
		return ask->is_bypass ? PL_E_ALREADY_LATCHED :
					take_over(world, old, ask, ret_id);
	r = gives_way && !ask->is_bypass ? learn(world, tuple, &wish, 0, ret) : 0;
	/* An old latch gives way only to a new one. */
	if (r != 0 && !(r == PL_E_CONFLICT && ask->may_be_broken))
		return r;
	r = conceive(world, tuple, &ask->owner, ask->peer, &latch);
	if (r != 0)
		return r;
	take_wishes(world, latch, ask);
	latch->is_narrow = is_narrow(ask);
	latch->is_bypass = ask->is_bypass;
	latch->is_forwarded = ask->is_forwarded;
	r = give_birth(world, latch, &wish, ask, may_wait, ret);
	if (r == 0) {
		*ret_id = latch->id;
		return 0;
	}
	give_back(world, latch);
	return r;
}

static int judge_pair(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_conflict_report report = { .verdict = PL_CONFLICT_NONE };
	struct pl_why why = { .text = report.text };
	int r;

	if (pl_step_conflict(world, latch, true, &report) == PL_EVENT_NONE) {
		if (pl_step_is_proved(world, latch))
			return pl_step_take(world, latch, PL_EVENT_COMPLETED, NULL);
		why.text = "no SA with the peer of the association is there for these addresses";
	}
	why.diff = report.diff;
	r = pl_step_take(world, latch, PL_EVENT_CREATED_BROKEN, &why);
	if (r == 0)
		pl_renew_look(world, latch);
	return r;
}

int pl_birth_pair(struct pl_world *world, const struct pl_latch *first,
		  const struct pl_tuple *tuple)
{
	struct pl_engine_ask ask = {
		.tuple = *tuple, .owner = first->owner, .cookie = first->cookie,
		.require = first->require, .disposition = first->disposition,
		.is_late = first->is_late, .may_unprotect = first->may_unprotect,
		.peer = pl_db_peer(world->db, first),
	};
	struct pl_latch *latch;
	int r = pl_admit(world->conf, tuple, &ask);

	if (r == 0)
		r = pl_params_meet(&first->params, &ask.require);
	/* For these addresses, latch.conf may say who it has to be. */
	if (r == 0)
		r = pl_birth_judge_peer(world, first, ask.peer);
	if (r == 0)
		r = conceive(world, tuple, &ask.owner, ask.peer, &latch);
	if (r != 0)
		return r;
	take_wishes(world, latch, &ask);
	latch->is_narrow = first->is_narrow;
	r = pl_latch_set_params(latch, &first->params);
	if (r == 0)
		r = pl_step_take(world, latch, PL_EVENT_DEFERRED, NULL);
	if (r == 0)
		r = judge_pair(world, latch);
	if (r != 0)
		give_back(world, latch);
	return r;
}

int pl_engine_latch(struct pl_engine *engine, const struct pl_engine_ask *ask, uint64_t *ret_id,
		    struct pl_conflict_report *ret_report)
{
	struct pl_world *world = &engine->world;
	struct pl_engine_ask admitted = *ask;
	struct pl_tuple tuple;
	struct pl_lesson lesson = { .has_carrier = false };
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_tuple_connection(&ask->tuple, &tuple);
	if (r == 0)
		r = pl_admit(world->conf, &tuple, &admitted);
	if (r == 0 && ask->is_bypass)
		r = pl_bypass_admit(world, &tuple, ask, &admitted);
	/* What latch.conf demands at least is no wish. */
	admitted.is_wanted = is_narrow(&admitted) || ask->require.protection != 0 ||
			     ask->peer != NULL;
	if (r == 0)
		bury(world, &tuple);
	if (r == 0)
		r = pl_birth_take(world, &tuple, &admitted, ret_id, &lesson);
	if ((r == PL_E_CONFLICT || lesson.is_held_back) && ret_report != NULL)
		*ret_report = lesson.report;
	return r;
}

static int listen_one(struct pl_world *world, const struct pl_engine_ask *ask,
		      const struct pl_tuple *tuple, uint64_t *ret_id)
{
	struct pl_engine_ask admitted = *ask;
	struct pl_latch *latch;
	int r = pl_admit(world->conf, tuple, &admitted);

	if (r == 0)
		r = conceive(world, tuple, &ask->owner, admitted.peer, &latch);
	if (r != 0)
		return r;
	take_wishes(world, latch, &admitted);
	r = pl_step_take(world, latch, PL_EVENT_LISTEN, NULL);
	if (r != 0)
		miscarry(world, latch);
	else
		*ret_id = latch->id;
	return r;
}

int pl_engine_listen(struct pl_engine *engine, const struct pl_engine_ask *ask,
		     uint64_t ret[static 2], unsigned *ret_nr)
{
	struct pl_world *world = &engine->world;
	struct pl_tuple tuples[2];
	uint64_t ids[2];
	unsigned nr, done;
	bool was_guarded;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_tuple_listener(&ask->tuple, ask->is_v6_only, tuples, &nr);
	if (r != 0)
		return r;
	was_guarded = pl_db_find(world->db, &tuples[0]) != NULL;
	for (done = 0; done < nr && r == 0; done++)
		r = listen_one(world, ask, &tuples[done], &ids[done]);
	if (r != 0) {
		/* If the first of two was new, nothing can have come to it. */
		if (done == 2)
			(void)!pl_step_take(world, pl_db_find_id(world->db, ids[0]),
					    was_guarded ? PL_EVENT_RELEASE : PL_EVENT_UNPROTECT,
					    NULL);
		return r;
	}
	for (unsigned i = 0; i < nr; i++)
		ret[i] = ids[i];
	*ret_nr = nr;
	return 0;
}

/**
 * struct birth - what a connection of a listener is born under
 * @reqid:    of its first packet, as whoever reports it says; 0: he does not know
 * @is_early: there was no packet yet: @reqid is of an SA of just this connection
 * @is_needed: without a packet there is nothing to latch
 */
struct birth {
	uint32_t reqid;
	bool is_early, is_needed;
};

static int find_any(void *ctx, const struct pl_sa *sa)
{
	(void)ctx;
	(void)sa;
	return 1;
}

/* The reqid of the first packet. Return: NULL, or what is doubtful about it.
 *
 * Whose SA is gone is nobody that could be asked for now: RFC 5660 section 2.3.1 would latch
 * whoever answers next, which is harmless to TCP alone. Here a connection is never latched to
 * another peer than the one that began it, so there is no latch but a BROKEN one. */
static const char *born_under(struct pl_world *world, const struct pl_tuple *tuple,
			      const struct birth *birth, uint32_t *ret)
{
	uint32_t seen[2] = { 0, 0 };
	unsigned nr = 0;

	if (world->ops.guard->born(world->ops.guard_ctx, tuple, seen, &nr) != 0)
		return "the guard does not say which SA it began under";
	if (nr == 0 && !birth->is_early)
		return "no first packet of it is known: it began before its listener was latched, "
		       "or had nothing to say for too long before it was presented";
	if (nr > 1)
		return "it began under SAs of more than one reqid";
	*ret = nr == 0 ? birth->reqid : seen[0];
	if (nr == 1 && !birth->is_early && birth->reqid != 0 && birth->reqid != seen[0])
		return "it began under another SA than is said";
	if (*ret == 0)
		return pl_strerror(PL_E_SHARED_REQID);
	if (pl_sad_of_reqid(world->sad, *ret, find_any, NULL) == 0)
		return "the SA that it began under is gone";
	return NULL;
}

/* Nobody came: as if it had not been asked for. */
static int expect_birth(struct pl_world *world, struct pl_latch *latch)
{
	uint32_t seen[2];
	unsigned nr = 0;

	if (world->ops.guard->born(world->ops.guard_ctx, &latch->tuple, seen, &nr) != 0 || nr > 0)
		return 0;
	if (!latch->is_heir &&
	    world->ops.guard->unguard(world->ops.guard_ctx, &latch->tuple, false) != 0)
		entomb(world, latch);
	return PL_E_NOT_FOUND;
}

static int accept_latch(struct pl_world *world, const struct pl_latch *listener,
			struct pl_latch *latch, const struct birth *birth)
{
	struct pl_wish wish = {
		.require = latch->require, .peer = pl_db_peer(world->db, latch),
	};
	struct pl_why why = { .listener = listener->id };
	struct pl_lesson lesson = { .has_carrier = false };
	int r = world->ops.guard->guard(world->ops.guard_ctx, &latch->tuple);
	const char *doubt = NULL;
	uint32_t reqid = 0;

	if (r == 0 && birth->is_needed)
		r = expect_birth(world, latch);
	if (r != 0)
		return r;
	latch->is_early = birth->is_early;
	doubt = born_under(world, &latch->tuple, birth, &reqid);
	r = doubt != NULL ? PL_E_SHARED_REQID :
			    learn_for(world, latch, &wish, reqid, &lesson);
	if (r == 0)
		r = pl_step_take(world, latch, PL_EVENT_ACCEPTED, &why);
	if (r != 0) {
		bool is_refused = r < 0;

		why.diff = lesson.report.diff;
		why.text = doubt != NULL ? doubt : lesson.report.text[0] != '\0' ?
			   lesson.report.text : pl_strerror(r);
		r = pl_step_take(world, latch, PL_EVENT_ACCEPTED_BROKEN, &why);
		/* What broke it may be over, and nothing would say so. */
		if (r == 0 && is_refused) {
			latch->is_unsure = true;
			pl_step_mind(world, latch);
		}
	}
	if (r != 0)
		entomb(world, latch);
	return r;
}

static int accept_at(struct pl_world *world, const struct pl_latch *listener,
		     const struct pl_engine_ask *ask, const struct birth *birth, uint64_t *ret_id)
{
	struct pl_latch *latch;
	int r;

	r = conceive(world, &ask->tuple, &listener->owner, ask->peer, &latch);
	if (r != 0)
		return r;
	take_wishes(world, latch, ask);
	r = accept_latch(world, listener, latch, birth);
	if (r != 0)
		miscarry(world, latch);
	else
		*ret_id = latch->id;
	return r;
}

/* @ask: of the listener's owner, or of whoever presents the socket. */
static int accept_ask(struct pl_world *world, const struct pl_engine_ask *ask,
		      const struct birth *birth, uint64_t *ret_id)
{
	const struct pl_latch *listener = pl_db_find_listener(world->db, &ask->tuple);

	if (listener == NULL || listener->state != PL_STATE_LISTENER)
		return PL_E_NOT_FOUND;
	return accept_at(world, listener, ask, birth, ret_id);
}

/* What the listener wants of each connection. */
static struct pl_engine_ask ask_of_listener(const struct pl_world *world,
					    const struct pl_latch *listener,
					    const struct pl_tuple *tuple)
{
	return (struct pl_engine_ask) {
		.tuple = *tuple, .owner = listener->owner, .require = listener->require,
		.disposition = listener->disposition, .may_unprotect = listener->may_unprotect,
		.peer = pl_db_peer(world->db, listener),
	};
}

int pl_birth_accept(struct pl_world *world, const struct pl_latch *listener,
		    const struct pl_tuple *tuple, uint32_t reqid, uint64_t cookie,
		    uint64_t *ret_id)
{
	struct pl_engine_ask ask = ask_of_listener(world, listener, tuple);

	ask.cookie = cookie;
	return accept_ask(world, &ask, &(struct birth) { .reqid = reqid }, ret_id);
}

int pl_engine_accept(struct pl_engine *engine, const struct pl_tuple *from, uint32_t reqid,
		     uint64_t cookie, uint64_t *ret_id)
{
	struct pl_world *world = &engine->world;
	const struct pl_latch *listener;
	struct pl_tuple tuple;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_tuple_connection(from, &tuple);
	if (r != 0)
		return r;
	listener = pl_db_find_listener(world->db, &tuple);
	if (listener == NULL)
		return PL_E_NOT_FOUND;
	return pl_birth_accept(world, listener, &tuple, reqid, cookie, ret_id);
}

void pl_birth_of_sa(struct pl_world *world, const struct pl_sa *sa)
{
	struct birth birth = { .reqid = sa->reqid, .is_early = true };
	const struct pl_latch *listener;
	struct pl_engine_ask ask;
	struct pl_tuple tuple;
	uint64_t id;

	if (pl_tuple_of_selectors(sa->role, &sa->tsi, &sa->tsr, &tuple) != 0 ||
	    pl_db_find(world->db, &tuple) != NULL || !pl_pairs_may_begin(world, &tuple))
		return;
	listener = pl_db_find_listener(world->db, &tuple);
	if (listener == NULL)
		return;
	ask = ask_of_listener(world, listener, &tuple);
	/* Without a latch its connection is born with its first packet, as all others are. */
	(void)!accept_ask(world, &ask, &birth, &id);
}

int pl_birth_leave_behind(struct pl_world *world, const struct pl_latch *listener,
			  const struct pl_tuple *tuple, uint64_t cookie)
{
	struct pl_engine_ask ask = ask_of_listener(world, listener, tuple);
	struct pl_latch *latch;
	uint64_t id;
	int r;

	ask.cookie = cookie;
	r = accept_at(world, listener, &ask, &(struct birth) { .is_needed = true }, &id);
	latch = r == 0 ? pl_db_find_id(world->db, id) : NULL;
	if (latch != NULL)
		latch->is_early = true;
	return r;
}

/* Nobody came, or whoever came is gone: only his socket could tell. */
void pl_birth_over(struct pl_world *world, const struct pl_sa *sa)
{
	struct pl_latch *latch;
	struct pl_tuple tuple;

	if (pl_tuple_of_selectors(sa->role, &sa->tsi, &sa->tsr, &tuple) != 0)
		return;
	latch = pl_db_find(world->db, &tuple);
	if (latch == NULL || !latch->is_early)
		return;
	latch->is_leaving = true;
	pl_step_mind(world, latch);
}

/* Of two requests the stricter one; of two modes that exclude each other, none is left. */
static int add_require(struct pl_require *to, const struct pl_require *more)
{
	if (to->mode != PL_MODE_NONE && more->mode != PL_MODE_NONE && to->mode != more->mode)
		return PL_E_WEAK;
	to->protection |= more->protection;
	if (more->min_key_bits > to->min_key_bits)
		to->min_key_bits = more->min_key_bits;
	if (more->min_integ_bits > to->min_integ_bits)
		to->min_integ_bits = more->min_integ_bits;
	if (more->mode != PL_MODE_NONE)
		to->mode = more->mode;
	return 0;
}

/* Likewise of two peers. */
static int add_peer(const char **to, const char *more)
{
	if (*to != NULL && more != NULL && strcmp(*to, more) != 0)
		return PL_E_WRONG_PEER;
	if (*to == NULL)
		*to = more;
	return 0;
}

/* The latch that is there since its SA or its first packet came gets its socket. */
static int adopt(struct pl_world *world, struct pl_latch *latch, const struct pl_engine_ask *ask,
		 uint64_t *ret_id)
{
	int r;

	if (latch->state == PL_STATE_ESTABLISHED &&
	    pl_params_meet(&latch->params, &ask->require) != 0)
		return PL_E_WEAK;
	r = hand_over(world, latch, ask);
	if (r != 0)
		return r;
	latch->is_early = false;
	latch->is_leaving = false;
	*ret_id = latch->id;
	return 0;
}

static bool is_orphan(const struct pl_latch *latch)
{
	return latch != NULL && !latch->is_forwarded &&
	       (latch->is_early || pl_auto_is_flow(latch)) &&
	       (latch->state == PL_STATE_ESTABLISHED || latch->state == PL_STATE_BROKEN ||
		latch->state == PL_STATE_DEAD);
}

int pl_birth_fetch(struct pl_world *world, const struct pl_engine_ask *ask, uint64_t *ret_id)
{
	struct pl_tuple tuple;
	struct pl_latch *latch;
	int r = pl_tuple_connection(&ask->tuple, &tuple);

	if (r != 0)
		return r;
	latch = pl_db_find(world->db, &tuple);
	if (latch == NULL || !is_orphan(latch) || !latch->is_early ||
	    latch->cookie != ask->cookie || latch->owner.uid != ask->owner.uid)
		return PL_E_NOT_FOUND;
	return adopt(world, latch, ask, ret_id);
}

int pl_engine_present(struct pl_engine *engine, const struct pl_engine_ask *asked,
		      uint64_t *ret_id)
{
	struct pl_world *world = &engine->world;
	const struct pl_latch *listener;
	struct pl_latch *latch;
	struct pl_engine_ask ask = *asked;
	struct birth birth = { .is_needed = asked->tag != PL_TAG_NONE };
	struct pl_tuple tuple;
	uint64_t id;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_tuple_connection(&asked->tuple, &tuple);
	if (r != 0)
		return r;
	listener = pl_db_find_listener(world->db, &tuple);
	if (listener == NULL)
		return PL_E_NOT_FOUND;
	ask.tuple = tuple;
	r = pl_admit(world->conf, &tuple, &ask);
	if (r == 0)
		r = add_require(&ask.require, &listener->require);
	if (r == 0)
		r = add_peer(&ask.peer, pl_db_peer(world->db, listener));
	if (r == 0 && asked->disposition == PL_DISPOSITION_DEFAULT)
		ask.disposition = listener->disposition;
	latch = pl_db_find(world->db, &tuple);
	if (r == 0)
		r = is_orphan(latch) ? adopt(world, latch, &ask, &id) :
				       accept_ask(world, &ask, &birth, &id);
	if (r != 0)
		return r;
	r = pl_auto_give(world, pl_db_find_id(world->db, id), &asked->owner);
	if (r == 0)
		*ret_id = id;
	return r;
}
