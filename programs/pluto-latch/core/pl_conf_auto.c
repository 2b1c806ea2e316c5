/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rules with auto = yes (K12, K13): what they can say, and which one holds for a flow.
 *
 * They are asked about packets, not by programs. So conditions that a packet does not show are
 * errors here, rather than conditions that never hold, and rules that have them say nothing about
 * flows that nobody asks for. The packet path (kernel/pl_nft_auto.c) has the same rules in the same
 * order.
 */

#include "core/pl_conf_auto.h"

#include "core/pl_db.h"

#include <string.h>

const uint16_t pl_conf_ike_ports[PL_CONF_IKE_PORTS] = { 500, 4500 };

static bool is_any(const struct pl_conf_range *range, uint32_t most)
{
	return range->lo == 0 && range->hi == most;
}

static bool is_any_port(const struct pl_conf_range *ports)
{
	return is_any(ports, UINT16_MAX);
}

static bool is_one_address(const struct pl_ts *ts)
{
	for (unsigned i = 0; i < pl_ts_size(ts->af); i++) {
		if (ts->lo[i] != ts->hi[i])
			return false;
	}
	return true;
}

/* Pluto cannot set up an SA by packets that wait for one. */
static bool is_ike_heard(const struct pl_conf_rule *rule)
{
	for (unsigned i = 0; i < PL_CONF_IKE_PORTS && rule->proto == PL_TUPLE_UDP; i++) {
		if (rule->local_ports.lo <= pl_conf_ike_ports[i] &&
		    pl_conf_ike_ports[i] <= rule->local_ports.hi)
			return true;
	}
	return false;
}

static const char *listener_wrong(const struct pl_conf_rule *rule)
{
	if (rule->remote.af != PL_AF_NONE || !is_any_port(&rule->remote_ports))
		return "with a local-port it is for whoever comes: no remote, no remote-port";
	if (rule->local.af != PL_AF_NONE && !is_one_address(&rule->local))
		return "with a local-port, local is any or a single address";
	if (rule->local_ports.lo == 0)
		return "no port is 0";
	if (rule->local_ports.hi - rule->local_ports.lo >= PL_CONF_AUTO_PORTS_MAX)
		return "more than 64 local ports in one rule";
	if (is_ike_heard(rule))
		return "IKE itself needs the ports 500 and 4500 of UDP";
	return NULL;
}

static bool do_meet(const struct pl_ts *a, const struct pl_ts *b)
{
	size_t size = pl_ts_size(a->af);

	return memcmp(a->lo, b->hi, size) <= 0 && memcmp(b->lo, a->hi, size) <= 0;
}

/* Which end of a packet is the inner one is told by its addresses. */
static const char *forward_wrong(const struct pl_conf_rule *rule)
{
	if (rule->local.af == PL_AF_NONE || rule->remote.af == PL_AF_NONE)
		return "with forward = yes it needs a local and a remote";
	if (rule->local.af != rule->remote.af)
		return "local and remote are of two families";
	if (do_meet(&rule->local, &rule->remote))
		return "with forward = yes, no address is both local and remote";
	if (rule->is_narrow)
		return "forwarded flows get no SA of their own yet (narrow = yes)";
	if (rule->require.mode == PL_MODE_TRANSPORT)
		return "what is forwarded goes in tunnel mode (mode = transport)";
	return NULL;
}

const char *pl_conf_auto_wrong(const struct pl_conf_rule *rule)
{
	if (!rule->is_allowed)
		return "latched by itself, and not to be latched (allow = no)";
	if (!pl_conf_auto_counts(rule))
		return "packets do not show users: no uid, no gid";
	if (rule->proto != PL_TUPLE_TCP && rule->proto != PL_TUPLE_UDP)
		return "it needs protocol = tcp or protocol = udp";
	if (rule->is_forward)
		return forward_wrong(rule);
	if (pl_conf_auto_listens(rule))
		return listener_wrong(rule);
	if (rule->remote.af == PL_AF_NONE && is_any_port(&rule->remote_ports))
		return "it needs a local-port, a remote or a remote-port";
	return NULL;
}

bool pl_conf_auto_counts(const struct pl_conf_rule *rule)
{
	return is_any(&rule->uids, UINT32_MAX) && is_any(&rule->gids, UINT32_MAX);
}

bool pl_conf_auto_listens(const struct pl_conf_rule *rule)
{
	return rule->is_auto && !rule->is_forward && !is_any_port(&rule->local_ports);
}

bool pl_conf_auto_is_any(const struct pl_conf *conf)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		if (conf->rules[i].is_auto)
			return true;
	}
	return false;
}

bool pl_conf_auto_forwards(const struct pl_conf *conf)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		if (conf->rules[i].is_auto && conf->rules[i].is_forward)
			return true;
	}
	return false;
}

bool pl_conf_auto_answers(const struct pl_conf *conf)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		const struct pl_conf_rule *rule = &conf->rules[i];

		if (rule->is_auto && rule->is_forward && rule->proto == PL_TUPLE_TCP &&
		    rule->disposition == PL_DISPOSITION_RESET)
			return true;
	}
	return false;
}

static struct pl_tuple from_the_other_end(const struct pl_tuple *tuple)
{
	struct pl_tuple ret = *tuple;

	ret.local_port = tuple->remote_port;
	ret.remote_port = tuple->local_port;
	memcpy(ret.local, tuple->remote, sizeof(ret.local));
	memcpy(ret.remote, tuple->local, sizeof(ret.remote));
	return ret;
}

const struct pl_conf_rule *pl_conf_auto_forward(const struct pl_conf *conf,
						const struct pl_tuple *sent, struct pl_tuple *ret,
						enum pl_direction *ret_way)
{
	const struct pl_tuple ends[] = { *sent, from_the_other_end(sent) };

	for (unsigned i = 0; i < 2 * conf->nr_rules; i++) {
		const struct pl_conf_rule *rule = &conf->rules[i / 2];

		if (!rule->is_forward || !pl_conf_auto_counts(rule) ||
		    !pl_conf_holds(rule, &ends[i % 2]))
			continue;
		if (!rule->is_auto)
			return NULL;
		*ret = ends[i % 2];
		*ret_way = i % 2 == 0 ? PL_DIR_OUT : PL_DIR_IN;
		return rule;
	}
	return NULL;
}

const struct pl_conf_rule *pl_conf_auto_match(const struct pl_conf *conf,
					      const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		const struct pl_conf_rule *rule = &conf->rules[i];

		if (!rule->is_forward && pl_conf_auto_counts(rule) && pl_conf_holds(rule, tuple))
			return rule->is_auto ? rule : NULL;
	}
	return NULL;
}
