/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an engine reaches: a guard in memory, sockets, sessions, time. Any of it may fail, before it
 * has done anything. */

#include "sim.h"

#include <errno.h>
#include <string.h>

static bool may_fail(struct host *host)
{
	if (host->faults == 0 || any(host->faults) != 0)
		return false;
	sim.counts.faults++;
	return true;
}

struct pl_tuple flow_of(const struct host *host, unsigned flow)
{
	struct pl_tuple tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local = { 192, 0, 2, 1 },
		.remote = { 192, 0, 2, 2 }, .local_port = (uint16_t)(CLIENT_PORT + flow),
		.remote_port = SERVER_PORT,
	};

	if (host->at == A)
		return tuple;
	tuple.local[3] = 2;
	tuple.remote[3] = 1;
	tuple.remote_port = tuple.local_port;
	tuple.local_port = SERVER_PORT;
	return tuple;
}

unsigned flow_at(const struct host *host, const struct pl_tuple *tuple)
{
	unsigned flow;

	for (flow = 0; flow < NR_FLOWS; flow++) {
		struct pl_tuple own = flow_of(host, flow);

		if (pl_tuple_compare(&own, tuple) == 0)
			break;
	}
	return flow;
}

/* The guard */

static bool is_same(const struct pl_guard_item *a, const struct pl_guard_item *b)
{
	return a->kind == b->kind && pl_tuple_compare(&a->tuple, &b->tuple) == 0 &&
	       a->pin.direction == b->pin.direction && a->pin.reqid == b->pin.reqid;
}

static bool holds(const struct host *host, const struct pl_guard_item *item)
{
	for (unsigned i = 0; i < host->nr_items; i++) {
		if (is_same(&host->items[i], item))
			return true;
	}
	return false;
}

bool guard_holds(const struct host *host, enum pl_guard_kind kind, const struct pl_tuple *tuple,
		 enum pl_direction direction, uint32_t reqid)
{
	struct pl_guard_item item = {
		.kind = kind, .tuple = *tuple, .pin = { direction, reqid },
	};

	return holds(host, &item);
}

bool guard_has_pins(const struct host *host, const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < host->nr_items; i++) {
		if (host->items[i].kind == PL_GUARD_PIN &&
		    pl_tuple_compare(&host->items[i].tuple, tuple) == 0)
			return true;
	}
	return false;
}

static int put(struct host *host, struct pl_guard_item item)
{
	if (holds(host, &item))
		return 0;
	if (host->nr_items == NR_ITEMS)
		fail("the guard is full");
	host->items[host->nr_items++] = item;
	return 0;
}

/* @kind PL_GUARD_NONE: all of the tuple; @pin NULL: any */
static void cut(struct host *host, enum pl_guard_kind kind, const struct pl_tuple *tuple,
		const struct pl_pin *pin)
{
	for (unsigned i = 0; i < host->nr_items; ) {
		const struct pl_guard_item *item = &host->items[i];

		if ((kind == PL_GUARD_NONE || item->kind == kind) &&
		    pl_tuple_compare(&item->tuple, tuple) == 0 &&
		    (pin == NULL || (item->pin.reqid == pin->reqid &&
				     item->pin.direction == pin->direction)))
			host->items[i] = host->items[--host->nr_items];
		else
			i++;
	}
}

static int op_guard(void *ctx, const struct pl_tuple *tuple)
{
	if (may_fail(ctx))
		return -EIO;
	return put(ctx, (struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple });
}

static int op_listen(void *ctx, const struct pl_tuple *tuple)
{
	if (may_fail(ctx))
		return -EIO;
	return put(ctx, (struct pl_guard_item) { .kind = PL_GUARD_LISTENER, .tuple = *tuple });
}

static int op_permit(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		     unsigned nr)
{
	struct host *host = ctx;

	if (!host->is_lost &&
	    !guard_holds(host, pl_tuple_is_listener(tuple) ? PL_GUARD_LISTENER : PL_GUARD_FLOW,
			 tuple, PL_DIR_NONE, 0))
		fail("what is permitted is not guarded");
	if (may_fail(host))
		return -EIO;
	for (unsigned i = 0; i < nr; i++)
		put(host, (struct pl_guard_item) { .kind = PL_GUARD_PIN, .tuple = *tuple,
						   .pin = pins[i] });
	return 0;
}

static int op_retire(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		     unsigned nr)
{
	if (may_fail(ctx))
		return -EIO;
	for (unsigned i = 0; i < nr; i++)
		cut(ctx, PL_GUARD_PIN, tuple, &pins[i]);
	return 0;
}

static int op_block(void *ctx, const struct pl_tuple *tuple)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, tuple);
	bool fails = may_fail(host);

	if (flow < NR_FLOWS)
		host->unblocked[flow] = fails;
	if (fails)
		return -EIO;
	cut(host, PL_GUARD_PIN, tuple, NULL);
	return 0;
}

static int op_unpin(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	struct host *host = ctx;

	if (may_fail(host))
		return -EIO;
	for (size_t i = 0; i < nr; i++) {
		unsigned flow = flow_at(host, &items[i].tuple);

		if (items[i].kind == PL_GUARD_FLOW && flow < NR_FLOWS)
			host->unblocked[flow] = false;
		cut(host, PL_GUARD_PIN, &items[i].tuple,
		    items[i].kind == PL_GUARD_FLOW ? NULL : &items[i].pin);
	}
	return 0;
}

static int op_unguard(void *ctx, const struct pl_tuple *tuple, bool births)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, tuple);

	if (may_fail(host))
		return -EIO;
	cut(host, PL_GUARD_NONE, tuple, NULL);
	if (births && flow < NR_FLOWS)
		host->nr_born[flow] = 0;
	return 0;
}

static int op_born(void *ctx, const struct pl_tuple *tuple, uint32_t ret[static 2], unsigned *nr)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, tuple);

	if (may_fail(host) || flow == NR_FLOWS)
		return -EIO;
	ret[0] = host->born[flow][0];
	ret[1] = host->born[flow][1];
	*nr = host->nr_born[flow];
	return 0;
}

static int op_rebuild(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	struct host *host = ctx;

	if (may_fail(host))
		return -EIO;
	host->nr_items = 0;
	for (size_t i = 0; i < nr; i++)
		put(host, items[i]);
	host->is_lost = false;
	memset(host->unblocked, 0, sizeof(host->unblocked));
	return 0;
}

/* Nothing is there yet when an engine of this world starts. */
static int op_take_over(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	const struct host *host = ctx;

	if (host->nr_items != 0)
		fail("an engine starts where another was");
	return op_rebuild(ctx, items, nr);
}

static int op_walk_left(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	(void)visit;
	(void)visit_ctx;
	return may_fail(ctx) ? -EIO : 0;
}

static int op_walk(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	struct host *host = ctx;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < host->nr_items; i++)
		r = visit(visit_ctx, &host->items[i]);
	return r;
}

/* Journal, owners, sockets, IKE, time */

static int op_save(void *ctx, const struct pl_latch *latch, const char *peer)
{
	(void)latch;
	(void)peer;
	return may_fail(ctx) ? -EIO : 0;
}

static int op_forget(void *ctx, uint64_t id)
{
	(void)id;
	return may_fail(ctx) ? -EIO : 0;
}

static bool stops(enum pl_state to)
{
	return to == PL_STATE_BROKEN || to == PL_STATE_DEAD || to == PL_STATE_CLOSED;
}

/* Whatever one event breaks is blocked before anybody is told of any of it. */
static void check_all_are_blocked(const struct host *host)
{
	const struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_engine_next(host->engine, NULL, at)) != NULL; ) {
		unsigned flow = flow_at(host, &latch->tuple);

		at = latch->id;
		if (stops(latch->state) && flow < NR_FLOWS && !host->unblocked[flow] &&
		    guard_has_pins(host, &latch->tuple))
			fail("latch %llu: another's owner was told before it was blocked (K51)",
			     (unsigned long long)at);
	}
}

/* Blocked before told (K51). */
static enum pl_told op_alert(void *ctx, const struct pl_owner *owner,
			     const struct pl_alert *alert)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, &alert->tuple);

	if (stops(alert->to) && flow < NR_FLOWS && guard_has_pins(host, &alert->tuple) &&
	    !host->unblocked[flow] && !host->is_lost)
		fail("latch %llu: told before it was blocked (K51)", (unsigned long long)alert->id);
	if (stops(alert->to) && !host->is_lost)
		check_all_are_blocked(host);
	if (alert->id < NR_IDS)
		host->memory[alert->id].alerts++;
	for (unsigned i = 0; i < NR_SESSIONS; i++) {
		if (host->sessions[i] == owner->number)
			return any(20) == 0 ? PL_TOLD_EOF : PL_TOLD_RECORD;
	}
	return PL_TOLD_NOT;
}

static void op_watch(void *ctx, const struct pl_alert *alert)
{
	(void)ctx;
	switch (alert->event) {
	case PL_EVENT_CREATED:
	case PL_EVENT_ACCEPTED:
	case PL_EVENT_COMPLETED:
		sim.counts.established++;
		break;
	case PL_EVENT_CLEARED:
		sim.counts.restored++;
		break;
	case PL_EVENT_FAILED:
		sim.counts.failed++;
		break;
	default:
		sim.counts.broken += alert->to == PL_STATE_BROKEN && alert->from != alert->to;
		sim.counts.closed += pl_state_shown(alert->to) == PL_STATE_CLOSED;
		break;
	}
}

static int op_read(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret)
{
	(void)ctx;
	(void)fd;
	(void)to;
	(void)ret;
	return -EBADF;
}

/* What resets a socket ends it. */
static int op_dispose(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
		      enum pl_disposition disposition)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, tuple);

	(void)cookie;
	(void)disposition;
	if (may_fail(host))
		return -EIO;
	if (flow < NR_FLOWS && any(2) == 0)
		host->is_open[flow] = false;
	return 0;
}

static int op_is_gone(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	struct host *host = ctx;
	unsigned flow = flow_at(host, tuple);

	(void)cookie;
	if (may_fail(host))
		return -EIO;
	*ret = pl_tuple_is_listener(tuple) ? !host->is_listening : !host->is_open[flow];
	return 0;
}

static int op_holders(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
		      bool is_all, struct pl_holders *ret)
{
	bool is_gone;
	int r = op_is_gone(ctx, tuple, cookie, &is_gone);

	(void)uid;
	(void)is_all;
	if (r == 0)
		*ret = (struct pl_holders) { .has_own = !is_gone };
	return r;
}

static int op_initiate(void *ctx, uint64_t ticket, const struct pl_tuple *tuple,
		       const struct pl_initiate *how)
{
	struct host *host = ctx;

	(void)how;
	if (!host->is_lost && !guard_holds(host, PL_GUARD_FLOW, tuple, PL_DIR_NONE, 0))
		fail("SAs are asked for before the flow is guarded");
	if (may_fail(host))
		return PL_E_NOT_PROTECTED;
	host->ticket = ticket;
	return 0;
}

static void op_cancel(void *ctx, uint64_t ticket)
{
	struct host *host = ctx;

	if (host->ticket == ticket)
		host->ticket = 0;
}

/* What fails may have been done by half. */
static int op_put(void *ctx, const struct pl_steer *steer)
{
	struct host *host = ctx;

	if (!host->is_lost &&
	    !guard_holds(host, PL_GUARD_FLOW, &steer->tuple, PL_DIR_NONE, 0))
		fail("what is steered is not guarded");
	host->steered[flow_at(host, &steer->tuple)] = steer->reqid;
	sim.counts.steered++;
	return may_fail(host) ? -EIO : 0;
}

static int op_take(void *ctx, const struct pl_tuple *tuple)
{
	struct host *host = ctx;

	if (may_fail(host))
		return -EIO;
	host->steered[flow_at(host, tuple)] = 0;
	return 0;
}

static int op_sweep(void *ctx)
{
	struct host *host = ctx;

	memset(host->steered, 0, sizeof(host->steered));
	return 0;
}

static uint64_t op_now(void *ctx)
{
	struct host *host = ctx;

	return ++host->now;
}

static const struct pl_guard_ops guard_ops = {
	op_guard, op_permit, op_retire, op_block, op_unguard, op_listen, op_born, op_rebuild,
	op_walk, NULL, op_unpin, NULL, op_take_over, op_walk_left,
};
static const struct pl_store_ops store_ops = { .save = op_save, .forget = op_forget };
static const struct pl_owner_ops owner_ops = { .alert = op_alert, .watch = op_watch };
static const struct pl_socket_ops socket_ops = {
	.read = op_read, .dispose = op_dispose, .is_gone = op_is_gone, .holders = op_holders,
};
static int op_ask_alive(void *ctx, uint64_t ike)
{
	struct host *host = ctx;

	if (ike != host->old)
		fail("somebody else is asked whether he was rebooted (K19)");
	if (may_fail(host))
		return -EIO;
	host->is_asked = true;
	return 0;
}

static const struct pl_ike_ops ike_ops = {
	.initiate = op_initiate, .cancel = op_cancel, .ask_alive = op_ask_alive,
};
static const struct pl_steer_ops steer_ops = { op_put, op_take, op_sweep };
static const struct pl_clock_ops clock_ops = { .now_ns = op_now };

const struct pl_ops sim_ops = {
	.guard = &guard_ops, .store = &store_ops, .owner = &owner_ops, .socket = &socket_ops,
	.ike = &ike_ops, .clock = &clock_ops, .steer = &steer_ops,
};
