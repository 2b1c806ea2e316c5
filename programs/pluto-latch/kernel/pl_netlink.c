/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Talking to nf_tables. A batch is answered by an error for each message that failed, and by the
 * acknowledgement of its last message; when the batch as a whole fails (no nf_tables, no memory,
 * the commit itself), by an error for its begin message, before or without the others. Only when
 * the acknowledgement came and no error did is the batch in force.
 *
 * Invariant: after a call nothing of its answers is left in the socket that a later call could take
 * for its own: sequence numbers of other batches are passed over.
 */

#include "kernel/pl_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 65536 };

struct verdict {
	const struct pl_nft_batch *batch;
	bool is_acked;
	int error;
	struct pl_netlink_refusal refusal;
};

/* Behind the error, the message that it is about, or only its header; then attributes. */
static uint32_t blamed_offset(const struct nlmsghdr *message, const struct nlmsgerr *answer)
{
	size_t at = sizeof(*answer);
	const struct nlattr *attr;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return 0;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		at += NLMSG_ALIGN(answer->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (at > message->nlmsg_len - NLMSG_HDRLEN)
		return 0;
	mnl_attr_for_each(attr, message, (unsigned)at) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

static void hear(struct verdict *verdict, const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != NLMSG_ERROR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)))
		return;
	if (message->nlmsg_seq < verdict->batch->first_seq ||
	    message->nlmsg_seq > verdict->batch->last_seq)
		return;
	if (answer->error != 0 && verdict->error == 0) {
		verdict->error = answer->error;
		verdict->refusal.seq = message->nlmsg_seq;
		verdict->refusal.offset = blamed_offset(message, answer);
	}
	if (message->nlmsg_seq == verdict->batch->last_seq)
		verdict->is_acked = true;
}

/* Behind the acknowledgement nothing comes. There may be none: the kernel had no memory for it. */
static int listen_to(struct mnl_socket *socket, struct verdict *verdict)
{
	static uint8_t answer[ANSWER_MAX];

	while (!verdict->is_acked) {
		ssize_t len = recv(mnl_socket_get_fd(socket), answer, sizeof(answer), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (len < 0)
			return -errno;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			hear(verdict, message);
	}
	return 0;
}

/* A message must fit into the buffer as a whole. Few do not, and who breaks a latch is in a
 * hurry. */
static int make_room(int fd, size_t len)
{
	int size = (int)len + 65536;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0)
		return 0;
	return -errno;
}

static int transact(struct mnl_socket *socket, const struct pl_nft_batch *batch,
		    struct verdict *verdict)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = mnl_socket_get_fd(socket), r = batch->error;
	bool has_room = false;

	while (r == 0 && sendto(fd, batch->bytes, batch->len, 0, (struct sockaddr *)&kernel,
				sizeof(kernel)) < 0) {
		r = errno == EINTR ? 0 : -errno;
		if (r == -EMSGSIZE && !has_room) {
			r = make_room(fd, batch->len);
			has_room = true;
		}
	}
	return r == 0 ? listen_to(socket, verdict) : r;
}

int pl_netlink_commit(struct mnl_socket *socket, const struct pl_nft_batch *batch,
		      struct pl_netlink_refusal *ret)
{
	struct verdict verdict = { .batch = batch };
	int r = transact(socket, batch, &verdict);

	*ret = verdict.refusal;
	if (r != 0)
		return r;
	if (verdict.error != 0)
		return verdict.error;
	return verdict.is_acked ? 0 : -EIO;
}

struct dump {
	int (*see)(void *ctx, const struct nlmsghdr *message);
	void *ctx;
	int r;
};

static int see_one(const struct nlmsghdr *message, void *data)
{
	struct dump *dump = data;

	dump->r = dump->see(dump->ctx, message);
	return dump->r == 0 ? MNL_CB_OK : MNL_CB_STOP;
}

int pl_netlink_dump(struct mnl_socket *socket, const struct nlmsghdr *request,
		    int (*see)(void *ctx, const struct nlmsghdr *message), void *ctx)
{
	static uint8_t answer[ANSWER_MAX];
	struct dump dump = { .see = see, .ctx = ctx };
	bool is_cut = false;
	int r = MNL_CB_OK;

	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t len = recv(mnl_socket_get_fd(socket), answer, sizeof(answer), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		r = mnl_cb_run(answer, (size_t)len, request->nlmsg_seq, 0, see_one, &dump);
		/* The rest of a list that is no good is read all the same. */
		if (r < 0 && errno == EINTR) {
			is_cut = true;
			r = MNL_CB_OK;
		} else if (r < 0) {
			return -errno;
		}
		if (dump.r != 0)
			return dump.r;
	}
	return is_cut ? -EINTR : 0;
}

int pl_netlink_bind(struct mnl_socket *socket, unsigned groups)
{
	enum { ABOVE_PIDS = 0x40000000, STEP = 0x1000000, TRIES = 16 };
	int r = -1;

	for (int i = 0; i < TRIES && r < 0; i++) {
		r = mnl_socket_bind(socket, groups, ABOVE_PIDS + i * STEP + getpid());
		if (r < 0 && errno != EADDRINUSE)
			break;
	}
	return r;
}
