/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* latch-echo: one latched TCP connection; the server sends back what the client sends.
 *
 * Both ends latch: one end's latch protects only that end's packets. Both print who the peer is and
 * how the connection is protected, then every record of the daemon, and let go of the connection as
 * soon as its latch breaks.
 */

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <latch.h>

enum { FAILED = 1, USAGE = 2, BROKEN = 5, NO_SERVICE = 8 };

static const char usage[] =
	"usage: latch-echo server|client ADDRESS PORT\n"
	"One latched TCP connection: the client sends its standard input, the server returns it.\n"
	"Prints, one line each:\n"
	"  listening latch=ID\n"
	"  latched latch=ID state=STATE peer=ID auth=HOW protection=SET suites=LIST\n"
	"  event type=TYPE latch=ID from=STATE to=STATE reason=TEXT\n"
	"  ended sent=BYTES received=BYTES reason=TEXT\n"
	"Exit status: 0 when the peer ended it, 1 error, 2 usage, 5 it broke, 8 no daemon.\n";

static struct latch *latch;
static uint64_t id;
static const char *why_over;

static void check(const char *what, int error)
{
	if (error == 0)
		return;
	fprintf(stderr, "latch-echo: %s: %s%s%s\n", what, latch_strerror(error),
		error == LATCH_ERR_SYSTEM ? " " : "",
		error == LATCH_ERR_SYSTEM ? strerror(errno) : "");
	exit(error == LATCH_ERR_SERVICE ? NO_SERVICE : FAILED);
}

static void on_event(void *ctx, const struct latch_event *event)
{
	(void)ctx;
	printf("event type=%s latch=%" PRIu64 " from=%s to=%s reason=%s\n", event->type, event->id,
	       latch_state_name(event->from), latch_state_name(event->to),
	       event->reason == NULL ? "" : event->reason);
	if (event->id == id &&
	    (event->to == LATCH_STATE_BROKEN || event->to == LATCH_STATE_CLOSED))
		why_over = "alert";
}

static const char *text(const struct latch_info *info, const char *key)
{
	const char *value = latch_info_text(info, key);

	return value == NULL ? "" : value;
}

/* A connection that came to a listener may have a latch that was born broken. */
static void describe(void)
{
	struct latch_info *info;

	check("inquire", latch_inquire(latch, id, &info));
	printf("latched latch=%" PRIu64 " state=%s peer=%s auth=%s protection=%s suites=%s\n", id,
	       text(info, "state"), text(info, "peer_id"), text(info, "peer_auth"),
	       text(info, "protection"), text(info, "suites"));
	if (latch_info_state(info) != LATCH_STATE_ESTABLISHED)
		why_over = "not established";
	latch_info_free(info);
}

static struct addrinfo *resolve(const char *address, const char *port)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	}, *found;

	if (getaddrinfo(address, port, &hints, &found) != 0) {
		fprintf(stderr, "latch-echo: %s %s is no address\n%s", address, port, usage);
		exit(USAGE);
	}
	return found;
}

static int serve(int fd, const struct addrinfo *at)
{
	uint64_t ids[2];
	int on = 1, accepted;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0)
		check("bind", LATCH_ERR_SYSTEM);
	check("listen", latch_listen(latch, fd, 1, NULL, ids));
	printf("listening latch=%" PRIu64 "\n", ids[0]);
	check("accept", latch_accept(latch, fd, 0, &accepted, &id));
	close(fd);
	return accepted;
}

/* Takes what is there, and passes it on unless @to is -1. Return: false at the end */
static bool copy(int from, int to, size_t *sum)
{
	char bytes[4096];
	ssize_t got = read(from, bytes, sizeof(bytes)), done = to < 0 ? got : 0, n = 0;

	for (; done < got && n >= 0; done += n > 0 ? n : 0)
		n = send(to, bytes + done, (size_t)(got - done), MSG_NOSIGNAL);
	if (got < 0 || n < 0)
		why_over = strerror(errno);
	*sum += done > 0 ? (size_t)done : 0;
	return got > 0 && n >= 0;
}

static void carry(int fd, bool is_server)
{
	int input = is_server ? -1 : STDIN_FILENO;
	size_t sent = 0, received = 0;
	struct pollfd fds[] = {
		{ .fd = latch_fd(latch), .events = POLLIN }, { .fd = fd, .events = POLLIN },
		{ .fd = input, .events = POLLIN },
	};

	while (why_over == NULL) {
		/* No more on its way than the sockets hold, or both ends wait for each other. */
		fds[2].fd = sent - received < 16384 ? input : -1;
		if (poll(fds, 3, -1) < 0)
			break;
		/* What the daemon says comes first: after an alert nothing else counts. */
		if (fds[0].revents != 0 && latch_dispatch(latch, on_event, NULL) != 0)
			why_over = "the daemon is gone";
		if (why_over != NULL)
			break;
		if (fds[1].revents != 0 && !copy(fd, is_server ? fd : -1, &received))
			break;
		if (fds[2].revents != 0 && !copy(input, fd, &sent)) {
			shutdown(fd, SHUT_WR);
			input = -1;
		}
	}
	/* When a break resets the connection, the reason is there already. */
	if (latch_dispatch(latch, on_event, NULL) != 0 && why_over == NULL)
		why_over = "the daemon is gone";
	close(fd);
	printf("ended sent=%zu received=%zu reason=%s\n", is_server ? received : sent, received,
	       why_over == NULL ? "end" : why_over);
}

int main(int argc, char **argv)
{
	bool is_server = argc == 4 && strcmp(argv[1], "server") == 0;
	struct addrinfo *at;
	int fd;

	if (argc != 4 || (!is_server && strcmp(argv[1], "client") != 0)) {
		fputs(usage, stderr);
		return USAGE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	at = resolve(argv[2], argv[3]);
	check("open", latch_open(NULL, 0, &latch));
	fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
	if (fd < 0)
		check("socket", LATCH_ERR_SYSTEM);
	if (is_server)
		fd = serve(fd, at);
	else
		check("connect", latch_connect(latch, fd, at->ai_addr, at->ai_addrlen, NULL, &id));
	freeaddrinfo(at);
	describe();
	carry(fd, is_server);
	latch = latch_close(latch);
	return why_over == NULL ? 0 : BROKEN;
}
