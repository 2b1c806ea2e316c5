/* SPDX-License-Identifier: GPL-2.0-or-later */

/* IDs that are asked for: how they are read, and whom they admit. */

#include "core/pl_demand.h"
#include "core/pl_peer_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void what_pluto_writes_is_read_and_nothing_else(void **state)
{
	static const struct { const char *why, *text; int error; const char *want; } t[] = {
		{ "name", "@east", 0, "@east" },
		{ "name, as it is", "@East.example.ORG.", 0, "@East.example.ORG." },
		{ "no name", "@", PL_E_MALFORMED, NULL },
		{ "two at", "@east@west", PL_E_MALFORMED, NULL },
		{ "space in a name", "@east west", PL_E_MALFORMED, NULL },
		{ "pluto's other ways", "@[east]", PL_E_MALFORMED, NULL },
		{ "likewise", "@~3000", PL_E_MALFORMED, NULL },
		{ "mail", "user@example.org", 0, "user@example.org" },
		{ "mail to nowhere", "user@", PL_E_MALFORMED, NULL },
		{ "mail by two", "user@a@b", PL_E_MALFORMED, NULL },
		{ "key ID", "@#0x0aff", 0, "@#0x0aff" },
		{ "no key ID", "@#0x", PL_E_MALFORMED, NULL },
		{ "half a byte", "@#0x0af", PL_E_MALFORMED, NULL },
		{ "as pluto does not write it", "@#0x0AFF", PL_E_MALFORMED, NULL },
		{ "likewise", "@#0aff", PL_E_MALFORMED, NULL },
		{ "no digit", "@#0x0g", PL_E_MALFORMED, NULL },
		{ "IPv4", "192.0.2.1", 0, "192.0.2.1" },
		{ "IPv6, normal", "2001:DB8:0::1", 0, "2001:db8::1" },
		{ "any address", "0.0.0.0", PL_E_MALFORMED, NULL },
		{ "likewise", "::", PL_E_MALFORMED, NULL },
		{ "not an address", "192.0.2.256", PL_E_MALFORMED, NULL },
		{ "a host is nobody", "east.example.org", PL_E_MALFORMED, NULL },
		{ "anybody", "%any", PL_E_MALFORMED, NULL },
		{ "anybody", "%fromcert", PL_E_MALFORMED, NULL },
		{ "nobody", "%null", PL_E_MALFORMED, NULL },
		{ "nobody", "ID_NULL", PL_E_MALFORMED, NULL },
		{ "nothing", "", PL_E_MALFORMED, NULL },
		{ "control character", "@ea\nst", PL_E_MALFORMED, NULL },
		{ "not ASCII", "@\xc3\xb6st", PL_E_MALFORMED, NULL },
		{ "DN", "C=CA, O=Example, CN=east", 0, "C=CA, O=Example, CN=east" },
		{ "DN, normal", "C=CA,CN=a b,   E=a@b.org", 0, "C=CA, CN=a b, E=a@b.org" },
		{ "DN, escaped", "CN=a\\, b\\=c\\C3\\B6, O=x\\ ", 0,
		  "CN=a\\, b\\=c\\C3\\B6, O=x\\ " },
		{ "DN, of OID", "1.2.3=#0C0161", 0, "1.2.3=#0C0161" },
		{ "odd digits", "1.2.3=#0C016", PL_E_MALFORMED, NULL },
		{ "no digits", "1.2.3=#", PL_E_MALFORMED, NULL },
		{ "no type", "=east", PL_E_MALFORMED, NULL },
		{ "no value", "CN=", PL_E_MALFORMED, NULL },
		{ "no value before", "C=,CN=east", PL_E_MALFORMED, NULL },
		{ "no attribute behind", "CN=east,", PL_E_MALFORMED, NULL },
		{ "half an attribute", "C=CA, CN", PL_E_MALFORMED, NULL },
		{ "wildcard", "C=CA, CN=*", PL_E_MALFORMED, NULL },
		{ "wildcard before", "C=*, CN=east", PL_E_MALFORMED, NULL },
		{ "star in a name", "CN=*.example.org", 0, "CN=*.example.org" },
		{ "not escaped", "CN=a=b", PL_E_MALFORMED, NULL },
		{ "of two attributes", "CN=a+O=b", PL_E_MALFORMED, NULL },
		{ "half an escape", "CN=a\\", PL_E_MALFORMED, NULL },
		{ "half a byte", "CN=a\\C", PL_E_MALFORMED, NULL },
		{ "space in front", "CN= a", PL_E_MALFORMED, NULL },
		{ "space behind", "CN=a , O=b", PL_E_MALFORMED, NULL },
		{ "escaped backslash, then a space", "CN=a\\\\ ", PL_E_MALFORMED, NULL },
		{ "name that is a DN to pluto", "@a=b", PL_E_MALFORMED, NULL },
	};
	char got[PL_PEER_ID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s: %s\n", t[i].why, t[i].text);
		strcpy(got, "untouched");
		assert_int_equal(pl_peer_id_read(t[i].text, got), t[i].error);
		assert_string_equal(got, t[i].error == 0 ? t[i].want : "untouched");
	}
}

static void the_longest_ID_is_read_and_one_more_is_too_long(void **state)
{
	char text[PL_PEER_ID_MAX + 2], got[PL_PEER_ID_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = '@';
	text[PL_PEER_ID_MAX + 1] = '\0';
	assert_int_equal(pl_peer_id_read(text, got), PL_E_LIMIT_EXCEEDED);
	text[PL_PEER_ID_MAX] = '\0';
	assert_int_equal(pl_peer_id_read(text, got), 0);
	assert_string_equal(got, text);
	/* a DN that its spaces make too long */
	memcpy(text, "C=CA,CN=", 8);
	assert_int_equal(pl_peer_id_read(text, got), PL_E_LIMIT_EXCEEDED);
	text[PL_PEER_ID_MAX - 1] = '\0';
	assert_int_equal(pl_peer_id_read(text, got), 0);
	assert_int_equal(strlen(got), PL_PEER_ID_MAX);
}

#define WIRE(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static void only_who_proved_just_this_ID_is_admitted(void **state)
{
	static const struct {
		const char *why, *wanted;
		bool is_admitted;
		struct pl_identity_end end;
	} t[] = {
		{ "name", "@b", true, { "@b", 2, WIRE("b"), .auth = PL_AUTH_SIGNATURE } },
		{ "another", "@b", false, { "@c", 2, WIRE("c"), .auth = PL_AUTH_SIGNATURE } },
		{ "longer", "@b", false, { "@bb", 2, WIRE("bb"), .auth = PL_AUTH_SIGNATURE } },
		{ "case", "@b", false, { "@B", 2, WIRE("B"), .auth = PL_AUTH_SIGNATURE } },
		{ "NUL", "@b", false, { "@b", 2, WIRE("b\0c"), .auth = PL_AUTH_SIGNATURE } },
		{ "mail that looks like a name", "@b", false,
		  { "@b", 3, WIRE("@b"), .auth = PL_AUTH_SIGNATURE } },
		{ "a type that is not a name's", "@b", false,
		  { "@b", 11, WIRE("b"), .auth = PL_AUTH_SIGNATURE } },
		{ "mail", "u@b", true, { "u@b", 3, WIRE("u@b"), .auth = PL_AUTH_SIGNATURE } },
		{ "IPv4", "192.0.2.1", true,
		  { "192.0.2.1", 1, WIRE("\xc0\0\2\1"), .auth = PL_AUTH_SIGNATURE } },
		{ "mail that looks like an address", "192.0.2.1", false,
		  { "192.0.2.1", 3, WIRE("192.0.2.1"), .auth = PL_AUTH_SIGNATURE } },
		{ "key ID", "@#0x0aff", true,
		  { "@#0x0aff", 11, WIRE("\x0a\xff"), .auth = PL_AUTH_SIGNATURE } },
		{ "name that looks like a key ID", "@#0x0aff", false,
		  { "@#0x0aff", 2, WIRE("#0x0aff"), .auth = PL_AUTH_SIGNATURE } },
		{ "DN", "C=CA, CN=b", true,
		  { "C=CA, CN=b", 9, WIRE("0"), .auth = PL_AUTH_SIGNATURE } },
		{ "DN in another order", "C=CA, CN=b", false,
		  { "CN=b, C=CA", 9, WIRE("0"), .auth = PL_AUTH_SIGNATURE } },
		{ "DN of a certificate, asserted as a name", "C=CA, CN=b", true,
		  { "C=CA, CN=b", 2, WIRE("b"), .auth = PL_AUTH_SIGNATURE } },
		{ "mail that looks like a DN", "CN=b", false,
		  { "CN=b", 3, WIRE("CN=b"), .auth = PL_AUTH_SIGNATURE } },
		{ "no ID", "@b", false, { NULL, 2, WIRE("b"), .auth = PL_AUTH_SIGNATURE } },
		{ "EAP with a key", "@b", true, { "@b", 2, WIRE("b"), .auth = PL_AUTH_EAP } },
		{ "no proof", "@b", false, { "@b", 2, WIRE("b"), .auth = PL_AUTH_NULL } },
		{ "ticket", "@b", false, { "@b", 2, WIRE("b"), .auth = PL_AUTH_RESUME } },
		{ "nothing", "@b", false, { "@b", 2, WIRE("b"), .auth = PL_AUTH_NONE } },
	};
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_peer unknown = { .identity = NULL };

	(void)state;
	assert_true(pl_peer_id_admits(NULL, &unknown));
	assert_false(pl_peer_id_admits("@b", &unknown));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_identity_data data = { .peer = t[i].end };
		struct pl_peer peer = { .is_id_fixed = true };

		print_message("%s\n", t[i].why);
		data.peer.spki = (struct pl_blob)WIRE("key");
		assert_int_equal(pl_identity_intern(pool, &data, &peer.identity), 0);
		assert_true(pl_peer_id_admits(NULL, &peer));
		assert_int_equal(pl_peer_id_admits(t[i].wanted, &peer), t[i].is_admitted);
		pl_identity_unref(peer.identity);
		/* without the key that made the signature nobody is who he says */
		data.peer.spki.len = 0;
		assert_int_equal(pl_identity_intern(pool, &data, &peer.identity), 0);
		assert_false(pl_peer_id_admits(t[i].wanted, &peer));
		pl_identity_unref(peer.identity);
	}
	pl_identity_pool_free(pool);
}

/* Everybody who has it could say so, where the connection admits more than one. */
static void a_shared_key_proves_a_name_only_where_the_connection_fixes_it(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_data data = {
		.peer = { "@b", 2, WIRE("b"), .auth = PL_AUTH_PSK },
	};
	struct pl_peer peer = { .is_id_fixed = true };

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &data, &peer.identity), 0);
	assert_true(pl_peer_id_admits("@b", &peer));
	peer.is_id_fixed = false;
	assert_false(pl_peer_id_admits("@b", &peer));
	pl_identity_unref(peer.identity);
	pl_identity_pool_free(pool);
}

/* Before anybody has proved anything; each row both ways round. */
static void who_may_turn_out_to_be_whom_is_said_in_doubt(void **state)
{
	static const struct {
		const char *why, *one, *other;
		bool want;
	} t[] = {
		{ "nobody knows", NULL, "@a", true },
		{ "equal", "@a", "@a", true },
		{ "case counts nowhere", "@A.example", "@a.example", true },
		{ "another name", "@a", "@b", false },
		{ "a longer name", "@a", "@ab", false },
		{ "another type", "@a.example", "x@a.example", false },
		{ "a name is no address", "@192.0.2.1", "192.0.2.1", false },
		{ "an address in two forms", "2001:db8::1", "2001:0db8:0::1", true },
		{ "another address", "2001:db8::1", "2001:db8::2", false },
		{ "anybody", "%any", "@a", true },
		{ "a wildcard", "CN=*, O=x", "CN=a, O=x", true },
		{ "a DN", "CN=a, O=x", "CN=a,O=x", true },
		{ "a DN in another order", "O=x, CN=A", "CN=a, O=x", true },
		{ "another value", "CN=a, O=x", "CN=b, O=x", false },
		{ "a value that begins like it", "CN=a, O=x", "CN=ab, O=x", false },
		{ "one attribute more", "CN=a, O=x", "CN=a, O=x, C=y", false },
		{ "one attribute twice", "CN=a, O=x, O=y", "CN=a, O=x, O=x", false },
		{ "two that are swapped", "OU=a, OU=b, CN=c", "CN=c, OU=b, OU=a", true },
		{ "a DN is no name", "CN=a", "@a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (pl_peer_id_may_be(t[i].one, t[i].other) != t[i].want ||
		    pl_peer_id_may_be(t[i].other, t[i].one) != t[i].want)
			fail_msg("%s: %s %s", t[i].why, t[i].one, t[i].other);
	}
}

static void SAs_are_wanted_of_who_was_named_or_else_latched(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_data data = {
		.peer = { "@b", 2, WIRE("b"), .auth = PL_AUTH_PSK },
	};
	struct pl_peer peer = { .identity = NULL };

	(void)state;
	assert_null(pl_peer_id_wanted(NULL, &peer));
	assert_string_equal(pl_peer_id_wanted("@a", &peer), "@a");
	assert_int_equal(pl_identity_intern(pool, &data, &peer.identity), 0);
	assert_string_equal(pl_peer_id_wanted(NULL, &peer), "@b");
	assert_string_equal(pl_peer_id_wanted("@a", &peer), "@a");
	pl_identity_unref(peer.identity);
	pl_identity_pool_free(pool);
}

static void a_demand_is_the_latch_s_until_it_is_dropped(void **state)
{
	struct pl_demands *demands = pl_demands_new();

	(void)state;
	assert_null(pl_demands_find(demands, 1));
	pl_demands_drop(demands, 1);
	for (uint64_t id = 1; id <= 300; id++)
		assert_int_equal(pl_demands_set(demands, id, id % 2 == 0 ? "@even" : "@odd"), 0);
	assert_string_equal(pl_demands_find(demands, 7), "@odd");
	assert_string_equal(pl_demands_find(demands, 8), "@even");
	/* from the table itself */
	assert_int_equal(pl_demands_set(demands, 8, pl_demands_find(demands, 8)), 0);
	assert_string_equal(pl_demands_find(demands, 8), "@even");
	assert_int_equal(pl_demands_set(demands, 8, "@new"), 0);
	assert_string_equal(pl_demands_find(demands, 8), "@new");
	assert_int_equal(pl_demands_set(demands, 8, NULL), 0);
	assert_null(pl_demands_find(demands, 8));
	pl_demands_drop(demands, 9);
	assert_null(pl_demands_find(demands, 9));
	assert_string_equal(pl_demands_find(demands, 10), "@even");
	assert_null(pl_demands_free(demands));
	assert_null(pl_demands_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_pluto_writes_is_read_and_nothing_else),
		cmocka_unit_test(the_longest_ID_is_read_and_one_more_is_too_long),
		cmocka_unit_test(only_who_proved_just_this_ID_is_admitted),
		cmocka_unit_test(a_shared_key_proves_a_name_only_where_the_connection_fixes_it),
		cmocka_unit_test(who_may_turn_out_to_be_whom_is_said_in_doubt),
		cmocka_unit_test(SAs_are_wanted_of_who_was_named_or_else_latched),
		cmocka_unit_test(a_demand_is_the_latch_s_until_it_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
