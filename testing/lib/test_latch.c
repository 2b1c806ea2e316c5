/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The handle, its calls and its records, against a daemon that does what it is told (fake.h). */

#include "fake.h"

#include "latch_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake *fake;
static struct latch *latch;

static const char *bus(void)
{
	return getenv("LATCH_TEST_BUS");
}

static int with_daemon(void **state)
{
	(void)state;
	fake = fake_start();
	return 0;
}

static int with_handle(void **state)
{
	with_daemon(state);
	return latch_open(bus(), 0, &latch);
}

static int end(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake = fake_stop(fake);
	return 0;
}

/* Asks the fake something first: it has let go of what earlier calls brought when it answers. */
static unsigned count_fds(void)
{
	unsigned count = 0;
	DIR *dir;

	assert_int_equal(latch_release(latch, 7), 0);
	dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* What was handed out. */
struct seen {
	unsigned nr;
	char types[8][16];
	struct latch_event last;
	char json[256];
};

static void see(void *ctx, const struct latch_event *event)
{
	struct seen *seen = ctx;

	snprintf(seen->types[seen->nr++ % 8], sizeof(seen->types[0]), "%s", event->type);
	seen->last = *event;
	snprintf(seen->json, sizeof(seen->json), "%s", event->json);
}

static void say(const char *text)
{
	fake_say(fake, text, strlen(text));
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/* Until there were so many records, which may be on their way. */
static void dispatch_until(unsigned nr, struct seen *seen)
{
	struct pollfd ready = { .fd = latch_fd(latch), .events = POLLIN };

	do {
		assert_int_equal(poll(&ready, 1, 10000), 1);
		assert_int_equal(latch_dispatch(latch, see, seen), 0);
	} while (seen->nr < nr);
	assert_int_equal(seen->nr, nr);
}

/* Open */

static void without_a_daemon_to_open_is_a_service_error(void **state)
{
	struct latch *none = NULL;

	(void)state;
	assert_int_equal(latch_open(bus(), 0, &none), LATCH_ERR_SERVICE);
	assert_int_equal(latch_open("unix:path=/nonexistent/bus", 0, &none), LATCH_ERR_SERVICE);
	assert_int_equal(latch_open("no address", 0, &none), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_open("", 0, &none), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_open("unix:path=\xff", 0, &none), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_open(bus(), 4, &none), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_open(bus(), 0, NULL), LATCH_ERR_ARGUMENT);
	assert_null(none);
	assert_null(latch_close(NULL));
}

static void the_system_bus_is_the_one_of_the_environment(void **state)
{
	(void)state;
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	assert_int_equal(latch_open(NULL, 0, &latch), LATCH_ERR_SERVICE);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", bus(), 1);
	assert_int_equal(latch_open(NULL, 0, &latch), 0);
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void to_open_asks_to_watch_only_when_told_so(void **state)
{
	(void)state;
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	assert_string_equal(fake->dict, "{}");
	latch = latch_close(latch);
	assert_int_equal(latch_open(bus(), LATCH_OPEN_WATCH, &latch), 0);
	assert_string_equal(fake->dict, "{\"watch\":true}");
}

static void an_error_of_the_daemon_on_open_leaves_no_handle(void **state)
{
	(void)state;
	fake->fail = "OpenSession";
	fake->error = "org.libreswan.Latch1.Error.LimitExceeded";
	assert_int_equal(latch_open(bus(), 0, &latch), LATCH_ERR_LIMIT_EXCEEDED);
	assert_null(latch);
	fake->fail = NULL;
	fake->stream = true;
	assert_int_equal(latch_open(bus(), 0, &latch), LATCH_ERR_FAILED);
	fake->stream = false;
	fake->misshape = "OpenSession";
	assert_int_equal(latch_open(bus(), 0, &latch), LATCH_ERR_FAILED);
	fake->misshape = NULL;
	fake->vanish = "OpenSession";
	assert_int_equal(latch_open(bus(), 0, &latch), LATCH_ERR_SERVICE);
	assert_null(latch);
}

static void every_descriptor_of_a_handle_closes_on_exec(void **state)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	bool before[256] = { false };
	unsigned opened = 0;

	(void)state;
	for (int fd = 0; fd < 256; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		/* the fake's end of the session is one, and has it too */
		if (entry->d_name[0] == '.' || before[fd])
			continue;
		opened++;
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	}
	closedir(dir);
	assert_true(opened >= 4);
}

static void no_call_changes_what_signals_do(void **state)
{
	struct sigaction before, after;

	(void)state;
	sigaction(SIGPIPE, NULL, &before);
	assert_ptr_equal(before.sa_handler, SIG_DFL);
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	assert_int_equal(latch_release(latch, 7), 0);
	sigaction(SIGPIPE, NULL, &after);
	assert_ptr_equal(after.sa_handler, SIG_DFL);
}

/* Calls */

static void calls_carry_their_arguments(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(latch_release(latch, 11), 0);
	assert_int_equal(fake->number, 11);
	assert_int_equal(latch_unprotect(latch, UINT64_MAX), 0);
	assert_true(fake->number == UINT64_MAX);
	assert_int_equal(latch_break(latch, 12, "old key"), 0);
	assert_int_equal(fake->number, 12);
	assert_string_equal(fake->reason, "old key");
	assert_int_equal(latch_shut(latch, 13, ""), 0);
	assert_string_equal(fake->reason, "");
	assert_int_equal(fake_count(fake, "Release"), 1);
	assert_int_equal(fake_count(fake, "Unprotect"), 1);
	assert_int_equal(fake_count(fake, "Break"), 1);
	assert_int_equal(fake_count(fake, "Close"), 1);
	assert_int_equal(latch_latch(latch, STDIN_FILENO, NULL, &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(fake->dict, "{}");
}

/* L22: bytes with a NUL among them, and nothing for a key of another type. */
static void a_peer_is_what_the_daemon_said_L22(void **state)
{
	static const uint8_t certificate[] = { 1, 0, 2 };
	struct latch_peer *peer;
	const void *bytes;
	size_t len = 99;

	(void)state;
	assert_int_equal(latch_inquire_peer(latch, 9, &peer), 0);
	assert_int_equal(fake->number, 9);
	assert_string_equal(latch_peer_id(peer), "@a");
	assert_int_equal(latch_auth_method(peer), LATCH_AUTH_SIGNATURE);
	bytes = latch_peer_certificate(peer, &len);
	assert_int_equal(len, sizeof(certificate));
	assert_memory_equal(bytes, certificate, len);
	assert_null(latch_peer_trust_anchor(peer, &len));
	assert_int_equal(len, 0);
	len = 99;
	assert_null(latch_peer_public_key(peer, &len));
	assert_int_equal(len, 0);
	assert_null(latch_peer_text(peer, "certificate"));
	assert_null(latch_peer_text(peer, "auth_method"));
	assert_null(latch_peer_text(peer, ""));
	assert_string_equal(latch_peer_text(peer, "of_tomorrow"), "text");
	latch = latch_close(latch);
	assert_string_equal(latch_peer_id(peer), "@a");
	assert_null(latch_peer_free(peer));
	assert_null(latch_peer_free(NULL));
}

static void peers_are_compared_by_the_daemon_L27(void **state)
{
	bool same = false;

	(void)state;
	assert_int_equal(latch_same_peer(latch, 7, 8, &same), 0);
	assert_true(same);
	assert_int_equal(latch_same_peer(NULL, 7, 8, &same), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_same_peer(latch, 7, 8, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_inquire_peer(latch, 7, NULL), LATCH_ERR_ARGUMENT);
}

static void a_binding_is_handed_on_or_none_is_L28(void **state)
{
	static const char *const types[] = { NULL, LATCH_BINDING_PEER };
	struct latch_binding binding, before;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		memset(&binding, 0, sizeof(binding));
		assert_int_equal(latch_channel_binding(latch, 7, types[i], &binding), 0);
		assert_string_equal(fake->reason, types[i] == NULL ? "" : types[i]);
		assert_int_equal(fake->number, 7);
		assert_string_equal(binding.type, LATCH_BINDING_END_POINT);
		assert_int_equal(binding.len, 32);
		assert_memory_equal(binding.data, LATCH_BINDING_END_POINT, 22);
	}
	/* what there is just room for, and what there is none for */
	assert_int_equal(latch_channel_binding(latch, 1063, NULL, &binding), 0);
	assert_int_equal(strlen(binding.type), 63);
	assert_int_equal(binding.len, 63);
	memset(&before, 0x5a, sizeof(before));
	binding = before;
	assert_int_equal(latch_channel_binding(latch, 1064, NULL, &binding), LATCH_ERR_FAILED);
	assert_int_equal(latch_channel_binding(latch, 1065, NULL, &binding), LATCH_ERR_FAILED);
	assert_int_equal(latch_channel_binding(latch, 1000, NULL, &binding), LATCH_ERR_FAILED);
	assert_memory_equal(&binding, &before, sizeof(before));
	assert_int_equal(latch_channel_binding(NULL, 7, NULL, &binding), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_channel_binding(latch, 7, NULL, NULL), LATCH_ERR_ARGUMENT);
}

static void inquire_and_list_give_what_the_daemon_said(void **state)
{
	struct latch_info *info, **infos;
	uint64_t cursor = 0, last = 0;
	size_t nr, all = 0;

	(void)state;
	assert_int_equal(latch_inquire(latch, 9, &info), 0);
	assert_string_equal(latch_info_json(info),
			    "{\"id\":9,\"state\":\"established\",\"generation\":5}");
	latch_info_free(info);
	do {
		assert_int_equal(latch_list(latch, &cursor, &infos, &nr), 0);
		for (size_t i = 0; i < nr; i++) {
			assert_int_equal(latch_info_id(infos[i]), last + 1);
			last = latch_info_id(infos[i]);
			latch_info_free(infos[i]);
		}
		all += nr;
		free(infos);
	} while (cursor != 0);
	assert_int_equal(all, 3);
	cursor = 3;
	assert_int_equal(latch_list(latch, &cursor, &infos, &nr), 0);
	assert_int_equal(nr, 0);
	assert_null(infos);
	assert_int_equal(cursor, 0);
}

static void forgetting_gives_what_the_daemon_said(void **state)
{
	uint32_t records = 0, flows = 0;

	(void)state;
	assert_int_equal(latch_forget_unreadable(latch, &records, &flows), 0);
	assert_int_equal(records, 3);
	assert_int_equal(flows, 2);
	assert_int_equal(fake_count(fake, "ForgetUnreadable"), 1);
	/* an older daemon */
	fake->fail = "ForgetUnreadable";
	fake->error = "org.freedesktop.DBus.Error.UnknownMethod";
	assert_int_equal(latch_forget_unreadable(latch, &records, &flows), LATCH_ERR_UNSUPPORTED);
}

static void reloading_gives_the_line_that_is_wrong(void **state)
{
	int error;

	(void)state;
	assert_int_equal(latch_reload(latch), 0);
	assert_int_equal(fake_count(fake, "Reload"), 1);
	fake->fail = "Reload";
	fake->error = "org.libreswan.Latch1.Error.BadConfig";
	assert_int_equal(latch_reload(latch), LATCH_ERR_BAD_CONFIG);
	assert_string_equal(latch_last_reason(latch, &error), "as the script says");
	assert_int_equal(error, LATCH_ERR_BAD_CONFIG);
	/* an older daemon */
	fake->error = "org.freedesktop.DBus.Error.UnknownMethod";
	assert_int_equal(latch_reload(latch), LATCH_ERR_UNSUPPORTED);
}

static void stats_are_numbers_with_whole_names(void **state)
{
	struct latch_stat *stats;
	size_t nr;

	(void)state;
	assert_int_equal(latch_stats(latch, &stats, &nr), 0);
	assert_int_equal(nr, 3);
	assert_string_equal(stats[0].name, "latches");
	assert_int_equal(stats[0].number, 0);
	assert_int_equal(strlen(stats[1].name), sizeof(stats[1].name) - 1);
	assert_int_equal(stats[1].number, UINT64_C(1) << 40);
	assert_string_equal(stats[2].name, "calls");
	assert_int_equal(stats[2].number, UINT64_C(3) << 40);
	free(stats);
}

static void what_makes_no_sense_does_not_reach_the_daemon(void **state)
{
	const struct latch_request none = { .size = 1 };
	const struct latch_request prefer = { .size = sizeof(prefer), .prefer = true };
	enum latch_state got;
	uint64_t ids[2], cursor = 0;
	struct latch_stat *stats;
	struct latch_info *info, **infos;
	unsigned before = fake->nr_calls;
	uint32_t count;
	size_t nr;

	(void)state;
	assert_int_equal(latch_break(latch, 1, "\xff"), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_break(latch, 1, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_shut(latch, 1, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_latch(latch, 0, &none, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_latch(latch, 0, &prefer, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_latch(latch, 0, NULL, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_inquire(latch, 1, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_list(latch, NULL, &infos, &nr), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_list(latch, &cursor, &infos, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_forget_unreadable(latch, NULL, &count), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_forget_unreadable(latch, &count, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_wait(latch, 1, 0, 0, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_wait(latch, 1, 0, -2, &got), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_latch(latch, -1, NULL, ids), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fake->nr_calls, before);
	assert_int_equal(latch_latch(NULL, 0, NULL, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_release(NULL, 1), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_inquire(NULL, 1, &info), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_list(NULL, &cursor, &infos, &nr), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_forget_unreadable(NULL, &count, &count), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_reload(NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_stats(NULL, &stats, &nr), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_stats(latch, NULL, &nr), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_stats(latch, &stats, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_wait(NULL, 1, 0, 0, &got), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_dispatch(NULL, NULL, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_fd(NULL), -1);
}

static void an_answer_of_another_shape_is_an_error_and_writes_nothing(void **state)
{
	static const char *const members[] = { "Latch", "Inquire", "List", "Find", "Release" };
	struct latch_info *info = NULL, **infos = NULL;
	uint64_t id = 99, cursor = 1;
	size_t nr = 98;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		int r;

		fake->misshape = members[i];
		r = i == 0 ? latch_latch(latch, STDIN_FILENO, NULL, &id) :
		    i == 1 ? latch_inquire(latch, 1, &info) :
		    i == 2 ? latch_list(latch, &cursor, &infos, &nr) :
		    i == 3 ? latch_call_find(latch, NULL, 0, &id) : latch_release(latch, 1);
		assert_int_equal(r, LATCH_ERR_FAILED);
	}
	assert_int_equal(id, 99);
	assert_int_equal(cursor, 1);
	assert_int_equal(nr, 98);
	assert_null(info);
	assert_null(infos);
}

static void a_daemon_that_does_not_answer_is_a_service_error(void **state)
{
	(void)state;
	assert_int_equal(latch->timeout_ms, 25000);
	latch->timeout_ms = 50;
	fake->mute = "Release";
	assert_int_equal(latch_release(latch, 1), LATCH_ERR_SERVICE);
	fake->mute = NULL;
	latch->timeout_ms = 25000;
	assert_int_equal(latch_release(latch, 1), 0);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* K26 */
static void a_call_that_sets_up_SAs_gets_that_time_too(void **state)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = 150 };
	int64_t begin_ms = now_ms(), took_ms;
	uint64_t id = 99;

	(void)state;
	latch->timeout_ms = 50;
	fake->mute = "Latch";
	assert_int_equal(latch_latch(latch, STDIN_FILENO, &request, &id), LATCH_ERR_SERVICE);
	took_ms = now_ms() - begin_ms;
	assert_true(took_ms >= 200);
	assert_string_equal(fake->dict, "{\"wait\":150}");
	/* Nothing is to be set up: no more time than any other call. */
	begin_ms = now_ms();
	request.wait_ms = LATCH_WAIT_NONE;
	assert_int_equal(latch_latch(latch, STDIN_FILENO, &request, &id), LATCH_ERR_SERVICE);
	assert_true(now_ms() - begin_ms < 15000);
	assert_string_equal(fake->dict, "{\"wait\":0}");
	assert_int_equal(id, 99);
	/* As long as there is; the daemon's own limit is far below. */
	fake->mute = NULL;
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.LimitExceeded";
	request.wait_ms = LATCH_WAIT_NONE - 1;
	assert_int_equal(latch_latch(latch, STDIN_FILENO, &request, &id),
			 LATCH_ERR_LIMIT_EXCEEDED);
}

static void the_reason_is_that_of_the_last_answer(void **state)
{
	struct latch_info *info;
	uint64_t id;
	int error;

	(void)state;
	assert_string_equal(latch_last_reason(latch, NULL), "");
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NoSa";
	assert_int_equal(latch_latch(latch, STDIN_FILENO, NULL, &id), LATCH_ERR_NO_SA);
	assert_string_equal(latch_last_reason(latch, &error), "as the script says");
	assert_int_equal(error, LATCH_ERR_NO_SA);
	/* One that asked nobody. */
	assert_int_equal(latch_latch(latch, -1, NULL, &id), LATCH_ERR_SYSTEM);
	latch_last_reason(latch, &error);
	assert_int_equal(error, LATCH_ERR_NO_SA);
	assert_int_equal(latch_release(latch, 7), 0);
	assert_string_equal(latch_last_reason(latch, &error), "");
	assert_int_equal(error, LATCH_OK);
	fake->misshape = "Inquire";
	assert_int_equal(latch_inquire(latch, 7, &info), LATCH_ERR_FAILED);
	assert_string_equal(latch_last_reason(latch, &error), latch_strerror(LATCH_ERR_FAILED));
	assert_int_equal(error, LATCH_ERR_FAILED);
	fake_hang_up(fake);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
	assert_string_equal(latch_last_reason(latch, &error), latch_strerror(LATCH_ERR_SERVICE));
	assert_int_equal(error, LATCH_ERR_SERVICE);
	latch_last_reason(NULL, &error);
	assert_int_equal(error, LATCH_ERR_ARGUMENT);
}

static void a_daemon_that_leaves_during_a_call_is_a_service_error_from_then_on(void **state)
{
	enum latch_state got;
	uint64_t id;

	(void)state;
	fake->vanish = "Latch";
	assert_int_equal(latch_latch(latch, STDIN_FILENO, NULL, &id), LATCH_ERR_SERVICE);
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
	assert_int_equal(latch_wait(latch, 7, ~0u, -1, &got), LATCH_ERR_SERVICE);
	assert_true(is_readable(latch_fd(latch)));
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
	assert_true(is_readable(latch_fd(latch)));
}

static void another_daemon_does_not_answer_for_the_one_that_died(void **state)
{
	(void)state;
	fake = fake_stop(fake);
	fake = fake_start();
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
	assert_int_equal(fake->nr_calls, 0);
	latch = latch_close(latch);
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	assert_int_equal(latch_release(latch, 7), 0);
}

static void two_hundred_failing_calls_leak_no_descriptor(void **state)
{
	unsigned before = count_fds();
	struct latch *none = NULL;
	uint64_t id;

	(void)state;
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NoSa";
	for (int i = 0; i < 100; i++)
		assert_int_equal(latch_latch(latch, STDIN_FILENO, NULL, &id), LATCH_ERR_NO_SA);
	fake->fail = "OpenSession";
	fake->error = "org.libreswan.Latch1.Error.SessionExists";
	for (int i = 0; i < 50; i++)
		assert_int_equal(latch_open(bus(), 0, &none), LATCH_ERR_SESSION_EXISTS);
	fake->fail = NULL;
	fake->stream = true;
	for (int i = 0; i < 50; i++)
		assert_int_equal(latch_open(bus(), 0, &none), LATCH_ERR_FAILED);
	/* the fake keeps its end of the last session only, in place of the first */
	assert_int_equal(count_fds(), before);
}

/* Records */

static void records_are_handed_out_in_order_and_once(void **state)
{
	static const char alert[] =
		"{\"type\":\"alert\",\"id\":7,\"from\":\"established\",\"to\":\"broken\"}";
	struct seen seen = { .nr = 0 };

	(void)state;
	assert_true(is_readable(latch_fd(latch)));
	say(alert);
	assert_int_equal(latch_dispatch(latch, see, &seen), 0);
	assert_int_equal(seen.nr, 2);
	assert_string_equal(seen.types[0], "hello");
	assert_string_equal(seen.types[1], "alert");
	assert_int_equal(seen.last.to, LATCH_STATE_BROKEN);
	assert_string_equal(seen.json, alert);
	assert_false(is_readable(latch_fd(latch)));
	assert_int_equal(latch_dispatch(latch, see, &seen), 0);
	assert_int_equal(seen.nr, 2);
	say(alert);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	assert_false(is_readable(latch_fd(latch)));
}

static void the_end_of_the_session_comes_after_its_records(void **state)
{
	struct seen seen = { .nr = 0 };
	enum latch_state got;

	(void)state;
	say("{\"type\":\"alert\",\"id\":7}");
	fake_hang_up(fake);
	assert_int_equal(latch_dispatch(latch, see, &seen), LATCH_ERR_SERVICE);
	assert_int_equal(seen.nr, 2);
	assert_string_equal(seen.types[1], "alert");
	assert_true(is_readable(latch_fd(latch)));
	assert_int_equal(latch_wait(latch, 7, ~0u, -1, &got), LATCH_ERR_SERVICE);
	assert_int_equal(latch_release(latch, 7), LATCH_ERR_SERVICE);
}

static void the_end_of_an_idle_session_is_seen(void **state)
{
	(void)state;
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	fake_hang_up(fake);
	/* as the last look left it */
	errno = EAGAIN;
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
}

static void what_is_no_record_ends_the_session(void **state)
{
	static char longest[LATCH_RECORD_MAX + 1];

	(void)state;
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "{\"type\":\"alert\"}", 16);
	fake_say(fake, longest, LATCH_RECORD_MAX);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	fake_say(fake, longest, LATCH_RECORD_MAX + 1);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
	latch = latch_close(latch);
	assert_int_equal(latch_open(bus(), 0, &latch), 0);
	say("hello");
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
	say("{\"type\":\"alert\"}");
	assert_int_equal(latch_dispatch(latch, NULL, NULL), LATCH_ERR_SERVICE);
}

/* Waiting */

static void wait_returns_at_once_when_it_is_so_already(void **state)
{
	enum latch_state got = LATCH_STATE_NONE;

	(void)state;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_ESTABLISHED, -1, &got), 0);
	assert_int_equal(got, LATCH_STATE_ESTABLISHED);
	got = LATCH_STATE_NONE;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 0, &got),
			 LATCH_ERR_TIMEOUT);
	assert_int_equal(got, LATCH_STATE_NONE);
}

static void wait_waits_as_long_as_it_is_told(void **state)
{
	enum latch_state got = LATCH_STATE_NONE;
	struct timespec before, after;
	int64_t took_ms;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 60, &got),
			 LATCH_ERR_TIMEOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	took_ms = (after.tv_sec - before.tv_sec) * (int64_t)1000 +
		  (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_true(took_ms >= 60);
	assert_true(took_ms < 5000);
	assert_int_equal(got, LATCH_STATE_NONE);
}

static void nothing(int sig)
{
	(void)sig;
}

static void a_signal_ends_a_wait(void **state)
{
	struct sigaction action = { .sa_handler = nothing }, before;
	struct itimerval soon = { .it_value = { .tv_usec = 20000 },
				  .it_interval = { .tv_usec = 20000 } };
	const struct itimerval never = { .it_value = { .tv_usec = 0 } };
	enum latch_state got;
	int r, error;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &soon, NULL);
	r = latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &got);
	error = errno;
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(r, LATCH_ERR_SYSTEM);
	assert_int_equal(error, EINTR);
}

static void wait_ends_with_closed_asked_for_or_not(void **state)
{
	enum latch_state got = LATCH_STATE_NONE;

	(void)state;
	fake->state = NULL;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &got), 0);
	assert_int_equal(got, LATCH_STATE_CLOSED);
}

static void wait_ends_when_it_cannot_ask(void **state)
{
	enum latch_state got = LATCH_STATE_NONE;

	(void)state;
	fake->fail = "Inquire";
	fake->error = "org.libreswan.Latch1.Error.NoMemory";
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &got),
			 LATCH_ERR_NO_MEMORY);
	assert_int_equal(got, LATCH_STATE_NONE);
}

static void wait_learns_from_records_and_keeps_them_for_dispatch(void **state)
{
	struct seen seen = { .nr = 0 };
	enum latch_state got;

	(void)state;
	fake->say[0] = "{\"type\":\"alert\",\"id\":8,\"to\":\"broken\",\"generation\":6}";
	fake->say[1] = "{\"type\":\"alert\",\"id\":7,\"to\":\"broken\",\"generation\":7}";
	fake->say[2] = "{\"type\":\"alert\",\"id\":7,\"to\":\"established\",\"generation\":8}";
	fake->nr_say = 3;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &got), 0);
	assert_int_equal(got, LATCH_STATE_BROKEN);
	assert_int_equal(fake_count(fake, "Inquire"), 1);
	assert_true(is_readable(latch_fd(latch)));
	dispatch_until(4, &seen);
	assert_string_equal(seen.types[0], "hello");
	assert_int_equal(seen.last.generation, 8);
	assert_false(is_readable(latch_fd(latch)));
}

static void records_that_a_wait_queued_make_the_descriptor_readable(void **state)
{
	struct seen seen = { .nr = 0 };
	enum latch_state got;

	(void)state;
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
	for (unsigned i = 1; i <= 3; i++) {
		fake->say[0] = "{\"type\":\"alert\",\"id\":7,\"to\":\"broken\",\"generation\":6}";
		fake->nr_say = 1;
		assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, -1, &got), 0);
		/* nothing is in the kernel's queue any more */
		assert_true(is_readable(latch_fd(latch)));
		assert_false(is_readable(latch->session));
		assert_int_equal(latch_dispatch(latch, see, &seen), 0);
		assert_int_equal(seen.nr, i);
		assert_false(is_readable(latch_fd(latch)));
	}
}

static void a_record_older_than_the_answer_is_not_news(void **state)
{
	enum latch_state got;

	(void)state;
	fake->say[0] = "{\"type\":\"alert\",\"id\":7,\"to\":\"broken\",\"generation\":5}";
	fake->nr_say = 1;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 100, &got),
			 LATCH_ERR_TIMEOUT);
}

static void after_lost_records_wait_asks_again(void **state)
{
	enum latch_state got;

	(void)state;
	fake->say[0] = "{\"type\":\"lost\",\"generation\":9}";
	fake->say[1] = "{\"type\":\"alert\",\"id\":7,\"to\":\"a later state\",\"generation\":10}";
	fake->nr_say = 2;
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 100, &got),
			 LATCH_ERR_TIMEOUT);
	assert_int_equal(fake_count(fake, "Inquire"), 3);
}

static void a_queue_that_nobody_empties_keeps_the_newest_and_says_so(void **state)
{
	struct seen seen = { .nr = 0 };
	enum latch_state got;
	char text[64];

	(void)state;
	for (int i = 1; i <= LATCH_QUEUE_MAX + 5; i++) {
		snprintf(text, sizeof(text), "{\"type\":\"change\",\"id\":8,\"generation\":%d}", i);
		say(text);
		assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 0, &got),
				 LATCH_ERR_TIMEOUT);
	}
	assert_int_equal(latch_dispatch(latch, see, &seen), 0);
	assert_int_equal(seen.nr, LATCH_QUEUE_MAX + 1);
	assert_string_equal(seen.types[1], "change");
	assert_int_equal(seen.last.generation, LATCH_QUEUE_MAX + 5);
	assert_int_equal(latch_dispatch(latch, see, &seen), 0);
	assert_int_equal(seen.nr, LATCH_QUEUE_MAX + 1);
}

#define ALONE(test) cmocka_unit_test_teardown(test, end)
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, with_daemon, end)
#define HANDLE(test) cmocka_unit_test_setup_teardown(test, with_handle, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(without_a_daemon_to_open_is_a_service_error),
		DAEMON(the_system_bus_is_the_one_of_the_environment),
		DAEMON(to_open_asks_to_watch_only_when_told_so),
		DAEMON(an_error_of_the_daemon_on_open_leaves_no_handle),
		DAEMON(every_descriptor_of_a_handle_closes_on_exec),
		DAEMON(no_call_changes_what_signals_do),
		HANDLE(calls_carry_their_arguments),
		HANDLE(a_peer_is_what_the_daemon_said_L22),
		HANDLE(peers_are_compared_by_the_daemon_L27),
		HANDLE(a_binding_is_handed_on_or_none_is_L28),
		HANDLE(inquire_and_list_give_what_the_daemon_said),
		HANDLE(forgetting_gives_what_the_daemon_said),
		HANDLE(reloading_gives_the_line_that_is_wrong),
		HANDLE(stats_are_numbers_with_whole_names),
		HANDLE(what_makes_no_sense_does_not_reach_the_daemon),
		HANDLE(an_answer_of_another_shape_is_an_error_and_writes_nothing),
		HANDLE(a_daemon_that_does_not_answer_is_a_service_error),
		HANDLE(a_call_that_sets_up_SAs_gets_that_time_too),
		HANDLE(the_reason_is_that_of_the_last_answer),
		HANDLE(a_daemon_that_leaves_during_a_call_is_a_service_error_from_then_on),
		HANDLE(another_daemon_does_not_answer_for_the_one_that_died),
		HANDLE(two_hundred_failing_calls_leak_no_descriptor),
		HANDLE(records_are_handed_out_in_order_and_once),
		HANDLE(the_end_of_the_session_comes_after_its_records),
		HANDLE(the_end_of_an_idle_session_is_seen),
		HANDLE(what_is_no_record_ends_the_session),
		HANDLE(wait_returns_at_once_when_it_is_so_already),
		HANDLE(wait_waits_as_long_as_it_is_told),
		HANDLE(a_signal_ends_a_wait),
		HANDLE(wait_ends_with_closed_asked_for_or_not),
		HANDLE(wait_ends_when_it_cannot_ask),
		HANDLE(wait_learns_from_records_and_keeps_them_for_dispatch),
		HANDLE(records_that_a_wait_queued_make_the_descriptor_readable),
		HANDLE(a_record_older_than_the_answer_is_not_news),
		HANDLE(after_lost_records_wait_asks_again),
		HANDLE(a_queue_that_nobody_empties_keeps_the_newest_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
