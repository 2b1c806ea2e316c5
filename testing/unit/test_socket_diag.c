/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Messages of sock_diag, rtnetlink and conntrack: what is asked, what is read from any bytes, and,
 * where this machine lets us have a network of our own, what its kernel answers.
 */

#include "kernel/pl_conntrack.h"
#include "kernel/pl_route.h"
#include "kernel/pl_socket_ask.h"
#include "kernel/pl_socket_bind.h"
#include "kernel/pl_socket_diag.h"
#include "kernel/pl_socket_inet.h"
#include "kernel/pl_socket_seen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { STATE_ESTABLISHED = 1, STATE_SYN_RECV = 3, STATE_LISTEN = 10, TIMER_TIMEWAIT = 3 };

static const struct pl_tuple tuple4 = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 258,
	.local = { 192, 0, 2, 1 }, .remote = { 192, 0, 2, 2 } };
static const struct pl_tuple tuple6 = {
	.af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 22, .remote_port = 65535,
	.local = { 0x20, 1, [15] = 1 }, .remote = { 0x20, 1, [15] = 2 } };

static uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));

/* A message of sock_diag about a socket of this tuple. */
static struct nlmsghdr *answer(const struct pl_tuple *tuple, uint8_t family, uint8_t state)
{
	struct nlmsghdr *message;
	struct inet_diag_msg *msg;

	memset(buf, 0, sizeof(buf));
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	msg = mnl_nlmsg_put_extra_header(message, sizeof(*msg));
	msg->idiag_family = family;
	msg->idiag_state = state;
	msg->idiag_inode = 7;
	msg->id.idiag_sport = htons(tuple->local_port);
	msg->id.idiag_dport = htons(tuple->remote_port);
	msg->id.idiag_cookie[0] = 0x55667788;
	msg->id.idiag_cookie[1] = 0x11223344;
	if (family == AF_INET6 && tuple->af == PL_AF_IP4) {
		msg->id.idiag_src[2] = htonl(0xffff);
		memcpy(&msg->id.idiag_src[3], tuple->local, 4);
		if (tuple->remote_port != 0) {
			msg->id.idiag_dst[2] = htonl(0xffff);
			memcpy(&msg->id.idiag_dst[3], tuple->remote, 4);
		}
	} else {
		memcpy(msg->id.idiag_src, tuple->local, 16);
		memcpy(msg->id.idiag_dst, tuple->remote, 16);
	}
	return message;
}

static struct inet_diag_msg *body(struct nlmsghdr *message)
{
	return mnl_nlmsg_get_payload(message);
}

static struct pl_inet_socket parsed(const struct nlmsghdr *message, uint8_t proto)
{
	struct pl_inet_socket socket;

	assert_int_equal(pl_inet_parse(message, proto, &socket), 0);
	return socket;
}

static void a_question_names_both_ends(void **state)
{
	const struct inet_diag_req_v2 *request;
	const struct nlmsghdr *message;

	(void)state;
	message = pl_inet_build_get(buf, &tuple4);
	request = mnl_nlmsg_get_payload(message);
	assert_int_equal(message->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	assert_int_equal(message->nlmsg_flags & NLM_F_DUMP, 0);
	assert_int_equal(request->sdiag_family, AF_INET);
	assert_int_equal(request->sdiag_protocol, 6);
	assert_memory_equal(&request->id.idiag_sport, "\17\240\1\2", 4);
	assert_memory_equal(request->id.idiag_src, tuple4.local, 16);
	assert_memory_equal(request->id.idiag_dst, tuple4.remote, 16);
	assert_int_equal(request->id.idiag_cookie[0], INET_DIAG_NOCOOKIE);
	assert_int_equal(request->id.idiag_cookie[1], INET_DIAG_NOCOOKIE);
	request = mnl_nlmsg_get_payload(pl_inet_build_get(buf, &tuple6));
	assert_int_equal(request->sdiag_family, AF_INET6);
	assert_memory_equal(request->id.idiag_dst, tuple6.remote, 16);

	message = pl_inet_build_dump(buf, AF_INET6, PL_TUPLE_UDP, 4000, 0, PL_INET_LISTEN);
	request = mnl_nlmsg_get_payload(message);
	assert_int_equal(message->nlmsg_flags & NLM_F_DUMP, NLM_F_DUMP);
	assert_int_equal(request->sdiag_family, AF_INET6);
	assert_int_equal(request->sdiag_protocol, 17);
	assert_int_equal(request->idiag_states, 1 << STATE_LISTEN);
	assert_memory_equal(&request->id.idiag_sport, "\17\240\0\0", 4);
}

static void what_is_destroyed_is_named_as_it_was_found(void **state)
{
	const struct pl_inet_socket found =
		parsed(answer(&tuple4, AF_INET6, STATE_ESTABLISHED), PL_TUPLE_TCP);
	const struct inet_diag_req_v2 *request;
	const struct nlmsghdr *message = pl_inet_build_destroy(buf, &found);

	(void)state;
	request = mnl_nlmsg_get_payload(message);
	assert_int_equal(message->nlmsg_type, SOCK_DESTROY);
	assert_int_equal(request->sdiag_family, AF_INET6);
	assert_int_equal(request->sdiag_protocol, 6);
	assert_memory_equal(&request->id, &found.id, sizeof(found.id));
	assert_int_equal(request->id.idiag_cookie[0], 0x55667788);
}

static void a_socket_of_either_family_holds_a_flow_of_ip4(void **state)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct pl_inet_socket found6;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pl_inet_socket found =
			parsed(answer(&tuple4, families[i], STATE_ESTABLISHED), PL_TUPLE_TCP);
		struct pl_tuple other = tuple4;

		assert_memory_equal(&found.tuple, &tuple4, sizeof(tuple4));
		assert_true(found.cookie == UINT64_C(0x1122334455667788));
		assert_int_equal(found.family, families[i]);
		assert_false(found.is_timewait || found.is_request || found.is_listening);
		assert_true(pl_inet_holds(&found, &tuple4));
		assert_false(pl_inet_holds(&found, &tuple6));
		other.local_port++;
		assert_false(pl_inet_holds(&found, &other));
		other = tuple4;
		other.remote_port++;
		assert_false(pl_inet_holds(&found, &other));
		other = tuple4;
		other.remote[3]++;
		assert_false(pl_inet_holds(&found, &other));
		other = tuple4;
		other.proto = PL_TUPLE_UDP;
		assert_false(pl_inet_holds(&found, &other));
	}
	found6 = parsed(answer(&tuple6, AF_INET6, STATE_ESTABLISHED), PL_TUPLE_TCP);
	assert_memory_equal(&found6.tuple, &tuple6, sizeof(tuple6));
}

static void the_addresses_of_a_request_at_a_dual_stack_listener_are_not_believed(void **state)
{
	struct nlmsghdr *message = answer(&tuple6, AF_INET6, STATE_SYN_RECV);
	struct pl_tuple tuple = tuple4;
	struct pl_inet_socket found;

	(void)state;
	tuple.local_port = tuple6.local_port;
	tuple.remote_port = tuple6.remote_port;
	body(message)->idiag_inode = 0;
	found = parsed(message, PL_TUPLE_TCP);
	assert_true(found.is_request);
	assert_true(pl_inet_holds(&found, &tuple));
	assert_true(pl_inet_holds(&found, &tuple6));
	body(message)->idiag_inode = 1;
	found = parsed(message, PL_TUPLE_TCP);
	assert_false(pl_inet_holds(&found, &tuple));
	body(message)->idiag_inode = 0;
	tuple.remote_port--;
	found = parsed(message, PL_TUPLE_TCP);
	assert_false(pl_inet_holds(&found, &tuple));
}

static void time_wait_holds_and_is_no_socket(void **state)
{
	struct nlmsghdr *message = answer(&tuple4, AF_INET, STATE_ESTABLISHED);
	struct pl_inet_socket found;

	(void)state;
	body(message)->idiag_timer = TIMER_TIMEWAIT;
	found = parsed(message, PL_TUPLE_TCP);
	assert_true(found.is_timewait);
	assert_true(pl_inet_holds(&found, &tuple4));
	assert_false(parsed(message, PL_TUPLE_UDP).is_timewait);
}

static void ports_alone_decide_for_sctp(void **state)
{
	struct pl_tuple tuple = tuple4;
	struct pl_inet_socket found =
		parsed(answer(&tuple6, AF_INET6, STATE_ESTABLISHED), PL_TUPLE_SCTP);

	(void)state;
	tuple.proto = PL_TUPLE_SCTP;
	assert_false(pl_inet_holds(&found, &tuple));
	tuple.local_port = tuple6.local_port;
	assert_false(pl_inet_holds(&found, &tuple));
	tuple.remote_port = tuple6.remote_port;
	assert_true(pl_inet_holds(&found, &tuple));
}

static void a_listener_is_in_the_way_where_addresses_overlap(void **state)
{
	static const struct {
		struct pl_tuple held, asked;
		uint8_t family;
		bool is_v6_only, overlaps;
		const char *why;
	} rows[] = {
#define L4(...) { .af = PL_AF_IP4, .proto = 6, .local_port = 80, .local = { __VA_ARGS__ } }
#define L6(...) { .af = PL_AF_IP6, .proto = 6, .local_port = 80, .local = { __VA_ARGS__ } }
		{ L4(192, 0, 2, 1), L4(192, 0, 2, 1), AF_INET, false, true, "equal" },
		{ L4(192, 0, 2, 1), L4(192, 0, 2, 2), AF_INET, false, false, "other address" },
		{ L4(0), L4(192, 0, 2, 1), AF_INET, false, true, "held everywhere" },
		{ L4(192, 0, 2, 1), L4(0), AF_INET, false, true, "asked everywhere" },
		{ L4(192, 0, 2, 1), L4(192, 0, 2, 1), AF_INET6, false, true, "mapped" },
		{ L6(0), L4(192, 0, 2, 1), AF_INET6, false, true, "dual stack" },
		{ L6(0), L4(0), AF_INET6, false, true, "dual stack, everywhere" },
		{ L6(0), L4(192, 0, 2, 1), AF_INET6, true, false, "IPv6 alone" },
		{ L6(0x20, 1), L4(0), AF_INET6, false, false, "one address of IPv6" },
		{ L6(0), L6(0x20, 1), AF_INET6, true, true, "IPv6 everywhere" },
		{ L4(0), L6(0), AF_INET, false, false, "IPv4 alone" },
#undef L4
#undef L6
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nlmsghdr *message = answer(&rows[i].held, rows[i].family, STATE_LISTEN);
		struct pl_tuple asked = rows[i].asked;
		struct pl_inet_socket found;

		mnl_attr_put_u8(message, INET_DIAG_SKV6ONLY, rows[i].is_v6_only);
		found = parsed(message, PL_TUPLE_TCP);
		assert_true(found.is_listening);
		if (pl_inet_overlaps(&found, &asked) != rows[i].overlaps)
			fail_msg("%s", rows[i].why);
		asked.local_port = 81;
		assert_false(pl_inet_overlaps(&found, &asked));
		asked.local_port = 80;
		asked.proto = PL_TUPLE_UDP;
		assert_false(pl_inet_overlaps(&found, &asked));
	}
}

static const struct nlattr *attribute(const struct nlmsghdr *message, unsigned skip, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, skip) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static void a_route_is_asked_for_with_all_that_rules_look_at(void **state)
{
	struct pl_route_query query = { .tuple = tuple4, .device = 3, .mark = 5, .uid = 1000,
					.tos = 0xb9 };
	const struct nlmsghdr *message = pl_route_build(buf, &query);
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	const unsigned skip = sizeof(*rtm);

	(void)state;
	assert_int_equal(rtm->rtm_family, AF_INET);
	assert_int_equal(rtm->rtm_dst_len, 32);
	assert_int_equal(rtm->rtm_src_len, 32);
	assert_int_equal(rtm->rtm_tos, 0xb8);
	assert_memory_equal(mnl_attr_get_payload(attribute(message, skip, RTA_DST)), tuple4.remote,
			    4);
	assert_memory_equal(mnl_attr_get_payload(attribute(message, skip, RTA_SRC)), tuple4.local,
			    4);
	assert_int_equal(mnl_attr_get_u32(attribute(message, skip, RTA_OIF)), 3);
	assert_int_equal(mnl_attr_get_u32(attribute(message, skip, RTA_MARK)), 5);
	assert_int_equal(mnl_attr_get_u32(attribute(message, skip, RTA_UID)), 1000);
	assert_int_equal(mnl_attr_get_u8(attribute(message, skip, RTA_IP_PROTO)), 6);
	assert_int_equal(mnl_attr_get_u16(attribute(message, skip, RTA_SPORT)), htons(4000));
	assert_int_equal(mnl_attr_get_u16(attribute(message, skip, RTA_DPORT)), htons(258));

	query = (struct pl_route_query) { .tuple = tuple6 };
	query.tuple.proto = PL_TUPLE_SCTP;
	memset(query.tuple.local, 0, sizeof(query.tuple.local));
	message = pl_route_build(buf, &query);
	assert_int_equal(rtm->rtm_family, AF_INET6);
	assert_int_equal(rtm->rtm_dst_len, 128);
	assert_int_equal(rtm->rtm_src_len, 0);
	assert_null(attribute(message, skip, RTA_SRC));
	assert_null(attribute(message, skip, RTA_OIF));
	assert_null(attribute(message, skip, RTA_IP_PROTO));
}

static struct nlmsghdr *head(uint16_t type, size_t size)
{
	struct nlmsghdr *message;

	memset(buf, 0, sizeof(buf));
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(message, size);
	return message;
}

static void a_route_says_device_kind_and_wrapping(void **state)
{
	struct nlmsghdr *message = head(RTM_NEWROUTE, sizeof(struct rtmsg));
	struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	struct pl_route route;

	(void)state;
	rtm->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(message, RTA_OIF, 9);
	assert_int_equal(pl_route_parse(message, &route), 0);
	assert_int_equal(route.type, RTN_LOCAL);
	assert_int_equal(route.device, 9);
	assert_false(route.is_encapsulated);
	mnl_attr_put_u16(message, RTA_ENCAP_TYPE, 5);
	assert_int_equal(pl_route_parse(message, &route), 0);
	assert_true(route.is_encapsulated);
	message->nlmsg_type = RTM_NEWLINK;
	assert_int_equal(pl_route_parse(message, &route), PL_E_MALFORMED);
	message = head(RTM_NEWROUTE, sizeof(struct rtmsg));
	mnl_attr_put_u16(message, RTA_OIF, 9);
	assert_int_equal(pl_route_parse(message, &route), PL_E_MALFORMED);
}

static void a_device_is_virtual_by_its_kind_or_as_a_port(void **state)
{
	static const struct {
		uint16_t type;
		const char *kind;
		bool is_virtual;
	} rows[] = {
		{ IFLA_INFO_KIND, "xfrm", true }, { IFLA_INFO_KIND, "vti", true },
		{ IFLA_INFO_KIND, "vti6", true }, { IFLA_INFO_KIND, "vrf", true },
		{ IFLA_INFO_SLAVE_KIND, "vrf", true }, { IFLA_INFO_SLAVE_KIND, "bridge", false },
		{ IFLA_INFO_KIND, "veth", false }, { IFLA_INFO_KIND, "xfrm2", false },
		{ IFLA_INFO_KIND, "xfr", false }, { IFLA_INFO_KIND, "", false },
		{ IFLA_INFO_DATA, "xfrm", false },
	};
	bool is_virtual;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int has_end = 0; has_end < 2; has_end++) {
			struct nlmsghdr *message = head(RTM_NEWLINK, sizeof(struct ifinfomsg));
			struct nlattr *nest = mnl_attr_nest_start(message, IFLA_LINKINFO);

			mnl_attr_put(message, rows[i].type,
				     strlen(rows[i].kind) + (size_t)has_end, rows[i].kind);
			mnl_attr_nest_end(message, nest);
			assert_int_equal(pl_route_parse_link(message, &is_virtual), 0);
			assert_int_equal(is_virtual, rows[i].is_virtual);
		}
	}
	assert_int_equal(pl_route_parse_link(head(RTM_NEWLINK, sizeof(struct ifinfomsg)),
					     &is_virtual), 0);
	assert_false(is_virtual);
}

static void an_address_of_a_link_with_two_ends_is_the_near_one(void **state)
{
	struct nlmsghdr *message = head(RTM_NEWADDR, sizeof(struct ifaddrmsg));
	uint8_t address[16];

	(void)state;
	mnl_attr_put(message, IFA_LOCAL, 4, tuple4.local);
	mnl_attr_put(message, IFA_ADDRESS, 4, tuple4.remote);
	assert_int_equal(pl_route_parse_address(message, PL_AF_IP4, address), 0);
	assert_memory_equal(address, tuple4.local, 16);
	assert_int_equal(pl_route_parse_address(message, PL_AF_IP6, address), PL_E_MALFORMED);
	message = head(RTM_NEWADDR, sizeof(struct ifaddrmsg));
	assert_int_equal(pl_route_parse_address(message, PL_AF_IP6, address), PL_E_MALFORMED);
	mnl_attr_put(message, IFA_ADDRESS, 16, tuple6.local);
	assert_int_equal(pl_route_parse_address(message, PL_AF_IP6, address), 0);
	assert_memory_equal(address, tuple6.local, 16);
}

static void conntrack_is_asked_in_both_directions(void **state)
{
	(void)state;
	for (int is_inbound = 0; is_inbound < 2; is_inbound++) {
		const struct nlmsghdr *message = pl_conntrack_build(buf, &tuple4, is_inbound);
		const struct nlattr *orig = attribute(message, sizeof(struct nfgenmsg),
						      CTA_TUPLE_ORIG);
		const uint8_t *bytes = mnl_attr_get_payload(orig);

		assert_int_equal(message->nlmsg_type,
				 NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
		/* nests and headers of 4 bytes; source, destination; protocol, ports */
		assert_memory_equal(bytes + 8, is_inbound ? tuple4.remote : tuple4.local, 4);
		assert_memory_equal(bytes + 16, is_inbound ? tuple4.local : tuple4.remote, 4);
		assert_int_equal(bytes[28], 6);
		assert_memory_equal(bytes + 36, is_inbound ? "\1\2" : "\17\240", 2);
		assert_memory_equal(bytes + 44, is_inbound ? "\17\240" : "\1\2", 2);
	}
}

static void conntrack_says_its_status_or_nothing(void **state)
{
	const uint16_t type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	struct nlmsghdr *message = head(type, sizeof(struct nfgenmsg));
	uint32_t status;

	(void)state;
	assert_int_equal(pl_conntrack_parse(message, &status), PL_E_MALFORMED);
	mnl_attr_put_u32(message, CTA_STATUS, htonl(IPS_SRC_NAT | IPS_CONFIRMED));
	assert_int_equal(pl_conntrack_parse(message, &status), 0);
	assert_int_equal(status, IPS_SRC_NAT | IPS_CONFIRMED);
	message->nlmsg_type = type - 1;
	assert_int_equal(pl_conntrack_parse(message, &status), PL_E_MALFORMED);
	message = head(type, sizeof(struct nfgenmsg));
	mnl_attr_put_u16(message, CTA_STATUS, 0);
	assert_int_equal(pl_conntrack_parse(message, &status), PL_E_MALFORMED);
}

static void seen_sockets_are_remembered_and_the_oldest_forgotten(void **state)
{
	const uint64_t step = 1 << 16;	/* share a place */
	struct pl_seen *seen = pl_seen_new();

	(void)state;
	assert_non_null(seen);
	assert_false(pl_seen_has(seen, 0));
	pl_seen_put(seen, 0);
	assert_false(pl_seen_has(seen, 0));
	for (uint64_t i = 1; i <= 4; i++)
		pl_seen_put(seen, 7 + i * step);
	pl_seen_put(seen, 7 + 1 * step);
	for (uint64_t i = 1; i <= 4; i++)
		assert_true(pl_seen_has(seen, 7 + i * step));
	pl_seen_put(seen, 7 + 5 * step);
	assert_false(pl_seen_has(seen, 7 + 2 * step));
	assert_true(pl_seen_has(seen, 7 + 1 * step));
	pl_seen_drop(seen, 7 + 1 * step);
	assert_false(pl_seen_has(seen, 7 + 1 * step));
	for (uint64_t i = 3; i <= 5; i++)
		assert_true(pl_seen_has(seen, 7 + i * step));
	assert_false(pl_seen_has(seen, 8 + 3 * step));
	assert_null(pl_seen_free(seen));
	assert_null(pl_seen_free(NULL));
}

/* Each parser sees every cut and many changes of a good message, at the end of its memory. */
static void try_all(const uint8_t *bytes, size_t len)
{
	/* libmnl rounds up to whole words, as netlink does with what it puts into a buffer. */
	uint8_t *copy = calloc(1, MNL_ALIGN(len));
	const struct nlmsghdr *message = (const struct nlmsghdr *)copy;
	struct pl_inet_socket socket;
	struct pl_route route;
	uint8_t address[16];
	uint32_t status;
	bool is_virtual;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	if (mnl_nlmsg_ok(message, (int)len)) {
		if (pl_inet_parse(message, PL_TUPLE_TCP, &socket) == 0) {
			(void)pl_inet_holds(&socket, &tuple4);
			(void)pl_inet_overlaps(&socket, &tuple6);
		}
		(void)!pl_route_parse(message, &route);
		(void)!pl_route_parse_link(message, &is_virtual);
		(void)!pl_route_parse_address(message, PL_AF_IP4, address);
		(void)!pl_route_parse_address(message, PL_AF_IP6, address);
		(void)!pl_conntrack_parse(message, &status);
	}
	free(copy);
}

static struct nlmsghdr *sample(unsigned which)
{
	struct nlmsghdr *message;
	struct nlattr *nest;

	switch (which) {
	case 0:
		message = answer(&tuple4, AF_INET6, STATE_LISTEN);
		mnl_attr_put_u8(message, INET_DIAG_SKV6ONLY, 1);
		return message;
	case 1:
		message = head(RTM_NEWROUTE, sizeof(struct rtmsg));
		mnl_attr_put_u32(message, RTA_OIF, 9);
		mnl_attr_put_u16(message, RTA_ENCAP_TYPE, 5);
		return message;
	case 2:
		message = head(RTM_NEWLINK, sizeof(struct ifinfomsg));
		nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put(message, IFLA_INFO_KIND, 4, "xfrm");
		mnl_attr_put(message, IFLA_INFO_SLAVE_KIND, 3, "vrf");
		mnl_attr_nest_end(message, nest);
		return message;
	case 3:
		message = head(RTM_NEWADDR, sizeof(struct ifaddrmsg));
		mnl_attr_put(message, IFA_LOCAL, 4, tuple4.local);
		mnl_attr_put(message, IFA_ADDRESS, 16, tuple6.local);
		return message;
	default:
		message = head(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
			       sizeof(struct nfgenmsg));
		mnl_attr_put_u32(message, CTA_STATUS, 1);
		return message;
	}
}

static void any_bytes_are_read_without_harm(void **state)
{
	const unsigned seed = 5660;

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	for (unsigned which = 0; which < 5; which++) {
		uint8_t good[PL_ASK_MAX], bad[PL_ASK_MAX] __attribute__((aligned(8)));
		size_t len = sample(which)->nlmsg_len;

		memcpy(good, buf, len);
		for (size_t cut = sizeof(struct nlmsghdr); cut <= len; cut++) {
			uint32_t said = (uint32_t)cut;

			memcpy(bad, good, len);
			memcpy(bad, &said, sizeof(said));
			try_all(bad, cut);
		}
		for (unsigned round = 0; round < 20000; round++) {
			memcpy(bad, good, len);
			for (int n = rand() % 4; n >= 0; n--)
				bad[16 + (size_t)rand() % (len - 16)] = (uint8_t)rand();
			try_all(bad, len);
		}
	}
}

/* The kernel of this machine, in a network of our own. */

static bool has_network(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, r;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	r = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return r == 0;
}

static struct pl_diag *diag_or_skip(void)
{
	static bool is_there;
	struct pl_diag *diag;
	int r;

	if (!is_there && !has_network()) {
		print_message("# no network namespace of our own here\n");
		skip();
	}
	is_there = true;
	r = pl_diag_open(&diag);
	if (r == -ENOENT || r == -EPROTONOSUPPORT) {
		print_message("# this kernel has no sock_diag\n");
		skip();
	}
	assert_int_equal(r, 0);
	return diag;
}

static int bound(uint16_t *ret_port)
{
	struct sockaddr_in end = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(end);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&end, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&end, &len), 0);
	*ret_port = ntohs(end.sin_port);
	return fd;
}

static void a_port_is_free_when_nobody_has_it(void **state)
{
	struct pl_diag *diag = diag_or_skip();
	struct pl_tuple tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP,
				  .local = { 127, 0, 0, 1 } };
	bool is_free = true;
	int fd = bound(&tuple.local_port);

	(void)state;
	assert_int_equal(pl_bind_probe(&tuple, &is_free), 0);
	assert_false(is_free);
	memset(tuple.local, 0, sizeof(tuple.local));
	assert_int_equal(pl_bind_probe(&tuple, &is_free), 0);
	assert_false(is_free);
	tuple.local[0] = 192;
	assert_int_equal(pl_bind_probe(&tuple, &is_free), 0);
	assert_true(is_free);
	close(fd);
	memset(tuple.local, 0, sizeof(tuple.local));
	assert_int_equal(pl_bind_probe(&tuple, &is_free), 0);
	assert_true(is_free);
	pl_diag_close(diag);
}

static void a_socket_is_read_missed_and_ended(void **state)
{
	struct pl_diag *diag = diag_or_skip();
	const struct pl_socket_ops *ops = pl_diag_operations();
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct pl_socket_facts facts;
	uint16_t port, from;
	int server = bound(&port), client = bound(&from), accepted, r;
	bool is_gone = true;
	char byte;

	(void)state;
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(ops->read(diag, server, NULL, &facts), 0);
	assert_true(facts.is_listening && facts.is_here && facts.is_internet);
	assert_int_equal(ops->read(diag, client, NULL, &facts), 0);
	assert_false(facts.is_connected);
	facts.tuple.remote_port = port;
	facts.tuple.remote[0] = 127;
	facts.tuple.remote[3] = 1;
	assert_int_equal(ops->is_gone(diag, &facts.tuple, facts.cookie, &is_gone), 0);
	assert_false(is_gone);
	to.sin_port = htons(port);
	assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	accepted = accept(server, NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(ops->read(diag, client, NULL, &facts), 0);
	assert_true(facts.is_connected && facts.is_peer_local && !facts.has_received);
	assert_int_equal(ops->is_gone(diag, &facts.tuple, facts.cookie, &is_gone), 0);
	assert_false(is_gone);
	assert_int_equal(ops->dispose(diag, &facts.tuple, facts.cookie + 1, PL_DISPOSITION_RESET),
			 PL_E_NOT_FOUND);
	r = ops->dispose(diag, &facts.tuple, facts.cookie, PL_DISPOSITION_RESET);
	assert_true(r == 0 || r == PL_E_UNSUPPORTED);
	if (r == 0) {
		assert_int_equal(read(client, &byte, 1), -1);
		assert_int_equal(errno, ECONNABORTED);
		assert_int_equal(ops->dispose(diag, &facts.tuple, facts.cookie,
					      PL_DISPOSITION_RESET), PL_E_NOT_FOUND);
	}
	close(client);
	close(accepted);
	close(server);
	if (r == 0) {
		assert_int_equal(ops->is_gone(diag, &facts.tuple, facts.cookie, &is_gone), 0);
		assert_true(is_gone);
	}
	assert_int_equal(ops->read(diag, -1, NULL, &facts), PL_E_NOT_INTERNET);
	pl_diag_close(diag);
}

/* An error in one question, or an answer that is not wanted any more, does not spoil the next. */
static int refuse(void *ctx, const struct nlmsghdr *message)
{
	(void)message;
	++*(unsigned *)ctx;
	return PL_E_MALFORMED;
}

static void an_answer_that_was_given_up_does_not_spoil_the_next(void **state)
{
	struct pl_diag *diag = diag_or_skip();
	struct pl_ask ask;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(pl_ask_open(NETLINK_ROUTE, &ask), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pl_ask(&ask, pl_route_build_addresses(buf, PL_AF_IP4), refuse,
					&seen), PL_E_MALFORMED);
		assert_int_equal(pl_ask(&ask, pl_route_build_link(buf, 999), NULL, NULL), -ENODEV);
		assert_int_equal(pl_ask(&ask, pl_route_build_link(buf, 1), NULL, NULL), 0);
	}
	assert_int_equal(seen, 3);
	pl_ask_close(&ask);
	pl_ask_close(&ask);
	assert_int_equal(pl_ask(&ask, pl_route_build_link(buf, 1), NULL, NULL), -EPROTONOSUPPORT);
	pl_diag_close(diag);
	assert_null(pl_diag_close(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_names_both_ends),
		cmocka_unit_test(what_is_destroyed_is_named_as_it_was_found),
		cmocka_unit_test(a_socket_of_either_family_holds_a_flow_of_ip4),
		cmocka_unit_test(
			the_addresses_of_a_request_at_a_dual_stack_listener_are_not_believed),
		cmocka_unit_test(time_wait_holds_and_is_no_socket),
		cmocka_unit_test(ports_alone_decide_for_sctp),
		cmocka_unit_test(a_listener_is_in_the_way_where_addresses_overlap),
		cmocka_unit_test(a_route_is_asked_for_with_all_that_rules_look_at),
		cmocka_unit_test(a_route_says_device_kind_and_wrapping),
		cmocka_unit_test(a_device_is_virtual_by_its_kind_or_as_a_port),
		cmocka_unit_test(an_address_of_a_link_with_two_ends_is_the_near_one),
		cmocka_unit_test(conntrack_is_asked_in_both_directions),
		cmocka_unit_test(conntrack_says_its_status_or_nothing),
		cmocka_unit_test(seen_sockets_are_remembered_and_the_oldest_forgotten),
		cmocka_unit_test(any_bytes_are_read_without_harm),
		cmocka_unit_test(a_port_is_free_when_nobody_has_it),
		cmocka_unit_test(a_socket_is_read_missed_and_ended),
		cmocka_unit_test(an_answer_that_was_given_up_does_not_spoil_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
