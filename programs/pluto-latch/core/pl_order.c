/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An ordered index that a search goes through in few cache misses: of a million latches, a binary
 * tree costs one at each of its twenty levels. Here sixty tuples make a leaf, an array beside which
 * nothing has to be looked at as long as the first eight bytes differ (family and remote address),
 * and one more such array has the leaves.
 *
 * Invariants:
 * - No leaf is empty, and no two neighbours could be one that is half full.
 * - A failed allocation changes nothing; taking out allocates nothing.
 */

#include "core/pl_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEAF_MAX = 62 };

struct entry {
	uint64_t prefix;
	const struct pl_tuple *tuple;
};

struct leaf {
	unsigned nr;
	struct entry entries[LEAF_MAX];
};

/* @prefix: of its first entry */
struct branch {
	uint64_t prefix;
	struct leaf *leaf;
};

struct pl_order {
	struct branch *branches;
	size_t nr, room;
};

static uint64_t prefix_of(const struct pl_tuple *tuple)
{
	uint64_t prefix = tuple->af;

	for (unsigned i = 0; i < 7; i++)
		prefix = prefix << 8 | tuple->remote[i];
	return prefix;
}

struct pl_order *pl_order_new(void)
{
	return calloc(1, sizeof(struct pl_order));
}

struct pl_order *pl_order_free(struct pl_order *order)
{
	if (order == NULL)
		return NULL;
	for (size_t i = 0; i < order->nr; i++)
		free(order->branches[i].leaf);
	free(order->branches);
	free(order);
	return NULL;
}

static bool is_before(uint64_t prefix, const struct pl_tuple *tuple, uint64_t than_prefix,
		      const struct pl_tuple *than)
{
	return prefix != than_prefix ? prefix < than_prefix : pl_tuple_compare(tuple, than) < 0;
}

/* The first entry whose prefix is not before. */
static unsigned first_of(const struct leaf *leaf, uint64_t prefix)
{
	unsigned lo = 0, hi = leaf->nr;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (leaf->entries[mid].prefix < prefix)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The leaf where it is, or where it would be put, and the first entry there that is not before. */
static struct pl_order_at find(const struct pl_order *order, const struct pl_tuple *tuple)
{
	uint64_t prefix = prefix_of(tuple);
	size_t lo = 0, hi = order->nr;
	struct pl_order_at at = { .leaf = 0 };
	const struct leaf *leaf;
	unsigned end;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct branch *branch = &order->branches[mid];

		if (is_before(branch->prefix, branch->leaf->entries[0].tuple, prefix, tuple))
			lo = mid + 1;
		else
			hi = mid;
	}
	at.leaf = lo == 0 ? 0 : lo - 1;
	leaf = order->branches[at.leaf].leaf;
	at.at = first_of(leaf, prefix);
	/* The tuples lie scattered; what is looked at next is fetched at the same time. */
	for (unsigned i = at.at; i < leaf->nr && i < at.at + 4; i++)
		__builtin_prefetch(leaf->entries[i].tuple);
	for (end = leaf->nr; at.at < end; ) {
		unsigned mid = (at.at + end) / 2;
		const struct entry *entry = &leaf->entries[mid];

		if (is_before(entry->prefix, entry->tuple, prefix, tuple))
			at.at = mid + 1;
		else
			end = mid;
	}
	return at;
}

/* Room for one more leaf at @at. */
static int add_leaf(struct pl_order *order, size_t at)
{
	struct leaf *leaf;

	if (order->nr == order->room) {
		size_t room = order->room == 0 ? 4 : order->room * 2;
		void *branches = reallocarray(order->branches, room, sizeof(order->branches[0]));

		if (branches == NULL)
			return -ENOMEM;
		order->branches = branches;
		order->room = room;
	}
	leaf = calloc(1, sizeof(*leaf));
	if (leaf == NULL)
		return -ENOMEM;
	memmove(&order->branches[at + 1], &order->branches[at],
		(order->nr - at) * sizeof(order->branches[0]));
	order->branches[at].leaf = leaf;
	order->nr++;
	return 0;
}

static void drop_leaf(struct pl_order *order, size_t at)
{
	free(order->branches[at].leaf);
	order->nr--;
	memmove(&order->branches[at], &order->branches[at + 1],
		(order->nr - at) * sizeof(order->branches[0]));
}

static void name_leaf(struct pl_order *order, size_t at)
{
	order->branches[at].prefix = order->branches[at].leaf->entries[0].prefix;
}

/* Half of a full leaf moves out; at the end of all, where a sorted life goes on, nothing does. */
static int split(struct pl_order *order, struct pl_order_at *at)
{
	unsigned keep = at->leaf == order->nr - 1 && at->at == LEAF_MAX ? LEAF_MAX : LEAF_MAX / 2;
	struct leaf *from, *to;
	int r = add_leaf(order, at->leaf + 1);

	if (r != 0)
		return r;
	from = order->branches[at->leaf].leaf;
	to = order->branches[at->leaf + 1].leaf;
	to->nr = from->nr - keep;
	from->nr = keep;
	memcpy(to->entries, &from->entries[keep], to->nr * sizeof(to->entries[0]));
	if (to->nr > 0)
		name_leaf(order, at->leaf + 1);
	if (at->at > keep || keep == LEAF_MAX) {
		at->leaf++;
		at->at -= keep;
	}
	return 0;
}

int pl_order_put(struct pl_order *order, const struct pl_tuple *tuple)
{
	struct pl_order_at at = { .leaf = 0 };
	struct leaf *leaf;
	int r = 0;

	if (order->nr > 0)
		at = find(order, tuple);
	if (order->nr == 0)
		r = add_leaf(order, 0);
	else if (order->branches[at.leaf].leaf->nr == LEAF_MAX)
		r = split(order, &at);
	if (r != 0)
		return r;
	leaf = order->branches[at.leaf].leaf;
	memmove(&leaf->entries[at.at + 1], &leaf->entries[at.at],
		(leaf->nr - at.at) * sizeof(leaf->entries[0]));
	leaf->entries[at.at] = (struct entry) { prefix_of(tuple), tuple };
	leaf->nr++;
	name_leaf(order, at.leaf);
	return 0;
}

/* The leaf at @at takes its successor in, if half a leaf is enough for both. */
static void join(struct pl_order *order, size_t at)
{
	struct leaf *leaf, *next;

	if (at + 1 >= order->nr)
		return;
	leaf = order->branches[at].leaf;
	next = order->branches[at + 1].leaf;
	if (leaf->nr + next->nr > LEAF_MAX / 2)
		return;
	memcpy(&leaf->entries[leaf->nr], next->entries, next->nr * sizeof(next->entries[0]));
	leaf->nr += next->nr;
	drop_leaf(order, at + 1);
}

void pl_order_take(struct pl_order *order, const struct pl_tuple *tuple)
{
	struct pl_order_at at;
	struct leaf *leaf;
	const struct pl_tuple *found = pl_order_seek(order, tuple, tuple, &at);

	if (found == NULL || pl_tuple_compare(found, tuple) != 0)
		return;
	leaf = order->branches[at.leaf].leaf;
	leaf->nr--;
	memmove(&leaf->entries[at.at], &leaf->entries[at.at + 1],
		(leaf->nr - at.at) * sizeof(leaf->entries[0]));
	if (leaf->nr == 0) {
		drop_leaf(order, at.leaf);
		return;
	}
	name_leaf(order, at.leaf);
	join(order, at.leaf);
	if (at.leaf > 0)
		join(order, at.leaf - 1);
}

void pl_order_replace(struct pl_order *order, const struct pl_tuple *tuple)
{
	struct pl_order_at at;
	const struct pl_tuple *found = pl_order_seek(order, tuple, tuple, &at);

	if (found != NULL && pl_tuple_compare(found, tuple) == 0)
		order->branches[at.leaf].leaf->entries[at.at].tuple = tuple;
}

static const struct pl_tuple *tuple_at(const struct pl_order *order, struct pl_order_at *at,
				       uint64_t last_prefix)
{
	const struct entry *entry;

	if (at->leaf < order->nr && at->at == order->branches[at->leaf].leaf->nr) {
		at->leaf++;
		at->at = 0;
	}
	if (at->leaf == order->nr)
		return NULL;
	entry = &order->branches[at->leaf].leaf->entries[at->at];
	return entry->prefix > last_prefix ? NULL : entry->tuple;
}

const struct pl_tuple *pl_order_seek(const struct pl_order *order, const struct pl_tuple *from,
				     const struct pl_tuple *last, struct pl_order_at *ret)
{
	*ret = (struct pl_order_at) { .leaf = 0 };
	if (order->nr > 0)
		*ret = find(order, from);
	return tuple_at(order, ret, prefix_of(last));
}

const struct pl_tuple *pl_order_next(const struct pl_order *order, const struct pl_tuple *last,
				     struct pl_order_at *at)
{
	at->at++;
	return tuple_at(order, at, prefix_of(last));
}

bool pl_order_is_empty(const struct pl_order *order)
{
	return order->nr == 0;
}

size_t pl_order_bytes(const struct pl_order *order)
{
	return sizeof(*order) + order->room * sizeof(order->branches[0]) +
	       order->nr * sizeof(struct leaf);
}
