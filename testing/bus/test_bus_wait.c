/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Latch when SAs have to be set up first: the answer comes later, or a latch that is larval. */

#include "bus_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct waiter {
	DBusConnection *client;
	int session;
	int pair[2];
	DBusPendingCall *pending;
};

static DBusPendingCall *send(DBusConnection *client, DBusMessage *call)
{
	DBusPendingCall *pending = NULL;

	assert_true(dbus_connection_send_with_reply(client, call, &pending, DEADLINE_MS));
	assert_non_null(pending);
	dbus_message_unref(call);
	dbus_connection_flush(client);
	return pending;
}

static DBusMessage *answer(DBusPendingCall *pending)
{
	DBusMessage *reply;

	dbus_pending_call_block(pending);
	reply = dbus_pending_call_steal_reply(pending);
	dbus_pending_call_unref(pending);
	assert_non_null(reply);
	return reply;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What pluto was asked for last, and what nobody wants any more. */
static void look(uint64_t *ret_ticket, uint64_t *ret_cancelled)
{
	unsigned long long ticket, cancelled;

	tell("asked");
	assert_int_equal(sscanf(stage.line, "ok %llu %llu", &ticket, &cancelled), 2);
	*ret_ticket = ticket;
	*ret_cancelled = cancelled;
}

static uint64_t asked(void)
{
	uint64_t ticket = 0, cancelled, end = now_ms() + DEADLINE_MS;

	while (ticket == 0 && now_ms() < end)
		look(&ticket, &cancelled);
	assert_int_not_equal(ticket, 0);
	return ticket;
}

static void assert_cancelled(uint64_t ticket)
{
	uint64_t last, cancelled = 0, end = now_ms() + DEADLINE_MS;

	while (cancelled != ticket && now_ms() < end)
		look(&last, &cancelled);
	assert_int_equal(cancelled, ticket);
}

static struct waiter wait_for(const struct entry *request, uint64_t *ret_ticket)
{
	struct waiter waiter = { .client = client_new() };

	waiter.session = open_session(waiter.client, false);
	tcp_pair(waiter.pair);
	tell("ike yes");
	waiter.pending = send(waiter.client, call_new("Latch", "hd", waiter.pair[0], request));
	*ret_ticket = asked();
	return waiter;
}

static void leave(struct waiter *waiter)
{
	close(waiter->pair[0]);
	close(waiter->pair[1]);
	close(waiter->session);
	client_free(waiter->client);
}

static void the_answer_comes_when_the_SA_is_up_K25_T15(void **state)
{
	uint64_t ticket;
	struct waiter waiter = wait_for(NOTHING, &ticket);
	DBusMessage *reply;
	json_t *alert;
	char id[32];

	(void)state;
	assert_string_equal(inquire(waiter.client, ticket, "state"), "larval");
	assert_false(dbus_pending_call_get_completed(waiter.pending));
	tell("sa add 1 b.test 16384");
	reply = answer(waiter.pending);
	assert_string_equal(error_of(reply), "");
	snprintf(id, sizeof(id), "%llu", (unsigned long long)ticket);
	assert_string_equal(entry_of(reply, 1, "id"), id);
	assert_string_equal(entry_of(reply, 1, "state"), "established");
	assert_string_equal(entry_of(reply, 1, "peer_id"), "b.test");
	dbus_message_unref(reply);
	alert = record_of_type(waiter.session, "alert");
	assert_string_equal(json_string_value(json_object_get(alert, "event")), "completed");
	assert_string_equal(json_string_value(json_object_get(alert, "from")), "larval");
	assert_null(json_object_get(alert, "error"));
	json_decref(alert);
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	leave(&waiter);
}

static void what_the_peer_says_is_in_the_error_K26(void **state)
{
	uint64_t ticket;
	struct waiter waiter = wait_for(NOTHING, &ticket);
	DBusMessage *reply;
	const char *text;

	(void)state;
	tell("initiated NoSa TS_UNACCEPTABLE");
	reply = answer(waiter.pending);
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text,
					  DBUS_TYPE_INVALID));
	assert_non_null(strstr(text, "TS_UNACCEPTABLE"));
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.NoSa");
	dbus_message_unref(reply);
	expect_error(waiter.client, call_new("Inquire", "t", ticket), "NotFound");
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	leave(&waiter);
}

static void a_wait_has_an_end_and_leaves_no_latch_K26(void **state)
{
	static const struct entry request[] = { E_U("wait", 50), E_END };
	uint64_t ticket;
	struct waiter waiter = wait_for(request, &ticket);
	DBusMessage *reply = answer(waiter.pending);
	const char *text;

	(void)state;
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.Timeout");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text,
					  DBUS_TYPE_INVALID));
	assert_string_equal(text, "There was no answer in time.");
	dbus_message_unref(reply);
	expect_error(waiter.client, call_new("Inquire", "t", ticket), "NotFound");
	assert_cancelled(ticket);
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	leave(&waiter);
}

static void who_does_not_wait_gets_a_larval_latch_and_records(void **state)
{
	static const struct entry request[] = { E_U("wait", 0), E_END };
	uint64_t ticket;
	struct waiter waiter = wait_for(request, &ticket);
	DBusMessage *reply = answer(waiter.pending);
	json_t *alert;

	(void)state;
	assert_string_equal(error_of(reply), "");
	assert_string_equal(entry_of(reply, 1, "state"), "larval");
	dbus_message_unref(reply);
	tell("initiated AuthenticationFailed AUTHENTICATION_FAILED");
	alert = record_of_type(waiter.session, "alert");
	assert_string_equal(json_string_value(json_object_get(alert, "event")), "failed");
	assert_string_equal(json_string_value(json_object_get(alert, "to")), "closed");
	assert_string_equal(json_string_value(json_object_get(alert, "error")),
			    "AuthenticationFailed");
	assert_string_equal(json_string_value(json_object_get(alert, "reason")),
			    "AUTHENTICATION_FAILED");
	json_decref(alert);
	leave(&waiter);
}

static void a_latch_that_somebody_ends_meanwhile_is_Closed(void **state)
{
	uint64_t ticket;
	struct waiter waiter = wait_for(NOTHING, &ticket);
	DBusMessage *reply;

	(void)state;
	expect_done(waiter.client, call_new("Release", "t", ticket));
	reply = answer(waiter.pending);
	assert_string_equal(error_of(reply), "org.libreswan.Latch1.Error.Closed");
	dbus_message_unref(reply);
	leave(&waiter);
}

static void too_long_a_wait_is_refused(void **state)
{
	static const struct entry request[] = { E_U("wait", 24001), E_END };
	static const struct entry wrong[] = { E_Q("wait", 1), E_END };
	DBusConnection *client = client_new();
	int session = open_session(client, false), pair[2];

	(void)state;
	tcp_pair(pair);
	expect_error(client, call_new("Latch", "hd", pair[0], request), "LimitExceeded");
	expect_error(client, call_new("Latch", "hd", pair[0], wrong), "Malformed");
	expect_error(client, call_new("Listen", "hd", pair[0], request), "Unsupported");
	close(pair[0]);
	close(pair[1]);
	close(session);
	client_free(client);
}

/* Who asked is gone: the latch waits on for its socket's sake, and ends as any other. */
static void a_caller_that_leaves_leaves_nothing_behind(void **state)
{
	static const struct entry request[] = { E_U("wait", 200), E_END };
	DBusConnection *other = client_new();
	uint64_t ticket;
	struct waiter waiter = wait_for(request, &ticket);
	int session;

	(void)state;
	dbus_pending_call_cancel(waiter.pending);
	dbus_pending_call_unref(waiter.pending);
	session = open_session(other, true);
	leave(&waiter);
	for (json_t *change; (change = record_of_type(session, "change")) != NULL; ) {
		bool is_last = strcmp(json_string_value(json_object_get(change, "event")),
				      "failed") == 0;

		json_decref(change);
		if (is_last)
			break;
	}
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	close(session);
	client_free(other);
}

static void a_bus_that_goes_takes_the_waiting_with_it(void **state)
{
	uint64_t ticket;
	struct waiter waiter = wait_for(NOTHING, &ticket);

	(void)state;
	stop_bus();
	assert_cancelled(ticket);
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	dbus_pending_call_cancel(waiter.pending);
	dbus_pending_call_unref(waiter.pending);
	leave(&waiter);
	start_bus();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(the_answer_comes_when_the_SA_is_up_K25_T15),
		TEST(what_the_peer_says_is_in_the_error_K26),
		TEST(a_wait_has_an_end_and_leaves_no_latch_K26),
		TEST(who_does_not_wait_gets_a_larval_latch_and_records),
		TEST(a_latch_that_somebody_ends_meanwhile_is_Closed),
		TEST(too_long_a_wait_is_refused),
		TEST(a_caller_that_leaves_leaves_nothing_behind),
		TEST(a_bus_that_goes_takes_the_waiting_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
