/* SPDX-License-Identifier: LGPL-2.1-or-later */

#ifndef LATCH_IMPL_H
#define LATCH_IMPL_H

/* What is declared in there is all that the shared library exports. */
#pragma GCC visibility push(default)
#include "../include/latch.h"
#pragma GCC visibility pop

#include <jansson.h>

#define MUST_USE __attribute__((warn_unused_result))

struct DBusConnection;
struct DBusMessage;
struct DBusMessageIter;

/* Records that wait for latch_dispatch(); a program that never calls it must not grow. */
enum { LATCH_QUEUE_MAX = 4096 };

/* The longest record of a session; a latch has about 1 KiB. */
enum { LATCH_RECORD_MAX = 65536 };

/* A record of the session as it came, and what it says. The strings of the event belong to json. */
struct latch_record {
	struct latch_record *next;
	json_t *json;
	struct latch_event event;
};

/**
 * struct latch - the handle
 * @bus:        connection of its own, or NULL
 * @service:    unique name of the daemon that opened the session: another one knows nothing of it
 * @timeout_ms: of a call
 * @error:      of the last answer
 * @reason:     its text; NULL: none, or no memory for it
 * @session:    SEQPACKET, or -1
 * @poll:       epoll descriptor of @session and @bell: what latch_fd() returns
 * @bell:       eventfd, readable while records are queued
 * @has_rung:   @bell is readable
 * @is_over:    the session ended, or said what cannot be understood
 * @head:       queue of records
 * @tail:       its end
 * @nr:         how many
 * @is_lossy:   records were thrown away because there were too many
 * @buffer:     of LATCH_RECORD_MAX + 1 bytes
 */
struct latch {
	struct DBusConnection *bus;
	char service[256];
	int timeout_ms;
	int error;
	char *reason;
	int session;
	int poll;
	int bell;
	bool has_rung;
	bool is_over;
	struct latch_record *head;
	struct latch_record **tail;
	size_t nr;
	bool is_lossy;
	char *buffer;
};

/**
 * latch_error_from_dbus() - the error behind a D-Bus error name
 * @name: of the daemon, the bus or libdbus; NULL is fine
 *
 * Return: never LATCH_OK; LATCH_ERR_SERVICE for what bus and libdbus say and has no name of ours,
 * LATCH_ERR_FAILED for the rest
 */
int latch_error_from_dbus(const char *name);

/**
 * latch_state_from_name() - the inverse of latch_state_name()
 * @name: NULL is fine
 *
 * Return: LATCH_STATE_NONE for what is no state
 */
enum latch_state latch_state_from_name(const char *name);

/* bus: everything that speaks D-Bus */

/**
 * struct latch_entry - one entry of an a{sv}
 * @key:  in UTF-8
 * @type: 's', 'q', 'u', 'b', or 'a' for a list of strings that ends with NULL
 */
struct latch_entry {
	const char *key;
	char type;
	union {
		const char *s;
		uint16_t q;
		uint32_t u;
		bool b;
		const char *const *a;
	} value;
};

/**
 * latch_bus_open() - connect to the bus
 * @latch:   its bus, which is NULL
 * @address: NULL is the system bus
 *
 * Return: 0; LATCH_ERR_SERVICE; LATCH_ERR_ARGUMENT for what is no address; what the bus said
 */
int latch_bus_open(struct latch *latch, const char *address) MUST_USE;

/**
 * latch_bus_close() - leave the bus
 * @latch: its bus may be NULL, and is then
 */
void latch_bus_close(struct latch *latch);

/**
 * latch_bus_message() - a call without arguments so far
 * @latch:  the handle
 * @member: of org.libreswan.Latch1.Manager
 *
 * Return: NULL without memory
 */
struct DBusMessage *latch_bus_message(const struct latch *latch, const char *member);

/**
 * latch_bus_add_dict() - append an a{sv}
 * @to:      message
 * @entries: none may be invalid: libdbus ends the process otherwise
 * @nr:      how many
 *
 * Return: false without memory
 */
bool latch_bus_add_dict(struct DBusMessage *to, const struct latch_entry *entries,
			size_t nr) MUST_USE;

/**
 * latch_bus_call() - ask the daemon, wait for its answer
 * @latch:     the handle
 * @message:   consumed; NULL is LATCH_ERR_NO_MEMORY, so that what makes one need not be checked
 * @more_ms:   how much longer than others it may take
 * @signature: that the answer must have
 * @ret:       the answer; free with dbus_message_unref()
 *
 * Return: 0; LATCH_ERR_SERVICE; LATCH_ERR_FAILED for another answer; what the daemon said. It is
 * kept for latch_last_reason()
 */
int latch_bus_call(struct latch *latch, struct DBusMessage *message, uint32_t more_ms,
		   const char *signature, struct DBusMessage **ret) MUST_USE;

/* info */

/**
 * latch_info_from_dict() - keep an a{sv}
 * @dict:     at the array
 * @ret_info: free with latch_info_free()
 *
 * Keys are kept whatever they are, values of s, q, u, t, b and as; other types are left out: a
 * later daemon may have them.
 *
 * Return: 0 or LATCH_ERR_NO_MEMORY
 */
int latch_info_from_dict(struct DBusMessageIter *dict, struct latch_info **ret_info) MUST_USE;

/* session: records */

/**
 * latch_record_parse() - what one record says
 * @text: one JSON object
 * @len:  of @text, in bytes
 * @ret:  free with latch_record_free(); its event has .json unset
 *
 * Return: 0; LATCH_ERR_NO_MEMORY; LATCH_ERR_MALFORMED when it is no JSON object with a type, or
 * cannot be read for lack of memory: it ends the session either way
 */
int latch_record_parse(const char *text, size_t len, struct latch_record **ret) MUST_USE;

/**
 * latch_record_free() - let go
 * @record: NULL is fine
 *
 * Return: NULL
 */
struct latch_record *latch_record_free(struct latch_record *record);

/**
 * latch_session_start() - read records from a descriptor
 * @latch: without a session
 * @fd:    SEQPACKET; the session's from now on, also after an error
 *
 * Return: 0; LATCH_ERR_SYSTEM; LATCH_ERR_NO_MEMORY; LATCH_ERR_FAILED when it is no SEQPACKET socket
 */
int latch_session_start(struct latch *latch, int fd) MUST_USE;

/**
 * latch_session_end() - close it and forget its records
 * @latch: may have none
 */
void latch_session_end(struct latch *latch);

/* call: what more than one file needs of it */

/**
 * latch_call_state() - the state of a latch, by asking
 * @latch:          the handle
 * @id:             of the latch
 * @ret_state:      LATCH_STATE_CLOSED for one that is gone
 * @ret_generation: of its last change; 0 for one that is gone
 *
 * Return: as latch_inquire(), without LATCH_ERR_NOT_FOUND
 */
int latch_call_state(struct latch *latch, uint64_t id, enum latch_state *ret_state,
		     uint64_t *ret_generation) MUST_USE;

/**
 * latch_call_latch() - the D-Bus member Latch
 * @latch:   the handle
 * @fd:      the socket
 * @request: NULL is all zero
 * @address: to where it will be connected, or NULL for one that is
 * @port:    likewise
 * @ret_id:  of the latch
 *
 * Return: as latch_latch()
 */
int latch_call_latch(struct latch *latch, int fd, const struct latch_request *request,
		     const char *address, uint16_t port, uint64_t *ret_id) MUST_USE;

/**
 * latch_call_listen() - the D-Bus member Listen
 * @latch:   the handle
 * @fd:      the socket
 * @request: NULL is all zero
 * @ret_ids: the second one may be 0
 *
 * Return: as latch_listen()
 */
int latch_call_listen(struct latch *latch, int fd, const struct latch_request *request,
		      uint64_t ret_ids[2]) MUST_USE;

/**
 * latch_call_find() - the D-Bus member Find
 * @latch:  the handle
 * @flow:   protocol, addresses and ports
 * @nr:     of entries
 * @ret_id: of the latch
 *
 * Return: as latch_find()
 */
int latch_call_find(struct latch *latch, const struct latch_entry *flow, size_t nr,
		    uint64_t *ret_id) MUST_USE;

/* route */

struct sockaddr;
struct sockaddr_storage;

/**
 * latch_route_source() - the address that a socket would send from
 * @fd:  of an internet socket that is not bound to an address
 * @to:  where to, of the family of @fd
 * @ret: of that family, without a port
 *
 * Return: 0 or LATCH_ERR_SYSTEM
 */
int latch_route_source(int fd, const struct sockaddr *to, struct sockaddr_storage *ret) MUST_USE;

/**
 * latch_route_parse() - what the kernel says of a route
 * @answer:      aligned for a struct nlmsghdr
 * @len:         of @answer, in bytes; they may be anything
 * @size:        4 for IPv4, 16 for IPv6
 * @ret_address: @size bytes: the address to send from
 * @ret_device:  out of which, or 0; not written when EPROTO is returned
 *
 * Return: 0; EADDRNOTAVAIL when no address is said; the errno that the kernel says; EPROTO
 */
int latch_route_parse(const void *answer, size_t len, size_t size, uint8_t ret_address[static 16],
		      uint32_t *ret_device) MUST_USE;

/* request */

/* A request has at most these many entries. */
enum { LATCH_REQUEST_ENTRIES = 12 };

/**
 * latch_request_check() - does it make sense
 * @request:  of the caller, of its size; NULL is all zero
 * @ret:      a copy of ours
 *
 * Return: 0; LATCH_ERR_ARGUMENT; LATCH_ERR_UNSUPPORTED when a later version asks for more
 */
int latch_request_check(const struct latch_request *request, struct latch_request *ret) MUST_USE;

/**
 * latch_request_entries() - as a dictionary of what differs from zero
 * @request: checked; must outlive @ret
 * @ret:     entries
 *
 * Return: how many
 */
size_t latch_request_entries(const struct latch_request *request,
			     struct latch_entry ret[LATCH_REQUEST_ENTRIES]);

/**
 * latch_request_setup_ms() - how long the daemon may take before it answers
 * @request: checked
 */
uint32_t latch_request_setup_ms(const struct latch_request *request);

/**
 * latch_error_is_unprotected() - is there just no protection to be had?
 * @error: of the D-Bus member Latch
 *
 * Return: false for everything that speaks against using the socket at all
 */
bool latch_error_is_unprotected(int error);

/**
 * latch_error_from_word() - the error behind the last part of a D-Bus error name
 * @word: "NoSa"; NULL is LATCH_OK
 *
 * Return: LATCH_ERR_FAILED for what has no name of ours
 */
int latch_error_from_word(const char *word);

#endif
