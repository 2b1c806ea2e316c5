/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A connected socket keeps the route of its last packet, and with it what the SPD said then. The
 * kernel takes that back when routes change, when a policy comes, and when a policy goes that led
 * into an SA; not when one goes that let the packet pass. Nobody can ask for just that, so we do
 * something that has it as a side effect, for IPv4 and IPv6, and no other: we set the default
 * policies of the SPD, each to "as it is" (XFRM_USERPOLICY_UNSPEC).
 *
 * What else would do leaves something behind or is there for a moment: a rule switches the short
 * way of IPv4's look-up off for good, a route counts for its own table alone in IPv6, a policy of
 * ours would be one that others see.
 */

#include "kernel/pl_reroute.h"

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

int pl_reroute(struct pl_ask *ask)
{
	uint8_t buf[PL_ASK_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct xfrm_userpolicy_default *as_it_is;

	message->nlmsg_type = XFRM_MSG_SETDEFAULT;
	as_it_is = mnl_nlmsg_put_extra_header(message, sizeof(*as_it_is));
	as_it_is->in = as_it_is->fwd = as_it_is->out = XFRM_USERPOLICY_UNSPEC;
	return pl_ask(ask, message, NULL, NULL);
}
