/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef LATCH_CLI_H
#define LATCH_CLI_H

#include <jansson.h>
#include <latch.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLI_VERSION "0.1"

/* The name of the service's bus, for tests; the option --bus goes first. */
#define CLI_BUS_VARIABLE "LATCH_BUS_ADDRESS"

/* What the process ends with. Scripts rely on the numbers: none is ever given another meaning. */
enum cli_exit {
	CLI_OK = 0,
	CLI_ERROR = 1,
	CLI_USAGE = 2,
	CLI_TIMEOUT = 3,
	CLI_NOT_PROTECTED = 4,
	CLI_BROKEN = 5,
	CLI_NOT_AUTHORIZED = 6,
	CLI_NO_SERVICE = 8,
	CLI_NOT_FOUND = 10,
};

enum cli_json { CLI_JSON_OFF = 0, CLI_JSON_PRETTY, CLI_JSON_SHORT };
enum cli_pem { CLI_PEM_NONE = 0, CLI_PEM_CERTIFICATE, CLI_PEM_ANCHOR, CLI_PEM_KEY };
enum cli_color { CLI_COLOR_AUTO = 0, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };

/* Commands as bits, in the order of the table. */
enum {
	CLI_LIST = 1 << 0,
	CLI_SHOW = 1 << 1,
	CLI_MONITOR = 1 << 2,
	CLI_CREATE = 1 << 3,
	CLI_RELEASE = 1 << 4,
	CLI_UNPROTECT = 1 << 5,
	CLI_BREAK = 1 << 6,
	CLI_CLOSE = 1 << 7,
	CLI_FORGET_UNREADABLE = 1 << 8,
	CLI_HELP = 1 << 9,
	CLI_VERSION_COMMAND = 1 << 10,
	CLI_CHECK = 1 << 11,
	CLI_RELOAD = 1 << 12,
	CLI_STATS = 1 << 13,
	CLI_FIND = 1 << 14,
	CLI_EXEC = 1 << 15,
	CLI_CONF = 1 << 16,
	CLI_CHANGERS = CLI_RELEASE | CLI_UNPROTECT | CLI_BREAK | CLI_CLOSE | CLI_FORGET_UNREADABLE |
		       CLI_RELOAD,
	CLI_ASKERS = CLI_LIST | CLI_SHOW | CLI_MONITOR | CLI_CREATE | CLI_CHECK | CLI_STATS |
		     CLI_FIND | CLI_EXEC | CLI_CHANGERS,
	CLI_ALL = CLI_ASKERS | CLI_CONF | CLI_HELP | CLI_VERSION_COMMAND,
};

/**
 * struct cli - what the user asked for
 * @name:    of the program as it was called: "latchctl", or "ipsec latch"
 * @command: NULL until it is known
 * @given:   options that were given, as bits by their place in the table
 * @bus:     D-Bus address; NULL is the system bus
 * @waits:   --wait
 * @wait_ms: of --wait; -1 is as long as it takes
 * @states:  set of 1 << enum latch_state that --state asks for; 0 is all
 * @peer:    of --peer, or NULL: of list a substring, of others the whole
 * @port:    of --port, or 0
 * @address_family: AF_INET or AF_INET6 with --address, or 0
 * @address: of --address, its first bytes for AF_INET
 * @fd:      of --fd, or -1
 * @pid:     of --pid, or 0: whose descriptor that is, or whose sockets are meant
 * @peer_fd: standard error as it was, when that is a connection; else -1 (see main.c)
 * @run:     COMMAND and its arguments, NULL at the end; or NULL
 */
struct cli {
	const char *name;
	const struct cli_command *command;
	uint64_t given;
	const char *bus;
	bool waits;
	int wait_ms;
	enum cli_json json;
	enum cli_color color;
	enum cli_pem pem;
	const char *binding;
	bool no_legend;
	unsigned states;
	const char *peer;
	uint16_t port;
	int address_family;
	struct in6_addr address;
	int fd;
	pid_t pid;
	int peer_fd;
	bool listen, udp;
	struct latch_request request;
	bool help, completion, table, check;
	char **run;
};

/* What completion offers for the arguments of a command. */
enum cli_complete { CLI_COMPLETE_NONE = 0, CLI_COMPLETE_ID, CLI_COMPLETE_IDS, CLI_COMPLETE_HOST,
	CLI_COMPLETE_COMMAND, CLI_COMPLETE_FILE };

/**
 * struct cli_command - one row of the table that everything else comes from
 * @bit:      CLI_…
 * @name:     as typed
 * @args:     as usage shows them
 * @min_args: without COMMAND
 * @max_args: -1 is any number
 * @runs:     takes "-- COMMAND…"
 * @complete: of its arguments
 * @run:      returns enum cli_exit, or the exit code of a COMMAND
 * @help:     one line
 * @more:     for its own help; may be NULL
 */
struct cli_command {
	unsigned bit;
	const char *name, *args;
	int min_args, max_args;
	bool runs;
	enum cli_complete complete;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *help, *more;
};

/**
 * struct cli_option - one option
 * @name:     without its dashes
 * @value:    what usage calls its value; NULL takes none
 * @optional: the value may be left out; a value is always given with "="
 * @words:    that completion offers, separated by spaces; may be NULL
 * @commands: set of CLI_…
 * @set:      false: the value makes no sense; @value is NULL when none was given
 * @help:     one line
 */
struct cli_option {
	const char *name, *value;
	bool optional;
	const char *words;
	unsigned commands;
	bool (*set)(struct cli *cli, const char *value);
	const char *help;
};

/* Both tables end with a row whose name is NULL. */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_options[];

/**
 * struct cli_exit_info - one exit code
 * @code: of enum cli_exit
 * @text: when
 */
struct cli_exit_info {
	enum cli_exit code;
	const char *text;
};

/* All exit codes; the row of CLI_OK comes first, and one with no text last. */
extern const struct cli_exit_info cli_exits[];

/**
 * cli_exit_of() - the exit code that belongs to an error
 * @error: enum latch_error
 *
 * Return: CLI_ERROR for a number that is none
 */
enum cli_exit cli_exit_of(int error);

/**
 * cli_command_of() - look up a command
 * @name: as typed
 *
 * Return: NULL if there is none
 */
const struct cli_command *cli_command_of(const char *name);

/**
 * cli_parse() - read the command line into @cli
 * @cli:      name set, the rest zero
 * @argc:     of main()
 * @argv:     of main(); reordered
 * @ret_argc: arguments of the command
 * @ret_argv: likewise
 *
 * Return: CLI_OK, or CLI_USAGE after a line on standard error
 */
enum cli_exit cli_parse(struct cli *cli, int argc, char **argv, int *ret_argc, char ***ret_argv);

/**
 * cli_say() - one line on standard error, after the program's name
 * @cli: for its name
 * @fmt: as printf(); what peers chose must be made safe before
 */
void cli_say(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * cli_usage() - likewise, and where to read on
 *
 * Return: CLI_USAGE
 */
enum cli_exit cli_usage(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * cli_failed() - say what a call of liblatch answered; errno as the call left it
 * @cli:   for its name
 * @error: enum latch_error
 * @fmt:   of what was to be done: "latch 7"
 *
 * Return: its exit code
 */
enum cli_exit cli_failed(const struct cli *cli, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * cli_refused() - likewise, with what the service said beyond that
 * @cli:   for its name
 * @latch: the handle of the call, which was its last one
 * @error: enum latch_error
 * @fmt:   of what was to be done
 *
 * Return: its exit code
 */
enum cli_exit cli_refused(const struct cli *cli, const struct latch *latch, int error,
			  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * cli_open() - get in touch with the service; with --wait, when it is there
 * @cli:   for the bus
 * @flags: of latch_open()
 * @ret:   the handle
 *
 * Return: CLI_OK, or the exit code after a line on standard error
 */
enum cli_exit cli_open(const struct cli *cli, unsigned flags, struct latch **ret);

/**
 * cli_finish() - nothing that was printed may be lost in silence
 * @cli:  for its name
 * @code: of the command
 *
 * Return: @code, or CLI_ERROR when standard output could not be written
 */
int cli_finish(const struct cli *cli, int code);

/**
 * cli_latch_json() - all that is known of a latch, as an object
 * @info: the latch
 *
 * Return: to be released with json_decref(); never NULL: an object without members if the library
 * answers with something else
 */
json_t *cli_latch_json(const struct latch_info *info);

/**
 * cli_print_json() - to standard output in ASCII, as --json says, with a line end
 * @cli:   for --json
 * @value: borrowed
 */
void cli_print_json(const struct cli *cli, const json_t *value);

/* true when standard output gets colours */
bool cli_has_color(const struct cli *cli);

/**
 * cli_state_color() - escape sequence that begins the colour of a state
 * @state: its name
 *
 * Return: "" for one without
 */
const char *cli_state_color(const char *state);

#define CLI_COLOR_END "\033[0m"

/**
 * cli_number() - a decimal number, all of the text
 * @text: from the user
 * @max:  largest
 * @ret:  the number
 */
bool cli_number(const char *text, uint64_t max, uint64_t *ret);

/* Return when there is memory; say so and end the process when there is none. */
void *cli_need(void *memory);

/**
 * cli_certificate() - print what a latch's peer proved itself with
 * @cli:   for --certificate
 * @latch: the handle
 * @id:    of the latch
 *
 * Return: CLI_OK, or the exit code after a line on standard error
 */
int cli_certificate(const struct cli *cli, struct latch *latch, uint64_t id);

/**
 * cli_binding() - print channel binding data of a latch's connection
 * @cli:   for --binding
 * @latch: open handle
 * @id:    of the latch
 *
 * Return: enum cli_exit; what went wrong was said
 */
int cli_binding(const struct cli *cli, struct latch *latch, uint64_t id);

int cli_list(struct cli *cli, int argc, char **argv);
int cli_show(struct cli *cli, int argc, char **argv);
int cli_check(struct cli *cli, int argc, char **argv);
int cli_find(struct cli *cli, int argc, char **argv);
int cli_exec(struct cli *cli, int argc, char **argv);
int cli_monitor(struct cli *cli, int argc, char **argv);
int cli_create(struct cli *cli, int argc, char **argv);
int cli_release(struct cli *cli, int argc, char **argv);
int cli_unprotect(struct cli *cli, int argc, char **argv);
int cli_break(struct cli *cli, int argc, char **argv);
int cli_close(struct cli *cli, int argc, char **argv);
int cli_forget_unreadable(struct cli *cli, int argc, char **argv);
int cli_reload(struct cli *cli, int argc, char **argv);
int cli_stats(struct cli *cli, int argc, char **argv);
int cli_conf(struct cli *cli, int argc, char **argv);
int cli_help(struct cli *cli, int argc, char **argv);
int cli_version(struct cli *cli, int argc, char **argv);

/**
 * cli_help_of() - usage, options and exit codes of one command
 * @cli:     for the program's name
 * @command: NULL is the program
 */
void cli_help_of(const struct cli *cli, const struct cli_command *command);

/* The script for bash, on standard output. */
void cli_completion(void);

#endif
