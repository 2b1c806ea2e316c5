/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TS_PIECES_H
#define PL_TS_PIECES_H

#include "core/pl_base.h"
#include "core/pl_ts.h"

#include <stdbool.h>

/* Policies of one direction that a child SA may need. Those of one pair of hosts form one list in
 * the kernel, which costs each packet about 10 ns per entry. */
#define PL_TS_PIECES_MAX 256

/**
 * struct pl_ts_piece - what one policy of the kernel selects
 * @local:  a subnet; of its ports all that agree in their upper bits: none of them, or all 16, or
 *          some; .proto is that of @remote
 * @remote: likewise
 */
struct pl_ts_piece {
	struct pl_ts local;
	struct pl_ts remote;
};

/**
 * pl_ts_pieces() - two lists of selectors as policies of the kernel
 * @local:  of one side
 * @remote: of the other
 * @limit:  pieces for which there is room in @ret; PL_TS_PIECES_MAX at most
 * @ret:    disjoint; their union is exactly @local x @remote
 * @ret_nr: how many
 *
 * Return: 0; PL_E_TOO_MANY; PL_E_UNSUPPORTED for what no policy selects: OPAQUE, or ports of a
 * protocol that has none; PL_E_CONFLICT when no packet is of both sides; PL_E_MALFORMED
 */
int pl_ts_pieces(const struct pl_ts_list *local, const struct pl_ts_list *remote, unsigned limit,
		 struct pl_ts_piece *ret, unsigned *ret_nr) PL_MUST_USE;

/**
 * pl_ts_pieces_are_plain() - one policy, of one port or all at each end
 * @pieces: of pl_ts_pieces()
 * @nr:     how many
 */
bool pl_ts_pieces_are_plain(const struct pl_ts_piece *pieces, unsigned nr);

/**
 * pl_ts_pieces_share_addresses() - they differ in ports or protocols alone
 * @pieces: of pl_ts_pieces()
 * @nr:     how many, at least one
 */
bool pl_ts_pieces_share_addresses(const struct pl_ts_piece *pieces, unsigned nr);

/**
 * pl_ts_port_mask() - the bits that the ports of a selector agree in
 * @ts:  a selector
 * @ret: 0 for any port, 0xffff for a single one
 *
 * Return: false when its ports are no such block
 */
bool pl_ts_port_mask(const struct pl_ts *ts, uint16_t *ret);

#endif
