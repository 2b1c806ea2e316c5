/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_DB_H
#define PL_DB_H

#include "core/pl_fsm.h"
#include "core/pl_params.h"
#include "core/pl_tuple.h"

/* What happens to the socket on a break (K59); zero: what latch.conf says for the protocol. */
enum pl_disposition {
	PL_DISPOSITION_DEFAULT = 0,
	PL_DISPOSITION_RESET,	/* as if the peer had reset it */
	PL_DISPOSITION_UNREACHABLE, /* as if ICMP said so: another path may be tried */
	PL_DISPOSITION_WAIT,	/* as if packets were lost */
	PL_DISPOSITION_ROOF,
};

enum pl_owner_kind {
	PL_OWNER_NONE = 0,
	PL_OWNER_SESSION,	/* .number: of the bus session */
	PL_OWNER_SOCKET,	/* .number: socket cookie; its session is gone */
	PL_OWNER_ADMIN,		/* made without anybody asking (K12) */
	PL_OWNER_ROOF,
};

/**
 * struct pl_owner - to whom a latch belongs (L8); a value
 * @uid: counted against its limits, whoever holds it now
 */
struct pl_owner {
	enum pl_owner_kind kind;
	uint32_t uid;
	uint64_t number;
};

/**
 * struct pl_latch - one latch; lives in the database
 * @tuple:       normal; a listener's or a connection's
 * @id:          never reused; 0 is none
 * @owner:       change it with pl_db_give()
 * @state:       what pl_fsm_step() says; change it with pl_db_set_state()
 * @params:      change it with pl_latch_set_params(); all zero before that
 * @disposition: chosen by the owner
 * @cookie:      of its socket; 0 is unknown; change it with pl_db_set_cookie()
 * @require:     what its owner asked for; of a listener, for each connection (K40)
 * @is_late:     bytes had been received before it was latched
 * @may_unprotect: latch.conf lets its owner end the protection (may-bypass)
 * @is_unsure:   guard or store refused a change: the guard blocks again before it ever permits;
 *               handed on to an heir
 * @is_inherited: left in the guard by a predecessor: nobody asked for it, no limit counts it
 * @is_narrow:   by an SA of just this connection, which was made for it and ends with it
 * @is_bare:     that one is gone, and pluto is to set it up again (pl_renew)
 * @is_heir:     its flow was guarded by the latch that gave way to it: no failure sets it free
 * @is_early:    born from an SA of just this connection, and nobody has presented its socket yet
 * @is_leaving:  its socket ended; what is left of it, TIME_WAIT say, is waited for
 * @is_steered:  policies of its own are in front of what the SPD says (K38), or may be
 * @is_optional: it was made where the SPD let its packets by (optional protection, K55)
 * @is_bypass:   its packets pass without an SA, and nothing else does (K55); it has no parameters
 * @is_minded:   changed by pl_db_mind() only
 * @is_due:      its break, or the end of a pin, waits for others of the same event (pl_breaks)
 * @is_tagged:   one of the flows of a UDP socket that stays unconnected (U9, U10)
 * @is_forwarded: neither end is here (L21): @tuple.local is the one whose side needs no IPsec
 * @is_answered: and the guard answers that one with a RST (pl_answer)
 * @is_answer_due: it shall, and has refused; such a latch is unsure
 * @generation:  of the database when the latch last changed; the engine's to set
 * @mono_ns:     CLOCK_MONOTONIC of the last change; the engine's to set
 * @cause:       event of the last change of state
 * @diff:        set of enum pl_diff that @cause is about, or 0
 * @reason:      text for people, malloc()ed; freed with the latch; may be NULL
 */
struct pl_latch {
	struct pl_tuple tuple;
	uint64_t id;
	struct pl_owner owner;
	enum pl_state state : 5;
	enum pl_event cause : 6;
	enum pl_disposition disposition : 3;
	bool is_unsure : 1;
	bool is_inherited : 1;
	bool is_narrow : 1;
	bool is_bare : 1;
	bool is_heir : 1;
	bool is_early : 1;
	bool is_leaving : 1;
	bool is_steered : 1;
	bool is_optional : 1;
	bool is_bypass : 1;
	bool is_minded : 1;
	bool is_late : 1;
	bool may_unprotect : 1;
	bool is_tagged : 1;
	bool is_due : 1;
	bool is_forwarded : 1;
	bool is_answered : 1;
	bool is_answer_due : 1;
	unsigned diff;
	struct pl_params params;
	uint64_t cookie;
	struct pl_require require;
	uint64_t generation;
	uint64_t mono_ns;
	char *reason;
};

struct pl_db;

/**
 * struct pl_db_query - the selectors of an SA, for "which latches does it touch"
 * @role: ours in the exchange that made the SA
 * @tsi:  borrowed
 * @tsr:  borrowed
 */
struct pl_db_query {
	enum pl_role role;
	const struct pl_ts_list *tsi;
	const struct pl_ts_list *tsr;
};

/**
 * typedef pl_db_visit - one latch that was found
 * @ctx:   of the caller
 * @latch: may be changed; must not be removed during the call, nor any other
 *
 * Return: 0 to go on; anything else ends the search and is handed up
 */
typedef int pl_db_visit(void *ctx, struct pl_latch *latch);

/**
 * pl_db_new() - an empty database
 * @key:      random and secret; of the hash table
 * @first_id: the first id to give out; more than any before
 *
 * Return: the database, or NULL without memory
 */
struct pl_db *pl_db_new(const uint8_t key[static 16], uint64_t first_id) PL_MUST_USE;

/**
 * pl_db_free() - with every latch in it
 * @db: NULL is fine
 *
 * Return: NULL
 */
struct pl_db *pl_db_free(struct pl_db *db);

/**
 * pl_db_insert() - a new latch in PL_STATE_UNBORN
 * @db:    the database
 * @tuple: normal; copied
 * @owner: copied
 * @ret:   the latch; belongs to the database
 *
 * Return: 0; PL_E_ALREADY_LATCHED when any latch, in whatever state, has this tuple (K29);
 * PL_E_LIMIT_EXCEEDED when the ids are used up; -ENOMEM
 */
int pl_db_insert(struct pl_db *db, const struct pl_tuple *tuple, const struct pl_owner *owner,
		 struct pl_latch **ret) PL_MUST_USE;

/**
 * pl_db_name_heir() - a new latch in PL_STATE_UNBORN for the tuple of an old one
 * @db:    the database
 * @old:   of it; nobody else has an heir at the time
 * @owner: copied
 * @ret:   belongs to the database
 *
 * It is not found before pl_db_remove() deletes @old, and then takes its place without memory.
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED when the ids are used up; -ENOMEM
 */
int pl_db_name_heir(struct pl_db *db, struct pl_latch *old, const struct pl_owner *owner,
		    struct pl_latch **ret) PL_MUST_USE;

/**
 * pl_db_drop_heir() - the old latch stays after all
 * @db: the database; the heir is freed if there is one
 */
void pl_db_drop_heir(struct pl_db *db);

/**
 * pl_db_restore() - the same for a latch of the journal, whose id is known
 * @db:    the database; later ids will be greater than @id
 * @id:    as it was
 * @tuple: as above
 * @owner: as above
 * @ret:   as above
 *
 * Return: as above; PL_E_MALFORMED for an id that is 0, the last possible one, or in use
 */
int pl_db_restore(struct pl_db *db, uint64_t id, const struct pl_tuple *tuple,
		  const struct pl_owner *owner, struct pl_latch **ret) PL_MUST_USE;

/**
 * pl_db_remove() - delete a latch
 * @db:    the database
 * @latch: of it; NULL is fine
 *
 * Return: NULL
 */
struct pl_latch *pl_db_remove(struct pl_db *db, struct pl_latch *latch);

/**
 * pl_db_give() - another owner
 * @db:    the database
 * @latch: of it
 * @owner: copied
 */
void pl_db_give(struct pl_db *db, struct pl_latch *latch, const struct pl_owner *owner);

/**
 * pl_db_set_state() - another state
 * @db:    the database
 * @latch: of it, or its heir
 * @state: any
 */
void pl_db_set_state(struct pl_db *db, struct pl_latch *latch, enum pl_state state);

/**
 * pl_db_shown() - how many latches people see in this state, without looking at any
 * @db:    the database
 * @shown: as pl_state_shown() has it
 */
uint32_t pl_db_shown(const struct pl_db *db, enum pl_state shown);

/**
 * pl_db_set_cookie() - another socket
 * @db:     the database
 * @latch:  of it
 * @cookie: 0 is unknown
 */
void pl_db_set_cookie(struct pl_db *db, struct pl_latch *latch, uint64_t cookie);

/**
 * pl_db_set_peer() - it is for this peer, and no other
 * @db:    the database
 * @latch: of it; also the heir
 * @peer:  of pl_peer_id_read(); copied; NULL: anybody
 *
 * Return: 0; -ENOMEM, and nothing changed
 */
int pl_db_set_peer(struct pl_db *db, const struct pl_latch *latch, const char *peer) PL_MUST_USE;

/**
 * pl_db_peer() - whom it is for
 * @db:    the database
 * @latch: of it
 *
 * Return: NULL for anybody; else valid until it is set, or the latch is gone
 */
const char *pl_db_peer(const struct pl_db *db, const struct pl_latch *latch);

/**
 * pl_db_next_of_cookie() - the next latch of a socket: of UDP there may be many, one by one
 * @db:     the database
 * @cookie: of the socket; that of nobody if 0
 * @after:  one of them; NULL begins
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_db_next_of_cookie(const struct pl_db *db, uint64_t cookie,
				      const struct pl_latch *after);

/**
 * pl_db_mind() - it has to be looked after from time to time, or no longer
 * @db:        the database
 * @latch:     of it
 * @is_minded: it has to be
 */
void pl_db_mind(struct pl_db *db, struct pl_latch *latch, bool is_minded);

/**
 * pl_db_minded() - the next latch to look after, oldest first
 * @db:    the database
 * @after: one of them; NULL begins
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_db_minded(const struct pl_db *db, const struct pl_latch *after);

/**
 * pl_latch_set_params() - latch these parameters
 * @latch:  takes a reference to the identity
 * @params: copied
 *
 * Return: 0, or PL_E_WRONG_STATE once the latch was ESTABLISHED or BROKEN (K14)
 */
int pl_latch_set_params(struct pl_latch *latch, const struct pl_params *params) PL_MUST_USE;

/**
 * pl_db_find() - the latch of exactly this tuple
 * @db:    the database
 * @tuple: normal
 *
 * Return: NULL if there is none
 */
struct pl_latch *pl_db_find(const struct pl_db *db, const struct pl_tuple *tuple);

/**
 * pl_db_find_listener() - the listener that would accept this connection
 * @db:         the database
 * @connection: normal
 *
 * One of the exact local address goes before one of every address.
 *
 * Return: NULL if there is none
 */
struct pl_latch *pl_db_find_listener(const struct pl_db *db, const struct pl_tuple *connection);

/**
 * pl_db_find_id() - by id
 * @db: the database
 * @id: any
 *
 * Return: NULL if there is none
 */
struct pl_latch *pl_db_find_id(const struct pl_db *db, uint64_t id);

/**
 * pl_db_next() - the next latch in the order of ids
 * @db:     the database
 * @cursor: an id, of a latch that may be gone; 0 begins
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_db_next(const struct pl_db *db, uint64_t cursor);

/**
 * pl_db_next_of() - the next latch of one owner, in the order of ids
 * @db:     the database
 * @kind:   of the owner
 * @number: of the owner
 * @cursor: as above
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_db_next_of(const struct pl_db *db, enum pl_owner_kind kind, uint64_t number,
			       uint64_t cursor);

/**
 * pl_db_next_of_uid() - the next latch of one uid, whoever its owner is, in the order of ids
 * @db:     the database
 * @uid:    of the owner
 * @cursor: as above
 *
 * Return: NULL at the end
 */
struct pl_latch *pl_db_next_of_uid(const struct pl_db *db, uint32_t uid, uint64_t cursor);

/**
 * pl_db_touch() - every connection of which this SA may carry a packet (K31)
 * @db:        the database
 * @query:     the SA
 * @visit:     called once for each, in no useful order
 * @ctx:       for @visit
 * @ret_steps: how many latches were looked at; may be NULL
 *
 * Agrees with pl_tuple_is_touched(): a selector that is invalid selects everything.
 *
 * Return: 0, or what @visit returned
 */
int pl_db_touch(const struct pl_db *db, const struct pl_db_query *query, pl_db_visit *visit,
		void *ctx, size_t *ret_steps);

/**
 * pl_db_touch_listeners() - every listener for which this SA may carry a packet (L14)
 * @db:        the database
 * @query:     the SA
 * @visit:     as above
 * @ctx:       as above
 * @ret_steps: as above
 *
 * Return: as above
 */
int pl_db_touch_listeners(const struct pl_db *db, const struct pl_db_query *query,
			  pl_db_visit *visit, void *ctx, size_t *ret_steps);

/**
 * pl_db_count() - latches in the database
 * @db: the database
 */
size_t pl_db_count(const struct pl_db *db);

/**
 * pl_db_table_bytes() - memory of the hash table, beside the latches
 * @db: the database
 */
size_t pl_db_table_bytes(const struct pl_db *db);

/**
 * pl_db_latch_bytes() - memory of one latch with its places in the indexes, beside the hash table,
 * the reason and the identity
 */
size_t pl_db_latch_bytes(void);

#endif
