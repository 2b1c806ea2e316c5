/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What every command needs: to speak, to reach the service, to print JSON. */

#include "cli.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 2, 0)))
static void say(const struct cli *cli, const char *fmt, va_list ap)
{
	/* In one piece, whoever else writes to this terminal. */
	char *line = NULL;

	if (vasprintf(&line, fmt, ap) < 0)
		cli_need(NULL);
	if (cli->peer_fd >= 0)
		syslog(LOG_DAEMON | LOG_NOTICE, "%s: %s", cli->name, line);
	else
		fprintf(stderr, "%s: %s\n", cli->name, line);
	free(line);
}

void cli_say(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
}

enum cli_exit cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	if (cli->command == NULL)
		fprintf(stderr, "Try \"%s help\".\n", cli->name);
	else
		fprintf(stderr, "Try \"%s help %s\".\n", cli->name, cli->command->name);
	return CLI_USAGE;
}

/* "WHAT: WHY". errno may be that of the error. */
__attribute__((format(printf, 4, 0)))
static enum cli_exit fail(const struct cli *cli, int error, const char *reason, const char *fmt,
			  va_list ap)
{
	const char *why = error == LATCH_ERR_SYSTEM ? strerror(errno) : latch_strerror(error);
	struct text text = { .s = NULL };
	char *what = NULL;

	if (vasprintf(&what, fmt, ap) < 0)
		cli_need(NULL);
	text_add_safe(&text, reason == NULL ? why : reason);
	cli_say(cli, "%s: %s", what, text_of(&text));
	text_free(&text);
	free(what);
	return cli_exit_of(error);
}

enum cli_exit cli_failed(const struct cli *cli, int error, const char *fmt, ...)
{
	enum cli_exit code;
	va_list ap;

	va_start(ap, fmt);
	code = fail(cli, error, NULL, fmt, ap);
	va_end(ap);
	return code;
}

enum cli_exit cli_refused(const struct cli *cli, const struct latch *latch, int error,
			  const char *fmt, ...)
{
	int kept = errno, last;
	const char *reason = latch_last_reason(latch, &last);
	enum cli_exit code;
	va_list ap;

	errno = kept;
	va_start(ap, fmt);
	code = fail(cli, error, last == error ? reason : NULL, fmt, ap);
	va_end(ap);
	return code;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum cli_exit cli_open(const struct cli *cli, unsigned flags, struct latch **ret)
{
	const int64_t end = now_ms() + cli->wait_ms;
	int pause_ms = 20;
	int r;

	/* Nothing tells when a service comes: look again, less and less often. */
	for (;;) {
		int64_t left;

		r = latch_open(cli->bus, flags | LATCH_OPEN_NO_RESUME, ret);
		if (r != LATCH_ERR_SERVICE || !cli->waits)
			break;
		left = end - now_ms();
		if (cli->wait_ms >= 0 && left <= 0) {
			cli_say(cli, "no service after %d.%03d s", cli->wait_ms / 1000,
				cli->wait_ms % 1000);
			return CLI_TIMEOUT;
		}
		if (cli->wait_ms >= 0 && left < pause_ms)
			pause_ms = (int)left;
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < 500 ? 2 * pause_ms : 1000;
	}
	return r == LATCH_OK ? CLI_OK : cli_failed(cli, r, "service");
}

int cli_finish(const struct cli *cli, int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_say(cli, "standard output: %s", strerror(errno));
		return code == CLI_OK ? CLI_ERROR : code;
	}
	return code;
}

json_t *cli_latch_json(const struct latch_info *info)
{
	const char *text = latch_info_json(info);
	json_t *latch = text == NULL ? NULL : json_loads(text, 0, NULL);

	if (!json_is_object(latch)) {
		json_decref(latch);
		latch = cli_need(json_object());
	}
	return latch;
}

void cli_print_json(const struct cli *cli, const json_t *value)
{
	/* ASCII: what peers chose may hold characters that steer a terminal. */
	size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY;

	flags |= cli->json == CLI_JSON_SHORT ? JSON_COMPACT : JSON_INDENT(2);
	json_dumpf(value, stdout, flags);
	putchar('\n');
}

bool cli_has_color(const struct cli *cli)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (cli->color != CLI_COLOR_AUTO)
		return cli->color == CLI_COLOR_ALWAYS;
	return (no_color == NULL || *no_color == '\0') && isatty(STDOUT_FILENO) &&
	       term != NULL && strcmp(term, "dumb") != 0;
}

const char *cli_state_color(const char *state)
{
	static const struct { const char *state, *color; } table[] = {
		{ "larval", "\033[33m" },
		{ "listener", "\033[34m" },
		{ "established", "\033[32m" },
		{ "broken", "\033[1;31m" },
		{ "closed", "\033[2m" },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].state, state) == 0)
			return table[i].color;
	}
	return "";
}

bool cli_number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return n <= max;
}

void *cli_need(void *memory)
{
	if (memory == NULL) {
		fputs("latch: no memory\n", stderr);
		exit(CLI_ERROR);
	}
	return memory;
}
