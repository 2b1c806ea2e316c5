// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xfrm-watch: print what the kernel says about new SAs and policies, with the time it was heard.
 *
 * The kernel sends these messages after the change, and this program reads the clock after that: a
 * time printed here is later than the change it is about. So "the alert was before the SA" is shown
 * when the alert's time is smaller than the one here.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
	"usage: xfrm-watch\n"
	"Print, for each SA and policy that the kernel gets, one line:\n"
	"  watching\n"
	"  newsa mono_ns=N spi=0xHEX reqid=N dst=ADDRESS\n"
	"  newpolicy mono_ns=N priority=N direction=in|out|fwd\n"
	"until it is ended by a signal. Exit status 2 on a system error.\n";

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000u + (unsigned long long)now.tv_nsec;
}

static void show_sa(const struct xfrm_usersa_info *sa)
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(sa->family, &sa->id.daddr, address, sizeof(address));
	printf("newsa mono_ns=%llu spi=0x%08x reqid=%u dst=%s\n", now_ns(), ntohl(sa->id.spi),
	       sa->reqid, address);
}

static int show(const struct nlmsghdr *message, void *ctx)
{
	static const char *const directions[] = { "in", "out", "fwd" };
	const struct xfrm_userpolicy_info *policy = mnl_nlmsg_get_payload(message);
	size_t len = mnl_nlmsg_get_payload_len(message);

	(void)ctx;
	switch (message->nlmsg_type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		if (len >= sizeof(struct xfrm_usersa_info))
			show_sa(mnl_nlmsg_get_payload(message));
		break;
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		if (len >= sizeof(*policy) && policy->dir < 3)
			printf("newpolicy mono_ns=%llu priority=%u direction=%s\n", now_ns(),
			       policy->priority, directions[policy->dir]);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int main(int argc, char **argv)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_XFRM);
	char buffer[65536];

	if (argc != 1) {
		fputs(usage, strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	if (socket == NULL ||
	    mnl_socket_bind(socket, XFRMGRP_SA | XFRMGRP_POLICY, MNL_SOCKET_AUTOPID) != 0) {
		perror("xfrm-watch");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("watching");
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (len < 0) {
			perror("xfrm-watch");
			return 2;
		}
		mnl_cb_run(buffer, (size_t)len, 0, 0, show, NULL);
	}
}
