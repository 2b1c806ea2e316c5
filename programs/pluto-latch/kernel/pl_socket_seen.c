/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which sockets were seen connected. A socket that was latched before connect() and never seen
 * connected may still be there when no connection is: that has to be looked into. With one that was
 * connected, the end of the connection is the end (pl_socket_gone.c).
 *
 * The kernel counts cookies up, so that their low bits spread evenly. What is forgotten, or was
 * never known because the daemon restarted, is looked into as well: forgetting is safe.
 */

#include "kernel/pl_socket_seen.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 1 << 16, WAYS = 4 };

struct pl_seen {
	uint64_t cookies[PLACES][WAYS];	/* newest first */
};

struct pl_seen *pl_seen_new(void)
{
	return calloc(1, sizeof(struct pl_seen));
}

struct pl_seen *pl_seen_free(struct pl_seen *seen)
{
	free(seen);
	return NULL;
}

void pl_seen_drop(struct pl_seen *seen, uint64_t cookie)
{
	uint64_t *place = seen->cookies[cookie % PLACES];

	for (unsigned i = 0; i < WAYS; i++) {
		if (place[i] != cookie)
			continue;
		memmove(place + i, place + i + 1, (WAYS - i - 1) * sizeof(*place));
		place[WAYS - 1] = 0;
	}
}

void pl_seen_put(struct pl_seen *seen, uint64_t cookie)
{
	uint64_t *place = seen->cookies[cookie % PLACES];

	if (cookie == 0 || place[0] == cookie)
		return;
	pl_seen_drop(seen, cookie);
	memmove(place + 1, place, (WAYS - 1) * sizeof(*place));
	place[0] = cookie;
}

bool pl_seen_has(const struct pl_seen *seen, uint64_t cookie)
{
	const uint64_t *place = seen->cookies[cookie % PLACES];

	for (unsigned i = 0; cookie != 0 && i < WAYS; i++) {
		if (place[i] == cookie)
			return true;
	}
	return false;
}
