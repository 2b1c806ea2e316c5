/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The introspection file against the tables of the service, in both directions: members,
 * properties, and the keys that its comments promise. And the bus's policy: every member is named
 * there.
 */

#include "bus/pl_bus_member.h"
#include "bus/pl_bus_method.h"
#include "bus/pl_bus_xml.h"
#include "bus/pl_latch_key.h"
#include "bus/pl_request.h"
#include "bus/pl_subscriber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The value of an attribute of the tag at @tag. */
static const char *attribute(const char *tag, const char *name, char ret[64])
{
	const char *end = strchr(tag, '>'), *at;
	char wanted[80];

	ret[0] = '\0';
	snprintf(wanted, sizeof(wanted), " %s=\"", name);
	at = strstr(tag, wanted);
	if (at != NULL && at < end)
		sscanf(at + strlen(wanted), "%63[^\"]", ret);
	return ret;
}

/* A copy of the file without its comments. */
static char *bare_xml(void)
{
	char *copy = strdup(pl_bus_xml), *from, *to;

	assert_non_null(copy);
	while ((from = strstr(copy, "<!--")) != NULL) {
		to = strstr(from, "-->");
		assert_non_null(to);
		memmove(from, to + 3, strlen(to + 3) + 1);
	}
	return copy;
}

static void signatures_of(const char *method, char ret_in[64], char ret_out[64])
{
	const char *end = strstr(method, "</method>"), *at = method;
	char type[64], direction[64];

	ret_in[0] = ret_out[0] = '\0';
	while ((at = strstr(at + 1, "<arg ")) != NULL && at < end) {
		attribute(at, "type", type);
		strcat(strcmp(attribute(at, "direction", direction), "in") == 0 ? ret_in :
		       ret_out, type);
	}
}

static unsigned count_members(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; pl_member_at(i) != NULL; i++)
		nr += strcmp(pl_member_at(i)->interface, PL_BUS_INTERFACE) == 0;
	return nr;
}

static void members_of_file_and_service_are_the_same(void **state)
{
	char *xml = bare_xml(), name[64], in[64], out[64];
	const char *at = strstr(xml, "<interface ");
	unsigned nr = 0;

	(void)state;
	assert_non_null(at);
	assert_string_equal(attribute(at, "name", name), PL_BUS_INTERFACE);
	assert_null(strstr(at + 1, "<interface "));
	while ((at = strstr(at + 1, "<method ")) != NULL) {
		const struct pl_member *member;

		member = pl_member_find(PL_BUS_INTERFACE, attribute(at, "name", name));
		if (member == NULL)
			fail_msg("the service has no %s", name);
		signatures_of(at, in, out);
		assert_string_equal(member->in, in);
		assert_string_equal(member->out, out);
		nr++;
	}
	assert_int_equal(nr, count_members());
	free(xml);
}

static void signals_of_file_and_service_are_the_same(void **state)
{
	char *xml = bare_xml(), name[64], type[64];
	const char *at = xml;
	unsigned nr;

	(void)state;
	for (nr = 0; (at = strstr(at + 1, "<signal ")) != NULL; nr++) {
		const char *arg = strstr(at, "<arg ");

		assert_non_null(pl_signal_at(nr));
		assert_string_equal(pl_signal_at(nr)->name, attribute(at, "name", name));
		assert_non_null(arg);
		assert_string_equal(pl_signal_at(nr)->signature, attribute(arg, "type", type));
		arg = strstr(arg + 1, "<arg ");
		assert_true(arg == NULL || arg > strstr(at, "</signal>"));
	}
	assert_null(pl_signal_at(nr));
	free(xml);
}

static void properties_of_file_and_service_are_the_same(void **state)
{
	char *xml = bare_xml(), name[64], type[64];
	const char *at = xml;
	unsigned nr;

	(void)state;
	for (nr = 0; (at = strstr(at + 1, "<property ")) != NULL; nr++) {
		assert_non_null(pl_property_at(nr));
		assert_string_equal(pl_property_at(nr)->name, attribute(at, "name", name));
		assert_string_equal(pl_property_at(nr)->signature, attribute(at, "type", type));
		assert_string_equal(attribute(at, "access", type), "read");
	}
	assert_null(pl_property_at(nr));
	free(xml);
}

/* The next line of a comment that is indented by four and says a key and its type. */
static const char *next_key(const char *at, const char *end, char ret_key[64], char ret_type[64])
{
	while ((at = strchr(at, '\n')) != NULL && ++at < end) {
		if (strncmp(at, "    ", 4) == 0 && at[4] != ' ' &&
		    sscanf(at, " %63s %63s", ret_key, ret_type) == 2)
			return at;
	}
	return NULL;
}

static void the_keys_of_a_latch_are_those_of_the_file(void **state)
{
	const char *at = strstr(pl_bus_xml, "\n  LATCH, as Inquire");
	const char *end = strstr(at, "\n  PEER, as InquirePeer");
	char key[64], type[64];
	unsigned nr;

	(void)state;
	for (nr = 0; (at = next_key(at, end, key, type)) != NULL; nr++) {
		enum pl_key_type ours;
		const char *name = pl_latch_key(nr, &ours);

		assert_non_null(name);
		assert_string_equal(name, key);
		if (ours == PL_KEY_TEXTS)
			assert_string_equal(type, "as");
		else
			assert_int_equal(type[0], (int)ours);
	}
	assert_null(pl_latch_key(nr, &(enum pl_key_type) { 0 }));
	assert_true(nr > 25);
}

/* pluto proposes extended sequence numbers: readers compare this text. */
static void the_example_of_a_suite_is_one_as_the_service_writes_it(void **state)
{
	char text[PL_SUITE_TEXT_MAX], quoted[PL_SUITE_TEXT_MAX + 2];
	struct pl_suite suite;

	(void)state;
	assert_int_equal(pl_suite_make(PL_PROTO_ESP, "AES_GCM_16", 256, "", true, &suite), 0);
	snprintf(quoted, sizeof(quoted), "\"%s\"", pl_suite_text(&suite, text));
	assert_non_null(strstr(pl_bus_xml, quoted));
}

static void the_keys_of_a_request_are_those_of_the_file(void **state)
{
	const char *at = strstr(pl_bus_xml, "\n  REQUEST of Latch and Listen");
	const char *end = strstr(at, "\n  LATCH, as Inquire");
	const char *alone = strstr(at, "and of Latch alone");
	char key[64], type[64];
	unsigned nr, nr_listen = 0;

	(void)state;
	for (nr = 0; (at = next_key(at, end, key, type)) != NULL; nr++) {
		const char *ours, *name = pl_dict_key(PL_DICT_LATCH, nr, &ours);

		assert_non_null(name);
		assert_string_equal(name, key);
		assert_string_equal(ours, type);
		if (at > alone)
			continue;
		nr_listen++;
		name = pl_dict_key(PL_DICT_LISTEN, nr, &ours);
		assert_non_null(name);
		assert_string_equal(name, key);
		assert_string_equal(ours, type);
	}
	assert_null(pl_dict_key(PL_DICT_LATCH, nr, &(const char *) { NULL }));
	assert_null(pl_dict_key(PL_DICT_LISTEN, nr_listen, &(const char *) { NULL }));
	assert_true(nr > nr_listen && nr_listen > 0);
}

static void the_policy_of_the_bus_names_every_member(void **state)
{
	static char policy[16384];
	FILE *file = fopen("dbus/org.libreswan.Latch1.conf", "r");
	unsigned nr = 0, allowed = 0;

	(void)state;
	assert_non_null(file);
	policy[fread(policy, 1, sizeof(policy) - 1, file)] = '\0';
	fclose(file);
	for (unsigned i = 0; pl_member_at(i) != NULL; i++) {
		const struct pl_member *member = pl_member_at(i);
		char wanted[256];

		/* Nothing can be set. */
		if (strcmp(member->name, "Set") == 0)
			continue;
		nr++;
		snprintf(wanted, sizeof(wanted),
			 "<allow send_destination=\"org.libreswan.Latch1\"\n           "
			 "send_interface=\"%s\" send_member=\"%s\"/>", member->interface,
			 member->name);
		if (strstr(policy, wanted) == NULL)
			fail_msg("not allowed: %s", member->name);
	}
	for (const char *at = policy; (at = strstr(at + 1, "send_member=")) != NULL; )
		allowed++;
	/* Ping of libdbus, and that of subscribers */
	assert_int_equal(allowed, nr + 2);
	/* No rule for others than root is for more than this service. */
	for (const char *at = policy, *root = strstr(policy, "<policy user=\"root\">");
	     (at = strstr(at + 1, "<allow send")) != NULL; )
		assert_true((at > root && strstr(at, "send_member=\"Ping\"") != NULL) ||
			    strncmp(at, "<allow send_destination=\"org.libreswan.Latch1\"",
				    46) == 0);
}

static void members_are_found_by_name_with_or_without_interface(void **state)
{
	(void)state;
	assert_ptr_equal(pl_member_find(NULL, "List"), pl_member_find(PL_BUS_INTERFACE, "List"));
	assert_null(pl_member_find("org.example", "List"));
	assert_null(pl_member_find(PL_BUS_INTERFACE, "Get"));
	assert_null(pl_member_find(NULL, "list"));
	assert_null(pl_member_find(NULL, ""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_file_and_service_are_the_same),
		cmocka_unit_test(signals_of_file_and_service_are_the_same),
		cmocka_unit_test(properties_of_file_and_service_are_the_same),
		cmocka_unit_test(the_keys_of_a_latch_are_those_of_the_file),
		cmocka_unit_test(the_example_of_a_suite_is_one_as_the_service_writes_it),
		cmocka_unit_test(the_keys_of_a_request_are_those_of_the_file),
		cmocka_unit_test(the_policy_of_the_bus_names_every_member),
		cmocka_unit_test(members_are_found_by_name_with_or_without_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
