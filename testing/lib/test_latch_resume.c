/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Handles whose daemon is gone and comes back (latch_resume.c), against one fake after another. */

#include "fake.h"

#include "latch_impl.h"

#include <dbus/dbus.h>
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { A_WHILE_MS = 10000, RESUME_S = 20 };

#define FIRST "0123456789abcdef0123456789abcdef"
#define SECOND "ffffffffffffffffffffffffffffffff"
#define STATE(name) "{\"type\":\"state\",\"id\":7,\"from\":\"" name "\",\"to\":\"" name "\"," \
	"\"generation\":2}"

static struct fake *fake;
static struct latch *latch;

static const char *bus(void)
{
	return getenv("LATCH_TEST_BUS");
}

static void start(const char *token)
{
	fake = fake_start();
	fake->token = token;
	fake->resume_s = RESUME_S;
}

static int begin(void **state)
{
	(void)state;
	start(FIRST);
	return latch_open(bus(), 0, &latch);
}

static int end(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake = fake_stop(fake);
	return 0;
}

/* What the program hears, as text. */
struct heard {
	char text[512];
	int r;
};

static void hear(void *ctx, const struct latch_event *event)
{
	struct heard *heard = ctx;
	size_t len = strlen(heard->text);

	assert_non_null(event->json);
	snprintf(heard->text + len, sizeof(heard->text) - len, "%s%s%s ", event->type,
		 event->to == LATCH_STATE_NONE ? "" : "=",
		 event->to == LATCH_STATE_NONE ? "" : latch_state_name(event->to));
}

/* As a program does, until @text was heard, or the end. */
static struct heard listen_until(const char *text)
{
	struct heard heard = { .r = 0 };

	while (heard.r == 0 && strstr(heard.text, text) == NULL) {
		struct pollfd fd = { .fd = latch_fd(latch), .events = POLLIN };

		if (poll(&fd, 1, A_WHILE_MS) != 1)
			fail_msg("heard only \"%s\"", heard.text);
		heard.r = latch_dispatch(latch, hear, &heard);
	}
	return heard;
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned nr = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		nr++;
	closedir(dir);
	return nr;
}

static void a_session_goes_on_with_the_next_daemon_K16(void **state)
{
	struct heard heard = listen_until("hello");
	int fd = latch_fd(latch);
	unsigned fds = count_fds();

	(void)state;
	fake = fake_stop(fake);
	heard = listen_until("away");
	assert_string_equal(heard.text, "away ");
	assert_int_equal(heard.r, 0);
	/* meanwhile nobody waits */
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
	assert_int_equal(latch_dispatch(latch, hear, &heard), 0);
	assert_string_equal(heard.text, "away ");
	start(SECOND);
	fake->say[0] = STATE("broken");
	fake->say[1] = "{\"type\":\"alert\",\"id\":7,\"to\":\"established\",\"generation\":3}";
	fake->nr_say = 2;
	heard = listen_until("established");
	assert_string_equal(heard.text, "hello state=broken alert=established ");
	assert_string_equal(fake->reason, FIRST);
	assert_int_equal(fake_count(fake, "ResumeSession"), 1);
	assert_int_equal(fake_count(fake, "OpenSession"), 0);
	/* same descriptor, and calls go to the new one */
	assert_int_equal(latch_fd(latch), fd);
	assert_int_equal(latch_release(latch, 7), 0);
	/* and once more, with the token that came with it */
	fake = fake_stop(fake);
	assert_string_equal(listen_until("away").text, "away ");
	start(FIRST);
	assert_string_equal(listen_until("hello").text, "hello ");
	assert_string_equal(fake->reason, SECOND);
	/* the fake has let go of what the call brought when it has answered another one */
	assert_int_equal(latch_release(latch, 7), 0);
	assert_int_equal(count_fds(), fds);
}

static void who_only_waits_for_a_state_resumes_by_that(void **state)
{
	enum latch_state now;
	uint64_t before;

	(void)state;
	fake = fake_stop(fake);
	before = latch_tags_now_ns();
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 100, &now),
			 LATCH_ERR_TIMEOUT);
	assert_true(latch_tags_now_ns() - before >= 100000000);
	start(SECOND);
	fake->state = "broken";
	/* generations begin anew: it was 5 */
	fake->generation = 1;
	fake->say[0] = "{\"type\":\"alert\",\"id\":7,\"to\":\"established\",\"generation\":2}";
	fake->nr_say = 1;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_ESTABLISHED, A_WHILE_MS, &now), 0);
	assert_int_equal(now, LATCH_STATE_ESTABLISHED);
	/* what came meanwhile was kept */
	assert_string_equal(listen_until("established").text,
			    "hello away hello alert=established ");
}

static void a_session_that_a_living_daemon_closes_is_over(void **state)
{
	struct heard heard = listen_until("hello");

	(void)state;
	fake_hang_up(fake);
	heard = listen_until("nothing");
	assert_int_equal(heard.r, LATCH_ERR_SERVICE);
	assert_string_equal(heard.text, "");
	assert_int_equal(fake_count(fake, "ResumeSession"), 0);
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
	/* and stays so, without a pause */
	assert_int_equal(listen_until("nothing").r, LATCH_ERR_SERVICE);
}

static void who_does_not_come_back_in_time_is_gone(void **state)
{
	enum latch_state now;
	struct heard heard;

	(void)state;
	latch = latch_close(latch);
	fake->resume_s = 1;
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	fake = fake_stop(fake);
	heard = listen_until("nothing");
	assert_int_equal(heard.r, LATCH_ERR_SERVICE);
	assert_string_equal(heard.text, "hello away ");
	/* too late */
	start(SECOND);
	assert_int_equal(listen_until("nothing").r, LATCH_ERR_SERVICE);
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &now),
			 LATCH_ERR_SERVICE);
	assert_int_equal(fake_count(fake, "ResumeSession"), 0);
}

static void a_wait_without_end_ends_when_nobody_comes_back(void **state)
{
	enum latch_state now;

	(void)state;
	latch = latch_close(latch);
	fake->resume_s = 1;
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	fake = fake_stop(fake);
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &now),
			 LATCH_ERR_SERVICE);
}

static void a_daemon_that_was_told_not_to_is_not_waited_for(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake->resume_s = 0;
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	fake = fake_stop(fake);
	assert_string_equal(listen_until("nothing").text, "hello ");
	assert_int_equal(listen_until("nothing").r, LATCH_ERR_SERVICE);
	latch = latch_close(latch);
	start(FIRST);
	assert_int_equal(latch_open(bus(), LATCH_OPEN_NO_RESUME, &latch), 0);
	fake = fake_stop(fake);
	assert_string_equal(listen_until("nothing").text, "hello ");
}

static void a_refusal_is_the_end(void **state)
{
	static const struct {
		const char *fail, *misshape;
		bool stream;
	} t[] = {
		{ "ResumeSession", NULL, false }, { NULL, "ResumeSession", false },
		{ NULL, NULL, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fake = fake_stop(fake);
		start(SECOND);
		fake->fail = t[i].fail;
		fake->error = "org.libreswan.Latch1.Error.NotResumable";
		fake->misshape = t[i].misshape;
		fake->stream = t[i].stream;
		assert_int_equal(listen_until("nothing").r, LATCH_ERR_SERVICE);
		assert_int_equal(fake_count(fake, "ResumeSession"), 1);
		latch = latch_close(latch);
		fake->stream = false;
		assert_int_equal(latch_open(bus(), 0, &latch), 0);
	}
}

static void one_that_dies_before_it_answers_is_not_the_last(void **state)
{
	(void)state;
	fake = fake_stop(fake);
	start(SECOND);
	fake->vanish = "ResumeSession";
	listen_until("away");
	while (fake_count(fake, "ResumeSession") == 0)
		assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	fake = fake_stop(fake);
	start(SECOND);
	assert_string_equal(listen_until("hello").text, "hello ");
	/* the token was not used up */
	assert_string_equal(fake->reason, FIRST);
}

/* Another program says that the name is its own now. */
static void the_token_goes_to_the_owner_of_the_name_alone(void **state)
{
	DBusConnection *thief = dbus_connection_open_private(bus(), NULL);
	const char *name = LATCH_SERVICE, *none = "", *self;
	DBusMessage *lie;

	(void)state;
	assert_non_null(thief);
	dbus_connection_set_exit_on_disconnect(thief, FALSE);
	assert_true(dbus_bus_register(thief, NULL));
	self = dbus_bus_get_unique_name(thief);
	fake = fake_stop(fake);
	listen_until("away");
	lie = dbus_message_new_signal(DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "NameOwnerChanged");
	dbus_message_set_destination(lie, dbus_bus_get_unique_name(latch->bus));
	assert_true(dbus_message_append_args(lie, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
					     &none, DBUS_TYPE_STRING, &self, DBUS_TYPE_INVALID));
	assert_true(dbus_connection_send(thief, lie, NULL));
	dbus_connection_flush(thief);
	dbus_message_unref(lie);
	start(SECOND);
	assert_string_equal(listen_until("hello").text, "hello ");
	assert_string_equal(fake->reason, FIRST);
	while (dbus_connection_read_write(thief, 0), (lie = dbus_connection_pop_message(thief))) {
		assert_int_not_equal(dbus_message_get_type(lie), DBUS_MESSAGE_TYPE_METHOD_CALL);
		dbus_message_unref(lie);
	}
	dbus_connection_close(thief);
	dbus_connection_unref(thief);
}

static void a_handle_is_closed_at_any_time(void **state)
{
	unsigned fds;

	(void)state;
	latch = latch_close(latch);
	assert_int_equal(latch_open(bus(), LATCH_OPEN_WATCH, &latch), 0);
	assert_int_equal(latch_release(latch, 7), 0);
	latch = latch_close(latch);
	fds = count_fds();
	assert_int_equal(latch_open(bus(), LATCH_OPEN_WATCH, &latch), 0);
	fake = fake_stop(fake);
	listen_until("away");
	latch = latch_close(latch);
	/* those of the fake: its bus, its pipe, its end of a session */
	assert_in_range(count_fds(), fds - 4, fds - 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	static const struct CMUnitTest tests[] = {
		TEST(a_session_goes_on_with_the_next_daemon_K16),
		TEST(who_only_waits_for_a_state_resumes_by_that),
		TEST(a_session_that_a_living_daemon_closes_is_over),
		TEST(who_does_not_come_back_in_time_is_gone),
		TEST(a_wait_without_end_ends_when_nobody_comes_back),
		TEST(a_daemon_that_was_told_not_to_is_not_waited_for),
		TEST(a_refusal_is_the_end),
		TEST(one_that_dies_before_it_answers_is_not_the_last),
		TEST(the_token_goes_to_the_owner_of_the_name_alone),
		TEST(a_handle_is_closed_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
