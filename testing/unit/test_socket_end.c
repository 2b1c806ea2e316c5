/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ends of sockets, as the kernel of this machine tells and answers them, where it lets us have
 * a network of our own: of which socket it speaks when the tuple is another one by then, or none;
 * and who has the port of a listener.
 */

#include "kernel/pl_socket_diag.h"
#include "kernel/pl_socket_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 10000, PORT = 5353 };

static struct pl_diag *diag;
static struct pl_watch *watch;

static bool has_network(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, r;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	r = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return r == 0;
}

static int setup(void **state)
{
	(void)state;
	if (!has_network() || pl_diag_open(&diag) != 0 || pl_watch_open(&watch) != 0) {
		print_message("# no network namespace or no sock_diag here\n");
		diag = pl_diag_close(diag);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	diag = pl_diag_close(diag);
	watch = pl_watch_close(watch);
	return 0;
}

static struct sockaddr_in end_of(uint8_t last, uint16_t port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x7f000000u | last),
	};
}

/* Bound to 127.0.0.@last, with SO_REUSEADDR. */
static int bound(int type, uint8_t last, uint16_t port)
{
	struct sockaddr_in end = end_of(last, port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&end, sizeof(end)), 0);
	return fd;
}

static void connect_to(int fd, uint16_t port)
{
	struct sockaddr_in end = end_of(1, port);

	assert_int_equal(connect(fd, (struct sockaddr *)&end, sizeof(end)), 0);
}

static struct pl_socket_facts facts_of(int fd)
{
	struct pl_socket_facts facts;

	memset(&facts, 0, sizeof(facts));
	assert_int_equal(pl_diag_operations()->read(diag, fd, NULL, &facts), 0);
	return facts;
}

static bool is_gone(const struct pl_socket_facts *facts)
{
	bool ret = false;

	assert_int_equal(pl_diag_operations()->is_gone(diag, &facts->tuple, facts->cookie, &ret),
			 0);
	return ret;
}

struct hearing {
	uint64_t cookie;
	bool is_heard;
	struct pl_tuple tuple;
};

static void hear(void *ctx, const struct pl_tuple *tuple, uint64_t cookie)
{
	struct hearing *hearing = ctx;

	if (cookie != hearing->cookie)
		return;
	hearing->is_heard = true;
	hearing->tuple = *tuple;
}

/* Return: the tuple by which the kernel tells of the end of this socket. */
static struct pl_tuple told_end(uint64_t cookie)
{
	struct hearing hearing = { .cookie = cookie };
	struct pollfd poller = { .fd = pl_watch_fd(watch), .events = POLLIN };
	bool is_lost;

	while (!hearing.is_heard) {
		assert_int_equal(poll(&poller, 1, DEADLINE_MS), 1);
		assert_int_equal(pl_watch_dispatch(watch, hear, &hearing, &is_lost), 0);
		assert_false(is_lost);
	}
	return hearing.tuple;
}

static void a_socket_that_was_never_connected_is_told_of_by_its_cookie_K43(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	(void)state;
	if (diag == NULL)
		skip();
	for (unsigned i = 0; i < 2; i++) {
		int fd = bound(types[i], 1, 4000);
		struct pl_socket_facts facts = facts_of(fd);
		struct pl_tuple tuple;

		/* as it was latched: to where it would be connected */
		facts.tuple.remote_port = 4001;
		memcpy(facts.tuple.remote, facts.tuple.local, sizeof(facts.tuple.remote));
		assert_false(is_gone(&facts));
		close(fd);
		tuple = told_end(facts.cookie);
		assert_int_equal(tuple.local_port, 4000);
		assert_int_equal(tuple.remote_port, 0);
		assert_true(is_gone(&facts));
	}
}

static void a_datagram_socket_holds_its_first_peer_until_it_is_closed_K43(void **state)
{
	static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	struct pl_socket_facts first, second;
	struct pl_tuple tuple;
	int fd;

	(void)state;
	if (diag == NULL)
		skip();
	fd = bound(SOCK_DGRAM, 1, 4000);
	connect_to(fd, 4001);
	first = facts_of(fd);
	assert_int_equal(connect(fd, &nowhere, sizeof(nowhere)), 0);
	assert_false(is_gone(&first));
	connect_to(fd, 4002);
	second = facts_of(fd);
	assert_true(first.cookie == second.cookie);
	assert_false(is_gone(&first));
	assert_false(is_gone(&second));
	close(fd);
	tuple = told_end(first.cookie);
	assert_int_equal(tuple.remote_port, 4002);
	assert_true(is_gone(&first));
	assert_true(is_gone(&second));
}

static struct pl_holders holders_of(const struct pl_socket_facts *facts, bool is_all)
{
	struct pl_holders ret;

	assert_int_equal(pl_diag_operations()->holders(diag, &facts->tuple, facts->cookie,
						       geteuid(), is_all, &ret), 0);
	return ret;
}

static void expect(const struct pl_socket_facts *facts, bool is_all, bool own, bool mine,
		   bool foreign)
{
	struct pl_holders got = holders_of(facts, is_all);

	assert_int_equal(got.has_own, own);
	assert_int_equal(got.has_mine, mine);
	if (is_all)
		assert_int_equal(got.has_foreign, foreign);
}

/* A socket belongs to whoever makes it. */
static int of_another_user(int type, uint8_t last, uint16_t port)
{
	enum { ANOTHER = 12345 };
	int fd;

	setfsuid(ANOTHER);
	fd = bound(type, last, port);
	setfsuid(geteuid());
	return fd;
}

static bool can_be_another_user(void)
{
	bool can;

	setfsuid(12345);
	can = setfsuid(geteuid()) == 12345;
	return can;
}

static void sockets_on_a_port_are_told_apart_by_cookie_uid_and_address(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	(void)state;
	if (diag == NULL || !can_be_another_user())
		skip();
	for (unsigned i = 0; i < 2; i++) {
		int own = bound(types[i], 1, PORT), fd;
		struct pl_socket_facts facts = facts_of(own), any = facts;

		memset(any.tuple.local, 0, sizeof(any.tuple.local));
		expect(&facts, true, true, false, false);
		fd = bound(types[i], 1, PORT);
		expect(&facts, true, true, true, false);
		close(fd);
		fd = of_another_user(types[i], 1, PORT);
		expect(&facts, true, true, false, true);
		expect(&facts, false, true, false, false);
		close(fd);
		/* another address, which only a listener of all of them shares */
		fd = of_another_user(types[i], 2, PORT);
		expect(&facts, true, true, false, false);
		expect(&any, true, true, false, true);
		close(fd);
		fd = of_another_user(types[i], 1, PORT + 1);
		expect(&any, true, true, false, false);
		close(fd);
		/* its own is gone, and others are not */
		fd = of_another_user(types[i], 1, PORT);
		close(own);
		expect(&facts, true, false, false, true);
		expect(&facts, false, false, false, true);
		close(fd);
		expect(&facts, true, false, false, false);
	}
}

static void a_connection_of_another_user_counts_where_it_could_lose_packets(void **state)
{
	struct pl_socket_facts facts;
	int listener, client, own;

	(void)state;
	if (diag == NULL || !can_be_another_user())
		skip();
	listener = bound(SOCK_STREAM, 1, PORT);
	assert_int_equal(listen(listener, 1), 0);
	client = of_another_user(SOCK_STREAM, 2, PORT);
	connect_to(client, PORT);
	own = bound(SOCK_STREAM, 2, PORT);
	facts = facts_of(own);
	expect(&facts, true, true, false, true);
	expect(&facts, false, true, false, false);
	close(client);
	/* nobody has what is left of it */
	expect(&facts, true, true, false, false);
	/* nor a connection that waits to be accepted */
	facts = facts_of(listener);
	expect(&facts, true, true, false, false);
	close(own);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_was_never_connected_is_told_of_by_its_cookie_K43),
		cmocka_unit_test(a_datagram_socket_holds_its_first_peer_until_it_is_closed_K43),
		cmocka_unit_test(sockets_on_a_port_are_told_apart_by_cookie_uid_and_address),
		cmocka_unit_test(
			a_connection_of_another_user_counts_where_it_could_lose_packets),
	};

	return cmocka_run_group_tests_name("socket_end", tests, setup, teardown);
}
