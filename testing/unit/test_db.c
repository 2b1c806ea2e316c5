/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The Latch Database: refused duplicates, ids, owners, and searches against a naive array. */

#include "core/pl_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[16] = { 7 };
static const struct pl_owner alice = { PL_OWNER_SESSION, 1000, 1 };
static const struct pl_owner bob = { PL_OWNER_SESSION, 1001, 2 };

static struct pl_tuple flow(unsigned local, unsigned lport, unsigned remote, unsigned rport)
{
	struct pl_tuple t = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = (uint16_t)lport,
		.remote_port = (uint16_t)rport, .local = { 10, 0, 0, (uint8_t)local },
		.remote = { 10, (uint8_t)(remote >> 16), (uint8_t)(remote >> 8), (uint8_t)remote },
	};

	return t;
}

static struct pl_tuple listener(unsigned local, unsigned port)
{
	struct pl_tuple t = flow(local, port, 0, 0);

	memset(t.remote, 0, sizeof(t.remote));
	if (local == 0)
		memset(t.local, 0, sizeof(t.local));
	return t;
}

static struct pl_latch *insert(struct pl_db *db, struct pl_tuple tuple)
{
	struct pl_latch *latch;

	assert_int_equal(pl_db_insert(db, &tuple, &alice, &latch), 0);
	return latch;
}

static void no_two_latches_hold_one_tuple_K29_L13_L15(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_tuple t = flow(1, 4000, 2, 5000), l = listener(1, 80);
	struct pl_latch *latch = NULL, *a = insert(db, t);

	(void)state;
	a->state = PL_STATE_CLOSED_TOLD;	/* even a closed one: it is superseded first */
	assert_int_equal(pl_db_insert(db, &t, &bob, &latch), PL_E_ALREADY_LATCHED);
	assert_null(latch);
	insert(db, l);
	assert_int_equal(pl_db_insert(db, &l, &bob, &latch), PL_E_ALREADY_LATCHED);
	insert(db, listener(0, 80));	/* the wildcard is another 3-tuple */
	assert_int_equal(pl_db_count(db), 3);
	assert_null(pl_db_remove(db, a));
	assert_null(pl_db_remove(db, NULL));
	assert_null(pl_db_find(db, &t));
	insert(db, t);
	assert_null(pl_db_free(db));
	assert_null(pl_db_free(NULL));
}

static int count(void *ctx, struct pl_latch *latch)
{
	(void)latch;
	++*(unsigned *)ctx;
	return 0;
}

static void an_heir_has_the_place_of_its_predecessor_and_not_before_it_is_gone_K29(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_tuple t = flow(1, 4000, 2, 5000);
	struct pl_latch *old = insert(db, t), *heir;
	struct pl_ts_list any = { .len = 1, .list = { { .af = 4, .hi_port = UINT16_MAX,
							.hi = { 255, 255, 255, 255 } } } };
	struct pl_db_query query = { PL_ROLE_INITIATOR, &any, &any };
	unsigned hits = 0;

	(void)state;
	insert(db, flow(1, 4000, 2, 5001));
	assert_int_equal(pl_db_name_heir(db, old, &bob, &heir), 0);
	pl_db_drop_heir(db);
	pl_db_drop_heir(db);
	assert_ptr_equal(pl_db_find(db, &t), old);
	assert_int_equal(pl_db_name_heir(db, old, &bob, &heir), 0);
	assert_int_equal(heir->id, 4);
	assert_int_equal(heir->state, PL_STATE_UNBORN);
	assert_null(pl_db_find_id(db, 4));
	assert_int_equal(pl_db_count(db), 2);
	assert_null(pl_db_remove(db, old));
	assert_ptr_equal(pl_db_find(db, &t), heir);
	assert_ptr_equal(pl_db_find_id(db, 4), heir);
	assert_null(pl_db_find_id(db, 1));
	assert_ptr_equal(pl_db_next_of_uid(db, 1001, 0), heir);
	assert_int_equal(pl_db_count(db), 2);
	assert_int_equal(pl_db_touch(db, &query, count, &hits, NULL), 0);
	assert_int_equal(hits, 2);
	/* the next one has no heir */
	assert_null(pl_db_remove(db, heir));
	assert_null(pl_db_find(db, &t));
	assert_int_equal(pl_db_name_heir(db, pl_db_find_id(db, 2), &bob, &heir), 0);
	assert_null(pl_db_free(db));
}

static void an_id_is_never_given_twice_and_never_zero(void **state)
{
	struct pl_db *db = pl_db_new(key, 0);
	struct pl_tuple t = flow(1, 1, 2, 99);
	struct pl_latch *latch;

	(void)state;
	assert_int_equal(insert(db, flow(1, 1, 2, 1))->id, 1);
	latch = insert(db, flow(1, 1, 2, 2));
	assert_int_equal(latch->id, 2);
	assert_int_equal(latch->state, PL_STATE_UNBORN);
	assert_int_equal(latch->owner.uid, 1000);
	pl_db_remove(db, latch);
	assert_int_equal(insert(db, flow(1, 1, 2, 2))->id, 3);
	/* A refused one costs no id. */
	t = flow(1, 1, 2, 2);
	assert_int_equal(pl_db_insert(db, &t, &alice, &latch), PL_E_ALREADY_LATCHED);
	assert_int_equal(insert(db, flow(1, 1, 2, 4))->id, 4);
	/* From the journal. */
	t = flow(1, 1, 2, 99);
	assert_int_equal(pl_db_restore(db, 0, &t, &alice, &latch), PL_E_MALFORMED);
	assert_int_equal(pl_db_restore(db, 3, &t, &alice, &latch), PL_E_MALFORMED);
	assert_int_equal(pl_db_restore(db, UINT64_MAX, &t, &alice, &latch), PL_E_MALFORMED);
	assert_int_equal(pl_db_restore(db, 2, &t, &alice, &latch), 0);
	assert_int_equal(latch->id, 2);
	assert_int_equal(insert(db, flow(1, 1, 2, 5))->id, 5);
	t.local_port = 7;
	assert_int_equal(pl_db_restore(db, 6, &t, &alice, &latch), 0);
	assert_int_equal(insert(db, flow(1, 1, 2, 7))->id, 7);
	assert_int_equal(pl_db_restore(db, 100, &t, &alice, &latch), PL_E_ALREADY_LATCHED);
	assert_int_equal(insert(db, flow(1, 1, 2, 8))->id, 8);
	t.local_port = 8;
	assert_int_equal(pl_db_restore(db, UINT64_MAX - 1, &t, &alice, &latch), 0);
	t.local_port = 9;
	assert_int_equal(pl_db_insert(db, &t, &alice, &latch), PL_E_LIMIT_EXCEEDED);
	pl_db_free(db);
}

static void a_listener_of_the_exact_address_goes_before_the_wildcard_L14(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *exact = insert(db, listener(1, 80)), *any = insert(db, listener(0, 80));
	struct pl_tuple t = flow(1, 80, 2, 5000), u = flow(3, 80, 2, 5000);
	struct pl_tuple v = flow(1, 81, 2, 5000);

	(void)state;
	assert_ptr_equal(pl_db_find_listener(db, &t), exact);
	assert_ptr_equal(pl_db_find_listener(db, &u), any);
	assert_null(pl_db_find_listener(db, &v));
	t.proto = PL_TUPLE_UDP;
	assert_null(pl_db_find_listener(db, &t));
	pl_db_free(db);
}

static void latches_are_listed_by_id_and_by_owner_with_a_cursor(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *l[10];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		l[i] = insert(db, flow(1, 1, 2, 1 + i));
	for (unsigned i = 1; i < 10; i += 2)
		pl_db_give(db, l[i], &bob);
	for (struct pl_latch *at = pl_db_next(db, 0); at != NULL; at = pl_db_next(db, at->id))
		assert_ptr_equal(at, l[n++]);
	assert_int_equal(n, 10);
	n = 0;
	for (struct pl_latch *at = pl_db_next_of(db, PL_OWNER_SESSION, 2, 0); at != NULL;
	     at = pl_db_next_of(db, PL_OWNER_SESSION, 2, at->id), n += 2)
		assert_ptr_equal(at, l[n + 1]);
	assert_int_equal(n, 10);
	n = 0;
	for (struct pl_latch *at = pl_db_next_of(db, PL_OWNER_SESSION, 1, 0); at != NULL;
	     at = pl_db_next_of(db, PL_OWNER_SESSION, 1, at->id), n += 2)
		assert_ptr_equal(at, l[n]);
	assert_int_equal(n, 10);
	assert_int_equal(l[1]->owner.uid, 1001);
	n = 0;
	for (struct pl_latch *at = pl_db_next_of_uid(db, 1001, 0); at != NULL;
	     at = pl_db_next_of_uid(db, 1001, at->id), n += 2)
		assert_ptr_equal(at, l[n + 1]);
	assert_int_equal(n, 10);
	assert_ptr_equal(pl_db_next_of_uid(db, 1000, 8), l[8]);
	assert_null(pl_db_next_of_uid(db, 1000, 9));
	assert_null(pl_db_next_of_uid(db, 999, 0));
	assert_null(pl_db_next_of_uid(db, 1001, UINT64_MAX));
	assert_null(pl_db_next_of(db, PL_OWNER_SOCKET, 1, 0));
	assert_null(pl_db_next_of(db, PL_OWNER_SESSION, 3, 0));
	assert_null(pl_db_next_of(db, PL_OWNER_SESSION, 1, UINT64_MAX));
	assert_null(pl_db_next(db, 10));
	assert_null(pl_db_next(db, UINT64_MAX));
	/* The cursor may name a latch that is gone. */
	pl_db_remove(db, l[4]);
	assert_ptr_equal(pl_db_next(db, 4), l[5]);
	assert_ptr_equal(pl_db_next(db, 5), l[5]);
	assert_ptr_equal(pl_db_next_of(db, PL_OWNER_SESSION, 1, 5), l[6]);
	assert_null(pl_db_find_id(db, 5));
	assert_ptr_equal(pl_db_find_id(db, 6), l[5]);
	pl_db_free(db);
}

static void what_needs_care_is_on_one_list_D17(void **state)
{
	enum { NR = 40 };
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *l[NR], *list[NR];
	unsigned seed = 29, nr = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < NR; i++)
		l[i] = insert(db, flow(1, 1, 2, 1 + i));
	assert_null(pl_db_minded(db, NULL));
	for (unsigned round = 0; round < 5000; round++) {
		unsigned i = (unsigned)random() % NR, at = 0, what = (unsigned)random() % 8;
		struct pl_latch *latch = NULL;
		struct pl_tuple tuple = l[i]->tuple;
		bool was = l[i]->is_minded;

		while (at < nr && list[at] != l[i])
			at++;
		assert_int_equal(was, at < nr);
		if (was && (what >= 4 || what == 0)) {
			nr--;
			memmove(&list[at], &list[at + 1], (nr - at) * sizeof(list[0]));
		}
		if (what == 0) {
			pl_db_remove(db, l[i]);
			l[i] = insert(db, tuple);
		} else {
			pl_db_mind(db, l[i], what < 4);
		}
		if (!was && what > 0 && what < 4)
			list[nr++] = l[i];
		for (unsigned n = 0; n < nr; n++) {
			latch = pl_db_minded(db, latch);
			assert_ptr_equal(latch, list[n]);
		}
		assert_null(pl_db_minded(db, latch));
	}
	pl_db_free(db);
}

static void latched_parameters_never_change_after_establishment_K14(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_data data = { .peer = { .id = "B" }, .own = { .id = "A" } };
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *latch = insert(db, flow(1, 1, 2, 1));
	struct pl_params first = { .mode = 1 }, second = { .mode = 2 };

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &data, &first.peer.identity), 0);
	data.peer.id = "C";
	assert_int_equal(pl_identity_intern(pool, &data, &second.peer.identity), 0);
	for (int s = 0; s < PL_STATE_ROOF; s++) {
		bool may = s == PL_STATE_UNBORN || s == PL_STATE_LARVAL;

		latch->state = PL_STATE_UNBORN;
		assert_int_equal(pl_latch_set_params(latch, &first), 0);
		latch->state = (enum pl_state)s;
		assert_int_equal(pl_latch_set_params(latch, &second), may ? 0 : PL_E_WRONG_STATE);
		assert_int_equal(latch->params.mode, may ? 2 : 1);
		assert_ptr_equal(latch->params.peer.identity,
				 may ? second.peer.identity : first.peer.identity);
	}
	latch->state = PL_STATE_UNBORN;
	assert_int_equal(pl_latch_set_params(latch, &second), 0);
	/* The latch holds its own reference, and one to the same again is no harm. */
	pl_identity_unref(first.peer.identity);
	assert_int_equal(pl_identity_pool_count(pool), 1);
	assert_int_equal(pl_latch_set_params(latch, &second), 0);
	pl_identity_unref(second.peer.identity);
	assert_int_equal(pl_latch_set_params(latch, &second), 0);
	assert_string_equal(pl_identity_data(latch->params.peer.identity)->peer.id, "C");
	latch->reason = strdup("because");
	pl_db_free(db);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pl_identity_pool_free(pool);
}

static struct pl_ts some_ts(bool may_be_odd)
{
	struct pl_ts ts = { .af = random() % 5 ? PL_AF_IP4 : PL_AF_IP6 };
	size_t last = ts.af == PL_AF_IP4 ? 3 : 15;

	ts.proto = random() % 2 ? 0 : random() % 2 ? PL_TUPLE_TCP : PL_TUPLE_UDP;
	if (random() % 8 == 0) {
		memset(ts.hi, 0xff, last + 1);
	} else {
		ts.lo[0] = ts.hi[0] = 10;
		ts.lo[last] = (uint8_t)(random() % 6);
		ts.hi[last] = (uint8_t)(ts.lo[last] + random() % 3);
	}
	ts.lo_port = random() % 2 ? 0 : (uint16_t)(1 + random() % 5);
	ts.hi_port = ts.lo_port == 0 ? UINT16_MAX : (uint16_t)(ts.lo_port + random() % 3);
	if (may_be_odd && random() % 20 == 0) {
		ts.lo_port = UINT16_MAX;	/* OPAQUE */
		ts.hi_port = 0;
	} else if (may_be_odd && random() % 20 == 0) {
		ts.lo_port = 9;			/* upside down */
		ts.hi_port = 5;
	} else if (may_be_odd && random() % 40 == 0) {
		ts.af = 0;
	}
	return ts;
}

static struct pl_tuple some_tuple(void)
{
	struct pl_tuple t = flow(0, 1 + (unsigned)random() % 6, 0, 1 + (unsigned)random() % 6);
	size_t last = 3;

	if (random() % 5 == 0) {
		t.af = PL_AF_IP6;
		last = 15;
	}
	if (random() % 3 == 0)
		t.proto = PL_TUPLE_UDP;
	memset(t.local, 0, 16);
	memset(t.remote, 0, 16);
	t.local[0] = t.remote[0] = 10;
	t.local[last] = (uint8_t)(random() % 8);
	t.remote[last] = (uint8_t)(random() % 8);
	if (random() % 5 == 0) {
		memset(t.remote, 0, 16);
		t.remote_port = 0;
		if (random() % 2)
			memset(t.local, 0, 16);
	}
	return t;
}

enum { MOST = 400 };

struct naive {
	struct pl_tuple tuple[MOST];
	uint64_t id[MOST];
	struct pl_owner owner[MOST];
	unsigned len;
};

static int find_naive(const struct naive *naive, const struct pl_tuple *t)
{
	for (unsigned i = 0; i < naive->len; i++) {
		if (memcmp(&naive->tuple[i], t, sizeof(*t)) == 0)
			return (int)i;
	}
	return -1;
}

struct hits {
	uint64_t id[MOST];
	unsigned len;
};

static int note(void *ctx, struct pl_latch *latch)
{
	struct hits *hits = ctx;

	for (unsigned i = 0; i < hits->len; i++)
		assert_true(hits->id[i] != latch->id);	/* each once */
	hits->id[hits->len++] = latch->id;
	return 0;
}

static bool listener_is_touched(struct pl_tuple t, const struct pl_db_query *query)
{
	const struct pl_ts_list *local = query->role == PL_ROLE_INITIATOR ? query->tsi : query->tsr;
	const struct pl_ts_list *remote = local == query->tsi ? query->tsr : query->tsi;

	for (unsigned l = 0; l < local->len; l++) {
		for (unsigned r = 0; r < remote->len; r++) {
			const struct pl_ts *here = &local->list[l], *there = &remote->list[r];
			const uint8_t *addr = pl_tuple_is_wildcard(&t) ? here->lo : t.local;

			if (here->af == t.af && there->af == t.af &&
			    pl_tuple_ts_meets(here, t.af, addr, t.proto, t.local_port) &&
			    (there->proto == 0 || there->proto == t.proto))
				return true;
		}
	}
	return false;
}

static void compare_search(struct pl_db *db, const struct naive *naive, bool of_listeners)
{
	struct pl_ts_list tsi = { .len = random() % 4 }, tsr = { .len = random() % 4 };
	struct pl_db_query query = { random() % 2 ? PL_ROLE_INITIATOR : PL_ROLE_RESPONDER,
				     &tsi, &tsr };
	struct hits hits = { .len = 0 };
	unsigned want = 0;
	size_t steps = SIZE_MAX;

	for (unsigned i = 0; i < 3; i++) {
		tsi.list[i] = some_ts(!of_listeners);
		tsr.list[i] = some_ts(!of_listeners);
	}
	if (!of_listeners && random() % 50 == 0)
		query.role = PL_ROLE_NONE;
	if (!of_listeners && random() % 50 == 0)
		tsi.len = PL_TS_MAX + 1;
	assert_int_equal((of_listeners ? pl_db_touch_listeners : pl_db_touch)
			 (db, &query, note, &hits, &steps), 0);
	for (unsigned i = 0; i < naive->len; i++) {
		bool is_hit = false;

		if (pl_tuple_is_listener(&naive->tuple[i]) != of_listeners)
			continue;
		for (unsigned h = 0; h < hits.len; h++)
			is_hit = is_hit || hits.id[h] == naive->id[i];
		want += is_hit;
		assert_int_equal(is_hit, of_listeners ?
				 listener_is_touched(naive->tuple[i], &query) :
				 pl_tuple_is_touched(&naive->tuple[i], query.role, &tsi, &tsr));
	}
	assert_int_equal(want, hits.len);
	assert_true(steps >= hits.len && steps < SIZE_MAX);
}

static void change(struct pl_db *db, struct naive *naive, struct pl_tuple t)
{
	const struct pl_owner *owner = random() % 2 ? &alice : &bob;
	int at = find_naive(naive, &t);
	struct pl_latch *latch = pl_db_find(db, &t);

	assert_int_equal(latch != NULL, at >= 0);
	if (at < 0 && naive->len < MOST) {
		assert_int_equal(pl_db_insert(db, &t, owner, &latch), 0);
		naive->tuple[naive->len] = t;
		naive->owner[naive->len] = *owner;
		naive->id[naive->len++] = latch->id;
	} else if (at >= 0) {
		assert_true(latch->id == naive->id[at]);
		assert_ptr_equal(pl_db_find_id(db, latch->id), latch);
		if (random() % 2) {
			pl_db_give(db, latch, owner);
			naive->owner[at] = *owner;
			return;
		}
		pl_db_remove(db, latch);
		naive->len--;
		naive->tuple[at] = naive->tuple[naive->len];
		naive->owner[at] = naive->owner[naive->len];
		naive->id[at] = naive->id[naive->len];
	}
	assert_int_equal(pl_db_count(db), naive->len);
}

static void the_database_agrees_with_a_naive_array_over_40000_operations(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct naive *naive = calloc(1, sizeof(*naive));
	unsigned seed = 5660;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 40000; round++) {
		unsigned of_bob = 0, listed = 0;

		change(db, naive, some_tuple());
		if (round % 4 == 0)
			compare_search(db, naive, random() % 4 == 0);
		if (round % 400 != 0)
			continue;
		for (unsigned i = 0; i < naive->len; i++)
			of_bob += naive->owner[i].number == bob.number;
		for (struct pl_latch *l = pl_db_next_of(db, bob.kind, bob.number, 0); l != NULL;
		     l = pl_db_next_of(db, bob.kind, bob.number, l->id))
			listed++;
		assert_int_equal(listed, of_bob);
		listed = 0;
		for (struct pl_latch *l = pl_db_next(db, 0); l != NULL; l = pl_db_next(db, l->id))
			listed++;
		assert_int_equal(listed, naive->len);
	}
	free(naive);
	pl_db_free(db);
}

static int stop(void *ctx, struct pl_latch *latch)
{
	(void)latch;
	return ++*(unsigned *)ctx == 3 ? 77 : 0;
}

static void a_search_looks_only_at_candidates_D17(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_ts_list here = { .len = 1 }, there = { .len = 1 };
	struct pl_db_query query = { PL_ROLE_INITIATOR, &here, &there };
	unsigned hits = 0;
	size_t steps = 0;

	(void)state;
	/* 200 peers, 20 connections each, to four addresses of ours. */
	for (unsigned peer = 1; peer <= 200; peer++) {
		for (unsigned i = 0; i < 20; i++)
			insert(db, flow(1 + i % 4, 1000 + i, peer, 443));
	}
	here.list[0] = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX, .lo = { 10 },
					.hi = { 10, 255, 255, 255 } };
	there.list[0] = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX, .lo = { 10, 0, 0, 77 },
					 .hi = { 10, 0, 0, 77 } };
	assert_int_equal(pl_db_touch(db, &query, count, &hits, &steps), 0);
	assert_int_equal(hits, 20);
	assert_true(steps <= 21);
	/* One address and one port of ours, every peer: one look for each field and hit. */
	there.list[0].lo[3] = 0;
	there.list[0].hi[3] = 255;
	here.list[0].lo[3] = here.list[0].hi[3] = 3;
	here.list[0].hi[1] = here.list[0].hi[2] = 0;
	here.list[0].lo_port = here.list[0].hi_port = 1006;
	hits = 0;
	assert_int_equal(pl_db_touch(db, &query, count, &hits, &steps), 0);
	assert_int_equal(hits, 200);
	assert_true(steps <= 6 * 200 + 1);
	/* Another family, protocol or nobody: one look. */
	here.list[0].proto = PL_TUPLE_SCTP;
	hits = 0;
	assert_int_equal(pl_db_touch(db, &query, count, &hits, &steps), 0);
	assert_int_equal(hits, 0);
	assert_true(steps <= 4 * 200 + 1);
	here.list[0].af = there.list[0].af = PL_AF_IP6;
	assert_int_equal(pl_db_touch(db, &query, count, &hits, &steps), 0);
	assert_int_equal(hits + steps, 0);
	here.list[0].proto = 0;
	here.list[0].af = there.list[0].af = PL_AF_IP4;
	assert_int_equal(pl_db_touch(db, &query, stop, &hits, NULL), 77);
	assert_int_equal(hits, 3);
	pl_db_free(db);
}

/* A jump carries from one byte or field into the next, and never runs over the last one. */
static void a_search_ends_at_the_largest_values(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_ts_list here = { .len = 1 }, there = { .len = 1 };
	struct pl_db_query query = { PL_ROLE_INITIATOR, &here, &there };
	struct pl_tuple t = { .af = PL_AF_IP6, .proto = PL_TUPLE_SCTP, .local_port = UINT16_MAX,
			      .remote_port = 9, .local = { 1 } };
	unsigned hits = 0;

	(void)state;
	here.list[0] = (struct pl_ts) { .af = PL_AF_IP6, .hi_port = UINT16_MAX, .hi = { 0xff } };
	there.list[0] = (struct pl_ts) { .af = PL_AF_IP6, .lo_port = 1, .hi_port = 5 };
	memset(here.list[0].hi, 0xff, 16);
	memset(there.list[0].hi, 0xff, 16);
	memset(t.remote, 0xff, 16);
	insert(db, t);			/* the last address of all */
	memset(t.local, 0xff, 16);
	insert(db, t);
	t.remote[0] = 0x20;		/* then a carry through fifteen bytes */
	insert(db, t);
	memset(t.remote, 0, 16);
	t.remote[0] = 0x21;
	t.remote_port = 5;
	insert(db, t);
	assert_int_equal(pl_db_touch(db, &query, count, &hits, NULL), 0);
	assert_int_equal(hits, 1);
	pl_db_free(db);
}

static void a_full_list_of_selectors_is_looked_at_one_by_one(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_ts_list one = { .len = 1 }, full = { .len = PL_TS_MAX };
	struct pl_db_query query = { PL_ROLE_INITIATOR, &full, &one };
	unsigned hits = 0;

	(void)state;
	insert(db, flow(1, 1000, 2, 443));
	one.list[0] = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX,
				       .hi = { 255, 255, 255, 255 } };
	for (unsigned i = 0; i < PL_TS_MAX; i++)
		full.list[i] = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX };
	assert_int_equal(pl_db_touch(db, &query, count, &hits, NULL), 0);
	query.role = PL_ROLE_RESPONDER;
	assert_int_equal(pl_db_touch(db, &query, count, &hits, NULL), 0);
	assert_int_equal(hits, 0);
	full.list[PL_TS_MAX - 1] = one.list[0];
	assert_int_equal(pl_db_touch(db, &query, count, &hits, NULL), 0);
	assert_int_equal(hits, 1);
	pl_db_free(db);
}

static void a_socket_has_latches_and_they_are_found_by_its_cookie_K43(void **state)
{
	const uint64_t same_place = 1 << 16;
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *latch[4], *heir;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		latch[i] = insert(db, flow(1, 4000, 2, 5000 + i));
		pl_db_set_cookie(db, latch[i], i == 3 ? 7 + same_place : 7);
	}
	assert_null(pl_db_next_of_cookie(db, 0, NULL));
	assert_null(pl_db_next_of_cookie(db, 8, NULL));
	assert_ptr_equal(pl_db_next_of_cookie(db, 7 + same_place, NULL), latch[3]);
	assert_null(pl_db_next_of_cookie(db, 7 + same_place, latch[3]));
	assert_ptr_equal(pl_db_next_of_cookie(db, 7, NULL), latch[2]);
	assert_ptr_equal(pl_db_next_of_cookie(db, 7, latch[2]), latch[1]);
	assert_ptr_equal(pl_db_next_of_cookie(db, 7, latch[1]), latch[0]);
	assert_null(pl_db_next_of_cookie(db, 7, latch[0]));
	assert_null(pl_db_remove(db, latch[1]));
	assert_ptr_equal(pl_db_next_of_cookie(db, 7, latch[2]), latch[0]);
	pl_db_set_cookie(db, latch[2], 0);
	assert_ptr_equal(pl_db_next_of_cookie(db, 7, NULL), latch[0]);
	/* it is not inherited */
	assert_int_equal(pl_db_name_heir(db, latch[0], &bob, &heir), 0);
	assert_null(pl_db_remove(db, latch[0]));
	assert_null(pl_db_next_of_cookie(db, 7, NULL));
	pl_db_set_cookie(db, heir, 7 + same_place);
	assert_ptr_equal(pl_db_next_of_cookie(db, 7 + same_place, NULL), heir);
	assert_ptr_equal(pl_db_next_of_cookie(db, 7 + same_place, heir), latch[3]);
	assert_null(pl_db_free(db));
}

static void whom_a_latch_is_for_is_forgotten_with_it(void **state)
{
	struct pl_db *db = pl_db_new(key, 1);
	struct pl_latch *latch = insert(db, flow(1, 4000, 2, 5000)), *heir;
	struct pl_latch gone = { .id = latch->id }, never;

	(void)state;
	assert_int_equal(pl_db_set_peer(db, latch, "@b"), 0);
	assert_int_equal(pl_db_name_heir(db, latch, &bob, &heir), 0);
	assert_null(pl_db_peer(db, heir));
	assert_int_equal(pl_db_set_peer(db, heir, "@c"), 0);
	never = (struct pl_latch) { .id = heir->id };
	pl_db_drop_heir(db);
	assert_null(pl_db_peer(db, &never));
	assert_string_equal(pl_db_peer(db, latch), "@b");
	assert_int_equal(pl_db_name_heir(db, latch, &bob, &heir), 0);
	assert_int_equal(pl_db_set_peer(db, heir, "@c"), 0);
	assert_null(pl_db_remove(db, latch));
	assert_null(pl_db_peer(db, &gone));
	assert_string_equal(pl_db_peer(db, heir), "@c");
	assert_null(pl_db_free(db));
}

static void a_latch_takes_few_hundred_bytes_D17_G11(void **state)
{
	/* The order's and the table's at worst. What the guard remembers is more, and as much again
	 * for its table as ours has; all indexes are never at their worst at once (g11_memory). */
	size_t bytes = pl_db_latch_bytes() + 32;

	(void)state;
	print_message("%zu bytes a latch\n", bytes);
	assert_true(bytes <= 296);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_latches_hold_one_tuple_K29_L13_L15),
		cmocka_unit_test(
			an_heir_has_the_place_of_its_predecessor_and_not_before_it_is_gone_K29),
		cmocka_unit_test(an_id_is_never_given_twice_and_never_zero),
		cmocka_unit_test(a_listener_of_the_exact_address_goes_before_the_wildcard_L14),
		cmocka_unit_test(latches_are_listed_by_id_and_by_owner_with_a_cursor),
		cmocka_unit_test(what_needs_care_is_on_one_list_D17),
		cmocka_unit_test(latched_parameters_never_change_after_establishment_K14),
		cmocka_unit_test(the_database_agrees_with_a_naive_array_over_40000_operations),
		cmocka_unit_test(a_search_looks_only_at_candidates_D17),
		cmocka_unit_test(a_search_ends_at_the_largest_values),
		cmocka_unit_test(a_full_list_of_selectors_is_looked_at_one_by_one),
		cmocka_unit_test(a_socket_has_latches_and_they_are_found_by_its_cookie_K43),
		cmocka_unit_test(whom_a_latch_is_for_is_forgotten_with_it),
		cmocka_unit_test(a_latch_takes_few_hundred_bytes_D17_G11),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
