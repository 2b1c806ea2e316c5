/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Automatic latches (RFC 5660 section 2: K12, K13): of programs that know nothing of latches.
 * latch.conf says which flows, the guard holds the packet that begins one of them, and here it gets
 * its latch. The packet then meets the guard again, like every other of its flow: what has no pin
 * by then is dropped there.
 *
 * Invariants:
 * - Nothing is said of a packet but "ask the guard again" once its flow is in the guard. Without a
 *   latch the packet is dropped; and whoever sent it tries again, or another one begins.
 * - A connection that comes in takes the SA under which the guard saw it be born, as every other.
 *   One that goes out waits in PL_STATE_LARVAL for its SAs, which pluto is asked for.
 * - A listener of a rule stays as long as the daemon runs: nobody's release opens its port.
 *
 * - Of a flow that is forwarded (L21, RFC 5660 section 2.5) neither end is here: no socket tells
 *   whose it is or when it ends, no birth is recorded, and a break resets nothing here, but see
 *   pl_answer. Whoever began it, the packet that is held passes only if its own SA is pinned by
 *   then. It is over when conntrack knows nothing of it any more; what comes then without beginning
 *   a connection is dropped.
 *
 * They belong to the administrator (PL_OWNER_ADMIN), and count against their own limit. A program
 * that latches its connection after all takes it over.
 */

#include "core/pl_engine.h"

#include "core/pl_admit.h"
#include "core/pl_conf_auto.h"
#include "core/pl_engine_impl.h"

#include <string.h>

bool pl_auto_is_flow(const struct pl_latch *latch)
{
	return latch->owner.kind == PL_OWNER_ADMIN && !pl_tuple_is_listener(&latch->tuple);
}

/* What is in the guard alone may be of a socket, or none. */
static bool may_be_forwarded(const struct pl_world *world, const struct pl_latch *latch)
{
	enum pl_direction way;
	struct pl_tuple tuple;

	return latch->is_forwarded ||
	       (latch->is_inherited && !pl_tuple_is_listener(&latch->tuple) &&
		pl_conf_auto_forward(world->conf, &latch->tuple, &tuple, &way) != NULL);
}

bool pl_auto_ends(const struct pl_world *world, const struct pl_latch *latch)
{
	/* What a predecessor left may have been one, and would be one again. */
	return pl_auto_is_flow(latch) || may_be_forwarded(world, latch) ||
	       (latch->is_inherited && !pl_tuple_is_listener(&latch->tuple) &&
		pl_conf_auto_match(world->conf, &latch->tuple) != NULL);
}

/* A packet that has just got its latch has not reached its socket yet. */
static bool is_young(const struct pl_world *world, const struct pl_latch *latch)
{
	enum { YOUTH_NS = 2000000000 };

	return world->ops.clock->now_ns(world->ops.clock_ctx) - latch->mono_ns < YOUTH_NS;
}

/* Of UDP no socket tells what it talks with, and so no end of it. */
int pl_auto_is_gone(struct pl_world *world, const struct pl_latch *latch, bool *ret)
{
	const struct pl_socket_ops *ops = world->ops.socket;
	bool is_gone = true;
	int r = 0;

	*ret = false;
	if (is_young(world, latch))
		return 0;
	if (latch->tuple.proto != PL_TUPLE_UDP) {
		r = ops->is_gone(world->ops.socket_ctx, &latch->tuple, latch->cookie, &is_gone);
		if (r != 0 || !is_gone || !may_be_forwarded(world, latch)) {
			*ret = r == 0 && is_gone;
			return r;
		}
	}
	return ops->is_idle == NULL ? PL_E_UNSUPPORTED :
				      ops->is_idle(world->ops.socket_ctx, &latch->tuple, ret);
}

int pl_auto_give(struct pl_world *world, struct pl_latch *latch, const struct pl_owner *owner)
{
	if (latch->owner.kind == PL_OWNER_ADMIN) {
		int r = pl_usage_take(world->usage, &world->conf->limits, owner->uid,
				      pl_step_limit(owner));

		if (r != 0)
			return r;
		pl_usage_give_back(world->usage, latch->owner.uid, PL_LIMIT_AUTOMATIC);
	}
	pl_db_give(world->db, latch, owner);
	pl_step_mind(world, latch);
	return 0;
}

/* What the rule says, as if it were asked for. */
static struct pl_engine_ask ask_of(const struct pl_conf_rule *rule, uint32_t uid)
{
	struct pl_engine_ask ask = { .owner = { .kind = PL_OWNER_ADMIN, .uid = uid } };

	/* It is allowed, and asks for no mode that the rule could refuse. */
	(void)!pl_admit_by(rule, &ask);
	return ask;
}

static bool listens_at(const struct pl_conf_rule *rule, const struct pl_tuple *tuple)
{
	return pl_conf_auto_listens(rule) && rule->proto == tuple->proto &&
	       rule->local_ports.lo <= tuple->local_port &&
	       tuple->local_port <= rule->local_ports.hi &&
	       memcmp(rule->local.lo, tuple->local, sizeof(tuple->local)) == 0 &&
	       (rule->local.af == PL_AF_NONE || rule->local.af == tuple->af);
}

/* Of two rules for one port the first holds. */
static const struct pl_conf_rule *rule_at(const struct pl_conf *conf, const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		if (listens_at(&conf->rules[i], tuple))
			return &conf->rules[i];
	}
	return NULL;
}

/* The journal has it as an earlier latch.conf wanted it; no SA is there yet that it would admit. */
static int renew(struct pl_world *world, struct pl_latch *listener,
		 const struct pl_engine_ask *ask)
{
	listener->require = ask->require;
	listener->disposition = ask->disposition;
	listener->may_unprotect = ask->may_unprotect;
	return pl_db_set_peer(world->db, listener, ask->peer);
}

static int listen_at(struct pl_engine *engine, const struct pl_conf_rule *rule, uint8_t af,
		     uint16_t port)
{
	struct pl_engine_ask ask = ask_of(rule, 0);
	struct pl_tuple tuples[2];
	struct pl_latch *other;
	uint64_t ids[2];
	unsigned nr;
	int r;

	ask.is_v6_only = true;
	ask.tuple.af = af;
	ask.tuple.proto = rule->proto;
	ask.tuple.local_port = port;
	memcpy(ask.tuple.local, rule->local.lo, sizeof(ask.tuple.local));
	r = pl_tuple_listener(&ask.tuple, true, tuples, &nr);
	if (r != 0)
		return r;
	if (rule_at(engine->world.conf, &tuples[0]) != rule)
		return 0;
	other = pl_db_find(engine->world.db, &tuples[0]);
	if (other == NULL || !pl_step_stays(other))
		return pl_engine_listen(engine, &ask, ids, &nr);
	return renew(&engine->world, other, &ask);
}

static int listen_by(struct pl_engine *engine, const struct pl_conf_rule *rule)
{
	static const uint8_t families[] = { PL_AF_IP4, PL_AF_IP6 };
	int r = 0;

	for (uint32_t port = rule->local_ports.lo; port <= rule->local_ports.hi; port++) {
		for (unsigned i = 0; r == 0 && i < 2; i++) {
			if (rule->local.af == PL_AF_NONE || rule->local.af == families[i])
				r = listen_at(engine, rule, families[i], (uint16_t)port);
		}
	}
	return r;
}

/* Of the journal, and of no rule any more. */
static int end_others(struct pl_engine *engine)
{
	struct pl_world *world = &engine->world;
	struct pl_latch *latch;
	int r = 0;

	for (uint64_t at = 0; r == 0 && (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (pl_step_stays(latch) && rule_at(world->conf, &latch->tuple) == NULL)
			r = pl_step_take(world, latch, PL_EVENT_UNPROTECT, NULL);
	}
	return r;
}

int pl_engine_auto_begin(struct pl_engine *engine)
{
	const struct pl_conf *conf = engine->world.conf;
	int r = 0;

	if (!engine->is_latching)
		return PL_E_UNAVAILABLE;

	for (unsigned i = 0; r == 0 && i < conf->nr_rules; i++) {
		if (pl_conf_auto_listens(&conf->rules[i]))
			r = listen_by(engine, &conf->rules[i]);
	}
	return r == 0 ? end_others(engine) : r;
}

/* To a listener that a program holds the packet goes as the guard has decided already: what came
 * of it is for the program to present. */
static enum pl_auto_verdict came_in(struct pl_world *world, const struct pl_tuple *tuple,
				    int *ret_error)
{
	const struct pl_latch *listener = pl_db_find_listener(world->db, tuple);
	uint64_t id;

	if (listener == NULL) {
		*ret_error = PL_E_NOT_FOUND;
		return PL_AUTO_DROP;
	}
	if (listener->owner.kind != PL_OWNER_ADMIN)
		return PL_AUTO_PASS;
	*ret_error = pl_birth_accept(world, listener, tuple, 0, 0, &id);
	return *ret_error == 0 ? PL_AUTO_AGAIN : PL_AUTO_DROP;
}

static enum pl_auto_verdict goes_out(struct pl_world *world, const struct pl_tuple *tuple,
				     uint32_t uid, int *ret_error)
{
	const struct pl_conf_rule *rule = pl_conf_auto_match(world->conf, tuple);
	struct pl_lesson lesson;
	struct pl_engine_ask ask;
	uint64_t id;

	if (rule == NULL) {
		*ret_error = PL_E_NOT_FOUND;
		return PL_AUTO_DROP;
	}
	ask = ask_of(rule, uid);
	ask.is_wanted = ask.is_narrow;
	ask.setup_ms = world->conf->limits.each[PL_LIMIT_WAIT_MS];
	*ret_error = pl_birth_take(world, tuple, &ask, &id, &lesson);
	return *ret_error == 0 ? PL_AUTO_AGAIN : PL_AUTO_DROP;
}

enum pl_auto_verdict pl_engine_auto(struct pl_engine *engine, const struct pl_tuple *from,
				    enum pl_direction way, uint32_t uid, int *ret_error)
{
	struct pl_world *world = &engine->world;
	const struct pl_latch *latch;
	struct pl_tuple tuple;

	*ret_error = !engine->is_latching || !world->is_guarding ? PL_E_UNAVAILABLE :
		     pl_tuple_connection(from, &tuple);
	if (*ret_error != 0)
		return PL_AUTO_DROP;
	/* It is in the guard since the packet was held, and the guard knows what to do. */
	latch = pl_db_find(world->db, &tuple);
	if (latch != NULL && latch->state != PL_STATE_CLOSED_GONE)
		return PL_AUTO_AGAIN;
	return way == PL_DIR_IN ? came_in(world, &tuple, ret_error) :
				  goes_out(world, &tuple, uid, ret_error);
}

enum pl_auto_verdict pl_engine_auto_forward(struct pl_engine *engine, const struct pl_tuple *sent,
					    int *ret_error)
{
	struct pl_world *world = &engine->world;
	const struct pl_conf_rule *rule;
	const struct pl_latch *latch;
	struct pl_tuple tuple, inner;
	struct pl_lesson lesson;
	struct pl_engine_ask ask;
	enum pl_direction way;
	uint64_t id;

	*ret_error = !engine->is_latching || !world->is_guarding ? PL_E_UNAVAILABLE :
		     pl_tuple_connection(sent, &tuple);
	if (*ret_error != 0)
		return PL_AUTO_DROP;
	rule = pl_conf_auto_forward(world->conf, &tuple, &inner, &way);
	*ret_error = rule == NULL ? PL_E_NOT_FOUND : pl_tuple_connection(&inner, &tuple);
	if (*ret_error != 0)
		return PL_AUTO_DROP;
	latch = pl_db_find(world->db, &tuple);
	if (latch != NULL && latch->state != PL_STATE_CLOSED_GONE)
		return PL_AUTO_AGAIN;
	ask = ask_of(rule, 0);
	ask.is_forwarded = true;
	ask.setup_ms = way == PL_DIR_OUT ? world->conf->limits.each[PL_LIMIT_WAIT_MS] : 0;
	*ret_error = pl_birth_take(world, &tuple, &ask, &id, &lesson);
	return *ret_error == 0 ? PL_AUTO_AGAIN : PL_AUTO_DROP;
}
