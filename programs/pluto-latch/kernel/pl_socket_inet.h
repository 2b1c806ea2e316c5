/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_INET_H
#define PL_SOCKET_INET_H

#include "core/pl_tuple.h"

#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/* Sets of socket states: bits as the kernel numbers them. */
#define PL_INET_ANY_STATE 0xffffffffu
#define PL_INET_LISTEN (1u << 10)
/* Bound, neither connected nor listening: listed by kernels from 6.8, ignored by older ones. */
#define PL_INET_BOUND (1u << 13)

/**
 * struct pl_inet_socket - what sock_diag says of one socket
 * @tuple:       a v4-mapped end is IPv4; the remote end is zero without one
 * @cookie:      SO_COOKIE
 * @is_timewait: no socket any more: TIME_WAIT, or FIN_WAIT2 without an owner
 * @is_request:  not a socket yet: a SYN was answered
 * @is_listening: state LISTEN
 * @is_owned:    some process has it; not so before it is accepted, and after it was closed
 * @uid:         of whoever made it, when @is_owned
 * @is_v6_only:  IPV6_V6ONLY; known of sockets without a peer, false otherwise
 * @family:      of the socket: AF_INET or AF_INET6
 * @id:          for pl_inet_build_destroy()
 */
struct pl_inet_socket {
	struct pl_tuple tuple;
	uint64_t cookie;
	bool is_timewait, is_request, is_listening, is_v6_only, is_owned;
	uint32_t uid;
	uint8_t family;
	struct inet_diag_sockid id;
};

/**
 * pl_inet_build_get() - ask for the TCP socket that a packet of this connection would find
 * @buf:   PL_ASK_MAX bytes
 * @tuple: a connection, normal
 *
 * It may be another one: the listener, say. Sockets bound to a device are not found.
 *
 * Return: @buf
 */
struct nlmsghdr *pl_inet_build_get(void *buf, const struct pl_tuple *tuple);

/**
 * pl_inet_build_dump() - ask for a list
 * @buf:         PL_ASK_MAX bytes
 * @family:      AF_INET or AF_INET6, of the sockets
 * @proto:       of them
 * @local_port:  0 is any
 * @remote_port: 0 is any
 * @states:      a set
 *
 * Return: @buf
 */
struct nlmsghdr *pl_inet_build_dump(void *buf, uint8_t family, uint8_t proto, uint16_t local_port,
				    uint16_t remote_port, uint32_t states);

/**
 * pl_inet_build_destroy() - ask for the end of a socket
 * @buf:  PL_ASK_MAX bytes
 * @what: as found; its cookie is named, so that no other is hit
 *
 * Return: @buf
 */
struct nlmsghdr *pl_inet_build_destroy(void *buf, const struct pl_inet_socket *what);

/**
 * pl_inet_parse() - read one message of an answer
 * @message: complete, of any content
 * @proto:   that was asked for
 * @ret:     what it says
 *
 * Return: 0 or PL_E_MALFORMED
 */
int pl_inet_parse(const struct nlmsghdr *message, uint8_t proto,
		  struct pl_inet_socket *ret) PL_MUST_USE;

/**
 * pl_inet_holds() - this connection's tuple is taken by that socket
 * @socket: as parsed
 * @tuple:  a connection, normal
 *
 * Of SCTP the ports decide (peers have several addresses). Of a request the addresses are not
 * always known, and then likewise.
 */
bool pl_inet_holds(const struct pl_inet_socket *socket, const struct pl_tuple *tuple);

/**
 * pl_inet_overlaps() - this listener's port, on an address of it, is taken by that socket
 * @socket: as parsed
 * @tuple:  a 3-tuple, normal
 */
bool pl_inet_overlaps(const struct pl_inet_socket *socket, const struct pl_tuple *tuple);

#endif
