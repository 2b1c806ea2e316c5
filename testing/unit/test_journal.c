/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The journal in a folder of its own: what one daemon writes another one reads, and damage of any
 * kind is seen (K53, design D11).
 */

#include "store/pl_journal.h"
#include "store/pl_slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nss.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SLOTS = 4096, FILE_MAX = 1 << 20 };

static char folder[64];
static struct pl_identity_pool *pool;
static struct pl_identity *alice, *bob;

static struct pl_identity *who(const char *name)
{
	struct pl_identity_data data = {
		.peer = { .id = name, .auth = PL_AUTH_SIGNATURE, .auth_wire = 14,
			  .spki = { (const uint8_t *)name, strlen(name) } },
		.own = { .id = "us", .auth = PL_AUTH_SIGNATURE, .auth_wire = 14 },
	};
	struct pl_identity *identity;

	assert_int_equal(pl_identity_intern(pool, &data, &identity), 0);
	return identity;
}

static int setup(void **state)
{
	(void)state;
	/* of memory, as /run is */
	snprintf(folder, sizeof(folder), "%s/test_journal.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
	pool = pl_identity_pool_new();
	alice = who("alice");
	bob = who("bob");
	return 0;
}

static int teardown(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(folder), 0);
	pl_identity_unref(alice);
	pl_identity_unref(bob);
	assert_int_equal(pl_identity_pool_count(pool), 0);
	pl_identity_pool_free(pool);
	return 0;
}

static struct pl_latch latch_of(uint64_t id, struct pl_identity *peer)
{
	return (struct pl_latch) {
		.id = id, .state = PL_STATE_ESTABLISHED, .cause = PL_EVENT_CREATED,
		.tuple = {
			.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000,
			.remote_port = (uint16_t)(1 + id % 60000),
			.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
		},
		.owner = { PL_OWNER_SESSION, 1000, 7 },
		.params = {
			.peer = { .identity = peer }, .mode = PL_MODE_TRANSPORT, .nr_suites = 1,
			.suites = { { 20, 128, 0, PL_PROTO_ESP, PL_ESN_NO } },
		},
	};
}

static struct pl_journal *open_journal(void)
{
	struct pl_journal *journal = NULL;

	assert_int_equal(pl_journal_open(folder, SLOTS, &journal), 0);
	return journal;
}

/* What a walk saw, as text: "1 alice established, 2 bob broken, ". */
struct seen {
	char text[4096];
	size_t len;
	struct pl_store_found found;
};

static int see(void *ctx, const struct pl_kept *slot, struct pl_identity *identity)
{
	struct seen *seen = ctx;
	int n = snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len, "%u %s %s, ",
			 (unsigned)slot->id,
			 identity != NULL ? pl_identity_data(identity)->peer.id :
			 slot->has_identity ? "?" : "-", pl_state_name(slot->state));

	assert_true(n > 0 && (size_t)n < sizeof(seen->text) - seen->len);
	seen->len += (size_t)n;
	return 0;
}

static struct pl_journal *read_again(struct seen *seen)
{
	struct pl_journal *journal = open_journal();

	*seen = (struct seen) { .len = 0 };
	assert_int_equal(pl_journal_read(journal, pool, see, seen, &seen->found), 0);
	return journal;
}

static struct pl_journal *begin(void)
{
	struct seen seen;

	return read_again(&seen);
}

static void save(struct pl_journal *journal, uint64_t id, struct pl_identity *peer)
{
	struct pl_latch latch = latch_of(id, peer);

	assert_int_equal(pl_journal_save(journal, &latch, NULL), 0);
}

static unsigned count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned nr = 0;

	while (readdir(dir) != NULL)
		nr++;
	closedir(dir);
	return nr - 2;
}

static void path_of(const char *name, char ret[static 256])
{
	snprintf(ret, 256, "%s/%s", folder, name);
}

/* Two latches of two peers, and a free slot between them. */
static void write_sample(void)
{
	struct pl_journal *journal = begin();

	save(journal, 1, alice);
	save(journal, 2, bob);
	save(journal, 3, bob);
	assert_int_equal(pl_journal_forget(journal, 2), 0);
	assert_null(pl_journal_close(journal));
}

#define SAMPLE "3 bob established, 1 alice established, "

static void a_new_journal_is_empty_and_whole(void **state)
{
	struct seen seen;
	struct pl_journal *journal = read_again(&seen);

	(void)state;
	assert_string_equal(seen.text, "");
	assert_int_equal(seen.found.damage, 0);
	assert_int_equal(seen.found.next_id, 1);
	pl_journal_close(journal);
}

static void what_is_saved_is_read_by_the_next_daemon(void **state)
{
	struct pl_journal *journal;
	struct pl_latch latch;
	struct seen seen;

	(void)state;
	write_sample();
	journal = read_again(&seen);
	assert_string_equal(seen.text, SAMPLE);
	assert_int_equal(seen.found.damage, 0);
	assert_int_equal(seen.found.nr_latches, 2);
	assert_true(seen.found.next_id > 3);
	/* and it goes on from there, each latch in its place */
	latch = latch_of(1, bob);
	latch.state = PL_STATE_BROKEN;
	latch.cause = PL_EVENT_CONFLICT_SA;
	assert_int_equal(pl_journal_save(journal, &latch, NULL), 0);
	pl_journal_close(journal);
	journal = read_again(&seen);
	assert_string_equal(seen.text, "3 bob established, 1 bob broken, ");
	pl_journal_close(journal);
}

/* Its file is gone after it was seen for the first time. */
static int see_and_remove(void *ctx, const struct pl_kept *slot, struct pl_identity *identity)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "identity-", 9) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	return see(ctx, slot, identity);
}

static void an_identity_is_read_once_for_all_of_its_latches(void **state)
{
	struct pl_journal *journal = begin();
	struct seen seen = { .len = 0 };

	(void)state;
	for (uint64_t id = 1; id <= 3; id++)
		save(journal, id, bob);
	pl_journal_close(journal);
	journal = open_journal();
	assert_int_equal(pl_journal_read(journal, pool, see_and_remove, &seen, &seen.found), 0);
	assert_string_equal(seen.text, "3 bob established, 2 bob established, "
			    "1 bob established, ");
	assert_int_equal(seen.found.damage, 0);
	assert_int_equal(pl_identity_pool_count(pool), 2);
	pl_journal_close(journal);
}

static void an_identity_has_one_file_as_long_as_a_latch_names_it(void **state)
{
	struct pl_journal *journal = begin();

	(void)state;
	save(journal, 1, alice);
	save(journal, 2, alice);
	assert_int_equal(count_files(), 2);
	assert_int_equal(pl_journal_forget(journal, 1), 0);
	assert_int_equal(count_files(), 2);
	save(journal, 2, bob);
	assert_int_equal(count_files(), 2);
	assert_int_equal(pl_journal_forget(journal, 2), 0);
	assert_int_equal(count_files(), 1);
	pl_journal_close(journal);
}

static void what_a_dead_daemon_left_of_identities_goes(void **state)
{
	char path[256];
	struct seen seen;

	(void)state;
	write_sample();
	assert_int_equal(count_files(), 3);
	path_of("identity-00", path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	path_of("identity-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	pl_journal_close(read_again(&seen));
	assert_string_equal(seen.text, SAMPLE);
	assert_int_equal(count_files(), 3);
}

static struct pl_kept_session session_of(uint64_t number, uint8_t token)
{
	return (struct pl_kept_session) { .number = number, .uid = 1000, .token = { token } };
}

static void save_session(struct pl_journal *journal, uint64_t number, uint8_t token)
{
	struct pl_kept_session session = session_of(number, token);

	assert_int_equal(pl_journal_save_session(journal, &session), 0);
}

static int see_session(void *ctx, const struct pl_kept_session *session)
{
	struct seen *seen = ctx;

	seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
				      "%u:%u, ", (unsigned)session->number, session->token[0]);
	return session->uid == 1000 ? 0 : -EIO;
}

/* As the next daemon finds them. */
static void assert_sessions(const char *text)
{
	struct seen seen;
	struct pl_journal *journal = read_again(&seen);

	assert_int_equal(seen.found.damage, 0);
	seen = (struct seen) { .len = 0 };
	assert_int_equal(pl_journal_read_sessions(journal, see_session, &seen), 0);
	assert_string_equal(seen.text, text);
	pl_journal_close(journal);
}

static void sessions_are_there_with_their_last_token_until_they_are_forgotten(void **state)
{
	struct pl_journal *journal;
	struct seen seen;

	(void)state;
	write_sample();
	journal = read_again(&seen);
	save_session(journal, 7, 1);
	save_session(journal, 3, 2);
	save_session(journal, 7, 9);
	pl_journal_close(journal);
	assert_sessions("3:2, 7:9, ");
	journal = read_again(&seen);
	/* latches beside them, and room is used again */
	assert_string_equal(seen.text, SAMPLE);
	assert_int_equal(seen.found.nr_latches, 2);
	save_session(journal, 7, 4);
	assert_int_equal(pl_journal_forget_session(journal, 3), 0);
	assert_int_equal(pl_journal_forget_session(journal, 3), 0);
	save(journal, 4, bob);
	save_session(journal, 8, 5);
	pl_journal_close(journal);
	assert_sessions("7:4, 8:5, ");
}

static void a_session_that_finds_no_room_changes_nothing_D16(void **state)
{
	struct pl_kept_session session = session_of(1000, 7);
	struct pl_journal *journal = NULL;
	struct seen seen = { .len = 0 };

	(void)state;
	assert_int_equal(pl_journal_open(folder, 64, &journal), 0);
	assert_int_equal(pl_journal_read(journal, pool, see, &seen, &seen.found), 0);
	for (uint64_t number = 1; number <= 64; number++)
		save_session(journal, number, 1);
	assert_int_equal(pl_journal_save_session(journal, &session), PL_E_LIMIT_EXCEEDED);
	assert_int_equal(pl_journal_forget_session(journal, 1000), 0);
	for (uint64_t number = 2; number <= 64; number++)
		assert_int_equal(pl_journal_forget_session(journal, number), 0);
	pl_journal_close(journal);
	assert_sessions("1:1, ");
}

static void a_journal_is_removed_when_no_latch_is_in_it(void **state)
{
	char path[PATH_MAX];
	struct pl_journal *journal;
	struct seen seen;

	(void)state;
	write_sample();
	snprintf(path, sizeof(path), "%s/latches", folder);
	journal = read_again(&seen);
	assert_int_equal(pl_journal_remove(journal), PL_E_WRONG_STATE);
	assert_int_equal(access(path, F_OK), 0);
	for (uint64_t id = 1; id <= 64; id++)
		(void)!pl_journal_forget(journal, id);
	assert_int_equal(pl_journal_remove(journal), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	pl_journal_close(journal);
}

static void two_daemons_do_not_share_a_journal(void **state)
{
	struct pl_journal *journal = begin(), *other;

	(void)state;
	assert_int_equal(pl_journal_open(folder, SLOTS, &other), PL_E_UNAVAILABLE);
	pl_journal_close(journal);
}

static void a_journal_holds_no_more_than_it_may(void **state)
{
	struct pl_journal *journal = begin();
	struct pl_latch latch = latch_of(SLOTS + 1, alice);
	char path[256];
	struct stat stat1, stat2;

	(void)state;
	for (uint64_t id = 1; id <= SLOTS; id++)
		save(journal, id, alice);
	path_of("latches", path);
	assert_int_equal(stat(path, &stat1), 0);
	assert_int_equal(pl_journal_save(journal, &latch, NULL), PL_E_LIMIT_EXCEEDED);
	/* what is there may change, and make room */
	save(journal, 5, bob);
	assert_int_equal(pl_journal_forget(journal, 9), 0);
	assert_int_equal(pl_journal_save(journal, &latch, NULL), 0);
	assert_int_equal(stat(path, &stat2), 0);
	assert_int_equal(stat1.st_size, stat2.st_size);
	assert_int_equal(stat1.st_size, (SLOTS + 1) * PL_SLOT_BYTES);
	pl_journal_close(journal);
}

static size_t read_file(uint8_t ret[static FILE_MAX])
{
	char path[256];
	ssize_t len;
	int fd;

	path_of("latches", path);
	fd = open(path, O_RDONLY);
	len = read(fd, ret, FILE_MAX);
	close(fd);
	assert_true(len > 0 && len < FILE_MAX);
	return (size_t)len;
}

static void write_file(const char *name, const uint8_t *bytes, size_t len)
{
	char path[256];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

/* Whatever it is: not whole, and so nothing of it is ESTABLISHED (K53). */
static void assert_damage(const uint8_t *bytes, size_t len, const char *what, size_t where)
{
	struct seen seen;

	write_file("latches", bytes, len);
	pl_journal_close(read_again(&seen));
	if (seen.found.damage == 0)
		fail_msg("%s %zu: %s", what, where, seen.text);
}

static void a_journal_cut_anywhere_is_not_whole_K53(void **state)
{
	static uint8_t bytes[FILE_MAX];
	size_t len;

	(void)state;
	write_sample();
	len = read_file(bytes);
	/* every byte where something is, and every slot of the free ones behind */
	for (size_t cut = 1; cut < len; cut += cut < 5 * PL_SLOT_BYTES ? 1 : PL_SLOT_BYTES)
		assert_damage(bytes, cut, "cut at byte", cut);
}

static void a_journal_with_a_changed_bit_is_not_whole_K53(void **state)
{
	static uint8_t bytes[FILE_MAX];
	size_t len;

	(void)state;
	write_sample();
	len = read_file(bytes);
	/* test_slot changes every one; here it is the way to the daemon that counts */
	for (size_t bit = 0; bit < 8 * 5 * PL_SLOT_BYTES; bit += 13) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_damage(bytes, len, "bit", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Identities that no readable latch names are gone after the first of them. */
static unsigned damage_of(const uint8_t *bytes, size_t len)
{
	struct seen seen;

	write_file("latches", bytes, len);
	pl_journal_close(read_again(&seen));
	return seen.found.damage & ~(unsigned)PL_DAMAGE_IDENTITY;
}

static void damage_has_a_name_for_the_administrator_K53(void **state)
{
	static uint8_t bytes[FILE_MAX], after[FILE_MAX];
	enum { VERSION_AT = 7, SUM_AT = PL_SLOT_BYTES - 8 };
	uint64_t sum;
	size_t len;

	(void)state;
	write_sample();
	len = read_file(bytes);
	assert_int_equal(damage_of(bytes, len), 0);
	assert_int_equal(damage_of(bytes, len - 1), PL_DAMAGE_CUT);
	/* and once */
	assert_int_equal(read_file(after), len - PL_SLOT_BYTES);
	assert_int_equal(damage_of(after, len - PL_SLOT_BYTES), 0);
	assert_int_equal(damage_of(bytes, len - PL_SLOT_BYTES), PL_DAMAGE_CUT);
	assert_int_equal(damage_of(bytes, PL_SLOT_BYTES - 1), PL_DAMAGE_HEAD | PL_DAMAGE_CUT);
	bytes[PL_SLOT_BYTES + 20] ^= 1;
	assert_int_equal(damage_of(bytes, len), PL_DAMAGE_RECORD);
	bytes[PL_SLOT_BYTES + 20] ^= 1;
	bytes[VERSION_AT]++;
	assert_int_equal(damage_of(bytes, len), PL_DAMAGE_HEAD);
	sum = htole64(pl_slot_sum(bytes, SUM_AT));
	memcpy(bytes + SUM_AT, &sum, sizeof(sum));
	assert_int_equal(damage_of(bytes, len), PL_DAMAGE_VERSION);
	bytes[0]++;
	sum = htole64(pl_slot_sum(bytes, SUM_AT));
	memcpy(bytes + SUM_AT, &sum, sizeof(sum));
	assert_int_equal(damage_of(bytes, len), PL_DAMAGE_HEAD);
}

static void no_latch_is_there_twice_K53(void **state)
{
	static uint8_t bytes[FILE_MAX];
	struct seen seen;
	size_t len;

	(void)state;
	write_sample();
	len = read_file(bytes);
	memcpy(bytes + 2 * PL_SLOT_BYTES, bytes + PL_SLOT_BYTES, PL_SLOT_BYTES);
	write_file("latches", bytes, len);
	pl_journal_close(read_again(&seen));
	assert_int_equal(seen.found.damage, PL_DAMAGE_RECORD);
	assert_int_equal(seen.found.nr_unreadable, 1);
}

static void damage_that_an_administrator_saw_is_forgotten(void **state)
{
	static uint8_t bytes[FILE_MAX];
	struct pl_journal *journal;
	struct seen seen;
	size_t len;

	(void)state;
	write_sample();
	len = read_file(bytes);
	bytes[PL_SLOT_BYTES + 20] ^= 1;
	write_file("latches", bytes, len);
	pl_journal_close(read_again(&seen));
	assert_string_equal(seen.text, "3 bob established, ");
	journal = read_again(&seen);
	assert_int_equal(seen.found.nr_unreadable, 1);
	assert_int_equal(pl_journal_forget_unreadable(journal), 0);
	pl_journal_close(journal);
	pl_journal_close(read_again(&seen));
	assert_string_equal(seen.text, "3 bob established, ");
	assert_int_equal(seen.found.damage, 0);
}

static void a_latch_whose_peer_cannot_be_read_is_named_all_the_same_K53(void **state)
{
	struct dirent *entry;
	struct seen seen;
	DIR *dir;

	(void)state;
	write_sample();
	dir = opendir(folder);
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, "identity-", 9) == 0)
			write_file(entry->d_name, (const uint8_t *)"other", 5);
	}
	closedir(dir);
	pl_journal_close(read_again(&seen));
	assert_string_equal(seen.text, "3 ? established, 1 ? established, ");
	assert_int_equal(seen.found.damage, PL_DAMAGE_IDENTITY);
}

static void another_boot_is_another_journal_K18(void **state)
{
	static uint8_t bytes[FILE_MAX];
	struct seen seen;
	size_t len;
	uint64_t sum;

	(void)state;
	write_sample();
	len = read_file(bytes);
	/* the boot id stands behind the magic number */
	bytes[8] ^= 1;
	sum = pl_slot_sum(bytes, PL_SLOT_BYTES - 8);
	for (unsigned i = 0; i < 8; i++)
		bytes[PL_SLOT_BYTES - 8 + i] = (uint8_t)(sum >> 8 * i);
	write_file("latches", bytes, len);
	pl_journal_close(read_again(&seen));
	assert_string_equal(seen.text, "");
	assert_int_equal(seen.found.damage, 0);
	assert_int_equal(count_files(), 1);
}

/* A file that may not grow is what a full file system looks like. */
static void without_room_nothing_is_lost_D16(void **state)
{
	struct rlimit small = { 65 * PL_SLOT_BYTES, RLIM_INFINITY }, before;
	struct pl_journal *journal = begin();
	struct pl_latch latch = latch_of(65, alice);
	struct seen seen;

	(void)state;
	for (uint64_t id = 1; id <= 64; id++)
		save(journal, id, alice);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(pl_journal_save(journal, &latch, NULL), -EFBIG);
	assert_int_equal(pl_journal_save(journal, &latch, NULL), -EFBIG);
	/* those that are there change as ever: their room is theirs */
	latch = latch_of(64, alice);
	latch.state = PL_STATE_DEAD;
	assert_int_equal(pl_journal_save(journal, &latch, NULL), 0);
	assert_int_equal(pl_journal_forget(journal, 1), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	save(journal, 65, alice);
	save(journal, 66, alice);
	pl_journal_close(journal);
	pl_journal_close(read_again(&seen));
	assert_int_equal(seen.found.damage, 0);
	assert_int_equal(seen.found.nr_latches, 65);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_journal_is_empty_and_whole),
		TEST(what_is_saved_is_read_by_the_next_daemon),
		TEST(an_identity_is_read_once_for_all_of_its_latches),
		TEST(an_identity_has_one_file_as_long_as_a_latch_names_it),
		TEST(what_a_dead_daemon_left_of_identities_goes),
		TEST(sessions_are_there_with_their_last_token_until_they_are_forgotten),
		TEST(a_session_that_finds_no_room_changes_nothing_D16),
		TEST(a_journal_is_removed_when_no_latch_is_in_it),
		TEST(two_daemons_do_not_share_a_journal),
		TEST(a_journal_holds_no_more_than_it_may),
		TEST(a_journal_cut_anywhere_is_not_whole_K53),
		TEST(a_journal_with_a_changed_bit_is_not_whole_K53),
		TEST(no_latch_is_there_twice_K53),
		TEST(damage_has_a_name_for_the_administrator_K53),
		TEST(damage_that_an_administrator_saw_is_forgotten),
		TEST(a_latch_whose_peer_cannot_be_read_is_named_all_the_same_K53),
		TEST(another_boot_is_another_journal_K18),
		TEST(without_room_nothing_is_lost_D16),
	};

	if (NSS_NoDB_Init(NULL) != SECSuccess)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
