/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program of inetd, or of systemd with Accept=yes, on a latched connection, and the program does
 * not know of latches.
 *
 * Invariant: it does not run before the latch is ESTABLISHED, and not without one. Nothing is said
 * to the peer before that, either: see main.c.
 */

#include "create.h"
#include "target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The connection ends when the program says so: we keep no copy of it that would hold it open. */
static enum cli_exit let_go(const struct cli *cli, int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int ours[] = { STDIN_FILENO, STDOUT_FILENO, cli->fd };
	struct stat conn, other;

	if (null < 0 || fstat(fd, &conn) != 0)
		return cli_failed(cli, LATCH_ERR_SYSTEM, "/dev/null");
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (fstat(ours[i], &other) != 0 || other.st_dev != conn.st_dev ||
		    other.st_ino != conn.st_ino)
			continue;
		if (ours[i] > STDERR_FILENO)
			close(ours[i]);
		else if (dup2(null, ours[i]) < 0)
			return cli_failed(cli, LATCH_ERR_SYSTEM, "/dev/null");
	}
	close(null);
	return CLI_OK;
}

static int latch_and_run(struct held *held, int fd)
{
	int r = latch_latch(held->latch, fd, &held->cli->request, &held->id);
	enum cli_exit code;

	if (r == LATCH_OK)
		return held_use(held, fd);
	code = cli_refused(held->cli, held->latch, r, "descriptor %d", held->cli->fd);
	close(fd);
	return code;
}

int cli_exec(struct cli *cli, int argc, char **argv)
{
	struct held held = { .cli = cli };
	int fd = -1, code;

	(void)argc;
	(void)argv;
	if (cli->run == NULL)
		return cli_usage(cli, "exec needs -- COMMAND...");
	if (cli->fd < 0)
		cli->fd = STDIN_FILENO;
	code = target_socket(cli, &fd);
	if (code == CLI_OK)
		code = let_go(cli, fd);
	if (code == CLI_OK)
		code = cli_open(cli, 0, &held.latch);
	if (code == CLI_OK)
		code = latch_and_run(&held, fd);
	else if (fd >= 0)
		close(fd);
	latch_close(held.latch);
	return code;
}
