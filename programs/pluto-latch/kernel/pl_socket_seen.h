/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_SEEN_H
#define PL_SOCKET_SEEN_H

#include "core/pl_base.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pl_seen - cookies of sockets that were seen connected
 *
 * Of limited size: it forgets the oldest of those that share a place.
 */
struct pl_seen;

/**
 * pl_seen_new() - none yet
 *
 * Return: free with pl_seen_free(); NULL without memory
 */
struct pl_seen *pl_seen_new(void) PL_MUST_USE;

/**
 * pl_seen_free() - let go
 * @seen: NULL is fine
 *
 * Return: NULL
 */
struct pl_seen *pl_seen_free(struct pl_seen *seen);

/**
 * pl_seen_put() - remember
 * @seen:   where
 * @cookie: 0 is not remembered
 */
void pl_seen_put(struct pl_seen *seen, uint64_t cookie);

/**
 * pl_seen_has() - was it put in, and neither dropped nor forgotten
 * @seen:   where
 * @cookie: which
 */
bool pl_seen_has(const struct pl_seen *seen, uint64_t cookie);

/**
 * pl_seen_drop() - it is not coming back
 * @seen:   where
 * @cookie: which
 */
void pl_seen_drop(struct pl_seen *seen, uint64_t cookie);

#endif
