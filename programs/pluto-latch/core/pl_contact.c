/* SPDX-License-Identifier: GPL-2.0-or-later */

/* INITIAL_CONTACT (RFC 7296 section 2.4): the peer claims to know no other IKE SA with this host,
 * as after a reboot. Libreswan claims it with each IKE SA that it initiates and that is no
 * successor by rekey: a reauthentication, or two initiations that cross, look like a reboot. So it
 * is a suspicion, and the old IKE SA decides: its peer is asked for a sign of life on it. Who lost
 * it cannot answer, and that is the silence which ends latches (K19, design D8). Whoever answers
 * was not rebooted, and nothing has happened.
 *
 * Invariants:
 * - Only an IKE SA of the same peer (pl_peer_diff) is put in doubt: what somebody else claims
 *   says nothing about him. So NULL never does, and PSK where it proves nobody does not either.
 * - A doubt ends with an answer or with the IKE SA, and a second INITIAL_CONTACT does not renew it.
 * - What was latched under SAs of the heir, which were there after the reboot only, is spared. A
 *   latch remembers the IKE SA it was made under by its lineage; serials rise, so that one later
 *   than both ends of the doubt began later, too.
 */

#include "core/pl_contact.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

struct contact {
	uint64_t ike;
	struct pl_peer peer;
	struct pl_doubt doubt;
	RB_ENTRY(contact) by_ike;
};

static int compare(const struct contact *a, const struct contact *b)
{
	return (a->ike > b->ike) - (a->ike < b->ike);
}

RB_HEAD(by_ike, contact);

struct pl_contacts {
	struct by_ike tree;
};

/* The macro makes functions that nobody calls. */
RB_GENERATE_INTERNAL(by_ike, contact, by_ike, compare, __attribute__((unused)) static)

static struct contact *find(const struct pl_world *world, uint64_t ike)
{
	struct contact key = { .ike = ike };

	return RB_FIND(by_ike, &world->contacts->tree, &key);
}

static void drop(struct pl_contacts *contacts, struct contact *contact)
{
	RB_REMOVE(by_ike, &contacts->tree, contact);
	pl_identity_unref(contact->peer.identity);
	free(contact);
}

struct pl_contacts *pl_contacts_new(void)
{
	return calloc(1, sizeof(struct pl_contacts));
}

struct pl_contacts *pl_contacts_free(struct pl_contacts *contacts)
{
	struct contact *contact;

	if (contacts == NULL)
		return NULL;
	while ((contact = RB_MIN(by_ike, &contacts->tree)) != NULL)
		drop(contacts, contact);
	free(contacts);
	return NULL;
}

static void doubt(const struct pl_world *world, struct contact *old, uint64_t heir)
{
	const struct pl_ike_ops *ops = world->ops.ike;

	if (old->doubt.heir != 0 || ops == NULL || ops->ask_alive == NULL ||
	    ops->ask_alive(world->ops.ike_ctx, old->ike) != 0)
		return;
	old->doubt = (struct pl_doubt) { heir, old->ike > heir ? old->ike : heir };
}

/* A question costs the peer more than this walk costs us: he has authenticated himself before it.
 */
static void doubt_others(const struct pl_world *world, uint64_t ike, const struct pl_peer *peer)
{
	struct contact *other;

	RB_FOREACH(other, by_ike, &world->contacts->tree) {
		if (other->ike != ike &&
		    pl_peer_diff(&other->peer, peer, world->rules.match) == 0)
			doubt(world, other, ike);
	}
}

void pl_contact_up(struct pl_world *world, const struct pl_fact *fact)
{
	struct contact *contact;
	struct pl_peer peer = {
		.identity = fact->identity, .lineage = pl_sad_lineage(world->sad, fact->ike),
		.is_id_fixed = fact->conn.is_peer_id_fixed,
	};

	if (fact->ike == 0 || fact->identity == NULL || find(world, fact->ike) != NULL)
		return;
	if (fact->u.ike.has_initial_contact && fact->u.ike.rekeys == 0)
		doubt_others(world, fact->ike, &peer);
	contact = calloc(1, sizeof(*contact));
	if (contact == NULL)
		return;
	contact->ike = fact->ike;
	contact->peer = peer;
	contact->peer.identity = pl_identity_ref(fact->identity);
	RB_INSERT(by_ike, &world->contacts->tree, contact);
}

void pl_contact_alive(struct pl_world *world, uint64_t ike)
{
	struct contact *contact = find(world, ike);

	if (contact != NULL)
		contact->doubt = (struct pl_doubt) { 0, 0 };
}

void pl_contact_down(struct pl_world *world, uint64_t ike)
{
	struct contact *contact = find(world, ike);

	if (contact != NULL)
		drop(world->contacts, contact);
}

bool pl_contact_is_doubted(const struct pl_world *world, uint64_t ike, struct pl_doubt *ret)
{
	const struct contact *contact = find(world, ike);

	if (contact == NULL || contact->doubt.heir == 0)
		return false;
	*ret = contact->doubt;
	return true;
}

bool pl_contact_spares(const struct pl_doubt *doubt, const struct pl_latch *latch)
{
	uint64_t lineage = latch->params.peer.lineage;

	return lineage == doubt->heir || lineage > doubt->last;
}
