// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latch-soak LOCAL PEER SEED: clients that make and release latches at random, and are killed.
 *
 * Commands come on stdin and are answered as those of latch-tool, "ok ..." or "error ...":
 *	go CLIENTS KILL_MS PACE_MS	start them; each rests for up to PACE_MS after each act,
 *		and about every KILL_MS one is killed at a random instant, and another takes its
 *		place (0: none is)
 *	stop	each has a last look at its latches, releases, closes, and ends
 *	counts	"ok NAME=N ...", see enum count
 *
 * A client is a process with a session of its own and up to ROOM sockets. PEER runs soak-peer at
 * ports 4000 (TCP) and 4001 (UDP). Half of the connections are from ports PORT_FIRST on, so that
 * who wants to take a connection over knows where one may be. On stderr there is what nobody
 * expected; it counts as odd: an error that has no reason to come, another peer than PEER's, bytes
 * that nobody sent, a latch that does not stand and whose holder was not told, and descriptors that
 * are left when all is closed.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <latch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 16, ROOM = 6,
	PORT_TCP = 4000, PORT_UDP = 4001, PORT_FIRST = 20000, PORTS = 8,
	SETUP_MS = 3000, ANSWER_MS = 300,
};

static const char peer_id[] = "CN=a.test, O=latch";

/* Of all clients, also of those that were killed. */
enum count {
	CREATED, LISTENED, ACCEPTED, INQUIRED, WAITED, ECHOED, RELEASED, CLOSED, SESSIONS,
	REFUSED, BROKEN, MENDED, ENDED, STANDING, TOLD, KILLED, LEFT, ODD, COUNTS,
};

static const char *const count_names[COUNTS] = {
	[CREATED] = "created", [LISTENED] = "listened", [ACCEPTED] = "accepted",
	[INQUIRED] = "inquired", [WAITED] = "waited", [ECHOED] = "echoed",
	[RELEASED] = "released", [CLOSED] = "closed", [SESSIONS] = "sessions",
	[REFUSED] = "refused", [BROKEN] = "broken", [MENDED] = "mended", [ENDED] = "ended",
	[STANDING] = "standing", [TOLD] = "told", [KILLED] = "killed",
	[LEFT] = "left", [ODD] = "odd",
};

struct sock {
	enum kind { FREE, CONNECTION, DATAGRAMS, LISTENER } kind;
	int fd;
	uint64_t id;		/* 0: released */
	uint16_t port;		/* of a listener */
	enum latch_state state;	/* as it was told */
};

static uint64_t *counts;
static struct sockaddr_in local = { .sin_family = AF_INET }, peer = { .sin_family = AF_INET };
static struct sock socks[ROOM];
static struct latch *session;
static volatile sig_atomic_t is_stopping;
static unsigned pace_ms;

static void count(enum count what)
{
	__atomic_fetch_add(&counts[what], 1, __ATOMIC_RELAXED);
}

__attribute__((format(printf, 1, 2)))
static void odd(const char *format, ...)
{
	va_list args;

	count(ODD);
	va_start(args, format);
	fprintf(stderr, "%d: ", (int)getpid());
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

static unsigned chance(unsigned n)
{
	return (unsigned)random() % n;
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned nr = 0;

	while (dir != NULL && readdir(dir) != NULL)
		nr++;
	if (dir != NULL)
		closedir(dir);
	return nr;
}

/* What SAs that come and go, conflicts, resets and a daemon that was killed may bring about. */
static bool is_expected(const char *what, int error)
{
	static const int expected[] = {
		LATCH_ERR_SYSTEM, LATCH_ERR_SERVICE, LATCH_ERR_NOT_FOUND, LATCH_ERR_CONFLICT,
		LATCH_ERR_BROKEN, LATCH_ERR_CLOSED, LATCH_ERR_NO_SA, LATCH_ERR_NOT_PROTECTED,
		LATCH_ERR_TIMEOUT, LATCH_ERR_NOT_CONNECTED, LATCH_ERR_ALREADY_LATCHED,
		LATCH_ERR_SOCKET_CHANGED, LATCH_ERR_NO_SESSION, LATCH_ERR_WRONG_STATE,
		LATCH_ERR_UNAVAILABLE, LATCH_ERR_WRONG_PEER,
	};

	count(REFUSED);
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (error == expected[i])
			return true;
	}
	odd("%s: %s (%s)", what, latch_error_name(error), strerror(errno));
	return false;
}

static bool is_readable(int fd, int ms)
{
	struct pollfd at = { .fd = fd, .events = POLLIN };

	return poll(&at, 1, ms) == 1;
}

/* Sockets */

static struct sock *any(enum kind kind)
{
	unsigned first = chance(ROOM);

	for (unsigned i = 0; i < ROOM; i++) {
		struct sock *sock = &socks[(first + i) % ROOM];

		if (sock->kind == kind)
			return sock;
	}
	return NULL;
}

/* By FIN, by RST, or after the peer: each leaves another trace of the connection in the kernel. */
static void end(struct sock *sock)
{
	struct linger reset = { .l_onoff = 1 };
	unsigned how = chance(3);

	if (sock->kind == FREE)
		return;
	if (sock->kind == CONNECTION && how == 1)
		setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (sock->kind == CONNECTION && how == 2 &&
	    send(sock->fd, "over\n", 5, MSG_NOSIGNAL | MSG_DONTWAIT) == 5)
		is_readable(sock->fd, ANSWER_MS);
	close(sock->fd);
	*sock = (struct sock) { .kind = FREE };
	count(CLOSED);
}

static struct sock *room(void)
{
	struct sock *sock = any(FREE);

	if (sock == NULL) {
		sock = &socks[chance(ROOM)];
		end(sock);
	}
	return sock;
}

static int socket_from(int type, uint16_t port)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	local.sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* What a client does */

static void connect_one(void)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = SETUP_MS,
					 .protection = LATCH_CONFIDENTIALITY,
					 .peer = peer_id };
	bool is_tcp = chance(2) == 0;
	struct timeval patience = { .tv_sec = SETUP_MS / 1000 };
	struct sock *sock = room();
	uint64_t id = 0;
	int fd, error;

	fd = socket_from(is_tcp ? SOCK_STREAM : SOCK_DGRAM,
			 chance(2) == 0 ? 0 : (uint16_t)(PORT_FIRST + chance(PORTS)));
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (chance(2) == 0)
		request.disposition = LATCH_DISPOSITION_WAIT;
	peer.sin_port = htons(is_tcp ? PORT_TCP : PORT_UDP);
	error = latch_connect(session, fd, (struct sockaddr *)&peer, sizeof(peer), &request, &id);
	if (error != 0) {
		is_expected("connect", error);
		close(fd);
		return;
	}
	count(CREATED);
	*sock = (struct sock) { is_tcp ? CONNECTION : DATAGRAMS, fd, id, 0,
				LATCH_STATE_ESTABLISHED };
}

static void listen_one(void)
{
	struct latch_request request = { .size = sizeof(request),
					 .protection = LATCH_CONFIDENTIALITY,
					 .peer = peer_id };
	struct sock *sock = room();
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	uint64_t ids[2];
	int fd = socket_from(SOCK_STREAM, 0), error;

	if (fd < 0)
		return;
	error = latch_listen(session, fd, 8, &request, ids);
	if (error != 0) {
		is_expected("listen", error);
		close(fd);
		return;
	}
	getsockname(fd, (struct sockaddr *)&at, &len);
	count(LISTENED);
	*sock = (struct sock) { LISTENER, fd, ids[0], ntohs(at.sin_port),
				LATCH_STATE_LISTENER };
}

/* The peer is asked, over a latched connection, to call the listener back. */
static void accept_one(void)
{
	struct sock *by = any(CONNECTION), *at = any(LISTENER);
	struct latch_info *info;
	char words[32];
	uint64_t id;
	int fd, error;

	if (by == NULL || at == NULL)
		return;
	snprintf(words, sizeof(words), "call %u\n", at->port);
	if (send(by->fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
	    !is_readable(at->fd, ANSWER_MS))
		return;
	error = latch_accept(session, at->fd, 0, &fd, &id);
	if (error != 0) {
		is_expected("accept", error);
		return;
	}
	count(ACCEPTED);
	by = room();
	*by = (struct sock) { CONNECTION, fd, id, 0, LATCH_STATE_ESTABLISHED };
	if (latch_inquire(session, id, &info) == 0) {
		by->state = latch_info_state(info);
		latch_info_free(info);
	}
}

/* What came before is what was asked before: only words of ours are to be read. */
static void talk(void)
{
	struct sock *sock = any(chance(2) == 0 ? CONNECTION : DATAGRAMS);
	char bytes[2048];
	ssize_t n;

	if (sock == NULL || send(sock->fd, "echo\n", 5, MSG_NOSIGNAL | MSG_DONTWAIT) != 5 ||
	    !is_readable(sock->fd, ANSWER_MS))
		return;
	n = recv(sock->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 5)
		return;
	if (memcmp(bytes, "echo\n", 5) == 0 || memcmp(bytes, "call ", 5) == 0)
		count(ECHOED);
	else
		odd("it heard what nobody said: %.*s", (int)n, bytes);
}

static void inquire(void)
{
	struct sock *sock = &socks[chance(ROOM)];
	struct latch_info *info;
	const char *who;
	int error;

	if (sock->kind == FREE || sock->id == 0)
		return;
	error = latch_inquire(session, sock->id, &info);
	if (error != 0) {
		is_expected("inquire", error);
		return;
	}
	who = latch_info_text(info, "peer_id");
	if (sock->kind != LISTENER && who != NULL && strcmp(who, peer_id) != 0)
		odd("it has another peer: %s", who);
	else
		count(INQUIRED);
	latch_info_free(info);
}

static void wait_one(void)
{
	struct sock *sock = &socks[chance(ROOM)];
	enum latch_state state;
	int error;

	if (sock->kind == FREE || sock->id == 0)
		return;
	error = latch_wait(session, sock->id, 1U << LATCH_STATE_BROKEN, (int)chance(100), &state);
	if (error == 0 || error == LATCH_ERR_TIMEOUT)
		count(WAITED);
	else
		is_expected("wait", error);
}

static void release_one(void)
{
	struct sock *sock = &socks[chance(ROOM)];
	int error;

	if (sock->kind == FREE || sock->id == 0)
		return;
	error = latch_release(session, sock->id);
	if (error == 0)
		count(RELEASED);
	else
		is_expected("release", error);
	sock->id = 0;
}

static void end_one(void)
{
	end(&socks[chance(ROOM)]);
}

static void hear(void *ctx, const struct latch_event *event)
{
	(void)ctx;
	for (unsigned i = 0; i < ROOM; i++) {
		if (socks[i].id != 0 && socks[i].id == event->id)
			socks[i].state = event->to;
	}
	if (event->to == LATCH_STATE_BROKEN)
		count(BROKEN);
	else if (event->from == LATCH_STATE_BROKEN && event->to == LATCH_STATE_ESTABLISHED)
		count(MENDED);
	else if (event->to == LATCH_STATE_CLOSED)
		count(ENDED);
}

static void reopen(void)
{
	int error;

	session = latch_close(session);
	error = latch_open(NULL, chance(2) == 0 ? LATCH_OPEN_NO_RESUME : 0, &session);
	if (error != 0) {
		is_expected("open", error);
		/* there is no daemon: ask again soon */
		poll(NULL, 0, 50);
		return;
	}
	count(SESSIONS);
	for (unsigned i = 0; i < ROOM; i++)
		socks[i].id = 0;
}

/* By how often each is done. */
static void act(void)
{
	static const struct {
		unsigned often;
		void (*act)(void);
	} acts[] = {
		{ 8, connect_one }, { 3, listen_one }, { 4, accept_one }, { 8, talk },
		{ 4, inquire }, { 3, wait_one }, { 4, release_one }, { 3, end_one }, { 1, reopen },
	};
	unsigned n = chance(38);

	for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (n < acts[i].often) {
			acts[i].act();
			return;
		}
		n -= acts[i].often;
	}
}

static void stop(int sig)
{
	(void)sig;
	is_stopping = 1;
}

static enum latch_state state_of(const struct sock *sock)
{
	enum latch_state state = LATCH_STATE_CLOSED;
	struct latch_info *info;
	int error = latch_inquire(session, sock->id, &info);

	if (error == 0) {
		state = latch_info_state(info);
		latch_info_free(info);
	} else if (error != LATCH_ERR_NOT_FOUND) {
		state = LATCH_STATE_NONE;
	}
	return state;
}

/* It may change meanwhile: told is who has heard of the state that it has a second later. The end
 * of a session tells of all its latches, and then there is no id any more.
 */
static void look_at(const struct sock *sock)
{
	enum latch_state state = LATCH_STATE_NONE;

	for (unsigned ms = 0; ms < 1000; ms += 20) {
		if (latch_dispatch(session, hear, NULL) != 0)
			return;
		state = state_of(sock);
		if (state == LATCH_STATE_NONE)
			return;
		if (state == LATCH_STATE_ESTABLISHED || state == LATCH_STATE_LISTENER) {
			count(STANDING);
			return;
		}
		if (state == sock->state) {
			count(TOLD);
			return;
		}
		poll(NULL, 0, 20);
	}
	odd("latch %llu is %s, and was told to be %s", (unsigned long long)sock->id,
	    latch_state_name(state), latch_state_name(sock->state));
}

static void give_up(void)
{
	for (unsigned i = 0; i < ROOM; i++) {
		if (session != NULL && socks[i].id != 0)
			look_at(&socks[i]);
	}
	for (unsigned i = 0; i < ROOM; i++) {
		if (session != NULL && socks[i].id != 0 && latch_release(session, socks[i].id) == 0)
			count(RELEASED);
		end(&socks[i]);
	}
	session = latch_close(session);
}

static int client(unsigned seed)
{
	unsigned fds = count_fds(), left;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom(seed);
	while (!is_stopping) {
		if (session == NULL || latch_dispatch(session, hear, NULL) != 0)
			reopen();
		else
			act();
		if (pace_ms > 0)
			poll(NULL, 0, (int)chance(pace_ms));
	}
	give_up();
	left = count_fds();
	if (left != fds)
		odd("of %u descriptors %u are left", fds, left);
	count(LEFT);
	return 0;
}

/* Who starts and kills them */

static pid_t clients[CLIENTS_MAX];
static unsigned nr_clients, kill_ms, seed;

/* It may be told to stop before it has begun. */
static pid_t start(void)
{
	sigset_t term;
	pid_t pid;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	seed = seed * 1103515245 + 12345;
	pid = fork();
	if (pid == 0) {
		signal(SIGTERM, stop);
		sigprocmask(SIG_UNBLOCK, &term, NULL);
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		exit(client(seed));
	}
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	return pid;
}

static void kill_one(void)
{
	pid_t *which = &clients[chance(nr_clients)];
	int status;

	kill(*which, SIGKILL);
	waitpid(*which, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		count(KILLED);
	else
		odd("a client ended with %#x", (unsigned)status);
	*which = start();
}

static void stop_all(void)
{
	for (unsigned i = 0; i < nr_clients; i++)
		kill(clients[i], SIGTERM);
	for (unsigned i = 0; i < nr_clients; i++) {
		int status;

		waitpid(clients[i], &status, 0);
		if (status != 0)
			odd("a client ended with %#x", (unsigned)status);
	}
	nr_clients = 0;
}

static void show_counts(void)
{
	printf("ok");
	for (unsigned i = 0; i < COUNTS; i++)
		printf(" %s=%llu", count_names[i], (unsigned long long)counts[i]);
	printf("\n");
}

static void obey(const char *line)
{
	unsigned nr;

	if (sscanf(line, "go %u %u %u", &nr, &kill_ms, &pace_ms) == 3 && nr <= CLIENTS_MAX &&
	    nr_clients == 0) {
		while (nr_clients < nr)
			clients[nr_clients++] = start();
		puts("ok");
	} else if (strcmp(line, "stop\n") == 0) {
		stop_all();
		puts("ok");
	} else if (strcmp(line, "counts\n") == 0) {
		show_counts();
	} else {
		puts("error usage: see the top of latch-soak.c");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc != 4 || inet_pton(AF_INET, argv[1], &local.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1) {
		fprintf(stderr, "usage: latch-soak LOCAL PEER SEED    (commands on stdin)\n");
		return 2;
	}
	seed = (unsigned)strtoul(argv[3], NULL, 10);
	srandom(seed);
	counts = mmap(NULL, COUNTS * sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 1;
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		bool kills = nr_clients > 0 && kill_ms > 0;

		if (!is_readable(STDIN_FILENO, kills ? (int)chance(2 * kill_ms) : -1))
			kill_one();
		else if (fgets(line, sizeof(line), stdin) != NULL)
			obey(line);
		else
			break;
	}
	stop_all();
	return 0;
}
