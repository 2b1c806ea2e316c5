/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_JOURNAL_H
#define PL_JOURNAL_H

#include "core/pl_ops.h"

/*
 * The journal (design D11): what a daemon that dies leaves to its successor. A folder below /run,
 * so that a reboot ends it (K18, K39), with one file of slots and a file for each identity.
 */
struct pl_journal;

/**
 * pl_journal_open() - open the journal in this folder, or begin one
 * @folder:    made if it is not there; its parent must be
 * @max_slots: latches and sessions at once
 * @ret:       to be closed
 *
 * What was written before the last boot is no journal: it is begun anew.
 *
 * Return: 0; PL_E_UNAVAILABLE when another process has it; -ENOMEM; what the file system said
 */
int pl_journal_open(const char *folder, size_t max_slots, struct pl_journal **ret) PL_MUST_USE;

/**
 * pl_journal_allow() - from now on it may hold as many
 * @journal:   open
 * @max_slots: latches and sessions at once; of fewer nothing is taken away
 */
void pl_journal_allow(struct pl_journal *journal, size_t max_slots);

/**
 * pl_journal_remove() - its file is gone, and with it every session in it
 * @journal: close it after that
 *
 * Return: 0; PL_E_WRONG_STATE while a latch, or something unreadable, is in it; a negative errno
 */
int pl_journal_remove(struct pl_journal *journal) PL_MUST_USE;

/**
 * pl_journal_close() - the files stay
 * @journal: NULL is fine
 *
 * Return: NULL
 */
struct pl_journal *pl_journal_close(struct pl_journal *journal);

/**
 * pl_journal_read() - everything that is there; once, before anything is saved; struct pl_store_ops
 * @journal: the journal
 * @pool:    where identities are; must outlive the journal; NULL: none is read
 * @visit:   called once for each latch, in no useful order
 * @ctx:     for @visit
 * @ret:     complete only when 0 is returned
 *
 * Return: 0; -ENOMEM; what reading or @visit said
 */
int pl_journal_read(struct pl_journal *journal, struct pl_identity_pool *pool,
		    pl_store_visit *visit, void *ctx, struct pl_store_found *ret) PL_MUST_USE;

/**
 * pl_journal_save() - this latch is as it says; struct pl_store_ops
 * @journal: the journal
 * @latch:   in a state that the journal knows
 *
 * One write of one slot; the first latch of an identity writes that before, and each 4096th id, and
 * each 64th slot, the head of the file. After an error the journal is as it was.
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED when it is full; PL_E_TOO_MANY for an identity too large; -ENOMEM;
 * what the file system said
 */
int pl_journal_save(struct pl_journal *journal, const struct pl_latch *latch,
		    const char *peer) PL_MUST_USE;

/**
 * pl_journal_forget() - there is no such latch any more; struct pl_store_ops
 * @journal: the journal
 * @id:      of the latch; not in the journal is fine
 *
 * Return: 0, or what the file system said
 */
int pl_journal_forget(struct pl_journal *journal, uint64_t id) PL_MUST_USE;

/**
 * pl_journal_read_sessions() - the sessions that are there; after pl_journal_read()
 * @journal: the journal
 * @visit:   called once for each, in no useful order
 * @ctx:     for @visit
 *
 * Return: 0, or what @visit said
 */
int pl_journal_read_sessions(struct pl_journal *journal, pl_store_visit_session *visit,
			     void *ctx) PL_MUST_USE;

/**
 * pl_journal_save_session() - this session can be resumed with this token; struct pl_store_ops
 * @journal: the journal
 * @session: its number is not 0
 *
 * Return: as pl_journal_save(), without PL_E_TOO_MANY; after an error the journal is as it was
 */
int pl_journal_save_session(struct pl_journal *journal,
			    const struct pl_kept_session *session) PL_MUST_USE;

/**
 * pl_journal_forget_session() - it cannot any more; struct pl_store_ops
 * @journal: the journal
 * @number:  of the session; not in the journal is fine
 *
 * Return: 0, or what the file system said
 */
int pl_journal_forget_session(struct pl_journal *journal, uint64_t number) PL_MUST_USE;

/**
 * pl_journal_forget_unreadable() - an administrator saw it; struct pl_store_ops
 * @journal: the journal
 *
 * Return: 0, or what the file system said: some may be forgotten then
 */
int pl_journal_forget_unreadable(struct pl_journal *journal) PL_MUST_USE;

/* The context is a struct pl_journal. */
extern const struct pl_store_ops pl_journal_ops;

#endif
