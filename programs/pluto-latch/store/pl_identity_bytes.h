/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_IDENTITY_BYTES_H
#define PL_IDENTITY_BYTES_H

#include "core/pl_identity.h"

/* More than two chains of large certificates have. */
enum { PL_IDENTITY_BYTES_MAX = 256 * 1024 };

/**
 * pl_identity_bytes_size() - how many pl_identity_encode() writes
 * @data: an identity
 *
 * Return: 0 for one that is too large for the journal
 */
size_t pl_identity_bytes_size(const struct pl_identity_data *data);

/**
 * pl_identity_encode() - as bytes
 * @data: an identity
 * @ret:  pl_identity_bytes_size() bytes, which is not 0
 *
 * Equal identities are equal bytes.
 */
void pl_identity_encode(const struct pl_identity_data *data, uint8_t *ret);

/**
 * pl_identity_decode() - from bytes, whatever they are
 * @bytes: @len of them
 * @len:   in bytes
 * @ret:   borrows from @bytes
 *
 * Return: 0, or PL_E_MALFORMED
 */
int pl_identity_decode(const uint8_t *bytes, size_t len,
		       struct pl_identity_data *ret) PL_MUST_USE;

#endif
