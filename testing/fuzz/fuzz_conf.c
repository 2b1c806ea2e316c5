/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: latch.conf. The input is the file.
 *
 * Asserted: a file is taken whole or not at all, and then with a line and a reason; what is taken
 * is within the bounds that the rest of the daemon relies on; the same file gives the same again.
 */

#include "core/pl_conf.h"

#include "core/pl_fsm.h"
#include "core/pl_ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ordered(const struct pl_conf_range *range, uint32_t max)
{
	return range->lo <= range->hi && range->hi <= max;
}

static bool is_address(const struct pl_ts *ts)
{
	return ts->af == PL_AF_NONE || pl_ts_is_valid(ts);
}

static void check_rule(const struct pl_conf_rule *rule)
{
	assert(rule->name[0] != '\0' && memchr(rule->name, 0, sizeof(rule->name)) != NULL);
	assert(memchr(rule->peer, 0, sizeof(rule->peer)) != NULL);
	assert(is_ordered(&rule->uids, UINT32_MAX) && is_ordered(&rule->gids, UINT32_MAX));
	assert(is_ordered(&rule->local_ports, UINT16_MAX));
	assert(is_ordered(&rule->remote_ports, UINT16_MAX));
	assert(is_address(&rule->local) && is_address(&rule->remote));
	assert(rule->disposition < PL_DISPOSITION_ROOF && rule->require.mode <= PL_MODE_TRANSPORT);
	assert(!rule->is_forward || rule->is_auto);
}

static void check(const struct pl_conf *conf)
{
	static const struct pl_tuple tuple = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000, .remote_port = 32800,
		.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
	};
	const struct pl_conf_rule *found = pl_conf_match(conf, 1000, NULL, 0, &tuple);

	assert(conf->conflict <= PL_CONF_CONFLICT_REFUSE && conf->spd_change <= 1);
	assert(conf->gro <= PL_CONF_GRO_WARN && conf->stop <= PL_CONF_STOP_CLOSE);
	assert(found == &conf->other ||
	       (found >= conf->rules && found < conf->rules + conf->nr_rules));
	assert(found == &conf->other || pl_conf_holds(found, &tuple));
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		check_rule(&conf->rules[i]);
		for (unsigned j = 0; j < i; j++)
			assert(strcmp(conf->rules[i].name, conf->rules[j].name) != 0);
	}
}

static void check_error(const struct pl_conf_error *err)
{
	assert(memchr(err->text, 0, sizeof(err->text)) != NULL && err->text[0] != '\0');
	assert(memchr(err->section, 0, sizeof(err->section)) != NULL);
	assert(memchr(err->key, 0, sizeof(err->key)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_conf_error err = { .line = 0 }, other = { .line = 0 };
	struct pl_conf conf = { .nr_rules = 77 }, again = { .nr_rules = 77 };
	char *copy = malloc(size == 0 ? 1 : size);
	int r;

	/* with nothing behind */
	if (size > 0)
		memcpy(copy, data, size);
	r = pl_conf_load(copy, size, &conf, &err);
	assert(pl_conf_load(copy, size, &again, &other) == r);
	free(copy);
	assert(r == 0 || r == PL_E_BAD_CONFIG);
	assert(err.line == other.line && strcmp(err.text, other.text) == 0);
	if (r != 0) {
		assert(conf.nr_rules == 77);
		check_error(&err);
		return 0;
	}
	check(&conf);
	assert(conf.nr_rules == again.nr_rules);
	pl_conf_clear(&conf);
	pl_conf_clear(&again);
	return 0;
}
