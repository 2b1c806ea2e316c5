/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Stats: numbers of the whole service, for the administrator and what he measures with: what is
 * used of each limit, and what happened since the service began. None is of one user or latch.
 */

#include "bus/pl_bus_impl.h"
#include "bus/pl_bus_method.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stdio.h>

static int put(DBusMessageIter *dict, const char *name, uint64_t number)
{
	DBusMessageIter entry;

	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	if (!dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) ||
	    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_UINT64, &number)) {
		dbus_message_iter_abandon_container(dict, &entry);
		return -ENOMEM;
	}
	return dbus_message_iter_close_container(dict, &entry) ? 0 : -ENOMEM;
}

static uint32_t used(const struct pl_bus *bus, enum pl_limit limit)
{
	switch (limit) {
	case PL_LIMIT_SESSIONS:
		return pl_sessions_count(bus->sessions, NULL);
	case PL_LIMIT_SUBSCRIPTIONS:
		return pl_usage_total(pl_sessions_usage(bus->sessions), limit);
	default:
		return pl_engine_used(bus->engine, limit);
	}
}

/* As latch.conf names them. */
static int put_limits(const struct pl_bus *bus, DBusMessageIter *dict)
{
	int r = 0;

	for (enum pl_limit limit = PL_LIMIT_NONE + 1; r == 0 && limit < PL_LIMIT_COUNTED_ROOF;
	     limit++) {
		const char *name = pl_limit_info(limit)->name;
		char total[64];

		/* Nothing waits like that yet. */
		if (limit == PL_LIMIT_WAITS)
			continue;
		snprintf(total, sizeof(total), "%s-total", name);
		r = put(dict, name, used(bus, limit));
		if (r == 0)
			r = put(dict, total, bus->conf->limits.total[limit]);
	}
	return r;
}

static int put_events(const struct pl_bus *bus, DBusMessageIter *dict)
{
	int r = 0;

	for (enum pl_event event = PL_EVENT_NONE + 1; r == 0 && event < PL_EVENT_ROOF; event++) {
		char name[64];

		snprintf(name, sizeof(name), "event-%s", pl_event_name(event));
		r = put(dict, name, bus->tally.events[event]);
	}
	return r;
}

static int put_stats(const struct pl_bus *bus, DBusMessageIter *dict)
{
	const struct {
		const char *name;
		uint64_t number;
	} rows[] = {
		{ "unreadable", pl_engine_unreadable(bus->engine) },
		{ "calls", bus->tally.calls },
		{ "calls-refused", bus->tally.refused },
		{ "alerts", bus->tally.alerts },
		{ "alerts-by-eof", bus->tally.eofs },
	};
	int r = put_limits(bus, dict);

	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		r = put(dict, rows[i].name, rows[i].number);
	return r == 0 ? put_events(bus, dict) : r;
}

int pl_method_stats(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		    DBusMessage *reply)
{
	DBusMessageIter at, dict;
	int r;

	(void)call;
	if (!pl_caller_is_admin(who))
		return PL_E_NOT_AUTHORIZED;
	dbus_message_iter_init_append(reply, &at);
	if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "{st}", &dict))
		return -ENOMEM;
	r = put_stats(bus, &dict);
	if (r != 0) {
		dbus_message_iter_abandon_container(&at, &dict);
		return r;
	}
	return dbus_message_iter_close_container(&at, &dict) ? 0 : -ENOMEM;
}
