/* SPDX-License-Identifier: GPL-2.0-or-later */

/* LATCH and its changes as JSON. Keys and values come from the one table of pl_latch_key.c.
 *
 * Invariant: a record that is due is made, unless there is no memory. What might be too long is
 * left out before the record is.
 */

#include "bus/pl_record.h"

#include "bus/pl_latch_key.h"
#include "core/pl_error.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Takes @value over. */
static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

static json_t *json_of_texts(const struct pl_key_value *value)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < value->nr_texts; i++) {
		if (json_array_append_new(array, json_string(value->texts[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int put_key(void *ctx, const char *key, const struct pl_key_value *value)
{
	json_t *object = ctx;

	switch (value->type) {
	case PL_KEY_BOOL:
		return put(object, key, json_boolean(value->number != 0));
	case PL_KEY_TEXT:
		return put(object, key, json_string(value->text));
	case PL_KEY_TEXTS:
		return put(object, key, json_of_texts(value));
	default:
		return put(object, key, json_integer((json_int_t)value->number));
	}
}

/* Not json_dumps(): without memory for its buffer, jansson 2.14 may leave a key out in silence. */
static char *dump(const json_t *object)
{
	size_t len = json_dumpb(object, NULL, 0, JSON_COMPACT);
	char *text = len == 0 ? NULL : malloc(len + 1);

	if (text == NULL)
		return NULL;
	if (json_dumpb(object, text, len, JSON_COMPACT) != len) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* @r: how the object was filled; takes it over. */
static char *text_of(json_t *object, int r)
{
	char *text = r == 0 ? dump(object) : NULL;

	json_decref(object);
	return text;
}

char *pl_record_hello(uint64_t session, uint64_t generation, uint32_t resume_wait)
{
	json_t *object = json_object();
	int r = put(object, "type", json_string("hello"));

	if (r == 0)
		r = put(object, "version", json_integer(1));
	if (r == 0)
		r = put(object, "session", json_integer((json_int_t)session));
	if (r == 0)
		r = put(object, "generation", json_integer((json_int_t)generation));
	if (r == 0)
		r = put(object, "resume", json_integer(resume_wait));
	return text_of(object, r);
}

char *pl_record_lost(uint64_t generation)
{
	json_t *object = json_object();
	int r = put(object, "type", json_string("lost"));

	if (r == 0)
		r = put(object, "generation", json_integer((json_int_t)generation));
	return text_of(object, r);
}

static char *change(const char *type, const struct pl_alert *alert, const struct pl_latch *latch,
		    const char *peer)
{
	const struct pl_latch_more more = { .peer = peer };
	json_t *object = json_object();
	int r = put(object, "type", json_string(type));

	if (r == 0)
		r = pl_latch_walk(latch, &more, put_key, object);
	if (r == 0)
		r = put(object, "event", json_string(pl_event_name(alert->event)));
	if (r == 0)
		r = put(object, "from", json_string(pl_state_name(pl_state_shown(alert->from))));
	if (r == 0)
		r = put(object, "to", json_string(pl_state_name(pl_state_shown(alert->to))));
	if (r == 0)
		r = put(object, "listener", json_integer((json_int_t)alert->listener));
	if (r == 0 && alert->association != 0)
		r = put(object, "association", json_integer((json_int_t)alert->association));
	if (r == 0 && alert->association != 0)
		r = put(object, "association_intact", json_integer(alert->nr_intact));
	if (r == 0 && alert->error != 0)
		r = put(object, "error", json_string(pl_error_word(alert->error)));
	return text_of(object, r);
}

char *pl_record_change(const char *type, const struct pl_alert *alert,
		       const struct pl_latch *latch, const char *peer, size_t max_bytes)
{
	struct pl_latch brief = {
		.tuple = alert->tuple, .id = alert->id, .state = alert->to, .cause = alert->event,
		.diff = alert->diff, .generation = alert->generation, .mono_ns = alert->mono_ns,
		.reason = (char *)alert->reason,
	};
	char *text;

	if (latch != NULL)
		brief = *latch;
	text = change(type, alert, &brief, peer);
	if (text == NULL || strlen(text) <= max_bytes)
		return text;
	free(text);
	brief.params = (struct pl_params) { .mode = PL_MODE_NONE };
	text = change(type, alert, &brief, peer);
	if (text == NULL || strlen(text) <= max_bytes)
		return text;
	free(text);
	brief.reason = NULL;
	return change(type, alert, &brief, peer);
}
