/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef LATCH_CLI_TEXT_H
#define LATCH_CLI_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct text - a string that grows; all zero is an empty one
 * @s: NULL as long as nothing was added
 */
struct text {
	char *s;
	size_t len, room;
};

/* Return: its content, never NULL; valid until the next change */
const char *text_of(const struct text *text);

void text_free(struct text *text);

/* Add text of our own. */
void text_add(struct text *text, const char *more);
void text_addf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * text_add_safe() - add text that a peer or a user chose
 * @text: to
 * @more: NULL adds nothing
 *
 * Whatever a terminal might not print as it stands is written as \xNN for each byte: control
 * characters, bytes that are no text in this locale, and everything of no width (which may turn the
 * direction of what follows). A backslash is doubled.
 */
void text_add_safe(struct text *text, const char *more);

/**
 * text_add_json() - add a value: a string, a number, yes or no, a list with commas
 * @text:  to
 * @value: NULL adds nothing; strings are made safe
 */
void text_add_json(struct text *text, const json_t *value);

/**
 * text_add_endpoint() - add "192.0.2.1:80" or "[2001:db8::1]:80" of a LATCH
 * @text:  to
 * @latch: an object
 * @end:   "local" or "remote"
 *
 * Return: false: the latch has no such end, and nothing was added
 */
bool text_add_endpoint(struct text *text, const json_t *latch, const char *end);

/**
 * text_add_user() - add the user's name, or the number
 * @text: to
 * @uid:  of a user
 */
void text_add_user(struct text *text, json_int_t uid);

/* Columns of a terminal that text takes, which text_add_safe() made. */
size_t text_width(const char *s);

/* Return: member of an object if it is a string, else "" */
const char *text_member(const json_t *object, const char *key);

#endif
