/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A daemon for one test: a thread that owns the service's name on the bus of LATCH_TEST_BUS and
 * answers as the script says. A test changes the script only between calls. */

enum { FAKE_CALLS = 64, FAKE_SAYS = 16 };

/* The socket that came with a call, as the daemon found it. */
struct fake_socket {
	struct sockaddr_storage local;
	bool is_connected;
	unsigned long inode;
};

/**
 * struct fake - the daemon and its script
 * @fail:       member that fails, or NULL
 * @error:      its D-Bus error name
 * @misshape:   member that answers with what it never answers with, or NULL
 * @mute:       member that never answers, or NULL
 * @vanish:     member on which the daemon leaves the bus instead of answering, or NULL
 * @state:      of the latch, as Inquire says; NULL: NotFound
 * @generation: of the latch
 * @nr_ids:     of Listen
 * @stream:     the session is a SOCK_STREAM socket
 * @say:        records that follow the answer to an Inquire, each once
 * @nr_say:     how many
 * @token:      of the session that is opened or resumed next
 * @resume_s:   for so many seconds it can be resumed; 0: not at all
 * @on_latch:   called with the socket of a Latch before it is answered
 * @ctx:        for @on_latch
 * @calls:      members that were called, in order
 * @nr_calls:   how many, at most FAKE_CALLS are kept
 * @dict:       a{sv} of the last call that had one, as JSON
 * @number:     t of the last call that had one
 * @reason:     s of the last call that had one
 * @socket:     of the last call that had one
 */
struct fake {
	const char *fail, *error, *misshape, *mute, *vanish;
	const char *state;
	uint64_t generation;
	unsigned nr_ids;
	bool stream;
	const char *say[FAKE_SAYS];
	unsigned nr_say;
	const char *token;
	unsigned resume_s;
	void (*on_latch)(void *ctx, int fd);
	void *ctx;

	char calls[FAKE_CALLS][20];
	unsigned nr_calls;
	char dict[1024];
	uint64_t number;
	char reason[64];
	struct fake_socket socket;

	struct fake_thread *thread;
};

/**
 * fake_start() - be on the bus
 *
 * Return: with a latch that is established at generation 5, and a script without faults
 */
struct fake *fake_start(void);

/**
 * fake_stop() - leave the bus and close the session
 * @fake: NULL is fine
 *
 * Return: NULL
 */
struct fake *fake_stop(struct fake *fake);

/**
 * fake_say() - one record
 * @fake: has a session
 * @text: as it is
 * @len:  of @text
 */
void fake_say(struct fake *fake, const char *text, size_t len);

/**
 * fake_hang_up() - end the session, stay on the bus
 * @fake: has a session
 */
void fake_hang_up(struct fake *fake);

/**
 * fake_count() - how often a member was called
 * @fake:   the daemon
 * @member: of the interface
 */
unsigned fake_count(const struct fake *fake, const char *member);

#endif
