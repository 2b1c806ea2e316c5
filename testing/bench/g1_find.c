/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G1: finding one of a million tuples in pl_table, whose hash has a secret key, beside hash tables
 * of libraries that have none and a quick hash: GLib's and uthash, both with XXH3. Every table
 * points to the same tuples. Which one is asked for next depends on what was found, so that the
 * processor does not run ahead to the next find while one waits for memory: the daemon asks one
 * at a time.
 */

#include "bench.h"

#include "core/pl_table.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct entry;
#define HASH_FUNCTION(key, len, hash) (hash) = (unsigned)XXH3_64bits(key, len)
#include <uthash.h>

enum { NR = 1000000, ASKED = 200000, ROUNDS = 7 };

/* As large as two cache lines, like the head of a latch: it is not the tuples that are close. */
struct entry {
	struct pl_tuple tuple;
	UT_hash_handle hh;
};

static struct entry *entries;
/* All of them, shuffled; each measurement goes on where the last one ended, so that nobody finds in
 * the caches what another one has just looked at. */
static struct pl_tuple *asked;
static uint32_t next;

static guint glib_hash(gconstpointer key)
{
	return (guint)XXH3_64bits(key, sizeof(struct pl_tuple));
}

static gboolean glib_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct pl_tuple)) == 0;
}

static void fill(uint8_t af)
{
	memset(entries, 0, NR * sizeof(*entries));
	for (uint32_t i = 0; i < NR; i++) {
		struct pl_tuple *t = &entries[i].tuple;
		uint32_t at = bench_random(i + 1);

		t->af = af;
		t->proto = PL_TUPLE_TCP;
		t->local_port = (uint16_t)(1 + i % 50000);
		t->remote_port = (uint16_t)(1 + bench_random(65535));
		memcpy(t->local, &(uint32_t) { 0x0100000a }, 4);
		memcpy(t->remote, &i, 4);
		if (af == PL_AF_IP6)
			t->local[15] = t->remote[15] = 1;
		asked[i] = asked[at];
		asked[at] = *t;
	}
}

#define MEASURE(SERIES, FIND)							\
	do {									\
		uint64_t begin = bench_cpu_ns();				\
		const struct pl_tuple *at = &asked[next];			\
		size_t missing = 0;						\
		for (uint32_t i = 0; i < ASKED; i++) {				\
			const void *found = FIND;				\
			missing += found == NULL;				\
			at += 1 + ((uintptr_t)found & 1);			\
		}								\
		bench_note(SERIES, (double)(bench_cpu_ns() - begin) / ASKED);	\
		next = (next + ASKED) % NR;					\
		bench_check(missing == 0, "a tuple is missing");		\
	} while (0)

static void *find_uthash(struct entry *head, const struct pl_tuple *tuple)
{
	struct entry *entry;

	HASH_FIND(hh, head, tuple, sizeof(*tuple), entry);
	return entry;
}

static void compare(const char *what, const struct pl_table *table, GHashTable *g,
		    struct entry *head)
{
	struct bench_series ours = { .name = "pl_table, SipHash-1-3 with a secret key" };
	struct bench_series glib = { .name = "GHashTable, XXH3" };
	struct bench_series ut = { .name = "uthash, XXH3" };
	struct bench_series best = { .name = "the better of both in each round" };

	for (unsigned round = 0; round < ROUNDS; round++) {
		MEASURE(&ours, pl_table_find(table, at));
		MEASURE(&glib, g_hash_table_lookup(g, at));
		MEASURE(&ut, find_uthash(head, at));
		bench_note(&best, glib.value[round] < ut.value[round] ? glib.value[round] :
									ut.value[round]);
	}
	bench_show(&glib);
	bench_show(&ut);
	bench_ratio_at_most("G1", what, &ours, &best, 2);
}

static void run(uint8_t af, const char *what, double *bytes)
{
	static const uint8_t key[16] = { 3, 1, 4, 1, 5 };
	struct pl_table *table = pl_table_new(key);
	GHashTable *g = g_hash_table_new(glib_hash, glib_equal);
	size_t empty = pl_table_bytes(table);
	struct entry *head = NULL;

	fill(af);
	for (uint32_t i = 0; i < NR; i++) {
		double now;

		bench_check(pl_table_put(table, &entries[i].tuple) == 0, "pl_table_put()");
		g_hash_table_insert(g, &entries[i].tuple, &entries[i]);
		HASH_ADD(hh, head, tuple, sizeof(struct pl_tuple), &entries[i]);
		now = (double)(pl_table_bytes(table) - empty) / (double)pl_table_count(table);
		*bytes = now > *bytes ? now : *bytes;
	}
	compare(what, table, g, head);
	pl_table_free(table);
	g_hash_table_destroy(g);
	HASH_CLEAR(hh, head);
}

int main(void)
{
	double bytes = 0;

	entries = calloc(NR, sizeof(*entries));
	asked = calloc(NR, sizeof(*asked));
	bench_check(entries != NULL && asked != NULL, "no memory");
	run(PL_AF_IP4, "find at 1M, IPv4, keyed / best unkeyed", &bytes);
	run(PL_AF_IP6, "find at 1M, IPv6, keyed / best unkeyed", &bytes);
	bench_value_at_most("G1", "bytes an entry at worst, beyond an empty table's", bytes, 32);
	return 0;
}
