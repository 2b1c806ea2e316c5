/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G4: from the decision that a latch is BROKEN until that is in force, on a table of 100,000 flows:
 * the guard's block, which takes both pins in one transaction, beside the least that nf_tables
 * can be asked, a transaction that was written beforehand and removes one element. In turn, one of
 * each, in both orders; the flows are not the same. The bare one is measured twice: what the two
 * differ by at p99 is the machine's.
 */

#include "bench.h"
#include "netns.h"

#include "kernel/pl_nft.h"

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NR = 100000, NR_HOSTS = 1000, ROUNDS = 15, EACH = 2000 };

static struct mnl_socket *bare;

static void write_bare(struct pl_nft_batch *batch, size_t flow, uint32_t *seq)
{
	struct pl_tuple tuple = bench_flow(flow, NR_HOSTS);

	pl_nft_batch_begin(batch, *seq);
	pl_nft_element(batch, false, PL_NFT_PIN_IN, &tuple, BENCH_REQID);
	bench_check(pl_nft_batch_end(batch) == 0, "a transaction");
	*seq = batch->last_seq + 2;
}

static void send_bare(const struct pl_nft_batch *batch)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = mnl_socket_get_fd(bare);
	const struct nlmsgerr *answer;
	uint64_t bytes[1024];

	bench_check(sendto(fd, batch->bytes, batch->len, 0, (struct sockaddr *)&kernel,
			   sizeof(kernel)) == (ssize_t)batch->len, "send");
	bench_check(recv(fd, bytes, sizeof(bytes), 0) > 0, "an answer");
	answer = mnl_nlmsg_get_payload((const struct nlmsghdr *)bytes);
	bench_check(answer->error == 0, "the bare transaction was refused");
}

/* What is measured, in this order or the other way round. */
enum what { OURS, BARE, AGAIN, WHATS };

static double ns[WHATS][EACH];

static void measure(struct pl_guard *guard, enum what what, size_t flow, unsigned i)
{
	static struct pl_nft_batch batch;
	static uint32_t seq = 1;
	struct pl_tuple tuple = bench_flow(flow, NR_HOSTS);
	uint64_t begin;

	/* of both, so that nobody's memory is the warmer */
	write_bare(&batch, flow, &seq);
	begin = bench_wall_ns();
	if (what == OURS)
		bench_check(pl_guard_operations()->block(guard, &tuple) == 0, "block");
	else
		send_bare(&batch);
	ns[what][i] = (double)(bench_wall_ns() - begin);
	if (i == EACH - 1)
		pl_nft_batch_free(&batch);
}

static void measure_round(struct pl_guard *guard, size_t *flow)
{
	for (unsigned i = 0; i < EACH; i++) {
		for (unsigned n = 0; n < WHATS; n++)
			measure(guard, i % 2 == 0 ? n : WHATS - 1 - n, (*flow)++, i);
	}
}

int main(void)
{
	static const double quantiles[] = { 0.5, 0.99 };
	static struct bench_series series[2][WHATS] = { {
		{ .name = "block: both pins of a flow, p50" },
		{ .name = "a bare transaction: one element, p50" },
		{ .name = "the same again, p50" },
	}, {
		{ .name = "block: both pins of a flow, p99" },
		{ .name = "a bare transaction: one element, p99" },
		{ .name = "the same again, p99" },
	} };
	struct pl_guard *guard;
	size_t flow = 0;

	bench_netns("G4");
	guard = bench_guard("G4", NR, NR_HOSTS);
	bare = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	bench_check(bare != NULL && mnl_socket_bind(bare, 0, MNL_SOCKET_AUTOPID) == 0, "netlink");
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure_round(guard, &flow);
		for (unsigned q = 0; q < 2; q++)
			for (enum what what = OURS; what < WHATS; what++)
				bench_note(&series[q][what],
					   bench_quantile(ns[what], EACH, quantiles[q]));
	}
	bench_ratio_at_most("G4", "BROKEN in force / one bare transaction, p50", &series[0][OURS],
			    &series[0][BARE], 2);
	bench_ratio_at_most("G4", "BROKEN in force / one bare transaction, p99", &series[1][OURS],
			    &series[1][BARE], 2);
	bench_ratio_at_most("G4", "a bare transaction / another one, p99: the method",
			    &series[1][AGAIN], &series[1][BARE], 2);
	mnl_socket_close(bare);
	pl_guard_close(guard);
	return 0;
}
