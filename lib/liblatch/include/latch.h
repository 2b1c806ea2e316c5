/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* liblatch: connection latching (RFC 5660) for programs.
 *
 * A latch binds one connection to its IPsec peer and to its protection. From then on its packets
 * pass under SAs of that peer and that protection, or not at all, and the program is told before
 * that changes.
 *
 * Threads: one handle serves one thread at a time. No call here ends the process, changes signal
 * handling, or closes a descriptor that it did not open. Calls that ask the daemon block until it
 * answers, at most 25 s for each answer; where the daemon may have to set up SAs first, at most
 * 25 s longer than that may take (struct latch_request). The child of a fork() must not use its
 * parent's handles; exec closes them.
 *
 * Beside the errors that a function names, each that asks the daemon may return LATCH_ERR_SERVICE,
 * LATCH_ERR_ARGUMENT, LATCH_ERR_NO_MEMORY, LATCH_ERR_LIMIT_EXCEEDED and LATCH_ERR_FAILED. Outputs
 * are written on success only.
 */

#ifndef LATCH_H
#define LATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The handle: a connection to the daemon, with one session. */
struct latch;

/* What the daemon says about one latch. */
struct latch_info;

/* What an authentication showed: who was proved to whom, and by what. */
struct latch_peer;

/**
 * enum latch_error - what a function that returns int may return; 0 is success
 *
 * Each one but the first four bears the name of a D-Bus error of org.libreswan.Latch1, where it is
 * explained: LATCH_ERR_NO_SA is org.libreswan.Latch1.Error.NoSa.
 */
enum latch_error {
	LATCH_OK = 0,
	LATCH_ERR_SYSTEM = -1,		/* a system call failed: errno says why */
	LATCH_ERR_SERVICE = -2,	/* the daemon is not on the bus, left, or does not answer */
	LATCH_ERR_ARGUMENT = -3,	/* an argument makes no sense */
	LATCH_ERR_MALFORMED = -4,
	LATCH_ERR_TOO_MANY = -5,
	LATCH_ERR_UNSUPPORTED = -6,
	LATCH_ERR_NO_SPACE = -7,
	LATCH_ERR_NOT_FOUND = -8,
	LATCH_ERR_ALREADY_LATCHED = -9,
	LATCH_ERR_CONFLICT = -10,
	LATCH_ERR_WRONG_STATE = -11,
	LATCH_ERR_BROKEN = -12,
	LATCH_ERR_CLOSED = -13,
	LATCH_ERR_NOT_CONNECTED = -14,
	LATCH_ERR_NOT_INTERNET = -15,
	LATCH_ERR_ALREADY_USED = -16,
	LATCH_ERR_SOCKET_CHANGED = -17,
	LATCH_ERR_OTHER_NETNS = -18,
	LATCH_ERR_MPTCP = -19,
	LATCH_ERR_TRANSLATED = -20,
	LATCH_ERR_BOTH_ENDS_LOCAL = -21,
	LATCH_ERR_LINK_LOCAL = -22,
	LATCH_ERR_SOURCE_ROUTED = -23,
	LATCH_ERR_ENCAPSULATED = -24,
	LATCH_ERR_VIRTUAL_INTERFACE = -25,
	LATCH_ERR_PORT_SHARED = -26,
	LATCH_ERR_WRONG_FLOW = -27,
	LATCH_ERR_COMPRESSED = -28,
	LATCH_ERR_SHARED_REQID = -29,
	LATCH_ERR_NOT_PROTECTED = -30,
	LATCH_ERR_NO_SA = -31,
	LATCH_ERR_NARROW_REFUSED = -32,
	LATCH_ERR_WEAK = -33,
	LATCH_ERR_WRONG_PEER = -34,
	LATCH_ERR_AUTHENTICATION_FAILED = -35,
	LATCH_ERR_TIMEOUT = -36,
	LATCH_ERR_NOT_AVAILABLE = -37,
	LATCH_ERR_EQUAL_KEYS = -38,
	LATCH_ERR_NOT_AUTHORIZED = -39,
	LATCH_ERR_FORBIDDEN = -40,
	LATCH_ERR_NO_SESSION = -41,
	LATCH_ERR_SESSION_EXISTS = -42,
	LATCH_ERR_NOT_RESUMABLE = -43,
	LATCH_ERR_LIMIT_EXCEEDED = -44,
	LATCH_ERR_BAD_CONFIG = -45,
	LATCH_ERR_UNAVAILABLE = -46,
	LATCH_ERR_NO_MEMORY = -47,
	LATCH_ERR_FAILED = -48,
	LATCH_ERR_SUITE_NOT_ALLOWED = -49,
};

enum latch_state {
	LATCH_STATE_NONE = 0,
	LATCH_STATE_LARVAL,	/* its SAs are being set up; nothing passes */
	LATCH_STATE_LISTENER,
	LATCH_STATE_ESTABLISHED,
	LATCH_STATE_BROKEN,	/* nothing passes */
	LATCH_STATE_CLOSED,	/* over */
};

/* What happens to the socket on a break (RFC 5660 section 5.5); of UDP always "wait": the kernel
 * would not close the socket but disconnect it, and it would then hear anybody. */
enum latch_disposition {
	LATCH_DISPOSITION_DEFAULT = 0,	/* as the administrator says; TCP: reset, UDP: wait */
	LATCH_DISPOSITION_RESET,	/* as if the peer had reset it */
	LATCH_DISPOSITION_UNREACHABLE,	/* as if the peer could not be reached */
	LATCH_DISPOSITION_WAIT,		/* as if packets were lost */
};

enum { LATCH_INTEGRITY = 1, LATCH_CONFIDENTIALITY = 2 };
enum latch_mode { LATCH_MODE_ANY = 0, LATCH_MODE_TUNNEL, LATCH_MODE_TRANSPORT };

/* As wait_ms of a request: the answer comes at once, and the latch may be LATCH_STATE_LARVAL. */
#define LATCH_WAIT_NONE UINT32_MAX

/**
 * struct latch_request - what is wanted; all zero asks for what the host's policy gives
 * @size:           sizeof(struct latch_request) of the caller; later versions may be larger
 * @protection:     set of LATCH_INTEGRITY and LATCH_CONFIDENTIALITY that there must be. Not of a
 *                  listener: also where the host's policy lets packets by in clear, if it has a
 *                  connection that can protect them (RFC 5660 section 3.1); likewise @narrow
 * @min_key_bits:   of the cipher
 * @min_integ_bits: of the integrity check value
 * @mode:           of the SA
 * @disposition:    of the socket on a break
 * @late:           a socket that has received bytes before may be latched all the same
 * @may_be_broken:  with a conflict, make a broken latch instead of returning LATCH_ERR_CONFLICT
 * @prefer:         latch_connect() alone: when there is no protection to be had, go on without
 * @wait_ms:        latch_latch() and latch_connect(): how long the daemon may take to set up SAs
 *                  for the connection when there are none, in milliseconds; what fails leaves no
 *                  latch. 0 is the daemon's default, 20 s; LATCH_WAIT_NONE is for latch_latch():
 *                  latch_wait() and latch_dispatch() tell what becomes of the latch
 * @narrow:         not of a listener: under an SA of just this connection, which is set up for it
 *                  and ends with it, or LATCH_ERR_NARROW_REFUSED
 * @suite:          of that SA, as LATCH has it in "suites" ("esp aes_gcm_16-256"); implies narrow.
 *                  One that the IPsec connection does not allow: LATCH_ERR_SUITE_NOT_ALLOWED, and
 *                  nothing is sent. NULL: whatever is negotiated
 * @bypass:         not of a listener, and not with any wish for protection or prefer: in clear,
 *                  though the host's policy protects. Of uid 0 alone (LATCH_ERR_NOT_AUTHORIZED),
 *                  and where latch.conf says may-bypass (LATCH_ERR_FORBIDDEN)
 * @peer:           whom it is for, and nobody else: an ID as LATCH has it in "peer_id" ("@east",
 *                  "192.0.2.1", "C=CA, CN=east"); another peer is LATCH_ERR_WRONG_PEER, and at a
 *                  listener nothing of it arrives. What is no such ID is LATCH_ERR_MALFORMED, a
 *                  longer one than 255 bytes LATCH_ERR_LIMIT_EXCEEDED; one with prefer, bypass or
 *                  characters that are not printable ASCII LATCH_ERR_ARGUMENT. NULL: anybody
 */
struct latch_request {
	size_t size;
	unsigned protection;
	uint16_t min_key_bits;
	uint16_t min_integ_bits;
	enum latch_mode mode;
	enum latch_disposition disposition;
	bool late;
	bool may_be_broken;
	bool prefer;
	uint32_t wait_ms;
	bool narrow;
	const char *suite;
	bool bypass;
	const char *peer;
};

/**
 * struct latch_event - one record of the session; valid during the call that gets it
 * @type:       "hello", "alert", "change", "state", "lost" or "away"; more may come
 * @id:         of the latch, or 0
 * @listener:   of the latch that it was born from, or 0
 * @from:       state before
 * @to:         state now
 * @mono_ns:    CLOCK_MONOTONIC of the change, in nanoseconds: the kernel enforced it by then
 * @generation: of the daemon's database
 * @error:      why no SAs could be set up for a latch that was larval; otherwise LATCH_OK
 * @reason:     for people; may be NULL
 * @json:       the whole record, as `latchctl monitor --json` prints it
 */
struct latch_event {
	const char *type;
	uint64_t id;
	uint64_t listener;
	enum latch_state from;
	enum latch_state to;
	uint64_t mono_ns;
	uint64_t generation;
	int error;
	const char *reason;
	const char *json;
};

/**
 * typedef latch_event_fn - sees one record
 * @ctx:   as given
 * @event: valid during the call
 *
 * May call no function of its handle but latch_info_…().
 */
typedef void latch_event_fn(void *ctx, const struct latch_event *event);

enum {
	LATCH_OPEN_WATCH = 1,		/* also tell of latches of others that may be seen */
	LATCH_OPEN_NO_RESUME = 2,	/* the session ends with the daemon */
};

/**
 * latch_open() - get in touch with the daemon
 * @bus_address: D-Bus address, or NULL for the system bus
 * @flags:       set of LATCH_OPEN_…
 * @ret:         close with latch_close()
 *
 * Return: 0, LATCH_ERR_SERVICE, LATCH_ERR_LIMIT_EXCEEDED, LATCH_ERR_NOT_AUTHORIZED,
 * LATCH_ERR_NO_MEMORY, or LATCH_ERR_SYSTEM when there are no more descriptors
 */
int latch_open(const char *bus_address, unsigned flags, struct latch **ret);

/*
 * When the daemon is restarted, the session ends, and the latches stay in force. The handle then
 * resumes by itself, at the next daemon, as long as latch.conf allows (resume-wait), and as long as
 * latch_dispatch() is called when latch_fd() is readable, or latch_wait() waits. Nothing else does:
 * calls that ask the daemon return LATCH_ERR_SERVICE meanwhile, and may be tried again. The program
 * is told by records: "away" when the daemon is gone; then, of the next one, "hello" and for each
 * latch of the handle "state", with from and to as it is now ("lost" when these were too many: ask
 * latch_list()); and from there on all changes. Generations begin anew with "hello". When nobody
 * comes, or does not know the session, latch_dispatch() says that it ended.
 */

/**
 * latch_close() - end the session; the latches belong to their sockets from now on
 * @latch: NULL is fine
 *
 * Return: NULL
 */
struct latch *latch_close(struct latch *latch);

/**
 * latch_latch() - latch the connection of a socket (CREATE_CONNECTION_LATCH)
 * @latch:   the handle
 * @fd:      a connected socket, also one that was accepted at a latched listener
 * @request: NULL is all zero
 * @ret_id:  of the latch
 *
 * Return: 0, or an error of the D-Bus member Latch; LATCH_ERR_TIMEOUT when SAs took too long to be
 * set up, LATCH_ERR_CLOSED when somebody ended the latch meanwhile. Of an accepted connection with
 * a conflict the latch is there and LATCH_STATE_BROKEN: ask latch_inquire().
 */
int latch_latch(struct latch *latch, int fd, const struct latch_request *request,
		uint64_t *ret_id);

/**
 * latch_connect() - latch, then connect
 * @latch:   the handle
 * @fd:      a socket that is not connected
 * @to:      where to
 * @to_len:  of @to
 * @request: NULL is all zero
 * @ret_id:  of the latch
 *
 * The local address is that of the route to @to, with the mark, owner, device, type of service and
 * protocol of @fd, unless @fd is bound; and a port is bound; so the first packet is protected
 * already. On a non-blocking socket, 0 may mean that connect() is under way. Datagrams that came
 * before the socket had a peer are thrown away, unless @request says late.
 *
 * Without a latch nothing is sent, unless @request says prefer (RFC 5660 section 2.3). Then
 * LATCH_ERR_NOT_PROTECTED, _NO_SA, _NARROW_REFUSED, _WEAK, _AUTHENTICATION_FAILED and _TIMEOUT are
 * no failures: @fd is connected all the same, unprotected or protected worse than was asked for,
 * @ret_id is 0, and latch_last_reason() says why. Who can drop packets on the way can bring that
 * about. No other error, a conflict above all, lets anything through.
 *
 * Return: 0; as above; LATCH_ERR_NOT_CONNECTED when @fd is bound to a port on every address, since
 * no address can be chosen then; LATCH_ERR_ARGUMENT when @to is no address and port of the socket's
 * family, or when @request says LATCH_WAIT_NONE, since a larval latch lets nothing through;
 * LATCH_ERR_SYSTEM when bind() or connect() failed: the latch is released then, and @fd is good for
 * close()
 */
int latch_connect(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
		  const struct latch_request *request, uint64_t *ret_id);

/**
 * latch_socket() - a socket that is latched before it is connected, to a host by its name
 * @latch:      the handle
 * @host:       name or address
 * @service:    name or number of the port
 * @type:       SOCK_STREAM (TCP) or SOCK_DGRAM (UDP), with SOCK_NONBLOCK if wanted; SOCK_CLOEXEC is
 *              always set
 * @timeout_ms: how long connecting may take for each address, in milliseconds; -1 is as long as the
 *              kernel tries
 * @request:    what there must be at whichever address it is; NULL is all zero
 * @ret_fd:     the socket
 * @ret_id:     of its latch, as of latch_connect()
 *
 * It is getaddrinfo(3), and for each address socket(2) and latch_connect(), until one is latched
 * and connected; at most 16 are tried. The time to set up SAs (wait_ms) comes on top of
 * @timeout_ms. With SOCK_NONBLOCK it returns when the first one is latched and connect() is under
 * way; the name and the daemon are waited for all the same.
 *
 * With prefer, a refusal that prefer does not cover is the end, whatever other addresses there are.
 *
 * Return: 0; what latch_connect() returned for the first address, or for the one that was the end:
 * with prefer, and with LATCH_ERR_SERVICE; LATCH_ERR_SYSTEM with ETIMEDOUT after @timeout_ms, with
 * ENOENT when there is no such host or service, with EAGAIN when no name server answered, and at
 * once with EINTR when a signal came; LATCH_ERR_ARGUMENT
 */
int latch_socket(struct latch *latch, const char *host, const char *service, int type,
		 int timeout_ms, const struct latch_request *request, int *ret_fd,
		 uint64_t *ret_id);

/**
 * latch_listen() - latch the listener (CREATE_LISTENER_LATCH), then listen(2) if it is a stream
 * @latch:   the handle
 * @fd:      a bound socket
 * @backlog: of listen(2)
 * @request: for each connection, without late, may_be_broken, prefer and wait_ms; NULL is all zero
 * @ret_ids: of the latches: one, or two of a dual-stack socket; the second is 0 otherwise
 *
 * Of a UDP socket it sets SO_TIMESTAMPNS, and IP_PKTINFO or IPV6_RECVPKTINFO, for latch_recvmsg().
 *
 * Return: 0, or an error of the D-Bus member Listen, or LATCH_ERR_SYSTEM
 */
int latch_listen(struct latch *latch, int fd, int backlog, const struct latch_request *request,
		 uint64_t ret_ids[2]);

/**
 * latch_accept() - accept4(2), then latch
 * @latch:  the handle
 * @fd:     of a latched listener
 * @flags:  of accept4(2); SOCK_CLOEXEC is always set
 * @ret_fd: the connection
 * @ret_id: of its latch, which may be LATCH_STATE_BROKEN
 *
 * A connection that cannot be latched is closed. Unless that is LATCH_ERR_SERVICE, the next one may
 * fare better.
 *
 * Return: 0; LATCH_ERR_SYSTEM when accept4() failed; as latch_latch()
 */
int latch_accept(struct latch *latch, int fd, int flags, int *ret_fd, uint64_t *ret_id);

/*
 * A UDP socket that serves many peers and stays unconnected (RFC 5660 section 5.3): each flow of
 * it, from one of its addresses to one peer, has a latch, and its id is the tag of the flow's
 * datagrams. The socket goes through latch_listen() before anything else.
 */

/**
 * latch_recvmsg() - recvmsg(2) of a datagram whose flow is latched, with its tag
 * @latch:   the handle
 * @fd:      an unconnected UDP socket of a latched listener
 * @message: as of recvmsg(2); its control messages may be more than were asked for
 * @flags:   as of recvmsg(2), without MSG_PEEK and MSG_ERRQUEUE
 * @ret_len: of the datagram
 * @ret_id:  of its latch, which is LATCH_STATE_ESTABLISHED as far as the daemon has said
 *
 * The latch of a flow is born with its first datagram, under the SA by which that came. A datagram
 * that is not handed out is thrown away, and the buffers of @message are overwritten; the next one
 * may fare better, unless the error is LATCH_ERR_SERVICE.
 *
 * Return: 0; LATCH_ERR_SYSTEM when recvmsg() failed; LATCH_ERR_BROKEN and LATCH_ERR_CLOSED of the
 * flow's latch; LATCH_ERR_TIMEOUT when the datagram had waited for more than a minute, or came
 * before latch_open(), and nobody could say any more under which SA; LATCH_ERR_WRONG_STATE when
 * @fd did not go through latch_listen(); LATCH_ERR_NOT_INTERNET for a socket of another protocol;
 * LATCH_ERR_SERVICE when the session ended, or is away; LATCH_ERR_ALREADY_USED of a flow whose
 * latch was released less than two minutes ago; other errors of the D-Bus member Latch
 */
int latch_recvmsg(struct latch *latch, int fd, struct msghdr *message, int flags,
		  size_t *ret_len, uint64_t *ret_id);

/**
 * latch_sendmsg() - sendmsg(2) of a datagram under a latch
 * @latch:   the handle
 * @fd:      an unconnected UDP socket
 * @id:      of a latch of a flow of it
 * @message: as of sendmsg(2); without a name it goes to the latch's peer
 * @flags:   as of sendmsg(2); MSG_NOSIGNAL is always set
 * @ret_len: of the datagram
 *
 * It leaves from the address of the latch. Nothing is sent when the destination, or the source in
 * a control message, is not that of the latch.
 *
 * Return: 0; LATCH_ERR_WRONG_FLOW; LATCH_ERR_NOT_INTERNET for a socket of another protocol;
 * LATCH_ERR_BROKEN, LATCH_ERR_CLOSED, or LATCH_ERR_WRONG_STATE when it is larval;
 * LATCH_ERR_NOT_FOUND; LATCH_ERR_SOURCE_ROUTED for such a control message; LATCH_ERR_SYSTEM when
 * sendmsg() failed; LATCH_ERR_SERVICE when the session ended, or is away
 */
int latch_sendmsg(struct latch *latch, int fd, uint64_t id, const struct msghdr *message,
		  int flags, size_t *ret_len);

/**
 * latch_flow() - latch a flow of a UDP socket, to send the first datagram of it
 * @latch:   the handle
 * @fd:      an unconnected UDP socket of a latched listener
 * @to:      the peer
 * @to_len:  of @to
 * @request: without prefer; NULL is all zero
 * @ret_id:  of the latch; of one that is there already, if it has the protection that is wanted
 *
 * A socket on every address sends from that of the route to @to. When the peer was first, the latch
 * is born as of latch_recvmsg(), and may be LATCH_STATE_BROKEN.
 *
 * Return: 0; as latch_latch(); LATCH_ERR_NOT_FOUND when @fd did not go through latch_listen();
 * LATCH_ERR_ARGUMENT; LATCH_ERR_ALREADY_USED when a latch of the flow was released less than two
 * minutes ago and @request does not say late, or the peer was first and @request wants an SA of
 * just this flow
 */
int latch_flow(struct latch *latch, int fd, const struct sockaddr *to, socklen_t to_len,
	       const struct latch_request *request, uint64_t *ret_id);

/**
 * latch_find() - the latch of a connected or listening socket's tuple (FIND_LATCH)
 * @latch:  the handle
 * @fd:     a socket
 * @ret_id: of the latch
 *
 * While connect() is under way the socket has no peer, and so no connection's latch.
 *
 * Return: 0, LATCH_ERR_NOT_FOUND, LATCH_ERR_NOT_CONNECTED, LATCH_ERR_NOT_INTERNET or
 * LATCH_ERR_SYSTEM
 */
int latch_find(struct latch *latch, int fd, uint64_t *ret_id);

/**
 * latch_inquire() - everything known about a latch (INQUIRE_LATCH)
 * @latch:    the handle
 * @id:       of the latch
 * @ret_info: free with latch_info_free()
 *
 * Return: 0, LATCH_ERR_NOT_FOUND or LATCH_ERR_SERVICE
 */
int latch_inquire(struct latch *latch, uint64_t id, struct latch_info **ret_info);

/* How an end proved who it is. */
enum latch_auth {
	LATCH_AUTH_UNKNOWN = 0,
	LATCH_AUTH_SIGNATURE,	/* its key signed: latch_peer_public_key() */
	LATCH_AUTH_PSK,		/* a secret that both have, and perhaps others */
	LATCH_AUTH_NULL,	/* not at all (RFC 7619) */
	LATCH_AUTH_EAP,
};

/**
 * latch_inquire_peer() - who is at the other end, and what was proved (RFC 5660 section 2)
 * @latch:    the handle
 * @id:       of a connection's latch
 * @ret_peer: free with latch_peer_free(); stays as it is whatever becomes of the latch
 *
 * What it says does not change as long as the latch has its id, by a rekey as little as by a
 * restart of the daemon. It is true of packets while the latch is LATCH_STATE_ESTABLISHED, and no
 * longer.
 *
 * Return: 0; LATCH_ERR_NOT_FOUND; LATCH_ERR_WRONG_STATE of a latch that has no peer: a listener,
 * one that is larval, or in clear
 */
int latch_inquire_peer(struct latch *latch, uint64_t id, struct latch_peer **ret_peer);

/**
 * latch_peer_free() - let go
 * @peer: NULL is fine
 *
 * Return: NULL
 */
struct latch_peer *latch_peer_free(struct latch_peer *peer);

/**
 * latch_peer_id() - the ID that the peer was authorised as: "@east", "CN=east, O=Example"
 * @peer: not NULL
 *
 * Text of pluto's: the peer chose it, so make it safe before a terminal sees it, and compare it
 * with latch_peer_text(peer, "id_type"). Whether two latches have one peer is asked of
 * latch_same_peer().
 *
 * Return: NULL when there is none, as of who proves nothing; valid as long as @peer
 */
const char *latch_peer_id(const struct latch_peer *peer);

/**
 * latch_auth_method() - how the peer proved it
 * @peer: not NULL
 *
 * Return: LATCH_AUTH_UNKNOWN also for a method that a later daemon knows
 */
enum latch_auth latch_auth_method(const struct latch_peer *peer);

/**
 * latch_peer_certificate() - DER of the certificate whose key signed
 * @peer:    not NULL
 * @ret_len: in bytes; 0 without one
 *
 * Return: NULL when there is none: another method, or a raw public key; valid as long as @peer
 */
const void *latch_peer_certificate(const struct latch_peer *peer, size_t *ret_len);

/**
 * latch_peer_trust_anchor() - DER of the self-signed certificate to which that one was validated
 * @peer:    not NULL
 * @ret_len: as above
 *
 * Return: as above
 */
const void *latch_peer_trust_anchor(const struct latch_peer *peer, size_t *ret_len);

/**
 * latch_peer_public_key() - DER SubjectPublicKeyInfo of the key that signed, certificate or not
 * @peer:    not NULL
 * @ret_len: as above
 *
 * To trust a key from its first use on (RFC 5387), keep this: latch_pin_keep().
 *
 * Return: NULL of a peer that did not sign; valid as long as @peer
 */
const void *latch_peer_public_key(const struct latch_peer *peer, size_t *ret_len);

/**
 * latch_peer_text() - one text of PEER in org.libreswan.Latch1(5)
 * @peer: not NULL
 * @key:  "id", "local_id", "id_type", …
 *
 * Return: NULL when there is no such text; valid as long as @peer
 */
const char *latch_peer_text(const struct latch_peer *peer, const char *key);

/**
 * latch_peer_bytes() - likewise bytes
 * @peer:    not NULL
 * @key:     "id_payload", "local_certificate", …
 * @ret_len: in bytes; 0 without such an entry
 *
 * Return: NULL when there are none; valid as long as @peer
 */
const void *latch_peer_bytes(const struct latch_peer *peer, const char *key, size_t *ret_len);

/**
 * latch_same_peer() - do two connections have one peer (RFC 5660 section 6.3)
 * @latch:    the handle
 * @first:    of a connection's latch
 * @second:   of another one
 * @ret_same: as the daemon itself goes by: what both ends proved, and latch.conf, peer-match
 *
 * Equal addresses do not make it one, and neither do equal names. For a program that wants several
 * connections to the same peer.
 *
 * Return: as latch_inquire_peer()
 */
int latch_same_peer(struct latch *latch, uint64_t first, uint64_t second, bool *ret_same);

/* Channel bindings (RFC 5056): bytes that both ends of a connection have, and nobody else's. A
 * login bound to them fails when somebody in the middle has a connection with each end. They are
 * made of the public keys that IKE authenticated, and are no secret. */
#define LATCH_BINDING_END_POINT "ipsec-end-point-sha256"
#define LATCH_BINDING_PEER "ipsec-single-end-point-sha256"
#define LATCH_BINDING_OWN "ipsec-single-end-point-sha256/local"
#define LATCH_BINDING_IKEV2_PUBKEY "IPsec-end-point-IKEv2-pubkey-sha-256"

/**
 * struct latch_binding - channel binding data; a value
 * @type: the unique prefix; SASL wants it beside the data, and GSS-API before it, with ':' between
 * @data: without the prefix
 * @len:  of @data, in bytes; that of SHA-256, 32, with all types there are
 */
struct latch_binding {
	char type[64];
	unsigned char data[64];
	size_t len;
};

/**
 * latch_channel_binding() - bind a login to this connection
 * @latch: the handle
 * @id:    of a connection's latch
 * @type:  one of LATCH_BINDING_…; NULL is the one to prefer, LATCH_BINDING_END_POINT. Of
 *         LATCH_BINDING_PEER, of one end's key alone, the protocol says whose; the other end asks
 *         for LATCH_BINDING_OWN then, and has the same
 * @ret:   the binding; written when 0 is returned
 *
 * It is the same as long as the latch has its id, over rekeys and restarts of the daemon. Ask for
 * it when the login begins, and once more when it is complete: with any error then, it was worth
 * nothing.
 *
 * Return: 0; LATCH_ERR_WRONG_STATE when the latch is not LATCH_STATE_ESTABLISHED, or in clear;
 * LATCH_ERR_NOT_AVAILABLE when an end whose key it takes did not prove itself by one (PSK, EAP,
 * nothing), or has renewed it; LATCH_ERR_EQUAL_KEYS; LATCH_ERR_UNSUPPORTED: no such type;
 * LATCH_ERR_NOT_FOUND; LATCH_ERR_ARGUMENT
 */
int latch_channel_binding(struct latch *latch, uint64_t id, const char *type,
			  struct latch_binding *ret);

/* Leap of faith (RFC 5387): a key is trusted because it is the one that was met first. The keys are
 * in a file of the caller's user: path, or with NULL $XDG_CONFIG_HOME/latch/known_peers, or
 * ~/.config/latch/known_peers. Its lines are a name, "spki" and hexadecimal digits; a line may be
 * taken out with an editor. A name is what the program calls the peer, "mail.example:993", say: 1
 * to 255 printable characters of ASCII without a space, the first of them not #. These calls need
 * no handle, and any thread may make them. */
enum latch_pin {
	LATCH_PIN_NEW = 0,	/* nothing is kept for this name */
	LATCH_PIN_SAME,		/* this key is */
	LATCH_PIN_OTHER,	/* another key is: somebody else, or a new key of the same */
};

/**
 * latch_pin_check() - is this the key that was met before
 * @path: see above
 * @name: of the peer
 * @key:  latch_peer_public_key() of a latch that is ESTABLISHED; NULL, of a peer that did not sign,
 *        is LATCH_ERR_ARGUMENT
 * @len:  in bytes, 1 to 4096
 * @ret:  written when 0 is returned
 *
 * Return: 0; LATCH_ERR_ARGUMENT; LATCH_ERR_SYSTEM, with EPERM when others may write the file, and
 * EFBIG when it has more than 1 MiB; LATCH_ERR_MALFORMED when what is kept for this name cannot be
 * read; LATCH_ERR_NO_MEMORY. With an error the peer is not to be trusted.
 */
int latch_pin_check(const char *path, const char *name, const void *key, size_t len,
		    enum latch_pin *ret);

/**
 * latch_pin_keep() - trust this key from now on
 * @path: see above; the file, and folders on the way to it, are made
 * @name: of the peer
 * @key:  as above
 * @len:  as above
 *
 * Return: 0, also when it is kept already; LATCH_ERR_WRONG_PEER when another key is, which stays;
 * as latch_pin_check()
 */
int latch_pin_keep(const char *path, const char *name, const void *key, size_t len);

/**
 * latch_pin_forget() - trust none of the keys of this name any more
 * @path: see above
 * @name: of the peer
 *
 * Return: 0, also when there is none; LATCH_ERR_ARGUMENT, _SYSTEM, _MALFORMED (zero bytes) or
 * _NO_MEMORY
 */
int latch_pin_forget(const char *path, const char *name);

/**
 * latch_list() - the next latches that the caller may see
 * @latch:     the handle
 * @cursor:    in: 0 begins; out: for the next call, 0 at the end
 * @ret_infos: array of latches; free each with latch_info_free(), and the array with free()
 * @ret_nr:    how many; 0 with *@cursor 0 is the end
 *
 * Return: 0 or LATCH_ERR_SERVICE
 */
int latch_list(struct latch *latch, uint64_t *cursor, struct latch_info ***ret_infos,
	       size_t *ret_nr);

/**
 * latch_info_free() - let go
 * @info: NULL is fine
 *
 * Return: NULL
 */
struct latch_info *latch_info_free(struct latch_info *info);

/**
 * latch_info_id() - its id
 * @info: not NULL
 */
uint64_t latch_info_id(const struct latch_info *info);

/**
 * latch_info_state() - its state when it was asked for
 * @info: not NULL
 */
enum latch_state latch_info_state(const struct latch_info *info);

/**
 * latch_info_text() - one entry of LATCH in org.libreswan.Latch1(5), as text
 * @info: not NULL
 * @key:  "peer_id", "suites", …; a flag is "true" or "false", a list is joined by ", "
 *
 * Return: NULL when there is no such entry; valid as long as @info
 */
const char *latch_info_text(const struct latch_info *info, const char *key);

/**
 * latch_info_json() - all of it, one JSON object without a line end
 * @info: not NULL
 *
 * Return: valid as long as @info
 */
const char *latch_info_json(const struct latch_info *info);

/**
 * latch_wait() - wait until a latch is in one of these states
 * @latch:      the handle
 * @id:         of a latch of this handle's session
 * @states:     set of 1 << enum latch_state
 * @timeout_ms: 0 only looks; -1 waits as long as it takes
 * @ret_state:  the state; LATCH_STATE_CLOSED for a latch that is gone
 *
 * Since nothing follows LATCH_STATE_CLOSED, it ends the wait whether asked for or not. Records that
 * arrive meanwhile are kept for latch_dispatch(), the newest 4096.
 *
 * While the daemon is away it waits for the next one, and then goes on.
 *
 * Return: 0; LATCH_ERR_TIMEOUT; LATCH_ERR_SERVICE when the session ended for good; LATCH_ERR_SYSTEM
 * when a signal came (EINTR)
 */
int latch_wait(struct latch *latch, uint64_t id, unsigned states, int timeout_ms,
	       enum latch_state *ret_state);

/**
 * latch_fd() - readable when latch_dispatch() has something to do; poll for POLLIN
 * @latch: the handle
 */
int latch_fd(const struct latch *latch);

/**
 * latch_dispatch() - hand out the records that are there; does not block
 * @latch: the handle
 * @fn:    called for each; NULL throws them away
 * @ctx:   for @fn
 *
 * Return: 0, also while the daemon is away; LATCH_ERR_SERVICE when the session ended for good,
 * after its last record: take every latch of it for broken, and open again
 */
int latch_dispatch(struct latch *latch, latch_event_fn *fn, void *ctx);

/**
 * latch_release() - RELEASE_LATCH: a live socket's flow stays guarded until the socket is gone
 * @latch: the handle
 * @id:    of the latch
 *
 * Return: 0, LATCH_ERR_NOT_FOUND, LATCH_ERR_WRONG_STATE or LATCH_ERR_SERVICE
 */
int latch_release(struct latch *latch, uint64_t id);

/**
 * latch_unprotect() - release, and the flow goes on without its latch
 * @latch: the handle
 * @id:    of the latch
 *
 * Return: as above, and LATCH_ERR_FORBIDDEN
 */
int latch_unprotect(struct latch *latch, uint64_t id);

/**
 * latch_break() - administrators: break a latch for good
 * @latch:  the handle
 * @id:     of the latch
 * @reason: for its owner
 *
 * Return: as latch_release(), and LATCH_ERR_NOT_AUTHORIZED
 */
int latch_break(struct latch *latch, uint64_t id, const char *reason);

/**
 * latch_shut() - administrators: close a latch, its socket is reset
 * @latch:  the handle
 * @id:     of the latch
 * @reason: for its owner
 *
 * Return: as latch_break()
 */
int latch_shut(struct latch *latch, uint64_t id, const char *reason);

/**
 * latch_forget_unreadable() - administrators: forget records of the journal that cannot be read
 * @latch:       the handle
 * @ret_records: how many there were
 * @ret_flows:   how many connections and listeners were blocked only because nothing is known of
 *               them, and are no more; a socket that is there still goes on without a latch
 *
 * Until that is done, each restart of the daemon closes all latches that its journal names. With a
 * journal that is whole nothing happens, and both are 0.
 *
 * Return: 0; LATCH_ERR_NOT_AUTHORIZED; LATCH_ERR_UNSUPPORTED of a daemon that is older;
 * LATCH_ERR_NO_MEMORY, LATCH_ERR_UNAVAILABLE or LATCH_ERR_FAILED when the journal cannot be written
 * or the guard refuses: it can be tried again
 */
int latch_forget_unreadable(struct latch *latch, uint32_t *ret_records, uint32_t *ret_flows);

/**
 * latch_reload() - administrators: the daemon reads latch.conf again
 * @latch: the handle
 *
 * What the file says holds as a whole from now on, for whoever asks for something; what latches
 * have they keep, and no latch is lost. With an error nothing has changed.
 *
 * Return: 0; LATCH_ERR_NOT_AUTHORIZED; LATCH_ERR_BAD_CONFIG, and latch_last_reason() has the file,
 * the line and what is wrong, also with what a restart of the daemon alone can change;
 * LATCH_ERR_UNSUPPORTED of a daemon that is older
 */
int latch_reload(struct latch *latch);

/**
 * struct latch_stat - one number of latch_stats()
 * @name:   as of the D-Bus member Stats: "latches", "event-conflict-sa"
 * @number: what it is now
 */
struct latch_stat {
	char name[56];
	uint64_t number;
};

/**
 * latch_stats() - administrators: numbers of the whole service
 * @latch:     the handle
 * @ret_stats: in the daemon's order; free the array with free()
 * @ret_nr:    how many; a later daemon may have more
 *
 * Return: 0; LATCH_ERR_NOT_AUTHORIZED; LATCH_ERR_UNSUPPORTED of a daemon that is older
 */
int latch_stats(struct latch *latch, struct latch_stat **ret_stats, size_t *ret_nr);

/**
 * latch_last_reason() - what the daemon said last, if that was an error
 * @latch:     the handle
 * @ret_error: of the last answer: LATCH_OK or what it refused; may be NULL
 *
 * The text is for people. It begins with the sentence of latch_strerror(); what the IKE peer said,
 * or with what there is a conflict, may follow: others chose it, and it may hold any character. An
 * error that the library found before it asked (LATCH_ERR_ARGUMENT, LATCH_ERR_SYSTEM) is no answer.
 *
 * Return: "" with LATCH_OK, never NULL; valid until the next call of the handle
 */
const char *latch_last_reason(const struct latch *latch, int *ret_error);

/**
 * latch_strerror() - one sentence
 * @error: enum latch_error
 *
 * Return: never NULL
 */
const char *latch_strerror(int error);

/**
 * latch_error_name() - "LATCH_ERR_NO_SA"
 * @error: enum latch_error
 *
 * Return: NULL for what is none
 */
const char *latch_error_name(int error);

/**
 * latch_state_name() - "established"
 * @state: a state
 *
 * Return: "none" for what is none
 */
const char *latch_state_name(enum latch_state state);

#ifdef __cplusplus
}
#endif

#endif
