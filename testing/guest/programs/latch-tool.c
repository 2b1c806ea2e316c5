// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latch-tool: sockets and latches by word of command, for scenarios.
 *
 * Reads commands from stdin, one per line, and answers each with one line on stdout: "ok ..." or
 * "error NAME ...", NAME being that of a liblatch error or of an errno. stderr is a log of all of
 * it, and of the session's records as soon as they come:
 *	event {"heard_ns":N,"sent_ns":N,"record":{...}}
 * heard_ns is CLOCK_MONOTONIC of the reading, sent_ns of the moment when the kernel took the record
 * from the daemon (0: unknown); a session that the daemon ended is the record {"type":"end"}.
 *
 * All sockets are non-blocking; what waits has a deadline and hears records meanwhile.
 */
#include <errno.h>
#include <latch.h>
#include <linux/sctp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared/stream.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static const char usage[] =
	"usage: latch-tool    (commands on stdin; SOCK is a name of your choice, MS a deadline)\n"
	"  open [watch|resume] | session-close | quit\n"
	"  socket SOCK tcp|udp|mptcp|sctp|unix 4|6 | buffer SOCK BYTES | close SOCK\n"
	"  seq SOCK (of the next byte of TCP to send)\n"
	"  bind SOCK ADDRESS PORT | connect SOCK ADDRESS PORT [MS]\n"
	"  bind-more|bind-less SOCK ADDRESS PORT (of SCTP)\n"
	"  listen SOCK | accept LISTENER SOCK [MS] | rename SOCK NEW\n"
	"  send SOCK COUNT WORD | recv SOCK MS\n"
	"  stream SOCK (random bytes both ways from now on, see shared/stream.h)\n"
	"  streamed SOCK BYTES MS (wait until it has received so many more; \"ok BYTES\" in all)\n"
	"  stream-stop SOCK (send no more) | stream-end SOCK (of both directions)\n"
	"  latch SOCK [WISH...] | latch-connect SOCK ADDRESS PORT [WISH...]\n"
	"  latch-listen SOCK [WISH...] | latch-accept LISTENER SOCK [MS]\n"
	"  id SOCK | inquire SOCK|ID | get SOCK|ID KEY | find SOCK | list | wait SOCK|ID STATE MS\n"
	"  release|unprotect SOCK|ID | break|shut SOCK|ID REASON\n"
	"WISH: late may-be-broken wait reset confidentiality key=BITS tunnel transport\n"
	"      narrow suite=esp,aes_gcm_16-256 setup=MS peer=ID (no blanks)\n"
	"recv answers \"ok data WORD\", \"ok end\" or \"ok nothing\"; send \"ok BYTES\"; what\n"
	"makes latches \"ok ID\"; stream-end \"ok SENT SUM RECEIVED SUM\".\n";

enum { WORDS_MAX = 12, SOCKETS_MAX = 64, LINE_BYTES = 4096, DEADLINE_MS = 10000 };

struct sock {
	char name[16];
	int fd;
	uint64_t id;
	struct stream *stream;
};

static struct sock socks[SOCKETS_MAX];
static struct latch *session;
static int records = -1;	/* the session's socket, which belongs to the library */
static bool is_over = true;	/* there is none, or the daemon ended it */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Answers */

__attribute__((format(printf, 1, 2)))
static void answer(const char *format, ...)
{
	char line[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printf("%s\n", line);
	fprintf(stderr, "%llu < %s\n", (unsigned long long)now_ns(CLOCK_MONOTONIC), line);
}

static void answer_errno(int err)
{
	const char *name = strerrorname_np(err);

	answer("error %s %s", name == NULL ? "?" : name, strerror(err));
}

static void answer_error(int error)
{
	const char *name = latch_error_name(error);
	int err = errno;

	if (error == LATCH_ERR_SYSTEM)
		answer("error LATCH_ERR_SYSTEM %s", strerrorname_np(err));
	else
		answer("error %s %s", name == NULL ? "?" : name, latch_strerror(error));
}

/* Of a call that has an errno */
static void answer_call(int r)
{
	if (r < 0)
		answer_errno(errno);
	else
		answer("ok");
}

static void answer_id(int error, uint64_t id)
{
	if (error != 0)
		answer_error(error);
	else
		answer("ok %llu", (unsigned long long)id);
}

/* Sockets */

static struct sock *find(const char *name)
{
	for (int i = 0; i < SOCKETS_MAX; i++) {
		if (strcmp(socks[i].name, name) == 0)
			return &socks[i];
	}
	return NULL;
}

static struct sock *get(const char *name)
{
	struct sock *sock = name[0] == '\0' ? NULL : find(name);

	if (sock == NULL)
		answer("error usage: no socket %s", name);
	return sock;
}

static void keep(const char *name, int fd, uint64_t id)
{
	struct sock *sock = find(name);

	if (sock == NULL)
		sock = find("");
	if (sock == NULL || strlen(name) >= sizeof(sock->name)) {
		answer("error usage: no room for socket %s", name);
		close(fd);
		return;
	}
	strcpy(sock->name, name);
	sock->fd = fd;
	sock->id = id;
	answer_id(0, id);
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

/* Records of the session */

/* latch_fd() need not be it: the only socket of packets that this program has. */
static void find_records(void)
{
	int type, on = 1;
	socklen_t len = sizeof(type);

	for (records = 255; records >= 0; records--) {
		if (getsockopt(records, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_SEQPACKET)
			break;
	}
	setsockopt(records, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

/* CLOCK_MONOTONIC of a CLOCK_REALTIME; not when somebody else ran between the two readings. */
static uint64_t mono_of(uint64_t real_ns)
{
	uint64_t real, before, after;

	do {
		before = now_ns(CLOCK_MONOTONIC);
		real = now_ns(CLOCK_REALTIME);
		after = now_ns(CLOCK_MONOTONIC);
	} while (after - before > 50000);
	return before - (real - real_ns);
}

/* When the kernel took the first record that waits; CLOCK_MONOTONIC. */
static uint64_t sent_ns(void)
{
	char byte, control[256];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct timespec at;

	if (recvmsg(records, &msg, MSG_PEEK | MSG_DONTWAIT) < 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		return mono_of((uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec);
	}
	return 0;
}

static void say_event(uint64_t sent, const char *json)
{
	fprintf(stderr, "event {\"heard_ns\":%llu,\"sent_ns\":%llu,\"record\":%s}\n",
		(unsigned long long)now_ns(CLOCK_MONOTONIC), (unsigned long long)sent, json);
}

static void show(void *ctx, const struct latch_event *event)
{
	uint64_t *sent = ctx;

	say_event(*sent, event->json);
	*sent = 0;	/* it is known of the first record only */
}

static void hear(void)
{
	uint64_t sent;

	if (is_over)
		return;
	sent = sent_ns();
	if (latch_dispatch(session, show, &sent) == 0)
		return;
	is_over = true;
	say_event(0, "{\"type\":\"end\"}");
}

/* Returns whether @fd is ready before the time is over. */
static bool await(int fd, short events, int ms)
{
	uint64_t end = now_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000;

	for (;;) {
		uint64_t now = now_ns(CLOCK_MONOTONIC);
		struct pollfd polls[2] = {
			{ .fd = fd, .events = events },
			{ .fd = is_over ? -1 : latch_fd(session), .events = POLLIN },
		};

		if (poll(polls, 2, now >= end ? 0 : (int)((end - now + 999999) / 1000000)) < 0)
			return false;
		if (polls[1].revents != 0)
			hear();
		if (polls[0].revents != 0)
			return true;
		if (now >= end)
			return false;
	}
}

/* Commands of plain sockets. argv[0] is the command; missing words are empty. */

static void cmd_socket(char **argv)
{
	int family = strcmp(argv[2], "unix") == 0 ? AF_UNIX :
		     argv[3][0] == '6' ? AF_INET6 : AF_INET;
	int type = strcmp(argv[2], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	int protocol = strcmp(argv[2], "mptcp") == 0 ? IPPROTO_MPTCP :
		       strcmp(argv[2], "sctp") == 0 ? IPPROTO_SCTP : 0;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	int on = 1;

	if (fd < 0) {
		answer_errno(errno);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (type == SOCK_STREAM && protocol != IPPROTO_SCTP)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	keep(argv[1], fd, 0);
}

static void cmd_buffer(char **argv)
{
	struct sock *sock = get(argv[1]);
	int bytes = atoi(argv[2]);
	socklen_t len = sizeof(bytes);

	if (sock != NULL)
		answer_call(setsockopt(sock->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, len));
}

static void cmd_bind(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct sockaddr_storage to;
	socklen_t len;

	if (sock != NULL && read_address(argv + 2, &to, &len))
		answer_call(bind(sock->fd, (struct sockaddr *)&to, len));
}

/* A further address of a socket of SCTP, or one less. */
static void cmd_bindx(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct sockaddr_storage to;
	socklen_t len;

	if (sock != NULL && read_address(argv + 2, &to, &len))
		answer_call(setsockopt(sock->fd, IPPROTO_SCTP, strcmp(argv[0], "bind-more") == 0 ?
				       SCTP_SOCKOPT_BINDX_ADD : SCTP_SOCKOPT_BINDX_REM, &to, len));
}

static int deadline(const char *word)
{
	return word[0] == '\0' ? DEADLINE_MS : atoi(word);
}

/* Answers only when it did not work. */
static bool is_connected(int fd, int ms)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (!await(fd, POLLOUT, ms))
		err = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0)
		answer_errno(err);
	return err == 0;
}

static void cmd_connect(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct sockaddr_storage to;
	socklen_t len;

	if (sock == NULL || !read_address(argv + 2, &to, &len))
		return;
	if (connect(sock->fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
		answer_errno(errno);
	else if (is_connected(sock->fd, deadline(argv[4])))
		answer("ok");
}

static void cmd_listen(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock != NULL)
		answer_call(listen(sock->fd, 16));
}

static struct sock *get_pending(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock != NULL && !await(sock->fd, POLLIN, deadline(argv[3]))) {
		answer("error EAGAIN nobody came");
		return NULL;
	}
	return sock;
}

static void cmd_accept(char **argv)
{
	struct sock *sock = get_pending(argv);
	int fd;

	if (sock == NULL)
		return;
	fd = accept4(sock->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		answer_errno(errno);
	else
		keep(argv[2], fd, 0);
}

static void cmd_send(char **argv)
{
	struct sock *sock = get(argv[1]);
	unsigned long long sent = 0;

	if (sock == NULL)
		return;
	for (long i = atol(argv[2]); i > 0; i--) {
		ssize_t n = send(sock->fd, argv[3], strlen(argv[3]), MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && await(sock->fd, POLLOUT, 1000)) {
			i++;
			continue;
		}
		if (n < 0) {
			answer_errno(errno);
			return;
		}
		sent += (unsigned long long)n;
	}
	answer("ok %llu", sent);
}

static void cmd_recv(char **argv)
{
	struct sock *sock = get(argv[1]);
	char text[1024];
	ssize_t n;

	if (sock == NULL)
		return;
	if (!await(sock->fd, POLLIN, atoi(argv[2]))) {
		answer("ok nothing");
		return;
	}
	n = recv(sock->fd, text, sizeof(text), 0);
	if (n < 0)
		answer_errno(errno);
	else if (n == 0)
		answer("ok end");
	else
		answer("ok data %.*s", (int)n, text);
}

static void cmd_stream(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock == NULL)
		return;
	sock->stream = stream_start(sock->fd);
	answer_call(sock->stream == NULL ? -1 : 0);
}

static struct stream *get_stream(const char *name)
{
	struct sock *sock = get(name);

	if (sock != NULL && sock->stream == NULL)
		answer("error usage: no stream %s", name);
	return sock == NULL ? NULL : sock->stream;
}

/* Answers when it is not so in time. */
static bool has_streamed(const struct stream *stream, uint64_t received, int ms)
{
	uint64_t end = now_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000;

	while (!stream->is_over && stream->received < received) {
		if (now_ns(CLOCK_MONOTONIC) >= end)
			break;
		await(-1, 0, 10);
	}
	if (stream->error != 0)
		answer_errno(stream->error);
	else if (stream->received < received && !stream->is_over)
		answer_errno(ETIMEDOUT);
	return stream->error == 0 && (stream->received >= received || stream->is_over);
}

static void cmd_streamed(char **argv)
{
	const struct stream *stream = get_stream(argv[1]);

	if (stream != NULL &&
	    has_streamed(stream, stream->received + strtoull(argv[2], NULL, 10), atoi(argv[3])))
		answer("%s %llu", stream->is_over ? "error EPIPE it is over" : "ok",
		       (unsigned long long)stream->received);
}

static void cmd_stream_stop(char **argv)
{
	struct stream *stream = get_stream(argv[1]);

	if (stream == NULL)
		return;
	stream->is_stopping = true;
	answer("ok");
}

static void cmd_stream_end(char **argv)
{
	struct stream *stream = get_stream(argv[1]);

	if (stream == NULL || !has_streamed(stream, UINT64_MAX, DEADLINE_MS))
		return;
	answer("ok %llu %016llx %llu %016llx", (unsigned long long)stream->sent,
	       (unsigned long long)stream->sent_sum, (unsigned long long)stream->received,
	       (unsigned long long)stream->received_sum);
	stream_free(stream);
	find(argv[1])->stream = NULL;
}

static void cmd_close(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock == NULL)
		return;
	answer_call(close(sock->fd));
	memset(sock, 0, sizeof(*sock));
}

static void cmd_rename(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock == NULL)
		return;
	if (argv[2][0] == '\0' || strlen(argv[2]) >= sizeof(sock->name) || find(argv[2]) != NULL) {
		answer("error usage: not %s", argv[2]);
		return;
	}
	strcpy(sock->name, argv[2]);
	answer("ok");
}

static void cmd_seq(char **argv)
{
	struct sock *sock = get(argv[1]);
	int on = 1, off = -1, queue = 2;	/* TCP_REPAIR_OFF_NO_WP, TCP_SEND_QUEUE */
	uint32_t seq;
	socklen_t len = sizeof(seq);

	if (sock == NULL)
		return;
	if (setsockopt(sock->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0 ||
	    setsockopt(sock->fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) < 0 ||
	    getsockopt(sock->fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, &len) < 0 ||
	    setsockopt(sock->fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) < 0)
		answer_errno(errno);
	else
		answer("ok %u", seq);
}

/* Commands of latches */

static void cmd_open(char **argv)
{
	unsigned flags = strcmp(argv[1], "watch") == 0 ? LATCH_OPEN_WATCH : 0;
	int r = latch_open(NULL, flags | (strcmp(argv[1], "resume") == 0 ? 0 :
					  LATCH_OPEN_NO_RESUME), &session);

	if (r != 0) {
		answer_error(r);
		return;
	}
	is_over = false;
	find_records();
	answer("ok");
}

static void cmd_session_close(char **argv)
{
	(void)argv;
	session = latch_close(session);
	is_over = true;
	answer("ok");
}

/* Words are parted by blanks: here they are commas. */
static const char *suite_of(char *word)
{
	for (char *c = word; *c != '\0'; c++) {
		if (*c == ',')
			*c = ' ';
	}
	return word;
}

static struct latch_request wishes(char **argv)
{
	struct latch_request request = { .size = sizeof(request) };

	for (; argv[0][0] != '\0'; argv++) {
		if (strcmp(argv[0], "late") == 0)
			request.late = true;
		else if (strcmp(argv[0], "may-be-broken") == 0)
			request.may_be_broken = true;
		else if (strcmp(argv[0], "narrow") == 0)
			request.narrow = true;
		else if (strcmp(argv[0], "bypass") == 0)
			request.bypass = true;
		else if (strncmp(argv[0], "suite=", 6) == 0)
			request.suite = suite_of(argv[0] + 6);
		else if (strncmp(argv[0], "peer=", 5) == 0)
			request.peer = argv[0] + 5;
		else if (strncmp(argv[0], "setup=", 6) == 0)
			request.wait_ms = (uint32_t)atoi(argv[0] + 6);
		else if (strcmp(argv[0], "wait") == 0)
			request.disposition = LATCH_DISPOSITION_WAIT;
		else if (strcmp(argv[0], "reset") == 0)
			request.disposition = LATCH_DISPOSITION_RESET;
		else if (strcmp(argv[0], "confidentiality") == 0)
			request.protection = LATCH_CONFIDENTIALITY | LATCH_INTEGRITY;
		else if (strcmp(argv[0], "tunnel") == 0 || strcmp(argv[0], "transport") == 0)
			request.mode = argv[0][1] == 'u' ? LATCH_MODE_TUNNEL : LATCH_MODE_TRANSPORT;
		else if (strncmp(argv[0], "key=", 4) == 0)
			request.min_key_bits = (uint16_t)atoi(argv[0] + 4);
	}
	return request;
}

static void cmd_latch(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct latch_request request = wishes(argv + 2);
	uint64_t id = 0;
	int r;

	if (sock == NULL)
		return;
	r = latch_latch(session, sock->fd, &request, &id);
	if (r == 0)
		sock->id = id;
	answer_id(r, id);
}

static void cmd_latch_connect(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct latch_request request = wishes(argv + 4);
	struct sockaddr_storage to;
	socklen_t len;
	int r;

	if (sock == NULL || !read_address(argv + 2, &to, &len))
		return;
	r = latch_connect(session, sock->fd, (struct sockaddr *)&to, len, &request, &sock->id);
	if (r != 0 || is_connected(sock->fd, DEADLINE_MS))
		answer_id(r, sock->id);
}

static void cmd_latch_listen(char **argv)
{
	struct sock *sock = get(argv[1]);
	struct latch_request request = wishes(argv + 2);
	uint64_t ids[2] = { 0, 0 };
	int r;

	if (sock == NULL)
		return;
	r = latch_listen(session, sock->fd, 16, &request, ids);
	if (r == 0)
		sock->id = ids[0];
	answer_id(r, ids[0]);
}

static void cmd_latch_accept(char **argv)
{
	struct sock *sock = get_pending(argv);
	uint64_t id;
	int fd, r;

	if (sock == NULL)
		return;
	r = latch_accept(session, sock->fd, SOCK_NONBLOCK, &fd, &id);
	if (r != 0)
		answer_error(r);
	else
		keep(argv[2], fd, id);
}

static uint64_t id_of(const char *word)
{
	struct sock *sock = find(word);

	return sock != NULL ? sock->id : strtoull(word, NULL, 10);
}

static void cmd_id(char **argv)
{
	struct sock *sock = get(argv[1]);

	if (sock != NULL)
		answer_id(0, sock->id);
}

static void cmd_inquire(char **argv)
{
	struct latch_info *info;
	int r = latch_inquire(session, id_of(argv[1]), &info);

	if (r != 0) {
		answer_error(r);
		return;
	}
	answer("ok %s", latch_info_json(info));
	latch_info_free(info);
}

static void cmd_get(char **argv)
{
	struct latch_info *info;
	const char *text;
	int r = latch_inquire(session, id_of(argv[1]), &info);

	if (r != 0) {
		answer_error(r);
		return;
	}
	text = latch_info_text(info, argv[2]);
	answer("ok %s", text == NULL ? "(none)" : text);
	latch_info_free(info);
}

static void cmd_find(char **argv)
{
	struct sock *sock = get(argv[1]);
	uint64_t id = 0;
	int r;

	if (sock == NULL)
		return;
	r = latch_find(session, sock->fd, &id);
	answer_id(r, id);
}

static void cmd_list(char **argv)
{
	char line[LINE_BYTES - 64] = "";
	struct latch_info **infos;
	uint64_t cursor = 0;
	size_t nr;

	(void)argv;
	do {
		int r = latch_list(session, &cursor, &infos, &nr);

		if (r != 0) {
			answer_error(r);
			return;
		}
		for (size_t i = 0; i < nr; i++) {
			size_t len = strlen(line);

			snprintf(line + len, sizeof(line) - len, " %llu=%s",
				 (unsigned long long)latch_info_id(infos[i]),
				 latch_state_name(latch_info_state(infos[i])));
			latch_info_free(infos[i]);
		}
		free(infos);
	} while (cursor != 0);
	answer("ok%s", line);
}

static void cmd_wait(char **argv)
{
	enum latch_state state = LATCH_STATE_NONE;
	unsigned states = 0;
	int r;

	for (state = LATCH_STATE_LARVAL; state <= LATCH_STATE_CLOSED; state++) {
		if (strcmp(argv[2], latch_state_name(state)) == 0)
			states = 1u << state;
	}
	r = latch_wait(session, id_of(argv[1]), states, deadline(argv[3]), &state);
	if (r != 0)
		answer_error(r);
	else
		answer("ok %s", latch_state_name(state));
}

static void cmd_release(char **argv)
{
	answer_id(latch_release(session, id_of(argv[1])), id_of(argv[1]));
}

static void cmd_unprotect(char **argv)
{
	answer_id(latch_unprotect(session, id_of(argv[1])), id_of(argv[1]));
}

static void cmd_break(char **argv)
{
	answer_id(latch_break(session, id_of(argv[1]), argv[2]), id_of(argv[1]));
}

static void cmd_shut(char **argv)
{
	answer_id(latch_shut(session, id_of(argv[1]), argv[2]), id_of(argv[1]));
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
	bool needs_session;
} commands[] = {
	{ "open", cmd_open, false }, { "session-close", cmd_session_close, false },
	{ "quit", cmd_quit, false }, { "socket", cmd_socket, false },
	{ "buffer", cmd_buffer, false }, { "close", cmd_close, false },
	{ "rename", cmd_rename, false }, { "seq", cmd_seq, false },
	{ "bind-more", cmd_bindx, false }, { "bind-less", cmd_bindx, false },
	{ "bind", cmd_bind, false }, { "connect", cmd_connect, false },
	{ "listen", cmd_listen, false }, { "accept", cmd_accept, false },
	{ "send", cmd_send, false }, { "recv", cmd_recv, false },
	{ "stream", cmd_stream, false }, { "streamed", cmd_streamed, false },
	{ "stream-stop", cmd_stream_stop, false }, { "stream-end", cmd_stream_end, false },
	{ "latch", cmd_latch, true }, { "latch-connect", cmd_latch_connect, true },
	{ "latch-listen", cmd_latch_listen, true }, { "latch-accept", cmd_latch_accept, true },
	{ "id", cmd_id, false }, { "inquire", cmd_inquire, true },
	{ "get", cmd_get, true }, { "find", cmd_find, true },
	{ "list", cmd_list, true }, { "wait", cmd_wait, true },
	{ "release", cmd_release, true }, { "unprotect", cmd_unprotect, true },
	{ "break", cmd_break, true }, { "shut", cmd_shut, true },
};

static void obey(char *line)
{
	static char none[] = "";
	char *argv[WORDS_MAX + 1], *rest = line;

	fprintf(stderr, "%llu > %s\n", (unsigned long long)now_ns(CLOCK_MONOTONIC), line);
	for (int i = 0; i <= WORDS_MAX; i++) {
		char *word = i == WORDS_MAX ? NULL : strsep(&rest, " ");

		argv[i] = word == NULL ? none : word;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (commands[i].needs_session && session == NULL)
			answer("error usage: no session");
		else
			commands[i].run(argv);
		hear();
		return;
	}
	answer("error usage: no command %s", argv[0]);
}

/* Whole lines of stdin; what follows the last one waits for its end. */
static void read_commands(void)
{
	static char buf[LINE_BYTES];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
	char *end;

	if (n <= 0)
		exit(0);
	len += (size_t)n;
	buf[len] = '\0';
	while ((end = strchr(buf, '\n')) != NULL) {
		char line[LINE_BYTES];
		size_t used = (size_t)(end - buf) + 1;

		memcpy(line, buf, used);
		line[used - 1] = '\0';
		len -= used;
		memmove(buf, buf + used, len + 1);
		obey(line);
	}
	if (len == sizeof(buf) - 1)
		exit(2);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stderr, NULL, _IOLBF, 0);
	for (;;) {
		if (await(STDIN_FILENO, POLLIN, DEADLINE_MS))
			read_commands();
	}
}
