/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions: a SEQPACKET socket for each client, over which it is told, and whose end says that the
 * client is gone (design D2 "Told", D13).
 *
 * Invariants:
 * - Telling never waits. A record is in the kernel's queue when alert returns, or the session is
 *   closed by then, so that its EOF is the alert. Merely watching costs a client records, never
 *   its session.
 * - What a client does not read costs at most the socket's buffer; it is charged to its session.
 * - The engine hears of an end from the event loop, never from inside of its own ops.
 * - A client that writes breaks the rules, and its session ends: reading what it writes would cost
 *   us as much time as it likes.
 */

#include "bus/pl_session.h"

#include "bus/pl_record.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct session {
	RB_ENTRY(session) by_number;
	TAILQ_ENTRY(session) watching;
	TAILQ_ENTRY(session) ended;
	struct pl_sessions *all;
	struct event *readable;
	struct event *writable;		/* pending while @is_lost */
	uint64_t number;
	uint64_t alerted;		/* generation of the last alert */
	uint32_t uid;
	int fd;				/* -1: it has ended */
	bool is_watch;
	bool is_lost;			/* records were dropped, and it does not know yet */
};

static int compare_number(const struct session *a, const struct session *b)
{
	return (a->number > b->number) - (a->number < b->number);
}

RB_HEAD(session_tree, session);
TAILQ_HEAD(session_list, session);
/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(session_tree, session, by_number, compare_number, OURS)

struct pl_sessions {
	struct session_tree tree;
	struct session_list watchers;
	struct session_list ended;
	struct pl_usage *usage;
	const struct pl_conf *conf;
	pl_session_log *log;
	void *log_ctx;
	struct event_base *base;
	struct event *bury;
	struct pl_engine *engine;
	uint64_t last;
};

static struct session *find(const struct pl_sessions *all, uint64_t number)
{
	struct session key = { .number = number };
	struct session *session = RB_FIND(session_tree, (struct session_tree *)&all->tree, &key);

	return session != NULL && session->fd >= 0 ? session : NULL;
}

static struct session *session_free(struct session *session)
{
	struct pl_sessions *all = session->all;

	RB_REMOVE(session_tree, &all->tree, session);
	if (session->readable != NULL)
		event_free(session->readable);
	if (session->writable != NULL)
		event_free(session->writable);
	if (session->fd >= 0)
		close(session->fd);
	free(session);
	return NULL;
}

static int take_usage(struct pl_sessions *all, uint32_t uid, bool is_watch)
{
	int r = pl_usage_take(all->usage, &all->conf->limits, uid, PL_LIMIT_SESSIONS);

	if (r != 0 || !is_watch)
		return r;
	r = pl_usage_take(all->usage, &all->conf->limits, uid, PL_LIMIT_SUBSCRIPTIONS);
	if (r != 0)
		pl_usage_give_back(all->usage, uid, PL_LIMIT_SESSIONS);
	return r;
}

static void give_usage_back(struct pl_sessions *all, uint32_t uid, bool is_watch)
{
	pl_usage_give_back(all->usage, uid, PL_LIMIT_SESSIONS);
	if (is_watch)
		pl_usage_give_back(all->usage, uid, PL_LIMIT_SUBSCRIPTIONS);
}

/* From here on it is told nothing; the engine and the accounts follow from the event loop. */
static void end(struct session *session)
{
	struct pl_sessions *all = session->all;

	if (session->fd < 0)
		return;
	event_del(session->readable);
	event_del(session->writable);
	close(session->fd);
	session->fd = -1;
	if (session->is_watch)
		TAILQ_REMOVE(&all->watchers, session, watching);
	TAILQ_INSERT_TAIL(&all->ended, session, ended);
	event_active(all->bury, EV_TIMEOUT, 0);
}

static void bury(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_sessions *all = ctx;
	struct session *session;

	(void)fd;
	(void)what;
	while ((session = TAILQ_FIRST(&all->ended)) != NULL) {
		TAILQ_REMOVE(&all->ended, session, ended);
		pl_engine_owner_gone(all->engine, session->number);
		give_usage_back(all, session->uid, session->is_watch);
		session_free(session);
	}
}

struct pl_sessions *pl_sessions_new(const struct pl_conf *conf, pl_session_log *log, void *ctx)
{
	struct pl_sessions *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	RB_INIT(&all->tree);
	TAILQ_INIT(&all->watchers);
	TAILQ_INIT(&all->ended);
	all->conf = conf;
	all->log = log;
	all->log_ctx = ctx;
	all->usage = pl_usage_new();
	return all->usage == NULL ? pl_sessions_free(all) : all;
}

struct pl_sessions *pl_sessions_free(struct pl_sessions *all)
{
	struct session *session;

	if (all == NULL)
		return NULL;
	while ((session = RB_MIN(session_tree, &all->tree)) != NULL)
		session_free(session);
	if (all->bury != NULL)
		event_free(all->bury);
	pl_usage_free(all->usage);
	free(all);
	return NULL;
}

int pl_sessions_attach(struct pl_sessions *all, struct event_base *base, struct pl_engine *engine)
{
	all->bury = event_new(base, -1, 0, bury, all);
	if (all->bury == NULL)
		return -ENOMEM;
	all->base = base;
	all->engine = engine;
	/* Those of the daemon before keep their numbers. */
	all->last = pl_engine_session_last(engine);
	return 0;
}

/* Return: 0, or a negative errno; -EAGAIN when its reader is too slow */
static int send_text(const struct session *session, const char *text)
{
	ssize_t n;

	if (text == NULL)
		return -ENOMEM;
	do {
		n = send(session->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct session *session = ctx;
	char line[128];
	char byte;
	ssize_t n = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		snprintf(line, sizeof(line), "session %llu of uid %u is closed: its client wrote",
			 (unsigned long long)session->number, session->uid);
		session->all->log(session->all->log_ctx, line);
	}
	end(session);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct session *session = ctx;
	struct pl_sessions *all = session->all;
	char *text = pl_record_lost(pl_engine_generation(all->engine));
	int r = send_text(session, text);

	(void)fd;
	(void)what;
	free(text);
	if (r == 0)
		session->is_lost = false;
	else if (r == -EAGAIN || r == -ENOMEM || r == -ENOBUFS)
		event_add(session->writable, NULL);
	/* Anything else is the end, of which on_readable() hears. */
}

static void lose(struct session *session)
{
	session->is_lost = true;
	event_add(session->writable, NULL);
}

/* The queue is the socket's send buffer. The kernel doubles the value, for its own structures. */
static void set_queue(int fd, uint32_t bytes)
{
	int size = (int)bytes;

	/* Beyond the host's maximum only with a privilege; without it the queue is shorter. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		(void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int session_make(struct pl_sessions *all, const struct pl_session_wish *wish, int fd,
			struct session **ret)
{
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return -ENOMEM;
	session->all = all;
	session->fd = -1;
	session->number = wish->number != 0 ? wish->number : all->last + 1;
	session->uid = wish->uid;
	session->readable = event_new(all->base, fd, EV_READ | EV_PERSIST, on_readable, session);
	session->writable = event_new(all->base, fd, EV_WRITE, on_writable, session);
	RB_INSERT(session_tree, &all->tree, session);
	if (session->readable == NULL || session->writable == NULL ||
	    event_add(session->readable, NULL) != 0) {
		session_free(session);
		return -ENOMEM;
	}
	if (session->number > all->last)
		all->last = session->number;
	session->fd = fd;
	*ret = session;
	return 0;
}

static int greet(const struct session *session)
{
	char *text = pl_record_hello(session->number,
				     pl_engine_generation(session->all->engine),
				     session->all->conf->resume_wait);
	int r = send_text(session, text);

	free(text);
	return r;
}

/* Descriptors run out for pluto, too; so the last ones are not for clients. */
static bool is_too_high(int fd)
{
	enum { RESERVE = 256 };
	struct rlimit limit;
	rlim_t reserve;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	reserve = limit.rlim_cur / 4 < RESERVE ? limit.rlim_cur / 4 : RESERVE;
	return (rlim_t)fd >= limit.rlim_cur - reserve;
}

static int open_session(struct pl_sessions *all, const struct pl_session_wish *wish,
			struct session **ret, int *ret_fd)
{
	struct session *session = NULL;
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	set_queue(pair[0], all->conf->limits.each[PL_LIMIT_QUEUE_BYTES]);
	r = is_too_high(pair[1]) ? PL_E_LIMIT_EXCEEDED :
				   session_make(all, wish, pair[0], &session);
	if (r != 0) {
		close(pair[0]);
	} else {
		r = greet(session);
		if (r != 0)
			session_free(session);
	}
	if (r != 0) {
		close(pair[1]);
		return r;
	}
	*ret = session;
	*ret_fd = pair[1];
	return 0;
}

int pl_session_open(struct pl_sessions *all, const struct pl_session_wish *wish,
		    uint64_t *ret_number, int *ret_fd)
{
	struct session *session = NULL;
	int r = take_usage(all, wish->uid, wish->is_watch);

	if (r != 0)
		return r;
	r = open_session(all, wish, &session, ret_fd);
	if (r != 0) {
		give_usage_back(all, wish->uid, wish->is_watch);
		return r;
	}
	session->is_watch = wish->is_watch;
	if (session->is_watch)
		TAILQ_INSERT_TAIL(&all->watchers, session, watching);
	*ret_number = session->number;
	return 0;
}

void pl_session_abandon(struct pl_sessions *all, uint64_t number)
{
	struct session *session = find(all, number);

	if (session == NULL)
		return;
	if (session->is_watch)
		TAILQ_REMOVE(&all->watchers, session, watching);
	give_usage_back(all, session->uid, session->is_watch);
	session_free(session);
}

void pl_session_lose(struct pl_sessions *all, uint64_t number)
{
	struct session *session = find(all, number);

	if (session != NULL)
		lose(session);
}

bool pl_session_is_open(const struct pl_sessions *all, uint64_t number)
{
	return find(all, number) != NULL;
}

void pl_session_end(struct pl_sessions *all, uint64_t number)
{
	struct session *session = find(all, number);

	if (session != NULL)
		end(session);
}

/* The engine allows this look from within its ops: it changes nothing, and the latch is whole when
 * owners are told. NULL when there is no such latch, or @uid may not see it. */
static const struct pl_latch *latch_of(const struct pl_sessions *all, const uint32_t *uid,
				       uint64_t id)
{
	struct pl_owner who = { .kind = PL_OWNER_SESSION, .uid = uid == NULL ? 0 : *uid };
	const struct pl_latch *latch;

	return pl_engine_inquire(all->engine, who.uid == 0 ? NULL : &who, id, &latch) == 0 ?
	       latch : NULL;
}

static char *record(const struct pl_sessions *all, const char *type, const struct pl_alert *alert)
{
	const struct pl_latch *latch = latch_of(all, NULL, alert->id);
	const char *peer = latch == NULL ? NULL : pl_engine_peer(all->engine, latch);

	return pl_record_change(type, alert, latch, peer,
				all->conf->limits.each[PL_LIMIT_RECORD_BYTES]);
}

enum pl_told pl_sessions_alert(struct pl_sessions *all, const struct pl_owner *owner,
			       const struct pl_alert *alert)
{
	struct session *session = owner->kind != PL_OWNER_SESSION || all->base == NULL ? NULL :
				  find(all, owner->number);
	char line[160];
	char *text;
	int r;

	if (session == NULL)
		return PL_TOLD_NOT;
	text = record(all, "alert", alert);
	r = send_text(session, text);
	free(text);
	session->alerted = alert->generation;
	if (r == 0)
		return PL_TOLD_RECORD;
	snprintf(line, sizeof(line), "session %llu of uid %u is closed: latch %llu, %s",
		 (unsigned long long)session->number, session->uid, (unsigned long long)alert->id,
		 r == -EAGAIN ? "its reader is too slow" : strerror(-r));
	all->log(all->log_ctx, line);
	end(session);
	return PL_TOLD_EOF;
}

enum pl_told pl_sessions_remind(struct pl_sessions *all, const struct pl_owner *owner,
				const struct pl_alert *alert)
{
	struct session *session = find(all, owner->number);
	char *text = session == NULL ? NULL : record(all, "state", alert);
	int r = session == NULL ? -EPIPE : send_text(session, text);

	free(text);
	if (r == -EAGAIN || r == -ENOMEM || r == -ENOBUFS)
		lose(session);
	return r == 0 ? PL_TOLD_RECORD : PL_TOLD_NOT;
}

void pl_sessions_watch(struct pl_sessions *all, const struct pl_alert *alert)
{
	struct session *session;
	char *text = NULL;

	TAILQ_FOREACH(session, &all->watchers, watching) {
		int r;

		if (session->is_lost || session->alerted == alert->generation ||
		    (session->uid != 0 && latch_of(all, &session->uid, alert->id) == NULL))
			continue;
		if (text == NULL)
			text = record(all, "change", alert);
		r = send_text(session, text);
		if (r != 0 && r != -EPIPE && r != -ECONNRESET)
			lose(session);
	}
	free(text);
}

uint32_t pl_sessions_count(const struct pl_sessions *all, const uint32_t *uid)
{
	return uid == NULL ? pl_usage_total(all->usage, PL_LIMIT_SESSIONS) :
	       pl_usage_of(all->usage, *uid, PL_LIMIT_SESSIONS);
}

struct pl_usage *pl_sessions_usage(const struct pl_sessions *all)
{
	return all->usage;
}
