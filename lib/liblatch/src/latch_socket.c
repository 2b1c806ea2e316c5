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

/* Of a descriptor that a call of ours opened; errno tells of that call. */
static void close_quietly(int fd)
{
	int kept = errno;

	close(fd);
	errno = kept;
}

/* connect */

/* Makes both local address and port definite. */
static int bind_local_end(int fd, const union latch_address *to, union latch_address *local)
{
	struct sockaddr_storage source;
	int level = IPPROTO_IP, off = 0, r;

	if (!latch_address_is_any(local) && latch_address_port(local) != 0)
		return 0;
	/* A socket is bound once: its address stays as open as it is. */
	if (latch_address_port(local) != 0)
		return LATCH_ERR_NOT_CONNECTED;
	if (latch_address_is_any(local)) {
		r = latch_route_source(fd, &to->any, &source);
		if (r != 0)
			return r;
		memcpy(local, &source, sizeof(*local));
	}
	latch_address_set_port(local, 0);
	/* It would put the choice of a port off until connect(). */
	(void)!setsockopt(fd, level, IP_BIND_ADDRESS_NO_PORT, &off, sizeof(off));
	if (bind(fd, &local->any, latch_address_len(local)) != 0)
		return LATCH_ERR_SYSTEM;
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

static int connect_now(int fd, const union latch_address *to, bool is_late)
{
	int type;

	if (latch_option(fd, SOL_SOCKET, SO_TYPE, &type) != 0)
		return LATCH_ERR_SYSTEM;
	if (connect(fd, &to->any, latch_address_len(to)) != 0 && errno != EINPROGRESS)
		return LATCH_ERR_SYSTEM;
	return type == SOCK_DGRAM && !is_late ? forget_datagrams(fd) : 0;
}

int latch_connect(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
		  const struct latch_request *request, uint64_t *ret_id)
{
	char text[INET6_ADDRSTRLEN];
	struct latch_request checked;
	union latch_address remote, local;
	uint64_t id;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_request_check(request, &checked);
	/* The first packet would meet a latch without a pin. */
	if (r == 0 && checked.wait_ms == LATCH_WAIT_NONE)
		r = LATCH_ERR_ARGUMENT;
	if (r == 0)
		r = latch_address_remote(fd, to, to_len, &remote);
	if (r == 0)
		r = latch_address_local(fd, &local);
	if (r == 0)
		r = bind_local_end(fd, &remote, &local);
	if (r != 0)
		return r;
	r = latch_call_latch(latch, fd, request, latch_address_text(&remote, text),
			     latch_address_port(&remote), &id);
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

/* What latch_recvmsg() must know of each datagram: to which address, and when it came. Of those
 * that come before this is set the kernel would not say it: it is set before there is a latch. */
static int show_datagrams(int fd)
{
	int family, on = 1, r;

	r = latch_option(fd, SOL_SOCKET, SO_DOMAIN, &family);
	if (r == 0)
		r = setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (r == 0 && family == AF_INET)
		r = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	if (r == 0 && family == AF_INET6)
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	return r;
}

int latch_listen(struct latch *latch, int fd, int backlog, const struct latch_request *request,
		 uint64_t ret_ids[2])
{
	uint64_t ids[2];
	int type, r;

	if (latch == NULL || ret_ids == NULL)
		return LATCH_ERR_ARGUMENT;
	if (latch_option(fd, SOL_SOCKET, SO_TYPE, &type) != 0 ||
	    (type == SOCK_DGRAM && show_datagrams(fd) != 0))
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

	if (latch_option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) != 0)
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
	union latch_address local, remote;
	socklen_t len = sizeof(remote);
	const char *protocol = NULL;
	size_t nr;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_address_local(fd, &local);
	if (r == 0)
		r = protocol_of(fd, &protocol);
	if (r != 0)
		return r;
	if (latch_address_port(&local) == 0)
		return LATCH_ERR_NOT_CONNECTED;
	latch_address_unmap(&local);
	flow[0] = (struct latch_entry) { "protocol", 's', { .s = protocol } };
	nr = add_end(flow, 1, here, latch_address_text(&local, texts[0]),
		     latch_address_port(&local));
	if (getpeername(fd, &remote.any, &len) == 0) {
		latch_address_unmap(&remote);
		nr = add_end(flow, nr, there, latch_address_text(&remote, texts[1]),
			     latch_address_port(&remote));
	} else if (errno != ENOTCONN) {
		return LATCH_ERR_SYSTEM;
	}
	return latch_call_find(latch, flow, nr, ret_id);
}
