/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The algebra of traffic selectors (RFC 4301 section 4.4.1.1, RFC 7296 section 3.13.1). A selector
 * is a box in three dimensions: addresses, protocols, ports. Lists of them are swept: the addresses
 * are cut wherever a box begins or ends; within one such segment each protocol has a row of bits,
 * one per stretch of ports that no box divides; the operation is one on bits; and what is left is
 * written down again. The form is canonical because it depends on the packets alone.
 *
 * Two lines make ranges of everything:
 *  - ports: "not visible" (OPAQUE) is the place behind 65535. ANY is the whole line, so that taking
 *    one port from ANY leaves the OPAQUE packets as a selector of their own. Ports 0 to 65535
 *    without OPAQUE have no selector (it would be ANY): they are written as two. Of ICMP, and of
 *    whatever else has no ports, the place is what RFC 4301 says: type << 8 | code.
 *  - protocols: 0 is all of 1 to 255. It has no ports (RFC 7296 section 3.13.1), so that it is
 *    written only where all protocols have ANY; any other rest is listed protocol by protocol.
 *
 * Invariant: the result holds no packet that the operation does not give, whatever the limit.
 */

#include "core/pl_selector.h"

#include <string.h>

enum {
	NO_PORT = 65536,
	PORTS_END,
	PROTOS = 256,
	BOXES_MAX = PL_TS_MAX + PL_SELECTOR_WHAT_MAX,
	EDGES_MAX = 2 * BOXES_MAX + 2,
	WORDS = (EDGES_MAX + 63) / 64,
};

enum op { OP_UNION, OP_MEET, OP_SUBTRACT };

struct boxes {
	const struct pl_ts *list;
	unsigned len;
};

struct row {
	uint64_t bits[WORDS];
};

/* One addresses' segment at a time; protocols that no box names share class 0. */
struct sweep {
	struct boxes side[2];
	enum op op;
	const struct pl_protos *keep;
	unsigned limit;
	struct pl_ts_list out;
	uint8_t class_of[PROTOS];
	unsigned nr_classes;
	uint32_t port[EDGES_MAX];	/* where the stretches begin; the last one is PORTS_END */
	unsigned nr_ports;
	struct row in[2][BOXES_MAX + 1];
};

struct segment {
	uint8_t af;
	uint8_t lo[16], hi[16];
};

void pl_protos_add(struct pl_protos *protos, uint8_t proto)
{
	protos->bits[proto / 8] |= (uint8_t)(1u << proto % 8);
}

bool pl_protos_has(const struct pl_protos *protos, uint8_t proto)
{
	return (protos->bits[proto / 8] >> proto % 8 & 1) != 0;
}

static uint32_t first_port(const struct pl_ts *ts)
{
	return pl_ts_is_opaque(ts) ? NO_PORT : ts->lo_port;
}

/* Behind the last. */
static uint32_t end_port(const struct pl_ts *ts)
{
	if (pl_ts_is_any_port(ts) || pl_ts_is_opaque(ts))
		return PORTS_END;
	return ts->hi_port + 1u;
}

bool pl_selector_intersect(const struct pl_ts *a, const struct pl_ts *b, struct pl_ts *ret)
{
	struct pl_ts out = *a;
	size_t size = pl_ts_size(a->af);

	if (!pl_ts_is_valid(a) || !pl_ts_is_valid(b) || a->af != b->af)
		return false;
	if (a->proto != 0 && b->proto != 0 && a->proto != b->proto)
		return false;
	if (first_port(a) >= end_port(b) || first_port(b) >= end_port(a))
		return false;
	if (memcmp(a->lo, b->hi, size) > 0 || memcmp(b->lo, a->hi, size) > 0)
		return false;
	if (out.proto == 0)
		out.proto = b->proto;
	if (first_port(b) > first_port(a))
		out.lo_port = b->lo_port;
	if (end_port(b) < end_port(a) || pl_ts_is_opaque(b))
		out.hi_port = b->hi_port;
	if (memcmp(b->lo, out.lo, size) > 0)
		memcpy(out.lo, b->lo, size);
	if (memcmp(b->hi, out.hi, size) < 0)
		memcpy(out.hi, b->hi, size);
	*ret = out;
	return true;
}

/* Writing: one stretch of addresses, protocol and ports. */

/* False where there is no next (@by 1) or previous (@by 255) address. */
static bool step_address(uint8_t addr[16], size_t size, uint8_t by)
{
	uint8_t wrapped = by == 1 ? 0 : UINT8_MAX;

	for (size_t i = size; i-- > 0;) {
		addr[i] = (uint8_t)(addr[i] + by);
		if (addr[i] != wrapped)
			return true;
	}
	return false;
}

static bool follows(const uint8_t hi[16], const uint8_t lo[16], size_t size)
{
	uint8_t next[16];

	memcpy(next, hi, size);
	return step_address(next, size, 1) && memcmp(next, lo, size) == 0;
}

static int write_one(struct sweep *sweep, const struct segment *segment, uint8_t proto,
		     uint16_t lo_port, uint16_t hi_port)
{
	struct pl_ts ts = {
		.af = segment->af, .proto = proto, .lo_port = lo_port, .hi_port = hi_port,
	};
	size_t size = pl_ts_size(ts.af);

	for (unsigned i = 0; i < sweep->out.len; i++) {
		struct pl_ts *old = &sweep->out.list[i];

		if (old->af == ts.af && old->proto == proto && old->lo_port == lo_port &&
		    old->hi_port == hi_port && follows(old->hi, segment->lo, size)) {
			memcpy(old->hi, segment->hi, size);
			return 0;
		}
	}
	if (sweep->out.len >= sweep->limit)
		return PL_E_TOO_MANY;
	memcpy(ts.lo, segment->lo, size);
	memcpy(ts.hi, segment->hi, size);
	sweep->out.list[sweep->out.len++] = ts;
	return 0;
}

/* Ports from @lo up to and without @end, as the one or two selectors that they need. */
static int write_ports(struct sweep *sweep, const struct segment *segment, uint8_t proto,
		       uint32_t lo, uint32_t end)
{
	bool is_opaque = end == PORTS_END && lo > 0;
	int r = 0;

	if (lo == 0 && end == PORTS_END)
		return write_one(sweep, segment, proto, 0, UINT16_MAX);
	if (is_opaque)
		end = NO_PORT;
	if (lo == 0 && end == NO_PORT) {
		r = write_one(sweep, segment, proto, 0, UINT16_MAX - 1);
		lo = UINT16_MAX;
	}
	if (r == 0 && lo < end)
		r = write_one(sweep, segment, proto, (uint16_t)lo, (uint16_t)(end - 1));
	if (r == 0 && is_opaque)
		r = write_one(sweep, segment, proto, UINT16_MAX, 0);
	return r;
}

static bool has_bit(const struct row *row, unsigned i)
{
	return (row->bits[i / 64] >> i % 64 & 1) != 0;
}

static int write_row(struct sweep *sweep, const struct segment *segment, uint8_t proto,
		     const struct row *row)
{
	unsigned nr = sweep->nr_ports - 1;

	for (unsigned i = 0; i < nr; i++) {
		unsigned begin = i;
		int r;

		if (!has_bit(row, i))
			continue;
		while (i < nr && has_bit(row, i))
			i++;
		r = write_ports(sweep, segment, proto, sweep->port[begin], sweep->port[i]);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Reading: what the boxes say about one segment. */

static bool spans(const struct pl_ts *ts, const struct segment *segment)
{
	size_t size = pl_ts_size(segment->af);

	return ts->af == segment->af && memcmp(ts->lo, segment->lo, size) <= 0 &&
	       memcmp(segment->hi, ts->hi, size) <= 0;
}

static void add_port(struct sweep *sweep, uint32_t port)
{
	unsigned i = sweep->nr_ports;

	while (i > 0 && sweep->port[i - 1] > port)
		i--;
	if (i > 0 && sweep->port[i - 1] == port)
		return;
	memmove(&sweep->port[i + 1], &sweep->port[i],
		(sweep->nr_ports - i) * sizeof(sweep->port[0]));
	sweep->port[i] = port;
	sweep->nr_ports++;
}

static void find_ports(struct sweep *sweep, const struct segment *segment)
{
	sweep->nr_ports = 0;
	add_port(sweep, 0);
	add_port(sweep, PORTS_END);
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < sweep->side[s].len; i++) {
			const struct pl_ts *ts = &sweep->side[s].list[i];

			if (spans(ts, segment)) {
				add_port(sweep, first_port(ts));
				add_port(sweep, end_port(ts));
			}
		}
	}
}

static void mark(const struct sweep *sweep, const struct pl_ts *ts, struct row *row)
{
	uint32_t lo = first_port(ts), end = end_port(ts);

	for (unsigned i = 0; sweep->port[i] < end; i++) {
		if (sweep->port[i] >= lo)
			row->bits[i / 64] |= UINT64_C(1) << i % 64;
	}
}

static void find_rows(struct sweep *sweep, const struct segment *segment)
{
	for (unsigned s = 0; s < 2; s++) {
		memset(sweep->in[s], 0, sweep->nr_classes * sizeof(sweep->in[s][0]));
		for (unsigned i = 0; i < sweep->side[s].len; i++) {
			const struct pl_ts *ts = &sweep->side[s].list[i];

			if (!spans(ts, segment))
				continue;
			if (ts->proto != 0)
				mark(sweep, ts, &sweep->in[s][sweep->class_of[ts->proto]]);
			for (unsigned c = 0; ts->proto == 0 && c < sweep->nr_classes; c++)
				mark(sweep, ts, &sweep->in[s][c]);
		}
	}
}

static uint64_t operate(enum op op, uint64_t a, uint64_t b)
{
	switch (op) {
	case OP_UNION:
		return a | b;
	case OP_MEET:
		return a & b;
	case OP_SUBTRACT:
	default:
		return a & ~b;
	}
}

/* Rows of the result take the place of the first side's. */
static void operate_rows(struct sweep *sweep)
{
	for (unsigned c = 0; c < sweep->nr_classes; c++) {
		for (unsigned w = 0; w < WORDS; w++) {
			uint64_t *a = &sweep->in[0][c].bits[w];

			*a = operate(sweep->op, *a, sweep->in[1][c].bits[w]);
		}
	}
}

static bool all_have_all(const struct sweep *sweep)
{
	for (unsigned c = 0; c < sweep->nr_classes; c++) {
		for (unsigned i = 0; i + 1 < sweep->nr_ports; i++) {
			if (!has_bit(&sweep->in[0][c], i))
				return false;
		}
	}
	return true;
}

static int sweep_segment(struct sweep *sweep, const struct segment *segment)
{
	int r = 0;

	find_ports(sweep, segment);
	find_rows(sweep, segment);
	operate_rows(sweep);
	if (all_have_all(sweep))
		return write_one(sweep, segment, 0, 0, UINT16_MAX);
	for (unsigned p = 1; p < PROTOS && r == 0; p++) {
		if (sweep->keep != NULL && !pl_protos_has(sweep->keep, (uint8_t)p))
			continue;
		r = write_row(sweep, segment, (uint8_t)p, &sweep->in[0][sweep->class_of[p]]);
	}
	return r;
}

/* The addresses where segments begin, sorted. */
struct edges {
	size_t size;
	unsigned len;
	uint8_t addr[EDGES_MAX][16];
};

static void add_edge(struct edges *edges, const uint8_t addr[16])
{
	unsigned i = edges->len;
	int order = -1;

	while (i > 0) {
		order = memcmp(edges->addr[i - 1], addr, edges->size);
		if (order <= 0)
			break;
		i--;
	}
	if (i > 0 && order == 0)
		return;
	memmove(edges->addr[i + 1], edges->addr[i], (edges->len - i) * sizeof(edges->addr[0]));
	memcpy(edges->addr[i], addr, 16);
	edges->len++;
}

static void find_edges(const struct sweep *sweep, uint8_t af, struct edges *ret)
{
	ret->size = pl_ts_size(af);
	ret->len = 0;
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < sweep->side[s].len; i++) {
			const struct pl_ts *ts = &sweep->side[s].list[i];
			uint8_t behind[16] = { 0 };

			if (ts->af != af)
				continue;
			add_edge(ret, ts->lo);
			memcpy(behind, ts->hi, ret->size);
			if (step_address(behind, ret->size, 1))
				add_edge(ret, behind);
		}
	}
}

static int sweep_family(struct sweep *sweep, uint8_t af)
{
	struct edges edges;
	int r = 0;

	find_edges(sweep, af, &edges);
	for (unsigned i = 0; i < edges.len && r == 0; i++) {
		struct segment segment = { .af = af };

		memcpy(segment.lo, edges.addr[i], edges.size);
		memset(segment.hi, UINT8_MAX, edges.size);
		if (i + 1 < edges.len) {
			memcpy(segment.hi, edges.addr[i + 1], edges.size);
			(void)step_address(segment.hi, edges.size, UINT8_MAX);
		}
		r = sweep_segment(sweep, &segment);
	}
	return r;
}

static bool find_classes(struct sweep *sweep)
{
	memset(sweep->class_of, 0, sizeof(sweep->class_of));
	sweep->nr_classes = 1;
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < sweep->side[s].len; i++) {
			const struct pl_ts *ts = &sweep->side[s].list[i];

			if (!pl_ts_is_valid(ts))
				return false;
			if (ts->proto != 0 && sweep->class_of[ts->proto] == 0)
				sweep->class_of[ts->proto] = (uint8_t)sweep->nr_classes++;
		}
	}
	return true;
}

static int run(struct sweep *sweep, unsigned limit, struct pl_ts_list *ret)
{
	int r;

	if (sweep->side[0].len > PL_TS_MAX || sweep->side[1].len > PL_SELECTOR_WHAT_MAX ||
	    !find_classes(sweep))
		return PL_E_MALFORMED;
	sweep->limit = limit < PL_TS_MAX ? limit : PL_TS_MAX;
	sweep->out = (struct pl_ts_list) { .len = 0 };
	r = sweep_family(sweep, PL_AF_IP4);
	if (r == 0)
		r = sweep_family(sweep, PL_AF_IP6);
	if (r == 0)
		*ret = sweep->out;
	return r;
}

static int combine(enum op op, const struct pl_ts_list *a, const struct pl_ts_list *b,
		   unsigned limit, struct pl_ts_list *ret)
{
	struct sweep sweep;

	if (b->len > PL_TS_MAX)
		return PL_E_MALFORMED;
	sweep.side[0] = (struct boxes) { a->list, a->len };
	sweep.side[1] = (struct boxes) { b->list, b->len };
	sweep.op = op;
	sweep.keep = NULL;
	return run(&sweep, limit, ret);
}

int pl_selector_canonical(const struct pl_ts_list *list, unsigned limit, struct pl_ts_list *ret)
{
	static const struct pl_ts_list none;

	return combine(OP_UNION, list, &none, limit, ret);
}

int pl_selector_union(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit,
		      struct pl_ts_list *ret)
{
	return combine(OP_UNION, a, b, limit, ret);
}

int pl_selector_meet(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit,
		     struct pl_ts_list *ret)
{
	return combine(OP_MEET, a, b, limit, ret);
}

int pl_selector_subtract(const struct pl_ts_list *from, const struct pl_ts *what, unsigned nr_what,
			 const struct pl_protos *keep, unsigned limit, struct pl_ts_list *ret)
{
	struct sweep sweep;

	sweep.side[0] = (struct boxes) { from->list, from->len };
	sweep.side[1] = (struct boxes) { what, nr_what };
	sweep.op = OP_SUBTRACT;
	sweep.keep = keep;
	return run(&sweep, limit, ret);
}

bool pl_selector_contains(const struct pl_ts_list *outer, const struct pl_ts_list *inner)
{
	struct pl_ts_list rest;

	/* one selector that is left is one too many */
	return combine(OP_SUBTRACT, inner, outer, 0, &rest) == 0;
}
