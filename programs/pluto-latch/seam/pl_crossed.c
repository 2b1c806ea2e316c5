/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Two ends that set up an IKE SA with each other at the same time (RFC 5660 section 4, L24). Each
 * answers the other's IKE_AUTH, and pluto then ends its own attempt, of an instance at once
 * (wipe_old_connections(), uniqueids=yes), of a permanent connection when IKE_AUTH would be sent
 * again: without a word to the peer, who may just have taken it.
 *
 * Invariant: no IKE SA that the peer may have taken ends here for being one too many, unless the
 * peer is told, and answers. While IKE_AUTH was not sent, ours ends as pluto wants, and the peer's
 * is the one. Later both stand (RFC 7296 section 2.8 has nothing against it). When both are up, the
 * one of the lower initiator's SPI is enough: its initiator, whose IKE_AUTH was answered and who so
 * knows that both ends have it, deletes the other. Its responder does not know that, and asks: a
 * peer with stock pluto may have ended it, and then this end has the other one still.
 *
 * Two instances would be in each other's way in the kernel's SPD, and each end would refuse the
 * other's child SA. So the peer's IKE SA moves to the instance of ours before it is established, as
 * if both had always been of one permanent connection. What the one that ends has of that
 * connection, its route above all, becomes the other's, whichever came up last.
 *
 * An IKE SA of the peer's crossed ours exactly if it was begun before ours came up here: the peer
 * had not taken IKE_AUTH of ours when it sent its own, and for ours it had to answer IKE_SA_INIT
 * before. A peer that was started anew, or proves itself again, begins later.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_crossed.h"
#include "seam/pl_ike.h"

#include "core/pl_crossing.h"

#include "connections.h"
#include "ikev2.h"
#include "ikev2_delete.h"
#include "ikev2_liveness.h"
#include "ikev2_send.h"
#include "log.h"
#include "orient.h"
#include "retransmit.h"
#include "state.h"

static uint64_t newest_serial(void)
{
	struct state_filter filter = {
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	return next_state(&filter) ? filter.st->st_serialno : 0;
}

static bool may_cross(const struct state *st)
{
	return IS_PARENT_SA(st) && st->st_ike_version == IKEv2 && st->st_sa_role == SA_INITIATOR;
}

static bool stands(const struct state *ours, const struct ike_sa *peers)
{
	const struct pl_ike *note = pl_ike_find(ours->st_serialno);
	struct pl_crossing crossing = {
		.peers = peers->sa.st_serialno,
		.newest = note == NULL ? 0 : note->newest,
		.is_auth_sent = ours->st_state->kind == STATE_V2_IKE_AUTH_I,
	};

	return may_cross(ours) && pl_crossing_stands(&crossing);
}

static struct state *find_ours(const struct connection *c, const struct ike_sa *peers)
{
	struct state_filter filter = {
		.connection_serialno = c->serialno,
		.search = {
			.order = OLD2NEW,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	while (next_state(&filter))
		if (stands(filter.st, peers))
			return filter.st;
	return NULL;
}

bool pl_crossed_stands(const struct connection *c, const struct ike_sa *peers)
{
	return find_ours(c, peers) != NULL;
}

/* What pluto would wipe, at the same address. Clients with one ID for all are many peers. */
static struct state *find_crossed(const struct ike_sa *peers)
{
	const struct connection *c = peers->sa.st_connection;
	struct state *ours = find_ours(c, peers);
	struct connection_filter filter = {
		.clonedfrom = c->clonedfrom,
		.ike_version = IKEv2,
		.this_id_eq = &c->local->host.id,
		.that_id_eq = &c->remote->host.id,
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	if (ours != NULL || !is_instance(c) || c->local->host.config->xauth.server ||
	    c->remote->host.config->authby.null)
		return ours;
	while (ours == NULL && next_connection(&filter))
		if (address_eq_address(filter.c->remote->host.addr, c->remote->host.addr))
			ours = find_ours(filter.c, peers);
	return ours;
}

static void let_go(const char *story UNUSED, struct state *st UNUSED, void *ctx)
{
	struct connection *c = ctx;

	connection_delref(&c, &global_logger);
}

/* Whoever called looks once more at the connection that it had; the child SA must not find it. */
static void move(struct ike_sa *peers, struct connection *to)
{
	struct connection *from = connection_addref(peers->sa.st_connection, &global_logger);

	state_disowns_connection(&peers->sa);
	connswitch_state_and_log(&peers->sa, to);
	disorient(from);
	schedule_callback("latch: instance left", deltatime(0), SOS_NOBODY, let_go, from);
}

static const struct state *child_of(const struct state *ike)
{
	struct state_filter filter = {
		.clonedfrom = ike->st_serialno,
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	while (next_state(&filter))
		if (IS_IPSEC_SA_ESTABLISHED(filter.st) &&
		    filter.st->st_connection == ike->st_connection)
			return filter.st;
	return NULL;
}

static struct state *twin_of(const struct state *ike)
{
	const struct pl_ike *note = pl_ike_find(ike->st_serialno);
	struct state *twin = note == NULL ? NULL : state_by_serialno(note->twin);

	return twin == NULL || !IS_PARENT_SA_ESTABLISHED(twin) ||
		       twin->st_connection != ike->st_connection ? NULL : twin;
}

static bool is_ours_enough(const struct state *ours, const struct state *peers)
{
	return pl_crossing_is_lower(ours->st_ike_spis.initiator.bytes,
				    peers->st_ike_spis.initiator.bytes);
}

/* In a turn of pluto's loop after both came up. */
static void settle(const char *story UNUSED, struct state *ours, void *ctx UNUSED)
{
	struct state *peers = ours == NULL ? NULL : twin_of(ours);
	struct pl_ike *note = peers == NULL ? NULL : pl_ike_find(peers->st_serialno);

	if (note == NULL || !IS_PARENT_SA_ESTABLISHED(ours))
		return;
	if (!is_ours_enough(ours, peers)) {
		/* not in doubt unless it is asked: a dead peer of it is a dead peer */
		note->is_crossed = v2_ike_sa_can_initiate_exchange(
			pexpect_ike_sa(peers), &v2_INFORMATIONAL_liveness_exchange);
		if (note->is_crossed)
			submit_v2_liveness_exchange(pexpect_ike_sa(peers), peers->st_serialno);
	} else if (child_of(ours) != NULL) {
		llog(RC_LOG, peers->logger, "latch: " PRI_SO " is enough",
		     pri_so(ours->st_serialno));
		submit_v2_delete_exchange(pexpect_ike_sa(peers), NULL);
	}
}

static void settle_soon(so_serial_t ours)
{
	schedule_callback("latch: crossed", deltatime(0), ours, settle, NULL);
}

void pl_crossed_join(struct ike_sa *peers)
{
	struct state *ours = peers->sa.st_sa_role == SA_RESPONDER ? find_crossed(peers) : NULL;
	struct pl_ike *note = ours == NULL ? NULL : pl_ike_make(ours->st_serialno);
	struct pl_ike *peers_note = note == NULL ? NULL : pl_ike_make(peers->sa.st_serialno);

	if (peers_note == NULL)
		return;
	llog(RC_LOG, peers->sa.logger, "latch: both ends are at it: it stands beside " PRI_SO,
	     pri_so(ours->st_serialno));
	if (ours->st_connection != peers->sa.st_connection)
		move(peers, ours->st_connection);
	note->twin = peers->sa.st_serialno;
	peers_note->twin = ours->st_serialno;
	if (note->newest != 0)
		settle_soon(ours->st_serialno);
}

void pl_crossed_up(const struct ike_sa *ike)
{
	struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);

	if (note == NULL || !may_cross(&ike->sa))
		return;
	note->newest = newest_serial();
	if (note->twin != 0)
		settle_soon(ike->sa.st_serialno);
}

void pl_crossed_ends(const struct ike_sa *ike)
{
	const struct state *twin = twin_of(&ike->sa);
	const struct state *child = twin == NULL ? NULL : child_of(twin);
	struct connection *c = ike->sa.st_connection;

	for (unsigned i = 0; child != NULL && i < elemsof(c->routing.owner); i++) {
		const struct state *owner = state_by_serialno(c->routing.owner[i]);

		if (owner == &ike->sa)
			c->routing.owner[i] = twin->st_serialno;
		else if (owner != NULL && owner->st_clonedfrom == ike->sa.st_serialno)
			c->routing.owner[i] = child->st_serialno;
	}
}

/* Pluto would give up without a word here, and the answer of a peer who has taken it be late. */
void __wrap_event_v2_retransmit(struct state *st, monotime_t now)
{
	struct ike_sa *ike = pexpect_ike_sa(st);

	if (ike == NULL || !may_cross(st) || st->st_state->kind != STATE_V2_IKE_AUTH_I ||
	    st->st_connection->established_ike_sa == SOS_NOBODY) {
		__real_event_v2_retransmit(st, now);
		return;
	}
	switch (retransmit(st)) {
	case RETRANSMIT_YES:
		send_recorded_v2_message(ike, "latch: retransmit",
					 st->st_v2_msgid_windows.initiator.outgoing_fragments);
		break;
	case RETRANSMIT_NO:
		break;
	default:
		__real_event_v2_retransmit(st, now);
	}
}

void pl_crossed_response(const struct ike_sa *ike)
{
	struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);

	if (note != NULL)
		note->is_crossed = false;
}
