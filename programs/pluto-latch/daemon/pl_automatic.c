/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The guard holds the packets that begin connections of automatic rules (kernel/pl_queue.c), the
 * engine says what becomes of them (core/pl_engine_auto.c). In between nothing is decided, and the
 * log gets a line for some of those that are dropped: their programs are not told why.
 */

#include "daemon/pl_automatic.h"

#include "core/pl_conf_auto.h"
#include "core/pl_error.h"
#include "kernel/pl_queue.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pl_automatic {
	struct pl_engine *engine;
	pl_daemon_log *log;
	struct pl_queue *queue;	/* NULL without automatic rules */
	struct event *event;
	time_t last_second;	/* CLOCK_MONOTONIC, in which there was a line */
	unsigned nr_silent;	/* dropped without one since */
};

int pl_automatic_new(const struct pl_conf *conf, pl_daemon_log *log, struct pl_automatic **ret,
		     char ret_error[static PL_DAEMON_ERROR_MAX])
{
	struct pl_automatic *automatic = calloc(1, sizeof(*automatic));
	int r = automatic == NULL ? -ENOMEM : 0;

	if (r == 0 && pl_conf_auto_is_any(conf))
		r = pl_queue_open(&automatic->queue);
	if (r != 0) {
		snprintf(ret_error, PL_DAEMON_ERROR_MAX, "automatic latches: %s",
			 r == -ENOMEM ? "no memory" :
			 r == -EBUSY ? "another program has the nfnetlink queue 5660" :
			 r == -EINVAL ? "the kernel has no nfnetlink queue "
					"(CONFIG_NETFILTER_NETLINK_QUEUE, module nfnetlink_queue)" :
					strerror(-r));
		free(automatic);
		return r;
	}
	automatic->log = log;
	*ret = automatic;
	return 0;
}

/* At most one line a second: a remote end decides how many there would be. */
static void tell(struct pl_automatic *automatic, const struct pl_tuple *tuple, int error)
{
	char text[PL_DAEMON_ERROR_MAX], of[PL_TUPLE_TEXT_MAX];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec == automatic->last_second) {
		automatic->nr_silent++;
		return;
	}
	snprintf(text, sizeof(text), "latch: no automatic latch of %s: %s Its packet is dropped "
		 "(%u more before)", pl_tuple_text(tuple, of),
		 error < 0 ? strerror(-error) : pl_strerror(error), automatic->nr_silent);
	automatic->log(text);
	automatic->last_second = now.tv_sec;
	automatic->nr_silent = 0;
}

static enum pl_queue_verdict judge(void *ctx, const struct pl_queued *queued)
{
	struct pl_automatic *automatic = ctx;
	enum pl_auto_verdict verdict;
	int error = 0;

	if (queued->is_forwarded)
		verdict = pl_engine_auto_forward(automatic->engine, &queued->tuple, &error);
	else
		verdict = pl_engine_auto(automatic->engine, &queued->tuple, queued->way,
					 queued->uid, &error);
	switch (verdict) {
	case PL_AUTO_AGAIN:
		return PL_QUEUE_AGAIN;
	case PL_AUTO_PASS:
		return PL_QUEUE_PASS;
	default:
		tell(automatic, &queued->tuple, error);
		return PL_QUEUE_DROP;
	}
}

static void on_queue(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_automatic *automatic = ctx;

	(void)fd;
	(void)what;
	pl_queue_dispatch(automatic->queue, judge, automatic);
}

int pl_automatic_attach(struct pl_automatic *automatic, struct event_base *base,
			struct pl_engine *engine)
{
	if (automatic->queue == NULL)
		return 0;
	automatic->engine = engine;
	automatic->event = event_new(base, pl_queue_fd(automatic->queue), EV_READ | EV_PERSIST,
				     on_queue, automatic);
	if (automatic->event == NULL)
		return -ENOMEM;
	return event_add(automatic->event, NULL) == 0 ? 0 : -EIO;
}

struct pl_automatic *pl_automatic_free(struct pl_automatic *automatic)
{
	if (automatic == NULL)
		return NULL;
	if (automatic->event != NULL)
		event_free(automatic->event);
	pl_queue_close(automatic->queue);
	free(automatic);
	return NULL;
}
