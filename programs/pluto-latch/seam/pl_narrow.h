/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NARROW_H
#define PL_NARROW_H

#include "core/pl_ops.h"

struct connection;
struct whack_message;

/**
 * pl_narrow_keep() - a connection was configured: remember how
 * @wm: what made it
 *
 * Without memory, or with a message that pluto cannot pack again, nothing is remembered, and the
 * connection has no narrow child SAs.
 */
void pl_narrow_keep(const struct whack_message *wm);

/**
 * pl_narrow_check() - could there be a narrow connection like this?
 * @base: a connection of the configuration, or an instance
 * @how:  as the engine said it
 *
 * Return: 0, PL_E_UNSUPPORTED, or PL_E_SUITE_NOT_ALLOWED
 */
int pl_narrow_check(const struct connection *base, const struct pl_initiate *how) PL_MUST_USE;

/**
 * pl_narrow_make() - a connection for one flow alone, like another
 * @base:   the other
 * @ticket: for its name
 * @tuple:  the flow
 * @how:    as the engine said it
 * @ret:    the connection; it is the configuration that refers to it
 *
 * Return: as above; PL_E_NO_SA when pluto does not accept it (it logs why), or -ENOMEM
 */
int pl_narrow_make(const struct connection *base, uint64_t ticket, const struct pl_tuple *tuple,
		   const struct pl_initiate *how, struct connection **ret) PL_MUST_USE;

/**
 * pl_narrow_is() - the connection is one of ours
 * @conn: serial of a connection
 */
bool pl_narrow_is(uint64_t conn);

/**
 * pl_narrow_goes_alone() - it is one, and the connection it is like is still configured: when it
 * goes, that is nobody's decision about the SPD
 * @conn: serial of a connection
 */
bool pl_narrow_goes_alone(uint64_t conn);

/**
 * pl_narrow_hold() - whether somebody waits for its child SA
 * @conn:    serial of a connection; others are ignored
 * @is_held: while it is, the connection stays although it has no SA
 */
void pl_narrow_hold(uint64_t conn, bool is_held);

/**
 * pl_narrow_end() - nobody needs it any more
 * @conn: serial of a connection; others are ignored
 *
 * Later, from the event loop: the peer is told, then the SAs go, then the connection.
 */
void pl_narrow_end(uint64_t conn);

/**
 * pl_narrow_sa_gone() - an SA ends: look, later, which connections have none left
 */
void pl_narrow_sa_gone(void);

/**
 * pl_narrow_conn_gone() - a connection is about to go
 * @c: the connection; the narrow ones made like it end, too
 */
void pl_narrow_conn_gone(const struct connection *c);

/**
 * pl_narrow_free() - at the end of the daemon
 */
void pl_narrow_free(void);

#endif
