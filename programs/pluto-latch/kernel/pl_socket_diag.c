/* SPDX-License-Identifier: GPL-2.0-or-later */

/* struct pl_socket_ops on Linux: what is known of a socket and of the way of its packets (read),
 * its end (dispose), and whether anything of it is left (is_gone).
 *
 * Three netlink sockets ask sock_diag, rtnetlink and conntrack. The kernel answers each question
 * while it is asked; nobody else is waited for.
 */

#include "kernel/pl_socket_diag.h"

#include "kernel/pl_conntrack.h"
#include "kernel/pl_route.h"
#include "kernel/pl_socket_ask.h"
#include "kernel/pl_socket_ends.h"
#include "kernel/pl_socket_gone.h"
#include "kernel/pl_socket_inet.h"
#include "kernel/pl_socket_read.h"
#include "kernel/pl_socket_seen.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

struct pl_diag {
	struct pl_ask sockets, routes, conntrack;
	struct pl_seen *seen;
	struct pl_inet inet;
	uint64_t netns;
};

static int open_sockets(struct pl_diag *diag)
{
	int r = pl_ask_open(NETLINK_SOCK_DIAG, &diag->sockets);

	if (r == 0)
		r = pl_ask_open(NETLINK_ROUTE, &diag->routes);
	if (r == 0)
		r = pl_ask_open(NETLINK_NETFILTER, &diag->conntrack);
	/* Whether that matters is seen when conntrack is asked. */
	if (r == -EPROTONOSUPPORT && diag->routes.socket != NULL)
		r = 0;
	if (r == 0)
		r = pl_socket_netns(mnl_socket_get_fd(diag->routes.socket), &diag->netns);
	return r > 0 ? -EPROTONOSUPPORT : r;
}

int pl_diag_open(struct pl_diag **ret)
{
	struct pl_diag *diag = calloc(1, sizeof(*diag));
	int r;

	if (diag == NULL)
		return -ENOMEM;
	diag->seen = pl_seen_new();
	diag->inet.ask = &diag->sockets;
	diag->inet.seen = diag->seen;
	r = diag->seen == NULL ? -ENOMEM : open_sockets(diag);
	if (r == 0)
		r = pl_inet_has_bound(&diag->sockets, &diag->inet.has_bound);
	if (r != 0) {
		pl_diag_close(diag);
		return r;
	}
	*ret = diag;
	return 0;
}

struct pl_diag *pl_diag_close(struct pl_diag *diag)
{
	if (diag == NULL)
		return NULL;
	pl_ask_close(&diag->sockets);
	pl_ask_close(&diag->routes);
	pl_ask_close(&diag->conntrack);
	pl_seen_free(diag->seen);
	free(diag);
	return NULL;
}

static void unmap(uint8_t address[16])
{
	memmove(address, address + 12, 4);
	memset(address + 4, 0, 12);
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t zero[16], mapped[16] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, zero, sizeof(zero)) == 0 ||
	       memcmp(address, mapped, sizeof(mapped)) == 0;
}

/* The flow whose way is asked for: of the socket, or to where it will be connected. One that cannot
 * be latched anyway (loopback, say) has a way all the same. */
static void make_flow(const struct pl_tuple *tuple, const struct pl_tuple *to, struct pl_tuple *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct pl_tuple flow = *tuple;

	if (to != NULL) {
		flow.remote_port = to->remote_port;
		memcpy(flow.remote, to->remote, sizeof(flow.remote));
		if (is_any(flow.local))
			memcpy(flow.local, to->local, sizeof(flow.local));
	}
	if (to != NULL && to->af == PL_AF_IP4) {
		memset(flow.remote, 0, sizeof(flow.remote));
		memcpy(flow.remote, to->remote, 4);
	}
	/* An address of IPv4 is the way of IPv4, however the socket writes it. */
	if (tuple->af == PL_AF_IP6 &&
	    ((to != NULL && to->af == PL_AF_IP4) || memcmp(flow.remote, mapped, 12) == 0)) {
		if (memcmp(flow.remote, mapped, 12) == 0)
			unmap(flow.remote);
		if (memcmp(flow.local, mapped, 12) == 0)
			unmap(flow.local);
		flow.af = PL_AF_IP4;
	}
	*ret = flow;
}

/* Somebody says that this is the local end. */
static int read_local_end(struct pl_diag *diag, const struct pl_socket_way *way,
			  const struct pl_tuple *flow, struct pl_socket_facts *facts)
{
	struct pl_route_query query = { .tuple = *flow, .uid = way->uid };
	struct pl_route_way found;
	int r;

	memcpy(query.tuple.remote, flow->local, sizeof(query.tuple.remote));
	memset(query.tuple.local, 0, sizeof(query.tuple.local));
	r = pl_route_way(&diag->routes, &query, &found);
	/* It leads nowhere: whose address it is matters no more. */
	facts->is_elsewhere = r != 0 || !found.is_peer_local;
	return r == -ENETUNREACH || r == -EHOSTUNREACH ? 0 : r;
}

static int read_path(struct pl_diag *diag, const struct pl_socket_way *way,
		     const struct pl_tuple *flow, struct pl_socket_facts *facts)
{
	struct pl_route_query query = { .tuple = *flow, .device = way->device, .mark = way->mark,
					.uid = way->uid, .tos = way->tos };
	struct pl_route_way found;
	int r = pl_route_way(&diag->routes, &query, &found);

	if (r != 0)
		return r;
	facts->is_virtual = found.is_virtual;
	facts->is_peer_local = found.is_peer_local;
	facts->is_encapsulated = facts->is_encapsulated || found.is_encapsulated;
	if (flow->remote_port == 0 || is_any(flow->local))
		return 0;
	return pl_conntrack_is_translated(&diag->conntrack, flow, &facts->is_translated);
}

/* Which of the addresses of this end packets leave from; the kernel asks the same. Without an
 * answer it stays as it was read: the guard drops what goes another way. */
static int choose_local(struct pl_diag *diag, const struct pl_socket_way *way,
			const struct pl_tuple *to, struct pl_tuple *tuple)
{
	struct pl_route_query query = { .device = way->device, .mark = way->mark, .uid = way->uid,
					.tos = way->tos };
	uint8_t source[16] = { [10] = 0xff, [11] = 0xff };
	struct pl_route_way found;
	int r;

	make_flow(tuple, to, &query.tuple);
	memset(query.tuple.local, 0, sizeof(query.tuple.local));
	if (way->nr_local < 2 || query.tuple.remote_port == 0)
		return 0;
	r = pl_route_way(&diag->routes, &query, &found);
	if (r != 0)
		return r;
	if (query.tuple.af == tuple->af)
		memcpy(source, found.source, sizeof(source));
	else
		memcpy(source + 12, found.source, 4);
	for (unsigned i = 0; i < way->nr_local; i++) {
		if (way->local[i].af == tuple->af &&
		    memcmp(way->local[i].bytes, source, sizeof(source)) == 0)
			memcpy(tuple->local, source, sizeof(tuple->local));
	}
	return 0;
}

/* The lists know the TCP socket that carries what was MPTCP once, and its cookie is another. */
static int find_cookie(struct pl_diag *diag, int fd, const struct pl_tuple *flow, uint64_t *cookie)
{
	struct pl_inet_socket found;
	bool is_mptcp;
	int r = pl_socket_is_mptcp(fd, &is_mptcp);

	if (r != 0 || !is_mptcp)
		return r;
	r = pl_inet_find(&diag->inet, flow, 0, &found);
	if (r == PL_E_NOT_FOUND || (r == 0 && found.is_timewait))
		return PL_E_SOCKET_CHANGED;
	if (r == 0)
		*cookie = found.cookie;
	return r;
}

static int op_read(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret)
{
	struct pl_diag *diag = ctx;
	struct pl_socket_facts facts;
	struct pl_socket_way way;
	struct pl_tuple flow;
	int r = pl_socket_read(fd, diag->netns, &facts, &way);

	if (r == 0)
		r = choose_local(diag, &way, facts.is_connected ? NULL : to, &facts.tuple);
	if (r == 0 && facts.is_here && facts.is_internet && !facts.is_mptcp) {
		make_flow(&facts.tuple, facts.is_connected ? NULL : to, &flow);
		r = 0;
		if (is_any(facts.tuple.local) && !is_any(flow.local))
			r = read_local_end(diag, &way, &flow, &facts);
		if (r == 0 && !facts.is_elsewhere)
			r = read_path(diag, &way, &flow, &facts);
		if (r == 0 && facts.is_connected)
			r = find_cookie(diag, fd, &flow, &facts.cookie);
		if (r == 0 && facts.is_connected)
			pl_seen_put(diag->seen, facts.cookie);
	}
	if (r == 0)
		*ret = facts;
	return r;
}

static int destroy(struct pl_diag *diag, const struct pl_inet_socket *what)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	int r = pl_ask(&diag->sockets, pl_inet_build_destroy(buf, what), NULL, NULL);

	return r == -EOPNOTSUPP ? PL_E_UNSUPPORTED : r;
}

/* A program whose connection is "unreachable" is to hear an error at once and to be free to try
 * another path. The kernel has no way to put a soft error on somebody's socket: what exists is
 * SOCK_DESTROY, whose error (ECONNABORTED) is not soft. It is taken for both: a connection that
 * ended too surely harms less than a program that waits on. Of SCTP nothing can be ended so.
 *
 * UDP's socket is disconnected by it, not closed: after the error it can receive from others on a
 * port that it bound. Nothing of the latched tuple, which the guard drops; but a program that did
 * not choose this should not get it, and by default UDP waits (design D9). */
static int op_dispose(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
		      enum pl_disposition disposition)
{
	struct pl_diag *diag = ctx;
	struct pl_inet_socket found;
	int r;

	if (disposition != PL_DISPOSITION_RESET && disposition != PL_DISPOSITION_UNREACHABLE)
		return PL_E_UNSUPPORTED;
	if (tuple->proto == PL_TUPLE_SCTP || pl_tuple_is_listener(tuple))
		return PL_E_UNSUPPORTED;
	r = pl_inet_find(&diag->inet, tuple, cookie, &found);
	if (r != 0)
		return r;
	if (found.is_timewait || (cookie != 0 && found.cookie != cookie))
		return PL_E_NOT_FOUND;
	r = destroy(diag, &found);
	/* It may have ended by itself meanwhile. */
	if (r == -ENOENT) {
		r = pl_inet_find(&diag->inet, tuple, found.cookie, &found);
		r = r == 0 && !found.is_timewait ? -EBUSY : r == 0 ? PL_E_NOT_FOUND : r;
	}
	return r;
}

static int op_is_gone(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	struct pl_diag *diag = ctx;

	return pl_inet_is_gone(&diag->inet, tuple, cookie, ret);
}

static int op_holders(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
		      bool is_all, struct pl_holders *ret)
{
	struct pl_diag *diag = ctx;

	return pl_inet_holders(&diag->inet, tuple, cookie, uid, is_all, ret);
}

static int op_is_idle(void *ctx, const struct pl_tuple *tuple, bool *ret)
{
	struct pl_diag *diag = ctx;

	return pl_conntrack_is_idle(&diag->conntrack, tuple, ret);
}

static int op_came(void *ctx, const struct pl_tuple *tuple, pl_socket_see *see, void *see_ctx)
{
	struct pl_diag *diag = ctx;

	return pl_inet_came(&diag->inet, tuple, see, see_ctx);
}

static int op_ends(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, struct pl_ends *ret)
{
	struct pl_diag *diag = ctx;

	return pl_ends_find(&diag->sockets, tuple, cookie, ret);
}

const struct pl_socket_ops *pl_diag_operations(void)
{
	static const struct pl_socket_ops ops = {
		.read = op_read, .dispose = op_dispose, .is_gone = op_is_gone,
		.holders = op_holders, .is_idle = op_is_idle, .came = op_came,
		.ends = op_ends,
	};

	return &ops;
}
