/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G2: which latches does an SA touch. A database of host pairs with three connections each, asked
 * for the connections of one pair; beside a list of heap objects that is read from end to end, and
 * beside databases of other sizes. Each answer is waited for before the next question.
 */

#include "bench.h"

#include "core/pl_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_PAIR = 3, ROUNDS = 9 };

/* What is looked for lies scattered in memory, as after a long life: the order of insertion. */
static struct pl_tuple tuple_of(uint32_t i)
{
	uint32_t pair = i / PER_PAIR;
	struct pl_tuple t = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local = { 10, 0, 0, 1 },
		.remote = { 10, (uint8_t)(pair >> 16), (uint8_t)(pair >> 8), (uint8_t)pair },
		.local_port = (uint16_t)(1024 + i % PER_PAIR), .remote_port = 443,
	};

	return t;
}

static uint32_t *shuffled(uint32_t nr)
{
	uint32_t *order = calloc(nr, sizeof(*order));

	bench_check(order != NULL, "no memory");
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t at = bench_random(i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	return order;
}

static struct pl_db *fill(uint32_t nr)
{
	static const struct pl_owner owner = { .kind = PL_OWNER_SESSION, .number = 1 };
	static const uint8_t key[16] = { 2, 7, 1, 8 };
	struct pl_db *db = pl_db_new(key, 1);
	uint32_t *order = shuffled(nr);

	bench_check(db != NULL, "no memory");
	for (uint32_t i = 0; i < nr; i++) {
		struct pl_tuple tuple = tuple_of(order[i]);
		struct pl_latch *latch;

		bench_check(pl_db_insert(db, &tuple, &owner, &latch) == 0, "pl_db_insert()");
	}
	free(order);
	return db;
}

static void query_of(uint32_t pair, struct pl_ts_list *local, struct pl_ts_list *remote)
{
	struct pl_tuple tuple = tuple_of(pair * PER_PAIR);
	struct pl_ts here, there;

	pl_tuple_selectors(&tuple, &here, &there);
	here.proto = there.proto = 0;
	here.lo_port = there.lo_port = 0;
	here.hi_port = there.hi_port = UINT16_MAX;
	*local = (struct pl_ts_list) { .len = 1, .list = { here } };
	*remote = (struct pl_ts_list) { .len = 1, .list = { there } };
}

static int count(void *ctx, struct pl_latch *latch)
{
	(void)latch;
	++*(uint32_t *)ctx;
	return 0;
}

static void measure(const struct pl_db *db, uint32_t nr, uint32_t asked,
		    struct bench_series *series)
{
	struct pl_ts_list local, remote;
	struct pl_db_query query = { PL_ROLE_INITIATOR, &local, &remote };
	uint32_t hits = 0;
	uint64_t begin;

	query_of(0, &local, &remote);
	begin = bench_cpu_ns();
	for (uint32_t i = 0; i < asked; i++) {
		uint32_t pair = (bench_random(nr / PER_PAIR) + hits) % (nr / PER_PAIR);

		for (unsigned b = 0; b < 3; b++)
			remote.list[0].lo[3 - b] = remote.list[0].hi[3 - b] =
				(uint8_t)(pair >> 8 * b);
		(void)pl_db_touch(db, &query, count, &hits, NULL);
	}
	bench_note(series, (double)(bench_cpu_ns() - begin) / asked);
	bench_check(hits == asked * PER_PAIR, "hits are missing");
}

struct object {
	struct object *next;
	struct pl_tuple tuple;
	uint8_t rest[200];
};

static struct object *fill_list(uint32_t nr)
{
	uint32_t *order = shuffled(nr);
	struct object *head = NULL;

	for (uint32_t i = 0; i < nr; i++) {
		struct object *object = calloc(1, sizeof(*object));

		bench_check(object != NULL, "no memory");
		object->tuple = tuple_of(order[i]);
		object->next = head;
		head = object;
	}
	free(order);
	return head;
}

static void measure_list(const struct object *head, uint32_t nr, struct bench_series *series)
{
	struct pl_ts_list local, remote;
	uint32_t hits = 0;
	uint64_t begin = bench_cpu_ns();

	query_of(bench_random(nr / PER_PAIR), &local, &remote);
	for (; head != NULL; head = head->next)
		hits += pl_tuple_is_touched(&head->tuple, PL_ROLE_INITIATOR, &local, &remote);
	bench_note(series, (double)(bench_cpu_ns() - begin));
	bench_check(hits == PER_PAIR, "hits are missing");
}

int main(void)
{
	static const uint32_t sizes[] = { 1000, 100000, 1000000 };
	static struct bench_series touch[] = {
		{ .name = "pl_db_touch(), 3 hits of 1,000" },
		{ .name = "pl_db_touch(), 3 hits of 100,000" },
		{ .name = "pl_db_touch(), 3 hits of 1,000,000" },
	};
	static struct bench_series list = { .name = "a list of heap objects, 3 hits of 100,000" };
	struct object *head = fill_list(sizes[1]);
	struct pl_db *db[3];

	for (unsigned i = 0; i < 3; i++)
		db[i] = fill(sizes[i]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 3; i++)
			measure(db[i], sizes[i], 20000, &touch[i]);
		measure_list(head, sizes[1], &list);
	}
	bench_ratio_at_least("G2", "latches of an SA, 100k, list / ours", &list, &touch[1], 5000);
	bench_ratio_at_most("G2", "latches of an SA, 1M / 1k", &touch[2], &touch[0], 4);
	return 0;
}
