/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What people and programs are told about a latch: one table of keys, from which replies on the bus
 * and records of sessions are both made, so that they cannot differ.
 *
 * Names that peers chose are in here. They come out as valid UTF-8, because libdbus ends the
 * process that hands it anything else; and whole or not at all, because who compares a peer's ID
 * must not be given a part of it.
 */

#include "bus/pl_latch_key.h"

#include "core/pl_error.h"

#include <arpa/inet.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

/**
 * struct slot - where a getter puts its value
 * @value: .type is the table's
 * @room:  for texts that are made
 */
struct slot {
	struct pl_key_value value;
	char room[PL_SUITES_MAX * PL_SUITE_TEXT_MAX];
};

/* Return: the latch has this key. */
typedef bool getter(const struct pl_latch *latch, struct slot *ret);
typedef bool path_getter(const struct pl_path *path, struct slot *ret);
typedef bool association_getter(const struct pl_association_view *association, struct slot *ret);

static bool put_number(struct slot *ret, uint64_t number)
{
	ret->value.number = number;
	return true;
}

static bool put_text(struct slot *ret, const char *text)
{
	ret->value.text = text;
	return text != NULL && text[0] != '\0';
}

/* What an alert alone does not say. */
static bool is_known(const struct pl_latch *latch)
{
	return latch->owner.kind != PL_OWNER_NONE;
}

static bool is_connection(const struct pl_latch *latch)
{
	return !pl_tuple_is_listener(&latch->tuple);
}

static bool has_params(const struct pl_latch *latch)
{
	return latch->params.nr_suites != 0;
}

static const struct pl_identity_data *identity_of(const struct pl_latch *latch)
{
	return latch->params.peer.identity == NULL ? NULL :
		pl_identity_data(latch->params.peer.identity);
}

static bool get_id(const struct pl_latch *latch, struct slot *ret)
{
	return put_number(ret, latch->id);
}

static bool get_kind(const struct pl_latch *latch, struct slot *ret)
{
	return put_text(ret, is_connection(latch) ? "connection" : "listener");
}

static bool get_state(const struct pl_latch *latch, struct slot *ret)
{
	return put_text(ret, pl_state_name(pl_state_shown(latch->state)));
}

static bool get_protocol(const struct pl_latch *latch, struct slot *ret)
{
	return put_text(ret, pl_tuple_proto_name(latch->tuple.proto));
}

static bool put_address(struct slot *ret, uint8_t af, const uint8_t *address)
{
	return put_text(ret, inet_ntop(af == PL_AF_IP4 ? AF_INET : AF_INET6, address, ret->room,
				       sizeof(ret->room)));
}

static bool get_local_address(const struct pl_latch *latch, struct slot *ret)
{
	return put_address(ret, latch->tuple.af, latch->tuple.local);
}

static bool get_local_port(const struct pl_latch *latch, struct slot *ret)
{
	return put_number(ret, latch->tuple.local_port);
}

static bool get_remote_address(const struct pl_latch *latch, struct slot *ret)
{
	return is_connection(latch) && put_address(ret, latch->tuple.af, latch->tuple.remote);
}

static bool get_remote_port(const struct pl_latch *latch, struct slot *ret)
{
	return is_connection(latch) && put_number(ret, latch->tuple.remote_port);
}

static bool get_owner(const struct pl_latch *latch, struct slot *ret)
{
	static const char *const names[PL_OWNER_ROOF] = { NULL, "session", "socket", "admin" };

	return (unsigned)latch->owner.kind < PL_OWNER_ROOF &&
	       put_text(ret, names[latch->owner.kind]);
}

static bool get_uid(const struct pl_latch *latch, struct slot *ret)
{
	return is_known(latch) && put_number(ret, latch->owner.uid);
}

static bool get_late(const struct pl_latch *latch, struct slot *ret)
{
	return is_known(latch) && put_number(ret, latch->is_late);
}

static bool get_forwarded(const struct pl_latch *latch, struct slot *ret)
{
	return is_connection(latch) && put_number(ret, latch->is_forwarded);
}

static bool get_for_good(const struct pl_latch *latch, struct slot *ret)
{
	return put_number(ret, latch->state == PL_STATE_DEAD);
}

static bool get_disposition(const struct pl_latch *latch, struct slot *ret)
{
	return is_known(latch) && put_text(ret, pl_disposition_name(latch->disposition));
}

static bool get_generation(const struct pl_latch *latch, struct slot *ret)
{
	return put_number(ret, latch->generation);
}

static bool get_mono_ns(const struct pl_latch *latch, struct slot *ret)
{
	return put_number(ret, latch->mono_ns);
}

static bool get_cause(const struct pl_latch *latch, struct slot *ret)
{
	return put_text(ret, pl_event_name(latch->cause));
}

static bool get_diff(const struct pl_latch *latch, struct slot *ret)
{
	char *at = ret->room, *name;

	if (latch->diff == 0)
		return false;
	pl_diff_text(latch->diff, ret->room);
	while ((name = strsep(&at, ",")) != NULL && ret->value.nr_texts < PL_KEY_TEXTS_MAX)
		ret->value.texts[ret->value.nr_texts++] = name + (name[0] == ' ');
	return true;
}

static bool get_reason(const struct pl_latch *latch, struct slot *ret)
{
	return put_text(ret, latch->reason);
}

static bool get_protection(const struct pl_latch *latch, struct slot *ret)
{
	unsigned protection = pl_params_protection(&latch->params);

	if (!has_params(latch))
		return false;
	if (protection & PL_PROTECT_INTEGRITY)
		ret->value.texts[ret->value.nr_texts++] = "integrity";
	if (protection & PL_PROTECT_CONFIDENTIALITY)
		ret->value.texts[ret->value.nr_texts++] = "confidentiality";
	return true;
}

static bool get_mode(const struct pl_latch *latch, struct slot *ret)
{
	return has_params(latch) && put_text(ret, pl_mode_text(latch->params.mode));
}

static bool get_narrow(const struct pl_latch *latch, struct slot *ret)
{
	ret->value.number = latch->is_narrow;
	return has_params(latch);
}

static bool get_steered(const struct pl_latch *latch, struct slot *ret)
{
	ret->value.number = latch->is_steered;
	return has_params(latch) || latch->is_bypass;
}

static bool get_bypass(const struct pl_latch *latch, struct slot *ret)
{
	ret->value.number = latch->is_bypass;
	return has_params(latch) || latch->is_bypass;
}

static bool get_suites(const struct pl_latch *latch, struct slot *ret)
{
	for (unsigned i = 0; i < latch->params.nr_suites && i < PL_SUITES_MAX; i++)
		ret->value.texts[ret->value.nr_texts++] =
			pl_suite_text(&latch->params.suites[i],
				      ret->room + (size_t)i * PL_SUITE_TEXT_MAX);
	return has_params(latch);
}

static bool get_indeterminate(const struct pl_latch *latch, struct slot *ret)
{
	return has_params(latch) &&
	       put_number(ret, pl_params_is_indeterminate(&latch->params));
}

static bool get_replay_window(const struct pl_latch *latch, struct slot *ret)
{
	return has_params(latch) && put_number(ret, latch->params.replay_window);
}

static bool get_peer_id(const struct pl_latch *latch, struct slot *ret)
{
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_text(ret, data->peer.id);
}

static bool get_peer_id_type(const struct pl_latch *latch, struct slot *ret)
{
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_text(ret, pl_id_type_name(data->peer.id_type));
}

static bool get_peer_auth(const struct pl_latch *latch, struct slot *ret)
{
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_text(ret, pl_auth_name(data->peer.auth));
}

/**
 * struct digest - of what was asked for last: most latches of a list have one trust anchor, and
 * many have one peer
 */
struct digest {
	uint8_t of[4096];
	size_t len;
	char text[SHA256_DIGEST_STRING_LENGTH];
};

static bool put_sha256(struct slot *ret, struct pl_blob blob, struct digest *last)
{
	if (blob.len == 0)
		return false;
	if (blob.len > sizeof(last->of)) {
		SHA256Data(blob.ptr, blob.len, ret->room);
		return put_text(ret, ret->room);
	}
	if (blob.len != last->len || memcmp(last->of, blob.ptr, blob.len) != 0) {
		SHA256Data(blob.ptr, blob.len, last->text);
		memcpy(last->of, blob.ptr, blob.len);
		last->len = blob.len;
	}
	return put_text(ret, last->text);
}

static bool get_peer_key(const struct pl_latch *latch, struct slot *ret)
{
	static struct digest last;
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_sha256(ret, data->peer.spki, &last);
}

static bool get_trust_anchor(const struct pl_latch *latch, struct slot *ret)
{
	static struct digest last;
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_sha256(ret, data->peer.anchor, &last);
}

static bool get_local_id(const struct pl_latch *latch, struct slot *ret)
{
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_text(ret, data->own.id);
}

static bool get_local_auth(const struct pl_latch *latch, struct slot *ret)
{
	const struct pl_identity_data *data = identity_of(latch);

	return data != NULL && put_text(ret, pl_auth_name(data->own.auth));
}

static const struct key {
	const char *name;
	enum pl_key_type type;
	getter *get;
} keys[] = {
	{ "id", PL_KEY_U64, get_id },
	{ "kind", PL_KEY_TEXT, get_kind },
	{ "state", PL_KEY_TEXT, get_state },
	{ "protocol", PL_KEY_TEXT, get_protocol },
	{ "local_address", PL_KEY_TEXT, get_local_address },
	{ "local_port", PL_KEY_U16, get_local_port },
	{ "remote_address", PL_KEY_TEXT, get_remote_address },
	{ "remote_port", PL_KEY_U16, get_remote_port },
	{ "owner", PL_KEY_TEXT, get_owner },
	{ "uid", PL_KEY_U32, get_uid },
	{ "late", PL_KEY_BOOL, get_late },
	{ "forwarded", PL_KEY_BOOL, get_forwarded },
	{ "for_good", PL_KEY_BOOL, get_for_good },
	{ "disposition", PL_KEY_TEXT, get_disposition },
	{ "generation", PL_KEY_U64, get_generation },
	{ "mono_ns", PL_KEY_U64, get_mono_ns },
	{ "cause", PL_KEY_TEXT, get_cause },
	{ "diff", PL_KEY_TEXTS, get_diff },
	{ "reason", PL_KEY_TEXT, get_reason },
	{ "protection", PL_KEY_TEXTS, get_protection },
	{ "mode", PL_KEY_TEXT, get_mode },
	{ "suites", PL_KEY_TEXTS, get_suites },
	{ "indeterminate", PL_KEY_BOOL, get_indeterminate },
	{ "narrow", PL_KEY_BOOL, get_narrow },
	{ "steered", PL_KEY_BOOL, get_steered },
	{ "bypass", PL_KEY_BOOL, get_bypass },
	{ "replay_window", PL_KEY_U32, get_replay_window },
	{ "peer_id", PL_KEY_TEXT, get_peer_id },
	{ "peer_id_type", PL_KEY_TEXT, get_peer_id_type },
	{ "peer_auth", PL_KEY_TEXT, get_peer_auth },
	{ "peer_key_sha256", PL_KEY_TEXT, get_peer_key },
	{ "trust_anchor_sha256", PL_KEY_TEXT, get_trust_anchor },
	{ "local_id", PL_KEY_TEXT, get_local_id },
	{ "local_auth", PL_KEY_TEXT, get_local_auth },
};

/* As it was asked for; between @keys and @path_keys. */
static const char peer_key[] = "peer";

static bool get_outer_local(const struct pl_path *path, struct slot *ret)
{
	return path->local.af != PL_AF_NONE && put_address(ret, path->local.af, path->local.bytes);
}

static bool get_outer_remote(const struct pl_path *path, struct slot *ret)
{
	return path->remote.af != PL_AF_NONE &&
	       put_address(ret, path->remote.af, path->remote.bytes);
}

static bool get_encapsulation(const struct pl_path *path, struct slot *ret)
{
	static const char *const names[PL_ENCAP_ROOF] = { NULL, "udp", "tcp" };

	return (unsigned)path->encap < PL_ENCAP_ROOF && put_text(ret, names[path->encap]);
}

static bool get_outer_local_port(const struct pl_path *path, struct slot *ret)
{
	return path->encap != PL_ENCAP_NONE && put_number(ret, path->local_port);
}

static bool get_outer_remote_port(const struct pl_path *path, struct slot *ret)
{
	return path->encap != PL_ENCAP_NONE && put_number(ret, path->remote_port);
}

static bool get_nat(const struct pl_path *path, struct slot *ret)
{
	if (path->is_local_nated)
		ret->value.texts[ret->value.nr_texts++] = "local";
	if (path->is_remote_nated)
		ret->value.texts[ret->value.nr_texts++] = "remote";
	return ret->value.nr_texts > 0;
}

static const struct path_key {
	const char *name;
	enum pl_key_type type;
	path_getter *get;
} path_keys[] = {
	{ "outer_local_address", PL_KEY_TEXT, get_outer_local },
	{ "outer_remote_address", PL_KEY_TEXT, get_outer_remote },
	{ "encapsulation", PL_KEY_TEXT, get_encapsulation },
	{ "outer_local_port", PL_KEY_U16, get_outer_local_port },
	{ "outer_remote_port", PL_KEY_U16, get_outer_remote_port },
	{ "nat", PL_KEY_TEXTS, get_nat },
};

static bool get_association(const struct pl_association_view *association, struct slot *ret)
{
	return put_number(ret, association->id);
}

static bool get_pairs(const struct pl_association_view *association, struct slot *ret)
{
	return put_number(ret, association->nr_pairs);
}

static bool get_intact(const struct pl_association_view *association, struct slot *ret)
{
	return put_number(ret, association->nr_intact);
}

static bool get_refused(const struct pl_association_view *association, struct slot *ret)
{
	return association->refused != 0 && put_text(ret, pl_error_word(association->refused));
}

static const struct association_key {
	const char *name;
	enum pl_key_type type;
	association_getter *get;
} association_keys[] = {
	{ "association", PL_KEY_U64, get_association },
	{ "association_pairs", PL_KEY_U32, get_pairs },
	{ "association_intact", PL_KEY_U32, get_intact },
	{ "association_refused", PL_KEY_TEXT, get_refused },
};

enum {
	NR_KEYS = sizeof(keys) / sizeof(keys[0]),
	NR_PATH_KEYS = sizeof(path_keys) / sizeof(path_keys[0]),
	NR_ASSOCIATION_KEYS = sizeof(association_keys) / sizeof(association_keys[0]),
};

static int visit_key(const char *name, struct slot *slot, pl_key_visit *visit, void *ctx)
{
	char clean[PL_KEY_TEXT_MAX];

	if (slot->value.type == PL_KEY_TEXT) {
		if (!pl_key_clean(slot->value.text, clean, sizeof(clean)))
			return 0;
		slot->value.text = clean;
	}
	return visit(ctx, name, &slot->value);
}

static int walk_peer(const char *peer, pl_key_visit *visit, void *ctx)
{
	struct slot slot = { .value.type = PL_KEY_TEXT };

	return put_text(&slot, peer) ? visit_key(peer_key, &slot, visit, ctx) : 0;
}

static int walk_path(const struct pl_path *path, pl_key_visit *visit, void *ctx)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < NR_PATH_KEYS; i++) {
		struct slot slot = { .value.type = path_keys[i].type };

		if (path_keys[i].get(path, &slot))
			r = visit_key(path_keys[i].name, &slot, visit, ctx);
	}
	return r;
}

static int walk_association(const struct pl_association_view *association, pl_key_visit *visit,
			    void *ctx)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < NR_ASSOCIATION_KEYS; i++) {
		struct slot slot = { .value.type = association_keys[i].type };

		if (association_keys[i].get(association, &slot))
			r = visit_key(association_keys[i].name, &slot, visit, ctx);
	}
	return r;
}

int pl_latch_walk(const struct pl_latch *latch, const struct pl_latch_more *more,
		  pl_key_visit *visit, void *ctx)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < NR_KEYS; i++) {
		struct slot slot = { .value.type = keys[i].type };

		if (keys[i].get(latch, &slot))
			r = visit_key(keys[i].name, &slot, visit, ctx);
	}
	if (r == 0 && more != NULL)
		r = walk_peer(more->peer, visit, ctx);
	if (r == 0 && more != NULL && more->path != NULL)
		r = walk_path(more->path, visit, ctx);
	if (r == 0 && more != NULL && more->association != NULL)
		r = walk_association(more->association, visit, ctx);
	return r;
}

const char *pl_latch_key(unsigned at, enum pl_key_type *ret_type)
{
	if (at < NR_KEYS) {
		*ret_type = keys[at].type;
		return keys[at].name;
	}
	if (at == NR_KEYS) {
		*ret_type = PL_KEY_TEXT;
		return peer_key;
	}
	at -= NR_KEYS + 1;
	if (at < NR_PATH_KEYS) {
		*ret_type = path_keys[at].type;
		return path_keys[at].name;
	}
	at -= NR_PATH_KEYS;
	if (at >= NR_ASSOCIATION_KEYS)
		return NULL;
	*ret_type = association_keys[at].type;
	return association_keys[at].name;
}

/* Return: bytes of the character at @p, or 0 when none is there. */
static size_t utf8_length(const uint8_t *p)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
		     p[0] < 0xf5 ? 4 : 0;

	/* The NUL at the end is no continuation, so nothing is read behind it. */
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	/* too long a form, surrogates, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool pl_key_clean(const char *from, char *ret, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const uint8_t *p = (const uint8_t *)from;
	size_t n = 0;

	while (*p != '\0') {
		size_t len = utf8_length(p);
		size_t out = len == 0 ? sizeof(replacement) - 1 : len;

		if (n + out >= size) {
			ret[0] = '\0';
			return false;
		}
		memcpy(ret + n, len == 0 ? (const void *)replacement : p, out);
		n += out;
		p += len == 0 ? 1 : len;
	}
	ret[n] = '\0';
	return true;
}

const char *pl_disposition_name(enum pl_disposition disposition)
{
	static const char *const names[PL_DISPOSITION_ROOF] = {
		"default", "reset", "unreachable", "wait",
	};

	return (unsigned)disposition < PL_DISPOSITION_ROOF ? names[disposition] : names[0];
}

const char *pl_id_type_name(unsigned type)
{
	static const char *const names[] = {
		[1] = "ipv4-addr", [2] = "fqdn", [3] = "rfc822-addr", [5] = "ipv6-addr",
		[9] = "der-asn1-dn", [10] = "der-asn1-gn", [11] = "key-id", [12] = "fc-name",
		[13] = "null",
	};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

const char *pl_mode_text(unsigned mode)
{
	switch (mode) {
	case PL_MODE_TUNNEL:
		return "tunnel";
	case PL_MODE_TRANSPORT:
		return "transport";
	case PL_MODE_IPTFS:
		return "iptfs";
	default:
		return NULL;
	}
}
