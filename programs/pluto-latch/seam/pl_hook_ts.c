/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Traffic selectors: pluto selects first, then the engine is asked with both what the peer proposed
 * (read by ourselves, so that ranges stay ranges) and what pluto would do.
 *
 * A connection that was narrowed (pl_cut.c) keeps its selectors for the life of the child, also in
 * rekeys, whoever asks for them: pluto's own would say less.
 *
 * Fail closed: no engine, a payload we cannot read, a NARROW that is not within both proposal and
 * selection, or that pluto cannot hold exactly: the child SA is refused. In TS that is clean: the
 * peer gets TS_UNACCEPTABLE and its IKE SA lives on. Refusing later makes a 5.2 initiator wait.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"
#include "seam/pl_initiate.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include "core/pl_selector.h"
#include "core/pl_ts_wire.h"

static int read_payload(const struct msg_digest *md, enum next_payload_types_ikev2 type,
			struct pl_ts_list *ret)
{
	return pl_ts_wire_parse(pl_upstream_ts_body(md->chain[type]), ret);
}

static void read_proposal(const struct msg_digest *md, struct pl_ts_facts *ts)
{
	int r = read_payload(md, ISAKMP_NEXT_v2TSi, &ts->tsi);

	if (r == 0)
		r = read_payload(md, ISAKMP_NEXT_v2TSr, &ts->tsr);
	ts->proposed_error = r;
	if (r != 0)
		ts->tsi.len = ts->tsr.len = 0;
}

/* What the message says, and what is made of it. */
static void begin_fact(enum pl_fact_kind kind, const struct child_sa *child,
		       const struct msg_digest *md, struct pl_fact *ret)
{
	pl_seam_fact_of_state(kind, &child->sa, ret);
	pl_seam_no_selectors(&ret->u.ts);
	ret->u.ts.has_label = pl_upstream_has_label(child->sa.st_connection);
	read_proposal(md, &ret->u.ts);
}

static void end_fact(const struct child_sa *child, bool ok, struct pl_fact *ret)
{
	const struct connection *c = child->sa.st_connection;
	struct pl_ts_facts *ts = &ret->u.ts;
	bool is_initiator = child->sa.st_sa_role == SA_INITIATOR;

	ret->is_ok = ok;
	ts->is_accepted = ok;
	if (ok)
		pl_upstream_installed(c, is_initiator ? &ts->selected_tsi : &ts->selected_tsr,
				      is_initiator ? &ts->selected_tsr : &ts->selected_tsi);
}

static void ts_fact(enum pl_fact_kind kind, const struct child_sa *child,
		    const struct msg_digest *md, bool ok, struct pl_fact *ret)
{
	const struct connection *c = child->sa.st_connection;
	struct pl_ts_facts *ts = &ret->u.ts;

	begin_fact(kind, child, md, ret);
	end_fact(child, ok, ret);
	ts->may_narrow = ok && kind == PL_FACT_TS_REQUEST && ts->proposed_error == 0 &&
			 pl_upstream_cannot_narrow(c) == NULL;
	ts->may_cut = ts->may_narrow && pl_upstream_cannot_cut(c, &child->sa) == NULL;
}

/* NULL, or why pluto did not follow. */
static const char *apply_narrow(const struct child_sa *child, const struct pl_ts_facts *ts,
				const struct pl_ts_verdict *verdict)
{
	if (!pl_selector_contains(&ts->tsi, &verdict->tsi) ||
	    !pl_selector_contains(&ts->tsr, &verdict->tsr))
		return "verdict is wider than the proposal";
	if (!pl_selector_contains(&ts->selected_tsi, &verdict->tsi) ||
	    !pl_selector_contains(&ts->selected_tsr, &verdict->tsr))
		return "verdict is wider than the connection";
	/* The responder's own side is TSr. */
	return pl_upstream_narrow(child->sa.st_connection, &verdict->tsr, &verdict->tsi);
}

/* What conflicts and was not narrowed breaks latches when it is installed. */
static void log_whole(const struct child_sa *child, const struct pl_ts_verdict *verdict)
{
	const struct connection *c = child->sa.st_connection;
	const char *why = pl_upstream_cannot_narrow(c);

	if (why == NULL)
		why = pl_upstream_cannot_cut(c, &child->sa);
	llog(RC_LOG, child->sa.logger, "latch: Traffic Selectors are not narrowed: %s%s%s",
	     verdict->text, why == NULL ? "" : "; ", why == NULL ? "" : why);
}

static bool conclude(const struct child_sa *child, const struct pl_fact *asked,
		     enum pl_verdict_kind given, const struct pl_ts_verdict *narrow)
{
	const struct pl_ts_facts *ts = &asked->u.ts;
	enum pl_verdict_kind applied = given;
	const char *why_not = NULL;

	/* A security label is a selector of its own kind; the engine was told of it. */
	if (given == PL_VERDICT_ACCEPT && ts->proposed_error != 0 &&
	    !(ts->has_label && ts->proposed_error == PL_E_UNSUPPORTED)) {
		why_not = "proposal cannot be read";
	} else if (given == PL_VERDICT_NARROW) {
		why_not = narrow == NULL ? "too late to narrow" : apply_narrow(child, ts, narrow);
		if (why_not == NULL)
			pl_seam_log_narrowed(child->sa.logger, "narrowed Traffic Selectors",
					     narrow);
	} else if (given == PL_VERDICT_REFUSE) {
		why_not = pl_engine_refusal(pl_seam_engine());
	}
	if (given == PL_VERDICT_ACCEPT && narrow != NULL && narrow->text[0] != '\0')
		log_whole(child, narrow);
	if (why_not != NULL || (given != PL_VERDICT_ACCEPT && given != PL_VERDICT_NARROW))
		applied = PL_VERDICT_REFUSE;
	if (applied == PL_VERDICT_REFUSE)
		llog(RC_LOG, child->sa.logger, "latch: refusing Traffic Selectors%s%s",
		     why_not == NULL ? "" : ": ", why_not == NULL ? "" : why_not);
	pl_seam_tell_verdict(asked, given, applied, why_not, narrow);
	return applied != PL_VERDICT_REFUSE;
}

static bool judge_request(struct child_sa *child, const struct msg_digest *md, bool ok)
{
	struct pl_ts_verdict narrow = { .tsi = { .len = 0 } };
	enum pl_verdict_kind given = PL_VERDICT_NONE;
	struct pl_fact fact;

	ts_fact(PL_FACT_TS_REQUEST, child, md, ok, &fact);
	if (pl_seam_engine() != NULL)
		given = pl_engine_ts_request(pl_seam_engine(), &fact, &narrow);
	return ok && conclude(child, &fact, given, &narrow);
}

/* The connection of an IKE SA is that of its first child; when that is gone, the next one begins
 * with what the connection had before it was narrowed. Any other connection that was narrowed and
 * has no child now is one that nobody can tell anything of. */
static bool is_chosen_well(const struct child_sa *child)
{
	const struct connection *c = child->sa.st_connection;

	if (pl_cut_find(c->serialno) == NULL || kernel_policy_installed(c) ||
	    c->established_child_sa != SOS_NOBODY)
		return true;
	llog(RC_LOG, child->sa.logger,
	     "latch: refusing Traffic Selectors: they are of a child that is gone");
	return false;
}

bool __wrap_process_v2TS_request_payloads(struct child_sa *child, const struct msg_digest *md)
{
	bool ok;

	pl_upstream_widen(child->sa.st_connection);
	ok = __real_process_v2TS_request_payloads(child, md) && is_chosen_well(child);
	return judge_request(child, md, ok);
}

static bool ask_other(const struct child_sa *child, const struct pl_fact *fact)
{
	enum pl_verdict_kind given = PL_VERDICT_NONE;

	if (pl_seam_engine() != NULL)
		given = pl_engine_ts_other(pl_seam_engine(), fact);
	/* what pluto does not want either is refused with a reason, if there is one */
	return (fact->is_ok || given == PL_VERDICT_REFUSE) && conclude(child, fact, given, NULL);
}

/* The message has all that was agreed; pluto's own selectors are not all of it. */
static bool has_cut(const struct msg_digest *md, const struct pl_ts_list *tsi,
		    const struct pl_ts_list *tsr)
{
	struct pl_ts_facts said = { .is_accepted = false };

	read_proposal(md, &said);
	return said.proposed_error == 0 && pl_selector_contains(&said.tsi, tsi) &&
	       pl_selector_contains(&said.tsr, tsr);
}

/* And nothing else. */
static bool is_cut(const struct msg_digest *md, const struct pl_ts_list *tsi,
		   const struct pl_ts_list *tsr)
{
	struct pl_ts_facts said = { .is_accepted = false };

	read_proposal(md, &said);
	return has_cut(md, tsi, tsr) && pl_selector_contains(tsi, &said.tsi) &&
	       pl_selector_contains(tsr, &said.tsr);
}

/* A connection that pluto narrowed by itself is as unlike its configuration as one that we did: its
 * own check wants the configured selectors, finds the others odd, and refuses every rekey. */
bool __wrap_verify_rekey_child_request_ts(struct child_sa *child, struct msg_digest *md)
{
	const struct connection *c = child->sa.st_connection;
	struct pl_ts_list local, remote;
	struct pl_fact fact;
	bool ok;

	pl_upstream_installed(c, &local, &remote);
	ok = pl_upstream_is_narrowed(c) ? has_cut(md, &remote, &local) :
					  __real_verify_rekey_child_request_ts(child, md);
	ts_fact(PL_FACT_TS_REKEY, child, md, ok, &fact);
	return ask_other(child, &fact);
}

/* Mostly it is word for word what was asked for, and that is quickly seen. */
static bool holds(const struct pl_ts_list *asked, const struct pl_ts_list *said)
{
	return pl_ts_list_covers(asked, said) || pl_selector_contains(asked, said);
}

/* The answer says more than what we asked for. */
static bool is_beyond(const struct connection *c, const struct pl_ts_facts *said)
{
	struct pl_ts_list local, remote;

	pl_upstream_offered(c, &local, &remote);
	return !holds(&local, &said->tsi) || !holds(&remote, &said->tsr);
}

/* The answer of a peer like us has ranges, which pluto's own selectors cannot hold. */
static bool take_ranges(struct connection *c, const struct pl_ts_facts *said)
{
	struct pl_ts_list local, remote;

	if (said->proposed_error != 0 || !c->config->narrowing ||
	    pl_selector_canonical(&said->tsi, PL_TS_MAX, &local) != 0 ||
	    pl_selector_canonical(&said->tsr, PL_TS_MAX, &remote) != 0)
		return false;
	pl_upstream_widen(c);
	return pl_upstream_narrow(c, &local, &remote) == NULL;
}

/* An answer that pluto takes by itself may be less than what was asked for. In a rekey pluto would
 * ask for all of that again. */
static void note_less(const struct child_sa *child)
{
	struct connection *c = child->sa.st_connection;
	struct pl_ts_list local, remote, asked_local, asked_remote;
	const char *why;

	if (!pl_upstream_is_narrowed(c))
		return;
	pl_upstream_offered(c, &asked_local, &asked_remote);
	pl_upstream_installed(c, &local, &remote);
	if (holds(&local, &asked_local) && holds(&remote, &asked_remote))
		return;
	why = pl_upstream_narrow(c, &local, &remote);
	if (why != NULL)
		llog(RC_LOG, child->sa.logger,
		     "latch: a rekey will ask for more than was answered: %s", why);
}

static bool take_answer(struct child_sa *child, struct msg_digest *md,
			const struct pl_ts_facts *said)
{
	struct connection *c = child->sa.st_connection;
	const struct pl_cut *cut = pl_cut_find(c->serialno);

	if (cut != NULL && is_cut(md, &cut->local, &cut->remote))
		return true;
	/* its successor is for the same, nothing less (RFC 7296 section 2.9.2) */
	if (cut != NULL && child->sa.st_v2_rekey_pred != SOS_NOBODY) {
		llog(RC_LOG, child->sa.logger,
		     "latch: refusing Traffic Selectors: a rekey is answered with less than it "
		     "replaces");
		return false;
	}
	if (cut != NULL || !__real_process_v2TS_response_payloads(child, md))
		return take_ranges(c, said);
	if (child->sa.st_v2_rekey_pred == SOS_NOBODY)
		note_less(child);
	return true;
}

bool __wrap_process_v2TS_response_payloads(struct child_sa *child, struct msg_digest *md)
{
	struct connection *c = child->sa.st_connection;
	struct pl_fact fact;
	bool ok;

	begin_fact(PL_FACT_TS_RESPONSE, child, md, &fact);
	fact.u.ts.is_beyond = fact.u.ts.proposed_error == 0 && is_beyond(c, &fact.u.ts);
	/* of several selectors pluto would take what it likes, and the rest be the peer's */
	ok = !fact.u.ts.is_beyond && take_answer(child, md, &fact.u.ts);
	end_fact(child, ok, &fact);
	/* a clean end: pluto tells the peer to delete what it has made */
	if (ask_other(child, &fact))
		return true;
	if (ok)
		pl_upstream_unanswer(c);
	pl_upstream_widen(c);
	pl_initiate_refused(child, ok ? "the answer was refused by the latches of this host" :
					"the answer is not within what was proposed");
	return false;
}

/* What is emitted, for who wants to know. */
static void tell_emitted(enum pl_fact_kind kind, const struct child_sa *child, bool ok)
{
	const struct connection *c = child->sa.st_connection;
	struct pl_fact fact;

	if (!pl_seam_heeds(kind))
		return;
	pl_seam_fact_of_state(kind, &child->sa, &fact);
	pl_seam_no_selectors(&fact.u.ts);
	if (kind == PL_FACT_TS_OFFER)
		pl_upstream_offered(c, &fact.u.ts.tsi, &fact.u.ts.tsr);
	else
		pl_upstream_answered(c, &fact.u.ts.tsr, &fact.u.ts.tsi);
	fact.is_ok = ok;
	pl_seam_note(&fact);
}

bool __wrap_emit_v2TS_request_payloads(struct pbs_out *outpbs, const struct child_sa *child)
{
	const struct pl_cut *cut = pl_cut_find(child->sa.st_connection->serialno);
	bool ok = cut == NULL ? __real_emit_v2TS_request_payloads(outpbs, child) :
				pl_upstream_emit(outpbs, &cut->local, &cut->remote);

	tell_emitted(PL_FACT_TS_OFFER, child, ok);
	return ok;
}

bool __wrap_emit_v2TS_response_payloads(struct pbs_out *outpbs, const struct child_sa *child)
{
	const struct pl_cut *cut = pl_cut_find(child->sa.st_connection->serialno);
	bool ok = cut == NULL ? __real_emit_v2TS_response_payloads(outpbs, child) :
				pl_upstream_emit(outpbs, &cut->remote, &cut->local);

	tell_emitted(PL_FACT_TS_ANSWER, child, ok);
	return ok;
}
