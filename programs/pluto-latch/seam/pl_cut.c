/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What connections were narrowed to. Pluto's selectors are subnets with one port or all of them; an
 * answer has ranges. So a connection that was narrowed has a policy of pluto for each piece of the
 * answer that the kernel can select, and pluto makes, replaces and removes them as it does with its
 * own; the shim in front of the kernel puts the block of ports in the place of the one.
 *
 * Invariant: that one port is of the block. Wherever pluto looks at its own selector, and not at
 * this note, it sees less than what was agreed, never more.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"

#include <stdlib.h>

static struct pl_cut *all;

struct pl_cut *pl_cut_new(uint64_t conn, unsigned nr)
{
	struct pl_cut *cut = calloc(1, sizeof(*cut));

	if (cut == NULL)
		return NULL;
	cut->pieces = calloc(nr, sizeof(*cut->pieces));
	if (cut->pieces == NULL) {
		free(cut);
		return NULL;
	}
	cut->conn = conn;
	cut->nr = nr;
	cut->next = all;
	all = cut;
	return cut;
}

const struct pl_cut *pl_cut_find(uint64_t conn)
{
	const struct pl_cut *cut = all;

	while (cut != NULL && cut->conn != conn)
		cut = cut->next;
	return cut;
}

const struct pl_ts_piece *pl_cut_piece(uint64_t conn, const ip_selector *local,
				       const ip_selector *remote)
{
	const struct pl_cut *cut = pl_cut_find(conn);

	for (unsigned i = 0; cut != NULL && i < cut->nr; i++) {
		if (selector_eq_selector(cut->pieces[i].local, *local) &&
		    selector_eq_selector(cut->pieces[i].remote, *remote))
			return &cut->pieces[i].exact;
	}
	return NULL;
}

void pl_cut_drop(uint64_t conn)
{
	struct pl_cut **at = &all, *cut;

	while (*at != NULL && (*at)->conn != conn)
		at = &(*at)->next;
	cut = *at;
	if (cut == NULL)
		return;
	*at = cut->next;
	free(cut->pieces);
	free(cut);
}

void pl_cut_free(void)
{
	while (all != NULL)
		pl_cut_drop(all->conn);
}
