/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One answer for scripts: is this connection protected, and as it is asked for?
 *
 * Invariant: yes only of what the service says, and now. What it does not say counts as no: a name
 * that is absent, a suite that is not known, an end of an association that nobody latched.
 */

#include "target.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/**
 * struct verdict - what speaks against it
 * @code:   CLI_OK as long as nothing does
 * @failed: array of words, in the order of the table
 * @why:    for people
 */
struct verdict {
	enum cli_exit code;
	json_t *failed;
	struct text why;
};

/* The first sentence is what people read; it is begun here, and its caller ends it. */
static struct text *refuse(struct verdict *verdict, const char *word, enum cli_exit code)
{
	/* Broken is said whatever else there is. */
	if (verdict->code != CLI_BROKEN)
		verdict->code = code;
	json_array_append_new(verdict->failed, cli_need(json_string(word)));
	if (verdict->why.len > 0)
		text_add(&verdict->why, "; ");
	return &verdict->why;
}

static void look_at_state(const struct cli *cli, const json_t *latch, struct verdict *verdict)
{
	const char *state = text_member(latch, "state"), *reason = text_member(latch, "reason");
	bool is_over = strcmp(state, latch_state_name(LATCH_STATE_BROKEN)) == 0 ||
		       strcmp(state, latch_state_name(LATCH_STATE_CLOSED)) == 0;
	struct text *why;

	(void)cli;
	if (strcmp(state, latch_state_name(LATCH_STATE_ESTABLISHED)) == 0)
		return;
	why = refuse(verdict, "state", is_over ? CLI_BROKEN : CLI_NOT_PROTECTED);
	text_add(why, "it is ");
	text_add_safe(why, *state == '\0' ? "in no known state" : state);
	if (*reason == '\0')
		return;
	text_add(why, " (");
	text_add_safe(why, reason);
	text_add(why, ")");
}

static bool has_word(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text != NULL && strcmp(text, word) == 0)
			return true;
	}
	return false;
}

static void look_at_protection(const struct cli *cli, const json_t *latch,
			       struct verdict *verdict)
{
	const json_t *list = json_object_get(latch, "protection");
	unsigned wanted = cli->request.protection;

	if (json_is_true(json_object_get(latch, "bypass")))
		text_add(refuse(verdict, "protection", CLI_NOT_PROTECTED), "it is in clear");
	else if (json_array_size(list) == 0)
		text_add(refuse(verdict, "protection", CLI_NOT_PROTECTED),
			 "no protection is known");
	else if ((wanted & LATCH_INTEGRITY) != 0 && !has_word(list, "integrity"))
		text_add(refuse(verdict, "protection", CLI_NOT_PROTECTED), "it has no integrity");
	else if ((wanted & LATCH_CONFIDENTIALITY) != 0 && !has_word(list, "confidentiality"))
		text_add(refuse(verdict, "protection", CLI_NOT_PROTECTED),
			 "it has no confidentiality");
}

/* An e-mail ID can have the bytes of any other: so the type has to be that of the text, too. */
static const char *id_type_of(const char *text)
{
	if (strchr(text, '=') != NULL)
		return "der-asn1-dn";
	if (strncmp(text, "@#", 2) == 0)
		return "key-id";
	if (text[0] == '@')
		return "fqdn";
	if (strchr(text, '@') != NULL)
		return "rfc822-addr";
	return strchr(text, ':') != NULL ? "ipv6-addr" : "ipv4-addr";
}

/* Who proves nothing has a name that anybody may have; a secret may be that of many. */
static void look_at_peer(const struct cli *cli, const json_t *latch, struct verdict *verdict)
{
	const char *id = text_member(latch, "peer_id"), *auth = text_member(latch, "peer_auth");
	const char *type = text_member(latch, "peer_id_type");
	struct text *why;

	if (cli->peer == NULL)
		return;
	if (strcmp(auth, "signature") != 0) {
		text_add(refuse(verdict, "peer", CLI_NOT_PROTECTED),
			 "its peer has not proved by a signature who it is");
	} else if (strcmp(id, cli->peer) != 0) {
		why = refuse(verdict, "peer", CLI_NOT_PROTECTED);
		text_add(why, "its peer is ");
		text_add_safe(why, *id == '\0' ? "not known" : id);
	} else if (strcmp(type, id_type_of(id)) != 0) {
		why = refuse(verdict, "peer", CLI_NOT_PROTECTED);
		text_add(why, "its peer has that as an ID of type ");
		text_add_safe(why, *type == '\0' ? "unknown" : type);
	}
}

static void look_at_mode(const struct cli *cli, const json_t *latch, struct verdict *verdict)
{
	const char *mode = text_member(latch, "mode"), *wanted;
	struct text *why;

	if (cli->request.mode == LATCH_MODE_ANY)
		return;
	wanted = cli->request.mode == LATCH_MODE_TUNNEL ? "tunnel" : "transport";
	if (strcmp(mode, wanted) == 0)
		return;
	why = refuse(verdict, "mode", CLI_NOT_PROTECTED);
	text_add(why, "its mode is ");
	text_add_safe(why, *mode == '\0' ? "not known" : mode);
}

/* With several suites, any packet may have any of them. */
static void look_at_suites(const struct cli *cli, const json_t *latch, struct verdict *verdict)
{
	const json_t *list = json_object_get(latch, "suites");
	bool good = json_array_size(list) > 0;
	struct text *why;

	if (cli->request.suite == NULL)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *suite = json_string_value(json_array_get(list, i));

		good = good && suite != NULL && strcmp(suite, cli->request.suite) == 0;
	}
	if (good)
		return;
	why = refuse(verdict, "suite", CLI_NOT_PROTECTED);
	text_add(why, "its suites are ");
	if (json_array_size(list) > 0)
		text_add_json(why, list);
	else
		text_add(why, "not known");
}

/* Of SCTP: the peer may send from any of its addresses, and we to any. */
static void look_at_association(const struct cli *cli, const json_t *latch,
				struct verdict *verdict)
{
	const json_t *pairs = json_object_get(latch, "association_pairs");
	const json_t *intact = json_object_get(latch, "association_intact");
	struct text *why;

	(void)cli;
	if (json_object_get(latch, "association") == NULL)
		return;
	if (json_object_get(latch, "association_refused") == NULL && json_is_integer(pairs) &&
	    json_is_integer(intact) && json_integer_value(pairs) == json_integer_value(intact))
		return;
	why = refuse(verdict, "association", CLI_NOT_PROTECTED);
	text_add(why, "not every pair of addresses of its association is latched");
}

static void (*const looks[])(const struct cli *, const json_t *, struct verdict *) = {
	look_at_state, look_at_protection, look_at_peer, look_at_mode, look_at_suites,
	look_at_association,
};

static void print_verdict(const struct cli *cli, json_t *latch, const struct verdict *verdict)
{
	long long id = (long long)json_integer_value(json_object_get(latch, "id"));
	struct text text = { .s = NULL };
	json_t *object;

	if (cli->json != CLI_JSON_OFF) {
		object = cli_need(json_object());
		json_object_set_new(object, "protected", json_boolean(verdict->code == CLI_OK));
		json_object_set(object, "failed", verdict->failed);
		json_object_set(object, "latch", latch);
		cli_print_json(cli, object);
		json_decref(object);
	}
	if (verdict->code != CLI_OK) {
		cli_say(cli, "latch %lld: %s", id, text_of(&verdict->why));
	} else if (cli->json == CLI_JSON_OFF) {
		text_add_safe(&text, text_member(latch, "peer_id"));
		text_add(&text, text.len > 0 ? ", " : "");
		text_add_json(&text, json_object_get(latch, "suites"));
		printf("latch %lld: protected, %s\n", id, text_of(&text));
	}
	text_free(&text);
}

static enum cli_exit check(const struct cli *cli, const struct latch_info *info)
{
	struct verdict verdict = { .code = CLI_OK, .failed = cli_need(json_array()) };
	json_t *latch = cli_latch_json(info);

	for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		looks[i](cli, latch, &verdict);
	print_verdict(cli, latch, &verdict);
	json_decref(latch);
	json_decref(verdict.failed);
	text_free(&verdict.why);
	return verdict.code;
}

int cli_check(struct cli *cli, int argc, char **argv)
{
	struct latch_info *info = NULL;
	struct latch *latch = NULL;
	struct target target;
	uint64_t id = 0;
	enum cli_exit code = target_read(cli, argc, argv, &target);

	if (code == CLI_OK)
		code = cli_open(cli, 0, &latch);
	if (code == CLI_OK)
		code = target_find(cli, latch, &target, &id);
	if (code == CLI_OK) {
		int r = latch_inquire(latch, id, &info);

		code = r == LATCH_OK ? check(cli, info) :
				       cli_failed(cli, r, "latch %llu", (unsigned long long)id);
	}
	latch_info_free(info);
	latch_close(latch);
	target_close(&target);
	return code;
}
