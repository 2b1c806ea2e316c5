/* SPDX-License-Identifier: GPL-2.0-or-later */

/* INITIAL_CONTACT (core/pl_contact.c): who is asked, whom his silence ends, and whom it does not.
 * IKE SA 1001 of the stage's B is the old one; its child SA, 1, carries what is latched before.
 */

#include "engine_stage.h"

#include <string.h>

enum { OLD = 1001, NEW = 1002, NEWER = 1003 };

static void ike_up(uint64_t ike, struct pl_identity *identity, bool has_initial_contact)
{
	struct pl_fact fact = {
		.kind = PL_FACT_IKE_UP, .ike = ike, .identity = identity,
		.u.ike.has_initial_contact = has_initial_contact,
	};

	pl_engine_note(fake.engine, &fact);
}

static void alive(uint64_t ike)
{
	struct pl_fact fact = { .kind = PL_FACT_IKE_ALIVE, .ike = ike, .identity = who_b };

	pl_engine_note(fake.engine, &fact);
}

static struct pl_fact end_of(uint64_t ike, enum pl_reason reason, enum pl_exchange pending)
{
	return (struct pl_fact) {
		.kind = PL_FACT_IKE_DOWN, .ike = ike, .identity = who_b,
		.u.ike_end = { .reason = reason, .pending = pending, .was_established = true },
	};
}

static void ike_down(uint64_t ike, enum pl_reason reason, enum pl_exchange pending)
{
	struct pl_fact fact = end_of(ike, reason, pending);

	pl_engine_note(fake.engine, &fact);
}

/* With the child SA of the old IKE SA, and the log empty. */
static uint64_t latched_before(void)
{
	ike_up(OLD, who_b, true);
	return established(5000);
}

/* The peer is there with a new IKE SA, whose child SA takes the place of the old one. */
static void contact_anew(void)
{
	ike_up(NEW, who_b, true);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	down(1);
}

static uint64_t latched_after(uint16_t port)
{
	uint64_t id = 0;

	assert_int_equal(latch_flow(port, &id), 0);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	return id;
}

static void who_says_it_is_asked_whether_he_knows_the_IKE_SAs_before_K19(void **state)
{
	static const struct {
		const char *why;
		bool is_b, has_it;
		uint64_t rekeys;
		const char *log;
	} t[] = {
		{ "the same peer", true, true, 0, "alive:1001" },
		{ "without INITIAL_CONTACT", true, false, 0, "" },
		{ "another peer says nothing about this one", false, true, 0, "" },
		{ "an IKE rekey is no new contact", true, true, OLD, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_fact fact = {
			.kind = PL_FACT_IKE_UP, .ike = NEW,
			.u.ike = { .has_initial_contact = t[i].has_it, .rekeys = t[i].rekeys },
		};

		start();
		ike_up(OLD, who_b, true);
		forget_log();
		fact.identity = t[i].is_b ? who_b : who_c;
		pl_engine_note(fake.engine, &fact);
		if (strcmp(fake.log, t[i].log) != 0)
			fail_msg("%s: %s", t[i].why, fake.log);
	}
}

static void whoever_is_nobodys_same_peer_is_not_asked(void **state)
{
	struct pl_identity_data nobody = {
		.peer = { .id = "%null", .auth = PL_AUTH_NULL },
		.own = { .id = "A", .auth = PL_AUTH_NULL },
	};
	struct pl_identity *null;

	(void)state;
	assert_int_equal(pl_identity_intern(pool, &nobody, &null), 0);
	ike_up(OLD, null, true);
	ike_up(NEW, null, true);
	ike_up(NEWER, NULL, true);
	assert_string_equal(fake.log, "");
	fake.engine = pl_engine_free(fake.engine);
	pl_identity_unref(null);
}

static void it_breaks_nothing_by_itself_and_an_answer_ends_the_matter_K19_L5(void **state)
{
	uint64_t id = latched_before();

	(void)state;
	contact_anew();
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	alive(OLD);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	/* and now it is packet loss again, as for everybody (K15) */
	ike_down(OLD, PL_REASON_TIMEOUT, PL_EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
	assert_in_force();
}

static void the_end_of_an_IKE_SA_in_doubt_tells_of_a_reboot_K19_T8_K15(void **state)
{
	static const struct {
		const char *why;
		enum pl_reason reason;
		enum pl_exchange pending;
		bool is_by_peer, is_dead;
	} t[] = {
		{ "silence", PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS, false, true },
		{ "silence before the question could be asked", PL_REASON_TIMEOUT,
		  PL_EXCHANGE_CREATE_CHILD_SA, false, true },
		{ "his Delete is a sign of life", PL_REASON_DELETED, PL_EXCHANGE_LIVENESS, true,
		  false },
		{ "ended here before he could answer", PL_REASON_DELETED, PL_EXCHANGE_LIVENESS,
		  false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_fact end = end_of(OLD, t[i].reason, t[i].pending);
		uint64_t id;

		teardown(NULL);
		setup(NULL);
		id = latched_before();
		contact_anew();
		forget_log();
		end.u.ike_end.is_by_peer = t[i].is_by_peer;
		pl_engine_note(fake.engine, &end);
		if (state_of(id) != (t[i].is_dead ? PL_STATE_DEAD : PL_STATE_ESTABLISHED))
			fail_msg("%s", t[i].why);
		assert_string_equal(fake.log, t[i].is_dead ? "block save ALERT dispose" : "");
		if (t[i].is_dead)
			assert_non_null(strstr(fake.reason, "started anew"));
		/* for good: his new SAs are there all the time */
		assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
		assert_int_equal(state_of(id),
				 t[i].is_dead ? PL_STATE_DEAD : PL_STATE_ESTABLISHED);
		assert_in_force();
	}
}

static void the_children_of_an_IKE_SA_in_doubt_say_so_first_K19(void **state)
{
	struct pl_fact fact = {
		.kind = PL_FACT_CHILD_DOWN, .child = 1, .ike = OLD, .identity = who_b,
		.u.child_end = { .ike_cause = PL_IKE_END_PEER_LOST },
	};
	uint64_t id = latched_before(), later;

	(void)state;
	ike_up(NEW, who_b, true);
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	pl_engine_note(fake.engine, &fact);
	assert_int_equal(state_of(id), PL_STATE_DEAD);
	later = latched_after(5001);
	ike_down(OLD, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(later), PL_STATE_ESTABLISHED);
}

static void what_began_after_the_reboot_is_spared_K19(void **state)
{
	uint64_t before = latched_before(), after, later;

	(void)state;
	contact_anew();
	after = latched_after(5001);
	ike_up(NEWER, who_b, false);
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	down(2);
	later = latched_after(5002);
	ike_down(OLD, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(before), PL_STATE_DEAD);
	assert_int_equal(state_of(after), PL_STATE_ESTABLISHED);
	assert_int_equal(state_of(later), PL_STATE_ESTABLISHED);
	/* an IKE SA that is not in doubt speaks for all of them */
	ike_down(NEW, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(after), PL_STATE_DEAD);
	assert_int_equal(state_of(later), PL_STATE_DEAD);
	assert_in_force();
}

/* Two initiations cross: ours has the higher number, and was up first. */
static void serials_need_not_be_in_the_order_of_contacts_K19(void **state)
{
	uint64_t before, after;

	(void)state;
	ike_up(NEWER, who_b, false);
	assert_int_equal(install(child(3, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	before = latched_after(5000);
	forget_log();
	ike_up(NEW, who_b, true);
	assert_string_equal(fake.log, "alive:1003");
	assert_int_equal(install(child(2, who_b, REQID_B)), PL_VERDICT_ACCEPT);
	down(3);
	after = latched_after(5001);
	ike_down(NEWER, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(before), PL_STATE_DEAD);
	assert_int_equal(state_of(after), PL_STATE_ESTABLISHED);
}

static void a_doubt_is_asked_about_once_and_keeps_its_heir(void **state)
{
	uint64_t before = latched_before(), between;

	(void)state;
	contact_anew();
	between = latched_after(5001);
	forget_log();
	ike_up(NEWER, who_b, true);
	assert_string_equal(fake.log, "alive:1002");
	ike_down(OLD, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(before), PL_STATE_DEAD);
	assert_int_equal(state_of(between), PL_STATE_ESTABLISHED);
	ike_down(NEW, PL_REASON_TIMEOUT, PL_EXCHANGE_LIVENESS);
	assert_int_equal(state_of(between), PL_STATE_DEAD);
}

static void who_cannot_be_asked_is_not_in_doubt_K15(void **state)
{
	uint64_t id = latched_before();

	(void)state;
	fake.refuses = "alive";
	contact_anew();
	ike_down(OLD, PL_REASON_TIMEOUT, PL_EXCHANGE_CREATE_CHILD_SA);
	assert_int_equal(state_of(id), PL_STATE_ESTABLISHED);
}

static void an_IKE_SA_that_is_gone_is_not_asked(void **state)
{
	(void)state;
	ike_up(OLD, who_b, true);
	ike_down(OLD, PL_REASON_DELETED, PL_EXCHANGE_NONE);
	/* an answer that came too late, and one to no question */
	alive(OLD);
	ike_up(NEW, who_b, true);
	alive(NEW);
	assert_string_equal(fake.log, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_says_it_is_asked_whether_he_knows_the_IKE_SAs_before_K19),
		TEST(whoever_is_nobodys_same_peer_is_not_asked),
		TEST(it_breaks_nothing_by_itself_and_an_answer_ends_the_matter_K19_L5),
		TEST(the_end_of_an_IKE_SA_in_doubt_tells_of_a_reboot_K19_T8_K15),
		TEST(the_children_of_an_IKE_SA_in_doubt_say_so_first_K19),
		TEST(what_began_after_the_reboot_is_spared_K19),
		TEST(serials_need_not_be_in_the_order_of_contacts_K19),
		TEST(a_doubt_is_asked_about_once_and_keeps_its_heir),
		TEST(who_cannot_be_asked_is_not_in_doubt_K15),
		TEST(an_IKE_SA_that_is_gone_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
