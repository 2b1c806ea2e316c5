/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The vocabulary in which pl_nft_table.c writes its rules: each word becomes one or a few libnftnl
 * expressions. All words but the last ones end the rule when they do not apply, and an expression
 * that finds nothing to read (no SA, no ports in a later fragment, a short packet) does so, too: a
 * rule that accepts does so only when everything in it was seen.
 *
 * Invariant: registers 0 to 11 (of 4 bytes each) hold a key in the layout of pl_nft.h, and behind
 * it what it shall lead to; those from 12 on are for comparisons, and what a map leads to comes to
 * 11 and 12. Kernels zero the rest of a register when they load one or two bytes.
 */

#include "kernel/pl_nft_rule.h"

#include "kernel/pl_nft_layout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>

enum { SCRATCH = NFT_REG32_12 };

static struct nftnl_expr *add(struct pl_nft_rule *rule, const char *kind)
{
	struct nftnl_expr *expr = rule->error == 0 ? nftnl_expr_alloc(kind) : NULL;

	if (expr == NULL)
		rule->error = -ENOMEM;
	else
		nftnl_rule_add_expr(rule->rule, expr);
	return expr;
}

static void set_bytes(struct pl_nft_rule *rule, struct nftnl_expr *expr, uint16_t attr,
		      const void *bytes, uint32_t len)
{
	if (nftnl_expr_set(expr, attr, bytes, len) < 0)
		rule->error = -ENOMEM;
}

static void set_text(struct pl_nft_rule *rule, struct nftnl_expr *expr, uint16_t attr,
		     const char *text)
{
	if (nftnl_expr_set_str(expr, attr, text) < 0)
		rule->error = -ENOMEM;
}

void pl_nft_rule_begin(struct pl_nft_rule *rule, const char *chain, uint8_t af, const char *name)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(256);

	rule->af = af;
	rule->error = 0;
	rule->rule = nftnl_rule_alloc();
	if (rule->rule == NULL || udata == NULL ||
	    !nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, name)) {
		rule->error = -ENOMEM;
	} else {
		nftnl_rule_set_u32(rule->rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
		if (nftnl_rule_set_str(rule->rule, NFTNL_RULE_TABLE, PL_NFT_TABLE) < 0 ||
		    nftnl_rule_set_str(rule->rule, NFTNL_RULE_CHAIN, chain) < 0 ||
		    nftnl_rule_set_data(rule->rule, NFTNL_RULE_USERDATA,
					nftnl_udata_buf_data(udata),
					nftnl_udata_buf_len(udata)) < 0)
			rule->error = -ENOMEM;
	}
	if (udata != NULL)
		nftnl_udata_buf_free(udata);
}

void pl_nft_rule_emit(struct pl_nft_rule *rule, struct pl_nft_batch *batch)
{
	struct nlmsghdr *header;

	if (rule->error != 0)
		batch->error = rule->error;
	header = pl_nft_batch_next(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	if (header != NULL) {
		nftnl_rule_nlmsg_build_payload(header, rule->rule);
		pl_nft_batch_done(batch, header);
	}
	if (rule->rule != NULL)
		nftnl_rule_free(rule->rule);
	rule->rule = NULL;
}

static void load_payload(struct pl_nft_rule *rule, uint32_t reg, uint32_t base, uint32_t offset,
			 uint32_t len)
{
	struct nftnl_expr *expr = add(rule, "payload");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
}

static void load_meta(struct pl_nft_rule *rule, uint32_t reg, uint32_t key)
{
	struct nftnl_expr *expr = add(rule, "meta");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
}

static void load_bytes(struct pl_nft_rule *rule, uint32_t reg, const void *bytes, uint32_t len)
{
	struct nftnl_expr *expr = add(rule, "immediate");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, reg);
	set_bytes(rule, expr, NFTNL_EXPR_IMM_DATA, bytes, len);
}

static void compare(struct pl_nft_rule *rule, uint32_t op, const void *value, uint32_t len)
{
	struct nftnl_expr *expr = add(rule, "cmp");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, SCRATCH);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	set_bytes(rule, expr, NFTNL_EXPR_CMP_DATA, value, len);
}

static void mask_scratch(struct pl_nft_rule *rule, const void *mask, uint32_t len)
{
	struct nftnl_expr *expr = add(rule, "bitwise");
	static const uint32_t zero;

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, SCRATCH);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, SCRATCH);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
	set_bytes(rule, expr, NFTNL_EXPR_BITWISE_MASK, mask, len);
	set_bytes(rule, expr, NFTNL_EXPR_BITWISE_XOR, &zero, len);
}

void pl_nft_rule_meta(struct pl_nft_rule *rule, uint32_t key, uint32_t op, const void *value,
		      uint32_t len)
{
	load_meta(rule, SCRATCH, key);
	compare(rule, op, value, len);
}

void pl_nft_rule_proto(struct pl_nft_rule *rule, uint32_t op, uint8_t proto)
{
	pl_nft_rule_meta(rule, NFT_META_L4PROTO, op, &proto, sizeof(proto));
}

void pl_nft_rule_portless(struct pl_nft_rule *rule)
{
	static const uint8_t protos[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };

	load_meta(rule, SCRATCH, NFT_META_L4PROTO);
	for (size_t i = 0; i < sizeof(protos); i++)
		compare(rule, NFT_CMP_NEQ, &protos[i], sizeof(protos[i]));
}

void pl_nft_rule_bytes(struct pl_nft_rule *rule, uint32_t base, uint32_t offset, uint32_t op,
		       uint16_t mask, uint16_t value, uint32_t len)
{
	uint16_t wire_mask = htons(mask), wire_value = htons(value);
	const uint8_t *last_mask = (uint8_t *)&wire_mask + sizeof(wire_mask) - len;
	const uint8_t *last_value = (uint8_t *)&wire_value + sizeof(wire_value) - len;

	load_payload(rule, SCRATCH, base, offset, len);
	mask_scratch(rule, last_mask, len);
	compare(rule, op, last_value, len);
}

void pl_nft_rule_has_byte(struct pl_nft_rule *rule, uint32_t base, uint32_t offset)
{
	load_payload(rule, SCRATCH, base, offset, 1);
}

static void load_fragment_header(struct pl_nft_rule *rule, uint32_t reg, uint32_t flags)
{
	struct nftnl_expr *expr = add(rule, "exthdr");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_DREG, reg);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OFFSET, 0);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_LEN, 1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_EXTHDR_FLAGS, flags);
}

void pl_nft_rule_is_fragment(struct pl_nft_rule *rule)
{
	static const uint8_t yes = 1;

	if (rule->af == PL_AF_IP4) {
		pl_nft_rule_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, NFT_CMP_NEQ, 0x3fff, 0, 2);
		return;
	}
	load_fragment_header(rule, SCRATCH, NFT_EXTHDR_F_PRESENT);
	compare(rule, NFT_CMP_EQ, &yes, sizeof(yes));
}

void pl_nft_rule_fragment_next(struct pl_nft_rule *rule, uint8_t next)
{
	load_fragment_header(rule, SCRATCH, 0);
	compare(rule, NFT_CMP_EQ, &next, sizeof(next));
}

static void load_ct(struct pl_nft_rule *rule, uint32_t reg, uint32_t key, bool has_direction,
		    uint8_t direction)
{
	struct nftnl_expr *expr = add(rule, "ct");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, key);
	if (has_direction)
		nftnl_expr_set_u8(expr, NFTNL_EXPR_CT_DIR, direction);
}

void pl_nft_rule_ct(struct pl_nft_rule *rule, uint32_t key, uint32_t bits)
{
	static const uint32_t zero;

	load_ct(rule, SCRATCH, key, false, 0);
	mask_scratch(rule, &bits, sizeof(bits));
	compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* @is_so: 0 or 1 */
static void is_protected_out(struct pl_nft_rule *rule, uint8_t is_so)
{
	struct nftnl_expr *expr = add(rule, "rt");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_RT_DREG, SCRATCH);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_RT_KEY, NFT_RT_XFRM);
	compare(rule, NFT_CMP_EQ, &is_so, sizeof(is_so));
}

void pl_nft_rule_unprotected_out(struct pl_nft_rule *rule)
{
	is_protected_out(rule, 0);
}

void pl_nft_rule_protected_out(struct pl_nft_rule *rule)
{
	is_protected_out(rule, 1);
}

void pl_nft_rule_unprotected_in(struct pl_nft_rule *rule)
{
	static const uint8_t no;

	pl_nft_rule_meta(rule, NFT_META_SECPATH, NFT_CMP_EQ, &no, sizeof(no));
}

static void load_reqid(struct pl_nft_rule *rule, uint32_t reg, enum pl_nft_reqid which)
{
	static const uint32_t none;
	struct nftnl_expr *expr;

	if (which == PL_NFT_REQID_BYPASS) {
		load_bytes(rule, reg, &none, sizeof(none));
		return;
	}
	if (which == PL_NFT_REQID_DEVICE) {
		load_meta(rule, reg, NFT_META_IIF);
		return;
	}
	expr = add(rule, "xfrm");
	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_XFRM_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_XFRM_KEY, NFT_XFRM_KEY_REQID);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_XFRM_DIR,
			  which == PL_NFT_REQID_IN ? XFRM_POLICY_IN : XFRM_POLICY_OUT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_XFRM_SPNUM, 0);
}

/* An ICMP error has 8 bytes of its own, then the IP header that it quotes. */
enum { QUOTE = 8 };

/* The sender's or the receiver's address. */
static void load_address(struct pl_nft_rule *rule, uint32_t reg, const struct pl_nft_view *view,
			 bool is_source)
{
	bool is_4 = rule->af == PL_AF_IP4;
	uint32_t len = is_4 ? 4 : 16;
	uint32_t offset = (is_4 ? 12 : 8) + (is_source ? 0 : len);

	if (view->where == PL_NFT_PACKET)
		load_payload(rule, reg, NFT_PAYLOAD_NETWORK_HEADER, offset, len);
	else if (view->where == PL_NFT_QUOTE)
		load_payload(rule, reg, NFT_PAYLOAD_TRANSPORT_HEADER, QUOTE + offset, len);
	else
		load_ct(rule, reg,
			is_4 ? (is_source ? NFT_CT_SRC_IP : NFT_CT_DST_IP) :
			       (is_source ? NFT_CT_SRC_IP6 : NFT_CT_DST_IP6),
			true, view->where == PL_NFT_REPLY);
}

static void load_port(struct pl_nft_rule *rule, uint32_t reg, const struct pl_nft_view *view,
		      bool is_source)
{
	uint32_t offset = is_source ? 0 : 2;

	if (view->where == PL_NFT_PACKET)
		load_payload(rule, reg, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2);
	else if (view->where == PL_NFT_QUOTE)
		load_payload(rule, reg, NFT_PAYLOAD_TRANSPORT_HEADER,
			     QUOTE + (rule->af == PL_AF_IP4 ? 20 : 40) + offset, 2);
	else
		load_ct(rule, reg, is_source ? NFT_CT_PROTO_SRC : NFT_CT_PROTO_DST, true,
			view->where == PL_NFT_REPLY);
}

static void load_proto(struct pl_nft_rule *rule, uint32_t reg, const struct pl_nft_view *view)
{
	static const uint32_t zero;
	bool is_4 = rule->af == PL_AF_IP4;

	if (view->proto == PL_NFT_PROTO_ANY)
		load_bytes(rule, reg, &zero, sizeof(zero));
	else if (view->proto == PL_NFT_PROTO_FRAGMENT && is_4)
		load_payload(rule, reg, NFT_PAYLOAD_NETWORK_HEADER, 9, 1);
	else if (view->proto == PL_NFT_PROTO_FRAGMENT)
		load_fragment_header(rule, reg, 0);
	else if (view->where == PL_NFT_PACKET)
		load_meta(rule, reg, NFT_META_L4PROTO);
	else if (view->where == PL_NFT_QUOTE)
		load_payload(rule, reg, NFT_PAYLOAD_TRANSPORT_HEADER, QUOTE + (is_4 ? 9 : 6), 1);
	else
		load_ct(rule, reg, NFT_CT_PROTOCOL, true, view->where == PL_NFT_REPLY);
}

static void load_end(struct pl_nft_rule *rule, uint32_t reg, const struct pl_nft_view *view,
		     bool is_source, bool is_any)
{
	static const uint8_t zeros[16];

	if (is_any)
		load_bytes(rule, reg, zeros, (uint32_t)pl_ts_size(rule->af));
	else
		load_address(rule, reg, view, is_source);
}

/* The SA first: most packets have none, and the rule ends there. */
static void load_key(struct pl_nft_rule *rule, enum pl_nft_set set, const struct pl_nft_view *view)
{
	const struct pl_nft_layout *layout = pl_nft_layout_of(set);
	uint32_t address = (uint32_t)pl_ts_size(rule->af), reg = NFT_REG32_00;

	if (layout->is_reqid_twice)
		load_reqid(rule, reg++, view->reqid);
	if (layout->has_reqid)
		load_reqid(rule, NFT_REG32_00 + pl_nft_key_len(set, rule->af) / 4 - 1, view->reqid);
	if (layout->is_reqid_twice)
		return;
	load_end(rule, reg, view, !view->is_theirs, view->is_wildcard || view->is_anywhere);
	reg += address / 4;
	if (layout->has_remote) {
		load_end(rule, reg, view, view->is_theirs, view->is_anywhere);
		reg += address / 4;
	}
	load_proto(rule, reg++, view);
	if (layout->has_local_port)
		load_port(rule, reg++, view, !view->is_theirs);
	if (layout->has_local_port && layout->has_remote)
		load_port(rule, reg++, view, view->is_theirs);
}

/* What a map leads to comes before the second of the registers for comparisons. */
static void look_up(struct pl_nft_rule *rule, enum pl_nft_set set, uint32_t reg, uint32_t flags)
{
	struct nftnl_expr *expr = add(rule, "lookup");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, flags);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, reg);
	if (pl_nft_layout_of(set)->is_map)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, SCRATCH - 1);
	set_text(rule, expr, NFTNL_EXPR_LOOKUP_SET, pl_nft_set_name(set, rule->af));
}

void pl_nft_rule_in_set(struct pl_nft_rule *rule, enum pl_nft_set set,
			const struct pl_nft_view *view)
{
	load_key(rule, set, view);
	look_up(rule, set, NFT_REG32_00, 0);
}

void pl_nft_rule_no_port(struct pl_nft_rule *rule, const struct pl_nft_view *view)
{
	uint16_t mask = htons((uint16_t)~(PL_NFT_PORT_BLOCK - 1));

	load_port(rule, SCRATCH, view, !view->is_theirs);
	mask_scratch(rule, &mask, sizeof(mask));
	look_up(rule, PL_NFT_PORTS, SCRATCH, NFT_LOOKUP_F_INV);
}

static void between(struct pl_nft_rule *rule, const void *lo, const void *hi, uint32_t len)
{
	compare(rule, NFT_CMP_GTE, lo, len);
	compare(rule, NFT_CMP_LTE, hi, len);
}

void pl_nft_rule_address(struct pl_nft_rule *rule, const struct pl_nft_view *view, bool is_local,
			 const uint8_t *lo, const uint8_t *hi)
{
	load_address(rule, SCRATCH, view, is_local != view->is_theirs);
	between(rule, lo, hi, (uint32_t)pl_ts_size(rule->af));
}

void pl_nft_rule_port(struct pl_nft_rule *rule, const struct pl_nft_view *view, bool is_local,
		      uint16_t lo, uint16_t hi)
{
	uint16_t wire_lo = htons(lo), wire_hi = htons(hi);

	load_port(rule, SCRATCH, view, is_local != view->is_theirs);
	between(rule, &wire_lo, &wire_hi, sizeof(wire_lo));
}

/* Kernels cannot compare two registers. A set that holds nothing but pairs of equals can.
 *
 * The reqid of the packet is loaded to where the map's comes to, too, and overwritten by its second
 * half. Kernels need that not; but `nft list` of nftables 1.0 knows registers by their first number
 * alone, and ends with an assertion where a key is made of one that a map led to: it does not know
 * how long that is. */
void pl_nft_rule_born_so(struct pl_nft_rule *rule, const struct pl_nft_view *view)
{
	load_reqid(rule, SCRATCH, view->reqid);
	load_reqid(rule, SCRATCH + 1, view->reqid);
	load_key(rule, PL_NFT_BORN, view);
	look_up(rule, PL_NFT_BORN, NFT_REG32_00, 0);
	look_up(rule, PL_NFT_SAME, SCRATCH, 0);
}

void pl_nft_rule_learn(struct pl_nft_rule *rule, enum pl_nft_set set,
		       const struct pl_nft_view *view, bool refreshes)
{
	uint32_t behind = NFT_REG32_00 + pl_nft_key_len(set, rule->af) / 4;
	bool is_map = pl_nft_layout_of(set)->is_map;
	struct nftnl_expr *expr;

	if (is_map) {
		load_reqid(rule, behind, view->reqid);
		load_reqid(rule, behind + 1, view->reqid);
	}
	load_key(rule, set, view);
	expr = add(rule, "dynset");
	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG32_00);
	if (is_map)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_DATA, behind);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_OP,
			   refreshes ? NFT_DYNSET_OP_UPDATE : NFT_DYNSET_OP_ADD);
	set_text(rule, expr, NFTNL_EXPR_DYNSET_SET_NAME, pl_nft_set_name(set, rule->af));
}

void pl_nft_rule_count(struct pl_nft_rule *rule, const char *counter)
{
	struct nftnl_expr *expr = add(rule, "objref");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	set_text(rule, expr, NFTNL_EXPR_OBJREF_IMM_NAME, counter);
}

void pl_nft_rule_queue(struct pl_nft_rule *rule, uint16_t queue)
{
	struct nftnl_expr *expr = add(rule, "queue");

	if (expr == NULL)
		return;
	nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_NUM, queue);
	nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_FLAGS, 0);
}

void pl_nft_rule_reset(struct pl_nft_rule *rule)
{
	struct nftnl_expr *expr = add(rule, "reject");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
	nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, 0);
}

void pl_nft_rule_verdict(struct pl_nft_rule *rule, int verdict, const char *chain)
{
	struct nftnl_expr *expr = add(rule, "immediate");

	if (expr == NULL)
		return;
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain != NULL)
		set_text(rule, expr, NFTNL_EXPR_IMM_CHAIN, chain);
}
