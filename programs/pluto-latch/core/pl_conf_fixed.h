/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONF_FIXED_H
#define PL_CONF_FIXED_H

#include "core/pl_conf.h"

/**
 * pl_conf_fixed() - may this configuration take the place of that one while the daemon runs
 * @now:  in force
 * @next: wanted
 * @err:  written with PL_E_BAD_CONFIG: the first key that only a start changes; no line
 *
 * Return: 0 or PL_E_BAD_CONFIG
 */
int pl_conf_fixed(const struct pl_conf *now, const struct pl_conf *next,
		  struct pl_conf_error *err) PL_MUST_USE;

#endif
