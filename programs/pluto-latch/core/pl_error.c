/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What can go wrong, in the three languages in which we say it: a number inside the daemon, a
 * D-Bus error name, a liblatch constant. Programs decide by the name and people read the sentence,
 * so both stay as they are once released.
 *
 * Invariant: every error has exactly one name in each language, made from the same words
 * (PL_E_NO_SA, NoSa, LATCH_ERR_NO_SA), and no two errors share one. Who may not see a latch hears
 * NotFound (design D12), and so no sentence tells whether somebody else's latch exists.
 */

#include "core/pl_error.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ROW(error, name, text)                                                                     \
	[PL_E_##error] = { PL_ERROR_DBUS_PREFIX name, PL_ERROR_LIB_PREFIX #error, text }

static const struct pl_error_info table[PL_E_ROOF] = {
	ROW(MALFORMED, "Malformed", "The message is not what it claims to be."),
	ROW(TOO_MANY, "TooMany", "The message holds more entries than can be held."),
	ROW(UNSUPPORTED, "Unsupported", "This cannot be latched, or this option is not known."),
	ROW(NO_SPACE, "NoSpace", "The answer does not fit."),

	ROW(NOT_FOUND, "NotFound", "There is no such latch."),
	ROW(ALREADY_LATCHED, "AlreadyLatched", "Another latch holds this flow or listener."),
	ROW(CONFLICT, "Conflict", "An SA or a policy for this flow conflicts with the latch."),
	ROW(WRONG_STATE, "WrongState", "The latch is in a state in which this cannot be done."),
	ROW(BROKEN, "Broken", "The latch is broken."),
	ROW(CLOSED, "Closed", "The latch is closed."),

	ROW(NOT_CONNECTED, "NotConnected", "The socket has no local or remote address yet."),
	ROW(NOT_INTERNET, "NotInternet", "This is not a TCP, UDP or SCTP socket over IP."),
	ROW(ALREADY_USED, "AlreadyUsed", "The socket received data before it was latched."),
	ROW(SOCKET_CHANGED, "SocketChanged", "The socket changed while it was being latched."),
	ROW(OTHER_NETNS, "OtherNetns", "The socket belongs to another network namespace."),
	ROW(MPTCP, "Mptcp", "The socket speaks MPTCP: one connection, many flows."),
	ROW(TRANSLATED, "Translated", "The flow is translated (NAT) on this host."),
	ROW(BOTH_ENDS_LOCAL, "BothEndsLocal", "Both ends of the flow are on this host."),
	ROW(LINK_LOCAL, "LinkLocal", "A link-local address does not name one host."),
	ROW(SOURCE_ROUTED, "SourceRouted", "The socket uses source routing."),
	ROW(ENCAPSULATED, "Encapsulated", "The flow is encapsulated before IPsec can see it."),
	ROW(VIRTUAL_INTERFACE, "VirtualInterface",
	    "The flow leaves through an xfrm interface or a VRF."),
	ROW(PORT_SHARED, "PortShared", "Other users have sockets on this port."),
	ROW(WRONG_FLOW, "WrongFlow", "The flow is none of this socket, or not that of the latch."),
	ROW(COMPRESSED, "Compressed", "The SA compresses (IPComp): the guard cannot follow."),
	ROW(SHARED_REQID, "SharedReqid", "The SA shares its reqid with other peers."),

	ROW(NOT_PROTECTED, "NotProtected", "No IPsec connection of this host covers the flow."),
	ROW(NO_SA, "NoSa", "There is no SA for the flow, and none could be set up."),
	ROW(NARROW_REFUSED, "NarrowRefused", "The peer refused an SA for this flow alone."),
	ROW(WEAK, "Weak", "The protection is weaker than what was asked for."),
	ROW(SUITE_NOT_ALLOWED, "SuiteNotAllowed",
	    "The IPsec connection that covers the flow does not allow this suite."),
	ROW(WRONG_PEER, "WrongPeer", "The peer is not the one that was asked for."),
	ROW(AUTHENTICATION_FAILED, "AuthenticationFailed",
	    "One end could not prove its identity to the other."),
	ROW(TIMEOUT, "Timeout", "There was no answer in time."),

	ROW(NOT_AVAILABLE, "NotAvailable",
	    "There is none: no key or certificate was proved, or the key was renewed."),
	ROW(EQUAL_KEYS, "EqualKeys", "Both ends use one key: a binding would mean nothing."),

	ROW(NOT_AUTHORIZED, "NotAuthorized", "The caller is not authorized to do this."),
	ROW(FORBIDDEN, "Forbidden", "The policy of this host (latch.conf) does not allow this."),
	ROW(NO_SESSION, "NoSession", "The caller has no open session."),
	ROW(SESSION_EXISTS, "SessionExists", "The caller has an open session already."),
	ROW(NOT_RESUMABLE, "NotResumable", "There is no session to resume with this token."),
	ROW(LIMIT_EXCEEDED, "LimitExceeded", "A limit of this host is reached."),
	ROW(BAD_CONFIG, "BadConfig", "The configuration has an error; the old one stays."),
	ROW(UNAVAILABLE, "Unavailable", "The daemon cannot protect flows now."),
	ROW(NO_MEMORY, "NoMemory", "The daemon has no memory, descriptor or room for this."),
	ROW(FAILED, "Failed", "Something failed that nobody expected."),
};

#undef ROW

static bool is_exhaustion(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -ENOSPC ||
	       error == -ENOBUFS;
}

const struct pl_error_info *pl_error_info(int error)
{
	if (error == PL_OK)
		return NULL;
	if (is_exhaustion(error))
		return &table[PL_E_NO_MEMORY];
	if (error < 0 || error >= PL_E_ROOF)
		return &table[PL_E_FAILED];
	return &table[error];
}

const char *pl_strerror(int error)
{
	const struct pl_error_info *info = pl_error_info(error);

	return info == NULL ? "Done." : info->sentence;
}

const char *pl_error_word(int error)
{
	const struct pl_error_info *info = pl_error_info(error);

	return info == NULL ? "" : info->dbus + sizeof(PL_ERROR_DBUS_PREFIX) - 1;
}

enum pl_error pl_error_from_dbus_name(const char *name)
{
	if (name == NULL)
		return PL_E_FAILED;
	for (int error = PL_OK + 1; error < PL_E_ROOF; error++) {
		if (strcmp(table[error].dbus, name) == 0)
			return (enum pl_error)error;
	}
	return PL_E_FAILED;
}
