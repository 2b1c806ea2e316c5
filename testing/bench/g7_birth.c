/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G7, the part of the guard: what a connection that a listener accepts costs, when it is latched
 * and when it ends, by how many others were born and wait. Births are put in by hand, as packets
 * would; the kernel lets a set learn some more than 60,000.
 */

#include "bench.h"
#include "netns.h"

#include "kernel/pl_netlink.h"
#include "kernel/pl_nft.h"

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <sys/socket.h>

enum { FEW = 1000, MANY = 60000, ROUNDS = 15, EACH = 200, NR_HOSTS = 10 };

struct place {
	struct pl_guard *guard;
	size_t nr_births;
	struct bench_series accept, end;
};

static void settle(struct place *place, size_t nr)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct pl_netlink_refusal refusal;
	struct mnl_socket *socket;

	bench_netns("G7");
	place->guard = bench_guard("G7", 0, 1);
	place->nr_births = nr;
	socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	bench_check(socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0,
		    "netlink");
	pl_nft_batch_begin(&batch, 1);
	for (size_t i = 0; i < nr; i++) {
		struct pl_tuple tuple = bench_flow(i, NR_HOSTS);

		pl_nft_element(&batch, true, PL_NFT_BORN, &tuple, BENCH_REQID);
	}
	bench_check(pl_nft_batch_end(&batch) == 0 &&
		    pl_netlink_commit(socket, &batch, &refusal) == 0, "births");
	mnl_socket_close(socket);
	pl_nft_batch_free(&batch);
}

/* The births that end are put back by nobody: their number hardly changes. */
static void measure(struct place *place, unsigned round)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	uint64_t accept = 0, end = 0;

	for (unsigned i = 0; i < EACH / ROUNDS; i++) {
		struct pl_tuple tuple = bench_flow(round * EACH / ROUNDS + i, NR_HOSTS);
		uint32_t reqids[2] = { 0, 0 };
		uint64_t begin = bench_wall_ns();
		unsigned nr = 0;

		bench_check(ops->guard(place->guard, &tuple) == 0 &&
			    ops->born(place->guard, &tuple, reqids, &nr) == 0 && nr == 1 &&
			    reqids[0] == BENCH_REQID, "a birth");
		accept += bench_wall_ns() - begin;
		begin = bench_wall_ns();
		bench_check(ops->unguard(place->guard, &tuple, true) == 0, "its end");
		end += bench_wall_ns() - begin;
		bench_check(ops->born(place->guard, &tuple, reqids, &nr) == 0 && nr == 0,
			    "a birth that ended");
	}
	bench_note(&place->accept, (double)accept / (EACH / ROUNDS));
	bench_note(&place->end, (double)end / (EACH / ROUNDS));
}

int main(void)
{
	static struct place few = {
		.accept.name = "a birth is guarded and read, 1,000 born", .end.name = "it ends" };
	static struct place many = {
		.accept.name = "a birth is guarded and read, 60,000 born", .end.name = "it ends" };

	settle(&few, FEW);
	settle(&many, MANY);
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure(&few, round);
		measure(&many, round);
	}
	bench_ratio_at_most("G7", "accept: 60,000 births / 1,000", &many.accept, &few.accept, 1.5);
	bench_ratio_at_most("G7", "end: 60,000 births / 1,000", &many.end, &few.end, 1.5);
	pl_guard_close(few.guard);
	pl_guard_close(many.guard);
	return 0;
}
