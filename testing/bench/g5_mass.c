/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G5: one event breaks 100,000 latches: their peer is dead. Until all of them are blocked in the
 * kernel, and until all of their owners are told, beside the least that nf_tables can be asked:
 * transactions that were written beforehand, of as many elements as ours, and remove the same pins
 * from a table in a network namespace where nobody listens.
 */

#include "bench.h"
#include "engine.h"
#include "netns.h"

#include "kernel/pl_netlink.h"
#include "kernel/pl_nft.h"

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { PEERS = 1000, PER_PEER = 100, NR = PEERS * PER_PEER, ROUNDS = 5 };
/* As the engine has them (core/pl_breaks.c): two pins each. */
enum { AT_ONCE = 512, NR_BATCHES = (NR + AT_ONCE - 1) / AT_ONCE };

static struct pl_guard_ops current;
static uint64_t blocked_cpu, blocked_wall;

static int timed_unpin(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	int r = pl_guard_operations()->unpin(ctx, items, nr);

	blocked_cpu = bench_cpu_ns();
	blocked_wall = bench_wall_ns();
	return r;
}

enum what { CPU, WALL, TOLD, WHAT_ROOF };

/* The latches come to be without a guard, which then gets them all at once. */
static void measure_ours(struct pl_guard *guard, struct bench_series series[static WHAT_ROOF])
{
	struct pl_engine *engine;
	uint64_t cpu, wall;

	current = *bench_no_guard();
	engine = bench_engine(&current, guard, PEERS);
	bench_fill(engine, PEERS, PER_PEER);
	current = *pl_guard_operations();
	current.unpin = timed_unpin;
	bench_check(pl_engine_guard_lost(engine) == 0, "the guard's table");
	bench_told = 0;
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	pl_engine_note(engine, &(struct pl_fact) {
		.kind = PL_FACT_CHILD_DOWN, .child = 1, .ike = 1, .identity = bench_peer(),
		.u.child_end.ike_cause = PL_IKE_END_PEER_LOST,
	});
	bench_note(&series[TOLD], (double)(bench_cpu_ns() - cpu) / NR);
	bench_note(&series[CPU], (double)(blocked_cpu - cpu) / NR);
	bench_note(&series[WALL], (double)(blocked_wall - wall) / NR);
	bench_check(bench_told == NR, "not everybody was told");
	pl_engine_free(engine);
}

static void measure_bare(struct mnl_socket *socket, struct pl_nft_batch *batches,
			 struct bench_series series[static WHAT_ROOF])
{
	struct pl_guard *guard = bench_guard("G5", NR, PEERS);
	struct pl_netlink_refusal refusal;
	uint64_t cpu, wall;

	/* and whoever would listen to what changes is gone */
	pl_guard_close(guard);
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	for (unsigned i = 0; i < NR_BATCHES; i++)
		bench_check(pl_netlink_commit(socket, &batches[i], &refusal) == 0, "bare");
	bench_note(&series[CPU], (double)(bench_cpu_ns() - cpu) / NR);
	bench_note(&series[WALL], (double)(bench_wall_ns() - wall) / NR);
	bench_note(&series[TOLD], series[CPU].value[series[CPU].nr - 1]);
}

static struct pl_nft_batch *write_bare(void)
{
	struct pl_nft_batch *batches = calloc(NR_BATCHES, sizeof(*batches));
	uint32_t seq = 1;

	bench_check(batches != NULL, "no memory");
	for (size_t i = 0; i < NR_BATCHES; i++) {
		size_t end = (i + 1) * AT_ONCE < NR ? (i + 1) * AT_ONCE : NR;

		pl_nft_batch_begin(&batches[i], seq);
		for (size_t n = i * AT_ONCE; n < 2 * end - i * AT_ONCE; n++) {
			bool is_in = n >= end;
			struct pl_tuple tuple = bench_flow(is_in ? n - end + i * AT_ONCE : n,
							   PEERS);

			pl_nft_element(&batches[i], false, is_in ? PL_NFT_PIN_IN : PL_NFT_PIN_OUT,
				       &tuple, BENCH_REQID);
		}
		bench_check(pl_nft_batch_end(&batches[i]) == 0, "a transaction");
		seq = batches[i].last_seq + 2;
	}
	return batches;
}

int main(void)
{
	static struct bench_series ours[WHAT_ROOF] = {
		{ .name = "a latch blocked with 99,999 others, CPU time" },
		{ .name = "the same, until it is so on the clock" },
		{ .name = "blocked and its owner told, CPU time" },
	};
	static struct bench_series base[WHAT_ROOF] = {
		{ .name = "bare: its two pins removed, CPU time" },
		{ .name = "bare: its two pins removed, on the clock" },
		{ .name = "bare: its two pins removed, CPU time" },
	};
	struct pl_nft_batch *batches = write_bare();
	struct mnl_socket *socket;
	struct pl_guard *guard;

	bench_netns("G5");
	guard = bench_guard("G5", 0, 1);
	bench_netns("G5");
	socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	bench_check(socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0,
		    "netlink");
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure_ours(guard, ours);
		measure_bare(socket, batches, base);
	}
	bench_ratio_at_most("G5", "100k latches blocked / bare, CPU", &ours[CPU], &base[CPU], 1.5);
	bench_ratio_at_most("G5", "100k latches blocked / bare, wall", &ours[WALL], &base[WALL],
			    1.5);
	bench_ratio_at_most("G5", "100k latches blocked and told / bare, CPU", &ours[TOLD],
			    &base[TOLD], 1.5);
	for (unsigned i = 0; i < NR_BATCHES; i++)
		pl_nft_batch_free(&batches[i]);
	free(batches);
	mnl_socket_close(socket);
	pl_guard_close(guard);
	return 0;
}
