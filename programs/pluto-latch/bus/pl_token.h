/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TOKEN_H
#define PL_TOKEN_H

#include "core/pl_kept.h"

/* 128 bits in hexadecimal, and the end of the string. */
enum { PL_TOKEN_TEXT = 33 };

/**
 * pl_token_make() - a token that nobody can guess
 * @ret:        text for the client; wipe it when he has it
 * @ret_digest: what the daemon keeps
 *
 * Return: 0, or a negative errno when the kernel has no random numbers yet
 */
int pl_token_make(char ret[static PL_TOKEN_TEXT],
		  uint8_t ret_digest[static PL_KEPT_DIGEST_BYTES]) PL_MUST_USE;

/**
 * pl_token_digest() - of what a client says, whatever it is
 * @text: any
 * @ret:  its SHA-256
 */
void pl_token_digest(const char *text, uint8_t ret[static PL_KEPT_DIGEST_BYTES]);

#endif
