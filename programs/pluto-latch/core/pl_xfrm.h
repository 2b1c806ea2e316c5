/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_XFRM_H
#define PL_XFRM_H

#include "core/pl_facts.h"
#include "core/pl_ts.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the kernel says about its SAs and policies (NETLINK_XFRM), whoever made them. A policy is
 * known to the kernel by direction, selectors, user, device, mark, if_id and type; an SA by
 * protocol, SPI, destination and mark.
 */

/**
 * struct pl_xfrm_mark - XFRMA_MARK; all zero is none
 */
struct pl_xfrm_mark {
	uint32_t value;
	uint32_t mask;
};

/**
 * struct pl_xfrm_sa - one SA
 * @protocol:  ESP, AH, IPComp or any other that the kernel keeps SAs for
 * @spi:       host order
 * @is_larval: without algorithms: it carries nothing yet
 * @from, @to: what it may carry: its selector, or its ends when that says nothing
 * @digest:    keyed, of what does not change in its life, keys and time of birth included; 0 of one
 *             that is gone, and of no other
 */
struct pl_xfrm_sa {
	uint8_t protocol;
	uint32_t spi;
	struct pl_address dst;
	struct pl_xfrm_mark mark;
	uint32_t reqid;
	bool is_larval;
	struct pl_ts from, to;
	uint64_t digest;
};

/* The uid in the selector of a policy that this daemon put for a latch. The kernel compares it, and
 * selects nothing by it: so such a policy stands beside one that selects the same packets, and is
 * known for ours wherever it is seen. Others have 0 there. */
#define PL_XFRM_OURS 0x6c617463u

/* The best priority that there is. */
#define PL_XFRM_FIRST 0u

/* What a policy does with the packets that it selects. */
enum pl_xfrm_effect {
	PL_XFRM_PASSES = 0,	/* in clear; also what demands no ESP and no AH */
	PL_XFRM_PROTECTS,
	PL_XFRM_DISCARDS,
};

/**
 * struct pl_xfrm_policy - one policy
 * @direction:  PL_DIR_NONE when it is not about packets of this host's sockets as such: forwarding,
 *              policies of single sockets
 * @src, @dst:  what it selects, or more
 * @is_partial: it selects less: part of a port range, a security label
 * @user:       PL_XFRM_OURS or whatever else is there
 * @ifindex:    of the device that it is for; 0 is any
 * @if_id:      of the xfrm interface that it is for; 0 is none
 * @type:       XFRM_POLICY_TYPE_MAIN (0) or _SUB
 * @priority:   lower wins
 * @reqid:      of PL_XFRM_PROTECTS: 0 is any SA
 */
struct pl_xfrm_policy {
	enum pl_direction direction;
	struct pl_ts src, dst;
	bool is_partial;
	uint32_t user, ifindex, if_id;
	struct pl_xfrm_mark mark;
	uint8_t type;
	uint32_t priority;
	enum pl_xfrm_effect effect;
	uint32_t reqid;
};

enum pl_xfrm_kind {
	PL_XFRM_NOTHING = 0,	/* of no concern */
	PL_XFRM_SA_NEW,		/* .sa: is there now, or says something else now */
	PL_XFRM_SA_GONE,	/* .sa */
	PL_XFRM_SA_FLUSH,	/* .protocol: all SAs of it are gone; 0 is every one */
	PL_XFRM_POLICY_NEW,	/* .policy: is there now, in the place of its like */
	PL_XFRM_POLICY_GONE,	/* .policy */
	PL_XFRM_POLICY_FLUSH,	/* .type: all policies of it are gone */
	PL_XFRM_MOVED,		/* to other addresses: ask for the list */
};

/**
 * struct pl_xfrm_change - one change, or one entry of a list
 * @is_expiry: the end of its life
 *
 * Nobody says who made it: the kernel repeats whatever number the one who did has chosen.
 */
struct pl_xfrm_change {
	enum pl_xfrm_kind kind;
	bool is_expiry;
	union {
		struct pl_xfrm_sa sa;
		struct pl_xfrm_policy policy;
		uint8_t protocol;
		uint8_t type;
	} u;
};

#endif
