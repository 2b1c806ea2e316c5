/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_FSM_H
#define PL_FSM_H

#include "core/pl_base.h"

/**
 * enum pl_state - where a latch is in its life
 *
 * People see five states: LARVAL, LISTENER, ESTABLISHED, BROKEN, CLOSED (pl_state_shown()). The
 * others tell apart what the rules tell apart.
 */
enum pl_state {
	PL_STATE_NONE = 0,
	PL_STATE_UNBORN,	/* an object on its way into the database */
	PL_STATE_LARVAL,	/* guarded, no pin: SAs are being set up (K26) */
	PL_STATE_LISTENER,
	PL_STATE_ESTABLISHED,
	PL_STATE_BROKEN,
	PL_STATE_DEAD,		/* BROKEN for good: only CLOSED follows (K19, design D8) */
	PL_STATE_LINGERING,	/* released; guarded and pinned until its socket is gone */
	PL_STATE_CLOSED,	/* blocked; owner not told yet, socket not gone yet */
	PL_STATE_CLOSED_TOLD,	/* blocked; owner knows, socket not gone yet */
	PL_STATE_CLOSED_GONE,	/* owner not told yet, socket gone */
	PL_STATE_GONE,		/* the object is to be deleted */
	PL_STATE_ROOF,
};

/**
 * enum pl_event - what happens to a latch; T numbers: rfc5660 requirements, section 3
 */
enum pl_event {
	PL_EVENT_NONE = 0,
	PL_EVENT_LISTEN,	/* T1: CREATE_LISTENER_LATCH */
	PL_EVENT_DEFERRED,	/* K26: created before its SAs are there */
	PL_EVENT_CREATED,	/* T2, T15: no conflict, and parameters known */
	PL_EVENT_CREATED_BROKEN, /* T3: conflict, and the caller wants the object all the same */
	PL_EVENT_ACCEPTED,	/* T4: born from a listener */
	PL_EVENT_ACCEPTED_BROKEN, /* T5: born from a listener, with a conflict */
	PL_EVENT_RESTORED,	/* K16: from the journal; nothing is proved yet */
	PL_EVENT_COMPLETED,	/* T15: the SAs that it waited for are there */
	PL_EVENT_FAILED,	/* T15: no latch after all */
	PL_EVENT_CONFLICT_SA,	/* T6 */
	PL_EVENT_CONFLICT_SPD,	/* T7 */
	PL_EVENT_PEER_DEAD,	/* T8: liveness, or a reboot */
	PL_EVENT_PEER_TIMEOUT,	/* K15: setting up an SA timed out: packet loss */
	PL_EVENT_CLEARED,	/* T9: no reason for the break is left */
	PL_EVENT_RELEASE,	/* T10 to T12: by the owner */
	PL_EVENT_UNPROTECT,	/* likewise, and the flow shall go on without its latch */
	PL_EVENT_ADMIN_CLOSE,	/* K23 */
	PL_EVENT_ADMIN_BREAK,	/* K62 */
	PL_EVENT_FLOW_GONE,	/* K43, K44: neither socket nor TIME_WAIT holds the tuple */
	PL_EVENT_OWNER_GONE,	/* the socket owns the latch from now on */
	PL_EVENT_TOLD,		/* T13: the owner has the alert */
	PL_EVENT_LOST,		/* T14: not restorable, or identities corrupt (K53) */
	PL_EVENT_SUPERSEDED,	/* a new latch takes the tuple over */
	PL_EVENT_ROOF,
};

/**
 * enum pl_effect - what a step demands, as a set; done from the lowest bit to the highest
 *
 * The kernel first, then the owner, then his socket: the flow is blocked by then, and whoever finds
 * his socket dead shall find the reason as well.
 */
enum pl_effect {
	PL_DO_GUARD = 1 << 0,	/* the tuple enters the guard, without any pin */
	PL_DO_BLOCK = 1 << 1,	/* every pin of both directions leaves, in one batch */
	PL_DO_PERMIT = 1 << 2,	/* the latched SAs are pinned */
	PL_DO_UNGUARD = 1 << 3,	/* tuple, pins and steering policies leave (K17) */
	PL_DO_SAVE = 1 << 4,	/* into the journal */
	PL_DO_REROUTE = 1 << 5,	/* sockets forget ways that they took under another SPD */
	PL_DO_BIND = 1 << 6,	/* channel bindings are fixed (design D14) */
	PL_DO_UNBIND = 1 << 7,	/* and withdrawn */
	PL_DO_ALERT = 1 << 8,	/* tell the owner */
	PL_DO_DISPOSE = 1 << 9,	/* the disposition chosen for a break (K59) */
	PL_DO_RESET = 1 << 10,	/* as if reset by the peer, whatever was chosen (K48) */
	PL_DO_FREE = 1 << 11,	/* delete the object */
	PL_DO_ROOF = 1 << 12,
};

/**
 * struct pl_step - what an event leads to
 * @next:    the state to set; never PL_STATE_NONE
 * @effects: set of enum pl_effect
 */
struct pl_step {
	enum pl_state next;
	unsigned effects;
};

/**
 * pl_fsm_step() - look up one step; changes nothing
 * @state: of the latch
 * @event: what happened
 * @ret:   written on success only
 *
 * When PL_DO_PERMIT fails, the latch must not be ESTABLISHED: the caller takes the step of
 * PL_EVENT_LOST or stays where it is. When PL_DO_BLOCK fails, it goes on all the same.
 *
 * Return: 0, or PL_E_WRONG_STATE for what the table does not know
 */
int pl_fsm_step(enum pl_state state, enum pl_event event, struct pl_step *ret) PL_MUST_USE;

/**
 * pl_state_shown() - the state as people see it
 * @state: any state
 *
 * Return: PL_STATE_LARVAL, _LISTENER, _ESTABLISHED, _BROKEN, _CLOSED, or _NONE for UNBORN and
 * what is no state
 */
enum pl_state pl_state_shown(enum pl_state state);

/**
 * pl_state_name() - stable name of the state itself; "none" for what is no state
 * @state: a state
 */
const char *pl_state_name(enum pl_state state);

/**
 * pl_event_name() - stable name; "none" for what is no event
 * @event: an event
 */
const char *pl_event_name(enum pl_event event);

/**
 * pl_effect_name() - stable name; "none" unless exactly one known bit is set
 * @effect: one effect
 */
const char *pl_effect_name(enum pl_effect effect);

#endif
