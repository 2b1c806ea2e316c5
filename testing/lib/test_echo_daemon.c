/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The example latch-echo, both ends of it, against the service with the real engine: what it prints
 * is what scenarios look for.
 */

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

static const char program[] = "build/guest/bin/latch-echo";

/* @in: its standard input; @out: its output */
struct run {
	pid_t pid;
	int in, out;
	char line[512];
};

static struct run server, client;

static void start(struct run *run, const char *role, const char *port)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid == 0) {
		setenv("DBUS_SYSTEM_BUS_ADDRESS", getenv("LATCH_TEST_BUS"), 1);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(program, program, role, "192.0.2.2", port, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	run->in = in[1];
	run->out = out[0];
}

/* The next line is in run->line. Return: false at the end, or when none comes */
static bool next_line(struct run *run)
{
	size_t len = 0;

	while (len < sizeof(run->line) - 1) {
		struct pollfd ready = { .fd = run->out, .events = POLLIN };

		if (poll(&ready, 1, A_WHILE_MS) != 1 || read(run->out, run->line + len, 1) != 1)
			return false;
		if (run->line[len] == '\n')
			break;
		len++;
	}
	run->line[len] = '\0';
	return true;
}

/* Skips lines until one starts like this. */
static void expect(struct run *run, const char *start)
{
	do {
		assert_true(next_line(run));
	} while (strncmp(run->line, start, strlen(start)) != 0);
}

static int end_of(struct run *run)
{
	int status = -1;

	while (next_line(run))
		;
	close(run->out);
	assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
	run->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void both_are_latched(const char *port)
{
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	assert_true(stage_tell("born any 16384"));
	start(&server, "server", port);
	expect(&server, "listening latch=");
	start(&client, "client", port);
	expect(&client, "latched latch=");
	assert_non_null(strstr(client.line, " state=established peer=peer.test auth=signature "
					    "protection=integrity, confidentiality suites=esp"));
	expect(&server, "latched latch=");
	assert_non_null(strstr(server.line, " state=established peer=peer.test "));
}

static int clean(void **state)
{
	struct run *const runs[] = { &client, &server };

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (runs[i]->pid > 0)
			kill(runs[i]->pid, SIGKILL);
		if (runs[i]->pid > 0)
			waitpid(runs[i]->pid, NULL, 0);
		runs[i]->pid = 0;
	}
	assert_true(stage_tell("sa del 1"));
	assert_true(stage_tell("sa del 2"));
	assert_true(stage_tell("gone yes"));
	return stage_tell("gone no") ? 0 : -1;
}

static void what_the_client_sends_comes_back_until_it_ends(void **state)
{
	static char bytes[50000];
	size_t done = 0;

	(void)state;
	both_are_latched("4000");
	while (done < sizeof(bytes)) {
		ssize_t n = write(client.in, bytes + done, sizeof(bytes) - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
	close(client.in);
	expect(&client, "ended sent=50000 received=50000 reason=end");
	expect(&server, "ended sent=50000 received=50000 reason=end");
	assert_int_equal(end_of(&client), 0);
	assert_int_equal(end_of(&server), 0);
	close(server.in);
}

/* The other end has no latch: both are on this host, and the first to let go would end both. */
static void lets_go_when_an_alert_comes(struct run *run)
{
	assert_true(stage_tell("sa add 2 other.test 16388"));
	do {
		expect(run, "event type=alert latch=");
	} while (strstr(run->line, "from=established to=broken reason=") == NULL);
	assert_non_null(strstr(run->line, "other.test"));
	expect(run, "ended sent=0 received=0 reason=alert");
	assert_int_equal(end_of(run), 5);
	close(run->in);
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static void the_server_lets_go_when_an_alert_comes(void **state)
{
	struct sockaddr_in from = stage_address("192.0.2.1", 0);
	struct sockaddr_in to = stage_address("192.0.2.2", 4001);
	int fd = new_socket();

	(void)state;
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	assert_true(stage_tell("born any 16384"));
	start(&server, "server", "4001");
	expect(&server, "listening latch=");
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	expect(&server, "latched latch=");
	lets_go_when_an_alert_comes(&server);
	close(fd);
}

static void the_client_lets_go_when_an_alert_comes(void **state)
{
	struct sockaddr_in at = stage_address("192.0.2.2", 4002);
	int fd = new_socket();

	(void)state;
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	start(&client, "client", "4002");
	expect(&client, "latched latch=");
	lets_go_when_an_alert_comes(&client);
	close(fd);
}

static void without_a_daemon_or_with_wrong_words_it_says_so(void **state)
{
	(void)state;
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	assert_int_equal(WEXITSTATUS(system("build/guest/bin/latch-echo client 192.0.2.2 1 2>&1 | "
					    "grep -q 'The daemon is not there'")), 0);
	assert_int_equal(WEXITSTATUS(system("build/guest/bin/latch-echo client 192.0.2.2 1 "
					    "2>/dev/null")), 8);
	assert_int_equal(WEXITSTATUS(system("build/guest/bin/latch-echo 2>/dev/null")), 2);
	assert_int_equal(WEXITSTATUS(system("build/guest/bin/latch-echo client here there "
					    "2>/dev/null")), 2);
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_the_client_sends_comes_back_until_it_ends, clean),
		cmocka_unit_test_teardown(the_server_lets_go_when_an_alert_comes, clean),
		cmocka_unit_test_teardown(the_client_lets_go_when_an_alert_comes, clean),
		cmocka_unit_test(without_a_daemon_or_with_wrong_words_it_says_so),
	};

	return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
