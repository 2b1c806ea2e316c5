/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Everything known about one latch, grouped by what people ask: who is it, how is it protected, in
 * what state and why, whose is it.
 *
 * Invariant: nothing that the service said is left out. What no group knows, because the service is
 * newer, stands under "Other".
 */

#include "target.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef bool add_fn(struct text *text, const json_t *latch, const char *key);

static bool add_member(struct text *text, const json_t *latch, const char *key)
{
	const json_t *value = json_object_get(latch, key);

	if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
		return false;
	text_add_json(text, value);
	return true;
}

static bool add_local(struct text *text, const json_t *latch, const char *key)
{
	(void)key;
	return text_add_endpoint(text, latch, "local");
}

static bool add_remote(struct text *text, const json_t *latch, const char *key)
{
	(void)key;
	return text_add_endpoint(text, latch, "remote");
}

static bool add_outer_local(struct text *text, const json_t *latch, const char *key)
{
	(void)key;
	return text_add_endpoint(text, latch, "outer_local");
}

static bool add_outer_remote(struct text *text, const json_t *latch, const char *key)
{
	(void)key;
	return text_add_endpoint(text, latch, "outer_remote");
}

static bool add_packets(struct text *text, const json_t *latch, const char *key)
{
	if (!add_member(text, latch, key))
		return false;
	text_add(text, " packets");
	return true;
}

static bool add_user(struct text *text, const json_t *latch, const char *key)
{
	const json_t *uid = json_object_get(latch, key);

	if (!json_is_integer(uid))
		return false;
	text_add_user(text, json_integer_value(uid));
	text_addf(text, " (%" JSON_INTEGER_FORMAT ")", json_integer_value(uid));
	return true;
}

static void add_ago(struct text *text, int64_t seconds)
{
	if (seconds < 120)
		text_addf(text, "%lld s ago", (long long)seconds);
	else if (seconds < 7200)
		text_addf(text, "%lld min ago", (long long)(seconds / 60));
	else
		text_addf(text, "%lld h ago", (long long)(seconds / 3600));
}

/* The service counts since boot; people have calendars. */
static bool add_time(struct text *text, const json_t *latch, const char *key)
{
	const json_t *value = json_object_get(latch, key);
	struct timespec mono, real;
	int64_t ago_ns;
	time_t then;
	struct tm tm;
	char date[64];

	if (!json_is_integer(value))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	ago_ns = (int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec - json_integer_value(value);
	then = real.tv_sec - (time_t)(ago_ns / 1000000000);
	if (ago_ns < 0 || localtime_r(&then, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		text_addf(text, "%" JSON_INTEGER_FORMAT " ns after boot",
			  json_integer_value(value));
		return true;
	}
	text_addf(text, "%s, ", date);
	add_ago(text, ago_ns / 1000000000);
	return true;
}

/* @key2 is told by the same line. A line without @label begins a group that @key names. */
static const struct line {
	const char *label, *key, *key2;
	add_fn *add;
} lines[] = {
	{ NULL, "Flow", NULL, NULL },
	{ "kind", "kind", NULL, add_member },
	{ "protocol", "protocol", NULL, add_member },
	{ "local", "local_address", "local_port", add_local },
	{ "remote", "remote_address", "remote_port", add_remote },
	{ "latched late", "late", NULL, add_member },
	{ "association", "association", NULL, add_member },
	{ "its pairs", "association_pairs", NULL, add_member },
	{ "of them intact", "association_intact", NULL, add_member },
	{ "not latched", "association_refused", NULL, add_member },
	{ "forwarded", "forwarded", NULL, add_member },
	{ NULL, "Peer", NULL, NULL },
	{ "nobody but", "peer", NULL, add_member },
	{ "name", "peer_id", NULL, add_member },
	{ "kind of name", "peer_id_type", NULL, add_member },
	{ "proved by", "peer_auth", NULL, add_member },
	{ "key (SHA-256)", "peer_key_sha256", NULL, add_member },
	{ "trust anchor", "trust_anchor_sha256", NULL, add_member },
	{ "knows us as", "local_id", NULL, add_member },
	{ "we prove by", "local_auth", NULL, add_member },
	{ NULL, "Protection", NULL, NULL },
	{ "protection", "protection", NULL, add_member },
	{ "suites", "suites", NULL, add_member },
	{ "indeterminate", "indeterminate", NULL, add_member },
	{ "narrow", "narrow", NULL, add_member },
	{ "own policies", "steered", NULL, add_member },
	{ "in clear", "bypass", NULL, add_member },
	{ "mode", "mode", NULL, add_member },
	{ "replay window", "replay_window", NULL, add_packets },
	{ NULL, "Path", NULL, NULL },
	{ "outer local", "outer_local_address", "outer_local_port", add_outer_local },
	{ "outer remote", "outer_remote_address", "outer_remote_port", add_outer_remote },
	{ "carried in", "encapsulation", NULL, add_member },
	{ "behind NAT", "nat", NULL, add_member },
	{ NULL, "State", NULL, NULL },
	{ "state", "state", NULL, add_member },
	{ "since", "mono_ns", NULL, add_time },
	{ "event", "cause", NULL, add_member },
	{ "differs in", "diff", NULL, add_member },
	{ "reason", "reason", NULL, add_member },
	{ "for good", "for_good", NULL, add_member },
	{ "generation", "generation", NULL, add_member },
	{ NULL, "Owner", NULL, NULL },
	{ "owner", "owner", NULL, add_member },
	{ "user", "uid", NULL, add_user },
	{ "on a break", "disposition", NULL, add_member },
};

enum { NR_LINES = sizeof(lines) / sizeof(lines[0]) };

static bool is_shown(const char *key)
{
	if (strcmp(key, "id") == 0)
		return true;
	for (unsigned i = 0; i < NR_LINES; i++) {
		if (lines[i].label != NULL && (strcmp(lines[i].key, key) == 0 ||
		    (lines[i].key2 != NULL && strcmp(lines[i].key2, key) == 0)))
			return true;
	}
	return false;
}

/* A line; the group's title goes before the first one. */
static void print_line(const char **title, const char *label, const char *text, const char *color)
{
	if (*title != NULL)
		printf("\n%s\n", *title);
	*title = NULL;
	printf("  %-14s %s%s%s\n", label, color, text, *color == '\0' ? "" : CLI_COLOR_END);
}

static void print_rest(json_t *latch)
{
	const char *title = "Other", *key;
	json_t *value;

	json_object_foreach(latch, key, value) {
		struct text label = { .s = NULL }, text = { .s = NULL };

		if (is_shown(key))
			continue;
		text_add_safe(&label, key);
		text_add_json(&text, value);
		print_line(&title, text_of(&label), text_of(&text), "");
		text_free(&label);
		text_free(&text);
	}
}

static void print_latch(const struct cli *cli, json_t *latch)
{
	const char *title = NULL;
	bool has_color = cli_has_color(cli);

	printf("Latch %" JSON_INTEGER_FORMAT "\n",
	       json_integer_value(json_object_get(latch, "id")));
	for (unsigned i = 0; i < NR_LINES; i++) {
		struct text text = { .s = NULL };
		const char *color = "";

		if (lines[i].label == NULL) {
			title = lines[i].key;
			continue;
		}
		if (has_color && strcmp(lines[i].key, "state") == 0)
			color = cli_state_color(text_member(latch, "state"));
		if (lines[i].add(&text, latch, lines[i].key))
			print_line(&title, lines[i].label, text_of(&text), color);
		text_free(&text);
	}
	print_rest(latch);
}

static enum cli_exit show(const struct cli *cli, struct latch *latch, uint64_t id)
{
	struct latch_info *info = NULL;
	json_t *object;
	int r;

	if (cli->pem != CLI_PEM_NONE)
		return (enum cli_exit)cli_certificate(cli, latch, id);
	if (cli->binding != NULL)
		return (enum cli_exit)cli_binding(cli, latch, id);
	r = latch_inquire(latch, id, &info);
	if (r != LATCH_OK)
		return cli_failed(cli, r, "latch %llu", (unsigned long long)id);
	object = cli_latch_json(info);
	if (cli->json != CLI_JSON_OFF)
		cli_print_json(cli, object);
	else
		print_latch(cli, object);
	json_decref(object);
	latch_info_free(info);
	return CLI_OK;
}

int cli_show(struct cli *cli, int argc, char **argv)
{
	struct latch *latch = NULL;
	struct target target;
	enum cli_exit code;
	uint64_t id = 0;

	if ((cli->pem != CLI_PEM_NONE) + (cli->binding != NULL) + (cli->json != CLI_JSON_OFF) > 1)
		return cli_usage(cli, "--certificate, --binding and --json do not go together");
	code = target_read(cli, argc, argv, &target);
	if (code == CLI_OK)
		code = cli_open(cli, 0, &latch);
	if (code == CLI_OK)
		code = target_find(cli, latch, &target, &id);
	if (code == CLI_OK)
		code = show(cli, latch, id);
	latch_close(latch);
	target_close(&target);
	return code;
}
