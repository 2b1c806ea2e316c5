/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_ASK_H
#define PL_SOCKET_ASK_H

#include "core/pl_base.h"

#include <stdint.h>

struct mnl_socket;
struct nlmsghdr;

/* Bytes that hold any request of ours. */
#define PL_ASK_MAX 512

/**
 * struct pl_ask - a netlink socket for questions that the kernel answers at once
 * @socket: NULL when it is not open
 * @seq:    of the last question
 */
struct pl_ask {
	struct mnl_socket *socket;
	uint32_t seq;
};

/**
 * pl_ask_open() - open it
 * @protocol: NETLINK_SOCK_DIAG and such
 * @ret:      close with pl_ask_close()
 *
 * Return: 0 or a negative errno
 */
int pl_ask_open(int protocol, struct pl_ask *ret) PL_MUST_USE;

/**
 * pl_ask_close() - close it
 * @ask: one that is not open is fine
 */
void pl_ask_close(struct pl_ask *ask);

/**
 * typedef pl_ask_see - sees one message of the answer
 *
 * Return: 0 to go on; anything else is handed up, and nothing more is shown
 */
typedef int pl_ask_see(void *ctx, const struct nlmsghdr *message);

/**
 * pl_ask() - ask, and read the whole answer
 * @ask:     an open one
 * @request: with NLM_F_DUMP for a list; sequence number and other flags are set here
 * @see:     called with each message of the answer; may be NULL
 * @ctx:     for it
 *
 * The kernel answers while we send or read: nobody is waited for.
 *
 * Return: 0; what @see returned; the negative errno that the kernel answered; -EINTR when a list
 * changed while it was read; -EIO when the answer has no end
 */
int pl_ask(struct pl_ask *ask, struct nlmsghdr *request, pl_ask_see *see, void *ctx) PL_MUST_USE;

#endif
