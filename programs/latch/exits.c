/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From an error of the library to the exit code of the process: the only place.
 *
 * Invariant: every error has its row, and "not protected" (4) is the answer for everything that
 * keeps a flow from being protected as it was asked for, whatever the cause; so a script that
 * tests for 0 alone never takes such a flow for a protected one. (Who says --prefer has said that
 * it need not be: see create.c.)
 */

#include "cli.h"

const struct cli_exit_info cli_exits[] = {
	{ CLI_OK, "done" },
	{ CLI_ERROR, "something failed, as standard error says" },
	{ CLI_USAGE, "the command line makes no sense" },
	{ CLI_TIMEOUT, "there was no answer, or no service, in time" },
	{ CLI_NOT_PROTECTED, "the flow is not protected, or not as it was asked for" },
	{ CLI_BROKEN, "the latch is broken or closed" },
	{ CLI_NOT_AUTHORIZED, "the caller, or the policy of this host, may not do this" },
	{ CLI_NO_SERVICE, "the service is not running, or cannot protect flows now" },
	{ CLI_NOT_FOUND, "there is no such latch, or its peer has no such thing" },
	{ CLI_OK, NULL },
};

static const unsigned char table[] = {
	[-LATCH_ERR_SYSTEM] = CLI_ERROR,
	[-LATCH_ERR_SERVICE] = CLI_NO_SERVICE,
	[-LATCH_ERR_ARGUMENT] = CLI_USAGE,
	[-LATCH_ERR_MALFORMED] = CLI_ERROR,
	[-LATCH_ERR_TOO_MANY] = CLI_ERROR,
	[-LATCH_ERR_UNSUPPORTED] = CLI_ERROR,
	[-LATCH_ERR_NO_SPACE] = CLI_ERROR,
	[-LATCH_ERR_NOT_FOUND] = CLI_NOT_FOUND,
	[-LATCH_ERR_ALREADY_LATCHED] = CLI_ERROR,
	[-LATCH_ERR_CONFLICT] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_WRONG_STATE] = CLI_ERROR,
	[-LATCH_ERR_BROKEN] = CLI_BROKEN,
	[-LATCH_ERR_CLOSED] = CLI_BROKEN,
	[-LATCH_ERR_NOT_CONNECTED] = CLI_ERROR,
	[-LATCH_ERR_NOT_INTERNET] = CLI_ERROR,
	[-LATCH_ERR_ALREADY_USED] = CLI_ERROR,
	[-LATCH_ERR_SOCKET_CHANGED] = CLI_ERROR,
	[-LATCH_ERR_OTHER_NETNS] = CLI_ERROR,
	[-LATCH_ERR_MPTCP] = CLI_ERROR,
	[-LATCH_ERR_TRANSLATED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_BOTH_ENDS_LOCAL] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_LINK_LOCAL] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_SOURCE_ROUTED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_ENCAPSULATED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_VIRTUAL_INTERFACE] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_PORT_SHARED] = CLI_ERROR,
	[-LATCH_ERR_WRONG_FLOW] = CLI_ERROR,
	[-LATCH_ERR_COMPRESSED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_SHARED_REQID] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_NOT_PROTECTED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_NO_SA] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_NARROW_REFUSED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_WEAK] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_WRONG_PEER] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_AUTHENTICATION_FAILED] = CLI_NOT_PROTECTED,
	[-LATCH_ERR_TIMEOUT] = CLI_TIMEOUT,
	[-LATCH_ERR_NOT_AVAILABLE] = CLI_NOT_FOUND,
	[-LATCH_ERR_EQUAL_KEYS] = CLI_ERROR,
	[-LATCH_ERR_NOT_AUTHORIZED] = CLI_NOT_AUTHORIZED,
	[-LATCH_ERR_FORBIDDEN] = CLI_NOT_AUTHORIZED,
	[-LATCH_ERR_NO_SESSION] = CLI_ERROR,
	[-LATCH_ERR_SESSION_EXISTS] = CLI_ERROR,
	[-LATCH_ERR_NOT_RESUMABLE] = CLI_ERROR,
	[-LATCH_ERR_LIMIT_EXCEEDED] = CLI_ERROR,
	[-LATCH_ERR_BAD_CONFIG] = CLI_ERROR,
	[-LATCH_ERR_UNAVAILABLE] = CLI_NO_SERVICE,
	[-LATCH_ERR_NO_MEMORY] = CLI_ERROR,
	[-LATCH_ERR_FAILED] = CLI_ERROR,
	[-LATCH_ERR_SUITE_NOT_ALLOWED] = CLI_NOT_PROTECTED,
};

enum cli_exit cli_exit_of(int error)
{
	const int nr = sizeof(table) / sizeof(table[0]);

	if (error == LATCH_OK)
		return CLI_OK;
	/* A row that nobody wrote is zero, and no error may end as success. */
	if (error > 0 || error <= -nr || table[-error] == CLI_OK)
		return CLI_ERROR;
	return (enum cli_exit)table[-error];
}
