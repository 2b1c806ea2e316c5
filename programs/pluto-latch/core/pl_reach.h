/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_REACH_H
#define PL_REACH_H

#include "core/pl_facts.h"
#include "core/pl_ts.h"
#include "core/pl_tuple.h"

#include <bsd/sys/tree.h>
#include <stddef.h>
#include <stdint.h>

/* One end of a connection as a string of bits: family, address, protocol, port. */
enum { PL_REACH_BYTES = 20, PL_REACH_BITS = 8 * PL_REACH_BYTES };

/**
 * struct pl_place - a prefix of the remote end, and one of the local end; compared as bytes
 * @bits:   their lengths
 * @prefix: zero behind @bits
 */
struct pl_place {
	uint8_t bits[2];
	uint8_t prefix[2][PL_REACH_BYTES];
};

/**
 * struct pl_reach - what the selectors of one SA or policy have in common; part of whoever it is of
 * @number: tells those of one place apart; the owner's to choose
 * @place:  what they have in common
 */
struct pl_reach {
	RB_ENTRY(pl_reach) link;
	uint64_t number;
	struct pl_place place;
};

/* An index of what may touch a connection; zero is an empty one. */
RB_HEAD(pl_reach_tree, pl_reach);

/**
 * typedef pl_reach_visit - one that was found
 * @ctx:   of the caller
 * @reach: must not be taken out during the call, nor any other
 *
 * Return: 0 to go on; anything else ends the search and is handed up
 */
typedef int pl_reach_visit(void *ctx, struct pl_reach *reach);

/**
 * pl_reach_make() - the reach of an SA
 * @role:   ours in the exchange that made it
 * @tsi:    its selectors
 * @tsr:    likewise
 * @number: see there
 * @ret:    not in any index yet
 *
 * What pl_tuple_is_touched() cannot judge reaches everything.
 */
void pl_reach_make(enum pl_role role, const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
		   uint64_t number, struct pl_reach *ret);

/**
 * pl_reach_between() - the reach of what has one selector for each end
 * @local:  at this end
 * @remote: at the other
 * @number: see there
 * @ret:    not in any index yet
 */
void pl_reach_between(const struct pl_ts *local, const struct pl_ts *remote, uint64_t number,
		      struct pl_reach *ret);

/**
 * pl_reach_insert() - into the index
 * @tree:  the index; no other in it has the same prefixes and number
 * @reach: stays where it is in memory
 */
void pl_reach_insert(struct pl_reach_tree *tree, struct pl_reach *reach);

/**
 * pl_reach_remove() - out of the index
 * @tree:  the index
 * @reach: in it
 */
void pl_reach_remove(struct pl_reach_tree *tree, struct pl_reach *reach);

/**
 * pl_reach_search() - whatever may touch a connection, and little else
 * @tree:      the index
 * @tuple:     of the connection
 * @visit:     called once for each; has to ask pl_tuple_is_touched() itself
 * @ctx:       for @visit
 * @ret_steps: how many were looked at; may be NULL
 *
 * Return: 0, or what @visit returned
 */
int pl_reach_search(const struct pl_reach_tree *tree, const struct pl_tuple *tuple,
		    pl_reach_visit *visit, void *ctx, size_t *ret_steps);

/**
 * pl_reach_same() - those of the same prefixes, in the order of numbers
 * @tree:  the index
 * @like:  need not be in it
 * @after: the last one that was seen, or NULL
 *
 * Return: the next one, or NULL
 */
struct pl_reach *pl_reach_same(const struct pl_reach_tree *tree, const struct pl_reach *like,
			       struct pl_reach *after);

#endif
