/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef LATCH_CLI_CREATE_H
#define LATCH_CLI_CREATE_H

#include "cli.h"

/**
 * struct held - a latched connection, or listener, of this process
 * @cli:   what the user asked for
 * @latch: the handle whose session owns it; NULL: it is not latched, as --prefer allows
 * @id:    of the latch
 * @id2:   of the other one of a dual-stack listener, or 0
 * @over:  CLI_OK as long as the latch holds; otherwise what to end with, and it was said why
 */
struct held {
	const struct cli *cli;
	struct latch *latch;
	uint64_t id, id2;
	enum cli_exit over;
};

/**
 * held_check() - read what the service says of the latch
 * @held: the connection; over is set, after a line on standard error, when it is broken or closed
 *        or when nobody vouches for it any more
 *
 * Return: @held->over
 */
enum cli_exit held_check(struct held *held);

/**
 * held_end() - the connection is over: was it broken before that?
 * @held: as for held_check()
 *
 * A peer whose own latch broke ends its end, and that may arrive before our record. The service
 * breaks both before it tells anybody, and its answer to a question comes after its records.
 *
 * Return: @held->over
 */
enum cli_exit held_end(struct held *held);

/**
 * held_use() - say which latch it is, then run COMMAND on the connection, or copy
 * @held: a connection with its latch
 * @fd:   its socket; closed
 *
 * Return: exit code, also when the latch is not established: then nothing is run or copied
 */
int held_use(struct held *held, int fd);

/**
 * relay_copy() - standard input to the connection, the connection to standard output
 * @held:        the connection
 * @fd:          its socket
 * @is_datagram: one read is one datagram, and nothing says that the peer is done
 *
 * Ends when the peer has ended, or with the latch. Of datagrams: when standard input has ended and
 * none has come for a second.
 *
 * Return: exit code
 */
int relay_copy(struct held *held, int fd, bool is_datagram);

/**
 * relay_run() - run COMMAND with the connection as its standard input and output
 * @held: the connection
 * @fd:   its socket; closed
 *
 * When the latch ends first, COMMAND gets SIGTERM, and 2 s later SIGKILL.
 *
 * Return: exit code of COMMAND, 128 + N if signal N ended it; or @held->over
 */
int relay_run(struct held *held, int fd);

#endif
