/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The members of the service, and the way of a call: its arguments are taken out of its message,
 * the message is let go, the caller is identified, the engine asked, and the answer sent.
 *
 * Invariants:
 * - The table and the introspection file say the same; a test compares them.
 * - A socket that a client passed is closed before the answer leaves, whatever the answer is. That
 *   is why a call is carried out only when its message, which holds the descriptor too, is gone.
 * - Nobody owns a latch whose number he was not told, unless he wanted no answer.
 */

#include "bus/pl_bus_member.h"

#include "bus/pl_bus_impl.h"
#include "bus/pl_bus_method.h"
#include "bus/pl_latch_key.h"
#include "core/pl_error.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANAGER PL_BUS_INTERFACE
#define PROPERTIES DBUS_INTERFACE_PROPERTIES
#define INTROSPECTABLE DBUS_INTERFACE_INTROSPECTABLE

static const struct pl_member members[] = {
	{ MANAGER, "OpenSession", "a{sv}", "hs", PL_DICT_OPTIONS, pl_method_open_session },
	{ MANAGER, "ResumeSession", "sa{sv}", "hs", PL_DICT_OPTIONS, pl_method_resume_session },
	{ MANAGER, "Latch", "ha{sv}", "ta{sv}", PL_DICT_LATCH, pl_method_latch },
	{ MANAGER, "Listen", "ha{sv}", "at", PL_DICT_LISTEN, pl_method_listen },
	{ MANAGER, "Find", "a{sv}", "t", PL_DICT_FLOW, pl_method_find },
	{ MANAGER, "Inquire", "t", "a{sv}", PL_DICT_NONE, pl_method_inquire },
	{ MANAGER, "InquirePeer", "t", "a{sv}", PL_DICT_NONE, pl_method_inquire_peer },
	{ MANAGER, "SamePeer", "tt", "b", PL_DICT_NONE, pl_method_same_peer },
	{ MANAGER, "GetChannelBinding", "ts", "say", PL_DICT_NONE,
	  pl_method_get_channel_binding },
	{ MANAGER, "Release", "t", "", PL_DICT_NONE, pl_method_release },
	{ MANAGER, "Unprotect", "t", "", PL_DICT_NONE, pl_method_unprotect },
	{ MANAGER, "List", "a{sv}tu", "aa{sv}t", PL_DICT_FILTER, pl_method_list },
	{ MANAGER, "Subscribe", "a{sv}", "t", PL_DICT_SUBSCRIBE, pl_method_subscribe },
	{ MANAGER, "Unsubscribe", "", "", PL_DICT_NONE, pl_method_unsubscribe },
	{ MANAGER, "Break", "ts", "", PL_DICT_NONE, pl_method_break },
	{ MANAGER, "Close", "ts", "", PL_DICT_NONE, pl_method_close },
	{ MANAGER, "ForgetUnreadable", "", "uu", PL_DICT_NONE, pl_method_forget_unreadable },
	{ MANAGER, "Reload", "", "", PL_DICT_NONE, pl_method_reload },
	{ MANAGER, "Stats", "", "a{st}", PL_DICT_NONE, pl_method_stats },
	{ PROPERTIES, "Get", "ss", "v", PL_DICT_NONE, pl_method_get },
	{ PROPERTIES, "GetAll", "s", "a{sv}", PL_DICT_NONE, pl_method_get_all },
	{ PROPERTIES, "Set", "ssv", "", PL_DICT_NONE, pl_method_set },
	{ INTROSPECTABLE, "Introspect", "", "s", PL_DICT_NONE, pl_method_introspect },
};

const struct pl_member *pl_member_at(unsigned at)
{
	return at < sizeof(members) / sizeof(members[0]) ? &members[at] : NULL;
}

const struct pl_member *pl_member_find(const char *interface, const char *name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].name, name) == 0 &&
		    (interface == NULL || strcmp(members[i].interface, interface) == 0))
			return &members[i];
	}
	return NULL;
}

/* Calls */

struct pl_call *pl_call_new(DBusMessage *message, const struct pl_member *member,
			    const struct pl_limits *limits)
{
	struct pl_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->member = member;
	call->request.fd = -1;
	call->serial = dbus_message_get_serial(message);
	call->is_quiet = dbus_message_get_no_reply(message);
	call->sender = strdup(dbus_message_get_sender(message));
	if (call->sender == NULL)
		return pl_call_free(call);
	call->error = pl_request_read(message, member->in, member->dict, limits, &call->request);
	return call;
}

struct pl_call *pl_call_free(struct pl_call *call)
{
	if (call == NULL)
		return NULL;
	pl_request_clear(&call->request);
	free(call->sender);
	free(call);
	return NULL;
}

/* Answers, made without the message that they are to */

static DBusMessage *answer_new(const struct pl_call *call, int type)
{
	DBusMessage *answer = dbus_message_new(type);

	if (answer == NULL)
		return NULL;
	dbus_message_set_no_reply(answer, TRUE);
	if (dbus_message_set_reply_serial(answer, call->serial) &&
	    dbus_message_set_destination(answer, call->sender))
		return answer;
	dbus_message_unref(answer);
	return NULL;
}

static DBusMessage *error_new(const struct pl_call *call, int error)
{
	const struct pl_error_info *info = pl_error_info(error);
	const char *name = call->dbus_error != NULL ? call->dbus_error : info->dbus;
	char text[PL_CALL_REPORT_MAX + 128];
	const char *at = text;
	DBusMessage *answer = answer_new(call, DBUS_MESSAGE_TYPE_ERROR);

	if (call->dbus_error != NULL)
		snprintf(text, sizeof(text), "%s", call->report);
	else if (call->report[0] != '\0' && strcmp(call->report, info->sentence) != 0)
		snprintf(text, sizeof(text), "%s %s", info->sentence, call->report);
	else
		snprintf(text, sizeof(text), "%s", info->sentence);
	if (answer == NULL)
		return NULL;
	if (dbus_message_set_error_name(answer, name) &&
	    dbus_message_append_args(answer, DBUS_TYPE_STRING, &at, DBUS_TYPE_INVALID))
		return answer;
	dbus_message_unref(answer);
	return NULL;
}

/* Refusals that an administrator wants to know of; the rest are mistakes of programs. */
static bool is_security_event(int error)
{
	switch (error) {
	case PL_E_CONFLICT:
	case PL_E_WEAK:
	case PL_E_FORBIDDEN:
	case PL_E_NOT_AUTHORIZED:
	case PL_E_NOT_RESUMABLE:
	case PL_E_LIMIT_EXCEEDED:
	case PL_E_SOCKET_CHANGED:
	case PL_E_BAD_CONFIG:
	case PL_E_UNAVAILABLE:
		return true;
	default:
		return error < 0;
	}
}

static void log_refusal(struct pl_bus *bus, const struct pl_caller_id *who,
			const struct pl_call *call, int error)
{
	const char *name;

	if (call->dbus_error != NULL || !is_security_event(error))
		return;
	name = pl_error_word(error);
	if (who == NULL)
		pl_bus_say(bus, "%s by %s is refused: %s", call->member->name, call->sender, name);
	else
		pl_bus_say(bus, "%s of uid %u is refused: %s%s%s", call->member->name, who->uid,
			   name, call->report[0] == '\0' ? "" : ": ", call->report);
}

static int run(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
	       DBusMessage *answer)
{
	if (call->error != 0)
		return call->error;
	return answer == NULL ? -ENOMEM : call->member->run(bus, who, call, answer);
}

/* @r: how filling @answer went; it is let go. Return: the caller is told of what was made. */
static bool reply(struct pl_bus *bus, const struct pl_call *call, DBusMessage *answer, int r)
{
	bool is_refused = r != 0 || call->dbus_error != NULL;

	bus->tally.calls++;
	bus->tally.refused += is_refused;
	if (is_refused) {
		if (answer != NULL)
			dbus_message_unref(answer);
		answer = error_new(call, r != 0 ? r : PL_E_FAILED);
	}
	if (call->is_quiet && answer != NULL) {
		dbus_message_unref(answer);
		answer = NULL;
	}
	return (pl_bus_send(bus, answer) || call->is_quiet) && !is_refused;
}

void pl_call_give_back(struct pl_bus *bus, struct pl_call *call)
{
	for (unsigned i = 0; i < call->nr_made; i++)
		(void)!pl_engine_release(bus->engine, NULL, call->made[i]);
	pl_call_free(call);
}

void pl_call_finish(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call)
{
	DBusMessage *answer = answer_new(call, DBUS_MESSAGE_TYPE_METHOD_RETURN);
	int r = run(bus, who, call, answer);

	pl_request_close(&call->request);
	if (r == 0 && call->larva != 0) {
		dbus_message_unref(answer);
		TAILQ_INSERT_TAIL(&bus->waiting, call, next);
		return;
	}
	if (r != 0 || call->dbus_error != NULL)
		log_refusal(bus, who, call, r);
	if (reply(bus, call, answer, r))
		pl_call_free(call);
	else
		pl_call_give_back(bus, call);
}

static int outcome(const struct pl_alert *alert)
{
	if (alert->event == PL_EVENT_FAILED)
		return alert->error;
	return pl_state_shown(alert->to) == PL_STATE_CLOSED ? PL_E_CLOSED : 0;
}

void pl_call_settle(struct pl_bus *bus, const struct pl_alert *alert)
{
	DBusMessage *answer;
	struct pl_call *call;
	int r;

	if (alert->to == PL_STATE_LARVAL)
		return;
	TAILQ_FOREACH(call, &bus->waiting, next) {
		if (call->larva == alert->id)
			break;
	}
	if (call == NULL)
		return;
	TAILQ_REMOVE(&bus->waiting, call, next);
	answer = answer_new(call, DBUS_MESSAGE_TYPE_METHOD_RETURN);
	r = outcome(alert);
	if (r != 0 && (alert->reason == NULL ||
		       !pl_key_clean(alert->reason, call->report, sizeof(call->report))))
		call->report[0] = '\0';
	if (r == 0)
		r = answer == NULL ? -ENOMEM : pl_reply_latch(bus, call->larva, answer);
	if (reply(bus, call, answer, r))
		pl_call_free(call);
	else
		pl_bus_give_back_later(bus, call);
}
