/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The one line about a journal that is not what its daemon wrote. Whoever reads it has lost
 * connections, and wants to know why, and whether it goes on.
 */

#include "daemon/pl_damage.h"

#include "core/pl_ops.h"

#include <stdio.h>
#include <string.h>

static const struct {
	unsigned damage;
	const char *text;
} found[] = {
	{ PL_DAMAGE_HEAD, "its head cannot be read" },
	{ PL_DAMAGE_VERSION, "it is of another version" },
	{ PL_DAMAGE_CUT, "it was cut" },
	{ PL_DAMAGE_RECORD, "records cannot be read" },
	{ PL_DAMAGE_IDENTITY, "an identity cannot be read" },
};

static void add(char ret[static PL_DAEMON_ERROR_MAX], const char *text)
{
	size_t len = strlen(ret);

	snprintf(ret + len, PL_DAEMON_ERROR_MAX - len, "%s", text);
}

static void add_found(char ret[static PL_DAEMON_ERROR_MAX], unsigned damage, size_t nr_unreadable)
{
	const char *comma = ": ";
	char count[32];

	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		if (!(damage & found[i].damage))
			continue;
		add(ret, comma);
		snprintf(count, sizeof(count), "%zu ", nr_unreadable);
		add(ret, found[i].damage == PL_DAMAGE_RECORD ? count : "");
		add(ret, found[i].text);
		comma = ", ";
	}
}

bool pl_damage_text(unsigned damage, size_t nr_unreadable, size_t nr_unnamed,
		    char ret[static PL_DAEMON_ERROR_MAX])
{
	char count[160];

	ret[0] = '\0';
	if (damage == 0 && nr_unnamed == 0)
		return false;
	if (damage == 0) {
		snprintf(ret, PL_DAEMON_ERROR_MAX, "%zu flows and listeners of the guard are not "
			 "in the journal: they are closed, and blocked until their sockets end",
			 nr_unnamed);
		return true;
	}
	snprintf(count, sizeof(count), ". Every latch that it names is closed, and %zu flows and "
		 "listeners that only the guard knows are", nr_unnamed);
	add(ret, "the journal is damaged");
	add_found(ret, damage, nr_unreadable);
	add(ret, count);
	add(ret, " blocked until their sockets end, or an administrator says "
		 "\"ipsec latch forget-unreadable\"");
	return true;
}
