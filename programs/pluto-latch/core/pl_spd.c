/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirror of the SPD, as far as pluto changes it: would the system protect the packets of this
 * connection, or let them by (RFC 5660 section 2.3, K35 to K37)? What discards packets changes
 * their protection no more than a lost packet does.
 *
 * No policy is told apart from one that lets packets by: pluto also removes policies because an SA
 * ended. Nobody changed his mind then (L5, K15), and the guard holds the flow meanwhile.
 *
 * Invariant: in doubt the answer is "in clear". That costs a break, never a packet. Which peer a
 * policy leads to is not answered here: the SAs say that (pl_conflict).
 */

#include "core/pl_spd.h"

#include "core/pl_reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct pl_reach reach;	/* first: an entry is found by it */
	enum pl_direction direction;
	struct pl_ts src, dst;
	uint32_t priority;
	bool lets_pass;
};

struct pl_spd {
	struct pl_reach_tree entries;
	uint64_t last_number;
};

struct pl_spd *pl_spd_new(void)
{
	struct pl_spd *spd = calloc(1, sizeof(*spd));

	if (spd != NULL)
		RB_INIT(&spd->entries);
	return spd;
}

struct pl_spd *pl_spd_free(struct pl_spd *spd)
{
	if (spd == NULL)
		return NULL;
	pl_spd_clear(spd);
	free(spd);
	return NULL;
}

static void drop(struct pl_spd *spd, struct entry *entry)
{
	pl_reach_remove(&spd->entries, &entry->reach);
	free(entry);
}

void pl_spd_clear(struct pl_spd *spd)
{
	struct pl_reach *reach;

	while ((reach = RB_ROOT(&spd->entries)) != NULL)
		drop(spd, (struct entry *)reach);
}

static struct pl_reach reach_of(const struct pl_policy_facts *policy, uint64_t number)
{
	bool is_out = policy->direction == PL_DIR_OUT;
	struct pl_ts_list local = { .len = 1, .list = { is_out ? policy->src : policy->dst } };
	struct pl_ts_list remote = { .len = 1, .list = { is_out ? policy->dst : policy->src } };
	struct pl_reach reach;

	pl_reach_make(PL_ROLE_INITIATOR, &local, &remote, number, &reach);
	return reach;
}

static struct entry *find(const struct pl_spd *spd, const struct pl_policy_facts *policy)
{
	struct pl_reach like = reach_of(policy, 0), *reach = NULL;

	while ((reach = pl_reach_same(&spd->entries, &like, reach)) != NULL) {
		struct entry *entry = (struct entry *)reach;

		if (entry->direction == policy->direction &&
		    pl_ts_is_equal(&entry->src, &policy->src) &&
		    pl_ts_is_equal(&entry->dst, &policy->dst))
			return entry;
	}
	return NULL;
}

static bool is_discarding(const struct pl_policy_facts *policy)
{
	static const char *const names[] = { "HOLD", "DROP", "REJECT" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(policy->shunt, names[i]) == 0)
			return true;
	}
	return false;
}

int pl_spd_add(struct pl_spd *spd, const struct pl_policy_facts *policy)
{
	struct entry *entry = find(spd, policy);

	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL)
			return -ENOMEM;
		entry->direction = policy->direction;
		entry->src = policy->src;
		entry->dst = policy->dst;
		entry->reach = reach_of(policy, ++spd->last_number);
		pl_reach_insert(&spd->entries, &entry->reach);
	}
	entry->priority = policy->priority;
	entry->lets_pass = policy->nr_templates == 0 && !is_discarding(policy);
	return 0;
}

void pl_spd_remove(struct pl_spd *spd, const struct pl_policy_facts *policy)
{
	struct entry *entry = find(spd, policy);

	if (entry != NULL)
		drop(spd, entry);
}

static bool applies(const struct entry *entry, const struct pl_tuple *tuple)
{
	bool is_out = entry->direction == PL_DIR_OUT;
	const struct pl_ts *local = is_out ? &entry->src : &entry->dst;
	const struct pl_ts *remote = is_out ? &entry->dst : &entry->src;

	return pl_ts_is_valid(local) && pl_ts_is_valid(remote) &&
	       pl_tuple_ts_meets(local, tuple->af, tuple->local, tuple->proto,
				 tuple->local_port) &&
	       pl_tuple_ts_meets(remote, tuple->af, tuple->remote, tuple->proto,
				 tuple->remote_port);
}

/* The best policy of each direction. */
struct judging {
	const struct pl_tuple *tuple;
	const struct entry *best[PL_DIR_ROOF];
};

static int judge(void *ctx, struct pl_reach *reach)
{
	struct judging *judging = ctx;
	const struct entry *entry = (const struct entry *)reach;
	const struct entry **best;

	if ((unsigned)entry->direction >= PL_DIR_ROOF || !applies(entry, judging->tuple))
		return 0;
	best = &judging->best[entry->direction];
	if (*best == NULL || entry->priority < (*best)->priority ||
	    (entry->priority == (*best)->priority && entry->lets_pass))
		*best = entry;
	return 0;
}

static enum pl_spd_answer answer(const struct entry *best)
{
	return best == NULL ? PL_SPD_ABSENT :
	       best->lets_pass ? PL_SPD_PASSES : PL_SPD_PROTECTS;
}

enum pl_spd_answer pl_spd_judge(const struct pl_spd *spd, const struct pl_tuple *tuple,
				enum pl_direction *ret)
{
	struct judging judging = { .tuple = tuple };
	enum pl_spd_answer in, out, worse;

	(void)pl_reach_search(&spd->entries, tuple, judge, &judging, NULL);
	in = answer(judging.best[PL_DIR_IN]);
	out = answer(judging.best[PL_DIR_OUT]);
	worse = in > out ? in : out;
	if (worse != PL_SPD_PROTECTS)
		*ret = in > out ? PL_DIR_IN : PL_DIR_OUT;
	return worse;
}
