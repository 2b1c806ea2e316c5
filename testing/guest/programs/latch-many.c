// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latch-many NUMBER LOCAL PEER: latch that many connections of UDP with one peer, and keep them.
 *
 * Each is a socket of its own: from port 10000 of the address LOCAL on, 50,000 ports of it, then
 * from those of the next address; all to port 9 of PEER. Nothing is sent. "ready" says that all
 * of them are latched; from then on each record of the session is a line. It ends with a signal.
 */
#include <arpa/inet.h>
#include <latch.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { PORT_FIRST = 10000, PORTS = 50000, PORT_PEER = 9, PROGRESS = 10000 };

/* Of connection @n, 0 to NUMBER - 1. */
static int latch_one(struct latch *latch, uint32_t n, struct in_addr local, struct in_addr peer)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = peer };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint64_t id;

	from.sin_addr.s_addr = htonl(ntohl(local.s_addr) + n / PORTS);
	from.sin_port = htons((uint16_t)(PORT_FIRST + n % PORTS));
	to.sin_port = htons(PORT_PEER);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		return LATCH_ERR_SYSTEM;
	return latch_connect(latch, fd, (struct sockaddr *)&to, sizeof(to), NULL, &id);
}

static void show(void *ctx, const struct latch_event *event)
{
	(void)ctx;
	printf("%s\n", event->json);
	fflush(stdout);
}

static int listen_to(struct latch *latch)
{
	struct pollfd events = { .fd = latch_fd(latch), .events = POLLIN };

	for (;;) {
		int error = latch_dispatch(latch, show, NULL);

		if (error != 0) {
			printf("the session ended: %s\n", latch_strerror(error));
			return 1;
		}
		poll(&events, 1, -1);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = { 1 << 20, 1 << 20 };
	struct in_addr local, peer;
	struct latch *latch;
	uint32_t nr;
	int error;

	if (argc != 4 || inet_pton(AF_INET, argv[2], &local) != 1 ||
	    inet_pton(AF_INET, argv[3], &peer) != 1) {
		fprintf(stderr, "usage: latch-many NUMBER LOCAL PEER\n");
		return 2;
	}
	nr = (uint32_t)strtoul(argv[1], NULL, 10);
	setrlimit(RLIMIT_NOFILE, &files);
	error = latch_open(NULL, LATCH_OPEN_NO_RESUME, &latch);
	for (uint32_t n = 0; n < nr && error == 0; n++) {
		error = latch_one(latch, n, local, peer);
		if (error == 0 && n % PROGRESS == 0) {
			printf("%u\n", n);
			fflush(stdout);
			error = latch_dispatch(latch, NULL, NULL);
		}
	}
	if (error != 0) {
		fprintf(stderr, "latch-many: %s\n", latch_strerror(error));
		perror("latch-many: the last call");
		return 1;
	}
	if (latch_dispatch(latch, NULL, NULL) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	return listen_to(latch);
}
