/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SPD_H
#define PL_SPD_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_tuple.h"

#include <stdbool.h>

/* The mirror of the kernel policies that pluto installs. */
struct pl_spd;

/**
 * pl_spd_new() - an empty mirror: everything passes in clear
 *
 * Return: the mirror, or NULL without memory
 */
struct pl_spd *pl_spd_new(void) PL_MUST_USE;

/**
 * pl_spd_free() - with everything in it
 * @spd: NULL is fine
 *
 * Return: NULL
 */
struct pl_spd *pl_spd_free(struct pl_spd *spd);

/**
 * pl_spd_add() - pluto is about to install a policy; one of the same selectors is replaced
 * @spd:    the mirror
 * @policy: copied
 *
 * Return: 0 or -ENOMEM
 */
int pl_spd_add(struct pl_spd *spd, const struct pl_policy_facts *policy) PL_MUST_USE;

/**
 * pl_spd_remove() - pluto removed a policy
 * @spd:    the mirror
 * @policy: direction and selectors of it; may be unknown
 */
void pl_spd_remove(struct pl_spd *spd, const struct pl_policy_facts *policy);

/**
 * pl_spd_clear() - every policy is gone
 * @spd: the mirror
 */
void pl_spd_clear(struct pl_spd *spd);

/* What becomes of the packets of a connection; the worse of both directions. */
enum pl_spd_answer {
	PL_SPD_PROTECTS = 0,	/* or discards */
	PL_SPD_ABSENT,		/* no policy: they leave in clear */
	PL_SPD_PASSES,		/* a policy says that they leave in clear */
};

/**
 * pl_spd_judge() - what the system would do without a guard
 * @spd:   the mirror
 * @tuple: of the connection
 * @ret:   the direction, written unless both are protected
 */
enum pl_spd_answer pl_spd_judge(const struct pl_spd *spd, const struct pl_tuple *tuple,
				enum pl_direction *ret);

#endif
