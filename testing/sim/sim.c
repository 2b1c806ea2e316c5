/* SPDX-License-Identifier: GPL-2.0-or-later */

/* pl_sim [EVENTS [SEED]]: two engines live through a random life, and after every event the rules
 * of RFC 5660 hold, as the naive model has them: never ESTABLISHED in spite of a conflict,
 * parameters constant, blocked before told, told before accepted, no packet in clear or under
 * another SA.
 *
 * In every other stretch of events any operation may fail. After such a stretch nothing fails for a
 * while, and then everything has to be as if nothing ever had: the guard is what the database says,
 * and nobody is BROKEN without a conflict.
 *
 * The last line is "ok sim: ..." with what happened; a run in which too little did is none.
 */

#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STRETCH = 200, FAULTS = 25 };

struct sim sim;
static unsigned first_seed;
static struct memory memories[NR_HOSTS][NR_IDS];

unsigned any(unsigned n)
{
	return (unsigned)rand_r(&sim.seed) % n;
}

void fail(const char *format, ...)
{
	va_list args;

	printf("FAIL sim: seed %u, event %lu (%s): ", first_seed, sim.step, sim.what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	exit(1);
}

static struct pl_identity *identity_of(unsigned peer, unsigned host)
{
	static const char *const names[NR_PEERS] = { "CN=A", "CN=B", "CN=C" };
	struct pl_blob key = { (const uint8_t *)names[peer], 4 };
	struct pl_blob own = { (const uint8_t *)names[host], 4 };
	struct pl_identity_data data = {
		.peer = { .id = names[peer], .auth = PL_AUTH_SIGNATURE, .anchor = key,
			  .spki = key },
		.own = { .id = names[host], .auth = PL_AUTH_SIGNATURE, .spki = own },
	};
	struct pl_identity *ret;

	if (pl_identity_intern(sim.pool, &data, &ret) != 0)
		fail("no memory");
	return ret;
}

static void set_up(struct host *host, unsigned at)
{
	struct pl_engine_settings settings = {
		.hash_key = { 1 }, .first_id = 1, .conf = &host->conf,
	};
	struct pl_ops ops = sim_ops;

	host->at = at;
	host->memory = memories[at];
	host->passes = true;
	for (unsigned i = 0; i < NR_PEERS; i++)
		host->peers[i] = identity_of(i, at);
	for (unsigned i = 0; i < NR_SESSIONS; i++)
		host->sessions[i] = ++host->last_session;
	pl_conf_default(&host->conf);
	/* one of each kind */
	host->conf.spd_change = at == A ? PL_CONF_SPD_PROTECT : PL_CONF_SPD_BREAK;
	ops.guard_ctx = ops.store_ctx = ops.owner_ctx = ops.socket_ctx = ops.ike_ctx =
		ops.steer_ctx = ops.clock_ctx = host;
	host->engine = pl_engine_new(NULL, NULL);
	if (host->engine == NULL || pl_engine_start(host->engine, &ops, &settings) != 0)
		fail("an engine does not start");
	set_policy(host, false);
}

static void tear_down(struct host *host)
{
	pl_engine_free(host->engine);
	for (unsigned i = 0; i < NR_PEERS; i++)
		pl_identity_unref(host->peers[i]);
}

static const struct event {
	const char *name;
	void (*run)(void);
	unsigned weight;
} events[] = {
	{ "sa", event_sa, 14 }, { "end-sa", event_end_sa, 16 }, { "rekey", event_rekey, 8 },
	{ "dead-peer", event_dead_peer, 1 }, { "contact", event_contact, 1 },
	{ "latch", event_latch, 20 },
	{ "listen", event_listen, 3 }, { "accept", event_accept, 10 },
	{ "let-go", event_let_go, 6 }, { "session", event_session, 2 },
	{ "socket", event_socket, 10 }, { "policy", event_policy, 4 },
	{ "guard", event_guard, 1 }, { "answer", event_answer, 6 }, { "tick", event_tick, 8 },
};

static const struct event *some_event(void)
{
	enum { NR = sizeof(events) / sizeof(events[0]) };
	unsigned sum = 0, at;

	for (unsigned i = 0; i < NR; i++)
		sum += events[i].weight;
	at = any(sum);
	for (unsigned i = 0; ; i++) {
		if (at < events[i].weight)
			return &events[i];
		at -= events[i].weight;
	}
}

static void set_faults(unsigned faults)
{
	for (unsigned i = 0; i < NR_HOSTS; i++)
		sim.hosts[i].faults = faults;
}

/* What was refused is tried again by ticks, and there are few at a time. */
static void calm_down(void)
{
	sim.what = "calm";
	set_faults(0);
	for (unsigned i = 0; i < 10; i++)
		event_tick();
	check(true);
}

static void live(unsigned long nr)
{
	bool may_fail = false;

	for (sim.step = 1; sim.step <= nr; sim.step++) {
		const struct event *event = some_event();

		sim.what = event->name;
		event->run();
		check(!may_fail);
		if (sim.step % STRETCH != 0)
			continue;
		calm_down();
		may_fail = !may_fail;
		set_faults(may_fail ? FAULTS : 0);
	}
	calm_down();
}

static void assert_alive(unsigned long nr)
{
	unsigned long least = nr / 1000;

	if (sim.counts.established < 20 * least || sim.counts.broken < 20 * least ||
	    sim.counts.restored < 20 * least || sim.counts.closed < 20 * least ||
	    sim.counts.failed < least / 10 || sim.counts.faults < 10 * least ||
	    sim.counts.lost < least || sim.counts.steered < 10 * least ||
	    sim.counts.admitted < 20 * least || sim.counts.rebooted < least / 10 ||
	    sim.counts.spared < least / 10)
		fail("too little happened");
}

int main(int argc, char **argv)
{
	unsigned long nr = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	first_seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)now.tv_nsec;
	sim.seed = first_seed;
	sim.what = "start";
	sim.pool = pl_identity_pool_new();
	for (unsigned i = 0; i < NR_HOSTS; i++)
		set_up(&sim.hosts[i], i);
	live(nr);
	printf("  sim: %lu established, %lu broken, %lu restored, %lu closed, %lu came to nothing, "
	       "%lu SAs refused, %lu faults, %lu times no guard, "
	       "%lu led past the SPD, %lu ended by a reboot, %lu spared\n", sim.counts.established,
	       sim.counts.broken, sim.counts.restored, sim.counts.closed, sim.counts.failed,
	       sim.counts.refused, sim.counts.faults, sim.counts.lost, sim.counts.steered,
	       sim.counts.rebooted, sim.counts.spared);
	assert_alive(nr);
	for (unsigned i = 0; i < NR_HOSTS; i++)
		tear_down(&sim.hosts[i]);
	pl_identity_pool_free(sim.pool);
	printf("ok sim: %lu events, seed %u\n", nr, first_seed);
	return 0;
}
