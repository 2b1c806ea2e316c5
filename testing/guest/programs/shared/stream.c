/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bytes both ways for as long as somebody wants, so that a test may do something to the connection
 * meanwhile and be told afterwards whether one byte is missing. What is sent is random: a byte that
 * is lost cannot look like its neighbour. The rate is bounded, so that a capture can follow.
 */

#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 4096, CHUNK_EVERY_MS = 20 };

/**
 * struct way - the inside of the process
 * @random: state of the generator
 * @chunk:  what is being sent
 * @done:   of it
 * @due_ms: when the next one is to be sent
 */
struct way {
	uint64_t random;
	uint8_t chunk[CHUNK_BYTES];
	size_t done;
	int64_t due_ms;
	bool has_ended, has_shut;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* FNV-1a of 64 bits: the order counts. */
static uint64_t add_up(uint64_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* xorshift64 */
static void fill(struct way *way)
{
	for (size_t i = 0; i < sizeof(way->chunk); i++) {
		way->random ^= way->random << 13;
		way->random ^= way->random >> 7;
		way->random ^= way->random << 17;
		way->chunk[i] = (uint8_t)(way->random >> 32);
	}
	way->done = 0;
}

static void give_up(struct stream *stream)
{
	if (errno == EAGAIN || errno == EINTR)
		return;
	stream->error = errno;
	stream->is_over = true;
}

static void send_some(struct stream *stream, struct way *way, int fd)
{
	ssize_t n;

	if (way->done == sizeof(way->chunk))
		fill(way);
	n = send(fd, way->chunk + way->done, sizeof(way->chunk) - way->done, MSG_NOSIGNAL);
	if (n < 0) {
		give_up(stream);
		return;
	}
	stream->sent_sum = add_up(stream->sent_sum, way->chunk + way->done, (size_t)n);
	stream->sent += (uint64_t)n;
	way->done += (size_t)n;
	if (way->done == sizeof(way->chunk))
		way->due_ms = now_ms() + CHUNK_EVERY_MS;
}

static void receive_some(struct stream *stream, struct way *way, int fd)
{
	uint8_t buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0) {
		give_up(stream);
	} else if (n == 0) {
		way->has_ended = true;
	} else {
		stream->received_sum = add_up(stream->received_sum, buf, (size_t)n);
		stream->received += (uint64_t)n;
	}
}

static void run(struct stream *stream, int fd)
{
	struct way way = { .done = CHUNK_BYTES };

	way.random = ((uint64_t)now_ms() << 20 ^ (uint64_t)getpid()) | 1;
	while (!stream->is_over) {
		int64_t left = way.due_ms - now_ms();
		bool is_due = left <= 0 && !way.has_shut;
		struct pollfd polls = { .fd = way.has_ended ? -1 : fd, .events = POLLIN };

		if (is_due) {
			polls.fd = fd;
			polls.events = (short)(POLLOUT | (way.has_ended ? 0 : POLLIN));
		}
		if (poll(&polls, 1, is_due || left < 1 ? CHUNK_EVERY_MS : (int)left) < 0)
			give_up(stream);
		if (polls.revents & (POLLIN | POLLERR | POLLHUP) && !way.has_ended)
			receive_some(stream, &way, fd);
		if (is_due && !stream->is_stopping && polls.revents & POLLOUT)
			send_some(stream, &way, fd);
		if (stream->is_stopping && !way.has_shut)
			way.has_shut = shutdown(fd, SHUT_WR) == 0;
		if (way.has_shut && way.has_ended)
			stream->is_over = true;
	}
}

struct stream *stream_start(int fd)
{
	struct stream *stream = mmap(NULL, sizeof(*stream), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (stream == MAP_FAILED)
		return NULL;
	stream->sent_sum = stream->received_sum = UINT64_C(0xcbf29ce484222325);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(stream, fd);
		_exit(0);
	}
	if (pid < 0) {
		munmap(stream, sizeof(*stream));
		return NULL;
	}
	/* Not by the child, whose own fork() said 0. */
	stream->pid = pid;
	return stream;
}

void stream_free(struct stream *stream)
{
	kill(stream->pid, SIGKILL);
	waitpid(stream->pid, NULL, 0);
	munmap(stream, sizeof(*stream));
}
