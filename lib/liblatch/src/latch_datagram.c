/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Datagrams of a UDP socket that stays unconnected, and their tags (RFC 5660 section 5.3).
 *
 * Received, the tag is the latch of the datagram's flow (U10); the kernel says all of the flow, and
 * the daemon which latch that is. To be sent, source and destination must be those of the latch
 * that the program names (U9). The kernel's guard enforces both whatever is done here; what it
 * cannot do is tell a program which of its peers a datagram is from.
 *
 * Invariant: what is handed out came under the latch whose id is given. A datagram in the queue
 * does not say by which SA it came. But the daemon gives no flow of the socket to another peer
 * before two minutes without a packet of the first one have gone by; so what has waited for longer
 * than one is thrown away. Nor is what came before the session was opened handed out: the daemon
 * may have been another one.
 */

#include "latch_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* What a datagram may wait; and how often the daemon is asked about a flow that has no latch. */
static const int64_t WAITED_MAX_NS = INT64_C(60000000000);
static const uint64_t ASK_AGAIN_NS = UINT64_C(1000000000);

/* The clock of the kernel's time stamps may be set at any time. */
static const int64_t CLOCK_STEP_NS = INT64_C(1000000000);

/* Room for the messages that were asked for here, beside those of the program. */
enum { CONTROL_MAX = 512 };

struct flow {
	union latch_address local, remote;	/* of the family of the socket */
};

union control {
	struct cmsghdr align;
	uint8_t bytes[CONTROL_MAX];
};

static int check_protocol(int fd)
{
	int protocol;

	if (latch_option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) != 0)
		return LATCH_ERR_SYSTEM;
	return protocol == IPPROTO_UDP ? 0 : LATCH_ERR_NOT_INTERNET;
}

static int make_key(int fd, const struct flow *flow, struct latch_tag_key *ret)
{
	union latch_address ends[2] = { flow->local, flow->remote };
	uint8_t *to[2] = { ret->local, ret->remote };
	socklen_t len = sizeof(ret->cookie);

	memset(ret, 0, sizeof(*ret));
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret->cookie, &len) != 0)
		return LATCH_ERR_SYSTEM;
	for (int i = 0; i < 2; i++) {
		latch_address_unmap(&ends[i]);
		if (ends[i].any.sa_family == AF_INET)
			memcpy(to[i], &ends[i].in.sin_addr, sizeof(ends[i].in.sin_addr));
		else
			memcpy(to[i], &ends[i].in6.sin6_addr, sizeof(ends[i].in6.sin6_addr));
	}
	ret->family = ends[1].any.sa_family;
	ret->local_port = latch_address_port(&ends[0]);
	ret->remote_port = latch_address_port(&ends[1]);
	return 0;
}

/* Asks the daemon, and keeps what it says. */
static int ask_for_tag(struct latch *latch, int fd, const struct flow *flow, const char *how,
		       const struct latch_request *request, struct latch_tag *ret)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	const struct latch_flow_ask ask = {
		.how = how, .local = latch_address_text(&flow->local, local),
		.remote = latch_address_text(&flow->remote, remote),
		.port = latch_address_port(&flow->remote),
	};
	struct latch_flow_answer answer;
	struct latch_tag tag = { .state = LATCH_STATE_NONE };
	int r = make_key(fd, flow, &tag.key);

	if (r != 0)
		return r;
	tag.error = latch_call_flow(latch, fd, &ask, request, &answer);
	tag.asked_ns = latch_tags_now_ns();
	if (tag.error == 0) {
		tag.id = answer.id;
		tag.state = answer.state;
		tag.generation = answer.generation;
	}
	*ret = *latch_tags_put(latch->tags, &tag);
	return tag.error;
}

static int error_of(const struct latch_tag *tag)
{
	switch (tag->state) {
	case LATCH_STATE_ESTABLISHED:
		return 0;
	case LATCH_STATE_BROKEN:
		return LATCH_ERR_BROKEN;
	case LATCH_STATE_CLOSED:
		return LATCH_ERR_CLOSED;
	default:
		return LATCH_ERR_WRONG_STATE;
	}
}

/* Output */

int latch_flow(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
	       const struct latch_request *request, uint64_t *ret_id)
{
	struct latch_request checked;
	struct sockaddr_storage source;
	struct latch_tag tag;
	struct flow flow;
	int r;

	if (latch == NULL || ret_id == NULL)
		return LATCH_ERR_ARGUMENT;
	r = latch_request_check(request, &checked);
	/* The socket serves others, too: it is not for datagrams in clear. */
	if (r == 0 && checked.prefer)
		r = LATCH_ERR_ARGUMENT;
	if (r == 0)
		r = latch_address_remote(fd, to, to_len, &flow.remote);
	if (r == 0)
		r = latch_address_local(fd, &flow.local);
	if (r == 0 && latch_address_port(&flow.local) == 0)
		r = LATCH_ERR_NOT_CONNECTED;
	if (r == 0)
		r = latch_tags_make(latch);
	if (r == 0 && latch_address_is_any(&flow.local)) {
		uint16_t port = latch_address_port(&flow.local);

		r = latch_route_source(fd, to, &source);
		if (r == 0)
			memcpy(&flow.local, &source, sizeof(flow.local));
		latch_address_set_port(&flow.local, port);
	}
	if (r == 0)
		r = ask_for_tag(latch, fd, &flow, "out", request, &tag);
	if (r == 0)
		*ret_id = tag.id;
	return r;
}

static bool is_end(const union latch_address *address, const uint8_t bytes[16], uint16_t port)
{
	union latch_address end = *address;

	latch_address_unmap(&end);
	if (latch_address_port(&end) != port)
		return false;
	return end.any.sa_family == AF_INET ?
	       memcmp(&end.in.sin_addr, bytes, sizeof(end.in.sin_addr)) == 0 :
	       memcmp(&end.in6.sin6_addr, bytes, sizeof(end.in6.sin6_addr)) == 0;
}

/* The bytes of an end, in the family of the socket, where an IPv4 end is mapped. */
static void set_end(union latch_address *to, int family, const struct latch_tag_key *key,
		    const uint8_t bytes[16], uint16_t port)
{
	memset(to, 0, sizeof(*to));
	to->any.sa_family = (sa_family_t)family;
	latch_address_set_port(to, port);
	if (family == AF_INET) {
		memcpy(&to->in.sin_addr, bytes, sizeof(to->in.sin_addr));
	} else if (key->family == AF_INET6) {
		memcpy(&to->in6.sin6_addr, bytes, sizeof(to->in6.sin6_addr));
	} else {
		memset(to->in6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(to->in6.sin6_addr.s6_addr + 12, bytes, 4);
	}
}

static bool take_end(const char *text, const char *port, uint8_t ret[16], uint16_t *ret_family,
		     uint16_t *ret_port)
{
	if (text == NULL || port == NULL)
		return false;
	*ret_port = (uint16_t)strtoul(port, NULL, 10);
	*ret_family = strchr(text, ':') == NULL ? AF_INET : AF_INET6;
	return inet_pton(*ret_family, text, ret) == 1;
}

/* A latch that this handle has no tag of: of another session, or forgotten. It is not kept as one:
 * perhaps somebody else gets its records. */
static int inquire(struct latch *latch, int fd, uint64_t id, struct latch_tag *ret)
{
	struct latch_tag tag = { .id = id };
	struct latch_tag_key *key = &tag.key;
	socklen_t len = sizeof(key->cookie);
	const char *protocol, *generation;
	struct latch_info *info;
	uint16_t family = 0;
	int r = latch_inquire(latch, id, &info);

	if (r != 0)
		return r;
	protocol = latch_info_text(info, "protocol");
	generation = latch_info_text(info, "generation");
	if (protocol == NULL || strcmp(protocol, "udp") != 0 ||
	    !take_end(latch_info_text(info, "local_address"), latch_info_text(info, "local_port"),
		      key->local, &family, &key->local_port) ||
	    !take_end(latch_info_text(info, "remote_address"), latch_info_text(info, "remote_port"),
		      key->remote, &key->family, &key->remote_port))
		r = LATCH_ERR_WRONG_FLOW;
	tag.state = latch_info_state(info);
	tag.generation = generation == NULL ? 0 : strtoull(generation, NULL, 10);
	latch_info_free(info);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &key->cookie, &len) != 0)
		r = LATCH_ERR_SYSTEM;
	if (r == 0)
		*ret = tag;
	return r;
}

/* Return: 0; LATCH_ERR_WRONG_FLOW unless the latch is about a flow of this socket */
static int judge_socket(const struct latch_tag_key *key, const union latch_address *bound)
{
	union latch_address local = *bound;

	latch_address_unmap(&local);
	if (key->family == AF_INET6 && local.any.sa_family == AF_INET)
		return LATCH_ERR_WRONG_FLOW;
	if (latch_address_is_any(bound))
		return latch_address_port(bound) == key->local_port ? 0 : LATCH_ERR_WRONG_FLOW;
	return is_end(bound, key->local, key->local_port) ? 0 : LATCH_ERR_WRONG_FLOW;
}

/* The message that says from which address; another one of the program's must agree. */
static int judge_source(const struct cmsghdr *c, const struct latch_tag_key *key, bool *ret_is_it)
{
	union latch_address source = { .any.sa_family = AF_INET };
	struct in6_pktinfo info6;
	struct in_pktinfo info;

	*ret_is_it = true;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
	    c->cmsg_len == CMSG_LEN(sizeof(info))) {
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		source.in.sin_addr = info.ipi_spec_dst;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
		   c->cmsg_len == CMSG_LEN(sizeof(info6))) {
		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		source.in6.sin6_family = AF_INET6;
		source.in6.sin6_addr = info6.ipi6_addr;
	} else {
		*ret_is_it = false;
		return 0;
	}
	latch_address_set_port(&source, key->local_port);
	/* No address is any. */
	return latch_address_is_any(&source) || is_end(&source, key->local, key->local_port) ?
	       0 : LATCH_ERR_WRONG_FLOW;
}

static bool is_route(const struct cmsghdr *c)
{
	if (c->cmsg_level == IPPROTO_IP)
		return c->cmsg_type == IP_RETOPTS;
	if (c->cmsg_level != IPPROTO_IPV6)
		return false;
	switch (c->cmsg_type) {
	case IPV6_RTHDR:
	case IPV6_HOPOPTS:
	case IPV6_DSTOPTS:
	case IPV6_RTHDRDSTOPTS:
		return true;
	}
	return false;
}

static struct cmsghdr *next_room(struct msghdr *message, size_t used, size_t len)
{
	if (used + CMSG_SPACE(len) > CONTROL_MAX)
		return NULL;
	message->msg_controllen = used + CMSG_SPACE(len);
	return (struct cmsghdr *)((uint8_t *)message->msg_control + used);
}

static void put_control(struct cmsghdr *to, int level, int type, const void *data, size_t len)
{
	to->cmsg_level = level;
	to->cmsg_type = type;
	to->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(to), data, len);
}

/* Where the datagram leaves from, as the kernel wants it. */
static int put_source(struct msghdr *message, size_t used, int family,
		      const struct latch_tag_key *key)
{
	struct in6_pktinfo info6 = { .ipi6_ifindex = 0 };
	struct in_pktinfo info = { .ipi_ifindex = 0 };
	union latch_address source;
	struct cmsghdr *to = next_room(message, used,
				       family == AF_INET ? sizeof(info) : sizeof(info6));

	if (to == NULL)
		return LATCH_ERR_ARGUMENT;
	set_end(&source, family, key, key->local, key->local_port);
	if (family == AF_INET) {
		info.ipi_spec_dst = source.in.sin_addr;
		put_control(to, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		info6.ipi6_addr = source.in6.sin6_addr;
		put_control(to, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
	return 0;
}

/* The program's control messages but for the source, then the source of the latch. */
static int make_control(const struct msghdr *from, int family, const struct latch_tag_key *key,
			struct msghdr *to)
{
	struct msghdr walk = *from;
	size_t used = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&walk); c != NULL; c = CMSG_NXTHDR(&walk, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);
		struct cmsghdr *room;
		bool is_source;
		int r;

		if (c->cmsg_len < CMSG_LEN(0))
			return LATCH_ERR_ARGUMENT;
		r = is_route(c) ? LATCH_ERR_SOURCE_ROUTED : judge_source(c, key, &is_source);
		if (r != 0)
			return r;
		if (is_source)
			continue;
		room = next_room(to, used, len);
		if (room == NULL)
			return LATCH_ERR_ARGUMENT;
		put_control(room, c->cmsg_level, c->cmsg_type, CMSG_DATA(c), len);
		used += CMSG_SPACE(len);
	}
	return put_source(to, used, family, key);
}

static int find_by_id(struct latch *latch, int fd, uint64_t id, struct latch_tag *ret)
{
	const struct latch_tag *tag;
	int r = latch_tags_make(latch);

	if (r == 0)
		r = latch_session_refresh(latch);
	if (r != 0)
		return r;
	tag = latch_tags_find_id(latch->tags, id);
	if (tag == NULL)
		return inquire(latch, fd, id, ret);
	*ret = *tag;
	return 0;
}

/* U9 */
static int judge_output(const struct latch_tag *tag, const union latch_address *bound,
			const struct msghdr *message)
{
	socklen_t len = latch_address_len(bound);
	union latch_address to;
	int r = judge_socket(&tag->key, bound);

	if (r != 0)
		return r;
	if (message->msg_name == NULL)
		return error_of(tag);
	if (message->msg_namelen < len)
		return LATCH_ERR_ARGUMENT;
	memset(&to, 0, sizeof(to));
	memcpy(&to, message->msg_name, len);
	if (to.any.sa_family != bound->any.sa_family)
		return LATCH_ERR_ARGUMENT;
	if (!is_end(&to, tag->key.remote, tag->key.remote_port))
		return LATCH_ERR_WRONG_FLOW;
	return error_of(tag);
}

/* The guard said no: the break may have come after the last look. */
static int refused(struct latch *latch, uint64_t id)
{
	const struct latch_tag *tag;
	int r = errno == EPERM ? latch_session_refresh(latch) : 0;

	if (r != 0)
		return r;
	tag = errno == EPERM ? latch_tags_find_id(latch->tags, id) : NULL;
	r = tag == NULL ? 0 : error_of(tag);
	return r == 0 ? LATCH_ERR_SYSTEM : r;
}

int latch_sendmsg(struct latch *latch, int fd, uint64_t id, const struct msghdr *message,
		  int flags, size_t *ret_len)
{
	union control control = { .bytes = { 0 } };
	struct msghdr mine = { .msg_control = &control };
	union latch_address bound, to;
	struct latch_tag tag;
	ssize_t len;
	int r;

	if (latch == NULL || message == NULL || ret_len == NULL)
		return LATCH_ERR_ARGUMENT;
	r = check_protocol(fd);
	if (r == 0)
		r = latch_address_local(fd, &bound);
	if (r == 0)
		r = find_by_id(latch, fd, id, &tag);
	if (r == 0)
		r = judge_output(&tag, &bound, message);
	if (r == 0)
		r = make_control(message, bound.any.sa_family, &tag.key, &mine);
	if (r != 0)
		return r;
	set_end(&to, bound.any.sa_family, &tag.key, tag.key.remote, tag.key.remote_port);
	mine.msg_name = &to;
	mine.msg_namelen = latch_address_len(&to);
	mine.msg_iov = message->msg_iov;
	mine.msg_iovlen = message->msg_iovlen;
	len = sendmsg(fd, &mine, flags | MSG_NOSIGNAL);
	if (len < 0)
		return refused(latch, id);
	*ret_len = (size_t)len;
	return 0;
}

/* Input */

/* What the kernel says beside a datagram.
 * @local:   the address that it came to
 * @came_ns: CLOCK_REALTIME */
struct arrival {
	bool has_local, has_time;
	union latch_address local;
	int64_t came_ns;
};

static void note_control(const struct cmsghdr *c, struct arrival *arrival)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info;
	struct timespec came;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		arrival->local.in.sin_family = AF_INET;
		arrival->local.in.sin_addr = info.ipi_addr;
		arrival->has_local = true;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		arrival->local.in6.sin6_family = AF_INET6;
		arrival->local.in6.sin6_addr = info6.ipi6_addr;
		arrival->has_local = true;
	} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&came, CMSG_DATA(c), sizeof(came));
		arrival->came_ns = came.tv_sec * INT64_C(1000000000) + came.tv_nsec;
		arrival->has_time = true;
	}
}

/* Copies to the program what there is room for. */
static void copy_control(struct msghdr *from, struct msghdr *to)
{
	size_t room = to->msg_controllen, used = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(from); c != NULL; c = CMSG_NXTHDR(from, c)) {
		size_t space = CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));

		if (to->msg_control == NULL)
			continue;
		if (used + space > room) {
			to->msg_flags |= MSG_CTRUNC;
			continue;
		}
		memcpy((uint8_t *)to->msg_control + used, c, c->cmsg_len);
		used += space;
	}
	to->msg_controllen = used;
}

/* Return: 0; LATCH_ERR_WRONG_STATE when the socket was not made ready by latch_listen();
 * LATCH_ERR_TIMEOUT */
static int judge_arrival(const struct latch *latch, struct msghdr *message,
			 struct arrival *arrival)
{
	int64_t waited, max = (int64_t)(latch_tags_now_ns() - latch->opened_ns);
	struct timespec now;

	memset(arrival, 0, sizeof(*arrival));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		note_control(c, arrival);
	if (!arrival->has_local || !arrival->has_time || message->msg_flags & MSG_CTRUNC)
		return LATCH_ERR_WRONG_STATE;
	clock_gettime(CLOCK_REALTIME, &now);
	waited = now.tv_sec * INT64_C(1000000000) + now.tv_nsec - arrival->came_ns;
	if (max > WAITED_MAX_NS)
		max = WAITED_MAX_NS;
	return waited < -CLOCK_STEP_NS || waited > max ? LATCH_ERR_TIMEOUT : 0;
}

static bool is_outdated(const struct latch_tag *tag)
{
	bool is_over = tag->error != 0 || tag->state == LATCH_STATE_CLOSED;

	return is_over && latch_tags_now_ns() - tag->asked_ns >= ASK_AGAIN_NS;
}

/* U10 */
static int find_by_flow(struct latch *latch, int fd, const struct flow *flow,
			struct latch_tag *ret)
{
	const struct latch_tag *known;
	struct latch_tag_key key;
	int r = latch_session_refresh(latch);

	if (r == 0)
		r = make_key(fd, flow, &key);
	if (r != 0)
		return r;
	known = latch_tags_find(latch->tags, &key);
	if (known == NULL || is_outdated(known))
		return ask_for_tag(latch, fd, flow, "in", NULL, ret);
	*ret = *known;
	return known->error;
}

/* What nobody may have. */
static void wipe(const struct msghdr *message, size_t len)
{
	for (size_t i = 0; i < message->msg_iovlen && len > 0; i++) {
		size_t part = message->msg_iov[i].iov_len < len ? message->msg_iov[i].iov_len : len;

		memset(message->msg_iov[i].iov_base, 0, part);
		len -= part;
	}
}

static int find_tag(struct latch *latch, int fd, const struct arrival *arrival,
		    const union latch_address *from, struct latch_tag *ret)
{
	struct flow flow = { .local = arrival->local, .remote = *from };
	union latch_address bound;
	int r = latch_address_local(fd, &bound);

	if (r != 0)
		return r;
	if (from->any.sa_family != flow.local.any.sa_family)
		return LATCH_ERR_WRONG_STATE;
	latch_address_set_port(&flow.local, latch_address_port(&bound));
	r = find_by_flow(latch, fd, &flow, ret);
	return r == 0 ? error_of(ret) : r;
}

static void hand_out(struct msghdr *from, struct msghdr *to)
{
	const union latch_address *name = from->msg_name;
	socklen_t len = latch_address_len(name);

	if (to->msg_name != NULL)
		memcpy(to->msg_name, name, len < to->msg_namelen ? len : to->msg_namelen);
	to->msg_namelen = len;
	to->msg_flags = from->msg_flags;
	copy_control(from, to);
}

int latch_recvmsg(struct latch *latch, int fd, struct msghdr *message, int flags,
		  size_t *ret_len, uint64_t *ret_id)
{
	union control control;
	union latch_address from = { .any.sa_family = AF_UNSPEC };
	struct msghdr mine = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct arrival arrival;
	struct latch_tag tag;
	ssize_t len;
	int r;

	if (latch == NULL || message == NULL || ret_len == NULL || ret_id == NULL ||
	    (flags & (MSG_PEEK | MSG_ERRQUEUE)) != 0)
		return LATCH_ERR_ARGUMENT;
	r = check_protocol(fd);
	if (r == 0)
		r = latch_tags_make(latch);
	if (r != 0)
		return r;
	mine.msg_iov = message->msg_iov;
	mine.msg_iovlen = message->msg_iovlen;
	len = recvmsg(fd, &mine, flags);
	if (len < 0)
		return LATCH_ERR_SYSTEM;
	r = judge_arrival(latch, &mine, &arrival);
	if (r == 0)
		r = find_tag(latch, fd, &arrival, &from, &tag);
	if (r != 0) {
		wipe(message, (size_t)len);
		return r;
	}
	hand_out(&mine, message);
	*ret_len = (size_t)len;
	*ret_id = tag.id;
	return 0;
}
