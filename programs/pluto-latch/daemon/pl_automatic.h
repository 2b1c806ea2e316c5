/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_AUTOMATIC_H
#define PL_AUTOMATIC_H

#include "core/pl_base.h"
#include "core/pl_conf.h"
#include "daemon/pl_daemon.h"

struct event_base;

/**
 * struct pl_automatic - latches of programs that know nothing of them: packets that the guard holds
 * come to the engine
 */
struct pl_automatic;

/**
 * pl_automatic_new() - packets that are held wait from now on
 * @conf: latch.conf; without automatic rules nothing is done
 * @log:  not NULL
 * @ret:  free with pl_automatic_free()
 * @ret_error: a sentence for the administrator; written unless 0 is returned
 *
 * Return: 0 or a negative errno
 */
int pl_automatic_new(const struct pl_conf *conf, pl_daemon_log *log, struct pl_automatic **ret,
		     char ret_error[static PL_DAEMON_ERROR_MAX]) PL_MUST_USE;

/**
 * pl_automatic_attach() - hear of them
 * @automatic: not NULL
 * @base:      must outlive it
 * @engine:    started
 *
 * Return: 0 or a negative errno
 */
int pl_automatic_attach(struct pl_automatic *automatic, struct event_base *base,
			struct pl_engine *engine) PL_MUST_USE;

/**
 * pl_automatic_free() - what is held, and what will be, is dropped
 * @automatic: NULL is fine
 *
 * Return: NULL
 */
struct pl_automatic *pl_automatic_free(struct pl_automatic *automatic);

#endif
