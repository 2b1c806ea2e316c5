/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_PEER_ID_H
#define PL_PEER_ID_H

#include "core/pl_params.h"

#include <stdbool.h>

/* No ID that is asked for is longer: with it a latch still fits into its slot of the journal. */
#define PL_PEER_ID_MAX 255

/**
 * pl_peer_id_read() - an ID that somebody wants to reach, or to be reached by
 * @text: as pluto writes IDs, from anybody: "@east", "user@example.org", "192.0.2.1",
 *        "2001:db8::1", "@#0x0a0b", "C=CA, O=Example, CN=east"
 * @ret:  the same, addresses in their shortest form, one space behind each comma of a DN
 *
 * What names nobody in particular is refused: %any, ID_NULL, a host name, a DN with a value of "*".
 *
 * Return: 0; PL_E_MALFORMED, also for what is empty or not printable ASCII; PL_E_LIMIT_EXCEEDED
 * for what is longer than PL_PEER_ID_MAX
 */
int pl_peer_id_read(const char *text, char ret[static PL_PEER_ID_MAX + 1]) PL_MUST_USE;

/**
 * pl_peer_id_admits() - the peer has proved that this is its ID
 * @wanted: of pl_peer_id_read(); NULL admits everybody
 * @peer:   of an SA or a latch
 *
 * The comparison is exact, and of the ID that pluto authorised. An ID of another type that looks
 * the same is another one. Who has no key of its own has proved nothing, but one whom a connection
 * with a PSK names.
 */
bool pl_peer_id_admits(const char *wanted, const struct pl_peer *peer) PL_MUST_USE;

/**
 * pl_peer_id_wanted() - with whom are SAs of a latch to be set up
 * @demand:  whom it is for; NULL is anybody
 * @latched: of the latch; without an identity while it has none
 *
 * Return: an ID as pluto writes it, of @demand or else of @latched; NULL is anybody
 */
const char *pl_peer_id_wanted(const char *demand, const struct pl_peer *latched);

/**
 * pl_peer_id_may_be() - could who has one of these IDs prove the other one
 * @one:   as pluto writes it, of a connection or of a peer; NULL is not known
 * @other: likewise
 *
 * Before anybody has proved anything, so unlike pl_peer_id_admits() it says yes in doubt: where an
 * ID is not known or names nobody in particular, and for DNs that differ in the order of their
 * attributes. Letter case counts nowhere, as in pluto.
 */
bool pl_peer_id_may_be(const char *one, const char *other) PL_MUST_USE;

#endif
