/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is done with a latched connection: copy, or run a command on it. Whichever end is slow, the
 * record that the latch broke is read at once: nothing here blocks but poll().
 */

#include "create.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHUNK = 16384,
	/* Standard input is cut into datagrams that no path has to fragment. */
	DATAGRAM = 1200,
	IDLE_MS = 1000,
	KILL_MS = 2000,
};

/* One direction: what was read and not yet written. */
struct way {
	size_t len, done;
	bool ended;
	char data[65536];
};

struct relay {
	struct held *held;
	int fd;
	bool is_datagram;
	struct way out, in;
};

enum { POLL_STDIN = 0, POLL_SOCKET, POLL_STDOUT, POLL_LATCH, NR_POLLS };

static bool has_data(const struct way *way)
{
	return way->done < way->len;
}

/* A way's end failed: it may be that the break came first, and is what people want to know. */
static enum cli_exit failed(struct relay *relay, const char *what)
{
	int error = errno;

	if (held_end(relay->held) != CLI_OK)
		return relay->held->over;
	errno = error;
	return cli_failed(relay->held->cli, LATCH_ERR_SYSTEM, "%s", what);
}

static bool is_transient(void)
{
	return errno == EINTR || errno == EAGAIN;
}

static enum cli_exit read_stdin(struct relay *relay)
{
	ssize_t len = read(STDIN_FILENO, relay->out.data, relay->is_datagram ? DATAGRAM : CHUNK);

	if (len < 0)
		return is_transient() ? CLI_OK : failed(relay, "standard input");
	relay->out.len = (size_t)len;
	relay->out.done = 0;
	relay->out.ended = len == 0;
	if (len == 0 && !relay->is_datagram)
		shutdown(relay->fd, SHUT_WR);
	return CLI_OK;
}

static enum cli_exit write_socket(struct relay *relay)
{
	struct way *out = &relay->out;
	ssize_t len = send(relay->fd, out->data + out->done, out->len - out->done,
			   MSG_DONTWAIT | MSG_NOSIGNAL);

	if (len < 0)
		return is_transient() ? CLI_OK : failed(relay, "connection");
	out->done += (size_t)len;
	return CLI_OK;
}

static enum cli_exit read_socket(struct relay *relay)
{
	struct way *in = &relay->in;
	ssize_t len = recv(relay->fd, in->data, sizeof(in->data), MSG_DONTWAIT);

	if (len < 0)
		return is_transient() ? CLI_OK : failed(relay, "connection");
	in->len = (size_t)len;
	in->done = 0;
	in->ended = len == 0 && !relay->is_datagram;
	return CLI_OK;
}

static enum cli_exit write_stdout(struct relay *relay)
{
	struct way *in = &relay->in;
	size_t part = in->len - in->done;
	ssize_t len;

	/* No more than a pipe that is ready takes without blocking. */
	len = write(STDOUT_FILENO, in->data + in->done, part < PIPE_BUF ? part : PIPE_BUF);
	if (len < 0)
		return is_transient() ? CLI_OK : failed(relay, "standard output");
	in->done += (size_t)len;
	return CLI_OK;
}

/* -1 is a descriptor that poll() leaves alone. */
static void want(const struct relay *relay, struct pollfd fds[NR_POLLS])
{
	bool send = has_data(&relay->out), receive = !has_data(&relay->in) && !relay->in.ended;

	fds[POLL_STDIN].fd = !send && !relay->out.ended ? STDIN_FILENO : -1;
	fds[POLL_SOCKET].fd = send || receive ? relay->fd : -1;
	fds[POLL_SOCKET].events = (short)((send ? POLLOUT : 0) | (receive ? POLLIN : 0));
	fds[POLL_STDOUT].fd = has_data(&relay->in) ? STDOUT_FILENO : -1;
	for (int i = 0; i < NR_POLLS; i++)
		fds[i].revents = 0;
}

static enum cli_exit serve(struct relay *relay, const struct pollfd fds[NR_POLLS])
{
	const short broken = POLLHUP | POLLERR | POLLNVAL;
	const struct pollfd *sock = &fds[POLL_SOCKET];
	enum cli_exit code = CLI_OK;

	/* First what the service says: what is left after a break goes nowhere. */
	if (fds[POLL_LATCH].revents != 0)
		code = held_check(relay->held);
	if (code == CLI_OK && (sock->events & POLLOUT) != 0 &&
	    (sock->revents & (POLLOUT | broken)) != 0)
		code = write_socket(relay);
	if (code == CLI_OK && (sock->events & POLLIN) != 0 &&
	    (sock->revents & (POLLIN | broken)) != 0)
		code = read_socket(relay);
	if (code == CLI_OK && fds[POLL_STDOUT].revents != 0)
		code = write_stdout(relay);
	if (code == CLI_OK && fds[POLL_STDIN].revents != 0)
		code = read_stdin(relay);
	return code;
}

static enum cli_exit copy(struct relay *relay)
{
	struct pollfd fds[NR_POLLS] = {
		[POLL_STDIN] = { .events = POLLIN },
		[POLL_STDOUT] = { .events = POLLOUT },
		[POLL_LATCH] = { .fd = latch_fd(relay->held->latch), .events = POLLIN },
	};

	/* Records may have come with the answers to earlier calls; then no descriptor tells. */
	if (held_check(relay->held) != CLI_OK)
		return relay->held->over;
	while (!relay->in.ended) {
		bool idle = relay->is_datagram && relay->out.ended && !has_data(&relay->in);
		enum cli_exit code;
		int nr;

		want(relay, fds);
		nr = poll(fds, NR_POLLS, idle ? IDLE_MS : -1);
		if (nr < 0 && errno != EINTR)
			return cli_failed(relay->held->cli, LATCH_ERR_SYSTEM, "poll");
		if (nr == 0)
			break;
		code = nr < 0 ? CLI_OK : serve(relay, fds);
		if (code != CLI_OK)
			return code;
	}
	return held_end(relay->held);
}

int relay_copy(struct held *held, int fd, bool is_datagram)
{
	static struct relay relay;

	relay = (struct relay){ .held = held, .fd = fd, .is_datagram = is_datagram };
	return copy(&relay);
}

static void become(const struct held *held, int fd)
{
	int code;

	/* The connection is CLOEXEC; its copies are not. */
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0) {
		cli_failed(held->cli, LATCH_ERR_SYSTEM, "dup2");
		_exit(126);
	}
	if (held->cli->peer_fd >= 0 && dup2(held->cli->peer_fd, STDERR_FILENO) < 0)
		_exit(126);
	execvp(held->cli->run[0], held->cli->run);
	code = errno == ENOENT ? 127 : 126;
	cli_failed(held->cli, LATCH_ERR_SYSTEM, "%s", held->cli->run[0]);
	_exit(code);
}

/* Return: whether the process ended within this time; -1 is as long as the latch holds */
static bool await(struct held *held, int pidfd, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = timeout_ms < 0 ? latch_fd(held->latch) : -1, .events = POLLIN },
	};

	if (timeout_ms < 0 && held_check(held) != CLI_OK)
		return false;
	for (;;) {
		int nr = poll(fds, 2, timeout_ms);

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			return false;
		if (fds[1].revents != 0 && held_check(held) != CLI_OK)
			return false;
		if (fds[0].revents != 0)
			return true;
	}
}

int relay_run(struct held *held, int fd)
{
	int pidfd, status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(held, fd);
	/* From now on COMMAND alone decides when the connection ends. */
	close(fd);
	if (held->cli->peer_fd >= 0)
		close(held->cli->peer_fd);
	if (pid < 0)
		return cli_failed(held->cli, LATCH_ERR_SYSTEM, "fork");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		int code = cli_failed(held->cli, LATCH_ERR_SYSTEM, "pidfd_open");

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return code;
	}
	if (!await(held, pidfd, -1)) {
		kill(pid, SIGTERM);
		if (!await(held, pidfd, KILL_MS))
			kill(pid, SIGKILL);
	} else {
		held_end(held);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(pidfd);
	if (held->over != CLI_OK)
		return held->over;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
