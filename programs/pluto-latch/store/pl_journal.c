/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The file of slots. Its head is as long as a slot; then come slots, each a latch, a session or
 * free. A latch keeps its slot, so that nothing grows with the number of changes and nothing has to
 * be compacted.
 *
 * SIGKILL may come between any two writes. So:
 * - room is there before the head speaks of it, and it is room that a full file system cannot take
 *   away again: a file shorter than its head says was cut by somebody else;
 * - an identity's file is there before a slot names it, and goes after the last one that did;
 * - ids are reserved in the head before a slot has one of them.
 *
 * Invariant: after an error, what the file says of a latch is what it said before.
 */

#include "store/pl_journal.h"

#include "store/pl_cursor.h"
#include "store/pl_identity_store.h"
#include "store/pl_seat.h"
#include "store/pl_slot.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SLOTS_AT_ONCE = 64,	/* the file grows by so many */
	IDS_AT_ONCE = 4096,
	BOOT_ID_BYTES = 36,
};

static const char file_name[] = "latches";
static const uint64_t head_magic = 0x01004c4e524a4c50;	/* "PLJRNL", version 1 */

/**
 * struct head - first slot of the file
 * @boot:     of the kernel that the latches are of
 * @nr_slots: behind the head, at least
 * @next_id:  not reserved yet
 */
struct head {
	uint64_t magic;
	char boot[BOOT_ID_BYTES];
	uint64_t nr_slots;
	uint64_t next_id;
};

/* Where a latch is. */
struct place {
	uint64_t id;
	uint64_t slot;
	struct pl_identity_file *identity;
	RB_ENTRY(place) by_id;
};

/* Where a session is; .session.token is of the one that was read. */
struct seat {
	struct pl_kept_session session;
	uint64_t slot;
};

/**
 * struct pl_journal - the journal
 * @head:       as in the file
 * @places:     by id
 * @seats:      of struct seat, by number
 * @free:       slots that are free
 * @unreadable: slots that are neither free nor readable
 * @is_known:   its head is of this boot, and can be read
 * @is_foreign: its head is sound, and of another version
 */
struct pl_journal {
	int folder, fd;
	struct head head;
	uint64_t max_slots;
	RB_HEAD(places, place) places;
	void *seats;
	struct pl_identity_store *identities;
	struct numbers {
		uint64_t *at;
		size_t nr, room;
	} free, unreadable;
	bool is_known, is_foreign;
};

static int compare_place(const struct place *a, const struct place *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(places, place, by_id, compare_place, OURS)

static int compare_seat(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;

	return (x->session.number > y->session.number) - (x->session.number < y->session.number);
}

static int push(struct numbers *numbers, uint64_t number)
{
	if (numbers->nr == numbers->room) {
		size_t room = numbers->room == 0 ? SLOTS_AT_ONCE : numbers->room * 2;
		void *at = reallocarray(numbers->at, room, sizeof(number));

		if (at == NULL)
			return -ENOMEM;
		numbers->at = at;
		numbers->room = room;
	}
	numbers->at[numbers->nr++] = number;
	return 0;
}

static off_t offset_of(uint64_t slot)
{
	return (off_t)((slot + 1) * PL_SLOT_BYTES);
}

/* Pluto's seccomp filter has neither pwrite(2) nor fallocate(2). */
static int write_at(const struct pl_journal *journal, off_t at, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	if (lseek(journal->fd, at, SEEK_SET) != at)
		return -errno;
	do
		n = write(journal->fd, bytes, len);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int write_slot(const struct pl_journal *journal, off_t at,
		      const uint8_t bytes[static PL_SLOT_BYTES])
{
	return write_at(journal, at, bytes, PL_SLOT_BYTES);
}

static int read_slots(const struct pl_journal *journal, off_t at, uint8_t *ret, size_t nr)
{
	size_t len = nr * PL_SLOT_BYTES;
	ssize_t n;

	do
		n = pread(journal->fd, ret, len, at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : n < 0 ? -errno : PL_E_MALFORMED;
}

static void walk_head(struct pl_cursor *c, struct head *head)
{
	head->magic = pl_cursor_number(c, head->magic, 8);
	pl_cursor_bytes(c, head->boot, sizeof(head->boot));
	head->nr_slots = pl_cursor_number(c, head->nr_slots, 8);
	head->next_id = pl_cursor_number(c, head->next_id, 8);
}

static void encode_head(const struct head *head, uint8_t ret[static PL_SLOT_BYTES])
{
	struct pl_cursor c = { .to = ret, .left = PL_SLOT_BYTES };
	struct head copy = *head;
	uint64_t sum;

	memset(ret, 0, PL_SLOT_BYTES);
	walk_head(&c, &copy);
	sum = pl_slot_sum(ret, PL_SLOT_BYTES - sizeof(sum));
	c = (struct pl_cursor) { .to = ret + PL_SLOT_BYTES - sizeof(sum), .left = sizeof(sum) };
	(void)pl_cursor_number(&c, sum, sizeof(sum));
}

static int decode_head(const uint8_t bytes[static PL_SLOT_BYTES], struct head *ret)
{
	struct pl_cursor c = { .from = bytes, .left = PL_SLOT_BYTES };
	uint8_t again[PL_SLOT_BYTES];
	struct head head;

	walk_head(&c, &head);
	encode_head(&head, again);
	if (head.magic != head_magic || memcmp(again, bytes, PL_SLOT_BYTES) != 0)
		return PL_E_MALFORMED;
	*ret = head;
	return 0;
}

/* Magic and sum are where they are for good. */
static bool is_foreign_head(const uint8_t bytes[static PL_SLOT_BYTES])
{
	struct pl_cursor magic = { .from = bytes, .left = 8 };
	struct pl_cursor sum = { .from = bytes + PL_SLOT_BYTES - 8, .left = 8 };
	uint64_t differs = pl_cursor_number(&magic, 0, 8) ^ head_magic;

	return differs != 0 && differs << 8 == 0 &&
	       pl_cursor_number(&sum, 0, 8) == pl_slot_sum(bytes, PL_SLOT_BYTES - 8);
}

/* Written first, and believed after. */
static int set_head(struct pl_journal *journal, const struct head *head)
{
	uint8_t bytes[PL_SLOT_BYTES];
	int r;

	encode_head(head, bytes);
	r = write_slot(journal, 0, bytes);
	if (r == 0)
		journal->head = *head;
	return r;
}

static int read_boot(char ret[static BOOT_ID_BYTES])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, BOOT_ID_BYTES);
	close(fd);
	return n == BOOT_ID_BYTES ? 0 : -EIO;
}

static int begin_anew(struct pl_journal *journal, const char boot[static BOOT_ID_BYTES])
{
	struct head head = { .magic = head_magic, .next_id = 1 };

	memcpy(head.boot, boot, BOOT_ID_BYTES);
	if (ftruncate(journal->fd, 0) < 0)
		return -errno;
	journal->is_known = true;
	return set_head(journal, &head);
}

/* A head that cannot be read says nothing of its boot: what is behind it is looked at. */
static int open_head(struct pl_journal *journal)
{
	uint8_t bytes[PL_SLOT_BYTES];
	char boot[BOOT_ID_BYTES];
	struct stat stat;
	int r = read_boot(boot);

	if (r != 0)
		return r;
	if (fstat(journal->fd, &stat) < 0)
		return -errno;
	if (stat.st_size == 0)
		return begin_anew(journal, boot);
	r = read_slots(journal, 0, bytes, 1);
	if (r == 0)
		r = decode_head(bytes, &journal->head);
	if (r == PL_E_MALFORMED) {
		journal->is_foreign = stat.st_size >= PL_SLOT_BYTES && is_foreign_head(bytes);
		journal->head = (struct head) { .magic = head_magic, .next_id = 1 };
		memcpy(journal->head.boot, boot, BOOT_ID_BYTES);
		return 0;
	}
	if (r == 0 && memcmp(journal->head.boot, boot, BOOT_ID_BYTES) != 0)
		return begin_anew(journal, boot);
	journal->is_known = r == 0;
	return r;
}

static int open_files(struct pl_journal *journal, const char *folder)
{
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	journal->folder = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (journal->folder < 0)
		return -errno;
	journal->fd = openat(journal->folder, file_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			     0600);
	if (journal->fd < 0)
		return -errno;
	if (flock(journal->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? PL_E_UNAVAILABLE : -errno;
	return 0;
}

int pl_journal_open(const char *folder, size_t max_slots, struct pl_journal **ret)
{
	struct pl_journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (journal == NULL)
		return -ENOMEM;
	journal->folder = journal->fd = -1;
	journal->max_slots = max_slots;
	r = open_files(journal, folder);
	if (r == 0)
		r = open_head(journal);
	if (r == 0) {
		journal->identities = pl_identity_store_new(journal->folder);
		r = journal->identities == NULL ? -ENOMEM : 0;
	}
	if (r != 0)
		pl_journal_close(journal);
	else
		*ret = journal;
	return r;
}

int pl_journal_remove(struct pl_journal *journal)
{
	if (!RB_EMPTY(&journal->places) || journal->unreadable.nr != 0)
		return PL_E_WRONG_STATE;
	return unlinkat(journal->folder, file_name, 0) == 0 ? 0 : -errno;
}

static void free_places(struct pl_journal *journal)
{
	struct place *place, *next;

	RB_FOREACH_SAFE(place, places, &journal->places, next) {
		RB_REMOVE(places, &journal->places, place);
		free(place);
	}
}

struct pl_journal *pl_journal_close(struct pl_journal *journal)
{
	if (journal == NULL)
		return NULL;
	free_places(journal);
	tdestroy(journal->seats, free);
	pl_identity_store_free(journal->identities);
	free(journal->free.at);
	free(journal->unreadable.at);
	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->folder >= 0)
		close(journal->folder);
	free(journal);
	return NULL;
}

static int put_place(struct pl_journal *journal, uint64_t id, uint64_t slot,
		     struct pl_identity_file *identity)
{
	struct place *place = malloc(sizeof(*place));

	if (place == NULL)
		return -ENOMEM;
	*place = (struct place) { .id = id, .slot = slot, .identity = identity };
	if (RB_INSERT(places, &journal->places, place) == NULL)
		return 0;
	free(place);
	return PL_E_MALFORMED;
}

static struct place *find_place(const struct pl_journal *journal, uint64_t id)
{
	struct place key = { .id = id };

	return RB_FIND(places, (struct places *)&journal->places, &key);
}

/* PL_E_MALFORMED for a second one of a number. */
static int put_seat(struct pl_journal *journal, const struct pl_kept_session *session,
		    uint64_t slot)
{
	struct seat *seat = malloc(sizeof(*seat)), **at;

	if (seat == NULL)
		return -ENOMEM;
	*seat = (struct seat) { *session, slot };
	at = tsearch(seat, &journal->seats, compare_seat);
	if (at != NULL && *at == seat)
		return 0;
	free(seat);
	return at == NULL ? -ENOMEM : PL_E_MALFORMED;
}

static struct seat *find_seat(const struct pl_journal *journal, uint64_t number)
{
	struct seat key = { .session = { .number = number } };
	struct seat **at = tfind(&key, &journal->seats, compare_seat);

	return at == NULL ? NULL : *at;
}

static void drop_seat(struct pl_journal *journal, struct seat *seat)
{
	if (seat != NULL)
		tdelete(seat, &journal->seats, compare_seat);
	free(seat);
}

/* What is in a slot, and where it is from now on. PL_E_MALFORMED also for a second one of an id. */
static int take_slot(struct pl_journal *journal, uint64_t number, const struct pl_kept *kept,
		     struct pl_identity_file **ret)
{
	struct pl_identity_file *identity = NULL;
	int r = 0;

	if (kept->id >= journal->head.next_id)
		return PL_E_MALFORMED;
	if (kept->has_identity)
		r = pl_identity_store_find(journal->identities, kept->identity, &identity);
	if (r == 0)
		r = put_place(journal, kept->id, number, identity);
	if (r == 0)
		*ret = identity;
	else
		pl_identity_store_release(journal->identities, identity);
	return r;
}

/* A walk over all slots. */
struct reading {
	struct pl_journal *journal;
	struct pl_identity_pool *pool;
	pl_store_visit *visit;
	void *ctx;
	struct pl_store_found found;
};

static int show_latch(struct reading *reading, const struct pl_kept *kept,
		      struct pl_identity_file *file)
{
	struct pl_identity *identity = NULL;
	int r = 0;

	if (file != NULL && reading->pool != NULL)
		r = pl_identity_store_load(reading->journal->identities, file, reading->pool,
					   &identity);
	if (r == PL_E_NOT_FOUND || r == PL_E_MALFORMED)
		reading->found.damage |= PL_DAMAGE_IDENTITY;
	else if (r != 0)
		return r;
	reading->found.nr_latches++;
	return reading->visit(reading->ctx, kept, identity);
}

static int read_one(struct reading *reading, uint64_t number,
		    const uint8_t bytes[static PL_SLOT_BYTES])
{
	struct pl_journal *journal = reading->journal;
	struct pl_identity_file *identity = NULL;
	struct pl_kept_session session;
	struct pl_kept kept;
	int r = pl_slot_decode(bytes, &kept);

	if (r == PL_E_NOT_FOUND)
		return push(&journal->free, number);
	if (r == 0) {
		r = take_slot(journal, number, &kept, &identity);
		if (r == 0)
			return show_latch(reading, &kept, identity);
	} else if (r == PL_E_MALFORMED && pl_seat_decode(bytes, &session) == 0) {
		r = put_seat(journal, &session, number);
	}
	if (r != PL_E_MALFORMED)
		return r;
	reading->found.damage |= PL_DAMAGE_RECORD;
	reading->found.nr_unreadable++;
	return push(&journal->unreadable, number);
}

/* From the last slot to the first, so that the first ones are given out first. */
static int read_all(struct reading *reading)
{
	static uint8_t bytes[SLOTS_AT_ONCE * PL_SLOT_BYTES];
	uint64_t end = reading->journal->head.nr_slots;
	int r = 0;

	while (r == 0 && end > 0) {
		size_t nr = end < SLOTS_AT_ONCE ? (size_t)end : SLOTS_AT_ONCE;

		end -= nr;
		/* What somebody cuts off while we read is no slot. */
		memset(bytes, 0xff, sizeof(bytes));
		r = read_slots(reading->journal, offset_of(end), bytes, nr);
		if (r == PL_E_MALFORMED)
			r = 0;
		for (size_t i = nr; r == 0 && i-- > 0; )
			r = read_one(reading, end + i, bytes + i * PL_SLOT_BYTES);
	}
	return r;
}

/* Room behind what the head speaks of is what SIGKILL left of a file that was about to grow. */
static int adopt_size(struct pl_journal *journal, struct pl_store_found *found)
{
	struct head head = journal->head;
	struct stat stat;
	uint64_t nr;

	if (fstat(journal->fd, &stat) < 0)
		return -errno;
	nr = stat.st_size <= PL_SLOT_BYTES ? 0 :
	     (uint64_t)stat.st_size / PL_SLOT_BYTES - 1;
	if (!journal->is_known)
		found->damage |= journal->is_foreign ? PL_DAMAGE_VERSION : PL_DAMAGE_HEAD;
	if (nr < head.nr_slots || stat.st_size % PL_SLOT_BYTES != 0)
		found->damage |= PL_DAMAGE_CUT;
	head.nr_slots = nr;
	/* an id in a slot was reserved: without the head nobody knows what was */
	if (!journal->is_known && nr > 0)
		head.next_id = UINT64_MAX / 2;
	journal->head = head;
	return 0;
}

/* What was cut is said once: the next daemon finds whole slots again, and a head that fits. */
static int mend(struct pl_journal *journal, const struct pl_store_found *found)
{
	if (found->damage & PL_DAMAGE_CUT &&
	    ftruncate(journal->fd, offset_of(journal->head.nr_slots)) < 0)
		return -errno;
	return set_head(journal, &journal->head);
}

int pl_journal_read(struct pl_journal *journal, struct pl_identity_pool *pool,
		    pl_store_visit *visit, void *ctx, struct pl_store_found *ret)
{
	struct reading reading = { journal, pool, visit, ctx, { .damage = 0 } };
	int r = adopt_size(journal, &reading.found);

	if (r == 0)
		r = read_all(&reading);
	if (r == 0)
		r = mend(journal, &reading.found);
	if (r == 0)
		r = pl_identity_store_sweep(journal->identities);
	if (r == 0) {
		reading.found.next_id = journal->head.next_id;
		*ret = reading.found;
	}
	return r;
}

void pl_journal_allow(struct pl_journal *journal, size_t max_slots)
{
	journal->max_slots = max_slots;
}

static int grow(struct pl_journal *journal)
{
	static const uint8_t none[SLOTS_AT_ONCE * PL_SLOT_BYTES];
	struct head head = journal->head;
	size_t before = journal->free.nr;
	int r;

	if (head.nr_slots >= journal->max_slots)
		return PL_E_LIMIT_EXCEEDED;
	head.nr_slots += SLOTS_AT_ONCE;
	r = write_at(journal, offset_of(journal->head.nr_slots), none, sizeof(none));
	if (r != 0)
		return r;
	for (uint64_t i = head.nr_slots; r == 0 && i-- > journal->head.nr_slots; )
		r = push(&journal->free, i);
	if (r == 0)
		r = set_head(journal, &head);
	if (r != 0)
		journal->free.nr = before;
	return r;
}

static int reserve(struct pl_journal *journal, uint64_t id)
{
	struct head head = journal->head;

	if (id < head.next_id)
		return 0;
	head.next_id = id + IDS_AT_ONCE;
	return set_head(journal, &head);
}

/* @slot: of what is there already, or NULL for one that is free; it stays so until the caller has
 * written it. */
static int find_slot(struct pl_journal *journal, const uint64_t *slot, uint64_t *ret)
{
	int r = 0;

	if (slot != NULL) {
		*ret = *slot;
		return 0;
	}
	if (journal->free.nr == 0)
		r = grow(journal);
	if (r == 0)
		*ret = journal->free.at[journal->free.nr - 1];
	return r;
}

/* What the journal is to say of a latch. */
static void keep(const struct pl_latch *latch, const char *peer,
		 const struct pl_identity_file *identity, uint8_t ret[static PL_SLOT_BYTES])
{
	struct pl_kept kept;

	pl_kept_of_latch(latch, identity == NULL ? NULL : pl_identity_file_digest(identity), peer,
			 &kept);
	pl_slot_encode(&kept, ret);
}

/* The place is there before the slot is written, so that nothing can fail after that. */
static int save_at(struct pl_journal *journal, uint64_t id, struct place *place, uint64_t number,
		   const uint8_t bytes[static PL_SLOT_BYTES], struct pl_identity_file *identity)
{
	struct pl_identity_file *old = place == NULL ? NULL : place->identity;
	int r = place == NULL ? put_place(journal, id, number, NULL) : 0;

	if (r == 0)
		r = write_slot(journal, offset_of(number), bytes);
	if (place == NULL) {
		place = find_place(journal, id);
		if (r == 0) {
			journal->free.nr--;
		} else if (place != NULL) {
			RB_REMOVE(places, &journal->places, place);
			free(place);
		}
	}
	if (r == 0) {
		place->identity = identity;
		pl_identity_store_release(journal->identities, old);
	}
	return r;
}

int pl_journal_save(struct pl_journal *journal, const struct pl_latch *latch, const char *peer)
{
	struct pl_identity *proved = latch->params.peer.identity;
	struct place *place = find_place(journal, latch->id);
	struct pl_identity_file *identity = NULL;
	uint8_t bytes[PL_SLOT_BYTES];
	uint64_t number;
	int r = reserve(journal, latch->id);

	if (r == 0)
		r = find_slot(journal, place == NULL ? NULL : &place->slot, &number);
	if (r == 0 && proved != NULL)
		r = pl_identity_store_hold(journal->identities, proved, &identity);
	if (r == 0) {
		keep(latch, peer, identity, bytes);
		r = save_at(journal, latch->id, place, number, bytes, identity);
	}
	if (r != 0)
		pl_identity_store_release(journal->identities, identity);
	return r;
}

static int clear_slot(struct pl_journal *journal, uint64_t number)
{
	static const uint8_t none[PL_SLOT_BYTES];
	int r = push(&journal->free, number);

	if (r == 0) {
		r = write_slot(journal, offset_of(number), none);
		if (r != 0)
			journal->free.nr--;
	}
	return r;
}

int pl_journal_forget(struct pl_journal *journal, uint64_t id)
{
	struct place *place = find_place(journal, id);
	int r;

	if (place == NULL)
		return 0;
	r = clear_slot(journal, place->slot);
	if (r != 0)
		return r;
	pl_identity_store_release(journal->identities, place->identity);
	RB_REMOVE(places, &journal->places, place);
	free(place);
	return 0;
}

/* Sessions */

struct showing {
	pl_store_visit_session *visit;
	void *ctx;
	int r;
};

static void show_seat(const void *node, VISIT order, void *ctx)
{
	const struct seat *seat = *(struct seat *const *)node;
	struct showing *showing = ctx;

	if ((order == postorder || order == leaf) && showing->r == 0)
		showing->r = showing->visit(showing->ctx, &seat->session);
}

int pl_journal_read_sessions(struct pl_journal *journal, pl_store_visit_session *visit, void *ctx)
{
	struct showing showing = { visit, ctx, 0 };

	twalk_r(journal->seats, show_seat, &showing);
	return showing.r;
}

/* As save_at(): the seat is there before the slot is written. */
int pl_journal_save_session(struct pl_journal *journal, const struct pl_kept_session *session)
{
	struct seat *seat = find_seat(journal, session->number);
	bool is_new = seat == NULL;
	uint8_t bytes[PL_SLOT_BYTES];
	uint64_t number = 0;
	int r = find_slot(journal, is_new ? NULL : &seat->slot, &number);

	if (r == 0 && is_new)
		r = put_seat(journal, session, number);
	if (r != 0)
		return r;
	pl_seat_encode(session, bytes);
	r = write_slot(journal, offset_of(number), bytes);
	if (r != 0 && is_new)
		drop_seat(journal, find_seat(journal, session->number));
	else if (is_new)
		journal->free.nr--;
	return r;
}

int pl_journal_forget_session(struct pl_journal *journal, uint64_t number)
{
	struct seat *seat = find_seat(journal, number);
	int r = seat == NULL ? 0 : clear_slot(journal, seat->slot);

	if (r == 0)
		drop_seat(journal, seat);
	return r;
}

int pl_journal_forget_unreadable(struct pl_journal *journal)
{
	int r = 0;

	while (r == 0 && journal->unreadable.nr > 0) {
		r = clear_slot(journal, journal->unreadable.at[journal->unreadable.nr - 1]);
		if (r == 0)
			journal->unreadable.nr--;
	}
	return r;
}

static int op_walk(void *ctx, struct pl_identity_pool *pool, pl_store_visit *visit,
		   void *visit_ctx, struct pl_store_found *ret)
{
	return pl_journal_read(ctx, pool, visit, visit_ctx, ret);
}

static int op_save(void *ctx, const struct pl_latch *latch, const char *peer)
{
	return pl_journal_save(ctx, latch, peer);
}

static int op_forget(void *ctx, uint64_t id)
{
	return pl_journal_forget(ctx, id);
}

static int op_walk_sessions(void *ctx, pl_store_visit_session *visit, void *visit_ctx)
{
	return pl_journal_read_sessions(ctx, visit, visit_ctx);
}

static int op_save_session(void *ctx, const struct pl_kept_session *session)
{
	return pl_journal_save_session(ctx, session);
}

static int op_forget_session(void *ctx, uint64_t number)
{
	return pl_journal_forget_session(ctx, number);
}

static int op_forget_unreadable(void *ctx)
{
	return pl_journal_forget_unreadable(ctx);
}

const struct pl_store_ops pl_journal_ops = {
	.walk = op_walk, .save = op_save, .forget = op_forget,
	.walk_sessions = op_walk_sessions, .save_session = op_save_session,
	.forget_session = op_forget_session, .forget_unreadable = op_forget_unreadable,
};
