/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies of just one connection, in front of all others (struct pl_steer_ops). They are known by
 * the uid in their selector, which the kernel compares and selects nothing by: that is how one can
 * stand beside pluto's policy for the same packets, and how a successor finds what we left.
 *
 * There is none for forwarding: the packets of a latched connection are this host's own.
 */

#include "kernel/pl_steering.h"

#include "core/pl_xfrm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct nlmsghdr *begin(void *buf, uint16_t type)
{
	struct nlmsghdr *message;

	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = type;
	return message;
}

static uint16_t family_of(uint8_t af)
{
	return af == PL_AF_IP6 ? AF_INET6 : AF_INET;
}

static struct xfrm_selector selector_of(const struct pl_tuple *tuple, enum pl_direction way)
{
	bool is_out = way == PL_DIR_OUT;
	uint8_t bits = (uint8_t)(8 * pl_ts_size(tuple->af));
	struct xfrm_selector sel = {
		.family = family_of(tuple->af), .proto = tuple->proto, .user = PL_XFRM_OURS,
		.prefixlen_s = bits, .prefixlen_d = bits,
		.sport = htons(is_out ? tuple->local_port : tuple->remote_port),
		.dport = htons(is_out ? tuple->remote_port : tuple->local_port),
		.sport_mask = 0xffff, .dport_mask = 0xffff,
	};

	memcpy(&sel.saddr, is_out ? tuple->local : tuple->remote, bits / 8);
	memcpy(&sel.daddr, is_out ? tuple->remote : tuple->local, bits / 8);
	return sel;
}

static struct xfrm_lifetime_cfg for_ever(void)
{
	return (struct xfrm_lifetime_cfg) {
		.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
		.soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
	};
}

/* Of a transport mode SA the ends are those of the connection, whatever pluto calls them. */
static int template_of(const struct pl_steer *steer, enum pl_direction way,
		       struct xfrm_user_tmpl *ret)
{
	bool is_out = way == PL_DIR_OUT, is_tunnel = steer->mode == PL_MODE_TUNNEL;
	uint8_t af = is_tunnel ? steer->local.af : steer->tuple.af;
	const uint8_t *local = is_tunnel ? steer->local.bytes : steer->tuple.local;
	const uint8_t *remote = is_tunnel ? steer->remote.bytes : steer->tuple.remote;
	struct xfrm_user_tmpl tmpl = {
		.id.proto = (uint8_t)steer->protocol, .family = family_of(af),
		.reqid = steer->reqid, .mode = is_tunnel ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT,
		.aalgos = UINT32_MAX, .ealgos = UINT32_MAX, .calgos = UINT32_MAX,
	};

	if (!is_tunnel && steer->mode != PL_MODE_TRANSPORT)
		return PL_E_UNSUPPORTED;
	if (af == PL_AF_NONE || (is_tunnel && steer->remote.af != af))
		return PL_E_UNAVAILABLE;
	memcpy(&tmpl.saddr, is_out ? local : remote, pl_ts_size(af));
	memcpy(&tmpl.id.daddr, is_out ? remote : local, pl_ts_size(af));
	*ret = tmpl;
	return 0;
}

static uint8_t dir_of(enum pl_direction way)
{
	return way == PL_DIR_OUT ? XFRM_POLICY_OUT : XFRM_POLICY_IN;
}

int pl_steering_build_put(void *buf, const struct pl_steer *steer, enum pl_direction way,
			  struct nlmsghdr **ret)
{
	struct nlmsghdr *message = begin(buf, XFRM_MSG_UPDPOLICY);
	struct xfrm_userpolicy_info info = {
		.sel = selector_of(&steer->tuple, way), .lft = for_ever(),
		.priority = PL_XFRM_FIRST, .dir = dir_of(way), .action = XFRM_POLICY_ALLOW,
		.share = XFRM_SHARE_ANY,
	};
	struct xfrm_user_tmpl tmpl;
	int r = steer->is_bypass ? 0 : template_of(steer, way, &tmpl);

	if (r != 0)
		return r;
	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(info)), &info, sizeof(info));
	if (!steer->is_bypass)
		mnl_attr_put(message, XFRMA_TMPL, sizeof(tmpl), &tmpl);
	*ret = message;
	return 0;
}

static struct nlmsghdr *build_end(void *buf, const struct xfrm_selector *sel, uint8_t dir)
{
	struct nlmsghdr *message = begin(buf, XFRM_MSG_DELPOLICY);
	struct xfrm_userpolicy_id id = { .sel = *sel, .dir = dir };

	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(id)), &id, sizeof(id));
	return message;
}

struct nlmsghdr *pl_steering_build_take(void *buf, const struct pl_tuple *tuple,
					enum pl_direction way)
{
	struct xfrm_selector sel = selector_of(tuple, way);

	return build_end(buf, &sel, dir_of(way));
}

struct nlmsghdr *pl_steering_build_sweep(void *buf, const struct nlmsghdr *message)
{
	struct xfrm_userpolicy_info info;

	if (message->nlmsg_type != XFRM_MSG_NEWPOLICY ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(info)))
		return NULL;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	return info.sel.user == PL_XFRM_OURS ? build_end(buf, &info.sel, info.dir) : NULL;
}

static int op_put(void *ctx, const struct pl_steer *steer)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message;

	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		int r = pl_steering_build_put(buf, steer, way, &message);

		if (r == 0)
			r = pl_ask(ctx, message, NULL, NULL);
		if (r != 0)
			return r;
	}
	return 0;
}

static int ask_end(struct pl_ask *ask, struct nlmsghdr *message)
{
	int r = pl_ask(ask, message, NULL, NULL);

	return r == -ENOENT ? 0 : r;
}

/* Both, also when one of them fails. */
static int op_take(void *ctx, const struct pl_tuple *tuple)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	int in = ask_end(ctx, pl_steering_build_take(buf, tuple, PL_DIR_IN));
	int out = ask_end(ctx, pl_steering_build_take(buf, tuple, PL_DIR_OUT));

	return in != 0 ? in : out;
}

struct swept {
	struct nlmsghdr *messages;
	size_t nr, room;
};

/* What takes one away is as long as every other. */
enum { END_BYTES = NLMSG_ALIGN(NLMSG_LENGTH(sizeof(struct xfrm_userpolicy_id))) };

static int collect(void *ctx, const struct nlmsghdr *message)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	const struct nlmsghdr *end = pl_steering_build_sweep(buf, message);
	struct swept *swept = ctx;

	if (end == NULL)
		return 0;
	if (swept->nr == swept->room) {
		size_t room = swept->room == 0 ? 64 : 2 * swept->room;
		void *messages = reallocarray(swept->messages, room, END_BYTES);

		if (messages == NULL)
			return -ENOMEM;
		swept->messages = messages;
		swept->room = room;
	}
	memcpy((uint8_t *)swept->messages + swept->nr++ * END_BYTES, end, end->nlmsg_len);
	return 0;
}

static int op_sweep(void *ctx)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buf, XFRM_MSG_GETPOLICY);
	struct swept swept = { .nr = 0 };
	int r;

	request->nlmsg_flags = NLM_F_DUMP;
	r = pl_ask(ctx, request, collect, &swept);
	for (size_t i = 0; r == 0 && i < swept.nr; i++) {
		memset(buf, 0, sizeof(buf));
		memcpy(buf, (uint8_t *)swept.messages + i * END_BYTES, END_BYTES);
		r = ask_end(ctx, (struct nlmsghdr *)buf);
	}
	free(swept.messages);
	return r;
}

const struct pl_steer_ops *pl_steering_operations(void)
{
	static const struct pl_steer_ops ops = { op_put, op_take, op_sweep };

	return &ops;
}
