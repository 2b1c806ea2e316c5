/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_OPS_H
#define PL_OPS_H

#include "core/pl_base.h"
#include "core/pl_db.h"
#include "core/pl_facts.h"
#include "core/pl_kept.h"
#include "core/pl_tuple.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Everything the engine reaches outside of itself. It calls from one thread, in the order of enum
 * pl_effect: the guard, then the store, then the owner, then his socket; its verdict goes back
 * only after the last of them has returned (K34).
 *
 * Rules for every member: return when the effect is in force, or certainly is not; keep no pointer
 * after the return; never call into the engine, but pl_engine_inquire() (report later, from the
 * event loop). The context is the one given beside the ops. Unless said otherwise: 0; a positive
 * enum pl_error; or a negative errno. Whatever is not 0 counts as "not in force".
 */

/* One thing that the guard holds. */
enum pl_guard_kind {
	PL_GUARD_NONE = 0,
	PL_GUARD_FLOW,		/* a connection in `flows` */
	PL_GUARD_LISTENER,	/* a 3-tuple */
	PL_GUARD_PIN,		/* a connection in `pins`, a listener in `births` */
	PL_GUARD_ANSWER,	/* a connection in `answers` */
	PL_GUARD_ROOF,
};

/**
 * struct pl_pin - packets of one direction may use SAs of this reqid
 * @direction: PL_DIR_IN or PL_DIR_OUT; of a listener: PL_DIR_IN
 * @reqid:     0 in struct pl_guard_item alone: packets without an SA (pl_guard_ops.bypass)
 */
struct pl_pin {
	enum pl_direction direction;
	uint32_t reqid;
};

/**
 * struct pl_guard_item - an element of the guard
 * @kind:  of it
 * @tuple: normal, seen from this host in both directions
 * @pin:   of PL_GUARD_PIN; all zero otherwise
 */
struct pl_guard_item {
	enum pl_guard_kind kind;
	struct pl_tuple tuple;
	struct pl_pin pin;
};

/**
 * typedef pl_guard_visit - sees one element
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_guard_visit(void *ctx, const struct pl_guard_item *item);

/**
 * struct pl_guard_ops - the guard in the kernel (design D3)
 *
 * Each member is one transaction with acknowledgement: all of it is in force, or nothing changed.
 * Adding what is there, and removing what is not, is no error.
 *
 * @guard: a connection's packets are dropped, both ways, unless pinned. Pins that are there stay.
 *         The first thing done for a connection, before anybody asks which SAs it has.
 * @permit: add these pins, at least one, to a connection that is guarded. Never called while a
 *         break is in force. Refuses reqid 0 and a connection that is not guarded
 *         (PL_E_WRONG_STATE). To a listener: connections may begin under these reqids; it takes
 *         as many as there are, and refuses those that are not PL_DIR_IN.
 * @retire: remove these pins and no others: the last SA of a reqid is gone.
 * @block: remove every pin of both directions of a connection, in one batch, the ones that this
 *         process does not remember included; its flow stays guarded. Of a listener likewise: no
 *         connection begins any more.
 *         PL_E_WRONG_STATE for what is not guarded: 0 would say that its packets are dropped.
 *         After an error the engine goes on as if it had worked (BROKEN) and calls again before
 *         it ever permits.
 * @unguard: flow and pins, or the listener, leave in one batch, and with @births what @born would
 *         say. The packets of a connection pass as if there were no latch; so the engine only calls
 *         it when socket and TIME_WAIT are gone, on unprotect, or without @births when a creation
 *         fails: a listener that the connection came to goes on holding it to the SA of its birth.
 * @listen: a 3-tuple is guarded: packets to it start a connection only under an SA that is
 *         permitted, and that is remembered as a birth; everything else for it is dropped, so
 *         everything as long as nothing is permitted. Connections that are guarded, and those that
 *         were born, are not concerned. Pins that are there stay.
 * @born:  the reqids under which packets of this connection came in before it was guarded, in any
 *         order, each once: up to two are written, and there may be more only when two were. Called
 *         after @guard, when no more can be added. 0 with *@ret_nr 0 when there was no birth. The
 *         birth may be forgotten by the call.
 * @rebuild: in one batch the table, its rules and exactly these items; what was there is replaced.
 *         Every flow comes before its pins. Called after somebody removed or changed the table.
 * @take_over: the same at start, once, before all else: but the flows and listeners that a
 *         predecessor left stay guarded, without pins.
 * @unpin: what @block does to each PL_GUARD_FLOW, and @retire to each PL_GUARD_PIN. After an error
 *         the engine asks for each of them alone. May be NULL: then it always does.
 * @answer: segments of the local end of a TCP connection that is forwarded are answered with a RST
 *         instead of being dropped in silence, or no longer. Refuses a connection that is not
 *         guarded, and to begin with one that has pins (PL_E_WRONG_STATE); while it is so, @permit
 *         and @bypass refuse it. @block changes nothing about it, @unguard ends it. @walk and
 *         @rebuild have it as PL_GUARD_ANSWER. May be NULL: then nothing is ever answered.
 * @walk:  what is in force now, as read from the kernel, not from memory; in any order. For
 *         comparison with the database; nothing is changed.
 * @walk_left: after @take_over, once: the flows and listeners that a predecessor left, and which
 *         were not among the items; those may be seen again, too. From then on they are guarded as
 *         if they had been. In any order.
 * @bypass: packets of this connection pass without an SA, and under no SA, until @block or
 *         @unguard. Refuses a connection that is not guarded, or that has pins (PL_E_WRONG_STATE).
 *         @walk and @rebuild have it as a pin of reqid 0 in each direction. May be NULL.
 */
struct pl_guard_ops {
	int (*guard)(void *ctx, const struct pl_tuple *tuple);
	int (*permit)(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		      unsigned nr_pins);
	int (*retire)(void *ctx, const struct pl_tuple *tuple, const struct pl_pin *pins,
		      unsigned nr_pins);
	int (*block)(void *ctx, const struct pl_tuple *tuple);
	int (*unguard)(void *ctx, const struct pl_tuple *tuple, bool births);
	int (*listen)(void *ctx, const struct pl_tuple *tuple);
	int (*born)(void *ctx, const struct pl_tuple *tuple, uint32_t ret_reqids[static 2],
		    unsigned *ret_nr);
	int (*rebuild)(void *ctx, const struct pl_guard_item *items, size_t nr_items);
	int (*walk)(void *ctx, pl_guard_visit *visit, void *visit_ctx);
	int (*bypass)(void *ctx, const struct pl_tuple *tuple);
	int (*unpin)(void *ctx, const struct pl_guard_item *items, size_t nr_items);
	int (*answer)(void *ctx, const struct pl_tuple *tuple, bool is_on);
	int (*take_over)(void *ctx, const struct pl_guard_item *items, size_t nr_items);
	int (*walk_left)(void *ctx, pl_guard_visit *visit, void *visit_ctx);
};

/* What is wrong with what an earlier daemon left: a set. */
enum pl_damage {
	PL_DAMAGE_HEAD = 1 << 0,	/* its head cannot be read */
	PL_DAMAGE_VERSION = 1 << 1,	/* its head is of another version */
	PL_DAMAGE_CUT = 1 << 2,		/* its end is missing, or within a record */
	PL_DAMAGE_RECORD = 1 << 3,	/* places with something else than a record in them */
	PL_DAMAGE_IDENTITY = 1 << 4,	/* nobody can say who the peer of a latch was */
};

/**
 * struct pl_store_found - what an earlier daemon left
 * @nr_latches:    that could be read
 * @nr_unreadable: places with something else in them
 * @damage:        set of enum pl_damage; unless it is 0, everything that is named is to be closed
 *                 (K53)
 * @next_id:       no latch had this id or a later one; 1 in a new journal
 */
struct pl_store_found {
	size_t nr_latches;
	size_t nr_unreadable;
	unsigned damage;
	uint64_t next_id;
};

/**
 * typedef pl_store_visit - one latch of an earlier daemon
 * @ctx:      of the caller
 * @kept:     valid during the call
 * @identity: of its peer; whoever keeps it refers to it. NULL when there is none, or it cannot be
 *            read: .has_identity tells
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_store_visit(void *ctx, const struct pl_kept *kept,
			   struct pl_identity *identity);

/**
 * typedef pl_store_visit_session - one session of an earlier daemon
 * @ctx:     of the caller
 * @session: valid during the call
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_store_visit_session(void *ctx, const struct pl_kept_session *session);

/**
 * struct pl_store_ops - the journal (design D11); each member may be NULL
 *
 * @walk:   what an earlier daemon left, in any order; once, before the first @save. Its latches
 *          stay until they are saved or forgotten under their ids. Each identity is read once, and
 *          kept in @pool; without one, none is read.
 * @save:   this latch is as it says from now on. Called after the guard, before socket and owner.
 *          @latch is read during the call only, and so is @peer, whom it is for, NULL for anybody.
 *          An error on the way up means no latch; on the way down it changes nothing else.
 * @forget: there is no such latch any more
 * @walk_sessions: sessions that an earlier daemon left, in any order; after @walk. They stay until
 *          they are forgotten.
 * @save_session: this session can be resumed, with this token and no other
 * @forget_session: it cannot any more
 * @forget_unreadable: places with something else in them are free; after an error some may be
 */
struct pl_store_ops {
	int (*walk)(void *ctx, struct pl_identity_pool *pool, pl_store_visit *visit,
		    void *visit_ctx, struct pl_store_found *ret);
	int (*save)(void *ctx, const struct pl_latch *latch, const char *peer);
	int (*forget)(void *ctx, uint64_t id);
	int (*walk_sessions)(void *ctx, pl_store_visit_session *visit, void *visit_ctx);
	int (*save_session)(void *ctx, const struct pl_kept_session *session);
	int (*forget_session)(void *ctx, uint64_t number);
	int (*forget_unreadable)(void *ctx);
};

/* What became of an alert (design D2, Told). */
enum pl_told {
	PL_TOLD_NOT = 0,	/* neither of the two below: there is no such session */
	PL_TOLD_RECORD,		/* the kernel took the record for the owner's fd */
	PL_TOLD_EOF,		/* it could not, and the session was closed: EOF is the alert */
};

/**
 * struct pl_alert - ALERT of RFC 5660 section 2.3
 * @id:       of the latch
 * @listener: of the latch it was born from, or 0
 * @tuple:    of the latch
 * @event:    what happened
 * @from:     state before
 * @to:       state now
 * @diff:     set of enum pl_diff, of a conflict
 * @mono_ns:  CLOCK_MONOTONIC when the guard was in force
 * @reason:   text for people; may be NULL; may hold names that peers chose, made printable
 * @generation: of the database, after the change
 * @error:    of PL_EVENT_FAILED: enum pl_error or a negative errno; otherwise 0
 * @association: of SCTP: the id of its first latch; otherwise 0
 * @nr_intact: latches of it that are ESTABLISHED now; 0: nothing of it passes (U18)
 */
struct pl_alert {
	uint64_t id;
	uint64_t listener;
	struct pl_tuple tuple;
	enum pl_event event;
	enum pl_state from;
	enum pl_state to;
	unsigned diff;
	uint64_t mono_ns;
	uint64_t generation;
	int error;
	uint64_t association;
	unsigned nr_intact;
	const char *reason;
};

/**
 * struct pl_owner_ops - whom to tell
 *
 * @alert: tell a session (PL_OWNER_SESSION) before returning. Never waits for the reader: a full
 *         session is closed. Its end is reported later by pl_engine_owner_gone(), not from here.
 * @watch: may be NULL: the same for those who merely watch; called after @alert, for every change
 * @remind: may be NULL: tell a session that was resumed how one of its latches is now; .from is
 *         .to. Never PL_TOLD_EOF: one that has no room is told that records are missing.
 */
struct pl_owner_ops {
	enum pl_told (*alert)(void *ctx, const struct pl_owner *owner,
			      const struct pl_alert *alert);
	void (*watch)(void *ctx, const struct pl_alert *alert);
	enum pl_told (*remind)(void *ctx, const struct pl_owner *owner,
			       const struct pl_alert *alert);
};

/**
 * struct pl_socket_facts - a socket, and the way of its packets, as the kernel says it
 * @is_internet:  TCP, UDP or SCTP over IPv4 or IPv6; nothing below is written otherwise
 * @tuple:        not normalised; the remote end is zero unless @is_connected, the local port is
 *                zero unless one is bound
 * @is_connected: it has a peer; of TCP: ESTABLISHED or one of the states after it
 * @is_listening: of TCP and SCTP
 * @is_v6_only:   IPV6_V6ONLY
 * @is_here:      it belongs to the network namespace of this process
 * @is_mptcp:     MPTCP that has not fallen back to TCP
 * @has_received: bytes of its peer arrived (TCP: ever; UDP: are waiting, more cannot be known)
 * @is_source_routed: it sends IP options or a routing header
 * @is_encapsulated: its packets are wrapped before IPsec sees them, or it is itself an
 *         encapsulation
 * @is_virtual:   its packets leave through an xfrm interface or a VRF
 * @is_translated: conntrack translates the flow
 * @is_peer_local: the remote address is one of this host's
 * @is_elsewhere: the local address that was asked about is none of this host's
 * @is_many:      of SCTP: a socket of many associations
 * @has_several:  likewise: its program bound it to several addresses, and it has no association;
 *                @tuple has the one that the way to the other end begins at, or the first
 * @cookie:       SO_COOKIE
 */
struct pl_socket_facts {
	struct pl_tuple tuple;
	uint64_t cookie;
	bool is_internet, is_connected, is_listening, is_v6_only, is_here, is_mptcp, has_received,
		is_source_routed, is_encapsulated, is_virtual, is_translated, is_peer_local,
		is_elsewhere, is_many, has_several;
};

/**
 * struct pl_holders - sockets on the port of a listener, on an address that overlaps
 * @has_own:     the listener's, known by its cookie
 * @has_mine:    others of the same uid, without a peer
 * @has_foreign: sockets of other uids
 */
struct pl_holders {
	bool has_own, has_mine, has_foreign;
};

/* Of each end; what an association has beyond that is not latched. */
#define PL_ENDS_MAX 8

/**
 * struct pl_ends - the addresses that an association of SCTP has now
 * @cookie:    of its socket
 * @local:     of this end
 * @nr_local:  how many; at least one
 * @remote:    of the other
 * @nr_remote: likewise
 * @is_cut:    there are more of them
 */
struct pl_ends {
	uint64_t cookie;
	struct pl_address local[PL_ENDS_MAX], remote[PL_ENDS_MAX];
	unsigned nr_local, nr_remote;
	bool is_cut;
};

/**
 * typedef pl_socket_see - sees a connection
 * @ctx:    as given
 * @tuple:  of its socket
 * @cookie: likewise
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_socket_see(void *ctx, const struct pl_tuple *tuple, uint64_t cookie);

/**
 * struct pl_socket_ops - sockets of latched connections
 *
 * @read:    what is known of the socket behind a descriptor of this process. @to is where a socket
 *         that is not connected yet will be connected to, normal or not, and NULL otherwise: what
 *         is said of the way is said of the way there. A local address in it is the one that a
 *         socket on every address would use. A fact that cannot be found out is an error.
 * @dispose: do to the socket of this tuple what was chosen (design D9). @cookie tells it from a
 *         later one of the same tuple; 0 is unknown. @disposition is never PL_DISPOSITION_DEFAULT
 *         or _ROOF; with _WAIT there is nothing to do, and it is not called. PL_E_NOT_FOUND when
 *         there is no such socket. An error changes nothing else: the guard drops already.
 * @is_gone: *@ret says that neither a socket nor TIME_WAIT holds the tuple, nor anybody the
 *         listener's port. Any doubt is an error, and the flow stays guarded.
 * @is_idle: may be NULL: *@ret says that packets of this connection have been neither sent nor
 *         received for so long that it counts as over. Any doubt is an error, as above.
 * @holders: who has the port of this listener, whose socket is @cookie, never 0, and whose owner
 *         @uid. With @is_all, sockets that have a peer count as foreign, too; without, they are not
 *         looked at. What nobody owns, TIME_WAIT say, does not count. A doubt about the listener's
 *         own socket is @has_own; any other one is an error.
 * @came:    may be NULL: shows each connection of TCP that has a socket with the port of this
 *         listener, in no useful order; not what is left of one, as TIME_WAIT. @see calls no member
 *         of these.
 * @ends:    may be NULL: the addresses of the association that has the ports of this tuple, of the
 *         socket @cookie; 0 is any, first of all one that has the addresses, too. PL_E_NOT_FOUND
 *         when there is none; any doubt is another error.
 */
struct pl_socket_ops {
	int (*read)(void *ctx, int fd, const struct pl_tuple *to, struct pl_socket_facts *ret);
	int (*dispose)(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
		       enum pl_disposition disposition);
	int (*is_gone)(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, bool *ret);
	int (*holders)(void *ctx, const struct pl_tuple *tuple, uint64_t cookie, uint32_t uid,
		       bool is_all, struct pl_holders *ret);
	int (*is_idle)(void *ctx, const struct pl_tuple *tuple, bool *ret);
	int (*came)(void *ctx, const struct pl_tuple *tuple, pl_socket_see *see, void *see_ctx);
	int (*ends)(void *ctx, const struct pl_tuple *tuple, uint64_t cookie,
		    struct pl_ends *ret);
};

/**
 * struct pl_route_ops - the ways that sockets of this host remember
 *
 * A socket that sent while a policy let its packets pass goes on doing so when the policy is gone:
 * the guard drops what it sends, and a latch that is ESTABLISHED again carries nothing.
 *
 * @forget: all of them ask the SPD anew for what they send next. An error changes nothing else, and
 *         is for the log: the packets stay dropped until routes change.
 */
struct pl_route_ops {
	int (*forget)(void *ctx);
};

/**
 * struct pl_policy - a policy for part of the ports of a protocol: a piece of what a child SA was
 * narrowed to (core/pl_ts_pieces.h)
 * @direction:   PL_DIR_IN: also of what is forwarded
 * @src:         subnet and block of ports that it selects; .proto is that of @dst
 * @dst:         likewise
 * @priority:    lower wins
 * @is_blocking: it discards; nothing of what follows counts then
 * @protocol:    of its SAs, ESP or AH
 * @mode:        likewise, PL_MODE_TUNNEL or PL_MODE_TRANSPORT
 * @reqid:       likewise
 * @from:        outer addresses of the direction
 * @to:          likewise
 */
struct pl_policy {
	enum pl_direction direction;
	struct pl_ts src, dst;
	uint32_t priority;
	bool is_blocking;
	enum pl_protocol protocol;
	enum pl_mode mode;
	uint32_t reqid;
	struct pl_address from, to;
};

/**
 * struct pl_steer - policies for just one connection (K38)
 * @tuple:    of the connection
 * @protocol: of its SAs, ESP or AH
 * @mode:     likewise
 * @reqid:    likewise; never 0
 * @is_bypass: without an SA (K55); only .tuple counts then
 * @local:    outer address of this end
 * @remote:   of the other
 */
struct pl_steer {
	struct pl_tuple tuple;
	enum pl_protocol protocol;
	enum pl_mode mode;
	uint32_t reqid;
	bool is_bypass;
	struct pl_address local, remote;
};

/**
 * struct pl_steer_ops - policies of this daemon's own, in front of all others of the SPD
 *
 * They bear PL_XFRM_OURS and PL_XFRM_FIRST, so that they replace nobody's and are known for what
 * they are. Only what is guarded is steered.
 *
 * @put:   packets of this connection need SAs of this reqid, in and out, whatever other policies
 *         say; in the place of what was put before. After an error either direction may be there.
 * @take:  both directions are gone; none being there is no error
 * @sweep: all that bear PL_XFRM_OURS are gone, whoever put them: at start (K39), a predecessor
 */
struct pl_steer_ops {
	int (*put)(void *ctx, const struct pl_steer *steer);
	int (*take)(void *ctx, const struct pl_tuple *tuple);
	int (*sweep)(void *ctx);
};

/**
 * struct pl_initiate - which SAs to set up
 * @is_narrow: a child SA of just this connection, in both directions (K20); otherwise what a packet
 *             of it would make pluto set up
 * @suite:     of a narrow one: propose this alone (K21); all zero leaves it to the configuration
 * @peer:      with whom, as pluto writes its ID; read during the call only. NULL is anybody.
 *             Connections that are for somebody else by their configuration are left out.
 */
struct pl_initiate {
	bool is_narrow;
	struct pl_suite suite;
	const char *peer;
};

/**
 * struct pl_ike_ops - what the engine wants from pluto
 *
 * @initiate: set up SAs for this connection (K25), and the IKE SA if there is none. Returns at
 *         once; SAs arrive as PL_FACT_CHILD_INSTALL as all others do, and the outcome, exactly
 *         once unless cancelled, as PL_FACT_INITIATED with this ticket, never from within the call.
 *         PL_E_NOT_PROTECTED when no connection of the configuration covers it; PL_E_WRONG_PEER
 *         when only such do as are for others than .peer; PL_E_NO_SA when only such do as wait for
 *         their peer (no address to call); PL_E_SUITE_NOT_ALLOWED for a suite that it does not
 *         allow; PL_E_UNSUPPORTED for one that is not for a narrow one, and for a narrow one where
 *         the connection has a security label, leased addresses or an interface of its own;
 *         PL_E_WRONG_STATE for a ticket in use; PL_E_UNAVAILABLE while pluto starts or stops.
 * @cancel: nobody waits for this ticket any more: no fact comes of it. What is under way may go on,
 *         but a narrow child SA ends, if need be after it has come up.
 * @delete_child: delete this child SA, later, and tell the peer. Only one that @is_narrow made, or
 *         its successor: PL_E_NOT_FOUND for every other, they belong to the configuration. May be
 *         NULL.
 * @ask_alive: ask the peer of this IKE SA, which is up, for a sign of life on it; returns at once.
 *         PL_FACT_IKE_ALIVE says that he gave one; if he does not, the IKE SA ends as one whose
 *         peer is lost. Until then it stays, as far as that is up to this host, whatever replaces
 *         it. PL_E_NOT_FOUND when there is none of this serial, PL_E_WRONG_STATE for one that is
 *         about to end. May be NULL.
 */
struct pl_ike_ops {
	int (*initiate)(void *ctx, uint64_t ticket, const struct pl_tuple *tuple,
			const struct pl_initiate *how);
	void (*cancel)(void *ctx, uint64_t ticket);
	int (*delete_child)(void *ctx, uint64_t child);
	int (*ask_alive)(void *ctx, uint64_t ike);
};

/**
 * struct pl_clock_ops - time
 *
 * @now_ns: CLOCK_MONOTONIC
 * @wake_at: call pl_engine_tick() at this time or soon after, once. A later call replaces an
 *         earlier one; 0 cancels. May be NULL when the caller ticks by himself.
 */
struct pl_clock_ops {
	uint64_t (*now_ns)(void *ctx);
	int (*wake_at)(void *ctx, uint64_t mono_ns);
};

#define PL_SHA256_BYTES 32

/**
 * struct pl_digest_ops - what channel bindings are made of (core/pl_binding.h); no context
 * @sha256: @ret may lie within @bytes
 * @bare_key: the content of the subjectPublicKey of a DER SubjectPublicKeyInfo, which @ret borrows
 *          from. PL_E_MALFORMED when it is none.
 */
struct pl_digest_ops {
	int (*sha256)(struct pl_blob bytes, uint8_t ret[static PL_SHA256_BYTES]);
	int (*bare_key)(struct pl_blob spki, struct pl_blob *ret);
};

/**
 * struct pl_ops - all of them; a value, what it points to must outlive the engine
 *
 * @guard, @owner, @socket and @clock are needed; @store, @route, @steer, @ike and @digest may be
 * NULL.
 */
struct pl_ops {
	const struct pl_guard_ops *guard;
	void *guard_ctx;
	const struct pl_store_ops *store;
	void *store_ctx;
	const struct pl_owner_ops *owner;
	void *owner_ctx;
	const struct pl_socket_ops *socket;
	void *socket_ctx;
	const struct pl_route_ops *route;
	void *route_ctx;
	const struct pl_steer_ops *steer;
	void *steer_ctx;
	const struct pl_ike_ops *ike;
	void *ike_ctx;
	const struct pl_clock_ops *clock;
	void *clock_ctx;
	const struct pl_digest_ops *digest;
};

#endif
