/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which sockets can be latched (design D12, and "Refused at first" of D3). The facts come from the
 * kernel; here they are only judged. What is refused has a name of its own, so that a program can
 * tell its user what to change.
 */

#include "core/pl_socket.h"

#include <string.h>

static int judge_use(const struct pl_socket_facts *facts, enum pl_socket_use use)
{
	switch (use) {
	case PL_SOCKET_CONNECTION:
	case PL_SOCKET_ACCEPTED:
		return facts->is_connected ? 0 : PL_E_NOT_CONNECTED;
	case PL_SOCKET_BEFORE_CONNECT:
		if (facts->is_connected || facts->is_listening)
			return PL_E_WRONG_STATE;
		return facts->tuple.local_port != 0 ? 0 : PL_E_NOT_CONNECTED;
	case PL_SOCKET_LISTENER:
		if (facts->is_connected)
			return PL_E_WRONG_STATE;
		return facts->tuple.local_port != 0 ? 0 : PL_E_NOT_CONNECTED;
	default:
		return PL_E_UNSUPPORTED;
	}
}

int pl_socket_judge(const struct pl_socket_facts *facts, enum pl_socket_use use, bool is_late)
{
	int r;

	if (!facts->is_here)
		return PL_E_OTHER_NETNS;
	if (!facts->is_internet)
		return PL_E_NOT_INTERNET;
	if (facts->is_mptcp)
		return PL_E_MPTCP;
	if (facts->is_many || (facts->has_several && use == PL_SOCKET_LISTENER))
		return PL_E_UNSUPPORTED;
	r = judge_use(facts, use);
	if (r != 0)
		return r;
	if (facts->is_source_routed)
		return PL_E_SOURCE_ROUTED;
	if (facts->is_encapsulated)
		return PL_E_ENCAPSULATED;
	if (facts->is_virtual)
		return PL_E_VIRTUAL_INTERFACE;
	if (facts->is_translated)
		return PL_E_TRANSLATED;
	if (facts->is_peer_local)
		return PL_E_BOTH_ENDS_LOCAL;
	if (facts->is_elsewhere)
		return PL_E_WRONG_FLOW;
	/* Of a listener: datagrams that anybody sent before it was guarded. A socket that will be
	 * connected may hold such as well, and whoever connects it throws them away. */
	if ((use == PL_SOCKET_CONNECTION || use == PL_SOCKET_LISTENER) && facts->has_received &&
	    !is_late)
		return PL_E_ALREADY_USED;
	return 0;
}

bool pl_socket_is_same(const struct pl_socket_facts *before, const struct pl_socket_facts *after)
{
	return before->cookie == after->cookie && before->is_here == after->is_here &&
	       before->is_connected == after->is_connected &&
	       memcmp(&before->tuple, &after->tuple, sizeof(before->tuple)) == 0;
}
