/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Two ends that set up an IKE SA with each other at the same time (RFC 5660 section 4, L24). Each
 * answers the other's IKE_AUTH, and with instances of a template pluto then ends its own attempt
 * (wipe_old_connections(), uniqueids=yes) without a word to the peer, who may just have taken it:
 * both ends are left with an IKE SA that the other has forgotten, and SAs that lead nowhere.
 *
 * So one of the two is kept: that of the lower initiator's SPI, which both ends know. Where it was
 * begun it goes on beside the other one, and when it is up it takes its place, as it did at the
 * peer. Before IKE_AUTH is sent the peer cannot have taken it, and it ends as pluto wants.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_crossed.h"
#include "seam/pl_ike.h"

#include <string.h>

#include "log.h"
#include "state.h"

static bool is_lower(const struct state *ours, const struct state *peers)
{
	return memcmp(&ours->st_ike_spis.initiator, &peers->st_ike_spis.initiator,
		      sizeof(ours->st_ike_spis.initiator)) < 0;
}

bool pl_crossed_keeps(const struct connection *c, const struct ike_sa *peers)
{
	struct state_filter filter = {
		.connection_serialno = c->serialno,
		.search = {
			.order = OLD2NEW,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	while (next_state(&filter)) {
		struct state *st = filter.st;
		struct pl_ike *note;

		if (!IS_PARENT_SA(st) || st->st_sa_role != SA_INITIATOR ||
		    st->st_state->kind != STATE_V2_IKE_AUTH_I || !is_lower(st, &peers->sa))
			continue;
		note = pl_ike_make(st->st_serialno);
		if (note == NULL)
			continue;
		note->is_kept = true;
		llog(RC_LOG, st->logger, "latch: both ends are at it, and this IKE SA is kept");
		return true;
	}
	return false;
}

void pl_crossed_up(const struct ike_sa *ike)
{
	struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);

	if (note == NULL || !note->is_kept)
		return;
	note->is_kept = false;
	__wrap_wipe_old_connections(ike);
}
