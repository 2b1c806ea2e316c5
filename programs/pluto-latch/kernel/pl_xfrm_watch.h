/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_XFRM_WATCH_H
#define PL_XFRM_WATCH_H

#include "core/pl_base.h"
#include "core/pl_xfrm.h"

/**
 * struct pl_xfrm_watch - hears of every change of SAs and policies in this network namespace
 */
struct pl_xfrm_watch;

/**
 * struct pl_xfrm_ears - who is told (struct pl_engine has these)
 *
 * @change: in the order in which it happened; an error asks for a list
 * @list_begin: a list follows, because changes may have been lost
 * @listed: one entry of it; an error ends it, and there is no @list_end
 * @list_end: that was all
 * @settle: nothing more is waiting
 * @is_settled: nothing that was told since the last @settle asks for another one
 */
struct pl_xfrm_ears {
	int (*change)(void *ctx, const struct pl_xfrm_change *change);
	void (*list_begin)(void *ctx);
	int (*listed)(void *ctx, const struct pl_xfrm_change *change);
	void (*list_end)(void *ctx);
	void (*settle)(void *ctx);
	bool (*is_settled)(void *ctx);
};

/**
 * pl_xfrm_watch_open() - listen from now on; the first dispatch gives a list
 * @ears:  borrowed
 * @ctx:   for them
 * @ret:   close with pl_xfrm_watch_close()
 *
 * Return: 0 or a negative errno
 */
int pl_xfrm_watch_open(const struct pl_xfrm_ears *ears, void *ctx,
		       struct pl_xfrm_watch **ret) PL_MUST_USE;

/**
 * pl_xfrm_watch_close() - let go
 * @watch: NULL is fine
 *
 * Return: NULL
 */
struct pl_xfrm_watch *pl_xfrm_watch_close(struct pl_xfrm_watch *watch);

/**
 * pl_xfrm_watch_fd() - readable when there is something for pl_xfrm_watch_dispatch()
 * @watch: the watch
 */
int pl_xfrm_watch_fd(const struct pl_xfrm_watch *watch);

/**
 * pl_xfrm_watch_hear() - hand out what waits already, as far as nobody is judged by it
 * @watch: the watch
 *
 * For whoever has just changed SAs or policies, and so knows that messages about that are waiting:
 * the event loop need not wake up for them. The engine may be in the middle of nothing.
 *
 * Return: pl_xfrm_watch_dispatch() is due, though the socket may not be readable any more
 */
bool pl_xfrm_watch_hear(struct pl_xfrm_watch *watch) PL_MUST_USE;

/**
 * pl_xfrm_watch_dispatch() - hand out what was heard, or a list when something was lost
 * @watch:   the watch
 * @ret_lost: a list was needed; written also with an error
 *
 * Return: 0; an error when there should be a list and is none: the next call tries again
 */
int pl_xfrm_watch_dispatch(struct pl_xfrm_watch *watch, bool *ret_lost) PL_MUST_USE;

#endif
