/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CURSOR_H
#define PL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct pl_cursor - a place in a record that is read, or written
 * @from:    next byte to read; NULL when writing
 * @to:      next byte to write; NULL when reading
 * @left:    bytes from there on
 * @is_over: there were too few of them, or a number did not fit; nothing passes any more
 *
 * One function describes a record for both directions, so that what is written is what is read.
 */
struct pl_cursor {
	const uint8_t *from;
	uint8_t *to;
	size_t left;
	bool is_over;
};

/**
 * pl_cursor_number() - pass one number, little-endian
 * @cursor: moves on
 * @value:  written; not looked at when reading
 * @size:   1 to 8 bytes
 *
 * Return: the number; 0 when the bytes are over
 */
uint64_t pl_cursor_number(struct pl_cursor *cursor, uint64_t value, unsigned size);

/**
 * pl_cursor_bytes() - pass bytes as they are
 * @cursor: moves on
 * @bytes:  @len of them, read or written; unchanged when the bytes are over
 * @len:    how many
 */
void pl_cursor_bytes(struct pl_cursor *cursor, void *bytes, size_t len);

/**
 * pl_cursor_put() - write bytes
 * @cursor: that writes; moves on
 * @bytes:  @len of them
 * @len:    how many
 */
void pl_cursor_put(struct pl_cursor *cursor, const void *bytes, size_t len);

/**
 * pl_cursor_lend() - the next bytes, where they are
 * @cursor: that reads; moves on
 * @len:    how many
 *
 * Return: NULL when there are not so many
 */
const uint8_t *pl_cursor_lend(struct pl_cursor *cursor, size_t len);

#endif
