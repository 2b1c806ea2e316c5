/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Datagrams of an unconnected socket and their tags (U9, U10): what latch_recvmsg() and
 * latch_sendmsg() let through, and when they ask the daemon. Over the loopback, which a real daemon
 * would refuse. The clock of time stamps is wound by the test.
 */

#include "fake.h"

#include "latch_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake *fake;
static struct latch *latch;
static int64_t wound_s, passed_ns;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	if (clock == CLOCK_REALTIME)
		ret->tv_sec += wound_s;
	else
		ret->tv_sec += passed_ns / 1000000000;
	return r;
}

/* A server, its peer, and another one; the server has been latched. */
static int server, peer, other;
static union latch_address at, peer_at, other_at;

static union latch_address make_address(const char *text, uint16_t port)
{
	union latch_address address;

	memset(&address, 0, sizeof(address));
	if (inet_pton(AF_INET, text, &address.in.sin_addr) == 1) {
		address.any.sa_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &address.in6.sin6_addr), 1);
		address.any.sa_family = AF_INET6;
	}
	latch_address_set_port(&address, port);
	return address;
}

static int bound_to(const char *text, int type, union latch_address *ret)
{
	union latch_address address = make_address(text, 0);
	int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0), off = 0;

	assert_true(fd >= 0);
	if (address.any.sa_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(fd, &address.any, latch_address_len(&address)), 0);
	assert_int_equal(latch_address_local(fd, ret), 0);
	return fd;
}

static void play(const char *mine, const char *theirs)
{
	uint64_t ids[2];

	server = bound_to(mine, SOCK_DGRAM, &at);
	peer = bound_to(theirs, SOCK_DGRAM, &peer_at);
	other = bound_to(theirs, SOCK_DGRAM, &other_at);
	assert_int_equal(latch_listen(latch, server, 0, NULL, ids), 0);
}

static int begin(void **state)
{
	(void)state;
	wound_s = passed_ns = 0;
	server = peer = other = -1;
	fake = fake_start();
	return latch_open(getenv("LATCH_TEST_BUS"), 0, &latch);
}

static int end(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake = fake_stop(fake);
	close(server);
	close(peer);
	close(other);
	return 0;
}

/* To the server, whose address may be any. */
static void tell(int from, const char *text, const char *to)
{
	union latch_address there = make_address(to, latch_address_port(&at));

	assert_int_equal(sendto(from, text, strlen(text), 0, &there.any,
				latch_address_len(&there)), (ssize_t)strlen(text));
}

struct received {
	char text[64], control[256];
	union latch_address from;
	size_t len;
	uint64_t id;
	struct iovec iov;
	struct msghdr message;
};

static int receive(struct received *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->iov = (struct iovec) { ret->text, sizeof(ret->text) - 1 };
	ret->message = (struct msghdr) {
		.msg_name = &ret->from, .msg_namelen = sizeof(ret->from), .msg_iov = &ret->iov,
		.msg_iovlen = 1, .msg_control = ret->control,
		.msg_controllen = sizeof(ret->control),
	};
	return latch_recvmsg(latch, server, &ret->message, MSG_DONTWAIT, &ret->len, &ret->id);
}

static void expect_word(const char *text)
{
	struct received got;

	assert_int_equal(receive(&got), 0);
	assert_string_equal(got.text, text);
	assert_int_equal(got.len, strlen(text));
	assert_int_equal(got.id, 7);
}

/* Nothing is handed out, not even the bytes. */
static void expect_error(int error)
{
	struct received got;

	assert_int_equal(receive(&got), error);
	assert_int_equal(got.id, 0);
	assert_int_equal(got.len, 0);
	for (size_t i = 0; i < sizeof(got.text); i++)
		assert_int_equal(got.text[i], 0);
	assert_int_equal(got.message.msg_controllen, sizeof(got.control));
}

static void say(const char *from, const char *to, unsigned generation)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"type\":\"alert\",\"id\":7,\"from\":\"%s\",\"to\":\"%s\","
		 "\"generation\":%u}", from, to, generation);
	fake_say(fake, text, strlen(text));
}

static int send_to(const union latch_address *to, const char *text, void *control, size_t len)
{
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr message = {
		.msg_name = (void *)to, .msg_namelen = to == NULL ? 0 : latch_address_len(to),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = len,
	};
	size_t sent = 99;
	int r = latch_sendmsg(latch, server, 7, &message, 0, &sent);

	assert_int_equal(sent, r == 0 ? strlen(text) : 99);
	return r;
}

/* The next word at this end; what was sent before it would come before it. */
static void expect_at(int fd, const char *text, const char *source)
{
	union latch_address from;
	socklen_t len = sizeof(from);
	char got[64] = "", room[INET6_ADDRSTRLEN];
	struct pollfd arrives = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&arrives, 1, 10000), 1);
	assert_true(recvfrom(fd, got, sizeof(got) - 1, 0, &from.any, &len) >= 0);
	assert_string_equal(got, text);
	assert_string_equal(latch_address_text(&from, room), source);
}

/* Input */

static void receives(const char *bound, const char *client, const char *to, const char *local)
{
	struct received got;
	char dict[256], room[INET6_ADDRSTRLEN];

	play(bound, client);
	tell(peer, "one", to);
	tell(peer, "two", to);
	assert_int_equal(receive(&got), 0);
	assert_string_equal(got.text, "one");
	assert_int_equal(got.id, 7);
	assert_int_equal(latch_address_port(&got.from), latch_address_port(&peer_at));
	snprintf(dict, sizeof(dict), "{\"remote_address\":\"%s\",\"remote_port\":%u,"
		 "\"local_address\":\"%s\",\"tag\":\"in\"}", latch_address_text(&got.from, room),
		 latch_address_port(&peer_at), local);
	assert_string_equal(fake->dict, dict);
	expect_word("two");
	/* asked once: the tag is known */
	assert_int_equal(fake_count(fake, "Latch"), 1);
	/* of another flow it is another one */
	tell(other, "three", to);
	expect_word("three");
	assert_int_equal(fake_count(fake, "Latch"), 2);
}

static void a_datagram_has_the_tag_of_its_flow_U10(void **state)
{
	(void)state;
	receives("127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.2");
}

static void of_a_socket_on_every_address_the_packet_says_which_U10(void **state)
{
	(void)state;
	receives("0.0.0.0", "127.0.0.3", "127.0.0.9", "127.0.0.9");
}

static void the_IPv4_of_an_IPv6_socket_has_tags_too_U10(void **state)
{
	(void)state;
	receives("::", "127.0.0.3", "127.0.0.9", "::ffff:127.0.0.9");
}

static void IPv6_has_tags_too_U10(void **state)
{
	(void)state;
	receives("::1", "::1", "::1", "::1");
}

static void what_came_when_the_latch_was_broken_is_nobodys_U10(void **state)
{
	enum latch_state after;

	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "before", "127.0.0.2");
	expect_word("before");
	say("established", "broken", 6);
	tell(peer, "broken", "127.0.0.2");
	expect_error(LATCH_ERR_BROKEN);
	/* an older record changes nothing */
	say("broken", "established", 6);
	tell(peer, "old news", "127.0.0.2");
	expect_error(LATCH_ERR_BROKEN);
	say("broken", "established", 7);
	tell(peer, "after", "127.0.0.2");
	expect_word("after");
	assert_int_equal(fake_count(fake, "Latch"), 1);
	/* the program still gets its records, and is told when there are some */
	fake->state = "established";
	fake->generation = 7;
	assert_int_equal(poll(&(struct pollfd) { latch_fd(latch), POLLIN, 0 }, 1, 0), 1);
	assert_int_equal(latch_wait(latch, 7, 1u << LATCH_STATE_ESTABLISHED, 0, &after), 0);
	assert_int_equal(latch_dispatch(latch, NULL, NULL), 0);
}

static void a_latch_that_is_born_broken_hands_out_nothing_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	fake->state = "broken";
	for (int i = 0; i < 3; i++) {
		tell(peer, "whose?", "127.0.0.2");
		expect_error(LATCH_ERR_BROKEN);
	}
	assert_int_equal(fake_count(fake, "Latch"), 1);
	say("broken", "closed", 6);
	tell(peer, "over", "127.0.0.2");
	expect_error(LATCH_ERR_CLOSED);
	/* a new one may be born, and the daemon is asked no more than once a second */
	assert_int_equal(fake_count(fake, "Latch"), 1);
	passed_ns += 2000000000;
	fake->state = "established";
	tell(peer, "new", "127.0.0.2");
	expect_word("new");
	assert_int_equal(fake_count(fake, "Latch"), 2);
}

static void a_flow_without_a_latch_is_asked_about_once_a_second_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NotFound";
	for (int i = 0; i < 5; i++) {
		tell(peer, "hello", "127.0.0.2");
		expect_error(LATCH_ERR_NOT_FOUND);
	}
	assert_int_equal(fake_count(fake, "Latch"), 1);
	passed_ns += 2000000000;
	fake->fail = NULL;
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
}

static void who_let_go_of_a_latch_gets_nothing_more_by_it_U9_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
	assert_int_equal(latch_release(latch, 7), 0);
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_CLOSED);
	assert_int_equal(send_to(NULL, "hello", NULL, 0), LATCH_ERR_CLOSED);
}

static void when_records_are_lost_the_daemon_is_asked_again_U10(void **state)
{
	static const char lost[] = "{\"type\":\"lost\",\"generation\":9}";

	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
	fake_say(fake, lost, strlen(lost));
	fake->state = "broken";
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_BROKEN);
	assert_int_equal(fake_count(fake, "Latch"), 2);
}

/* More than the queue holds: nothing is known, and nothing old is believed. */
static void a_flood_of_records_hides_no_break_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
	fake->state = "broken";
	for (unsigned i = 0; i < LATCH_QUEUE_MAX / 64; i++) {
		for (unsigned j = 0; j < 64; j++)
			say("broken", "established", 6 + i);
		assert_int_equal(latch_session_refresh(latch), 0);
	}
	say("established", "broken", 6 + LATCH_QUEUE_MAX);
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_BROKEN);
}

static void the_end_of_the_session_is_the_end_of_all_tags_U9_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
	fake_hang_up(fake);
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_SERVICE);
	assert_int_equal(send_to(NULL, "hello", NULL, 0), LATCH_ERR_SERVICE);
}

static void what_waited_for_too_long_is_nobodys_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	passed_ns = INT64_C(100000000000);
	tell(peer, "in time", "127.0.0.2");
	wound_s = 59;
	expect_word("in time");
	tell(peer, "too old", "127.0.0.2");
	wound_s = 61;
	expect_error(LATCH_ERR_TIMEOUT);
	/* nor is it known how long it waited when the clock was set back */
	tell(peer, "from the future", "127.0.0.2");
	wound_s = -2;
	expect_error(LATCH_ERR_TIMEOUT);
	wound_s = 0;
	tell(peer, "now", "127.0.0.2");
	expect_word("now");
}

/* The daemon that knew whose it was may have left. */
static void what_came_before_the_session_is_nobodys_U10(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	expect_word("hello");
	tell(peer, "to the old one", "127.0.0.2");
	latch_close(latch);
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	expect_error(LATCH_ERR_TIMEOUT);
	tell(peer, "to the new one", "127.0.0.2");
	expect_word("to the new one");
}

static void a_socket_that_was_not_made_ready_is_refused_U10(void **state)
{
	(void)state;
	server = bound_to("127.0.0.2", SOCK_DGRAM, &at);
	peer = bound_to("127.0.0.3", SOCK_DGRAM, &peer_at);
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_WRONG_STATE);
	assert_int_equal(fake_count(fake, "Latch"), 0);
	close(server);
	server = bound_to("127.0.0.2", SOCK_STREAM, &at);
	expect_error(LATCH_ERR_NOT_INTERNET);
	assert_int_equal(send_to(NULL, "hello", NULL, 0), LATCH_ERR_NOT_INTERNET);
}

static void control_messages_are_handed_on_as_far_as_there_is_room(void **state)
{
	struct received got;
	struct iovec iov = { got.text, sizeof(got.text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = got.control,
				  .msg_controllen = CMSG_SPACE(sizeof(struct timespec)) };
	const struct cmsghdr *c;

	(void)state;
	play("127.0.0.2", "127.0.0.3");
	tell(peer, "hello", "127.0.0.2");
	assert_int_equal(latch_recvmsg(latch, server, &message, 0, &got.len, &got.id), 0);
	c = CMSG_FIRSTHDR(&message);
	assert_int_equal(c->cmsg_type, SCM_TIMESTAMPNS);
	assert_true((message.msg_flags & MSG_CTRUNC) != 0);
	assert_int_equal(latch_recvmsg(latch, server, &message, MSG_PEEK, &got.len, &got.id),
			 LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_recvmsg(latch, server, &message, MSG_DONTWAIT, &got.len, &got.id),
			 LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EAGAIN);
}

/* Output */

static void sends(const char *bound, const char *client, const char *to, const char *source)
{
	play(bound, client);
	tell(peer, "hello", to);
	expect_word("hello");
	assert_int_equal(send_to(NULL, "by the tag", NULL, 0), 0);
	expect_at(peer, "by the tag", source);
	if (at.any.sa_family == peer_at.any.sa_family) {
		assert_int_equal(send_to(&peer_at, "to the peer", NULL, 0), 0);
		expect_at(peer, "to the peer", source);
		assert_int_equal(send_to(&other_at, "astray", NULL, 0), LATCH_ERR_WRONG_FLOW);
	}
	assert_int_equal(fake_count(fake, "Inquire"), 0);
}

static void a_datagram_leaves_by_the_flow_of_its_tag_and_no_other_U9(void **state)
{
	(void)state;
	sends("127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.2");
}

static void of_a_socket_on_every_address_it_leaves_from_that_of_the_tag_U9(void **state)
{
	(void)state;
	sends("0.0.0.0", "127.0.0.3", "127.0.0.9", "127.0.0.9");
}

static void the_IPv4_of_an_IPv6_socket_leaves_by_its_tag_too_U9(void **state)
{
	(void)state;
	sends("::", "127.0.0.3", "127.0.0.9", "127.0.0.9");
}

static void IPv6_leaves_by_its_tag_too_U9(void **state)
{
	(void)state;
	sends("::1", "::1", "::1", "::1");
}

union room {
	struct cmsghdr c;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(600)];
};

static void fill(union room *room, int level, int type, const void *data, size_t len)
{
	memset(room, 0, sizeof(*room));
	room->c.cmsg_level = level;
	room->c.cmsg_type = type;
	room->c.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&room->c), data, len);
}

static void what_does_not_agree_with_the_tag_is_not_sent_U9(void **state)
{
	struct in_pktinfo source = { .ipi_ifindex = 0 };
	uint8_t option[4] = { 0 }, much[600] = { 0 };
	union latch_address stranger = make_address("127.0.0.4", 0), six = make_address("::1", 9);
	union room room;
	int ttl = 3;

	(void)state;
	play("0.0.0.0", "127.0.0.3");
	tell(peer, "hello", "127.0.0.9");
	expect_word("hello");
	latch_address_set_port(&stranger, latch_address_port(&peer_at));
	assert_int_equal(send_to(&other_at, "1", NULL, 0), LATCH_ERR_WRONG_FLOW);
	assert_int_equal(send_to(&stranger, "2", NULL, 0), LATCH_ERR_WRONG_FLOW);
	assert_int_equal(send_to(&six, "3", NULL, 0), LATCH_ERR_ARGUMENT);
	source.ipi_spec_dst.s_addr = htonl(0x7f000008);
	fill(&room, IPPROTO_IP, IP_PKTINFO, &source, sizeof(source));
	assert_int_equal(send_to(NULL, "4", &room, CMSG_SPACE(sizeof(source))),
			 LATCH_ERR_WRONG_FLOW);
	fill(&room, IPPROTO_IP, IP_RETOPTS, option, sizeof(option));
	assert_int_equal(send_to(NULL, "5", &room, CMSG_SPACE(sizeof(option))),
			 LATCH_ERR_SOURCE_ROUTED);
	fill(&room, IPPROTO_IP, IP_TTL, much, sizeof(much));
	assert_int_equal(send_to(NULL, "6", &room, CMSG_SPACE(sizeof(much))), LATCH_ERR_ARGUMENT);
	/* and what does is */
	source.ipi_spec_dst.s_addr = htonl(0x7f000009);
	fill(&room, IPPROTO_IP, IP_PKTINFO, &source, sizeof(source));
	assert_int_equal(send_to(&peer_at, "good", &room, CMSG_SPACE(sizeof(source))), 0);
	expect_at(peer, "good", "127.0.0.9");
	fill(&room, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	assert_int_equal(send_to(&peer_at, "near", &room, CMSG_SPACE(sizeof(ttl))), 0);
	expect_at(peer, "near", "127.0.0.9");
	/* nothing of it went anywhere else */
	assert_int_equal(sendto(server, "marker", 6, 0, &other_at.any, sizeof(other_at.in)), 6);
	expect_at(other, "marker", "127.0.0.1");
}

static void by_a_latch_that_is_not_established_nothing_is_sent_U9(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	fake->state = "larval";
	tell(peer, "hello", "127.0.0.2");
	expect_error(LATCH_ERR_WRONG_STATE);
	assert_int_equal(send_to(NULL, "larval", NULL, 0), LATCH_ERR_WRONG_STATE);
	say("larval", "established", 6);
	assert_int_equal(send_to(NULL, "established", NULL, 0), 0);
	say("established", "broken", 7);
	assert_int_equal(send_to(NULL, "broken", NULL, 0), LATCH_ERR_BROKEN);
	say("broken", "closed", 8);
	assert_int_equal(send_to(NULL, "closed", NULL, 0), LATCH_ERR_CLOSED);
	assert_int_equal(sendto(server, "marker", 6, 0, &peer_at.any, sizeof(peer_at.in)), 6);
	expect_at(peer, "established", "127.0.0.2");
	expect_at(peer, "marker", "127.0.0.2");
}

static void a_latch_without_a_tag_here_is_inquired_about_U9(void **state)
{
	(void)state;
	play("127.0.0.2", "127.0.0.3");
	/* the fake does not say of which flow */
	assert_int_equal(send_to(NULL, "whose?", NULL, 0), LATCH_ERR_WRONG_FLOW);
	assert_int_equal(fake_count(fake, "Inquire"), 1);
	fake->state = NULL;
	assert_int_equal(send_to(NULL, "whose?", NULL, 0), LATCH_ERR_NOT_FOUND);
}

static void who_sends_first_asks_for_a_flow_U9(void **state)
{
	struct latch_request request = { .size = sizeof(request), .prefer = true };
	char dict[256];
	uint64_t id = 0;

	(void)state;
	play("0.0.0.0", "127.0.0.3");
	assert_int_equal(latch_flow(latch, server, &peer_at.any, sizeof(peer_at.in), &request,
				    &id), LATCH_ERR_ARGUMENT);
	request.prefer = false;
	request.narrow = true;
	assert_int_equal(latch_flow(latch, server, &peer_at.any, sizeof(peer_at.in), &request,
				    &id), 0);
	assert_int_equal(id, 7);
	snprintf(dict, sizeof(dict), "{\"narrow\":true,\"remote_address\":\"127.0.0.3\","
		 "\"remote_port\":%u,\"local_address\":\"127.0.0.1\",\"tag\":\"out\"}",
		 latch_address_port(&peer_at));
	assert_string_equal(fake->dict, dict);
	assert_int_equal(send_to(&peer_at, "first", NULL, 0), 0);
	expect_at(peer, "first", "127.0.0.1");
	/* and its answer has the same tag */
	tell(peer, "second", "127.0.0.1");
	expect_word("second");
	assert_int_equal(fake_count(fake, "Latch"), 1);
	assert_int_equal(latch_flow(latch, server, NULL, 0, NULL, &id), LATCH_ERR_ARGUMENT);
}

/* The table, against a list that forgets the oldest. */
static void the_table_of_tags_agrees_with_a_naive_list(void **state)
{
	enum { ROUNDS = 20000, SEED = 5660, KEYS = 3 * LATCH_TAGS_MAX };
	static uint64_t ids[KEYS];
	uint64_t next_id = 1;
	unsigned nr = 0;

	(void)state;
	print_message("seed %u\n", SEED);
	srand(SEED);
	assert_int_equal(latch_tags_make(latch), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned which = (unsigned)rand() % KEYS;
		struct latch_tag tag = { .id = next_id, .key = { .cookie = which } };
		const struct latch_tag *put = latch_tags_put(latch->tags, &tag);

		ids[which] = next_id++;
		assert_int_equal(put->id, ids[which]);
	}
	for (unsigned which = 0; which < KEYS; which++) {
		const struct latch_tag_key key = { .cookie = which };
		const struct latch_tag *by_key = latch_tags_find(latch->tags, &key);

		assert_ptr_equal(by_key, latch_tags_find_id(latch->tags, ids[which]));
		if (by_key == NULL)
			continue;
		assert_int_equal(by_key->id, ids[which]);
		nr++;
	}
	assert_int_equal(nr, LATCH_TAGS_MAX);
	assert_null(latch_tags_find_id(latch->tags, 0));
	latch_tags_clear(latch->tags);
	assert_null(latch_tags_find_id(latch->tags, next_id - 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_datagram_has_the_tag_of_its_flow_U10),
		TEST(of_a_socket_on_every_address_the_packet_says_which_U10),
		TEST(the_IPv4_of_an_IPv6_socket_has_tags_too_U10),
		TEST(IPv6_has_tags_too_U10),
		TEST(what_came_when_the_latch_was_broken_is_nobodys_U10),
		TEST(a_latch_that_is_born_broken_hands_out_nothing_U10),
		TEST(a_flow_without_a_latch_is_asked_about_once_a_second_U10),
		TEST(who_let_go_of_a_latch_gets_nothing_more_by_it_U9_U10),
		TEST(when_records_are_lost_the_daemon_is_asked_again_U10),
		TEST(a_flood_of_records_hides_no_break_U10),
		TEST(the_end_of_the_session_is_the_end_of_all_tags_U9_U10),
		TEST(what_waited_for_too_long_is_nobodys_U10),
		TEST(what_came_before_the_session_is_nobodys_U10),
		TEST(a_socket_that_was_not_made_ready_is_refused_U10),
		TEST(control_messages_are_handed_on_as_far_as_there_is_room),
		TEST(a_datagram_leaves_by_the_flow_of_its_tag_and_no_other_U9),
		TEST(of_a_socket_on_every_address_it_leaves_from_that_of_the_tag_U9),
		TEST(the_IPv4_of_an_IPv6_socket_leaves_by_its_tag_too_U9),
		TEST(IPv6_leaves_by_its_tag_too_U9),
		TEST(what_does_not_agree_with_the_tag_is_not_sent_U9),
		TEST(by_a_latch_that_is_not_established_nothing_is_sent_U9),
		TEST(a_latch_without_a_tag_here_is_inquired_about_U9),
		TEST(who_sends_first_asks_for_a_flow_U9),
		TEST(the_table_of_tags_agrees_with_a_naive_list),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
