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
 * pl_error.c has a sentence and the public names of each.
 */
enum pl_error {
	PL_OK = 0,
	/* what was said */
	PL_E_MALFORMED,		/* bytes that are not what they claim to be */
	PL_E_TOO_MANY,		/* more entries than we hold */
	PL_E_UNSUPPORTED,	/* well formed, and we cannot represent it */
	PL_E_NO_SPACE,		/* the output buffer is too small */
	/* which latch */
	PL_E_NOT_FOUND,		/* nor is somebody else's (design D12) */
	PL_E_ALREADY_LATCHED,	/* RFC 5660: no two latches of one tuple (K29) */
	PL_E_CONFLICT,		/* K31 */
	PL_E_WRONG_STATE,	/* the state table has no such step */
	PL_E_BROKEN,
	PL_E_CLOSED,
	/* which socket or path: refused until a test shows it sound (design D3, D12) */
	PL_E_NOT_CONNECTED,
	PL_E_NOT_INTERNET,
	PL_E_ALREADY_USED,
	PL_E_SOCKET_CHANGED,
	PL_E_OTHER_NETNS,
	PL_E_MPTCP,
	PL_E_TRANSLATED,
	PL_E_BOTH_ENDS_LOCAL,
	PL_E_LINK_LOCAL,
	PL_E_SOURCE_ROUTED,
	PL_E_ENCAPSULATED,
	PL_E_VIRTUAL_INTERFACE,
	PL_E_PORT_SHARED,
	PL_E_WRONG_FLOW,	/* not of this socket, or not of this latch (U9) */
	PL_E_COMPRESSED,
	PL_E_SHARED_REQID,
	/* which protection */
	PL_E_NOT_PROTECTED,	/* no connection covers it: nothing to ask a peer for */
	PL_E_NO_SA,
	PL_E_NARROW_REFUSED,	/* K20 */
	PL_E_WEAK,		/* K11 */
	PL_E_WRONG_PEER,
	PL_E_AUTHENTICATION_FAILED,
	PL_E_TIMEOUT,
	/* channel bindings and certificates (design D14) */
	PL_E_NOT_AVAILABLE,
	PL_E_EQUAL_KEYS,
	/* who asks, and how much */
	PL_E_NOT_AUTHORIZED,
	PL_E_FORBIDDEN,		/* by latch.conf, whoever asks */
	PL_E_NO_SESSION,
	PL_E_SESSION_EXISTS,
	PL_E_NOT_RESUMABLE,	/* which is wrong, token, user or time, is not said */
	PL_E_LIMIT_EXCEEDED,	/* design D16 */
	PL_E_BAD_CONFIG,
	/* ourselves */
	PL_E_UNAVAILABLE,	/* starting, stopping, or the guard is not in force */
	PL_E_NO_MEMORY,
	PL_E_FAILED,		/* every other negative errno */
	/* later than the numbers of the library */
	PL_E_SUITE_NOT_ALLOWED,	/* K11: the configuration has other ones */
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
