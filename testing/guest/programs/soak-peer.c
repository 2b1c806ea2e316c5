// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * soak-peer ADDRESS TCP-PORT UDP-PORT: the other end of latch-soak, without IPsec's knowledge.
 *
 * It sends back whatever comes. On a connection, the word "call PORT\n" makes it connect to that
 * port of the peer, from ADDRESS, and "over\n" makes it close first. Who is gone without a word is
 * forgotten when there is no room: the oldest connection is reset. "ready" says that it listens.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENER, DATAGRAMS, FIRST, PEERS_MAX = 200, BYTES_MAX = 2048 };

static struct pollfd fds[FIRST + PEERS_MAX];
static struct sockaddr_in address = { .sin_family = AF_INET };
static unsigned oldest;

static int socket_at(int type, uint16_t port)
{
	int fd = socket(AF_INET, type, 0), one = 1;

	address.sin_port = htons(port);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("soak-peer: socket");
		exit(1);
	}
	return fd;
}

static void drop(struct pollfd *at)
{
	close(at->fd);
	at->fd = -1;
}

/* In the place of the oldest, or of one that is free. */
static void keep(int fd)
{
	struct pollfd *at = &fds[FIRST + oldest++ % PEERS_MAX];
	struct linger reset = { .l_onoff = 1 };

	if (at->fd >= 0) {
		setsockopt(at->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		drop(at);
	}
	*at = (struct pollfd) { .fd = fd, .events = POLLIN };
}

static void call(int from, const char *port)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int fd;

	if (getpeername(from, (struct sockaddr *)&to, &len) != 0)
		return;
	fd = socket_at(SOCK_STREAM | SOCK_NONBLOCK, 0);
	to.sin_port = htons((uint16_t)atoi(port));
	/* What comes of it is seen when it is polled. */
	(void)!connect(fd, (struct sockaddr *)&to, sizeof(to));
	keep(fd);
}

static void serve(struct pollfd *at)
{
	char bytes[BYTES_MAX + 1];
	ssize_t n = recv(at->fd, bytes, BYTES_MAX, MSG_DONTWAIT);
	int fd = at->fd;

	if (n <= 0) {
		drop(at);
		return;
	}
	bytes[n] = '\0';
	if (strncmp(bytes, "over\n", 5) == 0) {
		drop(at);
		return;
	}
	if (send(fd, bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
		drop(at);
	if (strncmp(bytes, "call ", 5) == 0)
		call(fd, bytes + 5);
}

static void send_back(int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char bytes[BYTES_MAX];
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);

	if (n > 0)
		(void)!sendto(fd, bytes, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&from, len);
}

int main(int argc, char **argv)
{
	if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fprintf(stderr, "usage: soak-peer ADDRESS TCP-PORT UDP-PORT\n");
		return 2;
	}
	for (unsigned i = 0; i < FIRST + PEERS_MAX; i++)
		fds[i] = (struct pollfd) { .fd = -1, .events = POLLIN };
	fds[LISTENER].fd = socket_at(SOCK_STREAM, (uint16_t)atoi(argv[2]));
	fds[DATAGRAMS].fd = socket_at(SOCK_DGRAM, (uint16_t)atoi(argv[3]));
	if (listen(fds[LISTENER].fd, 64) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	while (poll(fds, FIRST + PEERS_MAX, -1) > 0) {
		if (fds[DATAGRAMS].revents != 0)
			send_back(fds[DATAGRAMS].fd);
		for (unsigned i = FIRST; i < FIRST + PEERS_MAX; i++) {
			if (fds[i].fd >= 0 && fds[i].revents != 0)
				serve(&fds[i]);
		}
		if (fds[LISTENER].revents != 0) {
			int fd = accept(fds[LISTENER].fd, NULL, NULL);

			if (fd >= 0)
				keep(fd);
		}
	}
	return 1;
}
