/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_KEPT_H
#define PL_KEPT_H

#include "core/pl_db.h"
#include "core/pl_peer_id.h"

#include <stdbool.h>
#include <stdint.h>

enum { PL_KEPT_DIGEST_BYTES = 32 };

/**
 * struct pl_kept - what of a latch outlives the daemon (design D11); a value
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
 * @is_optional:   likewise
 * @is_tagged:     likewise
 * @is_forwarded:  likewise
 * @is_bypass:     likewise: it ends with its daemon (K58), and its owner is to know
 * @cookie:        likewise
 * @require:       likewise
 * @params:        likewise; .peer.identity is NULL, .peer.lineage 0: both end with the daemon
 * @has_identity:  @identity says who the peer was
 * @identity:      name of that identity in the journal; all zero without one
 * @peer:          whom it is for, zeros behind it; empty for anybody
 *
 * No SPI and no reqid: what is proved again gets new ones.
 */
struct pl_kept {
	uint64_t id;
	struct pl_tuple tuple;
	struct pl_owner owner;
	enum pl_state state;
	enum pl_event cause;
	enum pl_disposition disposition;
	bool is_late, may_unprotect, is_inherited, is_narrow, is_early, is_optional, is_tagged,
		is_forwarded, is_bypass, has_identity;
	uint64_t cookie;
	struct pl_require require;
	struct pl_params params;
	uint8_t identity[PL_KEPT_DIGEST_BYTES];
	char peer[PL_PEER_ID_MAX + 1];
};

/**
 * struct pl_kept_session - what of a session outlives the daemon; a value
 * @number: never 0
 * @uid:    of its program
 * @token:  SHA-256 of what proves that somebody is that program
 */
struct pl_kept_session {
	uint64_t number;
	uint32_t uid;
	uint8_t token[PL_KEPT_DIGEST_BYTES];
};

/**
 * pl_kept_of_latch() - what the journal keeps of a latch
 * @latch:    in a state that the journal knows
 * @identity: name of its peer's identity; NULL when there is none
 * @peer:     whom it is for; NULL for anybody
 * @ret:      a value
 */
void pl_kept_of_latch(const struct pl_latch *latch, const uint8_t *identity, const char *peer,
		      struct pl_kept *ret);

#endif
