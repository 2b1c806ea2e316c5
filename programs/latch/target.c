/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which latch a command is about: by its id, by a socket of ours or of another process, or by both
 * ends of its connection.
 *
 * Invariant: a socket is taken by its descriptor, never by what somebody says about it. The copy
 * keeps it the same socket, whatever its process closes and opens meanwhile.
 */

#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int netns_of(int fd, uint64_t *ret)
{
	socklen_t len = sizeof(*ret);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) == 0)
		return LATCH_OK;
	return errno == ENOTSOCK || errno == EBADF ? LATCH_ERR_NOT_INTERNET : LATCH_ERR_SYSTEM;
}

int target_is_here(int fd)
{
	int own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r, kept;
	uint64_t here, there;

	if (own < 0)
		return LATCH_ERR_SYSTEM;
	r = netns_of(own, &here);
	kept = errno;
	close(own);
	errno = kept;
	if (r == LATCH_OK)
		r = netns_of(fd, &there);
	return r != LATCH_OK || here == there ? r : LATCH_ERR_OTHER_NETNS;
}

/* Return: a copy, or -1 with errno */
static int copy_of(const struct cli *cli)
{
	int pidfd, fd, kept;

	if (cli->pid == 0)
		return fcntl(cli->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	pidfd = (int)syscall(SYS_pidfd_open, cli->pid, 0);
	if (pidfd < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, cli->fd, 0);
	kept = errno;
	close(pidfd);
	errno = kept;
	return fd;
}

enum cli_exit target_socket(const struct cli *cli, int *ret_fd)
{
	char of[32] = "";
	int fd = copy_of(cli), r;

	if (cli->pid != 0)
		snprintf(of, sizeof(of), " of process %d", (int)cli->pid);
	if (fd < 0) {
		enum cli_exit code = errno == EPERM || errno == EACCES ? CLI_NOT_AUTHORIZED :
									 CLI_ERROR;

		cli_failed(cli, LATCH_ERR_SYSTEM, "descriptor %d%s", cli->fd, of);
		return code;
	}
	r = target_is_here(fd);
	if (r != LATCH_OK) {
		enum cli_exit code = cli_failed(cli, r, "descriptor %d%s", cli->fd, of);

		close(fd);
		return code;
	}
	*ret_fd = fd;
	return CLI_OK;
}

/* "192.0.2.1:80" or "[2001:db8::1]:80". */
static bool read_end(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len;
	uint64_t port;

	if (colon == NULL || !cli_number(colon + 1, UINT16_MAX, &port) || port == 0)
		return false;
	len = (size_t)(colon - text);
	if (len < 2 || len >= sizeof(host))
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] != '[') {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return inet_pton(AF_INET, host, &in->sin_addr) == 1;
	}
	if (host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
}

static enum cli_exit read_flow(const struct cli *cli, char **argv, struct target *ret)
{
	ret->protocol = argv[0];
	if (strcmp(argv[0], "tcp") != 0 && strcmp(argv[0], "udp") != 0 &&
	    strcmp(argv[0], "sctp") != 0)
		return cli_usage(cli, "\"%s\" is not tcp, udp or sctp", argv[0]);
	if (!read_end(argv[1], &ret->local))
		return cli_usage(cli, "\"%s\" is no ADDRESS:PORT", argv[1]);
	if (!read_end(argv[2], &ret->remote))
		return cli_usage(cli, "\"%s\" is no ADDRESS:PORT", argv[2]);
	if (ret->local.ss_family != ret->remote.ss_family)
		return cli_usage(cli, "both ends have addresses of one kind");
	return CLI_OK;
}

enum cli_exit target_read(const struct cli *cli, int argc, char **argv, struct target *ret)
{
	*ret = (struct target){ .fd = -1 };
	if (cli->pid != 0 && cli->fd < 0)
		return cli_usage(cli, "--pid needs --fd");
	if (cli->fd >= 0 && argc != 0)
		return cli_usage(cli, "%s: too many arguments", cli->command->name);
	if (cli->fd >= 0)
		return target_socket(cli, &ret->fd);
	if (argc == 3)
		return read_flow(cli, argv, ret);
	if (argc != 1)
		return cli_usage(cli, "%s needs %s", cli->command->name, cli->command->args);
	if (!cli_number(argv[0], INT64_MAX, &ret->id) || ret->id == 0)
		return cli_usage(cli, "\"%s\" is no id of a latch", argv[0]);
	return CLI_OK;
}

void target_close(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
}

/* Does this end of a LATCH have this address and port? */
static bool has_end(const struct latch_info *info, const char *address_key, const char *port_key,
		    const struct sockaddr_storage *end)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)end;
	const struct sockaddr_in *in = (const struct sockaddr_in *)end;
	const char *address = latch_info_text(info, address_key);
	const char *port = latch_info_text(info, port_key);
	struct in6_addr bytes;
	uint64_t number;

	if (address == NULL || port == NULL || !cli_number(port, UINT16_MAX, &number) ||
	    inet_pton(end->ss_family, address, &bytes) != 1)
		return false;
	if (end->ss_family == AF_INET)
		return number == ntohs(in->sin_port) &&
		       memcmp(&bytes, &in->sin_addr, sizeof(in->sin_addr)) == 0;
	return number == ntohs(in6->sin6_port) &&
	       memcmp(&bytes, &in6->sin6_addr, sizeof(bytes)) == 0;
}

static bool is_meant(const struct target *target, const struct latch_info *info)
{
	const char *protocol = latch_info_text(info, "protocol");

	return protocol != NULL && strcmp(protocol, target->protocol) == 0 &&
	       has_end(info, "local_address", "local_port", &target->local) &&
	       has_end(info, "remote_address", "remote_port", &target->remote);
}

/* Of what the caller may see. Should there ever be two, then the one that is not well. */
static int find_flow(struct latch *latch, const struct target *target, uint64_t *ret_id)
{
	uint64_t cursor = 0, found = 0;

	do {
		struct latch_info **infos = NULL;
		size_t nr = 0;
		int r = latch_list(latch, &cursor, &infos, &nr);

		if (r != LATCH_OK)
			return r;
		for (size_t i = 0; i < nr; i++) {
			if (is_meant(target, infos[i]) &&
			    (found == 0 ||
			     latch_info_state(infos[i]) != LATCH_STATE_ESTABLISHED))
				found = latch_info_id(infos[i]);
			latch_info_free(infos[i]);
		}
		free(infos);
	} while (cursor != 0);
	*ret_id = found;
	return found == 0 ? LATCH_ERR_NOT_FOUND : LATCH_OK;
}

enum cli_exit target_find(const struct cli *cli, struct latch *latch, const struct target *target,
			  uint64_t *ret_id)
{
	int r;

	*ret_id = target->id;
	if (target->id != 0)
		return CLI_OK;
	r = target->fd >= 0 ? latch_find(latch, target->fd, ret_id) :
			      find_flow(latch, target, ret_id);
	if (r == LATCH_OK)
		return CLI_OK;
	return target->fd >= 0 ? cli_failed(cli, r, "descriptor %d", cli->fd) :
				 cli_failed(cli, r, "this flow");
}
