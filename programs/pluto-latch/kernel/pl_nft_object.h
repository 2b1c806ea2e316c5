/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_OBJECT_H
#define PL_NFT_OBJECT_H

#include "kernel/pl_nft.h"

#include <stdint.h>

/* What becomes of an object. */
enum pl_nft_put {
	PL_NFT_PUT_IF_NONE = 1,	/* one of that name may be there, and then has to be alike */
	PL_NFT_PUT_NEW,		/* none may be there */
	PL_NFT_TAKE,		/* it is there, and goes */
};

/**
 * pl_nft_put_table() - a table of family inet
 * @batch: gets the message
 * @put:   any
 * @name:  of the table
 * @flags: NFT_TABLE_F_...; NULL: what it has, if it is there
 */
void pl_nft_put_table(struct pl_nft_batch *batch, enum pl_nft_put put, const char *name,
		      const uint32_t *flags);

/**
 * pl_nft_put_set() - a set of our table, without elements if it is new
 * @batch:      gets the message
 * @put:        any; to take it, no rule may use it
 * @set:        which
 * @af:         of its addresses
 * @timeout_ms: of its elements, which packets then add; 0: neither
 */
void pl_nft_put_set(struct pl_nft_batch *batch, enum pl_nft_put put, enum pl_nft_set set,
		    uint8_t af, uint64_t timeout_ms);

/**
 * pl_nft_put_counter() - a counter of our table; it begins at 0 if it is new
 * @batch: gets the message
 * @put:   any; to take it, no rule may use it
 * @name:  of the counter
 */
void pl_nft_put_counter(struct pl_nft_batch *batch, enum pl_nft_put put, const char *name);

/**
 * pl_nft_put_chain() - a chain that others jump to, if there is none
 * @batch: gets the message
 * @name:  of the chain
 */
void pl_nft_put_chain(struct pl_nft_batch *batch, const char *name);

/**
 * pl_nft_put_base() - a chain that packets go through, if there is none
 * @batch:    gets the message
 * @name:     of the chain
 * @hook:     NF_INET_...
 * @priority: among others there
 */
void pl_nft_put_base(struct pl_nft_batch *batch, const char *name, uint32_t hook,
		     int32_t priority);

/**
 * pl_nft_take_rules() - all chains of our table are empty
 * @batch: gets the message
 */
void pl_nft_take_rules(struct pl_nft_batch *batch);

#endif
