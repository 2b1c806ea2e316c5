/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Generic receive offload joins TCP segments before any hook sees them. It compares headers, and
 * not by which SA they came: after tunnel decapsulation, or with ESP offload, a segment of another
 * SA becomes part of a packet that the guard takes for the pinned SA's. The kernel asks the
 * receiving device whether to join what was decrypted, so turning it off there is enough (design
 * D3, `gro = off | warn`).
 *
 * Invariant: loopback is left alone; what is both sent and received here came by no other SA.
 */

#include "kernel/pl_gro.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int request(int fd, unsigned long code, struct ifreq *request, const char *device)
{
	size_t len = strlen(device);

	if (len >= sizeof(request->ifr_name))
		return -ENODEV;
	memcpy(request->ifr_name, device, len + 1);
	return ioctl(fd, code, request) < 0 ? -errno : 0;
}

static int ethtool(int fd, const char *device, uint32_t command, uint32_t *value)
{
	struct ethtool_value data = { .cmd = command, .data = *value };
	struct ifreq ifreq = { .ifr_data = (char *)&data };
	int r = request(fd, SIOCETHTOOL, &ifreq, device);

	if (r == 0)
		*value = data.data;
	return r;
}

/* Does it join what comes from outside? */
static int is_open(int fd, const char *device, bool *ret)
{
	struct ifreq flags = { .ifr_flags = 0 };
	uint32_t value = 0;
	int r = request(fd, SIOCGIFFLAGS, &flags, device);

	if (r == 0)
		r = ethtool(fd, device, ETHTOOL_GGRO, &value);
	if (r == 0)
		*ret = value != 0 && !(flags.ifr_flags & IFF_LOOPBACK);
	return r;
}

int pl_gro_each(pl_gro_visit *visit, void *ctx)
{
	struct if_nameindex *all = if_nameindex();
	int r = 0, fd;

	if (all == NULL)
		return -errno;
	fd = open_socket();
	if (fd < 0) {
		if_freenameindex(all);
		return fd;
	}
	for (const struct if_nameindex *one = all; one->if_name != NULL && r == 0; one++) {
		bool is_on = false;

		r = is_open(fd, one->if_name, &is_on);
		if (r == -ENODEV)
			r = 0;	/* gone meanwhile */
		else if (r == 0 && is_on)
			r = visit(ctx, one->if_name);
	}
	close(fd);
	if_freenameindex(all);
	return r;
}

int pl_gro_set(const char *device, bool on)
{
	uint32_t value = on;
	int fd = open_socket(), r;

	if (fd < 0)
		return fd;
	r = ethtool(fd, device, ETHTOOL_SGRO, &value);
	/* A device may keep it as it is without an error. */
	if (r == 0)
		r = ethtool(fd, device, ETHTOOL_GGRO, &value);
	if (r == 0 && (value != 0) != on)
		r = -EOPNOTSUPP;
	close(fd);
	return r;
}
