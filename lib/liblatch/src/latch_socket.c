/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sockets: what connect(2), listen(2) and accept(2) become with a latch.
 *
 * A connection must be latched before its first packet, and a latch needs all of its tuple. So the
 * local end is fixed first: the address that the route to the peer prefers, and a port. Then the
 * guard knows the flow, and connect() sends its first packet through it. Nothing is sent without a
 * latch, unless the program prefers that to nothing (K42).
 *
 * Datagrams are different at one point: between bind() and connect() anybody's are queued, and
 * recv() would hand them out as the peer's. They are thrown away.
 */

#include "latch_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Of a descriptor that a call of ours opened; errno tells of that call. */
static void close_quietly(int fd)
{
	int kept = errno;

	close(fd);
	errno = kept;
}

static int get_option(int fd, int level, int name, int *ret)
{
	socklen_t len = sizeof(*ret);

	*ret = 0;
	return getsockopt(fd, level, name, ret, &len);
}

static bool is_internet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

static socklen_t length_of(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

static uint16_t port_of(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->in.sin_port :
		     address->in6.sin6_port);
}

static void set_port(union address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->in.sin_port = htons(port);
	else
		address->in6.sin6_port = htons(port);
}

/* No address, in either way of writing IPv4. */
static bool is_unspecified(const union address *address)
{
	const struct in6_addr *in6 = &address->in6.sin6_addr;

	if (address->any.sa_family == AF_INET)
		return address->in.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(in6) ||
	       (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr32[3] == INADDR_ANY);
}

static const char *text_of(const union address *address, char ret[INET6_ADDRSTRLEN])
{
	const void *bytes = address->any.sa_family == AF_INET ?
		(const void *)&address->in.sin_addr : &address->in6.sin6_addr;

	return inet_ntop(address->any.sa_family, bytes, ret, INET6_ADDRSTRLEN);
}

/* Return: 0; LATCH_ERR_SYSTEM; LATCH_ERR_NOT_INTERNET */
static int local_end(int fd, union address *ret)
{
	struct sockaddr_storage space = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(space);

	if (getsockname(fd, (struct sockaddr *)&space, &len) != 0)
		return LATCH_ERR_SYSTEM;
	if (!is_internet(space.ss_family))
		return LATCH_ERR_NOT_INTERNET;
	memcpy(ret, &space, sizeof(*ret));
	return 0;
}

/* connect */

/* Makes both local address and port definite. */
static int bind_local_end(int fd, const union address *to, union address *local)
{
	struct sockaddr_storage source;
	int level = IPPROTO_IP, off = 0, r;

	if (!is_unspecified(local) && port_of(local) != 0)
		return 0;
	/* A socket is bound once: its address stays as open as it is. */
	if (port_of(local) != 0)
		return LATCH_ERR_NOT_CONNECTED;
	if (is_unspecified(local)) {
		r = latch_route_source(fd, &to->any, &source);
		if (r != 0)
			return r;
		memcpy(local, &source, sizeof(*local));
	}
	set_port(local, 0);
	/* It would put the choice of a port off until connect(). */
	(void)!setsockopt(fd, level, IP_BIND_ADDRESS_NO_PORT, &off, sizeof(off));
	if (bind(fd, &local->any, length_of(local)) != 0)
		return LATCH_ERR_SYSTEM;
	return 0;
}

static int take_remote_end(int fd, const struct sockaddr *to, socklen_t to_len, union address *ret)
{
	int family;

	if (to == NULL || to_len < sizeof(to->sa_family))
		return LATCH_ERR_ARGUMENT;
	if (!is_internet(to->sa_family))
		return LATCH_ERR_NOT_INTERNET;
	memset(ret, 0, sizeof(*ret));
	ret->any.sa_family = to->sa_family;
	if (to_len < length_of(ret))
		return LATCH_ERR_ARGUMENT;
	memcpy(ret, to, length_of(ret));
	if (get_option(fd, SOL_SOCKET, SO_DOMAIN, &family) != 0)
		return LATCH_ERR_SYSTEM;
	if (!is_internet(family))
		return LATCH_ERR_NOT_INTERNET;
	/* connect() to no address is one to this host. */
	if (family != to->sa_family || port_of(ret) == 0 || is_unspecified(ret))
		return LATCH_ERR_ARGUMENT;
	return 0;
}

/* Datagrams that came before there was a peer. An error that is queued is one of them. */
static int forget_datagrams(int fd)
{
	char byte;

	/* The peer's may arrive by now; no number of them keeps us here. */
	for (int i = 0; i < 1 << 16; i++) {
		if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) < 0 &&
		    (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
	}
	errno = EBUSY;
	return LATCH_ERR_SYSTEM;
}

static int connect_now(int fd, const union address *to, bool is_late)
{
	int type;

	if (get_option(fd, SOL_SOCKET, SO_TYPE, &type) != 0)
		return LATCH_ERR_SYSTEM;
	if (connect(fd, &to->any, length_of(to)) != 0 && errno != EINPROGRESS)
		return LATCH_ERR_SYSTEM;
	return type == SOCK_DGRAM && !is_late ? forget_datagrams(fd) : 0;
}

int latch_connect(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
		  const struct latch_request *request, uint64_t *ret_id)
{
	char text[INET6_ADDRSTRLEN];
	struct latch_request checked;
	union address remote, local;
	uint64_t id;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_request_check(request, &checked);
	/* The first packet would meet a latch without a pin. */
	if (r == 0 && checked.wait_ms == LATCH_WAIT_NONE)
		r = LATCH_ERR_ARGUMENT;
	if (r == 0)
		r = take_remote_end(fd, to, to_len, &remote);
	if (r == 0)
		r = local_end(fd, &local);
	if (r == 0)
		r = bind_local_end(fd, &remote, &local);
	if (r != 0)
		return r;
	r = latch_call_latch(latch, fd, request, text_of(&remote, text), port_of(&remote), &id);
	if (checked.prefer && latch_error_is_unprotected(r)) {
		id = 0;
		r = 0;
	}
	if (r != 0)
		return r;
	r = connect_now(fd, &remote, checked.late);
	if (r == 0)
		*ret_id = id;
	else if (id != 0)
		(void)!latch_release(latch, id);
	return r;
}

/* listen and accept */

int latch_listen(struct latch *latch, int fd, int backlog, const struct latch_request *request,
		 uint64_t ret_ids[2])
{
	uint64_t ids[2];
	int type, r;

	if (latch == NULL || ret_ids == NULL)
		return LATCH_ERR_ARGUMENT;
	if (get_option(fd, SOL_SOCKET, SO_TYPE, &type) != 0)
		return LATCH_ERR_SYSTEM;
	r = latch_call_listen(latch, fd, request, ids);
	if (r != 0)
		return r;
	if (type != SOCK_DGRAM && listen(fd, backlog) != 0) {
		for (int i = 0; i < 2 && ids[i] != 0; i++)
			(void)!latch_release(latch, ids[i]);
		return LATCH_ERR_SYSTEM;
	}
	memcpy(ret_ids, ids, sizeof(ids));
	return 0;
}

int latch_accept(struct latch *latch, int fd, int flags, int *ret_fd, uint64_t *ret_id)
{
	uint64_t id;
	int accepted, r;

	if (latch == NULL || ret_fd == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	accepted = accept4(fd, NULL, NULL, flags | SOCK_CLOEXEC);
	if (accepted < 0)
		return LATCH_ERR_SYSTEM;
	r = latch_call_latch(latch, accepted, NULL, NULL, 0, &id);
	if (r != 0) {
		close_quietly(accepted);
		return r;
	}
	*ret_fd = accepted;
	*ret_id = id;
	return 0;
}

/* find */

/* An IPv6 socket's IPv4 peer: the daemon knows the flow as IPv4. */
static void unmap(union address *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	in.sin_port = address->in6.sin6_port;
	in.sin_addr.s_addr = address->in6.sin6_addr.s6_addr32[3];
	address->in = in;
}

static size_t add_end(struct latch_entry *flow, size_t nr, const char *const keys[2],
		      const char *text, uint16_t port)
{
	flow[nr] = (struct latch_entry) { keys[0], 's', { .s = text } };
	flow[nr + 1] = (struct latch_entry) { keys[1], 'q', { .q = port } };
	return nr + 2;
}

static int protocol_of(int fd, const char **ret)
{
	int protocol;

	if (get_option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) != 0)
		return LATCH_ERR_SYSTEM;
	switch (protocol) {
	case IPPROTO_TCP:
		*ret = "tcp";
		return 0;
	case IPPROTO_UDP:
		*ret = "udp";
		return 0;
	case IPPROTO_SCTP:
		*ret = "sctp";
		return 0;
	}
	return LATCH_ERR_NOT_INTERNET;
}

int latch_find(struct latch *latch, int fd, uint64_t *ret_id)
{
	static const char *const here[] = { "local_address", "local_port" };
	static const char *const there[] = { "remote_address", "remote_port" };
	char texts[2][INET6_ADDRSTRLEN];
	struct latch_entry flow[5];
	union address local, remote;
	socklen_t len = sizeof(remote);
	const char *protocol = NULL;
	size_t nr;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = local_end(fd, &local);
	if (r == 0)
		r = protocol_of(fd, &protocol);
	if (r != 0)
		return r;
	if (port_of(&local) == 0)
		return LATCH_ERR_NOT_CONNECTED;
	unmap(&local);
	flow[0] = (struct latch_entry) { "protocol", 's', { .s = protocol } };
	nr = add_end(flow, 1, here, text_of(&local, texts[0]), port_of(&local));
	if (getpeername(fd, &remote.any, &len) == 0) {
		unmap(&remote);
		nr = add_end(flow, nr, there, text_of(&remote, texts[1]), port_of(&remote));
	} else if (errno != ENOTCONN) {
		return LATCH_ERR_SYSTEM;
	}
	return latch_call_find(latch, flow, nr, ret_id);
}
