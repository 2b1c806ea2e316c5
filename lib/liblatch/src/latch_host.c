/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* latch_socket(): a host by its name, and a socket that was latched before it was connected.
 *
 * Invariant: what was demanded holds for every address that is tried. An address that cannot be
 * latched as it was asked for is left for the next one, and is never connected to; and a refusal
 * that prefer does not cover is the end, since the next address might do without a latch (K42).
 */

#include "latch_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A name server says how many addresses there are; each may take until its deadlines. */
enum { ADDRESSES_MAX = 16 };

/**
 * struct dial - what was asked for
 * @latch:      the handle
 * @type:       of the socket, without flags
 * @is_waiting: until the connection is there
 * @timeout_ms: for that
 * @request:    of the caller
 * @prefers:    as it says
 */
struct dial {
	struct latch *latch;
	int type;
	bool is_waiting;
	int timeout_ms;
	const struct latch_request *request;
	bool prefers;
};

/* Who tells people of names has no errno. */
static int resolve(const char *host, const char *service, int type, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = type };

	switch (getaddrinfo(host, service, &hints, ret)) {
	case 0:
		return 0;
	case EAI_SYSTEM:
		return LATCH_ERR_SYSTEM;
	case EAI_MEMORY:
		return LATCH_ERR_NO_MEMORY;
	case EAI_AGAIN:
		errno = EAGAIN;
		return LATCH_ERR_SYSTEM;
	}
	errno = ENOENT;
	return LATCH_ERR_SYSTEM;
}

/* Until connect() has come to something. */
static int await_connection(int fd, int timeout_ms)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };
	int nr = poll(&writable, 1, timeout_ms), error;

	if (nr == 0)
		errno = ETIMEDOUT;
	if (nr <= 0 || latch_option(fd, SOL_SOCKET, SO_ERROR, &error) != 0)
		return LATCH_ERR_SYSTEM;
	if (error == 0)
		return 0;
	errno = error;
	return LATCH_ERR_SYSTEM;
}

/* The socket blocks from here on, as the caller has it. */
static int finish(const struct dial *dial, int fd)
{
	int flags, r = 0;

	if (!dial->is_waiting)
		return 0;
	if (dial->type == SOCK_STREAM)
		r = await_connection(fd, dial->timeout_ms);
	if (r != 0)
		return r;
	flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : LATCH_ERR_SYSTEM;
}

/* errno is that of what failed. */
static int dial_one(const struct dial *dial, const struct addrinfo *to, int *ret_fd,
		    uint64_t *ret_id)
{
	int fd = socket(to->ai_family, dial->type | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);
	uint64_t id;
	int r, kept;

	if (fd < 0)
		return LATCH_ERR_SYSTEM;
	r = latch_connect(dial->latch, fd, to->ai_addr, to->ai_addrlen, dial->request, &id);
	if (r == 0) {
		r = finish(dial, fd);
		if (r == 0) {
			*ret_fd = fd;
			*ret_id = id;
			return 0;
		}
		kept = errno;
		if (id != 0)
			(void)!latch_release(dial->latch, id);
		errno = kept;
	}
	kept = errno;
	close(fd);
	errno = kept;
	return r;
}

/* Is it of no use, or no good, to try another address? */
static bool is_final(const struct dial *dial, int error)
{
	if (error == LATCH_ERR_SYSTEM)
		return errno == EINTR;
	return error == LATCH_ERR_SERVICE || dial->prefers;
}

/* The first address is the one that this host prefers: what became of that is said. */
static int dial_each(const struct dial *dial, const struct addrinfo *list, int *ret_fd,
		     uint64_t *ret_id)
{
	int first = 0, first_errno = 0, nr = 0;

	for (const struct addrinfo *to = list; to != NULL && nr < ADDRESSES_MAX; to = to->ai_next) {
		int r = dial_one(dial, to, ret_fd, ret_id);

		if (r == 0 || is_final(dial, r))
			return r;
		if (nr++ == 0) {
			first = r;
			first_errno = errno;
		}
	}
	errno = first_errno;
	return first;
}

int latch_socket(struct latch *latch, const char *host, const char *service, int type,
		 int timeout_ms, const struct latch_request *request, int *ret_fd, uint64_t *ret_id)
{
	struct dial dial = {
		.latch = latch, .type = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK),
		.is_waiting = (type & SOCK_NONBLOCK) == 0, .timeout_ms = timeout_ms,
		.request = request,
	};
	struct addrinfo *list = NULL;
	struct latch_request checked;
	int r, kept;

	if (latch == NULL || host == NULL || service == NULL || ret_fd == NULL || ret_id == NULL ||
	    timeout_ms < -1 || (dial.type != SOCK_STREAM && dial.type != SOCK_DGRAM))
		return LATCH_ERR_ARGUMENT;
	/* No name is asked for in vain. */
	r = latch_request_check(request, &checked);
	if (r == 0 && checked.wait_ms == LATCH_WAIT_NONE)
		r = LATCH_ERR_ARGUMENT;
	if (r == 0)
		r = resolve(host, service, dial.type, &list);
	if (r != 0)
		return r;
	dial.prefers = checked.prefer;
	r = dial_each(&dial, list, ret_fd, ret_id);
	kept = errno;
	freeaddrinfo(list);
	errno = kept;
	return r;
}
