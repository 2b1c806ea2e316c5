/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_DAEMON_H
#define PL_DAEMON_H

#include "core/pl_engine.h"
#include "core/pl_ops.h"

struct event_base;

/**
 * struct pl_daemon - all layers but the seam, put together
 */
struct pl_daemon;

/**
 * typedef pl_daemon_log - a line for the log of the daemon
 * @text: one line without its end
 */
typedef void pl_daemon_log(const char *text);

#define PL_DAEMON_ERROR_MAX 512

/**
 * pl_daemon_start() - latch.conf, the guard, and an engine that latches
 * @engine:    borrowed
 * @ike:       what the engine may want from pluto; their context is NULL
 * @identities: where those of the journal go; must outlive engine and daemon
 * @log:       not NULL
 * @ret:       free with pl_daemon_free() before the engine
 * @ret_error: a sentence for the administrator; written unless 0 is returned
 *
 * Before the first SA or policy is touched. Whoever gets an error must not run.
 *
 * Return: 0, enum pl_error or a negative errno
 */
int pl_daemon_start(struct pl_engine *engine, const struct pl_ike_ops *ike,
		    struct pl_identity_pool *identities, pl_daemon_log *log, struct pl_daemon **ret,
		    char ret_error[static PL_DAEMON_ERROR_MAX]) PL_MUST_USE;

/**
 * pl_daemon_attach() - the event loop is there: serve the bus, watch the guard, keep time
 * @daemon: started
 * @base:   must outlive the daemon
 *
 * Return: 0 or a negative errno
 */
int pl_daemon_attach(struct pl_daemon *daemon, struct event_base *base) PL_MUST_USE;

/**
 * pl_daemon_hear() - pluto has changed SAs or policies, and does nothing with the engine now
 * @daemon: started
 *
 * What the kernel has told everybody about that is taken in. Otherwise the event loop would wake up
 * for it. If latches are to be judged by it, a turn of the event loop of its own does that.
 */
void pl_daemon_hear(struct pl_daemon *daemon);

/**
 * pl_daemon_put_policy() - a policy of the kernel that pluto cannot say
 * @daemon: started
 * @policy: in the place of its like
 *
 * Return: 0, PL_E_UNSUPPORTED, PL_E_UNAVAILABLE or a negative errno
 */
int pl_daemon_put_policy(struct pl_daemon *daemon, const struct pl_policy *policy) PL_MUST_USE;

/**
 * pl_daemon_take_policy() - it is gone
 * @daemon: started
 * @policy: direction and selectors of it; without one is fine
 *
 * Return: 0, PL_E_UNSUPPORTED or a negative errno
 */
int pl_daemon_take_policy(struct pl_daemon *daemon, const struct pl_policy *policy) PL_MUST_USE;

/**
 * pl_daemon_free() - leave bus and event loop; the guard's table stays in the kernel
 * @daemon: NULL is fine
 *
 * Return: NULL
 */
struct pl_daemon *pl_daemon_free(struct pl_daemon *daemon);

#endif
