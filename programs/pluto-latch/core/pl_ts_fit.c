/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Fewer selectors are larger pieces cut: what the kernel cannot hold widens the cut. */

#include "core/pl_ts_fit.h"

#include "core/pl_ts_pieces.h"

#include <errno.h>
#include <stdlib.h>

static bool can_be_held(enum pl_role role, bool may_cut, const struct pl_ts_narrowed *narrowed,
			struct pl_ts_piece *room)
{
	bool is_initiator = role == PL_ROLE_INITIATOR;
	unsigned nr;

	return pl_ts_pieces(is_initiator ? &narrowed->tsi : &narrowed->tsr,
			    is_initiator ? &narrowed->tsr : &narrowed->tsi, PL_TS_PIECES_MAX, room,
			    &nr) == 0 &&
	       (may_cut || pl_ts_pieces_are_plain(room, nr));
}

int pl_ts_fit(enum pl_role role, const struct pl_ts_facts *ts, const struct pl_tuple *flows,
	      unsigned nr, struct pl_ts_narrowed *ret)
{
	struct pl_ts_piece *room = calloc(PL_TS_PIECES_MAX, sizeof(*room));
	struct pl_ts_narrowed out;
	int r = room == NULL ? -ENOMEM : PL_E_TOO_MANY;

	for (unsigned limit = PL_TS_NARROW_SELECTORS; limit > 0 && r == PL_E_TOO_MANY; limit /= 2) {
		r = pl_ts_narrow(role, &ts->selected_tsi, &ts->selected_tsr, flows, nr, limit,
				 &out);
		if (r == 0 && !can_be_held(role, ts->may_cut, &out, room))
			r = PL_E_TOO_MANY;
	}
	if (r == 0)
		*ret = out;
	free(room);
	return r;
}
