/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GUARD_LEFT_H
#define PL_GUARD_LEFT_H

#include "kernel/pl_guard_mirror.h"

#include <stddef.h>

struct mnl_socket;

/**
 * struct pl_guard_left - flows and listeners that a predecessor left; all zero is none
 */
struct pl_guard_left {
	struct pl_guard_item *items;
	size_t nr, room;
};

/**
 * pl_guard_left_read() - what the kernel guards, and the mirror does not know
 * @socket: of NETLINK_NETFILTER
 * @seq:    number of the question, and then of the next one
 * @mirror: without pins
 * @ret:    all zero; freed with pl_guard_left_free(), whatever is returned
 *
 * A set that is not there has nothing. Our table is there.
 *
 * Return: 0; -ENOMEM; as pl_nft_read_set()
 */
int pl_guard_left_read(struct mnl_socket *socket, uint32_t *seq, const struct pl_mirror *mirror,
		       struct pl_guard_left *ret) PL_MUST_USE;

/**
 * pl_guard_left_free() - all zero again
 * @left: any
 */
void pl_guard_left_free(struct pl_guard_left *left);

#endif
