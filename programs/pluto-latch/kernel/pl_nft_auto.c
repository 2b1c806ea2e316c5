/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which packets are held until their connection has a latch (K12): rules of latch.conf, in their
 * order, the first that matches holds. core/pl_conf_auto.c has the same for whoever is asked about
 * the packet then.
 *
 * Invariant: the queue has no bypass. Without a daemon that hears it, and when it is full, what
 * would be held is dropped.
 *
 * - In: a packet that the guard has admitted to a listener, and whose birth it has recorded, that
 *   is in no latched flow.
 * - Out: the SYN of a connection, every datagram, that is in no latched flow. Not asked of
 *   conntrack, which believes what anybody sends. IKE and ESP in UDP are what SAs are made of and
 *   travel in. What has its way through the loopback device never leaves this host; that are also
 *   packets that XFRM throws away, and has asked pluto for the SA for.
 * - Forwarded (L21): which end is the inner one, and so the local one of every key, is told by the
 *   addresses of the rule. Towards it nothing is protected: what an SA would carry there is for
 *   somebody else who says that he has its address, and drops. A packet from the other end must
 *   have come by a pinned SA; one to it is sent by one, which is asked here already, and once more
 *   behind NAT (postrouting 350). What is in no latched flow and begins no connection is dropped:
 *   no socket of this host would say that there never was one, so that nobody gets in by leaving
 *   out the beginning.
 * - Broken and forwarded, where latch.conf wants a RST for it (core/pl_answer.c): only a segment
 *   from the inner end in clear, by the device that leads to it, is answered; never one that an SA
 *   carried, or that the outside sent in its name. That is asked before routing, since afterwards a
 *   packet that waits for SAs is never seen. The RST has the other end's address and goes to the
 *   inner end, as what the other end sends.
 */

#include "kernel/pl_nft_auto.h"

#include "core/pl_conf_auto.h"
#include "kernel/pl_nft_rule.h"
#include "kernel/pl_nft_table.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>

struct chain {
	struct pl_nft_batch *batch;
	char name[32];
	uint8_t af;
	struct pl_nft_view view;
	int verdict;	/* for what is not held */
};

static void begin(const struct chain *chain, struct pl_nft_rule *rule, const char *name)
{
	pl_nft_rule_begin(rule, chain->name, chain->af, name);
}

static void finish(const struct chain *chain, struct pl_nft_rule *rule)
{
	pl_nft_rule_verdict(rule, chain->verdict, NULL);
	pl_nft_rule_emit(rule, chain->batch);
}

static void match_end(struct pl_nft_rule *rule, const struct chain *chain, bool is_local,
		      const struct pl_ts *addresses, const struct pl_conf_range *ports)
{
	if (addresses->af != PL_AF_NONE)
		pl_nft_rule_address(rule, &chain->view, is_local, addresses->lo, addresses->hi);
	if (ports->lo != 0 || ports->hi != UINT16_MAX)
		pl_nft_rule_port(rule, &chain->view, is_local, (uint16_t)ports->lo,
				 (uint16_t)ports->hi);
}

static bool is_of_family(const struct pl_ts *addresses, uint8_t af)
{
	return addresses->af == PL_AF_NONE || addresses->af == af;
}

static void add_rule(const struct chain *chain, const struct pl_conf_rule *conf)
{
	struct pl_nft_rule rule;

	if (conf->is_forward || !pl_conf_auto_counts(conf) ||
	    !is_of_family(&conf->local, chain->af) || !is_of_family(&conf->remote, chain->af))
		return;
	begin(chain, &rule, conf->name);
	if (conf->proto != 0)
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, conf->proto);
	match_end(&rule, chain, true, &conf->local, &conf->local_ports);
	match_end(&rule, chain, false, &conf->remote, &conf->remote_ports);
	if (!conf->is_auto) {
		finish(chain, &rule);
		return;
	}
	pl_nft_rule_queue(&rule, PL_NFT_QUEUE);
	pl_nft_rule_emit(&rule, chain->batch);
}

static void add_rules(const struct chain *chain, const struct pl_conf *conf)
{
	unsigned nr = conf->nr_rules;

	while (nr > 0 && !conf->rules[nr - 1].is_auto)
		nr--;
	for (unsigned i = 0; i < nr; i++)
		add_rule(chain, &conf->rules[i]);
}

static struct chain chain_of(struct pl_nft_batch *batch, uint8_t af, const char *name, bool is_in)
{
	struct chain chain = {
		.batch = batch, .af = af, .verdict = NFT_RETURN,
		.view = { .where = PL_NFT_PACKET, .is_theirs = is_in,
			  .reqid = is_in ? PL_NFT_REQID_IN : PL_NFT_REQID_OUT },
	};

	snprintf(chain.name, sizeof(chain.name), "%s%u", name, af);
	return chain;
}

static bool is_of_chain(const struct chain *chain, const struct pl_conf_rule *conf)
{
	return conf->is_forward && pl_conf_auto_counts(conf) &&
	       is_of_family(&conf->local, chain->af) && is_of_family(&conf->remote, chain->af);
}

static void match_ends(const struct chain *chain, struct pl_nft_rule *rule,
		       const struct pl_conf_rule *conf)
{
	match_end(rule, chain, true, &conf->local, &conf->local_ports);
	match_end(rule, chain, false, &conf->remote, &conf->remote_ports);
}

/* Either end may have sent it. */
static void sort_forwarded(struct chain *chain, const struct pl_conf_rule *conf)
{
	static const char *const targets[] = { PL_NFT_AUTO_FORWARD_OUT, PL_NFT_AUTO_FORWARD_IN };
	struct pl_nft_rule rule;
	char target[32];

	for (unsigned i = 0; i < 2 && is_of_chain(chain, conf); i++) {
		chain->view.is_theirs = i == 1;
		begin(chain, &rule, conf->name);
		if (conf->proto != 0)
			pl_nft_rule_proto(&rule, NFT_CMP_EQ, conf->proto);
		match_ends(chain, &rule, conf);
		snprintf(target, sizeof(target), "%s%u", targets[i], chain->af);
		if (conf->is_auto)
			pl_nft_rule_verdict(&rule, NFT_GOTO, target);
		else
			pl_nft_rule_verdict(&rule, NFT_RETURN, NULL);
		pl_nft_rule_emit(&rule, chain->batch);
	}
}

static void drop(const struct chain *chain, struct pl_nft_rule *rule)
{
	pl_nft_rule_count(rule, pl_nft_counter_name(PL_NFT_FORWARD_UNPINNED));
	pl_nft_rule_verdict(rule, NF_DROP, NULL);
	pl_nft_rule_emit(rule, chain->batch);
}

static void judge_forwarded(struct chain *chain)
{
	struct pl_nft_rule rule;

	chain->verdict = NF_ACCEPT;
	begin(chain, &rule, "pinned");
	pl_nft_rule_in_set(&rule, chain->view.is_theirs ? PL_NFT_PIN_IN : PL_NFT_PIN_OUT,
			   &chain->view);
	finish(chain, &rule);
	begin(chain, &rule, "latched");
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &chain->view);
	drop(chain, &rule);
	begin(chain, &rule, "no SYN");
	pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_TCP);
	pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, NFT_CMP_NEQ, 0x17, 0x02, 1);
	drop(chain, &rule);
	begin(chain, &rule, "the rest");
	pl_nft_rule_queue(&rule, PL_NFT_QUEUE);
	pl_nft_rule_emit(&rule, chain->batch);
}

/* About packets of the inner end, from beyond the pinned SA; about packets to it, through it. */
static void pass_errors(const struct chain *chain, const struct pl_conf_rule *conf)
{
	struct chain quote = *chain;
	struct pl_nft_rule rule;

	quote.verdict = NF_ACCEPT;
	quote.view.where = PL_NFT_QUOTE;
	for (unsigned i = 0; i < 2; i++) {
		quote.view.is_theirs = i == 1;
		quote.view.reqid = i == 0 ? PL_NFT_REQID_IN : PL_NFT_REQID_OUT;
		begin(&quote, &rule, conf->name);
		match_ends(&quote, &rule, conf);
		pl_nft_rule_in_set(&rule, i == 0 ? PL_NFT_PIN_IN : PL_NFT_PIN_OUT, &quote.view);
		finish(&quote, &rule);
	}
}

/* About packets of the inner end, to it: the path's MTU, for one. */
static void pass_own_errors(const struct chain *chain, const struct pl_conf_rule *conf)
{
	static const struct pl_nft_view to = { .where = PL_NFT_PACKET, .is_theirs = true };
	struct chain quote = *chain;
	struct pl_nft_rule rule;

	quote.verdict = NF_ACCEPT;
	quote.view = (struct pl_nft_view) { .where = PL_NFT_QUOTE };
	begin(&quote, &rule, conf->name);
	pl_nft_rule_unprotected_out(&rule);
	pl_nft_rule_address(&rule, &to, true, conf->local.lo, conf->local.hi);
	match_ends(&quote, &rule, conf);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &quote.view);
	finish(&quote, &rule);
}

static void build_forward(struct pl_nft_batch *batch, uint8_t af, const struct pl_conf *conf)
{
	struct chain all = chain_of(batch, af, PL_NFT_AUTO_FORWARD, false);
	struct chain in = chain_of(batch, af, PL_NFT_AUTO_FORWARD_IN, true);
	struct chain out = chain_of(batch, af, PL_NFT_AUTO_FORWARD_OUT, false);
	struct chain errors = chain_of(batch, af, PL_NFT_AUTO_ERRORS, false);
	struct chain errors_out = chain_of(batch, af, PL_NFT_AUTO_ERRORS_OUT, false);

	for (unsigned i = 0; i < conf->nr_rules; i++) {
		const struct pl_conf_rule *rule = &conf->rules[i];

		sort_forwarded(&all, rule);
		if (!rule->is_auto || !is_of_chain(&errors, rule))
			continue;
		pass_errors(&errors, rule);
		pass_own_errors(&errors_out, rule);
	}
	judge_forwarded(&in);
	judge_forwarded(&out);
}

void pl_nft_auto_answer(struct pl_nft_batch *batch, uint8_t af, const char *name)
{
	struct chain chain = chain_of(batch, af, name, false);
	struct pl_nft_rule rule;

	chain.view.reqid = PL_NFT_REQID_DEVICE;
	begin(&chain, &rule, "answered");
	pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_TCP);
	pl_nft_rule_unprotected_in(&rule);
	pl_nft_rule_in_set(&rule, PL_NFT_ANSWERS, &chain.view);
	pl_nft_rule_count(&rule, pl_nft_counter_name(PL_NFT_FORWARD_UNPINNED));
	pl_nft_rule_reset(&rule);
	pl_nft_rule_emit(&rule, batch);
}

void pl_nft_auto_inwards(struct pl_nft_batch *batch, uint8_t af, const char *name)
{
	struct chain chain = chain_of(batch, af, name, true);
	struct pl_nft_rule rule;

	begin(&chain, &rule, "to the inner end by an SA");
	pl_nft_rule_protected_out(&rule);
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &chain.view);
	pl_nft_rule_count(&rule, pl_nft_counter_name(PL_NFT_OUT_UNPINNED));
	pl_nft_rule_verdict(&rule, NF_DROP, NULL);
	pl_nft_rule_emit(&rule, batch);
}

/* What is never held. */
static void let_go(const struct chain *chain)
{
	static const uint32_t loopback = 1;	/* its index in every network namespace */
	struct pl_nft_rule rule;

	begin(chain, &rule, "no ports");
	pl_nft_rule_portless(&rule);
	finish(chain, &rule);
	begin(chain, &rule, "no SYN");
	pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_TCP);
	pl_nft_rule_bytes(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 13, NFT_CMP_NEQ, 0x12, 0x02, 1);
	finish(chain, &rule);
	begin(chain, &rule, "own");
	pl_nft_rule_meta(&rule, NFT_META_OIF, NFT_CMP_EQ, &loopback, sizeof(loopback));
	finish(chain, &rule);
	for (unsigned i = 0; i < PL_CONF_IKE_PORTS; i++) {
		begin(chain, &rule, "IKE");
		pl_nft_rule_proto(&rule, NFT_CMP_EQ, PL_TUPLE_UDP);
		pl_nft_rule_port(&rule, &chain->view, true, pl_conf_ike_ports[i],
				 pl_conf_ike_ports[i]);
		finish(chain, &rule);
	}
	begin(chain, &rule, "latched");
	pl_nft_rule_in_set(&rule, PL_NFT_FLOWS, &chain->view);
	finish(chain, &rule);
}

void pl_nft_auto_build(struct pl_nft_batch *batch, uint8_t af, const struct pl_conf *conf)
{
	struct chain in = {
		.batch = batch, .af = af, .verdict = NF_ACCEPT,
		.view = { .where = PL_NFT_PACKET, .is_theirs = true },
	};
	struct chain out = {
		.batch = batch, .af = af, .verdict = NFT_RETURN, .view = { .where = PL_NFT_PACKET },
	};
	struct pl_nft_rule rule;

	snprintf(in.name, sizeof(in.name), "%s%u", PL_NFT_AUTO_IN, af);
	snprintf(out.name, sizeof(out.name), "%s%u", PL_NFT_AUTO_OUT, af);
	add_rules(&in, conf);
	begin(&in, &rule, "the rest");
	finish(&in, &rule);
	let_go(&out);
	add_rules(&out, conf);
	if (pl_conf_auto_forwards(conf))
		build_forward(batch, af, conf);
}
