/* SPDX-License-Identifier: GPL-2.0-or-later */

/* G10: a restart with 100,000 latches: from the first question until the guard is in force, which
 * is before pluto touches the first SA. Through the real journal, engine and guard; once where the
 * predecessor's table is still there with two pins for each flow, and once where it is gone. Beside
 * that, the least that nf_tables can be asked: one transaction that was written beforehand and adds
 * the elements that the restart puts there, to the same table without elements.
 */

#include "bench.h"
#include "engine.h"
#include "netns.h"

#include "kernel/pl_guard_mirror.h"
#include "kernel/pl_netlink.h"
#include "kernel/pl_nft_table.h"
#include "store/pl_journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NR = 100000, FEW = NR / 10, PER_HOST = 100, ROUNDS = 5, CERT_BYTES = 1200 };

static char folder[64];
static struct pl_identity_pool *pool;
static uint64_t in_force_cpu, in_force_wall;
static size_t in_force_nr;

/* The journal takes no latch whose both ends are here. */
static struct pl_tuple flow(size_t i, size_t nr)
{
	struct pl_tuple tuple = bench_flow(i, nr / PER_HOST);

	tuple.local[0] = tuple.remote[0] = 10;
	return tuple;
}

static void empty_folder(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	bench_check(dir != NULL, "the journal's folder");
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

/* Each host has a certificate of its own. */
static struct pl_identity *identity_of(size_t host)
{
	uint8_t cert[CERT_BYTES] = { (uint8_t)host, (uint8_t)(host >> 8) };
	struct pl_identity *identity;
	char name[32];
	struct pl_identity_data data = {
		.peer = { .id = name, .auth = PL_AUTH_SIGNATURE, .cert = { cert, sizeof(cert) },
			  .anchor = { cert, sizeof(cert) }, .spki = { cert, 300 } },
		.own = { .id = "A", .auth = PL_AUTH_SIGNATURE, .cert = { cert, sizeof(cert) } },
	};

	snprintf(name, sizeof(name), "host %zu", host);
	bench_check(pl_identity_intern(pool, &data, &identity) == 0, "no memory");
	return identity;
}

static int see_nothing(void *ctx, const struct pl_kept *kept, struct pl_identity *identity)
{
	(void)ctx;
	(void)kept;
	(void)identity;
	return 0;
}

static struct pl_journal *open_journal(void)
{
	struct pl_journal *journal;

	bench_check(pl_journal_open(folder, BENCH_LATCHES_MAX, &journal) == 0, "a journal");
	return journal;
}

/* What a daemon that was killed leaves below /run. */
static void write_journal(size_t nr)
{
	static struct pl_identity *identities[NR / PER_HOST];
	struct pl_journal *journal;
	struct pl_store_found found;

	empty_folder();
	journal = open_journal();
	bench_check(pl_journal_read(journal, NULL, see_nothing, NULL, &found) == 0, "a journal");
	for (size_t i = 0; i < nr / PER_HOST; i++)
		identities[i] = identity_of(i);
	for (size_t i = 0; i < nr; i++) {
		struct pl_latch latch = {
			.id = 1 + i, .state = PL_STATE_ESTABLISHED, .cause = PL_EVENT_CREATED,
			.tuple = flow(i, nr), .cookie = 1 + i,
			.owner = { PL_OWNER_SESSION, BENCH_UID, 1 },
			.params = {
				.peer = { .identity = identities[i % (nr / PER_HOST)] },
				.mode = PL_MODE_TRANSPORT, .nr_suites = 1,
				.suites = { { 20, 256, 0, PL_PROTO_ESP, PL_ESN_NO } },
			},
		};

		bench_check(pl_journal_save(journal, &latch, NULL) == 0, "a latch of the journal");
	}
	pl_journal_close(journal);
	for (size_t i = 0; i < nr / PER_HOST; i++)
		pl_identity_unref(identities[i]);
}

/* And in the kernel: every flow with a pin in each direction. */
static void leave_table(size_t nr)
{
	struct pl_guard_item *items = calloc(3 * nr, sizeof(*items));
	struct pl_guard *guard = bench_guard("G10", 0, 1);

	bench_check(items != NULL, "no memory");
	for (size_t i = 0; i < nr; i++) {
		struct pl_guard_item *item = &items[3 * i];

		for (unsigned n = 0; n < 3; n++)
			item[n] = (struct pl_guard_item) {
				.kind = PL_GUARD_PIN, .tuple = flow(i, nr) };
		item[0].kind = PL_GUARD_FLOW;
		item[1].pin = (struct pl_pin) { PL_DIR_IN, BENCH_REQID };
		item[2].pin = (struct pl_pin) { PL_DIR_OUT, BENCH_REQID };
	}
	bench_check(pl_guard_operations()->rebuild(guard, items, 3 * nr) == 0, "a table");
	free(items);
	pl_guard_close(guard);
}

static void leave_nothing(void)
{
	struct pl_guard *guard = bench_guard("G10", 0, 1);

	bench_check(pl_guard_remove(guard) == 0, "no table");
	pl_guard_close(guard);
}

static int timed_take_over(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	int r = pl_guard_operations()->take_over(ctx, items, nr);

	in_force_cpu = bench_cpu_ns();
	in_force_wall = bench_wall_ns();
	in_force_nr = nr;
	return r;
}

enum what { CPU, WALL, STARTED, WHAT_ROOF };

static void note(struct bench_series series[static WHAT_ROOF], size_t nr, uint64_t cpu,
		 uint64_t wall)
{
	bench_note(&series[CPU], (double)(in_force_cpu - cpu) / (double)nr);
	bench_note(&series[WALL], (double)(in_force_wall - wall) / (double)nr);
	bench_note(&series[STARTED], (double)(bench_cpu_ns() - cpu) / (double)nr);
}

/* What pl_daemon_start() does, as far as latches cost something. */
static void measure_ours(size_t nr, bool is_there, struct bench_series series[static WHAT_ROOF])
{
	struct pl_guard_ops ops = *pl_guard_operations();
	struct pl_journal *journal;
	struct pl_engine *engine;
	struct pl_guard *guard;
	uint64_t cpu, wall;

	ops.take_over = timed_take_over;
	write_journal(nr);
	if (is_there)
		leave_table(nr);
	else
		leave_nothing();
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	bench_check(pl_guard_open(PL_NFT_PART_ALL, &guard) == 0, "netfilter");
	journal = open_journal();
	engine = bench_engine_again(&ops, guard, &pl_journal_ops, journal, pool);
	note(series, nr, cpu, wall);
	bench_check(pl_engine_is_guarding(engine) && pl_engine_unreadable(engine) == 0 &&
		    in_force_nr == nr, "the guard is in force");
	pl_engine_free(engine);
	pl_journal_close(journal);
	pl_guard_close(guard);
}

/* The elements of flows that nothing pins. */
static void write_bare(size_t nr, struct pl_nft_batch *batch)
{
	static const uint8_t key[16] = { 1 };
	struct pl_mirror *mirror = pl_mirror_new(key);

	bench_check(mirror != NULL, "no memory");
	for (size_t i = 0; i < nr; i++) {
		struct pl_tuple tuple = flow(i, nr);

		bench_check(pl_mirror_add(mirror, NULL, &tuple) == 0, "no memory");
	}
	pl_nft_batch_begin(batch, 1);
	pl_mirror_write(mirror, batch);
	bench_check(pl_nft_batch_end(batch) == 0, "a transaction");
	pl_mirror_free(mirror);
}

static void measure_bare(struct mnl_socket *socket, const struct pl_nft_batch *batch, size_t nr,
			 struct bench_series series[static WHAT_ROOF])
{
	struct pl_netlink_refusal refusal;
	uint64_t cpu, wall;

	/* and whoever would listen to what changes is gone */
	pl_guard_close(bench_guard("G10", 0, 1));
	cpu = bench_cpu_ns();
	wall = bench_wall_ns();
	bench_check(pl_netlink_commit(socket, batch, &refusal) == 0, "bare");
	in_force_cpu = bench_cpu_ns();
	in_force_wall = bench_wall_ns();
	note(series, nr, cpu, wall);
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	bench_check(socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0,
		    "netlink");
	return socket;
}

static void begin(void)
{
	snprintf(folder, sizeof(folder), "%s/g10_restart.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	bench_check(mkdtemp(folder) != NULL, "a folder for the journal");
	pool = pl_identity_pool_new();
	bench_check(pool != NULL && NSS_NoDB_Init(NULL) == SECSuccess, "NSS");
	bench_netns("G10");
}

int main(void)
{
	static struct bench_series left[WHAT_ROOF] = {
		{ .name = "a latch restored, table there, in force, CPU time" },
		{ .name = "the same, on the clock" },
		{ .name = "the same, until the engine has started, CPU time" },
	};
	static struct bench_series gone[WHAT_ROOF] = {
		{ .name = "a latch restored, table gone, in force, CPU time" },
		{ .name = "the same, on the clock" },
		{ .name = "the same, until the engine has started, CPU time" },
	};
	static struct bench_series few_left[WHAT_ROOF] = {
		{ .name = "of 10,000: table there, in force, CPU time" },
		{ .name = "the same, on the clock" },
		{ .name = "the same, until the engine has started, CPU time" },
	};
	static struct bench_series few_gone[WHAT_ROOF] = {
		{ .name = "of 10,000: table gone, in force, CPU time" },
		{ .name = "the same, on the clock" },
		{ .name = "the same, until the engine has started, CPU time" },
	};
	static struct bench_series base[WHAT_ROOF] = {
		{ .name = "bare: its elements added, CPU time" },
		{ .name = "bare: its elements added, on the clock" },
		{ .name = "bare: its elements added, CPU time" },
	};
	struct pl_nft_batch batch = { .bytes = NULL };
	struct mnl_socket *socket;

	begin();
	socket = open_socket();
	write_bare(NR, &batch);
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure_ours(NR, true, left);
		measure_bare(socket, &batch, NR, base);
		measure_ours(NR, false, gone);
		measure_ours(FEW, true, few_left);
		measure_ours(FEW, false, few_gone);
	}
	bench_ratio_at_most("G10", "guard in force / bare, table there, CPU", &left[CPU],
			    &base[CPU], 2);
	bench_ratio_at_most("G10", "guard in force / bare, table there, wall", &left[WALL],
			    &base[WALL], 2);
	bench_ratio_at_most("G10", "guard in force / bare, table gone, CPU", &gone[CPU],
			    &base[CPU], 2);
	bench_ratio_at_most("G10", "guard in force / bare, table gone, wall", &gone[WALL],
			    &base[WALL], 2);
	bench_ratio_at_most("G10", "a latch of 100k / of 10k, table there, in force", &left[CPU],
			    &few_left[CPU], 1.5);
	bench_ratio_at_most("G10", "a latch of 100k / of 10k, table gone, in force", &gone[CPU],
			    &few_gone[CPU], 1.5);
	bench_ratio_at_most("G10", "a latch of 100k / of 10k, table gone, started",
			    &gone[STARTED], &few_gone[STARTED], 1.5);
	pl_nft_batch_free(&batch);
	mnl_socket_close(socket);
	empty_folder();
	rmdir(folder);
	pl_identity_pool_free(pool);
	return 0;
}
