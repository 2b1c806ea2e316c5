/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CROSSED_H
#define PL_CROSSED_H

#include <stdbool.h>

struct connection;
struct ike_sa;

/**
 * pl_crossed_keeps() - an attempt of ours is not to be ended in favour of the peer's
 * @c:     the connection that pluto is about to strip of its states
 * @peers: the IKE SA that the peer set up meanwhile
 */
bool pl_crossed_keeps(const struct connection *c, const struct ike_sa *peers);

/**
 * pl_crossed_up() - an IKE SA was authenticated: if it was kept, what was set up meanwhile goes
 * @ike: the IKE SA
 */
void pl_crossed_up(const struct ike_sa *ike);

#endif
