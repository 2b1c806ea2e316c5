/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BASE_H
#define PL_BASE_H

#include <stddef.h>
#include <stdint.h>

/* On every function that can fail. */
#define PL_MUST_USE __attribute__((warn_unused_result))

/**
 * enum pl_error - documented outcomes that a caller handles
 *
 * Functions return 0, one of these (positive), or a negative errno for what nobody expects.
 */
enum pl_error {
	PL_OK = 0,
	PL_E_MALFORMED,		/* bytes that are not what they claim to be */
	PL_E_TOO_MANY,		/* more entries than we hold */
	PL_E_UNSUPPORTED,	/* well formed, and we cannot represent it */
	PL_E_NO_SPACE,		/* the output buffer is too small */
	PL_E_ROOF,
};

/**
 * struct pl_blob - bytes that belong to somebody else
 * @len: in bytes; zero means absent
 */
struct pl_blob {
	const uint8_t *ptr;
	size_t len;
};

#endif
