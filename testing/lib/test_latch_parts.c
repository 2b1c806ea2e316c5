/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The parts of the library that need neither bus nor daemon: what a dictionary becomes, what a
 * record says, what a request may be.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Dictionaries */

static void add(DBusMessageIter *dict, const char *key, const char *type, DBusBasicValue value)
{
	DBusMessageIter pair, variant;

	assert_true(dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &pair));
	assert_true(dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &key));
	assert_true(dbus_message_iter_open_container(&pair, DBUS_TYPE_VARIANT, type, &variant));
	assert_true(dbus_message_iter_append_basic(&variant, type[0], &value));
	assert_true(dbus_message_iter_close_container(&pair, &variant));
	assert_true(dbus_message_iter_close_container(dict, &pair));
}

static void add_list(DBusMessageIter *dict, const char *key, const char *item_type, unsigned nr,
		     const void *items)
{
	const char type[] = { 'a', item_type[0], '\0' };
	size_t size = item_type[0] == 's' ? sizeof(char *) : sizeof(uint32_t);
	DBusMessageIter pair, variant, list;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &pair);
	dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&pair, DBUS_TYPE_VARIANT, type, &variant);
	dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, item_type, &list);
	for (unsigned i = 0; i < nr; i++)
		dbus_message_iter_append_basic(&list, item_type[0], (const char *)items + i * size);
	dbus_message_iter_close_container(&variant, &list);
	dbus_message_iter_close_container(&pair, &variant);
	dbus_message_iter_close_container(dict, &pair);
}

static DBusMessage *begin(DBusMessageIter *to, DBusMessageIter *dict)
{
	DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);

	assert_non_null(message);
	dbus_message_iter_init_append(message, to);
	assert_true(dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", dict));
	return message;
}

static struct latch_info *end(DBusMessage *message, DBusMessageIter *to, DBusMessageIter *dict)
{
	struct latch_info *info = NULL;
	DBusMessageIter from;

	assert_true(dbus_message_iter_close_container(to, dict));
	assert_true(dbus_message_iter_init(message, &from));
	assert_int_equal(latch_info_from_dict(&from, &info), 0);
	dbus_message_unref(message);
	return info;
}

static void every_type_of_the_interface_becomes_json_and_text(void **state)
{
	static const char *const suites[] = { "esp aes_gcm_16-256", "esp null", "" };
	DBusMessageIter to, dict;
	DBusMessage *message = begin(&to, &dict);
	struct latch_info *info;

	(void)state;
	add(&dict, "id", "t", (DBusBasicValue) { .u64 = 42 });
	add(&dict, "state", "s", (DBusBasicValue) { .str = (char *)"broken" });
	add(&dict, "local_port", "q", (DBusBasicValue) { .u16 = 65535 });
	add(&dict, "uid", "u", (DBusBasicValue) { .u32 = 4294967295u });
	add(&dict, "late", "b", (DBusBasicValue) { .bool_val = TRUE });
	add(&dict, "for_good", "b", (DBusBasicValue) { .bool_val = FALSE });
	add_list(&dict, "suites", "s", 3, suites);
	add_list(&dict, "diff", "s", 0, NULL);
	info = end(message, &to, &dict);
	assert_string_equal(latch_info_json(info),
			    "{\"id\":42,\"state\":\"broken\",\"local_port\":65535,"
			    "\"uid\":4294967295,\"late\":true,\"for_good\":false,"
			    "\"suites\":[\"esp aes_gcm_16-256\",\"esp null\",\"\"],\"diff\":[]}");
	assert_int_equal(latch_info_id(info), 42);
	assert_int_equal(latch_info_state(info), LATCH_STATE_BROKEN);
	assert_string_equal(latch_info_text(info, "id"), "42");
	assert_string_equal(latch_info_text(info, "state"), "broken");
	assert_string_equal(latch_info_text(info, "local_port"), "65535");
	assert_string_equal(latch_info_text(info, "uid"), "4294967295");
	assert_string_equal(latch_info_text(info, "late"), "true");
	assert_string_equal(latch_info_text(info, "for_good"), "false");
	assert_string_equal(latch_info_text(info, "suites"), "esp aes_gcm_16-256, esp null, ");
	assert_string_equal(latch_info_text(info, "diff"), "");
	assert_null(latch_info_text(info, "peer_id"));
	assert_null(latch_info_text(info, ""));
	assert_null(latch_info_text(info, NULL));
	assert_null(latch_info_free(info));
}

static void what_a_later_daemon_says_passes_through_or_is_left_out(void **state)
{
	static const uint32_t numbers[] = { 1, 2 };
	DBusMessageIter to, dict;
	DBusMessage *message = begin(&to, &dict);
	struct latch_info *info;

	(void)state;
	add(&dict, "a later key", "s", (DBusBasicValue) { .str = (char *)"\xc3\xbc \"x\"" });
	add(&dict, "too long", "t", (DBusBasicValue) { .u64 = UINT64_MAX });
	add(&dict, "longest", "t", (DBusBasicValue) { .u64 = INT64_MAX });
	add(&dict, "byte", "y", (DBusBasicValue) { .byt = 1 });
	add(&dict, "real", "d", (DBusBasicValue) { .dbl = 0.5 });
	add(&dict, "signed", "x", (DBusBasicValue) { .i64 = -1 });
	add_list(&dict, "numbers", "u", 2, numbers);
	info = end(message, &to, &dict);
	assert_string_equal(latch_info_json(info), "{\"a later key\":\"\xc3\xbc \\\"x\\\"\","
						   "\"longest\":9223372036854775807}");
	assert_string_equal(latch_info_text(info, "longest"), "9223372036854775807");
	assert_null(latch_info_text(info, "too long"));
	assert_null(latch_info_text(info, "numbers"));
	latch_info_free(info);
}

static void an_empty_dictionary_is_a_latch_in_no_state(void **state)
{
	DBusMessageIter to, dict;
	DBusMessage *message = begin(&to, &dict);
	struct latch_info *info = end(message, &to, &dict);

	(void)state;
	assert_string_equal(latch_info_json(info), "{}");
	assert_int_equal(latch_info_id(info), 0);
	assert_int_equal(latch_info_state(info), LATCH_STATE_NONE);
	latch_info_free(info);
	assert_null(latch_info_free(NULL));
}

/* Records */

static void an_alert_says_which_latch_and_from_where_to_where(void **state)
{
	static const char text[] =
		"{\"type\":\"alert\",\"id\":3,\"listener\":2,\"from\":\"established\","
		"\"to\":\"broken\",\"mono_ns\":123456789012345,\"generation\":9,"
		"\"reason\":\"peer C\",\"later\":[1,{}]}";
	struct latch_record *record;

	(void)state;
	assert_int_equal(latch_record_parse(text, strlen(text), &record), 0);
	assert_string_equal(record->event.type, "alert");
	assert_int_equal(record->event.id, 3);
	assert_int_equal(record->event.listener, 2);
	assert_int_equal(record->event.from, LATCH_STATE_ESTABLISHED);
	assert_int_equal(record->event.to, LATCH_STATE_BROKEN);
	assert_int_equal(record->event.mono_ns, 123456789012345);
	assert_int_equal(record->event.generation, 9);
	assert_string_equal(record->event.reason, "peer C");
	assert_int_equal(record->event.error, LATCH_OK);
	assert_null(latch_record_free(record));
	assert_null(latch_record_free(NULL));
}

/* K26 */
static void a_record_says_why_no_SAs_could_be_set_up(void **state)
{
	static const struct { const char *text; int error; } t[] = {
		{ "{\"type\":\"alert\",\"error\":\"AuthenticationFailed\"}",
		  LATCH_ERR_AUTHENTICATION_FAILED },
		{ "{\"type\":\"alert\",\"error\":\"Timeout\"}", LATCH_ERR_TIMEOUT },
		{ "{\"type\":\"alert\",\"error\":\"OfTomorrow\"}", LATCH_ERR_FAILED },
		{ "{\"type\":\"alert\",\"error\":\"\"}", LATCH_ERR_FAILED },
		{ "{\"type\":\"alert\",\"error\":4}", LATCH_OK },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct latch_record *record;

		assert_int_equal(latch_record_parse(t[i].text, strlen(t[i].text), &record), 0);
		assert_int_equal(record->event.error, t[i].error);
		latch_record_free(record);
	}
}

static void what_a_record_leaves_out_or_says_oddly_is_zero(void **state)
{
	static const char text[] =
		"{\"type\":\"of a later daemon\",\"id\":-1,\"listener\":\"2\",\"from\":4,"
		"\"to\":\"Broken\",\"mono_ns\":1.5,\"reason\":null}";
	struct latch_record *record;

	(void)state;
	assert_int_equal(latch_record_parse(text, strlen(text), &record), 0);
	assert_string_equal(record->event.type, "of a later daemon");
	assert_int_equal(record->event.id, 0);
	assert_int_equal(record->event.listener, 0);
	assert_int_equal(record->event.from, LATCH_STATE_NONE);
	assert_int_equal(record->event.to, LATCH_STATE_NONE);
	assert_int_equal(record->event.mono_ns, 0);
	assert_int_equal(record->event.generation, 0);
	assert_null(record->event.reason);
	latch_record_free(record);
}

static void what_is_no_record_is_malformed(void **state)
{
	static const struct { const char *why, *text; size_t len; } t[] = {
		{ "nothing", "", 0 },
		{ "no JSON", "alert", 5 },
		{ "a list", "[\"type\",\"alert\"]", 16 },
		{ "a string", "\"type\"", 6 },
		{ "no type", "{\"id\":3}", 8 },
		{ "a number as type", "{\"type\":3}", 10 },
		{ "cut off", "{\"type\":\"alert\"", 15 },
		{ "two", "{\"type\":\"a\"}{\"type\":\"b\"}", 24 },
		{ "the same key twice", "{\"type\":\"a\",\"type\":\"b\"}", 23 },
		{ "a byte of nothing", "{\"type\":\"a\"}\0", 13 },
		{ "no UTF-8", "{\"type\":\"\xff\"}", 12 },
		{ "a number without end", "{\"type\":\"a\",\"id\":99999999999999999999}", 38 },
	};
	struct latch_record *record = NULL;

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].why);
		assert_int_equal(latch_record_parse(t[i].text, t[i].len, &record),
				 LATCH_ERR_MALFORMED);
		assert_null(record);
	}
}

/* Every byte of a record, changed: whatever comes out, the parser and its memory hold. */
static void a_record_with_any_byte_changed_is_parsed_or_malformed(void **state)
{
	static const char good[] =
		"{\"type\":\"alert\",\"id\":3,\"to\":\"broken\",\"mono_ns\":1,\"diff\":[\"x\"]}";
	char *text = malloc(strlen(good));
	struct latch_record *record;
	unsigned parsed = 0;

	(void)state;
	assert_non_null(text);
	for (size_t at = 0; at < strlen(good); at++) {
		for (int byte = 0; byte < 256; byte++) {
			int r;

			memcpy(text, good, strlen(good));
			text[at] = (char)byte;
			r = latch_record_parse(text, strlen(good), &record);
			if (r == 0) {
				assert_non_null(record->event.type);
				latch_record_free(record);
				parsed++;
			} else {
				assert_int_equal(r, LATCH_ERR_MALFORMED);
			}
		}
	}
	free(text);
	assert_true(parsed > strlen(good));
}

/* Requests */

static void no_request_is_all_zero_and_asks_for_nothing(void **state)
{
	struct latch_entry entries[LATCH_REQUEST_ENTRIES];
	struct latch_request request = { .size = sizeof(request) }, got;

	(void)state;
	assert_int_equal(latch_request_check(NULL, &got), 0);
	assert_int_equal(latch_request_entries(&got, entries), 0);
	assert_int_equal(latch_request_check(&request, &got), 0);
	assert_int_equal(latch_request_entries(&got, entries), 0);
}

static void a_full_request_asks_for_everything_K10(void **state)
{
	/* what nobody would ask for at once, the daemon refuses; going on without, we do */
	const struct latch_request request = {
		.size = sizeof(request), .protection = LATCH_INTEGRITY | LATCH_CONFIDENTIALITY,
		.min_key_bits = 256, .min_integ_bits = 128, .mode = LATCH_MODE_TRANSPORT,
		.disposition = LATCH_DISPOSITION_WAIT, .late = true, .may_be_broken = true,
		.wait_ms = 1500, .narrow = true, .suite = "esp aes_gcm_16-256",
		.peer = "C=CA, CN=b",
	};
	struct latch_request prefer = request, bypass = request;
	struct latch_entry entries[LATCH_REQUEST_ENTRIES];
	DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	struct latch_request got;
	struct latch_info *info;
	DBusMessageIter iter;
	size_t nr;

	(void)state;
	prefer.prefer = true;
	assert_int_equal(latch_request_check(&prefer, &got), LATCH_ERR_ARGUMENT);
	prefer.peer = NULL;
	assert_int_equal(latch_request_check(&prefer, &got), 0);
	prefer.bypass = true;
	assert_int_equal(latch_request_check(&prefer, &got), LATCH_ERR_ARGUMENT);
	bypass.bypass = true;
	assert_int_equal(latch_request_check(&bypass, &got), LATCH_ERR_ARGUMENT);
	bypass.peer = NULL;
	assert_int_equal(latch_request_check(&bypass, &got), 0);
	nr = latch_request_entries(&got, entries);
	assert_string_equal(entries[nr - 1].key, "bypass");
	assert_int_equal(latch_request_check(&request, &got), 0);
	nr = latch_request_entries(&got, entries);
	assert_int_equal(nr, LATCH_REQUEST_ENTRIES - 5);
	assert_true(latch_bus_add_dict(message, entries, nr));
	assert_true(dbus_message_iter_init(message, &iter));
	assert_int_equal(latch_info_from_dict(&iter, &info), 0);
	assert_string_equal(latch_info_json(info),
			    "{\"protection\":[\"integrity\",\"confidentiality\"],"
			    "\"min_key_bits\":256,\"min_integ_bits\":128,\"mode\":\"transport\","
			    "\"disposition\":\"wait\",\"late\":true,\"may_be_broken\":true,"
			    "\"wait\":1500,\"narrow\":true,"
			    "\"suite\":\"esp aes_gcm_16-256\","
			    "\"peer\":\"C=CA, CN=b\"}");
	latch_info_free(info);
	dbus_message_unref(message);
}

static void every_value_of_a_request_has_its_word(void **state)
{
	static const struct { struct latch_request request; const char *key, *word; } t[] = {
		{ { .protection = LATCH_INTEGRITY }, "protection", "integrity" },
		{ { .protection = LATCH_CONFIDENTIALITY }, "protection", "confidentiality" },
		{ { .mode = LATCH_MODE_TUNNEL }, "mode", "tunnel" },
		{ { .mode = LATCH_MODE_TRANSPORT }, "mode", "transport" },
		{ { .disposition = LATCH_DISPOSITION_RESET }, "disposition", "reset" },
		{ { .disposition = LATCH_DISPOSITION_UNREACHABLE }, "disposition", "unreachable" },
		{ { .disposition = LATCH_DISPOSITION_WAIT }, "disposition", "wait" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct latch_entry entries[LATCH_REQUEST_ENTRIES];

		assert_int_equal(latch_request_entries(&t[i].request, entries), 1);
		assert_string_equal(entries[0].key, t[i].key);
		assert_string_equal(entries[0].type == 'a' ? entries[0].value.a[0] :
				    entries[0].value.s, t[i].word);
	}
}

static void a_suite_and_a_peer_are_ascii(void **state)
{
	static const char *const bad[] = { "esp \xff", "esp\taes", "\xc3\xa9sp" };
	struct latch_request request = { .size = sizeof(request) }, got;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request.suite = bad[i];
		assert_int_equal(latch_request_check(&request, &got), LATCH_ERR_ARGUMENT);
		request.suite = NULL;
		request.peer = bad[i];
		assert_int_equal(latch_request_check(&request, &got), LATCH_ERR_ARGUMENT);
		request.peer = NULL;
	}
	assert_int_equal(latch_request_check(&request, &got), 0);
}

/* K25, K26 */
static void a_wait_is_the_daemons_none_or_so_many_milliseconds(void **state)
{
	static const struct { uint32_t wait_ms, setup_ms; size_t nr; uint32_t sent; } t[] = {
		{ 0, 20000, 0, 0 },
		{ LATCH_WAIT_NONE, 0, 1, 0 },
		{ 1, 1, 1, 1 },
		{ LATCH_WAIT_NONE - 1, LATCH_WAIT_NONE - 1, 1, LATCH_WAIT_NONE - 1 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct latch_request request = { .wait_ms = t[i].wait_ms };
		struct latch_entry entries[LATCH_REQUEST_ENTRIES];

		assert_int_equal(latch_request_setup_ms(&request), t[i].setup_ms);
		assert_int_equal(latch_request_entries(&request, entries), t[i].nr);
		if (t[i].nr == 0)
			continue;
		assert_string_equal(entries[0].key, "wait");
		assert_int_equal(entries[0].type, 'u');
		assert_int_equal(entries[0].value.u, t[i].sent);
	}
}

static void a_request_that_makes_no_sense_is_an_argument_error(void **state)
{
	enum { SIZE = sizeof(struct latch_request) };
	static const struct { const char *why; struct latch_request request; } t[] = {
		{ "no size", { .size = 0 } },
		{ "cut off", { .size = SIZE - 1 } },
		{ "a third protection", { .size = SIZE, .protection = 4 } },
		{ "all bits", { .size = SIZE, .protection = ~0u } },
		{ "a third mode", { .size = SIZE, .mode = (enum latch_mode)3 } },
		{ "a mode below", { .size = SIZE, .mode = (enum latch_mode)-1 } },
		{ "a fourth disposition",
		  { .size = SIZE, .disposition = (enum latch_disposition)4 } },
	};
	struct latch_request got;

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].why);
		assert_int_equal(latch_request_check(&t[i].request, &got), LATCH_ERR_ARGUMENT);
	}
}

static void what_a_later_caller_asks_for_is_never_dropped(void **state)
{
	struct { struct latch_request old; uint64_t later; } request = { .later = 0 };
	struct latch_request got;

	(void)state;
	request.old.size = sizeof(request);
	request.old.min_key_bits = 128;
	assert_int_equal(latch_request_check(&request.old, &got), 0);
	assert_int_equal(got.min_key_bits, 128);
	request.later = 1ull << 63;
	assert_int_equal(latch_request_check(&request.old, &got), LATCH_ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_the_interface_becomes_json_and_text),
		cmocka_unit_test(what_a_later_daemon_says_passes_through_or_is_left_out),
		cmocka_unit_test(an_empty_dictionary_is_a_latch_in_no_state),
		cmocka_unit_test(an_alert_says_which_latch_and_from_where_to_where),
		cmocka_unit_test(a_record_says_why_no_SAs_could_be_set_up),
		cmocka_unit_test(what_a_record_leaves_out_or_says_oddly_is_zero),
		cmocka_unit_test(what_is_no_record_is_malformed),
		cmocka_unit_test(a_record_with_any_byte_changed_is_parsed_or_malformed),
		cmocka_unit_test(no_request_is_all_zero_and_asks_for_nothing),
		cmocka_unit_test(a_full_request_asks_for_everything_K10),
		cmocka_unit_test(every_value_of_a_request_has_its_word),
		cmocka_unit_test(a_suite_and_a_peer_are_ascii),
		cmocka_unit_test(a_wait_is_the_daemons_none_or_so_many_milliseconds),
		cmocka_unit_test(a_request_that_makes_no_sense_is_an_argument_error),
		cmocka_unit_test(what_a_later_caller_asks_for_is_never_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
