/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policies for just one connection, as messages: what goes to the kernel is read with the decoder
 * that reads what comes from it, and where that does not look, field by field.
 */

#include "kernel/pl_steering.h"

#include "core/pl_xfrm.h"
#include "kernel/pl_xfrm_decode.h"

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

static struct pl_steer steer_of(uint8_t af, enum pl_mode mode)
{
	struct pl_steer steer = {
		.tuple = { .af = af, .proto = PL_TUPLE_TCP, .local_port = 4000,
			   .remote_port = 32800, .local = { 192, 0, 2, 2 },
			   .remote = { 192, 0, 2, 1 } },
		.protocol = PL_PROTO_ESP, .mode = mode, .reqid = 0x40000005,
		.local = { .af = PL_AF_IP4, .bytes = { 198, 51, 100, 2 } },
		.remote = { .af = PL_AF_IP4, .bytes = { 198, 51, 100, 1 } },
	};

	return steer;
}

static struct pl_xfrm_policy put(const struct pl_steer *steer, enum pl_direction way,
				 struct xfrm_user_tmpl *ret)
{
	struct pl_xfrm_change change;
	struct nlmsghdr *message;
	const struct nlattr *attr;
	unsigned nr = 0;

	assert_int_equal(pl_steering_build_put(buf, steer, way, &message), 0);
	assert_int_equal(message->nlmsg_type, XFRM_MSG_UPDPOLICY);
	assert_in_range(message->nlmsg_len, 0, PL_ASK_MAX);
	assert_int_equal(pl_xfrm_decode(message, message->nlmsg_len, key, &change), 0);
	assert_int_equal(change.kind, PL_XFRM_POLICY_NEW);
	mnl_attr_for_each(attr, message, sizeof(struct xfrm_userpolicy_info)) {
		assert_int_equal(mnl_attr_get_type(attr), XFRMA_TMPL);
		assert_int_equal(mnl_attr_get_payload_len(attr), sizeof(*ret));
		memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
		nr++;
	}
	assert_int_equal(nr, 1);
	return change.u.policy;
}

/* the kernel's own value: nothing expires, nothing is for a device or a mark */
static void lasts(const void *message)
{
	struct xfrm_userpolicy_info info;

	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	assert_true(info.lft.hard_byte_limit == XFRM_INF && info.lft.soft_byte_limit == XFRM_INF &&
		    info.lft.hard_packet_limit == XFRM_INF &&
		    info.lft.soft_packet_limit == XFRM_INF);
	assert_int_equal(info.lft.hard_add_expires_seconds + info.lft.soft_add_expires_seconds, 0);
	assert_int_equal(info.lft.hard_use_expires_seconds + info.lft.soft_use_expires_seconds, 0);
	assert_int_equal(info.sel.user, PL_XFRM_OURS);
	assert_int_equal(info.action, XFRM_POLICY_ALLOW);
	assert_int_equal(info.index, 0);
}

static void a_policy_is_for_exactly_the_connection_and_first_of_all_K38(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pl_steer steer = steer_of(i == 0 ? PL_AF_IP4 : PL_AF_IP6,
							 PL_MODE_TUNNEL);
		struct pl_ts local, remote;

		pl_tuple_selectors(&steer.tuple, &local, &remote);
		for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
			bool is_out = way == PL_DIR_OUT;
			struct xfrm_user_tmpl tmpl;
			struct pl_xfrm_policy policy = put(&steer, way, &tmpl);

			assert_int_equal(policy.direction, way);
			assert_true(pl_ts_is_equal(&policy.src, is_out ? &local : &remote));
			assert_true(pl_ts_is_equal(&policy.dst, is_out ? &remote : &local));
			assert_false(policy.is_partial);
			assert_int_equal(policy.user, PL_XFRM_OURS);
			assert_int_equal(policy.priority, 0);
			assert_int_equal(policy.effect, PL_XFRM_PROTECTS);
			assert_int_equal(policy.reqid, 0x40000005);
			assert_int_equal(policy.ifindex + policy.if_id + policy.mark.mask +
					 policy.type, 0);
			lasts(buf);
		}
	}
}

static void its_template_is_the_SA_s_K38(void **state)
{
	struct pl_steer steer = steer_of(PL_AF_IP6, PL_MODE_TUNNEL);
	struct xfrm_user_tmpl tmpl;

	(void)state;
	put(&steer, PL_DIR_OUT, &tmpl);
	assert_int_equal(tmpl.mode, XFRM_MODE_TUNNEL);
	assert_int_equal(tmpl.family, AF_INET);	/* of the outside */
	assert_int_equal(tmpl.id.proto, IPPROTO_ESP);
	assert_int_equal(tmpl.id.spi, 0);
	assert_int_equal(tmpl.optional, 0);
	assert_int_equal(tmpl.aalgos & tmpl.ealgos & tmpl.calgos, UINT32_MAX);
	assert_memory_equal(&tmpl.saddr, steer.local.bytes, 4);
	assert_memory_equal(&tmpl.id.daddr, steer.remote.bytes, 4);
	put(&steer, PL_DIR_IN, &tmpl);
	assert_memory_equal(&tmpl.saddr, steer.remote.bytes, 4);
	assert_memory_equal(&tmpl.id.daddr, steer.local.bytes, 4);
	/* of transport mode its ends are the connection's */
	steer.mode = PL_MODE_TRANSPORT;
	steer.protocol = PL_PROTO_AH;
	put(&steer, PL_DIR_OUT, &tmpl);
	assert_int_equal(tmpl.mode, XFRM_MODE_TRANSPORT);
	assert_int_equal(tmpl.family, AF_INET6);
	assert_int_equal(tmpl.id.proto, IPPROTO_AH);
	assert_memory_equal(&tmpl.saddr, steer.tuple.local, 16);
	assert_memory_equal(&tmpl.id.daddr, steer.tuple.remote, 16);
}

static void what_has_no_template_is_refused_K37(void **state)
{
	struct pl_steer steer = steer_of(PL_AF_IP4, PL_MODE_IPTFS);
	struct nlmsghdr *message;

	(void)state;
	assert_int_equal(pl_steering_build_put(buf, &steer, PL_DIR_OUT, &message),
			 PL_E_UNSUPPORTED);
	steer.mode = PL_MODE_TUNNEL;
	steer.remote.af = PL_AF_NONE;
	assert_int_equal(pl_steering_build_put(buf, &steer, PL_DIR_OUT, &message),
			 PL_E_UNAVAILABLE);
	steer = steer_of(PL_AF_IP4, PL_MODE_TUNNEL);
	steer.local.af = PL_AF_NONE;
	assert_int_equal(pl_steering_build_put(buf, &steer, PL_DIR_OUT, &message),
			 PL_E_UNAVAILABLE);
}

static void its_end_names_the_same_policy_K17(void **state)
{
	struct pl_steer steer = steer_of(PL_AF_IP4, PL_MODE_TUNNEL);
	struct xfrm_userpolicy_info info;
	struct xfrm_userpolicy_id id;
	struct xfrm_user_tmpl tmpl;

	(void)state;
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct nlmsghdr *message;

		put(&steer, way, &tmpl);
		memcpy(&info, mnl_nlmsg_get_payload((void *)buf), sizeof(info));
		message = pl_steering_build_take(buf, &steer.tuple, way);
		assert_int_equal(message->nlmsg_type, XFRM_MSG_DELPOLICY);
		assert_int_equal(message->nlmsg_len, NLMSG_LENGTH(sizeof(id)));
		memcpy(&id, mnl_nlmsg_get_payload(message), sizeof(id));
		assert_memory_equal(&id.sel, &info.sel, sizeof(id.sel));
		assert_int_equal(id.dir, info.dir);
		assert_int_equal(id.index, 0);
	}
}

static void a_sweep_takes_ours_and_no_other_K39(void **state)
{
	static uint8_t again[PL_ASK_MAX] __attribute__((aligned(8)));
	struct pl_steer steer = steer_of(PL_AF_IP4, PL_MODE_TUNNEL);
	struct xfrm_userpolicy_info *info;
	struct nlmsghdr *message, *end;
	struct xfrm_userpolicy_id id;
	size_t size;

	(void)state;
	assert_int_equal(pl_steering_build_put(buf, &steer, PL_DIR_IN, &message), 0);
	/* an order is no list */
	assert_null(pl_steering_build_sweep(again, message));
	message->nlmsg_type = XFRM_MSG_NEWPOLICY;
	end = pl_steering_build_sweep(again, message);
	assert_non_null(end);
	info = mnl_nlmsg_get_payload(message);
	memcpy(&id, mnl_nlmsg_get_payload(end), sizeof(id));
	assert_memory_equal(&id.sel, &info->sel, sizeof(id.sel));
	assert_int_equal(id.dir, XFRM_POLICY_IN);
	size = message->nlmsg_len;
	message->nlmsg_len = NLMSG_LENGTH(sizeof(*info)) - 1;
	assert_null(pl_steering_build_sweep(again, message));
	message->nlmsg_len = (uint32_t)size;
	info->sel.user = 0;
	assert_null(pl_steering_build_sweep(again, message));
	info->sel.user = PL_XFRM_OURS + 1;
	assert_null(pl_steering_build_sweep(again, message));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_is_for_exactly_the_connection_and_first_of_all_K38),
		cmocka_unit_test(its_template_is_the_SA_s_K38),
		cmocka_unit_test(what_has_no_template_is_refused_K37),
		cmocka_unit_test(its_end_names_the_same_policy_K17),
		cmocka_unit_test(a_sweep_takes_ours_and_no_other_K39),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
