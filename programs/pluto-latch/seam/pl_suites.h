/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SUITES_H
#define PL_SUITES_H

#include "core/pl_engine.h"

struct config;
struct child_sa;
struct ikev2_proposal;
struct ikev2_proposals;

enum { PL_ESP_TEXT_MAX = 1024 };

/**
 * pl_suite_esp() - a suite as esp= or ah= of a connection would have it, were it alone
 * @config: of the connection
 * @suite:  a suite; its sequence numbers are not in the text
 * @ret:    the text, with the Diffie-Hellman groups that the connection has for it
 *
 * Return: false when the connection does not allow it (K11)
 */
bool pl_suite_esp(const struct config *config, const struct pl_suite *suite,
		  char ret[static PL_ESP_TEXT_MAX]);

/**
 * pl_suites_proposals() - what we would take for a child SA, without all other suites
 * @child:  we are the responder; its connection is settled
 * @suites: what is left, as far as the connection has it
 *
 * Return: pluto's to free; NULL when the connection has none of them
 */
struct ikev2_proposals *pl_suites_proposals(struct child_sa *child,
					    const struct pl_suites *suites);

/**
 * pl_suites_have() - is what was chosen one of them
 * @suites:   the suites
 * @proposal: one transform of each type
 * @logger:   of the child
 */
bool pl_suites_have(const struct pl_suites *suites, const struct ikev2_proposal *proposal,
		    struct logger *logger);

#endif
