/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NETLINK_H
#define PL_NETLINK_H

#include "core/pl_base.h"
#include "kernel/pl_nft.h"

#include <stdint.h>

struct mnl_socket;
struct nlmsghdr;

/**
 * struct pl_netlink_refusal - what the kernel has against a batch
 * @seq:    of the first message that failed
 * @offset: in it, in bytes, of the attribute to blame; 0 when the kernel does not say
 */
struct pl_netlink_refusal {
	uint32_t seq;
	uint32_t offset;
};

/**
 * pl_netlink_commit() - send a batch and wait for what became of it
 * @socket: of NETLINK_NETFILTER; with NETLINK_EXT_ACK, or there are no offsets
 * @batch:  ended
 * @ret:    all zero unless a message was refused
 *
 * The kernel has answered when sendmsg() returns; nothing is waited for.
 *
 * Return: 0 when all of it is in force; else nothing changed: the negative errno of its first
 * message that failed
 */
int pl_netlink_commit(struct mnl_socket *socket, const struct pl_nft_batch *batch,
		      struct pl_netlink_refusal *ret) PL_MUST_USE;

/**
 * pl_netlink_dump() - ask for a list
 * @socket:  as above
 * @request: complete, with NLM_F_DUMP
 * @see:     called with each message; what it returns other than 0 ends it and is handed up
 * @ctx:     for it
 *
 * Return: 0; -EINTR when the list changed meanwhile and must be asked for again; negative errno
 */
int pl_netlink_dump(struct mnl_socket *socket, const struct nlmsghdr *request,
		    int (*see)(void *ctx, const struct nlmsghdr *message), void *ctx) PL_MUST_USE;

/**
 * pl_netlink_bind() - bind to a port that is not the process id
 * @socket: of any family
 * @groups: to listen to
 *
 * The kernel would give the first socket of a process its pid as port, and pluto, which comes
 * later, insists on that one (NETLINK_ROUTE and NETLINK_XFRM).
 *
 * Return: 0, or -1 and errno
 */
int pl_netlink_bind(struct mnl_socket *socket, unsigned groups) PL_MUST_USE;

#endif
