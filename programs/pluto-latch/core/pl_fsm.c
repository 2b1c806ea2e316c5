/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The life of a latch (RFC 5660 section 2.2), as a table of state and event. Zero is illegal, so
 * that a step nobody wrote down is a step that is refused.
 *
 * Invariants, which the unit test walks the table for:
 * - Into BROKEN, DEAD or CLOSED the pins leave first, the owner is told last (K34, K45, K46, K51).
 * - Pins of a connection are set only on the way into ESTABLISHED, and DEAD never leads there
 *   (K19).
 * - A tuple leaves the guard when its socket is gone, when creation fails, or when its owner asks
 *   for just that while the latch is intact; never because a program ended (design, Owner).
 * - An object is deleted only when its owner knows, or let go of it himself (T13).
 *
 * Where the RFC leaves a choice: a conflict at birth is an error of the call and no event, unless
 * the caller wants the BROKEN object (T3) or a listener needs it to be alerted (T5; design D10). A
 * release is CLOSED for the owner, yet the guard keeps the flow under its SAs until the socket and
 * TIME_WAIT are gone; a broken flow cannot be released into the open. A latch of the journal is
 * BROKEN until a fresh authentication proves its peer (design D11): that is CLEARED.
 */

#include "core/pl_fsm.h"

#define GO(state, do) { PL_STATE_##state, do }

/* The flow stops, the owner learns. */
#define BREAK (PL_DO_BLOCK | PL_DO_SAVE | PL_DO_DISPOSE | PL_DO_ALERT)
#define CLOSE (PL_DO_BLOCK | PL_DO_SAVE | PL_DO_RESET | PL_DO_ALERT)
/* The socket went first. */
#define LEAVE (PL_DO_UNGUARD | PL_DO_SAVE | PL_DO_ALERT)
/* Nobody needs to be told. */
#define VANISH (PL_DO_UNGUARD | PL_DO_SAVE | PL_DO_FREE)

static const struct pl_step table[PL_STATE_ROOF][PL_EVENT_ROOF] = {
	[PL_STATE_UNBORN] = {
		[PL_EVENT_LISTEN] = GO(LISTENER, PL_DO_GUARD | PL_DO_SAVE),
		[PL_EVENT_DEFERRED] = GO(LARVAL, PL_DO_GUARD | PL_DO_SAVE),
		[PL_EVENT_CREATED] = GO(ESTABLISHED,
			PL_DO_GUARD | PL_DO_PERMIT | PL_DO_SAVE | PL_DO_BIND),
		[PL_EVENT_CREATED_BROKEN] = GO(BROKEN,
			PL_DO_GUARD | PL_DO_BLOCK | PL_DO_SAVE | PL_DO_ALERT),
		[PL_EVENT_ACCEPTED] = GO(ESTABLISHED,
			PL_DO_GUARD | PL_DO_PERMIT | PL_DO_SAVE | PL_DO_BIND | PL_DO_ALERT),
		[PL_EVENT_ACCEPTED_BROKEN] = GO(BROKEN, PL_DO_GUARD | BREAK),
		[PL_EVENT_RESTORED] = GO(BROKEN,
			PL_DO_GUARD | PL_DO_BLOCK | PL_DO_SAVE | PL_DO_ALERT),
		[PL_EVENT_LOST] = GO(CLOSED, PL_DO_GUARD | CLOSE),
	},
	[PL_STATE_LARVAL] = {
		[PL_EVENT_CREATED] = GO(ESTABLISHED, PL_DO_PERMIT | PL_DO_SAVE | PL_DO_BIND),
		[PL_EVENT_CREATED_BROKEN] = GO(BROKEN, PL_DO_BLOCK | PL_DO_SAVE | PL_DO_ALERT),
		[PL_EVENT_COMPLETED] = GO(ESTABLISHED,
			PL_DO_PERMIT | PL_DO_SAVE | PL_DO_BIND | PL_DO_ALERT),
		[PL_EVENT_FAILED] = GO(GONE, VANISH | PL_DO_ALERT),
		[PL_EVENT_PEER_TIMEOUT] = GO(LARVAL, 0),
		[PL_EVENT_RELEASE] = GO(GONE, VANISH),
		[PL_EVENT_UNPROTECT] = GO(GONE, VANISH),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED, CLOSE),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, LEAVE),
		[PL_EVENT_OWNER_GONE] = GO(LARVAL, PL_DO_SAVE),
	},
	[PL_STATE_LISTENER] = {
		[PL_EVENT_PEER_TIMEOUT] = GO(LISTENER, 0),
		[PL_EVENT_RELEASE] = GO(LINGERING, PL_DO_SAVE),
		[PL_EVENT_UNPROTECT] = GO(GONE, VANISH),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED, CLOSE),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, LEAVE),
		[PL_EVENT_OWNER_GONE] = GO(LISTENER, PL_DO_SAVE),
	},
	[PL_STATE_ESTABLISHED] = {
		[PL_EVENT_CONFLICT_SA] = GO(BROKEN, BREAK | PL_DO_UNBIND),
		[PL_EVENT_CONFLICT_SPD] = GO(BROKEN, BREAK | PL_DO_UNBIND),
		[PL_EVENT_PEER_DEAD] = GO(DEAD, BREAK | PL_DO_UNBIND),
		[PL_EVENT_PEER_TIMEOUT] = GO(ESTABLISHED, 0),
		[PL_EVENT_RELEASE] = GO(LINGERING, PL_DO_SAVE | PL_DO_UNBIND),
		[PL_EVENT_UNPROTECT] = GO(GONE, VANISH | PL_DO_UNBIND),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED, CLOSE | PL_DO_UNBIND),
		[PL_EVENT_ADMIN_BREAK] = GO(DEAD, BREAK | PL_DO_UNBIND),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, LEAVE | PL_DO_UNBIND),
		[PL_EVENT_OWNER_GONE] = GO(ESTABLISHED, PL_DO_SAVE),
		[PL_EVENT_LOST] = GO(CLOSED, CLOSE | PL_DO_UNBIND),
	},
	[PL_STATE_BROKEN] = {
		[PL_EVENT_CONFLICT_SA] = GO(BROKEN, PL_DO_SAVE),
		[PL_EVENT_CONFLICT_SPD] = GO(BROKEN, PL_DO_SAVE),
		[PL_EVENT_PEER_DEAD] = GO(DEAD, PL_DO_SAVE | PL_DO_ALERT),
		[PL_EVENT_PEER_TIMEOUT] = GO(BROKEN, 0),
		[PL_EVENT_CLEARED] = GO(ESTABLISHED, PL_DO_PERMIT | PL_DO_SAVE | PL_DO_REROUTE |
						     PL_DO_BIND | PL_DO_ALERT),
		[PL_EVENT_RELEASE] = GO(CLOSED_TOLD, PL_DO_SAVE),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED, CLOSE),
		[PL_EVENT_ADMIN_BREAK] = GO(DEAD, PL_DO_SAVE | PL_DO_ALERT),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, LEAVE),
		[PL_EVENT_OWNER_GONE] = GO(BROKEN, PL_DO_SAVE),
		[PL_EVENT_LOST] = GO(CLOSED, CLOSE),
	},
	[PL_STATE_DEAD] = {
		[PL_EVENT_CONFLICT_SA] = GO(DEAD, PL_DO_SAVE),
		[PL_EVENT_CONFLICT_SPD] = GO(DEAD, PL_DO_SAVE),
		[PL_EVENT_PEER_DEAD] = GO(DEAD, PL_DO_SAVE),
		[PL_EVENT_PEER_TIMEOUT] = GO(DEAD, 0),
		[PL_EVENT_RELEASE] = GO(CLOSED_TOLD, PL_DO_SAVE),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED, CLOSE),
		[PL_EVENT_ADMIN_BREAK] = GO(DEAD, PL_DO_SAVE),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, LEAVE),
		[PL_EVENT_OWNER_GONE] = GO(DEAD, PL_DO_SAVE),
		[PL_EVENT_LOST] = GO(CLOSED, CLOSE),
	},
	[PL_STATE_LINGERING] = {
		[PL_EVENT_CONFLICT_SA] = GO(CLOSED_TOLD, BREAK & ~PL_DO_ALERT),
		[PL_EVENT_CONFLICT_SPD] = GO(CLOSED_TOLD, BREAK & ~PL_DO_ALERT),
		[PL_EVENT_PEER_DEAD] = GO(CLOSED_TOLD, BREAK & ~PL_DO_ALERT),
		[PL_EVENT_PEER_TIMEOUT] = GO(LINGERING, 0),
		[PL_EVENT_ADMIN_CLOSE] = GO(CLOSED_TOLD, CLOSE & ~PL_DO_ALERT),
		[PL_EVENT_ADMIN_BREAK] = GO(CLOSED_TOLD, BREAK & ~PL_DO_ALERT),
		[PL_EVENT_FLOW_GONE] = GO(GONE, VANISH),
		[PL_EVENT_OWNER_GONE] = GO(LINGERING, PL_DO_SAVE),
		[PL_EVENT_LOST] = GO(CLOSED_TOLD, CLOSE & ~PL_DO_ALERT),
		[PL_EVENT_SUPERSEDED] = GO(GONE, PL_DO_BLOCK | PL_DO_SAVE | PL_DO_FREE),
	},
	[PL_STATE_CLOSED] = {
		[PL_EVENT_PEER_TIMEOUT] = GO(CLOSED, 0),
		[PL_EVENT_RELEASE] = GO(CLOSED_TOLD, PL_DO_SAVE),
		[PL_EVENT_FLOW_GONE] = GO(CLOSED_GONE, PL_DO_UNGUARD | PL_DO_SAVE),
		[PL_EVENT_OWNER_GONE] = GO(CLOSED_TOLD, PL_DO_SAVE),
		[PL_EVENT_TOLD] = GO(CLOSED_TOLD, PL_DO_SAVE),
	},
	[PL_STATE_CLOSED_TOLD] = {
		[PL_EVENT_PEER_TIMEOUT] = GO(CLOSED_TOLD, 0),
		[PL_EVENT_FLOW_GONE] = GO(GONE, VANISH),
		[PL_EVENT_OWNER_GONE] = GO(CLOSED_TOLD, PL_DO_SAVE),
		[PL_EVENT_SUPERSEDED] = GO(GONE, PL_DO_SAVE | PL_DO_FREE),
	},
	[PL_STATE_CLOSED_GONE] = {
		[PL_EVENT_RELEASE] = GO(GONE, PL_DO_SAVE | PL_DO_FREE),
		[PL_EVENT_OWNER_GONE] = GO(GONE, PL_DO_SAVE | PL_DO_FREE),
		[PL_EVENT_TOLD] = GO(GONE, PL_DO_SAVE | PL_DO_FREE),
	},
};

int pl_fsm_step(enum pl_state state, enum pl_event event, struct pl_step *ret)
{
	if ((unsigned)state >= PL_STATE_ROOF || (unsigned)event >= PL_EVENT_ROOF ||
	    table[state][event].next == PL_STATE_NONE)
		return PL_E_WRONG_STATE;
	*ret = table[state][event];
	return 0;
}

enum pl_state pl_state_shown(enum pl_state state)
{
	switch (state) {
	case PL_STATE_LARVAL:
	case PL_STATE_LISTENER:
	case PL_STATE_ESTABLISHED:
	case PL_STATE_BROKEN:
	case PL_STATE_CLOSED:
		return state;
	case PL_STATE_DEAD:
		return PL_STATE_BROKEN;
	case PL_STATE_LINGERING:
	case PL_STATE_CLOSED_TOLD:
	case PL_STATE_CLOSED_GONE:
	case PL_STATE_GONE:
		return PL_STATE_CLOSED;
	case PL_STATE_NONE:
	case PL_STATE_UNBORN:
	case PL_STATE_ROOF:
		break;
	}
	return PL_STATE_NONE;
}

const char *pl_state_name(enum pl_state state)
{
	static const char *const names[PL_STATE_ROOF] = {
		"none", "unborn", "larval", "listener", "established", "broken", "dead",
		"lingering", "closed", "closed-told", "closed-gone", "gone",
	};

	return (unsigned)state < PL_STATE_ROOF ? names[state] : names[0];
}

const char *pl_event_name(enum pl_event event)
{
	static const char *const names[PL_EVENT_ROOF] = {
		"none", "listen", "deferred", "created", "created-broken", "accepted",
		"accepted-broken", "restored", "completed", "failed", "conflict-sa", "conflict-spd",
		"peer-dead", "peer-timeout", "cleared", "release", "unprotect", "admin-close",
		"admin-break", "flow-gone", "owner-gone", "told", "lost", "superseded",
	};

	return (unsigned)event < PL_EVENT_ROOF ? names[event] : names[0];
}

const char *pl_effect_name(enum pl_effect effect)
{
	static const char *const names[] = {
		"guard", "block", "permit", "unguard", "save", "reroute", "bind", "unbind",
		"alert", "dispose", "reset", "free",
	};

	for (unsigned bit = 0; 1u << bit < PL_DO_ROOF; bit++) {
		if ((unsigned)effect == 1u << bit)
			return names[bit];
	}
	return "none";
}
