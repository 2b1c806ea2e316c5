/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G11: memory of one of 100,000 latches. Of the daemon: what the allocator gave out for the
 * database, and for the guard's mirror of the kernel's sets, by mallinfo2(); peers, SAs, policies
 * and identities are there before. Of the kernel: what its allocators that nothing is reclaimed
 * from grew by while the sets were filled; others use them, too, so it is done several times.
 */

#include "bench.h"
#include "engine.h"
#include "netns.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PEERS = 1000, PER_PEER = 100, NR = PEERS * PER_PEER, ROUNDS = 7 };

static double malloced(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

/* SUnreclaim and VmallocUsed, which large hash tables are from. */
static double kernel_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kb, sum = 0;
	char line[128];

	bench_check(file != NULL, "/proc/meminfo");
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "SUnreclaim: %lu", &kb) == 1 ||
		    sscanf(line, "VmallocUsed: %lu", &kb) == 1)
			sum += kb;
	}
	fclose(file);
	return 1024.0 * (double)sum;
}

/* What is freed is freed later. */
static double settled_kernel_bytes(void)
{
	enum { POLL_US = 200000, CALM = 5, MOST = 100, CHANGE = 1 << 18 };
	double before = kernel_bytes();
	unsigned calm = 0;

	for (unsigned i = 0; i < MOST && calm < CALM; i++) {
		double after;

		usleep(POLL_US);
		after = kernel_bytes();
		calm = before - after < CHANGE ? calm + 1 : 0;
		before = after;
	}
	return before;
}

static struct pl_guard_ops current;

static void measure_kernel(struct pl_engine *engine, struct pl_guard *guard)
{
	static struct bench_series series = {
		.name = "kernel memory of a latch", .unit = "B",
	};
	double values[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		double before;

		bench_check(pl_guard_operations()->rebuild(guard, NULL, 0) == 0, "emptied");
		before = settled_kernel_bytes();
		bench_check(pl_engine_guard_lost(engine) == 0, "the guard's table");
		values[i] = (settled_kernel_bytes() - before) / NR;
		bench_note(&series, values[i]);
	}
	bench_show(&series);
	bench_value_at_most("G11", "kernel: bytes of a latch, median",
			    bench_quantile(values, ROUNDS, 0.5), 2048);
}

int main(void)
{
	struct pl_engine *engine;
	struct pl_guard *guard;
	double before, latches, mirror;

	current = *bench_no_guard();
	bench_netns("G11");
	guard = bench_guard("G11", 0, 1);
	engine = bench_engine(&current, guard, PEERS);
	before = malloced();
	bench_fill(engine, PEERS, PER_PEER);
	latches = (malloced() - before) / NR;
	current = *pl_guard_operations();
	before = malloced();
	bench_check(pl_engine_guard_lost(engine) == 0, "the guard's table");
	mirror = (malloced() - before) / NR;
	bench_value_at_most("G11", "daemon: bytes of a latch in the database", latches, 384);
	bench_value_at_most("G11", "daemon: with what the guard remembers of it",
			    latches + mirror, 384);
	measure_kernel(engine, guard);
	pl_guard_close(guard);
	return 0;
}
