/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Nodes and their trees against an array that says which are in them. */

#include "core/pl_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UNIVERSE = 2000 };

static struct pl_node *all[UNIVERSE];	/* by id less one; NULL is not there */

static struct pl_node *add(struct pl_nodes *nodes, unsigned i)
{
	struct pl_node *node = pl_node_new(nodes);

	assert_non_null(node);
	node->latch.id = 1 + i;
	/* owners and uids of many, in another order than the ids */
	node->latch.owner = (struct pl_owner) {
		.kind = (enum pl_owner_kind)(1 + i % 3), .number = i * 7919u % 11,
		.uid = i * 104729u % 5,
	};
	for (unsigned tree = 0; tree < PL_NODE_TREE_ROOF; tree++)
		pl_node_put(nodes, (enum pl_node_tree)tree, node);
	return node;
}

static void drop(struct pl_nodes *nodes, struct pl_node *node)
{
	for (unsigned tree = 0; tree < PL_NODE_TREE_ROOF; tree++)
		pl_node_take(nodes, (enum pl_node_tree)tree, node);
	pl_node_free(nodes, node);
}

static int order(enum pl_node_tree tree, const struct pl_latch *a, const struct pl_latch *b)
{
	const uint64_t x[] = { a->owner.kind, a->owner.number, a->owner.uid, a->id };
	const uint64_t y[] = { b->owner.kind, b->owner.number, b->owner.uid, b->id };
	static const bool counts[PL_NODE_TREE_ROOF][4] = {
		[PL_NODE_BY_ID] = { false, false, false, true },
		[PL_NODE_BY_OWNER] = { true, true, false, true },
		[PL_NODE_BY_UID] = { false, false, true, true },
	};

	for (unsigned i = 0; i < 4; i++) {
		if (counts[tree][i] && x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

static struct pl_node *naive_seek(enum pl_node_tree tree, const struct pl_latch *key)
{
	struct pl_node *best = NULL;

	for (unsigned i = 0; i < UNIVERSE; i++) {
		if (all[i] != NULL && order(tree, &all[i]->latch, key) >= 0 &&
		    (best == NULL || order(tree, &all[i]->latch, &best->latch) < 0))
			best = all[i];
	}
	return best;
}

static unsigned count(const struct pl_nodes *nodes)
{
	unsigned nr = 0;

	for (uint32_t at = 0; pl_node_each(nodes, &at) != NULL; )
		nr++;
	return nr;
}

static void each_tree_agrees_with_a_naive_array_over_20000_changes(void **state)
{
	struct pl_nodes *nodes = pl_nodes_new(1);
	unsigned nr = 0;

	(void)state;
	print_message("seed 5660\n");
	srandom(5660);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)random() % UNIVERSE;
		enum pl_node_tree tree = (enum pl_node_tree)(random() % PL_NODE_TREE_ROOF);
		struct pl_latch key = {
			.id = (uint64_t)random() % (UNIVERSE + 2),
			.owner = { (enum pl_owner_kind)(random() % 5), (uint32_t)random() % 6,
				   (uint64_t)random() % 12 },
		};

		nr += all[i] == NULL ? 1 : -1;
		if (all[i] == NULL) {
			all[i] = add(nodes, i);
		} else {
			drop(nodes, all[i]);
			all[i] = NULL;
		}
		assert_ptr_equal(pl_node_seek(nodes, tree, &key), naive_seek(tree, &key));
		if (round % 500 == 0)
			assert_int_equal(count(nodes), nr);
	}
	memset(all, 0, sizeof(all));
	assert_null(pl_nodes_free(nodes));
}

static unsigned depth_of(const struct pl_nodes *nodes, enum pl_node_tree tree, uint32_t number)
{
	const struct pl_node *node = pl_node_at(nodes, number);
	unsigned before, after;

	if (node == NULL)
		return 0;
	before = depth_of(nodes, tree, node->child[tree][0]);
	after = depth_of(nodes, tree, node->child[tree][1]);
	return 1 + (before > after ? before : after);
}

/* Ids only rise: that is the worst that a tree without balance can be given. */
static void a_tree_is_not_deep_whatever_the_order_D17(void **state)
{
	enum { MANY = 20000, DEEP = 60 };
	struct pl_nodes *nodes = pl_nodes_new(2);
	bool *is_child = calloc(2 * MANY, sizeof(*is_child));
	const struct pl_node *node;
	uint32_t root = 0;

	(void)state;
	assert_non_null(is_child);
	for (unsigned i = 0; i < MANY; i++)
		(void)add(nodes, i);
	for (uint32_t at = 0; (node = pl_node_each(nodes, &at)) != NULL; ) {
		is_child[node->child[PL_NODE_BY_ID][0]] = true;
		is_child[node->child[PL_NODE_BY_ID][1]] = true;
	}
	for (uint32_t at = 0; (node = pl_node_each(nodes, &at)) != NULL; )
		root = is_child[node->number] ? root : node->number;
	free(is_child);
	print_message("%u deep\n", depth_of(nodes, PL_NODE_BY_ID, root));
	assert_in_range(depth_of(nodes, PL_NODE_BY_ID, root), 15, DEEP);
	assert_null(pl_nodes_free(nodes));
}

static void a_node_stays_where_it_is_and_its_number_is_used_again(void **state)
{
	enum { MANY = 1000 };
	struct pl_nodes *nodes = pl_nodes_new(3);
	struct pl_node *node[MANY];
	uint32_t most = 0;

	(void)state;
	assert_null(pl_node_at(nodes, 0));
	pl_node_free(nodes, NULL);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			node[i] = pl_node_new(nodes);
			assert_non_null(node[i]);
			assert_int_equal(node[i]->latch.id, 0);
			node[i]->latch.id = 1 + i;
			most = node[i]->number > most ? node[i]->number : most;
		}
		for (unsigned i = 0; i < MANY; i++) {
			assert_int_equal(node[i]->latch.id, 1 + i);
			assert_ptr_equal(pl_node_at(nodes, node[i]->number), node[i]);
		}
		assert_int_equal(count(nodes), MANY);
		for (unsigned i = 0; i < MANY; i++)
			pl_node_free(nodes, node[(i * 7) % MANY]);
		assert_int_equal(count(nodes), 0);
	}
	assert_in_range(most, MANY, MANY + 256);
	assert_null(pl_nodes_free(nodes));
	assert_null(pl_nodes_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tree_agrees_with_a_naive_array_over_20000_changes),
		cmocka_unit_test(a_tree_is_not_deep_whatever_the_order_D17),
		cmocka_unit_test(a_node_stays_where_it_is_and_its_number_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
