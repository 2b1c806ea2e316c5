/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The mirror of the SAD, as far as pluto fills it: what each child SA selects, how it protects,
 * who is at its other end. A latch is judged against this, not against the kernel, because the
 * kernel knows no identities.
 *
 * Invariants: an SA is here before the kernel has it, and goes when pluto lets go of it, so that
 * nothing is ever installed that the engine could not have judged. An SA whose algorithms or peer
 * we do not know is here all the same, marked unknown: it conflicts with whatever it touches.
 *
 * SAs are found by serial, by what they may touch (pl_reach), and by kin: the SAs of one
 * connection, one reqid and equal parameters. What is true of one of them, as to peers and pins,
 * is true of all, so that thousands of narrow SAs of one peer are one question (design D17).
 *
 * Lineage (struct pl_peer) is the serial of the first IKE SA of a chain of rekeys. Only successors
 * are remembered; an IKE SA nobody told of is the first of its own chain, thus another peer's.
 */

#include "core/pl_sad.h"

#include "core/pl_reach.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sa_node {
	struct pl_sa sa;
	RB_ENTRY(sa_node) by_child;
	struct pl_reach reach;
	struct kin *kin;
	LIST_ENTRY(sa_node) link;
};

/* Never without a member, who says what all of them have in common. */
struct kin {
	uint64_t number;	/* serial of the first member, who may be gone */
	uint64_t conn;
	uint32_t reqid;
	RB_ENTRY(kin) by_conn;
	RB_ENTRY(kin) by_reqid;
	LIST_HEAD(, sa_node) members;
};

struct ike_node {
	uint64_t ike, lineage;
	RB_ENTRY(ike_node) by_serial;
};

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_sa(const struct sa_node *a, const struct sa_node *b)
{
	return compare_u64(a->sa.child, b->sa.child);
}

static int compare_ike(const struct ike_node *a, const struct ike_node *b)
{
	return compare_u64(a->ike, b->ike);
}

static int compare_conn(const struct kin *a, const struct kin *b)
{
	int order = compare_u64(a->conn, b->conn);

	return order == 0 ? compare_u64(a->number, b->number) : order;
}

static int compare_reqid(const struct kin *a, const struct kin *b)
{
	int order = compare_u64(a->reqid, b->reqid);

	return order == 0 ? compare_u64(a->number, b->number) : order;
}

RB_HEAD(by_child, sa_node);
RB_HEAD(by_serial, ike_node);
RB_HEAD(by_conn, kin);
RB_HEAD(by_reqid, kin);

struct pl_sad {
	struct by_child sas;
	struct pl_reach_tree reaches;
	struct by_conn by_conn;
	struct by_reqid by_reqid;
	struct by_serial ikes;
	size_t nr_sas;
};

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(by_child, sa_node, by_child, compare_sa, OURS)
RB_GENERATE_INTERNAL(by_serial, ike_node, by_serial, compare_ike, OURS)
RB_GENERATE_INTERNAL(by_conn, kin, by_conn, compare_conn, OURS)
RB_GENERATE_INTERNAL(by_reqid, kin, by_reqid, compare_reqid, OURS)

struct pl_sad *pl_sad_new(void)
{
	struct pl_sad *sad = calloc(1, sizeof(*sad));

	if (sad == NULL)
		return NULL;
	RB_INIT(&sad->sas);
	RB_INIT(&sad->reaches);
	RB_INIT(&sad->by_conn);
	RB_INIT(&sad->by_reqid);
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

const struct pl_sa *pl_sad_first(const struct pl_sad *sad)
{
	struct sa_node *node = RB_MIN(by_child, (struct by_child *)&sad->sas);

	return node == NULL ? NULL : &node->sa;
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

/* Byte by byte of the suites, which have no padding. */
static bool are_equal(const struct pl_params *a, const struct pl_params *b)
{
	return a->peer.identity == b->peer.identity && a->peer.lineage == b->peer.lineage &&
	       a->peer.is_id_fixed == b->peer.is_id_fixed &&
	       a->replay_window == b->replay_window && a->mode == b->mode &&
	       a->nr_suites == b->nr_suites &&
	       memcmp(a->suites, b->suites, a->nr_suites * sizeof(a->suites[0])) == 0;
}

static bool are_kin(const struct pl_sa *a, const struct pl_sa *b)
{
	return a->conn == b->conn && a->reqid == b->reqid && a->is_known == b->is_known &&
	       (!a->is_known || are_equal(&a->params, &b->params));
}

/* The first kin of a connection, or of a reqid. */
static struct kin *first_of_conn(const struct pl_sad *sad, uint64_t conn)
{
	struct kin key = { .conn = conn };

	return RB_NFIND(by_conn, (struct by_conn *)&sad->by_conn, &key);
}

static struct kin *first_of_reqid(const struct pl_sad *sad, uint32_t reqid)
{
	struct kin key = { .reqid = reqid };

	return RB_NFIND(by_reqid, (struct by_reqid *)&sad->by_reqid, &key);
}

static int join_kin(struct pl_sad *sad, struct sa_node *node)
{
	uint64_t conn = node->sa.conn;
	struct kin *kin = first_of_conn(sad, conn);

	while (kin != NULL && kin->conn == conn &&
	       !are_kin(&LIST_FIRST(&kin->members)->sa, &node->sa))
		kin = RB_NEXT(by_conn, &sad->by_conn, kin);
	if (kin == NULL || kin->conn != conn) {
		kin = calloc(1, sizeof(*kin));
		if (kin == NULL)
			return -ENOMEM;
		kin->number = node->sa.child;
		kin->conn = conn;
		kin->reqid = node->sa.reqid;
		LIST_INIT(&kin->members);
		RB_INSERT(by_conn, &sad->by_conn, kin);
		RB_INSERT(by_reqid, &sad->by_reqid, kin);
	}
	node->kin = kin;
	LIST_INSERT_HEAD(&kin->members, node, link);
	return 0;
}

static void leave_kin(struct pl_sad *sad, struct sa_node *node)
{
	struct kin *kin = node->kin;

	LIST_REMOVE(node, link);
	node->kin = NULL;
	if (!LIST_EMPTY(&kin->members))
		return;
	RB_REMOVE(by_conn, &sad->by_conn, kin);
	RB_REMOVE(by_reqid, &sad->by_reqid, kin);
	free(kin);
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
		.tsi = child->tsi, .tsr = child->tsr, .path = child->path,
	};
	node->sa.is_known = pl_sad_params(sad, fact, &node->sa.params) == 0;
	if (!node->sa.is_known)
		node->sa.params.peer.identity = NULL;
	node->sa.nr_allowed = pl_params_allowed(child, node->sa.allowed);
	if (join_kin(sad, node) != 0) {
		free(node);
		return -ENOMEM;
	}
	pl_identity_ref(node->sa.params.peer.identity);
	pl_reach_make(node->sa.role, &node->sa.tsi, &node->sa.tsr, node->sa.child, &node->reach);
	pl_reach_insert(&sad->reaches, &node->reach);
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
	struct sa_node *node = (struct sa_node *)sa;

	leave_kin(sad, node);
	pl_reach_remove(&sad->reaches, &node->reach);
	RB_REMOVE(by_child, &sad->sas, node);
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
		.allowed = sa->allowed, .nr_allowed = sa->nr_allowed,
	};
}

bool pl_sa_touches(const struct pl_sa *sa, const struct pl_tuple *tuple)
{
	return pl_tuple_is_touched(tuple, sa->role, &sa->tsi, &sa->tsr);
}

struct touch {
	const struct pl_tuple *tuple;
	pl_sad_visit *visit;
	void *ctx;
};

static int touch(void *ctx, struct pl_reach *reach)
{
	const struct touch *search = ctx;
	const struct sa_node *node = (const struct sa_node *)
		((const char *)reach - offsetof(struct sa_node, reach));

	return pl_sa_touches(&node->sa, search->tuple) ? search->visit(search->ctx, &node->sa) : 0;
}

int pl_sad_touch(const struct pl_sad *sad, const struct pl_tuple *tuple, pl_sad_visit *visit,
		 void *ctx, size_t *ret_steps)
{
	struct touch search = { tuple, visit, ctx };

	return pl_reach_search(&sad->reaches, tuple, touch, &search, ret_steps);
}

bool pl_sa_reaches(const struct pl_sa *sa, const struct pl_tuple *listener)
{
	return pl_tuple_is_reached(listener, sa->role, &sa->tsi, &sa->tsr);
}

int pl_sad_of_listener(const struct pl_sad *sad, const struct pl_tuple *listener,
		       pl_sad_visit *visit, void *ctx)
{
	struct kin *kin = RB_MIN(by_reqid, (struct by_reqid *)&sad->by_reqid);
	int r = 0;

	for (; r == 0 && kin != NULL;
	     kin = RB_NEXT(by_reqid, (struct by_reqid *)&sad->by_reqid, kin)) {
		const struct sa_node *node;

		LIST_FOREACH(node, &kin->members, link) {
			if (pl_sa_reaches(&node->sa, listener))
				break;
		}
		if (node != NULL)
			r = visit(ctx, &node->sa);
	}
	return r;
}

int pl_sad_of_conn(const struct pl_sad *sad, uint64_t conn, pl_sad_visit *visit, void *ctx)
{
	struct kin *kin = first_of_conn(sad, conn);
	int r = 0;

	for (; r == 0 && kin != NULL && kin->conn == conn;
	     kin = RB_NEXT(by_conn, (struct by_conn *)&sad->by_conn, kin))
		r = visit(ctx, &LIST_FIRST(&kin->members)->sa);
	return r;
}

int pl_sad_of_reqid(const struct pl_sad *sad, uint32_t reqid, pl_sad_visit *visit, void *ctx)
{
	struct kin *kin = first_of_reqid(sad, reqid);
	int r = 0;

	for (; r == 0 && kin != NULL && kin->reqid == reqid;
	     kin = RB_NEXT(by_reqid, (struct by_reqid *)&sad->by_reqid, kin))
		r = visit(ctx, &LIST_FIRST(&kin->members)->sa);
	return r;
}

int pl_sa_kin(const struct pl_sa *sa, pl_sad_visit *visit, void *ctx)
{
	const struct sa_node *node;
	int r = 0;

	LIST_FOREACH(node, &((const struct sa_node *)sa)->kin->members, link) {
		r = visit(ctx, &node->sa);
		if (r != 0)
			break;
	}
	return r;
}

struct views {
	struct pl_sa_view *list;
	unsigned nr, room;
};

static int add_view(void *ctx, const struct pl_sa *sa)
{
	struct views *views = ctx;

	if (views->nr == views->room) {
		void *list = reallocarray(views->list, 2 * views->room, sizeof(*views->list));

		if (list == NULL)
			return -ENOMEM;
		views->list = list;
		views->room *= 2;
	}
	views->list[views->nr++] = pl_sa_view(sa);
	return 0;
}

static int compare_views(const void *a, const void *b)
{
	const struct pl_sa_view *one = a, *two = b;

	return compare_u64(one->child, two->child);
}

/* Those of the reqid to the front. Return: how many. */
static unsigned part_views(const struct pl_sad *sad, struct views *views, uint32_t reqid)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < views->nr; i++) {
		struct pl_sa_view view = views->list[i];

		if (reqid == 0 || pl_sad_find(sad, view.child)->reqid != reqid)
			continue;
		views->list[i] = views->list[nr];
		views->list[nr++] = view;
	}
	return nr;
}

int pl_sad_views(const struct pl_sad *sad, const struct pl_tuple *tuple, uint32_t reqid,
		 struct pl_sa_view **ret, unsigned *ret_nr)
{
	struct views views = { .room = 4 };
	unsigned nr;

	views.list = calloc(views.room, sizeof(*views.list));
	if (views.list == NULL || pl_sad_touch(sad, tuple, add_view, &views, NULL) != 0) {
		free(views.list);
		return -ENOMEM;
	}
	nr = part_views(sad, &views, reqid);
	qsort(views.list, nr, sizeof(*views.list), compare_views);
	qsort(views.list + nr, views.nr - nr, sizeof(*views.list), compare_views);
	*ret = views.list;
	*ret_nr = views.nr;
	return 0;
}

size_t pl_sad_count(const struct pl_sad *sad)
{
	return sad->nr_sas;
}
