/* SPDX-License-Identifier: GPL-2.0-or-later */

/* LATCH as a D-Bus dictionary. Keys and values come from the one table of pl_latch_key.c.
 *
 * libdbus leaves a message undefined when it runs out of memory while appending, so each function
 * closes nothing then, and the message must be thrown away.
 */

#include "bus/pl_bus_latch.h"

#include "bus/pl_latch_key.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <string.h>

int pl_bus_put_variant(DBusMessageIter *at, int type, const void *value)
{
	const char signature[] = { (char)type, '\0' };
	DBusMessageIter variant;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, signature, &variant))
		return -ENOMEM;
	if (!dbus_message_iter_append_basic(&variant, type, value)) {
		dbus_message_iter_abandon_container(at, &variant);
		return -ENOMEM;
	}
	return dbus_message_iter_close_container(at, &variant) ? 0 : -ENOMEM;
}

static int put_array(DBusMessageIter *variant, const char *const *texts, unsigned nr)
{
	DBusMessageIter array;

	if (!dbus_message_iter_open_container(variant, DBUS_TYPE_ARRAY, "s", &array))
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++) {
		if (!dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &texts[i])) {
			dbus_message_iter_abandon_container(variant, &array);
			return -ENOMEM;
		}
	}
	return dbus_message_iter_close_container(variant, &array) ? 0 : -ENOMEM;
}

int pl_bus_put_texts(DBusMessageIter *at, const char *const *texts, unsigned nr)
{
	DBusMessageIter variant;
	int r;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, "as", &variant))
		return -ENOMEM;
	r = put_array(&variant, texts, nr);
	if (r != 0) {
		dbus_message_iter_abandon_container(at, &variant);
		return r;
	}
	return dbus_message_iter_close_container(at, &variant) ? 0 : -ENOMEM;
}

static int put_value(DBusMessageIter *at, const struct pl_key_value *value)
{
	dbus_bool_t as_bool = value->number != 0;
	dbus_uint16_t as_u16 = (dbus_uint16_t)value->number;
	dbus_uint32_t as_u32 = (dbus_uint32_t)value->number;

	switch (value->type) {
	case PL_KEY_BOOL:
		return pl_bus_put_variant(at, DBUS_TYPE_BOOLEAN, &as_bool);
	case PL_KEY_U16:
		return pl_bus_put_variant(at, DBUS_TYPE_UINT16, &as_u16);
	case PL_KEY_U32:
		return pl_bus_put_variant(at, DBUS_TYPE_UINT32, &as_u32);
	case PL_KEY_U64:
		return pl_bus_put_variant(at, DBUS_TYPE_UINT64, &value->number);
	case PL_KEY_TEXT:
		return pl_bus_put_variant(at, DBUS_TYPE_STRING, &value->text);
	case PL_KEY_TEXTS:
		return pl_bus_put_texts(at, value->texts, value->nr_texts);
	default:
		return -EINVAL;
	}
}

struct filling {
	DBusMessageIter dict;
	size_t bytes;
};

static size_t bytes_of(const char *key, const struct pl_key_value *value)
{
	/* Length, NUL and padding of each part are in this. */
	enum { OVERHEAD = 16 };
	size_t bytes = strlen(key) + 3 * OVERHEAD;

	if (value->type == PL_KEY_TEXT)
		bytes += strlen(value->text);
	for (unsigned i = 0; i < value->nr_texts; i++)
		bytes += strlen(value->texts[i]) + OVERHEAD;
	return bytes;
}

static int put_key(void *ctx, const char *key, const struct pl_key_value *value)
{
	struct filling *filling = ctx;
	DBusMessageIter entry;
	int r;

	if (!dbus_message_iter_open_container(&filling->dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
		return -ENOMEM;
	r = dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key) ?
	    put_value(&entry, value) : -ENOMEM;
	if (r != 0) {
		dbus_message_iter_abandon_container(&filling->dict, &entry);
		return r;
	}
	filling->bytes += bytes_of(key, value);
	return dbus_message_iter_close_container(&filling->dict, &entry) ? 0 : -ENOMEM;
}

int pl_bus_put_latch(DBusMessageIter *at, const struct pl_latch *latch,
		     const struct pl_latch_more *more, size_t *ret_bytes)
{
	struct filling filling = { .bytes = 16 };
	int r;

	if (!dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", &filling.dict))
		return -ENOMEM;
	r = pl_latch_walk(latch, more, put_key, &filling);
	if (r != 0) {
		dbus_message_iter_abandon_container(at, &filling.dict);
		return r;
	}
	if (!dbus_message_iter_close_container(at, &filling.dict))
		return -ENOMEM;
	if (ret_bytes != NULL)
		*ret_bytes = filling.bytes;
	return 0;
}
