/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SPD_H
#define PL_SPD_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_tuple.h"
#include "core/pl_xfrm.h"

#include <stdbool.h>
#include <stdint.h>

/* The mirror of the kernel's policies: those of pluto, and foreign ones. */
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
 * @ret_is_change: whether any answer about the SPD may be another one now; a rekey installs what
 *          is there
 *
 * Return: 0 or -ENOMEM
 */
int pl_spd_add(struct pl_spd *spd, const struct pl_policy_facts *policy,
	       bool *ret_is_change) PL_MUST_USE;

/**
 * pl_spd_remove() - pluto removed a policy
 * @spd:    the mirror
 * @policy: direction and selectors of it; may be unknown
 */
void pl_spd_remove(struct pl_spd *spd, const struct pl_policy_facts *policy);

/**
 * pl_spd_clear() - every policy is gone, by pluto's will
 * @spd: the mirror
 */
void pl_spd_clear(struct pl_spd *spd);

/**
 * pl_spd_steer() - this daemon puts policies for just one connection in front of all others
 * @spd:    the mirror
 * @tuple:  of the connection
 * @effect: of both directions
 * @reqid:  of PL_XFRM_PROTECTS
 *
 * They are here from now on, as pluto's are.
 *
 * Return: 0 or -ENOMEM; then one of them may be here
 */
int pl_spd_steer(struct pl_spd *spd, const struct pl_tuple *tuple, enum pl_xfrm_effect effect,
		 uint32_t reqid) PL_MUST_USE;

/**
 * pl_spd_unsteer() - they are gone, by this daemon's will
 * @spd:   the mirror
 * @tuple: of the connection; without any is fine
 */
void pl_spd_unsteer(struct pl_spd *spd, const struct pl_tuple *tuple);

/*
 * What the kernel says, in the order in which it happened. Pluto's own changes are among it; they
 * were told above before they happened. So when everything that happened so far was said, what is
 * here is so.
 */

/**
 * pl_spd_kernel_new() - the kernel has a policy
 * @spd:    the mirror
 * @policy: copied
 *
 * One that says what pluto's does is pluto's, whoever made it; another one takes its place.
 *
 * Return: 0 or -ENOMEM
 */
int pl_spd_kernel_new(struct pl_spd *spd, const struct pl_xfrm_policy *policy) PL_MUST_USE;

/**
 * pl_spd_kernel_gone() - the kernel has it no longer
 * @spd:    the mirror
 * @policy: may be unknown; pluto's own counts as taken until it is back
 */
void pl_spd_kernel_gone(struct pl_spd *spd, const struct pl_xfrm_policy *policy);

/**
 * pl_spd_kernel_flush() - all of a type are gone
 * @spd:  the mirror
 * @type: of them
 */
void pl_spd_kernel_flush(struct pl_spd *spd, uint8_t type);

/**
 * pl_spd_list_begin() - all that the kernel has follows
 * @spd: the mirror
 */
void pl_spd_list_begin(struct pl_spd *spd);

/**
 * pl_spd_listed() - one of them; pluto's is known by what it says
 * @spd:    the mirror
 * @policy: copied
 *
 * Return: 0 or -ENOMEM
 */
int pl_spd_listed(struct pl_spd *spd, const struct pl_xfrm_policy *policy) PL_MUST_USE;

/**
 * pl_spd_list_end() - what was not listed is not there: foreign ones go, pluto's were taken
 * @spd: the mirror
 */
void pl_spd_list_end(struct pl_spd *spd);

/**
 * pl_spd_deeds() - rises when others' policies come and go, and when pluto's are taken or given
 * back
 * @spd: the mirror
 */
uint64_t pl_spd_deeds(const struct pl_spd *spd);

/* What becomes of the packets of a connection; the worse of both directions. */
enum pl_spd_answer {
	PL_SPD_PROTECTS = 0,	/* or discards */
	PL_SPD_ABSENT,		/* no policy: they leave in clear */
	PL_SPD_DIVERTS,		/* a foreign policy wants other SAs than its own */
	PL_SPD_TAKEN,		/* no policy, because somebody took pluto's away */
	PL_SPD_PASSES,		/* a policy says that they leave in clear */
};

/**
 * pl_spd_judge() - what the system would do without a guard
 * @spd:    the mirror
 * @tuple:  of the connection
 * @reqids: of SAs that may carry it; may be NULL
 * @nr:     how many
 * @ret:    the direction, written unless both are protected
 */
enum pl_spd_answer pl_spd_judge(const struct pl_spd *spd, const struct pl_tuple *tuple,
				const uint32_t *reqids, unsigned nr, enum pl_direction *ret);

/**
 * pl_spd_judge_bare() - the same, if pl_spd_steer() had never been called
 * @spd:    the mirror
 * @tuple:  of the connection
 * @reqids: as above
 * @nr:     how many
 * @ret:    likewise
 */
enum pl_spd_answer pl_spd_judge_bare(const struct pl_spd *spd, const struct pl_tuple *tuple,
				     const uint32_t *reqids, unsigned nr, enum pl_direction *ret);

/**
 * pl_spd_may_steer() - may policies of a latch be put in front of what is there
 * @spd:    the mirror
 * @tuple:  of the connection
 * @reqids: as above
 * @nr:     how many
 * @is_past_others: also of policies that want other SAs
 *
 * What discards packets is never got around: no protection exceeds that (K11).
 */
bool pl_spd_may_steer(const struct pl_spd *spd, const struct pl_tuple *tuple,
		      const uint32_t *reqids, unsigned nr, bool is_past_others);

/**
 * pl_spd_is_bypassed() - policies of this daemon's own let its packets by, in both directions
 * @spd:   the mirror
 * @tuple: of the connection
 */
bool pl_spd_is_bypassed(const struct pl_spd *spd, const struct pl_tuple *tuple);

#endif
