/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Walks the error table: complete, one name per error and language, all three of the same words. */

#include "core/pl_error.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_error_has_a_name_in_each_language_and_a_sentence(void **state)
{
	(void)state;
	for (int e = 1; e < PL_E_ROOF; e++) {
		const struct pl_error_info *info = pl_error_info(e);

		assert_non_null(info);
		assert_non_null(info->dbus);
		assert_int_equal(strncmp(info->dbus, PL_ERROR_DBUS_PREFIX,
					 strlen(PL_ERROR_DBUS_PREFIX)), 0);
		assert_int_equal(strncmp(info->lib, PL_ERROR_LIB_PREFIX,
					 strlen(PL_ERROR_LIB_PREFIX)), 0);
		assert_true(strlen(info->sentence) > 10);
		assert_int_equal(info->sentence[strlen(info->sentence) - 1], '.');
		assert_true(isupper(info->sentence[0]));
		assert_string_equal(pl_strerror(e), info->sentence);
	}
}

static void no_two_errors_share_a_name_or_a_sentence(void **state)
{
	(void)state;
	for (int a = 1; a < PL_E_ROOF; a++) {
		for (int b = a + 1; b < PL_E_ROOF; b++) {
			assert_string_not_equal(pl_error_info(a)->dbus, pl_error_info(b)->dbus);
			assert_string_not_equal(pl_error_info(a)->lib, pl_error_info(b)->lib);
			assert_string_not_equal(pl_strerror(a), pl_strerror(b));
		}
	}
}

static void the_names_of_one_error_are_made_of_the_same_words(void **state)
{
	(void)state;
	for (int e = 1; e < PL_E_ROOF; e++) {
		const char *camel = pl_error_info(e)->dbus + strlen(PL_ERROR_DBUS_PREFIX);
		const char *snake = pl_error_info(e)->lib + strlen(PL_ERROR_LIB_PREFIX);
		char made[64];
		size_t n = 0;

		for (const char *c = camel; *c != '\0'; c++) {
			assert_true(isalnum((unsigned char)*c));
			if (isupper((unsigned char)*c) && c != camel)
				made[n++] = '_';
			made[n++] = (char)toupper((unsigned char)*c);
		}
		made[n] = '\0';
		assert_string_equal(made, snake);
	}
}

static void a_dbus_name_leads_back_to_its_error(void **state)
{
	(void)state;
	for (int e = 1; e < PL_E_ROOF; e++)
		assert_int_equal(pl_error_from_dbus_name(pl_error_info(e)->dbus), e);
	assert_int_equal(pl_error_from_dbus_name(NULL), PL_E_FAILED);
	assert_int_equal(pl_error_from_dbus_name(""), PL_E_FAILED);
	assert_int_equal(pl_error_from_dbus_name(PL_ERROR_DBUS_PREFIX), PL_E_FAILED);
	assert_int_equal(pl_error_from_dbus_name("org.example.NoReply"), PL_E_FAILED);
}

static void what_is_no_error_of_ours_is_failed_and_never_success(void **state)
{
	static const int exhausted[] = { -ENOMEM, -EMFILE, -ENFILE, -ENOSPC, -ENOBUFS };

	(void)state;
	assert_null(pl_error_info(0));
	assert_string_equal(pl_strerror(0), "Done.");
	for (size_t i = 0; i < sizeof(exhausted) / sizeof(exhausted[0]); i++)
		assert_string_equal(pl_error_info(exhausted[i])->lib, "LATCH_ERR_NO_MEMORY");
	assert_string_equal(pl_error_info(-EIO)->lib, "LATCH_ERR_FAILED");
	assert_string_equal(pl_error_info(-1)->lib, "LATCH_ERR_FAILED");
	assert_string_equal(pl_error_info(PL_E_ROOF)->lib, "LATCH_ERR_FAILED");
	assert_string_equal(pl_error_info(PL_E_ROOF + 1000)->lib, "LATCH_ERR_FAILED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_name_in_each_language_and_a_sentence),
		cmocka_unit_test(no_two_errors_share_a_name_or_a_sentence),
		cmocka_unit_test(the_names_of_one_error_are_made_of_the_same_words),
		cmocka_unit_test(a_dbus_name_leads_back_to_its_error),
		cmocka_unit_test(what_is_no_error_of_ours_is_failed_and_never_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
