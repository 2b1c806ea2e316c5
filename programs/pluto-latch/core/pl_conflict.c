/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The rule that latching is about (RFC 5660 section 2.3, K31): in view of a latch two SAs conflict
 * when both can carry its flow and peer, protection type or quality of protection differ. A latch
 * stands for the SAs it was made from, so the question is always latch against SA.
 *
 * Invariants: an SA that may carry one packet of the flow is judged by all of its parameters, and
 * one that cannot be judged conflicts. Another identity at either end always conflicts; only
 * protection may differ, and only where the administrator said so (design D4).
 */

#include "core/pl_conflict.h"

#include "core/pl_peer_id.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 120 };

void pl_sa_view_of(const struct pl_fact *fact, uint64_t lineage, bool is_id_fixed,
		   struct pl_params *params, struct pl_sa_view *ret)
{
	const struct pl_child_facts *child = &fact->u.child;
	struct pl_peer peer = {
		.identity = fact->identity, .lineage = lineage, .is_id_fixed = is_id_fixed,
	};

	*ret = (struct pl_sa_view) {
		.child = fact->child, .role = fact->role, .tsi = &child->tsi, .tsr = &child->tsr,
	};
	if (pl_params_from_child(child, &peer, params) == 0)
		ret->params = params;
}

/* Peers choose their names: no quote, no control character and no length of theirs gets out. */
static void name_of(const struct pl_params *params, char ret[static NAME_MAX_BYTES])
{
	const struct pl_identity_data *data = params == NULL || params->peer.identity == NULL ?
					      NULL : pl_identity_data(params->peer.identity);
	size_t len = 0;

	if (data == NULL || data->peer.id == NULL) {
		snprintf(ret, NAME_MAX_BYTES, "somebody unknown");
		return;
	}
	ret[len++] = '\'';
	for (const char *c = data->peer.id; *c != '\0' && len < NAME_MAX_BYTES - 20; c++)
		ret[len++] = (*c >= ' ' && *c <= '~' && *c != '\'' && *c != '\\') ? *c : '?';
	snprintf(ret + len, NAME_MAX_BYTES - len, "' (%s)", pl_auth_name(data->peer.auth));
}

static void explain(const struct pl_params *latched, const struct pl_sa_view *sa,
		    struct pl_conflict_report *ret)
{
	char latch_name[NAME_MAX_BYTES], sa_name[NAME_MAX_BYTES], diff[PL_DIFF_TEXT_MAX];

	name_of(latched, latch_name);
	name_of(sa->params, sa_name);
	snprintf(ret->text, sizeof(ret->text),
		 "latched to %s; SA #%llu is of %s and differs in %s", latch_name,
		 (unsigned long long)sa->child, sa_name, pl_diff_text(ret->diff, diff));
}

static enum pl_conflict verdict_of(unsigned diff, const struct pl_conflict_rules *rules)
{
	if (diff == 0)
		return PL_CONFLICT_NONE;
	if ((diff & PL_DIFF_PEER) == 0 && rules->may_differ_in_qop)
		return PL_CONFLICT_BESIDE;
	return PL_CONFLICT_BREAK;
}

enum pl_conflict pl_conflict_judge(const struct pl_tuple *tuple, const struct pl_params *latched,
				   const struct pl_sa_view *sa,
				   const struct pl_conflict_rules *rules,
				   struct pl_conflict_report *ret)
{
	struct pl_conflict_report report = { .child = sa->child };

	if (!pl_tuple_is_listener(tuple) &&
	    pl_tuple_is_touched(tuple, sa->role, sa->tsi, sa->tsr))
		report.diff = sa->params == NULL ? (unsigned)PL_DIFF_PEER_UNKNOWN :
			      pl_params_diff(latched, sa->params, rules->match);
	report.verdict = verdict_of(report.diff, rules);
	if (ret != NULL) {
		if (report.verdict != PL_CONFLICT_NONE)
			explain(latched, sa, &report);
		*ret = report;
	}
	return report.verdict;
}

static const struct pl_sa_view *carrier(const struct pl_tuple *tuple, const struct pl_sa_view *sas,
					unsigned nr_sas)
{
	for (unsigned i = 0; i < nr_sas; i++) {
		if (sas[i].params != NULL && sas[i].params->peer.identity != NULL &&
		    pl_tuple_is_covered(tuple, sas[i].role, sas[i].tsi, sas[i].tsr))
			return &sas[i];
	}
	return NULL;
}

/* An SA that is not the latch's own may be rekeyed to what its connection allows besides (K22); but
 * not to what was never enough (K11), and where there is no room for all, to less. */
static void allow(struct pl_params *params, const struct pl_sa_view *sa,
		  const struct pl_require *require)
{
	for (unsigned i = 0; i < sa->nr_allowed; i++) {
		if (pl_suite_meets(&sa->allowed[i], require))
			(void)!pl_params_allow(params, &sa->allowed[i]);
	}
}

int pl_conflict_birth(const struct pl_tuple *tuple, const struct pl_wish *wish,
		      const struct pl_sa_view *sas, unsigned nr_sas,
		      const struct pl_conflict_rules *rules, struct pl_params *ret,
		      struct pl_conflict_report *report)
{
	const struct pl_sa_view *sa = carrier(tuple, sas, nr_sas);
	struct pl_params params;

	if (sa == NULL)
		return PL_E_NO_SA;
	if (!pl_peer_id_admits(wish->peer, &sa->params->peer))
		return PL_E_WRONG_PEER;
	params = *sa->params;
	if (!wish->is_narrow)
		allow(&params, sa, &wish->require);
	for (unsigned i = 0; i < nr_sas; i++) {
		struct pl_conflict_report found;

		if (pl_conflict_judge(tuple, &params, &sas[i], rules, &found) ==
		    PL_CONFLICT_BREAK) {
			*report = found;
			return PL_E_CONFLICT;
		}
	}
	if (pl_params_meet(&params, &wish->require) != 0)
		return PL_E_WEAK;
	*ret = params;
	return 0;
}
