/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a predecessor guarded, and its journal does not name: it died between the guard, which comes
 * first, and the journal; or the journal was lost. It stays blocked, and its sockets are reset: for
 * that somebody has to know it. Pins are nobody's business: they end with the predecessor.
 */

#include "kernel/pl_guard_left.h"

#include "kernel/pl_nft_read.h"

#include <errno.h>
#include <stdlib.h>

struct reading {
	const struct pl_mirror *mirror;
	struct pl_guard_left *left;
};

static int see(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	const struct reading *reading = ctx;
	struct pl_guard_left *left = reading->left;

	(void)reqid;
	if ((set == PL_NFT_FLOWS && pl_nft_is_association(tuple)) ||
	    pl_mirror_find(reading->mirror, tuple) != NULL)
		return 0;
	if (left->nr == left->room) {
		size_t room = left->room == 0 ? 64 : left->room * 2;
		void *items = reallocarray(left->items, room, sizeof(*left->items));

		if (items == NULL)
			return -ENOMEM;
		left->items = items;
		left->room = room;
	}
	left->items[left->nr++] = (struct pl_guard_item) {
		.kind = set == PL_NFT_FLOWS ? PL_GUARD_FLOW : PL_GUARD_LISTENER, .tuple = *tuple };
	return 0;
}

static int read_once(struct mnl_socket *socket, uint32_t *seq, struct reading *reading)
{
	static const enum pl_nft_set sets[] = { PL_NFT_FLOWS, PL_NFT_LISTENERS };
	int r = 0;

	reading->left->nr = 0;
	for (unsigned i = 0; r == 0 && i < 4; i++) {
		r = pl_nft_read_set(socket, seq, sets[i / 2], i % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6,
				    see, reading);
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

/* Whatever anybody changes of nf_tables interrupts a list. */
int pl_guard_left_read(struct mnl_socket *socket, uint32_t *seq, const struct pl_mirror *mirror,
		       struct pl_guard_left *ret)
{
	struct reading reading = { mirror, ret };
	enum { TRIES = 8 };
	int r = -EINTR;

	for (unsigned i = 0; i < TRIES && r == -EINTR; i++)
		r = read_once(socket, seq, &reading);
	return r;
}

void pl_guard_left_free(struct pl_guard_left *left)
{
	free(left->items);
	*left = (struct pl_guard_left) { .nr = 0 };
}
