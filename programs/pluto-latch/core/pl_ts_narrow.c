/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Narrowing a proposal out of conflicts (RFC 5660 section 2.3, design D5). An IKE answer is a cross
 * product: every selector of TSi goes with every one of TSr. So a flow cannot be taken out of the
 * middle; one of its ends must go from one side, and with it everything between that end and the
 * whole other side. Which side is a choice, made like this:
 *
 *  1. The first selectors stay (RFC 7296 section 2.9): a flow whose end is within one of them is
 *     cut at the other side.
 *  2. Else the side with more packets of the protocol is cut: what goes is one end times the other
 *     side, so that fewer are lost. Equal: that of the higher port, which is more likely one that
 *     a client drew (RFC 6056) than a service that all would lose. Equal: TSi, the proposer's.
 *
 * That is tried first, then cutting TSi alone and TSr alone, which may need fewer selectors: many
 * connections to one service are one port there. Then the same with larger pieces (try_plans() has
 * the order), until the result fits and is not empty.
 *
 * Whatever the choice gives as TSr, the result is its closure: TSi less the ends of the flows that
 * this TSr still touches, then TSr less those that this TSi touches. Invariants: no flow is touched
 * at both sides, and a cut that the other side made needless is taken back. What is left is nothing
 * where no packet has its two ends in it.
 */

#include "core/pl_ts_narrow.h"

#include "core/pl_selector.h"

#include <string.h>

/* What is more than linear in the flows is done for so many. */
enum { FEW_FLOWS = 64 };

enum side { TSI, TSR, SIDES };

enum plan { PLAN_EACH, PLAN_TSI, PLAN_TSR };

struct job {
	const struct pl_ts_list *from[SIDES];
	const struct pl_tuple *flows;
	unsigned nr;
	unsigned limit;
	bool is_local[SIDES];
	bool is_first_kept;
	struct pl_protos keep;
	enum pl_ts_grain grain;
};

/* Selectors to take from one side. */
struct cuts {
	unsigned nr_flows;
	unsigned len;
	struct pl_ts list[PL_SELECTOR_WHAT_MAX];
};

static struct pl_ts end_of(const struct job *job, const struct pl_tuple *flow, enum side side)
{
	struct pl_ts local, remote;

	pl_tuple_selectors(flow, &local, &remote);
	return job->is_local[side] ? local : remote;
}

static bool meets(const struct pl_ts *ts, const struct pl_ts *end)
{
	return pl_tuple_ts_meets(ts, end->af, end->lo, end->proto, end->lo_port);
}

static bool any_meets(const struct pl_ts_list *list, const struct pl_ts *end)
{
	for (unsigned i = 0; i < list->len; i++) {
		if (meets(&list->list[i], end))
			return true;
	}
	return false;
}

/* The end of this flow is within the first selector of this side. */
static bool is_in_first(const struct job *job, const struct pl_tuple *flow, enum side side)
{
	struct pl_ts end = end_of(job, flow, side);

	return meets(&job->from[side]->list[0], &end);
}

/* A packet has the same family and protocol at both ends. */
static bool is_pair(const struct pl_ts *a, const struct pl_ts *b)
{
	return a->af == b->af && (a->proto == 0 || b->proto == 0 || a->proto == b->proto);
}

static bool has_packets(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	for (unsigned i = 0; i < tsi->len; i++) {
		for (unsigned r = 0; r < tsr->len; r++) {
			if (is_pair(&tsi->list[i], &tsr->list[r]))
				return true;
		}
	}
	return false;
}

static bool first_can_be_kept(const struct job *job)
{
	if (!is_pair(&job->from[TSI]->list[0], &job->from[TSR]->list[0]))
		return false;
	for (unsigned i = 0; i < job->nr; i++) {
		if (is_in_first(job, &job->flows[i], TSI) && is_in_first(job, &job->flows[i], TSR))
			return false;
	}
	return true;
}

/* Cutting */

static int add_cut(struct cuts *cuts, const struct pl_ts *ts)
{
	for (unsigned i = 0; i < cuts->len; i++) {
		if (pl_ts_is_within(ts, &cuts->list[i]))
			return 0;
	}
	if (cuts->len == PL_SELECTOR_WHAT_MAX)
		return PL_E_TOO_MANY;
	cuts->list[cuts->len++] = *ts;
	return 0;
}

/* From the lowest port to the highest that is cut of this address and protocol. */
static int add_range(struct cuts *cuts, const struct pl_ts *end)
{
	for (unsigned i = 0; i < cuts->len; i++) {
		struct pl_ts *cut = &cuts->list[i];

		if (pl_ts_is_opaque(cut) || cut->af != end->af || cut->proto != end->proto ||
		    memcmp(cut->lo, end->lo, sizeof(end->lo)) != 0)
			continue;
		if (end->lo_port < cut->lo_port)
			cut->lo_port = end->lo_port;
		if (end->hi_port > cut->hi_port)
			cut->hi_port = end->hi_port;
		return 0;
	}
	return add_cut(cuts, end);
}

/* From the lowest address to the highest that is cut, and all between. */
static int add_block(struct cuts *cuts, const struct pl_ts *end)
{
	size_t size = pl_ts_size(end->af);

	for (unsigned i = 0; i < cuts->len; i++) {
		struct pl_ts *cut = &cuts->list[i];

		if (cut->af != end->af)
			continue;
		if (memcmp(end->lo, cut->lo, size) < 0)
			memcpy(cut->lo, end->lo, size);
		if (memcmp(end->hi, cut->hi, size) > 0)
			memcpy(cut->hi, end->hi, size);
		return 0;
	}
	return add_cut(cuts, end);
}

static int add_selectors(const struct job *job, enum side side, const struct pl_ts *end,
			 struct cuts *cuts)
{
	const struct pl_ts_list *from = job->from[side];
	int r = 0;

	for (unsigned i = 0; i < from->len && r == 0; i++)
		r = meets(&from->list[i], end) ? add_cut(cuts, &from->list[i]) : 0;
	return r;
}

static int cut_flow(const struct job *job, const struct pl_tuple *flow, enum side side,
		    struct cuts *cuts)
{
	struct pl_ts end = end_of(job, flow, side), opaque = end, whole = end;
	int r;

	cuts->nr_flows++;
	opaque.lo_port = UINT16_MAX;
	opaque.hi_port = 0;
	whole.lo_port = 0;
	whole.hi_port = UINT16_MAX;
	if (job->grain > PL_TS_GRAIN_PROTOCOL)
		whole.proto = 0;
	switch (job->grain) {
	case PL_TS_GRAIN_SELECTOR:
		return add_selectors(job, side, &end, cuts);
	case PL_TS_GRAIN_BLOCK:
		return add_block(cuts, &whole);
	case PL_TS_GRAIN_ADDRESS:
	case PL_TS_GRAIN_PROTOCOL:
		return add_cut(cuts, &whole);
	case PL_TS_GRAIN_RANGE:
		r = add_range(cuts, &end);
		break;
	case PL_TS_GRAIN_PORT:
	default:
		r = add_cut(cuts, &end);
		break;
	}
	/* a fragment of the flow may be anywhere in what is OPAQUE */
	return r == 0 ? add_cut(cuts, &opaque) : r;
}

/* Larger pieces may have taken some of the first selector along. */
static int apply_cuts(const struct job *job, enum side side, const struct cuts *cuts,
		      unsigned limit, struct pl_ts_list *ret)
{
	struct pl_ts_list first = { .len = 1 };
	int r = pl_selector_subtract(job->from[side], cuts->list, cuts->len, &job->keep, limit,
				     ret);

	first.list[0] = job->from[side]->list[0];
	if (r == 0 && job->is_first_kept)
		r = pl_selector_union(ret, &first, limit, ret);
	return r;
}

/* One side, less every flow whose other end @other touches. */
static int close_side(const struct job *job, enum side side, const struct pl_ts_list *other,
		      struct pl_ts_list *ret, unsigned *ret_flows)
{
	struct cuts cuts = { .len = 0 };
	int r = 0;

	for (unsigned i = 0; i < job->nr && r == 0; i++) {
		struct pl_ts end = end_of(job, &job->flows[i], side);
		struct pl_ts far = end_of(job, &job->flows[i], TSI + TSR - side);

		if (any_meets(other, &far) && any_meets(job->from[side], &end))
			r = cut_flow(job, &job->flows[i], side, &cuts);
	}
	if (r == 0)
		r = apply_cuts(job, side, &cuts, job->limit, ret);
	if (r == 0)
		*ret_flows = cuts.nr_flows;
	return r;
}

static int conclude(const struct job *job, const struct pl_ts_list *tsr,
		    struct pl_ts_narrowed *ret)
{
	struct pl_ts_narrowed out = { .grain = job->grain };
	int r = close_side(job, TSI, tsr, &out.tsi, &out.cut_tsi);

	if (r == 0)
		r = close_side(job, TSR, &out.tsi, &out.tsr, &out.cut_tsr);
	if (r == 0 && !has_packets(&out.tsi, &out.tsr))
		r = PL_E_CONFLICT;
	if (r == 0)
		*ret = out;
	return r;
}

/* Choosing sides */

static uint64_t nr_addresses(const struct pl_ts *ts)
{
	size_t size = pl_ts_size(ts->af);
	uint64_t nr = 0;

	for (size_t i = 0; i < size; i++) {
		nr = (nr << 8) + ts->hi[i] - ts->lo[i];
		if (i + 1 < size && nr >= UINT32_MAX)
			return UINT32_MAX;	/* more than all of IPv4: wide is wide */
	}
	return nr >= UINT32_MAX ? UINT32_MAX : nr + 1;
}

/* Addresses times ports, of the protocol and family of this end. */
static uint64_t nr_packets(const struct pl_ts_list *list, const struct pl_ts *end)
{
	uint64_t nr = 0;

	for (unsigned i = 0; i < list->len; i++) {
		const struct pl_ts *ts = &list->list[i];
		uint64_t ports = pl_ts_is_opaque(ts) ? 1 : ts->hi_port - ts->lo_port + 1u;

		if (ts->af == end->af && (ts->proto == 0 || ts->proto == end->proto))
			nr += nr_addresses(ts) * ports;
	}
	return nr;
}

static enum side choose(const struct job *job, enum plan plan, const struct pl_tuple *flow,
			const struct pl_ts_list now[SIDES])
{
	struct pl_ts tsi = end_of(job, flow, TSI), tsr = end_of(job, flow, TSR);
	uint64_t nr_tsi, nr_tsr;

	if (job->is_first_kept && is_in_first(job, flow, TSI))
		return TSR;
	if (job->is_first_kept && is_in_first(job, flow, TSR))
		return TSI;
	if (plan != PLAN_EACH)
		return plan == PLAN_TSI ? TSI : TSR;
	nr_tsi = nr_packets(&now[TSI], &tsi);
	nr_tsr = nr_packets(&now[TSR], &tsr);
	if (nr_tsi != nr_tsr)
		return nr_tsi > nr_tsr ? TSI : TSR;
	return tsr.lo_port > tsi.lo_port ? TSR : TSI;
}

/* With few flows, each choice sees what those before it have left. */
static int choose_all(const struct job *job, enum plan plan, struct pl_ts_list *ret_tsr)
{
	struct cuts cuts[SIDES] = { { .len = 0 }, { .len = 0 } };
	struct pl_ts_list now[SIDES] = { *job->from[TSI], *job->from[TSR] };
	bool is_seen = plan == PLAN_EACH && job->nr <= FEW_FLOWS;
	int r = 0;

	for (unsigned s = 0; s < SIDES && r == 0 && is_seen; s++)
		r = pl_selector_canonical(&now[s], PL_TS_MAX, &now[s]);
	for (unsigned i = 0; i < job->nr && r == 0; i++) {
		const struct pl_tuple *flow = &job->flows[i];
		struct pl_ts tsi = end_of(job, flow, TSI), tsr = end_of(job, flow, TSR);
		enum side side;

		if (!any_meets(&now[TSI], &tsi) || !any_meets(&now[TSR], &tsr))
			continue;
		side = choose(job, plan, flow, now);
		if (side == TSR || is_seen)
			r = cut_flow(job, flow, side, &cuts[side]);
		if (r == 0 && is_seen)
			r = apply_cuts(job, side, &cuts[side], PL_TS_MAX, &now[side]);
	}
	return r == 0 ? apply_cuts(job, TSR, &cuts[TSR], PL_TS_MAX, ret_tsr) : r;
}

/* Of attempts: done, or the reason that says more. What does not fit may still be there. */
static int either(int before, int now)
{
	if (before == 0 || now == 0)
		return 0;
	return before == PL_E_CONFLICT ? now : before;
}

static int try_plans(struct job *job, struct pl_ts_narrowed *ret)
{
	static const struct {
		enum pl_ts_grain grain;
		enum plan plan;
	} order[] = {
		{ PL_TS_GRAIN_PORT, PLAN_EACH },
		{ PL_TS_GRAIN_PORT, PLAN_TSI },
		{ PL_TS_GRAIN_PORT, PLAN_TSR },
		{ PL_TS_GRAIN_RANGE, PLAN_EACH },
		{ PL_TS_GRAIN_RANGE, PLAN_TSI },
		{ PL_TS_GRAIN_RANGE, PLAN_TSR },
		{ PL_TS_GRAIN_PROTOCOL, PLAN_EACH },
		{ PL_TS_GRAIN_ADDRESS, PLAN_EACH },
		{ PL_TS_GRAIN_PROTOCOL, PLAN_TSI },
		{ PL_TS_GRAIN_PROTOCOL, PLAN_TSR },
		{ PL_TS_GRAIN_ADDRESS, PLAN_TSI },
		{ PL_TS_GRAIN_ADDRESS, PLAN_TSR },
		{ PL_TS_GRAIN_BLOCK, PLAN_EACH },
		{ PL_TS_GRAIN_BLOCK, PLAN_TSI },
		{ PL_TS_GRAIN_BLOCK, PLAN_TSR },
		{ PL_TS_GRAIN_SELECTOR, PLAN_EACH },
		{ PL_TS_GRAIN_SELECTOR, PLAN_TSI },
		{ PL_TS_GRAIN_SELECTOR, PLAN_TSR },
	};
	int why = PL_E_CONFLICT;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && why != 0; i++) {
		struct pl_ts_list tsr;
		int r;

		job->grain = order[i].grain;
		r = choose_all(job, order[i].plan, &tsr);
		if (r == 0)
			r = conclude(job, &tsr, ret);
		why = either(why, r);
	}
	return why;
}

/* One end that flows share may have peers' ends left that no flow has with it, although every port
 * is one of some flow. @end or its fragments, and what is left for them.
 */
static int try_end(struct job *job, const struct pl_ts *end, struct pl_ts_narrowed *ret)
{
	struct pl_ts_list only = { .len = 1 }, tsr;
	unsigned nr_flows;
	int r;

	only.list[0] = *end;
	r = pl_selector_meet(job->from[TSI], &only, 1, &only);
	if (r == 0 && only.len == 0)
		return PL_E_CONFLICT;
	if (r == 0)
		r = close_side(job, TSR, &only, &tsr, &nr_flows);
	return r == 0 ? conclude(job, &tsr, ret) : r;
}

static int try_ends(struct job *job, struct pl_ts_narrowed *ret)
{
	int why = PL_E_CONFLICT;

	if (job->nr > FEW_FLOWS)
		return PL_E_TOO_MANY;
	job->grain = PL_TS_GRAIN_PORT;
	for (unsigned i = 0; i < job->nr && why != 0; i++) {
		struct pl_ts end = end_of(job, &job->flows[i], TSI);

		why = either(why, try_end(job, &end, ret));
		end.lo_port = UINT16_MAX;
		end.hi_port = 0;
		if (why != 0)
			why = either(why, try_end(job, &end, ret));
	}
	return why;
}

static int keep_first(const struct job *job, struct pl_ts_narrowed *ret)
{
	struct pl_ts_narrowed out = { .grain = PL_TS_GRAIN_FIRST };

	out.tsi.len = out.tsr.len = 1;
	out.tsi.list[0] = job->from[TSI]->list[0];
	out.tsr.list[0] = job->from[TSR]->list[0];
	*ret = out;
	return 0;
}

/* The protocols that are listed where not all can be: ICMP by @af, and those of latches. */
static void find_protos(struct job *job)
{
	static const uint8_t always[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	enum { ICMP = 1, ICMPV6 = 58 };

	for (size_t i = 0; i < sizeof(always); i++)
		pl_protos_add(&job->keep, always[i]);
	for (unsigned s = 0; s < SIDES; s++) {
		for (unsigned i = 0; i < job->from[s]->len; i++) {
			const struct pl_ts *ts = &job->from[s]->list[i];

			pl_protos_add(&job->keep, ts->af == PL_AF_IP6 ? ICMPV6 : ICMP);
			pl_protos_add(&job->keep, ts->proto);
		}
	}
}

static bool is_valid(const struct pl_ts_list *list)
{
	if (list->len == 0 || list->len > PL_TS_MAX)
		return false;
	for (unsigned i = 0; i < list->len; i++) {
		if (!pl_ts_is_valid(&list->list[i]))
			return false;
	}
	return true;
}

int pl_ts_narrow(enum pl_role role, const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
		 const struct pl_tuple *flows, unsigned nr, unsigned limit,
		 struct pl_ts_narrowed *ret)
{
	struct job job = {
		.from = { tsi, tsr }, .flows = flows, .nr = nr, .limit = limit,
		.is_local = { role == PL_ROLE_INITIATOR, role == PL_ROLE_RESPONDER },
	};
	int r;

	if (job.is_local[TSI] == job.is_local[TSR] || limit == 0 || !is_valid(tsi) ||
	    !is_valid(tsr))
		return PL_E_MALFORMED;
	if (nr > PL_TS_NARROW_FLOWS_MAX)
		return PL_E_TOO_MANY;
	job.is_first_kept = first_can_be_kept(&job);
	find_protos(&job);
	r = try_plans(&job, ret);
	if (r != 0 && job.is_first_kept)
		return keep_first(&job, ret);
	return r == PL_E_CONFLICT ? try_ends(&job, ret) : r;
}

const char *pl_ts_grain_name(enum pl_ts_grain grain)
{
	static const char *const names[PL_TS_GRAIN_ROOF] = {
		[PL_TS_GRAIN_PORT] = "port", [PL_TS_GRAIN_RANGE] = "range",
		[PL_TS_GRAIN_PROTOCOL] = "protocol", [PL_TS_GRAIN_ADDRESS] = "address",
		[PL_TS_GRAIN_BLOCK] = "block", [PL_TS_GRAIN_SELECTOR] = "selector",
		[PL_TS_GRAIN_FIRST] = "first",
	};

	if ((unsigned)grain >= PL_TS_GRAIN_ROOF || names[grain] == NULL)
		return "none";
	return names[grain];
}
