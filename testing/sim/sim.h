/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef SIM_H
#define SIM_H

#include "core/pl_engine.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Two hosts, each with a real engine on a guard in memory: A is 192.0.2.1, B is 192.0.2.2. C may
 * claim to be the other one, to either. Flow K is from port 5000 + K of A to port 4000 of B.
 */
enum { A = 0, B = 1, C = 2, NR_HOSTS = 2, NR_PEERS = 3 };
enum { NR_FLOWS = 5, NR_SAS = 6, NR_ITEMS = 512, NR_SESSIONS = 3, NR_IDS = 1 << 17 };
enum { CLIENT_PORT = 5000, SERVER_PORT = 4000, SIM_UID = 1000 };

enum selector { SELECTS_HOST = 0, SELECTS_PORT, SELECTS_FLOW, NR_SELECTORS };

/**
 * struct sa - a child SA, as those who set it up see it
 * @serial:  at each host; 0: it is not installed there
 * @who:     the peer that this host authenticated
 * @reqid:   at each host
 * @suite:   which of two
 * @selects: what
 * @flow:    of SELECTS_FLOW
 */
struct sa {
	uint64_t serial[NR_HOSTS];
	unsigned who[NR_HOSTS];
	uint32_t reqid[NR_HOSTS];
	unsigned suite;
	enum selector selects;
	unsigned flow;
};

/**
 * struct memory - what was true of a latch when it was last looked at; by id, for a whole life
 * @is_known:  it was ESTABLISHED once; the next two are from then
 * @is_dead:   its peer was found dead, or an administrator broke it
 * @alerts:    told to its owner so far
 */
struct memory {
	bool is_known, is_dead;
	uint8_t who, suite;
	uint32_t alerts;
};

/**
 * struct host - one engine and all that it reaches
 * @items:       the guard
 * @is_lost:     somebody removed the guard's table, and it is not back
 * @unblocked:   the last block of this flow failed
 * @steered:     reqid that a flow's own policies want; 0 is none
 * @passes:      the SPD lets the flows by in clear
 * @faults:      one in so many operations fails; 0 is none
 * @born:        what the guard saw of a flow's first packet
 * @is_open:     a flow's socket exists; @is_listening: the server's
 * @owes:        its connection was latched, and nobody asked for it to go on without protection
 * @ticket:      of an attempt that pluto has not answered
 * @sessions:    numbers of those that are open
 * @old:         serial of an IKE SA whose peer, @who, was back with the IKE SA @heir: is he still
 *               there? 0 is none; @is_asked: he was asked
 */
struct host {
	unsigned at;
	struct pl_engine *engine;
	struct pl_conf conf;
	struct pl_identity *peers[NR_PEERS];
	struct pl_guard_item items[NR_ITEMS];
	unsigned nr_items;
	uint32_t steered[NR_FLOWS];
	bool is_lost, passes, is_listening;
	bool unblocked[NR_FLOWS], is_open[NR_FLOWS], owes[NR_FLOWS];
	unsigned faults;
	uint32_t born[NR_FLOWS][2];
	unsigned nr_born[NR_FLOWS];
	uint64_t ticket, sessions[NR_SESSIONS], last_session, now;
	uint64_t old, heir;
	unsigned who;
	bool is_asked;
	struct memory *memory;
};

/**
 * struct sim - all of it
 * @seed:   of rand_r()
 * @step:   number of the event
 * @what:   its name
 * @counts: of what happened, so that a run that shows nothing is seen
 */
struct sim {
	struct host hosts[NR_HOSTS];
	struct sa sas[NR_SAS];
	struct pl_identity_pool *pool;
	uint64_t last_serial;
	unsigned seed;
	unsigned long step;
	const char *what;
	struct {
		unsigned long established, broken, restored, closed, failed, refused, faults, lost,
			admitted, steered, rebooted, spared;
	} counts;
};

extern struct sim sim;

/* from 0 to @n - 1 */
unsigned any(unsigned n);

/* ends the run with the seed, the step and this sentence */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ops of host.c; the context is a struct host */
extern const struct pl_ops sim_ops;

struct pl_tuple flow_of(const struct host *host, unsigned flow);

/* NR_FLOWS for what is none */
unsigned flow_at(const struct host *host, const struct pl_tuple *tuple);

bool guard_holds(const struct host *host, enum pl_guard_kind kind, const struct pl_tuple *tuple,
		 enum pl_direction direction, uint32_t reqid);
bool guard_has_pins(const struct host *host, const struct pl_tuple *tuple);

/* the naive model */
bool sa_touches(const struct sa *sa, unsigned flow);
bool is_in_conflict(const struct host *host, const struct pl_latch *latch);

/* K19, K62: this latch must never be ESTABLISHED again */
void bury(struct host *host, const struct pl_latch *latch);

/* what must be true after every event; @is_calm: nothing failed lately, so that it is all there
 * is */
void check(bool is_calm);

/* the SPD protects the flows of this host, or lets them by in clear */
void set_policy(struct host *host, bool passes);

/* events; each is complete when it returns */
void event_sa(void);
void event_rekey(void);
void event_end_sa(void);
void event_dead_peer(void);
void event_contact(void);
void event_latch(void);
void event_listen(void);
void event_accept(void);
void event_let_go(void);
void event_session(void);
void event_socket(void);
void event_policy(void);
void event_guard(void);
void event_answer(void);
void event_tick(void);

#endif
