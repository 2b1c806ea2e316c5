/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include "core/pl_engine.h"

#include <stdint.h>

/* Engines with many peers, each with one SA and its two policies, whose effects cost nothing; the
 * guard may be a real one. */

/* BENCH_PASSING: the port of a latch whose socket ends at once. */
enum { BENCH_UID = 1000, BENCH_PASSING = 999, BENCH_LATCHES_MAX = 1000000 };

/* Owners that were told something. */
extern uint64_t bench_told;

/* A guard that does nothing. */
const struct pl_guard_ops *bench_no_guard(void);

/* Who all peers are; of the first engine. */
struct pl_identity *bench_peer(void);

/* An engine with SAs and policies of @peers. */
struct pl_engine *bench_engine(const struct pl_guard_ops *guard, void *guard_ctx, uint32_t peers);

/* An engine without them, which begins with what @store has; NULL is nothing. */
struct pl_engine *bench_engine_again(const struct pl_guard_ops *guard, void *guard_ctx,
				     const struct pl_store_ops *store, void *store_ctx,
				     struct pl_identity_pool *identities);

/* @per_peer latches with each of them. */
void bench_fill(struct pl_engine *engine, uint32_t peers, uint16_t per_peer);

/* The host @n of a network; the own one is 1 of network 0, peers are in 1. */
struct pl_ts bench_host(uint8_t net, uint32_t n);

/* One more SA with peer @n, or one less. */
void bench_add_sa(struct pl_engine *engine, uint64_t serial, uint32_t n);
void bench_remove_sa(struct pl_engine *engine, uint64_t serial);

/* The policies of peer @n, anew. */
void bench_set_policies(struct pl_engine *engine, uint32_t n);

/* One latch of this local port with peer @n. */
struct pl_tuple bench_add_latch(struct pl_engine *engine, uint32_t n, uint16_t port,
				uint64_t *ret_id);

#endif
