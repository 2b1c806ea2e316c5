/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How programs of the guest end, and how they read numbers. */

#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t stopped;

void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(2);
}

void bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "%s: %s: '%s'\n%s", program_invocation_short_name, what, value, usage);
	exit(2);
}

long number(const char *what, const char *text, long min, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < min || value > max)
		bad_usage(what, text);
	return value;
}
