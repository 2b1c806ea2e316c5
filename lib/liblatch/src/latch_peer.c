/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is at the other end: the daemon's answer as it came, and what it has under a key.
 *
 * Invariant: an answer never changes after it was taken, and so several threads may read it.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <stdlib.h>
#include <string.h>

struct latch_peer {
	DBusMessage *answer;
};

int latch_inquire_peer(struct latch *latch, uint64_t id, struct latch_peer **ret_peer)
{
	struct latch_peer *peer;
	DBusMessageIter iter;
	int r;

	if (latch == NULL || ret_peer == NULL)
		return LATCH_ERR_ARGUMENT;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return LATCH_ERR_NO_MEMORY;
	r = latch_call_by_id(latch, "InquirePeer", id, NULL, "a{sv}", &peer->answer);
	if (r != 0) {
		free(peer);
		return r;
	}
	/* The first look turns the bytes of another byte order round; no later one writes. */
	dbus_message_iter_init(peer->answer, &iter);
	*ret_peer = peer;
	return 0;
}

struct latch_peer *latch_peer_free(struct latch_peer *peer)
{
	if (peer != NULL) {
		dbus_message_unref(peer->answer);
		free(peer);
	}
	return NULL;
}

static bool is_of(DBusMessageIter *value, int type)
{
	return dbus_message_iter_get_arg_type(value) == type &&
	       (type != DBUS_TYPE_ARRAY ||
		dbus_message_iter_get_element_type(value) == DBUS_TYPE_BYTE);
}

/* @type: an array is one of bytes. @ret: at the value. Return: there is one. */
static bool find(const struct latch_peer *peer, const char *key, int type, DBusMessageIter *ret)
{
	DBusMessageIter iter, entry, pair;
	bool is_found = false;

	dbus_message_iter_init(peer->answer, &iter);
	for (dbus_message_iter_recurse(&iter, &entry);
	     !is_found && dbus_message_iter_get_arg_type(&entry) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&entry)) {
		const char *name;

		dbus_message_iter_recurse(&entry, &pair);
		dbus_message_iter_get_basic(&pair, &name);
		if (strcmp(name, key) != 0)
			continue;
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, ret);
		is_found = is_of(ret, type);
	}
	return is_found;
}

const char *latch_peer_text(const struct latch_peer *peer, const char *key)
{
	DBusMessageIter value;
	const char *text;

	if (!find(peer, key, DBUS_TYPE_STRING, &value))
		return NULL;
	dbus_message_iter_get_basic(&value, &text);
	return text;
}

const void *latch_peer_bytes(const struct latch_peer *peer, const char *key, size_t *ret_len)
{
	DBusMessageIter value, array;
	const void *bytes = NULL;
	int len = 0;

	if (find(peer, key, DBUS_TYPE_ARRAY, &value)) {
		dbus_message_iter_recurse(&value, &array);
		dbus_message_iter_get_fixed_array(&array, &bytes, &len);
	}
	*ret_len = (size_t)len;
	return len == 0 ? NULL : bytes;
}

const char *latch_peer_id(const struct latch_peer *peer)
{
	return latch_peer_text(peer, "id");
}

const void *latch_peer_certificate(const struct latch_peer *peer, size_t *ret_len)
{
	return latch_peer_bytes(peer, "certificate", ret_len);
}

const void *latch_peer_trust_anchor(const struct latch_peer *peer, size_t *ret_len)
{
	return latch_peer_bytes(peer, "trust_anchor", ret_len);
}

const void *latch_peer_public_key(const struct latch_peer *peer, size_t *ret_len)
{
	return latch_peer_bytes(peer, "public_key", ret_len);
}

enum latch_auth latch_auth_method(const struct latch_peer *peer)
{
	static const char *const names[] = {
		[LATCH_AUTH_SIGNATURE] = "signature", [LATCH_AUTH_PSK] = "psk",
		[LATCH_AUTH_NULL] = "null", [LATCH_AUTH_EAP] = "eap",
	};
	const char *text = latch_peer_text(peer, "auth");

	for (unsigned i = 1; text != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum latch_auth)i;
	}
	return LATCH_AUTH_UNKNOWN;
}

int latch_same_peer(struct latch *latch, uint64_t first, uint64_t second, bool *ret_same)
{
	DBusMessage *message, *reply;
	dbus_bool_t is_same = FALSE;
	DBusMessageIter iter;
	int r;

	if (latch == NULL || ret_same == NULL)
		return LATCH_ERR_ARGUMENT;
	message = latch_bus_message(latch, "SamePeer");
	if (message != NULL &&
	    !dbus_message_append_args(message, DBUS_TYPE_UINT64, &first, DBUS_TYPE_UINT64,
				      &second, DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		message = NULL;
	}
	r = latch_bus_call(latch, message, 0, "b", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, &is_same);
	dbus_message_unref(reply);
	*ret_same = is_same;
	return 0;
}
