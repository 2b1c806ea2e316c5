/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: a journal that somebody else wrote into. A sound one of four latches and two sessions
 * is made first; the input says which bytes of its file are other ones, where it is cut, and what
 * its peers' files hold.
 *
 * Asserted: nothing that was there is lost in silence (K53): either every latch is read as it was
 * saved, or damage is found; nothing is read that was not saved; and the next daemon, which finds
 * what this one left, reads the same latches.
 */

#include "store/pl_journal.h"
#include "store/pl_slot.h"

#include "input.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LATCHES = 4, SLOTS = 128, FILE_MAX = 1 << 16 };

static char folder[64];
static uint8_t sound[FILE_MAX];
static size_t sound_len;
static struct pl_identity_pool *pool;

struct seen {
	unsigned nr;
	uint64_t ids[SLOTS];
	unsigned nr_sessions;
	struct pl_store_found found;
};

static struct pl_latch latch_of(uint64_t id)
{
	return (struct pl_latch) {
		.id = id, .state = PL_STATE_ESTABLISHED, .cause = PL_EVENT_CREATED,
		.tuple = {
			.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000,
			.remote_port = (uint16_t)(32800 + id),
			.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
		},
		.owner = { PL_OWNER_SESSION, 1000, 7 },
		.params = {
			.mode = PL_MODE_TRANSPORT, .nr_suites = 1,
			.suites = { { 20, 128, 0, PL_PROTO_ESP, PL_ESN_NO } },
		},
	};
}

static int see(void *ctx, const struct pl_kept *kept, struct pl_identity *identity)
{
	struct seen *seen = ctx;
	struct pl_latch latch = latch_of(kept->id);

	(void)identity;
	assert(seen->nr < SLOTS);
	/* A sum is no signature: whoever writes it anew may have written anything. The fuzzer does
	 * not, so what is read is what was saved. */
	assert(kept->id >= 1 && kept->id <= LATCHES);
	assert(pl_tuple_compare(&kept->tuple, &latch.tuple) == 0);
	seen->ids[seen->nr++] = kept->id;
	return 0;
}

static int see_session(void *ctx, const struct pl_kept_session *session)
{
	struct seen *seen = ctx;

	assert(session->number == 1 || session->number == 2);
	seen->nr_sessions++;
	return 0;
}

static void read_journal(struct seen *seen)
{
	struct pl_journal *journal;

	*seen = (struct seen) { .nr = 0 };
	assert(pl_journal_open(folder, SLOTS, &journal) == 0);
	assert(pl_journal_read(journal, pool, see, seen, &seen->found) == 0);
	assert(pl_journal_read_sessions(journal, see_session, seen) == 0);
	assert(seen->found.nr_latches == seen->nr);
	pl_journal_close(journal);
}

static void path_of(const char *name, char ret[static 320])
{
	snprintf(ret, 320, "%s/%s", folder, name);
}

static void write_file(const uint8_t *bytes, size_t len)
{
	char path[320];
	int fd;

	path_of("latches", path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void make_sound(void)
{
	struct pl_journal *journal;
	struct seen seen;
	char path[320];
	int fd;

	read_journal(&seen);
	assert(pl_journal_open(folder, SLOTS, &journal) == 0);
	assert(pl_journal_read(journal, pool, see, &seen, &seen.found) == 0);
	for (uint64_t id = 1; id <= LATCHES; id++) {
		struct pl_latch latch = latch_of(id);

		assert(pl_journal_save(journal, &latch, "") == 0);
	}
	for (uint64_t number = 1; number <= 2; number++) {
		struct pl_kept_session session = { .number = number, .uid = 1000 };

		assert(pl_journal_save_session(journal, &session) == 0);
	}
	pl_journal_close(journal);
	path_of("latches", path);
	fd = open(path, O_RDONLY);
	assert(fd >= 0);
	sound_len = (size_t)read(fd, sound, sizeof(sound));
	close(fd);
	assert(sound_len > PL_SLOT_BYTES && sound_len < sizeof(sound));
}

static void clean(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	(void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* of memory, as /run is */
	snprintf(folder, sizeof(folder), "%s/fuzz_journal.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(folder) != NULL);
	atexit(clean);
	pool = pl_identity_pool_new();
	make_sound();
	return 0;
}

/* Bytes are put where slots begin more often than elsewhere. */
static size_t damage(struct input *input, uint8_t *bytes)
{
	size_t len = sound_len;
	uint8_t how = input_byte(input);

	memcpy(bytes, sound, sound_len);
	if (how % 4 == 1)
		len = input_word(input) % (sound_len + 1);
	while (input->size >= 3) {
		size_t at = input_byte(input) % 12 * PL_SLOT_BYTES;

		at += input_byte(input) % PL_SLOT_BYTES;
		if (at < sound_len)
			bytes[at] = input_byte(input);
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[FILE_MAX];
	struct input input = { data, size };
	size_t len = damage(&input, bytes);
	bool is_sound = len == sound_len && memcmp(bytes, sound, len) == 0;
	struct seen seen, again;

	write_file(bytes, len);
	read_journal(&seen);
	/* an empty file is a new journal */
	if (is_sound || len == 0)
		assert(seen.found.damage == 0 && seen.nr == (is_sound ? LATCHES : 0));
	else
		assert(seen.found.damage != 0);
	read_journal(&again);
	assert(again.nr == seen.nr && again.nr_sessions == seen.nr_sessions);
	assert(memcmp(again.ids, seen.ids, sizeof(seen.ids)) == 0);
	assert(again.found.nr_unreadable == seen.found.nr_unreadable);
	return 0;
}
