/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef LATCH_CLI_TARGET_H
#define LATCH_CLI_TARGET_H

#include "cli.h"

#include <sys/socket.h>

/* What the arguments of a command say that name one latch. */
#define TARGET_ARGS "ID | PROTOCOL LOCAL REMOTE | --fd=N"

/**
 * struct target - one latch, as the user names it
 * @id:       of the latch; 0: it is found by a socket or by both ends
 * @fd:       of the socket, ours to close; -1: by both ends
 * @protocol: "tcp", "udp" or "sctp"
 * @local:    this end, with its port
 * @remote:   the other end
 */
struct target {
	uint64_t id;
	int fd;
	const char *protocol;
	struct sockaddr_storage local, remote;
};

/**
 * target_read() - what the user means, before anybody is asked
 * @cli:  for --fd and --pid
 * @argc: of the command
 * @argv: likewise; borrowed as long as @ret
 * @ret:  let go with target_close()
 *
 * Return: CLI_OK, or the exit code after a line on standard error
 */
enum cli_exit target_read(const struct cli *cli, int argc, char **argv, struct target *ret);

void target_close(struct target *target);

/**
 * target_find() - the latch
 * @cli:    for its name
 * @latch:  the handle
 * @target: of target_read()
 * @ret_id: of the latch
 *
 * Return: CLI_OK, or the exit code after a line on standard error: CLI_NOT_FOUND when there is none
 */
enum cli_exit target_find(const struct cli *cli, struct latch *latch, const struct target *target,
			  uint64_t *ret_id);

/**
 * target_socket() - a copy of the socket that --fd and --pid name
 * @cli:    for both
 * @ret_fd: close-on-exec, above standard error
 *
 * A socket of another network namespace than ours is refused: what the service says is about
 * addresses, and they mean something else there.
 *
 * Return: as above; CLI_NOT_AUTHORIZED when the process may not be looked into
 */
enum cli_exit target_socket(const struct cli *cli, int *ret_fd);

/**
 * target_is_here() - is it a socket of our own network namespace?
 * @fd: any descriptor
 *
 * Return: LATCH_OK, LATCH_ERR_NOT_INTERNET, LATCH_ERR_OTHER_NETNS or LATCH_ERR_SYSTEM
 */
int target_is_here(int fd);

#endif
