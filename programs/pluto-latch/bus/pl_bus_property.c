/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Properties and introspection. The standard interfaces have standard errors. */

#include "bus/pl_bus_impl.h"
#include "bus/pl_bus_latch.h"
#include "bus/pl_bus_method.h"
#include "bus/pl_bus_xml.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PL_VERSION "0.1"

typedef int put_value(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at);

static int put_version(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at)
{
	static const char *const version = PL_VERSION;

	(void)bus;
	(void)who;
	return pl_bus_put_variant(at, DBUS_TYPE_STRING, &version);
}

static int put_features(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at)
{
	(void)bus;
	(void)who;
	return pl_bus_put_texts(at, NULL, 0);
}

static int put_bindings(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at)
{
	const char *choices[PL_BINDING_ROOF];
	unsigned nr = 0;

	(void)bus;
	(void)who;
	for (unsigned type = PL_BINDING_NONE + 1; type < PL_BINDING_ROOF; type++)
		choices[nr++] = pl_binding_choice((enum pl_binding_type)type);
	return pl_bus_put_texts(at, choices, nr);
}

static int put_generation(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at)
{
	uint64_t generation = pl_engine_generation(bus->engine);

	(void)who;
	return pl_bus_put_variant(at, DBUS_TYPE_UINT64, &generation);
}

static int put_count(DBusMessageIter *dict, const char *name, dbus_uint32_t count)
{
	DBusMessageIter entry;

	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	if (!dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name) ||
	    !dbus_message_iter_append_basic(&entry, DBUS_TYPE_UINT32, &count)) {
		dbus_message_iter_abandon_container(dict, &entry);
		return -ENOMEM;
	}
	return dbus_message_iter_close_container(dict, &entry) ? 0 : -ENOMEM;
}

static int put_states(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *dict)
{
	uint32_t counts[PL_STATE_ROOF] = { 0 };
	struct pl_owner owner = { .kind = PL_OWNER_SESSION, .uid = who->uid };
	const struct pl_owner *asker = who->uid == 0 ? NULL : &owner;
	const struct pl_latch *latch;
	int r;

	for (uint64_t at = 0; (latch = pl_engine_next(bus->engine, asker, at)) != NULL; ) {
		at = latch->id;
		counts[pl_state_shown(latch->state)]++;
	}
	r = put_count(dict, "sessions",
		      pl_sessions_count(bus->sessions, who->uid == 0 ? NULL : &who->uid));
	if (r == 0 && who->uid == 0)
		r = put_count(dict, "unreadable",
			      (dbus_uint32_t)pl_engine_unreadable(bus->engine));
	for (enum pl_state state = PL_STATE_UNBORN; r == 0 && state < PL_STATE_ROOF; state++) {
		if (pl_state_shown(state) == state)
			r = put_count(dict, pl_state_name(state), counts[state]);
	}
	return r;
}

static int put_counts(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *at)
{
	DBusMessageIter variant, dict;
	int r;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, "a{su}", &variant))
		return -ENOMEM;
	if (!dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "{su}", &dict)) {
		dbus_message_iter_abandon_container(at, &variant);
		return -ENOMEM;
	}
	r = put_states(bus, who, &dict);
	if (r != 0) {
		dbus_message_iter_abandon_container(&variant, &dict);
		dbus_message_iter_abandon_container(at, &variant);
		return r;
	}
	return dbus_message_iter_close_container(&variant, &dict) &&
	       dbus_message_iter_close_container(at, &variant) ? 0 : -ENOMEM;
}

static const struct {
	struct pl_property about;
	put_value *put;
} properties[] = {
	{ { "Version", "s" }, put_version },
	{ { "Features", "as" }, put_features },
	{ { "ChannelBindings", "as" }, put_bindings },
	{ { "Counts", "a{su}" }, put_counts },
	{ { "Generation", "t" }, put_generation },
};

enum { NR_PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

const struct pl_property *pl_property_at(unsigned at)
{
	return at < NR_PROPERTIES ? &properties[at].about : NULL;
}

/* Return: index, or NR_PROPERTIES and the error is in @call */
static unsigned find(struct pl_call *call)
{
	unsigned i;

	for (i = 0; i < NR_PROPERTIES; i++) {
		if (strcmp(properties[i].about.name, call->request.texts[1]) == 0)
			return i;
	}
	call->dbus_error = DBUS_ERROR_UNKNOWN_PROPERTY;
	snprintf(call->report, sizeof(call->report), "There is no such property.");
	return i;
}

/* The empty name means every interface, as elsewhere. */
static bool is_manager(struct pl_call *call)
{
	const char *interface = call->request.texts[0];

	if (interface[0] == '\0' || strcmp(interface, PL_BUS_INTERFACE) == 0)
		return true;
	call->dbus_error = DBUS_ERROR_UNKNOWN_INTERFACE;
	snprintf(call->report, sizeof(call->report), "There is no such interface.");
	return false;
}

int pl_method_get(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		  DBusMessage *reply)
{
	DBusMessageIter at;
	unsigned which;

	if (!is_manager(call))
		return 0;
	which = find(call);
	if (which == NR_PROPERTIES)
		return 0;
	dbus_message_iter_init_append(reply, &at);
	return properties[which].put(bus, who, &at);
}

static int put_all(struct pl_bus *bus, const struct pl_caller_id *who, DBusMessageIter *dict)
{
	for (unsigned i = 0; i < NR_PROPERTIES; i++) {
		DBusMessageIter entry;
		int r = -ENOMEM;

		if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
			return r;
		if (dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING,
						   &properties[i].about.name))
			r = properties[i].put(bus, who, &entry);
		if (r != 0) {
			dbus_message_iter_abandon_container(dict, &entry);
			return r;
		}
		if (!dbus_message_iter_close_container(dict, &entry))
			return -ENOMEM;
	}
	return 0;
}

int pl_method_get_all(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		      DBusMessage *reply)
{
	DBusMessageIter at, dict;
	int r;

	if (!is_manager(call))
		return 0;
	dbus_message_iter_init_append(reply, &at);
	if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "{sv}", &dict))
		return -ENOMEM;
	r = put_all(bus, who, &dict);
	if (r != 0) {
		dbus_message_iter_abandon_container(&at, &dict);
		return r;
	}
	return dbus_message_iter_close_container(&at, &dict) ? 0 : -ENOMEM;
}

int pl_method_set(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		  DBusMessage *reply)
{
	(void)bus;
	(void)who;
	(void)reply;
	if (!is_manager(call) || find(call) == NR_PROPERTIES)
		return 0;
	call->dbus_error = DBUS_ERROR_PROPERTY_READ_ONLY;
	snprintf(call->report, sizeof(call->report), "Properties are read here, and not written.");
	return 0;
}

int pl_method_introspect(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
			 DBusMessage *reply)
{
	const char *text = pl_bus_xml;

	(void)bus;
	(void)who;
	(void)call;
	return dbus_message_append_args(reply, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID) ? 0 :
	       -ENOMEM;
}
