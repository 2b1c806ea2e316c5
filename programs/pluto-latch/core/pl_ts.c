/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Traffic selectors as RFC 7296 has them: ranges of addresses and ports, not the subnets and single
 * ports that pluto and the kernel hold. What may be latched is decided on these.
 *
 * OPAQUE (ports 65535..0) is no range: it stands for packets whose port cannot be seen, such as
 * later fragments. It lies within "any port" and within itself, and contains only itself.
 */

#include "core/pl_ts.h"

#include <arpa/inet.h>		/* inet_ntop(), which only formats */
#include <stdio.h>
#include <string.h>

size_t pl_ts_size(uint8_t af)
{
	switch (af) {
	case PL_AF_IP4:
		return 4;
	case PL_AF_IP6:
		return 16;
	default:
		return 0;
	}
}

bool pl_ts_is_any_port(const struct pl_ts *ts)
{
	return ts->lo_port == 0 && ts->hi_port == UINT16_MAX;
}

bool pl_ts_is_opaque(const struct pl_ts *ts)
{
	return ts->lo_port == UINT16_MAX && ts->hi_port == 0;
}

bool pl_ts_is_valid(const struct pl_ts *ts)
{
	size_t size = pl_ts_size(ts->af);

	if (size == 0 || memcmp(ts->lo, ts->hi, size) > 0)
		return false;
	return ts->lo_port <= ts->hi_port || pl_ts_is_opaque(ts);
}

bool pl_ts_is_equal(const struct pl_ts *a, const struct pl_ts *b)
{
	size_t size = pl_ts_size(a->af);

	return a->af == b->af && a->proto == b->proto &&
	       a->lo_port == b->lo_port && a->hi_port == b->hi_port &&
	       memcmp(a->lo, b->lo, size) == 0 && memcmp(a->hi, b->hi, size) == 0;
}

static bool ports_are_within(const struct pl_ts *inner, const struct pl_ts *outer)
{
	if (pl_ts_is_any_port(outer))
		return true;
	if (pl_ts_is_opaque(inner) || pl_ts_is_opaque(outer))
		return pl_ts_is_opaque(inner) && pl_ts_is_opaque(outer);
	return outer->lo_port <= inner->lo_port && inner->hi_port <= outer->hi_port;
}

bool pl_ts_is_within(const struct pl_ts *inner, const struct pl_ts *outer)
{
	size_t size = pl_ts_size(inner->af);

	if (!pl_ts_is_valid(inner) || !pl_ts_is_valid(outer) || inner->af != outer->af)
		return false;
	if (outer->proto != 0 && outer->proto != inner->proto)
		return false;
	return ports_are_within(inner, outer) &&
	       memcmp(outer->lo, inner->lo, size) <= 0 && memcmp(inner->hi, outer->hi, size) <= 0;
}

bool pl_ts_list_covers(const struct pl_ts_list *outer, const struct pl_ts_list *inner)
{
	if (inner->len == 0)
		return false;
	for (unsigned i = 0; i < inner->len; i++) {
		bool covered = false;

		for (unsigned o = 0; o < outer->len && !covered; o++)
			covered = pl_ts_is_within(&inner->list[i], &outer->list[o]);
		if (!covered)
			return false;
	}
	return true;
}

const char *pl_ts_text(const struct pl_ts *ts, char ret[static PL_TS_TEXT_MAX])
{
	int family = ts->af == PL_AF_IP6 ? AF_INET6 : AF_INET;
	char lo[INET6_ADDRSTRLEN], hi[INET6_ADDRSTRLEN];

	if (pl_ts_size(ts->af) == 0) {
		snprintf(ret, PL_TS_TEXT_MAX, "none");
		return ret;
	}
	inet_ntop(family, ts->lo, lo, sizeof(lo));
	inet_ntop(family, ts->hi, hi, sizeof(hi));
	snprintf(ret, PL_TS_TEXT_MAX, "%s-%s/%u/%u-%u", lo, hi, ts->proto,
		 ts->lo_port, ts->hi_port);
	return ret;
}
