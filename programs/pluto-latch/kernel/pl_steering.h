/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_STEERING_H
#define PL_STEERING_H

#include "core/pl_ops.h"
#include "kernel/pl_socket_ask.h"

/**
 * pl_steering_operations() - struct pl_steer_ops, carried out by NETLINK_XFRM; their context is a
 * struct pl_ask of it
 */
const struct pl_steer_ops *pl_steering_operations(void);

/**
 * pl_steering_build_put() - a policy, in the place of its like
 * @buf:   PL_ASK_MAX bytes
 * @steer: what it says
 * @way:   PL_DIR_IN or PL_DIR_OUT
 * @ret:   @buf
 *
 * Return: 0; PL_E_UNSUPPORTED for a mode that has no template of ours; PL_E_UNAVAILABLE for a
 * tunnel whose ends are not known
 */
int pl_steering_build_put(void *buf, const struct pl_steer *steer, enum pl_direction way,
			  struct nlmsghdr **ret) PL_MUST_USE;

/**
 * pl_steering_build_take() - its end
 * @buf:   PL_ASK_MAX bytes
 * @tuple: of the connection
 * @way:   PL_DIR_IN or PL_DIR_OUT
 *
 * Return: @buf
 */
struct nlmsghdr *pl_steering_build_take(void *buf, const struct pl_tuple *tuple,
					enum pl_direction way);

/**
 * pl_steering_build_sweep() - the end of one of a list
 * @buf:     PL_ASK_MAX bytes
 * @message: of a list of policies, of any content
 *
 * Return: @buf; NULL when @message is no policy of ours
 */
struct nlmsghdr *pl_steering_build_sweep(void *buf, const struct nlmsghdr *message);

#endif
