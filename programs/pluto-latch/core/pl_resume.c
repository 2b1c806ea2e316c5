/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sessions that outlive the daemon (design D13). A program's session ends with the daemon's
 * process, and its latches do not (pl_restore.c). For a while the journal's sessions are awaited:
 * whoever has the token of one, and its uid, owns its latches again, and is told how they are.
 * After that they are their sockets', as when a program ends.
 *
 * Invariants:
 * - A token is good for one time, and after a restart alone: a session that lives is not awaited.
 * - The journal has digests, never a token. Which of several things was wrong is told nobody.
 * - Who is awaited hears of what happens to his latches meanwhile when he comes: a latch that is
 *   closed stays until then, unless somebody else wants its flow.
 */

#include "core/pl_resume.h"

#include "core/pl_engine.h"
#include "core/pl_engine_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int remember(void *ctx, const struct pl_kept_session *session)
{
	struct pl_awaited *awaited = ctx;

	if (awaited->nr == awaited->room) {
		size_t room = awaited->room == 0 ? 64 : awaited->room * 2;
		void *sessions = reallocarray(awaited->sessions, room, sizeof(*session));

		if (sessions == NULL)
			return -ENOMEM;
		awaited->sessions = sessions;
		awaited->room = room;
	}
	awaited->sessions[awaited->nr++] = *session;
	if (session->number > awaited->last)
		awaited->last = session->number;
	return 0;
}

static void forget(struct pl_world *world, uint64_t number)
{
	const struct pl_store_ops *store = world->ops.store;

	if (store != NULL && store->forget_session != NULL)
		(void)!store->forget_session(world->ops.store_ctx, number);
}

int pl_resume_read(struct pl_world *world)
{
	const struct pl_store_ops *store = world->ops.store;
	struct pl_awaited *awaited = &world->awaited;
	uint64_t wait_ns = world->conf->resume_wait * 1000000000ull;
	int r;

	if (store == NULL || store->walk_sessions == NULL)
		return 0;
	r = store->walk_sessions(world->ops.store_ctx, remember, awaited);
	if (r != 0)
		return r;
	while (wait_ns == 0 && awaited->nr > 0)
		forget(world, awaited->sessions[--awaited->nr].number);
	if (awaited->nr > 0) {
		awaited->until_ns = world->ops.clock->now_ns(world->ops.clock_ctx) + wait_ns;
		pl_step_wake_by(world, awaited->until_ns);
	}
	return 0;
}

void pl_resume_free(struct pl_world *world)
{
	free(world->awaited.sessions);
	world->awaited = (struct pl_awaited) { .nr = 0 };
}

static struct pl_kept_session *find(const struct pl_world *world, uint64_t number)
{
	for (size_t i = 0; i < world->awaited.nr; i++) {
		if (world->awaited.sessions[i].number == number)
			return &world->awaited.sessions[i];
	}
	return NULL;
}

bool pl_resume_is_awaited(const struct pl_world *world, uint64_t number)
{
	return find(world, number) != NULL;
}

static void stop_awaiting(struct pl_world *world, uint64_t number)
{
	struct pl_awaited *awaited = &world->awaited;
	struct pl_kept_session *session = find(world, number);

	if (session != NULL)
		*session = awaited->sessions[--awaited->nr];
}

void pl_resume_orphan(struct pl_world *world, uint64_t number)
{
	struct pl_latch *latch;

	stop_awaiting(world, number);
	while ((latch = pl_db_next_of(world->db, PL_OWNER_SESSION, number, 0)) != NULL) {
		struct pl_owner socket = {
			.kind = PL_OWNER_SOCKET, .uid = latch->owner.uid, .number = latch->cookie,
		};

		pl_db_give(world->db, latch, &socket);
		pl_step_mind(world, latch);
		(void)!pl_step_take(world, latch, PL_EVENT_OWNER_GONE, NULL);
	}
	/* A daemon that ends before this awaits a session without latches. */
	forget(world, number);
}

void pl_resume_tick(struct pl_world *world)
{
	struct pl_awaited *awaited = &world->awaited;

	if (awaited->nr == 0)
		return;
	if (world->ops.clock->now_ns(world->ops.clock_ctx) < awaited->until_ns) {
		pl_step_wake_by(world, awaited->until_ns);
		return;
	}
	while (awaited->nr > 0)
		pl_resume_orphan(world, awaited->sessions[0].number);
}

/* Every byte is compared, so that how long it takes says nothing. */
static bool is_equal(const uint8_t *a, const uint8_t *b)
{
	unsigned differ = 0;

	for (unsigned i = 0; i < PL_KEPT_DIGEST_BYTES; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

int pl_engine_session_find(const struct pl_engine *engine, uint32_t uid,
			   const uint8_t token[static PL_KEPT_DIGEST_BYTES], uint64_t *ret_number)
{
	const struct pl_awaited *awaited = &engine->world.awaited;
	const struct pl_clock_ops *clock = engine->world.ops.clock;
	uint64_t number = 0;

	for (size_t i = 0; engine->is_latching && i < awaited->nr; i++) {
		bool is_it = is_equal(awaited->sessions[i].token, token);

		if (is_it && awaited->sessions[i].uid == uid)
			number = awaited->sessions[i].number;
	}
	if (number == 0 || clock->now_ns(engine->world.ops.clock_ctx) >= awaited->until_ns)
		return PL_E_NOT_RESUMABLE;
	*ret_number = number;
	return 0;
}

int pl_engine_session_save(struct pl_engine *engine, const struct pl_kept_session *session)
{
	const struct pl_store_ops *store = engine->world.ops.store;

	if (!engine->is_latching || store == NULL || store->save_session == NULL)
		return 0;
	return store->save_session(engine->world.ops.store_ctx, session);
}

static enum pl_told remind(struct pl_world *world, const struct pl_latch *latch)
{
	struct pl_alert alert = {
		.id = latch->id, .tuple = latch->tuple, .event = latch->cause,
		.from = latch->state, .to = latch->state, .diff = latch->diff,
		.mono_ns = latch->mono_ns, .generation = latch->generation,
		.reason = latch->reason,
	};

	return world->ops.owner->remind(world->ops.owner_ctx, &latch->owner, &alert);
}

void pl_engine_session_resumed(struct pl_engine *engine, uint64_t number)
{
	struct pl_world *world = &engine->world;
	enum pl_told told = PL_TOLD_RECORD;
	struct pl_latch *latch;

	if (!engine->is_latching)
		return;
	stop_awaiting(world, number);
	for (uint64_t at = 0; told == PL_TOLD_RECORD && world->ops.owner->remind != NULL &&
	     (latch = pl_db_next_of(world->db, PL_OWNER_SESSION, number, at)) != NULL; ) {
		at = latch->id;
		told = remind(world, latch);
		/* Refused by every state that does not wait for this. */
		if (told == PL_TOLD_RECORD)
			(void)!pl_step_take(world, latch, PL_EVENT_TOLD, NULL);
	}
}

uint64_t pl_engine_session_last(const struct pl_engine *engine)
{
	return engine->world.awaited.last;
}
