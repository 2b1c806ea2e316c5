/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ENGINE_IMPL_H
#define PL_ENGINE_IMPL_H

#include "core/pl_engine.h"
#include "core/pl_socket.h"
#include "core/pl_step.h"
#include "core/pl_ts_narrow.h"

/* More than these, and every latch is looked at. */
enum { PL_NEWS_MAX = 32 };

/**
 * struct pl_news - what changed in the kernel
 * @is_all: everything may have
 * @items:  what policies and SAs select, from one end to the other; reqids of SAs, children that
 *          lost one, or 0
 * @nr:     how many
 */
struct pl_news {
	bool is_all;
	unsigned nr;
	struct {
		struct pl_ts from, to;
		uint32_t reqid;
		uint64_t child;
	} items[PL_NEWS_MAX];
};

/**
 * struct pl_engine - inside of the engine: pl_engine*.c alone
 * @is_latching: pl_engine_start() was called; before that nothing below is there
 * @unrouting:   serial of the connection whose route is being taken away
 * @dead_ike:    serial of the last IKE SA whose peer was found dead
 * @news:        of the kernel, that latches have not been judged by yet
 * @refusal:     pl_engine_refusal()
 */
struct pl_engine {
	pl_engine_observer *observer;
	void *observer_ctx;
	uint64_t count[PL_FACT_ROOF];
	bool is_latching;
	struct pl_world world;
	uint64_t unrouting;
	uint64_t dead_ike;
	struct pl_news news;
	char refusal[PL_CONFLICT_TEXT_MAX + 32];
};

/* Base numbers of reqids, far above those that an administrator or pluto itself would use. From one
 * base, pluto makes the numbers of AH, ESP and IPComp. */
enum { PL_REQID_FIRST = 0x40000000, PL_REQID_LAST = 0x7ffffff0, PL_REQID_STEP = 4 };

/**
 * struct pl_lesson - what there is to learn about the SAs of a connection
 * @has_carrier: the SA that the parameters are from was found
 * @is_beyond_spd: it takes policies of the latch's own, because the SPD lets its packets by
 * @params:      also of a conflict; borrows the identity
 * @is_held_back: the SAs are not asked for so soon again
 * @report:      of a conflict; with @is_held_back the text alone
 */
struct pl_lesson {
	bool has_carrier, is_beyond_spd, is_held_back;
	struct pl_params params;
	struct pl_conflict_report report;
};

/**
 * pl_engine_peer_of() - whom a fact is about
 * @world: the world
 * @fact:  borrowed, with its identity
 */
struct pl_peer pl_engine_peer_of(const struct pl_world *world, const struct pl_fact *fact);

/**
 * pl_engine_say_narrowed() - the verdict on selectors that are cut
 * @narrowed: what is left
 * @nr:       connections that it is cut for
 * @first:    a latch to name, or NULL
 * @ret:      completely written
 */
void pl_engine_say_narrowed(const struct pl_ts_narrowed *narrowed, unsigned nr,
			    const struct pl_latch *first, struct pl_ts_verdict *ret);

/**
 * pl_engine_say_refused() - the verdict on selectors that are refused
 * @nr:    connections that they touch
 * @first: a latch to name
 * @why:   they were not narrowed out of them; NULL where that was not tried
 * @ret:   its text alone is written
 */
void pl_engine_say_refused(unsigned nr, const struct pl_latch *first, const char *why,
			   struct pl_ts_verdict *ret);

/**
 * pl_engine_why_whole() - why selectors were not narrowed
 * @nr: connections that they touch
 * @r:  of pl_ts_fit()
 */
const char *pl_engine_why_whole(unsigned nr, int r);

/**
 * pl_engine_judge_ts() - what latch.conf wants for a proposal that conflicts with latches (K32)
 * @world: the world
 * @fact:  PL_FACT_TS_REQUEST or PL_FACT_TS_REKEY
 * @ret:   written only with PL_VERDICT_NARROW; its text also with _REFUSE, and where it could not
 *         be narrowed
 *
 * Return: PL_VERDICT_NARROW of a request; PL_VERDICT_REFUSE; PL_VERDICT_ACCEPT when there is no
 * conflict, or what is left is too little, and latches are to break
 */
enum pl_verdict_kind pl_engine_judge_ts(const struct pl_world *world, const struct pl_fact *fact,
					struct pl_ts_verdict *ret) PL_MUST_USE;

/**
 * pl_engine_judge_own() - what this host asks for as initiator, and what it is answered (K30, K32)
 * @world: the world
 * @fact:  PL_FACT_TS_PROPOSAL or PL_FACT_TS_RESPONSE
 * @ret:   written only with PL_VERDICT_NARROW, of a proposal; with _REFUSE its text alone
 *
 * Return: PL_VERDICT_ACCEPT, _NARROW or _REFUSE
 */
enum pl_verdict_kind pl_engine_judge_own(const struct pl_world *world, const struct pl_fact *fact,
					 struct pl_ts_verdict *ret) PL_MUST_USE;

/**
 * pl_engine_is_refused() - an SA would break a latch, and latch.conf wants it refused
 * @world: the world
 * @sa:    in the mirror; nothing was done about it yet
 * @ret:   for people: which latch, and why; written only with true
 * @size:  of @ret
 */
bool pl_engine_is_refused(const struct pl_world *world, const struct pl_sa *sa, char *ret,
			  size_t size);

/**
 * pl_engine_choose() - the suites that latches leave to a child SA (K20, K21)
 * @world: the world
 * @fact:  PL_FACT_SUITES
 * @ret:   written only with PL_VERDICT_NARROW
 *
 * Return: PL_VERDICT_NARROW; PL_VERDICT_ACCEPT when no latch minds
 */
enum pl_verdict_kind pl_engine_choose(const struct pl_world *world, const struct pl_fact *fact,
				      struct pl_suites *ret) PL_MUST_USE;

/**
 * pl_birth_complete() - a latch in PL_STATE_LARVAL takes the SAs that are there
 * @world:         the world
 * @latch:         its flow is guarded
 * @wish:          what is wanted
 * @event:         PL_EVENT_CREATED or _COMPLETED
 * @may_be_broken: struct pl_engine_ask
 * @ret:           what was learned
 *
 * Return: 0; PL_E_NO_SA; PL_E_WRONG_PEER; PL_E_NOT_PROTECTED; PL_E_CONFLICT; PL_E_WEAK; what
 * pl_step_take() says
 */
int pl_birth_complete(struct pl_world *world, struct pl_latch *latch, const struct pl_wish *wish,
		      enum pl_event event, bool may_be_broken,
		      struct pl_lesson *ret) PL_MUST_USE;

/**
 * pl_birth_of_sa() - an SA came up: one of just one connection of a listener is its birth (L14)
 * @world: the world
 * @sa:    of the mirror
 */
void pl_birth_of_sa(struct pl_world *world, const struct pl_sa *sa);

/**
 * pl_birth_over() - an SA is gone: who was born from it and never came is looked for
 * @world: the world
 * @sa:    out of the mirror
 */
void pl_birth_over(struct pl_world *world, const struct pl_sa *sa);

/**
 * pl_birth_leave_behind() - the listener ends, and this connection of it was not presented
 * @world:    the engine's
 * @listener: its latch
 * @tuple:    of the connection, normal
 * @cookie:   of its socket
 *
 * Return: 0: it has a latch of the listener's owner now, in whatever state; PL_E_NOT_FOUND when it
 * was not born at the listener; else nothing is known to keep it under its SA but the listener
 */
int pl_birth_leave_behind(struct pl_world *world, const struct pl_latch *listener,
			  const struct pl_tuple *tuple, uint64_t cookie) PL_MUST_USE;

/**
 * pl_birth_fetch() - a socket is presented whose listener has ended, and left it a latch
 * @world:  the engine's
 * @ask:    of the same uid
 * @ret_id: of the latch
 *
 * Return: 0; PL_E_NOT_FOUND when there is no such latch; PL_E_WEAK
 */
int pl_birth_fetch(struct pl_world *world, const struct pl_engine_ask *ask,
		   uint64_t *ret_id) PL_MUST_USE;

/**
 * pl_rest_settle() - before a listener's latch ends, what nobody presented of it gets latches
 * @world:    the engine's
 * @listener: its latch; its socket is gone
 *
 * Return: 0; else there may be some left, and the latch must stay
 */
int pl_rest_settle(struct pl_world *world, const struct pl_latch *listener) PL_MUST_USE;

/**
 * pl_birth_is_replaceable() - would this latch give way to a new one of its tuple
 * @latch: NULL is nobody
 */
bool pl_birth_is_replaceable(const struct pl_latch *latch);

/**
 * pl_birth_judge_peer() - may whoever wants this peer have a latch that is there
 * @world: the world
 * @latch: of its database
 * @peer:  NULL is anybody
 *
 * Return: 0, or PL_E_WRONG_PEER: it is another's, or was asked for as another's
 */
int pl_birth_judge_peer(const struct pl_world *world, const struct pl_latch *latch,
			const char *peer) PL_MUST_USE;

/**
 * pl_socket_look() - the facts of a socket now
 * @world: the world
 * @fd:    of the caller
 * @to:    as of read in struct pl_socket_ops
 * @ret:   the facts
 *
 * Return: 0; what the socket ops said
 */
int pl_socket_look(struct pl_world *world, int fd, const struct pl_tuple *to,
		   struct pl_socket_facts *ret) PL_MUST_USE;

/**
 * pl_socket_set_remote() - the remote end of a socket that is not connected
 * @tuple: of the socket
 * @to:    that end
 *
 * Return: 0, or PL_E_MALFORMED for another family
 */
int pl_socket_set_remote(struct pl_tuple *tuple, const struct pl_tuple *to) PL_MUST_USE;

/**
 * struct pl_second_look - what must still be so when the guard is in force
 * @fd:     of the caller
 * @to:     as of the first look
 * @use:    what the socket was judged for
 * @before: what the first look found
 */
struct pl_second_look {
	int fd;
	const struct pl_tuple *to;
	enum pl_socket_use use;
	const struct pl_socket_facts *before;
};

/**
 * pl_socket_look_again() - the socket is the same, and may still be latched
 * @engine: the engine
 * @look:   what to compare with
 * @ask:    of the caller
 *
 * Return: 0; PL_E_SOCKET_CHANGED; pl_socket_judge(); what the socket ops said
 */
int pl_socket_look_again(struct pl_engine *engine, const struct pl_second_look *look,
			 const struct pl_engine_ask *ask) PL_MUST_USE;

/**
 * pl_tag_is_over() - a tagged flow that was let go of can be left to its listener
 * @world: the world
 * @latch: any
 */
bool pl_tag_is_over(struct pl_world *world, const struct pl_latch *latch);

/**
 * pl_birth_take() - a latch of this connection: pl_engine_latch() without latch.conf
 * @world:  the world; guarding
 * @tuple:  normal
 * @ask:    admitted
 * @ret_id: of the latch
 * @ret:    what was learned
 *
 * Return: as pl_engine_latch()
 */
int pl_birth_take(struct pl_world *world, const struct pl_tuple *tuple,
		  const struct pl_engine_ask *ask, uint64_t *ret_id,
		  struct pl_lesson *ret) PL_MUST_USE;

/**
 * pl_birth_accept() - a latch of a connection that begins at a listener, and is the listener's
 * @world:    the world; guarding
 * @listener: of the database
 * @tuple:    normal
 * @reqid:    of its first packet; 0 is unknown
 * @cookie:   of its socket; 0 is unknown
 * @ret_id:   of the latch
 *
 * Return: as pl_engine_accept()
 */
int pl_birth_accept(struct pl_world *world, const struct pl_latch *listener,
		    const struct pl_tuple *tuple, uint32_t reqid, uint64_t cookie,
		    uint64_t *ret_id) PL_MUST_USE;

/**
 * pl_birth_pair() - a latch of two more addresses of an association, that belongs to its owner
 * @world: the world; guarding
 * @first: of the association; has parameters and a cookie
 * @tuple: normal
 *
 * It has the parameters of @first. It is BROKEN until SAs of that peer are there for it, and as
 * long as somebody else's are; pluto is asked for them.
 *
 * Return: 0 also for a BROKEN one; PL_E_FORBIDDEN or PL_E_WEAK by latch.conf;
 * PL_E_ALREADY_LATCHED; PL_E_LIMIT_EXCEEDED; -ENOMEM; what guard or store said
 */
int pl_birth_pair(struct pl_world *world, const struct pl_latch *first,
		  const struct pl_tuple *tuple) PL_MUST_USE;

/**
 * pl_pairs_look() - which addresses does an association have now
 * @world: the world
 * @latch: any; it may be freed
 *
 * Without an answer nothing changes.
 */
void pl_pairs_look(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_pairs_may_begin() - no association has the ports of this connection, as far as is known
 * @world: the world
 * @tuple: normal
 *
 * Otherwise an SA of just this connection is no beginning, but of two more addresses of that one.
 */
bool pl_pairs_may_begin(const struct pl_world *world, const struct pl_tuple *tuple);

/**
 * pl_pairs_is_asked_for() - this one is looked at for all latches of its association, or has none
 * @world: the world
 * @latch: any
 */
bool pl_pairs_is_asked_for(const struct pl_world *world, const struct pl_latch *latch);

/**
 * pl_auto_is_flow() - a connection that was latched without anybody asking, and is nobody's yet
 * @latch: any
 */
bool pl_auto_is_flow(const struct pl_latch *latch);

/**
 * pl_auto_ends() - its end is looked for by pl_auto_is_gone()
 * @world: the world
 * @latch: any
 */
bool pl_auto_ends(const struct pl_world *world, const struct pl_latch *latch);

/**
 * pl_auto_is_gone() - is_gone of struct pl_socket_ops, of a connection that nobody asked for
 * @world: the world
 * @latch: pl_auto_ends()
 * @ret:   the answer
 *
 * Return: as is_gone and is_idle
 */
int pl_auto_is_gone(struct pl_world *world, const struct pl_latch *latch, bool *ret) PL_MUST_USE;

/**
 * pl_auto_give() - a program takes over what it may have found latched
 * @world: the world
 * @latch: of its database, any
 * @owner: whose limits allow it
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; -ENOMEM
 */
int pl_auto_give(struct pl_world *world, struct pl_latch *latch,
		 const struct pl_owner *owner) PL_MUST_USE;

/**
 * pl_wait_begin() - a latch in PL_STATE_LARVAL waits for SAs; pluto is asked for them
 * @world: the world; has struct pl_ike_ops
 * @latch: its flow is guarded
 * @ask:   copied as far as needed
 * @ret:   .is_held_back and the report's text are written when pluto is not asked, because the
 *         same came to nothing a moment ago
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; PL_E_TOO_MANY; -ENOMEM; what pluto said, now or then
 */
int pl_wait_begin(struct pl_world *world, const struct pl_latch *latch,
		  const struct pl_engine_ask *ask, struct pl_lesson *ret) PL_MUST_USE;

/**
 * pl_wait_look() - an SA came up that touches this latch; it is not freed here
 * @world: the world
 * @latch: in PL_STATE_LARVAL, waiting or not
 */
void pl_wait_look(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_wait_is_hopeless() - pl_wait_reap() has something to do
 * @world: the world
 */
bool pl_wait_is_hopeless(const struct pl_world *world);

/**
 * pl_wait_reap() - those without hope fail, and are freed
 * @world: the world
 */
void pl_wait_reap(struct pl_world *world);

/**
 * pl_wait_answer() - pluto says what came of it
 * @world: the world
 * @fact:  PL_FACT_INITIATED
 */
void pl_wait_answer(struct pl_world *world, const struct pl_fact *fact);

/**
 * pl_wait_tick() - time went by
 * @world: the world
 */
void pl_wait_tick(struct pl_world *world);

/**
 * pl_engine_forget() - let go of the world
 * @world: may be all zero
 */
void pl_engine_forget(struct pl_world *world);

/**
 * pl_engine_recheck_sa() - pl_step_recheck() of all that an SA touches
 * @world: the world
 * @sa:    may be out of the mirror
 */
void pl_engine_recheck_sa(struct pl_world *world, const struct pl_sa *sa);

/**
 * pl_engine_recheck_all() - pl_step_recheck() of all
 * @world:     the world
 * @is_absent: as there
 */
void pl_engine_recheck_all(struct pl_world *world, bool is_absent);

/**
 * pl_engine_sa_gone() - a child SA is gone, or about to go; with the last of its reqid go its pins
 * @world: the world
 * @child: its serial; may be unknown
 */
void pl_engine_sa_gone(struct pl_world *world, uint64_t child);

/**
 * pl_engine_stop() - the daemon is about to end (PL_FACT_STOPPING)
 * @engine: that latches
 */
void pl_engine_stop(struct pl_engine *engine);

#endif
