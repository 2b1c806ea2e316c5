/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Allocations of the seam that fail, in the daemon `checked` alone: there, what seam/ calls leads
 * here (mk/daemon.mk). Upstream's own do not: where one of them fails, upstream ends the daemon.
 *
 * PL_SCARCE names a file with a number. Each allocation takes 1 from it, and the one that takes the
 * last fails; with 0, or without a file, none does.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event;
struct event_base;
typedef void scarce_event_fn(int fd, short what, void *ctx);

void *pl_scarce_malloc(size_t size);
void *pl_scarce_calloc(size_t nr, size_t size);
void *pl_scarce_realloc(void *memory, size_t size);
char *pl_scarce_strdup(const char *text);
struct event *pl_scarce_event_new(struct event_base *base, int fd, short what,
				  scarce_event_fn *fn, void *ctx);
struct event *event_new(struct event_base *base, int fd, short what, scarce_event_fn *fn,
			void *ctx);

static bool fails(void)
{
	const char *path = getenv("PL_SCARCE");
	FILE *file = path == NULL ? NULL : fopen(path, "r+");
	unsigned left = 0;

	if (file == NULL)
		return false;
	if (fscanf(file, "%u", &left) == 1 && left > 0) {
		rewind(file);
		fprintf(file, "%-8u\n", left - 1);
	}
	fclose(file);
	errno = ENOMEM;
	return left == 1;
}

void *pl_scarce_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *pl_scarce_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : calloc(nr, size);
}

void *pl_scarce_realloc(void *memory, size_t size)
{
	return fails() ? NULL : realloc(memory, size);
}

char *pl_scarce_strdup(const char *text)
{
	return fails() ? NULL : strdup(text);
}

struct event *pl_scarce_event_new(struct event_base *base, int fd, short what,
				  scarce_event_fn *fn, void *ctx)
{
	return fails() ? NULL : event_new(base, fd, what, fn, ctx);
}
