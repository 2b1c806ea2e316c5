/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SUBSCRIBER_H
#define PL_SUBSCRIBER_H

#include "core/pl_engine.h"
#include "core/pl_ops.h"

struct event_base;
struct pl_bus;
struct pl_subscribers;

/* The signals of the introspection file. */
enum pl_signal_kind {
	PL_SIGNAL_CHANGED,
	PL_SIGNAL_LOST,
	PL_SIGNAL_SUMMARY,
	PL_SIGNAL_ROOF,
};

/**
 * struct pl_signal - one signal of the manager
 * @name:      its
 * @signature: of its arguments
 */
struct pl_signal {
	const char *name;
	const char *signature;
};

/**
 * pl_signal_at() - walk the table of signals
 * @at: from 0
 *
 * Return: NULL behind the last one
 */
const struct pl_signal *pl_signal_at(unsigned at);

/**
 * pl_subscribers_new() - nobody yet
 * @bus: borrowed; its sessions are there
 *
 * Return: NULL without memory
 */
struct pl_subscribers *pl_subscribers_new(struct pl_bus *bus) PL_MUST_USE;

/**
 * pl_subscribers_free() - forget everybody
 * @all: NULL is fine
 *
 * Return: NULL
 */
struct pl_subscribers *pl_subscribers_free(struct pl_subscribers *all);

/**
 * pl_subscribers_attach() - signals can be sent from now on
 * @all:  the subscribers
 * @base: borrowed
 *
 * Return: 0 or -ENOMEM
 */
int pl_subscribers_attach(struct pl_subscribers *all, struct event_base *base) PL_MUST_USE;

/**
 * pl_subscribers_clear() - the bus is gone, and all names with it
 * @all: the subscribers
 */
void pl_subscribers_clear(struct pl_subscribers *all);

/**
 * pl_subscribe() - tell this name from now on
 * @all:    the subscribers
 * @name:   unique name; one that subscribes already goes on, with what it asks for now
 * @uid:    whose latches; counted
 * @is_all: those of everybody
 *
 * Return: 0; PL_E_LIMIT_EXCEEDED; -ENOMEM
 */
int pl_subscribe(struct pl_subscribers *all, const char *name, uint32_t uid,
		 bool is_all) PL_MUST_USE;

/**
 * pl_unsubscribe() - tell it no more
 * @all:  the subscribers
 * @name: any; one whose ping has no answer stays counted until it answers or is gone
 */
void pl_unsubscribe(struct pl_subscribers *all, const char *name);

/**
 * pl_subscriber_gone() - a name left the bus
 * @all:  the subscribers
 * @name: any
 */
void pl_subscriber_gone(struct pl_subscribers *all, const char *name);

/**
 * pl_subscribers_watch() - struct pl_owner_ops watch
 * @all:   the subscribers
 * @alert: what
 */
void pl_subscribers_watch(struct pl_subscribers *all, const struct pl_alert *alert);

#endif
