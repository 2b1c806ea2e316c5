/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Calls by chance, made of the introspection data: right ones, wrong ones, and of other shapes.
 * Each has an answer that the data promises, or an error with a name; and many clients at once.
 *
 * BUS_FUZZ_CALLS in the environment is how many calls, BUS_FUZZ_SEED where chance begins.
 */

#include "bus_stage.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { METHODS_MAX = 64, WORDS_MAX = 512, IN_FLIGHT = 64, DEPTH_MAX = 4 };

static struct {
	char *xml;
	struct method {
		char name[64], in[64], out[64];
	} methods[METHODS_MAX];
	unsigned nr_methods;
	struct word {
		char name[64], type[8];
	} words[WORDS_MAX];	/* keys that the comments tell, with their types */
	unsigned nr_words;
	uint64_t seed;
	unsigned nr_replies, nr_errors;
	uint64_t ids[64];	/* of latches that were made */
	unsigned nr_ids;
	int fds[4];
} fuzz;

/* The same everywhere, for the same seed. */
static uint32_t chance(uint32_t below)
{
	fuzz.seed = fuzz.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(fuzz.seed >> 33) % below;
}

/* The introspection data */

static void attribute(const char *tag, const char *name, char *ret, size_t size)
{
	const char *end = strchr(tag, '>'), *at;
	char wanted[80];
	size_t len;

	ret[0] = '\0';
	snprintf(wanted, sizeof(wanted), " %s=\"", name);
	at = strstr(tag, wanted);
	if (at == NULL || at > end)
		return;
	at += strlen(wanted);
	len = strcspn(at, "\"");
	snprintf(ret, size, "%.*s", (int)len, at);
}

static void read_method(const char *at)
{
	struct method *method = &fuzz.methods[fuzz.nr_methods++];
	const char *end = strstr(at, "</method>"), *arg = at;

	assert_true(fuzz.nr_methods <= METHODS_MAX);
	attribute(at, "name", method->name, sizeof(method->name));
	while ((arg = strstr(arg + 1, "<arg ")) != NULL && arg < end) {
		char type[32], direction[8];
		char *to;

		attribute(arg, "type", type, sizeof(type));
		attribute(arg, "direction", direction, sizeof(direction));
		to = strcmp(direction, "in") == 0 ? method->in : method->out;
		assert_true(strlen(to) + strlen(type) < sizeof(method->in));
		strcat(to, type);
	}
}

/* Lines of comments that are indented by four and begin with a key and its type; and options, which
 * stand in quotation marks before theirs. */
static void read_words(void)
{
	for (char *line = fuzz.xml; line != NULL && fuzz.nr_words < WORDS_MAX; ) {
		struct word *word = &fuzz.words[fuzz.nr_words];
		const char *quoted;

		if (strncmp(line, "    ", 4) == 0 && islower((unsigned char)line[4]) &&
		    sscanf(line, " %63[a-z_0-9] %7[a-z] ", word->name, word->type) == 2 &&
		    strlen(word->type) <= 2)
			fuzz.nr_words++;
		quoted = strchr(line, '"');
		word = &fuzz.words[fuzz.nr_words];
		if (quoted != NULL && fuzz.nr_words < WORDS_MAX &&
		    sscanf(quoted, "\"%63[a-z_]\" %1[bsqtu]", word->name, word->type) == 2)
			fuzz.nr_words++;
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	assert_true(fuzz.nr_words > 30);
}

static void read_interface(DBusConnection *client)
{
	DBusMessage *reply = ask(client, call_of(DBUS_INTERFACE_INTROSPECTABLE, "Introspect", ""));
	const char *text;

	assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	fuzz.xml = strdup(text);
	dbus_message_unref(reply);
	fuzz.nr_methods = fuzz.nr_words = 0;
	for (const char *at = fuzz.xml; (at = strstr(at + 1, "<method ")) != NULL; )
		read_method(at);
	assert_true(fuzz.nr_methods > 15);
	read_words();
}

/* Values */

static const char *some_text(void)
{
	static const char *const texts[] = {
		"", "tcp", "udp", "sctp", "127.0.0.1", "192.0.2.2", "2001:db8::1",
		"::ffff:192.0.2.2",
		"integrity", "confidentiality", "tunnel", "transport", "esp aes_gcm_16-256",
		"esp aes_gcm_16-256 esn", "in", "out", "reset", "wait", "broken", "established",
		"listener", "connection", "@b.test", "CN=b.test", "%any", "*", "session", "socket",
		"org.libreswan.Latch1.Manager", "Counts", "Version", "Features", "Generation",
		"\x01\x7f\n", "\xc2\x85\xe2\x80\xae", "%s%n%x", "00000000000000000000000000000000",
	};
	static char large[6000];

	switch (chance(12)) {
	case 0:
		memset(large, 'a' + (int)chance(26), sizeof(large) - 1);
		large[chance(sizeof(large))] = '\0';
		return large;
	case 1:
		return fuzz.words[chance(fuzz.nr_words)].name;
	default:
		return texts[chance(sizeof(texts) / sizeof(texts[0]))];
	}
}

static uint64_t some_number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 255, 256, 4000, 65535, 65536, INT32_MAX, UINT32_MAX, UINT64_MAX - 1,
		UINT64_MAX,
	};

	if (fuzz.nr_ids > 0 && chance(2) == 0)
		return fuzz.ids[chance(fuzz.nr_ids)];
	return numbers[chance(sizeof(numbers) / sizeof(numbers[0]))];
}

static void append_basic(DBusMessageIter *at, int type)
{
	DBusBasicValue value = { .u64 = some_number() };

	if (type == DBUS_TYPE_STRING)
		value.str = (char *)some_text();
	else if (type == DBUS_TYPE_OBJECT_PATH)
		value.str = (char *)"/org/libreswan/Latch1";
	else if (type == DBUS_TYPE_SIGNATURE)
		value.str = (char *)"a{sv}";
	else if (type == DBUS_TYPE_UNIX_FD)
		value.fd = fuzz.fds[chance(4)];
	else if (type == DBUS_TYPE_BOOLEAN)
		value.bool_val = chance(2);
	assert_true(dbus_message_iter_append_basic(at, type, &value));
}

static void append_any(DBusMessageIter *at, const char *type, unsigned depth);

static void some_type(char ret[64], unsigned depth)
{
	static const char basics[] = "ybnqiuxtdsogh";

	switch (depth >= DEPTH_MAX ? 9 : chance(10)) {
	case 0:
		strcpy(ret, "v");
		return;
	case 1:
		strcpy(ret, "a{sv}");
		return;
	case 2:
		strcpy(ret, "as");
		return;
	case 3:
		strcpy(ret, "(tsv)");
		return;
	case 4:
		strcpy(ret, "aay");
		return;
	default:
		snprintf(ret, 64, "%c", basics[chance(sizeof(basics) - 1)]);
	}
}

static void append_variant(DBusMessageIter *at, const char *type, unsigned depth)
{
	DBusMessageIter variant;

	assert_true(dbus_message_iter_open_container(at, DBUS_TYPE_VARIANT, type, &variant));
	append_any(&variant, type, depth + 1);
	assert_true(dbus_message_iter_close_container(at, &variant));
}

/* Mostly with keys that there are, and of their types. */
static void append_entry(DBusMessageIter *dict, unsigned depth)
{
	const struct word *word = &fuzz.words[chance(fuzz.nr_words)];
	const char *key = chance(10) == 0 ? some_text() : word->name;
	DBusMessageIter entry;
	char type[64];

	some_type(type, depth + 1);
	assert_true(dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
	assert_true(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
	append_variant(&entry, chance(5) == 0 ? type : word->type, depth + 1);
	assert_true(dbus_message_iter_close_container(dict, &entry));
}

static void append_array(DBusMessageIter *at, const char *element, unsigned depth)
{
	unsigned nr = chance(20) == 0 ? 40 : chance(4);
	DBusMessageIter array;

	assert_true(dbus_message_iter_open_container(at, DBUS_TYPE_ARRAY, element, &array));
	for (; nr > 0; nr--) {
		if (element[0] == '{')
			append_entry(&array, depth);
		else
			append_any(&array, element, depth + 1);
	}
	assert_true(dbus_message_iter_close_container(at, &array));
}

/* @type: one complete type, of those that some_type() and the interface have */
static void append_any(DBusMessageIter *at, const char *type, unsigned depth)
{
	DBusMessageIter inside;
	char other[64];

	switch (type[0]) {
	case 'v':
		some_type(other, depth + 1);
		append_variant(at, other, depth);
		return;
	case 'a':
		append_array(at, type + 1, depth);
		return;
	case '(':
		assert_true(dbus_message_iter_open_container(at, DBUS_TYPE_STRUCT, NULL, &inside));
		for (const char *part = type + 1; *part != ')'; part++)
			append_any(&inside, (char[]) { *part, '\0' }, depth + 1);
		assert_true(dbus_message_iter_close_container(at, &inside));
		return;
	default:
		append_basic(at, type[0]);
	}
}

static void append_signature(DBusMessageIter *at, const char *signature)
{
	DBusSignatureIter one;

	if (signature[0] == '\0')
		return;
	dbus_signature_iter_init(&one, signature);
	do {
		char *type = dbus_signature_iter_get_signature(&one);

		append_any(at, type, 0);
		dbus_free(type);
	} while (dbus_signature_iter_next(&one));
}

/* Calls */

static DBusMessage *some_call(const struct method **ret)
{
	const struct method *method = &fuzz.methods[chance(fuzz.nr_methods)];
	const char *member = method->name, *interface = MANAGER;
	DBusMessage *call;
	DBusMessageIter at;
	char other[64];

	*ret = method;
	if (chance(20) == 0) {
		static const char *const members[] = { "Get", "GetAll", "Set", "Introspect" };
		unsigned which = chance(4);

		*ret = NULL;
		member = members[which];
		interface = which == 3 ? DBUS_INTERFACE_INTROSPECTABLE : PROPERTIES;
	} else if (chance(50) == 0) {
		interface = chance(2) == 0 ? NULL : "org.example.None";
	}
	call = dbus_message_new_method_call("org.libreswan.Latch1", chance(100) == 0 ? "/" :
					    "/org/libreswan/Latch1", interface, member);
	assert_non_null(call);
	dbus_message_iter_init_append(call, &at);
	if (*ret == NULL)
		append_signature(&at, strcmp(member, "Get") == 0 ? "ss" :
				      strcmp(member, "GetAll") == 0 ? "s" :
				      strcmp(member, "Set") == 0 ? "ssv" : "");
	else if (chance(8) != 0)
		append_signature(&at, method->in);
	for (unsigned nr = chance(8) == 0 ? chance(4) : 0; nr > 0; nr--) {
		some_type(other, 0);
		append_any(&at, other, 0);
	}
	return call;
}

static void remember(uint64_t id)
{
	fuzz.ids[fuzz.nr_ids < 64 ? fuzz.nr_ids++ : chance(64)] = id;
}

static void look_at_return(const struct method *method, DBusMessage *reply)
{
	DBusMessageIter at;
	uint64_t id;
	int fd;

	fuzz.nr_replies++;
	if (method == NULL)
		return;
	if (!dbus_message_has_signature(reply, method->out))
		fail_msg("%s answers \"%s\", and not \"%s\"", method->name,
			 dbus_message_get_signature(reply), method->out);
	if (!dbus_message_iter_init(reply, &at))
		return;
	if (strcmp(method->name, "Latch") == 0) {
		dbus_message_iter_get_basic(&at, &id);
		remember(id);
	} else if (method->out[0] == 'h') {
		dbus_message_iter_get_basic(&at, &fd);
		close(fd);
	}
}

static bool is_name_of_error(const char *name)
{
	static const char *const standard[] = {
		DBUS_ERROR_UNKNOWN_METHOD, DBUS_ERROR_UNKNOWN_OBJECT, DBUS_ERROR_UNKNOWN_INTERFACE,
		DBUS_ERROR_UNKNOWN_PROPERTY, DBUS_ERROR_PROPERTY_READ_ONLY,
		DBUS_ERROR_ACCESS_DENIED,	/* of the bus: Set, and what nobody may send */
	};

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
		if (strcmp(standard[i], name) == 0)
			return true;
	}
	return strncmp(name, "org.libreswan.Latch1.Error.", 27) == 0 &&
	       strcmp(name, "org.libreswan.Latch1.Error.Failed") != 0;
}

/* Several are on their way at once; the answers are looked at in their order. */
static void play_round(DBusConnection *client, unsigned nr)
{
	const struct method *methods[IN_FLIGHT];
	DBusPendingCall *pending[IN_FLIGHT];

	for (unsigned i = 0; i < nr; i++) {
		DBusMessage *call = some_call(&methods[i]);

		assert_true(dbus_connection_send_with_reply(client, call, &pending[i],
							    DEADLINE_MS));
		assert_non_null(pending[i]);
		dbus_message_unref(call);
	}
	dbus_connection_flush(client);
	for (unsigned i = 0; i < nr; i++) {
		DBusMessage *reply;

		dbus_pending_call_block(pending[i]);
		reply = dbus_pending_call_steal_reply(pending[i]);
		dbus_pending_call_unref(pending[i]);
		assert_non_null(reply);
		if (error_of(reply)[0] == '\0') {
			look_at_return(methods[i], reply);
		} else {
			fuzz.nr_errors++;
			if (!is_name_of_error(error_of(reply)))
				fail_msg("%s is answered with %s", methods[i] == NULL ?
					 "a property" : methods[i]->name, error_of(reply));
		}
		dbus_message_unref(reply);
	}
	/* Signals, and pings of whoever subscribed. */
	while (dbus_connection_dispatch(client) == DBUS_DISPATCH_DATA_REMAINS) {
	}
}

static uint64_t number_of(const char *name, uint64_t initial)
{
	const char *text = getenv(name);

	return text == NULL || text[0] == '\0' ? initial : strtoull(text, NULL, 10);
}

static void any_call_has_its_answer_or_an_error_with_a_name(void **state)
{
	uint64_t left = number_of("BUS_FUZZ_CALLS", 5000);
	DBusConnection *client = client_new();
	int pair[2], session = -1;
	unsigned nr_fds;

	(void)state;
	fuzz.seed = number_of("BUS_FUZZ_SEED", (uint64_t)time(NULL));
	print_message("# BUS_FUZZ_SEED=%llu BUS_FUZZ_CALLS=%llu\n",
		      (unsigned long long)fuzz.seed, (unsigned long long)left);
	read_interface(client);
	tell("sa add 1 b.test 101");
	tcp_pair(pair);
	fuzz.fds[0] = pair[0];
	fuzz.fds[1] = pair[1];
	fuzz.fds[2] = udp_bound();
	fuzz.fds[3] = listener(AF_INET, false);
	nr_fds = count_daemon_fds();
	while (left > 0) {
		unsigned nr = left < IN_FLIGHT ? (unsigned)left : IN_FLIGHT;

		play_round(client, nr);
		left -= nr;
		if (chance(8) != 0)
			continue;
		/* The next one, and every other one has a session to latch in. */
		if (session >= 0)
			close(session);
		client_free(client);
		client = client_new();
		session = chance(2) == 0 ? open_session(client, chance(2)) : -1;
	}
	if (session >= 0)
		close(session);
	/* It took some, and refused some. */
	assert_true(fuzz.nr_replies > 100 && fuzz.nr_errors > 100);
	expect_done(client, call_new("Unsubscribe", ""));
	tell("compare");
	assert_string_equal(stage.line, "ok 0 0");
	client_free(client);
	for (unsigned i = 0; i < 4; i++)
		close(fuzz.fds[i]);
	client = client_new();
	/* Sessions end with their clients, of whom the bus tells in its order. */
	for (unsigned i = 0; i < 1000 && count_daemon_fds() > nr_fds; i++)
		assert_true(is_answered(client, call_new("Unsubscribe", ""), ""));
	assert_int_equal(count_daemon_fds(), nr_fds);
	client_free(client);
	free(fuzz.xml);
}

/* Many clients */

enum { CLIENTS = 1000 };

static void a_thousand_clients_at_once_are_all_answered(void **state)
{
	static DBusConnection *clients[CLIENTS];
	static DBusPendingCall *pending[CLIENTS];

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = client_new();
	for (unsigned i = 0; i < CLIENTS; i++) {
		DBusMessage *call = call_new("List", "dtu", NOTHING, UINT64_C(0), 0);

		assert_true(dbus_connection_send_with_reply(clients[i], call, &pending[i],
							    DEADLINE_MS));
		dbus_connection_flush(clients[i]);
		dbus_message_unref(call);
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		DBusMessage *reply;
		uint64_t next;

		dbus_pending_call_block(pending[i]);
		reply = dbus_pending_call_steal_reply(pending[i]);
		dbus_pending_call_unref(pending[i]);
		assert_non_null(reply);
		assert_int_equal(count_page(reply, &next), 0);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(clients[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_call_has_its_answer_or_an_error_with_a_name),
		TEST(a_thousand_clients_at_once_are_all_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
