/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The rules of RFC 5660 once more, as plainly as can be: what conflicts, and what may pass. It
 * shares no code with the engine, and looks at the guard, not at what the engine says of it.
 */

#include "sim.h"

#include <string.h>

bool sa_touches(const struct sa *sa, unsigned flow)
{
	return sa->selects != SELECTS_FLOW || sa->flow == flow;
}

/* K31: the selectors match, and peer or quality of protection differ. */
static bool differs(const struct memory *latched, const struct sa *sa, unsigned host)
{
	return sa->who[host] != latched->who || sa->suite != latched->suite;
}

bool is_in_conflict(const struct host *host, const struct pl_latch *latch)
{
	const struct memory *latched = &host->memory[latch->id];
	unsigned flow = flow_at(host, &latch->tuple);

	if (host->passes && host->steered[flow] == 0)
		return true;
	for (unsigned i = 0; i < NR_SAS; i++) {
		const struct sa *sa = &sim.sas[i];

		if (sa->serial[host->at] != 0 && sa_touches(sa, flow) &&
		    differs(latched, sa, host->at))
			return true;
	}
	return false;
}

static unsigned bits_of(const struct sa *sa)
{
	return sa->suite == 0 ? 256 : 128;
}

static bool is_weak(const struct pl_latch *latch, unsigned bits)
{
	return bits < latch->require.min_key_bits;
}

static bool is_connection(const struct pl_latch *latch)
{
	return !pl_tuple_is_listener(&latch->tuple);
}

static unsigned who_is(const struct host *host, const struct pl_identity *identity)
{
	for (unsigned i = 0; i < NR_PEERS; i++) {
		if (host->peers[i] == identity)
			return i;
	}
	return NR_PEERS;
}

void bury(struct host *host, const struct pl_latch *latch)
{
	if (latch->state == PL_STATE_ESTABLISHED || latch->state == PL_STATE_BROKEN)
		host->memory[latch->id].is_dead = true;
}

/* K14: what was latched once is latched for good; K19: the dead stay dead. */
static void check_memory(struct host *host, const struct pl_latch *latch)
{
	struct memory *memory = &host->memory[latch->id];
	unsigned who = who_is(host, latch->params.peer.identity);
	unsigned suite = latch->params.suites[0].key_bits == 256 ? 0 : 1;

	if (memory->is_dead && latch->state == PL_STATE_ESTABLISHED)
		fail("latch %llu rose from the dead (K19 K62)", (unsigned long long)latch->id);
	if (latch->params.peer.identity == NULL)
		return;
	if (memory->is_known && (memory->who != who || memory->suite != suite))
		fail("latch %llu: its parameters changed (K14 L4)", (unsigned long long)latch->id);
	if (latch->state != PL_STATE_LARVAL) {
		memory->is_known = true;
		memory->who = (uint8_t)who;
		memory->suite = (uint8_t)suite;
	}
}

/* K4, K5: in clear nothing passes, under an SA only if it is the latched peer's and a latch is up;
 * K45, K46: and else nothing at all, unless the kernel refused to block. */
static void check_packets(const struct host *host, const struct pl_latch *latch)
{
	unsigned flow = flow_at(host, &latch->tuple);
	bool is_up = latch->state == PL_STATE_ESTABLISHED || latch->state == PL_STATE_LINGERING;

	if (host->is_lost || latch->state == PL_STATE_CLOSED_GONE)
		return;
	if (!guard_holds(host, PL_GUARD_FLOW, &latch->tuple, PL_DIR_NONE, 0))
		fail("latch %llu is %s, and its packets pass in clear (K4 K5)",
		     (unsigned long long)latch->id, pl_state_name(latch->state));
	if (!is_up && guard_has_pins(host, &latch->tuple) && !latch->is_unsure)
		fail("latch %llu is %s and pinned (K45 K46 L25)", (unsigned long long)latch->id,
		     pl_state_name(latch->state));
	for (unsigned i = 0; is_up && i < NR_SAS; i++) {
		const struct sa *sa = &sim.sas[i];
		enum pl_direction way;

		if (sa->serial[host->at] == 0 || !sa_touches(sa, flow))
			continue;
		for (way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
			bool passes = guard_holds(host, PL_GUARD_PIN, &latch->tuple, way,
						  sa->reqid[host->at]);

			if (passes && differs(&host->memory[latch->id], sa, host->at))
				fail("latch %llu: packets of another SA pass (K4 K5)",
				     (unsigned long long)latch->id);
			if (!passes && latch->state == PL_STATE_ESTABLISHED)
				fail("latch %llu: its own SA's packets do not pass",
				     (unsigned long long)latch->id);
		}
	}
}

/* K40: a connection begins at a listener under an SA that satisfies it, or not at all; in calm
 * times under each of those. */
static void check_births(const struct host *host, const struct pl_latch *listener, bool is_calm)
{
	bool is_taking = listener->state == PL_STATE_LISTENER ||
			 listener->state == PL_STATE_LINGERING;

	if (host->is_lost || listener->is_unsure || listener->state == PL_STATE_CLOSED_GONE)
		return;
	for (unsigned i = 0; i < host->nr_items; i++) {
		const struct pl_guard_item *item = &host->items[i];
		bool is_found = false;

		if (item->kind != PL_GUARD_PIN ||
		    pl_tuple_compare(&item->tuple, &listener->tuple) != 0)
			continue;
		for (unsigned j = 0; j < NR_SAS; j++) {
			const struct sa *sa = &sim.sas[j];

			if (sa->serial[host->at] == 0 || sa->reqid[host->at] != item->pin.reqid)
				continue;
			is_found = true;
			if (is_weak(listener, bits_of(sa)))
				fail("a connection may begin under a weak SA (K40)");
		}
		if (!is_found || !is_taking || item->pin.direction != PL_DIR_IN)
			fail("a connection may begin, and under no SA (K3 K40)");
	}
	for (unsigned i = 0; i < NR_SAS && is_calm && is_taking; i++) {
		const struct sa *sa = &sim.sas[i];

		if (sa->serial[host->at] == 0 || is_weak(listener, bits_of(sa)))
			continue;
		sim.counts.admitted++;
		if (!guard_holds(host, PL_GUARD_PIN, &listener->tuple, PL_DIR_IN,
				 sa->reqid[host->at]))
			fail("no connection may begin under an SA that satisfies the listener");
	}
}

/* K43: whatever becomes of the latch, what its program still sends is protected or dropped. */
static void check_debts(struct host *host)
{
	for (unsigned flow = 0; flow < NR_FLOWS; flow++) {
		struct pl_tuple tuple = flow_of(host, flow);
		const struct pl_latch *latch;

		if (pl_engine_find(host->engine, NULL, &tuple, &latch) == 0 &&
		    latch->state == PL_STATE_ESTABLISHED && host->is_open[flow])
			host->owes[flow] = true;
		if (!host->is_open[flow])
			host->owes[flow] = false;
		if (host->owes[flow] && !host->is_lost &&
		    !guard_holds(host, PL_GUARD_FLOW, &tuple, PL_DIR_NONE, 0))
			fail("flow %u was latched, and is not guarded any more (K43)", flow);
	}
}

/* K38: packets are led into SAs of the latched peer; K17: and only while the SPD would not do it
 * and a latch is in force. In calm times; what the kernel refuses is tried again. */
static void check_steered(const struct host *host, bool is_calm)
{
	for (unsigned flow = 0; flow < NR_FLOWS; flow++) {
		struct pl_tuple tuple = flow_of(host, flow);
		const struct pl_latch *latch;

		if (host->steered[flow] == 0)
			continue;
		if (pl_engine_find(host->engine, NULL, &tuple, &latch) != 0)
			fail("flow %u has policies, and no latch", flow);
		for (unsigned i = 0; i < NR_SAS; i++) {
			const struct sa *sa = &sim.sas[i];

			if (sa->serial[host->at] != 0 &&
			    sa->reqid[host->at] == host->steered[flow] &&
			    differs(&host->memory[latch->id], sa, host->at))
				fail("flow %u is led to another peer", flow);
		}
		if (is_calm && (!host->passes || (latch->state != PL_STATE_ESTABLISHED &&
						  latch->state != PL_STATE_LINGERING)))
			fail("flow %u has policies of its own for nothing", flow);
	}
}

static bool is_mendable(const struct pl_latch *latch)
{
	switch (latch->cause) {
	case PL_EVENT_CONFLICT_SA:
	case PL_EVENT_CONFLICT_SPD:
	case PL_EVENT_CREATED_BROKEN:
	case PL_EVENT_ACCEPTED_BROKEN:
		return latch->params.peer.identity != NULL &&
		       !is_weak(latch, latch->params.suites[0].key_bits);
	default:
		return false;
	}
}

/* K31, K33: ESTABLISHED without conflict only; T9: and BROKEN with conflict only, if it can be. */
static void check_state(const struct host *host, const struct pl_latch *latch, bool is_calm)
{
	if (latch->state == PL_STATE_ESTABLISHED && is_in_conflict(host, latch))
		fail("latch %llu is ESTABLISHED in spite of a conflict (K30 K31)",
		     (unsigned long long)latch->id);
	if (latch->state == PL_STATE_ESTABLISHED &&
	    is_weak(latch, latch->params.suites[0].key_bits))
		fail("latch %llu is ESTABLISHED and weak", (unsigned long long)latch->id);
	if (is_calm && latch->state == PL_STATE_BROKEN && is_mendable(latch) &&
	    !is_in_conflict(host, latch))
		fail("latch %llu is BROKEN (%s: %s%s) without a conflict (T9 L10)",
		     (unsigned long long)latch->id, pl_event_name(latch->cause),
		     latch->reason == NULL ? "" : latch->reason,
		     latch->is_unsure ? ", unsure" : "");
}

static void check_host(struct host *host, bool is_calm)
{
	const struct pl_latch *latch;
	unsigned of_flow[NR_FLOWS] = { 0 };
	size_t missing = 0, extra = 0;

	for (uint64_t at = 0; (latch = pl_engine_next(host->engine, NULL, at)) != NULL; ) {
		at = latch->id;
		if (latch->id >= NR_IDS)
			fail("too many latches for one run");
		if (!is_connection(latch)) {
			check_births(host, latch, is_calm);
			continue;
		}
		if (++of_flow[flow_at(host, &latch->tuple)] > 1)
			fail("two latches of one flow (K29)");
		check_memory(host, latch);
		check_state(host, latch, is_calm);
		check_packets(host, latch);
	}
	check_debts(host);
	check_steered(host, is_calm);
	if (is_calm && (pl_engine_compare(host->engine, &missing, &extra) != 0 || missing != 0 ||
			extra != 0))
		fail("the guard differs from the database: %zu missing, %zu too many", missing,
		     extra);
}

void check(bool is_calm)
{
	for (unsigned i = 0; i < NR_HOSTS; i++)
		check_host(&sim.hosts[i], is_calm);
}
