/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /etc/latch.conf: what the administrator of this host decides (K11, K13; design D15). The INI form
 * is libinih's; the caller brings the bytes. Never the PAD (L2): who a peer is stays pluto's.
 *
 * Invariants: a file is taken whole or not at all; what we do not understand is an error with its
 * line, section and key, never skipped, for a rule that is not applied is a hole; a key stands once
 * in its section; what nobody carries out yet is not taken either. The table below is all there
 * is, and a test compares the manual with it.
 *
 * libinih by itself would cut long lines and names, join indented lines, and not mention empty
 * sections, so the reader that feeds it refuses the first two and notes every section itself.
 */

#include "core/pl_conf.h"

#include "core/pl_conf_auto.h"
#include "core/pl_db.h"

#include <arpa/inet.h>		/* inet_pton(), which only parses */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 180, NAME_MAX_BYTES = 45, MOST_RULES = 1000 };

enum section { NOWHERE, LATCH, LIMITS, FLOW };

struct key {
	enum section section;
	const char *name;
	/* Writes to @to; returns what is wrong, or NULL. */
	const char *(*set)(const struct key *key, const char *value, void *to);
	size_t offset;
	const char *values;	/* of a word: its choices, in the order of their numbers */
	const char *initial;
	const char *sentence;
};

static bool find_word(const char *words, const char *value, uint8_t *ret)
{
	uint8_t number = 0;
	size_t len = strlen(value);

	for (const char *at = words; len > 0; number++) {
		size_t word = strcspn(at, "|");

		if (word == len && memcmp(at, value, len) == 0) {
			*ret = number;
			return true;
		}
		if (at[word] == '\0')
			break;
		at += word + 1;
	}
	return false;
}

static const char *set_word(const struct key *key, const char *value, void *to)
{
	return find_word(key->values, value, to) ? NULL :
						   "not one of the words that are known here";
}

static const char *parse_number(const char *text, size_t len, uint32_t *ret)
{
	uint64_t number = 0;

	if (len == 0 || len > 10)
		return "not a number";
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return "not a number";
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	if (number > UINT32_MAX)
		return "too large";
	*ret = (uint32_t)number;
	return NULL;
}

static const char *set_number(const struct key *key, const char *value, void *to)
{
	(void)key;
	return parse_number(value, strlen(value), to);
}

static const char *set_bits(const struct key *key, const char *value, void *to)
{
	uint32_t number;
	const char *wrong = parse_number(value, strlen(value), &number);

	(void)key;
	if (wrong == NULL && number > 1024)
		wrong = "too large";
	if (wrong == NULL)
		*(uint16_t *)to = (uint16_t)number;
	return wrong;
}

static const char *parse_range(const char *value, uint32_t most, struct pl_conf_range *ret)
{
	size_t first = strcspn(value, "-");
	struct pl_conf_range range;
	const char *wrong;

	if (strcmp(value, "any") == 0) {
		*ret = (struct pl_conf_range) { 0, most };
		return NULL;
	}
	wrong = parse_number(value, first, &range.lo);
	range.hi = range.lo;
	if (wrong == NULL && value[first] == '-')
		wrong = parse_number(value + first + 1, strlen(value + first + 1), &range.hi);
	if (wrong == NULL && range.hi > most)
		wrong = "too large";
	if (wrong == NULL && range.lo > range.hi)
		wrong = "the range is upside down";
	if (wrong == NULL)
		*ret = range;
	return wrong;
}

static const char *set_ids(const struct key *key, const char *value, void *to)
{
	(void)key;
	return parse_range(value, UINT32_MAX, to);
}

static const char *set_ports(const struct key *key, const char *value, void *to)
{
	(void)key;
	return parse_range(value, UINT16_MAX, to);
}

static const char *set_proto(const struct key *key, const char *value, void *to)
{
	static const uint8_t protos[] = { 0, PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	const char *wrong;
	uint8_t number;

	wrong = set_word(key, value, &number);
	if (wrong == NULL)
		*(uint8_t *)to = protos[number];
	return wrong;
}

static const char *set_protection(const struct key *key, const char *value, void *to)
{
	static const uint8_t sets[] = {
		0, PL_PROTECT_INTEGRITY, PL_PROTECT_INTEGRITY | PL_PROTECT_CONFIDENTIALITY,
	};
	const char *wrong;
	uint8_t number;

	wrong = set_word(key, value, &number);
	if (wrong == NULL)
		*(uint8_t *)to = sets[number];
	return wrong;
}

/* enum pl_mode has its own numbers. */
static const char *set_mode(const struct key *key, const char *value, void *to)
{
	static const uint8_t modes[] = { PL_MODE_NONE, PL_MODE_TUNNEL, PL_MODE_TRANSPORT };
	const char *wrong;
	uint8_t number;

	wrong = set_word(key, value, &number);
	if (wrong == NULL)
		*(uint8_t *)to = modes[number];
	return wrong;
}

static const char *set_addresses(const struct key *key, const char *value, void *to)
{
	struct pl_ts ts = { .af = PL_AF_NONE };
	size_t len = strcspn(value, "/");
	char text[INET6_ADDRSTRLEN];
	uint32_t bits;

	(void)key;
	if (strcmp(value, "any") == 0) {
		*(struct pl_ts *)to = ts;
		return NULL;
	}
	if (len >= sizeof(text))
		return "not an address";
	memcpy(text, value, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, ts.lo) == 1)
		ts.af = PL_AF_IP4;
	else if (inet_pton(AF_INET6, text, ts.lo) == 1)
		ts.af = PL_AF_IP6;
	else
		return "not an address";
	bits = (uint32_t)pl_ts_size(ts.af) * 8;
	if (value[len] == '/') {
		uint32_t most = bits;
		const char *wrong = parse_number(value + len + 1, strlen(value + len + 1), &bits);

		if (wrong != NULL || bits > most)
			return "not the length of a prefix";
	}
	for (uint32_t i = 0; i < pl_ts_size(ts.af) * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		if (i < bits)
			ts.hi[i / 8] |= ts.lo[i / 8] & bit;
		else if (ts.lo[i / 8] & bit)
			return "bits are set behind the prefix";
		else
			ts.hi[i / 8] |= bit;
	}
	ts.hi_port = UINT16_MAX;
	*(struct pl_ts *)to = ts;
	return NULL;
}

static const char *set_peer(const struct key *key, const char *value, void *to)
{
	int r;

	(void)key;
	if (strcmp(value, "any") == 0) {
		memset(to, 0, PL_PEER_ID_MAX + 1);
		return NULL;
	}
	r = pl_peer_id_read(value, to);
	return r == 0 ? NULL : r == PL_E_LIMIT_EXCEEDED ? "longer than an ID can be here" :
							  "not an ID of a single peer";
}

#define IN_CONF(field) offsetof(struct pl_conf, field)
#define IN_RULE(field) offsetof(struct pl_conf_rule, field)

static const struct key keys[] = {
	{ LATCH, "peer-match", set_word, IN_CONF(peer_match), "key|id", "key",
	  "What makes a peer the same peer: his key, or his ID, so that keys may be renewed." },
	{ LATCH, "same-peer-qop", set_word, IN_CONF(may_differ_in_qop), "conflict|pin", "conflict",
	  "Whether an SA of the same peer with other protection breaks a latch." },
	{ LATCH, "conflict", set_word, IN_CONF(conflict), "break|narrow|refuse", "break",
	  "Whether what a peer proposes breaks the latch, is narrowed out of the conflict, or is"
	  " refused." },
	{ LATCH, "spd-change", set_word, IN_CONF(spd_change), "break|protect", "break",
	  "Whether a change of policy breaks the latch, or the flow keeps its own policy." },
	{ LATCH, "gro", set_word, IN_CONF(gro), "off|warn", "off",
	  "Whether receive offload is switched off where it could merge packets of two SAs." },
	{ LATCH, "delete-sas", set_word, IN_CONF(deletes_sas), "no|yes", "no",
	  "Whether SAs of a released latch are deleted." },
	{ LATCH, "restart-wait", set_number, IN_CONF(restart_wait), NULL, "30",
	  "Seconds that a latch waits for its peer after a restart before it is closed." },
	{ LATCH, "stop", set_word, IN_CONF(stop), "keep|close", "keep",
	  "Whether latches wait, blocked, for the next daemon when this one is stopped." },
	{ LATCH, "resume-wait", set_number, IN_CONF(resume_wait), NULL, "30",
	  "Seconds after a restart in which a program can have its session back." },
	{ LATCH, "auto", set_word, IN_CONF(other.is_auto), "no|yes", "no",
	  "Whether flows that no rule names are latched without anybody asking." },
	{ LATCH, "may-bypass", set_word, IN_CONF(other.may_bypass), "no|yes", "no",
	  "Whether owners of flows that no rule names may do without protection." },
	{ FLOW, "uid", set_ids, IN_RULE(uids), "any|NUMBER|NUMBER-NUMBER", "any",
	  "Users that the rule is for." },
	{ FLOW, "gid", set_ids, IN_RULE(gids), "any|NUMBER|NUMBER-NUMBER", "any",
	  "Groups that the rule is for." },
	{ FLOW, "local", set_addresses, IN_RULE(local), "any|ADDRESS|ADDRESS/LENGTH", "any",
	  "Addresses of this host." },
	{ FLOW, "remote", set_addresses, IN_RULE(remote), "any|ADDRESS|ADDRESS/LENGTH", "any",
	  "Addresses of the other end." },
	{ FLOW, "protocol", set_proto, IN_RULE(proto), "any|tcp|udp|sctp", "any",
	  "Protocol of the flow." },
	{ FLOW, "local-port", set_ports, IN_RULE(local_ports), "any|PORT|PORT-PORT", "any",
	  "Ports of this host." },
	{ FLOW, "remote-port", set_ports, IN_RULE(remote_ports), "any|PORT|PORT-PORT", "any",
	  "Ports of the other end." },
	{ FLOW, "allow", set_word, IN_RULE(is_allowed), "no|yes", "yes",
	  "Whether these flows may be latched." },
	{ FLOW, "auto", set_word, IN_RULE(is_auto), "no|yes", "no",
	  "Whether these flows are latched without anybody asking." },
	{ FLOW, "forward", set_word, IN_RULE(is_forward), "no|yes", "no",
	  "Whether the rule is for flows that this host forwards, with local as their inner end." },
	{ FLOW, "narrow", set_word, IN_RULE(is_narrow), "no|yes", "no",
	  "Whether each of these flows gets an SA of its own." },
	{ FLOW, "protection", set_protection, IN_RULE(require.protection),
	  "any|integrity|encryption", "any", "The least protection that is accepted." },
	{ FLOW, "key-bits", set_bits, IN_RULE(require.min_key_bits), "NUMBER", "0",
	  "The least strength of the cipher, in bits." },
	{ FLOW, "integrity-bits", set_bits, IN_RULE(require.min_integ_bits), "NUMBER", "0",
	  "The least length of the integrity check, in bits." },
	{ FLOW, "mode", set_mode, IN_RULE(require.mode), "any|tunnel|transport", "any",
	  "The mode that is accepted." },
	{ FLOW, "peer", set_peer, IN_RULE(peer), "any|ID", "any",
	  "The one peer that these flows are with." },
	{ FLOW, "may-bypass", set_word, IN_RULE(may_bypass), "no|yes", "no",
	  "Whether owners of these flows may do without protection." },
	{ FLOW, "disposition", set_word, IN_RULE(disposition),
	  "default|reset|unreachable|wait", "default",
	  "What happens to the socket when the latch breaks." },
};

enum { NR_KEYS = sizeof(keys) / sizeof(keys[0]) };

/* Keys of which not every value is carried out yet, and those that are: what the daemon does
 * anyway. Another value would be a promise that nobody keeps, so the file that has it is not taken.
 * Whoever carries one out takes its row away. */
static const struct {
	enum section section;
	const char *name;
	const char *done;
} partly[] = {
	{ LATCH, "delete-sas", "no" },
	{ LATCH, "auto", "no" },
	{ LIMITS, "waits", "64" },
	{ LIMITS, "waits-total", "1024" },
};

static const char *what_is_done(enum section section, const char *name)
{
	for (size_t i = 0; i < sizeof(partly) / sizeof(partly[0]); i++) {
		if (partly[i].section == section && strcmp(partly[i].name, name) == 0)
			return partly[i].done;
	}
	return "";
}

/* What was seen of a section is a set in 64 bits. */
_Static_assert(NR_KEYS <= 64 && 2 * PL_LIMIT_ROOF <= 64, "too many keys");

/* The limits of pl_limits, each also with the suffix -total when it is counted. */
static bool limit_at(unsigned at, enum pl_limit *ret, bool *ret_is_total)
{
	for (unsigned l = 1; l < PL_LIMIT_ROOF; l++) {
		const struct pl_limit_info *info = pl_limit_info((enum pl_limit)l);
		unsigned rows = info->name == NULL ? 0 : info->total_initial > 0 ? 2 : 1;

		if (at < rows) {
			*ret = (enum pl_limit)l;
			*ret_is_total = at == 1;
			return true;
		}
		at -= rows;
	}
	return false;
}

static void limit_name(enum pl_limit limit, bool is_total, char *ret, size_t size)
{
	snprintf(ret, size, "%s%s", pl_limit_info(limit)->name, is_total ? "-total" : "");
}

bool pl_conf_key(unsigned at, struct pl_conf_key *ret)
{
	static const char *const sections[] = { "", "latch", "limits", "flow NAME" };
	const struct pl_limit_info *info;
	enum pl_limit limit;
	bool is_total;

	memset(ret, 0, sizeof(*ret));
	if (at < NR_KEYS) {
		ret->section = sections[keys[at].section];
		snprintf(ret->name, sizeof(ret->name), "%s", keys[at].name);
		ret->sentence = keys[at].sentence;
		snprintf(ret->values, sizeof(ret->values), "%s",
			 keys[at].values == NULL ? "NUMBER" : keys[at].values);
		snprintf(ret->initial, sizeof(ret->initial), "%s", keys[at].initial);
		ret->done = what_is_done(keys[at].section, keys[at].name);
		return true;
	}
	if (!limit_at(at - NR_KEYS, &limit, &is_total))
		return false;
	info = pl_limit_info(limit);
	limit_name(limit, is_total, ret->name, sizeof(ret->name));
	ret->section = sections[LIMITS];
	ret->sentence = info->sentence;
	ret->done = what_is_done(LIMITS, ret->name);
	snprintf(ret->values, sizeof(ret->values), "%u-%llu", info->min,
		 is_total ? info->max * 1000ull : (unsigned long long)info->max);
	snprintf(ret->initial, sizeof(ret->initial), "%u",
		 is_total ? info->total_initial : info->initial);
	return true;
}

static void set_initials(enum section section, void *base)
{
	for (unsigned i = 0; i < NR_KEYS; i++) {
		if (keys[i].section == section)
			(void)keys[i].set(&keys[i], keys[i].initial, (char *)base + keys[i].offset);
	}
}

void pl_conf_default(struct pl_conf *ret)
{
	memset(ret, 0, sizeof(*ret));
	set_initials(FLOW, &ret->other);
	set_initials(LATCH, ret);
	pl_limits_default(&ret->limits);
}

void pl_conf_clear(struct pl_conf *conf)
{
	free(conf->rules);
	conf->rules = NULL;
	conf->nr_rules = 0;
}

struct load {
	const char *at;
	size_t left;
	unsigned line;
	int error;
	struct pl_conf conf;
	struct pl_conf_error *err;
	enum section section;
	char section_text[64];
	uint64_t seen;		/* of the keys of this section, by number in the table */
	unsigned auto_line;	/* of this rule's auto = yes */
	bool has_latch, has_limits;
};

static int wrong(struct load *load, const char *key, const char *text)
{
	if (load->error != 0)
		return 0;
	load->error = PL_E_BAD_CONFIG;
	memset(load->err, 0, sizeof(*load->err));
	load->err->line = load->line;
	snprintf(load->err->section, sizeof(load->err->section), "%s", load->section_text);
	snprintf(load->err->key, sizeof(load->err->key), "%.60s", key);
	snprintf(load->err->text, sizeof(load->err->text), "%s", text);
	return 0;
}

/* A value that may stand here: is it carried out? */
static int take_if_done(struct load *load, const char *name, const char *value)
{
	const char *done = what_is_done(load->section, name);
	char text[sizeof(load->err->text)];
	uint8_t number;

	if (done[0] == '\0' || find_word(done, value, &number))
		return 1;
	snprintf(text, sizeof(text), "not implemented yet; what can stand here is %s", done);
	return wrong(load, name, text);
}

/* What a rule says of packets that nobody asks for is known when it is complete. */
static void end_rule(struct load *load)
{
	unsigned at = load->line;
	const char *problem;

	if (load->error != 0 || load->section != FLOW ||
	    !load->conf.rules[load->conf.nr_rules - 1].is_auto)
		return;
	problem = pl_conf_auto_wrong(&load->conf.rules[load->conf.nr_rules - 1]);
	load->line = load->auto_line;
	if (problem != NULL)
		wrong(load, "auto", problem);
	load->line = at;
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= PL_CONF_NAME_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
	}
	return true;
}

static void add_rule(struct load *load, const char *name)
{
	struct pl_conf *conf = &load->conf;
	struct pl_conf_rule *rules;

	if (!is_name(name)) {
		wrong(load, "", "the name of a rule is letters, digits, - and _");
		return;
	}
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		if (strcmp(conf->rules[i].name, name) == 0) {
			wrong(load, "", "this section is there already");
			return;
		}
	}
	if (conf->nr_rules == MOST_RULES) {
		wrong(load, "", "too many rules");
		return;
	}
	rules = reallocarray(conf->rules, conf->nr_rules + 1, sizeof(*rules));
	if (rules == NULL) {
		load->error = -ENOMEM;
		return;
	}
	conf->rules = rules;
	memset(&rules[conf->nr_rules], 0, sizeof(*rules));
	set_initials(FLOW, &rules[conf->nr_rules]);
	snprintf(rules[conf->nr_rules].name, sizeof(rules->name), "%s", name);
	conf->nr_rules++;
	load->section = FLOW;
}

static void enter_once(struct load *load, enum section section, bool *has)
{
	if (*has)
		wrong(load, "", "this section is there already");
	*has = true;
	load->section = section;
}

static void enter_section(struct load *load, const char *line, size_t len)
{
	end_rule(load);
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len < 2 || line[len - 1] != ']' || len - 2 > NAME_MAX_BYTES) {
		wrong(load, "", "not a section");
		return;
	}
	snprintf(load->section_text, sizeof(load->section_text), "%.*s", (int)len - 2, line + 1);
	load->section = NOWHERE;
	load->seen = 0;
	if (strcmp(load->section_text, "latch") == 0)
		enter_once(load, LATCH, &load->has_latch);
	else if (strcmp(load->section_text, "limits") == 0)
		enter_once(load, LIMITS, &load->has_limits);
	else if (strncmp(load->section_text, "flow ", 5) == 0)
		add_rule(load, load->section_text + 5);
	else
		wrong(load, "", "there is no such section");
}

static void look_at_line(struct load *load, const char *line, size_t len)
{
	size_t blank = 0;

	if (len > LINE_MAX_BYTES)
		wrong(load, "", "the line is too long");
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)line[i] < ' ' && !isspace((unsigned char)line[i])) ||
		    (i == 0 && load->line == 1 && (unsigned char)line[i] >= 0x80))
			wrong(load, "", "this is not plain text");
	}
	while (blank < len && isspace((unsigned char)line[blank]))
		blank++;
	if (blank > 0 && blank < len && line[blank] != ';' && line[blank] != '#')
		wrong(load, "", "the line begins with a space");
	if (load->error == 0 && len > 0 && line[0] == '[')
		enter_section(load, line, len);
}

/* As fgets(). After an error the file is over. */
static char *next_line(char *str, int num, void *stream)
{
	struct load *load = stream;
	const char *end;
	size_t len;

	if (load->error != 0 || load->left == 0)
		return NULL;
	end = memchr(load->at, '\n', load->left);
	len = end == NULL ? load->left : (size_t)(end - load->at) + 1;
	load->line++;
	look_at_line(load, load->at, len);
	if (load->error != 0 || len >= (size_t)num)
		return NULL;
	memcpy(str, load->at, len);
	str[len] = '\0';
	load->at += len;
	load->left -= len;
	return str;
}

static int set_limit(struct load *load, const char *name, const char *value)
{
	enum pl_limit limit;
	bool is_total;

	for (unsigned i = 0; limit_at(i, &limit, &is_total); i++) {
		char text[PL_CONF_NAME_MAX];
		const char *problem;
		uint32_t number;

		limit_name(limit, is_total, text, sizeof(text));
		if (strcmp(text, name) != 0)
			continue;
		if (load->seen & (uint64_t)1 << i)
			return wrong(load, name, "this key is there already");
		load->seen |= (uint64_t)1 << i;
		problem = parse_number(value, strlen(value), &number);
		if (problem != NULL)
			return wrong(load, name, problem);
		if (pl_limits_set(&load->conf.limits, limit, is_total, number) != 0)
			return wrong(load, name, "not within its range");
		return take_if_done(load, name, value);
	}
	return wrong(load, name, "there is no such key in this section");
}

static int take_key(void *user, const char *section, const char *name, const char *value)
{
	struct load *load = user;
	char *base = (char *)&load->conf;

	(void)section;
	if (load->error != 0)
		return 0;
	if (load->section == LIMITS)
		return set_limit(load, name, value);
	if (load->section == FLOW)
		base = (char *)&load->conf.rules[load->conf.nr_rules - 1];
	for (unsigned i = 0; i < NR_KEYS; i++) {
		const char *problem;

		if (keys[i].section != load->section || strcmp(keys[i].name, name) != 0)
			continue;
		if (load->seen & (uint64_t)1 << i)
			return wrong(load, name, "this key is there already");
		load->seen |= (uint64_t)1 << i;
		problem = keys[i].set(&keys[i], value, base + keys[i].offset);
		if (strcmp(name, "auto") == 0)
			load->auto_line = load->line;
		return problem == NULL ? take_if_done(load, name, value) :
					 wrong(load, name, problem);
	}
	return wrong(load, name, load->section == NOWHERE ? "this key is in no section" :
		     "there is no such key in this section");
}

int pl_conf_load(const char *text, size_t len, struct pl_conf *ret, struct pl_conf_error *err)
{
	struct load load = { .at = text, .left = len, .err = err };
	int r;

	pl_conf_default(&load.conf);
	r = ini_parse_stream(next_line, &load, take_key, &load);
	end_rule(&load);
	if (load.error == 0 && r < 0)
		load.error = -ENOMEM;
	if (load.error == 0 && r > 0) {
		load.line = (unsigned)r;
		wrong(&load, "", "neither a section nor KEY = VALUE");
	}
	if (load.error != 0) {
		pl_conf_clear(&load.conf);
		return load.error;
	}
	*ret = load.conf;
	return 0;
}

static bool is_in_range(const struct pl_conf_range *range, uint32_t number)
{
	return range->lo <= number && number <= range->hi;
}

static bool are_all(const struct pl_conf_range *range)
{
	return range->lo == 0 && range->hi == UINT32_MAX;
}

static bool has_group(const struct pl_conf_range *range, const uint32_t *gids, unsigned nr_gids)
{
	for (unsigned i = 0; i < nr_gids; i++) {
		if (is_in_range(range, gids[i]))
			return true;
	}
	return are_all(range);
}

bool pl_conf_holds(const struct pl_conf_rule *rule, const struct pl_tuple *t)
{
	if (rule->proto != 0 && rule->proto != t->proto)
		return false;
	if (!is_in_range(&rule->local_ports, t->local_port))
		return false;
	if (rule->local.af != PL_AF_NONE &&
	    (pl_tuple_is_wildcard(t) ||
	     !pl_tuple_ts_meets(&rule->local, t->af, t->local, t->proto, 0)))
		return false;
	if (pl_tuple_is_listener(t))
		return true;
	return is_in_range(&rule->remote_ports, t->remote_port) &&
	       (rule->remote.af == PL_AF_NONE ||
		pl_tuple_ts_meets(&rule->remote, t->af, t->remote, t->proto, 0));
}

const struct pl_conf_rule *pl_conf_match(const struct pl_conf *conf, uint32_t uid,
					 const uint32_t *gids, unsigned nr_gids,
					 const struct pl_tuple *tuple)
{
	for (unsigned i = 0; i < conf->nr_rules; i++) {
		const struct pl_conf_rule *rule = &conf->rules[i];

		if (!rule->is_forward && is_in_range(&rule->uids, uid) &&
		    has_group(&rule->gids, gids, nr_gids) && pl_conf_holds(rule, tuple))
			return rule;
	}
	return &conf->other;
}
