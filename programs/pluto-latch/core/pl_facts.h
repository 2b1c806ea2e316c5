/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_FACTS_H
#define PL_FACTS_H

#include "core/pl_identity.h"
#include "core/pl_ts.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * enum pl_fact_kind - what pluto did, or is about to do
 *
 * The struct of each kind is named in struct pl_fact. "Asked" kinds take a verdict; the rest is
 * told.
 */
enum pl_fact_kind {
	PL_FACT_NONE = 0,
	PL_FACT_KERNEL_START,	/* before pluto flushes every SA and policy */
	PL_FACT_START,		/* pluto's event loop is about to run */
	PL_FACT_STOPPING,	/* .stop: shutdown was asked for */
	PL_FACT_STOP,		/* the last fact of a clean shutdown */
	PL_FACT_CONN_ADD,	/* .conn: a connection or an instance of one exists */
	PL_FACT_CONN_DELETE,	/* .ts: its policies, .tsi is our side; may be empty */
	PL_FACT_CONN_ROUTE,	/* .conn */
	PL_FACT_CONN_UNROUTE,	/* .conn */
	PL_FACT_PROPOSALS,	/* .proposals: our child proposals were computed */
	PL_FACT_PROPOSAL_CHOSEN, /* .proposals: the peer's child SA payload was judged */
	PL_FACT_TS_REQUEST,	/* .ts, asked: the peer proposes, pluto selected */
	PL_FACT_TS_REKEY,	/* .ts, asked: the peer rekeys a child */
	PL_FACT_TS_RESPONSE,	/* .ts, asked: the peer answered our proposal */
	PL_FACT_TS_PROPOSAL,	/* .ts, asked: we are about to propose; .ike if it is up */
	PL_FACT_SUITES,		/* .ts, asked: the suites for .selected_… of an answer */
	PL_FACT_TS_VERDICT,	/* .verdict: what became of one of the four about selectors */
	PL_FACT_TS_OFFER,	/* .ts: what our request says */
	PL_FACT_TS_ANSWER,	/* .ts: what our response says */
	PL_FACT_CHILD_INSTALL,	/* .child, asked: pluto wants to install this child SA */
	PL_FACT_CHILD_UP,	/* .child: it is installed */
	PL_FACT_CHILD_FAILED,	/* .child: it was refused, by us or by the kernel */
	PL_FACT_CHILD_DOWN,	/* .child_end */
	PL_FACT_IKE_UP,		/* .ike: authenticated, or the successor in a rekey */
	PL_FACT_IKE_ALIVE,	/* .ike of the fact: struct pl_ike_ops.ask_alive was answered */
	PL_FACT_IKE_DOWN,	/* .ike_end: once for every IKE SA */
	PL_FACT_SA_ADD,		/* .sa, asked: into the kernel */
	PL_FACT_SA_DELETE,	/* .sa */
	PL_FACT_SA_MIGRATE,	/* .child, asked: to new outer addresses; told when they are */
	PL_FACT_SA_EXPIRE,	/* .sa: the kernel says */
	PL_FACT_SPI_GET,	/* .sa: a larval SA with this SPI */
	PL_FACT_POLICY_ADD,	/* .policy, asked */
	PL_FACT_POLICY_DELETE,	/* .policy */
	PL_FACT_FLUSH,		/* pluto removes every SA and policy */
	PL_FACT_INITIATED,	/* .initiated: what came of struct pl_ike_ops.initiate */
	PL_FACT_ROOF,
};

enum pl_role { PL_ROLE_NONE = 0, PL_ROLE_INITIATOR, PL_ROLE_RESPONDER, PL_ROLE_ROOF };

enum pl_direction { PL_DIR_NONE = 0, PL_DIR_IN, PL_DIR_OUT, PL_DIR_ROOF };

enum pl_mode { PL_MODE_NONE = 0, PL_MODE_TUNNEL, PL_MODE_TRANSPORT, PL_MODE_IPTFS, PL_MODE_ROOF };

enum pl_protocol { PL_PROTO_NONE = 0, PL_PROTO_ESP = 50, PL_PROTO_AH = 51, PL_PROTO_IPCOMP = 108 };

/* The exchange whose answer an IKE SA waits for. */
enum pl_exchange {
	PL_EXCHANGE_NONE = 0,
	PL_EXCHANGE_IKE_SA_INIT,
	PL_EXCHANGE_IKE_AUTH,
	PL_EXCHANGE_CREATE_CHILD_SA,
	PL_EXCHANGE_LIVENESS,	/* an empty INFORMATIONAL: are you there? */
	PL_EXCHANGE_DELETE,
	PL_EXCHANGE_INFORMATIONAL,
	PL_EXCHANGE_OTHER,
	PL_EXCHANGE_ROOF,
};

/* Pluto's own reason for an end (terminate_reason.h). */
enum pl_reason {
	PL_REASON_NONE = 0,
	PL_REASON_TIMEOUT,	/* too many retransmits */
	PL_REASON_DELETED,
	PL_REASON_SUPERSEDED,
	PL_REASON_AUTH_FAILED,
	PL_REASON_OTHER,
	PL_REASON_ROOF,
};

/* What the end of an IKE SA means (design D8). */
enum pl_ike_end_cause {
	PL_IKE_END_NONE = 0,
	PL_IKE_END_REKEYED,	/* its children live on under a successor */
	PL_IKE_END_PEER_LOST,	/* an established peer did not answer "are you there?" */
	PL_IKE_END_PEER_DELETED, /* the peer said so */
	PL_IKE_END_UNANSWERED,	/* another request went unanswered: packet loss */
	PL_IKE_END_FAILED,	/* it was never established */
	PL_IKE_END_LOCAL,	/* this end wanted it so */
	PL_IKE_END_ROOF,
};

enum pl_verdict_kind {
	PL_VERDICT_NONE = 0,	/* no answer: counts as refuse */
	PL_VERDICT_ACCEPT,
	PL_VERDICT_NARROW,
	PL_VERDICT_REFUSE,
	PL_VERDICT_ROOF,
};

#define PL_TEXT_MAX 128

/* An outer address; .af is PL_AF_NONE when unset. */
struct pl_address {
	uint8_t af;
	uint8_t bytes[16];
};

/* What carries ESP in the place of IP. */
enum pl_encap { PL_ENCAP_NONE = 0, PL_ENCAP_UDP, PL_ENCAP_TCP, PL_ENCAP_ROOF };

/**
 * struct pl_path - between which ends the packets of a child SA go
 * @local:       outer address of this end
 * @remote:      outer address of the peer, as this end sees it
 * @encap:       what ESP is carried in
 * @local_port:  of @encap, else 0
 * @remote_port: likewise
 * @is_local_nated: IKE found a translation (NAT) in front of this end: @local is private, and only
 *               the peer sees the public address
 * @is_remote_nated: one in front of the peer: @remote and @remote_port are the public ones
 */
struct pl_path {
	struct pl_address local;
	struct pl_address remote;
	enum pl_encap encap;
	uint16_t local_port;
	uint16_t remote_port;
	bool is_local_nated;
	bool is_remote_nated;
};

/**
 * struct pl_conn_facts - the connection (of pluto's configuration) that a fact is about
 * @serial:      never reused; 0 when there is none
 * @name:        cut at PL_TEXT_MAX; tell connections apart by @serial
 * @instance:    number of the instance, 0 for what is no instance
 * @is_template: other connections are made from it
 * @ike_version: 1 or 2
 * @reqid:       of its ESP or AH SAs, 0 before it is known
 * @is_peer_id_fixed: the connection under which the IKE SA authenticated its peer admits exactly
 *               one ID: no wildcard, no %fromcert; false without an IKE SA
 * @is_for_latch: pl_ike_ops.initiate made it for just one latch, like one of the configuration that
 *               is still there
 */
struct pl_conn_facts {
	uint64_t serial;
	char name[PL_TEXT_MAX];
	uint64_t instance;
	bool is_template;
	uint8_t ike_version;
	uint32_t reqid;
	bool is_peer_id_fixed;
	bool is_for_latch;
};

struct pl_stop_facts {
	bool leaves_state;	/* SAs and policies stay in the kernel */
};

/**
 * struct pl_proposals_facts - about child proposals
 * @what:         pluto's name for the step
 * @notification: RFC 7296 section 3.10.1 error type, 0 when a proposal was chosen
 */
struct pl_proposals_facts {
	char what[PL_TEXT_MAX];
	uint32_t notification;
};

/**
 * struct pl_ts_facts - traffic selectors, always from the wire's point of view
 * @proposed_error: why @tsi and @tsr are empty: 0 or enum pl_error
 * @tsi:            as the peer's payload has it (offer, answer: as ours will have it)
 * @tsr:            likewise
 * @selected_tsi:   what pluto would do without us; empty when it refuses
 * @selected_tsr:   likewise
 * @is_accepted:    pluto would go on
 * @has_label:      the connection has a security label: selectors are not all there is
 * @may_narrow:     request: the answer may be less, if it is one subnet with one port or all;
 *                  proposal: likewise
 * @may_cut:        and if it is more than that: ranges, several selectors
 * @is_beyond:      response: not all of it is within what was proposed
 * @peer_id:        proposal: as pluto writes it, when the connection's peer can have no other;
 *                  valid during the call
 */
struct pl_ts_facts {
	int proposed_error;
	struct pl_ts_list tsi;
	struct pl_ts_list tsr;
	struct pl_ts_list selected_tsi;
	struct pl_ts_list selected_tsr;
	bool is_accepted;
	bool has_label;
	bool may_narrow, may_cut;
	bool is_beyond;
	const char *peer_id;
};

/* Says what was cut, and for what. */
#define PL_VERDICT_TEXT_MAX 256


/**
 * struct pl_ts_verdict - PL_VERDICT_NARROW: use exactly these
 * @tsi: each within what the peer proposed and pluto selected
 * @tsr: likewise
 * @text: for people: what was cut, and for what
 */
struct pl_ts_verdict {
	struct pl_ts_list tsi;
	struct pl_ts_list tsr;
	char text[PL_VERDICT_TEXT_MAX];
};

/**
 * struct pl_verdict_facts - what the engine said about selectors, and whether pluto could follow
 * @about:   the fact that was asked
 * @given:   by the engine
 * @applied: ACCEPT, NARROW or REFUSE; a NARROW that cannot be held exactly becomes REFUSE
 * @why_not: reason of that, else empty
 * @ts:      the selectors in force, unless refused
 */
struct pl_verdict_facts {
	enum pl_fact_kind about;
	enum pl_verdict_kind given;
	enum pl_verdict_kind applied;
	char why_not[PL_TEXT_MAX];
	struct pl_ts_verdict ts;
};

/* More than these, and only the suite of the SA itself counts as allowed. */
#define PL_ALLOWED_MAX 7

/**
 * struct pl_allowed_facts - a suite that the connection would take as well, now or at a rekey
 * @encrypt:  pluto's name of the cipher, empty for none
 * @key_bits: of the cipher
 * @integ:    pluto's name, "NONE" with AEAD
 */
struct pl_allowed_facts {
	char encrypt[PL_TEXT_MAX];
	uint32_t key_bits;
	char integ[PL_TEXT_MAX];
};

/**
 * struct pl_child_facts - a child SA at the moment of installation
 * @protocol:    ESP or AH
 * @spi_in:      host order
 * @spi_out:     host order
 * @rekeys:      serial of the child SA it replaces, or 0
 * @encrypt:     pluto's name of the cipher, empty for none
 * @key_bits:    of the cipher
 * @integ:       pluto's name, "NONE" with AEAD
 * @dh:          of this child's own exchange, empty without PFS
 * @has_esn:     extended sequence numbers
 * @has_ipcomp:  a compression SA belongs to it
 * @replay_window: packets
 * @may_have_esn: the connection allows extended sequence numbers, @may_lack_esn: their absence
 * @allowed:     suites that the connection allows, beside ESN
 * @nr_allowed:  how many; 0 when that is not known
 * @tsi, @tsr:   as installed
 * @path:        outside of it; PL_FACT_SA_MIGRATE: after it
 */
struct pl_child_facts {
	enum pl_protocol protocol;
	enum pl_mode mode;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t reqid;
	uint64_t rekeys;
	char encrypt[PL_TEXT_MAX];
	uint32_t key_bits;
	char integ[PL_TEXT_MAX];
	char dh[PL_TEXT_MAX];
	bool has_esn;
	bool has_ipcomp;
	bool may_have_esn, may_lack_esn;
	uint32_t replay_window;
	struct pl_allowed_facts allowed[PL_ALLOWED_MAX];
	unsigned nr_allowed;
	struct pl_ts_list tsi;
	struct pl_ts_list tsr;
	struct pl_path path;
};

/**
 * struct pl_child_end_facts - a child SA, established or larval, is gone
 * @was_established: it had been installed
 * @is_by_peer:      while handling a request of the peer
 * @ike_cause:       meaning of the end of its IKE SA when it goes with that, else NONE
 */
struct pl_child_end_facts {
	enum pl_reason reason;
	bool was_established;
	bool is_by_peer;
	enum pl_ike_end_cause ike_cause;
	uint32_t spi_in;
	uint32_t spi_out;
};

/**
 * struct pl_ike_facts - an IKE SA is up
 * @rekeys:               serial of the IKE SA it succeeds, or 0
 * @has_initial_contact:  the peer claims to know no other SA with us
 * @spi_initiator, @spi_responder: as on the wire
 */
struct pl_ike_facts {
	uint64_t rekeys;
	bool has_initial_contact;
	uint8_t spi_initiator[8];
	uint8_t spi_responder[8];
	struct pl_address local;
	struct pl_address remote;
};

/**
 * struct pl_ike_end_facts - an IKE SA is gone
 * @pending:         the exchange that was waiting for its answer
 * @was_established: it had been up
 * @is_by_peer:      the peer sent a Delete for it
 * @rekeyed_by:      serial of the successor, or 0
 */
struct pl_ike_end_facts {
	enum pl_reason reason;
	enum pl_exchange pending;
	bool was_established;
	bool is_by_peer;
	uint64_t rekeyed_by;
};

/**
 * struct pl_sa_facts - one SA of the kernel
 * @is_replacing: the larval SA of this SPI grows up
 * @is_hard:      expiry: it is gone, not merely old
 */
struct pl_sa_facts {
	enum pl_protocol protocol;
	enum pl_direction direction;
	enum pl_mode mode;
	uint32_t spi;
	uint32_t reqid;
	struct pl_address src;
	struct pl_address dst;
	char encrypt[PL_TEXT_MAX];
	uint32_t key_bits;
	char integ[PL_TEXT_MAX];
	bool is_replacing;
	bool is_hard;
};

/**
 * struct pl_policy_facts - one policy of the kernel
 * @is_replacing: an equal selector's policy may be there already
 * @src, @dst:    what it selects
 * @priority:     lower wins
 * @reqid:        of the innermost template, 0 for a shunt
 * @shunt:        pluto's name of what it does instead of protecting
 */
struct pl_policy_facts {
	enum pl_direction direction;
	enum pl_mode mode;
	bool is_replacing;
	struct pl_ts src;
	struct pl_ts dst;
	uint32_t priority;
	uint32_t reqid;
	unsigned nr_templates;
	char shunt[PL_TEXT_MAX];
};

/**
 * struct pl_initiated_facts - an attempt to set up SAs is over
 * @ticket: of whoever asked
 * @error:  0: a child SA is up, struct pl_fact.child; else enum pl_error: NOT_PROTECTED, NO_SA,
 *          NARROW_REFUSED, AUTHENTICATION_FAILED, TIMEOUT, or what pl_ike_ops.initiate may return,
 *          when the configuration changed meanwhile
 * @reason: for people: what pluto or the peer said, names of notifications as in RFC 7296
 * @notification: error type that the peer answered with (RFC 7296 section 3.10.1), 0 for none
 * @is_narrowed: the child SA covers the connection, but is less than was proposed
 * @spi_in, @spi_out, @reqid: of the child SA that is up
 */
struct pl_initiated_facts {
	uint64_t ticket;
	int error;
	char reason[PL_TEXT_MAX];
	uint32_t notification;
	bool is_narrowed;
	uint32_t spi_in;
	uint32_t spi_out;
	uint32_t reqid;
};

/**
 * struct pl_fact - one thing that happened; plain values, valid during the call that carries it
 * @ike:      serial of the IKE SA, or 0. IKE and child SAs share one counter, never reused
 * @child:    serial of the child SA, or 0
 * @role:     ours, in the exchange that made the SA
 * @conn:     .serial is 0 when no connection is involved
 * @identity: of the peer of @ike; NULL when unknown. Take a reference to keep it
 * @is_ok:    pluto's own result, for kinds that tell of one
 * @u:        the member of the kind is written, no other one
 */
struct pl_fact {
	enum pl_fact_kind kind;
	uint64_t ike;
	uint64_t child;
	enum pl_role role;
	struct pl_conn_facts conn;
	struct pl_identity *identity;
	bool is_ok;
	union {
		struct pl_stop_facts stop;
		struct pl_proposals_facts proposals;
		struct pl_ts_facts ts;
		struct pl_verdict_facts verdict;
		struct pl_child_facts child;
		struct pl_child_end_facts child_end;
		struct pl_ike_facts ike;
		struct pl_ike_end_facts ike_end;
		struct pl_sa_facts sa;
		struct pl_policy_facts policy;
		struct pl_initiated_facts initiated;
	} u;
};

/**
 * pl_ike_end_cause() - what this end of an IKE SA means
 * @end: the facts
 */
enum pl_ike_end_cause pl_ike_end_cause(const struct pl_ike_end_facts *end);

/**
 * pl_fact_name() - stable name of a kind, as in the trace
 * @kind: a kind
 */
const char *pl_fact_name(enum pl_fact_kind kind);

/**
 * pl_exchange_name() - stable name
 * @exchange: an exchange
 */
const char *pl_exchange_name(enum pl_exchange exchange);

/**
 * pl_reason_name() - stable name
 * @reason: a reason
 */
const char *pl_reason_name(enum pl_reason reason);

/**
 * pl_ike_end_cause_name() - stable name
 * @cause: a cause
 */
const char *pl_ike_end_cause_name(enum pl_ike_end_cause cause);

/**
 * pl_verdict_name() - stable name
 * @verdict: a verdict
 */
const char *pl_verdict_name(enum pl_verdict_kind verdict);

#endif
