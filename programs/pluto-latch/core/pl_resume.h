/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_RESUME_H
#define PL_RESUME_H

#include "core/pl_step.h"

/**
 * pl_resume_read() - the sessions of the journal are awaited from now on
 * @world: the world; its journal was walked
 *
 * Return: 0; -ENOMEM; what the store said
 */
int pl_resume_read(struct pl_world *world) PL_MUST_USE;

/**
 * pl_resume_free() - none is
 * @world: the world
 */
void pl_resume_free(struct pl_world *world);

/**
 * pl_resume_is_awaited() - this session may come back, and has not yet
 * @world:  the world
 * @number: any
 */
bool pl_resume_is_awaited(const struct pl_world *world, uint64_t number);

/**
 * pl_resume_orphan() - a session ended, or did not come back: the sockets own its latches
 * @world:  the world
 * @number: of the session
 */
void pl_resume_orphan(struct pl_world *world, uint64_t number);

/**
 * pl_resume_tick() - those that did not come back in time never will
 * @world: the world
 */
void pl_resume_tick(struct pl_world *world);

#endif
