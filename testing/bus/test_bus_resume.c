/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions that outlive the service (design D13): it is killed, and another one has its journal. */

#include "bus_stage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TOKEN = 33 };

static char folder[64];

static int setup_journal(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test_bus_resume.XXXXXX");
	if (mkdtemp(folder) == NULL || setenv("PL_TEST_JOURNAL", folder, 1) != 0)
		return -1;
	return setup(state);
}

static int teardown_journal(void **state)
{
	int r = teardown(state);
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	unsetenv("PL_TEST_JOURNAL");
	return rmdir(folder) == 0 ? r : -1;
}

/* Return: the session; the token goes to @ret */
static int take(DBusMessage *reply, char ret[static TOKEN])
{
	const char *token;
	int fd;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_STRING,
					  &token, DBUS_TYPE_INVALID));
	assert_int_equal(strlen(token), TOKEN - 1);
	assert_int_equal(strspn(token, "0123456789abcdef"), TOKEN - 1);
	memcpy(ret, token, TOKEN);
	dbus_message_unref(reply);
	return fd;
}

static DBusMessage *resume_call(const char *token)
{
	return call_new("ResumeSession", "sd", token, NOTHING);
}

/* The next record, whose key has this value. Return: the number at "session" or "id" */
static uint64_t expect(int session, const char *type, const char *key, const char *value)
{
	json_t *json = record_of_type(session, type);
	uint64_t number;

	assert_non_null(json);
	if (key != NULL)
		assert_string_equal(json_string_value(json_object_get(json, key)), value);
	number = (uint64_t)json_integer_value(json_object_get(json, strcmp(type, "hello") == 0 ?
							      "session" : "id"));
	json_decref(json);
	return number;
}

/* A client whose session has one latch. */
struct play {
	DBusConnection *client;
	int session, pair[2];
	uint64_t number, id;
	char token[TOKEN];
};

static struct play begin(void)
{
	struct play play = { .client = client_new() };

	play.session = take(ask(play.client, call_new("OpenSession", "d", NOTHING)), play.token);
	play.number = expect(play.session, "hello", NULL, NULL);
	tell("sa add 1 b.test 101");
	tcp_pair(play.pair);
	play.id = latch_fd(play.client, play.pair[0]);
	return play;
}

static void finish(struct play *play)
{
	close(play->session);
	close(play->pair[0]);
	close(play->pair[1]);
	client_free(play->client);
}

static void a_session_is_resumed_once_and_hears_how_its_latches_are_K16_K24(void **state)
{
	struct play play = begin();
	DBusConnection *other = client_new();
	char next[TOKEN];
	int again;

	(void)state;
	replace_daemon();
	assert_int_equal(recv(play.session, next, 1, 0), 0);
	again = take(ask(play.client, resume_call(play.token)), next);
	assert_int_equal(expect(again, "hello", NULL, NULL), play.number);
	assert_int_equal(expect(again, "state", "state", "broken"), play.id);
	assert_null(record_now(again));
	assert_string_equal(inquire(play.client, play.id, "owner"), "session");
	/* what comes then is an alert as ever */
	tell("sa add 2 b.test 102");
	assert_int_equal(expect(again, "alert", "to", "established"), play.id);
	/* neither token is good while it lives, nor the first one ever again */
	expect_error(other, resume_call(play.token), "NotResumable");
	expect_error(other, resume_call(next), "NotResumable");
	expect_error(play.client, resume_call(next), "SessionExists");
	close(again);
	replace_daemon();
	expect_error(other, resume_call(play.token), "NotResumable");
	client_free(other);
	finish(&play);
}

static void each_restart_has_a_token_of_its_own(void **state)
{
	struct play play = begin();
	char next[TOKEN];
	int again;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		replace_daemon();
		expect_error(play.client, resume_call("0123456789abcdef0123456789abcdef"),
			     "NotResumable");
		again = take(ask(play.client, resume_call(play.token)), next);
		assert_string_not_equal(next, play.token);
		memcpy(play.token, next, TOKEN);
		close(play.session);
		play.session = again;
		assert_int_equal(expect(again, "hello", NULL, NULL), play.number);
		expect(again, "state", "state", "broken");
	}
	finish(&play);
}

static void a_session_that_ended_before_is_not_resumed(void **state)
{
	struct play play = begin();

	(void)state;
	assert_int_equal(shutdown(play.session, SHUT_RDWR), 0);
	/* until the service has noticed */
	while (strcmp(inquire(play.client, play.id, "owner"), "socket") != 0)
		usleep(1000);
	expect_error(play.client, resume_call(play.token), "NotResumable");
	replace_daemon();
	expect_error(play.client, resume_call(play.token), "NotResumable");
	finish(&play);
}

static void what_is_no_token_is_the_same_error(void **state)
{
	static char longest[256];
	struct play play = begin();
	char upper[TOKEN], cut[TOKEN];

	(void)state;
	replace_daemon();
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(cut, play.token, TOKEN);
	cut[TOKEN - 2] = '\0';
	for (unsigned i = 0; i < TOKEN; i++)
		upper[i] = (char)(play.token[i] >= 'a' ? play.token[i] - 32 : play.token[i]);
	expect_error(play.client, resume_call(""), "NotResumable");
	expect_error(play.client, resume_call(cut), "NotResumable");
	expect_error(play.client, resume_call(longest), "NotResumable");
	if (strcmp(upper, play.token) != 0)
		expect_error(play.client, resume_call(upper), "NotResumable");
	expect_error(play.client, call_new("ResumeSession", "s", play.token), "Malformed");
	expect_error(play.client, call_new("ResumeSession", "sd", play.token,
					   ((const struct entry[]) { E_B("wach", true), E_END })),
		     "Unsupported");
	/* and none of it took anything away */
	close(play.session);
	play.session = take(ask(play.client, resume_call(play.token)), cut);
	finish(&play);
}

static const char *stolen;

static bool cannot_resume(DBusConnection *client)
{
	return is_answered(client, resume_call(stolen), "NotResumable");
}

static void a_token_is_worth_nothing_to_another_user(void **state)
{
	struct play play;
	char next[TOKEN];

	(void)state;
	NEEDS_ROOT("a_token_is_worth_nothing_to_another_user");
	play = begin();
	replace_daemon();
	stolen = play.token;
	as_nobody(cannot_resume);
	close(play.session);
	play.session = take(ask(play.client, resume_call(play.token)), next);
	finish(&play);
}

static void the_journal_has_no_token(void **state)
{
	struct play play = begin();
	char path[96], text[65536];
	FILE *file;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "%s/latches", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	assert_true(len > 512);
	assert_null(memmem(text, len, play.token, TOKEN - 1));
	for (unsigned i = 0; i + 16 < TOKEN; i += 16)
		assert_null(memmem(text, len, play.token + i, 16));
	finish(&play);
}

static void who_watches_is_told_that_changes_were_missed(void **state)
{
	struct play play = begin();
	const struct entry watch[] = { E_B("watch", true), E_END };
	char next[TOKEN];

	(void)state;
	replace_daemon();
	close(play.session);
	play.session = take(ask(play.client, call_new("ResumeSession", "sd", play.token, watch)),
			    next);
	expect(play.session, "state", "state", "broken");
	expect(play.session, "lost", NULL, NULL);
	finish(&play);
}

static bool may_not_forget(DBusConnection *client)
{
	return is_answered(client, call_new("ForgetUnreadable", ""), "NotAuthorized");
}

/* Return: of the reply that ForgetUnreadable has */
static unsigned forget(DBusConnection *client, unsigned *ret_flows)
{
	DBusMessage *reply = ask(client, call_new("ForgetUnreadable", ""));
	dbus_uint32_t records, flows;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &records,
					  DBUS_TYPE_UINT32, &flows, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	*ret_flows = flows;
	return records;
}

static void damage_closes_every_latch_until_an_administrator_forgets_it_K53(void **state)
{
	unsigned flows = 9;
	char path[96], next[TOKEN];
	struct play play;
	FILE *file;

	(void)state;
	NEEDS_ROOT("damage_closes_every_latch_until_an_administrator_forgets_it_K53");
	play = begin();
	/* a record that nothing is written to before the next start */
	snprintf(path, sizeof(path), "%s/latches", folder);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 512 * 40, SEEK_SET), 0);
	assert_int_equal(fputs("damage", file) >= 0, 1);
	fclose(file);
	replace_daemon();
	as_nobody(may_not_forget);
	close(play.session);
	play.session = take(ask(play.client, resume_call(play.token)), next);
	assert_int_equal(expect(play.session, "state", "state", "closed"), play.id);
	assert_int_equal(forget(play.client, &flows), 1);
	assert_int_equal(flows, 0);
	assert_int_equal(forget(play.client, &flows), 0);
	finish(&play);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_journal, teardown_journal)
	static const struct CMUnitTest tests[] = {
		TEST(a_session_is_resumed_once_and_hears_how_its_latches_are_K16_K24),
		TEST(each_restart_has_a_token_of_its_own),
		TEST(a_session_that_ended_before_is_not_resumed),
		TEST(what_is_no_token_is_the_same_error),
		TEST(a_token_is_worth_nothing_to_another_user),
		TEST(the_journal_has_no_token),
		TEST(damage_closes_every_latch_until_an_administrator_forgets_it_K53),
		TEST(who_watches_is_told_that_changes_were_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
