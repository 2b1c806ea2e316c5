/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What nfnetlink_queue says of a packet that the guard holds, and whose it is.
 *
 * Invariant: pure, and reads nothing beyond what is there. A packet whose ends cannot be told for
 * sure has an error instead of them: nobody may take its guess for the tuple that the guard saw. So
 * headers of IPv6 that the kernel would look behind and that are not known here are errors.
 */

#include "kernel/pl_queue_decode.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static uint16_t read_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Of one end: where it is, and its port. */
struct end {
	const uint8_t *address, *port;
};

static void take_ends(const struct end *local, const struct end *remote, struct pl_tuple *ret)
{
	size_t size = pl_ts_size(ret->af);

	memcpy(ret->local, local->address, size);
	memcpy(ret->remote, remote->address, size);
	ret->local_port = read_u16(local->port);
	ret->remote_port = read_u16(remote->port);
}

static bool is_known(uint8_t proto)
{
	return proto == PL_TUPLE_TCP || proto == PL_TUPLE_UDP;
}

/* Where the ports are. */
static int find_ports4(const uint8_t *packet, size_t len, uint8_t *ret_proto, size_t *ret_at)
{
	size_t header;

	if (len < 20)
		return PL_E_MALFORMED;
	header = (size_t)(packet[0] & 0x0f) * 4;
	if (header < 20)
		return PL_E_MALFORMED;
	if (!is_known(packet[9]) || (read_u16(packet + 6) & 0x1fff) != 0)
		return PL_E_UNSUPPORTED;
	*ret_proto = packet[9];
	*ret_at = header;
	return 0;
}

/* Bytes of an extension header, or 0: none that is known. */
static size_t extension_len(uint8_t type, const uint8_t *at)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return ((size_t)at[1] + 1) * 8;
	case IPPROTO_FRAGMENT:
		return (read_u16(at + 2) & 0xfff8) == 0 ? 8 : 0;
	case IPPROTO_AH:
		return ((size_t)at[1] + 2) * 4;
	default:
		return 0;
	}
}

static int find_ports6(const uint8_t *packet, size_t len, uint8_t *ret_proto, size_t *ret_at)
{
	size_t at = 40;
	uint8_t type;

	if (len < at)
		return PL_E_MALFORMED;
	for (type = packet[6]; !is_known(type); ) {
		size_t size;

		if (len - at < 8)
			return PL_E_MALFORMED;
		size = extension_len(type, packet + at);
		if (size == 0)
			return PL_E_UNSUPPORTED;
		if (size > len - at)
			return PL_E_MALFORMED;
		type = packet[at];
		at += size;
	}
	*ret_proto = type;
	*ret_at = at;
	return 0;
}

int pl_queue_decode_packet(const uint8_t *packet, size_t len, enum pl_direction way,
			   struct pl_tuple *ret)
{
	struct pl_tuple tuple = { .af = PL_AF_NONE };
	struct end from, to;
	size_t at = 0;
	int r;

	if (len == 0)
		return PL_E_MALFORMED;
	tuple.af = packet[0] >> 4 == 4 ? PL_AF_IP4 : packet[0] >> 4 == 6 ? PL_AF_IP6 : PL_AF_NONE;
	if (tuple.af == PL_AF_NONE)
		return PL_E_UNSUPPORTED;
	r = tuple.af == PL_AF_IP4 ? find_ports4(packet, len, &tuple.proto, &at) :
				    find_ports6(packet, len, &tuple.proto, &at);
	if (r != 0)
		return r;
	if (len < at || len - at < 4)
		return PL_E_MALFORMED;
	from.address = packet + (tuple.af == PL_AF_IP4 ? 12 : 8);
	to.address = from.address + pl_ts_size(tuple.af);
	from.port = packet + at;
	to.port = from.port + 2;
	if (way == PL_DIR_OUT)
		take_ends(&from, &to, &tuple);
	else
		take_ends(&to, &from, &tuple);
	*ret = tuple;
	return 0;
}

static const uint16_t least[NFQA_MAX + 1] = {
	[NFQA_PACKET_HDR] = sizeof(struct nfqnl_msg_packet_hdr), [NFQA_PAYLOAD] = 1,
	[NFQA_UID] = sizeof(uint32_t),
};

/* The payload is last and not padded, and libmnl's loop reads up to the next multiple of four. */
static void read_attributes(const struct nlmsghdr *message,
			    const struct nlattr *ret[static NFQA_MAX + 1])
{
	const uint8_t *end = (const uint8_t *)message + message->nlmsg_len;
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));

	for (; end - (const uint8_t *)attr >= (ptrdiff_t)sizeof(*attr) &&
	       mnl_attr_ok(attr, (int)(end - (const uint8_t *)attr)); attr = mnl_attr_next(attr)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type <= NFQA_MAX && least[type] != 0 &&
		    mnl_attr_get_payload_len(attr) >= least[type])
			ret[type] = attr;
	}
}

static int way_of(uint8_t hook, enum pl_direction *ret)
{
	if (hook != NF_INET_LOCAL_IN && hook != NF_INET_LOCAL_OUT && hook != NF_INET_FORWARD)
		return PL_E_UNSUPPORTED;
	*ret = hook == NF_INET_LOCAL_IN ? PL_DIR_IN : PL_DIR_OUT;
	return 0;
}

int pl_queue_decode(const void *bytes, size_t len, struct pl_queued *ret)
{
	const struct nlmsghdr *message = bytes;
	const struct nlattr *attrs[NFQA_MAX + 1] = { NULL }, *payload;
	struct pl_queued queued = { .error = PL_E_MALFORMED };
	struct nfqnl_msg_packet_hdr packet;

	/* libmnl takes lengths for int */
	if (len < sizeof(*message) || message->nlmsg_len > len || len > INT32_MAX ||
	    message->nlmsg_len < sizeof(*message))
		return PL_E_MALFORMED;
	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return PL_E_NOT_FOUND;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return PL_E_MALFORMED;
	read_attributes(message, attrs);
	if (attrs[NFQA_PACKET_HDR] == NULL)
		return PL_E_MALFORMED;
	memcpy(&packet, mnl_attr_get_payload(attrs[NFQA_PACKET_HDR]), sizeof(packet));
	queued.id = ntohl(packet.packet_id);
	if (attrs[NFQA_UID] != NULL) {
		memcpy(&queued.uid, mnl_attr_get_payload(attrs[NFQA_UID]), sizeof(queued.uid));
		queued.uid = ntohl(queued.uid);
	}
	payload = attrs[NFQA_PAYLOAD];
	if (payload != NULL)
		queued.error = way_of(packet.hook, &queued.way);
	queued.is_forwarded = packet.hook == NF_INET_FORWARD;
	if (queued.error == 0)
		queued.error = pl_queue_decode_packet(mnl_attr_get_payload(payload),
						      mnl_attr_get_payload_len(payload),
						      queued.way, &queued.tuple);
	*ret = queued;
	return 0;
}
