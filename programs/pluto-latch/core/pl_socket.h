/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_H
#define PL_SOCKET_H

#include "core/pl_base.h"
#include "core/pl_ops.h"

#include <stdbool.h>

/* What is wanted of a socket. */
enum pl_socket_use {
	PL_SOCKET_NONE = 0,
	PL_SOCKET_CONNECTION,	/* it is connected */
	PL_SOCKET_ACCEPTED,	/* likewise, at a latched listener: its bytes were guarded */
	PL_SOCKET_BEFORE_CONNECT, /* bound, and not connected yet */
	PL_SOCKET_LISTENER,	/* bound; may listen already */
	PL_SOCKET_ROOF,
};

/**
 * pl_socket_judge() - may this socket be latched
 * @facts:   as read
 * @use:     what for
 * @is_late: bytes that were received before do not matter
 *
 * Return: 0; PL_E_OTHER_NETNS; PL_E_NOT_INTERNET; PL_E_MPTCP; PL_E_UNSUPPORTED for a socket of SCTP
 * with many associations, or of several addresses that shall listen; PL_E_NOT_CONNECTED;
 * PL_E_WRONG_STATE for a socket that is connected already, or listens, when it should not;
 * PL_E_SOURCE_ROUTED; PL_E_ENCAPSULATED; PL_E_VIRTUAL_INTERFACE; PL_E_TRANSLATED;
 * PL_E_BOTH_ENDS_LOCAL; PL_E_WRONG_FLOW; PL_E_ALREADY_USED. The first that applies, in this order.
 */
int pl_socket_judge(const struct pl_socket_facts *facts, enum pl_socket_use use,
		    bool is_late) PL_MUST_USE;

/**
 * pl_socket_is_same() - nothing changed between two looks that a latch relies on
 * @before: first look
 * @after:  second look
 */
bool pl_socket_is_same(const struct pl_socket_facts *before, const struct pl_socket_facts *after);

#endif
