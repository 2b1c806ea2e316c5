/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A kernel without what the guard needs refuses the whole table: design D2 allows no half. Then
 * whoever starts the daemon wants to know which option or module it is. The kernel says which bytes
 * of ours it could not use; what they ask for is read from them, so that nothing is guessed and
 * nothing is tried.
 *
 * Invariant: pure; the bytes are our own, and are checked all the same.
 */

#include "kernel/pl_guard_missing.h"

#include "kernel/pl_guard.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

static const struct {
	const char *expression, *sentence;
} expressions[] = {
	{ "xfrm",
	  "The kernel's nftables cannot tell which SA a packet came by (CONFIG_NFT_XFRM, module "
	  "nft_xfrm)." },
	{ "ct",
	  "The kernel's nftables cannot ask conntrack (CONFIG_NF_CONNTRACK and CONFIG_NFT_CT, "
	  "modules nf_conntrack and nft_ct)." },
	{ "objref",
	  "The kernel's nftables cannot use named counters (CONFIG_NFT_OBJREF, module "
	  "nft_objref)." },
	{ "rt",
	  "The kernel's nftables cannot tell whether an SA will carry a packet (CONFIG_XFRM, "
	  "CONFIG_NFT_RT)." },
	{ "meta",
	  "The kernel's nftables cannot tell whether an SA carried a packet (CONFIG_XFRM, "
	  "CONFIG_NFT_META)." },
	{ "queue",
	  "The kernel's nftables cannot hold packets, which automatic latches need "
	  "(CONFIG_NFT_QUEUE, module nft_queue)." },
	{ "reject",
	  "The kernel's nftables cannot answer with a RST, which disposition = reset needs where "
	  "forward = yes (CONFIG_NFT_REJECT and CONFIG_NFT_REJECT_INET, module nft_reject_inet; "
	  "Linux 5.9)." },
	{ "exthdr",
	  "The kernel's nftables cannot read IPv6 extension headers (CONFIG_NFT_EXTHDR)." },
	{ "dynset",
	  "The kernel's nftables cannot learn from packets (CONFIG_NFT_SET_HASH, module "
	  "nft_set_hash)." },
};

static const char no_table[] =
	"The kernel has no nftables family inet (CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET, "
	"module nf_tables).";
static const char no_set[] =
	"The kernel's nftables has no hash sets (CONFIG_NFT_SET_HASH, module nft_set_hash).";
static const char no_counter[] =
	"The kernel's nftables has no counters (CONFIG_NFT_COUNTER, module nft_counter).";
static const char no_chain[] =
	"The kernel's nftables has no filter chains of family inet (CONFIG_NF_TABLES_INET).";
static const char no_expression[] =
	"The kernel's nftables lacks an expression that the guard needs (CONFIG_NFT_XFRM, "
	"CONFIG_NFT_CT, CONFIG_NFT_OBJREF; modules nft_xfrm, nft_ct, nft_objref).";

static const struct nlmsghdr *message_of(const struct pl_nft_batch *batch, uint32_t seq)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)batch->bytes;
	int left = (int)batch->len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq == seq && message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
			return message;
	}
	return NULL;
}

/* The name of the expression at an offset of a rule, or NULL. */
static const char *expression_at(const struct nlmsghdr *rule, uint32_t offset)
{
	const struct nlattr *blamed, *attr;

	if (offset < NLMSG_LENGTH(sizeof(struct nfgenmsg)) || offset >= rule->nlmsg_len)
		return NULL;
	blamed = (const struct nlattr *)((const uint8_t *)rule + offset);
	if (!mnl_attr_ok(blamed, (int)(rule->nlmsg_len - offset)) ||
	    mnl_attr_get_type(blamed) != NFTA_LIST_ELEM)
		return NULL;
	mnl_attr_for_each_nested(attr, blamed) {
		if (mnl_attr_get_type(attr) == NFTA_EXPR_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

static const char *missing_in_rule(const struct nlmsghdr *rule, uint32_t offset)
{
	const char *name = expression_at(rule, offset);

	for (size_t i = 0; name != NULL && i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		if (strcmp(expressions[i].expression, name) == 0)
			return expressions[i].sentence;
	}
	return no_expression;
}

const char *pl_guard_missing_in(const struct pl_nft_batch *batch, int error,
				const struct pl_netlink_refusal *refusal)
{
	const struct nlmsghdr *message;

	if (error != -ENOENT && error != -EOPNOTSUPP && error != -EAFNOSUPPORT &&
	    error != -EPROTONOSUPPORT)
		return NULL;
	message = message_of(batch, refusal->seq);
	switch (message == NULL ? NFT_MSG_NEWTABLE : message->nlmsg_type & 0xff) {
	case NFT_MSG_NEWRULE:
		return missing_in_rule(message, refusal->offset);
	case NFT_MSG_NEWSET:
		return no_set;
	case NFT_MSG_NEWOBJ:
		return no_counter;
	case NFT_MSG_NEWCHAIN:
		return no_chain;
	default:
		return no_table;
	}
}

const char *pl_guard_open_hint(int error)
{
	switch (error) {
	case -EPERM:
		return "The guard needs the capability CAP_NET_ADMIN.";
	case -EPROTONOSUPPORT:
	case -EAFNOSUPPORT:
		return "The kernel has no netlink for netfilter (CONFIG_NETFILTER_NETLINK, module "
		       "nfnetlink), and so no nftables (CONFIG_NF_TABLES).";
	default:
		return NULL;
	}
}
