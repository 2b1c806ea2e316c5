/* SPDX-License-Identifier: GPL-2.0-or-later */

/* System policy meets request (K11, IPsec API requirements: "system policy trumps all; by default
 * programs may only ask for more").
 */

#include "core/pl_admit.h"

#include <string.h>

static uint16_t larger(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

int pl_admit_by(const struct pl_conf_rule *rule, struct pl_engine_ask *ask)
{
	const struct pl_require *least = &rule->require;

	if (!rule->is_allowed)
		return PL_E_FORBIDDEN;
	/* One suite and more than it gives: no SA could do. Pluto is not asked for one. */
	if (ask->suite.protocol != PL_PROTO_NONE && !pl_suite_meets(&ask->suite, &ask->require))
		return PL_E_WEAK;
	if (ask->suite.protocol != PL_PROTO_NONE && !pl_suite_meets(&ask->suite, least))
		return PL_E_FORBIDDEN;
	if (least->mode != PL_MODE_NONE && ask->require.mode != PL_MODE_NONE &&
	    least->mode != ask->require.mode)
		return PL_E_FORBIDDEN;
	if (rule->peer[0] != '\0' && ask->peer != NULL && strcmp(rule->peer, ask->peer) != 0)
		return PL_E_FORBIDDEN;
	ask->require.protection |= least->protection;
	ask->require.min_key_bits = larger(ask->require.min_key_bits, least->min_key_bits);
	ask->require.min_integ_bits = larger(ask->require.min_integ_bits, least->min_integ_bits);
	if (ask->require.mode == PL_MODE_NONE)
		ask->require.mode = least->mode;
	if (rule->peer[0] != '\0')
		ask->peer = rule->peer;
	if (ask->disposition == PL_DISPOSITION_DEFAULT)
		ask->disposition = (enum pl_disposition)rule->disposition;
	ask->may_unprotect = rule->may_bypass;
	ask->is_narrow = ask->is_narrow || rule->is_narrow;
	return 0;
}

int pl_admit(const struct pl_conf *conf, const struct pl_tuple *tuple, struct pl_engine_ask *ask)
{
	/* What an automatic rule asks for comes from it. */
	if (ask->owner.kind == PL_OWNER_ADMIN)
		return 0;
	return pl_admit_by(pl_conf_match(conf, ask->owner.uid, ask->gids, ask->nr_gids, tuple),
			   ask);
}
