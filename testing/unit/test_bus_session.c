/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions without a bus, step by step: the event loop turns only when the test says so. */

#include "bus/pl_session.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { UID = 1000 };

static struct {
	struct event_base *base;
	struct pl_engine *engine;
	struct pl_sessions *sessions;
	struct pl_conf conf;
	char log[512];
} stage;

static void note(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(stage.log, sizeof(stage.log), "%s", text);
}

static int setup(void **state)
{
	(void)state;
	memset(&stage, 0, sizeof(stage));
	pl_conf_default(&stage.conf);
	stage.conf.limits.each[PL_LIMIT_QUEUE_BYTES] = 65536;
	stage.base = event_base_new();
	stage.engine = pl_engine_new(NULL, NULL);
	stage.sessions = pl_sessions_new(&stage.conf, note, NULL);
	assert_non_null(stage.sessions);
	assert_int_equal(pl_sessions_attach(stage.sessions, stage.base, stage.engine), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pl_sessions_free(stage.sessions);
	pl_conf_clear(&stage.conf);
	pl_engine_free(stage.engine);
	event_base_free(stage.base);
	return 0;
}

static void turn(void)
{
	assert_true(event_base_loop(stage.base, EVLOOP_NONBLOCK) >= 0);
}

static int try_open(uint32_t uid, bool is_watch, uint64_t *ret_number, int *ret_fd)
{
	struct pl_session_wish wish = { .uid = uid, .is_watch = is_watch };

	return pl_session_open(stage.sessions, &wish, ret_number, ret_fd);
}

static uint64_t open_session(uint32_t uid, bool is_watch, int *ret_fd)
{
	uint64_t number = 0;

	assert_int_equal(try_open(uid, is_watch, &number, ret_fd), 0);
	return number;
}

/* The type of the next record; "" when none is there, "eof" at the end */
static const char *next(int fd)
{
	static char text[8192];
	static char type[16];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return "";
	if (n == 0)
		return "eof";
	text[n] = '\0';
	assert_int_equal(sscanf(text, "{\"type\":\"%15[a-z]\"", type), 1);
	return type;
}

static struct pl_alert alert_at(uint64_t generation)
{
	return (struct pl_alert) {
		.id = 5, .tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 80 },
		.event = PL_EVENT_CONFLICT_SA, .from = PL_STATE_ESTABLISHED,
		.to = PL_STATE_BROKEN, .generation = generation, .reason = "because",
	};
}

static enum pl_told tell(uint64_t number, uint64_t generation)
{
	struct pl_owner owner = { PL_OWNER_SESSION, UID, number };
	struct pl_alert alert = alert_at(generation);

	return pl_sessions_alert(stage.sessions, &owner, &alert);
}

static void show(uint64_t generation)
{
	struct pl_alert alert = alert_at(generation);

	pl_sessions_watch(stage.sessions, &alert);
}

static void who_has_no_session_is_not_told(void **state)
{
	struct pl_owner socket = { PL_OWNER_SOCKET, UID, 1 };
	struct pl_alert alert = alert_at(1);
	int fd;

	(void)state;
	assert_int_equal(tell(0, 1), PL_TOLD_NOT);
	assert_int_equal(open_session(UID, false, &fd), 1);
	assert_int_equal(tell(2, 1), PL_TOLD_NOT);
	assert_int_equal(pl_sessions_alert(stage.sessions, &socket, &alert), PL_TOLD_NOT);
	assert_int_equal(tell(1, 1), PL_TOLD_RECORD);
	close(fd);
}

static void a_record_is_there_when_alert_returns_and_a_full_session_is_closed(void **state)
{
	uint64_t number;
	unsigned nr = 0;
	int fd;

	(void)state;
	number = open_session(UID, false, &fd);
	assert_string_equal(next(fd), "hello");
	assert_int_equal(tell(number, 1), PL_TOLD_RECORD);
	assert_string_equal(next(fd), "alert");
	while (tell(number, 2) == PL_TOLD_RECORD)
		nr++;
	assert_in_range(nr, 10, 1000);
	assert_non_null(strstr(stage.log, "too slow"));
	/* It was told EOF, and there is no such session any more, though nothing was buried yet. */
	assert_int_equal(tell(number, 3), PL_TOLD_NOT);
	assert_false(pl_session_is_open(stage.sessions, number));
	while (nr-- > 0)
		assert_string_equal(next(fd), "alert");
	assert_string_equal(next(fd), "eof");
	close(fd);
}

static void after_a_loss_the_next_record_is_lost(void **state)
{
	unsigned nr = 0;
	int fd;

	(void)state;
	open_session(0, true, &fd);
	assert_string_equal(next(fd), "hello");
	for (unsigned i = 0; i < 1000; i++)
		show(i + 1);
	while (strcmp(next(fd), "change") == 0)
		nr++;
	assert_in_range(nr, 10, 999);
	/* There is room now, and yet nothing comes before it knows that it lost something. */
	show(2000);
	assert_string_equal(next(fd), "");
	turn();
	assert_string_equal(next(fd), "lost");
	assert_string_equal(next(fd), "");
	show(2001);
	assert_string_equal(next(fd), "change");
	turn();
	assert_string_equal(next(fd), "");
	close(fd);
}

static void who_watches_sees_only_what_he_may(void **state)
{
	int mine, root;

	(void)state;
	open_session(UID, true, &mine);
	open_session(0, true, &root);
	assert_string_equal(next(mine), "hello");
	assert_string_equal(next(root), "hello");
	/* The engine knows no latch 5, so that nobody may see it but the administrator. */
	show(1);
	assert_string_equal(next(mine), "");
	assert_string_equal(next(root), "change");
	close(mine);
	close(root);
}

static void a_session_counts_until_the_engine_knows_of_its_end(void **state)
{
	uint64_t number;
	int fd, other = -1;
	const uint32_t uid = UID;

	(void)state;
	stage.conf.limits.each[PL_LIMIT_SESSIONS] = 1;
	number = open_session(UID, true, &fd);
	assert_int_equal(try_open(UID, false, &number, &other),
			 PL_E_LIMIT_EXCEEDED);
	assert_int_equal(other, -1);
	pl_session_end(stage.sessions, number);
	pl_session_end(stage.sessions, number);
	assert_int_equal(pl_sessions_count(stage.sessions, &uid), 1);
	assert_int_equal(try_open(UID, false, &number, &other),
			 PL_E_LIMIT_EXCEEDED);
	turn();
	assert_int_equal(pl_sessions_count(stage.sessions, NULL), 0);
	assert_int_equal(open_session(UID, false, &other), 2);
	close(fd);
	close(other);
}

static void watching_has_a_limit_of_its_own_and_takes_nothing_when_refused(void **state)
{
	const uint32_t uid = UID;
	uint64_t number;
	int fd, none;

	(void)state;
	stage.conf.limits.each[PL_LIMIT_SUBSCRIPTIONS] = 1;
	open_session(UID, true, &fd);
	assert_int_equal(try_open(UID, true, &number, &none),
			 PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_sessions_count(stage.sessions, &uid), 1);
	close(fd);
	turn();
	turn();
	assert_int_equal(pl_sessions_count(stage.sessions, &uid), 0);
	open_session(UID, true, &fd);
	close(fd);
}

static void the_end_of_the_client_ends_the_session(void **state)
{
	uint64_t number;
	int fd;

	(void)state;
	number = open_session(UID, false, &fd);
	turn();
	assert_true(pl_session_is_open(stage.sessions, number));
	close(fd);
	/* Nobody can read it any more, so nobody is told. */
	assert_int_equal(tell(number, 1), PL_TOLD_EOF);
	turn();
	assert_false(pl_session_is_open(stage.sessions, number));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(who_has_no_session_is_not_told),
		TEST(a_record_is_there_when_alert_returns_and_a_full_session_is_closed),
		TEST(after_a_loss_the_next_record_is_lost),
		TEST(who_watches_sees_only_what_he_may),
		TEST(a_session_counts_until_the_engine_knows_of_its_end),
		TEST(watching_has_a_limit_of_its_own_and_takes_nothing_when_refused),
		TEST(the_end_of_the_client_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
