/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The guard: table `inet latch` (design D3). The kernel enforces what the database decided,
 * whatever becomes of the daemon.
 *
 * Invariant: a packet whose 5-tuple is in `flows` passes only by an SA whose reqid is in `pin_in`
 * or `pin_out` with that 5-tuple. No pins: nothing passes. Around it stand rules for what would
 * slip past a lookup of 5-tuples, in the order in which they are asked:
 *
 * - NAT changes tuples between our hooks, and XFRM looks again after NAT. The pin is asked where
 *   the tuple is final (postrouting 350, input 350); a packet that conntrack translated, or whose
 *   conntrack entry began as a latched flow under another tuple, drops. What conntrack is told not
 *   to track (notrack) drops before anybody can rewrite it (output -175).
 * - Fragments: reassembly keeps the SA of one fragment only, so they are asked one by one before
 *   any reassembly (prerouting -450), by `pairs`: who has a latched flow with whom, protocol by
 *   protocol. ESP and AH are never in `pairs`, and so outer fragments pass. IPv6 can hide the
 *   protocol behind further headers: those go by the pair's entry of protocol 0.
 * - ICMP errors quote packets. Outbound they carry plaintext away, inbound they end connections.
 *   The quoted tuple must be pinned for the SA of the error. A quote whose ports are not where they
 *   usually are (IP options, fragments, IPv6 extension headers) goes by the pair.
 * - A listener's connection begins in the packet path, before anybody can be asked: by an SA whose
 *   reqid is in `births` with the listener's 3-tuple, and by no other. `born` learns which one
 *   began it, and holds it to that SA until it is latched. It leads from the connection to one
 *   reqid, so that one question by its key is enough, however many births there are; `same` holds
 *   reqids that were seen, each beside itself, for the comparison.
 * - A latched flow ends on this host: nothing forwards it. But latch.conf may have flows latched
 *   that are forwarded (pl_nft_auto.c): their key names the inner end as the local one. What is on
 *   its way to the inner end is in no flow by that view, but its conntrack entry may have begun as
 *   one: that is no rewriting.
 * - What latch.conf wants latched without anybody asking is held where it begins (pl_nft_auto.c).
 * - A flow whose latch bypasses IPsec has pins of reqid 0, for packets that have no SA. Its
 *   fragments and the errors about it have none: they drop as those of others.
 * - Peers of SCTP add addresses before anybody knows, and the kernel takes their packets at once.
 *   So an association is in `flows` by its ports alone, too (addresses zero, in both families):
 *   whatever has these ports and is not pinned drops, whoever it is from. It is born by its ports
 *   alone as well: what one SA began between two ports, no other SA begins again from elsewhere.
 *
 * Every packet of the host is asked, and most concern no latch. So what all rules of a kind have in
 * common is asked first (translated at all, a protocol with ports, a local port in `ports`, which
 * holds those of flows and listeners), and only what remains goes on to the sets.
 *
 * All keys name the local end first, in both directions, so that each flow is in `flows` once. The
 * sets have no size, which would preallocate; limits are the daemon's (design D16). Where
 * the kernel caps a set that learns, a connection that finds no room is not born.
 */

#include "kernel/pl_nft_table.h"

#include "core/pl_conf_auto.h"
#include "kernel/pl_nft_auto.h"
#include "kernel/pl_nft_object.h"
#include "kernel/pl_nft_rule.h"

/* before the headers of the kernel, which then leave its structs alone */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

static const char *const counter_names[PL_NFT_COUNTER_ROOF] = {
	[PL_NFT_IN_UNPINNED] = "in_unpinned",
	[PL_NFT_IN_TRANSLATED] = "in_translated",
	[PL_NFT_IN_FRAGMENT] = "in_fragment",
	[PL_NFT_IN_ICMP] = "in_icmp",
	[PL_NFT_IN_BIRTH] = "in_birth",
	[PL_NFT_OUT_UNPINNED] = "out_unpinned",
	[PL_NFT_OUT_TRANSLATED] = "out_translated",
	[PL_NFT_OUT_FRAGMENT] = "out_fragment",
	[PL_NFT_OUT_ICMP] = "out_icmp",
	[PL_NFT_OUT_BIRTH] = "out_birth",
	[PL_NFT_FORWARD_UNPINNED] = "forward_unpinned",
	[PL_NFT_FORWARD_TRANSLATED] = "forward_translated",
	[PL_NFT_FORWARD_FRAGMENT] = "forward_fragment",
	[PL_NFT_FORWARD_ICMP] = "forward_icmp",
};

static const struct {
	const char *name;
	unsigned part;
} part_names[] = {
	{ "pin", PL_NFT_PART_PIN },
	{ "translated", PL_NFT_PART_TRANSLATED },
	{ "fragment", PL_NFT_PART_FRAGMENT },
	{ "icmp-in", PL_NFT_PART_ICMP_IN },
	{ "icmp-out", PL_NFT_PART_ICMP_OUT },
	{ "birth", PL_NFT_PART_BIRTH },
	{ "born", PL_NFT_PART_BORN },
	{ "fast-open", PL_NFT_PART_FAST_OPEN },
	{ "forward", PL_NFT_PART_FORWARD },
	{ "hidden", PL_NFT_PART_HIDDEN },
	{ "association", PL_NFT_PART_ASSOCIATION },
	{ "owner", PL_NFT_PART_OWNER },
};

/* Base chains and what they begin with, for each family. */
static const struct {
	const char *name;
	uint32_t hook;
	int32_t priority;
} bases[] = {
	{ "prerouting", NF_INET_PRE_ROUTING, -450 },
	{ "input", NF_INET_LOCAL_IN, 350 },
	{ "forward", NF_INET_FORWARD, 350 },
	{ "output", NF_INET_LOCAL_OUT, -175 },
	{ "postrouting", NF_INET_POST_ROUTING, 350 },
};

/* The other chains, again for each family; the base chain of the same name jumps to it. */
static const char *const chains[] = {
	"prerouting", "input", "forward", "output", "postrouting",
	"fragment_in", "fragment_hidden_in", "fragment_out",
	"icmp_in", "icmp_quote_in", "icmp_pair_in", "icmp_out", "icmp_quote_out", "icmp_pair_out",
	"icmp_forward", "icmp_quote_forward", "icmp_pair_forward",
	"listener", "begin", "birth",
	"translated_in", "translated_out", "translated_forward",
	"portless_in", "portless_out", "portless_forward", "rewritten",
};

/* What is added, and in which direction. */
struct table {
	struct pl_nft_batch *batch;
	unsigned parts;
	const struct pl_conf *conf;	/* NULL without automatic rules */
	bool forwards;			/* some of them are for what is forwarded */
	bool answers;			/* and want a RST for what is broken of it */
	uint8_t af;
};

static const struct pl_nft_view view_in = {
	.where = PL_NFT_PACKET, .is_theirs = true, .reqid = PL_NFT_REQID_IN };
static const struct pl_nft_view view_out = {
	.where = PL_NFT_PACKET, .reqid = PL_NFT_REQID_OUT };
static const struct pl_nft_view view_any_in = {
	.where = PL_NFT_PACKET, .is_theirs = true, .reqid = PL_NFT_REQID_IN, .is_wildcard = true };
static const struct pl_nft_view view_any_out = { .where = PL_NFT_PACKET, .is_wildcard = true };
static const struct pl_nft_view view_ports_in = {
	.where = PL_NFT_PACKET, .is_theirs = true, .reqid = PL_NFT_REQID_IN, .is_anywhere = true };
static const struct pl_nft_view view_ports_out = {
	.where = PL_NFT_PACKET, .reqid = PL_NFT_REQID_OUT, .is_anywhere = true };

const char *pl_nft_counter_name(enum pl_nft_counter counter)
{
	return counter > 0 && counter < PL_NFT_COUNTER_ROOF ? counter_names[counter] : NULL;
}

unsigned pl_nft_part_find(const char *name)
{
	for (size_t i = 0; i < sizeof(part_names) / sizeof(part_names[0]); i++) {
		if (strcmp(part_names[i].name, name) == 0)
			return part_names[i].part;
	}
	return 0;
}

enum { CHAIN_NAME_MAX = 32 };

/* Chain names end in the family, like those of the sets. */
static const char *named(const struct table *t, const char *chain, char ret[static CHAIN_NAME_MAX])
{
	snprintf(ret, CHAIN_NAME_MAX, "%s%u", chain, t->af);
	return ret;
}

static void begin(const struct table *t, struct pl_nft_rule *rule, const char *chain,
		  const char *name)
{
	char full[CHAIN_NAME_MAX];

	pl_nft_rule_begin(rule, named(t, chain, full), t->af, name);
}

static void finish(const struct table *t, struct pl_nft_rule *rule, int verdict, const char *chain)
{
	char full[CHAIN_NAME_MAX];

	pl_nft_rule_verdict(rule, verdict, chain == NULL ? NULL : named(t, chain, full));
	pl_nft_rule_emit(rule, t->batch);
}

static void drop(const struct table *t, struct pl_nft_rule *rule, enum pl_nft_counter counter)
{
	pl_nft_rule_count(rule, counter_names[counter]);
	finish(t, rule, NF_DROP, NULL);
}

/* IN SET accepts; IN SET drops. */
static void accept_in(const struct table *t, const char *chain, const char *name,
		      enum pl_nft_set set, const struct pl_nft_view *view)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, name);
	pl_nft_rule_in_set(&rule, set, view);
	finish(t, &rule, NF_ACCEPT, NULL);
}

static void drop_in(const struct table *t, const char *chain, const char *name,
		    enum pl_nft_set set, const struct pl_nft_view *view,
		    enum pl_nft_counter counter)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, name);
	pl_nft_rule_in_set(&rule, set, view);
	drop(t, &rule, counter);
}

static void jump(const struct table *t, const char *chain, const char *name, const char *target)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, name);
	finish(t, &rule, NFT_JUMP, target);
}

/* A latched flow drops, and between whatever addresses, what has the ports of an association. */
static void drop_latched(const struct table *t, const char *chain, const char *name,
			 struct pl_nft_view view, enum pl_nft_counter counter)
{
	struct pl_nft_rule rule;

	drop_in(t, chain, name, PL_NFT_FLOWS, &view, counter);
	if (!(t->parts & PL_NFT_PART_ASSOCIATION))
		return;
	view.is_anywhere = true;
	begin(t, &rule, chain, "association");
	if (view.where == PL_NFT_PACKET)
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_SCTP);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &view);
	drop(t, &rule, counter);
}

/* Whoever looks from the other side: a packet that is not for this host has no local end. */
static void drop_both(const struct table *t, const char *chain, const char *name,
		      enum pl_nft_set set, struct pl_nft_view view, enum pl_nft_counter counter)
{
	view.is_theirs = false;
	drop_in(t, chain, name, set, &view, counter);
	view.is_theirs = true;
	drop_in(t, chain, name, set, &view, counter);
}

/* Most packets are not translated, and are asked about that only. */
static void translated(const struct table *t, const char *chain, const char *target,
		       enum pl_nft_counter counter)
{
	static const enum pl_nft_where wheres[] = { PL_NFT_ORIGINAL, PL_NFT_REPLY };
	struct pl_nft_rule rule;

	if (!(t->parts & PL_NFT_PART_TRANSLATED))
		return;
	begin(t, &rule, chain, "translated");
	pl_nft_rule_ct(&rule, NFT_CT_STATUS, IPS_NAT_MASK);
	finish(t, &rule, NFT_JUMP, target);
	for (unsigned i = 0; i < 4; i++) {
		struct pl_nft_view view = { .where = wheres[i / 2], .is_theirs = i % 2 };

		/* What passes through to others may have the ports of one of our associations. */
		if (counter == PL_NFT_FORWARD_TRANSLATED)
			drop_in(t, target, "latched", PL_NFT_FLOWS, &view, counter);
		else
			drop_latched(t, target, "latched", view, counter);
	}
}

/* What has no ports is in no flow, and goes another way: to no listener, and past no pin. */
static void go_portless(const struct table *t, const char *chain, const char *target)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, "no ports");
	pl_nft_rule_portless(&rule);
	finish(t, &rule, NFT_GOTO, target);
}

static void jump_fragment(const struct table *t, const char *chain, const char *target)
{
	struct pl_nft_rule rule;

	if (!(t->parts & PL_NFT_PART_FRAGMENT))
		return;
	begin(t, &rule, chain, "fragment");
	pl_nft_rule_is_fragment(&rule);
	finish(t, &rule, NFT_JUMP, target);
}

/* Headers that may stand between a fragment header or a quoted IPv6 header and the transport's. */
static const uint8_t hiding[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
				  IPPROTO_FRAGMENT, 135 /* mobility */, 139 /* HIP */,
				  140 /* shim6 */ };

static void fragment_chains(const struct table *t)
{
	struct pl_nft_view view = view_in;
	struct pl_nft_rule rule;

	if (!(t->parts & PL_NFT_PART_FRAGMENT))
		return;
	view.proto = PL_NFT_PROTO_FRAGMENT;
	accept_in(t, "fragment_in", "pinned for the pair", PL_NFT_PAIR_PINS, &view);
	drop_in(t, "fragment_in", "pair", PL_NFT_PAIRS, &view, PL_NFT_IN_FRAGMENT);
	drop_both(t, "fragment_out", "pair", PL_NFT_PAIRS, view, PL_NFT_FORWARD_FRAGMENT);
	if (t->af == PL_AF_IP4 || !(t->parts & PL_NFT_PART_HIDDEN))
		return;
	for (size_t i = 0; i < sizeof(hiding); i++) {
		begin(t, &rule, "fragment_in", "hidden protocol");
		pl_nft_rule_fragment_next(&rule, hiding[i]);
		finish(t, &rule, NFT_GOTO, "fragment_hidden_in");
	}
	view.proto = PL_NFT_PROTO_ANY;
	accept_in(t, "fragment_hidden_in", "pinned for the pair", PL_NFT_PAIR_PINS, &view);
	drop_in(t, "fragment_hidden_in", "pair", PL_NFT_PAIRS, &view, PL_NFT_IN_FRAGMENT);
	for (size_t i = 0; i < 2 * sizeof(hiding); i++) {
		view.is_theirs = i % 2;
		begin(t, &rule, "fragment_out", "hidden protocol");
		pl_nft_rule_fragment_next(&rule, hiding[i / 2]);
		pl_nft_rule_in_set(&rule, PL_NFT_PAIRS, &view);
		drop(t, &rule, PL_NFT_FORWARD_FRAGMENT);
	}
}

/* Jumps for each type of ICMP that quotes a packet and may concern its connection. */
static void icmp_types(const struct table *t, const char *chain, const char *target)
{
	static const uint8_t types4[] = { 3 /* unreachable */, 4 /* source quench */,
					  5 /* redirect */, 11 /* time */, 12 /* parameter */ };
	struct pl_nft_rule rule;

	if (t->af == PL_AF_IP6) {
		begin(t, &rule, chain, "icmp error");
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, IPPROTO_ICMPV6);
		pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NFT_CMP_EQ, 0x80, 0, 1);
		finish(t, &rule, NFT_JUMP, target);
		return;
	}
	for (size_t i = 0; i < sizeof(types4); i++) {
		begin(t, &rule, chain, "icmp error");
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, IPPROTO_ICMP);
		pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NFT_CMP_EQ, 0xff,
				  types4[i], 1);
		finish(t, &rule, NFT_JUMP, target);
	}
}

/* Sends an error on by where the quoted packet has its ports, if anywhere. */
static void icmp_sort(const struct table *t, const char *chain, const char *quote,
		      const char *pair)
{
	static const uint32_t loopback = 1;	/* its index in every network namespace */
	bool is_out = strcmp(chain, "icmp_out") == 0;
	struct pl_nft_rule rule;

	begin(t, &rule, chain, "own");
	pl_nft_rule_meta(&rule, is_out ? NFT_META_OIF : NFT_META_IIF, NFT_CMP_EQ, &loopback,
			 sizeof(loopback));
	finish(t, &rule, NFT_RETURN, NULL);
	if (!(t->parts & PL_NFT_PART_HIDDEN)) {
		pair = quote;
	} else if (t->af == PL_AF_IP4) {
		begin(t, &rule, chain, "ports in their place");
		pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 8, NFT_CMP_EQ, 0xff, 0x45,
				  1);
		pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 14, NFT_CMP_EQ, 0x1fff, 0,
				  2);
		finish(t, &rule, NFT_GOTO, quote);
	} else {
		for (size_t i = 0; i <= sizeof(hiding); i++) {
			begin(t, &rule, chain, "ports behind other headers");
			pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 14, NFT_CMP_EQ, 0xff,
					  i < sizeof(hiding) ? hiding[i] : IPPROTO_AH, 1);
			finish(t, &rule, NFT_GOTO, pair);
		}
	}
	begin(t, &rule, chain, "the rest");
	finish(t, &rule, NFT_GOTO, t->af == PL_AF_IP4 ? pair : quote);
}

static void icmp_chains(const struct table *t)
{
	struct pl_nft_view quote = { .where = PL_NFT_QUOTE }, pair = quote;

	if (t->af == PL_AF_IP6)
		pair.proto = PL_NFT_PROTO_ANY;
	if (t->parts & PL_NFT_PART_ICMP_IN) {
		quote.reqid = pair.reqid = PL_NFT_REQID_IN;
		icmp_sort(t, "icmp_in", "icmp_quote_in", "icmp_pair_in");
		accept_in(t, "icmp_quote_in", "pinned", PL_NFT_PIN_IN, &quote);
		drop_latched(t, "icmp_quote_in", "latched", quote, PL_NFT_IN_ICMP);
		accept_in(t, "icmp_pair_in", "pinned", PL_NFT_PAIR_PINS, &pair);
		drop_in(t, "icmp_pair_in", "latched", PL_NFT_PAIRS, &pair, PL_NFT_IN_ICMP);
	}
	if (t->parts & PL_NFT_PART_ICMP_OUT && t->forwards)
		jump(t, "icmp_quote_out", "to the inner end", PL_NFT_AUTO_ERRORS_OUT);
	if (t->parts & PL_NFT_PART_ICMP_OUT) {
		/* Most errors quote what came in, but none leaves that quotes what went out. A
		 * pair has no pins outbound: those errors do not leave at all. */
		quote.reqid = PL_NFT_REQID_OUT;
		icmp_sort(t, "icmp_out", "icmp_quote_out", "icmp_pair_out");
		accept_in(t, "icmp_quote_out", "pinned", PL_NFT_PIN_OUT, &quote);
		quote.is_theirs = true;
		accept_in(t, "icmp_quote_out", "pinned", PL_NFT_PIN_OUT, &quote);
		drop_latched(t, "icmp_quote_out", "latched", quote, PL_NFT_OUT_ICMP);
		quote.is_theirs = false;
		drop_latched(t, "icmp_quote_out", "latched", quote, PL_NFT_OUT_ICMP);
		drop_both(t, "icmp_pair_out", "latched", PL_NFT_PAIRS, pair, PL_NFT_OUT_ICMP);
	}
	if (t->parts & PL_NFT_PART_FORWARD) {
		icmp_sort(t, "icmp_forward", "icmp_quote_forward", "icmp_pair_forward");
		if (t->forwards)
			jump(t, "icmp_quote_forward", "pinned", PL_NFT_AUTO_ERRORS);
		drop_both(t, "icmp_quote_forward", "latched", PL_NFT_FLOWS, quote,
			  PL_NFT_FORWARD_ICMP);
		drop_both(t, "icmp_pair_forward", "latched", PL_NFT_PAIRS, pair,
			  PL_NFT_FORWARD_ICMP);
	}
}

static void input_chain(const struct table *t)
{
	static const struct pl_nft_view *const ends[] = { &view_in, &view_any_in };
	struct pl_nft_view bypass = view_in;
	struct pl_nft_rule rule;

	translated(t, "input", "translated_in", PL_NFT_IN_TRANSLATED);
	jump_fragment(t, "input", "fragment_in");
	if (t->parts & PL_NFT_PART_ICMP_IN)
		icmp_types(t, "portless_in", "icmp_in");
	go_portless(t, "input", "portless_in");
	accept_in(t, "input", "pinned", PL_NFT_PIN_IN, &view_in);
	begin(t, &rule, "input", "no latch has the port");
	pl_nft_rule_no_port(&rule, &view_in);
	finish(t, &rule, NF_ACCEPT, NULL);
	bypass.reqid = PL_NFT_REQID_BYPASS;
	begin(t, &rule, "input", "no SA");
	pl_nft_rule_unprotected_in(&rule);
	pl_nft_rule_in_set(&rule, PL_NFT_PIN_IN, &bypass);
	finish(t, &rule, NF_ACCEPT, NULL);
	if (t->parts & PL_NFT_PART_PIN)
		drop_latched(t, "input", "latched", view_in, PL_NFT_IN_UNPINNED);
	for (unsigned i = 0; i < 2 && (t->parts & PL_NFT_PART_BIRTH); i++) {
		begin(t, &rule, "input", "listener");
		pl_nft_rule_in_set(&rule, PL_NFT_LISTENERS, ends[i]);
		finish(t, &rule, NFT_GOTO, "listener");
	}
}

/* A listener takes it, or whoever latches it first. */
static void admit(const struct table *t, struct pl_nft_rule *rule)
{
	if (t->conf != NULL)
		finish(t, rule, NFT_GOTO, PL_NFT_AUTO_IN);
	else
		finish(t, rule, NF_ACCEPT, NULL);
}

/* To a listener's 3-tuple, and in no latched flow. */
static void listener_chain(const struct table *t)
{
	static const struct pl_nft_view *const births[] = { &view_in, &view_ports_in };
	struct pl_nft_rule rule;

	begin(t, &rule, "listener", "unprotected");
	pl_nft_rule_unprotected_in(&rule);
	drop(t, &rule, PL_NFT_IN_BIRTH);
	begin(t, &rule, "listener", "this SA");
	pl_nft_rule_learn(&rule, PL_NFT_SAME, &view_in, true);
	pl_nft_rule_emit(&rule, t->batch);
	for (unsigned i = 0; i < 2; i++) {
		begin(t, &rule, "listener", "born under this SA");
		pl_nft_rule_born_so(&rule, births[i]);
		pl_nft_rule_learn(&rule, PL_NFT_BORN, births[i], true);
		admit(t, &rule);
	}
	begin(t, &rule, "listener", "births by this SA");
	pl_nft_rule_in_set(&rule, PL_NFT_BIRTHS, &view_in);
	finish(t, &rule, NFT_GOTO, "begin");
	/* What a listener on this very address does not take is not for a wildcard to take. */
	drop_in(t, "listener", "no births here", PL_NFT_LISTENERS, &view_in, PL_NFT_IN_BIRTH);
	begin(t, &rule, "listener", "births by this SA on any address");
	pl_nft_rule_in_set(&rule, PL_NFT_BIRTHS, &view_any_in);
	finish(t, &rule, NFT_GOTO, "begin");
	begin(t, &rule, "listener", "the rest");
	drop(t, &rule, PL_NFT_IN_BIRTH);
}

/* Of two SAs that begin the same connection at once, on two processors, one is first. */
static void begin_as(const struct table *t, const char *chain, const struct pl_nft_view *view)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, "birth");
	pl_nft_rule_learn(&rule, PL_NFT_BORN, view, false);
	pl_nft_rule_emit(&rule, t->batch);
	begin(t, &rule, chain, "born under this SA");
	if (t->parts & PL_NFT_PART_BORN)
		pl_nft_rule_born_so(&rule, view);
	else
		pl_nft_rule_in_set(&rule, PL_NFT_BORN, view);
	admit(t, &rule);
	begin(t, &rule, chain, "the rest");
	drop(t, &rule, PL_NFT_IN_BIRTH);
}

/* The first packet of an association has an INIT chunk, and nothing behind it. */
static void begin_association(const struct table *t)
{
	struct pl_nft_rule rule;

	begin(t, &rule, "begin", "no association");
	pl_nft_rule_proto(&rule, NFT_CMP_NEQ, PL_TUPLE_SCTP);
	finish(t, &rule, NFT_GOTO, "birth");
	begin(t, &rule, "begin", "no INIT");
	pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 12, NFT_CMP_NEQ, 0xff, 1, 1);
	drop(t, &rule, PL_NFT_IN_BIRTH);
	begin_as(t, "begin", &view_ports_in);
}

static void begin_chain(const struct table *t)
{
	struct pl_nft_rule rule;

	begin(t, &rule, "begin", "no SYN");
	pl_nft_rule_proto(&rule, NFT_CMP_EQ, IPPROTO_TCP);
	pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, NFT_CMP_NEQ, 0x17, 0x02, 1);
	drop(t, &rule, PL_NFT_IN_BIRTH);
	/* Whether there is a byte behind the header, for each length that the header can have. */
	for (unsigned words = 5; words <= 15 && (t->parts & PL_NFT_PART_FAST_OPEN); words++) {
		begin(t, &rule, "begin", "payload on SYN");
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, IPPROTO_TCP);
		pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 12, NFT_CMP_EQ, 0xf0,
				  (uint16_t)(words << 4), 1);
		pl_nft_rule_has_byte(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 4 * words);
		drop(t, &rule, PL_NFT_IN_BIRTH);
	}
	begin_association(t);
	begin_as(t, "birth", &view_in);
}

/* Without NAT: not the tuple any more with which it began. */
static void rewritten_chain(const struct table *t)
{
	struct pl_nft_view original = { .where = PL_NFT_ORIGINAL };
	struct pl_nft_rule rule;

	if (!(t->parts & PL_NFT_PART_TRANSLATED))
		return;
	begin(t, &rule, "rewritten", "no latch had the port");
	pl_nft_rule_no_port(&rule, &original);
	finish(t, &rule, NFT_RETURN, NULL);
	if (t->forwards)
		accept_in(t, "rewritten", "to the inner end", PL_NFT_FLOWS, &view_in);
	begin(t, &rule, "rewritten", "rewritten");
	pl_nft_rule_proto(&rule, NFT_CMP_NEQ, t->af == PL_AF_IP4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &original);
	drop(t, &rule, PL_NFT_OUT_TRANSLATED);
	if (!(t->parts & PL_NFT_PART_ASSOCIATION))
		return;
	original.is_anywhere = true;
	begin(t, &rule, "rewritten", "association");
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &original);
	drop(t, &rule, PL_NFT_OUT_TRANSLATED);
}

/* Pinned or not: after this hook nobody could tell what it was. */
static void output_untracked(const struct table *t)
{
	struct pl_nft_rule rule;

	if (!(t->parts & PL_NFT_PART_TRANSLATED))
		return;
	begin(t, &rule, "output", "untracked");
	pl_nft_rule_ct(&rule, NFT_CT_STATE, NF_CT_STATE_UNTRACKED_BIT);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &view_out);
	drop(t, &rule, PL_NFT_OUT_TRANSLATED);
	if (!(t->parts & PL_NFT_PART_ASSOCIATION))
		return;
	begin(t, &rule, "output", "untracked association");
	pl_nft_rule_ct(&rule, NFT_CT_STATE, NF_CT_STATE_UNTRACKED_BIT);
	pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_SCTP);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &view_ports_out);
	drop(t, &rule, PL_NFT_OUT_TRANSLATED);
}

static void output_chain(const struct table *t)
{
	output_untracked(t);
	if (t->conf != NULL)
		jump(t, "output", "may be latched", PL_NFT_AUTO_OUT);
}

static void end_rewritten(const struct table *t, const char *chain)
{
	struct pl_nft_rule rule;

	begin(t, &rule, chain, "as it began");
	finish(t, &rule, NFT_GOTO, "rewritten");
}

static void postrouting_chain(const struct table *t)
{
	static const struct pl_nft_view *const ends[] = { &view_out, &view_any_out };
	static const struct pl_nft_view *const births[] = { &view_out, &view_ports_out };
	struct pl_nft_view bypass = view_out;
	struct pl_nft_rule rule;

	if (t->forwards)
		pl_nft_auto_inwards(t->batch, t->af, "postrouting");
	translated(t, "postrouting", "translated_out", PL_NFT_OUT_TRANSLATED);
	if (t->parts & PL_NFT_PART_ICMP_OUT)
		icmp_types(t, "portless_out", "icmp_out");
	end_rewritten(t, "portless_out");
	go_portless(t, "postrouting", "portless_out");
	accept_in(t, "postrouting", "pinned", PL_NFT_PIN_OUT, &view_out);
	begin(t, &rule, "postrouting", "no latch has the port");
	pl_nft_rule_no_port(&rule, &view_out);
	finish(t, &rule, NFT_GOTO, "rewritten");
	bypass.reqid = PL_NFT_REQID_BYPASS;
	begin(t, &rule, "postrouting", "no SA");
	pl_nft_rule_unprotected_out(&rule);
	pl_nft_rule_in_set(&rule, PL_NFT_PIN_OUT, &bypass);
	finish(t, &rule, NF_ACCEPT, NULL);
	if (t->parts & PL_NFT_PART_PIN)
		drop_latched(t, "postrouting", "latched", view_out, PL_NFT_OUT_UNPINNED);
	for (unsigned i = 0; i < 2 && (t->parts & PL_NFT_PART_BORN); i++) {
		begin(t, &rule, "postrouting", "born under this SA");
		pl_nft_rule_born_so(&rule, births[i]);
		finish(t, &rule, NF_ACCEPT, NULL);
		drop_in(t, "postrouting", "born", PL_NFT_BORN, births[i], PL_NFT_OUT_BIRTH);
	}
	for (unsigned i = 0; i < 2 && (t->parts & PL_NFT_PART_BIRTH); i++) {
		begin(t, &rule, "postrouting", "listener, unprotected");
		pl_nft_rule_unprotected_out(&rule);
		pl_nft_rule_in_set(&rule, PL_NFT_LISTENERS, ends[i]);
		drop(t, &rule, PL_NFT_OUT_BIRTH);
	}
	end_rewritten(t, "postrouting");
}

static void forward_chain(const struct table *t)
{
	translated(t, "forward", "translated_forward", PL_NFT_FORWARD_TRANSLATED);
	jump_fragment(t, "forward", "fragment_out");
	if (!(t->parts & PL_NFT_PART_FORWARD))
		return;
	icmp_types(t, "portless_forward", "icmp_forward");
	go_portless(t, "forward", "portless_forward");
	if (t->forwards)
		jump(t, "forward", "may be latched", PL_NFT_AUTO_FORWARD);
	drop_both(t, "forward", "latched", PL_NFT_FLOWS, view_in, PL_NFT_FORWARD_UNPINNED);
}

static void add_chains(struct table *t)
{
	static const char *const automatic[] = {
		PL_NFT_AUTO_IN, PL_NFT_AUTO_OUT, PL_NFT_AUTO_FORWARD, PL_NFT_AUTO_FORWARD_IN,
		PL_NFT_AUTO_FORWARD_OUT, PL_NFT_AUTO_ERRORS, PL_NFT_AUTO_ERRORS_OUT,
	};
	size_t nr = t->conf == NULL ? 0 : !t->forwards ? 2 :
		    sizeof(automatic) / sizeof(automatic[0]);
	char name[CHAIN_NAME_MAX];

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		pl_nft_put_base(t->batch, bases[i].name, bases[i].hook, bases[i].priority);
	for (unsigned i = 0; i < 2; i++) {
		t->af = i == 0 ? PL_AF_IP4 : PL_AF_IP6;
		for (size_t j = 0; j < sizeof(chains) / sizeof(chains[0]); j++)
			pl_nft_put_chain(t->batch, named(t, chains[j], name));
		for (size_t j = 0; j < nr; j++)
			pl_nft_put_chain(t->batch, named(t, automatic[j], name));
	}
}

static void base_rules(const struct table *t)
{
	uint8_t family = t->af == PL_AF_IP4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	char name[CHAIN_NAME_MAX];

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct pl_nft_rule rule;

		pl_nft_rule_begin(&rule, bases[i].name, t->af, "family");
		pl_nft_rule_meta(&rule, NFT_META_NFPROTO, NFT_CMP_EQ, &family, sizeof(family));
		pl_nft_rule_verdict(&rule, NFT_GOTO, named(t, bases[i].name, name));
		pl_nft_rule_emit(&rule, t->batch);
	}
}

/* Adding first makes sure that there is one to remove. */
void pl_nft_table_remove(struct pl_nft_batch *batch)
{
	pl_nft_put_table(batch, PL_NFT_PUT_IF_NONE, PL_NFT_TABLE, NULL);
	pl_nft_put_table(batch, PL_NFT_TAKE, PL_NFT_TABLE, NULL);
}

/* Both, or none: an owned table that does not persist goes with its socket, and with it the guard.
 * Headers have NFT_TABLE_F_PERSIST, which is 0x4, since Linux 6.9. */
enum { OWNED = NFT_TABLE_F_OWNER | 0x4 };

void pl_nft_table_try_owner(struct pl_nft_batch *batch)
{
	static const char name[] = PL_NFT_TABLE "_owner";
	static const uint32_t owned = OWNED;

	/* somebody's table of that name is let alone */
	pl_nft_put_table(batch, PL_NFT_PUT_NEW, name, &owned);
	pl_nft_put_table(batch, PL_NFT_TAKE, name, NULL);
}

/* These block what is in them, the others let pass. */
static bool is_blocking(enum pl_nft_set set)
{
	return set == PL_NFT_FLOWS || set == PL_NFT_LISTENERS || set == PL_NFT_PAIRS ||
	       set == PL_NFT_PORTS;
}

/* What is there goes, and comes back empty. */
static void put_counters(struct pl_nft_batch *batch, bool is_renewal)
{
	for (int counter = 1; counter < PL_NFT_COUNTER_ROOF; counter++) {
		pl_nft_put_counter(batch, PL_NFT_PUT_IF_NONE, counter_names[counter]);
		if (!is_renewal)
			continue;
		pl_nft_put_counter(batch, PL_NFT_TAKE, counter_names[counter]);
		pl_nft_put_counter(batch, PL_NFT_PUT_IF_NONE, counter_names[counter]);
	}
}

static void put_sets(struct pl_nft_batch *batch, uint64_t born_timeout_ms, bool is_renewal)
{
	for (int i = 2; i < 2 * PL_NFT_SET_ROOF; i++) {
		enum pl_nft_set set = (enum pl_nft_set)(i / 2);
		uint8_t af = i % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6;
		/* A birth cannot be recognised any more without its reqid. */
		uint64_t timeout_ms = set == PL_NFT_BORN ? born_timeout_ms :
				      set == PL_NFT_SAME ? 2 * born_timeout_ms : 0;

		pl_nft_put_set(batch, PL_NFT_PUT_IF_NONE, set, af, timeout_ms);
		if (!is_renewal || is_blocking(set))
			continue;
		pl_nft_put_set(batch, PL_NFT_TAKE, set, af, 0);
		pl_nft_put_set(batch, PL_NFT_PUT_IF_NONE, set, af, timeout_ms);
	}
}

static void put_rules(struct table *t)
{
	base_rules(t);
	jump_fragment(t, "prerouting", "fragment_in");
	if (t->answers)
		pl_nft_auto_answer(t->batch, t->af, "prerouting");
	fragment_chains(t);
	icmp_chains(t);
	input_chain(t);
	listener_chain(t);
	begin_chain(t);
	rewritten_chain(t);
	output_chain(t);
	postrouting_chain(t);
	forward_chain(t);
	if (t->conf != NULL)
		pl_nft_auto_build(t->batch, t->af, t->conf);
}

static void build(struct pl_nft_batch *batch, unsigned parts, uint64_t born_timeout_ms,
		  const struct pl_conf *conf, bool is_renewal)
{
	const uint32_t flags = parts & PL_NFT_PART_OWNER ? OWNED : 0;
	struct table t = { .batch = batch, .parts = parts };

	if (conf != NULL && pl_conf_auto_is_any(conf))
		t.conf = conf;
	t.forwards = t.conf != NULL && pl_conf_auto_forwards(conf);
	t.answers = t.conf != NULL && pl_conf_auto_answers(conf);

	/* One that is there is told in any case: it may be dormant. */
	pl_nft_put_table(batch, PL_NFT_PUT_IF_NONE, PL_NFT_TABLE,
			 is_renewal || flags != 0 ? &flags : NULL);
	if (is_renewal)
		pl_nft_take_rules(batch);
	put_counters(batch, is_renewal);
	put_sets(batch, born_timeout_ms, is_renewal);
	add_chains(&t);
	for (unsigned i = 0; i < 2; i++) {
		t.af = i == 0 ? PL_AF_IP4 : PL_AF_IP6;
		put_rules(&t);
	}
}

void pl_nft_table_build(struct pl_nft_batch *batch, unsigned parts, uint64_t born_timeout_ms,
			const struct pl_conf *conf)
{
	pl_nft_table_remove(batch);
	build(batch, parts, born_timeout_ms, conf, false);
}

void pl_nft_table_renew(struct pl_nft_batch *batch, unsigned parts, uint64_t born_timeout_ms,
			const struct pl_conf *conf)
{
	build(batch, parts, born_timeout_ms, conf, true);
}
