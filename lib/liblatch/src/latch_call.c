/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The members of org.libreswan.Latch1.Manager, one function each. What they mean is written in
 * dbus/org.libreswan.Latch1.xml; here arguments become messages and answers become values, and an
 * output is written only on success.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 25000 };

static struct DBusMessage *give_up(DBusMessage *message)
{
	dbus_message_unref(message);
	return NULL;
}

static int open_session(struct latch *latch, unsigned flags)
{
	const struct latch_entry watch = { "watch", 'b', { .b = true } };
	DBusMessage *message = latch_bus_message(latch, "OpenSession"), *reply;
	const char *token;
	int fd, r;

	if (message != NULL &&
	    !latch_bus_add_dict(message, &watch, (flags & LATCH_OPEN_WATCH) != 0))
		message = give_up(message);
	r = latch_bus_call(latch, message, 0, "hs", &reply);
	if (r != 0)
		return r;
	/* A copy of the descriptor, with CLOEXEC. */
	if (dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_STRING, &token,
				  DBUS_TYPE_INVALID))
		latch_resume_keep(latch, token);
	else
		r = LATCH_ERR_NO_MEMORY;
	dbus_message_unref(reply);
	return r == 0 ? latch_session_start(latch, fd) : r;
}

int latch_open(const char *bus_address, unsigned flags, struct latch **ret)
{
	struct latch *latch;
	int r;

	if (ret == NULL || (flags & ~(unsigned)(LATCH_OPEN_WATCH | LATCH_OPEN_NO_RESUME)) != 0)
		return LATCH_ERR_ARGUMENT;
	latch = calloc(1, sizeof(*latch));
	if (latch == NULL)
		return LATCH_ERR_NO_MEMORY;
	latch->session = latch->poll = latch->bell = latch->timer = -1;
	latch->flags = flags;
	latch->tail = &latch->head;
	latch->timeout_ms = TIMEOUT_MS;
	r = latch_bus_open(latch, bus_address);
	if (r == 0)
		r = open_session(latch, flags);
	latch->opened_ns = latch_tags_now_ns();
	if (r == 0)
		*ret = latch;
	else
		latch_close(latch);
	return r;
}

struct latch *latch_close(struct latch *latch)
{
	int kept = errno;

	if (latch != NULL) {
		latch_session_end(latch);
		latch_resume_end(latch);
		latch_bus_close(latch);
		free(latch->reason);
		free(latch->tags);
		free(latch);
	}
	errno = kept;
	return NULL;
}

/* Latch and Listen */

/* Where a socket will be connected to: two entries after those of the request. */
static size_t add_remote(struct latch_entry *entries, size_t nr, const char *address, uint16_t port)
{
	if (address == NULL)
		return nr;
	entries[nr] = (struct latch_entry) { "remote_address", 's', { .s = address } };
	entries[nr + 1] = (struct latch_entry) { "remote_port", 'q', { .q = port } };
	return nr + 2;
}

static int call_with_socket(struct latch *latch, const char *member, int fd,
			    const struct latch_entry *entries, size_t nr, uint32_t more_ms,
			    const char *signature, DBusMessage **ret)
{
	DBusMessage *message;

	/* libdbus does not tell a bad descriptor from a lack of memory. */
	if (fcntl(fd, F_GETFD) < 0)
		return LATCH_ERR_SYSTEM;
	message = latch_bus_message(latch, member);
	if (message != NULL &&
	    (!dbus_message_append_args(message, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID) ||
	     !latch_bus_add_dict(message, entries, nr)))
		message = give_up(message);
	return latch_bus_call(latch, message, more_ms, signature, ret);
}

int latch_call_latch(struct latch *latch, int fd, const struct latch_request *asked,
		     const char *address, uint16_t port, uint64_t *ret_id)
{
	struct latch_entry entries[LATCH_REQUEST_ENTRIES];
	struct latch_request request;
	DBusMessageIter iter;
	DBusMessage *reply;
	size_t nr;
	int r = latch_request_check(asked, &request);

	if (r != 0)
		return r;
	nr = latch_request_entries(&request, entries);
	nr = add_remote(entries, nr, address, port);
	r = call_with_socket(latch, "Latch", fd, entries, nr, latch_request_setup_ms(&request),
			     "ta{sv}", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, ret_id);
	dbus_message_unref(reply);
	return 0;
}

static void take_state(const struct latch_info *info, enum latch_state *ret_state,
		       uint64_t *ret_generation)
{
	const char *generation = latch_info_text(info, "generation");

	*ret_state = latch_info_state(info);
	*ret_generation = generation == NULL ? 0 : strtoull(generation, NULL, 10);
}

int latch_call_flow(struct latch *latch, int fd, const struct latch_flow_ask *ask,
		    const struct latch_request *asked, struct latch_flow_answer *ret)
{
	struct latch_entry entries[LATCH_REQUEST_ENTRIES];
	struct latch_request request;
	struct latch_info *info;
	DBusMessageIter iter;
	DBusMessage *reply;
	size_t nr;
	int r = latch_request_check(asked, &request);

	if (r != 0)
		return r;
	nr = latch_request_entries(&request, entries);
	nr = add_remote(entries, nr, ask->remote, ask->port);
	entries[nr++] = (struct latch_entry) { "local_address", 's', { .s = ask->local } };
	entries[nr++] = (struct latch_entry) { "tag", 's', { .s = ask->how } };
	r = call_with_socket(latch, "Latch", fd, entries, nr, latch_request_setup_ms(&request),
			     "ta{sv}", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, &ret->id);
	dbus_message_iter_next(&iter);
	r = latch_info_from_dict(&iter, &info);
	dbus_message_unref(reply);
	if (r != 0)
		return r;
	take_state(info, &ret->state, &ret->generation);
	latch_info_free(info);
	return 0;
}

int latch_latch(struct latch *latch, int fd, const struct latch_request *request, uint64_t *ret_id)
{
	struct latch_request checked;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_request_check(request, &checked);
	/* The socket is connected: the caller alone knows what goes on without a latch. */
	if (r == 0 && checked.prefer)
		r = LATCH_ERR_ARGUMENT;
	return r == 0 ? latch_call_latch(latch, fd, request, NULL, 0, ret_id) : r;
}

int latch_call_listen(struct latch *latch, int fd, const struct latch_request *asked,
		      uint64_t ret_ids[2])
{
	struct latch_entry entries[LATCH_REQUEST_ENTRIES];
	struct latch_request request;
	const dbus_uint64_t *ids = NULL;
	DBusMessage *reply;
	size_t nr;
	int count, r = latch_request_check(asked, &request);

	if (r != 0)
		return r;
	/* These are about one socket that is connected or about to be. */
	if (request.late || request.may_be_broken || request.prefer || request.wait_ms != 0 ||
	    request.narrow || request.suite != NULL || request.bypass)
		return LATCH_ERR_ARGUMENT;
	nr = latch_request_entries(&request, entries);
	r = call_with_socket(latch, "Listen", fd, entries, nr, 0, "at", &reply);
	if (r != 0)
		return r;
	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_UINT64, &ids, &count,
				   DBUS_TYPE_INVALID) || count < 1 || count > 2) {
		r = LATCH_ERR_FAILED;
	} else {
		ret_ids[0] = ids[0];
		ret_ids[1] = count == 2 ? ids[1] : 0;
	}
	dbus_message_unref(reply);
	return r;
}

/* Asking */

int latch_call_find(struct latch *latch, const struct latch_entry *flow, size_t nr,
		    uint64_t *ret_id)
{
	DBusMessage *message = latch_bus_message(latch, "Find"), *reply;
	DBusMessageIter iter;
	int r;

	if (message != NULL && !latch_bus_add_dict(message, flow, nr))
		message = give_up(message);
	r = latch_bus_call(latch, message, 0, "t", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, ret_id);
	dbus_message_unref(reply);
	return 0;
}

int latch_call_by_id(struct latch *latch, const char *member, uint64_t id, const char *reason,
		      const char *signature, DBusMessage **ret)
{
	DBusMessage *message = latch_bus_message(latch, member);

	if (message != NULL &&
	    (!dbus_message_append_args(message, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID) ||
	     (reason != NULL &&
	      !dbus_message_append_args(message, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID))))
		message = give_up(message);
	return latch_bus_call(latch, message, 0, signature, ret);
}

int latch_inquire(struct latch *latch, uint64_t id, struct latch_info **ret_info)
{
	DBusMessageIter iter;
	DBusMessage *reply;
	int r;

	if (latch == NULL || ret_info == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_call_by_id(latch, "Inquire", id, NULL, "a{sv}", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	r = latch_info_from_dict(&iter, ret_info);
	dbus_message_unref(reply);
	return r;
}

int latch_call_state(struct latch *latch, uint64_t id, enum latch_state *ret_state,
		     uint64_t *ret_generation)
{
	struct latch_info *info;
	int r = latch_inquire(latch, id, &info);

	if (r == LATCH_ERR_NOT_FOUND) {
		*ret_state = LATCH_STATE_CLOSED;
		*ret_generation = 0;
		return 0;
	}
	if (r != 0)
		return r;
	take_state(info, ret_state, ret_generation);
	latch_info_free(info);
	return 0;
}

static int take_page(DBusMessage *reply, uint64_t *ret_cursor, struct latch_info ***ret_infos,
		     size_t *ret_nr)
{
	struct latch_info **infos = NULL;
	DBusMessageIter iter, dict;
	size_t nr = 0;
	int count, r = 0;

	dbus_message_iter_init(reply, &iter);
	count = dbus_message_iter_get_element_count(&iter);
	if (count > 0) {
		infos = calloc((size_t)count, sizeof(*infos));
		if (infos == NULL)
			return LATCH_ERR_NO_MEMORY;
	}
	for (dbus_message_iter_recurse(&iter, &dict); r == 0 && nr < (size_t)count;
	     dbus_message_iter_next(&dict)) {
		r = latch_info_from_dict(&dict, &infos[nr]);
		nr += r == 0;
	}
	if (r != 0) {
		while (nr > 0)
			latch_info_free(infos[--nr]);
		free(infos);
		return r;
	}
	dbus_message_iter_next(&iter);
	dbus_message_iter_get_basic(&iter, ret_cursor);
	*ret_infos = infos;
	*ret_nr = nr;
	return 0;
}

int latch_list(struct latch *latch, uint64_t *cursor, struct latch_info ***ret_infos,
	       size_t *ret_nr)
{
	const dbus_uint32_t limit = 0;
	DBusMessage *message, *reply;
	int r;

	if (latch == NULL || cursor == NULL || ret_infos == NULL || ret_nr == NULL)
		return LATCH_ERR_ARGUMENT;
	message = latch_bus_message(latch, "List");
	if (message != NULL &&
	    (!latch_bus_add_dict(message, NULL, 0) ||
	     !dbus_message_append_args(message, DBUS_TYPE_UINT64, cursor, DBUS_TYPE_UINT32, &limit,
				       DBUS_TYPE_INVALID)))
		message = give_up(message);
	r = latch_bus_call(latch, message, 0, "aa{sv}t", &reply);
	if (r != 0)
		return r;
	r = take_page(reply, cursor, ret_infos, ret_nr);
	dbus_message_unref(reply);
	return r;
}

/* Letting go */

static int call_without_answer(struct latch *latch, const char *member, uint64_t id,
			       const char *reason)
{
	DBusMessage *reply;
	int kept = errno, r;

	if (latch == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_call_by_id(latch, member, id, reason, "", &reply);
	if (r == 0)
		dbus_message_unref(reply);
	errno = kept;
	return r;
}

static int let_go(struct latch *latch, const char *member, uint64_t id)
{
	int r = call_without_answer(latch, member, id, NULL);

	if (r == 0)
		latch_tags_close(latch->tags, id);
	return r;
}

int latch_release(struct latch *latch, uint64_t id)
{
	return let_go(latch, "Release", id);
}

int latch_unprotect(struct latch *latch, uint64_t id)
{
	return let_go(latch, "Unprotect", id);
}

/* libdbus takes what is no UTF-8 for a bug, and ends the process. */
static int call_with_reason(struct latch *latch, const char *member, uint64_t id,
			    const char *reason)
{
	if (reason == NULL || !dbus_validate_utf8(reason, NULL))
		return LATCH_ERR_ARGUMENT;
	return call_without_answer(latch, member, id, reason);
}

int latch_break(struct latch *latch, uint64_t id, const char *reason)
{
	return call_with_reason(latch, "Break", id, reason);
}

int latch_shut(struct latch *latch, uint64_t id, const char *reason)
{
	return call_with_reason(latch, "Close", id, reason);
}

int latch_forget_unreadable(struct latch *latch, uint32_t *ret_records, uint32_t *ret_flows)
{
	DBusMessageIter iter;
	DBusMessage *reply;
	int r;

	if (latch == NULL || ret_records == NULL || ret_flows == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_bus_call(latch, latch_bus_message(latch, "ForgetUnreadable"), 0, "uu", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, ret_records);
	dbus_message_iter_next(&iter);
	dbus_message_iter_get_basic(&iter, ret_flows);
	dbus_message_unref(reply);
	return 0;
}

int latch_reload(struct latch *latch)
{
	DBusMessage *reply;
	int r;

	if (latch == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_bus_call(latch, latch_bus_message(latch, "Reload"), 0, "", &reply);
	if (r == 0)
		dbus_message_unref(reply);
	return r;
}

/* A name that is too long is left out, and never cut: it might be taken for another one. */
static size_t take_stats(DBusMessageIter *dict, struct latch_stat *stats)
{
	size_t nr = 0;

	for (; dbus_message_iter_get_arg_type(dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(dict)) {
		DBusMessageIter entry;
		const char *name;

		dbus_message_iter_recurse(dict, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		dbus_message_iter_next(&entry);
		if (strlen(name) >= sizeof(stats[nr].name))
			continue;
		strcpy(stats[nr].name, name);
		dbus_message_iter_get_basic(&entry, &stats[nr].number);
		nr++;
	}
	return nr;
}

int latch_stats(struct latch *latch, struct latch_stat **ret_stats, size_t *ret_nr)
{
	DBusMessageIter iter, dict;
	struct latch_stat *stats;
	DBusMessage *reply;
	int r;

	if (latch == NULL || ret_stats == NULL || ret_nr == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_bus_call(latch, latch_bus_message(latch, "Stats"), 0, "a{st}", &reply);
	if (r != 0)
		return r;
	dbus_message_iter_init(reply, &iter);
	stats = calloc((size_t)dbus_message_iter_get_element_count(&iter) + 1, sizeof(*stats));
	if (stats != NULL) {
		dbus_message_iter_recurse(&iter, &dict);
		*ret_nr = take_stats(&dict, stats);
		*ret_stats = stats;
	}
	dbus_message_unref(reply);
	return stats == NULL ? LATCH_ERR_NO_MEMORY : 0;
}
