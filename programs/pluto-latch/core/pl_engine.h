/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ENGINE_H
#define PL_ENGINE_H

#include "core/pl_base.h"
#include "core/pl_facts.h"

/*
 * The engine: every fact of the seam enters here, and every verdict comes from here.
 */
struct pl_engine;

/**
 * typedef pl_engine_observer - sees every fact, before it is judged
 * @ctx:  as given to pl_engine_new()
 * @fact: valid during the call
 */
typedef void pl_engine_observer(void *ctx, const struct pl_fact *fact);

/**
 * pl_engine_new() - an engine without any latch
 * @observer: may be NULL
 * @ctx:      for @observer
 *
 * Return: the engine, or NULL without memory
 */
struct pl_engine *pl_engine_new(pl_engine_observer *observer, void *ctx) PL_MUST_USE;

/**
 * pl_engine_free() - forget everything
 * @engine: NULL is fine
 *
 * Return: NULL
 */
struct pl_engine *pl_engine_free(struct pl_engine *engine);

/**
 * pl_engine_ts_request() - a peer proposes selectors to us as responder
 * @engine: the engine
 * @fact:   PL_FACT_TS_REQUEST
 * @ret:    written only with PL_VERDICT_NARROW
 *
 * Return: PL_VERDICT_ACCEPT for what pluto selected, _NARROW to @ret, or _REFUSE
 */
enum pl_verdict_kind pl_engine_ts_request(struct pl_engine *engine, const struct pl_fact *fact,
					  struct pl_ts_verdict *ret) PL_MUST_USE;

/**
 * pl_engine_ts_other() - a peer rekeys a child, or answers our proposal
 * @engine: the engine
 * @fact:   PL_FACT_TS_REKEY or PL_FACT_TS_RESPONSE
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE; here nothing can be narrowed any more
 */
enum pl_verdict_kind pl_engine_ts_other(struct pl_engine *engine,
					const struct pl_fact *fact) PL_MUST_USE;

/**
 * pl_engine_child_install() - pluto is about to install a child SA
 * @engine: the engine
 * @fact:   PL_FACT_CHILD_INSTALL
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE
 */
enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine,
					     const struct pl_fact *fact) PL_MUST_USE;

/**
 * pl_engine_kernel_change() - the gate of last resort: pluto is about to change the kernel
 * @engine: the engine
 * @fact:   PL_FACT_SA_ADD, PL_FACT_SA_MIGRATE or PL_FACT_POLICY_ADD
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE
 */
enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine,
					     const struct pl_fact *fact) PL_MUST_USE;

/**
 * pl_engine_note() - something happened that nobody can refuse
 * @engine: the engine
 * @fact:   of any kind that is not asked
 */
void pl_engine_note(struct pl_engine *engine, const struct pl_fact *fact);

/**
 * pl_engine_count() - how many facts of this kind were seen
 * @engine: the engine
 * @kind:   a kind
 */
uint64_t pl_engine_count(const struct pl_engine *engine, enum pl_fact_kind kind);

#endif
