/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How often a user may make pluto try in vain: a table of what is another wish, the waits, and what
 * is bounded. Limits of this kind are those of design D16.
 */

#include "core/pl_error.h"
#include "core/pl_hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

enum { ALICE = 1000, BOB = 1001 };

static const struct pl_tuple flow = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 40000, .remote_port = 443,
	.local = { 192, 0, 2, 2 }, .remote = { 192, 0, 2, 1 },
};
static const struct pl_suite suite = {
	.encrypt = 20, .key_bits = 256, .protocol = PL_PROTO_ESP, .esn = PL_ESN_NO,
};

static struct pl_holds *holds;
static uint64_t now;
static char text[PL_HOLD_TEXT_MAX];

static int setup(void **state)
{
	(void)state;
	now = 5000 * S;
	text[0] = '\0';
	holds = pl_holds_new();
	return holds == NULL;
}

static int teardown(void **state)
{
	(void)state;
	holds = pl_holds_free(holds);
	return 0;
}

static struct pl_hold_wish plain(uint32_t uid)
{
	return (struct pl_hold_wish) { .uid = uid, .tuple = &flow };
}

static int admit(const struct pl_hold_wish *wish)
{
	struct pl_hold_key key;

	pl_hold_key(wish, &key);
	return pl_holds_admit(holds, &key, now, text);
}

static void fails(const struct pl_hold_wish *wish, int error, const char *reason)
{
	struct pl_hold_key key;

	pl_hold_key(wish, &key);
	pl_holds_failed(holds, &key, now, error, reason);
}

/* To port @port; there are more of them than are remembered. */
static struct pl_hold_wish wish_to(uint32_t uid, uint16_t port, struct pl_tuple *room)
{
	struct pl_hold_wish wish = plain(uid);

	*room = flow;
	room->remote_port = port;
	wish.tuple = room;
	return wish;
}

static void what_failed_has_the_same_error_and_says_for_how_long_D16(void **state)
{
	struct pl_hold_wish wish = plain(ALICE);

	(void)state;
	assert_int_equal(admit(&wish), 0);
	fails(&wish, PL_E_NARROW_REFUSED, "TS_UNACCEPTABLE");
	assert_int_equal(admit(&wish), PL_E_NARROW_REFUSED);
	assert_string_equal(text, "TS_UNACCEPTABLE. The last attempt was a moment ago: "
			    "held back for 1 s.");
	now += S - 1;
	assert_int_equal(admit(&wish), PL_E_NARROW_REFUSED);
	now += 1;
	assert_int_equal(admit(&wish), 0);
}

static void a_reason_that_is_the_error_is_not_said_twice(void **state)
{
	struct pl_hold_wish wish = plain(ALICE);

	(void)state;
	fails(&wish, PL_E_TIMEOUT, pl_strerror(PL_E_TIMEOUT));
	assert_int_equal(admit(&wish), PL_E_TIMEOUT);
	assert_string_equal(text, "The last attempt was a moment ago: held back for 1 s.");
}

static void the_wait_doubles_up_to_half_a_minute_D16(void **state)
{
	static const unsigned waits_s[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
	struct pl_hold_wish wish = plain(ALICE);

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		assert_int_equal(admit(&wish), 0);
		fails(&wish, PL_E_NO_SA, "");
		now += waits_s[i] * S - 1;
		assert_int_equal(admit(&wish), PL_E_NO_SA);
		now += 1;
	}
}

static void those_that_fail_side_by_side_are_one_failure(void **state)
{
	struct pl_hold_wish wish = plain(ALICE);

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		fails(&wish, PL_E_NO_SA, "");
		now += S / 20;
	}
	now += S / 2;
	assert_int_equal(admit(&wish), 0);
}

static void it_is_forgotten_after_a_success_or_a_minute(void **state)
{
	struct pl_hold_wish wish = plain(ALICE);
	struct pl_hold_key key;

	(void)state;
	fails(&wish, PL_E_NO_SA, "");
	now += S;
	fails(&wish, PL_E_NO_SA, "");
	pl_hold_key(&wish, &key);
	pl_holds_succeeded(holds, &key);
	assert_int_equal(admit(&wish), 0);
	fails(&wish, PL_E_NO_SA, "");
	now += S;
	assert_int_equal(admit(&wish), 0);
	fails(&wish, PL_E_NO_SA, "");
	now += 62 * S;
	fails(&wish, PL_E_NO_SA, "");
	now += S;
	assert_int_equal(admit(&wish), 0);
}

static void another_wish_is_not_held_back_D16(void **state)
{
	struct pl_tuple host = flow, port = flow, proto = flow, own = flow, ephemeral = flow;
	const struct pl_require strong = { .min_key_bits = 256 };
	const struct pl_hold_wish exotic = {
		.uid = ALICE, .tuple = &flow, .is_narrow = true, .suite = suite,
	};
	struct {
		const char *why;
		struct pl_hold_wish wish;
		bool is_same;
	} t[] = {
		{ "itself", exotic, true }, { "the next local port", exotic, true },
		{ "another user", exotic, false }, { "a plain one, after a suite", exotic, false },
		{ "any suite", exotic, false }, { "another peer", exotic, false },
		{ "another port", exotic, false }, { "UDP", exotic, false },
		{ "another own address", exotic, false }, { "a named peer", exotic, false },
		{ "other demands", exotic, false }, { "of who is forwarded", exotic, false },
	};

	(void)state;
	host.remote[3] = 9;
	port.remote_port = 22;
	proto.proto = PL_TUPLE_UDP;
	own.local[3] = 9;
	ephemeral.local_port = 40001;
	t[1].wish.tuple = &ephemeral;
	t[2].wish.uid = BOB;
	t[3].wish = plain(ALICE);
	t[4].wish.suite = (struct pl_suite) { .protocol = 0 };
	t[5].wish.tuple = &host;
	t[6].wish.tuple = &port;
	t[7].wish.tuple = &proto;
	t[8].wish.tuple = &own;
	t[9].wish.peer = "@east";
	t[10].wish.require = strong;
	t[11].wish.is_forwarded = true;
	fails(&t[0].wish, PL_E_NARROW_REFUSED, "NO_PROPOSAL_CHOSEN");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].why);
		assert_int_equal(admit(&t[i].wish), t[i].is_same ? PL_E_NARROW_REFUSED : 0);
	}
}

static void a_narrow_SA_is_another_wish_than_a_wide_one_D16(void **state)
{
	struct pl_hold_wish wish = plain(ALICE);

	(void)state;
	wish.is_narrow = true;
	fails(&wish, PL_E_NARROW_REFUSED, "SINGLE_PAIR_REQUIRED");
	wish.is_narrow = false;
	assert_int_equal(admit(&wish), 0);
}

static void two_named_peers_are_two_wishes(void **state)
{
	static char longest[256];
	struct pl_hold_wish east = plain(ALICE), west = plain(ALICE);

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	east.peer = "@east";
	west.peer = longest;
	fails(&east, PL_E_WRONG_PEER, "");
	fails(&west, PL_E_WRONG_PEER, "");
	assert_int_equal(admit(&east), PL_E_WRONG_PEER);
	assert_int_equal(admit(&west), PL_E_WRONG_PEER);
	east.peer = "@eastern";
	assert_int_equal(admit(&east), 0);
}

/* Whoever invents a new wish each time is held back by what he owes, and nobody else is. */
static void always_another_wish_is_no_way_around_D16(void **state)
{
	struct pl_hold_wish bob = plain(BOB);
	unsigned nr = 0;
	struct pl_tuple room;

	(void)state;
	for (unsigned i = 0; i < 10000; i++, now += S / 100) {
		struct pl_hold_wish wish = wish_to(ALICE, (uint16_t)(1000 + i), &room);
		int r = admit(&wish);

		assert_true(r == 0 || r == PL_E_LIMIT_EXCEEDED);
		if (r == 0) {
			fails(&wish, PL_E_NO_SA, "");
			nr++;
		}
		assert_int_equal(admit(&bob), 0);
	}
	/* in 100 s: 60 at once, and one in two seconds */
	assert_in_range(nr, 60, 60 + 50 + 1);
	assert_non_null(strstr(text, "held back for "));
	now += 2 * S;
	bob = wish_to(ALICE, 999, &room);
	assert_int_equal(admit(&bob), 0);
}

static void many_users_push_the_oldest_out_and_hold_nobody_back(void **state)
{
	struct pl_hold_wish first = plain(0);

	(void)state;
	for (uint32_t uid = 0; uid < 500; uid++) {
		struct pl_hold_wish wish = plain(uid);

		assert_int_equal(admit(&wish), 0);
		fails(&wish, PL_E_NO_SA, "");
		assert_int_equal(admit(&wish), PL_E_NO_SA);
		now += S / 1000;
	}
	/* He would be, were he remembered. */
	assert_int_equal(admit(&first), 0);
	for (uint32_t uid = 500 - 32; uid < 500; uid++) {
		struct pl_hold_wish wish = plain(uid);

		assert_int_equal(admit(&wish), PL_E_NO_SA);
	}
}

static void of_many_failures_of_one_user_the_oldest_is_forgotten(void **state)
{
	struct pl_tuple room;
	struct pl_hold_wish wish;

	(void)state;
	for (uint16_t port = 1; port <= 9; port++, now += S / 1000) {
		wish = wish_to(ALICE, port, &room);
		fails(&wish, PL_E_NO_SA, "");
	}
	wish = wish_to(ALICE, 1, &room);
	assert_int_equal(admit(&wish), 0);
	for (uint16_t port = 2; port <= 9; port++) {
		wish = wish_to(ALICE, port, &room);
		assert_int_equal(admit(&wish), PL_E_NO_SA);
	}
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_failed_has_the_same_error_and_says_for_how_long_D16),
		TEST(a_reason_that_is_the_error_is_not_said_twice),
		TEST(the_wait_doubles_up_to_half_a_minute_D16),
		TEST(those_that_fail_side_by_side_are_one_failure),
		TEST(it_is_forgotten_after_a_success_or_a_minute),
		TEST(another_wish_is_not_held_back_D16),
		TEST(a_narrow_SA_is_another_wish_than_a_wide_one_D16),
		TEST(two_named_peers_are_two_wishes),
		TEST(always_another_wish_is_no_way_around_D16),
		TEST(many_users_push_the_oldest_out_and_hold_nobody_back),
		TEST(of_many_failures_of_one_user_the_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
