/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch.conf on the disk: read when the daemon starts, and again when an administrator wants it.
 * What does not hold as a whole changes nothing. Reading never waits: IKE runs meanwhile.
 */

#include "daemon/pl_conf_file.h"

#include "core/pl_conf_fixed.h"
#include "core/pl_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_FILE "/etc/latch.conf"
enum { CONF_BYTES_MAX = 1 << 20 };

static int read_file(const char *path, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	ssize_t len = -1;
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &status) != 0 ? -errno : !S_ISREG(status.st_mode) ? -EINVAL :
	    status.st_size > CONF_BYTES_MAX ? -EFBIG : 0;
	if (r == 0) {
		text = malloc(CONF_BYTES_MAX);
		len = text == NULL ? -1 : read(fd, text, CONF_BYTES_MAX);
		r = text == NULL ? -ENOMEM : len < 0 ? -errno : 0;
	}
	close(fd);
	if (r != 0) {
		free(text);
		return r;
	}
	*ret = text;
	*ret_len = (size_t)len;
	return 0;
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
		snprintf(error, PL_DAEMON_ERROR_MAX, "%s: %s", path, strerror(-r));
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
