/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TS_WIRE_H
#define PL_TS_WIRE_H

#include "core/pl_base.h"
#include "core/pl_ts.h"

/* Bytes of the largest payload body that pl_ts_wire_write() makes. */
#define PL_TS_WIRE_MAX (4 + PL_TS_MAX * 40)

/**
 * pl_ts_wire_parse() - read the body of a TSi or TSr payload
 * @body: the payload after its generic header (RFC 7296 section 3.13: number, 3 reserved bytes,
 *        selectors); any bytes whatsoever
 * @ret:  the address selectors in their order
 *
 * Like pluto, this drops a selector whose port range is upside down unless it is OPAQUE, and does
 * not look behind the announced number of selectors.
 *
 * Return: 0, PL_E_MALFORMED, PL_E_TOO_MANY, or PL_E_UNSUPPORTED for a selector that is no address
 * range (a security label, say): what it selects is then unknown to us.
 */
int pl_ts_wire_parse(struct pl_blob body, struct pl_ts_list *ret) PL_MUST_USE;

/**
 * pl_ts_wire_write() - write the body of a TSi or TSr payload
 * @list:    valid selectors, at least one
 * @buf:     where to
 * @size:    of @buf; PL_TS_WIRE_MAX always suffices
 * @ret_len: bytes written
 *
 * Return: 0, PL_E_MALFORMED for what no payload can hold, or PL_E_NO_SPACE.
 */
int pl_ts_wire_write(const struct pl_ts_list *list, uint8_t *buf, size_t size,
		     size_t *ret_len) PL_MUST_USE;

#endif
