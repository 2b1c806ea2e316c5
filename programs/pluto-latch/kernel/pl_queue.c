/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The packets that the guard holds, by nfnetlink_queue. The kernel has room for a limited number of
 * them, and drops what comes beyond; so does a queue that nobody has. Verdicts are not
 * acknowledged: a packet whose verdict is lost stays held.
 */

#include "kernel/pl_queue.h"

#include "kernel/pl_nft_auto.h"
#include "kernel/pl_socket_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HELD_MAX = 1024, AT_ONCE = 64 };

struct pl_queue {
	struct pl_ask ask;
};

static struct nlmsghdr *begin(void *buf, uint16_t type)
{
	struct nlmsghdr *message;
	struct nfgenmsg *family;

	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	message->nlmsg_flags = NLM_F_REQUEST;
	family = mnl_nlmsg_put_extra_header(message, sizeof(*family));
	family->nfgen_family = AF_UNSPEC;
	family->version = NFNETLINK_V0;
	family->res_id = htons(PL_NFT_QUEUE);
	return message;
}

/* Whole packets as they are (large ones are not cut up for us), and whose socket sent them. */
static struct nlmsghdr *build_bind(void *buf)
{
	static const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(PL_QUEUE_COPY_BYTES), .copy_mode = NFQNL_COPY_PACKET,
	};
	uint32_t flags = htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID);
	struct nlmsghdr *message = begin(buf, NFQNL_MSG_CONFIG);

	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(bind), &bind);
	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(HELD_MAX));
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, flags);
	mnl_attr_put_u32(message, NFQA_CFG_MASK, flags);
	return message;
}

int pl_queue_open(struct pl_queue **ret)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct pl_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (queue == NULL)
		return -ENOMEM;
	r = pl_ask_open(NETLINK_NETFILTER, &queue->ask);
	if (r == 0)
		r = pl_ask(&queue->ask, build_bind(buf), NULL, NULL);
	if (r != 0) {
		pl_queue_close(queue);
		return r == -EPERM ? -EBUSY : r;
	}
	*ret = queue;
	return 0;
}

struct pl_queue *pl_queue_close(struct pl_queue *queue)
{
	if (queue == NULL)
		return NULL;
	pl_ask_close(&queue->ask);
	free(queue);
	return NULL;
}

int pl_queue_fd(const struct pl_queue *queue)
{
	return mnl_socket_get_fd(queue->ask.socket);
}

static void give_verdict(struct pl_queue *queue, uint32_t id, enum pl_queue_verdict verdict)
{
	static const uint32_t numbers[] = {
		[PL_QUEUE_DROP] = NF_DROP, [PL_QUEUE_AGAIN] = NF_REPEAT,
		[PL_QUEUE_PASS] = NF_ACCEPT,
	};
	const struct nfqnl_msg_verdict_hdr header = {
		.verdict = htonl(numbers[verdict]), .id = htonl(id),
	};
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = begin(buf, NFQNL_MSG_VERDICT);

	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(header), &header);
	while (mnl_socket_sendto(queue->ask.socket, message, message->nlmsg_len) < 0 &&
	       errno == EINTR)
		;
}

static void see(struct pl_queue *queue, const void *message, size_t len, pl_queue_judge *judge,
		void *ctx)
{
	struct pl_queued queued;

	if (pl_queue_decode(message, len, &queued) == 0)
		give_verdict(queue, queued.id,
			     queued.error == 0 ? judge(ctx, &queued) : PL_QUEUE_DROP);
}

void pl_queue_dispatch(struct pl_queue *queue, pl_queue_judge *judge, void *ctx)
{
	uint8_t bytes[4096] __attribute__((aligned(8)));

	for (unsigned i = 0; i < AT_ONCE; i++) {
		ssize_t len = recv(pl_queue_fd(queue), bytes, sizeof(bytes), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
		int left = (int)len;

		/* What did not fit was dropped by the kernel. */
		if (len < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (len <= 0)
			return;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			see(queue, message, (size_t)left, judge, ctx);
	}
}
