/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Arguments of calls: what is written down is taken, everything else is refused as a whole. Random
 * dictionaries are compared with a model that knows nothing of the tables' code.
 */

#include "bus/pl_request.h"

#include <dbus/dbus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct pl_limits limits;

static DBusMessage *message_new(void)
{
	DBusMessage *message = dbus_message_new_method_call("a.b", "/a", "a.b", "c");

	assert_non_null(message);
	return message;
}

/* A value and what becomes of it; of D-Bus type 'y' are bytes that no key takes. */
struct value {
	const char *signature;
	const char *text;
	unsigned number;
};

static void append_value(DBusMessageIter *at, const struct value *value)
{
	DBusMessageIter variant, array;
	dbus_bool_t as_bool = value->number != 0;
	uint16_t as_u16 = (uint16_t)value->number;
	uint8_t as_u8 = (uint8_t)value->number;

	dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, value->signature, &variant);
	switch (value->signature[0]) {
	case 'b':
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_BOOLEAN, &as_bool);
		break;
	case 'q':
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT16, &as_u16);
		break;
	case 'y':
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_BYTE, &as_u8);
		break;
	case 's':
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &value->text);
		break;
	default:
		dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "s", &array);
		for (unsigned i = 0; i < value->number; i++)
			dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &value->text);
		dbus_message_iter_close_container(&variant, &array);
	}
	dbus_message_iter_close_container(at, &variant);
}

static void append_entry(DBusMessageIter *dict, const char *key, const struct value *value)
{
	DBusMessageIter entry;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	append_value(&entry, value);
	dbus_message_iter_close_container(dict, &entry);
}

static DBusMessage *dict_begin(DBusMessageIter *at, DBusMessageIter *dict)
{
	DBusMessage *message = message_new();

	dbus_message_iter_init_append(message, at);
	dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", dict);
	return message;
}

static int read_dict(DBusMessage *message, enum pl_dict dict, struct pl_request *ret)
{
	int r = pl_request_read(message, "a{sv}", dict, &limits, ret);

	dbus_message_unref(message);
	return r;
}

static int read_one(enum pl_dict which, const char *key, struct value value,
		    struct pl_request *ret)
{
	DBusMessageIter at, dict;
	DBusMessage *message = dict_begin(&at, &dict);

	append_entry(&dict, key, &value);
	dbus_message_iter_close_container(&at, &dict);
	return read_dict(message, which, ret);
}

static void every_key_says_what_it_means(void **state)
{
	struct pl_request r;

	(void)state;
	assert_int_equal(read_one(PL_DICT_OPTIONS, "watch", (struct value) { "b", NULL, 1 }, &r),
			 0);
	assert_true(r.is_watch);
	assert_int_equal(read_one(PL_DICT_LATCH, "protection",
				  (struct value) { "as", "confidentiality", 1 }, &r), 0);
	assert_int_equal(r.require.protection, PL_PROTECT_CONFIDENTIALITY);
	assert_int_equal(read_one(PL_DICT_LISTEN, "protection",
				  (struct value) { "as", "integrity", 8 }, &r), 0);
	assert_int_equal(r.require.protection, PL_PROTECT_INTEGRITY);
	assert_int_equal(read_one(PL_DICT_LATCH, "protection",
				  (struct value) { "as", "integrity", 0 }, &r), 0);
	assert_int_equal(r.require.protection, 0);
	assert_int_equal(read_one(PL_DICT_LATCH, "min_key_bits",
				  (struct value) { "q", NULL, 65535 }, &r), 0);
	assert_int_equal(r.require.min_key_bits, 65535);
	assert_int_equal(r.require.min_integ_bits, 0);
	assert_int_equal(read_one(PL_DICT_LISTEN, "min_integ_bits",
				  (struct value) { "q", NULL, 96 }, &r), 0);
	assert_int_equal(r.require.min_integ_bits, 96);
	assert_int_equal(read_one(PL_DICT_LATCH, "mode", (struct value) { "s", "tunnel", 0 }, &r),
			 0);
	assert_int_equal(r.require.mode, PL_MODE_TUNNEL);
	assert_int_equal(read_one(PL_DICT_LATCH, "disposition",
				  (struct value) { "s", "unreachable", 0 }, &r), 0);
	assert_int_equal(r.disposition, PL_DISPOSITION_UNREACHABLE);
	assert_string_equal(r.peer, "");
	assert_int_equal(read_one(PL_DICT_LISTEN, "peer", (struct value) { "s", "C=CA,CN=b", 0 },
				  &r), 0);
	assert_string_equal(r.peer, "C=CA, CN=b");
	assert_int_equal(read_one(PL_DICT_LATCH, "peer", (struct value) { "s", "%any", 0 }, &r),
			 PL_E_MALFORMED);
	assert_int_equal(read_one(PL_DICT_LATCH, "late", (struct value) { "b", NULL, 1 }, &r), 0);
	assert_true(r.is_late);
	assert_false(r.may_be_broken);
	assert_int_equal(read_one(PL_DICT_LATCH, "may_be_broken",
				  (struct value) { "b", NULL, 1 }, &r), 0);
	assert_true(r.may_be_broken);
	assert_false(r.is_bypass);
	assert_int_equal(read_one(PL_DICT_LATCH, "bypass", (struct value) { "b", NULL, 1 }, &r),
			 0);
	assert_true(r.is_bypass);
	assert_int_equal(read_one(PL_DICT_FILTER, "state", (struct value) { "s", "closed", 0 },
				  &r), 0);
	assert_int_equal(r.state, PL_STATE_CLOSED);
	assert_int_equal(read_one(PL_DICT_FILTER, "kind", (struct value) { "s", "listener", 0 },
				  &r), 0);
	assert_int_equal(r.kind, 'l');
}

static void a_flow_is_read_whole(void **state)
{
	static const uint8_t local[16] = { 192, 0, 2, 1 }, remote[16] = { 192, 0, 2, 2 };
	DBusMessageIter at, dict;
	DBusMessage *message = dict_begin(&at, &dict);
	struct pl_request r;

	(void)state;
	append_entry(&dict, "remote_port", &(struct value) { "q", NULL, 65535 });
	append_entry(&dict, "protocol", &(struct value) { "s", "sctp", 0 });
	append_entry(&dict, "local_address", &(struct value) { "s", "192.0.2.1", 0 });
	append_entry(&dict, "remote_address", &(struct value) { "s", "192.0.2.2", 0 });
	append_entry(&dict, "local_port", &(struct value) { "q", NULL, 1 });
	dbus_message_iter_close_container(&at, &dict);
	assert_int_equal(read_dict(message, PL_DICT_FLOW, &r), 0);
	assert_int_equal(r.tuple.af, PL_AF_IP4);
	assert_int_equal(r.tuple.proto, PL_TUPLE_SCTP);
	assert_int_equal(r.tuple.local_port, 1);
	assert_int_equal(r.tuple.remote_port, 65535);
	assert_memory_equal(r.tuple.local, local, sizeof(local));
	assert_memory_equal(r.tuple.remote, remote, sizeof(remote));
}

static void ends_that_do_not_fit_together_are_refused(void **state)
{
	static const struct {
		enum pl_dict dict;
		const char *local, *remote;
		unsigned remote_port;
		int want;
	} rows[] = {
		{ PL_DICT_LATCH, NULL, "192.0.2.2", 1, 0 },
		{ PL_DICT_LATCH, NULL, "192.0.2.2", 0, PL_E_MALFORMED },
		{ PL_DICT_FLOW, "192.0.2.1", "192.0.2.2", 1, 0 },
		{ PL_DICT_FLOW, "192.0.2.1", "192.0.2.2", 0, PL_E_MALFORMED },
		{ PL_DICT_FLOW, "192.0.2.1", "2001:db8::2", 1, PL_E_MALFORMED },
		{ PL_DICT_FLOW, "2001:db8::1", "192.0.2.2", 1, PL_E_MALFORMED },
		{ PL_DICT_FLOW, "2001:db8::1", "2001:db8::2", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		DBusMessageIter at, dict;
		DBusMessage *message = dict_begin(&at, &dict);
		struct pl_request r;

		if (rows[i].local != NULL) {
			append_entry(&dict, "protocol", &(struct value) { "s", "tcp", 0 });
			append_entry(&dict, "local_address",
				     &(struct value) { "s", rows[i].local, 0 });
			append_entry(&dict, "local_port", &(struct value) { "q", NULL, 1 });
		}
		append_entry(&dict, "remote_address", &(struct value) { "s", rows[i].remote, 0 });
		append_entry(&dict, "remote_port",
			     &(struct value) { "q", NULL, rows[i].remote_port });
		dbus_message_iter_close_container(&at, &dict);
		assert_int_equal(read_dict(message, rows[i].dict, &r), rows[i].want);
	}
}

/* U9, U10 */
static void a_tag_is_of_a_flow_whose_ends_fit_together(void **state)
{
	static const struct {
		const char *tag, *local, *remote;
		int want;
	} rows[] = {
		{ "in", NULL, "192.0.2.2", 0 },
		{ "out", "192.0.2.1", "192.0.2.2", 0 },
		{ "out", "2001:db8::1", "2001:db8::2", 0 },
		{ "out", "192.0.2.1", "2001:db8::2", PL_E_MALFORMED },
		{ "out", "192.0.2.1", NULL, PL_E_MALFORMED },
		{ "in", NULL, NULL, PL_E_MALFORMED },
		{ NULL, "192.0.2.1", "192.0.2.2", PL_E_MALFORMED },
		{ NULL, "192.0.2.1", NULL, PL_E_MALFORMED },
		{ "", NULL, "192.0.2.2", PL_E_UNSUPPORTED },
		{ "both", NULL, "192.0.2.2", PL_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		DBusMessageIter at, dict;
		DBusMessage *message = dict_begin(&at, &dict);
		struct pl_request r;

		if (rows[i].tag != NULL)
			append_entry(&dict, "tag", &(struct value) { "s", rows[i].tag, 0 });
		if (rows[i].local != NULL)
			append_entry(&dict, "local_address",
				     &(struct value) { "s", rows[i].local, 0 });
		if (rows[i].remote != NULL) {
			append_entry(&dict, "remote_address",
				     &(struct value) { "s", rows[i].remote, 0 });
			append_entry(&dict, "remote_port", &(struct value) { "q", NULL, 1 });
		}
		dbus_message_iter_close_container(&at, &dict);
		assert_int_equal(read_dict(message, PL_DICT_LATCH, &r), rows[i].want);
		if (rows[i].want == 0)
			assert_int_equal(r.tag, rows[i].tag[0] == 'i' ? PL_TAG_IN : PL_TAG_OUT);
	}
}

static void a_suite_is_known_and_goes_with_an_SA_of_its_own(void **state)
{
	static const struct {
		const char *suite;
		int narrow, want;	/* @narrow: -1 is not said */
	} rows[] = {
		{ "esp aes_gcm_16-256", -1, 0 },
		{ "esp aes_gcm_16-256", 1, 0 },
		{ "esp aes_gcm_16-256", 0, PL_E_MALFORMED },
		{ "", -1, PL_E_MALFORMED },
		{ "bypass", -1, PL_E_MALFORMED },
		{ "tls aes_gcm_16-256", -1, PL_E_MALFORMED },
		{ "esp rot13-26", -1, PL_E_UNSUPPORTED },
		{ "esp aes_gcm_16", -1, PL_E_UNSUPPORTED },
		{ "esp aes_cbc-256", -1, PL_E_UNSUPPORTED },
		{ "ah aes_gcm_16-256", -1, PL_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *suite = rows[i / 2].suite;
		int narrow = rows[i / 2].narrow;
		struct value as_bool = { "b", NULL, narrow == 1 };
		DBusMessageIter at, dict;
		DBusMessage *message = dict_begin(&at, &dict);
		struct pl_request r;

		/* in either order */
		if (narrow >= 0 && i % 2 == 0)
			append_entry(&dict, "narrow", &as_bool);
		append_entry(&dict, "suite", &(struct value) { "s", suite, 0 });
		if (narrow >= 0 && i % 2 == 1)
			append_entry(&dict, "narrow", &as_bool);
		dbus_message_iter_close_container(&at, &dict);
		if (read_dict(message, PL_DICT_LATCH, &r) != rows[i / 2].want)
			fail_msg("%s, row %zu", suite, i / 2);
	}
}

static void nothing_asked_for_is_nothing_required(void **state)
{
	static const struct pl_request nothing = { .fd = -1 };
	DBusMessageIter at, dict;
	DBusMessage *message = dict_begin(&at, &dict);
	struct pl_request r;

	(void)state;
	dbus_message_iter_close_container(&at, &dict);
	memset(&r, 0xaa, sizeof(r));
	assert_int_equal(read_dict(message, PL_DICT_LATCH, &r), 0);
	assert_int_equal(r.fd, -1);
	assert_memory_equal(&r.require, &nothing.require, sizeof(r.require));
	assert_memory_equal(&r.tuple, &nothing.tuple, sizeof(r.tuple));
	assert_int_equal(r.disposition, PL_DISPOSITION_DEFAULT);
	assert_false(r.is_late || r.may_be_broken || r.is_watch);
}

static void texts_are_counted_against_the_size_of_a_message(void **state)
{
	static char text[PL_REQUEST_TEXT_MAX + 2];
	static const unsigned lengths[] = {
		PL_REQUEST_TEXT_MAX - 1, PL_REQUEST_TEXT_MAX, PL_REQUEST_TEXT_MAX + 1,
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		DBusMessage *message = message_new();
		const char *at = text;
		struct pl_request r;

		memset(text, 'x', lengths[i]);
		text[lengths[i]] = '\0';
		dbus_message_append_args(message, DBUS_TYPE_STRING, &at, DBUS_TYPE_INVALID);
		assert_int_equal(pl_request_read(message, "s", PL_DICT_NONE, &limits, &r),
				 i == 2 ? PL_E_LIMIT_EXCEEDED : 0);
		pl_request_clear(&r);
		limits.each[PL_LIMIT_MESSAGE_BYTES] = lengths[i] - 1;
		assert_int_equal(pl_request_read(message, "s", PL_DICT_NONE, &limits, &r),
				 PL_E_LIMIT_EXCEEDED);
		pl_request_clear(&r);
		pl_limits_default(&limits);
		dbus_message_unref(message);
	}
}

static void a_descriptor_is_taken_and_closed_with_the_request(void **state)
{
	DBusMessage *message = message_new();
	struct pl_request r;
	int pair[2], fd;
	char byte;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	fd = pair[1];
	dbus_message_append_args(message, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	close(pair[1]);
	assert_int_equal(pl_request_read(message, "h", PL_DICT_NONE, &limits, &r), 0);
	assert_true(r.fd >= 0);
	dbus_message_unref(message);
	assert_int_equal(write(r.fd, "x", 1), 1);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	pl_request_clear(&r);
	assert_int_equal(r.fd, -1);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	pl_request_clear(&r);
	close(pair[0]);
}

/* The model: key, type, words that are good; NULL is any. */
struct rule {
	enum pl_dict dict;
	const char *key, *signature;
	const char *words;	/* with blanks around each */
};

static const struct rule rules[] = {
	{ PL_DICT_OPTIONS, "watch", "b", NULL },
	{ PL_DICT_LATCH, "protection", "as", " integrity confidentiality " },
	{ PL_DICT_LATCH, "min_key_bits", "q", NULL },
	{ PL_DICT_LATCH, "mode", "s", " tunnel transport " },
	{ PL_DICT_LATCH, "disposition", "s", " default reset unreachable wait " },
	{ PL_DICT_LATCH, "late", "b", NULL },
	{ PL_DICT_LATCH, "may_be_broken", "b", NULL },
	{ PL_DICT_LATCH, "bypass", "b", NULL },
	{ PL_DICT_LISTEN, "protection", "as", " integrity confidentiality " },
	{ PL_DICT_LISTEN, "min_key_bits", "q", NULL },
	{ PL_DICT_LISTEN, "mode", "s", " tunnel transport " },
	{ PL_DICT_LISTEN, "disposition", "s", " default reset unreachable wait " },
	{ PL_DICT_FILTER, "state", "s", " larval listener established broken closed " },
	{ PL_DICT_FILTER, "kind", "s", " connection listener " },
};

enum { NR_RULES = sizeof(rules) / sizeof(rules[0]) };

static bool is_good(enum pl_dict dict, const char *key, const struct value *value)
{
	for (unsigned i = 0; i < NR_RULES; i++) {
		char padded[64];

		if (rules[i].dict != dict || strcmp(rules[i].key, key) != 0)
			continue;
		if (strcmp(rules[i].signature, value->signature) != 0)
			return false;
		if (rules[i].words == NULL || (value->signature[0] == 'a' && value->number == 0))
			return true;
		snprintf(padded, sizeof(padded), " %s ", value->text);
		return strstr(rules[i].words, padded) != NULL &&
		       (value->signature[0] != 'a' || value->number <= 8);
	}
	return false;
}

static void random_dictionaries_are_taken_when_all_of_them_is_good(void **state)
{
	enum { ROUNDS = 60000, SEED = 5660 };
	static const char *const signatures[] = { "b", "q", "s", "as", "y" };
	static const char *const texts[] = {
		"integrity", "confidentiality", "tunnel", "transport", "default", "wait", "broken",
		"listener", "connection", "", "x",
	};
	unsigned nr_taken = 0;

	(void)state;
	srand(SEED);
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum pl_dict which = (enum pl_dict)(PL_DICT_OPTIONS + rand() % 5);
		unsigned nr = (unsigned)rand() % 4, keys = 0;
		DBusMessageIter at, dict;
		DBusMessage *message;
		struct pl_request r;
		bool want = true;

		if (which == PL_DICT_FLOW)
			continue;
		message = dict_begin(&at, &dict);
		while (nr-- > 0) {
			unsigned row = (unsigned)rand() % NR_RULES;
			const struct rule *rule = &rules[row];
			struct value value = {
				rand() % 4 == 0 ? signatures[rand() % 5] : rule->signature,
				texts[(unsigned)rand() % 11], (unsigned)rand() % 10,
			};

			/* Of the dictionary itself, mostly. */
			if (rule->dict != which && rand() % 8 != 0)
				continue;
			for (unsigned k = 0; k < NR_RULES; k++) {
				if (strcmp(rules[k].key, rule->key) == 0) {
					want = want && !(keys & 1u << k);
					keys |= 1u << k;
					break;
				}
			}
			want = want && is_good(which, rule->key, &value);
			append_entry(&dict, rule->key, &value);
		}
		dbus_message_iter_close_container(&at, &dict);
		assert_int_equal(read_dict(message, which, &r) == 0, want);
		nr_taken += want;
	}
	assert_in_range(nr_taken, ROUNDS / 10, ROUNDS - ROUNDS / 10);
}

static int set_limits(void **state)
{
	(void)state;
	pl_limits_default(&limits);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_says_what_it_means),
		cmocka_unit_test(a_flow_is_read_whole),
		cmocka_unit_test(ends_that_do_not_fit_together_are_refused),
		cmocka_unit_test(a_tag_is_of_a_flow_whose_ends_fit_together),
		cmocka_unit_test(a_suite_is_known_and_goes_with_an_SA_of_its_own),
		cmocka_unit_test(nothing_asked_for_is_nothing_required),
		cmocka_unit_test(texts_are_counted_against_the_size_of_a_message),
		cmocka_unit_test(a_descriptor_is_taken_and_closed_with_the_request),
		cmocka_unit_test(random_dictionaries_are_taken_when_all_of_them_is_good),
	};

	return cmocka_run_group_tests(tests, set_limits, NULL);
}
