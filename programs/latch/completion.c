/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The completion script for bash, for latchctl alone: the name `ipsec` belongs to a script of
 * bash-completion. Its tables are written from ours when it is built; ids come from the service
 * when somebody asks for them.
 */

#include "cli.h"

#include <stdio.h>

static void print_words(const char *variable, unsigned bit)
{
	printf("\t\t%s='", variable);
	for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
		const char *end = option->value != NULL && !option->optional ? "=" : "";

		if ((option->commands & bit) != 0)
			printf("--%s%s ", option->name, end);
		/* Both forms: alone, and ready for a value. */
		if ((option->commands & bit) != 0 && option->optional)
			printf("--%s= ", option->name);
	}
	printf("'\n");
}

static const char *function_of(enum cli_complete complete)
{
	switch (complete) {
	case CLI_COMPLETE_ID:
		return "((args == 0)) && words=$(__latchctl_ids)";
	case CLI_COMPLETE_IDS:
		return "words=$(__latchctl_ids)";
	case CLI_COMPLETE_HOST:
		return "((args == 0)) && words=$(compgen -A hostname -- \"$cur\")";
	case CLI_COMPLETE_COMMAND:
		return "((args == 0)) && words=$commands";
	case CLI_COMPLETE_FILE:
		return "((args == 0)) && words=$(compgen -f -- \"$cur\")";
	case CLI_COMPLETE_NONE:
		break;
	}
	return ":";
}

static void print_commands(void)
{
	printf("\tlocal commands='");
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++)
		printf("%s ", command->name);
	printf("'\n\tcase $command in\n\t'')\n\t\twords=$commands options='--help --version'\n"
	       "\t\t;;\n");
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		printf("\t%s)\n\t\t%s\n", command->name, function_of(command->complete));
		print_words("options", command->bit);
		printf("\t\t;;\n");
	}
	printf("\tesac\n");
}

static void print_values(void)
{
	printf("\tcase $option in\n");
	for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
		if (option->words != NULL)
			printf("\t--%s) words='%s' ;;\n", option->name, option->words);
	}
	printf("\tesac\n");
}

/* Options whose value may stand apart, as a pattern. */
static void print_valued(void)
{
	const char *bar = "";

	for (const struct cli_option *option = cli_options; option->name != NULL; option++) {
		if (option->value != NULL && !option->optional) {
			printf("%s--%s", bar, option->name);
			bar = " | ";
		}
	}
}

void cli_completion(void)
{
	printf("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "#\n"
	       "# bash completion for latchctl, written by `latchctl help --completion`\n"
	       "\n"
	       "__latchctl_ids() {\n"
	       "\tlocal id rest\n"
	       "\tlatchctl list --no-legend 2>/dev/null | while read -r id rest; do\n"
	       "\t\techo \"$id\"\n"
	       "\tdone\n"
	       "}\n"
	       "\n"
	       "_latchctl() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} command='' option='' words='' options=''\n"
	       "\tlocal i word args=0\n"
	       "\tCOMPREPLY=()\n"
	       "\t# bash makes \"=\" a word of its own: --name = value.\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tword=${COMP_WORDS[i]}\n"
	       "\t\tcase $word in\n"
	       "\t\t--) return ;;\n"
	       "\t\t=) option=${COMP_WORDS[i - 1]} ;;\n"
	       "\t\t");
	print_valued();
	printf(") option=$word ;;\n"
	       "\t\t-*) option='' ;;\n"
	       "\t\t*)\n"
	       "\t\t\tif [[ -n $option ]]; then\n"
	       "\t\t\t\toption=''\n"
	       "\t\t\telif [[ -z $command ]]; then\n"
	       "\t\t\t\tcommand=$word\n"
	       "\t\t\telse\n"
	       "\t\t\t\t((args++))\n"
	       "\t\t\tfi\n"
	       "\t\t\t;;\n"
	       "\t\tesac\n"
	       "\tdone\n"
	       "\t[[ $cur == = ]] && option=${COMP_WORDS[COMP_CWORD - 1]} cur=''\n"
	       "\tif [[ -n $option ]]; then\n");
	print_values();
	printf("\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t\treturn\n"
	       "\tfi\n");
	print_commands();
	printf("\t[[ $cur == -* ]] && words=$options\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
	       "}\n"
	       "complete -F _latchctl latchctl\n");
}
