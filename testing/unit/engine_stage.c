/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Ops that record what they are asked, act like a guard in memory, and fail when told; and the
 * stage for tests of the engine: this host is 192.0.2.1, B and C both claim 192.0.2.2.
 */

#include "engine_stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fake fake;
struct pl_identity_pool *pool;
struct pl_identity *who_b, *who_c;

static void record(const char *what)
{
	size_t len = strlen(fake.log);

	if (len + strlen(what) + 2 < sizeof(fake.log))
		snprintf(fake.log + len, sizeof(fake.log) - len, "%s%s", len == 0 ? "" : " ", what);
}

void forget_log(void)
{
	fake.log[0] = '\0';
}

/* Every call that may fail counts. */
static int called(const char *what)
{
	record(what);
	fake.calls++;
	if ((fake.refuses != NULL && strncmp(what, fake.refuses, strlen(fake.refuses)) == 0) ||
	    (fake.fail_at != 0 && (fake.calls == fake.fail_at ||
				   (fake.is_sticky && fake.calls > fake.fail_at)))) {
		record("FAILED");
		return -EIO;
	}
	return 0;
}

static bool is_same(const struct pl_guard_item *a, const struct pl_guard_item *b)
{
	return a->kind == b->kind && pl_tuple_compare(&a->tuple, &b->tuple) == 0 &&
	       a->pin.direction == b->pin.direction && a->pin.reqid == b->pin.reqid;
}

static bool holds(struct pl_guard_item item)
{
	for (unsigned i = 0; i < fake.nr_items; i++) {
		if (is_same(&fake.items[i], &item))
			return true;
	}
	return false;
}

static void put(struct pl_guard_item item)
{
	assert_true(fake.nr_items < NR_ITEMS);
	if (!holds(item))
		fake.items[fake.nr_items++] = item;
}

/* @reqid 0: of any; PL_GUARD_NONE: of any kind */
static void cut(enum pl_guard_kind kind, const struct pl_tuple *tuple, struct pl_pin pin)
{
	for (unsigned i = 0; i < fake.nr_items; ) {
		const struct pl_guard_item *item = &fake.items[i];

		if ((kind == PL_GUARD_NONE || item->kind == kind) &&
		    pl_tuple_compare(&item->tuple, tuple) == 0 &&
		    (pin.reqid == 0 || (item->pin.reqid == pin.reqid &&
					item->pin.direction == pin.direction)))
			fake.items[i] = fake.items[--fake.nr_items];
		else
			i++;
	}
}

static const struct pl_pin any_pin;

static int fake_guard(void *ctx, const struct pl_tuple *tuple)
{
	int r = called("guard");

	(void)ctx;
	assert_false(pl_tuple_is_listener(tuple));
	if (r == 0)
		put((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple });
	return r;
}

static int fake_listen(void *ctx, const struct pl_tuple *tuple)
{
	int r = called("listen");

	(void)ctx;
	assert_true(pl_tuple_is_listener(tuple));
	if (r == 0)
		put((struct pl_guard_item) { .kind = PL_GUARD_LISTENER, .tuple = *tuple });
	return r;
}

static int fake_permit(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		       unsigned nr)
{
	bool is_listener = pl_tuple_is_listener(tuple);
	char text[64];
	int r;

	(void)ctx;
	assert_in_range(nr, 1, NR_ITEMS);
	snprintf(text, sizeof(text), "%s:%u", is_listener ? "admit" : "permit", pins[0].reqid);
	r = called(text);
	assert_true(holds((struct pl_guard_item) {
		.kind = is_listener ? PL_GUARD_LISTENER : PL_GUARD_FLOW, .tuple = *tuple }));
	assert_false(holds((struct pl_guard_item) { .kind = PL_GUARD_ANSWER, .tuple = *tuple }));
	for (unsigned i = 0; r == 0 && i < nr; i++) {
		assert_int_not_equal(pins[i].reqid, 0);
		assert_true(!is_listener || pins[i].direction == PL_DIR_IN);
		put((struct pl_guard_item) { .kind = PL_GUARD_PIN, .tuple = *tuple,
					     .pin = pins[i] });
	}
	return r;
}

static int fake_bypass(void *ctx, const struct pl_tuple *tuple)
{
	int r = called("bypass");

	(void)ctx;
	assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple }));
	for (enum pl_direction way = PL_DIR_IN; r == 0 && way < PL_DIR_ROOF; way++)
		put((struct pl_guard_item) { .kind = PL_GUARD_PIN, .tuple = *tuple,
					     .pin = { .direction = way } });
	return r;
}

static int fake_retire(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		       unsigned nr)
{
	char text[64];
	int r;

	(void)ctx;
	assert_in_range(nr, 1, 32);
	snprintf(text, sizeof(text), "%s:%u",
		 pl_tuple_is_listener(tuple) ? "dismiss" : "retire", pins[0].reqid);
	r = called(text);
	for (unsigned i = 0; r == 0 && i < nr; i++)
		cut(PL_GUARD_PIN, tuple, pins[i]);
	return r;
}

static int fake_block(void *ctx, const struct pl_tuple *tuple)
{
	int r = called("block");

	(void)ctx;
	if (r == 0)
		cut(PL_GUARD_PIN, tuple, any_pin);
	return r;
}

/* One transaction. */
static int fake_unpin(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	char text[32];
	int r;

	(void)ctx;
	snprintf(text, sizeof(text), "unpin:%zu", nr);
	r = called(text);
	for (size_t i = 0; r == 0 && i < nr; i++) {
		assert_true(items[i].kind == PL_GUARD_FLOW || items[i].kind == PL_GUARD_PIN);
		cut(PL_GUARD_PIN, &items[i].tuple, items[i].pin);
	}
	return r;
}

static int fake_answer(void *ctx, const struct pl_tuple *tuple, bool is_on)
{
	int r = called(is_on ? "answer" : "silence");
	struct pl_guard_item item = { .kind = PL_GUARD_ANSWER, .tuple = *tuple };

	(void)ctx;
	assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple }));
	assert_int_equal(holds(item), !is_on);
	if (r == 0 && is_on)
		put(item);
	else if (r == 0)
		cut(PL_GUARD_ANSWER, tuple, any_pin);
	return r;
}

static int fake_unguard(void *ctx, const struct pl_tuple *tuple, bool births)
{
	int r = called("unguard");

	(void)ctx;
	if (r == 0)
		cut(PL_GUARD_NONE, tuple, any_pin);
	fake.unborn = r == 0 && births ? *tuple : fake.unborn;
	return r;
}

static int fake_born(void *ctx, const struct pl_tuple *tuple, uint32_t ret[static 2], unsigned *nr)
{
	int r = called("born");

	(void)ctx;
	assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple }));
	if (r != 0)
		return r;
	memcpy(ret, fake.born, sizeof(fake.born));
	*nr = pl_tuple_compare(&fake.unborn, tuple) == 0 ? 0 : fake.nr_born;
	return 0;
}

static int fake_rebuild(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	int r = called("rebuild");

	(void)ctx;
	if (r != 0)
		return r;
	fake.nr_items = 0;
	for (size_t i = 0; i < nr; i++)
		put(items[i]);
	return 0;
}

/* What is there and not among the items, and how many of those that it puts there are. */
static int fake_take_over(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	struct pl_guard_item before[NR_ITEMS];
	unsigned nr_before = fake.nr_items;
	int r;

	memcpy(before, fake.items, sizeof(before));
	r = fake_rebuild(ctx, items, nr);
	fake.nr_taken = fake.nr_items;
	for (unsigned i = 0; r == 0 && i < nr_before; i++) {
		if (before[i].kind == PL_GUARD_FLOW || before[i].kind == PL_GUARD_LISTENER)
			put(before[i]);
	}
	return r;
}

static int fake_walk_left(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	int r = called("left");

	(void)ctx;
	for (unsigned i = fake.nr_taken; r == 0 && i < fake.nr_items; i++)
		r = visit(visit_ctx, &fake.items[i]);
	return r;
}

static int fake_walk(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	int r = 0;

	(void)ctx;
	for (unsigned i = 0; r == 0 && i < fake.nr_items; i++)
		r = visit(visit_ctx, &fake.items[i]);
	return r;
}

static void drop_record(uint64_t id)
{
	for (unsigned i = 0; i < fake.nr_records; i++) {
		if (fake.records[i].kept.id != id)
			continue;
		pl_identity_unref(fake.records[i].identity);
		fake.records[i] = fake.records[--fake.nr_records];
		return;
	}
}

/* A journal in memory, for those who look at it. */
static int fake_save(void *ctx, const struct pl_latch *latch, const char *peer)
{
	static const uint8_t name[PL_KEPT_DIGEST_BYTES] = { 1 };
	struct pl_identity *identity = latch->params.peer.identity;
	struct fake_record *record;
	int r = called("save");

	(void)ctx;
	if (r != 0 || !fake.has_journal)
		return r;
	drop_record(latch->id);
	assert_true(fake.nr_records < NR_RECORDS);
	if (latch->id >= fake.next_id)
		fake.next_id = latch->id + 1;
	record = &fake.records[fake.nr_records++];
	pl_kept_of_latch(latch, identity == NULL ? NULL : name, peer, &record->kept);
	record->identity = pl_identity_ref(identity);
	return 0;
}

static int fake_forget(void *ctx, uint64_t id)
{
	int r = called("forget");

	(void)ctx;
	if (r == 0)
		drop_record(id);
	return r;
}

static int fake_store_walk(void *ctx, struct pl_identity_pool *into, pl_store_visit *visit,
			   void *visit_ctx, struct pl_store_found *ret)
{
	int r = 0;

	(void)ctx;
	(void)into;
	*ret = (struct pl_store_found) {
		.damage = fake.is_damaged ? PL_DAMAGE_RECORD : 0,
		.nr_unreadable = fake.is_damaged ? 2 : 0,
		.next_id = fake.next_id,
	};
	for (unsigned i = 0; r == 0 && i < fake.nr_records; i++) {
		const struct fake_record *record = &fake.records[i];

		r = visit(visit_ctx, &record->kept, record->identity);
	}
	return r;
}

static int fake_walk_sessions(void *ctx, pl_store_visit_session *visit, void *visit_ctx)
{
	int r = 0;

	(void)ctx;
	for (unsigned i = 0; r == 0 && i < fake.nr_sessions; i++)
		r = visit(visit_ctx, &fake.sessions[i]);
	return r;
}

static int fake_forget_session(void *ctx, uint64_t number)
{
	(void)ctx;
	for (unsigned i = 0; i < fake.nr_sessions; i++) {
		if (fake.sessions[i].number == number)
			fake.sessions[i--] = fake.sessions[--fake.nr_sessions];
	}
	return 0;
}

static int fake_forget_unreadable(void *ctx)
{
	int r = called("forget-unreadable");

	(void)ctx;
	fake.is_damaged &= r != 0;
	return r;
}

static int fake_save_session(void *ctx, const struct pl_kept_session *session)
{
	int r = called("save-session");

	if (r != 0)
		return r;
	(void)fake_forget_session(ctx, session->number);
	assert_true(fake.nr_sessions < NR_SESSIONS);
	fake.sessions[fake.nr_sessions++] = *session;
	return 0;
}

static enum pl_told fake_remind(void *ctx, const struct pl_owner *owner,
				const struct pl_alert *alert)
{
	size_t len = strlen(fake.reminded);

	(void)ctx;
	assert_int_equal(owner->kind, PL_OWNER_SESSION);
	assert_int_equal(alert->from, alert->to);
	if (fake.nr_remind == 0)
		return PL_TOLD_NOT;
	fake.nr_remind--;
	snprintf(fake.reminded + len, sizeof(fake.reminded) - len, "%llu %s, ",
		 (unsigned long long)alert->id, pl_state_name(pl_state_shown(alert->to)));
	return PL_TOLD_RECORD;
}

static enum pl_told fake_alert(void *ctx, const struct pl_owner *owner,
			       const struct pl_alert *alert)
{
	(void)ctx;
	assert_int_equal(owner->kind, PL_OWNER_SESSION);
	record("ALERT");
	fake.alert = *alert;
	if (alert->id < NR_TOLD)
		fake.told_of[alert->id] = alert->to;
	snprintf(fake.reason, sizeof(fake.reason), "%s",
		 alert->reason == NULL ? "" : alert->reason);
	return fake.told;
}

/* The second look at a socket may find another one. */
static int fake_read(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret)
{
	(void)ctx;
	(void)fd;
	(void)to;
	*ret = fake.looks++ == 0 ? fake.socket : fake.socket_again;
	return called("read");
}

static int fake_dispose(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
			enum pl_disposition disposition)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	fake.disposition = disposition;
	return called("dispose");
}

static int fake_is_gone(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	fake.now += fake.gone_ns;
	fake.gone_asked++;
	*ret = fake.is_gone;
	return 0;
}

static int fake_reroute(void *ctx)
{
	(void)ctx;
	return called("reroute");
}

static void unsteer(const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < fake.nr_steered; ) {
		if (pl_tuple_compare(&fake.steered[i].tuple, tuple) == 0)
			fake.steered[i] = fake.steered[--fake.nr_steered];
		else
			i++;
	}
}

/* Nobody is led past the SPD who is not guarded. What fails may have been done by half. */
static int fake_put(void *ctx, const struct pl_steer *steer)
{
	char text[64];

	(void)ctx;
	assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW,
						   .tuple = steer->tuple }));
	assert_int_equal(steer->reqid == 0, steer->is_bypass);
	unsteer(&steer->tuple);
	assert_true(fake.nr_steered < NR_STEERED);
	fake.steered[fake.nr_steered++] = *steer;
	snprintf(text, sizeof(text), "steer:%u", steer->reqid);
	return called(text);
}

static int fake_take(void *ctx, const struct pl_tuple *tuple)
{
	int r = called("unsteer");

	(void)ctx;
	if (r == 0)
		unsteer(tuple);
	return r;
}

static int fake_sweep(void *ctx)
{
	int r = called("sweep");

	(void)ctx;
	if (r == 0)
		fake.nr_steered = 0;
	return r;
}

static int fake_initiate(void *ctx, uint64_t ticket, const struct pl_tuple *tuple,
			 const struct pl_initiate *how)
{
	(void)ctx;
	assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple }));
	record(how->is_narrow ? "initiate-narrow" : "initiate");
	fake.wanted = *how;
	snprintf(fake.wanted_of, sizeof(fake.wanted_of), "%s", how->peer == NULL ? "" : how->peer);
	fake.wanted.peer = NULL;
	fake.ticket = ticket;
	return fake.initiate;
}

static void fake_cancel(void *ctx, uint64_t ticket)
{
	(void)ctx;
	assert_int_equal(ticket, fake.ticket);
	record("cancel");
}

static int fake_holders(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
			bool is_all, struct pl_holders *ret)
{
	bool is_gone;

	assert_true(pl_tuple_is_listener(tuple));
	assert_int_not_equal(cookie, 0);
	assert_int_equal(uid, UID);
	(void)fake_is_gone(ctx, tuple, cookie, &is_gone);
	*ret = (struct pl_holders) { !is_gone, fake.has_mine, is_all && fake.has_foreign };
	return is_all ? called("holders") : 0;
}

static uint64_t fake_now(void *ctx)
{
	(void)ctx;
	return ++fake.now;
}

static int fake_wake_at(void *ctx, uint64_t when)
{
	(void)ctx;
	fake.wake_at = when;
	return 0;
}

static const struct pl_guard_ops guard_ops = {
	fake_guard, fake_permit, fake_retire, fake_block, fake_unguard, fake_listen, fake_born,
	fake_rebuild, fake_walk, fake_bypass, fake_unpin, fake_answer, fake_take_over,
	fake_walk_left,
};
static const struct pl_store_ops store_ops = {
	.walk = fake_store_walk, .save = fake_save, .forget = fake_forget,
	.walk_sessions = fake_walk_sessions, .save_session = fake_save_session,
	.forget_session = fake_forget_session, .forget_unreadable = fake_forget_unreadable,
};
static const struct pl_owner_ops owner_ops = { .alert = fake_alert, .remind = fake_remind };
static int fake_is_idle(void *ctx, const struct pl_tuple *tuple, bool *ret)
{
	(void)ctx;
	/* of TCP only a flow that is forwarded has no socket to ask about */
	assert_true(tuple->proto == PL_TUPLE_UDP || fake.conf.rules[0].is_forward);
	*ret = fake.is_idle;
	return called("idle");
}

static int fake_ends(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, struct pl_ends *ret)
{
	(void)ctx;
	assert_int_equal(tuple->proto, PL_TUPLE_SCTP);
	if (fake.ends.nr_local == 0 || (cookie != 0 && cookie != fake.ends.cookie))
		return PL_E_NOT_FOUND;
	*ret = fake.ends;
	return called("ends");
}

static int fake_came(void *ctx, const struct pl_tuple *tuple, pl_socket_see *see, void *see_ctx)
{
	return fake.came == NULL ? 0 : fake.came(ctx, tuple, see, see_ctx);
}

static const struct pl_socket_ops socket_ops = { fake_read, fake_dispose, fake_is_gone,
						 fake_holders, fake_is_idle, fake_came, fake_ends };
static const struct pl_route_ops route_ops = { fake_reroute };
static const struct pl_steer_ops steer_ops = { fake_put, fake_take, fake_sweep };
static const struct pl_clock_ops clock_ops = { fake_now, fake_wake_at };
static int fake_delete_child(void *ctx, uint64_t serial)
{
	char text[64];

	(void)ctx;
	snprintf(text, sizeof(text), "delete:%llu", (unsigned long long)serial);
	record(text);
	return 0;
}

static int fake_ask_alive(void *ctx, uint64_t ike)
{
	char text[64];

	(void)ctx;
	snprintf(text, sizeof(text), "alive:%llu", (unsigned long long)ike);
	return called(text);
}

static const struct pl_ike_ops ike_ops = {
	.initiate = fake_initiate, .cancel = fake_cancel, .delete_child = fake_delete_child,
	.ask_alive = fake_ask_alive,
};
static const struct pl_ops ops = {
	.guard = &guard_ops, .store = &store_ops, .owner = &owner_ops, .socket = &socket_ops,
	.clock = &clock_ops, .ike = &ike_ops, .route = &route_ops, .steer = &steer_ops,
};

const struct pl_ops *fake_ops(void)
{
	return &ops;
}

static struct pl_identity *somebody(const char *id)
{
	struct pl_blob key = { (const uint8_t *)id, strlen(id) };
	struct pl_identity_data data = {
		.peer = { .id = id, .auth = PL_AUTH_SIGNATURE, .anchor = key, .spki = key },
		.own = { .id = "A", .auth = PL_AUTH_SIGNATURE, .spki = key },
	};
	struct pl_identity *ret;

	assert_int_equal(pl_identity_intern(pool, &data, &ret), 0);
	return ret;
}

struct pl_ts host(uint8_t last)
{
	return (struct pl_ts) {
		.af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, last },
		.hi = { 192, 0, 2, last },
	};
}

struct pl_tuple flow(uint16_t port)
{
	return (struct pl_tuple) {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = port,
		.local = { 192, 0, 2, 1 }, .remote = { 192, 0, 2, 2 },
	};
}

struct pl_fact child(uint64_t serial, struct pl_identity *identity, uint32_t reqid)
{
	return (struct pl_fact) {
		.kind = PL_FACT_CHILD_INSTALL, .child = serial, .ike = serial + 1000,
		.role = PL_ROLE_INITIATOR, .identity = identity,
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT, .reqid = reqid,
			.spi_in = (uint32_t)serial, .spi_out = (uint32_t)serial + 500,
			.encrypt = "AES_GCM_16", .key_bits = 256, .replay_window = 128,
			.tsi = { .len = 1, .list = { host(1) } },
			.tsr = { .len = 1, .list = { host(2) } },
		},
	};
}

enum pl_verdict_kind install(struct pl_fact fact)
{
	enum pl_verdict_kind given = pl_engine_child_install(fake.engine, &fact);

	record(given == PL_VERDICT_ACCEPT ? "ACCEPT" : "REFUSE");
	if (given == PL_VERDICT_ACCEPT) {
		fact.kind = PL_FACT_CHILD_UP;
		pl_engine_note(fake.engine, &fact);
	}
	return given;
}

void down(uint64_t serial)
{
	struct pl_fact fact = { .kind = PL_FACT_CHILD_DOWN, .child = serial };

	pl_engine_note(fake.engine, &fact);
}

void policy(enum pl_fact_kind kind, const char *shunt, uint64_t conn)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_fact fact = {
			.kind = kind, .conn = { .serial = conn },
			.u.policy = {
				.direction = way, .src = host(way == PL_DIR_OUT ? 1 : 2),
				.dst = host(way == PL_DIR_OUT ? 2 : 1), .priority = 100,
				.nr_templates = shunt[0] == '\0',
			},
		};

		snprintf(fact.u.policy.shunt, sizeof(fact.u.policy.shunt), "%s", shunt);
		if (kind == PL_FACT_POLICY_ADD)
			assert_int_equal(pl_engine_kernel_change(fake.engine, &fact),
					 PL_VERDICT_ACCEPT);
		else
			pl_engine_note(fake.engine, &fact);
	}
}

struct pl_engine_ask ask_for(struct pl_tuple tuple)
{
	return (struct pl_engine_ask) {
		.tuple = tuple, .cookie = 9,
		.owner = { .kind = PL_OWNER_SESSION, .uid = UID, .number = SESSION },
	};
}

int latch_flow(uint16_t port, uint64_t *id)
{
	struct pl_engine_ask ask = ask_for(flow(port));

	return pl_engine_latch(fake.engine, &ask, id, NULL);
}

enum pl_state state_of(uint64_t id)
{
	const struct pl_latch *latch;

	return pl_engine_inquire(fake.engine, NULL, id, &latch) == 0 ? latch->state :
								      PL_STATE_NONE;
}

/* Whoever needs care without anything happening is on the list, and a tick was asked for. */
static void assert_minded(const struct pl_latch *latch)
{
	bool is_waiting = latch->state == PL_STATE_LARVAL && !latch->is_unsure;
	bool is_ending = latch->state == PL_STATE_LINGERING || latch->state == PL_STATE_CLOSED ||
			 latch->state == PL_STATE_CLOSED_TOLD;

	if (is_waiting)
		assert_int_not_equal(fake.wake_at, 0);
	bool is_for_good = latch->state == PL_STATE_LISTENER &&
			   latch->owner.kind == PL_OWNER_ADMIN;

	if (is_ending || latch->is_unsure ||
	    (latch->owner.kind != PL_OWNER_SESSION && latch->state != PL_STATE_CLOSED_GONE &&
	     !is_for_good)) {
		assert_true(latch->is_minded);
		assert_int_not_equal(fake.wake_at, 0);
	}
}

/* No connection begins at one that is over. */
static void assert_listener_safe(const struct pl_latch *listener)
{
	bool is_taking = listener->state == PL_STATE_LISTENER ||
			 listener->state == PL_STATE_LINGERING;

	for (unsigned i = 0; i < fake.nr_items && !listener->is_unsure; i++) {
		if (fake.items[i].kind == PL_GUARD_PIN &&
		    pl_tuple_compare(&fake.items[i].tuple, &listener->tuple) == 0)
			assert_true(is_taking);
	}
}

/* K17: no policy without a latch that is in force, but one that the kernel did not let go of. */
static void assert_steered(void)
{
	for (unsigned i = 0; i < fake.nr_steered; i++) {
		const struct pl_latch *latch = NULL;

		assert_int_equal(pl_engine_find(fake.engine, NULL, &fake.steered[i].tuple, &latch),
				 0);
		assert_true(latch->is_steered);
		if (latch->state != PL_STATE_ESTABLISHED && latch->state != PL_STATE_LINGERING)
			assert_int_not_equal(fake.wake_at, 0);
	}
}

void assert_safe(void)
{
	const struct pl_latch *latch;

	assert_steered();
	assert_counted(fake.engine);
	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; ) {
		bool is_up = latch->state == PL_STATE_ESTABLISHED ||
			     latch->state == PL_STATE_LINGERING;

		at = latch->id;
		assert_minded(latch);
		if (pl_tuple_is_listener(&latch->tuple)) {
			assert_listener_safe(latch);
			continue;
		}
		if (is_up) {
			assert_true(holds((struct pl_guard_item) { .kind = PL_GUARD_FLOW,
								   .tuple = latch->tuple }));
			assert_false(latch->state == PL_STATE_ESTABLISHED && latch->is_unsure);
		}
		for (unsigned i = 0; i < fake.nr_items; i++) {
			if (fake.items[i].kind == PL_GUARD_ANSWER &&
			    pl_tuple_compare(&fake.items[i].tuple, &latch->tuple) == 0)
				assert_false(is_up);
			if (fake.items[i].kind != PL_GUARD_PIN || latch->is_unsure ||
			    pl_tuple_compare(&fake.items[i].tuple, &latch->tuple) != 0)
				continue;
			assert_true(is_up);
			assert_int_equal(fake.items[i].pin.reqid == 0, latch->is_bypass);
			assert_int_equal(fake.items[i].pin.reqid == REQID_C,
					 latch->params.peer.identity == who_c);
		}
	}
}

void assert_in_force(void)
{
	size_t missing = 99, extra = 99;

	assert_int_equal(pl_engine_compare(fake.engine, &missing, &extra), 0);
	assert_int_equal(missing, 0);
	assert_int_equal(extra, 0);
	assert_safe();
}

/* Whom a latch lingers for has released it himself. */
static bool is_lost(const struct pl_latch *latch)
{
	bool is_untold = latch->state == PL_STATE_CLOSED || latch->state == PL_STATE_CLOSED_GONE;
	bool is_broken = pl_state_shown(latch->state) == PL_STATE_BROKEN;

	assert_in_range(latch->id, 1, NR_TOLD - 1);
	return latch->owner.kind == PL_OWNER_SESSION &&
	       (is_untold ||
		(is_broken && pl_state_shown(fake.told_of[latch->id]) != PL_STATE_BROKEN));
}

void count_lost(struct harm *harm)
{
	const struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_engine_next(fake.engine, NULL, at)) != NULL; ) {
		at = latch->id;
		harm->lost += is_lost(latch);
	}
}

void count_harm(struct harm *harm)
{
	size_t missing, extra;

	harm->times++;
	assert_int_equal(pl_engine_compare(fake.engine, &missing, &extra), 0);
	harm->passes += missing + extra;
	count_lost(harm);
}

void judge_harm(const char *fault, const struct harm *harm)
{
	print_message("fault\t%s\t%u\t%u\t%u\n", fault, harm->times, harm->passes, harm->lost);
	assert_int_not_equal(harm->times, 0);
	assert_int_equal(harm->passes, 0);
	assert_int_equal(harm->lost, 0);
}

void start(void)
{
	struct pl_engine_settings settings = {
		.hash_key = { 1 }, .first_id = 1, .conf = &fake.conf, .identities = pool,
	};

	fake.engine = pl_engine_free(fake.engine);
	fake.engine = pl_engine_new(NULL, NULL);
	assert_int_equal(pl_engine_start(fake.engine, &ops, &settings), 0);
	assert_int_equal(pl_engine_start(fake.engine, &ops, &settings), PL_E_WRONG_STATE);
}

int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	pool = pl_identity_pool_new();
	who_b = somebody("B");
	who_c = somebody("C");
	pl_conf_default(&fake.conf);
	fake.told = PL_TOLD_RECORD;
	start();
	policy(PL_FACT_POLICY_ADD, "", 1);
	forget_log();
	fake.calls = 0;
	return 0;
}

int teardown(void **state)
{
	(void)state;
	fake.engine = pl_engine_free(fake.engine);
	while (fake.nr_records > 0)
		drop_record(fake.records[0].kept.id);
	who_b = pl_identity_unref(who_b);
	who_c = pl_identity_unref(who_c);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pool = pl_identity_pool_free(pool);
	return 0;
}

uint64_t established(uint16_t port)
{
	uint64_t id = 0;

	if (pl_engine_count(fake.engine, PL_FACT_CHILD_INSTALL) == 0)
		assert_int_equal(install(child(1, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	assert_int_equal(latch_flow(port, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
	forget_log();
	return id;
}

