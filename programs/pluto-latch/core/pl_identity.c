/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who is at the other end. An identity is copied once, at authentication, and never changes: a
 * latch compares pointers for "the same" and fields for "the same peer" (RFC 5660 section 2.3:
 * the latched parameters include both identities).
 *
 * Invariant: in one pool, equal data is one object. Equality covers every field, so two peers that
 * differ in anything that was authenticated are two objects.
 */

#include "core/pl_identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct pl_identity {
	struct pl_identity_data data;
	struct pl_identity_pool *pool;
	struct pl_identity *next;
	uint32_t hash;
	unsigned refs;
	uint8_t bytes[];	/* everything that .data points to */
};

struct pl_identity_pool {
	struct pl_identity *bucket[BUCKETS];
	size_t count;
};

static const char *const auth_names[PL_AUTH_ROOF] = {
	[PL_AUTH_NONE] = "none",
	[PL_AUTH_SIGNATURE] = "signature",
	[PL_AUTH_PSK] = "psk",
	[PL_AUTH_NULL] = "null",
	[PL_AUTH_EAP] = "eap",
	[PL_AUTH_RESUME] = "resume",
};

const char *pl_auth_name(enum pl_auth auth)
{
	return (unsigned)auth < PL_AUTH_ROOF ? auth_names[auth] : "none";
}

struct pl_identity_pool *pl_identity_pool_new(void)
{
	return calloc(1, sizeof(struct pl_identity_pool));
}

struct pl_identity_pool *pl_identity_pool_free(struct pl_identity_pool *pool)
{
	free(pool);
	return NULL;
}

size_t pl_identity_pool_count(const struct pl_identity_pool *pool)
{
	return pool->count;
}

static struct pl_blob blob_of_text(const char *text)
{
	/* The terminating NUL is kept, so that the copy is text again. */
	return (struct pl_blob) {
		.ptr = (const uint8_t *)text,
		.len = text == NULL ? 0 : strlen(text) + 1,
	};
}

static uint32_t hash_blob(uint32_t hash, struct pl_blob blob)
{
	/* FNV-1a; it spreads, it does not protect: equality is decided on the bytes. */
	for (size_t i = 0; i < blob.len; i++)
		hash = (hash ^ blob.ptr[i]) * 16777619u;
	return (hash ^ (uint32_t)blob.len) * 16777619u;
}

static uint32_t hash_end(uint32_t hash, const struct pl_identity_end *end)
{
	hash = hash_blob(hash, blob_of_text(end->id));
	hash = hash_blob(hash, end->id_wire);
	hash = hash_blob(hash, end->cert);
	hash = hash_blob(hash, end->anchor);
	hash = hash_blob(hash, end->spki);
	return hash ^ (uint32_t)end->auth << 16 ^ (uint32_t)end->auth_wire << 8 ^ end->id_type;
}

static bool same_blob(struct pl_blob a, struct pl_blob b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static bool same_end(const struct pl_identity_end *a, const struct pl_identity_end *b)
{
	return a->id_type == b->id_type && a->auth == b->auth && a->auth_wire == b->auth_wire &&
	       same_blob(blob_of_text(a->id), blob_of_text(b->id)) &&
	       same_blob(a->id_wire, b->id_wire) && same_blob(a->cert, b->cert) &&
	       same_blob(a->anchor, b->anchor) && same_blob(a->spki, b->spki);
}

static size_t size_end(const struct pl_identity_end *end)
{
	return blob_of_text(end->id).len + end->id_wire.len + end->cert.len + end->anchor.len +
	       end->spki.len;
}

static struct pl_blob copy_blob(uint8_t **at, struct pl_blob from)
{
	struct pl_blob copy = { .ptr = from.len == 0 ? NULL : *at, .len = from.len };

	if (from.len > 0)
		memcpy(*at, from.ptr, from.len);
	*at += from.len;
	return copy;
}

static void copy_end(uint8_t **at, const struct pl_identity_end *from, struct pl_identity_end *to)
{
	*to = *from;
	to->id = (const char *)copy_blob(at, blob_of_text(from->id)).ptr;
	to->id_wire = copy_blob(at, from->id_wire);
	to->cert = copy_blob(at, from->cert);
	to->anchor = copy_blob(at, from->anchor);
	to->spki = copy_blob(at, from->spki);
}

int pl_identity_intern(struct pl_identity_pool *pool, const struct pl_identity_data *data,
		       struct pl_identity **ret)
{
	uint32_t hash = hash_end(hash_end(2166136261u, &data->peer), &data->own);
	struct pl_identity **bucket = &pool->bucket[hash % BUCKETS];
	struct pl_identity *identity;
	uint8_t *at;

	for (identity = *bucket; identity != NULL; identity = identity->next) {
		if (identity->hash == hash && same_end(&identity->data.peer, &data->peer) &&
		    same_end(&identity->data.own, &data->own)) {
			*ret = pl_identity_ref(identity);
			return 0;
		}
	}
	identity = calloc(1, sizeof(*identity) + size_end(&data->peer) + size_end(&data->own));
	if (identity == NULL)
		return -ENOMEM;
	at = identity->bytes;
	copy_end(&at, &data->peer, &identity->data.peer);
	copy_end(&at, &data->own, &identity->data.own);
	identity->pool = pool;
	identity->hash = hash;
	identity->refs = 1;
	identity->next = *bucket;
	*bucket = identity;
	pool->count++;
	*ret = identity;
	return 0;
}

struct pl_identity *pl_identity_ref(struct pl_identity *identity)
{
	if (identity != NULL)
		identity->refs++;
	return identity;
}

struct pl_identity *pl_identity_unref(struct pl_identity *identity)
{
	struct pl_identity **at;

	if (identity == NULL || --identity->refs > 0)
		return NULL;
	at = &identity->pool->bucket[identity->hash % BUCKETS];
	while (*at != identity)
		at = &(*at)->next;
	*at = identity->next;
	identity->pool->count--;
	free(identity);
	return NULL;
}

const struct pl_identity_data *pl_identity_data(const struct pl_identity *identity)
{
	return &identity->data;
}
