/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_BIND_H
#define PL_SOCKET_BIND_H

#include "core/pl_tuple.h"

#include <stdbool.h>

/**
 * pl_bind_probe() - could somebody bind the local end of this tuple alone
 * @tuple: normal; a listener's wildcard is any address of its family
 * @ret:   false when any socket, TIME_WAIT included, has the port on an address that overlaps
 *
 * It is bound for an instant, which can make a program's bind() of it fail: to be asked as the last
 * question only. Sockets bound to a VRF are not seen.
 *
 * Return: 0 or a negative errno
 */
int pl_bind_probe(const struct pl_tuple *tuple, bool *ret) PL_MUST_USE;

#endif
