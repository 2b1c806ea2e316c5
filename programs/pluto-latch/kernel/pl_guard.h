/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GUARD_H
#define PL_GUARD_H

#include "core/pl_ops.h"
#include "kernel/pl_nft_table.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct pl_guard - our table in the kernel of this network namespace
 */
struct pl_guard;

/* How long the kernel remembers how a connection was born, after its last packet. */
enum { PL_GUARD_BORN_TIMEOUT_MS = 120000 };

/**
 * pl_guard_open() - sockets, and nothing else yet
 * @parts: PL_NFT_PART_ALL; less is for tests
 * @ret:   close with pl_guard_close()
 *
 * Return: 0; a negative errno: -EPERM without CAP_NET_ADMIN, -EPROTONOSUPPORT without netfilter's
 * netlink; see pl_guard_open_hint()
 */
int pl_guard_open(unsigned parts, struct pl_guard **ret) PL_MUST_USE;

/**
 * pl_guard_open_hint() - what to do about an error of pl_guard_open()
 * @error: what it returned
 *
 * Return: a sentence that names the option of the kernel or the capability, or NULL
 */
const char *pl_guard_open_hint(int error);

/**
 * pl_guard_close() - the table stays, and goes on dropping
 * @guard: NULL is fine
 *
 * Return: NULL
 */
struct pl_guard *pl_guard_close(struct pl_guard *guard);

/**
 * typedef pl_guard_first - see pl_guard_on_first()
 *
 * Return: 0; anything else is an error of the operation, and nothing enters the guard
 */
typedef int pl_guard_first(void *ctx);

/**
 * pl_guard_on_first() - have something done before the first flow or listener enters the guard
 * @guard: open
 * @first: called until it returned 0
 * @ctx:   for it
 */
void pl_guard_on_first(struct pl_guard *guard, pl_guard_first *first, void *ctx);

/**
 * pl_guard_automatic() - the table has these rules for what is latched without anybody asking
 * @guard: open; before @take_over
 * @conf:  borrowed
 */
void pl_guard_automatic(struct pl_guard *guard, const struct pl_conf *conf);

/**
 * pl_guard_operations() - the operations of core/pl_ops.h, whose context is a guard
 *
 * Besides what is said there: @permit returns PL_E_TOO_MANY for the ninth pin of a connection, and
 * all of them but @block and @walk PL_E_UNAVAILABLE before the first @take_over, @rebuild or
 * pl_guard_adopt().
 * @walk shows flows, listeners and pins, not pairs, ports of associations and what was born. Of
 * SCTP, whatever has the ports of a connection that is guarded drops as its packets do, between any
 * two addresses.
 * @born knows one reqid at most, since a packet of another SA never passes, and forgets nothing. It
 * and @unguard of a connection cost the same however many births there are; @unguard of a listener
 * reads them all.
 */
const struct pl_guard_ops *pl_guard_operations(void);

/**
 * pl_guard_adopt() - remember what is in force, without changing it
 * @guard: open
 *
 * For whoever comes later and is not the daemon's engine, which takes over instead. Pins count as
 * they are; a set that the table lacks has nothing.
 *
 * Return: 0; PL_E_NOT_FOUND without a table, or without nf_tables, which @rebuild then explains;
 * negative errno
 */
int pl_guard_adopt(struct pl_guard *guard) PL_MUST_USE;

/**
 * pl_guard_restore() - the table, its rules and everything remembered, in one batch
 * @guard: open
 *
 * Return: 0; PL_E_UNAVAILABLE when the kernel cannot, see pl_guard_missing(); -EPERM when another
 * process owns the table, which is as it was; negative errno
 */
int pl_guard_restore(struct pl_guard *guard) PL_MUST_USE;

/**
 * pl_guard_remove() - the table is gone; nothing is blocked or guarded any more
 * @guard: close it after that
 *
 * Return: 0 or a negative errno; it is there as it was then
 */
int pl_guard_remove(struct pl_guard *guard) PL_MUST_USE;

/**
 * pl_guard_is_owned() - nobody else removes or changes the table while this guard is open
 * @guard: rebuilt; one that was adopted is not ours yet
 *
 * False before Linux 6.9: then others may, and pl_guard_dispatch() puts it back.
 */
bool pl_guard_is_owned(const struct pl_guard *guard);

/**
 * pl_guard_missing() - what the kernel lacks
 * @guard: one whose @take_over, @rebuild or pl_guard_restore() returned PL_E_UNAVAILABLE
 *
 * Return: a sentence that names the option of the kernel and its module, or NULL
 */
const char *pl_guard_missing(const struct pl_guard *guard);

/**
 * pl_guard_fd() - readable when somebody changes nf_tables
 * @guard: open
 */
int pl_guard_fd(const struct pl_guard *guard);

/**
 * pl_guard_dispatch() - read what happened; put our table back if it was ours
 * @guard: rebuilt or adopted
 * @ret_restored: somebody removed or changed our table, or may have; it is whole again
 *
 * Does not block.
 *
 * Return: 0, or the error of pl_guard_restore(): then nothing guards, and no SA may be installed
 * until pl_guard_restore() succeeds
 */
int pl_guard_dispatch(struct pl_guard *guard, bool *ret_restored) PL_MUST_USE;

/**
 * pl_guard_counters() - packets dropped since the table was built
 * @guard: open
 * @ret:   by enum pl_nft_counter
 *
 * Return: 0; PL_E_UNAVAILABLE without a table; negative errno
 */
int pl_guard_counters(struct pl_guard *guard, uint64_t ret[static PL_NFT_COUNTER_ROOF]) PL_MUST_USE;

#endif
