/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SLOT_H
#define PL_SLOT_H

#include "core/pl_kept.h"

#include <stddef.h>

/* A slot of the journal: one latch, or nothing. */
enum { PL_SLOT_BYTES = 512 };

/**
 * pl_slot_encode() - as bytes
 * @kept: sound
 * @ret:  all of them are written
 */
void pl_slot_encode(const struct pl_kept *kept, uint8_t ret[static PL_SLOT_BYTES]);

/**
 * pl_slot_decode() - from bytes, whatever they are
 * @bytes: PL_SLOT_BYTES of them
 * @ret:   encodes to the same bytes again
 *
 * Return: 0; PL_E_NOT_FOUND for a free slot, all zero; PL_E_MALFORMED for everything else: a bit
 * that changed, another version, a latch that cannot be
 */
int pl_slot_decode(const uint8_t bytes[static PL_SLOT_BYTES], struct pl_kept *ret) PL_MUST_USE;

/**
 * pl_slot_sum() - against accidents, not against an enemy: who can write the journal is root
 * @bytes: a multiple of eight
 * @len:   in bytes
 */
uint64_t pl_slot_sum(const uint8_t *bytes, size_t len);

#endif
