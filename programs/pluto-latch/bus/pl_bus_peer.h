/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_PEER_H
#define PL_BUS_PEER_H

#include "core/pl_identity.h"

struct DBusMessageIter;

/**
 * pl_bus_put_peer() - PEER of the introspection file
 * @at:   where to append the dictionary
 * @data: who was authenticated to whom
 *
 * What is not known has no key.
 *
 * Return: 0; -ENOMEM: the message must be thrown away
 */
int pl_bus_put_peer(struct DBusMessageIter *at, const struct pl_identity_data *data) PL_MUST_USE;

#endif
