/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BINDING_H
#define PL_BINDING_H

#include "core/pl_identity.h"
#include "core/pl_ops.h"

/* Channel bindings of the type "end-point" (RFC 5056): made of the public keys that IKE
 * authenticated. None of them is secret, and none is registered with IANA. */
enum pl_binding_type {
	PL_BINDING_NONE = 0,
	PL_BINDING_END_POINT,	/* draft-ietf-btns-channel-binding-api-00 */
	PL_BINDING_PEER,	/* likewise, one-sided: of the peer's key */
	PL_BINDING_OWN,		/* likewise, of this end's key */
	PL_BINDING_IKEV2_PUBKEY, /* draft-williams-ipsec-channel-binding-01 */
	PL_BINDING_ROOF,
};

/**
 * struct pl_binding - channel binding data
 * @name: the unique prefix of RFC 5056 section 2.1; of the program
 * @data: without that prefix
 */
struct pl_binding {
	const char *name;
	uint8_t data[PL_SHA256_BYTES];
};

/**
 * pl_binding_choice() - how a caller names a type: its prefix, "/local" after it for this end's key
 * @type: below PL_BINDING_ROOF
 *
 * Return: NULL of PL_BINDING_NONE
 */
const char *pl_binding_choice(enum pl_binding_type type);

/**
 * pl_binding_from_choice() - the inverse; the empty text is the one that is always available
 * @choice: from anybody
 *
 * Return: PL_BINDING_NONE when there is no such type
 */
enum pl_binding_type pl_binding_from_choice(const char *choice);

/**
 * pl_binding_make() - the binding of a channel between these two ends
 * @digest: SHA-256, and what a key is made of
 * @type:   which
 * @data:   who was authenticated to whom
 * @ret:    the binding; written when 0 is returned
 *
 * Both ends have the same data, whoever of them asks: the peer's PL_BINDING_PEER is this end's
 * PL_BINDING_OWN.
 *
 * Return: 0; PL_E_UNSUPPORTED for no such type; PL_E_NOT_AVAILABLE when an end whose key it takes
 * did not sign with one; PL_E_EQUAL_KEYS when both did with the same: then the data would be the
 * same for everybody; errors of @digest
 */
int pl_binding_make(const struct pl_digest_ops *digest, enum pl_binding_type type,
		    const struct pl_identity_data *data, struct pl_binding *ret) PL_MUST_USE;

#endif
