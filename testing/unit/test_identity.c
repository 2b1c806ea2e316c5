/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Identities: equal data is one object, any difference is another one, the last reference frees. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_identity.h"

#define BLOB(TEXT) { .ptr = (const uint8_t *)(TEXT), .len = sizeof(TEXT) - 1 }

static const struct pl_identity_data alice = {
	.peer = {
		.id = "CN=alice", .id_type = 9, .id_wire = BLOB("0\0alice"),
		.auth = PL_AUTH_SIGNATURE, .auth_wire = 14,
		.cert = BLOB("leaf"), .anchor = BLOB("anchor"), .spki = BLOB("key"),
	},
	.own = {
		.id = "CN=us", .auth = PL_AUTH_SIGNATURE, .cert = BLOB("ours"), .spki = BLOB("k"),
	},
};

static struct pl_identity *intern(struct pl_identity_pool *pool,
				  const struct pl_identity_data *data)
{
	struct pl_identity *identity = NULL;

	assert_int_equal(pl_identity_intern(pool, data, &identity), 0);
	assert_non_null(identity);
	return identity;
}

static void equal_identities_are_one_object(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	char id[] = "CN=alice", leaf[] = "leaf";
	struct pl_identity_data copy = alice;
	struct pl_identity *a, *b;

	(void)state;
	assert_non_null(pool);
	copy.peer.id = id;
	copy.peer.cert.ptr = (const uint8_t *)leaf;
	a = intern(pool, &alice);
	b = intern(pool, &copy);
	assert_ptr_equal(a, b);
	assert_int_equal(pl_identity_pool_count(pool), 1);
	assert_null(pl_identity_unref(a));
	assert_int_equal(pl_identity_pool_count(pool), 1);
	assert_null(pl_identity_unref(b));
	assert_int_equal(pl_identity_pool_count(pool), 0);
	assert_null(pl_identity_pool_free(pool));
}

static void an_identity_owns_its_bytes(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	char id[] = "CN=alice", leaf[] = "leaf";
	struct pl_identity_data data = alice;
	struct pl_identity *identity;

	(void)state;
	data.peer.id = id;
	data.peer.cert.ptr = (const uint8_t *)leaf;
	identity = intern(pool, &data);
	memset(id, 'x', sizeof(id) - 1);
	memset(leaf, 'x', sizeof(leaf) - 1);
	assert_string_equal(pl_identity_data(identity)->peer.id, "CN=alice");
	assert_memory_equal(pl_identity_data(identity)->peer.cert.ptr, "leaf", 4);
	assert_int_equal(pl_identity_data(identity)->peer.cert.len, 4);
	pl_identity_unref(identity);
	pl_identity_pool_free(pool);
}

static void mutate(struct pl_identity_data *data, unsigned which)
{
	struct pl_identity_end *end = which < 8 ? &data->peer : &data->own;
	static const struct pl_blob other = BLOB("other");

	switch (which % 8) {
	case 0: end->id = "CN=mallory"; break;
	case 1: end->id_type ^= 1; break;
	case 2: end->id_wire = other; break;
	case 3: end->auth = PL_AUTH_PSK; break;
	case 4: end->auth_wire ^= 1; break;
	case 5: end->cert = other; break;
	case 6: end->anchor = other; break;
	case 7: end->spki = other; break;
	}
}

static void a_difference_in_any_field_is_another_identity(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity *all[17];

	(void)state;
	all[16] = intern(pool, &alice);
	for (unsigned i = 0; i < 16; i++) {
		struct pl_identity_data data = alice;

		mutate(&data, i);
		all[i] = intern(pool, &data);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
		assert_ptr_not_equal(all[i], all[16]);
	}
	assert_int_equal(pl_identity_pool_count(pool), 17);
	for (unsigned i = 0; i < 17; i++)
		pl_identity_unref(all[i]);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pl_identity_pool_free(pool);
}

static void bytes_that_move_between_fields_are_another_identity(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity_data one = { .peer = { .cert = BLOB("ab"), .anchor = BLOB("c") } };
	struct pl_identity_data two = { .peer = { .cert = BLOB("a"), .anchor = BLOB("bc") } };
	struct pl_identity_data none = { .peer = { .id = NULL } }, empty = { .peer = { .id = "" } };
	struct pl_identity *a = intern(pool, &one), *b = intern(pool, &two),
			   *c = intern(pool, &none), *d = intern(pool, &empty);

	(void)state;
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(c, d);
	assert_null(pl_identity_data(c)->peer.id);
	assert_string_equal(pl_identity_data(d)->peer.id, "");
	assert_null(pl_identity_data(c)->peer.cert.ptr);
	pl_identity_unref(a);
	pl_identity_unref(b);
	pl_identity_unref(c);
	pl_identity_unref(d);
	pl_identity_pool_free(pool);
}

static void references_are_counted(void **state)
{
	struct pl_identity_pool *pool = pl_identity_pool_new();
	unsigned dice = 2010, refs = 0, deaths = 0;
	struct pl_identity *identity = NULL;

	(void)state;
	print_message("seed %u\n", dice);
	for (unsigned n = 0; n < 20000; n++) {
		switch (rand_r(&dice) % 3) {
		case 0:
			if (refs < 3) {
				identity = intern(pool, &alice);
				refs++;
			}
			break;
		case 1:
			if (refs > 0 && refs < 3) {
				assert_ptr_equal(pl_identity_ref(identity), identity);
				refs++;
			}
			break;
		default:
			if (refs > 0) {
				pl_identity_unref(identity);
				refs--;
			}
		}
		deaths += refs == 0;
		assert_int_equal(pl_identity_pool_count(pool), refs > 0 ? 1 : 0);
	}
	assert_in_range(deaths, 1000, 20000);
	while (refs-- > 0)
		pl_identity_unref(identity);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	assert_null(pl_identity_ref(NULL));
	assert_null(pl_identity_unref(NULL));
	pl_identity_pool_free(pool);
	assert_null(pl_identity_pool_free(NULL));
}

static void many_identities_are_told_apart(void **state)
{
	enum { MANY = 5000 };
	struct pl_identity_pool *pool = pl_identity_pool_new();
	struct pl_identity **all = calloc(MANY, sizeof(*all));

	(void)state;
	assert_non_null(all);
	for (uint32_t i = 0; i < MANY; i++) {
		struct pl_identity_data data = alice;

		data.peer.spki = (struct pl_blob) { .ptr = (const uint8_t *)&i, .len = sizeof(i) };
		all[i] = intern(pool, &data);
	}
	assert_int_equal(pl_identity_pool_count(pool), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_memory_equal(pl_identity_data(all[i])->peer.spki.ptr, &i, sizeof(i));
		pl_identity_unref(all[i]);
	}
	assert_int_equal(pl_identity_pool_count(pool), 0);
	free(all);
	pl_identity_pool_free(pool);
}

static void every_method_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < PL_AUTH_ROOF; i++) {
		assert_non_null(pl_auth_name(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(pl_auth_name(i), pl_auth_name(j));
	}
	assert_string_equal(pl_auth_name(PL_AUTH_ROOF), "none");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_identities_are_one_object),
		cmocka_unit_test(an_identity_owns_its_bytes),
		cmocka_unit_test(a_difference_in_any_field_is_another_identity),
		cmocka_unit_test(bytes_that_move_between_fields_are_another_identity),
		cmocka_unit_test(references_are_counted),
		cmocka_unit_test(many_identities_are_told_apart),
		cmocka_unit_test(every_method_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
