/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Is a flow translated on this host? Its SA would then be chosen for other addresses than the
 * socket has (design D3). An entry of conntrack is found by the tuple of either direction, and what
 * the socket knows is one of the four in every case.
 *
 * This is for a named error at the start. A flow that is translated later, or in a zone that is not
 * seen from here, is dropped by the guard, which looks at every packet.
 */

#include "kernel/pl_conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* There in every network namespace once the kernel has conntrack. */
#define CONNTRACK_PROC "/proc/sys/net/netfilter/nf_conntrack_count"

static void put_ends(struct nlmsghdr *message, const struct pl_tuple *tuple, bool is_inbound)
{
	const uint8_t *src = is_inbound ? tuple->remote : tuple->local;
	const uint8_t *dst = is_inbound ? tuple->local : tuple->remote;
	struct nlattr *nest = mnl_attr_nest_start(message, CTA_TUPLE_IP);

	if (tuple->af == PL_AF_IP6) {
		mnl_attr_put(message, CTA_IP_V6_SRC, 16, src);
		mnl_attr_put(message, CTA_IP_V6_DST, 16, dst);
	} else {
		mnl_attr_put(message, CTA_IP_V4_SRC, 4, src);
		mnl_attr_put(message, CTA_IP_V4_DST, 4, dst);
	}
	mnl_attr_nest_end(message, nest);
}

static void put_ports(struct nlmsghdr *message, const struct pl_tuple *tuple, bool is_inbound)
{
	uint16_t src = is_inbound ? tuple->remote_port : tuple->local_port;
	uint16_t dst = is_inbound ? tuple->local_port : tuple->remote_port;
	struct nlattr *nest = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);

	mnl_attr_put_u8(message, CTA_PROTO_NUM, tuple->proto);
	mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(src));
	mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(dst));
	mnl_attr_nest_end(message, nest);
}

struct nlmsghdr *pl_conntrack_build(void *buf, const struct pl_tuple *tuple, bool is_inbound)
{
	struct nlmsghdr *message;
	struct nfgenmsg *family;
	struct nlattr *nest;

	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	message->nlmsg_flags = NLM_F_REQUEST;
	family = mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->nfgen_family = tuple->af == PL_AF_IP6 ? AF_INET6 : AF_INET;
	family->version = NFNETLINK_V0;
	nest = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
	put_ends(message, tuple, is_inbound);
	put_ports(message, tuple, is_inbound);
	mnl_attr_nest_end(message, nest);
	return message;
}

int pl_conntrack_parse(const struct nlmsghdr *message, uint32_t *ret)
{
	const struct nlattr *attr, *status = NULL;

	if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return PL_E_MALFORMED;
	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == CTA_STATUS)
			status = attr;
	}
	if (status == NULL || mnl_attr_validate(status, MNL_TYPE_U32) < 0)
		return PL_E_MALFORMED;
	*ret = ntohl(mnl_attr_get_u32(status));
	return 0;
}

static int see(void *ctx, const struct nlmsghdr *message)
{
	bool *is_translated = ctx;
	uint32_t status;
	int r = pl_conntrack_parse(message, &status);

	if (r == 0 && (status & IPS_NAT_MASK) != 0)
		*is_translated = true;
	return r;
}

int pl_conntrack_is_translated(struct pl_ask *ask, const struct pl_tuple *tuple, bool *ret)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	bool is_translated = false;

	for (int is_inbound = 0; is_inbound < 2; is_inbound++) {
		int r = pl_ask(ask, pl_conntrack_build(buf, tuple, is_inbound), see,
			       &is_translated);

		if (r == 0 || r == -ENOENT)
			continue;
		/* Nobody answers: that is only fine if nothing is translated either. */
		if (r < 0 && access(CONNTRACK_PROC, F_OK) < 0 && errno == ENOENT)
			break;
		return r;
	}
	*ret = is_translated;
	return 0;
}

static int see_any(void *ctx, const struct nlmsghdr *message)
{
	bool *is_known = ctx;
	uint32_t status;

	*is_known = true;
	return pl_conntrack_parse(message, &status);
}

int pl_conntrack_is_idle(struct pl_ask *ask, const struct pl_tuple *tuple, bool *ret)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	bool is_known = false;

	for (int is_inbound = 0; is_inbound < 2 && !is_known; is_inbound++) {
		int r = pl_ask(ask, pl_conntrack_build(buf, tuple, is_inbound), see_any, &is_known);

		if (r != 0 && r != -ENOENT)
			return r;
	}
	*ret = !is_known;
	return 0;
}
