/* SPDX-License-Identifier: LGPL-2.1-or-later */

#ifndef LATCH_IMPL_H
#define LATCH_IMPL_H

/* What is declared in there is all that the shared library exports. */
#pragma GCC visibility push(default)
#include "../include/latch.h"
#pragma GCC visibility pop

#include <jansson.h>
#include <netinet/in.h>

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

#define LATCH_SERVICE "org.libreswan.Latch1"

/* How far the way back into a session is whose daemon is gone. */
enum latch_away {
	LATCH_AWAY_NOT = 0,
	LATCH_AWAY_ASKED_DAEMON,	/* whether it is there: then it closed the session */
	LATCH_AWAY_ASKED_OWNER,		/* the bus, of the next one: now or later */
	LATCH_AWAY_ASKED_TO_RESUME,
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
 * @tags:       of datagrams; NULL: none was needed yet
 * @opened_ns:  CLOCK_MONOTONIC when the session was there
 * @flags:      of latch_open()
 * @token:      to resume the session; empty is none
 * @resume_s:   for how many seconds after a restart the daemon takes it
 * @away:       the session ended, and may come back
 * @serial:     of the call whose answer is awaited meanwhile, or 0
 * @timer:      timerfd, readable when it is too late, or -1
 * @deadline_ns: when that is
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
	struct latch_tags *tags;
	uint64_t opened_ns;
	unsigned flags;
	char token[40];
	uint32_t resume_s;
	enum latch_away away;
	uint32_t serial;
	int timer;
	uint64_t deadline_ns;
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

/**
 * latch_session_refresh() - read the records that are there, and keep them for latch_dispatch()
 * @latch: the handle
 *
 * The tags know afterwards what the daemon has said by now.
 *
 * Return: 0, or LATCH_ERR_SERVICE when the session ended
 */
int latch_session_refresh(struct latch *latch) MUST_USE;

/**
 * latch_session_note() - queue a record of the library's own
 * @latch: the handle
 * @text:  as the daemon would say it
 *
 * Return: false without memory
 */
bool latch_session_note(struct latch *latch, const char *text) MUST_USE;

/**
 * latch_session_continue() - go on with another descriptor
 * @latch: a session that was started, and has none now
 * @fd:    SEQPACKET; the session's from now on, also after an error
 *
 * Return: false when it is none, or cannot be watched
 */
bool latch_session_continue(struct latch *latch, int fd) MUST_USE;

/**
 * latch_session_ring() - latch_fd() is readable if there is something to do
 * @latch: the handle
 */
void latch_session_ring(struct latch *latch);

/* resume: the session after a restart of the daemon */

/**
 * latch_resume_keep() - with this token
 * @latch: the handle
 * @token: copied; one that is too long is none
 */
void latch_resume_keep(struct latch *latch, const char *token);

/**
 * latch_resume_begin() - the session ended: is it away, or over?
 * @latch: its session has no descriptor any more
 */
void latch_resume_begin(struct latch *latch);

/**
 * latch_resume_go_on() - what can be done about it now; does not block
 * @latch: its session may be there
 */
void latch_resume_go_on(struct latch *latch);

/**
 * latch_resume_fd() - readable when that is more than nothing
 * @latch: its session is away
 */
int latch_resume_fd(const struct latch *latch);

/**
 * latch_resume_end() - let go
 * @latch: the handle ends
 */
void latch_resume_end(struct latch *latch);

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
 * latch_call_by_id() - a member about one latch
 * @latch:     the handle
 * @member:    of the interface
 * @id:        of the latch
 * @reason:    NULL, or one more argument
 * @signature: that the answer must have
 * @ret:       as of latch_bus_call()
 *
 * Return: as latch_bus_call()
 */
int latch_call_by_id(struct latch *latch, const char *member, uint64_t id, const char *reason,
		     const char *signature, struct DBusMessage **ret) MUST_USE;

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
 * struct latch_flow_ask - a flow of a UDP socket that stays unconnected
 * @how:    "in" or "out"
 * @local:  address of this end
 * @remote: of the other
 * @port:   of the other
 */
struct latch_flow_ask {
	const char *how, *local, *remote;
	uint16_t port;
};

/**
 * struct latch_flow_answer - its latch
 * @id:         of the latch
 * @state:      when the daemon answered
 * @generation: of its last change by then
 */
struct latch_flow_answer {
	uint64_t id;
	enum latch_state state;
	uint64_t generation;
};

/**
 * latch_call_flow() - the D-Bus member Latch, with a tag
 * @latch:   the handle
 * @fd:      the socket
 * @ask:     which flow
 * @request: NULL is all zero
 * @ret:     its latch
 *
 * Return: as latch_flow()
 */
int latch_call_flow(struct latch *latch, int fd, const struct latch_flow_ask *ask,
		    const struct latch_request *request, struct latch_flow_answer *ret) MUST_USE;

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

/* address */

union latch_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * latch_option() - getsockopt() of an int
 * @fd:    a socket
 * @level: of the option
 * @name:  of the option
 * @ret:   0 on an error
 *
 * Return: 0, or -1 and errno
 */
int latch_option(int fd, int level, int name, int *ret) MUST_USE;

/**
 * latch_address_len() - as bind() and its like want it
 * @address: of the internet
 */
socklen_t latch_address_len(const union latch_address *address);

/**
 * latch_address_port() - in host order
 * @address: of the internet
 */
uint16_t latch_address_port(const union latch_address *address);

/**
 * latch_address_set_port() - the inverse
 * @address: of the internet
 * @port:    in host order
 */
void latch_address_set_port(union latch_address *address, uint16_t port);

/**
 * latch_address_is_any() - no address, in either way of writing IPv4
 * @address: of the internet
 */
bool latch_address_is_any(const union latch_address *address);

/**
 * latch_address_text() - without port
 * @address: of the internet
 * @ret:     room for it
 *
 * Return: @ret
 */
const char *latch_address_text(const union latch_address *address, char ret[INET6_ADDRSTRLEN]);

/**
 * latch_address_unmap() - an IPv6 socket's IPv4 peer: the daemon knows the flow as IPv4
 * @address: of the internet
 */
void latch_address_unmap(union latch_address *address);

/**
 * latch_address_local() - this end
 * @fd:  a socket
 * @ret: where it is bound
 *
 * Return: 0; LATCH_ERR_SYSTEM; LATCH_ERR_NOT_INTERNET
 */
int latch_address_local(int fd, union latch_address *ret) MUST_USE;

/**
 * latch_address_remote() - the other end, as a program says it
 * @fd:     a socket of that family
 * @to:     where to
 * @to_len: of @to
 * @ret:    a copy
 *
 * Return: 0; LATCH_ERR_ARGUMENT; LATCH_ERR_NOT_INTERNET; LATCH_ERR_SYSTEM
 */
int latch_address_remote(int fd, const struct sockaddr *to, socklen_t to_len,
			 union latch_address *ret) MUST_USE;

/* tags */

/* Flows that a handle remembers; the daemon is asked again for others. */
enum { LATCH_TAGS_MAX = 1024 };

/**
 * struct latch_tag_key - a flow of one socket; without padding, so that equal keys are equal bytes
 * @cookie:      SO_COOKIE
 * @local:       unmapped, the rest of the bytes zero
 * @remote:      likewise
 * @family:      of both
 * @local_port:  in host order
 * @remote_port: likewise
 * @zero:        0
 */
struct latch_tag_key {
	uint64_t cookie;
	uint8_t local[16], remote[16];
	uint16_t family, local_port, remote_port, zero;
};

/**
 * struct latch_tag - what is known of it
 * @key:        the flow
 * @id:         of its latch; 0 when there is none, because of @error
 * @state:      as far as the daemon has said
 * @generation: of the change that led to it
 * @error:      what the daemon said instead
 * @asked_ns:   CLOCK_MONOTONIC when it said so, or that the latch is closed
 * @next_key:   of the same bucket, as an index that counts from 1
 * @next_id:    likewise
 */
struct latch_tag {
	struct latch_tag_key key;
	uint64_t id;
	enum latch_state state;
	uint64_t generation;
	int error;
	uint64_t asked_ns;
	uint16_t next_key, next_id;
};

/**
 * latch_tags_make() - from now on this handle has tags
 * @latch: the handle
 *
 * Return: 0 or LATCH_ERR_NO_MEMORY
 */
int latch_tags_make(struct latch *latch) MUST_USE;

/**
 * latch_tags_find() - by the flow
 * @tags: of a handle
 * @key:  the flow
 *
 * Return: NULL when nothing is known; valid until the next call
 */
struct latch_tag *latch_tags_find(struct latch_tags *tags, const struct latch_tag_key *key);

/**
 * latch_tags_find_id() - by the latch
 * @tags: of a handle
 * @id:   of the latch
 *
 * Return: as above
 */
struct latch_tag *latch_tags_find_id(struct latch_tags *tags, uint64_t id);

/**
 * latch_tags_put() - what was known of this flow is over; another one may be forgotten for it
 * @tags: of a handle
 * @what: copied, without its links
 *
 * Return: valid until the next call
 */
struct latch_tag *latch_tags_put(struct latch_tags *tags, const struct latch_tag *what);

/**
 * latch_tags_learn() - the daemon says something
 * @tags:  NULL is fine
 * @event: a record
 */
void latch_tags_learn(struct latch_tags *tags, const struct latch_event *event);

/**
 * latch_tags_close() - the program let go of a latch, which no record tells
 * @tags: NULL is fine
 * @id:   of the latch
 */
void latch_tags_close(struct latch_tags *tags, uint64_t id);

/**
 * latch_tags_clear() - nothing is known any more
 * @tags: NULL is fine
 */
void latch_tags_clear(struct latch_tags *tags);

/**
 * latch_tags_now_ns() - CLOCK_MONOTONIC
 */
uint64_t latch_tags_now_ns(void);

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

/* A request has at most these many entries, a flow's ends included. */
enum { LATCH_REQUEST_ENTRIES = 16 };

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
