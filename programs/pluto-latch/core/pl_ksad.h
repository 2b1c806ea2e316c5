/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_KSAD_H
#define PL_KSAD_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_tuple.h"
#include "core/pl_xfrm.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The mirror of the kernel's SAs, one by one: those of pluto's child SAs, and foreign ones. What a
 * child SA is, pl_sad says; here it is only asked whether the kernel still has it.
 */
struct pl_ksad;

/**
 * pl_ksad_new() - an empty mirror
 *
 * Return: the mirror, or NULL without memory
 */
struct pl_ksad *pl_ksad_new(void) PL_MUST_USE;

/**
 * pl_ksad_free() - with everything in it
 * @ksad: NULL is fine
 *
 * Return: NULL
 */
struct pl_ksad *pl_ksad_free(struct pl_ksad *ksad);

/**
 * pl_ksad_add() - pluto is about to install an SA
 * @ksad:  the mirror
 * @sa:    protocol, SPI and reqid of it
 * @child: serial of the child SA
 *
 * Return: 0 or -ENOMEM
 */
int pl_ksad_add(struct pl_ksad *ksad, const struct pl_sa_facts *sa, uint64_t child) PL_MUST_USE;

/**
 * pl_ksad_remove() - pluto removed it
 * @ksad: the mirror
 * @sa:   protocol, SPI and destination of it; may be unknown
 */
void pl_ksad_remove(struct pl_ksad *ksad, const struct pl_sa_facts *sa);

/**
 * pl_ksad_forget() - a child SA is gone
 * @ksad:  the mirror
 * @child: its serial
 */
void pl_ksad_forget(struct pl_ksad *ksad, uint64_t child);

/**
 * pl_ksad_leave() - pluto lets go of a child whose reqid others bear, too
 * @ksad:  the mirror
 * @child: its serial
 *
 * Its SAs count as foreign until the kernel says that they are gone: who is carried under that
 * number cannot be told from who was carried by them.
 */
void pl_ksad_leave(struct pl_ksad *ksad, uint64_t child);

/**
 * pl_ksad_move() - pluto is about to give the SAs of a child other addresses
 * @ksad:  the mirror
 * @child: its serial
 */
void pl_ksad_move(struct pl_ksad *ksad, uint64_t child);

/**
 * pl_ksad_clear() - every SA is gone, by pluto's will
 * @ksad: the mirror
 */
void pl_ksad_clear(struct pl_ksad *ksad);

/* What the kernel says, as in pl_spd.h. */

/**
 * pl_ksad_kernel_new() - the kernel has an SA, or a change of it
 * @ksad:      the mirror
 * @sa:        copied; it is pluto's if the kernel has not told of that one yet, or if it is the
 *             same
 * @ret_child: of pluto's, if this is another one in its place; else 0
 *
 * Return: 0 or -ENOMEM
 */
int pl_ksad_kernel_new(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa,
		       uint64_t *ret_child) PL_MUST_USE;

/**
 * pl_ksad_kernel_gone() - the kernel has it no longer
 * @ksad:      the mirror
 * @sa:        may be unknown
 * @is_expiry: its life ended, of which pluto hears, too; otherwise pluto's own counts as taken
 *
 * Return: serial of pluto's child if somebody took its SA, else 0
 */
uint64_t pl_ksad_kernel_gone(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa, bool is_expiry);

/**
 * pl_ksad_kernel_flush() - all SAs of a protocol are gone
 * @ksad:     the mirror
 * @protocol: of them; 0 or 255 is every one
 */
void pl_ksad_kernel_flush(struct pl_ksad *ksad, uint8_t protocol);

/**
 * pl_ksad_list_begin() - all that the kernel has follows
 * @ksad: the mirror
 */
void pl_ksad_list_begin(struct pl_ksad *ksad);

/**
 * pl_ksad_listed() - one of them; pluto's is known by its digest, or by reqid before it has one
 * @ksad: the mirror
 * @sa:   copied
 *
 * Return: 0 or -ENOMEM
 */
int pl_ksad_listed(struct pl_ksad *ksad, const struct pl_xfrm_sa *sa) PL_MUST_USE;

/**
 * pl_ksad_list_end() - what was not listed is not there: foreign ones go, pluto's were taken
 * @ksad: the mirror
 */
void pl_ksad_list_end(struct pl_ksad *ksad);

/* Questions */

/**
 * pl_ksad_deeds() - rises when others' SAs come and go, and when pluto's are taken or given back
 * @ksad: the mirror
 */
uint64_t pl_ksad_deeds(const struct pl_ksad *ksad);

/**
 * pl_ksad_is_taken() - somebody took an SA of this child
 * @ksad:  the mirror
 * @child: its serial
 */
bool pl_ksad_is_taken(const struct pl_ksad *ksad, uint64_t child);

/**
 * pl_ksad_foreign() - a foreign SA that concerns a connection
 * @ksad:   the mirror
 * @tuple:  of the connection
 * @reqids: of SAs that may carry it: a foreign one of the same number could, too
 * @nr:     how many
 *
 * Return: one of them, or NULL; valid until the next change
 */
const struct pl_xfrm_sa *pl_ksad_foreign(const struct pl_ksad *ksad, const struct pl_tuple *tuple,
					 const uint32_t *reqids, unsigned nr);

/**
 * pl_ksad_has_foreign() - is there a foreign SA of this reqid
 * @ksad:  the mirror
 * @reqid: any
 */
bool pl_ksad_has_foreign(const struct pl_ksad *ksad, uint32_t reqid);

/**
 * pl_ksad_count() - SAs in the mirror, foreign ones or pluto's
 * @ksad:       the mirror
 * @is_foreign: which
 */
size_t pl_ksad_count(const struct pl_ksad *ksad, bool is_foreign);

#endif
