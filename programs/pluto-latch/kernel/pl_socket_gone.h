/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_GONE_H
#define PL_SOCKET_GONE_H

#include "core/pl_ops.h"
#include "core/pl_tuple.h"
#include "kernel/pl_socket_ask.h"
#include "kernel/pl_socket_inet.h"
#include "kernel/pl_socket_seen.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pl_inet - who is asked about other people's sockets; a value that borrows
 * @ask:       of NETLINK_SOCK_DIAG
 * @seen:      sockets that were connected
 * @has_bound: the kernel lists TCP sockets that are bound only
 */
struct pl_inet {
	struct pl_ask *ask;
	struct pl_seen *seen;
	bool has_bound;
};

/**
 * pl_inet_has_bound() - what a new struct pl_inet should say
 * @ask: of NETLINK_SOCK_DIAG
 * @ret: does this kernel list bound sockets
 *
 * Return: 0 or a negative errno
 */
int pl_inet_has_bound(struct pl_ask *ask, bool *ret) PL_MUST_USE;

/**
 * pl_inet_find() - the socket that holds a connection, in any state
 * @inet:   whom to ask
 * @tuple:  a connection, normal
 * @cookie: of the one that is wanted if there are several; 0 is any
 * @ret:    that one; else a socket before what is left of one
 *
 * Return: 0; PL_E_NOT_FOUND; PL_E_UNSUPPORTED when the kernel has no list of this protocol;
 * PL_E_MALFORMED; negative errno
 */
int pl_inet_find(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie,
		 struct pl_inet_socket *ret) PL_MUST_USE;

/**
 * pl_inet_is_gone() - is_gone of struct pl_socket_ops
 * @inet:   whom to ask
 * @tuple:  normal
 * @cookie: of the socket; 0 is unknown
 * @ret:    the answer
 *
 * Return: 0; PL_E_UNSUPPORTED when the kernel has no list of this protocol; PL_E_MALFORMED;
 * negative errno
 */
int pl_inet_is_gone(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie,
		    bool *ret) PL_MUST_USE;

/**
 * pl_inet_came() - came of struct pl_socket_ops
 * @inet:  whom to ask
 * @tuple: a 3-tuple of TCP, normal
 * @visit: called for each
 * @ctx:   for @visit
 *
 * Return: as above, or what @visit returned
 */
int pl_inet_came(struct pl_inet *inet, const struct pl_tuple *tuple, pl_socket_see *visit,
		 void *ctx) PL_MUST_USE;

/**
 * pl_inet_holders() - holders of struct pl_socket_ops
 * @inet:   whom to ask
 * @tuple:  a 3-tuple, normal
 * @cookie: of the listener's socket
 * @uid:    of its owner
 * @is_all: sockets that have a peer are foreign, too
 * @ret:    the answer
 *
 * Before Linux 6.8, TCP sockets that are bound and nothing else are not seen.
 *
 * Return: as above
 */
int pl_inet_holders(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie,
		    uint32_t uid, bool is_all, struct pl_holders *ret) PL_MUST_USE;

#endif
