/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ROUTE_H
#define PL_ROUTE_H

#include "core/pl_tuple.h"
#include "kernel/pl_socket_ask.h"

#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/**
 * struct pl_route_query - where do packets of this socket go
 * @tuple:  normal; a local end of zeros is not known yet; without a remote end only @device counts
 * @device: that the socket is bound to, or 0
 * @mark:   SO_MARK
 * @uid:    of the socket
 * @tos:    IP_TOS or IPV6_TCLASS
 */
struct pl_route_query {
	struct pl_tuple tuple;
	uint32_t device, mark, uid;
	uint8_t tos;
};

/**
 * struct pl_route_way - what is said of the way
 * @is_virtual:      through an xfrm or vti interface, or a VRF
 * @is_encapsulated: the route wraps the packets
 * @is_peer_local:   the remote address is one of this host's
 * @source:          as of struct pl_route
 */
struct pl_route_way {
	bool is_virtual, is_encapsulated, is_peer_local;
	uint8_t source[16];
};

/**
 * struct pl_route - one answer of the kernel
 * @device:          out of which; 0 is none
 * @type:            RTN_UNICAST and such
 * @is_encapsulated: it has a lightweight tunnel
 * @source:          that packets would leave from; zero if it is not said
 */
struct pl_route {
	uint32_t device;
	uint8_t type;
	bool is_encapsulated;
	uint8_t source[16];
};

/**
 * pl_route_way() - find out
 * @ask:   of NETLINK_ROUTE
 * @query: about which socket
 * @ret:   the answer
 *
 * Return: 0; PL_E_UNSUPPORTED when the route says that the remote address is no single host;
 * PL_E_MALFORMED; negative errno: -ENETUNREACH and such without a route
 */
int pl_route_way(struct pl_ask *ask, const struct pl_route_query *query,
		 struct pl_route_way *ret) PL_MUST_USE;

/**
 * pl_route_device() - by which device is the local end of a forwarded connection reached
 * @tuple: normal
 * @ret:   its index
 *
 * Return: 0; PL_E_UNSUPPORTED when it is this host, or no single one; PL_E_MALFORMED; negative
 * errno
 */
int pl_route_device(const struct pl_tuple *tuple, uint32_t *ret) PL_MUST_USE;

/**
 * pl_route_build() - ask for the route
 * @buf:   PL_ASK_MAX bytes
 * @query: with a remote end
 *
 * Return: @buf
 */
struct nlmsghdr *pl_route_build(void *buf, const struct pl_route_query *query);

/**
 * pl_route_parse() - read the answer
 * @message: complete, of any content
 * @ret:     what it says
 *
 * Return: 0 or PL_E_MALFORMED
 */
int pl_route_parse(const struct nlmsghdr *message, struct pl_route *ret) PL_MUST_USE;

/**
 * pl_route_build_link() - ask for a device
 * @buf:    PL_ASK_MAX bytes
 * @device: its number
 *
 * Return: @buf
 */
struct nlmsghdr *pl_route_build_link(void *buf, uint32_t device);

/**
 * pl_route_parse_link() - read the answer
 * @message:        complete, of any content
 * @ret_is_virtual: it is of kind xfrm, vti or vrf, or a port of a VRF
 *
 * Return: 0 or PL_E_MALFORMED
 */
int pl_route_parse_link(const struct nlmsghdr *message, bool *ret_is_virtual) PL_MUST_USE;

/**
 * pl_route_build_addresses() - ask for the addresses of this host
 * @buf: PL_ASK_MAX bytes
 * @af:  PL_AF_IP4 or PL_AF_IP6
 *
 * Return: @buf
 */
struct nlmsghdr *pl_route_build_addresses(void *buf, uint8_t af);

/**
 * pl_route_parse_address() - read one of the answer
 * @message: complete, of any content
 * @af:      as asked for
 * @ret:     the address
 *
 * Return: 0 or PL_E_MALFORMED
 */
int pl_route_parse_address(const struct nlmsghdr *message, uint8_t af,
			   uint8_t ret[static 16]) PL_MUST_USE;

#endif
