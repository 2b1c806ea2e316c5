/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Slots and identities as bytes: what is written is read, and nothing else is (K53). */

#include "store/pl_identity_bytes.h"
#include "store/pl_slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOB(TEXT) { .ptr = (const uint8_t *)(TEXT), .len = sizeof(TEXT) - 1 }

static const struct pl_kept whole = {
	.id = 8,
	.tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 32800,
		.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
	},
	.owner = { PL_OWNER_SESSION, 1000, 77 },
	.state = PL_STATE_ESTABLISHED, .cause = PL_EVENT_CREATED,
	.disposition = PL_DISPOSITION_WAIT,
	.is_late = true, .is_narrow = true, .is_tagged = true,
	.is_forwarded = true, .has_identity = true, .cookie = 0x8877665544332211,
	.require = { PL_PROTECT_CONFIDENTIALITY, 128, 96, PL_MODE_TRANSPORT },
	.params = {
		.peer = { .is_id_fixed = true },
		.replay_window = 128, .mode = PL_MODE_TRANSPORT, .nr_suites = 2,
		.suites = {
			{ 20, 128, 0, PL_PROTO_ESP, PL_ESN_NO },
			{ 20, 256, 0, PL_PROTO_ESP, PL_ESN_YES },
		},
	},
	.identity = { 1, 2, 3 },
	.peer = "C=CA, CN=east",
};

static int pass(const struct pl_kept *slot, struct pl_kept *ret)
{
	uint8_t bytes[PL_SLOT_BYTES];

	pl_slot_encode(slot, bytes);
	return pl_slot_decode(bytes, ret);
}

static void assert_same(const struct pl_kept *a, const struct pl_kept *b)
{
	uint8_t x[PL_SLOT_BYTES], y[PL_SLOT_BYTES];

	assert_int_equal(a->id, b->id);
	assert_memory_equal(&a->tuple, &b->tuple, sizeof(a->tuple));
	assert_int_equal(a->owner.kind, b->owner.kind);
	assert_int_equal(a->owner.uid, b->owner.uid);
	assert_int_equal(a->owner.number, b->owner.number);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->cause, b->cause);
	assert_int_equal(a->disposition, b->disposition);
	assert_int_equal(a->is_late, b->is_late);
	assert_int_equal(a->may_unprotect, b->may_unprotect);
	assert_int_equal(a->is_inherited, b->is_inherited);
	assert_int_equal(a->is_narrow, b->is_narrow);
	assert_int_equal(a->is_early, b->is_early);
	assert_int_equal(a->is_optional, b->is_optional);
	assert_int_equal(a->is_tagged, b->is_tagged);
	assert_int_equal(a->is_forwarded, b->is_forwarded);
	assert_int_equal(a->is_bypass, b->is_bypass);
	assert_int_equal(a->has_identity, b->has_identity);
	assert_int_equal(a->cookie, b->cookie);
	assert_int_equal(a->require.min_key_bits, b->require.min_key_bits);
	assert_int_equal(a->require.min_integ_bits, b->require.min_integ_bits);
	assert_int_equal(a->params.nr_suites, b->params.nr_suites);
	assert_memory_equal(a->params.suites, b->params.suites, sizeof(a->params.suites));
	assert_int_equal(a->params.peer.is_id_fixed, b->params.peer.is_id_fixed);
	assert_memory_equal(a->peer, b->peer, sizeof(a->peer));
	/* and whatever this list forgot */
	pl_slot_encode(a, x);
	pl_slot_encode(b, y);
	assert_memory_equal(x, y, sizeof(x));
}

static void what_is_written_is_read(void **state)
{
	struct pl_kept got;

	(void)state;
	assert_int_equal(pass(&whole, &got), 0);
	assert_same(&whole, &got);
	assert_null(got.params.peer.identity);
}

static void a_latch_is_written_without_its_identity_and_lineage(void **state)
{
	struct pl_latch latch = {
		.id = whole.id, .tuple = whole.tuple, .owner = whole.owner,
		.state = whole.state, .cause = whole.cause, .disposition = whole.disposition,
		.is_late = true, .is_narrow = true, .is_tagged = true,
		.is_forwarded = true, .cookie = whole.cookie,
		.require = whole.require, .params = whole.params,
	};
	struct pl_kept slot, got;

	(void)state;
	latch.params.peer.lineage = 5;
	latch.params.peer.identity = (void *)&latch;
	pl_kept_of_latch(&latch, whole.identity, whole.peer, &slot);
	assert_null(slot.params.peer.identity);
	assert_int_equal(slot.params.peer.lineage, 0);
	assert_int_equal(pass(&slot, &got), 0);
	assert_same(&whole, &got);
}

static void a_free_slot_is_no_latch(void **state)
{
	static const uint8_t none[PL_SLOT_BYTES];
	struct pl_kept got;

	(void)state;
	assert_int_equal(pl_slot_decode(none, &got), PL_E_NOT_FOUND);
}

static void no_bit_of_a_slot_may_change_K53(void **state)
{
	uint8_t bytes[PL_SLOT_BYTES];
	struct pl_kept got;

	(void)state;
	pl_slot_encode(&whole, bytes);
	for (unsigned bit = 0; bit < 8 * PL_SLOT_BYTES; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (pl_slot_decode(bytes, &got) != PL_E_MALFORMED)
			fail_msg("bit %u", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(pl_slot_decode(bytes, &got), 0);
}

static void what_cannot_be_is_refused_though_its_sum_is_right_K53(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t byte;
	} rows[] = {
#define AT(field) offsetof(struct pl_kept, field)
		{ "no id", AT(id), 0 },
		{ "no family", AT(tuple.af), 0 },
		{ "an address that is longer than its family has", AT(tuple.local[5]), 1 },
		{ "nobody owns it", AT(owner.kind), 0 },
		{ "an owner of no kind", AT(owner.kind), PL_OWNER_ROOF },
		{ "unborn", AT(state), PL_STATE_UNBORN },
		{ "gone", AT(state), PL_STATE_GONE },
		{ "no state at all", AT(state), PL_STATE_ROOF },
		{ "a connection that listens", AT(state), PL_STATE_LISTENER },
		{ "no such event", AT(cause), PL_EVENT_ROOF },
		{ "no such disposition", AT(disposition), PL_DISPOSITION_ROOF },
		{ "no such mode asked for", AT(require.mode), PL_MODE_ROOF },
		{ "no such mode", AT(params.mode), PL_MODE_ROOF },
		{ "too many suites", AT(params.nr_suites), PL_SUITES_MAX + 1 },
		{ "suites that nobody counted", AT(params.nr_suites), 0 },
		{ "a suite without ESN or its absence", AT(params.suites[1].esn), 0 },
		{ "an ESN bit that is none", AT(params.suites[1].esn), 4 },
		{ "a protocol that is none", AT(params.suites[0].protocol), 77 },
		{ "one suite more than said", AT(params.suites[2].encrypt), 1 },
		{ "an identity that nobody has", AT(has_identity), 0 },
		{ "a peer that is none", AT(peer[0]), ' ' },
		{ "a peer that is written in another way", AT(peer[5]), ',' },
		{ "more behind a peer", AT(peer[PL_PEER_ID_MAX]), 1 },
#undef AT
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pl_kept slot = whole, got;

		((uint8_t *)&slot)[rows[i].at] = rows[i].byte;
		if (pass(&slot, &got) != PL_E_MALFORMED)
			fail_msg("%s", rows[i].why);
	}
}

static void a_listener_has_a_slot_too(void **state)
{
	struct pl_kept slot = whole, got;

	(void)state;
	slot.state = PL_STATE_LISTENER;
	slot.tuple.remote_port = 0;
	memset(slot.tuple.remote, 0, sizeof(slot.tuple.remote));
	assert_int_equal(pass(&slot, &got), 0);
	assert_same(&slot, &got);
	slot.state = PL_STATE_BROKEN;
	assert_int_equal(pass(&slot, &got), PL_E_MALFORMED);
}

static const struct pl_kept in_clear = {
	.id = 9, .tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local_port = 4000, .remote_port = 32800,
		.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
	},
	.owner = { PL_OWNER_SESSION, 0, 77 }, .state = PL_STATE_ESTABLISHED, .is_bypass = true,
};

static void a_bypass_has_a_slot_and_is_no_other_latch_K58(void **state)
{
	struct pl_kept slots[] = { in_clear, in_clear, in_clear, in_clear, in_clear, in_clear };
	struct pl_kept got;

	(void)state;
	assert_int_equal(pass(&in_clear, &got), 0);
	assert_same(&in_clear, &got);
	assert_true(got.is_bypass);
	/* nothing that somebody would have to prove */
	slots[0].params = whole.params;
	slots[1].has_identity = true;
	slots[1].identity[0] = 1;
	slots[2].peer[0] = '@', slots[2].peer[1] = 'a';
	slots[3].is_narrow = true;
	slots[4].is_forwarded = true;
	slots[5].state = PL_STATE_LISTENER;
	slots[5].tuple.remote_port = 0;
	memset(slots[5].tuple.remote, 0, sizeof(slots[5].tuple.remote));
	for (unsigned i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		assert_int_equal(pass(&slots[i], &got), PL_E_MALFORMED);
		slots[i].is_bypass = false;
		assert_int_equal(pass(&slots[i], &got), 0);
	}
}

static const struct pl_identity_data alice = {
	.peer = {
		.id = "CN=alice", .id_type = 9, .id_wire = BLOB("0\0alice"),
		.auth = PL_AUTH_SIGNATURE, .auth_wire = 14,
		.cert = BLOB("leaf"), .anchor = BLOB("anchor"), .spki = BLOB("key"),
	},
	.own = { .id = "", .auth = PL_AUTH_PSK, .auth_wire = 2 },
};

static void assert_end(const struct pl_identity_end *a, const struct pl_identity_end *b)
{
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->id_type, b->id_type);
	assert_int_equal(a->auth, b->auth);
	assert_int_equal(a->auth_wire, b->auth_wire);
	assert_int_equal(a->id_wire.len, b->id_wire.len);
	assert_memory_equal(a->id_wire.ptr, b->id_wire.ptr, a->id_wire.len);
	assert_int_equal(a->spki.len, b->spki.len);
	assert_int_equal(a->cert.len, b->cert.len);
	assert_int_equal(a->anchor.len, b->anchor.len);
}

static void an_identity_is_read_as_it_was_written(void **state)
{
	size_t len = pl_identity_bytes_size(&alice);
	uint8_t *bytes = malloc(len);
	struct pl_identity_data got;

	(void)state;
	pl_identity_encode(&alice, bytes);
	assert_int_equal(pl_identity_decode(bytes, len, &got), 0);
	assert_end(&alice.peer, &got.peer);
	assert_string_equal(got.own.id, "");
	assert_int_equal(got.own.auth, PL_AUTH_PSK);
	assert_null(got.own.spki.ptr);
	/* an empty text is not an absent one */
	assert_int_equal(pl_identity_bytes_size(&got), len);
	free(bytes);
}

static void an_identity_cut_anywhere_is_none(void **state)
{
	size_t len = pl_identity_bytes_size(&alice);
	uint8_t *bytes = malloc(len);
	struct pl_identity_data got;

	(void)state;
	pl_identity_encode(&alice, bytes);
	for (size_t cut = 0; cut < len; cut++) {
		/* with nothing behind, for ASAN */
		uint8_t *copy = malloc(cut == 0 ? 1 : cut);

		memcpy(copy, bytes, cut);
		assert_int_equal(pl_identity_decode(copy, cut, &got), PL_E_MALFORMED);
		free(copy);
	}
	free(bytes);
}

static void an_identity_that_is_too_large_has_no_bytes(void **state)
{
	static uint8_t large[PL_IDENTITY_BYTES_MAX];
	struct pl_identity_data data = alice;

	(void)state;
	data.peer.cert = (struct pl_blob) { large, sizeof(large) };
	assert_int_equal(pl_identity_bytes_size(&data), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_latch_is_written_without_its_identity_and_lineage),
		cmocka_unit_test(a_free_slot_is_no_latch),
		cmocka_unit_test(no_bit_of_a_slot_may_change_K53),
		cmocka_unit_test(what_cannot_be_is_refused_though_its_sum_is_right_K53),
		cmocka_unit_test(a_listener_has_a_slot_too),
		cmocka_unit_test(a_bypass_has_a_slot_and_is_no_other_latch_K58),
		cmocka_unit_test(an_identity_is_read_as_it_was_written),
		cmocka_unit_test(an_identity_cut_anywhere_is_none),
		cmocka_unit_test(an_identity_that_is_too_large_has_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
