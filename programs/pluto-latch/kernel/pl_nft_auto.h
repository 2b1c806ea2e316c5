/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_AUTO_H
#define PL_NFT_AUTO_H

#include "core/pl_conf.h"
#include "kernel/pl_nft.h"

/* The queue of held packets, in the network namespace of the daemon. */
enum { PL_NFT_QUEUE = 5660 };

/* Chains, without the family in which their names end: where a packet that is to be accepted by a
 * listener goes, and one that leaves this host. */
#define PL_NFT_AUTO_IN "auto_in"
#define PL_NFT_AUTO_OUT "auto_out"

/**
 * pl_nft_auto_build() - the rules of both chains
 * @batch: begun; has the chains
 * @af:    whose chains
 * @conf:  with automatic rules
 *
 * What PL_NFT_AUTO_IN does not hold it accepts; what PL_NFT_AUTO_OUT does not hold returns.
 */
void pl_nft_auto_build(struct pl_nft_batch *batch, uint8_t af, const struct pl_conf *conf);

#endif
