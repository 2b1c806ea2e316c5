/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "core/pl_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A socket that nobody has anything against. */
static struct pl_socket_facts good(enum pl_socket_use use)
{
	bool is_connected = use == PL_SOCKET_CONNECTION || use == PL_SOCKET_ACCEPTED;

	return (struct pl_socket_facts) {
		.tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local_port = 4000 },
		.cookie = 1, .is_internet = true, .is_here = true,
		.is_connected = is_connected,
	};
}

static void set(struct pl_socket_facts *facts, size_t offset, bool value)
{
	memcpy((char *)facts + offset, &value, sizeof(value));
}

static void each_defect_alone_has_its_name(void **state)
{
	static const struct {
		const char *why;
		size_t offset;
		bool value;
		int want[PL_SOCKET_ROOF];
	} t[] = {
#define FACT(name) offsetof(struct pl_socket_facts, name)
		{ "other netns", FACT(is_here), false,
		  { 0, PL_E_OTHER_NETNS, PL_E_OTHER_NETNS, PL_E_OTHER_NETNS, PL_E_OTHER_NETNS } },
		{ "no IP", FACT(is_internet), false,
		  { 0, PL_E_NOT_INTERNET, PL_E_NOT_INTERNET, PL_E_NOT_INTERNET,
		    PL_E_NOT_INTERNET } },
		{ "MPTCP", FACT(is_mptcp), true,
		  { 0, PL_E_MPTCP, PL_E_MPTCP, PL_E_MPTCP, PL_E_MPTCP } },
		{ "SCTP with many associations", FACT(is_many), true,
		  { 0, PL_E_UNSUPPORTED, PL_E_UNSUPPORTED, PL_E_UNSUPPORTED, PL_E_UNSUPPORTED } },
		{ "SCTP on several addresses", FACT(has_several), true,
		  { 0, 0, 0, 0, PL_E_UNSUPPORTED } },
		{ "not connected", FACT(is_connected), false,
		  { 0, PL_E_NOT_CONNECTED, PL_E_NOT_CONNECTED, 0, 0 } },
		{ "connected", FACT(is_connected), true,
		  { 0, 0, 0, PL_E_WRONG_STATE, PL_E_WRONG_STATE } },
		{ "listens", FACT(is_listening), true, { 0, 0, 0, PL_E_WRONG_STATE, 0 } },
		{ "source route", FACT(is_source_routed), true,
		  { 0, PL_E_SOURCE_ROUTED, PL_E_SOURCE_ROUTED, PL_E_SOURCE_ROUTED,
		    PL_E_SOURCE_ROUTED } },
		{ "encapsulated", FACT(is_encapsulated), true,
		  { 0, PL_E_ENCAPSULATED, PL_E_ENCAPSULATED, PL_E_ENCAPSULATED,
		    PL_E_ENCAPSULATED } },
		{ "xfrm interface", FACT(is_virtual), true,
		  { 0, PL_E_VIRTUAL_INTERFACE, PL_E_VIRTUAL_INTERFACE, PL_E_VIRTUAL_INTERFACE,
		    PL_E_VIRTUAL_INTERFACE } },
		{ "NAT", FACT(is_translated), true,
		  { 0, PL_E_TRANSLATED, PL_E_TRANSLATED, PL_E_TRANSLATED, PL_E_TRANSLATED } },
		{ "peer is here", FACT(is_peer_local), true,
		  { 0, PL_E_BOTH_ENDS_LOCAL, PL_E_BOTH_ENDS_LOCAL, PL_E_BOTH_ENDS_LOCAL,
		    PL_E_BOTH_ENDS_LOCAL } },
		/* an accepted connection was guarded from its first packet on */
		{ "bytes came", FACT(has_received), true,
		  { 0, PL_E_ALREADY_USED, 0, 0, PL_E_ALREADY_USED } },
#undef FACT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (int use = PL_SOCKET_CONNECTION; use < PL_SOCKET_ROOF; use++) {
			struct pl_socket_facts facts = good(use);

			assert_int_equal(pl_socket_judge(&facts, use, false), 0);
			set(&facts, t[i].offset, t[i].value);
			if (pl_socket_judge(&facts, use, false) != t[i].want[use])
				fail_msg("%s, use %d", t[i].why, use);
		}
	}
}

static void a_port_must_be_bound_before(void **state)
{
	struct pl_socket_facts facts = good(PL_SOCKET_LISTENER);

	(void)state;
	facts.tuple.local_port = 0;
	assert_int_equal(pl_socket_judge(&facts, PL_SOCKET_LISTENER, false), PL_E_NOT_CONNECTED);
	assert_int_equal(pl_socket_judge(&facts, PL_SOCKET_BEFORE_CONNECT, false),
			 PL_E_NOT_CONNECTED);
	assert_int_equal(pl_socket_judge(&facts, PL_SOCKET_ROOF, false), PL_E_UNSUPPORTED);
	assert_int_equal(pl_socket_judge(&facts, PL_SOCKET_NONE, false), PL_E_UNSUPPORTED);
}

static void late_is_welcome_when_the_caller_says_so(void **state)
{
	struct pl_socket_facts facts = good(PL_SOCKET_CONNECTION);

	(void)state;
	facts.has_received = true;
	assert_int_equal(pl_socket_judge(&facts, PL_SOCKET_CONNECTION, true), 0);
}

static void two_looks_agree_on_everything_a_latch_relies_on(void **state)
{
	struct pl_socket_facts a = good(PL_SOCKET_CONNECTION), b = a;

	(void)state;
	b.has_received = true;
	assert_true(pl_socket_is_same(&a, &b));
	b = a;
	b.cookie = 2;
	assert_false(pl_socket_is_same(&a, &b));
	b = a;
	b.tuple.remote_port = 1;
	assert_false(pl_socket_is_same(&a, &b));
	b = a;
	b.is_connected = false;
	assert_false(pl_socket_is_same(&a, &b));
	b = a;
	b.is_here = false;
	assert_false(pl_socket_is_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_defect_alone_has_its_name),
		cmocka_unit_test(a_port_must_be_bound_before),
		cmocka_unit_test(late_is_welcome_when_the_caller_says_so),
		cmocka_unit_test(two_looks_agree_on_everything_a_latch_relies_on),
	};

	return cmocka_run_group_tests_name("socket", tests, NULL, NULL);
}
