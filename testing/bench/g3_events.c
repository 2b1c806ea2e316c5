/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine's part of G3, and design D17: no event looks at everything. Two engines without a
 * kernel, a small one and one with a hundred times as many peers, each peer with one SA and its two
 * policies, and ten latches. The same events in both: one more SA of a peer comes and goes, its
 * policies are set anew, a latch comes and goes, a tick while one latch waits for its socket.
 */

#include "bench.h"
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_PEER = 10, ROUNDS = 9, SMALL = 100 };

enum event { SA, POLICY, LATCH, TICK, EVENT_ROOF };

static void happen(struct pl_engine *engine, enum event event, uint32_t n)
{
	struct pl_tuple tuple;
	uint64_t id;

	switch (event) {
	case SA:
		bench_add_sa(engine, 1000000, n);
		bench_remove_sa(engine, 1000000);
		break;
	case POLICY:
		bench_set_policies(engine, n);
		break;
	case LATCH:
		tuple = bench_add_latch(engine, n, BENCH_PASSING, &id);
		bench_check(pl_engine_release(engine, NULL, id) == 0 &&
			    pl_engine_flow_gone(engine, &tuple) == 0, "release");
		break;
	default:
		pl_engine_tick(engine);
		break;
	}
}

static void measure(struct pl_engine *engine, enum event event, uint32_t peers,
		    struct bench_series *series)
{
	uint64_t begin = bench_cpu_ns(), took = 0;
	uint32_t times = 0;

	for (; took < 20000000; times++) {
		happen(engine, event, bench_random(peers));
		took = bench_cpu_ns() - begin;
	}
	bench_note(series, (double)took / times);
}

/* Arguments: how many times more peers the large engine has (100). */
int main(int argc, char **argv)
{
	static const char *const names[EVENT_ROOF] = {
		[SA] = "an SA comes and goes", [POLICY] = "two policies are set anew",
		[LATCH] = "a latch comes and goes", [TICK] = "a tick, one latch waits",
	};
	static struct bench_series small[EVENT_ROOF], large[EVENT_ROOF];
	uint32_t more = argc > 1 ? (uint32_t)atoi(argv[1]) : 100;
	struct pl_engine *engine[2];

	for (unsigned i = 0; i < 2; i++) {
		engine[i] = bench_engine(bench_no_guard(), NULL, i == 0 ? SMALL : SMALL * more);
		bench_fill(engine[i], i == 0 ? SMALL : SMALL * more, PER_PEER);
	}
	printf("G3  events with %u SAs and %u latches, and with %u SAs and %u latches\n",
	       SMALL, SMALL * PER_PEER, SMALL * more, SMALL * more * PER_PEER);
	/* One that waits for its socket, for the ticks. */
	for (unsigned i = 0; i < 2; i++)
		bench_check(pl_engine_release(engine[i], NULL, 1) == 0, "release");
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (enum event event = 0; event < EVENT_ROOF; event++) {
			small[event].name = "small";
			large[event].name = "large";
			measure(engine[0], event, SMALL, &small[event]);
			measure(engine[1], event, SMALL * more, &large[event]);
		}
	}
	for (enum event event = 0; event < EVENT_ROOF; event++)
		bench_ratio_at_most("G3", names[event], &large[event], &small[event], 4);
	return 0;
}
