/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which suites we propose for a child SA, which of a peer's proposals we take, and what became of
 * it. The selectors are settled by then, so the engine can say what latches leave to it (K20, K21):
 * what we would take is cut down to that, and pluto chooses as always. The peer hears of what does
 * not fit as NO_PROPOSAL_CHOSEN, in the same exchange, and its IKE SA lives on.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_seam.h"
#include "seam/pl_suites.h"
#include "seam/pl_upstream.h"

static void note(struct pl_fact *fact, const char *what, v2_notification_t n)
{
	pl_seam_copy_text(fact->u.proposals.what, what);
	fact->u.proposals.notification = n;
	fact->is_ok = n == v2N_NOTHING_WRONG;
	pl_seam_note(fact);
}

/* The child SA of a request, or NULL: of what is to be answered, pluto hands us a logger. */
static struct child_sa *asked_for(const struct logger *logger)
{
	struct state *st = NULL;

	if (logger->object_vec == &logger_state_vec)
		st = state_by_serialno(((const struct state *)logger->object)->st_serialno);
	return st == NULL || !IS_CHILD_SA(st) || st->st_sa_role != SA_RESPONDER ?
		       NULL : pexpect_child_sa(st);
}

static enum pl_verdict_kind ask(const struct child_sa *child, struct pl_suites *ret)
{
	struct pl_fact fact;
	struct pl_ts_facts *ts = &fact.u.ts;

	pl_seam_fact_of_state(PL_FACT_SUITES, &child->sa, &fact);
	*ts = (struct pl_ts_facts) { .is_accepted = true };
	pl_upstream_installed(child->sa.st_connection, &ts->selected_tsr, &ts->selected_tsi);
	return pl_seam_engine() == NULL ? PL_VERDICT_REFUSE :
					  pl_engine_suites(pl_seam_engine(), &fact, ret);
}

static void log_suites(const struct pl_suites *suites, v2_notification_t n, struct logger *logger)
{
	char text[PL_SUITE_TEXT_MAX];

	LLOG_JAMBUF(RC_LOG, logger, buf) {
		jam(buf, "latch: %s the suite of the connection that is latched:",
		    n == v2N_NOTHING_WRONG ? "taking" :
		    suites->is_must ? "refusing all but" : "the peer does not have");
		for (unsigned i = 0; i < suites->nr; i++)
			jam(buf, "%s %s", i == 0 ? "" : ",",
			    pl_suite_text(&suites->list[i], text));
	}
}

/* What pluto chooses of @ours, if it is one of these suites. The payload may be read again. */
static v2_notification_t choose_of(const struct ikev2_proposals *ours, const char *what,
				   const struct pbs_in *sa_payload, bool opportunistic,
				   struct child_sa *child, const struct pl_suites *suites,
				   struct ikev2_proposal **chosen_proposal)
{
	v2_notification_t n = v2N_NO_PROPOSAL_CHOSEN;
	struct pbs_in payload = *sa_payload;

	if (ours != NULL)
		n = __real_process_v2SA_payload(what, &payload, false, true, false, opportunistic,
						chosen_proposal, ours, child->sa.logger);
	if (n == v2N_NOTHING_WRONG &&
	    !pl_suites_have(suites, *chosen_proposal, child->sa.logger)) {
		free_ikev2_proposal(chosen_proposal);
		n = v2N_NO_PROPOSAL_CHOSEN;
	}
	return n;
}

/* One of these suites, or NO_PROPOSAL_CHOSEN. Mostly it is what pluto chooses anyhow. */
static v2_notification_t choose(const char *what, const struct pbs_in *sa_payload,
				bool opportunistic, struct child_sa *child,
				const struct ikev2_proposals *local_proposals,
				const struct pl_suites *suites,
				struct ikev2_proposal **chosen_proposal)
{
	v2_notification_t n = choose_of(local_proposals, what, sa_payload, opportunistic, child,
					suites, chosen_proposal);
	struct ikev2_proposals *ours;

	if (n == v2N_NOTHING_WRONG)
		return n;
	ours = pl_suites_proposals(child, suites);
	n = choose_of(ours, what, sa_payload, opportunistic, child, suites, chosen_proposal);
	free_ikev2_proposals(&ours);
	log_suites(suites, n, child->sa.logger);
	return n;
}

v2_notification_t
__wrap_process_v2SA_payload(const char *what, struct pbs_in *sa_payload, bool expect_ike,
			    bool expect_spi, bool expect_accepted, bool opportunistic,
			    struct ikev2_proposal **chosen_proposal,
			    const struct ikev2_proposals *local_proposals, struct logger *logger)
{
	struct child_sa *child = expect_ike || expect_accepted ? NULL : asked_for(logger);
	enum pl_verdict_kind given = PL_VERDICT_ACCEPT;
	v2_notification_t n = v2N_NO_PROPOSAL_CHOSEN;
	struct pl_suites suites = { .nr = 0 };

	if (child != NULL)
		given = ask(child, &suites);
	if (given == PL_VERDICT_NARROW)
		n = choose(what, sa_payload, opportunistic, child, local_proposals, &suites,
			   chosen_proposal);
	if (given == PL_VERDICT_ACCEPT ||
	    (given == PL_VERDICT_NARROW && n == v2N_NO_PROPOSAL_CHOSEN && !suites.is_must))
		n = __real_process_v2SA_payload(what, sa_payload, expect_ike, expect_spi,
						expect_accepted, opportunistic, chosen_proposal,
						local_proposals, logger);
	if (!expect_ike && pl_seam_heeds(PL_FACT_PROPOSAL_CHOSEN)) {
		struct pl_fact fact;

		pl_seam_fact_of_logger(PL_FACT_PROPOSAL_CHOSEN, logger, &fact);
		note(&fact, what, n);
	}
	return n;
}

static void note_ours(const struct child_sa *child, const char *what)
{
	struct pl_fact fact;

	if (!pl_seam_heeds(PL_FACT_PROPOSALS))
		return;
	pl_seam_fact_of_state(PL_FACT_PROPOSALS, &child->sa, &fact);
	note(&fact, what, v2N_NOTHING_WRONG);
}

struct ikev2_proposals *__wrap_get_v2_IKE_AUTH_new_child_proposals(struct connection *c)
{
	struct ikev2_proposals *ret = __real_get_v2_IKE_AUTH_new_child_proposals(c);

	if (pl_seam_heeds(PL_FACT_PROPOSALS)) {
		struct pl_fact fact;

		pl_seam_fact_of_conn(PL_FACT_PROPOSALS, c, &fact);
		note(&fact, "IKE_AUTH new child", v2N_NOTHING_WRONG);
	}
	return ret;
}

struct ikev2_proposals *
__wrap_get_v2_CREATE_CHILD_SA_new_child_proposals(struct ike_sa *ike, struct child_sa *larval_child)
{
	struct ikev2_proposals *ret =
		__real_get_v2_CREATE_CHILD_SA_new_child_proposals(ike, larval_child);

	note_ours(larval_child, "CREATE_CHILD_SA new child");
	return ret;
}

struct ikev2_proposals *
__wrap_get_v2_CREATE_CHILD_SA_rekey_child_proposals(struct ike_sa *ike,
						    struct child_sa *established_child,
						    struct logger *logger)
{
	struct ikev2_proposals *ret = __real_get_v2_CREATE_CHILD_SA_rekey_child_proposals(
		ike, established_child, logger);

	note_ours(established_child, "CREATE_CHILD_SA rekey child");
	return ret;
}
