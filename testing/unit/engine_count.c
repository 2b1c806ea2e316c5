/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine_stage.h"

/* What is kept while latches change is what one finds who counts. */
void assert_counted(const struct pl_engine *engine)
{
	uint32_t nr[PL_STATE_ROOF] = { 0 };
	const struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_engine_next(engine, NULL, at)) != NULL; ) {
		at = latch->id;
		nr[pl_state_shown(latch->state)]++;
	}
	for (enum pl_state state = PL_STATE_NONE + 1; state < PL_STATE_ROOF; state++)
		assert_int_equal(pl_engine_latches(engine, state), nr[state]);
}
