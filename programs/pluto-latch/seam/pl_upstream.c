/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Every access to members of pluto's structs that moved between libreswan 5.2 and 5.4: the list of
 * policies of a connection and its selectors. This is the 5.2 one; another version is a second file
 * like this, and the hooks stay as they are.
 *
 * Narrowing must reach three places that stock pluto keeps apart, or they contradict each other:
 * the SPD entry (the kernel's policy), .accepted (the response), and .proposed (against which the
 * rekey of this child is checked; stock leaves it wide and then refuses to rekey what it narrowed
 * itself).
 */

#include "seam/pl_wrap.h"
#include "seam/pl_upstream.h"
#include "seam/pl_cut.h"
#include "seam/pl_seam.h"

#include "core/pl_ts_wire.h"

#include <string.h>

#include "ip_info.h"
#include "ip_protocol.h"
#include "ip_range.h"
#include "reqid.h"
#include "spd_db.h"

struct pl_address pl_upstream_address(ip_address address)
{
	const struct ip_info *afi = address_info(address);
	struct pl_address ret = { .af = PL_AF_NONE };

	if (afi == NULL)
		return ret;
	ret.af = afi == &ipv6_info ? PL_AF_IP6 : PL_AF_IP4;
	memcpy(ret.bytes, address.bytes.byte, afi->ip_size);
	return ret;
}

struct pl_ts pl_upstream_ts(const ip_selector *selector)
{
	const struct ip_info *afi = selector_info(*selector);
	struct pl_ts ts = { .af = PL_AF_NONE };

	if (afi == NULL)
		return ts;
	ts.af = afi == &ipv6_info ? PL_AF_IP6 : PL_AF_IP4;
	ts.proto = selector->ipproto;
	ts.lo_port = selector->hport;
	ts.hi_port = selector->hport == 0 ? UINT16_MAX : selector->hport;
	memcpy(ts.lo, selector->lo.byte, afi->ip_size);
	memcpy(ts.hi, selector->hi.byte, afi->ip_size);
	return ts;
}

static void add_once(struct pl_ts_list *list, const ip_selector *selector)
{
	struct pl_ts ts = pl_upstream_ts(selector);

	for (unsigned i = 0; i < list->len; i++)
		if (pl_ts_is_equal(&list->list[i], &ts))
			return;
	/* Pluto holds fewer than PL_TS_MAX; more would be cut, and then nothing covers the rest. */
	if (list->len < PL_TS_MAX)
		list->list[list->len++] = ts;
}

static void add_all(struct pl_ts_list *list, const ip_selectors *selectors)
{
	list->len = 0;
	for (unsigned i = 0; i < selectors->len; i++)
		add_once(list, &selectors->list[i]);
}

void pl_upstream_installed(const struct connection *c, struct pl_ts_list *ret_local,
			   struct pl_ts_list *ret_remote)
{
	const struct pl_cut *cut = pl_cut_find(c->serialno);

	ret_local->len = 0;
	ret_remote->len = 0;
	if (cut != NULL) {
		*ret_local = cut->local;
		*ret_remote = cut->remote;
		return;
	}
	for (unsigned i = 0; i < c->child.spds.len; i++) {
		const struct spd *spd = &c->child.spds.list[i];

		if (spd->block)
			continue;
		add_once(ret_local, &spd->local->client);
		add_once(ret_remote, &spd->remote->client);
	}
}

static bool is_first_proposed(const struct connection_end *end, const ip_selector *installed)
{
	const ip_selectors *proposed = &end->child.selectors.proposed;

	return proposed->len > 0 && selector_eq_selector(proposed->list[0], *installed);
}

bool pl_upstream_is_narrowed(const struct connection *c)
{
	const struct spd *spd = c->child.spds.list;

	if (pl_cut_find(c->serialno) != NULL)
		return true;
	if (pl_upstream_has_label(c))
		return false;
	return c->child.spds.len == 1 && (!is_first_proposed(c->local, &spd->local->client) ||
					  !is_first_proposed(c->remote, &spd->remote->client));
}

void pl_upstream_offered(const struct connection *c, struct pl_ts_list *ret_local,
			 struct pl_ts_list *ret_remote)
{
	if (pl_cut_find(c->serialno) != NULL) {
		pl_upstream_installed(c, ret_local, ret_remote);
		return;
	}
	add_all(ret_local, &c->local->child.selectors.proposed);
	add_all(ret_remote, &c->remote->child.selectors.proposed);
}

static const ip_selectors *answered(const struct connection_end *end)
{
	return end->child.selectors.accepted.len > 0 ? &end->child.selectors.accepted :
						       &end->child.selectors.proposed;
}

void pl_upstream_answered(const struct connection *c, struct pl_ts_list *ret_local,
			  struct pl_ts_list *ret_remote)
{
	if (pl_cut_find(c->serialno) != NULL) {
		pl_upstream_installed(c, ret_local, ret_remote);
		return;
	}
	add_all(ret_local, answered(c->local));
	add_all(ret_remote, answered(c->remote));
}

bool pl_upstream_has_label(const struct connection *c)
{
	return c->config->sec_label.len > 0 || c->child.sec_label.len > 0;
}

/* Pluto's selector for a block: of its ports the last one, which is of it and, unlike the first,
 * never taken for "all". Port 0 alone would be. */
static const char *selector_of_ts(const struct pl_ts *ts, ip_selector *ret)
{
	const struct ip_info *afi = ts->af == PL_AF_IP6 ? &ipv6_info : &ipv4_info;
	struct ip_bytes lo = { .byte = { 0 } }, hi = { .byte = { 0 } };

	if (ts->hi_port == 0)
		return "port 0";
	memcpy(lo.byte, ts->lo, afi->ip_size);
	memcpy(hi.byte, ts->hi, afi->ip_size);
	*ret = selector_from_raw(HERE, afi, lo, hi, protocol_from_ipproto(ts->proto),
				 ip_hport(pl_ts_is_any_port(ts) ? 0 : ts->hi_port));
	return NULL;
}

/* What the shim does not say in its own policies. */
static bool needs_more(const struct connection *c)
{
	return c->ipsec_interface != NULL || c->config->ipsec_interface.enabled ||
	       c->sa_marks.in.mask != 0 || c->sa_marks.out.mask != 0 ||
	       c->config->nic_offload == NIC_OFFLOAD_PACKET || c->config->child_sa.iptfs.enabled;
}

const char *pl_upstream_cannot_narrow(const struct connection *c)
{
	if (!is_instance(c))
		return "connection is no instance: its selectors are configuration";
	if (pl_upstream_has_label(c))
		return "connection has a security label";
	if (kernel_policy_installed(c) || c->established_child_sa != SOS_NOBODY)
		return "connection already has kernel policies";
	if (c->child.spds.len == 0)
		return "connection has no policy";
	return NULL;
}

static bool is_nated(const struct state *st)
{
	return st != NULL &&
	       (st->hidden_variables.st_nated_host || st->hidden_variables.st_nated_peer);
}

/* Transport mode has the addresses of its packets from IKE's: behind NAT those in the selectors are
 * of no packet here, and one that two peers share is no end of a host (RFC 7296 section 2.23.1).
 *
 * An SA of transport mode has one selector in the kernel, which encloses the pieces. What comes by
 * it and is of none of them is taken as if it had come in clear, by the policies of this host; what
 * is latched with others the guard drops, for it goes by the reqid. */
const char *pl_upstream_cannot_cut(const struct connection *c, const struct state *st)
{
	enum encap_mode mode = c->config->child_sa.encap_mode;

	if (mode != ENCAP_MODE_TUNNEL && mode != ENCAP_MODE_TRANSPORT)
		return "neither tunnel nor transport mode";
	if (mode == ENCAP_MODE_TRANSPORT && is_nated(st))
		return "transport mode behind NAT";
	if (c->config->child_sa.ipcomp)
		return "compression";
	return needs_more(c) ? "connection has a mark, an interface or an offload" : NULL;
}

static const char *why_no_pieces(int r)
{
	switch (r) {
	case PL_E_TOO_MANY:
		return "too many policies";
	case PL_E_UNSUPPORTED:
		return "a port of a protocol without ports";
	case PL_E_CONFLICT:
		return "the two sides differ in family or protocol";
	default:
		return "selector is not valid";
	}
}

/* NULL, or why there is none. */
static const char *fill_pieces(const struct pl_ts_piece *exact, struct pl_cut *cut)
{
	const char *why = NULL;

	for (unsigned i = 0; i < cut->nr && why == NULL; i++) {
		struct pl_cut_piece *piece = &cut->pieces[i];

		piece->exact = exact[i];
		why = selector_of_ts(&exact[i].local, &piece->local);
		if (why == NULL)
			why = selector_of_ts(&exact[i].remote, &piece->remote);
	}
	return why;
}

static void drop_accepted(struct connection_end *end)
{
	pfreeany(end->child.selectors.accepted.list);
	end->child.selectors.accepted = (ip_selectors) { .len = 0 };
}

/* One selector of many: pluto wants some, and what they say does not leave this host. */
static void narrow_end(struct connection_end *end, ip_selector selector)
{
	const struct ip_info *afi = selector_info(selector);
	struct child_end_selectors *selectors = &end->child.selectors;

	drop_accepted(end);
	selectors->accepted = (ip_selectors) {
		.len = 1,
		.list = alloc_things(ip_selector, 1, "latch accepted selectors"),
	};
	selectors->accepted.list[0] = selector;
	zero(&selectors->assigned);
	selectors->assigned[0] = selector;
	selectors->proposed = (ip_selectors) { .len = 1, .list = selectors->assigned };
	selectors->proposed.ip[afi->ip_index].len = 1;
	selectors->proposed.ip[afi->ip_index].list = selectors->assigned;
}

static void install_pieces(struct connection *c, struct pl_cut *cut)
{
	FOR_EACH_THING(end, LEFT_END, RIGHT_END)
		cut->before[end] = c->end[end].child.selectors;
	discard_connection_spds(c);
	alloc_connection_spds(c, cut->nr);
	for (unsigned i = 0; i < cut->nr; i++) {
		struct spd *spd = &c->child.spds.list[i];

		spd->local->client = cut->pieces[i].local;
		spd->remote->client = cut->pieces[i].remote;
		spd_db_add(spd);
	}
	narrow_end(c->local, cut->pieces[0].local);
	narrow_end(c->remote, cut->pieces[0].remote);
}

/* NULL, or why the SA of these pieces cannot be in the kernel. */
static const char *why_not_these(const struct connection *c, const struct pl_ts_piece *exact,
				 unsigned nr)
{
	if (pl_ts_pieces_are_plain(exact, nr))
		return NULL;
	if (c->config->child_sa.encap_mode == ENCAP_MODE_TRANSPORT &&
	    !pl_ts_pieces_share_addresses(exact, nr))
		return "transport mode of more than two hosts";
	return pl_upstream_cannot_cut(c, NULL);
}

static const char *narrow_to(struct connection *c, const struct pl_ts_list *local,
			     const struct pl_ts_list *remote, const struct pl_ts_piece *exact,
			     unsigned nr)
{
	const char *why = why_not_these(c, exact, nr);
	struct pl_cut *cut;

	if (why != NULL)
		return why;
	cut = pl_cut_new(c->serialno, nr);
	if (cut == NULL)
		return "no memory";
	cut->local = *local;
	cut->remote = *remote;
	why = fill_pieces(exact, cut);
	if (why == NULL)
		install_pieces(c, cut);
	else
		pl_cut_drop(c->serialno);
	return why;
}

const char *pl_upstream_narrow(struct connection *c, const struct pl_ts_list *local,
			       const struct pl_ts_list *remote)
{
	static struct pl_ts_piece exact[PL_TS_PIECES_MAX];
	const char *why = pl_upstream_cannot_narrow(c);
	unsigned nr;
	int r;

	if (why == NULL && pl_cut_find(c->serialno) != NULL)
		why = "connection was narrowed before";
	if (why != NULL)
		return why;
	r = pl_ts_pieces(local, remote, PL_TS_PIECES_MAX, exact, &nr);
	return r != 0 ? why_no_pieces(r) : narrow_to(c, local, remote, exact, nr);
}

static void remake_spds(struct connection *c)
{
	discard_connection_spds(c);
	add_connection_spds(c);
}

void pl_upstream_unanswer(struct connection *c)
{
	if (pl_cut_find(c->serialno) != NULL || c->established_child_sa != SOS_NOBODY)
		return;
	FOR_EACH_THING(end, LEFT_END, RIGHT_END)
		drop_accepted(&c->end[end]);
	remake_spds(c);
}

void pl_upstream_widen(struct connection *c)
{
	const struct pl_cut *cut = pl_cut_find(c->serialno);

	if (cut == NULL || kernel_policy_installed(c) || c->established_child_sa != SOS_NOBODY)
		return;
	FOR_EACH_THING(end, LEFT_END, RIGHT_END) {
		struct child_end_selectors *selectors = &c->end[end].child.selectors;

		drop_accepted(&c->end[end]);
		memcpy(selectors->assigned, cut->before[end].assigned,
		       sizeof(selectors->assigned));
		selectors->proposed = cut->before[end].proposed;
	}
	pl_cut_drop(c->serialno);
	remake_spds(c);
}

static bool emit_payload(struct pbs_out *outs, struct_desc *desc, const struct pl_ts_list *list)
{
	enum { NUMBER_AND_RESERVED = 4 };
	struct ikev2_ts header = {
		.isat_critical = ISAKMP_PAYLOAD_NONCRITICAL, .isat_num = (uint8_t)list->len,
	};
	uint8_t body[PL_TS_WIRE_MAX];
	struct pbs_out payload;
	size_t len;

	if (pl_ts_wire_write(list, body, sizeof(body), &len) != 0 ||
	    !pbs_out_struct(outs, desc, &header, sizeof(header), &payload) ||
	    !pbs_out_raw(&payload, body + NUMBER_AND_RESERVED, len - NUMBER_AND_RESERVED,
			 "Traffic Selectors"))
		return false;
	close_output_pbs(&payload);
	return true;
}

bool pl_upstream_emit(struct pbs_out *outs, const struct pl_ts_list *tsi,
		      const struct pl_ts_list *tsr)
{
	return emit_payload(outs, &ikev2_ts_i_desc, tsi) &&
	       emit_payload(outs, &ikev2_ts_r_desc, tsr);
}

/* An instance may have its peer's ID from authentication alone: its template admits many. */
bool pl_upstream_peer_id_is_fixed(const struct connection *c)
{
	const struct id *now = &c->remote->host.id, *configured = &c->remote->host.config->id;

	if (now->kind == ID_FROMCERT || id_has_wildcards(now) || configured->kind == ID_FROMCERT)
		return false;
	return configured->kind == ID_NONE ? c->instance_serial == 0 :
					     !id_has_wildcards(configured);
}

const char *pl_upstream_peer_id(const struct connection *c, id_buf *buf)
{
	const struct id *id = &c->remote->host.id;

	if (id->kind == ID_NONE || id->kind == ID_FROMCERT || id->kind == ID_NULL ||
	    id_has_wildcards(id) || c->remote->host.config->auth == AUTH_NULL)
		return NULL;
	return str_id(id, buf);
}

uint32_t pl_upstream_conn_reqid(const struct connection *c)
{
	return c->child.reqid == 0 ? 0 : reqid_esp(c->child.reqid);
}

void pl_upstream_conn(const struct connection *c, struct pl_conn_facts *ret)
{
	ret->serial = c->serialno;
	pl_seam_copy_text(ret->name, c->name);
	ret->instance = c->instance_serial;
	ret->is_template = is_template(c) || is_group(c);
	ret->ike_version = c->config->ike_version == IKEv1 ? 1 : 2;
	ret->reqid = pl_upstream_conn_reqid(c);
	ret->is_peer_id_fixed = ret->is_for_latch = false;
}

struct pl_blob pl_upstream_ts_body(const struct payload_digest *payload)
{
	enum { GENERIC_HEADER = 4 };
	struct pl_blob blob = { .len = 0 };

	if (payload == NULL || payload->pbs.roof - payload->pbs.start <= GENERIC_HEADER)
		return blob;
	blob.ptr = payload->pbs.start + GENERIC_HEADER;
	blob.len = payload->pbs.roof - blob.ptr;
	return blob;
}
