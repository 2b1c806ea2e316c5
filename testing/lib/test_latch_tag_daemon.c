/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tags of datagrams (U9, U10) with the real engine: one server, peers at two addresses, each with a
 * latch. The kernel's guard is not here; what the library and the engine do is.
 */

#include "latch.h"
#include "stage.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct latch *latch;
static int server, near, far;
static struct sockaddr_in at, near_at, far_at;

static int bound_to(const char *address, struct sockaddr_in *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	*ret = stage_address(address, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	return fd;
}

static int begin(void **state)
{
	uint64_t ids[2];

	(void)state;
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	server = bound_to("0.0.0.0", &at);
	near = bound_to("192.0.2.3", &near_at);
	far = bound_to("192.0.2.4", &far_at);
	return latch_listen(latch, server, 0, NULL, ids);
}

/* The next test finds no latch, no SA and no lie. */
static int end(void **state)
{
	static const char *const commands_back[] = {
		"sa del 1", "sa del 2", "born any 0", "gone yes", "gone no",
	};

	(void)state;
	assert_true(stage_tell("compare"));
	assert_string_equal(stage_answer(), "ok 0 0\n");
	latch = latch_close(latch);
	for (size_t i = 0; i < sizeof(commands_back) / sizeof(commands_back[0]); i++)
		assert_true(stage_tell(commands_back[i]));
	close(server);
	close(near);
	close(far);
	return 0;
}

static void tell(int from, const char *text)
{
	struct sockaddr_in to = stage_address("192.0.2.2", ntohs(at.sin_port));

	assert_int_equal(sendto(from, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)),
			 (ssize_t)strlen(text));
}

static int receive(char text[static 64], uint64_t *ret_id)
{
	struct iovec iov = { text, 63 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t len;

	memset(text, 0, 64);
	return latch_recvmsg(latch, server, &message, MSG_DONTWAIT, &len, ret_id);
}

static int answer(uint64_t id, const struct sockaddr_in *to, const char *text)
{
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr message = {
		.msg_name = (void *)to, .msg_namelen = to == NULL ? 0 : sizeof(*to),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	size_t len;

	return latch_sendmsg(latch, server, id, &message, 0, &len);
}

static void expect_at(int fd, const char *text)
{
	struct pollfd arrives = { .fd = fd, .events = POLLIN };
	char got[64] = "";

	assert_int_equal(poll(&arrives, 1, 10000), 1);
	assert_true(recv(fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, text);
}

static void expect_text(uint64_t id, const char *key, const char *text)
{
	struct latch_info *info;

	assert_int_equal(latch_inquire(latch, id, &info), 0);
	assert_non_null(latch_info_text(info, key));
	assert_string_equal(latch_info_text(info, key), text);
	latch_info_free(info);
}

static void each_peer_has_a_tag_and_none_is_answered_by_the_others_U9_U10(void **state)
{
	uint64_t near_id = 0, far_id = 0, again = 0;
	char text[64];

	(void)state;
	assert_true(stage_tell("born any 16384"));
	tell(near, "from near");
	tell(far, "from far");
	tell(near, "near again");
	assert_int_equal(receive(text, &near_id), 0);
	assert_string_equal(text, "from near");
	assert_int_equal(receive(text, &far_id), 0);
	assert_string_equal(text, "from far");
	assert_int_equal(receive(text, &again), 0);
	assert_int_equal(again, near_id);
	assert_int_not_equal(near_id, far_id);
	expect_text(near_id, "local_address", "192.0.2.2");
	expect_text(near_id, "remote_address", "192.0.2.3");
	expect_text(near_id, "peer_id", "peer.test");
	expect_text(near_id, "state", "established");
	assert_int_equal(answer(near_id, &near_at, "to near"), 0);
	assert_int_equal(answer(near_id, &far_at, "astray"), LATCH_ERR_WRONG_FLOW);
	assert_int_equal(answer(far_id, NULL, "to far"), 0);
	expect_at(near, "to near");
	expect_at(far, "to far");
}

static void what_nobody_began_is_not_handed_out_U10(void **state)
{
	uint64_t id = 0;
	char text[64];

	(void)state;
	tell(near, "clear");
	assert_int_equal(receive(text, &id), LATCH_ERR_NOT_FOUND);
	assert_string_equal(text, "");
	assert_int_equal(id, 0);
}

static void a_conflict_stops_one_tag_and_both_ways_U9_U10(void **state)
{
	enum latch_state after;
	uint64_t id;
	char text[64];

	(void)state;
	assert_true(stage_tell("born any 16384"));
	tell(near, "hello");
	assert_int_equal(receive(text, &id), 0);
	assert_true(stage_tell("sa add 2 other.test 16388"));
	tell(near, "whose?");
	assert_int_equal(receive(text, &id), LATCH_ERR_BROKEN);
	assert_string_equal(text, "");
	assert_int_equal(answer(id, NULL, "secret"), LATCH_ERR_BROKEN);
	assert_true(stage_tell("sa del 2"));
	assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_ESTABLISHED, 10000, &after), 0);
	assert_int_equal(answer(id, NULL, "again"), 0);
	expect_at(near, "again");
	tell(near, "and back");
	assert_int_equal(receive(text, &id), 0);
	assert_string_equal(text, "and back");
}

static void who_sends_first_has_the_tag_of_the_answer_U9_U10(void **state)
{
	const struct sockaddr *to = (const struct sockaddr *)&far_at;
	uint64_t id, again;
	char text[64];

	(void)state;
	assert_int_equal(latch_flow(latch, server, to, sizeof(far_at), NULL, &id), 0);
	expect_text(id, "local_address", "192.0.2.1");
	assert_int_equal(answer(id, NULL, "first"), 0);
	expect_at(far, "first");
	assert_int_equal(latch_flow(latch, server, to, sizeof(far_at), NULL, &again), 0);
	assert_int_equal(again, id);
	/* let go of, it rests: nobody may be taken for who was here */
	assert_int_equal(latch_release(latch, id), 0);
	assert_int_equal(answer(id, NULL, "second"), LATCH_ERR_CLOSED);
	assert_int_equal(latch_flow(latch, server, to, sizeof(far_at), NULL, &id),
			 LATCH_ERR_ALREADY_USED);
	tell(far, "to another address of the server");
	assert_int_equal(receive(text, &id), LATCH_ERR_NOT_FOUND);
}

static void a_latch_of_another_session_is_inquired_about_U9(void **state)
{
	struct latch *mine = latch;
	uint64_t id, other;
	char text[64];

	(void)state;
	assert_true(stage_tell("born any 16384"));
	tell(near, "hello");
	assert_int_equal(receive(text, &id), 0);
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	assert_int_equal(answer(id, &far_at, "astray"), LATCH_ERR_WRONG_FLOW);
	assert_int_equal(answer(id, &near_at, "hello"), 0);
	expect_at(near, "hello");
	/* its records go to who has it */
	tell(near, "hello");
	assert_int_equal(receive(text, &other), LATCH_ERR_ALREADY_LATCHED);
	latch_close(latch);
	latch = mine;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(each_peer_has_a_tag_and_none_is_answered_by_the_others_U9_U10),
		TEST(what_nobody_began_is_not_handed_out_U10),
		TEST(a_conflict_stops_one_tag_and_both_ways_U9_U10),
		TEST(who_sends_first_has_the_tag_of_the_answer_U9_U10),
		TEST(a_latch_of_another_session_is_inquired_about_U9),
	};
#undef TEST

	return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
