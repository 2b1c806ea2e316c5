/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What happens: IKE between A and B, C's attacks on either, and the calls of programs and
 * administrators. Scripted like that, IKE is quick and lossless; what goes wrong is chosen here.
 */

#include "sim.h"

#include <stdio.h>
#include <string.h>

/* IKE */

static struct pl_ts selector_of(const struct sa *sa, unsigned host)
{
	struct pl_ts ts = {
		.af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, (uint8_t)(host + 1) },
		.hi = { 192, 0, 2, (uint8_t)(host + 1) },
	};

	if (sa->selects == SELECTS_HOST)
		return ts;
	ts.proto = PL_TUPLE_TCP;
	if (host == B)
		ts.lo_port = ts.hi_port = SERVER_PORT;
	else if (sa->selects == SELECTS_FLOW)
		ts.lo_port = ts.hi_port = (uint16_t)(CLIENT_PORT + sa->flow);
	return ts;
}

static struct pl_fact fact_of(const struct sa *sa, const struct host *host, unsigned initiator)
{
	uint64_t serial = sim.last_serial;

	return (struct pl_fact) {
		.kind = PL_FACT_CHILD_INSTALL, .child = serial, .ike = serial + 1000000000,
		.role = initiator == host->at ? PL_ROLE_INITIATOR : PL_ROLE_RESPONDER,
		.conn = { .serial = 1 + sa->who[host->at] },
		.identity = host->peers[sa->who[host->at]],
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT,
			.spi_in = (uint32_t)serial, .spi_out = (uint32_t)serial + 500000000,
			.encrypt = "AES_GCM_16", .key_bits = sa->suite == 0 ? 256 : 128,
			.replay_window = 128,
			.tsi = { .len = 1, .list = { selector_of(sa, initiator) } },
			.tsr = { .len = 1, .list = { selector_of(sa, 1 - initiator) } },
		},
	};
}

/* K33, K34: whoever this SA breaks is broken, and his owner told, when it is accepted. */
struct victim {
	uint64_t id;
	uint32_t alerts;
};

static void look_for_victims(const struct host *host, const struct sa *sa,
			     struct victim victims[NR_FLOWS])
{
	for (unsigned flow = 0; flow < NR_FLOWS; flow++) {
		struct pl_tuple tuple = flow_of(host, flow);
		const struct pl_latch *latch;
		const struct memory *memory;

		victims[flow].id = 0;
		if (!sa_touches(sa, flow) ||
		    pl_engine_find(host->engine, NULL, &tuple, &latch) != 0 ||
		    latch->state != PL_STATE_ESTABLISHED)
			continue;
		memory = &host->memory[latch->id];
		if (memory->who != sa->who[host->at] || memory->suite != sa->suite)
			victims[flow] = (struct victim) { latch->id, memory->alerts };
	}
}

static void check_victims(const struct host *host, const struct victim victims[NR_FLOWS])
{
	for (unsigned flow = 0; flow < NR_FLOWS; flow++) {
		const struct pl_latch *latch;

		if (victims[flow].id == 0 ||
		    pl_engine_inquire(host->engine, NULL, victims[flow].id, &latch) != 0)
			continue;
		if (latch->state == PL_STATE_ESTABLISHED)
			fail("latch %llu: a conflicting SA is accepted (K30 K33)",
			     (unsigned long long)latch->id);
		if (latch->owner.kind == PL_OWNER_SESSION &&
		    host->memory[latch->id].alerts == victims[flow].alerts)
			fail("latch %llu: a conflicting SA is up before its owner knows (K34)",
			     (unsigned long long)latch->id);
	}
}

static bool install(struct sa *sa, unsigned at, unsigned initiator)
{
	struct host *host = &sim.hosts[at];
	struct victim victims[NR_FLOWS];
	struct pl_fact fact;

	sim.last_serial++;
	fact = fact_of(sa, host, initiator);
	fact.u.child.reqid = pl_engine_reqid(host->engine, &fact) + 1;
	look_for_victims(host, sa, victims);
	if (pl_engine_child_install(host->engine, &fact) != PL_VERDICT_ACCEPT) {
		sim.counts.refused++;
		return false;
	}
	check_victims(host, victims);
	sa->serial[at] = sim.last_serial;
	sa->reqid[at] = fact.u.child.reqid;
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(host->engine, &fact);
	return true;
}

static void end_at(struct sa *sa, unsigned at)
{
	struct pl_fact fact = { .kind = PL_FACT_CHILD_DOWN, .child = sa->serial[at] };

	if (sa->serial[at] == 0)
		return;
	sa->serial[at] = 0;
	pl_engine_note(sim.hosts[at].engine, &fact);
}

static bool is_there(const struct sa *sa)
{
	return sa->serial[A] != 0 || sa->serial[B] != 0;
}

static struct sa *free_sa(void)
{
	struct sa *sa = NULL;

	for (unsigned i = 0; i < NR_SAS && sa == NULL; i++) {
		if (!is_there(&sim.sas[i]))
			sa = &sim.sas[i];
	}
	if (sa == NULL) {
		sa = &sim.sas[any(NR_SAS)];
		end_at(sa, A);
		end_at(sa, B);
	}
	return sa;
}

static struct sa *some_sa(void)
{
	struct sa *sa = &sim.sas[any(NR_SAS)];

	return is_there(sa) ? sa : NULL;
}

/* The responder installs first. */
static void establish(struct sa *sa)
{
	unsigned initiator = any(2), responder = 1 - initiator;

	if (install(sa, responder, initiator) && !install(sa, initiator, initiator))
		end_at(sa, responder);
}

void event_sa(void)
{
	struct sa *sa = free_sa();
	unsigned at = any(2);

	*sa = (struct sa) {
		.who = { B, A }, .suite = any(30) == 0, .selects = (enum selector)any(NR_SELECTORS),
		.flow = any(NR_FLOWS),
	};
	if (any(10) != 0) {
		establish(sa);
		return;
	}
	sa->who[at] = C;
	(void)install(sa, at, any(2));
}

void event_rekey(void)
{
	struct sa *old = some_sa(), *sa;

	if (old == NULL || old->serial[A] == 0 || old->serial[B] == 0)
		return;
	sa = free_sa();
	if (sa == old || !is_there(old))
		return;
	*sa = *old;
	sa->serial[A] = sa->serial[B] = 0;
	establish(sa);
	end_at(old, A);
	end_at(old, B);
}

/* Deletes may cross, and then one end is without it for a while. */
void event_end_sa(void)
{
	struct sa *sa = some_sa();
	unsigned first = any(2);

	if (sa == NULL)
		return;
	end_at(sa, first);
	if (any(3) != 0)
		end_at(sa, 1 - first);
}

void event_dead_peer(void)
{
	struct sa *sa = some_sa();
	unsigned at = any(2);
	struct host *host = &sim.hosts[at];
	const struct pl_latch *latch;
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_DOWN,
		.u.child_end = { .reason = PL_REASON_TIMEOUT, .was_established = true,
				 .ike_cause = PL_IKE_END_PEER_LOST },
	};

	if (sa == NULL || sa->serial[at] == 0 || any(4) != 0)
		return;
	fact.child = sa->serial[at];
	fact.ike = sa->serial[at] + 1000000000;
	fact.identity = host->peers[sa->who[at]];
	sa->serial[at] = 0;
	for (uint64_t id = 0; (latch = pl_engine_next(host->engine, NULL, id)) != NULL; ) {
		id = latch->id;
		if (host->memory[id].is_known && host->memory[id].who == sa->who[at])
			bury(host, latch);
	}
	pl_engine_note(host->engine, &fact);
}

/* INITIAL_CONTACT: who was rebooted does not answer on the IKE SA before, and what he had then is
 * over, and nothing else is. */

static uint64_t ike_up(struct host *host, bool has_initial_contact)
{
	struct pl_fact fact = {
		.kind = PL_FACT_IKE_UP, .ike = ++sim.last_serial + 1000000000,
		.identity = host->peers[host->who],
		.u.ike.has_initial_contact = has_initial_contact,
	};

	pl_engine_note(host->engine, &fact);
	return fact.ike;
}

static void ike_down(struct host *host, uint64_t ike, enum pl_reason reason,
		     enum pl_exchange pending)
{
	struct pl_fact fact = {
		.kind = PL_FACT_IKE_DOWN, .ike = ike, .identity = host->peers[host->who],
		.u.ike_end = { .reason = reason, .pending = pending, .was_established = true },
	};

	pl_engine_note(host->engine, &fact);
}

static bool is_ended_by_reboot(const struct host *host, const struct pl_latch *latch)
{
	const struct memory *memory = &host->memory[latch->id];
	bool is_later = host->is_asked && latch->params.peer.lineage >= host->heir;

	return memory->is_known && memory->who == host->who && !is_later;
}

static void fall_silent(struct host *host, enum pl_exchange pending)
{
	bool is_loss = !host->is_asked && pending != PL_EXCHANGE_LIVENESS;
	enum pl_state was[NR_FLOWS] = { PL_STATE_NONE };
	const struct pl_latch *latch;

	for (uint64_t id = 0; (latch = pl_engine_next(host->engine, NULL, id)) != NULL; ) {
		id = latch->id;
		if (pl_tuple_is_listener(&latch->tuple))
			continue;
		if (!is_loss && is_ended_by_reboot(host, latch)) {
			sim.counts.rebooted += latch->state == PL_STATE_ESTABLISHED;
			bury(host, latch);
			continue;
		}
		sim.counts.spared += !is_loss && latch->state == PL_STATE_ESTABLISHED &&
				     host->memory[id].who == host->who;
		was[flow_at(host, &latch->tuple)] = latch->state;
	}
	ike_down(host, host->old, PL_REASON_TIMEOUT, pending);
	for (unsigned flow = 0; flow < NR_FLOWS; flow++) {
		struct pl_tuple tuple = flow_of(host, flow);

		if (was[flow] != PL_STATE_NONE &&
		    (pl_engine_find(host->engine, NULL, &tuple, &latch) != 0 ||
		     latch->state != was[flow]))
			fail("flow %u: a reboot that is none of its peer's ended it (L5 K15)",
			     flow);
	}
}

void event_contact(void)
{
	struct host *host = &sim.hosts[any(2)];
	struct pl_fact alive = { .kind = PL_FACT_IKE_ALIVE, .ike = host->old };

	if (host->old == 0) {
		host->who = any(4) == 0 ? C : 1 - host->at;
		host->is_asked = false;
		host->old = ike_up(host, false);
		host->heir = ike_up(host, true);
		return;
	}
	if (any(4) == 0) {
		pl_engine_note(host->engine, &alive);
		host->is_asked = false;
	}
	fall_silent(host, any(2) == 0 && host->is_asked ? PL_EXCHANGE_LIVENESS :
							  PL_EXCHANGE_CREATE_CHILD_SA);
	ike_down(host, host->heir, PL_REASON_DELETED, PL_EXCHANGE_NONE);
	host->old = 0;
}

void event_answer(void)
{
	struct host *host = &sim.hosts[any(2)];
	struct pl_fact fact = { .kind = PL_FACT_INITIATED };
	struct sa *sa;

	if (host->ticket == 0)
		return;
	fact.u.initiated.ticket = host->ticket;
	if (any(3) == 0) {
		fact.u.initiated.error = PL_E_NO_SA;
		snprintf(fact.u.initiated.reason, sizeof(fact.u.initiated.reason), "refused");
	} else {
		sa = free_sa();
		*sa = (struct sa) { .who = { B, A }, .selects = SELECTS_HOST };
		establish(sa);
	}
	host->ticket = 0;
	pl_engine_note(host->engine, &fact);
}

/* Programs and administrators */

static struct pl_owner some_owner(const struct host *host)
{
	return (struct pl_owner) {
		.kind = PL_OWNER_SESSION, .uid = SIM_UID,
		.number = host->sessions[any(NR_SESSIONS)],
	};
}

void event_latch(void)
{
	struct host *host = &sim.hosts[any(2)];
	unsigned flow = any(NR_FLOWS);
	struct pl_engine_ask ask = {
		.tuple = flow_of(host, flow), .owner = some_owner(host), .cookie = 1 + flow,
		.may_be_broken = any(4) == 0, .setup_ms = any(2) * 5000,
		.disposition = (enum pl_disposition)any(PL_DISPOSITION_ROOF),
	};
	uint64_t id;

	if (pl_engine_latch(host->engine, &ask, &id, NULL) == 0)
		host->is_open[flow] = true;
}

void event_listen(void)
{
	struct host *host = &sim.hosts[B];
	struct pl_engine_ask ask = {
		.tuple = flow_of(host, 0), .owner = some_owner(host), .cookie = 100,
		.require.min_key_bits = any(2) * 256,
	};
	uint64_t ids[2];
	unsigned nr;

	ask.tuple.remote_port = 0;
	memset(ask.tuple.remote, 0, sizeof(ask.tuple.remote));
	if (pl_engine_listen(host->engine, &ask, ids, &nr) == 0)
		host->is_listening = true;
}

/* The guard has seen the first packet under one of the SAs that are there, or two, or none. It lets
 * a listener's begin under those only that it was told of. */
static void be_born(struct host *host, unsigned flow)
{
	struct pl_tuple tuple = flow_of(host, flow), listener;

	pl_tuple_listener_of(&tuple, false, &listener);
	host->nr_born[flow] = 0;
	for (unsigned i = 0; i < NR_SAS && host->nr_born[flow] < 1 + (any(8) == 0); i++) {
		const struct sa *sa = &sim.sas[(i + sim.step) % NR_SAS];

		if (sa->serial[host->at] != 0 && sa_touches(sa, flow) &&
		    (any(16) == 0 || guard_holds(host, PL_GUARD_PIN, &listener, PL_DIR_IN,
						 sa->reqid[host->at])))
			host->born[flow][host->nr_born[flow]++] = sa->reqid[host->at];
	}
	if (host->nr_born[flow] == 2 && host->born[flow][0] == host->born[flow][1])
		host->nr_born[flow] = 1;
}

void event_accept(void)
{
	struct host *host = &sim.hosts[B];
	unsigned flow = any(NR_FLOWS);
	struct pl_engine_ask ask = {
		.tuple = flow_of(host, flow), .owner = some_owner(host), .cookie = 1 + flow,
	};
	uint64_t id;
	int r;

	if (host->is_open[flow])
		return;
	be_born(host, flow);
	r = any(2) == 0 ? pl_engine_present(host->engine, &ask, &id) :
			  pl_engine_accept(host->engine, &ask.tuple, 0, ask.cookie, &id);
	if (r == 0)
		host->is_open[flow] = true;
}

static uint64_t some_latch(const struct host *host)
{
	const struct pl_latch *latch = NULL;

	for (unsigned i = any(NR_FLOWS + 1) + 1; i > 0; i--)
		latch = pl_engine_next(host->engine, NULL, latch == NULL ? 0 : latch->id);
	return latch == NULL ? 0 : latch->id;
}

void event_let_go(void)
{
	struct host *host = &sim.hosts[any(2)];
	uint64_t id = some_latch(host);
	const struct pl_latch *latch;
	unsigned flow;

	if (pl_engine_inquire(host->engine, NULL, id, &latch) != 0)
		return;
	flow = flow_at(host, &latch->tuple);
	switch (any(6)) {
	case 0:
		if (pl_engine_unprotect(host->engine, NULL, id) == 0 && flow < NR_FLOWS)
			host->owes[flow] = false;
		break;
	case 1:
		bury(host, latch);
		(void)!pl_engine_admin_break(host->engine, id, "somebody said so");
		break;
	case 2:
		(void)!pl_engine_admin_close(host->engine, id, "somebody said so");
		break;
	default:
		(void)!pl_engine_release(host->engine, NULL, id);
		break;
	}
}

void event_session(void)
{
	struct host *host = &sim.hosts[any(2)];
	uint64_t *session = &host->sessions[any(NR_SESSIONS)], old = *session;

	*session = ++host->last_session;
	pl_engine_owner_gone(host->engine, old);
}

void event_socket(void)
{
	struct host *host = &sim.hosts[any(2)];
	unsigned flow = any(NR_FLOWS);
	struct pl_tuple tuple = flow_of(host, flow);

	if (any(8) == 0 && host->at == B) {
		host->is_listening = false;
		return;
	}
	host->is_open[flow] = false;
	if (any(2) == 0)
		(void)!pl_engine_flow_gone(host->engine, &tuple);
}

void set_policy(struct host *host, bool passes)
{
	struct sa everything = { .selects = SELECTS_HOST };

	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		unsigned from = way == PL_DIR_OUT ? host->at : 1 - host->at;
		struct pl_fact fact = {
			.kind = PL_FACT_POLICY_ADD, .conn = { .serial = 1 },
			.u.policy = {
				.direction = way, .src = selector_of(&everything, from),
				.dst = selector_of(&everything, 1 - from), .priority = 100,
				.nr_templates = !passes,
			},
		};

		if (passes)
			strcpy(fact.u.policy.shunt, "PASS");
		if (pl_engine_kernel_change(host->engine, &fact) == PL_VERDICT_ACCEPT)
			host->passes = passes;
	}
	/* and the kernel says so, too */
	pl_engine_xfrm_settle(host->engine);
}

void event_policy(void)
{
	struct host *host = &sim.hosts[any(2)];

	set_policy(host, !host->passes);
}

/* Somebody removed the table. */
void event_guard(void)
{
	struct host *host = &sim.hosts[any(2)];

	host->nr_items = 0;
	host->is_lost = true;
	sim.counts.lost++;
	(void)!pl_engine_guard_lost(host->engine);
}

void event_tick(void)
{
	for (unsigned i = 0; i < NR_HOSTS; i++) {
		sim.hosts[i].now += (uint64_t)any(3000) * 1000000;
		pl_engine_tick(sim.hosts[i].engine);
	}
}
