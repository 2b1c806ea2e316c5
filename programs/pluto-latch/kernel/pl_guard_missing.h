/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GUARD_MISSING_H
#define PL_GUARD_MISSING_H

#include "kernel/pl_netlink.h"
#include "kernel/pl_nft.h"

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

#endif
