/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine asks pluto for SAs (K20, K21, K25), and is answered when there is one, or when it is
 * sure that this attempt leads to none.
 *
 * An attempt is an event of pluto's loop from the start: whoever asks may stand inside a hook, and
 * from there pluto's initiators must not be entered. It then follows one connection, by its serial
 * number; every end of a child SA, IKE SA or connection comes by here. Pluto's own revival of a
 * connection that is to stay up is none of our business: the first failure is the answer.
 *
 * What a packet's ACQUIRE would do (initiate_ondemand()) is done without a packet (pl_choose.c).
 * Pluto's function itself takes routed connections alone and tells nothing of what it did.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_alive.h"
#include "seam/pl_choose.h"
#include "seam/pl_ike.h"
#include "seam/pl_initiate.h"
#include "seam/pl_narrow.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "initiate.h"
#include "instantiate.h"
#include "pending.h"

/* Every way of an attempt to end is seen; this is for the one that nobody thought of. */
enum { PATIENCE_S = 300 };

/**
 * struct attempt - one ticket that is not answered yet
 * @how:   its .peer is gone: @peer is the copy, or NULL
 * @conn:  serial of the connection that is to get a child SA; 0 before the start
 * @ike:   serial of the IKE SA of another connection that it waits for, before the start or after,
 *         or 0
 * @event: the start, and later the end of patience
 */
struct attempt {
	struct attempt *next;
	uint64_t ticket;
	struct pl_tuple tuple;
	struct pl_initiate how;
	char *peer;
	uint64_t conn;
	uint64_t ike;
	struct event *event;
};

static struct attempt *attempts;

static struct attempt *find_ticket(uint64_t ticket)
{
	struct attempt *attempt = attempts;

	while (attempt != NULL && attempt->ticket != ticket)
		attempt = attempt->next;
	return attempt;
}

static struct attempt *find_conn(uint64_t conn)
{
	struct attempt *attempt = attempts;

	while (attempt != NULL && (conn == 0 || attempt->conn != conn))
		attempt = attempt->next;
	return attempt;
}

static struct attempt *find_ike(uint64_t ike)
{
	struct attempt *attempt = attempts;

	while (attempt != NULL && (ike == 0 || attempt->ike != ike))
		attempt = attempt->next;
	return attempt;
}

static void drop(struct attempt *attempt)
{
	struct attempt **at = &attempts;

	while (*at != attempt)
		at = &(*at)->next;
	*at = attempt->next;
	if (attempt->event != NULL)
		event_free(attempt->event);
	free(attempt->peer);
	free(attempt);
}

/* Answers. The attempt is gone before the engine hears of it, who may ask again at once. */

static void answer(struct attempt *attempt, const struct pl_fact *about,
		   const struct pl_initiated_facts *said)
{
	struct pl_fact fact = *about;

	fact.kind = PL_FACT_INITIATED;
	fact.is_ok = said->error == 0;
	fact.u.initiated = *said;
	fact.u.initiated.ticket = attempt->ticket;
	pl_narrow_hold(attempt->conn, false);
	drop(attempt);
	pl_seam_note(&fact);
}

static void fail(struct attempt *attempt, const struct pl_fact *about, int error,
		 uint32_t notification, const char *reason)
{
	struct pl_initiated_facts said = { .error = error, .notification = notification };

	pl_seam_copy_text(said.reason, reason);
	llog(RC_LOG, &global_logger, "latch: no SA for ticket %ju: %s",
	     (uintmax_t)attempt->ticket, reason);
	answer(attempt, about, &said);
}

static void fail_alone(struct attempt *attempt, int error, const char *reason)
{
	struct pl_fact fact;

	pl_seam_fact(PL_FACT_INITIATED, &fact);
	fail(attempt, &fact, error, 0, reason);
}

/* What the error notification of a peer means for who asked. */
static int error_of(const struct attempt *attempt, uint32_t notification)
{
	switch (notification) {
	case v2N_AUTHENTICATION_FAILED:
		return PL_E_AUTHENTICATION_FAILED;
	case v2N_TS_UNACCEPTABLE:
	case v2N_SINGLE_PAIR_REQUIRED:
	case v2N_NO_PROPOSAL_CHOSEN:
		return attempt->how.is_narrow ? PL_E_NARROW_REFUSED : PL_E_NO_SA;
	default:
		return PL_E_NO_SA;
	}
}

/* Of those that may stand in an IKE_AUTH response which sets up the IKE SA (RFC 7296 section 1.2):
 * the end of an IKE SA has another cause. */
static bool is_about_child(uint32_t notification)
{
	switch (notification) {
	case 0:
	case v2N_NO_PROPOSAL_CHOSEN:
	case v2N_SINGLE_PAIR_REQUIRED:
	case v2N_NO_ADDITIONAL_SAS:
	case v2N_INTERNAL_ADDRESS_FAILURE:
	case v2N_FAILED_CP_REQUIRED:
	case v2N_TS_UNACCEPTABLE:
		return true;
	default:
		return false;
	}
}

/* An SA of the attempt ended before it was up. There is a child SA from IKE_AUTH on: one that ends
 * because its first IKE SA failed ends for a reason of that (pluto's own is REASON_DELETED, and
 * what it is waiting for by then is the answer to its Delete). */
static void fail_by_end(struct attempt *attempt, const struct pl_fact *about,
			enum pl_reason reason, enum pl_exchange pending, bool is_auth_failed)
{
	const struct pl_ike *note = pl_ike_find(about->ike);
	uint32_t notification = note == NULL ? 0 : note->peer_error;
	char text[PL_TEXT_MAX];
	enum_buf buf;

	if (reason == PL_REASON_TIMEOUT) {
		snprintf(text, sizeof(text), "no answer to %s", pl_exchange_name(pending));
		fail(attempt, about, PL_E_TIMEOUT, 0, text);
	} else if (is_auth_failed && is_about_child(notification)) {
		fail(attempt, about, PL_E_AUTHENTICATION_FAILED, 0,
		     "this host does not accept who the peer is");
	} else if (notification != 0) {
		fail(attempt, about, error_of(attempt, notification), notification,
		     str_enum_short(&v2_notification_names, notification, &buf));
	} else {
		snprintf(text, sizeof(text), "the attempt ended: %s", pl_reason_name(reason));
		fail(attempt, about, reason == PL_REASON_AUTH_FAILED ?
			     PL_E_AUTHENTICATION_FAILED : PL_E_NO_SA, 0, text);
	}
}

/* A child SA is installed: is it what was asked for? */
static void succeed(struct attempt *attempt, const struct child_sa *child)
{
	const struct connection *c = child->sa.st_connection;
	struct pl_ts_list local, remote, offered_local, offered_remote;
	struct pl_initiated_facts said = { .error = 0 };
	struct pl_child_facts facts;
	struct pl_fact fact;

	pl_seam_fact_of_state(PL_FACT_INITIATED, &child->sa, &fact);
	pl_upstream_installed(c, &local, &remote);
	pl_upstream_offered(c, &offered_local, &offered_remote);
	if (attempt->how.is_narrow && !pl_choose_is_exact(&attempt->tuple, &local, &remote)) {
		pl_narrow_end(attempt->conn);
		fail(attempt, &fact, PL_E_NARROW_REFUSED, 0, "the SA is not for the flow alone");
		return;
	}
	if (!pl_tuple_is_covered(&attempt->tuple, PL_ROLE_INITIATOR, &local, &remote)) {
		fail(attempt, &fact, PL_E_NO_SA, 0,
		     "the peer narrowed the SA to less than the flow");
		return;
	}
	pl_seam_child_facts(child, &facts);
	said.is_narrowed = !pl_ts_list_covers(&local, &offered_local) ||
			   !pl_ts_list_covers(&remote, &offered_remote);
	said.spi_in = facts.spi_in;
	said.spi_out = facts.spi_out;
	said.reqid = facts.reqid;
	answer(attempt, &fact, &said);
}

/* Start */

static bool is_under_way(uint64_t conn)
{
	const struct connection *c = connection_by_serialno(conn);
	struct state_filter filter = {
		.connection_serialno = conn,
		.search = {
			.order = OLD2NEW,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	return c != NULL && (c->pending != NULL || next_state(&filter));
}

static void arm(struct attempt *attempt)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };

	if (event_add(attempt->event, &patience) != 0)
		llog(RC_LOG, &global_logger, "latch: no memory for a timer");
}

/* The IKE SA of @c that took the response of IKE_SA_INIT and has not asked for IKE_AUTH yet. Pluto
 * would hang the child SA on it, and log that this is not expected
 * (find_viable_parent_for_connection(), whose conditions these are); as responder it takes none. */
static const struct state *find_unexpected(const struct connection *c)
{
	struct state_filter filter = {
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	while (next_state(&filter)) {
		const struct state *st = filter.st;

		if (IS_PARENT_SA(st) && st->st_ike_version == IKEv2 &&
		    !IS_PARENT_SA_ESTABLISHED(st) && st->st_sa_role == SA_INITIATOR &&
		    !LHAS(IKEV2_ISAKMP_INITIATOR_STATES, st->st_state->kind) &&
		    connections_can_share_parent(c, st->st_connection))
			return st;
	}
	return NULL;
}

/* @c stays while this runs: it was referred to. */
static void initiate_conn(struct attempt *attempt, struct connection *c)
{
	const threadtime_t inception = threadtime_start();
	const struct child_policy policy = child_sa_policy(c);
	uint64_t ticket = attempt->ticket;

	attempt->conn = c->serialno;
	pl_narrow_hold(attempt->conn, true);
	arm(attempt);
	llog(RC_LOG, c->logger, "latch: initiating for ticket %ju", (uintmax_t)ticket);
	/* Unlike initiate_connection(), this leaves policy.up alone: no revival for what a latch
	 * wanted once. */
	initiate(c, &policy, SOS_NOBODY, &inception, null_shunk, true, c->logger,
		 INITIATED_BY_ACQUIRE, HERE);
	attempt = find_ticket(ticket);
	if (attempt == NULL)
		return;
	if (!is_under_way(c->serialno))
		fail_alone(attempt, PL_E_NO_SA, "pluto did not start it; its log says why");
	else if (c->pending != NULL && c->pending->ike->sa.st_connection != c)
		attempt->ike = c->pending->ike->sa.st_serialno;
}

static struct connection *connection_for(struct attempt *attempt, struct connection *chosen,
					 int *ret_error)
{
	struct connection *c = chosen;

	if (attempt->how.is_narrow) {
		*ret_error = pl_narrow_make(chosen, attempt->ticket, &attempt->tuple,
					    &attempt->how, &c);
		if (*ret_error != 0)
			return NULL;
	} else if (is_template(chosen)) {
		return spd_instantiate(chosen, chosen->remote->host.addr, HERE);
	}
	return connection_addref(c, c->logger);
}

static void start(struct attempt *attempt)
{
	struct connection *chosen, *c;
	const struct state *unexpected;
	int error = pl_choose(&attempt->tuple, attempt->peer, &chosen);

	if (error != 0) {
		fail_alone(attempt, error, "no connection for the flow is there any more");
		return;
	}
	if (pl_choose_is_narrow(chosen, &attempt->tuple))
		attempt->how.is_narrow = false;
	if (!attempt->how.is_narrow && chosen->established_child_sa != SOS_NOBODY) {
		succeed(attempt, child_sa_by_serialno(chosen->established_child_sa));
		return;
	}
	unexpected = find_unexpected(chosen);
	attempt->ike = unexpected == NULL ? 0 : unexpected->st_serialno;
	if (attempt->ike != 0) {
		arm(attempt);
		return;
	}
	c = connection_for(attempt, chosen, &error);
	if (c == NULL) {
		fail_alone(attempt, error < 0 ? PL_E_NO_SA : error,
			   "no connection could be made for the flow alone");
		return;
	}
	initiate_conn(attempt, c);
	connection_delref(&c, &global_logger);
}

static bool start_soon(struct attempt *attempt)
{
	static const struct timeval now = { .tv_sec = 0 };

	return event_add(attempt->event, &now) == 0;
}

static void on_event(evutil_socket_t fd UNUSED, short what UNUSED, void *ctx)
{
	struct attempt *attempt = ctx;

	if (attempt->conn == 0) {
		start(attempt);
		return;
	}
	pl_narrow_end(attempt->conn);
	fail_alone(attempt, PL_E_TIMEOUT, "no SA after a long time");
}

/* Operations */

static int check(uint64_t ticket, const struct pl_tuple *tuple, const struct pl_initiate *how)
{
	struct connection *chosen;
	int r;

	if (get_pluto_event_base() == NULL || exiting_pluto)
		return PL_E_UNAVAILABLE;
	if (find_ticket(ticket) != NULL)
		return PL_E_WRONG_STATE;
	r = pl_choose(tuple, how->peer, &chosen);
	if (r != 0)
		return r;
	if (!how->is_narrow || pl_choose_is_narrow(chosen, tuple))
		return how->suite.protocol == 0 ? 0 : PL_E_UNSUPPORTED;
	return pl_narrow_check(chosen, how);
}

static int op_initiate(void *ctx UNUSED, uint64_t ticket, const struct pl_tuple *tuple,
		       const struct pl_initiate *how)
{
	struct attempt *attempt;
	int r = check(ticket, tuple, how);

	if (r != 0)
		return r;
	attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL)
		return -ENOMEM;
	attempt->ticket = ticket;
	attempt->tuple = *tuple;
	attempt->how = *how;
	attempt->how.peer = NULL;
	attempt->peer = how->peer == NULL ? NULL : strdup(how->peer);
	attempt->next = attempts;
	attempts = attempt;
	attempt->event = event_new(get_pluto_event_base(), -1, 0, on_event, attempt);
	if ((how->peer == NULL || attempt->peer != NULL) && attempt->event != NULL &&
	    start_soon(attempt))
		return 0;
	drop(attempt);
	return -ENOMEM;
}

static void op_cancel(void *ctx UNUSED, uint64_t ticket)
{
	struct attempt *attempt = find_ticket(ticket);

	if (attempt == NULL)
		return;
	pl_narrow_end(attempt->conn);
	drop(attempt);
}

static int op_delete_child(void *ctx UNUSED, uint64_t serial)
{
	/* child_sa_by_serialno() calls the serial of an IKE SA a bug of pluto's */
	const struct state *st = state_by_serialno(serial);

	if (st == NULL || !IS_CHILD_SA(st) || !pl_narrow_is(st->st_connection->serialno))
		return PL_E_NOT_FOUND;
	pl_narrow_end(st->st_connection->serialno);
	return 0;
}

const struct pl_ike_ops *pl_initiate_operations(void)
{
	static const struct pl_ike_ops ops = {
		.initiate = op_initiate,
		.cancel = op_cancel,
		.delete_child = op_delete_child,
		.ask_alive = pl_alive_ask,
	};

	return &ops;
}

/* What the hooks tell. An answer may bring new attempts or cancel others: each look is a new
 * one. */

void pl_initiate_installed(const struct child_sa *child, const struct pl_fact *fact)
{
	struct attempt *attempt;

	while ((attempt = find_conn(fact->conn.serial)) != NULL) {
		if (fact->is_ok)
			succeed(attempt, child);
		else
			fail(attempt, fact, PL_E_NO_SA, 0, "the SA was not installed here");
	}
	/* one that nobody waits for any more */
	pl_narrow_sa_gone();
}

void pl_initiate_refused(const struct child_sa *child, const char *why)
{
	struct attempt *attempt;
	struct pl_fact fact;

	pl_seam_fact_of_state(PL_FACT_INITIATED, &child->sa, &fact);
	while ((attempt = find_conn(fact.conn.serial)) != NULL)
		fail(attempt, &fact, attempt->how.is_narrow ? PL_E_NARROW_REFUSED : PL_E_NO_SA, 0,
		     why);
}

void pl_initiate_not_asked(const struct connection *c)
{
	struct attempt *attempt;
	struct pl_fact fact;

	pl_seam_fact_of_conn(PL_FACT_INITIATED, c, &fact);
	/* whose latches they are is the log's business */
	while ((attempt = find_conn(c->serialno)) != NULL)
		fail(attempt, &fact, PL_E_NO_SA, 0,
		     "not asked for: it would conflict with latches of this host");
}

void pl_initiate_child_gone(const struct pl_fact *fact, enum pl_exchange pending)
{
	const struct pl_child_end_facts *end = &fact->u.child_end;
	struct attempt *attempt;

	/* the end of an older child SA of the connection says nothing of the new one, nor does that
	 * of one that the peer asked for at the same time */
	while (!end->was_established && fact->role == PL_ROLE_INITIATOR &&
	       (attempt = find_conn(fact->conn.serial)) != NULL)
		fail_by_end(attempt, fact, end->reason, pending,
			    end->ike_cause == PL_IKE_END_FAILED);
	pl_narrow_sa_gone();
}

/* Those that waited for it to start themselves: in a turn of pluto's loop, as at first. */
static void start_waiting(uint64_t ike)
{
	for (struct attempt *attempt = attempts; attempt != NULL; attempt = attempt->next) {
		if (attempt->conn != 0 || attempt->ike != ike)
			continue;
		attempt->ike = 0;
		start_soon(attempt);
	}
}

void pl_initiate_ike_up(const struct pl_fact *fact)
{
	start_waiting(fact->ike);
}

void pl_initiate_overtaken(const struct connection *c)
{
	struct attempt *attempt;

	while ((attempt = find_conn(c->serialno)) != NULL) {
		llog(RC_LOG, c->logger, "latch: the peer was first, for ticket %ju",
		     (uintmax_t)attempt->ticket);
		pl_narrow_end(attempt->conn);
		attempt->conn = 0;
		attempt->ike = 0;
		if (!start_soon(attempt))
			fail_alone(attempt, PL_E_NO_SA, "no memory to look at the peer's SAs");
	}
}

void pl_initiate_ike_gone(const struct pl_fact *fact)
{
	const struct pl_ike_end_facts *end = &fact->u.ike_end;
	struct attempt *attempt;

	start_waiting(fact->ike);
	while (end->rekeyed_by == 0 && ((attempt = find_conn(fact->conn.serial)) != NULL ||
					(attempt = find_ike(fact->ike)) != NULL))
		fail_by_end(attempt, fact, end->reason, end->pending, false);
	pl_narrow_sa_gone();
}

void pl_initiate_conn_gone(const struct connection *c)
{
	struct attempt *attempt;
	struct pl_fact fact;

	pl_seam_fact_of_conn(PL_FACT_INITIATED, c, &fact);
	while ((attempt = find_conn(c->serialno)) != NULL)
		fail(attempt, &fact, PL_E_NOT_PROTECTED, 0, "its connection was removed");
	pl_narrow_conn_gone(c);
}

void pl_initiate_free(void)
{
	while (attempts != NULL)
		drop(attempts);
	pl_narrow_free();
}
