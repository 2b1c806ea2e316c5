/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Channel binding data of a connection, for a person who compares the two ends, or a script. */

#include "cli.h"

#include <stdio.h>

int cli_binding(const struct cli *cli, struct latch *latch, uint64_t id)
{
	struct latch_binding binding;
	int r = latch_channel_binding(latch, id, cli->binding, &binding);

	if (r != LATCH_OK)
		return cli_failed(cli, r, "latch %llu", (unsigned long long)id);
	printf("%s:", binding.type);
	for (size_t i = 0; i < binding.len; i++)
		printf("%02x", binding.data[i]);
	putchar('\n');
	return CLI_OK;
}
