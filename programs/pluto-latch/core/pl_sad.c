/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirror of the SAD, as far as pluto fills it: what each child SA selects, how it protects,
 * who is at its other end. A latch is judged against this, not against the kernel, because the
 * kernel knows no identities.
 *
 * Invariants: an SA is here before the kernel has it, and goes when pluto lets go of it, so that
 * nothing is ever installed that the engine could not have judged. An SA whose algorithms or peer
 * we do not know is here all the same, marked unknown: it conflicts with whatever it touches.
 *
 * Lineage (struct pl_peer) is the serial of the first IKE SA of a chain of rekeys. Only successors
 * are remembered; an IKE SA nobody told of is the first of its own chain, thus another peer's.
 */

#include "core/pl_sad.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>

struct sa_node {
	struct pl_sa sa;
	RB_ENTRY(sa_node) by_child;
};

struct ike_node {
	uint64_t ike, lineage;
	RB_ENTRY(ike_node) by_serial;
};

static int compare_sa(const struct sa_node *a, const struct sa_node *b)
{
	return (a->sa.child > b->sa.child) - (a->sa.child < b->sa.child);
}

static int compare_ike(const struct ike_node *a, const struct ike_node *b)
{
	return (a->ike > b->ike) - (a->ike < b->ike);
}

RB_HEAD(by_child, sa_node);
RB_HEAD(by_serial, ike_node);

struct pl_sad {
	struct by_child sas;
	struct by_serial ikes;
	size_t nr_sas;
};

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(by_child, sa_node, by_child, compare_sa, OURS)
RB_GENERATE_INTERNAL(by_serial, ike_node, by_serial, compare_ike, OURS)

struct pl_sad *pl_sad_new(void)
{
	struct pl_sad *sad = calloc(1, sizeof(*sad));

	if (sad == NULL)
		return NULL;
	RB_INIT(&sad->sas);
	RB_INIT(&sad->ikes);
	return sad;
}

struct pl_sad *pl_sad_free(struct pl_sad *sad)
{
	struct ike_node *ike;

	if (sad == NULL)
		return NULL;
	pl_sad_clear(sad);
	while ((ike = RB_MIN(by_serial, &sad->ikes)) != NULL) {
		RB_REMOVE(by_serial, &sad->ikes, ike);
		free(ike);
	}
	free(sad);
	return NULL;
}

void pl_sad_clear(struct pl_sad *sad)
{
	struct sa_node *node;

	while ((node = RB_MIN(by_child, &sad->sas)) != NULL) {
		pl_sad_take(sad, &node->sa);
		pl_sa_free(&node->sa);
	}
}

int pl_sad_params(const struct pl_sad *sad, const struct pl_fact *fact, struct pl_params *ret)
{
	struct pl_peer peer = {
		.identity = fact->identity, .lineage = pl_sad_lineage(sad, fact->ike),
		.is_id_fixed = fact->conn.is_peer_id_fixed,
	};

	return peer.identity == NULL ? PL_E_NOT_AVAILABLE :
				       pl_params_from_child(&fact->u.child, &peer, ret);
}

int pl_sad_add(struct pl_sad *sad, const struct pl_fact *fact, struct pl_sa **ret)
{
	const struct pl_child_facts *child = &fact->u.child;
	struct sa_node *node;

	if (fact->child == 0 || pl_sad_find(sad, fact->child) != NULL)
		return PL_E_WRONG_STATE;
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->sa = (struct pl_sa) {
		.child = fact->child, .ike = fact->ike, .conn = fact->conn.serial,
		.role = fact->role,
		.protocol = child->protocol, .has_ipcomp = child->has_ipcomp,
		.reqid = child->reqid, .spi_in = child->spi_in, .spi_out = child->spi_out,
		.tsi = child->tsi, .tsr = child->tsr,
	};
	node->sa.is_known = pl_sad_params(sad, fact, &node->sa.params) == 0;
	if (node->sa.is_known)
		pl_identity_ref(fact->identity);
	else
		node->sa.params.peer.identity = NULL;
	RB_INSERT(by_child, &sad->sas, node);
	sad->nr_sas++;
	*ret = &node->sa;
	return 0;
}

struct pl_sa *pl_sad_find(const struct pl_sad *sad, uint64_t child)
{
	struct sa_node key = { .sa = { .child = child } };
	struct sa_node *node = RB_FIND(by_child, (struct by_child *)&sad->sas, &key);

	return node == NULL ? NULL : &node->sa;
}

void pl_sad_take(struct pl_sad *sad, struct pl_sa *sa)
{
	RB_REMOVE(by_child, &sad->sas, (struct sa_node *)sa);
	sad->nr_sas--;
}

struct pl_sa *pl_sa_free(struct pl_sa *sa)
{
	if (sa == NULL)
		return NULL;
	pl_identity_unref(sa->params.peer.identity);
	free((struct sa_node *)sa);
	return NULL;
}

static struct ike_node *find_ike(const struct pl_sad *sad, uint64_t ike)
{
	struct ike_node key = { .ike = ike };

	return RB_FIND(by_serial, (struct by_serial *)&sad->ikes, &key);
}

int pl_sad_ike_up(struct pl_sad *sad, uint64_t ike, uint64_t rekeys)
{
	struct ike_node *node;

	if (ike == 0 || rekeys == 0 || find_ike(sad, ike) != NULL)
		return 0;
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	node->ike = ike;
	node->lineage = pl_sad_lineage(sad, rekeys);
	RB_INSERT(by_serial, &sad->ikes, node);
	return 0;
}

void pl_sad_ike_down(struct pl_sad *sad, uint64_t ike)
{
	struct ike_node *node = find_ike(sad, ike);

	if (node == NULL)
		return;
	RB_REMOVE(by_serial, &sad->ikes, node);
	free(node);
}

uint64_t pl_sad_lineage(const struct pl_sad *sad, uint64_t ike)
{
	const struct ike_node *node = find_ike(sad, ike);

	return node == NULL ? ike : node->lineage;
}

struct pl_sa_view pl_sa_view(const struct pl_sa *sa)
{
	return (struct pl_sa_view) {
		.child = sa->child, .role = sa->role, .tsi = &sa->tsi, .tsr = &sa->tsr,
		.params = sa->is_known ? &sa->params : NULL,
	};
}

bool pl_sa_touches(const struct pl_sa *sa, const struct pl_tuple *tuple)
{
	return pl_tuple_is_touched(tuple, sa->role, &sa->tsi, &sa->tsr);
}

int pl_sad_walk(const struct pl_sad *sad, pl_sad_visit *visit, void *ctx)
{
	struct sa_node *node;

	RB_FOREACH(node, by_child, (struct by_child *)&sad->sas) {
		int r = visit(ctx, &node->sa);

		if (r != 0)
			return r;
	}
	return 0;
}

int pl_sad_views(const struct pl_sad *sad, const struct pl_tuple *tuple, uint32_t reqid,
		 struct pl_sa_view **ret, unsigned *ret_nr)
{
	struct pl_sa_view *views = calloc(sad->nr_sas + 1, sizeof(*views));
	unsigned nr = 0, nr_first = 0;
	struct sa_node *node;

	if (views == NULL)
		return -ENOMEM;
	RB_FOREACH(node, by_child, (struct by_child *)&sad->sas) {
		if (!pl_sa_touches(&node->sa, tuple))
			continue;
		views[nr++] = pl_sa_view(&node->sa);
		if (reqid != 0 && node->sa.reqid == reqid) {
			struct pl_sa_view view = views[nr_first];

			views[nr_first++] = views[nr - 1];
			views[nr - 1] = view;
		}
	}
	*ret = views;
	*ret_nr = nr;
	return 0;
}

size_t pl_sad_count(const struct pl_sad *sad)
{
	return sad->nr_sas;
}
