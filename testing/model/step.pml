/* SPDX-License-Identifier: GPL-2.0-or-later */

/* core/pl_step.c: one step of the table with its effects in their order. What the table says comes
 * from next_of[] and effects_of[], which are the daemon's own. Each effect is an instant; before
 * and after it, the world moves.
 */

#define WHY_OTHER 0
#define WHY_SA 1
#define WHY_SPD 2

#define is_refusable (refusals < REFUSALS)

inline forget(n)
{
	state[n] = S_NONE; params[n] = 0; owner[n] = SOCKET; cause[n] = WHY_OTHER;
	is_unsure[n] = 0;
#ifdef LIVENESS
	is_leaving[n] = 0;
#endif
	latched[n] = 0; is_owed[n] = 0; is_over[n] = 0; is_dead[n] = 0
}

/* Of the steps that no owner asked for, he must be told. */
#define must_be_told(n, e) (owner[n] == SESSION && nx != from && \
	(nx == S_BROKEN || nx == S_DEAD || nx == S_CLOSED || nx == S_CLOSED_GONE) && \
	from != S_CLOSED && e != E_RELEASE && e != E_UNPROTECT)

inline enter(n, e)
{
	assert(closed_is_final || !is_over[n] || nx == S_LINGERING || nx == S_CLOSED ||
	       nx == S_CLOSED_TOLD || nx == S_CLOSED_GONE || nx == S_GONE);
	assert(dead_stays_dead || !is_dead[n] || (nx != S_ESTABLISHED && nx != S_BROKEN));
	state[n] = nx;
	is_owed[n] = is_owed[n] || must_be_told(n, e);
	is_over[n] = nx == S_LINGERING || nx == S_CLOSED || nx == S_CLOSED_TOLD ||
		     nx == S_CLOSED_GONE;
	is_dead[n] = !is_over[n] && (is_dead[n] || e == E_PEER_DEAD || e == E_ADMIN_BREAK);
	/* nobody asks for them any more */
	if
	:: is_over[n] && nx != S_LINGERING -> params[n] = 0; latched[n] = 0
	:: else
	fi;
	if
	:: e == E_TOLD || e == E_OWNER_GONE
	:: else -> cause[n] = (nx != S_BROKEN -> WHY_OTHER :
			       (e == E_CONFLICT_SPD -> WHY_SPD :
				(e == E_CONFLICT_SA || e == E_CREATED_BROKEN ||
				 e == E_ACCEPTED_BROKEN -> WHY_SA : WHY_OTHER)))
	fi
}

/* Transactions of the guard: in force, or refused and nothing changed. */

inline guard(n)
{
	if
	:: d_step { in_flows[n] = 1;
		if
		:: n < FLOWS && sock[n] != NO_SOCKET && promise[n] == 0 -> promise[n] = SILENCE
		:: else
		fi }
	:: is_refusable -> refusals++; ok = 0
	fi
}

inline block(n)
{
	if
	:: d_step { true -> pins[n] = (DROP_PINS -> 0 : pins[n]); is_unsure[n] = 0 }
	:: d_step { is_refusable -> refusals++; is_unsure[n] = REMEMBER; ok = 0 }
	fi
}

/* A reqid that names two parties cannot be pinned. */
#define is_shared(s, q, t) (touches(s, t) && carries[s] == params[t] && IS_THERE(q) && \
			    reqid[q] == reqid[s] && carries[q] != params[t])
#define is_any_shared(t) (is_shared(0, 1, t) || is_shared(1, 0, t))

inline permit(t)
{
	if
	:: is_any_shared(t) -> ok = 0
	:: else ->
		if :: is_unsure[t] -> block(t) :: else fi;
		if
		:: !ok
		:: ok -> d_step {
			assert(params_stay || latched[t] == 0 || latched[t] == params[t]);
			assert(params_stay || promise[t] == 0 || promise[t] == SILENCE ||
			       promise[t] == params[t]);
			latched[t] = params[t];
			promise[t] = (sock[t] != NO_SOCKET -> params[t] : 0);
			pins[t] = pins[t] | pins_of(t) }
		:: ok && is_refusable -> d_step { refusals++; is_unsure[t] = 1; ok = 0 }
		fi
	fi
}

inline unguard(n, e)
{
	if
	:: d_step { true ->
		in_flows[n] = 0; pins[n] = 0;
		/* the owner's wish, or a latch that never was */
		if
		:: e == E_UNPROTECT || (e == E_RELEASE && from == S_LARVAL) -> promise[n] = 0
		:: else
		fi;
		}
	:: is_refusable -> refusals++; ok = 0
	fi
}

inline ask_guard(n, e)
{
	if :: fx & DO_GUARD -> guard(n) :: else fi;
	if
	:: !ok
	:: ok && (fx & DO_BLOCK) ->
		if :: nx != S_GONE -> d_step { enter(n, e) } :: else fi;
		block(n);
		ok = ok || nx != S_GONE
	:: ok && !(fx & DO_BLOCK) && (fx & DO_PERMIT) -> permit(n)
	:: ok && !(fx & (DO_BLOCK | DO_PERMIT)) && (fx & DO_UNGUARD) -> unguard(n, e)
	:: else
	fi
}

/* The owner has the record, or EOF since he does not read, or there is nobody. */
inline alert(n)
{
	if
	:: owner[n] != SESSION -> is_told = 1; is_owed[n] = 0
	:: owner[n] == SESSION && (fx & DO_ALERT) ->
		assert(blocked_before_told || !is_down(nx) || is_unsure[n] || n >= FLOWS ||
		       is_blocked(n));
		is_told = !is_full;
		is_owed[n] = 0;
		printf("alert %d %d\n", n, nx)
#ifdef FULL
	:: owner[n] == SESSION && (fx & DO_ALERT) && !is_full ->
		is_full = 1; is_told = 1; is_owed[n] = 0
#endif
	:: owner[n] == SESSION && !(fx & DO_ALERT) -> is_told = 0
	fi
}

inline dispose(n)
{
	if
	:: d_step { sock[n] == OPEN && n < FLOWS -> socket_ends(n, NO_SOCKET);
		printf("reset %d\n", n) }
	:: true	/* who waits, and UDP */
	fi
}

#define is_up_step ((fx & (DO_GUARD | DO_PERMIT)) && !(fx & DO_BLOCK))

/* The journal refused: what the guard did for it goes, and what was guarded before stays so. */
inline undo(n)
{
	ok = 0;
	if
	:: fx & DO_PERMIT -> block(n); ok = 0; is_unsure[n] = 1
	:: !(fx & DO_PERMIT) && was_guarded -> is_unsure[n] = 1
	:: !(fx & DO_PERMIT) && !was_guarded -> ok = 1;
		unguard(n, E_UNPROTECT);
		if :: !ok -> d_step { state[n] = S_LARVAL; is_unsure[n] = 1 } :: else fi;
		ok = 0
	fi
}

#define tells_on (is_told && (fx & DO_ALERT) && (nx == S_CLOSED || nx == S_CLOSED_GONE))

/* The rest of pl_step_take(), when guard and journal have done their part. */
inline carry_out(n, e)
{
	d_step { enter(n, e) };
	alert(n);
	if :: fx & DO_ALERT -> yield() :: else fi;
	if :: fx & (DO_DISPOSE | DO_RESET) -> dispose(n) :: else fi;
	d_step {
		if
		:: fx & DO_FREE ->
			assert(told_of_its_own || !is_owed[n] || e == E_RELEASE);
			forget(n)
		:: !(fx & DO_FREE) && tells_on ->
			from = nx;
			fx = effects_of[from * E_ROOF + E_TOLD];
			nx = next_of[from * E_ROOF + E_TOLD];
			assert(nx != S_NONE && (fx & ~(DO_SAVE | DO_FREE)) == 0);
			if :: fx & DO_FREE -> forget(n) :: else -> enter(n, E_TOLD) fi
		:: else
		fi
	}
}

/* ok: was it taken */
inline take(n, e)
{
	d_step {
		from = state[n];
		nx = next_of[from * E_ROOF + e];
		fx = effects_of[from * E_ROOF + e];
		mutate(e)
		ok = nx != S_NONE
	};
	TELL_FIRST(n)
	if
	:: !ok
	:: ok -> ask_guard(n, e);
		if
		:: !ok || (nx == from && fx == 0)
		:: else ->
			if
			:: fx & (DO_GUARD | DO_BLOCK | DO_PERMIT | DO_UNGUARD) -> yield()
			:: else
			fi;
			if
			:: carry_out(n, e)
			:: is_refusable && is_up_step && (fx & DO_SAVE) -> refusals++; undo(n)
			fi
		fi
	fi
}

inline find_conflict(t, is_absent, ret)
{
	if
	:: (touches(0, t) && carries[0] != params[t]) ||
	   (touches(1, t) && carries[1] != params[t]) || is_any_shared(t) -> ret = E_CONFLICT_SA
	:: else ->
		ret = (spd == BYPASSES || (spd == ABSENT && (is_absent || cause[t] == WHY_SPD &&
		       state[t] == S_BROKEN)) -> E_CONFLICT_SPD : E_NONE)
	fi
}

#define is_mendable(t) (cause[t] != WHY_OTHER && params[t] != 0)

/* Breaks what is in conflict now, mends what no longer is. */
inline recheck(t, is_absent)
{
	d_step {
		ev = E_NONE;
		RELEARN(t)
		if
		:: is_pinned(t) -> find_conflict(t, is_absent, ev)
		:: IS_BROKEN(t) -> find_conflict(t, is_absent, ev);
			MEND_BLIND
			ev = (ev == E_NONE && IS_MENDABLE(t) -> E_CLEARED : E_NONE)
		:: else
		fi
	};
	if
	:: ev != E_NONE -> take(t, ev); ev = E_NONE
	:: else
	fi
}
