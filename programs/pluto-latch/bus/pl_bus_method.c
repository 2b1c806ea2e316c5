/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The members of org.libreswan.Latch1.Manager. Each asks the engine and puts its answer into the
 * reply; decisions are the engine's, who may ask is decided here and by the engine alone.
 *
 * Invariants:
 * - uid 0 is the administrator, and everybody else sees his own latches only.
 * - What a call makes is written down in it before anything else can fail.
 */

#include "bus/pl_bus_method.h"

#include "bus/pl_bus_impl.h"
#include "bus/pl_bus_latch.h"
#include "bus/pl_bus_peer.h"
#include "bus/pl_latch_key.h"
#include "bus/pl_token.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Latches looked at for one page of List, so that a filter cannot make it long. */
enum { LOOKED_AT_MAX = 16384 };

static int put(DBusMessage *reply, int type, const void *value)
{
	DBusMessageIter at;

	dbus_message_iter_init_append(reply, &at);
	return dbus_message_iter_append_basic(&at, type, value) ? 0 : -ENOMEM;
}

static struct pl_owner owner_of(const struct pl_caller_id *who)
{
	return (struct pl_owner) {
		.kind = PL_OWNER_SESSION, .uid = who->uid, .number = who->session,
	};
}

/* As the engine wants it: NULL is the administrator. */
static const struct pl_owner *asker(const struct pl_caller_id *who, struct pl_owner *room)
{
	*room = owner_of(who);
	return pl_caller_is_admin(who) ? NULL : room;
}

static bool has_session(const struct pl_bus *bus, const struct pl_caller_id *who)
{
	return who->session != 0 && pl_session_is_open(bus->sessions, who->session);
}

/* Sessions */

static int put_session(DBusMessage *reply, int fd, const char *token)
{
	int r = put(reply, DBUS_TYPE_UNIX_FD, &fd);

	return r == 0 ? put(reply, DBUS_TYPE_STRING, &token) : r;
}

/* @number: of the session that is resumed, or 0. The journal is written before anybody else gets
 * the token, and after everything that may fail for want of something. */
static int give_session(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
			uint64_t number, DBusMessage *reply)
{
	struct pl_session_wish wish = { who->uid, call->request.is_watch, number };
	struct pl_kept_session kept = { .uid = who->uid };
	char token[PL_TOKEN_TEXT];
	int fd = -1, r = pl_token_make(token, kept.token);

	if (r == 0)
		r = pl_session_open(bus->sessions, &wish, &kept.number, &fd);
	if (r != 0)
		return r;
	r = put_session(reply, fd, token);
	close(fd);
	explicit_bzero(token, sizeof(token));
	if (r == 0)
		r = pl_engine_session_save(bus->engine, &kept);
	if (r != 0) {
		pl_session_abandon(bus->sessions, kept.number);
		return r;
	}
	pl_callers_set_session(bus->callers, call->sender, kept.number);
	return 0;
}

int pl_method_open_session(struct pl_bus *bus, const struct pl_caller_id *who,
			   struct pl_call *call, DBusMessage *reply)
{
	if (has_session(bus, who))
		return PL_E_SESSION_EXISTS;
	return give_session(bus, who, call, 0, reply);
}

int pl_method_resume_session(struct pl_bus *bus, const struct pl_caller_id *who,
			     struct pl_call *call, DBusMessage *reply)
{
	uint8_t digest[PL_KEPT_DIGEST_BYTES];
	char *token = call->request.texts[0];
	uint64_t number;
	int r;

	if (has_session(bus, who))
		return PL_E_SESSION_EXISTS;
	pl_token_digest(token, digest);
	explicit_bzero(token, strlen(token));
	r = pl_engine_session_find(bus->engine, who->uid, digest, &number);
	if (r == 0)
		r = give_session(bus, who, call, number, reply);
	if (r != 0)
		return r;
	pl_engine_session_resumed(bus->engine, number);
	/* What others' latches did meanwhile nobody has kept. */
	if (call->request.is_watch)
		pl_session_lose(bus->sessions, number);
	pl_bus_say(bus, "session %llu of uid %u is resumed", (unsigned long long)number, who->uid);
	return 0;
}

/* Latches */

/* libdbus gives up after 25 s, unless told otherwise. */
enum { WAIT_DEFAULT_MS = 20000 };

/* How long SAs may take to be set up: a caller who does not wait for them does not get more. */
static uint32_t setup_ms(const struct pl_bus *bus, const struct pl_request *request)
{
	uint32_t most = bus->conf->limits.each[PL_LIMIT_WAIT_MS];

	if (request->wait_ms != 0)
		return request->wait_ms;
	return most < WAIT_DEFAULT_MS ? most : WAIT_DEFAULT_MS;
}

static struct pl_engine_ask ask_of(const struct pl_caller_id *who,
				   const struct pl_request *request)
{
	return (struct pl_engine_ask) {
		.tuple = request->tuple, .owner = owner_of(who), .gids = who->gids,
		.nr_gids = who->nr_gids, .require = request->require,
		.disposition = request->disposition, .is_late = request->is_late,
		.may_be_broken = request->may_be_broken, .is_narrow = request->is_narrow,
		.suite = request->suite, .tag = request->tag, .is_bypass = request->is_bypass,
		.peer = request->peer[0] == '\0' ? NULL : request->peer,
	};
}

static int put_whole(struct pl_bus *bus, const struct pl_latch *latch, DBusMessage *reply)
{
	struct pl_association_view association;
	struct pl_latch_more more = {
		.path = pl_engine_path(bus->engine, latch),
		.peer = pl_engine_peer(bus->engine, latch),
	};
	DBusMessageIter at;

	if (pl_engine_association(bus->engine, latch, &association))
		more.association = &association;
	dbus_message_iter_init_append(reply, &at);
	return pl_bus_put_latch(&at, latch, &more, NULL);
}

static int put_latch(struct pl_bus *bus, uint64_t id, DBusMessage *reply)
{
	const struct pl_latch *latch;
	int r = pl_engine_inquire(bus->engine, NULL, id, &latch);

	return r != 0 ? r : put_whole(bus, latch, reply);
}

int pl_reply_latch(struct pl_bus *bus, uint64_t id, DBusMessage *reply)
{
	int r = put(reply, DBUS_TYPE_UINT64, &id);

	return r == 0 ? put_latch(bus, id, reply) : r;
}

/* Unless the caller wants to know the latch at once, or nothing at all. */
static bool is_waiting(const struct pl_bus *bus, const struct pl_call *call, uint64_t id)
{
	const struct pl_request *request = &call->request;
	const struct pl_latch *latch;

	return !call->is_quiet && (request->wait_ms != 0 || !request->has_wait) &&
	       pl_engine_inquire(bus->engine, NULL, id, &latch) == 0 &&
	       latch->state == PL_STATE_LARVAL;
}

int pl_method_latch(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		    DBusMessage *reply)
{
	struct pl_engine_ask ask = ask_of(who, &call->request);
	struct pl_conflict_report report = { .verdict = PL_CONFLICT_NONE };
	uint64_t id;
	int r;

	if (!has_session(bus, who))
		return PL_E_NO_SESSION;
	ask.setup_ms = setup_ms(bus, &call->request);
	r = ask.tag == PL_TAG_NONE ?
	    pl_engine_latch_socket(bus->engine, call->request.fd, &ask, &id, &report) :
	    pl_engine_tag_socket(bus->engine, call->request.fd, &ask, &id, &report);
	if (r != 0 && !pl_key_clean(report.text, call->report, sizeof(call->report)))
		call->report[0] = '\0';
	if (r != 0)
		return r;
	call->made[call->nr_made++] = id;
	if (is_waiting(bus, call, id)) {
		call->larva = id;
		return 0;
	}
	return pl_reply_latch(bus, id, reply);
}

int pl_method_listen(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		     DBusMessage *reply)
{
	struct pl_engine_ask ask = ask_of(who, &call->request);
	uint64_t ids[2];
	const uint64_t *at = ids;
	unsigned nr;
	int r;

	if (!has_session(bus, who))
		return PL_E_NO_SESSION;
	r = pl_engine_listen_socket(bus->engine, call->request.fd, &ask, ids, &nr);
	if (r != 0)
		return r;
	memcpy(call->made, ids, nr * sizeof(ids[0]));
	call->nr_made = nr;
	return dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_UINT64, &at, nr,
					DBUS_TYPE_INVALID) ? 0 : -ENOMEM;
}

int pl_method_find(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		   DBusMessage *reply)
{
	const struct pl_tuple *flow = &call->request.tuple;
	struct pl_tuple listener[2];
	const struct pl_latch *latch;
	struct pl_owner room;
	unsigned nr;
	int r = 0;

	if (pl_tuple_is_listener(flow)) {
		r = pl_tuple_listener(flow, true, listener, &nr);
		flow = &listener[0];
	}
	if (r == 0)
		r = pl_engine_find(bus->engine, asker(who, &room), flow, &latch);
	return r == 0 ? put(reply, DBUS_TYPE_UINT64, &latch->id) : r;
}

int pl_method_inquire(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		      DBusMessage *reply)
{
	const struct pl_latch *latch;
	struct pl_owner room;
	int r = pl_engine_inquire(bus->engine, asker(who, &room), call->request.numbers[0], &latch);

	return r != 0 ? r : put_whole(bus, latch, reply);
}

/* A connection whose peer is known: larval, listening and in clear there is none. */
static int find_peer(struct pl_bus *bus, const struct pl_caller_id *who, uint64_t id,
		     const struct pl_latch **ret)
{
	struct pl_owner room;
	int r = pl_engine_inquire(bus->engine, asker(who, &room), id, ret);

	if (r != 0)
		return r;
	return (*ret)->params.peer.identity == NULL ? PL_E_WRONG_STATE : 0;
}

int pl_method_inquire_peer(struct pl_bus *bus, const struct pl_caller_id *who,
			   struct pl_call *call, DBusMessage *reply)
{
	const struct pl_latch *latch;
	DBusMessageIter at;
	int r = find_peer(bus, who, call->request.numbers[0], &latch);

	if (r != 0)
		return r;
	dbus_message_iter_init_append(reply, &at);
	return pl_bus_put_peer(&at, pl_identity_data(latch->params.peer.identity));
}

int pl_method_same_peer(struct pl_bus *bus, const struct pl_caller_id *who,
			struct pl_call *call, DBusMessage *reply)
{
	const struct pl_latch *first, *second;
	dbus_bool_t is_same;
	int r = find_peer(bus, who, call->request.numbers[0], &first);

	if (r == 0)
		r = find_peer(bus, who, call->request.numbers[1], &second);
	if (r != 0)
		return r;
	is_same = pl_engine_same_peer(bus->engine, first, second);
	return put(reply, DBUS_TYPE_BOOLEAN, &is_same);
}

int pl_method_get_channel_binding(struct pl_bus *bus, const struct pl_caller_id *who,
				  struct pl_call *call, DBusMessage *reply)
{
	enum pl_binding_type type = pl_binding_from_choice(call->request.texts[0]);
	const struct pl_latch *latch;
	struct pl_binding binding;
	const uint8_t *data = binding.data;
	int r = find_peer(bus, who, call->request.numbers[0], &latch);

	if (r == 0)
		r = pl_engine_binding(bus->engine, latch, type, &binding);
	if (r != 0)
		return r;
	return dbus_message_append_args(reply, DBUS_TYPE_STRING, &binding.name, DBUS_TYPE_ARRAY,
					DBUS_TYPE_BYTE, &data, (int)sizeof(binding.data),
					DBUS_TYPE_INVALID) ? 0 : -ENOMEM;
}

int pl_method_release(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		      DBusMessage *reply)
{
	struct pl_owner room;

	(void)reply;
	return pl_engine_release(bus->engine, asker(who, &room), call->request.numbers[0]);
}

int pl_method_unprotect(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
			DBusMessage *reply)
{
	struct pl_owner room;
	uint64_t id = call->request.numbers[0];
	int r = pl_engine_unprotect(bus->engine, asker(who, &room), id);

	(void)reply;
	if (r == 0)
		pl_bus_say(bus, "latch %llu: uid %u ends its protection",
			   (unsigned long long)id, who->uid);
	return r;
}

/* Signals */

int pl_method_subscribe(struct pl_bus *bus, const struct pl_caller_id *who,
			struct pl_call *call, DBusMessage *reply)
{
	uint64_t generation = pl_engine_generation(bus->engine);
	int r = put(reply, DBUS_TYPE_UINT64, &generation);

	if (r == 0 && call->request.is_all && !pl_caller_is_admin(who))
		return PL_E_NOT_AUTHORIZED;
	return r != 0 ? r : pl_subscribe(bus->subscribers, call->sender, who->uid,
					 call->request.is_all);
}

int pl_method_unsubscribe(struct pl_bus *bus, const struct pl_caller_id *who,
			  struct pl_call *call, DBusMessage *reply)
{
	(void)who;
	(void)reply;
	pl_unsubscribe(bus->subscribers, call->sender);
	return 0;
}

/* List */

struct page {
	DBusMessageIter latches;
	const struct pl_owner *who;
	const struct pl_request *filter;
	size_t bytes, max_bytes;
	unsigned nr, max_nr;
	uint64_t cursor;
	bool is_end;
};

static bool is_wanted(const struct pl_latch *latch, const struct pl_request *filter)
{
	if (filter->state != PL_STATE_NONE && pl_state_shown(latch->state) != filter->state)
		return false;
	return filter->kind == 0 ||
	       (filter->kind == 'l') == pl_tuple_is_listener(&latch->tuple);
}

static int fill(struct pl_bus *bus, struct page *page)
{
	for (unsigned looked = 0; looked < LOOKED_AT_MAX; looked++) {
		const struct pl_latch *latch = pl_engine_next(bus->engine, page->who,
							      page->cursor);
		struct pl_association_view association;
		struct pl_latch_more more = { .path = NULL };
		size_t bytes;
		int r;

		page->is_end = latch == NULL;
		if (page->is_end)
			return 0;
		if (!is_wanted(latch, page->filter)) {
			page->cursor = latch->id;
			continue;
		}
		if (page->nr == page->max_nr || page->bytes + PL_BUS_LATCH_MAX > page->max_bytes)
			return 0;
		if (pl_engine_association(bus->engine, latch, &association))
			more.association = &association;
		more.peer = pl_engine_peer(bus->engine, latch);
		r = pl_bus_put_latch(&page->latches, latch, &more, &bytes);
		if (r != 0)
			return r;
		page->bytes += bytes;
		page->nr++;
		page->cursor = latch->id;
	}
	return 0;
}

int pl_method_list(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		   DBusMessage *reply)
{
	const struct pl_limits *limits = &bus->conf->limits;
	uint64_t limit = call->request.numbers[1], next;
	struct pl_owner room;
	struct page page = {
		.who = asker(who, &room), .filter = &call->request,
		.max_nr = limits->each[PL_LIMIT_LIST_PAGE],
		.max_bytes = limits->each[PL_LIMIT_REPLY_BYTES],
		.bytes = 512, .cursor = call->request.numbers[0],
	};
	DBusMessageIter at;
	int r;

	if (limit != 0 && limit < page.max_nr)
		page.max_nr = (unsigned)limit;
	dbus_message_iter_init_append(reply, &at);
	if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "a{sv}", &page.latches))
		return -ENOMEM;
	r = fill(bus, &page);
	if (r != 0) {
		dbus_message_iter_abandon_container(&at, &page.latches);
		return r;
	}
	if (!dbus_message_iter_close_container(&at, &page.latches))
		return -ENOMEM;
	next = page.is_end ? 0 : page.cursor;
	return put(reply, DBUS_TYPE_UINT64, &next);
}
