/* SPDX-License-Identifier: GPL-2.0-or-later */

/* UDP datagram tagging (RFC 5660 section 5.3; U9, U10): a server has one UDP socket, which stays
 * unconnected, and each flow of it is a connection with a latch of its own. The tag of a datagram
 * is the id of its flow's latch; liblatch asks for it here.
 *
 * The kernel's queue of such a socket is one for all peers, and a datagram in it does not say by
 * which SA it came. So the socket must be a latched listener: nothing came in the clear, and each
 * flow was held to the SA of its first datagram before it had a latch. What remains are datagrams
 * that wait while their flow passes from one latch to the next.
 *
 * Invariant: while a datagram of a flow may wait at the socket, its flow has no other peer than
 * that datagram's. The guard remembers a birth, and pl_tag_is_over() keeps a flow guarded that was
 * let go of, for longer than liblatch would hand such a datagram out (a minute).
 */

#include "core/pl_engine.h"

#include "core/pl_engine_impl.h"
#include "core/pl_resume.h"

#include <string.h>

/* As long as the guard remembers a birth. */
static const uint64_t REST_NS = UINT64_C(120000000000);

static bool is_any(const uint8_t address[16])
{
	static const uint8_t zero[16], mapped[16] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, zero, sizeof(zero)) == 0 ||
	       memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* The socket's end is the kernel's word, but for the address of one that has them all. */
static int set_ends(struct pl_tuple *tuple, const struct pl_tuple *to)
{
	int r = pl_socket_set_remote(tuple, to);

	if (r != 0 || is_any(to->local))
		return r;
	if (is_any(tuple->local))
		memcpy(tuple->local, to->local, sizeof(tuple->local));
	return memcmp(tuple->local, to->local, sizeof(tuple->local)) == 0 ? 0 : PL_E_WRONG_FLOW;
}

static const struct pl_latch *listener_of(const struct pl_world *world,
					  const struct pl_tuple *tuple, uint64_t cookie,
					  uint32_t uid)
{
	const struct pl_latch *listener = pl_db_find_listener(world->db, tuple);

	if (listener == NULL || listener->state != PL_STATE_LISTENER ||
	    listener->cookie != cookie || listener->owner.uid != uid)
		return NULL;
	return listener;
}

static bool wants_its_own(const struct pl_engine_ask *ask)
{
	return ask->is_narrow || ask->suite.protocol != 0;
}

/* The latch that is there. Alerts go to one session: it is not taken away from a live one, but from
 * one that has not come back. */
static int find_tag(struct pl_world *world, struct pl_latch *latch,
		    const struct pl_engine_ask *ask, uint64_t *ret_id)
{
	bool is_owned = latch->owner.kind == PL_OWNER_SESSION &&
			!pl_resume_is_awaited(world, latch->owner.number);
	bool is_theirs = latch->owner.uid != ask->owner.uid ||
			 (is_owned && latch->owner.number != ask->owner.number);

	if (is_theirs || latch->cookie != ask->cookie || latch->state == PL_STATE_LARVAL ||
	    wants_its_own(ask))
		return PL_E_ALREADY_LATCHED;
	if (pl_birth_judge_peer(world, latch, ask->peer) != 0)
		return PL_E_WRONG_PEER;
	if (latch->state == PL_STATE_ESTABLISHED &&
	    pl_params_meet(&latch->params, &ask->require) != 0)
		return PL_E_WEAK;
	if (!is_owned) {
		pl_db_give(world->db, latch, &ask->owner);
		pl_step_mind(world, latch);
	}
	*ret_id = latch->id;
	return 0;
}

static int make_tag(struct pl_engine *engine, const struct pl_engine_ask *ask, uint64_t *ret_id,
		    struct pl_conflict_report *ret_report)
{
	int r = PL_E_NOT_FOUND;

	/* Whoever began did so under an SA that is there for more than this flow. */
	if (ask->tag == PL_TAG_IN || !(wants_its_own(ask) || ask->is_late))
		r = pl_engine_present(engine, ask, ret_id);
	if (r == PL_E_NOT_FOUND && ask->tag == PL_TAG_OUT)
		r = pl_engine_latch(engine, ask, ret_id, ret_report);
	return r;
}

/* @ask is written: its tuple and cookie are the socket's. */
static int read_socket(struct pl_engine *engine, int fd, struct pl_engine_ask *ask,
		       struct pl_socket_facts *ret)
{
	struct pl_world *world = &engine->world;
	struct pl_tuple to = ask->tuple;
	int r = pl_socket_look(world, fd, &to, ret);

	if (r == 0)
		r = pl_socket_judge(ret, PL_SOCKET_BEFORE_CONNECT, ask->is_late);
	if (r == 0 && ret->tuple.proto != PL_TUPLE_UDP)
		r = PL_E_UNSUPPORTED;
	if (r != 0)
		return r;
	ask->tuple = ret->tuple;
	ask->cookie = ret->cookie;
	r = set_ends(&ask->tuple, &to);
	if (r == 0)
		r = pl_tuple_connection(&ask->tuple, &ask->tuple);
	if (r == 0 && listener_of(world, &ask->tuple, ask->cookie, ask->owner.uid) == NULL)
		r = PL_E_NOT_FOUND;
	return r;
}

int pl_engine_tag_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *asked,
			 uint64_t *ret_id, struct pl_conflict_report *ret_report)
{
	struct pl_world *world = &engine->world;
	struct pl_engine_ask ask = *asked;
	struct pl_socket_facts facts;
	struct pl_second_look look = { fd, &asked->tuple, PL_SOCKET_BEFORE_CONNECT, &facts };
	struct pl_latch *old;
	bool is_there;
	uint64_t id;
	int r;

	if (!engine->is_latching || !world->is_guarding)
		return PL_E_UNAVAILABLE;
	r = read_socket(engine, fd, &ask, &facts);
	if (r != 0)
		return r;
	old = pl_db_find(world->db, &ask.tuple);
	is_there = !pl_birth_is_replaceable(old);
	/* One that was born from its SA, and has no socket yet, is presented. */
	if (is_there && !old->is_early)
		return find_tag(world, old, &ask, ret_id);
	ask.is_late = old != NULL && !is_there;
	if (ask.is_late && !(asked->is_late && ask.tag == PL_TAG_OUT))
		return PL_E_ALREADY_USED;
	r = make_tag(engine, &ask, &id, ret_report);
	if (r != 0)
		return r;
	r = pl_socket_look_again(engine, &look, asked);
	if (r == 0)
		*ret_id = id;
	else
		(void)!pl_engine_release(engine, NULL, id);
	return r;
}

bool pl_tag_is_over(struct pl_world *world, const struct pl_latch *latch)
{
	uint64_t now = world->ops.clock->now_ns(world->ops.clock_ctx);

	/* What an administrator closed stays shut as long as the socket lives (K49). */
	return latch->is_tagged && latch->cause != PL_EVENT_ADMIN_CLOSE &&
	       pl_birth_is_replaceable(latch) && !latch->is_unsure &&
	       now - latch->mono_ns >= REST_NS &&
	       listener_of(world, &latch->tuple, latch->cookie, latch->owner.uid) != NULL;
}
