/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The engine without a latch passes everything, sees everything, and refuses what it was not asked
 * properly; and the judgement that everything relies on: which end of an IKE SA is a lost peer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pl_engine.h"

static void count_calls(void *ctx, const struct pl_fact *fact)
{
	unsigned *calls = ctx;

	calls[fact->kind]++;
}

static enum pl_verdict_kind ask(struct pl_engine *engine, unsigned which,
				const struct pl_fact *fact)
{
	struct pl_ts_verdict untouched, narrow;
	struct pl_suites suites;
	enum pl_verdict_kind given;

	memset(&untouched, 0x5a, sizeof(untouched));
	narrow = untouched;
	switch (which) {
	case 0:
		given = pl_engine_ts_request(engine, fact, &narrow);
		break;
	case 1:
		given = pl_engine_ts_other(engine, fact);
		break;
	case 2:
		given = pl_engine_child_install(engine, fact);
		break;
	case 3:
		given = pl_engine_suites(engine, fact, &suites);
		break;
	default:
		given = pl_engine_kernel_change(engine, fact);
	}
	if (given != PL_VERDICT_NARROW)
		assert_memory_equal(&narrow, &untouched, sizeof(narrow));
	return given;
}

static void asked_facts_pass_and_only_by_their_own_question(void **state)
{
	static const int question_of[PL_FACT_ROOF] = {
		[PL_FACT_TS_REQUEST] = 1, [PL_FACT_TS_PROPOSAL] = 1,
		[PL_FACT_TS_REKEY] = 2, [PL_FACT_TS_RESPONSE] = 2,
		[PL_FACT_CHILD_INSTALL] = 3, [PL_FACT_SUITES] = 4, [PL_FACT_SA_ADD] = 5,
		[PL_FACT_SA_MIGRATE] = 5, [PL_FACT_POLICY_ADD] = 5,
	};
	struct pl_engine *engine = pl_engine_new(NULL, NULL);
	static struct pl_fact fact;

	(void)state;
	assert_non_null(engine);
	for (int kind = 0; kind <= PL_FACT_ROOF; kind++) {
		for (unsigned which = 0; which < 5; which++) {
			bool own = kind < PL_FACT_ROOF && question_of[kind] == (int)which + 1;

			fact.kind = kind;
			assert_int_equal(ask(engine, which, &fact),
					 own ? PL_VERDICT_ACCEPT : PL_VERDICT_REFUSE);
		}
	}
	assert_null(pl_engine_free(engine));
	assert_null(pl_engine_free(NULL));
}

static void every_fact_is_counted_and_observed_once(void **state)
{
	unsigned calls[PL_FACT_ROOF] = { 0 };
	struct pl_engine *engine = pl_engine_new(count_calls, calls);
	static struct pl_fact fact;

	(void)state;
	for (int kind = 1; kind < PL_FACT_ROOF; kind++) {
		fact.kind = kind;
		for (int n = 0; n < kind; n++)
			pl_engine_note(engine, &fact);
	}
	for (int kind = 1; kind < PL_FACT_ROOF; kind++) {
		assert_int_equal(pl_engine_count(engine, kind), kind);
		assert_int_equal(calls[kind], kind);
	}
	fact.kind = PL_FACT_NONE;
	pl_engine_note(engine, &fact);
	fact.kind = PL_FACT_ROOF;
	pl_engine_note(engine, &fact);
	assert_int_equal(pl_engine_count(engine, PL_FACT_NONE), 0);
	assert_int_equal(pl_engine_count(engine, PL_FACT_ROOF), 0);
	pl_engine_free(engine);
}

/* The seam leaves out facts that nobody heeds, so none of those may ever do anything. */
static void only_facts_that_do_nothing_are_not_heeded_without_an_observer(void **state)
{
	static const bool only_told[PL_FACT_ROOF] = {
		[PL_FACT_PROPOSALS] = true, [PL_FACT_PROPOSAL_CHOSEN] = true,
		[PL_FACT_TS_VERDICT] = true, [PL_FACT_TS_OFFER] = true,
		[PL_FACT_TS_ANSWER] = true, [PL_FACT_SPI_GET] = true,
	};
	unsigned calls[PL_FACT_ROOF] = { 0 };
	struct pl_engine *watched = pl_engine_new(count_calls, calls);
	struct pl_engine *alone = pl_engine_new(NULL, NULL);

	(void)state;
	for (int kind = 1; kind < PL_FACT_ROOF; kind++) {
		assert_true(pl_engine_heeds(watched, kind));
		assert_int_equal(pl_engine_heeds(alone, kind), !only_told[kind]);
	}
	pl_engine_free(watched);
	pl_engine_free(alone);
}

static void only_silence_to_are_you_there_is_a_lost_peer(void **state)
{
	static const struct {
		const char *why;
		struct pl_ike_end_facts end;
		enum pl_ike_end_cause want;
	} t[] = {
		{ "no answer to a liveness check",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS, true, false, 0 },
		  PL_IKE_END_PEER_LOST },
		{ "no answer to CREATE_CHILD_SA is packet loss",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_CREATE_CHILD_SA, true, false, 0 },
		  PL_IKE_END_UNANSWERED },
		{ "no answer to a Delete is no news of the peer",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_DELETE, true, false, 0 },
		  PL_IKE_END_UNANSWERED },
		{ "no answer to IKE_SA_INIT",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_IKE_SA_INIT, false, false, 0 },
		  PL_IKE_END_UNANSWERED },
		{ "no answer to IKE_AUTH",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_IKE_AUTH, false, false, 0 },
		  PL_IKE_END_UNANSWERED },
		{ "a liveness check of what was never up proves nothing",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS, false, false, 0 },
		  PL_IKE_END_UNANSWERED },
		{ "a liveness check was pending when somebody deleted it",
		  { PL_REASON_DELETED, PL_EXCHANGE_LIVENESS, true, false, 0 }, PL_IKE_END_LOCAL },
		{ "rekeyed, then deleted by us",
		  { PL_REASON_DELETED, PL_EXCHANGE_DELETE, true, false, 7 }, PL_IKE_END_REKEYED },
		{ "rekeyed, then deleted by the peer",
		  { PL_REASON_DELETED, PL_EXCHANGE_NONE, true, true, 7 }, PL_IKE_END_REKEYED },
		{ "rekeyed, and the old one fell silent",
		  { PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS, true, false, 7 }, PL_IKE_END_REKEYED },
		{ "deleted by the peer",
		  { PL_REASON_DELETED, PL_EXCHANGE_NONE, true, true, 0 }, PL_IKE_END_PEER_DELETED },
		{ "deleted by us",
		  { PL_REASON_DELETED, PL_EXCHANGE_DELETE, true, false, 0 }, PL_IKE_END_LOCAL },
		{ "authentication failed",
		  { PL_REASON_DELETED, PL_EXCHANGE_NONE, false, false, 0 }, PL_IKE_END_FAILED },
		{ "superseded before it was up",
		  { PL_REASON_SUPERSEDED, PL_EXCHANGE_IKE_AUTH, false, false, 0 },
		  PL_IKE_END_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (pl_ike_end_cause(&t[i].end) != t[i].want)
			fail_msg("%s", t[i].why);
}

#define NAMES_DIFFER(NAME, ROOF) do { \
	for (int i = 0; i < (ROOF); i++) { \
		assert_non_null(NAME(i)); \
		for (int j = 0; j < i; j++) \
			assert_string_not_equal(NAME(i), NAME(j)); \
	} \
	assert_string_equal(NAME(ROOF), NAME(0)); \
} while (0)

static void everything_has_a_name_of_its_own(void **state)
{
	(void)state;
	NAMES_DIFFER(pl_fact_name, PL_FACT_ROOF);
	NAMES_DIFFER(pl_exchange_name, PL_EXCHANGE_ROOF);
	NAMES_DIFFER(pl_reason_name, PL_REASON_ROOF);
	NAMES_DIFFER(pl_ike_end_cause_name, PL_IKE_END_ROOF);
	NAMES_DIFFER(pl_verdict_name, PL_VERDICT_ROOF);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_facts_pass_and_only_by_their_own_question),
		cmocka_unit_test(every_fact_is_counted_and_observed_once),
		cmocka_unit_test(only_facts_that_do_nothing_are_not_heeded_without_an_observer),
		cmocka_unit_test(only_silence_to_are_you_there_is_a_lost_peer),
		cmocka_unit_test(everything_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
