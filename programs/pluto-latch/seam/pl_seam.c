/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Pluto's objects as facts: copies only, no pointer of pluto's leaves this folder. Nothing is
 * decided here; what cannot be found out stays empty.
 */

#include "seam/pl_seam.h"
#include "seam/pl_ike.h"
#include "seam/pl_narrow.h"
#include "seam/pl_upstream.h"
#include "seam/pl_wrap.h"

#include <arpa/inet.h>
#include <string.h>

#include "iface.h"
#include "ike_alg.h"
#include "ip_endpoint.h"
#include "ip_protocol.h"
#include "proposals.h"
#include "reqid.h"

/* Often: printf() takes ten times as long. */
void pl_seam_copy_text(char ret[static PL_TEXT_MAX], const char *text)
{
	size_t len = text == NULL ? 0 : strnlen(text, PL_TEXT_MAX - 1);

	memcpy(ret, text == NULL ? "" : text, len);
	ret[len] = '\0';
}

/* All of a fact before .u, empty but for its kind. */
static void begin(enum pl_fact_kind kind, struct pl_fact *ret)
{
	ret->kind = kind;
	ret->ike = ret->child = 0;
	ret->role = PL_ROLE_NONE;
	ret->identity = NULL;
	ret->is_ok = true;
}

void pl_seam_fact(enum pl_fact_kind kind, struct pl_fact *ret)
{
	begin(kind, ret);
	memset(&ret->conn, 0, sizeof(ret->conn));
}

void pl_seam_fact_of_conn(enum pl_fact_kind kind, const struct connection *c, struct pl_fact *ret)
{
	begin(kind, ret);
	pl_upstream_conn(c, &ret->conn);
	ret->conn.is_for_latch = pl_narrow_goes_alone(c->serialno);
}

void pl_seam_fact_of_state(enum pl_fact_kind kind, const struct state *st, struct pl_fact *ret)
{
	bool is_child = IS_CHILD_SA(st);
	const struct pl_ike *note;

	pl_seam_fact_of_conn(kind, st->st_connection, ret);
	ret->role = st->st_sa_role == SA_INITIATOR ? PL_ROLE_INITIATOR :
		    st->st_sa_role == SA_RESPONDER ? PL_ROLE_RESPONDER : PL_ROLE_NONE;
	ret->ike = is_child ? st->st_clonedfrom : st->st_serialno;
	ret->child = is_child ? st->st_serialno : 0;
	note = pl_ike_find(ret->ike);
	if (note == NULL)
		return;
	ret->identity = note->identity;
	/* A child may have been moved to a connection that did not authenticate anybody. */
	ret->conn.is_peer_id_fixed = note->is_peer_id_fixed;
}

void pl_seam_fact_of_logger(enum pl_fact_kind kind, const struct logger *logger,
			    struct pl_fact *ret)
{
	if (logger->object_vec == &logger_state_vec)
		pl_seam_fact_of_state(kind, logger->object, ret);
	else if (logger->object_vec == &logger_connection_vec)
		pl_seam_fact_of_conn(kind, logger->object, ret);
	else
		pl_seam_fact(kind, ret);
}

void pl_seam_no_selectors(struct pl_ts_facts *ret)
{
	ret->proposed_error = 0;
	ret->tsi.len = ret->tsr.len = 0;
	ret->selected_tsi.len = ret->selected_tsr.len = 0;
	ret->is_accepted = ret->has_label = false;
	ret->may_narrow = ret->may_cut = false;
	ret->is_beyond = false;
	ret->peer_id = NULL;
}

static void jam_list(struct jambuf *buf, const char *name, const struct pl_ts_list *list)
{
	char text[PL_TS_TEXT_MAX];

	jam(buf, " %s", name);
	for (unsigned i = 0; i < list->len; i++)
		jam(buf, "%s%s", i == 0 ? "=" : ",", pl_ts_text(&list->list[i], text));
}

void pl_seam_log_narrowed(struct logger *logger, const char *what,
			  const struct pl_ts_verdict *verdict)
{
	LLOG_JAMBUF(RC_LOG, logger, buf) {
		jam(buf, "latch: %s: %s;", what, verdict->text);
		jam_list(buf, "TSi", &verdict->tsi);
		jam_list(buf, "TSr", &verdict->tsr);
	}
}

void pl_seam_tell_verdict(const struct pl_fact *asked, enum pl_verdict_kind given,
			  enum pl_verdict_kind applied, const char *why_not,
			  const struct pl_ts_verdict *narrow)
{
	const struct pl_ts_facts *ts = &asked->u.ts;
	struct pl_fact fact;

	if (!pl_seam_heeds(PL_FACT_TS_VERDICT))
		return;
	fact = *asked;
	fact.kind = PL_FACT_TS_VERDICT;
	fact.is_ok = applied != PL_VERDICT_REFUSE;
	fact.u.verdict = (struct pl_verdict_facts) {
		.about = asked->kind,
		.given = given,
		.applied = applied,
		.ts = { .tsi = ts->selected_tsi, .tsr = ts->selected_tsr },
	};
	if (applied == PL_VERDICT_NARROW)
		fact.u.verdict.ts = *narrow;
	pl_seam_copy_text(fact.u.verdict.why_not, why_not);
	pl_seam_note(&fact);
}

static enum pl_mode mode_of(enum kernel_mode mode)
{
	switch (mode) {
	case KERNEL_MODE_TUNNEL:
		return PL_MODE_TUNNEL;
	case KERNEL_MODE_TRANSPORT:
		return PL_MODE_TRANSPORT;
	case KERNEL_MODE_IPTFS:
		return PL_MODE_IPTFS;
	}
	return PL_MODE_NONE;
}

/* What encapsulation=yes says about NAT is not what was found. */
static void path_facts(const struct child_sa *child, struct pl_path *ret)
{
	const struct connection *c = child->sa.st_connection;
	const struct iface_endpoint *iface = child->sa.st_iface_endpoint;
	const struct hidden_variables *nat = &child->sa.hidden_variables;
	bool is_tcp = iface != NULL && iface->io->protocol == &ip_protocol_tcp;
	bool is_found = c->config->encapsulation != YNA_YES;

	ret->local = pl_upstream_address(c->local->host.addr);
	ret->remote = pl_upstream_address(endpoint_address(child->sa.st_remote_endpoint));
	ret->is_local_nated = nat->st_nated_host && is_found;
	ret->is_remote_nated = nat->st_nated_peer && is_found;
	if (iface == NULL || !(is_tcp || nat->st_nated_host || nat->st_nated_peer))
		return;
	ret->encap = is_tcp ? PL_ENCAP_TCP : PL_ENCAP_UDP;
	ret->local_port = (uint16_t)endpoint_hport(iface->local_endpoint);
	ret->remote_port = (uint16_t)endpoint_hport(child->sa.st_remote_endpoint);
}

static void allow(struct pl_child_facts *ret, const struct encrypt_desc *encrypt, unsigned key_bits,
		  const struct integ_desc *integ)
{
	struct pl_allowed_facts *allowed;

	if (ret->nr_allowed++ >= PL_ALLOWED_MAX)
		return;
	allowed = &ret->allowed[ret->nr_allowed - 1];
	pl_seam_copy_text(allowed->encrypt, encrypt == NULL ? NULL : encrypt->common.fqn);
	allowed->key_bits = key_bits;
	pl_seam_copy_text(allowed->integ, integ == NULL ? NULL : integ->common.fqn);
}

/* Without a key length pluto proposes the longest and the usual one. */
static void allow_keys(struct pl_child_facts *ret, const struct algorithm *cipher,
		       const struct integ_desc *integ)
{
	const struct encrypt_desc *encrypt = cipher == NULL ? NULL : encrypt_desc(cipher->desc);
	unsigned longest;

	if (cipher == NULL || cipher->enckeylen > 0 || encrypt->keylen_omitted) {
		allow(ret, encrypt, cipher == NULL ? 0 : (unsigned)cipher->enckeylen, integ);
		return;
	}
	longest = encrypt_max_key_bit_length(encrypt);
	allow(ret, encrypt, longest, integ);
	if (encrypt->keydeflen != longest)
		allow(ret, encrypt, encrypt->keydeflen, integ);
}

static void allow_integrity(struct pl_child_facts *ret, const struct proposal *proposal,
			    const struct algorithm *cipher)
{
	if (next_algorithm(proposal, PROPOSAL_integ, NULL) == NULL)
		allow_keys(ret, cipher, NULL);
	FOR_EACH_ALGORITHM(proposal, integ, integ)
		allow_keys(ret, cipher, integ_desc(integ->desc));
}

/* What esp= says, and the default if it says nothing. */
static void allowed_facts(const struct config *config, struct pl_child_facts *ret)
{
	ret->may_have_esn = config->esn.yes;
	ret->may_lack_esn = config->esn.no;
	if (config->child_sa.proposals.p == NULL)
		return;
	FOR_EACH_PROPOSAL(config->child_sa.proposals.p, proposal) {
		if (next_algorithm(proposal, PROPOSAL_encrypt, NULL) == NULL)
			allow_integrity(ret, proposal, NULL);
		FOR_EACH_ALGORITHM(proposal, encrypt, cipher)
			allow_integrity(ret, proposal, cipher);
	}
	if (ret->nr_allowed > PL_ALLOWED_MAX)
		ret->nr_allowed = 0;
}

static bool is_ah(const struct child_sa *child)
{
	return child->sa.st_ah.protocol != NULL && child->sa.st_esp.protocol == NULL;
}

static uint32_t reqid_of(const struct child_sa *child)
{
	reqid_t reqid = child->sa.st_connection->child.reqid;

	return is_ah(child) ? reqid_ah(reqid) : reqid_esp(reqid);
}

void pl_seam_child_reqid(const struct child_sa *child, struct pl_fact *ret)
{
	ret->conn.reqid = pl_upstream_conn_reqid(child->sa.st_connection);
	ret->u.child.reqid = reqid_of(child);
}

void pl_seam_child_facts(const struct child_sa *child, struct pl_child_facts *ret)
{
	const struct connection *c = child->sa.st_connection;
	const struct ipsec_proto_info *sa = is_ah(child) ? &child->sa.st_ah : &child->sa.st_esp;
	const struct trans_attrs *ta = &sa->trans_attrs;
	bool is_initiator = child->sa.st_sa_role == SA_INITIATOR;

	memset(ret, 0, sizeof(*ret));
	ret->protocol = sa->protocol == NULL ? PL_PROTO_NONE :
			is_ah(child) ? PL_PROTO_AH : PL_PROTO_ESP;
	ret->mode = mode_of(child->sa.st_kernel_mode);
	ret->spi_in = ntohl(sa->inbound.spi);
	ret->spi_out = ntohl(sa->outbound.spi);
	ret->reqid = reqid_of(child);
	ret->rekeys = child->sa.st_v2_rekey_pred;
	pl_seam_copy_text(ret->encrypt, ta->ta_encrypt == NULL ? NULL : ta->ta_encrypt->common.fqn);
	ret->key_bits = ta->enckeylen;
	pl_seam_copy_text(ret->integ, ta->ta_integ == NULL ? NULL : ta->ta_integ->common.fqn);
	pl_seam_copy_text(ret->dh, child->sa.st_pfs_group == NULL ? NULL :
						child->sa.st_pfs_group->common.fqn);
	ret->has_esn = ta->esn_enabled;
	ret->has_ipcomp = child->sa.st_ipcomp.protocol != NULL;
	ret->replay_window = c->config->child_sa.replay_window;
	allowed_facts(c->config, ret);
	pl_upstream_installed(c, is_initiator ? &ret->tsi : &ret->tsr,
			      is_initiator ? &ret->tsr : &ret->tsi);
	path_facts(child, &ret->path);
}
