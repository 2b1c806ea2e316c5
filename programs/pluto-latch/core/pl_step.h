/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_STEP_H
#define PL_STEP_H

#include "core/pl_breaks.h"
#include "core/pl_conf.h"
#include "core/pl_conflict.h"
#include "core/pl_db.h"
#include "core/pl_ksad.h"
#include "core/pl_limits.h"
#include "core/pl_ops.h"
#include "core/pl_sad.h"
#include "core/pl_spd.h"

#include <stdbool.h>

/* Reqids under which one connection may be carried at a time. */
#define PL_STEP_REQIDS_MAX 16

/* Why a latch breaks whose guard refused a change. */
#define PL_STEP_REFUSED "the guard refused a change"

/* Hash chains of associations. */
#define PL_ASSOCIATION_CHAINS 256

struct pl_association;
struct pl_contacts;
struct pl_holds;
struct pl_larva;
struct pl_renewal;

/**
 * struct pl_awaited - sessions of the daemon before, which may be resumed (pl_resume.c)
 * @sessions: that have not come back yet
 * @nr:       how many
 * @last:     greatest number of any that there was
 * @until_ns: CLOCK_MONOTONIC when it is too late
 */
struct pl_awaited {
	struct pl_kept_session *sessions;
	size_t nr, room;
	uint64_t last, until_ns;
};

/**
 * struct pl_world - what the engine decides about, and what with; the engine's own
 * @ops:         effects
 * @db:          latches
 * @sad:         child SAs, as pluto says
 * @spd:         policies
 * @ksad:        SAs, as the kernel has them
 * @contacts:    IKE SAs that are up
 * @usage:       of limits
 * @holds:       what pluto is not asked for again so soon
 * @rules:       what conflicts, as long as the daemon runs
 * @conf:        latch.conf; its limits and rules may be others at each event
 * @generation:  rises with every change
 * @last_reqid:  the last base number that was given out
 * @larvae:      latches that wait for their SAs
 * @restore_until_ns: latches of the journal wait for their peers; 0: none does
 * @restore_asked: the last of them that pluto was asked for in this round
 * @restore_again_ns: when the next round may begin
 * @restore_wait_s: how long after the last one that is; 0 before the first
 * @nr_unreadable: places of the journal that say nothing
 * @damage:      of the journal, set of enum pl_damage
 * @nr_unnamed:  flows and listeners that the guard had and no record named
 * @awaited:     sessions
 * @renewals:    latches whose own SA is gone, or was never there
 * @breaks:      of the event that is being carried out
 * @associations: of SCTP, with several addresses
 * @wake_ns:     pl_engine_tick() was asked for, and has not come yet; 0 is not
 * @is_steering_over: a latch may be steered that need not be
 * @has_rerouted: that was asked for since the last event
 * @is_guarding: the guard is in force; nothing comes up while it is not
 * @is_stopping: the daemon ends: what goes away goes with it, and nothing comes up any more
 * @is_blind:    what the kernel has could not be read: nothing is known to be protected
 */
struct pl_world {
	struct pl_ops ops;
	struct pl_db *db;
	struct pl_sad *sad;
	struct pl_spd *spd;
	struct pl_ksad *ksad;
	struct pl_contacts *contacts;
	struct pl_usage *usage;
	struct pl_holds *holds;
	struct pl_conflict_rules rules;
	const struct pl_conf *conf;
	uint64_t generation;
	uint32_t last_reqid;
	struct pl_larva *larvae;
	uint64_t restore_until_ns, restore_asked, restore_again_ns;
	unsigned restore_wait_s;
	size_t nr_unreadable, nr_unnamed;
	unsigned damage;
	struct pl_awaited awaited;
	struct pl_renewal *renewals;
	struct pl_breaks breaks;
	struct pl_association *associations[PL_ASSOCIATION_CHAINS];
	uint64_t wake_ns;
	bool is_steering_over, has_rerouted, is_guarding, is_stopping, is_blind;
};

/**
 * struct pl_why - why a step is taken
 * @diff:     set of enum pl_diff, or 0
 * @listener: the latch it is born from, or 0
 * @error:    of PL_EVENT_FAILED
 * @text:     for people; may be NULL
 */
struct pl_why {
	unsigned diff;
	uint64_t listener;
	int error;
	const char *text;
};

/**
 * pl_step_take() - one step of the table with all of its effects, in their order
 * @world: the world
 * @latch: of its database; freed when the step ends in PL_STATE_GONE
 * @event: what happened
 * @why:   NULL is "no reason given"
 *
 * Down, the latch takes its next state whatever the guard says, and is marked unsure. Up, and on
 * the way out of the guard, a failing effect ends the step and the latch stays what it was; its
 * pins are taken back. A flow that was to be pinned may then be in the guard; one that could not
 * leave it has a latch in PL_STATE_LARVAL.
 *
 * Between pl_breaks_begin() and _end(), a step down has only its state here, and the rest there.
 *
 * Return: 0; PL_E_WRONG_STATE; PL_E_UNAVAILABLE while the guard is not in force; PL_E_TOO_MANY or
 * PL_E_SHARED_REQID when the SAs cannot be pinned; what the guard or the store said
 */
int pl_step_take(struct pl_world *world, struct pl_latch *latch, enum pl_event event,
		 const struct pl_why *why) PL_MUST_USE;

/**
 * struct pl_taken - a step whose effects on the guard are in force
 * @event: what happened
 * @from:  state before
 * @step:  of the table
 * @why:   never NULL
 */
struct pl_taken {
	enum pl_event event;
	enum pl_state from;
	const struct pl_step *step;
	const struct pl_why *why;
};

/**
 * pl_step_record() - its state, and the journal's
 * @world: the world
 * @latch: of its database
 * @taken: the step
 *
 * Return: 0; on the way up, what the store said: then the step is not taken
 */
int pl_step_record(struct pl_world *world, struct pl_latch *latch,
		   const struct pl_taken *taken) PL_MUST_USE;

/**
 * pl_step_finish() - who is to be told, and what becomes of the socket
 * @world: the world
 * @latch: recorded; freed when the step ends in PL_STATE_GONE
 * @taken: the step
 *
 * Return: 0, or as pl_step_take()
 */
int pl_step_finish(struct pl_world *world, struct pl_latch *latch,
		   const struct pl_taken *taken) PL_MUST_USE;

/**
 * struct pl_terms - under which SAs a connection goes on, if they touch it
 * @tuple:     of the connection
 * @params:    latched, or to be: the SA is congruent to them
 * @is_narrow: and it is an SA of just this connection (K20)
 */
struct pl_terms {
	const struct pl_tuple *tuple;
	const struct pl_params *params;
	bool is_narrow;
};

/**
 * pl_step_terms() - those of a latch
 * @latch: a connection, from which they borrow
 */
struct pl_terms pl_step_terms(const struct pl_latch *latch);

/**
 * pl_step_may_carry() - the connection goes on under this SA, as far as it reaches
 * @world: the world
 * @terms: of the connection
 * @sa:    that touches it
 */
bool pl_step_may_carry(const struct pl_world *world, const struct pl_terms *terms,
		       const struct pl_sa *sa);

/**
 * pl_step_pins() - the reqids of all SAs that may carry this connection
 * @world:  the world
 * @terms:  of the connection
 * @ret:    the reqids, each once
 * @ret_nr: how many; none is no error
 *
 * Return: 0; PL_E_TOO_MANY; PL_E_SHARED_REQID when one of them is 0, or also names an SA that is
 * not congruent, whatever that one selects
 */
int pl_step_pins(const struct pl_world *world, const struct pl_terms *terms,
		 uint32_t ret[static PL_STEP_REQIDS_MAX], unsigned *ret_nr) PL_MUST_USE;

/* How the SPD is asked; a set. */
enum {
	PL_ASK_ABSENT = 1 << 0,	/* that no policy is there, is a conflict */
	PL_ASK_BARE = 1 << 1,	/* policies that the latch itself may have do not count */
};

/**
 * pl_step_ask_kernel() - what others than pluto did to the policies and SAs of a connection
 * @world:  the world
 * @terms:  of the connection
 * @reqids: of SAs that may carry it
 * @nr:     how many
 * @how:    set of PL_ASK_…
 * @ret:    written with a conflict
 *
 * Return: 0; PL_E_CONFLICT for what the SPD does and what foreign SAs could; PL_E_NOT_PROTECTED
 * when a policy was taken away, or is absent; PL_E_NO_SA when that happened to its only SAs;
 * PL_E_UNAVAILABLE when nobody knows
 */
int pl_step_ask_kernel(const struct pl_world *world, const struct pl_terms *terms,
		       const uint32_t *reqids, unsigned nr, unsigned how,
		       struct pl_conflict_report *ret) PL_MUST_USE;

/**
 * pl_step_recheck() - break what is in conflict now, restore what no longer is (T6, T7, T9)
 * @world:     the world
 * @latch:     a connection, in any state; never freed here
 * @is_absent: that no policy is there, is a conflict: the SPD was changed on purpose
 *
 * Nothing is judged any more when the daemon ends.
 */
void pl_step_recheck(struct pl_world *world, struct pl_latch *latch, bool is_absent);

/**
 * pl_step_conflict() - what is in the way of a connection whose parameters are known
 * @world:     the world
 * @latch:     a connection
 * @is_absent: as above
 * @ret:       written with a conflict
 *
 * Return: PL_EVENT_NONE, PL_EVENT_CONFLICT_SA or PL_EVENT_CONFLICT_SPD
 */
enum pl_event pl_step_conflict(const struct pl_world *world, const struct pl_latch *latch,
			       bool is_absent, struct pl_conflict_report *ret);

/**
 * pl_step_is_proved() - an SA is there whose peer and protection are the latched ones
 * @world: the world
 * @latch: a connection
 */
bool pl_step_is_proved(const struct pl_world *world, const struct pl_latch *latch);

/**
 * pl_step_pin() - a congruent SA is about to be installed: its pin goes first
 * @world: the world
 * @latch: a connection
 * @sa:    in the mirror already
 *
 * A latch whose guard refuses is BROKEN: its SA's packets would be lost for no reason it knows.
 */
void pl_step_pin(struct pl_world *world, struct pl_latch *latch, const struct pl_sa *sa);

/**
 * pl_step_retire() - an SA is gone; with the last one of its reqid goes the pin
 * @world: the world
 * @latch: a connection
 * @sa:    not in the mirror any more
 *
 * A latch whose guard refuses is BROKEN: the pin might let another SA of the same number in.
 */
void pl_step_retire(struct pl_world *world, struct pl_latch *latch, const struct pl_sa *sa);

/**
 * pl_step_is_pinned() - a latch of this state has pins in the guard
 * @state: of a latch
 */
bool pl_step_is_pinned(enum pl_state state);

/**
 * pl_step_wake() - ask for pl_engine_tick() within a second
 * @world: the world
 */
void pl_step_wake(struct pl_world *world);

/**
 * pl_step_wake_by() - ask for pl_engine_tick() at this time, or earlier
 * @world:   the world
 * @mono_ns: CLOCK_MONOTONIC
 */
void pl_step_wake_by(struct pl_world *world, uint64_t mono_ns);

/**
 * pl_step_mind() - is it to be looked after by pl_engine_tick(); asked again after every change
 * @world: the world
 * @latch: whose owner, state or doubt has changed
 *
 * That are those whose end nobody will tell, and those that are unsure.
 */
void pl_step_mind(struct pl_world *world, struct pl_latch *latch);

/**
 * pl_step_limit() - which limit counts the latches of an owner
 * @owner: of the latch
 */
enum pl_limit pl_step_limit(const struct pl_owner *owner);

/**
 * pl_step_stays() - an automatic listener: its port is guarded whether or not anybody listens there
 * @latch: a latch
 */
bool pl_step_stays(const struct pl_latch *latch);

/**
 * pl_step_is_polled() - the end of its socket is looked for, and not left to a session to tell
 * @latch: a latch
 */
bool pl_step_is_polled(const struct pl_latch *latch);

/**
 * pl_step_block_again() - what is blocked in memory shall be blocked in the kernel
 * @world: the world
 * @latch: one that is unsure, and not pinned
 *
 * Return: 0, or what the guard says
 */
int pl_step_block_again(struct pl_world *world, struct pl_latch *latch) PL_MUST_USE;

#endif
