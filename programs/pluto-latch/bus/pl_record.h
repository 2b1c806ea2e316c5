/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_RECORD_H
#define PL_RECORD_H

#include "core/pl_ops.h"

/*
 * Records of a session: one JSON object each, as the introspection file describes them and
 * `latchctl monitor --json` prints them. Each function returns text of the caller's own, to be
 * free()d, or NULL without memory.
 */

/**
 * pl_record_hello() - the first record of a session
 * @session:     its number
 * @generation:  of the database
 * @resume_wait: seconds after a restart in which it can be resumed
 */
char *pl_record_hello(uint64_t session, uint64_t generation, uint32_t resume_wait) PL_MUST_USE;

/**
 * pl_record_lost() - records were dropped
 * @generation: of the database
 */
char *pl_record_lost(uint64_t generation) PL_MUST_USE;

/**
 * pl_record_change() - a latch changed
 * @type:      "alert", "change" or "state"
 * @alert:     what happened
 * @latch:     as it is now, or NULL: then the record says what the alert says
 * @peer:      whom it is for, as pl_engine_peer() says; NULL is anybody
 * @max_bytes: that the record may have; if need be, what is long is left out
 */
char *pl_record_change(const char *type, const struct pl_alert *alert,
		       const struct pl_latch *latch, const char *peer,
		       size_t max_bytes) PL_MUST_USE;

#endif
