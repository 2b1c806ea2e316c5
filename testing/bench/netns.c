/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netns.h"

#include "bench.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void skip(const char *group, const char *what, int error)
{
	printf("%s  not measured: %s: %s\n", group, what, strerror(error));
	exit(0);
}

void bench_netns(const char *group)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		skip(group, "a network namespace", errno);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bench_check(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0, "loopback");
	close(fd);
}

struct pl_tuple bench_flow(size_t i, size_t nr_hosts)
{
	size_t n = i / nr_hosts, host = i % nr_hosts;

	return (struct pl_tuple) {
		.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local = { 127, 0, 0, 1 },
		.remote = { 127, 0, (uint8_t)(1 + host / 256), (uint8_t)host },
		.local_port = (uint16_t)(2000 + n % 100), .remote_port = (uint16_t)(2000 + n / 100),
	};
}

struct pl_guard *bench_guard(const char *group, size_t nr, size_t nr_hosts)
{
	struct pl_guard_item *items = calloc(3 * nr + 1, sizeof(*items));
	struct pl_guard *guard;
	int r = pl_guard_open(PL_NFT_PART_ALL, &guard);

	bench_check(items != NULL, "no memory");
	if (r != 0)
		skip(group, "netfilter", -r);
	for (size_t i = 0; i < nr; i++) {
		struct pl_tuple tuple = bench_flow(i, nr_hosts);

		items[3 * i] = (struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = tuple };
		items[3 * i + 1] = (struct pl_guard_item) {
			.kind = PL_GUARD_PIN, .tuple = tuple, .pin = { PL_DIR_IN, BENCH_REQID } };
		items[3 * i + 2] = (struct pl_guard_item) {
			.kind = PL_GUARD_PIN, .tuple = tuple, .pin = { PL_DIR_OUT, BENCH_REQID } };
	}
	r = pl_guard_operations()->rebuild(guard, items, 3 * nr);
	free(items);
	if (r == PL_E_UNAVAILABLE)
		skip(group, pl_guard_missing(guard), ENOSYS);
	bench_check(r == 0, "the guard's table");
	return guard;
}
