/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SAD_H
#define PL_SAD_H

#include "core/pl_base.h"
#include "core/pl_conflict.h"
#include "core/pl_facts.h"
#include "core/pl_params.h"
#include "core/pl_tuple.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pl_sa - one child SA: approved, or installed already
 * @child:     its serial
 * @ike:       serial of the IKE SA it was made under
 * @conn:      serial of its connection
 * @role:      ours, in the exchange that made it
 * @protocol:  ESP or AH
 * @has_ipcomp: a compression SA belongs to it
 * @is_up:     pluto says that it is installed
 * @is_known:  @params can be judged
 * @reqid:     that its packets are known by
 * @spi_in:    host order
 * @spi_out:   host order
 * @params:    of it; the mirror holds a reference to the identity
 * @allowed:   suites that its connection allows
 * @nr_allowed: how many
 * @tsi:       selectors as installed
 * @tsr:       likewise
 * @path:      outer addresses; they move (MOBIKE), and nothing is judged by them
 */
struct pl_sa {
	uint64_t child;
	uint64_t ike;
	uint64_t conn;
	enum pl_role role;
	enum pl_protocol protocol;
	bool has_ipcomp, is_up, is_known;
	uint32_t reqid;
	uint32_t spi_in, spi_out;
	struct pl_params params;
	struct pl_suite allowed[PL_SUITES_MAX];
	unsigned nr_allowed;
	struct pl_ts_list tsi, tsr;
	struct pl_path path;
};

/* The mirror of the child SAs that pluto installs, and the lineage of its IKE SAs. */
struct pl_sad;

/**
 * typedef pl_sad_visit - one SA that was found
 * @ctx: of the caller
 * @sa:  must not be removed during the call
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_sad_visit(void *ctx, const struct pl_sa *sa);

/**
 * pl_sad_new() - an empty mirror
 *
 * Return: the mirror, or NULL without memory
 */
struct pl_sad *pl_sad_new(void) PL_MUST_USE;

/**
 * pl_sad_free() - with everything in it
 * @sad: NULL is fine
 *
 * Return: NULL
 */
struct pl_sad *pl_sad_free(struct pl_sad *sad);

/**
 * pl_sad_clear() - every SA is gone (PL_FACT_FLUSH); lineages stay
 * @sad: the mirror
 */
void pl_sad_clear(struct pl_sad *sad);

/**
 * pl_sad_add() - a child SA that pluto is about to install
 * @sad:  the mirror
 * @fact: PL_FACT_CHILD_INSTALL; copied
 * @ret:  the SA; belongs to the mirror
 *
 * Return: 0; PL_E_WRONG_STATE without a serial, or with one that is there already; -ENOMEM
 */
int pl_sad_add(struct pl_sad *sad, const struct pl_fact *fact, struct pl_sa **ret) PL_MUST_USE;

/**
 * pl_sad_params() - the parameters of a child SA
 * @sad:  the mirror, which knows lineages
 * @fact: PL_FACT_CHILD_INSTALL
 * @ret:  borrows the fact's identity
 *
 * Return: 0; PL_E_NOT_AVAILABLE without an identity; errors of pl_params_from_child()
 */
int pl_sad_params(const struct pl_sad *sad, const struct pl_fact *fact,
		  struct pl_params *ret) PL_MUST_USE;

/**
 * pl_sad_find() - by serial
 * @sad:   the mirror
 * @child: of the child SA
 *
 * Return: NULL if there is none
 */
struct pl_sa *pl_sad_find(const struct pl_sad *sad, uint64_t child);

/**
 * pl_sad_first() - the oldest
 * @sad: the mirror
 *
 * Return: NULL if there is none
 */
const struct pl_sa *pl_sad_first(const struct pl_sad *sad);

/**
 * pl_sad_take() - out of the mirror; the caller holds it now
 * @sad: the mirror
 * @sa:  of it
 */
void pl_sad_take(struct pl_sad *sad, struct pl_sa *sa);

/**
 * pl_sa_free() - an SA that was taken out
 * @sa: NULL is fine
 *
 * Return: NULL
 */
struct pl_sa *pl_sa_free(struct pl_sa *sa);

/**
 * pl_sad_ike_up() - an IKE SA is up
 * @sad:    the mirror
 * @ike:    its serial
 * @rekeys: serial of the IKE SA it succeeds, or 0
 *
 * Return: 0 or -ENOMEM; the successor then counts as a new peer's
 */
int pl_sad_ike_up(struct pl_sad *sad, uint64_t ike, uint64_t rekeys) PL_MUST_USE;

/**
 * pl_sad_ike_down() - an IKE SA is gone; its children may live on
 * @sad: the mirror
 * @ike: its serial
 */
void pl_sad_ike_down(struct pl_sad *sad, uint64_t ike);

/**
 * pl_sad_lineage() - the number that an IKE SA shares with its successors by rekey
 * @sad: the mirror
 * @ike: its serial; 0 is unknown
 *
 * Return: serial of the first of them
 */
uint64_t pl_sad_lineage(const struct pl_sad *sad, uint64_t ike);

/**
 * pl_sa_view() - as pl_conflict sees it
 * @sa:  must outlive the view
 */
struct pl_sa_view pl_sa_view(const struct pl_sa *sa);

/**
 * pl_sa_touches() - it may carry a packet of this connection
 * @sa:    an SA
 * @tuple: of the connection
 */
bool pl_sa_touches(const struct pl_sa *sa, const struct pl_tuple *tuple);

/**
 * pl_sad_touch() - every SA that touches a connection
 * @sad:       the mirror
 * @tuple:     of the connection
 * @visit:     called once for each, in no useful order
 * @ctx:       for @visit
 * @ret_steps: how many SAs were looked at; may be NULL
 *
 * Return: 0, or what @visit returned
 */
int pl_sad_touch(const struct pl_sad *sad, const struct pl_tuple *tuple, pl_sad_visit *visit,
		 void *ctx, size_t *ret_steps);

/**
 * pl_sa_reaches() - may it carry the first packet of a connection to this listener
 * @sa:       an SA
 * @listener: normal
 */
bool pl_sa_reaches(const struct pl_sa *sa, const struct pl_tuple *listener);

/**
 * pl_sad_of_listener() - of each kin one SA that reaches a listener, in the order of reqids
 * @sad:      the mirror
 * @listener: normal
 * @visit:    called for each
 * @ctx:      for @visit
 *
 * Looks at every kin, and at all of those that do not: for when somebody begins to listen.
 *
 * Return: 0, or what @visit returned
 */
int pl_sad_of_listener(const struct pl_sad *sad, const struct pl_tuple *listener,
		       pl_sad_visit *visit, void *ctx);

/**
 * pl_sad_of_conn() - one SA of each kin of a connection of pluto's
 * @sad:   the mirror
 * @conn:  serial of the connection
 * @visit: called for each
 * @ctx:   for @visit
 *
 * Kin are the SAs of one connection and one reqid with equal parameters, or all unknown.
 *
 * Return: 0, or what @visit returned
 */
int pl_sad_of_conn(const struct pl_sad *sad, uint64_t conn, pl_sad_visit *visit, void *ctx);

/**
 * pl_sad_of_reqid() - one SA of each kin that has a reqid
 * @sad:   the mirror
 * @reqid: any
 * @visit: called for each
 * @ctx:   for @visit
 *
 * Return: 0, or what @visit returned
 */
int pl_sad_of_reqid(const struct pl_sad *sad, uint32_t reqid, pl_sad_visit *visit, void *ctx);

/**
 * pl_sa_kin() - all kin of an SA, itself included
 * @sa:    in a mirror
 * @visit: called for each
 * @ctx:   for @visit
 *
 * Return: 0, or what @visit returned
 */
int pl_sa_kin(const struct pl_sa *sa, pl_sad_visit *visit, void *ctx);

/**
 * pl_sad_views() - the SAs that touch a connection, for pl_conflict_birth()
 * @sad:    the mirror
 * @tuple:  of the connection
 * @reqid:  SAs of this reqid come first; 0 is none. Otherwise the order is that of serials
 * @ret:    malloc()ed, also when there are none; they borrow from the mirror
 * @ret_nr: how many
 *
 * Return: 0 or -ENOMEM
 */
int pl_sad_views(const struct pl_sad *sad, const struct pl_tuple *tuple, uint32_t reqid,
		 struct pl_sa_view **ret, unsigned *ret_nr) PL_MUST_USE;

/**
 * pl_sad_count() - SAs in the mirror
 * @sad: the mirror
 */
size_t pl_sad_count(const struct pl_sad *sad);

#endif
