/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The TS payload as bytes (RFC 7296 sections 3.13 and 3.13.1). We read it ourselves because pluto's
 * own parser keeps only what its one-port selectors can express.
 *
 *    | number | 3 reserved |            then per selector
 *    | type | protocol | length (2) | first port (2) | last port (2) | first addr | last addr |
 *
 * Invariant: nothing is read behind the given length, whatever the bytes say, and the output is
 * written only when the whole payload was understood.
 */

#include "core/pl_ts_wire.h"

#include <string.h>

enum {
	BODY_HEADER = 4,
	TS_HEADER = 8,
	TYPE_IPV4_ADDR_RANGE = 7,
	TYPE_IPV6_ADDR_RANGE = 8,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint8_t af_of_type(uint8_t type)
{
	return type == TYPE_IPV4_ADDR_RANGE ? PL_AF_IP4 :
	       type == TYPE_IPV6_ADDR_RANGE ? PL_AF_IP6 : PL_AF_NONE;
}

/* @p holds the @len bytes that the selector's own length field promised. */
static int parse_one(const uint8_t *p, size_t len, struct pl_ts *ret)
{
	struct pl_ts ts = { .af = af_of_type(p[0]), .proto = p[1] };
	size_t size = pl_ts_size(ts.af);

	if (ts.af == PL_AF_NONE)
		return PL_E_UNSUPPORTED;
	if (len != TS_HEADER + 2 * size)
		return PL_E_MALFORMED;
	ts.lo_port = get16(p + 4);
	ts.hi_port = get16(p + 6);
	memcpy(ts.lo, p + TS_HEADER, size);
	memcpy(ts.hi, p + TS_HEADER + size, size);
	if (memcmp(ts.lo, ts.hi, size) > 0)
		return PL_E_MALFORMED;
	*ret = ts;
	return 0;
}

int pl_ts_wire_parse(struct pl_blob body, struct pl_ts_list *ret)
{
	struct pl_ts_list out = { .len = 0 };
	size_t at = BODY_HEADER;

	if (body.len < BODY_HEADER || body.ptr[0] == 0)
		return PL_E_MALFORMED;
	for (unsigned n = 0; n < body.ptr[0]; n++) {
		struct pl_ts ts;
		size_t len;
		int r;

		if (body.len - at < TS_HEADER)
			return PL_E_MALFORMED;
		len = get16(body.ptr + at + 2);
		if (len < TS_HEADER || len > body.len - at)
			return PL_E_MALFORMED;
		r = parse_one(body.ptr + at, len, &ts);
		if (r != 0)
			return r;
		at += len;
		if (!pl_ts_is_valid(&ts))
			continue;
		if (out.len == PL_TS_MAX)
			return PL_E_TOO_MANY;
		out.list[out.len++] = ts;
	}
	*ret = out;
	return 0;
}

static size_t write_one(const struct pl_ts *ts, uint8_t *p)
{
	size_t size = pl_ts_size(ts->af);
	size_t len = TS_HEADER + 2 * size;

	p[0] = ts->af == PL_AF_IP4 ? TYPE_IPV4_ADDR_RANGE : TYPE_IPV6_ADDR_RANGE;
	p[1] = ts->proto;
	put16(p + 2, (uint16_t)len);
	put16(p + 4, ts->lo_port);
	put16(p + 6, ts->hi_port);
	memcpy(p + TS_HEADER, ts->lo, size);
	memcpy(p + TS_HEADER + size, ts->hi, size);
	return len;
}

int pl_ts_wire_write(const struct pl_ts_list *list, uint8_t *buf, size_t size, size_t *ret_len)
{
	size_t need = BODY_HEADER, at = BODY_HEADER;

	if (list->len == 0 || list->len > PL_TS_MAX)
		return PL_E_MALFORMED;
	for (unsigned i = 0; i < list->len; i++) {
		if (!pl_ts_is_valid(&list->list[i]))
			return PL_E_MALFORMED;
		need += TS_HEADER + 2 * pl_ts_size(list->list[i].af);
	}
	if (need > size)
		return PL_E_NO_SPACE;
	memset(buf, 0, BODY_HEADER);
	buf[0] = (uint8_t)list->len;
	for (unsigned i = 0; i < list->len; i++)
		at += write_one(&list->list[i], buf + at);
	*ret_len = at;
	return 0;
}
