/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_WATCH_H
#define PL_SOCKET_WATCH_H

#include "core/pl_base.h"
#include "core/pl_tuple.h"

#include <stdbool.h>

/**
 * struct pl_watch - hears of the end of every TCP and UDP socket of this network namespace
 */
struct pl_watch;

/**
 * pl_watch_open() - listen from now on
 * @ret: close with pl_watch_close()
 *
 * Return: 0 or a negative errno
 */
int pl_watch_open(struct pl_watch **ret) PL_MUST_USE;

/**
 * pl_watch_close() - let go
 * @watch: NULL is fine
 *
 * Return: NULL
 */
struct pl_watch *pl_watch_close(struct pl_watch *watch);

/**
 * pl_watch_fd() - readable when there is something for pl_watch_dispatch()
 * @watch: the watch
 */
int pl_watch_fd(const struct pl_watch *watch);

/**
 * typedef pl_watch_see - a socket ended; TIME_WAIT may be left of it
 * @ctx:   as given
 * @tuple: not normalised; the remote end is zero of one without a peer
 * @cookie: of the socket; of TCP not always that of the connection's latch: TIME_WAIT has its own
 */
typedef void pl_watch_see(void *ctx, const struct pl_tuple *tuple, uint64_t cookie);

/**
 * pl_watch_dispatch() - hand out what was heard; does not block
 * @watch:    the watch
 * @see:      called for each
 * @ctx:      for it
 * @ret_lost: some were lost, because they came faster than this was called
 *
 * Return: 0 or a negative errno
 */
int pl_watch_dispatch(struct pl_watch *watch, pl_watch_see *see, void *ctx,
		      bool *ret_lost) PL_MUST_USE;

#endif
