/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONNTRACK_H
#define PL_CONNTRACK_H

#include "core/pl_tuple.h"
#include "kernel/pl_socket_ask.h"

#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/**
 * pl_conntrack_is_translated() - does this host's NAT change the packets of a connection
 * @ask:   of NETLINK_NETFILTER; one that is not open is fine where there is no conntrack
 * @tuple: a connection, normal
 * @ret:   the answer; not so without an entry, and without conntrack
 *
 * Entries of conntrack zones other than the default are not seen.
 *
 * Return: 0; PL_E_MALFORMED; negative errno
 */
int pl_conntrack_is_translated(struct pl_ask *ask, const struct pl_tuple *tuple,
			       bool *ret) PL_MUST_USE;

/**
 * pl_conntrack_is_idle() - have packets of a connection been neither seen nor waited for lately
 * @ask:   of NETLINK_NETFILTER
 * @tuple: a connection, normal
 * @ret:   so when there is no entry of it; for how long entries are kept is conntrack's affair
 *         (net.netfilter.nf_conntrack_udp_timeout and such)
 *
 * Return: 0; PL_E_MALFORMED; negative errno, also without conntrack
 */
int pl_conntrack_is_idle(struct pl_ask *ask, const struct pl_tuple *tuple, bool *ret) PL_MUST_USE;

/**
 * pl_conntrack_build() - ask for the entry that packets of one direction find
 * @buf:        PL_ASK_MAX bytes
 * @tuple:      a connection, normal
 * @is_inbound: which direction
 *
 * Return: @buf
 */
struct nlmsghdr *pl_conntrack_build(void *buf, const struct pl_tuple *tuple, bool is_inbound);

/**
 * pl_conntrack_parse() - read the answer
 * @message: complete, of any content
 * @ret:     enum ip_conntrack_status
 *
 * Return: 0 or PL_E_MALFORMED
 */
int pl_conntrack_parse(const struct nlmsghdr *message, uint32_t *ret) PL_MUST_USE;

#endif
