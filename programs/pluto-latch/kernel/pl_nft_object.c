/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the table of pl_nft_table.c is made of, as messages: the table itself, sets, counters and
 * chains. Rules are pl_nft_rule.c's, elements pl_nft.c's.
 *
 * Invariant: pure. What cannot be said for want of memory makes the whole batch fail.
 */

#include "kernel/pl_nft_object.h"

#include "kernel/pl_nft_layout.h"

/* before the headers of the kernel, which then leave its structs alone */
#include <netinet/in.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

/* @type: to put it */
static struct nlmsghdr *next(struct pl_nft_batch *batch, enum pl_nft_put put, uint16_t type,
			     uint16_t type_to_take)
{
	if (put == PL_NFT_TAKE)
		return pl_nft_batch_next(batch, type_to_take, 0);
	return pl_nft_batch_next(batch, type, put == PL_NFT_PUT_NEW ? NLM_F_CREATE | NLM_F_EXCL :
								     NLM_F_CREATE);
}

void pl_nft_put_table(struct pl_nft_batch *batch, enum pl_nft_put put, const char *name,
		      const uint32_t *flags)
{
	struct nlmsghdr *header = next(batch, put, NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE);
	struct nftnl_table *table = nftnl_table_alloc();

	if (table == NULL || nftnl_table_set_str(table, NFTNL_TABLE_NAME, name) < 0) {
		batch->error = -ENOMEM;
	} else if (header != NULL) {
		if (flags != NULL)
			nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, *flags);
		nftnl_table_nlmsg_build_payload(header, table);
		pl_nft_batch_done(batch, header);
	}
	if (table != NULL)
		nftnl_table_free(table);
}

static void describe_set(struct nftnl_set *set, enum pl_nft_set which, uint8_t af,
			 uint64_t timeout_ms)
{
	bool is_map = pl_nft_layout_of(which)->is_map;
	uint32_t flags = is_map ? NFT_SET_MAP : 0;

	nftnl_set_set_u32(set, NFTNL_SET_ID, (uint32_t)(2 * which + (af == PL_AF_IP6)));
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, 0);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, pl_nft_key_len(which, af));
	if (timeout_ms != 0) {
		flags |= NFT_SET_EVAL | NFT_SET_TIMEOUT;
		nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, timeout_ms);
	}
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
	if (is_map) {
		nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, 0);
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, PL_NFT_LEADS);
	}
}

void pl_nft_put_set(struct pl_nft_batch *batch, enum pl_nft_put put, enum pl_nft_set which,
		    uint8_t af, uint64_t timeout_ms)
{
	struct nlmsghdr *header = next(batch, put, NFT_MSG_NEWSET, NFT_MSG_DELSET);
	struct nftnl_set *set = nftnl_set_alloc();

	if (set == NULL || nftnl_set_set_str(set, NFTNL_SET_TABLE, PL_NFT_TABLE) < 0 ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, pl_nft_set_name(which, af)) < 0) {
		batch->error = -ENOMEM;
	} else if (header != NULL) {
		nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
		if (put != PL_NFT_TAKE)
			describe_set(set, which, af, timeout_ms);
		nftnl_set_nlmsg_build_payload(header, set);
		pl_nft_batch_done(batch, header);
	}
	if (set != NULL)
		nftnl_set_free(set);
}

void pl_nft_put_counter(struct pl_nft_batch *batch, enum pl_nft_put put, const char *name)
{
	struct nlmsghdr *header = next(batch, put, NFT_MSG_NEWOBJ, NFT_MSG_DELOBJ);
	struct nftnl_obj *counter = nftnl_obj_alloc();

	if (counter == NULL) {
		batch->error = -ENOMEM;
	} else if (header != NULL) {
		nftnl_obj_set_str(counter, NFTNL_OBJ_TABLE, PL_NFT_TABLE);
		nftnl_obj_set_str(counter, NFTNL_OBJ_NAME, name);
		nftnl_obj_set_u32(counter, NFTNL_OBJ_FAMILY, NFPROTO_INET);
		nftnl_obj_set_u32(counter, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
		nftnl_obj_set_u64(counter, NFTNL_OBJ_CTR_PKTS, 0);
		nftnl_obj_set_u64(counter, NFTNL_OBJ_CTR_BYTES, 0);
		nftnl_obj_nlmsg_build_payload(header, counter);
		pl_nft_batch_done(batch, header);
	}
	if (counter != NULL)
		nftnl_obj_free(counter);
}

/* @hook: or NULL */
static void put_chain(struct pl_nft_batch *batch, const char *name, const uint32_t *hook,
		      int32_t priority)
{
	struct nlmsghdr *header = pl_nft_batch_next(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (chain == NULL || nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, PL_NFT_TABLE) < 0 ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name) < 0 ||
	    (hook != NULL && nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter") < 0)) {
		batch->error = -ENOMEM;
	} else if (header != NULL) {
		if (hook != NULL) {
			nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, *hook);
			nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
			nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		}
		nftnl_chain_nlmsg_build_payload(header, chain);
		pl_nft_batch_done(batch, header);
	}
	if (chain != NULL)
		nftnl_chain_free(chain);
}

void pl_nft_put_chain(struct pl_nft_batch *batch, const char *name)
{
	put_chain(batch, name, NULL, 0);
}

void pl_nft_put_base(struct pl_nft_batch *batch, const char *name, uint32_t hook,
		     int32_t priority)
{
	put_chain(batch, name, &hook, priority);
}

void pl_nft_take_rules(struct pl_nft_batch *batch)
{
	struct nlmsghdr *header = pl_nft_batch_next(batch, NFT_MSG_DELRULE, 0);

	if (header == NULL)
		return;
	mnl_attr_put_strz(header, NFTA_RULE_TABLE, PL_NFT_TABLE);
	pl_nft_batch_done(batch, header);
}
