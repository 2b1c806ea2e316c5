/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Connections come and go, and are routed or not. Told after pluto made them and before it unmakes
 * them, so that the fact describes something complete.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_initiate.h"
#include "seam/pl_narrow.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

static void note(enum pl_fact_kind kind, const struct connection *c)
{
	struct pl_fact fact = pl_seam_fact_of_conn(kind, c);

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
	struct pl_fact fact = pl_seam_fact_of_conn(PL_FACT_CONN_DELETE, c);

	pl_upstream_installed(c, &fact.u.ts.tsi, &fact.u.ts.tsr);
	pl_seam_note(&fact);
	pl_initiate_conn_gone(c);
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
