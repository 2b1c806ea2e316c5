/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What we know about each IKE SA beyond what pluto keeps: above all the identity of its peer, which
 * pluto forgets in an IKE rekey (certificates and public key are NULL on the successor).
 *
 * Invariant: a record never outlives its IKE SA by more than the deletion in progress, and serial
 * numbers are never reused, so a lookup cannot find somebody else's identity.
 */

#include "seam/pl_ike.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

static struct pl_ike *table[BUCKETS];

struct pl_ike *pl_ike_find(uint64_t serial)
{
	struct pl_ike *note = table[serial % BUCKETS];

	while (note != NULL && note->serial != serial)
		note = note->next;
	return note;
}

struct pl_ike *pl_ike_make(uint64_t serial)
{
	struct pl_ike *note = pl_ike_find(serial);

	if (note != NULL)
		return note;
	note = calloc(1, sizeof(*note));
	if (note == NULL)
		return NULL;
	note->serial = serial;
	note->next = table[serial % BUCKETS];
	table[serial % BUCKETS] = note;
	return note;
}

void pl_ike_set_id(struct pl_ike *note, struct pl_blob body)
{
	enum { TYPE_AND_RESERVED = 4 };

	free(note->id);
	note->id = NULL;
	note->id_len = 0;
	note->id_type = 0;
	if (body.len < TYPE_AND_RESERVED)
		return;
	note->id = malloc(body.len - TYPE_AND_RESERVED + 1);
	if (note->id == NULL)
		return;
	memcpy(note->id, body.ptr + TYPE_AND_RESERVED, body.len - TYPE_AND_RESERVED);
	note->id_len = body.len - TYPE_AND_RESERVED;
	note->id_type = body.ptr[0];
}

void pl_ike_drop(uint64_t serial)
{
	struct pl_ike **at = &table[serial % BUCKETS];
	struct pl_ike *note;

	while (*at != NULL && (*at)->serial != serial)
		at = &(*at)->next;
	note = *at;
	if (note == NULL)
		return;
	*at = note->next;
	pl_identity_unref(note->identity);
	free(note->id);
	free(note);
}

void pl_ike_drop_all(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		while (table[i] != NULL)
			pl_ike_drop(table[i]->serial);
}
