/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names of facts, and the one judgement about them that everything else relies on: whether the end
 * of an IKE SA means that the peer is gone (RFC 5660 section 2.3, K15 and K19).
 *
 * Pluto calls every unanswered request "too many retransmits". Only an unanswered liveness check on
 * an established IKE SA says that the peer is dead; anything else is packet loss. And a rekeyed
 * IKE SA ends with "deleted", though nothing ended for its children.
 */

#include "core/pl_facts.h"

#define NAME_OF(TABLE, VALUE) \
	((unsigned)(VALUE) < sizeof(TABLE) / sizeof((TABLE)[0]) ? (TABLE)[VALUE] : (TABLE)[0])

static const char *const fact_names[PL_FACT_ROOF] = {
	[PL_FACT_NONE] = "none",
	[PL_FACT_KERNEL_START] = "kernel-start",
	[PL_FACT_START] = "start",
	[PL_FACT_STOPPING] = "stopping",
	[PL_FACT_STOP] = "stop",
	[PL_FACT_CONN_ADD] = "conn-add",
	[PL_FACT_CONN_DELETE] = "conn-delete",
	[PL_FACT_CONN_ROUTE] = "conn-route",
	[PL_FACT_CONN_UNROUTE] = "conn-unroute",
	[PL_FACT_PROPOSALS] = "proposals",
	[PL_FACT_PROPOSAL_CHOSEN] = "proposal-chosen",
	[PL_FACT_TS_REQUEST] = "ts-request",
	[PL_FACT_TS_REKEY] = "ts-rekey",
	[PL_FACT_TS_RESPONSE] = "ts-response",
	[PL_FACT_TS_PROPOSAL] = "ts-proposal",
	[PL_FACT_SUITES] = "suites",
	[PL_FACT_TS_VERDICT] = "ts-verdict",
	[PL_FACT_TS_OFFER] = "ts-offer",
	[PL_FACT_TS_ANSWER] = "ts-answer",
	[PL_FACT_CHILD_INSTALL] = "child-install",
	[PL_FACT_CHILD_UP] = "child-up",
	[PL_FACT_CHILD_FAILED] = "child-failed",
	[PL_FACT_CHILD_DOWN] = "child-down",
	[PL_FACT_IKE_UP] = "ike-up",
	[PL_FACT_IKE_ALIVE] = "ike-alive",
	[PL_FACT_IKE_DOWN] = "ike-down",
	[PL_FACT_SA_ADD] = "sa-add",
	[PL_FACT_SA_DELETE] = "sa-delete",
	[PL_FACT_SA_MIGRATE] = "sa-migrate",
	[PL_FACT_SA_EXPIRE] = "sa-expire",
	[PL_FACT_SPI_GET] = "spi-get",
	[PL_FACT_POLICY_ADD] = "policy-add",
	[PL_FACT_POLICY_DELETE] = "policy-delete",
	[PL_FACT_FLUSH] = "flush",
	[PL_FACT_INITIATED] = "initiated",
};

static const char *const exchange_names[PL_EXCHANGE_ROOF] = {
	[PL_EXCHANGE_NONE] = "none",
	[PL_EXCHANGE_IKE_SA_INIT] = "IKE_SA_INIT",
	[PL_EXCHANGE_IKE_AUTH] = "IKE_AUTH",
	[PL_EXCHANGE_CREATE_CHILD_SA] = "CREATE_CHILD_SA",
	[PL_EXCHANGE_LIVENESS] = "liveness",
	[PL_EXCHANGE_DELETE] = "delete",
	[PL_EXCHANGE_INFORMATIONAL] = "INFORMATIONAL",
	[PL_EXCHANGE_OTHER] = "other",
};

static const char *const reason_names[PL_REASON_ROOF] = {
	[PL_REASON_NONE] = "none",
	[PL_REASON_TIMEOUT] = "timeout",
	[PL_REASON_DELETED] = "deleted",
	[PL_REASON_SUPERSEDED] = "superseded",
	[PL_REASON_AUTH_FAILED] = "auth-failed",
	[PL_REASON_OTHER] = "other",
};

static const char *const cause_names[PL_IKE_END_ROOF] = {
	[PL_IKE_END_NONE] = "none",
	[PL_IKE_END_REKEYED] = "rekeyed",
	[PL_IKE_END_PEER_LOST] = "peer-lost",
	[PL_IKE_END_PEER_DELETED] = "peer-deleted",
	[PL_IKE_END_UNANSWERED] = "unanswered",
	[PL_IKE_END_FAILED] = "failed",
	[PL_IKE_END_LOCAL] = "local",
};

static const char *const verdict_names[PL_VERDICT_ROOF] = {
	[PL_VERDICT_NONE] = "none",
	[PL_VERDICT_ACCEPT] = "accept",
	[PL_VERDICT_NARROW] = "narrow",
	[PL_VERDICT_REFUSE] = "refuse",
};

enum pl_ike_end_cause pl_ike_end_cause(const struct pl_ike_end_facts *end)
{
	if (end->rekeyed_by != 0)
		return PL_IKE_END_REKEYED;
	if (!end->was_established)
		return end->reason == PL_REASON_TIMEOUT ? PL_IKE_END_UNANSWERED : PL_IKE_END_FAILED;
	if (end->reason == PL_REASON_TIMEOUT)
		return end->pending == PL_EXCHANGE_LIVENESS ? PL_IKE_END_PEER_LOST :
							      PL_IKE_END_UNANSWERED;
	return end->is_by_peer ? PL_IKE_END_PEER_DELETED : PL_IKE_END_LOCAL;
}

const char *pl_fact_name(enum pl_fact_kind kind)
{
	return NAME_OF(fact_names, kind);
}

const char *pl_exchange_name(enum pl_exchange exchange)
{
	return NAME_OF(exchange_names, exchange);
}

const char *pl_reason_name(enum pl_reason reason)
{
	return NAME_OF(reason_names, reason);
}

const char *pl_ike_end_cause_name(enum pl_ike_end_cause cause)
{
	return NAME_OF(cause_names, cause);
}

const char *pl_verdict_name(enum pl_verdict_kind verdict)
{
	return NAME_OF(verdict_names, verdict);
}
