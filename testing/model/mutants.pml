/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One rule less each: spin must find what it kept from happening. The rules as they are come last.
 * testing/model/run knows by which assertion, and in which scene.
 */

#define step_is(s, ev) (from == s && e == ev)
#define also(condition, more) \
	if :: condition -> fx = fx | more :: else fi;
#define without(condition, less) \
	if :: condition -> fx = fx & ~(less) :: else fi;
#define is_break(ev) (ev == E_CONFLICT_SA || ev == E_CONFLICT_SPD || ev == E_PEER_DEAD)
#define as_if_broken(s) \
	if \
	:: from == s && e == E_CLEARED -> \
		nx = next_of[S_BROKEN * E_ROOF + e]; fx = effects_of[S_BROKEN * E_ROOF + e] \
	:: else \
	fi;

#ifdef M_TELL_AFTER_ACCEPT	/* the alert is left for later */
#define mutate(e) without(is_break(e), DO_ALERT)
#endif
#ifdef M_TELL_FIRST	/* before the guard has blocked */
#define TELL_FIRST(n) if :: ok && is_break(ev) -> alert(n) :: else fi;
#endif
#ifdef M_KEEP_PINS	/* block leaves the pins */
#define DROP_PINS false
#endif
#ifdef M_UNGUARD_AT_RELEASE
#define mutate(e) also(step_is(S_ESTABLISHED, E_RELEASE), DO_UNGUARD)
#endif
#ifdef M_UNGUARD_AT_EXIT
#define mutate(e) also(e == E_OWNER_GONE, DO_UNGUARD)
#endif
#ifdef M_NO_TIME_WAIT	/* a flow is over though TIME_WAIT holds it */
#define IS_GONE(n) (sock[n] != OPEN)
#endif
#ifdef M_GUARD_LATE	/* its SAs are looked at before it is guarded */
#define mutate(e) without(e == E_DEFERRED, DO_GUARD) also(e == E_CREATED, DO_GUARD)
#endif
#ifdef M_BIRTH_BLIND	/* born without looking for conflicts */
#define IS_ODD_ONE(t) false
#endif
#ifdef M_INSTALL_BLIND	/* an SA is accepted without asking the latches */
#define JUDGE(what) skip
#endif
#ifdef M_ACCEPT_FIRST	/* the SA is in the kernel before the latch breaks */
#define ACCEPT_EARLY(s) is_accepted[s] = 1; set_kernel(s, 1); yield();
#endif
#ifdef M_PIN_ALL	/* whatever touches is pinned, and conflicts break nothing */
#define MAY_PIN(s, t) true
#define JUDGE(what) skip
#endif
#ifdef M_RETIRE_NEVER	/* the pin outlives the last SA of its reqid */
#define RETIRE(what) skip
#endif
#ifdef M_MEND_BLIND	/* one conflict ended, so all did */
#define MEND_BLIND ev = E_NONE;
#endif
#ifdef M_DEAD_MENDS	/* the peer was dead, and is back */
#define IS_BROKEN(t) (state[t] == S_BROKEN || state[t] == S_DEAD)
#define IS_MENDABLE(t) (params[t] != 0)
#define mutate(e) as_if_broken(S_DEAD)
#endif
#ifdef M_CLOSED_MENDS
#define IS_BROKEN(t) (state[t] == S_BROKEN || state[t] == S_CLOSED_TOLD)
#define IS_MENDABLE(t) true
#define mutate(e) as_if_broken(S_CLOSED_TOLD)
#endif
#ifdef M_RELEARN	/* a broken latch takes what parameters there are */
#define RELEARN(t) \
	if \
	:: state[t] == S_BROKEN && touches(0, t) && !touches(1, t) -> params[t] = carries[0] \
	:: else \
	fi;
#endif
#ifdef M_NO_HEIRLOOM	/* a restart begins with an empty guard */
#define INHERIT in_flows[0] = 0; in_flows[1] = 0;
#endif
#ifdef M_FORGET_REFUSAL	/* the guard refused to block, and nobody tries again */
#define REMEMBER 0
#endif
#ifdef M_FORGET_DOUBT	/* a new latch follows one that is not blocked for sure */
#define SETTLE(what) skip
#endif
#ifdef M_DROP_UNTOLD	/* with its socket gone, a latch is deleted before its owner knows */
#define mutate(e) \
	also(step_is(S_ESTABLISHED, E_FLOW_GONE), DO_FREE) without(e == E_FLOW_GONE, DO_ALERT)
#endif
#ifdef M_NO_NAMESAKES	/* SAs that share a reqid elsewhere are not looked at */
#define NAMESAKES(what) skip
#endif
#ifdef M_BELIEVE_PLUTO	/* an SA is gone when pluto says so */
#define IS_THERE(s) in_mirror[s]
#endif
#ifdef M_LET_IN	/* an administrator's number comes in while it may be pinned for others */
#define HOLD_BACK(condition) true
#endif
#ifdef M_NEVER_TELL
#define mutate(e) without(true, DO_ALERT)
#endif
#ifdef M_NEVER_LOOK	/* nobody looks whether sockets of released flows are gone */
#define IS_GONE(n) false
#endif

#ifndef mutate
#define mutate(e)
#endif
#ifndef TELL_FIRST
#define TELL_FIRST(n)
#endif
#ifndef DROP_PINS
#define DROP_PINS true
#endif
#ifndef IS_GONE
#define IS_GONE(n) (sock[n] == NO_SOCKET)
#endif
#ifndef IS_ODD_ONE
#define IS_ODD_ONE(t) (differs(0, t) || differs(1, t))
#endif
#ifndef JUDGE
#define JUDGE(what) what
#endif
#ifndef ACCEPT_EARLY
#define ACCEPT_EARLY(s)
#endif
#ifndef MAY_PIN
#define MAY_PIN(s, t) (carries[s] == params[t])
#endif
#ifndef RETIRE
#define RETIRE(what) what
#endif
#ifndef MEND_BLIND
#define MEND_BLIND
#endif
#ifndef IS_BROKEN
#define IS_BROKEN(t) (state[t] == S_BROKEN)
#endif
#ifndef IS_MENDABLE
#define IS_MENDABLE(t) is_mendable(t)
#endif
#ifndef RELEARN
#define RELEARN(t)
#endif
#ifndef INHERIT
#define INHERIT
#endif
#ifndef REMEMBER
#define REMEMBER 1
#endif
#ifndef SETTLE
#define SETTLE(what) what
#endif
#ifndef HOLD_BACK
#define HOLD_BACK(condition) (condition)
#endif
#ifndef IS_THERE
#ifdef SHARED
#define IS_THERE(s) (in_mirror[s] || in_kernel[s])
#else
#define IS_THERE(s) in_mirror[s]
#endif
#endif
#ifndef NAMESAKES
#define NAMESAKES(what) what
#endif
