/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is in force, as the kernel says it: for a daemon that comes later, for comparison with what
 * ought to be, and for what only the packet path knows (births).
 */

#include "kernel/pl_nft_read.h"

#include "core/pl_error.h"
#include "kernel/pl_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

static int see_generation(void *ctx, const struct nlmsghdr *message)
{
	const struct nlattr *attr;
	uint32_t *ret = ctx;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			*ret = ntohl(mnl_attr_get_u32(attr));
	}
	return 0;
}

int pl_nft_read_generation(struct mnl_socket *socket, uint32_t *seq, uint32_t *ret)
{
	char request[128] = { 0 };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETGEN, NFPROTO_UNSPEC,
							NLM_F_ACK, (*seq)++);

	return pl_netlink_dump(socket, header, see_generation, ret);
}

static int see_nothing(void *ctx, const struct nlmsghdr *message)
{
	(void)ctx;
	(void)message;
	return 0;
}

/* Without nf_tables nfnetlink finds every question invalid, also one that cannot be. */
int pl_nft_read_table(struct mnl_socket *socket, uint32_t *seq)
{
	char request[128] = { 0 };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETTABLE, NFPROTO_INET,
							NLM_F_ACK, (*seq)++);
	uint32_t generation;
	int r;

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, PL_NFT_TABLE);
	r = pl_netlink_dump(socket, header, see_nothing, NULL);
	if (r == -EINVAL && pl_nft_read_generation(socket, seq, &generation) == -EINVAL)
		r = -ENOENT;
	return r == -ENOENT ? PL_E_NOT_FOUND : r;
}

/* Walks over the elements of one set. */
struct walk {
	pl_nft_visit *visit;
	void *ctx;
};

static int see_elements(void *ctx, const struct nlmsghdr *message)
{
	struct walk *walk = ctx;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 0;
	return pl_nft_elements_read(message, walk->visit, walk->ctx);
}

int pl_nft_read_set(struct mnl_socket *socket, uint32_t *seq, enum pl_nft_set set, uint8_t af,
		    pl_nft_visit *visit, void *ctx)
{
	struct walk walk = { .visit = visit, .ctx = ctx };
	char request[512] = { 0 };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETSETELEM, NFPROTO_INET,
							NLM_F_DUMP, (*seq)++);

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, PL_NFT_TABLE);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, pl_nft_set_name(set, af));
	return pl_netlink_dump(socket, header, see_elements, &walk);
}

int pl_nft_read_element(struct mnl_socket *socket, uint32_t *seq, enum pl_nft_set set,
			const struct pl_tuple *tuple, pl_nft_visit *visit, void *ctx)
{
	struct walk walk = { .visit = visit, .ctx = ctx };
	union {
		struct nlmsghdr header;
		uint8_t bytes[PL_NFT_ASK_MAX];
	} request = { .bytes = { 0 } };

	pl_nft_ask(request.bytes, (*seq)++, set, tuple, 0);
	return pl_netlink_dump(socket, &request.header, see_elements, &walk);
}

static int see_counter(void *ctx, const struct nlmsghdr *message)
{
	struct nftnl_obj *object = nftnl_obj_alloc();
	uint64_t *ret = ctx;
	const char *name;
	int r = 0;

	if (object == NULL)
		return -ENOMEM;
	if (nftnl_obj_nlmsg_parse(message, object) < 0)
		r = PL_E_MALFORMED;
	name = r == 0 ? nftnl_obj_get_str(object, NFTNL_OBJ_NAME) : NULL;
	for (int i = 1; name != NULL && i < PL_NFT_COUNTER_ROOF; i++) {
		if (strcmp(name, pl_nft_counter_name((enum pl_nft_counter)i)) == 0)
			ret[i] = nftnl_obj_get_u64(object, NFTNL_OBJ_CTR_PKTS);
	}
	nftnl_obj_free(object);
	return r;
}

int pl_nft_read_counters(struct mnl_socket *socket, uint32_t *seq,
			 uint64_t ret[static PL_NFT_COUNTER_ROOF])
{
	uint64_t counters[PL_NFT_COUNTER_ROOF] = { 0 };
	char request[512] = { 0 };
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETOBJ, NFPROTO_INET,
							NLM_F_DUMP, (*seq)++);
	int r;

	mnl_attr_put_strz(header, NFTA_OBJ_TABLE, PL_NFT_TABLE);
	mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	r = pl_netlink_dump(socket, header, see_counter, counters);
	if (r != 0)
		return r == -ENOENT ? PL_E_UNAVAILABLE : r;
	memcpy(ret, counters, sizeof(counters));
	return 0;
}
