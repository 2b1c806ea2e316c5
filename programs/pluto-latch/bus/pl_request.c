/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Arguments, as clients send them. Everything here is hostile until it is read.
 *
 * Invariants:
 * - A key that is not in the table, is of another type, or comes twice, is an error, and the whole
 *   request is refused: who asks for more than we understand must not get less.
 * - What is kept of a message has a size that we choose.
 */

#include "bus/pl_request.h"

#include <arpa/inet.h>
#include <dbus/dbus.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };	/* of one "as" */

/* While reading: what a request that is whole must have as well. */
struct reading {
	const struct pl_limits *limits;
	struct pl_request *to;
	uint64_t seen;		/* rows of the table */
	uint64_t bytes;		/* of texts */
	uint8_t local_af, remote_af;
	bool has_remote_port, is_wide;
};

typedef int key_reader(struct reading *reading, DBusMessageIter *value);

struct dict_key {
	const char *name;
	const char *type;
	key_reader *read;
};

/* Values */

static int get_text(struct reading *reading, DBusMessageIter *at, const char **ret)
{
	dbus_message_iter_get_basic(at, ret);
	reading->bytes += strlen(*ret);
	return pl_limits_allow(reading->limits, PL_LIMIT_MESSAGE_BYTES, reading->bytes);
}

static bool get_bool(DBusMessageIter *at)
{
	dbus_bool_t value;

	dbus_message_iter_get_basic(at, &value);
	return value;
}

static uint16_t get_u16(DBusMessageIter *at)
{
	dbus_uint16_t value;

	dbus_message_iter_get_basic(at, &value);
	return value;
}

/* Return: the index of @word, or @nr */
static unsigned index_of(const char *word, const char *const *words, unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		if (words[i] != NULL && strcmp(words[i], word) == 0)
			break;
	}
	return i;
}

/* @words: some may be NULL. */
static int get_word(struct reading *reading, DBusMessageIter *at, const char *const *words,
		    unsigned nr, unsigned *ret)
{
	const char *word;
	int r = get_text(reading, at, &word);

	if (r != 0)
		return r;
	*ret = index_of(word, words, nr);
	return *ret < nr ? 0 : PL_E_UNSUPPORTED;
}

static int get_address(struct reading *reading, DBusMessageIter *at, uint8_t *ret_af,
		       uint8_t ret[static 16])
{
	const char *text;
	int r = get_text(reading, at, &text);

	if (r != 0)
		return r;
	if (inet_pton(AF_INET, text, ret) == 1)
		*ret_af = PL_AF_IP4;
	else if (inet_pton(AF_INET6, text, ret) == 1)
		*ret_af = PL_AF_IP6;
	else
		return PL_E_MALFORMED;
	return 0;
}

/* Keys */

static int read_watch(struct reading *reading, DBusMessageIter *value)
{
	reading->to->is_watch = get_bool(value);
	return 0;
}

static int read_all(struct reading *reading, DBusMessageIter *value)
{
	reading->to->is_all = get_bool(value);
	return 0;
}

static int read_protection(struct reading *reading, DBusMessageIter *value)
{
	static const char *const words[] = { "integrity", "confidentiality" };
	DBusMessageIter at;
	unsigned nr = 0, which;

	dbus_message_iter_recurse(value, &at);
	for (; dbus_message_iter_get_arg_type(&at) == DBUS_TYPE_STRING;
	     dbus_message_iter_next(&at)) {
		int r = ++nr > WORDS_MAX ? PL_E_LIMIT_EXCEEDED :
			get_word(reading, &at, words, 2, &which);

		if (r != 0)
			return r;
		reading->to->require.protection |= which == 0 ? PL_PROTECT_INTEGRITY :
							       PL_PROTECT_CONFIDENTIALITY;
	}
	return 0;
}

static int read_min_key_bits(struct reading *reading, DBusMessageIter *value)
{
	reading->to->require.min_key_bits = get_u16(value);
	return 0;
}

static int read_min_integ_bits(struct reading *reading, DBusMessageIter *value)
{
	reading->to->require.min_integ_bits = get_u16(value);
	return 0;
}

static int read_mode(struct reading *reading, DBusMessageIter *value)
{
	static const char *const words[] = {
		[PL_MODE_TUNNEL] = "tunnel", [PL_MODE_TRANSPORT] = "transport",
	};
	unsigned which;
	int r = get_word(reading, value, words, sizeof(words) / sizeof(words[0]), &which);

	if (r == 0)
		reading->to->require.mode = (uint8_t)which;
	return r;
}

static int read_disposition(struct reading *reading, DBusMessageIter *value)
{
	static const char *const words[PL_DISPOSITION_ROOF] = {
		"default", "reset", "unreachable", "wait",
	};
	unsigned which;
	int r = get_word(reading, value, words, PL_DISPOSITION_ROOF, &which);

	if (r == 0)
		reading->to->disposition = (enum pl_disposition)which;
	return r;
}

static int read_late(struct reading *reading, DBusMessageIter *value)
{
	reading->to->is_late = get_bool(value);
	return 0;
}

static int read_may_be_broken(struct reading *reading, DBusMessageIter *value)
{
	reading->to->may_be_broken = get_bool(value);
	return 0;
}

static int read_narrow(struct reading *reading, DBusMessageIter *value)
{
	reading->to->is_narrow = get_bool(value);
	reading->is_wide = !reading->to->is_narrow;
	return 0;
}

static int read_bypass(struct reading *reading, DBusMessageIter *value)
{
	reading->to->is_bypass = get_bool(value);
	return 0;
}

static int read_suite(struct reading *reading, DBusMessageIter *value)
{
	const char *text;
	int r = get_text(reading, value, &text);

	return r == 0 ? pl_suite_parse(text, &reading->to->suite) : r;
}

static int read_peer(struct reading *reading, DBusMessageIter *value)
{
	const char *text;
	int r = get_text(reading, value, &text);

	return r == 0 ? pl_peer_id_read(text, reading->to->peer) : r;
}

static int read_wait(struct reading *reading, DBusMessageIter *value)
{
	dbus_uint32_t wait_ms;

	dbus_message_iter_get_basic(value, &wait_ms);
	reading->to->has_wait = true;
	reading->to->wait_ms = wait_ms;
	return pl_limits_allow(reading->limits, PL_LIMIT_WAIT_MS, wait_ms);
}

static int read_protocol(struct reading *reading, DBusMessageIter *value)
{
	static const uint8_t numbers[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	static const char *const words[] = { "tcp", "udp", "sctp" };
	unsigned which;
	int r = get_word(reading, value, words, 3, &which);

	if (r == 0)
		reading->to->tuple.proto = numbers[which];
	return r;
}

static int read_local_address(struct reading *reading, DBusMessageIter *value)
{
	return get_address(reading, value, &reading->local_af, reading->to->tuple.local);
}

static int read_remote_address(struct reading *reading, DBusMessageIter *value)
{
	return get_address(reading, value, &reading->remote_af, reading->to->tuple.remote);
}

static int read_local_port(struct reading *reading, DBusMessageIter *value)
{
	reading->to->tuple.local_port = get_u16(value);
	return 0;
}

static int read_remote_port(struct reading *reading, DBusMessageIter *value)
{
	reading->to->tuple.remote_port = get_u16(value);
	reading->has_remote_port = true;
	return reading->to->tuple.remote_port == 0 ? PL_E_MALFORMED : 0;
}

static int read_tag(struct reading *reading, DBusMessageIter *value)
{
	static const char *const words[] = { [PL_TAG_IN] = "in", [PL_TAG_OUT] = "out" };
	unsigned which;
	int r = get_word(reading, value, words, sizeof(words) / sizeof(words[0]), &which);

	if (r == 0)
		reading->to->tag = (enum pl_tag)which;
	return r;
}

static int read_state(struct reading *reading, DBusMessageIter *value)
{
	static const enum pl_state states[] = {
		PL_STATE_LARVAL, PL_STATE_LISTENER, PL_STATE_ESTABLISHED, PL_STATE_BROKEN,
		PL_STATE_CLOSED,
	};
	static const char *const words[] = {
		"larval", "listener", "established", "broken", "closed",
	};
	unsigned which;
	int r = get_word(reading, value, words, 5, &which);

	if (r == 0)
		reading->to->state = states[which];
	return r;
}

static int read_kind(struct reading *reading, DBusMessageIter *value)
{
	static const char *const words[] = { "connection", "listener" };
	unsigned which;
	int r = get_word(reading, value, words, 2, &which);

	if (r == 0)
		reading->to->kind = words[which][0];
	return r;
}

#define LISTEN_KEYS \
	{ "protection", "as", read_protection }, \
	{ "min_key_bits", "q", read_min_key_bits }, \
	{ "min_integ_bits", "q", read_min_integ_bits }, \
	{ "mode", "s", read_mode }, \
	{ "disposition", "s", read_disposition }, \
	{ "peer", "s", read_peer }

#define DICT_KEYS_MAX 16

static const struct dict_key dicts[PL_DICT_ROOF][DICT_KEYS_MAX] = {
	[PL_DICT_OPTIONS] = {
		{ "watch", "b", read_watch },
	},
	[PL_DICT_SUBSCRIBE] = {
		{ "all", "b", read_all },
	},
	[PL_DICT_LATCH] = {
		LISTEN_KEYS,
		{ "remote_address", "s", read_remote_address },
		{ "remote_port", "q", read_remote_port },
		{ "late", "b", read_late },
		{ "may_be_broken", "b", read_may_be_broken },
		{ "wait", "u", read_wait },
		{ "narrow", "b", read_narrow },
		{ "suite", "s", read_suite },
		{ "bypass", "b", read_bypass },
		{ "tag", "s", read_tag },
		{ "local_address", "s", read_local_address },
	},
	[PL_DICT_LISTEN] = {
		LISTEN_KEYS,
	},
	[PL_DICT_FLOW] = {
		{ "protocol", "s", read_protocol },
		{ "local_address", "s", read_local_address },
		{ "local_port", "q", read_local_port },
		{ "remote_address", "s", read_remote_address },
		{ "remote_port", "q", read_remote_port },
	},
	[PL_DICT_FILTER] = {
		{ "state", "s", read_state },
		{ "kind", "s", read_kind },
	},
};

/* Dictionaries */

static int find_key(enum pl_dict dict, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < DICT_KEYS_MAX && dicts[dict][i].name != NULL; i++) {
		if (strcmp(dicts[dict][i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return PL_E_UNSUPPORTED;
}

static bool has_type(DBusMessageIter *value, const char *type)
{
	char *signature = dbus_message_iter_get_signature(value);
	bool is_same = signature != NULL && strcmp(signature, type) == 0;

	dbus_free(signature);
	return is_same;
}

static int read_entry(struct reading *reading, enum pl_dict dict, DBusMessageIter *entry)
{
	DBusMessageIter variant;
	const char *name;
	unsigned which;
	int r;

	dbus_message_iter_get_basic(entry, &name);
	r = find_key(dict, name, &which);
	if (r != 0)
		return r;
	if (reading->seen & UINT64_C(1) << which)
		return PL_E_MALFORMED;
	reading->seen |= UINT64_C(1) << which;
	dbus_message_iter_next(entry);
	dbus_message_iter_recurse(entry, &variant);
	if (!has_type(&variant, dicts[dict][which].type))
		return PL_E_MALFORMED;
	return dicts[dict][which].read(reading, &variant);
}

/* Where a socket is not connected to, yet or at all. */
static int finish_request(struct reading *reading)
{
	struct pl_request *to = reading->to;

	if (to->tag != PL_TAG_NONE && reading->remote_af == PL_AF_NONE)
		return PL_E_MALFORMED;
	if (reading->local_af != PL_AF_NONE &&
	    (to->tag == PL_TAG_NONE || reading->local_af != reading->remote_af))
		return PL_E_MALFORMED;
	to->tuple.af = reading->remote_af;
	return 0;
}

/* A flow has two ends of one family, the other one if it has any part of it. */
static int finish_flow(struct reading *reading)
{
	struct pl_tuple *tuple = &reading->to->tuple;

	if (tuple->proto == 0 || reading->local_af == PL_AF_NONE || tuple->local_port == 0)
		return PL_E_MALFORMED;
	if (reading->remote_af != PL_AF_NONE && reading->remote_af != reading->local_af)
		return PL_E_MALFORMED;
	tuple->af = reading->local_af;
	return 0;
}

static int read_dict(struct reading *reading, enum pl_dict dict, DBusMessageIter *array)
{
	DBusMessageIter at, entry;

	dbus_message_iter_recurse(array, &at);
	for (; dbus_message_iter_get_arg_type(&at) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&at)) {
		int r;

		dbus_message_iter_recurse(&at, &entry);
		r = read_entry(reading, dict, &entry);
		if (r != 0)
			return r;
	}
	if (reading->has_remote_port != (reading->remote_af != PL_AF_NONE))
		return PL_E_MALFORMED;
	/* Who wants one suite has an SA of his own. */
	if (reading->is_wide && reading->to->suite.protocol != PL_PROTO_NONE)
		return PL_E_MALFORMED;
	return dict == PL_DICT_FLOW ? finish_flow(reading) : finish_request(reading);
}

/* Arguments */

static int read_text(struct reading *reading, DBusMessageIter *at)
{
	struct pl_request *to = reading->to;
	const char *text;
	int r = get_text(reading, at, &text);

	if (r != 0)
		return r;
	if (to->nr_texts == PL_REQUEST_TEXTS_MAX || strlen(text) > PL_REQUEST_TEXT_MAX)
		return PL_E_LIMIT_EXCEEDED;
	to->texts[to->nr_texts] = strdup(text);
	return to->texts[to->nr_texts++] == NULL ? -ENOMEM : 0;
}

static int read_argument(struct reading *reading, enum pl_dict dict, DBusMessageIter *at)
{
	struct pl_request *to = reading->to;
	dbus_uint32_t number;

	switch (dbus_message_iter_get_arg_type(at)) {
	case DBUS_TYPE_UNIX_FD:
		dbus_message_iter_get_basic(at, &to->fd);
		return to->fd < 0 ? -EMFILE : 0;
	case DBUS_TYPE_STRING:
		return read_text(reading, at);
	case DBUS_TYPE_UINT32:
		dbus_message_iter_get_basic(at, &number);
		to->numbers[to->nr_numbers++] = number;
		return 0;
	case DBUS_TYPE_UINT64:
		dbus_message_iter_get_basic(at, &to->numbers[to->nr_numbers++]);
		return 0;
	case DBUS_TYPE_ARRAY:
		return read_dict(reading, dict, at);
	case DBUS_TYPE_VARIANT:
		/* Of Properties.Set, where nothing can be set. */
		return 0;
	default:
		return PL_E_MALFORMED;
	}
}

int pl_request_read(DBusMessage *message, const char *signature, enum pl_dict dict,
		    const struct pl_limits *limits, struct pl_request *ret)
{
	struct reading reading = { .limits = limits, .to = ret };
	DBusMessageIter at;
	int r = 0;

	*ret = (struct pl_request) { .fd = -1 };
	if (!dbus_message_has_signature(message, signature))
		return PL_E_MALFORMED;
	if (!dbus_message_iter_init(message, &at))
		return 0;
	do {
		r = read_argument(&reading, dict, &at);
	} while (r == 0 && dbus_message_iter_next(&at));
	return r;
}

void pl_request_close(struct pl_request *request)
{
	if (request->fd >= 0)
		close(request->fd);
	request->fd = -1;
}

void pl_request_clear(struct pl_request *request)
{
	pl_request_close(request);
	for (unsigned i = 0; i < PL_REQUEST_TEXTS_MAX; i++) {
		free(request->texts[i]);
		request->texts[i] = NULL;
	}
}

const char *pl_dict_key(enum pl_dict dict, unsigned at, const char **ret_type)
{
	if ((unsigned)dict >= PL_DICT_ROOF || at >= DICT_KEYS_MAX ||
	    dicts[dict][at].name == NULL)
		return NULL;
	*ret_type = dicts[dict][at].type;
	return dicts[dict][at].name;
}
