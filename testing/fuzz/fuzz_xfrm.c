/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: what the kernel says about SAs and policies, into the mirrors. The input is messages
 * one behind the other; the decoder, the mirrors and their judgement must hold.
 *
 * Asserted: selectors are valid, so that the mirrors find them again; what is gone no longer
 * breaks.
 */

#include "core/pl_ksad.h"
#include "core/pl_spd.h"
#include "kernel/pl_xfrm_decode.h"

#include <assert.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pl_tuple tuple = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 32800,
	.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
};

static void take_policy(struct pl_spd *spd, const struct pl_xfrm_change *change)
{
	const struct pl_xfrm_policy *policy = &change->u.policy;
	enum pl_direction way;

	if (policy->direction != PL_DIR_NONE)
		assert(pl_ts_is_valid(&policy->src) && pl_ts_is_valid(&policy->dst));
	if (change->kind == PL_XFRM_POLICY_NEW)
		assert(pl_spd_kernel_new(spd, policy) == 0);
	else
		pl_spd_kernel_gone(spd, policy);
	(void)pl_spd_judge(spd, &tuple, NULL, 0, &way);
}

static void take_sa(struct pl_ksad *ksad, const struct pl_xfrm_change *change)
{
	const struct pl_xfrm_sa *sa = &change->u.sa;
	size_t before = pl_ksad_count(ksad, true);
	uint64_t child;

	assert(pl_ts_is_valid(&sa->from) && pl_ts_is_valid(&sa->to));
	/* Of one that is gone nobody asks. */
	assert((sa->digest != 0) == (change->kind == PL_XFRM_SA_NEW));
	if (change->kind == PL_XFRM_SA_NEW) {
		assert(pl_ksad_kernel_new(ksad, sa, &child) == 0);
		assert(pl_ksad_count(ksad, true) - before <= 1);
	} else {
		pl_ksad_kernel_gone(ksad, sa, change->is_expiry);
		assert(before - pl_ksad_count(ksad, true) <= 1);
	}
	(void)pl_ksad_foreign(ksad, &tuple, NULL, 0);
}

static void take(struct pl_spd *spd, struct pl_ksad *ksad, const struct pl_xfrm_change *change)
{
	switch (change->kind) {
	case PL_XFRM_POLICY_NEW:
	case PL_XFRM_POLICY_GONE:
		take_policy(spd, change);
		break;
	case PL_XFRM_SA_NEW:
	case PL_XFRM_SA_GONE:
		take_sa(ksad, change);
		break;
	case PL_XFRM_POLICY_FLUSH:
		pl_spd_kernel_flush(spd, change->u.type);
		break;
	case PL_XFRM_SA_FLUSH:
		pl_ksad_kernel_flush(ksad, change->u.protocol);
		assert(change->u.protocol != 0 || pl_ksad_count(ksad, true) == 0);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[16];
	struct pl_spd *spd = pl_spd_new();
	struct pl_ksad *ksad = pl_ksad_new();

	while (size >= sizeof(struct nlmsghdr)) {
		struct pl_xfrm_change change;
		struct nlmsghdr header;
		uint8_t *copy = malloc(size);
		size_t len;

		/* aligned, and with nothing behind */
		memcpy(copy, data, size);
		if (pl_xfrm_decode(copy, size, key, &change) == 0)
			take(spd, ksad, &change);
		free(copy);
		memcpy(&header, data, sizeof(header));
		len = NLMSG_ALIGN((size_t)header.nlmsg_len);
		if (len < sizeof(header) || len > size)
			break;
		data += len;
		size -= len;
	}
	pl_spd_free(spd);
	pl_ksad_free(ksad);
	return 0;
}
