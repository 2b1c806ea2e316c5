/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirror of the kernel's SAs. A foreign SA has no identity, so it conflicts with whatever it
 * may carry (K31, T6): flows that it selects or, when it selects nothing in particular, those
 * between its two ends; and flows that are carried under its reqid, because that is what policies
 * and guard know an SA by. For others, a policy would have to lead to it, and pl_spd sees that one.
 *
 * An SA of pluto's that somebody removed, or replaced under the same SPI, is taken. It stays so
 * until pluto itself makes it anew or lets go of it: an equal SA made by hand would use its keys
 * with the same sequence numbers again.
 *
 * Invariants: pluto's are here before the kernel has them; what the kernel first tells of one is
 * pluto's, because nobody else can have one of the same SPI beside it, and all that it tells later
 * must be about the same. A foreign one is here as long as the kernel has it.
 */

#include "core/pl_ksad.h"

#include "core/pl_reach.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In both directions, because nobody says which one it is for. */
enum { WAYS = 2 };
static const enum pl_role ways[WAYS] = { PL_ROLE_INITIATOR, PL_ROLE_RESPONDER };

/**
 * struct node - one SA
 * @sa:     of pluto's: protocol, SPI, reqid; all of it when the kernel has told
 * @child:  of pluto's; 0 is a foreign one
 * @group:  children of pluto's, reqids of foreign ones, by which they are found, too
 * @is_told: the kernel has told of it: @sa.dst and .mark are known
 * @is_expired: the kernel has it no longer, and pluto still believes in it
 * @sa.digest: 0 while it is not known
 */
struct node {
	struct pl_xfrm_sa sa;
	uint64_t child, group, number;
	bool is_told, is_taken, is_listed, is_expired;
	RB_ENTRY(node) by_spi, by_group;
	LIST_ENTRY(node) link;
	struct reach {
		struct pl_reach reach;
		const struct node *node;
	} reach[WAYS];
};

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_spi(const struct node *a, const struct node *b)
{
	int order = compare_u64(a->sa.protocol, b->sa.protocol);

	if (order == 0)
		order = compare_u64(a->sa.spi, b->sa.spi);
	return order == 0 ? compare_u64(a->number, b->number) : order;
}

static int compare_group(const struct node *a, const struct node *b)
{
	int order = compare_u64(a->group, b->group);

	return order == 0 ? compare_u64(a->number, b->number) : order;
}

RB_HEAD(by_spi, node);
RB_HEAD(by_group, node);

struct pl_ksad {
	struct by_spi by_spi;
	struct by_group children, reqids;
	struct pl_reach_tree reaches;
	LIST_HEAD(, node) all;
	uint64_t last_number, deeds;
	size_t nr[2];
};

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(by_spi, node, by_spi, compare_spi, OURS)
RB_GENERATE_INTERNAL(by_group, node, by_group, compare_group, OURS)

struct pl_ksad *pl_ksad_new(void)
{
	struct pl_ksad *ksad = calloc(1, sizeof(*ksad));

	if (ksad == NULL)
		return NULL;
	RB_INIT(&ksad->by_spi);
	RB_INIT(&ksad->children);
	RB_INIT(&ksad->reqids);
	RB_INIT(&ksad->reaches);
	LIST_INIT(&ksad->all);
	return ksad;
}

struct pl_ksad *pl_ksad_free(struct pl_ksad *ksad)
{
	if (ksad == NULL)
		return NULL;
	pl_ksad_clear(ksad);
	free(ksad);
	return NULL;
}

static bool is_foreign(const struct node *node)
{
	return node->child == 0;
}

static struct by_group *group_of(struct pl_ksad *ksad, const struct node *node)
{
	return is_foreign(node) ? &ksad->reqids : &ksad->children;
}

static void insert(struct pl_ksad *ksad, struct node *node)
{
	node->number = ++ksad->last_number;
	node->group = is_foreign(node) ? node->sa.reqid : node->child;
	RB_INSERT(by_spi, &ksad->by_spi, node);
	RB_INSERT(by_group, group_of(ksad, node), node);
	LIST_INSERT_HEAD(&ksad->all, node, link);
	ksad->nr[is_foreign(node)]++;
	ksad->deeds += is_foreign(node);
	for (unsigned i = 0; is_foreign(node) && i < WAYS; i++) {
		struct pl_ts_list from = { .len = 1, .list = { node->sa.from } };
		struct pl_ts_list to = { .len = 1, .list = { node->sa.to } };

		node->reach[i].node = node;
		pl_reach_make(ways[i], &from, &to, 2 * node->number + i, &node->reach[i].reach);
		pl_reach_insert(&ksad->reaches, &node->reach[i].reach);
	}
}

static void take_out(struct pl_ksad *ksad, struct node *node)
{
	for (unsigned i = 0; is_foreign(node) && i < WAYS; i++)
		pl_reach_remove(&ksad->reaches, &node->reach[i].reach);
	RB_REMOVE(by_spi, &ksad->by_spi, node);
	RB_REMOVE(by_group, group_of(ksad, node), node);
	LIST_REMOVE(node, link);
	ksad->nr[is_foreign(node)]--;
	ksad->deeds += is_foreign(node);
}

static void drop(struct pl_ksad *ksad, struct node *node)
{
	take_out(ksad, node);
	free(node);
}

void pl_ksad_clear(struct pl_ksad *ksad)
{
	while (!LIST_EMPTY(&ksad->all))
		drop(ksad, LIST_FIRST(&ksad->all));
}

static bool is_known_alike(const struct node *node, const struct pl_xfrm_sa *sa)
{
	return memcmp(&node->sa.dst, &sa->dst, sizeof(sa->dst)) == 0 &&
	       node->sa.mark.value == sa->mark.value && node->sa.mark.mask == sa->mark.mask;
}

static struct node *next_of_spi(const struct pl_ksad *ksad, uint8_t protocol, uint32_t spi,
				struct node *after)
{
	struct node key = { .sa = { .protocol = protocol, .spi = spi } };
	struct node *node = after != NULL ? RB_NEXT(by_spi, &ksad->by_spi, after) :
					    RB_NFIND(by_spi, (struct by_spi *)&ksad->by_spi, &key);

	return node != NULL && node->sa.protocol == protocol && node->sa.spi == spi ? node : NULL;
}

/* One that pluto made, and the kernel has not told of, is found by its SPI and reqid. */
static struct node *find(const struct pl_ksad *ksad, const struct pl_xfrm_sa *sa, bool is_of_others)
{
	struct node *node = NULL;

	while ((node = next_of_spi(ksad, sa->protocol, sa->spi, node)) != NULL) {
		if (is_foreign(node) != is_of_others)
			continue;
		if (!node->is_told ? node->sa.reqid == sa->reqid : is_known_alike(node, sa))
			return node;
	}
	return NULL;
}

static struct node *next_of_group(const struct by_group *tree, uint64_t group, struct node *after)
{
	struct node key = { .group = group };
	struct node *node = after != NULL ? RB_NEXT(by_group, tree, after) :
					    RB_NFIND(by_group, (struct by_group *)tree, &key);

	return node != NULL && node->group == group ? node : NULL;
}

/* What pluto says */

static struct node *find_of_child(const struct pl_ksad *ksad, const struct pl_sa_facts *sa,
				  uint64_t child)
{
	struct node *node = NULL;

	do
		node = next_of_spi(ksad, (uint8_t)sa->protocol, sa->spi, node);
	while (node != NULL && node->child != child);
	return node;
}

/* Whatever the kernel tells of it next is pluto's. */
static void expect(struct node *own)
{
	own->is_told = false;
	own->sa.digest = 0;
}

int pl_ksad_add(struct pl_ksad *ksad, const struct pl_sa_facts *sa, uint64_t child)
{
	struct node *node = find_of_child(ksad, sa, child);

	if (node != NULL) {
		expect(node);
		return 0;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->child = child;
	node->sa.protocol = (uint8_t)sa->protocol;
	node->sa.spi = sa->spi;
	node->sa.reqid = sa->reqid;
	insert(ksad, node);
	return 0;
}

void pl_ksad_remove(struct pl_ksad *ksad, const struct pl_sa_facts *sa)
{
	struct node *node = NULL;

	while ((node = next_of_spi(ksad, (uint8_t)sa->protocol, sa->spi, node)) != NULL) {
		if (is_foreign(node) ||
		    (node->is_told && memcmp(&node->sa.dst, &sa->dst, sizeof(sa->dst)) != 0))
			continue;
		drop(ksad, node);
		return;
	}
}

void pl_ksad_forget(struct pl_ksad *ksad, uint64_t child)
{
	struct node *node;

	while (child != 0 && (node = next_of_group(&ksad->children, child, NULL)) != NULL)
		drop(ksad, node);
}

void pl_ksad_leave(struct pl_ksad *ksad, uint64_t child)
{
	struct node *node;

	while (child != 0 && (node = next_of_group(&ksad->children, child, NULL)) != NULL) {
		take_out(ksad, node);
		if (node->is_taken || node->is_expired) {
			free(node);
			continue;
		}
		node->child = 0;
		node->is_listed = true;
		insert(ksad, node);
	}
}

void pl_ksad_move(struct pl_ksad *ksad, uint64_t child)
{
	struct node *node = NULL;

	while (child != 0 && (node = next_of_group(&ksad->children, child, node)) != NULL)
		expect(node);
}

/* What the kernel says */

static void drop_foreign(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa)
{
	struct node *foreign = find(ksad, sa, true);

	if (foreign != NULL)
		drop(ksad, foreign);
}

static int put_foreign(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa)
{
	struct node *node;

	drop_foreign(ksad, sa);
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->sa = *sa;
	node->is_told = node->is_listed = true;
	insert(ksad, node);
	return 0;
}

static void take(struct pl_ksad *ksad, struct node *own)
{
	ksad->deeds += !own->is_taken;
	own->is_taken = true;
}

static void give_back(struct node *own, const struct pl_xfrm_sa *sa)
{
	own->sa.dst = sa->dst;
	own->sa.mark = sa->mark;
	own->sa.digest = sa->digest;
	own->is_told = own->is_listed = true;
}

int pl_ksad_kernel_new(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa, uint64_t *ret_child)
{
	struct node *own = find(ksad, sa, false);

	*ret_child = 0;
	if (sa->is_larval)
		return 0;
	if (own != NULL && !own->is_told) {
		drop_foreign(ksad, sa);
		give_back(own, sa);
		ksad->deeds += own->is_taken;
		own->is_taken = false;
		return 0;
	}
	if (own != NULL && !own->is_taken && own->sa.digest == sa->digest)
		return 0;
	if (own != NULL) {
		take(ksad, own);
		*ret_child = own->child;
	}
	return put_foreign(ksad, sa);
}

uint64_t pl_ksad_kernel_gone(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa, bool is_expiry)
{
	struct node *own = find(ksad, sa, false);

	drop_foreign(ksad, sa);
	if (own == NULL)
		return 0;
	if (is_expiry) {
		own->is_expired = true;
		return 0;
	}
	take(ksad, own);
	return own->child;
}

static bool is_of_protocol(const struct node *node, uint8_t protocol)
{
	enum { ANY = 255 };

	return protocol == 0 || protocol == ANY || node->sa.protocol == protocol;
}

void pl_ksad_kernel_flush(struct pl_ksad *ksad, uint8_t protocol)
{
	struct node *node, *next;

	LIST_FOREACH_SAFE(node, &ksad->all, link, next) {
		if (!is_of_protocol(node, protocol))
			continue;
		if (is_foreign(node))
			drop(ksad, node);
		else
			take(ksad, node);
	}
}

void pl_ksad_list_begin(struct pl_ksad *ksad)
{
	struct node *node;

	LIST_FOREACH(node, &ksad->all, link)
		node->is_listed = false;
}

int pl_ksad_listed(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa)
{
	struct node *own = find(ksad, sa, false);

	if (sa->is_larval)
		return 0;
	if (own == NULL || own->is_taken ||
	    (own->is_told && own->sa.digest != sa->digest))
		return put_foreign(ksad, sa);
	give_back(own, sa);
	return 0;
}

void pl_ksad_list_end(struct pl_ksad *ksad)
{
	struct node *node, *next;

	LIST_FOREACH_SAFE(node, &ksad->all, link, next) {
		if (node->is_listed)
			continue;
		if (is_foreign(node))
			drop(ksad, node);
		else
			take(ksad, node);
	}
}

/* Questions */

uint64_t pl_ksad_deeds(const struct pl_ksad *ksad)
{
	return ksad->deeds;
}

bool pl_ksad_is_taken(const struct pl_ksad *ksad, uint64_t child)
{
	struct node *node = NULL;

	while (child != 0 && (node = next_of_group(&ksad->children, child, node)) != NULL) {
		if (node->is_taken)
			return true;
	}
	return false;
}

struct search {
	const struct pl_tuple *tuple;
	const struct pl_xfrm_sa *found;
};

static int touch(void *ctx, struct pl_reach *reach)
{
	struct search *search = ctx;
	const struct node *node = ((const struct reach *)reach)->node;
	struct pl_ts_list from = { .len = 1, .list = { node->sa.from } };
	struct pl_ts_list to = { .len = 1, .list = { node->sa.to } };

	for (unsigned i = 0; search->found == NULL && i < WAYS; i++) {
		if (pl_tuple_is_touched(search->tuple, ways[i], &from, &to))
			search->found = &node->sa;
	}
	return search->found != NULL;
}

const struct pl_xfrm_sa *pl_ksad_foreign(const struct pl_ksad *ksad, const struct pl_tuple *tuple,
					 const uint32_t *reqids, unsigned nr)
{
	struct search search = { .tuple = tuple };

	for (unsigned i = 0; i < nr; i++) {
		const struct node *node = next_of_group(&ksad->reqids, reqids[i], NULL);

		if (node != NULL)
			return &node->sa;
	}
	(void)pl_reach_search(&ksad->reaches, tuple, touch, &search, NULL);
	return search.found;
}

bool pl_ksad_has_foreign(const struct pl_ksad *ksad, uint32_t reqid)
{
	return next_of_group(&ksad->reqids, reqid, NULL) != NULL;
}

size_t pl_ksad_count(const struct pl_ksad *ksad, bool is_of_others)
{
	return ksad->nr[is_of_others];
}
