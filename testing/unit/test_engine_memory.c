/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Without memory: the first allocation of a call fails, then the second, and so on until none does.
 * Each time the database says what the guard holds, no more and no less: a guarded flow without an
 * object would be nobody's, and blocked for ever.
 */

#include "engine_stage.h"

#include "core/pl_node.h"

#include <errno.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__real_reallocarray(void *ptr, size_t nr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_reallocarray(void *ptr, size_t nr, size_t size);
struct pl_node *__real_pl_node_new(struct pl_nodes *nodes);
struct pl_node *__wrap_pl_node_new(struct pl_nodes *nodes);

/* The allocation that fails: 1 is the next; 0 is none. */
static unsigned countdown;

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __real_calloc(nr, size);
}

void *__wrap_reallocarray(void *ptr, size_t nr, size_t size)
{
	return fails() ? NULL : __real_reallocarray(ptr, nr, size);
}

/* Latches come by the slab: each may be the first one of it. */
struct pl_node *__wrap_pl_node_new(struct pl_nodes *nodes)
{
	return fails() ? NULL : __real_pl_node_new(nodes);
}

static int latch_again(void)
{
	uint64_t id;

	return latch_flow(5000, &id);
}

static int listen_again(void)
{
	struct pl_engine_ask ask = ask_for((struct pl_tuple) {
		.af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 4000 });
	uint64_t ids[2];
	unsigned nr;

	return pl_engine_listen(fake.engine, &ask, ids, &nr);
}

static int accept_again(void)
{
	struct pl_tuple tuple = flow(5000);
	uint64_t id;

	return pl_engine_accept(fake.engine, &tuple, REQID_B, 5, &id);
}

static void release_all(void)
{
	const struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; ) {
		at = latch->id;
		if (latch->state == PL_STATE_ESTABLISHED)
			assert_int_equal(pl_engine_release(fake.engine, NULL, at), 0);
	}
}

static bool is_guarded(enum pl_guard_kind kind)
{
	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (fake.items[i].kind == kind)
			return true;
	}
	return false;
}

/* What lingers gives way to a new latch of the same tuple, or stays as it is. */
static void fails_at_each_place(int (*call)(void), enum pl_guard_kind kind)
{
	struct harm harm = { 0 };
	unsigned at = 0;
	int r;

	do {
		release_all();
		assert_true(is_guarded(kind));
		countdown = ++at;
		r = call();
		countdown = 0;
		if (r != 0)
			assert_int_equal(r, -ENOMEM);
		assert_true(is_guarded(kind));
		if (r != 0)
			count_harm(&harm);
		assert_safe();
		assert_in_range(at, 1, 100);
	} while (r != 0);
	assert_in_range(at, 2, 100);
	judge_harm("22 the k-th allocation fails", &harm);
}

static void a_latch_gives_way_only_when_there_is_memory_for_its_successor(void **state)
{
	(void)state;
	(void)established(5000);
	fails_at_each_place(latch_again, PL_GUARD_FLOW);
}

static void so_does_a_connection_of_a_listener(void **state)
{
	uint64_t id;

	(void)state;
	id = established(5000);
	fake.born[0] = REQID_B;
	fake.nr_born = 1;
	assert_int_equal(listen_again(), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	fails_at_each_place(accept_again, PL_GUARD_FLOW);
}

static void so_does_a_listener(void **state)
{
	const struct pl_latch *latch;
	unsigned nr = 0;

	(void)state;
	assert_int_equal(listen_again(), 0);
	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; nr++) {
		at = latch->id;
		assert_int_equal(pl_engine_release(fake.engine, NULL, at), 0);
	}
	assert_int_equal(nr, 2);
	fails_at_each_place(listen_again, PL_GUARD_LISTENER);
	/* both halves */
	assert_int_equal(fake.nr_items, 2);
}

static void a_latch_whose_own_SA_cannot_be_asked_for_is_BROKEN_until_it_can_K20(void **state)
{
	struct pl_engine_ask ask = ask_for(flow(5000));
	struct pl_fact own = child(1, who_b, REQID_B);
	struct harm harm = { 0 };
	uint64_t id;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pl_ts *ts = i == 0 ? &own.u.child.tsi.list[0] : &own.u.child.tsr.list[0];

		ts->proto = PL_TUPLE_TCP;
		ts->lo_port = ts->hi_port = i == 0 ? 4000 : 5000;
	}
	install(own);
	ask.is_narrow = true;
	assert_int_equal(pl_engine_latch(fake.engine, &ask, &id, NULL), 0);
	/* the first is for the pins that go with the SA, which does without */
	countdown = 2;
	down(1);
	assert_int_equal(countdown, 0);
	assert_int_equal(state_of(id), PL_STATE_BROKEN);
	count_harm(&harm);
	judge_harm("22 the k-th allocation fails", &harm);
	assert_safe();
	pl_engine_tick(fake.engine);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	fake.now += UINT64_C(1000000000);
	pl_engine_tick(fake.engine);
	assert_int_equal(fake.ticket, id);
	assert_in_force();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_latch_gives_way_only_when_there_is_memory_for_its_successor),
		TEST(so_does_a_connection_of_a_listener),
		TEST(so_does_a_listener),
		TEST(a_latch_whose_own_SA_cannot_be_asked_for_is_BROKEN_until_it_can_K20),
	};
#undef TEST

	return cmocka_run_group_tests_name("engine_memory", tests, NULL, NULL);
}
