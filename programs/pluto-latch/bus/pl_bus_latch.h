/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_LATCH_H
#define PL_BUS_LATCH_H

#include "core/pl_db.h"

struct DBusMessageIter;
struct pl_latch_more;

/* What one latch takes in a message, at most. */
#define PL_BUS_LATCH_MAX 24576

/**
 * pl_bus_put_latch() - LATCH as "a{sv}"
 * @at:        where
 * @latch:     the latch
 * @more:      as of pl_latch_walk()
 * @ret_bytes: what it takes in the message, rounded up; may be NULL
 *
 * Return: 0 or -ENOMEM: throw the message away
 */
int pl_bus_put_latch(struct DBusMessageIter *at, const struct pl_latch *latch,
		     const struct pl_latch_more *more, size_t *ret_bytes) PL_MUST_USE;

/**
 * pl_bus_put_variant() - a basic value as "v"
 * @at:    where
 * @type:  of D-Bus
 * @value: as of dbus_message_iter_append_basic()
 *
 * Return: 0 or -ENOMEM
 */
int pl_bus_put_variant(struct DBusMessageIter *at, int type, const void *value) PL_MUST_USE;

/**
 * pl_bus_put_texts() - "as", inside of a variant
 * @at:    where
 * @texts: UTF-8
 * @nr:    how many
 *
 * Return: 0 or -ENOMEM
 */
int pl_bus_put_texts(struct DBusMessageIter *at, const char *const *texts, unsigned nr) PL_MUST_USE;

#endif
