/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tags that a handle knows: flows of UDP sockets and their latches, so that the daemon need not
 * be asked about each datagram. Of limited size: the oldest is forgotten for a new one.
 *
 * Invariant: no tag is established here after a record was read that says otherwise, or that
 * records were lost.
 */

#include "latch_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUCKETS = LATCH_TAGS_MAX };

struct latch_tags {
	struct latch_tag all[LATCH_TAGS_MAX];
	unsigned nr, oldest;
	uint16_t by_key[BUCKETS], by_id[BUCKETS];	/* first of a chain, counted from 1 */
};

uint64_t latch_tags_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int latch_tags_make(struct latch *latch)
{
	if (latch->tags == NULL)
		latch->tags = calloc(1, sizeof(*latch->tags));
	return latch->tags == NULL ? LATCH_ERR_NO_MEMORY : 0;
}

/* FNV-1a. Who chooses keys that collide makes the chain as long as the table, no longer. */
static unsigned hash_key(const struct latch_tag_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return (hash ^ hash >> 16) % BUCKETS;
}

static uint16_t *link_to(struct latch_tags *tags, uint16_t *at, uint16_t which, bool is_by_id)
{
	while (*at != which)
		at = is_by_id ? &tags->all[*at - 1].next_id : &tags->all[*at - 1].next_key;
	return at;
}

static void take_out(struct latch_tags *tags, struct latch_tag *tag)
{
	uint16_t which = (uint16_t)(tag - tags->all + 1);

	*link_to(tags, &tags->by_key[hash_key(&tag->key)], which, false) = tag->next_key;
	*link_to(tags, &tags->by_id[tag->id % BUCKETS], which, true) = tag->next_id;
}

static void put_in(struct latch_tags *tags, struct latch_tag *tag)
{
	uint16_t *key = &tags->by_key[hash_key(&tag->key)], *id = &tags->by_id[tag->id % BUCKETS];

	tag->next_key = *key;
	tag->next_id = *id;
	*key = *id = (uint16_t)(tag - tags->all + 1);
}

struct latch_tag *latch_tags_find(struct latch_tags *tags, const struct latch_tag_key *key)
{
	for (uint16_t at = tags->by_key[hash_key(key)]; at != 0; at = tags->all[at - 1].next_key) {
		if (memcmp(&tags->all[at - 1].key, key, sizeof(*key)) == 0)
			return &tags->all[at - 1];
	}
	return NULL;
}

struct latch_tag *latch_tags_find_id(struct latch_tags *tags, uint64_t id)
{
	for (uint16_t at = id == 0 ? 0 : tags->by_id[id % BUCKETS]; at != 0;
	     at = tags->all[at - 1].next_id) {
		if (tags->all[at - 1].id == id)
			return &tags->all[at - 1];
	}
	return NULL;
}

struct latch_tag *latch_tags_put(struct latch_tags *tags, const struct latch_tag *what)
{
	struct latch_tag *tag = latch_tags_find(tags, &what->key);

	if (tag == NULL && tags->nr < LATCH_TAGS_MAX) {
		tag = &tags->all[tags->nr++];
	} else {
		if (tag == NULL) {
			tag = &tags->all[tags->oldest];
			tags->oldest = (tags->oldest + 1) % LATCH_TAGS_MAX;
		}
		take_out(tags, tag);
	}
	*tag = *what;
	put_in(tags, tag);
	return tag;
}

void latch_tags_clear(struct latch_tags *tags)
{
	if (tags != NULL)
		memset(tags, 0, sizeof(*tags));
}

static void change(struct latch_tag *tag, enum latch_state state, uint64_t generation)
{
	tag->state = state;
	tag->generation = generation;
	if (state == LATCH_STATE_CLOSED)
		tag->asked_ns = latch_tags_now_ns();
}

void latch_tags_learn(struct latch_tags *tags, const struct latch_event *event)
{
	struct latch_tag *tag = tags == NULL ? NULL : latch_tags_find_id(tags, event->id);

	if (tags != NULL && strcmp(event->type, "lost") == 0)
		latch_tags_clear(tags);
	else if (tag != NULL && event->to == LATCH_STATE_NONE)
		/* A state of a later daemon. */
		change(tag, LATCH_STATE_CLOSED, tag->generation);
	else if (tag != NULL && event->generation > tag->generation)
		change(tag, event->to, event->generation);
}

void latch_tags_close(struct latch_tags *tags, uint64_t id)
{
	struct latch_tag *tag = tags == NULL ? NULL : latch_tags_find_id(tags, id);

	if (tag != NULL)
		change(tag, LATCH_STATE_CLOSED, tag->generation);
}
