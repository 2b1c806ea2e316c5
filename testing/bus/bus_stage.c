/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A bus, the service on it, and clients that wait for answers with a deadline. */

#include "bus_stage.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct stage stage;

enum { NOBODY = 65534 };

static const char *env(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		fail_msg("%s is not set: start this with testing/bus/run", name);
	return value;
}

/* Processes */

static pid_t start(const char *const *argv, int in, int out)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (out >= 0 && dup2(out, STDOUT_FILENO) < 0))
		_exit(127);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static bool is_readable(int fd)
{
	struct pollfd at = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&at, 1, DEADLINE_MS);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

void start_bus(void)
{
	char config[300];
	const char *argv[] = { "dbus-daemon", config, "--nofork", "--nosyslog",
			       "--print-address=1", NULL };
	char line[256];
	int out[2];

	snprintf(stage.address, sizeof(stage.address), "unix:path=%s/bus", env("BUS_DIR"));
	snprintf(config, sizeof(config), "--config-file=%s/bus.conf", env("BUS_DIR"));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	stage.bus = start(argv, -1, out[1]);
	close(out[1]);
	/* It says so when it listens. */
	assert_true(is_readable(out[0]));
	assert_true(read(out[0], line, sizeof(line)) > 0);
	close(out[0]);
}

static void stop(pid_t *pid, int signo, bool is_clean)
{
	int status;

	if (*pid == 0)
		return;
	if (signo != 0)
		kill(*pid, signo);
	assert_int_equal(waitpid(*pid, &status, 0), *pid);
	*pid = 0;
	if (is_clean)
		assert_int_equal(status, 0);
}

void stop_bus(void)
{
	stop(&stage.bus, SIGKILL, false);
}

/* The next line of the daemon, into stage.line */
static void read_line(void)
{
	char *end;

	while ((end = strchr(stage.pending, '\n')) == NULL) {
		size_t len = strlen(stage.pending);
		ssize_t n;

		assert_true(is_readable(stage.from_daemon));
		n = read(stage.from_daemon, stage.pending + len, sizeof(stage.pending) - 1 - len);
		assert_true(n > 0);
		stage.pending[len + (size_t)n] = '\0';
	}
	*end = '\0';
	snprintf(stage.line, sizeof(stage.line), "%s", stage.pending);
	memmove(stage.pending, end + 1, strlen(end + 1) + 1);
}

void start_daemon(const char *limit)
{
	const char *argv[] = { env("BUS_DAEMON"), stage.address, limit, NULL };
	int in[2], out[2];

	/* A service that died is a failure of its test, and not the end of all. */
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	stage.pending[0] = '\0';
	stage.daemon = start(argv, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	stage.to_daemon = in[1];
	stage.from_daemon = out[0];
}

void replace_daemon(void)
{
	assert_int_equal(kill(stage.daemon, SIGKILL), 0);
	assert_int_equal(waitpid(stage.daemon, NULL, 0), stage.daemon);
	close(stage.to_daemon);
	close(stage.from_daemon);
	start_daemon(NULL);
	wait_ready();
}

void wait_ready(void)
{
	read_line();
	assert_string_equal(stage.line, "ready");
}

void tell(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	strcat(text, "\n");
	assert_int_equal(write(stage.to_daemon, text, strlen(text)), (ssize_t)strlen(text));
	read_line();
	/* Of a daemon that found its bus meanwhile. */
	if (strcmp(stage.line, "ready") == 0)
		read_line();
	if (strncmp(stage.line, "ok", 2) != 0)
		fail_msg("\"%s\" is answered with \"%s\"", text, stage.line);
}

void stop_daemon(void)
{
	if (stage.daemon == 0)
		return;
	tell("quit");
	stop(&stage.daemon, 0, true);
	close(stage.to_daemon);
	close(stage.from_daemon);
}

unsigned count_daemon_fds(void)
{
	char path[64];
	struct dirent *at;
	unsigned nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)stage.daemon);
	dir = opendir(path);
	assert_non_null(dir);
	while ((at = readdir(dir)) != NULL)
		nr += at->d_name[0] != '.';
	closedir(dir);
	return nr;
}

int setup(void **state)
{
	(void)state;
	start_bus();
	start_daemon(NULL);
	wait_ready();
	return 0;
}

int teardown(void **state)
{
	(void)state;
	stop_daemon();
	stop_bus();
	return 0;
}

/* Clients */

DBusConnection *client_new(void)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *client = dbus_connection_open_private(stage.address, &error);

	assert_non_null(client);
	dbus_connection_set_exit_on_disconnect(client, FALSE);
	assert_true(dbus_bus_register(client, &error));
	return client;
}

void client_free(DBusConnection *client)
{
	dbus_connection_close(client);
	dbus_connection_unref(client);
}

static void append_words(DBusMessageIter *variant, const char *words)
{
	DBusMessageIter array;
	char copy[256], *at = copy, *word;

	dbus_message_iter_open_container(variant, DBUS_TYPE_ARRAY, "s", &array);
	snprintf(copy, sizeof(copy), "%s", words);
	while (words[0] != '\0' && (word = strsep(&at, ",")) != NULL)
		dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &word);
	dbus_message_iter_close_container(variant, &array);
}

static void append_entry(DBusMessageIter *dict, const struct entry *entry)
{
	const char signature[] = { (char)entry->type, '\0' };
	DBusMessageIter at, variant;
	dbus_bool_t as_bool = entry->number != 0;
	uint16_t as_u16 = (uint16_t)entry->number;
	uint32_t as_u32 = (uint32_t)entry->number;
	const void *value = entry->type == DBUS_TYPE_STRING ? (const void *)&entry->text :
			    entry->type == DBUS_TYPE_BOOLEAN ? (const void *)&as_bool :
			    entry->type == DBUS_TYPE_UINT16 ? (const void *)&as_u16 :
			    entry->type == DBUS_TYPE_UINT32 ? (const void *)&as_u32 :
			    (const void *)&entry->number;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &at);
	dbus_message_iter_append_basic(&at, DBUS_TYPE_STRING, &entry->key);
	dbus_message_iter_open_container(&at, DBUS_TYPE_VARIANT, entry->type == DBUS_TYPE_ARRAY ?
					 "as" : signature, &variant);
	if (entry->type == DBUS_TYPE_ARRAY)
		append_words(&variant, entry->text);
	else
		dbus_message_iter_append_basic(&variant, entry->type, value);
	dbus_message_iter_close_container(&at, &variant);
	dbus_message_iter_close_container(dict, &at);
}

static void append_dict(DBusMessageIter *at, const struct entry *entries)
{
	DBusMessageIter dict;

	dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (; entries->key != NULL; entries++)
		append_entry(&dict, entries);
	dbus_message_iter_close_container(at, &dict);
}

static void append_part(DBusMessageIter *at, char part, va_list *args)
{
	DBusMessageIter variant;
	const char *text;
	uint64_t number;
	uint32_t small;
	int fd;

	switch (part) {
	case 'h':
		fd = va_arg(*args, int);
		dbus_message_iter_append_basic(at, DBUS_TYPE_UNIX_FD, &fd);
		break;
	case 'd':
		append_dict(at, va_arg(*args, const struct entry *));
		break;
	case 't':
		number = va_arg(*args, uint64_t);
		dbus_message_iter_append_basic(at, DBUS_TYPE_UINT64, &number);
		break;
	case 'u':
		small = va_arg(*args, uint32_t);
		dbus_message_iter_append_basic(at, DBUS_TYPE_UINT32, &small);
		break;
	case 's':
		text = va_arg(*args, const char *);
		dbus_message_iter_append_basic(at, DBUS_TYPE_STRING, &text);
		break;
	case 'v':
		text = va_arg(*args, const char *);
		dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, "s", &variant);
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &text);
		dbus_message_iter_close_container(at, &variant);
		break;
	default:
		fail_msg("no such part: %c", part);
	}
}

static DBusMessage *make(const char *interface, const char *member, const char *parts,
			 va_list *args)
{
	DBusMessage *call = dbus_message_new_method_call("org.libreswan.Latch1",
							 "/org/libreswan/Latch1", interface,
							 member);
	DBusMessageIter at;

	assert_non_null(call);
	dbus_message_iter_init_append(call, &at);
	for (; *parts != '\0'; parts++)
		append_part(&at, *parts, args);
	return call;
}

DBusMessage *call_new(const char *member, const char *parts, ...)
{
	DBusMessage *call;
	va_list args;

	va_start(args, parts);
	call = make(MANAGER, member, parts, &args);
	va_end(args);
	return call;
}

DBusMessage *call_of(const char *interface, const char *member, const char *parts, ...)
{
	DBusMessage *call;
	va_list args;

	va_start(args, parts);
	call = make(interface, member, parts, &args);
	va_end(args);
	return call;
}

DBusMessage *ask(DBusConnection *client, DBusMessage *call)
{
	DBusPendingCall *pending;
	DBusMessage *reply;

	assert_true(dbus_connection_send_with_reply(client, call, &pending, DEADLINE_MS));
	assert_non_null(pending);
	dbus_connection_flush(client);
	dbus_message_unref(call);
	dbus_pending_call_block(pending);
	reply = dbus_pending_call_steal_reply(pending);
	dbus_pending_call_unref(pending);
	assert_non_null(reply);
	assert_string_not_equal(error_of(reply), DBUS_ERROR_NO_REPLY);
	return reply;
}

const char *error_of(DBusMessage *reply)
{
	const char *name = dbus_message_get_error_name(reply);

	return name == NULL ? "" : name;
}

void expect_error(DBusConnection *client, DBusMessage *call, const char *name)
{
	DBusMessage *reply = ask(client, call);
	char full[128];

	snprintf(full, sizeof(full), "%s%s", strchr(name, '.') != NULL ? "" :
		 "org.libreswan.Latch1.Error.", name);
	assert_string_equal(error_of(reply), full);
	dbus_message_unref(reply);
}

bool is_answered(DBusConnection *client, DBusMessage *call, const char *name)
{
	DBusMessage *reply = ask(client, call);
	const char *full = error_of(reply), *dot = strrchr(full, '.');
	bool is_it = strcmp(dot == NULL ? full : dot + 1, name) == 0;

	dbus_message_unref(reply);
	return is_it;
}

void expect_done(DBusConnection *client, DBusMessage *call)
{
	DBusMessage *reply = ask(client, call);

	assert_string_equal(error_of(reply), "");
	dbus_message_unref(reply);
}

/* Sessions */

int open_session(DBusConnection *client, bool is_watch)
{
	const struct entry options[] = { E_B("watch", is_watch), E_END };
	DBusMessage *reply = ask(client, call_new("OpenSession", "d",
						  is_watch ? options : NOTHING));
	json_t *hello;
	int fd;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(reply);
	hello = record_now(fd);
	assert_non_null(hello);
	assert_string_equal(json_string_value(json_object_get(hello, "type")), "hello");
	assert_int_equal(json_integer_value(json_object_get(hello, "version")), 1);
	assert_true(json_integer_value(json_object_get(hello, "session")) > 0);
	json_decref(hello);
	return fd;
}

/* Return: NULL when nothing is there, or nothing will ever be */
static json_t *receive(int session)
{
	static char text[65536];
	ssize_t n = recv(session, text, sizeof(text), MSG_DONTWAIT);
	json_t *json;

	if (n <= 0)
		return NULL;
	json = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (json == NULL)
		fail_msg("not JSON: %.*s", (int)n, text);
	return json;
}

json_t *record_now(int session)
{
	return receive(session);
}

json_t *record(int session)
{
	assert_true(is_readable(session));
	return receive(session);
}

json_t *record_of_type(int session, const char *type)
{
	for (;;) {
		json_t *json = record(session);

		if (json == NULL)
			return NULL;
		if (strcmp(json_string_value(json_object_get(json, "type")), type) == 0)
			return json;
		json_decref(json);
	}
}

/* Sockets and latches */

void tcp_pair(int ret[2])
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	socklen_t len = sizeof(to);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&to, &len), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(ret[0], (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(ret[0], (struct sockaddr *)&to, sizeof(to)), 0);
	ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[1] >= 0);
	close(listener);
}

uint64_t latch_fd(DBusConnection *client, int fd)
{
	DBusMessage *reply = ask(client, call_new("Latch", "hd", fd, NOTHING));
	DBusMessageIter at;
	uint64_t id;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_has_signature(reply, "ta{sv}"));
	dbus_message_iter_init(reply, &at);
	dbus_message_iter_get_basic(&at, &id);
	dbus_message_unref(reply);
	return id;
}

static void text_of(DBusMessageIter *value, char *ret, size_t size)
{
	DBusMessageIter at;
	DBusBasicValue basic;

	switch (dbus_message_iter_get_arg_type(value)) {
	case DBUS_TYPE_ARRAY:
		ret[0] = '\0';
		dbus_message_iter_recurse(value, &at);
		for (; dbus_message_iter_get_arg_type(&at) == DBUS_TYPE_STRING;
		     dbus_message_iter_next(&at)) {
			dbus_message_iter_get_basic(&at, &basic);
			snprintf(ret + strlen(ret), size - strlen(ret), "%s%s",
				 ret[0] == '\0' ? "" : ",", basic.str);
		}
		return;
	case DBUS_TYPE_STRING:
		dbus_message_iter_get_basic(value, &basic);
		snprintf(ret, size, "%s", basic.str);
		return;
	case DBUS_TYPE_UINT16:
		dbus_message_iter_get_basic(value, &basic);
		snprintf(ret, size, "%u", basic.u16);
		return;
	case DBUS_TYPE_BOOLEAN:
		dbus_message_iter_get_basic(value, &basic);
		snprintf(ret, size, "%s", basic.bool_val ? "true" : "false");
		return;
	case DBUS_TYPE_UINT32:
		dbus_message_iter_get_basic(value, &basic);
		snprintf(ret, size, "%u", basic.u32);
		return;
	default:
		dbus_message_iter_get_basic(value, &basic);
		snprintf(ret, size, "%llu", (unsigned long long)basic.u64);
	}
}

const char *entry_of(DBusMessage *reply, unsigned nth, const char *key)
{
	static char text[2048];
	DBusMessageIter at, dict, entry, variant;
	const char *name;

	text[0] = '\0';
	assert_true(dbus_message_iter_init(reply, &at));
	while (nth-- > 0)
		assert_true(dbus_message_iter_next(&at));
	dbus_message_iter_recurse(&at, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
	     dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &name);
		dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &variant);
		if (strcmp(name, key) == 0)
			text_of(&variant, text, sizeof(text));
	}
	return text;
}

const char *inquire(DBusConnection *client, uint64_t id, const char *key)
{
	DBusMessage *reply = ask(client, call_new("Inquire", "t", id));
	const char *text;

	assert_string_equal(error_of(reply), "");
	text = entry_of(reply, 0, key);
	dbus_message_unref(reply);
	return text;
}

struct scene play(void)
{
	struct scene scene = { .client = client_new() };

	scene.session = open_session(scene.client, false);
	tell("sa add 1 b.test 101");
	tcp_pair(scene.pair);
	scene.id = latch_fd(scene.client, scene.pair[0]);
	return scene;
}

void end(struct scene *scene)
{
	close(scene->session);
	close(scene->pair[0]);
	close(scene->pair[1]);
	client_free(scene->client);
}

int udp_bound(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

int listener(int family, bool is_v6_only)
{
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = is_v6_only;

	if (family == AF_INET6) {
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)), 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&at6, sizeof(at6)), 0);
	} else {
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	}
	return fd;
}

unsigned listen_on(DBusConnection *client, int fd, uint64_t ret[2])
{
	DBusMessage *reply = ask(client, call_new("Listen", "hd", fd, NOTHING));
	const uint64_t *ids;
	int nr;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_UINT64, &ids,
					  &nr, DBUS_TYPE_INVALID));
	memcpy(ret, ids, (size_t)nr * sizeof(*ids));
	dbus_message_unref(reply);
	return (unsigned)nr;
}

unsigned count_page(DBusMessage *reply, uint64_t *ret_next)
{
	DBusMessageIter at, latches;
	unsigned nr = 0;

	assert_string_equal(error_of(reply), "");
	assert_true(dbus_message_has_signature(reply, "aa{sv}t"));
	dbus_message_iter_init(reply, &at);
	dbus_message_iter_recurse(&at, &latches);
	while (dbus_message_iter_get_arg_type(&latches) == DBUS_TYPE_ARRAY) {
		nr++;
		dbus_message_iter_next(&latches);
	}
	dbus_message_iter_next(&at);
	dbus_message_iter_get_basic(&at, ret_next);
	dbus_message_unref(reply);
	return nr;
}

unsigned list(DBusConnection *client, const struct entry *filter, uint64_t *cursor,
		     uint32_t limit)
{
	return count_page(ask(client, call_new("List", "dtu", filter, *cursor, limit)), cursor);
}

void as_nobody(bool (*act)(DBusConnection *client))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		DBusConnection *client;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(99);
		client = dbus_connection_open_private(stage.address, NULL);
		if (client == NULL || !dbus_bus_register(client, NULL))
			_exit(98);
		_exit(act(client) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
