/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A latched connection for scripts: `latchctl create HOST PORT`.
 *
 * Invariant: no byte of standard input leaves before the latch is ESTABLISHED, and none is passed
 * on once its break is known. The guard in the kernel holds the flow anyway; this is about the
 * exit code, which never says that all went well when it did not. With --prefer there may be no
 * latch: that is said before the first byte.
 */

#include "create.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The socket went: nobody broke anything. A release, by another process of this user, is no plain
 * end: the service would not tell us of a break any more. */
static bool is_plain_end(const char *json)
{
	json_t *record = json == NULL ? NULL : json_loads(json, 0, NULL);
	bool plain = strcmp(text_member(record, "event"), "flow-gone") == 0;

	json_decref(record);
	return plain;
}

static void on_event(void *ctx, const struct latch_event *event)
{
	struct held *held = ctx;
	struct text text = { .s = NULL };

	if (event->id == 0 || (event->id != held->id && event->id != held->id2) ||
	    held->over != CLI_OK)
		return;
	if (event->to != LATCH_STATE_BROKEN &&
	    (event->to != LATCH_STATE_CLOSED || is_plain_end(event->json)))
		return;
	held->over = CLI_BROKEN;
	text_addf(&text, "latch %llu is %s: ", (unsigned long long)event->id,
		  latch_state_name(event->to));
	text_add_safe(&text, event->reason == NULL || *event->reason == '\0' ?
		      "the service gave no reason" : event->reason);
	cli_say(held->cli, "%s", text_of(&text));
	text_free(&text);
}

enum cli_exit held_check(struct held *held)
{
	int r;

	if (held->latch == NULL)
		return held->over;
	r = latch_dispatch(held->latch, on_event, held);
	if (held->over == CLI_OK && r != LATCH_OK)
		held->over = cli_failed(held->cli, r, "latch %llu", (unsigned long long)held->id);
	return held->over;
}

enum cli_exit held_end(struct held *held)
{
	struct latch_info *info = NULL;
	int r;

	if (held->latch == NULL)
		return held->over;
	r = latch_inquire(held->latch, held->id, &info);
	latch_info_free(info);
	if (held_check(held) == CLI_OK && r != LATCH_OK && r != LATCH_ERR_NOT_FOUND)
		held->over = cli_failed(held->cli, r, "latch %llu", (unsigned long long)held->id);
	return held->over;
}

static void say_latch(const struct cli *cli, const json_t *object)
{
	struct text text = { .s = NULL };

	text_add(&text, "latch ");
	text_add_json(&text, json_object_get(object, "id"));
	text_addf(&text, " %s ", text_member(object, "state"));
	text_add_json(&text, json_object_get(object, "protocol"));
	text_add(&text, " ");
	text_add_endpoint(&text, object, "local");
	if (json_object_get(object, "remote_address") != NULL) {
		text_add(&text, " ");
		text_add_endpoint(&text, object, "remote");
	}
	if (json_object_get(object, "peer_id") != NULL) {
		text_add(&text, ", peer ");
		text_add_json(&text, json_object_get(object, "peer_id"));
	}
	if (json_object_get(object, "suites") != NULL) {
		text_add(&text, ", ");
		text_add_json(&text, json_object_get(object, "suites"));
	}
	if (json_is_true(json_object_get(object, "bypass")))
		text_add(&text, ", in clear");
	cli_say(cli, "%s", text_of(&text));
	text_free(&text);
}

/* Standard output belongs to the connection. */
static void print_json(const struct cli *cli, const json_t *object)
{
	size_t flags = JSON_ENSURE_ASCII;

	flags |= cli->json == CLI_JSON_SHORT ? JSON_COMPACT : JSON_INDENT(2);
	json_dumpf(object, stderr, flags);
	fputc('\n', stderr);
}

static void print_latch(const struct cli *cli, const json_t *object)
{
	if (cli->json == CLI_JSON_OFF)
		say_latch(cli, object);
	else
		print_json(cli, object);
}

/* "LATCH_ERR_NO_SA" is "NoSa" on the bus, and in what monitor prints. */
static json_t *error_word(int error)
{
	const char *from = latch_error_name(error), prefix[] = "LATCH_ERR_";
	bool is_first = true;
	char word[64];
	size_t len = 0;

	if (from == NULL || strncmp(from, prefix, strlen(prefix)) != 0)
		from = "LATCH_ERR_FAILED";
	for (from += strlen(prefix); *from != '\0' && len < sizeof(word) - 1; from++) {
		if (*from != '_')
			word[len++] = (char)(is_first ? *from : *from | 0x20);
		is_first = *from == '_';
	}
	word[len] = '\0';
	return cli_need(json_string(word));
}

static void say_unlatched(const struct cli *cli, int error, const char *reason)
{
	struct text text = { .s = NULL };
	json_t *object;

	if (cli->json == CLI_JSON_OFF) {
		text_add_safe(&text, reason);
		cli_say(cli, "not latched: %s", text_of(&text));
		text_free(&text);
		return;
	}
	object = cli_need(json_object());
	json_object_set_new(object, "id", json_integer(0));
	json_object_set_new(object, "state", json_string(latch_state_name(LATCH_STATE_NONE)));
	json_object_set_new(object, "error", error_word(error));
	json_object_set_new(object, "reason", json_string(reason));
	print_json(cli, object);
	json_decref(object);
}

static enum cli_exit describe(const struct cli *cli, struct latch *latch, uint64_t id,
			      json_t **ret)
{
	struct latch_info *info = NULL;
	int r = latch_inquire(latch, id, &info);

	if (r != LATCH_OK)
		return cli_failed(cli, r, "latch %llu", (unsigned long long)id);
	*ret = cli_latch_json(info);
	latch_info_free(info);
	print_latch(cli, *ret);
	return CLI_OK;
}

static void set_endpoint(const json_t *object, const char *end, const char *variable)
{
	struct text text = { .s = NULL };

	if (text_add_endpoint(&text, object, end))
		setenv(variable, text_of(&text), 1);
	text_free(&text);
}

/* What COMMAND may want to know, as it is: it compares, it need not print. */
static void set_environment(const json_t *object)
{
	struct text id = { .s = NULL };

	text_add_json(&id, json_object_get(object, "id"));
	setenv("LATCH_ID", text_of(&id), 1);
	text_free(&id);
	setenv("LATCH_STATE", text_member(object, "state"), 1);
	setenv("LATCH_PEER_ID", text_member(object, "peer_id"), 1);
	set_endpoint(object, "local", "LATCH_LOCAL");
	set_endpoint(object, "remote", "LATCH_REMOTE");
}

/* Says what state it is in and why, unless it is well. */
static enum cli_exit judge(const struct held *held, const json_t *object)
{
	const char *state = text_member(object, "state"), *reason = text_member(object, "reason");
	struct text text = { .s = NULL };

	if (strcmp(state, latch_state_name(LATCH_STATE_ESTABLISHED)) == 0)
		return CLI_OK;
	text_addf(&text, "latch %llu is ", (unsigned long long)held->id);
	text_add_safe(&text, *state == '\0' ? "in no known state" : state);
	text_add(&text, ": ");
	text_add_safe(&text, *reason == '\0' ? "the service gave no reason" : reason);
	cli_say(held->cli, "%s", text_of(&text));
	text_free(&text);
	return CLI_BROKEN;
}

/* --prefer, and no protection was to be had. Nothing of the service concerns this connection any
 * more, not even its end. Closes @fd. */
static int use_unlatched(struct held *held, int fd)
{
	static const char *const variables[] = {
		"LATCH_ID", "LATCH_STATE", "LATCH_PEER_ID", "LATCH_LOCAL", "LATCH_REMOTE",
	};
	const char *reason;
	int error, code;

	reason = latch_last_reason(held->latch, &error);
	say_unlatched(held->cli, error, reason);
	held->latch = latch_close(held->latch);
	if (held->cli->run != NULL) {
		/* Of a latch that this process itself runs on. */
		for (unsigned i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
			unsetenv(variables[i]);
		return relay_run(held, fd);
	}
	code = relay_copy(held, fd, held->cli->udp);
	close(fd);
	return code;
}

int held_use(struct held *held, int fd)
{
	json_t *object = NULL;
	int code = describe(held->cli, held->latch, held->id, &object);

	if (code == CLI_OK)
		code = judge(held, object);
	if (code == CLI_OK && held->cli->run != NULL) {
		set_environment(object);
		code = relay_run(held, fd);
		fd = -1;
	} else if (code == CLI_OK) {
		code = relay_copy(held, fd, held->cli->udp);
	}
	json_decref(object);
	if (fd >= 0)
		close(fd);
	return code;
}

static enum cli_exit resolve(const struct cli *cli, const char *host, const char *port,
			     struct addrinfo **ret)
{
	const struct addrinfo hints = {
		.ai_socktype = cli->udp ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = (cli->listen ? AI_PASSIVE : 0) | AI_ADDRCONFIG,
	};
	int r = getaddrinfo(host, port, &hints, ret);

	/* AI_ADDRCONFIG finds nothing on a host that has only its loopback address. */
	if (r != 0 && r != EAI_SERVICE) {
		struct addrinfo all = hints;

		all.ai_flags &= ~AI_ADDRCONFIG;
		r = getaddrinfo(host, port, &all, ret);
	}
	if (r == 0)
		return CLI_OK;
	cli_say(cli, "%s port %s: %s", host == NULL ? "any address" : host, port,
		r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
	return CLI_ERROR;
}

static const char *name_of(const struct addrinfo *ai, char *buffer, size_t size)
{
	char host[64], port[8];

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "?";
	snprintf(buffer, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
	return buffer;
}

static int open_socket(const struct cli *cli, const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);

	if (fd < 0)
		cli_failed(cli, LATCH_ERR_SYSTEM, "socket");
	return fd;
}

/* The first address of HOST that can be reached, latched. */
static int connect_any(struct held *held, const struct addrinfo *list)
{
	enum cli_exit code = CLI_ERROR;

	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		char name[80];
		int fd = open_socket(held->cli, ai), r;

		if (fd < 0)
			continue;
		r = latch_connect(held->latch, fd, ai->ai_addr, ai->ai_addrlen,
				  &held->cli->request, &held->id);
		if (r == LATCH_OK)
			return held->id != 0 ? held_use(held, fd) : use_unlatched(held, fd);
		code = cli_refused(held->cli, held->latch, r, "%s",
				   name_of(ai, name, sizeof(name)));
		close(fd);
		/* Another address will not bring it back; and a refusal that --prefer does not
		 * cover must not end in an unprotected connection to another one. */
		if (r == LATCH_ERR_SERVICE ||
		    (held->cli->request.prefer && r != LATCH_ERR_SYSTEM))
			break;
	}
	return code;
}

static int bind_socket(const struct cli *cli, const struct addrinfo *ai)
{
	int fd = open_socket(cli, ai), on = 1, off = 0;
	char name[80];

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* Who has gone again between poll() and accept() must not make us wait. */
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	cli_failed(cli, LATCH_ERR_SYSTEM, "%s", name_of(ai, name, sizeof(name)));
	close(fd);
	return -1;
}

/* Of all addresses, the IPv6 one: it serves both families. */
static const struct addrinfo *best(const struct addrinfo *list)
{
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		if (ai->ai_family == AF_INET6)
			return ai;
	}
	return list;
}

/* One connection that is latched; those that cannot be are closed, and said. */
static enum cli_exit accept_one(struct held *held, int fd, int *ret)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = latch_fd(held->latch), .events = POLLIN },
	};

	for (;;) {
		enum cli_exit code;
		int r;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return cli_failed(held->cli, LATCH_ERR_SYSTEM, "poll");
		if (fds[1].revents != 0 && held_check(held) != CLI_OK)
			return held->over;
		if (fds[0].revents == 0)
			continue;
		r = latch_accept(held->latch, fd, 0, ret, &held->id);
		if (r == LATCH_OK) {
			held->id2 = 0;
			return CLI_OK;
		}
		if (r == LATCH_ERR_SYSTEM &&
		    (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED))
			continue;
		code = cli_refused(held->cli, held->latch, r, "connection refused");
		if (r == LATCH_ERR_SYSTEM || code == CLI_NO_SERVICE)
			return code;
	}
}

static int listen_at(struct held *held, const struct addrinfo *ai)
{
	uint64_t ids[2] = { 0, 0 };
	int fd = bind_socket(held->cli, ai), conn = -1, r;
	enum cli_exit code;
	json_t *object = NULL;
	char name[80];

	if (fd < 0)
		return CLI_ERROR;
	r = latch_listen(held->latch, fd, 1, &held->cli->request, ids);
	if (r != LATCH_OK) {
		code = cli_refused(held->cli, held->latch, r, "%s",
				   name_of(ai, name, sizeof(name)));
		close(fd);
		return code;
	}
	held->id = ids[0];
	held->id2 = ids[1];
	code = describe(held->cli, held->latch, held->id, &object);
	json_decref(object);
	if (code == CLI_OK)
		code = accept_one(held, fd, &conn);
	/* One connection was asked for: the next one shall find nobody. */
	close(fd);
	return code == CLI_OK ? held_use(held, conn) : (int)code;
}

/* Whoever wants it in clear wants no protection with it. */
static bool is_bypass_alone(const struct cli *cli)
{
	const struct latch_request *request = &cli->request;

	return !cli->listen && !request->prefer && !request->narrow && request->suite == NULL &&
	       request->peer == NULL && request->protection == 0 && request->mode == 0 &&
	       request->min_key_bits == 0 && request->min_integ_bits == 0 && request->wait_ms == 0;
}

int cli_create(struct cli *cli, int argc, char **argv)
{
	struct held held = { .cli = cli };
	struct addrinfo *list = NULL;
	uint64_t port;
	int code;

	if (cli->listen && cli->udp)
		return cli_usage(cli, "--listen and --udp do not go together");
	if (cli->listen && (cli->request.prefer || cli->request.wait_ms != 0 ||
			    cli->request.narrow || cli->request.suite != NULL))
		return cli_usage(cli, "--listen does not go with --prefer, --setup-time, "
				      "--narrow and --suite");
	if (cli->request.bypass && !is_bypass_alone(cli))
		return cli_usage(cli, "--bypass goes with --udp and --disposition alone");
	if (cli->request.prefer && cli->request.peer != NULL)
		return cli_usage(cli, "--peer and --prefer do not go together");
	if (!cli->listen && argc < 2)
		return cli_usage(cli, "create needs HOST PORT");
	if (!cli_number(argv[argc - 1], UINT16_MAX, &port) || port == 0)
		return cli_usage(cli, "\"%s\" is no port", argv[argc - 1]);
	code = resolve(cli, argc > 1 ? argv[0] : NULL, argv[argc - 1], &list);
	if (code == CLI_OK)
		code = cli_open(cli, 0, &held.latch);
	if (code == CLI_OK)
		code = cli->listen ? listen_at(&held, best(list)) : connect_any(&held, list);
	if (list != NULL)
		freeaddrinfo(list);
	latch_close(held.latch);
	return code;
}
