/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which latch has a channel binding, and when: only while ESTABLISHED, and never another one
 * (RFC 5056; L28, CB2).
 */

#include "engine_stage.h"

#include <string.h>

/* A digest that shows whose key it was; test_binding has the real one. */
static int fold(struct pl_blob bytes, uint8_t ret[static PL_SHA256_BYTES])
{
	memset(ret, 0, PL_SHA256_BYTES);
	for (size_t i = 0; i < bytes.len; i++)
		ret[i % PL_SHA256_BYTES] ^= bytes.ptr[i];
	return 0;
}

static const struct pl_digest_ops digest = { .sha256 = fold };

static struct pl_identity *with_keys(const char *peer_key, const char *own_key)
{
	struct pl_blob anchor = { (const uint8_t *)"CA", 2 };
	struct pl_identity_data data = {
		.peer = { .id = "B", .auth = PL_AUTH_SIGNATURE, .anchor = anchor,
			  .spki = { (const uint8_t *)peer_key, strlen(peer_key) } },
		.own = { .id = "A", .auth = PL_AUTH_SIGNATURE,
			 .spki = { (const uint8_t *)own_key, strlen(own_key) } },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static struct pl_identity *known, *renewed, *ours_renewed;

static int setup_binding(void **state)
{
	struct pl_ops ops = *fake_ops();
	struct pl_engine_settings settings = {
		.hash_key = { 1 }, .first_id = 1, .conf = &fake.conf, .identities = NULL,
	};

	if (setup(state) != 0)
		return -1;
	settings.identities = pool;
	fake.conf.peer_match = PL_PEER_MATCH_ID;
	ops.digest = &digest;
	fake.engine = pl_engine_free(fake.engine);
	fake.engine = pl_engine_new(NULL, NULL);
	assert_int_equal(pl_engine_start(fake.engine, &ops, &settings), 0);
	policy(PL_FACT_POLICY_ADD, "", 1);
	known = with_keys("key of b", "key of a");
	renewed = with_keys("new key of b", "key of a");
	ours_renewed = with_keys("key of b", "new key of a");
	return 0;
}

static int teardown_binding(void **state)
{
	fake.engine = pl_engine_free(fake.engine);
	pl_identity_unref(known);
	pl_identity_unref(renewed);
	pl_identity_unref(ours_renewed);
	return teardown(state);
}

static uint64_t latched(void)
{
	uint64_t id;

	assert_int_equal(install(child(1, known, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(5000, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	return id;
}

static int ask_binding(uint64_t id, struct pl_binding *ret)
{
	const struct pl_latch *latch;

	assert_int_equal(pl_engine_inquire(fake.engine, NULL, id, &latch), 0);
	return pl_engine_binding(fake.engine, latch, PL_BINDING_END_POINT, ret);
}

static void assert_same(uint64_t id, const struct pl_binding *want)
{
	struct pl_binding binding;

	assert_int_equal(ask_binding(id, &binding), 0);
	assert_memory_equal(binding.data, want->data, sizeof(want->data));
}

static void it_is_the_same_over_rekeys_and_withdrawn_by_a_break_CB2_L28(void **state)
{
	struct pl_binding first, none;
	uint64_t id = latched();

	(void)state;
	assert_int_equal(ask_binding(id, &first), 0);
	assert_int_equal(first.data[0], 0);	/* 'k' of both keys */
	assert_int_equal(first.data[7], 'a' ^ 'b');
	assert_int_equal(install(child(2, known, REQID_B)), PL_VERDICT_ACCEPT);
	assert_same(id, &first);
	down(1);
	assert_same(id, &first);
	down(2);	/* packet loss (K15), and no other keys */
	assert_same(id, &first);
	assert_int_equal(install(child(3, who_c, REQID_C)), PL_VERDICT_ACCEPT);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	assert_int_equal(ask_binding(id, &none), PL_E_WRONG_STATE);
	down(3);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_same(id, &first);
}

static void a_renewed_key_of_either_end_withdraws_it_CB2(void **state)
{
	struct pl_identity *const others[] = { renewed, ours_renewed };
	struct pl_binding first, none;
	uint64_t id = latched();

	(void)state;
	assert_int_equal(ask_binding(id, &first), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(install(child(10 + i, others[i], REQID_B)), PL_VERDICT_ACCEPT);
		assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
		assert_int_equal(ask_binding(id, &none), PL_E_NOT_AVAILABLE);
		down(10 + i);
		assert_same(id, &first);
	}
}

static void what_has_no_peer_has_none_CB2(void **state)
{
	struct pl_tuple listener = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000,
				     .local = { 192, 0, 2, 1 } };
	struct pl_engine_ask ask = ask_for(listener);
	struct pl_binding none;
	uint64_t id, ids[2];
	unsigned nr;

	(void)state;
	assert_int_equal(pl_engine_listen(fake.engine, &ask, ids, &nr), 0);
	assert_int_equal(ask_binding(ids[0], &none), PL_E_WRONG_STATE);
	id = latched();
	assert_int_equal(pl_engine_release(fake.engine, NULL, id), 0);
	assert_int_not_equal(state_of(id), PL_STATE_NONE);	/* until its socket is gone */
	assert_int_equal(ask_binding(id, &none), PL_E_WRONG_STATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_binding, teardown_binding)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_same_over_rekeys_and_withdrawn_by_a_break_CB2_L28),
		TEST(a_renewed_key_of_either_end_withdraws_it_CB2),
		TEST(what_has_no_peer_has_none_CB2),
	};

	return cmocka_run_group_tests_name("engine_binding", tests, NULL, NULL);
}
