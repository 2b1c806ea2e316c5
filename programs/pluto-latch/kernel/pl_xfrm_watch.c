/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Listening to the kernel's own word on SAs and policies (design D7). The kernel puts a message
 * into our queue before the one who made the change gets his answer. So when nothing is waiting,
 * what was heard is all that happened, pluto's changes included, in the one order in which it did.
 *
 * Invariant: nothing is lost without a list. A queue that ran over, a message that cannot be read
 * or taken in, addresses that moved: each of them asks for all that the kernel has, and what comes
 * meanwhile is heard after the list, in order.
 *
 * The messages hold keys. They are wiped when they have been read.
 */

#include "kernel/pl_xfrm_watch.h"

#include "kernel/pl_netlink.h"
#include "kernel/pl_socket_ask.h"
#include "kernel/pl_xfrm_decode.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The longest message has a security label of a page. One dispatch reads TURN_MAX of them, and IKE
 * has its turn. */
enum { HEARD_MAX = 8192, TOGETHER_MAX = 32, QUEUE_BYTES = 4 << 20, TURN_MAX = 8192, LISTS_MAX = 3 };

/* @together: messages that one system call reads; 0 before that is known
 * @heard: room for them, which is made before it is needed */
struct pl_xfrm_watch {
	const struct pl_xfrm_ears *ears;
	void *ctx;
	struct mnl_socket *socket;
	struct pl_ask ask;
	uint8_t key[16];
	bool is_list_due;
	unsigned together;
	struct sockaddr_nl from[TOGETHER_MAX];
	struct iovec to[TOGETHER_MAX];
	struct mmsghdr heard[TOGETHER_MAX];
	uint8_t bytes[TOGETHER_MAX][HEARD_MAX] __attribute__((aligned(8)));
};

static int join(struct mnl_socket *socket)
{
	static const int groups[] = {
		XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_EXPIRE, XFRMNLGRP_MIGRATE,
		XFRMNLGRP_MAPPING,
	};
	int fd = mnl_socket_get_fd(socket), bytes = QUEUE_BYTES;

	if (pl_netlink_bind(socket, 0) < 0)
		return -errno;
	/* With less room there are more lists. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, (void *)&groups[i],
					  sizeof(groups[i])) < 0)
			return -errno;
	}
	return 0;
}

/* Once for each message, because the kernel writes how much it used. */
static void make_room(struct pl_xfrm_watch *watch, unsigned i)
{
	watch->from[i].nl_pid = 0;
	watch->heard[i].msg_hdr = (struct msghdr) {
		.msg_name = &watch->from[i], .msg_namelen = sizeof(watch->from[i]),
		.msg_iov = &watch->to[i], .msg_iovlen = 1,
	};
}

int pl_xfrm_watch_open(const struct pl_xfrm_ears *ears, void *ctx, struct pl_xfrm_watch **ret)
{
	struct pl_xfrm_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (watch == NULL)
		return -ENOMEM;
	watch->ears = ears;
	watch->ctx = ctx;
	watch->is_list_due = true;
	for (unsigned i = 0; i < TOGETHER_MAX; i++) {
		watch->to[i] = (struct iovec) { watch->bytes[i], HEARD_MAX };
		make_room(watch, i);
	}
	r = getrandom(watch->key, sizeof(watch->key), 0) == (ssize_t)sizeof(watch->key) ? 0 : -EIO;
	if (r == 0) {
		watch->socket = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | SOCK_NONBLOCK);
		r = watch->socket == NULL ? -errno : join(watch->socket);
	}
	if (r == 0)
		r = pl_ask_open(NETLINK_XFRM, &watch->ask);
	if (r != 0) {
		pl_xfrm_watch_close(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

struct pl_xfrm_watch *pl_xfrm_watch_close(struct pl_xfrm_watch *watch)
{
	if (watch == NULL)
		return NULL;
	if (watch->socket != NULL)
		mnl_socket_close(watch->socket);
	pl_ask_close(&watch->ask);
	explicit_bzero(watch->key, sizeof(watch->key));
	free(watch);
	return NULL;
}

int pl_xfrm_watch_fd(const struct pl_xfrm_watch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

/* Lists */

static int see(void *ctx, const struct nlmsghdr *message)
{
	struct pl_xfrm_watch *watch = ctx;
	struct pl_xfrm_change change;
	int r = pl_xfrm_decode(message, message->nlmsg_len, watch->key, &change);

	return r != 0 ? r : watch->ears->listed(watch->ctx, &change);
}

static int ask_for(struct pl_xfrm_watch *watch, uint16_t type)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_DUMP;
	return pl_ask(&watch->ask, request, see, watch);
}

static int list(struct pl_xfrm_watch *watch)
{
	int r;

	watch->ears->list_begin(watch->ctx);
	r = ask_for(watch, XFRM_MSG_GETPOLICY);
	if (r == 0)
		r = ask_for(watch, XFRM_MSG_GETSA);
	if (r != 0)
		return r;
	watch->is_list_due = false;
	watch->ears->list_end(watch->ctx);
	return 0;
}

/* Changes */

static void hear(struct pl_xfrm_watch *watch, const struct nlmsghdr *message)
{
	struct pl_xfrm_change change;

	if (pl_xfrm_decode(message, message->nlmsg_len, watch->key, &change) != 0) {
		watch->is_list_due = true;
		return;
	}
	if (change.kind == PL_XFRM_MOVED || watch->ears->change(watch->ctx, &change) != 0)
		watch->is_list_due = true;
}

static void hear_all(struct pl_xfrm_watch *watch, uint8_t *bytes, size_t size, size_t len)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
	int left = (int)len;

	if (len > size) {
		watch->is_list_due = true;
		len = size;
		left = 0;
	}
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		hear(watch, message);
	if (left > 0)
		watch->is_list_due = true;
	explicit_bzero(bytes, len);
}

/* With seccomp=, pluto forbids itself recvmmsg(2) just before its event loop runs; what is asked
 * for earlier is the first list. */
static void choose(struct pl_xfrm_watch *watch)
{
	if (watch->together == 0 && !watch->is_list_due)
		watch->together = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0 ? 1 : TOGETHER_MAX;
}

/* Return: how many were read, or a negative errno */
static int receive(const struct pl_xfrm_watch *watch, struct mmsghdr *heard)
{
	int fd = pl_xfrm_watch_fd(watch), flags = MSG_DONTWAIT | MSG_TRUNC, r;

	if (watch->together > 1) {
		r = recvmmsg(fd, heard, watch->together, flags, NULL);
	} else {
		ssize_t len = recvmsg(fd, &heard[0].msg_hdr, flags);

		heard[0].msg_len = (unsigned)len;
		r = len < 0 ? -1 : 1;
	}
	return r < 0 ? -errno : r;
}

static int read_some(struct pl_xfrm_watch *watch)
{
	int nr = receive(watch, watch->heard);

	for (int i = 0; i < nr; i++) {
		if (watch->from[i].nl_pid == 0)
			hear_all(watch, watch->bytes[i], HEARD_MAX, watch->heard[i].msg_len);
		make_room(watch, (unsigned)i);
	}
	return nr;
}

/* Return: also 0 when there are more than @max. That some of them were lost is said by the call
 * after the one that had fewer than it could: the socket stays readable until then. */
static int read_queue(struct pl_xfrm_watch *watch, unsigned max)
{
	for (unsigned nr = 0; nr < max; nr++) {
		int r = read_some(watch);

		if (r == -EINTR)
			continue;
		if (r == -ENOBUFS) {
			watch->is_list_due = true;
			continue;
		}
		if (r < 0)
			return r == -EAGAIN || r == -EWOULDBLOCK ? 0 : r;
		if (watch->together > 1 && (unsigned)r < watch->together)
			return 0;
		nr += (unsigned)r - 1;
	}
	return 0;
}

bool pl_xfrm_watch_hear(struct pl_xfrm_watch *watch)
{
	int r;

	choose(watch);
	r = read_queue(watch, TOGETHER_MAX);
	return r != 0 || watch->is_list_due || !watch->ears->is_settled(watch->ctx);
}

int pl_xfrm_watch_dispatch(struct pl_xfrm_watch *watch, bool *ret_lost)
{
	int r;

	choose(watch);
	r = read_queue(watch, TURN_MAX);
	*ret_lost = false;
	for (unsigned i = 0; r == 0 && watch->is_list_due && i < LISTS_MAX; i++) {
		*ret_lost = true;
		r = list(watch);
		if (r == 0)
			r = read_queue(watch, TURN_MAX);
	}
	if (r != 0)
		return r;
	if (watch->is_list_due)
		return -EAGAIN;
	watch->ears->settle(watch->ctx);
	return 0;
}
