/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A liblatch that serves what a file says, for tests of the command: names that steer a terminal,
 * every error of every call, a break at a chosen moment. It is linked into the program and stands
 * in front of the real library, which still gives the names of errors and states.
 *
 * FAKE_LATCHES=FILE  a JSON array of LATCH objects
 * FAKE_EVENTS=FILE   records, a JSON object per line; its end is the end of the session
 * FAKE_ASKED=N       no record before latch_inquire() was called this often
 * FAKE_FOUND=ID      of the latch of every socket; none if not given
 * FAKE_PAGE=N        latches in one answer of latch_list(); 2 if not given
 * FAKE_ERROR=CALL=N  this call, without "latch_", returns enum latch_error N
 * FAKE_REASON=TEXT   what the service says with it; with "prefer", NO_SA is no failure
 * FAKE_FORGOTTEN=N,M records that were unreadable, and flows that are set free; 0,0 if not given
 * FAKE_UNREADABLE=N  of the numbers of the service; there is none of this name if not given
 * FAKE_STATE=FILE    which calls were made, with their id and reason
 *
 * The host "two.test" has two addresses.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <latch.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

struct latch {
	json_t *latches;
	int fd, asked, error;
	char line[65536];
	size_t len;
};

struct latch_info {
	json_t *object;
	char *json;
	char number[24];
};

static int fault(const char *call)
{
	const char *fault = getenv("FAKE_ERROR");
	size_t len = strlen(call);

	if (fault == NULL || strncmp(fault, call, len) != 0 || fault[len] != '=')
		return LATCH_OK;
	errno = ECONNREFUSED;
	return atoi(fault + len + 1);
}

static void note(const char *call, uint64_t id, const char *reason)
{
	const char *path = getenv("FAKE_STATE");
	FILE *file = path == NULL ? NULL : fopen(path, "a");

	if (file == NULL)
		return;
	fprintf(file, "%s %llu %s\n", call, (unsigned long long)id, reason);
	fclose(file);
}

int latch_open(const char *bus_address, unsigned flags, struct latch **ret)
{
	const char *latches = getenv("FAKE_LATCHES"), *events = getenv("FAKE_EVENTS");
	int r = fault("open");
	struct latch *latch;

	note("open", flags, bus_address == NULL ? "system" : bus_address);
	if (r != LATCH_OK)
		return r;
	latch = calloc(1, sizeof(*latch));
	latch->latches = latches == NULL ? json_array() : json_load_file(latches, 0, NULL);
	latch->fd = events == NULL ? eventfd(0, EFD_CLOEXEC) : open(events, O_RDONLY | O_CLOEXEC);
	if (!json_is_array(latch->latches) || latch->fd < 0) {
		fprintf(stderr, "fake: no latches, or no events\n");
		exit(99);
	}
	*ret = latch;
	return LATCH_OK;
}

struct latch *latch_close(struct latch *latch)
{
	if (latch != NULL) {
		json_decref(latch->latches);
		close(latch->fd);
		free(latch);
	}
	return NULL;
}

static struct latch_info *info_of(json_t *object)
{
	struct latch_info *info = calloc(1, sizeof(*info));

	info->object = json_incref(object);
	info->json = json_dumps(object, JSON_COMPACT);
	return info;
}

int latch_list(struct latch *latch, uint64_t *cursor, struct latch_info ***ret_infos,
	       size_t *ret_nr)
{
	const char *page = getenv("FAKE_PAGE");
	size_t max = page == NULL ? 2 : (size_t)atoi(page), nr = 0, all;
	int r = fault("list");

	if (r != LATCH_OK)
		return r;
	all = json_array_size(latch->latches);
	*ret_infos = calloc(max + 1, sizeof(**ret_infos));
	while (nr < max && *cursor + nr < all) {
		(*ret_infos)[nr] = info_of(json_array_get(latch->latches, *cursor + nr));
		nr++;
	}
	*cursor = *cursor + nr < all ? *cursor + nr : 0;
	*ret_nr = nr;
	return LATCH_OK;
}

int latch_inquire(struct latch *latch, uint64_t id, struct latch_info **ret_info)
{
	int r = fault("inquire");
	json_t *object;
	size_t i;

	latch->asked++;
	if (r != LATCH_OK)
		return r;
	json_array_foreach(latch->latches, i, object) {
		if ((uint64_t)json_integer_value(json_object_get(object, "id")) == id) {
			*ret_info = info_of(object);
			return LATCH_OK;
		}
	}
	return LATCH_ERR_NOT_FOUND;
}

/* The call is noted with the port of the socket's other end. */
int latch_find(struct latch *latch, int fd, uint64_t *ret_id)
{
	const char *found = getenv("FAKE_FOUND");
	struct sockaddr_in6 to = { .sin6_port = 0 };
	socklen_t len = sizeof(to);
	int r = fault("find");

	(void)latch;
	getpeername(fd, (struct sockaddr *)&to, &len);
	note("find", ntohs(to.sin6_port), "");
	if (r == LATCH_OK && found == NULL)
		r = LATCH_ERR_NOT_FOUND;
	if (r == LATCH_OK)
		*ret_id = strtoull(found, NULL, 10);
	return r;
}

/* Of a latch with "peer_key_sha256", as its keys are. */
int latch_channel_binding(struct latch *latch, uint64_t id, const char *type,
			  struct latch_binding *ret)
{
	struct latch_info *info;
	bool has_key = false;
	int r = fault("channel_binding");

	if (r == LATCH_OK)
		r = latch_inquire(latch, id, &info);
	if (r != LATCH_OK)
		return r;
	has_key = json_object_get(info->object, "peer_key_sha256") != NULL;
	latch_info_free(info);
	if (!has_key)
		return LATCH_ERR_NOT_AVAILABLE;
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->type, sizeof(ret->type), "%s", type);
	memcpy(ret->data, "\0\1\xfe\xff", 4);
	ret->len = 4;
	return LATCH_OK;
}

struct latch_peer {
	json_t *object;
};

/* Of a latch with "peer_key_sha256" there is a key, and no certificate. */
int latch_inquire_peer(struct latch *latch, uint64_t id, struct latch_peer **ret_peer)
{
	struct latch_info *info;
	int r = fault("inquire_peer");

	if (r == LATCH_OK)
		r = latch_inquire(latch, id, &info);
	if (r != LATCH_OK)
		return r;
	*ret_peer = calloc(1, sizeof(**ret_peer));
	(*ret_peer)->object = json_incref(info->object);
	latch_info_free(info);
	return LATCH_OK;
}

struct latch_peer *latch_peer_free(struct latch_peer *peer)
{
	json_decref(peer->object);
	free(peer);
	return NULL;
}

enum latch_auth latch_auth_method(const struct latch_peer *peer)
{
	(void)peer;
	return LATCH_AUTH_PSK;
}

const void *latch_peer_bytes(const struct latch_peer *peer, const char *key, size_t *ret_len)
{
	/* 49 bytes: more than a line of base64, and not all of it divides. */
	static const char bytes[] = "Forty-nine bytes, so that there are lines of two.";
	bool is_there = strcmp(key, "public_key") == 0 &&
			json_object_get(peer->object, "peer_key_sha256") != NULL;

	*ret_len = is_there ? sizeof(bytes) - 1 : 0;
	return is_there ? bytes : NULL;
}

struct latch_info *latch_info_free(struct latch_info *info)
{
	if (info != NULL) {
		json_decref(info->object);
		free(info->json);
		free(info);
	}
	return NULL;
}

static enum latch_state state_of(const json_t *object, const char *key)
{
	const char *name = json_string_value(json_object_get(object, key));

	for (int state = LATCH_STATE_LARVAL; state <= LATCH_STATE_CLOSED; state++) {
		if (name != NULL && strcmp(latch_state_name((enum latch_state)state), name) == 0)
			return (enum latch_state)state;
	}
	return LATCH_STATE_NONE;
}

uint64_t latch_info_id(const struct latch_info *info)
{
	return (uint64_t)json_integer_value(json_object_get(info->object, "id"));
}

enum latch_state latch_info_state(const struct latch_info *info)
{
	return state_of(info->object, "state");
}

const char *latch_info_text(const struct latch_info *info, const char *key)
{
	const json_t *value = json_object_get(info->object, key);

	if (!json_is_integer(value))
		return json_string_value(value);
	snprintf(((struct latch_info *)info)->number, sizeof(info->number),
		 "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return info->number;
}

const char *latch_info_json(const struct latch_info *info)
{
	return info->json;
}

int latch_fd(const struct latch *latch)
{
	return latch == NULL ? -1 : latch->fd;
}

const char *latch_last_reason(const struct latch *latch, int *ret_error)
{
	const char *reason = getenv("FAKE_REASON");

	*ret_error = latch->error;
	return reason == NULL ? latch_strerror(latch->error) : reason;
}

static void hand_out(const char *line, latch_event_fn *fn, void *ctx)
{
	json_t *object = json_loads(line, 0, NULL);
	struct latch_event event = { .type = json_string_value(json_object_get(object, "type")) };

	if (event.type == NULL) {
		fprintf(stderr, "fake: no event: %s\n", line);
		exit(99);
	}
	event.id = (uint64_t)json_integer_value(json_object_get(object, "id"));
	event.listener = (uint64_t)json_integer_value(json_object_get(object, "listener"));
	event.from = state_of(object, "from");
	event.to = state_of(object, "to");
	event.mono_ns = (uint64_t)json_integer_value(json_object_get(object, "mono_ns"));
	event.generation = (uint64_t)json_integer_value(json_object_get(object, "generation"));
	event.reason = json_string_value(json_object_get(object, "reason"));
	event.json = line;
	fn(ctx, &event);
	json_decref(object);
}

int latch_dispatch(struct latch *latch, latch_event_fn *fn, void *ctx)
{
	const char *after = getenv("FAKE_ASKED");
	char *end;
	int r = fault("dispatch");
	ssize_t len;

	if (r != LATCH_OK || getenv("FAKE_EVENTS") == NULL)
		return r;
	if (after != NULL && latch->asked < atoi(after))
		return LATCH_OK;
	/* Does not block: a FIFO that is open for writing may be empty. */
	fcntl(latch->fd, F_SETFL, O_NONBLOCK);
	len = read(latch->fd, latch->line + latch->len, sizeof(latch->line) - latch->len - 1);
	if (len == 0)
		return LATCH_ERR_SERVICE;
	if (len < 0)
		return errno == EAGAIN ? LATCH_OK : LATCH_ERR_SERVICE;
	latch->len += (size_t)len;
	latch->line[latch->len] = '\0';
	while ((end = strchr(latch->line, '\n')) != NULL) {
		*end = '\0';
		hand_out(latch->line, fn, ctx);
		latch->len -= (size_t)(end + 1 - latch->line);
		memmove(latch->line, end + 1, latch->len + 1);
	}
	return LATCH_OK;
}

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	resolver *real = (resolver *)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");

	if (node == NULL || strcmp(node, "two.test") != 0)
		return real(node, service, hints, ret);
	/* The libc frees entry by entry. */
	return real("127.0.0.1", service, hints, ret) == 0 &&
	       real("127.0.0.2", service, hints, &(*ret)->ai_next) == 0 ? 0 : EAI_NONAME;
}

/* What is said to nobody's peer. */
void syslog(int priority, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	note("syslog", (uint64_t)priority, text);
}

static void describe(const struct latch_request *request, char *text, size_t size)
{
	snprintf(text, size, "protection %u key %u integ %u mode %d disposition %d "
		 "wait %u prefer %d%s%s%s%s", request->protection, request->min_key_bits,
		 request->min_integ_bits, (int)request->mode, (int)request->disposition,
		 request->wait_ms, request->prefer, request->peer == NULL ? "" : " peer ",
		 request->peer == NULL ? "" : request->peer, request->bypass ? " bypass" : "",
		 request->late ? " late" : "");
}

/* Of connections: the one with id 1. */
int latch_latch(struct latch *latch, int fd, const struct latch_request *request,
		uint64_t *ret_id)
{
	char text[128];
	int r = fault("latch");

	(void)fd;
	latch->error = r;
	describe(request, text, sizeof(text));
	note("latch", 1, text);
	if (r == LATCH_OK)
		*ret_id = 1;
	return r;
}

int latch_connect(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
		  const struct latch_request *request, uint64_t *ret_id)
{
	char text[128];
	int r = fault("connect");
	bool is_unlatched = request->prefer && r == LATCH_ERR_NO_SA;

	latch->error = r;
	describe(request, text, sizeof(text));
	note("connect", 1, text);
	if (r != LATCH_OK && !is_unlatched)
		return r;
	if (connect(fd, to, to_len) != 0)
		return LATCH_ERR_SYSTEM;
	*ret_id = is_unlatched ? 0 : 1;
	return LATCH_OK;
}

int latch_listen(struct latch *latch, int fd, int backlog, const struct latch_request *request,
		 uint64_t ret_ids[2])
{
	int r = fault("listen");

	latch->error = r;
	if (r != LATCH_OK)
		return r;
	ret_ids[0] = 2;
	ret_ids[1] = 0;
	r = listen(fd, backlog) == 0 ? LATCH_OK : LATCH_ERR_SYSTEM;
	note("listen", 2, request->peer == NULL ? "" : request->peer);
	return r;
}

int latch_accept(struct latch *latch, int fd, int flags, int *ret_fd, uint64_t *ret_id)
{
	int r = fault("accept");

	latch->error = r;
	if (r != LATCH_OK)
		return r;
	*ret_fd = accept4(fd, NULL, NULL, flags | SOCK_CLOEXEC);
	*ret_id = 1;
	return *ret_fd < 0 ? LATCH_ERR_SYSTEM : LATCH_OK;
}

static int change(const char *call, uint64_t id, const char *reason)
{
	note(call, id, reason);
	return fault(call);
}

int latch_release(struct latch *latch, uint64_t id)
{
	(void)latch;
	return change("release", id, "");
}

int latch_unprotect(struct latch *latch, uint64_t id)
{
	(void)latch;
	return change("unprotect", id, "");
}

int latch_break(struct latch *latch, uint64_t id, const char *reason)
{
	(void)latch;
	return change("break", id, reason);
}

int latch_shut(struct latch *latch, uint64_t id, const char *reason)
{
	(void)latch;
	return change("shut", id, reason);
}

int latch_reload(struct latch *latch)
{
	latch->error = change("reload", 0, "");
	return latch->error;
}

int latch_stats(struct latch *latch, struct latch_stat **ret_stats, size_t *ret_nr)
{
	static const struct latch_stat stats[] = {
		{ "latches", 3 }, { "latches-total", 262144 }, { "event-conflict-sa", UINT64_MAX },
	};
	const char *unreadable = getenv("FAKE_UNREADABLE");
	int r = change("stats", 0, "");

	(void)latch;
	if (r != LATCH_OK)
		return r;
	*ret_nr = sizeof(stats) / sizeof(stats[0]);
	*ret_stats = calloc(*ret_nr + 1, sizeof(stats[0]));
	memcpy(*ret_stats, stats, sizeof(stats));
	if (unreadable != NULL)
		(*ret_stats)[(*ret_nr)++] = (struct latch_stat) {
			"unreadable", strtoull(unreadable, NULL, 10) };
	return LATCH_OK;
}

int latch_forget_unreadable(struct latch *latch, uint32_t *ret_records, uint32_t *ret_flows)
{
	const char *forgotten = getenv("FAKE_FORGOTTEN");
	unsigned records = 0, flows = 0;
	int r = change("forget_unreadable", 0, "");

	(void)latch;
	if (r != LATCH_OK)
		return r;
	if (forgotten != NULL && sscanf(forgotten, "%u,%u", &records, &flows) != 2)
		exit(99);
	*ret_records = records;
	*ret_flows = flows;
	return LATCH_OK;
}
