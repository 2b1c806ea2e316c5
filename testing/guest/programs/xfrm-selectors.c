// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xfrm-selectors: what the kernel's policies that want an SA select, with the masks of their ports,
 * which ip(8) of Debian 12 does not show.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: xfrm-selectors in|out|fwd\n"
	"Print, for each policy of the direction that has a template, one line:\n"
	"  SOURCE/BITS DESTINATION/BITS PROTOCOL PORT-PORT PORT-PORT\n"
	"Exit status 2 on a system error.\n";

static void show_address(int family, const xfrm_address_t *address, unsigned bits)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, address, text, sizeof(text));
	printf("%s/%u ", text, bits);
}

static void show_ports(uint16_t port, uint16_t mask, char end)
{
	unsigned rest = 0xffffu & ~(unsigned)ntohs(mask);

	/* a mask with holes is no range: let no test take it for one */
	if ((rest & (rest + 1)) != 0)
		printf("%u&0x%04x%c", ntohs(port), ntohs(mask), end);
	else
		printf("%u-%u%c", ntohs(port) & ~rest, ntohs(port) | rest, end);
}

static int show(const struct nlmsghdr *message, void *ctx)
{
	const struct xfrm_userpolicy_info *policy = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	int has_template = 0;

	if (message->nlmsg_type != XFRM_MSG_NEWPOLICY || policy->dir != *(const int *)ctx)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*policy))
		has_template |= mnl_attr_get_type(attr) == XFRMA_TMPL;
	if (!has_template)
		return MNL_CB_OK;
	show_address(policy->sel.family, &policy->sel.saddr, policy->sel.prefixlen_s);
	show_address(policy->sel.family, &policy->sel.daddr, policy->sel.prefixlen_d);
	printf("%u ", policy->sel.proto);
	show_ports(policy->sel.sport, policy->sel.sport_mask, ' ');
	show_ports(policy->sel.dport, policy->sel.dport_mask, '\n');
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *socket, int direction)
{
	char buffer[65536] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int r = MNL_CB_OK;

	request->nlmsg_type = XFRM_MSG_GETPOLICY;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -1;
	while (r > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		r = len < 0 ? -1 : mnl_cb_run(buffer, (size_t)len, 0, 0, show, &direction);
	}
	return r;
}

int main(int argc, char **argv)
{
	static const char *const directions[] = { "in", "out", "fwd" };
	struct mnl_socket *socket = mnl_socket_open(NETLINK_XFRM);
	int direction = 0;

	while (argc == 2 && direction < 3 && strcmp(argv[1], directions[direction]) != 0)
		direction++;
	if (argc != 2 || direction == 3) {
		fputs(usage, stderr);
		return 2;
	}
	if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    dump(socket, direction) < 0) {
		perror("xfrm-selectors");
		return 2;
	}
	return 0;
}
