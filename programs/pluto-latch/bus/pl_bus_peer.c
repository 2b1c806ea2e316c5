/* SPDX-License-Identifier: GPL-2.0-or-later */

/* PEER as a D-Bus dictionary: what the authentication showed of both ends, in the bytes in which
 * it was shown (RFC 5660 section 2, K7; L22). Nothing is decoded here, and nothing is made up: what
 * was not proved has no key.
 */

#include "bus/pl_bus_peer.h"

#include "bus/pl_bus_latch.h"
#include "bus/pl_latch_key.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Keys of this end are those of the peer's with this before them. */
#define LOCAL "local_"

static const struct blob_key {
	const char *name;
	size_t offset;
} blob_keys[] = {
	{ "id_payload", offsetof(struct pl_identity_end, id_wire) },
	{ "certificate", offsetof(struct pl_identity_end, cert) },
	{ "trust_anchor", offsetof(struct pl_identity_end, anchor) },
	{ "public_key", offsetof(struct pl_identity_end, spki) },
};

static int put_bytes(DBusMessageIter *at, struct pl_blob blob)
{
	DBusMessageIter variant, array;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, "ay", &variant))
		return -ENOMEM;
	if (!dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "y", &array)) {
		dbus_message_iter_abandon_container(at, &variant);
		return -ENOMEM;
	}
	if (!dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_BYTE, &blob.ptr,
						  (int)blob.len)) {
		dbus_message_iter_abandon_container(&variant, &array);
		dbus_message_iter_abandon_container(at, &variant);
		return -ENOMEM;
	}
	return dbus_message_iter_close_container(&variant, &array) &&
	       dbus_message_iter_close_container(at, &variant) ? 0 : -ENOMEM;
}

/* What stands in one entry: text, number, or bytes if neither. */
struct value {
	const char *text;
	uint8_t number;
	struct pl_blob blob;
};

static int put_value(DBusMessageIter *at, const struct value *value)
{
	char clean[PL_KEY_TEXT_MAX];
	const char *text = clean;

	if (value->blob.len != 0)
		return put_bytes(at, value->blob);
	if (value->text == NULL)
		return pl_bus_put_variant(at, DBUS_TYPE_BYTE, &value->number);
	(void)!pl_key_clean(value->text, clean, sizeof(clean));
	return pl_bus_put_variant(at, DBUS_TYPE_STRING, &text);
}

static bool is_told(const struct value *value)
{
	char clean[PL_KEY_TEXT_MAX];

	if (value->text == NULL)
		return value->blob.len != 0 || value->number != 0;
	return value->text[0] != '\0' && pl_key_clean(value->text, clean, sizeof(clean));
}

static int put_key(DBusMessageIter *dict, const char *prefix, const char *name,
		   struct value value)
{
	char key[64], *at = stpcpy(key, prefix);
	const char *whole = key;
	DBusMessageIter entry;
	int r;

	if (!is_told(&value))
		return 0;
	strcpy(at, name);
	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	r = dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &whole) ?
	    put_value(&entry, &value) : -ENOMEM;
	if (r != 0) {
		dbus_message_iter_abandon_container(dict, &entry);
		return r;
	}
	return dbus_message_iter_close_container(dict, &entry) ? 0 : -ENOMEM;
}

static int put_end(DBusMessageIter *dict, const char *prefix, const struct pl_identity_end *end)
{
	int r = put_key(dict, prefix, "id", (struct value) { .text = end->id });

	if (r == 0)
		r = put_key(dict, prefix, "id_type",
			    (struct value) { .text = pl_id_type_name(end->id_type) });
	if (r == 0)
		r = put_key(dict, prefix, "auth",
			    (struct value) { .text = pl_auth_name(end->auth) });
	if (r == 0)
		r = put_key(dict, prefix, "auth_method",
			    (struct value) { .number = end->auth_wire });
	for (size_t i = 0; r == 0 && i < sizeof(blob_keys) / sizeof(blob_keys[0]); i++) {
		struct value value = { .text = NULL };

		memcpy(&value.blob, (const char *)end + blob_keys[i].offset, sizeof(value.blob));
		r = put_key(dict, prefix, blob_keys[i].name, value);
	}
	return r;
}

int pl_bus_put_peer(DBusMessageIter *at, const struct pl_identity_data *data)
{
	DBusMessageIter dict;
	int r;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", &dict))
		return -ENOMEM;
	r = put_end(&dict, "", &data->peer);
	if (r == 0)
		r = put_end(&dict, LOCAL, &data->own);
	if (r != 0) {
		dbus_message_iter_abandon_container(at, &dict);
		return r;
	}
	return dbus_message_iter_close_container(at, &dict) ? 0 : -ENOMEM;
}
