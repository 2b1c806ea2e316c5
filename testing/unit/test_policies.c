/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies with a block of ports, as messages: read with the decoder that reads what comes from the
 * kernel, and where that does not look, field by field.
 */

#include "kernel/pl_policies.h"

#include "core/pl_xfrm.h"
#include "kernel/pl_xfrm_decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

static const uint8_t key[16] = { 1 };
static uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));

static struct pl_policy policy_of(uint8_t af)
{
	struct pl_policy policy = {
		.direction = PL_DIR_OUT, .priority = 1360064, .protocol = PL_PROTO_ESP,
		.mode = PL_MODE_TUNNEL, .reqid = 0x40000005,
		.src = { .af = af, .proto = 6, .lo_port = 4096, .hi_port = 8191,
			 .lo = { 192, 0, 2, 4 }, .hi = { 192, 0, 2, 7 } },
		.dst = { .af = af, .proto = 6, .hi_port = 65535,
			 .lo = { 192, 0, 2, 1 }, .hi = { 192, 0, 2, 1 } },
		.from = { .af = PL_AF_IP4, .bytes = { 198, 51, 100, 2 } },
		.to = { .af = PL_AF_IP4, .bytes = { 198, 51, 100, 1 } },
	};

	if (af == PL_AF_IP6)
		memset(policy.src.hi + 4, 0xff, 12);
	return policy;
}

static struct nlmsghdr *build(const struct pl_policy *policy, uint8_t dir, bool is_end)
{
	struct nlmsghdr *message;

	assert_int_equal(pl_policies_build(buf, policy, dir, is_end, &message), 0);
	assert_in_range(message->nlmsg_len, 0, PL_ASK_MAX);
	return message;
}

static void the_kernel_selects_exactly_the_block(void **state)
{
	static const uint8_t families[] = { PL_AF_IP4, PL_AF_IP6 };

	(void)state;
	for (size_t i = 0; i < sizeof(families); i++) {
		struct pl_policy policy = policy_of(families[i]);
		struct nlmsghdr *message = build(&policy, XFRM_POLICY_OUT, false);
		struct pl_xfrm_change change;

		assert_int_equal(message->nlmsg_type, XFRM_MSG_UPDPOLICY);
		assert_int_equal(pl_xfrm_decode(message, message->nlmsg_len, key, &change), 0);
		assert_int_equal(change.kind, PL_XFRM_POLICY_NEW);
		assert_true(pl_ts_is_equal(&change.u.policy.src, &policy.src));
		assert_true(pl_ts_is_equal(&change.u.policy.dst, &policy.dst));
		assert_int_equal(change.u.policy.direction, PL_DIR_OUT);
		assert_int_equal(change.u.policy.user, 0);
		assert_false(change.u.policy.is_partial);
		assert_int_equal(change.u.policy.priority, 1360064);
		assert_int_equal(change.u.policy.effect, PL_XFRM_PROTECTS);
		assert_int_equal(change.u.policy.reqid, 0x40000005);
	}
}

static void its_end_names_the_same_policy(void **state)
{
	struct pl_policy policy = policy_of(PL_AF_IP6);
	struct xfrm_userpolicy_info info;
	struct xfrm_userpolicy_id id;
	struct nlmsghdr *message;

	(void)state;
	memcpy(&info, mnl_nlmsg_get_payload(build(&policy, XFRM_POLICY_IN, false)), sizeof(info));
	message = build(&policy, XFRM_POLICY_IN, true);
	assert_int_equal(message->nlmsg_type, XFRM_MSG_DELPOLICY);
	memcpy(&id, mnl_nlmsg_get_payload(message), sizeof(id));
	assert_memory_equal(&id.sel, &info.sel, sizeof(id.sel));
	assert_int_equal(id.dir, info.dir);
	assert_int_equal(id.index, 0);
}

/* not by our own decoder: what the kernel reads */
static void ports_are_a_value_and_a_mask(void **state)
{
	struct pl_policy policy = policy_of(PL_AF_IP4);
	struct xfrm_userpolicy_info info;

	(void)state;
	memcpy(&info, mnl_nlmsg_get_payload(build(&policy, XFRM_POLICY_FWD, false)), sizeof(info));
	assert_int_equal(info.dir, XFRM_POLICY_FWD);
	assert_int_equal(ntohs(info.sel.sport), 4096);
	assert_int_equal(ntohs(info.sel.sport_mask), 0xf000);
	assert_int_equal(info.sel.dport, 0);
	assert_int_equal(info.sel.dport_mask, 0);
	assert_int_equal(info.sel.prefixlen_s, 30);
	assert_int_equal(info.sel.prefixlen_d, 32);
	assert_int_equal(info.sel.proto, 6);
	assert_int_equal(info.action, XFRM_POLICY_ALLOW);
	assert_true(info.lft.hard_byte_limit == XFRM_INF && info.lft.soft_byte_limit == XFRM_INF &&
		    info.lft.hard_packet_limit == XFRM_INF &&
		    info.lft.soft_packet_limit == XFRM_INF);
}

static void it_leads_into_the_tunnel(void **state)
{
	struct pl_policy policy = policy_of(PL_AF_IP6);
	const struct nlattr *attr;
	struct xfrm_user_tmpl tmpl;
	unsigned nr = 0;

	(void)state;
	mnl_attr_for_each(attr, build(&policy, XFRM_POLICY_IN, false),
			  sizeof(struct xfrm_userpolicy_info)) {
		assert_int_equal(mnl_attr_get_type(attr), XFRMA_TMPL);
		memcpy(&tmpl, mnl_attr_get_payload(attr), sizeof(tmpl));
		nr++;
	}
	assert_int_equal(nr, 1);
	assert_int_equal(tmpl.mode, XFRM_MODE_TUNNEL);
	assert_int_equal(tmpl.optional, 0);
	assert_int_equal(tmpl.id.proto, IPPROTO_ESP);
	assert_int_equal(tmpl.reqid, 0x40000005);
	assert_int_equal(tmpl.family, AF_INET);
	assert_memory_equal(&tmpl.saddr, policy.from.bytes, 4);
	assert_memory_equal(&tmpl.id.daddr, policy.to.bytes, 4);
	assert_true(tmpl.aalgos == UINT32_MAX && tmpl.ealgos == UINT32_MAX);
}

static void in_transport_mode_it_leads_into_no_tunnel(void **state)
{
	struct pl_policy policy = policy_of(PL_AF_IP4);
	struct xfrm_user_tmpl tmpl = { .mode = XFRM_MODE_TUNNEL };
	const struct nlattr *attr;
	struct nlmsghdr *message;

	(void)state;
	policy.mode = PL_MODE_TRANSPORT;
	mnl_attr_for_each(attr, build(&policy, XFRM_POLICY_IN, false),
			  sizeof(struct xfrm_userpolicy_info))
		memcpy(&tmpl, mnl_attr_get_payload(attr), sizeof(tmpl));
	assert_int_equal(tmpl.mode, XFRM_MODE_TRANSPORT);
	policy.mode = PL_MODE_NONE;
	assert_int_equal(pl_policies_build(buf, &policy, XFRM_POLICY_IN, false, &message),
			 PL_E_UNSUPPORTED);
	policy.mode = PL_MODE_IPTFS;
	assert_int_equal(pl_policies_build(buf, &policy, XFRM_POLICY_IN, false, &message),
			 PL_E_UNSUPPORTED);
}

static void what_blocks_has_no_template(void **state)
{
	struct pl_policy policy = policy_of(PL_AF_IP4);
	struct pl_xfrm_change change;
	struct nlmsghdr *message;

	(void)state;
	policy.is_blocking = true;
	policy.from.af = policy.to.af = PL_AF_NONE;
	message = build(&policy, XFRM_POLICY_OUT, false);
	assert_int_equal(message->nlmsg_len, NLMSG_SPACE(sizeof(struct xfrm_userpolicy_info)));
	assert_int_equal(pl_xfrm_decode(message, message->nlmsg_len, key, &change), 0);
	assert_int_equal(change.u.policy.effect, PL_XFRM_DISCARDS);
}

static void what_cannot_be_said_is_not_widened(void **state)
{
	struct nlmsghdr *message;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct pl_policy policy = policy_of(PL_AF_IP4);

		if (i == 0)
			policy.src.hi_port--;
		else if (i == 1)
			policy.src.hi[3]--;
		else if (i == 2)
			policy.src.lo[3]--;
		else if (i == 3)
			policy.dst.proto = 17;
		else if (i == 4)
			policy.dst.af = PL_AF_IP6;
		else
			policy.to.af = PL_AF_NONE;
		assert_int_equal(pl_policies_build(buf, &policy, XFRM_POLICY_OUT, false, &message),
				 i == 5 ? PL_E_UNAVAILABLE : PL_E_UNSUPPORTED);
	}
}

/* A kernel that holds a policy of each direction, or none, and fails when it is told to. */
static struct {
	unsigned there;		/* bits of directions */
	unsigned calls, fail_at;
} kernel;

int __wrap_pl_ask(struct pl_ask *ask, struct nlmsghdr *request, pl_ask_see *see, void *ctx);

int __wrap_pl_ask(struct pl_ask *ask, struct nlmsghdr *request, pl_ask_see *see, void *ctx)
{
	const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(request);
	const struct xfrm_userpolicy_id *id = mnl_nlmsg_get_payload(request);
	bool is_end = request->nlmsg_type == XFRM_MSG_DELPOLICY;
	unsigned bit = 1u << (is_end ? id->dir : info->dir);

	(void)ask;
	(void)see;
	(void)ctx;
	if (++kernel.calls == kernel.fail_at)
		return -ENOMEM;
	if (is_end && !(kernel.there & bit))
		return -ENOENT;
	if (request->nlmsg_type == XFRM_MSG_NEWPOLICY && (kernel.there & bit))
		return -EEXIST;
	kernel.there = is_end ? kernel.there & ~bit : kernel.there | bit;
	return 0;
}

enum { IN = 1 << XFRM_POLICY_IN, OUT = 1 << XFRM_POLICY_OUT, FWD = 1 << XFRM_POLICY_FWD };

static int put(enum pl_direction direction, unsigned there, unsigned fail_at)
{
	struct pl_policy policy = policy_of(PL_AF_IP4);
	struct pl_ask ask = { .seq = 0 };

	policy.direction = direction;
	kernel.there = there;
	kernel.calls = 0;
	kernel.fail_at = fail_at;
	return pl_policies_put(&ask, &policy);
}

static void of_what_is_put_in_part_nothing_stays(void **state)
{
	(void)state;
	assert_int_equal(put(PL_DIR_IN, 0, 0), 0);
	assert_int_equal(kernel.there, IN | FWD);
	for (unsigned fail_at = 1; fail_at <= 2; fail_at++) {
		assert_int_equal(put(PL_DIR_IN, 0, fail_at), -ENOMEM);
		assert_int_equal(kernel.there, 0);
	}
	assert_int_equal(put(PL_DIR_OUT, 0, 1), -ENOMEM);
	assert_int_equal(kernel.there, 0);
	/* somebody else's for forwarding is nothing that we put */
	assert_int_equal(put(PL_DIR_IN, FWD, 2), -ENOMEM);
	assert_int_equal(kernel.there, FWD);
}

static void what_was_there_is_replaced_and_never_taken(void **state)
{
	(void)state;
	assert_int_equal(put(PL_DIR_OUT, OUT, 0), 0);
	assert_int_equal(kernel.there, OUT);
	assert_int_equal(put(PL_DIR_IN, IN | FWD, 0), 0);
	assert_int_equal(kernel.calls, 4);
	for (unsigned fail_at = 1; fail_at <= 4; fail_at++) {
		assert_int_equal(put(PL_DIR_IN, IN | FWD, fail_at), -ENOMEM);
		assert_int_equal(kernel.there, IN | FWD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_selects_exactly_the_block),
		cmocka_unit_test(its_end_names_the_same_policy),
		cmocka_unit_test(ports_are_a_value_and_a_mask),
		cmocka_unit_test(it_leads_into_the_tunnel),
		cmocka_unit_test(in_transport_mode_it_leads_into_no_tunnel),
		cmocka_unit_test(what_blocks_has_no_template),
		cmocka_unit_test(what_cannot_be_said_is_not_widened),
		cmocka_unit_test(of_what_is_put_in_part_nothing_stays),
		cmocka_unit_test(what_was_there_is_replaced_and_never_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
