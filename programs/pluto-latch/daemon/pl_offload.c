/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Generic receive offload merges segments of one TCP connection before the guard sees them, also
 * when they were decrypted by two SAs: the whole then passes as what the first of them was (design
 * D3). So it is turned off on every device that packets come from, or, with gro = warn, its name is
 * logged.
 *
 * Not before something is latched: a host on which nobody latches keeps its speed. From then on for
 * each device that appears, too.
 */

#include "daemon/pl_offload.h"

#include "kernel/pl_gro.h"
#include "kernel/pl_netlink.h"

#include <errno.h>
#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pl_offload {
	enum pl_conf_gro mode;
	pl_daemon_log *log;
	struct mnl_socket *links;
	struct event *event;
	bool has_begun;
};

struct pl_offload *pl_offload_new(enum pl_conf_gro mode, pl_daemon_log *log)
{
	struct pl_offload *offload = calloc(1, sizeof(*offload));

	if (offload == NULL)
		return NULL;
	offload->mode = mode;
	offload->log = log;
	offload->links = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (offload->links == NULL || pl_netlink_bind(offload->links, RTMGRP_LINK) < 0)
		return pl_offload_free(offload);
	return offload;
}

struct pl_offload *pl_offload_free(struct pl_offload *offload)
{
	if (offload == NULL)
		return NULL;
	if (offload->event != NULL)
		event_free(offload->event);
	if (offload->links != NULL)
		mnl_socket_close(offload->links);
	free(offload);
	return NULL;
}

static int treat(void *ctx, const char *device)
{
	struct pl_offload *offload = ctx;
	char text[256];
	int r = offload->mode == PL_CONF_GRO_WARN ? 0 : pl_gro_set(device, false);

	/* One that went meanwhile receives nothing. */
	if (r == -ENODEV)
		return 0;
	snprintf(text, sizeof(text), "latch: generic receive offload of %s %s%s", device,
		 offload->mode == PL_CONF_GRO_WARN ? "is on, and can merge what came by two SAs" :
		 r == 0 ? "is off from now on (gro)" : "cannot be turned off: ",
		 r == 0 ? "" : strerror(-r));
	offload->log(text);
	return r;
}

int pl_offload_begin(void *ctx)
{
	struct pl_offload *offload = ctx;
	int r = pl_gro_each(treat, offload);

	offload->has_begun = r == 0;
	return r;
}

/* Whatever happened to a device, and how many messages were lost: all of them are looked at again.
 */
static void on_link(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_offload *offload = ctx;
	char buffer[8192];

	(void)fd;
	(void)what;
	while (mnl_socket_recvfrom(offload->links, buffer, sizeof(buffer)) > 0 || errno == ENOBUFS)
		continue;
	if (offload->has_begun && offload->mode == PL_CONF_GRO_OFF)
		(void)!pl_gro_each(treat, offload);
}

int pl_offload_attach(struct pl_offload *offload, struct event_base *base)
{
	offload->event = event_new(base, mnl_socket_get_fd(offload->links), EV_READ | EV_PERSIST,
				   on_link, offload);
	if (offload->event == NULL)
		return -ENOMEM;
	return event_add(offload->event, NULL) == 0 ? 0 : -EIO;
}
