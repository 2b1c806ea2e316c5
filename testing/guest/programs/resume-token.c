// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resume-token TOKEN: ResumeSession, as somebody who got hold of a token would call it. Prints
 * "ok", or the name of the error.
 */
#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static DBusMessage *call_new(const char *token)
{
	DBusMessage *call = dbus_message_new_method_call(
		"org.libreswan.Latch1", "/org/libreswan/Latch1",
		"org.libreswan.Latch1.Manager", "ResumeSession");
	DBusMessageIter at, dict;
	bool is_whole;

	if (call == NULL)
		return NULL;
	dbus_message_iter_init_append(call, &at);
	is_whole = dbus_message_iter_append_basic(&at, DBUS_TYPE_STRING, &token) &&
		   dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
		   dbus_message_iter_close_container(&at, &dict);
	return is_whole ? call : NULL;
}

int main(int argc, char **argv)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *bus = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error);
	DBusMessage *call = argc == 2 ? call_new(argv[1]) : NULL;

	if (bus == NULL || call == NULL) {
		fprintf(stderr, "usage: resume-token TOKEN, where there is a bus\n");
		return 2;
	}
	if (dbus_connection_send_with_reply_and_block(bus, call, 10000, &error) != NULL)
		puts("ok");
	else
		puts(error.name);
	return 0;
}
