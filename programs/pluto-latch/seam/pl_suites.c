/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a latch leaves of the suites of a connection, in pluto's words. Proposals are pluto's own
 * secret; whoever wants others than those of a connection gives it another esp= while they are
 * made. What that says comes from the connection's own: a suite that it does not have is never
 * taken for a latch's sake (K11), and the Diffie-Hellman groups of each stay with it.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_suites.h"

#include <stdio.h>
#include <string.h>

#include "ike_alg.h"
#include "ike_alg_integ.h"
#include "kernel_alg.h"
#include "proposals.h"

enum { SUITE_MAX = 96 };

/* As esp= and ah= have it. False for what pluto does not have. */
static bool text_of(const struct pl_suite *suite, char ret[static SUITE_MAX])
{
	const struct integ_desc *integ = NULL;
	const struct encrypt_desc *encrypt = NULL;
	char size[8] = "";
	enum_buf buf;

	if (suite->integ != 0) {
		integ = ikev2_integ_desc(suite->integ, &buf);
		if (integ == NULL)
			return false;
	}
	if (suite->protocol == PL_PROTO_AH) {
		snprintf(ret, SUITE_MAX, "%s", integ == NULL ? "" : integ->common.fqn);
		return integ != NULL;
	}
	encrypt = ikev2_encrypt_desc(suite->encrypt, &buf);
	if (encrypt == NULL)
		return false;
	if (suite->key_bits != 0 && !encrypt->keylen_omitted)
		snprintf(size, sizeof(size), "_%u", suite->key_bits);
	snprintf(ret, SUITE_MAX, "%s%s-%s", encrypt->common.fqn, size,
		 integ == NULL ? "NONE" : integ->common.fqn);
	return true;
}

/* Without a key length pluto proposes the longest and the usual one. */
static bool has_key(const struct algorithm *cipher, unsigned bits)
{
	const struct encrypt_desc *encrypt = encrypt_desc(cipher->desc);

	if (cipher->enckeylen > 0)
		return bits == (unsigned)cipher->enckeylen;
	return bits == encrypt->keydeflen || bits == encrypt_max_key_bit_length(encrypt);
}

static bool has_cipher(const struct proposal *proposal, const struct pl_suite *suite)
{
	FOR_EACH_ALGORITHM(proposal, encrypt, cipher) {
		if (cipher->desc->id[IKEv2_ALG_ID] == suite->encrypt &&
		    has_key(cipher, suite->key_bits))
			return true;
	}
	return suite->protocol == PL_PROTO_AH;
}

static bool has_integrity(const struct proposal *proposal, const struct pl_suite *suite)
{
	if (next_algorithm(proposal, PROPOSAL_integ, NULL) == NULL)
		return suite->integ == 0;
	FOR_EACH_ALGORITHM(proposal, integ, integ) {
		if (integ->desc->id[IKEv2_ALG_ID] == suite->integ)
			return true;
	}
	return false;
}

static bool has_suite(const struct config *config, const struct proposal *proposal,
		      const struct pl_suite *suite)
{
	bool is_ah = config->child_sa.encap_proto == ENCAP_PROTO_AH;

	return suite->protocol == (is_ah ? PL_PROTO_AH : PL_PROTO_ESP) &&
	       has_cipher(proposal, suite) && has_integrity(proposal, suite);
}

static uint8_t esn_of(const struct config *config)
{
	return (config->esn.yes ? PL_ESN_YES : 0) | (config->esn.no ? PL_ESN_NO : 0);
}

/* An esp= or ah= in the making; what does not fit makes it none at all. */
struct esp {
	char text[PL_ESP_TEXT_MAX];
	size_t len;
	uint8_t esn;
};

static void add(struct esp *esp, const char *sep, const char *word)
{
	size_t room = sizeof(esp->text) - esp->len;
	int len = snprintf(esp->text + esp->len, room, "%s%s", sep, word);

	esp->len += len < 0 || (size_t)len >= room ? room - 1 : (size_t)len;
}

static void add_suite(struct esp *esp, const struct proposal *proposal,
		      const struct pl_suite *suite)
{
	char text[SUITE_MAX];
	const char *sep = "-";

	if (!text_of(suite, text))
		return;
	add(esp, esp->len == 0 ? "" : ",", text);
	FOR_EACH_ALGORITHM(proposal, dh, dh) {
		add(esp, sep, dh->desc->fqn);
		sep = "+";
	}
	esp->esn |= suite->esn;
}

static void collect(const struct config *config, const struct pl_suites *suites, struct esp *ret)
{
	*ret = (struct esp) { .len = 0 };
	if (config->child_sa.proposals.p == NULL)
		return;
	FOR_EACH_PROPOSAL(config->child_sa.proposals.p, proposal) {
		for (unsigned i = 0; i < suites->nr; i++) {
			if ((suites->list[i].esn & esn_of(config)) != 0 &&
			    has_suite(config, proposal, &suites->list[i]))
				add_suite(ret, proposal, &suites->list[i]);
		}
	}
	ret->esn &= esn_of(config);
}

static bool is_whole(const struct esp *esp)
{
	return esp->len > 0 && esp->len < sizeof(esp->text) - 1 && esp->esn != 0;
}

bool pl_suite_esp(const struct config *config, const struct pl_suite *suite,
		  char ret[static PL_ESP_TEXT_MAX])
{
	const struct pl_suites suites = { .nr = 1, .list = { *suite } };
	struct esp esp;

	collect(config, &suites, &esp);
	if (!is_whole(&esp) || (suite->esn & ~esn_of(config)) != 0)
		return false;
	memcpy(ret, esp.text, sizeof(esp.text));
	return true;
}

static struct proposals *parse(const struct config *config, const struct esp *esp,
			       struct logger *logger)
{
	const struct proposal_policy policy = {
		.version = IKEv2, .alg_is_ok = kernel_alg_is_ok, .pfs = config->child_sa.pfs,
		.logger = logger, .logger_rc_flags = LOG_STREAM,
	};
	struct proposal_parser *parser = config->child_sa.encap_proto == ENCAP_PROTO_AH ?
						 ah_proposal_parser(&policy) :
						 esp_proposal_parser(&policy);
	struct proposals *ret = proposals_from_str(parser, esp->text);

	if (ret == NULL)
		llog(RC_LOG, logger, "latch: no proposals like \"%s\": %s", esp->text,
		     str_diag(parser->diag));
	free_proposal_parser(&parser);
	return ret;
}

/* As pluto made them for this exchange, from what the connection says now. */
static struct ikev2_proposals *make(struct child_sa *child)
{
	struct ike_sa *ike = ike_sa(&child->sa, HERE);
	struct child_sa *old;

	if (child->sa.st_v2_create_child_sa_proposals == NULL)
		return __real_get_v2_IKE_AUTH_new_child_proposals(child->sa.st_connection);
	if (ike == NULL)
		return NULL;
	if (child->sa.st_v2_rekey_pred == SOS_NOBODY)
		return __real_get_v2_CREATE_CHILD_SA_new_child_proposals(ike, child);
	old = child_sa_by_serialno(child->sa.st_v2_rekey_pred);
	return old == NULL ? NULL :
	       __real_get_v2_CREATE_CHILD_SA_rekey_child_proposals(ike, old, child->sa.logger);
}

struct ikev2_proposals *pl_suites_proposals(struct child_sa *child,
					    const struct pl_suites *suites)
{
	struct connection *c = child->sa.st_connection;
	const struct config *before = c->config;
	struct config config = *before;
	struct ikev2_proposals *ret;
	struct esp esp;

	collect(before, suites, &esp);
	if (!is_whole(&esp))
		return NULL;
	config.child_sa.proposals.p = parse(before, &esp, child->sa.logger);
	if (config.child_sa.proposals.p == NULL)
		return NULL;
	config.esn.yes = (esp.esn & PL_ESN_YES) != 0;
	config.esn.no = (esp.esn & PL_ESN_NO) != 0;
	c->config = &config;
	ret = make(child);
	c->config = before;
	free_proposals(&config.child_sa.proposals.p);
	return ret;
}

bool pl_suites_have(const struct pl_suites *suites, const struct ikev2_proposal *proposal,
		    struct logger *logger)
{
	struct trans_attrs ta;
	struct pl_suite suite;
	enum pl_protocol protocol;
	const char *integ;

	if (!ikev2_proposal_to_trans_attrs(proposal, &ta, logger))
		return false;
	protocol = ta.ta_encrypt == NULL ? PL_PROTO_AH : PL_PROTO_ESP;
	integ = ta.ta_integ == NULL ? "" : ta.ta_integ->common.fqn;
	return pl_suite_make(protocol, ta.ta_encrypt == NULL ? "" : ta.ta_encrypt->common.fqn,
			     ta.enckeylen, integ, ta.esn_enabled, &suite) == 0 &&
	       pl_suite_is_among(suites->list, suites->nr, &suite);
}
