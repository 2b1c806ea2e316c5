/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: arguments of every member. The first byte says which member; then come either the
 * bytes of a message as a bus might hand them over, or instructions by which one is built that
 * libdbus takes for well formed, so that everything behind libdbus is reached.
 *
 * Asserted: what is taken is within the bounds that the rest of the service relies on.
 */

#include "bus/pl_bus_member.h"

#include <assert.h>
#include <dbus/dbus.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t next(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Words that the tables know, and bytes of the input, and too many of them. */
enum { ROOM = PL_REQUEST_TEXT_MAX + 80 };

static const char *text(struct input *input, char ret[static ROOM])
{
	static const char *const words[] = {
		"watch", "protection", "min_key_bits", "min_integ_bits", "mode", "disposition",
		"remote_address", "remote_port", "late", "may_be_broken", "protocol",
		"local_address", "local_port", "state", "kind", "tunnel", "reset", "tcp",
		"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "broken", "listener", "integrity",
		"tag", "in", "out",
	};
	uint8_t which = next(input);
	size_t len = 0;

	if (which < sizeof(words) / sizeof(words[0]))
		return words[which];
	if (which >= 250) {
		len = PL_REQUEST_TEXT_MAX - 250 + which;
		memset(ret, 'x', len);
	}
	for (uint8_t nr = which % 64; nr > 0; nr--)
		ret[len++] = (char)(1 + next(input) % 127);
	ret[len] = '\0';
	return ret;
}

static void append_basic(struct input *input, DBusMessageIter *at, int type)
{
	dbus_uint64_t number = next(input) | (dbus_uint64_t)next(input) << 8;
	dbus_bool_t as_bool = number & 1;
	char room[ROOM];
	const char *string;
	int fd = STDERR_FILENO;

	switch (type) {
	case DBUS_TYPE_STRING:
		string = text(input, room);
		dbus_message_iter_append_basic(at, type, &string);
		break;
	case DBUS_TYPE_BOOLEAN:
		dbus_message_iter_append_basic(at, type, &as_bool);
		break;
	case DBUS_TYPE_UNIX_FD:
		dbus_message_iter_append_basic(at, type, &fd);
		break;
	default:
		dbus_message_iter_append_basic(at, type, &number);
	}
}

static void append_variant(struct input *input, DBusMessageIter *at)
{
	static const char *const types[] = { "s", "q", "b", "as", "t", "u", "y", "ab" };
	const char *type = types[next(input) % 8];
	DBusMessageIter variant, array;

	dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, type, &variant);
	if (type[0] == 'a') {
		dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, type + 1, &array);
		for (uint8_t nr = next(input) % 16; nr > 0; nr--)
			append_basic(input, &array, type[1]);
		dbus_message_iter_close_container(&variant, &array);
	} else {
		append_basic(input, &variant, type[0]);
	}
	dbus_message_iter_close_container(at, &variant);
}

static void append_dict(struct input *input, DBusMessageIter *at)
{
	DBusMessageIter dict, entry;

	dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (uint8_t nr = next(input) % 12; nr > 0; nr--) {
		dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
		append_basic(input, &entry, DBUS_TYPE_STRING);
		append_variant(input, &entry);
		dbus_message_iter_close_container(&dict, &entry);
	}
	dbus_message_iter_close_container(at, &dict);
}

/* Of the signature that the member wants. */
static DBusMessage *build(struct input *input, const struct pl_member *member)
{
	DBusMessage *message = dbus_message_new_method_call("a.b", "/a", "a.b", "c");
	DBusMessageIter at;

	dbus_message_iter_init_append(message, &at);
	for (const char *type = member->in; *type != '\0'; type++) {
		if (*type == 'a') {
			append_dict(input, &at);
			type += strlen("{sv}");
		} else if (*type == 'v') {
			append_variant(input, &at);
		} else {
			append_basic(input, &at, *type);
		}
	}
	return message;
}

static void check(const struct pl_request *request)
{
	assert(request->nr_texts <= PL_REQUEST_TEXTS_MAX && request->nr_numbers <= 2);
	assert((unsigned)request->disposition < PL_DISPOSITION_ROOF);
	assert(request->require.mode <= PL_MODE_TRANSPORT);
	assert((request->require.protection & ~3u) == 0);
	assert((request->tuple.remote_port == 0) ||
	       request->tuple.af == PL_AF_IP4 || request->tuple.af == PL_AF_IP6);
	for (unsigned i = 0; i < request->nr_texts; i++)
		assert(strlen(request->texts[i]) <= PL_REQUEST_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t which = next(&input);
	const struct pl_member *member = pl_member_at(which & 0x7f);
	struct pl_request request;
	struct pl_limits limits;
	DBusMessage *message;

	if (member == NULL)
		return 0;
	message = which & 0x80 ? dbus_message_demarshal((const char *)input.at, (int)input.left,
							NULL) : build(&input, member);
	if (message == NULL)
		return 0;
	pl_limits_default(&limits);
	if (pl_request_read(message, member->in, member->dict, &limits, &request) == 0)
		check(&request);
	pl_request_clear(&request);
	assert(request.fd == -1);
	dbus_message_unref(message);
	return 0;
}
