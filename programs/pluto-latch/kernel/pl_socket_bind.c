/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Before Linux 6.8 no list has TCP sockets that are bound and neither connected nor listening, and
 * none ever has those of SCTP. What they hold shows when somebody else wants it: bind() without
 * SO_REUSEADDR fails as long as any socket has the port on an overlapping address. Success is
 * certainty; failure may be due to a socket that nobody asked about.
 */

#include "kernel/pl_socket_bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t local_end(const struct pl_tuple *tuple, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (tuple->af == PL_AF_IP6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(tuple->local_port);
		memcpy(&in6->sin6_addr, tuple->local, 16);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(tuple->local_port);
	memcpy(&in->sin_addr, tuple->local, 4);
	return sizeof(*in);
}

/* The address may have left this host: the socket has not. */
static int bind_anyway(int fd, const struct pl_tuple *tuple)
{
	struct sockaddr_storage end;
	socklen_t size = local_end(tuple, &end);
	int on = 1, r;

	if (tuple->af == PL_AF_IP6) {
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		if (r == 0)
			r = setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	} else {
		r = setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	}
	if (r == 0)
		r = bind(fd, (struct sockaddr *)&end, size);
	return r == 0 ? 0 : -errno;
}

int pl_bind_probe(const struct pl_tuple *tuple, bool *ret)
{
	int fd = socket(tuple->af == PL_AF_IP6 ? AF_INET6 : AF_INET,
			(tuple->proto == PL_TUPLE_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
			tuple->proto);
	int r;

	if (fd < 0)
		return -errno;
	r = bind_anyway(fd, tuple);
	close(fd);
	if (r != 0 && r != -EADDRINUSE)
		return r;
	*ret = r == 0;
	return 0;
}
