/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What lives outside of the daemon: the guard, the kernel's SAs, sockets, a program; and what each
 * of them was promised. All of it moves at any instant, also between two effects of one step.
 *
 * Packets are no process: of every state it is asked which packets the guard would let pass, those
 * that nobody could send included (is_safe()). So a packet may be anywhere between XFRM and guard.
 */

#define FLOWS 2
#define SAS 2
#ifndef NR
#define NR FLOWS	/* that may have a latch */
#endif
#define LATCHES 2
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef REFUSALS
#define REFUSALS 0
#endif

/* What carries a packet: 0 is clear text. 1 and 2 are parameters of peer A, and differ in their
 * protection; 3 is C, who has a certificate of the same CA, and A's address. */
#define A 1
#define A_OTHER 2
#define C 3
#define is_peer(p, q) ((p) != 0 && (((p) == C) == ((q) == C)))
#define SILENCE 4

#define NO_SOCKET 0
#define OPEN 1
#define TIME_WAIT 2

#define SOCKET 0
#define SESSION 1

#define PROTECTS 0
#define BYPASSES 1
#define ABSENT 2

/* The guard, in nftables. Pins are a set of reqids; both directions come and go in one batch. */
bit in_flows[LATCHES];	/* or among the listeners */
byte pins[LATCHES];

/* SAs, in kernel and daemon. Unless SHARED, each set of parameters has a reqid of its own. What is
 * in the kernel matters to the model where packets are chosen among SAs that are there. */
#ifdef SHARED
bit in_kernel[SAS];
#define set_kernel(s, value) in_kernel[s] = value
#define swap_kernel() swap(in_kernel)
#else
#define set_kernel(s, value) skip
#define swap_kernel() skip
#endif
bit in_mirror[SAS], is_accepted[SAS];
byte carries[SAS], reqid[SAS], selects[SAS];

byte sock[LATCHES];
#ifdef LIVENESS
bit is_noted[LATCHES];	/* the kernel said that this socket ended, and nobody heard yet */
bit is_leaving[LATCHES];
#endif
bit is_alive = 1;	/* the program that owns sockets and session */
bit session = 1;	/* as the daemon knows it */
bit is_full;		/* the daemon closed it since nobody read */
bit must_die;		/* SIGKILL */
byte crashes, refusals;

/* The daemon's database, and whether it is amid an event. */
byte state[LATCHES], params[LATCHES], owner[LATCHES], cause[LATCHES];
bit is_unsure[LATCHES];
byte spd = PROTECTS;
bit is_busy;
#ifdef LIVENESS
bit go;		/* fairness alone decides */
#else
bit go = 1;	/* the daemon's turn */
#endif

/* Ghosts: what was said, to compare it with what is. */
byte promise[LATCHES];	/* to a socket: packets of these parameters and no others */
byte latched[LATCHES];	/* the first parameters that this latch had */
bit is_owed[LATCHES];	/* it went down and its owner does not know */
bit is_over[LATCHES], is_dead[LATCHES];

#define has(set, n) (((set) >> (n)) & 1)
#define covers(s, t) has(selects[s], t)
#define touches(s, t) (in_mirror[s] && covers(s, t))

/* What a packet of flow t meets when it bears r. To a listener only a SYN may begin something. */
#define is_pin(t, r) (r != 0 && has(pins[t], r))
#define passes(t, r) (is_pin(t, r) || !in_flows[t])

/* A shared reqid names two parties: then those SAs are asked that are there. */
#define is_wrong(t, r) (passes(t, r) && promise[t] != r)
#ifdef SHARED
#define is_wrong_sa(t, s) (in_kernel[s] && passes(t, reqid[s]) && promise[t] != carries[s])
#define is_any_wrong(t) (is_wrong(t, 0) || is_wrong_sa(t, 0) || is_wrong_sa(t, 1))
#else
#define is_any_wrong(t) (is_wrong(t, 0) || is_wrong(t, A) || is_wrong(t, A_OTHER) || \
			 is_wrong(t, C))
#endif
#define is_safe(t) (promise[t] == 0 || !is_any_wrong(t))

#define is_conflict(t, s) (state[t] == S_ESTABLISHED && is_accepted[s] && covers(s, t) && \
			   carries[s] != params[t])
#define is_rivalry(s) (state[0] == S_ESTABLISHED && state[1] == S_ESTABLISHED && \
		       params[0] != params[1] && is_accepted[s] && selects[s] == 3)

#define is_pinned(t) (state[t] == S_ESTABLISHED || state[t] == S_LINGERING)
#define is_down(s) (s == S_BROKEN || s == S_DEAD || s == S_CLOSED || s == S_CLOSED_TOLD)
#define is_blocked(t) (in_flows[t] && pins[t] == 0)
#define pin_of(s, t) ((touches(s, t) && carries[s] == params[t]) << reqid[s])
#define pins_of(t) (pin_of(0, t) | pin_of(1, t))
#define is_in_force(t) (is_unsure[t] || \
	((!is_down(state[t]) || is_blocked(t)) && \
	 (!is_pinned(t) || (in_flows[t] && pins[t] == pins_of(t))) && \
	 ((state[t] != S_NONE && state[t] != S_CLOSED_GONE) || !in_flows[t])))

/* Always false: an assertion that fails shows its own name. */
hidden byte no_wrong_packet, no_conflicting_SA, no_rival_latches, guard_is_database, params_stay,
	closed_is_final, dead_stays_dead, blocked_before_told, told_before_accepted, told_of_its_own,
	guarded_before_asked, gone_is_free;

#ifndef LIVENESS
/* In every state there is. */
never {
	do
	:: d_step {
		assert(no_wrong_packet || (is_safe(0) && is_safe(1)));
		assert(no_conflicting_SA || (!is_conflict(0, 0) && !is_conflict(0, 1) &&
					     !is_conflict(1, 0) && !is_conflict(1, 1)));
		assert(no_rival_latches || (!is_rivalry(0) && !is_rivalry(1)));
		assert(guard_is_database || is_busy || (is_in_force(0) && is_in_force(1)))
	}
	od
}
#endif

inline socket_ends(n, how)
{
	sock[n] = how;
	if
	:: how == NO_SOCKET -> promise[n] = 0;
#ifdef LIVENESS
		is_noted[n] = 1
#endif
	:: else
	fi
}

/* The daemon's steps are atomic between two of these. */
inline yield()
{
#ifdef LIVENESS
	skip
#else
	go = 0;
	go
#endif
}

/* One socket's life: it opens without a latch, and ends with TIME_WAIT or without. */
#define socket_moves(n) \
	:: d_step { !go && can_open(n) && is_alive && sock[n] == NO_SOCKET -> sock[n] = OPEN; \
		printf("opens %d\n", n) } \
	:: d_step { !go && sock[n] == OPEN -> socket_ends(n, TIME_WAIT); printf("closes %d\n", n) } \
	:: d_step { !go && sock[n] == TIME_WAIT -> socket_ends(n, NO_SOCKET); printf("ends %d\n", n) }

#define can_open(n) true

active proctype world()
{
end:
	do
	socket_moves(0)
#if NR != 1
	socket_moves(1)
#endif
#ifdef EXIT
	/* The program ends, and its successor begins when the daemon has seen that. */
	:: d_step { !go && is_alive -> is_alive = 0;
		if :: sock[0] == OPEN -> sock[0] = TIME_WAIT :: else fi;
		if :: sock[1] == OPEN -> sock[1] = TIME_WAIT :: else fi;
		printf("exits\n") }
	:: d_step { !go && !is_alive && !session -> is_alive = 1; printf("starts\n") }
#endif
	:: d_step { !go && crashes < CRASHES -> crashes++; must_die = 1 }
#ifndef LIVENESS
	:: !go -> go = 1
#endif
	od
}
