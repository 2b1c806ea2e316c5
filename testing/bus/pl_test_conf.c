/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch.conf of pl_test_daemon: defaults, what its command line and its commands say, and the file
 * that Reload reads.
 */

#include "pl_test_conf.h"

#include "daemon/pl_conf_file.h"

#include <stdlib.h>
#include <string.h>

bool pl_test_set_limit(struct pl_conf *conf, const char *text)
{
	const char *equals = strchr(text, '=');

	for (enum pl_limit limit = PL_LIMIT_NONE; equals != NULL && limit < PL_LIMIT_ROOF;
	     limit++) {
		const char *name = pl_limit_info(limit)->name;

		if (name != NULL && strlen(name) == (size_t)(equals - text) &&
		    strncmp(name, text, strlen(name)) == 0)
			return pl_limits_set(&conf->limits, limit, false,
					     (uint32_t)strtoul(equals + 1, NULL, 10)) == 0;
	}
	return false;
}

const char *pl_test_deny_gid(struct pl_conf *conf, uint32_t gid)
{
	struct pl_conf_rule rule = conf->other;

	rule.is_allowed = false;
	rule.gids = (struct pl_conf_range) { gid, gid };
	free(conf->rules);
	conf->rules = malloc(sizeof(rule));
	if (conf->rules == NULL)
		return "no memory";
	*conf->rules = rule;
	conf->nr_rules = 1;
	return NULL;
}

int pl_test_reload(void *ctx, char ret_error[static PL_BUS_ERROR_MAX])
{
	return pl_conf_file_reload(ctx, ret_error);
}
