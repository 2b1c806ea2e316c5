/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel says of SAs and policies: messages as Linux sent them, every one cut at every
 * place, and bent where it counts.
 */

#include "kernel/pl_xfrm_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

static const uint8_t key[16] = { 1, 2, 3 };

/* ip xfrm policy add src 192.0.2.2/32 dst 192.0.2.1/32 proto udp sport 4000 dir out priority
 * 1753280 mark 5 mask 0xff tmpl src 192.0.2.2 dst 192.0.2.1 proto esp reqid 16389 mode tunnel;
 * then its end */
static const char policy_new[] =
	"1401000013000000ba41016b00000000c0000201000000000000000000000000c000020200000000"
	"0000000000000000000000000fa0ffff02002020110000000000000000000000ffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000000000000000000000b941016b00000000"
	"0000000000000000c0c01a0001000000010000000000000044000500c00002010000000000000000"
	"00000000000000003200000002000000c00002020000000000000000000000000540000001000000"
	"ffffffffffffffffffffffff0a00100000000000000000000c00150005000000ff000000";

static const char policy_gone[] =
	"5801000014000000d443016b00000000c0000201000000000000000000000000c000020200000000"
	"0000000000000000000000000fa0ffff020020201100000000000000000000000000000001000000"
	"ac000700c0000201000000000000000000000000c000020200000000000000000000000000000000"
	"0fa0ffff02002020110000000000000000000000ffffffffffffffffffffffffffffffffffffffff"
	"ffffffffffffffffffffffff00000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000d343016b000000000000000000000000c0c01a00"
	"01000000010000000000000044000500c00002010000000000000000000000000000000032000000"
	"02000000c00002020000000000000000000000000540000001000000ffffffffffffffffffffffff"
	"0a00100000000000000000000c00150005000000ff000000";

static const char policy_flush[] =
	"1c0000001d0000004a43016b000000000a0010000000000000000000";

/* ip xfrm state add src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x1234 reqid 77 mode tunnel aead
 * "rfc4106(gcm(aes))" KEY 128 sel src 2001:db8::/32 dst 2001:db8::2/128 proto tcp dport 4000; its
 * end; one with a mark and without a selector; one whose time is over */
static const char sa_new[] =
	"60010000100000004943016b0000000020010db800000000000000000000000220010db800000000"
	"00000000000000000fa0ffff000000000a00802006000000000000000000000020010db800000000"
	"0000000000000002000012343200000020010db8000000000000000000000001ffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
	"00000000000000000000000000000000000000000000000000000000000000004843016b00000000"
	"0000000000000000000000000000000000000000000000004d0000000a0001000000000000000000"
	"60001200726663343130362867636d28616573292900000000000000000000000000000000000000"
	"00000000000000000000000000000000000000000000000000000000a00000008000000001234567"
	"89abcdef0123456789abcdef0123456710000a00000000000000000000000000";

static const char sa_gone[] =
	"7c010000110000004943016b0000000020010db8000000000000000000000002000012340a003200"
	"e400060020010db800000000000000000000000220010db80000000000000000000000000fa0ffff"
	"000000000a00802006000000000000000000000020010db800000000000000000000000200001234"
	"3200000020010db8000000000000000000000001ffffffffffffffffffffffffffffffffffffffff"
	"ffffffffffffffffffffffff00000000000000000000000000000000000000000000000000000000"
	"00000000000000000000000000000000000000004843016b00000000000000000000000000000000"
	"0000000000000000000000004d0000000a0001000000000000000000600012007266633431303628"
	"67636d28616573292900000000000000000000000000000000000000000000000000000000000000"
	"00000000000000000000000000000000a0000000800000000123456789abcdef0123456789abcdef"
	"0123456710000a00000000000000000000000000";

static const char sa_marked[] =
	"6c010000100000004a43016b00000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000002000000000000000000000000000000c000020200000000"
	"00000000000000000000123532000000c0000201000000000000000000000000ffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
	"00000000000000000000000000000000000000000000000000000000000000004943016b00000000"
	"0000000000000000000000000000000000000000000000004e000000020001000000000000000000"
	"60001200726663343130362867636d28616573292900000000000000000000000000000000000000"
	"00000000000000000000000000000000000000000000000000000000a00000008000000001234567"
	"89abcdef0123456789abcdef012345670c001500030000000f00000010000a000000000000000000"
	"00000000";

static const char sa_flush[] =
	"140000001c0000004a43016b0000000000000000";

static const char sa_expired[] =
	"f8000000180000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000002000000000000000000000000000000c000020200000000"
	"00000000000000000000123632000000c0000201000000000000000000000000ffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000100000000000000"
	"00000000000000000000000000000000000000000000000000000000000000004943016b00000000"
	"0000000000000000000000000000000000000000000000004e000000020001000000000000000000"
	"0100000000000000";

struct bytes {
	uint8_t bytes[1024] __attribute__((aligned(8)));
	size_t len;
};

static struct bytes bytes_of(const char *hex)
{
	struct bytes ret = { .len = strlen(hex) / 2 };

	assert_true(ret.len <= sizeof(ret.bytes));
	for (size_t i = 0; i < ret.len; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		ret.bytes[i] = (uint8_t)byte;
	}
	return ret;
}

static int decode(const struct bytes *bytes, struct pl_xfrm_change *ret)
{
	return pl_xfrm_decode(bytes->bytes, bytes->len, key, ret);
}

static struct pl_xfrm_change decoded(const char *hex)
{
	struct bytes bytes = bytes_of(hex);
	struct pl_xfrm_change change;

	assert_int_equal(decode(&bytes, &change), 0);
	return change;
}

static void is_range(const struct pl_ts *ts, const char *text)
{
	char got[PL_TS_TEXT_MAX];

	assert_string_equal(pl_ts_text(ts, got), text);
}

static void a_policy_says_what_it_selects_and_demands(void **state)
{
	static const char *const hex[] = { policy_new, policy_gone };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pl_xfrm_change change = decoded(hex[i]);
		const struct pl_xfrm_policy *policy = &change.u.policy;

		assert_int_equal(change.kind, i == 0 ? PL_XFRM_POLICY_NEW : PL_XFRM_POLICY_GONE);
		assert_int_equal(policy->direction, PL_DIR_OUT);
		is_range(&policy->src, "192.0.2.2-192.0.2.2/17/4000-4000");
		is_range(&policy->dst, "192.0.2.1-192.0.2.1/17/0-65535");
		assert_int_equal(policy->mark.value, 5);
		assert_int_equal(policy->mark.mask, 255);
		assert_int_equal(policy->priority, 1753280);
		assert_int_equal(policy->effect, PL_XFRM_PROTECTS);
		assert_int_equal(policy->reqid, 16389);
		assert_false(policy->is_partial);
		assert_int_equal(policy->type, 0);
		assert_int_equal(policy->if_id, 0);
	}
	assert_int_equal(decoded(policy_flush).kind, PL_XFRM_POLICY_FLUSH);
	assert_int_equal(decoded(policy_flush).u.type, 0);
}

static void an_SA_says_what_it_may_carry(void **state)
{
	struct pl_xfrm_change change = decoded(sa_new);
	uint64_t digest = change.u.sa.digest;

	(void)state;
	assert_int_equal(change.kind, PL_XFRM_SA_NEW);
	assert_int_equal(change.u.sa.protocol, PL_PROTO_ESP);
	assert_int_equal(change.u.sa.spi, 0x1234);
	assert_int_equal(change.u.sa.reqid, 77);
	assert_int_equal(change.u.sa.dst.af, PL_AF_IP6);
	assert_false(change.u.sa.is_larval);
	is_range(&change.u.sa.from,
		 "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/6/0-65535");
	is_range(&change.u.sa.to, "2001:db8::2-2001:db8::2/6/4000-4000");
	change = decoded(sa_gone);
	assert_int_equal(change.kind, PL_XFRM_SA_GONE);
	assert_int_equal(change.u.sa.spi, 0x1234);
	assert_int_equal(change.u.sa.digest, 0);
	/* without a selector: between its ends */
	change = decoded(sa_marked);
	is_range(&change.u.sa.from, "192.0.2.1-192.0.2.1/0/0-65535");
	is_range(&change.u.sa.to, "192.0.2.2-192.0.2.2/0/0-65535");
	assert_int_equal(change.u.sa.mark.value, 3);
	assert_int_equal(change.u.sa.mark.mask, 15);
	assert_int_not_equal(change.u.sa.digest, digest);
	assert_int_equal(decoded(sa_flush).kind, PL_XFRM_SA_FLUSH);
	assert_int_equal(decoded(sa_flush).u.protocol, 0);
}

static void the_end_of_a_life_is_no_deletion(void **state)
{
	struct pl_xfrm_change change = decoded(sa_expired);
	struct bytes bytes = bytes_of(sa_expired);

	(void)state;
	assert_int_equal(change.kind, PL_XFRM_SA_GONE);
	assert_true(change.is_expiry);
	assert_int_equal(change.u.sa.spi, 0x1236);
	bytes.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_user_expire, hard)] = 0;
	assert_int_equal(decode(&bytes, &change), 0);
	assert_int_equal(change.kind, PL_XFRM_NOTHING);
}

__attribute__((noinline)) static void leave_behind(int byte)
{
	volatile uint8_t there[3 * 4096];

	for (size_t i = 0; i < sizeof(there); i++)
		there[i] = (uint8_t)byte;
}

/* Every byte that cannot change in the life of an SA counts, its key among them. */
static void a_digest_is_of_the_key_and_the_time_of_birth_too(void **state)
{
	static const size_t at[] = {
		offsetof(struct xfrm_usersa_info, curlft.add_time),
		offsetof(struct xfrm_usersa_info, reqid),
		offsetof(struct xfrm_usersa_info, mode),
		offsetof(struct xfrm_usersa_info, saddr),
		sizeof(struct xfrm_usersa_info) + NLA_HDRLEN + sizeof(struct xfrm_algo_aead),
	};
	struct pl_xfrm_change change = decoded(sa_new);
	uint64_t digest = change.u.sa.digest;

	(void)state;
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct bytes bytes = bytes_of(sa_new);

		bytes.bytes[NLMSG_HDRLEN + at[i]] ^= 1;
		assert_int_equal(decode(&bytes, &change), 0);
		assert_int_not_equal(change.u.sa.digest, digest);
	}
	/* what does change does not */
	{
		struct bytes bytes = bytes_of(sa_new);

		bytes.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, curlft.bytes)] ^= 1;
		bytes.bytes[NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, stats)] ^= 1;
		assert_int_equal(decode(&bytes, &change), 0);
		assert_int_equal(change.u.sa.digest, digest);
	}
	/* nor what others have left in memory */
	for (int left = 0; left <= 0xff; left += 0xff) {
		leave_behind(left);
		assert_int_equal(decoded(sa_new).u.sa.digest, digest);
	}
}

/* Built like the kernel's: a policy of these templates */
static struct bytes policy_with(const struct xfrm_user_tmpl *tmpls, unsigned nr, uint8_t action)
{
	struct bytes ret = { .len = 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(ret.bytes);
	struct xfrm_userpolicy_info *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = XFRM_MSG_UPDPOLICY;
	info->sel.family = AF_INET;
	info->action = action;
	if (nr > 0)
		mnl_attr_put(message, XFRMA_TMPL, nr * sizeof(*tmpls), tmpls);
	ret.len = message->nlmsg_len;
	return ret;
}

static void only_what_demands_ESP_or_AH_protects_T7(void **state)
{
	static const struct {
		const char *why;
		uint8_t action;
		unsigned nr;
		struct { uint8_t proto, optional; uint32_t reqid; } tmpls[2];
		enum pl_xfrm_effect effect;
		uint32_t reqid;
	} t[] = {
		{ "no template", XFRM_POLICY_ALLOW, 0, { { 0 } }, PL_XFRM_PASSES, 0 },
		{ "discards", XFRM_POLICY_BLOCK, 0, { { 0 } }, PL_XFRM_DISCARDS, 0 },
		{ "ESP", XFRM_POLICY_ALLOW, 1, { { 50, 0, 5 } }, PL_XFRM_PROTECTS, 5 },
		{ "AH", XFRM_POLICY_ALLOW, 1, { { 51, 0, 6 } }, PL_XFRM_PROTECTS, 6 },
		{ "optional ESP", XFRM_POLICY_ALLOW, 1, { { 50, 1, 5 } }, PL_XFRM_PASSES, 0 },
		{ "IPComp alone", XFRM_POLICY_ALLOW, 1, { { 108, 0, 5 } }, PL_XFRM_PASSES, 0 },
		{ "an address option", XFRM_POLICY_ALLOW, 1, { { 60, 0, 5 } }, PL_XFRM_PASSES, 0 },
		{ "IPComp and ESP", XFRM_POLICY_ALLOW, 2, { { 108, 1, 7 }, { 50, 0, 5 } },
		  PL_XFRM_PROTECTS, 5 },
		{ "AH and ESP", XFRM_POLICY_ALLOW, 2, { { 51, 0, 4 }, { 50, 0, 5 } },
		  PL_XFRM_PROTECTS, 5 },
		{ "ESP and AH", XFRM_POLICY_ALLOW, 2, { { 50, 0, 5 }, { 51, 0, 4 } },
		  PL_XFRM_PROTECTS, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct xfrm_user_tmpl tmpls[2];
		struct pl_xfrm_change change;
		struct bytes bytes;

		print_message("%s\n", t[i].why);
		memset(tmpls, 0, sizeof(tmpls));
		for (unsigned j = 0; j < t[i].nr; j++) {
			tmpls[j].id.proto = t[i].tmpls[j].proto;
			tmpls[j].optional = t[i].tmpls[j].optional;
			tmpls[j].reqid = t[i].tmpls[j].reqid;
		}
		bytes = policy_with(tmpls, t[i].nr, t[i].action);
		assert_int_equal(decode(&bytes, &change), 0);
		assert_int_equal(change.u.policy.effect, t[i].effect);
		assert_int_equal(change.u.policy.reqid, t[i].reqid);
	}
}

static struct xfrm_userpolicy_info *info_of(struct bytes *bytes)
{
	return mnl_nlmsg_get_payload((struct nlmsghdr *)bytes->bytes);
}

static void what_cannot_be_said_exactly_is_wider_and_marked(void **state)
{
	struct bytes bytes = policy_with(NULL, 0, XFRM_POLICY_ALLOW);
	struct xfrm_userpolicy_info *info = info_of(&bytes);
	struct pl_xfrm_change change;

	(void)state;
	info->sel.dport = htons(0x1200);
	info->sel.dport_mask = htons(0xff0f);
	assert_int_equal(decode(&bytes, &change), 0);
	assert_true(change.u.policy.is_partial);
	is_range(&change.u.policy.dst, "0.0.0.0-255.255.255.255/0/0-65535");
	info->sel.dport_mask = 0;
	info->sel.prefixlen_d = 31;
	assert_int_equal(decode(&bytes, &change), 0);
	assert_false(change.u.policy.is_partial);
	is_range(&change.u.policy.dst, "0.0.0.0-0.0.0.1/0/0-65535");
	info->sel.prefixlen_d = 33;
	assert_int_equal(decode(&bytes, &change), PL_E_MALFORMED);
	info->sel.prefixlen_d = 0;
	info->sel.family = AF_PACKET;
	assert_int_equal(decode(&bytes, &change), PL_E_MALFORMED);
	/* of one socket, and forwarding */
	for (info->dir = 2; info->dir < 6; info->dir++) {
		assert_int_equal(decode(&bytes, &change), 0);
		assert_int_equal(change.u.policy.direction, PL_DIR_NONE);
	}
}

static void an_SA_without_algorithms_is_larval_if_it_could_have_some(void **state)
{
	struct bytes bytes = bytes_of(sa_new);
	struct nlmsghdr *message = (struct nlmsghdr *)bytes.bytes;
	struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(message);
	struct pl_xfrm_change change;

	(void)state;
	message->nlmsg_len = NLMSG_HDRLEN + sizeof(*info);
	assert_int_equal(decode(&bytes, &change), 0);
	assert_true(change.u.sa.is_larval);
	info->id.proto = IPPROTO_ROUTING;
	assert_int_equal(decode(&bytes, &change), 0);
	assert_false(change.u.sa.is_larval);
	info->family = AF_PACKET;
	assert_int_equal(decode(&bytes, &change), PL_E_MALFORMED);
}

/* What a narrowed child SA has (K32): the mirror must know it for pluto's own. */
static void a_block_of_ports_is_a_range(void **state)
{
	static const struct {
		uint16_t port, mask;
		const char *want;
	} t[] = {
		{ 0x1200, 0xff00, "0.0.0.0-255.255.255.255/0/4608-4863" },
		{ 0x1234, 0xff00, "0.0.0.0-255.255.255.255/0/4608-4863" },
		{ 0, 0x8000, "0.0.0.0-255.255.255.255/0/0-32767" },
		{ 0x8000, 0x8000, "0.0.0.0-255.255.255.255/0/32768-65535" },
		{ 0xffff, 0xfffe, "0.0.0.0-255.255.255.255/0/65534-65535" },
		{ 0, 0xffff, "0.0.0.0-255.255.255.255/0/0-0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct bytes bytes = policy_with(NULL, 0, XFRM_POLICY_ALLOW);
		struct xfrm_userpolicy_info *info = info_of(&bytes);
		struct pl_xfrm_change change;

		info->sel.sport = htons(t[i].port);
		info->sel.sport_mask = htons(t[i].mask);
		assert_int_equal(decode(&bytes, &change), 0);
		assert_false(change.u.policy.is_partial);
		is_range(&change.u.policy.src, t[i].want);
		is_range(&change.u.policy.dst, "0.0.0.0-255.255.255.255/0/0-65535");
	}
}

static void what_is_unknown_asks_for_a_list(void **state)
{
	static const struct { uint16_t type; int r; enum pl_xfrm_kind kind; } t[] = {
		{ XFRM_MSG_MIGRATE, 0, PL_XFRM_MOVED }, { XFRM_MSG_MAPPING, 0, PL_XFRM_NOTHING },
		{ XFRM_MSG_GETDEFAULT, 0, PL_XFRM_NOTHING },
		{ XFRM_MSG_ACQUIRE, PL_E_UNSUPPORTED, 0 }, { 0, PL_E_UNSUPPORTED, 0 },
		{ NLMSG_ERROR, PL_E_UNSUPPORTED, 0 }, { UINT16_MAX, PL_E_UNSUPPORTED, 0 },
	};
	struct bytes bytes = policy_with(NULL, 0, XFRM_POLICY_ALLOW);

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pl_xfrm_change change = { .kind = PL_XFRM_SA_NEW };

		((struct nlmsghdr *)bytes.bytes)->nlmsg_type = t[i].type;
		assert_int_equal(decode(&bytes, &change), t[i].r);
		assert_int_equal(change.kind, t[i].r == 0 ? t[i].kind : PL_XFRM_SA_NEW);
	}
}

/* Nothing is read behind its end: the sanitizer looks. */
static void a_message_that_is_cut_is_refused(void **state)
{
	static const char *const hex[] = {
		policy_new, policy_gone, policy_flush, sa_new, sa_gone, sa_marked, sa_flush,
		sa_expired,
	};
	/* the message's own part, and what else there has to be */
	static const size_t least[] = {
		NLMSG_HDRLEN + sizeof(struct xfrm_userpolicy_info),
		NLMSG_HDRLEN + sizeof(struct xfrm_userpolicy_id) + NLA_HDRLEN +
			sizeof(struct xfrm_userpolicy_info),
		NLMSG_HDRLEN,
		NLMSG_HDRLEN + sizeof(struct xfrm_usersa_info),
		NLMSG_HDRLEN + sizeof(struct xfrm_usersa_id) + NLA_HDRLEN +
			sizeof(struct xfrm_usersa_info),
		NLMSG_HDRLEN + sizeof(struct xfrm_usersa_info),
		NLMSG_HDRLEN + sizeof(struct xfrm_usersa_flush),
		NLMSG_HDRLEN + sizeof(struct xfrm_user_expire),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hex) / sizeof(hex[0]); i++) {
		struct bytes whole = bytes_of(hex[i]);

		for (size_t len = 0; len < whole.len; len++) {
			struct pl_xfrm_change change = { .kind = PL_XFRM_MOVED };
			uint8_t *cut = malloc(len + 1);
			uint32_t said = (uint32_t)len;

			assert_non_null(cut);
			memcpy(cut, whole.bytes, len);
			assert_int_equal(pl_xfrm_decode(cut, len, key, &change), PL_E_MALFORMED);
			assert_int_equal(change.kind, PL_XFRM_MOVED);
			/* one that says so: attributes are left out, and never read */
			if (len >= sizeof(said))
				memcpy(cut, &said, sizeof(said));
			if (pl_xfrm_decode(cut, len, key, &change) != 0)
				assert_int_equal(change.kind, PL_XFRM_MOVED);
			else
				assert_true(len >= least[i]);
			free(cut);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_says_what_it_selects_and_demands),
		cmocka_unit_test(an_SA_says_what_it_may_carry),
		cmocka_unit_test(the_end_of_a_life_is_no_deletion),
		cmocka_unit_test(a_digest_is_of_the_key_and_the_time_of_birth_too),
		cmocka_unit_test(only_what_demands_ESP_or_AH_protects_T7),
		cmocka_unit_test(what_cannot_be_said_exactly_is_wider_and_marked),
		cmocka_unit_test(an_SA_without_algorithms_is_larval_if_it_could_have_some),
		cmocka_unit_test(a_block_of_ports_is_a_range),
		cmocka_unit_test(what_is_unknown_asks_for_a_list),
		cmocka_unit_test(a_message_that_is_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
