/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon's error table against the library's, by name, both ways: no error is missing, none is
 * invented, the numbers keep the daemon's order, and both say the same sentence.
 */

#include "core/pl_error.h"
#include "latch.h"
#include "latch_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The first errors are the library's own: no daemon says them. */
enum { FIRST_OF_DAEMON = LATCH_ERR_ARGUMENT - 1 };

static void every_error_of_the_daemon_has_its_number_name_and_sentence_in_the_library(void **state)
{
	(void)state;
	for (int e = 1; e < PL_E_ROOF; e++) {
		const struct pl_error_info *info = pl_error_info(e);
		int error = latch_error_from_dbus(info->dbus);

		assert_int_equal(error, FIRST_OF_DAEMON - (e - 1));
		assert_non_null(latch_error_name(error));
		assert_string_equal(latch_error_name(error), info->lib);
		assert_string_equal(latch_strerror(error), info->sentence);
	}
}

static void every_error_of_the_library_is_one_of_the_daemon_but_the_first_three(void **state)
{
	int last = 0;

	(void)state;
	for (int error = FIRST_OF_DAEMON; latch_error_name(error) != NULL; error--) {
		bool is_known = false;

		for (int e = 1; e < PL_E_ROOF && !is_known; e++)
			is_known = strcmp(pl_error_info(e)->lib, latch_error_name(error)) == 0;
		assert_true(is_known);
		last = error;
	}
	assert_int_equal(last, LATCH_ERR_SUITE_NOT_ALLOWED);
	assert_int_equal(FIRST_OF_DAEMON - last + 1, PL_E_ROOF - 1);
	for (int error = last - 1000; error < last; error++)
		assert_null(latch_error_name(error));
}

static void the_first_three_have_names_and_sentences_that_no_daemon_uses(void **state)
{
	static const char *const names[] = {
		"LATCH_OK", "LATCH_ERR_SYSTEM", "LATCH_ERR_SERVICE", "LATCH_ERR_ARGUMENT",
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_string_equal(latch_error_name(-i), names[i]);
		for (int e = 1; e < PL_E_ROOF; e++) {
			assert_string_not_equal(pl_error_info(e)->lib, names[i]);
			assert_string_not_equal(pl_error_info(e)->sentence, latch_strerror(-i));
		}
	}
}

static void what_is_no_error_has_a_sentence_and_no_name(void **state)
{
	static const int none[] = { 1, 42, -50, -1000, INT32_MAX, INT32_MIN };

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_null(latch_error_name(none[i]));
		assert_string_equal(latch_strerror(none[i]), "An unknown error.");
	}
}

static void a_name_that_is_not_ours_is_never_success(void **state)
{
	static const struct { const char *why, *dbus; int error; } t[] = {
		{ "no name", NULL, LATCH_ERR_FAILED },
		{ "empty", "", LATCH_ERR_FAILED },
		{ "just the prefix", PL_ERROR_DBUS_PREFIX, LATCH_ERR_FAILED },
		{ "of a newer daemon", PL_ERROR_DBUS_PREFIX "Newer", LATCH_ERR_FAILED },
		{ "a longer one", PL_ERROR_DBUS_PREFIX "NoSaAtAll", LATCH_ERR_FAILED },
		{ "somebody else's", "org.example.NoSa", LATCH_ERR_FAILED },
		{ "gone", "org.freedesktop.DBus.Error.ServiceUnknown", LATCH_ERR_SERVICE },
		{ "silent", "org.freedesktop.DBus.Error.NoReply", LATCH_ERR_SERVICE },
		{ "cut off", "org.freedesktop.DBus.Error.Disconnected", LATCH_ERR_SERVICE },
		{ "anything of the bus", "org.freedesktop.DBus.Error.Foo", LATCH_ERR_SERVICE },
		{ "older", "org.freedesktop.DBus.Error.UnknownMethod", LATCH_ERR_UNSUPPORTED },
		{ "refused", "org.freedesktop.DBus.Error.AccessDenied", LATCH_ERR_NOT_AUTHORIZED },
		{ "many", "org.freedesktop.DBus.Error.LimitsExceeded", LATCH_ERR_LIMIT_EXCEEDED },
		{ "memory", "org.freedesktop.DBus.Error.NoMemory", LATCH_ERR_NO_MEMORY },
		{ "address", "org.freedesktop.DBus.Error.BadAddress", LATCH_ERR_ARGUMENT },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].why);
		assert_int_equal(latch_error_from_dbus(t[i].dbus), t[i].error);
	}
}

static void state_names_lead_back_to_their_states(void **state)
{
	(void)state;
	for (unsigned s = LATCH_STATE_NONE; s <= LATCH_STATE_CLOSED; s++)
		assert_int_equal(latch_state_from_name(latch_state_name((enum latch_state)s)), s);
	assert_string_equal(latch_state_name((enum latch_state)6), "none");
	assert_string_equal(latch_state_name((enum latch_state)-1), "none");
	assert_int_equal(latch_state_from_name(NULL), LATCH_STATE_NONE);
	assert_int_equal(latch_state_from_name("ESTABLISHED"), LATCH_STATE_NONE);
	assert_int_equal(latch_state_from_name("establishedx"), LATCH_STATE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_error_of_the_daemon_has_its_number_name_and_sentence_in_the_library),
		cmocka_unit_test(
			every_error_of_the_library_is_one_of_the_daemon_but_the_first_three),
		cmocka_unit_test(the_first_three_have_names_and_sentences_that_no_daemon_uses),
		cmocka_unit_test(what_is_no_error_has_a_sentence_and_no_name),
		cmocka_unit_test(a_name_that_is_not_ours_is_never_success),
		cmocka_unit_test(state_names_lead_back_to_their_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
