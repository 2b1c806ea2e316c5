/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libdbus connects with a socket that waits, for ever, while a bus that hangs has its queue of
 * connections full. IKE would wait with it. So before libdbus is let near a bus, this one says a
 * word to it and goes on only when it has answered: then it is alive, and accepts.
 *
 * A look at whether connect() would succeed is not enough, because that takes the place in the
 * queue that libdbus needs next.
 */

#include "bus/pl_bus_probe.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct pl_bus_probe {
	int fd;
	struct event *answer;
	pl_bus_probe_done *done;
	void *ctx;
};

static const char refuses[] = "it does not accept connections";

/* Return: 0 or a negative errno; nothing here waits */
static int say_word(int fd, const char *path, bool is_abstract)
{
	/* The start of every conversation; "which ways of proving who I am do you know?" */
	static const char word[] = "\0AUTH\r\n";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len + 2 > sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path + is_abstract, path, len);
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (connect(fd, (const struct sockaddr *)&to, (socklen_t)len) != 0)
		return -errno;
	return send(fd, word, sizeof(word) - 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void on_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct pl_bus_probe *probe = ctx;
	const char *fault = "it does not answer";
	char byte;

	if (what & EV_READ)
		fault = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) == 1 ? NULL : refuses;
	probe->done(probe->ctx, fault);
}

/* Return: NULL when a word was said to one of the sockets */
static const char *try_entries(struct pl_bus_probe *probe, DBusAddressEntry **entries, int nr)
{
	const char *fault = refuses;

	for (int i = 0; i < nr; i++) {
		const char *path = dbus_address_entry_get_value(entries[i], "path");
		const char *name = dbus_address_entry_get_value(entries[i], "abstract");

		if (strcmp(dbus_address_entry_get_method(entries[i]), "unix") != 0 ||
		    (path == NULL && name == NULL))
			return "its address is not only of unix sockets";
		if (fault != NULL &&
		    say_word(probe->fd, path != NULL ? path : name, path == NULL) == 0)
			fault = NULL;
	}
	return fault;
}

const char *pl_bus_probe_new(struct event_base *base, const char *address,
			     pl_bus_probe_done *done, void *ctx, struct pl_bus_probe **ret)
{
	static const struct timeval patience = { .tv_sec = 5 };
	struct pl_bus_probe *probe = calloc(1, sizeof(*probe));
	DBusAddressEntry **entries;
	const char *fault;
	int nr;

	if (probe == NULL)
		return "no memory";
	probe->done = done;
	probe->ctx = ctx;
	probe->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->fd < 0 || !dbus_parse_address(address, &entries, &nr, NULL)) {
		fault = probe->fd < 0 ? "no socket" : "its address makes no sense";
		pl_bus_probe_free(probe);
		return fault;
	}
	fault = try_entries(probe, entries, nr);
	dbus_address_entries_free(entries);
	if (fault == NULL) {
		probe->answer = event_new(base, probe->fd, EV_READ, on_answer, probe);
		if (probe->answer == NULL || event_add(probe->answer, &patience) != 0)
			fault = "no memory";
	}
	if (fault != NULL) {
		pl_bus_probe_free(probe);
		return fault;
	}
	*ret = probe;
	return NULL;
}

struct pl_bus_probe *pl_bus_probe_free(struct pl_bus_probe *probe)
{
	if (probe == NULL)
		return NULL;
	if (probe->answer != NULL)
		event_free(probe->answer);
	if (probe->fd >= 0)
		close(probe->fd);
	free(probe);
	return NULL;
}
