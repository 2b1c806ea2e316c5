/* SPDX-License-Identifier: GPL-2.0-or-later */

/* stats: the numbers of the service, one a line or one object. Their names are the service's. */

#include "cli.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON's numbers are signed here; a count that has come so far stays there. */
static json_int_t json_number(uint64_t number)
{
	return number > INT64_MAX ? INT64_MAX : (json_int_t)number;
}

static void print_object(const struct cli *cli, const struct latch_stat *stats, size_t nr)
{
	json_t *object = cli_need(json_object());

	for (size_t i = 0; i < nr; i++)
		json_object_set_new(object, stats[i].name,
				    cli_need(json_integer(json_number(stats[i].number))));
	cli_print_json(cli, object);
	json_decref(object);
}

static void print_lines(const struct latch_stat *stats, size_t nr)
{
	int width = 0;

	for (size_t i = 0; i < nr; i++) {
		if ((int)strlen(stats[i].name) > width)
			width = (int)strlen(stats[i].name);
	}
	for (size_t i = 0; i < nr; i++) {
		struct text name = { .s = NULL };

		text_add_safe(&name, stats[i].name);
		printf("%-*s  %" PRIu64 "\n", width, text_of(&name), stats[i].number);
		text_free(&name);
	}
}

int cli_stats(struct cli *cli, int argc, char **argv)
{
	struct latch_stat *stats;
	struct latch *latch = NULL;
	enum cli_exit code = cli_open(cli, 0, &latch);
	size_t nr;
	int r;

	(void)argc;
	(void)argv;
	if (code != CLI_OK)
		return code;
	r = latch_stats(latch, &stats, &nr);
	if (r != LATCH_OK) {
		code = cli_failed(cli, r, "stats");
	} else {
		if (cli->json != CLI_JSON_OFF)
			print_object(cli, stats, nr);
		else
			print_lines(stats, nr);
		free(stats);
	}
	latch_close(latch);
	return code;
}
