/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guard: the daemon's guard (kernel/pl_guard.h) by hand, for the guest tests.
 *
 *	guard install [without=PART...]	the table, empty; PART: of pl_nft_part_find()
 *	guard flow FLOW		FLOW: tcp|udp|sctp LOCAL PORT REMOTE PORT
 *	guard pin in|out|both REQID FLOW
 *	guard retire in|out|both REQID FLOW
 *	guard pin in REQID tcp|udp LOCAL PORT	a listener admits it; or retire
 *	guard block FLOW
 *	guard unguard FLOW
 *	guard listen tcp|udp LOCAL PORT	or block, unguard; LOCAL 0.0.0.0 or :: is any
 *	guard born FLOW		its reqids, one per line
 *	guard dump		what is in force, one element per line
 *	guard counters		NAME PACKETS per line, those above 0
 *	guard drops		the sums: in PACKETS, out PACKETS, forward PACKETS
 *	guard watch		until killed: put the table back, and say so
 *	guard gro		devices that join segments, one per line
 *	guard gro on|off DEV...
 *	guard fill N		the table with N pinned flows in one batch: ns of it
 *	guard unpin N		the first N of them lose their pins, in one transaction
 *	guard time N		guard, permit, block, unguard N flows: ns of each
 *
 * Exit code 0, or 1 with one line that says why.
 */

#include "core/pl_error.h"
#include "kernel/pl_gro.h"
#include "kernel/pl_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct pl_guard *guard;
static const struct pl_guard_ops *ops;

static int usage(void)
{
	fprintf(stderr, "usage: see the top of testing/guest/programs/guard.c\n");
	return 2;
}

static int result(const char *what, int r)
{
	if (r == 0)
		return 0;
	if (r < 0)
		fprintf(stderr, "guard: %s: %s\n", what, strerror(-r));
	else
		fprintf(stderr, "guard: %s: %s\n", what, pl_strerror(r));
	if (pl_guard_missing(guard) != NULL)
		fprintf(stderr, "guard: %s\n", pl_guard_missing(guard));
	return 1;
}

static bool read_address(const char *text, struct pl_tuple *tuple, uint8_t ret[16])
{
	tuple->af = strchr(text, ':') != NULL ? PL_AF_IP6 : PL_AF_IP4;
	return inet_pton(tuple->af == PL_AF_IP6 ? AF_INET6 : AF_INET, text, ret) == 1;
}

/* PROTO LOCAL PORT [REMOTE PORT] */
static bool read_tuple(char **words, int nr, struct pl_tuple *ret)
{
	struct pl_tuple tuple = { .af = 0 };

	if (nr != 3 && nr != 5)
		return false;
	tuple.proto = strcmp(words[0], "tcp") == 0 ? PL_TUPLE_TCP :
		      strcmp(words[0], "udp") == 0 ? PL_TUPLE_UDP :
		      strcmp(words[0], "sctp") == 0 ? PL_TUPLE_SCTP : 0;
	tuple.local_port = (uint16_t)atoi(words[2]);
	if (tuple.proto == 0 || !read_address(words[1], &tuple, tuple.local))
		return false;
	if (nr == 5) {
		tuple.remote_port = (uint16_t)atoi(words[4]);
		if (!read_address(words[3], &tuple, tuple.remote))
			return false;
	}
	*ret = tuple;
	return true;
}

static int cmd_install(void)
{
	return result("install", ops->rebuild(guard, NULL, 0));
}

static int cmd_pin(bool is_new, char **words, int nr)
{
	struct pl_pin pins[2];
	struct pl_tuple tuple;
	unsigned n = 0;

	if (nr < 3 || !read_tuple(words + 2, nr - 2, &tuple))
		return usage();
	for (int out = 0; out < 2; out++) {
		const char *direction = out ? "out" : "in";

		if (strcmp(words[0], direction) != 0 && strcmp(words[0], "both") != 0)
			continue;
		pins[n].direction = out ? PL_DIR_OUT : PL_DIR_IN;
		pins[n++].reqid = (uint32_t)atoi(words[1]);
	}
	return result("pin", is_new ? ops->permit(guard, &tuple, pins, n) :
				      ops->retire(guard, &tuple, pins, n));
}

static int cmd_born(const struct pl_tuple *tuple)
{
	uint32_t reqids[2];
	unsigned nr = 0;
	int r = ops->born(guard, tuple, reqids, &nr);

	for (unsigned i = 0; r == 0 && i < nr; i++)
		printf("%u\n", reqids[i]);
	return result("born", r);
}

static int print_item(void *ctx, const struct pl_guard_item *item)
{
	static const char *const kinds[PL_GUARD_ROOF] = {
		[PL_GUARD_FLOW] = "flow",
		[PL_GUARD_LISTENER] = "listener",
		[PL_GUARD_PIN] = "pin",
		[PL_GUARD_ANSWER] = "answer",
	};
	char text[PL_TUPLE_TEXT_MAX];

	(void)ctx;
	printf("%s %s", kinds[item->kind], pl_tuple_text(&item->tuple, text));
	if (item->kind == PL_GUARD_PIN)
		printf(" %s %u", item->pin.direction == PL_DIR_IN ? "in" : "out", item->pin.reqid);
	printf("\n");
	return 0;
}

static int cmd_counters(void)
{
	uint64_t counters[PL_NFT_COUNTER_ROOF];
	int r = pl_guard_counters(guard, counters);

	for (int i = 1; r == 0 && i < PL_NFT_COUNTER_ROOF; i++) {
		if (counters[i] > 0)
			printf("%s %llu\n", pl_nft_counter_name((enum pl_nft_counter)i),
			       (unsigned long long)counters[i]);
	}
	return result("counters", r);
}

/* A counter's name begins with its direction. */
static int cmd_drops(void)
{
	static const char *const directions[] = { "in", "out", "forward" };
	uint64_t counters[PL_NFT_COUNTER_ROOF];
	int r = pl_guard_counters(guard, counters);

	for (unsigned d = 0; r == 0 && d < 3; d++) {
		size_t len = strlen(directions[d]);
		unsigned long long sum = 0;

		for (int i = 1; i < PL_NFT_COUNTER_ROOF; i++) {
			const char *name = pl_nft_counter_name((enum pl_nft_counter)i);

			if (strncmp(name, directions[d], len) == 0 && name[len] == '_')
				sum += counters[i];
		}
		printf("%s %llu\n", directions[d], sum);
	}
	return result("drops", r);
}

static int cmd_watch(void)
{
	struct pollfd fd = { .fd = pl_guard_fd(guard), .events = POLLIN };
	bool restored;
	int r;

	printf("watching\n");
	for (;;) {
		fflush(stdout);
		poll(&fd, 1, -1);
		r = pl_guard_dispatch(guard, &restored);
		if (r != 0)
			return result("watch", r);
		if (restored)
			printf("restored\n");
	}
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Flow number @i of many. */
static struct pl_tuple numbered(unsigned i)
{
	struct pl_tuple tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 7,
				  .local = { 10, 0, 0, 1 }, .remote = { 10, 0, 0, 2 } };

	tuple.remote_port = (uint16_t)(1 + i % 60000);
	tuple.remote[2] = (uint8_t)(i / 60000);
	return tuple;
}

static int cmd_fill(unsigned nr)
{
	struct pl_guard_item *items = calloc(3 * (size_t)nr, sizeof(*items));
	uint64_t begin;
	int r;

	if (items == NULL)
		return result("fill", -ENOMEM);
	for (unsigned i = 0; i < 3 * nr; i++) {
		items[i].kind = i % 3 == 0 ? PL_GUARD_FLOW : PL_GUARD_PIN;
		items[i].tuple = numbered(i / 3);
		if (i % 3 != 0)
			items[i].pin = (struct pl_pin){ i % 3 == 1 ? PL_DIR_IN : PL_DIR_OUT, 101 };
	}
	begin = now();
	r = ops->rebuild(guard, items, 3 * (size_t)nr);
	printf("%llu\n", (unsigned long long)(now() - begin));
	free(items);
	return result("fill", r);
}

static int cmd_unpin(unsigned nr)
{
	struct pl_guard_item *items = calloc(nr, sizeof(*items));
	int r;

	if (items == NULL)
		return result("unpin", -ENOMEM);
	for (unsigned i = 0; i < nr; i++)
		items[i] = (struct pl_guard_item){ .kind = PL_GUARD_FLOW, .tuple = numbered(i) };
	r = ops->unpin(guard, items, nr);
	free(items);
	return result("unpin", r);
}

static int cmd_time(unsigned nr)
{
	static const char *const names[] = { "guard", "permit", "block", "unguard" };
	static const struct pl_pin pins[] = { { PL_DIR_IN, 101 }, { PL_DIR_OUT, 101 } };
	int r = 0;

	for (unsigned step = 0; step < 4; step++) {
		uint64_t begin = now();

		for (unsigned i = 0; i < nr && r == 0; i++) {
			struct pl_tuple tuple = numbered(i);

			r = step == 0 ? ops->guard(guard, &tuple) :
			    step == 1 ? ops->permit(guard, &tuple, pins, 2) :
			    step == 2 ? ops->block(guard, &tuple) :
					ops->unguard(guard, &tuple, true);
		}
		printf("%s %llu\n", names[step], (unsigned long long)((now() - begin) / nr));
		for (int again = 0; again < 2 && step == 1; again++) {
			begin = now();
			r = r != 0 ? r : pl_guard_restore(guard);
			printf("restore-all %llu\n", (unsigned long long)(now() - begin));
		}
	}
	return result("time", r);
}

static int print_device(void *ctx, const char *device)
{
	(void)ctx;
	printf("%s\n", device);
	return 0;
}

static int cmd_gro(char **words, int nr)
{
	int r = 0;

	if (nr == 0)
		return result("gro", pl_gro_each(print_device, NULL));
	if (nr < 2 || (strcmp(words[0], "on") != 0 && strcmp(words[0], "off") != 0))
		return usage();
	for (int i = 1; i < nr && r == 0; i++)
		r = pl_gro_set(words[i], strcmp(words[0], "on") == 0);
	return result("gro", r);
}

static int cmd_tuple(const char *verb, char **words, int nr)
{
	struct pl_tuple tuple;

	if (!read_tuple(words, nr, &tuple))
		return usage();
	if (strcmp(verb, "flow") == 0)
		return result(verb, ops->guard(guard, &tuple));
	if (strcmp(verb, "listen") == 0)
		return result(verb, ops->listen(guard, &tuple));
	if (strcmp(verb, "block") == 0)
		return result(verb, ops->block(guard, &tuple));
	if (strcmp(verb, "unguard") == 0)
		return result(verb, ops->unguard(guard, &tuple, true));
	if (strcmp(verb, "born") == 0)
		return cmd_born(&tuple);
	return usage();
}

static int run(const char *verb, char **words, int nr)
{
	int r;

	if (strcmp(verb, "install") == 0)
		return cmd_install();
	if (strcmp(verb, "gro") == 0)
		return cmd_gro(words, nr);
	if (strcmp(verb, "fill") == 0 && nr == 1 && atoi(words[0]) > 0)
		return cmd_fill((unsigned)atoi(words[0]));
	r = pl_guard_adopt(guard);
	if (r != 0)
		return result("adopt", r);
	if (strcmp(verb, "pin") == 0 || strcmp(verb, "retire") == 0)
		return cmd_pin(verb[0] == 'p', words, nr);
	if (strcmp(verb, "dump") == 0)
		return result(verb, ops->walk(guard, print_item, NULL));
	if (strcmp(verb, "counters") == 0)
		return cmd_counters();
	if (strcmp(verb, "drops") == 0)
		return cmd_drops();
	if (strcmp(verb, "watch") == 0)
		return cmd_watch();
	if (strcmp(verb, "unpin") == 0 && nr == 1 && atoi(words[0]) > 0)
		return cmd_unpin((unsigned)atoi(words[0]));
	if (strcmp(verb, "time") == 0 && nr == 1 && atoi(words[0]) > 0)
		return cmd_time((unsigned)atoi(words[0]));
	return cmd_tuple(verb, words, nr);
}

int main(int argc, char **argv)
{
	unsigned parts = PL_NFT_PART_ALL;
	int r;

	if (argc < 2)
		return usage();
	for (int i = 2; i < argc && strcmp(argv[1], "install") == 0; i++) {
		if (strncmp(argv[i], "without=", 8) != 0 || pl_nft_part_find(argv[i] + 8) == 0)
			return usage();
		parts &= ~pl_nft_part_find(argv[i] + 8);
	}
	ops = pl_guard_operations();
	r = pl_guard_open(parts, &guard);
	if (r != 0) {
		const char *hint = pl_guard_open_hint(r);

		fprintf(stderr, "guard: open: %s\n", hint != NULL ? hint : strerror(-r));
		return 1;
	}
	r = run(argv[1], argv + 2, argc - 2);
	pl_guard_close(guard);
	return r;
}
