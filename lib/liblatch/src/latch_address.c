/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ends of flows, as sockets and programs say them. */

#include "latch_impl.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

int latch_option(int fd, int level, int name, int *ret)
{
	socklen_t len = sizeof(*ret);

	*ret = 0;
	return getsockopt(fd, level, name, ret, &len);
}

static bool is_internet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

socklen_t latch_address_len(const union latch_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

uint16_t latch_address_port(const union latch_address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->in.sin_port :
		     address->in6.sin6_port);
}

void latch_address_set_port(union latch_address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->in.sin_port = htons(port);
	else
		address->in6.sin6_port = htons(port);
}

bool latch_address_is_any(const union latch_address *address)
{
	const struct in6_addr *in6 = &address->in6.sin6_addr;

	if (address->any.sa_family == AF_INET)
		return address->in.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(in6) ||
	       (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr32[3] == INADDR_ANY);
}

const char *latch_address_text(const union latch_address *address, char ret[INET6_ADDRSTRLEN])
{
	const void *bytes = address->any.sa_family == AF_INET ?
		(const void *)&address->in.sin_addr : &address->in6.sin6_addr;

	return inet_ntop(address->any.sa_family, bytes, ret, INET6_ADDRSTRLEN);
}

void latch_address_unmap(union latch_address *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	in.sin_port = address->in6.sin6_port;
	in.sin_addr.s_addr = address->in6.sin6_addr.s6_addr32[3];
	address->in = in;
}

int latch_address_local(int fd, union latch_address *ret)
{
	struct sockaddr_storage space = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(space);

	if (getsockname(fd, (struct sockaddr *)&space, &len) != 0)
		return LATCH_ERR_SYSTEM;
	if (!is_internet(space.ss_family))
		return LATCH_ERR_NOT_INTERNET;
	memcpy(ret, &space, sizeof(*ret));
	return 0;
}

int latch_address_remote(int fd, const struct sockaddr *to, socklen_t to_len,
			 union latch_address *ret)
{
	int family;

	if (to == NULL || to_len < sizeof(to->sa_family))
		return LATCH_ERR_ARGUMENT;
	if (!is_internet(to->sa_family))
		return LATCH_ERR_NOT_INTERNET;
	memset(ret, 0, sizeof(*ret));
	ret->any.sa_family = to->sa_family;
	if (to_len < latch_address_len(ret))
		return LATCH_ERR_ARGUMENT;
	memcpy(ret, to, latch_address_len(ret));
	if (latch_option(fd, SOL_SOCKET, SO_DOMAIN, &family) != 0)
		return LATCH_ERR_SYSTEM;
	if (!is_internet(family))
		return LATCH_ERR_NOT_INTERNET;
	/* connect() to no address is one to this host. */
	if (family != to->sa_family || latch_address_port(ret) == 0 || latch_address_is_any(ret))
		return LATCH_ERR_ARGUMENT;
	return 0;
}
