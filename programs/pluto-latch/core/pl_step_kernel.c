/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel itself says about a connection: does the SPD still protect it, and is it carried
 * by the SAs that pluto made, and by no others (K35 to K37, T6, T7)? What pluto says about its own
 * SAs is judged before (pl_conflict); this is about what others did behind its back.
 *
 * An SA of the connection that somebody removed is a conflict only while no other SA of the same
 * peer and protection carries all of it: pluto believes in it, so that nothing would ever come of
 * waiting. An SA that ends by pluto's will, or with its life, is none (L5, K15).
 */

#include "core/pl_step.h"

#include <stdio.h>

/* @r: to be returned */
static int explain(struct pl_conflict_report *ret, int r, const char *before, const char *what,
		   const char *after)
{
	*ret = (struct pl_conflict_report) { .verdict = PL_CONFLICT_BREAK };
	snprintf(ret->text, sizeof(ret->text), "%s%s%s", before, what, after);
	return r;
}

static int ask_spd(const struct pl_world *world, const struct pl_tuple *tuple,
		   const uint32_t *reqids, unsigned nr, unsigned how,
		   struct pl_conflict_report *ret)
{
	enum pl_direction way = PL_DIR_OUT;
	enum pl_spd_answer spd = how & PL_ASK_BARE ?
				 pl_spd_judge_bare(world->spd, tuple, reqids, nr, &way) :
				 pl_spd_judge(world->spd, tuple, reqids, nr, &way);
	const char *what = way == PL_DIR_IN ? "inbound" : "outbound";

	switch (spd) {
	case PL_SPD_PROTECTS:
		return 0;
	case PL_SPD_ABSENT:
		return !(how & PL_ASK_ABSENT) ? 0 :
		       explain(ret, PL_E_NOT_PROTECTED, "the SPD lets ", what,
			       " packets by unprotected");
	case PL_SPD_TAKEN:
		return explain(ret, PL_E_NOT_PROTECTED, "the policy for ", what,
			       " packets was removed or replaced, not by this daemon");
	case PL_SPD_DIVERTS:
		return explain(ret, PL_E_CONFLICT, "a policy that this daemon did not make wants "
			       "other SAs for ", what, " packets");
	case PL_SPD_PASSES:
		break;
	}
	return explain(ret, PL_E_CONFLICT, "the SPD lets ", what, " packets by unprotected");
}

static const char *protocol_name(uint8_t protocol, char ret[static 32])
{
	switch (protocol) {
	case PL_PROTO_ESP:
		return "ESP";
	case PL_PROTO_AH:
		return "AH";
	case PL_PROTO_IPCOMP:
		return "IPComp";
	default:
		snprintf(ret, 32, "protocol %u", protocol);
		return ret;
	}
}

static int ask_foreign(const struct pl_world *world, const struct pl_tuple *tuple,
		       const uint32_t *reqids, unsigned nr, struct pl_conflict_report *ret)
{
	const struct pl_xfrm_sa *sa = pl_ksad_foreign(world->ksad, tuple, reqids, nr);
	char name[32];

	if (sa == NULL)
		return 0;
	*ret = (struct pl_conflict_report) {
		.verdict = PL_CONFLICT_BREAK, .diff = PL_DIFF_PEER_UNKNOWN,
	};
	snprintf(ret->text, sizeof(ret->text),
		 "an SA that this daemon did not make could carry it: %s, SPI 0x%08x, reqid %u",
		 protocol_name(sa->protocol, name), sa->spi, sa->reqid);
	return PL_E_CONFLICT;
}

struct carriers {
	const struct pl_world *world;
	const struct pl_terms *terms;
	bool is_one_taken, is_one_whole;
};

static int see_carrier(void *ctx, const struct pl_sa *sa)
{
	struct carriers *carriers = ctx;

	if (pl_ksad_is_taken(carriers->world->ksad, sa->child))
		carriers->is_one_taken = true;
	else if (pl_tuple_is_covered(carriers->terms->tuple, sa->role, &sa->tsi, &sa->tsr) &&
		 pl_step_may_carry(carriers->world, carriers->terms, sa))
		carriers->is_one_whole = true;
	return 0;
}

static int ask_carriers(const struct pl_world *world, const struct pl_terms *terms,
			struct pl_conflict_report *ret)
{
	struct carriers carriers = { .world = world, .terms = terms };

	(void)pl_sad_touch(world->sad, terms->tuple, see_carrier, &carriers, NULL);
	if (!carriers.is_one_taken || carriers.is_one_whole)
		return 0;
	return explain(ret, PL_E_NO_SA, "its ", "SA",
		       " was removed or replaced, not by this daemon");
}

int pl_step_ask_kernel(const struct pl_world *world, const struct pl_terms *terms,
		       const uint32_t *reqids, unsigned nr, unsigned how,
		       struct pl_conflict_report *ret)
{
	int r;

	if (world->is_blind)
		return explain(ret, PL_E_UNAVAILABLE, "", "policies and SAs",
			       " of the kernel cannot be read");
	r = ask_foreign(world, terms->tuple, reqids, nr, ret);
	if (r == 0)
		r = ask_carriers(world, terms, ret);
	return r != 0 ? r : ask_spd(world, terms->tuple, reqids, nr, how, ret);
}
