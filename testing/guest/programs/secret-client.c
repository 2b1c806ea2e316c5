// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * secret-client: connect from a fixed local address and port, and count the secrets received.
 *
 * This is the program on host A in the example of RFC 5660 section 2.3.2: it talks from port 32800
 * to B's port 4000, so that the 5-tuple of the connection is known to everybody, as it is there.
 * It reads lines "secret NNNNNN ..." and checks that they come complete and in order; the number of
 * the last one says which lines this host got, and so which ones it can no longer get when somebody
 * else takes the connection over.
 */
#include "shared/program.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char usage[] =
	"usage: secret-client [-p LINES] LOCAL_ADDRESS LOCAL_PORT ADDRESS PORT\n"
	"Connect from LOCAL_ADDRESS LOCAL_PORT to ADDRESS PORT, read lines \"secret NNNNNN ...\"\n"
	"until the connection ends or SIGTERM or SIGINT arrives. Prints after every LINES lines\n"
	"(default 50) and at the end:\n"
	"  connected ADDRESS PORT\n"
	"  received bytes=BYTES lines=N last=NNNNNN\n"
	"  ended bytes=BYTES lines=N last=NNNNNN reason=TEXT\n"
	"\"last\" is -1 before the first line. Exit status: 0 after a connection with a line and\n"
	"every line in order, 1 when none came or one is missing or foreign, 2 on a usage or\n"
	"system error.\n";

struct count {
	unsigned long bytes, lines;
	long last;
	bool wrong;
};

static int connection = -1;

/* What has arrived is still read; then the stream ends, also for a read that is about to begin. */
static void stop_reading(int sig)
{
	stop(sig);
	shutdown(connection, SHUT_RD);
}

static struct addrinfo *resolve(const char *address, const char *port, int flags)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | flags,
	};
	struct addrinfo *ai;

	number("bad port", port, 1, 65535);
	if (getaddrinfo(address, port, &hints, &ai) != 0)
		bad_usage("not a numeric address", address);
	return ai;
}

static int connect_from(char **argv)
{
	struct addrinfo *local = resolve(argv[0], argv[1], AI_PASSIVE);
	struct addrinfo *remote = resolve(argv[2], argv[3], 0);
	int on = 1;

	if (local->ai_family != remote->ai_family)
		bad_usage("not of the family of the remote address", argv[0]);

	int fd = socket(local->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		die("SO_REUSEADDR");
	if (bind(fd, local->ai_addr, local->ai_addrlen) != 0)
		die("bind");
	if (connect(fd, remote->ai_addr, remote->ai_addrlen) != 0)
		die("connect");
	freeaddrinfo(local);
	freeaddrinfo(remote);
	printf("connected %s %s\n", argv[2], argv[3]);
	return fd;
}

static void count_line(struct count *count, const char *line)
{
	char *end;

	if (strncmp(line, "secret ", 7) != 0) {
		count->wrong = true;
		return;
	}

	long n = strtol(line + 7, &end, 10);

	if (end == line + 7 || n != count->last + 1)
		count->wrong = true;
	count->last = n;
	count->lines++;
	count->bytes += strlen(line);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = stop_reading, .sa_flags = SA_RESTART };
	struct count count = { .last = -1 };
	long every = 50;
	char line[4096];
	int opt;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "p:")) != -1) {
		if (opt != 'p')
			bad_usage("cannot use option", argv[optind - 1]);
		every = number("bad number of lines", optarg, 1, 1000000);
	}
	if (argc - optind != 4)
		bad_usage("want two addresses and ports, last argument is", argv[argc - 1]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	connection = connect_from(argv + optind);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);

	FILE *stream = fdopen(connection, "r");

	if (stream == NULL)
		die("fdopen");
	errno = 0;
	while (fgets(line, sizeof(line), stream) != NULL) {
		if (strchr(line, '\n') == NULL)
			break;	/* half a line: the connection ended inside it */
		count_line(&count, line);
		if (count.lines % every == 0)
			printf("received bytes=%lu lines=%lu last=%06ld\n", count.bytes,
			       count.lines, count.last);
		errno = 0;
	}

	const char *reason = stopped ? "stopped" : errno != 0 ? strerror(errno) : "end of stream";

	printf("ended bytes=%lu lines=%lu last=%06ld reason=%s\n", count.bytes, count.lines,
	       count.last, reason);
	return count.lines > 0 && !count.wrong ? 0 : 1;
}
