/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inject: sends packets that no honest socket would send, for the guest tests.
 *
 * Frames go out by AF_PACKET, below IP: neither routing, nor netfilter, nor IPsec of the sending
 * host touches them. What a test sees at the receiver is then a statement about the receiver. All
 * checksums are right unless asked otherwise, so that a drop is never for a bad checksum.
 *
 *	inject DEV MAC tcp|udp|icmp|raw SRC DST [KEY=VALUE...]
 *		sport= dport= flags=SAFRPU seq= ack= window= type= code= proto= ttl= id=
 *		data=TEXT hex=BYTES badsum
 *		options: IPv4: in the header; IPv6: a header of them, in front of the transport's
 *		cut=FROM:LEN: a fragment, these bytes of what would follow the IP header (FROM a
 *			multiple of 8); all cuts of one packet with one id= make the whole
 *	inject - - tcp|udp|...	the same by this host's IP: its routes and its SAs apply
 *	inject marker DEV TEXT		frame of the local experimental ethertype 0x88b5
 *	inject announce DEV ADDRESS	gratuitous ARP, or unsolicited neighbour advertisement
 *	inject mono			print CLOCK_MONOTONIC in ns
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARKER_ETHERTYPE 0x88b5
#define FRAME_MAX 2048

struct buf {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

struct packet {
	int af;
	uint8_t src[16], dst[16];	/* network order; 4 or 16 bytes used */
	uint8_t proto;
	uint16_t sport, dport;
	uint8_t flags, type, code, ttl;
	uint32_t seq, ack, id;
	uint16_t window;
	bool is_fragment, more, badsum, has_options;
	uint16_t cut_from, cut_len;	/* bytes */
	struct buf data;
};

static void die(const char *what)
{
	fprintf(stderr, "inject: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(2);
}

static void put(struct buf *b, const void *bytes, size_t len)
{
	if (len > sizeof(b->bytes) - b->len) {
		errno = 0;
		die("packet too long");
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void put8(struct buf *b, uint8_t v)
{
	put(b, &v, 1);
}

static void put16(struct buf *b, uint16_t v)
{
	v = htons(v);
	put(b, &v, 2);
}

static void put32(struct buf *b, uint32_t v)
{
	v = htonl(v);
	put(b, &v, 4);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += (i & 1) ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static size_t address_len(int af)
{
	return af == AF_INET ? 4 : 16;
}

/* Checksum of a transport header with its pseudo header, stored at offset @at. */
static void transport_sum(const struct packet *p, struct buf *b, size_t at)
{
	uint32_t sum = 0;
	uint16_t v;

	if (!(p->af == AF_INET && p->proto == IPPROTO_ICMP)) {
		sum = sum_add(sum, p->src, address_len(p->af));
		sum = sum_add(sum, p->dst, address_len(p->af));
		sum += p->proto + (uint32_t)b->len;
	}
	v = sum_fold(sum_add(sum, b->bytes, b->len));
	if (v == 0 && p->proto == IPPROTO_UDP)
		v = 0xffff;
	if (p->badsum)
		v ^= 0x5555;
	b->bytes[at] = v >> 8;
	b->bytes[at + 1] = v & 0xff;
}

static void build_transport(const struct packet *p, struct buf *b)
{
	size_t sum_at = 0;

	switch (p->proto) {
	case IPPROTO_TCP:
		put16(b, p->sport);
		put16(b, p->dport);
		put32(b, p->seq);
		put32(b, p->ack);
		put8(b, 5 << 4);
		put8(b, p->flags);
		put16(b, p->window);
		put32(b, 0);
		sum_at = 16;
		break;
	case IPPROTO_UDP:
		put16(b, p->sport);
		put16(b, p->dport);
		put16(b, 8 + p->data.len);
		put16(b, 0);
		sum_at = 6;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put8(b, p->type);
		put8(b, p->code);
		put16(b, 0);
		put32(b, p->id);
		sum_at = 2;
		break;
	}
	put(b, p->data.bytes, p->data.len);
	if (sum_at != 0)
		transport_sum(p, b, sum_at);
}

static void build_ipv4(const struct packet *p, const struct buf *payload, struct buf *b)
{
	static const uint8_t nothing[4] = { 1, 1, 1, 0 };
	uint16_t frag = p->cut_from / 8 | (p->more ? 0x2000 : 0);
	size_t start = b->len, header = p->has_options ? 24 : 20;
	uint16_t v;

	put8(b, 4 << 4 | header / 4);
	put8(b, 0);
	put16(b, header + payload->len);
	put16(b, p->id);
	put16(b, frag);
	put8(b, p->ttl);
	put8(b, p->proto);
	put16(b, 0);
	put(b, p->src, 4);
	put(b, p->dst, 4);
	if (p->has_options)
		put(b, nothing, sizeof(nothing));
	v = sum_fold(sum_add(0, b->bytes + start, header));
	b->bytes[start + 10] = v >> 8;
	b->bytes[start + 11] = v & 0xff;
	put(b, payload->bytes, payload->len);
}

/* What follows the IP header, or the fragment header. */
static uint8_t next_header(const struct packet *p)
{
	return p->af == AF_INET6 && p->has_options ? IPPROTO_DSTOPTS : p->proto;
}

static void build_options_header(const struct packet *p, struct buf *b)
{
	static const uint8_t nothing[6] = { 1, 4 };

	put8(b, p->proto);
	put8(b, 0);
	put(b, nothing, sizeof(nothing));
}

static void build_ipv6(const struct packet *p, const struct buf *payload, struct buf *b)
{
	put32(b, 6U << 28);
	put16(b, payload->len + (p->is_fragment ? 8 : 0));
	put8(b, p->is_fragment ? IPPROTO_FRAGMENT : next_header(p));
	put8(b, p->ttl);
	put(b, p->src, 16);
	put(b, p->dst, 16);
	if (p->is_fragment) {
		put8(b, next_header(p));
		put8(b, 0);
		put16(b, p->cut_from | p->more);
		put32(b, p->id);
	}
	put(b, payload->bytes, payload->len);
}

static void ethernet(struct buf *b, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
	put(b, dst, 6);
	put(b, src, 6);
	put16(b, type);
}

static void own_mac(const char *dev, uint8_t mac[6])
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die(dev);
	close(fd);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
}

static void send_frame(const char *dev, const struct buf *b)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	to.sll_ifindex = if_nametoindex(dev);
	if (fd < 0 || to.sll_ifindex == 0)
		die(dev);
	memcpy(to.sll_addr, b->bytes, 6);
	if (sendto(fd, b->bytes, b->len, 0, (struct sockaddr *)&to, sizeof(to)) !=
	    (ssize_t)b->len)
		die("send");
	close(fd);
}

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static int cmd_marker(const char *dev, const char *text)
{
	struct buf b = { .len = 0 };
	uint8_t mac[6];

	own_mac(dev, mac);
	ethernet(&b, broadcast, mac, MARKER_ETHERTYPE);
	put(&b, text, strlen(text));
	while (b.len < ETH_ZLEN)
		put8(&b, 0);
	send_frame(dev, &b);
	return 0;
}

static void announce_ipv4(const char *dev, const uint8_t mac[6], const uint8_t *address)
{
	struct buf b = { .len = 0 };

	ethernet(&b, broadcast, mac, ETHERTYPE_ARP);
	put16(&b, 1);
	put16(&b, ETHERTYPE_IP);
	put8(&b, 6);
	put8(&b, 4);
	put16(&b, 1);
	put(&b, mac, 6);
	put(&b, address, 4);
	put(&b, broadcast, 6);
	put(&b, address, 4);
	send_frame(dev, &b);
}

static void announce_ipv6(const char *dev, const uint8_t mac[6], const uint8_t *address)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct packet p = { .af = AF_INET6, .proto = IPPROTO_ICMPV6, .type = 136, .ttl = 255,
			    .id = 1U << 29 /* override */ };
	struct buf b = { .len = 0 }, payload = { .len = 0 };

	memcpy(p.src, address, 16);
	inet_pton(AF_INET6, "ff02::1", p.dst);
	put(&p.data, address, 16);
	put8(&p.data, 2);	/* target link-layer address */
	put8(&p.data, 1);
	put(&p.data, mac, 6);
	build_transport(&p, &payload);
	ethernet(&b, group_mac, mac, ETHERTYPE_IPV6);
	build_ipv6(&p, &payload, &b);
	send_frame(dev, &b);
}

static int cmd_announce(const char *dev, const char *text)
{
	uint8_t mac[6], address[16];

	own_mac(dev, mac);
	if (inet_pton(AF_INET, text, address) == 1)
		announce_ipv4(dev, mac, address);
	else if (inet_pton(AF_INET6, text, address) == 1)
		announce_ipv6(dev, mac, address);
	else
		die(text);
	return 0;
}

static unsigned long number(const char *text, unsigned long most)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (*text == '\0' || *end != '\0' || v > most) {
		errno = 0;
		die(text);
	}
	return v;
}

static uint8_t tcp_flags(const char *text)
{
	static const char names[] = "FSRPAU";
	uint8_t flags = 0;

	for (; *text != '\0'; text++) {
		const char *at = strchr(names, *text);

		if (at == NULL)
			die("flags are letters of FSRPAU");
		flags |= 1 << (at - names);
	}
	return flags;
}

static void hex_bytes(struct buf *b, const char *text)
{
	unsigned int v;

	for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
		if (sscanf(text, "%2x", &v) != 1)
			die("bad hex=");
		put8(b, v);
	}
}

static void set_cut(struct packet *p, const char *text)
{
	unsigned int from, len;

	if (sscanf(text, "%u:%u", &from, &len) != 2 || from > 65528 || from % 8 != 0 || len > 65535)
		die("bad cut=");
	p->cut_from = from;
	p->cut_len = len;
	p->is_fragment = true;
}

/* Leaves of the payload what the fragment carries. */
static void cut(struct packet *p, struct buf *payload)
{
	if (p->cut_from >= payload->len)
		die("cut= begins behind the end");
	p->more = p->cut_from + p->cut_len < (int)payload->len;
	payload->len -= p->cut_from;
	memmove(payload->bytes, payload->bytes + p->cut_from, payload->len);
	if (payload->len > p->cut_len)
		payload->len = p->cut_len;
}

static void set_word(struct packet *p, const char *word)
{
	const char *v = strchr(word, '=');
	size_t len = v != NULL ? (size_t)(v++ - word) : strlen(word);

#define IS(name) (len == sizeof(name) - 1 && memcmp(word, name, len) == 0)
	if (v == NULL && IS("badsum"))
		p->badsum = true;
	else if (v == NULL && IS("options"))
		p->has_options = true;
	else if (v == NULL)
		die(word);
	else if (IS("sport"))
		p->sport = number(v, 65535);
	else if (IS("dport"))
		p->dport = number(v, 65535);
	else if (IS("flags"))
		p->flags = tcp_flags(v);
	else if (IS("seq"))
		p->seq = number(v, UINT32_MAX);
	else if (IS("ack"))
		p->ack = number(v, UINT32_MAX);
	else if (IS("window"))
		p->window = number(v, 65535);
	else if (IS("type"))
		p->type = number(v, 255);
	else if (IS("code"))
		p->code = number(v, 255);
	else if (IS("proto"))
		p->proto = number(v, 255);
	else if (IS("ttl"))
		p->ttl = number(v, 255);
	else if (IS("id"))
		p->id = number(v, UINT32_MAX);
	else if (IS("data"))
		put(&p->data, v, strlen(v));
	else if (IS("hex"))
		hex_bytes(&p->data, v);
	else if (IS("cut"))
		set_cut(p, v);
	else
		die(word);
#undef IS
}

static void set_addresses(struct packet *p, const char *src, const char *dst)
{
	p->af = strchr(src, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(p->af, src, p->src) != 1)
		die(src);
	if (inet_pton(p->af, dst, p->dst) != 1)
		die(dst);
}

static uint8_t protocol(const struct packet *p, const char *name)
{
	if (strcmp(name, "tcp") == 0)
		return IPPROTO_TCP;
	if (strcmp(name, "udp") == 0)
		return IPPROTO_UDP;
	if (strcmp(name, "icmp") == 0)
		return p->af == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	if (strcmp(name, "raw") != 0)
		die(name);
	return 0;
}

/* The whole packet, with a header of ours, by this host's IP. */
static void send_packet(const struct packet *p, const struct buf *b)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *to = (struct sockaddr *)&to4;
	socklen_t len = sizeof(to4);
	int fd = socket(p->af, SOCK_RAW, IPPROTO_RAW), on = 1;

	if (fd < 0)
		die("raw socket");
	memcpy(&to4.sin_addr, p->dst, 4);
	memcpy(&to6.sin6_addr, p->dst, 16);
	if (p->af == AF_INET6) {
		to = (struct sockaddr *)&to6;
		len = sizeof(to6);
	} else if (setsockopt(fd, IPPROTO_IP, IP_NODEFRAG, &on, sizeof(on)) < 0) {
		die("IP_NODEFRAG");
	}
	if (sendto(fd, b->bytes, b->len, 0, to, len) != (ssize_t)b->len)
		die("send");
	close(fd);
}

/* All behind the IP header, or the part of it that a fragment carries. */
static void build_payload(struct packet *p, struct buf *b)
{
	struct buf transport = { .len = 0 };

	build_transport(p, &transport);
	if (next_header(p) == IPPROTO_DSTOPTS)
		build_options_header(p, b);
	put(b, transport.bytes, transport.len);
	if (p->is_fragment)
		cut(p, b);
}

/* DEV MAC PROTO SRC DST [KEY=VALUE...] */
static int cmd_packet(char **argv)
{
	struct packet p = { .ttl = 64, .window = 65535, .id = 1 };
	struct buf payload = { .len = 0 }, frame = { .len = 0 };
	bool is_routed = strcmp(argv[0], "-") == 0;
	uint8_t to[6], from[6];
	char **word;

	if (!is_routed && sscanf(argv[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to, to + 1, to + 2,
				 to + 3, to + 4, to + 5) != 6)
		die(argv[1]);
	set_addresses(&p, argv[3], argv[4]);
	p.proto = protocol(&p, argv[2]);
	for (word = argv + 5; *word != NULL; word++)
		set_word(&p, *word);
	build_payload(&p, &payload);
	if (!is_routed) {
		own_mac(argv[0], from);
		ethernet(&frame, to, from, p.af == AF_INET ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	}
	if (p.af == AF_INET)
		build_ipv4(&p, &payload, &frame);
	else
		build_ipv6(&p, &payload, &frame);
	if (is_routed)
		send_packet(&p, &frame);
	else
		send_frame(argv[0], &frame);
	return 0;
}

int main(int argc, char **argv)
{
	struct timespec now;

	if (argc == 2 && strcmp(argv[1], "mono") == 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		printf("%" PRId64 "\n", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "marker") == 0)
		return cmd_marker(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "announce") == 0)
		return cmd_announce(argv[2], argv[3]);
	if (argc >= 6)
		return cmd_packet(argv + 1);
	fprintf(stderr, "usage: see the top of testing/guest/programs/inject.c\n");
	return 2;
}
