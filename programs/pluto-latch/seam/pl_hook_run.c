/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Birth and end of our part of the daemon, and our place in pluto's event loop.
 *
 * Order: the engine exists before pluto first touches the kernel (its start removes every SA and
 * policy, and what must survive that has to be known before), and it goes after the last
 * connection, but before the event base.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_ike.h"
#include "seam/pl_seam.h"
#include "seam/pl_trace.h"

#include <event2/event.h>

static struct pl_engine *engine;
static struct pl_identity_pool *identities;
static struct event *start_event;

struct pl_engine *pl_seam_engine(void)
{
	return engine;
}

struct pl_identity_pool *pl_seam_identities(void)
{
	return identities;
}

void pl_seam_note(const struct pl_fact *fact)
{
	if (engine != NULL)
		pl_engine_note(engine, fact);
}

static void note_kind(enum pl_fact_kind kind)
{
	struct pl_fact fact = pl_seam_fact(kind);

	pl_seam_note(&fact);
}

void __wrap_init_kernel(struct logger *logger)
{
	pl_trace_open();
	engine = pl_engine_new(pl_trace_observe, NULL);
	identities = pl_identity_pool_new();
	if (engine == NULL || identities == NULL)
		fatal(PLUTO_EXIT_FAIL, logger, "latch: no memory for the latch engine");
	note_kind(PL_FACT_KERNEL_START);
	pl_seam_shim_kernel();
	__real_init_kernel(logger);
}

static void started(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	note_kind(PL_FACT_START);
}

void __wrap_run_server(char *conffile, struct logger *logger)
{
	static const struct timeval now = { .tv_sec = 0 };

	start_event = event_new(get_pluto_event_base(), -1, 0, started, NULL);
	if (start_event == NULL || event_add(start_event, &now) != 0)
		fatal(PLUTO_EXIT_FAIL, logger, "latch: cannot join the event loop");
	__real_run_server(conffile, logger);
}

void __wrap_whack_shutdown(struct logger *logger, bool leave_state)
{
	struct pl_fact fact = pl_seam_fact(PL_FACT_STOPPING);

	fact.u.stop.leaves_state = leave_state;
	pl_seam_note(&fact);
	__real_whack_shutdown(logger, leave_state);
}

void __wrap_free_server(void)
{
	note_kind(PL_FACT_STOP);
	if (start_event != NULL)
		event_free(start_event);
	start_event = NULL;
	pl_ike_drop_all();
	engine = pl_engine_free(engine);
	identities = pl_identity_pool_free(identities);
	pl_trace_close();
	__real_free_server();
}
