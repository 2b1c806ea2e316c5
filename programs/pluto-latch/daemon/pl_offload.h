/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_OFFLOAD_H
#define PL_OFFLOAD_H

#include "core/pl_base.h"
#include "core/pl_conf.h"
#include "daemon/pl_daemon.h"

struct event_base;

/**
 * struct pl_offload - keeps generic receive offload from merging what came by two SAs
 */
struct pl_offload;

/**
 * pl_offload_new() - nothing is done yet
 * @mode: gro of latch.conf
 * @log:  not NULL
 *
 * Return: NULL without memory or netlink
 */
struct pl_offload *pl_offload_new(enum pl_conf_gro mode, pl_daemon_log *log) PL_MUST_USE;

/**
 * pl_offload_begin() - something is about to be latched: a pl_guard_first
 * @offload: struct pl_offload
 *
 * Return: 0; a negative errno when a device's offload stays on and must not
 */
int pl_offload_begin(void *offload) PL_MUST_USE;

/**
 * pl_offload_attach() - look at devices that come later
 * @offload: not NULL
 * @base:    must outlive it
 *
 * Return: 0 or a negative errno
 */
int pl_offload_attach(struct pl_offload *offload, struct event_base *base) PL_MUST_USE;

/**
 * pl_offload_free() - devices stay as they are
 * @offload: NULL is fine
 *
 * Return: NULL
 */
struct pl_offload *pl_offload_free(struct pl_offload *offload);

#endif
