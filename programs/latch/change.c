/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The commands that change a latch, release, unprotect, break and close; the one for what may have
 * been latches, forget-unreadable; and the one for what will be latches, reload.
 */

#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Ids are numbers from 1. */
static bool id_of(const char *text, uint64_t *ret)
{
	return cli_number(text, INT64_MAX, ret) && *ret != 0;
}

int cli_release(struct cli *cli, int argc, char **argv)
{
	struct latch *latch = NULL;
	enum cli_exit worst = CLI_OK, code;
	uint64_t id;

	/* All arguments are looked at before the first latch is let go. */
	for (int i = 0; i < argc; i++) {
		if (!id_of(argv[i], &id))
			return cli_usage(cli, "\"%s\" is no id of a latch", argv[i]);
	}
	code = cli_open(cli, 0, &latch);
	if (code != CLI_OK)
		return code;
	for (int i = 0; i < argc; i++) {
		int r;

		id_of(argv[i], &id);
		r = latch_release(latch, id);
		if (r == LATCH_OK)
			continue;
		code = cli_failed(cli, r, "latch %s", argv[i]);
		worst = worst == CLI_OK ? code : worst;
	}
	latch_close(latch);
	return worst;
}

static int unprotect(struct latch *latch, uint64_t id, const char *reason)
{
	(void)reason;
	return latch_unprotect(latch, id);
}

static int change(struct cli *cli, int argc, char **argv, const char *reason,
		  int (*call)(struct latch *latch, uint64_t id, const char *reason))
{
	struct latch *latch = NULL;
	enum cli_exit code;
	uint64_t id;
	int r;

	if (!id_of(argv[0], &id))
		return cli_usage(cli, "\"%s\" is no id of a latch", argv[0]);
	code = cli_open(cli, 0, &latch);
	if (code != CLI_OK)
		return code;
	r = call(latch, id, argc > 1 ? argv[1] : reason);
	if (r != LATCH_OK)
		code = cli_failed(cli, r, "latch %s", argv[0]);
	latch_close(latch);
	return code;
}

int cli_unprotect(struct cli *cli, int argc, char **argv)
{
	return change(cli, argc, argv, NULL, unprotect);
}

int cli_break(struct cli *cli, int argc, char **argv)
{
	return change(cli, argc, argv, "broken by an administrator", latch_break);
}

int cli_close(struct cli *cli, int argc, char **argv)
{
	return change(cli, argc, argv, "closed by an administrator", latch_shut);
}

static void print_forgotten(const struct cli *cli, uint32_t records, uint32_t flows)
{
	json_t *object;

	if (cli->json != CLI_JSON_OFF) {
		object = cli_need(json_pack("{s:I, s:I}", "records", (json_int_t)records,
					    "flows", (json_int_t)flows));
		cli_print_json(cli, object);
		json_decref(object);
	} else if (records == 0 && flows == 0) {
		printf("Nothing was unreadable.\n");
	} else {
		printf("%" PRIu32 " record%s forgotten, %" PRIu32 " flow%s free again.\n",
		       records, records == 1 ? "" : "s", flows, flows == 1 ? "" : "s");
	}
}

int cli_forget_unreadable(struct cli *cli, int argc, char **argv)
{
	uint32_t records = 0, flows = 0;
	struct latch *latch = NULL;
	enum cli_exit code = cli_open(cli, 0, &latch);
	int r;

	(void)argc;
	(void)argv;
	if (code != CLI_OK)
		return code;
	r = latch_forget_unreadable(latch, &records, &flows);
	if (r == LATCH_OK)
		print_forgotten(cli, records, flows);
	else
		code = cli_failed(cli, r, "forget-unreadable");
	latch_close(latch);
	return code;
}

int cli_reload(struct cli *cli, int argc, char **argv)
{
	struct latch *latch = NULL;
	enum cli_exit code = cli_open(cli, 0, &latch);
	int r;

	(void)argc;
	(void)argv;
	if (code != CLI_OK)
		return code;
	r = latch_reload(latch);
	if (r != LATCH_OK)
		code = cli_refused(cli, latch, r, "reload");
	latch_close(latch);
	return code;
}
