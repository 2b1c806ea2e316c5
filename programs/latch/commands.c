/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The two tables that the rest comes from: the parser, usage, help, the completion of the shell,
 * and the test that compares the manual pages with them.
 */

#include "cli.h"
#include "target.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

const struct cli_command cli_commands[] = {
	{ CLI_LIST, "list", "", 0, 0, false, CLI_COMPLETE_NONE, cli_list,
	  "one line for each latch", NULL },
	{ CLI_SHOW, "show", TARGET_ARGS, 0, 3, false, CLI_COMPLETE_ID, cli_show,
	  "everything known about one latch", NULL },
	{ CLI_CHECK, "check", TARGET_ARGS, 0, 3, false, CLI_COMPLETE_ID, cli_check,
	  "for scripts: whether it is protected now, and as the options ask",
	  "0: yes. 4: no, or not so, as standard error says. 5: its latch is broken or closed.\n"
	  "10: there is no latch of it, or none that the caller may see.\n" },
	{ CLI_FIND, "find", "", 0, 0, false, CLI_COMPLETE_NONE, cli_find,
	  "ids of the latches that all options fit, one a line",
	  "10: there is none. At least one option says what is looked for.\n" },
	{ CLI_MONITOR, "monitor", "", 0, 0, false, CLI_COMPLETE_NONE, cli_monitor,
	  "print what happens to latches, until interrupted",
	  "With --json, one object per line. Ends with 8 when the service goes; with --wait it\n"
	  "is waited for instead.\n" },
	{ CLI_CREATE, "create", "[HOST|ADDRESS] PORT [-- COMMAND...]", 1, 2, true,
	  CLI_COMPLETE_HOST, cli_create, "connect, latched from the first packet on",
	  "The latch is printed on standard error. Then COMMAND runs with the connection as its\n"
	  "standard input and output; without one, standard input and output are copied. When\n"
	  "the latch breaks, COMMAND is ended and the exit code is 5; else it is COMMAND's.\n"
	  "With --prefer, 0 does not say that there was a latch: standard error does.\n" },
	{ CLI_EXEC, "exec", "-- COMMAND...", 0, 0, true, CLI_COMPLETE_NONE, cli_exec,
	  "latch standard input's connection, and run COMMAND on it",
	  "For programs of inetd, and of systemd with Accept=yes. COMMAND does not run without\n"
	  "a latch. When the latch breaks, COMMAND is ended and the exit code is 5; else it is\n"
	  "COMMAND's.\n" },
	{ CLI_RELEASE, "release", "ID...", 1, -1, false, CLI_COMPLETE_IDS, cli_release,
	  "let go of latches; each flow stays guarded while its socket lives", NULL },
	{ CLI_UNPROTECT, "unprotect", "ID", 1, 1, false, CLI_COMPLETE_ID, cli_unprotect,
	  "let go of a latch, and let its flow go on without it", NULL },
	{ CLI_BREAK, "break", "ID [REASON]", 1, 2, false, CLI_COMPLETE_ID, cli_break,
	  "administrators: break a latch for good", NULL },
	{ CLI_CLOSE, "close", "ID [REASON]", 1, 2, false, CLI_COMPLETE_ID, cli_close,
	  "administrators: close a latch and reset its connection", NULL },
	{ CLI_FORGET_UNREADABLE, "forget-unreadable", "", 0, 0, false, CLI_COMPLETE_NONE,
	  cli_forget_unreadable, "administrators: forget what of the journal cannot be read",
	  "The service says at its start that there is such a record. Until it is forgotten, each\n"
	  "restart closes all latches. Flows that are blocked only because nothing is known of\n"
	  "them are free again; a socket that is there still goes on without a latch.\n" },
	{ CLI_RELOAD, "reload", "", 0, 0, false, CLI_COMPLETE_NONE, cli_reload,
	  "administrators: have the service read latch.conf again",
	  "No latch is lost. With an error in the file, or a change that only a restart of the\n"
	  "service can make, nothing changes; standard error has the line.\n" },
	{ CLI_STATS, "stats", "", 0, 0, false, CLI_COMPLETE_NONE, cli_stats,
	  "administrators: print numbers of the whole service",
	  "What there is now beside what the limits of latch.conf allow, and what happened since\n"
	  "the service began.\n" },
	{ CLI_CONF, "conf", "--check FILE", 1, 1, false, CLI_COMPLETE_FILE, cli_conf,
	  "whether the service would take FILE as its latch.conf",
	  "The service need not run. 1: it would not; standard error has the line.\n" },
	{ CLI_HELP, "help", "[COMMAND]", 0, 1, false, CLI_COMPLETE_COMMAND, cli_help,
	  "this text, or that of one command", NULL },
	{ CLI_VERSION_COMMAND, "version", "", 0, 0, false, CLI_COMPLETE_NONE, cli_version,
	  "print the version of this program", NULL },
	{ .name = NULL },
};

static bool set_bus(struct cli *cli, const char *value)
{
	cli->bus = value;
	return *value != '\0';
}

/* Seconds, with a decimal part if need be. */
static bool read_seconds(const char *value, int *ret_ms)
{
	uint64_t s, ms = 0;
	char whole[16];
	size_t len = strcspn(value, ".");

	if (len >= sizeof(whole))
		return false;
	memcpy(whole, value, len);
	whole[len] = '\0';
	if (!cli_number(whole, 1000000, &s))
		return false;
	if (value[len] == '.') {
		static const unsigned scale[] = { 0, 100, 10, 1 };
		size_t digits = strlen(value + len + 1);

		if (digits < 1 || digits > 3 || !cli_number(value + len + 1, 999, &ms))
			return false;
		ms *= scale[digits];
	}
	*ret_ms = (int)(s * 1000 + ms);
	return true;
}

static bool set_wait(struct cli *cli, const char *value)
{
	cli->waits = true;
	cli->wait_ms = -1;
	return value == NULL || read_seconds(value, &cli->wait_ms);
}

static bool set_setup_time(struct cli *cli, const char *value)
{
	int ms;

	/* 0 is the library's word for the default. */
	if (!read_seconds(value, &ms) || ms == 0)
		return false;
	cli->request.wait_ms = (uint32_t)ms;
	return true;
}

static bool set_prefer(struct cli *cli, const char *value)
{
	(void)value;
	cli->request.prefer = true;
	return true;
}

static bool set_bypass(struct cli *cli, const char *value)
{
	(void)value;
	cli->request.bypass = true;
	return true;
}

static bool set_narrow(struct cli *cli, const char *value)
{
	(void)value;
	cli->request.narrow = true;
	return true;
}

static bool set_suite(struct cli *cli, const char *value)
{
	cli->request.suite = value;
	return *value != '\0';
}

static bool set_json(struct cli *cli, const char *value)
{
	cli->json = CLI_JSON_PRETTY;
	if (value != NULL && strcmp(value, "short") == 0)
		cli->json = CLI_JSON_SHORT;
	else if (value != NULL && strcmp(value, "pretty") != 0)
		return false;
	return true;
}

static bool set_no_legend(struct cli *cli, const char *value)
{
	(void)value;
	cli->no_legend = true;
	return true;
}

static bool set_color(struct cli *cli, const char *value)
{
	static const char *const names[] = { "auto", "always", "never" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0) {
			cli->color = (enum cli_color)i;
			return true;
		}
	}
	return false;
}

/* Calls @each for each entry of a list with commas; false if there is one that it refuses. */
static bool split(const char *value, bool (*each)(struct cli *cli, const char *name),
		  struct cli *cli)
{
	char *copy = cli_need(strdup(value)), *next = copy;
	bool good = true;

	while (good && next != NULL) {
		char *name = strsep(&next, ",");

		good = each(cli, name);
	}
	free(copy);
	return good;
}

static bool add_state(struct cli *cli, const char *name)
{
	for (int state = LATCH_STATE_LARVAL; state <= LATCH_STATE_CLOSED; state++) {
		if (strcmp(latch_state_name((enum latch_state)state), name) == 0) {
			cli->states |= 1U << state;
			return true;
		}
	}
	return false;
}

static bool set_state(struct cli *cli, const char *value)
{
	cli->states = 0;
	return split(value, add_state, cli);
}

static bool set_peer(struct cli *cli, const char *value)
{
	cli->peer = cli->request.peer = value;
	return *value != '\0';
}

static bool set_16(const char *value, uint16_t *ret)
{
	uint64_t n;

	if (!cli_number(value, UINT16_MAX, &n) || n == 0)
		return false;
	*ret = (uint16_t)n;
	return true;
}

static bool set_port(struct cli *cli, const char *value)
{
	return set_16(value, &cli->port);
}

static bool set_address(struct cli *cli, const char *value)
{
	memset(&cli->address, 0, sizeof(cli->address));
	cli->address_family = strchr(value, ':') == NULL ? AF_INET : AF_INET6;
	return inet_pton(cli->address_family, value, &cli->address) == 1;
}

static bool set_late(struct cli *cli, const char *value)
{
	(void)value;
	cli->request.late = true;
	return true;
}

static bool set_fd(struct cli *cli, const char *value)
{
	uint64_t n;

	if (!cli_number(value, INT32_MAX, &n))
		return false;
	cli->fd = (int)n;
	return true;
}

static bool set_pid(struct cli *cli, const char *value)
{
	uint64_t n;

	if (!cli_number(value, INT32_MAX, &n) || n == 0)
		return false;
	cli->pid = (pid_t)n;
	return true;
}

static bool set_listen(struct cli *cli, const char *value)
{
	(void)value;
	cli->listen = true;
	return true;
}

static bool set_udp(struct cli *cli, const char *value)
{
	(void)value;
	cli->udp = true;
	return true;
}

static bool add_protection(struct cli *cli, const char *name)
{
	if (strcmp(name, "integrity") == 0)
		cli->request.protection |= LATCH_INTEGRITY;
	else if (strcmp(name, "confidentiality") == 0)
		cli->request.protection |= LATCH_CONFIDENTIALITY;
	else
		return false;
	return true;
}

static bool set_protection(struct cli *cli, const char *value)
{
	cli->request.protection = 0;
	return split(value, add_protection, cli);
}

static bool set_min_key_bits(struct cli *cli, const char *value)
{
	return set_16(value, &cli->request.min_key_bits);
}

static bool set_min_integ_bits(struct cli *cli, const char *value)
{
	return set_16(value, &cli->request.min_integ_bits);
}

static bool set_mode(struct cli *cli, const char *value)
{
	if (strcmp(value, "tunnel") == 0)
		cli->request.mode = LATCH_MODE_TUNNEL;
	else if (strcmp(value, "transport") == 0)
		cli->request.mode = LATCH_MODE_TRANSPORT;
	else
		return false;
	return true;
}

static bool set_disposition(struct cli *cli, const char *value)
{
	static const char *const names[] = {
		[LATCH_DISPOSITION_DEFAULT] = "default", [LATCH_DISPOSITION_RESET] = "reset",
		[LATCH_DISPOSITION_UNREACHABLE] = "unreachable", [LATCH_DISPOSITION_WAIT] = "wait",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0) {
			cli->request.disposition = (enum latch_disposition)i;
			return true;
		}
	}
	return false;
}

static bool set_certificate(struct cli *cli, const char *value)
{
	static const char *const names[] = {
		[CLI_PEM_CERTIFICATE] = "peer", [CLI_PEM_ANCHOR] = "anchor", [CLI_PEM_KEY] = "key",
	};

	cli->pem = value == NULL ? CLI_PEM_CERTIFICATE : CLI_PEM_NONE;
	for (unsigned i = 1; value != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0)
			cli->pem = (enum cli_pem)i;
	}
	return cli->pem != CLI_PEM_NONE;
}

static bool set_binding(struct cli *cli, const char *value)
{
	cli->binding = value == NULL ? LATCH_BINDING_END_POINT : value;
	return *cli->binding != '\0';
}

static bool set_help(struct cli *cli, const char *value)
{
	(void)value;
	cli->help = true;
	return true;
}

static bool set_completion(struct cli *cli, const char *value)
{
	(void)value;
	cli->completion = true;
	return true;
}

static bool set_check(struct cli *cli, const char *value)
{
	(void)value;
	cli->check = true;
	return true;
}

static bool set_table(struct cli *cli, const char *value)
{
	(void)value;
	cli->table = true;
	return true;
}

/* What a latch shall be like. */
#define WISHES (CLI_CREATE | CLI_EXEC)
#define FILTERS (CLI_LIST | CLI_FIND)
#define JSONS (FILTERS | CLI_SHOW | CLI_CHECK | CLI_MONITOR | CLI_CREATE | CLI_STATS | \
	       CLI_CONF | CLI_FORGET_UNREADABLE)

const struct cli_option cli_options[] = {
	{ "state", "STATE[,STATE]", false, "larval listener established broken closed", FILTERS,
	  set_state, "only latches in one of these states" },
	{ "peer", "NAME", false, NULL, FILTERS | WISHES | CLI_CHECK,
	  set_peer, "NAME and nobody else; list, find: that contains NAME, in any case" },
	{ "address", "ADDRESS", false, NULL, FILTERS,
	  set_address, "only latches with this address at either end" },
	{ "port", "PORT", false, NULL, FILTERS,
	  set_port, "only latches with this port at either end" },
	{ "fd", "N", false, NULL, CLI_SHOW | CLI_CHECK | CLI_EXEC,
	  set_fd, "of the socket that is descriptor N of this process, or of --pid" },
	{ "pid", "PID", false, NULL, FILTERS | CLI_SHOW | CLI_CHECK,
	  set_pid, "whose descriptor --fd is; list, find: of whose sockets" },
	{ "listen", NULL, false, NULL, CLI_CREATE,
	  set_listen, "wait for one TCP connection at PORT, of ADDRESS if given" },
	{ "udp", NULL, false, NULL, CLI_CREATE,
	  set_udp, "UDP instead of TCP" },
	{ "protection", "WHAT[,WHAT]", false, "integrity confidentiality integrity,confidentiality",
	  WISHES | CLI_CHECK,
	  set_protection, "what there must be: integrity, confidentiality" },
	{ "min-key-bits", "N", false, NULL, WISHES,
	  set_min_key_bits, "least key size of the cipher" },
	{ "min-integ-bits", "N", false, NULL, WISHES,
	  set_min_integ_bits, "least size of the integrity check value" },
	{ "mode", "MODE", false, "tunnel transport", WISHES | CLI_CHECK,
	  set_mode, "of the SA: tunnel or transport" },
	{ "disposition", "HOW", false, "default reset unreachable wait", WISHES,
	  set_disposition, "of the socket on a break: default, reset, unreachable or wait" },
	{ "setup-time", "SECONDS", false, NULL, WISHES,
	  set_setup_time, "how long setting up SAs may take, if there are none; else 20" },
	{ "narrow", NULL, false, NULL, WISHES,
	  set_narrow, "under an SA of just this connection" },
	{ "suite", "SUITE", false, NULL, WISHES | CLI_CHECK,
	  set_suite, "of the SA: \"esp aes_gcm_16-256\"; create: implies --narrow" },
	{ "late", NULL, false, NULL, CLI_EXEC,
	  set_late, "also when bytes have come before" },
	{ "prefer", NULL, false, NULL, CLI_CREATE,
	  set_prefer, "no protection to be had: say so, and go on without" },
	{ "bypass", NULL, false, NULL, CLI_CREATE,
	  set_bypass, "administrators: in clear, though the policy of the host protects" },
	{ "certificate", "peer|anchor|key", true, "peer anchor key", CLI_SHOW,
	  set_certificate, "print just the peer's certificate, its trust anchor or key, as PEM" },
	{ "binding", "TYPE", true,
	  LATCH_BINDING_END_POINT " " LATCH_BINDING_PEER " " LATCH_BINDING_OWN " "
	  LATCH_BINDING_IKEV2_PUBKEY, CLI_SHOW,
	  set_binding, "print just the channel binding, TYPE:hexadecimal" },
	{ "json", "pretty|short", true, "pretty short", JSONS,
	  set_json, "print JSON" },
	{ "no-legend", NULL, false, NULL, CLI_LIST,
	  set_no_legend, "no heading" },
	{ "color", "auto|always|never", false, "auto always never",
	  CLI_LIST | CLI_SHOW | CLI_MONITOR,
	  set_color, "colours; auto: on a terminal, unless NO_COLOR is set" },
	{ "wait", "SECONDS", true, NULL, CLI_ASKERS,
	  set_wait, "wait for the service to be there, at most SECONDS" },
	{ "bus", "ADDRESS", false, NULL, CLI_ASKERS,
	  set_bus, "D-Bus address; " CLI_BUS_VARIABLE " or the system bus otherwise" },
	{ "check", NULL, false, NULL, CLI_CONF,
	  set_check, "read FILE, and say what is wrong" },
	{ "completion", NULL, false, NULL, CLI_HELP,
	  set_completion, "print the completion script for bash" },
	{ "table", NULL, false, NULL, CLI_HELP,
	  set_table, "print commands, options and exit codes for a program to read" },
	{ "help", NULL, false, NULL, CLI_ALL,
	  set_help, "print what this command does" },
	{ .name = NULL },
};

const struct cli_command *cli_command_of(const char *name)
{
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}
