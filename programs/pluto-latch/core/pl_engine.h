/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ENGINE_H
#define PL_ENGINE_H

#include "core/pl_base.h"
#include "core/pl_binding.h"
#include "core/pl_conf.h"
#include "core/pl_conflict.h"
#include "core/pl_facts.h"
#include "core/pl_limits.h"
#include "core/pl_ops.h"
#include "core/pl_xfrm.h"

/*
 * The engine: every fact of the seam enters here, and every verdict comes from here; so do calls
 * of owners and administrators. Nothing here may be called from within one of its ops, but
 * pl_engine_inquire() and pl_engine_peer(): who is told of a latch may look at it.
 */
struct pl_engine;
struct pl_association_view;

/**
 * typedef pl_engine_observer - sees every fact, before it is judged
 * @ctx:  as given to pl_engine_new()
 * @fact: valid during the call
 */
typedef void pl_engine_observer(void *ctx, const struct pl_fact *fact);

/**
 * struct pl_engine_settings - of one life of the daemon
 * @hash_key: random and secret
 * @first_id: of latches; the journal may want more
 * @conf:     what conflicts, limits, who may do what; borrowed, must outlive the engine
 * @identities: where those of the journal go; must outlive the engine; without it nothing is
 *            restored
 */
struct pl_engine_settings {
	uint8_t hash_key[16];
	uint64_t first_id;
	const struct pl_conf *conf;
	struct pl_identity_pool *identities;
};

/**
 * pl_engine_new() - an engine that lets everything pass and latches nothing
 * @observer: may be NULL
 * @ctx:      for @observer
 *
 * Return: the engine, or NULL without memory
 */
struct pl_engine *pl_engine_new(pl_engine_observer *observer, void *ctx) PL_MUST_USE;

/**
 * pl_engine_free() - forget everything
 * @engine: NULL is fine
 *
 * Return: NULL
 */
struct pl_engine *pl_engine_free(struct pl_engine *engine);

/**
 * pl_engine_start() - latch from now on; before the first SA and policy are installed
 * @engine:   the engine
 * @ops:      copied; what they point to must outlive the engine
 * @settings: copied
 *
 * Brings the guard into force. Flows and listeners that a predecessor left in it are closed, their
 * sockets reset, and stay blocked until no socket holds them (K16, T14).
 *
 * Return: 0; PL_E_WRONG_STATE when it was called before; -ENOMEM; PL_E_UNSUPPORTED when an
 * operation is missing; what the guard said. Unless 0, everything passes as before: the daemon must
 * not run like that if it was meant to latch.
 */
int pl_engine_start(struct pl_engine *engine, const struct pl_ops *ops,
		    const struct pl_engine_settings *settings) PL_MUST_USE;

/**
 * pl_engine_ts_request() - a peer proposes selectors to us, or we are about to propose some
 * @engine: the engine
 * @fact:   PL_FACT_TS_REQUEST or PL_FACT_TS_PROPOSAL
 * @ret:    to be used only with PL_VERDICT_NARROW
 *
 * Return: PL_VERDICT_ACCEPT for what pluto selected, _NARROW to @ret, or _REFUSE
 */
enum pl_verdict_kind pl_engine_ts_request(struct pl_engine *engine, const struct pl_fact *fact,
					  struct pl_ts_verdict *ret) PL_MUST_USE;

/**
 * pl_engine_ts_other() - a peer rekeys a child, or answers our proposal
 * @engine: the engine
 * @fact:   PL_FACT_TS_REKEY or PL_FACT_TS_RESPONSE
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE; here nothing can be narrowed any more
 */
enum pl_verdict_kind pl_engine_ts_other(struct pl_engine *engine,
					const struct pl_fact *fact) PL_MUST_USE;

/**
 * struct pl_suites - what an answer may have
 * @nr:      at least one
 * @list:    the suites
 * @is_must: no other will do (design D6); otherwise these are better, because with another one
 *           latches of the same peer break
 */
struct pl_suites {
	unsigned nr;
	struct pl_suite list[PL_SUITES_MAX];
	bool is_must;
};

/**
 * pl_engine_suites() - we are the responder: which suites may a child SA have (K20, K21)
 * @engine: the engine
 * @fact:   PL_FACT_SUITES: the selectors are settled
 * @ret:    written only with PL_VERDICT_NARROW
 *
 * Return: PL_VERDICT_ACCEPT for any that the connection allows, _NARROW to @ret, or _REFUSE
 */
enum pl_verdict_kind pl_engine_suites(struct pl_engine *engine, const struct pl_fact *fact,
				      struct pl_suites *ret) PL_MUST_USE;

/**
 * pl_engine_child_install() - pluto is about to install a child SA
 * @engine: the engine
 * @fact:   PL_FACT_CHILD_INSTALL
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE
 */
enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine,
					     const struct pl_fact *fact) PL_MUST_USE;

/**
 * pl_engine_refusal() - why the last question was answered with PL_VERDICT_REFUSE
 * @engine: the engine
 *
 * Return: for people; valid until the next fact; NULL when there is nothing to say
 */
const char *pl_engine_refusal(const struct pl_engine *engine);

/**
 * pl_engine_kernel_change() - the gate of last resort: pluto is about to change the kernel
 * @engine: the engine
 * @fact:   PL_FACT_SA_ADD, PL_FACT_SA_MIGRATE or PL_FACT_POLICY_ADD
 *
 * Return: PL_VERDICT_ACCEPT or _REFUSE
 */
enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine,
					     const struct pl_fact *fact) PL_MUST_USE;

/**
 * pl_engine_note() - something happened that nobody can refuse
 * @engine: the engine
 * @fact:   of any kind that is not asked
 */
void pl_engine_note(struct pl_engine *engine, const struct pl_fact *fact);

/**
 * pl_engine_heeds() - whether a fact of this kind does anything
 * @engine: the engine
 * @kind:   a kind
 *
 * Return: false: it need not be told, because nothing is decided by it and nobody observes
 */
bool pl_engine_heeds(const struct pl_engine *engine, enum pl_fact_kind kind);

/**
 * pl_engine_reqid() - the reqid that a child SA shall get, so that it names one peer (design D3)
 * @engine: the engine
 * @fact:   PL_FACT_CHILD_INSTALL, before it is asked
 *
 * SAs of one connection, one peer and one set of parameters share it, no others do.
 *
 * Return: pluto's base number, of which those of ESP, AH and IPComp are made; 0: leave it as it is
 */
uint32_t pl_engine_reqid(struct pl_engine *engine, const struct pl_fact *fact);

/**
 * pl_engine_generation() - rises with every change of the database
 * @engine: the engine
 */
uint64_t pl_engine_generation(const struct pl_engine *engine);

/**
 * pl_engine_latches() - how many latches people see in this state; costs nothing
 * @engine: the engine
 * @shown:  as pl_state_shown() has it
 */
uint32_t pl_engine_latches(const struct pl_engine *engine, enum pl_state shown);

/**
 * pl_engine_count() - how many facts of this kind were told
 * @engine: the engine
 * @kind:   a kind
 */
uint64_t pl_engine_count(const struct pl_engine *engine, enum pl_fact_kind kind);

/* What the kernel says about its SAs and policies, in the order in which it happened (K35, T7). */

/**
 * pl_engine_xfrm() - one change
 * @engine: the engine
 * @change: by anybody; pluto's own was told to the engine before it was made
 *
 * Nothing is judged by it before pl_engine_xfrm_settle().
 *
 * Return: 0; -ENOMEM, and only a list can help
 */
int pl_engine_xfrm(struct pl_engine *engine, const struct pl_xfrm_change *change) PL_MUST_USE;

/**
 * pl_engine_xfrm_list_begin() - changes were lost: all that the kernel has follows
 * @engine: the engine
 */
void pl_engine_xfrm_list_begin(struct pl_engine *engine);

/**
 * pl_engine_xfrm_listed() - one SA or policy of the list
 * @engine: the engine
 * @change: PL_XFRM_SA_NEW or PL_XFRM_POLICY_NEW
 *
 * Return: 0; PL_E_UNSUPPORTED; -ENOMEM. Unless 0, the list has no end.
 */
int pl_engine_xfrm_listed(struct pl_engine *engine,
			  const struct pl_xfrm_change *change) PL_MUST_USE;

/**
 * pl_engine_xfrm_list_end() - that was all, and all of it was taken in
 * @engine: the engine
 */
void pl_engine_xfrm_list_end(struct pl_engine *engine);

/**
 * pl_engine_xfrm_settle() - no change is waiting: break what is in conflict now, restore what no
 * longer is (T7, T9)
 * @engine: the engine
 */
void pl_engine_xfrm_settle(struct pl_engine *engine);

/**
 * pl_engine_xfrm_is_settled() - nothing was told that pl_engine_xfrm_settle() has to judge
 * @engine: the engine
 *
 * What pluto does to its own SAs and policies was judged when pluto said so.
 */
bool pl_engine_xfrm_is_settled(const struct pl_engine *engine);

/**
 * pl_engine_xfrm_blind() - changes were lost, and there is no list: every latch is BROKEN until
 * there is one
 * @engine: the engine
 */
void pl_engine_xfrm_blind(struct pl_engine *engine);

/* Calls: who asks is NULL for the administrator; latches of another uid are PL_E_NOT_FOUND. */

/* Of a UDP socket that stays unconnected (RFC 5660 section 5.3): why the latch of one of its flows
 * is wanted. */
enum pl_tag {
	PL_TAG_NONE = 0,
	PL_TAG_IN,	/* a datagram of it was received: what was born with the first one */
	PL_TAG_OUT,	/* one is to be sent: that, or else a new one */
};

/**
 * struct pl_engine_ask - a latch is asked for
 * @tuple:       as a socket or a client says it; will be normalised
 * @is_v6_only:  of a listener on every IPv6 address: IPv4 is not meant
 * @owner:       counted against the limits of its uid
 * @gids:        groups of whoever asks, for latch.conf; may be NULL
 * @nr_gids:     how many
 * @cookie:      of the socket; 0 is unknown
 * @require:     the least protection (K11, K40)
 * @disposition: on a break
 * @is_late:     of a socket: that it received bytes before is welcome; of a tuple: it did
 * @may_unprotect: set by latch.conf, whatever is asked for
 * @may_be_broken: with a conflict, an object that passes nothing instead of an error (T3)
 * @is_narrow:   by an SA of just this connection, which ends with the latch (K20)
 * @suite:       of that SA, which must be narrow then (K21); all zero is any
 * @is_wanted:   set by the engine: this is a wish for protection, not for whatever the SPD gives
 * @is_bypass:   the SPD protects, and it shall not (RFC 5660 section 3.1): of uid 0 alone
 * @setup_ms:    how long SAs may take that have to be set up first (K25, K26); 0: only those that
 *               are there
 * @tag:         of pl_engine_tag_socket()
 * @peer:        of pl_peer_id_read(): whom it is for, and nobody else; of a listener, each of its
 *               connections; NULL is anybody
 */
struct pl_engine_ask {
	struct pl_tuple tuple;
	bool is_v6_only;
	struct pl_owner owner;
	const uint32_t *gids;
	unsigned nr_gids;
	uint64_t cookie;
	struct pl_require require;
	enum pl_disposition disposition;
	bool is_late;
	bool may_unprotect;
	bool may_be_broken;
	bool is_narrow;
	struct pl_suite suite;
	bool is_wanted;
	bool is_bypass;
	bool is_forwarded;
	uint32_t setup_ms;
	enum pl_tag tag;
	const char *peer;
};

/**
 * pl_engine_latch() - CREATE_CONNECTION_LATCH (T2, T3)
 * @engine:     the engine
 * @ask:        copied
 * @ret_id:     of the latch
 * @ret_report: written with PL_E_CONFLICT; its text also when the SAs are not asked for so soon
 *              again; may be NULL
 *
 * The flow is guarded before anybody looks for its SAs, and pinned to them at the end. After an
 * error the flow is as free as it was before; if the guard refuses that, it stays blocked, and
 * pl_engine_tick() tries again. A latch of the same tuple that was released, or whose owner knows
 * that it is closed, is taken over as long as its socket is there, and then no SAs are set up.
 *
 * With .setup_ms and without SAs, the latch is PL_STATE_LARVAL and nothing passes; its owner is
 * told when it is ESTABLISHED (PL_EVENT_COMPLETED), BROKEN, or came to nothing (PL_EVENT_FAILED).
 * Then the same wish of the same uid has the same error at once for a while (pl_hold.c).
 *
 * Return: 0; PL_E_UNAVAILABLE; errors of pl_tuple_connection(); PL_E_FORBIDDEN by latch.conf;
 * PL_E_ALREADY_LATCHED; PL_E_LIMIT_EXCEEDED; PL_E_NO_SA; PL_E_WRONG_PEER when the SAs that are
 * there, or the first that are set up, are not of .peer; PL_E_NOT_PROTECTED when SAs are there and
 * no policy; PL_E_CONFLICT; PL_E_WEAK; PL_E_SHARED_REQID; PL_E_TOO_MANY; -ENOMEM; what guard or
 * store said; of .is_bypass errors of pl_bypass_admit()
 */
int pl_engine_latch(struct pl_engine *engine, const struct pl_engine_ask *ask, uint64_t *ret_id,
		    struct pl_conflict_report *ret_report) PL_MUST_USE;

/**
 * pl_engine_latch_socket() - the same for a socket (design D12): its tuple and cookie are read
 * from it
 * @engine:     the engine
 * @fd:         stays the caller's
 * @ask:        .tuple is only read for a socket that is not connected: its remote end is where it
 *              will be connected to; .cookie is not read
 * @ret_id:     as above; also of a connection that came to a listener of the same uid, whose latch
 *              may be BROKEN (pl_engine_accept())
 * @ret_report: as above
 *
 * The socket is read again when the guard is in force: what changed meanwhile is an error, and
 * leaves no latch.
 *
 * Return: as above; pl_socket_judge(); PL_E_MALFORMED when the two ends are of two families;
 * PL_E_SOCKET_CHANGED; what the socket ops said
 */
int pl_engine_latch_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *ask,
			   uint64_t *ret_id, struct pl_conflict_report *ret_report) PL_MUST_USE;

/**
 * pl_engine_tag_socket() - the latch of one flow of a UDP socket that stays unconnected (U9, U10)
 * @engine:     the engine
 * @fd:         stays the caller's; its listener is latched for the same uid
 * @ask:        .tuple: the remote end, and the local address of a socket on every address; .tag;
 *              .cookie is not read
 * @ret_id:     of the latch: one that is there is found, and belongs to the asker's session if it
 *              was its socket's; one that is born may be BROKEN, as of pl_engine_present()
 * @ret_report: as above
 *
 * Latches of several flows share the socket, and end with it. One that was released leaves the
 * guard to the listener after a while; until then its flow is latched again only as late, because
 * the socket may still hold what came under the old one.
 *
 * Return: as pl_engine_latch_socket(); PL_E_NOT_FOUND when the socket is not that of a latched
 * listener, or with PL_TAG_IN nothing was born; PL_E_WRONG_FLOW when the socket is bound to another
 * local address, or this host does not have it; PL_E_ALREADY_LATCHED when the flow is another
 * socket's or another live session's, its SAs are being set up, or an SA of its own is wanted for
 * one that is there
 */
int pl_engine_tag_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *ask,
			 uint64_t *ret_id, struct pl_conflict_report *ret_report) PL_MUST_USE;

/**
 * pl_engine_listen_socket() - pl_engine_listen() for a bound socket
 * @engine: the engine
 * @fd:     stays the caller's
 * @ask:    .tuple, .is_v6_only and .cookie are not read
 * @ret:    as pl_engine_listen()
 * @ret_nr: likewise
 *
 * Only uid 0 may take a port on which others have sockets, too.
 *
 * Return: as pl_engine_listen(); pl_socket_judge(); PL_E_PORT_SHARED; PL_E_SOCKET_CHANGED; what the
 * socket ops said
 */
int pl_engine_listen_socket(struct pl_engine *engine, int fd, const struct pl_engine_ask *ask,
			    uint64_t ret[static 2], unsigned *ret_nr) PL_MUST_USE;

/**
 * pl_engine_listen() - CREATE_LISTENER_LATCH (T1): all of its 3-tuples or none
 * @engine: the engine
 * @ask:    copied
 * @ret:    ids: one, or two of a dual-stack listener
 * @ret_nr: how many
 *
 * From then on connections to it begin under SAs that meet .require and are .peer's, and no others
 * (K40); which
 * those are may change at any time. One that the guard does not take now is tried again by
 * pl_engine_tick().
 *
 * Return: 0; PL_E_UNAVAILABLE; errors of pl_tuple_listener(); PL_E_FORBIDDEN by latch.conf;
 * PL_E_ALREADY_LATCHED; PL_E_LIMIT_EXCEEDED; -ENOMEM; what guard or store said
 */
int pl_engine_listen(struct pl_engine *engine, const struct pl_engine_ask *ask,
		     uint64_t ret[static 2], unsigned *ret_nr) PL_MUST_USE;

/**
 * pl_engine_accept() - a connection came to a latched listener (T4, T5)
 * @engine: the engine
 * @tuple:  of the connection
 * @reqid:  of the SA that its first packet came under, as the guard saw it; 0 is unknown
 * @cookie: of its socket; 0 is unknown
 * @ret_id: of the latch, also when it is BROKEN
 *
 * The listener's owner owns it and is told, before this returns (K24). With anything in doubt (a
 * conflict, two reqids, none, an SA that is gone, too little protection) the latch is BROKEN. An SA
 * of just one connection of a listener is that trigger already when it comes up (L14); its latch is
 * then there before the connection is.
 *
 * Return: 0 also for a BROKEN latch; PL_E_UNAVAILABLE; errors of pl_tuple_connection();
 * PL_E_NOT_FOUND without a listener; PL_E_ALREADY_LATCHED; PL_E_LIMIT_EXCEEDED; -ENOMEM; what guard
 * or store said
 */
int pl_engine_accept(struct pl_engine *engine, const struct pl_tuple *tuple, uint32_t reqid,
		     uint64_t cookie, uint64_t *ret_id) PL_MUST_USE;

/**
 * pl_engine_present() - the same, by the program that accepted the connection: it owns the latch
 * @engine: the engine
 * @ask:    .tuple, .cookie, .owner, and .require on top of the listener's
 * @ret_id: of the latch, also when it is BROKEN
 *
 * The listener's owner is told as above. With .tag, a connection that no packet began has no latch:
 * PL_E_NOT_FOUND.
 *
 * Return: as above; PL_E_FORBIDDEN by latch.conf; PL_E_WRONG_PEER for another .peer than the
 * listener or its connection has
 */
int pl_engine_present(struct pl_engine *engine, const struct pl_engine_ask *ask,
		      uint64_t *ret_id) PL_MUST_USE;

/* Without anybody asking (K12, K13). */

/* What becomes of a packet that begins a connection, and that the guard held. */
enum pl_auto_verdict {
	PL_AUTO_DROP = 0,	/* it has no latch */
	PL_AUTO_AGAIN,		/* its flow is in the guard now: let that judge it anew */
	PL_AUTO_PASS,		/* it is none of ours: it goes on as if it had not been held */
};

/**
 * pl_engine_auto_begin() - the listeners of latch.conf are latched from now on
 * @engine: started, before anything is installed
 *
 * They have no socket, and belong to the administrator. Nobody can release them.
 *
 * Return: 0; as pl_engine_listen(): then some are not, and the daemon must not run like that
 */
int pl_engine_auto_begin(struct pl_engine *engine) PL_MUST_USE;

/**
 * pl_engine_auto() - a packet begins a connection that a rule of latch.conf wants latched
 * @engine:    the engine
 * @tuple:     of it, seen from this host
 * @way:       PL_DIR_IN: the guard has recorded its birth; or PL_DIR_OUT
 * @uid:       whose socket sent it; of those that come in 0
 * @ret_error: why it is dropped; 0 otherwise
 *
 * A latch for one that goes out may be PL_STATE_LARVAL afterwards; then nothing of it passes yet.
 */
enum pl_auto_verdict pl_engine_auto(struct pl_engine *engine, const struct pl_tuple *tuple,
				    enum pl_direction way, uint32_t uid, int *ret_error);

/**
 * pl_engine_auto_forward() - the same for a packet that this host forwards (L21)
 * @engine:    the engine
 * @sent:      of it, local is the sender's end
 * @ret_error: why it is dropped; 0 otherwise
 *
 * SAs are set up for what the inner end begins only.
 */
enum pl_auto_verdict pl_engine_auto_forward(struct pl_engine *engine, const struct pl_tuple *sent,
					    int *ret_error);

/**
 * pl_engine_find() - FIND_LATCH
 * @engine: the engine
 * @who:    asks
 * @tuple:  of a connection, or normal of a listener
 * @ret:    valid until the next call
 *
 * Return: 0; PL_E_NOT_FOUND; errors of pl_tuple_connection()
 */
int pl_engine_find(const struct pl_engine *engine, const struct pl_owner *who,
		   const struct pl_tuple *tuple, const struct pl_latch **ret) PL_MUST_USE;

/**
 * pl_engine_inquire() - INQUIRE_LATCH
 * @engine: the engine
 * @who:    asks
 * @id:     of the latch
 * @ret:    valid until the next call
 *
 * Return: 0 or PL_E_NOT_FOUND
 */
int pl_engine_inquire(const struct pl_engine *engine, const struct pl_owner *who, uint64_t id,
		      const struct pl_latch **ret) PL_MUST_USE;

/**
 * pl_engine_peer() - whom a latch is for, as it was asked for
 * @engine: the engine
 * @latch:  of it
 *
 * Return: NULL is anybody; else valid until the engine is called again
 */
const char *pl_engine_peer(const struct pl_engine *engine, const struct pl_latch *latch);

/**
 * pl_engine_same_peer() - are two connections latched to one and the same peer (L27)
 * @engine: the engine
 * @a:      from pl_engine_inquire()
 * @b:      likewise
 *
 * That is decided as for an SA of the peer: by what was proved, and by peer-match.
 *
 * Return: false also when of one of them no peer is known
 */
bool pl_engine_same_peer(const struct pl_engine *engine, const struct pl_latch *a,
			 const struct pl_latch *b);

/**
 * pl_engine_binding() - channel binding data of a connection (RFC 5056; L28)
 * @engine: the engine
 * @latch:  from pl_engine_inquire()
 * @type:   which
 * @ret:    the binding; written when 0 is returned
 *
 * It is made of the keys that were latched, and so the same as long as the latch has its id, over
 * rekeys and restarts. There is none but while the latch is ESTABLISHED, nor while the peer or this
 * host has a renewed key (latch.conf, peer-match = id): the other end would make another one.
 *
 * Return: 0; PL_E_WRONG_STATE when it is not ESTABLISHED, or in clear; PL_E_NOT_AVAILABLE for a
 * renewed key; errors of pl_binding_make()
 */
int pl_engine_binding(const struct pl_engine *engine, const struct pl_latch *latch,
		      enum pl_binding_type type, struct pl_binding *ret) PL_MUST_USE;

/**
 * pl_engine_path() - between which addresses a connection's packets go now (K8, K9)
 * @engine: the engine
 * @latch:  from pl_engine_inquire()
 *
 * That is by the newest SA that carries it. Addresses move, with a new SA or by MOBIKE: they are no
 * parameters of a latch.
 *
 * Return: NULL when nothing carries it; else valid until the next call
 */
const struct pl_path *pl_engine_path(const struct pl_engine *engine, const struct pl_latch *latch);

/**
 * pl_engine_association() - what holds for a latch's association as a whole (U11)
 * @engine: the engine
 * @latch:  from pl_engine_inquire()
 * @ret:    the answer
 *
 * Return: false for what is no connection of SCTP
 */
bool pl_engine_association(const struct pl_engine *engine, const struct pl_latch *latch,
			   struct pl_association_view *ret);

/**
 * pl_engine_next() - the next latch that the asker may see, in the order of ids
 * @engine: the engine
 * @who:    asks
 * @cursor: the last id seen; 0 begins
 *
 * Return: NULL at the end; else valid until the next call
 */
const struct pl_latch *pl_engine_next(const struct pl_engine *engine, const struct pl_owner *who,
				      uint64_t cursor);

/**
 * pl_engine_release() - RELEASE_LATCH (T10 to T12): the flow stays guarded until its socket is gone
 * @engine: the engine
 * @who:    asks
 * @id:     of the latch
 *
 * Of an association of SCTP all latches are released, whichever is named; so are they closed and
 * unprotected, the latter only when each of them is intact.
 *
 * Return: 0; PL_E_NOT_FOUND; PL_E_WRONG_STATE; what the guard said, and nothing changed
 */
int pl_engine_release(struct pl_engine *engine, const struct pl_owner *who,
		      uint64_t id) PL_MUST_USE;

/**
 * pl_engine_unprotect() - release, and the flow goes on without its latch
 * @engine: the engine
 * @who:    asks
 * @id:     of the latch
 *
 * Return: as above; PL_E_WRONG_STATE for a latch that is not intact; PL_E_FORBIDDEN by latch.conf
 */
int pl_engine_unprotect(struct pl_engine *engine, const struct pl_owner *who,
			uint64_t id) PL_MUST_USE;

/**
 * pl_engine_admin_break() - break a latch for good (K62)
 * @engine: the engine
 * @id:     of the latch
 * @text:   for its owner
 *
 * Return: 0, PL_E_NOT_FOUND or PL_E_WRONG_STATE
 */
int pl_engine_admin_break(struct pl_engine *engine, uint64_t id, const char *text) PL_MUST_USE;

/**
 * pl_engine_admin_close() - close a latch (K23): its socket is reset
 * @engine: the engine
 * @id:     of the latch
 * @text:   for its owner
 *
 * Return: 0, PL_E_NOT_FOUND or PL_E_WRONG_STATE
 */
int pl_engine_admin_close(struct pl_engine *engine, uint64_t id, const char *text) PL_MUST_USE;

/**
 * pl_engine_used() - how much of a limit latches use now
 * @engine: the engine
 * @limit:  PL_LIMIT_LATCHES, _PENDING or _AUTOMATIC; of all users together
 */
uint32_t pl_engine_used(const struct pl_engine *engine, enum pl_limit limit);

/**
 * pl_engine_unreadable() - records of the journal that could not be read, and are there still (K53)
 * @engine: the engine
 */
size_t pl_engine_unreadable(const struct pl_engine *engine);

/**
 * pl_engine_damage() - what was wrong with the journal, until that is forgotten
 * @engine: the engine
 *
 * Return: set of enum pl_damage
 */
unsigned pl_engine_damage(const struct pl_engine *engine);

/**
 * pl_engine_unnamed() - flows and listeners that the guard had at the start, and the journal not
 * @engine: the engine
 */
size_t pl_engine_unnamed(const struct pl_engine *engine);

/**
 * pl_engine_forget_unreadable() - an administrator saw them: the journal is whole again
 * @engine:      the engine
 * @ret_records: how many were forgotten
 * @ret_flows:   how many flows and listeners were blocked because nothing was known of them, and
 *               are no more, whatever sockets they have
 *
 * With a journal that is whole, nothing is forgotten, and nothing set free.
 *
 * Return: 0; what store or guard said: the rest may be tried again
 */
int pl_engine_forget_unreadable(struct pl_engine *engine, size_t *ret_records,
				size_t *ret_flows) PL_MUST_USE;

/**
 * pl_engine_owner_gone() - a session ended: the sockets own its latches
 * @engine:  the engine
 * @session: its number
 */
void pl_engine_owner_gone(struct pl_engine *engine, uint64_t session);

/* Sessions that a daemon left to its successor (pl_resume.c). */

/**
 * pl_engine_session_save() - write down that a session can be resumed with this token alone
 * @engine:  the engine
 * @session: new, or found by pl_engine_session_find()
 *
 * Return: 0; what the store said, and nothing changed
 */
int pl_engine_session_save(struct pl_engine *engine,
			   const struct pl_kept_session *session) PL_MUST_USE;

/**
 * pl_engine_session_find() - a session that is awaited
 * @engine:     the engine
 * @uid:        of whoever asks
 * @token:      SHA-256 of what he says
 * @ret_number: of the session
 *
 * Return: 0; PL_E_NOT_RESUMABLE for a wrong token, another uid, a session that lives, and too late
 */
int pl_engine_session_find(const struct pl_engine *engine, uint32_t uid,
			   const uint8_t token[static PL_KEPT_DIGEST_BYTES],
			   uint64_t *ret_number) PL_MUST_USE;

/**
 * pl_engine_session_resumed() - it is back: its owner is told how each of its latches is now
 * @engine: the engine
 * @number: of the session, which can be told already
 */
void pl_engine_session_resumed(struct pl_engine *engine, uint64_t number);

/**
 * pl_engine_session_last() - the greatest number of a session of the daemon before; 0: none
 * @engine: the engine
 */
uint64_t pl_engine_session_last(const struct pl_engine *engine);

/**
 * pl_engine_flow_gone() - somebody says that a socket is gone; it is looked up, TIME_WAIT included
 * @engine: the engine
 * @tuple:  normal
 *
 * When something is left, TIME_WAIT say, pl_engine_tick() looks again until it is gone.
 *
 * Return: 0 also when it is not gone yet; PL_E_NOT_FOUND; what guard or socket_ops said
 */
int pl_engine_flow_gone(struct pl_engine *engine, const struct pl_tuple *tuple) PL_MUST_USE;

/**
 * pl_engine_socket_gone() - a socket ended, whatever its tuple was then
 * @engine: the engine
 * @cookie: of the socket; that of no latch is fine
 *
 * One that was never connected has no tuple, and one of UDP may have another one than its latch.
 * What is left is looked for by pl_engine_tick() until nothing is.
 */
void pl_engine_socket_gone(struct pl_engine *engine, uint64_t cookie);

/**
 * pl_engine_flows_gone() - ends of sockets may have been missed: any of them may be gone
 * @engine: the engine
 *
 * Nothing is looked up now: pl_engine_tick() does it for every latch, as its time allows, until the
 * latch ends.
 */
void pl_engine_flows_gone(struct pl_engine *engine);

/**
 * pl_engine_tick() - time went by: flows that end, and what the guard refused earlier
 * @engine: the engine
 *
 * Asks for the next one by itself (struct pl_clock_ops) while there is something to wait for. What
 * the guard refused is tried at once; sockets are looked up for a tenth of a second, the others
 * have their turn at the next tick.
 */
void pl_engine_tick(struct pl_engine *engine);

/**
 * pl_engine_guard_lost() - somebody changed the guard's table: build it anew
 * @engine: the engine
 *
 * Until that works no SA is installed and no latch is ESTABLISHED; pl_engine_tick() tries again.
 *
 * Return: 0, or what the guard said
 */
int pl_engine_guard_lost(struct pl_engine *engine) PL_MUST_USE;

/**
 * pl_engine_is_guarding() - as far as the engine knows, the guard is in force
 * @engine: the engine
 *
 * Return: false also before pl_engine_start()
 */
bool pl_engine_is_guarding(const struct pl_engine *engine);

/**
 * pl_engine_is_over() - after PL_FACT_STOPPING, with stop = close: no latch is left
 * @engine: the engine
 *
 * Guard and journal are of no use any more.
 */
bool pl_engine_is_over(const struct pl_engine *engine);

/**
 * pl_engine_compare() - is in the kernel's guard what the database says
 * @engine:      the engine
 * @ret_missing: elements that are not in force
 * @ret_extra:   elements that nobody asked for
 *
 * Return: 0; PL_E_UNAVAILABLE; -ENOMEM; what the guard said
 */
int pl_engine_compare(struct pl_engine *engine, size_t *ret_missing,
		      size_t *ret_extra) PL_MUST_USE;

#endif
