/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The addresses of an association in what sctp_diag says, whatever it says. */

#include "kernel/pl_socket_ask.h"
#include "kernel/pl_socket_ends.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { ROOM = 8192 };

static uint8_t buf[ROOM] __attribute__((aligned(8)));

static struct nlmsghdr *message(void)
{
	struct nlmsghdr *ret;
	struct inet_diag_msg *msg;

	memset(buf, 0, sizeof(buf));
	ret = mnl_nlmsg_put_header(buf);
	ret->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	msg = mnl_nlmsg_put_extra_header(ret, sizeof(*msg));
	msg->idiag_family = AF_INET;
	msg->id.idiag_sport = htons(4000);
	msg->id.idiag_dport = htons(5000);
	return ret;
}

/* "4 6 m ?": of IPv4, IPv6, mapped, of no family; the last byte counts up from @last. */
static void put(struct nlmsghdr *to, uint16_t type, const char *kinds, uint8_t last)
{
	struct sockaddr_storage list[16];
	size_t nr = strlen(kinds);

	assert_in_range(nr, 0, 16);
	memset(list, 0, sizeof(list));
	for (size_t i = 0; i < nr; i++, last++) {
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		bool is_mapped = kinds[i] == 'm';

		in.sin_addr.s_addr = htonl(0xc0000200u + last);
		in6.sin6_addr.s6_addr[0] = is_mapped ? 0 : 0x20;
		memset(&in6.sin6_addr.s6_addr[10], is_mapped ? 0xff : 0, 2);
		in6.sin6_addr.s6_addr[15] = last;
		if (kinds[i] == '4')
			memcpy(&list[i], &in, sizeof(in));
		else if (kinds[i] != '?')
			memcpy(&list[i], &in6, sizeof(in6));
	}
	mnl_attr_put(to, type, nr * sizeof(list[0]), list);
}

static struct nlmsghdr *both(const char *locals, const char *peers)
{
	struct nlmsghdr *ret = message();

	put(ret, INET_DIAG_LOCALS, locals, 1);
	put(ret, INET_DIAG_PEERS, peers, 101);
	return ret;
}

static void every_address_of_both_ends_is_read_U11(void **state)
{
	struct pl_tuple tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_SCTP, .local_port = 4000, .remote_port = 5000,
		.local = { 192, 0, 2, 1 }, .remote = { 192, 0, 2, 101 },
	};
	struct pl_ends ends;

	(void)state;
	assert_int_equal(pl_ends_parse(both("46m", "4"), &ends), 0);
	assert_int_equal(ends.nr_local, 3);
	assert_int_equal(ends.nr_remote, 1);
	assert_false(ends.is_cut);
	assert_int_equal(ends.local[0].af, PL_AF_IP4);
	assert_memory_equal(ends.local[0].bytes, "\300\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(ends.local[1].af, PL_AF_IP6);
	assert_int_equal(ends.local[1].bytes[15], 2);
	assert_int_equal(ends.local[2].af, PL_AF_IP4);
	assert_memory_equal(ends.local[2].bytes, "\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(ends.remote[0].bytes[3], 101);
	assert_true(pl_ends_hold(&ends, &tuple));
	tuple.local[3] = 4;
	assert_false(pl_ends_hold(&ends, &tuple));
	tuple.local[3] = 1;
	tuple.remote[3] = 1;
	assert_false(pl_ends_hold(&ends, &tuple));
}

static void more_than_there_is_room_for_is_said_U11(void **state)
{
	struct pl_ends ends;

	(void)state;
	assert_int_equal(pl_ends_parse(both("44444444", "44444444"), &ends), 0);
	assert_int_equal(ends.nr_local, PL_ENDS_MAX);
	assert_false(ends.is_cut);
	assert_int_equal(pl_ends_parse(both("4", "444444444"), &ends), 0);
	assert_int_equal(ends.nr_remote, PL_ENDS_MAX);
	assert_true(ends.is_cut);
	assert_int_equal(pl_ends_parse(both("444444444", "4"), &ends), 0);
	assert_true(ends.is_cut);
}

static void what_is_no_association_or_no_answer_is_refused_U17(void **state)
{
	static const uint8_t odd[sizeof(struct sockaddr_storage) - 1];
	struct pl_ends ends = { .nr_local = 77 };
	struct nlmsghdr *at = message();

	(void)state;
	put(at, INET_DIAG_LOCALS, "44", 1);
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_NOT_FOUND);
	assert_int_equal(pl_ends_parse(message(), &ends), PL_E_NOT_FOUND);
	at = message();
	put(at, INET_DIAG_PEERS, "44", 1);
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_MALFORMED);
	assert_int_equal(pl_ends_parse(both("", "4"), &ends), PL_E_MALFORMED);
	assert_int_equal(pl_ends_parse(both("4", ""), &ends), PL_E_MALFORMED);
	assert_int_equal(pl_ends_parse(both("4?", "4"), &ends), PL_E_MALFORMED);
	at = both("4", "4");
	put(at, INET_DIAG_PEERS, "4", 1);
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_MALFORMED);
	at = both("4", "4");
	at->nlmsg_type = NLMSG_DONE;
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_MALFORMED);
	at = message();
	at->nlmsg_len = NLMSG_HDRLEN + 4;
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_MALFORMED);
	at = message();
	mnl_attr_put(at, INET_DIAG_PEERS, sizeof(odd), odd);
	assert_int_equal(pl_ends_parse(at, &ends), PL_E_MALFORMED);
	assert_int_equal(ends.nr_local, 77);
}

/* Cut at every byte, and with every byte another one: read without harm, and never empty. */
static void any_bytes_are_read_without_harm(void **state)
{
	struct nlmsghdr *whole = both("4m6", "64");
	size_t len = whole->nlmsg_len;
	struct pl_ends ends;

	(void)state;
	for (size_t i = 0; i < 2 * len; i++) {
		size_t size = i < len ? i : len;
		uint8_t *copy = malloc(len);
		struct nlmsghdr *at = (struct nlmsghdr *)copy;

		memcpy(copy, whole, len);
		if (i < len)
			at->nlmsg_len = (uint32_t)size;
		else if (i - len >= sizeof(*at))
			copy[i - len] ^= 0xff;
		if (pl_ends_parse(at, &ends) == 0) {
			assert_in_range(ends.nr_local, 1, PL_ENDS_MAX);
			assert_in_range(ends.nr_remote, 1, PL_ENDS_MAX);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_of_both_ends_is_read_U11),
		cmocka_unit_test(more_than_there_is_room_for_is_said_U11),
		cmocka_unit_test(what_is_no_association_or_no_answer_is_refused_U17),
		cmocka_unit_test(any_bytes_are_read_without_harm),
	};

	return cmocka_run_group_tests_name("socket_ends", tests, NULL, NULL);
}
