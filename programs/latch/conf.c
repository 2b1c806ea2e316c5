/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Would the service take this latch.conf? Asked of its own reader, without the service; what only
 * a running one knows (a change that needs a restart) is for reload to say.
 */

#include "cli.h"
#include "text.h"

#include "core/pl_conf.h"
#include "daemon/pl_conf_file.h"

#include <stdio.h>
#include <stdlib.h>

/* The line is printed first, as compilers do, so that editors find it. */
static void tell(const struct cli *cli, const char *file, bool is_valid, const char *error)
{
	struct text text = { .s = NULL };
	json_t *object;

	if (!is_valid) {
		text_add_safe(&text, error);
		cli_say(cli, "%s", text_of(&text));
		text_free(&text);
	}
	if (cli->json == CLI_JSON_OFF)
		return;
	object = cli_need(json_object());
	json_object_set_new(object, "valid", json_boolean(is_valid));
	/* Not if its name is no UTF-8. */
	json_object_set_new(object, "file", json_string(file));
	if (!is_valid)
		json_object_set_new(object, "error", json_string(error));
	cli_print_json(cli, object);
	json_decref(object);
}

int cli_conf(struct cli *cli, int argc, char **argv)
{
	char error[PL_DAEMON_ERROR_MAX] = "";
	struct pl_conf conf;
	int r;

	(void)argc;
	if (!cli->check)
		return cli_usage(cli, "conf needs --check");
	/* Where the reader looks; one that is named has to be there. */
	if (setenv("PLUTO_LATCH_CONF", argv[0], 1) != 0)
		return cli_failed(cli, LATCH_ERR_SYSTEM, "%s", argv[0]);
	r = pl_conf_file_load(&conf, error);
	if (r == 0)
		pl_conf_clear(&conf);
	tell(cli, argv[0], r == 0, error);
	return r == 0 ? CLI_OK : CLI_ERROR;
}
