/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef BENCH_NETNS_H
#define BENCH_NETNS_H

#include "kernel/pl_guard.h"

#include <stddef.h>

/* A network namespace of our own, with loopback up; exits with 0 and a sentence where that cannot
 * be had (not root, no nf_tables). */
void bench_netns(const char *group);

/* The guard in this namespace, holding @nr UDP connections from 127.0.0.1 to @nr_hosts hosts from
 * 127.0.1.0 on, each with a pin in each direction. */
struct pl_guard *bench_guard(const char *group, size_t nr, size_t nr_hosts);

/* The connection number @i of them. */
struct pl_tuple bench_flow(size_t i, size_t nr_hosts);

enum { BENCH_REQID = 101 };

#endif
