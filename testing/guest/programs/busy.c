// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * busy: a library for LD_PRELOAD. How long has a pluto been busy? It must have one thread
 * (nhelpers=0).
 *
 * The time from each return of epoll_wait() to the next call, in ns, summed up in the first
 * eight bytes of the file BUSY_FILE. While nothing else runs that is its CPU time, with that of
 * its system calls; user-mode-linux itself counts CPU time by ticks of 10 ms.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t *busy_ns, since_ns;
static int (*real_wait)(int, struct epoll_event *, int, int);

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What pluto starts has the environment, too. */
__attribute__((constructor)) static void prepare(void)
{
	const char *path = getenv("BUSY_FILE");
	void *at;
	int fd;

	real_wait = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
	if (path == NULL || strcmp(program_invocation_short_name, "pluto") != 0)
		return;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*busy_ns)) != 0)
		abort();
	at = mmap(NULL, sizeof(*busy_ns), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	busy_ns = at;
	close(fd);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int r, err;

	if (busy_ns != NULL && since_ns != 0)
		*busy_ns += now_ns() - since_ns;
	r = real_wait(fd, events, max, timeout_ms);
	err = errno;
	since_ns = now_ns();
	errno = err;
	return r;
}
