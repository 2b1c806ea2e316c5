/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NODE_H
#define PL_NODE_H

#include "core/pl_base.h"
#include "core/pl_db.h"

/* Memory of the database (pl_db.c) for its latches, and its search trees of them. */

enum pl_node_tree {
	PL_NODE_BY_ID,
	PL_NODE_BY_OWNER,	/* kind, number, id */
	PL_NODE_BY_UID,		/* uid, id */
	PL_NODE_TREE_ROOF,
};

/**
 * struct pl_node - a latch with its places; stays where it is
 * @child:  in each tree: what is before it, and what is after it
 * @number: its own; 0 is nobody's
 * @chain:  for the database
 * @minded: for the database
 */
struct pl_node {
	uint32_t child[PL_NODE_TREE_ROOF][2];
	uint32_t number;
	uint32_t chain;
	uint32_t minded[2];
	struct pl_latch latch;
};

struct pl_nodes;

/**
 * pl_nodes_new() - none, and empty trees
 * @seed: random and secret
 *
 * Return: NULL without memory
 */
struct pl_nodes *pl_nodes_new(uint64_t seed) PL_MUST_USE;

/**
 * pl_nodes_free() - all of them, not what a latch refers to
 * @nodes: NULL is fine
 *
 * Return: NULL
 */
struct pl_nodes *pl_nodes_free(struct pl_nodes *nodes);

/**
 * pl_node_new() - one more, all zero but its number, in no tree
 * @nodes: the nodes
 *
 * Return: NULL without memory
 */
struct pl_node *pl_node_new(struct pl_nodes *nodes) PL_MUST_USE;

/**
 * pl_node_free() - one less
 * @nodes: the nodes
 * @node:  in no tree; NULL is fine
 */
void pl_node_free(struct pl_nodes *nodes, struct pl_node *node);

/**
 * pl_node_at() - by its number
 * @nodes:  the nodes
 * @number: of one of them, or 0
 *
 * Return: NULL for 0
 */
struct pl_node *pl_node_at(const struct pl_nodes *nodes, uint32_t number);

/**
 * pl_node_each() - all of them, also those in no tree, in no useful order
 * @nodes: not changed meanwhile
 * @at:    0 begins; moves on
 *
 * Return: NULL at the end
 */
struct pl_node *pl_node_each(const struct pl_nodes *nodes, uint32_t *at);

/**
 * pl_node_put() - into a tree; needs no memory
 * @nodes: the nodes
 * @tree:  has no equal one
 * @node:  stays as it is, as far as the tree compares it, until it is taken out
 */
void pl_node_put(struct pl_nodes *nodes, enum pl_node_tree tree, struct pl_node *node);

/**
 * pl_node_take() - out of a tree
 * @nodes: the nodes
 * @tree:  has it
 * @node:  of it
 */
void pl_node_take(struct pl_nodes *nodes, enum pl_node_tree tree, struct pl_node *node);

/**
 * pl_node_seek() - the first one in a tree that is not before this latch
 * @nodes: the nodes
 * @tree:  which
 * @key:   what is compared in that tree
 *
 * Return: NULL at the end
 */
struct pl_node *pl_node_seek(const struct pl_nodes *nodes, enum pl_node_tree tree,
			     const struct pl_latch *key);

#endif
