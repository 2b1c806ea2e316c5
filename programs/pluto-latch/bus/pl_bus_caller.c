/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who calls. A message says whatever its sender likes; the bus has asked the kernel who opened the
 * connection. It is asked once for each unique name, and calls wait for the answer in their order.
 *
 * Invariants:
 * - Nobody's call is carried out before the bus has said who he is.
 * - What waits is bounded, for each name and in all; beyond that the answer is LimitExceeded.
 * - A unique name is never used again while the bus lives, and everything is forgotten with it.
 */

#include "bus/pl_bus_caller.h"

#include "bus/pl_bus_impl.h"

#include <bsd/sys/tree.h>
#include <dbus/dbus.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAITING_MAX = 32,	/* calls of one name */
	WAITING_TOTAL = 2048,	/* a thousand clients may begin together */
	CALLERS_MAX = 8192,	/* more than a bus lets connect */
	GIDS_MAX = 65536,	/* the kernel's */
};

struct caller {
	RB_ENTRY(caller) by_name;
	struct pl_callers *all;
	struct pl_caller_id id;
	DBusPendingCall *asking;	/* NULL: the bus has answered */
	struct pl_call_list waiting;
	unsigned nr_waiting;
	uint32_t *gids;
	char *name;
};

static int compare_name(const struct caller *a, const struct caller *b)
{
	return strcmp(a->name, b->name);
}

RB_HEAD(caller_tree, caller);
/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(caller_tree, caller, by_name, compare_name, OURS)

struct pl_callers {
	struct pl_bus *bus;
	struct caller_tree tree;
	unsigned nr_callers;
	unsigned nr_waiting;
};

bool pl_caller_is_admin(const struct pl_caller_id *who)
{
	return who->uid == 0;
}

struct pl_callers *pl_callers_new(struct pl_bus *bus)
{
	struct pl_callers *all = calloc(1, sizeof(*all));

	if (all != NULL) {
		all->bus = bus;
		RB_INIT(&all->tree);
	}
	return all;
}

static struct pl_call *take_waiting(struct caller *caller)
{
	struct pl_call *call = TAILQ_FIRST(&caller->waiting);

	if (call != NULL) {
		TAILQ_REMOVE(&caller->waiting, call, next);
		caller->nr_waiting--;
		caller->all->nr_waiting--;
	}
	return call;
}

static void caller_free(struct caller *caller)
{
	struct pl_call *call;

	if (caller->asking != NULL) {
		dbus_pending_call_cancel(caller->asking);
		dbus_pending_call_unref(caller->asking);
	}
	while ((call = take_waiting(caller)) != NULL)
		pl_call_free(call);
	RB_REMOVE(caller_tree, &caller->all->tree, caller);
	caller->all->nr_callers--;
	free(caller->gids);
	free(caller->name);
	free(caller);
}

void pl_callers_clear(struct pl_callers *all)
{
	struct caller *caller;

	while ((caller = RB_MIN(caller_tree, &all->tree)) != NULL)
		caller_free(caller);
}

struct pl_callers *pl_callers_free(struct pl_callers *all)
{
	if (all == NULL)
		return NULL;
	pl_callers_clear(all);
	free(all);
	return NULL;
}

static struct caller *find(const struct pl_callers *all, const char *name)
{
	struct caller key = { .name = (char *)name };

	return RB_FIND(caller_tree, (struct caller_tree *)&all->tree, &key);
}

/* What the bus says */

static int take_gids(struct caller *caller, DBusMessageIter *variant)
{
	DBusMessageIter at;
	const dbus_uint32_t *gids;
	int nr;

	if (dbus_message_iter_get_arg_type(variant) != DBUS_TYPE_ARRAY ||
	    dbus_message_iter_get_element_type(variant) != DBUS_TYPE_UINT32)
		return PL_E_MALFORMED;
	dbus_message_iter_recurse(variant, &at);
	dbus_message_iter_get_fixed_array(&at, &gids, &nr);
	if (nr <= 0)
		return 0;
	if (nr > GIDS_MAX || caller->gids != NULL)
		return PL_E_MALFORMED;
	caller->gids = calloc((size_t)nr, sizeof(*caller->gids));
	if (caller->gids == NULL)
		return -ENOMEM;
	memcpy(caller->gids, gids, (size_t)nr * sizeof(*gids));
	caller->id.gids = caller->gids;
	caller->id.nr_gids = (unsigned)nr;
	return 0;
}

static int take_credentials(struct caller *caller, DBusMessage *answer)
{
	DBusMessageIter at, dict, entry, variant;
	bool has_uid = false;
	int r = 0;

	if (dbus_message_get_type(answer) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
	    !dbus_message_has_signature(answer, "a{sv}") || !dbus_message_iter_init(answer, &at))
		return PL_E_NOT_AUTHORIZED;
	dbus_message_iter_recurse(&at, &dict);
	for (; r == 0 && dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		const char *key;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &variant);
		if (strcmp(key, "UnixUserID") == 0 &&
		    dbus_message_iter_get_arg_type(&variant) == DBUS_TYPE_UINT32) {
			dbus_message_iter_get_basic(&variant, &caller->id.uid);
			has_uid = true;
		} else if (strcmp(key, "UnixGroupIDs") == 0) {
			r = take_gids(caller, &variant);
		}
	}
	return r == 0 && !has_uid ? PL_E_NOT_AUTHORIZED : r;
}

static void make_ready(struct pl_callers *all, struct pl_call *call, int error)
{
	call->error = error;
	TAILQ_INSERT_TAIL(&all->bus->ready, call, next);
}

static void on_credentials(DBusPendingCall *pending, void *ctx)
{
	struct caller *caller = ctx;
	struct pl_callers *all = caller->all;
	DBusMessage *answer = dbus_pending_call_steal_reply(pending);
	struct pl_call *call;
	int r = answer == NULL ? PL_E_NOT_AUTHORIZED : take_credentials(caller, answer);

	if (answer != NULL)
		dbus_message_unref(answer);
	dbus_pending_call_unref(caller->asking);
	caller->asking = NULL;
	while ((call = take_waiting(caller)) != NULL)
		make_ready(all, call, r);
	if (r != 0)
		caller_free(caller);
}

static int start_asking(struct caller *caller)
{
	const char *name = caller->name;
	DBusMessage *message = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
							    DBUS_INTERFACE_DBUS,
							    "GetConnectionCredentials");

	if (message == NULL)
		return -ENOMEM;
	if (!dbus_message_append_args(message, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		return -ENOMEM;
	}
	return pl_bus_call(caller->all->bus, message, PL_BUS_CALL_MS, on_credentials, caller,
			   &caller->asking);
}

static struct caller *caller_new(struct pl_callers *all, const char *name)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (caller == NULL)
		return NULL;
	TAILQ_INIT(&caller->waiting);
	caller->all = all;
	caller->name = strdup(name);
	if (caller->name == NULL) {
		free(caller);
		return NULL;
	}
	RB_INSERT(caller_tree, &all->tree, caller);
	all->nr_callers++;
	if (start_asking(caller) != 0) {
		caller_free(caller);
		return NULL;
	}
	return caller;
}

void pl_callers_ask(struct pl_callers *all, struct pl_call *call)
{
	struct caller *caller = find(all, call->sender);

	if (caller == NULL && all->nr_callers >= CALLERS_MAX) {
		make_ready(all, call, PL_E_LIMIT_EXCEEDED);
		return;
	}
	if (caller == NULL)
		caller = caller_new(all, call->sender);
	if (caller == NULL) {
		make_ready(all, call, -ENOMEM);
	} else if (caller->asking == NULL) {
		make_ready(all, call, 0);
	} else if (caller->nr_waiting >= WAITING_MAX || all->nr_waiting >= WAITING_TOTAL) {
		make_ready(all, call, PL_E_LIMIT_EXCEEDED);
	} else {
		TAILQ_INSERT_TAIL(&caller->waiting, call, next);
		caller->nr_waiting++;
		all->nr_waiting++;
	}
}

const struct pl_caller_id *pl_callers_id(const struct pl_callers *all, const char *name)
{
	struct caller *caller = find(all, name);

	return caller == NULL || caller->asking != NULL ? NULL : &caller->id;
}

void pl_callers_set_session(struct pl_callers *all, const char *name, uint64_t session)
{
	struct caller *caller = find(all, name);

	if (caller != NULL)
		caller->id.session = session;
}

void pl_callers_gone(struct pl_callers *all, const char *name)
{
	struct caller *caller = find(all, name);

	if (caller == NULL)
		return;
	if (caller->id.session != 0)
		pl_session_end(all->bus->sessions, caller->id.session);
	caller_free(caller);
}
