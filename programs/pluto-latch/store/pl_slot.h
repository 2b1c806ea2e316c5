/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SLOT_H
#define PL_SLOT_H

#include "core/pl_db.h"

#include <stdbool.h>
#include <stdint.h>

/* A slot of the journal: one latch, or nothing. */
enum { PL_SLOT_BYTES = 512, PL_SLOT_DIGEST_BYTES = 32 };

/**
 * struct pl_slot - what of a latch outlives the daemon (design D11); a value
 * @id:            as it was
 * @tuple:         normal
 * @owner:         at that time
 * @state:         never UNBORN, never GONE: such latches are not in the journal
 * @cause:         of @state
 * @disposition:   chosen by the owner
 * @is_late:       struct pl_latch, as all below
 * @may_unprotect: likewise
 * @is_inherited:  likewise
 * @is_narrow:     likewise
 * @is_early:      likewise
 * @cookie:        likewise
 * @require:       likewise
 * @params:        likewise; .peer.identity is NULL, .peer.lineage 0: both end with the daemon
 * @has_identity:  @identity says who the peer was
 * @identity:      SHA-256 of the identity's bytes (pl_identity_bytes.h); all zero without one
 *
 * No SPI and no reqid: what is proved again gets new ones.
 */
struct pl_slot {
	uint64_t id;
	struct pl_tuple tuple;
	struct pl_owner owner;
	enum pl_state state;
	enum pl_event cause;
	enum pl_disposition disposition;
	bool is_late, may_unprotect, is_inherited, is_narrow, is_early, has_identity;
	uint64_t cookie;
	struct pl_require require;
	struct pl_params params;
	uint8_t identity[PL_SLOT_DIGEST_BYTES];
};

/**
 * pl_slot_of_latch() - what the journal keeps of a latch
 * @latch:    in a state that the journal knows
 * @identity: digest of its peer's identity; NULL when there is none
 * @ret:      a value
 */
void pl_slot_of_latch(const struct pl_latch *latch, const uint8_t *identity, struct pl_slot *ret);

/**
 * pl_slot_encode() - as bytes
 * @slot: sound
 * @ret:  all of them are written
 */
void pl_slot_encode(const struct pl_slot *slot, uint8_t ret[static PL_SLOT_BYTES]);

/**
 * pl_slot_decode() - from bytes, whatever they are
 * @bytes: PL_SLOT_BYTES of them
 * @ret:   encodes to the same bytes again
 *
 * Return: 0; PL_E_NOT_FOUND for a free slot, all zero; PL_E_MALFORMED for everything else: a bit
 * that changed, another version, a latch that cannot be
 */
int pl_slot_decode(const uint8_t bytes[static PL_SLOT_BYTES], struct pl_slot *ret) PL_MUST_USE;

/**
 * pl_slot_sum() - against accidents, not against an enemy: who can write the journal is root
 * @bytes: a multiple of eight
 * @len:   in bytes
 */
uint64_t pl_slot_sum(const uint8_t *bytes, size_t len);

#endif
