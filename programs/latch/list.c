/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One line for each latch, or just its id. Of a latch only the cells are kept until the widths are
 * known, so that a hundred thousand of them fit; JSON is written as the pages come.
 */

#include "filter.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COL_ID = 0, COL_PROTO, COL_LOCAL, COL_REMOTE, COL_STATE, COL_PEER, COL_SUITE, COL_OWNER,
	NR_COLS };

static const char *const headings[NR_COLS] = {
	"ID", "PROTO", "LOCAL", "REMOTE", "STATE", "PEER", "SUITE", "OWNER",
};

struct row {
	char *cells[NR_COLS];
};

struct table {
	struct row *rows;
	size_t nr, room;
	size_t width[NR_COLS];
};

static void put_cell(struct table *table, struct row *row, int column, struct text *text)
{
	size_t width;

	if (text->len == 0)
		text_add(text, "-");
	width = text_width(text->s);
	if (width > table->width[column])
		table->width[column] = width;
	row->cells[column] = text->s;
	*text = (struct text){ .s = NULL };
}

static void put_member(struct table *table, struct row *row, int column, const json_t *latch,
		       const char *key)
{
	struct text text = { .s = NULL };

	text_add_json(&text, json_object_get(latch, key));
	put_cell(table, row, column, &text);
}

/* Who it is; as long as nobody is there, in parentheses whom it is for. */
static void put_peer(struct table *table, struct row *row, const json_t *latch)
{
	const char *id = text_member(latch, "peer_id"), *wanted = text_member(latch, "peer");
	struct text text = { .s = NULL };

	if (*id == '\0' && *wanted != '\0') {
		text_add(&text, "(");
		text_add_safe(&text, wanted);
		text_add(&text, ")");
	} else {
		text_add_safe(&text, id);
	}
	put_cell(table, row, COL_PEER, &text);
}

static void add_row(struct table *table, const json_t *latch)
{
	const json_t *uid = json_object_get(latch, "uid");
	struct text text = { .s = NULL };
	struct row *row;

	if (table->nr == table->room) {
		table->room = 2 * table->room + 64;
		table->rows = cli_need(reallocarray(table->rows, table->room,
						    sizeof(*table->rows)));
	}
	row = &table->rows[table->nr++];
	put_member(table, row, COL_ID, latch, "id");
	put_member(table, row, COL_PROTO, latch, "protocol");
	text_add_endpoint(&text, latch, "local");
	put_cell(table, row, COL_LOCAL, &text);
	text_add_endpoint(&text, latch, "remote");
	put_cell(table, row, COL_REMOTE, &text);
	put_member(table, row, COL_STATE, latch, "state");
	put_peer(table, row, latch);
	put_member(table, row, COL_SUITE, latch, "suites");
	text_add_safe(&text, text_member(latch, "owner"));
	if (json_is_integer(uid)) {
		text_add(&text, text.len == 0 ? "" : " ");
		text_add_user(&text, json_integer_value(uid));
	}
	if (json_is_true(json_object_get(latch, "forwarded")))
		text_add(&text, ", forwarded");
	put_cell(table, row, COL_OWNER, &text);
}

static void pad(size_t nr)
{
	printf("%*s", (int)nr, "");
}

static void print_row(const struct table *table, const char *const *cells, bool color)
{
	for (int i = 0; i < NR_COLS; i++) {
		const char *begin = i == COL_STATE && color ? cli_state_color(cells[i]) : "";
		size_t left = table->width[i] - text_width(cells[i]);

		if (i == COL_ID)
			pad(left);
		printf("%s%s%s", begin, cells[i], *begin == '\0' ? "" : CLI_COLOR_END);
		if (i == NR_COLS - 1)
			break;
		pad(i == COL_ID ? 2 : left + 2);
	}
	putchar('\n');
}

static void print_table(const struct cli *cli, struct table *table)
{
	bool color = cli_has_color(cli);

	if (!cli->no_legend && table->nr > 0) {
		for (int i = 0; i < NR_COLS; i++) {
			if (strlen(headings[i]) > table->width[i])
				table->width[i] = strlen(headings[i]);
		}
		print_row(table, headings, false);
	}
	for (size_t i = 0; i < table->nr; i++)
		print_row(table, (const char *const *)table->rows[i].cells, color);
	if (!cli->no_legend && table->nr == 0)
		printf("No latches.\n");
}

static void free_table(struct table *table)
{
	for (size_t i = 0; i < table->nr; i++) {
		for (int j = 0; j < NR_COLS; j++)
			free(table->rows[i].cells[j]);
	}
	free(table->rows);
}

/* A member of an array that is written as it comes. */
static void print_element(const struct cli *cli, const json_t *latch, bool is_first)
{
	if (!is_first)
		putchar(',');
	if (cli->json == CLI_JSON_PRETTY) {
		char *text = cli_need(json_dumps(latch, JSON_INDENT(2) | JSON_ENSURE_ASCII));

		printf("\n  ");
		for (const char *c = text; *c != '\0'; c++) {
			putchar(*c);
			/* Line ends stand between members only: in strings they are "\n". */
			if (*c == '\n')
				printf("  ");
		}
		free(text);
	} else {
		json_dumpf(latch, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	}
}

/**
 * struct listing - what was found, on its way to standard output
 * @filter:  which latches are meant
 * @is_find: ids alone
 * @table:   its rows are kept unless they are printed as they come
 * @nr:      how many
 */
struct listing {
	struct filter filter;
	bool is_find;
	struct table table;
	size_t nr;
};

static void take(struct listing *listing, const json_t *latch)
{
	const struct cli *cli = listing->filter.cli;

	if (cli->json != CLI_JSON_OFF)
		print_element(cli, latch, listing->nr == 0);
	else if (listing->is_find)
		printf("%" JSON_INTEGER_FORMAT "\n",
		       json_integer_value(json_object_get(latch, "id")));
	else
		add_row(&listing->table, latch);
	listing->nr++;
}

/* One page; false at the end, or with *@code after an error. */
static bool list_page(struct listing *listing, struct latch *latch, uint64_t *cursor,
		      enum cli_exit *code)
{
	struct latch_info **infos = NULL;
	size_t nr = 0;
	int r = latch_list(latch, cursor, &infos, &nr);

	if (r != LATCH_OK) {
		*code = cli_failed(listing->filter.cli, r, "list");
		return false;
	}
	for (size_t i = 0; i < nr; i++) {
		json_t *object = cli_latch_json(infos[i]);

		if (filter_holds(&listing->filter, latch_info_state(infos[i]), object))
			take(listing, object);
		json_decref(object);
		latch_info_free(infos[i]);
	}
	free(infos);
	return *cursor != 0;
}

/* What blocks flows and is in no list. Only administrators are told, who can do something about it;
 * others would be refused for having asked. */
static void warn_of_unreadable(const struct cli *cli, struct latch *latch)
{
	struct latch_stat *stats;
	size_t nr;

	if (geteuid() != 0 || latch_stats(latch, &stats, &nr) != LATCH_OK)
		return;
	for (size_t i = 0; i < nr; i++) {
		uint64_t number = stats[i].number;

		if (number > 0 && strcmp(stats[i].name, "unreadable") == 0)
			cli_say(cli, "%" PRIu64 " record%s of the journal cannot be read, and may "
				"block flows: see forget-unreadable", number,
				number == 1 ? "" : "s");
	}
	free(stats);
}

static enum cli_exit list(struct cli *cli, struct listing *listing)
{
	struct latch *latch = NULL;
	uint64_t cursor = 0;
	enum cli_exit code = cli_open(cli, 0, &latch);

	if (code == CLI_OK)
		code = filter_open(cli, latch, &listing->filter);
	if (code == CLI_OK) {
		if (cli->json != CLI_JSON_OFF)
			putchar('[');
		while (list_page(listing, latch, &cursor, &code))
			;
		if (cli->json != CLI_JSON_OFF)
			printf("%s]\n",
			       listing->nr > 0 && cli->json == CLI_JSON_PRETTY ? "\n" : "");
		else if (!listing->is_find)
			/* After an error, what came before it is shown all the same. */
			print_table(cli, &listing->table);
		if (code == CLI_OK && cli->json == CLI_JSON_OFF && !listing->is_find)
			warn_of_unreadable(cli, latch);
	}
	free_table(&listing->table);
	filter_close(&listing->filter);
	latch_close(latch);
	return code;
}

int cli_list(struct cli *cli, int argc, char **argv)
{
	struct listing listing = { .is_find = false };

	(void)argc;
	(void)argv;
	return list(cli, &listing);
}

int cli_find(struct cli *cli, int argc, char **argv)
{
	struct listing listing = { .is_find = true };
	enum cli_exit code;

	(void)argc;
	(void)argv;
	/* Somebody will write release $(latchctl find $filters). */
	if (cli->states == 0 && cli->address_family == 0 && cli->port == 0 && cli->peer == NULL &&
	    cli->pid == 0)
		return cli_usage(cli, "find needs something to find it by");
	code = list(cli, &listing);
	return code == CLI_OK && listing.nr == 0 ? CLI_NOT_FOUND : code;
}
