/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G6: a datagram between two hosts that have 10,000 latched flows, beside the same with an empty
 * guard, and with none. Over loopback, so that each datagram is sent and received, and asked about
 * both times. Where the kernel has ESP, and `ip` can set up an SA, also under ESP, where an outer
 * packet is asked about, too: for a flow that is not latched and for one that is.
 */

#include "bench.h"
#include "netns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { NR = 10000, ROUNDS = 41, PACKETS = 2000, AT_ONCE = 20 };

/* From 127.0.0.HOST to 127.0.1.0, both ends with the same port. From 127.0.0.1 to there, 2000 to
 * 2099 are latched: others that use those ports are asked about more closely. */
static const struct {
	const char *name;
	uint8_t host;
	uint16_t port;
	bool is_esp, is_latched;
} flows[] = {
	{ "clear", 1, 700, false, false },
	{ "clear, a port that has latches", 2, 2000, false, false },
	{ "ESP", 1, 701, true, false },
	{ "ESP, a port that has latches", 2, 2001, true, false },
	{ "ESP, latched", 1, 902, true, true },
};
enum { NR_FLOWS = sizeof(flows) / sizeof(flows[0]) };

struct place {
	const char *name;
	struct pl_guard *guard;
	int from[NR_FLOWS], to[NR_FLOWS];
	struct bench_series cost[NR_FLOWS];
	char names[NR_FLOWS][80];
};

static int open_socket(uint8_t third, uint8_t last, uint16_t port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x7f000000 | third * 256u | last),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	bench_check(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "a socket");
	return fd;
}

static void open_flow(struct place *place, unsigned i)
{
	struct sockaddr_in to;
	struct timeval most = { .tv_sec = 5 };
	socklen_t len = sizeof(to);

	place->from[i] = open_socket(0, flows[i].host, flows[i].port);
	place->to[i] = open_socket(1, 0, flows[i].port);
	bench_check(getsockname(place->to[i], (struct sockaddr *)&to, &len) == 0 &&
		    connect(place->from[i], (struct sockaddr *)&to, len) == 0 &&
		    setsockopt(place->to[i], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0,
		    "connect");
	snprintf(place->names[i], sizeof(place->names[i]), "%s: %s", place->name, flows[i].name);
	place->cost[i].name = place->names[i];
}

/* Both ends of it are here, so it is latched twice. */
static void latch(struct pl_guard *guard, unsigned i)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_tuple tuple = bench_flow(0, 1), back = tuple;
	struct pl_pin out = { PL_DIR_OUT, BENCH_REQID }, in = { PL_DIR_IN, BENCH_REQID };

	tuple.local_port = tuple.remote_port = flows[i].port;
	memcpy(back.local, tuple.remote, sizeof(back.local));
	memcpy(back.remote, tuple.local, sizeof(back.remote));
	back.local_port = back.remote_port = flows[i].port;
	bench_check(ops->guard(guard, &tuple) == 0 && ops->permit(guard, &tuple, &out, 1) == 0 &&
		    ops->guard(guard, &back) == 0 && ops->permit(guard, &back, &in, 1) == 0,
		    "a latch");
}

/* Loopback is without IPsec unless one says so. */
static bool set_up_esp(void)
{
	static const char command[] =
		"{ for f in disable_xfrm disable_policy; do "
		"echo 0 >/proc/sys/net/ipv4/conf/lo/$f; done && "
		"for s in 1 2; do "
		"ip xfrm state add src 127.0.0.$s dst 127.0.1.0 proto esp spi 0x10$s reqid %u "
		"mode transport aead 'rfc4106(gcm(aes))' "
		"0x0123456789abcdef0123456789abcdef01234567 128 && "
		"for p in 701 902 2001; do "
		"ip xfrm policy add src 127.0.0.$s dst 127.0.1.0 proto 17 sport $p dir out "
		"tmpl src 127.0.0.$s dst 127.0.1.0 proto esp reqid %u mode transport; "
		"done || exit 1; done; } 2>/dev/null";
	char text[sizeof(command) + 16];

	snprintf(text, sizeof(text), command, BENCH_REQID, BENCH_REQID);
	return system(text) == 0;
}

/* A namespace with a guard of @nr latches; -1 is none. Return: ESP is there. */
static bool settle(struct place *place, const char *name, long nr)
{
	bool has_esp;

	bench_netns("G6");
	has_esp = set_up_esp();
	place->name = name;
	place->guard = nr < 0 ? NULL : bench_guard("G6", (size_t)nr, 1);
	for (unsigned i = 0; i < NR_FLOWS; i++) {
		open_flow(place, i);
		if (nr > 0 && flows[i].is_latched)
			latch(place->guard, i);
	}
	return has_esp;
}

static bool cpu_time_is_fine;

/* CPU time, unless it comes in ticks: as in user-mode-linux. */
static uint64_t now_ns(void)
{
	return cpu_time_is_fine ? bench_cpu_ns() : bench_wall_ns();
}

static void choose_clock(void)
{
	uint64_t first = bench_cpu_ns(), next;

	do {
		next = bench_cpu_ns();
	} while (next == first);
	cpu_time_is_fine = next - first < 100000;
}

/* Many with one call: a system call costs a user-mode-linux more than a packet. */
static void measure(struct place *place, unsigned i)
{
	static char text[64];
	struct iovec at = { .iov_base = text, .iov_len = sizeof(text) };
	struct mmsghdr packets[AT_ONCE];
	uint64_t begin;

	memset(packets, 0, sizeof(packets));
	for (unsigned n = 0; n < AT_ONCE; n++) {
		packets[n].msg_hdr.msg_iov = &at;
		packets[n].msg_hdr.msg_iovlen = 1;
	}
	begin = now_ns();
	for (unsigned n = 0; n < PACKETS; n += AT_ONCE) {
		bench_check(sendmmsg(place->from[i], packets, AT_ONCE, 0) == AT_ONCE,
			    "a datagram was not sent");
		bench_check(recvmmsg(place->to[i], packets, AT_ONCE, 0, NULL) == AT_ONCE,
			    "a datagram was lost");
	}
	bench_note(&place->cost[i], (double)(now_ns() - begin) / PACKETS);
}

int main(void)
{
	static struct place none, empty, full;
	bool has_esp = settle(&none, "no guard", -1);

	choose_clock();
	settle(&empty, "no latches", 0);
	settle(&full, "10k latches", NR);
	if (!has_esp)
		printf("G6  not measured: ESP, which cannot be set up here\n");
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < NR_FLOWS; i++) {
			if (flows[i].is_esp && !has_esp)
				continue;
			measure(&none, i);
			measure(&empty, i);
			measure(&full, i);
		}
	}
	for (unsigned i = 0; i < NR_FLOWS; i++) {
		if (flows[i].is_esp && !has_esp)
			continue;
		bench_ratio_at_most("G6", "a packet, 10k latches / no latch", &full.cost[i],
				    &empty.cost[i], 1.3);
		bench_ratio_at_most("G6", "a packet, 10k latches / no guard", &full.cost[i],
				    &none.cost[i], 1.3);
	}
	pl_guard_close(empty.guard);
	pl_guard_close(full.guard);
	return 0;
}
