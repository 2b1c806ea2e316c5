/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a latch latches (RFC 5660 section 2, K1): type of protection, mode, quality of protection,
 * and both identities. Comparing two such values is the heart of every decision, so the comparison
 * answers with the set of differences, and whoever decides also has the reason.
 *
 * Invariants:
 * - Doubt is a difference: an unknown peer, a peer that proved no key of its own in another
 *   IKE_AUTH, an algorithm without a row below (design D2).
 * - "Same peer" does not depend on which of the two is asked first.
 *
 * A wide latch (K22) knows only the set of suites its SAs may have; its protection is what each of
 * them gives, and a suite of the set is no difference (design D4).
 */

#include "core/pl_params.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DER_ASN1_DN = 9 };	/* RFC 7296 section 3.5 */

/* RFC 7296 section 3.3.2, IANA numbers. tag_bits: AEAD brings its own integrity. strength: of a
 * cipher whose strength is not the length of its key. */
static const struct cipher {
	const char *name;
	uint16_t id, tag_bits, strength;
	bool is_secret, has_key;
} ciphers[] = {
	{ "3DES_CBC", 3, 0, 112, true, true },
	{ "NULL", 11, 0, 0, false, false },
	{ "AES_CBC", 12, 0, 0, true, true },
	{ "AES_CTR", 13, 0, 0, true, true },
	{ "AES_CCM_8", 14, 64, 0, true, true },
	{ "AES_CCM_12", 15, 96, 0, true, true },
	{ "AES_CCM_16", 16, 128, 0, true, true },
	{ "AES_GCM_8", 18, 64, 0, true, true },
	{ "AES_GCM_12", 19, 96, 0, true, true },
	{ "AES_GCM_16", 20, 128, 0, true, true },
	{ "NULL_AUTH_AES_GMAC", 21, 128, 0, false, true },
	{ "CAMELLIA_CBC", 23, 0, 0, true, true },
	{ "CAMELLIA_CTR", 24, 0, 0, true, true },
	{ "CHACHA20_POLY1305", 28, 128, 0, true, true },
};

static const struct integ {
	const char *name;
	uint16_t id, tag_bits;
} integs[] = {
	{ "NONE", 0, 0 },
	{ "HMAC_MD5_96", 1, 96 },
	{ "HMAC_SHA1_96", 2, 96 },
	{ "AES_XCBC_96", 5, 96 },
	{ "AES_CMAC_96", 8, 96 },
	{ "HMAC_SHA2_256_128", 12, 128 },
	{ "HMAC_SHA2_384_192", 13, 192 },
	{ "HMAC_SHA2_512_256", 14, 256 },
};

static const struct cipher *cipher_by_id(uint16_t id)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (ciphers[i].id == id)
			return &ciphers[i];
	}
	return NULL;
}

static const struct cipher *cipher_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (strcmp(ciphers[i].name, name) == 0)
			return &ciphers[i];
	}
	return NULL;
}

static const struct integ *integ_by_id(uint16_t id)
{
	for (size_t i = 0; i < sizeof(integs) / sizeof(integs[0]); i++) {
		if (integs[i].id == id)
			return &integs[i];
	}
	return NULL;
}

static const struct integ *integ_by_name(const char *name)
{
	if (name[0] == '\0')
		return &integs[0];
	for (size_t i = 0; i < sizeof(integs) / sizeof(integs[0]); i++) {
		if (strcmp(integs[i].name, name) == 0)
			return &integs[i];
	}
	return NULL;
}

int pl_suite_make(enum pl_protocol protocol, const char *encrypt, uint32_t key_bits,
		  const char *integ, bool has_esn, struct pl_suite *ret)
{
	const struct integ *check = integ_by_name(integ);
	const struct cipher *cipher = NULL;
	unsigned tag_bits;

	if (check == NULL || key_bits > UINT16_MAX)
		return PL_E_UNSUPPORTED;
	tag_bits = check->tag_bits;
	if (protocol == PL_PROTO_ESP) {
		cipher = cipher_by_name(encrypt);
		if (cipher == NULL || cipher->has_key != (key_bits > 0))
			return PL_E_UNSUPPORTED;
		if (cipher->tag_bits > 0 && check->tag_bits > 0)
			return PL_E_UNSUPPORTED;
		tag_bits += cipher->tag_bits;
	} else if (protocol != PL_PROTO_AH || encrypt[0] != '\0' || key_bits > 0) {
		return PL_E_UNSUPPORTED;
	}
	/* Without integrity anybody may write into the flow: nothing to latch. */
	if (tag_bits == 0)
		return PL_E_UNSUPPORTED;
	*ret = (struct pl_suite) {
		.encrypt = cipher == NULL ? 0 : cipher->id,
		.key_bits = (uint16_t)key_bits,
		.integ = check->id,
		.protocol = (uint8_t)protocol,
		.esn = has_esn ? PL_ESN_YES : PL_ESN_NO,
	};
	return 0;
}

unsigned pl_suite_protection(const struct pl_suite *suite)
{
	const struct cipher *cipher = cipher_by_id(suite->encrypt);
	const struct integ *integ = integ_by_id(suite->integ);
	unsigned protection = 0;

	if (cipher != NULL && cipher->is_secret)
		protection |= PL_PROTECT_CONFIDENTIALITY;
	if ((cipher != NULL && cipher->tag_bits > 0) || (integ != NULL && integ->tag_bits > 0))
		protection |= PL_PROTECT_INTEGRITY;
	return protection;
}

static unsigned key_strength(const struct pl_suite *suite)
{
	const struct cipher *cipher = cipher_by_id(suite->encrypt);

	if (cipher == NULL || !cipher->is_secret)
		return 0;
	return cipher->strength > 0 ? cipher->strength : suite->key_bits;
}

static unsigned integ_strength(const struct pl_suite *suite)
{
	const struct cipher *cipher = cipher_by_id(suite->encrypt);
	const struct integ *integ = integ_by_id(suite->integ);

	return (cipher == NULL ? 0u : cipher->tag_bits) + (integ == NULL ? 0u : integ->tag_bits);
}

const char *pl_suite_text(const struct pl_suite *suite, char ret[static PL_SUITE_TEXT_MAX])
{
	const struct cipher *cipher = cipher_by_id(suite->encrypt);
	const struct integ *integ = integ_by_id(suite->integ);
	char key[8] = "";

	if (suite->key_bits > 0)
		snprintf(key, sizeof(key), "-%u", suite->key_bits);
	snprintf(ret, PL_SUITE_TEXT_MAX, "%s%s%s%s%s%s%s",
		 suite->protocol == PL_PROTO_AH ? "ah" : "esp",
		 cipher == NULL ? "" : " ", cipher == NULL ? "" : cipher->name, key,
		 integ == NULL || integ->id == 0 ? "" : " ",
		 integ == NULL || integ->id == 0 ? "" : integ->name,
		 suite->esn == PL_ESN_YES ? " esn" : suite->esn == PL_ESN_NO ? "" : " esn?");
	for (char *c = ret; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return ret;
}

/* "AES_CBC-128": the number leaves @word. Return: false for what is no number */
static bool take_key_bits(char *word, uint32_t *ret)
{
	char *dash = strrchr(word, '-'), *end;
	unsigned long bits;

	*ret = 0;
	if (dash == NULL)
		return true;
	bits = strtoul(dash + 1, &end, 10);
	if (!isdigit((unsigned char)dash[1]) || *end != '\0' || bits == 0 || bits > UINT16_MAX)
		return false;
	*dash = '\0';
	*ret = (uint32_t)bits;
	return true;
}

int pl_suite_parse(const char *text, struct pl_suite *ret)
{
	char copy[PL_SUITE_TEXT_MAX], *at = copy, *words[5];
	uint32_t key_bits = 0;
	unsigned nr = 0, next = 1;
	const char *encrypt = "", *integ = "";
	bool is_esp, has_esn;

	if (strlen(text) >= sizeof(copy))
		return PL_E_MALFORMED;
	for (size_t i = 0; i <= strlen(text); i++)
		copy[i] = (char)toupper((unsigned char)text[i]);
	while (nr < 5 && (words[nr] = strsep(&at, " ")) != NULL)
		nr++;
	is_esp = nr > 0 && strcmp(words[0], "ESP") == 0;
	if (at != NULL || nr < 2 || (!is_esp && strcmp(words[0], "AH") != 0))
		return PL_E_MALFORMED;
	has_esn = strcmp(words[nr - 1], "ESN") == 0;
	nr -= has_esn;
	if (is_esp && next < nr) {
		if (!take_key_bits(words[next], &key_bits))
			return PL_E_MALFORMED;
		encrypt = words[next++];
	}
	if (next < nr)
		integ = words[next++];
	if (next != nr)
		return PL_E_MALFORMED;
	return pl_suite_make(is_esp ? PL_PROTO_ESP : PL_PROTO_AH, encrypt, key_bits, integ,
			     has_esn, ret);
}

int pl_params_from_child(const struct pl_child_facts *child, const struct pl_peer *peer,
			 struct pl_params *ret)
{
	struct pl_params params;
	int r;

	memset(&params, 0, sizeof(params));
	if (child->has_ipcomp)
		return PL_E_COMPRESSED;
	if (child->mode != PL_MODE_TUNNEL && child->mode != PL_MODE_TRANSPORT)
		return PL_E_UNSUPPORTED;
	r = pl_suite_make(child->protocol, child->encrypt, child->key_bits, child->integ,
			  child->has_esn, &params.suites[0]);
	if (r != 0)
		return r;
	params.nr_suites = 1;
	params.mode = (uint8_t)child->mode;
	params.replay_window = child->replay_window;
	params.peer = *peer;
	*ret = params;
	return 0;
}

unsigned pl_params_allowed(const struct pl_child_facts *child,
			   struct pl_suite ret[static PL_SUITES_MAX])
{
	uint8_t esn = (uint8_t)((child->may_have_esn ? PL_ESN_YES : 0) |
				(child->may_lack_esn ? PL_ESN_NO : 0));
	unsigned nr = 0;

	for (unsigned i = 0; i < child->nr_allowed && nr < PL_SUITES_MAX && esn != 0; i++) {
		const struct pl_allowed_facts *allowed = &child->allowed[i];

		if (pl_suite_make(child->protocol, allowed->encrypt, allowed->key_bits,
				  allowed->integ, false, &ret[nr]) == 0)
			ret[nr++].esn = esn;
	}
	return nr;
}

/* All but ESN, of which a suite of a set may allow both. */
static int compare_suites(const struct pl_suite *a, const struct pl_suite *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->encrypt != b->encrypt)
		return a->encrypt < b->encrypt ? -1 : 1;
	if (a->key_bits != b->key_bits)
		return a->key_bits < b->key_bits ? -1 : 1;
	if (a->integ != b->integ)
		return a->integ < b->integ ? -1 : 1;
	return 0;
}

int pl_params_allow(struct pl_params *params, const struct pl_suite *suite)
{
	unsigned at = 0;

	while (at < params->nr_suites && compare_suites(&params->suites[at], suite) < 0)
		at++;
	if (at < params->nr_suites && compare_suites(&params->suites[at], suite) == 0) {
		params->suites[at].esn |= suite->esn;
		return 0;
	}
	if (params->nr_suites == PL_SUITES_MAX)
		return PL_E_TOO_MANY;
	memmove(&params->suites[at + 1], &params->suites[at],
		(params->nr_suites - at) * sizeof(params->suites[0]));
	params->suites[at] = *suite;
	params->nr_suites++;
	return 0;
}

bool pl_params_is_indeterminate(const struct pl_params *params)
{
	return params->nr_suites != 1 || params->suites[0].esn == (PL_ESN_NO | PL_ESN_YES);
}

unsigned pl_params_protection(const struct pl_params *params)
{
	unsigned protection = PL_PROTECT_INTEGRITY | PL_PROTECT_CONFIDENTIALITY;

	if (params->nr_suites == 0)
		return 0;
	for (unsigned i = 0; i < params->nr_suites; i++)
		protection &= pl_suite_protection(&params->suites[i]);
	return protection;
}

bool pl_suite_meets(const struct pl_suite *suite, const struct pl_require *require)
{
	return (require->protection & ~pl_suite_protection(suite)) == 0 &&
	       key_strength(suite) >= require->min_key_bits &&
	       integ_strength(suite) >= require->min_integ_bits;
}

int pl_params_meet(const struct pl_params *params, const struct pl_require *require)
{
	if ((require->protection & ~pl_params_protection(params)) != 0)
		return PL_E_WEAK;
	if (require->mode != PL_MODE_NONE && require->mode != params->mode)
		return PL_E_WEAK;
	for (unsigned i = 0; i < params->nr_suites; i++) {
		if (!pl_suite_meets(&params->suites[i], require))
			return PL_E_WEAK;
	}
	return 0;
}

static bool same_blob(struct pl_blob a, struct pl_blob b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* A distinguished name has several encodings; every other ID has one. An ID nobody knows is no
 * ID to be the same. */
static bool same_id(const struct pl_identity_end *a, const struct pl_identity_end *b)
{
	if (a->id == NULL || b->id == NULL || strcmp(a->id, b->id) != 0 ||
	    a->id_type != b->id_type)
		return false;
	if (a->id_type == ID_DER_ASN1_DN || a->id_wire.len == 0 || b->id_wire.len == 0)
		return true;
	return same_blob(a->id_wire, b->id_wire);
}

static bool has_key(const struct pl_identity_end *end)
{
	return (end->auth == PL_AUTH_SIGNATURE || end->auth == PL_AUTH_EAP) && end->spki.len > 0;
}

/* Who vouches for a renewed key: the same anchor; or, of a raw key, the connection's own
 * configuration. A certificate with no known anchor has nobody. */
static unsigned key_diff(const struct pl_identity_end *a, const struct pl_identity_end *b,
			 enum pl_peer_match match)
{
	unsigned diff = 0;

	if (!same_blob(a->anchor, b->anchor))
		diff |= PL_DIFF_PEER_ANCHOR;
	if (same_blob(a->spki, b->spki))
		return diff;
	if (match != PL_PEER_MATCH_ID)
		return diff | PL_DIFF_PEER_KEY;
	if (a->anchor.len == 0 && (a->cert.len > 0 || b->cert.len > 0))
		diff |= PL_DIFF_PEER_ANCHOR;
	return diff;
}

unsigned pl_peer_diff(const struct pl_peer *a, const struct pl_peer *b, enum pl_peer_match match)
{
	const struct pl_identity_data *one, *two;
	unsigned diff = 0;

	if (a->identity == NULL || b->identity == NULL)
		return PL_DIFF_PEER_UNKNOWN;
	if (a->lineage != 0 && a->lineage == b->lineage)
		return 0;
	one = pl_identity_data(a->identity);
	two = pl_identity_data(b->identity);
	if (!same_id(&one->own, &two->own))
		diff |= PL_DIFF_LOCAL_ID;
	if (match == PL_PEER_MATCH_KEY && !same_blob(one->own.spki, two->own.spki))
		diff |= PL_DIFF_LOCAL_KEY;
	if (!same_id(&one->peer, &two->peer))
		diff |= PL_DIFF_PEER_ID;
	if (one->peer.auth != two->peer.auth)
		return diff | PL_DIFF_PEER_METHOD;
	if (has_key(&one->peer) && has_key(&two->peer))
		return diff | key_diff(&one->peer, &two->peer, match);
	if (one->peer.auth != PL_AUTH_PSK || !a->is_id_fixed || !b->is_id_fixed)
		diff |= PL_DIFF_PEER_UNPROVED;
	return diff;
}

bool pl_suite_is_among(const struct pl_suite *suites, unsigned nr, const struct pl_suite *suite)
{
	for (unsigned i = 0; i < nr; i++) {
		if (compare_suites(&suites[i], suite) == 0)
			return (suite->esn & ~suites[i].esn) == 0;
	}
	return false;
}

/* 0 when @suite is not there at all */
static uint8_t esn_among(const struct pl_suite *suites, unsigned nr, const struct pl_suite *suite)
{
	for (unsigned i = 0; i < nr; i++) {
		if (compare_suites(&suites[i], suite) == 0)
			return suite->esn & suites[i].esn;
	}
	return 0;
}

unsigned pl_suites_meet(const struct pl_suite *a, unsigned nr_a, const struct pl_suite *b,
			unsigned nr_b, struct pl_suite ret[static PL_SUITES_MAX])
{
	unsigned nr = 0;

	for (unsigned i = 0; i < nr_a; i++) {
		uint8_t esn = esn_among(b, nr_b, &a[i]);

		if (esn == 0)
			continue;
		ret[nr] = a[i];
		ret[nr++].esn = esn;
	}
	return nr;
}

static unsigned suite_diff(const struct pl_suite *a, const struct pl_suite *b)
{
	unsigned diff = 0;

	if (a->protocol != b->protocol)
		diff |= PL_DIFF_PROTOCOL;
	if (a->encrypt != b->encrypt)
		diff |= PL_DIFF_CIPHER;
	if (a->key_bits != b->key_bits)
		diff |= PL_DIFF_KEY_LENGTH;
	if (a->integ != b->integ)
		diff |= PL_DIFF_INTEGRITY;
	if (a->esn != b->esn)
		diff |= PL_DIFF_ESN;
	return diff;
}

unsigned pl_params_diff(const struct pl_params *latch, const struct pl_params *sa,
			enum pl_peer_match match)
{
	unsigned diff = pl_peer_diff(&latch->peer, &sa->peer, match);
	bool are_allowed = sa->nr_suites > 0;

	if (latch->mode != sa->mode)
		diff |= PL_DIFF_MODE;
	if (latch->replay_window != sa->replay_window)
		diff |= PL_DIFF_REPLAY;
	for (unsigned i = 0; i < sa->nr_suites; i++)
		are_allowed = are_allowed && pl_suite_is_among(latch->suites, latch->nr_suites,
							       &sa->suites[i]);
	if (are_allowed)
		return diff;
	if (pl_params_protection(latch) != pl_params_protection(sa))
		diff |= PL_DIFF_PROTECTION;
	if (latch->nr_suites == 1 && sa->nr_suites == 1)
		return diff | suite_diff(&latch->suites[0], &sa->suites[0]);
	return diff | PL_DIFF_SUITE;
}

const char *pl_diff_text(unsigned diff, char ret[static PL_DIFF_TEXT_MAX])
{
	static const char *const names[] = {
		"peer-unknown", "peer-id", "peer-method", "peer-anchor", "peer-key",
		"peer-unproved", "local-id", "local-key", "protection", "mode", "protocol",
		"cipher", "key-length", "integrity", "esn", "replay-window", "suite",
	};
	size_t len = 0;

	snprintf(ret, PL_DIFF_TEXT_MAX, "nothing");
	for (unsigned bit = 0; 1u << bit < PL_DIFF_ROOF; bit++) {
		if ((diff & 1u << bit) == 0)
			continue;
		len += (size_t)snprintf(ret + len, PL_DIFF_TEXT_MAX - len, "%s%s",
					len == 0 ? "" : ", ", names[bit]);
	}
	return ret;
}
