/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TUPLE_H
#define PL_TUPLE_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_ts.h"

#include <stdbool.h>
#include <stdint.h>

/* The protocols of RFC 5660 section 5. */
enum { PL_TUPLE_TCP = 6, PL_TUPLE_UDP = 17, PL_TUPLE_SCTP = 132 };

/**
 * struct pl_tuple - what a latch is about, seen from this host; a value, copied freely
 * @af:          PL_AF_IP4 or PL_AF_IP6
 * @proto:       PL_TUPLE_TCP, _UDP or _SCTP
 * @local_port:  host order, never 0
 * @remote_port: host order; 0 for a listener
 * @local:       network order, the rest of the bytes zero; all zero is a listener's wildcard
 * @remote:      all zero for a listener
 *
 * A connection is a 5-tuple, a listener a 3-tuple: the same struct with nobody at the other end.
 * There are no padding bytes, so that equal values are equal bytes.
 */
struct pl_tuple {
	uint8_t af;
	uint8_t proto;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t local[16];
	uint8_t remote[16];
};

#define PL_TUPLE_TEXT_MAX 128

/**
 * pl_tuple_connection() - check and normalise a 5-tuple
 * @from: as a socket or a client says it; an IPv6 tuple of ::ffff:a.b.c.d addresses is IPv4
 * @ret:  the normal form
 *
 * Return: 0; PL_E_UNSUPPORTED for a family or protocol that cannot be latched, or a remote
 * address that is no single host (multicast, broadcast); PL_E_NOT_CONNECTED when an address or
 * port is missing; PL_E_MALFORMED when one end is IPv4 and the other is not; PL_E_LINK_LOCAL;
 * PL_E_BOTH_ENDS_LOCAL for loopback or equal addresses (other pairs of own addresses are for the
 * caller to find, who knows them).
 */
int pl_tuple_connection(const struct pl_tuple *from, struct pl_tuple *ret) PL_MUST_USE;

/**
 * pl_tuple_listener() - check and normalise a listener's 3-tuple
 * @from:       @from->remote and @from->remote_port are ignored
 * @is_v6_only: of an IPv6 wildcard: IPv4 peers are not accepted (IPV6_V6ONLY)
 * @ret:        one 3-tuple, or for a dual-stack listener two: IPv6, then IPv4
 * @ret_len:    how many
 *
 * Return: 0, PL_E_UNSUPPORTED, PL_E_LINK_LOCAL, PL_E_BOTH_ENDS_LOCAL for a loopback address, or
 * PL_E_NOT_CONNECTED without a port
 */
int pl_tuple_listener(const struct pl_tuple *from, bool is_v6_only, struct pl_tuple ret[static 2],
		      unsigned *ret_len) PL_MUST_USE;

/**
 * pl_tuple_is_listener() - a 3-tuple
 * @tuple: a normal tuple
 */
bool pl_tuple_is_listener(const struct pl_tuple *tuple);

/**
 * pl_tuple_is_wildcard() - a listener on every address of its family
 * @tuple: a normal tuple
 */
bool pl_tuple_is_wildcard(const struct pl_tuple *tuple);

/**
 * pl_tuple_listener_of() - the 3-tuple under which a listener of this connection is found
 * @tuple:       a connection
 * @is_wildcard: that of a listener on every address
 * @ret:         the 3-tuple
 */
void pl_tuple_listener_of(const struct pl_tuple *tuple, bool is_wildcard, struct pl_tuple *ret);

/**
 * pl_tuple_compare() - order by family, remote, local address, protocol, local, remote port
 * @a: a normal tuple
 * @b: a normal tuple
 *
 * Return: negative, 0 or positive
 */
int pl_tuple_compare(const struct pl_tuple *a, const struct pl_tuple *b);

/**
 * pl_tuple_selectors() - the narrowest selectors that hold this connection (K20)
 * @tuple:      a connection
 * @ret_local:  this end
 * @ret_remote: the other
 */
void pl_tuple_selectors(const struct pl_tuple *tuple, struct pl_ts *ret_local,
			struct pl_ts *ret_remote);

/**
 * pl_tuple_is_covered() - an SA with these selectors carries every packet of the connection
 * @tuple: a connection
 * @role:  ours in the exchange that made the SA: TSi is the initiator's end
 * @tsi:   selectors as negotiated
 * @tsr:   likewise
 *
 * SAs come in pairs, so that this is one answer for both directions.
 */
bool pl_tuple_is_covered(const struct pl_tuple *tuple, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr);

/**
 * pl_tuple_of_selectors() - the one connection that these selectors let pass
 * @role: ours in the exchange that made the SA
 * @tsi:  of the initiator
 * @tsr:  of the responder
 * @ret:  normal
 *
 * Return: 0; PL_E_NOT_FOUND when they are wider; errors of pl_tuple_connection()
 */
int pl_tuple_of_selectors(enum pl_role role, const struct pl_ts_list *tsi,
			  const struct pl_ts_list *tsr, struct pl_tuple *ret) PL_MUST_USE;

/**
 * pl_tuple_is_touched() - an SA with these selectors may carry a packet of the connection
 * @tuple: a connection
 * @role:  as above
 * @tsi:   as above
 * @tsr:   as above
 *
 * More than covered: OPAQUE selects what has no visible port, and a fragment of this connection is
 * such a packet. Without a role, or with an invalid selector, the answer is yes.
 */
bool pl_tuple_is_touched(const struct pl_tuple *tuple, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr);

/**
 * pl_tuple_is_alone() - an SA of these selectors carries this connection and nothing else
 * @tuple: normal, of a connection
 * @role:  ours, in the exchange that made the SA
 * @tsi:   its selectors
 * @tsr:   likewise
 */
bool pl_tuple_is_alone(const struct pl_tuple *tuple, enum pl_role role,
		       const struct pl_ts_list *tsi, const struct pl_ts_list *tsr);

/**
 * pl_tuple_ts_meets() - a packet from or to one end may fall under this selector
 * @ts:    a valid selector
 * @af:    of the end
 * @addr:  of the end
 * @proto: of the connection
 * @port:  of the end
 */
bool pl_tuple_ts_meets(const struct pl_ts *ts, uint8_t af, const uint8_t addr[static 16],
		       uint8_t proto, uint16_t port);

/**
 * pl_tuple_text() - "tcp 192.0.2.1:4000 [2001:db8::1]:5000": local, then remote end
 * @tuple: of a listener, the local end alone
 * @ret:   at least PL_TUPLE_TEXT_MAX bytes
 *
 * Return: @ret
 */
const char *pl_tuple_text(const struct pl_tuple *tuple, char ret[static PL_TUPLE_TEXT_MAX]);

/**
 * pl_tuple_is_reached() - may this SA carry the first packet of a connection to this listener
 * @listener: normal
 * @role:     ours in the exchange that made the SA
 * @tsi:      its selectors
 * @tsr:      likewise
 *
 * It is asked to let packets in: so what is invalid, or OPAQUE, reaches nothing.
 */
bool pl_tuple_is_reached(const struct pl_tuple *listener, enum pl_role role,
			 const struct pl_ts_list *tsi, const struct pl_ts_list *tsr);

/**
 * pl_tuple_proto_name() - "tcp", "udp", "sctp", or "none"
 * @proto: an IP protocol
 */
const char *pl_tuple_proto_name(uint8_t proto);

#endif
