/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The records of a session: alerts of latches of ours, and what else the daemon tells.
 *
 * latch_wait() has to read records to learn of changes, and must not swallow those that
 * latch_dispatch() is to hand out; so both read into one queue. latch_fd() must be readable while
 * that queue holds something, though the kernel's does not any more: hence an epoll descriptor of
 * the session and of a bell that rings while something is queued.
 *
 * Invariant: what cannot be understood ends the session, as EOF does while the daemon is there
 * (latch_resume.c); the program then takes its latches for broken. A queue that nobody empties
 * keeps the newest records, and says that some were lost: latch_list() tells what they were about.
 */

#include "latch_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t number_of(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value < 0 ? 0 : (uint64_t)value;
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

int latch_record_parse(const char *text, size_t len, struct latch_record **ret)
{
	struct latch_record *record = calloc(1, sizeof(*record));

	if (record == NULL)
		return LATCH_ERR_NO_MEMORY;
	record->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	record->event = (struct latch_event) {
		.type = text_of(record->json, "type"),
		.id = number_of(record->json, "id"),
		.listener = number_of(record->json, "listener"),
		.from = latch_state_from_name(text_of(record->json, "from")),
		.to = latch_state_from_name(text_of(record->json, "to")),
		.mono_ns = number_of(record->json, "mono_ns"),
		.generation = number_of(record->json, "generation"),
		.error = latch_error_from_word(text_of(record->json, "error")),
		.reason = text_of(record->json, "reason"),
	};
	if (record->event.type == NULL) {
		latch_record_free(record);
		return LATCH_ERR_MALFORMED;
	}
	*ret = record;
	return 0;
}

struct latch_record *latch_record_free(struct latch_record *record)
{
	if (record != NULL) {
		json_decref(record->json);
		free((char *)record->event.json);
		free(record);
	}
	return NULL;
}

static struct latch_record *take_first(struct latch *latch)
{
	struct latch_record *record = latch->head;

	latch->head = record->next;
	if (latch->head == NULL)
		latch->tail = &latch->head;
	latch->nr--;
	return record;
}

static void append(struct latch *latch, struct latch_record *record)
{
	if (latch->nr == LATCH_QUEUE_MAX) {
		latch_record_free(take_first(latch));
		latch->is_lossy = true;
	}
	*latch->tail = record;
	latch->tail = &record->next;
	latch->nr++;
}

/* The bell rings while something is queued, or all is over. Neither call can fail: the bell is ours
 * alone. */
void latch_session_ring(struct latch *latch)
{
	bool is_due = latch->nr > 0 || latch->is_over;
	uint64_t one = 1;

	if (is_due && !latch->has_rung)
		latch->has_rung = write(latch->bell, &one, sizeof(one)) == sizeof(one);
	else if (!is_due && latch->has_rung)
		latch->has_rung = read(latch->bell, &one, sizeof(one)) != sizeof(one);
}

static void close_one(int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = kept;
}

/* A child of the program may have it open still. */
static void lose_session(struct latch *latch)
{
	(void)epoll_ctl(latch->poll, EPOLL_CTL_DEL, latch->session, NULL);
	close_one(&latch->session);
	latch_resume_begin(latch);
}

/* Reads one record. Return: false when there is none now, or never again. */
static bool read_record(struct latch *latch, struct latch_record **ret)
{
	struct iovec space = { latch->buffer, LATCH_RECORD_MAX };
	struct msghdr message = { .msg_iov = &space, .msg_iovlen = 1 };
	struct latch_record *record;
	ssize_t len;

	latch_resume_go_on(latch);
	if (latch->is_over || latch->away != LATCH_AWAY_NOT)
		return false;
	do {
		len = recvmsg(latch->session, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (len == 0 || (len < 0 && errno == ECONNRESET)) {
		lose_session(latch);
		return false;
	}
	if (len < 0 || (message.msg_flags & MSG_TRUNC) != 0 ||
	    latch_record_parse(latch->buffer, (size_t)len, &record) != 0) {
		latch->is_over = true;
		return false;
	}
	record->event.json = strndup(latch->buffer, (size_t)len);
	if (record->event.json == NULL) {
		latch_record_free(record);
		latch->is_over = true;
		return false;
	}
	if (strcmp(record->event.type, "hello") == 0)
		latch->resume_s = (uint32_t)(number_of(record->json, "resume") & 0xffff);
	latch_tags_learn(latch->tags, &record->event);
	*ret = record;
	return true;
}

static int watch(int poll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int latch_session_start(struct latch *latch, int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	latch->session = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_SEQPACKET)
		return LATCH_ERR_FAILED;
	latch->buffer = malloc(LATCH_RECORD_MAX);
	if (latch->buffer == NULL)
		return LATCH_ERR_NO_MEMORY;
	latch->poll = epoll_create1(EPOLL_CLOEXEC);
	latch->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (latch->poll < 0 || latch->bell < 0 || watch(latch->poll, latch->session) != 0 ||
	    watch(latch->poll, latch->bell) != 0)
		return LATCH_ERR_SYSTEM;
	return 0;
}

bool latch_session_continue(struct latch *latch, int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	latch->session = fd;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
	       watch(latch->poll, fd) == 0;
}

bool latch_session_note(struct latch *latch, const char *text)
{
	struct latch_record *record;

	if (latch_record_parse(text, strlen(text), &record) != 0)
		return false;
	record->event.json = strdup(text);
	if (record->event.json == NULL) {
		latch_record_free(record);
		return false;
	}
	append(latch, record);
	return true;
}

void latch_session_end(struct latch *latch)
{
	while (latch->nr > 0)
		latch_record_free(take_first(latch));
	close_one(&latch->poll);
	close_one(&latch->bell);
	close_one(&latch->session);
	free(latch->buffer);
	latch->buffer = NULL;
}

int latch_fd(const struct latch *latch)
{
	return latch == NULL ? -1 : latch->poll;
}

/* What stands for records that nobody fetched in time; as the daemon itself would say it. */
static void tell_of_loss(struct latch *latch, latch_event_fn *fn, void *ctx)
{
	static const struct latch_event lost = {
		.type = "lost", .json = "{\"type\":\"lost\",\"generation\":0}",
	};

	if (!latch->is_lossy)
		return;
	latch->is_lossy = false;
	if (fn != NULL)
		fn(ctx, &lost);
}

/* Queues what there is. No more than the queue holds: a flood must neither keep us here nor push
 * anything out. */
static void collect(struct latch *latch)
{
	struct latch_record *record;

	while (latch->nr < LATCH_QUEUE_MAX && read_record(latch, &record))
		append(latch, record);
}

/* Unlike latch_dispatch(), no more than so many at once: what is not read may be about any tag. */
int latch_session_refresh(struct latch *latch)
{
	struct latch_record *record;
	int kept = errno, nr = 0;

	while (nr < LATCH_QUEUE_MAX && read_record(latch, &record)) {
		append(latch, record);
		nr++;
	}
	if (nr == LATCH_QUEUE_MAX)
		latch_tags_clear(latch->tags);
	latch_session_ring(latch);
	errno = kept;
	return latch->is_over || latch->away != LATCH_AWAY_NOT ? LATCH_ERR_SERVICE : 0;
}

int latch_dispatch(struct latch *latch, latch_event_fn *fn, void *ctx)
{
	struct latch_record *record;

	if (latch == NULL)
		return LATCH_ERR_ARGUMENT;
	collect(latch);
	tell_of_loss(latch, fn, ctx);
	while (latch->nr > 0) {
		record = take_first(latch);
		if (fn != NULL)
			fn(ctx, &record->event);
		latch_record_free(record);
	}
	latch_session_ring(latch);
	return latch->is_over ? LATCH_ERR_SERVICE : 0;
}

/* Waiting */

/* @id:         of the latch
 * @state:      as far as known
 * @generation: of the change that led to it; records may be older than what Inquire said
 * @must_ask:   records were lost, or not understood */
struct waiting {
	uint64_t id;
	enum latch_state state;
	uint64_t generation;
	bool must_ask;
};

static void learn(struct waiting *waiting, const struct latch_event *event)
{
	if (strcmp(event->type, "lost") == 0)
		waiting->must_ask = true;
	/* Of another daemon, which counts anew. */
	if (strcmp(event->type, "hello") == 0) {
		waiting->generation = 0;
		waiting->must_ask = true;
	}
	if (event->id != waiting->id || event->generation <= waiting->generation)
		return;
	if (event->to == LATCH_STATE_NONE) {
		waiting->must_ask = true;
		return;
	}
	waiting->state = event->to;
	waiting->generation = event->generation;
}

static bool is_waited_for(const struct waiting *waiting, unsigned states)
{
	/* Nothing follows CLOSED. */
	return waiting->state == LATCH_STATE_CLOSED || (states >> waiting->state & 1) != 0;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000000 + now.tv_nsec;
}

/* Return: ms until then, rounded up: whoever waits must not come back early; -1 for no deadline */
static int ms_until(int64_t deadline_ns)
{
	int64_t left_ns;

	if (deadline_ns < 0)
		return -1;
	left_ns = deadline_ns - now_ns();
	return left_ns < 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

/* Reads until the latch is where it is waited for, or there is nothing more to read. A short stop
 * on the way counts: the program waited for it. */
static void read_on(struct latch *latch, struct waiting *waiting, unsigned states)
{
	struct latch_record *record;

	for (int i = 0; i < LATCH_QUEUE_MAX && !waiting->must_ask &&
	     !is_waited_for(waiting, states) && read_record(latch, &record); i++) {
		learn(waiting, &record->event);
		append(latch, record);
	}
}

/* Whoever asks a daemon that ends hears of that before its session does, perhaps. */
static int ask_state(struct latch *latch, struct waiting *waiting)
{
	enum { A_MOMENT_MS = 1000 };
	struct pollfd fd = { .fd = latch->session, .events = POLLIN };
	int r = latch_call_state(latch, waiting->id, &waiting->state, &waiting->generation);

	waiting->must_ask = r != 0;
	if (r != LATCH_ERR_SERVICE || latch->session < 0)
		return r;
	if (poll(&fd, 1, A_MOMENT_MS) > 0)
		collect(latch);
	return latch->away != LATCH_AWAY_NOT ? 0 : r;
}

/* Until there is something to read, or the daemon is there again. */
static int await(struct latch *latch, int64_t deadline_ns)
{
	bool is_away = latch->away != LATCH_AWAY_NOT;
	struct pollfd fd = { .events = POLLIN };
	int left = ms_until(deadline_ns);

	if (left == 0)
		return LATCH_ERR_TIMEOUT;
	fd.fd = is_away ? latch_resume_fd(latch) : latch->session;
	if (is_away && (left < 0 || left > ms_until((int64_t)latch->deadline_ns)))
		left = ms_until((int64_t)latch->deadline_ns);
	return poll(&fd, 1, left) < 0 ? LATCH_ERR_SYSTEM : 0;
}

static int wait_for(struct latch *latch, struct waiting *waiting, unsigned states,
		    int64_t deadline_ns)
{
	for (;;) {
		int r = 0;

		latch_resume_go_on(latch);
		if (waiting->must_ask && latch->away == LATCH_AWAY_NOT)
			r = ask_state(latch, waiting);
		if (r != 0 || (!waiting->must_ask && is_waited_for(waiting, states)))
			return r;
		read_on(latch, waiting, states);
		if (!waiting->must_ask && is_waited_for(waiting, states))
			return 0;
		if (latch->is_over)
			return LATCH_ERR_SERVICE;
		if (waiting->must_ask && latch->away == LATCH_AWAY_NOT)
			continue;
		r = await(latch, deadline_ns);
		if (r != 0)
			return r;
	}
}

int latch_wait(struct latch *latch, uint64_t id, unsigned states, int timeout_ms,
	       enum latch_state *ret_state)
{
	struct waiting waiting = { .id = id, .must_ask = true };
	int64_t deadline_ns = timeout_ms < 0 ? -1 : now_ns() + timeout_ms * (int64_t)1000000;
	int r, kept;

	if (latch == NULL || ret_state == NULL || timeout_ms < -1)
		return LATCH_ERR_ARGUMENT;
	collect(latch);
	r = latch->is_over ? LATCH_ERR_SERVICE : wait_for(latch, &waiting, states, deadline_ns);
	kept = errno;
	latch_session_ring(latch);
	errno = kept;
	if (r == 0)
		*ret_state = waiting.state;
	return r;
}
