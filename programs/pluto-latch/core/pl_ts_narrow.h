/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TS_NARROW_H
#define PL_TS_NARROW_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_ts.h"
#include "core/pl_tuple.h"

#include <stdbool.h>

/* Stock pluto takes no payload of more selectors. */
#define PL_TS_NARROW_SELECTORS 15

/* Latches that one proposal is narrowed for; with more conflicts it is not. */
#define PL_TS_NARROW_FLOWS_MAX 1024

/* What goes for a flow; more only where less leaves nothing, or too many selectors. */
enum pl_ts_grain {
	PL_TS_GRAIN_NONE = 0,
	PL_TS_GRAIN_PORT,		/* its port, and OPAQUE beside it */
	PL_TS_GRAIN_RANGE,	/* from the lowest to the highest of its address and protocol */
	PL_TS_GRAIN_PROTOCOL,	/* its protocol at its address */
	PL_TS_GRAIN_ADDRESS,	/* its address */
	PL_TS_GRAIN_BLOCK,	/* from the lowest to the highest address */
	PL_TS_GRAIN_SELECTOR,	/* every selector of the proposal that holds its end */
	PL_TS_GRAIN_FIRST,	/* all but the first selectors */
	PL_TS_GRAIN_ROOF,
};

/**
 * struct pl_ts_narrowed - what is left of a proposal
 * @tsi:     canonical (core/pl_selector.h), never empty
 * @tsr:     likewise
 * @grain:   what was cut for each flow
 * @cut_tsi: for how many flows TSi was cut; not filled with PL_TS_GRAIN_FIRST
 * @cut_tsr: likewise
 */
struct pl_ts_narrowed {
	struct pl_ts_list tsi;
	struct pl_ts_list tsr;
	enum pl_ts_grain grain;
	unsigned cut_tsi;
	unsigned cut_tsr;
};

/**
 * pl_ts_narrow() - TSi x TSr minus these flows (design D5)
 * @role:  ours: TSi is the initiator's end
 * @tsi:   as proposed, the first selector first
 * @tsr:   likewise
 * @flows: connections that an SA of the result must not touch (pl_tuple_is_touched()); those that
 *         the proposal does not touch change nothing
 * @nr:    how many
 * @limit: selectors that each side of the result may have; at least 1
 * @ret:   the same for the same arguments
 *
 * The result is within the proposal and touches none of the flows. It contains the first selector
 * of TSi and that of TSr, which stand for the packet that made the initiator ask (RFC 7296 section
 * 2.9), unless they touch a flow themselves, or no packet is of both.
 *
 * It is maximal: with PL_TS_GRAIN_PORT nothing of the proposal can be added to one side without
 * touching a flow, but for this: where a selector of all protocols is cut by less than an address,
 * ICMP, TCP, UDP, SCTP and the protocols that the proposal names remain, and others do not. With
 * the other grains but PL_TS_GRAIN_FIRST that holds for pieces of their size.
 *
 * Return: 0; PL_E_CONFLICT when nothing can be left; PL_E_TOO_MANY when what may be left cannot
 * be said with @limit selectors, or for more than PL_TS_NARROW_FLOWS_MAX flows; PL_E_MALFORMED for
 * an empty or invalid list, without a role, or with limit 0
 */
int pl_ts_narrow(enum pl_role role, const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
		 const struct pl_tuple *flows, unsigned nr, unsigned limit,
		 struct pl_ts_narrowed *ret) PL_MUST_USE;

/**
 * pl_ts_grain_name() - "port", "protocol", ...
 * @grain: a grain
 */
const char *pl_ts_grain_name(enum pl_ts_grain grain);

#endif
