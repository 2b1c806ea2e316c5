/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How long the guard remembers under which SA a connection began (kernel/pl_guard.c), in the kernel
 * that runs: while it lives, also when a latch of it came to nothing. Births are put in by hand, as
 * packets would.
 */

#include "kernel/pl_guard.h"
#include "kernel/pl_netlink.h"
#include "kernel/pl_nft.h"

#include <libmnl/libmnl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { REQID = 101, PORT = 4000, NR_FLOWS = 3 };

static struct {
	const char *why;	/* this kernel cannot, or NULL */
	struct pl_guard *guard;
} stage;

static struct pl_tuple listener(void)
{
	return (struct pl_tuple) { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP,
				   .local = { 192, 0, 2, 2 }, .local_port = PORT };
}

static struct pl_tuple flow(unsigned i)
{
	struct pl_tuple tuple = listener();

	memcpy(tuple.remote, (uint8_t[]) { 192, 0, 2, 1 }, 4);
	tuple.remote_port = (uint16_t)(5000 + i);
	return tuple;
}

static void be_born(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct pl_netlink_refusal refusal;

	assert_non_null(socket);
	assert_int_equal(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), 0);
	pl_nft_batch_begin(&batch, 1);
	for (unsigned i = 0; i < NR_FLOWS; i++) {
		struct pl_tuple tuple = flow(i);

		pl_nft_element(&batch, true, PL_NFT_BORN, &tuple, REQID);
	}
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	assert_int_equal(pl_netlink_commit(socket, &batch, &refusal), 0);
	pl_nft_batch_free(&batch);
	mnl_socket_close(socket);
}

static bool is_born(unsigned i)
{
	struct pl_tuple tuple = flow(i);
	uint32_t reqids[2] = { 0, 0 };
	unsigned nr = 0;

	assert_int_equal(pl_guard_operations()->born(stage.guard, &tuple, reqids, &nr), 0);
	assert_int_equal(reqids[0], nr == 0 ? 0 : REQID);
	return nr == 1;
}

static int setup(void **state)
{
	int r;

	(void)state;
	memset(&stage, 0, sizeof(stage));
	if (unshare(CLONE_NEWNET) != 0) {
		stage.why = "no network namespace of its own";
		return 0;
	}
	r = pl_guard_open(PL_NFT_PART_ALL & ~(unsigned)PL_NFT_PART_OWNER, &stage.guard);
	if (r != 0) {
		stage.why = pl_guard_open_hint(r) != NULL ? pl_guard_open_hint(r) : strerror(-r);
		return 0;
	}
	r = pl_guard_restore(stage.guard);
	if (r == PL_E_UNAVAILABLE)
		stage.why = pl_guard_missing(stage.guard);
	else
		assert_int_equal(r, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pl_guard_close(stage.guard);
	return 0;
}

static bool is_skipped(const char *test)
{
	if (stage.why != NULL)
		printf("skip %s %s\n", test, stage.why);
	return stage.why != NULL;
}

static void a_latch_that_came_to_nothing_leaves_its_birth_to_the_listener_T4(void **state)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_tuple at = listener(), one = flow(0);

	(void)state;
	if (is_skipped(__func__))
		return;
	assert_int_equal(ops->listen(stage.guard, &at), 0);
	be_born();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ops->guard(stage.guard, &one), 0);
		assert_true(is_born(0));
		assert_int_equal(ops->unguard(stage.guard, &one, false), 0);
		assert_true(is_born(0));
	}
}

static void with_its_connection_a_birth_ends_and_with_its_listener_all_do(void **state)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_tuple at = listener(), one = flow(0);

	(void)state;
	if (is_skipped(__func__))
		return;
	assert_int_equal(ops->listen(stage.guard, &at), 0);
	be_born();
	assert_int_equal(ops->guard(stage.guard, &one), 0);
	assert_int_equal(ops->unguard(stage.guard, &one, true), 0);
	assert_false(is_born(0));
	assert_true(is_born(1));
	assert_int_equal(ops->unguard(stage.guard, &at, true), 0);
	assert_false(is_born(1));
	assert_false(is_born(2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_latch_that_came_to_nothing_leaves_its_birth_to_the_listener_T4),
		TEST(with_its_connection_a_birth_ends_and_with_its_listener_all_do),
	};
#undef TEST

	return cmocka_run_group_tests_name("guard_births", tests, NULL, NULL);
}
