/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Facts as text: the documented names, one line whatever the peer's names hold, and every kind. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/pl_fact_json.h"

static char *text_of(const struct pl_fact *fact)
{
	char *text = NULL;

	assert_int_equal(pl_fact_json(fact, 12345678901234567u, &text), 0);
	assert_non_null(text);
	return text;
}

static json_t *json_of(const struct pl_fact *fact)
{
	char *text = text_of(fact);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	assert_null(strchr(text, '\n'));
	assert_non_null(json);
	free(text);
	return json;
}

static const char *string_of(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text == NULL ? "(absent)" : text;
}

static void an_established_child_says_all_that_is_compared(void **state)
{
	static struct pl_fact fact = {
		.kind = PL_FACT_CHILD_INSTALL, .ike = 1, .child = 2, .role = PL_ROLE_RESPONDER,
		.conn = { .serial = 4, .name = "west", .instance = 3, .ike_version = 2 },
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT, .spi_in = 0xc0ffee,
			.spi_out = 0xfedcba98, .reqid = 16389, .encrypt = "AES_GCM_16",
			.key_bits = 256, .integ = "NONE",
			.tsi = { 1, { { .af = PL_AF_IP4, .proto = 6, .hi_port = 65535,
					.lo = { 192, 0, 2, 1 }, .hi = { 192, 0, 2, 1 } } } },
			.path = {
				.local = { PL_AF_IP6, { 0x20, 1, 0x0d, 0xb8, [15] = 1 } },
				.encap = PL_ENCAP_UDP, .local_port = 4500, .remote_port = 61000,
				.is_remote_nated = true,
			},
		},
	};
	json_t *json = json_of(&fact);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "mono_ns")), 12345678901234567);
	assert_string_equal(string_of(json, "fact"), "child-install");
	assert_int_equal(json_integer_value(json_object_get(json, "ike")), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "child")), 2);
	assert_string_equal(string_of(json, "role"), "responder");
	assert_string_equal(string_of(json, "conn"), "west");
	assert_int_equal(json_integer_value(json_object_get(json, "instance")), 3);
	assert_null(json_object_get(json, "ike_version"));
	assert_string_equal(string_of(json, "protocol"), "esp");
	assert_string_equal(string_of(json, "mode"), "transport");
	assert_string_equal(string_of(json, "spi_in"), "0x00c0ffee");
	assert_string_equal(string_of(json, "spi_out"), "0xfedcba98");
	assert_int_equal(json_integer_value(json_object_get(json, "reqid")), 16389);
	assert_null(json_object_get(json, "rekeys"));
	assert_string_equal(string_of(json, "local"), "2001:db8::1");
	assert_string_equal(string_of(json, "remote"), "(absent)");
	assert_string_equal(string_of(json, "encap"), "udp");
	assert_int_equal(json_integer_value(json_object_get(json, "local_port")), 4500);
	assert_int_equal(json_integer_value(json_object_get(json, "remote_port")), 61000);
	assert_true(json_is_true(json_object_get(json, "remote_nated")));
	assert_null(json_object_get(json, "local_nated"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(
		json_object_get(json, "selectors"), "tsi"), 0)), "192.0.2.1-192.0.2.1/6/0-65535");
	assert_int_equal(json_array_size(json_object_get(json_object_get(json, "selectors"),
							 "tsr")), 0);
	json_decref(json);
}

static void the_end_of_an_ike_sa_says_what_it_means(void **state)
{
	static struct pl_fact fact = {
		.kind = PL_FACT_IKE_DOWN, .ike = 9,
		.u.ike_end = { .reason = PL_REASON_TIMEOUT, .pending = PL_EXCHANGE_LIVENESS,
			       .was_established = true },
	};
	json_t *json = json_of(&fact);

	(void)state;
	assert_string_equal(string_of(json, "fact"), "ike-down");
	assert_string_equal(string_of(json, "reason"), "timeout");
	assert_string_equal(string_of(json, "cause"), "peer-lost");
	assert_string_equal(string_of(json, "pending"), "liveness");
	assert_true(json_is_true(json_object_get(json, "established")));
	assert_true(json_is_false(json_object_get(json, "by_peer")));
	json_decref(json);
}

static void names_cannot_end_the_line_or_forge_a_field(void **state)
{
	static const char *const evil[] = {
		"a\nb", "a\",\"fact\":\"ike-up", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80",
		"\xe0\x80\x80",
		"\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "ok\xc3\xbc", "cut\xe2\x82",
		"\x01\x1f\x7f", "\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		static struct pl_fact fact;
		json_t *json;

		fact = (struct pl_fact) { .kind = PL_FACT_CONN_ADD, .conn = { .serial = 1 } };
		snprintf(fact.conn.name, sizeof(fact.conn.name), "%s", evil[i]);
		json = json_of(&fact);
		assert_string_equal(string_of(json, "fact"), "conn-add");
		assert_string_not_equal(string_of(json, "conn"), "(absent)");
		json_decref(json);
	}
}

static void random_names_stay_one_line(void **state)
{
	unsigned dice = 4711;

	(void)state;
	print_message("seed %u\n", dice);
	for (unsigned n = 0; n < 20000; n++) {
		static struct pl_fact fact;

		fact = (struct pl_fact) { .kind = PL_FACT_CONN_ADD, .conn = { .serial = 1 } };
		for (unsigned i = 0; i < 12; i++)
			fact.conn.name[i] = (char)(rand_r(&dice) | (i % 2 ? 0 : 0xc0));
		json_decref(json_of(&fact));
	}
}

static void base64_is_that_of_rfc_4648(void **state)
{
	static const char *const t[][2] = {
		{ "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "+/+/" },
	};
	struct pl_identity_pool *pool = pl_identity_pool_new();

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		static struct pl_fact fact;
		struct pl_identity_data data = { .peer = { .id = "x", .auth = PL_AUTH_SIGNATURE } };
		json_t *json, *peer;

		data.peer.cert = (struct pl_blob) {
			.ptr = (const uint8_t *)t[i][0], .len = strlen(t[i][0]),
		};
		fact = (struct pl_fact) { .kind = PL_FACT_IKE_UP };
		assert_int_equal(pl_identity_intern(pool, &data, &fact.identity), 0);
		json = json_of(&fact);
		peer = json_object_get(json_object_get(json, "identity"), "peer");
		assert_string_equal(string_of(peer, "cert"), t[i][1]);
		assert_string_equal(string_of(peer, "method"), "signature");
		assert_string_equal(string_of(peer, "anchor"), "(absent)");
		assert_string_equal(string_of(json, "peer"), "x");
		json_decref(json);
		pl_identity_unref(fact.identity);
	}
	pl_identity_pool_free(pool);
}

static void a_peer_without_certificate_has_none_in_the_trace(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_data data = { .peer = { .id = "192.0.2.1", .auth = PL_AUTH_PSK } };
	static struct pl_fact fact = { .kind = PL_FACT_IKE_UP };
	json_t *json, *peer;

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &data, &fact.identity), 0);
	json = json_of(&fact);
	peer = json_object_get(json_object_get(json, "identity"), "peer");
	assert_string_equal(string_of(peer, "method"), "psk");
	assert_null(json_object_get(peer, "cert"));
	assert_null(json_object_get(peer, "spki"));
	json_decref(json);
	pl_identity_unref(fact.identity);
	pl_identity_pool_free(pool);
}

static void an_answer_has_its_ticket_and_either_an_error_or_an_SA(void **state)
{
	static struct pl_fact fact = {
		.kind = PL_FACT_INITIATED, .child = 7,
		.u.initiated = { .ticket = 9, .spi_in = 0xc0ffee, .reqid = 16389 },
	};
	json_t *json = json_of(&fact);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "ticket")), 9);
	assert_string_equal(string_of(json, "spi_in"), "0x00c0ffee");
	assert_null(json_object_get(json, "error"));
	assert_null(json_object_get(json, "notification"));
	json_decref(json);
	fact.u.initiated.error = PL_E_NARROW_REFUSED;
	fact.u.initiated.notification = 38;
	snprintf(fact.u.initiated.reason, sizeof(fact.u.initiated.reason), "TS_UNACCEPTABLE");
	json = json_of(&fact);
	assert_string_equal(string_of(json, "error"), "NarrowRefused");
	assert_string_equal(string_of(json, "reason"), "TS_UNACCEPTABLE");
	assert_int_equal(json_integer_value(json_object_get(json, "notification")), 38);
	assert_null(json_object_get(json, "spi_in"));
	json_decref(json);
}

static void every_kind_can_be_told(void **state)
{
	(void)state;
	for (int kind = 0; kind < PL_FACT_ROOF; kind++) {
		static struct pl_fact fact;
		json_t *json;

		memset(&fact, 0, sizeof(fact));
		fact.kind = kind;
		json = json_of(&fact);
		assert_string_equal(string_of(json, "fact"), pl_fact_name(kind));
		json_decref(json);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_established_child_says_all_that_is_compared),
		cmocka_unit_test(the_end_of_an_ike_sa_says_what_it_means),
		cmocka_unit_test(names_cannot_end_the_line_or_forge_a_field),
		cmocka_unit_test(random_names_stay_one_line),
		cmocka_unit_test(base64_is_that_of_rfc_4648),
		cmocka_unit_test(a_peer_without_certificate_has_none_in_the_trace),
		cmocka_unit_test(an_answer_has_its_ticket_and_either_an_error_or_an_SA),
		cmocka_unit_test(every_kind_can_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
