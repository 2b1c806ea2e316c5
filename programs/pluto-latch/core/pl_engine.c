/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine without a Latch Database: it sees everything, counts it, and lets everything pass, so
 * that the daemon behaves exactly as stock pluto.
 *
 * Invariant: a fact of an asked kind that is not what its function expects is refused. "I do not
 * know" must never install anything.
 */

#include "core/pl_engine.h"

#include <stdlib.h>

struct pl_engine {
	pl_engine_observer *observer;
	void *observer_ctx;
	uint64_t count[PL_FACT_ROOF];
};

struct pl_engine *pl_engine_new(pl_engine_observer *observer, void *ctx)
{
	struct pl_engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL)
		return NULL;
	engine->observer = observer;
	engine->observer_ctx = ctx;
	return engine;
}

struct pl_engine *pl_engine_free(struct pl_engine *engine)
{
	free(engine);
	return NULL;
}

static bool see(struct pl_engine *engine, const struct pl_fact *fact)
{
	if ((unsigned)fact->kind <= PL_FACT_NONE || (unsigned)fact->kind >= PL_FACT_ROOF)
		return false;
	engine->count[fact->kind]++;
	if (engine->observer != NULL)
		engine->observer(engine->observer_ctx, fact);
	return true;
}

enum pl_verdict_kind pl_engine_ts_request(struct pl_engine *engine, const struct pl_fact *fact,
					  struct pl_ts_verdict *ret)
{
	(void)ret;
	if (!see(engine, fact) || fact->kind != PL_FACT_TS_REQUEST)
		return PL_VERDICT_REFUSE;
	return PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_ts_other(struct pl_engine *engine, const struct pl_fact *fact)
{
	if (!see(engine, fact) ||
	    (fact->kind != PL_FACT_TS_REKEY && fact->kind != PL_FACT_TS_RESPONSE))
		return PL_VERDICT_REFUSE;
	return PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine, const struct pl_fact *fact)
{
	if (!see(engine, fact) || fact->kind != PL_FACT_CHILD_INSTALL)
		return PL_VERDICT_REFUSE;
	return PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine, const struct pl_fact *fact)
{
	if (!see(engine, fact))
		return PL_VERDICT_REFUSE;
	switch (fact->kind) {
	case PL_FACT_SA_ADD:
	case PL_FACT_SA_MIGRATE:
	case PL_FACT_POLICY_ADD:
		return PL_VERDICT_ACCEPT;
	default:
		return PL_VERDICT_REFUSE;
	}
}

void pl_engine_note(struct pl_engine *engine, const struct pl_fact *fact)
{
	(void)see(engine, fact);
}

uint64_t pl_engine_count(const struct pl_engine *engine, enum pl_fact_kind kind)
{
	return (unsigned)kind < PL_FACT_ROOF ? engine->count[kind] : 0;
}
