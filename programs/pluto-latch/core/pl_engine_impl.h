/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ENGINE_IMPL_H
#define PL_ENGINE_IMPL_H

#include "core/pl_engine.h"
#include "core/pl_step.h"

/**
 * struct pl_engine - inside of the engine: pl_engine.c and pl_engine_call.c alone
 * @is_latching: pl_engine_start() was called; before that nothing below is there
 * @unrouting:   serial of the connection whose route is being taken away
 */
struct pl_engine {
	pl_engine_observer *observer;
	void *observer_ctx;
	uint64_t count[PL_FACT_ROOF];
	bool is_latching;
	struct pl_world world;
	uint64_t unrouting;
};

#endif
