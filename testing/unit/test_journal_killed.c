/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A daemon that dies, or whose file system refuses, at any call: the journal then says what it said
 * before the change that was under way, or after it, and is whole (design D11).
 *
 * A child changes a journal at random. What the kernel does for it is counted, and at one number
 * the child is killed, or the call fails. After each change it tells what came of it; whoever knows
 * the seed knows what the journal must say.
 */

#include "store/pl_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { IDS = 96, LIVES = 180, CALLS = 90, CHANGES = 48, PEERS = 48 };

static char folder[64];
static struct pl_identity_pool *pool;
static struct pl_identity *peers[PEERS];

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* What the journal says of each id: 0, or the peer it names plus one. */
struct model {
	uint8_t peer[IDS + 1];
};

struct change {
	unsigned id;
	unsigned peer;	/* 0: forget */
};

static struct change next_change(uint64_t *seed)
{
	struct change change = { .id = 1 + next_random(seed) % IDS };

	change.peer = next_random(seed) % 4 == 0 ? 0 : 1 + next_random(seed) % PEERS;
	return change;
}

static void intern_peers(void)
{
	pool = pl_identity_pool_new();
	for (unsigned i = 0; i < PEERS; i++) {
		char name[16];
		struct pl_identity_data data = {
			.peer = { .id = name, .auth = PL_AUTH_SIGNATURE },
			.own = { .id = "us", .auth = PL_AUTH_SIGNATURE },
		};

		snprintf(name, sizeof(name), "peer%u", i + 1);
		assert_int_equal(pl_identity_intern(pool, &data, &peers[i]), 0);
	}
}

static int make(struct pl_journal *journal, const struct change *change)
{
	struct pl_latch latch = {
		.id = change->id, .state = PL_STATE_ESTABLISHED, .cause = PL_EVENT_CREATED,
		.tuple = {
			.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000,
			.remote_port = (uint16_t)change->id,
			.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
		},
		.owner = { PL_OWNER_SESSION, 1000, 7 },
		.params = {
			.mode = PL_MODE_TRANSPORT, .nr_suites = 1,
			.suites = { { 20, 128, 0, PL_PROTO_ESP, PL_ESN_NO } },
		},
	};

	if (change->peer == 0)
		return pl_journal_forget(journal, change->id);
	latch.params.peer.identity = peers[change->peer - 1];
	return pl_journal_save(journal, &latch, NULL);
}

static int see(void *ctx, const struct pl_kept *slot, struct pl_identity *identity)
{
	struct model *model = ctx;
	unsigned peer = 0;

	if (slot->id > IDS || identity == NULL ||
	    sscanf(pl_identity_data(identity)->peer.id, "peer%u", &peer) != 1)
		return PL_E_MALFORMED;
	model->peer[slot->id] = (uint8_t)peer;
	return 0;
}

/* The call, counted from 1, at which it happens to this process; 0 is never. */
struct fate {
	unsigned fatal_call, failing_call;
};

static struct fate fate;

static bool is_refused(void)
{
	if (fate.fatal_call > 0 && --fate.fatal_call == 0)
		raise(SIGKILL);
	if (fate.failing_call == 0 || --fate.failing_call > 0)
		return false;
	errno = ENOSPC;
	return true;
}

#define WRAP(type, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters { return is_refused() ? -1 : __real_##name arguments; }

WRAP(ssize_t, write, (int fd, const void *p, size_t len), (fd, p, len))
WRAP(int, openat, (int fd, const char *name, int how, mode_t mode), (fd, name, how, mode))
WRAP(int, ftruncate, (int fd, off_t len), (fd, len))
WRAP(int, unlinkat, (int fd, const char *name, int how), (fd, name, how))
WRAP(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence))

static void live(uint64_t seed, int fd, struct fate mine)
{
	struct pl_store_found found;
	struct pl_journal *journal;
	struct model model;

	fate = mine;
	if (pl_journal_open(folder, IDS, &journal) != 0 ||
	    pl_journal_read(journal, pool, see, &model, &found) != 0)
		_exit(0);
	for (unsigned i = 0; i < CHANGES; i++) {
		struct change change = next_change(&seed);
		uint8_t is_done = make(journal, &change) == 0;

		if (__real_write(fd, &is_done, sizeof(is_done)) != sizeof(is_done))
			_exit(1);
	}
	_exit(0);
}

static void apply(struct model *model, uint64_t *seed, bool is_done)
{
	struct change change = next_change(seed);

	if (is_done)
		model->peer[change.id] = (uint8_t)change.peer;
}

/* What the child told before it ended, and with @ret_next what it may have done besides. */
static void follow(int fd, uint64_t seed, struct model *model, struct model *ret_next)
{
	uint8_t is_done;

	while (read(fd, &is_done, sizeof(is_done)) == sizeof(is_done))
		apply(model, &seed, is_done);
	*ret_next = *model;
	apply(ret_next, &seed, true);
}

static void read_journal(struct model *ret)
{
	struct pl_store_found found;
	struct pl_journal *journal;

	*ret = (struct model) { { 0 } };
	assert_int_equal(pl_journal_open(folder, IDS, &journal), 0);
	assert_int_equal(pl_journal_read(journal, pool, see, ret, &found), 0);
	pl_journal_close(journal);
	assert_int_equal(found.damage, 0);
}

/* One life of a daemon; true when it was killed. */
static bool live_and_die(struct model *model, uint64_t seed, struct fate mine)
{
	struct model seen, next;
	int fds[2], status;
	bool is_killed;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		live(seed, fds[1], mine);
	close(fds[1]);
	follow(fds[0], seed, model, &next);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	assert_true(is_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	read_journal(&seen);
	if (is_killed && memcmp(&seen, &next, sizeof(seen)) == 0)
		*model = next;
	assert_memory_equal(&seen, model, sizeof(seen));
	return is_killed;
}

static void clean(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(folder);
}

static uint64_t begin(void)
{
	uint64_t seed = (uint64_t)time(NULL);

	print_message("# seed %llu\n", (unsigned long long)seed);
	snprintf(folder, sizeof(folder), "%s/test_killed.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
	return seed;
}

static void a_journal_outlives_its_daemon_at_any_call_K16(void **state)
{
	uint64_t seed = begin();
	struct model model = { { 0 } };
	unsigned killed = 0;

	(void)state;
	for (unsigned i = 0; i < LIVES; i++) {
		struct fate mine = { .fatal_call = 1 + i % CALLS };

		killed += live_and_die(&model, next_random(&seed), mine);
	}
	clean();
	assert_true(killed > LIVES / 2);
}

static void a_change_that_is_refused_changes_nothing_D16(void **state)
{
	uint64_t seed = begin();
	struct model model = { { 0 } };

	(void)state;
	for (unsigned i = 0; i < LIVES; i++) {
		struct fate mine = { .failing_call = 1 + i % CALLS };

		assert_false(live_and_die(&model, next_random(&seed), mine));
	}
	clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_journal_outlives_its_daemon_at_any_call_K16),
		cmocka_unit_test(a_change_that_is_refused_changes_nothing_D16),
	};
	int r;

	if (NSS_NoDB_Init(NULL) != SECSuccess)
		return 1;
	intern_peers();
	r = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned i = 0; i < PEERS; i++)
		pl_identity_unref(peers[i]);
	pl_identity_pool_free(pool);
	return r;
}
