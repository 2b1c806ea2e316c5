/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G6, as far as the guard's rules go: a datagram of a flow that is not latched, between two hosts
 * that have 10,000 latched flows, beside the same with an empty guard, and with none. Over
 * loopback, so that each datagram is sent and received, and asked about both times; without ESP,
 * so that what a pin costs is not in it.
 */

#include "bench.h"
#include "netns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NR = 10000, ROUNDS = 15, PACKETS = 20000, PORT = 900 };

struct place {
	struct pl_guard *guard;
	int from, to;
	struct bench_series cost;
};

static int open_socket(uint8_t third)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (third == 0 ? 1 : third * 256u)),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	bench_check(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "a socket");
	return fd;
}

/* A namespace with a guard of @nr latches; -1 is none. */
static void settle(struct place *place, const char *name, long nr)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);

	bench_netns("G6");
	place->cost.name = name;
	place->guard = nr < 0 ? NULL : bench_guard("G6", (size_t)nr, 1);
	place->from = open_socket(0);
	place->to = open_socket(1);
	bench_check(getsockname(place->to, (struct sockaddr *)&to, &len) == 0 &&
		    connect(place->from, (struct sockaddr *)&to, len) == 0, "connect");
}

static void measure(struct place *place)
{
	uint64_t begin = bench_cpu_ns();
	char text[64] = "";

	for (unsigned i = 0; i < PACKETS; i++) {
		bench_check(send(place->from, text, sizeof(text), 0) == (ssize_t)sizeof(text) &&
			    recv(place->to, text, sizeof(text), MSG_DONTWAIT) ==
			    (ssize_t)sizeof(text), "a datagram was lost");
	}
	bench_note(&place->cost, (double)(bench_cpu_ns() - begin) / PACKETS);
}

int main(void)
{
	static struct place none, empty, full;

	settle(&none, "no guard: a datagram sent and received", -1);
	settle(&empty, "a guard without latches", 0);
	settle(&full, "10,000 latches between the same hosts", NR);
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure(&none);
		measure(&empty);
		measure(&full);
	}
	bench_ratio_at_most("G6", "a packet, 10k latches / no latch (rules only, no ESP)",
			    &full.cost, &empty.cost, 1.3);
	bench_ratio_at_most("G6", "a packet, 10k latches / no guard (rules only, no ESP)",
			    &full.cost, &none.cost, 1.3);
	pl_guard_close(empty.guard);
	pl_guard_close(full.guard);
	return 0;
}
