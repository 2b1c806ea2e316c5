/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GUARD_MISSING_H
#define PL_GUARD_MISSING_H

#include "kernel/pl_netlink.h"
#include "kernel/pl_nft.h"

#include <stdbool.h>

/**
 * pl_guard_missing_in() - what the kernel lacks that refused to build the table
 * @batch:   with the table and its rules, as it was sent
 * @error:   negative errno, what became of it
 * @refusal: the message and the bytes that the kernel blames
 *
 * Return: a sentence that names the option of the kernel and its module, or NULL when the error
 * has another reason
 */
const char *pl_guard_missing_in(const struct pl_nft_batch *batch, int error,
				const struct pl_netlink_refusal *refusal);

/**
 * pl_guard_refuses_owner() - is it the owner of the table that the kernel does not know
 * @batch:   with the table, as it was sent
 * @error:   what became of it, 0 included
 * @refusal: as above
 *
 * It knows both flags, of a table that is owned and stays without its owner, since Linux 6.9.
 */
bool pl_guard_refuses_owner(const struct pl_nft_batch *batch, int error,
			    const struct pl_netlink_refusal *refusal);

#endif
