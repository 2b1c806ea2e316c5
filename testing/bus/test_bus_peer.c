/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What InquirePeer hands out of both ends of an authentication, byte for byte, and SamePeer. */

#include "bus_stage.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The entry of this key, and its bytes; a text is its bytes, too. Return: false without one. */
static bool entry_bytes(DBusMessage *reply, const char *key, const void **ret, int *ret_len)
{
	DBusMessageIter at, dict, pair, value, array;

	dbus_message_iter_init(reply, &at);
	for (dbus_message_iter_recurse(&at, &dict);
	     dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		const char *name, *text;

		dbus_message_iter_recurse(&dict, &pair);
		dbus_message_iter_get_basic(&pair, &name);
		if (strcmp(name, key) != 0)
			continue;
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, &value);
		switch (dbus_message_iter_get_arg_type(&value)) {
		case DBUS_TYPE_STRING:
			dbus_message_iter_get_basic(&value, &text);
			*ret = text;
			*ret_len = (int)strlen(text);
			return true;
		case DBUS_TYPE_ARRAY:
			dbus_message_iter_recurse(&value, &array);
			dbus_message_iter_get_fixed_array(&array, ret, ret_len);
			return true;
		default:
			*ret_len = 0;
			return true;
		}
	}
	return false;
}

/* @pairs: key, text, …, NULL; an empty text stands for no such key. */
static void expect_peer(DBusConnection *client, uint64_t id, const char *const *pairs)
{
	DBusMessage *reply = ask(client, call_new("InquirePeer", "t", id));

	assert_string_equal(error_of(reply), "");
	for (; *pairs != NULL; pairs += 2) {
		const void *bytes = NULL;
		int len = 0;
		bool is_there = entry_bytes(reply, pairs[0], &bytes, &len);

		if ((pairs[1][0] != '\0') != is_there)
			fail_msg("%s is %s", pairs[0], is_there ? "there" : "not there");
		if (is_there && ((size_t)len != strlen(pairs[1]) ||
				 memcmp(bytes, pairs[1], (size_t)len) != 0))
			fail_msg("%s is not %s", pairs[0], pairs[1]);
	}
	dbus_message_unref(reply);
}

static void a_peer_is_handed_out_as_it_was_proved_K7_L22(void **state)
{
	static const char *const signer[] = {
		"id", "b.test", "id_type", "fqdn", "id_payload", "b.test",
		"auth", "signature", "certificate", "certificate", "trust_anchor", "anchor",
		"public_key", "b.test", "local_id", "this.test", "local_auth", "signature",
		"local_public_key", "own", "local_certificate", "", "local_trust_anchor", "",
		"local_id_payload", "", NULL,
	};
	struct scene scene = play();

	(void)state;
	expect_peer(scene.client, scene.id, signer);
	end(&scene);
}

/* One more connection, under an SA of somebody else: that before has none any more. */
static uint64_t latch_beside(struct scene *scene, unsigned sa, const char *name, int pair[2])
{
	tell("sa del %u", sa);
	tell("sa add %u %s %u", sa + 1, name, 16384 + 4 * sa);
	tcp_pair(pair);
	return latch_fd(scene->client, pair[0]);
}

static void what_was_not_proved_is_not_there_K7(void **state)
{
	static const struct {
		const char *name;
		const char *pairs[24];
	} peers[] = {
		{ "raw.test", { "id", "raw.test", "auth", "signature", "public_key", "raw.test",
				"certificate", "", "trust_anchor", "", NULL } },
		{ "psk.test", { "id", "psk.test", "auth", "psk", "public_key", "",
				"certificate", "", "trust_anchor", "", NULL } },
	};

	struct scene scene = play();

	(void)state;
	for (unsigned i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		int pair[2];

		expect_peer(scene.client, latch_beside(&scene, i + 1, peers[i].name, pair),
			    peers[i].pairs);
		close(pair[0]);
		close(pair[1]);
	}
	end(&scene);
}

static bool is_same(DBusConnection *client, uint64_t first, uint64_t second)
{
	DBusMessage *reply = ask(client, call_new("SamePeer", "tt", first, second));
	dbus_bool_t same = FALSE;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_BOOLEAN, &same,
					  DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	return same;
}

static void connections_of_one_peer_are_known_from_others_L27(void **state)
{
	struct scene scene = play();
	uint64_t second, other;
	int pair[2], beside[2];

	(void)state;
	tcp_pair(pair);
	second = latch_fd(scene.client, pair[0]);
	assert_true(is_same(scene.client, scene.id, second));
	assert_true(is_same(scene.client, scene.id, scene.id));
	other = latch_beside(&scene, 1, "other.test", beside);
	assert_false(is_same(scene.client, scene.id, other));
	assert_false(is_same(scene.client, other, second));
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(beside[i]);
	}
	end(&scene);
}

#define BOTH "ipsec-end-point-sha256"
#define SINGLE "ipsec-single-end-point-sha256"

static DBusMessage *ask_binding(uint64_t id, const char *type)
{
	return call_new("GetChannelBinding", "ts", id, type);
}

static void expect_binding(DBusConnection *client, uint64_t id, const char *type,
			   const char *want_name, const char *want)
{
	DBusMessage *reply = ask(client, ask_binding(id, type));
	const char *name;
	char text[65] = "";
	uint8_t *data;
	int len;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_ARRAY,
					  DBUS_TYPE_BYTE, &data, &len, DBUS_TYPE_INVALID));
	assert_int_equal(len, 32);
	for (int i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	assert_string_equal(name, want_name);
	assert_string_equal(text, want);
	dbus_message_unref(reply);
}

/* The keys of the test daemon are "own" and the peer's name; these were computed by Python. */
static void a_login_is_bound_to_the_keys_of_both_ends_L28_CB2(void **state)
{
	static const char both[] =
		"f5bfeb7f053b6baf30f301e4e2756a944b7dce02190ca80dc902933453323668";
	struct scene scene = play();

	(void)state;
	expect_binding(scene.client, scene.id, "", BOTH, both);
	expect_binding(scene.client, scene.id, BOTH, BOTH, both);
	expect_binding(scene.client, scene.id, SINGLE, SINGLE,
		       "ae869e1a1907c03de0b7c1723e45cb56922f9a955c78dad381c78dff650f2922");
	expect_binding(scene.client, scene.id, SINGLE "/local", SINGLE,
		       "5b3975651c3cab92d044c096dc30a1c2d9525497457472de48c51ecb363d1f4a");
	/* another SA of the same peer is the same channel */
	tell("sa add 2 b.test 16400");
	tell("sa del 1");
	expect_binding(scene.client, scene.id, "", BOTH, both);
	end(&scene);
}

static void a_binding_that_cannot_be_has_a_named_error_CB2_CB4(void **state)
{
	static const struct {
		const char *peer, *error;
	} peers[] = { { "psk.test", "NotAvailable" }, { "own", "EqualKeys" } };
	struct scene scene = play();
	int fd = listener(AF_INET, false), pair[2];
	uint64_t ids[2];

	(void)state;
	listen_on(scene.client, fd, ids);
	expect_error(scene.client, ask_binding(ids[0], ""), "WrongState");
	expect_error(scene.client, ask_binding(77, ""), "NotFound");
	expect_error(scene.client, ask_binding(scene.id, "tls-exporter"), "Unsupported");
	expect_error(scene.client, call_new("GetChannelBinding", "t", scene.id), "Malformed");
	for (unsigned i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		uint64_t id = latch_beside(&scene, i + 1, peers[i].peer, pair);

		expect_error(scene.client, ask_binding(id, ""), peers[i].error);
		close(pair[0]);
		close(pair[1]);
	}
	/* the first latch had its SA taken away by somebody else's: it is broken */
	expect_error(scene.client, ask_binding(scene.id, ""), "WrongState");
	close(fd);
	end(&scene);
}

static void who_is_nobody_has_a_named_error(void **state)
{
	struct scene scene = play();
	int fd = listener(AF_INET, false);
	uint64_t ids[2];

	(void)state;
	listen_on(scene.client, fd, ids);
	expect_error(scene.client, call_new("InquirePeer", "t", ids[0]), "WrongState");
	expect_error(scene.client, call_new("SamePeer", "tt", scene.id, ids[0]), "WrongState");
	expect_error(scene.client, call_new("InquirePeer", "t", (uint64_t)77), "NotFound");
	expect_error(scene.client, call_new("SamePeer", "tt", (uint64_t)77, scene.id), "NotFound");
	expect_error(scene.client, call_new("SamePeer", "tt", scene.id, UINT64_MAX), "NotFound");
	expect_error(scene.client, call_new("InquirePeer", "s", "1"), "Malformed");
	expect_error(scene.client, call_new("SamePeer", "t", scene.id), "Malformed");
	close(fd);
	end(&scene);
}

static uint64_t of_another;

static bool peers_are_hidden(DBusConnection *client)
{
	return is_answered(client, call_new("InquirePeer", "t", of_another), "NotFound") &&
	       is_answered(client, ask_binding(of_another, ""), "NotFound") &&
	       is_answered(client, call_new("SamePeer", "tt", of_another, of_another), "NotFound");
}

static void nobody_learns_who_others_talk_to(void **state)
{
	struct scene scene;

	(void)state;
	NEEDS_ROOT("nobody_learns_who_others_talk_to");
	scene = play();
	of_another = scene.id;
	as_nobody(peers_are_hidden);
	end(&scene);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_is_handed_out_as_it_was_proved_K7_L22),
		TEST(what_was_not_proved_is_not_there_K7),
		TEST(connections_of_one_peer_are_known_from_others_L27),
		TEST(a_login_is_bound_to_the_keys_of_both_ends_L28_CB2),
		TEST(a_binding_that_cannot_be_has_a_named_error_CB2_CB4),
		TEST(who_is_nobody_has_a_named_error),
		TEST(nobody_learns_who_others_talk_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
