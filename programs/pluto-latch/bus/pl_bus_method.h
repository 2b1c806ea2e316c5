/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_METHOD_H
#define PL_BUS_METHOD_H

#include "bus/pl_bus_member.h"

/* What the members of the introspection file do; each is a pl_member_run. */
pl_member_run pl_method_open_session, pl_method_resume_session, pl_method_latch,
	pl_method_listen, pl_method_find, pl_method_inquire, pl_method_release,
	pl_method_unprotect, pl_method_list, pl_method_break, pl_method_close,
	pl_method_forget_unreadable, pl_method_inquire_peer, pl_method_same_peer, pl_method_reload,
	pl_method_stats, pl_method_subscribe, pl_method_unsubscribe, pl_method_get_channel_binding;

/* Of org.freedesktop.DBus.Properties and .Introspectable. */
pl_member_run pl_method_get, pl_method_get_all, pl_method_set, pl_method_introspect;

/**
 * pl_reply_latch() - what Latch answers
 * @bus:   the bus
 * @id:    of the latch
 * @reply: the answer
 *
 * Return: 0; PL_E_NOT_FOUND; -ENOMEM
 */
int pl_reply_latch(struct pl_bus *bus, uint64_t id, struct DBusMessage *reply) PL_MUST_USE;

/**
 * struct pl_property - one property of the manager
 * @name:      its
 * @signature: of its value
 */
struct pl_property {
	const char *name;
	const char *signature;
};

/**
 * pl_property_at() - walk the table of properties
 * @at: from 0
 *
 * Return: NULL behind the last one
 */
const struct pl_property *pl_property_at(unsigned at);

#endif
