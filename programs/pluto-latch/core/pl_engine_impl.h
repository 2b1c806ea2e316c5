/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ENGINE_IMPL_H
#define PL_ENGINE_IMPL_H

#include "core/pl_engine.h"
#include "core/pl_step.h"

/**
 * struct pl_engine - inside of the engine: pl_engine*.c alone
 * @is_latching: pl_engine_start() was called; before that nothing below is there
 * @unrouting:   serial of the connection whose route is being taken away
 * @dead_ike:    serial of the last IKE SA whose peer was found dead
 */
struct pl_engine {
	pl_engine_observer *observer;
	void *observer_ctx;
	uint64_t count[PL_FACT_ROOF];
	bool is_latching;
	struct pl_world world;
	uint64_t unrouting;
	uint64_t dead_ike;
};

/* Base numbers of reqids, far above those that an administrator or pluto itself would use. From one
 * base, pluto makes the numbers of AH, ESP and IPComp. */
enum { PL_REQID_FIRST = 0x40000000, PL_REQID_LAST = 0x7ffffff0, PL_REQID_STEP = 4 };

/**
 * pl_engine_forget() - let go of the world
 * @world: may be all zero
 */
void pl_engine_forget(struct pl_world *world);

#endif
