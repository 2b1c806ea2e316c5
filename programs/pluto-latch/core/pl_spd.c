/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirror of the SPD: would the system protect the packets of this connection, or let them by
 * (RFC 5660 section 2.3, K35 to K37)? What discards packets changes their protection no more than a
 * lost packet does.
 *
 * Pluto's policies are here before the kernel has them, as pluto says. Everybody else's are here as
 * the kernel says, later; and if somebody removes or replaces one of pluto's, that one is marked as
 * taken until the kernel says that it is back. The kernel tells of pluto's own changes, too, and
 * not that they are pluto's: a message about what pluto has changed again may mark its policy as
 * taken, and the one about that change, which is on its way, gives it back.
 *
 * No policy is told apart from one that lets packets by: pluto also removes policies because an SA
 * ended. Nobody changed his mind then (L5, K15), and the guard holds the flow meanwhile.
 *
 * Invariant: in doubt the answer is "in clear". That costs a break, never a packet. A policy that
 * may not apply (for packets with a mark, say) counts where it would let packets by, and nowhere
 * else. Which peer a policy of pluto's leads to is not answered here: the SAs say that
 * (pl_conflict). A foreign one must want SAs of the connection.
 */

#include "core/pl_spd.h"

#include "core/pl_reach.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* @is_named: of pluto's: the kernel has told by what else than its selectors it knows it */
struct entry {
	struct pl_reach reach;	/* first: an entry is found by it */
	LIST_ENTRY(entry) link;
	struct pl_xfrm_policy key;
	bool is_foreign, is_named, is_taken, is_listed;
};

struct pl_spd {
	struct pl_reach_tree entries;
	LIST_HEAD(, entry) all;
	uint64_t last_number, deeds;
};

struct pl_spd *pl_spd_new(void)
{
	struct pl_spd *spd = calloc(1, sizeof(*spd));

	if (spd == NULL)
		return NULL;
	RB_INIT(&spd->entries);
	LIST_INIT(&spd->all);
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
	spd->deeds += entry->is_foreign;
	pl_reach_remove(&spd->entries, &entry->reach);
	LIST_REMOVE(entry, link);
	free(entry);
}

void pl_spd_clear(struct pl_spd *spd)
{
	while (!LIST_EMPTY(&spd->all))
		drop(spd, LIST_FIRST(&spd->all));
}

static struct pl_reach reach_of(const struct pl_xfrm_policy *policy, uint64_t number)
{
	bool is_out = policy->direction == PL_DIR_OUT;
	struct pl_reach reach;

	pl_reach_between(is_out ? &policy->src : &policy->dst,
			 is_out ? &policy->dst : &policy->src, number, &reach);
	return reach;
}

static bool selects_alike(const struct pl_xfrm_policy *a, const struct pl_xfrm_policy *b)
{
	return a->direction == b->direction && a->user == b->user &&
	       pl_ts_is_equal(&a->src, &b->src) && pl_ts_is_equal(&a->dst, &b->dst);
}

static bool is_known_alike(const struct pl_xfrm_policy *a, const struct pl_xfrm_policy *b)
{
	return a->ifindex == b->ifindex && a->if_id == b->if_id && a->type == b->type &&
	       a->mark.value == b->mark.value && a->mark.mask == b->mark.mask;
}

/* Pluto has one of each selectors, and so has this daemon; of foreign ones more than that is
 * compared. */
static struct entry *find_at(const struct pl_spd *spd, const struct pl_reach *like,
			     const struct pl_xfrm_policy *policy, bool is_foreign)
{
	struct pl_reach *reach = NULL;

	while ((reach = pl_reach_same(&spd->entries, like, reach)) != NULL) {
		struct entry *entry = (struct entry *)reach;

		if (entry->is_foreign == is_foreign && selects_alike(&entry->key, policy) &&
		    (!is_foreign || is_known_alike(&entry->key, policy)))
			return entry;
	}
	return NULL;
}

static struct entry *find(const struct pl_spd *spd, const struct pl_xfrm_policy *policy,
			  bool is_foreign)
{
	struct pl_reach like = reach_of(policy, 0);

	return find_at(spd, &like, policy, is_foreign);
}

static struct entry *find_or_make(struct pl_spd *spd, const struct pl_xfrm_policy *policy,
				  bool is_foreign)
{
	struct entry *entry = find(spd, policy, is_foreign);

	if (entry != NULL)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->is_foreign = is_foreign;
	entry->key = *policy;
	entry->reach = reach_of(policy, ++spd->last_number);
	pl_reach_insert(&spd->entries, &entry->reach);
	LIST_INSERT_HEAD(&spd->all, entry, link);
	return entry;
}

static void drop_foreign(struct pl_spd *spd, const struct pl_reach *like,
			 const struct pl_xfrm_policy *policy)
{
	struct entry *foreign = find_at(spd, like, policy, true);

	if (foreign != NULL)
		drop(spd, foreign);
}

/* What pluto says */

static bool is_discarding(const struct pl_policy_facts *policy)
{
	static const char *const names[] = { "HOLD", "DROP", "REJECT" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(policy->shunt, names[i]) == 0)
			return true;
	}
	return false;
}

static struct pl_xfrm_policy policy_of(const struct pl_policy_facts *facts)
{
	return (struct pl_xfrm_policy) {
		.direction = facts->direction, .src = facts->src, .dst = facts->dst,
		.priority = facts->priority, .reqid = facts->reqid,
		.effect = is_discarding(facts) ? PL_XFRM_DISCARDS :
			  facts->nr_templates == 0 ? PL_XFRM_PASSES : PL_XFRM_PROTECTS,
	};
}

int pl_spd_add(struct pl_spd *spd, const struct pl_policy_facts *facts, bool *ret_is_change)
{
	struct pl_xfrm_policy policy = policy_of(facts);
	uint64_t before = spd->last_number;
	struct entry *entry = find_or_make(spd, &policy, false);

	if (entry == NULL)
		return -ENOMEM;
	*ret_is_change = spd->last_number != before || entry->key.priority != policy.priority ||
			 entry->key.effect != policy.effect || entry->key.reqid != policy.reqid;
	entry->key.priority = policy.priority;
	entry->key.effect = policy.effect;
	entry->key.reqid = policy.reqid;
	return 0;
}

void pl_spd_remove(struct pl_spd *spd, const struct pl_policy_facts *facts)
{
	struct pl_xfrm_policy policy = policy_of(facts);
	struct entry *entry = find(spd, &policy, false);

	if (entry != NULL)
		drop(spd, entry);
}

/* What this daemon puts in front of them */

static struct pl_xfrm_policy own_policy(const struct pl_tuple *tuple, enum pl_direction way,
					enum pl_xfrm_effect effect, uint32_t reqid)
{
	struct pl_xfrm_policy policy = {
		.direction = way, .user = PL_XFRM_OURS, .priority = PL_XFRM_FIRST,
		.effect = effect, .reqid = reqid,
	};

	if (way == PL_DIR_OUT)
		pl_tuple_selectors(tuple, &policy.src, &policy.dst);
	else
		pl_tuple_selectors(tuple, &policy.dst, &policy.src);
	return policy;
}

int pl_spd_steer(struct pl_spd *spd, const struct pl_tuple *tuple, enum pl_xfrm_effect effect,
		 uint32_t reqid)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_xfrm_policy policy = own_policy(tuple, way, effect, reqid);
		struct entry *entry = find_or_make(spd, &policy, false);

		if (entry == NULL)
			return -ENOMEM;
		/* Whatever had our name was overwritten. */
		drop_foreign(spd, &entry->reach, &policy);
		entry->key = policy;
		entry->is_named = true;
		entry->is_taken = false;
	}
	return 0;
}

void pl_spd_unsteer(struct pl_spd *spd, const struct pl_tuple *tuple)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_xfrm_policy policy = own_policy(tuple, way, PL_XFRM_PASSES, 0);
		struct entry *entry = find(spd, &policy, false);

		if (entry != NULL)
			drop(spd, entry);
	}
}

/* What the kernel says */

static bool is_of_sockets(const struct pl_xfrm_policy *policy)
{
	return policy->direction == PL_DIR_IN || policy->direction == PL_DIR_OUT;
}

static bool says_the_same(const struct entry *own, const struct pl_xfrm_policy *policy)
{
	const struct pl_xfrm_policy *key = &own->key;

	return (!own->is_named || (is_known_alike(key, policy) &&
				   key->is_partial == policy->is_partial)) &&
	       key->priority == policy->priority && key->effect == policy->effect &&
	       (key->effect != PL_XFRM_PROTECTS || key->reqid == policy->reqid);
}

static void take(struct pl_spd *spd, struct entry *own)
{
	spd->deeds += !own->is_taken;
	own->is_taken = true;
}

/* From now on the kernel's names for it are known. */
static void give_back(struct pl_spd *spd, struct entry *own, const struct pl_xfrm_policy *policy)
{
	spd->deeds += own->is_taken;
	own->key.ifindex = policy->ifindex;
	own->key.if_id = policy->if_id;
	own->key.mark = policy->mark;
	own->key.type = policy->type;
	own->key.is_partial = policy->is_partial;
	own->is_named = true;
	own->is_taken = false;
	own->is_listed = true;
}

static int put_foreign(struct pl_spd *spd, const struct pl_xfrm_policy *policy)
{
	struct entry *foreign = find_or_make(spd, policy, true);

	if (foreign == NULL)
		return -ENOMEM;
	spd->deeds++;
	foreign->key = *policy;
	foreign->is_listed = true;
	return 0;
}

int pl_spd_kernel_new(struct pl_spd *spd, const struct pl_xfrm_policy *policy)
{
	struct entry *own;

	if (!is_of_sockets(policy))
		return 0;
	own = find(spd, policy, false);
	if (own != NULL && says_the_same(own, policy)) {
		drop_foreign(spd, &own->reach, policy);
		give_back(spd, own, policy);
		return 0;
	}
	if (own != NULL && is_known_alike(&own->key, policy))
		take(spd, own);
	return put_foreign(spd, policy);
}

void pl_spd_kernel_gone(struct pl_spd *spd, const struct pl_xfrm_policy *policy)
{
	struct pl_reach like;
	struct entry *own;

	if (!is_of_sockets(policy))
		return;
	like = reach_of(policy, 0);
	own = find_at(spd, &like, policy, false);
	drop_foreign(spd, &like, policy);
	if (own != NULL && is_known_alike(&own->key, policy))
		take(spd, own);
}

void pl_spd_kernel_flush(struct pl_spd *spd, uint8_t type)
{
	struct entry *entry, *next;

	LIST_FOREACH_SAFE(entry, &spd->all, link, next) {
		if (entry->key.type != type)
			continue;
		if (entry->is_foreign)
			drop(spd, entry);
		else
			take(spd, entry);
	}
}

void pl_spd_list_begin(struct pl_spd *spd)
{
	struct entry *entry;

	LIST_FOREACH(entry, &spd->all, link)
		entry->is_listed = false;
}

/* A list does not say who made what. */
int pl_spd_listed(struct pl_spd *spd, const struct pl_xfrm_policy *policy)
{
	struct entry *own;

	if (!is_of_sockets(policy))
		return 0;
	own = find(spd, policy, false);
	if (own == NULL || !says_the_same(own, policy))
		return put_foreign(spd, policy);
	give_back(spd, own, policy);
	return 0;
}

void pl_spd_list_end(struct pl_spd *spd)
{
	struct entry *entry, *next;

	LIST_FOREACH_SAFE(entry, &spd->all, link, next) {
		if (entry->is_listed)
			continue;
		if (entry->is_foreign)
			drop(spd, entry);
		else
			take(spd, entry);
	}
}

uint64_t pl_spd_deeds(const struct pl_spd *spd)
{
	return spd->deeds;
}

/* Judging */

static bool applies(const struct entry *entry, const struct pl_tuple *tuple)
{
	bool is_out = entry->key.direction == PL_DIR_OUT;
	const struct pl_ts *local = is_out ? &entry->key.src : &entry->key.dst;
	const struct pl_ts *remote = is_out ? &entry->key.dst : &entry->key.src;

	return pl_ts_is_valid(local) && pl_ts_is_valid(remote) &&
	       pl_tuple_ts_meets(local, tuple->af, tuple->local, tuple->proto,
				 tuple->local_port) &&
	       pl_tuple_ts_meets(remote, tuple->af, tuple->remote, tuple->proto,
				 tuple->remote_port);
}

/* Of each direction the best policy, the best of those that may not apply and would do harm, and
 * the best that discards, whether it applies or not. */
struct judging {
	const struct pl_tuple *tuple;
	const uint32_t *reqids;
	unsigned nr;
	bool is_bare;
	const struct entry *best[PL_DIR_ROOF], *doubtful[PL_DIR_ROOF], *discarding[PL_DIR_ROOF];
	bool is_taken[PL_DIR_ROOF];
};

static enum pl_spd_answer answer_of(const struct judging *judging, const struct entry *entry)
{
	if (entry->key.effect == PL_XFRM_PASSES)
		return PL_SPD_PASSES;
	if (!entry->is_foreign || entry->key.effect == PL_XFRM_DISCARDS)
		return PL_SPD_PROTECTS;
	for (unsigned i = 0; i < judging->nr; i++) {
		if (judging->reqids[i] == entry->key.reqid)
			return PL_SPD_PROTECTS;
	}
	return PL_SPD_DIVERTS;
}

/* Which of two equals the kernel takes depends on their history. */
static void keep_better(const struct judging *judging, const struct entry **best,
			const struct entry *entry)
{
	if (*best == NULL || entry->key.priority < (*best)->key.priority ||
	    (entry->key.priority == (*best)->key.priority &&
	     answer_of(judging, entry) > answer_of(judging, *best)))
		*best = entry;
}

static bool may_not_apply(const struct pl_xfrm_policy *key)
{
	return key->is_partial || key->ifindex != 0 || key->if_id != 0 || key->mark.mask != 0 ||
	       key->type != 0;
}

static bool is_ours(const struct entry *entry)
{
	return !entry->is_foreign && entry->key.user == PL_XFRM_OURS;
}

static int judge(void *ctx, struct pl_reach *reach)
{
	struct judging *judging = ctx;
	const struct entry *entry = (const struct entry *)reach;
	enum pl_direction way = entry->key.direction;

	if ((unsigned)way >= PL_DIR_ROOF || !applies(entry, judging->tuple) ||
	    (judging->is_bare && is_ours(entry)))
		return 0;
	if (!entry->is_taken && entry->key.effect == PL_XFRM_DISCARDS)
		keep_better(judging, &judging->discarding[way], entry);
	if (entry->is_taken)
		judging->is_taken[way] = true;
	else if (!entry->is_foreign || !may_not_apply(&entry->key))
		keep_better(judging, &judging->best[way], entry);
	else if (answer_of(judging, entry) != PL_SPD_PROTECTS)
		keep_better(judging, &judging->doubtful[way], entry);
	return 0;
}

static enum pl_spd_answer answer(const struct judging *judging, enum pl_direction way)
{
	const struct entry *best = judging->best[way], *doubtful = judging->doubtful[way];
	enum pl_spd_answer sure, other;

	sure = best != NULL ? answer_of(judging, best) :
	       judging->is_taken[way] ? PL_SPD_TAKEN : PL_SPD_ABSENT;
	if (doubtful == NULL ||
	    (best != NULL && best->key.priority < doubtful->key.priority))
		return sure;
	other = answer_of(judging, doubtful);
	return other > sure ? other : sure;
}

static enum pl_spd_answer judge_both(const struct pl_spd *spd, struct judging *judging,
				     enum pl_direction *ret)
{
	enum pl_spd_answer in, out, worse;

	(void)pl_reach_search(&spd->entries, judging->tuple, judge, judging, NULL);
	in = answer(judging, PL_DIR_IN);
	out = answer(judging, PL_DIR_OUT);
	worse = in > out ? in : out;
	if (worse != PL_SPD_PROTECTS)
		*ret = in > out ? PL_DIR_IN : PL_DIR_OUT;
	return worse;
}

enum pl_spd_answer pl_spd_judge(const struct pl_spd *spd, const struct pl_tuple *tuple,
				const uint32_t *reqids, unsigned nr, enum pl_direction *ret)
{
	struct judging judging = { .tuple = tuple, .reqids = reqids, .nr = nr };

	return judge_both(spd, &judging, ret);
}

enum pl_spd_answer pl_spd_judge_bare(const struct pl_spd *spd, const struct pl_tuple *tuple,
				     const uint32_t *reqids, unsigned nr, enum pl_direction *ret)
{
	struct judging judging = { .tuple = tuple, .reqids = reqids, .nr = nr, .is_bare = true };

	return judge_both(spd, &judging, ret);
}

static bool wants_others(const struct judging *judging, const struct entry *entry)
{
	return entry != NULL && answer_of(judging, entry) == PL_SPD_DIVERTS;
}

bool pl_spd_may_steer(const struct pl_spd *spd, const struct pl_tuple *tuple,
		      const uint32_t *reqids, unsigned nr, bool is_past_others)
{
	struct judging judging = { .tuple = tuple, .reqids = reqids, .nr = nr, .is_bare = true };

	(void)pl_reach_search(&spd->entries, tuple, judge, &judging, NULL);
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		const struct entry *best = judging.best[way];
		const struct entry *discarding = judging.discarding[way];

		if (discarding != NULL &&
		    (best == NULL || discarding->key.priority <= best->key.priority))
			return false;
		if (!is_past_others && (wants_others(&judging, best) ||
					wants_others(&judging, judging.doubtful[way])))
			return false;
	}
	return true;
}

bool pl_spd_is_bypassed(const struct pl_spd *spd, const struct pl_tuple *tuple)
{
	struct judging judging = { .tuple = tuple };

	(void)pl_reach_search(&spd->entries, tuple, judge, &judging, NULL);
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		const struct entry *best = judging.best[way];

		if (best == NULL || !is_ours(best) || best->key.effect != PL_XFRM_PASSES)
			return false;
	}
	return true;
}
