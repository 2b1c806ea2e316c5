/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket-facts: sockets of several hosts, and what kernel/pl_socket_diag.h says of them, for the
 * guest tests. Reads commands from its input, one per line:
 *
 *	host NAME NETNS		a network namespace, by a file that stands for it
 *	use HOST		what follows happens there; each host has its own struct pl_diag
 *	restart			the host's struct pl_diag forgets what it knew
 *	make S KIND		KIND: tcp4 tcp6 udp4 udp6 mptcp4 sctp4 many4 raw4 unix file
 *	set S OPTION[=VALUE]	v6only reuse options destination encap device=DEV wrap=PORT
 *	bind S ADDRESS PORT
 *	listen S
 *	connect S ADDRESS PORT	does not wait; `await` does
 *	accept S FROM		waits
 *	await S in|out		until it can be read or written
 *	send S TEXT		"" is empty
 *	receive S LABEL		LABEL=text, or the error's name
 *	half S			shut down for writing
 *	close S
 *	read S LABEL [ADDRESS PORT]	LABEL.tuple=, LABEL.facts=; or LABEL.error=
 *	until-received S LABEL	LABEL=yes when it has, within 10 s
 *	tuple S PROTO LOCAL PORT [REMOTE PORT]	instead of what was read last
 *	same S T		of one cookie?
 *	gone S LABEL		LABEL=yes|no|error; by what was read last
 *	until-gone S LABEL	LABEL=yes when it is, within 10 s
 *	dispose S LABEL reset|unreachable [other]	LABEL=done, or the error
 *				other: a wrong cookie
 *	say TEXT
 *
 * Exit code 0, or 1 with one line on stderr when a command could not be carried out.
 */

#include "core/pl_error.h"
#include "kernel/pl_socket_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sctp.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HOSTS_MAX = 4, SOCKETS_MAX = 64, WORDS_MAX = 8, WAIT_MS = 5000, LONG_MS = 10000 };

struct host {
	char name[16];
	int netns;
	struct pl_diag *diag;
};

struct sock {
	char name[24];
	int fd;
	struct pl_tuple tuple;
	uint64_t cookie;
};

static struct host hosts[HOSTS_MAX];
static struct sock socks[SOCKETS_MAX];
static struct host *here;
static unsigned line_nr;

static void die(const char *what)
{
	fprintf(stderr, "socket-facts: line %u: %s%s%s\n", line_nr, what, errno != 0 ? ": " : "",
		errno != 0 ? strerror(errno) : "");
	exit(1);
}

static void must(bool is_fine, const char *what)
{
	if (!is_fine)
		die(what);
}

static const char *result(int r)
{
	if (r < 0)
		return strerror(-r);
	return r == 0 ? "done" : strrchr(pl_error_info(r)->dbus, '.') + 1;
}

static struct sock *get(const char *name)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		if (strcmp(socks[i].name, name) == 0)
			return &socks[i];
	}
	errno = 0;
	die(name);
	return NULL;
}

static struct sock *add(const char *name, int fd)
{
	struct sock *sock = NULL;

	for (unsigned i = 0; sock == NULL && i < SOCKETS_MAX; i++) {
		if (socks[i].name[0] == '\0' || strcmp(socks[i].name, name) == 0)
			sock = &socks[i];
	}
	must(sock != NULL, "too many sockets");
	memset(sock, 0, sizeof(*sock));
	snprintf(sock->name, sizeof(sock->name), "%s", name);
	sock->fd = fd;
	return sock;
}

static socklen_t end(const char *address, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	errno = 0;
	if (strchr(address, ':') != NULL) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		must(inet_pton(AF_INET6, address, &in6->sin6_addr) == 1, address);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)atoi(port));
	must(inet_pton(AF_INET, address, &in->sin_addr) == 1, address);
	return sizeof(*in);
}

static void end_of_tuple(const char *address, const char *port, struct pl_tuple *tuple,
			 uint8_t ret[16], uint16_t *ret_port)
{
	bool is_ip6 = strchr(address, ':') != NULL;

	tuple->af = is_ip6 ? PL_AF_IP6 : PL_AF_IP4;
	*ret_port = (uint16_t)atoi(port);
	must(inet_pton(is_ip6 ? AF_INET6 : AF_INET, address, ret) == 1, address);
}

static void cmd_host(char **words)
{
	for (unsigned i = 0; i < HOSTS_MAX; i++) {
		if (hosts[i].name[0] != '\0')
			continue;
		snprintf(hosts[i].name, sizeof(hosts[i].name), "%s", words[0]);
		hosts[i].netns = open(words[1], O_RDONLY | O_CLOEXEC);
		must(hosts[i].netns >= 0, words[1]);
		return;
	}
	die("too many hosts");
}

static void cmd_use(char **words)
{
	int r;

	for (unsigned i = 0; i < HOSTS_MAX; i++) {
		if (strcmp(hosts[i].name, words[0]) != 0)
			continue;
		here = &hosts[i];
		must(setns(here->netns, CLONE_NEWNET) == 0, "setns");
		if (here->diag == NULL) {
			r = pl_diag_open(&here->diag);
			errno = -r;
			must(r == 0, "pl_diag_open");
		}
		return;
	}
	errno = 0;
	die(words[0]);
}

static void cmd_restart(char **words)
{
	(void)words;
	here->diag = pl_diag_close(here->diag);
	must(pl_diag_open(&here->diag) == 0, "pl_diag_open");
}

static void cmd_make(char **words)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {
		{ "tcp4", AF_INET, SOCK_STREAM, IPPROTO_TCP },
		{ "tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP },
		{ "udp4", AF_INET, SOCK_DGRAM, IPPROTO_UDP },
		{ "udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP },
		{ "mptcp4", AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
		{ "sctp4", AF_INET, SOCK_STREAM, IPPROTO_SCTP },
		{ "many4", AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP },
		{ "raw4", AF_INET, SOCK_RAW, IPPROTO_TCP },
		{ "unix", AF_UNIX, SOCK_STREAM, 0 },
	};
	int fd = -1;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, words[1]) == 0)
			fd = socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC,
				    kinds[i].protocol);
	}
	if (strcmp(words[1], "file") == 0)
		fd = open("/", O_PATH | O_CLOEXEC);
	must(fd >= 0, words[1]);
	add(words[0], fd);
}

static int set(int fd, const char *option, const char *value)
{
	static const uint8_t nops[4] = { 1, 1, 1, 1 }, pad[8] = { 0, 0, 1, 4 };
	struct sctp_udpencaps wrap = { .sue_assoc_id = 0 };
	int on = 1, encap = UDP_ENCAP_ESPINUDP;

	if (strcmp(option, "v6only") == 0)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (strcmp(option, "reuse") == 0)
		return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (strcmp(option, "options") == 0)
		return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nops, sizeof(nops));
	if (strcmp(option, "destination") == 0)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, pad, sizeof(pad));
	if (strcmp(option, "encap") == 0)
		return setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof(encap));
	if (strcmp(option, "device") == 0)
		return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, value, (socklen_t)strlen(value));
	if (strcmp(option, "wrap") == 0) {
		wrap.sue_address.ss_family = AF_INET;
		wrap.sue_port = htons((uint16_t)atoi(value));
		return setsockopt(fd, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &wrap,
				  sizeof(wrap));
	}
	errno = EINVAL;
	return -1;
}

static void cmd_set(char **words)
{
	char *value = strchr(words[1], '=');

	if (value != NULL)
		*value++ = '\0';
	must(set(get(words[0])->fd, words[1], value == NULL ? "" : value) == 0, words[1]);
}

static void cmd_bind(char **words)
{
	struct sockaddr_storage at;
	socklen_t len = end(words[1], words[2], &at);

	must(bind(get(words[0])->fd, (struct sockaddr *)&at, len) == 0, "bind");
}

static void cmd_listen(char **words)
{
	must(listen(get(words[0])->fd, 8) == 0, "listen");
}

static void cmd_connect(char **words)
{
	struct sock *sock = get(words[0]);
	struct sockaddr_storage to;
	socklen_t len = end(words[1], words[2], &to);
	int flags = fcntl(sock->fd, F_GETFL);

	must(fcntl(sock->fd, F_SETFL, flags | O_NONBLOCK) == 0, "fcntl");
	must(connect(sock->fd, (struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS,
	     "connect");
	must(fcntl(sock->fd, F_SETFL, flags) == 0, "fcntl");
}

static void await(int fd, short events)
{
	struct pollfd poller = { .fd = fd, .events = events };

	errno = 0;
	must(poll(&poller, 1, WAIT_MS) == 1, "nothing came");
}

static void cmd_await(char **words)
{
	await(get(words[0])->fd, strcmp(words[1], "in") == 0 ? POLLIN : POLLOUT);
}

static void cmd_accept(char **words)
{
	int fd;

	await(get(words[1])->fd, POLLIN);
	fd = accept4(get(words[1])->fd, NULL, NULL, SOCK_CLOEXEC);
	must(fd >= 0, "accept");
	add(words[0], fd);
}

static void cmd_send(char **words)
{
	size_t len = strcmp(words[1], "\"\"") == 0 ? 0 : strlen(words[1]);

	must(send(get(words[0])->fd, words[1], len, MSG_NOSIGNAL) == (ssize_t)len, "send");
}

static void cmd_receive(char **words)
{
	struct sock *sock = get(words[0]);
	char text[128];
	ssize_t len;

	await(sock->fd, POLLIN);
	len = recv(sock->fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (len < 0)
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
	else
		text[len] = '\0';
	printf("%s=%s\n", words[1], text);
}

static void cmd_half(char **words)
{
	must(shutdown(get(words[0])->fd, SHUT_WR) == 0, "shutdown");
}

static void cmd_close(char **words)
{
	struct sock *sock = get(words[0]);

	must(close(sock->fd) == 0, "close");
	sock->fd = -1;
}

static void print_facts(const char *label, const struct pl_socket_facts *facts)
{
	const struct {
		bool is_so;
		const char *word;
	} words[] = {
		{ facts->is_internet, "internet" }, { facts->is_here, "here" },
		{ facts->is_connected, "connected" }, { facts->is_listening, "listening" },
		{ facts->is_v6_only, "v6only" }, { facts->is_mptcp, "mptcp" },
		{ facts->has_received, "received" }, { facts->is_source_routed, "options" },
		{ facts->is_encapsulated, "encapsulated" }, { facts->is_virtual, "virtual" },
		{ facts->is_translated, "translated" }, { facts->is_peer_local, "local" },
		{ facts->is_many, "many" }, { facts->has_several, "several" },
	};
	char text[PL_TUPLE_TEXT_MAX];

	printf("%s.tuple=%s\n%s.facts=", label, pl_tuple_text(&facts->tuple, text), label);
	for (unsigned i = 0, n = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].is_so)
			printf("%s%s", n++ == 0 ? "" : " ", words[i].word);
	}
	printf("\n");
}

static void cmd_read(char **words)
{
	struct sock *sock = get(words[0]);
	struct pl_tuple to = { .af = 0 }, normal[2];
	struct pl_socket_facts facts;
	unsigned nr;
	int r;

	if (words[2] != NULL)
		end_of_tuple(words[2], words[3], &to, to.remote, &to.remote_port);
	memset(&facts, 0, sizeof(facts));
	r = pl_diag_operations()->read(here->diag, sock->fd, words[2] == NULL ? NULL : &to,
				       &facts);
	if (r != 0) {
		printf("%s.error=%s\n", words[1], result(r));
		return;
	}
	print_facts(words[1], &facts);
	sock->cookie = facts.cookie;
	sock->tuple = facts.tuple;
	if (words[2] != NULL) {
		sock->tuple.remote_port = to.remote_port;
		memcpy(sock->tuple.remote, to.remote, sizeof(to.remote));
	}
	if (pl_tuple_connection(&sock->tuple, &normal[0]) == 0 ||
	    pl_tuple_listener(&sock->tuple, facts.is_v6_only, normal, &nr) == 0)
		sock->tuple = normal[0];
}

static void cmd_tuple(char **words)
{
	struct sock *sock = add(words[0], -1);
	struct pl_tuple tuple = { .af = 0 };

	tuple.proto = strcmp(words[1], "tcp") == 0 ? PL_TUPLE_TCP :
		      strcmp(words[1], "udp") == 0 ? PL_TUPLE_UDP : PL_TUPLE_SCTP;
	end_of_tuple(words[2], words[3], &tuple, tuple.local, &tuple.local_port);
	if (words[4] != NULL)
		end_of_tuple(words[4], words[5], &tuple, tuple.remote, &tuple.remote_port);
	sock->tuple = tuple;
}

static void cmd_same(char **words)
{
	printf("%s=%s\n", words[0], get(words[0])->cookie == get(words[1])->cookie ? "same" :
	       "other");
}

static int is_gone(const struct sock *sock, bool *ret)
{
	return pl_diag_operations()->is_gone(here->diag, &sock->tuple, sock->cookie, ret);
}

static void cmd_gone(char **words)
{
	bool answer = false;
	int r = is_gone(get(words[0]), &answer);

	printf("%s=%s\n", words[1], r != 0 ? result(r) : answer ? "yes" : "no");
}

static void cmd_until_gone(char **words)
{
	bool answer = false;
	int r = 0;

	for (int ms = 0; r == 0 && !answer && ms < LONG_MS; ms += 20) {
		r = is_gone(get(words[0]), &answer);
		if (r == 0 && !answer)
			poll(NULL, 0, 20);
	}
	printf("%s=%s\n", words[1], r != 0 ? result(r) : answer ? "yes" : "no");
}

static void cmd_until_received(char **words)
{
	struct pl_socket_facts facts;
	int r = 0;

	memset(&facts, 0, sizeof(facts));
	for (int ms = 0; r == 0 && !facts.has_received && ms < LONG_MS; ms += 20) {
		r = pl_diag_operations()->read(here->diag, get(words[0])->fd, NULL, &facts);
		if (r == 0 && !facts.has_received)
			poll(NULL, 0, 20);
	}
	printf("%s=%s\n", words[1], r != 0 ? result(r) : facts.has_received ? "yes" : "no");
}

static void cmd_dispose(char **words)
{
	const struct sock *sock = get(words[0]);
	uint64_t cookie = words[3] == NULL ? sock->cookie : sock->cookie + 1000000;
	enum pl_disposition how = strcmp(words[2], "reset") == 0 ? PL_DISPOSITION_RESET :
								   PL_DISPOSITION_UNREACHABLE;

	printf("%s=%s\n", words[1],
	       result(pl_diag_operations()->dispose(here->diag, &sock->tuple, cookie, how)));
}

static void cmd_say(char **words)
{
	printf("%s\n", words[0]);
}

static const struct {
	const char *name;
	int least;
	void (*run)(char **words);
} commands[] = {
	{ "host", 2, cmd_host }, { "use", 1, cmd_use }, { "make", 2, cmd_make },
	{ "restart", 0, cmd_restart },
	{ "set", 2, cmd_set }, { "bind", 3, cmd_bind }, { "listen", 1, cmd_listen },
	{ "connect", 3, cmd_connect }, { "accept", 2, cmd_accept }, { "await", 2, cmd_await },
	{ "send", 2, cmd_send }, { "receive", 2, cmd_receive }, { "half", 1, cmd_half },
	{ "close", 1, cmd_close }, { "read", 2, cmd_read }, { "tuple", 4, cmd_tuple },
	{ "same", 2, cmd_same }, { "gone", 2, cmd_gone }, { "until-gone", 2, cmd_until_gone },
	{ "until-received", 2, cmd_until_received }, { "dispose", 3, cmd_dispose },
	{ "say", 1, cmd_say },
};

static void run(char *line)
{
	char *words[WORDS_MAX + 1] = { NULL };
	int nr = 0;

	for (char *word = strtok(line, " \t\n"); word != NULL && nr < WORDS_MAX;
	     word = strtok(NULL, " \t\n"))
		words[nr++] = word;
	if (nr == 0 || words[0][0] == '#')
		return;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, words[0]) != 0)
			continue;
		errno = 0;
		must(nr > commands[i].least, "too few words");
		commands[i].run(words + 1);
		fflush(stdout);
		return;
	}
	errno = 0;
	die(words[0]);
}

int main(void)
{
	char line[512];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line_nr++;
		run(line);
	}
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		pl_diag_close(hosts[i].diag);
	return 0;
}
