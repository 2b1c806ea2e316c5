/* SPDX-License-Identifier: GPL-2.0-or-later */

/* conf-sample: a latch.conf with every key of the loader's table, commented out, to be installed.
 * For tests: conf-sample --keys prints the table, one key per line, with tabs; conf-sample --check
 * says whether the daemon would take what comes in.
 */

#include "core/pl_conf.h"

#include <stdio.h>
#include <string.h>

static void print_keys(void)
{
	struct pl_conf_key key;

	for (unsigned i = 0; pl_conf_key(i, &key); i++)
		printf("%s\t%s\t%s\t%s\t%s\n", key.section, key.name, key.values, key.initial,
		       key.done[0] == '\0' ? "-" : key.done);
}

static void print_sample(void)
{
	const char *section = "";
	struct pl_conf_key key;

	puts("# latch.conf: what the administrator of this host says about latched connections.\n"
	     "#\n"
	     "# Every key, with the value that holds without it. To say something, copy the line\n"
	     "# of its section and its own, without the #, to /etc/latch.conf. See latch.conf(5).");
	for (unsigned i = 0; pl_conf_key(i, &key); i++) {
		if (strcmp(section, key.section) != 0)
			printf("\n#[%s]\n", key.section);
		section = key.section;
		printf("\n# %s\n# %s", key.sentence, key.values);
		if (key.done[0] != '\0')
			printf("; not carried out yet, other than %s", key.done);
		printf("\n#%s = %s\n", key.name, key.initial);
	}
}

static int check(void)
{
	static char text[65536];
	size_t len = fread(text, 1, sizeof(text), stdin);
	struct pl_conf_error err;
	struct pl_conf conf;

	if (pl_conf_load(text, len, &conf, &err) != 0) {
		printf("%u: [%s] %s: %s\n", err.line, err.section, err.key, err.text);
		return 1;
	}
	pl_conf_clear(&conf);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--check") == 0)
		return check();
	if (argc == 2 && strcmp(argv[1], "--keys") == 0)
		print_keys();
	else
		print_sample();
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
