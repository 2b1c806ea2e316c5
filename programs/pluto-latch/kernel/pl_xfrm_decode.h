/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_XFRM_DECODE_H
#define PL_XFRM_DECODE_H

#include "core/pl_base.h"
#include "core/pl_xfrm.h"

/**
 * pl_xfrm_decode() - one message of NETLINK_XFRM, from a group or of a list
 * @bytes: aligned as struct nlmsghdr; begins with the message
 * @len:   in bytes; what follows the message is not looked at
 * @key:   secret, of digests
 * @ret:   what it says
 *
 * Return: 0, also with PL_XFRM_NOTHING; PL_E_MALFORMED; PL_E_UNSUPPORTED when it is about something
 * that this function does not know. After both only a list says what is there.
 */
int pl_xfrm_decode(const void *bytes, size_t len, const uint8_t key[static 16],
		   struct pl_xfrm_change *ret) PL_MUST_USE;

#endif
