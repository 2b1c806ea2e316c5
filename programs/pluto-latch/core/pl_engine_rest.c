/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is left when a listener ends (RFC 5660 section 2.2, T4): connections that came to it and
 * that nobody has presented. A program was killed between accept() and its call, or the descriptor
 * is in that call, or it went on without one. As long as the listener is guarded, each is held to
 * the SA by which it was born; without it they would be free, and what they have to say would leave
 * in clear. So each gets a latch of the listener's owner first.
 *
 * Invariant: the latch of a listener ends only when every socket that was born there has its own.
 * The guard's memory of births tells those from others. It loses one with the connection, or when
 * the owner unprotects it, but not with a latch that failed to be created (pl_step.c).
 */

#include "core/pl_engine_impl.h"
#include "core/pl_error.h"

#include <errno.h>

/* At once. What has to wait for more keeps the listener until the next tick. */
enum { REST_MAX = 64 };

struct rest {
	const struct pl_world *world;
	const struct pl_latch *listener;
	struct {
		struct pl_tuple tuple;
		uint64_t cookie;
	} list[REST_MAX];
	unsigned nr;
	bool has_more;
};

/* One that is LARVAL may end as if it had never been; then only the listener guards the flow. */
static bool is_held(const struct pl_latch *latch)
{
	return latch != NULL && latch->state != PL_STATE_LARVAL &&
	       latch->state != PL_STATE_CLOSED_GONE;
}

static int see_one(void *ctx, const struct pl_tuple *from, uint64_t cookie)
{
	struct rest *rest = ctx;
	const struct pl_latch *latch;
	struct pl_tuple tuple;

	if (pl_tuple_connection(from, &tuple) != 0 ||
	    pl_db_find_listener(rest->world->db, &tuple) != rest->listener)
		return 0;
	latch = pl_db_find(rest->world->db, &tuple);
	if (is_held(latch))
		return 0;
	if (rest->nr == REST_MAX || (latch != NULL && latch->state == PL_STATE_LARVAL)) {
		rest->has_more = true;
		return 0;
	}
	rest->list[rest->nr].tuple = tuple;
	rest->list[rest->nr++].cookie = cookie;
	return 0;
}

int pl_rest_settle(struct pl_world *world, const struct pl_latch *listener)
{
	const struct pl_socket_ops *ops = world->ops.socket;
	struct rest rest = { .world = world, .listener = listener };
	int r, worst = 0;

	if (ops->came == NULL || listener->tuple.proto != PL_TUPLE_TCP)
		return 0;
	r = ops->came(world->ops.socket_ctx, &listener->tuple, see_one, &rest);
	if (r != 0)
		return r;
	for (unsigned i = 0; i < rest.nr; i++) {
		r = pl_birth_leave_behind(world, listener, &rest.list[i].tuple,
					  rest.list[i].cookie);
		if (r != 0 && r != PL_E_NOT_FOUND)
			worst = r;
	}
	return worst == 0 && rest.has_more ? -EAGAIN : worst;
}
