/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "engine.h"

#include "bench.h"

#include <string.h>

static struct pl_identity_pool *pool;
static struct pl_identity *peer;
static struct pl_conf conf;

uint64_t bench_told;

/* Effects that cost nothing. */

static int flow_op(void *ctx, const struct pl_tuple *tuple)
{
	(void)ctx;
	(void)tuple;
	return 0;
}

static int pin_op(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins, unsigned nr)
{
	(void)ctx;
	(void)tuple;
	(void)pins;
	(void)nr;
	return 0;
}

static int born(void *ctx, const struct pl_tuple *tuple, uint32_t ret[static 2], unsigned *ret_nr)
{
	(void)ctx;
	(void)tuple;
	(void)ret;
	*ret_nr = 0;
	return 0;
}

static int rebuild(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	(void)ctx;
	(void)items;
	(void)nr;
	return 0;
}

static int walk(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	(void)ctx;
	(void)visit;
	(void)visit_ctx;
	return 0;
}

static enum pl_told alert(void *ctx, const struct pl_owner *owner, const struct pl_alert *what)
{
	(void)ctx;
	(void)owner;
	(void)what;
	bench_told++;
	return PL_TOLD_RECORD;
}

static int read_socket(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret)
{
	(void)ctx;
	(void)fd;
	(void)to;
	(void)ret;
	return PL_E_NOT_CONNECTED;
}

static int dispose(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
		   enum pl_disposition disposition)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	(void)disposition;
	return 0;
}

static int is_gone(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	(void)ctx;
	(void)cookie;
	*ret = tuple->local_port == BENCH_PASSING;
	return 0;
}

static int holders(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
		   bool is_all, struct pl_holders *ret)
{
	(void)uid;
	(void)is_all;
	*ret = (struct pl_holders) { .has_own = true };
	return is_gone(ctx, tuple, cookie, &(bool) { false });
}

static uint64_t now(void *ctx)
{
	return ++*(uint64_t *)ctx;
}

static const struct pl_guard_ops guard_ops = {
	.guard = flow_op, .permit = pin_op, .retire = pin_op, .block = flow_op,
	.unguard = flow_op, .listen = flow_op, .born = born, .rebuild = rebuild, .walk = walk,
	.take_over = rebuild, .walk_left = walk,
};
static const struct pl_owner_ops owner_ops = { .alert = alert };
static const struct pl_socket_ops socket_ops = {
	.read = read_socket, .dispose = dispose, .is_gone = is_gone, .holders = holders,
};
static const struct pl_clock_ops clock_ops = { .now_ns = now };

struct pl_ts bench_host(uint8_t net, uint32_t n)
{
	return (struct pl_ts) {
		.af = PL_AF_IP4, .hi_port = UINT16_MAX,
		.lo = { 10, net, (uint8_t)(n >> 8), (uint8_t)n },
		.hi = { 10, net, (uint8_t)(n >> 8), (uint8_t)n },
	};
}

void bench_add_sa(struct pl_engine *engine, uint64_t serial, uint32_t n)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_INSTALL, .child = serial, .ike = 1 + n,
		.role = PL_ROLE_INITIATOR, .identity = peer, .conn = { .serial = 1 + n },
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT,
			.spi_in = (uint32_t)serial, .spi_out = (uint32_t)serial,
			.encrypt = "AES_GCM_16", .key_bits = 256, .replay_window = 128,
			.tsi = { .len = 1, .list = { bench_host(0, 1) } },
			.tsr = { .len = 1, .list = { bench_host(1, n) } },
		},
	};

	fact.u.child.reqid = pl_engine_reqid(engine, &fact);
	bench_check(pl_engine_child_install(engine, &fact) == PL_VERDICT_ACCEPT, "an SA");
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(engine, &fact);
}

void bench_remove_sa(struct pl_engine *engine, uint64_t serial)
{
	struct pl_fact fact = { .kind = PL_FACT_CHILD_DOWN, .child = serial };

	pl_engine_note(engine, &fact);
}

void bench_set_policies(struct pl_engine *engine, uint32_t n)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		bool is_out = way == PL_DIR_OUT;
		struct pl_fact fact = {
			.kind = PL_FACT_POLICY_ADD, .conn = { .serial = 1 + n },
			.u.policy = {
				.direction = way, .priority = 100, .nr_templates = 1,
				.src = is_out ? bench_host(0, 1) : bench_host(1, n),
				.dst = is_out ? bench_host(1, n) : bench_host(0, 1),
			},
		};

		bench_check(pl_engine_kernel_change(engine, &fact) == PL_VERDICT_ACCEPT,
			    "a policy");
	}
}

struct pl_tuple bench_add_latch(struct pl_engine *engine, uint32_t n, uint16_t port,
				 uint64_t *ret_id)
{
	struct pl_ts local = bench_host(0, 1), remote = bench_host(1, n);
	struct pl_engine_ask ask = {
		.tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = port,
			   .remote_port = 443 },
		.owner = { .kind = PL_OWNER_SESSION, .uid = BENCH_UID, .number = 1 }, .cookie = 1,
	};

	memcpy(ask.tuple.local, local.lo, 4);
	memcpy(ask.tuple.remote, remote.lo, 4);
	bench_check(pl_engine_latch(engine, &ask, ret_id, NULL) == 0, "a latch");
	return ask.tuple;
}

/* Of all peers, which have their addresses from elsewhere. */
static void make_peer(void)
{
	static const uint8_t key[] = { 1 }, anchor[] = { 2 };
	struct pl_identity_data data = {
		.peer = { .id = "B", .auth = PL_AUTH_SIGNATURE, .spki = { key, 1 },
			  .anchor = { anchor, 1 } },
		.own = { .id = "A", .auth = PL_AUTH_SIGNATURE, .spki = { key, 1 } },
	};

	if (peer != NULL)
		return;
	pool = pl_identity_pool_new();
	bench_check(pool != NULL && pl_identity_intern(pool, &data, &peer) == 0, "no memory");
}

const struct pl_guard_ops *bench_no_guard(void)
{
	return &guard_ops;
}

struct pl_identity *bench_peer(void)
{
	return peer;
}

struct pl_engine *bench_engine_again(const struct pl_guard_ops *guard, void *guard_ctx,
				     const struct pl_store_ops *store, void *store_ctx,
				     struct pl_identity_pool *identities)
{
	static uint64_t clock;
	struct pl_ops ops = {
		.guard = guard, .guard_ctx = guard_ctx, .store = store, .store_ctx = store_ctx,
		.owner = &owner_ops, .socket = &socket_ops, .clock = &clock_ops,
		.clock_ctx = &clock,
	};
	struct pl_engine_settings settings = {
		.hash_key = { 1 }, .first_id = 1, .conf = &conf, .identities = identities };
	struct pl_engine *engine = pl_engine_new(NULL, NULL);

	pl_conf_default(&conf);
	conf.limits.each[PL_LIMIT_LATCHES] = BENCH_LATCHES_MAX;
	conf.limits.total[PL_LIMIT_LATCHES] = BENCH_LATCHES_MAX;
	bench_check(engine != NULL && pl_engine_start(engine, &ops, &settings) == 0, "start");
	return engine;
}

struct pl_engine *bench_engine(const struct pl_guard_ops *guard, void *guard_ctx, uint32_t peers)
{
	struct pl_engine *engine = bench_engine_again(guard, guard_ctx, NULL, NULL, NULL);

	make_peer();
	for (uint32_t n = 0; n < peers; n++) {
		bench_set_policies(engine, n);
		bench_add_sa(engine, 1 + n, n);
	}
	return engine;
}

void bench_fill(struct pl_engine *engine, uint32_t peers, uint16_t per_peer)
{
	uint64_t id;

	for (uint32_t n = 0; n < peers; n++) {
		for (uint16_t i = 0; i < per_peer; i++)
			(void)bench_add_latch(engine, n, (uint16_t)(1000 + i), &id);
	}
}
