/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_GRO_H
#define PL_GRO_H

#include "core/pl_base.h"

#include <stdbool.h>

/**
 * typedef pl_gro_visit - sees the name of one network device
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_gro_visit(void *ctx, const char *device);

/**
 * pl_gro_each() - the devices of this network namespace by which the guard can be passed: generic
 * receive offload is on, and packets come from outside
 * @visit: sees each; may turn it off
 * @ctx:   for it
 *
 * A device that comes later is not seen: call again when there is one.
 *
 * Return: 0, what @visit returned, or a negative errno
 */
int pl_gro_each(pl_gro_visit *visit, void *ctx) PL_MUST_USE;

/**
 * pl_gro_set() - turn generic receive offload on or off
 * @device: its name
 * @on:     as it shall be
 *
 * Return: 0 when it is so; -ENODEV; -EOPNOTSUPP when the device does not allow it; -EPERM; another
 * negative errno
 */
int pl_gro_set(const char *device, bool on) PL_MUST_USE;

#endif
