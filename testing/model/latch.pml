/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches and their races, for spin. README says what is in the bound and what not.
 *
 * pluto() is core/pl_engine*.c: one event at a time, each with all of its effects and the verdict
 * at its end. world() moves between any two of them.
 */

#include "fsm.pml"
#include "mutants.pml"
#include "world.pml"
#include "step.pml"

#define R_OK 0
#define R_ERROR 1
#define R_CONFLICT 2

/* core/pl_engine.c: what IKE and the administrator do */

#define knows_all (!is_owed[0] && !is_owed[1])

inline recheck_touched(q)
{
	t = 0;
	do
	:: t < FLOWS && covers(q, t) -> recheck(t, false); t++
	:: t < FLOWS && !covers(q, t) -> t++
	:: t == FLOWS -> t = 0; break
	od
}

/* Another SA of the number concerns the latches of both. */
inline recheck_namesakes(s)
{
	skip;
#ifdef SHARED
	if
	:: in_mirror[1 - s] && reqid[1 - s] == reqid[s] && carries[1 - s] != carries[s] ->
		NAMESAKES(recheck_touched(1 - s))
	:: else
	fi
#endif
}

inline guard_refused(t)
{
	take(t, E_CONFLICT_SA)
}

/* Its pin comes before the SA does. */
inline pin(s, t)
{
	if
	:: is_pinned(t) && MAY_PIN(s, t) ->
		if
		:: pins[t] = pins[t] | (1 << reqid[s])
		:: is_refusable -> refusals++; guard_refused(t)
		fi
	:: else
	fi
}

#define has_heir(s, t) (touches(1 - s, t) && reqid[1 - s] == reqid[s] && \
			carries[1 - s] == params[t])

inline retire(s, t)
{
	if
	:: is_pinned(t) && carries[s] == params[t] && !has_heir(s, t) ->
		if
		:: RETIRE(pins[t] = pins[t] & ~(1 << reqid[s]))
		:: is_refusable -> refusals++; guard_refused(t)
		fi
	:: else
	fi
}

/* The guard refused to block: what is pinned there is not known, but for numbers of the daemon's
 * own, which name one party for good. */
#define is_unblocked(t) (is_unsure[t] && !is_pinned(t))
#ifdef SHARED
#define is_acceptable(s) HOLD_BACK(!is_unblocked(0) && !is_unblocked(1))
#else
#define is_acceptable(s) true
#endif

/* An SA is gone, and then what it did to others. */
inline leave(s)
{
	atomic { in_mirror[s] = 0; is_accepted[s] = 0 };
	do
	:: t < FLOWS && covers(s, t) -> retire(s, t); t++
	:: t < FLOWS && !covers(s, t) -> t++
	:: t == FLOWS -> t = 0; break
	od;
	recheck_touched(s);
	recheck_namesakes(s);
#ifdef SHARED
	/* pluto says so before the kernel has deleted it, and the kernel says so later */
	set_kernel(s, 0);
	recheck_namesakes(s);
#endif
	atomic { set_kernel(s, 0); carries[s] = 0; reqid[s] = 0; selects[s] = 0 }
}

/* A peer offers an SA: any peer, any selectors. The kernel may refuse it. */
inline install(s)
{
	if
	:: carries[s] = A
	:: carries[s] = C
#ifdef QOP
	:: carries[s] = A_OTHER
#endif
	fi;
	if :: selects[s] = 1 :: selects[s] = 2 :: selects[s] = 3 fi;
	reqid[s] = carries[s];
#ifdef SHARED
	if :: reqid[s] = A :: true fi;
#endif
	in_mirror[s] = 1;
	printf("install %d %d %d\n", s, carries[s], selects[s]);
	ACCEPT_EARLY(s)
	do
	:: t < FLOWS && covers(s, t) -> JUDGE(recheck(t, false)); pin(s, t); t++
	:: t < FLOWS && !covers(s, t) -> t++
	:: t == FLOWS -> t = 0; break
	od;
	recheck_namesakes(s);
	yield();
	if
	:: is_acceptable(s) ->
		atomic {
			assert(told_before_accepted || knows_all);
			is_accepted[s] = 1;
			printf("accept %d\n", s)
		};
		set_kernel(s, 1)
	:: else -> printf("refuse %d\n", s); leave(s)
	fi
}

/* It expired, or somebody deleted it; also, since the peer did not answer. */
inline remove(s)
{
	if
#ifdef DPD
	:: printf("dead %d\n", s);
		do
		:: t < FLOWS && is_peer(params[t], carries[s]) -> take(t, E_PEER_DEAD); t++
		:: t < FLOWS && !is_peer(params[t], carries[s]) -> t++
		:: t == FLOWS -> t = 0; break
		od
#endif
	:: printf("down %d\n", s)
	fi;
	leave(s)
}

/* Somebody changes the SPD through pluto; @is_absent: on purpose, and not in passing. */
inline change_spd()
{
	if
	:: spd != PROTECTS -> spd = PROTECTS; printf("spd %d\n", PROTECTS)
	:: spd != BYPASSES -> spd = BYPASSES; printf("spd %d\n", BYPASSES)
	:: spd != ABSENT -> spd = ABSENT; is_absent = 1; printf("spd %d %d\n", ABSENT, 1)
	:: spd != ABSENT -> spd = ABSENT; printf("spd %d\n", ABSENT)
	fi;
	do
	:: t < FLOWS -> recheck(t, is_absent); t++
	:: t == FLOWS -> t = 0; break
	od;
	is_absent = 0;
	assert(told_before_accepted || knows_all)
}

/* core/pl_engine_call.c */

#define is_replaceable(n) (state[n] == S_NONE || state[n] == S_LINGERING || \
			   state[n] == S_CLOSED_TOLD)

inline learn(t)
{
	atomic {
		if
		:: touches(0, t) -> carrier = carries[0]
		:: touches(1, t) -> carrier = carries[1]
		:: !touches(0, t) && !touches(1, t) -> carrier = 0
		fi;
		params[t] = carrier;
		judge(t)
	}
}

#define differs(s, t) (touches(s, t) && carries[s] != carrier)

inline judge(t)
{
	result = (carrier == 0 || (!IS_ODD_ONE(t) && spd == ABSENT) -> R_ERROR :
		  (IS_ODD_ONE(t) || spd == BYPASSES -> R_CONFLICT : R_OK))
}

inline conceive(n)
{
	if
	:: state[n] != S_NONE ->
		if :: is_unsure[n] && !is_pinned(n) -> SETTLE(block(n)) :: else fi;
		if :: ok -> take(n, E_SUPERSEDED) :: else fi;
		if :: ok && n < FLOWS -> promise[n] = (sock[n] != NO_SOCKET -> SILENCE : 0)
		:: else
		fi
	:: else -> ok = 1
	fi;
	if
	:: ok -> d_step { state[n] = S_UNBORN; owner[n] = SESSION }
	:: else
	fi
}

/* No latch, and yet the flow must not be set free. */
inline entomb(n)
{
	d_step { state[n] = S_CLOSED_TOLD; is_over[n] = 1; is_unsure[n] = 1 }
}

/* The old latch gives way only to a new one, so its SAs are looked at first. */
inline may_follow(t)
{
	if
	:: was_guarded ->
		atomic { carrier = params[t]; params[t] = 0; learn(t); params[t] = carrier };
		ok = result == R_OK || (result == R_CONFLICT && may_be_broken)
	:: else -> ok = 1
	fi
}

inline give_birth(t)
{
	take(t, E_DEFERRED);
	if
	:: ok -> assert(guarded_before_asked || is_blocked(t));
		learn(t);
		printf("carrier %d %d\n", t, params[t]);
		if
		:: result == R_OK -> take(t, E_CREATED)
		:: result == R_CONFLICT && may_be_broken -> take(t, E_CREATED_BROKEN)
		:: else -> ok = 0
		fi
	:: else
	fi
}

inline latch(t)
{
#ifdef BORN_BROKEN
	if :: may_be_broken = 1 :: true fi;
#endif
	was_guarded = state[t] != S_NONE;
	printf("latch %d %d\n", t, may_be_broken);
	may_follow(t);
	if
	:: ok -> conceive(t);
		if
		:: ok -> give_birth(t);
			if
			:: ok
			:: !ok && was_guarded -> entomb(t)
			:: !ok && !was_guarded && state[t] == S_LARVAL ->
				take(t, E_RELEASE);
				if :: !ok -> is_unsure[t] = 1 :: else fi
			:: !ok && !was_guarded && state[t] == S_UNBORN -> d_step { forget(t) }
			fi
		:: else
		fi
	:: else
	fi;
	printf("latched %d %d %d\n", t, state[t], params[t])
}


/* A session ended: the sockets own its latches. */
inline owner_gone()
{
	printf("owner-gone\n");
	n = 0;
	do
	:: n < LATCHES && owner[n] == SESSION -> owner[n] = SOCKET; is_owed[n] = 0;
		take(n, E_OWNER_GONE); n++
	:: n < LATCHES && owner[n] != SESSION -> n++
	:: n == LATCHES -> n = 0; break
	od;
	atomic { session = 0; is_full = 0 }
}

#define IS_CALLER(n) (state[n] != S_NONE && session && !is_full)

/* Owner and administrator, in any order. */
inline call(n)
{
	atomic {
		if
		:: IS_CALLER(n) && state[n] != S_LARVAL -> ev = E_RELEASE
#ifdef ADMIN
		:: IS_CALLER(n) -> ev = E_UNPROTECT
		:: ev = E_ADMIN_CLOSE
		:: ev = E_ADMIN_BREAK
#endif
		fi;
		printf("call %d %d\n", n, ev)
	};
	take(n, ev);
	ev = E_NONE
}

/* Sockets that may be gone: whoever says so is not believed. */
inline flow_gone(n)
{
	if
	:: IS_GONE(n) -> yield(); take(n, E_FLOW_GONE)
	:: else
	fi
}

#ifdef LIVENESS
inline gone(n)
{
	is_noted[n] = 0;
	printf("gone %d\n", n);
	flow_gone(n);
	if :: state[n] != S_NONE -> is_leaving[n] = 1 :: else fi
}

#define is_heard(n) (is_noted[n])

#define is_polled(n) (state[n] == S_LINGERING || state[n] == S_CLOSED || \
	state[n] == S_CLOSED_TOLD || (state[n] != S_NONE && state[n] != S_CLOSED_GONE && \
	(is_leaving[n] || owner[n] != SESSION || n >= FLOWS)))
#else
/* For safety, anything may be looked at at any time. */
#define is_polled(n) (state[n] != S_NONE && state[n] != S_CLOSED_GONE)
#endif
#define is_minded(n) (is_unsure[n] || is_polled(n))
#ifdef ADMIN
#define is_called(n) (state[n] != S_NONE)
#else
#define is_called(n) (IS_CALLER(n) && state[n] != S_LARVAL)
#endif
#define is_some(what) (what(0) || what(1))
#define pick(what) if :: what(0) -> n = 0 :: what(1) -> n = 1 fi

inline mend(n)
{
	if
	:: state[n] == S_LARVAL -> take(n, E_RELEASE)
	:: state[n] != S_LARVAL && is_unsure[n] && !is_pinned(n) -> block(n)
	:: else
	fi;
	if
	:: state[n] == S_BROKEN -> recheck(n, false)
	:: else
	fi
}

inline tick()
{
	printf("tick\n");
	n = 0;
	do
	:: n < LATCHES && is_minded(n) -> mend(n);
		if
		:: is_polled(n) && state[n] != S_LARVAL ->
			was_gone = sock[n] == NO_SOCKET;
			flow_gone(n);
			assert(gone_is_free || !was_gone || !in_flows[n] || refusals > 0)
		:: else
		fi;
		n++
	:: n < LATCHES && !is_minded(n) -> n++
	:: n == LATCHES -> n = 0; break
	od
}

/* core/pl_engine_start.c: the guard is all that is left of the daemon before. */
inline begin_again()
{
	d_step {
		must_die = 0; is_busy = 1; session = 0; is_full = 0; spd = PROTECTS;
		n = 0; t = 0; ev = E_NONE; is_absent = 0; may_be_broken = 0;
		forget(0); forget(1);
		in_mirror[0] = 0; in_mirror[1] = 0;
		is_accepted[0] = 0; is_accepted[1] = 0;
	};
	/* one transaction */
	d_step {
		pins[0] = 0; pins[1] = 0;
		INHERIT
	};
	do
	:: n < LATCHES && in_flows[n] -> state[n] = S_UNBORN; take(n, E_LOST);
		if
		:: !ok -> state[n] = S_CLOSED_TOLD; is_unsure[n] = 1
		:: else
		fi;
		n++
	:: n < LATCHES && !in_flows[n] -> n++
	:: n == LATCHES -> n = 0; break
	od;
	/* pluto's flush */
	atomic {
		set_kernel(0, 0); carries[0] = 0; reqid[0] = 0; selects[0] = 0;
		set_kernel(1, 0); carries[1] = 0; reqid[1] = 0; selects[1] = 0
	};
	n = 0
}

/* The event loop */

#define swap(what) what[0] = what[0] ^ what[1]; what[1] = what[0] ^ what[1]; \
	what[0] = what[0] ^ what[1]
#define key(s) (carries[s] * 4 + selects[s])

/* Which of two SAs is called 0 makes no difference. */
inline sort_SAs()
{
	if
	:: !in_mirror[0] && in_mirror[1] || in_mirror[1] && key(0) > key(1) ->
		swap(in_mirror); swap(is_accepted); swap(carries); swap(reqid); swap(selects);
		swap_kernel()
	:: else
	fi
}

#define flow_key(t) (state[t] * 4 + sock[t])
#define mirror(set) ((set & 1) << 1 | set >> 1)

/* Nor which of two flows. */
inline sort_flows()
{
	if
	:: flow_key(0) > flow_key(1) ->
		swap(in_flows); swap(pins); swap(sock); swap(state); swap(params); swap(owner);
		swap(cause); swap(is_unsure); swap(promise); swap(latched); swap(is_owed);
		swap(is_over); swap(is_dead);
		selects[0] = mirror(selects[0]); selects[1] = mirror(selects[1])
	:: else
	fi
}

#define is_session_over (session && (!is_alive || is_full))
#define may_latch(t) ((t < NR || t >= FLOWS) && session && !is_full && sock[t] == OPEN && is_replaceable(t))

/* States that differ in nothing but what is left of the last event are one. */
inline rest()
{
	skip;
	d_step {
		from = S_NONE; nx = S_NONE; fx = 0; ev = E_NONE; ok = 0; is_told = 0;
		carrier = 0; result = 0; was_guarded = 0; may_be_broken = 0;
		is_busy = 0; was_gone = 0;
#ifndef LIVENESS
#if NR == FLOWS
		sort_flows();
#endif
		sort_SAs()
#endif
	};
	yield()
}

#define BEGIN(condition) condition -> is_busy = 1

inline some_event()
{
	if
	/* What is refused before anything was looked at is no event. */
	:: BEGIN(!in_mirror[0] && is_acceptable(0)); install(0)
	:: BEGIN(!in_mirror[1] && in_mirror[0] && is_acceptable(1)); install(1)
	:: BEGIN(is_accepted[0]); remove(0)
	:: BEGIN(is_accepted[1]); remove(1)
#ifdef SPD
	:: BEGIN(true); change_spd()
#endif
	:: BEGIN(!session && is_alive); session = 1; printf("session\n")
	:: BEGIN(is_session_over); owner_gone()
	:: BEGIN(is_some(is_minded)); tick()
	:: BEGIN(is_some(is_called));
		pick(is_called);
		call(n);
		n = 0
#ifdef LIVENESS
	:: BEGIN(is_some(is_heard));
		pick(is_heard);
		gone(n);
		n = 0
#endif
	:: BEGIN(may_latch(0)); latch(0)
	:: BEGIN(may_latch(1)); latch(1)
	fi;
	rest()
}

inline serve()
{
	do
	:: atomic { some_event() };
#ifdef LIVENESS
		/* The loop starves no timer. */
		atomic {
			if
			:: BEGIN(is_some(is_minded)); tick(); rest()
			:: else
			fi
		}
#endif
	od
}

active proctype pluto()
{
	byte n, t, from, nx, ev, carrier, result;
	short fx;
	bit ok, is_told, is_absent, was_guarded, was_gone, may_be_broken;

#if CRASHES
	do
	:: { serve() } unless { atomic { must_die -> begin_again(); rest() } }
	od
#else
	serve()
#endif
}

#ifdef LIVENESS
/* Under weak fairness: whoever is owed an alert gets it; what is over leaves the guard. */
#define is_waiting(n) ((state[n] == S_LINGERING || state[n] == S_CLOSED || \
			state[n] == S_CLOSED_TOLD) && in_flows[n] && sock[n] == NO_SOCKET)
ltl told { [] (is_owed[0] -> <> !is_owed[0]) }
ltl leaves { [] (is_waiting(0) -> <> !is_waiting(0)) }
#endif
