/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon says about one latch: an a{sv}, kept as a JSON object of the same keys. Nothing
 * here knows the keys but "id" and "state", so that what a later daemon says reaches the program.
 *
 * Invariant: an info never changes after it was made, and so several threads may read it.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* @values: as they came; @texts: the same keys, each a string. */
struct latch_info {
	json_t *values;
	json_t *texts;
	char *json;
};

/* Return: false without memory. *ret stays NULL for an entry that is no string. */
static bool convert_list(DBusMessageIter *from, json_t **ret)
{
	DBusMessageIter item;
	json_t *list;

	if (dbus_message_iter_get_element_type(from) != DBUS_TYPE_STRING)
		return true;
	list = json_array();
	if (list == NULL)
		return false;
	for (dbus_message_iter_recurse(from, &item);
	     dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_STRING;
	     dbus_message_iter_next(&item)) {
		const char *text;

		dbus_message_iter_get_basic(&item, &text);
		if (json_array_append_new(list, json_string(text)) != 0) {
			json_decref(list);
			return false;
		}
	}
	*ret = list;
	return true;
}

/* Return: as above. JSON's integers here have 63 bits: what does not fit is left out. */
static bool convert(DBusMessageIter *from, json_t **ret)
{
	int type = dbus_message_iter_get_arg_type(from);
	DBusBasicValue value = { .u64 = 0 };

	*ret = NULL;
	if (dbus_type_is_basic(type) && type != DBUS_TYPE_UNIX_FD)
		dbus_message_iter_get_basic(from, &value);
	switch (type) {
	case DBUS_TYPE_STRING:
		*ret = json_string(value.str);
		break;
	case DBUS_TYPE_UINT16:
		*ret = json_integer(value.u16);
		break;
	case DBUS_TYPE_UINT32:
		*ret = json_integer(value.u32);
		break;
	case DBUS_TYPE_UINT64:
		if (value.u64 > INT64_MAX)
			return true;
		*ret = json_integer((json_int_t)value.u64);
		break;
	case DBUS_TYPE_BOOLEAN:
		*ret = json_boolean(value.bool_val);
		break;
	case DBUS_TYPE_ARRAY:
		return convert_list(from, ret);
	default:
		return true;
	}
	return *ret != NULL;
}

static json_t *join(const json_t *list)
{
	size_t len = 1, i;
	json_t *item, *joined;
	char *text, *end;

	json_array_foreach(list, i, item)
		len += json_string_length(item) + 2;
	text = malloc(len);
	if (text == NULL)
		return NULL;
	end = text;
	*end = '\0';
	json_array_foreach(list, i, item) {
		end = stpcpy(end, i > 0 ? ", " : "");
		end = stpcpy(end, json_string_value(item));
	}
	joined = json_string(text);
	free(text);
	return joined;
}

static json_t *text_of(json_t *value)
{
	char number[24];

	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_incref(value);
	case JSON_TRUE:
		return json_string("true");
	case JSON_FALSE:
		return json_string("false");
	case JSON_ARRAY:
		return join(value);
	default:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		return json_string(number);
	}
}

static bool keep(struct latch_info *info, DBusMessageIter *pair)
{
	DBusMessageIter variant;
	const char *key;
	json_t *value;
	bool ok;

	dbus_message_iter_get_basic(pair, &key);
	dbus_message_iter_next(pair);
	dbus_message_iter_recurse(pair, &variant);
	if (!convert(&variant, &value))
		return false;
	if (value == NULL)
		return true;
	ok = json_object_set(info->values, key, value) == 0 &&
	     json_object_set_new(info->texts, key, text_of(value)) == 0;
	json_decref(value);
	return ok;
}

/* Not json_dumps(): without memory for its buffer, jansson 2.14 may leave a key out in silence. */
static char *dump(const json_t *json)
{
	size_t len = json_dumpb(json, NULL, 0, JSON_COMPACT);
	char *text = len == 0 ? NULL : malloc(len + 1);

	if (text == NULL)
		return NULL;
	if (json_dumpb(json, text, len, JSON_COMPACT) != len) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

int latch_info_from_dict(DBusMessageIter *dict, struct latch_info **ret_info)
{
	struct latch_info *info = calloc(1, sizeof(*info));
	DBusMessageIter entry, pair;
	bool ok = info != NULL;

	if (!ok)
		return LATCH_ERR_NO_MEMORY;
	info->values = json_object();
	info->texts = json_object();
	ok = info->values != NULL && info->texts != NULL;
	for (dbus_message_iter_recurse(dict, &entry);
	     ok && dbus_message_iter_get_arg_type(&entry) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&entry)) {
		dbus_message_iter_recurse(&entry, &pair);
		ok = keep(info, &pair);
	}
	info->json = ok ? dump(info->values) : NULL;
	if (info->json == NULL) {
		latch_info_free(info);
		return LATCH_ERR_NO_MEMORY;
	}
	*ret_info = info;
	return 0;
}

struct latch_info *latch_info_free(struct latch_info *info)
{
	if (info == NULL)
		return NULL;
	json_decref(info->values);
	json_decref(info->texts);
	free(info->json);
	free(info);
	return NULL;
}

uint64_t latch_info_id(const struct latch_info *info)
{
	return (uint64_t)json_integer_value(json_object_get(info->values, "id"));
}

enum latch_state latch_info_state(const struct latch_info *info)
{
	return latch_state_from_name(latch_info_text(info, "state"));
}

const char *latch_info_text(const struct latch_info *info, const char *key)
{
	return json_string_value(json_object_get(info->texts, key));
}

const char *latch_info_json(const struct latch_info *info)
{
	return info->json;
}
