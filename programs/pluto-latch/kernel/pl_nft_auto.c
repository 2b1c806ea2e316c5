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
 */

#include "kernel/pl_nft_auto.h"

#include "core/pl_conf_auto.h"
#include "kernel/pl_nft_rule.h"

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

	if (!pl_conf_auto_counts(conf) || !is_of_family(&conf->local, chain->af) ||
	    !is_of_family(&conf->remote, chain->af))
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
}
