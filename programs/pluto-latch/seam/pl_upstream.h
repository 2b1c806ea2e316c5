/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_UPSTREAM_H
#define PL_UPSTREAM_H

#include "core/pl_facts.h"

#include "id.h"
#include "ip_address.h"
#include "ip_selector.h"

struct connection;
struct payload_digest;
struct pbs_out;
struct state;

/**
 * pl_upstream_address() - pluto's address as ours
 * @address: may be unset
 */
struct pl_address pl_upstream_address(ip_address address);

/**
 * pl_upstream_ts() - pluto's selector as ours
 * @selector: may be unset: the result is then invalid
 */
struct pl_ts pl_upstream_ts(const ip_selector *selector);

/**
 * pl_upstream_installed() - what the connection's kernel policies select
 * @c:          a connection
 * @ret_local:  our side, in pluto's order, each once
 * @ret_remote: the peer's
 */
void pl_upstream_installed(const struct connection *c, struct pl_ts_list *ret_local,
			   struct pl_ts_list *ret_remote);

/**
 * pl_upstream_is_narrowed() - does it have less than its configuration says?
 * @c: a connection with a child SA
 *
 * Return: it was narrowed, by pluto or by us; not of one with a security label
 */
bool pl_upstream_is_narrowed(const struct connection *c);

/**
 * pl_upstream_offered() - what a request made for this connection says
 * @c:          a connection
 * @ret_local:  our side
 * @ret_remote: the peer's
 */
void pl_upstream_offered(const struct connection *c, struct pl_ts_list *ret_local,
			 struct pl_ts_list *ret_remote);

/**
 * pl_upstream_answered() - what a response made for this connection says
 * @c:          a connection
 * @ret_local:  our side
 * @ret_remote: the peer's
 */
void pl_upstream_answered(const struct connection *c, struct pl_ts_list *ret_local,
			  struct pl_ts_list *ret_remote);

/**
 * pl_upstream_has_label() - a security label takes part in the negotiation
 * @c: a connection
 */
bool pl_upstream_has_label(const struct connection *c);

/**
 * pl_upstream_cannot_narrow() - why pl_upstream_narrow() would refuse whatever it is given
 * @c: the connection that pluto chose for the child SA
 *
 * Return: NULL when it would not
 */
const char *pl_upstream_cannot_narrow(const struct connection *c);

/**
 * pl_upstream_cannot_cut() - why it would refuse what is more than one pair of a subnet and of one
 * port or all
 * @c:  the connection
 * @st: the child SA, or its IKE SA; NULL when there is neither yet
 *
 * Return: NULL when it would not
 */
const char *pl_upstream_cannot_cut(const struct connection *c, const struct state *st);

/**
 * pl_upstream_narrow() - make kernel policy and response say exactly this
 * @c:      the connection that pluto chose for the child SA
 * @local:  our side
 * @remote: the peer's
 *
 * On failure nothing was changed, and the caller must refuse the child.
 *
 * Return: NULL, or why it cannot be
 */
const char *pl_upstream_narrow(struct connection *c, const struct pl_ts_list *local,
			       const struct pl_ts_list *remote);

/**
 * pl_upstream_widen() - a connection that was narrowed is as it was before
 * @c: the connection; one that has a child SA, or was not narrowed, stays as it is
 */
void pl_upstream_widen(struct connection *c);

/**
 * pl_upstream_unanswer() - an answer that pluto has taken is refused after all
 * @c: the connection; one that has a child SA, or that we narrowed, stays as it is
 *
 * Pluto makes policies of an answer at once, and would find those odd in whatever it asks for next.
 */
void pl_upstream_unanswer(struct connection *c);

/**
 * pl_upstream_emit() - the TSi and TSr payloads of a message, with ranges
 * @outs: the message
 * @tsi:  selectors
 * @tsr:  likewise
 *
 * Return: false when there is no room
 */
bool pl_upstream_emit(struct pbs_out *outs, const struct pl_ts_list *tsi,
		      const struct pl_ts_list *tsr);

/**
 * pl_upstream_peer_id_is_fixed() - the connection admits exactly one peer ID
 * @c: the connection under which the peer was authenticated, never a child's
 */
bool pl_upstream_peer_id_is_fixed(const struct connection *c);

/**
 * pl_upstream_peer_id() - the one ID that the connection's peer has or must have
 * @c:   a connection; of an instance also what its template did not know
 * @buf: the text may lie there
 *
 * Return: as pluto writes it; NULL when it may be anybody's
 */
const char *pl_upstream_peer_id(const struct connection *c, id_buf *buf);

/**
 * pl_upstream_conn_reqid() - the reqid of its ESP SAs
 * @c: a connection
 *
 * Return: 0 before it is known
 */
uint32_t pl_upstream_conn_reqid(const struct connection *c);

/**
 * pl_upstream_conn() - the connection's facts
 * @c:   a connection
 * @ret: completely written; .is_peer_id_fixed is false, the IKE SA knows it
 */
void pl_upstream_conn(const struct connection *c, struct pl_conn_facts *ret);

/**
 * pl_upstream_ts_body() - the bytes of a TS payload after its generic header
 * @payload: NULL when the message has none
 *
 * Pluto's own cursor into the payload stays where it is.
 */
struct pl_blob pl_upstream_ts_body(const struct payload_digest *payload);

#endif
