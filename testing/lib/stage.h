/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef STAGE_H
#define STAGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* For tests against the service with the real engine (testing/bus/pl_test_daemon.c), in a network
 * namespace of their own. Commands go to LATCH_TEST_IN, answers come from LATCH_TEST_OUT. */

/**
 * stage_set_up() - group setup: 192.0.2.0/24 becomes this host's, 192.0.2.1 what it sends from
 * @state: unused
 */
int stage_set_up(void **state);

/**
 * stage_tear_down() - group teardown
 * @state: unused
 */
int stage_tear_down(void **state);

/**
 * stage_tell() - one command of the service
 * @command: without a line end
 *
 * Return: it said ok
 */
bool stage_tell(const char *command);

/**
 * stage_answer() - the last answer, with its line end
 */
const char *stage_answer(void);

/**
 * stage_address() - where to bind or connect
 * @address: IPv4
 * @port:    0 is any
 */
struct sockaddr_in stage_address(const char *address, uint16_t port);

#endif
