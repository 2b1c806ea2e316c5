/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_REROUTE_H
#define PL_REROUTE_H

#include "kernel/pl_socket_ask.h"

/**
 * pl_reroute() - all sockets of this network namespace look up their way anew
 * @ask: of NETLINK_XFRM
 *
 * Return: 0 when whatever is sent from now on was; -EINVAL of a kernel before 5.15; other negative
 * errno
 */
int pl_reroute(struct pl_ask *ask) PL_MUST_USE;

#endif
