/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel says about SAs and policies, as values of core's: pure.
 *
 * Invariant: a selector that we cannot say exactly becomes a wider one, and the policy is marked as
 * one that may not apply: so it can break a latch, and cannot vouch for one. Templates that are
 * optional, or of protocols that protect nothing, do not make a policy protect.
 *
 * An SA's keys go into its digest and nowhere else.
 */

#include "kernel/pl_xfrm_decode.h"

#include "core/pl_siphash.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { ATTRS = XFRMA_MAX + 1, DIGESTED_MAX = 4096 };

struct reading {
	const struct nlmsghdr *message;
	const uint8_t *key;
	const struct nlattr *attrs[ATTRS];
};

static int read_attrs(struct reading *reading, size_t head)
{
	const struct nlmsghdr *message = reading->message;
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(head);

	if (message->nlmsg_len < NLMSG_HDRLEN + head)
		return PL_E_MALFORMED;
	while (at < message->nlmsg_len) {
		const struct nlattr *attr = (const struct nlattr *)((const uint8_t *)message + at);
		size_t left = message->nlmsg_len - at;
		uint16_t type;

		if (left < sizeof(*attr) || attr->nla_len < sizeof(*attr) || attr->nla_len > left)
			return PL_E_MALFORMED;
		type = mnl_attr_get_type(attr);
		if (type < ATTRS)
			reading->attrs[type] = attr;
		at += MNL_ALIGN(attr->nla_len);
	}
	return 0;
}

/* Return: NULL without the attribute; *@ret_bad when it is too short */
static const void *payload(const struct reading *reading, unsigned type, size_t least,
			   bool *ret_bad)
{
	const struct nlattr *attr = reading->attrs[type];

	if (attr == NULL)
		return NULL;
	if (mnl_attr_get_payload_len(attr) < least)
		*ret_bad = true;
	return mnl_attr_get_payload(attr);
}

static int read_mark(const struct reading *reading, struct pl_xfrm_mark *ret)
{
	bool is_bad = false;
	const void *at = payload(reading, XFRMA_MARK, sizeof(struct xfrm_mark), &is_bad);
	struct xfrm_mark mark = { .v = 0 };

	if (is_bad)
		return PL_E_MALFORMED;
	if (at != NULL)
		memcpy(&mark, at, sizeof(mark));
	*ret = (struct pl_xfrm_mark) { mark.v, mark.m };
	return 0;
}

static int read_number(const struct reading *reading, unsigned type, uint32_t *ret)
{
	bool is_bad = false;
	const void *at = payload(reading, type, sizeof(*ret), &is_bad);

	if (is_bad)
		return PL_E_MALFORMED;
	*ret = 0;
	if (at != NULL)
		memcpy(ret, at, sizeof(*ret));
	return 0;
}

/* Addresses and selectors */

static uint8_t af_of(uint16_t family)
{
	return family == AF_INET ? PL_AF_IP4 : family == AF_INET6 ? PL_AF_IP6 : PL_AF_NONE;
}

static struct pl_address address_of(const xfrm_address_t *address, uint16_t family)
{
	struct pl_address ret = { .af = af_of(family) };

	memcpy(ret.bytes, address, pl_ts_size(ret.af));
	return ret;
}

static bool set_prefix(struct pl_ts *ts, const xfrm_address_t *address, unsigned bits)
{
	size_t size = pl_ts_size(ts->af);
	const uint8_t *bytes = (const uint8_t *)address;

	if (bits > 8 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned kept = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * (unsigned)i : 0;
		uint8_t mask = (uint8_t)(0xff00 >> kept);

		ts->lo[i] = bytes[i] & mask;
		ts->hi[i] = (uint8_t)(ts->lo[i] | (uint8_t)~mask);
	}
	return true;
}

/* Return: false when the kernel's mask leaves ports that are no range. */
static bool set_port(struct pl_ts *ts, uint16_t port, uint16_t mask)
{
	uint16_t rest = (uint16_t)~ntohs(mask);
	bool is_range = (rest & (rest + 1u)) == 0;

	ts->lo_port = is_range ? ntohs(port) & (uint16_t)~rest : 0;
	ts->hi_port = is_range ? ts->lo_port | rest : UINT16_MAX;
	return is_range;
}

static int read_selector(const struct xfrm_selector *sel, struct pl_ts *src, struct pl_ts *dst,
			 bool *ret_partial)
{
	*src = *dst = (struct pl_ts) { .af = af_of(sel->family), .proto = sel->proto };
	if (src->af == PL_AF_NONE || !set_prefix(src, &sel->saddr, sel->prefixlen_s) ||
	    !set_prefix(dst, &sel->daddr, sel->prefixlen_d))
		return PL_E_MALFORMED;
	*ret_partial = !set_port(src, sel->sport, sel->sport_mask);
	*ret_partial |= !set_port(dst, sel->dport, sel->dport_mask);
	return 0;
}

static bool says_nothing(const struct xfrm_selector *sel)
{
	return af_of(sel->family) == PL_AF_NONE ||
	       (sel->prefixlen_s == 0 && sel->prefixlen_d == 0 && sel->proto == 0 &&
		sel->sport_mask == 0 && sel->dport_mask == 0);
}

/* The address, or any when there is none. */
static void set_end(struct pl_ts *ts, const xfrm_address_t *address, uint16_t family)
{
	static const xfrm_address_t none;
	size_t size;

	*ts = (struct pl_ts) { .af = af_of(family), .hi_port = UINT16_MAX };
	size = pl_ts_size(ts->af);
	(void)set_prefix(ts, address, memcmp(address, &none, size) == 0 ? 0 : 8 * (unsigned)size);
}

/* SAs */

struct digested {
	uint64_t words[DIGESTED_MAX / 8 + 1];
	size_t len;
	bool is_full;
};

static void digest_add(struct digested *digested, const void *bytes, size_t len)
{
	if (len > DIGESTED_MAX - digested->len)
		digested->is_full = true;
	else
		memcpy((uint8_t *)digested->words + digested->len, bytes, len);
	digested->len += digested->is_full ? 0 : len;
}

/* Some hundred of its bytes are used, and there are four digests in a rekey: no others are written.
 * Return: the words, the last one filled up. */
static size_t digest_end(struct digested *digested)
{
	memset((uint8_t *)digested->words + digested->len, 0, 8 - digested->len % 8);
	return digested->len / 8 + 1;
}

static const unsigned algorithms[] = {
	XFRMA_ALG_AEAD, XFRMA_ALG_CRYPT, XFRMA_ALG_AUTH_TRUNC, XFRMA_ALG_AUTH, XFRMA_ALG_COMP,
};
enum { NR_ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]) };

/* Return: 0 when it does not fit, which no algorithm's does. */
static uint64_t digest_of(const struct reading *reading, const void *bytes)
{
	struct xfrm_usersa_info info;
	struct digested digested;
	uint64_t hash;

	memcpy(&info, bytes, sizeof(info));
	digested.len = 0;
	digested.is_full = false;
	digest_add(&digested, &info.id.daddr, sizeof(info.id.daddr));
	digest_add(&digested, &info.saddr, sizeof(info.saddr));
	digest_add(&digested, &info.curlft.add_time, sizeof(info.curlft.add_time));
	digest_add(&digested, &info.reqid, sizeof(info.reqid));
	digest_add(&digested, &info.mode, sizeof(info.mode));
	digest_add(&digested, &info.flags, sizeof(info.flags));
	for (unsigned i = 0; i < NR_ALGORITHMS; i++) {
		const struct nlattr *attr = reading->attrs[algorithms[i]];

		if (attr == NULL)
			continue;
		digest_add(&digested, &algorithms[i], sizeof(algorithms[i]));
		digest_add(&digested, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	}
	hash = digested.is_full ? 0 : pl_siphash13(reading->key, digested.words,
						   digest_end(&digested)) | 1;
	explicit_bzero(digested.words, digested.len);
	return hash;
}

static bool has_algorithm(const struct reading *reading)
{
	for (unsigned i = 0; i < NR_ALGORITHMS; i++) {
		if (reading->attrs[algorithms[i]] != NULL)
			return true;
	}
	return false;
}

/* Larval SAs are of the three protocols of IPsec; others never have algorithms. */
static bool is_larval(const struct reading *reading, uint8_t protocol)
{
	return (protocol == IPPROTO_ESP || protocol == IPPROTO_AH || protocol == IPPROTO_COMP) &&
	       !has_algorithm(reading);
}

static int read_sa_info(const struct reading *reading, const void *bytes, struct pl_xfrm_sa *ret)
{
	struct xfrm_usersa_info info;
	bool is_partial;

	memcpy(&info, bytes, sizeof(info));
	*ret = (struct pl_xfrm_sa) {
		.protocol = info.id.proto, .spi = ntohl(info.id.spi), .reqid = info.reqid,
		.dst = address_of(&info.id.daddr, info.family),
		.is_larval = is_larval(reading, info.id.proto),
	};
	if (ret->dst.af == PL_AF_NONE)
		return PL_E_MALFORMED;
	if (says_nothing(&info.sel)) {
		set_end(&ret->from, &info.saddr, info.family);
		set_end(&ret->to, &info.id.daddr, info.family);
		return read_mark(reading, &ret->mark);
	}
	if (read_selector(&info.sel, &ret->from, &ret->to, &is_partial) != 0)
		return PL_E_MALFORMED;
	return read_mark(reading, &ret->mark);
}

static int read_sa(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_usersa_info));
	const void *info = mnl_nlmsg_get_payload(reading->message);

	ret->kind = PL_XFRM_SA_NEW;
	if (r == 0)
		r = read_sa_info(reading, info, &ret->u.sa);
	if (r != 0)
		return r;
	ret->u.sa.digest = digest_of(reading, info);
	return ret->u.sa.digest == 0 ? PL_E_UNSUPPORTED : 0;
}

static int read_sa_gone(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_usersa_id));
	bool is_bad = false;
	const void *info;

	if (r != 0)
		return r;
	info = payload(reading, XFRMA_SA, sizeof(struct xfrm_usersa_info), &is_bad);
	ret->kind = PL_XFRM_SA_GONE;
	return info == NULL || is_bad ? PL_E_MALFORMED : read_sa_info(reading, info, &ret->u.sa);
}

static int read_sa_expire(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_user_expire));
	struct xfrm_user_expire expire;

	if (r != 0)
		return r;
	memcpy(&expire, mnl_nlmsg_get_payload(reading->message), sizeof(expire));
	ret->kind = expire.hard ? PL_XFRM_SA_GONE : PL_XFRM_NOTHING;
	ret->is_expiry = true;
	return read_sa_info(reading, &expire.state, &ret->u.sa);
}

static int read_sa_flush(struct reading *reading, struct pl_xfrm_change *ret)
{
	struct xfrm_usersa_flush flush;
	int r = read_attrs(reading, sizeof(flush));

	if (r != 0)
		return r;
	memcpy(&flush, mnl_nlmsg_get_payload(reading->message), sizeof(flush));
	ret->kind = PL_XFRM_SA_FLUSH;
	ret->u.protocol = flush.proto;
	return 0;
}

/* Policies */

/* Return: false when nothing is demanded that protects. */
static bool read_templates(const struct reading *reading, struct pl_xfrm_policy *ret)
{
	const struct nlattr *attr = reading->attrs[XFRMA_TMPL];
	const uint8_t *at = attr == NULL ? NULL : mnl_attr_get_payload(attr);
	size_t nr = attr == NULL ? 0 : mnl_attr_get_payload_len(attr) /
				       sizeof(struct xfrm_user_tmpl);
	bool is_esp = false, is_found = false;

	for (size_t i = 0; i < nr; i++) {
		struct xfrm_user_tmpl tmpl;

		memcpy(&tmpl, at + i * sizeof(tmpl), sizeof(tmpl));
		if (tmpl.optional ||
		    (tmpl.id.proto != IPPROTO_ESP && tmpl.id.proto != IPPROTO_AH))
			continue;
		/* The guard pins ESP where AH is around it. */
		if (!is_found || (tmpl.id.proto == IPPROTO_ESP && !is_esp))
			ret->reqid = tmpl.reqid;
		is_esp |= tmpl.id.proto == IPPROTO_ESP;
		is_found = true;
	}
	return is_found;
}

static enum pl_xfrm_effect effect_of(const struct reading *reading, uint8_t action,
				     struct pl_xfrm_policy *policy)
{
	if (action != XFRM_POLICY_ALLOW)
		return PL_XFRM_DISCARDS;
	return read_templates(reading, policy) ? PL_XFRM_PROTECTS : PL_XFRM_PASSES;
}

static enum pl_direction direction_of(uint8_t dir)
{
	return dir == XFRM_POLICY_IN ? PL_DIR_IN : dir == XFRM_POLICY_OUT ? PL_DIR_OUT :
									    PL_DIR_NONE;
}

static int read_policy_info(const struct reading *reading, const void *bytes,
			    struct pl_xfrm_policy *ret)
{
	struct xfrm_userpolicy_info info;
	bool is_bad = false;
	const uint8_t *type = payload(reading, XFRMA_POLICY_TYPE, 1, &is_bad);
	int r;

	memcpy(&info, bytes, sizeof(info));
	*ret = (struct pl_xfrm_policy) {
		.direction = direction_of(info.dir), .priority = info.priority,
		.ifindex = (uint32_t)info.sel.ifindex, .user = info.sel.user,
		.type = type == NULL ? 0 : *type,
	};
	/* One of a socket may select nothing that has a family. */
	if (ret->direction == PL_DIR_NONE)
		return 0;
	r = is_bad ? PL_E_MALFORMED : read_selector(&info.sel, &ret->src, &ret->dst,
						    &ret->is_partial);
	if (r == 0)
		r = read_mark(reading, &ret->mark);
	if (r == 0)
		r = read_number(reading, XFRMA_IF_ID, &ret->if_id);
	ret->is_partial |= reading->attrs[XFRMA_SEC_CTX] != NULL;
	ret->effect = effect_of(reading, info.action, ret);
	return r;
}

static int read_policy(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_userpolicy_info));

	ret->kind = PL_XFRM_POLICY_NEW;
	return r != 0 ? r : read_policy_info(reading, mnl_nlmsg_get_payload(reading->message),
					     &ret->u.policy);
}

static int read_policy_gone(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_userpolicy_id));
	bool is_bad = false;
	const void *info;

	if (r != 0)
		return r;
	info = payload(reading, XFRMA_POLICY, sizeof(struct xfrm_userpolicy_info), &is_bad);
	ret->kind = PL_XFRM_POLICY_GONE;
	return info == NULL || is_bad ? PL_E_MALFORMED :
					read_policy_info(reading, info, &ret->u.policy);
}

static int read_policy_expire(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, sizeof(struct xfrm_user_polexpire));
	struct xfrm_user_polexpire expire;

	if (r != 0)
		return r;
	memcpy(&expire, mnl_nlmsg_get_payload(reading->message), sizeof(expire));
	ret->kind = expire.hard ? PL_XFRM_POLICY_GONE : PL_XFRM_NOTHING;
	ret->is_expiry = true;
	return read_policy_info(reading, &expire.pol, &ret->u.policy);
}

static int read_policy_flush(struct reading *reading, struct pl_xfrm_change *ret)
{
	int r = read_attrs(reading, 0);
	bool is_bad = false;
	const uint8_t *type;

	if (r != 0)
		return r;
	type = payload(reading, XFRMA_POLICY_TYPE, 1, &is_bad);
	ret->kind = PL_XFRM_POLICY_FLUSH;
	ret->u.type = type == NULL || is_bad ? 0 : *type;
	return is_bad ? PL_E_MALFORMED : 0;
}

static int read_message(struct reading *reading, struct pl_xfrm_change *ret)
{
	switch (reading->message->nlmsg_type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		return read_sa(reading, ret);
	case XFRM_MSG_DELSA:
		return read_sa_gone(reading, ret);
	case XFRM_MSG_EXPIRE:
		return read_sa_expire(reading, ret);
	case XFRM_MSG_FLUSHSA:
		return read_sa_flush(reading, ret);
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		return read_policy(reading, ret);
	case XFRM_MSG_DELPOLICY:
		return read_policy_gone(reading, ret);
	case XFRM_MSG_POLEXPIRE:
		return read_policy_expire(reading, ret);
	case XFRM_MSG_FLUSHPOLICY:
		return read_policy_flush(reading, ret);
	case XFRM_MSG_MIGRATE:
		ret->kind = PL_XFRM_MOVED;
		return 0;
	case XFRM_MSG_MAPPING:
	case XFRM_MSG_SETDEFAULT:
	case XFRM_MSG_GETDEFAULT:
		/* A peer's outer port, and what happens without a policy: absent is judged. */
		return 0;
	default:
		return PL_E_UNSUPPORTED;
	}
}

int pl_xfrm_decode(const void *bytes, size_t len, const uint8_t key[static 16],
		   struct pl_xfrm_change *ret)
{
	struct reading reading = { .message = bytes, .key = key };
	struct pl_xfrm_change change = { .kind = PL_XFRM_NOTHING };
	int r;

	if (len < sizeof(struct nlmsghdr) || reading.message->nlmsg_len < sizeof(struct nlmsghdr) ||
	    reading.message->nlmsg_len > len)
		return PL_E_MALFORMED;
	r = read_message(&reading, &change);
	if (r == 0)
		*ret = change;
	return r;
}
