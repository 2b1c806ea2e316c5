/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What ought to be in the kernel's sets, for two reasons. Pairs (who has a latched flow with whom)
 * and blocks of local ports are shared by flows, and sets do not count; and when somebody removes
 * the table, what belongs into it must be at hand at once, without asking anybody.
 *
 * Of an association of SCTP, its ports without addresses are shared by its flows in the same way.
 *
 * Invariants: a pair is there exactly as long as a flow or an inbound pin needs it, once under the
 * protocol and once under 0, where the protocol cannot be seen; a block of ports as long as a flow
 * or a listener has one of them. Undoing allocates nothing.
 */

#include "kernel/pl_guard_mirror.h"

#include "core/pl_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Key: a tuple whose two ports are the halves of the reqid, 0 for the pair itself. Or of an
 * association of SCTP its own ports, and no addresses. */
struct pair {
	struct pl_tuple key;
	unsigned refs;
	struct pair *prev, *next;
};

/* Key: the listener's tuple, with the reqid in place of a remote address. */
struct pl_mirror_birth {
	struct pl_tuple key;
	uint32_t reqid;
	struct pl_mirror_birth *prev, *next;	/* of one listener */
};

enum { NR_BLOCKS = 65536 / PL_NFT_PORT_BLOCK };

/* A pin in each direction, and again while an SA gives way to its successor. */
enum { FEW_PINS = 4 };

_Static_assert(sizeof(struct pl_mirror_entry) % sizeof(void *) == 0, "as aligned as what follows");
_Static_assert(sizeof(void *) <= FEW_PINS * sizeof(uint32_t), "room for a listener's births");

struct pl_mirror {
	struct pl_table *entries, *pairs, *births;
	unsigned port_refs[2][NR_BLOCKS];	/* IPv4, IPv6: entries with a local port there */
	size_t nr_of[2];			/* likewise: entries */
	struct pair *all_pairs;
};

struct pl_mirror *pl_mirror_new(const uint8_t key[static 16])
{
	struct pl_mirror *mirror = calloc(1, sizeof(*mirror));

	if (mirror == NULL)
		return NULL;
	mirror->entries = pl_table_new(key);
	mirror->pairs = pl_table_new(key);
	mirror->births = pl_table_new(key);
	if (mirror->entries == NULL || mirror->pairs == NULL || mirror->births == NULL)
		return pl_mirror_free(mirror);
	return mirror;
}

static struct pl_mirror_entry *next_entry(const struct pl_mirror *mirror, size_t *at)
{
	return (struct pl_mirror_entry *)pl_table_next(mirror->entries, at);
}

/* Behind an entry: of a connection the reqids of its pins, or the device by which it is answered;
 * of a listener its first birth. */
static uint32_t *reqids_of(const struct pl_mirror_entry *entry)
{
	return (uint32_t *)(void *)(uintptr_t)(entry + 1);
}

static struct pl_mirror_birth **births_at(const struct pl_mirror_entry *entry)
{
	return (struct pl_mirror_birth **)(void *)(uintptr_t)(entry + 1);
}

struct pl_mirror_birth *pl_mirror_births(const struct pl_mirror_entry *entry)
{
	return pl_tuple_is_listener(&entry->tuple) ? *births_at(entry) : NULL;
}

static void free_entries(struct pl_mirror *mirror)
{
	struct pl_mirror_entry *entry;

	if (mirror->entries == NULL)
		return;
	for (size_t at = 0; (entry = next_entry(mirror, &at)) != NULL; ) {
		struct pl_mirror_birth *birth = pl_mirror_births(entry), *next;

		for (; birth != NULL; birth = next) {
			next = birth->next;
			free(birth);
		}
		free(entry);
	}
}

struct pl_mirror *pl_mirror_free(struct pl_mirror *mirror)
{
	if (mirror == NULL)
		return NULL;
	free_entries(mirror);
	while (mirror->all_pairs != NULL) {
		struct pair *pair = mirror->all_pairs;

		mirror->all_pairs = pair->next;
		free(pair);
	}
	pl_table_free(mirror->entries);
	pl_table_free(mirror->pairs);
	pl_table_free(mirror->births);
	free(mirror);
	return NULL;
}

static struct pl_tuple pair_key(const struct pl_tuple *tuple, uint8_t proto, uint32_t reqid)
{
	struct pl_tuple key = *tuple;

	key.proto = proto;
	key.local_port = (uint16_t)(reqid >> 16);
	key.remote_port = (uint16_t)reqid;
	return key;
}

static uint32_t pair_reqid(const struct pl_tuple *key)
{
	return (uint32_t)key->local_port << 16 | key->remote_port;
}

static enum pl_nft_set pair_set(const struct pl_tuple *key)
{
	if (pl_nft_is_association(key))
		return PL_NFT_FLOWS;
	return pair_reqid(key) == 0 ? PL_NFT_PAIRS : PL_NFT_PAIR_PINS;
}

static void pair_element(struct pl_nft_batch *batch, bool is_new, const struct pl_tuple *key)
{
	uint32_t reqid = pair_reqid(key);

	if (batch != NULL)
		pl_nft_element(batch, is_new, pair_set(key), key, reqid);
}

static int pair_ref(struct pl_mirror *mirror, struct pl_nft_batch *batch, struct pl_tuple key)
{
	struct pair *pair = (struct pair *)pl_table_find(mirror->pairs, &key);
	int r;

	if (pair != NULL) {
		pair->refs++;
		return 0;
	}
	pair = calloc(1, sizeof(*pair));
	if (pair == NULL)
		return -ENOMEM;
	pair->key = key;
	pair->refs = 1;
	r = pl_table_put(mirror->pairs, &pair->key);
	if (r != 0) {
		free(pair);
		return r;
	}
	pair->next = mirror->all_pairs;
	if (pair->next != NULL)
		pair->next->prev = pair;
	mirror->all_pairs = pair;
	pair_element(batch, true, &key);
	return 0;
}

static void pair_unref(struct pl_mirror *mirror, struct pl_nft_batch *batch, struct pl_tuple key)
{
	struct pair *pair = (struct pair *)pl_table_find(mirror->pairs, &key);

	if (pair == NULL || --pair->refs > 0)
		return;
	pl_table_take(mirror->pairs, &key);
	if (pair->prev != NULL)
		pair->prev->next = pair->next;
	else
		mirror->all_pairs = pair->next;
	if (pair->next != NULL)
		pair->next->prev = pair->prev;
	free(pair);
	pair_element(batch, false, &key);
}

/* What a flow (@reqid 0) or an inbound pin of it needs. */
enum { KEYS_MAX = 4 };

static unsigned keys_of(const struct pl_tuple *tuple, uint32_t reqid,
			struct pl_tuple ret[static KEYS_MAX])
{
	ret[0] = pair_key(tuple, tuple->proto, reqid);
	ret[1] = pair_key(tuple, 0, reqid);
	if (tuple->proto != PL_TUPLE_SCTP || reqid != 0)
		return 2;
	/* One association may have addresses of both families. */
	pl_nft_association(tuple, PL_AF_IP4, &ret[2]);
	pl_nft_association(tuple, PL_AF_IP6, &ret[3]);
	return 4;
}

static int hold(struct pl_mirror *mirror, struct pl_nft_batch *batch, const struct pl_tuple *tuple,
		uint32_t reqid)
{
	struct pl_tuple keys[KEYS_MAX];
	unsigned nr = keys_of(tuple, reqid, keys), done = 0;
	int r = 0;

	while (r == 0 && done < nr) {
		r = pair_ref(mirror, batch, keys[done]);
		done += r == 0;
	}
	while (r != 0 && done > 0)
		pair_unref(mirror, NULL, keys[--done]);
	return r;
}

static void let_go(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		   const struct pl_tuple *tuple, uint32_t reqid)
{
	struct pl_tuple keys[KEYS_MAX];
	unsigned nr = keys_of(tuple, reqid, keys);

	for (unsigned i = 0; i < nr; i++)
		pair_unref(mirror, batch, keys[i]);
}

/* Fragments in clear could end up in anybody's packet of that pair. */
static bool has_pair(const struct pl_pin *pin)
{
	return pin->direction == PL_DIR_IN && pin->reqid != 0;
}

static unsigned port_block(const struct pl_tuple *tuple)
{
	return tuple->local_port / PL_NFT_PORT_BLOCK;
}

static bool has_port_in(const struct pl_tuple *tuple, uint8_t af)
{
	return tuple->af == af || tuple->proto == PL_TUPLE_SCTP;
}

static void port_element(struct pl_nft_batch *batch, bool is_new, const struct pl_tuple *tuple,
			 uint8_t af)
{
	struct pl_tuple key = { .af = af, .local_port = tuple->local_port };

	if (batch != NULL)
		pl_nft_element(batch, is_new, PL_NFT_PORTS, &key, 0);
}

static const uint8_t families[] = { PL_AF_IP4, PL_AF_IP6 };

static void hold_port(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		      const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < 2; i++) {
		if (has_port_in(tuple, families[i]) &&
		    mirror->port_refs[i][port_block(tuple)]++ == 0)
			port_element(batch, true, tuple, families[i]);
	}
}

static void port_removal(const struct pl_mirror *mirror, struct pl_nft_batch *batch,
			 const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < 2; i++) {
		if (has_port_in(tuple, families[i]) &&
		    mirror->port_refs[i][port_block(tuple)] == 1)
			port_element(batch, false, tuple, families[i]);
	}
}

static void let_go_port(struct pl_mirror *mirror, const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < 2; i++) {
		if (has_port_in(tuple, families[i]))
			mirror->port_refs[i][port_block(tuple)]--;
	}
}

struct pl_mirror_entry *pl_mirror_find(const struct pl_mirror *mirror,
				       const struct pl_tuple *tuple)
{
	return (struct pl_mirror_entry *)pl_table_find(mirror->entries, tuple);
}

static void entry_elements(struct pl_nft_batch *batch, bool is_new,
			   const struct pl_mirror_entry *entry)
{
	if (batch == NULL)
		return;
	pl_nft_element(batch, is_new, pl_tuple_is_listener(&entry->tuple) ? PL_NFT_LISTENERS :
									    PL_NFT_FLOWS,
		       &entry->tuple, 0);
}

static void birth_element(struct pl_nft_batch *batch, bool is_new,
			  const struct pl_mirror_entry *entry, const struct pl_mirror_birth *birth)
{
	if (batch != NULL)
		pl_nft_element(batch, is_new, PL_NFT_BIRTHS, &entry->tuple, birth->reqid);
}

struct pl_pin pl_mirror_pin_at(const struct pl_mirror_entry *entry, unsigned i)
{
	return (struct pl_pin) {
		entry->outbound >> i & 1 ? PL_DIR_OUT : PL_DIR_IN, reqids_of(entry)[i] };
}

static void set_pin(struct pl_mirror_entry *entry, unsigned i, const struct pl_pin *pin)
{
	unsigned others = entry->outbound & ~(1u << i);

	entry->outbound = (uint8_t)(others | (pin->direction == PL_DIR_OUT) << i);
	reqids_of(entry)[i] = pin->reqid;
}

static enum pl_nft_set pin_set(const struct pl_pin *pin)
{
	return pin->direction == PL_DIR_IN ? PL_NFT_PIN_IN : PL_NFT_PIN_OUT;
}

static void pin_element(struct pl_nft_batch *batch, bool is_new,
			const struct pl_mirror_entry *entry, const struct pl_pin *pin)
{
	if (batch != NULL)
		pl_nft_element(batch, is_new, pin_set(pin), &entry->tuple, pin->reqid);
}

static void answer_element(struct pl_nft_batch *batch, bool is_new,
			   const struct pl_mirror_entry *entry)
{
	if (batch != NULL && entry->is_answered)
		pl_nft_element(batch, is_new, PL_NFT_ANSWERS, &entry->tuple,
			       pl_mirror_device(entry));
}

static unsigned room_of(bool is_wide)
{
	return is_wide ? PL_MIRROR_PINS_MAX : FEW_PINS;
}

static struct pl_mirror_entry *new_entry(const struct pl_tuple *tuple, bool is_wide)
{
	struct pl_mirror_entry *entry;

	entry = calloc(1, sizeof(*entry) + room_of(is_wide) * sizeof(uint32_t));
	if (entry == NULL)
		return NULL;
	entry->tuple = *tuple;
	entry->is_wide = is_wide;
	return entry;
}

static int more_room(struct pl_mirror *mirror, struct pl_mirror_entry **entry)
{
	const struct pl_mirror_entry *from = *entry;
	struct pl_mirror_entry *to = new_entry(&from->tuple, true);

	if (to == NULL)
		return -ENOMEM;
	to->nr_pins = from->nr_pins;
	to->outbound = from->outbound;
	memcpy(reqids_of(to), reqids_of(from), from->nr_pins * sizeof(uint32_t));
	pl_table_replace(mirror->entries, &to->tuple);
	free(*entry);
	*entry = to;
	return 0;
}

int pl_mirror_add(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		  const struct pl_tuple *tuple)
{
	struct pl_mirror_entry *entry = new_entry(tuple, false);
	int r;

	if (entry == NULL)
		return -ENOMEM;
	r = pl_table_put(mirror->entries, &entry->tuple);
	if (r == 0 && !pl_tuple_is_listener(tuple)) {
		r = hold(mirror, batch, tuple, 0);
		if (r != 0)
			pl_table_take(mirror->entries, tuple);
	}
	if (r != 0) {
		free(entry);
		return r;
	}
	mirror->nr_of[tuple->af == PL_AF_IP6]++;
	entry_elements(batch, true, entry);
	hold_port(mirror, batch, tuple);
	return 0;
}

/* Whether only one holds it. A connection holds each of its pairs once. */
static void pair_removal(const struct pl_mirror *mirror, struct pl_nft_batch *batch,
			 struct pl_tuple key)
{
	const struct pair *pair = (struct pair *)pl_table_find(mirror->pairs, &key);

	if (pair != NULL && pair->refs == 1)
		pair_element(batch, false, &key);
}

static void pairs_removal(const struct pl_mirror *mirror, struct pl_nft_batch *batch,
			  const struct pl_tuple *tuple, uint32_t reqid)
{
	struct pl_tuple keys[KEYS_MAX];
	unsigned nr = keys_of(tuple, reqid, keys);

	for (unsigned i = 0; i < nr; i++)
		pair_removal(mirror, batch, keys[i]);
}

void pl_mirror_write_removal(const struct pl_mirror *mirror, struct pl_nft_batch *batch,
			     const struct pl_mirror_entry *entry)
{
	for (unsigned i = 0; i < entry->nr_pins; i++) {
		struct pl_pin pin = pl_mirror_pin_at(entry, i);

		pin_element(batch, false, entry, &pin);
		if (has_pair(&pin))
			pairs_removal(mirror, batch, &entry->tuple, pin.reqid);
	}
	answer_element(batch, false, entry);
	for (const struct pl_mirror_birth *birth = pl_mirror_births(entry); birth != NULL;
	     birth = birth->next)
		birth_element(batch, false, entry, birth);
	entry_elements(batch, false, entry);
	if (!pl_tuple_is_listener(&entry->tuple))
		pairs_removal(mirror, batch, &entry->tuple, 0);
	port_removal(mirror, batch, &entry->tuple);
}

void pl_mirror_remove(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		      struct pl_mirror_entry *entry)
{
	if (batch != NULL)
		pl_mirror_write_removal(mirror, batch, entry);
	while (entry->nr_pins > 0)
		pl_mirror_unpin(mirror, NULL, entry, entry->nr_pins - 1);
	pl_mirror_dismiss_until(mirror, NULL, entry, NULL);
	if (!pl_tuple_is_listener(&entry->tuple))
		let_go(mirror, NULL, &entry->tuple, 0);
	let_go_port(mirror, &entry->tuple);
	mirror->nr_of[entry->tuple.af == PL_AF_IP6]--;
	pl_table_take(mirror->entries, &entry->tuple);
	free(entry);
}

int pl_mirror_pin(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		  struct pl_mirror_entry **entry, const struct pl_pin *pin)
{
	unsigned i = (*entry)->nr_pins;
	int r = i == PL_MIRROR_PINS_MAX ? PL_E_TOO_MANY : 0;

	if ((*entry)->is_answered)
		r = PL_E_WRONG_STATE;
	if (r == 0 && i == room_of((*entry)->is_wide))
		r = more_room(mirror, entry);
	if (r == 0 && has_pair(pin))
		r = hold(mirror, batch, &(*entry)->tuple, pin->reqid);
	if (r != 0)
		return r;
	set_pin(*entry, i, pin);
	(*entry)->nr_pins++;
	pin_element(batch, true, *entry, pin);
	return 0;
}

void pl_mirror_unpin(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		     struct pl_mirror_entry *entry, unsigned i)
{
	struct pl_pin pin = pl_mirror_pin_at(entry, i);
	struct pl_pin last = pl_mirror_pin_at(entry, entry->nr_pins - 1u);

	entry->nr_pins--;
	set_pin(entry, i, &last);
	pin_element(batch, false, entry, &pin);
	if (has_pair(&pin))
		let_go(mirror, batch, &entry->tuple, pin.reqid);
}

bool pl_mirror_has_pin(const struct pl_mirror_entry *entry, const struct pl_pin *pin,
		       unsigned *ret_i)
{
	for (unsigned i = 0; i < entry->nr_pins; i++) {
		struct pl_pin other = pl_mirror_pin_at(entry, i);

		if (other.reqid != pin->reqid || other.direction != pin->direction)
			continue;
		*ret_i = i;
		return true;
	}
	return false;
}

uint32_t pl_mirror_device(const struct pl_mirror_entry *entry)
{
	return entry->is_answered ? *reqids_of(entry) : 0;
}

void pl_mirror_answer(struct pl_nft_batch *batch, struct pl_mirror_entry *entry, uint32_t device)
{
	answer_element(batch, false, entry);
	entry->is_answered = device != 0;
	*reqids_of(entry) = device;
	answer_element(batch, true, entry);
}

static struct pl_tuple birth_key(const struct pl_mirror_entry *entry, uint32_t reqid)
{
	struct pl_tuple key = entry->tuple;

	memcpy(key.remote, &reqid, sizeof(reqid));
	return key;
}

int pl_mirror_admit(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		    struct pl_mirror_entry *entry, uint32_t reqid)
{
	struct pl_tuple key = birth_key(entry, reqid);
	struct pl_mirror_birth *birth;
	int r;

	if (pl_table_find(mirror->births, &key) != NULL)
		return 0;
	birth = calloc(1, sizeof(*birth));
	if (birth == NULL)
		return -ENOMEM;
	birth->key = key;
	birth->reqid = reqid;
	r = pl_table_put(mirror->births, &birth->key);
	if (r != 0) {
		free(birth);
		return r;
	}
	birth->next = *births_at(entry);
	if (birth->next != NULL)
		birth->next->prev = birth;
	*births_at(entry) = birth;
	birth_element(batch, true, entry, birth);
	return 0;
}

static void end_birth(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		      struct pl_mirror_entry *entry, struct pl_mirror_birth *birth)
{
	birth_element(batch, false, entry, birth);
	if (birth->prev != NULL)
		birth->prev->next = birth->next;
	else
		*births_at(entry) = birth->next;
	if (birth->next != NULL)
		birth->next->prev = birth->prev;
	pl_table_take(mirror->births, &birth->key);
	free(birth);
}

bool pl_mirror_dismiss(struct pl_mirror *mirror, struct pl_nft_batch *batch,
		       struct pl_mirror_entry *entry, uint32_t reqid)
{
	struct pl_tuple key = birth_key(entry, reqid);
	struct pl_mirror_birth *birth;

	birth = (struct pl_mirror_birth *)pl_table_find(mirror->births, &key);
	if (birth == NULL)
		return false;
	end_birth(mirror, batch, entry, birth);
	return true;
}

void pl_mirror_dismiss_until(struct pl_mirror *mirror, struct pl_nft_batch *batch,
			     struct pl_mirror_entry *entry, const struct pl_mirror_birth *until)
{
	while (pl_mirror_births(entry) != until)
		end_birth(mirror, batch, entry, pl_mirror_births(entry));
}

bool pl_mirror_may_pin(const struct pl_tuple *tuple, const struct pl_pin *pins, unsigned nr_pins)
{
	for (unsigned i = 0; i < nr_pins; i++) {
		if (pins[i].reqid == 0 ||
		    (pins[i].direction != PL_DIR_IN &&
		     (pins[i].direction != PL_DIR_OUT || pl_tuple_is_listener(tuple))))
			return false;
	}
	return nr_pins > 0;
}

bool pl_mirror_may_answer(const struct pl_mirror_entry *entry)
{
	return entry != NULL && entry->tuple.proto == PL_TUPLE_TCP &&
	       !pl_tuple_is_listener(&entry->tuple) && entry->nr_pins == 0;
}

static bool is_bypass(const struct pl_tuple *tuple, const struct pl_pin *pin)
{
	return pin->reqid == 0 && !pl_tuple_is_listener(tuple) &&
	       (pin->direction == PL_DIR_IN || pin->direction == PL_DIR_OUT);
}

int pl_mirror_put(struct pl_mirror *mirror, const struct pl_guard_item *item, uint32_t device)
{
	struct pl_mirror_entry *entry = pl_mirror_find(mirror, &item->tuple);
	unsigned i;

	switch (item->kind) {
	case PL_GUARD_FLOW:
	case PL_GUARD_LISTENER:
		return entry != NULL ? 0 : pl_mirror_add(mirror, NULL, &item->tuple);
	case PL_GUARD_PIN:
		if (entry == NULL || !(pl_mirror_may_pin(&item->tuple, &item->pin, 1) ||
				       is_bypass(&item->tuple, &item->pin)))
			return PL_E_WRONG_STATE;
		if (pl_tuple_is_listener(&item->tuple))
			return pl_mirror_admit(mirror, NULL, entry, item->pin.reqid);
		return pl_mirror_has_pin(entry, &item->pin, &i) ?
			       0 : pl_mirror_pin(mirror, NULL, &entry, &item->pin);
	case PL_GUARD_ANSWER:
		if (!pl_mirror_may_answer(entry))
			return PL_E_WRONG_STATE;
		pl_mirror_answer(NULL, entry, device);
		return 0;
	case PL_GUARD_NONE:
	case PL_GUARD_ROOF:
		break;
	}
	return PL_E_MALFORMED;
}

static void write_entry(const struct pl_mirror_entry *entry, struct pl_nft_batch *batch,
			enum pl_nft_set set)
{
	bool is_listener = pl_tuple_is_listener(&entry->tuple);

	if ((set == PL_NFT_FLOWS && !is_listener) || (set == PL_NFT_LISTENERS && is_listener)) {
		pl_nft_element(batch, true, set, &entry->tuple, 0);
		return;
	}
	if (set == PL_NFT_ANSWERS)
		answer_element(batch, true, entry);
	if (set == PL_NFT_BIRTHS) {
		for (const struct pl_mirror_birth *birth = pl_mirror_births(entry); birth != NULL;
		     birth = birth->next)
			birth_element(batch, true, entry, birth);
	}
	for (unsigned i = 0; i < entry->nr_pins; i++) {
		struct pl_pin pin = pl_mirror_pin_at(entry, i);

		if (pin_set(&pin) == set)
			pin_element(batch, true, entry, &pin);
	}
}

static void write_ports(const struct pl_mirror *mirror, struct pl_nft_batch *batch, uint8_t af)
{
	struct pl_tuple tuple = { .af = af };

	for (unsigned i = 0; i < NR_BLOCKS; i++) {
		tuple.local_port = (uint16_t)(i * PL_NFT_PORT_BLOCK);
		if (mirror->port_refs[af == PL_AF_IP6][i] > 0)
			port_element(batch, true, &tuple, af);
	}
}

/* Sets that an entry has elements in, by bits. */
static unsigned sets_of(const struct pl_mirror_entry *entry)
{
	unsigned sets = pl_tuple_is_listener(&entry->tuple) ? 1u << PL_NFT_LISTENERS :
							       1u << PL_NFT_FLOWS;

	if (entry->nr_pins > 0)
		sets |= 1u << PL_NFT_PIN_IN | 1u << PL_NFT_PIN_OUT;
	if (entry->is_answered)
		sets |= 1u << PL_NFT_ANSWERS;
	if (pl_mirror_births(entry) != NULL)
		sets |= 1u << PL_NFT_BIRTHS;
	return sets;
}

static unsigned all_sets(const struct pl_mirror *mirror)
{
	const struct pl_mirror_entry *entry;
	unsigned sets = 0;

	for (size_t at = 0; (entry = next_entry(mirror, &at)) != NULL; )
		sets |= sets_of(entry);
	return sets;
}

/* Set by set, so that elements share messages; after a restart most are empty. */
void pl_mirror_write(const struct pl_mirror *mirror, struct pl_nft_batch *batch)
{
	static const enum pl_nft_set sets[] = { PL_NFT_FLOWS, PL_NFT_LISTENERS, PL_NFT_BIRTHS,
						PL_NFT_PIN_IN, PL_NFT_PIN_OUT,
						PL_NFT_ANSWERS };
	const unsigned used = all_sets(mirror);
	static const enum pl_nft_set shared[] = { PL_NFT_FLOWS, PL_NFT_PAIRS, PL_NFT_PAIR_PINS };

	for (unsigned i = 0; i < 2 * sizeof(sets) / sizeof(sets[0]); i++) {
		const struct pl_mirror_entry *entry;

		for (size_t at = 0; mirror->nr_of[i % 2] > 0 && used & 1u << sets[i / 2] &&
				    (entry = next_entry(mirror, &at)) != NULL; ) {
			if (entry->tuple.af == families[i % 2])
				write_entry(entry, batch, sets[i / 2]);
		}
	}
	for (unsigned i = 0; i < 2 * sizeof(shared) / sizeof(shared[0]); i++) {
		for (const struct pair *pair = mirror->all_pairs; pair != NULL; pair = pair->next) {
			if (pair->key.af == families[i % 2] &&
			    pair_set(&pair->key) == shared[i / 2])
				pair_element(batch, true, &pair->key);
		}
	}
	write_ports(mirror, batch, PL_AF_IP4);
	write_ports(mirror, batch, PL_AF_IP6);
}
