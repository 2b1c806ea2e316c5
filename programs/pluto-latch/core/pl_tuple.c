/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which packets a latch is about: the 5-tuple of a connection, the 3-tuple of a listener (RFC 5660
 * section 2.2). What sockets say is put into one normal form here, at the edge, so that two
 * spellings of one flow cannot be latched twice (K29), and what a tuple cannot name exactly (a
 * link-local address, loopback, a group) is refused with a name of its own (design D3).
 *
 * Invariant: two normal tuples are the same flow if and only if their bytes are equal.
 *
 * ICMP types are no ports: RFC 5660 latches connections of TCP, UDP and SCTP only, and selectors
 * for ICMP never cover a tuple.
 */

#include "core/pl_tuple.h"

#include <arpa/inet.h>		/* inet_ntop(), which only formats */
#include <stdio.h>
#include <string.h>

static const uint8_t zero[16];
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_zero(const uint8_t addr[16])
{
	return memcmp(addr, zero, sizeof(zero)) == 0;
}

static bool is_mapped(const uint8_t addr[16])
{
	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

static void unmap(uint8_t addr[16])
{
	memmove(addr, addr + 12, 4);
	memset(addr + 4, 0, 12);
}

static bool is_loopback(uint8_t af, const uint8_t addr[16])
{
	if (af == PL_AF_IP4)
		return addr[0] == 127;
	return memcmp(addr, zero, 15) == 0 && addr[15] == 1;
}

static bool is_link_local(uint8_t af, const uint8_t addr[16])
{
	if (af == PL_AF_IP4)
		return addr[0] == 169 && addr[1] == 254;
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* Multicast, and in IPv4 the reserved addresses above it with the broadcast address. */
static bool is_group(uint8_t af, const uint8_t addr[16])
{
	return af == PL_AF_IP4 ? addr[0] >= 224 : addr[0] == 0xff;
}

static bool is_supported(const struct pl_tuple *tuple)
{
	return pl_ts_size(tuple->af) != 0 &&
	       (tuple->proto == PL_TUPLE_TCP || tuple->proto == PL_TUPLE_UDP ||
		tuple->proto == PL_TUPLE_SCTP);
}

/* Bytes behind an IPv4 address mean nothing, and would make equal tuples differ. */
static void clear_rest(struct pl_tuple *tuple)
{
	if (tuple->af == PL_AF_IP4) {
		memset(tuple->local + 4, 0, 12);
		memset(tuple->remote + 4, 0, 12);
	}
}

int pl_tuple_connection(const struct pl_tuple *from, struct pl_tuple *ret)
{
	struct pl_tuple t = *from;

	if (!is_supported(&t))
		return PL_E_UNSUPPORTED;
	clear_rest(&t);
	if (t.af == PL_AF_IP6 && (is_mapped(t.local) || is_mapped(t.remote))) {
		if (is_zero(t.local) || is_zero(t.remote))
			return PL_E_NOT_CONNECTED;
		if (!is_mapped(t.local) || !is_mapped(t.remote))
			return PL_E_MALFORMED;
		t.af = PL_AF_IP4;
		unmap(t.local);
		unmap(t.remote);
	}
	if (is_zero(t.local) || is_zero(t.remote) || t.local_port == 0 || t.remote_port == 0)
		return PL_E_NOT_CONNECTED;
	if (is_group(t.af, t.remote) || is_group(t.af, t.local))
		return PL_E_UNSUPPORTED;
	if (is_loopback(t.af, t.local) || is_loopback(t.af, t.remote) ||
	    memcmp(t.local, t.remote, sizeof(t.local)) == 0)
		return PL_E_BOTH_ENDS_LOCAL;
	if (is_link_local(t.af, t.local) || is_link_local(t.af, t.remote))
		return PL_E_LINK_LOCAL;
	*ret = t;
	return 0;
}

int pl_tuple_listener(const struct pl_tuple *from, bool is_v6_only, struct pl_tuple ret[static 2],
		      unsigned *ret_len)
{
	struct pl_tuple t = *from;

	if (!is_supported(&t))
		return PL_E_UNSUPPORTED;
	memset(t.remote, 0, sizeof(t.remote));
	t.remote_port = 0;
	clear_rest(&t);
	if (t.local_port == 0)
		return PL_E_NOT_CONNECTED;
	if (t.af == PL_AF_IP6 && is_mapped(t.local)) {
		t.af = PL_AF_IP4;
		unmap(t.local);
	}
	if (is_group(t.af, t.local))
		return PL_E_UNSUPPORTED;
	if (is_loopback(t.af, t.local))
		return PL_E_BOTH_ENDS_LOCAL;
	if (is_link_local(t.af, t.local))
		return PL_E_LINK_LOCAL;
	ret[0] = t;
	*ret_len = 1;
	if (t.af == PL_AF_IP6 && is_zero(t.local) && !is_v6_only) {
		ret[1] = t;
		ret[1].af = PL_AF_IP4;
		*ret_len = 2;
	}
	return 0;
}

bool pl_tuple_is_listener(const struct pl_tuple *tuple)
{
	return tuple->remote_port == 0;
}

bool pl_tuple_is_wildcard(const struct pl_tuple *tuple)
{
	return pl_tuple_is_listener(tuple) && is_zero(tuple->local);
}

void pl_tuple_listener_of(const struct pl_tuple *tuple, bool is_wildcard, struct pl_tuple *ret)
{
	struct pl_tuple t = *tuple;

	t.remote_port = 0;
	memset(t.remote, 0, sizeof(t.remote));
	if (is_wildcard)
		memset(t.local, 0, sizeof(t.local));
	*ret = t;
}

static int compare_numbers(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

int pl_tuple_compare(const struct pl_tuple *a, const struct pl_tuple *b)
{
	int order = compare_numbers(a->af, b->af);

	if (order == 0)
		order = memcmp(a->remote, b->remote, sizeof(a->remote));
	if (order == 0)
		order = memcmp(a->local, b->local, sizeof(a->local));
	if (order == 0)
		order = compare_numbers(a->proto, b->proto);
	if (order == 0)
		order = compare_numbers(a->local_port, b->local_port);
	if (order == 0)
		order = compare_numbers(a->remote_port, b->remote_port);
	return order;
}

static void one_end(const struct pl_tuple *tuple, const uint8_t addr[16], uint16_t port,
		    struct pl_ts *ret)
{
	*ret = (struct pl_ts) {
		.af = tuple->af, .proto = tuple->proto, .lo_port = port, .hi_port = port,
	};
	memcpy(ret->lo, addr, sizeof(ret->lo));
	memcpy(ret->hi, addr, sizeof(ret->hi));
}

void pl_tuple_selectors(const struct pl_tuple *tuple, struct pl_ts *ret_local,
			struct pl_ts *ret_remote)
{
	one_end(tuple, tuple->local, tuple->local_port, ret_local);
	one_end(tuple, tuple->remote, tuple->remote_port, ret_remote);
}

static bool any_covers(const struct pl_ts_list *list, const struct pl_ts *end)
{
	for (unsigned i = 0; i < list->len && i < PL_TS_MAX; i++) {
		if (pl_ts_is_within(end, &list->list[i]))
			return true;
	}
	return false;
}

bool pl_tuple_is_covered(const struct pl_tuple *tuple, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	struct pl_ts local, remote;

	pl_tuple_selectors(tuple, &local, &remote);
	if (role == PL_ROLE_INITIATOR)
		return any_covers(tsi, &local) && any_covers(tsr, &remote);
	if (role == PL_ROLE_RESPONDER)
		return any_covers(tsr, &local) && any_covers(tsi, &remote);
	return false;
}

static bool is_single(const struct pl_ts_list *list)
{
	const struct pl_ts *ts = &list->list[0];

	return list->len == 1 && ts->lo_port == ts->hi_port &&
	       memcmp(ts->lo, ts->hi, sizeof(ts->lo)) == 0;
}

int pl_tuple_of_selectors(enum pl_role role, const struct pl_ts_list *tsi,
			  const struct pl_ts_list *tsr, struct pl_tuple *ret)
{
	const struct pl_ts *local = &(role == PL_ROLE_INITIATOR ? tsi : tsr)->list[0];
	const struct pl_ts *remote = &(role == PL_ROLE_INITIATOR ? tsr : tsi)->list[0];
	struct pl_tuple tuple = {
		.af = local->af, .proto = local->proto, .local_port = local->lo_port,
		.remote_port = remote->lo_port,
	};

	if ((role != PL_ROLE_INITIATOR && role != PL_ROLE_RESPONDER) || !is_single(tsi) ||
	    !is_single(tsr) || local->af != remote->af || local->proto != remote->proto)
		return PL_E_NOT_FOUND;
	memcpy(tuple.local, local->lo, sizeof(tuple.local));
	memcpy(tuple.remote, remote->lo, sizeof(tuple.remote));
	return pl_tuple_connection(&tuple, ret);
}

bool pl_tuple_is_alone(const struct pl_tuple *tuple, enum pl_role role,
		       const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	struct pl_tuple only;

	return pl_tuple_of_selectors(role, tsi, tsr, &only) == 0 &&
	       pl_tuple_compare(&only, tuple) == 0;
}

bool pl_tuple_ts_meets(const struct pl_ts *ts, uint8_t af, const uint8_t addr[static 16],
		       uint8_t proto, uint16_t port)
{
	size_t size = pl_ts_size(af);

	if (ts->af != af || (ts->proto != 0 && ts->proto != proto))
		return false;
	if (memcmp(addr, ts->lo, size) < 0 || memcmp(addr, ts->hi, size) > 0)
		return false;
	return pl_ts_is_opaque(ts) || (ts->lo_port <= port && port <= ts->hi_port);
}

static bool any_meets(const struct pl_ts_list *list, const struct pl_tuple *tuple,
		      const uint8_t addr[16], uint16_t port)
{
	if (list->len > PL_TS_MAX)
		return true;
	for (unsigned i = 0; i < list->len; i++) {
		const struct pl_ts *ts = &list->list[i];

		if (pl_tuple_ts_meets(ts, tuple->af, addr, tuple->proto, port) ||
		    !pl_ts_is_valid(ts))
			return true;
	}
	return false;
}

bool pl_tuple_is_touched(const struct pl_tuple *tuple, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	const struct pl_ts_list *local = role == PL_ROLE_INITIATOR ? tsi : tsr;
	const struct pl_ts_list *remote = role == PL_ROLE_INITIATOR ? tsr : tsi;

	if (role != PL_ROLE_INITIATOR && role != PL_ROLE_RESPONDER)
		return true;
	return any_meets(local, tuple, tuple->local, tuple->local_port) &&
	       any_meets(remote, tuple, tuple->remote, tuple->remote_port);
}

static bool lets_in(const struct pl_ts *ts, const struct pl_tuple *listener, const uint8_t addr[16],
		    uint16_t port)
{
	return pl_ts_is_valid(ts) && !pl_ts_is_opaque(ts) &&
	       pl_tuple_ts_meets(ts, listener->af, addr, listener->proto, port);
}

bool pl_tuple_is_reached(const struct pl_tuple *listener, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr)
{
	const struct pl_ts_list *local = role == PL_ROLE_INITIATOR ? tsi : tsr;
	const struct pl_ts_list *remote = role == PL_ROLE_INITIATOR ? tsr : tsi;
	bool is_wildcard = pl_tuple_is_wildcard(listener), is_here = false, is_there = false;

	if ((role != PL_ROLE_INITIATOR && role != PL_ROLE_RESPONDER) || local->len > PL_TS_MAX ||
	    remote->len > PL_TS_MAX)
		return false;
	for (unsigned i = 0; i < local->len && !is_here; i++) {
		const struct pl_ts *ts = &local->list[i];

		is_here = lets_in(ts, listener, is_wildcard ? ts->lo : listener->local,
				  listener->local_port);
	}
	/* from any address and port that it selects */
	for (unsigned i = 0; i < remote->len && !is_there; i++) {
		const struct pl_ts *ts = &remote->list[i];

		is_there = lets_in(ts, listener, ts->lo, ts->lo_port);
	}
	return is_here && is_there;
}

const char *pl_tuple_proto_name(uint8_t proto)
{
	switch (proto) {
	case PL_TUPLE_TCP:
		return "tcp";
	case PL_TUPLE_UDP:
		return "udp";
	case PL_TUPLE_SCTP:
		return "sctp";
	default:
		return "none";
	}
}

static void end_text(uint8_t af, const uint8_t addr[16], uint16_t port, char *ret, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(af == PL_AF_IP6 ? AF_INET6 : AF_INET, addr, text, sizeof(text)) == NULL)
		text[0] = '\0';
	snprintf(ret, size, af == PL_AF_IP6 ? "[%s]:%u" : "%s:%u", text, port);
}

const char *pl_tuple_text(const struct pl_tuple *tuple, char ret[static PL_TUPLE_TEXT_MAX])
{
	char local[INET6_ADDRSTRLEN + 8], remote[INET6_ADDRSTRLEN + 8] = "";

	end_text(tuple->af, tuple->local, tuple->local_port, local, sizeof(local));
	if (!pl_tuple_is_listener(tuple))
		end_text(tuple->af, tuple->remote, tuple->remote_port, remote, sizeof(remote));
	snprintf(ret, PL_TUPLE_TEXT_MAX, "%s %s%s%s", pl_tuple_proto_name(tuple->proto), local,
		 remote[0] == '\0' ? "" : " ", remote);
	return ret;
}
