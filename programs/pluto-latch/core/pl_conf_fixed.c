/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of latch.conf holds from the start of the daemon to its end. A reload loses no latch, so it
 * does not touch what latches that are there go by: what makes a peer the same, what conflicts, and
 * whose policies win. Automatic rules are in the guard, with a latch at each of their ports.
 *
 * All other keys are asked for when somebody wants something, so they hold from the next time on.
 */

#include "core/pl_conf_fixed.h"

#include "core/pl_conf_auto.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} words[] = {
	{ "peer-match", offsetof(struct pl_conf, peer_match) },
	{ "same-peer-qop", offsetof(struct pl_conf, may_differ_in_qop) },
	{ "spd-change", offsetof(struct pl_conf, spd_change) },
	{ "gro", offsetof(struct pl_conf, gro) },
};

/* The next rule that speaks of packets for which nobody asks; its number goes to @at. */
static const struct pl_conf_rule *next_rule(const struct pl_conf *conf, unsigned *at)
{
	while (*at < conf->nr_rules) {
		const struct pl_conf_rule *rule = &conf->rules[(*at)++];

		if (pl_conf_auto_counts(rule))
			return rule;
	}
	return NULL;
}

static bool is_range(const struct pl_conf_range *a, const struct pl_conf_range *b)
{
	return a->lo == b->lo && a->hi == b->hi;
}

static bool is_flow(const struct pl_conf_rule *a, const struct pl_conf_rule *b)
{
	return pl_ts_is_equal(&a->local, &b->local) && pl_ts_is_equal(&a->remote, &b->remote) &&
	       a->proto == b->proto && is_range(&a->local_ports, &b->local_ports) &&
	       is_range(&a->remote_ports, &b->remote_ports);
}

static bool is_promise(const struct pl_require *a, const struct pl_require *b)
{
	return a->protection == b->protection && a->min_key_bits == b->min_key_bits &&
	       a->min_integ_bits == b->min_integ_bits && a->mode == b->mode;
}

static bool is_rule(const struct pl_conf_rule *a, const struct pl_conf_rule *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->peer, b->peer) == 0 && is_flow(a, b) &&
	       is_promise(&a->require, &b->require) && a->is_allowed == b->is_allowed &&
	       a->is_auto == b->is_auto && a->is_forward == b->is_forward &&
	       a->is_narrow == b->is_narrow && a->may_bypass == b->may_bypass &&
	       a->disposition == b->disposition;
}

/* Behind the last automatic rule of both, none takes anything out of one. */
static const struct pl_conf_rule *other_rule(const struct pl_conf *now,
					     const struct pl_conf *next)
{
	const struct pl_conf_rule *differs = NULL, *a, *b;
	unsigned at_now = 0, at_next = 0;

	do {
		a = next_rule(now, &at_now);
		b = next_rule(next, &at_next);
		if (differs == NULL && (a == NULL || b == NULL || !is_rule(a, b)))
			differs = b != NULL ? b : a;
		if (differs != NULL && ((a != NULL && a->is_auto) || (b != NULL && b->is_auto)))
			return differs;
	} while (a != NULL || b != NULL);
	return NULL;
}

static int refuse(struct pl_conf_error *err, const char *section, const char *name,
		  const char *key, const char *text)
{
	memset(err, 0, sizeof(*err));
	snprintf(err->section, sizeof(err->section), "%s%s", section, name);
	snprintf(err->key, sizeof(err->key), "%s", key);
	snprintf(err->text, sizeof(err->text), "%s", text);
	return PL_E_BAD_CONFIG;
}

int pl_conf_fixed(const struct pl_conf *now, const struct pl_conf *next, struct pl_conf_error *err)
{
	const struct pl_conf_rule *rule;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (((const uint8_t *)now)[words[i].offset] !=
		    ((const uint8_t *)next)[words[i].offset])
			return refuse(err, "latch", "", words[i].name,
				      "only a restart of the daemon changes this");
	}
	rule = other_rule(now, next);
	if (rule != NULL)
		return refuse(err, "flow ", rule->name, "auto", "only a restart of the daemon "
			      "changes automatic rules and those before them");
	return 0;
}
