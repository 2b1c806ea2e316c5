/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Messages of sock_diag for TCP, UDP and SCTP: built and read here, sent elsewhere.
 *
 * One flow of IPv4 may belong to a socket of either family: an AF_INET6 socket has it with mapped
 * addresses. Here both are the same flow. In a request (NEW_SYN_RECV) at an AF_INET6 listener the
 * kernel fills in the IPv4 addresses only, and shows whatever is in the place of the IPv6 ones:
 * they are not believed.
 *
 * Invariant: a socket that may hold a tuple is never said not to.
 */

#include "kernel/pl_socket_inet.h"

#include "kernel/pl_socket_ask.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum { TIMER_TIMEWAIT = 3 };

static const uint8_t zero[16];
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct inet_diag_req_v2 *begin(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message;

	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(message, sizeof(struct inet_diag_req_v2));
}

static void any_cookie(struct inet_diag_sockid *id)
{
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

struct nlmsghdr *pl_inet_build_get(void *buf, const struct pl_tuple *tuple)
{
	struct inet_diag_req_v2 *request = begin(buf, SOCK_DIAG_BY_FAMILY, 0);

	request->sdiag_family = tuple->af == PL_AF_IP6 ? AF_INET6 : AF_INET;
	request->sdiag_protocol = tuple->proto;
	request->idiag_states = PL_INET_ANY_STATE;
	request->id.idiag_sport = htons(tuple->local_port);
	request->id.idiag_dport = htons(tuple->remote_port);
	memcpy(request->id.idiag_src, tuple->local, sizeof(tuple->local));
	memcpy(request->id.idiag_dst, tuple->remote, sizeof(tuple->remote));
	any_cookie(&request->id);
	return buf;
}

struct nlmsghdr *pl_inet_build_dump(void *buf, uint8_t family, uint8_t proto, uint16_t local_port,
				    uint16_t remote_port, uint32_t states)
{
	struct inet_diag_req_v2 *request = begin(buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);

	request->sdiag_family = family;
	request->sdiag_protocol = proto;
	request->idiag_states = states;
	request->id.idiag_sport = htons(local_port);
	request->id.idiag_dport = htons(remote_port);
	any_cookie(&request->id);
	return buf;
}

struct nlmsghdr *pl_inet_build_destroy(void *buf, const struct pl_inet_socket *what)
{
	struct inet_diag_req_v2 *request = begin(buf, SOCK_DESTROY, 0);

	request->sdiag_family = what->family;
	request->sdiag_protocol = what->tuple.proto;
	request->idiag_states = PL_INET_ANY_STATE;
	request->id = what->id;
	return buf;
}

static void read_attributes(const struct nlmsghdr *message, struct pl_inet_socket *socket)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct inet_diag_msg)) {
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY &&
		    mnl_attr_get_payload_len(attr) >= 1)
			socket->is_v6_only = mnl_attr_get_u8(attr) != 0;
	}
}

/* An end that is mapped, or nobody beside one that is. */
static bool is_ip4(const uint8_t addr[16], const uint8_t other[16])
{
	return memcmp(addr, mapped, sizeof(mapped)) == 0 ||
	       (memcmp(addr, zero, sizeof(zero)) == 0 &&
		memcmp(other, mapped, sizeof(mapped)) == 0);
}

static void read_ends(const struct inet_diag_msg *msg, struct pl_tuple *ret)
{
	uint8_t local[16], remote[16];
	size_t skip = 0, size = 16;

	memcpy(local, msg->id.idiag_src, sizeof(local));
	memcpy(remote, msg->id.idiag_dst, sizeof(remote));
	ret->af = PL_AF_IP6;
	if (msg->idiag_family == AF_INET) {
		ret->af = PL_AF_IP4;
		size = 4;
	} else if (is_ip4(local, remote) && is_ip4(remote, local)) {
		ret->af = PL_AF_IP4;
		size = 4;
		skip = 12;
	}
	ret->local_port = ntohs(msg->id.idiag_sport);
	ret->remote_port = ntohs(msg->id.idiag_dport);
	memcpy(ret->local, local + skip, size);
	memcpy(ret->remote, remote + skip, size);
}

int pl_inet_parse(const struct nlmsghdr *message, uint8_t proto, struct pl_inet_socket *ret)
{
	struct pl_inet_socket socket = { .tuple.proto = proto };
	struct inet_diag_msg msg;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(msg)))
		return PL_E_MALFORMED;
	memcpy(&msg, mnl_nlmsg_get_payload(message), sizeof(msg));
	if (msg.idiag_family != AF_INET && msg.idiag_family != AF_INET6)
		return PL_E_MALFORMED;
	socket.family = msg.idiag_family;
	socket.id = msg.id;
	socket.cookie = (uint64_t)msg.id.idiag_cookie[1] << 32 | msg.id.idiag_cookie[0];
	socket.is_timewait = proto == PL_TUPLE_TCP && msg.idiag_timer == TIMER_TIMEWAIT;
	socket.is_request = proto == PL_TUPLE_TCP && msg.idiag_state == TCP_SYN_RECV &&
			    msg.idiag_inode == 0;
	socket.is_owned = msg.idiag_inode != 0;
	socket.uid = msg.idiag_uid;
	socket.is_listening = msg.idiag_state == TCP_LISTEN;
	read_attributes(message, &socket);
	read_ends(&msg, &socket.tuple);
	*ret = socket;
	return 0;
}

bool pl_inet_holds(const struct pl_inet_socket *socket, const struct pl_tuple *tuple)
{
	const struct pl_tuple *held = &socket->tuple;

	if (held->proto != tuple->proto || held->local_port != tuple->local_port ||
	    held->remote_port != tuple->remote_port)
		return false;
	if (tuple->proto == PL_TUPLE_SCTP || (socket->is_request && socket->family == AF_INET6))
		return true;
	return memcmp(held, tuple, sizeof(*held)) == 0;
}

bool pl_inet_overlaps(const struct pl_inet_socket *socket, const struct pl_tuple *tuple)
{
	const struct pl_tuple *held = &socket->tuple;
	bool is_anywhere = memcmp(held->local, zero, sizeof(zero)) == 0;

	if (held->proto != tuple->proto || held->local_port != tuple->local_port)
		return false;
	if (held->af != tuple->af)
		return held->af == PL_AF_IP6 && is_anywhere && !socket->is_v6_only;
	return is_anywhere || memcmp(tuple->local, zero, sizeof(zero)) == 0 ||
	       memcmp(held->local, tuple->local, sizeof(held->local)) == 0;
}
