/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_LATCH_KEY_H
#define PL_LATCH_KEY_H

#include "core/pl_association.h"
#include "core/pl_db.h"
#include "core/pl_facts.h"

/* Types of values; the letters are those of D-Bus, and PL_KEY_TEXTS stands for "as". */
enum pl_key_type {
	PL_KEY_NONE = 0,
	PL_KEY_BOOL = 'b',
	PL_KEY_U16 = 'q',
	PL_KEY_U32 = 'u',
	PL_KEY_U64 = 't',
	PL_KEY_TEXT = 's',
	PL_KEY_TEXTS = 'a',
};

#define PL_KEY_TEXTS_MAX 20

/* A text that is longer is not told: a part of a name could be another one's name. */
#define PL_KEY_TEXT_MAX 1024

/**
 * struct pl_key_value - what a latch has for one key
 * @type:     which of the others is meant
 * @number:   of every number, and of PL_KEY_BOOL: 0 or 1
 * @text:     UTF-8
 * @texts:    likewise
 * @nr_texts: how many
 */
struct pl_key_value {
	enum pl_key_type type;
	uint64_t number;
	const char *text;
	const char *texts[PL_KEY_TEXTS_MAX];
	unsigned nr_texts;
};

/**
 * typedef pl_key_visit - sees one key of a latch
 * @ctx:   of the caller
 * @key:   its name
 * @value: valid during the call
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_key_visit(void *ctx, const char *key, const struct pl_key_value *value);

/**
 * struct pl_latch_more - what is told of a latch beside itself; NULL leaves its keys out
 * @path:        what pl_engine_path() says
 * @association: what pl_engine_association() says
 * @peer:        what pl_engine_peer() says
 */
struct pl_latch_more {
	const struct pl_path *path;
	const struct pl_association_view *association;
	const char *peer;
};

/**
 * pl_latch_walk() - LATCH of the introspection file: every key that this latch has
 * @latch: a latch; one without an owner has only what an alert says
 * @more:  may be NULL
 * @visit: called once for each, in the order of the table
 * @ctx:   for @visit
 *
 * Return: 0, or what @visit returned
 */
int pl_latch_walk(const struct pl_latch *latch, const struct pl_latch_more *more,
		  pl_key_visit *visit, void *ctx);

/**
 * pl_latch_key() - walk the table of keys
 * @at:       from 0
 * @ret_type: of its values
 *
 * Return: its name, or NULL behind the last one
 */
const char *pl_latch_key(unsigned at, enum pl_key_type *ret_type);

/**
 * pl_key_clean() - text that both D-Bus and JSON take
 * @from:  any bytes up to a NUL
 * @ret:   valid UTF-8; each byte that belongs to none is U+FFFD
 * @size:  of @ret
 *
 * Return: false, and an empty @ret, when it does not fit
 */
bool pl_key_clean(const char *from, char *ret, size_t size);

/**
 * pl_disposition_name() - "default", "reset", "unreachable" or "wait"
 * @disposition: any value; "default" for what is none
 */
const char *pl_disposition_name(enum pl_disposition disposition);

/**
 * pl_id_type_name() - "fqdn", "der-asn1-dn", … (RFC 7296 section 3.5)
 * @type: of an ID payload
 *
 * Return: NULL for what has no name here, and for 0
 */
const char *pl_id_type_name(unsigned type);

/**
 * pl_mode_text() - "tunnel", "transport"
 * @mode: enum pl_mode
 *
 * Return: NULL for what has no name here
 */
const char *pl_mode_text(unsigned mode);

#endif
