/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_TABLE_H
#define PL_NFT_TABLE_H

#include "core/pl_conf.h"
#include "kernel/pl_nft.h"

#include <stdint.h>

/* Counters of dropped packets: direction, and which rule. */
enum pl_nft_counter {
	PL_NFT_IN_UNPINNED = 1,
	PL_NFT_IN_TRANSLATED,
	PL_NFT_IN_FRAGMENT,
	PL_NFT_IN_ICMP,
	PL_NFT_IN_BIRTH,
	PL_NFT_OUT_UNPINNED,
	PL_NFT_OUT_TRANSLATED,
	PL_NFT_OUT_FRAGMENT,
	PL_NFT_OUT_ICMP,
	PL_NFT_OUT_BIRTH,
	PL_NFT_FORWARD_UNPINNED,
	PL_NFT_FORWARD_TRANSLATED,
	PL_NFT_FORWARD_FRAGMENT,
	PL_NFT_FORWARD_ICMP,
	PL_NFT_COUNTER_ROOF,
};

/**
 * pl_nft_counter_name() - what the kernel calls it: "in_unpinned"
 * @counter: which
 *
 * Return: NULL for what is no counter
 */
const char *pl_nft_counter_name(enum pl_nft_counter counter);

/* Parts of the table, each for one hole; a test shows the hole by leaving its part out. */
enum pl_nft_part {
	PL_NFT_PART_PIN = 1 << 0,
	PL_NFT_PART_TRANSLATED = 1 << 1,
	PL_NFT_PART_FRAGMENT = 1 << 2,
	PL_NFT_PART_ICMP_IN = 1 << 3,
	PL_NFT_PART_ICMP_OUT = 1 << 4,
	PL_NFT_PART_BIRTH = 1 << 5,		/* only a listener's SAs begin a connection */
	PL_NFT_PART_BORN = 1 << 6,		/* and only that SA goes on with it */
	PL_NFT_PART_FAST_OPEN = 1 << 7,		/* no payload on a SYN */
	PL_NFT_PART_FORWARD = 1 << 8,
	PL_NFT_PART_HIDDEN = 1 << 9,		/* ports behind options or headers */
	PL_NFT_PART_ASSOCIATION = 1 << 10,	/* SCTP's ports, from wherever */
	PL_NFT_PART_OWNER = 1 << 11,		/* nobody else removes it; from Linux 6.9 on */
	PL_NFT_PART_ALL = (1 << 12) - 1,
};

/**
 * pl_nft_part_find() - a part by its name
 * @name: pin, translated, fragment, icmp-in, icmp-out, birth, born, fast-open, forward,
 *        hidden, association, owner
 *
 * Return: the part, or 0
 */
unsigned pl_nft_part_find(const char *name);

/**
 * pl_nft_table_remove() - the table is gone, if there was one
 * @batch: gets the messages
 */
void pl_nft_table_remove(struct pl_nft_batch *batch);

/**
 * pl_nft_table_try_owner() - another table, owned and gone in one transaction: nothing changes
 * @batch: gets the messages
 *
 * The kernel knows both flags since Linux 6.9; the flags that it does not know it refuses with
 * EOPNOTSUPP, or EINVAL if it is old.
 */
void pl_nft_table_try_owner(struct pl_nft_batch *batch);

/**
 * pl_nft_table_build() - replace whatever table there is by ours, without elements
 * @batch: begun; elements may follow in it
 * @parts: set of enum pl_nft_part; anything but PL_NFT_PART_ALL is for tests
 * @born_timeout_ms: how long the birth of a connection is remembered after its last packet
 * @conf:  whose automatic rules are carried out; may be NULL
 */
void pl_nft_table_build(struct pl_nft_batch *batch, unsigned parts, uint64_t born_timeout_ms,
			const struct pl_conf *conf);

/**
 * pl_nft_table_renew() - our rules in the table that is there, which goes on blocking what it does
 * @batch: begun; elements may follow in it
 *
 * For the rest as pl_nft_table_build(). Flows, listeners, pairs and ports that are there stay;
 * nothing that lets packets pass does. So no packet meets a table that guards less than before, and
 * nothing has to be read first. A table of another make is refused: other keys, hooks or flags.
 */
void pl_nft_table_renew(struct pl_nft_batch *batch, unsigned parts, uint64_t born_timeout_ms,
			const struct pl_conf *conf);

#endif
