/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which changes of latch.conf can be made while the daemon runs. */

#include "core/pl_conf_fixed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct pl_conf load(const char *text)
{
	struct pl_conf_error err;
	struct pl_conf conf;

	if (pl_conf_load(text, strlen(text), &conf, &err) != 0)
		fail_msg("%s: line %u [%s] %s: %s", text, err.line, err.section, err.key, err.text);
	return conf;
}

/* Return: "" when it can be, else "[section] key" of the error */
static const char *change(const char *now_text, const char *next_text)
{
	struct pl_conf now = load(now_text), next = load(next_text);
	struct pl_conf_error err = { .line = 7 };
	static char said[160];
	int r = pl_conf_fixed(&now, &next, &err);

	said[0] = '\0';
	if (r != 0) {
		assert_int_equal(r, PL_E_BAD_CONFIG);
		assert_int_equal(err.line, 0);
		assert_non_null(strstr(err.text, "restart"));
		snprintf(said, sizeof(said), "[%s] %s", err.section, err.key);
	}
	pl_conf_clear(&now);
	pl_conf_clear(&next);
	return said;
}

static void what_is_asked_for_each_time_can_change(void **state)
{
	static const char *const texts[] = {
		"", "[latch]\nconflict = refuse\n", "[latch]\nrestart-wait = 5\n",
		"[latch]\nresume-wait = 0\n", "[latch]\nstop = close\n",
		"[latch]\nmay-bypass = yes\n",
		"[limits]\nlatches = 1\nlatches-total = 3\n", "[limits]\nlatches-total = 900000\n",
		"[flow a]\nuid = 7\nprotection = encryption\n", "[flow a]\nallow = no\n",
		"[flow a]\nforward = yes\nlocal = 192.0.2.0/24\nremote = 198.51.100.0/24\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
			assert_string_equal(change(texts[i], texts[j]), "");
	}
}

static void what_latches_that_are_there_go_by_cannot(void **state)
{
	static const char *const t[][2] = {
		{ "[latch]\npeer-match = id\n", "[latch] peer-match" },
		{ "[latch]\nsame-peer-qop = pin\n", "[latch] same-peer-qop" },
		{ "[latch]\nspd-change = protect\n", "[latch] spd-change" },
		{ "[latch]\ngro = warn\n", "[latch] gro" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_string_equal(change("", t[i][0]), t[i][1]);
		assert_string_equal(change(t[i][0], ""), t[i][1]);
		assert_string_equal(change(t[i][0], t[i][0]), "");
	}
}

#define AUTO "[flow web]\nauto = yes\nprotocol = tcp\nlocal-port = 80\n"

static void automatic_rules_and_those_before_them_cannot_K12(void **state)
{
	static const struct {
		const char *why, *now, *next, *said;
	} t[] = {
		{ "one more", "", AUTO, "[flow web] auto" },
		{ "one less", AUTO, "", "[flow web] auto" },
		{ "as it was", AUTO, AUTO, "" },
		{ "one behind it", AUTO, AUTO "[flow b]\nprotocol = udp\n", "" },
		{ "one behind it that changes", AUTO "[flow b]\nallow = no\n",
		  AUTO "[flow b]\n", "" },
		{ "one before it", AUTO, "[flow b]\nprotocol = udp\n" AUTO, "[flow b] auto" },
		{ "none before it any more", "[flow b]\nprotocol = udp\n" AUTO, AUTO,
		  "[flow web] auto" },
		{ "one before it that nobody without a user meets", AUTO,
		  "[flow b]\nuid = 7\n" AUTO, "" },
		{ "the same, of a group", "[flow b]\ngid = 7\n" AUTO, AUTO, "" },
		{ "other protection", AUTO, AUTO "protection = encryption\n", "[flow web] auto" },
		{ "other key", AUTO, AUTO "key-bits = 128\n", "[flow web] auto" },
		{ "other integrity", AUTO, AUTO "integrity-bits = 128\n", "[flow web] auto" },
		{ "other mode", AUTO, AUTO "mode = tunnel\n", "[flow web] auto" },
		{ "other peer", AUTO, AUTO "peer = @east\n", "[flow web] auto" },
		{ "other address", AUTO, AUTO "local = 192.0.2.1\n", "[flow web] auto" },
		{ "other end of the ports", AUTO, "[flow web]\nauto = yes\nprotocol = tcp\n"
		  "local-port = 80-81\n", "[flow web] auto" },
		{ "other protocol", AUTO, "[flow web]\nauto = yes\nprotocol = udp\n"
		  "local-port = 80\n", "[flow web] auto" },
		{ "other name", AUTO, "[flow www]\nauto = yes\nprotocol = tcp\nlocal-port = 80\n",
		  "[flow www] auto" },
		{ "other disposition", AUTO, AUTO "disposition = wait\n", "[flow web] auto" },
		{ "may do without", AUTO, AUTO "may-bypass = yes\n", "[flow web] auto" },
		{ "no more automatic", AUTO, "[flow web]\nprotocol = tcp\nlocal-port = 80\n",
		  "[flow web] auto" },
		{ "two in the other order", AUTO "[flow b]\nauto = yes\nprotocol = udp\n"
		  "local-port = 9\n", "[flow b]\nauto = yes\nprotocol = udp\nlocal-port = 9\n" AUTO,
		  "[flow b] auto" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *said = change(t[i].now, t[i].next);

		if (strcmp(said, t[i].said) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", t[i].why, said, t[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_each_time_can_change),
		cmocka_unit_test(what_latches_that_are_there_go_by_cannot),
		cmocka_unit_test(automatic_rules_and_those_before_them_cannot_K12),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
