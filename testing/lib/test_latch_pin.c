/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys that are trusted from their first use on (RFC 5387, L22): what the file says and what it
 * must not say, who may write it, and that a change is whole or not at all.
 */

#include "latch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[80];

static const unsigned char key[] = { 0x30, 0x59, 0x00, 0xff }, other[] = { 0x30, 0x59, 0x00, 0xfe };

int __real_fsync(int fd);
int __wrap_fsync(int fd);

/* Of the folder: how often it was written to the disk, and what the file was then; or why it was
 * not. */
static unsigned nr_folder_syncs;
static int folder_error;

static void file_is(const char *text);
static const char *file_at_sync;

int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (!S_ISDIR(st.st_mode))
		return __real_fsync(fd);
	nr_folder_syncs++;
	if (file_at_sync != NULL)
		file_is(file_at_sync);
	errno = folder_error;
	return folder_error == 0 ? __real_fsync(fd) : -1;
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/latch-pin-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/known_peers", folder);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "known_peers", "known_peers.lock", "known_peers.new" };
	char name[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		unlink(name);
	}
	return rmdir(folder);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void file_is(const char *text)
{
	char found[1024] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(found, text);
}

static void is_met(const char *name, const unsigned char *bytes, enum latch_pin expected)
{
	enum latch_pin met = (enum latch_pin)9;

	assert_int_equal(latch_pin_check(path, name, bytes, sizeof(key), &met), 0);
	assert_int_equal(met, expected);
}

static void is_refused(const char *name, int error)
{
	enum latch_pin met = (enum latch_pin)9;

	assert_int_equal(latch_pin_check(path, name, key, sizeof(key), &met), error);
	assert_int_equal(met, 9);
	assert_int_equal(latch_pin_keep(path, name, key, sizeof(key)), error);
}

static void a_key_is_new_then_the_same_and_another_one_is_neither_L22(void **state)
{
	struct stat st;

	(void)state;
	is_met("mail.example:993", key, LATCH_PIN_NEW);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(latch_pin_keep(path, "mail.example:993", key, sizeof(key)), 0);
	is_met("mail.example:993", key, LATCH_PIN_SAME);
	is_met("mail.example:993", other, LATCH_PIN_OTHER);
	is_met("mail.example:99", key, LATCH_PIN_NEW);
	is_met("mail.example:9933", key, LATCH_PIN_NEW);
	assert_int_equal(latch_pin_keep(path, "mail.example:993", key, sizeof(key)), 0);
	file_is("mail.example:993 spki 305900ff\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_key_that_begins_like_it_is_another_one_L22(void **state)
{
	enum latch_pin met;

	(void)state;
	assert_int_equal(latch_pin_keep(path, "a", key, 3), 0);
	is_met("a", key, LATCH_PIN_OTHER);
	assert_int_equal(latch_pin_check(path, "a", key, 2, &met), 0);
	assert_int_equal(met, LATCH_PIN_OTHER);
	assert_int_equal(latch_pin_check(path, "a", key, 3, &met), 0);
	assert_int_equal(met, LATCH_PIN_SAME);
}

static void another_key_is_not_kept_until_the_first_is_forgotten_L22(void **state)
{
	(void)state;
	assert_int_equal(latch_pin_keep(path, "a", key, sizeof(key)), 0);
	assert_int_equal(latch_pin_keep(path, "a", other, sizeof(other)), LATCH_ERR_WRONG_PEER);
	file_is("a spki 305900ff\n");
	assert_int_equal(latch_pin_forget(path, "a"), 0);
	is_met("a", key, LATCH_PIN_NEW);
	assert_int_equal(latch_pin_keep(path, "a", other, sizeof(other)), 0);
	is_met("a", other, LATCH_PIN_SAME);
}

static void what_its_user_has_written_stays(void **state)
{
	static const char lines[] = "# of mine\n\na spki 305900ff\na spki 305900fe\nb spki 00";

	(void)state;
	write_file(lines, strlen(lines), 0644);
	is_met("a", key, LATCH_PIN_SAME);
	is_met("a", other, LATCH_PIN_SAME);
	assert_int_equal(latch_pin_keep(path, "c", key, sizeof(key)), 0);
	file_is("# of mine\n\na spki 305900ff\na spki 305900fe\nb spki 00\nc spki 305900ff\n");
	assert_int_equal(latch_pin_forget(path, "a"), 0);
	file_is("# of mine\n\nb spki 00\nc spki 305900ff\n");
}

static void what_cannot_be_read_is_no_first_meeting(void **state)
{
	static const char *const lines[] = {
		"a", "a\tspki 305900ff", "a spki", "a spki ", "a spki 3", "a spki 30590",
		"a spki 305900fg", "a spki 305900FF", "a sha256 305900ff", "a  spki 305900ff",
		"a spki 305900ff ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		write_file(lines[i], strlen(lines[i]), 0600);
		is_refused("a", LATCH_ERR_MALFORMED);
		is_met("b", key, LATCH_PIN_NEW);
		file_is(lines[i]);
	}
	write_file("b spki 00\0a spki 00\n", 21, 0600);
	is_refused("a", LATCH_ERR_MALFORMED);
	assert_int_equal(latch_pin_forget(path, "a"), LATCH_ERR_MALFORMED);
}

static void a_line_that_cannot_be_read_can_be_forgotten(void **state)
{
	(void)state;
	write_file("a spki ?\na\nb spki 00\n", 21, 0600);
	assert_int_equal(latch_pin_forget(path, "a"), 0);
	file_is("b spki 00\n");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	(void)state;
	write_file("a spki 305900ff\n", 16, 0620);
	is_refused("a", LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EPERM);
	assert_int_equal(chmod(path, 0602), 0);
	is_refused("a", LATCH_ERR_SYSTEM);
	assert_int_equal(latch_pin_forget(path, "a"), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EPERM);
	file_is("a spki 305900ff\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	is_refused("a", LATCH_ERR_SYSTEM);
}

static void a_file_has_a_limit_and_a_change_keeps_to_it(void **state)
{
	size_t len = (1 << 20) + 1;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	write_file(text, len, 0600);
	is_refused("a", LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EFBIG);
	write_file(text, len - 1, 0600);
	is_met("a", key, LATCH_PIN_NEW);
	assert_int_equal(latch_pin_keep(path, "a", key, sizeof(key)), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EFBIG);
	free(text);
}

static void names_and_keys_that_make_no_sense_are_refused(void **state)
{
	static const char *const names[] = { NULL, "", "#a", "a b", "a\n", "a\t", "\xc3\xa4", " " };
	unsigned char big[4097] = { 0 };
	char longest[257];
	enum latch_pin met;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is_refused(names[i], LATCH_ERR_ARGUMENT);
		assert_int_equal(latch_pin_forget(path, names[i]), LATCH_ERR_ARGUMENT);
	}
	memset(longest, 'n', 256);
	longest[256] = '\0';
	is_refused(longest, LATCH_ERR_ARGUMENT);
	is_met(longest + 1, key, LATCH_PIN_NEW);
	assert_int_equal(latch_pin_keep(path, "a", NULL, 4), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_keep(path, "a", key, 0), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_keep(path, "a", big, sizeof(big)), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_check(path, "a", NULL, 4, &met), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_check(path, "a", key, 4, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_check("", "a", key, 4, &met), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_pin_keep(path, "a", big, sizeof(big) - 1), 0);
}

static void the_users_own_file_is_where_xdg_says(void **state)
{
	char expected[128];
	enum latch_pin met;

	(void)state;
	assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
	assert_int_equal(setenv("HOME", folder, 1), 0);
	assert_int_equal(latch_pin_keep(NULL, "a", key, sizeof(key)), 0);
	snprintf(expected, sizeof(expected), "%s/.config/latch/known_peers", folder);
	assert_int_equal(latch_pin_check(expected, "a", key, sizeof(key), &met), 0);
	assert_int_equal(met, LATCH_PIN_SAME);
	assert_int_equal(unlink(expected), 0);
	strcat(expected, ".lock");
	assert_int_equal(unlink(expected), 0);
	snprintf(expected, sizeof(expected), "%s/.config/latch", folder);
	assert_int_equal(rmdir(expected), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", expected, 1), 0);
	assert_int_equal(latch_pin_check(NULL, "a", key, sizeof(key), &met), 0);
	assert_int_equal(met, LATCH_PIN_NEW);
	snprintf(expected, sizeof(expected), "%s/.config", folder);
	assert_int_equal(rmdir(expected), 0);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	assert_int_equal(unsetenv("HOME"), 0);
	assert_int_equal(latch_pin_check(NULL, "a", key, sizeof(key), &met), LATCH_ERR_ARGUMENT);
}

/* Of a disk that is not there, for example. */
static void a_link_that_leads_nowhere_is_no_first_meeting(void **state)
{
	char to[96], link[96], below[128];
	enum latch_pin met;

	(void)state;
	snprintf(to, sizeof(to), "%s/elsewhere", folder);
	assert_int_equal(symlink(to, path), 0);
	is_refused("a", LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(readlink(path, link, sizeof(link)), strlen(to));
	assert_int_equal(unlink(path), 0);
	snprintf(link, sizeof(link), "%s/link", folder);
	snprintf(below, sizeof(below), "%s/deeper/known_peers", link);
	assert_int_equal(symlink(to, link), 0);
	assert_int_equal(latch_pin_check(below, "a", key, sizeof(key), &met), LATCH_ERR_SYSTEM);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(latch_pin_check(below, "a", key, sizeof(key), &met), 0);
	assert_int_equal(met, LATCH_PIN_NEW);
	assert_int_equal(rmdir(to), 0);
	assert_int_equal(unlink(link), 0);
}

static void what_is_kept_is_kept_after_a_loss_of_power(void **state)
{
	(void)state;
	nr_folder_syncs = 0;
	file_at_sync = "a spki 305900ff\n";
	assert_int_equal(latch_pin_keep(path, "a", key, sizeof(key)), 0);
	assert_int_equal(nr_folder_syncs, 1);
	file_at_sync = NULL;
	folder_error = EIO;
	assert_int_equal(latch_pin_forget(path, "a"), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EIO);
	folder_error = EINVAL;
	assert_int_equal(latch_pin_keep(path, "b", key, sizeof(key)), 0);
	folder_error = 0;
	is_met("b", key, LATCH_PIN_SAME);
}

/* Several programs of one user meet peers at the same time. */
static void none_of_many_that_keep_at_once_is_lost(void **state)
{
	enum { PROCESSES = 8, EACH = 20 };
	char name[32];

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		for (int n = 0; pid == 0 && n < EACH; n++) {
			snprintf(name, sizeof(name), "peer-%d-%d", i, n);
			if (latch_pin_keep(path, name, key, sizeof(key)) != 0)
				_exit(1);
		}
		if (pid == 0)
			_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < PROCESSES * EACH; i++) {
		snprintf(name, sizeof(name), "peer-%d-%d", i / EACH, i % EACH);
		is_met(name, key, LATCH_PIN_SAME);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_new_then_the_same_and_another_one_is_neither_L22),
		TEST(a_key_that_begins_like_it_is_another_one_L22),
		TEST(another_key_is_not_kept_until_the_first_is_forgotten_L22),
		TEST(what_its_user_has_written_stays),
		TEST(what_cannot_be_read_is_no_first_meeting),
		TEST(a_line_that_cannot_be_read_can_be_forgotten),
		TEST(a_file_that_others_may_write_is_refused),
		TEST(a_file_has_a_limit_and_a_change_keeps_to_it),
		TEST(names_and_keys_that_make_no_sense_are_refused),
		TEST(the_users_own_file_is_where_xdg_says),
		TEST(a_link_that_leads_nowhere_is_no_first_meeting),
		TEST(what_is_kept_is_kept_after_a_loss_of_power),
		TEST(none_of_many_that_keep_at_once_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
