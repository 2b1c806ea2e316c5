/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Is anything left that could send or receive packets of a tuple? The answer "gone" takes a flow
 * out of the guard, and what then comes or goes is not protected. So it is given only after every
 * place was looked at in which the kernel keeps a socket: listeners, connections with their SYNs
 * and their TIME_WAITs, both families, and sockets that are bound and not connected.
 *
 * Between two looks a socket can go from bound to connected and, when connect() fails, back to
 * bound: bound ones are looked at first and last.
 *
 * A socket that was latched before connect() and is not in any list may be bound still. From
 * Linux 6.8 those are listed, and the cookie decides. Before, pl_bind_probe() asks for the port:
 * when it is free nobody is left. When it is not, the holder may be somebody else who shares it,
 * and the flow stays guarded until they have left too: too long, never too short. A socket that was
 * seen connected is spared this, or else the connections of a server would stay as long as it
 * listens. One that disconnects (AF_UNSPEC) has ended its connection; that it is still bound is no
 * longer looked at before 6.8.
 *
 * The kernel leaves a list and comes back to its place by counting; with many sockets of equal
 * ports in one hash chain, one may be missed while others leave. TCP sockets that are not bound to
 * a device are found by their hash too, and first.
 */

#include "kernel/pl_socket_gone.h"

#include "kernel/pl_socket_bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct search {
	const struct pl_tuple *tuple;
	uint64_t cookie;
	uint32_t uid;
	struct pl_holders holders;
	pl_ask_see *see;
	bool (*fits)(const struct pl_inet_socket *socket, const struct search *search);
	bool is_found;
	struct pl_inet_socket found;
	pl_socket_see *visit;
	void *ctx;
};

static bool fits_tuple(const struct pl_inet_socket *socket, const struct search *search)
{
	return pl_inet_holds(socket, search->tuple);
}

static bool fits_cookie(const struct pl_inet_socket *socket, const struct search *search)
{
	return search->cookie != 0 && socket->cookie == search->cookie &&
	       socket->tuple.local_port == search->tuple->local_port;
}

static bool fits_either(const struct pl_inet_socket *socket, const struct search *search)
{
	return fits_tuple(socket, search) || fits_cookie(socket, search);
}

static bool fits_port(const struct pl_inet_socket *socket, const struct search *search)
{
	return fits_cookie(socket, search) ||
	       (socket->tuple.remote_port == 0 && pl_inet_overlaps(socket, search->tuple));
}

/* The one that was asked for, before any socket, before what is left of one. */
static int rank(const struct pl_inet_socket *socket, const struct search *search)
{
	return (search->cookie != 0 && socket->cookie == search->cookie) * 2 +
	       !socket->is_timewait;
}

static int see(void *ctx, const struct nlmsghdr *message)
{
	struct search *search = ctx;
	struct pl_inet_socket socket;
	int r = pl_inet_parse(message, search->tuple->proto, &socket);

	if (r != 0 || !search->fits(&socket, search))
		return r;
	if (!search->is_found || rank(&socket, search) > rank(&search->found, search))
		search->found = socket;
	search->is_found = true;
	return 0;
}

static int see_holder(void *ctx, const struct nlmsghdr *message)
{
	struct search *search = ctx;
	struct pl_inet_socket socket;
	int r = pl_inet_parse(message, search->tuple->proto, &socket);

	if (r != 0)
		return r;
	if (fits_cookie(&socket, search)) {
		search->holders.has_own = true;
		search->found = socket;
	} else if (!pl_inet_overlaps(&socket, search->tuple) || socket.is_timewait ||
		   !socket.is_owned) {
		return 0;
	} else if (socket.uid != search->uid) {
		search->holders.has_foreign = true;
	} else if (socket.tuple.remote_port == 0) {
		search->holders.has_mine = true;
	}
	return 0;
}

/* A packet of the connection finds it. Only TCP: UDP's lookup is another one. */
static int look_by_hash(struct pl_inet *inet, struct search *search)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	int r;

	if (search->tuple->proto != PL_TUPLE_TCP)
		return 0;
	r = pl_ask(inet->ask, pl_inet_build_get(buf, search->tuple), see, search);
	return r == -ENOENT ? 0 : r;
}

/* Lists of both families: a socket of AF_INET6 can have an IPv4 flow. */
static int look_in_lists(struct pl_inet *inet, struct search *search, uint16_t remote_port,
			 uint32_t states)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sizeof(families); i++)
		r = pl_ask(inet->ask,
			   pl_inet_build_dump(buf, families[i], search->tuple->proto,
					      search->tuple->local_port, remote_port, states),
			   search->see, search);
	/* Here it means that nobody makes the list. */
	return r == -ENOENT ? PL_E_UNSUPPORTED : r;
}

static int look_for_bound(struct pl_inet *inet, struct search *search)
{
	return look_in_lists(inet, search, 0, PL_INET_BOUND);
}

int pl_inet_find(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie,
		 struct pl_inet_socket *ret)
{
	struct search search = { .tuple = tuple, .cookie = cookie, .see = see,
				 .fits = fits_tuple };
	int r = look_by_hash(inet, &search);

	if (r == 0 && !search.is_found)
		r = look_in_lists(inet, &search, tuple->remote_port, PL_INET_ANY_STATE);
	if (r != 0)
		return r;
	if (!search.is_found)
		return PL_E_NOT_FOUND;
	*ret = search.found;
	return 0;
}

/* No list has it; could it be bound nevertheless? */
static int is_port_free(const struct pl_tuple *tuple, struct search *search)
{
	bool is_free;
	int r = pl_bind_probe(tuple, &is_free);

	if (r == 0 && !is_free)
		search->is_found = true;
	return r;
}

static int look_for_stream(struct pl_inet *inet, struct search *search)
{
	bool may_be_bound = search->cookie != 0 && !pl_seen_has(inet->seen, search->cookie);
	bool is_listed = inet->has_bound && search->tuple->proto == PL_TUPLE_TCP;
	struct pl_inet_socket found;
	int r = look_by_hash(inet, search);

	if (r == 0 && !search->is_found && may_be_bound && is_listed) {
		search->fits = fits_cookie;
		r = look_for_bound(inet, search);
		search->fits = fits_tuple;
	}
	if (r != 0 || search->is_found)
		return r;
	r = pl_inet_find(inet, search->tuple, search->cookie, &found);
	if (r == 0) {
		search->found = found;
		search->is_found = true;
	}
	if (r != PL_E_NOT_FOUND)
		return r;
	if (!may_be_bound)
		return 0;
	if (!is_listed)
		return is_port_free(search->tuple, search);
	search->fits = fits_cookie;
	return look_for_bound(inet, search);
}

/* The second list is of everybody on the port: a socket that is connected in between, or no longer,
 * stays in the chain that is read. */
static int look_for_datagram(struct pl_inet *inet, struct search *search)
{
	int r = look_in_lists(inet, search, search->tuple->remote_port, PL_INET_ANY_STATE);

	if (r != 0 || search->is_found || search->cookie == 0)
		return r;
	search->fits = fits_either;
	return look_in_lists(inet, search, 0, PL_INET_ANY_STATE);
}

static int look_for_listener(struct pl_inet *inet, struct search *search)
{
	bool is_listed = inet->has_bound && search->tuple->proto == PL_TUPLE_TCP;
	bool is_datagram = search->tuple->proto == PL_TUPLE_UDP;
	int r = 0;

	search->fits = fits_port;
	if (is_listed)
		r = look_for_bound(inet, search);
	if (r == 0 && !search->is_found)
		r = look_in_lists(inet, search, 0,
				  is_datagram ? PL_INET_ANY_STATE : PL_INET_LISTEN);
	if (r != 0 || search->is_found || is_datagram)
		return r;
	return is_listed ? look_for_bound(inet, search) : is_port_free(search->tuple, search);
}

int pl_inet_is_gone(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie, bool *ret)
{
	struct search search = { .tuple = tuple, .cookie = cookie, .see = see,
				 .fits = fits_tuple };
	int r;

	if (pl_tuple_is_listener(tuple))
		r = look_for_listener(inet, &search);
	else if (tuple->proto == PL_TUPLE_UDP)
		r = look_for_datagram(inet, &search);
	else
		r = look_for_stream(inet, &search);
	if (r != 0)
		return r;
	/* A socket that is only bound has no remote end, and was not connected by that. */
	if (search.is_found && search.found.tuple.remote_port != 0)
		pl_seen_put(inet->seen, search.found.cookie);
	if (!search.is_found)
		pl_seen_drop(inet->seen, cookie);
	*ret = !search.is_found;
	return 0;
}

/* A request (SYN_RECV) goes with its listener. */
static int see_came(void *ctx, const struct nlmsghdr *message)
{
	struct search *search = ctx;
	struct pl_inet_socket socket;
	int r = pl_inet_parse(message, search->tuple->proto, &socket);

	if (r != 0 || socket.is_timewait || socket.is_request || socket.tuple.remote_port == 0 ||
	    !pl_inet_overlaps(&socket, search->tuple))
		return r;
	return search->visit(search->ctx, &socket.tuple, socket.cookie);
}

int pl_inet_came(struct pl_inet *inet, const struct pl_tuple *tuple, pl_socket_see *visit,
		 void *ctx)
{
	struct search search = { .tuple = tuple, .see = see_came, .visit = visit, .ctx = ctx };

	return look_in_lists(inet, &search, 0, PL_INET_ANY_STATE);
}

/* Before 6.8: one that was seen listening is over when it does not listen any more; one that was
 * not may be bound. */
static int look_for_own(struct pl_inet *inet, struct search *search)
{
	bool is_free = true;
	int r = 0;

	if (search->holders.has_own && search->found.is_listening)
		pl_seen_put(inet->seen, search->cookie);
	else if (!search->holders.has_own && !pl_seen_has(inet->seen, search->cookie))
		r = pl_bind_probe(search->tuple, &is_free);
	if (!is_free)
		search->holders.has_own = true;
	return r;
}

int pl_inet_holders(struct pl_inet *inet, const struct pl_tuple *tuple, uint64_t cookie,
		    uint32_t uid, bool is_all, struct pl_holders *ret)
{
	struct search search = { .tuple = tuple, .cookie = cookie, .uid = uid, .see = see_holder };
	bool is_datagram = tuple->proto == PL_TUPLE_UDP;
	bool is_listed = inet->has_bound && tuple->proto == PL_TUPLE_TCP;
	int r = is_listed ? look_for_bound(inet, &search) : 0;

	if (r == 0)
		r = look_in_lists(inet, &search, 0,
				  is_all || is_datagram ? PL_INET_ANY_STATE : PL_INET_LISTEN);
	if (r == 0 && is_listed)
		r = look_for_bound(inet, &search);
	else if (r == 0 && !is_datagram)
		r = look_for_own(inet, &search);
	if (r == 0)
		*ret = search.holders;
	return r;
}

/* Binds a socket, and looks whether it is listed. */
int pl_inet_has_bound(struct pl_ask *ask, bool *ret)
{
	struct sockaddr_in end = { .sin_family = AF_INET };
	struct pl_tuple tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP };
	struct search search = { .tuple = &tuple, .see = see, .fits = fits_cookie };
	struct pl_inet inet = { .ask = ask };
	socklen_t size = sizeof(end), cookie_size = sizeof(search.cookie);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), r = 0;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&end, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&end, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &search.cookie, &cookie_size) < 0)
		r = -errno;
	tuple.local_port = ntohs(end.sin_port);
	if (r == 0)
		r = look_for_bound(&inet, &search);
	close(fd);
	if (r != 0)
		return r > 0 ? -EPROTONOSUPPORT : r;
	*ret = search.is_found;
	return 0;
}
