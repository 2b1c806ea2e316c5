/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef LATCH_CLI_FILTER_H
#define LATCH_CLI_FILTER_H

#include "cli.h"

/**
 * struct filter - which latches are meant
 * @cli: for --state, --address, --port, --peer and --pid
 * @ids: with --pid, latches of that process's sockets
 * @nr:  how many
 */
struct filter {
	const struct cli *cli;
	uint64_t *ids;
	size_t nr;
};

/**
 * filter_open() - with --pid, ask for the latch of each socket of the process
 * @cli:   what the user asked for
 * @latch: the handle
 * @ret:   let go with filter_close(), also after an error
 *
 * Sockets of other network namespaces than ours, and those without a latch, are passed over.
 *
 * Return: CLI_OK, or the exit code after a line on standard error; CLI_NOT_AUTHORIZED when the
 * process may not be looked into
 */
enum cli_exit filter_open(const struct cli *cli, struct latch *latch, struct filter *ret);

/**
 * filter_holds() - is this one meant?
 * @filter: opened
 * @state:  of the latch
 * @latch:  its object
 */
bool filter_holds(const struct filter *filter, enum latch_state state, const json_t *latch);

void filter_close(struct filter *filter);

#endif
