/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: a proposal less the connections that are latched with others (design D5). The input
 * is our role, the limit, TSi, TSr, and latches.
 *
 * Asserted, against the naive model: what is left is within the proposal, and no latch has an end
 * in both of its sides (K32); the first selectors stay where they may; by ports, nothing is lost
 * that no latch has, and in a small case ports suffice; nothing is left only where nothing can be;
 * the same again for the same arguments. And what is left can be put into a payload, and into
 * policies that select exactly that.
 */

#include "core/pl_selector.h"
#include "core/pl_ts_narrow.h"
#include "core/pl_ts_pieces.h"
#include "core/pl_ts_wire.h"
#include "input.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIDES = 2 };

struct round {
	enum pl_role role;
	unsigned limit, nr;
	struct pl_ts_list from[SIDES];
	struct pl_tuple flows[INPUT_FLOWS];
	struct point points[SIDES][POINTS];
};

static bool is_touched(const struct round *round, const struct pl_ts_list side[SIDES])
{
	for (unsigned i = 0; i < round->nr; i++) {
		if (flow_meets(&round->flows[i], round->role, 0, &side[0]) &&
		    flow_meets(&round->flows[i], round->role, 1, &side[1]))
			return true;
	}
	return false;
}

static bool first_is_free(const struct round *round, struct pl_ts_list ret[SIDES])
{
	const struct pl_ts *tsi = &round->from[0].list[0], *tsr = &round->from[1].list[0];

	for (unsigned s = 0; s < SIDES; s++) {
		ret[s].len = 1;
		ret[s].list[0] = round->from[s].list[0];
	}
	return tsi->af == tsr->af &&
	       (tsi->proto == 0 || tsr->proto == 0 || tsi->proto == tsr->proto) &&
	       !is_touched(round, ret);
}

/* A packet with these two ends is of the proposal, and no latch's. */
static bool is_free(const struct round *round, const struct point *i, const struct point *r)
{
	if (i->af != r->af || i->proto != r->proto || !point_is_in(&round->from[0], i) ||
	    !point_is_in(&round->from[1], r))
		return false;
	for (unsigned f = 0; f < round->nr; f++) {
		if (point_is_end(&round->flows[f], round->role, 0, i) &&
		    point_is_end(&round->flows[f], round->role, 1, r))
			return false;
	}
	return true;
}

static void check_nothing_is_left(const struct round *round)
{
	for (unsigned i = 0; i < POINTS; i += 4) {
		for (unsigned r = 0; r < POINTS; r++)
			assert(!is_free(round, &round->points[0][i], &round->points[1][r]));
	}
}

/* Whatever one side lacks is the end of a latch whose other end is there. */
static void check_maximal(const struct round *round, const struct pl_ts_list got[SIDES])
{
	for (unsigned n = 0; n < SIDES * POINTS; n++) {
		unsigned side = n % SIDES;
		const struct point *point = &round->points[side][n / SIDES];
		bool is_needed = false;

		if ((point->proto != PL_TUPLE_TCP && point->proto != PL_TUPLE_UDP) ||
		    !point_is_in(&round->from[side], point) || point_is_in(&got[side], point))
			continue;
		for (unsigned f = 0; f < round->nr && !is_needed; f++)
			is_needed = point_is_end(&round->flows[f], round->role, side, point) &&
				    flow_meets(&round->flows[f], round->role, 1 - side,
					       &got[1 - side]);
		assert(is_needed);
	}
}

static void check_wire(const struct pl_ts_list *list)
{
	uint8_t body[PL_TS_WIRE_MAX];
	struct pl_ts_list read;
	size_t len;

	assert(pl_ts_wire_write(list, body, sizeof(body), &len) == 0);
	assert(pl_ts_wire_parse((struct pl_blob) { body, len }, &read) == 0);
	assert(read.len == list->len);
	assert(memcmp(read.list, list->list, read.len * sizeof(read.list[0])) == 0);
}

static bool is_in_pieces(const struct pl_ts_piece *pieces, unsigned nr, const struct point *local,
			 const struct point *remote)
{
	for (unsigned i = 0; i < nr; i++) {
		struct pl_ts_list l = { .len = 1, .list = { pieces[i].local } };
		struct pl_ts_list r = { .len = 1, .list = { pieces[i].remote } };

		if (point_is_in(&l, local) && point_is_in(&r, remote))
			return true;
	}
	return false;
}

/* Points of one protocol with a port each: what XFRM selects. */
static void check_pieces(const struct round *round, const struct pl_ts_list got[SIDES])
{
	static struct pl_ts_piece pieces[PL_TS_PIECES_MAX];
	unsigned nr;

	if (pl_ts_pieces(&got[1], &got[0], PL_TS_PIECES_MAX, pieces, &nr) != 0)
		return;
	assert(nr > 0 && nr <= PL_TS_PIECES_MAX);
	for (unsigned n = 0; n < POINTS; n++) {
		struct point i = round->points[0][n], r = round->points[1][n * 7 % POINTS];

		r.proto = i.proto;
		if (i.af != r.af || i.port == -1 || r.port == -1)
			continue;
		assert(is_in_pieces(pieces, nr, &r, &i) ==
		       (point_is_in(&got[0], &i) && point_is_in(&got[1], &r)));
	}
}

static void check_result(const struct round *round, const struct pl_ts_narrowed *narrowed)
{
	const struct pl_ts_list got[SIDES] = { narrowed->tsi, narrowed->tsr };
	struct pl_ts_list first[SIDES];

	for (unsigned s = 0; s < SIDES; s++) {
		assert(got[s].len > 0 && got[s].len <= round->limit);
		assert(pl_selector_contains(&round->from[s], &got[s]));
		for (unsigned i = 0; i < POINTS; i++)
			assert(!point_is_in(&got[s], &round->points[s][i]) ||
			       point_is_in(&round->from[s], &round->points[s][i]));
		check_wire(&got[s]);
	}
	assert(!is_touched(round, got));
	for (unsigned f = 0; f < round->nr; f++)
		assert(!pl_tuple_is_touched(&round->flows[f], round->role, &got[0], &got[1]));
	if (first_is_free(round, first)) {
		assert(pl_selector_contains(&got[0], &first[0]));
		assert(pl_selector_contains(&got[1], &first[1]));
	}
	if (narrowed->grain == PL_TS_GRAIN_PORT)
		check_maximal(round, got);
	check_pieces(round, got);
}

static void check(const struct round *round)
{
	struct pl_ts_narrowed got, again;
	struct pl_ts_list first[SIDES];
	int r = pl_ts_narrow(round->role, &round->from[0], &round->from[1], round->flows,
			     round->nr, round->limit, &got);

	assert(r == 0 || r == PL_E_CONFLICT || r == PL_E_TOO_MANY);
	assert(pl_ts_narrow(round->role, &round->from[0], &round->from[1], round->flows, round->nr,
			    round->limit, &again) == r);
	assert(r == 0 || !first_is_free(round, first));
	if (r == PL_E_CONFLICT)
		check_nothing_is_left(round);
	if (r != 0)
		return;
	assert(memcmp(&got, &again, sizeof(got)) == 0);
	check_result(round, &got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pl_ts_list none;
	static struct round round;
	struct input input = { data, size };
	uint8_t how = input_byte(&input);

	round.role = how % 4 == 0 ? PL_ROLE_INITIATOR : PL_ROLE_RESPONDER;
	round.limit = 1 + how / 4 % PL_TS_MAX;
	input_list(&input, &round.from[0]);
	input_list(&input, &round.from[1]);
	round.nr = input_flows(&input, round.role, &round.from[0], &round.from[1], round.flows);
	if (round.from[0].len == 0 || round.from[1].len == 0)
		return 0;
	points_of(&round.from[0], &none, round.points[0]);
	points_of(&round.from[1], &none, round.points[1]);
	check(&round);
	return 0;
}
