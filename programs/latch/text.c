/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Text for people. Names of peers come from certificates, and reasons may quote them: who has a
 * certificate of any CA that this host accepts chooses what an administrator's terminal is sent.
 *
 * Invariant: everything between the service and the terminal that is not JSON passes through
 * text_add_safe(), and what it lets through is one printed character of one or two columns.
 */

#include "text.h"

#include "cli.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

const char *text_of(const struct text *text)
{
	return text->s == NULL ? "" : text->s;
}

void text_free(struct text *text)
{
	free(text->s);
	*text = (struct text){ .s = NULL };
}

static void add_bytes(struct text *text, const char *more, size_t len)
{
	if (text->len + len + 1 > text->room) {
		text->room = 2 * (text->len + len) + 32;
		text->s = cli_need(realloc(text->s, text->room));
	}
	memcpy(text->s + text->len, more, len);
	text->len += len;
	text->s[text->len] = '\0';
}

void text_add(struct text *text, const char *more)
{
	add_bytes(text, more, strlen(more));
}

void text_addf(struct text *text, const char *fmt, ...)
{
	char *more = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&more, fmt, ap);
	va_end(ap);
	if (len < 0)
		cli_need(NULL);
	add_bytes(text, more, (size_t)len);
	free(more);
}

/* Width 0 would be invisible, and both marks that turn the direction of text and joiners are. */
static bool is_plain(wchar_t c)
{
	return iswprint((wint_t)c) && wcwidth(c) > 0 && c != L'\\';
}

void text_add_safe(struct text *text, const char *more)
{
	mbstate_t state;

	if (more == NULL)
		return;
	memset(&state, 0, sizeof(state));
	while (*more != '\0') {
		wchar_t c;
		size_t len = mbrtowc(&c, more, strlen(more), &state);

		if (len == (size_t)-1 || len == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			text_addf(text, "\\x%02x", (unsigned char)*more++);
			continue;
		}
		if (is_plain(c)) {
			add_bytes(text, more, len);
		} else if (c == L'\\') {
			text_add(text, "\\\\");
		} else {
			for (size_t i = 0; i < len; i++)
				text_addf(text, "\\x%02x", (unsigned char)more[i]);
		}
		more += len;
	}
}

void text_add_json(struct text *text, const json_t *value)
{
	switch (value == NULL ? JSON_NULL : json_typeof(value)) {
	case JSON_STRING:
		text_add_safe(text, json_string_value(value));
		return;
	case JSON_INTEGER:
		text_addf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_TRUE:
		text_add(text, "yes");
		return;
	case JSON_FALSE:
		text_add(text, "no");
		return;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(value); i++) {
			text_add(text, i == 0 ? "" : ", ");
			text_add_json(text, json_array_get(value, i));
		}
		return;
	case JSON_REAL:
		text_addf(text, "%g", json_real_value(value));
		return;
	case JSON_NULL:
		return;
	case JSON_OBJECT: {
		char *dump = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);

		text_add_safe(text, dump);
		free(dump);
		return;
	}
	}
}

bool text_add_endpoint(struct text *text, const json_t *latch, const char *end)
{
	char key[32];
	const char *address;
	const json_t *port;
	bool has_colon;

	snprintf(key, sizeof(key), "%s_address", end);
	address = text_member(latch, key);
	if (*address == '\0')
		return false;
	snprintf(key, sizeof(key), "%s_port", end);
	port = json_object_get(latch, key);
	has_colon = port != NULL && strchr(address, ':') != NULL;
	text_add(text, has_colon ? "[" : "");
	text_add_safe(text, address);
	if (port == NULL)
		return true;
	text_add(text, has_colon ? "]:" : ":");
	text_add_json(text, port);
	return true;
}

void text_add_user(struct text *text, json_int_t uid)
{
	/* A list asks for the same few users again and again. */
	static json_int_t last_uid = -1;
	static char last[64];

	if (last_uid != uid) {
		const struct passwd *user = getpwuid((uid_t)uid);

		last_uid = uid;
		if (user == NULL || strlen(user->pw_name) >= sizeof(last))
			snprintf(last, sizeof(last), "%" JSON_INTEGER_FORMAT, uid);
		else
			snprintf(last, sizeof(last), "%s", user->pw_name);
	}
	text_add_safe(text, last);
}

size_t text_width(const char *s)
{
	size_t width = 0;
	mbstate_t state;

	memset(&state, 0, sizeof(state));
	while (*s != '\0') {
		wchar_t c;
		size_t len = mbrtowc(&c, s, strlen(s), &state);
		int columns;

		if (len == (size_t)-1 || len == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			width++;
			s++;
			continue;
		}
		columns = wcwidth(c);
		width += columns > 0 ? (size_t)columns : 0;
		s += len;
	}
	return width;
}

const char *text_member(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s == NULL ? "" : s;
}
