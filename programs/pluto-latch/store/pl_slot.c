/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One latch as bytes of the journal. A slot has its place and its size for good, so that a change
 * of state is one write of 512 bytes, which no signal cuts in two, and damage stays where it is.
 *
 * Invariant: what decodes encodes to the same bytes; whatever does not is PL_E_MALFORMED, and no
 * latch comes of it (K53).
 */

#include "store/pl_slot.h"

#include "core/pl_siphash.h"
#include "store/pl_cursor.h"

#include <endian.h>
#include <string.h>

enum { SUM_BYTES = 8 };

/* Rises whenever what walk() passes moves: another daemon's slots are not guessed at. What comes
 * after all the rest is zero in a slot that knows nothing of it, and means nothing then. */
static const uint32_t magic = 0x504c5301;	/* "PLS", version 1 */

enum flag {
	FLAG_LATE = 1 << 0,
	FLAG_MAY_UNPROTECT = 1 << 1,
	FLAG_INHERITED = 1 << 2,
	FLAG_NARROW = 1 << 3,
	FLAG_EARLY = 1 << 4,
	FLAG_IDENTITY = 1 << 5,
	FLAG_ID_FIXED = 1 << 6,
	FLAG_OPTIONAL = 1 << 7,
	FLAG_TAGGED = 1 << 8,
	FLAG_FORWARDED = 1 << 9,
	FLAG_BYPASS = 1 << 10,
};

#define WALK(cursor, field, size) \
	((field) = (__typeof__(field))pl_cursor_number((cursor), (uint64_t)(field), (size)))

static void walk_tuple(struct pl_cursor *c, struct pl_tuple *tuple)
{
	WALK(c, tuple->af, 1);
	WALK(c, tuple->proto, 1);
	WALK(c, tuple->local_port, 2);
	WALK(c, tuple->remote_port, 2);
	pl_cursor_bytes(c, tuple->local, sizeof(tuple->local));
	pl_cursor_bytes(c, tuple->remote, sizeof(tuple->remote));
}

_Static_assert(sizeof(struct pl_suite) == 8, "as long as its numbers in a record");

static void walk_params(struct pl_cursor *c, struct pl_params *params)
{
	unsigned nr;

	WALK(c, params->replay_window, 4);
	WALK(c, params->mode, 1);
	WALK(c, params->nr_suites, 1);
	nr = params->nr_suites < PL_SUITES_MAX ? params->nr_suites : PL_SUITES_MAX;
	for (unsigned i = 0; i < nr; i++) {
		WALK(c, params->suites[i].encrypt, 2);
		WALK(c, params->suites[i].key_bits, 2);
		WALK(c, params->suites[i].integ, 2);
		WALK(c, params->suites[i].protocol, 1);
		WALK(c, params->suites[i].esn, 1);
	}
	/* The others are zeros in a record that is sound, in any order of bytes. */
	pl_cursor_bytes(c, &params->suites[nr], (PL_SUITES_MAX - nr) * sizeof(params->suites[0]));
}

/* The record, for both directions. */
static void walk(struct pl_cursor *c, struct pl_kept *kept, uint32_t *head, unsigned *flags)
{
	WALK(c, *head, 4);
	WALK(c, *flags, 4);
	WALK(c, kept->id, 8);
	walk_tuple(c, &kept->tuple);
	WALK(c, kept->owner.kind, 1);
	WALK(c, kept->owner.uid, 4);
	WALK(c, kept->owner.number, 8);
	WALK(c, kept->state, 1);
	WALK(c, kept->cause, 1);
	WALK(c, kept->disposition, 1);
	WALK(c, kept->cookie, 8);
	WALK(c, kept->require.protection, 1);
	WALK(c, kept->require.min_key_bits, 2);
	WALK(c, kept->require.min_integ_bits, 2);
	WALK(c, kept->require.mode, 1);
	walk_params(c, &kept->params);
	pl_cursor_bytes(c, kept->identity, sizeof(kept->identity));
	pl_cursor_bytes(c, kept->peer, sizeof(kept->peer));
}

static unsigned flags_of(const struct pl_kept *kept)
{
	return (kept->is_late ? FLAG_LATE : 0u) |
	       (kept->may_unprotect ? FLAG_MAY_UNPROTECT : 0u) |
	       (kept->is_inherited ? FLAG_INHERITED : 0u) |
	       (kept->is_narrow ? FLAG_NARROW : 0u) |
	       (kept->is_early ? FLAG_EARLY : 0u) |
	       (kept->is_optional ? FLAG_OPTIONAL : 0u) |
	       (kept->is_tagged ? FLAG_TAGGED : 0u) |
	       (kept->is_forwarded ? FLAG_FORWARDED : 0u) |
	       (kept->is_bypass ? FLAG_BYPASS : 0u) |
	       (kept->has_identity ? FLAG_IDENTITY : 0u) |
	       (kept->params.peer.is_id_fixed ? FLAG_ID_FIXED : 0u);
}

static void set_flags(struct pl_kept *kept, unsigned flags)
{
	kept->is_late = flags & FLAG_LATE;
	kept->may_unprotect = flags & FLAG_MAY_UNPROTECT;
	kept->is_inherited = flags & FLAG_INHERITED;
	kept->is_narrow = flags & FLAG_NARROW;
	kept->is_early = flags & FLAG_EARLY;
	kept->is_optional = flags & FLAG_OPTIONAL;
	kept->is_tagged = flags & FLAG_TAGGED;
	kept->is_forwarded = flags & FLAG_FORWARDED;
	kept->is_bypass = flags & FLAG_BYPASS;
	kept->has_identity = flags & FLAG_IDENTITY;
	kept->params.peer.is_id_fixed = flags & FLAG_ID_FIXED;
}

uint64_t pl_slot_sum(const uint8_t *bytes, size_t len)
{
	static const uint8_t key[16] = "pluto-latch slot";
	uint64_t words[PL_SLOT_BYTES / 8];
	size_t nr = len / sizeof(words[0]);

	for (size_t i = 0; i < nr; i++) {
		memcpy(&words[i], bytes + i * sizeof(words[0]), sizeof(words[0]));
		words[i] = le64toh(words[i]);
	}
	words[nr] = (uint64_t)(uint8_t)len << 56;
	return pl_siphash13(key, words, nr + 1);
}

static void put_sum(uint8_t bytes[static PL_SLOT_BYTES])
{
	struct pl_cursor c = { .to = bytes + PL_SLOT_BYTES - SUM_BYTES, .left = SUM_BYTES };

	(void)pl_cursor_number(&c, pl_slot_sum(bytes, PL_SLOT_BYTES - SUM_BYTES), SUM_BYTES);
}

void pl_slot_encode(const struct pl_kept *kept, uint8_t ret[static PL_SLOT_BYTES])
{
	struct pl_cursor c = { .to = ret, .left = PL_SLOT_BYTES - SUM_BYTES };
	struct pl_kept copy = *kept;
	unsigned flags = flags_of(kept);
	uint32_t head = magic;

	memset(ret, 0, PL_SLOT_BYTES);
	walk(&c, &copy, &head, &flags);
	put_sum(ret);
}

/* @len: not more than a slot has */
static bool is_zero(const void *bytes, size_t len)
{
	static const uint8_t zeros[PL_SLOT_BYTES];

	return memcmp(bytes, zeros, len) == 0;
}

static bool is_tuple_normal(const struct pl_tuple *tuple)
{
	struct pl_tuple again[2];
	unsigned nr;

	if (pl_tuple_is_listener(tuple)) {
		return pl_tuple_listener(tuple, true, again, &nr) == 0 && nr == 1 &&
		       memcmp(&again[0], tuple, sizeof(*tuple)) == 0;
	}
	return pl_tuple_connection(tuple, again) == 0 &&
	       memcmp(again, tuple, sizeof(*tuple)) == 0;
}

static bool is_suite_sound(const struct pl_suite *suite)
{
	return (suite->protocol == PL_PROTO_ESP || suite->protocol == PL_PROTO_AH) &&
	       suite->esn != 0 && (suite->esn & ~(PL_ESN_NO | PL_ESN_YES)) == 0;
}

static bool are_params_sound(const struct pl_params *params)
{
	if (params->nr_suites > PL_SUITES_MAX || params->mode >= PL_MODE_ROOF)
		return false;
	for (unsigned i = 0; i < PL_SUITES_MAX; i++) {
		const struct pl_suite *suite = &params->suites[i];

		if (i < params->nr_suites ? !is_suite_sound(suite) :
		    !is_zero(suite, sizeof(*suite)))
			return false;
	}
	return true;
}

/* What listens is a listener, and a listener that does not is over. */
static bool is_fitting(const struct pl_kept *kept)
{
	return kept->state >= PL_STATE_LINGERING ||
	       (kept->state == PL_STATE_LISTENER) == pl_tuple_is_listener(&kept->tuple);
}

/* As it was read when it was asked for. */
static bool is_peer_sound(const char peer[static PL_PEER_ID_MAX + 1])
{
	char normal[PL_PEER_ID_MAX + 1];
	size_t len = strnlen(peer, PL_PEER_ID_MAX + 1);

	if (len > PL_PEER_ID_MAX || !is_zero(peer + len, PL_PEER_ID_MAX + 1 - len))
		return false;
	return len == 0 || (pl_peer_id_read(peer, normal) == 0 && strcmp(peer, normal) == 0);
}

/* What passes in clear has no peer and no protection, and is one connection of this host. */
static bool is_bypass_sound(const struct pl_kept *kept)
{
	return !kept->is_bypass ||
	       (!pl_tuple_is_listener(&kept->tuple) && kept->params.nr_suites == 0 &&
		!kept->has_identity && kept->peer[0] == '\0' && !kept->is_narrow &&
		!kept->is_forwarded);
}

static bool is_sound(const struct pl_kept *kept)
{
	return kept->id != 0 && is_tuple_normal(&kept->tuple) &&
	       kept->owner.kind > PL_OWNER_NONE && kept->owner.kind < PL_OWNER_ROOF &&
	       kept->state > PL_STATE_UNBORN && kept->state < PL_STATE_GONE &&
	       kept->cause < PL_EVENT_ROOF && kept->disposition < PL_DISPOSITION_ROOF &&
	       kept->require.mode < PL_MODE_ROOF && are_params_sound(&kept->params) &&
	       kept->has_identity == !is_zero(kept->identity, sizeof(kept->identity)) &&
	       is_peer_sound(kept->peer) && is_bypass_sound(kept) && is_fitting(kept);
}

int pl_slot_decode(const uint8_t bytes[static PL_SLOT_BYTES], struct pl_kept *ret)
{
	struct pl_cursor c = { .from = bytes, .left = PL_SLOT_BYTES - SUM_BYTES };
	uint8_t again[PL_SLOT_BYTES];
	struct pl_kept kept = { .id = 0 };
	unsigned flags = 0;
	uint32_t head = 0;

	if (is_zero(bytes, PL_SLOT_BYTES))
		return PL_E_NOT_FOUND;
	walk(&c, &kept, &head, &flags);
	set_flags(&kept, flags);
	if (head != magic || !is_sound(&kept))
		return PL_E_MALFORMED;
	/* the sum, and whatever of the bytes means nothing */
	pl_slot_encode(&kept, again);
	if (memcmp(again, bytes, PL_SLOT_BYTES) != 0)
		return PL_E_MALFORMED;
	*ret = kept;
	return 0;
}
