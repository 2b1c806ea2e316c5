/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_LIMITS_H
#define PL_LIMITS_H

#include "core/pl_base.h"

#include <stdbool.h>

/**
 * enum pl_limit - everything whose amount a client decides (design D16)
 *
 * The first group is counted, for each uid and for all of them together; the second one bounds
 * single messages.
 */
enum pl_limit {
	PL_LIMIT_NONE = 0,
	PL_LIMIT_LATCHES,	/* connections and listeners, in any state */
	PL_LIMIT_SESSIONS,
	PL_LIMIT_PENDING,	/* creations that wait for IKE */
	PL_LIMIT_WAITS,		/* calls that wait for a change of state */
	PL_LIMIT_SUBSCRIPTIONS,
	PL_LIMIT_AUTOMATIC,	/* latches that nobody asked for (K12) */
	PL_LIMIT_COUNTED_ROOF,
	PL_LIMIT_MESSAGE_BYTES,	/* a request */
	PL_LIMIT_REPLY_BYTES,
	PL_LIMIT_LIST_PAGE,	/* latches in one reply */
	PL_LIMIT_WAIT_MS,
	PL_LIMIT_RECORD_BYTES,	/* one record of a session */
	PL_LIMIT_QUEUE_BYTES,	/* of a session's socket */
	PL_LIMIT_TEXT_BYTES,	/* a reason or name given by a client */
	PL_LIMIT_ROOF,
};

/**
 * struct pl_limit_info - one row of the table
 * @name:          as in latch.conf and in Stats; NULL for what is no limit
 * @initial:       when nothing is configured
 * @min:           smallest that can be configured
 * @max:           largest
 * @total_initial: for all uids together; 0 when it is not counted
 * @sentence:      for the manual
 */
struct pl_limit_info {
	const char *name;
	uint32_t initial, min, max;
	uint32_t total_initial;
	const char *sentence;
};

/**
 * struct pl_limits - the limits in force; a value
 * @each:  for one uid, or one message
 * @total: for all uids; 0 when it is not counted
 */
struct pl_limits {
	uint32_t each[PL_LIMIT_ROOF];
	uint32_t total[PL_LIMIT_ROOF];
};

/**
 * pl_limit_info() - look up one row
 * @limit: any value
 *
 * Return: a row with name NULL for what is no limit
 */
const struct pl_limit_info *pl_limit_info(enum pl_limit limit);

/**
 * pl_limits_default() - nothing configured
 * @ret: the limits
 */
void pl_limits_default(struct pl_limits *ret);

/**
 * pl_limits_set() - configure one limit
 * @limits:   unchanged unless 0 is returned
 * @limit:    which
 * @is_total: for all uids together, which may go up to a thousand times the max of one
 * @value:    wanted
 *
 * Return: 0; PL_E_UNSUPPORTED for what is no limit, or is not counted; PL_E_BAD_CONFIG when the
 * value is not between min and max
 */
int pl_limits_set(struct pl_limits *limits, enum pl_limit limit, bool is_total,
		  uint32_t value) PL_MUST_USE;

/**
 * pl_limits_allow() - is this message or this wait small enough
 * @limits: in force
 * @limit:  one that is not counted
 * @value:  asked for
 *
 * Return: 0 or PL_E_LIMIT_EXCEEDED
 */
int pl_limits_allow(const struct pl_limits *limits, enum pl_limit limit,
		    uint64_t value) PL_MUST_USE;

struct pl_usage;

/**
 * pl_usage_new() - nobody uses anything
 *
 * Return: the usage, or NULL without memory
 */
struct pl_usage *pl_usage_new(void) PL_MUST_USE;

/**
 * pl_usage_free() - forget
 * @usage: NULL is fine
 *
 * Return: NULL
 */
struct pl_usage *pl_usage_free(struct pl_usage *usage);

/**
 * pl_usage_take() - one more
 * @usage:  unchanged unless 0 is returned
 * @limits: in force; lowering them takes nothing away
 * @uid:    who
 * @limit:  a counted one
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; PL_E_UNSUPPORTED for what is not counted; -ENOMEM
 */
int pl_usage_take(struct pl_usage *usage, const struct pl_limits *limits, uint32_t uid,
		  enum pl_limit limit) PL_MUST_USE;

/**
 * pl_usage_give_back() - one less
 * @usage: usage
 * @uid:   who
 * @limit: a counted one, taken before
 *
 * Giving back what was never taken changes nothing.
 */
void pl_usage_give_back(struct pl_usage *usage, uint32_t uid, enum pl_limit limit);

/**
 * pl_usage_of() - how much one uid uses
 * @usage: usage
 * @uid:   who
 * @limit: a counted one; 0 otherwise
 */
uint32_t pl_usage_of(const struct pl_usage *usage, uint32_t uid, enum pl_limit limit);

/**
 * pl_usage_total() - how much all use
 * @usage: usage
 * @limit: a counted one; 0 otherwise
 */
uint32_t pl_usage_total(const struct pl_usage *usage, enum pl_limit limit);

/**
 * pl_usage_uids() - how many uids use anything
 * @usage: usage
 */
unsigned pl_usage_uids(const struct pl_usage *usage);

#endif
