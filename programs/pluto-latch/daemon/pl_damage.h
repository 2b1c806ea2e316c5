/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_DAMAGE_H
#define PL_DAMAGE_H

#include "daemon/pl_daemon.h"

/**
 * pl_damage_text() - what an administrator is to know of the journal at the start (K53)
 * @damage:        set of enum pl_damage
 * @nr_unreadable: records
 * @nr_unnamed:    flows and listeners of the guard that it does not name
 * @ret:           what was found, and what is closed or blocked because of it
 *
 * Return: false, and an empty @ret, when it is whole and names all of them
 */
bool pl_damage_text(unsigned damage, size_t nr_unreadable, size_t nr_unnamed,
		    char ret[static PL_DAEMON_ERROR_MAX]);

#endif
