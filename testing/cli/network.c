/* SPDX-License-Identifier: GPL-2.0-or-later */

/* network COMMAND...: runs it in a network namespace whose loopback interface has the addresses of
 * 192.0.2.0/24, because a flow over 127.0.0.0/8 cannot be latched. Ends with 77 if that may not be.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_address(int fd, unsigned long what, const char *address)
{
	struct ifreq request = { .ifr_name = "lo:1" };
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, address, &in.sin_addr);
	memcpy(&request.ifr_addr, &in, sizeof(in));
	return ioctl(fd, what, &request);
}

int main(int argc, char **argv)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (argc < 2)
		return 2;
	/* Without root, as the owner of a user namespace. */
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		fprintf(stderr, "network: %s\n", strerror(errno));
		return 77;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) != 0 ||
	    set_address(fd, SIOCSIFADDR, "192.0.2.1") != 0 ||
	    set_address(fd, SIOCSIFNETMASK, "255.255.255.0") != 0) {
		fprintf(stderr, "network: loopback: %s\n", strerror(errno));
		return 77;
	}
	close(fd);
	execvp(argv[1], argv + 1);
	return 127;
}
