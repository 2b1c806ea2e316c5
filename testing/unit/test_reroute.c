/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel of this machine does with the route of a connected socket when a policy goes that
 * let its packets pass, where it lets us have a network of our own.
 */

#include "kernel/pl_reroute.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/xfrm.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PORT = 4000, WIDE = 100, NARROW = 10 };

static struct pl_ask ask;
static int device = -1;

static const struct end {
	int family;
	const char *here, *there;
} ends[] = {
	{ AF_INET, "192.0.2.1", "192.0.2.2" },
	{ AF_INET6, "2001:db8::1", "2001:db8::2" },
};

/* A device of its own: the SPD is not asked on lo. */
static bool add_device(void)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI };

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	device = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	return device >= 0 && ioctl(device, TUNSETIFF, &request) == 0;
}

static bool add_addresses(void)
{
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int in6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "tun0" };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct in6_ifreq request6 = { .ifr6_prefixlen = 64 };
	bool is_done;

	inet_pton(AF_INET, ends[0].here, &address.sin_addr);
	inet_pton(AF_INET6, ends[1].here, &request6.ifr6_addr);
	memcpy(&request.ifr_addr, &address, sizeof(address));
	is_done = ioctl(in, SIOCSIFADDR, &request) == 0;
	address.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifr_netmask, &address, sizeof(address));
	is_done = is_done && ioctl(in, SIOCSIFNETMASK, &request) == 0;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	is_done = is_done && ioctl(in, SIOCSIFFLAGS, &request) == 0 &&
		  ioctl(in, SIOCGIFINDEX, &request) == 0;
	request6.ifr6_ifindex = request.ifr_ifindex;
	is_done = is_done && ioctl(in6, SIOCSIFADDR, &request6) == 0;
	close(in);
	close(in6);
	return is_done;
}

/* The kernel takes its time to make the IPv6 one good. */
static bool has_addresses(void)
{
	enum { PATIENCE_MS = 10000 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = -1;

	inet_pton(AF_INET6, ends[1].here, &in6.sin6_addr);
	for (int ms = 0; r != 0 && ms < PATIENCE_MS; ms++) {
		r = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
		if (r != 0)
			poll(NULL, 0, 1);
	}
	close(fd);
	return r == 0;
}

static int setup(void **state)
{
	(void)state;
	if (!add_device() || !add_addresses() || !has_addresses() ||
	    pl_ask_open(NETLINK_XFRM, &ask) != 0)
		print_message("# no network of our own, or no XFRM, here\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pl_ask_close(&ask);
	close(device);
	return 0;
}

static void put_address(int family, const char *text, xfrm_address_t *ret)
{
	assert_int_equal(inet_pton(family, text, ret), 1);
}

static struct xfrm_selector selector_of(const struct end *end, bool is_narrow)
{
	struct xfrm_selector ret = {
		.family = (uint16_t)end->family,
		.prefixlen_s = end->family == AF_INET ? 32 : 128,
		.prefixlen_d = end->family == AF_INET ? 32 : 128,
	};

	put_address(end->family, end->here, &ret.saddr);
	put_address(end->family, end->there, &ret.daddr);
	if (is_narrow) {
		ret.proto = IPPROTO_UDP;
		ret.dport = htons(PORT);
		ret.dport_mask = UINT16_MAX;
	}
	return ret;
}

/* Outbound: the narrow one lets pass, the wide one drops. */
static void add_policy(const struct end *end, bool is_narrow)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct xfrm_userpolicy_info *info;

	message->nlmsg_type = XFRM_MSG_NEWPOLICY;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->sel = selector_of(end, is_narrow);
	info->lft.soft_byte_limit = info->lft.hard_byte_limit = XFRM_INF;
	info->lft.soft_packet_limit = info->lft.hard_packet_limit = XFRM_INF;
	info->priority = is_narrow ? NARROW : WIDE;
	info->dir = XFRM_POLICY_OUT;
	info->action = is_narrow ? XFRM_POLICY_ALLOW : XFRM_POLICY_BLOCK;
	assert_int_equal(pl_ask(&ask, message, NULL, NULL), 0);
}

static void remove_narrow_policy(const struct end *end)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct xfrm_userpolicy_id *id;

	message->nlmsg_type = XFRM_MSG_DELPOLICY;
	id = mnl_nlmsg_put_extra_header(message, sizeof(*id));
	id->sel = selector_of(end, true);
	id->dir = XFRM_POLICY_OUT;
	assert_int_equal(pl_ask(&ask, message, NULL, NULL), 0);
}

static int connected(const struct end *end)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int fd = socket(end->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (end->family == AF_INET) {
		inet_pton(AF_INET, end->there, &in.sin_addr);
		assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	} else {
		inet_pton(AF_INET6, end->there, &in6.sin6_addr);
		assert_int_equal(connect(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	}
	return fd;
}

static bool sends(int fd)
{
	ssize_t r = send(fd, "x", 1, MSG_DONTWAIT);

	assert_true(r == 1 || errno == EPERM);
	return r == 1;
}

static void a_socket_asks_the_SPD_again_when_a_policy_that_let_it_pass_is_gone_T9(void **state)
{
	(void)state;
	if (ask.socket == NULL)
		skip();
	for (unsigned i = 0; i < 2; i++) {
		int fd;

		add_policy(&ends[i], false);
		add_policy(&ends[i], true);
		fd = connected(&ends[i]);
		assert_true(sends(fd));
		remove_narrow_policy(&ends[i]);
		/* this is why */
		assert_true(sends(fd));
		assert_int_equal(pl_reroute(&ask), 0);
		assert_false(sends(fd));
		close(fd);
	}
}

static int see_default(void *ctx, const struct nlmsghdr *message)
{
	struct xfrm_userpolicy_default *ret = ctx;

	assert_int_equal(message->nlmsg_type, XFRM_MSG_GETDEFAULT);
	memcpy(ret, mnl_nlmsg_get_payload(message), sizeof(*ret));
	return 0;
}

static int about_default(uint16_t type, struct xfrm_userpolicy_default *policies)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);

	message->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(*policies)), policies,
	       sizeof(*policies));
	return pl_ask(&ask, message, see_default, policies);
}

static void default_policies_stay_as_they_are(void **state)
{
	static const struct xfrm_userpolicy_default rows[] = {
		{ XFRM_USERPOLICY_BLOCK, XFRM_USERPOLICY_ACCEPT, XFRM_USERPOLICY_BLOCK },
		{ XFRM_USERPOLICY_ACCEPT, XFRM_USERPOLICY_BLOCK, XFRM_USERPOLICY_ACCEPT },
	};

	(void)state;
	if (ask.socket == NULL)
		skip();
	for (unsigned i = 0; i < 2; i++) {
		struct xfrm_userpolicy_default policies = rows[i];

		assert_int_equal(about_default(XFRM_MSG_SETDEFAULT, &policies), 0);
		assert_int_equal(pl_reroute(&ask), 0);
		memset(&policies, 0, sizeof(policies));
		assert_int_equal(about_default(XFRM_MSG_GETDEFAULT, &policies), 0);
		assert_memory_equal(&policies, &rows[i], sizeof(policies));
	}
}

static void a_socket_that_is_not_open_is_an_error(void **state)
{
	struct pl_ask closed = { .socket = NULL };

	(void)state;
	assert_int_equal(pl_reroute(&closed), -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_socket_asks_the_SPD_again_when_a_policy_that_let_it_pass_is_gone_T9),
		cmocka_unit_test(default_policies_stay_as_they_are),
		cmocka_unit_test(a_socket_that_is_not_open_is_an_error),
	};

	return cmocka_run_group_tests_name("reroute", tests, setup, teardown);
}
