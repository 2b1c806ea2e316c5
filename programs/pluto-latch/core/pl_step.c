/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Carrying out what the table says (design, "One path for every change"). Fixed order: the kernel
 * blocks or permits, the journal, the ALERT, the socket. Whoever asked gets his verdict after that.
 *
 * Invariants, which the tests try with every effect failing at every place:
 * - ESTABLISHED means: guarded, and pinned to congruent SAs only. Pins are the last thing that the
 *   guard gets, after a block if an earlier one is in doubt, and the first thing that goes.
 * - Going down cannot fail: the latch is BROKEN or CLOSED even if the kernel refuses to block.
 * - Nobody is told before the guard was asked, and the time in the alert is from after that.
 */

#include "core/pl_step.h"

#include "core/pl_answer.h"
#include "core/pl_association.h"
#include "core/pl_births.h"
#include "core/pl_bypass.h"
#include "core/pl_larva.h"
#include "core/pl_peer_id.h"
#include "core/pl_renew.h"
#include "core/pl_steer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Latched pins, both directions of each reqid. */
static unsigned pins_of(const uint32_t *reqids, unsigned nr,
			struct pl_pin ret[static 2 * PL_STEP_REQIDS_MAX])
{
	for (unsigned i = 0; i < nr; i++) {
		ret[2 * i] = (struct pl_pin) { PL_DIR_IN, reqids[i] };
		ret[2 * i + 1] = (struct pl_pin) { PL_DIR_OUT, reqids[i] };
	}
	return 2 * nr;
}

struct pin_search {
	const struct pl_world *world;
	const struct pl_terms *terms;
	uint32_t *reqids;
	unsigned nr;
};

static bool is_among(uint32_t reqid, const uint32_t *reqids, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (reqids[i] == reqid)
			return true;
	}
	return false;
}

static bool is_congruent(const struct pl_world *world, const struct pl_terms *terms,
			 const struct pl_sa *sa)
{
	return sa->is_known &&
	       pl_params_diff(terms->params, &sa->params, world->rules.match) == 0;
}

struct pl_terms pl_step_terms(const struct pl_latch *latch)
{
	return (struct pl_terms) { &latch->tuple, &latch->params, latch->is_narrow };
}

bool pl_step_may_carry(const struct pl_world *world, const struct pl_terms *terms,
		       const struct pl_sa *sa)
{
	return is_congruent(world, terms, sa) &&
	       (!terms->is_narrow ||
		pl_tuple_is_alone(terms->tuple, sa->role, &sa->tsi, &sa->tsr));
}

static int collect_reqid(void *ctx, const struct pl_sa *sa)
{
	struct pin_search *search = ctx;

	if (!pl_step_may_carry(search->world, search->terms, sa) ||
	    is_among(sa->reqid, search->reqids, search->nr))
		return 0;
	if (sa->reqid == 0)
		return PL_E_SHARED_REQID;
	if (search->nr == PL_STEP_REQIDS_MAX)
		return PL_E_TOO_MANY;
	search->reqids[search->nr++] = sa->reqid;
	return 0;
}

static int find_wider(void *ctx, const struct pl_sa *sa)
{
	const struct pin_search *search = ctx;

	return !pl_sa_touches(sa, search->terms->tuple) ||
	       pl_step_may_carry(search->world, search->terms, sa) ? 0 : PL_E_SHARED_REQID;
}

/* A pin names whatever has the number, wherever it leads. */
static int find_shared(void *ctx, const struct pl_sa *sa)
{
	const struct pin_search *search = ctx;

	if (!is_congruent(search->world, search->terms, sa))
		return PL_E_SHARED_REQID;
	return search->terms->is_narrow ? pl_sa_kin(sa, find_wider, ctx) : 0;
}

int pl_step_pins(const struct pl_world *world, const struct pl_terms *terms,
		 uint32_t ret[static PL_STEP_REQIDS_MAX], unsigned *ret_nr)
{
	struct pin_search search = { .world = world, .terms = terms, .reqids = ret };
	int r = pl_sad_touch(world->sad, terms->tuple, collect_reqid, &search, NULL);

	for (unsigned i = 0; r == 0 && i < search.nr; i++)
		r = pl_sad_of_reqid(world->sad, search.reqids[i], find_shared, &search);
	if (r == 0)
		*ret_nr = search.nr;
	return r;
}

/* Effects on the guard */

void pl_step_wake_by(struct pl_world *world, uint64_t mono_ns)
{
	const struct pl_clock_ops *clock = world->ops.clock;

	/* Asking again would put it off, and whoever asks all the time would put it off for good.
	 */
	if (clock->wake_at == NULL || (world->wake_ns != 0 && world->wake_ns <= mono_ns))
		return;
	if (clock->wake_at(world->ops.clock_ctx, mono_ns) == 0)
		world->wake_ns = mono_ns;
}

void pl_step_wake(struct pl_world *world)
{
	enum { TICK_NS = 1000000000 };

	pl_step_wake_by(world, world->ops.clock->now_ns(world->ops.clock_ctx) + TICK_NS);
}

enum pl_limit pl_step_limit(const struct pl_owner *owner)
{
	return owner->kind == PL_OWNER_ADMIN ? PL_LIMIT_AUTOMATIC : PL_LIMIT_LATCHES;
}

bool pl_step_stays(const struct pl_latch *latch)
{
	return latch->owner.kind == PL_OWNER_ADMIN && latch->state == PL_STATE_LISTENER;
}

bool pl_step_is_polled(const struct pl_latch *latch)
{
	switch (latch->state) {
	case PL_STATE_LINGERING:
	case PL_STATE_CLOSED:
	case PL_STATE_CLOSED_TOLD:
		return true;
	case PL_STATE_CLOSED_GONE:
		return false;
	default:
		if (pl_step_stays(latch))
			return false;
		/* One that nobody listens at any more keeps others from their port. The kernel says
		 * nothing of the end of an association (U16). */
		return latch->is_leaving || latch->owner.kind != PL_OWNER_SESSION ||
		       pl_tuple_is_listener(&latch->tuple) ||
		       latch->tuple.proto == PL_TUPLE_SCTP;
	}
}

void pl_step_mind(struct pl_world *world, struct pl_latch *latch)
{
	pl_db_mind(world->db, latch, latch->is_unsure || pl_step_is_polled(latch));
	if (latch->is_minded)
		pl_step_wake(world);
}

static void doubt(struct pl_world *world, struct pl_latch *latch)
{
	latch->is_unsure = true;
	pl_step_mind(world, latch);
}

static int guard(struct pl_world *world, const struct pl_latch *latch)
{
	const struct pl_guard_ops *ops = world->ops.guard;

	return pl_tuple_is_listener(&latch->tuple) ?
	       ops->listen(world->ops.guard_ctx, &latch->tuple) :
	       ops->guard(world->ops.guard_ctx, &latch->tuple);
}

static int block(struct pl_world *world, struct pl_latch *latch)
{
	int r = world->ops.guard->block(world->ops.guard_ctx, &latch->tuple);

	latch->is_unsure = r != 0;
	pl_step_mind(world, latch);
	return r;
}

static int permit_bypass(struct pl_world *world, struct pl_latch *latch)
{
	int r = latch->is_unsure ? block(world, latch) : 0;

	if (r != 0)
		return r;
	r = world->ops.guard->bypass(world->ops.guard_ctx, &latch->tuple);
	if (r != 0)
		doubt(world, latch);
	return r;
}

static int permit(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_pin pins[2 * PL_STEP_REQIDS_MAX];
	struct pl_terms terms = pl_step_terms(latch);
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	unsigned nr;
	int r;

	if (latch->is_bypass)
		return permit_bypass(world, latch);
	r = pl_step_pins(world, &terms, reqids, &nr);
	if (r == 0)
		r = pl_answer_end(world, latch);
	if (r == 0 && latch->is_unsure)
		r = block(world, latch);
	if (r != 0 || nr == 0)
		return r;
	r = world->ops.guard->permit(world->ops.guard_ctx, &latch->tuple, pins,
				     pins_of(reqids, nr, pins));
	if (r != 0)
		doubt(world, latch);
	return r;
}

static bool is_up(const struct pl_step *step)
{
	return step->effects & (PL_DO_GUARD | PL_DO_PERMIT) && !(step->effects & PL_DO_BLOCK);
}

/* First the policies of its own, then the guard: nothing of them is left when it is free. A
 * creation that fails leaves the connection alive, and its birth to a listener that it came to.
 */
static int unguard(struct pl_world *world, struct pl_latch *latch, const struct pl_step *step)
{
	bool failed = latch->state == PL_STATE_LARVAL && step->next == PL_STATE_GONE;
	bool was_steered = latch->is_steered;
	int r = pl_steer_off(world, latch);

	if (r != 0)
		return r;
	r = world->ops.guard->unguard(world->ops.guard_ctx, &latch->tuple, !failed);
	/* It stays after all, and the SPD does not protect it. */
	if (r != 0 && was_steered)
		pl_step_recheck(world, latch, true);
	return r;
}

static int ask_guard(struct pl_world *world, struct pl_latch *latch, const struct pl_step *step)
{
	int r = 0;

	if (step->effects & PL_DO_GUARD)
		r = guard(world, latch);
	if (r != 0)
		return r;
	if (step->effects & PL_DO_BLOCK) {
		/* From here on nobody is told that the flow is safe. */
		if (step->next != PL_STATE_GONE)
			pl_db_set_state(world->db, latch, step->next);
		r = block(world, latch);
		if (pl_steer_off(world, latch) != 0 && r == 0)
			r = -EIO;
		return step->next == PL_STATE_GONE ? r : 0;
	}
	if (step->effects & PL_DO_PERMIT)
		return permit(world, latch);
	/* Without pins it is safe, and not in vain: SAs may come later. */
	if (step->next == PL_STATE_LISTENER && step->effects & PL_DO_GUARD)
		pl_births_renew(world, latch);
	return step->effects & PL_DO_UNGUARD ? unguard(world, latch, step) : 0;
}

/* The journal refused a step up: what the guard did for it goes. Of a step that pins, the flow
 * stays in the guard: its packets are on their way, and the caller knows what to make of it. So
 * does one that was guarded before. */
static void undo(struct pl_world *world, struct pl_latch *latch, const struct pl_step *step)
{
	if (step->effects & PL_DO_PERMIT) {
		(void)block(world, latch);
		doubt(world, latch);
	} else if (latch->is_heir) {
		doubt(world, latch);
	} else if (world->ops.guard->unguard(world->ops.guard_ctx, &latch->tuple, false) != 0) {
		/* An object keeps it in mind: pl_engine_tick() tries again. */
		pl_db_set_state(world->db, latch, PL_STATE_LARVAL);
		doubt(world, latch);
	}
}

static int save(struct pl_world *world, const struct pl_latch *latch, enum pl_state next)
{
	const struct pl_store_ops *ops = world->ops.store;

	if (ops == NULL)
		return 0;
	if (next == PL_STATE_GONE)
		return ops->forget == NULL ? 0 : ops->forget(world->ops.store_ctx, latch->id);
	return ops->save == NULL ? 0 : ops->save(world->ops.store_ctx, latch,
						  pl_db_peer(world->db, latch));
}

/* What the event is about is in force in the kernel, or makes it forget by itself: a policy that
 * comes does. So once does for all latches of an event, also for those that are not pinned yet. */
static void reroute(struct pl_world *world)
{
	const struct pl_route_ops *ops = world->ops.route;

	if (ops == NULL || world->has_rerouted)
		return;
	world->has_rerouted = true;
	(void)ops->forget(world->ops.route_ctx);
}

/* Effects on socket and owner */

static enum pl_disposition disposition_of(const struct pl_latch *latch,
					  const struct pl_step *step)
{
	/* The kernel would not close a UDP socket but disconnect it, and its program would hear
	 * anybody from then on. */
	if (pl_tuple_is_listener(&latch->tuple) || latch->tuple.proto == PL_TUPLE_UDP)
		return PL_DISPOSITION_WAIT;
	if (step->effects & PL_DO_RESET)
		return PL_DISPOSITION_RESET;
	if (!(step->effects & PL_DO_DISPOSE))
		return PL_DISPOSITION_WAIT;
	if (latch->disposition != PL_DISPOSITION_DEFAULT)
		return latch->disposition;
	return latch->tuple.proto == PL_TUPLE_SCTP ? PL_DISPOSITION_UNREACHABLE :
						     PL_DISPOSITION_RESET;
}

static void dispose(struct pl_world *world, struct pl_latch *latch, const struct pl_step *step)
{
	enum pl_disposition disposition = disposition_of(latch, step);

	/* What is forwarded has no socket here. */
	if (latch->is_forwarded && disposition != PL_DISPOSITION_WAIT)
		pl_answer_begin(world, latch);
	else if (disposition != PL_DISPOSITION_WAIT)
		(void)world->ops.socket->dispose(world->ops.socket_ctx, &latch->tuple,
						 latch->cookie, disposition);
}

/* Return: the owner knows, or there is none who could. */
static bool tell(struct pl_world *world, const struct pl_latch *latch,
		 const struct pl_taken *taken)
{
	struct pl_alert alert = {
		.id = latch->id, .listener = taken->why->listener, .tuple = latch->tuple,
		.event = taken->event, .from = taken->from, .to = taken->step->next,
		.diff = latch->diff, .mono_ns = latch->mono_ns,
		.generation = latch->generation, .error = taken->why->error,
		.reason = latch->reason,
	};
	bool is_told = latch->owner.kind != PL_OWNER_SESSION;
	struct pl_association_view association;

	if (pl_association_look(world, latch, &association)) {
		alert.association = association.id;
		alert.nr_intact = association.nr_intact;
	}
	if ((taken->step->effects & PL_DO_ALERT) && !is_told)
		is_told = world->ops.owner->alert(world->ops.owner_ctx, &latch->owner,
						  &alert) != PL_TOLD_NOT;
	if (world->ops.owner->watch != NULL)
		world->ops.owner->watch(world->ops.owner_ctx, &alert);
	return is_told;
}

static void stamp(struct pl_world *world, struct pl_latch *latch, enum pl_event event,
		  const struct pl_step *step, const struct pl_why *why)
{
	pl_db_set_state(world->db, latch, step->next);
	latch->mono_ns = world->ops.clock->now_ns(world->ops.clock_ctx);
	latch->generation = ++world->generation;
	pl_step_mind(world, latch);
	/* These change nothing about why it is as it is. */
	if (event == PL_EVENT_TOLD || event == PL_EVENT_OWNER_GONE)
		return;
	latch->cause = event;
	latch->diff = why->diff;
	latch->reason = why->text == NULL ? NULL : strdup(why->text);
}

/* The step is not taken after all; what there was to say about the latch is still to be said. */
static void unstamp(struct pl_world *world, struct pl_latch *latch,
		    const struct pl_latch *before)
{
	if (latch->reason != before->reason)
		free(latch->reason);
	pl_db_set_state(world->db, latch, before->state);
	latch->cause = before->cause;
	latch->diff = before->diff;
	latch->reason = before->reason;
}

static int delete_own(void *ctx, const struct pl_sa *sa)
{
	struct pl_world *world = ctx;

	/* Pluto knows which ones were made for a latch, and leaves the others. */
	(void)!world->ops.ike->delete_child(world->ops.ike_ctx, sa->child);
	return 0;
}

static void drop(struct pl_world *world, struct pl_latch *latch)
{
	uint64_t cookie = latch->cookie;

	pl_renew_end(world, latch);
	if (latch->is_narrow && world->ops.ike != NULL && world->ops.ike->delete_child != NULL)
		(void)pl_sad_touch(world->sad, &latch->tuple, delete_own, world, NULL);
	if (!latch->is_inherited)
		pl_usage_give_back(world->usage, latch->owner.uid, pl_step_limit(&latch->owner));
	pl_db_remove(world->db, latch);
	pl_association_end(world, cookie);
}

int pl_step_record(struct pl_world *world, struct pl_latch *latch, const struct pl_taken *taken)
{
	struct pl_latch before = *latch;
	int r;

	before.state = taken->from;
	stamp(world, latch, taken->event, taken->step, taken->why);
	r = taken->step->effects & PL_DO_SAVE ? save(world, latch, taken->step->next) : 0;
	if (r != 0 && is_up(taken->step)) {
		unstamp(world, latch, &before);
		undo(world, latch, taken->step);
		return r;
	}
	if (latch->reason != before.reason)
		free(before.reason);
	return 0;
}

int pl_step_finish(struct pl_world *world, struct pl_latch *latch, const struct pl_taken *taken)
{
	const struct pl_step *step = taken->step;
	bool is_told;

	if (taken->from == PL_STATE_LARVAL && step->next != taken->from)
		pl_larva_end(world, latch->id, step->next == PL_STATE_ESTABLISHED);
	if (step->effects & PL_DO_REROUTE)
		reroute(world);
	is_told = tell(world, latch, taken);
	/* After the owner was told, so that a program whose socket fails finds the reason there. */
	dispose(world, latch, step);
	if (step->effects & PL_DO_FREE)
		drop(world, latch);
	else if (is_told && (step->effects & PL_DO_ALERT) &&
		 (step->next == PL_STATE_CLOSED || step->next == PL_STATE_CLOSED_GONE))
		return pl_step_take(world, latch, PL_EVENT_TOLD, taken->why);
	return 0;
}

/* Also one that was down: its owner hears of it after all that the event breaks is blocked. */
static bool is_down(const struct pl_step *step)
{
	return step->effects & (PL_DO_BLOCK | PL_DO_ALERT) &&
	       !(step->effects & (PL_DO_GUARD | PL_DO_PERMIT | PL_DO_UNGUARD | PL_DO_FREE));
}

int pl_step_take(struct pl_world *world, struct pl_latch *latch, enum pl_event event,
		 const struct pl_why *why)
{
	static const struct pl_why no_reason;
	struct pl_taken taken;
	struct pl_step step;
	int r;

	if (latch->is_due)
		pl_breaks_flush(world);
	taken = (struct pl_taken) { event, latch->state, &step, why == NULL ? &no_reason : why };
	r = pl_fsm_step(latch->state, event, &step);
	if (r != 0)
		return r;
	if (is_up(&step) && (!world->is_guarding || world->is_stopping))
		return PL_E_UNAVAILABLE;
	if (is_down(&step) && pl_breaks_put(world, latch, event, &step, taken.why))
		return 0;
	r = ask_guard(world, latch, &step);
	if (r != 0)
		return r;
	if (step.next == taken.from && step.effects == 0)
		return 0;
	r = pl_step_record(world, latch, &taken);
	return r != 0 ? r : pl_step_finish(world, latch, &taken);
}

/* Judging again */

bool pl_step_is_pinned(enum pl_state state)
{
	return state == PL_STATE_ESTABLISHED || state == PL_STATE_LINGERING;
}

struct judging {
	const struct pl_world *world;
	const struct pl_latch *latch;
	struct pl_conflict_report *report;
};

static int judge_sa(void *ctx, const struct pl_sa *sa)
{
	const struct judging *judging = ctx;
	struct pl_sa_view view = pl_sa_view(sa);

	return pl_conflict_judge(&judging->latch->tuple, &judging->latch->params, &view,
				 &judging->world->rules, judging->report) == PL_CONFLICT_BREAK;
}

enum pl_event pl_step_conflict(const struct pl_world *world, const struct pl_latch *latch,
			       bool is_absent, struct pl_conflict_report *ret)
{
	struct judging judging = { world, latch, ret };
	struct pl_terms terms = pl_step_terms(latch);
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	unsigned nr;

	if (pl_sad_touch(world->sad, &latch->tuple, judge_sa, &judging, NULL) != 0)
		return PL_EVENT_CONFLICT_SA;
	*ret = (struct pl_conflict_report) { .verdict = PL_CONFLICT_BREAK };
	if (pl_step_pins(world, &terms, reqids, &nr) != 0) {
		snprintf(ret->text, sizeof(ret->text),
			 "the SAs of this connection cannot be told from others");
		return PL_EVENT_CONFLICT_SA;
	}
	switch (pl_step_ask_kernel(world, &terms, reqids, nr, is_absent ? PL_ASK_ABSENT : 0,
				   ret)) {
	case 0:
		return PL_EVENT_NONE;
	case PL_E_NOT_PROTECTED:
		return PL_EVENT_CONFLICT_SPD;
	case PL_E_CONFLICT:
		return ret->diff == 0 ? PL_EVENT_CONFLICT_SPD : PL_EVENT_CONFLICT_SA;
	default:
		return PL_EVENT_CONFLICT_SA;
	}
}

/* Somebody proved it to us. */
bool pl_step_is_proved(const struct pl_world *world, const struct pl_latch *latch)
{
	struct pl_terms terms = pl_step_terms(latch);
	uint32_t reqids[PL_STEP_REQIDS_MAX];
	unsigned nr;

	return pl_step_pins(world, &terms, reqids, &nr) == 0 && nr > 0;
}

/* What broke it was a conflict, so that the end of all conflicts mends it (T9). One that was born
 * weaker than it was asked for, or of another peer, has no better times to wait for (K14, K40). */
static bool is_mendable(const struct pl_world *world, const struct pl_latch *latch)
{
	switch (latch->cause) {
	case PL_EVENT_RESTORED:
		if (!pl_step_is_proved(world, latch))
			return false;
		break;
	case PL_EVENT_CREATED_BROKEN:
		if (pl_association_is_new(latch) && !pl_step_is_proved(world, latch))
			return false;
		break;
	case PL_EVENT_CONFLICT_SA:
	case PL_EVENT_CONFLICT_SPD:
	case PL_EVENT_ACCEPTED_BROKEN:
		break;
	default:
		return false;
	}
	return latch->params.peer.identity != NULL &&
	       pl_params_meet(&latch->params, &latch->require) == 0 &&
	       pl_peer_id_admits(pl_db_peer(world->db, latch), &latch->params.peer);
}

/* The flow keeps its protection, if that is how a change of the SPD shall be answered (K38). */
static enum pl_event steer_past(struct pl_world *world, struct pl_latch *latch, bool is_absent,
				struct pl_conflict_report *ret)
{
	if (!pl_steer_may(world, latch) || pl_steer_on(world, latch) != 0)
		return PL_EVENT_CONFLICT_SPD;
	return pl_step_conflict(world, latch, is_absent, ret);
}

void pl_step_recheck(struct pl_world *world, struct pl_latch *latch, bool is_absent)
{
	struct pl_conflict_report report = { .verdict = PL_CONFLICT_NONE };
	struct pl_why why = { .text = report.text };
	enum pl_event event;

	if (world->is_stopping || pl_tuple_is_listener(&latch->tuple) ||
	    (!pl_step_is_pinned(latch->state) && latch->state != PL_STATE_BROKEN))
		return;
	/* Nobody knows yet what it is to be mended from. */
	if (latch->is_due && latch->state == PL_STATE_BROKEN)
		return;
	if (latch->is_bypass) {
		pl_bypass_recheck(world, latch);
		return;
	}
	/* What the SPD broke, only the SPD mends. */
	if ((latch->state == PL_STATE_BROKEN && latch->cause == PL_EVENT_CONFLICT_SPD) ||
	    pl_association_is_new(latch))
		is_absent = true;
	event = pl_step_conflict(world, latch, is_absent, &report);
	if (event == PL_EVENT_CONFLICT_SPD)
		event = steer_past(world, latch, is_absent, &report);
	if (event == PL_EVENT_NONE && latch->is_steered && !pl_steer_look(world, latch)) {
		event = PL_EVENT_CONFLICT_SPD;
		snprintf(report.text, sizeof(report.text), "the SPD discards packets of it");
	}
	why.diff = report.diff;
	if (latch->state == PL_STATE_BROKEN) {
		/* What the guard refuses now stays BROKEN, until the next occasion. */
		if (event == PL_EVENT_NONE && is_mendable(world, latch))
			(void)!pl_step_take(world, latch, PL_EVENT_CLEARED,
					    &(struct pl_why) { .text = "no conflict is left" });
		pl_renew_look(world, latch);
		return;
	}
	if (event != PL_EVENT_NONE)
		(void)!pl_step_take(world, latch, event, &why);
	pl_renew_look(world, latch);
}

int pl_step_block_again(struct pl_world *world, struct pl_latch *latch)
{
	return block(world, latch);
}

static void guard_refused(struct pl_world *world, struct pl_latch *latch)
{
	struct pl_why why = { .text = PL_STEP_REFUSED };

	(void)!pl_step_take(world, latch, PL_EVENT_CONFLICT_SA, &why);
}

void pl_step_pin(struct pl_world *world, struct pl_latch *latch, const struct pl_sa *sa)
{
	struct pl_pin pins[2 * PL_STEP_REQIDS_MAX];
	struct pl_terms terms = pl_step_terms(latch);
	unsigned nr = pins_of(&sa->reqid, 1, pins);

	if (!pl_step_is_pinned(latch->state) || sa->reqid == 0 ||
	    !pl_sa_touches(sa, &latch->tuple) || !pl_step_may_carry(world, &terms, sa))
		return;
	if (latch->is_due)
		pl_breaks_flush(world);
	if (world->ops.guard->permit(world->ops.guard_ctx, &latch->tuple, pins, nr) != 0)
		guard_refused(world, latch);
}

struct heir_search {
	const struct pl_world *world;
	const struct pl_terms *terms;
	uint32_t reqid;
};

static int is_heir(void *ctx, const struct pl_sa *sa)
{
	const struct heir_search *search = ctx;

	return sa->reqid == search->reqid && pl_step_may_carry(search->world, search->terms, sa);
}

void pl_step_retire(struct pl_world *world, struct pl_latch *latch, const struct pl_sa *sa)
{
	struct pl_terms terms = pl_step_terms(latch);
	struct heir_search search = { world, &terms, sa->reqid };
	struct pl_pin pins[2 * PL_STEP_REQIDS_MAX];
	unsigned nr = pins_of(&sa->reqid, 1, pins);

	if (!pl_step_is_pinned(latch->state) || sa->reqid == 0 ||
	    !pl_sa_touches(sa, &latch->tuple) || !pl_step_may_carry(world, &terms, sa) ||
	    pl_sad_touch(world->sad, &latch->tuple, is_heir, &search, NULL) != 0)
		return;
	if (latch->is_due)
		pl_breaks_flush(world);
	if (pl_breaks_put_pin(world, latch, sa->reqid))
		return;
	if (world->ops.guard->retire(world->ops.guard_ctx, &latch->tuple, pins, nr) != 0)
		guard_refused(world, latch);
}
