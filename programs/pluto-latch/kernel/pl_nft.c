/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Transactions and set elements of nf_tables as bytes; nothing is sent here, so that tests and
 * fuzzers see exactly what the kernel would.
 *
 * Invariant: one layout of keys. What pl_nft_key_make() writes, what pl_nft_key_read() takes, and
 * what the rules of pl_nft_table.c load into registers are the same bytes; pl_nft_rule.c computes
 * its registers from the same description (struct layout).
 *
 * Elements are put together by hand, without libnftnl: blocking a flow must not depend on an
 * allocation, and a batch that was used before has its memory already.
 */

#include "kernel/pl_nft.h"

#include "kernel/pl_nft_layout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name4, *name6;
	struct pl_nft_layout layout;
} sets[PL_NFT_SET_ROOF] = {
	[PL_NFT_FLOWS] = { "flows4", "flows6", { .has_remote = true, .has_local_port = true } },
	[PL_NFT_PIN_IN] = { "pin_in4", "pin_in6",
			    { .has_remote = true, .has_local_port = true, .has_reqid = true } },
	[PL_NFT_PIN_OUT] = { "pin_out4", "pin_out6",
			     { .has_remote = true, .has_local_port = true, .has_reqid = true } },
	[PL_NFT_PAIRS] = { "pairs4", "pairs6", { .has_remote = true } },
	[PL_NFT_PAIR_PINS] = { "pair_pins4", "pair_pins6",
			       { .has_remote = true, .has_reqid = true } },
	[PL_NFT_LISTENERS] = { "listeners4", "listeners6", { .has_local_port = true } },
	[PL_NFT_BIRTHS] = { "births4", "births6", { .has_local_port = true, .has_reqid = true } },
	[PL_NFT_BORN] = { "born4", "born6",
			  { .has_remote = true, .has_local_port = true, .is_map = true } },
	[PL_NFT_SAME] = { "same4", "same6", { .has_reqid = true, .is_reqid_twice = true } },
	[PL_NFT_PORTS] = { "ports4", "ports6", { .is_port_block = true } },
	[PL_NFT_ANSWERS] = { "answers4", "answers6",
			     { .has_remote = true, .has_local_port = true, .has_reqid = true } },
};

static void make_room(struct pl_nft_batch *batch)
{
	size_t size = batch->size == 0 ? 4 * PL_NFT_MESSAGE_MAX : 2 * batch->size;
	uint8_t *bytes;

	if (batch->error != 0 || batch->size - batch->len >= 2 * PL_NFT_MESSAGE_MAX)
		return;
	bytes = realloc(batch->bytes, size);
	if (bytes == NULL) {
		batch->error = -ENOMEM;
		return;
	}
	/* Padding between attributes is not written by libmnl 1.0.4, and goes to the kernel. */
	memset(bytes + batch->size, 0, size - batch->size);
	batch->bytes = bytes;
	batch->size = size;
}

void pl_nft_batch_begin(struct pl_nft_batch *batch, uint32_t seq)
{
	batch->len = 0;
	batch->last_at = 0;
	batch->list_at = 0;
	batch->error = 0;
	batch->first_seq = batch->last_seq = seq;
	make_room(batch);
	if (batch->error == 0)
		batch->len += nftnl_batch_begin((char *)batch->bytes, seq)->nlmsg_len;
}

struct nlmsghdr *pl_nft_batch_next(struct pl_nft_batch *batch, uint16_t type, uint16_t flags)
{
	make_room(batch);
	if (batch->error != 0)
		return NULL;
	batch->last_at = batch->len;
	batch->list_at = 0;
	batch->last_seq++;
	return nftnl_nlmsg_build_hdr((char *)batch->bytes + batch->len, type, NFPROTO_INET, flags,
				     batch->last_seq);
}

void pl_nft_batch_done(struct pl_nft_batch *batch, struct nlmsghdr *header)
{
	batch->len += NLMSG_ALIGN(header->nlmsg_len);
}

int pl_nft_batch_end(struct pl_nft_batch *batch)
{
	make_room(batch);
	if (batch->error != 0)
		return batch->error;
	((struct nlmsghdr *)(batch->bytes + batch->last_at))->nlmsg_flags |= NLM_F_ACK;
	batch->len += nftnl_batch_end((char *)batch->bytes + batch->len,
				      batch->last_seq + 1)->nlmsg_len;
	return 0;
}

void pl_nft_batch_free(struct pl_nft_batch *batch)
{
	free(batch->bytes);
	memset(batch, 0, sizeof(*batch));
}

const char *pl_nft_set_name(enum pl_nft_set set, uint8_t af)
{
	if (set <= 0 || set >= PL_NFT_SET_ROOF)
		return NULL;
	return af == PL_AF_IP4 ? sets[set].name4 : af == PL_AF_IP6 ? sets[set].name6 : NULL;
}

bool pl_nft_set_find(const char *name, enum pl_nft_set *ret_set, uint8_t *ret_af)
{
	for (int set = 1; set < PL_NFT_SET_ROOF; set++) {
		bool is_4 = strcmp(name, sets[set].name4) == 0;

		if (!is_4 && strcmp(name, sets[set].name6) != 0)
			continue;
		*ret_set = (enum pl_nft_set)set;
		*ret_af = is_4 ? PL_AF_IP4 : PL_AF_IP6;
		return true;
	}
	return false;
}

const struct pl_nft_layout *pl_nft_layout_of(enum pl_nft_set set)
{
	return &sets[set].layout;
}

uint8_t pl_nft_key_len(enum pl_nft_set set, uint8_t af)
{
	const struct pl_nft_layout *layout = pl_nft_layout_of(set);
	uint8_t address = (uint8_t)pl_ts_size(af);

	if (layout->is_reqid_twice)
		return 2 * sizeof(uint32_t);
	if (layout->is_port_block)
		return sizeof(uint16_t);
	return address * (layout->has_remote ? 2 : 1) + 4 +
	       4 * ((layout->has_local_port ? 1 : 0) +
		    (layout->has_local_port && layout->has_remote ? 1 : 0) +
		    (layout->has_reqid ? 1 : 0));
}

static void put_field(struct pl_nft_key *key, const void *bytes, size_t len)
{
	memcpy(key->bytes + key->len, bytes, len);
	key->len += (len + 3) & ~3u;
}

static void put_port(struct pl_nft_key *key, uint16_t port)
{
	uint16_t v = htons(port);

	put_field(key, &v, sizeof(v));
}

void pl_nft_association(const struct pl_tuple *tuple, uint8_t af, struct pl_tuple *ret)
{
	*ret = (struct pl_tuple) { .af = af, .proto = tuple->proto,
				   .local_port = tuple->local_port,
				   .remote_port = tuple->remote_port };
}

bool pl_nft_is_association(const struct pl_tuple *tuple)
{
	static const uint8_t zeros[16];

	return tuple->proto == PL_TUPLE_SCTP &&
	       memcmp(tuple->local, zeros, sizeof(zeros)) == 0 &&
	       memcmp(tuple->remote, zeros, sizeof(zeros)) == 0;
}

void pl_nft_key_make(enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid,
		     struct pl_nft_key *ret)
{
	const struct pl_nft_layout *layout = pl_nft_layout_of(set);
	size_t address = pl_ts_size(tuple->af);

	memset(ret, 0, sizeof(*ret));
	if (layout->is_reqid_twice) {
		put_field(ret, &reqid, sizeof(reqid));
		put_field(ret, &reqid, sizeof(reqid));
		return;
	}
	if (layout->is_port_block) {
		put_port(ret, tuple->local_port & ~(PL_NFT_PORT_BLOCK - 1));
		ret->len = sizeof(uint16_t);
		return;
	}
	put_field(ret, tuple->local, address);
	if (layout->has_remote)
		put_field(ret, tuple->remote, address);
	put_field(ret, &tuple->proto, 1);
	if (layout->has_local_port)
		put_port(ret, tuple->local_port);
	if (layout->has_local_port && layout->has_remote)
		put_port(ret, tuple->remote_port);
	if (layout->has_reqid)
		put_field(ret, &reqid, sizeof(reqid));
}

static uint16_t get_port(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Return: what follows it. */
static const uint8_t *read_tuple(const struct pl_nft_layout *layout, const uint8_t *at,
				 size_t address, struct pl_tuple *ret)
{
	memcpy(ret->local, at, address);
	at += address;
	if (layout->has_remote) {
		memcpy(ret->remote, at, address);
		at += address;
	}
	ret->proto = *at;
	at += 4;
	if (layout->has_local_port) {
		ret->local_port = get_port(at);
		at += 4;
	}
	if (layout->has_local_port && layout->has_remote) {
		ret->remote_port = get_port(at);
		at += 4;
	}
	return at;
}

int pl_nft_key_read(enum pl_nft_set set, uint8_t af, const void *bytes, size_t len,
		    struct pl_tuple *ret_tuple, uint32_t *ret_reqid)
{
	const struct pl_nft_layout *layout = pl_nft_layout_of(set);
	struct pl_tuple tuple = { .af = af };
	size_t address = pl_ts_size(af);
	const uint8_t *at = bytes;
	struct pl_nft_key again;
	uint32_t reqid = 0;

	if (address == 0 || len != pl_nft_key_len(set, af))
		return PL_E_MALFORMED;
	if (layout->is_port_block)
		tuple.local_port = get_port(at);
	else if (!layout->is_reqid_twice)
		at = read_tuple(layout, at, address, &tuple);
	if (layout->has_reqid)
		memcpy(&reqid, at, sizeof(reqid));
	pl_nft_key_make(set, &tuple, reqid, &again);
	if (memcmp(again.bytes, bytes, len) != 0)
		return PL_E_MALFORMED;
	*ret_tuple = tuple;
	*ret_reqid = reqid;
	return 0;
}

/* Which set, and the list's own header. Return: how far behind the message the list begins. */
static size_t list_begin(struct nlmsghdr *header, enum pl_nft_set set, uint8_t af)
{
	size_t len = header->nlmsg_len;

	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, PL_NFT_TABLE);
	mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, pl_nft_set_name(set, af));
	len = header->nlmsg_len - len;
	mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
	return len;
}

/* The message that gets the element: the last one again, or a new one. */
static struct nlmsghdr *list_message(struct pl_nft_batch *batch, uint16_t type,
				     enum pl_nft_set set, uint8_t af)
{
	struct nlmsghdr *header;

	if (batch->error == 0 && batch->list_at != 0 && batch->list_set == (int)set &&
	    batch->list_af == af) {
		header = (struct nlmsghdr *)(batch->bytes + batch->last_at);
		if ((header->nlmsg_type & 0xff) == type &&
		    header->nlmsg_len + 2 * PL_NFT_KEY_MAX <= PL_NFT_MESSAGE_MAX) {
			batch->len = batch->last_at;
			return header;
		}
	}
	header = pl_nft_batch_next(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	if (header == NULL)
		return NULL;
	batch->list_at = batch->last_at + header->nlmsg_len + list_begin(header, set, af);
	batch->list_set = (int)set;
	batch->list_af = af;
	return header;
}

static void put_data(struct nlmsghdr *header, uint16_t type, const void *bytes, size_t len)
{
	struct nlattr *data = mnl_attr_nest_start(header, type);

	mnl_attr_put(header, NFTA_DATA_VALUE, len, bytes);
	mnl_attr_nest_end(header, data);
}

/* @leads: to the reqid, in a map */
static void put_element(struct nlmsghdr *header, enum pl_nft_set set, const struct pl_tuple *tuple,
			uint32_t reqid, bool leads)
{
	struct nlattr *element = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	const uint32_t twice[] = { reqid, reqid };
	struct pl_nft_key key;

	pl_nft_key_make(set, tuple, reqid, &key);
	put_data(header, NFTA_SET_ELEM_KEY, key.bytes, key.len);
	if (leads)
		put_data(header, NFTA_SET_ELEM_DATA, twice, sizeof(twice));
	mnl_attr_nest_end(header, element);
}

void pl_nft_element(struct pl_nft_batch *batch, bool is_new, enum pl_nft_set set,
		    const struct pl_tuple *tuple, uint32_t reqid)
{
	struct nlmsghdr *header = list_message(
		batch, is_new ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, set, tuple->af);

	if (header == NULL)
		return;
	put_element(header, set, tuple, reqid, is_new && pl_nft_layout_of(set)->is_map);
	mnl_attr_nest_end(header, (struct nlattr *)(batch->bytes + batch->list_at));
	pl_nft_batch_done(batch, header);
}

void pl_nft_ask(uint8_t bytes[static PL_NFT_ASK_MAX], uint32_t seq, enum pl_nft_set set,
		const struct pl_tuple *tuple, uint32_t reqid)
{
	struct nlmsghdr *header = nftnl_nlmsg_build_hdr((char *)bytes, NFT_MSG_GETSETELEM,
							NFPROTO_INET, NLM_F_ACK, seq);
	size_t list_at = header->nlmsg_len;

	list_at += list_begin(header, set, tuple->af);
	put_element(header, set, tuple, reqid, false);
	mnl_attr_nest_end(header, (struct nlattr *)(bytes + list_at));
}

/* Attributes of one level, by type; what is unknown is passed over. */
static bool attributes(const void *begin, size_t len, const struct nlattr **ret, uint16_t most)
{
	const struct nlattr *attr = begin;

	memset(ret, 0, (most + 1u) * sizeof(ret[0]));
	while (mnl_attr_ok(attr, (int)len)) {
		size_t step = (size_t)MNL_ALIGN(attr->nla_len);

		if (mnl_attr_get_type(attr) <= most)
			ret[mnl_attr_get_type(attr)] = attr;
		len -= step < len ? step : len;
		attr = mnl_attr_next(attr);
	}
	return len == 0;
}

/* What is in a nest of type @type, or NULL: a key, or what it leads to. */
static const struct nlattr *value_in(const struct nlattr *const *nests, unsigned type)
{
	const struct nlattr *in[NFTA_DATA_VALUE + 1];

	if (nests[type] == NULL || !attributes(mnl_attr_get_payload(nests[type]),
					       mnl_attr_get_payload_len(nests[type]), in,
					       NFTA_DATA_VALUE))
		return NULL;
	return in[NFTA_DATA_VALUE];
}

static int element_read(const struct nlattr *element, enum pl_nft_set set, uint8_t af,
			pl_nft_visit *visit, void *visit_ctx)
{
	const struct nlattr *in[NFTA_SET_ELEM_DATA + 1], *key, *data;
	struct pl_tuple tuple;
	uint32_t reqid;

	if (!attributes(mnl_attr_get_payload(element), mnl_attr_get_payload_len(element), in,
			NFTA_SET_ELEM_DATA))
		return PL_E_MALFORMED;
	key = value_in(in, NFTA_SET_ELEM_KEY);
	if (key == NULL || pl_nft_key_read(set, af, mnl_attr_get_payload(key),
					   mnl_attr_get_payload_len(key), &tuple, &reqid) != 0)
		return PL_E_MALFORMED;
	if (pl_nft_layout_of(set)->is_map) {
		data = value_in(in, NFTA_SET_ELEM_DATA);
		if (data == NULL || mnl_attr_get_payload_len(data) != PL_NFT_LEADS)
			return PL_E_MALFORMED;
		memcpy(&reqid, mnl_attr_get_payload(data), sizeof(reqid));
	}
	return visit(visit_ctx, set, &tuple, reqid);
}

int pl_nft_elements_read(const struct nlmsghdr *header, pl_nft_visit *visit, void *visit_ctx)
{
	const struct nlattr *top[NFTA_SET_ELEM_LIST_ELEMENTS + 1], *name, *list, *element;
	enum pl_nft_set set;
	uint8_t af;
	int r;

	if (header->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg) ||
	    !attributes(mnl_nlmsg_get_payload_offset(header, sizeof(struct nfgenmsg)),
			header->nlmsg_len - MNL_NLMSG_HDRLEN - sizeof(struct nfgenmsg), top,
			NFTA_SET_ELEM_LIST_ELEMENTS))
		return PL_E_MALFORMED;
	name = top[NFTA_SET_ELEM_LIST_SET];
	list = top[NFTA_SET_ELEM_LIST_ELEMENTS];
	if (name == NULL || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0)
		return PL_E_MALFORMED;
	if (list == NULL || !pl_nft_set_find(mnl_attr_get_str(name), &set, &af))
		return 0;
	mnl_attr_for_each_nested(element, list) {
		r = element_read(element, set, af, visit, visit_ctx);
		if (r != 0)
			return r;
	}
	return 0;
}
