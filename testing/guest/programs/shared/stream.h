/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct stream - bytes that go both ways over a connected TCP socket, by a process of their own
 * @is_stopping: no more is to be sent; the rest of the peer's is still received
 * @is_over:     both directions came to their end, or one of them failed
 * @error:       errno of that failure, or 0
 * @sent:        bytes that the socket took
 * @received:    bytes that it gave
 * @sent_sum:    of all bytes that were sent, in their order; equal at both ends when nothing was
 *               lost, changed, doubled or exchanged
 * @received_sum: likewise
 *
 * Shared with the process, which alone writes all but @is_stopping.
 */
struct stream {
	volatile bool is_stopping, is_over;
	volatile int error;
	volatile uint64_t sent, received, sent_sum, received_sum;
	pid_t pid;
};

/**
 * stream_start() - begin to send and to receive
 * @fd: connected, non-blocking
 *
 * Return: the stream, or NULL with errno
 */
struct stream *stream_start(int fd);

/**
 * stream_free() - end the process, whatever it does
 * @stream: from stream_start()
 */
void stream_free(struct stream *stream);

#endif
