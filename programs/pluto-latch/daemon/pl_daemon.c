/* SPDX-License-Identifier: GPL-2.0-or-later */

/* All layers but the seam, put together: the one place that knows that the guard is nftables, that
 * sockets are looked up by sock_diag and that owners are told on D-Bus. Nothing is decided here.
 *
 * Order: latch.conf, guard and engine before pluto touches the kernel; the bus when the event loop
 * runs. Fail closed: a daemon whose guard cannot be in force does not start, because programs would
 * take its silence for protection.
 *
 * PLUTO_LATCH_CONF, PLUTO_LATCH_BUS and PLUTO_LATCH_JOURNAL in the environment stand in for
 * /etc/latch.conf, the system bus and the journal's folder: for tests, and for a second daemon in
 * another network namespace.
 */

#include "daemon/pl_daemon.h"

#include "bus/pl_bus.h"
#include "core/pl_conf.h"
#include "core/pl_error.h"
#include "daemon/pl_automatic.h"
#include "daemon/pl_conf_file.h"
#include "daemon/pl_damage.h"
#include "daemon/pl_offload.h"
#include "kernel/pl_guard.h"
#include "kernel/pl_reroute.h"
#include "kernel/pl_socket_diag.h"
#include "kernel/pl_socket_watch.h"
#include "kernel/pl_policies.h"
#include "kernel/pl_steering.h"
#include "kernel/pl_xfrm_watch.h"
#include "store/pl_digest.h"
#include "store/pl_journal.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_FOLDER "/run/pluto-latch"

struct pl_daemon {
	struct pl_engine *engine;
	const struct pl_ike_ops *ike;
	struct pl_identity_pool *identities;
	struct pl_journal *journal;
	pl_daemon_log *log;
	struct pl_conf conf;
	struct pl_guard *guard;
	struct pl_diag *diag;
	struct pl_ask reroute;
	struct pl_ask steering;
	struct pl_watch *watch;
	struct pl_xfrm_watch *xfrm;
	struct pl_offload *offload;
	struct pl_automatic *automatic;
	struct pl_bus *bus;
	struct event_base *base;
	struct event *timer, *guard_event, *watch_event, *xfrm_event;
	uint64_t wake_ns;	/* CLOCK_MONOTONIC; 0 is never */
	bool is_started;	/* the engine was */
	bool is_guard_lost;	/* and that was said */
	bool is_blind;		/* the same of the kernel's SAs and policies */
};

__attribute__((format(printf, 2, 3)))
static void say(const struct pl_daemon *daemon, const char *format, ...)
{
	char text[PL_DAEMON_ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	daemon->log(text);
}

/* Time */

static uint64_t now_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int arm(struct pl_daemon *daemon)
{
	uint64_t now = now_ns(NULL), wait = daemon->wake_ns > now ? daemon->wake_ns - now : 0;
	struct timeval after = {
		.tv_sec = (time_t)(wait / 1000000000u),
		.tv_usec = (suseconds_t)(wait % 1000000000u / 1000u),
	};

	if (daemon->timer == NULL)
		return 0;
	if (daemon->wake_ns == 0)
		return event_del(daemon->timer) == 0 ? 0 : -EIO;
	return event_add(daemon->timer, &after) == 0 ? 0 : -EIO;
}

/* Before the event loop is there, the wish is kept for it. */
static int wake_at(void *ctx, uint64_t mono_ns)
{
	struct pl_daemon *daemon = ctx;

	daemon->wake_ns = mono_ns;
	return arm(daemon);
}

static const struct pl_clock_ops clock_ops = { .now_ns = now_ns, .wake_at = wake_at };

/* Routes */

static int forget_routes(void *ctx)
{
	struct pl_daemon *daemon = ctx;
	int r = pl_reroute(&daemon->reroute);

	if (r != 0)
		say(daemon, "latch: the kernel does not forget cached routes (%s): sockets that "
			    "sent while a policy let it pass are mute until routes change",
		    strerror(-r));
	return r;
}

static const struct pl_route_ops route_ops = { .forget = forget_routes };

/* Policies of latches. They hold off what an administrator wanted of the SPD, so he can read when
 * (RFC 5660 section 6.2). */

static void tell_steering(struct pl_daemon *daemon, const char *what,
			  const struct pl_tuple *tuple, int r)
{
	char text[PL_TUPLE_TEXT_MAX];

	say(daemon, "latch: %s: %s%s%s", pl_tuple_text(tuple, text), what, r == 0 ? "" : ": ",
	    r == 0 ? "" : r < 0 ? strerror(-r) : pl_strerror(r));
}

static int steering_put(void *ctx, const struct pl_steer *steer)
{
	struct pl_daemon *daemon = ctx;
	int r = pl_steering_operations()->put(&daemon->steering, steer);

	tell_steering(daemon, r == 0 ? "policies of its own keep its protection, whatever the "
				       "SPD says" : "it cannot have policies of its own",
		      &steer->tuple, r);
	return r;
}

static int steering_take(void *ctx, const struct pl_tuple *tuple)
{
	struct pl_daemon *daemon = ctx;
	int r = pl_steering_operations()->take(&daemon->steering, tuple);

	tell_steering(daemon, r == 0 ? "its own policies are gone" :
				       "its own policies cannot be taken away", tuple, r);
	return r;
}

static int steering_sweep(void *ctx)
{
	struct pl_daemon *daemon = ctx;

	return pl_steering_operations()->sweep(&daemon->steering);
}

int pl_daemon_put_policy(struct pl_daemon *daemon, const struct pl_policy *policy)
{
	return pl_policies_put(&daemon->steering, policy);
}

int pl_daemon_take_policy(struct pl_daemon *daemon, const struct pl_policy *policy)
{
	return pl_policies_take(&daemon->steering, policy);
}

static const struct pl_steer_ops steer_ops = { steering_put, steering_take, steering_sweep };

/* Whoever found out, and whoever put it back: lost and back are said once each.
 * @error: why it is lost, if it is */
static void tell_guard(struct pl_daemon *daemon, bool is_restored, int error)
{
	bool is_lost = !pl_engine_is_guarding(daemon->engine);

	if (is_lost && !daemon->is_guard_lost)
		say(daemon, "latch: the guard is not in force: %s No SA is installed until it is",
		    pl_strerror(error));
	else if (!is_lost && daemon->is_guard_lost)
		say(daemon, "latch: the guard is in force again");
	else if (!is_lost && is_restored)
		say(daemon, "latch: somebody changed the nftables table inet latch; "
			    "it is whole again");
	daemon->is_guard_lost = is_lost;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_daemon *daemon = ctx;

	(void)fd;
	(void)what;
	daemon->wake_ns = 0;
	pl_engine_tick(daemon->engine);
	tell_guard(daemon, false, PL_E_UNAVAILABLE);
}

/* Somebody changed nf_tables. The guard puts its table back itself; when it could not, or could not
 * before, the engine does. */
static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_daemon *daemon = ctx;
	bool is_restored = false;
	int r = pl_guard_dispatch(daemon->guard, &is_restored);

	(void)fd;
	(void)what;
	if (r != 0 || !pl_engine_is_guarding(daemon->engine)) {
		r = pl_engine_guard_lost(daemon->engine);
		is_restored = r == 0;
	}
	tell_guard(daemon, is_restored, r);
}

/* A socket without a peer may have been a listener, of both families if it was of IPv6. */
static void on_end(void *ctx, const struct pl_tuple *tuple, uint64_t cookie)
{
	struct pl_daemon *daemon = ctx;
	struct pl_tuple normal[2];
	unsigned nr = 0;

	if (tuple->remote_port == 0)
		(void)!pl_tuple_listener(tuple, false, normal, &nr);
	else if (pl_tuple_connection(tuple, &normal[0]) == 0)
		nr = 1;
	for (unsigned i = 0; i < nr; i++)
		(void)!pl_engine_flow_gone(daemon->engine, &normal[i]);
	pl_engine_socket_gone(daemon->engine, cookie);
}

static void on_watch(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_daemon *daemon = ctx;
	bool is_lost = false;

	(void)fd;
	(void)what;
	if (pl_watch_dispatch(daemon->watch, on_end, daemon, &is_lost) != 0 || is_lost)
		pl_engine_flows_gone(daemon->engine);
}

/* SAs and policies */

static int on_change(void *ctx, const struct pl_xfrm_change *change)
{
	return pl_engine_xfrm(ctx, change);
}

static void on_list_begin(void *ctx)
{
	pl_engine_xfrm_list_begin(ctx);
}

static int on_listed(void *ctx, const struct pl_xfrm_change *change)
{
	return pl_engine_xfrm_listed(ctx, change);
}

static void on_list_end(void *ctx)
{
	pl_engine_xfrm_list_end(ctx);
}

static void on_settle(void *ctx)
{
	pl_engine_xfrm_settle(ctx);
}

static bool is_settled(void *ctx)
{
	return pl_engine_xfrm_is_settled(ctx);
}

static const struct pl_xfrm_ears ears = {
	on_change, on_list_begin, on_listed, on_list_end, on_settle, is_settled,
};

/* Without a list nothing is known: tried again every second, until there is one. */
static int hear_xfrm(struct pl_daemon *daemon)
{
	static const struct timeval again = { .tv_sec = 1 };
	bool is_lost = false;
	bool was_blind = daemon->is_blind;
	int r = pl_xfrm_watch_dispatch(daemon->xfrm, &is_lost);

	if (r != 0)
		pl_engine_xfrm_blind(daemon->engine);
	if (r != 0 && !was_blind)
		say(daemon, "latch: the kernel's SAs and policies cannot be read: %s. "
		    "No latch is established until they can",
		    r < 0 ? strerror(-r) : pl_strerror(r));
	else if (r == 0 && (is_lost || was_blind))
		say(daemon, "latch: SAs and policies were compared with what the kernel has");
	daemon->is_blind = r != 0;
	r = daemon->is_blind ? event_add(daemon->xfrm_event, &again) :
	    was_blind ? event_remove_timer(daemon->xfrm_event) : 0;
	return r == 0 ? 0 : -EIO;
}

static void on_xfrm(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)hear_xfrm(ctx);
}

/* Start */

static int open_guard(struct pl_daemon *daemon, char error[static PL_DAEMON_ERROR_MAX])
{
	int r = pl_guard_open(PL_NFT_PART_ALL, &daemon->guard);

	const char *hint = pl_guard_open_hint(r);

	if (r != 0)
		snprintf(error, PL_DAEMON_ERROR_MAX, "no access to nftables: %s",
			 hint != NULL ? hint : strerror(-r));
	return r;
}

static size_t most_kept(const struct pl_limits *limits)
{
	return (size_t)limits->total[PL_LIMIT_LATCHES] + limits->total[PL_LIMIT_AUTOMATIC] +
	       limits->total[PL_LIMIT_SESSIONS];
}

/* A latch that nobody could write down would be lost to the next daemon. */
static int open_journal(struct pl_daemon *daemon, char error[static PL_DAEMON_ERROR_MAX])
{
	const char *other = getenv("PLUTO_LATCH_JOURNAL");
	const char *folder = other != NULL ? other : JOURNAL_FOLDER;
	int r = pl_journal_open(folder, most_kept(&daemon->conf.limits), &daemon->journal);

	if (r != 0)
		snprintf(error, PL_DAEMON_ERROR_MAX, "no journal in %s: %s", folder,
			 r == PL_E_UNAVAILABLE ? "another daemon has it" :
			 r < 0 ? strerror(-r) : pl_strerror(r));
	return r;
}

static void bus_log(void *ctx, const char *text)
{
	const struct pl_daemon *daemon = ctx;

	say(daemon, "latch: %s", text);
}

static int reload(void *ctx, char ret_error[static PL_BUS_ERROR_MAX])
{
	struct pl_daemon *daemon = ctx;
	int r = pl_conf_file_reload(&daemon->conf, ret_error);

	if (r == 0)
		pl_journal_allow(daemon->journal, most_kept(&daemon->conf.limits));
	return r;
}

static int open_layers(struct pl_daemon *daemon, char error[static PL_DAEMON_ERROR_MAX])
{
	int r = pl_conf_file_load(&daemon->conf, error);

	if (r == 0)
		r = open_guard(daemon, error);
	if (r == 0)
		r = open_journal(daemon, error);
	if (r != 0)
		return r;
	r = pl_diag_open(&daemon->diag);
	if (r != 0) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "no access to sock_diag: %s", strerror(-r));
		return r;
	}
	/* Without it nothing is less safe; whoever is concerned reads it in the log. */
	(void)!pl_ask_open(NETLINK_XFRM, &daemon->reroute);
	r = pl_ask_open(NETLINK_XFRM, &daemon->steering);
	if (r != 0) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "no access to the SPD: %s", strerror(-r));
		return r;
	}
	r = pl_watch_open(&daemon->watch);
	if (r != 0) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "cannot hear of the end of sockets: %s",
			 strerror(-r));
		return r;
	}
	r = pl_xfrm_watch_open(&ears, daemon->engine, &daemon->xfrm);
	if (r != 0) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "cannot hear of SAs and policies: %s",
			 strerror(-r));
		return r;
	}
	daemon->offload = pl_offload_new((enum pl_conf_gro)daemon->conf.gro, daemon->log);
	daemon->bus = pl_bus_new(&daemon->conf, bus_log, daemon);
	if (daemon->offload == NULL || daemon->bus == NULL) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "no memory");
		return -ENOMEM;
	}
	pl_bus_on_reload(daemon->bus, reload, daemon);
	pl_guard_on_first(daemon->guard, pl_offload_begin, daemon->offload);
	pl_guard_automatic(daemon->guard, &daemon->conf);
	return pl_automatic_new(&daemon->conf, daemon->log, &daemon->automatic, error);
}

/* Whoever may not speak to nf_tables at all does not come so far. */
static const char *why_no_guard(const struct pl_daemon *daemon, int r)
{
	const char *missing = pl_guard_missing(daemon->guard);

	if (missing != NULL)
		return missing;
	if (r == -EPERM)
		return "another process owns the nftables table inet latch; does a daemon run?";
	if (r == PL_E_MALFORMED)
		return "the nftables table inet latch that is there cannot be read; it goes on "
		       "blocking. Remove it by hand if nothing in it matters";
	return r < 0 ? strerror(-r) : pl_strerror(r);
}

/* What an administrator's `nft flush ruleset` does. */
static void tell_owner(const struct pl_daemon *daemon)
{
	say(daemon, "latch: the nftables table inet latch %s", pl_guard_is_owned(daemon->guard) ?
	    "belongs to this daemon: while it runs, nobody else removes or changes it" :
	    "is put back when somebody removes it: before Linux 6.9 it cannot belong to the "
	    "daemon");
}

/* Of a journal that is not what its daemon wrote: one line, whatever is wrong with it. */
static void tell_journal(const struct pl_daemon *daemon)
{
	char text[PL_DAEMON_ERROR_MAX];

	if (pl_damage_text(pl_engine_damage(daemon->engine), pl_engine_unreadable(daemon->engine),
			   pl_engine_unnamed(daemon->engine), text))
		say(daemon, "latch: %s", text);
}

static int start_engine(struct pl_daemon *daemon, char error[static PL_DAEMON_ERROR_MAX])
{
	struct pl_ops ops = {
		.guard = pl_guard_operations(), .guard_ctx = daemon->guard,
		.store = &pl_journal_ops, .store_ctx = daemon->journal,
		.owner = pl_bus_owner_ops(), .owner_ctx = daemon->bus,
		.socket = pl_diag_operations(), .socket_ctx = daemon->diag,
		.ike = daemon->ike,
		.route = &route_ops, .route_ctx = daemon,
		.steer = &steer_ops, .steer_ctx = daemon,
		.clock = &clock_ops, .clock_ctx = daemon,
		.digest = &pl_digest_ops,
	};
	struct pl_engine_settings settings = {
		.first_id = 1, .conf = &daemon->conf, .identities = daemon->identities };
	int r;

	if (getrandom(settings.hash_key, sizeof(settings.hash_key), 0) !=
	    (ssize_t)sizeof(settings.hash_key)) {
		snprintf(error, PL_DAEMON_ERROR_MAX, "no random numbers");
		return -EIO;
	}
	r = pl_engine_start(daemon->engine, &ops, &settings);
	daemon->is_started = r == 0;
	if (r == 0)
		tell_journal(daemon);
	if (r == 0) {
		tell_owner(daemon);
		r = pl_engine_auto_begin(daemon->engine);
		if (r != 0)
			snprintf(error, PL_DAEMON_ERROR_MAX, "a listener of an automatic rule "
				 "cannot be latched: %s", r < 0 ? strerror(-r) : pl_strerror(r));
		return r;
	}
	snprintf(error, PL_DAEMON_ERROR_MAX, "the guard cannot be in force: %s",
		 why_no_guard(daemon, r));
	return r;
}

int pl_daemon_start(struct pl_engine *engine, const struct pl_ike_ops *ike,
		    struct pl_identity_pool *identities, pl_daemon_log *log, struct pl_daemon **ret,
		    char ret_error[static PL_DAEMON_ERROR_MAX])
{
	struct pl_daemon *daemon = calloc(1, sizeof(*daemon));
	int r;

	if (daemon == NULL) {
		snprintf(ret_error, PL_DAEMON_ERROR_MAX, "no memory");
		return -ENOMEM;
	}
	daemon->engine = engine;
	daemon->ike = ike;
	daemon->identities = identities;
	daemon->log = log;
	r = open_layers(daemon, ret_error);
	if (r == 0)
		r = start_engine(daemon, ret_error);
	if (r != 0) {
		pl_daemon_free(daemon);
		return r;
	}
	*ret = daemon;
	return 0;
}

int pl_daemon_attach(struct pl_daemon *daemon, struct event_base *base)
{
	daemon->base = base;
	daemon->timer = event_new(base, -1, 0, on_timer, daemon);
	daemon->guard_event = event_new(base, pl_guard_fd(daemon->guard), EV_READ | EV_PERSIST,
					on_guard, daemon);
	daemon->watch_event = event_new(base, pl_watch_fd(daemon->watch), EV_READ | EV_PERSIST,
					on_watch, daemon);
	daemon->xfrm_event = event_new(base, pl_xfrm_watch_fd(daemon->xfrm), EV_READ | EV_PERSIST,
				       on_xfrm, daemon);
	if (daemon->timer == NULL || daemon->guard_event == NULL || daemon->watch_event == NULL ||
	    daemon->xfrm_event == NULL)
		return -ENOMEM;
	if (event_add(daemon->guard_event, NULL) != 0 ||
	    event_add(daemon->watch_event, NULL) != 0 || event_add(daemon->xfrm_event, NULL) != 0)
		return -EIO;
	if (daemon->wake_ns != 0 && arm(daemon) != 0)
		return -EIO;
	if (hear_xfrm(daemon) != 0)
		return -EIO;
	if (pl_offload_attach(daemon->offload, base) != 0 ||
	    pl_automatic_attach(daemon->automatic, base, daemon->engine) != 0)
		return -EIO;
	return pl_bus_attach(daemon->bus, base, getenv("PLUTO_LATCH_BUS"), daemon->engine);
}

void pl_daemon_hear(struct pl_daemon *daemon)
{
	if (daemon->xfrm_event != NULL && pl_xfrm_watch_hear(daemon->xfrm))
		event_active(daemon->xfrm_event, EV_READ, 0);
}

/* The last word on what the kernel goes on enforcing when we are gone. */
static void report(struct pl_daemon *daemon)
{
	size_t missing, extra;
	int r = pl_engine_compare(daemon->engine, &missing, &extra);

	if (r != 0)
		say(daemon, "latch: the guard cannot be compared with the database: %s",
		    r < 0 ? strerror(-r) : pl_strerror(r));
	else if (missing != 0 || extra != 0)
		say(daemon, "latch: the guard differs from the database: %zu elements missing, "
		    "%zu too many", missing, extra);
	else
		say(daemon, "latch: the guard is as the database says");
}

/* stop = close: nobody needs them any more. With a latch left they are what blocks it. */
static void leave_nothing(struct pl_daemon *daemon)
{
	int r;

	if (!pl_engine_is_over(daemon->engine))
		return;
	r = pl_journal_remove(daemon->journal);
	if (r == 0)
		r = pl_guard_remove(daemon->guard);
	say(daemon, "latch: no latch is left: guard and journal %s%s",
	    r == 0 ? "are removed" : "cannot be removed: ",
	    r == 0 ? "" : r < 0 ? strerror(-r) : pl_strerror(r));
}

struct pl_daemon *pl_daemon_free(struct pl_daemon *daemon)
{
	if (daemon == NULL)
		return NULL;
	if (daemon->base != NULL)
		report(daemon);
	leave_nothing(daemon);
	/* What is latched is guarded beyond our end; nobody minds its policies (K39). */
	if (daemon->is_started && steering_sweep(daemon) != 0)
		say(daemon, "latch: policies of latches are left in the SPD");
	pl_bus_free(daemon->bus);
	if (daemon->timer != NULL)
		event_free(daemon->timer);
	if (daemon->guard_event != NULL)
		event_free(daemon->guard_event);
	pl_offload_free(daemon->offload);
	pl_automatic_free(daemon->automatic);
	if (daemon->watch_event != NULL)
		event_free(daemon->watch_event);
	pl_watch_close(daemon->watch);
	if (daemon->xfrm_event != NULL)
		event_free(daemon->xfrm_event);
	pl_xfrm_watch_close(daemon->xfrm);
	pl_diag_close(daemon->diag);
	pl_ask_close(&daemon->reroute);
	pl_ask_close(&daemon->steering);
	pl_guard_close(daemon->guard);
	pl_journal_close(daemon->journal);
	pl_conf_clear(&daemon->conf);
	free(daemon);
	return NULL;
}
