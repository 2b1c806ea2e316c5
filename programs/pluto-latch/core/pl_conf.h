/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONF_H
#define PL_CONF_H

#include "core/pl_base.h"
#include "core/pl_limits.h"
#include "core/pl_params.h"
#include "core/pl_peer_id.h"
#include "core/pl_tuple.h"

#include <stdbool.h>

enum pl_conf_conflict {
	PL_CONF_CONFLICT_BREAK = 0,
	PL_CONF_CONFLICT_NARROW,
	PL_CONF_CONFLICT_REFUSE,
};
enum pl_conf_spd { PL_CONF_SPD_BREAK = 0, PL_CONF_SPD_PROTECT };
enum pl_conf_gro { PL_CONF_GRO_OFF = 0, PL_CONF_GRO_WARN };
enum pl_conf_stop { PL_CONF_STOP_KEEP = 0, PL_CONF_STOP_CLOSE };

#define PL_CONF_NAME_MAX 40

/* From one number to another; all of them when nothing is configured. */
struct pl_conf_range {
	uint32_t lo, hi;
};

/**
 * struct pl_conf_rule - one section [flow NAME]
 * @name:        NAME
 * @uids:        of whoever asks
 * @gids:        one of the asker's groups
 * @local:       addresses of this end; .af is PL_AF_NONE for any
 * @remote:      addresses of the other end
 * @proto:       of the flow; 0 is any
 * @local_ports: of this end
 * @remote_ports: of the other end
 * @require:     least protection, whatever is asked for (K11)
 * @peer:        of pl_peer_id_read(): they are of this peer and nobody else; empty is anybody
 * @is_allowed:  flows of this rule may be latched
 * @is_auto:     they are, without anybody asking (K12, K13)
 * @is_forward:  of flows that this host forwards (L21), and of no others: @local is their inner end
 * @is_narrow:   each gets an SA of its own (K20)
 * @may_bypass:  their owner may ask for protection to end (unprotect)
 * @disposition: enum pl_disposition, when the owner did not choose
 */
struct pl_conf_rule {
	char name[PL_CONF_NAME_MAX];
	struct pl_conf_range uids, gids;
	struct pl_ts local, remote;
	uint8_t proto;
	struct pl_conf_range local_ports, remote_ports;
	struct pl_require require;
	char peer[PL_PEER_ID_MAX + 1];
	uint8_t is_allowed, is_auto, is_forward, is_narrow, may_bypass, disposition;
};

/**
 * struct pl_conf - latch.conf
 * @peer_match:    enum pl_peer_match
 * @may_differ_in_qop: same-peer-qop = pin
 * @conflict:      enum pl_conf_conflict
 * @spd_change:    enum pl_conf_spd
 * @gro:           enum pl_conf_gro
 * @stop:          enum pl_conf_stop
 * @deletes_sas:   on release (K27)
 * @restart_wait:  seconds that a latch of the journal may wait for its peer (design D11)
 * @resume_wait:   seconds after a restart in which a session can be resumed
 * @limits:        in force
 * @other:         what holds for a flow that no rule names; its conditions are all open
 * @rules:         in the order of the file: the first that matches holds
 * @nr_rules:      how many
 */
struct pl_conf {
	uint8_t peer_match, may_differ_in_qop, conflict, spd_change, gro, stop, deletes_sas;
	uint32_t restart_wait, resume_wait;
	struct pl_limits limits;
	struct pl_conf_rule other;
	struct pl_conf_rule *rules;
	unsigned nr_rules;
};

/**
 * struct pl_conf_key - one row of the key table, for the manual
 * @section:  "latch", "limits" or "flow NAME"
 * @name:     of the key
 * @values:   what may be written
 * @initial:  what holds when nothing is written
 * @sentence: what it does
 * @done:     those of @values that are carried out, with | between them; empty when all are.
 *            Another one is PL_E_BAD_CONFIG.
 */
struct pl_conf_key {
	const char *section;
	char name[PL_CONF_NAME_MAX];
	char values[64];
	char initial[32];
	const char *sentence;
	const char *done;
};

/**
 * struct pl_conf_error - the first error of a file
 * @line:    counted from 1; 0 when the file as a whole is meant
 * @section: as written, cut; empty before the first one
 * @key:     as written, cut; empty when the line has none
 * @text:    what is wrong
 */
struct pl_conf_error {
	unsigned line;
	char section[64];
	char key[64];
	char text[128];
};

/**
 * pl_conf_key() - walk the key table
 * @at:  from 0
 * @ret: the row
 *
 * Return: false behind the last row
 */
bool pl_conf_key(unsigned at, struct pl_conf_key *ret);

/**
 * pl_conf_default() - no file
 * @ret: let go with pl_conf_clear()
 */
void pl_conf_default(struct pl_conf *ret);

/**
 * pl_conf_load() - read a whole file
 * @text: its bytes, any bytes whatsoever
 * @len:  how many
 * @ret:  a new configuration, written on success only; let go with pl_conf_clear()
 * @err:  written with PL_E_BAD_CONFIG
 *
 * Return: 0, PL_E_BAD_CONFIG or -ENOMEM
 */
int pl_conf_load(const char *text, size_t len, struct pl_conf *ret,
		 struct pl_conf_error *err) PL_MUST_USE;

/**
 * pl_conf_clear() - let go of what a configuration holds
 * @conf: may be all zero
 */
void pl_conf_clear(struct pl_conf *conf);

/**
 * pl_conf_holds() - the conditions of a rule that are about the flow, forwarded or not
 * @rule:  of a configuration
 * @tuple: as for pl_conf_match()
 */
bool pl_conf_holds(const struct pl_conf_rule *rule, const struct pl_tuple *tuple);

/**
 * pl_conf_match() - the rule that holds for a flow
 * @conf:    a configuration
 * @uid:     of whoever asks
 * @gids:    of whoever asks
 * @nr_gids: how many
 * @tuple:   of the flow; a listener matches by its local end, and a wildcard listener only rules
 *           for any local address; rules for forwarded flows match nothing that is asked for
 *
 * Return: the first rule that matches, or @conf->other
 */
const struct pl_conf_rule *pl_conf_match(const struct pl_conf *conf, uint32_t uid,
					 const uint32_t *gids, unsigned nr_gids,
					 const struct pl_tuple *tuple);

#endif
