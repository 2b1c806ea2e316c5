/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONFLICT_H
#define PL_CONFLICT_H

#include "core/pl_facts.h"
#include "core/pl_params.h"
#include "core/pl_tuple.h"

/**
 * struct pl_sa_view - an SA as a latch sees it; borrows everything
 * @child:  serial of the child SA, 0 for a foreign one
 * @role:   ours in the exchange that made it
 * @tsi:    selectors as installed
 * @tsr:    likewise
 * @params: NULL when they cannot be judged; it then conflicts with whatever it touches
 * @allowed: suites that its connection allows; may be NULL
 * @nr_allowed: how many
 */
struct pl_sa_view {
	uint64_t child;
	enum pl_role role;
	const struct pl_ts_list *tsi;
	const struct pl_ts_list *tsr;
	const struct pl_params *params;
	const struct pl_suite *allowed;
	unsigned nr_allowed;
};

/**
 * struct pl_conflict_rules - what the administrator chose (design D4)
 * @match:             peer-match
 * @may_differ_in_qop: same-peer-qop = pin: an SA of the same peer and of other protection may exist
 *                     beside, because the flow is pinned to its own
 */
struct pl_conflict_rules {
	enum pl_peer_match match;
	bool may_differ_in_qop;
};

enum pl_conflict {
	PL_CONFLICT_NONE = 0,
	PL_CONFLICT_BESIDE,	/* none, but the flow must not use this SA */
	PL_CONFLICT_BREAK,
};

#define PL_CONFLICT_TEXT_MAX 512

/**
 * struct pl_conflict_report - why
 * @verdict: of the SA that decided
 * @child:   its serial
 * @diff:    set of enum pl_diff
 * @text:    for people, naming both peers; what peers chose is quoted
 */
struct pl_conflict_report {
	enum pl_conflict verdict;
	uint64_t child;
	unsigned diff;
	char text[PL_CONFLICT_TEXT_MAX];
};

/**
 * pl_sa_view_of() - view a child SA that pluto is about to install
 * @fact:         PL_FACT_CHILD_INSTALL; must outlive the view
 * @lineage:      of its IKE SA (struct pl_peer)
 * @is_id_fixed:  likewise
 * @params:       room for its parameters; must outlive the view
 * @ret:          the view
 */
void pl_sa_view_of(const struct pl_fact *fact, uint64_t lineage, bool is_id_fixed,
		   struct pl_params *params, struct pl_sa_view *ret);

/**
 * pl_conflict_judge() - may this SA exist beside this latch (K31)
 * @tuple:   of the latch; a listener conflicts with nothing
 * @latched: its parameters
 * @sa:      the SA
 * @rules:   what the administrator chose
 * @ret:     may be NULL; else written always
 *
 * Return: enum pl_conflict
 */
enum pl_conflict pl_conflict_judge(const struct pl_tuple *tuple, const struct pl_params *latched,
				   const struct pl_sa_view *sa,
				   const struct pl_conflict_rules *rules,
				   struct pl_conflict_report *ret);

/**
 * struct pl_wish - what the one who asks for a latch wants
 * @require:    the least protection
 * @is_narrow:  by an SA of just this connection (K20)
 * @suite:      of that SA (K21); all zero is any
 * @is_wanted:  protection was asked for: also where the SPD lets packets by (K55)
 * @peer:       of pl_peer_id_read(); NULL is anybody
 */
struct pl_wish {
	struct pl_require require;
	bool is_narrow;
	struct pl_suite suite;
	bool is_wanted;
	const char *peer;
};

/**
 * pl_conflict_birth() - may a connection be latched to the SAs that are there (K31, L15)
 * @tuple:  of the connection
 * @wish:   what is wanted
 * @sas:    all that touch the tuple, and possibly others
 * @nr_sas: how many
 * @rules:  what the administrator chose
 * @ret:    the parameters to latch; borrows the identity
 * @report: written with PL_E_CONFLICT
 *
 * Return: 0; PL_E_NO_SA when none carries the whole flow under known parameters; PL_E_WRONG_PEER
 * when the one that does is of another peer than is wanted; PL_E_CONFLICT; PL_E_WEAK
 */
int pl_conflict_birth(const struct pl_tuple *tuple, const struct pl_wish *wish,
		      const struct pl_sa_view *sas, unsigned nr_sas,
		      const struct pl_conflict_rules *rules, struct pl_params *ret,
		      struct pl_conflict_report *report) PL_MUST_USE;

#endif
