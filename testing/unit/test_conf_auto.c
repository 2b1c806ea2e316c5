/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rules with auto = yes: what they can say, and which of them holds. */

#include "core/pl_conf_auto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
		fail_msg("%s: line %u [%s] %s: %s", text, err.line, err.section, err.key, err.text);
	return conf;
}

static void what_a_packet_does_not_show_is_refused_by_name_K12(void **state)
{
	static const struct {
		const char *keys, *what;
	} t[] = {
		{ "protocol = tcp\nlocal-port = 80\nallow = no\n", "not to be latched" },
		{ "protocol = tcp\nlocal-port = 80\nuid = 0-4294967294\n", "no uid" },
		{ "protocol = tcp\nlocal-port = 80\ngid = 5\n", "no gid" },
		{ "local-port = 80\n", "protocol = tcp" },
		{ "protocol = tcp\n", "needs a local-port" },
		{ "protocol = tcp\nlocal = 192.0.2.1\n", "needs a local-port" },
		{ "protocol = tcp\nlocal-port = 0-65535\n", "needs a local-port" },
		{ "protocol = tcp\nlocal-port = 80\nremote = ::1\n", "no remote" },
		{ "protocol = tcp\nlocal-port = 80\nremote-port = 1\n", "no remote-port" },
		{ "protocol = tcp\nlocal-port = 80\nlocal = 192.0.2.0/24\n", "single address" },
		{ "protocol = tcp\nlocal-port = 0-5\n", "no port is 0" },
		{ "protocol = tcp\nlocal-port = 100-164\n", "more than 64" },
		{ "protocol = udp\nlocal-port = 500\n", "IKE" },
		{ "protocol = udp\nlocal-port = 4450-4500\n", "IKE" },
		{ "protocol = udp\nlocal-port = 4500-4510\n", "IKE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_conf_error err = { .line = 0 };
		struct pl_conf conf;
		char text[300];

		/* as the last rule, and before another one */
		for (unsigned last = 0; last < 2; last++) {
			snprintf(text, sizeof(text), "[flow a]\n[flow b]\nauto = yes\n%s%s",
				 t[i].keys, last ? "" : "[flow c]\nuid = 7\n");
			if (load(text, &conf, &err) != PL_E_BAD_CONFIG)
				fail_msg("taken: %s", text);
			if (err.line != 3 || strcmp(err.section, "flow b") != 0 ||
			    strcmp(err.key, "auto") != 0 || strstr(err.text, t[i].what) == NULL)
				fail_msg("%s: %u [%s] %s: %s", text, err.line, err.section, err.key,
					 err.text);
		}
		/* without auto it is a rule as every other */
		snprintf(text, sizeof(text), "[flow b]\nauto = no\n%s", t[i].keys);
		conf = good(text);
		pl_conf_clear(&conf);
	}
}

static void what_can_be_carried_out_is_taken_K12(void **state)
{
	static const struct {
		const char *keys;
		bool listens;
	} t[] = {
		{ "protocol = tcp\nlocal-port = 80\n", true },
		{ "protocol = udp\nlocal-port = 4501\n", true },
		{ "protocol = tcp\nlocal-port = 500\n", true },
		{ "protocol = udp\nlocal-port = 501-564\n", true },
		{ "protocol = udp\nlocal-port = 65535\nlocal = 2001:db8::1\n", true },
		{ "protocol = tcp\nremote = 192.0.2.0/24\n", false },
		{ "protocol = udp\nremote-port = 500\n", false },
		{ "protocol = tcp\nremote-port = 0-65534\nlocal = 192.0.2.0/24\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_conf conf;
		char text[300];

		snprintf(text, sizeof(text), "[flow a]\n%sauto = yes\n", t[i].keys);
		conf = good(text);
		assert_true(pl_conf_auto_is_any(&conf));
		assert_int_equal(pl_conf_auto_listens(&conf.rules[0]), t[i].listens);
		pl_conf_clear(&conf);
	}
}

static void which_end_of_what_is_forwarded_is_the_inner_one_is_sure_L21(void **state)
{
	static const struct {
		const char *keys, *what;	/* NULL: it is taken */
	} t[] = {
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\n", NULL },
		{ "local = 10.1.0.0/25\nremote = 10.1.0.128/25\n", NULL },
		{ "local = 2001:db8::/64\nremote = 2001:db8:0:1::/64\nremote-port = 80\n", NULL },
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\nlocal-port = 1000-2000\n", NULL },
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\nmode = tunnel\n", NULL },
		{ "local = 10.1.0.0/24\n", "a local and a remote" },
		{ "remote = 10.1.0.0/24\nremote-port = 80\n", "a local and a remote" },
		{ "local = 10.1.0.0/24\nremote = 2001:db8::1\n", "two families" },
		{ "local = 10.1.0.0/16\nremote = 10.1.255.255\n", "both local and remote" },
		{ "local = 10.1.0.0\nremote = 10.0.0.0/8\n", "both local and remote" },
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\nnarrow = yes\n", "narrow" },
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\nmode = transport\n", "tunnel" },
		{ "local = 10.1.0.0/24\nremote = 10.2.0.0/24\nuid = 5\n", "no uid" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_conf_error err = { .line = 0 };
		struct pl_conf conf;
		char text[300];
		int r;

		snprintf(text, sizeof(text), "[flow a]\nauto = yes\nprotocol = tcp\n"
			 "forward = yes\n%s", t[i].keys);
		r = load(text, &conf, &err);
		if (r != (t[i].what == NULL ? 0 : PL_E_BAD_CONFIG) ||
		    (r != 0 && strstr(err.text, t[i].what) == NULL))
			fail_msg("%s: %d %u [%s] %s: %s", text, r, err.line, err.section, err.key,
				 err.text);
		if (r != 0)
			continue;
		assert_true(pl_conf_auto_is_any(&conf) && pl_conf_auto_forwards(&conf));
		assert_false(pl_conf_auto_listens(&conf.rules[0]));
		pl_conf_clear(&conf);
	}
}

static void rules_for_what_is_forwarded_hold_for_either_direction_and_no_other_L21(
	void **state)
{
	struct pl_conf c = good("[flow 0]\nforward = yes\nuid = 5\n"
				"[flow 1]\nprotocol = tcp\nremote-port = 80\n"
				"[flow 2]\nforward = yes\nremote-port = 22\n"
				"[flow 3]\nforward = yes\nprotocol = tcp\nlocal = 10.1.0.0/24\n"
				"remote = 10.2.0.0/24\nauto = yes\n"
				"[flow 4]\nprotocol = tcp\nremote-port = 99\nauto = yes\n");
	struct pl_tuple t = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 1000, .remote_port = 80,
		.local = { 10, 1, 0, 2 }, .remote = { 10, 2, 0, 2 },
	}, back = t, got;
	enum pl_direction way = PL_DIR_NONE;

	(void)state;
	back.local_port = 80;
	back.remote_port = 1000;
	memcpy(back.local, t.remote, 4);
	memcpy(back.remote, t.local, 4);
	assert_ptr_equal(pl_conf_auto_forward(&c, &t, &got, &way), &c.rules[3]);
	assert_int_equal(way, PL_DIR_OUT);
	assert_memory_equal(&got, &t, sizeof(t));
	assert_ptr_equal(pl_conf_auto_forward(&c, &back, &got, &way), &c.rules[3]);
	assert_int_equal(way, PL_DIR_IN);
	assert_memory_equal(&got, &t, sizeof(t));
	/* they are not this host's */
	assert_null(pl_conf_auto_match(&c, &t));
	assert_ptr_equal(pl_conf_match(&c, 5, NULL, 0, &t), &c.rules[1]);
	t.remote_port = 22;
	assert_null(pl_conf_auto_forward(&c, &t, &got, &way));
	assert_ptr_equal(pl_conf_match(&c, 5, NULL, 0, &t), &c.other);
	t.remote_port = 99;
	t.local[0] = 11;
	assert_null(pl_conf_auto_forward(&c, &t, &got, &way));
	assert_ptr_equal(pl_conf_auto_match(&c, &t), &c.rules[4]);
	pl_conf_clear(&c);
	c = good("[flow a]\nprotocol = tcp\nremote-port = 80\nauto = yes\n"
		 "[flow b]\nforward = yes\n");
	assert_false(pl_conf_auto_forwards(&c));
	pl_conf_clear(&c);
}

static void nothing_is_automatic_unless_a_rule_says_so_K13(void **state)
{
	const struct pl_tuple tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 80,
					.remote_port = 80 };
	struct pl_conf_error err;
	struct pl_conf conf;

	(void)state;
	pl_conf_default(&conf);
	assert_false(pl_conf_auto_is_any(&conf));
	assert_null(pl_conf_auto_match(&conf, &tuple));
	conf = good("[flow a]\nprotocol = tcp\nlocal-port = 80\n[flow b]\nauto = no\n");
	assert_false(pl_conf_auto_is_any(&conf));
	assert_null(pl_conf_auto_match(&conf, &tuple));
	pl_conf_clear(&conf);
	/* nor can all flows be: those of IKE would be among them */
	assert_int_equal(load("[latch]\nauto = yes\n", &conf, &err), PL_E_BAD_CONFIG);
	assert_non_null(strstr(err.text, "what can stand here is no"));
}

static void the_first_rule_for_everybody_holds_K12(void **state)
{
	struct pl_conf c = good("[flow 0]\nuid = 5\nremote-port = 80\nallow = no\n"
				"[flow 1]\ngid = 5\n"
				"[flow 2]\nremote = 198.51.100.0/24\n"
				"[flow 3]\nprotocol = tcp\nremote-port = 80\nauto = yes\n"
				"[flow 4]\nprotocol = tcp\nlocal-port = 22\nauto = yes\n"
				"[flow 5]\n"
				"[flow 6]\nprotocol = udp\nremote-port = 9\nauto = yes\n");
	struct pl_tuple t = {
		.af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 1000, .remote_port = 80,
		.local = { 192, 0, 2, 2 }, .remote = { 203, 0, 113, 1 },
	};

	(void)state;
	assert_ptr_equal(pl_conf_auto_match(&c, &t), &c.rules[3]);
	t.remote_port = 81;
	assert_null(pl_conf_auto_match(&c, &t));
	t.local_port = 22;
	assert_ptr_equal(pl_conf_auto_match(&c, &t), &c.rules[4]);
	memcpy(t.remote, (uint8_t[]) { 198, 51, 100, 1 }, 4);
	assert_null(pl_conf_auto_match(&c, &t));
	t = (struct pl_tuple) { .af = PL_AF_IP6, .proto = PL_TUPLE_UDP, .remote_port = 9 };
	assert_null(pl_conf_auto_match(&c, &t));	/* rule 5 is for all */
	pl_conf_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_packet_does_not_show_is_refused_by_name_K12),
		cmocka_unit_test(what_can_be_carried_out_is_taken_K12),
		cmocka_unit_test(which_end_of_what_is_forwarded_is_the_inner_one_is_sure_L21),
		cmocka_unit_test(
			rules_for_what_is_forwarded_hold_for_either_direction_and_no_other_L21),
		cmocka_unit_test(nothing_is_automatic_unless_a_rule_says_so_K13),
		cmocka_unit_test(the_first_rule_for_everybody_holds_K12),
	};

	return cmocka_run_group_tests_name("conf_auto", tests, NULL, NULL);
}
