/* SPDX-License-Identifier: GPL-2.0-or-later */

/* "Which SAs, and which policies, touch this connection" (design D17): the question of
 * pl_db_touch() the other way round, with the same answer, an ordered tree and jumps.
 *
 * Selectors are ranges, and what all selectors of one end have in common is a prefix of a string of
 * bits. Of all prefixes of one length at most one is that of the connection; so for each pair of
 * lengths in the tree one look is enough. There are few: a host, a network, everything.
 *
 * Invariant: a search finds whatever pl_tuple_is_touched() says yes to. It may find more: several
 * selectors far apart have little in common.
 */

#include "core/pl_reach.h"

#include <endian.h>
#include <string.h>

enum { REMOTE, LOCAL };
enum { AT_ADDRESS = 1, AT_PROTO = 17, AT_PORT = 18, WORD = 4 };

_Static_assert(PL_REACH_BYTES % WORD == 0, "an end is compared by words");
_Static_assert(sizeof(struct pl_place) == 2 + 2 * PL_REACH_BYTES, "a place has no padding");

static int compare_places(const struct pl_reach *a, const struct pl_reach *b)
{
	return memcmp(&a->place, &b->place, sizeof(a->place));
}

static int compare(const struct pl_reach *a, const struct pl_reach *b)
{
	int order = compare_places(a, b);

	return order == 0 ? (a->number > b->number) - (a->number < b->number) : order;
}

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(pl_reach_tree, pl_reach, link, compare, OURS)

static void write_end(uint8_t af, const uint8_t *addr, uint8_t proto, uint16_t port,
		      uint8_t ret[static PL_REACH_BYTES])
{
	memset(ret, 0, PL_REACH_BYTES);
	ret[0] = af;
	memcpy(ret + AT_ADDRESS, addr, pl_ts_size(af));
	ret[AT_PROTO] = proto;
	ret[AT_PORT] = (uint8_t)(port >> 8);
	ret[AT_PORT + 1] = (uint8_t)port;
}

static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned most)
{
	for (unsigned i = 0; i < PL_REACH_BYTES && 8 * i < most; i += WORD) {
		uint32_t one, two;
		unsigned bits;

		memcpy(&one, a + i, WORD);
		memcpy(&two, b + i, WORD);
		if (one == two)
			continue;
		bits = 8 * i + (unsigned)__builtin_clz(be32toh(one ^ two));
		return bits < most ? bits : most;
	}
	return most;
}

static void cut(const uint8_t from[static PL_REACH_BYTES], unsigned bits,
		uint8_t ret[static PL_REACH_BYTES])
{
	memset(ret, 0, PL_REACH_BYTES);
	memcpy(ret, from, bits / 8);
	if (bits % 8 != 0)
		ret[bits / 8] = (uint8_t)(from[bits / 8] & 0xff00 >> bits % 8);
}

/* What all of them have in common. Return: how many bits of @ret. */
static unsigned meet_selectors(const struct pl_ts *list, unsigned nr,
			       uint8_t ret[static PL_REACH_BYTES])
{
	unsigned bits = PL_REACH_BITS;

	memset(ret, 0, PL_REACH_BYTES);
	if (nr == 0 || nr > PL_TS_MAX)
		return 0;
	for (unsigned i = 0; i < nr; i++) {
		const struct pl_ts *ts = &list[i];
		uint8_t lo[PL_REACH_BYTES], hi[PL_REACH_BYTES];

		if (!pl_ts_is_valid(ts))
			return 0;
		write_end(ts->af, ts->lo, ts->proto, ts->lo_port, lo);
		write_end(ts->af, ts->hi, ts->proto, ts->hi_port, hi);
		if (i == 0)
			memcpy(ret, lo, PL_REACH_BYTES);
		else
			bits = common_bits(lo, ret, bits);
		/* OPAQUE is 65535 to 0: no port in common, which is right. */
		bits = common_bits(lo, hi, bits);
		if (ts->proto == 0 && bits > 8 * AT_PROTO)
			bits = 8 * AT_PROTO;
	}
	return bits;
}

static void set_end(struct pl_reach *reach, unsigned which, const struct pl_ts *list, unsigned nr)
{
	uint8_t end[PL_REACH_BYTES];

	reach->place.bits[which] = (uint8_t)meet_selectors(list, nr, end);
	cut(end, reach->place.bits[which], reach->place.prefix[which]);
}

void pl_reach_make(enum pl_role role, const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
		   uint64_t number, struct pl_reach *ret)
{
	bool is_initiator = role == PL_ROLE_INITIATOR;
	const struct pl_ts_list *remote = is_initiator ? tsr : tsi;
	const struct pl_ts_list *local = is_initiator ? tsi : tsr;

	*ret = (struct pl_reach) { .number = number };
	if (!is_initiator && role != PL_ROLE_RESPONDER)
		return;
	set_end(ret, REMOTE, remote->list, remote->len);
	set_end(ret, LOCAL, local->list, local->len);
}

void pl_reach_between(const struct pl_ts *local, const struct pl_ts *remote, uint64_t number,
		      struct pl_reach *ret)
{
	*ret = (struct pl_reach) { .number = number };
	set_end(ret, REMOTE, remote, 1);
	set_end(ret, LOCAL, local, 1);
}

void pl_reach_insert(struct pl_reach_tree *tree, struct pl_reach *reach)
{
	RB_INSERT(pl_reach_tree, tree, reach);
}

void pl_reach_remove(struct pl_reach_tree *tree, struct pl_reach *reach)
{
	RB_REMOVE(pl_reach_tree, tree, reach);
}

/* Return: false when there is none. */
static bool next_lengths(uint8_t bits[static 2])
{
	if (bits[LOCAL] < PL_REACH_BITS) {
		bits[LOCAL]++;
		return true;
	}
	bits[LOCAL] = 0;
	return bits[REMOTE]++ < PL_REACH_BITS;
}

int pl_reach_search(const struct pl_reach_tree *tree, const struct pl_tuple *tuple,
		    pl_reach_visit *visit, void *ctx, size_t *ret_steps)
{
	struct pl_reach_tree *from = (struct pl_reach_tree *)tree;
	struct pl_reach *reach, key = { .number = 0 };
	uint8_t end[2][PL_REACH_BYTES];
	size_t steps = 0;
	int r = 0;

	write_end(tuple->af, tuple->remote, tuple->proto, tuple->remote_port, end[REMOTE]);
	write_end(tuple->af, tuple->local, tuple->proto, tuple->local_port, end[LOCAL]);
	reach = RB_NFIND(pl_reach_tree, from, &key);
	while (r == 0 && reach != NULL) {
		steps++;
		if (compare_places(reach, &key) == 0) {
			r = visit(ctx, reach);
			reach = RB_NEXT(pl_reach_tree, from, reach);
			continue;
		}
		/* Others of the same lengths are not the connection's. */
		if (memcmp(reach->place.bits, key.place.bits, sizeof(key.place.bits)) != 0)
			memcpy(key.place.bits, reach->place.bits, sizeof(key.place.bits));
		else if (!next_lengths(key.place.bits))
			break;
		cut(end[REMOTE], key.place.bits[REMOTE], key.place.prefix[REMOTE]);
		cut(end[LOCAL], key.place.bits[LOCAL], key.place.prefix[LOCAL]);
		/* It may be of the connection itself, and nothing is before it. */
		if (compare_places(reach, &key) != 0)
			reach = RB_NFIND(pl_reach_tree, from, &key);
	}
	if (ret_steps != NULL)
		*ret_steps = steps;
	return r;
}

struct pl_reach *pl_reach_same(const struct pl_reach_tree *tree, const struct pl_reach *like,
			       struct pl_reach *after)
{
	struct pl_reach key = *like, *reach;

	key.number = 0;
	reach = after != NULL ? RB_NEXT(pl_reach_tree, tree, after) :
				RB_NFIND(pl_reach_tree, (struct pl_reach_tree *)tree, &key);
	return reach != NULL && compare_places(reach, like) == 0 ? reach : NULL;
}
