/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Channel bindings: the daemon's answer, and nothing of our own. A type or data that the caller has
 * no room for is no binding.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <string.h>

int latch_channel_binding(struct latch *latch, uint64_t id, const char *type,
			  struct latch_binding *ret)
{
	struct latch_binding binding = { .len = 0 };
	DBusMessageIter iter, array;
	const unsigned char *data = NULL;
	DBusMessage *reply;
	const char *name;
	int len = 0, r;

	if (latch == NULL || ret == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_call_by_id(latch, "GetChannelBinding", id, type == NULL ? "" : type, "say",
			     &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, &name);
	dbus_message_iter_next(&iter);
	dbus_message_iter_recurse(&iter, &array);
	dbus_message_iter_get_fixed_array(&array, &data, &len);
	if (name[0] == '\0' || strlen(name) >= sizeof(binding.type) || len <= 0 ||
	    (size_t)len > sizeof(binding.data)) {
		dbus_message_unref(reply);
		return LATCH_ERR_FAILED;
	}
	strcpy(binding.type, name);
	memcpy(binding.data, data, (size_t)len);
	binding.len = (size_t)len;
	dbus_message_unref(reply);
	*ret = binding;
	return 0;
}
