/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_ENDS_H
#define PL_SOCKET_ENDS_H

#include "core/pl_ops.h"
#include "kernel/pl_socket_ask.h"

struct nlmsghdr;

/**
 * pl_ends_parse() - the addresses in one message of sock_diag about SCTP
 * @message: complete, of any content
 * @ret:     .cookie is not written
 *
 * Return: 0; PL_E_NOT_FOUND when it is about a socket and not its association; PL_E_MALFORMED
 */
int pl_ends_parse(const struct nlmsghdr *message, struct pl_ends *ret) PL_MUST_USE;

/**
 * pl_ends_hold() - this connection is between two of the addresses
 * @ends:  as parsed
 * @tuple: normal
 */
bool pl_ends_hold(const struct pl_ends *ends, const struct pl_tuple *tuple);

/**
 * pl_ends_find() - ends of struct pl_socket_ops
 * @ask:    of NETLINK_SOCK_DIAG
 * @tuple:  a connection, normal
 * @cookie: of the socket; 0 is any
 * @ret:    the answer
 *
 * Return: 0; PL_E_NOT_FOUND; PL_E_UNSUPPORTED when the kernel has no list of SCTP; PL_E_MALFORMED;
 * negative errno
 */
int pl_ends_find(struct pl_ask *ask, const struct pl_tuple *tuple, uint64_t cookie,
		 struct pl_ends *ret) PL_MUST_USE;

#endif
