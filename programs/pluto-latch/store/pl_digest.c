/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SHA-256 and the content of keys, by NSS. */

#include "store/pl_digest.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <keyhi.h>
#include <sechash.h>

static int sha256(struct pl_blob bytes, uint8_t ret[static PL_SHA256_BYTES])
{
	uint8_t hash[PL_SHA256_BYTES];

	if (HASH_HashBuf(HASH_AlgSHA256, hash, bytes.ptr, (PRUint32)bytes.len) != SECSuccess)
		return -EIO;
	memcpy(ret, hash, sizeof(hash));
	return 0;
}

/* What NSS has decoded is a copy, and @ret is to borrow: it is the end of @spki. */
static int bare_key(struct pl_blob spki, struct pl_blob *ret)
{
	const SECItem item = { siBuffer, (uint8_t *)spki.ptr, (unsigned)spki.len };
	CERTSubjectPublicKeyInfo *info = SECKEY_DecodeDERSubjectPublicKeyInfo(&item);
	size_t len;
	int r = PL_E_MALFORMED;

	if (info == NULL)
		return r;
	len = (info->subjectPublicKey.len + 7u) / 8;	/* NSS counts bits here */
	if (len > 0 && len <= spki.len &&
	    memcmp(spki.ptr + spki.len - len, info->subjectPublicKey.data, len) == 0) {
		*ret = (struct pl_blob) { .ptr = spki.ptr + spki.len - len, .len = len };
		r = 0;
	}
	SECKEY_DestroySubjectPublicKeyInfo(info);
	return r;
}

const struct pl_digest_ops pl_digest_ops = { .sha256 = sha256, .bare_key = bare_key };
