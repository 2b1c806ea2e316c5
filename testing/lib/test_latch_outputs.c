/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Outputs are written on success only, as latch.h says: each function that has one, and each way in
 * which the daemon can fail it.
 */

#include "fake.h"

#include "latch_impl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct outputs {
	uint64_t id, ids[2], cursor;
	struct latch_info *info, **infos;
	size_t nr;
	enum latch_state state;
	uint32_t records, flows;
	struct latch_stat *stats;
	struct latch_peer *peer;
	bool same;
	struct latch_binding binding;
	int fd;
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = port,
	};
}

static int bound(int type)
{
	struct sockaddr_in end = loopback(0);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&end, sizeof(end)), 0);
	return fd;
}

static int call_latch(struct latch *latch, struct outputs *out)
{
	return latch_latch(latch, STDIN_FILENO, NULL, &out->id);
}

static int call_connect(struct latch *latch, struct outputs *out)
{
	struct sockaddr_in to = loopback(htons(9));
	int fd = bound(SOCK_DGRAM);
	int r = latch_connect(latch, fd, (struct sockaddr *)&to, sizeof(to), NULL, &out->id);

	close(fd);
	return r;
}

static int call_listen(struct latch *latch, struct outputs *out)
{
	int fd = bound(SOCK_STREAM), r = latch_listen(latch, fd, 1, NULL, out->ids);

	close(fd);
	return r;
}

static int call_accept(struct latch *latch, struct outputs *out)
{
	int server = bound(SOCK_STREAM), client = bound(SOCK_STREAM), r;
	struct sockaddr_in end;
	socklen_t len = sizeof(end);

	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&end, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&end, len), 0);
	r = latch_accept(latch, server, 0, &out->fd, &out->id);
	close(client);
	close(server);
	return r;
}

static int call_find(struct latch *latch, struct outputs *out)
{
	int fd = bound(SOCK_STREAM), r = latch_find(latch, fd, &out->id);

	close(fd);
	return r;
}

static int call_inquire(struct latch *latch, struct outputs *out)
{
	return latch_inquire(latch, 7, &out->info);
}

static int call_inquire_peer(struct latch *latch, struct outputs *out)
{
	return latch_inquire_peer(latch, 7, &out->peer);
}

static int call_same_peer(struct latch *latch, struct outputs *out)
{
	return latch_same_peer(latch, 7, 8, &out->same);
}

static int call_channel_binding(struct latch *latch, struct outputs *out)
{
	return latch_channel_binding(latch, 7, NULL, &out->binding);
}

static int call_list(struct latch *latch, struct outputs *out)
{
	return latch_list(latch, &out->cursor, &out->infos, &out->nr);
}

static int call_wait(struct latch *latch, struct outputs *out)
{
	return latch_wait(latch, 7, 1u << LATCH_STATE_BROKEN, 0, &out->state);
}

static int call_stats(struct latch *latch, struct outputs *out)
{
	return latch_stats(latch, &out->stats, &out->nr);
}

static int call_forget_unreadable(struct latch *latch, struct outputs *out)
{
	return latch_forget_unreadable(latch, &out->records, &out->flows);
}

static const struct {
	const char *member;
	int (*call)(struct latch *latch, struct outputs *out);
} calls[] = {
	{ "Latch", call_latch }, { "Latch", call_connect }, { "Latch", call_accept },
	{ "Listen", call_listen }, { "Find", call_find }, { "Inquire", call_inquire },
	{ "InquirePeer", call_inquire_peer }, { "SamePeer", call_same_peer },
	{ "GetChannelBinding", call_channel_binding },
	{ "Inquire", call_wait }, { "List", call_list },
	{ "ForgetUnreadable", call_forget_unreadable }, { "Stats", call_stats },
};

enum fault { ERROR, ERROR_UNKNOWN, MISSHAPE, MUTE, VANISH, FAULTS };

static void spoil(struct fake *fake, enum fault fault, const char *member)
{
	fake->fail = fault == ERROR || fault == ERROR_UNKNOWN ? member : NULL;
	fake->error = fault == ERROR ? "org.libreswan.Latch1.Error.Forbidden" : "a.b.c";
	fake->misshape = fault == MISSHAPE ? member : NULL;
	fake->mute = fault == MUTE ? member : NULL;
	fake->vanish = fault == VANISH ? member : NULL;
}

static void an_output_is_written_on_success_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (enum fault fault = ERROR; fault < FAULTS; fault++) {
			struct fake *fake = fake_start();
			struct latch *latch = NULL;
			struct outputs out, before;

			memset(&before, 0x5a, sizeof(before));
			memcpy(&out, &before, sizeof(out));
			assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
			latch->timeout_ms = 50;
			spoil(fake, fault, calls[i].member);
			if (calls[i].call(latch, &out) == 0)
				fail_msg("%zu: fault %d is no error", i, (int)fault);
			if (memcmp(&out, &before, sizeof(out)) != 0)
				fail_msg("%zu: fault %d writes an output", i, (int)fault);
			/* on a busy machine the call is over before the daemon has seen it */
			for (unsigned ms = 0; ms < 30000 && !fake_count(fake, calls[i].member);
			     ms += 10)
				poll(NULL, 0, 10);
			assert_int_not_equal(fake_count(fake, calls[i].member), 0);
			latch_close(latch);
			fake_stop(fake);
		}
	}
}

static void a_handle_is_written_on_success_only(void **state)
{
	struct latch *const before = (struct latch *)&calls, *latch = before;
	struct fake *fake = fake_start();

	(void)state;
	spoil(fake, ERROR, "OpenSession");
	assert_int_not_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	assert_ptr_equal(latch, before);
	fake_stop(fake);
	assert_int_not_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	assert_ptr_equal(latch, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_output_is_written_on_success_only),
		cmocka_unit_test(a_handle_is_written_on_success_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
