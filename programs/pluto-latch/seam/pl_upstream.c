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
#include "seam/pl_seam.h"

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
	ret_local->len = 0;
	ret_remote->len = 0;
	for (unsigned i = 0; i < c->child.spds.len; i++) {
		const struct spd *spd = &c->child.spds.list[i];

		if (spd->block)
			continue;
		add_once(ret_local, &spd->local->client);
		add_once(ret_remote, &spd->remote->client);
	}
}

void pl_upstream_offered(const struct connection *c, struct pl_ts_list *ret_local,
			 struct pl_ts_list *ret_remote)
{
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
	add_all(ret_local, answered(c->local));
	add_all(ret_remote, answered(c->remote));
}

bool pl_upstream_has_label(const struct connection *c)
{
	return c->config->sec_label.len > 0 || c->child.sec_label.len > 0;
}

/* Pluto's selector: a subnet, and one port or all of them. NULL, or why that cannot say @ts. */
static const char *selector_of_ts(const struct pl_ts *ts, ip_selector *ret)
{
	const struct ip_info *afi = ts->af == PL_AF_IP6 ? &ipv6_info : &ipv4_info;
	struct ip_bytes lo = { .byte = { 0 } }, hi = { .byte = { 0 } };
	ip_selector selector;

	if (!pl_ts_is_valid(ts))
		return "selector is not valid";
	if (!pl_ts_is_any_port(ts)) {
		if (ts->lo_port != ts->hi_port || ts->lo_port == 0)
			return "pluto holds one port or all, not a range";
		if (ts->proto != IPPROTO_TCP && ts->proto != IPPROTO_UDP &&
		    ts->proto != IPPROTO_SCTP)
			return "a port of a protocol without ports";
	}
	memcpy(lo.byte, ts->lo, afi->ip_size);
	memcpy(hi.byte, ts->hi, afi->ip_size);
	selector = selector_from_raw(HERE, afi, lo, hi, protocol_from_ipproto(ts->proto),
				     ip_hport(pl_ts_is_any_port(ts) ? 0 : ts->lo_port));
	if (selector_prefix_len(selector) < 0)
		return "pluto holds a subnet, not a range of addresses";
	*ret = selector;
	return NULL;
}

static const char *cannot_narrow(const struct connection *c)
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

static void narrow_end(struct connection_end *end, const struct ip_info *afi, ip_selector selector)
{
	ip_selectors *accepted = &end->child.selectors.accepted;

	pfreeany(accepted->list);
	*accepted = (ip_selectors) {
		.len = 1,
		.list = alloc_things(ip_selector, 1, "latch accepted selectors"),
	};
	accepted->list[0] = selector;
	zero(&end->child.selectors.assigned);
	end->child.selectors.assigned[0] = selector;
	end->child.selectors.proposed = (ip_selectors) {
		.len = 1,
		.list = end->child.selectors.assigned,
	};
	end->child.selectors.proposed.ip[afi->ip_index].len = 1;
	end->child.selectors.proposed.ip[afi->ip_index].list = end->child.selectors.assigned;
}

const char *pl_upstream_narrow(struct connection *c, const struct pl_ts_list *local,
			       const struct pl_ts_list *remote)
{
	ip_selector ours, theirs;
	const char *why = cannot_narrow(c);

	if (why == NULL && (local->len != 1 || remote->len != 1))
		why = "pluto's policy holds one pair of selectors";
	if (why == NULL)
		why = selector_of_ts(&local->list[0], &ours);
	if (why == NULL)
		why = selector_of_ts(&remote->list[0], &theirs);
	if (why == NULL && (local->list[0].af != remote->list[0].af ||
			    local->list[0].proto != remote->list[0].proto))
		why = "the two sides differ in family or protocol";
	if (why != NULL)
		return why;

	discard_connection_spds(c);
	alloc_connection_spds(c, 1);
	c->spd->local->client = ours;
	c->spd->remote->client = theirs;
	spd_db_add(c->spd);
	narrow_end(c->local, selector_info(ours), ours);
	narrow_end(c->remote, selector_info(theirs), theirs);
	return NULL;
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

void pl_upstream_conn(const struct connection *c, struct pl_conn_facts *ret)
{
	*ret = (struct pl_conn_facts) {
		.serial = c->serialno,
		.instance = c->instance_serial,
		.is_template = is_template(c) || is_group(c),
		.ike_version = c->config->ike_version == IKEv1 ? 1 : 2,
		.reqid = c->child.reqid == 0 ? 0 : reqid_esp(c->child.reqid),
	};
	pl_seam_copy_text(ret->name, c->name);
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
