/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_READ_H
#define PL_NFT_READ_H

#include "kernel/pl_nft_table.h"

struct mnl_socket;

/*
 * Questions to nf_tables. @seq: the number of the question, and then of the next one.
 */

/**
 * pl_nft_read_generation() - every transaction of anybody makes a new one
 *
 * Return: 0; a negative errno: -EINVAL without nf_tables
 */
int pl_nft_read_generation(struct mnl_socket *socket, uint32_t *seq, uint32_t *ret) PL_MUST_USE;

/**
 * pl_nft_read_table() - is our table there?
 *
 * Return: 0; PL_E_NOT_FOUND, also without nf_tables; a negative errno
 */
int pl_nft_read_table(struct mnl_socket *socket, uint32_t *seq) PL_MUST_USE;

/**
 * pl_nft_read_set() - all elements of a set
 *
 * The kernel passes over what it showed before, message by message: a list of 100,000 elements
 * costs more than to add them.
 *
 * Return: 0; -ENOENT without the set; -EINTR when somebody changed something meanwhile; what
 * @visit said; PL_E_MALFORMED for a key of another make; a negative errno
 */
int pl_nft_read_set(struct mnl_socket *socket, uint32_t *seq, enum pl_nft_set set, uint8_t af,
		    pl_nft_visit *visit, void *ctx) PL_MUST_USE;

/**
 * pl_nft_read_element() - one by its key, however many there are
 *
 * Return: as pl_nft_read_set(); -ENOENT also when it is not there
 */
int pl_nft_read_element(struct mnl_socket *socket, uint32_t *seq, enum pl_nft_set set,
			const struct pl_tuple *tuple, pl_nft_visit *visit, void *ctx) PL_MUST_USE;

/**
 * pl_nft_read_counters() - packets dropped
 * @ret: by enum pl_nft_counter; what is not there is 0
 *
 * Return: 0; PL_E_UNAVAILABLE without a table; a negative errno
 */
int pl_nft_read_counters(struct mnl_socket *socket, uint32_t *seq,
			 uint64_t ret[static PL_NFT_COUNTER_ROOF]) PL_MUST_USE;

#endif
