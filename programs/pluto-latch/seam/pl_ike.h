/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_IKE_H
#define PL_IKE_H

#include "core/pl_facts.h"

struct ike_sa;

/**
 * struct pl_ike - what we keep about an IKE SA as long as pluto has it
 * @serial:       pluto's serial number of it
 * @identity:     of its peer, from authentication; inherited in a rekey; NULL before
 * @is_peer_id_fixed: its connection admitted no other peer; of authentication, inherited likewise
 * @rekeyed_by:   serial of its successor, or 0
 * @is_peer_deleting: the peer's Delete for it is being answered
 * @is_asked:     the engine waits for a sign of life on it
 * @newest:       of one that this end began, when it came up: the highest serial of all SAs, or 0
 * @twin:         serial of the one that it crossed, or 0
 * @is_crossed:   the peer's own, and whether it still has it is not known (pl_crossed.c)
 * @peer_error:   the error notification in the peer's last response, 0 for none
 * @auth_wire:    method of the peer's AUTH that verified; 0 when none did
 * @id_type:      of the peer's ID payload
 * @id:           data of that payload, pl_ike's own
 * @id_len:       of @id
 */
struct pl_ike {
	uint64_t serial;
	struct pl_identity *identity;
	bool is_peer_id_fixed;
	uint64_t rekeyed_by;
	bool is_peer_deleting;
	bool is_asked;
	bool is_crossed;
	uint64_t newest;
	uint64_t twin;
	uint32_t peer_error;
	uint8_t auth_wire;
	uint8_t id_type;
	uint8_t *id;
	size_t id_len;
	struct pl_ike *next;
};

/**
 * pl_ike_find() - the record of an IKE SA
 * @serial: of the IKE SA
 *
 * Return: NULL when nothing was noted about it
 */
struct pl_ike *pl_ike_find(uint64_t serial);

/**
 * pl_ike_make() - the record of an IKE SA, made when there is none
 * @serial: of the IKE SA
 *
 * Return: NULL without memory
 */
struct pl_ike *pl_ike_make(uint64_t serial);

/**
 * pl_ike_set_id() - the peer's ID payload came
 * @note: of its IKE SA
 * @body: of the payload, from its type on; copied
 *
 * What was noted before is gone in any case: without memory, or where it is too short, the peer
 * has no ID, and so no identity.
 */
void pl_ike_set_id(struct pl_ike *note, struct pl_blob body);

/**
 * pl_ike_drop() - the IKE SA is gone
 * @serial: of the IKE SA; may have no record
 */
void pl_ike_drop(uint64_t serial);

/**
 * pl_ike_drop_all() - at the end of the daemon
 */
void pl_ike_drop_all(void);

/**
 * pl_ike_authenticated() - copy the identity of an IKE SA that was just authenticated
 * @ike:  pluto's IKE SA
 * @note: its record; gets .identity, or keeps NULL where that is impossible
 */
void pl_ike_authenticated(const struct ike_sa *ike, struct pl_ike *note);

#endif
