/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_QUEUE_H
#define PL_QUEUE_H

#include "kernel/pl_queue_decode.h"

#include <stdbool.h>

/**
 * struct pl_queue - the packets that the guard holds (PL_NFT_QUEUE)
 */
struct pl_queue;

/* What becomes of one. */
enum pl_queue_verdict {
	PL_QUEUE_DROP = 0,
	PL_QUEUE_AGAIN,		/* the guard looks at it once more */
	PL_QUEUE_PASS,
};

/**
 * pl_queue_open() - hear of them from now on
 * @ret: close with pl_queue_close()
 *
 * Return: 0; a negative errno: -EBUSY when another program has the queue, -EINVAL without
 * nfnetlink_queue in the kernel
 */
int pl_queue_open(struct pl_queue **ret) PL_MUST_USE;

/**
 * pl_queue_close() - all that are held, and all that will be, are dropped
 * @queue: NULL is fine
 *
 * Return: NULL
 */
struct pl_queue *pl_queue_close(struct pl_queue *queue);

/**
 * pl_queue_fd() - readable when a packet waits
 * @queue: open
 */
int pl_queue_fd(const struct pl_queue *queue);

/**
 * typedef pl_queue_judge - decides about a packet
 * @queued: .error is 0
 */
typedef enum pl_queue_verdict pl_queue_judge(void *ctx, const struct pl_queued *queued);

/**
 * pl_queue_dispatch() - have some of the packets judged that wait, and carry that out
 * @queue: open
 * @judge: not asked about packets that cannot be read, which are dropped
 * @ctx:   for it
 *
 * Does not block. With more than a few it leaves the others for the next call.
 */
void pl_queue_dispatch(struct pl_queue *queue, pl_queue_judge *judge, void *ctx);

#endif
