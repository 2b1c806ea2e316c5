/* SPDX-License-Identifier: GPL-2.0-or-later */

/* pl_test_daemon ADDRESS [LIMIT=NUMBER...]: the service with the real engine, on ops that need
 * neither pluto nor root.
 *
 * The guard is in memory. Sockets are real ones of this host, over loopback: 127.0.0.x is shown to
 * the engine as 192.0.2.x, because a flow with both ends on one host cannot be latched. What SAs
 * and policies there are is said on standard input, one command a line, each answered by one line
 * "ok ..." or "error ...". The first line of the output is "ready", when the bus has given us the
 * name. TUPLE is "PROTO LOCAL:PORT REMOTE:PORT", as latches show it.
 *
 *   sa add CHILD PEER REQID     install a child SA of PEER (a word) for everything in 192.0.2.0/24
 *   sa del CHILD                it is gone
 *   policy add|del              of the kernel, both directions, for the same; there at start
 *   born TUPLE|any REQID        the guard saw the first packet under this reqid; 0 forgets
 *   used yes|no                 sockets have received bytes already
 *   fact NAME yes|no            of every socket: mptcp, translated, netns, source-routed,
 *                               encapsulated, virtual, peer-local, elsewhere, internet
 *   changes yes|no              the second look at a socket finds another one
 *   guard yes|no                the guard refuses everything
 *   allow yes|no                what latch.conf says for every flow that no rule names
 *   deny-gid GID                rule of latch.conf: nothing is allowed for this group
 *   bypass yes|no               likewise, may-bypass
 *   gone yes|no                 sockets and TIME_WAIT are gone; then time passes
 *   break-all                   as an administrator
 *   ike yes|no                  pluto sets up SAs when asked: then "sa add", or this
 *   initiated ERROR [WORD]      what came of the last attempt: "done", or an error and a reason
 *   asked                       "ok TICKET CANCELLED" of the last attempt
 *   compare                     "ok MISSING EXTRA": the guard against the database
 *   status                      "ok SERVING LATCHES GENERATION"
 *   wait                        answers when the name is ours
 *   quit                        or the end of the input
 *
 * With PL_TEST_JOURNAL=FOLDER in the environment it has a journal there. Reload reads
 * PLUTO_LATCH_CONF.
 */

#include "pl_test_conf.h"

#include "bus/pl_bus.h"
#include "core/pl_error.h"
#include "store/pl_digest.h"
#include "store/pl_journal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS_MAX = 4096, BORN_MAX = 256, PEERS_MAX = 32, LINE_MAX_BYTES = 512 };

static struct {
	struct event_base *base;
	struct pl_engine *engine;
	struct pl_bus *bus;
	struct pl_journal *journal;
	struct event *tick;
	struct pl_conf conf;
	struct pl_identity_pool *pool;
	struct peer {
		char name[64];
		struct pl_identity *identity;
	} peers[PEERS_MAX];
	unsigned nr_peers;
	struct pl_guard_item items[ITEMS_MAX];
	unsigned nr_items;
	struct birth {
		struct pl_tuple tuple;
		uint32_t reqid;
	} births[BORN_MAX];
	unsigned nr_births;
	uint32_t born_any;
	struct pl_socket_facts lies;
	bool is_internet_denied, is_abroad, changes, refuses, is_gone, is_waiting, has_ike;
	uint64_t ticket, cancelled;
	unsigned looks;
} host;

/* The guard */

static bool is_item(const struct pl_guard_item *a, const struct pl_guard_item *b)
{
	return a->kind == b->kind && pl_tuple_compare(&a->tuple, &b->tuple) == 0 &&
	       a->pin.direction == b->pin.direction && a->pin.reqid == b->pin.reqid;
}

static int put(struct pl_guard_item item)
{
	for (unsigned i = 0; i < host.nr_items; i++) {
		if (is_item(&host.items[i], &item))
			return 0;
	}
	if (host.nr_items == ITEMS_MAX)
		return -ENOSPC;
	host.items[host.nr_items++] = item;
	return 0;
}

/* @kind PL_GUARD_NONE: all of the tuple; @reqid 0: any */
static void cut(enum pl_guard_kind kind, const struct pl_tuple *tuple, struct pl_pin pin)
{
	for (unsigned i = 0; i < host.nr_items; ) {
		const struct pl_guard_item *item = &host.items[i];

		if ((kind == PL_GUARD_NONE || item->kind == kind) &&
		    pl_tuple_compare(&item->tuple, tuple) == 0 &&
		    (pin.reqid == 0 || (item->pin.reqid == pin.reqid &&
					item->pin.direction == pin.direction)))
			host.items[i] = host.items[--host.nr_items];
		else
			i++;
	}
}

static const struct pl_pin any_pin;

static int guard_guard(void *ctx, const struct pl_tuple *tuple)
{
	(void)ctx;
	return host.refuses ? -EPERM :
	       put((struct pl_guard_item) { .kind = PL_GUARD_FLOW, .tuple = *tuple });
}

static int guard_listen(void *ctx, const struct pl_tuple *tuple)
{
	(void)ctx;
	return host.refuses ? -EPERM :
	       put((struct pl_guard_item) { .kind = PL_GUARD_LISTENER, .tuple = *tuple });
}

static int need_guarded(const struct pl_tuple *tuple)
{
	const struct pl_guard_item flow = { .kind = PL_GUARD_FLOW, .tuple = *tuple };
	const struct pl_guard_item listener = { .kind = PL_GUARD_LISTENER, .tuple = *tuple };

	if (host.refuses)
		return -EPERM;
	for (unsigned i = 0; i < host.nr_items; i++) {
		if (is_item(&host.items[i], &flow) || is_item(&host.items[i], &listener))
			return 0;
	}
	return PL_E_WRONG_STATE;
}

static int guard_permit(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
			unsigned nr)
{
	int r = need_guarded(tuple);

	(void)ctx;
	for (unsigned i = 0; r == 0 && i < nr; i++)
		r = put((struct pl_guard_item) { .kind = PL_GUARD_PIN, .tuple = *tuple,
						 .pin = pins[i] });
	return r;
}

static int guard_retire(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
			unsigned nr)
{
	(void)ctx;
	for (unsigned i = 0; !host.refuses && i < nr; i++)
		cut(PL_GUARD_PIN, tuple, pins[i]);
	return host.refuses ? -EPERM : 0;
}

static int guard_block(void *ctx, const struct pl_tuple *tuple)
{
	int r = need_guarded(tuple);

	(void)ctx;
	if (r == 0)
		cut(PL_GUARD_PIN, tuple, any_pin);
	return r;
}

static int guard_unguard(void *ctx, const struct pl_tuple *tuple, bool births)
{
	(void)ctx;
	(void)births;	/* a script says what is born, and what is not any more */
	if (!host.refuses)
		cut(PL_GUARD_NONE, tuple, any_pin);
	return host.refuses ? -EPERM : 0;
}

static int guard_born(void *ctx, const struct pl_tuple *tuple, uint32_t ret[static 2],
		      unsigned *ret_nr)
{
	(void)ctx;
	*ret_nr = 0;
	for (unsigned i = 0; i < host.nr_births && *ret_nr < 2; i++) {
		if (pl_tuple_compare(&host.births[i].tuple, tuple) == 0)
			ret[(*ret_nr)++] = host.births[i].reqid;
	}
	if (*ret_nr == 0 && host.born_any != 0)
		ret[(*ret_nr)++] = host.born_any;
	return 0;
}

static int guard_rebuild(void *ctx, const struct pl_guard_item *items, size_t nr)
{
	(void)ctx;
	host.nr_items = 0;
	for (size_t i = 0; i < nr; i++) {
		if (put(items[i]) != 0)
			return -ENOSPC;
	}
	return 0;
}

/* It begins without a predecessor. */
static int guard_walk_left(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	(void)ctx;
	(void)visit;
	(void)visit_ctx;
	return 0;
}

static int guard_walk(void *ctx, pl_guard_visit *visit, void *visit_ctx)
{
	int r = 0;

	(void)ctx;
	for (unsigned i = 0; r == 0 && i < host.nr_items; i++)
		r = visit(visit_ctx, &host.items[i]);
	return r;
}

static const struct pl_guard_ops guard_ops = {
	guard_guard, guard_permit, guard_retire, guard_block, guard_unguard, guard_listen,
	guard_born, guard_rebuild, guard_walk, NULL, NULL, NULL, guard_rebuild, guard_walk_left,
};

/* Sockets */

static void show_as_remote(uint8_t af, uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t *ip4 = af == PL_AF_IP4 ? address :
		       memcmp(address, mapped, sizeof(mapped)) == 0 ? address + 12 : NULL;

	if (ip4 != NULL && ip4[0] == 127)
		memcpy(ip4, (const uint8_t[]) { 192, 0, 2 }, 3);
}

static void take_address(const struct sockaddr_storage *from, uint8_t *af, uint8_t address[16],
			 uint16_t *port)
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	if (from->ss_family == AF_INET) {
		*af = PL_AF_IP4;
		*port = ntohs(in->sin_port);
		memcpy(address, &in->sin_addr, 4);
	} else {
		*af = PL_AF_IP6;
		*port = ntohs(in6->sin6_port);
		memcpy(address, &in6->sin6_addr, 16);
	}
	show_as_remote(*af, address);
}

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static void read_tcp(int fd, struct pl_socket_facts *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		ret->has_received = info.tcpi_bytes_received > 0;
}

static void lie(struct pl_socket_facts *ret)
{
	ret->is_here = !host.is_abroad;
	ret->is_internet = !host.is_internet_denied;
	ret->is_mptcp = host.lies.is_mptcp;
	ret->is_translated = host.lies.is_translated;
	ret->is_source_routed = host.lies.is_source_routed;
	ret->is_encapsulated = host.lies.is_encapsulated;
	ret->is_virtual = host.lies.is_virtual;
	ret->is_peer_local = host.lies.is_peer_local;
	ret->is_elsewhere = host.lies.is_elsewhere;
	ret->has_received = ret->has_received || host.lies.has_received;
	ret->cookie += host.changes ? host.looks : 0;
}

static int socket_read(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret)
{
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote), len;
	int domain = option(fd, SOL_SOCKET, SO_DOMAIN);
	uint8_t af;

	(void)ctx;
	(void)to;
	host.looks++;
	ret->is_here = true;
	if (domain != AF_INET && domain != AF_INET6)
		return 0;
	ret->tuple.proto = (uint8_t)option(fd, SOL_SOCKET, SO_PROTOCOL);
	len = sizeof(ret->cookie);
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret->cookie, &len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&local, &local_len) != 0)
		return -errno;
	take_address(&local, &ret->tuple.af, ret->tuple.local, &ret->tuple.local_port);
	ret->is_connected = getpeername(fd, (struct sockaddr *)&remote, &remote_len) == 0;
	if (ret->is_connected)
		take_address(&remote, &af, ret->tuple.remote, &ret->tuple.remote_port);
	ret->is_listening = option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
	ret->is_v6_only = domain == AF_INET6 && option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
	if (ret->tuple.proto == PL_TUPLE_TCP)
		read_tcp(fd, ret);
	lie(ret);
	return 0;
}

static int socket_dispose(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
			  enum pl_disposition disposition)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	(void)disposition;
	return 0;
}

static int socket_is_gone(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	*ret = host.is_gone;
	return 0;
}

static int socket_holders(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
			  bool is_all, struct pl_holders *ret)
{
	(void)ctx;
	(void)tuple;
	(void)cookie;
	(void)uid;
	(void)is_all;
	*ret = (struct pl_holders) { .has_own = !host.is_gone };
	return 0;
}

static const struct pl_socket_ops socket_ops = {
	.read = socket_read, .dispose = socket_dispose, .is_gone = socket_is_gone,
	.holders = socket_holders,
};

/* Time */

static uint64_t clock_now(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int clock_wake_at(void *ctx, uint64_t when)
{
	uint64_t now = clock_now(ctx), left = when > now ? when - now : 0;
	struct timeval in = {
		.tv_sec = (time_t)(left / 1000000000),
		.tv_usec = (suseconds_t)(left % 1000000000 / 1000),
	};

	return when == 0 ? event_del(host.tick) : event_add(host.tick, &in);
}

static const struct pl_clock_ops clock_ops = { clock_now, clock_wake_at };

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	pl_engine_tick(host.engine);
}

/* Pluto */

static int ike_initiate(void *ctx, uint64_t ticket, const struct pl_tuple *tuple,
			const struct pl_initiate *how)
{
	(void)ctx;
	(void)tuple;
	(void)how;
	if (!host.has_ike)
		return PL_E_NO_SA;
	host.ticket = ticket;
	return 0;
}

static void ike_cancel(void *ctx, uint64_t ticket)
{
	(void)ctx;
	host.cancelled = ticket;
}

static const struct pl_ike_ops ike_ops = {
	.initiate = ike_initiate, .cancel = ike_cancel,
};

static const char *initiated(const char *word, const char *reason)
{
	struct pl_fact fact = {
		.kind = PL_FACT_INITIATED, .u.initiated = { .ticket = host.ticket },
	};
	char name[128];

	snprintf(name, sizeof(name), PL_ERROR_DBUS_PREFIX "%s", word);
	if (strcmp(word, "done") != 0)
		fact.u.initiated.error = pl_error_from_dbus_name(name);
	snprintf(fact.u.initiated.reason, sizeof(fact.u.initiated.reason), "%s", reason);
	pl_engine_note(host.engine, &fact);
	return NULL;
}

/* SAs and policies */

static struct pl_blob blob_of(const char *text)
{
	return (struct pl_blob) { (const uint8_t *)text, strlen(text) };
}

/* Of "raw.test" only a key is known, of "psk.test" not even that. */
static void prove(const char *name, struct pl_identity_end *ret)
{
	ret->auth = PL_AUTH_PSK;
	ret->auth_wire = 2;
	if (strcmp(name, "psk.test") == 0)
		return;
	ret->auth = PL_AUTH_SIGNATURE;
	ret->auth_wire = 14;
	ret->spki = blob_of(name);
	if (strcmp(name, "raw.test") == 0)
		return;
	ret->cert = blob_of("certificate");
	ret->anchor = blob_of("anchor");
}

static struct pl_identity *identity_of(const char *name)
{
	const char *fqdn = name + (name[0] == '@');
	struct pl_identity_data data = {
		.peer = {
			.id = name, .id_type = 2, .id_wire = blob_of(fqdn),
		},
		.own = {
			.id = "this.test", .id_type = 2, .auth = PL_AUTH_SIGNATURE,
			.spki = blob_of("own"),
		},
	};
	struct peer *peer;

	for (unsigned i = 0; i < host.nr_peers; i++) {
		if (strcmp(host.peers[i].name, name) == 0)
			return host.peers[i].identity;
	}
	if (host.nr_peers == PEERS_MAX)
		return NULL;
	peer = &host.peers[host.nr_peers];
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	prove(name, &data.peer);
	if (pl_identity_intern(host.pool, &data, &peer->identity) != 0)
		return NULL;
	host.nr_peers++;
	return peer->identity;
}

static struct pl_ts everything(void)
{
	return (struct pl_ts) {
		.af = PL_AF_IP4, .hi_port = UINT16_MAX, .lo = { 192, 0, 2, 0 },
		.hi = { 192, 0, 2, 255 },
	};
}

static struct pl_fact child_fact(uint64_t child, struct pl_identity *peer, uint32_t reqid)
{
	return (struct pl_fact) {
		.kind = PL_FACT_CHILD_INSTALL, .child = child, .ike = child + 1000000,
		.role = PL_ROLE_INITIATOR, .identity = peer, .conn = { .serial = 1 },
		.u.child = {
			.protocol = PL_PROTO_ESP, .mode = PL_MODE_TRANSPORT, .reqid = reqid,
			.spi_in = (uint32_t)child, .spi_out = (uint32_t)child + 500000,
			.encrypt = "AES_GCM_16", .key_bits = 256, .replay_window = 128,
			.tsi = { .len = 1, .list = { everything() } },
			.tsr = { .len = 1, .list = { everything() } },
			.path = {
				.local = { PL_AF_IP4, { 10, 0, 0, 2 } },
				.remote = { PL_AF_IP4, { 203, 0, 113, 9 } },
				.encap = PL_ENCAP_UDP, .local_port = 4500, .remote_port = 61000,
				.is_local_nated = true,
			},
		},
	};
}

static const char *sa_add(uint64_t child, const char *name, uint32_t reqid)
{
	struct pl_identity *peer = identity_of(name);
	struct pl_fact fact = child_fact(child, peer, reqid);

	if (peer == NULL)
		return "too many peers";
	if (pl_engine_child_install(host.engine, &fact) != PL_VERDICT_ACCEPT)
		return "the engine refuses it";
	fact.kind = PL_FACT_CHILD_UP;
	pl_engine_note(host.engine, &fact);
	return NULL;
}

static const char *sa_del(uint64_t child)
{
	struct pl_fact fact = { .kind = PL_FACT_CHILD_DOWN, .child = child };

	pl_engine_note(host.engine, &fact);
	return NULL;
}

static const char *set_policy(bool is_there)
{
	for (enum pl_direction way = PL_DIR_IN; way < PL_DIR_ROOF; way++) {
		struct pl_fact fact = {
			.kind = is_there ? PL_FACT_POLICY_ADD : PL_FACT_POLICY_DELETE,
			.conn = { .serial = 1 },
			.u.policy = {
				.direction = way, .src = everything(), .dst = everything(),
				.priority = 100, .nr_templates = 1,
			},
		};

		if (!is_there)
			pl_engine_note(host.engine, &fact);
		else if (pl_engine_kernel_change(host.engine, &fact) != PL_VERDICT_ACCEPT)
			return "the engine refuses it";
	}
	return NULL;
}

/* Commands */

static bool parse_end(const char *text, uint8_t *af, uint8_t address[16], uint16_t *port)
{
	char copy[128], *colon, *start = copy;

	snprintf(copy, sizeof(copy), "%s", text);
	colon = strrchr(copy, ':');
	if (colon == NULL)
		return false;
	*colon = '\0';
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	if (start[0] == '[') {
		start++;
		start[strcspn(start, "]")] = '\0';
	}
	*af = inet_pton(AF_INET, start, address) == 1 ? PL_AF_IP4 :
	      inet_pton(AF_INET6, start, address) == 1 ? PL_AF_IP6 : PL_AF_NONE;
	show_as_remote(*af, address);
	return *af != PL_AF_NONE;
}

static const char *born(char *const *words, unsigned nr)
{
	struct pl_tuple tuple = { .proto = PL_TUPLE_TCP };
	uint8_t af;

	if (nr == 3 && strcmp(words[1], "any") == 0) {
		host.born_any = (uint32_t)strtoul(words[2], NULL, 10);
		return NULL;
	}
	if (nr != 5)
		return "born PROTO LOCAL REMOTE REQID, or born any REQID";
	tuple.proto = strcmp(words[1], "udp") == 0 ? PL_TUPLE_UDP :
		      strcmp(words[1], "sctp") == 0 ? PL_TUPLE_SCTP : PL_TUPLE_TCP;
	if (!parse_end(words[2], &tuple.af, tuple.local, &tuple.local_port) ||
	    !parse_end(words[3], &af, tuple.remote, &tuple.remote_port) || af != tuple.af)
		return "that is no tuple";
	if (host.nr_births == BORN_MAX)
		return "too many";
	host.births[host.nr_births++] = (struct birth) {
		tuple, (uint32_t)strtoul(words[4], NULL, 10),
	};
	return NULL;
}

static const char *set_fact(const char *name, bool value)
{
	const struct {
		const char *name;
		bool *at;
	} facts[] = {
		{ "mptcp", &host.lies.is_mptcp }, { "translated", &host.lies.is_translated },
		{ "netns", &host.is_abroad }, { "internet", &host.is_internet_denied },
		{ "source-routed", &host.lies.is_source_routed },
		{ "encapsulated", &host.lies.is_encapsulated },
		{ "virtual", &host.lies.is_virtual }, { "peer-local", &host.lies.is_peer_local },
		{ "elsewhere", &host.lies.is_elsewhere },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (strcmp(facts[i].name, name) == 0) {
			/* "netns no" and "internet no" are the lies. */
			*facts[i].at = name[0] == 'n' || name[0] == 'i' ? !value : value;
			return NULL;
		}
	}
	return "there is no such fact";
}

static const char *break_all(void)
{
	const struct pl_latch *latch;

	for (uint64_t at = 0; (latch = pl_engine_next(host.engine, NULL, at)) != NULL; ) {
		at = latch->id;
		(void)!pl_engine_admin_break(host.engine, at, "break-all");
	}
	return NULL;
}

static unsigned count_latches(void)
{
	const struct pl_latch *latch;
	unsigned nr = 0;

	for (uint64_t at = 0; (latch = pl_engine_next(host.engine, NULL, at)) != NULL; nr++)
		at = latch->id;
	return nr;
}

static const char *compare(char *ret, size_t size)
{
	size_t missing, extra;

	if (pl_engine_compare(host.engine, &missing, &extra) != 0)
		return "the guard says no";
	snprintf(ret, size, " %zu %zu", missing, extra);
	return NULL;
}

static const char *set_flag(const char *name, bool value)
{
	if (strcmp(name, "used") == 0)
		host.lies.has_received = value;
	else if (strcmp(name, "changes") == 0)
		host.changes = value;
	else if (strcmp(name, "guard") == 0)
		host.refuses = !value;
	else if (strcmp(name, "allow") == 0)
		host.conf.other.is_allowed = value;
	else if (strcmp(name, "bypass") == 0)
		host.conf.other.may_bypass = value;
	else if (strcmp(name, "ike") == 0)
		host.has_ike = value;
	else if (strcmp(name, "gone") == 0)
		host.is_gone = value;
	else
		return "there is no such command";
	if (host.is_gone)
		pl_engine_tick(host.engine);
	return NULL;
}

/* Return: NULL, or what is wrong; @ret goes behind "ok" */
static const char *obey(char *const *words, unsigned nr, char *ret, size_t size)
{
	const char *verb = nr == 0 ? "" : words[0];

	if (strcmp(verb, "sa") == 0 && nr == 5 && strcmp(words[1], "add") == 0)
		return sa_add(strtoull(words[2], NULL, 10), words[3],
			      (uint32_t)strtoul(words[4], NULL, 10));
	if (strcmp(verb, "sa") == 0 && nr == 3 && strcmp(words[1], "del") == 0)
		return sa_del(strtoull(words[2], NULL, 10));
	if (strcmp(verb, "policy") == 0 && nr == 2)
		return set_policy(strcmp(words[1], "add") == 0);
	if (strcmp(verb, "born") == 0)
		return born(words, nr);
	if (strcmp(verb, "fact") == 0 && nr == 3)
		return set_fact(words[1], strcmp(words[2], "yes") == 0);
	if (strcmp(verb, "deny-gid") == 0 && nr == 2)
		return pl_test_deny_gid(&host.conf, (uint32_t)strtoul(words[1], NULL, 10));
	if (strcmp(verb, "break-all") == 0)
		return break_all();
	if (strcmp(verb, "initiated") == 0 && nr >= 2)
		return initiated(words[1], nr > 2 ? words[2] : "");
	if (strcmp(verb, "asked") == 0) {
		snprintf(ret, size, " %llu %llu", (unsigned long long)host.ticket,
			 (unsigned long long)host.cancelled);
		return NULL;
	}
	if (strcmp(verb, "compare") == 0)
		return compare(ret, size);
	if (strcmp(verb, "status") == 0) {
		snprintf(ret, size, " %s %u %llu", pl_bus_is_serving(host.bus) ? "yes" : "no",
			 count_latches(), (unsigned long long)pl_engine_generation(host.engine));
		return NULL;
	}
	return nr == 2 ? set_flag(words[0], strcmp(words[1], "yes") == 0) :
	       "there is no such command";
}

static void handle_line(char *line)
{
	enum { WORDS_MAX = 8 };
	char *words[WORDS_MAX], *word, *at = line;
	char more[64] = "";
	const char *fault;
	unsigned nr = 0;

	while ((word = strsep(&at, " \t\r\n")) != NULL && nr < WORDS_MAX) {
		if (word[0] != '\0')
			words[nr++] = word;
	}
	if (nr == 1 && strcmp(words[0], "quit") == 0) {
		event_base_loopbreak(host.base);
		puts("ok");
		return;
	}
	if (nr == 1 && strcmp(words[0], "wait") == 0) {
		host.is_waiting = !pl_bus_is_serving(host.bus);
		if (!host.is_waiting)
			puts("ok");
		return;
	}
	fault = obey(words, nr, more, sizeof(more));
	if (fault == NULL)
		printf("ok%s\n", more);
	else
		printf("error %s\n", fault);
}

static void on_input(evutil_socket_t fd, short what, void *ctx)
{
	static char buffer[LINE_MAX_BYTES];
	static size_t len;
	ssize_t n = read(fd, buffer + len, sizeof(buffer) - 1 - len);
	char *end;

	(void)what;
	(void)ctx;
	if (n <= 0) {
		if (n == 0 || errno != EINTR)
			event_base_loopbreak(host.base);
		return;
	}
	len += (size_t)n;
	buffer[len] = '\0';
	while ((end = strchr(buffer, '\n')) != NULL) {
		*end = '\0';
		handle_line(buffer);
		len -= (size_t)(end + 1 - buffer);
		memmove(buffer, end + 1, len + 1);
	}
	if (len == sizeof(buffer) - 1)
		len = 0;
}

static void on_log(void *ctx, const char *text)
{
	static bool was_ready;

	(void)ctx;
	fprintf(stderr, "%s\n", text);
	if (host.bus == NULL || !pl_bus_is_serving(host.bus))
		return;
	if (!was_ready)
		puts("ready");
	was_ready = true;
	if (host.is_waiting)
		puts("ok");
	host.is_waiting = false;
}

static int open_journal(void)
{
	const char *folder = getenv("PL_TEST_JOURNAL");

	if (NSS_NoDB_Init(NULL) != SECSuccess)
		return -EIO;
	return folder == NULL ? 0 : pl_journal_open(folder, 4096, &host.journal);
}

static int start_engine(void)
{
	struct pl_engine_settings settings = { .hash_key = { 7 }, .first_id = 1,
					       .conf = &host.conf, .identities = host.pool };
	struct pl_ops ops = {
		.store = host.journal == NULL ? NULL : &pl_journal_ops, .store_ctx = host.journal,
		.guard = &guard_ops, .owner = pl_bus_owner_ops(), .owner_ctx = host.bus,
		.socket = &socket_ops, .clock = &clock_ops, .ike = &ike_ops,
		.digest = &pl_digest_ops,
	};
	int r = pl_engine_start(host.engine, &ops, &settings);

	if (r == 0 && set_policy(true) != NULL)
		r = -EINVAL;
	return r;
}

int main(int argc, char **argv)
{
	struct event *input;

	if (argc < 2) {
		fprintf(stderr, "usage: pl_test_daemon ADDRESS [LIMIT=NUMBER...]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	pl_conf_default(&host.conf);
	for (int i = 2; i < argc; i++) {
		if (!pl_test_set_limit(&host.conf, argv[i])) {
			fprintf(stderr, "no such limit, or not within its bounds: %s\n", argv[i]);
			return 2;
		}
	}
	host.conf.other.may_bypass = true;
	host.base = event_base_new();
	host.pool = pl_identity_pool_new();
	host.engine = pl_engine_new(NULL, NULL);
	host.bus = pl_bus_new(&host.conf, on_log, NULL);
	pl_bus_on_reload(host.bus, pl_test_reload, &host.conf);
	host.tick = event_new(host.base, -1, 0, on_tick, NULL);
	input = event_new(host.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
	if (open_journal() != 0 || start_engine() != 0 || event_add(input, NULL) != 0 ||
	    pl_bus_attach(host.bus, host.base, argv[1], host.engine) != 0) {
		fprintf(stderr, "cannot start\n");
		return 1;
	}
	event_base_dispatch(host.base);

	pl_bus_free(host.bus);
	pl_engine_free(host.engine);
	pl_journal_close(host.journal);
	if (NSS_IsInitialized())
		(void)NSS_Shutdown();
	event_free(input);
	event_free(host.tick);
	for (unsigned i = 0; i < host.nr_peers; i++)
		pl_identity_unref(host.peers[i].identity);
	pl_identity_pool_free(host.pool);
	pl_conf_clear(&host.conf);
	event_base_free(host.base);
	return 0;
}
