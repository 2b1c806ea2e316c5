/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which address a socket would send from, in a network of several addresses, devices and rules; it
 * must be the one that the kernel takes when the socket itself is connected.
 */

#include "latch_impl.h"
#include "stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000, MARK = 5, TOS = 0x10, OTHER_UID = 1234, PREFER_TMP = 1 };

static bool run(const char *command)
{
	return system(command) == 0;
}

/* Two devices with two addresses each. To 203.0.113.0/24 and 2001:db8:113::/64 the way is t0, and
 * by rules of the tests, t1. */
static const char *const network[] = {
	"ip link add t0 type veth peer name p0",
	"ip link add t1 type veth peer name p1",
	"for d in t0 p0 t1 p1; do ip link set $d up; done",
	"ip addr add 198.51.100.1/25 dev t0",
	"ip addr add 198.51.100.7/25 dev t0",
	"ip addr add 198.51.100.129/25 dev t1",
	"ip addr add 2001:db8::1/64 dev t0 nodad",
	"ip addr add 2001:db8::7/64 dev t0 nodad",
	"ip addr add 2001:db8:1::1/64 dev t1 nodad",
	"ip route add 203.0.113.0/24 dev t0 src 198.51.100.7",
	"ip route add 203.0.113.0/24 dev t1 src 198.51.100.129 table 100",
	"ip route add 2001:db8:113::/64 dev t0 src 2001:db8::7",
	"ip route add 2001:db8:113::/64 dev t1 src 2001:db8:1::1 table 100",
	"ip route add prohibit 203.0.112.0/24",
	"ip -6 route add prohibit 2001:db8:112::/64",
};

static const char *missing;

static int set_up(void **state)
{
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]) && missing == NULL; i++) {
		if (!run(network[i]))
			missing = network[i];
	}
	if (missing != NULL)
		print_message("# not possible here: %s\n", missing);
	return stage_set_up(state);
}

union end {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage space;
};

static union end make_end(const char *address, uint16_t port)
{
	union end end;

	memset(&end, 0, sizeof(end));
	if (inet_pton(AF_INET, address, &end.in.sin_addr) == 1) {
		end.any.sa_family = AF_INET;
		end.in.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &end.in6.sin6_addr), 1);
		end.any.sa_family = AF_INET6;
		end.in6.sin6_port = htons(port);
	}
	return end;
}

static const char *address_of(const union end *end)
{
	static char text[INET6_ADDRSTRLEN];
	const void *bytes = end->any.sa_family == AF_INET ? (const void *)&end->in.sin_addr :
							     &end->in6.sin6_addr;

	return inet_ntop(end->any.sa_family, bytes, text, sizeof(text));
}

static int new_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static const char *source_of(int fd, const char *to)
{
	union end remote = make_end(to, 443), local;

	memset(&local, 0xff, sizeof(local));
	if (latch_route_source(fd, &remote.any, &local.space) != 0)
		return strerror(errno);
	assert_int_equal(local.any.sa_family, remote.any.sa_family);
	/* the same place in both */
	assert_int_equal(local.in.sin_port, 0);
	return address_of(&local);
}

/* What the kernel takes when this socket is connected; not asked where that is over at once. */
static void is_taken(int fd, const char *to, const char *source)
{
	union end remote = make_end(to, 443), local;
	socklen_t len = sizeof(local);

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	if (connect(fd, &remote.any, sizeof(remote.in6)) != 0 && errno != EINPROGRESS) {
		assert_int_equal(errno, ECONNREFUSED);
		return;
	}
	assert_int_equal(getsockname(fd, &local.any, &len), 0);
	assert_string_equal(address_of(&local), source);
}

/* What a new socket of this type does; the way to t1 takes what is set by @make. */
static void goes(int family, int type, const char *to, void (*make)(int fd), const char *source)
{
	int fd = new_socket(family, type);

	if (make != NULL)
		make(fd);
	assert_string_equal(source_of(fd, to), source);
	is_taken(fd, to, source);
	close(fd);
}

static void set_number(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static void set_mark(int fd)
{
	set_number(fd, SOL_SOCKET, SO_MARK, MARK);
}

static void set_tos(int fd)
{
	set_number(fd, IPPROTO_IP, IP_TOS, TOS);
}

static void set_class(int fd)
{
	set_number(fd, IPPROTO_IPV6, IPV6_TCLASS, TOS);
}

static void set_device(int fd)
{
	set_number(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)if_nametoindex("t1"));
}

static void set_unicast(int fd)
{
	set_number(fd, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(if_nametoindex("t1")));
}

static void set_unicast6(int fd)
{
	set_number(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, (int)htonl(if_nametoindex("t1")));
}

static void set_owner(int fd)
{
	assert_int_equal(fchown(fd, OTHER_UID, (gid_t)-1), 0);
}

/* In a user namespace of one user there is no other one. */
static bool is_there_another_user(void)
{
	int fd = new_socket(AF_INET, SOCK_DGRAM);
	bool is = fchown(fd, OTHER_UID, (gid_t)-1) == 0;

	close(fd);
	return is;
}

#define NEEDS_NETWORK() do { if (missing != NULL) skip(); } while (0)

static void the_route_chooses_among_the_addresses(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		goes(AF_INET, type, "198.51.100.9", NULL, "198.51.100.1");
		goes(AF_INET, type, "198.51.100.200", NULL, "198.51.100.129");
		goes(AF_INET, type, "203.0.113.9", NULL, "198.51.100.7");
		goes(AF_INET6, type, "::ffff:203.0.113.9", NULL, "::ffff:198.51.100.7");
		goes(AF_INET6, type, "2001:db8:113::9", NULL, "2001:db8::7");
		goes(AF_INET6, type, "2001:db8:1::9", NULL, "2001:db8:1::1");
		goes(AF_INET, type, "198.51.100.7", NULL, "198.51.100.1");
		goes(AF_INET, type, "127.0.0.5", NULL, "127.0.0.1");
		goes(AF_INET6, type, "::1", NULL, "::1");
	}
}

/* All are set in turn and looked at by both families and, but for the ports, both protocols. */
static void rules_go_by_what_the_socket_has(void **state)
{
	static const struct {
		const char *rule;
		void (*make)(int fd), (*make6)(int fd);
		bool is_tcp_alone;
	} rows[] = {
		{ "fwmark 5", set_mark, set_mark, false },
		{ "uidrange 1234-1234", set_owner, set_owner, false },
		{ "tos 0x10", set_tos, set_class, false },
		{ "ipproto tcp dport 443", NULL, NULL, true },
	};

	(void)state;
	NEEDS_NETWORK();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].make == set_owner && !is_there_another_user())
			continue;
		for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
			bool is_ruled = !rows[i].is_tcp_alone || type == SOCK_STREAM;
			char add[128], del[128];

			snprintf(add, sizeof(add), "ip rule add %s table 100 && "
				 "ip -6 rule add %s table 100", rows[i].rule, rows[i].rule);
			snprintf(del, sizeof(del), "ip rule del %s table 100 && "
				 "ip -6 rule del %s table 100", rows[i].rule, rows[i].rule);
			goes(AF_INET, type, "203.0.113.9", rows[i].make, "198.51.100.7");
			assert_true(run(add));
			goes(AF_INET, type, "203.0.113.9", rows[i].make,
			     is_ruled ? "198.51.100.129" : "198.51.100.7");
			goes(AF_INET6, type, "2001:db8:113::9", rows[i].make6,
			     is_ruled ? "2001:db8:1::1" : "2001:db8::7");
			goes(AF_INET6, type, "::ffff:203.0.113.9", rows[i].make,
			     is_ruled ? "::ffff:198.51.100.129" : "::ffff:198.51.100.7");
			if (rows[i].make != NULL)
				goes(AF_INET, type, "203.0.113.9", NULL, "198.51.100.7");
			assert_true(run(del));
		}
	}
}

static void the_device_that_the_socket_is_bound_to_counts(void **state)
{
	(void)state;
	NEEDS_NETWORK();
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		bool is_stream = type == SOCK_STREAM;

		goes(AF_INET, type, "198.51.100.9", set_device, "198.51.100.129");
		goes(AF_INET, type, "198.51.100.9", set_unicast,
		     is_stream ? "198.51.100.1" : "198.51.100.129");
		goes(AF_INET6, type, "2001:db8:1::9", set_device, "2001:db8:1::1");
		goes(AF_INET6, type, "2001:db8:1::9", set_unicast6, "2001:db8:1::1");
	}
}

static void link_local_addresses_have_their_device(void **state)
{
	unsigned device = if_nametoindex("t1");
	union end to = make_end("fe80::1234", 443), local;
	int fd = new_socket(AF_INET6, SOCK_STREAM), r = -1;

	(void)state;
	NEEDS_NETWORK();
	to.in6.sin6_scope_id = device;
	/* It comes with the link, some time. */
	for (int ms = 0; r != 0 && ms < PATIENCE_MS; ms++) {
		r = latch_route_source(fd, &to.any, &local.space);
		if (r == 0 && !IN6_IS_ADDR_LINKLOCAL(&local.in6.sin6_addr))
			r = -1;
		if (r != 0)
			poll(NULL, 0, 1);
	}
	assert_int_equal(r, 0);
	assert_int_equal(local.in6.sin6_scope_id, device);
	close(fd);
}

static void where_nothing_leads_is_an_error(void **state)
{
	int fd = new_socket(AF_INET, SOCK_STREAM), fd6 = new_socket(AF_INET6, SOCK_STREAM);

	(void)state;
	NEEDS_NETWORK();
	assert_string_equal(source_of(fd, "203.0.114.1"), strerror(ENETUNREACH));
	assert_string_equal(source_of(fd6, "2001:db8:114::1"), strerror(ENETUNREACH));
	assert_string_equal(source_of(fd, "203.0.112.1"), strerror(EACCES));
	assert_string_equal(source_of(fd6, "2001:db8:112::1"), strerror(EACCES));
	close(fd);
	close(fd6);
}

/* SPD */

#define DISCARD(family, to) \
	"ip -" family " xfrm policy add dst " to " proto udp dir out action block"

static void discard_datagrams(void)
{
	assert_true(run(DISCARD("4", "203.0.113.9") " && " DISCARD("6", "2001:db8:113::9")));
}

static void an_SPD_that_discards_datagrams_is_no_hindrance_for_streams(void **state)
{
	static const char *const rows[][2] = {
		{ "203.0.113.9", "198.51.100.7" }, { "2001:db8:113::9", "2001:db8::7" },
	};
	struct latch *latch;

	(void)state;
	NEEDS_NETWORK();
	discard_datagrams();
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &latch), 0);
	for (unsigned i = 0; i < 2; i++) {
		union end to = make_end(rows[i][0], 443), local;
		socklen_t len = sizeof(local);
		int fd = new_socket(to.any.sa_family, SOCK_STREAM);
		int datagrams = new_socket(to.any.sa_family, SOCK_DGRAM);
		uint64_t id;

		/* it does discard them */
		assert_int_equal(connect(datagrams, &to.any, sizeof(to.in6)), -1);
		assert_int_equal(errno, EPERM);
		assert_string_equal(source_of(fd, rows[i][0]), rows[i][1]);
		/* there are no SAs, so that is what it comes to */
		assert_int_equal(latch_connect(latch, fd, &to.any, sizeof(to.in6), NULL, &id),
				 LATCH_ERR_NO_SA);
		assert_int_equal(getsockname(fd, &local.any, &len), 0);
		assert_string_equal(address_of(&local), rows[i][1]);
		close(datagrams);
		close(fd);
	}
	latch_close(latch);
	assert_true(run("ip xfrm policy flush"));
}

/* Preferences */

static bool has_temporary_address(void)
{
	static const char temporary[] = "ip -6 addr show dev t1 temporary | grep -q 2001:db8:2:";

	if (!run("echo 1 >/proc/sys/net/ipv6/conf/t1/use_tempaddr") ||
	    !run("echo 0 >/proc/sys/net/ipv6/conf/t1/accept_dad") ||
	    !run("ip addr add 2001:db8:2::1/64 dev t1 mngtmpaddr nodad"))
		return false;
	for (int ms = 0; ms < PATIENCE_MS; ms += 10) {
		if (run(temporary) && !run("ip -6 addr show dev t1 tentative | grep -q inet6"))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static void a_preference_for_temporary_addresses_is_heeded_where_it_can_be(void **state)
{
	int fd = new_socket(AF_INET6, SOCK_STREAM);

	(void)state;
	NEEDS_NETWORK();
	if (!has_temporary_address())
		skip();
	assert_string_equal(source_of(fd, "2001:db8:2::9"), "2001:db8:2::1");
	set_number(fd, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, PREFER_TMP);
	assert_memory_equal(source_of(fd, "2001:db8:2::9"), "2001:db8:2:", 11);
	assert_string_not_equal(source_of(fd, "2001:db8:2::9"), "2001:db8:2::1");
	assert_true(run(DISCARD("6", "2001:db8:2::9")));
	assert_string_equal(source_of(fd, "2001:db8:2::9"), "2001:db8:2::1");
	assert_true(run("ip xfrm policy flush"));
	close(fd);
}

/* Without netlink */

static bool forbid_netlink(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
	       socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) < 0;
}

static void a_program_that_may_not_have_netlink_finds_out_otherwise(void **state)
{
	enum { FOUND = 0, NO_FILTER = 2 };
	int status;
	pid_t pid;

	(void)state;
	NEEDS_NETWORK();
	pid = fork();
	if (pid == 0) {
		union end to = make_end("203.0.113.9", 443), local;
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!forbid_netlink())
			_exit(NO_FILTER);
		_exit(latch_route_source(fd, &to.any, &local.space) == 0 &&
		      strcmp(address_of(&local), "198.51.100.7") == 0 ? FOUND : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTER)
		skip();
	assert_int_equal(WEXITSTATUS(status), FOUND);
}

/* The answer */

static size_t add_attribute(uint8_t *to, unsigned short type, const void *bytes, size_t size)
{
	struct rtattr attr = { (unsigned short)RTA_LENGTH(size), type };

	memcpy(to, &attr, sizeof(attr));
	memcpy(to + RTA_LENGTH(0), bytes, size);
	return RTA_SPACE(size);
}

static size_t make_answer(uint8_t answer[static 256])
{
	static const uint8_t address[4] = { 192, 0, 2, 1 };
	struct nlmsghdr header = { .nlmsg_type = RTM_NEWROUTE };
	uint32_t device = 77;
	size_t len = NLMSG_LENGTH(sizeof(struct rtmsg));

	memset(answer, 0, 256);
	len += add_attribute(answer + len, RTA_OIF, &device, sizeof(device));
	len += add_attribute(answer + len, RTA_PREFSRC, address, sizeof(address));
	header.nlmsg_len = (uint32_t)len;
	memcpy(answer, &header, sizeof(header));
	return len;
}

static int parse(const uint8_t *answer, size_t len, uint8_t address[static 16], uint32_t *device)
{
	/* of just this length, for ASAN */
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int r;

	memcpy(copy, answer, len);
	r = latch_route_parse(copy, len, 4, address, device);
	free(copy);
	return r;
}

static void an_answer_of_any_content_does_no_harm(void **state)
{
	uint8_t answer[256] __attribute__((aligned(8))), address[16];
	size_t len = make_answer(answer);
	uint32_t device = 0;

	(void)state;
	assert_int_equal(parse(answer, len, address, &device), 0);
	assert_int_equal(device, 77);
	assert_int_equal(address[3], 1);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(parse(answer, cut, address, &device), EPROTO);
	srand(5660);
	for (int i = 0; i < 100000; i++) {
		make_answer(answer);
		for (int n = 0; n < 3; n++)
			answer[(size_t)rand() % len] = (uint8_t)rand();
		assert_true(parse(answer, len, address, &device) >= 0);
	}
}

static void an_error_is_handed_on_and_no_error_is_none(void **state)
{
	struct { struct nlmsghdr header; struct nlmsgerr answer; } error = {
		.header = { .nlmsg_len = sizeof(error), .nlmsg_type = NLMSG_ERROR },
		.answer = { .error = -EACCES },
	};
	const uint8_t *bytes = (const uint8_t *)&error;
	uint8_t address[16];
	uint32_t device;

	(void)state;
	assert_int_equal(parse(bytes, sizeof(error), address, &device), EACCES);
	error.answer.error = 0;
	assert_int_equal(parse(bytes, sizeof(error), address, &device), EPROTO);
	error.header.nlmsg_len = sizeof(error.header);
	assert_int_equal(parse(bytes, sizeof(error.header), address, &device), EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_route_chooses_among_the_addresses),
		cmocka_unit_test(rules_go_by_what_the_socket_has),
		cmocka_unit_test(the_device_that_the_socket_is_bound_to_counts),
		cmocka_unit_test(link_local_addresses_have_their_device),
		cmocka_unit_test(where_nothing_leads_is_an_error),
		cmocka_unit_test(an_SPD_that_discards_datagrams_is_no_hindrance_for_streams),
		cmocka_unit_test(a_preference_for_temporary_addresses_is_heeded_where_it_can_be),
		cmocka_unit_test(a_program_that_may_not_have_netlink_finds_out_otherwise),
		cmocka_unit_test(an_answer_of_any_content_does_no_harm),
		cmocka_unit_test(an_error_is_handed_on_and_no_error_is_none),
	};

	return cmocka_run_group_tests(tests, set_up, stage_tear_down);
}
