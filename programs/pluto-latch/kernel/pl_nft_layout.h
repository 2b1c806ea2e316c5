/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_LAYOUT_H
#define PL_NFT_LAYOUT_H

#include "kernel/pl_nft.h"

#include <stdbool.h>

/**
 * struct pl_nft_layout - which fields a key has besides the local address and the protocol
 * @has_remote:     the remote address, and its port if there are ports
 * @has_local_port: ports
 * @has_reqid:      at the end
 * @is_reqid_twice: the key is a reqid and that reqid again, and nothing else
 * @is_port_block:  the key is the first port of the local port's block, and nothing else
 * @is_map:         leads to PL_NFT_LEADS bytes: a reqid and that reqid again, no part of the key
 */
struct pl_nft_layout {
	bool has_remote;
	bool has_local_port;
	bool has_reqid;
	bool is_reqid_twice;
	bool is_port_block;
	bool is_map;
};

/* Of what a map leads to. Twice, for the sake of `nft list`: see pl_nft_rule_born_so(). */
enum { PL_NFT_LEADS = 8 };

/**
 * pl_nft_layout_of() - of the keys of a set
 * @set: which
 */
const struct pl_nft_layout *pl_nft_layout_of(enum pl_nft_set set);

#endif
