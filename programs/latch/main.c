/* SPDX-License-Identifier: GPL-2.0-or-later */

/* `ipsec latch`, also called latchctl: latches for people and scripts. Everything it knows and does
 * goes through liblatch, but for what is in latch.conf; it has no rights of its own.
 */

#include "cli.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket must not become standard output because nobody had opened that. */
static void open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			exit(CLI_ERROR);
	}
}

/* What inetd starts has a connection for its standard error, too. Nothing of ours is said to a
 * peer: it goes to syslog, and COMMAND alone gets that descriptor. */
static void keep_from_peer(struct cli *cli)
{
	int domain = AF_UNSPEC, null;
	socklen_t len = sizeof(domain);

	if (getsockopt(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	    (domain != AF_INET && domain != AF_INET6))
		return;
	cli->peer_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (cli->peer_fd < 0 || null < 0 || dup2(null, STDERR_FILENO) < 0)
		exit(CLI_ERROR);
	close(null);
}

int main(int argc, char **argv)
{
	const char *base = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct cli cli = { .wait_ms = -1, .fd = -1, .peer_fd = -1,
			   .request = { .size = sizeof(cli.request) } };
	int args_nr = 0, code;
	char **args = NULL;

	open_standard();
	keep_from_peer(&cli);
	setlocale(LC_CTYPE, "");
	/* `ipsec` runs libexec/ipsec/latch; people type the other name. */
	base = base != NULL ? base + 1 : argc > 0 ? argv[0] : "latch";
	cli.name = strcmp(base, "latch") == 0 ? "ipsec latch" : base;
	code = cli_parse(&cli, argc, argv, &args_nr, &args);
	if (code != CLI_OK)
		return code;
	if (cli.help) {
		cli_help_of(&cli, cli.command);
		return cli_finish(&cli, CLI_OK);
	}
	if (cli.bus == NULL)
		cli.bus = getenv(CLI_BUS_VARIABLE);
	if (cli.bus != NULL && *cli.bus == '\0')
		cli.bus = NULL;
	code = cli.command->run(&cli, args_nr, args);
	return cli_finish(&cli, code);
}
