/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SESSION_H
#define PL_SESSION_H

#include "core/pl_conf.h"
#include "core/pl_engine.h"
#include "core/pl_limits.h"
#include "core/pl_ops.h"

struct event_base;

/**
 * struct pl_sessions - all sessions
 */
struct pl_sessions;

/**
 * typedef pl_session_log - something that an administrator should know
 * @ctx:  as given
 * @text: one line without its end
 */
typedef void pl_session_log(void *ctx, const char *text);

/**
 * pl_sessions_new() - none yet
 * @conf: latch.conf; borrowed
 * @log:  not NULL
 * @ctx:  for @log
 *
 * Return: NULL without memory
 */
struct pl_sessions *pl_sessions_new(const struct pl_conf *conf, pl_session_log *log,
				    void *ctx) PL_MUST_USE;

/**
 * pl_sessions_free() - end all; the engine is not told
 * @sessions: NULL is fine
 *
 * Return: NULL
 */
struct pl_sessions *pl_sessions_free(struct pl_sessions *sessions);

/**
 * pl_sessions_attach() - sessions can be opened from now on
 * @sessions: the sessions
 * @base:     borrowed
 * @engine:   is told of each end, from the event loop; borrowed
 *
 * Return: 0 or -ENOMEM
 */
int pl_sessions_attach(struct pl_sessions *sessions, struct event_base *base,
		       struct pl_engine *engine) PL_MUST_USE;

/**
 * struct pl_session_wish - which session is opened
 * @uid:      of whom it is; counted
 * @is_watch: also told of latches of others that @uid may see
 * @number:   of the one that is resumed; 0 is a new one
 */
struct pl_session_wish {
	uint32_t uid;
	bool is_watch;
	uint64_t number;
};

/**
 * pl_session_open() - a session with its first record in it
 * @sessions:   the sessions
 * @wish:       which
 * @ret_number: of the session, never 0 and never used again
 * @ret_fd:     the client's end; the caller closes it
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; -ENOMEM; a negative errno of the system
 */
int pl_session_open(struct pl_sessions *sessions, const struct pl_session_wish *wish,
		    uint64_t *ret_number, int *ret_fd) PL_MUST_USE;

/**
 * pl_session_abandon() - it came to nothing: as if it had not been opened
 * @sessions: the sessions
 * @number:   of one that was just opened; the engine is not told
 */
void pl_session_abandon(struct pl_sessions *sessions, uint64_t number);

/**
 * pl_session_lose() - its client missed changes, and reads so
 * @sessions: the sessions
 * @number:   of one that may have ended already
 */
void pl_session_lose(struct pl_sessions *sessions, uint64_t number);

/**
 * pl_session_is_open() - it exists and has not ended
 * @sessions: the sessions
 * @number:   any
 */
bool pl_session_is_open(const struct pl_sessions *sessions, uint64_t number);

/**
 * pl_session_end() - its client is gone; the engine hears of it from the event loop
 * @sessions: the sessions
 * @number:   of one that may have ended already
 */
void pl_session_end(struct pl_sessions *sessions, uint64_t number);

/**
 * pl_sessions_alert() - struct pl_owner_ops alert
 * @sessions: the sessions
 * @owner:    whom
 * @alert:    what
 */
enum pl_told pl_sessions_alert(struct pl_sessions *sessions, const struct pl_owner *owner,
			       const struct pl_alert *alert);

/**
 * pl_sessions_remind() - struct pl_owner_ops remind
 * @sessions: the sessions
 * @owner:    whom
 * @alert:    what
 */
enum pl_told pl_sessions_remind(struct pl_sessions *sessions, const struct pl_owner *owner,
				const struct pl_alert *alert);

/**
 * pl_sessions_watch() - struct pl_owner_ops watch
 * @sessions: the sessions
 * @alert:    what
 */
void pl_sessions_watch(struct pl_sessions *sessions, const struct pl_alert *alert);

/**
 * pl_sessions_count() - open sessions
 * @sessions: the sessions
 * @uid:      NULL is all
 */
uint32_t pl_sessions_count(const struct pl_sessions *sessions, const uint32_t *uid);

/**
 * pl_sessions_usage() - what each uid has of sessions, and of subscriptions of any kind
 * @sessions: the sessions
 */
struct pl_usage *pl_sessions_usage(const struct pl_sessions *sessions);

#endif
