/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_IDENTITY_STORE_H
#define PL_IDENTITY_STORE_H

#include "core/pl_identity.h"

enum { PL_DIGEST_BYTES = 32 };

struct pl_identity_store;
struct pl_identity_file;

/**
 * pl_identity_store_new() - identities in files of a folder, each named by its SHA-256
 * @folder: a descriptor; stays the caller's, and open as long as the store
 *
 * NSS must be initialised.
 *
 * Return: NULL without memory
 */
struct pl_identity_store *pl_identity_store_new(int folder) PL_MUST_USE;

/**
 * pl_identity_store_free() - the files stay
 * @store: NULL is fine
 *
 * Return: NULL
 */
struct pl_identity_store *pl_identity_store_free(struct pl_identity_store *store);

/**
 * pl_identity_store_hold() - this identity is needed; its file is there from now on
 * @store:    the store
 * @identity: one more reference is held until the last pl_identity_store_release()
 * @ret:      of the store
 *
 * Return: 0; PL_E_TOO_MANY when it is larger than the journal takes; -ENOMEM; what writing said
 */
int pl_identity_store_hold(struct pl_identity_store *store, struct pl_identity *identity,
			   struct pl_identity_file **ret) PL_MUST_USE;

/**
 * pl_identity_store_find() - the same for one that an earlier daemon wrote
 * @store:  the store
 * @digest: its name
 * @ret:    of the store
 *
 * Whether its file is there, and whole, is not looked at.
 *
 * Return: 0 or -ENOMEM
 */
int pl_identity_store_find(struct pl_identity_store *store,
			   const uint8_t digest[static PL_DIGEST_BYTES],
			   struct pl_identity_file **ret) PL_MUST_USE;

/**
 * pl_identity_store_release() - needed once less; the last one removes the file
 * @store: the store
 * @file:  of it; NULL is fine
 *
 * Return: NULL
 */
struct pl_identity_file *pl_identity_store_release(struct pl_identity_store *store,
						   struct pl_identity_file *file);

/**
 * pl_identity_file_digest() - its name: PL_DIGEST_BYTES bytes
 * @file: of a store
 */
const uint8_t *pl_identity_file_digest(const struct pl_identity_file *file);

/**
 * pl_identity_store_load() - what a file says; read once
 * @store: the store
 * @file:  of it
 * @pool:  where the identity is; must outlive the store
 * @ret:   borrowed until @file is released
 *
 * Return: 0; PL_E_NOT_FOUND; PL_E_MALFORMED when it is not what its name says; -ENOMEM; what
 * reading said
 */
int pl_identity_store_load(struct pl_identity_store *store, struct pl_identity_file *file,
			   struct pl_identity_pool *pool, struct pl_identity **ret) PL_MUST_USE;

/**
 * pl_identity_store_sweep() - remove files that nobody needs
 * @store: the store
 *
 * Return: 0, or what the folder said
 */
int pl_identity_store_sweep(struct pl_identity_store *store) PL_MUST_USE;

#endif
