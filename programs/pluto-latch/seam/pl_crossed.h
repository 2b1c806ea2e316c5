/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CROSSED_H
#define PL_CROSSED_H

#include <stdbool.h>

struct connection;
struct ike_sa;

/**
 * pl_crossed_stands() - an IKE SA of ours is not to be ended in favour of the peer's
 * @c:     the connection that pluto is about to strip of its states
 * @peers: the IKE SA in which the peer has just proved itself
 */
bool pl_crossed_stands(const struct connection *c, const struct ike_sa *peers);

/**
 * pl_crossed_join() - the peer has just proved itself: its IKE SA moves to the connection of ours
 * that it crossed, if there is one
 * @peers: the IKE SA, not established yet; its record may have no memory
 */
void pl_crossed_join(struct ike_sa *peers);

/**
 * pl_crossed_up() - an IKE SA is up: if one of the peer's crossed it, one is enough
 * @ike: the IKE SA
 */
void pl_crossed_up(const struct ike_sa *ike);

/**
 * pl_crossed_ends() - an IKE SA is about to end, with its children
 * @ike: the IKE SA: the one that it crossed, if that is up, owns the connection from now on
 */
void pl_crossed_ends(const struct ike_sa *ike);

/**
 * pl_crossed_response() - a response on an IKE SA, decrypted: the peer has it
 * @ike: the IKE SA
 */
void pl_crossed_response(const struct ike_sa *ike);

#endif
