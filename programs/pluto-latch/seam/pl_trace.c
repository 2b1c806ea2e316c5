/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The trace: what the seam saw, one line per fact, each line one write() so that lines of several
 * daemons in one file do not mix. A trace that cannot be written is closed and said once; it never
 * stops the daemon. The file is opened before pluto turns its seccomp filter on, which allows
 * writing to what is open.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/pl_fact_json.h"

static int trace_fd = -1;
static bool trace_to_log;

bool pl_trace_open(void)
{
	const char *where = getenv("PLUTO_LATCH_TRACE");

	if (where == NULL || where[0] == '\0')
		return false;
	if (strcmp(where, "log") == 0) {
		trace_to_log = true;
		return true;
	}
	trace_fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (trace_fd < 0)
		llog(RC_LOG, &global_logger, "latch: cannot trace to \"%s\": %s", where,
		     strerror(errno));
	return trace_fd >= 0;
}

void pl_trace_close(void)
{
	if (trace_fd >= 0)
		close(trace_fd);
	trace_fd = -1;
	trace_to_log = false;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pl_trace_observe(void *ctx UNUSED, const struct pl_fact *fact)
{
	size_t len;
	char *line;

	if (trace_fd < 0 && !trace_to_log)
		return;
	if (pl_fact_json(fact, monotonic_ns(), &line) != 0) {
		llog(RC_LOG, &global_logger, "latch: no memory to trace a fact");
		return;
	}
	if (trace_to_log) {
		llog(RC_LOG, &global_logger, "latch: %s", line);
	} else {
		len = strlen(line);
		line[len] = '\n';	/* in the place of the NUL: written by length */
		if (write(trace_fd, line, len + 1) != (ssize_t)(len + 1)) {
			llog(RC_LOG, &global_logger, "latch: the trace ends: %s", strerror(errno));
			pl_trace_close();
		}
	}
	free(line);
}
