/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What nfnetlink_queue says of held packets (K12): each byte that is read, and none beyond. */

#include "kernel/pl_queue_decode.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t syn4[] = {
	0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
	0x0f, 0xa0, 0x80, 0x20,
};
static const uint8_t udp6[] = {
	0x60, 0, 0, 0, 0, 12, 17, 64,
	0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x0f, 0xa0, 0x80, 0x20,
};

/* Exactly so long, so that a sanitizer sees a byte too many. */
static int decode(const void *packet, size_t len, enum pl_direction way, struct pl_tuple *ret)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int r;

	if (len > 0)
		memcpy(copy, packet, len);
	r = pl_queue_decode_packet(copy, len, way, ret);
	free(copy);
	return r;
}

static void the_ends_are_seen_from_this_host_K12(void **state)
{
	struct pl_tuple out, in;

	(void)state;
	assert_int_equal(decode(syn4, sizeof(syn4), PL_DIR_OUT, &out), 0);
	assert_int_equal(out.af, PL_AF_IP4);
	assert_int_equal(out.proto, PL_TUPLE_TCP);
	assert_memory_equal(out.local, "\300\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(out.remote, "\300\0\2\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(out.local_port, 4000);
	assert_int_equal(out.remote_port, 32800);
	assert_int_equal(decode(syn4, sizeof(syn4), PL_DIR_IN, &in), 0);
	assert_memory_equal(in.remote, out.local, 16);
	assert_memory_equal(in.local, out.remote, 16);
	assert_int_equal(in.local_port, 32800);
	assert_int_equal(in.remote_port, 4000);
	assert_int_equal(decode(udp6, sizeof(udp6), PL_DIR_OUT, &out), 0);
	assert_int_equal(out.af, PL_AF_IP6);
	assert_int_equal(out.proto, PL_TUPLE_UDP);
	assert_memory_equal(out.local, udp6 + 8, 16);
	assert_memory_equal(out.remote, udp6 + 24, 16);
	assert_int_equal(out.remote_port, 32800);
}

static void what_is_missing_is_no_guess(void **state)
{
	struct pl_tuple tuple;
	uint8_t packet[64];

	(void)state;
	for (size_t len = 0; len < sizeof(syn4); len++)
		assert_int_equal(decode(syn4, len, PL_DIR_OUT, &tuple), PL_E_MALFORMED);
	for (size_t len = 0; len < sizeof(udp6); len++)
		assert_int_equal(decode(udp6, len, PL_DIR_OUT, &tuple), PL_E_MALFORMED);
	memcpy(packet, syn4, sizeof(syn4));
	packet[0] = 0x44;	/* a header shorter than a header */
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_MALFORMED);
	packet[0] = 0x46;	/* options, and then no ports */
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_MALFORMED);
	packet[0] = 0x55;
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
	memcpy(packet, syn4, sizeof(syn4));
	packet[7] = 1;		/* a later fragment */
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
	packet[7] = 0;
	packet[9] = 1;		/* ICMP */
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
	packet[9] = 132;	/* SCTP */
	assert_int_equal(decode(packet, sizeof(syn4), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
}

static void options_of_ip_are_passed_over(void **state)
{
	uint8_t packet[28] = { 0x46, [9] = 17, [12] = 1, [16] = 2, [20] = 1, [24] = 0, 5, 0, 6 };
	struct pl_tuple tuple;

	(void)state;
	assert_int_equal(decode(packet, sizeof(packet), PL_DIR_OUT, &tuple), 0);
	assert_int_equal(tuple.local_port, 5);
	assert_int_equal(tuple.remote_port, 6);
}

static void headers_of_ipv6_are_passed_over_or_named(void **state)
{
	static const struct {
		uint8_t type, len;	/* second byte of the header */
		size_t size;
		int want;
	} t[] = {
		{ 0, 0, 8, 0 }, { 43, 1, 16, 0 }, { 60, 2, 24, 0 }, { 44, 99, 8, 0 },
		{ 51, 4, 24, 0 }, { 51, 1, 12, 0 },
		{ 0, 255, 8, PL_E_MALFORMED }, { 51, 255, 8, PL_E_MALFORMED },
		{ 135, 0, 8, PL_E_UNSUPPORTED }, { 59, 0, 8, PL_E_UNSUPPORTED },
		{ 50, 0, 8, PL_E_UNSUPPORTED }, { 58, 0, 8, PL_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t packet[40 + 32 + 4] = { 0x60 };
		size_t end = 40 + t[i].size;
		struct pl_tuple tuple;

		packet[6] = t[i].type;
		packet[40] = 6;
		packet[41] = t[i].len;
		memcpy(packet + end, "\0\7\0\10", 4);
		assert_int_equal(decode(packet, end + 4, PL_DIR_OUT, &tuple), t[i].want);
		if (t[i].want != 0)
			continue;
		assert_int_equal(tuple.proto, PL_TUPLE_TCP);
		assert_int_equal(tuple.local_port, 7);
		assert_int_equal(tuple.remote_port, 8);
		for (size_t len = 0; len < end + 4; len++)
			assert_int_equal(decode(packet, len, PL_DIR_OUT, &tuple), PL_E_MALFORMED);
	}
}

static void a_later_fragment_of_ipv6_has_no_ports(void **state)
{
	uint8_t packet[52] = { 0x60, [6] = 44, [40] = 17 };
	struct pl_tuple tuple;

	(void)state;
	packet[43] = 1;		/* more follow; this is the first */
	assert_int_equal(decode(packet, sizeof(packet), PL_DIR_OUT, &tuple), 0);
	packet[43] = 8;
	assert_int_equal(decode(packet, sizeof(packet), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
	packet[43] = 0;
	packet[42] = 1;
	assert_int_equal(decode(packet, sizeof(packet), PL_DIR_OUT, &tuple), PL_E_UNSUPPORTED);
}

/* Messages */

struct message {
	uint8_t bytes[512] __attribute__((aligned(8)));
	struct nlmsghdr *header;
};

static void begin(struct message *m, uint16_t type)
{
	memset(m, 0, sizeof(*m));
	m->header = mnl_nlmsg_put_header(m->bytes);
	m->header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	mnl_nlmsg_put_extra_header(m->header, sizeof(struct nfgenmsg));
}

static void put_header(struct message *m, uint32_t id, uint8_t hook)
{
	struct nfqnl_msg_packet_hdr header = { .packet_id = htonl(id), .hook = hook };

	mnl_attr_put(m->header, NFQA_PACKET_HDR, sizeof(header), &header);
}

static int read_message(const struct message *m, size_t len, struct pl_queued *ret)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int r;

	memcpy(copy, m->bytes, len);
	r = pl_queue_decode(copy, len, ret);
	free(copy);
	return r;
}

static void a_held_packet_has_id_way_ends_and_user_K12(void **state)
{
	struct pl_queued queued;
	struct message m;

	(void)state;
	begin(&m, NFQNL_MSG_PACKET);
	put_header(&m, 0x01020304, NF_INET_LOCAL_OUT);
	mnl_attr_put_u32(m.header, NFQA_UID, htonl(1000));
	mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4), syn4);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
	assert_int_equal(queued.id, 0x01020304);
	assert_int_equal(queued.error, 0);
	assert_int_equal(queued.way, PL_DIR_OUT);
	assert_int_equal(queued.uid, 1000);
	assert_int_equal(queued.tuple.local_port, 4000);
	begin(&m, NFQNL_MSG_PACKET);
	put_header(&m, 5, NF_INET_LOCAL_IN);
	mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(udp6), udp6);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
	assert_int_equal(queued.way, PL_DIR_IN);
	assert_int_equal(queued.uid, 0);
	assert_int_equal(queued.tuple.remote_port, 4000);
	assert_false(queued.is_forwarded);
	for (size_t len = 0; len < m.header->nlmsg_len; len++)
		assert_int_equal(read_message(&m, len, &queued), PL_E_MALFORMED);
}

static void what_is_forwarded_is_seen_from_its_sender_L21(void **state)
{
	struct pl_queued queued;
	struct message m;

	(void)state;
	begin(&m, NFQNL_MSG_PACKET);
	put_header(&m, 5, NF_INET_FORWARD);
	mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4), syn4);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
	assert_int_equal(queued.error, 0);
	assert_true(queued.is_forwarded);
	assert_int_equal(queued.way, PL_DIR_OUT);
	assert_memory_equal(queued.tuple.local, syn4 + 12, 4);
	assert_int_equal(queued.tuple.local_port, 4000);
	assert_int_equal(queued.uid, 0);
}

/* Its id is what drops it. */
static void one_that_cannot_be_read_has_its_id_and_an_error(void **state)
{
	static const uint8_t hooks[] = { NF_INET_PRE_ROUTING, NF_INET_POST_ROUTING };
	struct pl_queued queued;
	struct message m;

	(void)state;
	begin(&m, NFQNL_MSG_PACKET);
	put_header(&m, 7, NF_INET_LOCAL_OUT);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
	assert_int_equal(queued.id, 7);
	assert_int_equal(queued.error, PL_E_MALFORMED);
	mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4) - 1, syn4);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
	assert_int_equal(queued.error, PL_E_MALFORMED);
	for (size_t i = 0; i < sizeof(hooks); i++) {
		begin(&m, NFQNL_MSG_PACKET);
		put_header(&m, 7, hooks[i]);
		mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4), syn4);
		assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
		assert_int_equal(queued.error, PL_E_UNSUPPORTED);
	}
}

/* The kernel does not pad the payload, and nothing is behind it. */
static void a_payload_does_not_end_behind_its_message(void **state)
{
	struct pl_queued queued;
	struct message m;

	(void)state;
	for (unsigned missing = 1; missing <= 27; missing++) {
		begin(&m, NFQNL_MSG_PACKET);
		put_header(&m, 7, NF_INET_LOCAL_OUT);
		mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4), syn4);
		m.header->nlmsg_len -= missing;
		assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), 0);
		assert_int_equal(queued.id, 7);
		assert_int_equal(queued.error, PL_E_MALFORMED);
	}
}

static void a_length_that_is_no_length_is_malformed(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 19, 1000, INT32_MAX, 0x80000000, 0x80000040,
					    UINT32_MAX };
	struct pl_queued queued;
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		begin(&m, NFQNL_MSG_PACKET);
		m.header->nlmsg_len = lengths[i];
		assert_int_equal(read_message(&m, 64, &queued), PL_E_MALFORMED);
	}
}

static void other_messages_are_not_held_packets(void **state)
{
	struct pl_queued queued;
	struct message m;

	(void)state;
	begin(&m, NFQNL_MSG_CONFIG);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), PL_E_NOT_FOUND);
	begin(&m, NFQNL_MSG_PACKET);
	mnl_attr_put(m.header, NFQA_PAYLOAD, sizeof(syn4), syn4);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), PL_E_MALFORMED);
	begin(&m, NFQNL_MSG_PACKET);
	mnl_attr_put_u16(m.header, NFQA_PACKET_HDR, 1);
	assert_int_equal(read_message(&m, m.header->nlmsg_len, &queued), PL_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ends_are_seen_from_this_host_K12),
		cmocka_unit_test(what_is_missing_is_no_guess),
		cmocka_unit_test(options_of_ip_are_passed_over),
		cmocka_unit_test(headers_of_ipv6_are_passed_over_or_named),
		cmocka_unit_test(a_later_fragment_of_ipv6_has_no_ports),
		cmocka_unit_test(a_held_packet_has_id_way_ends_and_user_K12),
		cmocka_unit_test(what_is_forwarded_is_seen_from_its_sender_L21),
		cmocka_unit_test(one_that_cannot_be_read_has_its_id_and_an_error),
		cmocka_unit_test(a_payload_does_not_end_behind_its_message),
		cmocka_unit_test(a_length_that_is_no_length_is_malformed),
		cmocka_unit_test(other_messages_are_not_held_packets),
	};

	return cmocka_run_group_tests_name("queue_decode", tests, NULL, NULL);
}
