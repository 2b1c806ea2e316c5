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

#include "ip_address.h"
#include "ip_protocol.h"

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

/* 0 for all protocols, when it is not one */
static uint8_t one_proto(const struct pl_cut *cut)
{
	uint8_t proto = cut->pieces[0].exact.local.proto;

	for (unsigned i = 1; i < cut->nr; i++) {
		if (cut->pieces[i].exact.local.proto != proto)
			return 0;
	}
	return proto;
}

/* 0 for all ports, likewise */
static uint16_t one_port(const struct pl_cut *cut, bool is_local)
{
	const struct pl_ts_piece *first = &cut->pieces[0].exact;
	uint16_t port = is_local ? first->local.lo_port : first->remote.lo_port;

	for (unsigned i = 0; i < cut->nr; i++) {
		const struct pl_ts_piece *piece = &cut->pieces[i].exact;
		const struct pl_ts *ts = is_local ? &piece->local : &piece->remote;

		if (ts->lo_port != port || ts->hi_port != port)
			return 0;
	}
	return port;
}

/* The pieces share their addresses: pl_upstream_narrow(). */
static ip_selector enclosing(const struct pl_cut *cut, bool is_local, ip_selector narrow)
{
	uint8_t proto = one_proto(cut);

	return selector_from_subnet_protocol_port(
		selector_subnet(narrow), protocol_from_ipproto(proto),
		ip_hport(proto == 0 ? 0 : one_port(cut, is_local)));
}

void pl_cut_enclose(uint64_t conn, ip_selector *local, ip_selector *remote)
{
	const struct pl_cut *cut = pl_cut_find(conn);

	if (cut == NULL)
		return;
	*local = enclosing(cut, true, *local);
	*remote = enclosing(cut, false, *remote);
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
