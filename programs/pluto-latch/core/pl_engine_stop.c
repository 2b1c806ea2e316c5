/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An orderly end of the daemon (ipsec stop, an upgrade), as latch.conf wants it.
 *
 * Pluto takes its policies and SAs away, one by one. That is no change of policy by anybody's will:
 * with stop = keep it breaks nothing, and sockets live until the next daemon takes their latches
 * from the journal (K16). With stop = close every latch is administratively CLOSED (K48), and what
 * is left of it goes with its socket.
 *
 * Invariant: before pluto lets go of its first policy or SA, no pin is left in the guard. Nothing
 * is judged, nothing comes up, and no SA is installed after that.
 */

#include "core/pl_engine_impl.h"

static void close_all(struct pl_world *world)
{
	static const struct pl_why why = { .text = "the daemon is stopped (stop = close)" };
	struct pl_latch *latch;

	pl_breaks_begin(world);
	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		(void)!pl_step_take(world, latch, PL_EVENT_ADMIN_CLOSE, &why);
	}
	pl_breaks_end(world);
}

void pl_engine_stop(struct pl_engine *engine)
{
	struct pl_world *world = &engine->world;
	const struct pl_sa *sa;

	if (world->is_stopping)
		return;
	world->is_stopping = true;
	if (world->conf->stop == PL_CONF_STOP_CLOSE)
		close_all(world);
	/* Their pins go with them. What the guard refuses to take breaks. */
	while ((sa = pl_sad_first(world->sad)) != NULL)
		pl_engine_sa_gone(world, sa->child);
	/* Sockets that were reset are gone by now. */
	pl_engine_tick(engine);
}

bool pl_engine_is_over(const struct pl_engine *engine)
{
	return engine->is_latching && engine->world.is_stopping &&
	       engine->world.conf->stop == PL_CONF_STOP_CLOSE &&
	       pl_db_count(engine->world.db) == 0;
}
