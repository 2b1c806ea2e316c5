/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_RULE_H
#define PL_NFT_RULE_H

#include "kernel/pl_nft.h"

#include <stdbool.h>
#include <stdint.h>

struct nftnl_rule;

/* Which addresses and ports of a packet are meant. */
enum pl_nft_where {
	PL_NFT_PACKET = 1,	/* its own headers */
	PL_NFT_QUOTE,		/* those of the packet that an ICMP error quotes */
	PL_NFT_ORIGINAL,	/* conntrack's, of the direction that began */
	PL_NFT_REPLY,		/* conntrack's, of the other direction */
};

/* Where the protocol of a key comes from. */
enum pl_nft_proto {
	PL_NFT_PROTO_HERE = 0,	/* the same place as the addresses */
	PL_NFT_PROTO_FRAGMENT,	/* IPv6: the fragment header; IPv4: the IP header */
	PL_NFT_PROTO_ANY,	/* 0: it cannot be seen */
};

enum pl_nft_reqid {
	PL_NFT_NO_REQID = 0,
	PL_NFT_REQID_IN,
	PL_NFT_REQID_OUT,
	PL_NFT_REQID_BYPASS,	/* 0, whatever the packet has: of pins for what has no SA */
	PL_NFT_REQID_DEVICE,	/* none: the device that the packet came by, of answers */
};

/**
 * struct pl_nft_view - how a packet is read as a key
 * @where:       which headers
 * @is_theirs:   the sender in those headers is the remote end
 * @proto:       source of the protocol
 * @reqid:       of the SA, of sets that have one
 * @is_wildcard: the local address of the key is all zero
 * @is_anywhere: both addresses of the key are: the ports alone, of an association of SCTP
 */
struct pl_nft_view {
	enum pl_nft_where where;
	bool is_theirs;
	enum pl_nft_proto proto;
	enum pl_nft_reqid reqid;
	bool is_wildcard, is_anywhere;
};

/**
 * struct pl_nft_rule - a rule while it is made; errors are kept until pl_nft_rule_emit()
 * @rule:  libnftnl's
 * @af:    family whose headers it reads, or PL_AF_NONE
 * @error: -ENOMEM
 */
struct pl_nft_rule {
	struct nftnl_rule *rule;
	uint8_t af;
	int error;
};

/**
 * pl_nft_rule_begin() - a rule at the end of a chain
 * @rule:  to fill
 * @chain: its name
 * @af:    as above
 * @name:  shown by nft as the rule's comment
 */
void pl_nft_rule_begin(struct pl_nft_rule *rule, const char *chain, uint8_t af, const char *name);

/**
 * pl_nft_rule_emit() - add the rule to a batch and forget it
 * @rule:  begun
 * @batch: gets the rule, or the error
 */
void pl_nft_rule_emit(struct pl_nft_rule *rule, struct pl_nft_batch *batch);

/**
 * pl_nft_rule_meta() - go on only if a meta value of @len bytes compares so
 * @rule: begun
 * @key:  NFT_META_...
 * @op:   NFT_CMP_...
 * @value: compared with what the kernel puts into the register
 * @len:  1 to 4
 */
void pl_nft_rule_meta(struct pl_nft_rule *rule, uint32_t key, uint32_t op, const void *value,
		      uint32_t len);

/**
 * pl_nft_rule_proto() - go on only for this transport protocol
 * @rule: begun
 * @op:   NFT_CMP_EQ or NFT_CMP_NEQ
 * @proto: of IP
 */
void pl_nft_rule_proto(struct pl_nft_rule *rule, uint32_t op, uint8_t proto);

/**
 * pl_nft_rule_portless() - go on only if the transport protocol is none that a flow can have
 * @rule: begun
 */
void pl_nft_rule_portless(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_bytes() - go on only if bytes of the packet compare so
 * @rule:   begun
 * @base:   NFT_PAYLOAD_...
 * @offset: in bytes
 * @op:     NFT_CMP_...
 * @mask:   applied first; network order, like the bytes
 * @value:  likewise
 * @len:    1 or 2
 */
void pl_nft_rule_bytes(struct pl_nft_rule *rule, uint32_t base, uint32_t offset, uint32_t op,
		       uint16_t mask, uint16_t value, uint32_t len);

/**
 * pl_nft_rule_has_byte() - go on only if the packet is long enough to have this byte
 * @rule:   begun
 * @base:   NFT_PAYLOAD_...
 * @offset: in bytes
 */
void pl_nft_rule_has_byte(struct pl_nft_rule *rule, uint32_t base, uint32_t offset);

/**
 * pl_nft_rule_is_fragment() - go on only for a fragment
 * @rule: begun, with a family
 */
void pl_nft_rule_is_fragment(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_fragment_next() - IPv6: go on only if the fragment header names this next header
 * @rule: begun
 * @next: header type
 */
void pl_nft_rule_fragment_next(struct pl_nft_rule *rule, uint8_t next);

/**
 * pl_nft_rule_ct() - go on only if a conntrack word has one of these bits
 * @rule: begun
 * @key:  NFT_CT_STATE or NFT_CT_STATUS; without an entry, NFT_CT_STATUS ends the rule
 * @bits: host order
 */
void pl_nft_rule_ct(struct pl_nft_rule *rule, uint32_t key, uint32_t bits);

/**
 * pl_nft_rule_unprotected_out() - go on only if no SA will carry the packet
 * @rule: begun
 */
void pl_nft_rule_unprotected_out(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_protected_out() - go on only if an SA will carry the packet
 * @rule: begun
 */
void pl_nft_rule_protected_out(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_unprotected_in() - go on only if no SA carried the packet
 * @rule: begun
 */
void pl_nft_rule_unprotected_in(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_in_set() - go on only if the packet, read like this, is in a set
 * @rule: begun, with a family
 * @set:  which
 * @view: how
 */
void pl_nft_rule_in_set(struct pl_nft_rule *rule, enum pl_nft_set set,
			const struct pl_nft_view *view);

/**
 * pl_nft_rule_no_port() - go on only if no connection or listener may have the local port
 * @rule: begun, with a family
 * @view: how
 */
void pl_nft_rule_no_port(struct pl_nft_rule *rule, const struct pl_nft_view *view);

/**
 * pl_nft_rule_address() - go on only if an address is one of these
 * @rule:     begun, with a family
 * @view:     how
 * @is_local: which end
 * @lo:       network order
 * @hi:       likewise
 */
void pl_nft_rule_address(struct pl_nft_rule *rule, const struct pl_nft_view *view, bool is_local,
			 const uint8_t *lo, const uint8_t *hi);

/**
 * pl_nft_rule_port() - go on only if a port is one of these
 * @rule:     begun, with a family
 * @view:     how
 * @is_local: which end
 * @lo:       host order
 * @hi:       likewise
 */
void pl_nft_rule_port(struct pl_nft_rule *rule, const struct pl_nft_view *view, bool is_local,
		      uint16_t lo, uint16_t hi);

/**
 * pl_nft_rule_queue() - end the rule: a program decides; without it, the packet is dropped
 * @rule:  begun
 * @queue: its number
 */
void pl_nft_rule_queue(struct pl_nft_rule *rule, uint16_t queue);

/**
 * pl_nft_rule_reset() - end the rule: a RST goes back to the sender, and the packet is dropped
 * @rule: begun, of TCP; of a chain at prerouting, input, forward or output
 */
void pl_nft_rule_reset(struct pl_nft_rule *rule);

/**
 * pl_nft_rule_learn() - put the packet into a set, unless it is there; else the rule ends
 * @rule: begun, with a family
 * @set:  PL_NFT_BORN or PL_NFT_SAME
 * @view: how
 * @refreshes: what is there begins its time anew; what it leads to stays
 */
void pl_nft_rule_learn(struct pl_nft_rule *rule, enum pl_nft_set set,
		       const struct pl_nft_view *view, bool refreshes);

/**
 * pl_nft_rule_born_so() - go on only if the packet's connection was born under the packet's SA
 * @rule: begun, with a family
 * @view: how
 *
 * Only for a reqid that an earlier rule put into PL_NFT_SAME.
 */
void pl_nft_rule_born_so(struct pl_nft_rule *rule, const struct pl_nft_view *view);

/**
 * pl_nft_rule_count() - count in a named counter
 * @rule:    begun
 * @counter: its name
 */
void pl_nft_rule_count(struct pl_nft_rule *rule, const char *counter);

/**
 * pl_nft_rule_verdict() - end the rule
 * @rule:    begun
 * @verdict: NF_DROP, NF_ACCEPT, NFT_RETURN, NFT_JUMP, NFT_GOTO
 * @chain:   of the last two, else NULL
 */
void pl_nft_rule_verdict(struct pl_nft_rule *rule, int verdict, const char *chain);

#endif
