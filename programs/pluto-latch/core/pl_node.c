/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A latch is in three search trees. With pointers each of them costs 32 bytes of every latch, and
 * malloc() 8 to 23 more; so nodes come by the slab, and know each other by numbers of four bytes.
 *
 * The trees are treaps: no child has a higher priority than its parent, and priorities are as good
 * as random. So a tree is about as deep as a balanced one, whoever releases which latches, and it
 * needs no parents and no colours. The priority is the number, mixed with a secret.
 *
 * Invariants:
 * - A slab whose last node was given back is given back itself.
 * - Nothing but pl_node_new() allocates.
 */

#include "core/pl_node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include) && __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#endif

enum { SLAB_NODES = 256 };

/**
 * struct slab - nodes side by side
 * @used: of them
 * @free: number of the first one that is not, and so on by .child[0][0]; 0 is the end
 * @prev: of those with room, plus one; 0 is the end
 * @next: likewise
 */
struct slab {
	unsigned used;
	uint32_t free;
	uint32_t prev, next;
	struct pl_node nodes[SLAB_NODES];
};

/**
 * struct pl_nodes - all of them
 * @slabs: some may be NULL
 * @room:  of @slabs
 * @roomy: first slab with a free node, plus one
 * @roots: of the trees
 */
struct pl_nodes {
	struct slab **slabs;
	uint32_t room;
	uint32_t roomy;
	uint64_t seed;
	uint32_t roots[PL_NODE_TREE_ROOF];
};

struct pl_nodes *pl_nodes_new(uint64_t seed)
{
	struct pl_nodes *nodes = calloc(1, sizeof(*nodes));

	if (nodes != NULL)
		nodes->seed = seed;
	return nodes;
}

struct pl_nodes *pl_nodes_free(struct pl_nodes *nodes)
{
	if (nodes == NULL)
		return NULL;
	for (uint32_t i = 0; i < nodes->room; i++)
		free(nodes->slabs[i]);
	free(nodes->slabs);
	free(nodes);
	return NULL;
}

static struct slab *slab_of(const struct pl_nodes *nodes, uint32_t number)
{
	return nodes->slabs[(number - 1) / SLAB_NODES];
}

struct pl_node *pl_node_at(const struct pl_nodes *nodes, uint32_t number)
{
	return number == 0 ? NULL : &slab_of(nodes, number)->nodes[(number - 1) % SLAB_NODES];
}

static void link_roomy(struct pl_nodes *nodes, uint32_t i)
{
	struct slab *slab = nodes->slabs[i];

	slab->prev = 0;
	slab->next = nodes->roomy;
	if (slab->next != 0)
		nodes->slabs[slab->next - 1]->prev = i + 1;
	nodes->roomy = i + 1;
}

static void unlink_roomy(struct pl_nodes *nodes, uint32_t i)
{
	struct slab *slab = nodes->slabs[i];

	if (slab->prev != 0)
		nodes->slabs[slab->prev - 1]->next = slab->next;
	else
		nodes->roomy = slab->next;
	if (slab->next != 0)
		nodes->slabs[slab->next - 1]->prev = slab->prev;
}

/* A place for one more slab: one that was given back, or a new one. */
static int find_place(struct pl_nodes *nodes, uint32_t *ret)
{
	uint32_t i = 0, room = nodes->room == 0 ? 4 : 2 * nodes->room;
	struct slab **slabs;

	while (i < nodes->room && nodes->slabs[i] != NULL)
		i++;
	if (i == nodes->room) {
		if (room > UINT32_MAX / SLAB_NODES)
			return -ENOMEM;
		slabs = reallocarray(nodes->slabs, room, sizeof(slabs[0]));
		if (slabs == NULL)
			return -ENOMEM;
		memset(&slabs[nodes->room], 0, (room - nodes->room) * sizeof(slabs[0]));
		nodes->slabs = slabs;
		nodes->room = room;
	}
	*ret = i;
	return 0;
}

static int add_slab(struct pl_nodes *nodes)
{
	struct slab *slab;
	uint32_t i = 0;

	if (find_place(nodes, &i) != 0)
		return -ENOMEM;
	slab = calloc(1, sizeof(*slab));
	if (slab == NULL)
		return -ENOMEM;
	nodes->slabs[i] = slab;
	slab->free = i * SLAB_NODES + 1;
	for (uint32_t n = 0; n < SLAB_NODES; n++) {
		struct pl_node *node = &slab->nodes[n];

		node->child[0][0] = n + 1 < SLAB_NODES ? slab->free + n + 1 : 0;
		ASAN_POISON_MEMORY_REGION(&node->latch, sizeof(node->latch));
	}
	link_roomy(nodes, i);
	return 0;
}

struct pl_node *pl_node_new(struct pl_nodes *nodes)
{
	struct pl_node *node;
	struct slab *slab;
	uint32_t number;

	if (nodes->roomy == 0 && add_slab(nodes) != 0)
		return NULL;
	slab = nodes->slabs[nodes->roomy - 1];
	number = slab->free;
	node = pl_node_at(nodes, number);
	slab->free = node->child[0][0];
	slab->used++;
	if (slab->free == 0)
		unlink_roomy(nodes, nodes->roomy - 1);
	ASAN_UNPOISON_MEMORY_REGION(&node->latch, sizeof(node->latch));
	memset(node, 0, sizeof(*node));
	node->number = number;
	return node;
}

void pl_node_free(struct pl_nodes *nodes, struct pl_node *node)
{
	uint32_t number, i;
	struct slab *slab;

	if (node == NULL)
		return;
	number = node->number;
	i = (number - 1) / SLAB_NODES;
	slab = nodes->slabs[i];
	if (slab->free == 0)
		link_roomy(nodes, i);
	node->number = 0;
	node->child[0][0] = slab->free;
	slab->free = number;
	ASAN_POISON_MEMORY_REGION(&node->latch, sizeof(node->latch));
	if (--slab->used > 0)
		return;
	unlink_roomy(nodes, i);
	free(slab);
	nodes->slabs[i] = NULL;
}

struct pl_node *pl_node_each(const struct pl_nodes *nodes, uint32_t *at)
{
	while (*at < nodes->room * SLAB_NODES) {
		struct slab *slab = nodes->slabs[*at / SLAB_NODES];
		struct pl_node *node;

		if (slab == NULL) {
			*at += SLAB_NODES;
			continue;
		}
		node = &slab->nodes[(*at)++ % SLAB_NODES];
		if (node->number != 0)
			return node;
	}
	return NULL;
}

/* The trees */

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare(enum pl_node_tree tree, const struct pl_latch *a, const struct pl_latch *b)
{
	int order = 0;

	if (tree == PL_NODE_BY_OWNER) {
		order = compare_u64(a->owner.kind, b->owner.kind);
		if (order == 0)
			order = compare_u64(a->owner.number, b->owner.number);
	} else if (tree == PL_NODE_BY_UID) {
		order = compare_u64(a->owner.uid, b->owner.uid);
	}
	return order == 0 ? compare_u64(a->id, b->id) : order;
}

/* The end of SplitMix64: every bit of the number moves every bit. */
static uint64_t priority(const struct pl_nodes *nodes, uint32_t number)
{
	uint64_t x = nodes->seed + number * 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* What lies below @from goes to both sides of @node. */
static void split(const struct pl_nodes *nodes, enum pl_node_tree tree, uint32_t from,
		  struct pl_node *node)
{
	uint32_t *before = &node->child[tree][0], *after = &node->child[tree][1];

	while (from != 0) {
		struct pl_node *one = pl_node_at(nodes, from);

		if (compare(tree, &one->latch, &node->latch) < 0) {
			*before = from;
			before = &one->child[tree][1];
			from = *before;
		} else {
			*after = from;
			after = &one->child[tree][0];
			from = *after;
		}
	}
	*before = *after = 0;
}

void pl_node_put(struct pl_nodes *nodes, enum pl_node_tree tree, struct pl_node *node)
{
	uint64_t mine = priority(nodes, node->number);
	uint32_t *at = &nodes->roots[tree], below;

	while (*at != 0 && priority(nodes, *at) >= mine) {
		struct pl_node *one = pl_node_at(nodes, *at);

		at = &one->child[tree][compare(tree, &one->latch, &node->latch) < 0];
	}
	below = *at;
	*at = node->number;
	split(nodes, tree, below, node);
}

void pl_node_take(struct pl_nodes *nodes, enum pl_node_tree tree, struct pl_node *node)
{
	uint32_t before = node->child[tree][0], after = node->child[tree][1];
	uint32_t *at = &nodes->roots[tree];

	while (*at != 0 && *at != node->number) {
		struct pl_node *one = pl_node_at(nodes, *at);

		at = &one->child[tree][compare(tree, &one->latch, &node->latch) < 0];
	}
	while (before != 0 && after != 0) {
		if (priority(nodes, before) >= priority(nodes, after)) {
			*at = before;
			at = &pl_node_at(nodes, before)->child[tree][1];
			before = *at;
		} else {
			*at = after;
			at = &pl_node_at(nodes, after)->child[tree][0];
			after = *at;
		}
	}
	*at = before != 0 ? before : after;
}

struct pl_node *pl_node_seek(const struct pl_nodes *nodes, enum pl_node_tree tree,
			     const struct pl_latch *key)
{
	struct pl_node *node = pl_node_at(nodes, nodes->roots[tree]), *found = NULL;

	while (node != NULL) {
		bool is_before = compare(tree, &node->latch, key) < 0;

		if (!is_before)
			found = node;
		node = pl_node_at(nodes, node->child[tree][is_before]);
	}
	return found;
}
