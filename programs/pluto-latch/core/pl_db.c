/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The Latch Database (RFC 5660 section 2.3): every latch, found in six ways.
 *
 * - by tuple: a hash table (pl_table), for what sockets and clients name;
 * - by id: a tree (pl_node), for calls and for List, whose cursor is the last id seen;
 * - by owner: a tree of (kind, number, id), for the end of a session;
 * - by uid: a tree of (uid, id), so that what a user asks about his latches does not cost the time
 *   of everybody's;
 * - by cookie: hash chains, for the end of a socket whose tuple is another one by then. The kernel
 *   counts cookies up, so that their low bits spread evenly;
 * - by place: in the order of pl_tuple_compare() (pl_order), connections and listeners apart, for
 *   "which latches does this SA touch". A search walks the box that the selectors span, and jumps
 *   over what lies outside of it, so it looks at the hits and at one latch per gap (design D17).
 * A list has those that need care without anything happening, and a table whom a latch is for.
 *
 * Invariants: a latch is in all of them or in none; no two latches have one tuple (K29); an id is
 * given out once. Nothing here decides anything, and nothing is kept over a restart (L12, K18).
 */

#include "core/pl_db.h"

#include "core/pl_demand.h"
#include "core/pl_node.h"
#include "core/pl_order.h"
#include "core/pl_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 1 << 16 };

/* Bit fields of struct pl_latch have room for them. */
_Static_assert(PL_STATE_ROOF <= 1 << 5, "states");
_Static_assert(PL_EVENT_ROOF <= 1 << 6, "events");
_Static_assert(PL_DISPOSITION_ROOF <= 1 << 3, "dispositions");

struct pl_db {
	struct pl_nodes *nodes;
	struct pl_table *table;
	struct pl_order *connections;
	struct pl_order *listeners;
	struct pl_demands *demands;
	uint32_t minded[2];	/* first and last */
	uint64_t next_id;
	uint32_t shown[PL_STATE_ROOF];	/* latches by the state that people see */
	uint32_t chains[CHAINS];
	/* The heir is in none of the above. */
	struct pl_node *giving_way, *heir;
};

static struct pl_node *node_of(const struct pl_latch *latch)
{
	return (struct pl_node *)((const char *)latch - offsetof(struct pl_node, latch));
}

static struct pl_latch *latch_in(struct pl_node *node)
{
	return node == NULL ? NULL : &node->latch;
}

/* The table knows a latch by its tuple. */
static struct pl_latch *latch_of(const struct pl_tuple *tuple)
{
	if (tuple == NULL)
		return NULL;
	return (struct pl_latch *)((const char *)tuple - offsetof(struct pl_latch, tuple));
}

static struct pl_order *place_of(struct pl_db *db, const struct pl_tuple *tuple)
{
	return pl_tuple_is_listener(tuple) ? db->listeners : db->connections;
}

struct pl_db *pl_db_new(const uint8_t key[static 16], uint64_t first_id)
{
	struct pl_db *db = calloc(1, sizeof(*db));
	uint64_t seed;

	if (db == NULL)
		return NULL;
	memcpy(&seed, key, sizeof(seed));
	db->next_id = first_id == 0 ? 1 : first_id;
	db->nodes = pl_nodes_new(seed);
	db->table = pl_table_new(key);
	db->connections = pl_order_new();
	db->listeners = pl_order_new();
	db->demands = pl_demands_new();
	if (db->nodes == NULL || db->table == NULL || db->connections == NULL ||
	    db->listeners == NULL || db->demands == NULL)
		return pl_db_free(db);
	return db;
}

static void forget(struct pl_latch *latch)
{
	pl_identity_unref(latch->params.peer.identity);
	free(latch->reason);
}

/* Each latch once, and no index: they all end. */
struct pl_db *pl_db_free(struct pl_db *db)
{
	struct pl_node *node;

	if (db == NULL)
		return NULL;
	for (uint32_t at = 0; db->nodes != NULL && (node = pl_node_each(db->nodes, &at)) != NULL; )
		forget(&node->latch);
	pl_nodes_free(db->nodes);
	pl_table_free(db->table);
	pl_order_free(db->connections);
	pl_order_free(db->listeners);
	pl_demands_free(db->demands);
	free(db);
	return NULL;
}

static struct pl_node *new_node(struct pl_db *db, uint64_t id, const struct pl_tuple *tuple,
				const struct pl_owner *owner)
{
	struct pl_node *node = pl_node_new(db->nodes);

	if (node == NULL)
		return NULL;
	node->latch.id = id;
	node->latch.tuple = *tuple;
	node->latch.owner = *owner;
	node->latch.state = PL_STATE_UNBORN;
	return node;
}

static void enter(struct pl_db *db, struct pl_node *node)
{
	for (unsigned tree = 0; tree < PL_NODE_TREE_ROOF; tree++)
		pl_node_put(db->nodes, (enum pl_node_tree)tree, node);
}

static void leave(struct pl_db *db, struct pl_node *node)
{
	for (unsigned tree = 0; tree < PL_NODE_TREE_ROOF; tree++)
		pl_node_take(db->nodes, (enum pl_node_tree)tree, node);
}

static int add(struct pl_db *db, uint64_t id, const struct pl_tuple *tuple,
	       const struct pl_owner *owner, struct pl_latch **ret)
{
	struct pl_node *node;
	int r;

	if (pl_table_find(db->table, tuple) != NULL)
		return PL_E_ALREADY_LATCHED;
	node = new_node(db, id, tuple, owner);
	if (node == NULL)
		return -ENOMEM;
	r = pl_table_put(db->table, &node->latch.tuple);
	if (r == 0) {
		r = pl_order_put(place_of(db, tuple), &node->latch.tuple);
		if (r != 0)
			(void)pl_table_take(db->table, tuple);
	}
	if (r != 0) {
		pl_node_free(db->nodes, node);
		return r;
	}
	enter(db, node);
	*ret = &node->latch;
	return 0;
}

int pl_db_insert(struct pl_db *db, const struct pl_tuple *tuple, const struct pl_owner *owner,
		 struct pl_latch **ret)
{
	int r;

	if (db->next_id == UINT64_MAX)
		return PL_E_LIMIT_EXCEEDED;
	r = add(db, db->next_id, tuple, owner, ret);
	if (r == 0)
		db->next_id++;
	return r;
}

int pl_db_name_heir(struct pl_db *db, struct pl_latch *old, const struct pl_owner *owner,
		    struct pl_latch **ret)
{
	struct pl_node *node;

	if (db->next_id == UINT64_MAX)
		return PL_E_LIMIT_EXCEEDED;
	node = new_node(db, db->next_id, &old->tuple, owner);
	if (node == NULL)
		return -ENOMEM;
	db->next_id++;
	db->giving_way = node_of(old);
	db->heir = node;
	*ret = &node->latch;
	return 0;
}

void pl_db_drop_heir(struct pl_db *db)
{
	if (db->heir != NULL) {
		pl_demands_drop(db->demands, db->heir->latch.id);
		pl_db_set_state(db, &db->heir->latch, PL_STATE_UNBORN);
	}
	pl_node_free(db->nodes, db->heir);
	db->heir = db->giving_way = NULL;
}

int pl_db_set_peer(struct pl_db *db, const struct pl_latch *latch, const char *peer)
{
	return pl_demands_set(db->demands, latch->id, peer);
}

const char *pl_db_peer(const struct pl_db *db, const struct pl_latch *latch)
{
	return pl_demands_find(db->demands, latch->id);
}

static uint32_t *chain_of(struct pl_db *db, uint64_t cookie)
{
	return &db->chains[cookie % CHAINS];
}

void pl_db_set_cookie(struct pl_db *db, struct pl_latch *latch, uint64_t cookie)
{
	uint32_t *at = chain_of(db, latch->cookie);
	struct pl_node *node = node_of(latch);

	if (latch->cookie != 0) {
		while (*at != node->number)
			at = &pl_node_at(db->nodes, *at)->chain;
		*at = node->chain;
	}
	latch->cookie = cookie;
	if (cookie == 0)
		return;
	at = chain_of(db, cookie);
	node->chain = *at;
	*at = node->number;
}

struct pl_latch *pl_db_next_of_cookie(const struct pl_db *db, uint64_t cookie,
				      const struct pl_latch *after)
{
	struct pl_node *node = pl_node_at(db->nodes, after == NULL ? db->chains[cookie % CHAINS] :
								    node_of(after)->chain);

	if (cookie == 0)
		return NULL;
	while (node != NULL && node->latch.cookie != cookie)
		node = pl_node_at(db->nodes, node->chain);
	return latch_in(node);
}

int pl_db_restore(struct pl_db *db, uint64_t id, const struct pl_tuple *tuple,
		  const struct pl_owner *owner, struct pl_latch **ret)
{
	int r;

	if (id == 0 || id == UINT64_MAX || pl_db_find_id(db, id) != NULL)
		return PL_E_MALFORMED;
	r = add(db, id, tuple, owner, ret);
	if (r == 0 && db->next_id <= id)
		db->next_id = id + 1;
	return r;
}

struct pl_latch *pl_db_remove(struct pl_db *db, struct pl_latch *latch)
{
	struct pl_node *node;

	if (latch == NULL)
		return NULL;
	node = node_of(latch);
	pl_db_mind(db, latch, false);
	pl_db_set_cookie(db, latch, 0);
	leave(db, node);
	if (db->giving_way == node) {
		pl_order_replace(place_of(db, &latch->tuple), &db->heir->latch.tuple);
		pl_table_replace(db->table, &db->heir->latch.tuple);
		enter(db, db->heir);
		db->heir = db->giving_way = NULL;
	} else {
		pl_order_take(place_of(db, &latch->tuple), &latch->tuple);
		(void)pl_table_take(db->table, &latch->tuple);
	}
	pl_demands_drop(db->demands, latch->id);
	pl_db_set_state(db, latch, PL_STATE_UNBORN);
	forget(latch);
	pl_node_free(db->nodes, node);
	return NULL;
}

void pl_db_give(struct pl_db *db, struct pl_latch *latch, const struct pl_owner *owner)
{
	leave(db, node_of(latch));
	latch->owner = *owner;
	enter(db, node_of(latch));
}

void pl_db_set_state(struct pl_db *db, struct pl_latch *latch, enum pl_state state)
{
	db->shown[pl_state_shown(latch->state)]--;
	db->shown[pl_state_shown(state)]++;
	latch->state = state;
}

/* Those on their way, which nobody sees, are not among them. */
uint32_t pl_db_shown(const struct pl_db *db, enum pl_state shown)
{
	return shown > PL_STATE_NONE && shown < PL_STATE_ROOF ? db->shown[shown] : 0;
}

/* Where the list of those to look after refers to @number from one side, or where it begins. */
static uint32_t *minded_by(struct pl_db *db, uint32_t number, unsigned side)
{
	return number == 0 ? &db->minded[side] : &pl_node_at(db->nodes, number)->minded[side];
}

void pl_db_mind(struct pl_db *db, struct pl_latch *latch, bool is_minded)
{
	enum { NEXT, PREV };	/* of the list as a whole: first and last */
	struct pl_node *node = node_of(latch);

	if (latch->is_minded == is_minded)
		return;
	if (is_minded) {
		node->minded[NEXT] = 0;
		node->minded[PREV] = db->minded[PREV];
		*minded_by(db, node->minded[PREV], NEXT) = node->number;
		db->minded[PREV] = node->number;
	} else {
		*minded_by(db, node->minded[PREV], NEXT) = node->minded[NEXT];
		*minded_by(db, node->minded[NEXT], PREV) = node->minded[PREV];
	}
	latch->is_minded = is_minded;
}

struct pl_latch *pl_db_minded(const struct pl_db *db, const struct pl_latch *after)
{
	return latch_in(pl_node_at(db->nodes, after == NULL ? db->minded[0] :
							     node_of(after)->minded[0]));
}

int pl_latch_set_params(struct pl_latch *latch, const struct pl_params *params)
{
	struct pl_identity *old = latch->params.peer.identity;

	if (latch->state != PL_STATE_UNBORN && latch->state != PL_STATE_LARVAL)
		return PL_E_WRONG_STATE;
	latch->params = *params;
	pl_identity_ref(latch->params.peer.identity);
	pl_identity_unref(old);
	return 0;
}

struct pl_latch *pl_db_find(const struct pl_db *db, const struct pl_tuple *tuple)
{
	return latch_of(pl_table_find(db->table, tuple));
}

struct pl_latch *pl_db_find_listener(const struct pl_db *db, const struct pl_tuple *connection)
{
	struct pl_tuple tuple;
	struct pl_latch *latch;

	pl_tuple_listener_of(connection, false, &tuple);
	latch = pl_db_find(db, &tuple);
	if (latch != NULL)
		return latch;
	pl_tuple_listener_of(connection, true, &tuple);
	return pl_db_find(db, &tuple);
}

static struct pl_latch *seek(const struct pl_db *db, enum pl_node_tree tree,
			     const struct pl_latch *key)
{
	return latch_in(pl_node_seek(db->nodes, tree, key));
}

struct pl_latch *pl_db_find_id(const struct pl_db *db, uint64_t id)
{
	const struct pl_latch key = { .id = id };
	struct pl_latch *latch = seek(db, PL_NODE_BY_ID, &key);

	return latch == NULL || latch->id != id ? NULL : latch;
}

struct pl_latch *pl_db_next(const struct pl_db *db, uint64_t cursor)
{
	const struct pl_latch key = { .id = cursor + 1 };

	return cursor == UINT64_MAX ? NULL : seek(db, PL_NODE_BY_ID, &key);
}

struct pl_latch *pl_db_next_of(const struct pl_db *db, enum pl_owner_kind kind, uint64_t number,
			       uint64_t cursor)
{
	const struct pl_latch key = {
		.id = cursor + 1, .owner = { .kind = kind, .number = number } };
	struct pl_latch *latch = cursor == UINT64_MAX ? NULL : seek(db, PL_NODE_BY_OWNER, &key);

	if (latch == NULL || latch->owner.kind != kind || latch->owner.number != number)
		return NULL;
	return latch;
}

struct pl_latch *pl_db_next_of_uid(const struct pl_db *db, uint32_t uid, uint64_t cursor)
{
	const struct pl_latch key = { .id = cursor + 1, .owner = { .uid = uid } };
	struct pl_latch *latch = cursor == UINT64_MAX ? NULL : seek(db, PL_NODE_BY_UID, &key);

	return latch == NULL || latch->owner.uid != uid ? NULL : latch;
}

/* A box: every field of a tuple lies between that of .lo and that of .hi. */
struct box {
	struct pl_tuple lo, hi;
};

/* One end of a box. What cannot be judged selects everything. */
struct range {
	uint8_t lo[16], hi[16];
	uint8_t lo_af, hi_af, lo_proto, hi_proto;
	uint16_t lo_port, hi_port;
};

static void range_of(const struct pl_ts *ts, struct range *ret)
{
	*ret = (struct range) { .hi_af = UINT8_MAX, .hi_proto = UINT8_MAX, .hi_port = UINT16_MAX };
	if (ts == NULL || !pl_ts_is_valid(ts)) {
		memset(ret->hi, 0xff, sizeof(ret->hi));
		return;
	}
	ret->lo_af = ret->hi_af = ts->af;
	memcpy(ret->lo, ts->lo, pl_ts_size(ts->af));
	memcpy(ret->hi, ts->hi, pl_ts_size(ts->af));
	if (ts->proto != 0)
		ret->lo_proto = ret->hi_proto = ts->proto;
	if (!pl_ts_is_opaque(ts)) {
		ret->lo_port = ts->lo_port;
		ret->hi_port = ts->hi_port;
	}
}

enum kind { CONNECTIONS, LISTENERS, WILDCARDS };

static uint8_t larger(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Return: false when the box is empty. */
static bool box_of(const struct pl_ts *local, const struct pl_ts *remote, enum kind kind,
		   struct box *ret)
{
	struct range here, there;

	range_of(local, &here);
	range_of(remote, &there);
	memset(ret, 0, sizeof(*ret));
	ret->lo.af = larger(here.lo_af, there.lo_af);
	ret->hi.af = smaller(here.hi_af, there.hi_af);
	ret->lo.proto = larger(here.lo_proto, there.lo_proto);
	ret->hi.proto = smaller(here.hi_proto, there.hi_proto);
	ret->lo.local_port = here.lo_port;
	ret->hi.local_port = here.hi_port;
	if (kind != WILDCARDS) {
		memcpy(ret->lo.local, here.lo, sizeof(here.lo));
		memcpy(ret->hi.local, here.hi, sizeof(here.hi));
	}
	if (kind == CONNECTIONS) {
		memcpy(ret->lo.remote, there.lo, sizeof(there.lo));
		memcpy(ret->hi.remote, there.hi, sizeof(there.hi));
		ret->lo.remote_port = there.lo_port;
		ret->hi.remote_port = there.hi_port;
	}
	return ret->lo.af <= ret->hi.af && ret->lo.proto <= ret->hi.proto;
}

/* The fields of a tuple in the order of pl_tuple_compare(). */
enum { F_AF, F_REMOTE, F_LOCAL, F_PROTO, F_LOCAL_PORT, F_REMOTE_PORT, F_ROOF };

static int compare_field(unsigned field, const struct pl_tuple *a, const struct pl_tuple *b)
{
	switch (field) {
	case F_AF:
		return a->af - b->af;
	case F_REMOTE:
		return memcmp(a->remote, b->remote, sizeof(a->remote));
	case F_LOCAL:
		return memcmp(a->local, b->local, sizeof(a->local));
	case F_PROTO:
		return a->proto - b->proto;
	case F_LOCAL_PORT:
		return a->local_port - b->local_port;
	default:
		return a->remote_port - b->remote_port;
	}
}

static void copy_field(unsigned field, const struct pl_tuple *from, struct pl_tuple *to)
{
	switch (field) {
	case F_AF:
		to->af = from->af;
		break;
	case F_REMOTE:
		memcpy(to->remote, from->remote, sizeof(to->remote));
		break;
	case F_LOCAL:
		memcpy(to->local, from->local, sizeof(to->local));
		break;
	case F_PROTO:
		to->proto = from->proto;
		break;
	case F_LOCAL_PORT:
		to->local_port = from->local_port;
		break;
	default:
		to->remote_port = from->remote_port;
		break;
	}
}

/* The caller has seen that the field is below its end, so that nothing runs over. Bytes behind an
 * IPv4 address count too: the next tuple then has zeros there and a greater address. */
static void raise_field(unsigned field, struct pl_tuple *t)
{
	uint8_t *addr = field == F_REMOTE ? t->remote : t->local;

	switch (field) {
	case F_AF:
		t->af++;
		break;
	case F_PROTO:
		t->proto++;
		break;
	case F_LOCAL_PORT:
		t->local_port++;
		break;
	case F_REMOTE:
	case F_LOCAL:
		for (int i = 15; i >= 0 && ++addr[i] == 0; i--)
			;
		break;
	}
}

/* Return: the first field outside of the box, or F_ROOF. */
static unsigned outside(const struct box *box, const struct pl_tuple *t)
{
	for (unsigned f = 0; f < F_ROOF; f++) {
		if (compare_field(f, t, &box->lo) < 0 || compare_field(f, t, &box->hi) > 0)
			return f;
	}
	return F_ROOF;
}

/* The first tuple after @t that may lie in the box. Return: false at its end. */
static bool jump(const struct box *box, unsigned field, struct pl_tuple *t)
{
	if (compare_field(field, t, &box->lo) > 0) {
		do {
			if (field == 0)
				return false;
			field--;
		} while (compare_field(field, t, &box->hi) >= 0);
		raise_field(field, t);
		field++;
	}
	for (; field < F_ROOF; field++)
		copy_field(field, &box->lo, t);
	return true;
}

/* The boxes of a query, numbered: each pair of selectors; for listeners also the wildcards. */
struct boxes {
	const struct pl_ts_list *local, *remote;
	unsigned nr_local, nr_remote;	/* 0 selectors: the one that selects everything */
	bool is_listeners;
	bool is_everything;
};

static void boxes_of(const struct pl_db_query *query, bool is_listeners, struct boxes *ret)
{
	bool is_initiator = query->role == PL_ROLE_INITIATOR;

	*ret = (struct boxes) {
		.local = is_initiator ? query->tsi : query->tsr,
		.remote = is_initiator ? query->tsr : query->tsi,
		.is_listeners = is_listeners,
	};
	ret->is_everything = !is_initiator && query->role != PL_ROLE_RESPONDER;
	ret->nr_local = ret->is_everything || ret->local->len > PL_TS_MAX ? 1 : ret->local->len;
	ret->nr_remote = ret->is_everything || ret->remote->len > PL_TS_MAX ? 1 : ret->remote->len;
}

static unsigned nr_boxes(const struct boxes *boxes)
{
	return boxes->nr_local * boxes->nr_remote * (boxes->is_listeners ? 2 : 1);
}

static bool box_at(const struct boxes *boxes, unsigned at, struct box *ret)
{
	const struct pl_ts *local = NULL, *remote = NULL;
	enum kind kind = CONNECTIONS;

	if (boxes->is_listeners) {
		kind = at % 2 == 0 ? LISTENERS : WILDCARDS;
		at /= 2;
	}
	if (!boxes->is_everything && boxes->local->len <= PL_TS_MAX)
		local = &boxes->local->list[at / boxes->nr_remote];
	if (!boxes->is_everything && boxes->remote->len <= PL_TS_MAX)
		remote = &boxes->remote->list[at % boxes->nr_remote];
	return box_of(local, remote, kind, ret);
}

static bool is_in_earlier_box(const struct boxes *boxes, unsigned at, const struct pl_tuple *t)
{
	struct box box;

	for (unsigned i = 0; i < at; i++) {
		if (box_at(boxes, i, &box) && outside(&box, t) == F_ROOF)
			return true;
	}
	return false;
}

static int walk_box(const struct pl_order *places, const struct boxes *boxes, unsigned number,
		    pl_db_visit *visit, void *ctx, size_t *steps)
{
	const struct pl_tuple *tuple;
	struct pl_order_at at;
	struct box box;

	if (!box_at(boxes, number, &box))
		return 0;
	tuple = pl_order_seek(places, &box.lo, &box.hi, &at);
	while (tuple != NULL) {
		unsigned field = outside(&box, tuple);
		struct pl_tuple from = *tuple;

		++*steps;
		if (field < F_ROOF) {
			if (!jump(&box, field, &from))
				break;
			tuple = pl_order_seek(places, &from, &box.hi, &at);
			continue;
		}
		if (!is_in_earlier_box(boxes, number, tuple)) {
			int r = visit(ctx, latch_of(tuple));

			if (r != 0)
				return r;
		}
		tuple = pl_order_next(places, &box.hi, &at);
	}
	return 0;
}

static int walk(const struct pl_order *places, const struct boxes *boxes, pl_db_visit *visit,
		void *ctx, size_t *steps)
{
	int r = 0;

	if (pl_order_is_empty(places))
		return 0;
	for (unsigned number = 0; r == 0 && number < nr_boxes(boxes); number++)
		r = walk_box(places, boxes, number, visit, ctx, steps);
	return r;
}

int pl_db_touch(const struct pl_db *db, const struct pl_db_query *query, pl_db_visit *visit,
		void *ctx, size_t *ret_steps)
{
	struct boxes boxes;
	size_t steps = 0;
	int r;

	boxes_of(query, false, &boxes);
	r = walk(db->connections, &boxes, visit, ctx, &steps);
	if (ret_steps != NULL)
		*ret_steps = steps;
	return r;
}

int pl_db_touch_listeners(const struct pl_db *db, const struct pl_db_query *query,
			  pl_db_visit *visit, void *ctx, size_t *ret_steps)
{
	struct boxes boxes;
	size_t steps = 0;
	int r;

	boxes_of(query, true, &boxes);
	r = walk(db->listeners, &boxes, visit, ctx, &steps);
	if (ret_steps != NULL)
		*ret_steps = steps;
	return r;
}

size_t pl_db_count(const struct pl_db *db)
{
	return pl_table_count(db->table);
}

size_t pl_db_table_bytes(const struct pl_db *db)
{
	return pl_table_bytes(db->table);
}

size_t pl_db_latch_bytes(void)
{
	return sizeof(struct pl_node) + PL_ORDER_BYTES;
}
