/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which latches a user means, by what is known of them or by whose sockets they are of. */

#include "filter.h"
#include "target.h"
#include "text.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void add_id(struct filter *filter, uint64_t id)
{
	filter->ids = cli_need(reallocarray(filter->ids, filter->nr + 1, sizeof(*filter->ids)));
	filter->ids[filter->nr++] = id;
}

/* What is no socket of a flow that could have a latch here. */
static bool is_none(int error)
{
	return error == LATCH_ERR_NOT_FOUND || error == LATCH_ERR_NOT_INTERNET ||
	       error == LATCH_ERR_NOT_CONNECTED || error == LATCH_ERR_OTHER_NETNS;
}

static enum cli_exit add_descriptor(struct filter *filter, struct latch *latch, int pidfd, int of)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, of, 0), r;
	enum cli_exit code = CLI_OK;
	uint64_t id;

	if (fd < 0 && errno == EBADF)
		return CLI_OK;		/* It was closed meanwhile. */
	if (fd < 0) {
		code = errno == EPERM || errno == EACCES ? CLI_NOT_AUTHORIZED : CLI_ERROR;
		cli_failed(filter->cli, LATCH_ERR_SYSTEM, "process %d", (int)filter->cli->pid);
		return code;
	}
	r = target_is_here(fd);
	if (r == LATCH_OK)
		r = latch_find(latch, fd, &id);
	if (r == LATCH_OK)
		add_id(filter, id);
	else if (!is_none(r))
		code = cli_failed(filter->cli, r, "descriptor %d of process %d", of,
				  (int)filter->cli->pid);
	close(fd);
	return code;
}

static enum cli_exit add_process(struct filter *filter, struct latch *latch, int pidfd, DIR *dir)
{
	enum cli_exit code = CLI_OK;
	struct dirent *entry;

	while (code == CLI_OK && (entry = readdir(dir)) != NULL) {
		char link[16] = "";
		uint64_t fd;

		if (!cli_number(entry->d_name, INT32_MAX, &fd) ||
		    readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1) < 0 ||
		    strncmp(link, "socket:", 7) != 0)
			continue;
		code = add_descriptor(filter, latch, pidfd, (int)fd);
	}
	return code;
}

enum cli_exit filter_open(const struct cli *cli, struct latch *latch, struct filter *ret)
{
	enum cli_exit code = CLI_OK;
	DIR *dir = NULL;
	char path[40];
	int pidfd;

	*ret = (struct filter){ .cli = cli };
	if (cli->pid == 0)
		return CLI_OK;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)cli->pid);
	pidfd = (int)syscall(SYS_pidfd_open, cli->pid, 0);
	if (pidfd >= 0)
		dir = opendir(path);
	if (dir == NULL) {
		code = errno == EPERM || errno == EACCES ? CLI_NOT_AUTHORIZED : CLI_ERROR;
		cli_failed(cli, LATCH_ERR_SYSTEM, "process %d", (int)cli->pid);
	} else {
		code = add_process(ret, latch, pidfd, dir);
		closedir(dir);
	}
	if (pidfd >= 0)
		close(pidfd);
	return code;
}

void filter_close(struct filter *filter)
{
	free(filter->ids);
	*filter = (struct filter){ .cli = filter->cli };
}

static bool is_of_process(const struct filter *filter, const json_t *latch)
{
	uint64_t id = (uint64_t)json_integer_value(json_object_get(latch, "id"));

	for (size_t i = 0; i < filter->nr; i++) {
		if (filter->ids[i] == id)
			return true;
	}
	return false;
}

static bool is_address(const struct cli *cli, const char *text)
{
	struct in6_addr bytes;

	return inet_pton(cli->address_family, text, &bytes) == 1 &&
	       memcmp(&bytes, &cli->address,
		      cli->address_family == AF_INET ? sizeof(struct in_addr) : sizeof(bytes)) == 0;
}

bool filter_holds(const struct filter *filter, enum latch_state state, const json_t *latch)
{
	const struct cli *cli = filter->cli;

	if (cli->states != 0 && (cli->states & 1U << state) == 0)
		return false;
	if (cli->port != 0 &&
	    json_integer_value(json_object_get(latch, "local_port")) != cli->port &&
	    json_integer_value(json_object_get(latch, "remote_port")) != cli->port)
		return false;
	if (cli->address_family != 0 && !is_address(cli, text_member(latch, "local_address")) &&
	    !is_address(cli, text_member(latch, "remote_address")))
		return false;
	if (cli->pid != 0 && !is_of_process(filter, latch))
		return false;
	return cli->peer == NULL || strcasestr(text_member(latch, "peer_id"), cli->peer) != NULL;
}
