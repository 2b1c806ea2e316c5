/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The facts of a descriptor, by getsockopt() and getsockname(): the kernel's word, not the
 * caller's (design D12). Nothing here reads from the socket or clears an error of it.
 *
 * Invariant: a fact that this kernel cannot say is an error, not "no". Where an option is unknown
 * to a kernel because it cannot do the thing at all, it says so beside the option.
 *
 * What a program does later with a single packet (options by control message) is not seen here.
 */

#include "kernel/pl_socket_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/mptcp.h>
#include <linux/sctp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

/* States of TCP, of which linux/tcp.h has none and netinet/tcp.h clashes with it. */
enum {
	STATE_ESTABLISHED = 1, STATE_FIN_WAIT1 = 4, STATE_FIN_WAIT2 = 5, STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9, STATE_CLOSING = 11,
};

union end {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* An option of at least this size. */
static int get(int fd, int level, int name, void *ret, size_t size)
{
	socklen_t len = (socklen_t)size;

	memset(ret, 0, size);
	if (getsockopt(fd, level, name, ret, &len) < 0)
		return -errno;
	return len < size ? PL_E_UNSUPPORTED : 0;
}

static int get_flag(int fd, int level, int name, bool *ret)
{
	int value, r = get(fd, level, name, &value, sizeof(value));

	if (r == 0)
		*ret = value != 0;
	return r;
}

/* Is there anything in an option whose length varies? */
static int has_bytes(int fd, int level, int name, bool *also)
{
	uint8_t bytes[2048];
	socklen_t len = sizeof(bytes);

	if (getsockopt(fd, level, name, bytes, &len) < 0)
		return -errno;
	if (len > 0)
		*also = true;
	return 0;
}

int pl_socket_netns(int fd, uint64_t *ret)
{
	uint64_t cookie;
	int r = get(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, sizeof(cookie));

	/* A descriptor of the caller's that stands for something else */
	if (r == -ENOTSOCK || r == -EBADF)
		return PL_E_NOT_INTERNET;
	if (r == -ENOPROTOOPT)
		return PL_E_UNSUPPORTED;
	if (r == 0)
		*ret = cookie;
	return r;
}

struct kind {
	int family, type, protocol;
};

static int read_kind(int fd, struct kind *ret)
{
	int r = get(fd, SOL_SOCKET, SO_DOMAIN, &ret->family, sizeof(ret->family));

	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_TYPE, &ret->type, sizeof(ret->type));
	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_PROTOCOL, &ret->protocol, sizeof(ret->protocol));
	return r;
}

/* A raw socket may have the number of a protocol that it does not speak. */
static bool is_internet(const struct kind *kind)
{
	if (kind->family != AF_INET && kind->family != AF_INET6)
		return false;
	switch (kind->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_MPTCP:
		return kind->type == SOCK_STREAM;
	case IPPROTO_UDP:
		return kind->type == SOCK_DGRAM;
	case IPPROTO_SCTP:
		return kind->type == SOCK_STREAM || kind->type == SOCK_SEQPACKET;
	default:
		return false;
	}
}

int pl_socket_is_mptcp(int fd, bool *ret)
{
	int protocol, r = get(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, sizeof(protocol));

	if (r == 0)
		*ret = protocol == IPPROTO_MPTCP;
	return r;
}

/* Does this kernel answer for MPTCP that has not fallen back? (From 5.16; mptcp.enabled.) */
static bool can_ask_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), r;
	struct mptcp_info info;
	socklen_t len = sizeof(info);

	if (fd < 0)
		return false;
	r = getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &len);
	close(fd);
	return r == 0;
}

/* After a fallback the options are those of a TCP socket, which has none of MPTCP's. A kernel that
 * cannot be asked has MPTCP. */
static void read_mptcp(int fd, bool *ret)
{
	struct mptcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &len) == 0)
		*ret = (info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK) == 0;
	else
		*ret = (errno != EOPNOTSUPP && errno != ENOPROTOOPT) || !can_ask_mptcp();
}

static void take_end(const union end *end, uint8_t address[16], uint16_t *port)
{
	if (end->any.sa_family == AF_INET6) {
		memcpy(address, &end->in6.sin6_addr, 16);
		*port = ntohs(end->in6.sin6_port);
	} else if (end->any.sa_family == AF_INET) {
		memcpy(address, &end->in.sin_addr, 4);
		*port = ntohs(end->in.sin_port);
	}
}

/* getpeername(2), which pluto's seccomp filter does not allow. */
static int read_peer(int fd, const union end *local, union end *ret)
{
	socklen_t len = local->any.sa_family == AF_INET6 ? sizeof(ret->in6) : sizeof(ret->in);

	return getsockopt(fd, SOL_SOCKET, SO_PEERNAME, ret, &len) < 0 ? -errno : 0;
}

/* Its state says "connected"; the peer's name may be gone since. */
static int read_ends(int fd, struct pl_socket_facts *facts)
{
	union end local = { .any.sa_family = AF_UNSPEC }, remote = { .any.sa_family = AF_UNSPEC };
	socklen_t local_len = sizeof(local);
	int r;

	if (getsockname(fd, &local.any, &local_len) < 0)
		return -errno;
	r = facts->is_connected ? read_peer(fd, &local, &remote) : 0;
	if (r == -ENOTCONN)
		facts->is_connected = false;
	else if (r != 0)
		return r;
	take_end(&local, facts->tuple.local, &facts->tuple.local_port);
	if (facts->is_connected)
		take_end(&remote, facts->tuple.remote, &facts->tuple.remote_port);
	return 0;
}

/* Bytes that came in the wrong order wait behind a gap, and reach the program when it is filled. */
static int read_tcp(int fd, struct pl_socket_facts *facts)
{
	char ulp[17] = "";
	socklen_t ulp_len = sizeof(ulp) - 1, len = sizeof(struct tcp_info);
	struct tcp_info info;

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	if (len < offsetof(struct tcp_info, tcpi_rcv_ooopack) + sizeof(info.tcpi_rcv_ooopack))
		return PL_E_UNSUPPORTED;
	facts->is_connected = info.tcpi_state == STATE_ESTABLISHED ||
			      info.tcpi_state == STATE_FIN_WAIT1 ||
			      info.tcpi_state == STATE_FIN_WAIT2 ||
			      info.tcpi_state == STATE_CLOSE_WAIT ||
			      info.tcpi_state == STATE_LAST_ACK || info.tcpi_state == STATE_CLOSING;
	facts->has_received = info.tcpi_bytes_received > 0 || info.tcpi_rcv_ooopack > 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &ulp_len) < 0)
		return -errno;
	/* TLS is payload, MPTCP fell back; espintcp, and what else there may be, is neither. */
	if (ulp_len > 0 && ulp[0] != '\0' && strcmp(ulp, "tls") != 0 && strcmp(ulp, "mptcp") != 0)
		facts->is_encapsulated = true;
	return 0;
}

/* A datagram may be empty: memory is taken by those too. poll() asks the same another way, since
 * memory is given back late. */
static int read_udp(int fd, struct pl_socket_facts *facts)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	uint32_t memory[SK_MEMINFO_RMEM_ALLOC + 1];
	int r = get(fd, SOL_SOCKET, SO_MEMINFO, memory, sizeof(memory));

	if (r == 0)
		r = get_flag(fd, IPPROTO_UDP, UDP_ENCAP, &facts->is_encapsulated);
	if (r != 0)
		return r;
	if (poll(&poller, 1, 0) < 0)
		return -errno;
	facts->has_received = memory[SK_MEMINFO_RMEM_ALLOC] != 0 || (poller.revents & POLLIN) != 0;
	facts->is_connected = true;	/* if it has a peer */
	return 0;
}

/* SCTP in UDP. Kernels before 5.11 neither know the option nor do it. */
static int read_sctp_wrap(int fd, struct pl_socket_facts *facts, const union end *peer)
{
	struct sctp_udpencaps wrap;
	socklen_t len = sizeof(wrap);

	memset(&wrap, 0, sizeof(wrap));
	memcpy(&wrap.sue_address, &peer->storage, sizeof(wrap.sue_address));
	if (getsockopt(fd, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &wrap, &len) < 0)
		return errno == ENOPROTOOPT ? 0 : -errno;
	if (wrap.sue_port != 0)
		facts->is_encapsulated = true;
	return 0;
}

static size_t size_of(const union end *end)
{
	return end->any.sa_family == AF_INET6 ? sizeof(end->in6) : sizeof(end->in);
}

/* Addresses of this end: of an association, or with 0 what the socket is bound to. */
static int read_sctp_names(int fd, sctp_assoc_t association, struct pl_socket_way *way)
{
	union {
		struct sctp_assoc_value which;
		uint8_t bytes[4096];
	} names;
	size_t at = offsetof(struct sctp_getaddrs, addrs);
	socklen_t len = sizeof(names);
	uint32_t nr;

	memset(&names, 0, sizeof(names));
	names.which.assoc_id = association;
	way->nr_local = 0;
	if (getsockopt(fd, IPPROTO_SCTP, SCTP_GET_LOCAL_ADDRS, &names, &len) < 0)
		return errno == EINVAL ? 0 : -errno;	/* not bound */
	memcpy(&nr, names.bytes + offsetof(struct sctp_getaddrs, addr_num), sizeof(nr));
	while (way->nr_local < nr && way->nr_local < PL_ENDS_MAX &&
	       at + sizeof(struct sockaddr_in6) <= sizeof(names)) {
		struct pl_address *address = &way->local[way->nr_local++];
		union end end;
		uint16_t port;

		memcpy(&end, names.bytes + at, sizeof(end.in6));
		at += size_of(&end);
		address->af = end.any.sa_family == AF_INET ? PL_AF_IP4 : PL_AF_IP6;
		take_end(&end, address->bytes, &port);
	}
	return 0;
}

static bool is_any_address(const union end *end)
{
	static const struct in6_addr any;

	if (end->any.sa_family == AF_INET6)
		return memcmp(&end->in6.sin6_addr, &any, sizeof(any)) == 0;
	return end->any.sa_family == AF_INET && end->in.sin_addr.s_addr == INADDR_ANY;
}

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, prefix, sizeof(prefix)) == 0;
}

/* Before there is an association. One that is bound to every address is called by that one name. */
static int read_sctp_bound(int fd, struct pl_socket_facts *facts, struct pl_socket_way *way)
{
	union end name = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(name);
	int r;

	if (getsockname(fd, &name.any, &len) < 0)
		return -errno;
	r = is_any_address(&name) ? 0 : read_sctp_names(fd, 0, way);
	facts->has_several = way->nr_local > 1;
	return r;
}

/* An accepted socket has the listener's name, which may be that of every address. The other end is
 * where packets go now: of several addresses the one that the association began with. */
static int read_sctp_ends(int fd, const struct sctp_status *status, struct pl_socket_facts *facts,
			  struct pl_socket_way *way)
{
	union end peer;
	int r = read_sctp_names(fd, status->sstat_assoc_id, way);

	if (r != 0)
		return r;
	memcpy(&peer.storage, &status->sstat_primary.spinfo_address, sizeof(peer.storage));
	facts->is_connected = way->nr_local > 0;
	if (!facts->is_connected)
		return 0;
	facts->tuple.af = peer.any.sa_family == AF_INET ? PL_AF_IP4 : PL_AF_IP6;
	take_end(&peer, facts->tuple.remote, &facts->tuple.remote_port);
	memset(facts->tuple.local, 0, sizeof(facts->tuple.local));
	for (unsigned i = way->nr_local; i-- > 0; ) {
		if (way->local[i].af == facts->tuple.af &&
		    is_mapped(way->local[i].bytes) == is_mapped(facts->tuple.remote))
			memcpy(facts->tuple.local, way->local[i].bytes, 16);
	}
	return read_sctp_wrap(fd, facts, &peer);
}

/* Of a socket with many associations none is "the" connection. */
static int read_sctp(int fd, int type, struct pl_socket_facts *facts, struct pl_socket_way *way)
{
	union end none = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(struct sctp_status);
	struct sctp_assoc_stats stats;
	struct sctp_status status;
	int r = read_sctp_wrap(fd, facts, &none);

	if (r == 0)
		r = read_ends(fd, facts);
	facts->is_many = type != SOCK_STREAM;
	if (r != 0 || facts->is_many)
		return r;
	memset(&status, 0, sizeof(status));
	if (getsockopt(fd, IPPROTO_SCTP, SCTP_STATUS, &status, &len) < 0)
		return errno == EINVAL || errno == ENOTCONN ? read_sctp_bound(fd, facts, way) :
							      -errno;
	if (status.sstat_state < SCTP_ESTABLISHED)
		return read_sctp_bound(fd, facts, way);
	r = get(fd, IPPROTO_SCTP, SCTP_GET_ASSOC_STATS, &stats, sizeof(stats));
	if (r != 0)
		return r;
	facts->has_received = stats.sas_iodchunks != 0 || stats.sas_iuodchunks != 0;
	return read_sctp_ends(fd, &status, facts, way);
}

/* An AF_INET6 socket can send IPv4, and then with the options of IPv4. */
static int read_options(int fd, int family, bool *ret)
{
	static const int names[] = { IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_RTHDR, IPV6_DSTOPTS };
	int r = has_bytes(fd, IPPROTO_IP, IP_OPTIONS, ret);

	if (family != AF_INET6)
		return r;
	for (unsigned i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		r = has_bytes(fd, IPPROTO_IPV6, names[i], ret);
	return r;
}

static int read_way(int fd, const struct pl_tuple *tuple, struct pl_socket_way *way)
{
	bool is_ip6 = tuple->af == PL_AF_IP6 && !is_mapped(tuple->local);
	struct stat status;
	uint32_t device;
	int tos, r = get(fd, SOL_SOCKET, SO_MARK, &way->mark, sizeof(way->mark));

	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &way->device, sizeof(way->device));
	if (r == 0)
		r = get(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ip6 ? IPV6_TCLASS : IP_TOS, &tos,
			sizeof(tos));
	/* The device that datagrams prefer, and nothing else */
	if (r == 0 && tuple->proto == PL_TUPLE_UDP && way->device == 0) {
		r = get(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP,
			is_ip6 ? IPV6_UNICAST_IF : IP_UNICAST_IF, &device, sizeof(device));
		way->device = r == 0 ? ntohl(device) : 0;
	}
	if (r != 0)
		return r;
	if (fstat(fd, &status) < 0)
		return -errno;
	way->uid = status.st_uid;
	way->tos = (uint8_t)tos;
	return 0;
}

static int read_rest(int fd, const struct kind *kind, struct pl_socket_facts *facts,
		     struct pl_socket_way *way)
{
	int r;

	facts->tuple.af = kind->family == AF_INET6 ? PL_AF_IP6 : PL_AF_IP4;
	if (kind->protocol == IPPROTO_UDP) {
		facts->tuple.proto = PL_TUPLE_UDP;
		r = read_udp(fd, facts);
	} else if (kind->protocol == IPPROTO_SCTP) {
		facts->tuple.proto = PL_TUPLE_SCTP;
		r = read_sctp(fd, kind->type, facts, way);
	} else {
		facts->tuple.proto = PL_TUPLE_TCP;
		r = read_tcp(fd, facts);
	}
	if (r == 0 && kind->protocol != IPPROTO_SCTP)
		r = read_ends(fd, facts);
	if (r == 0 && kind->protocol != IPPROTO_UDP)
		r = get_flag(fd, SOL_SOCKET, SO_ACCEPTCONN, &facts->is_listening);
	if (r == 0 && kind->family == AF_INET6)
		r = get_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, &facts->is_v6_only);
	if (r == 0)
		r = read_options(fd, kind->family, &facts->is_source_routed);
	return r == 0 ? read_way(fd, &facts->tuple, way) : r;
}

int pl_socket_read(int fd, uint64_t netns, struct pl_socket_facts *ret,
		   struct pl_socket_way *ret_way)
{
	struct pl_socket_facts facts = { .is_internet = false };
	struct pl_socket_way way = { .device = 0 };
	struct kind kind;
	uint64_t its;
	int r = pl_socket_netns(fd, &its);

	if (r == 0)
		r = read_kind(fd, &kind);
	if (r == 0)
		r = get(fd, SOL_SOCKET, SO_COOKIE, &facts.cookie, sizeof(facts.cookie));
	if (r != 0)
		return r;
	facts.is_here = its == netns;
	facts.is_internet = is_internet(&kind);
	if (facts.is_here && facts.is_internet && kind.protocol == IPPROTO_MPTCP)
		read_mptcp(fd, &facts.is_mptcp);
	if (facts.is_here && facts.is_internet && !facts.is_mptcp)
		r = read_rest(fd, &kind, &facts, &way);
	if (r != 0)
		return r;
	*ret = facts;
	*ret_way = way;
	return 0;
}
