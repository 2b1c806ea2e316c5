/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_POLICIES_H
#define PL_POLICIES_H

#include "core/pl_ops.h"
#include "kernel/pl_socket_ask.h"

/**
 * pl_policies_put() - a policy is in force, in the place of its like
 * @ask:    of NETLINK_XFRM
 * @policy: what it says
 *
 * Return: 0; PL_E_UNSUPPORTED for what a policy cannot say; PL_E_UNAVAILABLE for a tunnel without
 * ends; the kernel's negative errno. After an error nothing is there that was not there before; of
 * two that were replaced the one for input may be the new one
 */
int pl_policies_put(struct pl_ask *ask, const struct pl_policy *policy) PL_MUST_USE;

/**
 * pl_policies_take() - it is gone
 * @ask:    of NETLINK_XFRM
 * @policy: direction and selectors of it; without one is fine
 *
 * Return: 0, PL_E_UNSUPPORTED or the kernel's negative errno
 */
int pl_policies_take(struct pl_ask *ask, const struct pl_policy *policy) PL_MUST_USE;

/**
 * pl_policies_build() - the message
 * @buf:    PL_ASK_MAX bytes
 * @policy: what it says
 * @dir:    XFRM_POLICY_IN, _OUT or _FWD
 * @is_end: that of its end; else of its update, which is that of its creation but for the type
 * @ret:    @buf
 *
 * Return: as pl_policies_put()
 */
int pl_policies_build(void *buf, const struct pl_policy *policy, uint8_t dir, bool is_end,
		      struct nlmsghdr **ret) PL_MUST_USE;

#endif
