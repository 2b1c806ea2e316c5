/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Before this host asks for a child SA the engine is asked, who has it ask for less, or not at all
 * (K30, K32). Whoever wants it to, whack, the kernel, auto=start, pluto's revival or a latch: in
 * 5.2 each comes by one of four places.
 *
 * - initiate_v2_IKE_SA_INIT_request(), and that of a resumed session, if the child is to be asked
 *   for in IKE_AUTH. Nothing is begun then; both may return NULL.
 * - append_pending(): the child waits for an IKE SA that is being set up. It is not appended, and
 *   connection_pending(), which follows, finds that out.
 * - already_has_larval_v2_child(), of an IKE SA that is up, also for what was pending: a child that
 *   there is already is not asked for, and this one neither. What was pending by then is in the
 *   state of a connection that negotiates, and has to leave that.
 *
 * What is not asked for now and is to stay up is tried again by pluto's revival: the latch may be
 * gone then.
 *
 * A connection that is asked for less is narrowed before: from there on it is one like those that
 * answered with less (pl_cut.c), in rekeys as well.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"
#include "seam/pl_initiate.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include "core/pl_selector.h"

#include "initiated_by.h"
#include "revival.h"

/* The connection is the child's; whether its peer can be but one, that of the IKE SA says. Nobody
 * has proved anything to an IKE SA that is not up. */
static void begin_fact(const struct connection *c, const struct ike_sa *ike, struct pl_fact *ret)
{
	struct pl_conn_facts conn;

	pl_seam_fact_of_conn(PL_FACT_TS_PROPOSAL, c, ret);
	if (ike != NULL) {
		conn = ret->conn;
		pl_seam_fact_of_state(PL_FACT_TS_PROPOSAL, &ike->sa, ret);
		conn.is_peer_id_fixed = ret->conn.is_peer_id_fixed;
		ret->conn = conn;
	}
	ret->role = PL_ROLE_INITIATOR;
}

static void proposal(const struct connection *c, const struct ike_sa *ike, id_buf *buf,
		     struct pl_fact *ret)
{
	struct pl_ts_facts *ts = &ret->u.ts;

	begin_fact(c, ike, ret);
	pl_seam_no_selectors(ts);
	pl_upstream_offered(c, &ts->tsi, &ts->tsr);
	ts->selected_tsi = ts->tsi;
	ts->selected_tsr = ts->tsr;
	ts->is_accepted = true;
	ts->has_label = pl_upstream_has_label(c);
	ts->may_narrow = pl_upstream_cannot_narrow(c) == NULL;
	ts->may_cut = ts->may_narrow &&
		      pl_upstream_cannot_cut(c, ike == NULL ? NULL : &ike->sa) == NULL;
	ts->peer_id = pl_upstream_peer_id(c, buf);
}

static const char *apply(struct connection *c, const struct pl_ts_facts *ts,
			 const struct pl_ts_verdict *verdict)
{
	if (!pl_selector_contains(&ts->tsi, &verdict->tsi) ||
	    !pl_selector_contains(&ts->tsr, &verdict->tsr))
		return "verdict is wider than the proposal";
	/* The initiator's own side is TSi. */
	return pl_upstream_narrow(c, &verdict->tsi, &verdict->tsr);
}

/* NULL, or why it is not asked for. */
static const char *follow(struct connection *c, const struct pl_ts_facts *ts,
			  enum pl_verdict_kind given, const struct pl_ts_verdict *narrow)
{
	const char *why_not = NULL;

	if (given == PL_VERDICT_ACCEPT)
		return NULL;
	if (given == PL_VERDICT_NARROW)
		return apply(c, ts, narrow);
	if (pl_seam_engine() != NULL)
		why_not = pl_engine_refusal(pl_seam_engine());
	return why_not == NULL ? "nobody says that it may be" : why_not;
}

static bool may_ask(struct connection *c, const struct ike_sa *ike)
{
	struct pl_ts_verdict narrow = { .tsi = { .len = 0 } };
	enum pl_verdict_kind given = PL_VERDICT_NONE;
	const char *why_not;
	struct pl_fact fact;
	id_buf buf;

	pl_upstream_widen(c);
	proposal(c, ike, &buf, &fact);
	if (pl_seam_engine() != NULL)
		given = pl_engine_ts_request(pl_seam_engine(), &fact, &narrow);
	why_not = follow(c, &fact.u.ts, given, &narrow);
	if (why_not != NULL)
		/* the number is whack's exit status */
		llog(RC_FATAL, c->logger, "latch: not asking for an SA: %s", why_not);
	else if (given == PL_VERDICT_NARROW)
		pl_seam_log_narrowed(c->logger, "asking for less", &narrow);
	pl_seam_tell_verdict(&fact, given, why_not == NULL ? given : PL_VERDICT_REFUSE, why_not,
			     &narrow);
	if (why_not != NULL)
		pl_initiate_not_asked(c);
	return why_not == NULL;
}

struct ike_sa *__wrap_initiate_v2_IKE_SA_INIT_request(struct connection *c,
						      struct state *predecessor,
						      const struct child_policy *policy,
						      const threadtime_t *inception,
						      shunk_t sec_label, bool detach_whack)
{
	if (!has_child_policy(policy) || may_ask(c, NULL))
		return __real_initiate_v2_IKE_SA_INIT_request(c, predecessor, policy, inception,
							      sec_label, detach_whack);
	(void)scheduled_connection_revival(c, "was not asked for");
	return NULL;
}

struct ike_sa *__wrap_initiate_v2_IKE_SESSION_RESUME_request(struct connection *c,
							     const struct child_policy *policy,
							     const threadtime_t *inception,
							     shunk_t sec_label,
							     bool detach_whack)
{
	if (!has_child_policy(policy) || may_ask(c, NULL))
		return __real_initiate_v2_IKE_SESSION_RESUME_request(c, policy, inception,
								     sec_label, detach_whack);
	(void)scheduled_connection_revival(c, "was not asked for");
	return NULL;
}

void __wrap_append_pending(struct ike_sa *ike, struct connection *c,
			   const struct child_policy *policy, so_serial_t replacing,
			   const shunk_t sec_label, bool part_of_initiating_ike_sa,
			   bool detach_whack)
{
	/* one that begins an IKE SA was judged before that */
	if (part_of_initiating_ike_sa || c->config->ike_version != IKEv2 || c->pending != NULL ||
	    may_ask(c, NULL))
		__real_append_pending(ike, c, policy, replacing, sec_label,
				      part_of_initiating_ike_sa, detach_whack);
	else
		(void)scheduled_connection_revival(c, "was not asked for");
}

void __wrap_connection_pending(struct connection *c, enum initiated_by initiated_by, where_t where)
{
	if (c->pending != NULL)
		__real_connection_pending(c, initiated_by, where);
}

bool __wrap_already_has_larval_v2_child(struct ike_sa *ike, const struct connection *c)
{
	struct connection *own = connection_by_serialno(c->serialno);

	if (__real_already_has_larval_v2_child(ike, c))
		return true;
	if (own == NULL || may_ask(own, ike))
		return false;
	if (own->pending != NULL)
		connection_reschedule(own, own->logger, HERE);
	else
		(void)scheduled_connection_revival(own, "was not asked for");
	return true;
}
