/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The disposition of what is forwarded (RFC 5660 sections 2.5 and 5.5: L21, K59 to K61). No socket
 * of it is here that could be reset. So on a break the guard answers the inner end's next segment
 * with a RST, in the name of the other end, instead of dropping it in silence.
 *
 * A middlebox that speaks for others is not what everybody wants: the default is to wait, other
 * than for sockets. Only a rule of latch.conf that says so in words (disposition = reset) has it.
 *
 * Invariants:
 * - What is answered is blocked: it has no pin, and gets none before the answers end.
 * - What the guard refuses is blocked anew, and asked for again, until it is answered or passes.
 * - Waiting for SAs, or for a peer after a restart, is no break, and nothing is answered.
 */

#include "core/pl_answer.h"

static bool is_wanted(const struct pl_latch *latch)
{
	return latch->is_forwarded && latch->tuple.proto == PL_TUPLE_TCP &&
	       latch->disposition == PL_DISPOSITION_RESET;
}

void pl_answer_begin(struct pl_world *world, struct pl_latch *latch)
{
	const struct pl_guard_ops *ops = world->ops.guard;

	if (!is_wanted(latch) || ops->answer == NULL)
		return;
	latch->is_answer_due = latch->is_unsure ||
			       ops->answer(world->ops.guard_ctx, &latch->tuple, true) != 0;
	latch->is_answered = latch->is_answered || !latch->is_answer_due;
	if (latch->is_answer_due) {
		latch->is_unsure = true;
		pl_step_mind(world, latch);
	}
}

void pl_answer_again(struct pl_world *world, struct pl_latch *latch)
{
	if (latch->is_answer_due && !latch->is_unsure)
		pl_answer_begin(world, latch);
}

int pl_answer_end(struct pl_world *world, struct pl_latch *latch)
{
	const struct pl_guard_ops *ops = world->ops.guard;
	int r = 0;

	if (latch->is_answered)
		r = ops->answer(world->ops.guard_ctx, &latch->tuple, false);
	if (r == 0)
		latch->is_answered = latch->is_answer_due = false;
	return r;
}
