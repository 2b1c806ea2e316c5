/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch.conf on the disk: read when the daemon starts, and again when an administrator wants it.
 * What does not hold as a whole changes nothing, and half of a file that is being written is none.
 * Reading never waits: IKE runs meanwhile.
 */

#include "daemon/pl_conf_file.h"

#include "core/pl_conf_fixed.h"
#include "core/pl_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_FILE "/etc/latch.conf"
enum { CONF_BYTES_MAX = 1 << 20, TRIES = 3 };

static int look_at(int fd, struct stat *ret)
{
	if (fstat(fd, ret) != 0)
		return -errno;
	return !S_ISREG(ret->st_mode) ? -EINVAL : ret->st_size > CONF_BYTES_MAX ? -EFBIG : 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* @text: room for one byte more than a file may have */
static int read_to_end(int fd, char *text, size_t *ret_len)
{
	size_t at = 0;
	ssize_t n;

	do {
		n = read(fd, text + at, CONF_BYTES_MAX + 1 - at);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n < 0 ? 0 : (size_t)n;
	} while (n != 0 && at <= CONF_BYTES_MAX);
	*ret_len = at;
	return at > CONF_BYTES_MAX ? -EFBIG : 0;
}

/* Return: -EBUSY when somebody wrote to it meanwhile */
static int read_once(const char *path, char *text, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct stat before, after;

	if (fd < 0)
		return -errno;
	r = look_at(fd, &before);
	if (r == 0)
		r = read_to_end(fd, text, ret_len);
	if (r == 0)
		r = look_at(fd, &after);
	if (r == 0 && (!is_same(&before, &after) || *ret_len != (size_t)after.st_size))
		r = -EBUSY;
	close(fd);
	return r;
}

static int read_file(const char *path, char **ret, size_t *ret_len)
{
	char *text = malloc(CONF_BYTES_MAX + 1);
	int r = text == NULL ? -ENOMEM : -EBUSY;

	for (unsigned i = 0; r == -EBUSY && i < TRIES; i++)
		r = read_once(path, text, ret_len);
	if (r != 0)
		free(text);
	else
		*ret = text;
	return r;
}

static const char *path_of_conf(void)
{
	const char *chosen = getenv("PLUTO_LATCH_CONF");

	return chosen == NULL ? CONF_FILE : chosen;
}

static void tell(const struct pl_conf_error *where, char error[static PL_DAEMON_ERROR_MAX])
{
	char line[16] = "";

	if (where->line != 0)
		snprintf(line, sizeof(line), ":%u", where->line);
	snprintf(error, PL_DAEMON_ERROR_MAX, "%.200s%s: [%s] %s: %s", path_of_conf(), line,
		 where->section, where->key, where->text);
}

int pl_conf_file_load(struct pl_conf *ret, char error[static PL_DAEMON_ERROR_MAX])
{
	const char *path = path_of_conf();
	struct pl_conf_error where;
	char *text = NULL;
	size_t len = 0;
	int r = read_file(path, &text, &len);

	/* Nothing configured is fine; a file that was asked for and is not there is not. */
	if (r == -ENOENT && getenv("PLUTO_LATCH_CONF") == NULL) {
		pl_conf_default(ret);
		return 0;
	}
	if (r != 0) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "%s: %s", path,
			 r == -EBUSY ? "somebody writes to it while it is read" : strerror(-r));
		return r;
	}
	r = pl_conf_load(text, len, ret, &where);
	free(text);
	if (r == PL_E_BAD_CONFIG)
		tell(&where, error);
	else if (r != 0)
		snprintf(error, PL_DAEMON_ERROR_MAX, "%s: %s", path, pl_strerror(r));
	return r;
}

int pl_conf_file_reload(struct pl_conf *conf, char error[static PL_DAEMON_ERROR_MAX])
{
	struct pl_conf_error where;
	struct pl_conf next;
	int r = pl_conf_file_load(&next, error);

	if (r != 0)
		return r == -ENOMEM ? r : PL_E_BAD_CONFIG;
	r = pl_conf_fixed(conf, &next, &where);
	if (r != 0) {
		tell(&where, error);
		pl_conf_clear(&next);
		return r;
	}
	pl_conf_clear(conf);
	*conf = next;
	return 0;
}
