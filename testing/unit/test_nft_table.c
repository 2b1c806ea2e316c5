/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The bytes that the kernel gets: keys, the batch as a whole, and each rule of design D3. */

#include "kernel/pl_nft_table.h"

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct pl_tuple tuple4 = {
	.af = PL_AF_IP4, .proto = PL_TUPLE_UDP, .local_port = 4000, .remote_port = 258,
	.local = { 192, 0, 2, 1 }, .remote = { 192, 0, 2, 2 } };
static const struct pl_tuple tuple6 = {
	.af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 22, .remote_port = 65535,
	.local = { 0x20, 1, [15] = 1 }, .remote = { 0x20, 1, [15] = 2 } };

static void a_key_has_padded_fields_local_end_first(void **state)
{
	static const uint8_t want4[] = { 192, 0, 2, 1, 192, 0, 2, 2, 17, 0, 0, 0,
					 0x0f, 0xa0, 0, 0, 1, 2, 0, 0 };
	static const uint8_t want_pair[] = { 192, 0, 2, 1, 192, 0, 2, 2, 17, 0, 0, 0 };
	static const uint8_t want_listener[] = { 192, 0, 2, 1, 17, 0, 0, 0, 0x0f, 0xa0, 0, 0 };
	uint32_t reqid = 0x01020304;
	struct pl_tuple last = tuple4;
	struct pl_nft_key key;

	(void)state;
	pl_nft_key_make(PL_NFT_FLOWS, &tuple4, 0, &key);
	assert_int_equal(key.len, sizeof(want4));
	assert_memory_equal(key.bytes, want4, sizeof(want4));
	pl_nft_key_make(PL_NFT_PIN_IN, &tuple4, reqid, &key);
	assert_int_equal(key.len, 24);
	assert_memory_equal(key.bytes, want4, sizeof(want4));
	assert_memory_equal(key.bytes + 20, &reqid, sizeof(reqid));
	pl_nft_key_make(PL_NFT_PAIRS, &tuple4, 0, &key);
	assert_int_equal(key.len, sizeof(want_pair));
	assert_memory_equal(key.bytes, want_pair, sizeof(want_pair));
	pl_nft_key_make(PL_NFT_LISTENERS, &tuple4, 0, &key);
	assert_int_equal(key.len, sizeof(want_listener));
	assert_memory_equal(key.bytes, want_listener, sizeof(want_listener));
	pl_nft_key_make(PL_NFT_BIRTHS, &tuple4, reqid, &key);
	assert_int_equal(key.len, sizeof(want_listener) + sizeof(reqid));
	assert_memory_equal(key.bytes, want_listener, sizeof(want_listener));
	assert_memory_equal(key.bytes + sizeof(want_listener), &reqid, sizeof(reqid));
	last.local_port = 4015;
	pl_nft_key_make(PL_NFT_PORTS, &last, 0, &key);
	assert_int_equal(key.len, 2);
	assert_memory_equal(key.bytes, "\x0f\xa0", 2);
	pl_nft_key_make(PL_NFT_PIN_OUT, &tuple6, reqid, &key);
	assert_int_equal(key.len, 48);
	assert_memory_equal(key.bytes, tuple6.local, 16);
	assert_memory_equal(key.bytes + 16, tuple6.remote, 16);
	assert_memory_equal(key.bytes + 32, "\6\0\0\0\0\26\0\0\377\377\0\0", 12);
	assert_memory_equal(key.bytes + 44, &reqid, sizeof(reqid));
}

static void what_a_key_says_is_read_back(void **state)
{
	const struct pl_tuple *const tuples[] = { &tuple4, &tuple6 };

	(void)state;
	for (int set = 1; set < PL_NFT_SET_ROOF; set++) {
		for (unsigned i = 0; i < 2; i++) {
			struct pl_tuple read;
			struct pl_nft_key key, again;
			enum pl_nft_set found;
			uint32_t reqid;
			uint8_t af;

			assert_true(pl_nft_set_find(pl_nft_set_name(set, tuples[i]->af), &found,
						    &af));
			assert_int_equal(found, set);
			assert_int_equal(af, tuples[i]->af);
			pl_nft_key_make(set, tuples[i], 77, &key);
			assert_int_equal(key.len, pl_nft_key_len(set, af));
			assert_int_equal(pl_nft_key_read(set, af, key.bytes, key.len, &read,
							 &reqid), 0);
			pl_nft_key_make(set, &read, reqid, &again);
			assert_memory_equal(&key, &again, sizeof(key));
			assert_int_equal(pl_nft_key_read(set, af, key.bytes, key.len - 1u, &read,
							 &reqid), PL_E_MALFORMED);
		}
	}
}

static void padding_is_zero(void **state)
{
	struct pl_nft_key key;
	struct pl_tuple read;
	uint32_t reqid;

	(void)state;
	for (unsigned at = 9; at < 20; at++) {
		int want = at >= 12 && at % 4 < 2 ? 0 : PL_E_MALFORMED;

		pl_nft_key_make(PL_NFT_FLOWS, &tuple4, 0, &key);
		key.bytes[at] ^= 1;
		assert_int_equal(pl_nft_key_read(PL_NFT_FLOWS, PL_AF_IP4, key.bytes, key.len,
						 &read, &reqid), want);
	}
}

/* What a batch holds, as text: "set NAME LEN", "hook NAME NR PRIORITY", "rule CHAIN NAME". */
struct contents {
	char text[65536];
	size_t len;
	unsigned nr, begins, ends;
};

static void note(struct contents *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct contents *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	c->len += (size_t)vsnprintf(c->text + c->len, sizeof(c->text) - c->len, format, args);
	va_end(args);
	assert_true(c->len < sizeof(c->text));
}

static void note_set(struct contents *c, const struct nlmsghdr *message)
{
	struct nftnl_set *set = nftnl_set_alloc();
	bool is_map;

	assert_int_equal(nftnl_set_nlmsg_parse(message, set), 0);
	assert_false(nftnl_set_is_set(set, NFTNL_SET_DESC_SIZE));
	is_map = nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_MAP;
	note(c, "%s %s %u", is_map ? "map" : "set", nftnl_set_get_str(set, NFTNL_SET_NAME),
	     nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN));
	if (is_map)
		note(c, " %u", nftnl_set_get_u32(set, NFTNL_SET_DATA_LEN));
	if (nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_TIMEOUT)
		note(c, " timeout %u", (unsigned)nftnl_set_get_u64(set, NFTNL_SET_TIMEOUT));
	note(c, "\n");
	nftnl_set_free(set);
}

static void note_chain(struct contents *c, const struct nlmsghdr *message)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	assert_int_equal(nftnl_chain_nlmsg_parse(message, chain), 0);
	if (nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
		note(c, "hook %s %u %d\n", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME),
		     nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
		     nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO));
	else
		note(c, "chain %s\n", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
	nftnl_chain_free(chain);
}

/* "queue N" of a rule that holds packets, "bypass" if it lets them go without a daemon. */
static int note_queue(struct nftnl_expr *expr, void *c)
{
	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "queue") != 0)
		return 0;
	note(c, "queue %u%s\n", nftnl_expr_get_u16(expr, NFTNL_EXPR_QUEUE_NUM),
	     nftnl_expr_get_u16(expr, NFTNL_EXPR_QUEUE_FLAGS) != 0 ? " bypass" : "");
	return 0;
}

/* What a rule asks, and what it does, one word for each expression. */
static int note_words(struct nftnl_expr *expr, void *c)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	if (strcmp(name, "lookup") == 0)
		note(c, " %s", nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET));
	else if (strcmp(name, "meta") == 0)
		note(c, " meta %u", nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY));
	else if (strcmp(name, "cmp") == 0)
		note(c, " %s %u",
		     nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP) == NFT_CMP_EQ ? "is" : "other",
		     *(const uint8_t *)nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &(uint32_t){ 0 }));
	else if (strcmp(name, "reject") == 0)
		note(c, " reject %u", nftnl_expr_get_u32(expr, NFTNL_EXPR_REJECT_TYPE));
	else if (strcmp(name, "payload") == 0)
		note(c, " at %u.%u", nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE),
		     nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET));
	else if (strcmp(name, "immediate") == 0)
		note(c, " verdict %u", nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT));
	else
		note(c, " %s", name);
	return 0;
}

static void note_rule(struct contents *c, const struct nlmsghdr *message)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	const struct nftnl_udata *comment;
	uint32_t len;

	assert_int_equal(nftnl_rule_nlmsg_parse(message, rule), 0);
	comment = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);
	assert_non_null(comment);
	note(c, "rule %s %s\n", nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN),
	     (const char *)nftnl_udata_get(comment));
	nftnl_expr_foreach(rule, note_queue, c);
	if (strcmp((const char *)nftnl_udata_get(comment), "answered") == 0 ||
	    strcmp((const char *)nftnl_udata_get(comment), "to the inner end by an SA") == 0) {
		nftnl_expr_foreach(rule, note_words, c);
		note(c, "\n");
	}
	nftnl_rule_free(rule);
}

/* The kernel's numbers: 2 is NFT_TABLE_F_OWNER, 4 NFT_TABLE_F_PERSIST. */
static void note_table(struct contents *c, const struct nlmsghdr *message)
{
	struct nftnl_table *table = nftnl_table_alloc();

	assert_int_equal(nftnl_table_nlmsg_parse(message, table), 0);
	note(c, "%s table", message->nlmsg_flags & NLM_F_EXCL ? "other" : "new");
	assert_int_equal(strcmp(nftnl_table_get_str(table, NFTNL_TABLE_NAME), "latch") == 0,
			 !(message->nlmsg_flags & NLM_F_EXCL));
	if (nftnl_table_is_set(table, NFTNL_TABLE_FLAGS))
		note(c, " flags %u", nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS));
	note(c, "\n");
	nftnl_table_free(table);
}

static void read_batch(const struct pl_nft_batch *batch, struct contents *c)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)batch->bytes;
	int left = (int)batch->len;

	memset(c, 0, sizeof(*c));
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		assert_true(message->nlmsg_flags & NLM_F_REQUEST);
		c->begins += message->nlmsg_type == NFNL_MSG_BATCH_BEGIN;
		c->ends += message->nlmsg_type == NFNL_MSG_BATCH_END;
		if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		assert_int_equal(c->begins, 1);
		assert_int_equal(c->ends, 0);
		assert_int_equal(message->nlmsg_seq, batch->first_seq + ++c->nr);
		assert_int_equal(!!(message->nlmsg_flags & NLM_F_ACK),
				 message->nlmsg_seq == batch->last_seq);
		switch (message->nlmsg_type & 0xff) {
		case NFT_MSG_NEWSET:
			note_set(c, message);
			break;
		case NFT_MSG_NEWCHAIN:
			note_chain(c, message);
			break;
		case NFT_MSG_NEWRULE:
			note_rule(c, message);
			break;
		case NFT_MSG_NEWTABLE:
			note_table(c, message);
			break;
		case NFT_MSG_DELTABLE:
			note(c, "remove table\n");
			break;
		case NFT_MSG_DELRULE:
			note(c, "remove rules\n");
			break;
		case NFT_MSG_DELSET:
			note(c, "remove ");
			note_set(c, message);
			break;
		}
	}
	assert_int_equal(left, 0);
	assert_int_equal(c->ends, 1);
}

static void build_with(unsigned parts, const struct pl_conf *conf, struct contents *c)
{
	struct pl_nft_batch batch = { .bytes = NULL };

	pl_nft_batch_begin(&batch, 100);
	pl_nft_table_build(&batch, parts, 1000, conf);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	read_batch(&batch, c);
	pl_nft_batch_free(&batch);
}

static void renew(struct contents *c)
{
	struct pl_nft_batch batch = { .bytes = NULL };

	pl_nft_batch_begin(&batch, 100);
	pl_nft_table_renew(&batch, PL_NFT_PART_ALL & ~(unsigned)PL_NFT_PART_OWNER, 1000, NULL);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	read_batch(&batch, c);
	pl_nft_batch_free(&batch);
}

static void build(unsigned parts, struct contents *c)
{
	build_with(parts, NULL, c);
}

static const struct {
	const char *line;
	unsigned part;	/* that has it; 0: always there */
} lines[] = {
	{ "new table\nremove table\nnew table", 0 },
	{ "new table\nremove table\nnew table flags 6\n", PL_NFT_PART_OWNER },
	{ "set flows4 20\n", 0 }, { "set flows6 44\n", 0 },
	{ "set pin_in4 24\n", 0 }, { "set pin_out6 48\n", 0 },
	{ "set pairs4 12\n", 0 }, { "set pair_pins6 40\n", 0 },
	{ "set listeners4 12\n", 0 }, { "set births4 16\n", 0 }, { "set births6 28\n", 0 },
	/* what the last one asks for, when the other has none */
	{ "rule listener4 births by this SA\nrule listener4 no births here\n"
	  "rule listener4 births by this SA on any address\nrule listener4 the rest\n", 0 },
	{ "map born4 20 8 timeout 1000\n", 0 },
	{ "map born6 44 8 timeout 1000\n", 0 }, { "set same4 8 timeout 2000\n", 0 },
	{ "set ports4 2\n", 0 }, { "set ports6 2\n", 0 },
	{ "set answers4 24\n", 0 }, { "set answers6 48\n", 0 },
	{ "hook prerouting 0 -450\n", 0 }, { "hook input 1 350\n", 0 },
	{ "hook forward 2 350\n", 0 }, { "hook output 3 -175\n", 0 },
	{ "hook postrouting 4 350\n", 0 },
	{ "rule input4 no latch has the port\nrule input4 no SA\n", 0 },
	{ "rule input4 no SA\nrule input4 latched\n", PL_NFT_PART_PIN },
	{ "rule input6 no latch has the port\nrule input6 no SA\n", 0 },
	{ "rule input6 no SA\nrule input6 latched\n", PL_NFT_PART_PIN },
	{ "rule postrouting4 no latch has the port\nrule postrouting4 no SA\n", 0 },
	{ "rule postrouting4 no SA\nrule postrouting4 latched\n", PL_NFT_PART_PIN },
	{ "rule postrouting6 no latch has the port\nrule postrouting6 no SA\n", 0 },
	{ "rule postrouting6 no SA\nrule postrouting6 latched\n", PL_NFT_PART_PIN },
	{ "rule input4 no ports\nrule input4 pinned\nrule input4 no latch has the port\n", 0 },
	{ "rule postrouting6 no ports\nrule postrouting6 pinned\n"
	  "rule postrouting6 no latch has the port\n", 0 },
	{ "rule rewritten4 no latch had the port\nrule rewritten4 rewritten\n",
	  PL_NFT_PART_TRANSLATED },
	{ "rule translated_in4 association\nrule translated_in4 latched\n",
	  PL_NFT_PART_TRANSLATED },
	/* what is not ours may have the ports of what is */
	{ "rule translated_forward4 latched\nrule translated_forward4 latched\n"
	  "rule translated_forward4 latched\nrule translated_forward4 latched\n",
	  PL_NFT_PART_TRANSLATED },
	{ "rule portless_in6 icmp error\n", PL_NFT_PART_ICMP_IN },
	{ "rule portless_out4 icmp error\n", PL_NFT_PART_ICMP_OUT },
	{ "rule portless_forward4 icmp error\n", PL_NFT_PART_FORWARD },
	{ "rule output4 untracked\n", PL_NFT_PART_TRANSLATED },
	{ "rule input4 translated\n", PL_NFT_PART_TRANSLATED },
	{ "rule postrouting6 translated\n", PL_NFT_PART_TRANSLATED },
	{ "rule forward4 translated\n", PL_NFT_PART_TRANSLATED },
	{ "rule postrouting4 as it began\n", 0 },
	{ "rule portless_out6 as it began\n", 0 },
	{ "rule prerouting4 fragment\n", PL_NFT_PART_FRAGMENT },
	{ "rule prerouting6 fragment\n", PL_NFT_PART_FRAGMENT },
	{ "rule forward4 fragment\n", PL_NFT_PART_FRAGMENT },
	{ "rule forward6 fragment\n", PL_NFT_PART_FRAGMENT },
	{ "rule fragment_in6 hidden protocol\n", PL_NFT_PART_FRAGMENT },
	{ "rule fragment_in6 hidden protocol\n", PL_NFT_PART_HIDDEN },
	{ "rule fragment_out6 hidden protocol\n", PL_NFT_PART_HIDDEN },
	{ "rule icmp_in4 ports in their place\n", PL_NFT_PART_HIDDEN },
	{ "rule icmp_out6 ports behind other headers\n", PL_NFT_PART_HIDDEN },
	{ "rule icmp_forward4 ports in their place\n", PL_NFT_PART_HIDDEN },
	{ "rule fragment_in4 pinned for the pair\nrule fragment_in4 pair\n", PL_NFT_PART_FRAGMENT },
	{ "rule icmp_quote_in4 pinned\nrule icmp_quote_in4 latched\n", PL_NFT_PART_ICMP_IN },
	{ "rule icmp_pair_in6 pinned\nrule icmp_pair_in6 latched\n", PL_NFT_PART_ICMP_IN },
	{ "rule icmp_quote_out4 pinned\nrule icmp_quote_out4 latched\n", PL_NFT_PART_ICMP_OUT },
	{ "rule icmp_pair_out6 latched\n", PL_NFT_PART_ICMP_OUT },
	{ "rule input4 association\nrule input4 listener\nrule input4 listener\n",
	  PL_NFT_PART_BIRTH },
	{ "rule input4 latched\nrule input4 association\n", PL_NFT_PART_ASSOCIATION },
	{ "rule input6 latched\nrule input6 association\n", PL_NFT_PART_ASSOCIATION },
	{ "rule postrouting4 latched\nrule postrouting4 association\n", PL_NFT_PART_ASSOCIATION },
	{ "rule icmp_quote_in6 latched\nrule icmp_quote_in6 association\n",
	  PL_NFT_PART_ASSOCIATION },
	{ "rule icmp_quote_out4 association\nrule icmp_quote_out4 latched\n"
	  "rule icmp_quote_out4 association\n", PL_NFT_PART_ASSOCIATION },
	{ "rule translated_in4 latched\nrule translated_in4 association\n",
	  PL_NFT_PART_ASSOCIATION },
	{ "rule rewritten4 rewritten\nrule rewritten4 association\n", PL_NFT_PART_ASSOCIATION },
	{ "rule output6 untracked\nrule output6 untracked association\n",
	  PL_NFT_PART_ASSOCIATION },
	{ "rule listener4 unprotected\nrule listener4 this SA\n"
	  "rule listener4 born under this SA\n", 0 },
	{ "rule postrouting6 born under this SA\nrule postrouting6 born\n", PL_NFT_PART_BORN },
	{ "rule begin4 payload on SYN\n", PL_NFT_PART_FAST_OPEN },
	{ "rule birth4 birth\nrule birth4 born under this SA\nrule birth4 the rest\n", 0 },
	{ "rule begin4 no association\nrule begin4 no INIT\nrule begin4 birth\n"
	  "rule begin4 born under this SA\nrule begin4 the rest\n", 0 },
	{ "rule forward4 latched\nrule forward4 latched\n", PL_NFT_PART_FORWARD },
	{ "rule icmp_quote_forward6 latched\n", PL_NFT_PART_FORWARD },
	{ "rule icmp_pair_forward4 latched\n", PL_NFT_PART_FORWARD },
};

static void the_batch_has_every_rule_of_the_guard(void **state)
{
	struct contents *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	build(PL_NFT_PART_ALL, c);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strstr(c->text, lines[i].line) == NULL)
			fail_msg("missing: %s", lines[i].line);
	}
	free(c);
}

/* Owned without persist it would go with its socket; without an owner it is as it always was. */
static void the_table_has_both_flags_or_none(void **state)
{
	struct contents *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	build(PL_NFT_PART_ALL & ~(unsigned)PL_NFT_PART_OWNER, c);
	assert_memory_equal(c->text, "new table\nremove table\nnew table\n", 33);
	assert_null(strstr(c->text, "flags"));
	build(PL_NFT_PART_OWNER, c);
	assert_memory_equal(c->text, "new table\nremove table\nnew table flags 6\n", 41);
	free(c);
}

static void whether_a_table_can_be_owned_is_tried_with_another_one(void **state)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct contents *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	pl_nft_batch_begin(&batch, 100);
	pl_nft_table_try_owner(&batch);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	read_batch(&batch, c);
	assert_string_equal(c->text, "other table flags 6\nremove table\n");
	pl_nft_batch_free(&batch);
	free(c);
}

/* What blocks stays in force while its rules are written anew; what lets pass is empty after. */
static void a_table_that_is_renewed_goes_on_blocking_K16(void **state)
{
	static const char *const blocking[] = { "flows", "listeners", "pairs", "ports" };
	static const char *const passing[] = { "pin_in", "pin_out", "pair_pins", "births",
					       "answers", "same", "born" };
	static struct contents c;

	(void)state;
	renew(&c);
	assert_int_equal(strncmp(c.text, "new table flags 0\nremove rules\n", 31), 0);
	assert_null(strstr(c.text, "remove table"));
	for (unsigned i = 0; i < 2 * sizeof(blocking) / sizeof(blocking[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "remove set %s%d ", blocking[i / 2], i % 2 * 2 + 4);
		assert_null(strstr(c.text, line));
		assert_non_null(strstr(c.text, line + strlen("remove ")));
	}
	for (unsigned i = 0; i < 2 * sizeof(passing) / sizeof(passing[0]); i++) {
		char line[64], *at;

		snprintf(line, sizeof(line), "remove set %s%d ", passing[i / 2], i % 2 * 2 + 4);
		at = strstr(c.text, line);
		assert_non_null(at);
		/* and there is one again */
		snprintf(line, sizeof(line), " %s%d ", passing[i / 2], i % 2 * 2 + 4);
		assert_non_null(strstr(strchr(at, '\n'), line));
	}
}

static void a_part_left_out_takes_its_rules_along(void **state)
{
	struct contents *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	for (unsigned part = 1; part < PL_NFT_PART_ALL; part <<= 1) {
		build(PL_NFT_PART_ALL & ~part, c);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			if (lines[i].part == part && strstr(c->text, lines[i].line) != NULL)
				fail_msg("still there: %s", lines[i].line);
		}
	}
	free(c);
}

/* In the order of the file, in the family of their addresses; what users alone are for is not for
 * packets; behind the last automatic rule nothing is asked. */
static void automatic_rules_hold_packets_in_their_order_K12(void **state)
{
	static const char text[] =
		"[flow users]\nuid = 5\nprotocol = tcp\n[flow four]\nremote = 192.0.2.0/24\n"
		"[flow a]\nprotocol = tcp\nremote-port = 80\nauto = yes\n"
		"[flow six]\nprotocol = udp\nlocal-port = 53\nlocal = 2001:db8::1\nauto = yes\n"
		"[flow behind]\n";
	static const char *const want[] = {
		"rule auto_in4 four\nrule auto_in4 a\nqueue 5660\nrule auto_in4 the rest\n"
		"rule auto_out4 no ports\nrule auto_out4 no SYN\nrule auto_out4 own\n"
		"rule auto_out4 IKE\nrule auto_out4 IKE\nrule auto_out4 latched\n"
		"rule auto_out4 four\nrule auto_out4 a\nqueue 5660\n",
		"rule auto_in6 a\nqueue 5660\nrule auto_in6 six\nqueue 5660\n"
		"rule auto_in6 the rest\n",
		"rule auto_out6 latched\nrule auto_out6 a\nqueue 5660\n"
		"rule auto_out6 six\nqueue 5660\n",
		"rule output4 untracked association\nrule output4 may be latched\n",
	};
	struct contents *c = malloc(sizeof(*c));
	struct pl_conf_error err;
	struct pl_conf conf;

	(void)state;
	assert_non_null(c);
	assert_int_equal(pl_conf_load(text, strlen(text), &conf, &err), 0);
	build_with(PL_NFT_PART_ALL, &conf, c);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (strstr(c->text, want[i]) == NULL)
			fail_msg("missing: %s", want[i]);
	}
	assert_null(strstr(c->text, "bypass"));
	assert_null(strstr(c->text, "rule auto_in4 behind"));
	assert_null(strstr(c->text, "users"));
	pl_conf_clear(&conf);
	free(c);
}

/* From and to the inner end; what is pinned passes, what is latched and what begins nothing drops,
 * and the rest is held. Errors about it go their way. */
static void what_is_forwarded_is_held_where_it_begins_L21(void **state)
{
	static const char text[] =
		"[flow not]\nforward = yes\nremote-port = 22\n"
		"[flow lan]\nforward = yes\nprotocol = tcp\nlocal = 10.1.0.0/24\n"
		"remote = 10.2.0.0/24\nauto = yes\n"
		"[flow own]\nprotocol = tcp\nremote-port = 80\nauto = yes\n";
	static const char *const want[] = {
		"rule forward4 may be latched\nrule forward4 latched\nrule forward4 latched\n",
		"rule auto_forward4 not\nrule auto_forward4 not\nrule auto_forward4 lan\n"
		"rule auto_forward4 lan\n",
		"rule auto_forward_in4 pinned\nrule auto_forward_in4 latched\n"
		"rule auto_forward_in4 no SYN\nrule auto_forward_in4 the rest\nqueue 5660\n",
		"rule auto_forward_out4 pinned\nrule auto_forward_out4 latched\n"
		"rule auto_forward_out4 no SYN\nrule auto_forward_out4 the rest\nqueue 5660\n",
		"rule rewritten4 no latch had the port\nrule rewritten4 to the inner end\n"
		"rule rewritten4 rewritten\n",
		"rule postrouting4 to the inner end by an SA\n rt is 1 at 1.16 at 1.12 meta 16"
		" at 2.2 at 2.0 flows4 objref verdict 0\nrule postrouting4 translated\n",
		"rule icmp_quote_forward4 pinned\nrule icmp_quote_forward4 latched\n",
		"rule icmp_quote_out4 to the inner end\n",
		"rule auto_errors4 lan\n", "rule auto_errors_out4 lan\n",
		"rule auto_forward6 not\nrule auto_forward6 not\n",
		"rule auto_out4 own\n",
	};
	struct contents *c = malloc(sizeof(*c));
	struct pl_conf_error err;
	struct pl_conf conf;

	(void)state;
	assert_non_null(c);
	assert_int_equal(pl_conf_load(text, strlen(text), &conf, &err), 0);
	build_with(PL_NFT_PART_ALL, &conf, c);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (strstr(c->text, want[i]) == NULL)
			fail_msg("missing: %s", want[i]);
	}
	/* what is this host's own is not asked by them, nor the other way round */
	assert_null(strstr(c->text, "rule auto_in4 lan"));
	assert_null(strstr(c->text, "rule auto_out4 lan"));
	assert_null(strstr(c->text, "rule auto_out4 not"));
	assert_null(strstr(c->text, "rule auto_forward4 own\n"));
	assert_null(strstr(c->text, "rule auto_forward6 lan"));
	pl_conf_clear(&conf);
	/* a gateway's rules cost nobody else anything */
	assert_int_equal(pl_conf_load("[flow own]\nprotocol = tcp\nremote-port = 80\nauto = yes\n",
				      54, &conf, &err), 0);
	build_with(PL_NFT_PART_ALL, &conf, c);
	assert_null(strstr(c->text, "auto_forward"));
	assert_null(strstr(c->text, "auto_errors"));
	assert_null(strstr(c->text, "to the inner end"));
	pl_conf_clear(&conf);
	free(c);
}

/* The inner end, in clear, by the device that leads to it. */
static void only_the_inner_end_is_answered_if_a_rule_says_so_K59_K60_L21(void **state)
{
	static const char text[] =
		"[flow lan]\nforward = yes\nprotocol = tcp\nlocal = 10.1.0.0/24\n"
		"remote = 10.2.0.0/24\nauto = yes\n%s";
	static const char *const wants[] = {
		"rule prerouting4 fragment\nrule prerouting4 answered\n"
		" meta 16 is 6 meta 25 is 0 meta 4 at 1.12 at 1.16 meta 16 at 2.0 at 2.2 answers4"
		" objref reject 1\n",
		"rule prerouting6 answered\n meta 16 is 6 meta 25 is 0 meta 4 at 1.8 at 1.24",
	};
	static const char *const no[] = {
		"", "disposition = wait\n", "disposition = unreachable\n",
		/* of UDP, and of this host's own */
		"[flow udp]\nforward = yes\nprotocol = udp\nlocal = 10.1.0.0/24\n"
		"remote = 10.2.0.0/24\nauto = yes\ndisposition = reset\n",
		"[flow own]\nprotocol = tcp\nremote-port = 80\nauto = yes\n"
		"disposition = reset\n",
		"[flow not]\nforward = yes\nprotocol = tcp\ndisposition = reset\n",
	};
	struct contents *c = malloc(sizeof(*c));
	char buffer[512];
	struct pl_conf_error err;
	struct pl_conf conf;

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i <= sizeof(no) / sizeof(no[0]); i++) {
		bool is_yes = i == sizeof(no) / sizeof(no[0]);

		snprintf(buffer, sizeof(buffer), text, is_yes ? "disposition = reset\n" : no[i]);
		assert_int_equal(pl_conf_load(buffer, strlen(buffer), &conf, &err), 0);
		build_with(PL_NFT_PART_ALL, &conf, c);
		for (size_t j = 0; is_yes && j < sizeof(wants) / sizeof(wants[0]); j++) {
			if (strstr(c->text, wants[j]) == NULL)
				fail_msg("missing: %s", wants[j]);
		}
		assert_int_equal(strstr(c->text, "answered") != NULL, is_yes);
		pl_conf_clear(&conf);
	}
	free(c);
}

static void without_automatic_rules_nothing_holds_packets_K13(void **state)
{
	static const char text[] = "[flow a]\nprotocol = tcp\nremote-port = 80\n";
	struct contents *c = malloc(sizeof(*c));
	struct pl_conf_error err;
	struct pl_conf conf;

	(void)state;
	assert_non_null(c);
	assert_int_equal(pl_conf_load(text, strlen(text), &conf, &err), 0);
	build_with(PL_NFT_PART_ALL, &conf, c);
	assert_null(strstr(c->text, "queue"));
	assert_null(strstr(c->text, "auto"));
	pl_conf_clear(&conf);
	free(c);
}

static void a_batch_that_grew_is_used_again(void **state)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct contents *c = malloc(sizeof(*c));
	size_t size;

	(void)state;
	assert_non_null(c);
	pl_nft_batch_begin(&batch, 1);
	for (unsigned i = 0; i < 5000; i++)
		pl_nft_element(&batch, i % 2, PL_NFT_PIN_OUT, &tuple6, i);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	read_batch(&batch, c);
	assert_int_equal(c->nr, 5000);
	size = batch.size;
	pl_nft_batch_begin(&batch, 7);
	pl_nft_element(&batch, true, PL_NFT_FLOWS, &tuple4, 0);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	assert_int_equal(batch.size, size);
	read_batch(&batch, c);
	assert_int_equal(c->nr, 1);
	pl_nft_batch_free(&batch);
	free(c);
}

/* Elements as they are read back, in order: those of pin_out6 have the reqids 0, 1, 2... */
struct elements {
	enum pl_nft_set set;
	uint32_t next;
};

static int see_next(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	struct elements *elements = ctx;

	assert_int_equal(set, elements->set);
	assert_int_equal(pl_tuple_compare(tuple, &tuple6), 0);
	assert_int_equal(reqid, elements->next++);
	return 0;
}

static void elements_of_one_set_share_messages_of_bounded_length(void **state)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct elements elements = { .set = PL_NFT_PIN_OUT };
	const struct nlmsghdr *message;
	unsigned nr = 0;
	int left;

	(void)state;
	pl_nft_batch_begin(&batch, 1);
	for (unsigned i = 0; i < 60000; i++)
		pl_nft_element(&batch, true, PL_NFT_PIN_OUT, &tuple6, i);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	left = (int)batch.len;
	for (message = (const struct nlmsghdr *)batch.bytes; mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left)) {
		assert_true(message->nlmsg_len <= PL_NFT_MESSAGE_MAX);
		if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		nr++;
		assert_int_equal(pl_nft_elements_read(message, see_next, &elements), 0);
	}
	assert_int_equal(left, 0);
	assert_int_equal(elements.next, 60000);
	assert_in_range(nr, 2, 60000 / 400);
	pl_nft_batch_free(&batch);
}

static void elements_share_no_message_with_others(void **state)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	struct contents *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	pl_nft_batch_begin(&batch, 1);
	pl_nft_element(&batch, true, PL_NFT_FLOWS, &tuple4, 0);
	pl_nft_element(&batch, true, PL_NFT_FLOWS, &tuple4, 0);
	pl_nft_element(&batch, true, PL_NFT_BORN, &tuple4, 0);	/* another set */
	pl_nft_element(&batch, true, PL_NFT_BORN, &tuple6, 0);	/* another family */
	pl_nft_element(&batch, false, PL_NFT_BORN, &tuple6, 0);	/* removed */
	pl_nft_batch_done(&batch, pl_nft_batch_next(&batch, NFT_MSG_GETGEN, 0));
	pl_nft_element(&batch, false, PL_NFT_BORN, &tuple6, 0);	/* not last any more */
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	read_batch(&batch, c);
	assert_int_equal(c->nr, 6);
	pl_nft_batch_free(&batch);
	free(c);
}

/* Elements of `born` as the kernel would give them: what they lead to is seen. */
static int see_birth(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	unsigned *nr = ctx;

	assert_int_equal(set, PL_NFT_BORN);
	assert_int_equal(pl_tuple_compare(tuple, &tuple6), 0);
	assert_int_equal(reqid, 101);
	(*nr)++;
	return 0;
}

static const struct nlmsghdr *first_message(const struct pl_nft_batch *batch)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)batch->bytes;
	int left = (int)batch->len;

	return mnl_nlmsg_next(message, &left);	/* behind the one that begins the batch */
}

static void a_birth_leads_to_its_reqid(void **state)
{
	struct pl_nft_batch batch = { .bytes = NULL };
	unsigned nr = 0;

	(void)state;
	pl_nft_batch_begin(&batch, 1);
	pl_nft_element(&batch, true, PL_NFT_BORN, &tuple6, 101);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	assert_int_equal(pl_nft_elements_read(first_message(&batch), see_birth, &nr), 0);
	assert_int_equal(nr, 1);
	/* to remove it, its key is enough; read as an element it would be one without a reqid */
	pl_nft_batch_begin(&batch, 1);
	pl_nft_element(&batch, false, PL_NFT_BORN, &tuple6, 101);
	assert_int_equal(pl_nft_batch_end(&batch), 0);
	assert_int_equal(pl_nft_elements_read(first_message(&batch), see_birth, &nr),
			 PL_E_MALFORMED);
	assert_int_equal(nr, 1);
	pl_nft_batch_free(&batch);
}

static int see_key(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	unsigned *nr = ctx;

	assert_int_equal(set, PL_NFT_PIN_OUT);
	assert_int_equal(pl_tuple_compare(tuple, &tuple6), 0);
	assert_int_equal(reqid, 77);
	(*nr)++;
	return 0;
}

static void one_element_is_asked_for_by_its_key(void **state)
{
	union {
		struct nlmsghdr header;
		uint8_t bytes[PL_NFT_ASK_MAX];
	} ask = { .bytes = { 0 } };
	unsigned nr = 0;

	(void)state;
	pl_nft_ask(ask.bytes, 9, PL_NFT_PIN_OUT, &tuple6, 77);
	assert_in_range(ask.header.nlmsg_len, 1, PL_NFT_ASK_MAX);
	assert_int_equal(ask.header.nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM);
	assert_int_equal(ask.header.nlmsg_seq, 9);
	/* a dump would be all of them */
	assert_int_equal(ask.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(pl_nft_elements_read(&ask.header, see_key, &nr), 0);
	assert_int_equal(nr, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_padded_fields_local_end_first),
		cmocka_unit_test(what_a_key_says_is_read_back),
		cmocka_unit_test(padding_is_zero),
		cmocka_unit_test(the_batch_has_every_rule_of_the_guard),
		cmocka_unit_test(the_table_has_both_flags_or_none),
		cmocka_unit_test(whether_a_table_can_be_owned_is_tried_with_another_one),
		cmocka_unit_test(a_table_that_is_renewed_goes_on_blocking_K16),
		cmocka_unit_test(a_part_left_out_takes_its_rules_along),
		cmocka_unit_test(automatic_rules_hold_packets_in_their_order_K12),
		cmocka_unit_test(what_is_forwarded_is_held_where_it_begins_L21),
		cmocka_unit_test(only_the_inner_end_is_answered_if_a_rule_says_so_K59_K60_L21),
		cmocka_unit_test(without_automatic_rules_nothing_holds_packets_K13),
		cmocka_unit_test(a_batch_that_grew_is_used_again),
		cmocka_unit_test(elements_of_one_set_share_messages_of_bounded_length),
		cmocka_unit_test(elements_share_no_message_with_others),
		cmocka_unit_test(a_birth_leads_to_its_reqid),
		cmocka_unit_test(one_element_is_asked_for_by_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
