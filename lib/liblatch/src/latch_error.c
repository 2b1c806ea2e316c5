/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon's errors are called here. It says a name, never a number; so an older library
 * understands a newer daemon, and what it has no name for is LATCH_ERR_FAILED, never success.
 *
 * Invariant: the list below has every error of enum latch_error that has a D-Bus name, and
 * latch_strerror() is a switch without default, so that the compiler misses the one forgotten.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <stdio.h>
#include <string.h>

#define PREFIX "org.libreswan.Latch1.Error."
#define BUS_PREFIX "org.freedesktop.DBus.Error."

/* The order and the sentences of the daemon. */
#define DAEMON_ERRORS(ROW)                                                                        \
	ROW(MALFORMED, "Malformed", "The message is not what it claims to be.")                   \
	ROW(TOO_MANY, "TooMany", "The message holds more entries than can be held.")              \
	ROW(UNSUPPORTED, "Unsupported", "This cannot be latched, or this option is not known.")   \
	ROW(NO_SPACE, "NoSpace", "The answer does not fit.")                                      \
	ROW(NOT_FOUND, "NotFound", "There is no such latch.")                                     \
	ROW(ALREADY_LATCHED, "AlreadyLatched", "Another latch holds this flow or listener.")      \
	ROW(CONFLICT, "Conflict", "An SA or a policy for this flow conflicts with the latch.")    \
	ROW(WRONG_STATE, "WrongState", "The latch is in a state in which this cannot be done.")   \
	ROW(BROKEN, "Broken", "The latch is broken.")                                             \
	ROW(CLOSED, "Closed", "The latch is closed.")                                             \
	ROW(NOT_CONNECTED, "NotConnected", "The socket has no local or remote address yet.")      \
	ROW(NOT_INTERNET, "NotInternet", "This is not a TCP, UDP or SCTP socket over IP.")        \
	ROW(ALREADY_USED, "AlreadyUsed", "The socket received data before it was latched.")       \
	ROW(SOCKET_CHANGED, "SocketChanged", "The socket changed while it was being latched.")    \
	ROW(OTHER_NETNS, "OtherNetns", "The socket belongs to another network namespace.")        \
	ROW(MPTCP, "Mptcp", "The socket speaks MPTCP: one connection, many flows.")               \
	ROW(TRANSLATED, "Translated", "The flow is translated (NAT) on this host.")               \
	ROW(BOTH_ENDS_LOCAL, "BothEndsLocal", "Both ends of the flow are on this host.")          \
	ROW(LINK_LOCAL, "LinkLocal", "A link-local address does not name one host.")              \
	ROW(SOURCE_ROUTED, "SourceRouted", "The socket uses source routing.")                     \
	ROW(ENCAPSULATED, "Encapsulated", "The flow is encapsulated before IPsec can see it.")    \
	ROW(VIRTUAL_INTERFACE, "VirtualInterface",                                                \
	    "The flow leaves through an xfrm interface or a VRF.")                                \
	ROW(PORT_SHARED, "PortShared", "Other users have sockets on this port.")                  \
	ROW(WRONG_FLOW, "WrongFlow", "The flow is none of this socket, or not that of the latch.") \
	ROW(COMPRESSED, "Compressed", "The SA compresses (IPComp): the guard cannot follow.")     \
	ROW(SHARED_REQID, "SharedReqid", "The SA shares its reqid with other peers.")             \
	ROW(NOT_PROTECTED, "NotProtected", "No IPsec connection of this host covers the flow.")   \
	ROW(NO_SA, "NoSa", "There is no SA for the flow, and none could be set up.")              \
	ROW(NARROW_REFUSED, "NarrowRefused", "The peer refused an SA for this flow alone.")       \
	ROW(WEAK, "Weak", "The protection is weaker than what was asked for.")                    \
	ROW(SUITE_NOT_ALLOWED, "SuiteNotAllowed",                                                 \
	    "The IPsec connection that covers the flow does not allow this suite.")               \
	ROW(WRONG_PEER, "WrongPeer", "The peer is not the one that was asked for.")               \
	ROW(AUTHENTICATION_FAILED, "AuthenticationFailed",                                        \
	    "One end could not prove its identity to the other.")                                 \
	ROW(TIMEOUT, "Timeout", "There was no answer in time.")                                   \
	ROW(NOT_AVAILABLE, "NotAvailable",                                                        \
	    "There is none: no key or certificate was proved, or the key was renewed.")           \
	ROW(EQUAL_KEYS, "EqualKeys", "Both ends use one key: a binding would mean nothing.")      \
	ROW(NOT_AUTHORIZED, "NotAuthorized", "The caller is not authorized to do this.")          \
	ROW(FORBIDDEN, "Forbidden", "The policy of this host (latch.conf) does not allow this.")  \
	ROW(NO_SESSION, "NoSession", "The caller has no open session.")                           \
	ROW(SESSION_EXISTS, "SessionExists", "The caller has an open session already.")           \
	ROW(NOT_RESUMABLE, "NotResumable", "There is no session to resume with this token.")      \
	ROW(LIMIT_EXCEEDED, "LimitExceeded", "A limit of this host is reached.")                  \
	ROW(BAD_CONFIG, "BadConfig", "The configuration has an error; the old one stays.")        \
	ROW(UNAVAILABLE, "Unavailable", "The daemon cannot protect flows now.")                   \
	ROW(NO_MEMORY, "NoMemory", "The daemon has no memory, descriptor or room for this.")      \
	ROW(FAILED, "Failed", "Something failed that nobody expected.")

#define DBUS_ROW(error, name, text) { PREFIX name, LATCH_ERR_##error },
#define TEXT_ROW(error, name, text) case LATCH_ERR_##error: return text;
#define NAME_ROW(error, name, text) case LATCH_ERR_##error: return "LATCH_ERR_" #error;

static const struct {
	const char *dbus;
	enum latch_error error;
} table[] = {
	DAEMON_ERRORS(DBUS_ROW)
	{ DBUS_ERROR_NO_MEMORY, LATCH_ERR_NO_MEMORY },
	{ DBUS_ERROR_LIMITS_EXCEEDED, LATCH_ERR_LIMIT_EXCEEDED },
	{ DBUS_ERROR_ACCESS_DENIED, LATCH_ERR_NOT_AUTHORIZED },
	{ DBUS_ERROR_BAD_ADDRESS, LATCH_ERR_ARGUMENT },
	{ DBUS_ERROR_INVALID_ARGS, LATCH_ERR_MALFORMED },
	/* an older daemon */
	{ DBUS_ERROR_UNKNOWN_METHOD, LATCH_ERR_UNSUPPORTED },
	{ DBUS_ERROR_UNKNOWN_INTERFACE, LATCH_ERR_UNSUPPORTED },
	{ DBUS_ERROR_UNKNOWN_OBJECT, LATCH_ERR_UNSUPPORTED },
};

static const char *const states[] = {
	"none", "larval", "listener", "established", "broken", "closed",
};

enum { STATES = sizeof(states) / sizeof(states[0]) };

int latch_error_from_dbus(const char *name)
{
	if (name == NULL)
		return LATCH_ERR_FAILED;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].dbus, name) == 0)
			return table[i].error;
	}
	/* Disconnected, NoReply, ServiceUnknown and many more: the daemon was not reached. */
	if (strncmp(name, BUS_PREFIX, strlen(BUS_PREFIX)) == 0)
		return LATCH_ERR_SERVICE;
	return LATCH_ERR_FAILED;
}

int latch_error_from_word(const char *word)
{
	char name[128];

	if (word == NULL)
		return LATCH_OK;
	snprintf(name, sizeof(name), PREFIX "%s", word);
	return latch_error_from_dbus(name);
}

/* The list of what may pass, not of what may not: an error of a later daemon is a failure. */
bool latch_error_is_unprotected(int error)
{
	switch (error) {
	case LATCH_ERR_NOT_PROTECTED:
	case LATCH_ERR_NO_SA:
	case LATCH_ERR_NARROW_REFUSED:
	case LATCH_ERR_WEAK:
	case LATCH_ERR_AUTHENTICATION_FAILED:
	case LATCH_ERR_TIMEOUT:
		return true;
	}
	return false;
}

const char *latch_strerror(int error)
{
	switch ((enum latch_error)error) {
	case LATCH_OK:
		return "Done.";
	case LATCH_ERR_SYSTEM:
		return "A system call failed.";
	case LATCH_ERR_SERVICE:
		return "The daemon is not there, or does not answer.";
	case LATCH_ERR_ARGUMENT:
		return "An argument makes no sense.";
	DAEMON_ERRORS(TEXT_ROW)
	}
	return "An unknown error.";
}

const char *latch_error_name(int error)
{
	switch ((enum latch_error)error) {
	case LATCH_OK:
		return "LATCH_OK";
	case LATCH_ERR_SYSTEM:
		return "LATCH_ERR_SYSTEM";
	case LATCH_ERR_SERVICE:
		return "LATCH_ERR_SERVICE";
	case LATCH_ERR_ARGUMENT:
		return "LATCH_ERR_ARGUMENT";
	DAEMON_ERRORS(NAME_ROW)
	}
	return NULL;
}

const char *latch_state_name(enum latch_state state)
{
	return (unsigned)state < STATES ? states[state] : states[0];
}

enum latch_state latch_state_from_name(const char *name)
{
	for (unsigned i = 0; name != NULL && i < STATES; i++) {
		if (strcmp(states[i], name) == 0)
			return (enum latch_state)i;
	}
	return LATCH_STATE_NONE;
}
