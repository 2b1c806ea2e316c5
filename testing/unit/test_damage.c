/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What an administrator reads of a journal that is damaged: one line, whatever it is (K53). */

#include "core/pl_ops.h"
#include "daemon/pl_damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_whole_journal_has_nothing_to_say(void **state)
{
	char text[PL_DAEMON_ERROR_MAX];

	(void)state;
	assert_false(pl_damage_text(0, 0, 0, text));
	assert_string_equal(text, "");
}

static void every_damage_is_said_and_what_is_closed_and_blocked_K53(void **state)
{
	static const struct {
		unsigned damage;
		const char *text;
	} rows[] = {
		{ PL_DAMAGE_HEAD, "the journal is damaged: its head cannot be read. " },
		{ PL_DAMAGE_VERSION, "the journal is damaged: it is of another version. " },
		{ PL_DAMAGE_CUT, "the journal is damaged: it was cut. " },
		{ PL_DAMAGE_RECORD, "the journal is damaged: 3 records cannot be read. " },
		{ PL_DAMAGE_IDENTITY, "the journal is damaged: an identity cannot be read. " },
		{ PL_DAMAGE_HEAD | PL_DAMAGE_CUT | PL_DAMAGE_RECORD,
		  "the journal is damaged: its head cannot be read, it was cut, "
		  "3 records cannot be read. " },
	};
	char text[PL_DAEMON_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(pl_damage_text(rows[i].damage, 3, 2, text));
		if (strncmp(text, rows[i].text, strlen(rows[i].text)) != 0)
			fail_msg("%s", text);
		assert_string_equal(text + strlen(rows[i].text),
				    "Every latch that it names is closed, and 2 flows and "
				    "listeners that only the guard knows are blocked until their "
				    "sockets end, or an administrator says "
				    "\"ipsec latch forget-unreadable\"");
	}
}

static void all_of_it_at_once_is_still_one_line_that_is_not_cut(void **state)
{
	char text[PL_DAEMON_ERROR_MAX];

	(void)state;
	assert_true(pl_damage_text(~0u, SIZE_MAX, SIZE_MAX, text));
	assert_null(strchr(text, '\n'));
	assert_string_equal(text + strlen(text) - 18, "forget-unreadable\"");
}

static void what_no_record_of_an_emptied_journal_names_is_said_K53(void **state)
{
	char text[PL_DAEMON_ERROR_MAX];

	(void)state;
	assert_true(pl_damage_text(0, 0, 5, text));
	assert_string_equal(text, "5 flows and listeners of the guard are not in the journal: they "
			    "are closed, and blocked until their sockets end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_journal_has_nothing_to_say),
		cmocka_unit_test(every_damage_is_said_and_what_is_closed_and_blocked_K53),
		cmocka_unit_test(all_of_it_at_once_is_still_one_line_that_is_not_cut),
		cmocka_unit_test(what_no_record_of_an_emptied_journal_names_is_said_K53),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
