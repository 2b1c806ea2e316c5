/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_HOLD_H
#define PL_HOLD_H

#include "core/pl_params.h"
#include "core/pl_tuple.h"

#include <stdbool.h>
#include <stdint.h>

/* Of what is said to who is held back. */
#define PL_HOLD_TEXT_MAX 256

/**
 * struct pl_hold_key - what makes two wishes for SAs the same one; made by pl_hold_key() alone, so
 * that equal keys are equal bytes
 * @uid:          who asks
 * @is_forwarded: for flows of others, which have no part in what @uid asks for itself
 * @is_narrow:    struct pl_initiate
 * @suite:        likewise
 * @tuple:        without its local port: the next try has another one
 * @require:      struct pl_wish
 * @peer:         of the name of that; 0 is anybody
 */
struct pl_hold_key {
	uint32_t uid;
	bool is_forwarded, is_narrow;
	struct pl_suite suite;
	struct pl_tuple tuple;
	struct pl_require require;
	uint64_t peer;
};

/**
 * struct pl_hold_wish - what a key is made from, where it is no part of it as it is
 * @tuple: of a connection
 * @peer:  NULL is anybody
 */
struct pl_hold_wish {
	uint32_t uid;
	bool is_forwarded, is_narrow;
	struct pl_suite suite;
	const struct pl_tuple *tuple;
	struct pl_require require;
	const char *peer;
};

/**
 * pl_hold_key() - the key of a wish
 * @wish: the wish
 * @ret:  the key
 */
void pl_hold_key(const struct pl_hold_wish *wish, struct pl_hold_key *ret);

struct pl_holds;

/**
 * pl_holds_new() - nobody is held back
 *
 * Return: the holds, or NULL without memory
 */
struct pl_holds *pl_holds_new(void) PL_MUST_USE;

/**
 * pl_holds_free() - forget
 * @holds: NULL is fine
 *
 * Return: NULL
 */
struct pl_holds *pl_holds_free(struct pl_holds *holds);

/**
 * pl_holds_admit() - may pluto be asked for these SAs now
 * @holds:    the holds
 * @key:      of the wish
 * @now_ns:   CLOCK_MONOTONIC
 * @ret_text: for people, with an error only: what it was, and how long it is held back
 *
 * Return: 0; the error that the last attempt came to; PL_E_LIMIT_EXCEEDED when too many of this
 * user's attempts failed, whatever they were for
 */
int pl_holds_admit(const struct pl_holds *holds, const struct pl_hold_key *key, uint64_t now_ns,
		   char ret_text[static PL_HOLD_TEXT_MAX]) PL_MUST_USE;

/**
 * pl_holds_failed() - an attempt came to nothing
 * @holds:  the holds
 * @key:    of the wish
 * @now_ns: CLOCK_MONOTONIC
 * @error:  enum pl_error, or a negative errno
 * @reason: for people; may be empty
 */
void pl_holds_failed(struct pl_holds *holds, const struct pl_hold_key *key, uint64_t now_ns,
		     int error, const char *reason);

/**
 * pl_holds_succeeded() - there is a latch: what failed before is forgotten
 * @holds: the holds
 * @key:   of the wish
 */
void pl_holds_succeeded(struct pl_holds *holds, const struct pl_hold_key *key);

#endif
