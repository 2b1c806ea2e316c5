/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tuples: one normal form, named refusals, and which selectors hold them. */

#include "core/pl_tuple.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pl_tuple make(const char *local, unsigned lport, const char *remote, unsigned rport)
{
	struct pl_tuple t = {
		.af = strchr(local, ':') != NULL ? PL_AF_IP6 : PL_AF_IP4,
		.proto = PL_TUPLE_TCP,
		.local_port = (uint16_t)lport,
		.remote_port = (uint16_t)rport,
	};
	int family = t.af == PL_AF_IP6 ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, local, t.local), 1);
	assert_int_equal(inet_pton(family, remote, t.remote), 1);
	return t;
}

static struct pl_ts_list one(const char *lo, const char *hi, uint8_t proto, unsigned from,
			     unsigned to)
{
	struct pl_ts_list list = { .len = 1 };
	struct pl_ts *ts = &list.list[0];

	ts->af = strchr(lo, ':') != NULL ? PL_AF_IP6 : PL_AF_IP4;
	ts->proto = proto;
	ts->lo_port = (uint16_t)from;
	ts->hi_port = (uint16_t)to;
	assert_int_equal(inet_pton(ts->af == PL_AF_IP6 ? AF_INET6 : AF_INET, lo, ts->lo), 1);
	assert_int_equal(inet_pton(ts->af == PL_AF_IP6 ? AF_INET6 : AF_INET, hi, ts->hi), 1);
	return list;
}

static void a_mapped_connection_is_the_ipv4_connection_K29(void **state)
{
	struct pl_tuple plain = make("192.0.2.1", 4000, "192.0.2.2", 5000);
	struct pl_tuple six = make("::ffff:192.0.2.1", 4000, "::ffff:192.0.2.2", 5000);
	struct pl_tuple a, b;

	(void)state;
	memset(plain.local + 4, 0xaa, 12);	/* bytes that mean nothing */
	memset(plain.remote + 4, 0xbb, 12);
	assert_int_equal(pl_tuple_connection(&plain, &a), 0);
	assert_int_equal(pl_tuple_connection(&six, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.af, PL_AF_IP4);
	assert_int_equal(pl_tuple_compare(&a, &b), 0);
	assert_int_equal(sizeof(struct pl_tuple), 38);
}

static void what_cannot_be_latched_is_refused_by_name_and_nothing_is_written(void **state)
{
	static const struct {
		const char *why, *local, *remote;
		unsigned lport, rport;
		int proto, want;
	} t[] = {
		{ "plain", "192.0.2.1", "192.0.2.2", 1, 65535, 6, 0 },
		{ "udp", "192.0.2.1", "192.0.2.2", 1, 1, 17, 0 },
		{ "sctp", "2001:db8::1", "2001:db8::2", 1, 1, 132, 0 },
		{ "icmp", "192.0.2.1", "192.0.2.2", 1, 1, 1, PL_E_UNSUPPORTED },
		{ "any protocol", "192.0.2.1", "192.0.2.2", 1, 1, 0, PL_E_UNSUPPORTED },
		{ "udp-lite", "192.0.2.1", "192.0.2.2", 1, 1, 136, PL_E_UNSUPPORTED },
		{ "not bound", "0.0.0.0", "192.0.2.2", 1, 1, 6, PL_E_NOT_CONNECTED },
		{ "no peer", "192.0.2.1", "0.0.0.0", 1, 1, 6, PL_E_NOT_CONNECTED },
		{ "no local port", "192.0.2.1", "192.0.2.2", 0, 1, 6, PL_E_NOT_CONNECTED },
		{ "no remote port", "192.0.2.1", "192.0.2.2", 1, 0, 6, PL_E_NOT_CONNECTED },
		{ "mapped zero", "::ffff:0.0.0.0", "::ffff:1.2.3.4", 1, 1, 6,
		  PL_E_NOT_CONNECTED },
		{ "mapped, no peer", "::ffff:1.2.3.4", "::", 1, 1, 6, PL_E_NOT_CONNECTED },
		{ "mapped, not bound", "::", "::ffff:1.2.3.4", 1, 1, 6, PL_E_NOT_CONNECTED },
		{ "half mapped", "::ffff:1.2.3.4", "2001:db8::1", 1, 1, 6, PL_E_MALFORMED },
		{ "other half", "2001:db8::1", "::ffff:1.2.3.4", 1, 1, 6, PL_E_MALFORMED },
		{ "multicast", "192.0.2.1", "224.0.0.1", 1, 1, 17, PL_E_UNSUPPORTED },
		{ "last unicast", "192.0.2.1", "223.255.255.255", 1, 1, 17, 0 },
		{ "broadcast", "192.0.2.1", "255.255.255.255", 1, 1, 17, PL_E_UNSUPPORTED },
		{ "multicast 6", "2001:db8::1", "ff02::1", 1, 1, 17, PL_E_UNSUPPORTED },
		{ "from a group", "224.0.0.1", "192.0.2.1", 1, 1, 17, PL_E_UNSUPPORTED },
		{ "loopback", "127.0.0.1", "192.0.2.2", 1, 1, 6, PL_E_BOTH_ENDS_LOCAL },
		{ "to loopback", "192.0.2.2", "127.255.0.9", 1, 1, 6, PL_E_BOTH_ENDS_LOCAL },
		{ "next to loopback", "192.0.2.2", "128.0.0.1", 1, 1, 6, 0 },
		{ "loopback 6", "::1", "2001:db8::1", 1, 1, 6, PL_E_BOTH_ENDS_LOCAL },
		{ "to loopback 6", "2001:db8::1", "::1", 1, 1, 6, PL_E_BOTH_ENDS_LOCAL },
		{ "near loopback 6", "2001:db8::1", "::2", 1, 1, 6, 0 },
		{ "::1:1 is no loopback", "2001:db8::1", "::1:1", 1, 1, 6, 0 },
		{ "to itself", "192.0.2.1", "192.0.2.1", 1, 2, 6, PL_E_BOTH_ENDS_LOCAL },
		{ "link-local", "169.254.1.1", "169.254.1.2", 1, 1, 6, PL_E_LINK_LOCAL },
		{ "to link-local", "192.0.2.1", "169.254.1.2", 1, 1, 6, PL_E_LINK_LOCAL },
		{ "169.253", "192.0.2.1", "169.253.1.2", 1, 1, 6, 0 },
		{ "168.254", "192.0.2.1", "168.254.1.2", 1, 1, 6, 0 },
		{ "fe80", "fe80::1", "2001:db8::1", 1, 1, 6, PL_E_LINK_LOCAL },
		{ "febf", "2001:db8::1", "febf::1", 1, 1, 6, PL_E_LINK_LOCAL },
		{ "fec0", "2001:db8::1", "fec0::1", 1, 1, 6, 0 },
		{ "fd80", "2001:db8::1", "fd80::1", 1, 1, 6, 0 },
	};
	struct pl_tuple untouched, got;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_tuple from = make(t[i].local, t[i].lport, t[i].remote, t[i].rport);

		from.proto = (uint8_t)t[i].proto;
		got = untouched;
		if (pl_tuple_connection(&from, &got) != t[i].want)
			fail_msg("%s", t[i].why);
		if (t[i].want != 0)
			assert_memory_equal(&got, &untouched, sizeof(got));
	}
	got = make("192.0.2.1", 1, "192.0.2.2", 1);
	got.af = 5;
	assert_int_equal(pl_tuple_connection(&got, &got), PL_E_UNSUPPORTED);
	got.af = 0;
	assert_int_equal(pl_tuple_connection(&got, &got), PL_E_UNSUPPORTED);
}

static void a_dual_stack_listener_is_two_tuples_L13(void **state)
{
	static const struct {
		const char *why, *local;
		bool v6_only;
		unsigned port, len;
		int want;
		const char *text[2];
	} t[] = {
		{ "v4", "192.0.2.1", false, 80, 1, 0, { "tcp 192.0.2.1:80", "" } },
		{ "v4 wildcard", "0.0.0.0", false, 80, 1, 0, { "tcp 0.0.0.0:80", "" } },
		{ "v6", "2001:db8::1", false, 80, 1, 0, { "tcp [2001:db8::1]:80", "" } },
		{ "dual", "::", false, 80, 2, 0, { "tcp [::]:80", "tcp 0.0.0.0:80" } },
		{ "v6 only", "::", true, 80, 1, 0, { "tcp [::]:80", "" } },
		{ "mapped", "::ffff:192.0.2.1", false, 80, 1, 0, { "tcp 192.0.2.1:80", "" } },
		{ "mapped any", "::ffff:0.0.0.0", true, 80, 1, 0, { "tcp 0.0.0.0:80", "" } },
		{ "no port", "::", false, 0, 0, PL_E_NOT_CONNECTED, { "", "" } },
		{ "loopback", "::1", false, 80, 0, PL_E_BOTH_ENDS_LOCAL, { "", "" } },
		{ "loopback", "127.0.0.1", false, 80, 0, PL_E_BOTH_ENDS_LOCAL, { "", "" } },
		{ "link", "fe80::1", false, 80, 0, PL_E_LINK_LOCAL, { "", "" } },
		{ "group", "ff02::1", false, 80, 0, PL_E_UNSUPPORTED, { "", "" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool is_six = strchr(t[i].local, ':') != NULL;
		struct pl_tuple from = make(t[i].local, t[i].port,
					    is_six ? "2001:db8::9" : "192.0.2.9", 7);
		struct pl_tuple got[2];
		unsigned len = 0;
		char text[PL_TUPLE_TEXT_MAX];

		if (pl_tuple_listener(&from, t[i].v6_only, got, &len) != t[i].want)
			fail_msg("%s", t[i].why);
		assert_int_equal(len, t[i].len);
		for (unsigned n = 0; n < len; n++) {
			assert_string_equal(pl_tuple_text(&got[n], text), t[i].text[n]);
			assert_true(pl_tuple_is_listener(&got[n]));
			assert_int_equal(pl_tuple_is_wildcard(&got[n]),
					 strstr(t[i].text[n], "0.0.0.0") != NULL ||
					 strstr(t[i].text[n], "[::]") != NULL);
		}
	}
	struct pl_tuple icmp = make("192.0.2.1", 1, "192.0.2.2", 1), got[2];
	unsigned len;

	icmp.proto = 1;
	assert_int_equal(pl_tuple_listener(&icmp, false, got, &len), PL_E_UNSUPPORTED);
}

static void the_listener_of_a_connection_is_its_local_end_or_the_wildcard(void **state)
{
	struct pl_tuple conn = make("192.0.2.1", 80, "192.0.2.2", 5000), got;
	char text[PL_TUPLE_TEXT_MAX];

	(void)state;
	assert_false(pl_tuple_is_listener(&conn));
	assert_false(pl_tuple_is_wildcard(&conn));
	pl_tuple_listener_of(&conn, false, &got);
	assert_string_equal(pl_tuple_text(&got, text), "tcp 192.0.2.1:80");
	pl_tuple_listener_of(&conn, true, &got);
	assert_string_equal(pl_tuple_text(&got, text), "tcp 0.0.0.0:80");
	assert_string_equal(pl_tuple_text(&conn, text), "tcp 192.0.2.1:80 192.0.2.2:5000");
}

static void the_order_is_family_remote_local_protocol_ports(void **state)
{
	/* Each differs from the one before in one field, and is smaller in every later one. */
	struct pl_tuple t[6];

	(void)state;
	t[0] = make("9.0.0.9", 9, "9.0.0.8", 8);
	t[1] = make("9.0.0.9", 9, "9.0.0.8", 9);
	t[2] = make("9.0.0.9", 10, "9.0.0.8", 1);
	t[3] = make("9.0.0.9", 1, "9.0.0.8", 1);
	t[3].proto = PL_TUPLE_UDP;
	t[4] = make("9.0.1.0", 1, "9.0.0.8", 1);
	t[5] = make("1.0.0.1", 1, "9.0.1.0", 1);
	for (unsigned a = 0; a < 6; a++) {
		for (unsigned b = 0; b < 6; b++) {
			int order = pl_tuple_compare(&t[a], &t[b]);

			assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
		}
	}
	struct pl_tuple six = make("::2", 1, "::3", 1);

	assert_true(pl_tuple_compare(&t[5], &six) < 0);
	assert_true(pl_tuple_compare(&six, &t[5]) > 0);
}

static void an_sa_covers_a_connection_by_its_role(void **state)
{
	struct pl_tuple conn = make("192.0.2.1", 4000, "192.0.2.2", 5000);
	struct pl_ts_list here = one("192.0.2.1", "192.0.2.1", 6, 4000, 4000);
	struct pl_ts_list there = one("192.0.2.2", "192.0.2.2", 6, 5000, 5000);
	struct pl_ts_list none = { .len = 0 };

	(void)state;
	assert_true(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &here, &there));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &there, &here));
	assert_true(pl_tuple_is_covered(&conn, PL_ROLE_RESPONDER, &there, &here));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_RESPONDER, &here, &there));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_NONE, &here, &there));
	assert_true(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &here, &there));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &there, &here));
	assert_true(pl_tuple_is_touched(&conn, PL_ROLE_RESPONDER, &there, &here));
	/* Doubt is a yes (design D2). */
	assert_true(pl_tuple_is_touched(&conn, PL_ROLE_NONE, &there, &here));
	assert_true(pl_tuple_is_touched(&conn, PL_ROLE_ROOF, &there, &here));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &none, &there));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &here, &none));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &none, &there));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &here, &none));
}

static void each_field_of_a_selector_counts(void **state)
{
	static const struct {
		const char *why, *lo, *hi;
		unsigned proto, from, to;
		bool covered, touched;
	} t[] = {
		{ "exact", "192.0.2.1", "192.0.2.1", 6, 4000, 4000, true, true },
		{ "any port", "192.0.2.1", "192.0.2.1", 6, 0, 65535, true, true },
		{ "any protocol", "192.0.2.1", "192.0.2.1", 0, 0, 65535, true, true },
		{ "everything", "0.0.0.0", "255.255.255.255", 0, 0, 65535, true, true },
		{ "one below", "192.0.2.0", "192.0.2.0", 6, 0, 65535, false, false },
		{ "one above", "192.0.2.2", "192.0.2.9", 6, 0, 65535, false, false },
		{ "from it on", "192.0.2.1", "192.0.2.9", 6, 4000, 65535, true, true },
		{ "up to it", "0.0.0.0", "192.0.2.1", 6, 0, 4000, true, true },
		{ "port above", "192.0.2.1", "192.0.2.1", 6, 4001, 65535, false, false },
		{ "port below", "192.0.2.1", "192.0.2.1", 6, 0, 3999, false, false },
		{ "udp", "192.0.2.1", "192.0.2.1", 17, 0, 65535, false, false },
		{ "opaque", "192.0.2.1", "192.0.2.1", 6, 65535, 0, false, true },
		{ "opaque, elsewhere", "192.0.2.2", "192.0.2.2", 6, 65535, 0, false, false },
		{ "opaque udp", "192.0.2.1", "192.0.2.1", 17, 65535, 0, false, false },
		{ "IPv6", "::", "ffff::", 0, 0, 65535, false, false },
		{ "addresses upside down", "192.0.2.9", "192.0.2.1", 6, 0, 65535, false, true },
		{ "ports upside down", "192.0.2.1", "192.0.2.1", 6, 9, 5, false, true },
		{ "icmp echo", "192.0.2.1", "192.0.2.1", 1, 0x800, 0x800, false, false },
	};
	struct pl_tuple conn = make("192.0.2.1", 4000, "192.0.2.2", 5000);
	struct pl_ts_list there = one("192.0.2.2", "192.0.2.2", 6, 5000, 5000);
	struct pl_tuple back = make("192.0.2.2", 5000, "192.0.2.1", 4000);

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_ts_list ts = one(t[i].lo, t[i].hi, (uint8_t)t[i].proto, t[i].from,
					   t[i].to);

		if (pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &ts, &there) != t[i].covered ||
		    pl_tuple_is_covered(&back, PL_ROLE_INITIATOR, &there, &ts) != t[i].covered ||
		    pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &ts, &there) != t[i].touched ||
		    pl_tuple_is_touched(&back, PL_ROLE_INITIATOR, &there, &ts) != t[i].touched)
			fail_msg("%s", t[i].why);
		/* The second of two selectors counts as the first does. */
		ts.list[1] = ts.list[0];
		ts.list[0] = one("198.51.100.1", "198.51.100.1", 6, 0, 65535).list[0];
		ts.len = 2;
		assert_int_equal(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &ts, &there),
				 t[i].covered);
		assert_int_equal(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &ts, &there),
				 t[i].touched);
	}
	there.len = PL_TS_MAX + 1;	/* more than can be looked at */
	there.list[0].lo[0] = there.list[0].hi[0] = 7;
	assert_true(pl_tuple_is_touched(&back, PL_ROLE_INITIATOR, &there, &there));
}

static void a_list_ends_where_it_says_and_both_ends_must_match(void **state)
{
	struct pl_tuple conn = make("192.0.2.1", 4000, "192.0.2.2", 5000);
	struct pl_ts_list here = one("192.0.2.1", "192.0.2.1", 6, 4000, 4000);
	struct pl_ts_list there = one("192.0.2.2", "192.0.2.2", 6, 5000, 5000);
	struct pl_ts_list other = one("198.51.100.1", "198.51.100.1", 6, 0, 65535);
	struct pl_ts_list full = { .len = PL_TS_MAX };

	(void)state;
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_RESPONDER, &other, &here));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_RESPONDER, &there, &other));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &here, &other));
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &other, &there));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &here, &other));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &other, &there));

	for (unsigned i = 0; i < PL_TS_MAX; i++)
		full.list[i] = other.list[0];
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &full, &there));
	full.list[PL_TS_MAX - 1] = here.list[0];
	assert_true(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &full, &there));
	assert_true(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &full, &there));
	full.len--;	/* what lies behind the end does not count */
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &full, &there));
	assert_false(pl_tuple_is_touched(&conn, PL_ROLE_INITIATOR, &full, &there));
	full.list[PL_TS_MAX - 1] = other.list[0];
	full.len = PL_TS_MAX + 1;
	assert_false(pl_tuple_is_covered(&conn, PL_ROLE_INITIATOR, &full, &there));
}

/* Points of a tiny space against the same questions asked one packet at a time. */
static void coverage_agrees_with_a_naive_model(void **state)
{
	unsigned seed = 20251;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 20000; round++) {
		struct pl_tuple t = make("10.0.0.0", 1, "10.0.0.0", 1);
		struct pl_ts_list list[2] = { { .len = 1 + random() % 2 },
					      { .len = 1 + random() % 2 } };
		bool want[2] = { false, false };

		t.local[3] = random() % 4;
		t.remote[3] = random() % 4;
		t.local_port = 1 + random() % 3;
		t.remote_port = 1 + random() % 3;
		for (unsigned end = 0; end < 2; end++) {
			for (unsigned i = 0; i < list[end].len; i++) {
				struct pl_ts *ts = &list[end].list[i];
				unsigned at = end == 0 ? t.local[3] : t.remote[3];
				unsigned port = end == 0 ? t.local_port : t.remote_port;

				*ts = one("10.0.0.0", "10.0.0.0", random() % 2 ? 6 : 0, 0,
					  0).list[0];
				ts->lo[3] = random() % 4;
				ts->hi[3] = ts->lo[3] + random() % (4 - ts->lo[3]);
				ts->lo_port = random() % 4;
				ts->hi_port = ts->lo_port + random() % 3;
				want[end] |= ts->lo[3] <= at && at <= ts->hi[3] &&
					     ts->lo_port <= port && port <= ts->hi_port;
			}
		}
		assert_int_equal(pl_tuple_is_covered(&t, PL_ROLE_INITIATOR, &list[0], &list[1]),
				 want[0] && want[1]);
		assert_int_equal(pl_tuple_is_touched(&t, PL_ROLE_RESPONDER, &list[1], &list[0]),
				 want[0] && want[1]);
	}
}

static void the_selectors_of_a_connection_are_exactly_it_K20(void **state)
{
	struct pl_tuple conn = make("2001:db8::1", 4000, "2001:db8::2", 5000);
	struct pl_ts local, remote;
	char text[PL_TS_TEXT_MAX], long_text[PL_TUPLE_TEXT_MAX];

	(void)state;
	pl_tuple_selectors(&conn, &local, &remote);
	assert_string_equal(pl_ts_text(&local, text), "2001:db8::1-2001:db8::1/6/4000-4000");
	assert_string_equal(pl_ts_text(&remote, text), "2001:db8::2-2001:db8::2/6/5000-5000");
	conn.proto = PL_TUPLE_SCTP;
	assert_string_equal(pl_tuple_text(&conn, long_text),
			    "sctp [2001:db8::1]:4000 [2001:db8::2]:5000");
	assert_string_equal(pl_tuple_proto_name(17), "udp");
	assert_string_equal(pl_tuple_proto_name(1), "none");
	memset(&conn, 0xff, sizeof(conn));
	conn.af = PL_AF_IP6;
	pl_tuple_text(&conn, long_text);
	assert_true(strlen(long_text) < PL_TUPLE_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapped_connection_is_the_ipv4_connection_K29),
		cmocka_unit_test(what_cannot_be_latched_is_refused_by_name_and_nothing_is_written),
		cmocka_unit_test(a_dual_stack_listener_is_two_tuples_L13),
		cmocka_unit_test(the_listener_of_a_connection_is_its_local_end_or_the_wildcard),
		cmocka_unit_test(the_order_is_family_remote_local_protocol_ports),
		cmocka_unit_test(an_sa_covers_a_connection_by_its_role),
		cmocka_unit_test(each_field_of_a_selector_counts),
		cmocka_unit_test(a_list_ends_where_it_says_and_both_ends_must_match),
		cmocka_unit_test(coverage_agrees_with_a_naive_model),
		cmocka_unit_test(the_selectors_of_a_connection_are_exactly_it_K20),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
