/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What IKE says in ranges, the kernel's policies say in blocks: a subnet at each end, and ports by
 * value and mask. A range is cut into the fewest blocks by always taking the largest that begins
 * where the last one ended: "all but one port" are 16.
 *
 * Invariant: the pieces are disjoint, and together they select exactly the packets of the lists.
 * What cannot be said so is refused, never widened.
 */

#include "core/pl_ts_pieces.h"

#include "core/pl_selector.h"
#include "core/pl_tuple.h"

#include <string.h>

struct block {
	uint8_t lo[16];
	uint8_t hi[16];
};

/* One range as blocks. */
struct blocks {
	unsigned nr;
	struct block list[PL_TS_PIECES_MAX];
};

/* The largest block from @lo on that does not reach beyond @hi; @size bytes each. */
static void first_block(const uint8_t *lo, const uint8_t *hi, size_t size, struct block *ret)
{
	memcpy(ret->lo, lo, size);
	memcpy(ret->hi, lo, size);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		uint8_t mask = (uint8_t)(1u << bit % 8), *byte = &ret->hi[size - 1 - bit / 8];

		if (*byte & mask)
			return;
		*byte |= mask;
		if (memcmp(ret->hi, hi, size) > 0) {
			*byte &= (uint8_t)~mask;
			return;
		}
	}
}

static void increment(uint8_t *at, size_t size)
{
	for (size_t i = size; i > 0 && ++at[i - 1] == 0; i--)
		;
}

static int split(const uint8_t *lo, const uint8_t *hi, size_t size, struct blocks *ret)
{
	uint8_t at[16];

	memcpy(at, lo, size);
	for (ret->nr = 0; ret->nr < PL_TS_PIECES_MAX; increment(at, size)) {
		struct block *block = &ret->list[ret->nr++];

		memset(block, 0, sizeof(*block));
		first_block(at, hi, size, block);
		if (memcmp(block->hi, hi, size) == 0)
			return 0;
		memcpy(at, block->hi, size);
	}
	return PL_E_TOO_MANY;
}

static int split_ports(const struct pl_ts *ts, struct blocks *ret)
{
	uint8_t lo[2] = { (uint8_t)(ts->lo_port >> 8), (uint8_t)ts->lo_port };
	uint8_t hi[2] = { (uint8_t)(ts->hi_port >> 8), (uint8_t)ts->hi_port };

	return split(lo, hi, sizeof(lo), ret);
}

/* A selector in blocks: each of its subnets with each of its blocks of ports. */
struct side {
	struct pl_ts like;
	struct blocks addresses, ports;
};

static int side_of(const struct pl_ts *ts, struct side *ret)
{
	int r = split(ts->lo, ts->hi, pl_ts_size(ts->af), &ret->addresses);

	ret->like = *ts;
	return r == 0 ? split_ports(ts, &ret->ports) : r;
}

static uint16_t port_of(const uint8_t bytes[static 2])
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static struct pl_ts piece_of(const struct side *side, unsigned nr)
{
	const struct block *address = &side->addresses.list[nr / side->ports.nr];
	const struct block *port = &side->ports.list[nr % side->ports.nr];
	struct pl_ts ts = side->like;

	memcpy(ts.lo, address->lo, sizeof(ts.lo));
	memcpy(ts.hi, address->hi, sizeof(ts.hi));
	ts.lo_port = port_of(port->lo);
	ts.hi_port = port_of(port->hi);
	return ts;
}

static bool has_ports(uint8_t proto)
{
	return proto == PL_TUPLE_TCP || proto == PL_TUPLE_UDP || proto == PL_TUPLE_SCTP;
}

static bool can_be_selected(const struct pl_ts *ts, uint8_t proto)
{
	return pl_ts_is_any_port(ts) || (has_ports(proto) && !pl_ts_is_opaque(ts));
}

static int add_pair(const struct pl_ts *local, const struct pl_ts *remote, unsigned limit,
		    struct pl_ts_piece *ret, unsigned *nr)
{
	uint8_t proto = local->proto != 0 ? local->proto : remote->proto;
	struct side ours, theirs;
	unsigned nr_ours, nr_theirs;
	int r;

	if (!can_be_selected(local, proto) || !can_be_selected(remote, proto))
		return PL_E_UNSUPPORTED;
	r = side_of(local, &ours);
	if (r == 0)
		r = side_of(remote, &theirs);
	if (r != 0)
		return r;
	ours.like.proto = theirs.like.proto = proto;
	nr_ours = ours.addresses.nr * ours.ports.nr;
	nr_theirs = theirs.addresses.nr * theirs.ports.nr;
	/* each is PL_TS_PIECES_MAX squared at most */
	if ((uint64_t)nr_ours * nr_theirs > limit - *nr)
		return PL_E_TOO_MANY;
	for (unsigned i = 0; i < nr_ours * nr_theirs; i++) {
		ret[*nr].local = piece_of(&ours, i / nr_theirs);
		ret[(*nr)++].remote = piece_of(&theirs, i % nr_theirs);
	}
	return 0;
}

static bool is_pair(const struct pl_ts *a, const struct pl_ts *b)
{
	return a->af == b->af && (a->proto == 0 || b->proto == 0 || a->proto == b->proto);
}

int pl_ts_pieces(const struct pl_ts_list *local, const struct pl_ts_list *remote, unsigned limit,
		 struct pl_ts_piece *ret, unsigned *ret_nr)
{
	struct pl_ts_list ours, theirs;
	unsigned nr = 0;
	int r = pl_selector_canonical(local, PL_TS_MAX, &ours);

	if (r == 0)
		r = pl_selector_canonical(remote, PL_TS_MAX, &theirs);
	for (unsigned i = 0; r == 0 && i < ours.len * theirs.len; i++) {
		const struct pl_ts *a = &ours.list[i / theirs.len];
		const struct pl_ts *b = &theirs.list[i % theirs.len];

		if (is_pair(a, b))
			r = add_pair(a, b, limit, ret, &nr);
	}
	if (r == 0 && nr == 0)
		r = PL_E_CONFLICT;
	if (r == 0)
		*ret_nr = nr;
	return r;
}

static bool has_block(const struct pl_ts *ts)
{
	return ts->lo_port != ts->hi_port && !pl_ts_is_any_port(ts);
}

bool pl_ts_pieces_are_plain(const struct pl_ts_piece *pieces, unsigned nr)
{
	return nr == 1 && !has_block(&pieces[0].local) && !has_block(&pieces[0].remote);
}

static bool same_addresses(const struct pl_ts *a, const struct pl_ts *b)
{
	size_t size = pl_ts_size(a->af);

	return a->af == b->af && memcmp(a->lo, b->lo, size) == 0 && memcmp(a->hi, b->hi, size) == 0;
}

bool pl_ts_pieces_share_addresses(const struct pl_ts_piece *pieces, unsigned nr)
{
	for (unsigned i = 1; i < nr; i++) {
		if (!same_addresses(&pieces[0].local, &pieces[i].local) ||
		    !same_addresses(&pieces[0].remote, &pieces[i].remote))
			return false;
	}
	return true;
}

bool pl_ts_port_mask(const struct pl_ts *ts, uint16_t *ret)
{
	uint16_t differs = ts->lo_port ^ ts->hi_port;

	/* a block: they differ in the lowest bits, which are 0 at its begin */
	if ((differs & (differs + 1u)) != 0 || (ts->lo_port & differs) != 0)
		return false;
	*ret = (uint16_t)~differs;
	return true;
}
