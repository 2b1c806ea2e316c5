/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The test's own copy of the state table, and walks over every path for the rules it must keep. */

#include "core/pl_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is not here is refused. Effects in the order in which they are done. */
static const struct {
	const char *rule, *state, *event, *next, *effects;
} copy[] = {
	{ "T1", "unborn", "listen", "listener", "guard save" },
	{ "K26 K2 K3", "unborn", "deferred", "larval", "guard save" },
	{ "T2", "unborn", "created", "established", "guard permit save bind" },
	{ "T3", "unborn", "created-broken", "broken", "guard block save alert" },
	{ "T4 K24", "unborn", "accepted", "established", "guard permit save bind alert" },
	{ "T5", "unborn", "accepted-broken", "broken", "guard block save alert dispose" },
	{ "K16", "unborn", "restored", "broken", "guard block save alert" },
	{ "T14", "unborn", "lost", "closed", "guard block save alert reset" },

	{ "T15", "larval", "created", "established", "permit save bind" },
	{ "T15 T3", "larval", "created-broken", "broken", "block save alert" },
	{ "T15 K26", "larval", "completed", "established", "permit save bind alert" },
	{ "T15", "larval", "failed", "gone", "unguard save alert free" },
	{ "K15", "larval", "peer-timeout", "larval", "" },
	{ "L16", "larval", "release", "gone", "unguard save free" },
	{ "L16", "larval", "unprotect", "gone", "unguard save free" },
	{ "K23", "larval", "admin-close", "closed", "block save alert reset" },
	{ "K43", "larval", "flow-gone", "closed-gone", "unguard save alert" },
	{ "Owner", "larval", "owner-gone", "larval", "save" },

	{ "K15", "listener", "peer-timeout", "listener", "" },
	{ "T12", "listener", "release", "lingering", "save" },
	{ "T12", "listener", "unprotect", "gone", "unguard save free" },
	{ "T12 K23", "listener", "admin-close", "closed", "block save alert reset" },
	{ "T12 K44", "listener", "flow-gone", "closed-gone", "unguard save alert" },
	{ "Owner", "listener", "owner-gone", "listener", "save" },

	{ "T6 K33", "established", "conflict-sa", "broken", "block save unbind alert dispose" },
	{ "T7 K37", "established", "conflict-spd", "broken", "block save unbind alert dispose" },
	{ "T8 K19", "established", "peer-dead", "dead", "block save unbind alert dispose" },
	{ "K15", "established", "peer-timeout", "established", "" },
	{ "T10", "established", "release", "lingering", "save unbind" },
	{ "T10", "established", "unprotect", "gone", "unguard save unbind free" },
	{ "T10 K48", "established", "admin-close", "closed", "block save unbind alert reset" },
	{ "K62", "established", "admin-break", "dead", "block save unbind alert dispose" },
	{ "U4 K43", "established", "flow-gone", "closed-gone", "unguard save unbind alert" },
	{ "Owner", "established", "owner-gone", "established", "save" },
	{ "T14 K53", "established", "lost", "closed", "block save unbind alert reset" },

	{ "L10", "broken", "conflict-sa", "broken", "save" },
	{ "L10", "broken", "conflict-spd", "broken", "save" },
	{ "K19", "broken", "peer-dead", "dead", "save alert" },
	{ "K15", "broken", "peer-timeout", "broken", "" },
	{ "T9", "broken", "cleared", "established", "permit save reroute bind alert" },
	{ "T11", "broken", "release", "closed-told", "save" },
	{ "T11 K48", "broken", "admin-close", "closed", "block save alert reset" },
	{ "K62", "broken", "admin-break", "dead", "save alert" },
	{ "T11 U4", "broken", "flow-gone", "closed-gone", "unguard save alert" },
	{ "Owner", "broken", "owner-gone", "broken", "save" },
	{ "T14 K53", "broken", "lost", "closed", "block save alert reset" },

	{ "K19", "dead", "conflict-sa", "dead", "save" },
	{ "K19", "dead", "conflict-spd", "dead", "save" },
	{ "K19", "dead", "peer-dead", "dead", "save" },
	{ "K15", "dead", "peer-timeout", "dead", "" },
	{ "T11", "dead", "release", "closed-told", "save" },
	{ "T11 K48", "dead", "admin-close", "closed", "block save alert reset" },
	{ "K62", "dead", "admin-break", "dead", "save" },
	{ "T11 U4", "dead", "flow-gone", "closed-gone", "unguard save alert" },
	{ "Owner", "dead", "owner-gone", "dead", "save" },
	{ "T14 K53", "dead", "lost", "closed", "block save alert reset" },

	{ "T6", "lingering", "conflict-sa", "closed-told", "block save dispose" },
	{ "T7", "lingering", "conflict-spd", "closed-told", "block save dispose" },
	{ "T8", "lingering", "peer-dead", "closed-told", "block save dispose" },
	{ "K15", "lingering", "peer-timeout", "lingering", "" },
	{ "K23", "lingering", "admin-close", "closed-told", "block save reset" },
	{ "K62", "lingering", "admin-break", "closed-told", "block save dispose" },
	{ "K43", "lingering", "flow-gone", "gone", "unguard save free" },
	{ "Owner", "lingering", "owner-gone", "lingering", "save" },
	{ "K53", "lingering", "lost", "closed-told", "block save reset" },
	{ "L15", "lingering", "superseded", "gone", "block save free" },

	{ "K15", "closed", "peer-timeout", "closed", "" },
	{ "T13", "closed", "release", "closed-told", "save" },
	{ "K43", "closed", "flow-gone", "closed-gone", "unguard save" },
	{ "T13", "closed", "owner-gone", "closed-told", "save" },
	{ "T13", "closed", "told", "closed-told", "save" },

	{ "K15", "closed-told", "peer-timeout", "closed-told", "" },
	{ "T13", "closed-told", "flow-gone", "gone", "unguard save free" },
	{ "Owner", "closed-told", "owner-gone", "closed-told", "save" },
	{ "L15", "closed-told", "superseded", "gone", "save free" },

	{ "T13", "closed-gone", "release", "gone", "save free" },
	{ "T13", "closed-gone", "owner-gone", "gone", "save free" },
	{ "T13", "closed-gone", "told", "gone", "save free" },
};

static void effects_text(unsigned effects, char *ret, size_t size)
{
	ret[0] = '\0';
	for (unsigned bit = 1; bit < PL_DO_ROOF; bit <<= 1) {
		if (effects & bit)
			snprintf(ret + strlen(ret), size - strlen(ret), "%s%s",
				 ret[0] == '\0' ? "" : " ", pl_effect_name((enum pl_effect)bit));
	}
}

static void every_step_is_the_one_written_down_and_every_other_is_refused_L11(void **state)
{
	(void)state;
	for (int s = 0; s < PL_STATE_ROOF; s++) {
		for (int e = 0; e < PL_EVENT_ROOF; e++) {
			struct pl_step step = { PL_STATE_ROOF, 77 };
			int r = pl_fsm_step((enum pl_state)s, (enum pl_event)e, &step);
			int row = -1;
			char text[200];

			for (size_t i = 0; i < sizeof(copy) / sizeof(copy[0]); i++) {
				if (strcmp(copy[i].state, pl_state_name((enum pl_state)s)) == 0 &&
				    strcmp(copy[i].event, pl_event_name((enum pl_event)e)) == 0)
					row = (int)i;
			}
			if (row < 0) {
				assert_int_equal(r, PL_E_WRONG_STATE);
				assert_int_equal(step.next, PL_STATE_ROOF);
				assert_int_equal(step.effects, 77);
				continue;
			}
			if (r != 0)
				fail_msg("%s: %s refused in %s", copy[row].rule, copy[row].event,
					 copy[row].state);
			assert_string_equal(pl_state_name(step.next), copy[row].next);
			effects_text(step.effects, text, sizeof(text));
			assert_string_equal(text, copy[row].effects);
		}
	}
}

static void what_is_no_state_or_event_is_refused(void **state)
{
	struct pl_step step;

	(void)state;
	assert_int_equal(pl_fsm_step(PL_STATE_ROOF, PL_EVENT_TOLD, &step), PL_E_WRONG_STATE);
	assert_int_equal(pl_fsm_step((enum pl_state)-1, PL_EVENT_TOLD, &step), PL_E_WRONG_STATE);
	assert_int_equal(pl_fsm_step((enum pl_state)9999, PL_EVENT_TOLD, &step),
			 PL_E_WRONG_STATE);
	assert_int_equal(pl_fsm_step(PL_STATE_BROKEN, PL_EVENT_ROOF, &step), PL_E_WRONG_STATE);
	assert_int_equal(pl_fsm_step(PL_STATE_BROKEN, (enum pl_event)-1, &step),
			 PL_E_WRONG_STATE);
	assert_string_equal(pl_state_name(PL_STATE_ROOF), "none");
	assert_string_equal(pl_state_name((enum pl_state)-1), "none");
	assert_string_equal(pl_event_name(PL_EVENT_ROOF), "none");
	assert_string_equal(pl_event_name((enum pl_event)-1), "none");
	assert_string_equal(pl_effect_name((enum pl_effect)0), "none");
	assert_string_equal(pl_effect_name((enum pl_effect)3), "none");
	assert_string_equal(pl_effect_name(PL_DO_ROOF), "none");
	assert_string_equal(pl_effect_name(PL_DO_FREE), "free");
}

static bool is_shown_stopped(enum pl_state state)
{
	return pl_state_shown(state) == PL_STATE_BROKEN || state == PL_STATE_CLOSED ||
	       state == PL_STATE_CLOSED_TOLD;
}

/* Which of block/unguard is owed is tracked along each edge: has_pins tells. */
static bool may_have_pins(enum pl_state state)
{
	return state == PL_STATE_ESTABLISHED || state == PL_STATE_LINGERING;
}

static void no_edge_breaks_an_invariant_K19_K34_K45_K46_K51_T13(void **state)
{
	(void)state;
	for (int s = 0; s < PL_STATE_ROOF; s++) {
		for (int e = 0; e < PL_EVENT_ROOF; e++) {
			enum pl_state from = (enum pl_state)s;
			struct pl_step step;

			if (pl_fsm_step(from, (enum pl_event)e, &step) != 0)
				continue;
			/* Pins leave whenever what may have pins stops. */
			if (may_have_pins(from) && is_shown_stopped(step.next))
				assert_true(step.effects & PL_DO_BLOCK);
			/* Pins are set on the way into ESTABLISHED and nowhere else. */
			assert_int_equal(!!(step.effects & PL_DO_PERMIT),
					 step.next == PL_STATE_ESTABLISHED &&
					 from != PL_STATE_ESTABLISHED);
			assert_int_equal(!!(step.effects & PL_DO_BIND),
					 !!(step.effects & PL_DO_PERMIT));
			/* A binding never outlives ESTABLISHED. */
			assert_int_equal(!!(step.effects & PL_DO_UNBIND),
					 from == PL_STATE_ESTABLISHED &&
					 step.next != PL_STATE_ESTABLISHED);
			assert_int_equal(!!(step.effects & PL_DO_FREE), step.next == PL_STATE_GONE);
			assert_int_equal(!!(step.effects & PL_DO_GUARD),
					 from == PL_STATE_UNBORN);
			/* Nothing both ways in one step. */
			assert_false((step.effects & PL_DO_BLOCK) && (step.effects & PL_DO_PERMIT));
			assert_false((step.effects & PL_DO_DISPOSE) &&
				     (step.effects & PL_DO_RESET));
			/* Every real change is journalled. */
			if (step.next != from)
				assert_true(step.effects & PL_DO_SAVE);
			/* Entering BROKEN always informs (L10). */
			if (step.next == PL_STATE_BROKEN && from != PL_STATE_BROKEN)
				assert_true(step.effects & PL_DO_ALERT);
			if (step.effects & PL_DO_UNGUARD)
				assert_true(e == PL_EVENT_FLOW_GONE || e == PL_EVENT_FAILED ||
					    e == PL_EVENT_UNPROTECT ||
					    (e == PL_EVENT_RELEASE && from == PL_STATE_LARVAL));
			assert_false(e == PL_EVENT_OWNER_GONE && (step.effects & PL_DO_UNGUARD));
			/* Nothing follows GONE, nothing precedes UNBORN. */
			assert_int_not_equal(from, PL_STATE_GONE);
			assert_int_not_equal(step.next, PL_STATE_UNBORN);
		}
	}
}

static void reach(enum pl_state from, bool seen[PL_STATE_ROOF])
{
	if (seen[from])
		return;
	seen[from] = true;
	for (int e = 0; e < PL_EVENT_ROOF; e++) {
		struct pl_step step;

		if (pl_fsm_step(from, (enum pl_event)e, &step) == 0)
			reach(step.next, seen);
	}
}

static void a_dead_peer_never_leads_back_to_established_K19(void **state)
{
	static const enum pl_state for_good[] = {
		PL_STATE_DEAD, PL_STATE_LINGERING, PL_STATE_CLOSED, PL_STATE_CLOSED_TOLD,
		PL_STATE_CLOSED_GONE,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(for_good) / sizeof(for_good[0]); i++) {
		bool seen[PL_STATE_ROOF] = { false };

		reach(for_good[i], seen);
		assert_false(seen[PL_STATE_ESTABLISHED]);
		assert_false(seen[PL_STATE_BROKEN]);
		assert_true(seen[PL_STATE_GONE]);
	}
}

static void every_state_is_reached_from_unborn_and_ends(void **state)
{
	bool seen[PL_STATE_ROOF] = { false };

	(void)state;
	reach(PL_STATE_UNBORN, seen);
	for (int s = PL_STATE_UNBORN; s < PL_STATE_ROOF; s++) {
		bool from_here[PL_STATE_ROOF] = { false };

		assert_true(seen[s]);
		reach((enum pl_state)s, from_here);
		assert_true(from_here[PL_STATE_GONE]);
	}
	assert_false(seen[PL_STATE_NONE]);
}

static void effects_are_numbered_in_the_order_in_which_they_are_done_K34_K51(void **state)
{
	(void)state;
	assert_true(PL_DO_GUARD < PL_DO_BLOCK);
	assert_true(PL_DO_BLOCK < PL_DO_SAVE && PL_DO_PERMIT < PL_DO_SAVE);
	assert_true(PL_DO_SAVE < PL_DO_ALERT);
	assert_true(PL_DO_PERMIT < PL_DO_REROUTE && PL_DO_REROUTE < PL_DO_ALERT);
	assert_true(PL_DO_ALERT < PL_DO_DISPOSE && PL_DO_ALERT < PL_DO_RESET);
	assert_true(PL_DO_DISPOSE < PL_DO_FREE && PL_DO_RESET < PL_DO_FREE);
	assert_true(PL_DO_FREE < PL_DO_ROOF);
}

static void people_see_five_states(void **state)
{
	static const char *const want[PL_STATE_ROOF] = {
		"none", "none", "larval", "listener", "established", "broken", "broken",
		"closed", "closed", "closed", "closed", "closed",
	};

	(void)state;
	for (int s = 0; s < PL_STATE_ROOF; s++)
		assert_string_equal(pl_state_name(pl_state_shown((enum pl_state)s)), want[s]);
	assert_int_equal(pl_state_shown((enum pl_state)99), PL_STATE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_is_the_one_written_down_and_every_other_is_refused_L11),
		cmocka_unit_test(what_is_no_state_or_event_is_refused),
		cmocka_unit_test(no_edge_breaks_an_invariant_K19_K34_K45_K46_K51_T13),
		cmocka_unit_test(a_dead_peer_never_leads_back_to_established_K19),
		cmocka_unit_test(every_state_is_reached_from_unborn_and_ends),
		cmocka_unit_test(effects_are_numbered_in_the_order_in_which_they_are_done_K34_K51),
		cmocka_unit_test(people_see_five_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
