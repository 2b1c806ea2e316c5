/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Birth and end of our part of the daemon, and our place in pluto's event loop.
 *
 * Order: the engine exists before pluto first touches the kernel (its start removes every SA and
 * policy, and what must survive that has to be known before), and it goes after the last
 * connection, but before the event base.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"
#include "seam/pl_ike.h"
#include "seam/pl_initiate.h"
#include "seam/pl_seam.h"
#include "seam/pl_trace.h"

#include "daemon/pl_daemon.h"

#include <event2/event.h>

static struct pl_engine *engine;
static struct pl_identity_pool *identities;
static struct event *start_event;
static struct pl_daemon *latch_daemon;
static bool has_run, is_kernel_changed;

struct pl_engine *pl_seam_engine(void)
{
	return engine;
}

struct pl_daemon *pl_seam_daemon(void)
{
	return latch_daemon;
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

bool pl_seam_heeds(enum pl_fact_kind kind)
{
	return engine != NULL && pl_engine_heeds(engine, kind);
}

static void note_kind(enum pl_fact_kind kind)
{
	struct pl_fact fact;

	pl_seam_fact(kind, &fact);
	pl_seam_note(&fact);
}

void pl_seam_kernel_changed(void)
{
	is_kernel_changed = true;
}

void pl_seam_hear(void)
{
	if (is_kernel_changed && latch_daemon != NULL)
		pl_daemon_hear(latch_daemon);
	is_kernel_changed = false;
}

static void log_line(const char *text)
{
	llog(RC_LOG, &global_logger, "%s", text);
}

/* Fail closed: a daemon that was meant to latch and cannot does not run. */
static void start_latching(struct logger *logger)
{
	char error[PL_DAEMON_ERROR_MAX];

	if (pl_daemon_start(engine, pl_initiate_operations(), identities, log_line, &latch_daemon,
			    error) != 0)
		fatal(PLUTO_EXIT_FAIL, logger, "latch: %s", error);
}

void __wrap_init_kernel(struct logger *logger)
{
	engine = pl_engine_new(pl_trace_open() ? pl_trace_observe : NULL, NULL);
	identities = pl_identity_pool_new();
	if (engine == NULL || identities == NULL)
		fatal(PLUTO_EXIT_FAIL, logger, "latch: no memory for the latch engine");
	start_latching(logger);
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
	if (start_event == NULL || event_add(start_event, &now) != 0 ||
	    pl_daemon_attach(latch_daemon, get_pluto_event_base()) != 0)
		fatal(PLUTO_EXIT_FAIL, logger, "latch: cannot join the event loop");
	has_run = true;
	__real_run_server(conffile, logger);
}

void __wrap_whack_shutdown(struct logger *logger, bool leave_state)
{
	struct pl_fact fact;

	pl_seam_fact(PL_FACT_STOPPING, &fact);
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
	latch_daemon = pl_daemon_free(latch_daemon);
	pl_initiate_free();
	pl_ike_drop_all();
	pl_cut_free();
	engine = pl_engine_free(engine);
	identities = pl_identity_pool_free(identities);
	pl_trace_close();
	/* Pluto's own asserts that its signal handlers were there once; a start that ended with a
	 * reason shall not end with that as well. */
	if (has_run)
		__real_free_server();
}
