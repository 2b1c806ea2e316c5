/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A flow with both ends at one address, or at a loopback address, cannot be latched; so the
 * loopback interface gets addresses that look like a network's.
 */

#include "stage.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *commands, *answers;
static char answer[128];

bool stage_tell(const char *command)
{
	fprintf(commands, "%s\n", command);
	fflush(commands);
	assert_non_null(fgets(answer, sizeof(answer), answers));
	return strncmp(answer, "ok", 2) == 0;
}

const char *stage_answer(void)
{
	return answer;
}

struct sockaddr_in stage_address(const char *address, uint16_t port)
{
	struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, address, &end.sin_addr), 1);
	return end;
}

static int set_address(int fd, unsigned long what, const char *address)
{
	struct ifreq request = { .ifr_name = "lo:1" };
	struct sockaddr_in in = stage_address(address, 0);

	memcpy(&request.ifr_addr, &in, sizeof(in));
	return ioctl(fd, what, &request);
}

int stage_set_up(void **state)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) != 0 ||
	    set_address(fd, SIOCSIFADDR, "192.0.2.1") != 0 ||
	    set_address(fd, SIOCSIFNETMASK, "255.255.255.0") != 0)
		return -1;
	close(fd);
	commands = fdopen(atoi(getenv("LATCH_TEST_IN")), "w");
	answers = fdopen(atoi(getenv("LATCH_TEST_OUT")), "r");
	return commands == NULL || answers == NULL ? -1 : 0;
}

int stage_tear_down(void **state)
{
	(void)state;
	return commands == NULL || answers == NULL || fclose(commands) != 0 ||
	       fclose(answers) != 0 ? -1 : 0;
}
