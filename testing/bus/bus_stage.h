/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef BUS_STAGE_H
#define BUS_STAGE_H

#include <dbus/dbus.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#define MANAGER "org.libreswan.Latch1.Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* Nothing here takes as long, unless it never happens. */
enum { DEADLINE_MS = 20000 };

/**
 * struct stage - a bus, and the service on it; both are processes of ours
 * @address: of the bus
 */
struct stage {
	char address[256];
	pid_t bus, daemon;
	int to_daemon, from_daemon;
	char line[4096];		/* the daemon's last answer */
	char pending[4096];	/* read and not looked at */
};

extern struct stage stage;

/* cmocka fixtures: bus and service with default limits; teardown asserts that both lived, and that
 * the service ends without a leak */
int setup(void **state);
int teardown(void **state);

/* one process at a time */
void start_bus(void);
void stop_bus(void);
void start_daemon(const char *limit);
void stop_daemon(void);
void wait_ready(void);

/* SIGKILL, and another one in its place */
void replace_daemon(void);

/* one command of pl_test_daemon, which must be obeyed; its answer is stage.line */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* descriptors that the service has open */
unsigned count_daemon_fds(void);

/* a connection of its own to the bus */
DBusConnection *client_new(void);
void client_free(DBusConnection *client);

/* Entries of an "a{sv}"; E_END is last. */
struct entry {
	const char *key;
	int type;
	const char *text;
	uint64_t number;
};
#define E_S(key, value) { key, DBUS_TYPE_STRING, value, 0 }
#define E_Q(key, value) { key, DBUS_TYPE_UINT16, NULL, value }
#define E_U(key, value) { key, DBUS_TYPE_UINT32, NULL, value }
#define E_T(key, value) { key, DBUS_TYPE_UINT64, NULL, value }
#define E_B(key, value) { key, DBUS_TYPE_BOOLEAN, NULL, value }
/* words with commas between */
#define E_AS(key, value) { key, DBUS_TYPE_ARRAY, value, 0 }
#define E_END { NULL, 0, NULL, 0 }
#define NOTHING ((const struct entry[]) { E_END })

/* a call of the manager; the parts are appended by letters: h int, d const struct entry *,
 * t uint64_t, u uint32_t, s const char *, v const char * as a variant */
DBusMessage *call_new(const char *member, const char *parts, ...);
DBusMessage *call_of(const char *interface, const char *member, const char *parts, ...);

/* send, wait, and let go of the call; the reply is the caller's */
DBusMessage *ask(DBusConnection *client, DBusMessage *call);

/* the same, when the answer is known */
void expect_error(DBusConnection *client, DBusMessage *call, const char *name);
void expect_done(DBusConnection *client, DBusMessage *call);

/* the full name of its error, or "" of a method return */
const char *error_of(DBusMessage *reply);

/* a session of this client; the caller closes it */
int open_session(DBusConnection *client, bool is_watch);

/* the next record, by the deadline; NULL at the end of the session */
json_t *record(int session);

/* the next record that is there already; NULL if none is */
json_t *record_now(int session);

/* records until one of this type, which is returned */
json_t *record_of_type(int session, const char *type);

/* a connected pair over loopback, from 127.0.0.1 to 127.0.0.2, which the service takes for
 * 192.0.2.1 and 192.0.2.2 */
void tcp_pair(int ret[2]);

/* Latch that succeeds */
uint64_t latch_fd(DBusConnection *client, int fd);

/* an entry of the "a{sv}" that is argument @at of a reply, as text; "" when it is not there */
const char *entry_of(DBusMessage *reply, unsigned at, const char *key);

/* Inquire that succeeds, and entry_of() it */
const char *inquire(DBusConnection *client, uint64_t id, const char *key);

/* An established latch of a client with a session, for most tests. */
struct scene {
	DBusConnection *client;
	int session;
	int pair[2];
	uint64_t id;
};

struct scene play(void);
void end(struct scene *scene);

/* of UDP, at 127.0.0.1 */
int udp_bound(void);

/* of TCP: at 127.0.0.2, or of IPv6 at every address */
int listener(int family, bool is_v6_only);

/* Listen that succeeds; how many ids */
unsigned listen_on(DBusConnection *client, int fd, uint64_t ret[2]);

/* how many latches are in a reply of List, which is let go; its cursor goes to @ret_next */
unsigned count_page(DBusMessage *reply, uint64_t *ret_next);

/* List from *@cursor on; how many latches */
unsigned list(DBusConnection *client, const struct entry *filter, uint64_t *cursor,
	      uint32_t limit);

/* the call is answered with this error, or with "" for none; asserts nothing */
bool is_answered(DBusConnection *client, DBusMessage *call, const char *name);

/* run in a process of another user, who has a connection of his own; asserts that it returns true.
 * It must not assert itself: its process would go on with the tests. */
void as_nobody(bool (*act)(DBusConnection *client));

/* ends the test with a line "skip NAME REASON" when we are not root */
#define NEEDS_ROOT(name) \
	do { \
		if (geteuid() != 0) { \
			print_message("skip %s needs root, to be two users\n", name); \
			return; \
		} \
	} while (0)

#endif
