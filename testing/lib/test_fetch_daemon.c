/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The example latch-fetch, and so latch_socket(), against the service with the real engine. */

#include "stage.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { A_WHILE_MS = 10000 };

static const char program[] = "build/lib/latch-fetch";

/* @out: its output; @said: what it said on standard error */
struct run {
	pid_t pid;
	int out, err;
	char said[512];
};

static struct run run;
static int server = -1;
static char port[8];

static void start(const char *peer)
{
	int out[2], err[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	run.pid = fork();
	assert_true(run.pid >= 0);
	if (run.pid == 0) {
		setenv("DBUS_SYSTEM_BUS_ADDRESS", getenv("LATCH_TEST_BUS"), 1);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		execl(program, program, "192.0.2.2", port, peer, "question", NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	run.out = out[0];
	run.err = err[0];
}

/* To its end, or until nothing comes for too long. */
static const char *rest_of(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t nr = 1;

	while (nr > 0 && len < sizeof(run.said) - 1) {
		assert_int_equal(poll(&ready, 1, A_WHILE_MS), 1);
		nr = read(fd, run.said + len, sizeof(run.said) - 1 - len);
		len += nr > 0 ? (size_t)nr : 0;
	}
	run.said[len] = '\0';
	return run.said;
}

static int end_of(void)
{
	int status = -1;

	close(run.out);
	close(run.err);
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	run.pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int begin(void **state)
{
	struct sockaddr_in at = stage_address("192.0.2.2", 0);
	socklen_t len = sizeof(at);

	(void)state;
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server, 8), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&at, &len), 0);
	snprintf(port, sizeof(port), "%u", ntohs(at.sin_port));
	assert_true(stage_tell("sa add 1 @named.test 16384"));
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (run.pid > 0)
		kill(run.pid, SIGKILL);
	if (run.pid > 0)
		waitpid(run.pid, NULL, 0);
	run.pid = 0;
	close(server);
	assert_true(stage_tell("gone yes"));
	assert_true(stage_tell("sa del 1"));
	assert_true(stage_tell("gone no"));
	return 0;
}

static bool has_arrived(int timeout_ms)
{
	struct pollfd arrives = { .fd = server, .events = POLLIN };

	return poll(&arrives, 1, timeout_ms) == 1;
}

static void it_asks_and_prints_the_answer_of_the_peer(void **state)
{
	char got[32];
	int fd;

	(void)state;
	start("@named.test");
	assert_true(has_arrived(A_WHILE_MS));
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), 8);
	assert_memory_equal(got, "question", 8);
	assert_int_equal(send(fd, "answer", 6, MSG_NOSIGNAL), 6);
	close(fd);
	assert_string_equal(rest_of(run.out), "answer");
	assert_string_equal(rest_of(run.err), "");
	assert_int_equal(end_of(), 0);
}

static void nothing_is_sent_to_another_peer_than_was_demanded_K10_K42(void **state)
{
	(void)state;
	start("@somebody.test");
	assert_string_equal(rest_of(run.err),
			    "latch-fetch: The peer is not the one that was asked for.\n");
	assert_int_equal(end_of(), 1);
	assert_false(has_arrived(0));
}

static void an_answer_that_ends_after_a_break_is_no_success(void **state)
{
	char got[32];
	int fd;

	(void)state;
	start("@named.test");
	assert_true(has_arrived(A_WHILE_MS));
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), 8);
	assert_true(stage_tell("sa add 2 other.test 16388"));
	close(fd);
	assert_string_equal(rest_of(run.out), "");
	assert_int_equal(end_of(), 1);
	assert_true(stage_tell("sa del 2"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_asks_and_prints_the_answer_of_the_peer),
		TEST(nothing_is_sent_to_another_peer_than_was_demanded_K10_K42),
		TEST(an_answer_that_ends_after_a_break_is_no_success),
	};

	return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
