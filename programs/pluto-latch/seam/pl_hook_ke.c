/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A request whose proposal has a Diffie-Hellman group, and that brings no key of it. In
 * CREATE_CHILD_SA the KE payload is optional, pluto looks for it when it has chosen, and 5.2 ends
 * with an assertion when it is not there. Whoever has an IKE SA could so end the daemon, and with
 * it every latch. It is told the group instead, as one that guessed a wrong one (RFC 7296 section
 * 1.3.1), and nothing else comes of it.
 */

#include "seam/pl_wrap.h"

#include "crypt_dh.h"
#include "demux.h"
#include "ike_alg.h"
#include "ikev2_message.h"
#include "ikev2_notification.h"
#include "log.h"
#include "state.h"

bool __wrap_v2_accept_ke_for_proposal(struct ike_sa *ike, struct state *st, struct msg_digest *md,
				      const struct dh_desc *accepted_dh,
				      enum payload_security security)
{
	uint16_t group = htons(accepted_dh->group);

	if (md->chain[ISAKMP_NEXT_v2KE] != NULL)
		return __real_v2_accept_ke_for_proposal(ike, st, md, accepted_dh, security);
	llog(RC_LOG, st->logger, "latch: refusing a proposal of %s without a KE payload",
	     accepted_dh->common.fqn);
	record_v2N_response(st->logger, ike, md, v2N_INVALID_KE_PAYLOAD, THING_AS_SHUNK(group),
			    security);
	return false;
}
