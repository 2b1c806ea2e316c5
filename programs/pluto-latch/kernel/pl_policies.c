/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies with part of the ports of a protocol, for child SAs that were narrowed. The kernel
 * selects ports by value and mask; pluto knows one port or all, so these do not go through it. They
 * are in all other respects what pluto would make: one for forwarding beside one for input of a
 * tunnel, and the priority that it says.
 *
 * Of what is put, all is in force, or what was not there before is not. A policy that was there is
 * lost with its replacement; the new one stays then, which lets in no more than its SA.
 */

#include "kernel/pl_policies.h"

#include "core/pl_ts_pieces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/socket.h>

static uint16_t family_of(uint8_t af)
{
	return af == PL_AF_IP6 ? AF_INET6 : AF_INET;
}

/* Return: false for what is no subnet */
static bool prefix_of(const struct pl_ts *ts, uint8_t *ret)
{
	size_t size = pl_ts_size(ts->af), bits = 0;
	bool has_ended = false;

	for (size_t i = 0; i < 8 * size; i++) {
		uint8_t mask = (uint8_t)(0x80u >> i % 8);
		bool differs = ((ts->lo[i / 8] ^ ts->hi[i / 8]) & mask) != 0;

		if (has_ended && (!differs || (ts->lo[i / 8] & mask) != 0))
			return false;
		if (differs && (ts->lo[i / 8] & mask) != 0)
			return false;
		has_ended = differs;
		bits += !differs;
	}
	*ret = (uint8_t)bits;
	return true;
}

static int selector_of(const struct pl_policy *policy, struct xfrm_selector *ret)
{
	const struct pl_ts *src = &policy->src, *dst = &policy->dst;
	struct xfrm_selector sel = { .family = family_of(src->af), .proto = src->proto };

	if (!pl_ts_is_valid(src) || !pl_ts_is_valid(dst) || src->af != dst->af ||
	    src->proto != dst->proto || !prefix_of(src, &sel.prefixlen_s) ||
	    !prefix_of(dst, &sel.prefixlen_d) || !pl_ts_port_mask(src, &sel.sport_mask) ||
	    !pl_ts_port_mask(dst, &sel.dport_mask))
		return PL_E_UNSUPPORTED;
	sel.sport = htons(src->lo_port);
	sel.dport = htons(dst->lo_port);
	sel.sport_mask = htons(sel.sport_mask);
	sel.dport_mask = htons(sel.dport_mask);
	memcpy(&sel.saddr, src->lo, pl_ts_size(src->af));
	memcpy(&sel.daddr, dst->lo, pl_ts_size(dst->af));
	*ret = sel;
	return 0;
}

static bool is_transport(const struct pl_policy *policy)
{
	return policy->mode == PL_MODE_TRANSPORT;
}

static int template_of(const struct pl_policy *policy, struct xfrm_user_tmpl *ret)
{
	struct xfrm_user_tmpl tmpl = {
		.id.proto = (uint8_t)policy->protocol, .family = family_of(policy->from.af),
		.reqid = policy->reqid,
		.mode = is_transport(policy) ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL,
		.aalgos = UINT32_MAX, .ealgos = UINT32_MAX, .calgos = UINT32_MAX,
	};

	if (policy->mode != PL_MODE_TUNNEL && !is_transport(policy))
		return PL_E_UNSUPPORTED;
	if (policy->from.af == PL_AF_NONE || policy->to.af != policy->from.af)
		return PL_E_UNAVAILABLE;
	memcpy(&tmpl.saddr, policy->from.bytes, pl_ts_size(policy->from.af));
	memcpy(&tmpl.id.daddr, policy->to.bytes, pl_ts_size(policy->to.af));
	*ret = tmpl;
	return 0;
}

static int put_rest(struct nlmsghdr *message, const struct pl_policy *policy, uint8_t dir,
		    const struct xfrm_selector *sel)
{
	struct xfrm_userpolicy_info info = {
		.sel = *sel, .priority = policy->priority, .dir = dir,
		.action = policy->is_blocking ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW,
		.share = XFRM_SHARE_ANY,
		.lft = {
			.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
			.soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
		},
	};
	struct xfrm_user_tmpl tmpl;
	int r = policy->is_blocking ? 0 : template_of(policy, &tmpl);

	if (r != 0)
		return r;
	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(info)), &info, sizeof(info));
	if (!policy->is_blocking)
		mnl_attr_put(message, XFRMA_TMPL, sizeof(tmpl), &tmpl);
	return 0;
}

int pl_policies_build(void *buf, const struct pl_policy *policy, uint8_t dir, bool is_end,
		      struct nlmsghdr **ret)
{
	struct xfrm_userpolicy_id id = { .dir = dir };
	struct nlmsghdr *message;
	int r = selector_of(policy, &id.sel);

	if (r != 0)
		return r;
	memset(buf, 0, PL_ASK_MAX);
	message = mnl_nlmsg_put_header(buf);
	message->nlmsg_type = is_end ? XFRM_MSG_DELPOLICY : XFRM_MSG_UPDPOLICY;
	if (is_end)
		memcpy(mnl_nlmsg_put_extra_header(message, sizeof(id)), &id, sizeof(id));
	else
		r = put_rest(message, policy, dir, &id.sel);
	if (r == 0)
		*ret = message;
	return r;
}

static int take(struct pl_ask *ask, const struct pl_policy *policy, uint8_t dir)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message;
	int r = pl_policies_build(buf, policy, dir, true, &message);

	if (r == 0)
		r = pl_ask(ask, message, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

static int put(struct pl_ask *ask, const struct pl_policy *policy, uint8_t dir, bool *ret_was_there)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message;
	int r = pl_policies_build(buf, policy, dir, false, &message);

	if (r != 0)
		return r;
	message->nlmsg_type = XFRM_MSG_NEWPOLICY;
	r = pl_ask(ask, message, NULL, NULL);
	*ret_was_there = r == -EEXIST;
	if (r != -EEXIST)
		return r;
	message->nlmsg_type = XFRM_MSG_UPDPOLICY;
	return pl_ask(ask, message, NULL, NULL);
}

int pl_policies_put(struct pl_ask *ask, const struct pl_policy *policy)
{
	bool was_there = false, unused;
	int r;

	if (policy->direction == PL_DIR_OUT)
		return put(ask, policy, XFRM_POLICY_OUT, &unused);
	r = put(ask, policy, XFRM_POLICY_IN, &was_there);
	if (r != 0)
		return r;
	/* what stood there before may have had one */
	if (is_transport(policy))
		return was_there ? take(ask, policy, XFRM_POLICY_FWD) : 0;
	r = put(ask, policy, XFRM_POLICY_FWD, &unused);
	if (r != 0 && !was_there)
		(void)!take(ask, policy, XFRM_POLICY_IN);
	return r;
}

/* Both, also when one of them fails. */
int pl_policies_take(struct pl_ask *ask, const struct pl_policy *policy)
{
	int in, fwd;

	if (policy->direction == PL_DIR_OUT)
		return take(ask, policy, XFRM_POLICY_OUT);
	in = take(ask, policy, XFRM_POLICY_IN);
	fwd = take(ask, policy, XFRM_POLICY_FWD);
	return in != 0 ? in : fwd;
}
