/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions to sock_diag, rtnetlink and ctnetlink. A single question asks for an acknowledgement, a
 * list has its last message: so every answer has an end that can be told from a missing one.
 *
 * Invariant: after a call nothing of its answer is left that a later call could take for its own:
 * it is read to the end, also after an error, and other sequence numbers are passed over.
 */

#include "kernel/pl_socket_ask.h"

#include "kernel/pl_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 65536 };

struct answer {
	uint32_t seq;
	pl_ask_see *see;
	void *ctx;
	bool is_complete, is_interrupted;
	int r;
};

int pl_ask_open(int protocol, struct pl_ask *ret)
{
	struct pl_ask ask = { .socket = mnl_socket_open2(protocol, SOCK_CLOEXEC) };
	int error;

	if (ask.socket == NULL)
		return -errno;
	if (pl_netlink_bind(ask.socket, 0) < 0) {
		error = errno;
		pl_ask_close(&ask);
		return -error;
	}
	*ret = ask;
	return 0;
}

void pl_ask_close(struct pl_ask *ask)
{
	if (ask->socket != NULL)
		mnl_socket_close(ask->socket);
	ask->socket = NULL;
}

/* Both NLMSG_ERROR and NLMSG_DONE begin with the result; an old kernel's DONE may be bare. */
static void hear_end(struct answer *answer, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	else if (message->nlmsg_type == NLMSG_ERROR)
		error = -EBADMSG;
	if (answer->r == 0 && error < 0)
		answer->r = error;
	answer->is_complete = true;
}

static void hear(struct answer *answer, const struct nlmsghdr *message)
{
	if (message->nlmsg_seq != answer->seq || answer->is_complete)
		return;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->is_interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE)
		hear_end(answer, message);
	else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->r == 0 && answer->see != NULL)
		answer->r = answer->see(answer->ctx, message);
}

static int listen_to(struct pl_ask *ask, struct answer *answer)
{
	static uint8_t bytes[ANSWER_MAX] __attribute__((aligned(8)));

	while (!answer->is_complete) {
		ssize_t len = recv(mnl_socket_get_fd(ask->socket), bytes, sizeof(bytes),
				   MSG_DONTWAIT | MSG_TRUNC);
		const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? -EIO : -errno;
		if ((size_t)len > sizeof(bytes))
			return -EMSGSIZE;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			hear(answer, message);
		/* Lists of SAs hold their keys. */
		explicit_bzero(bytes, (size_t)len);
	}
	return 0;
}

/* A list that is given up is made by the kernel as it is read; an unread one refuses the next. */
static void drain(struct pl_ask *ask)
{
	uint8_t byte;

	while (recv(mnl_socket_get_fd(ask->socket), &byte, 1, MSG_DONTWAIT) >= 0 ||
	       errno == EINTR || errno == ENOBUFS)
		;
}

int pl_ask(struct pl_ask *ask, struct nlmsghdr *request, pl_ask_see *see, void *ctx)
{
	struct answer answer = { .see = see, .ctx = ctx };
	int r;

	if (ask->socket == NULL)
		return -EPROTONOSUPPORT;
	answer.seq = request->nlmsg_seq = ++ask->seq;
	request->nlmsg_flags |= NLM_F_REQUEST;
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	while (mnl_socket_sendto(ask->socket, request, request->nlmsg_len) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	r = listen_to(ask, &answer);
	if (r != 0) {
		drain(ask);
		return r;
	}
	if (answer.r != 0)
		return answer.r;
	return answer.is_interrupted ? -EINTR : 0;
}
