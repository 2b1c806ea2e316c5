/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The connection of pluto's configuration that is to set up SAs for a flow. It is chosen like the
 * one for the packet of an ACQUIRE, but need not be routed: who asks for a latch asks for its SA.
 *
 * Two connections may cover a flow alike, each for its own peer. Who asks for a peer by name, or
 * has one already, gets none that is for somebody else: that attempt would be refused at its end,
 * and in the way of the right one meanwhile. Who asks for nobody gets the host that has the flow's
 * address before one that is a gateway to it.
 *
 * Opportunistic connections and groups are left out: what they negotiate names no certain peer.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_choose.h"
#include "seam/pl_narrow.h"
#include "seam/pl_upstream.h"

#include "core/pl_error.h"
#include "core/pl_peer_id.h"

#include <string.h>

#include "orient.h"

static bool is_candidate(const struct connection *c)
{
	return oriented(c) && c->config->ike_version == IKEv2 && !never_negotiate(c) &&
	       !is_group(c) && !pl_upstream_has_label(c) && !pl_narrow_is(c->serialno);
}

static bool can_initiate(const struct connection *c)
{
	return !is_opportunistic(c) && address_is_specified(c->remote->host.addr) &&
	       (is_permanent(c) || is_instance(c) ||
		(is_template(c) && c->config->narrowing));
}

bool pl_choose_is_exact(const struct pl_tuple *tuple, const struct pl_ts_list *local,
			const struct pl_ts_list *remote)
{
	struct pl_ts ours, theirs;

	pl_tuple_selectors(tuple, &ours, &theirs);
	return local->len == 1 && remote->len == 1 && pl_ts_is_equal(&local->list[0], &ours) &&
	       pl_ts_is_equal(&remote->list[0], &theirs);
}

bool pl_choose_is_narrow(const struct connection *c, const struct pl_tuple *tuple)
{
	struct pl_ts_list local, remote;

	pl_upstream_offered(c, &local, &remote);
	return pl_choose_is_exact(tuple, &local, &remote);
}

static unsigned exactness(const struct pl_ts_list *list, const struct pl_tuple *tuple,
			  uint16_t port)
{
	unsigned best = 0;

	for (unsigned i = 0; i < list->len; i++) {
		unsigned value = 2 * (list->list[i].lo_port == port) +
				 (list->list[i].proto == tuple->proto);

		best = value > best ? value : best;
	}
	return best;
}

static bool has_address(const struct connection *c, const struct pl_tuple *tuple)
{
	struct pl_address host = pl_upstream_address(c->remote->host.addr);

	return host.af == tuple->af && memcmp(host.bytes, tuple->remote, sizeof(host.bytes)) == 0;
}

/* 0 when it does not cover the flow. In force before not, then narrow before wide: like the SPD.
 * Then who is known for the peer that is wanted, then who has the address. */
static uint64_t score_of(const struct connection *c, const struct pl_tuple *tuple,
			 const char *peer)
{
	struct pl_ts_list local, remote;
	id_buf buf;

	if (c->established_child_sa != SOS_NOBODY)
		pl_upstream_installed(c, &local, &remote);
	else
		pl_upstream_offered(c, &local, &remote);
	if (!pl_tuple_is_covered(tuple, PL_ROLE_INITIATOR, &local, &remote))
		return 0;
	return (kernel_policy_installed(c) ? UINT64_C(1) << 48 : 0) +
	       ((uint64_t)connection_priority(c) << 5) +
	       ((uint64_t)exactness(&local, tuple, tuple->local_port) << 2) +
	       ((uint64_t)exactness(&remote, tuple, tuple->remote_port) << 2) +
	       (peer != NULL && pl_upstream_peer_id(c, &buf) != NULL ? 2 : 0) +
	       has_address(c, tuple) + 1;
}

/* Of reasons why there is none: the one that says most. */
static int either(int before, int now)
{
	return before == PL_E_NO_SA ? before : now;
}

int pl_choose(const struct pl_tuple *tuple, const char *peer, struct connection **ret)
{
	struct connection_filter filter = {
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};
	int why = PL_E_NOT_PROTECTED;
	uint64_t best_score = 0;

	while (next_connection(&filter)) {
		const struct connection *c = filter.c;
		uint64_t score = is_candidate(c) ? score_of(c, tuple, peer) : 0;
		id_buf buf;

		if (score <= best_score)
			continue;
		if (peer != NULL && !pl_peer_id_may_be(pl_upstream_peer_id(c, &buf), peer)) {
			why = either(why, PL_E_WRONG_PEER);
		} else if (!can_initiate(c)) {
			why = either(why, PL_E_NO_SA);
		} else {
			*ret = filter.c;
			best_score = score;
		}
	}
	return best_score == 0 ? why : 0;
}
