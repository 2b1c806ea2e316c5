/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SELECTOR_H
#define PL_SELECTOR_H

#include "core/pl_base.h"
#include "core/pl_ts.h"

#include <stdbool.h>
#include <stdint.h>

/* Selectors that may be taken away at once. */
#define PL_SELECTOR_WHAT_MAX 128

/**
 * struct pl_protos - a set of IP protocols
 * @bits: protocol p is bit p % 8 of byte p / 8
 */
struct pl_protos {
	uint8_t bits[32];
};

/**
 * pl_protos_add() - put one protocol into the set
 * @protos: the set
 * @proto:  an IP protocol
 */
void pl_protos_add(struct pl_protos *protos, uint8_t proto);

/**
 * pl_protos_has() - is it there
 * @protos: the set
 * @proto:  an IP protocol
 */
bool pl_protos_has(const struct pl_protos *protos, uint8_t proto);

/**
 * pl_selector_intersect() - the packets of both
 * @a:   a selector
 * @b:   a selector
 * @ret: written only with true
 *
 * Of two selectors that is always one selector.
 *
 * Return: false when they share nothing, or one is invalid
 */
bool pl_selector_intersect(const struct pl_ts *a, const struct pl_ts *b, struct pl_ts *ret);

/*
 * The functions below take lists in any order, with overlaps and duplicates, and write the
 * canonical form: disjoint, merged, and sorted by family, first address, protocol and ports (OPAQUE
 * last). Lists of the same packets have the same canonical form, byte for byte. An empty list is no
 * packets. @ret may be one of the arguments.
 *
 * Return: 0; PL_E_MALFORMED for an invalid selector, or a list longer than it can be;
 * PL_E_TOO_MANY when the canonical form has more than @limit selectors (PL_TS_MAX at most). "All
 * protocols but TCP's port 80" is such a case: a selector names one protocol or all, and "all" has
 * no ports.
 */

/**
 * pl_selector_canonical() - the canonical form
 * @list:  selectors
 * @limit: see above
 * @ret:   see above
 */
int pl_selector_canonical(const struct pl_ts_list *list, unsigned limit,
			  struct pl_ts_list *ret) PL_MUST_USE;

/**
 * pl_selector_union() - the packets of either
 * @a:     selectors
 * @b:     selectors
 * @limit: see above
 * @ret:   see above
 */
int pl_selector_union(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit,
		      struct pl_ts_list *ret) PL_MUST_USE;

/**
 * pl_selector_meet() - the packets of both
 * @a:     selectors
 * @b:     selectors
 * @limit: see above
 * @ret:   see above
 */
int pl_selector_meet(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit,
		     struct pl_ts_list *ret) PL_MUST_USE;

/**
 * pl_selector_subtract() - the packets of @from that are none of @what
 * @from:    selectors
 * @what:    an array of selectors
 * @nr_what: how many, PL_SELECTOR_WHAT_MAX at most
 * @keep:    NULL, or the only protocols that get selectors of their own. Any other is kept where
 *           nothing is taken from any protocol, and is lost elsewhere
 * @limit:   see above
 * @ret:     see above
 */
int pl_selector_subtract(const struct pl_ts_list *from, const struct pl_ts *what, unsigned nr_what,
			 const struct pl_protos *keep, unsigned limit,
			 struct pl_ts_list *ret) PL_MUST_USE;

/**
 * pl_selector_contains() - every packet of @inner is one of @outer
 * @outer: selectors
 * @inner: selectors
 *
 * Unlike pl_ts_list_covers(), it takes several selectors that only together hold one. A list that
 * is invalid contains nothing, and is within nothing.
 */
bool pl_selector_contains(const struct pl_ts_list *outer, const struct pl_ts_list *inner);

#endif
