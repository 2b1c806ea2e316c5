/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Channel bindings (RFC 5056) to IPsec, as two drafts have them; nothing else was ever specified.
 *
 * draft-ietf-btns-channel-binding-api-00: SHA256(PK of one end) XOR SHA256(PK of the other), PK the
 * DER of the subjectPublicKeyInfo; one-sided SHA256(PK). The older
 * draft-williams-ipsec-channel-binding-01: SHA256(SHA256(ID of one end) XOR SHA256(ID of the
 * other)), ID the content of the subjectPublicKey alone: a certificate and a raw RSA key give the
 * same then. XOR, because neither end knows whom the other one takes for the first.
 *
 * Invariant: only keys that made a signature of IKE count. Whoever knows a PSK, or nothing, can be
 * in the middle, and a binding would hide him.
 */

#include "core/pl_binding.h"

#include <stddef.h>
#include <string.h>

#define BOTH "ipsec-end-point-sha256"
#define SINGLE "ipsec-single-end-point-sha256"
#define OLDER "IPsec-end-point-IKEv2-pubkey-sha-256"

enum { OF_PEER = 1, OF_OWN = 2 };

static const struct row {
	const char *choice, *name;
	unsigned ends;		/* whose keys; a set */
	bool is_bare;		/* the key without its algorithm */
	bool is_hashed_again;
} rows[PL_BINDING_ROOF] = {
	[PL_BINDING_END_POINT] = { BOTH, BOTH, OF_PEER | OF_OWN, false, false },
	[PL_BINDING_PEER] = { SINGLE, SINGLE, OF_PEER, false, false },
	[PL_BINDING_OWN] = { SINGLE "/local", SINGLE, OF_OWN, false, false },
	[PL_BINDING_IKEV2_PUBKEY] = { OLDER, OLDER, OF_PEER | OF_OWN, true, true },
};

const char *pl_binding_choice(enum pl_binding_type type)
{
	return rows[type].choice;
}

enum pl_binding_type pl_binding_from_choice(const char *choice)
{
	if (choice[0] == '\0')
		return PL_BINDING_END_POINT;
	for (unsigned i = PL_BINDING_NONE + 1; i < PL_BINDING_ROOF; i++) {
		if (strcmp(choice, rows[i].choice) == 0)
			return (enum pl_binding_type)i;
	}
	return PL_BINDING_NONE;
}

static bool has_signed(const struct pl_identity_end *end)
{
	return end->auth == PL_AUTH_SIGNATURE && end->spki.len > 0;
}

static bool are_equal(struct pl_blob a, struct pl_blob b)
{
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* XORs the hash of this end's key into @ret. */
static int mix_in(const struct pl_digest_ops *digest, const struct row *row,
		  const struct pl_identity_end *end, uint8_t ret[static PL_SHA256_BYTES])
{
	uint8_t hash[PL_SHA256_BYTES];
	struct pl_blob key = end->spki;
	int r = row->is_bare ? digest->bare_key(end->spki, &key) : 0;

	if (r == 0)
		r = digest->sha256(key, hash);
	for (unsigned i = 0; r == 0 && i < sizeof(hash); i++)
		ret[i] ^= hash[i];
	return r;
}

int pl_binding_make(const struct pl_digest_ops *digest, enum pl_binding_type type,
		    const struct pl_identity_data *data, struct pl_binding *ret)
{
	const struct row *row = &rows[type < PL_BINDING_ROOF ? type : PL_BINDING_NONE];
	struct pl_binding made = { .name = row->name };
	bool of_peer = (row->ends & OF_PEER) != 0, of_own = (row->ends & OF_OWN) != 0;
	int r = 0;

	if (row->name == NULL)
		return PL_E_UNSUPPORTED;
	if ((of_peer && !has_signed(&data->peer)) || (of_own && !has_signed(&data->own)))
		return PL_E_NOT_AVAILABLE;
	if (has_signed(&data->peer) && has_signed(&data->own) &&
	    are_equal(data->peer.spki, data->own.spki))
		return PL_E_EQUAL_KEYS;
	if (of_peer)
		r = mix_in(digest, row, &data->peer, made.data);
	if (r == 0 && of_own)
		r = mix_in(digest, row, &data->own, made.data);
	if (r == 0 && row->is_hashed_again)
		r = digest->sha256((struct pl_blob) { made.data, sizeof(made.data) }, made.data);
	if (r == 0)
		*ret = made;
	return r;
}
