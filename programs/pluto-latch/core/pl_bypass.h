/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BYPASS_H
#define PL_BYPASS_H

#include "core/pl_engine.h"
#include "core/pl_step.h"

/**
 * pl_bypass_admit() - may this connection pass without protection, though the SPD protects it
 * @world:    the world
 * @tuple:    of the connection
 * @ask:      as it was asked
 * @admitted: as latch.conf has it
 *
 * Return: 0; PL_E_NOT_AUTHORIZED for every uid but 0; PL_E_FORBIDDEN by latch.conf (may-bypass, or
 * a least protection); PL_E_WEAK when protection is asked for as well; PL_E_UNSUPPORTED beside an
 * SA of its own, a suite, a tag, and where the kernel cannot; PL_E_CONFLICT for what is discarded;
 * PL_E_UNAVAILABLE while nobody knows the SPD
 */
int pl_bypass_admit(const struct pl_world *world, const struct pl_tuple *tuple,
		    const struct pl_engine_ask *ask,
		    const struct pl_engine_ask *admitted) PL_MUST_USE;

/**
 * pl_bypass_begin() - policies and pin, in one step for whoever asked
 * @world: the world
 * @latch: in PL_STATE_LARVAL, guarded
 *
 * Return: 0; what steering and guard say
 */
int pl_bypass_begin(struct pl_world *world, struct pl_latch *latch) PL_MUST_USE;

/**
 * pl_bypass_recheck() - break it when others' policies go before its own
 * @world: the world
 * @latch: one that bypasses, in any state
 */
void pl_bypass_recheck(struct pl_world *world, struct pl_latch *latch);

#endif
