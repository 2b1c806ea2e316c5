// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * secret-server: accept one TCP connection and stream numbered secrets to it.
 *
 * This is the program on host B in the example of RFC 5660 section 2.3.2. It is an ordinary
 * program that knows nothing of IPsec: whoever the kernel's policies deliver the stream to gets it.
 * With -L it latches its listener and the connection, and says what it learns from that.
 * Each line is numbered, so that a test can tell which lines reached which host, and carries the
 * word "secret", so that a capture can be searched for it.
 *
 * The pace is steady and does not depend on the reader: while nobody acknowledges, lines pile up
 * in the socket's send queue. "acknowledged" in the last line of output is what some peer's TCP
 * confirmed; "sent" includes what still waits in the queue.
 */
#include "shared/program.h"

#include <errno.h>
#include <latch.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

const char usage[] =
	"usage: secret-server [-L] [-i INTERVAL_MS] [-l LINE_BYTES] ADDRESS PORT\n"
	"Accept one TCP connection on ADDRESS PORT and send it a line \"secret NNNNNN ...\" of\n"
	"LINE_BYTES (20 to 1024, default 64) every INTERVAL_MS (1 to 10000, default 5), until the\n"
	"connection ends or, once it is accepted, SIGTERM or SIGINT arrives. Prints:\n"
	"  listening ADDRESS PORT\n"
	"  accepted ADDRESS PORT\n"
	"  ended sent=BYTES acknowledged=BYTES lines=N reason=TEXT\n"
	"With -L (latch), after \"accepted\" and whenever the latch changes:\n"
	"  latched id=N state=STATE protection=SUITE peer=ID\n"
	"  born id=N from=none to=STATE mono_ns=N heard_ns=N reason=TEXT\n"
	"  alert id=N from=STATE to=STATE mono_ns=N heard_ns=N reason=TEXT\n"
	"Exit status: 0 after a connection was served, 2 on a usage or system error.\n";

/* With -L. */
static struct latch *handle;
static uint64_t latch_id;
static bool is_latched;

static void latch_failed(const char *what, int error)
{
	fprintf(stderr, "secret-server: %s: %s\n", what, latch_strerror(error));
	exit(2);
}

static const char *shown(const char *text)
{
	return text == NULL ? "-" : text;
}

static void show_latch(void)
{
	struct latch_info *info;
	int r = latch_inquire(handle, latch_id, &info);

	if (r != 0)
		latch_failed("inquire", r);
	is_latched = latch_info_state(info) == LATCH_STATE_ESTABLISHED;
	printf("latched id=%llu state=%s protection=%s peer=%s\n", (unsigned long long)latch_id,
	       latch_state_name(latch_info_state(info)), shown(latch_info_text(info, "suites")),
	       shown(latch_info_text(info, "peer_id")));
	latch_info_free(info);
}

static void on_event(void *ctx, const struct latch_event *event)
{
	struct timespec now;

	(void)ctx;
	if (event->id != latch_id || latch_id == 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	is_latched = event->to == LATCH_STATE_ESTABLISHED;
	printf("%s id=%llu from=%s to=%s mono_ns=%llu heard_ns=%lld%09ld reason=%s\n",
	       event->from == LATCH_STATE_NONE ? "born" : "alert",
	       (unsigned long long)event->id, latch_state_name(event->from),
	       latch_state_name(event->to), (unsigned long long)event->mono_ns,
	       (long long)now.tv_sec, now.tv_nsec, shown(event->reason));
}

/* The end of the session counts as a break: nobody would tell us. */
static bool may_send(void)
{
	if (handle == NULL)
		return true;
	return latch_dispatch(handle, on_event, NULL) == 0 && is_latched;
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
	if (handle != NULL) {
		uint64_t ids[2];
		int r = latch_listen(handle, fd, 1, NULL, ids);

		if (r != 0)
			latch_failed("latch the listener", r);
	} else if (listen(fd, 1) != 0) {
		die("listen");
	}
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
	int on = 1, fd;

	if (handle != NULL) {
		int r = latch_accept(handle, listener, 0, &fd, &latch_id);

		if (r != 0)
			latch_failed("latch the connection", r);
		if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
			die("getpeername");
	} else {
		fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
		if (fd < 0)
			die("accept");
	}
	if (getnameinfo((struct sockaddr *)&peer, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		die("getnameinfo");
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		die("TCP_NODELAY");
	/* A full send queue must not keep us from noticing that we are to stop. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick)) != 0)
		die("SO_SNDTIMEO");
	printf("accepted %s %s\n", host, port);
	if (handle != NULL)
		show_latch();
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
		if (!may_send())
			return EKEYREVOKED;

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
	/* Whatever ended it, the reason may wait in the session. */
	may_send();
	if (ioctl(fd, SIOCOUTQ, &waiting) != 0)
		waiting = 0;
	printf("ended sent=%lu acknowledged=%lu lines=%lu reason=%s\n", sent,
	       sent - (unsigned long)waiting, lines, stopped ? "stopped" :
	       handle != NULL && !is_latched ? "the latch is not intact any more" : strerror(err));
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = stop };
	long interval_ms = 5, line_bytes = 64;
	bool latches = false;
	int opt;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "i:l:L")) != -1) {
		if (opt == 'i')
			interval_ms = number("bad interval", optarg, 1, 10000);
		else if (opt == 'l')
			line_bytes = number("bad line length", optarg, 20, LINE_MAX_BYTES);
		else if (opt == 'L')
			latches = true;
		else
			bad_usage("cannot use option", argv[optind - 1]);
	}
	if (argc - optind != 2)
		bad_usage("want ADDRESS and PORT, last argument is", argv[argc - 1]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (latches) {
		int r = latch_open(NULL, 0, &handle);

		if (r != 0)
			latch_failed("no latch daemon", r);
	}

	int listener = listen_at(argv[optind], argv[optind + 1]);
	int fd = accept_one(listener);

	close(listener);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	serve(fd, interval_ms, line_bytes);
	close(fd);
	latch_close(handle);
	return 0;
}
