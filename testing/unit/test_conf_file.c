/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch.conf on the disk: read again, as a whole or not at all. */

#include "daemon/pl_conf_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);

/* What happens in the middle of reading: no more than so many bytes come at once, and somebody
 * writes. */
static size_t at_once;
static unsigned nr_writes;

static char path[] = "/tmp/latch.conf.XXXXXX";
static struct pl_conf conf;
static char error[PL_DAEMON_ERROR_MAX];

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
	ssize_t n = __real_read(fd, bytes, at_once != 0 && at_once < len ? at_once : len);
	char text[64];

	if (nr_writes == 0)
		return n;
	snprintf(text, sizeof(text), "[latch]\nresume-wait = 9\n#%.*s\n", (int)(nr_writes % 8),
		 "12345678");
	nr_writes--;
	write_file(text);
	return n;
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	setenv("PLUTO_LATCH_CONF", path, 1);
	write_file("[latch]\nresume-wait = 7\n[flow a]\nallow = no\n");
	error[0] = '\0';
	assert_int_equal(pl_conf_file_load(&conf, error), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	at_once = nr_writes = 0;
	pl_conf_clear(&conf);
	unlink(path);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	unsetenv("PLUTO_LATCH_CONF");
	return 0;
}

static void is_as_before(void)
{
	assert_int_equal(conf.resume_wait, 7);
	assert_int_equal(conf.nr_rules, 1);
	assert_string_equal(conf.rules[0].name, "a");
	assert_false(conf.rules[0].is_allowed);
}

static void what_the_file_says_now_holds(void **state)
{
	(void)state;
	write_file("[limits]\nsessions = 3\n[flow b]\n[flow c]\nprotocol = udp\n");
	assert_int_equal(pl_conf_file_reload(&conf, error), 0);
	assert_int_equal(conf.limits.each[PL_LIMIT_SESSIONS], 3);
	assert_int_equal(conf.resume_wait, 30);
	assert_int_equal(conf.nr_rules, 2);
	assert_string_equal(conf.rules[1].name, "c");
	write_file("");
	assert_int_equal(pl_conf_file_reload(&conf, error), 0);
	assert_int_equal(conf.nr_rules, 0);
	assert_int_equal(conf.limits.each[PL_LIMIT_SESSIONS], 64);
}

static void a_bad_file_is_refused_with_its_line_and_nothing_changes(void **state)
{
	static const struct {
		const char *text, *said;
	} t[] = {
		{ "[latch]\nresume-wait = 9\n[latch]\n", ":3: [latch] : this section is there" },
		{ "[flow b]\n\nallow = maybe\n", ":3: [flow b] allow: not one of the words" },
		{ "[limits]\nsessions = 0\n", ":2: [limits] sessions: " },
		{ "[nonsense]\n", ":1: [nonsense] : there is no such section" },
		{ "[latch]\ngro = warn\n", ": [latch] gro: only a restart of the daemon" },
		{ "[flow w]\nauto = yes\nprotocol = tcp\nlocal-port = 80\n",
		  ": [flow w] auto: only a restart of the daemon" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		write_file(t[i].text);
		assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
		assert_memory_equal(error, path, strlen(path));
		assert_memory_equal(error + strlen(path), t[i].said, strlen(t[i].said));
		is_as_before();
	}
}

/* One that blocks whoever opens it would stop IKE. */
static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
	assert_non_null(strstr(error, strerror(ENOENT)));
	is_as_before();
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20);
	assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
	alarm(0);
	assert_non_null(strstr(error, strerror(EINVAL)));
	is_as_before();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
	is_as_before();
	assert_int_equal(rmdir(path), 0);
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
	assert_non_null(strstr(error, strerror(EFBIG)));
	is_as_before();
}

static void a_file_that_comes_in_pieces_is_read_to_its_end(void **state)
{
	(void)state;
	write_file("[limits]\nsessions = 3\n[flow b]\n[flow c]\nprotocol = udp\n");
	at_once = 5;
	assert_int_equal(pl_conf_file_reload(&conf, error), 0);
	assert_int_equal(conf.limits.each[PL_LIMIT_SESSIONS], 3);
	assert_int_equal(conf.nr_rules, 2);
	assert_string_equal(conf.rules[1].name, "c");
}

static void a_file_that_was_written_meanwhile_is_read_again(void **state)
{
	(void)state;
	write_file("[flow b]\n");
	nr_writes = 1;
	assert_int_equal(pl_conf_file_reload(&conf, error), 0);
	assert_int_equal(nr_writes, 0);
	assert_int_equal(conf.resume_wait, 9);
	assert_int_equal(conf.nr_rules, 0);
}

static void a_file_that_is_written_all_the_time_is_refused(void **state)
{
	(void)state;
	write_file("[flow b]\n");
	nr_writes = 1000;
	assert_int_equal(pl_conf_file_reload(&conf, error), PL_E_BAD_CONFIG);
	assert_non_null(strstr(error, "somebody writes to it while it is read"));
	is_as_before();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_file_says_now_holds),
		TEST(a_bad_file_is_refused_with_its_line_and_nothing_changes),
		TEST(what_is_no_file_is_refused),
		TEST(a_file_that_is_too_long_is_refused),
		TEST(a_file_that_comes_in_pieces_is_read_to_its_end),
		TEST(a_file_that_was_written_meanwhile_is_read_again),
		TEST(a_file_that_is_written_all_the_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
