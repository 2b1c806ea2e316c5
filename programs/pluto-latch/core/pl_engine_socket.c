/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches asked for by socket (design D12): the tuple is the kernel's word, not the caller's.
 *
 * Invariant: the socket is looked at before and after the guard is in force. A latch exists only
 * if both looks agree, and if the second one finds no bytes that the first did not, so that nothing
 * reached the program before the guard was there.
 */

#include "core/pl_engine.h"

#include "core/pl_engine_impl.h"
#include "core/pl_socket.h"

#include <string.h>

int pl_socket_look(struct pl_world *world, int fd, const struct pl_tuple *to,
		   struct pl_socket_facts *ret)
{
	memset(ret, 0, sizeof(*ret));
	return world->ops.socket->read(world->ops.socket_ctx, fd, to, ret);
}

/* Where a socket goes that is not connected. */
int pl_socket_set_remote(struct pl_tuple *tuple, const struct pl_tuple *to)
{
	if (to->af != tuple->af)
		return PL_E_MALFORMED;
	tuple->remote_port = to->remote_port;
	memcpy(tuple->remote, to->remote, sizeof(tuple->remote));
	return 0;
}

static bool has_remote(const struct pl_tuple *tuple)
{
	return tuple->remote_port != 0;
}

/* The listener of the same uid that this connection came to; or an automatic one, of anybody. */
static bool came_to_listener(struct pl_world *world, const struct pl_engine_ask *ask,
			     const struct pl_tuple *from)
{
	const struct pl_latch *listener;
	struct pl_tuple tuple;

	if (pl_tuple_connection(from, &tuple) != 0)
		return false;
	listener = pl_db_find_listener(world->db, &tuple);
	return listener != NULL && listener->state == PL_STATE_LISTENER &&
	       (listener->owner.uid == ask->owner.uid || pl_step_stays(listener));
}

/* The guard had it before this latch was asked for: as the flow of a latch that gives way, or of a
 * latched listener, at which it was born under one reqid. */
static bool is_guarded(const struct pl_world *world, const struct pl_tuple *from)
{
	struct pl_tuple tuple;

	return pl_tuple_connection(from, &tuple) == 0 &&
	       (pl_db_find(world->db, &tuple) != NULL ||
		pl_db_find_listener(world->db, &tuple) != NULL);
}

/* No latch after all: as if it had not been asked for. What was guarded before stays so, until its
 * socket is gone. */
static void take_back(struct pl_engine *engine, uint64_t id, bool was_guarded)
{
	struct pl_latch *latch = pl_db_find_id(engine->world.db, id);

	if (latch == NULL)
		return;
	if (was_guarded || pl_step_take(&engine->world, latch, PL_EVENT_UNPROTECT, NULL) != 0)
		(void)!pl_engine_release(engine, NULL, id);
}

int pl_socket_look_again(struct pl_engine *engine, const struct pl_second_look *look,
			 const struct pl_engine_ask *ask)
{
	struct pl_socket_facts after;
	int r = pl_socket_look(&engine->world, look->fd, look->to, &after);

	if (r == 0 && !pl_socket_is_same(look->before, &after))
		r = PL_E_SOCKET_CHANGED;
	return r == 0 ? pl_socket_judge(&after, look->use, ask->is_late) : r;
}

static bool is_broken(const struct pl_world *world, uint64_t id)
{
	const struct pl_latch *latch = pl_db_find_id(world->db, id);

	return latch != NULL && latch->state == PL_STATE_BROKEN;
}

static int latch_as(struct pl_engine *engine, enum pl_socket_use use,
		    const struct pl_engine_ask *ask, uint64_t *ret_id,
		    struct pl_conflict_report *ret_report)
{
	int r;

	if (use == PL_SOCKET_ACCEPTED)
		return pl_engine_present(engine, ask, ret_id);
	r = pl_birth_fetch(&engine->world, ask, ret_id);
	return r != PL_E_NOT_FOUND ? r : pl_engine_latch(engine, ask, ret_id, ret_report);
}

int pl_engine_latch_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *asked,
			   uint64_t *ret_id, struct pl_conflict_report *ret_report)
{
	struct pl_world *world = &engine->world;
	struct pl_engine_ask ask = *asked;
	const struct pl_tuple *to = has_remote(&ask.tuple) ? &asked->tuple : NULL;
	enum pl_socket_use use = PL_SOCKET_CONNECTION;
	struct pl_socket_facts facts;
	bool was_guarded;
	uint64_t id;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_socket_look(world, fd, to, &facts);
	if (r != 0)
		return r;
	ask.tuple = facts.tuple;
	ask.cookie = facts.cookie;
	if (to != NULL)
		use = PL_SOCKET_BEFORE_CONNECT;
	else if (facts.is_connected && came_to_listener(world, &ask, &ask.tuple))
		use = PL_SOCKET_ACCEPTED;
	r = pl_socket_judge(&facts, use, ask.is_late);
	if (r == 0 && to != NULL)
		r = pl_socket_set_remote(&ask.tuple, to);
	/* Late is what it is, not what the caller would have put up with. */
	ask.is_late = use == PL_SOCKET_CONNECTION && facts.has_received;
	was_guarded = is_guarded(world, &ask.tuple);
	if (r == 0)
		r = latch_as(engine, use, &ask, &id, ret_report);
	if (r != 0)
		return r;
	/* A broken one was reset, and passes nothing: who accepted it is to know why. */
	if (use != PL_SOCKET_ACCEPTED || !is_broken(world, id))
		r = pl_socket_look_again(engine,
					 &(struct pl_second_look) { fd, to, use, &facts }, asked);
	if (r != 0) {
		take_back(engine, id, was_guarded);
		return r;
	}
	if (facts.is_connected)
		pl_pairs_look(world, pl_db_find_id(world->db, id));
	*ret_id = id;
	return 0;
}

/* Every packet in the clear for a latched port is dropped. Who shares a port with others by
 * SO_REUSEADDR or SO_REUSEPORT would take it away from them. */
static int judge_port(struct pl_world *world, const struct pl_engine_ask *ask,
		      const struct pl_tuple *tuple)
{
	struct pl_holders holders;
	int r;

	if (ask->owner.uid == 0)
		return 0;
	r = world->ops.socket->holders(world->ops.socket_ctx, tuple, ask->cookie, ask->owner.uid,
				       true, &holders);
	return r == 0 && holders.has_foreign ? PL_E_PORT_SHARED : r;
}

int pl_engine_listen_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *asked,
			    uint64_t ret[static 2], unsigned *ret_nr)
{
	struct pl_world *world = &engine->world;
	struct pl_engine_ask ask = *asked;
	struct pl_socket_facts facts;
	struct pl_tuple tuples[2];
	bool was_guarded[2] = { false, false };
	uint64_t ids[2];
	unsigned nr;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = pl_socket_look(world, fd, NULL, &facts);
	if (r == 0)
		r = pl_socket_judge(&facts, PL_SOCKET_LISTENER, ask.is_late);
	if (r != 0)
		return r;
	ask.tuple = facts.tuple;
	ask.is_v6_only = facts.is_v6_only;
	ask.cookie = facts.cookie;
	r = pl_tuple_listener(&ask.tuple, ask.is_v6_only, tuples, &nr);
	for (unsigned i = 0; r == 0 && i < nr; i++) {
		was_guarded[i] = pl_db_find(world->db, &tuples[i]) != NULL;
		r = judge_port(world, &ask, &tuples[i]);
	}
	if (r == 0)
		r = pl_engine_listen(engine, &ask, ids, &nr);
	if (r != 0)
		return r;
	r = pl_socket_look_again(engine, &(struct pl_second_look) {
		fd, NULL, PL_SOCKET_LISTENER, &facts
	}, asked);
	for (unsigned i = 0; i < nr; i++) {
		if (r != 0)
			take_back(engine, ids[i], was_guarded[i]);
		else
			ret[i] = ids[i];
	}
	if (r == 0)
		*ret_nr = nr;
	return r;
}
