/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SAs are established and end. Pluto has many ways to end one, and the reason is known only on
 * the outer of several nested calls, while delete_ike_sa() and delete_child_sa() are the one
 * place through which each end comes. So the outer hooks leave the reason on a stack, and the
 * inner ones tell the fact: exactly one for each SA.
 *
 *    terminate_ike_family(reason)          -> for each child: connection_teardown_child(reason)
 *      -> connection_teardown_ike(reason)       -> delete_child_sa()
 *           -> delete_ike_sa()
 */

#include "seam/pl_wrap.h"
#include "seam/pl_alive.h"
#include "seam/pl_crossed.h"
#include "seam/pl_ike.h"
#include "seam/pl_initiate.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "ikev2.h"
#include "ikev2_delete.h"
#include "ikev2_liveness.h"
#include "iface.h"
#include "ip_endpoint.h"
#include "ip_protocol.h"

/* An end in progress, in the frame of the hook that knows the reason. */
struct ending {
	so_serial_t serial;
	enum terminate_reason reason;
	const struct ending *outer;
};

static const struct ending *endings;

static const struct ending *find_ending(so_serial_t serial)
{
	const struct ending *ending = endings;

	while (ending != NULL && ending->serial != serial)
		ending = ending->outer;
	return ending;
}

static enum pl_reason reason_of(so_serial_t serial)
{
	const struct ending *ending = find_ending(serial);

	if (ending == NULL)
		return PL_REASON_OTHER;
	switch (ending->reason) {
	case REASON_TOO_MANY_RETRANSMITS:
		return PL_REASON_TIMEOUT;
	case REASON_DELETED:
		return PL_REASON_DELETED;
	case REASON_SUPERSEDED_BY_NEW_SA:
		return PL_REASON_SUPERSEDED;
	case REASON_AUTH_FAILED:
		return PL_REASON_AUTH_FAILED;
	default:
		return PL_REASON_OTHER;
	}
}

static enum pl_exchange pending_exchange(const struct ike_sa *ike)
{
	const struct v2_exchange *exchange = ike->sa.st_v2_msgid_windows.initiator.exchange;

	if (exchange == NULL)
		return PL_EXCHANGE_NONE;
	switch (exchange->type) {
	case ISAKMP_v2_IKE_SA_INIT:
		return PL_EXCHANGE_IKE_SA_INIT;
	case ISAKMP_v2_IKE_AUTH:
		return PL_EXCHANGE_IKE_AUTH;
	case ISAKMP_v2_CREATE_CHILD_SA:
		return PL_EXCHANGE_CREATE_CHILD_SA;
	case ISAKMP_v2_INFORMATIONAL:
		return exchange == &v2_INFORMATIONAL_liveness_exchange ? PL_EXCHANGE_LIVENESS :
		       exchange == &v2_INFORMATIONAL_v2DELETE_exchange ? PL_EXCHANGE_DELETE :
									 PL_EXCHANGE_INFORMATIONAL;
	default:
		return PL_EXCHANGE_OTHER;
	}
}

static void ike_end_facts(const struct ike_sa *ike, struct pl_ike_end_facts *ret)
{
	const struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);
	enum pl_exchange pending = pending_exchange(ike);
	/* a peer who has ended one of two is not dead */
	bool is_in_doubt = pending == PL_EXCHANGE_LIVENESS && note != NULL && note->is_crossed;

	*ret = (struct pl_ike_end_facts) {
		.reason = reason_of(ike->sa.st_serialno),
		.pending = is_in_doubt ? PL_EXCHANGE_INFORMATIONAL : pending,
		.was_established = IS_PARENT_SA_ESTABLISHED(&ike->sa),
		.is_by_peer = note != NULL && note->is_peer_deleting,
		.rekeyed_by = note == NULL ? 0 : note->rekeyed_by,
	};
}

/* Authentication */

struct crypt_mac __wrap_v2_remote_id_hash(const struct ike_sa *ike, const char *why,
					  const struct msg_digest *md)
{
	const struct payload_digest *payload = md->chain[ike->sa.st_sa_role == SA_INITIATOR ?
							 ISAKMP_NEXT_v2IDr : ISAKMP_NEXT_v2IDi];
	struct pl_ike *note = pl_ike_make(ike->sa.st_serialno);

	if (note != NULL)
		pl_ike_set_id(note, pl_upstream_ts_body(payload));
	return __real_v2_remote_id_hash(ike, why, md);
}

diag_t __wrap_verify_v2AUTH_and_log(enum ikev2_auth_method recv_auth, struct ike_sa *ike,
				    const struct crypt_mac *idhash_in, struct pbs_in *signature_pbs,
				    const enum keyword_auth that_authby)
{
	diag_t d = __real_verify_v2AUTH_and_log(recv_auth, ike, idhash_in, signature_pbs,
						that_authby);
	struct pl_ike *note = pl_ike_make(ike->sa.st_serialno);

	if (note != NULL)
		note->auth_wire = d == NULL ? recv_auth : 0;
	return d;
}

/* IKE SAs */

static void inherit(so_serial_t from, struct pl_ike *to)
{
	struct pl_ike *pred = pl_ike_find(from);

	if (pred == NULL)
		return;
	pl_identity_unref(to->identity);
	to->identity = pl_identity_ref(pred->identity);
	to->is_peer_id_fixed = pred->is_peer_id_fixed;
	pred->rekeyed_by = to->serial;
}

void __wrap_v2_ike_sa_established(struct ike_sa *ike, where_t where)
{
	so_serial_t pred = ike->sa.st_v2_rekey_pred;
	struct pl_ike *note = pl_ike_make(ike->sa.st_serialno);
	struct pl_fact fact;

	if (note == NULL)
		llog(RC_LOG, ike->sa.logger, "latch: no memory: peer stays without identity");
	else if (pred != SOS_NOBODY)
		inherit(pred, note);
	else
		pl_ike_authenticated(ike, note);
	if (pred == SOS_NOBODY)
		pl_crossed_join(ike);
	__real_v2_ike_sa_established(ike, where);
	pl_seam_fact_of_state(PL_FACT_IKE_UP, &ike->sa, &fact);
	fact.u.ike = (struct pl_ike_facts) {
		.rekeys = pred,
		.has_initial_contact = ike->sa.st_ike_seen_v2n_initial_contact,
		.local = pl_upstream_address(ike->sa.st_connection->local->host.addr),
		.remote = pl_upstream_address(endpoint_address(ike->sa.st_remote_endpoint)),
	};
	memcpy(fact.u.ike.spi_initiator, &ike->sa.st_ike_spis.initiator,
	       sizeof(fact.u.ike.spi_initiator));
	memcpy(fact.u.ike.spi_responder, &ike->sa.st_ike_spis.responder,
	       sizeof(fact.u.ike.spi_responder));
	pl_seam_note(&fact);
	pl_initiate_ike_up(&fact);
	pl_crossed_up(ike);
}

/* A response is taken up once; what it says holds until the next one. */
void __wrap_v2_msgid_start(struct ike_sa *ike, const struct v2_exchange *exchange,
			   const struct msg_digest *md, where_t where)
{
	if (md != NULL && v2_msg_role(md) == MESSAGE_RESPONSE) {
		const struct payload_digest *p = md->chain[ISAKMP_NEXT_v2N];
		struct pl_ike *note;

		while (p != NULL && p->payload.v2n.isan_type >= v2N_STATUS_FLOOR)
			p = p->next;
		note = p == NULL ? pl_ike_find(ike->sa.st_serialno) :
				   pl_ike_make(ike->sa.st_serialno);
		if (note != NULL)
			note->peer_error = p == NULL ? 0 : p->payload.v2n.isan_type;
		pl_crossed_response(ike);
		pl_alive_response(ike);
	}
	__real_v2_msgid_start(ike, exchange, md, where);
}

void __wrap_v2_msgid_finish(struct ike_sa *ike, const struct msg_digest *md, where_t where)
{
	if (md != NULL && v2_msg_role(md) == MESSAGE_REQUEST) {
		const struct payload_digest *p = md->chain[ISAKMP_NEXT_v2D];
		struct pl_ike *note = pl_ike_find(ike->sa.st_serialno);

		for (; p != NULL && note != NULL; p = p->next)
			if (p->payload.v2delete.isad_protoid == IKEv2_SEC_PROTO_IKE)
				note->is_peer_deleting = true;
	}
	__real_v2_msgid_finish(ike, md, where);
	/* Without a message, whoever ends an exchange may be in the middle of something. */
	if (md != NULL)
		pl_seam_hear();
}

void __wrap_terminate_ike_family(struct ike_sa **ike, enum terminate_reason reason, where_t where)
{
	struct ending ending = {
		.serial = (*ike)->sa.st_serialno, .reason = reason, .outer = endings,
	};

	endings = &ending;
	pl_crossed_ends(*ike);
	__real_terminate_ike_family(ike, reason, where);
	endings = ending.outer;
}

void __wrap_connection_teardown_ike(struct ike_sa **ike, enum terminate_reason reason,
				    where_t where)
{
	struct ending ending = {
		.serial = (*ike)->sa.st_serialno, .reason = reason, .outer = endings,
	};

	endings = &ending;
	__real_connection_teardown_ike(ike, reason, where);
	endings = ending.outer;
}

void __wrap_delete_ike_sa(struct ike_sa **ike)
{
	struct pl_fact fact;
	so_serial_t serial;

	if (ike == NULL || *ike == NULL) {
		__real_delete_ike_sa(ike);
		return;
	}
	serial = (*ike)->sa.st_serialno;
	pl_seam_fact_of_state(PL_FACT_IKE_DOWN, &(*ike)->sa, &fact);
	ike_end_facts(*ike, &fact.u.ike_end);
	/* The record holds the identity until everybody was told. */
	pl_seam_note(&fact);
	pl_initiate_ike_gone(&fact);
	__real_delete_ike_sa(ike);
	pl_ike_drop(serial);
}

/* Child SAs */

/* A reqid that names this peer alone, in the one place from which pluto takes it for SAs and
 * policies alike; each establishment writes the policies anew. An administrator's own (reqid=,
 * sec-label=, ipsec-interface=) stays: others rely on the number. */
static void assign_reqid(struct connection *c, struct pl_fact *fact, const struct child_sa *child)
{
	uint32_t base = c->config->sa_reqid != 0 ? 0 : pl_engine_reqid(pl_seam_engine(), fact);

	if (base == 0)
		return;
	c->child.reqid = base;
	pl_seam_child_reqid(child, fact);
}

/* The last question before the kernel has it. */
static bool may_install(struct child_sa *child, struct pl_fact *fact)
{
	enum pl_verdict_kind given = PL_VERDICT_NONE;
	const char *why_not = NULL;

	pl_seam_fact_of_state(PL_FACT_CHILD_INSTALL, &child->sa, fact);
	pl_seam_child_facts(child, &fact->u.child);
	if (pl_seam_engine() != NULL) {
		assign_reqid(child->sa.st_connection, fact, child);
		given = pl_engine_child_install(pl_seam_engine(), fact);
		why_not = pl_engine_refusal(pl_seam_engine());
	}
	if (given != PL_VERDICT_ACCEPT)
		llog(RC_LOG, child->sa.logger, "latch: refusing Child SA%s%s",
		     why_not == NULL ? "" : ": ", why_not == NULL ? "" : why_not);
	return given == PL_VERDICT_ACCEPT;
}

static bool tell_installed(const struct child_sa *child, struct pl_fact *fact, bool is_ok)
{
	fact->is_ok = is_ok;
	fact->kind = is_ok ? PL_FACT_CHILD_UP : PL_FACT_CHILD_FAILED;
	pl_seam_note(fact);
	pl_initiate_installed(child, fact);
	return is_ok;
}

bool __wrap_connection_establish_child(struct ike_sa *ike, struct child_sa *child, where_t where)
{
	reqid_t *reqid = &child->sa.st_connection->child.reqid, before = *reqid;
	struct pl_fact fact;
	bool is_ok = may_install(child, &fact) &&
		     __real_connection_establish_child(ike, child, where);

	/* The policies that are there bear the old one. */
	if (!is_ok)
		*reqid = before;
	return tell_installed(child, &fact, is_ok);
}

/* The IKEv1 responder installs in two exchanges. */

bool __wrap_connection_establish_inbound(struct child_sa *child, where_t where)
{
	reqid_t *reqid = &child->sa.st_connection->child.reqid, before = *reqid;
	struct pl_fact fact;

	if (may_install(child, &fact) && __real_connection_establish_inbound(child, where))
		return true;
	*reqid = before;
	return tell_installed(child, &fact, false);
}

bool __wrap_connection_establish_outbound(struct ike_sa *ike, struct child_sa *child,
					  where_t where)
{
	struct pl_fact fact;

	pl_seam_fact_of_state(PL_FACT_CHILD_UP, &child->sa, &fact);
	pl_seam_child_facts(child, &fact.u.child);
	return tell_installed(child, &fact,
			      __real_connection_establish_outbound(ike, child, where));
}

void __wrap_connection_teardown_child(struct child_sa **child, enum terminate_reason reason,
				      where_t where)
{
	struct ending ending = {
		.serial = (*child)->sa.st_serialno, .reason = reason, .outer = endings,
	};

	endings = &ending;
	__real_connection_teardown_child(child, reason, where);
	endings = ending.outer;
}

static void child_end_facts(const struct child_sa *child, struct pl_child_end_facts *ret)
{
	struct ike_sa *ike = ike_sa_by_serialno(child->sa.st_clonedfrom);
	const struct ipsec_proto_info *sa = child->sa.st_esp.protocol != NULL ? &child->sa.st_esp :
									       &child->sa.st_ah;

	*ret = (struct pl_child_end_facts) {
		.reason = reason_of(child->sa.st_serialno),
		.was_established = IS_IPSEC_SA_ESTABLISHED(&child->sa),
		.spi_in = ntohl(sa->inbound.spi),
		.spi_out = ntohl(sa->outbound.spi),
	};
	if (ike == NULL)
		return;
	ret->is_by_peer = ike->sa.st_ike_version == IKEv2 &&
			  ike->sa.st_v2_msgid_windows.responder.wip != -1;
	if (find_ending(ike->sa.st_serialno) != NULL) {
		struct pl_ike_end_facts end;

		ike_end_facts(ike, &end);
		ret->ike_cause = pl_ike_end_cause(&end);
		ret->is_by_peer = end.is_by_peer;
	}
}

void __wrap_delete_child_sa(struct child_sa **child)
{
	/* A larval successor in an IKE rekey is a "child" to pluto, and none to us. */
	if (child != NULL && *child != NULL &&
	    (*child)->sa.st_sa_type_when_established == CHILD_SA) {
		const struct ike_sa *ike = ike_sa_by_serialno((*child)->sa.st_clonedfrom);
		struct pl_fact fact;

		pl_seam_fact_of_state(PL_FACT_CHILD_DOWN, &(*child)->sa, &fact);
		child_end_facts(*child, &fact.u.child_end);
		pl_seam_note(&fact);
		pl_initiate_child_gone(&fact, ike == NULL ? PL_EXCHANGE_NONE :
							    pending_exchange(ike));
	}
	__real_delete_child_sa(child);
}

void __wrap_handle_sa_expire(ipsec_spi_t spi, uint8_t protoid, ip_address dst, bool hard,
			     uint64_t bytes, uint64_t packets, uint64_t add_time,
			     struct logger *logger)
{
	struct pl_fact fact;

	pl_seam_fact(PL_FACT_SA_EXPIRE, &fact);
	fact.u.sa = (struct pl_sa_facts) {
		.protocol = protoid == IPPROTO_AH ? PL_PROTO_AH :
			    protoid == IPPROTO_ESP ? PL_PROTO_ESP : PL_PROTO_IPCOMP,
		.spi = ntohl(spi),
		.dst = pl_upstream_address(dst),
		.is_hard = hard,
	};
	pl_seam_note(&fact);
	__real_handle_sa_expire(spi, protoid, dst, hard, bytes, packets, add_time, logger);
}
