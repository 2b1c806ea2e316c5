/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The kernel tells whoever listens of the end of each TCP and UDP socket (SKNLGRP_…_DESTROY), so
 * that a latch ends with its connection though its owner lives on and says nothing (K43, K44). The
 * messages do not say the protocol; the group that they came by does.
 *
 * A socket that leaves TIME_WAIT behind is told of when TIME_WAIT begins, and its end not at all.
 * Nothing is told of SCTP.
 */

#include "kernel/pl_socket_watch.h"

#include "kernel/pl_netlink.h"
#include "kernel/pl_socket_inet.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* One dispatch reads so many messages: sockets can end faster than they are read about. */
enum { HEARD_MAX = 65536, QUEUE_BYTES = 4 << 20, TURN_MAX = 1024 };

struct pl_watch {
	struct mnl_socket *socket;
};

static int join(struct mnl_socket *socket)
{
	static const int groups[] = {
		SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY,
		SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY,
	};
	int fd = mnl_socket_get_fd(socket), on = 1, bytes = QUEUE_BYTES;

	if (setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, &on, sizeof(on)) < 0)
		return -errno;
	/* A socket without an address of its own gets nothing that the kernel tells groups. */
	if (pl_netlink_bind(socket, 0) < 0)
		return -errno;
	/* With less room ends are lost sooner, and then every latch is looked at. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

int pl_watch_open(struct pl_watch **ret)
{
	struct pl_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (watch == NULL)
		return -ENOMEM;
	watch->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
	r = watch->socket == NULL ? -errno : join(watch->socket);
	if (r != 0) {
		pl_watch_close(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

struct pl_watch *pl_watch_close(struct pl_watch *watch)
{
	if (watch == NULL)
		return NULL;
	if (watch->socket != NULL)
		mnl_socket_close(watch->socket);
	free(watch);
	return NULL;
}

int pl_watch_fd(const struct pl_watch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

/* Return: 0 when it came by no group, from some program */
static uint8_t proto_of(struct msghdr *header)
{
	struct nl_pktinfo info = { .group = 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(info)))
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	}
	switch (info.group) {
	case SKNLGRP_INET_TCP_DESTROY:
	case SKNLGRP_INET6_TCP_DESTROY:
		return PL_TUPLE_TCP;
	case SKNLGRP_INET_UDP_DESTROY:
	case SKNLGRP_INET6_UDP_DESTROY:
		return PL_TUPLE_UDP;
	default:
		return 0;
	}
}

int pl_watch_dispatch(struct pl_watch *watch, pl_watch_see *see, void *ctx, bool *ret_lost)
{
	static uint8_t bytes[HEARD_MAX] __attribute__((aligned(8)));
	uint8_t control[128] __attribute__((aligned(8)));
	struct sockaddr_nl from = { .nl_pid = 0 };
	struct pl_inet_socket socket;

	*ret_lost = false;
	for (unsigned turn = 0; turn < TURN_MAX; turn++) {
		struct iovec iov = { bytes, sizeof(bytes) };
		struct msghdr header = {
			.msg_name = &from, .msg_namelen = sizeof(from),
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		ssize_t len = recvmsg(pl_watch_fd(watch), &header, MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
		uint8_t proto = len < 0 ? 0 : proto_of(&header);
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == ENOBUFS) {
			*ret_lost = true;
			continue;
		}
		if (len < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		if (from.nl_pid != 0 || proto == 0)
			continue;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			if (pl_inet_parse(message, proto, &socket) == 0)
				see(ctx, &socket.tuple, socket.cookie);
		}
	}
	return 0;
}
