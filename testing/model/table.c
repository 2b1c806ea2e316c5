/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Prints the daemon's own state table (core/pl_fsm.c, linked in) as Promela, so that the model and
 * the code cannot have two tables: states, events and effects get their numbers and names from the
 * enums, and each step is what pl_fsm_step() answers.
 */

#include "core/pl_fsm.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

static void define(const char *prefix, const char *name, unsigned value)
{
	printf("#define %s_", prefix);
	for (; *name != '\0'; name++)
		putchar(*name == '-' ? '_' : toupper((unsigned char)*name));
	printf(" %u\n", value);
}

static void array(const char *type, const char *name, bool is_effects)
{
	printf("hidden %s %s[%d] = {", type, name, PL_STATE_ROOF * PL_EVENT_ROOF);
	for (int i = 0; i < PL_STATE_ROOF * PL_EVENT_ROOF; i++) {
		struct pl_step step;
		unsigned value = 0;

		if (pl_fsm_step((enum pl_state)(i / PL_EVENT_ROOF),
				(enum pl_event)(i % PL_EVENT_ROOF), &step) == 0)
			value = is_effects ? step.effects : (unsigned)step.next;
		printf("%s%s%u", i == 0 ? "" : ",", i % PL_EVENT_ROOF == 0 ? "\n\t" : " ", value);
	}
	printf("\n};\n");
}

int main(void)
{
	printf("/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
	       "/* Made from core/pl_fsm.c by testing/model/table.c. */\n\n");
	for (int s = 0; s < PL_STATE_ROOF; s++)
		define("S", pl_state_name((enum pl_state)s), (unsigned)s);
	for (int e = 0; e < PL_EVENT_ROOF; e++)
		define("E", pl_event_name((enum pl_event)e), (unsigned)e);
	for (unsigned bit = 1; bit < PL_DO_ROOF; bit <<= 1)
		define("DO", pl_effect_name((enum pl_effect)bit), bit);
	define("S", "roof", PL_STATE_ROOF);
	define("E", "roof", PL_EVENT_ROOF);
	array("byte", "next_of", false);
	array("short", "effects_of", true);
	return fflush(stdout) == 0 ? 0 : 1;
}
