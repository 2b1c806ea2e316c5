/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Parameters: which differences are differences, and who is the same peer. */

#include "core/pl_params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pl_blob blob(const char *text)
{
	return (struct pl_blob) { (const uint8_t *)text, text == NULL ? 0 : strlen(text) };
}

static struct pl_identity_end end(const char *id, enum pl_auth auth, const char *cert,
				  const char *anchor, const char *spki)
{
	return (struct pl_identity_end) {
		.id = id, .id_type = 2, .auth = auth, .id_wire = blob(id), .cert = blob(cert),
		.anchor = blob(anchor), .spki = blob(spki),
	};
}

static struct pl_identity *intern(struct pl_identity_pool *pool, struct pl_identity_end peer,
				  struct pl_identity_end own)
{
	struct pl_identity_data data = { .peer = peer, .own = own };
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static struct pl_suite suite(const char *encrypt, unsigned bits, const char *integ, bool esn)
{
	struct pl_suite ret;

	assert_int_equal(pl_suite_make(PL_PROTO_ESP, encrypt, bits, integ, esn, &ret), 0);
	return ret;
}

static struct pl_params params_of(struct pl_suite s)
{
	return (struct pl_params) {
		.replay_window = 128, .mode = PL_MODE_TRANSPORT, .nr_suites = 1, .suites = { s },
	};
}

static void a_suite_is_known_by_its_names_and_the_rest_is_unsupported(void **state)
{
	static const struct {
		const char *why;
		int protocol;
		const char *encrypt;
		unsigned bits;
		const char *integ;
		bool esn;
		int want, protection;
		const char *text;
	} t[] = {
		{ "AEAD", 50, "AES_GCM_16", 256, "NONE", true, 0, 3, "esp aes_gcm_16-256 esn" },
		{ "AEAD", 50, "AES_GCM_16", 128, "", false, 0, 3, "esp aes_gcm_16-128" },
		{ "chacha", 50, "CHACHA20_POLY1305", 256, "NONE", false, 0, 3,
		  "esp chacha20_poly1305-256" },
		{ "CBC", 50, "AES_CBC", 128, "HMAC_SHA2_256_128", false, 0, 3,
		  "esp aes_cbc-128 hmac_sha2_256_128" },
		{ "null", 50, "NULL", 0, "HMAC_SHA1_96", false, 0, 1, "esp null hmac_sha1_96" },
		{ "gmac", 50, "NULL_AUTH_AES_GMAC", 256, "NONE", false, 0, 1,
		  "esp null_auth_aes_gmac-256" },
		{ "AH", 51, "", 0, "HMAC_SHA2_512_256", true, 0, 1, "ah hmac_sha2_512_256 esn" },
		{ "no integrity", 50, "AES_CBC", 128, "NONE", false, PL_E_UNSUPPORTED, 0, "" },
		{ "nothing at all", 50, "NULL", 0, "NONE", false, PL_E_UNSUPPORTED, 0, "" },
		{ "nothing at all", 51, "", 0, "NONE", false, PL_E_UNSUPPORTED, 0, "" },
		{ "twice", 50, "AES_GCM_16", 128, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "unknown", 50, "ROT_13", 128, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "unknown", 50, "AES_CBC", 128, "CRC_32", false, PL_E_UNSUPPORTED, 0, "" },
		{ "no name", 50, "", 0, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "no key", 50, "AES_CBC", 0, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "key of null", 50, "NULL", 8, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "huge key", 50, "AES_CBC", 65536, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0,
		  "" },
		{ "secret AH", 51, "AES_CBC", 0, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "AH key", 51, "", 128, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
		{ "no protocol", 0, "AES_GCM_16", 128, "", false, PL_E_UNSUPPORTED, 0, "" },
		{ "IPComp", 108, "", 0, "HMAC_SHA1_96", false, PL_E_UNSUPPORTED, 0, "" },
	};
	char text[PL_SUITE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_suite s = { .integ = 4711 };

		if (pl_suite_make((enum pl_protocol)t[i].protocol, t[i].encrypt, t[i].bits,
				  t[i].integ, t[i].esn, &s) != t[i].want)
			fail_msg("%s", t[i].why);
		if (t[i].want != 0) {
			assert_int_equal(s.integ, 4711);
			continue;
		}
		assert_int_equal(pl_suite_protection(&s), t[i].protection);
		assert_string_equal(pl_suite_text(&s, text), t[i].text);
	}
}

static void a_suite_nobody_made_promises_only_what_its_numbers_say(void **state)
{
	struct pl_suite s = { .encrypt = 12, .key_bits = 128, .protocol = PL_PROTO_ESP };

	(void)state;
	assert_int_equal(pl_suite_protection(&s), PL_PROTECT_CONFIDENTIALITY);
	s.integ = 999;
	assert_int_equal(pl_suite_protection(&s), PL_PROTECT_CONFIDENTIALITY);
	s.encrypt = 999;
	assert_int_equal(pl_suite_protection(&s), 0);
	s.integ = 12;
	assert_int_equal(pl_suite_protection(&s), PL_PROTECT_INTEGRITY);
}

static void parameters_come_from_the_child_sa_K1(void **state)
{
	struct pl_child_facts child = {
		.protocol = PL_PROTO_ESP, .mode = PL_MODE_TUNNEL, .encrypt = "AES_GCM_16",
		.key_bits = 256, .integ = "NONE", .has_esn = true, .replay_window = 64,
	};
	struct pl_peer peer = { .lineage = 7, .is_id_fixed = true };
	struct pl_params got;
	char text[PL_SUITE_TEXT_MAX];

	(void)state;
	assert_int_equal(pl_params_from_child(&child, &peer, &got), 0);
	assert_int_equal(got.mode, PL_MODE_TUNNEL);
	assert_int_equal(got.replay_window, 64);
	assert_int_equal(got.nr_suites, 1);
	assert_int_equal(got.peer.lineage, 7);
	assert_true(got.peer.is_id_fixed);
	assert_string_equal(pl_suite_text(&got.suites[0], text), "esp aes_gcm_16-256 esn");
	assert_false(pl_params_is_indeterminate(&got));
	child.mode = PL_MODE_TRANSPORT;
	assert_int_equal(pl_params_from_child(&child, &peer, &got), 0);
	assert_int_equal(got.mode, PL_MODE_TRANSPORT);
	child.mode = PL_MODE_NONE;
	assert_int_equal(pl_params_from_child(&child, &peer, &got), PL_E_UNSUPPORTED);
	child.mode = PL_MODE_TUNNEL;
	child.has_ipcomp = true;
	assert_int_equal(pl_params_from_child(&child, &peer, &got), PL_E_COMPRESSED);
	child.has_ipcomp = false;
	strcpy(child.integ, "HMAC_SHA2_256_TRUNCBUG");
	assert_int_equal(pl_params_from_child(&child, &peer, &got), PL_E_UNSUPPORTED);
	assert_int_equal(got.mode, PL_MODE_TRANSPORT);
}

static void each_single_field_of_the_protection_is_a_difference_K1(void **state)
{
	struct pl_params base = params_of(suite("AES_CBC", 256, "HMAC_SHA2_256_128", false));
	struct pl_suite ah;
	struct {
		unsigned want;
		struct pl_params other;
	} t[] = {
		{ 0, base },
		{ PL_DIFF_MODE, base },
		{ PL_DIFF_REPLAY, base },
		{ PL_DIFF_CIPHER, params_of(suite("CAMELLIA_CBC", 256, "HMAC_SHA2_256_128", 0)) },
		{ PL_DIFF_KEY_LENGTH, params_of(suite("AES_CBC", 128, "HMAC_SHA2_256_128", 0)) },
		{ PL_DIFF_INTEGRITY, params_of(suite("AES_CBC", 256, "HMAC_SHA2_512_256", 0)) },
		{ PL_DIFF_ESN, params_of(suite("AES_CBC", 256, "HMAC_SHA2_256_128", true)) },
		{ PL_DIFF_PROTECTION | PL_DIFF_CIPHER | PL_DIFF_KEY_LENGTH,
		  params_of(suite("NULL", 0, "HMAC_SHA2_256_128", false)) },
		{ 0, base },
		{ PL_DIFF_SUITE | PL_DIFF_PROTECTION, base },
	};

	(void)state;
	t[1].other.mode = PL_MODE_TUNNEL;
	t[2].other.replay_window = 0;
	assert_int_equal(pl_suite_make(PL_PROTO_AH, "", 0, "HMAC_SHA2_256_128", false, &ah), 0);
	t[8].other.suites[0] = ah;
	t[8].want = PL_DIFF_PROTOCOL | PL_DIFF_PROTECTION | PL_DIFF_CIPHER | PL_DIFF_KEY_LENGTH;
	t[9].other.nr_suites = 0;	/* an SA about which nothing is known */
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(pl_params_diff(&base, &t[i].other, PL_PEER_MATCH_KEY),
				 t[i].want | PL_DIFF_PEER_UNKNOWN);
		assert_int_equal(pl_params_diff(&t[i].other, &base, PL_PEER_MATCH_KEY),
				 t[i].want | PL_DIFF_PEER_UNKNOWN);
	}
}

static void a_suite_of_a_wide_latch_is_no_difference_K22(void **state)
{
	struct pl_suite gcm = suite("AES_GCM_16", 256, "NONE", false);
	struct pl_suite small = suite("AES_GCM_16", 128, "NONE", false);
	struct pl_suite null = suite("NULL", 0, "HMAC_SHA1_96", false);
	struct pl_suite gcm_esn = suite("AES_GCM_16", 256, "NONE", true);
	struct pl_params wide = params_of(small), narrow = params_of(gcm);
	struct pl_params wider;

	(void)state;
	assert_int_equal(pl_params_allow(&wide, &gcm), 0);
	assert_int_equal(pl_params_allow(&wide, &gcm), 0);
	assert_int_equal(wide.nr_suites, 2);
	assert_true(pl_params_is_indeterminate(&wide));
	assert_int_equal(pl_params_diff(&wide, &narrow, 0), PL_DIFF_PEER_UNKNOWN);
	/* The other way round the latch is the narrow one. */
	assert_int_equal(pl_params_diff(&narrow, &wide, 0), PL_DIFF_PEER_UNKNOWN | PL_DIFF_SUITE);
	narrow = params_of(null);
	assert_int_equal(pl_params_diff(&wide, &narrow, 0),
			 PL_DIFF_PEER_UNKNOWN | PL_DIFF_SUITE | PL_DIFF_PROTECTION);
	narrow = params_of(gcm_esn);
	assert_int_equal(pl_params_diff(&wide, &narrow, 0), PL_DIFF_PEER_UNKNOWN | PL_DIFF_SUITE);
	/* The set allows ESN both ways once it is told so: one suite, still indeterminate. */
	wider = params_of(gcm);
	assert_int_equal(pl_params_allow(&wider, &gcm_esn), 0);
	assert_int_equal(wider.nr_suites, 1);
	assert_true(pl_params_is_indeterminate(&wider));
	assert_int_equal(pl_params_diff(&wider, &narrow, 0), PL_DIFF_PEER_UNKNOWN);
	/* What a wide latch promises is what its weakest suite gives. */
	assert_int_equal(pl_params_protection(&wide), 3);
	assert_int_equal(pl_params_allow(&wide, &null), 0);
	assert_int_equal(pl_params_protection(&wide), PL_PROTECT_INTEGRITY);
	wide.nr_suites = 0;
	assert_int_equal(pl_params_protection(&wide), 0);
	assert_true(pl_params_is_indeterminate(&wide));
}

static void a_set_of_suites_is_bounded_and_does_not_depend_on_the_order(void **state)
{
	static const char *const integ[] = { "HMAC_MD5_96", "HMAC_SHA1_96", "AES_XCBC_96" };
	struct pl_suite all[16];
	struct pl_params a, b;
	unsigned n = 0, seed = 311;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < 3; i++) {
		all[n++] = suite("AES_CBC", 128, integ[i], false);
		all[n++] = suite("AES_CBC", 256, integ[i], false);
		all[n++] = suite("CAMELLIA_CBC", 256, integ[i], false);
	}
	assert_int_equal(pl_suite_make(PL_PROTO_AH, "", 0, integ[0], false, &all[n++]), 0);
	all[n++] = suite("AES_GCM_16", 128, "NONE", false);
	all[n++] = suite("AES_GCM_16", 256, "NONE", false);
	all[n++] = suite("AES_GCM_12", 256, "NONE", false);
	assert_in_range(n, PL_SUITES_MAX + 1, 16);
	for (unsigned round = 0; round < 200; round++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		for (unsigned i = 0; i < PL_SUITES_MAX; i++)
			assert_int_equal(pl_params_allow(&a, &all[i]), 0);
		while (b.nr_suites < PL_SUITES_MAX)
			assert_int_equal(pl_params_allow(&b, &all[random() % PL_SUITES_MAX]), 0);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	/* What lies behind the end of the set is not in it. */
	b.nr_suites--;
	assert_int_equal(pl_params_allow(&b, &a.suites[PL_SUITES_MAX - 1]), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(pl_params_allow(&a, &all[PL_SUITES_MAX]), PL_E_TOO_MANY);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void requirements_are_met_by_every_suite_or_not_K11(void **state)
{
	struct pl_params p = params_of(suite("AES_CBC", 256, "HMAC_SHA1_96", false));
	struct pl_suite triple = suite("3DES_CBC", 192, "HMAC_SHA2_512_256", false);
	struct pl_suite gmac = suite("NULL_AUTH_AES_GMAC", 256, "NONE", false);
	static const struct {
		struct pl_require require;
		int want;
	} t[] = {
		{ { 0, 0, 0, 0 }, 0 },
		{ { 3, 256, 96, PL_MODE_TRANSPORT }, 0 },
		{ { 3, 257, 96, 0 }, PL_E_WEAK },
		{ { 3, 256, 97, 0 }, PL_E_WEAK },
		{ { 3, 0, 0, PL_MODE_TUNNEL }, PL_E_WEAK },
		{ { 4, 0, 0, 0 }, PL_E_WEAK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(pl_params_meet(&p, &t[i].require), t[i].want);
	assert_int_equal(pl_params_allow(&p, &triple), 0);
	/* 192 bits of 3DES are worth 112. */
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 3, 112, 96, 0 }), 0);
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 3, 113, 96, 0 }), PL_E_WEAK);
	p = params_of(gmac);
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 1, 0, 128, 0 }), 0);
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 1, 0, 129, 0 }), PL_E_WEAK);
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 1, 1, 0, 0 }), PL_E_WEAK);
	assert_int_equal(pl_params_meet(&p, &(struct pl_require) { 2, 0, 0, 0 }), PL_E_WEAK);
}

#define SIG PL_AUTH_SIGNATURE

static void who_is_the_same_peer_is_decided_by_what_was_proved_L27(void **state)
{
	struct pl_identity_end me = end("me", SIG, "mycert", "ca", "mykey");
	struct pl_identity_end b = end("B", SIG, "cert", "ca", "key");
	struct pl_identity_end raw = end("B", SIG, NULL, NULL, "key");
	struct pl_identity_end leaf = end("B", SIG, "cert", NULL, "key");
	const struct {
		const char *why;
		struct pl_identity_end a, b;
		unsigned by_key, by_id;
	} t[] = {
		{ "itself", b, b, 0, 0 },
		{ "other ID", b, end("C", SIG, "cert", "ca", "key"), PL_DIFF_PEER_ID,
		  PL_DIFF_PEER_ID },
		{ "renewed key", b, end("B", SIG, "cert2", "ca", "key2"), PL_DIFF_PEER_KEY, 0 },
		{ "renewed certificate", b, end("B", SIG, "cert2", "ca", "key"), 0, 0 },
		{ "other anchor", b, end("B", SIG, "cert", "ca2", "key"), PL_DIFF_PEER_ANCHOR,
		  PL_DIFF_PEER_ANCHOR },
		{ "raw key", raw, raw, 0, 0 },
		{ "renewed raw key", raw, end("B", SIG, NULL, NULL, "key2"), PL_DIFF_PEER_KEY, 0 },
		{ "unknown anchors", leaf, leaf, 0, 0 },
		{ "renewed, anchor unknown", leaf, end("B", SIG, "cert2", NULL, "key2"),
		  PL_DIFF_PEER_KEY, PL_DIFF_PEER_ANCHOR },
		{ "raw key becomes certificate", raw, end("B", SIG, "cert2", NULL, "key2"),
		  PL_DIFF_PEER_KEY, PL_DIFF_PEER_ANCHOR },
		{ "raw key gets an anchor", raw, b, PL_DIFF_PEER_ANCHOR, PL_DIFF_PEER_ANCHOR },
		{ "signature, key unknown", end("B", SIG, "cert", "ca", NULL),
		  end("B", SIG, "cert", "ca", NULL), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "key known once", b, end("B", SIG, "cert", "ca", NULL), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "other method", b, end("B", PL_AUTH_PSK, NULL, NULL, NULL),
		  PL_DIFF_PEER_METHOD, PL_DIFF_PEER_METHOD },
		{ "EAP with a key", end("B", PL_AUTH_EAP, "c", "ca", "k"),
		  end("B", PL_AUTH_EAP, "c", "ca", "k"), 0, 0 },
		{ "EAP without", end("B", PL_AUTH_EAP, NULL, NULL, NULL),
		  end("B", PL_AUTH_EAP, NULL, NULL, NULL), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "NULL", end("B", PL_AUTH_NULL, NULL, NULL, NULL),
		  end("B", PL_AUTH_NULL, NULL, NULL, NULL), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "NULL that shows a key", end("B", PL_AUTH_NULL, NULL, NULL, "key"),
		  end("B", PL_AUTH_NULL, NULL, NULL, "key"), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "ticket", end("B", PL_AUTH_RESUME, "cert", "ca", "key"),
		  end("B", PL_AUTH_RESUME, "cert", "ca", "key"), PL_DIFF_PEER_UNPROVED,
		  PL_DIFF_PEER_UNPROVED },
		{ "nobody", end(NULL, SIG, "cert", "ca", "key"),
		  end(NULL, SIG, "cert", "ca", "key"), PL_DIFF_PEER_ID,
		  PL_DIFF_PEER_ID },
		{ "nobody, once", b, end(NULL, SIG, "cert", "ca", "key"), PL_DIFF_PEER_ID,
		  PL_DIFF_PEER_ID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_identity_pool *pool = pl_identity_pool_new();
		struct pl_peer x = { .identity = intern(pool, t[i].a, me), .lineage = 1 };
		struct pl_peer y = { .identity = intern(pool, t[i].b, me), .lineage = 2 };

		if (pl_peer_diff(&x, &y, PL_PEER_MATCH_KEY) != t[i].by_key ||
		    pl_peer_diff(&y, &x, PL_PEER_MATCH_KEY) != t[i].by_key ||
		    pl_peer_diff(&x, &y, PL_PEER_MATCH_ID) != t[i].by_id ||
		    pl_peer_diff(&y, &x, PL_PEER_MATCH_ID) != t[i].by_id)
			fail_msg("%s", t[i].why);
		/* One IKE SA and its rekeys are one peer, whatever he proved with. */
		y.lineage = 1;
		assert_int_equal(pl_peer_diff(&x, &y, PL_PEER_MATCH_KEY), 0);
		/* Somebody and nobody are not the same, whatever the lineage says. */
		struct pl_peer foreign = { .lineage = 1 };

		assert_int_equal(pl_peer_diff(&x, &foreign, PL_PEER_MATCH_KEY),
				 PL_DIFF_PEER_UNKNOWN);
		assert_int_equal(pl_peer_diff(&foreign, &x, PL_PEER_MATCH_KEY),
				 PL_DIFF_PEER_UNKNOWN);
		/* An unknown lineage is not a common one. */
		x.lineage = y.lineage = 0;
		assert_int_equal(pl_peer_diff(&x, &y, PL_PEER_MATCH_KEY), t[i].by_key);
		pl_identity_unref(x.identity);
		pl_identity_unref(y.identity);
		pl_identity_pool_free(pool);
	}
}

static void a_psk_peer_is_the_same_only_where_the_connection_fixes_the_id(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_end me = end("me", PL_AUTH_PSK, NULL, NULL, NULL);
	struct pl_identity_end b = end("B", PL_AUTH_PSK, NULL, NULL, NULL);
	struct pl_peer x = { .identity = intern(pool, b, me) };
	struct pl_peer y = x;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		x.is_id_fixed = i & 1;
		y.is_id_fixed = i & 2;
		assert_int_equal(pl_peer_diff(&x, &y, PL_PEER_MATCH_KEY),
				 i == 3 ? 0 : PL_DIFF_PEER_UNPROVED);
	}
	/* NULL is always another, fixed or not. */
	y.identity = intern(pool, end("B", PL_AUTH_NULL, NULL, NULL, NULL), me);
	pl_identity_unref(x.identity);
	x.identity = pl_identity_ref(y.identity);
	assert_int_equal(pl_peer_diff(&x, &y, PL_PEER_MATCH_KEY), PL_DIFF_PEER_UNPROVED);
	pl_identity_unref(x.identity);
	pl_identity_unref(y.identity);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pl_identity_pool_free(pool);
}

static void the_local_end_and_the_encoding_of_ids_count_too_K1(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_end b = end("B", SIG, "cert", "ca", "key"), b2 = b, b3 = b, b4 = b;
	struct pl_identity_end me = end("me", SIG, "c", "ca", "k");
	struct pl_peer x = { .identity = intern(pool, b, me) }, y[5] = { { .identity = NULL } };

	(void)state;
	b2.id_wire = blob("b");
	b3.id_type = 3;
	b4.id_wire = blob(NULL);
	y[0].identity = intern(pool, b, end("you", SIG, "c", "ca", "k"));
	y[1].identity = intern(pool, b, end("me", SIG, "c", "ca", "k2"));
	y[2].identity = intern(pool, b2, me);
	y[3].identity = intern(pool, b3, me);
	y[4].identity = intern(pool, b4, me);
	assert_int_equal(pl_peer_diff(&x, &y[0], PL_PEER_MATCH_KEY), PL_DIFF_LOCAL_ID);
	assert_int_equal(pl_peer_diff(&x, &y[1], PL_PEER_MATCH_KEY), PL_DIFF_LOCAL_KEY);
	assert_int_equal(pl_peer_diff(&x, &y[1], PL_PEER_MATCH_ID), 0);
	assert_int_equal(pl_peer_diff(&x, &y[2], PL_PEER_MATCH_KEY), PL_DIFF_PEER_ID);
	assert_int_equal(pl_peer_diff(&x, &y[3], PL_PEER_MATCH_KEY), PL_DIFF_PEER_ID);
	assert_int_equal(pl_peer_diff(&x, &y[4], PL_PEER_MATCH_KEY), 0);
	assert_int_equal(pl_peer_diff(&y[4], &x, PL_PEER_MATCH_KEY), 0);
	pl_identity_unref(x.identity);
	/* Two encodings of one distinguished name are one ID. */
	b.id_type = b2.id_type = 9;
	x.identity = intern(pool, b, me);
	pl_identity_unref(y[2].identity);
	y[2].identity = intern(pool, b2, me);
	assert_int_equal(pl_peer_diff(&x, &y[2], PL_PEER_MATCH_KEY), 0);
	pl_identity_unref(x.identity);
	for (unsigned i = 0; i < 5; i++)
		pl_identity_unref(y[i].identity);
	pl_identity_pool_free(pool);
}

static void differences_have_stable_names(void **state)
{
	char text[PL_DIFF_TEXT_MAX];

	(void)state;
	assert_string_equal(pl_diff_text(0, text), "nothing");
	assert_string_equal(pl_diff_text(PL_DIFF_PEER_ID | PL_DIFF_PEER_KEY, text),
			    "peer-id, peer-key");
	assert_string_equal(pl_diff_text(PL_DIFF_PEER_UNKNOWN, text), "peer-unknown");
	assert_string_equal(pl_diff_text(PL_DIFF_SUITE, text), "suite");
	assert_string_equal(pl_diff_text(PL_DIFF_ROOF, text), "nothing");
	pl_diff_text(~0u, text);
	assert_true(strlen(text) < PL_DIFF_TEXT_MAX - 20);
	assert_string_equal(text + strlen(text) - strlen(", replay-window, suite"),
			    ", replay-window, suite");
	assert_int_equal(PL_DIFF_PEER & PL_DIFF_PROTECTION, 0);
	assert_int_equal(PL_DIFF_PEER & PL_DIFF_LOCAL_KEY, PL_DIFF_LOCAL_KEY);
}

static void a_suite_is_read_as_it_is_written(void **state)
{
	static const char *const suites[] = {
		"esp aes_gcm_16-256", "esp aes_cbc-128 hmac_sha2_256_128 esn",
		"ah hmac_sha2_512_256",
		"esp null hmac_sha1_96", "esp chacha20_poly1305-256 esn", "ah aes_cmac_96 esn",
	};
	char text[PL_SUITE_TEXT_MAX];
	struct pl_suite suite;

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		assert_int_equal(pl_suite_parse(suites[i], &suite), 0);
		assert_string_equal(pl_suite_text(&suite, text), suites[i]);
	}
	assert_int_equal(pl_suite_parse("ESP AES_GCM_16-256", &suite), 0);
}

static void what_is_no_suite_is_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "", PL_E_MALFORMED }, { "esp", PL_E_MALFORMED }, { "tls aes", PL_E_MALFORMED },
		{ "esp aes_gcm_16-", PL_E_MALFORMED }, { "esp aes_gcm_16-x", PL_E_MALFORMED },
		{ "esp aes_gcm_16-0", PL_E_MALFORMED }, { "esp aes_gcm_16-65536", PL_E_MALFORMED },
		{ "esp aes_cbc-128 hmac_sha2_256_128 hmac_sha1_96", PL_E_MALFORMED },
		{ "esp a b c d e f", PL_E_MALFORMED },
		{ "esp aes_gcm_16-256-256-256-256-256-256-256-256-256-256-256-256-256-256",
		  PL_E_MALFORMED },
		{ "esp rot13-256", PL_E_UNSUPPORTED }, { "esp aes_cbc-128", PL_E_UNSUPPORTED },
		{ "esp aes_gcm_16", PL_E_UNSUPPORTED }, { "ah none", PL_E_UNSUPPORTED },
		{ "esp esn", PL_E_UNSUPPORTED },
	};
	struct pl_suite suite;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(pl_suite_parse(rows[i].text, &suite), rows[i].error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suite_is_known_by_its_names_and_the_rest_is_unsupported),
		cmocka_unit_test(a_suite_nobody_made_promises_only_what_its_numbers_say),
		cmocka_unit_test(parameters_come_from_the_child_sa_K1),
		cmocka_unit_test(each_single_field_of_the_protection_is_a_difference_K1),
		cmocka_unit_test(a_suite_of_a_wide_latch_is_no_difference_K22),
		cmocka_unit_test(a_set_of_suites_is_bounded_and_does_not_depend_on_the_order),
		cmocka_unit_test(requirements_are_met_by_every_suite_or_not_K11),
		cmocka_unit_test(who_is_the_same_peer_is_decided_by_what_was_proved_L27),
		cmocka_unit_test(a_psk_peer_is_the_same_only_where_the_connection_fixes_the_id),
		cmocka_unit_test(the_local_end_and_the_encoding_of_ids_count_too_K1),
		cmocka_unit_test(differences_have_stable_names),
		cmocka_unit_test(a_suite_is_read_as_it_is_written),
		cmocka_unit_test(what_is_no_suite_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
