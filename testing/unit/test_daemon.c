/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an administrator reads of the guard: that it was lost, and that it is back, whichever of its
 * keepers found out and put it back; and that cached routes stay. Every layer but the engine is a
 * fake, at link time.
 */

#include "bus/pl_bus.h"
#include "daemon/pl_daemon.h"
#include "daemon/pl_offload.h"
#include "kernel/pl_guard.h"
#include "kernel/pl_queue.h"
#include "kernel/pl_reroute.h"
#include "kernel/pl_socket_diag.h"
#include "kernel/pl_socket_watch.h"
#include "kernel/pl_policies.h"
#include "kernel/pl_steering.h"
#include "kernel/pl_xfrm_watch.h"
#include "store/pl_journal.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* @dispatch: what the guard finds when it is woken, and @is_restored; @rebuild: what it says when
 * the engine wants it anew; @reroute: what the kernel says when it shall forget routes; @queue:
 * when somebody wants to hear of held packets; @removed: guard and journal were, in this order;
 * @xfrm: what there is to say of SAs and policies; @is_due: and that it is to be asked for */
static struct {
	struct event_base *base;
	struct pl_engine *engine;
	struct pl_daemon *daemon;
	struct pl_identity_pool *pool;
	struct pl_identity *peer;
	int guard[2], watch[2], dispatch, rebuild, reroute, queue;
	bool is_restored, is_owned, is_due;
	unsigned nr_rebuilds, nr_xfrm;
	int xfrm;
	char removed[32];
	char log[2048];
	size_t max_slots;
	pl_bus_reload *reload;
	void *reload_ctx;
} stage;

static int ok(void)
{
	return 0;
}

/* The guard */

int pl_guard_open(unsigned parts, struct pl_guard **ret)
{
	(void)parts;
	*ret = (struct pl_guard *)&stage;
	return 0;
}

const char *pl_guard_open_hint(int error)
{
	(void)error;
	return NULL;
}

struct pl_guard *pl_guard_close(struct pl_guard *guard)
{
	(void)guard;
	return NULL;
}

int pl_guard_remove(struct pl_guard *guard)
{
	assert_ptr_equal(guard, &stage);
	strcat(stage.removed, "guard ");
	return 0;
}

void pl_guard_on_first(struct pl_guard *guard, pl_guard_first *first, void *ctx)
{
	(void)guard;
	(void)first;
	(void)ctx;
}

void pl_guard_automatic(struct pl_guard *guard, const struct pl_conf *conf)
{
	(void)guard;
	(void)conf;
}

bool pl_guard_is_owned(const struct pl_guard *guard)
{
	(void)guard;
	return stage.is_owned;
}

const char *pl_guard_missing(const struct pl_guard *guard)
{
	(void)guard;
	return NULL;
}

int pl_guard_fd(const struct pl_guard *guard)
{
	(void)guard;
	return stage.guard[0];
}

int pl_guard_dispatch(struct pl_guard *guard, bool *ret_restored)
{
	char byte;

	(void)guard;
	assert_int_equal(read(stage.guard[0], &byte, 1), 1);
	*ret_restored = stage.is_restored;
	return stage.dispatch;
}

static int rebuild(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	(void)ctx;
	(void)items;
	(void)nr;
	stage.nr_rebuilds++;
	return stage.rebuild;
}

const struct pl_guard_ops *pl_guard_operations(void)
{
	/* without latches, nothing else is called but walk */
	static struct pl_guard_ops ops;

	ops = (struct pl_guard_ops) {
		(void *)ok, (void *)ok, (void *)ok, (void *)ok, (void *)ok, (void *)ok, (void *)ok,
		rebuild, (void *)ok, (void *)ok, (void *)ok, (void *)ok, rebuild, (void *)ok,
	};
	return &ops;
}

/* Journal */

const struct pl_digest_ops pl_digest_ops;
const struct pl_store_ops pl_journal_ops;

int pl_journal_open(const char *folder, size_t max_slots, struct pl_journal **ret)
{
	assert_string_equal(folder, "/run/pluto-latch");
	assert_true(max_slots > 0);
	*ret = (struct pl_journal *)&stage;
	return 0;
}

void pl_journal_allow(struct pl_journal *journal, size_t max_slots)
{
	assert_ptr_equal(journal, &stage);
	stage.max_slots = max_slots;
}

struct pl_journal *pl_journal_close(struct pl_journal *journal)
{
	assert_ptr_equal(journal, &stage);
	return NULL;
}

int pl_journal_remove(struct pl_journal *journal)
{
	assert_ptr_equal(journal, &stage);
	strcat(stage.removed, "journal ");
	return 0;
}

/* Sockets, offload, bus */

int pl_diag_open(struct pl_diag **ret)
{
	*ret = (struct pl_diag *)&stage;
	return 0;
}

struct pl_diag *pl_diag_close(struct pl_diag *diag)
{
	(void)diag;
	return NULL;
}

int pl_policies_put(struct pl_ask *ask, const struct pl_policy *policy)
{
	assert_non_null(ask);
	return policy->priority == 0 ? PL_E_UNSUPPORTED : 0;
}

int pl_policies_take(struct pl_ask *ask, const struct pl_policy *policy)
{
	assert_non_null(ask);
	return policy->priority == 0 ? -EIO : 0;
}

const struct pl_steer_ops *pl_steering_operations(void)
{
	static const struct pl_steer_ops ops = { (void *)ok, (void *)ok, (void *)ok };

	return &ops;
}

const struct pl_socket_ops *pl_diag_operations(void)
{
	static struct pl_socket_ops ops;

	ops = (struct pl_socket_ops) { (void *)ok, (void *)ok, (void *)ok, (void *)ok, NULL,
				       NULL, NULL };
	return &ops;
}

int pl_queue_open(struct pl_queue **ret)
{
	(void)ret;
	return stage.queue;
}

struct pl_queue *pl_queue_close(struct pl_queue *queue)
{
	assert_null(queue);
	return NULL;
}

int pl_queue_fd(const struct pl_queue *queue)
{
	(void)queue;
	return -1;
}

void pl_queue_dispatch(struct pl_queue *queue, pl_queue_judge *judge, void *ctx)
{
	(void)queue;
	(void)judge;
	(void)ctx;
}

int pl_xfrm_watch_open(const struct pl_xfrm_ears *ears, void *ctx, struct pl_xfrm_watch **ret)
{
	(void)ears;
	(void)ctx;
	*ret = (struct pl_xfrm_watch *)&stage;
	return 0;
}

struct pl_xfrm_watch *pl_xfrm_watch_close(struct pl_xfrm_watch *watch)
{
	(void)watch;
	return NULL;
}

int pl_xfrm_watch_fd(const struct pl_xfrm_watch *watch)
{
	(void)watch;
	return stage.watch[0];
}

int pl_xfrm_watch_dispatch(struct pl_xfrm_watch *watch, bool *ret_lost)
{
	(void)watch;
	*ret_lost = false;
	stage.nr_xfrm++;
	return stage.xfrm;
}

bool pl_xfrm_watch_hear(struct pl_xfrm_watch *watch)
{
	(void)watch;
	return stage.is_due;
}

int pl_ask_open(int protocol, struct pl_ask *ret)
{
	assert_int_equal(protocol, NETLINK_XFRM);
	ret->seq = 77;
	return 0;
}

void pl_ask_close(struct pl_ask *ask)
{
	assert_int_equal(ask->seq, 77);
}

int pl_reroute(struct pl_ask *ask)
{
	assert_int_equal(ask->seq, 77);
	return stage.reroute;
}

int pl_watch_open(struct pl_watch **ret)
{
	*ret = (struct pl_watch *)&stage;
	return 0;
}

struct pl_watch *pl_watch_close(struct pl_watch *watch)
{
	(void)watch;
	return NULL;
}

int pl_watch_fd(const struct pl_watch *watch)
{
	(void)watch;
	return stage.watch[0];
}

int pl_watch_dispatch(struct pl_watch *watch, pl_watch_see *see, void *ctx, bool *ret_lost)
{
	(void)watch;
	(void)see;
	(void)ctx;
	*ret_lost = false;
	return 0;
}

struct pl_offload *pl_offload_new(enum pl_conf_gro mode, pl_daemon_log *log)
{
	(void)mode;
	(void)log;
	return (struct pl_offload *)&stage;
}

int pl_offload_begin(void *offload)
{
	(void)offload;
	return 0;
}

int pl_offload_attach(struct pl_offload *offload, struct event_base *base)
{
	(void)offload;
	(void)base;
	return 0;
}

struct pl_offload *pl_offload_free(struct pl_offload *offload)
{
	(void)offload;
	return NULL;
}

struct pl_bus *pl_bus_new(const struct pl_conf *conf, pl_bus_log *log, void *ctx)
{
	(void)conf;
	(void)log;
	(void)ctx;
	return (struct pl_bus *)&stage;
}

void pl_bus_on_reload(struct pl_bus *bus, pl_bus_reload *reload, void *ctx)
{
	(void)bus;
	stage.reload = reload;
	stage.reload_ctx = ctx;
}

const struct pl_owner_ops *pl_bus_owner_ops(void)
{
	static struct pl_owner_ops ops;

	ops.alert = (void *)ok;
	return &ops;
}

int pl_bus_attach(struct pl_bus *bus, struct event_base *base, const char *address,
		  struct pl_engine *engine)
{
	(void)bus;
	(void)base;
	(void)address;
	(void)engine;
	return 0;
}

struct pl_bus *pl_bus_free(struct pl_bus *bus)
{
	(void)bus;
	return NULL;
}

/* The daemon */

static void note(const char *text)
{
	size_t len = strlen(stage.log);

	snprintf(stage.log + len, sizeof(stage.log) - len, "%s\n", text);
}

static int setup(void **state)
{
	char error[PL_DAEMON_ERROR_MAX] = "", path[] = "/tmp/latch.conf.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	memset(&stage, 0, sizeof(stage));
	assert_true(fd >= 0);
	assert_int_equal(setenv("PLUTO_LATCH_CONF", path, 1), 0);
	assert_int_equal(pipe(stage.guard), 0);
	assert_int_equal(pipe(stage.watch), 0);
	stage.base = event_base_new();
	stage.engine = pl_engine_new(NULL, NULL);
	assert_int_equal(pl_daemon_start(stage.engine, NULL, NULL, note, &stage.daemon, error), 0);
	assert_int_equal(pl_daemon_attach(stage.daemon, stage.base), 0);
	stage.nr_rebuilds = stage.nr_xfrm = 0;
	stage.log[0] = '\0';
	close(fd);
	unlink(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pl_daemon_free(stage.daemon);
	pl_engine_free(stage.engine);
	pl_identity_unref(stage.peer);
	pl_identity_pool_free(stage.pool);
	event_base_free(stage.base);
	for (unsigned i = 0; i < 2; i++) {
		close(stage.guard[i]);
		close(stage.watch[i]);
	}
	return 0;
}

/* Return: what was said since the last time */
static const char *said(void)
{
	static char text[sizeof(stage.log)];

	memcpy(text, stage.log, sizeof(text));
	stage.log[0] = '\0';
	return text;
}

static void somebody_changes_nf_tables(int dispatch, bool is_restored, int anew)
{
	stage.dispatch = dispatch;
	stage.is_restored = is_restored;
	stage.rebuild = anew;
	assert_int_equal(write(stage.guard[1], "x", 1), 1);
	assert_int_equal(event_base_loop(stage.base, EVLOOP_ONCE), 0);
}

static void tick(int anew)
{
	unsigned before = stage.nr_rebuilds;

	stage.rebuild = anew;
	while (stage.nr_rebuilds == before)
		assert_int_equal(event_base_loop(stage.base, EVLOOP_ONCE), 0);
}

#define WHOLE "latch: somebody changed the nftables table inet latch; it is whole again\n"
#define LOST "latch: the guard is not in force: "
#define BACK "latch: the guard is in force again\n"

static void a_guard_that_puts_itself_back_is_logged(void **state)
{
	(void)state;
	somebody_changes_nf_tables(0, false, 0);
	assert_string_equal(said(), "");
	somebody_changes_nf_tables(0, true, 0);
	assert_string_equal(said(), WHOLE);
}

static void a_guard_that_the_engine_puts_back_is_logged(void **state)
{
	(void)state;
	somebody_changes_nf_tables(-EIO, false, 0);
	assert_int_equal(stage.nr_rebuilds, 1);
	assert_string_equal(said(), WHOLE);
}

static void a_guard_that_a_tick_puts_back_is_logged_lost_and_back_each_once(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		somebody_changes_nf_tables(-EIO, false, -EIO);
		assert_memory_equal(stage.log, LOST, strlen(LOST));
		assert_ptr_equal(strchr(stage.log, '\n'), stage.log + strlen(stage.log) - 1);
		said();
		/* again, while it is lost */
		if (round == 0)
			tick(-EIO);
		else
			somebody_changes_nf_tables(-EIO, false, -EIO);
		assert_string_equal(said(), "");
		tick(0);
		assert_string_equal(said(), BACK);
	}
}

static void a_lost_guard_that_the_next_change_brings_back_is_logged(void **state)
{
	(void)state;
	somebody_changes_nf_tables(-EIO, false, -EIO);
	assert_memory_equal(said(), LOST, strlen(LOST));
	somebody_changes_nf_tables(-EIO, false, 0);
	assert_string_equal(said(), BACK);
	/* The table is back, and the engine does not know yet that it is whole. */
	somebody_changes_nf_tables(-EIO, false, -EIO);
	assert_memory_equal(said(), LOST, strlen(LOST));
	somebody_changes_nf_tables(0, true, 0);
	assert_string_equal(said(), BACK);
}

/* Routes */

static struct pl_ts host(uint8_t last)
{
	return (struct pl_ts) { .af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, last },
				.hi = { 192, 0, 2, last } };
}

/* Between this host, 192.0.2.1, and 192.0.2.2; the empty @shunt protects. */
static void policy(const char *shunt)
{
	struct pl_fact fact = { .kind = PL_FACT_POLICY_ADD };

	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		fact.u.policy = (struct pl_policy_facts) {
			.direction = way, .src = host(way == PL_DIR_OUT ? 1 : 2),
			.dst = host(way == PL_DIR_OUT ? 2 : 1), .nr_templates = shunt[0] == '\0',
		};
		snprintf(fact.u.policy.shunt, sizeof(fact.u.policy.shunt), "%s", shunt);
		assert_int_equal(pl_engine_kernel_change(stage.engine, &fact), PL_VERDICT_ACCEPT);
	}
}

static void sa_is_up(void)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_INSTALL, .child = 1, .ike = 2, .role = PL_ROLE_INITIATOR,
		.identity = stage.peer,
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT, .reqid = 101,
			.encrypt = "AES_GCM_16", .key_bits = 256, .tsi = { 1, { host(1) } },
			.tsr = { 1, { host(2) } },
		},
	};

	assert_int_equal(pl_engine_child_install(stage.engine, &fact), PL_VERDICT_ACCEPT);
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(stage.engine, &fact);
}

static enum pl_state restored(void)
{
	const struct pl_latch *latch = pl_engine_next(stage.engine, NULL, 0);

	policy("PASS");
	assert_int_equal(latch->state, PL_STATE_BROKEN);
	policy("");
	return latch->state;
}

static void routes_that_the_kernel_does_not_forget_are_logged_T9(void **state)
{
	static const char wanted[] = "latch: the kernel does not forget cached routes (";
	struct pl_identity_data data = { .peer = { .id = "B", .auth = PL_AUTH_SIGNATURE },
					 .own = { .id = "A", .auth = PL_AUTH_SIGNATURE } };
	struct pl_engine_ask ask = {
		.tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000,
			   .remote_port = 5000, .local = { 192, 0, 2, 1 },
			   .remote = { 192, 0, 2, 2 } },
		.cookie = 9, .owner = { .kind = PL_OWNER_ADMIN },
	};
	uint64_t id;

	(void)state;
	stage.pool = pl_identity_pool_new();
	assert_int_equal(pl_identity_intern(stage.pool, &data, &stage.peer), 0);
	policy("");
	sa_is_up();
	assert_int_equal(pl_engine_latch(stage.engine, &ask, &id, NULL), 0);
	assert_int_equal(restored(), PL_STATE_ESTABLISHED);
	assert_string_equal(said(), "");
	stage.reroute = -EINVAL;
	assert_int_equal(restored(), PL_STATE_ESTABLISHED);
	assert_memory_equal(said(), wanted, strlen(wanted));
}

/* Automatic latches */

static int begin(const char *conf, char error[static PL_DAEMON_ERROR_MAX])
{
	char path[] = "/tmp/latch.conf.XXXXXX";
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	struct pl_daemon *daemon = NULL;
	int fd = mkstemp(path), r;

	assert_int_equal(write(fd, conf, strlen(conf)), (ssize_t)strlen(conf));
	assert_int_equal(setenv("PLUTO_LATCH_CONF", path, 1), 0);
	r = pl_daemon_start(engine, NULL, NULL, note, &daemon, error);
	pl_daemon_free(daemon);
	pl_engine_free(engine);
	close(fd);
	unlink(path);
	return r;
}

/* The journal holds as many as the limits allow. */
static void a_reload_makes_room_and_a_bad_one_does_not(void **state)
{
	char error[PL_DAEMON_ERROR_MAX] = "", path[] = "/tmp/latch.conf.XXXXXX";
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	struct pl_daemon *daemon;
	int fd = mkstemp(path);
	const char totals[] = "[limits]\nlatches-total = 500\nautomatic-total = 60\n"
			      "sessions-total = 7\n";

	(void)state;
	setenv("PLUTO_LATCH_CONF", path, 1);
	assert_int_equal(pl_daemon_start(engine, NULL, NULL, note, &daemon, error), 0);
	stage.max_slots = 0;
	assert_int_equal(write(fd, totals, strlen(totals)), (ssize_t)strlen(totals));
	assert_int_equal(stage.reload(stage.reload_ctx, error), 0);
	assert_int_equal(stage.max_slots, 567);
	assert_int_equal(write(fd, "pending", 7), 7);
	assert_int_equal(stage.reload(stage.reload_ctx, error), PL_E_BAD_CONFIG);
	assert_non_null(strstr(error, ":5: "));
	assert_int_equal(stage.max_slots, 567);
	pl_daemon_free(daemon);
	pl_engine_free(engine);
	close(fd);
	unlink(path);
}

static void who_may_remove_the_table_is_logged_at_the_start(void **state)
{
	char error[PL_DAEMON_ERROR_MAX];

	(void)state;
	said();
	assert_int_equal(begin("", error), 0);
	assert_non_null(strstr(said(), "latch: the nftables table inet latch is put back when "
				       "somebody removes it"));
	stage.is_owned = true;
	assert_int_equal(begin("", error), 0);
	assert_non_null(strstr(said(), "latch: the nftables table inet latch belongs to this "
				       "daemon"));
}

static void a_second_daemon_is_told_that_the_table_is_owned(void **state)
{
	char error[PL_DAEMON_ERROR_MAX];

	(void)state;
	stage.rebuild = -EPERM;
	assert_int_equal(begin("", error), -EPERM);
	assert_non_null(strstr(error, "another process owns the nftables table inet latch"));
	stage.rebuild = -EIO;
	assert_int_equal(begin("", error), -EIO);
	assert_null(strstr(error, "owns"));
}

static void nobody_hears_of_held_packets_without_a_rule_K13(void **state)
{
	static const char rule[] = "[flow a]\nprotocol = tcp\nremote-port = 80\nauto = yes\n";
	char error[PL_DAEMON_ERROR_MAX];

	(void)state;
	stage.queue = -EBUSY;
	assert_int_equal(begin("[flow a]\nprotocol = tcp\n", error), 0);
	assert_int_equal(begin(rule, error), -EBUSY);
	assert_non_null(strstr(error, "another program has the nfnetlink queue 5660"));
	stage.queue = -EINVAL;
	assert_int_equal(begin(rule, error), -EINVAL);
	assert_non_null(strstr(error, "CONFIG_NETFILTER_NETLINK_QUEUE"));
}

static void a_listener_that_cannot_be_latched_is_no_start_K12(void **state)
{
	char error[PL_DAEMON_ERROR_MAX];

	(void)state;
	stage.queue = 0;
	assert_int_equal(begin("[flow a]\nprotocol = tcp\nlocal = 127.0.0.1\nlocal-port = 80\n"
			       "auto = yes\n", error), PL_E_BOTH_ENDS_LOCAL);
	assert_non_null(strstr(error, "a listener of an automatic rule cannot be latched"));
}

/* stop = */

static void stop_with(const char *conf, bool is_told)
{
	struct pl_fact fact = { .kind = PL_FACT_STOPPING };
	char path[] = "/tmp/latch.conf.XXXXXX", error[PL_DAEMON_ERROR_MAX] = "";
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	struct pl_daemon *daemon = NULL;
	int fd = mkstemp(path);

	assert_int_equal(write(fd, conf, strlen(conf)), (ssize_t)strlen(conf));
	assert_int_equal(setenv("PLUTO_LATCH_CONF", path, 1), 0);
	stage.removed[0] = '\0';
	assert_int_equal(pl_daemon_start(engine, NULL, NULL, note, &daemon, error), 0);
	if (is_told)
		pl_engine_note(engine, &fact);
	pl_daemon_free(daemon);
	pl_engine_free(engine);
	close(fd);
	unlink(path);
}

static void guard_and_journal_go_with_an_orderly_end_that_closes_and_leaves_nothing(void **state)
{
	(void)state;
	stop_with("[latch]\nstop = close\n", true);
	assert_string_equal(stage.removed, "journal guard ");
	/* not when it ends for another reason */
	stop_with("[latch]\nstop = close\n", false);
	assert_string_equal(stage.removed, "");
	stop_with("[latch]\nstop = keep\n", true);
	assert_string_equal(stage.removed, "");
}

static void what_the_kernel_says_of_policies_is_handed_to_pluto(void **state)
{
	struct pl_policy good = { .priority = 1 }, bad = { .priority = 0 };

	(void)state;
	assert_int_equal(pl_daemon_put_policy(stage.daemon, &good), 0);
	assert_int_equal(pl_daemon_put_policy(stage.daemon, &bad), PL_E_UNSUPPORTED);
	assert_int_equal(pl_daemon_take_policy(stage.daemon, &good), 0);
	assert_int_equal(pl_daemon_take_policy(stage.daemon, &bad), -EIO);
}

static void pluto_changes_SAs(bool is_due)
{
	stage.is_due = is_due;
	pl_daemon_hear(stage.daemon);
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 0);
}

/* The socket is not readable: it was read when pluto was done. */
static void what_was_heard_with_plutos_changes_is_judged_in_a_turn_of_its_own_T7(void **state)
{
	(void)state;
	pluto_changes_SAs(false);
	assert_int_equal(stage.nr_xfrm, 0);
	pluto_changes_SAs(true);
	assert_int_equal(stage.nr_xfrm, 1);
	assert_int_equal(event_base_loop(stage.base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(stage.nr_xfrm, 1);
	assert_string_equal(said(), "");
}

static int is_timed(const struct event_base *base, const struct event *event, void *ctx)
{
	(void)base;
	(void)ctx;
	return event_get_fd(event) == stage.watch[0] && event_pending(event, EV_TIMEOUT, NULL);
}

#define BLIND "latch: the kernel's SAs and policies cannot be read: "

static void SAs_that_cannot_be_read_are_asked_for_until_they_can_T9(void **state)
{
	(void)state;
	stage.xfrm = -EIO;
	pluto_changes_SAs(true);
	assert_int_equal(stage.nr_xfrm, 1);
	assert_memory_equal(stage.log, BLIND, strlen(BLIND));
	said();
	/* without a message, by time */
	while (stage.nr_xfrm < 2)
		assert_int_equal(event_base_loop(stage.base, EVLOOP_ONCE), 0);
	assert_string_equal(said(), "");
	assert_int_equal(event_base_foreach_event(stage.base, is_timed, NULL), 1);
	stage.xfrm = 0;
	pluto_changes_SAs(true);
	assert_int_equal(stage.nr_xfrm, 3);
	assert_string_equal(said(), "latch: SAs and policies were compared with what the kernel "
			    "has\n");
	assert_int_equal(event_base_foreach_event(stage.base, is_timed, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_guard_that_puts_itself_back_is_logged),
		TEST(a_guard_that_the_engine_puts_back_is_logged),
		TEST(a_guard_that_a_tick_puts_back_is_logged_lost_and_back_each_once),
		TEST(a_lost_guard_that_the_next_change_brings_back_is_logged),
		TEST(routes_that_the_kernel_does_not_forget_are_logged_T9),
		TEST(a_reload_makes_room_and_a_bad_one_does_not),
		cmocka_unit_test(who_may_remove_the_table_is_logged_at_the_start),
		TEST(a_second_daemon_is_told_that_the_table_is_owned),
		TEST(what_was_heard_with_plutos_changes_is_judged_in_a_turn_of_its_own_T7),
		TEST(SAs_that_cannot_be_read_are_asked_for_until_they_can_T9),
		TEST(nobody_hears_of_held_packets_without_a_rule_K13),
		TEST(a_listener_that_cannot_be_latched_is_no_start_K12),
		TEST(what_the_kernel_says_of_policies_is_handed_to_pluto),
		TEST(guard_and_journal_go_with_an_orderly_end_that_closes_and_leaves_nothing),
	};
#undef TEST

	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
