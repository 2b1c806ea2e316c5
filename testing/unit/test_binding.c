/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Channel bindings against answers that another program computed, and who has none. The digests are
 * NSS's own. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <nss.h>

#include "core/pl_binding.h"
#include "store/pl_digest.h"

/* DER of SubjectPublicKeyInfo { rsaEncryption, NULL, BIT STRING of 32 octets }, and those. */
static const uint8_t before[] = {
	0x30, 0x32, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
	0x05, 0x00, 0x03, 0x21, 0x00,
};
static uint8_t one[32], two[32], spki_one[sizeof(before) + 32], spki_two[sizeof(before) + 32];

#define ONE_HASHED "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
#define TWO_HASHED "72dbb7336c76780023f83da4c355f2eeea85733b13d3477697917790c1229084"
#define END_POINT "11d67a1a0ab24b66b2ea69ec78e7a9a11e97d7a760fef5be3c50cfc8daf58059"
#define IKEV2_PUBKEY "79f72f7f73714795cf04a9a45acb137dc9cac5a816fa03451da0337dff68b288"

static struct pl_identity_data ends(const uint8_t *peer, size_t peer_len, const uint8_t *own,
				    size_t own_len)
{
	return (struct pl_identity_data) {
		.peer = { .auth = PL_AUTH_SIGNATURE, .spki = { peer, peer_len } },
		.own = { .auth = PL_AUTH_SIGNATURE, .spki = { own, own_len } },
	};
}

static void assert_made(enum pl_binding_type type, const struct pl_identity_data *data,
			const char *name, const char *want)
{
	struct pl_binding binding;
	char text[2 * PL_SHA256_BYTES + 1];

	assert_int_equal(pl_binding_make(&pl_digest_ops, type, data, &binding), 0);
	for (unsigned i = 0; i < PL_SHA256_BYTES; i++)
		sprintf(text + 2 * i, "%02x", binding.data[i]);
	assert_string_equal(text, want);
	assert_string_equal(binding.name, name);
}

static void the_hashes_of_both_keys_are_mixed_CB2(void **state)
{
	struct pl_identity_data client = ends(one, 32, two, 32), server = ends(two, 32, one, 32);

	(void)state;
	assert_made(PL_BINDING_END_POINT, &client, "ipsec-end-point-sha256", END_POINT);
	assert_made(PL_BINDING_END_POINT, &server, "ipsec-end-point-sha256", END_POINT);
}

static void of_one_end_both_have_the_same_CB2(void **state)
{
	struct pl_identity_data client = ends(one, 32, two, 32), server = ends(two, 32, one, 32);

	(void)state;
	assert_made(PL_BINDING_PEER, &client, "ipsec-single-end-point-sha256", ONE_HASHED);
	assert_made(PL_BINDING_OWN, &server, "ipsec-single-end-point-sha256", ONE_HASHED);
	assert_made(PL_BINDING_OWN, &client, "ipsec-single-end-point-sha256", TWO_HASHED);
	assert_made(PL_BINDING_PEER, &server, "ipsec-single-end-point-sha256", TWO_HASHED);
}

static void the_older_one_takes_bare_keys_and_hashes_again_CB1(void **state)
{
	struct pl_identity_data data = ends(spki_one, sizeof(spki_one), spki_two, sizeof(spki_two));

	(void)state;
	assert_made(PL_BINDING_IKEV2_PUBKEY, &data, "IPsec-end-point-IKEv2-pubkey-sha-256",
		    IKEV2_PUBKEY);
}

static void assert_none(enum pl_binding_type type, const struct pl_identity_data *data, int error)
{
	struct pl_binding binding = { .name = "untouched" };

	assert_int_equal(pl_binding_make(&pl_digest_ops, type, data, &binding), error);
	assert_string_equal(binding.name, "untouched");
}

static void equal_keys_are_refused_CB4(void **state)
{
	struct pl_identity_data data = ends(spki_one, sizeof(spki_one), spki_one, sizeof(spki_one));

	(void)state;
	for (unsigned type = PL_BINDING_NONE + 1; type < PL_BINDING_ROOF; type++)
		assert_none((enum pl_binding_type)type, &data, PL_E_EQUAL_KEYS);
}

static void only_keys_that_signed_count_CB2(void **state)
{
	const struct pl_identity_data good = ends(one, 32, two, 32);

	(void)state;
	for (unsigned auth = PL_AUTH_NONE; auth < PL_AUTH_ROOF; auth++) {
		struct pl_identity_data peer = good, own = good;

		peer.peer.auth = own.own.auth = (enum pl_auth)auth;
		if (auth == PL_AUTH_SIGNATURE)
			peer.peer.spki.len = own.own.spki.len = 0;
		assert_none(PL_BINDING_END_POINT, &peer, PL_E_NOT_AVAILABLE);
		assert_none(PL_BINDING_END_POINT, &own, PL_E_NOT_AVAILABLE);
		assert_none(PL_BINDING_IKEV2_PUBKEY, &peer, PL_E_NOT_AVAILABLE);
		assert_none(PL_BINDING_PEER, &peer, PL_E_NOT_AVAILABLE);
		assert_none(PL_BINDING_OWN, &own, PL_E_NOT_AVAILABLE);
		/* the other end's key is not asked for */
		assert_made(PL_BINDING_OWN, &peer, "ipsec-single-end-point-sha256", TWO_HASHED);
		assert_made(PL_BINDING_PEER, &own, "ipsec-single-end-point-sha256", ONE_HASHED);
	}
}

static void what_is_no_key_has_no_bare_key_CB1(void **state)
{
	uint8_t cut[sizeof(spki_one) + 1];
	struct pl_identity_data data = ends(cut, 0, spki_two, sizeof(spki_two));

	(void)state;
	memcpy(cut, spki_one, sizeof(spki_one));
	for (size_t len = 1; len < sizeof(spki_one); len++) {
		data.peer.spki.len = len;
		assert_none(PL_BINDING_IKEV2_PUBKEY, &data, PL_E_MALFORMED);
	}
	cut[sizeof(spki_one)] = 0;
	data.peer.spki.len = sizeof(cut);	/* a byte too many */
	assert_none(PL_BINDING_IKEV2_PUBKEY, &data, PL_E_MALFORMED);
	data.peer.spki.len = sizeof(spki_one);
	assert_made(PL_BINDING_IKEV2_PUBKEY, &data, "IPsec-end-point-IKEv2-pubkey-sha-256",
		    IKEV2_PUBKEY);
}

static int no_digest(struct pl_blob bytes, uint8_t ret[static PL_SHA256_BYTES])
{
	(void)bytes;
	memset(ret, 0, PL_SHA256_BYTES);
	return -EIO;
}

static void without_a_digest_there_is_none(void **state)
{
	static const struct pl_digest_ops ops = { .sha256 = no_digest };
	struct pl_identity_data data = ends(one, 32, two, 32);
	struct pl_binding binding = { .name = "untouched" };

	(void)state;
	assert_int_equal(pl_binding_make(&ops, PL_BINDING_END_POINT, &data, &binding), -EIO);
	assert_string_equal(binding.name, "untouched");
}

static void each_type_has_one_choice_and_the_empty_one_is_the_first_CB1_CB2(void **state)
{
	struct pl_identity_data data = ends(one, 32, two, 32);

	(void)state;
	assert_int_equal(pl_binding_from_choice(""), PL_BINDING_END_POINT);
	for (unsigned type = PL_BINDING_NONE + 1; type < PL_BINDING_ROOF; type++)
		assert_int_equal(pl_binding_from_choice(
			pl_binding_choice((enum pl_binding_type)type)), type);
	assert_int_equal(pl_binding_from_choice("ipsec-end-point-sha25"), PL_BINDING_NONE);
	assert_int_equal(pl_binding_from_choice("tls-unique"), PL_BINDING_NONE);
	assert_int_equal(pl_binding_from_choice("IPSEC-END-POINT-SHA256"), PL_BINDING_NONE);
	assert_none(PL_BINDING_NONE, &data, PL_E_UNSUPPORTED);
	assert_none(PL_BINDING_ROOF, &data, PL_E_UNSUPPORTED);
}

static int setup(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		one[i] = i;
		two[i] = (uint8_t)(32 + i);
	}
	memcpy(spki_one, before, sizeof(before));
	memcpy(spki_one + sizeof(before), one, sizeof(one));
	memcpy(spki_two, before, sizeof(before));
	memcpy(spki_two + sizeof(before), two, sizeof(two));
	return NSS_NoDB_Init(NULL) == SECSuccess ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return NSS_Shutdown() == SECSuccess ? 0 : -1;
}

/* Its data would change with each rekey of the IKE SA, and be gone after a restart: latch(7). */
static void what_is_unique_to_an_IKE_SA_is_not_offered_CB3(void **state)
{
	(void)state;
	assert_int_equal(pl_binding_from_choice("IPsec-unique"), PL_BINDING_NONE);
	for (unsigned type = PL_BINDING_NONE + 1; type < PL_BINDING_ROOF; type++)
		assert_null(strstr(pl_binding_choice((enum pl_binding_type)type), "unique"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hashes_of_both_keys_are_mixed_CB2),
		cmocka_unit_test(of_one_end_both_have_the_same_CB2),
		cmocka_unit_test(the_older_one_takes_bare_keys_and_hashes_again_CB1),
		cmocka_unit_test(equal_keys_are_refused_CB4),
		cmocka_unit_test(only_keys_that_signed_count_CB2),
		cmocka_unit_test(what_is_no_key_has_no_bare_key_CB1),
		cmocka_unit_test(without_a_digest_there_is_none),
		cmocka_unit_test(what_is_unique_to_an_IKE_SA_is_not_offered_CB3),
		cmocka_unit_test(each_type_has_one_choice_and_the_empty_one_is_the_first_CB1_CB2),
	};

	return cmocka_run_group_tests_name("binding", tests, setup, teardown);
}
