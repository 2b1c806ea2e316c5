/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_READ_H
#define PL_SOCKET_READ_H

#include "core/pl_ops.h"

#include <stdint.h>

/**
 * struct pl_socket_way - what a socket says about the way of its packets
 * @device: that it is bound to, or 0
 * @mark:   SO_MARK
 * @uid:    whose it is
 * @tos:    of what it sends
 * @nr_local: of SCTP: addresses of this end
 * @local:  as many of them as there is room for
 */
struct pl_socket_way {
	uint32_t device, mark, uid;
	uint8_t tos;
	unsigned nr_local;
	struct pl_address local[PL_ENDS_MAX];
};

/**
 * pl_socket_netns() - which network namespace a socket is of
 * @fd:  a socket of any kind
 * @ret: equal for sockets of the same
 *
 * Return: 0; PL_E_NOT_INTERNET when it is no socket; PL_E_UNSUPPORTED for an old kernel; negative
 * errno
 */
int pl_socket_netns(int fd, uint64_t *ret) PL_MUST_USE;

/**
 * pl_socket_read() - what a socket says itself; changes nothing about it
 * @fd:      of any kind
 * @netns:   ours
 * @ret:     all facts but @is_virtual, @is_translated and @is_peer_local, which stay false
 * @ret_way: for finding out about those; zero unless the socket can be latched otherwise
 *
 * When the socket is of another network namespace, no internet socket, or MPTCP, that alone is
 * said, and its cookie. Then nothing else need be known. Of MPTCP that fell back the cookie is that
 * of the MPTCP socket, which no list of sockets has.
 *
 * Return: 0; PL_E_NOT_INTERNET when it is no socket; PL_E_UNSUPPORTED when the kernel is too old
 * to say a fact; negative errno
 */
int pl_socket_read(int fd, uint64_t netns, struct pl_socket_facts *ret,
		   struct pl_socket_way *ret_way) PL_MUST_USE;

/**
 * pl_socket_is_mptcp() - this socket was made as MPTCP, whatever became of it
 * @fd:  an internet socket
 * @ret: the answer
 *
 * Return: 0 or a negative errno
 */
int pl_socket_is_mptcp(int fd, bool *ret) PL_MUST_USE;

#endif
