/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_IDENTITY_H
#define PL_IDENTITY_H

#include "core/pl_base.h"

/* How an end proved who it is. */
enum pl_auth {
	PL_AUTH_NONE = 0,
	PL_AUTH_SIGNATURE,	/* any signature method: the key of .spki signed */
	PL_AUTH_PSK,
	PL_AUTH_NULL,
	PL_AUTH_EAP,
	PL_AUTH_RESUME,		/* a session ticket; nothing was proved again */
	PL_AUTH_ROOF,
};

/**
 * struct pl_identity_end - one end of an authentication
 * @id:       the ID as text, as pluto authorised it (peer) or sent it (own)
 * @id_type:  RFC 7296 section 3.5 type of @id_wire; 0 when unknown
 * @id_wire:  the ID payload's data, over which AUTH was computed
 * @auth:     the method really used
 * @auth_wire: its number in the AUTH payload; 0 when there was none
 * @cert:     DER; only of the certificate whose key made the signature
 * @anchor:   DER of the self-signed end of @cert's chain
 * @spki:     DER SubjectPublicKeyInfo of the key that made the signature
 *
 * What is not known is NULL or empty: a PSK peer has no certificate, whatever it sent.
 */
struct pl_identity_end {
	const char *id;
	uint8_t id_type;
	struct pl_blob id_wire;
	enum pl_auth auth;
	uint8_t auth_wire;
	struct pl_blob cert;
	struct pl_blob anchor;
	struct pl_blob spki;
};

/**
 * struct pl_identity_data - who was authenticated to whom
 */
struct pl_identity_data {
	struct pl_identity_end peer;
	struct pl_identity_end own;
};

struct pl_identity;
struct pl_identity_pool;

/**
 * pl_identity_pool_new() - a place where equal identities are one object
 *
 * Return: the pool, or NULL without memory
 */
struct pl_identity_pool *pl_identity_pool_new(void) PL_MUST_USE;

/**
 * pl_identity_pool_free() - forget the pool
 * @pool: no identity of it may be referenced any more; NULL is fine
 *
 * Return: NULL
 */
struct pl_identity_pool *pl_identity_pool_free(struct pl_identity_pool *pool);

/**
 * pl_identity_pool_count() - identities alive in the pool
 * @pool: a pool
 */
size_t pl_identity_pool_count(const struct pl_identity_pool *pool);

/**
 * pl_identity_intern() - the one object for this identity
 * @pool: where to look for it, and where to put it
 * @data: copied
 * @ret:  a reference of the caller's own; let go with pl_identity_unref()
 *
 * Two calls with equal data return the same pointer as long as one reference lives.
 *
 * Return: 0 or -ENOMEM
 */
int pl_identity_intern(struct pl_identity_pool *pool, const struct pl_identity_data *data,
		       struct pl_identity **ret) PL_MUST_USE;

/**
 * pl_identity_ref() - one more reference
 * @identity: NULL is fine
 *
 * Return: @identity
 */
struct pl_identity *pl_identity_ref(struct pl_identity *identity);

/**
 * pl_identity_unref() - one reference less; the last one frees
 * @identity: NULL is fine
 *
 * Return: NULL
 */
struct pl_identity *pl_identity_unref(struct pl_identity *identity);

/**
 * pl_identity_data() - what it says; valid as long as the identity
 * @identity: not NULL
 */
const struct pl_identity_data *pl_identity_data(const struct pl_identity *identity);

/**
 * pl_auth_name() - "signature", "psk", …
 * @auth: a method
 */
const char *pl_auth_name(enum pl_auth auth);

#endif
