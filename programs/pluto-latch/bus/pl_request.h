/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_REQUEST_H
#define PL_REQUEST_H

#include "core/pl_engine.h"
#include "core/pl_peer_id.h"

struct DBusMessage;

/* What a dictionary of a request may hold: one table of keys for each. */
enum pl_dict {
	PL_DICT_NONE = 0,
	PL_DICT_OPTIONS,	/* of OpenSession and ResumeSession */
	PL_DICT_LATCH,
	PL_DICT_LISTEN,
	PL_DICT_FLOW,
	PL_DICT_FILTER,
	PL_DICT_SUBSCRIBE,
	PL_DICT_ROOF,
};

#define PL_REQUEST_TEXTS_MAX 2

/* No text of a request is longer, whatever latch.conf says. */
#define PL_REQUEST_TEXT_MAX 4096

/**
 * struct pl_request - the arguments of a call, whichever it has; a value but for fd and texts
 * @fd:          of "h"; -1 is none; pl_request_clear() closes it
 * @texts:       of "s", in their order; malloc()ed
 * @numbers:     of "t" and "u"
 * @nr_texts:    how many
 * @nr_numbers:  how many
 * @is_watch:    options
 * @is_all:      of Subscribe
 * @require:     request
 * @disposition: request
 * @is_late:     request
 * @may_be_broken: request
 * @is_narrow:   request
 * @is_bypass:   request
 * @suite:       request; all zero is any
 * @wait_ms:     request
 * @has_wait:    request: .wait_ms was given
 * @tuple:       flow; of a request the remote end: .remote_port is 0 when none was given; and with
 *               @tag perhaps the local address
 * @tag:         request
 * @peer:        request; empty is anybody
 * @state:       filter: as people see it; PL_STATE_NONE is every one
 * @kind:        filter: 'c'onnection, 'l'istener, or 0 for both
 */
struct pl_request {
	int fd;
	char *texts[PL_REQUEST_TEXTS_MAX];
	uint64_t numbers[2];
	unsigned nr_texts, nr_numbers;
	bool is_watch;
	bool is_all;
	struct pl_require require;
	enum pl_disposition disposition;
	bool is_late;
	bool may_be_broken;
	bool is_narrow;
	bool is_bypass;
	struct pl_suite suite;
	char peer[PL_PEER_ID_MAX + 1];
	bool has_wait;
	uint32_t wait_ms;
	struct pl_tuple tuple;
	enum pl_tag tag;
	enum pl_state state;
	char kind;
};

/**
 * pl_request_read() - the arguments of a message
 * @message:   from anybody
 * @signature: that it must have
 * @dict:      table for its "a{sv}", if it has one
 * @limits:    in force
 * @ret:       written always; let go with pl_request_clear()
 *
 * Return: 0; PL_E_MALFORMED for another signature, a value of another type, a key that comes twice,
 * or what is no address; PL_E_UNSUPPORTED for a key or a word that is not known;
 * PL_E_LIMIT_EXCEEDED; -ENOMEM; -EMFILE when the descriptor could not be taken
 */
int pl_request_read(struct DBusMessage *message, const char *signature, enum pl_dict dict,
		    const struct pl_limits *limits, struct pl_request *ret) PL_MUST_USE;

/**
 * pl_request_close() - close the descriptor, if there is one
 * @request: a request
 */
void pl_request_close(struct pl_request *request);

/**
 * pl_request_clear() - let go of descriptor and texts
 * @request: may be cleared already
 */
void pl_request_clear(struct pl_request *request);

/**
 * pl_dict_key() - walk the table of a dictionary
 * @dict:     which
 * @at:       from 0
 * @ret_type: its D-Bus type
 *
 * Return: its name, or NULL behind the last one
 */
const char *pl_dict_key(enum pl_dict dict, unsigned at, const char **ret_type);

#endif
