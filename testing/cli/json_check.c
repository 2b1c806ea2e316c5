/* SPDX-License-Identifier: GPL-2.0-or-later */

/* json-check PATH=VALUE...: one JSON value on standard input has these values at these paths
 * ("0.peer_id", "#" for the number of members), each written as compact JSON. With --lines, each
 * line is a value and the paths begin with its number. What is not ASCII fails.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *step(const json_t *value, const char *name)
{
	if (json_is_array(value))
		return json_array_get(value, (size_t)atoi(name));
	return json_object_get(value, name);
}

/* Return: 0 when @claim holds */
static int check(const json_t *root, const char *claim)
{
	char *path = strdup(claim), *want = strchr(path, '='), *next = path, *got;
	const json_t *value = root;
	char number[32];
	int bad;

	*want++ = '\0';
	number[0] = '\0';
	while (next != NULL && *next != '\0') {
		const char *name = strsep(&next, ".");

		if (strcmp(name, "#") == 0)
			snprintf(number, sizeof(number), "%zu", json_is_array(value) ?
				 json_array_size(value) : json_object_size(value));
		else
			value = step(value, name);
	}
	got = number[0] != '\0' ? strdup(number) :
	      json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	bad = strcmp(got == NULL ? "nothing" : got, want) != 0;
	if (bad)
		fprintf(stderr, "%s is %s, not %s\n", path, got == NULL ? "nothing" : got, want);
	free(got);
	free(path);
	return bad;
}

static json_t *load(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	if (value == NULL) {
		fprintf(stderr, "no JSON: %s: %s\n", error.text, text);
		exit(1);
	}
	return value;
}

int main(int argc, char **argv)
{
	static char input[1 << 20];
	size_t len = fread(input, 1, sizeof(input) - 1, stdin);
	int first = 1, bad = 0;
	json_t *root;

	for (size_t i = 0; i < len; i++) {
		if ((input[i] < ' ' || input[i] > '~') && input[i] != '\n') {
			fprintf(stderr, "byte %02x\n", (unsigned char)input[i]);
			return 1;
		}
	}
	if (argc > 1 && strcmp(argv[1], "--lines") == 0) {
		char *next = input;

		root = json_array();
		while (*next != '\0')
			json_array_append_new(root, load(strsep(&next, "\n")));
		first = 2;
	} else {
		root = load(input);
	}
	for (int i = first; i < argc; i++)
		bad |= check(root, argv[i]);
	json_decref(root);
	return bad;
}
