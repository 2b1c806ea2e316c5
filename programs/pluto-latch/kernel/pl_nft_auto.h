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

/* The same, there with rules for what is forwarded: where every such packet goes, and errors about
 * such packets, on their way through this host and from it. */
#define PL_NFT_AUTO_FORWARD "auto_forward"
#define PL_NFT_AUTO_FORWARD_IN "auto_forward_in"
#define PL_NFT_AUTO_FORWARD_OUT "auto_forward_out"
#define PL_NFT_AUTO_ERRORS "auto_errors"
#define PL_NFT_AUTO_ERRORS_OUT "auto_errors_out"

/**
 * pl_nft_auto_build() - the rules of both chains
 * @batch: begun; has the chains
 * @af:    whose chains
 * @conf:  with automatic rules
 *
 * What is forwarded and matches no rule returns, and so do errors that no pin allows.
 *
 * What PL_NFT_AUTO_IN does not hold it accepts; what PL_NFT_AUTO_OUT does not hold returns.
 */
void pl_nft_auto_build(struct pl_nft_batch *batch, uint8_t af, const struct pl_conf *conf);

/**
 * pl_nft_auto_answer() - of what is broken and answered, the inner end's segments get a RST
 * @batch: begun; has the chain
 * @af:    of the chain
 * @chain: at prerouting, without the family in which its name ends
 *
 * Whatever else comes along goes on.
 */
void pl_nft_auto_answer(struct pl_nft_batch *batch, uint8_t af, const char *chain);

/**
 * pl_nft_auto_inwards() - no SA carries what goes to the inner end of a forwarded connection
 * @batch: as above
 * @af:    as above
 * @chain: at postrouting
 */
void pl_nft_auto_inwards(struct pl_nft_batch *batch, uint8_t af, const char *chain);

#endif
