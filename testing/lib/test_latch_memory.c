/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Without memory: the first allocation of a program's whole talk with the daemon fails, then the
 * second, and so on until none does. Each time what fails says so, nothing leaks (ASAN looks), and
 * no output is written. The library's own allocations are wrapped, and those of jansson; libdbus
 * has tests of its own.
 */

#include "fake.h"

#include "latch_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nr, size_t size);
char *__wrap_strndup(const char *text, size_t len);

/* The allocation of this thread that fails: 1 is the next; 0 is none. */
static __thread unsigned countdown;

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __real_calloc(nr, size);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

static void count(void *ctx, const struct latch_event *event)
{
	assert_non_null(event->type);
	assert_non_null(event->json);
	++*(unsigned *)ctx;
}

static int take_page(struct latch *latch)
{
	struct latch_info **infos = NULL;
	uint64_t cursor = 0;
	size_t nr = 0;
	int r = latch_list(latch, &cursor, &infos, &nr);

	if (r != 0)
		assert_null(infos);
	for (size_t i = 0; i < nr; i++)
		latch_info_free(infos[i]);
	free(infos);
	return r;
}

static int talk(struct latch *latch)
{
	struct latch_info *info = NULL;
	struct latch_peer *peer = NULL;
	enum latch_state got;
	unsigned events = 0;
	uint64_t id;
	int r = latch_latch(latch, STDIN_FILENO, NULL, &id);

	if (r == 0)
		r = latch_inquire(latch, id, &info);
	if (r != 0)
		assert_null(info);
	latch_info_free(info);
	if (r == 0)
		r = latch_inquire_peer(latch, id, &peer);
	if (r != 0)
		assert_null(peer);
	latch_peer_free(peer);
	if (r == 0)
		r = take_page(latch);
	if (r == 0)
		r = latch_wait(latch, id, 1u << LATCH_STATE_ESTABLISHED, 0, &got);
	if (r == 0)
		r = latch_dispatch(latch, count, &events);
	if (r == 0)
		assert_int_equal(events, 1);
	return r;
}

static void any_allocation_may_fail(void **state)
{
	struct fake *fake = fake_start();
	unsigned failing = 0;
	int r;

	(void)state;
	json_set_alloc_funcs(__wrap_malloc, free);
	do {
		struct latch *latch = NULL;

		countdown = ++failing;
		r = latch_open(getenv("LATCH_TEST_BUS"), 0, &latch);
		if (r != 0)
			assert_null(latch);
		else
			r = talk(latch);
		/* A record that cannot be kept ends the session. */
		if (r != 0)
			assert_true(r == LATCH_ERR_NO_MEMORY || r == LATCH_ERR_SERVICE);
		else
			assert_true(countdown > 0);
		countdown = 0;
		latch_close(latch);
	} while (r != 0);
	print_message("%u allocations\n", failing - 1);
	assert_true(failing > 50);
	fake_stop(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
