/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What latch_connect(), latch_listen(), latch_accept() and latch_find() do with sockets, seen by
 * the daemon at the moment of its call and by the kernel afterwards. All over the loopback, which a
 * real daemon would refuse.
 */

#include "fake.h"

#include "latch_impl.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake *fake;
static struct latch *latch;

static int begin(void **state)
{
	(void)state;
	fake = fake_start();
	return latch_open(getenv("LATCH_TEST_BUS"), 0, &latch);
}

static int end(void **state)
{
	(void)state;
	latch = latch_close(latch);
	fake = fake_stop(fake);
	return 0;
}

union end {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage space;
};

static socklen_t size_of(const union end *end)
{
	return end->any.sa_family == AF_INET ? sizeof(end->in) : sizeof(end->in6);
}

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

static uint16_t port_of(const union end *end)
{
	/* the same place in both */
	return ntohs(end->in.sin_port);
}

static const char *address_of(const union end *end)
{
	static char text[INET6_ADDRSTRLEN];
	const void *bytes = end->any.sa_family == AF_INET ? (const void *)&end->in.sin_addr :
			    &end->in6.sin6_addr;

	return inet_ntop(end->any.sa_family, bytes, text, sizeof(text));
}

static union end local_of(int fd)
{
	union end end;
	socklen_t len = sizeof(end);

	memset(&end, 0, sizeof(end));
	assert_int_equal(getsockname(fd, &end.any, &len), 0);
	return end;
}

static int new_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* Return: a socket that is bound, and listens if it is a stream */
static int serve_at(const char *address, int type, union end *ret)
{
	union end end = make_end(address, 0);
	int fd = new_socket(end.any.sa_family, type), off = 0;

	if (end.any.sa_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(fd, &end.any, size_of(&end)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	*ret = local_of(fd);
	return fd;
}

static unsigned long inode_of(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
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

static bool has_ip6(void)
{
	union end end = make_end("::1", 0);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, &end.any, sizeof(end.in6)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

/* connect */

static void connects(const char *server, const char *client, const char *source, int type)
{
	union end to, seen, local;
	int listener = serve_at(server, type, &to), fd;
	char dict[128];
	uint64_t id = 0;

	if (client != NULL)
		to = make_end(client, port_of(&to));
	fd = new_socket(to.any.sa_family, type);
	snprintf(dict, sizeof(dict), "{\"remote_address\":\"%s\",\"remote_port\":%u}",
		 address_of(&to), port_of(&to));
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(fake->dict, dict);
	/* the daemon saw this socket, bound to both address and port, and not connected yet */
	assert_int_equal(fake->socket.inode, inode_of(fd));
	assert_false(fake->socket.is_connected);
	memcpy(&seen.space, &fake->socket.local, sizeof(seen.space));
	assert_string_equal(address_of(&seen), source);
	assert_int_not_equal(port_of(&seen), 0);
	local = local_of(fd);
	assert_int_equal(port_of(&local), port_of(&seen));
	assert_string_equal(address_of(&local), source);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	close(fd);
	close(listener);
}

static void connect_binds_to_the_route_and_latches_before_it_connects_K41_U3(void **state)
{
	(void)state;
	connects("127.0.0.1", NULL, "127.0.0.1", SOCK_STREAM);
	connects("127.0.0.1", NULL, "127.0.0.1", SOCK_DGRAM);
	connects("127.0.0.5", NULL, "127.0.0.1", SOCK_STREAM);
	assert_int_equal(fake_count(fake, "Release"), 0);
}

static void connect_speaks_ip6_and_the_ip4_of_ip6(void **state)
{
	(void)state;
	if (!has_ip6())
		skip();
	connects("::1", NULL, "::1", SOCK_STREAM);
	connects("::1", NULL, "::1", SOCK_DGRAM);
	connects("::", "::ffff:127.0.0.1", "::ffff:127.0.0.1", SOCK_STREAM);
	connects("::", "::ffff:127.0.0.1", "::ffff:127.0.0.1", SOCK_DGRAM);
}

/* Return: index of an interface beside the loopback that has an IPv4 address; 0 for none */
static int other_interface(struct sockaddr_in *ret)
{
	struct ifaddrs *all, *at;
	int index = 0;

	assert_int_equal(getifaddrs(&all), 0);
	for (at = all; at != NULL && index == 0; at = at->ifa_next) {
		if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET ||
		    (at->ifa_flags & (IFF_LOOPBACK | IFF_UP)) != IFF_UP)
			continue;
		memcpy(ret, at->ifa_addr, sizeof(*ret));
		index = (int)if_nametoindex(at->ifa_name);
	}
	freeifaddrs(all);
	return index;
}

static void connect_asks_for_the_route_of_this_socket(void **state)
{
	union end to = make_end("127.0.0.1", 9), seen;
	struct sockaddr_in own;
	int fd, index = other_interface(&own);
	uint64_t id;

	(void)state;
	if (index == 0)
		skip();
	fd = new_socket(AF_INET, SOCK_DGRAM);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)), 0);
	/* Nothing is there; what counts is where the daemon saw it bound. */
	(void)!latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id);
	assert_int_equal(fake_count(fake, "Latch"), 1);
	memcpy(&seen.space, &fake->socket.local, sizeof(seen.space));
	assert_int_equal(seen.in.sin_addr.s_addr, own.sin_addr.s_addr);
	close(fd);
}

static void connect_keeps_what_is_bound(void **state)
{
	union end to, local = make_end("127.0.0.3", 0), after;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t id;

	(void)state;
	assert_int_equal(bind(fd, &local.any, size_of(&local)), 0);
	local = local_of(fd);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id), 0);
	after = local_of(fd);
	assert_int_equal(port_of(&after), port_of(&local));
	assert_string_equal(address_of(&after), "127.0.0.3");
	close(fd);
	close(listener);
}

static void connect_wants_a_port_now_though_the_socket_puts_it_off(void **state)
{
	union end to, local = make_end("127.0.0.3", 0), seen;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM), on = 1;
	uint64_t id;

	(void)state;
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, &local.any, size_of(&local)), 0);
	local = local_of(fd);
	assert_int_equal(port_of(&local), 0);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id), 0);
	memcpy(&seen.space, &fake->socket.local, sizeof(seen.space));
	assert_string_equal(address_of(&seen), "127.0.0.3");
	assert_int_not_equal(port_of(&seen), 0);
	close(fd);
	close(listener);
}

static void connect_cannot_narrow_a_port_that_is_bound_on_every_address(void **state)
{
	union end to = make_end("127.0.0.1", 9), any = make_end("0.0.0.0", 0);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	unsigned before = fake->nr_calls;
	uint64_t id = 99;

	(void)state;
	assert_int_equal(bind(fd, &any.any, size_of(&any)), 0);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id),
			 LATCH_ERR_NOT_CONNECTED);
	assert_int_equal(fake->nr_calls, before);
	assert_int_equal(id, 99);
	close(fd);
}

static void connect_that_fails_releases_and_keeps_errno(void **state)
{
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t id = 99;

	(void)state;
	close(listener);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id),
			 LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(id, 99);
	assert_int_equal(fake_count(fake, "Latch"), 1);
	assert_int_equal(fake_count(fake, "Release"), 1);
	assert_int_equal(fake->number, 7);
	close(fd);
}

static void without_a_latch_nothing_is_sent_K42(void **state)
{
	union end to, peer;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	struct pollfd arrives = { .fd = listener, .events = POLLIN };
	socklen_t len = sizeof(peer);
	uint64_t id = 99;

	(void)state;
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NotProtected";
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id),
			 LATCH_ERR_NOT_PROTECTED);
	assert_int_equal(getpeername(fd, &peer.any, &len), -1);
	assert_int_equal(poll(&arrives, 1, 0), 0);
	assert_int_equal(fake_count(fake, "Release"), 0);
	close(fd);
	close(listener);
}

/* What the daemon calls an error: "LATCH_ERR_NO_SA" is "NoSa". */
static const char *dbus_name_of(int error)
{
	static char name[128];
	const char *from = latch_error_name(error) + strlen("LATCH_ERR_");
	char *to = name + sprintf(name, "org.libreswan.Latch1.Error.");
	bool is_first = true;

	for (; *from != '\0'; from++) {
		if (*from != '_')
			*to++ = (char)(is_first ? *from : *from | 0x20);
		is_first = *from == '_';
	}
	*to = '\0';
	return name;
}

static bool may_go_on(int error)
{
	static const int those[] = {
		LATCH_ERR_NOT_PROTECTED, LATCH_ERR_NO_SA, LATCH_ERR_NARROW_REFUSED,
		LATCH_ERR_WEAK, LATCH_ERR_AUTHENTICATION_FAILED, LATCH_ERR_TIMEOUT,
	};

	for (unsigned i = 0; i < sizeof(those) / sizeof(those[0]); i++) {
		if (those[i] == error)
			return true;
	}
	return false;
}

/* Every error, with and without prefer: what gets through to the peer, and what is said. */
static void refused_with(int error, bool prefers, int type)
{
	struct latch_request request = { .size = sizeof(request), .prefer = prefers };
	bool goes_on = prefers && may_go_on(error);
	union end to, peer;
	int server = serve_at("127.0.0.1", type, &to), fd = new_socket(AF_INET, type);
	struct pollfd arrives = { .fd = server, .events = POLLIN };
	socklen_t len = sizeof(peer);
	uint64_t id = 99;
	int last, r;

	fake->fail = "Latch";
	fake->error = dbus_name_of(error);
	assert_int_equal(latch_error_from_dbus(fake->error), error);
	r = latch_connect(latch, fd, &to.any, size_of(&to), &request, &id);
	assert_int_equal(r, goes_on ? 0 : error);
	assert_int_equal(id, goes_on ? 0 : 99);
	assert_string_equal(latch_last_reason(latch, &last), "as the script says");
	assert_int_equal(last, error);
	assert_int_equal(getpeername(fd, &peer.any, &len), goes_on ? 0 : -1);
	if (goes_on)
		assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	/* Over the loopback, what was sent has arrived. */
	assert_int_equal(poll(&arrives, 1, 0), goes_on ? 1 : 0);
	close(fd);
	close(server);
}

static void prefer_goes_on_without_protection_and_says_why_and_no_further_K42(void **state)
{
	int error, passed = 0;

	(void)state;
	for (error = LATCH_ERR_MALFORMED; latch_error_name(error) != NULL; error--) {
		refused_with(error, false, SOCK_STREAM);
		refused_with(error, true, SOCK_STREAM);
		refused_with(error, true, SOCK_DGRAM);
		passed += may_go_on(error);
	}
	assert_true(error <= -46);
	assert_int_equal(passed, 6);
	assert_int_equal(fake_count(fake, "Release"), 0);
}

static void prefer_says_nothing_to_the_daemon_and_latches_when_it_can_K42(void **state)
{
	struct latch_request request = { .size = sizeof(request), .prefer = true, .wait_ms = 700 };
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t id = 0;
	int error;

	(void)state;
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), &request, &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(latch_last_reason(latch, &error), "");
	assert_int_equal(error, LATCH_OK);
	assert_null(strstr(fake->dict, "prefer"));
	assert_non_null(strstr(fake->dict, "\"wait\":700,"));
	close(fd);
	close(listener);
}

/* K42: what the daemon does not say is a doubt, and a doubt is no reason to go on. */
static void prefer_without_a_daemon_sends_nothing(void **state)
{
	struct latch_request request = { .size = sizeof(request), .prefer = true };
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	struct pollfd arrives = { .fd = listener, .events = POLLIN };
	uint64_t id = 99;

	(void)state;
	for (int i = 0; i < 3; i++) {
		int fd = new_socket(AF_INET, SOCK_STREAM);

		fake->misshape = i == 0 ? "Latch" : NULL;
		fake->vanish = i == 1 ? "Latch" : NULL;
		assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), &request, &id),
				 i == 0 ? LATCH_ERR_FAILED : LATCH_ERR_SERVICE);
		close(fd);
	}
	assert_int_equal(poll(&arrives, 1, 0), 0);
	assert_int_equal(id, 99);
	close(listener);
}

static void prefer_that_cannot_connect_has_nothing_to_release(void **state)
{
	struct latch_request request = { .size = sizeof(request), .prefer = true };
	union end to;
	int fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t id = 99;

	(void)state;
	close(serve_at("127.0.0.1", SOCK_STREAM, &to));
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.NoSa";
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), &request, &id),
			 LATCH_ERR_SYSTEM);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(id, 99);
	assert_int_equal(fake_count(fake, "Release"), 0);
	close(fd);
}

static void connect_does_not_connect_under_a_larval_latch(void **state)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = LATCH_WAIT_NONE };
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	struct pollfd arrives = { .fd = listener, .events = POLLIN };
	int fd = new_socket(AF_INET, SOCK_STREAM);
	unsigned before = fake->nr_calls;
	uint64_t id = 99;

	(void)state;
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), &request, &id),
			 LATCH_ERR_ARGUMENT);
	assert_int_equal(fake->nr_calls, before);
	assert_int_equal(id, 99);
	assert_int_equal(poll(&arrives, 1, 0), 0);
	close(fd);
	close(listener);
}

static void connect_of_a_socket_that_does_not_block_is_under_way(void **state)
{
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	int fd = new_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK), error = -1;
	struct pollfd done = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(error);
	uint64_t id;

	(void)state;
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id), 0);
	assert_int_equal(poll(&done, 1, 5000), 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_int_equal(error, 0);
	close(fd);
	close(listener);
}

static void connect_refuses_what_is_no_place_to_connect_to(void **state)
{
	union end good = make_end("127.0.0.1", 9), bad;
	int fd = new_socket(AF_INET, SOCK_STREAM), six = -1;
	int local = new_socket(AF_UNIX, SOCK_STREAM);
	unsigned before = fake->nr_calls;
	uint64_t id = 99;

	(void)state;
#define REFUSES(error, fd, end, len)                                                              \
	assert_int_equal(latch_connect(latch, fd, &(end).any, len, NULL, &id), error)
	REFUSES(LATCH_ERR_ARGUMENT, fd, good, 1);
	REFUSES(LATCH_ERR_ARGUMENT, fd, good, sizeof(good.in) - 1);
	bad = make_end("127.0.0.1", 0);
	REFUSES(LATCH_ERR_ARGUMENT, fd, bad, sizeof(bad));
	bad = make_end("0.0.0.0", 9);
	REFUSES(LATCH_ERR_ARGUMENT, fd, bad, sizeof(bad));
	bad = make_end("::1", 9);
	REFUSES(LATCH_ERR_ARGUMENT, fd, bad, sizeof(bad));
	bad.any.sa_family = AF_UNIX;
	REFUSES(LATCH_ERR_NOT_INTERNET, fd, bad, sizeof(bad));
	REFUSES(LATCH_ERR_NOT_INTERNET, local, good, sizeof(good));
	REFUSES(LATCH_ERR_SYSTEM, -1, good, sizeof(good));
	assert_int_equal(errno, EBADF);
	assert_int_equal(latch_connect(latch, fd, NULL, 0, NULL, &id), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_connect(NULL, fd, &good.any, sizeof(good), NULL, &id),
			 LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_connect(latch, fd, &good.any, sizeof(good), NULL, NULL),
			 LATCH_ERR_ARGUMENT);
	if (has_ip6()) {
		six = new_socket(AF_INET6, SOCK_STREAM);
		bad = make_end("::ffff:0.0.0.0", 9);
		REFUSES(LATCH_ERR_ARGUMENT, six, bad, sizeof(bad));
		close(six);
	}
#undef REFUSES
	assert_int_equal(fake->nr_calls, before);
	assert_int_equal(id, 99);
	close(local);
	close(fd);
}

/* Somebody else's datagram, after the port is bound and before there is a peer. */
static void send_to(void *ctx, int fd)
{
	union end to = local_of(fd);
	int *from = ctx;

	(void)!sendto(*from, "forged", 6, 0, &to.any, size_of(&to));
}

static void datagrams_from_before_the_latch_are_not_the_peers(void **state)
{
	struct latch_request late = { .size = sizeof(late), .late = true };
	union end to;
	int server = serve_at("127.0.0.1", SOCK_DGRAM, &to);
	int other = new_socket(AF_INET, SOCK_DGRAM), fd;
	uint64_t id;
	char got[16];

	(void)state;
	fake->on_latch = send_to;
	fake->ctx = &other;
	fd = new_socket(AF_INET, SOCK_DGRAM);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	fd = new_socket(AF_INET, SOCK_DGRAM);
	assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), &late, &id), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 6);
	close(fd);
	close(other);
	close(server);
}

/* listen and accept */

static void listen_latches_first_and_listens_then_K40_U1(void **state)
{
	union end at = make_end("127.0.0.1", 0);
	int fd = new_socket(AF_INET, SOCK_STREAM), on = 0;
	socklen_t len = sizeof(on);
	uint64_t ids[2] = { 98, 99 };

	(void)state;
	assert_int_equal(bind(fd, &at.any, size_of(&at)), 0);
	fake->fail = "Listen";
	fake->error = "org.libreswan.Latch1.Error.AlreadyLatched";
	assert_int_equal(latch_listen(latch, fd, 8, NULL, ids), LATCH_ERR_ALREADY_LATCHED);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
	assert_int_equal(on, 0);
	assert_int_equal(ids[0], 98);
	fake->fail = NULL;
	assert_int_equal(latch_listen(latch, fd, 8, NULL, ids), 0);
	assert_int_equal(fake->socket.inode, inode_of(fd));
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
	assert_int_equal(on, 1);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 0);
	close(fd);
}

static void listen_knows_two_latches_of_a_dual_stack_and_no_other_number(void **state)
{
	union end at;
	int fd = serve_at("127.0.0.1", SOCK_DGRAM, &at);
	uint64_t ids[2] = { 98, 99 };

	(void)state;
	fake->nr_ids = 0;
	assert_int_equal(latch_listen(latch, fd, 0, NULL, ids), LATCH_ERR_FAILED);
	fake->nr_ids = 3;
	assert_int_equal(latch_listen(latch, fd, 0, NULL, ids), LATCH_ERR_FAILED);
	assert_int_equal(ids[0], 98);
	assert_int_equal(ids[1], 99);
	fake->nr_ids = 2;
	assert_int_equal(latch_listen(latch, fd, 0, NULL, ids), 0);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 2);
	close(fd);
}

static void a_listener_and_a_connection_hand_the_request_on_K40_K41(void **state)
{
	static const char wishes[] =
		"\"protection\":[\"confidentiality\"],\"min_key_bits\":256,"
		"\"min_integ_bits\":96,\"mode\":\"tunnel\",\"disposition\":\"reset\"";
	struct latch_request request = {
		.size = sizeof(request), .protection = LATCH_CONFIDENTIALITY,
		.min_key_bits = 256, .min_integ_bits = 96, .mode = LATCH_MODE_TUNNEL,
		.disposition = LATCH_DISPOSITION_RESET,
	};
	union end at, local = make_end("127.0.0.1", 0);
	int listener = new_socket(AF_INET, SOCK_STREAM), fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t ids[2], id;
	char dict[256];

	(void)state;
	assert_int_equal(bind(listener, &local.any, size_of(&local)), 0);
	assert_int_equal(latch_listen(latch, listener, 8, &request, ids), 0);
	snprintf(dict, sizeof(dict), "{%s}", wishes);
	assert_string_equal(fake->dict, dict);
	at = local_of(listener);
	assert_int_equal(latch_connect(latch, fd, &at.any, size_of(&at), &request, &id), 0);
	snprintf(dict, sizeof(dict), "{%s,\"remote_address\":\"127.0.0.1\",\"remote_port\":%u}",
		 wishes, port_of(&at));
	assert_string_equal(fake->dict, dict);
	close(fd);
	close(listener);
}

static void listen_that_fails_releases_every_latch_and_keeps_errno(void **state)
{
	union end at;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &at);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	uint64_t ids[2] = { 98, 99 };

	(void)state;
	/* connected: listen(2) refuses */
	assert_int_equal(connect(fd, &at.any, size_of(&at)), 0);
	fake->nr_ids = 2;
	assert_int_equal(latch_listen(latch, fd, 8, NULL, ids), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(fake_count(fake, "Release"), 2);
	assert_int_equal(ids[0], 98);
	close(fd);
	close(listener);
}

static void listen_refuses_what_is_for_one_connection(void **state)
{
	struct latch_request late = { .size = sizeof(late), .late = true };
	struct latch_request broken = { .size = sizeof(broken), .may_be_broken = true };
	struct latch_request prefer = { .size = sizeof(prefer), .prefer = true };
	struct latch_request wait = { .size = sizeof(wait), .wait_ms = 1 };
	union end at;
	int fd = serve_at("127.0.0.1", SOCK_STREAM, &at);
	unsigned before = fake->nr_calls;
	uint64_t ids[2];

	(void)state;
	assert_int_equal(latch_listen(latch, fd, 8, NULL, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_listen(latch, -1, 8, NULL, ids), LATCH_ERR_SYSTEM);
	assert_int_equal(latch_listen(latch, fd, 8, &late, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_listen(latch, fd, 8, &broken, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_listen(latch, fd, 8, &prefer, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_listen(latch, fd, 8, &wait, ids), LATCH_ERR_ARGUMENT);
	assert_int_equal(fake->nr_calls, before);
	close(fd);
}

static void accept_latches_the_connection_and_closes_it_otherwise_L18(void **state)
{
	union end at;
	int listener = serve_at("127.0.0.1", SOCK_STREAM | SOCK_NONBLOCK, &at);
	int fd = -1, client;
	uint64_t id = 99;
	unsigned fds;

	(void)state;
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(latch_accept(latch, listener, 0, &fd, &id), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EAGAIN);
	client = new_socket(AF_INET, SOCK_STREAM);
	assert_int_equal(connect(client, &at.any, size_of(&at)), 0);
	assert_int_equal(latch_accept(latch, listener, SOCK_NONBLOCK, &fd, &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(fake->dict, "{}");
	assert_int_equal(fake->socket.inode, inode_of(fd));
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	close(fd);
	close(client);
	client = new_socket(AF_INET, SOCK_STREAM);
	assert_int_equal(connect(client, &at.any, size_of(&at)), 0);
	fds = count_fds();
	fd = -1;
	fake->fail = "Latch";
	fake->error = "org.libreswan.Latch1.Error.Unavailable";
	assert_int_equal(latch_accept(latch, listener, 0, &fd, &id), LATCH_ERR_UNAVAILABLE);
	assert_int_equal(fd, -1);
	assert_int_equal(count_fds(), fds);
	close(client);
	close(listener);
}

static void two_hundred_failing_connects_leak_no_descriptor(void **state)
{
	union end to;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &to);
	unsigned before = count_fds();
	uint64_t id;

	(void)state;
	close(listener);
	for (int i = 0; i < 200; i++) {
		int fd = new_socket(AF_INET, i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM);

		fake->fail = i % 4 < 2 ? "Latch" : NULL;
		fake->error = "org.libreswan.Latch1.Error.Conflict";
		if (i % 4 < 2)
			assert_int_equal(latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id),
					 LATCH_ERR_CONFLICT);
		else
			(void)!latch_connect(latch, fd, &to.any, size_of(&to), NULL, &id);
		close(fd);
	}
	assert_int_equal(count_fds(), before - 1);
}

/* find */

static void find_names_the_tuple_of_the_socket(void **state)
{
	union end at, local;
	int listener = serve_at("127.0.0.1", SOCK_STREAM, &at);
	int fd = new_socket(AF_INET, SOCK_STREAM);
	char dict[256];
	uint64_t id = 0;

	(void)state;
	assert_int_equal(latch_find(latch, fd, &id), LATCH_ERR_NOT_CONNECTED);
	assert_int_equal(connect(fd, &at.any, size_of(&at)), 0);
	local = local_of(fd);
	snprintf(dict, sizeof(dict), "{\"protocol\":\"tcp\",\"local_address\":\"127.0.0.1\","
		 "\"local_port\":%u,\"remote_address\":\"127.0.0.1\",\"remote_port\":%u}",
		 port_of(&local), port_of(&at));
	assert_int_equal(latch_find(latch, fd, &id), 0);
	assert_int_equal(id, 7);
	assert_string_equal(fake->dict, dict);
	snprintf(dict, sizeof(dict), "{\"protocol\":\"tcp\",\"local_address\":\"127.0.0.1\","
		 "\"local_port\":%u}", port_of(&at));
	assert_int_equal(latch_find(latch, listener, &id), 0);
	assert_string_equal(fake->dict, dict);
	close(fd);
	close(listener);
}

static void find_speaks_ip6_and_calls_mapped_addresses_ip4(void **state)
{
	union end at, to;
	char dict[256];
	int server, fd;
	uint64_t id;

	(void)state;
	if (!has_ip6())
		skip();
	server = serve_at("::", SOCK_DGRAM, &at);
	snprintf(dict, sizeof(dict),
		 "{\"protocol\":\"udp\",\"local_address\":\"::\",\"local_port\":%u}",
		 port_of(&at));
	assert_int_equal(latch_find(latch, server, &id), 0);
	assert_string_equal(fake->dict, dict);
	fd = new_socket(AF_INET6, SOCK_DGRAM);
	to = make_end("::ffff:127.0.0.1", port_of(&at));
	assert_int_equal(connect(fd, &to.any, size_of(&to)), 0);
	assert_int_equal(latch_find(latch, fd, &id), 0);
	assert_non_null(strstr(fake->dict, "\"local_address\":\"127.0.0.1\""));
	assert_non_null(strstr(fake->dict, "\"remote_address\":\"127.0.0.1\""));
	close(fd);
	close(server);
}

static void find_refuses_what_is_no_internet_socket(void **state)
{
	int fd = new_socket(AF_UNIX, SOCK_STREAM);
	uint64_t id;

	(void)state;
	assert_int_equal(latch_find(latch, fd, &id), LATCH_ERR_NOT_INTERNET);
	assert_int_equal(latch_find(latch, -1, &id), LATCH_ERR_SYSTEM);
	assert_int_equal(errno, EBADF);
	assert_int_equal(latch_find(latch, fd, NULL), LATCH_ERR_ARGUMENT);
	assert_int_equal(latch_find(NULL, fd, &id), LATCH_ERR_ARGUMENT);
	close(fd);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connect_binds_to_the_route_and_latches_before_it_connects_K41_U3),
		TEST(connect_speaks_ip6_and_the_ip4_of_ip6),
		TEST(connect_asks_for_the_route_of_this_socket),
		TEST(connect_keeps_what_is_bound),
		TEST(connect_wants_a_port_now_though_the_socket_puts_it_off),
		TEST(connect_cannot_narrow_a_port_that_is_bound_on_every_address),
		TEST(connect_that_fails_releases_and_keeps_errno),
		TEST(without_a_latch_nothing_is_sent_K42),
		TEST(prefer_goes_on_without_protection_and_says_why_and_no_further_K42),
		TEST(prefer_says_nothing_to_the_daemon_and_latches_when_it_can_K42),
		TEST(prefer_without_a_daemon_sends_nothing),
		TEST(prefer_that_cannot_connect_has_nothing_to_release),
		TEST(connect_does_not_connect_under_a_larval_latch),
		TEST(connect_of_a_socket_that_does_not_block_is_under_way),
		TEST(connect_refuses_what_is_no_place_to_connect_to),
		TEST(datagrams_from_before_the_latch_are_not_the_peers),
		TEST(listen_latches_first_and_listens_then_K40_U1),
		TEST(listen_knows_two_latches_of_a_dual_stack_and_no_other_number),
		TEST(a_listener_and_a_connection_hand_the_request_on_K40_K41),
		TEST(listen_that_fails_releases_every_latch_and_keeps_errno),
		TEST(listen_refuses_what_is_for_one_connection),
		TEST(accept_latches_the_connection_and_closes_it_otherwise_L18),
		TEST(two_hundred_failing_connects_leak_no_descriptor),
		TEST(find_names_the_tuple_of_the_socket),
		TEST(find_speaks_ip6_and_calls_mapped_addresses_ip4),
		TEST(find_refuses_what_is_no_internet_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
