/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONF_AUTO_H
#define PL_CONF_AUTO_H

#include "core/pl_conf.h"

#include <stdbool.h>

/* Ports of one automatic rule that are listened at: each is a latch or two. */
enum { PL_CONF_AUTO_PORTS_MAX = 64 };

/* Local ports of UDP whose packets are pluto's own, and ESP in UDP: they carry the SAs. */
enum { PL_CONF_IKE_PORTS = 2 };
extern const uint16_t pl_conf_ike_ports[PL_CONF_IKE_PORTS];

/**
 * pl_conf_auto_wrong() - why a rule with auto = yes cannot be carried out
 * @rule: complete
 *
 * Return: what is wrong, or NULL
 */
const char *pl_conf_auto_wrong(const struct pl_conf_rule *rule);

/**
 * pl_conf_auto_counts() - a rule says something about flows that nobody asks for
 * @rule: of a configuration
 *
 * Those for some users or groups do not: nobody asks.
 */
bool pl_conf_auto_counts(const struct pl_conf_rule *rule);

/**
 * pl_conf_auto_forwards() - flows that this host forwards may be latched without anybody asking
 * @conf: a configuration
 */
bool pl_conf_auto_forwards(const struct pl_conf *conf);

/**
 * pl_conf_auto_answers() - and the inner end of some of them is answered when they are broken
 * @conf: a configuration
 */
bool pl_conf_auto_answers(const struct pl_conf *conf);

/**
 * pl_conf_auto_listens() - connections that come to ports of this host begin at a latch
 * @rule: of a configuration
 */
bool pl_conf_auto_listens(const struct pl_conf_rule *rule);

/**
 * pl_conf_auto_is_any() - any flow at all may be latched without anybody asking
 * @conf: a configuration
 */
bool pl_conf_auto_is_any(const struct pl_conf *conf);

/**
 * pl_conf_auto_forward() - the rule that holds for a packet that this host forwards
 * @conf: a configuration
 * @sent: its ends, local is the sender's; normal
 * @ret:  likewise, local is the inner end; written unless NULL is returned
 * @ret_way: PL_DIR_OUT when the inner end sent it, PL_DIR_IN when the other one did
 *
 * Return: the first that counts and matches, if it is automatic; else NULL
 */
const struct pl_conf_rule *pl_conf_auto_forward(const struct pl_conf *conf,
						const struct pl_tuple *sent, struct pl_tuple *ret,
						enum pl_direction *ret_way);

/**
 * pl_conf_auto_match() - the rule that holds for a flow of this host that nobody asks for
 * @conf:  a configuration
 * @tuple: a connection, normal
 *
 * Return: the first that counts and matches, if it is automatic; else NULL
 */
const struct pl_conf_rule *pl_conf_auto_match(const struct pl_conf *conf,
					      const struct pl_tuple *tuple);

#endif
