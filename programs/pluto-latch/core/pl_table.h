/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TABLE_H
#define PL_TABLE_H

#include "core/pl_base.h"
#include "core/pl_tuple.h"

#include <stdbool.h>

/**
 * struct pl_table - from tuple to something that begins with one
 *
 * A hash table that borrows: what it holds must outlive its place in it.
 */
struct pl_table;

/**
 * pl_table_new() - an empty table
 * @key: random and secret
 *
 * Return: the table, or NULL without memory
 */
struct pl_table *pl_table_new(const uint8_t key[static 16]) PL_MUST_USE;

/**
 * pl_table_free() - forget the table, not what it borrowed
 * @table: NULL is fine
 *
 * Return: NULL
 */
struct pl_table *pl_table_free(struct pl_table *table);

/**
 * pl_table_find() - what was put in under this tuple
 * @table: a table
 * @tuple: normal
 *
 * Return: the tuple that was put in, or NULL
 */
const struct pl_tuple *pl_table_find(const struct pl_table *table, const struct pl_tuple *tuple);

/**
 * pl_table_put() - remember a tuple
 * @table: a table
 * @tuple: borrowed until it is taken out
 *
 * Return: 0; PL_E_ALREADY_LATCHED when an equal tuple is there; -ENOMEM, and nothing changed
 */
int pl_table_put(struct pl_table *table, const struct pl_tuple *tuple) PL_MUST_USE;

/**
 * pl_table_take() - forget a tuple
 * @table: a table
 * @tuple: equal to the one that was put in
 *
 * Return: what was put in, or NULL
 */
const struct pl_tuple *pl_table_take(struct pl_table *table, const struct pl_tuple *tuple);

/**
 * pl_table_replace() - from now on remember this tuple in the place of the equal one
 * @table: has an equal one
 * @tuple: borrowed until it is taken out
 *
 * Needs no memory.
 */
void pl_table_replace(struct pl_table *table, const struct pl_tuple *tuple);

/**
 * pl_table_next() - everything that was put in, in no useful order
 * @table: not changed meanwhile
 * @at:    0 begins; moves on
 *
 * Return: what was put in, or NULL at the end
 */
const struct pl_tuple *pl_table_next(const struct pl_table *table, size_t *at);

/**
 * pl_table_count() - tuples in the table
 * @table: a table
 */
size_t pl_table_count(const struct pl_table *table);

/**
 * pl_table_bytes() - memory of the table
 * @table: a table
 */
size_t pl_table_bytes(const struct pl_table *table);

#endif
