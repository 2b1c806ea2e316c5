/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A slot of the journal that holds a session instead of a latch. Its token is a digest: who reads
 * the journal cannot resume anything.
 *
 * Invariant: that of pl_slot.c.
 */

#include "store/pl_seat.h"

#include "store/pl_cursor.h"

#include <string.h>

enum { SUM_BYTES = 8 };

/* Rises whenever walk() changes. */
static const uint64_t magic = 0x504c5401;	/* "PLT", version 1 */

static void walk(struct pl_cursor *c, struct pl_kept_session *session, uint64_t *head)
{
	*head = pl_cursor_number(c, *head, 4);
	session->number = pl_cursor_number(c, session->number, 8);
	session->uid = (uint32_t)pl_cursor_number(c, session->uid, 4);
	pl_cursor_bytes(c, session->token, sizeof(session->token));
}

void pl_seat_encode(const struct pl_kept_session *session, uint8_t ret[static PL_SLOT_BYTES])
{
	struct pl_cursor c = { .to = ret, .left = PL_SLOT_BYTES - SUM_BYTES };
	struct pl_kept_session copy = *session;
	uint64_t head = magic;

	memset(ret, 0, PL_SLOT_BYTES);
	walk(&c, &copy, &head);
	c = (struct pl_cursor) { .to = ret + PL_SLOT_BYTES - SUM_BYTES, .left = SUM_BYTES };
	(void)pl_cursor_number(&c, pl_slot_sum(ret, PL_SLOT_BYTES - SUM_BYTES), SUM_BYTES);
}

int pl_seat_decode(const uint8_t bytes[static PL_SLOT_BYTES], struct pl_kept_session *ret)
{
	struct pl_cursor c = { .from = bytes, .left = PL_SLOT_BYTES - SUM_BYTES };
	struct pl_kept_session session = { .number = 0 };
	uint8_t again[PL_SLOT_BYTES];
	uint64_t head = 0;

	walk(&c, &session, &head);
	if (head != magic || session.number == 0)
		return PL_E_MALFORMED;
	/* the sum, and whatever of the bytes means nothing */
	pl_seat_encode(&session, again);
	if (memcmp(again, bytes, PL_SLOT_BYTES) != 0)
		return PL_E_MALFORMED;
	*ret = session;
	return 0;
}
