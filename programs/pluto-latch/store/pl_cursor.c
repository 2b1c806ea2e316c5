/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Records of the journal, number by number. Invariant: after is_over nothing is read or written. */

#include "store/pl_cursor.h"

#include <endian.h>
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

/* A restart reads dozens of them for each latch: what the compiler knows the
 * size of it copies at once. */
static void copy_number(void *to, const void *from, unsigned size)
{
	switch (size) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	case 8:
		memcpy(to, from, 8);
		break;
	default:
		memcpy(to, from, size);
		break;
	}
}

uint64_t pl_cursor_number(struct pl_cursor *cursor, uint64_t value, unsigned size)
{
	uint64_t most = UINT64_MAX >> (64 - 8 * size), bytes = htole64(value);

	if (cursor->from == NULL && value > most)
		cursor->is_over = true;
	if (!has(cursor, size))
		return 0;
	if (cursor->from == NULL) {
		copy_number(cursor->to, &bytes, size);
		cursor->to += size;
	} else {
		copy_number(&bytes, cursor->from, size);
		cursor->from += size;
	}
	return le64toh(bytes) & most;
}
