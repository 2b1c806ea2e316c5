/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CHOOSE_H
#define PL_CHOOSE_H

#include "core/pl_ts.h"
#include "core/pl_tuple.h"

struct connection;

/**
 * pl_choose() - which connection would set up SAs for a flow
 * @tuple: the flow
 * @peer:  whom they are to be with, as pluto writes IDs; NULL is anybody
 * @ret:   the connection
 *
 * Return: 0; PL_E_NOT_PROTECTED; PL_E_WRONG_PEER when what covers the flow is for others;
 * PL_E_NO_SA when it can only wait for its peer
 */
int pl_choose(const struct pl_tuple *tuple, const char *peer,
	      struct connection **ret) PL_MUST_USE;

/**
 * pl_choose_is_narrow() - the connection is for the flow alone by configuration
 * @c:     a connection
 * @tuple: the flow
 *
 * It needs none like it, which pluto could not install beside it.
 */
bool pl_choose_is_narrow(const struct connection *c, const struct pl_tuple *tuple);

/**
 * pl_choose_is_exact() - selectors of the flow alone
 * @tuple:  the flow
 * @local:  of our side
 * @remote: of the peer's
 */
bool pl_choose_is_exact(const struct pl_tuple *tuple, const struct pl_ts_list *local,
			const struct pl_ts_list *remote);

#endif
