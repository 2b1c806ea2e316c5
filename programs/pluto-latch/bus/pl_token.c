/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Resume tokens (design D13). A token is in the hands of its client alone: here it is in memory
 * while the answer is made, and the journal has its digest. A digest of random bits needs no salt.
 */

#include "bus/pl_token.h"

#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

void pl_token_digest(const char *text, uint8_t ret[static PL_KEPT_DIGEST_BYTES])
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)text, strlen(text));
	SHA256Final(ret, &sha);
	explicit_bzero(&sha, sizeof(sha));
}

int pl_token_make(char ret[static PL_TOKEN_TEXT],
		  uint8_t ret_digest[static PL_KEPT_DIGEST_BYTES])
{
	uint8_t bits[(PL_TOKEN_TEXT - 1) / 2];

	/* Pluto's seccomp filter has it. So few bytes come whole, and never wait after boot. */
	if (getrandom(bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
		return -EIO;
	for (unsigned i = 0; i < sizeof(bits); i++)
		snprintf(ret + 2 * i, 3, "%02x", bits[i]);
	explicit_bzero(bits, sizeof(bits));
	pl_token_digest(ret, ret_digest);
	return 0;
}
