/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GUARD_MIRROR_H
#define PL_GUARD_MIRROR_H

#include "core/pl_ops.h"
#include "kernel/pl_nft.h"

#include <stdbool.h>
#include <stdint.h>

/* Rekeying and reauthentication at once have four in each direction. */
enum { PL_MIRROR_PINS_MAX = 8 };

/* A device that no packet comes by. */
#define PL_MIRROR_NOWHERE UINT32_MAX

struct pl_mirror_birth;

/**
 * struct pl_mirror_entry - a flow or a listener that the guard holds
 * @tuple:       normal; first, for the table
 * @nr_pins:     of a connection; 0 of a listener
 * @is_wide:     there is memory for all pins behind the entry, not just for a few
 * @is_answered: its local end's segments are, and it has no pins; change it with pl_mirror_answer()
 * @outbound:    which pins are PL_DIR_OUT, by bits
 *
 * A hundred thousand have two pins each: what they are is behind the entry.
 */
struct pl_mirror_entry {
	struct pl_tuple tuple;
	uint8_t nr_pins : 4;
	bool is_wide : 1;
	bool is_answered : 1;
	uint8_t outbound;
};

/**
 * struct pl_mirror - what ought to be in the kernel
 *
 * Every change is also put into a batch, unless that is NULL: what the batch says and what changed
 * here is the same, pairs included. To undo a change whose batch failed, make the opposite change
 * with NULL, which then cannot fail.
 */
struct pl_mirror;

/**
 * pl_mirror_new() - nothing guarded
 * @key: random
 *
 * Return: NULL without memory
 */
struct pl_mirror *pl_mirror_new(const uint8_t key[static 16]) PL_MUST_USE;

/**
 * pl_mirror_free() - forget all of it
 * @mirror: NULL is fine
 *
 * Return: NULL
 */
struct pl_mirror *pl_mirror_free(struct pl_mirror *mirror);

/**
 * pl_mirror_find() - the entry of a tuple, or NULL
 * @mirror: a mirror
 * @tuple:  normal
 */
struct pl_mirror_entry *pl_mirror_find(const struct pl_mirror *mirror,
				       const struct pl_tuple *tuple);

/**
 * pl_mirror_births() - pins of a listener: as many as it has peers, the last one first
 * @entry: of a mirror
 *
 * Return: NULL when there is none; of a connection, too
 */
struct pl_mirror_birth *pl_mirror_births(const struct pl_mirror_entry *entry);

/**
 * pl_mirror_add() - guard a flow or a listener, without pins
 * @mirror: has no such entry
 * @batch:  or NULL
 * @tuple:  normal
 *
 * Return: 0 or -ENOMEM
 */
int pl_mirror_add(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		  const struct pl_tuple *tuple) PL_MUST_USE;

/**
 * pl_mirror_remove() - the opposite; its pins go, too
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  of it, freed
 */
void pl_mirror_remove(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		      struct pl_mirror_entry *entry);

/**
 * pl_mirror_write_removal() - what pl_mirror_remove() takes out of the kernel, and nothing done yet
 * @mirror: a mirror
 * @batch:  begun
 * @entry:  of it
 */
void pl_mirror_write_removal(const struct pl_mirror *mirror, struct pl_nft_batch *batch,
			     const struct pl_mirror_entry *entry);

/**
 * pl_mirror_pin_at() - pin number @i
 * @entry: a connection
 * @i:     less than @entry->nr_pins
 */
struct pl_pin pl_mirror_pin_at(const struct pl_mirror_entry *entry, unsigned i);

/**
 * pl_mirror_pin() - add a pin
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  a connection of it; may move
 * @pin:    not there yet
 *
 * Return: 0, -ENOMEM, PL_E_TOO_MANY, or PL_E_WRONG_STATE for what is answered
 */
int pl_mirror_pin(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		  struct pl_mirror_entry **entry, const struct pl_pin *pin) PL_MUST_USE;

/**
 * pl_mirror_unpin() - remove pin number @i; the last one takes its number
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  a connection of it
 * @i:      less than @entry->nr_pins
 */
void pl_mirror_unpin(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		     struct pl_mirror_entry *entry, unsigned i);

/**
 * pl_mirror_has_pin() - is it there, and as which number
 * @entry: a connection
 * @pin:   any
 * @ret_i: written if it is there
 */
bool pl_mirror_has_pin(const struct pl_mirror_entry *entry, const struct pl_pin *pin,
		       unsigned *ret_i);

/**
 * pl_mirror_device() - by which its local end is answered
 * @entry: a connection
 *
 * Return: as pl_mirror_answer() was told
 */
uint32_t pl_mirror_device(const struct pl_mirror_entry *entry);

/**
 * pl_mirror_answer() - its local end gets a RST, or no longer
 * @batch: or NULL
 * @entry: a connection without pins
 * @device: that leads to its local end; PL_MIRROR_NOWHERE is none that a packet comes by; 0: it
 *          does not
 */
void pl_mirror_answer(struct pl_nft_batch *batch, struct pl_mirror_entry *entry,
		      uint32_t device);

/**
 * pl_mirror_admit() - a listener's connections may begin under this reqid
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  a listener of it
 * @reqid:  being there already is no error, and then nothing is done
 *
 * Return: 0 or -ENOMEM
 */
int pl_mirror_admit(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		    struct pl_mirror_entry *entry, uint32_t reqid) PL_MUST_USE;

/**
 * pl_mirror_dismiss() - they may not
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  a listener of it
 * @reqid:  any
 *
 * Return: whether it was there
 */
bool pl_mirror_dismiss(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		       struct pl_mirror_entry *entry, uint32_t reqid);

/**
 * pl_mirror_dismiss_until() - those that were admitted last may not
 * @mirror: a mirror
 * @batch:  or NULL
 * @entry:  a listener of it
 * @until:  what pl_mirror_births() was before them; NULL is all
 */
void pl_mirror_dismiss_until(struct pl_mirror *mirror, struct pl_nft_batch *batch,
			     struct pl_mirror_entry *entry, const struct pl_mirror_birth *until);

/**
 * pl_mirror_may_pin() - are these pins of what they are for
 * @tuple:   of a connection or a listener
 * @pins:    of it
 * @nr_pins: how many; 0 are none
 */
bool pl_mirror_may_pin(const struct pl_tuple *tuple, const struct pl_pin *pins, unsigned nr_pins);

/**
 * pl_mirror_may_answer() - it is a connection of TCP that nothing of passes
 * @entry: or NULL
 */
bool pl_mirror_may_answer(const struct pl_mirror_entry *entry);

/**
 * pl_mirror_put() - what an item of the engine says; being there is no error
 * @mirror: a mirror
 * @item:   a flow comes before what is about it
 * @device: for PL_GUARD_ANSWER
 *
 * Return: 0; PL_E_WRONG_STATE for what is about no flow, or not of it; PL_E_MALFORMED;
 * PL_E_TOO_MANY; -ENOMEM
 */
int pl_mirror_put(struct pl_mirror *mirror, const struct pl_guard_item *item,
		  uint32_t device) PL_MUST_USE;

/**
 * pl_mirror_write() - everything, as elements for an empty table
 * @mirror: a mirror
 * @batch:  begun
 */
void pl_mirror_write(const struct pl_mirror *mirror, struct pl_nft_batch *batch);

#endif
