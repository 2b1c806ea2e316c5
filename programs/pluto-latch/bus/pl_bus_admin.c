/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The members that are the administrator's: everybody may call them, and who is not uid 0 reads
 * NotAuthorized before anything is looked at.
 */

#include "bus/pl_bus_method.h"

#include "bus/pl_bus_impl.h"
#include "bus/pl_latch_key.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <string.h>

/* Its owner reads this on a terminal, perhaps. */
static void make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

typedef int administer(struct pl_engine *engine, uint64_t id, const char *text);

static int end_latch(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		     administer *how)
{
	uint64_t id = call->request.numbers[0];
	char *reason = call->request.texts[0];
	int r;

	if (!pl_caller_is_admin(who))
		return PL_E_NOT_AUTHORIZED;
	r = pl_limits_allow(&bus->conf->limits, PL_LIMIT_TEXT_BYTES, strlen(reason));
	if (r != 0)
		return r;
	make_printable(reason);
	r = how(bus->engine, id, reason[0] == '\0' ? NULL : reason);
	if (r == 0)
		pl_bus_say(bus, "latch %llu: %s by uid %u: \"%s\"", (unsigned long long)id,
			   call->member->name, who->uid, reason);
	return r;
}

int pl_method_break(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		    DBusMessage *reply)
{
	(void)reply;
	return end_latch(bus, who, call, pl_engine_admin_break);
}

int pl_method_close(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		    DBusMessage *reply)
{
	(void)reply;
	return end_latch(bus, who, call, pl_engine_admin_close);
}

int pl_method_forget_unreadable(struct pl_bus *bus, const struct pl_caller_id *who,
				struct pl_call *call, DBusMessage *reply)
{
	dbus_uint32_t records, flows;
	size_t nr_records, nr_flows;
	int r;

	(void)call;
	if (!pl_caller_is_admin(who))
		return PL_E_NOT_AUTHORIZED;
	r = pl_engine_forget_unreadable(bus->engine, &nr_records, &nr_flows);
	if (r != 0)
		return r;
	pl_bus_say(bus, "uid %u forgets %zu unreadable records of the journal: %zu flows are no "
		   "more blocked", who->uid, nr_records, nr_flows);
	records = (dbus_uint32_t)nr_records;
	flows = (dbus_uint32_t)nr_flows;
	return dbus_message_append_args(reply, DBUS_TYPE_UINT32, &records, DBUS_TYPE_UINT32,
					&flows, DBUS_TYPE_INVALID) ? 0 : -ENOMEM;
}

int pl_method_reload(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call,
		     DBusMessage *reply)
{
	char error[PL_BUS_ERROR_MAX] = "";
	int r;

	(void)reply;
	if (!pl_caller_is_admin(who))
		return PL_E_NOT_AUTHORIZED;
	if (bus->reload == NULL)
		return PL_E_UNSUPPORTED;
	r = bus->reload(bus->reload_ctx, error);
	/* Words of the file are in it. */
	if (r != 0 && !pl_key_clean(error, call->report, sizeof(call->report)))
		call->report[0] = '\0';
	if (r == 0)
		pl_bus_say(bus, "uid %u has latch.conf read again: it holds from now on", who->uid);
	return r;
}
