/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latches that outlive the daemon (K16, K39, K53, design D11). The journal says which connections
 * were latched, to whom, and under what; it says nothing of SAs, for those are gone. A latch of it
 * is BROKEN until an SA is there whose peer and protection are what was latched: so somebody has
 * proved anew who he is. Whoever has no key of his own cannot do that, and his latches are closed.
 *
 * Invariant: a flow of the journal is in the guard, without a pin, before pluto touches the first
 * SA or policy; from there it is pinned by the one way that every latch is (T9).
 */

#include "core/pl_restore.h"

#include "core/pl_error.h"
#include "core/pl_peer_id.h"
#include "core/pl_resume.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pluto is asked for so many connections a second: most come up with the SAs of others. */
enum { ASKED_AT_ONCE = 64 };

/* Who refuses, or cannot be reached, is asked again after a while that doubles, as a user's own
 * attempts are (pl_hold.c). But here time runs: who comes back late is not to be missed. */
enum { LAST_WAIT_S = 8 };

static int compare_ids(const void *a, const void *b)
{
	const struct pl_heirloom *x = *(struct pl_heirloom *const *)a;
	const struct pl_heirloom *y = *(struct pl_heirloom *const *)b;

	return (x->kept.id < y->kept.id) - (x->kept.id > y->kept.id);
}

static int grow(struct pl_heritage *heritage)
{
	size_t room = heritage->room == 0 ? 64 : heritage->room * 2;
	void *items = reallocarray(heritage->items, room, sizeof(*heritage->items));

	if (items == NULL)
		return -ENOMEM;
	heritage->items = items;
	heritage->room = room;
	return 0;
}

static int remember(void *ctx, const struct pl_kept *kept, struct pl_identity *identity)
{
	size_t size = offsetof(struct pl_kept, peer) + strlen(kept->peer) + 1;
	struct pl_heritage *heritage = ctx;
	struct pl_heirloom *heirloom;

	if (heritage->nr == heritage->room && grow(heritage) != 0)
		return -ENOMEM;
	heirloom = malloc(offsetof(struct pl_heirloom, kept) + size);
	if (heirloom == NULL)
		return -ENOMEM;
	heirloom->identity = pl_identity_ref(identity);
	memcpy(&heirloom->kept, kept, size);
	heritage->items[heritage->nr++] = heirloom;
	return 0;
}

int pl_restore_read(const struct pl_ops *ops, struct pl_identity_pool *pool,
		    struct pl_heritage *ret)
{
	int r;

	*ret = (struct pl_heritage) { .found = { .next_id = 1 } };
	if (ops->store == NULL || ops->store->walk == NULL)
		return 0;
	r = ops->store->walk(ops->store_ctx, pool, remember, ret, &ret->found);
	if (r == 0 && ret->nr > 0)
		qsort(ret->items, ret->nr, sizeof(ret->items[0]), compare_ids);
	return r;
}

static void drop(struct pl_heirloom *heirloom)
{
	pl_identity_unref(heirloom->identity);
	free(heirloom);
}

void pl_restore_free(struct pl_heritage *heritage)
{
	for (size_t i = 0; i < heritage->nr; i++)
		drop(heritage->items[i]);
	free(heritage->items);
	*heritage = (struct pl_heritage) { .nr = 0 };
}

/* Its program knows how it ended. */
static bool is_told(const struct pl_kept *kept)
{
	return kept->state == PL_STATE_LINGERING || kept->state == PL_STATE_CLOSED_TOLD;
}

/* Its session ended with the daemon, unless it can be resumed. */
static struct pl_owner owner_of(const struct pl_world *world, const struct pl_kept *kept)
{
	struct pl_owner owner = kept->owner;

	if (owner.kind == PL_OWNER_SESSION &&
	    (is_told(kept) || !pl_resume_is_awaited(world, owner.number)))
		owner = (struct pl_owner) { PL_OWNER_SOCKET, owner.uid, kept->cookie };
	return owner;
}

static int fill(struct pl_world *world, struct pl_latch *latch, const struct pl_heirloom *heirloom)
{
	const struct pl_kept *kept = &heirloom->kept;
	struct pl_params params = kept->params;
	int r = pl_db_set_peer(world->db, latch, kept->peer[0] == '\0' ? NULL : kept->peer);

	if (r != 0)
		return r;
	params.peer.identity = heirloom->identity;
	latch->disposition = kept->disposition;
	latch->is_late = kept->is_late;
	latch->may_unprotect = kept->may_unprotect;
	latch->is_narrow = kept->is_narrow;
	latch->is_optional = kept->is_optional;
	latch->is_tagged = kept->is_tagged;
	latch->is_forwarded = kept->is_forwarded;
	latch->is_bypass = kept->is_bypass;
	latch->require = kept->require;
	/* It may have ended while nobody listened for that. */
	latch->is_leaving = latch->owner.kind == PL_OWNER_SESSION;
	pl_db_set_cookie(world->db, latch, kept->cookie);
	/* Lower limits than before take nothing away. */
	latch->is_inherited = kept->is_inherited ||
			      pl_usage_take(world->usage, &world->conf->limits, latch->owner.uid,
					    pl_step_limit(&latch->owner)) != 0;
	return pl_latch_set_params(latch, &params);
}

static int insert(struct pl_world *world, const struct pl_heirloom *heirloom)
{
	struct pl_owner owner = owner_of(world, &heirloom->kept);
	struct pl_latch *latch;
	int r = pl_db_restore(world->db, heirloom->kept.id, &heirloom->kept.tuple, &owner, &latch);

	return r != 0 ? r : fill(world, latch, heirloom);
}

/* A latch and the one that takes its place are in the journal side by side for a moment. */
static int give_way(struct pl_world *world, const struct pl_heirloom *heirloom)
{
	const struct pl_store_ops *store = world->ops.store;

	return store->forget == NULL ? 0 : store->forget(world->ops.store_ctx, heirloom->kept.id);
}

int pl_restore_insert(struct pl_world *world, struct pl_heritage *heritage)
{
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < heritage->nr; i++) {
		struct pl_heirloom *heirloom = heritage->items[i];

		r = insert(world, heirloom);
		if (r == PL_E_ALREADY_LATCHED) {
			r = give_way(world, heirloom);
			heirloom->kept.id = 0;
		}
	}
	if (r != 0)
		return r;
	for (size_t i = 0; i < heritage->nr; i++) {
		if (heritage->items[i]->kept.id != 0)
			heritage->items[nr++] = heritage->items[i];
		else
			drop(heritage->items[i]);
	}
	heritage->nr = nr;
	return 0;
}

/* RFC 5660 knows no peer again who proved nothing, or nothing of his own (design, Identity). */
static bool can_be_proved(const struct pl_identity *identity)
{
	if (identity == NULL)
		return false;
	switch (pl_identity_data(identity)->peer.auth) {
	case PL_AUTH_SIGNATURE:
	case PL_AUTH_PSK:
	case PL_AUTH_EAP:
		return true;
	default:
		return false;
	}
}

static enum pl_event first_event(const struct pl_world *world, const struct pl_heritage *heritage,
				 const struct pl_heirloom *heirloom)
{
	const struct pl_kept *kept = &heirloom->kept;

	/* Nobody proves anything of a bypass: it was allowed by the daemon that is gone (K58). */
	if (heritage->found.damage != 0 || kept->is_inherited || kept->is_bypass ||
	    world->conf->restart_wait == 0)
		return PL_EVENT_LOST;
	if (kept->state == PL_STATE_LISTENER)
		return PL_EVENT_LISTEN;
	if ((kept->state != PL_STATE_ESTABLISHED && kept->state != PL_STATE_BROKEN) ||
	    kept->params.nr_suites == 0)
		return PL_EVENT_LOST;
	return can_be_proved(heirloom->identity) ? PL_EVENT_RESTORED : PL_EVENT_LOST;
}

static const char *first_reason(const struct pl_heritage *heritage, const struct pl_kept *kept)
{
	if (heritage->found.damage != 0)
		return "the daemon was restarted, and its journal is damaged";
	return kept->is_bypass ? "the daemon was restarted: what passed in clear ended with it" :
				 "the daemon was restarted";
}

void pl_restore_begin(struct pl_world *world, const struct pl_heritage *heritage)
{
	for (size_t i = 0; i < heritage->nr; i++) {
		const struct pl_heirloom *heirloom = heritage->items[i];
		struct pl_latch *latch = pl_db_find_id(world->db, heirloom->kept.id);
		enum pl_event event = first_event(world, heritage, heirloom);
		const struct pl_why why = { .text = first_reason(heritage, &heirloom->kept) };

		/* What the guard refuses stays as it is there: without a pin. */
		(void)!pl_step_take(world, latch, event, &why);
		if (event == PL_EVENT_RESTORED && world->restore_until_ns == 0)
			world->restore_until_ns = world->ops.clock->now_ns(world->ops.clock_ctx) +
						  world->conf->restart_wait * 1000000000ull;
	}
	if (heritage->nr > 0)
		pl_step_wake(world);
}

static bool is_waiting(const struct pl_latch *latch)
{
	return latch->state == PL_STATE_BROKEN && latch->cause == PL_EVENT_RESTORED;
}

/* Without an answer, or with one that names no address to call, the peer may still call us. */
static void ask_pluto(struct pl_world *world, const struct pl_latch *latch)
{
	const struct pl_ike_ops *ike = world->ops.ike;
	struct pl_initiate how = {
		.is_narrow = latch->is_narrow,
		.peer = pl_peer_id_wanted(pl_db_peer(world->db, latch), &latch->params.peer),
	};

	if (ike == NULL)
		return;
	if (latch->is_narrow && latch->params.nr_suites == 1)
		how.suite = latch->params.suites[0];
	(void)!ike->initiate(world->ops.ike_ctx, latch->id, &latch->tuple, &how);
}

static void give_up(struct pl_world *world, struct pl_latch *latch)
{
	char text[128];
	struct pl_why why = { .text = text };

	snprintf(text, sizeof(text), "its peer did not come back within %u s of the restart",
		 world->conf->restart_wait);
	if (world->ops.ike != NULL)
		world->ops.ike->cancel(world->ops.ike_ctx, latch->id);
	(void)!pl_step_take(world, latch, PL_EVENT_LOST, &why);
}

/* All had their turn. */
static void end_round(struct pl_world *world, uint64_t now_ns)
{
	unsigned wait_s = world->restore_wait_s == 0 ? 1 : 2 * world->restore_wait_s;

	world->restore_wait_s = wait_s < LAST_WAIT_S ? wait_s : LAST_WAIT_S;
	world->restore_again_ns = now_ns + world->restore_wait_s * 1000000000ull;
	world->restore_asked = 0;
}

void pl_restore_tick(struct pl_world *world)
{
	bool is_over, is_round, is_one_left = false;
	unsigned nr_asked = 0;
	struct pl_latch *latch;
	uint64_t now;

	if (world->restore_until_ns == 0)
		return;
	now = world->ops.clock->now_ns(world->ops.clock_ctx);
	is_over = now >= world->restore_until_ns;
	is_round = now >= world->restore_again_ns;
	pl_breaks_begin(world);
	for (uint64_t at = 0; (latch = pl_db_next(world->db, at)) != NULL; ) {
		at = latch->id;
		if (!is_waiting(latch))
			continue;
		is_one_left = true;
		if (is_over) {
			give_up(world, latch);
		} else if (is_round && at > world->restore_asked && nr_asked < ASKED_AT_ONCE) {
			nr_asked++;
			world->restore_asked = at;
			ask_pluto(world, latch);
		}
	}
	pl_breaks_end(world);
	if (is_round && nr_asked < ASKED_AT_ONCE)
		end_round(world, now);
	if (is_over || !is_one_left)
		world->restore_until_ns = 0;
	else
		pl_step_wake(world);
}
