/* SPDX-License-Identifier: GPL-2.0-or-later */

/* latch.conf: the key table, what a file says, and that an erroneous file says nothing. */

#include "core/pl_conf.h"
#include "core/pl_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int load(const char *text, struct pl_conf *ret, struct pl_conf_error *err)
{
	return pl_conf_load(text, strlen(text), ret, err);
}

static struct pl_conf good(const char *text)
{
	struct pl_conf_error err;
	struct pl_conf conf;

	if (load(text, &conf, &err) != 0)
		fail_msg("line %u [%s] %s: %s", err.line, err.section, err.key, err.text);
	return conf;
}

static void every_key_is_documented_and_its_initial_value_is_the_default(void **state)
{
	struct pl_conf none, conf;
	struct pl_conf_key key;
	unsigned n = 0, flows = 0;

	(void)state;
	pl_conf_default(&none);
	for (; pl_conf_key(n, &key); n++) {
		char text[200];

		assert_true(strlen(key.name) > 0 && strlen(key.values) > 0);
		assert_int_equal(key.sentence[strlen(key.sentence) - 1], '.');
		for (unsigned i = 0; i < n; i++) {
			struct pl_conf_key other;

			assert_true(pl_conf_key(i, &other));
			assert_false(strcmp(other.section, key.section) == 0 &&
				     strcmp(other.name, key.name) == 0);
		}
		snprintf(text, sizeof(text), "[%s]\n%s = %s\n",
			 strcmp(key.section, "flow NAME") == 0 ? "flow x" : key.section, key.name,
			 key.initial);
		conf = good(text);
		if (conf.nr_rules == 1) {
			struct pl_conf_rule want = none.other;

			flows++;
			snprintf(want.name, sizeof(want.name), "x");
			assert_memory_equal(&conf.rules[0], &want, sizeof(want));
		}
		pl_conf_clear(&conf);
		assert_memory_equal(&conf, &none, sizeof(conf));
	}
	assert_true(n > 30 && flows > 12);
	assert_true(pl_conf_key(0, &key));
	assert_string_equal(key.values, "key|id");
	assert_true(pl_conf_key(6, &key));
	assert_string_equal(key.name, "restart-wait");
	assert_string_equal(key.values, "NUMBER");
	/* Some groups are never no groups, at either end of their numbers. */
	conf = good("[flow a]\ngid = 0-5\n[flow b]\ngid = 5-4294967295\n[flow c]\n"
		    "local = 192.0.2.1/32\n");
	assert_ptr_equal(pl_conf_match(&conf, 1, NULL, 0, &(struct pl_tuple) { .af = 4 }),
			 &conf.other);
	pl_conf_clear(&conf);
	assert_memory_equal((conf = good(""), &conf), &none, sizeof(conf));
	assert_int_equal(none.other.is_auto, 0);	/* K13 */
	assert_int_equal(none.other.is_allowed, 1);
	assert_int_equal(none.other.may_bypass, 0);	/* L23 */
	assert_int_equal(none.limits.each[PL_LIMIT_SESSIONS], 64);
	assert_int_equal(none.restart_wait, 30);
	assert_int_equal(none.stop, PL_CONF_STOP_KEEP);
	assert_int_equal(none.resume_wait, 30);
}

static void every_key_has_its_effect(void **state)
{
	struct pl_conf c = good("; a comment\n# another\n\n"
		"[latch]\npeer-match = id\nsame-peer-qop=pin\nconflict = narrow ; the latch\n"
		"spd-change = protect\ngro = warn\ndelete-sas = no\nrestart-wait = 77\n"
		"stop = close\nresume-wait = 5\nauto = no\n"
		"may-bypass = yes\n"
		"[limits]\nlatches = 7\nlatches-total = 99\nlist-page = 50\n"
		"[flow web]\nuid = 1000\ngid = 5-6\nlocal = 192.0.2.0/24\nremote = 2001:db8::1\n"
		"protocol = udp\nlocal-port = 80\nremote-port = 1024-65535\nallow = no\n"
		"auto = no\nnarrow = no\nprotection = encryption\nkey-bits = 128\n"
		"integrity-bits = 96\nmode = transport\nmay-bypass = yes\ndisposition = wait\n"
		"peer = C=CA,O=Ex\\, ample, CN=east ; of the east\n"
		"[flow any]\npeer = any\n[flow key]\npeer = @#0x0a0b\n"
		"[flow last]\r\npeer = @east\r\nprotection = integrity\r\nmode = tunnel");
	const struct pl_conf_rule *r = &c.rules[0];
	char text[PL_TS_TEXT_MAX];

	(void)state;
	assert_int_equal(c.peer_match, PL_PEER_MATCH_ID);
	assert_int_equal(c.may_differ_in_qop, 1);
	assert_int_equal(c.conflict, PL_CONF_CONFLICT_NARROW);
	assert_int_equal(c.spd_change, PL_CONF_SPD_PROTECT);
	assert_int_equal(c.gro, PL_CONF_GRO_WARN);
	assert_int_equal(c.deletes_sas, 0);
	assert_int_equal(c.restart_wait, 77);
	assert_int_equal(c.stop, PL_CONF_STOP_CLOSE);
	assert_int_equal(c.resume_wait, 5);
	assert_int_equal(c.other.is_auto, 0);
	assert_int_equal(c.other.may_bypass, 1);
	assert_int_equal(c.limits.each[PL_LIMIT_LATCHES], 7);
	assert_int_equal(c.limits.total[PL_LIMIT_LATCHES], 99);
	assert_int_equal(c.limits.each[PL_LIMIT_LIST_PAGE], 50);
	assert_int_equal(c.nr_rules, 4);
	assert_string_equal(r->name, "web");
	assert_int_equal(r->uids.lo, 1000);
	assert_int_equal(r->uids.hi, 1000);
	assert_int_equal(r->gids.lo, 5);
	assert_int_equal(r->gids.hi, 6);
	assert_string_equal(pl_ts_text(&r->local, text), "192.0.2.0-192.0.2.255/0/0-65535");
	assert_string_equal(pl_ts_text(&r->remote, text), "2001:db8::1-2001:db8::1/0/0-65535");
	assert_int_equal(r->proto, PL_TUPLE_UDP);
	assert_int_equal(r->local_ports.lo, 80);
	assert_int_equal(r->local_ports.hi, 80);
	assert_int_equal(r->remote_ports.lo, 1024);
	assert_int_equal(r->remote_ports.hi, 65535);
	assert_int_equal(r->is_allowed + r->is_auto, 0);
	assert_int_equal(r->is_narrow, 0);
	assert_int_equal(r->may_bypass, 1);
	assert_int_equal(r->require.protection, 3);
	assert_int_equal(r->require.min_key_bits, 128);
	assert_int_equal(r->require.min_integ_bits, 96);
	assert_int_equal(r->require.mode, PL_MODE_TRANSPORT);
	assert_int_equal(r->disposition, PL_DISPOSITION_WAIT);
	assert_string_equal(r->peer, "C=CA, O=Ex\\, ample, CN=east");
	assert_string_equal(c.other.peer, "");
	assert_string_equal(r[1].peer, "");
	assert_string_equal(r[2].peer, "@#0x0a0b");
	assert_string_equal(r[3].name, "last");
	assert_string_equal(r[3].peer, "@east");
	assert_int_equal(r[3].require.protection, PL_PROTECT_INTEGRITY);
	assert_int_equal(r[3].require.mode, PL_MODE_TUNNEL);
	pl_conf_clear(&c);
	pl_conf_clear(&c);
}

/* 1 when [section] key = value is taken */
static int is_taken(const struct pl_conf_key *key, const char *value, struct pl_conf_error *err)
{
	struct pl_conf conf;
	char text[200];

	snprintf(text, sizeof(text), "[%s]\n%s = %s\n",
		 strcmp(key->section, "flow NAME") == 0 ? "flow x" : key->section,
		 key->name, value);
	if (load(text, &conf, err) != 0)
		return 0;
	pl_conf_clear(&conf);
	return 1;
}

static bool has_word(const char *words, const char *word, size_t len)
{
	for (const char *at = words; *at != '\0'; at += at[strcspn(at, "|")] == '|') {
		if (strcspn(at, "|") == len && memcmp(at, word, len) == 0)
			return true;
		at += strcspn(at, "|");
	}
	return false;
}

static void a_value_that_nobody_carries_out_is_refused_by_name(void **state)
{
	unsigned taken = 0, refused = 0, keys = 0;
	struct pl_conf_error err;
	struct pl_conf_key key;

	(void)state;
	for (unsigned n = 0; pl_conf_key(n, &key); n++) {
		bool is_number = strpbrk(key.values, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL ||
				 strcmp(key.section, "limits") == 0;

		keys += key.done[0] != '\0';
		/* What holds when nothing is written is never what cannot be done. */
		assert_true(key.done[0] == '\0' ||
			    has_word(key.done, key.initial, strlen(key.initial)));
		if (is_number && key.done[0] != '\0') {
			assert_true(is_taken(&key, key.done, &err));
			assert_false(is_taken(&key, "77", &err));
			assert_non_null(strstr(err.text, "not implemented yet"));
			continue;
		}
		for (const char *at = key.values; !is_number; at += strcspn(at, "|") + 1) {
			size_t len = strcspn(at, "|");
			char value[64];

			snprintf(value, sizeof(value), "%.*s", (int)len, at);
			if (key.done[0] == '\0' || has_word(key.done, at, len)) {
				taken += is_taken(&key, value, &err);
			} else {
				refused++;
				assert_false(is_taken(&key, value, &err));
				assert_non_null(strstr(err.text, "not implemented yet"));
				assert_non_null(strstr(err.text, key.done));
				assert_string_equal(err.key, key.name);
				assert_int_equal(err.line, 2);
			}
			if (at[len] == '\0')
				break;
		}
	}
	print_message("%u taken, %u refused, of %u keys\n", taken, refused, keys);
	assert_true(taken > 20 && refused >= 2 && keys >= 3);
}

static void an_erroneous_file_changes_nothing_and_names_line_section_and_key(void **state)
{
	static char long_line[400], long_name[80];
	static const struct {
		const char *text;
		unsigned line;
		const char *section, *key, *what;
	} t[] = {
		{ "auto = no\n", 1, "", "auto", "no section" },
		{ "[latch]\n\nautomatic = no\n", 3, "latch", "automatic", "no such key" },
		{ "[latch]\nauto = maybe\n", 2, "latch", "auto", "words" },
		{ "[latch]\nauto =\n", 2, "latch", "auto", "words" },
		{ "[latch]\nauto = ye\n", 2, "latch", "auto", "words" },
		{ "[latch]\nauto = no|yes\n", 2, "latch", "auto", "words" },
		{ "[latch]\nauto = no\nauto = no\n", 3, "latch", "auto", "already" },
		{ "[latch]\nauto = no\n[latch]\n", 3, "latch", "", "already" },
		{ "[limits]\n[limits]\n", 2, "limits", "", "already" },
		{ "[latch]\nauto\n", 2, "latch", "", "neither" },
		{ "[latch\nauto = no\n", 1, "", "", "not a section" },
		{ "[]\n", 1, "", "", "no such section" },
		{ "[\n", 1, "", "", "not a section" },
		{ "[pad]\n", 1, "pad", "", "no such section" },
		{ "[latch] ; x\n", 1, "", "", "not a section" },
		{ "[latch]\nauto = no\n  may-bypass = yes\n", 3, "latch", "", "begins with" },
		{ " [latch]\n", 1, "", "", "begins with" },
		{ "[latch]\nau\001to = no\n", 2, "latch", "", "plain text" },
		{ "\357\273\277[latch]\n", 1, "", "", "plain text" },
		{ "[limits]\nlatches = 0\n", 2, "limits", "latches", "range" },
		{ "[limits]\nlatches = x\n", 2, "limits", "latches", "not a number" },
		{ "[limits]\nlatches = -1\n", 2, "limits", "latches", "not a number" },
		{ "[limits]\nlatches = 4294967296\n", 2, "limits", "latches", "too large" },
		{ "[limits]\nlatches = 10000000000\n", 2, "limits", "latches", "number" },
		{ "[limits]\nlatch = 1\n", 2, "limits", "latch", "no such key" },
		{ "[limits]\nlatches = 1\nlatches = 2\n", 3, "limits", "latches", "already" },
		{ "[flow a]\n[flow b]\n[flow a]\n", 3, "flow a", "", "already" },
		{ "[flow ]\n", 1, "flow ", "", "name" },
		{ "[flow a b]\n", 1, "flow a b", "", "name" },
		{ "[flow]\n", 1, "flow", "", "no such section" },
		{ "[flow a]\nuid = 5-4\n", 2, "flow a", "uid", "upside down" },
		{ "[flow a]\nuid = 5-\n", 2, "flow a", "uid", "number" },
		{ "[flow a]\nuid = -5\n", 2, "flow a", "uid", "number" },
		{ "[flow a]\nlocal-port = 65536\n", 2, "flow a", "local-port", "too large" },
		{ "[flow a]\nlocal = 192.0.2.256\n", 2, "flow a", "local", "not an address" },
		{ "[flow a]\nlocal = 192.0.2.1/33\n", 2, "flow a", "local", "prefix" },
		{ "[flow a]\nlocal = 192.0.2.1/\n", 2, "flow a", "local", "prefix" },
		{ "[flow a]\nlocal = 192.0.2.1/31\n", 2, "flow a", "local", "behind" },
		{ "[flow a]\nlocal = ::/129\n", 2, "flow a", "local", "prefix" },
		{ "[flow a]\nprotocol = icmp\n", 2, "flow a", "protocol", "words" },
		{ "[flow a]\nkey-bits = 1025\n", 2, "flow a", "key-bits", "too large" },
		{ "[flow a]\nmode = beet\n", 2, "flow a", "mode", "words" },
		{ "[flow a]\nprotection = full\n", 2, "flow a", "protection", "words" },
		{ "[flow a]\npeer =\n", 2, "flow a", "peer", "not an ID" },
		{ "[flow a]\npeer = east\n", 2, "flow a", "peer", "not an ID" },
		{ "[flow a]\npeer = %any\n", 2, "flow a", "peer", "not an ID" },
		{ "[flow a]\n\npeer = CN=*\n", 3, "flow a", "peer", "not an ID" },
		{ "[flow a]\npeer = @a\npeer = @a\n", 3, "flow a", "peer", "already" },
		{ "[latch]\npeer = @a\n", 2, "latch", "peer", "no such key" },
		{ "[flow a]\nauto = no\n[flow b]\nauto = no\nauto = no\n", 5, "flow b", "auto",
		  "already" },
		{ "[latch]\ndelete-sas = yes\n", 2, "latch", "delete-sas",
		  "not implemented yet; what can stand here is no" },
		{ "[limits]\nwaits = 5\n", 2, "limits", "waits", "not implemented yet" },
		{ long_line, 2, "latch", "", "too long" },
		{ long_name, 1, "", "", "not a section" },
	};

	(void)state;
	snprintf(long_line, sizeof(long_line), "[latch]\nauto = %0200d\n", 0);
	snprintf(long_name, sizeof(long_name), "[flow %050d]\n", 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_conf conf, before;
		struct pl_conf_error err = { .line = 0 };

		memset(&conf, 0x5a, sizeof(conf));
		before = conf;
		if (load(t[i].text, &conf, &err) != PL_E_BAD_CONFIG)
			fail_msg("taken: %s", t[i].text);
		assert_memory_equal(&conf, &before, sizeof(conf));
		if (err.line != t[i].line || strcmp(err.section, t[i].section) != 0 ||
		    strcmp(err.key, t[i].key) != 0 || strstr(err.text, t[i].what) == NULL)
			fail_msg("%s: %u [%s] %s: %s", t[i].text, err.line, err.section, err.key,
				 err.text);
	}
}

static void a_name_and_a_line_may_be_as_long_as_they_may_be(void **state)
{
	struct pl_conf_error err;
	struct pl_conf conf;
	char text[300];

	(void)state;
	snprintf(text, sizeof(text), "[flow %039d]\n;%0178d\n", 0, 0);
	conf = good(text);
	assert_int_equal(conf.nr_rules, 1);
	pl_conf_clear(&conf);
	snprintf(text, sizeof(text), "[flow %040d]\n", 0);
	assert_int_equal(load(text, &conf, &err), PL_E_BAD_CONFIG);
	snprintf(text, sizeof(text), "[latch]\n;%0179d\n", 0);
	assert_int_equal(load(text, &conf, &err), PL_E_BAD_CONFIG);
	conf = good("[limits]\nlatches = 1000000\n[flow a]\nlocal = 0.0.0.0/0\nuid = "
		    "4294967295\nremote-port = 0-65535\nlocal-port = 7-7\nremote = ::/0\n"
		    "key-bits = 1024\n");
	assert_int_equal(conf.rules[0].uids.lo, UINT32_MAX);
	pl_conf_clear(&conf);
	assert_int_equal(pl_conf_load("[latch]\nauto = no\n\0", 19, &conf, &err),
			 PL_E_BAD_CONFIG);
	assert_int_equal(err.line, 3);
}

static void rules_are_bounded(void **state)
{
	char *text = calloc(1001, 16);
	struct pl_conf_error err;
	struct pl_conf conf;
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		len += (size_t)sprintf(text + len, "[flow %u]\n", i);
	conf = good(text);
	assert_int_equal(conf.nr_rules, 1000);
	pl_conf_clear(&conf);
	sprintf(text + len, "[flow x]\n");
	assert_int_equal(load(text, &conf, &err), PL_E_BAD_CONFIG);
	assert_int_equal(err.line, 1001);
	free(text);
}

static void the_first_rule_that_matches_holds_K11(void **state)
{
	struct pl_conf c = good("[flow 0]\nuid = 5\n[flow 1]\ngid = 7-8\n[flow 2]\nprotocol = udp\n"
				"[flow 3]\nlocal = 192.0.2.1\nlocal-port = 80\n"
				"[flow 4]\nremote = 198.51.100.0/24\n[flow 5]\nremote-port = 443\n"
				"[flow 6]\nlocal = 2001:db8::/32\n[flow 7]\nuid = 0\n");
	const struct pl_tuple base = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 1000, .remote_port = 2000,
		.local = { 192, 0, 2, 2 }, .remote = { 203, 0, 113, 1 },
	};
	const uint32_t gids[] = { 3, 8 };
	struct pl_tuple t = base;

	(void)state;
#define IS(uid, nr, want) assert_ptr_equal(pl_conf_match(&c, uid, gids, nr, &t), want)
	IS(1, 1, &c.other);
	IS(5, 2, &c.rules[0]);
	IS(5, 0, &c.rules[0]);	/* any group: none as well */
	IS(1, 2, &c.rules[1]);
	IS(1, 0, &c.other);
	IS(0, 1, &c.rules[7]);
	t.proto = PL_TUPLE_UDP;
	IS(1, 1, &c.rules[2]);
	t = base;
	t.local_port = 80;
	IS(1, 1, &c.other);
	t.local[3] = 1;
	IS(1, 1, &c.rules[3]);
	t.local_port = 81;
	IS(1, 1, &c.other);
	t.local_port = 79;
	IS(1, 1, &c.other);
	t = base;
	memcpy(t.remote, (uint8_t[]) { 198, 51, 100, 255 }, 4);
	IS(1, 1, &c.rules[4]);
	t.remote[2] = 101;
	IS(1, 1, &c.other);
	t.remote_port = 443;
	IS(1, 1, &c.rules[5]);
	t = base;
	t.af = PL_AF_IP6;
	memcpy(t.local, (uint8_t[]) { 0x20, 0x01, 0x0d, 0xb8, 9 }, 5);
	IS(1, 1, &c.rules[6]);
	t.local[3]++;
	IS(1, 1, &c.other);
	/* A listener: by its local end; the wildcard is no address of a rule. */
	t = base;
	pl_tuple_listener_of(&base, false, &t);
	t.local[3] = 1;
	t.local_port = 80;
	IS(1, 1, &c.rules[3]);
	memset(t.local, 0, sizeof(t.local));
	IS(1, 1, &c.rules[4]);
	pl_conf_clear(&c);
}

/* Any bytes whatsoever: taken or not, and never half. */
static void damaged_files_are_taken_whole_or_not_at_all(void **state)
{
	static const char text[] = "[latch]\nauto = no ; x\npeer-match = id\n[limits]\n"
		"latches = 5\n"
		"[flow a]\nuid = 1-9\nlocal = 192.0.2.0/24\nremote = 2001:db8::/32\nmode = any\n";
	unsigned seed = 77, taken = 0, refused = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 30000; round++) {
		char copy[sizeof(text)];
		size_t len = sizeof(text) - 1;
		struct pl_conf_error err;
		struct pl_conf conf, before;

		memcpy(copy, text, sizeof(copy));
		for (long i = random() % 3; i >= 0; i--)
			copy[random() % (long)len] = random() % 2 ? text[random() % (long)len] :
						     (char)random();
		if (random() % 4 == 0)
			len = (size_t)random() % len;
		memset(&conf, 0x5a, sizeof(conf));
		before = conf;
		if (pl_conf_load(copy, len, &conf, &err) == 0) {
			taken++;
			assert_true(conf.nr_rules <= 1);
			pl_conf_clear(&conf);
		} else {
			refused++;
			assert_memory_equal(&conf, &before, sizeof(conf));
			assert_true(err.line >= 1 && err.text[0] != '\0');
		}
	}
	print_message("taken %u, refused %u\n", taken, refused);
	assert_true(taken > 1000 && refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_documented_and_its_initial_value_is_the_default),
		cmocka_unit_test(every_key_has_its_effect),
		cmocka_unit_test(a_value_that_nobody_carries_out_is_refused_by_name),
		cmocka_unit_test(an_erroneous_file_changes_nothing_and_names_line_section_and_key),
		cmocka_unit_test(a_name_and_a_line_may_be_as_long_as_they_may_be),
		cmocka_unit_test(rules_are_bounded),
		cmocka_unit_test(the_first_rule_that_matches_holds_K11),
		cmocka_unit_test(damaged_files_are_taken_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
