/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of a latch outlives the daemon. */

#include "core/pl_kept.h"

#include <string.h>

void pl_kept_of_latch(const struct pl_latch *latch, const uint8_t *identity, const char *peer,
		      struct pl_kept *ret)
{
	*ret = (struct pl_kept) {
		.id = latch->id, .tuple = latch->tuple, .owner = latch->owner,
		.state = latch->state, .cause = latch->cause, .disposition = latch->disposition,
		.is_late = latch->is_late, .may_unprotect = latch->may_unprotect,
		.is_inherited = latch->is_inherited, .is_narrow = latch->is_narrow,
		.is_early = latch->is_early, .is_optional = latch->is_optional,
		.is_tagged = latch->is_tagged, .is_forwarded = latch->is_forwarded,
		.is_bypass = latch->is_bypass, .has_identity = identity != NULL,
		.cookie = latch->cookie, .require = latch->require, .params = latch->params,
	};
	ret->params.peer.identity = NULL;
	ret->params.peer.lineage = 0;
	if (identity != NULL)
		memcpy(ret->identity, identity, sizeof(ret->identity));
	/* it was read, so that it fits */
	if (peer != NULL)
		memcpy(ret->peer, peer, strnlen(peer, sizeof(ret->peer) - 1));
}
