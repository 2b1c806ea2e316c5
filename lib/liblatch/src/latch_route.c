/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The address that a socket would send from, before it sends.
 *
 * The kernel is asked for the route with everything that rules look at, and not by connecting some
 * other socket: that one would be of another protocol or user, could not have every mark, and the
 * SPD would be asked about it, which may discard it, or set up SAs that nobody needs.
 *
 * What the question cannot hold is which of several IPv6 addresses the program prefers. For a
 * program that does, and for one that may not have netlink sockets, a socket for datagrams is
 * connected after all: that sends nothing. Whichever way fails, the other one is tried.
 */

#include "latch_impl.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* of IPV6_ADDR_PREFERENCES; the header that has them does not go with netinet/in.h everywhere */
enum { PREFER_SRC_TMP = 1, PREFER_SRC_PUBLIC = 2, PREFER_SRC_COA = 4 };

enum { QUESTION_MAX = 256, ANSWER_MAX = 8192 };

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[QUESTION_MAX];
};

/* As packets know it: an IPv4 peer of an IPv6 socket is one of IPv4. */
struct peer {
	int family;
	size_t size;
	const uint8_t *address;
	in_port_t port;
	uint32_t device;
};

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

static bool is_mapped(const struct sockaddr *address)
{
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static struct peer peer_of(const struct sockaddr *to)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)to;
	const struct sockaddr_in *in = (const struct sockaddr_in *)to;

	if (to->sa_family == AF_INET)
		return (struct peer) { AF_INET, 4, (const uint8_t *)&in->sin_addr, in->sin_port,
				       0 };
	if (is_mapped(to))
		return (struct peer) { AF_INET, 4, in6->sin6_addr.s6_addr + 12, in6->sin6_port, 0 };
	return (struct peer) { AF_INET6, 16, in6->sin6_addr.s6_addr, in6->sin6_port,
			       IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ? in6->sin6_scope_id : 0 };
}

static void put(struct question *question, unsigned short type, const void *bytes, size_t size)
{
	size_t at = NLMSG_ALIGN(question->header.nlmsg_len);
	struct rtattr attr = { (unsigned short)RTA_LENGTH(size), type };

	memcpy((uint8_t *)question + at, &attr, sizeof(attr));
	memcpy((uint8_t *)question + at + RTA_LENGTH(0), bytes, size);
	question->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
}

static void put_u32(struct question *question, unsigned short type, uint32_t value)
{
	if (value != 0)
		put(question, type, &value, sizeof(value));
}

/* Out of which device it has to go. A stream does not heed the second one. */
static uint32_t device_of(int fd, const struct peer *peer)
{
	uint32_t device = (uint32_t)option(fd, SOL_SOCKET, SO_BINDTOIFINDEX);

	if (device == 0)
		device = peer->device;
	if (device == 0 && option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM)
		device = ntohl((uint32_t)(peer->family == AF_INET ?
			       option(fd, IPPROTO_IP, IP_UNICAST_IF) :
			       option(fd, IPPROTO_IPV6, IPV6_UNICAST_IF)));
	return device;
}

/* Rules go by the owner of the socket, who need not be the one who asks. */
static uint32_t owner_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_uid : geteuid();
}

static void make_question(struct question *question, int fd, const struct peer *peer)
{
	uint8_t protocol = (uint8_t)option(fd, SOL_SOCKET, SO_PROTOCOL);
	uint32_t owner = owner_of(fd);
	int tos = peer->family == AF_INET ? option(fd, IPPROTO_IP, IP_TOS) :
					    option(fd, IPPROTO_IPV6, IPV6_TCLASS);

	memset(question, 0, sizeof(*question));
	question->header.nlmsg_len = NLMSG_LENGTH(sizeof(question->route));
	question->header.nlmsg_type = RTM_GETROUTE;
	question->header.nlmsg_flags = NLM_F_REQUEST;
	question->header.nlmsg_seq = 1;
	question->route.rtm_family = (unsigned char)peer->family;
	question->route.rtm_dst_len = (unsigned char)(peer->size * 8);
	question->route.rtm_tos = (unsigned char)(tos & 0xfc); /* the rest is ECN */
	put(question, RTA_DST, peer->address, peer->size);
	put_u32(question, RTA_OIF, device_of(fd, peer));
	put_u32(question, RTA_MARK, (uint32_t)option(fd, SOL_SOCKET, SO_MARK));
	put(question, RTA_UID, &owner, sizeof(owner));
	/* The kernel takes the ports of no other protocol here. */
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		put(question, RTA_IP_PROTO, &protocol, sizeof(protocol));
		put(question, RTA_DPORT, &peer->port, sizeof(peer->port));
	}
}

/* Return: bytes of the answer, or -1 and errno. It is there when the question is sent. */
static ssize_t ask(const struct question *question, void *answer, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK }, from = { .nl_pid = 1 };
	socklen_t from_len = sizeof(from);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), kept;
	ssize_t r;

	if (fd < 0)
		return -1;
	r = sendto(fd, question, question->header.nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel));
	if (r >= 0)
		r = recvfrom(fd, answer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	kept = errno;
	close(fd);
	errno = kept;
	if (r >= 0 && from.nl_pid != 0) {
		errno = EPROTO;
		return -1;
	}
	return r;
}

static int read_error(const struct nlmsghdr *header)
{
	const struct nlmsgerr *answer = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)) || answer->error >= 0 ||
	    answer->error == INT_MIN)
		return EPROTO;
	return -answer->error;
}

int latch_route_parse(const void *answer, size_t len, size_t size, uint8_t ret_address[static 16],
		      uint32_t *ret_device)
{
	const struct nlmsghdr *header = answer;
	const struct rtattr *attr;
	uint32_t device = 0;
	int left, r = EADDRNOTAVAIL;

	if (len < sizeof(*header) || header->nlmsg_len < sizeof(*header) || header->nlmsg_len > len)
		return EPROTO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return read_error(header);
	if (header->nlmsg_type != RTM_NEWROUTE ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		return EPROTO;
	attr = RTM_RTA(NLMSG_DATA(header));
	left = (int)RTM_PAYLOAD(header);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == RTA_PREFSRC && RTA_PAYLOAD(attr) == size) {
			memcpy(ret_address, RTA_DATA(attr), size);
			r = 0;
		} else if (attr->rta_type == RTA_OIF && RTA_PAYLOAD(attr) == sizeof(device)) {
			memcpy(&device, RTA_DATA(attr), sizeof(device));
		}
	}
	*ret_device = device;
	return r;
}

static void make_address(const struct sockaddr *to, const uint8_t *bytes, uint32_t device,
			 struct sockaddr_storage *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memset(ret, 0, sizeof(*ret));
	if (to->sa_family == AF_INET) {
		memcpy(&in.sin_addr, bytes, sizeof(in.sin_addr));
		memcpy(ret, &in, sizeof(in));
		return;
	}
	if (is_mapped(to)) {
		memset(in6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(in6.sin6_addr.s6_addr + 12, bytes, 4);
	} else {
		memcpy(&in6.sin6_addr, bytes, sizeof(in6.sin6_addr));
		if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
			in6.sin6_scope_id = device;
	}
	memcpy(ret, &in6, sizeof(in6));
}

static int ask_for_route(int fd, const struct sockaddr *to, struct sockaddr_storage *ret)
{
	uint8_t answer[ANSWER_MAX] __attribute__((aligned(8))), address[16];
	struct peer peer = peer_of(to);
	struct question question;
	uint32_t device = 0;
	ssize_t len;
	int r;

	make_question(&question, fd, &peer);
	len = ask(&question, answer, sizeof(answer));
	if (len < 0)
		return LATCH_ERR_SYSTEM;
	r = latch_route_parse(answer, (size_t)len, peer.size, address, &device);
	if (r != 0) {
		errno = r;
		return LATCH_ERR_SYSTEM;
	}
	make_address(to, address, device, ret);
	return 0;
}

/* The other way */

static const struct { int level, name; } options[] = {
	{ SOL_SOCKET, SO_MARK }, { SOL_SOCKET, SO_BINDTOIFINDEX }, { IPPROTO_IP, IP_TOS },
	{ IPPROTO_IP, IP_UNICAST_IF }, { IPPROTO_IPV6, IPV6_TCLASS },
	{ IPPROTO_IPV6, IPV6_UNICAST_IF }, { IPPROTO_IPV6, IPV6_ADDR_PREFERENCES },
};

/* Not every program may set all of these. Without one, the address may be another one of this
 * host's, and the latch is about that one. */
static void copy_options(int from, int to)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int value = option(from, options[i].level, options[i].name);

		if (value != 0)
			(void)!setsockopt(to, options[i].level, options[i].name, &value,
					  sizeof(value));
	}
}

static void drop_port(struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)address)->sin_port = 0;
	else
		((struct sockaddr_in6 *)address)->sin6_port = 0;
}

static int connect_another(int fd, const struct sockaddr *to, struct sockaddr_storage *ret)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	int other = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = LATCH_ERR_SYSTEM, kept;

	if (other < 0)
		return LATCH_ERR_SYSTEM;
	copy_options(fd, other);
	memset(&local, 0, sizeof(local));
	if (connect(other, to, to->sa_family == AF_INET ? sizeof(struct sockaddr_in) :
							  sizeof(struct sockaddr_in6)) == 0 &&
	    getsockname(other, (struct sockaddr *)&local, &len) == 0) {
		drop_port(&local);
		*ret = local;
		r = 0;
	}
	kept = errno;
	close(other);
	errno = kept;
	return r;
}

static bool prefers(int fd, const struct sockaddr *to)
{
	enum { CHOSEN = PREFER_SRC_TMP | PREFER_SRC_PUBLIC | PREFER_SRC_COA };

	return to->sa_family == AF_INET6 && !is_mapped(to) &&
	       (option(fd, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES) & CHOSEN) != 0;
}

int latch_route_source(int fd, const struct sockaddr *to, struct sockaddr_storage *ret)
{
	bool is_other_first = prefers(fd, to);

	if (is_other_first && connect_another(fd, to, ret) == 0)
		return 0;
	if (ask_for_route(fd, to, ret) == 0)
		return 0;
	return is_other_first ? LATCH_ERR_SYSTEM : connect_another(fd, to, ret);
}
