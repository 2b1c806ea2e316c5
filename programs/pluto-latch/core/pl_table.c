/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From tuple to latch in one probe, for every packet event and every client's call. Open addressing
 * with linear probing; beside each pointer stands half of its hash, so that a probe seldom touches
 * a latch that is not the one, and growing hashes nothing again.
 *
 * Invariants:
 * - Between an entry's own slot and where it lies no slot is empty. Taking one out moves its
 *   successors back; there are no tombstones.
 * - At most three quarters of the slots are full; just after growing, three eighths: 32 bytes an
 *   entry at worst. A table that emptied shrinks again.
 * - A failed allocation changes nothing.
 */

#include "core/pl_table.h"

#include "core/pl_siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 16 };
#define LARGEST ((size_t)1 << 31)	/* slots are numbered by half a hash */

struct pl_table {
	uint8_t key[16];
	size_t nr_slots;	/* a power of two */
	size_t count;
	uint32_t *tags;		/* half of the hash; means nothing where slots[] is NULL */
	const struct pl_tuple **slots;
};

/* The tuple as the hash takes it: addresses, of IPv4 without the zeros, then the rest with the
 * length of all. The order of bytes within a word is this machine's, which is nobody's concern. */
static size_t words_of(const struct pl_tuple *tuple, uint64_t ret[static 5])
{
	bool is_short = tuple->af == PL_AF_IP4;
	size_t nr = is_short ? 1 : 4;
	uint32_t local, remote;

	if (is_short) {
		memcpy(&local, tuple->local, sizeof(local));
		memcpy(&remote, tuple->remote, sizeof(remote));
		ret[0] = (uint64_t)local << 32 | remote;
	} else {
		memcpy(&ret[0], tuple->local, sizeof(tuple->local));
		memcpy(&ret[2], tuple->remote, sizeof(tuple->remote));
	}
	ret[nr] = (uint64_t)(8 * nr + 6) << 56 | (uint64_t)tuple->local_port << 32 |
		  (uint64_t)tuple->remote_port << 16 | (uint64_t)tuple->proto << 8 | tuple->af;
	return nr + 1;
}

static uint32_t tag_of(const struct pl_table *table, const struct pl_tuple *tuple)
{
	uint64_t words[5];
	size_t nr = words_of(tuple, words);

	return (uint32_t)pl_siphash13(table->key, words, nr);
}

struct pl_table *pl_table_new(const uint8_t key[static 16])
{
	struct pl_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	memcpy(table->key, key, sizeof(table->key));
	table->nr_slots = SMALLEST;
	table->tags = calloc(SMALLEST, sizeof(table->tags[0]));
	table->slots = calloc(SMALLEST, sizeof(table->slots[0]));
	if (table->tags == NULL || table->slots == NULL)
		return pl_table_free(table);
	return table;
}

struct pl_table *pl_table_free(struct pl_table *table)
{
	if (table == NULL)
		return NULL;
	explicit_bzero(table->key, sizeof(table->key));
	free(table->tags);
	free(table->slots);
	free(table);
	return NULL;
}

/* Where the tuple is, or the empty slot where it would be. */
static size_t slot_of(const struct pl_table *table, const struct pl_tuple *tuple, uint32_t tag)
{
	size_t mask = table->nr_slots - 1, at = tag & mask;

	while (table->slots[at] != NULL) {
		if (table->tags[at] == tag && memcmp(table->slots[at], tuple, sizeof(*tuple)) == 0)
			break;
		at = (at + 1) & mask;
	}
	return at;
}

static int resize(struct pl_table *table, size_t nr_slots)
{
	uint32_t *tags = calloc(nr_slots, sizeof(tags[0]));
	const struct pl_tuple **slots = calloc(nr_slots, sizeof(slots[0]));

	if (tags == NULL || slots == NULL) {
		free(tags);
		free(slots);
		return -ENOMEM;
	}
	for (size_t from = 0; from < table->nr_slots; from++) {
		size_t at = table->tags[from] & (nr_slots - 1);

		if (table->slots[from] == NULL)
			continue;
		while (slots[at] != NULL)
			at = (at + 1) & (nr_slots - 1);
		slots[at] = table->slots[from];
		tags[at] = table->tags[from];
	}
	free(table->tags);
	free(table->slots);
	table->tags = tags;
	table->slots = slots;
	table->nr_slots = nr_slots;
	return 0;
}

const struct pl_tuple *pl_table_find(const struct pl_table *table, const struct pl_tuple *tuple)
{
	return table->slots[slot_of(table, tuple, tag_of(table, tuple))];
}

int pl_table_put(struct pl_table *table, const struct pl_tuple *tuple)
{
	uint32_t tag = tag_of(table, tuple);
	size_t at = slot_of(table, tuple, tag);

	if (table->slots[at] != NULL)
		return PL_E_ALREADY_LATCHED;
	if (table->count >= table->nr_slots / 4 * 3) {
		if (table->nr_slots >= LARGEST || resize(table, table->nr_slots * 2) != 0)
			return -ENOMEM;
		at = slot_of(table, tuple, tag);
	}
	table->slots[at] = tuple;
	table->tags[at] = tag;
	table->count++;
	return 0;
}

/* Close the gap: whoever may lie at the gap, seen from his own slot, moves there. */
static void close_gap(struct pl_table *table, size_t gap)
{
	size_t mask = table->nr_slots - 1;

	for (size_t at = (gap + 1) & mask; table->slots[at] != NULL; at = (at + 1) & mask) {
		size_t own = table->tags[at] & mask;

		if (((at - own) & mask) >= ((at - gap) & mask)) {
			table->slots[gap] = table->slots[at];
			table->tags[gap] = table->tags[at];
			gap = at;
		}
	}
	table->slots[gap] = NULL;
}

const struct pl_tuple *pl_table_take(struct pl_table *table, const struct pl_tuple *tuple)
{
	size_t at = slot_of(table, tuple, tag_of(table, tuple));
	const struct pl_tuple *was = table->slots[at];

	if (was == NULL)
		return NULL;
	close_gap(table, at);
	table->count--;
	/* Without memory for a smaller table the large one serves as well. */
	if (table->nr_slots > SMALLEST && table->count < table->nr_slots / 8)
		(void)resize(table, table->nr_slots / 2);
	return was;
}

void pl_table_replace(struct pl_table *table, const struct pl_tuple *tuple)
{
	size_t at = slot_of(table, tuple, tag_of(table, tuple));

	if (table->slots[at] != NULL)
		table->slots[at] = tuple;
}

const struct pl_tuple *pl_table_next(const struct pl_table *table, size_t *at)
{
	while (*at < table->nr_slots) {
		const struct pl_tuple *tuple = table->slots[(*at)++];

		if (tuple != NULL)
			return tuple;
	}
	return NULL;
}

size_t pl_table_count(const struct pl_table *table)
{
	return table->count;
}

size_t pl_table_bytes(const struct pl_table *table)
{
	return sizeof(*table) +
	       table->nr_slots * (sizeof(table->tags[0]) + sizeof(table->slots[0]));
}
