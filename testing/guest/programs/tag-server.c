// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tag-server: a UDP server with one socket for all of its peers, whose datagrams have tags.
 *
 * Commands come and are answered as those of latch-tool, with the same log on stderr: "ok ...", or
 * "error NAME ...". ID is a tag, MS a deadline.
 */
#include <errno.h>
#include <latch.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: tag-server    (commands on stdin)\n"
	"  open | listen ADDRESS PORT (of all of the server's life)\n"
	"  recv MS (\"ok ID ADDRESS PORT WORD\" or \"ok nothing\")\n"
	"  send ID ADDRESS PORT WORD (ADDRESS -: the peer of the tag) | flow ADDRESS PORT\n"
	"  get ID KEY | wait ID STATE MS | release ID | close | quit\n";

enum { WORDS_MAX = 6, LINE_BYTES = 4096 };

static struct latch *session;
static int server = -1;

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000 + (unsigned long long)now.tv_nsec;
}

__attribute__((format(printf, 1, 2)))
static void answer(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printf("%s\n", line);
	fprintf(stderr, "%llu < %s\n", now_ns(), line);
}

/* What went wrong; errno is of this call. */
static void answer_error(int error)
{
	const char *name = latch_error_name(error);
	int err = errno;

	if (error == LATCH_ERR_SYSTEM)
		answer("error %s %s", strerrorname_np(err), strerror(err));
	else
		answer("error %s %s", name, latch_strerror(error));
}

static void answer_id(int error, uint64_t id)
{
	if (error != 0)
		answer_error(error);
	else
		answer("ok %llu", (unsigned long long)id);
}

static bool read_address(char **argv, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *ai;

	if (getaddrinfo(argv[0], argv[1], &hints, &ai) != 0) {
		answer("error usage: no address and port: %s %s", argv[0], argv[1]);
		return false;
	}
	memcpy(ret, ai->ai_addr, ai->ai_addrlen);
	*ret_len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return true;
}

static void show(void *ctx, const struct latch_event *event)
{
	(void)ctx;
	fprintf(stderr, "event {\"heard_ns\":%llu,\"sent_ns\":0,\"record\":%s}\n", now_ns(),
		event->json);
}

static void hear(void)
{
	if (session != NULL && latch_dispatch(session, show, NULL) != 0) {
		fprintf(stderr, "event {\"heard_ns\":%llu,\"sent_ns\":0,"
			"\"record\":{\"type\":\"end\"}}\n", now_ns());
		session = latch_close(session);
	}
}

/* Commands; argv[0] is the command, missing words are empty. */

static void cmd_open(char **argv)
{
	int r = latch_open(NULL, 0, &session);

	(void)argv;
	if (r != 0)
		answer_error(r);
	else
		answer("ok");
}

static void cmd_listen(char **argv)
{
	struct sockaddr_storage at;
	uint64_t ids[2];
	socklen_t len;
	int on = 1, r;

	if (!read_address(argv + 1, &at, &len))
		return;
	server = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (server < 0 || (at.ss_family == AF_INET6 &&
			   setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(server, (struct sockaddr *)&at, len) < 0) {
		answer_error(LATCH_ERR_SYSTEM);
		return;
	}
	r = latch_listen(session, server, 0, NULL, ids);
	answer_id(r, r == 0 ? ids[0] : 0);
}

static void cmd_recv(char **argv)
{
	char text[1024], host[64], port[16];
	struct sockaddr_storage from;
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
	};
	struct pollfd arrives = { .fd = server, .events = POLLIN };
	uint64_t id;
	size_t n;
	int r;

	if (poll(&arrives, 1, atoi(argv[1])) <= 0) {
		answer("ok nothing");
		return;
	}
	r = latch_recvmsg(session, server, &message, MSG_DONTWAIT, &n, &id);
	if (r != 0) {
		answer_error(r);
		return;
	}
	if (getnameinfo((struct sockaddr *)&from, message.msg_namelen, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		abort();
	answer("ok %llu %s %s %.*s", (unsigned long long)id, host, port, (int)n, text);
}

static void cmd_send(char **argv)
{
	struct sockaddr_storage to;
	struct iovec iov = { argv[4], strlen(argv[4]) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t n;
	int r;

	if (argv[2][0] != '-') {
		if (!read_address(argv + 2, &to, &message.msg_namelen))
			return;
		message.msg_name = &to;
	}
	r = latch_sendmsg(session, server, strtoull(argv[1], NULL, 10), &message, 0, &n);
	if (r != 0)
		answer_error(r);
	else
		answer("ok %zu", n);
}

static void cmd_flow(char **argv)
{
	struct sockaddr_storage to;
	socklen_t len;
	uint64_t id = 0;
	int r;

	if (!read_address(argv + 1, &to, &len))
		return;
	r = latch_flow(session, server, (struct sockaddr *)&to, len, NULL, &id);
	answer_id(r, id);
}

static void cmd_get(char **argv)
{
	struct latch_info *info;
	const char *text;
	int r = latch_inquire(session, strtoull(argv[1], NULL, 10), &info);

	if (r != 0) {
		answer_error(r);
		return;
	}
	text = latch_info_text(info, argv[2]);
	answer("ok %s", text == NULL ? "(none)" : text);
	latch_info_free(info);
}

static void cmd_wait(char **argv)
{
	enum latch_state state, wanted = LATCH_STATE_CLOSED;
	int r;

	while (wanted > LATCH_STATE_NONE && strcmp(latch_state_name(wanted), argv[2]) != 0)
		wanted--;
	r = latch_wait(session, strtoull(argv[1], NULL, 10), 1u << wanted, atoi(argv[3]), &state);
	if (r != 0)
		answer_error(r);
	else
		answer("ok %s", latch_state_name(state));
}

static void cmd_release(char **argv)
{
	uint64_t id = strtoull(argv[1], NULL, 10);

	answer_id(latch_release(session, id), id);
}

static void cmd_close(char **argv)
{
	(void)argv;
	close(server);
	server = -1;
	answer("ok");
}

static void cmd_quit(char **argv)
{
	(void)argv;
	answer("ok");
	exit(0);
}

static const struct {
	const char *name;
	void (*run)(char **argv);
} commands[] = {
	{ "open", cmd_open }, { "listen", cmd_listen }, { "recv", cmd_recv },
	{ "send", cmd_send }, { "flow", cmd_flow }, { "get", cmd_get }, { "wait", cmd_wait },
	{ "release", cmd_release }, { "close", cmd_close }, { "quit", cmd_quit },
};

static void obey(char *line)
{
	static char none[] = "";
	char *argv[WORDS_MAX + 1], *rest = line;

	fprintf(stderr, "%llu > %s\n", now_ns(), line);
	for (int i = 0; i <= WORDS_MAX; i++) {
		char *word = i == WORDS_MAX ? NULL : strsep(&rest, " ");

		argv[i] = word == NULL ? none : word;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) == 0) {
			commands[i].run(argv);
			return;
		}
	}
	answer("error usage: no command %s", argv[0]);
}

int main(int argc, char **argv)
{
	static char line[LINE_BYTES];
	size_t len = 0;

	(void)argv;
	if (argc != 1) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stderr, NULL, _IOLBF, 0);
	for (;;) {
		struct pollfd polls[2] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = session == NULL ? -1 : latch_fd(session), .events = POLLIN },
		};

		poll(polls, 2, -1);
		if (polls[1].revents != 0)
			hear();
		if (polls[0].revents == 0)
			continue;
		/* one line at a time: what follows stays with whoever wrote it */
		if (read(STDIN_FILENO, line + len, 1) != 1 || len == sizeof(line) - 1)
			return 0;
		if (line[len++] != '\n')
			continue;
		line[len - 1] = '\0';
		len = 0;
		obey(line);
		hear();
	}
}
