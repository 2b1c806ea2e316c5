// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * garp: announce that an IP address is now at this machine's link-layer address.
 *
 * A host that takes an address over sends this so that its neighbours stop using what they have
 * cached: for IPv4 a gratuitous ARP request, for IPv6 an unsolicited neighbour advertisement with
 * the override flag. Nothing here is forged: it is what duplicate-address handling and failover
 * software send as well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
	"usage: garp INTERFACE ADDRESS\n"
	"Send one gratuitous ARP request (IPv4) or unsolicited neighbour advertisement (IPv6)\n"
	"that binds ADDRESS to the hardware address of INTERFACE. Prints nothing.\n"
	"Exit status: 0 when it was sent, 2 on a usage or system error.\n";

static void die(const char *what)
{
	fprintf(stderr, "garp: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void hardware_address(const char *interface, unsigned char mac[static ETH_ALEN])
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (strlen(interface) >= sizeof(ifr.ifr_name)) {
		errno = ENAMETOOLONG;
		die(interface);
	}
	strcpy(ifr.ifr_name, interface);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0)
		die(interface);
	close(fd);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
}

static void announce4(const char *interface, const unsigned char *mac,
		      const struct in_addr *address)
{
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETHERTYPE_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = sizeof(*address),
			.ar_op = htons(ARPOP_REQUEST),
		},
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_ARP),
		.sll_ifindex = (int)if_nametoindex(interface),
		.sll_halen = ETH_ALEN,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("packet socket");
	memcpy(arp.arp_sha, mac, ETH_ALEN);
	memcpy(arp.arp_spa, address, sizeof(*address));
	memcpy(arp.arp_tpa, address, sizeof(*address));
	memset(to.sll_addr, 0xff, ETH_ALEN);
	if (sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) != sizeof(arp))
		die("send");
	close(fd);
}

static void announce6(const char *interface, const unsigned char *mac,
		      const struct in6_addr *address)
{
	struct {
		struct nd_neighbor_advert advert;
		struct nd_opt_hdr option;
		unsigned char mac[ETH_ALEN];
	} na = {
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE,
		.advert.nd_na_target = *address,
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};
	struct sockaddr_in6 from = { .sin6_family = AF_INET6, .sin6_addr = *address };
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6,
		.sin6_scope_id = if_nametoindex(interface),
	};
	int hops = 255;	/* RFC 4861 section 7.1.2: anything else is ignored */
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);

	if (fd < 0)
		die("raw socket");
	memcpy(na.mac, mac, ETH_ALEN);
	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) != 0)
		die("IPV6_MULTICAST_HOPS");
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		die("bind");
	if (sendto(fd, &na, sizeof(na), 0, (struct sockaddr *)&to, sizeof(to)) != sizeof(na))
		die("send");
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned char mac[ETH_ALEN];
	struct in6_addr address6;
	struct in_addr address4;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc != 3) {
		fputs(usage, stderr);
		return 2;
	}
	hardware_address(argv[1], mac);
	if (inet_pton(AF_INET, argv[2], &address4) == 1) {
		announce4(argv[1], mac, &address4);
	} else if (inet_pton(AF_INET6, argv[2], &address6) == 1) {
		announce6(argv[1], mac, &address6);
	} else {
		fprintf(stderr, "garp: not an IP address: '%s'\n", argv[2]);
		return 2;
	}
	return 0;
}
