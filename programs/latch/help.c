/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Usage and help, in words and as a table for programs: all of it printed from the tables. */

#include "cli.h"

#include <stdio.h>
#include <string.h>

static void print_option(const struct cli_option *option)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s%s%s", option->name, option->optional ? "[" : "",
		 option->value != NULL ? "=" : "",
		 option->value != NULL ? option->value : "",
		 option->optional ? "]" : "");
	printf("  %-27s %s\n", left, option->help);
}

static void print_options(unsigned commands)
{
	for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
		if ((option->commands & commands) != 0)
			print_option(option);
	}
}

static void print_usage(const struct cli *cli, const struct cli_command *command)
{
	printf("%s %s [OPTIONS]%s%s", cli->name, command->name, *command->args != '\0' ? " " : "",
	       command->args);
}

static void help_of_all(const struct cli *cli)
{
	printf("Usage: %s COMMAND [OPTIONS] [ARGUMENTS]\n\n"
	       "Connections that keep their IPsec peer and their protection, or stop.\n"
	       "\nCommands:\n", cli->name);
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", command->name, command->args);
		if (strlen(left) <= 27)
			printf("  %-27s %s\n", left, command->help);
		else
			printf("  %s\n  %-27s %s\n", left, "", command->help);
	}
	printf("\nOptions (\"%s help COMMAND\": which a command takes):\n", cli->name);
	print_options(CLI_ALL);
}

void cli_help_of(const struct cli *cli, const struct cli_command *command)
{
	if (command == NULL) {
		help_of_all(cli);
	} else {
		printf("Usage: ");
		print_usage(cli, command);
		printf("\n\n%c%s.\n", command->help[0] & ~0x20, command->help + 1);
		if (command->more != NULL)
			printf("%s", command->more);
		printf("\nOptions:\n");
		print_options(command->bit);
	}
	printf("\nExit codes:\n");
	for (const struct cli_exit_info *info = cli_exits; info->text != NULL; info++)
		printf("  %2d  %s\n", info->code, info->text);
}

/* One word for what it is, one for its name; the test of the manual pages reads it. */
static void print_table(void)
{
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		printf("command %s %s\n", command->name, command->args);
		for (int i = 0; cli_options[i].name != NULL; i++) {
			if ((cli_options[i].commands & command->bit) != 0)
				printf("takes %s --%s\n", command->name, cli_options[i].name);
		}
	}
	for (const struct cli_option *option = cli_options; option->name != NULL; option++)
		printf("option --%s %s\n", option->name,
		       option->value != NULL ? option->value : "");
	for (const struct cli_exit_info *info = cli_exits; info->text != NULL; info++)
		printf("exit %d %s\n", info->code, info->text);
}

int cli_help(struct cli *cli, int argc, char **argv)
{
	const struct cli_command *command = NULL;

	if (cli->completion && cli->table)
		return cli_usage(cli, "--completion and --table do not go together");
	if (argc > 0 && (cli->completion || cli->table))
		return cli_usage(cli, "too many arguments");
	if (argc > 0) {
		command = cli_command_of(argv[0]);
		if (command == NULL)
			return cli_usage(cli, "there is no command \"%s\"", argv[0]);
	}
	if (cli->completion)
		cli_completion();
	else if (cli->table)
		print_table();
	else
		cli_help_of(cli, command);
	return CLI_OK;
}

int cli_version(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("%s %s\n", cli->name, CLI_VERSION);
	return CLI_OK;
}
