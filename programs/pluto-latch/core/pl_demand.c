/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Beside the database, because a name is longer than all the rest of a latch, and few latches have
 * one. There are never more than latches, whose limits hold here, too.
 */

#include "core/pl_demand.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct demand {
	RB_ENTRY(demand) by_id;
	uint64_t id;
	char peer[];
};

static int compare(const struct demand *a, const struct demand *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

RB_HEAD(by_id, demand);

struct pl_demands {
	struct by_id by_id;
};

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(by_id, demand, by_id, compare, OURS)

struct pl_demands *pl_demands_new(void)
{
	struct pl_demands *demands = calloc(1, sizeof(*demands));

	if (demands != NULL)
		RB_INIT(&demands->by_id);
	return demands;
}

struct pl_demands *pl_demands_free(struct pl_demands *demands)
{
	struct demand *demand;

	if (demands == NULL)
		return NULL;
	while ((demand = RB_ROOT(&demands->by_id)) != NULL) {
		RB_REMOVE(by_id, &demands->by_id, demand);
		free(demand);
	}
	free(demands);
	return NULL;
}

static struct demand *find(const struct pl_demands *demands, uint64_t id)
{
	struct demand key = { .id = id };

	return RB_FIND(by_id, (struct by_id *)&demands->by_id, &key);
}

int pl_demands_set(struct pl_demands *demands, uint64_t id, const char *peer)
{
	size_t size = peer == NULL ? 0 : strlen(peer) + 1;
	struct demand *demand;

	if (peer == NULL) {
		pl_demands_drop(demands, id);
		return 0;
	}
	demand = malloc(sizeof(*demand) + size);
	if (demand == NULL)
		return -ENOMEM;
	demand->id = id;
	memcpy(demand->peer, peer, size);
	pl_demands_drop(demands, id);
	RB_INSERT(by_id, &demands->by_id, demand);
	return 0;
}

void pl_demands_drop(struct pl_demands *demands, uint64_t id)
{
	struct demand *demand = find(demands, id);

	if (demand == NULL)
		return;
	RB_REMOVE(by_id, &demands->by_id, demand);
	free(demand);
}

const char *pl_demands_find(const struct pl_demands *demands, uint64_t id)
{
	const struct demand *demand = find(demands, id);

	return demand == NULL ? NULL : demand->peer;
}
