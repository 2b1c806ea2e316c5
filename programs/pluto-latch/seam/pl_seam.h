/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SEAM_H
#define PL_SEAM_H

#include "core/pl_engine.h"
#include "core/pl_facts.h"

struct child_sa;
struct connection;
struct event_base;
struct ike_sa;
struct logger;
struct pl_daemon;
struct state;

/**
 * pl_seam_engine() - the daemon's engine
 *
 * Return: NULL before init_kernel() and after the end; ask nothing then: refuse
 */
struct pl_engine *pl_seam_engine(void);

/**
 * pl_seam_daemon() - what carries out
 *
 * Return: NULL when pl_seam_engine() is
 */
struct pl_daemon *pl_seam_daemon(void);

/**
 * pl_seam_identities() - where identities of this daemon are interned
 *
 * Return: NULL when pl_seam_engine() is
 */
struct pl_identity_pool *pl_seam_identities(void);

/**
 * pl_seam_note() - hand a fact that nobody can refuse to the engine
 * @fact: the fact
 */
void pl_seam_note(const struct pl_fact *fact);

/**
 * pl_seam_heeds() - whether anybody wants a fact
 * @kind: its kind
 *
 * Return: false: it need not be made
 */
bool pl_seam_heeds(enum pl_fact_kind kind);

/*
 * A fact is large, and there are many of them in a rekey. What these write is all but the member of
 * the union, which the caller writes completely when the kind has one.
 */

/**
 * pl_seam_fact() - a fact about no connection
 * @kind: its kind
 * @ret:  written but for .u
 */
void pl_seam_fact(enum pl_fact_kind kind, struct pl_fact *ret);

/**
 * pl_seam_fact_of_conn() - a fact about a connection
 * @kind: its kind
 * @c:    the connection, not NULL
 * @ret:  written but for .u
 */
void pl_seam_fact_of_conn(enum pl_fact_kind kind, const struct connection *c, struct pl_fact *ret);

/**
 * pl_seam_fact_of_state() - a fact about an IKE or child SA; identity included
 * @kind: its kind
 * @st:   the SA; a larval successor in an IKE rekey counts as child of its predecessor
 * @ret:  written but for .u
 */
void pl_seam_fact_of_state(enum pl_fact_kind kind, const struct state *st, struct pl_fact *ret);

/**
 * pl_seam_fact_of_logger() - a fact for which pluto hands us nothing but a logger
 * @kind:   its kind
 * @logger: names the SA it belongs to, or none
 * @ret:    written but for .u
 */
void pl_seam_fact_of_logger(enum pl_fact_kind kind, const struct logger *logger,
			    struct pl_fact *ret);

/**
 * pl_seam_child_facts() - a child SA's facts
 * @child: the child SA
 * @ret:   completely written
 */
void pl_seam_child_facts(const struct child_sa *child, struct pl_child_facts *ret);

/**
 * pl_seam_child_reqid() - those of the facts of a child SA that its connection's reqid is in
 * @child: the child SA
 * @ret:   .conn.reqid and .u.child.reqid are written
 */
void pl_seam_child_reqid(const struct child_sa *child, struct pl_fact *ret);

/**
 * pl_seam_no_selectors() - facts about selectors, before there are any
 * @ret: no selectors, and nothing is so
 */
void pl_seam_no_selectors(struct pl_ts_facts *ret);

/**
 * pl_seam_copy_text() - text into a fact, cut where it does not fit
 * @ret:  where to
 * @text: NULL is the empty text
 */
void pl_seam_copy_text(char ret[static PL_TEXT_MAX], const char *text);

/**
 * pl_seam_log_narrowed() - selectors that were made less
 * @logger:  of the connection or the child SA
 * @what:    was done
 * @verdict: why, and what is left
 */
void pl_seam_log_narrowed(struct logger *logger, const char *what,
			  const struct pl_ts_verdict *verdict);

/**
 * pl_seam_tell_verdict() - what became of a question about selectors, for who wants to know
 * @asked:   the question
 * @given:   by the engine
 * @applied: PL_VERDICT_ACCEPT, _NARROW or _REFUSE
 * @why_not: why it is refused, or NULL
 * @narrow:  read with _NARROW applied
 */
void pl_seam_tell_verdict(const struct pl_fact *asked, enum pl_verdict_kind given,
			  enum pl_verdict_kind applied, const char *why_not,
			  const struct pl_ts_verdict *narrow);

/**
 * pl_seam_kernel_changed() - pluto has changed SAs or policies
 */
void pl_seam_kernel_changed(void);

/**
 * pl_seam_hear() - pluto has dealt with a message: what the kernel said meanwhile is due
 */
void pl_seam_hear(void);

/**
 * pl_seam_shim_kernel() - put ours in front of pluto's kernel_ops
 */
void pl_seam_shim_kernel(void);

#endif
