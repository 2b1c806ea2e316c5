/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Two ends that begin an IKE SA with each other at the same time: whatever order their messages
 * arrive in, neither is left with one that the other has ended (RFC 5660 section 4, L24).
 */

#include "core/pl_crossing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void while_IKE_AUTH_is_not_sent_it_ends_as_pluto_wants_L24(void **state)
{
	static const struct {
		const char *why;
		struct pl_crossing crossing;
		bool stands;
	} t[] = {
		{ "IKE_SA_INIT alone", { 2, 0, false }, false },
		{ "the peer may have taken it", { 2, 0, true }, true },
		{ "it came up, the peer's was there", { 2, 3, false }, true },
		{ "the peer's was the newest", { 3, 3, false }, true },
		{ "a peer that began anew", { 4, 3, false }, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].why);
		assert_int_equal(pl_crossing_stands(&t[i].crossing), t[i].stands);
	}
}

/* One of the two IKE SAs is begun by each end. */

enum phase { NONE, SENT_INIT, SENT_AUTH, KNOWN, UP, ENDED };
enum message { INIT, INIT_ANSWER, AUTH, AUTH_ANSWER, MESSAGES };

struct world {
	struct {
		enum phase ours[2];	/* at the end that began it, at the other one */
		uint64_t serial[2], newest;
		bool is_sent[MESSAGES], is_taken[MESSAGES];
	} ike[2];
	uint64_t serials[2];
};

static unsigned nr_ends, nr_both_up;

/* @end has taken IKE_AUTH of the other's: what becomes of its own? */
static void wipe(struct world *w, int end)
{
	struct pl_crossing crossing = {
		.peers = w->ike[!end].serial[1],
		.newest = w->ike[end].newest,
		.is_auth_sent = w->ike[end].ours[0] == SENT_AUTH,
	};

	if (w->ike[end].ours[0] != NONE && !pl_crossing_stands(&crossing))
		w->ike[end].ours[0] = ENDED;
}

static void take(struct world *w, int which, enum message message)
{
	int responder = !which;

	w->ike[which].is_taken[message] = true;
	if (message == INIT) {
		w->ike[which].ours[1] = KNOWN;
		w->ike[which].serial[1] = ++w->serials[responder];
		w->ike[which].is_sent[INIT_ANSWER] = true;
	} else if (message == INIT_ANSWER && w->ike[which].ours[0] == SENT_INIT) {
		w->ike[which].ours[0] = SENT_AUTH;
		w->ike[which].is_sent[AUTH] = true;
	} else if (message == AUTH) {
		w->ike[which].ours[1] = UP;
		w->ike[which].is_sent[AUTH_ANSWER] = true;
		wipe(w, responder);
	} else if (message == AUTH_ANSWER && w->ike[which].ours[0] == SENT_AUTH) {
		w->ike[which].ours[0] = UP;
		w->ike[which].newest = w->serials[which];
	}
}

static void begin(struct world *w, int which)
{
	w->ike[which].ours[0] = SENT_INIT;
	w->ike[which].serial[0] = ++w->serials[which];
	w->ike[which].is_sent[INIT] = true;
}

static void judge(const struct world *w)
{
	bool is_up[2];

	for (int i = 0; i < 2; i++) {
		is_up[i] = w->ike[i].ours[0] == UP;
		assert_int_equal(w->ike[i].ours[1] == UP, is_up[i]);
	}
	assert_true(is_up[0] || is_up[1]);
	nr_ends++;
	nr_both_up += is_up[0] && is_up[1];
}

/* An end begins one while it has none that is up. */
static bool may_begin(const struct world *w, int which)
{
	return w->ike[which].ours[0] == NONE && w->ike[!which].ours[1] != UP;
}

static void explore(const struct world *w)
{
	bool is_end = true;

	for (int which = 0; which < 2; which++) {
		struct world next = *w;

		if (may_begin(w, which)) {
			is_end = false;
			begin(&next, which);
			explore(&next);
		}
		for (int message = 0; message < MESSAGES; message++) {
			if (!w->ike[which].is_sent[message] || w->ike[which].is_taken[message])
				continue;
			is_end = false;
			next = *w;
			take(&next, which, message);
			explore(&next);
		}
	}
	if (is_end)
		judge(w);
}

static void in_whatever_order_neither_end_has_one_that_the_other_has_ended_L24(void **state)
{
	static const struct world nothing;

	(void)state;
	explore(&nothing);
	print_message("%u orders, both are up in %u\n", nr_ends, nr_both_up);
	assert_true(nr_both_up > 0 && nr_ends > nr_both_up);
}

static void just_one_of_two_is_enough_and_both_ends_know_which_L24(void **state)
{
	uint8_t spi[PL_CROSSING_SPI_BYTES] = { 1 }, other[PL_CROSSING_SPI_BYTES];

	(void)state;
	for (unsigned i = 0; i < sizeof(spi); i++) {
		memcpy(other, spi, sizeof(other));
		other[i] += 0x80;
		assert_true(pl_crossing_is_lower(spi, other));
		assert_false(pl_crossing_is_lower(other, spi));
	}
	assert_false(pl_crossing_is_lower(spi, spi));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_IKE_AUTH_is_not_sent_it_ends_as_pluto_wants_L24),
		cmocka_unit_test(
			in_whatever_order_neither_end_has_one_that_the_other_has_ended_L24),
		cmocka_unit_test(just_one_of_two_is_enough_and_both_ends_know_which_L24),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
