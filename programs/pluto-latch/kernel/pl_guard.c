/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The guard's operations (core/pl_ops.h) as transactions on the table of pl_nft_table.c.
 *
 * Invariants:
 * - What the mirror says is what the kernel was asked to enforce. What tightens (block, retire)
 *   changes the mirror first, and when its transaction fails, for example because somebody else
 *   removed an element, the whole table is written anew. What loosens (permit) is undone in the
 *   mirror when its transaction fails.
 * - One operation is one transaction: no packet sees half of it.
 * - The table outlives this process on purpose. Whoever removes it or changes it is noticed by
 *   NFNLGRP_NFTABLES: every change that bears another port than ours.
 *
 * From Linux 6.9 on nobody does, while we live: the table belongs to @socket (owner), over which
 * every transaction goes, and stays without it (persist). Then it belongs to nobody, and the first
 * transaction of our successor, which renews it, makes it his. A second daemon gets EPERM; so
 * does a successor while a child that was forked without exec (PAM of IKEv1) holds the socket of
 * the dead one: it does not start, and all is blocked. What belongs to nobody anybody may remove:
 * `nft flush ruleset` while no daemon runs, and the administrator who wants it gone.
 *
 * Before 6.9 an owned table goes with its socket, so that something else would have to hold that:
 * the service manager (systemd's fd store), or a small process. Neither is done. A stopped or given
 * up unit loses its stored descriptors, a process can be killed, and each time the guard would be
 * gone for good, with no daemon there to notice, and nothing but the SPD would protect what is
 * latched. Without an owner the table goes only when somebody removes it; a daemon that runs hears
 * of that and puts it back in a fraction of a second (scenario latch-flushed measures it).
 */

#include "kernel/pl_guard.h"

#include "kernel/pl_guard_left.h"
#include "kernel/pl_guard_missing.h"
#include "kernel/pl_guard_mirror.h"
#include "kernel/pl_netlink.h"
#include "kernel/pl_nft_read.h"
#include "kernel/pl_route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

struct pl_guard {
	struct mnl_socket *socket, *events;
	struct pl_mirror *mirror;
	struct pl_nft_batch batch;
	struct pl_netlink_refusal refusal;	/* of the last transaction */
	uint8_t key[16];
	uint32_t seq;
	uint32_t generation;	/* of nf_tables, if nobody but us changed it */
	unsigned parts;
	bool is_in_force, is_owned;
	bool is_tried;		/* whether it can be owned is known */
	bool is_heir;		/* the table has more than the mirror: a predecessor's */
	const char *missing;
	pl_guard_first *first;	/* NULL when it was done */
	void *first_ctx;
	const struct pl_conf *conf;	/* NULL: without automatic rules */
	struct pl_guard_left left;	/* by a predecessor */
};

static struct mnl_socket *open_socket(unsigned groups, int flags)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | flags);
	int on = 1, size = 4 << 20;

	if (socket == NULL)
		return NULL;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		mnl_socket_close(socket);
		errno = error;
		return NULL;
	}
	/* Answers without a copy of the question, which may be large. */
	mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on));
	/* What the kernel has not got is told apart by which of our bytes it refuses. */
	mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return socket;
}

int pl_guard_open(unsigned parts, struct pl_guard **ret)
{
	struct pl_guard *guard = calloc(1, sizeof(*guard));
	int r = -ENOMEM;

	if (guard == NULL)
		return r;
	guard->parts = parts;
	guard->seq = 1;
	if (getrandom(guard->key, sizeof(guard->key), 0) != (ssize_t)sizeof(guard->key)) {
		r = -EIO;
		goto out;
	}
	guard->mirror = pl_mirror_new(guard->key);
	if (guard->mirror == NULL)
		goto out;
	guard->socket = open_socket(0, 0);
	if (guard->socket != NULL)
		guard->events = open_socket(1u << (NFNLGRP_NFTABLES - 1), SOCK_NONBLOCK);
	if (guard->events == NULL) {
		r = -errno;
		goto out;
	}
	*ret = guard;
	return 0;
out:
	pl_guard_close(guard);
	return r;
}

struct pl_guard *pl_guard_close(struct pl_guard *guard)
{
	if (guard == NULL)
		return NULL;
	if (guard->socket != NULL)
		mnl_socket_close(guard->socket);
	if (guard->events != NULL)
		mnl_socket_close(guard->events);
	pl_mirror_free(guard->mirror);
	pl_nft_batch_free(&guard->batch);
	pl_guard_left_free(&guard->left);
	free(guard);
	return NULL;
}

/* What somebody else disturbs is tried again, so often. */
enum { TRIES = 8 };

static void start(struct pl_guard *guard)
{
	pl_nft_batch_begin(&guard->batch, guard->seq);
}

static int commit(struct pl_guard *guard)
{
	int r = pl_nft_batch_end(&guard->batch);

	guard->seq = guard->batch.last_seq + 2;
	if (r == 0)
		r = pl_netlink_commit(guard->socket, &guard->batch, &guard->refusal);
	if (r == 0)
		guard->generation++;
	return r;
}

/* Every transaction of anybody makes a new generation; 0 when it cannot be told. */
static uint32_t generation(struct pl_guard *guard)
{
	uint32_t ret = 0;

	return pl_nft_read_generation(guard->socket, &guard->seq, &ret) == 0 ? ret : 0;
}

static int set_events(struct pl_guard *guard, bool on)
{
	int group = NFNLGRP_NFTABLES;

	return mnl_socket_setsockopt(guard->events, on ? NETLINK_ADD_MEMBERSHIP :
				     NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) < 0 ?
		       -errno : 0;
}

/* For whoever listens, the kernel makes a message for each element, and keeps them all until the
 * end: more memory and time than all else. So we do not listen meanwhile, and see by the generation
 * whether somebody came in between. */
static int restore_once(struct pl_guard *guard, bool is_deaf, bool *ret_disturbed)
{
	uint32_t before = 0;
	int r = is_deaf ? set_events(guard, false) : 0, r_events;

	if (r != 0)
		return r;
	if (is_deaf)
		before = generation(guard);
	start(guard);
	(guard->is_heir ? pl_nft_table_renew : pl_nft_table_build)(
		&guard->batch, guard->parts, PL_GUARD_BORN_TIMEOUT_MS, guard->conf);
	pl_mirror_write(guard->mirror, &guard->batch);
	r = commit(guard);
	r_events = is_deaf ? set_events(guard, true) : 0;
	guard->generation = generation(guard);
	*ret_disturbed = is_deaf && guard->generation != before + 1;
	return r != 0 ? r : r_events;
}

/* The whole table is as long as there are flows, and most transactions hold one. What is left is
 * enough for those: they allocate nothing. */
static void shrink(struct pl_guard *guard)
{
	enum { KEPT_BYTES = 1 << 20 };

	if (guard->batch.size <= KEPT_BYTES)
		return;
	pl_nft_batch_free(&guard->batch);
	start(guard);
}

/* Where somebody always comes in between, listening costs less than trying again. */
static int restore_undisturbed(struct pl_guard *guard)
{
	bool is_disturbed = true;
	int r = 0;

	for (unsigned i = 0; i < 3 && r == 0 && is_disturbed; i++)
		r = restore_once(guard, i < 2, &is_disturbed);
	return r;
}

/* Apart from the table, which may be large, and of which the kernel would refuse every message. No
 * kernel learns it while it runs. Any other error is for the table to meet. */
static void try_owner(struct pl_guard *guard)
{
	int r;

	start(guard);
	pl_nft_table_try_owner(&guard->batch);
	r = commit(guard);
	if (r == -EOPNOTSUPP || r == -EINVAL)
		guard->parts &= ~(unsigned)PL_NFT_PART_OWNER;
	guard->is_tried = r == 0 || !(guard->parts & PL_NFT_PART_OWNER);
}

int pl_guard_restore(struct pl_guard *guard)
{
	int r;

	if (!guard->is_tried && guard->parts & PL_NFT_PART_OWNER)
		try_owner(guard);
	r = restore_undisturbed(guard);
	guard->is_in_force = r == 0;
	guard->is_owned = r == 0 ? guard->parts & PL_NFT_PART_OWNER : guard->is_owned;
	guard->missing = r == 0 ? NULL : pl_guard_missing_in(&guard->batch, r, &guard->refusal);
	shrink(guard);
	return guard->missing != NULL ? PL_E_UNAVAILABLE : r;
}

int pl_guard_remove(struct pl_guard *guard)
{
	int r;

	start(guard);
	pl_nft_table_remove(&guard->batch);
	r = commit(guard);
	if (r == 0)
		guard->is_in_force = guard->is_owned = false;
	return r;
}

bool pl_guard_is_owned(const struct pl_guard *guard)
{
	return guard->is_owned;
}

const char *pl_guard_missing(const struct pl_guard *guard)
{
	return guard->missing;
}

int pl_guard_fd(const struct pl_guard *guard)
{
	return mnl_socket_get_fd(guard->events);
}

/* After a change of the mirror that tightens. */
static int commit_or_restore(struct pl_guard *guard)
{
	return commit(guard) == 0 ? 0 : pl_guard_restore(guard);
}

void pl_guard_on_first(struct pl_guard *guard, pl_guard_first *first, void *ctx)
{
	guard->first = first;
	guard->first_ctx = ctx;
}

void pl_guard_automatic(struct pl_guard *guard, const struct pl_conf *conf)
{
	guard->conf = conf;
}

static int prepare_first(struct pl_guard *guard)
{
	int r = guard->first == NULL ? 0 : guard->first(guard->first_ctx);

	if (r == 0)
		guard->first = NULL;
	return r;
}

static int op_add(void *ctx, const struct pl_tuple *tuple)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);
	int r;

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (entry != NULL)
		return 0;
	r = prepare_first(guard);
	if (r != 0)
		return r;
	start(guard);
	r = pl_mirror_add(guard->mirror, &guard->batch, tuple);
	if (r != 0)
		return r;
	r = commit(guard);
	if (r != 0)
		pl_mirror_remove(guard->mirror, NULL, pl_mirror_find(guard->mirror, tuple));
	return r;
}

/* Of a listener, whose packets come in before anything goes out. */
static int permit_births(struct pl_guard *guard, struct pl_mirror_entry *entry,
			 const struct pl_pin *pins, unsigned nr_pins)
{
	const struct pl_mirror_birth *before = pl_mirror_births(entry);
	int r = 0;

	start(guard);
	for (unsigned i = 0; i < nr_pins && r == 0; i++)
		r = pl_mirror_admit(guard->mirror, &guard->batch, entry, pins[i].reqid);
	if (r == 0 && pl_mirror_births(entry) != before)
		r = commit(guard);
	if (r != 0)
		pl_mirror_dismiss_until(guard->mirror, NULL, entry, before);
	return r;
}

static int permit_pins(struct pl_guard *guard, struct pl_mirror_entry *entry,
		       const struct pl_pin *pins, unsigned nr_pins)
{
	unsigned before = entry->nr_pins, i;
	int r = 0;

	start(guard);
	for (unsigned n = 0; n < nr_pins && r == 0; n++) {
		if (!pl_mirror_has_pin(entry, &pins[n], &i))
			r = pl_mirror_pin(guard->mirror, &guard->batch, &entry, &pins[n]);
	}
	if (r == 0 && entry->nr_pins > before)
		r = commit(guard);
	while (r != 0 && entry->nr_pins > before)
		pl_mirror_unpin(guard->mirror, NULL, entry, entry->nr_pins - 1);
	return r;
}

static int op_permit(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		     unsigned nr_pins)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (entry == NULL || !pl_mirror_may_pin(tuple, pins, nr_pins))
		return PL_E_WRONG_STATE;
	if (pl_tuple_is_listener(tuple))
		return permit_births(guard, entry, pins, nr_pins);
	return permit_pins(guard, entry, pins, nr_pins);
}

static int op_bypass(void *ctx, const struct pl_tuple *tuple)
{
	static const struct pl_pin pins[] = { { PL_DIR_IN, 0 }, { PL_DIR_OUT, 0 } };
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (entry == NULL || pl_tuple_is_listener(tuple) || entry->nr_pins > 0)
		return PL_E_WRONG_STATE;
	return permit_pins(guard, entry, pins, 2);
}

static int op_answer(void *ctx, const struct pl_tuple *tuple, bool is_on)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);
	uint32_t before, device = 0;
	int r;

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (!pl_mirror_may_answer(entry))
		return PL_E_WRONG_STATE;
	before = pl_mirror_device(entry);
	if ((before != 0) == is_on)
		return 0;
	r = is_on ? pl_route_device(tuple, &device) : 0;
	if (r != 0)
		return r;
	start(guard);
	pl_mirror_answer(&guard->batch, entry, device);
	r = commit(guard);
	if (r != 0)
		pl_mirror_answer(NULL, entry, before);
	return r;
}

/* Return: something is to be sent. */
static bool unpin(struct pl_guard *guard, struct pl_mirror_entry *entry, const struct pl_pin *pin)
{
	unsigned i;

	if (pl_tuple_is_listener(&entry->tuple))
		return pl_mirror_dismiss(guard->mirror, &guard->batch, entry, pin->reqid);
	if (!pl_mirror_has_pin(entry, pin, &i))
		return false;
	pl_mirror_unpin(guard->mirror, &guard->batch, entry, i);
	return true;
}

/* Every pin of one direction. */
static bool unpin_way(struct pl_guard *guard, struct pl_mirror_entry *entry, enum pl_direction way)
{
	bool is_changed = way == PL_DIR_IN && pl_mirror_births(entry) != NULL;

	for (unsigned i = entry->nr_pins; i-- > 0; ) {
		if (pl_mirror_pin_at(entry, i).direction != way)
			continue;
		pl_mirror_unpin(guard->mirror, &guard->batch, entry, i);
		is_changed = true;
	}
	if (way == PL_DIR_IN)
		pl_mirror_dismiss_until(guard->mirror, &guard->batch, entry, NULL);
	return is_changed;
}

static int op_retire(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		     unsigned nr_pins)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);
	bool is_changed = false;

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (entry == NULL)
		return 0;
	start(guard);
	for (unsigned i = 0; i < nr_pins; i++)
		is_changed |= unpin(guard, entry, &pins[i]);
	return is_changed ? commit_or_restore(guard) : 0;
}

static int op_block(void *ctx, const struct pl_tuple *tuple)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);
	bool is_changed;

	if (entry == NULL)
		return PL_E_WRONG_STATE;
	start(guard);
	is_changed = unpin_way(guard, entry, PL_DIR_OUT);
	is_changed |= unpin_way(guard, entry, PL_DIR_IN);
	if (!is_changed)
		return guard->is_in_force ? 0 : pl_guard_restore(guard);
	return commit_or_restore(guard);
}

static bool unpin_item(struct pl_guard *guard, const struct pl_guard_item *item,
		       enum pl_direction way, int *r)
{
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, &item->tuple);

	if (item->kind == PL_GUARD_PIN)
		return entry != NULL && item->pin.direction == way &&
		       unpin(guard, entry, &item->pin);
	if (entry != NULL)
		return unpin_way(guard, entry, way);
	*r = PL_E_WRONG_STATE;
	return false;
}

/* Elements of one set share a message only when they follow each other. */
static int op_unpin(void *ctx, const struct pl_guard_item *items, size_t nr_items)
{
	static const enum pl_direction ways[] = { PL_DIR_OUT, PL_DIR_IN };
	struct pl_guard *guard = ctx;
	bool is_changed = false;
	int r = 0, r_commit;

	start(guard);
	for (size_t i = 0; i < 2 * nr_items; i++)
		is_changed |= unpin_item(guard, &items[i % nr_items], ways[i / nr_items], &r);
	if (!is_changed && guard->is_in_force)
		return r;
	r_commit = is_changed ? commit_or_restore(guard) : pl_guard_restore(guard);
	return r_commit != 0 ? r_commit : r;
}

/* The birth of one connection, or those of all that a listener has. */
struct births {
	const struct pl_tuple *of;
	struct pl_nft_batch *batch;	/* removes them, unless NULL */
	uint32_t reqid;
	unsigned nr;
};

static bool is_birth_of(const struct pl_tuple *of, const struct pl_tuple *tuple)
{
	struct pl_tuple listener;

	/* Of SCTP its address is not known; another listener of that port lets it begin again. */
	if (of->proto == PL_TUPLE_SCTP && pl_tuple_is_listener(of))
		return tuple->proto == of->proto && tuple->local_port == of->local_port;
	if (!pl_tuple_is_listener(of))
		return pl_tuple_compare(of, tuple) == 0;
	pl_tuple_listener_of(tuple, pl_tuple_is_wildcard(of), &listener);
	return pl_tuple_compare(of, &listener) == 0;
}

static int see_birth(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	struct births *births = ctx;

	if (!is_birth_of(births->of, tuple))
		return 0;
	births->reqid = reqid;
	births->nr++;
	if (births->batch != NULL)
		pl_nft_element(births->batch, false, set, tuple, reqid);
	return 0;
}

/* Of a connection by its key: there may be tens of thousands. A listener's are looked for among
 * all, which only its end asks for. */
static int find_births(struct pl_guard *guard, struct births *births)
{
	const struct pl_tuple *tuple = births->of;
	struct pl_tuple association;
	int r;

	if (tuple->proto == PL_TUPLE_SCTP && !pl_tuple_is_listener(tuple)) {
		pl_nft_association(tuple, tuple->af, &association);
		births->of = &association;
	}
	if (pl_tuple_is_listener(births->of))
		return pl_nft_read_set(guard->socket, &guard->seq, PL_NFT_BORN, births->of->af,
				       see_birth, births);
	r = pl_nft_read_element(guard->socket, &guard->seq, PL_NFT_BORN, births->of, see_birth,
				births);
	births->of = tuple;
	return r == -ENOENT ? 0 : r;
}

/* What unguards an entry, and its births with @births: one transaction. */
static int write_unguard(struct pl_guard *guard, const struct pl_mirror_entry *entry, bool births)
{
	struct births found = { .of = &entry->tuple, .batch = &guard->batch };
	int r;

	/* the request has a number of its own, before those of the batch */
	pl_nft_batch_begin(&guard->batch, guard->seq + 1);
	r = births ? find_births(guard, &found) : 0;
	pl_mirror_write_removal(guard->mirror, &guard->batch, entry);
	return r == 0 ? commit(guard) : r;
}

/* A birth may end by itself after it was read, and a list may change while it is. */
static int op_unguard(void *ctx, const struct pl_tuple *tuple, bool births)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror_entry *entry = pl_mirror_find(guard->mirror, tuple);
	int r = -EINTR;

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (entry == NULL)
		return 0;
	for (unsigned i = 0; i < TRIES && (r == -EINTR || r == -ENOENT); i++)
		r = write_unguard(guard, entry, births);
	if (r != 0 && r != -ENOENT)
		return r;
	pl_mirror_remove(guard->mirror, NULL, entry);
	/* Something of it was gone before: then nothing is sure but the whole table. */
	return r == 0 ? 0 : pl_guard_restore(guard);
}

/* There is one reqid at most: a packet of another SA is dropped, also when both were first. */
static int op_born(void *ctx, const struct pl_tuple *tuple, uint32_t ret_reqids[static 2],
		   unsigned *ret_nr)
{
	struct pl_guard *guard = ctx;
	struct births births = { .of = tuple };
	int r;

	if (!guard->is_in_force)
		return PL_E_UNAVAILABLE;
	if (pl_tuple_is_listener(tuple))
		return PL_E_WRONG_STATE;
	r = find_births(guard, &births);
	if (r != 0)
		return r;
	ret_reqids[0] = births.reqid;
	*ret_nr = births.nr;
	return 0;
}

/* Without a way to it nobody is answered; the rest of the table does not wait for that. */
static int mirror_item(struct pl_mirror *mirror, const struct pl_guard_item *item)
{
	uint32_t device = PL_MIRROR_NOWHERE;

	if (item->kind == PL_GUARD_ANSWER)
		(void)!pl_route_device(&item->tuple, &device);
	return pl_mirror_put(mirror, item, device);
}

static int op_rebuild(void *ctx, const struct pl_guard_item *items, size_t nr_items)
{
	struct pl_guard *guard = ctx;
	struct pl_mirror *before = guard->mirror, *mirror = pl_mirror_new(guard->key);
	int r = mirror == NULL ? -ENOMEM : nr_items == 0 ? 0 : prepare_first(guard);

	for (size_t i = 0; i < nr_items && r == 0; i++)
		r = mirror_item(mirror, &items[i]);
	if (r == 0) {
		guard->mirror = mirror;
		r = pl_guard_restore(guard);
		mirror = r == 0 ? before : mirror;
		guard->mirror = r == 0 ? guard->mirror : before;
	}
	pl_mirror_free(mirror);
	return r;
}

struct visitor {
	pl_guard_visit *visit;
	void *ctx;
};

static int see_item(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	struct visitor *visitor = ctx;
	struct pl_guard_item item = { .kind = PL_GUARD_PIN, .tuple = *tuple };

	if (set == PL_NFT_FLOWS && pl_nft_is_association(tuple))
		return 0;
	if (set == PL_NFT_FLOWS || set == PL_NFT_LISTENERS) {
		item.kind = set == PL_NFT_FLOWS ? PL_GUARD_FLOW : PL_GUARD_LISTENER;
	} else if (set == PL_NFT_ANSWERS) {
		item.kind = PL_GUARD_ANSWER;
	} else {
		item.pin.direction = set == PL_NFT_PIN_OUT ? PL_DIR_OUT : PL_DIR_IN;
		item.pin.reqid = reqid;
	}
	return visitor->visit(visitor->ctx, &item);
}

/* A table of another make may lack a set. */
static int walk(struct pl_guard *guard, pl_guard_visit *visit, void *visit_ctx)
{
	static const enum pl_nft_set sets[] = { PL_NFT_FLOWS, PL_NFT_LISTENERS, PL_NFT_BIRTHS,
						PL_NFT_PIN_IN, PL_NFT_PIN_OUT, PL_NFT_ANSWERS };
	struct visitor visitor = { .visit = visit, .ctx = visit_ctx };
	int r = 0;

	for (unsigned i = 0; i < 2 * sizeof(sets) / sizeof(sets[0]) && r == 0; i++) {
		r = pl_nft_read_set(guard->socket, &guard->seq, sets[i / 2],
				    i % 2 == 0 ? PL_AF_IP4 : PL_AF_IP6, see_item, &visitor);
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

static int op_walk(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	struct pl_guard *guard = ctx;
	int r = guard->is_in_force ? pl_nft_read_table(guard->socket, &guard->seq) :
				     PL_E_UNAVAILABLE;

	return r == 0 ? walk(guard, visit, visit_ctx) : r;
}

/* What a predecessor of another make guards is read before it is replaced. */
static int replace(struct pl_guard *guard, const struct pl_guard_item *items, size_t nr_items)
{
	struct pl_guard_left *left = &guard->left;
	struct pl_guard_item *all;
	int r = pl_guard_left_read(guard->socket, &guard->seq, guard->mirror, left);

	if (r != 0)
		return r;
	all = reallocarray(NULL, left->nr + nr_items + 1, sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	if (left->nr > 0)
		memcpy(all, left->items, left->nr * sizeof(*all));
	if (nr_items > 0)
		memcpy(all + left->nr, items, nr_items * sizeof(*all));
	r = op_rebuild(guard, all, left->nr + nr_items);
	free(all);
	return r;
}

/* The rules are written into the table that is there: to read what it guards costs more than to
 * guard it again, and can wait. */
static int op_take_over(void *ctx, const struct pl_guard_item *items, size_t nr_items)
{
	struct pl_guard *guard = ctx;
	int r = pl_nft_read_table(guard->socket, &guard->seq);

	if (r != 0 && r != PL_E_NOT_FOUND)
		return r;
	guard->is_heir = r == 0;
	r = op_rebuild(guard, items, nr_items);
	if (r == 0 || !guard->is_heir)
		return r;
	guard->is_heir = false;
	return replace(guard, items, nr_items);
}

/* Into the mirror, and into the kernel once more, with all that its rules want of it. */
static int learn_left(struct pl_guard *guard)
{
	const struct pl_guard_left *left = &guard->left;
	int r = pl_guard_left_read(guard->socket, &guard->seq, guard->mirror, &guard->left);

	if (r == 0 && left->nr > 0)
		r = prepare_first(guard);
	start(guard);
	/* A list that grew meanwhile may show one twice. */
	for (size_t i = 0; r == 0 && i < left->nr; i++) {
		if (pl_mirror_find(guard->mirror, &left->items[i].tuple) == NULL)
			r = pl_mirror_add(guard->mirror, &guard->batch, &left->items[i].tuple);
	}
	if (r == 0 && left->nr > 0)
		r = commit(guard);
	guard->is_heir = r != 0;
	return r;
}

static int op_walk_left(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	struct pl_guard *guard = ctx;
	int r = guard->is_heir ? learn_left(guard) : 0;

	for (size_t i = 0; r == 0 && i < guard->left.nr; i++)
		r = visit(visit_ctx, &guard->left.items[i]);
	pl_guard_left_free(&guard->left);
	return r;
}

static const struct pl_guard_ops operations = {
	.guard = op_add,
	.permit = op_permit,
	.retire = op_retire,
	.block = op_block,
	.unguard = op_unguard,
	.listen = op_add,
	.born = op_born,
	.rebuild = op_rebuild,
	.walk = op_walk,
	.bypass = op_bypass,
	.unpin = op_unpin,
	.answer = op_answer,
	.take_over = op_take_over,
	.walk_left = op_walk_left,
};

const struct pl_guard_ops *pl_guard_operations(void)
{
	return &operations;
}

static int adopt_item(void *ctx, const struct pl_guard_item *item)
{
	return mirror_item(ctx, item);
}

int pl_guard_adopt(struct pl_guard *guard)
{
	struct pl_mirror *mirror = pl_mirror_new(guard->key);
	int r = mirror == NULL ? -ENOMEM : pl_nft_read_table(guard->socket, &guard->seq);

	if (r == 0)
		r = walk(guard, adopt_item, mirror);
	if (r != 0) {
		pl_mirror_free(mirror);
		return r;
	}
	pl_mirror_free(guard->mirror);
	guard->mirror = mirror;
	guard->is_in_force = true;
	return 0;
}

/* Every message of a change names its table in attribute 1. */
static bool is_ours_by_others(const struct pl_guard *guard, const struct nlmsghdr *message)
{
	const struct nfgenmsg *family = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	unsigned type = message->nlmsg_type;

	if (type >> 8 != NFNL_SUBSYS_NFTABLES || (type & 0xff) == NFT_MSG_NEWGEN ||
	    message->nlmsg_pid == mnl_socket_get_portid(guard->socket) ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*family)) ||
	    family->nfgen_family != NFPROTO_INET)
		return false;
	mnl_attr_for_each(attr, message, sizeof(*family)) {
		if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			return strcmp(mnl_attr_get_str(attr), PL_NFT_TABLE) == 0;
	}
	return false;
}

int pl_guard_dispatch(struct pl_guard *guard, bool *ret_restored)
{
	static uint8_t events[65536];
	bool is_hurt = false;
	int r = 0;

	for (;;) {
		ssize_t len = recv(pl_guard_fd(guard), events, sizeof(events), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)events;
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		/* Events were lost, and any may have been about us; unless all were ours: a
		 * restored table makes many. */
		if (len < 0 && errno == ENOBUFS) {
			uint32_t now = generation(guard);

			is_hurt = is_hurt || now == 0 || now != guard->generation;
			continue;
		}
		if (len < 0)
			break;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			is_hurt = is_ours_by_others(guard, message) || is_hurt;
	}
	if (is_hurt)
		r = pl_guard_restore(guard);
	*ret_restored = is_hurt && r == 0;
	return r;
}

int pl_guard_counters(struct pl_guard *guard, uint64_t ret[static PL_NFT_COUNTER_ROOF])
{
	return pl_nft_read_counters(guard->socket, &guard->seq, ret);
}
