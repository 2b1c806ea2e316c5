/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Facts as text: the trace that scenarios assert on and people read. The header lists the names.
 *
 * Invariant: one fact is one line. All that came from the peer (names, IDs) is encoded by jansson
 * or in base64, so that no byte of it can end the line or forge a field.
 */

#include "core/pl_fact_json.h"

#include "core/pl_error.h"

#include <arpa/inet.h>		/* inet_ntop(), which only formats */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson's setters take NULL values and report it; one check at the end suffices. */
struct out {
	json_t *object;
	bool is_bad;
};

static void put(struct out *out, const char *name, json_t *value)
{
	if (json_object_set_new(out->object, name, value) != 0)
		out->is_bad = true;
}

static size_t utf8_length(const uint8_t *p, size_t left)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
		     p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* too long a form, surrogates, beyond U+10FFFF */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static json_t *text_json(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t left = strlen(text), n = 0;
	json_t *json = json_stringn(text, left);
	char *clean;

	if (json != NULL)
		return json;
	clean = malloc(3 * left + 1);
	if (clean == NULL)
		return NULL;
	while (left > 0) {
		size_t len = utf8_length(p, left);

		if (len == 0)
			memcpy(clean + n, "\xef\xbf\xbd", 3);
		else
			memcpy(clean + n, p, len);
		n += len == 0 ? 3 : len;
		p += len == 0 ? 1 : len;
		left -= len == 0 ? 1 : len;
	}
	json = json_stringn(clean, n);
	free(clean);
	return json;
}

static void put_text(struct out *out, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		put(out, name, text_json(text));
}

static void put_number(struct out *out, const char *name, uint64_t number)
{
	put(out, name, json_integer((json_int_t)number));
}

static void put_serial(struct out *out, const char *name, uint64_t serial)
{
	if (serial != 0)
		put_number(out, name, serial);
}

static void put_bool(struct out *out, const char *name, bool value)
{
	put(out, name, json_boolean(value));
}

static void put_spi(struct out *out, const char *name, uint32_t spi)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%08x", spi);
	put(out, name, json_string(text));
}

static void put_hex(struct out *out, const char *name, const uint8_t bytes[8])
{
	char text[17];

	for (unsigned i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	put(out, name, json_string(text));
}

static void put_address(struct out *out, const char *name, const struct pl_address *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->af == PL_AF_NONE)
		return;
	inet_ntop(address->af == PL_AF_IP6 ? AF_INET6 : AF_INET, address->bytes, text,
		  sizeof(text));
	put(out, name, json_string(text));
}

static void put_base64(struct out *out, const char *name, struct pl_blob blob)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text, *at;

	if (blob.len == 0)
		return;
	at = text = malloc((blob.len + 2) / 3 * 4);
	if (text == NULL) {
		out->is_bad = true;
		return;
	}
	for (size_t i = 0; i < blob.len; i += 3) {
		size_t left = blob.len - i;
		uint32_t v = (uint32_t)blob.ptr[i] << 16;

		v |= left > 1 ? (uint32_t)blob.ptr[i + 1] << 8 : 0;
		v |= left > 2 ? blob.ptr[i + 2] : 0;
		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[v & 63] : '=';
	}
	put(out, name, json_stringn(text, (size_t)(at - text)));
	free(text);
}

static json_t *list_json(const struct pl_ts_list *list)
{
	json_t *array = json_array();
	char text[PL_TS_TEXT_MAX];

	for (unsigned i = 0; array != NULL && i < list->len; i++)
		json_array_append_new(array, json_string(pl_ts_text(&list->list[i], text)));
	return array;
}

static void put_selectors(struct out *out, const char *name, const struct pl_ts_list *tsi,
			  const struct pl_ts_list *tsr)
{
	struct out pair = { .object = json_object() };

	put(&pair, "tsi", list_json(tsi));
	put(&pair, "tsr", list_json(tsr));
	out->is_bad |= pair.is_bad;
	put(out, name, pair.object);
}

static void put_ts(struct out *out, const char *name, const struct pl_ts *ts)
{
	char text[PL_TS_TEXT_MAX];

	put(out, name, json_string(pl_ts_text(ts, text)));
}

static void put_end(struct out *out, const char *name, const struct pl_identity_end *from)
{
	struct out end = { .object = json_object() };

	put_text(&end, "id", from->id);
	put_serial(&end, "id_type", from->id_type);
	put_base64(&end, "id_wire", from->id_wire);
	put_text(&end, "method", pl_auth_name(from->auth));
	put_serial(&end, "method_number", from->auth_wire);
	put_base64(&end, "cert", from->cert);
	put_base64(&end, "anchor", from->anchor);
	put_base64(&end, "spki", from->spki);
	out->is_bad |= end.is_bad;
	put(out, name, end.object);
}

static void put_identity(struct out *out, const struct pl_identity *identity)
{
	struct out both = { .object = json_object() };
	const struct pl_identity_data *data = pl_identity_data(identity);

	put_end(&both, "peer", &data->peer);
	put_end(&both, "own", &data->own);
	out->is_bad |= both.is_bad;
	put(out, "identity", both.object);
}

/* Certificates are long: where they matter, in full, else just the name. */
static void put_peer(struct out *out, const struct pl_fact *fact)
{
	put_text(out, "peer", pl_identity_data(fact->identity)->peer.id);
	if (fact->kind == PL_FACT_IKE_UP || fact->kind == PL_FACT_CHILD_UP) {
		put_identity(out, fact->identity);
		put_bool(out, "peer_id_fixed", fact->conn.is_peer_id_fixed);
	}
}

static void put_conn(struct out *out, const struct pl_fact *fact)
{
	const struct pl_conn_facts *conn = &fact->conn;

	if (conn->serial == 0)
		return;
	put_text(out, "conn", conn->name);
	put_serial(out, "instance", conn->instance);
	put_number(out, "conn_serial", conn->serial);
	if (conn->ike_version != 2)
		put_number(out, "ike_version", conn->ike_version);
}

static const char *direction_name(enum pl_direction direction)
{
	return direction == PL_DIR_IN ? "in" : direction == PL_DIR_OUT ? "out" : NULL;
}

static const char *mode_name(enum pl_mode mode)
{
	return mode == PL_MODE_TUNNEL ? "tunnel" : mode == PL_MODE_TRANSPORT ? "transport" :
	       mode == PL_MODE_IPTFS ? "iptfs" : NULL;
}

static const char *protocol_name(enum pl_protocol protocol)
{
	switch (protocol) {
	case PL_PROTO_ESP:
		return "esp";
	case PL_PROTO_AH:
		return "ah";
	case PL_PROTO_IPCOMP:
		return "ipcomp";
	default:
		return NULL;
	}
}

static void put_ts_facts(struct out *out, const struct pl_ts_facts *ts)
{
	if (ts->proposed_error != 0)
		put_number(out, "proposed_error", (uint64_t)ts->proposed_error);
	else
		put_selectors(out, "proposed", &ts->tsi, &ts->tsr);
	put_selectors(out, "selected", &ts->selected_tsi, &ts->selected_tsr);
	put_bool(out, "accepted", ts->is_accepted);
	if (ts->has_label)
		put_bool(out, "label", true);
	if (ts->may_narrow)
		put_text(out, "may_narrow", ts->may_cut ? "ranges" : "subnet");
	if (ts->is_beyond)
		put_bool(out, "beyond", true);
	if (ts->peer_id != NULL)
		put_text(out, "peer_id", ts->peer_id);
}

static void put_verdict(struct out *out, const struct pl_verdict_facts *verdict)
{
	put_text(out, "about", pl_fact_name(verdict->about));
	put_text(out, "given", pl_verdict_name(verdict->given));
	put_text(out, "applied", pl_verdict_name(verdict->applied));
	put_text(out, "why_not", verdict->why_not);
	put_text(out, "cut", verdict->ts.text);
	if (verdict->applied != PL_VERDICT_REFUSE)
		put_selectors(out, "selectors", &verdict->ts.tsi, &verdict->ts.tsr);
}

static void put_path(struct out *out, const struct pl_path *path)
{
	static const char *const encaps[PL_ENCAP_ROOF] = { NULL, "udp", "tcp" };

	put_address(out, "local", &path->local);
	put_address(out, "remote", &path->remote);
	if (path->encap != PL_ENCAP_NONE && (unsigned)path->encap < PL_ENCAP_ROOF) {
		put_text(out, "encap", encaps[path->encap]);
		put_number(out, "local_port", path->local_port);
		put_number(out, "remote_port", path->remote_port);
	}
	if (path->is_local_nated)
		put_bool(out, "local_nated", true);
	if (path->is_remote_nated)
		put_bool(out, "remote_nated", true);
}

static void put_child(struct out *out, const struct pl_child_facts *child)
{
	put_text(out, "protocol", protocol_name(child->protocol));
	put_text(out, "mode", mode_name(child->mode));
	put_spi(out, "spi_in", child->spi_in);
	put_spi(out, "spi_out", child->spi_out);
	put_number(out, "reqid", child->reqid);
	put_serial(out, "rekeys", child->rekeys);
	put_text(out, "encrypt", child->encrypt);
	put_number(out, "key_bits", child->key_bits);
	put_text(out, "integ", child->integ);
	put_text(out, "dh", child->dh);
	put_bool(out, "esn", child->has_esn);
	put_bool(out, "ipcomp", child->has_ipcomp);
	put_number(out, "replay_window", child->replay_window);
	put_selectors(out, "selectors", &child->tsi, &child->tsr);
	put_path(out, &child->path);
}

static void put_child_end(struct out *out, const struct pl_child_end_facts *end)
{
	put_text(out, "reason", pl_reason_name(end->reason));
	put_bool(out, "established", end->was_established);
	put_bool(out, "by_peer", end->is_by_peer);
	if (end->ike_cause != PL_IKE_END_NONE)
		put_text(out, "ike_cause", pl_ike_end_cause_name(end->ike_cause));
	put_spi(out, "spi_in", end->spi_in);
	put_spi(out, "spi_out", end->spi_out);
}

static void put_ike(struct out *out, const struct pl_ike_facts *ike)
{
	put_serial(out, "rekeys", ike->rekeys);
	put_bool(out, "initial_contact", ike->has_initial_contact);
	put_hex(out, "spi_initiator", ike->spi_initiator);
	put_hex(out, "spi_responder", ike->spi_responder);
	put_address(out, "local", &ike->local);
	put_address(out, "remote", &ike->remote);
}

static void put_ike_end(struct out *out, const struct pl_ike_end_facts *end)
{
	put_text(out, "reason", pl_reason_name(end->reason));
	put_text(out, "cause", pl_ike_end_cause_name(pl_ike_end_cause(end)));
	put_text(out, "pending", pl_exchange_name(end->pending));
	put_bool(out, "established", end->was_established);
	put_bool(out, "by_peer", end->is_by_peer);
	put_serial(out, "rekeyed_by", end->rekeyed_by);
}

static void put_sa(struct out *out, const struct pl_sa_facts *sa)
{
	put_text(out, "protocol", protocol_name(sa->protocol));
	put_text(out, "direction", direction_name(sa->direction));
	put_text(out, "mode", mode_name(sa->mode));
	put_spi(out, "spi", sa->spi);
	put_serial(out, "reqid", sa->reqid);
	put_address(out, "src", &sa->src);
	put_address(out, "dst", &sa->dst);
	put_text(out, "encrypt", sa->encrypt);
	put_serial(out, "key_bits", sa->key_bits);
	put_text(out, "integ", sa->integ);
	if (sa->is_replacing)
		put_bool(out, "replacing", true);
	if (sa->is_hard)
		put_bool(out, "hard", true);
}

static void put_policy(struct out *out, const struct pl_policy_facts *policy)
{
	put_text(out, "direction", direction_name(policy->direction));
	put_text(out, "mode", mode_name(policy->mode));
	put_bool(out, "replacing", policy->is_replacing);
	put_ts(out, "src", &policy->src);
	put_ts(out, "dst", &policy->dst);
	put_number(out, "priority", policy->priority);
	put_number(out, "reqid", policy->reqid);
	put_number(out, "templates", policy->nr_templates);
	put_text(out, "shunt", policy->shunt);
}

static void put_initiated(struct out *out, const struct pl_initiated_facts *initiated)
{
	put_number(out, "ticket", initiated->ticket);
	if (initiated->error != 0)
		put_text(out, "error", pl_error_word(initiated->error));
	put_text(out, "reason", initiated->reason);
	put_serial(out, "notification", initiated->notification);
	if (initiated->error != 0)
		return;
	put_bool(out, "narrowed", initiated->is_narrowed);
	put_spi(out, "spi_in", initiated->spi_in);
	put_spi(out, "spi_out", initiated->spi_out);
	put_number(out, "reqid", initiated->reqid);
}

static void put_conn_facts(struct out *out, const struct pl_conn_facts *conn)
{
	put_bool(out, "template", conn->is_template);
	put_bool(out, "for_latch", conn->is_for_latch);
	put_serial(out, "reqid", conn->reqid);
}

static void put_proposals(struct out *out, const struct pl_proposals_facts *proposals)
{
	put_text(out, "what", proposals->what);
	put_number(out, "notification", proposals->notification);
}

static void put_details(struct out *out, const struct pl_fact *fact)
{
	switch (fact->kind) {
	case PL_FACT_STOPPING:
		put_bool(out, "leaves_state", fact->u.stop.leaves_state);
		break;
	case PL_FACT_CONN_ADD:
	case PL_FACT_CONN_DELETE:
	case PL_FACT_CONN_ROUTE:
	case PL_FACT_CONN_UNROUTE:
		put_conn_facts(out, &fact->conn);
		break;
	case PL_FACT_PROPOSALS:
	case PL_FACT_PROPOSAL_CHOSEN:
		put_proposals(out, &fact->u.proposals);
		break;
	case PL_FACT_TS_REQUEST:
	case PL_FACT_TS_REKEY:
	case PL_FACT_TS_RESPONSE:
	case PL_FACT_TS_PROPOSAL:
	case PL_FACT_SUITES:
		put_ts_facts(out, &fact->u.ts);
		break;
	case PL_FACT_TS_OFFER:
	case PL_FACT_TS_ANSWER:
		put_selectors(out, "selectors", &fact->u.ts.tsi, &fact->u.ts.tsr);
		break;
	case PL_FACT_TS_VERDICT:
		put_verdict(out, &fact->u.verdict);
		break;
	case PL_FACT_CHILD_INSTALL:
	case PL_FACT_CHILD_UP:
	case PL_FACT_CHILD_FAILED:
	case PL_FACT_SA_MIGRATE:
		put_child(out, &fact->u.child);
		break;
	case PL_FACT_CHILD_DOWN:
		put_child_end(out, &fact->u.child_end);
		break;
	case PL_FACT_IKE_UP:
		put_ike(out, &fact->u.ike);
		break;
	case PL_FACT_IKE_DOWN:
		put_ike_end(out, &fact->u.ike_end);
		break;
	case PL_FACT_SA_ADD:
	case PL_FACT_SA_DELETE:
	case PL_FACT_SA_EXPIRE:
	case PL_FACT_SPI_GET:
		put_sa(out, &fact->u.sa);
		break;
	case PL_FACT_POLICY_ADD:
	case PL_FACT_POLICY_DELETE:
		put_policy(out, &fact->u.policy);
		break;
	case PL_FACT_INITIATED:
		put_initiated(out, &fact->u.initiated);
		break;
	case PL_FACT_NONE:
	case PL_FACT_KERNEL_START:
	case PL_FACT_START:
	case PL_FACT_STOP:
	case PL_FACT_IKE_ALIVE:
	case PL_FACT_FLUSH:
	case PL_FACT_ROOF:
		break;
	}
}

int pl_fact_json(const struct pl_fact *fact, uint64_t mono_ns, char **ret)
{
	struct out out = { .object = json_object() };
	char *text = NULL;

	put_number(&out, "mono_ns", mono_ns);
	put_text(&out, "fact", pl_fact_name(fact->kind));
	put_serial(&out, "ike", fact->ike);
	put_serial(&out, "child", fact->child);
	if (fact->role != PL_ROLE_NONE)
		put_text(&out, "role", fact->role == PL_ROLE_INITIATOR ? "initiator" : "responder");
	put_conn(&out, fact);
	put_bool(&out, "ok", fact->is_ok);
	put_details(&out, fact);
	if (fact->identity != NULL)
		put_peer(&out, fact);
	if (!out.is_bad)
		text = json_dumps(out.object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(out.object);
	if (text == NULL)
		return -ENOMEM;
	*ret = text;
	return 0;
}
