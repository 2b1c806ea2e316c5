/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whose the guard's table is (kernel/pl_guard.c), in the kernel that runs: it needs neither ESP nor
 * IKE, because a flow without a pin drops whatever it sends. Each test has a network namespace of
 * its own. A stranger has a netlink socket and every right, as nft of an administrator.
 *
 * What passed is told by a capture of the loopback device; what was dropped by the guard's counter,
 * which goes on as long as the table is the same, and begins at 0 in a new one.
 */

#include "kernel/pl_guard.h"
#include "kernel/pl_netlink.h"
#include "kernel/pl_nft_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The flow that is latched, one beside it that is not, and one that ends a capture. */
enum flow { LATCHED, FREE, MARK, NR_FLOWS };
enum { PORT = 4000, OWNED = 2 | 4, DEADLINE_S = 20 };

static const struct pl_tuple latched = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local = { 127, 0, 0, 1 },
	.remote = { 127, 0, 0, 2 }, .local_port = PORT, .remote_port = PORT };

/* What the process that sends has done. */
struct sent {
	volatile unsigned long tried, passed;
};

static struct {
	const char *why;	/* this kernel cannot, or NULL */
	struct mnl_socket *stranger;
	uint32_t seq;
	int from[NR_FLOWS], to[NR_FLOWS], wire;
	unsigned seen[NR_FLOWS];
	struct sent *sent;
	pid_t sender, daemon;
	struct pl_guard *guards[2];	/* of this process */
} stage;

/* The stranger */

static int strange_commit(struct pl_nft_batch *batch)
{
	struct pl_netlink_refusal refusal;
	int r = pl_nft_batch_end(batch);

	stage.seq = batch->last_seq + 2;
	if (r == 0)
		r = pl_netlink_commit(stage.stranger, batch, &refusal);
	pl_nft_batch_free(batch);
	return r;
}

/* NFT_MSG_DELTABLE without a @table is what `nft flush ruleset` says. */
static int strange(uint16_t type, const char *table, uint32_t flags)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct nlmsghdr *header;

	pl_nft_batch_begin(&batch, stage.seq);
	header = pl_nft_batch_next(&batch, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
	assert_non_null(header);
	if (table == NULL)
		((struct nfgenmsg *)mnl_nlmsg_get_payload(header))->nfgen_family = NFPROTO_UNSPEC;
	else
		mnl_attr_put_strz(header, NFTA_TABLE_NAME, table);
	if (flags != 0)
		mnl_attr_put_u32(header, NFTA_TABLE_FLAGS, htonl(flags));
	pl_nft_batch_done(&batch, header);
	return strange_commit(&batch);
}

static int strange_element(bool is_new)
{
	struct pl_nft_batch batch = { .bytes = NULL };

	pl_nft_batch_begin(&batch, stage.seq);
	pl_nft_element(&batch, is_new, PL_NFT_FLOWS, &latched, 0);
	return strange_commit(&batch);
}

/* Saying again that the table is there changes nothing, and is not for everybody. */
static bool is_anybodys(void)
{
	int r = strange(NFT_MSG_NEWTABLE, PL_NFT_TABLE, 0);

	assert_true(r == 0 || r == -EPERM);
	return r == 0;
}

/* Packets */

static void raise_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
}

static void open_flow(unsigned i)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(PORT + i)) };

	stage.from[i] = socket(AF_INET, SOCK_DGRAM, 0);
	stage.to[i] = socket(AF_INET, SOCK_DGRAM, 0);
	at.sin_addr.s_addr = htonl(0x7f000001);
	assert_int_equal(bind(stage.from[i], (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_addr.s_addr = htonl(0x7f000002);
	assert_int_equal(bind(stage.to[i], (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(connect(stage.from[i], (struct sockaddr *)&at, sizeof(at)), 0);
}

static bool sends(enum flow flow)
{
	return send(stage.from[flow], "x", 1, 0) == 1;
}

/* Return: how many passed */
static unsigned send_ten(enum flow flow)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < 10; i++)
		passed += sends(flow);
	return passed;
}

static void count(const uint8_t *packet, size_t len)
{
	size_t header = (size_t)(packet[0] & 15) * 4;
	unsigned port;

	if (len < header + 8 || packet[9] != PL_TUPLE_UDP)
		return;
	port = (unsigned)(packet[header + 2] << 8 | packet[header + 3]);
	if (port >= PORT && port < PORT + NR_FLOWS)
		stage.seen[port - PORT]++;
}

/* All that loopback brought since the last time, beside what was seen by then: a mark is sent, and
 * the capture read until it is there. What nobody reads for long has no room for the mark. */
static void look_on(void)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	uint8_t packet[256];

	stage.seen[MARK] = 0;
	assert_true(sends(MARK));
	while (stage.seen[MARK] == 0) {
		ssize_t got = recv(stage.wire, packet, sizeof(packet), 0);

		assert_true(got > 0);
		count(packet, (size_t)got);
	}
	assert_int_equal(getsockopt(stage.wire, SOL_PACKET, PACKET_STATISTICS, &stats, &len), 0);
	assert_int_equal(stats.tp_drops, 0);
}

static void look(void)
{
	memset(stage.seen, 0, sizeof(stage.seen));
	look_on();
}

static void open_wire(void)
{
	struct sockaddr_ll lo = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = 1 };
	struct timeval most = { .tv_sec = DEADLINE_S };
	int size = 8 << 20;

	stage.wire = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	assert_true(stage.wire >= 0);
	setsockopt(stage.wire, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(setsockopt(stage.wire, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
	assert_int_equal(bind(stage.wire, (struct sockaddr *)&lo, sizeof(lo)), 0);
}

/* The guard */

/* Number @i of this process; of all the parts, or without an owner. */
static struct pl_guard *open_guard(unsigned i, unsigned without)
{
	assert_null(stage.guards[i]);
	assert_int_equal(pl_guard_open(PL_NFT_PART_ALL & ~without, &stage.guards[i]), 0);
	return stage.guards[i];
}

static void close_guard(unsigned i)
{
	stage.guards[i] = pl_guard_close(stage.guards[i]);
}

/* As the daemon starts: what is there stays in force, and is replaced. With others, so that it
 * takes a while. */
static int take_among(struct pl_guard *guard, unsigned nr_others)
{
	struct pl_guard_item *items = calloc(nr_others + 1, sizeof(*items));
	int r;

	assert_non_null(items);
	for (unsigned i = 0; i <= nr_others; i++) {
		items[i] = (struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = latched };
		items[i].tuple.remote[2] = (uint8_t)(i >> 8);
		items[i].tuple.remote[1] = (uint8_t)i;
	}
	r = pl_guard_operations()->take_over(guard, items, nr_others + 1);
	free(items);
	return r;
}

static int take(struct pl_guard *guard)
{
	return take_among(guard, 0);
}

/* Packets of the latched flow that the table has dropped; read as anybody can. */
static unsigned dropped(void)
{
	uint64_t counters[PL_NFT_COUNTER_ROOF];

	assert_int_equal(pl_guard_counters(open_guard(1, 0), counters), 0);
	close_guard(1);
	return (unsigned)counters[PL_NFT_OUT_UNPINNED];
}

/* Processes */

static void end(pid_t *pid)
{
	int status;

	if (*pid <= 0)
		return;
	assert_int_equal(kill(*pid, SIGKILL), 0);
	assert_int_equal(waitpid(*pid, &status, 0), *pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	*pid = 0;
}

/* Return: in the child, 0, which ends with us */
static pid_t begin(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* A process with the table, from when it says that it is in force. */
static void begin_daemon(void)
{
	struct pl_guard *guard;
	int said[2];
	char word = 0;

	assert_int_equal(pipe(said), 0);
	stage.daemon = begin();
	if (stage.daemon == 0) {
		if (pl_guard_open(PL_NFT_PART_ALL, &guard) == 0 &&
		    take_among(guard, 2000) == 0)
			word = pl_guard_is_owned(guard) ? 'o' : 'f';
		(void)!write(said[1], &word, 1);
		for (;;)
			pause();
	}
	close(said[1]);
	assert_int_equal(read(said[0], &word, 1), 1);
	close(said[0]);
	assert_int_equal(word, 'o');
}

static void begin_sender(void)
{
	stage.sender = begin();
	while (stage.sender == 0) {
		stage.sent->passed += sends(LATCHED);
		if (stage.sent->tried++ % 64 == 0)
			sends(FREE);
	}
}

/* A hundred more packets of it, whatever happens meanwhile. The first of them may have been dropped
 * before, and not been told of yet. */
static void goes_on(void)
{
	unsigned long before = stage.sent->tried;
	time_t until = time(NULL) + DEADLINE_S;

	while (stage.sent->tried < before + 100) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
}

/* What this kernel can */

static const char *why_not(void)
{
	struct pl_guard *guard;
	const char *ret = NULL;
	int r = pl_guard_open(PL_NFT_PART_ALL & ~(unsigned)PL_NFT_PART_OWNER, &guard);

	if (r != 0)
		return pl_guard_open_hint(r) != NULL ? pl_guard_open_hint(r) : strerror(-r);
	r = pl_guard_restore(guard);
	if (r == PL_E_UNAVAILABLE)
		ret = pl_guard_missing(guard);
	else
		assert_int_equal(r, 0);
	if (r == 0)
		assert_int_equal(pl_guard_remove(guard), 0);
	pl_guard_close(guard);
	if (ret != NULL)
		return ret;
	r = strange(NFT_MSG_NEWTABLE, "probe", OWNED);
	if (r == -EOPNOTSUPP || r == -EINVAL)
		return "the kernel has no tables that are owned and persist (Linux 6.9)";
	assert_int_equal(r, 0);
	assert_int_equal(strange(NFT_MSG_DELTABLE, "probe", 0), 0);
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&stage, 0, sizeof(stage));
	stage.seq = 1;
	if (unshare(CLONE_NEWNET) != 0) {
		stage.why = "no network namespace of its own";
		return 0;
	}
	raise_loopback();
	for (unsigned i = 0; i < NR_FLOWS; i++)
		open_flow(i);
	stage.stranger = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (stage.stranger == NULL) {
		stage.why = pl_guard_open_hint(-EPROTONOSUPPORT);
		return 0;
	}
	assert_int_equal(mnl_socket_bind(stage.stranger, 0, MNL_SOCKET_AUTOPID), 0);
	open_wire();
	stage.sent = mmap(NULL, sizeof(*stage.sent), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(stage.sent != MAP_FAILED);
	stage.why = why_not();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end(&stage.sender);
	end(&stage.daemon);
	close_guard(0);
	close_guard(1);
	for (unsigned i = 0; i < NR_FLOWS && stage.from[0] != 0; i++) {
		close(stage.from[i]);
		close(stage.to[i]);
	}
	if (stage.sent != NULL)
		munmap(stage.sent, sizeof(*stage.sent));
	if (stage.wire != 0)
		close(stage.wire);
	if (stage.stranger != NULL)
		mnl_socket_close(stage.stranger);
	return 0;
}

static bool is_skipped(const char *test)
{
	if (stage.why != NULL)
		printf("skip %s %s\n", test, stage.why);
	return stage.why != NULL;
}

/* Tests */

static void a_flush_by_others_leaves_the_guard_and_takes_the_rest_K4(void **state)
{
	struct pl_guard *guard;
	bool is_restored = true;

	(void)state;
	if (is_skipped(__func__))
		return;
	guard = open_guard(0, 0);
	assert_int_equal(take(guard), 0);
	assert_true(pl_guard_is_owned(guard));
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(dropped(), 10);
	assert_int_equal(strange(NFT_MSG_NEWTABLE, "other", 0), 0);
	assert_int_equal(strange(NFT_MSG_DELTABLE, NULL, 0), 0);
	assert_int_equal(strange(NFT_MSG_DELTABLE, "other", 0), -ENOENT);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(send_ten(FREE), 10);
	/* not even made anew */
	assert_int_equal(dropped(), 20);
	assert_int_equal(pl_guard_dispatch(guard, &is_restored), 0);
	assert_false(is_restored);
	look();
	assert_int_equal(stage.seen[LATCHED], 0);
	assert_int_equal(stage.seen[FREE], 10);
}

static void nobody_else_changes_the_guard_K4(void **state)
{
	struct pl_guard *guard;

	(void)state;
	if (is_skipped(__func__))
		return;
	guard = open_guard(0, 0);
	assert_int_equal(take(guard), 0);
	assert_int_equal(strange(NFT_MSG_DELTABLE, PL_NFT_TABLE, 0), -EPERM);
	assert_int_equal(strange(NFT_MSG_NEWTABLE, PL_NFT_TABLE, NFT_TABLE_F_DORMANT), -EPERM);
	assert_int_equal(strange(NFT_MSG_NEWTABLE, PL_NFT_TABLE, OWNED), -EPERM);
	assert_int_equal(strange_element(false), -EPERM);
	assert_int_equal(strange_element(true), -EPERM);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(dropped(), 10);
	/* and its owner does */
	assert_int_equal(pl_guard_operations()->unguard(guard, &latched, true), 0);
	assert_int_equal(send_ten(LATCHED), 10);
}

/* The hole, and what is done about it where the kernel knows no owners. */
static void without_an_owner_a_flush_opens_it_until_it_is_put_back(void **state)
{
	struct pl_guard *guard;
	bool is_restored = false;

	(void)state;
	if (is_skipped(__func__))
		return;
	guard = open_guard(0, PL_NFT_PART_OWNER);
	assert_int_equal(take(guard), 0);
	assert_false(pl_guard_is_owned(guard));
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(strange(NFT_MSG_DELTABLE, NULL, 0), 0);
	assert_int_equal(send_ten(LATCHED), 10);
	look();
	assert_int_equal(stage.seen[LATCHED], 10);
	assert_int_equal(pl_guard_dispatch(guard, &is_restored), 0);
	assert_true(is_restored);
	assert_int_equal(send_ten(LATCHED), 0);
}

static void the_guard_outlives_its_daemon_and_is_the_next_ones_without_a_gap_K16(void **state)
{
	enum { TIMES = 30 };

	(void)state;
	if (is_skipped(__func__))
		return;
	begin_daemon();
	look();
	begin_sender();
	for (unsigned i = 0; i < TIMES; i++) {
		unsigned before;

		goes_on();
		look_on();
		assert_false(is_anybodys());
		before = dropped();
		end(&stage.daemon);
		goes_on();
		assert_true(is_anybodys());
		assert_true(dropped() >= before + 99);
		begin_daemon();
	}
	goes_on();
	assert_true(dropped() >= 99);
	end(&stage.sender);
	look_on();
	assert_int_equal(stage.seen[LATCHED], 0);
	assert_int_equal(stage.sent->passed, 0);
	assert_true(stage.seen[FREE] > TIMES);
}

/* What a predecessor guarded, and no journal names: one that sends, and one to another host. */
static const struct pl_tuple unnamed = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local = { 127, 0, 0, 1 },
	.remote = { 127, 0, 0, 2 }, .local_port = PORT + FREE, .remote_port = PORT + FREE };
static const struct pl_tuple far = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local = { 127, 0, 0, 1 },
	.remote = { 127, 0, 0, 3 }, .local_port = PORT, .remote_port = PORT };

/* Guards them all, lets the one of the journal pass, and is gone. */
static void leave_flows(void)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_guard *guard = open_guard(0, 0);

	assert_int_equal(take(guard), 0);
	assert_int_equal(ops->guard(guard, &unnamed), 0);
	assert_int_equal(ops->guard(guard, &far), 0);
	assert_int_equal(ops->bypass(guard, &latched), 0);
	assert_int_equal(send_ten(LATCHED), 10);
	assert_int_equal(send_ten(FREE), 0);
	close_guard(0);
	assert_int_equal(send_ten(LATCHED), 10);
	assert_int_equal(send_ten(FREE), 0);
}

/* @ctx: how many of those were seen */
static int see_left(void *ctx, const struct pl_guard_item *item)
{
	assert_int_equal(item->kind, PL_GUARD_FLOW);
	if (pl_tuple_compare(&item->tuple, &unnamed) == 0 ||
	    pl_tuple_compare(&item->tuple, &far) == 0)
		++*(unsigned *)ctx;
	else
		assert_int_equal(pl_tuple_compare(&item->tuple, &latched), 0);
	return 0;
}

static int see_pair(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	(void)set;
	(void)tuple;
	(void)reqid;
	++*(unsigned *)ctx;
	return 0;
}

/* Are fragments between these two asked? */
static bool has_pair(const struct pl_tuple *tuple)
{
	struct pl_tuple pair = *tuple;
	unsigned nr = 0;

	pair.local_port = pair.remote_port = 0;
	assert_true(pl_nft_read_element(stage.stranger, &stage.seq, PL_NFT_PAIRS, &pair, see_pair,
					&nr) == (nr == 0 ? -ENOENT : 0));
	return nr == 1;
}

/* All are blocked from the first moment; one is known by name, the others are found, and are
 * guarded as any from then on. */
static void takes_over_all(void)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_guard *guard = open_guard(0, 0);
	unsigned nr = 0;

	assert_int_equal(take(guard), 0);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(send_ten(FREE), 0);
	assert_int_equal(ops->walk_left(guard, see_left, &nr), 0);
	assert_int_equal(nr, 2);
	assert_true(has_pair(&latched) && has_pair(&far));
	nr = 0;
	assert_int_equal(ops->walk(guard, see_left, &nr), 0);
	assert_int_equal(nr, 2);
	assert_int_equal(pl_guard_restore(guard), 0);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(send_ten(FREE), 0);
	assert_int_equal(dropped(), 20);
	assert_int_equal(ops->unguard(guard, &unnamed, true), 0);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(send_ten(FREE), 10);
}

static void what_no_journal_names_stays_blocked_and_is_found_K16(void **state)
{
	(void)state;
	if (is_skipped(__func__))
		return;
	leave_flows();
	takes_over_all();
}

/* Removes a set of the table that nobody owns, with the rules that ask it.
 * @key_len: of the keys of another that takes its name; 0: none does */
static void strange_set(const char *name, uint32_t key_len)
{
	static const uint16_t types[] = { NFT_MSG_DELRULE, NFT_MSG_DELSET, NFT_MSG_NEWSET };
	struct pl_nft_batch batch = { .bytes = NULL };

	pl_nft_batch_begin(&batch, stage.seq);
	for (unsigned i = 0; i < (key_len == 0 ? 2 : 3); i++) {
		struct nlmsghdr *header = pl_nft_batch_next(&batch, types[i],
							    i == 2 ? NLM_F_CREATE : 0);

		assert_non_null(header);
		mnl_attr_put_strz(header, NFTA_SET_TABLE, PL_NFT_TABLE);
		if (i > 0)
			mnl_attr_put_strz(header, NFTA_SET_NAME, name);
		if (i == 2) {
			mnl_attr_put_u32(header, NFTA_SET_KEY_LEN, htonl(key_len));
			mnl_attr_put_u32(header, NFTA_SET_ID, htonl(1));
		}
		pl_nft_batch_done(&batch, header);
	}
	assert_int_equal(strange_commit(&batch), 0);
}

static void a_table_that_lacks_a_set_is_taken_over_K16(void **state)
{
	static const char *const sets[] = { "flows6", "listeners4", "pin_out4", "pairs4" };

	(void)state;
	if (is_skipped(__func__))
		return;
	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		leave_flows();
		strange_set(sets[i], 0);
		takes_over_all();
		assert_int_equal(pl_guard_remove(stage.guards[0]), 0);
		close_guard(0);
	}
}

/* Its rules cannot be written into the old table: that is read first, and replaced. */
static void a_table_of_another_make_is_taken_over_K16(void **state)
{
	(void)state;
	if (is_skipped(__func__))
		return;
	leave_flows();
	strange_set("listeners4", 4);
	takes_over_all();
}

static void a_table_that_lacks_a_set_is_adopted_K16(void **state)
{
	struct pl_guard *guard;

	(void)state;
	if (is_skipped(__func__))
		return;
	leave_flows();
	strange_set("flows6", 0);
	guard = open_guard(0, 0);
	assert_int_equal(pl_guard_adopt(guard), 0);
	assert_int_equal(pl_guard_restore(guard), 0);
	assert_int_equal(send_ten(FREE), 0);
	assert_int_equal(pl_guard_operations()->unguard(guard, &unnamed, true), 0);
	assert_int_equal(send_ten(FREE), 10);
	assert_int_equal(pl_guard_remove(guard), 0);
	close_guard(0);
	guard = open_guard(0, 0);
	assert_int_equal(pl_guard_adopt(guard), PL_E_NOT_FOUND);
}

static void a_second_daemon_is_refused_and_changes_nothing(void **state)
{
	const struct pl_guard_ops *ops = pl_guard_operations();
	struct pl_guard *first, *second;
	struct pl_tuple other = latched;

	(void)state;
	if (is_skipped(__func__))
		return;
	other.local_port = PORT + FREE;
	other.remote_port = PORT + FREE;
	first = open_guard(0, 0);
	second = open_guard(1, 0);
	assert_int_equal(take(first), 0);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(take(second), -EPERM);
	assert_false(pl_guard_is_owned(second));
	assert_null(pl_guard_missing(second));
	assert_int_equal(pl_guard_adopt(second), 0);
	assert_int_equal(ops->guard(second, &other), -EPERM);
	assert_int_equal(pl_guard_remove(second), -EPERM);
	assert_int_equal(send_ten(FREE), 10);
	close_guard(1);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(dropped(), 20);
	assert_int_equal(ops->guard(first, &other), 0);
	assert_int_equal(send_ten(FREE), 0);
}

/* A child of the daemon that has not become another program: PAM, say. */
static void whoever_holds_the_socket_of_the_dead_keeps_the_next_one_out(void **state)
{
	struct pl_guard *next;

	(void)state;
	if (is_skipped(__func__))
		return;
	assert_int_equal(take(open_guard(0, 0)), 0);
	stage.daemon = begin();
	while (stage.daemon == 0)
		pause();
	close_guard(0);
	next = open_guard(0, 0);
	assert_int_equal(take(next), -EPERM);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(dropped(), 10);
	end(&stage.daemon);
	assert_int_equal(take(next), 0);
	assert_true(pl_guard_is_owned(next));
	assert_int_equal(send_ten(LATCHED), 0);
}

/* Whether the kernel knows owners is asked with a table that must not stay, nor be anybody's. */
static void the_try_leaves_no_table_and_takes_none(void **state)
{
	(void)state;
	if (is_skipped(__func__))
		return;
	assert_int_equal(take(open_guard(0, 0)), 0);
	assert_true(pl_guard_is_owned(stage.guards[0]));
	assert_int_equal(strange(NFT_MSG_DELTABLE, "latch_owner", 0), -ENOENT);
	close_guard(0);
	assert_int_equal(strange(NFT_MSG_NEWTABLE, "latch_owner", 0), 0);
	assert_int_equal(take(open_guard(0, 0)), 0);
	assert_true(pl_guard_is_owned(stage.guards[0]));
	assert_int_equal(strange(NFT_MSG_DELTABLE, "latch_owner", 0), 0);
}

/* As README.md says. While nobody owns it, a flush takes it as well. */
static void an_administrator_removes_what_a_daemon_left(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		if (is_skipped(__func__))
			return;
		assert_int_equal(take(open_guard(0, 0)), 0);
		close_guard(0);
		assert_int_equal(send_ten(LATCHED), 0);
		assert_int_equal(dropped(), 10);
		assert_int_equal(strange(NFT_MSG_DELTABLE, i == 0 ? PL_NFT_TABLE : NULL, 0), 0);
		assert_int_equal(send_ten(LATCHED), 10);
	}
}

static void its_owner_takes_it_along(void **state)
{
	struct pl_guard *guard;

	(void)state;
	if (is_skipped(__func__))
		return;
	guard = open_guard(0, 0);
	assert_int_equal(take(guard), 0);
	assert_int_equal(send_ten(LATCHED), 0);
	assert_int_equal(pl_guard_remove(guard), 0);
	assert_false(pl_guard_is_owned(guard));
	assert_int_equal(strange(NFT_MSG_DELTABLE, PL_NFT_TABLE, 0), -ENOENT);
	assert_int_equal(send_ten(LATCHED), 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flush_by_others_leaves_the_guard_and_takes_the_rest_K4),
		TEST(nobody_else_changes_the_guard_K4),
		TEST(without_an_owner_a_flush_opens_it_until_it_is_put_back),
		TEST(the_guard_outlives_its_daemon_and_is_the_next_ones_without_a_gap_K16),
		TEST(what_no_journal_names_stays_blocked_and_is_found_K16),
		TEST(a_table_that_lacks_a_set_is_taken_over_K16),
		TEST(a_table_of_another_make_is_taken_over_K16),
		TEST(a_table_that_lacks_a_set_is_adopted_K16),
		TEST(a_second_daemon_is_refused_and_changes_nothing),
		TEST(whoever_holds_the_socket_of_the_dead_keeps_the_next_one_out),
		TEST(the_try_leaves_no_table_and_takes_none),
		TEST(an_administrator_removes_what_a_daemon_left),
		TEST(its_owner_takes_it_along),
	};
#undef TEST

	return cmocka_run_group_tests_name("guard_owner", tests, NULL, NULL);
}
