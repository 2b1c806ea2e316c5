/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Every effect of the engine failing at every place, and a random life against a naive model: in
 * the end nothing passes that must not, and there is always a way back.
 */

#include "engine_stage.h"

#include <stdlib.h>
#include <string.h>

static void look(struct harm *harm)
{
	count_lost(harm);
	assert_safe();
}

/* Everything a latch can live through, in one go. */
static void whole_life(struct harm *harm)
{
	struct pl_engine_ask ask = ask_for(flow(0));
	struct pl_tuple tuple = flow(6000);
	uint64_t ids[2], id = 0, accepted = 0;
	unsigned nr;

	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	(void)!install(child(1, who_b, REQID_B));
	look(harm);
	(void)!latch_flow(5000, &id);
	look(harm);
	(void)!pl_engine_listen(fake.engine, &ask, ids, &nr);
	(void)!pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &accepted);
	look(harm);
	(void)!install(child(2, who_b, 105));
	look(harm);
	down(1);
	look(harm);
	(void)!install(child(3, who_c, REQID_C));
	look(harm);
	down(3);
	look(harm);
	(void)!pl_engine_release(fake.engine, NULL, id);
	(void)!latch_flow(5000, &id);
	look(harm);
	(void)!pl_engine_admin_close(fake.engine, accepted, "over");
	look(harm);
	(void)!pl_engine_guard_lost(fake.engine);
	look(harm);
}

static void every_operation_may_fail_at_every_place(void **state)
{
	struct harm harm[2] = { { 0 }, { 0 } };

	(void)state;
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		unsigned at = 0, calls;

		do {
			fake.fail_at = ++at;
			fake.is_sticky = sticky;
			whole_life(&harm[sticky]);
			calls = fake.calls;
			fake.fail_at = 0;
			pl_engine_tick(fake.engine);
			if (pl_engine_guard_lost(fake.engine) != 0)
				fail_msg("no way back after a failure at %u", at);
			if (at <= calls)
				count_harm(&harm[sticky]);
			assert_safe();
			assert_int_equal(teardown(NULL), 0);
			assert_int_equal(setup(NULL), 0);
		} while (at <= calls);
		assert_in_range(at, 20, 1000);
	}
	judge_harm("7 the k-th operation fails", &harm[0]);
	judge_harm("7 the k-th operation fails, and all after it", &harm[1]);
}

/* A model that knows nothing of tables: a latch of B is up when only B's SAs are there. */
enum { NR_FLOWS = 3, NR_SAS = 6 };

struct model {
	enum pl_state state[NR_FLOWS];
	uint64_t id[NR_FLOWS];
	struct pl_identity *of[NR_FLOWS];
	struct pl_identity *sa[NR_SAS];
	uint64_t serial[NR_SAS], next;
	bool is_passing;
};

static struct pl_identity *only_peer(const struct model *m, bool *ret_mixed)
{
	struct pl_identity *ret = NULL;

	*ret_mixed = false;
	for (unsigned i = 0; i < NR_SAS; i++) {
		if (m->sa[i] != NULL && ret != NULL && m->sa[i] != ret)
			*ret_mixed = true;
		if (m->sa[i] != NULL)
			ret = m->sa[i];
	}
	return ret;
}

static void settle(struct model *m)
{
	bool is_mixed;
	struct pl_identity *peer = only_peer(m, &is_mixed);

	for (unsigned i = 0; i < NR_FLOWS; i++) {
		bool is_bad = is_mixed || (peer != NULL && peer != m->of[i]) || m->is_passing;

		if (m->state[i] == PL_STATE_ESTABLISHED && is_bad)
			m->state[i] = PL_STATE_BROKEN;
		else if (m->state[i] == PL_STATE_BROKEN && !is_bad)
			m->state[i] = PL_STATE_ESTABLISHED;
		else if (m->state[i] == PL_STATE_LINGERING && is_bad)
			m->state[i] = PL_STATE_CLOSED_TOLD;
	}
}

static void act_on_latch(struct model *m, unsigned i, unsigned what)
{
	bool is_mixed, is_new = m->state[i] == PL_STATE_NONE ||
				m->state[i] == PL_STATE_LINGERING ||
				m->state[i] == PL_STATE_CLOSED_TOLD;
	struct pl_identity *peer = only_peer(m, &is_mixed);
	uint64_t id;
	int r;

	if (what == 0) {
		r = latch_flow((uint16_t)(5000 + i), &id);
		assert_int_equal(r, !is_new ? PL_E_ALREADY_LATCHED : peer == NULL ? PL_E_NO_SA :
				    is_mixed || m->is_passing ? PL_E_CONFLICT : 0);
		if (r == 0) {
			m->id[i] = id;
			m->of[i] = peer;
			m->state[i] = PL_STATE_ESTABLISHED;
		}
		return;
	}
	if (m->state[i] == PL_STATE_NONE)
		return;
	if (what == 1) {
		r = pl_engine_release(fake.engine, NULL, m->id[i]);
		assert_int_equal(r == 0, m->state[i] == PL_STATE_ESTABLISHED ||
					 m->state[i] == PL_STATE_BROKEN);
		if (r == 0)
			m->state[i] = m->state[i] == PL_STATE_BROKEN ? PL_STATE_CLOSED_TOLD :
								       PL_STATE_LINGERING;
	} else {
		struct pl_tuple tuple = flow((uint16_t)(5000 + i));

		fake.is_gone = true;
		assert_int_equal(pl_engine_flow_gone(fake.engine, &tuple), 0);
		fake.is_gone = false;
		m->state[i] = PL_STATE_NONE;
	}
}

static void act_on_sa(struct model *m, unsigned i, bool is_b)
{
	if (m->sa[i] != NULL) {
		down(m->serial[i]);
		m->sa[i] = NULL;
		return;
	}
	m->serial[i] = ++m->next;
	m->sa[i] = is_b ? who_b : who_c;
	assert_int_equal(install(child(m->serial[i], m->sa[i], is_b ? REQID_B : REQID_C)),
			 PL_VERDICT_ACCEPT);
}

static void a_random_life_agrees_with_a_naive_model_L4(void **state)
{
	unsigned seed = 20260101;
	struct model m = { .next = 10 };

	(void)state;
	print_message("seed %u\n", seed);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned what = (unsigned)rand_r(&seed) % 10, which = (unsigned)rand_r(&seed);

		if (what < 4)
			act_on_latch(&m, which % NR_FLOWS, what % 3);
		else if (what < 9)
			act_on_sa(&m, which % NR_SAS, which % 4 != 0);
		else if (which % 3 == 0) {
			m.is_passing = !m.is_passing;
			policy(PL_FACT_POLICY_ADD, m.is_passing ? "PASS" : "", 1);
		}
		settle(&m);
		for (unsigned i = 0; i < NR_FLOWS; i++) {
			if ((m.state[i] == PL_STATE_NONE ? PL_STATE_NONE : state_of(m.id[i])) !=
			    m.state[i])
				fail_msg("step %u: flow %u is %s, not %s", step, i,
					 pl_state_name(state_of(m.id[i])),
					 pl_state_name(m.state[i]));
		}
		assert_in_force();
		forget_log();
	}
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_operation_may_fail_at_every_place),
		TEST(a_random_life_agrees_with_a_naive_model_L4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
