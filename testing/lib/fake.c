/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the daemon must never do, a test needs it to do: answer with another signature, not at all,
 * hand out the wrong kind of socket, send records that are none, or leave in the middle of a call.
 */

#include "fake.h"

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fake_thread {
	pthread_t id;
	DBusConnection *bus;
	int session;
	int stop[2];
	bool is_gone;
};

static bool is_scripted(const char *script, const char *member)
{
	return script != NULL && strcmp(script, member) == 0;
}

unsigned fake_count(const struct fake *fake, const char *member)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake->nr_calls && i < FAKE_CALLS; i++)
		count += strcmp(fake->calls[i], member) == 0;
	return count;
}

static void note_socket(struct fake *fake, int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(fake->socket.local);
	struct stat status;

	memset(&fake->socket, 0, sizeof(fake->socket));
	(void)!getsockname(fd, (struct sockaddr *)&fake->socket.local, &len);
	len = sizeof(peer);
	fake->socket.is_connected = getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
	if (fstat(fd, &status) == 0)
		fake->socket.inode = status.st_ino;
	if (fake->on_latch != NULL)
		fake->on_latch(fake->ctx, fd);
	close(fd);
}

static void note_dict(struct fake *fake, DBusMessageIter *iter)
{
	struct latch_info *info;

	if (latch_info_from_dict(iter, &info) != 0)
		return;
	snprintf(fake->dict, sizeof(fake->dict), "%s", latch_info_json(info));
	latch_info_free(info);
}

static void note_call(struct fake *fake, DBusMessage *call)
{
	DBusMessageIter iter;
	DBusBasicValue value;

	snprintf(fake->calls[fake->nr_calls++ % FAKE_CALLS], sizeof(fake->calls[0]), "%s",
		 dbus_message_get_member(call));
	if (!dbus_message_iter_init(call, &iter))
		return;
	do {
		switch (dbus_message_iter_get_arg_type(&iter)) {
		case DBUS_TYPE_UNIX_FD:
			dbus_message_iter_get_basic(&iter, &value);
			note_socket(fake, value.fd);
			break;
		case DBUS_TYPE_ARRAY:
			note_dict(fake, &iter);
			break;
		case DBUS_TYPE_UINT64:
			dbus_message_iter_get_basic(&iter, &fake->number);
			break;
		case DBUS_TYPE_STRING:
			dbus_message_iter_get_basic(&iter, &value);
			snprintf(fake->reason, sizeof(fake->reason), "%s", value.str);
			break;
		}
	} while (dbus_message_iter_next(&iter));
}

static void add_pair(DBusMessageIter *dict, const char *key, const char *type, const void *value)
{
	DBusMessageIter pair, variant;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &pair);
	dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&pair, DBUS_TYPE_VARIANT, type, &variant);
	dbus_message_iter_append_basic(&variant, type[0], value);
	dbus_message_iter_close_container(&pair, &variant);
	dbus_message_iter_close_container(dict, &pair);
}

static void add_latch(struct fake *fake, DBusMessageIter *to, uint64_t id)
{
	DBusMessageIter dict;

	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", &dict);
	add_pair(&dict, "id", "t", &id);
	add_pair(&dict, "state", "s", &fake->state);
	add_pair(&dict, "generation", "t", &fake->generation);
	dbus_message_iter_close_container(to, &dict);
}

/* Three latches, two a page. */
static void add_page(struct fake *fake, DBusMessageIter *to, uint64_t cursor)
{
	const uint64_t next = cursor < 1 ? 2 : 0;
	DBusMessageIter page;

	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "a{sv}", &page);
	for (uint64_t id = cursor + 1; id <= 3 && id <= cursor + 2; id++)
		add_latch(fake, &page, id);
	dbus_message_iter_close_container(to, &page);
	dbus_message_iter_append_basic(to, DBUS_TYPE_UINT64, &next);
}

/* Also entries of another type, and some that no daemon has yet. */
static void add_peer(DBusMessageIter *to)
{
	const char *id = "@a", *auth = "signature", *text = "text";
	const uint8_t bytes[] = { 1, 0, 2 }, method = 14, *at = bytes;
	DBusMessageIter dict, pair, variant, array;
	const char *key = "certificate";

	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", &dict);
	add_pair(&dict, "of_tomorrow", "s", &text);
	add_pair(&dict, "id", "s", &id);
	add_pair(&dict, "auth", "s", &auth);
	add_pair(&dict, "auth_method", "y", &method);
	add_pair(&dict, "public_key", "s", &text);
	dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &pair);
	dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&pair, DBUS_TYPE_VARIANT, "ay", &variant);
	dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "y", &array);
	dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_BYTE, &at, sizeof(bytes));
	dbus_message_iter_close_container(&variant, &array);
	dbus_message_iter_close_container(&pair, &variant);
	dbus_message_iter_close_container(&dict, &pair);
	dbus_message_iter_close_container(to, &dict);
}

/* One has the longest name that fits, and one a longer one. */
/* Of the latches 1000, 1001, … a type of so many letters less 1000, and as many bytes of it. */
static void add_binding(const struct fake *fake, DBusMessageIter *to)
{
	char letters[256] = "ipsec-end-point-sha256";
	const char *name = letters;
	DBusMessageIter bytes;
	int len = 32;

	if (fake->number >= 1000 && fake->number < 1000 + sizeof(letters)) {
		len = (int)(fake->number - 1000);
		memset(letters, 'x', (size_t)len);
		letters[len] = '\0';
	}
	dbus_message_iter_append_basic(to, DBUS_TYPE_STRING, &name);
	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "y", &bytes);
	dbus_message_iter_append_fixed_array(&bytes, DBUS_TYPE_BYTE, &name, len);
	dbus_message_iter_close_container(to, &bytes);
}

static void add_stats(DBusMessageIter *to)
{
	static const char *const names[] = {
		"latches", "a-name-of-fifty-five-letters-that-ends-with-its-last-n.",
		"a-name-of-fifty-six-letters-that-ends-one-letter-late-x.", "calls",
	};
	DBusMessageIter dict, pair;

	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{st}", &dict);
	for (uint64_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint64_t number = i << 40;

		dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &pair);
		dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &names[i]);
		dbus_message_iter_append_basic(&pair, DBUS_TYPE_UINT64, &number);
		dbus_message_iter_close_container(&dict, &pair);
	}
	dbus_message_iter_close_container(to, &dict);
}

static void add_session(struct fake *fake, DBusMessageIter *to)
{
	char hello[128];
	int ends[2];

	if (fake->thread->session >= 0)
		close(fake->thread->session);
	if (socketpair(AF_UNIX, (fake->stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0,
		       ends) != 0)
		abort();
	fake->thread->session = ends[0];
	snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"version\":1,\"session\":1,"
		 "\"generation\":5,\"resume\":%u}", fake->resume_s);
	fake_say(fake, hello, strlen(hello));
	dbus_message_iter_append_basic(to, DBUS_TYPE_UNIX_FD, &ends[1]);
	close(ends[1]);
}

static void add_ids(struct fake *fake, DBusMessageIter *to)
{
	DBusMessageIter list;

	dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "t", &list);
	for (uint64_t id = 1; id <= fake->nr_ids; id++)
		dbus_message_iter_append_basic(&list, DBUS_TYPE_UINT64, &id);
	dbus_message_iter_close_container(to, &list);
}

static void fill(struct fake *fake, const char *member, DBusMessageIter *to)
{
	const dbus_uint32_t records = 3, flows = 2;
	const char *token = fake->token;
	const dbus_bool_t same = TRUE;
	const uint64_t id = 7;

	if (strcmp(member, "OpenSession") == 0 || strcmp(member, "ResumeSession") == 0) {
		add_session(fake, to);
		dbus_message_iter_append_basic(to, DBUS_TYPE_STRING, &token);
	} else if (strcmp(member, "Latch") == 0) {
		dbus_message_iter_append_basic(to, DBUS_TYPE_UINT64, &id);
		add_latch(fake, to, id);
	} else if (strcmp(member, "Listen") == 0) {
		add_ids(fake, to);
	} else if (strcmp(member, "Find") == 0) {
		dbus_message_iter_append_basic(to, DBUS_TYPE_UINT64, &id);
	} else if (strcmp(member, "Inquire") == 0) {
		add_latch(fake, to, fake->number);
	} else if (strcmp(member, "InquirePeer") == 0) {
		add_peer(to);
	} else if (strcmp(member, "GetChannelBinding") == 0) {
		add_binding(fake, to);
	} else if (strcmp(member, "SamePeer") == 0) {
		dbus_message_iter_append_basic(to, DBUS_TYPE_BOOLEAN, &same);
	} else if (strcmp(member, "List") == 0) {
		add_page(fake, to, fake->number);
	} else if (strcmp(member, "ForgetUnreadable") == 0) {
		dbus_message_iter_append_basic(to, DBUS_TYPE_UINT32, &records);
		dbus_message_iter_append_basic(to, DBUS_TYPE_UINT32, &flows);
	} else if (strcmp(member, "Stats") == 0) {
		add_stats(to);
	}
}

/* Return: NULL for no answer */
static DBusMessage *answer(struct fake *fake, DBusMessage *call)
{
	const char *member = dbus_message_get_member(call), *wrong = "wrong";
	DBusMessage *reply;
	DBusMessageIter iter;

	if (is_scripted(fake->mute, member))
		return NULL;
	if (is_scripted(fake->fail, member))
		return dbus_message_new_error(call, fake->error, "as the script says");
	if (fake->state == NULL && strcmp(member, "Inquire") == 0)
		return dbus_message_new_error(call, "org.libreswan.Latch1.Error.NotFound", "none");
	reply = dbus_message_new_method_return(call);
	dbus_message_iter_init_append(reply, &iter);
	if (is_scripted(fake->misshape, member))
		dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &wrong);
	else
		fill(fake, member, &iter);
	return reply;
}

static void say_all(struct fake *fake)
{
	for (unsigned i = 0; i < fake->nr_say; i++)
		fake_say(fake, fake->say[i], strlen(fake->say[i]));
	fake->nr_say = 0;
}

static void serve(struct fake *fake, DBusMessage *call)
{
	struct fake_thread *thread = fake->thread;
	const char *interface = dbus_message_get_interface(call);
	DBusMessage *reply;

	if (dbus_message_get_type(call) != DBUS_MESSAGE_TYPE_METHOD_CALL || interface == NULL)
		return;
	/* libdbus would, if this were a dispatch */
	if (strcmp(interface, DBUS_INTERFACE_PEER) == 0 && !is_scripted(fake->mute, "Ping")) {
		reply = dbus_message_new_method_return(call);
		dbus_connection_send(thread->bus, reply, NULL);
		dbus_connection_flush(thread->bus);
		dbus_message_unref(reply);
	}
	if (strcmp(interface, "org.libreswan.Latch1.Manager") != 0)
		return;
	note_call(fake, call);
	if (is_scripted(fake->vanish, dbus_message_get_member(call))) {
		close(thread->session);
		thread->session = -1;
		dbus_connection_close(thread->bus);
		thread->is_gone = true;
		return;
	}
	reply = answer(fake, call);
	if (reply == NULL)
		return;
	dbus_connection_send(thread->bus, reply, NULL);
	dbus_connection_flush(thread->bus);
	dbus_message_unref(reply);
	if (strcmp(dbus_message_get_member(call), "Inquire") == 0 ||
	    strcmp(dbus_message_get_member(call), "ResumeSession") == 0)
		say_all(fake);
}

static void *run(void *ctx)
{
	struct fake *fake = ctx;
	struct fake_thread *thread = fake->thread;
	DBusMessage *message;
	int bus;

	(void)!dbus_connection_get_unix_fd(thread->bus, &bus);
	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = thread->is_gone ? -1 : bus, .events = POLLIN },
			{ .fd = thread->stop[0], .events = POLLIN },
		};

		if (poll(fds, 2, -1) > 0 && fds[1].revents != 0)
			return NULL;
		dbus_connection_read_write(thread->bus, 0);
		while (!thread->is_gone &&
		       (message = dbus_connection_pop_message(thread->bus)) != NULL) {
			serve(fake, message);
			dbus_message_unref(message);
		}
	}
}

struct fake *fake_start(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	struct fake_thread *thread = calloc(1, sizeof(*thread));
	const char *address = getenv("LATCH_TEST_BUS");

	assert_non_null(fake);
	assert_non_null(thread);
	assert_non_null(address);
	*fake = (struct fake) {
		.state = "established", .generation = 5, .nr_ids = 1, .thread = thread,
		.token = "0123456789abcdef0123456789abcdef",
	};
	thread->session = -1;
	assert_int_equal(pipe(thread->stop), 0);
	thread->bus = dbus_connection_open_private(address, NULL);
	assert_non_null(thread->bus);
	dbus_connection_set_exit_on_disconnect(thread->bus, FALSE);
	assert_true(dbus_bus_register(thread->bus, NULL));
	assert_int_equal(dbus_bus_request_name(thread->bus, "org.libreswan.Latch1",
					       DBUS_NAME_FLAG_DO_NOT_QUEUE, NULL),
			 DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	assert_int_equal(pthread_create(&thread->id, NULL, run, fake), 0);
	return fake;
}

struct fake *fake_stop(struct fake *fake)
{
	struct fake_thread *thread;

	if (fake == NULL)
		return NULL;
	thread = fake->thread;
	assert_int_equal(write(thread->stop[1], "", 1), 1);
	pthread_join(thread->id, NULL);
	if (thread->session >= 0)
		close(thread->session);
	close(thread->stop[0]);
	close(thread->stop[1]);
	if (!thread->is_gone)
		dbus_connection_close(thread->bus);
	dbus_connection_unref(thread->bus);
	free(thread);
	free(fake);
	return NULL;
}

void fake_say(struct fake *fake, const char *text, size_t len)
{
	if (send(fake->thread->session, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		abort();
}

void fake_hang_up(struct fake *fake)
{
	close(fake->thread->session);
	fake->thread->session = -1;
}
