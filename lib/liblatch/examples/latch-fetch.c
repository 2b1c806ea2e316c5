/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* latch-fetch: send some bytes to a host, and copy what it answers, if it can be reached under
 * IPsec with integrity and confidentiality, and under nobody's SA but PEER's. No other packet
 * leaves. Exit status: 0 when the answer is the peer's to its end, 1 when not, 2 usage.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <latch.h>

enum { CONNECT_MS = 10000 };

static int fail(int error)
{
	const char *why = error == LATCH_ERR_SYSTEM ? strerror(errno) : latch_strerror(error);

	fprintf(stderr, "latch-fetch: %s\n", why);
	return 1;
}

static int talk(struct latch *latch, int fd, uint64_t id, const char *text)
{
	enum latch_state state;
	char bytes[4096];
	ssize_t n;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) != 0)
		return 1;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
	/* The end is the peer's only if the latch holds to the end. */
	return n != 0 || latch_wait(latch, id, 1U << LATCH_STATE_ESTABLISHED, 0, &state) != 0 ||
	       state != LATCH_STATE_ESTABLISHED;
}

int main(int argc, char **argv)
{
	struct latch_request request = {
		.size = sizeof(request), .protection = LATCH_INTEGRITY | LATCH_CONFIDENTIALITY,
	};
	struct latch *latch;
	uint64_t id;
	int fd, r;

	if (argc != 5)
		return fputs("usage: latch-fetch HOST PORT PEER TEXT\n", stderr) == EOF ? 1 : 2;
	request.peer = argv[3];
	r = latch_open(NULL, 0, &latch);
	if (r != 0)
		return fail(r);
	r = latch_socket(latch, argv[1], argv[2], SOCK_STREAM, CONNECT_MS, &request, &fd, &id);
	r = r != 0 ? fail(r) : talk(latch, fd, id, argv[4]);
	latch_close(latch);
	return r;
}
