/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Connections come and go, and are routed or not. Told after pluto made them and before it unmakes
 * them, so that the fact describes something complete.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"
#include "seam/pl_initiate.h"
#include "seam/pl_narrow.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

static void note(enum pl_fact_kind kind, const struct connection *c)
{
	struct pl_fact fact;

	pl_seam_fact_of_conn(kind, c, &fact);
	pl_seam_note(&fact);
}

diag_t __wrap_add_connection(const struct whack_message *wm, struct logger *logger)
{
	diag_t d = __real_add_connection(wm, logger);

	if (d == NULL)
		pl_narrow_keep(wm);
	return d;
}

void __wrap_connection_db_add(struct connection *c)
{
	__real_connection_db_add(c);
	note(PL_FACT_CONN_ADD, c);
}

void __wrap_connection_db_del(struct connection *c)
{
	struct pl_fact fact;

	pl_seam_fact_of_conn(PL_FACT_CONN_DELETE, c, &fact);
	pl_seam_no_selectors(&fact.u.ts);
	pl_upstream_installed(c, &fact.u.ts.tsi, &fact.u.ts.tsr);
	pl_seam_note(&fact);
	pl_initiate_conn_gone(c);
	pl_cut_drop(c->serialno);
	__real_connection_db_del(c);
}

void __wrap_connection_route(struct connection *c, where_t where)
{
	note(PL_FACT_CONN_ROUTE, c);
	__real_connection_route(c, where);
}

void __wrap_connection_unroute(struct connection *c, where_t where)
{
	note(PL_FACT_CONN_UNROUTE, c);
	__real_connection_unroute(c, where);
}

/* A connection that was narrowed has a policy for each block of ports; what an updown script does
 * is about addresses, so it runs for the first of each. */
static bool has_run(const struct connection *c, const struct spd *spd)
{
	if (pl_cut_find(c->serialno) == NULL)
		return false;
	for (const struct spd *before = c->child.spds.list; before != spd; before++) {
		if (selector_range_eq_selector_range(before->local->client, spd->local->client) &&
		    selector_range_eq_selector_range(before->remote->client, spd->remote->client))
			return true;
	}
	return false;
}

bool __wrap_do_updown(enum updown updown_verb, const struct connection *c, const struct spd *spd,
		      struct child_sa *child, struct logger *logger)
{
	return has_run(c, spd) || __real_do_updown(updown_verb, c, spd, child, logger);
}

void __wrap_do_updown_unroute_spd(const struct spd *spd, const struct spd_owner *owner,
				  struct child_sa *child, struct logger *logger,
				  struct updown_env env)
{
	if (!has_run(spd->connection, spd))
		__real_do_updown_unroute_spd(spd, owner, child, logger, env);
}
