/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_MEMBER_H
#define PL_BUS_MEMBER_H

#include "bus/pl_request.h"

#include <bsd/sys/queue.h>

struct DBusMessage;
struct pl_bus;
struct pl_call;
struct pl_caller_id;

#define PL_BUS_INTERFACE "org.libreswan.Latch1.Manager"

/**
 * typedef pl_member_run - carry out a call
 * @bus:   the bus
 * @who:   who asks
 * @call:  its arguments; .report may be written, and .larva, if the answer is to come later
 * @reply: to which the results are appended
 *
 * Return: 0; enum pl_error or a negative errno, and the reply is thrown away
 */
typedef int pl_member_run(struct pl_bus *bus, const struct pl_caller_id *who,
			  struct pl_call *call, struct DBusMessage *reply);

/**
 * struct pl_member - one method
 * @interface: its
 * @name:      its
 * @in:        signature of the arguments
 * @out:       signature of the reply
 * @dict:      what the "a{sv}" of @in may hold
 * @run:       carries it out
 */
struct pl_member {
	const char *interface;
	const char *name;
	const char *in;
	const char *out;
	enum pl_dict dict;
	pl_member_run *run;
};

#define PL_CALL_REPORT_MAX 640

/**
 * struct pl_call - one call, without the message that brought it
 * @next:     in a list
 * @member:   what is called
 * @sender:   unique name
 * @serial:   of the message
 * @is_quiet: no reply is wanted
 * @error:    found before anybody was asked; 0 is none
 * @dbus_error: a standard D-Bus error instead of ours, or NULL
 * @request:  arguments
 * @larva:    the latch that the answer waits for, or 0
 * @report:   for the error's text; empty is none
 * @made:     latches that this call made; given back unless the caller is told of them
 * @nr_made:  how many
 */
struct pl_call {
	TAILQ_ENTRY(pl_call) next;
	const struct pl_member *member;
	char *sender;
	uint32_t serial;
	bool is_quiet;
	int error;
	const char *dbus_error;
	struct pl_request request;
	uint64_t larva;
	char report[PL_CALL_REPORT_MAX];
	uint64_t made[2];
	unsigned nr_made;
};

TAILQ_HEAD(pl_call_list, pl_call);

/**
 * pl_member_at() - walk the table of members
 * @at: from 0
 *
 * Return: NULL behind the last one
 */
const struct pl_member *pl_member_at(unsigned at);

/**
 * pl_member_find() - look up a method
 * @interface: NULL is any
 * @name:      its
 *
 * Return: NULL if there is none
 */
const struct pl_member *pl_member_find(const char *interface, const char *name);

/**
 * pl_call_new() - take a call out of its message
 * @message: a method call of a client
 * @member:  what it calls
 * @limits:  in force
 *
 * Return: NULL without memory; a call with .error when its arguments cannot be taken
 */
struct pl_call *pl_call_new(struct DBusMessage *message, const struct pl_member *member,
			    const struct pl_limits *limits) PL_MUST_USE;

/**
 * pl_call_free() - with its descriptor
 * @call: NULL is fine
 *
 * Return: NULL
 */
struct pl_call *pl_call_free(struct pl_call *call);

/**
 * pl_call_finish() - carry out, close the descriptor, answer, or wait for what to answer
 * @bus:  the bus
 * @who:  who asks; NULL only with @call->error
 * @call: freed, or put into the bus's list of waiting calls
 */
void pl_call_finish(struct pl_bus *bus, const struct pl_caller_id *who, struct pl_call *call);

/**
 * pl_call_give_back() - the caller was not told what his call made: release it
 * @bus:  the bus
 * @call: freed
 *
 * The flows stay guarded until their sockets are gone: bytes may be on their way.
 */
void pl_call_give_back(struct pl_bus *bus, struct pl_call *call);

/**
 * pl_call_settle() - answer whoever waits for this latch
 * @bus:   the bus
 * @alert: what became of it
 *
 * The answer leaves after the record of the session.
 */
void pl_call_settle(struct pl_bus *bus, const struct pl_alert *alert);

#endif
