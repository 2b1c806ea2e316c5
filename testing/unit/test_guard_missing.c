/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel refuses of the guard's own bytes, and the sentence that is made of it. */

#include "kernel/pl_guard.h"
#include "kernel/pl_guard_missing.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pl_nft_batch batch;

static int build(void **state)
{
	static const char text[] =
		"[flow own]\nprotocol = tcp\nremote-port = 80\nauto = yes\n"
		"[flow lan]\nforward = yes\nprotocol = tcp\nlocal = 10.1.0.0/24\n"
		"remote = 10.2.0.0/24\nauto = yes\ndisposition = reset\n";
	struct pl_conf_error err;
	struct pl_conf conf;
	int r = pl_conf_load(text, strlen(text), &conf, &err);

	(void)state;
	pl_nft_batch_begin(&batch, 500);
	pl_nft_table_build(&batch, PL_NFT_PART_ALL, 1000, &conf);
	pl_conf_clear(&conf);
	return r != 0 ? r : pl_nft_batch_end(&batch);
}

static int give_back(void **state)
{
	(void)state;
	pl_nft_batch_free(&batch);
	return 0;
}

/* The expression of this name in a rule, as the kernel blames it: where its list element is. */
static bool find_in(const struct nlmsghdr *rule, const char *name, uint32_t *ret_offset)
{
	const struct nlattr *attr, *expression, *part;

	mnl_attr_for_each(attr, rule, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) != NFTA_RULE_EXPRESSIONS)
			continue;
		mnl_attr_for_each_nested(expression, attr) {
			mnl_attr_for_each_nested(part, expression) {
				if (mnl_attr_get_type(part) != NFTA_EXPR_NAME ||
				    strcmp(mnl_attr_get_str(part), name) != 0)
					continue;
				*ret_offset = (uint32_t)((const uint8_t *)expression -
							 (const uint8_t *)rule);
				return true;
			}
		}
	}
	return false;
}

/* The first message of a type; of rules, the first that has the expression. */
static struct pl_netlink_refusal refusal_of(unsigned type, const char *expression)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)batch.bytes;
	struct pl_netlink_refusal ret = { 0 };
	int left = (int)batch.len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) ||
		    (expression != NULL && !find_in(message, expression, &ret.offset)))
			continue;
		ret.seq = message->nlmsg_seq;
		return ret;
	}
	fail_msg("no such message: %u %s", type, expression == NULL ? "" : expression);
	return ret;
}

static void every_refusal_names_the_option_of_the_kernel(void **state)
{
	static const struct {
		unsigned type;
		const char *expression, *option;
		int error;
		const char *why;
	} rows[] = {
		{ NFT_MSG_NEWRULE, "xfrm", "CONFIG_NFT_XFRM", -ENOENT, "Debian's module" },
		{ NFT_MSG_NEWRULE, "ct", "CONFIG_NFT_CT", -ENOENT, "Debian's module" },
		{ NFT_MSG_NEWRULE, "objref", "CONFIG_NFT_OBJREF", -ENOENT, "until Linux 6.2" },
		{ NFT_MSG_NEWRULE, "rt", "CONFIG_XFRM", -EOPNOTSUPP, "built in, without XFRM" },
		{ NFT_MSG_NEWRULE, "meta", "CONFIG_XFRM", -EOPNOTSUPP, "built in, without XFRM" },
		{ NFT_MSG_NEWRULE, "dynset", "CONFIG_NFT_SET_HASH", -EOPNOTSUPP, "" },
		{ NFT_MSG_NEWRULE, "exthdr", "CONFIG_NFT_EXTHDR", -ENOENT, "" },
		{ NFT_MSG_NEWRULE, "queue", "CONFIG_NFT_QUEUE", -ENOENT, "Debian's module" },
		{ NFT_MSG_NEWRULE, "reject", "CONFIG_NFT_REJECT_INET", -ENOENT, "Debian's module" },
		{ NFT_MSG_NEWRULE, "reject", "Linux 5.9", -EOPNOTSUPP, "not at prerouting" },
		{ NFT_MSG_NEWRULE, "cmp", "CONFIG_NFT_XFRM", -ENOENT, "always there" },
		{ NFT_MSG_NEWSET, NULL, "CONFIG_NFT_SET_HASH", -EOPNOTSUPP, "no backend" },
		{ NFT_MSG_NEWOBJ, NULL, "CONFIG_NFT_COUNTER", -ENOENT, "until Linux 5.17" },
		{ NFT_MSG_NEWCHAIN, NULL, "CONFIG_NF_TABLES_INET", -ENOENT, "chain type" },
		{ NFT_MSG_NEWTABLE, NULL, "CONFIG_NF_TABLES_INET", -EOPNOTSUPP, "family" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pl_netlink_refusal refusal = refusal_of(rows[i].type, rows[i].expression);
		const char *text = pl_guard_missing_in(&batch, rows[i].error, &refusal);

		assert_non_null(text);
		if (strstr(text, rows[i].option) == NULL)
			fail_msg("%s not in: %s", rows[i].option, text);
	}
}

static void a_kernel_without_nf_tables_blames_the_batch_as_a_whole(void **state)
{
	struct pl_netlink_refusal refusal = { .seq = batch.first_seq };

	(void)state;
	assert_non_null(strstr(pl_guard_missing_in(&batch, -EOPNOTSUPP, &refusal),
			       "CONFIG_NF_TABLES"));
}

static void any_other_error_lacks_nothing(void **state)
{
	struct pl_netlink_refusal refusal = refusal_of(NFT_MSG_NEWRULE, "xfrm");
	static const int errors[] = { 0, -ENOMEM, -EPERM, -EINTR, -EBUSY, -ENOSPC };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		assert_null(pl_guard_missing_in(&batch, errors[i], &refusal));
}

static void no_offset_leads_out_of_the_message(void **state)
{
	struct pl_netlink_refusal refusal = refusal_of(NFT_MSG_NEWRULE, "xfrm");

	(void)state;
	for (uint32_t offset = 0; offset < 4096; offset++) {
		refusal.offset = offset;
		assert_non_null(pl_guard_missing_in(&batch, -ENOENT, &refusal));
	}
	refusal.offset = UINT32_MAX;
	assert_non_null(pl_guard_missing_in(&batch, -ENOENT, &refusal));
}

static void opening_without_rights_or_netfilter_is_explained(void **state)
{
	(void)state;
	assert_non_null(strstr(pl_guard_open_hint(-EPERM), "CAP_NET_ADMIN"));
	assert_non_null(strstr(pl_guard_open_hint(-EPROTONOSUPPORT), "CONFIG_NETFILTER_NETLINK"));
	assert_null(pl_guard_open_hint(-ENOMEM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_names_the_option_of_the_kernel),
		cmocka_unit_test(a_kernel_without_nf_tables_blames_the_batch_as_a_whole),
		cmocka_unit_test(any_other_error_lacks_nothing),
		cmocka_unit_test(no_offset_leads_out_of_the_message),
		cmocka_unit_test(opening_without_rights_or_netfilter_is_explained),
	};

	return cmocka_run_group_tests(tests, build, give_back);
}
