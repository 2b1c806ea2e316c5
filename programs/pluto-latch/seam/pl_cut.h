/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CUT_H
#define PL_CUT_H

#include "core/pl_ops.h"
#include "core/pl_ts_pieces.h"

#include "connections.h"
#include "ip_selector.h"

/**
 * struct pl_cut_piece - a policy of pluto, and what it stands for
 * @local:  pluto's selectors, which hold one port or all; the last port of the block
 * @remote: likewise
 * @exact:  what the kernel's policy selects
 */
struct pl_cut_piece {
	ip_selector local, remote;
	struct pl_ts_piece exact;
};

/**
 * struct pl_cut - a connection that we narrowed
 * @conn:   its serial
 * @local:  what the answer says, in its order
 * @remote: likewise
 * @nr:     policies of each direction
 * @before: its selectors as pluto had them
 */
struct pl_cut {
	struct pl_cut *next;
	uint64_t conn;
	struct pl_ts_list local, remote;
	unsigned nr;
	struct pl_cut_piece *pieces;
	struct child_end_selectors before[END_ROOF];
};

/**
 * pl_cut_new() - note what a connection is narrowed to
 * @conn:   its serial; it has none yet
 * @nr:     pieces
 *
 * Return: to be filled; NULL without memory
 */
struct pl_cut *pl_cut_new(uint64_t conn, unsigned nr);

/**
 * pl_cut_find() - what is a connection narrowed to
 * @conn: its serial
 *
 * Return: NULL when it is not
 */
const struct pl_cut *pl_cut_find(uint64_t conn);

/**
 * pl_cut_piece() - what does a policy of pluto stand for
 * @conn:   serial of its connection
 * @local:  of our side
 * @remote: of the peer's
 *
 * Return: NULL when it selects what it says
 */
const struct pl_ts_piece *pl_cut_piece(uint64_t conn, const ip_selector *local,
				       const ip_selector *remote);

/**
 * pl_cut_enclose() - widen the selectors of an SA to all that its connection was narrowed to
 * @conn:   its serial; of one that was not narrowed nothing changes
 * @local:  of our side; the address stays
 * @remote: of the peer's
 */
void pl_cut_enclose(uint64_t conn, ip_selector *local, ip_selector *remote);

/**
 * pl_cut_drop() - the connection is not narrowed any more, or gone
 * @conn: its serial; others are ignored
 */
void pl_cut_drop(uint64_t conn);

/**
 * pl_cut_free() - at the end of the daemon
 */
void pl_cut_free(void);

#endif
