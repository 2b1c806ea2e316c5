/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The only file that talks to libdbus about connections. libdbus was made for programs that give it
 * their main loop; a library inside of somebody else's program must hold it back:
 *
 * - The connection is private: nobody else's messages are on it, and closing it hurts nobody.
 * - It never ends the process: not on a disconnect, and not on arguments that libdbus checks with
 *   an assertion, which is why every string from outside is checked before it gets there.
 * - It leaves SIGPIPE alone. That switch is global in libdbus and cannot be read back; libdbus
 *   writes with MSG_NOSIGNAL, so that nobody in the process needs the other position.
 *
 * Calls go to the unique name of the daemon that has the session. One that was started later, and
 * was not asked to resume it, has none of its latches: it must not answer for them.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT "/org/libreswan/Latch1"
#define INTERFACE "org.libreswan.Latch1.Manager"

/* Frees the error. */
static int take_error(DBusError *error)
{
	int r = latch_error_from_dbus(error->name);

	dbus_error_free(error);
	return r;
}

/* What latch_last_reason() says from now on. Without memory, less. */
static int keep(struct latch *latch, int error, const char *text)
{
	free(latch->reason);
	latch->reason = text == NULL ? NULL : strndup(text, strlen(text));
	latch->error = error;
	return error;
}

const char *latch_last_reason(const struct latch *latch, int *ret_error)
{
	int error = latch == NULL ? LATCH_ERR_ARGUMENT : latch->error;

	if (ret_error != NULL)
		*ret_error = error;
	if (error == LATCH_OK)
		return "";
	return latch == NULL || latch->reason == NULL ? latch_strerror(error) : latch->reason;
}

int latch_bus_open(struct latch *latch, const char *address)
{
	DBusError error = DBUS_ERROR_INIT;

	if (address == NULL)
		address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (address == NULL)
		address = LATCH_SYSTEM_BUS;
	if (!dbus_validate_utf8(address, NULL))
		return LATCH_ERR_ARGUMENT;
	dbus_connection_set_change_sigpipe(FALSE);
	latch->bus = dbus_connection_open_private(address, &error);
	if (latch->bus == NULL)
		return take_error(&error);
	dbus_connection_set_exit_on_disconnect(latch->bus, FALSE);
	if (!dbus_bus_register(latch->bus, &error)) {
		latch_bus_close(latch);
		return take_error(&error);
	}
	/* A bus over TCP, or one of another kind: sockets cannot be handed over. */
	if (!dbus_connection_can_send_type(latch->bus, DBUS_TYPE_UNIX_FD)) {
		latch_bus_close(latch);
		return LATCH_ERR_SERVICE;
	}
	return 0;
}

void latch_bus_close(struct latch *latch)
{
	if (latch->bus == NULL)
		return;
	dbus_connection_close(latch->bus);
	dbus_connection_unref(latch->bus);
	latch->bus = NULL;
}

DBusMessage *latch_bus_message(const struct latch *latch, const char *member)
{
	const char *to = latch->service[0] == '\0' ? LATCH_SERVICE : latch->service;
	DBusMessage *message = dbus_message_new_method_call(to, OBJECT, INTERFACE, member);

	if (message != NULL)
		dbus_message_set_auto_start(message, FALSE);
	return message;
}

static bool add_strings(DBusMessageIter *to, const char *const *strings)
{
	DBusMessageIter list = DBUS_MESSAGE_ITER_INIT_CLOSED;
	bool ok = dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "s", &list);

	for (; ok && *strings != NULL; strings++)
		ok = dbus_message_iter_append_basic(&list, DBUS_TYPE_STRING, strings);
	if (ok)
		return dbus_message_iter_close_container(to, &list);
	dbus_message_iter_abandon_container_if_open(to, &list);
	return false;
}

static bool add_value(DBusMessageIter *to, const struct latch_entry *entry)
{
	const char signature[] = { entry->type, entry->type == 'a' ? 's' : '\0', '\0' };
	DBusMessageIter variant = DBUS_MESSAGE_ITER_INIT_CLOSED;
	dbus_uint32_t number;
	dbus_bool_t flag;
	bool ok = dbus_message_iter_open_container(to, DBUS_TYPE_VARIANT, signature, &variant);

	switch (ok ? entry->type : '\0') {
	case 's':
		ok = dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &entry->value.s);
		break;
	case 'q':
		ok = dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT16, &entry->value.q);
		break;
	case 'u':
		number = entry->value.u;
		ok = dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT32, &number);
		break;
	case 'b':
		flag = entry->value.b;
		ok = dbus_message_iter_append_basic(&variant, DBUS_TYPE_BOOLEAN, &flag);
		break;
	case 'a':
		ok = add_strings(&variant, entry->value.a);
		break;
	}
	if (ok)
		return dbus_message_iter_close_container(to, &variant);
	dbus_message_iter_abandon_container_if_open(to, &variant);
	return false;
}

static bool add_entry(DBusMessageIter *to, const struct latch_entry *entry)
{
	DBusMessageIter pair = DBUS_MESSAGE_ITER_INIT_CLOSED;

	if (dbus_message_iter_open_container(to, DBUS_TYPE_DICT_ENTRY, NULL, &pair) &&
	    dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &entry->key) &&
	    add_value(&pair, entry))
		return dbus_message_iter_close_container(to, &pair);
	dbus_message_iter_abandon_container_if_open(to, &pair);
	return false;
}

bool latch_bus_add_dict(DBusMessage *message, const struct latch_entry *entries, size_t nr)
{
	DBusMessageIter to, dict = DBUS_MESSAGE_ITER_INIT_CLOSED;
	bool ok;

	dbus_message_iter_init_append(message, &to);
	ok = dbus_message_iter_open_container(&to, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (size_t i = 0; ok && i < nr; i++)
		ok = add_entry(&dict, &entries[i]);
	if (ok)
		return dbus_message_iter_close_container(&to, &dict);
	dbus_message_iter_abandon_container_if_open(&to, &dict);
	return false;
}

/* Everybody on the bus may send us signals, with descriptors even; nobody reads them. */
static void throw_away(struct latch *latch)
{
	DBusMessage *message;

	while ((message = dbus_connection_pop_message(latch->bus)) != NULL)
		dbus_message_unref(message);
}

/* The answer to the first call, OpenSession, says who the daemon is. */
static bool is_from_daemon(struct latch *latch, DBusMessage *reply)
{
	const char *sender = dbus_message_get_sender(reply);

	if (sender == NULL || strlen(sender) >= sizeof(latch->service))
		return false;
	if (latch->service[0] == '\0')
		strcpy(latch->service, sender);
	return strcmp(latch->service, sender) == 0;
}

/* To libdbus, INT_MAX is for ever. */
static int timeout_of(const struct latch *latch, uint32_t more_ms)
{
	uint32_t most_ms = (uint32_t)(INT_MAX - 1 - latch->timeout_ms);

	return latch->timeout_ms + (int)(more_ms < most_ms ? more_ms : most_ms);
}

int latch_bus_call(struct latch *latch, DBusMessage *message, uint32_t more_ms,
		   const char *signature, DBusMessage **ret)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply;

	if (message == NULL)
		return keep(latch, LATCH_ERR_NO_MEMORY, NULL);
	latch_resume_go_on(latch);
	latch_session_ring(latch);
	if (latch->is_over || latch->away != LATCH_AWAY_NOT) {
		dbus_message_unref(message);
		return keep(latch, LATCH_ERR_SERVICE, NULL);
	}
	reply = dbus_connection_send_with_reply_and_block(latch->bus, message,
							  timeout_of(latch, more_ms), &error);
	dbus_message_unref(message);
	throw_away(latch);
	if (reply == NULL) {
		keep(latch, latch_error_from_dbus(error.name), error.message);
		return take_error(&error);
	}
	if (!dbus_message_has_signature(reply, signature) || !is_from_daemon(latch, reply)) {
		dbus_message_unref(reply);
		return keep(latch, LATCH_ERR_FAILED, NULL);
	}
	*ret = reply;
	return keep(latch, LATCH_OK, NULL);
}
