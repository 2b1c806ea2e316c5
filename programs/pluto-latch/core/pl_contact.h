/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONTACT_H
#define PL_CONTACT_H

#include "core/pl_step.h"

/* The IKE SAs that are up, and whose. */
struct pl_contacts;

/**
 * struct pl_doubt - whether the peer of an IKE SA still knows of it
 * @heir: the IKE SA whose peer, the same one, said INITIAL_CONTACT in its authentication
 * @last: serial of the younger of the two
 */
struct pl_doubt {
	uint64_t heir, last;
};

/**
 * pl_contacts_new() - without any
 *
 * Return: NULL without memory
 */
struct pl_contacts *pl_contacts_new(void) PL_MUST_USE;

/**
 * pl_contacts_free() - with all of them
 * @contacts: NULL is fine
 *
 * Return: NULL
 */
struct pl_contacts *pl_contacts_free(struct pl_contacts *contacts);

/**
 * pl_contact_up() - an IKE SA is up
 * @world: the world
 * @fact:  PL_FACT_IKE_UP, after pl_sad_ike_up()
 *
 * With INITIAL_CONTACT its peer is asked on each other IKE SA of his whether he still knows of it,
 * and that one is in doubt until he answers. Without memory this one is never in doubt.
 */
void pl_contact_up(struct pl_world *world, const struct pl_fact *fact);

/**
 * pl_contact_alive() - the peer has answered: no doubt is left
 * @world: the world
 * @ike:   serial of the IKE SA
 */
void pl_contact_alive(struct pl_world *world, uint64_t ike);

/**
 * pl_contact_down() - an IKE SA is gone
 * @world: the world
 * @ike:   its serial
 */
void pl_contact_down(struct pl_world *world, uint64_t ike);

/**
 * pl_contact_is_doubted() - is it in doubt
 * @world: the world
 * @ike:   serial of the IKE SA
 * @ret:   written if so
 */
bool pl_contact_is_doubted(const struct pl_world *world, uint64_t ike, struct pl_doubt *ret);

/**
 * pl_contact_spares() - it began after its peer had lost the IKE SA in doubt
 * @doubt: of that IKE SA
 * @latch: a connection of the same peer
 */
bool pl_contact_spares(const struct pl_doubt *doubt, const struct pl_latch *latch);

#endif
