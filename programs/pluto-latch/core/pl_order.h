/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ORDER_H
#define PL_ORDER_H

#include "core/pl_base.h"
#include "core/pl_tuple.h"

/* Memory for each tuple that was put in, in whatever sequence. */
enum { PL_ORDER_BYTES = 32 };

/* Tuples in the order of pl_tuple_compare(). It borrows them, as pl_table does. */
struct pl_order;

/**
 * struct pl_order_at - a place in the order; ends with the next change
 */
struct pl_order_at {
	size_t leaf;
	unsigned at;
};

/**
 * pl_order_new() - an empty one
 *
 * Return: NULL without memory
 */
struct pl_order *pl_order_new(void) PL_MUST_USE;

/**
 * pl_order_free() - forget the order, not what it borrowed
 * @order: NULL is fine
 *
 * Return: NULL
 */
struct pl_order *pl_order_free(struct pl_order *order);

/**
 * pl_order_put() - one more tuple
 * @order: has no equal one
 * @tuple: borrowed until it is taken out
 *
 * Return: 0; -ENOMEM, and nothing changed
 */
int pl_order_put(struct pl_order *order, const struct pl_tuple *tuple) PL_MUST_USE;

/**
 * pl_order_take() - a tuple less
 * @order: may have none
 * @tuple: equal to one that was put in
 */
void pl_order_take(struct pl_order *order, const struct pl_tuple *tuple);

/**
 * pl_order_replace() - from now on this tuple stands in the place of the equal one
 * @order: has an equal one
 * @tuple: borrowed until it is taken out
 *
 * Needs no memory.
 */
void pl_order_replace(struct pl_order *order, const struct pl_tuple *tuple);

/**
 * pl_order_seek() - the first tuple that is not before another one
 * @order: the order
 * @from:  need not be in it, nor normal
 * @last:  what is after it may be left out: one look less at the end
 * @ret:   its place
 *
 * Return: what was put in, or NULL at the end
 */
const struct pl_tuple *pl_order_seek(const struct pl_order *order, const struct pl_tuple *from,
				     const struct pl_tuple *last, struct pl_order_at *ret);

/**
 * pl_order_next() - the one after it
 * @order: not changed since
 * @last:  likewise
 * @at:    moves on
 *
 * Return: likewise
 */
const struct pl_tuple *pl_order_next(const struct pl_order *order, const struct pl_tuple *last,
				     struct pl_order_at *at);

/**
 * pl_order_is_empty() - there is nothing to seek
 * @order: the order
 */
bool pl_order_is_empty(const struct pl_order *order);

/**
 * pl_order_bytes() - memory
 * @order: the order
 */
size_t pl_order_bytes(const struct pl_order *order);

#endif
