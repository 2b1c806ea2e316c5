/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which suites we propose for a child SA, and what became of a peer's proposal. Told only, to who
 * wants to know: the suite itself is in the facts of the child SA when it is to be installed.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_seam.h"

static void note(struct pl_fact *fact, const char *what, v2_notification_t n)
{
	pl_seam_copy_text(fact->u.proposals.what, what);
	fact->u.proposals.notification = n;
	fact->is_ok = n == v2N_NOTHING_WRONG;
	pl_seam_note(fact);
}

v2_notification_t
__wrap_process_v2SA_payload(const char *what, struct pbs_in *sa_payload, bool expect_ike,
			    bool expect_spi, bool expect_accepted, bool opportunistic,
			    struct ikev2_proposal **chosen_proposal,
			    const struct ikev2_proposals *local_proposals, struct logger *logger)
{
	v2_notification_t n = __real_process_v2SA_payload(what, sa_payload, expect_ike, expect_spi,
							  expect_accepted, opportunistic,
							  chosen_proposal, local_proposals, logger);

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
