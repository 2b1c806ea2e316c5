/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_CALLER_H
#define PL_BUS_CALLER_H

#include "bus/pl_bus_member.h"

/**
 * struct pl_caller_id - who asks, by the word of the bus
 * @uid:     of the process when it connected
 * @gids:    groups of it
 * @nr_gids: how many
 * @session: number of its session; 0 is none
 */
struct pl_caller_id {
	uint32_t uid;
	const uint32_t *gids;
	unsigned nr_gids;
	uint64_t session;
};

/**
 * pl_caller_is_admin() - uid 0
 * @who: known
 */
bool pl_caller_is_admin(const struct pl_caller_id *who);

struct pl_callers;

/**
 * pl_callers_new() - nobody is known
 * @bus: borrowed
 *
 * Return: NULL without memory
 */
struct pl_callers *pl_callers_new(struct pl_bus *bus) PL_MUST_USE;

/**
 * pl_callers_free() - forget everybody
 * @callers: NULL is fine
 *
 * Return: NULL
 */
struct pl_callers *pl_callers_free(struct pl_callers *callers);

/**
 * pl_callers_clear() - the bus is gone: names mean nothing any more
 * @callers: calls that wait are dropped
 *
 * Sessions stay: each belongs to who holds its descriptor.
 */
void pl_callers_clear(struct pl_callers *callers);

/**
 * pl_callers_ask() - find out who this is
 * @callers: the callers
 * @call:    put into the bus's list of ready calls: at once, or when the bus has said who it is, or
 *           with an error
 */
void pl_callers_ask(struct pl_callers *callers, struct pl_call *call);

/**
 * pl_callers_id() - who is known
 * @callers: the callers
 * @name:    unique name
 *
 * Return: NULL if unknown; valid until the next message is dispatched
 */
const struct pl_caller_id *pl_callers_id(const struct pl_callers *callers, const char *name);

/**
 * pl_callers_set_session() - it has one now
 * @callers: the callers
 * @name:    unique name
 * @session: number
 */
void pl_callers_set_session(struct pl_callers *callers, const char *name, uint64_t session);

/**
 * pl_callers_gone() - a name left the bus: its session ends, its calls are dropped
 * @callers: the callers
 * @name:    any
 */
void pl_callers_gone(struct pl_callers *callers, const char *name);

#endif
