/* SPDX-License-Identifier: GPL-2.0-or-later */

/* K31: which single difference between a latch and an SA is a conflict. */

#include "core/pl_conflict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct pl_conflict_rules strict = { PL_PEER_MATCH_KEY, false };
static const struct pl_conflict_rules pin = { PL_PEER_MATCH_KEY, true };
static const struct pl_conflict_rules by_id = { PL_PEER_MATCH_ID, false };

static const struct pl_tuple tuple = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 5000,
	.local = { 192, 0, 2, 1 }, .remote = { 192, 0, 2, 2 },
};

static struct pl_identity_pool *pool;

static struct pl_blob blob(const char *text)
{
	return (struct pl_blob) { (const uint8_t *)text, strlen(text) };
}

static struct pl_identity *somebody(const char *id, const char *anchor, const char *spki,
				    enum pl_auth auth, const char *own)
{
	struct pl_identity_data data = {
		.peer = { .id = id, .auth = auth, .anchor = blob(anchor), .spki = blob(spki) },
		.own = { .id = own, .auth = PL_AUTH_SIGNATURE, .spki = blob(own) },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

static int setup(void **state)
{
	(void)state;
	pool = pl_identity_pool_new();
	return pool == NULL;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pool = pl_identity_pool_free(pool);
	return 0;
}

/* A child SA of our making: 192.0.2.1 to 192.0.2.2, everything. */
static struct pl_fact child_of(struct pl_identity *identity)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_INSTALL, .child = 12, .role = PL_ROLE_INITIATOR,
		.identity = identity,
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT,
			.encrypt = "AES_CBC", .key_bits = 256, .integ = "HMAC_SHA2_256_128",
			.replay_window = 128, .tsi = { .len = 1 }, .tsr = { .len = 1 },
		},
	};
	struct pl_ts *tsi = fact.u.child.tsi.list, *tsr = fact.u.child.tsr.list;

	*tsi = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, 1 },
				.hi = { 192, 0, 2, 1 } };
	*tsr = (struct pl_ts) { .af = 4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, 2 },
				.hi = { 192, 0, 2, 2 } };
	return fact;
}

static void each_single_difference_alone_is_a_conflict_K31_L6(void **state)
{
	struct pl_identity *b = somebody("B", "ca", "key", PL_AUTH_SIGNATURE, "A");
	struct {
		const char *why;
		struct pl_fact fact;
		unsigned diff;
		enum pl_conflict strict, pin;
	} t[20];
	unsigned n = 0;
	struct pl_params latched, params;
	struct pl_sa_view view;
	struct pl_fact first = child_of(b);

	(void)state;
	pl_sa_view_of(&first, 1, false, &latched, &view);
	assert_ptr_equal(view.params, &latched);
#define ROW(text, d, s, p) do { \
		t[n].why = text; t[n].fact = child_of(b); t[n].diff = d; \
		t[n].strict = PL_CONFLICT_##s; t[n].pin = PL_CONFLICT_##p; n++; \
	} while (0)
#define LAST t[n - 1].fact.u.child
#define WHO(...) t[n - 1].fact.identity = somebody(__VA_ARGS__)
	ROW("nothing differs", 0, NONE, NONE);
	ROW("other ID", PL_DIFF_PEER_ID, BREAK, BREAK);
	WHO("C", "ca", "key", PL_AUTH_SIGNATURE, "A");
	ROW("other anchor", PL_DIFF_PEER_ANCHOR, BREAK, BREAK);
	WHO("B", "ca2", "key", PL_AUTH_SIGNATURE, "A");
	ROW("other key", PL_DIFF_PEER_KEY, BREAK, BREAK);
	WHO("B", "ca", "key2", PL_AUTH_SIGNATURE, "A");
	ROW("other method", PL_DIFF_PEER_METHOD, BREAK, BREAK);
	WHO("B", "ca", "key", PL_AUTH_EAP, "A");
	ROW("other own ID", PL_DIFF_LOCAL_ID | PL_DIFF_LOCAL_KEY, BREAK, BREAK);
	WHO("B", "ca", "key", PL_AUTH_SIGNATURE, "A2");
	ROW("foreign", PL_DIFF_PEER_UNKNOWN, BREAK, BREAK);
	t[n - 1].fact.identity = NULL;
	ROW("not to be judged", PL_DIFF_PEER_UNKNOWN, BREAK, BREAK);
	strcpy(LAST.encrypt, "ROT_13");
	ROW("compressed", PL_DIFF_PEER_UNKNOWN, BREAK, BREAK);
	LAST.has_ipcomp = true;
	ROW("mode", PL_DIFF_MODE, BREAK, BESIDE);
	LAST.mode = PL_MODE_TUNNEL;
	ROW("replay", PL_DIFF_REPLAY, BREAK, BESIDE);
	LAST.replay_window = 32;
	ROW("ESN", PL_DIFF_ESN, BREAK, BESIDE);
	LAST.has_esn = true;
	ROW("key length", PL_DIFF_KEY_LENGTH, BREAK, BESIDE);
	LAST.key_bits = 128;
	ROW("cipher", PL_DIFF_CIPHER, BREAK, BESIDE);
	strcpy(LAST.encrypt, "CAMELLIA_CBC");
	ROW("integrity", PL_DIFF_INTEGRITY, BREAK, BESIDE);
	strcpy(LAST.integ, "HMAC_SHA2_512_256");
	ROW("protection", PL_DIFF_PROTECTION | PL_DIFF_CIPHER | PL_DIFF_KEY_LENGTH, BREAK, BESIDE);
	strcpy(LAST.encrypt, "NULL");
	LAST.key_bits = 0;
	ROW("another flow's", 0, NONE, NONE);
	LAST.tsr.list[0].lo[3] = LAST.tsr.list[0].hi[3] = 9;
	t[n - 1].fact.identity = NULL;
	ROW("fragments only", PL_DIFF_PEER_UNKNOWN, BREAK, BREAK);
	LAST.tsr.list[0].lo_port = UINT16_MAX;
	LAST.tsr.list[0].hi_port = 0;
	t[n - 1].fact.identity = NULL;
	for (unsigned i = 0; i < n; i++) {
		struct pl_conflict_report report = { .diff = 4711 };

		pl_sa_view_of(&t[i].fact, 2, false, &params, &view);
		if (pl_conflict_judge(&tuple, &latched, &view, &strict, &report) != t[i].strict ||
		    report.diff != t[i].diff || report.verdict != t[i].strict ||
		    pl_conflict_judge(&tuple, &latched, &view, &pin, NULL) != t[i].pin)
			fail_msg("%s: %x", t[i].why, report.diff);
		assert_int_equal(report.child, 12);
		assert_int_equal(report.text[0] == '\0', t[i].strict == PL_CONFLICT_NONE);
		if (t[i].fact.identity != b)
			pl_identity_unref(t[i].fact.identity);
	}
	pl_identity_unref(b);
}

static void a_listener_conflicts_with_no_sa_K31(void **state)
{
	struct pl_fact fact = child_of(NULL);
	struct pl_params params, latched = { .mode = 0 };
	struct pl_tuple listener;
	struct pl_sa_view view;

	(void)state;
	pl_tuple_listener_of(&tuple, false, &listener);
	pl_sa_view_of(&fact, 1, false, &params, &view);
	assert_int_equal(pl_conflict_judge(&listener, &latched, &view, &strict, NULL),
			 PL_CONFLICT_NONE);
	assert_int_equal(pl_conflict_judge(&tuple, &latched, &view, &strict, NULL),
			 PL_CONFLICT_BREAK);
}

static void the_reason_names_both_peers_and_quotes_what_they_chose(void **state)
{
	char evil[300];
	struct pl_identity *b, *c;
	struct pl_params latched, params;
	struct pl_conflict_report report;
	struct pl_sa_view view;
	struct pl_fact fact;

	(void)state;
	b = somebody("B", "ca", "key", PL_AUTH_SIGNATURE, "A");
	c = somebody("C", "ca", "key2", PL_AUTH_SIGNATURE, "A");
	fact = child_of(b);
	pl_sa_view_of(&fact, 1, false, &latched, &view);
	fact.identity = c;
	pl_sa_view_of(&fact, 2, false, &params, &view);
	assert_int_equal(pl_conflict_judge(&tuple, &latched, &view, &strict, &report),
			 PL_CONFLICT_BREAK);
	assert_string_equal(report.text, "latched to 'B' (signature); SA #12 is of 'C' (signature) "
			    "and differs in peer-id, peer-key");
	pl_identity_unref(c);
	memset(evil, '\'', sizeof(evil));
	evil[0] = '\n';
	evil[1] = '\033';
	evil[2] = '\\';
	evil[3] = '~';
	evil[4] = ' ';
	evil[5] = 127;
	evil[sizeof(evil) - 1] = '\0';
	c = somebody(evil, "ca", "key2", PL_AUTH_SIGNATURE, "A");
	params.peer.identity = c;
	assert_int_equal(pl_conflict_judge(&tuple, &latched, &view, &strict, &report),
			 PL_CONFLICT_BREAK);
	assert_non_null(strstr(report.text, "SA #12 is of '???~ ???"));
	assert_non_null(strstr(report.text, "?' (signature) and differs in peer-id, peer-key"));
	assert_null(strchr(report.text, '\n'));
	params.peer.identity = NULL;
	pl_conflict_judge(&tuple, &latched, &view, &strict, &report);
	assert_non_null(strstr(report.text, "is of somebody unknown and differs in peer-unknown"));
	pl_identity_unref(b);
	pl_identity_unref(c);
}

static void a_latch_is_born_only_without_conflicting_sas_K22_K31_L15(void **state)
{
	struct pl_identity *b = somebody("B", "ca", "key", PL_AUTH_SIGNATURE, "A");
	struct pl_identity *c = somebody("C", "ca", "key2", PL_AUTH_SIGNATURE, "A");
	struct pl_fact fact[3] = { child_of(b), child_of(b), child_of(c) };
	struct pl_params params[3], got = { .replay_window = 99 };
	struct pl_conflict_report report = { .child = 0 };
	struct pl_wish wish = { .is_narrow = false }, strong = { .require = { 3, 257, 0, 0 } };
	struct pl_sa_view sas[3];
	struct pl_suite small;

	(void)state;
	fact[1].child = 13;
	fact[2].child = 14;
	for (unsigned i = 0; i < 3; i++)
		pl_sa_view_of(&fact[i], 1 + i, false, &params[i], &sas[i]);
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 0, &strict, &got, &report),
			 PL_E_NO_SA);
	assert_int_equal(pl_conflict_birth(&tuple, &strong, sas, 1, &strict, &got, &report),
			 PL_E_WEAK);
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 3, &strict, &got, &report),
			 PL_E_CONFLICT);
	assert_int_equal(report.child, 14);
	assert_int_equal(report.diff, PL_DIFF_PEER_ID | PL_DIFF_PEER_KEY);
	assert_int_equal(got.replay_window, 99);
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 2, &strict, &got, &report), 0);
	assert_memory_equal(&got, &params[0], sizeof(got));
	/* Two suites of one peer: a conflict, unless both are allowed (K22) or pinned apart. */
	params[1].suites[0].key_bits = 128;
	small = params[1].suites[0];
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 2, &strict, &got, &report),
			 PL_E_CONFLICT);
	assert_int_equal(report.child, 13);
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 2, &pin, &got, &report), 0);
	assert_false(pl_params_is_indeterminate(&got));
	sas[0].allowed = &small;
	sas[0].nr_allowed = 1;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 2, &strict, &got, &report), 0);
	assert_true(pl_params_is_indeterminate(&got));
	assert_int_equal(got.nr_suites, 2);
	/* What is allowed and was never enough, or is not for an SA of its own, is not latched. */
	strong.require.min_key_bits = 256;
	assert_int_equal(pl_conflict_birth(&tuple, &strong, sas, 1, &strict, &got, &report), 0);
	assert_int_equal(got.nr_suites, 1);
	wish.is_narrow = true;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 1, &strict, &got, &report), 0);
	assert_int_equal(got.nr_suites, 1);
	wish.is_narrow = false;
	/* What only touches the flow, or is of nobody, is no SA to latch to. */
	sas[0].nr_allowed = 0;
	fact[0].u.child.tsr.list[0].lo_port = UINT16_MAX;
	fact[0].u.child.tsr.list[0].hi_port = 0;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 1, &strict, &got, &report),
			 PL_E_NO_SA);
	sas[1].params = NULL;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, sas, 2, &strict, &got, &report),
			 PL_E_NO_SA);
	params[2].peer.identity = NULL;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, &sas[2], 1, &strict, &got, &report),
			 PL_E_NO_SA);
	pl_identity_unref(b);
	pl_identity_unref(c);
}

static void a_renewed_key_is_the_same_peer_only_with_peer_match_id(void **state)
{
	struct pl_identity *b = somebody("B", "ca", "key", PL_AUTH_SIGNATURE, "A");
	struct pl_identity *b2 = somebody("B", "ca", "key2", PL_AUTH_SIGNATURE, "A");
	struct pl_fact fact = child_of(b);
	struct pl_params latched, params;
	struct pl_sa_view view;
	struct pl_suite many[PL_SUITES_MAX];
	struct pl_wish wish = { .is_narrow = false };
	struct pl_conflict_report report;

	(void)state;
	pl_sa_view_of(&fact, 1, true, &latched, &view);
	assert_true(latched.peer.is_id_fixed);
	assert_int_equal(latched.peer.lineage, 1);
	fact.identity = b2;
	pl_sa_view_of(&fact, 2, false, &params, &view);
	assert_int_equal(pl_conflict_judge(&tuple, &latched, &view, &strict, NULL),
			 PL_CONFLICT_BREAK);
	assert_int_equal(pl_conflict_judge(&tuple, &latched, &view, &by_id, NULL),
			 PL_CONFLICT_NONE);
	for (unsigned i = 0; i < PL_SUITES_MAX; i++) {
		many[i] = latched.suites[0];
		many[i].key_bits = (uint16_t)(1 + i);
	}
	/* Where there is no room for all, it is latched to less. */
	view.allowed = many;
	view.nr_allowed = PL_SUITES_MAX;
	assert_int_equal(pl_conflict_birth(&tuple, &wish, &view, 1, &strict, &latched, &report), 0);
	assert_int_equal(latched.nr_suites, PL_SUITES_MAX);
	pl_identity_unref(b);
	pl_identity_unref(b2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_single_difference_alone_is_a_conflict_K31_L6),
		cmocka_unit_test(a_listener_conflicts_with_no_sa_K31),
		cmocka_unit_test(the_reason_names_both_peers_and_quotes_what_they_chose),
		cmocka_unit_test(a_latch_is_born_only_without_conflicting_sas_K22_K31_L15),
		cmocka_unit_test(a_renewed_key_is_the_same_peer_only_with_peer_match_id),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
