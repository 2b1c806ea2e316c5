/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session that outlives the daemon. Its socket ends with the daemon's process; the latches do
 * not. So at its end the daemon is asked whether it is still there. If it is, it closed the
 * session, and that is the end. If it is not, the next owner of its name gets the token, and gives
 * back a socket on which it first says how the latches are.
 *
 * Nothing here waits: each answer is awaited by latch_fd(), where the connection to the bus takes
 * the place of the session, and all of it has one deadline.
 *
 * Invariant: the token goes to the owner of the name alone, and an answer is only believed from
 * whom it was asked for, by the word of the bus.
 */

#include "latch_impl.h"

#include <dbus/dbus.h>

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MATCH "type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS "'," \
	"interface='" DBUS_INTERFACE_DBUS "',member='NameOwnerChanged',arg0='" LATCH_SERVICE "'"

static void forget_timer(struct latch *latch)
{
	if (latch->timer >= 0)
		close(latch->timer);
	latch->timer = -1;
}

static int bus_fd(const struct latch *latch)
{
	int fd = -1;

	return dbus_connection_get_unix_fd(latch->bus, &fd) ? fd : -1;
}

static bool listen_to(struct latch *latch, int fd, bool is_on)
{
	struct epoll_event event = { .events = EPOLLIN };

	return fd >= 0 && epoll_ctl(latch->poll, is_on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd,
				    &event) == 0;
}

static void stop_waiting(struct latch *latch)
{
	if (latch->away > LATCH_AWAY_ASKED_DAEMON)
		dbus_bus_remove_match(latch->bus, MATCH, NULL);
	(void)listen_to(latch, bus_fd(latch), false);
	forget_timer(latch);
	latch->away = LATCH_AWAY_NOT;
}

static void give_up(struct latch *latch)
{
	stop_waiting(latch);
	latch->is_over = true;
	explicit_bzero(latch->token, sizeof(latch->token));
}

/* Takes @message over. Return: it is on its way, and latch->serial is its answer's */
static bool post(struct latch *latch, DBusMessage *message)
{
	dbus_uint32_t serial = 0;
	bool is_sent;

	if (message == NULL)
		return false;
	dbus_message_set_auto_start(message, FALSE);
	is_sent = dbus_connection_get_is_connected(latch->bus) &&
		  dbus_connection_send(latch->bus, message, &serial);
	dbus_message_unref(message);
	latch->serial = serial;
	return is_sent;
}

static bool ask_daemon(struct latch *latch)
{
	latch->away = LATCH_AWAY_ASKED_DAEMON;
	return post(latch, dbus_message_new_method_call(latch->service, DBUS_PATH_DBUS,
							DBUS_INTERFACE_PEER, "Ping"));
}

static bool ask_owner(struct latch *latch)
{
	DBusMessage *message = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
							    DBUS_INTERFACE_DBUS, "GetNameOwner");
	const char *name = LATCH_SERVICE;

	latch->away = LATCH_AWAY_ASKED_OWNER;
	if (message != NULL && !dbus_message_append_args(message, DBUS_TYPE_STRING, &name,
							 DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		return false;
	}
	return post(latch, message);
}

/* It is gone. With no place for an error, the match is sent without waiting; the question after it
 * is answered after it is in force. */
static bool await_owner(struct latch *latch)
{
	dbus_bus_add_match(latch->bus, MATCH, NULL);
	return latch_session_note(latch, "{\"type\":\"away\",\"generation\":0}") &&
	       ask_owner(latch);
}

static bool ask_to_resume(struct latch *latch, const char *owner)
{
	const struct latch_entry watch = { "watch", 'b', { .b = true } };
	const char *token = latch->token;
	DBusMessage *message;

	if (strlen(owner) >= sizeof(latch->service))
		return false;
	strcpy(latch->service, owner);
	latch->away = LATCH_AWAY_ASKED_TO_RESUME;
	message = latch_bus_message(latch, "ResumeSession");
	if (message != NULL &&
	    (!dbus_message_append_args(message, DBUS_TYPE_STRING, &token, DBUS_TYPE_INVALID) ||
	     !latch_bus_add_dict(message, &watch, (latch->flags & LATCH_OPEN_WATCH) != 0))) {
		dbus_message_unref(message);
		return false;
	}
	return post(latch, message);
}

/* What was known of the flows of datagrams, the daemon before knew. */
static bool resume(struct latch *latch, DBusMessage *reply)
{
	const char *token;
	int fd;

	if (!dbus_message_has_signature(reply, "hs") ||
	    !dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_STRING, &token,
				   DBUS_TYPE_INVALID))
		return false;
	stop_waiting(latch);
	latch_resume_keep(latch, token);
	latch_tags_clear(latch->tags);
	latch->opened_ns = latch_tags_now_ns();
	return latch_session_continue(latch, fd);
}

/* Of the owner of the name, or none. */
static bool take_owner(struct latch *latch, DBusMessage *message, int at)
{
	const char *text[3] = { "", "", "" };
	bool has_all = at == 0 ?
		dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &text[0],
				      DBUS_TYPE_INVALID) :
		dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &text[0],
				      DBUS_TYPE_STRING, &text[1], DBUS_TYPE_STRING, &text[2],
				      DBUS_TYPE_INVALID);

	if (!has_all)
		return false;
	return text[at][0] == '\0' || ask_to_resume(latch, text[at]);
}

static bool is_error(DBusMessage *message)
{
	return dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_ERROR;
}

/* Return: false when this is the end */
static bool hear_answer(struct latch *latch, DBusMessage *answer)
{
	switch (latch->away) {
	case LATCH_AWAY_ASKED_DAEMON:
		return is_error(answer) && await_owner(latch);
	case LATCH_AWAY_ASKED_OWNER:
		return is_error(answer) || take_owner(latch, answer, 0);
	case LATCH_AWAY_ASKED_TO_RESUME:
		if (!is_error(answer))
			return dbus_message_has_sender(answer, latch->service) &&
			       resume(latch, answer);
		/* That one is gone, too, before it could say anything. */
		return latch_error_from_dbus(dbus_message_get_error_name(answer)) ==
			       LATCH_ERR_SERVICE && ask_owner(latch);
	default:
		return true;
	}
}

static bool hear(struct latch *latch, DBusMessage *message)
{
	if (dbus_message_get_reply_serial(message) == latch->serial && latch->serial != 0) {
		latch->serial = 0;
		return hear_answer(latch, message);
	}
	if (latch->away == LATCH_AWAY_ASKED_OWNER &&
	    dbus_message_has_sender(message, DBUS_SERVICE_DBUS) &&
	    dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
		return take_owner(latch, message, 2);
	return true;
}

void latch_resume_keep(struct latch *latch, const char *token)
{
	size_t len = strlen(token);

	explicit_bzero(latch->token, sizeof(latch->token));
	if (len < sizeof(latch->token))
		memcpy(latch->token, token, len);
}

void latch_resume_begin(struct latch *latch)
{
	struct itimerspec when = { .it_value = { .tv_sec = latch->resume_s } };

	if (latch->resume_s == 0 || (latch->flags & LATCH_OPEN_NO_RESUME) != 0 ||
	    latch->token[0] == '\0') {
		latch->is_over = true;
		return;
	}
	latch->deadline_ns = latch_tags_now_ns() + latch->resume_s * UINT64_C(1000000000);
	latch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (latch->timer < 0 || timerfd_settime(latch->timer, 0, &when, NULL) != 0 ||
	    !listen_to(latch, latch->timer, true) || !listen_to(latch, bus_fd(latch), true) ||
	    !ask_daemon(latch))
		give_up(latch);
}

void latch_resume_go_on(struct latch *latch)
{
	DBusMessage *message;

	while (latch->away != LATCH_AWAY_NOT) {
		bool is_connected = dbus_connection_read_write(latch->bus, 0);

		message = dbus_connection_pop_message(latch->bus);
		if (message == NULL && is_connected &&
		    latch_tags_now_ns() < latch->deadline_ns)
			return;
		if (message == NULL || !hear(latch, message))
			give_up(latch);
		if (message != NULL)
			dbus_message_unref(message);
	}
}

int latch_resume_fd(const struct latch *latch)
{
	return bus_fd(latch);
}

void latch_resume_end(struct latch *latch)
{
	forget_timer(latch);
	explicit_bzero(latch->token, sizeof(latch->token));
}
