/* SPDX-License-Identifier: GPL-2.0-or-later */

/* LATCH as a record and as a reply: one table, two forms. */

#include "bus/pl_bus_latch.h"
#include "bus/pl_latch_key.h"
#include "bus/pl_record.h"

#include <dbus/dbus.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pl_identity_pool *pool;

static struct pl_identity *somebody(const char *id)
{
	struct pl_identity_data data = {
		.peer = { .id = id, .id_type = 9, .auth = PL_AUTH_SIGNATURE,
			  .anchor = { (const uint8_t *)"anchor", 6 },
			  .spki = { (const uint8_t *)"abc", 3 } },
		.own = { .id = "a.test", .id_type = 2, .auth = PL_AUTH_PSK },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

/* A latch that has every key. */
static struct pl_latch full_latch(struct pl_identity *identity)
{
	static char reason[] = "a \"reason\"";
	struct pl_latch latch = {
		.tuple = { .af = PL_AF_IP6, .proto = PL_TUPLE_SCTP, .local_port = 1,
			   .remote_port = 65535, .local = { 0x20, 1, 0xd, 0xb8, [15] = 1 },
			   .remote = { 0x20, 1, 0xd, 0xb8, [15] = 2 } },
		.id = UINT64_C(1) << 40, .owner = { PL_OWNER_SESSION, 4294967294u, 7 },
		.state = PL_STATE_DEAD, .cause = PL_EVENT_CONFLICT_SA,
		.disposition = PL_DISPOSITION_UNREACHABLE, .is_late = true,
		.diff = PL_DIFF_ROOF - 1, .generation = 9, .mono_ns = INT64_MAX,
		.params = { .peer.identity = identity, .replay_window = 64,
			    .mode = PL_MODE_TUNNEL, .nr_suites = PL_SUITES_MAX },
		.reason = reason,
	};

	for (unsigned i = 0; i < PL_SUITES_MAX; i++)
		assert_int_equal(pl_suite_make(PL_PROTO_ESP, "AES_GCM_16", 128 + 64 * (i % 3), "",
					       i % 2, &latch.params.suites[i]), 0);
	return latch;
}

static const struct pl_path full_path = {
	.local = { PL_AF_IP4, { 10, 0, 0, 2 } },
	.remote = { PL_AF_IP6, { 0x20, 1, 0xd, 0xb8, [15] = 9 } },
	.encap = PL_ENCAP_UDP, .local_port = 4500, .remote_port = 61000,
	.is_local_nated = true, .is_remote_nated = true,
};

static const struct pl_association_view full_association = {
	.id = UINT64_C(1) << 40, .nr_pairs = 64, .nr_intact = 63, .refused = PL_E_TOO_MANY,
};

static const struct pl_latch_more full = { &full_path, &full_association, "@east" };

static struct pl_alert alert_of(const struct pl_latch *latch)
{
	return (struct pl_alert) {
		.id = latch->id, .listener = 3, .tuple = latch->tuple,
		.event = latch->cause, .from = PL_STATE_ESTABLISHED, .to = latch->state,
		.diff = latch->diff, .mono_ns = latch->mono_ns,
		.generation = latch->generation, .reason = latch->reason,
	};
}

static json_t *change(const struct pl_alert *alert, const struct pl_latch *latch, size_t max)
{
	char *text = pl_record_change("change", alert, latch, NULL, max);
	json_t *json;

	assert_non_null(text);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static void hello_and_lost_are_exactly_as_documented(void **state)
{
	char *hello = pl_record_hello(7, 9, 30), *lost = pl_record_lost(12);

	(void)state;
	assert_string_equal(hello,
			    "{\"type\":\"hello\",\"version\":1,\"session\":7,\"generation\":9,"
			    "\"resume\":30}");
	assert_string_equal(lost, "{\"type\":\"lost\",\"generation\":12}");
	free(hello);
	free(lost);
}

static int add_to_object(void *ctx, const char *key, const struct pl_key_value *value)
{
	char text[1024] = "";

	for (unsigned i = 0; i < value->nr_texts; i++) {
		strncat(text, value->texts[i], sizeof(text) - strlen(text) - 1);
		strncat(text, " ", sizeof(text) - strlen(text) - 1);
	}
	assert_null(json_object_get(ctx, key));
	return json_object_set_new(ctx, key, value->text != NULL ? json_string(value->text) :
				   value->nr_texts > 0 ? json_string(text) :
				   json_integer((json_int_t)value->number));
}

static json_t *walk_more(const struct pl_latch_more *more)
{
	static const struct pl_latch nobody;
	json_t *json = json_object();

	assert_int_equal(pl_latch_walk(&nobody, more, add_to_object, json), 0);
	return json;
}

static json_t *walk_path(const struct pl_path *path)
{
	return walk_more(&(struct pl_latch_more) { .path = path });
}

static void an_association_is_told_with_each_of_its_latches_U11_U18(void **state)
{
	static const struct pl_association_view whole = { .id = 5, .nr_pairs = 4, .nr_intact = 4 };
	struct pl_latch latch = full_latch(NULL);
	struct pl_alert alert = alert_of(&latch);
	json_t *json = walk_more(&(struct pl_latch_more) { .association = &full_association });

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "association")),
			 UINT64_C(1) << 40);
	assert_int_equal(json_integer_value(json_object_get(json, "association_pairs")), 64);
	assert_int_equal(json_integer_value(json_object_get(json, "association_intact")), 63);
	assert_string_equal(json_string_value(json_object_get(json, "association_refused")),
			    "TooMany");
	json_decref(json);
	json = walk_more(&(struct pl_latch_more) { .association = &whole });
	assert_non_null(json_object_get(json, "association"));
	assert_null(json_object_get(json, "association_refused"));
	json_decref(json);
	json = change(&alert, &latch, 65536);
	assert_null(json_object_get(json, "association"));
	json_decref(json);
	alert.association = 5;
	json = change(&alert, &latch, 65536);
	assert_int_equal(json_integer_value(json_object_get(json, "association")), 5);
	assert_int_equal(json_integer_value(json_object_get(json, "association_intact")), 0);
	json_decref(json);
}

static void the_path_of_the_packets_is_told_as_far_as_it_is_known_K8_K9(void **state)
{
	static const struct pl_path empty, plain = { .local = { PL_AF_IP4, { 10, 0, 0, 2 } } },
		there = { .is_remote_nated = true };
	json_t *json = walk_path(&full_path);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json, "outer_local_address")),
			    "10.0.0.2");
	assert_string_equal(json_string_value(json_object_get(json, "outer_remote_address")),
			    "2001:db8::9");
	assert_string_equal(json_string_value(json_object_get(json, "encapsulation")), "udp");
	assert_int_equal(json_integer_value(json_object_get(json, "outer_local_port")), 4500);
	assert_int_equal(json_integer_value(json_object_get(json, "outer_remote_port")), 61000);
	assert_string_equal(json_string_value(json_object_get(json, "nat")), "local remote ");
	json_decref(json);
	json = walk_path(&plain);
	assert_non_null(json_object_get(json, "outer_local_address"));
	assert_null(json_object_get(json, "outer_remote_address"));
	assert_null(json_object_get(json, "encapsulation"));
	assert_null(json_object_get(json, "outer_local_port"));
	assert_null(json_object_get(json, "nat"));
	json_decref(json);
	json = walk_path(&there);
	assert_string_equal(json_string_value(json_object_get(json, "nat")), "remote ");
	json_decref(json);
	json = walk_path(&empty);
	assert_null(json_object_get(json, "outer_local_address"));
	json_decref(json);
	json = walk_path(NULL);
	assert_null(json_object_get(json, "outer_local_address"));
	json_decref(json);
}

static void a_change_of_a_latch_for_one_peer_says_for_whom_K24_K31(void **state)
{
	static char longest[PL_PEER_ID_MAX + 1];
	struct pl_latch latch = full_latch(NULL);
	struct pl_alert alert = alert_of(&latch);
	char *text;
	json_t *json;

	(void)state;
	memset(longest, '\"', sizeof(longest) - 1);
	/* also when there is room for little else */
	for (size_t max = 0; max < 65536; max += 65535) {
		text = pl_record_change("alert", &alert, &latch, longest, max);
		assert_non_null(text);
		assert_in_range(strlen(text), 1, max == 0 ? 4096 : max);
		json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_string_equal(json_string_value(json_object_get(json, "peer")), longest);
		json_decref(json);
		free(text);
	}
	json = change(&alert, &latch, 65536);
	assert_null(json_object_get(json, "peer"));
	json_decref(json);
}

static void a_latch_with_everything_has_every_key_of_the_table_K6_K7(void **state)
{
	struct pl_identity *who = somebody("CN=b.test, O=latch");
	struct pl_latch latch = full_latch(who);
	struct pl_alert alert = alert_of(&latch);
	json_t *json = change(&alert, &latch, 65536), *path = walk_more(&full), *value;
	enum pl_key_type type;
	const char *name;
	unsigned nr = 0, beside = 0;

	(void)state;
	for (unsigned at = 0; (name = pl_latch_key(at, &type)) != NULL; at++) {
		value = json_object_get(json, name);
		/* A record tells of a change of the latch, and these are none. */
		if (value == NULL && json_object_get(path, name) != NULL) {
			beside++;
			continue;
		}
		nr = at + 1;
		assert_non_null(value);
		assert_int_equal(json_is_string(value), type == PL_KEY_TEXT);
		assert_int_equal(json_is_array(value), type == PL_KEY_TEXTS);
		assert_int_equal(json_is_boolean(value), type == PL_KEY_BOOL);
	}
	assert_int_equal(beside, 11);
	json_decref(path);
	/* and type, event, from, to, listener */
	assert_int_equal(json_object_size(json), nr + 5);
	assert_int_equal(json_array_size(json_object_get(json, "diff")), 17);
	assert_int_equal(json_array_size(json_object_get(json, "suites")), PL_SUITES_MAX);
	assert_int_equal(json_integer_value(json_object_get(json, "mono_ns")), INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(json, "uid")), 4294967294u);
	assert_string_equal(json_string_value(json_object_get(json, "remote_address")),
			    "2001:db8::2");
	assert_string_equal(json_string_value(json_object_get(json, "peer_key_sha256")),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	json_decref(json);
	pl_identity_unref(who);
}

static void a_reply_has_the_keys_of_a_record_in_their_order(void **state)
{
	struct pl_identity *who = somebody("b.test");
	struct pl_latch latch = full_latch(who);
	struct pl_alert alert = alert_of(&latch);
	json_t *json = change(&alert, &latch, 65536), *value;
	DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_SIGNAL);
	DBusMessageIter at, dict, entry;
	const char *key, *name;

	(void)state;
	dbus_message_iter_init_append(message, &at);
	assert_int_equal(pl_bus_put_latch(&at, &latch, NULL, NULL), 0);
	assert_true(dbus_message_has_signature(message, "a{sv}"));
	dbus_message_iter_init(message, &at);
	dbus_message_iter_recurse(&at, &dict);
	json_object_foreach(json, key, value) {
		if (strcmp(key, "type") == 0)
			continue;
		if (strcmp(key, "event") == 0)
			break;
		assert_int_equal(dbus_message_iter_get_arg_type(&dict), DBUS_TYPE_DICT_ENTRY);
		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		assert_string_equal(name, key);
		dbus_message_iter_next(&dict);
	}
	assert_int_equal(dbus_message_iter_get_arg_type(&dict), DBUS_TYPE_INVALID);
	dbus_message_unref(message);
	json_decref(json);
	pl_identity_unref(who);
}

static void the_estimate_of_a_reply_is_never_too_small(void **state)
{
	static char id[PL_KEY_TEXT_MAX];
	struct pl_identity *who = somebody(memset(id, 'x', sizeof(id) - 1));
	struct pl_latch latches[3] = { full_latch(who), { .id = 1 }, full_latch(NULL) };

	(void)state;
	latches[1].tuple = latches[0].tuple;
	for (unsigned i = 0; i < 3; i++) {
		DBusMessage *empty = dbus_message_new(DBUS_MESSAGE_TYPE_SIGNAL);
		DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_SIGNAL);
		DBusMessageIter at;
		size_t bytes_said = 0;
		int empty_len, len;
		char *bytes;

		dbus_message_set_path(empty, "/a");
		dbus_message_set_interface(empty, "a.b");
		dbus_message_set_member(empty, "c");
		dbus_message_set_path(message, "/a");
		dbus_message_set_interface(message, "a.b");
		dbus_message_set_member(message, "c");
		dbus_message_iter_init_append(message, &at);
		assert_int_equal(pl_bus_put_latch(&at, &latches[i], &full, &bytes_said), 0);
		assert_true(dbus_message_marshal(empty, &bytes, &empty_len));
		dbus_free(bytes);
		assert_true(dbus_message_marshal(message, &bytes, &len));
		dbus_free(bytes);
		assert_in_range(len - empty_len, 100, bytes_said + 16);
		assert_true(bytes_said <= PL_BUS_LATCH_MAX);
		dbus_message_unref(empty);
		dbus_message_unref(message);
	}
	pl_identity_unref(who);
}

static json_t *key_digest(const char *key, size_t len)
{
	struct pl_identity_data data = {
		.peer = { .id = "b", .auth = PL_AUTH_SIGNATURE,
			  .spki = { (const uint8_t *)key, len } },
	};
	struct pl_identity *who;
	struct pl_latch latch;
	struct pl_alert alert;
	json_t *json, *value;

	assert_int_equal(pl_identity_intern(pool, &data, &who), 0);
	latch = full_latch(who);
	alert = alert_of(&latch);
	json = change(&alert, &latch, 65536);
	value = json_incref(json_object_get(json, "peer_key_sha256"));
	json_decref(json);
	pl_identity_unref(who);
	return value;
}

static void a_key_is_told_by_its_own_digest_whatever_was_told_before(void **state)
{
	static char keys[3][5000];
	static const size_t lengths[] = { 1, 4095, 4096, 4097, 5000 };

	(void)state;
	memset(keys[1], 1, sizeof(keys[1]));
	memcpy(keys[2], keys[1], sizeof(keys[2]));
	for (unsigned i = 0; i < 5; i++) {
		json_t *first, *other, *again;

		/* The last byte alone is another one. */
		keys[2][lengths[i] - 1] = 2;
		first = key_digest(keys[1], lengths[i]);
		other = key_digest(keys[2], lengths[i]);
		again = key_digest(keys[1], lengths[i]);
		keys[2][lengths[i] - 1] = 1;
		assert_int_equal(strlen(json_string_value(first)), 64);
		assert_true(json_equal(first, again));
		assert_false(json_equal(first, other));
		json_decref(first);
		json_decref(other);
		json_decref(again);
		first = key_digest(keys[0], lengths[i]);
		other = key_digest(keys[0], lengths[i] - 1 > 0 ? lengths[i] - 1 : 2);
		assert_false(json_equal(first, other));
		json_decref(first);
		json_decref(other);
	}
}

static void without_its_latch_a_record_says_what_the_alert_says(void **state)
{
	struct pl_latch latch = full_latch(NULL);
	struct pl_alert alert = alert_of(&latch);
	json_t *json = change(&alert, NULL, 65536);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "id")), latch.id);
	assert_int_equal(json_integer_value(json_object_get(json, "listener")), 3);
	assert_string_equal(json_string_value(json_object_get(json, "reason")), latch.reason);
	assert_string_equal(json_string_value(json_object_get(json, "to")), "broken");
	assert_true(json_is_true(json_object_get(json, "for_good")));
	/* Nobody knows, so nobody says. */
	assert_null(json_object_get(json, "late"));
	assert_null(json_object_get(json, "disposition"));
	assert_null(json_object_get(json, "uid"));
	assert_null(json_object_get(json, "owner"));
	assert_null(json_object_get(json, "peer_id"));
	json_decref(json);
}

static void a_listener_has_no_other_end(void **state)
{
	struct pl_latch latch = full_latch(NULL);
	struct pl_alert alert;
	json_t *json;

	(void)state;
	latch.tuple = (struct pl_tuple) { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP,
					  .local_port = 80 };
	latch.state = PL_STATE_LISTENER;
	latch.params = (struct pl_params) { .mode = 0 };
	alert = alert_of(&latch);
	json = change(&alert, &latch, 65536);
	assert_string_equal(json_string_value(json_object_get(json, "kind")), "listener");
	assert_string_equal(json_string_value(json_object_get(json, "local_address")), "0.0.0.0");
	assert_null(json_object_get(json, "remote_address"));
	assert_null(json_object_get(json, "remote_port"));
	assert_null(json_object_get(json, "suites"));
	assert_null(json_object_get(json, "protection"));
	json_decref(json);
}

static void a_record_that_would_be_too_long_leaves_out_what_is_long(void **state)
{
	static char id[PL_KEY_TEXT_MAX + 1];
	struct pl_identity *who;
	struct pl_latch latch;
	struct pl_alert alert;
	json_t *json;

	(void)state;
	memset(id, '\1', PL_KEY_TEXT_MAX - 1);	/* six bytes each, in JSON */
	who = somebody(id);
	latch = full_latch(who);
	alert = alert_of(&latch);
	json = change(&alert, &latch, 65536);
	assert_non_null(json_object_get(json, "peer_id"));
	json_decref(json);
	json = change(&alert, &latch, 4096);
	assert_null(json_object_get(json, "peer_id"));
	assert_non_null(json_object_get(json, "reason"));
	assert_true(json_is_true(json_object_get(json, "late")));
	json_decref(json);
	json = change(&alert, &latch, 10);
	assert_null(json_object_get(json, "reason"));
	assert_non_null(json_object_get(json, "id"));
	json_decref(json);
	pl_identity_unref(who);
}

static void an_id_is_told_whole_or_not_at_all(void **state)
{
	static char id[PL_KEY_TEXT_MAX + 1];

	(void)state;
	for (unsigned len = PL_KEY_TEXT_MAX - 2; len <= PL_KEY_TEXT_MAX; len++) {
		struct pl_identity *who;
		struct pl_latch latch;
		struct pl_alert alert;
		const char *told;
		json_t *json;

		memset(id, 'x', len);
		id[len] = '\0';
		who = somebody(id);
		latch = full_latch(who);
		alert = alert_of(&latch);
		json = change(&alert, &latch, 65536);
		told = json_string_value(json_object_get(json, "peer_id"));
		if (len < PL_KEY_TEXT_MAX)
			assert_string_equal(told, id);
		else
			assert_null(told);
		json_decref(json);
		pl_identity_unref(who);
	}
}

static void text_becomes_valid_utf8(void **state)
{
	static const struct {
		const char *why, *from, *want;
	} rows[] = {
		{ "empty", "", "" },
		{ "plain", "b.test", "b.test" },
		{ "two bytes", "\xc3\xa4", "\xc3\xa4" },
		{ "the last character there is", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "one beyond", "\xf4\x90\x80\x80",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "too long a slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "too long, three bytes", "\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "before the surrogates", "\xed\x9f\xbf", "\xed\x9f\xbf" },
		{ "cut off", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a lone continuation", "\x80z", "\xef\xbf\xbdz" },
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!pl_key_clean(rows[i].from, got, sizeof(got)) ||
		    strcmp(got, rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].why, got);
	}
	assert_true(pl_key_clean("abc", got, 4));
	assert_false(pl_key_clean("abc", got, 3));
	assert_string_equal(got, "");
	assert_false(pl_key_clean("\x80", got, 3));
	assert_true(pl_key_clean("\x80", got, 4));
}

static void random_bytes_become_what_the_bus_takes(void **state)
{
	enum { ROUNDS = 100000, LEN = 12, SEED = 5660 };
	char from[LEN + 1], got[3 * LEN + 1];

	(void)state;
	srand(SEED);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned len = (unsigned)rand() % LEN;

		/* Mostly bytes that matter. */
		for (unsigned k = 0; k < len; k++)
			from[k] = (char)(rand() % 4 == 0 ? 1 + rand() % 127 : 128 + rand() % 128);
		from[len] = '\0';
		assert_true(pl_key_clean(from, got, sizeof(got)));
		assert_true(dbus_validate_utf8(got, NULL));
		if (dbus_validate_utf8(from, NULL))
			assert_string_equal(got, from);
	}
}

static int make_pool(void **state)
{
	(void)state;
	pool = pl_identity_pool_new();
	return pool == NULL;
}

static int free_pool(void **state)
{
	(void)state;
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pool = pl_identity_pool_free(pool);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)
	static const struct CMUnitTest tests[] = {
		TEST(hello_and_lost_are_exactly_as_documented),
		TEST(an_association_is_told_with_each_of_its_latches_U11_U18),
		TEST(the_path_of_the_packets_is_told_as_far_as_it_is_known_K8_K9),
		TEST(a_change_of_a_latch_for_one_peer_says_for_whom_K24_K31),
		TEST(a_latch_with_everything_has_every_key_of_the_table_K6_K7),
		TEST(a_reply_has_the_keys_of_a_record_in_their_order),
		TEST(the_estimate_of_a_reply_is_never_too_small),
		TEST(a_key_is_told_by_its_own_digest_whatever_was_told_before),
		TEST(without_its_latch_a_record_says_what_the_alert_says),
		TEST(a_listener_has_no_other_end),
		TEST(a_record_that_would_be_too_long_leaves_out_what_is_long),
		TEST(an_id_is_told_whole_or_not_at_all),
		TEST(text_becomes_valid_utf8),
		TEST(random_bytes_become_what_the_bus_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
