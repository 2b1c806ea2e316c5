/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The addresses of an association of SCTP. Either end adds and deletes some while it lives (RFC
 * 5061), and the kernel tells nobody: sctp_diag is asked, which lists them as arrays of struct
 * sockaddr_storage.
 *
 * Invariant: an association without addresses at either end is no answer. Who believed it would
 * take pins away, or think that nothing is left to guard.
 */

#include "kernel/pl_socket_ends.h"

#include "kernel/pl_socket_inet.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static int take_address(const struct sockaddr_storage *from, struct pl_address *ret)
{
	struct pl_address address = { .af = PL_AF_NONE };
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (from->ss_family == AF_INET) {
		memcpy(&in, from, sizeof(in));
		address.af = PL_AF_IP4;
		memcpy(address.bytes, &in.sin_addr, sizeof(in.sin_addr));
	} else if (from->ss_family == AF_INET6) {
		memcpy(&in6, from, sizeof(in6));
		address.af = PL_AF_IP6;
		memcpy(address.bytes, &in6.sin6_addr, sizeof(in6.sin6_addr));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			address = (struct pl_address) { .af = PL_AF_IP4 };
			memcpy(address.bytes, &in6.sin6_addr.s6_addr[12], 4);
		}
	} else {
		return PL_E_MALFORMED;
	}
	*ret = address;
	return 0;
}

static int take_addresses(const struct nlattr *attr, struct pl_address ret[static PL_ENDS_MAX],
			  unsigned *ret_nr, bool *is_cut_too)
{
	size_t len = mnl_attr_get_payload_len(attr);
	const uint8_t *at = mnl_attr_get_payload(attr);
	struct sockaddr_storage address;
	int r = len % sizeof(address) == 0 && *ret_nr == 0 ? 0 : PL_E_MALFORMED;

	for (; r == 0 && len > 0; len -= sizeof(address), at += sizeof(address)) {
		if (*ret_nr == PL_ENDS_MAX) {
			*is_cut_too = true;
			return 0;
		}
		memcpy(&address, at, sizeof(address));
		r = take_address(&address, &ret[*ret_nr]);
		*ret_nr += r == 0;
	}
	return r;
}

int pl_ends_parse(const struct nlmsghdr *message, struct pl_ends *ret)
{
	struct pl_ends ends = { .nr_local = 0 };
	const struct nlattr *attr;
	struct inet_diag_msg msg;
	bool has_peers = false;
	int r = 0;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(msg)))
		return PL_E_MALFORMED;
	memcpy(&msg, mnl_nlmsg_get_payload(message), sizeof(msg));
	mnl_attr_for_each(attr, message, sizeof(msg)) {
		if (r == 0 && mnl_attr_get_type(attr) == INET_DIAG_LOCALS)
			r = take_addresses(attr, ends.local, &ends.nr_local, &ends.is_cut);
		if (r == 0 && mnl_attr_get_type(attr) == INET_DIAG_PEERS) {
			has_peers = true;
			r = take_addresses(attr, ends.remote, &ends.nr_remote, &ends.is_cut);
		}
	}
	/* A connected socket is listed twice: as itself, with the port of its peer, too. */
	if (r == 0 && !has_peers)
		return PL_E_NOT_FOUND;
	if (r == 0 && (ends.nr_local == 0 || ends.nr_remote == 0))
		r = PL_E_MALFORMED;
	if (r == 0)
		*ret = ends;
	return r;
}

static bool has(const struct pl_address *list, unsigned nr, uint8_t af, const uint8_t bytes[16])
{
	for (unsigned i = 0; i < nr; i++) {
		if (list[i].af == af && memcmp(list[i].bytes, bytes, 16) == 0)
			return true;
	}
	return false;
}

bool pl_ends_hold(const struct pl_ends *ends, const struct pl_tuple *tuple)
{
	return has(ends->local, ends->nr_local, tuple->af, tuple->local) &&
	       has(ends->remote, ends->nr_remote, tuple->af, tuple->remote);
}

struct search {
	const struct pl_tuple *tuple;
	uint64_t cookie;
	bool is_found;
	struct pl_ends found;
};

static int see(void *ctx, const struct nlmsghdr *message)
{
	struct search *search = ctx;
	struct pl_inet_socket socket;
	struct pl_ends ends;
	int r = pl_inet_parse(message, PL_TUPLE_SCTP, &socket);

	if (r != 0 || !pl_inet_holds(&socket, search->tuple) ||
	    (search->cookie != 0 && socket.cookie != search->cookie))
		return r;
	r = pl_ends_parse(message, &ends);
	if (r == PL_E_NOT_FOUND || (r == 0 && search->is_found &&
				    !pl_ends_hold(&ends, search->tuple)))
		return 0;
	if (r != 0)
		return r;
	ends.cookie = socket.cookie;
	search->found = ends;
	search->is_found = true;
	return 0;
}

int pl_ends_find(struct pl_ask *ask, const struct pl_tuple *tuple, uint64_t cookie,
		 struct pl_ends *ret)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct search search = { .tuple = tuple, .cookie = cookie };
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sizeof(families); i++)
		r = pl_ask(ask,
			   pl_inet_build_dump(buf, families[i], PL_TUPLE_SCTP, tuple->local_port,
					      tuple->remote_port, PL_INET_ANY_STATE),
			   see, &search);
	if (r == -ENOENT)
		return PL_E_UNSUPPORTED;
	if (r != 0)
		return r;
	if (!search.is_found)
		return PL_E_NOT_FOUND;
	*ret = search.found;
	return 0;
}
