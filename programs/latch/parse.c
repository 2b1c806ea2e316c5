/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The command line: options anywhere before "--", the command first among the rest. Not
 * getopt_long(), which drops the place of the "--" that COMMAND begins at.
 */

#include "cli.h"

#include <string.h>

static const struct cli_option *option_of(const char *name, size_t len)
{
	for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
		if (strlen(option->name) == len && strncmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

/* One option; *@at is its place in @argv, and then that of the last word it took. */
static enum cli_exit parse_option(struct cli *cli, int argc, char **argv, int *at)
{
	const char *name = argv[*at] + 2, *value = strchr(name, '=');
	size_t len = value == NULL ? strlen(name) : (size_t)(value - name);
	const struct cli_option *option = option_of(name, len);

	if (option == NULL)
		return cli_usage(cli, "there is no option --%.*s", (int)len, name);
	if (value != NULL)
		value++;
	if (option->value == NULL && value != NULL)
		return cli_usage(cli, "--%s takes no value", option->name);
	if (option->value != NULL && !option->optional && value == NULL) {
		if (*at + 1 >= argc)
			return cli_usage(cli, "--%s needs %s", option->name, option->value);
		value = argv[++*at];
	}
	if (!option->set(cli, value))
		return cli_usage(cli, "--%s: %s expected, not \"%s\"", option->name,
				 option->value, value == NULL ? "" : value);
	cli->given |= UINT64_C(1) << (option - cli_options);
	return CLI_OK;
}

static enum cli_exit check_options(const struct cli *cli)
{
	for (int i = 0; cli_options[i].name != NULL; i++) {
		if ((cli->given & UINT64_C(1) << i) != 0 &&
		    (cli_options[i].commands & cli->command->bit) == 0)
			return cli_usage(cli, "%s has no option --%s", cli->command->name,
					 cli_options[i].name);
	}
	return CLI_OK;
}

static enum cli_exit check_args(const struct cli *cli, int argc)
{
	const struct cli_command *command = cli->command;

	if (argc < command->min_args)
		return cli_usage(cli, "%s needs %s", command->name, command->args);
	if (command->max_args >= 0 && argc > command->max_args)
		return cli_usage(cli, "%s: too many arguments", command->name);
	if (cli->run != NULL && !command->runs)
		return cli_usage(cli, "%s runs no command", command->name);
	if (cli->run != NULL && cli->run[0] == NULL)
		return cli_usage(cli, "%s: no command after --", command->name);
	return CLI_OK;
}

enum cli_exit cli_parse(struct cli *cli, int argc, char **argv, int *ret_argc, char ***ret_argv)
{
	int nr = 0;

	for (int at = 1; at < argc; at++) {
		enum cli_exit code = CLI_OK;

		if (strcmp(argv[at], "--") == 0) {
			cli->run = argv + at + 1;
			break;
		}
		if (strcmp(argv[at], "-h") == 0) {
			cli->help = true;
		} else if (strcmp(argv[at], "--version") == 0) {
			cli->command = cli_command_of("version");
		} else if (strncmp(argv[at], "--", 2) == 0) {
			code = parse_option(cli, argc, argv, &at);
		} else if (argv[at][0] == '-' && argv[at][1] != '\0') {
			code = cli_usage(cli, "there is no option %s", argv[at]);
		} else if (cli->command == NULL) {
			cli->command = cli_command_of(argv[at]);
			if (cli->command == NULL)
				code = cli_usage(cli, "there is no command \"%s\"", argv[at]);
		} else {
			argv[nr++] = argv[at];
		}
		if (code != CLI_OK)
			return code;
	}
	if (cli->command == NULL && !cli->help)
		return cli_usage(cli, "a command is missing");
	*ret_argc = nr;
	*ret_argv = argv;
	if (cli->help)
		return CLI_OK;
	if (check_options(cli) != CLI_OK)
		return CLI_USAGE;
	return check_args(cli, nr);
}
