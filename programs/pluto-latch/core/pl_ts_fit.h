/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TS_FIT_H
#define PL_TS_FIT_H

#include "core/pl_facts.h"
#include "core/pl_ts_narrow.h"

/**
 * pl_ts_fit() - pl_ts_narrow(), as far as pluto can say it and the kernel hold it
 * @role:  ours
 * @ts:    .selected_tsi and .selected_tsr are narrowed; .may_cut
 * @flows: connections that an SA of the result must not touch
 * @nr:    how many
 * @ret:   written only on success
 *
 * Return: 0; -ENOMEM; what pl_ts_narrow() says
 */
int pl_ts_fit(enum pl_role role, const struct pl_ts_facts *ts, const struct pl_tuple *flows,
	      unsigned nr, struct pl_ts_narrowed *ret) PL_MUST_USE;

#endif
