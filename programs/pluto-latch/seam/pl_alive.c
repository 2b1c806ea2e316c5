/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine asks whether the peer of an IKE SA still knows of it: pluto's own liveness exchange,
 * out of its turn. Its answer is told; its failure is an end of the IKE SA like any other.
 *
 * The question comes while another IKE SA of the peer is being established, and that is when pluto
 * removes what it takes for the older self of the peer (wipe_old_connections(), uniqueids=yes):
 * with a permanent connection just the child SA, but an instance of a template goes with its IKE
 * SA, on which nobody could answer any more. So an IKE SA that was asked moves to the new instance,
 * as if both had always been of one permanent connection. The Delete that pluto was about to send
 * is sent on it after the question, and so for a peer who answers it ends as pluto wanted.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_alive.h"
#include "seam/pl_crossed.h"
#include "seam/pl_ike.h"
#include "seam/pl_initiate.h"
#include "seam/pl_seam.h"

#include "core/pl_error.h"

#include "ikev2.h"
#include "ikev2_delete.h"
#include "ikev2_liveness.h"
#include "routing.h"
#include "state.h"
#include "terminate.h"

/* In whose favour pluto is removing connections, and the IKE SA of that. */
static struct connection *heir;
static const struct ike_sa *heir_ike;

int pl_alive_ask(void *ctx UNUSED, uint64_t serial)
{
	/* ike_sa_by_serialno() calls the serial of a child SA a bug of pluto's */
	struct state *st = state_by_serialno(serial);
	struct pl_ike *note = pl_ike_find(serial);
	struct ike_sa *ike;

	if (st == NULL || !IS_PARENT_SA(st) || note == NULL)
		return PL_E_NOT_FOUND;
	ike = pexpect_ike_sa(st);
	if (!v2_ike_sa_can_initiate_exchange(ike, &v2_INFORMATIONAL_liveness_exchange))
		return PL_E_WRONG_STATE;
	llog(RC_LOG, ike->sa.logger,
	     "latch: INITIAL_CONTACT: asking whether the peer still knows this IKE SA");
	note->is_asked = true;
	submit_v2_liveness_exchange(ike, ike->sa.st_serialno);
	return 0;
}

void pl_alive_response(const struct ike_sa *ike)
{
	struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);
	struct pl_fact fact;

	if (note == NULL || !note->is_asked || ike->sa.st_v2_msgid_windows.initiator.exchange !=
					       &v2_INFORMATIONAL_liveness_exchange)
		return;
	note->is_asked = false;
	pl_seam_fact_of_state(PL_FACT_IKE_ALIVE, &ike->sa, &fact);
	pl_seam_note(&fact);
}

void __wrap_wipe_old_connections(const struct ike_sa *ike)
{
	heir = ike->sa.st_connection;
	heir_ike = ike;
	__real_wipe_old_connections(ike);
	heir = NULL;
	heir_ike = NULL;
}

static void keep_asked(struct connection *c)
{
	struct state *st = state_by_serialno(c->established_ike_sa);
	const struct pl_ike *note = st == NULL ? NULL : pl_ike_find(st->st_serialno);

	if (note == NULL || !note->is_asked)
		return;
	state_disowns_connection(st);
	connswitch_state_and_log(st, heir);
	submit_v2_delete_exchange(pexpect_ike_sa(st), NULL);
}

void __wrap_terminate_all_connection_states(struct connection *c, where_t where)
{
	if (heir != NULL && heir != c) {
		if (pl_crossed_stands(c, heir_ike))
			return;
		pl_initiate_overtaken(c);
		keep_asked(c);
	}
	__real_terminate_all_connection_states(c, where);
}
