/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch_socket(): which addresses of a host are tried, what the daemon is asked for each before
 * anything is sent, and what is left behind. Names are answered here; all else is real, over the
 * loopback, which a real daemon would refuse.
 */

#include "fake.h"
#include "latch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { A_WHILE_MS = 10000, ALL_MAX = 32 };

static struct fake *fake;
static struct latch *latch;
static const char *const *names;	/* addresses of "host.test", NULL at the end */
static int name_error;
static unsigned nr_resolved;

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret)
{
	struct addrinfo *first = NULL, **end = &first;

	nr_resolved++;
	if (name_error != 0)
		return name_error;
	if (strcmp(host, "host.test") != 0)
		return __real_getaddrinfo(host, service, hints, ret);
	for (size_t i = 0; names[i] != NULL; i++) {
		assert_int_equal(__real_getaddrinfo(names[i], service, hints, end), 0);
		end = &(*end)->ai_next;
	}
	*ret = first;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	name_error = 0;
	nr_resolved = 0;
	fake = fake_start();
	return latch_open(getenv("LATCH_TEST_BUS"), 0, &latch);
}

static int end(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake = fake_stop(fake);
	return 0;
}

/* Return: a socket at this address, and its port, as text */
static int serve_at(const char *address, int type, int backlog, char ret_port[8])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(ret_port, 8, "%u", ntohs(at.sin_port));
	return fd;
}

static const char *peer_of(int fd)
{
	static char text[INET6_ADDRSTRLEN];
	struct sockaddr_in peer = { .sin_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
		return "nobody";
	return inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text));
}

static bool has_arrived(int server)
{
	struct pollfd arrives = { .fd = server, .events = POLLIN };

	return poll(&arrives, 1, 0) == 1;
}

static void demand_holds(const char *host, int type)
{
	struct latch_request request = {
		.size = sizeof(request), .protection = LATCH_INTEGRITY | LATCH_CONFIDENTIALITY,
		.peer = "@east", .disposition = LATCH_DISPOSITION_RESET,
	};
	char port[8], dict[256];
	int server = serve_at("127.0.0.1", type, 8, port), fd = -1;
	uint64_t id = 0;

	assert_int_equal(latch_socket(latch, host, port, type, A_WHILE_MS, &request, &fd, &id), 0);
	assert_int_equal(id, 7);
	snprintf(dict, sizeof(dict), "{\"protection\":[\"integrity\",\"confidentiality\"],"
		 "\"disposition\":\"reset\",\"peer\":\"@east\",\"remote_address\":\"127.0.0.1\","
		 "\"remote_port\":%s}", port);
	assert_string_equal(fake->dict, dict);
	/* The daemon saw it before anybody else could. */
	assert_false(fake->socket.is_connected);
	assert_string_equal(peer_of(fd), "127.0.0.1");
	/* An ordinary socket, as the program asked for it. */
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	close(fd);
	close(server);
}

static void the_demand_is_latched_before_the_first_packet_whoever_the_host_is_K10_K41(void **state)
{
	static const char *const one[] = { "127.0.0.1", NULL };

	(void)state;
	names = one;
	demand_holds("127.0.0.1", SOCK_STREAM);
	demand_holds("127.0.0.1", SOCK_DGRAM);
	demand_holds("host.test", SOCK_STREAM);
	demand_holds("host.test", SOCK_DGRAM);
	assert_int_equal(fake_count(fake, "Latch"), 4);
	assert_int_equal(fake_count(fake, "Release"), 0);
}

static void an_address_that_does_not_answer_is_let_go_and_the_next_one_is_tried(void **state)
{
	static const char *const three[] = { "127.0.0.3", "127.0.0.2", "127.0.0.1", NULL };
	char port[8];
	int server = serve_at("127.0.0.2", SOCK_STREAM, 8, port), fd = -1;
	uint64_t id = 0;

	(void)state;
	names = three;
	assert_int_equal(latch_socket(latch, "host.test", port, SOCK_STREAM, A_WHILE_MS, NULL, &fd,
				      &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(peer_of(fd), "127.0.0.2");
	assert_int_equal(fake_count(fake, "Latch"), 2);
	assert_int_equal(fake_count(fake, "Release"), 1);
	close(fd);
	close(server);
}

/* The first Latch is refused, and no other. */
static void refuse_first(void *ctx, int fd)
{
	unsigned *nr = ctx;

	(void)fd;
	fake->fail = (*nr)++ == 0 ? "Latch" : NULL;
}

/* Two addresses that both listen; the first one's latch is refused. */
static int refused_at_first(const char *error, bool prefers, const char **ret_peer,
			    uint64_t *ret_id)
{
	static const char *const two[] = { "127.0.0.2", "127.0.0.3", NULL };
	struct latch_request request = { .size = sizeof(request), .prefer = prefers };
	char port[8];
	int server = serve_at("0.0.0.0", SOCK_STREAM, 8, port), fd = -1, r;
	unsigned nr = 0;

	names = two;
	fake->on_latch = refuse_first;
	fake->ctx = &nr;
	fake->error = error;
	*ret_id = 99;
	r = latch_socket(latch, "host.test", port, SOCK_STREAM, A_WHILE_MS, &request, &fd, ret_id);
	*ret_peer = fd < 0 ? "nobody" : peer_of(fd);
	assert_int_equal(has_arrived(server), fd >= 0);
	fake->on_latch = NULL;
	fake->fail = NULL;
	if (fd >= 0)
		close(fd);
	close(server);
	return r;
}

static void an_address_that_is_refused_is_never_connected_to_K42(void **state)
{
	const char *peer;
	uint64_t id;

	(void)state;
	assert_int_equal(refused_at_first("org.libreswan.Latch1.Error.Conflict", false, &peer, &id),
			 0);
	assert_string_equal(peer, "127.0.0.3");
	assert_int_equal(id, 7);
	assert_int_equal(refused_at_first("org.libreswan.Latch1.Error.NoSa", false, &peer, &id), 0);
	assert_string_equal(peer, "127.0.0.3");
	assert_int_equal(id, 7);
}

static void prefer_ends_at_a_refusal_that_it_does_not_cover_K42(void **state)
{
	const char *peer;
	uint64_t id;

	(void)state;
	assert_int_equal(refused_at_first("org.libreswan.Latch1.Error.Conflict", true, &peer, &id),
			 LATCH_ERR_CONFLICT);
	assert_string_equal(peer, "nobody");
	assert_int_equal(id, 99);
	assert_int_equal(fake_count(fake, "Latch"), 1);
	assert_int_equal(refused_at_first("org.libreswan.Latch1.Error.NoSa", true, &peer, &id), 0);
	assert_string_equal(peer, "127.0.0.2");
	assert_int_equal(id, 0);
	assert_int_equal(fake_count(fake, "Latch"), 2);
}

static void when_none_can_be_had_the_first_address_says_why(void **state)
{
	static const char *const two[] = { "127.0.0.2", "127.0.0.3", NULL };
	const char *peer;
	uint64_t id = 99;
	char port[8];
	int server = serve_at("127.0.0.1", SOCK_STREAM, 8, port), fd = -1;
	unsigned nr = 0;

	(void)state;
	names = two;
	/* Refused at the first; nobody listens at the second. */
	fake->on_latch = refuse_first;
	fake->ctx = &nr;
	fake->error = "org.libreswan.Latch1.Error.Weak";
	assert_int_equal(latch_socket(latch, "host.test", port, SOCK_STREAM, A_WHILE_MS, NULL, &fd,
				      &id), LATCH_ERR_WEAK);
	assert_int_equal(nr, 2);
	fake->on_latch = NULL;
	/* And the other way round: errno is that of the first. */
	fake->fail = NULL;
	assert_int_equal(latch_socket(latch, "host.test", port, SOCK_STREAM, A_WHILE_MS, NULL, &fd,
				      &id), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(fd, -1);
	assert_int_equal(id, 99);
	close(server);
	/* Without a daemon no other address helps. */
	fake->vanish = "Latch";
	assert_int_equal(refused_at_first(NULL, false, &peer, &id), LATCH_ERR_SERVICE);
	assert_int_equal(fake_count(fake, "Latch"), 5);
}

/* A listener whose queue is full answers no SYN. */
static int serve_nobody(int *ret_filler, char ret_port[8])
{
	int server = serve_at("127.0.0.1", SOCK_STREAM, 0, ret_port);
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	struct pollfd there;

	*ret_filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	there = (struct pollfd) { .fd = server, .events = POLLIN };
	assert_int_equal(getsockname(server, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(*ret_filler, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(poll(&there, 1, A_WHILE_MS), 1);
	return server;
}

static void a_connection_that_takes_too_long_is_given_up_and_its_latch_let_go(void **state)
{
	char port[8];
	int filler, server = serve_nobody(&filler, port), fd = -1;
	uint64_t id = 99;

	(void)state;
	assert_int_equal(latch_socket(latch, "127.0.0.1", port, SOCK_STREAM, 50, NULL, &fd, &id),
			 LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(fd, -1);
	assert_int_equal(id, 99);
	assert_int_equal(fake_count(fake, "Latch"), 1);
	assert_int_equal(fake_count(fake, "Release"), 1);
	close(filler);
	close(server);
}

static void a_socket_that_does_not_block_is_latched_and_under_way(void **state)
{
	char port[8];
	int filler, server = serve_nobody(&filler, port), fd = -1;
	struct pollfd done;
	uint64_t id = 99;

	(void)state;
	assert_int_equal(latch_socket(latch, "127.0.0.1", port, SOCK_STREAM | SOCK_NONBLOCK, -1,
				      NULL, &fd, &id), 0);
	assert_int_equal(id, 7);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	done = (struct pollfd) { .fd = fd, .events = POLLOUT };
	assert_int_equal(poll(&done, 1, 0), 0);
	assert_int_equal(fake_count(fake, "Release"), 0);
	close(fd);
	close(filler);
	close(server);
}

static void on_signal(int number)
{
	(void)number;
}

struct nuisance {
	pthread_t thread, whom;
	bool is_over;
};

/* Again and again: the first ones may come before it waits. */
static void *be_a_nuisance(void *ctx)
{
	struct nuisance *nuisance = ctx;

	while (!__atomic_load_n(&nuisance->is_over, __ATOMIC_RELAXED)) {
		pthread_kill(nuisance->whom, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

static void a_signal_ends_the_wait_and_no_other_address_is_tried(void **state)
{
	static const char *const two[] = { "127.0.0.1", "127.0.0.2", NULL };
	struct sigaction action = { .sa_handler = on_signal }, before;
	struct nuisance nuisance = { .whom = pthread_self() };
	char port[8];
	int filler, server = serve_nobody(&filler, port), fd = -1;
	uint64_t id = 99;

	(void)state;
	names = two;
	sigaction(SIGUSR1, &action, &before);
	assert_int_equal(pthread_create(&nuisance.thread, NULL, be_a_nuisance, &nuisance), 0);
	assert_int_equal(latch_socket(latch, "host.test", port, SOCK_STREAM, A_WHILE_MS, NULL, &fd,
				      &id), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EINTR);
	__atomic_store_n(&nuisance.is_over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(nuisance.thread, NULL), 0);
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal(fake_count(fake, "Latch"), 1);
	close(filler);
	close(server);
}

static void names_that_lead_nowhere_have_their_errno_and_no_latch(void **state)
{
	static const struct { int error, expected, number; } t[] = {
		{ EAI_NONAME, LATCH_ERR_SYSTEM, ENOENT },
		{ EAI_FAIL, LATCH_ERR_SYSTEM, ENOENT },
		{ EAI_AGAIN, LATCH_ERR_SYSTEM, EAGAIN },
		{ EAI_SYSTEM, LATCH_ERR_SYSTEM, EMFILE },
		{ EAI_MEMORY, LATCH_ERR_NO_MEMORY, EMFILE },
	};
	uint64_t id = 99;
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		name_error = t[i].error;
		errno = EMFILE;
		assert_int_equal(latch_socket(latch, "x", "9", SOCK_STREAM, 0, NULL, &fd, &id),
				 t[i].expected);
		assert_int_equal(errno, t[i].number);
	}
	name_error = 0;
	assert_int_equal(latch_socket(latch, "127.0.0.1", "no-such-service", SOCK_STREAM, 0, NULL,
				      &fd, &id), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fake_count(fake, "Latch"), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(id, 99);
}

static unsigned count_fds(void)
{
	unsigned count = 0;
	DIR *dir;

	/* It has let go of what earlier calls brought when it answers. */
	assert_int_equal(latch_release(latch, 7), 0);
	dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void of_many_addresses_sixteen_are_tried_and_no_descriptor_stays(void **state)
{
	const char *many[ALL_MAX + 1] = { NULL };
	unsigned before = count_fds();
	uint64_t id = 99;
	int fd = -1;

	(void)state;
	for (int i = 0; i < ALL_MAX; i++)
		many[i] = "127.0.0.9";
	names = many;
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NoSa";
	assert_int_equal(latch_socket(latch, "host.test", "9", SOCK_STREAM, A_WHILE_MS, NULL, &fd,
				      &id), LATCH_ERR_NO_SA);
	assert_int_equal(fake_count(fake, "Latch"), 16);
	assert_int_equal(count_fds(), before);
}

static void what_makes_no_sense_is_refused_before_a_name_is_asked_for(void **state)
{
	struct latch_request larval = { .size = sizeof(larval), .wait_ms = LATCH_WAIT_NONE };
	struct latch_request newer = { .size = sizeof(newer), .protection = 4 };
	uint64_t id = 99;
	int fd = -1;

	(void)state;
#define REFUSES(...) assert_int_equal(latch_socket(__VA_ARGS__), LATCH_ERR_ARGUMENT)
	REFUSES(NULL, "127.0.0.1", "9", SOCK_STREAM, 0, NULL, &fd, &id);
	REFUSES(latch, NULL, "9", SOCK_STREAM, 0, NULL, &fd, &id);
	REFUSES(latch, "127.0.0.1", NULL, SOCK_STREAM, 0, NULL, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_RAW, 0, NULL, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", 0, 0, NULL, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_STREAM, -2, NULL, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_STREAM, 0, &larval, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_STREAM, 0, &newer, &fd, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_STREAM, 0, NULL, NULL, &id);
	REFUSES(latch, "127.0.0.1", "9", SOCK_STREAM, 0, NULL, &fd, NULL);
#undef REFUSES
	assert_int_equal(nr_resolved, 0);
	assert_int_equal(fake_count(fake, "Latch"), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_demand_is_latched_before_the_first_packet_whoever_the_host_is_K10_K41),
		TEST(an_address_that_does_not_answer_is_let_go_and_the_next_one_is_tried),
		TEST(an_address_that_is_refused_is_never_connected_to_K42),
		TEST(prefer_ends_at_a_refusal_that_it_does_not_cover_K42),
		TEST(when_none_can_be_had_the_first_address_says_why),
		TEST(a_connection_that_takes_too_long_is_given_up_and_its_latch_let_go),
		TEST(a_socket_that_does_not_block_is_latched_and_under_way),
		TEST(a_signal_ends_the_wait_and_no_other_address_is_tried),
		TEST(names_that_lead_nowhere_have_their_errno_and_no_latch),
		TEST(of_many_addresses_sixteen_are_tried_and_no_descriptor_stays),
		TEST(what_makes_no_sense_is_refused_before_a_name_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
