/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G4: from the decision that a latch is BROKEN until that is in force, on a table of 100,000 flows:
 * the guard's block, which takes both pins in one transaction, beside the least that nf_tables
 * can be asked, a transaction that was written beforehand and removes one element. In turn, one of
 * each; the flows are not the same.
 */

#include "bench.h"
#include "netns.h"

#include "kernel/pl_nft.h"

#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NR = 100000, NR_HOSTS = 1000, ROUNDS = 9, EACH = 1000 };

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

int main(void)
{
	static struct bench_series ours[2] = {
		{ .name = "block: both pins of a flow, p50" },
		{ .name = "block: both pins of a flow, p99" },
	};
	static struct bench_series base[2] = {
		{ .name = "a bare transaction: one element, p50" },
		{ .name = "a bare transaction: one element, p99" },
	};
	static double our_ns[EACH], base_ns[EACH];
	struct pl_nft_batch batch = { .bytes = NULL };
	struct pl_guard *guard;
	size_t flow = 0;
	uint32_t seq = 1;

	bench_netns("G4");
	guard = bench_guard("G4", NR, NR_HOSTS);
	bare = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	bench_check(bare != NULL && mnl_socket_bind(bare, 0, MNL_SOCKET_AUTOPID) == 0, "netlink");
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < EACH; i++) {
			struct pl_tuple tuple = bench_flow(flow++, NR_HOSTS);
			uint64_t begin;

			write_bare(&batch, flow++, &seq);
			begin = bench_wall_ns();
			bench_check(pl_guard_operations()->block(guard, &tuple) == 0, "block");
			our_ns[i] = (double)(bench_wall_ns() - begin);
			begin = bench_wall_ns();
			send_bare(&batch);
			base_ns[i] = (double)(bench_wall_ns() - begin);
		}
		for (unsigned i = 0; i < 2; i++) {
			bench_note(&ours[i], bench_quantile(our_ns, EACH, i == 0 ? 0.5 : 0.99));
			bench_note(&base[i], bench_quantile(base_ns, EACH, i == 0 ? 0.5 : 0.99));
		}
	}
	bench_ratio_at_most("G4", "BROKEN in force / one bare transaction, p50", &ours[0],
			    &base[0], 2);
	bench_ratio_at_most("G4", "BROKEN in force / one bare transaction, p99", &ours[1],
			    &base[1], 2);
	pl_nft_batch_free(&batch);
	mnl_socket_close(bare);
	pl_guard_close(guard);
	return 0;
}
