/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TEST_CONF_H
#define PL_TEST_CONF_H

#include "bus/pl_bus.h"
#include "core/pl_conf.h"

#include <stdbool.h>
#include <stdint.h>

/* LIMIT=NUMBER, as in latch.conf */
bool pl_test_set_limit(struct pl_conf *conf, const char *text);

/* The first rule from now on: nothing is allowed for this group. Return: NULL, or what is wrong */
const char *pl_test_deny_gid(struct pl_conf *conf, uint32_t gid);

/* As pl_bus_reload, @ctx is the struct pl_conf. */
int pl_test_reload(void *ctx, char ret_error[static PL_BUS_ERROR_MAX]);

#endif
