/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What happens to latches, one line for each record, as it happens.
 *
 * Invariant: a line is written whole or not at all. SIGINT and SIGTERM end the process at once and
 * with success, and so they are held back while a line is being written.
 */

#include "cli.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct monitor {
	const struct cli *cli;
	bool color;
};

/* Time of day of an event, from its CLOCK_MONOTONIC. */
static void add_clock(struct text *text, uint64_t mono_ns)
{
	struct timespec mono, real;
	int64_t ns;
	time_t then;
	struct tm tm;
	char clock[16];

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
	if (mono_ns != 0)
		ns -= (int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec - (int64_t)mono_ns;
	then = (time_t)(ns / 1000000000);
	if (localtime_r(&then, &tm) == NULL ||
	    strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
		snprintf(clock, sizeof(clock), "--:--:--");
	text_addf(text, "%s.%06u", clock, (unsigned)(ns % 1000000000 / 1000));
}

static void add_state(struct text *text, enum latch_state state, bool color)
{
	const char *name = latch_state_name(state);
	const char *begin = color ? cli_state_color(name) : "";

	text_addf(text, "%s%s%s", begin, name, *begin == '\0' ? "" : CLI_COLOR_END);
}

/* "; LABEL VALUE" of a member that is there and not empty. */
static void add_part(struct text *text, const json_t *record, const char *label, const char *key)
{
	const json_t *value = json_object_get(record, key);

	if (value == NULL || (json_is_string(value) && *json_string_value(value) == '\0') ||
	    (json_is_array(value) && json_array_size(value) == 0))
		return;
	text_addf(text, "; %s", label);
	text_add_json(text, value);
}

static void add_change(struct text *text, const struct monitor *monitor,
		       const struct latch_event *event, const json_t *record)
{
	text_addf(text, "latch %llu ", (unsigned long long)event->id);
	add_state(text, event->from, monitor->color);
	text_add(text, " -> ");
	add_state(text, event->to, monitor->color);
	add_part(text, record, "", "event");
	add_part(text, record, "differs in ", "diff");
	if (json_object_get(record, "local_address") != NULL) {
		text_add(text, "; ");
		text_add_json(text, json_object_get(record, "protocol"));
		text_add(text, " ");
		text_add_endpoint(text, record, "local");
		text_add(text, json_object_get(record, "remote_address") != NULL ? " " : "");
		text_add_endpoint(text, record, "remote");
	}
	if (event->listener != 0)
		text_addf(text, "; listener %llu", (unsigned long long)event->listener);
	add_part(text, record, "peer ", "peer_id");
	add_part(text, record, "for ", "peer");
	add_part(text, record, "error ", "error");
	add_part(text, record, "", "reason");
}

static void print_people(const struct monitor *monitor, const struct latch_event *event)
{
	json_t *record = event->json == NULL ? NULL : json_loads(event->json, 0, NULL);
	struct text text = { .s = NULL };

	add_clock(&text, event->mono_ns);
	text_add(&text, " ");
	text_add_safe(&text, event->type);
	text_add(&text, " ");
	if (strcmp(event->type, "hello") == 0) {
		text_addf(&text, "generation %llu", (unsigned long long)event->generation);
	} else if (strcmp(event->type, "lost") == 0) {
		text_addf(&text, "events up to generation %llu: ask \"%s list\"",
			  (unsigned long long)event->generation, monitor->cli->name);
	} else if (event->id != 0) {
		add_change(&text, monitor, event, record);
	} else {
		/* Of a newer service. */
		text_add_json(&text, record);
	}
	puts(text_of(&text));
	text_free(&text);
	json_decref(record);
}

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < ' ' || *s > '~')
			return false;
	}
	return true;
}

static void print_record(const struct latch_event *event)
{
	json_t *record;

	/* Names may steer a terminal; most are ASCII, and those lines go out as they came. */
	if (event->json != NULL && is_ascii(event->json)) {
		puts(event->json);
		return;
	}
	record = event->json == NULL ? NULL : json_loads(event->json, 0, NULL);
	if (record != NULL) {
		json_dumpf(record, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	json_decref(record);
}

static void on_event(void *ctx, const struct latch_event *event)
{
	const struct monitor *monitor = ctx;

	if (monitor->cli->json != CLI_JSON_OFF)
		print_record(event);
	else
		print_people(monitor, event);
	fflush(stdout);
}

static void on_signal(int number)
{
	(void)number;
	_exit(CLI_OK);
}

static sigset_t ending_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return set;
}

/* Until the session, or whoever reads us, is gone. */
static enum cli_exit watch(struct monitor *monitor, struct latch *latch, const sigset_t *ending)
{
	struct pollfd fds[] = {
		{ .fd = latch_fd(latch), .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};

	for (;;) {
		int r;

		sigprocmask(SIG_BLOCK, ending, NULL);
		r = latch_dispatch(latch, on_event, monitor);
		sigprocmask(SIG_UNBLOCK, ending, NULL);
		if (ferror(stdout))
			return CLI_ERROR;
		if (r == LATCH_ERR_SERVICE)
			return CLI_NO_SERVICE;
		if (r != LATCH_OK)
			return cli_failed(monitor->cli, r, "monitor");
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return cli_failed(monitor->cli, LATCH_ERR_SYSTEM, "poll");
		if ((fds[1].revents & (POLLERR | POLLHUP)) != 0)
			return CLI_ERROR;
	}
}

int cli_monitor(struct cli *cli, int argc, char **argv)
{
	struct monitor monitor = { .cli = cli, .color = cli_has_color(cli) };
	sigset_t ending = ending_signals();
	enum cli_exit code;

	(void)argc;
	(void)argv;
	do {
		struct latch *latch = NULL;

		code = cli_open(cli, LATCH_OPEN_WATCH, &latch);
		if (code != CLI_OK)
			return code;
		code = watch(&monitor, latch, &ending);
		latch_close(latch);
		if (code == CLI_NO_SERVICE)
			cli_say(cli, "the service has gone%s", cli->waits ? ": waiting" : "");
	} while (code == CLI_NO_SERVICE && cli->waits);
	return code;
}
