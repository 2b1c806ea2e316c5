/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The way of a socket's packets, as far as it decides whether the socket can be latched (design
 * D3): the guard has no sight of the reqid behind an xfrm interface, does not follow into a VRF,
 * and a flow between two addresses of this host has no SA.
 *
 * The kernel is asked for the route with everything that rules can look at: both ends, mark, uid,
 * device, type of service. It is the route of now, which the administrator can change: a guarded
 * flow that then goes another way is dropped there, not let through.
 */

#include "kernel/pl_route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t zero[16];

static struct nlmsghdr *begin(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message;

	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	return message;
}

struct nlmsghdr *pl_route_build(void *buf, const struct pl_route_query *query)
{
	const struct pl_tuple *tuple = &query->tuple;
	struct nlmsghdr *message = begin(buf, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(message, sizeof(*rtm));
	size_t size = tuple->af == PL_AF_IP6 ? 16 : 4;

	rtm->rtm_family = tuple->af == PL_AF_IP6 ? AF_INET6 : AF_INET;
	rtm->rtm_tos = query->tos & 0xfc; /* the rest is ECN, no choice of ours */
	rtm->rtm_dst_len = (uint8_t)(size * 8);
	mnl_attr_put(message, RTA_DST, size, tuple->remote);
	if (memcmp(tuple->local, zero, sizeof(zero)) != 0) {
		rtm->rtm_src_len = (uint8_t)(size * 8);
		mnl_attr_put(message, RTA_SRC, size, tuple->local);
	}
	if (query->device != 0)
		mnl_attr_put_u32(message, RTA_OIF, query->device);
	if (query->mark != 0)
		mnl_attr_put_u32(message, RTA_MARK, query->mark);
	mnl_attr_put_u32(message, RTA_UID, query->uid);
	/* The kernel takes the ports of no other protocol here. */
	if (tuple->proto == PL_TUPLE_TCP || tuple->proto == PL_TUPLE_UDP) {
		mnl_attr_put_u8(message, RTA_IP_PROTO, tuple->proto);
		mnl_attr_put_u16(message, RTA_SPORT, htons(tuple->local_port));
		mnl_attr_put_u16(message, RTA_DPORT, htons(tuple->remote_port));
	}
	return message;
}

int pl_route_parse(const struct nlmsghdr *message, struct pl_route *ret)
{
	struct pl_route route = { .type = RTN_UNSPEC };
	const struct nlattr *attr;
	struct rtmsg rtm;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(rtm)))
		return PL_E_MALFORMED;
	memcpy(&rtm, mnl_nlmsg_get_payload(message), sizeof(rtm));
	route.type = rtm.rtm_type;
	mnl_attr_for_each(attr, message, sizeof(rtm)) {
		if (mnl_attr_get_type(attr) == RTA_OIF) {
			if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
				return PL_E_MALFORMED;
			route.device = mnl_attr_get_u32(attr);
		} else if (mnl_attr_get_type(attr) == RTA_ENCAP_TYPE) {
			route.is_encapsulated = true;
		} else if (mnl_attr_get_type(attr) == RTA_PREFSRC &&
			   mnl_attr_get_payload_len(attr) <= sizeof(route.source)) {
			memcpy(route.source, mnl_attr_get_payload(attr),
			       mnl_attr_get_payload_len(attr));
		}
	}
	*ret = route;
	return 0;
}

struct nlmsghdr *pl_route_build_link(void *buf, uint32_t device)
{
	struct nlmsghdr *message = begin(buf, RTM_GETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)device;
	return message;
}

static bool is_kind(const struct nlattr *attr, const char *kind)
{
	size_t len = strlen(kind), has = mnl_attr_get_payload_len(attr);

	return has >= len && memcmp(mnl_attr_get_payload(attr), kind, len) == 0 &&
	       (has == len || ((const char *)mnl_attr_get_payload(attr))[len] == '\0');
}

static bool is_virtual(const struct nlattr *info)
{
	static const char *const kinds[] = { "xfrm", "vti", "vti6", "vrf" };
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info) {
		uint16_t type = mnl_attr_get_type(attr);

		for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if ((type == IFLA_INFO_KIND || type == IFLA_INFO_SLAVE_KIND) &&
			    is_kind(attr, kinds[i]))
				return true;
		}
	}
	return false;
}

int pl_route_parse_link(const struct nlmsghdr *message, bool *ret_is_virtual)
{
	const struct nlattr *attr;
	bool found = false;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return PL_E_MALFORMED;
	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO && is_virtual(attr))
			found = true;
	}
	*ret_is_virtual = found;
	return 0;
}

struct nlmsghdr *pl_route_build_addresses(void *buf, uint8_t af)
{
	struct nlmsghdr *message = begin(buf, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(message, sizeof(*ifa));

	ifa->ifa_family = af == PL_AF_IP6 ? AF_INET6 : AF_INET;
	return message;
}

/* IFA_LOCAL is ours where there are both: IFA_ADDRESS is then the other end of a link. */
int pl_route_parse_address(const struct nlmsghdr *message, uint8_t af, uint8_t ret[static 16])
{
	size_t size = af == PL_AF_IP6 ? 16 : 4;
	const struct nlattr *attr, *best = NULL;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
		return PL_E_MALFORMED;
	mnl_attr_for_each(attr, message, sizeof(struct ifaddrmsg)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && best == NULL))
			best = attr;
	}
	if (best == NULL || mnl_attr_get_payload_len(best) != size)
		return PL_E_MALFORMED;
	memset(ret, 0, 16);
	memcpy(ret, mnl_attr_get_payload(best), size);
	return 0;
}

struct see_route {
	bool is_there;
	struct pl_route route;
};

static int see_route(void *ctx, const struct nlmsghdr *message)
{
	struct see_route *see = ctx;

	see->is_there = true;
	return pl_route_parse(message, &see->route);
}

struct see_link {
	bool is_there, is_virtual;
};

static int see_link(void *ctx, const struct nlmsghdr *message)
{
	struct see_link *see = ctx;

	see->is_there = true;
	return pl_route_parse_link(message, &see->is_virtual);
}

struct see_address {
	const struct pl_tuple *tuple;
	bool is_ours;
};

static int see_address(void *ctx, const struct nlmsghdr *message)
{
	struct see_address *see = ctx;
	uint8_t address[16];
	int r = pl_route_parse_address(message, see->tuple->af, address);

	if (r == 0 && memcmp(address, see->tuple->remote, sizeof(address)) == 0)
		see->is_ours = true;
	return r;
}

static int ask_route(struct pl_ask *ask, const struct pl_route_query *query, struct pl_route *ret)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct see_route see = { .is_there = false };
	int r = pl_ask(ask, pl_route_build(buf, query), see_route, &see);

	if (r != 0)
		return r;
	if (!see.is_there)
		return -ENETUNREACH;
	*ret = see.route;
	return 0;
}

static int ask_link(struct pl_ask *ask, uint32_t device, bool *is_virtual_too)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct see_link see = { .is_there = false };
	int r = pl_ask(ask, pl_route_build_link(buf, device), see_link, &see);

	if (r == 0 && !see.is_there)
		r = -ENODEV;
	if (r == 0 && see.is_virtual)
		*is_virtual_too = true;
	return r;
}

/* A rule may lead past the table of local addresses, so that the route alone does not say it. */
static int ask_addresses(struct pl_ask *ask, const struct pl_tuple *tuple, bool *is_ours_too)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct see_address see = { .tuple = tuple };
	int r = pl_ask(ask, pl_route_build_addresses(buf, tuple->af), see_address, &see);

	if (see.is_ours)
		*is_ours_too = true;
	/* A list that changed under way may have missed it. */
	return r;
}

static int take_route(const struct pl_route *route, struct pl_route_way *way)
{
	way->is_encapsulated = route->is_encapsulated;
	memcpy(way->source, route->source, sizeof(way->source));
	switch (route->type) {
	case RTN_UNICAST:
		return 0;
	case RTN_LOCAL:
	case RTN_ANYCAST:
		way->is_peer_local = true;
		return 0;
	case RTN_BROADCAST:
	case RTN_MULTICAST:
		return PL_E_UNSUPPORTED;
	default:
		return -ENETUNREACH;
	}
}

int pl_route_way(struct pl_ask *ask, const struct pl_route_query *query, struct pl_route_way *ret)
{
	struct pl_route_way way = { .is_virtual = false };
	struct pl_route route = { .device = 0 };
	int r = 0;

	if (query->device != 0)
		r = ask_link(ask, query->device, &way.is_virtual);
	if (r == 0 && query->tuple.remote_port != 0) {
		r = ask_route(ask, query, &route);
		if (r == 0)
			r = take_route(&route, &way);
		if (r == 0)
			r = ask_addresses(ask, &query->tuple, &way.is_peer_local);
	}
	if (r == 0 && route.device != 0 && route.device != query->device)
		r = ask_link(ask, route.device, &way.is_virtual);
	if (r == 0)
		*ret = way;
	return r;
}

int pl_route_device(const struct pl_tuple *tuple, uint32_t *ret)
{
	struct pl_route_query query = { .tuple = { .af = tuple->af } };
	struct pl_route route = { .device = 0 };
	struct pl_ask ask;
	int r = pl_ask_open(NETLINK_ROUTE, &ask);

	if (r != 0)
		return r;
	memcpy(query.tuple.remote, tuple->local, sizeof(query.tuple.remote));
	r = ask_route(&ask, &query, &route);
	pl_ask_close(&ask);
	if (r == 0 && (route.type != RTN_UNICAST || route.device == 0))
		r = PL_E_UNSUPPORTED;
	if (r == 0)
		*ret = route.device;
	return r;
}
