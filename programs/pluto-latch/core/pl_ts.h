/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TS_H
#define PL_TS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Families, as IKE and people number them. */
enum pl_af {
	PL_AF_NONE = 0,
	PL_AF_IP4 = 4,
	PL_AF_IP6 = 6,
};

/**
 * struct pl_ts - one traffic selector of RFC 7296 section 3.13.1; a value, copied freely
 * @af:      PL_AF_IP4 or PL_AF_IP6
 * @proto:   IP protocol, 0 is any
 * @lo_port: first port, host order; 0..65535 is any, 65535..0 is OPAQUE
 * @hi_port: last port, host order
 * @lo:      first address, network order; IPv4 uses the first 4 bytes, the rest is zero
 * @hi:      last address
 *
 * Of ICMP, the "port" holds type << 8 | code, as on the wire.
 */
struct pl_ts {
	uint8_t af;
	uint8_t proto;
	uint16_t lo_port;
	uint16_t hi_port;
	uint8_t lo[16];
	uint8_t hi[16];
};

/* Stock pluto takes at most 15 selectors in a payload. */
#define PL_TS_MAX 32

struct pl_ts_list {
	unsigned len;
	struct pl_ts list[PL_TS_MAX];
};

#define PL_TS_TEXT_MAX 128

/**
 * pl_ts_size() - length of an address of this family
 * @af: a family
 *
 * Return: 4, 16, or 0 for what is no family.
 */
size_t pl_ts_size(uint8_t af);

/**
 * pl_ts_is_any_port() - every port, and packets without one
 * @ts: a selector
 */
bool pl_ts_is_any_port(const struct pl_ts *ts);

/**
 * pl_ts_is_opaque() - exactly the packets whose port cannot be seen
 * @ts: a selector
 */
bool pl_ts_is_opaque(const struct pl_ts *ts);

/**
 * pl_ts_is_valid() - a known family, ordered addresses, and ordered or OPAQUE ports
 * @ts: a selector
 */
bool pl_ts_is_valid(const struct pl_ts *ts);

/**
 * pl_ts_is_equal() - the same packets, written the same way
 * @a: a selector
 * @b: a selector
 */
bool pl_ts_is_equal(const struct pl_ts *a, const struct pl_ts *b);

/**
 * pl_ts_is_within() - every packet of @inner belongs to @outer
 * @inner: a selector
 * @outer: a selector
 *
 * An invalid selector is within nothing, and nothing is within it.
 */
bool pl_ts_is_within(const struct pl_ts *inner, const struct pl_ts *outer);

/**
 * pl_ts_list_covers() - every selector of @inner is within one selector of @outer
 * @outer: what is allowed
 * @inner: what is asked for; an empty list is not covered
 */
bool pl_ts_list_covers(const struct pl_ts_list *outer, const struct pl_ts_list *inner);

/**
 * pl_ts_text() - "192.0.2.1-192.0.2.1/6/4000-4000": addresses, protocol, ports
 * @ts:  a selector
 * @ret: at least PL_TS_TEXT_MAX bytes
 *
 * Return: @ret
 */
const char *pl_ts_text(const struct pl_ts *ts, char ret[static PL_TS_TEXT_MAX]);

#endif
