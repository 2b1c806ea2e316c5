/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_INITIATE_H
#define PL_INITIATE_H

#include "core/pl_ops.h"

struct child_sa;
struct connection;

/**
 * pl_initiate_operations() - what the engine may want from pluto; their context is NULL
 */
const struct pl_ike_ops *pl_initiate_operations(void);

/**
 * pl_initiate_installed() - a child SA was installed, or could not be
 * @child: the child SA
 * @fact:  PL_FACT_CHILD_UP or PL_FACT_CHILD_FAILED, already told
 */
void pl_initiate_installed(const struct child_sa *child, const struct pl_fact *fact);

/**
 * pl_initiate_refused() - this end does not want what the peer answered; the child SA ends later
 * @child: the child SA
 * @why:   for people
 */
void pl_initiate_refused(const struct child_sa *child, const char *why);

/**
 * pl_initiate_not_asked() - this end does not want to ask for a child SA
 * @c: its connection
 */
void pl_initiate_not_asked(const struct connection *c);

/**
 * pl_initiate_child_gone() - a child SA is about to go
 * @fact:    PL_FACT_CHILD_DOWN, already told
 * @pending: what its IKE SA was waiting for
 */
void pl_initiate_child_gone(const struct pl_fact *fact, enum pl_exchange pending);

/**
 * pl_initiate_overtaken() - the peer set up an IKE SA of its own meanwhile, and pluto is about to
 * end ours: what was asked for is looked for there, and asked for on it if need be (RFC 5660
 * section 4, L24)
 * @c: a connection, with its states
 */
void pl_initiate_overtaken(const struct connection *c);

/**
 * pl_initiate_ike_up() - an IKE SA is up
 * @fact: PL_FACT_IKE_UP, already told
 */
void pl_initiate_ike_up(const struct pl_fact *fact);

/**
 * pl_initiate_ike_gone() - an IKE SA is about to go, its children are gone
 * @fact: PL_FACT_IKE_DOWN, already told
 */
void pl_initiate_ike_gone(const struct pl_fact *fact);

/**
 * pl_initiate_conn_gone() - a connection is about to go
 * @c: the connection
 */
void pl_initiate_conn_gone(const struct connection *c);

/**
 * pl_initiate_free() - at the end of the daemon; nothing is answered any more
 */
void pl_initiate_free(void);

#endif
