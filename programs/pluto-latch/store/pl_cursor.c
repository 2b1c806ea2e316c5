/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Records of the journal, number by number. Invariant: after is_over nothing is read or written. */

#include "store/pl_cursor.h"

#include <string.h>

static bool has(struct pl_cursor *cursor, size_t len)
{
	if (len > cursor->left)
		cursor->is_over = true;
	if (cursor->is_over)
		return false;
	cursor->left -= len;
	return true;
}

void pl_cursor_put(struct pl_cursor *cursor, const void *bytes, size_t len)
{
	if (len == 0 || !has(cursor, len))
		return;
	memcpy(cursor->to, bytes, len);
	cursor->to += len;
}

const uint8_t *pl_cursor_lend(struct pl_cursor *cursor, size_t len)
{
	const uint8_t *at = cursor->from;

	if (!has(cursor, len))
		return NULL;
	cursor->from += len;
	return at;
}

void pl_cursor_bytes(struct pl_cursor *cursor, void *bytes, size_t len)
{
	const uint8_t *at;

	if (cursor->from == NULL) {
		pl_cursor_put(cursor, bytes, len);
		return;
	}
	at = pl_cursor_lend(cursor, len);
	if (at != NULL)
		memcpy(bytes, at, len);
}

uint64_t pl_cursor_number(struct pl_cursor *cursor, uint64_t value, unsigned size)
{
	uint8_t bytes[8] = { 0 };
	uint64_t read = 0;

	if (cursor->from == NULL && size < 8 && value >> 8 * size != 0)
		cursor->is_over = true;
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	pl_cursor_bytes(cursor, bytes, size);
	for (unsigned i = 0; i < size; i++)
		read |= (uint64_t)bytes[i] << 8 * i;
	return cursor->is_over ? 0 : read;
}
