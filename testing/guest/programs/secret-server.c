// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * secret-server: accept one TCP connection and stream numbered secrets to it.
 *
 * This is the program on host B in the example of RFC 5660 section 2.3.2. It is an ordinary
 * program that knows nothing of IPsec: whoever the kernel's policies deliver the stream to gets it.
 * Each line is numbered, so that a test can tell which lines reached which host, and carries the
 * word "secret", so that a capture can be searched for it.
 *
 * The pace is steady and does not depend on the reader: while nobody acknowledges, lines pile up
 * in the socket's send queue. "acknowledged" in the last line of output is what some peer's TCP
 * confirmed; "sent" includes what still waits in the queue.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char usage[] =
	"usage: secret-server [-i INTERVAL_MS] [-l LINE_BYTES] ADDRESS PORT\n"
	"Accept one TCP connection on ADDRESS PORT and send it a line \"secret NNNNNN ...\" of\n"
	"LINE_BYTES (20 to 1024, default 64) every INTERVAL_MS (1 to 10000, default 5), until the\n"
	"connection ends or, once it is accepted, SIGTERM or SIGINT arrives. Prints:\n"
	"  listening ADDRESS PORT\n"
	"  accepted ADDRESS PORT\n"
	"  ended sent=BYTES acknowledged=BYTES lines=N reason=TEXT\n"
	"Exit status: 0 after a connection was served, 2 on a usage or system error.\n";

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "secret-server: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "secret-server: %s: '%s'\n%s", what, value, usage);
	exit(2);
}

static long number(const char *what, const char *text, long min, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < min || value > max)
		bad_usage(what, text);
	return value;
}

static int listen_at(const char *address, const char *port)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct addrinfo *ai;
	int on = 1;

	number("bad port", port, 1, 65535);
	if (getaddrinfo(address, port, &hints, &ai) != 0)
		bad_usage("not a numeric address", address);

	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		die("SO_REUSEADDR");
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0)
		die("bind");
	if (listen(fd, 1) != 0)
		die("listen");
	freeaddrinfo(ai);
	printf("listening %s %s\n", address, port);
	return fd;
}

static int accept_one(int listener)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct timeval tick = { .tv_usec = 100000 };
	int on = 1;
	int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	if (getnameinfo((struct sockaddr *)&peer, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		die("getnameinfo");
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		die("TCP_NODELAY");
	/* A full send queue must not keep us from noticing that we are to stop. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick)) != 0)
		die("SO_SNDTIMEO");
	printf("accepted %s %s\n", host, port);
	return fd;
}

static void fill_line(char *line, size_t len, unsigned long number_of_line)
{
	static const char pad[] = "the-quick-brown-fox-";
	int n = snprintf(line, len, "secret %06lu ", number_of_line % 1000000);

	for (size_t i = n; i < len - 1; i++)
		line[i] = pad[(i - n) % (sizeof(pad) - 1)];
	line[len - 1] = '\n';
}

/* Returns 0, or the errno that ended the connection; EINTR when we were told to stop. */
static int send_all(int fd, const char *data, size_t len, unsigned long *sent)
{
	while (len > 0) {
		if (stopped)
			return EINTR;

		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return errno;
		data += n;
		len -= n;
		*sent += n;
	}
	return 0;
}

static void serve(int fd, long interval_ms, size_t line_bytes)
{
	char line[LINE_MAX_BYTES];
	unsigned long lines = 0, sent = 0;
	int waiting = 0, err = 0;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!stopped && err == 0) {
		fill_line(line, line_bytes, lines);
		err = send_all(fd, line, line_bytes, &sent);
		if (err != 0)
			break;
		lines++;
		next.tv_nsec += interval_ms % 1000 * 1000000;
		next.tv_sec += interval_ms / 1000 + next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	if (ioctl(fd, SIOCOUTQ, &waiting) != 0)
		die("SIOCOUTQ");
	printf("ended sent=%lu acknowledged=%lu lines=%lu reason=%s\n", sent,
	       sent - (unsigned long)waiting, lines, stopped ? "stopped" : strerror(err));
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = stop };
	long interval_ms = 5, line_bytes = 64;
	int opt;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "i:l:")) != -1) {
		if (opt == 'i')
			interval_ms = number("bad interval", optarg, 1, 10000);
		else if (opt == 'l')
			line_bytes = number("bad line length", optarg, 20, LINE_MAX_BYTES);
		else
			bad_usage("cannot use option", argv[optind - 1]);
	}
	if (argc - optind != 2)
		bad_usage("want ADDRESS and PORT, last argument is", argv[argc - 1]);

	setvbuf(stdout, NULL, _IOLBF, 0);

	int listener = listen_at(argv[optind], argv[optind + 1]);
	int fd = accept_one(listener);

	close(listener);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	serve(fd, interval_ms, line_bytes);
	return 0;
}
