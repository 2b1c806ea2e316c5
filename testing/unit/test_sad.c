/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirrors of SAs and policies: every search against a naive array, and how much each of them
 * looks at (design D17).
 */

#include "core/pl_sad.h"
#include "core/pl_spd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pl_identity_pool *pool;
static struct pl_identity *peers[3];

static int setup(void **state)
{
	static const char *const names[] = { "B", "C", "D" };

	(void)state;
	pool = pl_identity_pool_new();
	for (unsigned i = 0; i < 3; i++) {
		struct pl_identity_data data = { .peer = { .id = names[i] }, .own = { .id = "A" } };

		assert_int_equal(pl_identity_intern(pool, &data, &peers[i]), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		pl_identity_unref(peers[i]);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pl_identity_pool_free(pool);
	return 0;
}

/* Small numbers, so that they meet; at both ends of each field. */
static unsigned small(unsigned roof)
{
	return (unsigned)random() % roof;
}

static struct pl_ts some_ts(bool may_be_odd)
{
	struct pl_ts ts = { .af = small(5) ? PL_AF_IP4 : PL_AF_IP6 };
	size_t last = ts.af == PL_AF_IP4 ? 3 : 15;

	ts.proto = small(2) ? 0 : small(2) ? PL_TUPLE_TCP : PL_TUPLE_UDP;
	ts.lo[0] = ts.hi[0] = 10;
	ts.lo[last] = (uint8_t)small(6);
	ts.hi[last] = (uint8_t)(ts.lo[last] + (small(2) ? 0 : small(4)));
	if (small(8) == 0) {
		memset(ts.lo, 0, sizeof(ts.lo));
		memset(ts.hi, 0xff, last + 1);
	}
	ts.lo_port = small(2) ? 0 : (uint16_t)(1 + small(5));
	ts.hi_port = ts.lo_port == 0 ? UINT16_MAX : (uint16_t)(ts.lo_port + small(3));
	if (small(20) == 0) {
		ts.lo_port = UINT16_MAX;	/* OPAQUE */
		ts.hi_port = 0;
	} else if (may_be_odd && small(30) == 0) {
		ts.lo_port = 9;			/* upside down */
		ts.hi_port = 5;
	} else if (may_be_odd && small(40) == 0) {
		ts.af = 0;
	}
	return ts;
}

static void some_list(struct pl_ts_list *ret)
{
	static const unsigned lens[] = { 1, 1, 1, 1, 2, 3, 0 };

	ret->len = lens[small(7)];
	for (unsigned i = 0; i < 3; i++)
		ret->list[i] = some_ts(true);
	if (small(60) == 0)
		ret->len = PL_TS_MAX + 1;
}

static struct pl_tuple some_tuple(void)
{
	struct pl_tuple t = {
		.af = small(5) ? PL_AF_IP4 : PL_AF_IP6,
		.proto = small(3) ? PL_TUPLE_TCP : PL_TUPLE_UDP,
		.local_port = (uint16_t)(1 + small(6)), .remote_port = (uint16_t)(1 + small(6)),
		.local = { 10 }, .remote = { 10 },
	};
	size_t last = t.af == PL_AF_IP4 ? 3 : 15;

	t.local[last] = (uint8_t)small(8);
	t.remote[last] = (uint8_t)small(8);
	return t;
}

static struct pl_fact some_fact(uint64_t child)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_INSTALL, .ike = 1 + small(2), .child = child,
		.role = small(40) == 0 ? PL_ROLE_NONE :
			small(2) ? PL_ROLE_INITIATOR : PL_ROLE_RESPONDER,
		.conn = { .serial = 1 + small(3) },
		.identity = small(10) == 0 ? NULL : peers[small(3)],
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TUNNEL, .encrypt = "AES_GCM_16",
			.key_bits = 256, .integ = "NONE", .replay_window = 64,
			.reqid = small(5), .has_esn = small(2) != 0,
		},
	};

	some_list(&fact.u.child.tsi);
	some_list(&fact.u.child.tsr);
	return fact;
}

enum { MOST = 120 };

struct naive {
	struct pl_sa *sas[MOST];	/* in the order of serials */
	unsigned len;
};

/* Kin by the letter: all that a peer, a pin or a reqid depends on. */
static bool are_kin(const struct pl_sa *a, const struct pl_sa *b)
{
	return a->conn == b->conn && a->reqid == b->reqid && a->is_known == b->is_known &&
	       (!a->is_known || (a->params.peer.identity == b->params.peer.identity &&
				 a->ike == b->ike &&
				 a->params.suites[0].esn == b->params.suites[0].esn));
}

struct hits {
	const struct pl_sa *list[MOST];
	unsigned len;
};

static int note(void *ctx, const struct pl_sa *sa)
{
	struct hits *hits = ctx;

	for (unsigned i = 0; i < hits->len; i++)
		assert_ptr_not_equal(hits->list[i], sa);
	hits->list[hits->len++] = sa;
	return 0;
}

static bool is_hit(const struct hits *hits, const struct pl_sa *sa)
{
	for (unsigned i = 0; i < hits->len; i++) {
		if (hits->list[i] == sa)
			return true;
	}
	return false;
}

static void compare_touch(const struct pl_sad *sad, const struct naive *naive)
{
	struct pl_tuple tuple = some_tuple();
	struct hits hits = { .len = 0 };
	uint32_t reqid = small(5);
	struct pl_sa_view *views;
	unsigned nr = 99, at = 0, want = 0;
	size_t steps = SIZE_MAX;

	assert_int_equal(pl_sad_touch(sad, &tuple, note, &hits, &steps), 0);
	assert_true(steps >= hits.len && steps < SIZE_MAX);
	assert_int_equal(pl_sad_views(sad, &tuple, reqid, &views, &nr), 0);
	assert_int_equal(nr, hits.len);
	for (unsigned i = 0; i < naive->len; i++) {
		bool wanted = pl_sa_touches(naive->sas[i], &tuple);

		assert_int_equal(is_hit(&hits, naive->sas[i]), wanted);
		want += wanted;
	}
	assert_int_equal(want, hits.len);
	/* Views: those of the reqid first, then the rest, both by serial. */
	for (unsigned second = 0; second < 2; second++) {
		for (unsigned i = 0; i < naive->len; i++) {
			const struct pl_sa *sa = naive->sas[i];
			bool is_first = reqid != 0 && sa->reqid == reqid;

			if (is_first == (second == 0) && pl_sa_touches(sa, &tuple))
				assert_int_equal(views[at++].child, sa->child);
		}
	}
	assert_int_equal(at, nr);
	free(views);
}

/* Exactly one of each kin that is wanted. */
static void compare_kin(const struct naive *naive, const struct hits *hits, uint64_t conn,
			uint32_t reqid, bool by_conn)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < naive->len; i++) {
		const struct pl_sa *sa = naive->sas[i];
		unsigned nr = 0;

		if (by_conn ? sa->conn != conn : sa->reqid != reqid)
			continue;
		for (unsigned h = 0; h < hits->len; h++)
			nr += are_kin(hits->list[h], sa);
		assert_int_equal(nr, 1);
		seen += is_hit(hits, sa);
	}
	assert_int_equal(seen, hits->len);
}

static void compare_groups(const struct pl_sad *sad, const struct naive *naive)
{
	struct hits of_conn = { .len = 0 }, of_reqid = { .len = 0 }, kin = { .len = 0 };
	uint64_t conn = small(5);
	uint32_t reqid = small(6);
	const struct pl_sa *one;

	assert_int_equal(pl_sad_of_conn(sad, conn, note, &of_conn), 0);
	compare_kin(naive, &of_conn, conn, reqid, true);
	assert_int_equal(pl_sad_of_reqid(sad, reqid, note, &of_reqid), 0);
	compare_kin(naive, &of_reqid, conn, reqid, false);
	if (naive->len == 0)
		return;
	one = naive->sas[small(naive->len)];
	assert_int_equal(pl_sa_kin(one, note, &kin), 0);
	for (unsigned i = 0; i < naive->len; i++)
		assert_int_equal(is_hit(&kin, naive->sas[i]), are_kin(one, naive->sas[i]));
}

/* Packet by packet: is there one, from anywhere, that it selects and that is for the listener? The
 * addresses of these tests differ in their last byte alone, or are all there are. */
static bool selects(const struct pl_ts_list *list, const struct pl_tuple *t, bool is_local)
{
	bool is_any = !is_local || pl_tuple_is_wildcard(t);

	for (unsigned i = 0; i < list->len && list->len <= PL_TS_MAX; i++) {
		const struct pl_ts *ts = &list->list[i];
		size_t size = t->af == PL_AF_IP4 ? 4 : 16;
		bool is_address = is_any || (memcmp(t->local, ts->lo, size) >= 0 &&
					     memcmp(t->local, ts->hi, size) <= 0);

		if (ts->af != t->af || (ts->proto != 0 && ts->proto != t->proto) || !is_address)
			continue;
		for (unsigned port = ts->lo_port; port <= ts->hi_port; port++) {
			if (!is_local || port == t->local_port)
				return true;
		}
	}
	return false;
}

/* What is upside down selects nothing here: nobody may come by it. */
static void compare_listener(const struct pl_sad *sad, const struct naive *naive)
{
	struct pl_tuple from = some_tuple(), listener;
	struct hits hits = { .len = 0 };
	uint32_t last = 0;

	pl_tuple_listener_of(&from, small(3) == 0, &listener);
	assert_int_equal(pl_sad_of_listener(sad, &listener, note, &hits), 0);
	for (unsigned i = 0; i < hits.len; i++) {
		assert_true(pl_sa_reaches(hits.list[i], &listener));
		assert_true(hits.list[i]->reqid >= last);
		last = hits.list[i]->reqid;
	}
	for (unsigned i = 0; i < naive->len; i++) {
		const struct pl_sa *sa = naive->sas[i];
		bool is_ours = sa->role == PL_ROLE_INITIATOR;
		bool want = sa->role != PL_ROLE_NONE &&
			    selects(is_ours ? &sa->tsi : &sa->tsr, &listener, true) &&
			    selects(is_ours ? &sa->tsr : &sa->tsi, &listener, false);
		unsigned nr = 0;

		assert_int_equal(pl_sa_reaches(sa, &listener), want);
		for (unsigned h = 0; h < hits.len && want; h++)
			nr += are_kin(hits.list[h], sa);
		assert_int_equal(nr, want);
	}
}

static void the_mirror_of_SAs_agrees_with_a_naive_array_D17(void **state)
{
	struct pl_sad *sad = pl_sad_new();
	struct naive naive = { .len = 0 };
	unsigned seed = 17;
	uint64_t child = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 30000; round++) {
		bool grows = round / 1000 % 2 == 0;

		if (naive.len < MOST && (naive.len == 0 || small(8) < (grows ? 6u : 2u))) {
			struct pl_fact fact = some_fact(++child);

			assert_int_equal(pl_sad_add(sad, &fact, &naive.sas[naive.len]), 0);
			naive.len++;
			assert_int_equal(pl_sad_add(sad, &fact, &naive.sas[naive.len - 1]),
					 PL_E_WRONG_STATE);
		} else {
			unsigned at = small(naive.len);

			pl_sad_take(sad, naive.sas[at]);
			pl_sa_free(naive.sas[at]);
			naive.len--;
			memmove(&naive.sas[at], &naive.sas[at + 1],
				(naive.len - at) * sizeof(naive.sas[0]));
		}
		assert_int_equal(pl_sad_count(sad), naive.len);
		compare_touch(sad, &naive);
		compare_groups(sad, &naive);
		if (round % 4 == 0)
			compare_listener(sad, &naive);
		if (small(2000) == 0) {
			pl_sad_clear(sad);
			naive.len = 0;
		}
	}
	pl_sad_free(sad);
}

static int count(void *ctx, const struct pl_sa *sa)
{
	(void)sa;
	++*(unsigned *)ctx;
	return 0;
}

static int stop(void *ctx, const struct pl_sa *sa)
{
	(void)sa;
	return ++*(unsigned *)ctx == 3 ? 77 : 0;
}

/* From 10.0.0.1 to host @n of 10.1.0.0/16; @port 0 is every port. */
static struct pl_fact to_host(unsigned n, uint16_t port)
{
	struct pl_fact fact = some_fact(1 + n + 65536ull * port);
	struct pl_ts here = { .af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 10, 0, 0, 1 },
			      .hi = { 10, 0, 0, 1 } };
	struct pl_ts there = here;

	there.lo[1] = there.hi[1] = 1;
	there.lo[2] = there.hi[2] = (uint8_t)(n >> 8);
	there.lo[3] = there.hi[3] = (uint8_t)n;
	if (port != 0) {
		there.proto = PL_TUPLE_TCP;
		there.lo_port = there.hi_port = port;
	}
	fact.role = PL_ROLE_INITIATOR;
	fact.ike = 1;
	fact.identity = peers[0];
	fact.conn.serial = 1;
	fact.u.child.reqid = 1;
	fact.u.child.has_esn = false;
	fact.u.child.tsi = (struct pl_ts_list) { .len = 1, .list = { here } };
	fact.u.child.tsr = (struct pl_ts_list) { .len = 1, .list = { there } };
	return fact;
}

static void a_latch_looks_only_at_SAs_that_may_touch_it_D17(void **state)
{
	struct pl_sad *sad = pl_sad_new();
	struct pl_tuple tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 500,
		.local = { 10, 0, 0, 1 }, .remote = { 10, 1, 0, 77 },
	};
	struct pl_fact fact;
	struct pl_sa *sa;
	unsigned hits = 0;
	size_t steps;

	(void)state;
	/* A thousand peers, a thousand narrow SAs to one of them, and everything for everybody. */
	for (unsigned i = 0; i < 1000; i++) {
		fact = to_host(i, 0);
		assert_int_equal(pl_sad_add(sad, &fact, &sa), 0);
		fact = to_host(77, (uint16_t)(1 + i));
		assert_int_equal(pl_sad_add(sad, &fact, &sa), 0);
	}
	fact = to_host(65000, 0);
	memset(fact.u.child.tsi.list[0].lo, 0, 16);
	memset(fact.u.child.tsi.list[0].hi, 0xff, 4);
	fact.u.child.tsr = fact.u.child.tsi;
	assert_int_equal(pl_sad_add(sad, &fact, &sa), 0);
	assert_int_equal(pl_sad_touch(sad, &tuple, count, &hits, &steps), 0);
	assert_int_equal(hits, 3);
	/* One look for each hit, and two for each pair of prefix lengths. */
	assert_true(steps <= 3 + 2 * 3);
	hits = 0;
	assert_int_equal(pl_sad_touch(sad, &tuple, stop, &hits, &steps), 77);
	assert_int_equal(hits, 3);
	/* All of them are kin: one question. */
	hits = 0;
	assert_int_equal(pl_sad_of_reqid(sad, 1, count, &hits), 0);
	assert_int_equal(pl_sad_of_conn(sad, 1, count, &hits), 0);
	assert_int_equal(hits, 2);
	assert_int_equal(pl_sa_kin(sa, stop, &hits), 77);
	pl_sad_free(sad);
}

struct rules {
	struct pl_policy_facts list[MOST];
	unsigned len;
};

static struct pl_policy_facts some_policy(void)
{
	static const char *const shunts[] = { "", "PASS", "DROP", "HOLD" };
	struct pl_policy_facts policy = {
		.direction = (enum pl_direction)small(PL_DIR_ROOF), .priority = small(4),
		.src = some_ts(true), .dst = some_ts(true), .nr_templates = small(3) != 0,
	};

	snprintf(policy.shunt, sizeof(policy.shunt), "%s", shunts[small(4)]);
	return policy;
}

static bool rule_applies(const struct pl_policy_facts *p, const struct pl_tuple *t)
{
	const struct pl_ts *local = p->direction == PL_DIR_OUT ? &p->src : &p->dst;
	const struct pl_ts *remote = p->direction == PL_DIR_OUT ? &p->dst : &p->src;

	return pl_ts_is_valid(local) && pl_ts_is_valid(remote) &&
	       pl_tuple_ts_meets(local, t->af, t->local, t->proto, t->local_port) &&
	       pl_tuple_ts_meets(remote, t->af, t->remote, t->proto, t->remote_port);
}

static bool rule_passes(const struct pl_policy_facts *p)
{
	return p->nr_templates == 0 && strcmp(p->shunt, "DROP") != 0 &&
	       strcmp(p->shunt, "HOLD") != 0;
}

/* As to every connection that both select. */
static bool rules_are_alike(const struct pl_policy_facts *a, const struct pl_policy_facts *b)
{
	return a->priority == b->priority && a->reqid == b->reqid &&
	       rule_passes(a) == rule_passes(b);
}

static enum pl_spd_answer judge_naively(const struct rules *rules, const struct pl_tuple *t,
					enum pl_direction way)
{
	enum pl_spd_answer answer = PL_SPD_ABSENT;
	uint32_t best = UINT32_MAX;

	for (unsigned i = 0; i < rules->len; i++) {
		const struct pl_policy_facts *p = &rules->list[i];
		bool passes = rule_passes(p);

		if (p->direction != way || !rule_applies(p, t) || p->priority > best)
			continue;
		if (p->priority < best || passes)
			answer = passes ? PL_SPD_PASSES : PL_SPD_PROTECTS;
		best = p->priority;
	}
	return answer;
}

static void change_rules(struct pl_spd *spd, struct rules *rules, unsigned round)
{
	bool again = rules->len > 0 && small(2) == 0, grows = round / 1000 % 2 == 0;
	struct pl_policy_facts policy = some_policy();
	unsigned at;

	if (again) {
		at = small(rules->len);
		policy.direction = rules->list[at].direction;
		policy.src = rules->list[at].src;
		policy.dst = rules->list[at].dst;
	}
	for (at = 0; at < rules->len; at++) {
		const struct pl_policy_facts *p = &rules->list[at];

		if (p->direction == policy.direction && pl_ts_is_equal(&p->src, &policy.src) &&
		    pl_ts_is_equal(&p->dst, &policy.dst))
			break;
	}
	if (small(8) < (grows ? 6u : 2u) && at < MOST) {
		bool is_change = false;

		assert_int_equal(pl_spd_add(spd, &policy, &is_change), 0);
		if (at == rules->len || !rules_are_alike(&policy, &rules->list[at]))
			assert_true(is_change);
		/* the very same one */
		assert_int_equal(pl_spd_add(spd, &policy, &is_change), 0);
		assert_false(is_change);
		policy.reqid = 1;
		assert_int_equal(pl_spd_add(spd, &policy, &is_change), 0);
		assert_true(is_change);
		policy.reqid = 0;
		assert_int_equal(pl_spd_add(spd, &policy, &is_change), 0);
		assert_true(is_change);
		rules->list[at] = policy;
		rules->len += at == rules->len;
	} else {
		pl_spd_remove(spd, &policy);
		if (at < rules->len)
			rules->list[at] = rules->list[--rules->len];
	}
}

static void the_mirror_of_policies_agrees_with_a_naive_array_D17(void **state)
{
	struct pl_spd *spd = pl_spd_new();
	struct rules rules = { .len = 0 };
	unsigned seed = 35;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 30000; round++) {
		change_rules(spd, &rules, round);
		for (unsigned i = 0; i < 3; i++) {
			struct pl_tuple t = some_tuple();
			enum pl_spd_answer in = judge_naively(&rules, &t, PL_DIR_IN);
			enum pl_spd_answer out = judge_naively(&rules, &t, PL_DIR_OUT);
			enum pl_direction way = PL_DIR_NONE;

			assert_int_equal(pl_spd_judge(spd, &t, NULL, 0, &way), in > out ? in : out);
			assert_int_equal(way, in > out ? PL_DIR_IN :
					      out == PL_SPD_PROTECTS ? PL_DIR_NONE : PL_DIR_OUT);
		}
		if (small(2000) == 0) {
			pl_spd_clear(spd);
			rules.len = 0;
		}
	}
	pl_spd_free(spd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mirror_of_SAs_agrees_with_a_naive_array_D17),
		cmocka_unit_test(a_latch_looks_only_at_SAs_that_may_touch_it_D17),
		cmocka_unit_test(the_mirror_of_policies_agrees_with_a_naive_array_D17),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
