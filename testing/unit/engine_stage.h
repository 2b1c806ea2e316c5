/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef ENGINE_STAGE_H
#define ENGINE_STAGE_H

#include "core/pl_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* REQID_B is an administrator's, REQID_C one that the engine could have given out. */
enum {
	SESSION = 77, UID = 1000, NR_ITEMS = 2048, NR_STEERED = 8, NR_RECORDS = 80,
	NR_SESSIONS = 8, NR_TOLD = 1024, REQID_B = 101,
	REQID_C = 2000000003,
};

/* One latch in the journal. */
struct fake_record {
	struct pl_kept kept;
	struct pl_identity *identity;
};

/**
 * struct fake - one engine, a guard in memory, and what was done, in order
 * @items:     in force
 * @log:       names of the effects
 * @calls:     effects that could have failed
 * @fail_at:   the number of the call that fails; 0 is none
 * @is_sticky: and all after it
 * @refuses:   what fails each time: the beginning of an effect's name; NULL is nothing
 * @is_gone:   what the socket ops say, after @gone_ns; and @gone_asked, how often
 * @is_idle:   what they say of a flow of UDP that nobody asked for, and of one that is forwarded
 * @has_mine:  other sockets of the owner are on a listener's port
 * @has_foreign: and sockets of others
 * @told:      what the owner ops say
 * @born:      what the guard saw; but it forgot the birth of @unborn, the last that it unguarded
 * @came:      of the socket ops; NULL: no connection has a socket at the port of a listener
 * @alert:     the last one; its text is in @reason
 * @told_of:   by id: the state that the last one named; of higher ids nothing is kept
 * @disposition: the last one
 * @socket:    what the first look at a socket finds, and @socket_again what every later one does
 * @looks:     how many there were
 * @steered:   connections with policies of their own, and the reqids that those want
 * @ticket:    of the last SAs that pluto was asked for; @initiate is what it said to that
 * @wanted:    how they were to be; @wanted_of has its .peer, empty for anybody
 * @next_id:   no latch in the journal ever had it
 * @ends:      of an association, if it has any
 * @records:   the journal, if @has_journal; @is_damaged is what it says of itself
 * @sessions:  likewise
 * @reminded:  latches that a resumed session was told of, and their states; @nr_remind is for how
 *             many there is room
 */
struct fake {
	struct pl_engine *engine;
	struct pl_conf conf;
	struct pl_guard_item items[NR_ITEMS];
	unsigned nr_items, nr_taken;
	char log[4096];
	unsigned calls, fail_at;
	const char *refuses;
	bool is_sticky, is_gone, is_idle, has_mine, has_foreign;
	uint64_t gone_ns;
	unsigned gone_asked;
	enum pl_told told;
	uint64_t now, wake_at;
	uint32_t born[2];
	unsigned nr_born;
	struct pl_tuple unborn;
	int (*came)(void *ctx, const struct pl_tuple *tuple, pl_socket_see *see, void *see_ctx);
	struct pl_alert alert;
	enum pl_state told_of[NR_TOLD];
	char reason[PL_CONFLICT_TEXT_MAX];
	enum pl_disposition disposition;
	struct pl_socket_facts socket, socket_again;
	unsigned looks;
	struct pl_steer steered[NR_STEERED];
	unsigned nr_steered;
	uint64_t ticket;
	int initiate;
	struct pl_initiate wanted;
	char wanted_of[256];
	struct fake_record records[NR_RECORDS];
	unsigned nr_records;
	struct pl_kept_session sessions[NR_SESSIONS];
	unsigned nr_sessions;
	char reminded[256];
	unsigned nr_remind;
	uint64_t next_id;
	bool has_journal, is_damaged;
	struct pl_ends ends;
};

/**
 * struct harm - what faults of one kind did: a row of testing/faults.md
 * @times:  so many of them
 * @passes: packets could pass that must not, by so many elements that the guard has or lacks
 * @lost:   latches whose owner was not told that they are not ESTABLISHED
 */
struct harm {
	unsigned times, passes, lost;
};

extern struct fake fake;
extern struct pl_identity_pool *pool;
extern struct pl_identity *who_b, *who_c;

/* cmocka fixtures: an engine that latches, without SAs; the SPD protects this host's packets */
int setup(void **state);
int teardown(void **state);

/* an engine in the place of the one before, which left its guard and nothing else */
void start(void);

/* what the stage's engines reach */
const struct pl_ops *fake_ops(void);

/* @fake.log is empty again */
void forget_log(void);

/* the single address 192.0.2.@last */
struct pl_ts host(uint8_t last);

/* from this host's port 4000 to 192.0.2.2, which both B and C claim to be */
struct pl_tuple flow(uint16_t port);

/* PL_FACT_CHILD_INSTALL of everything between the two hosts */
struct pl_fact child(uint64_t serial, struct pl_identity *identity, uint32_t reqid);

/* ask the engine, note the verdict in the log, and say that it is up */
enum pl_verdict_kind install(struct pl_fact fact);

/* the child SA is gone */
void down(uint64_t serial);

/* PL_FACT_POLICY_ADD or _DELETE, both directions; the empty @shunt protects */
void policy(enum pl_fact_kind kind, const char *shunt, uint64_t conn);

/* of a session, with a cookie */
struct pl_engine_ask ask_for(struct pl_tuple tuple);

/* pl_engine_latch() of flow(@port) */
int latch_flow(uint16_t port, uint64_t *id);

/* PL_STATE_NONE when there is no such latch */
enum pl_state state_of(uint64_t id);

/* with B's SA, made at the first call; the log is empty afterwards */
uint64_t established(uint16_t port);

/* nothing passes that must not: whoever is ESTABLISHED is guarded and pinned to his own peer; a
 * latch that is down has pins only while the engine knows that the guard refused to take them */
void assert_counted(const struct pl_engine *engine);
void assert_safe(void);

/* that, and the guard holds exactly what the database says */
void assert_in_force(void);

/* whom nobody has told by now */
void count_lost(struct harm *harm);

/* one fault more: what there is now, before it is judged */
void count_harm(struct harm *harm);

/* says the row of testing/faults.md, and then judges it */
void judge_harm(const char *fault, const struct harm *harm);

#endif
