/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ADMIT_H
#define PL_ADMIT_H

#include "core/pl_conf.h"
#include "core/pl_engine.h"

/**
 * pl_admit() - what latch.conf says to a request (K11)
 * @conf:  the configuration
 * @tuple: normal
 * @ask:   who asks, and for what; .require gets stricter where the rule is, .peer is the rule's
 *         where it has one, .disposition is set where the owner did not choose, and .may_unprotect
 *         is what the rule says
 *
 * Whoever asks for the administrator was admitted by a rule of his.
 *
 * Return: 0; PL_E_FORBIDDEN, also when the rule wants another mode or peer than @ask, or more than
 * its one suite gives; PL_E_WEAK when @ask itself wants more than that suite gives
 */
int pl_admit(const struct pl_conf *conf, const struct pl_tuple *tuple,
	     struct pl_engine_ask *ask) PL_MUST_USE;

/**
 * pl_admit_by() - the same by a rule that was found
 * @rule: of latch.conf
 * @ask:  as above
 *
 * Return: as above
 */
int pl_admit_by(const struct pl_conf_rule *rule, struct pl_engine_ask *ask) PL_MUST_USE;

#endif
