/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SEAT_H
#define PL_SEAT_H

#include "core/pl_kept.h"
#include "store/pl_slot.h"

/**
 * pl_seat_encode() - a session as the bytes of a slot
 * @session: its number is not 0
 * @ret:     all of them are written
 */
void pl_seat_encode(const struct pl_kept_session *session, uint8_t ret[static PL_SLOT_BYTES]);

/**
 * pl_seat_decode() - from bytes, whatever they are
 * @bytes: PL_SLOT_BYTES of them
 * @ret:   encodes to the same bytes again
 *
 * Return: 0; PL_E_MALFORMED for everything else, a latch or a free slot included
 */
int pl_seat_decode(const uint8_t bytes[static PL_SLOT_BYTES],
		   struct pl_kept_session *ret) PL_MUST_USE;

#endif
