/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The library against the service with the real engine (stage.h): connections are real, and no
 * address is one that the engine refuses. Every test ends with the guard as the database has it.
 */

#include "latch.h"
#include "stage.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { A_WHILE_MS = 10000 };

static struct latch *latch;
static int begin(void **state)
{
	(void)state;
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	return latch_open(getenv("LATCH_TEST_BUS"), 0, &latch);
}

/* The next test finds no latch, no SA and no lie. */
static int end(void **state)
{
	static const char *const commands_back[] = {
		"sa del 1", "sa del 2", "born any 0", "used no", "gone yes", "gone no", "ike no",
	};

	(void)state;
	assert_true(stage_tell("compare"));
	assert_string_equal(stage_answer(), "ok 0 0\n");
	latch = latch_close(latch);
	for (size_t i = 0; i < sizeof(commands_back) / sizeof(commands_back[0]); i++)
		assert_true(stage_tell(commands_back[i]));
	return 0;
}

static int new_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* Bound to the peer's address; TCP listens. */
static int serve(int type, struct sockaddr_in *ret)
{
	struct sockaddr_in at = stage_address("192.0.2.2", 0);
	socklen_t len = sizeof(*ret);
	int fd = new_socket(type);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	return fd;
}

static int connect_to(const struct sockaddr_in *to, int type, const struct latch_request *request,
		      int *ret_fd, uint64_t *ret_id)
{
	int fd = new_socket(type);
	int r = latch_connect(latch, fd, (const struct sockaddr *)to, sizeof(*to), request, ret_id);

	if (r != 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static enum latch_state state_of(uint64_t id)
{
	struct latch_info *info;
	enum latch_state state;
	int r = latch_inquire(latch, id, &info);

	if (r == LATCH_ERR_NOT_FOUND)
		return LATCH_STATE_CLOSED;
	assert_int_equal(r, 0);
	state = latch_info_state(info);
	latch_info_free(info);
	return state;
}

/* A latch_connect() that waits for SAs, in a thread of its own. */
struct waiter {
	pthread_t thread;
	struct latch_request request;
	struct sockaddr_in to;
	int fd, r;
	uint64_t id;
};

static void *connect_and_wait(void *ctx)
{
	struct waiter *waiter = ctx;

	waiter->r = latch_connect(latch, waiter->fd, (struct sockaddr *)&waiter->to,
				  sizeof(waiter->to), &waiter->request, &waiter->id);
	return NULL;
}

/* What pluto was asked for last; 0 is nothing yet. */
static unsigned long long last_ticket(void)
{
	unsigned long long ticket;

	assert_true(stage_tell("asked"));
	assert_int_equal(sscanf(stage_answer(), "ok %llu", &ticket), 1);
	return ticket;
}

/* Return: when pluto has been asked for the SAs of a connection to @to, within a while */
static struct waiter *begin_to_wait(const struct sockaddr_in *to, bool prefer)
{
	static struct waiter waiter;
	unsigned long long before = last_ticket(), ticket = before;

	waiter = (struct waiter) {
		.request = { .size = sizeof(waiter.request), .prefer = prefer, .wait_ms = 20000 },
		.to = *to, .fd = new_socket(SOCK_STREAM), .id = 99,
	};
	assert_true(stage_tell("sa del 1"));
	assert_true(stage_tell("ike yes"));
	assert_int_equal(pthread_create(&waiter.thread, NULL, connect_and_wait, &waiter), 0);
	for (int i = 0; i < 100000 && ticket == before; i++)
		ticket = last_ticket();
	assert_true(ticket != before);
	return &waiter;
}

/* The last alert, as it was handed out. */
struct alert {
	unsigned nr;
	uint64_t id, listener, mono_ns;
	enum latch_state from, to;
	int error;
	char type[16], reason[256], json[4096];
};

static void see(void *ctx, const struct latch_event *event)
{
	struct alert *alert = ctx;

	if (strcmp(event->type, "hello") == 0)
		return;
	alert->nr++;
	alert->id = event->id;
	alert->listener = event->listener;
	alert->mono_ns = event->mono_ns;
	alert->error = event->error;
	alert->from = event->from;
	alert->to = event->to;
	snprintf(alert->type, sizeof(alert->type), "%s", event->type);
	snprintf(alert->reason, sizeof(alert->reason), "%s",
		 event->reason == NULL ? "" : event->reason);
	snprintf(alert->json, sizeof(alert->json), "%s", event->json);
}

static void expect_text(const struct latch_info *info, const char *key, const char *text)
{
	assert_non_null(latch_info_text(info, key));
	assert_string_equal(latch_info_text(info, key), text);
}

static void connects_and_is_told_of_the_break(int type, const char *protocol)
{
	struct alert alert = { .nr = 0 };
	enum latch_state state;
	struct latch_info *info;
	struct sockaddr_in to;
	int server = serve(type, &to), fd;
	uint64_t id, found;

	assert_int_equal(connect_to(&to, type, NULL, &fd, &id), 0);
	assert_int_equal(latch_inquire(latch, id, &info), 0);
	assert_int_equal(latch_info_id(info), id);
	expect_text(info, "kind", "connection");
	expect_text(info, "state", "established");
	expect_text(info, "protocol", protocol);
	expect_text(info, "local_address", "192.0.2.1");
	expect_text(info, "remote_address", "192.0.2.2");
	expect_text(info, "owner", "session");
	expect_text(info, "peer_id", "peer.test");
	expect_text(info, "peer_auth", "signature");
	expect_text(info, "late", "false");
	latch_info_free(info);
	assert_int_equal(latch_find(latch, fd, &found), 0);
	assert_int_equal(found, id);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_BROKEN, 0, &state),
			 LATCH_ERR_TIMEOUT);

	assert_true(stage_tell("sa add 2 other.test 16388"));
	assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_BROKEN, A_WHILE_MS, &state), 0);
	assert_int_equal(state, LATCH_STATE_BROKEN);
	assert_int_equal(latch_dispatch(latch, see, &alert), 0);
	assert_int_equal(alert.nr, 1);
	assert_string_equal(alert.type, "alert");
	assert_int_equal(alert.id, id);
	assert_int_equal(alert.from, LATCH_STATE_ESTABLISHED);
	assert_int_equal(alert.to, LATCH_STATE_BROKEN);
	assert_true(alert.mono_ns > 0);
	assert_non_null(strstr(alert.reason, "other.test"));
	assert_true(stage_tell("sa del 2"));
	assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_ESTABLISHED, A_WHILE_MS, &state),
			 0);
	assert_int_equal(latch_release(latch, id), 0);
	close(fd);
	close(server);
}

/* K2, T2, T6, T9, T10 */
static void a_latched_connection_is_told_of_its_break_over_tcp(void **state)
{
	(void)state;
	connects_and_is_told_of_the_break(SOCK_STREAM, "tcp");
}

static void a_latched_connection_is_told_of_its_break_over_udp_U5_U7(void **state)
{
	(void)state;
	connects_and_is_told_of_the_break(SOCK_DGRAM, "udp");
}

static void listens_as(int type, uint64_t ret_ids[2], int *ret_fd, struct sockaddr_in *ret)
{
	struct sockaddr_in at = stage_address("192.0.2.2", 0);
	socklen_t len = sizeof(*ret);
	int fd = new_socket(type);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(latch_listen(latch, fd, 8, NULL, ret_ids), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
	assert_int_equal(state_of(ret_ids[0]), LATCH_STATE_LISTENER);
	*ret_fd = fd;
}

/* T1, T4, T5, K24 */
static void an_accepted_connection_has_a_latch_established_or_broken_U2(void **state)
{
	struct alert alert = { .nr = 0 };
	struct sockaddr_in at;
	uint64_t ids[2], id;
	int listener, fd, client;

	(void)state;
	listens_as(SOCK_STREAM, ids, &listener, &at);
	assert_int_equal(ids[1], 0);
	assert_true(stage_tell("born any 16384"));
	client = new_socket(SOCK_STREAM);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(latch_accept(latch, listener, 0, &fd, &id), 0);
	assert_int_equal(state_of(id), LATCH_STATE_ESTABLISHED);
	assert_int_equal(latch_dispatch(latch, see, &alert), 0);
	assert_int_equal(alert.id, id);
	assert_int_equal(alert.listener, ids[0]);
	close(fd);
	close(client);

	assert_true(stage_tell("born any 4096"));
	client = new_socket(SOCK_STREAM);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(latch_accept(latch, listener, 0, &fd, &id), 0);
	assert_int_equal(state_of(id), LATCH_STATE_BROKEN);
	close(fd);
	close(client);
	assert_int_equal(latch_find(latch, listener, &id), 0);
	assert_int_equal(id, ids[0]);
	close(listener);
}

/* U5 at a listener: the server connects a second socket, and latches that. */
static void a_datagram_server_latches_a_socket_for_each_peer_U5(void **state)
{
	struct sockaddr_in at, from;
	uint64_t ids[2], id;
	int listener, fd, client, on = 1;
	socklen_t len = sizeof(from);

	(void)state;
	listens_as(SOCK_DGRAM, ids, &listener, &at);
	assert_true(stage_tell("born any 16384"));
	client = new_socket(SOCK_DGRAM);
	from = stage_address("192.0.2.1", 0);
	assert_int_equal(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&from, &len), 0);
	fd = new_socket(SOCK_DGRAM);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(latch_latch(latch, fd, NULL, &id), 0);
	assert_int_equal(state_of(id), LATCH_STATE_ESTABLISHED);
	close(fd);
	close(client);
	close(listener);
}

static void a_dual_stack_listener_has_two_latches(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;
	uint64_t ids[2] = { 0, 0 };

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(latch_listen(latch, fd, 8, NULL, ids), 0);
	assert_true(ids[0] != 0 && ids[1] != 0 && ids[0] != ids[1]);
	close(fd);
}

static bool has_arrived(int listener)
{
	struct pollfd arrives = { .fd = listener, .events = POLLIN };

	return poll(&arrives, 1, 0) == 1;
}

/* K25, T15 */
static void connect_waits_for_the_SA_and_connects_when_it_is_up_K25(void **state)
{
	struct waiter *waiter;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to);

	(void)state;
	waiter = begin_to_wait(&to, true);
	assert_false(has_arrived(server));
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	assert_int_equal(pthread_join(waiter->thread, NULL), 0);
	assert_int_equal(waiter->r, 0);
	assert_int_equal(state_of(waiter->id), LATCH_STATE_ESTABLISHED);
	assert_true(has_arrived(server));
	close(waiter->fd);
	close(server);
}

/* K26, K42: with prefer the same failure is a connection without a latch. */
/* Asked for again at once, it fails at once and says why; on a slow machine its time is over first,
 * and that fails, too. */
static void expect_held_back(const struct sockaddr_in *to)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = 1 };
	const char *reason;
	int fd, r, error;
	uint64_t id;

	for (unsigned i = 0; i < 20; i++) {
		r = connect_to(to, SOCK_STREAM, &request, &fd, &id);
		reason = latch_last_reason(latch, &error);
		assert_int_equal(r, error);
		if (strstr(reason, "held back for ") != NULL)
			return;
		assert_int_equal(r, LATCH_ERR_TIMEOUT);
	}
	fail_msg("%s", reason);
}

static void what_pluto_fails_with_is_told_and_prefer_goes_on_K26_K42(void **state)
{
	(void)state;
	for (int prefer = 0; prefer < 2; prefer++) {
		struct sockaddr_in to;
		int server = serve(SOCK_STREAM, &to);
		struct waiter *waiter = begin_to_wait(&to, prefer);
		const char *reason;
		int error;

		assert_true(stage_tell("initiated AuthenticationFailed AUTHENTICATION_FAILED"));
		assert_int_equal(pthread_join(waiter->thread, NULL), 0);
		reason = latch_last_reason(latch, &error);
		assert_int_equal(error, LATCH_ERR_AUTHENTICATION_FAILED);
		assert_ptr_equal(strstr(reason, latch_strerror(error)), reason);
		assert_non_null(strstr(reason, "AUTHENTICATION_FAILED"));
		assert_int_equal(waiter->r, prefer ? 0 : LATCH_ERR_AUTHENTICATION_FAILED);
		assert_int_equal(waiter->id, prefer ? 0 : 99);
		assert_int_equal(has_arrived(server), prefer);
		assert_true(stage_tell("compare"));
		assert_string_equal(stage_answer(), "ok 0 0\n");
		close(waiter->fd);
		expect_held_back(&to);
		close(server);
	}
}

static void a_wait_ends_as_it_was_told_K26(void **state)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = 50 };
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id = 99;

	(void)state;
	assert_true(stage_tell("sa del 1"));
	assert_true(stage_tell("ike yes"));
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), LATCH_ERR_TIMEOUT);
	request.wait_ms = 3600001;
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id),
			 LATCH_ERR_LIMIT_EXCEEDED);
	assert_false(has_arrived(server));
	request.wait_ms = 50;
	request.prefer = true;
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), 0);
	assert_int_equal(id, 0);
	assert_true(has_arrived(server));
	close(fd);
	close(server);
}

/* K42: a conflict, and what the host forbids, is no lack of protection. */
static void prefer_does_not_get_around_a_conflict_or_the_policy_K42(void **state)
{
	struct latch_request request = { .size = sizeof(request), .prefer = true };
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id = 99;

	(void)state;
	assert_true(stage_tell("sa add 2 other.test 16388"));
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), LATCH_ERR_CONFLICT);
	assert_true(stage_tell("sa del 2"));
	assert_true(stage_tell("allow no"));
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), LATCH_ERR_FORBIDDEN);
	assert_true(stage_tell("allow yes"));
	assert_true(stage_tell("changes yes"));
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id),
			 LATCH_ERR_SOCKET_CHANGED);
	assert_true(stage_tell("changes no"));
	assert_false(has_arrived(server));
	assert_int_equal(id, 99);
	close(server);
}

/* LATCH_WAIT_NONE: the answer is a larval latch, and the session tells the rest. */
static void who_does_not_wait_is_told_by_the_session(void **state)
{
	struct latch_request request = { .size = sizeof(request), .wait_ms = LATCH_WAIT_NONE };
	struct sockaddr_in to, from = stage_address("192.0.2.1", 0);
	struct alert alert = { .nr = 0 };
	enum latch_state got;
	int server = serve(SOCK_STREAM, &to);
	uint64_t id;

	(void)state;
	assert_true(stage_tell("ike yes"));
	for (int fails = 0; fails < 2; fails++) {
		int fd = new_socket(SOCK_STREAM);

		assert_true(stage_tell("sa del 1"));
		assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(latch_latch(latch, fd, &request, &id), 0);
		assert_int_equal(state_of(id), LATCH_STATE_LARVAL);
		assert_true(stage_tell(fails ? "initiated NoSa TS_UNACCEPTABLE" :
					       "sa add 1 peer.test 16384"));
		assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_ESTABLISHED, A_WHILE_MS,
					    &got), 0);
		assert_int_equal(got, fails ? LATCH_STATE_CLOSED : LATCH_STATE_ESTABLISHED);
		alert.nr = 0;
		do {
			assert_int_equal(latch_dispatch(latch, see, &alert), 0);
		} while (alert.id != id);
		assert_int_equal(alert.error, fails ? LATCH_ERR_NO_SA : LATCH_OK);
		assert_string_equal(alert.reason, fails ? "TS_UNACCEPTABLE" : "");
		close(fd);
	}
	close(server);
}

static void every_refusal_has_its_name_and_leaves_no_latch_K42(void **state)
{
	static const struct { const char *lie, *back; int error; } t[] = {
		{ "fact mptcp yes", "fact mptcp no", LATCH_ERR_MPTCP },
		{ "fact translated yes", "fact translated no", LATCH_ERR_TRANSLATED },
		{ "fact netns no", "fact netns yes", LATCH_ERR_OTHER_NETNS },
		{ "fact internet no", "fact internet yes", LATCH_ERR_NOT_INTERNET },
		{ "fact source-routed yes", "fact source-routed no", LATCH_ERR_SOURCE_ROUTED },
		{ "fact encapsulated yes", "fact encapsulated no", LATCH_ERR_ENCAPSULATED },
		{ "fact virtual yes", "fact virtual no", LATCH_ERR_VIRTUAL_INTERFACE },
		{ "fact peer-local yes", "fact peer-local no", LATCH_ERR_BOTH_ENDS_LOCAL },
		{ "changes yes", "changes no", LATCH_ERR_SOCKET_CHANGED },
		{ "sa del 1", "sa add 1 peer.test 16384", LATCH_ERR_NO_SA },
		{ "sa add 2 other.test 16388", "sa del 2", LATCH_ERR_CONFLICT },
		{ "policy del", "policy add", LATCH_ERR_NOT_PROTECTED },
	};
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].lie);
		assert_true(stage_tell(t[i].lie));
		assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), t[i].error);
		assert_true(stage_tell(t[i].back));
		assert_int_equal(id, 99);
		assert_true(stage_tell("compare"));
		assert_string_equal(stage_answer(), "ok 0 0\n");
	}
	close(server);
}

static void a_request_that_no_SA_could_meet_is_refused_by_name(void **state)
{
	static const struct { const char *suite; uint16_t bits; int error; } t[] = {
		{ "esp aes_gcm_16-128", 256, LATCH_ERR_WEAK },
		{ "esp null hmac_sha2_256_128", 1, LATCH_ERR_WEAK },
		{ "esp rot13-26", 0, LATCH_ERR_UNSUPPORTED },
		{ "rot13", 0, LATCH_ERR_MALFORMED },
		{ "bypass", 0, LATCH_ERR_MALFORMED },
		{ "esp aes_gcm_16-256 \xc3\xa4", 0, LATCH_ERR_ARGUMENT },
	};
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct latch_request request = {
			.size = sizeof(request), .suite = t[i].suite, .min_key_bits = t[i].bits,
		};

		print_message("%s\n", t[i].suite);
		assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), t[i].error);
		assert_int_equal(id, 99);
		assert_true(stage_tell("compare"));
		assert_string_equal(stage_answer(), "ok 0 0\n");
	}
	close(server);
}

static void a_peer_that_is_named_is_met_or_the_connection_is_not_made_K41_K42(void **state)
{
	static const struct { const char *peer; int error; } t[] = {
		{ "@other.test", LATCH_ERR_WRONG_PEER },
		{ "@Named.test", LATCH_ERR_WRONG_PEER },
		{ "", LATCH_ERR_MALFORMED },
		{ "named.test", LATCH_ERR_MALFORMED },
		{ "@named\xc3\xa4", LATCH_ERR_ARGUMENT },
		{ "@named.test", 0 },
	};
	struct latch_request request = { .size = sizeof(request) };
	struct latch_info *info;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id = 99;

	(void)state;
	assert_true(stage_tell("sa del 1"));
	assert_true(stage_tell("sa add 1 @named.test 16384"));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		print_message("%s\n", t[i].peer);
		request.peer = t[i].peer;
		assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), t[i].error);
		assert_int_equal(id == 99, t[i].error != 0);
		assert_int_equal(has_arrived(server), t[i].error == 0);
	}
	assert_int_equal(latch_inquire(latch, id, &info), 0);
	expect_text(info, "peer", "@named.test");
	latch_info_free(info);
	close(fd);
	close(server);
}

static void a_request_is_met_or_refused_K41(void **state)
{
	struct latch_request request = {
		.size = sizeof(request), .protection = LATCH_INTEGRITY | LATCH_CONFIDENTIALITY,
		.min_key_bits = 256, .mode = LATCH_MODE_TRANSPORT,
		.disposition = LATCH_DISPOSITION_WAIT,
	};
	struct latch_info *info;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id;

	(void)state;
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), 0);
	assert_int_equal(latch_inquire(latch, id, &info), 0);
	expect_text(info, "mode", "transport");
	expect_text(info, "disposition", "wait");
	expect_text(info, "protection", "integrity, confidentiality");
	latch_info_free(info);
	close(fd);
	request.min_key_bits = 257;
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), LATCH_ERR_WEAK);
	request.min_key_bits = 256;
	request.mode = LATCH_MODE_TUNNEL;
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), LATCH_ERR_WEAK);
	request.mode = LATCH_MODE_ANY;
	request.may_be_broken = true;
	assert_true(stage_tell("sa add 2 other.test 16388"));
	assert_int_equal(connect_to(&to, SOCK_STREAM, &request, &fd, &id), 0);
	assert_int_equal(state_of(id), LATCH_STATE_BROKEN);
	close(fd);
	close(server);
}

static void a_used_socket_is_latched_late_or_not_at_all(void **state)
{
	struct latch_request late = { .size = sizeof(late), .late = true };
	struct latch_info *info;
	struct sockaddr_in to, from = stage_address("192.0.2.1", 0);
	int server = serve(SOCK_STREAM, &to), fd = new_socket(SOCK_STREAM);
	uint64_t id;

	(void)state;
	assert_int_equal(latch_latch(latch, fd, NULL, &id), LATCH_ERR_NOT_CONNECTED);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(stage_tell("used yes"));
	assert_int_equal(latch_latch(latch, fd, NULL, &id), LATCH_ERR_ALREADY_USED);
	assert_int_equal(latch_latch(latch, fd, &late, &id), 0);
	assert_int_equal(latch_inquire(latch, id, &info), 0);
	expect_text(info, "late", "true");
	latch_info_free(info);
	assert_int_equal(latch_latch(latch, fd, &late, &id), LATCH_ERR_ALREADY_LATCHED);
	close(fd);
	close(server);
}

static void letting_go_knows_whose_latch_it_is_and_in_which_state(void **state)
{
	bool is_admin = geteuid() == 0;
	enum latch_state got;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id;

	(void)state;
	assert_int_equal(latch_release(latch, 1u << 30), LATCH_ERR_NOT_FOUND);
	assert_int_equal(latch_unprotect(latch, 1u << 30), LATCH_ERR_NOT_FOUND);
	assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), 0);
	assert_int_equal(latch_unprotect(latch, id), 0);
	assert_int_equal(state_of(id), LATCH_STATE_CLOSED);
	close(fd);
	assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), 0);
	assert_int_equal(latch_break(latch, id, "a test"),
			 is_admin ? 0 : LATCH_ERR_NOT_AUTHORIZED);
	if (is_admin) {
		assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_BROKEN, 0, &got), 0);
		assert_int_equal(latch_unprotect(latch, id), LATCH_ERR_WRONG_STATE);
	}
	assert_int_equal(latch_shut(latch, id, "a test"),
			 is_admin ? 0 : LATCH_ERR_NOT_AUTHORIZED);
	if (is_admin)
		assert_int_equal(latch_wait(latch, id, 0, A_WHILE_MS, &got), 0);
	close(fd);
	close(server);
}

static void with_a_whole_journal_there_is_nothing_to_forget(void **state)
{
	uint32_t records = 9, flows = 9, want = geteuid() == 0 ? 0 : 9;

	(void)state;
	assert_int_equal(latch_forget_unreadable(latch, &records, &flows),
			 geteuid() == 0 ? 0 : LATCH_ERR_NOT_AUTHORIZED);
	assert_int_equal(records, want);
	assert_int_equal(flows, want);
}

static void list_shows_every_latch_once_in_the_order_of_ids(void **state)
{
	enum { LATCHES = 60 };
	struct sockaddr_in to;
	int server = serve(SOCK_DGRAM, &to), fds[LATCHES];
	uint64_t cursor = 0, last = 0, id;
	struct latch_info **infos;
	size_t nr, all = 0;

	(void)state;
	for (int i = 0; i < LATCHES; i++)
		assert_int_equal(connect_to(&to, SOCK_DGRAM, NULL, &fds[i], &id), 0);
	do {
		assert_int_equal(latch_list(latch, &cursor, &infos, &nr), 0);
		for (size_t i = 0; i < nr; i++) {
			assert_true(latch_info_id(infos[i]) > last);
			last = latch_info_id(infos[i]);
			latch_info_free(infos[i]);
		}
		all += nr;
		free(infos);
	} while (cursor != 0);
	assert_int_equal(all, LATCHES);
	assert_int_equal(last, id);
	for (int i = 0; i < LATCHES; i++)
		close(fds[i]);
	close(server);
}

static void who_watches_sees_the_latches_of_another_session(void **state)
{
	struct alert seen = { .nr = 0 };
	struct latch *watcher;
	enum latch_state got;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id;

	(void)state;
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), LATCH_OPEN_WATCH, &watcher), 0);
	assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), 0);
	assert_true(stage_tell("sa add 2 other.test 16388"));
	assert_int_equal(latch_wait(watcher, id, 1u << LATCH_STATE_BROKEN, A_WHILE_MS, &got), 0);
	assert_int_equal(latch_dispatch(watcher, see, &seen), 0);
	assert_string_equal(seen.type, "change");
	assert_int_equal(seen.id, id);
	assert_int_equal(seen.to, LATCH_STATE_BROKEN);
	assert_null(latch_close(watcher));
	close(fd);
	close(server);
}

static void two_hundred_calls_that_the_daemon_refuses_leave_it_as_it_was(void **state)
{
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd;
	uint64_t id;

	(void)state;
	assert_true(stage_tell("sa del 1"));
	for (int i = 0; i < 200; i++)
		assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), LATCH_ERR_NO_SA);
	assert_true(stage_tell("status"));
	assert_int_equal(strncmp(stage_answer(), "ok yes 0 ", 9), 0);
	close(server);
}

/* The last one: the daemon does not come back. */
static int begin_without_resuming(void **state)
{
	(void)state;
	assert_true(stage_tell("sa add 1 peer.test 16384"));
	return latch_open(getenv("LATCH_TEST_BUS"), LATCH_OPEN_NO_RESUME, &latch);
}

static void find_away(void *ctx, const struct latch_event *event)
{
	*(bool *)ctx |= strcmp(event->type, "away") == 0;
}

/* @waits: resumes, if somebody comes */
static void expect_away(struct latch *waits)
{
	struct pollfd ends = { .fd = latch_fd(waits), .events = POLLIN };
	bool is_away = false;

	while (!is_away) {
		assert_int_equal(poll(&ends, 1, A_WHILE_MS), 1);
		assert_int_equal(latch_dispatch(waits, find_away, &is_away), 0);
	}
	assert_int_equal(latch_release(waits, 1), LATCH_ERR_SERVICE);
	assert_null(latch_close(waits));
}

static void when_the_daemon_ends_every_call_says_so(void **state)
{
	enum latch_state got;
	struct sockaddr_in to;
	int server = serve(SOCK_STREAM, &to), fd, r;
	struct pollfd ends = { .fd = latch_fd(latch), .events = POLLIN };
	struct latch *waits;
	uint64_t id;

	(void)state;
	assert_int_equal(latch_open(getenv("LATCH_TEST_BUS"), 0, &waits), 0);
	assert_int_equal(connect_to(&to, SOCK_STREAM, NULL, &fd, &id), 0);
	assert_true(stage_tell("quit"));
	assert_int_equal(latch_wait(latch, id, 1u << LATCH_STATE_BROKEN, A_WHILE_MS, &got),
			 LATCH_ERR_SERVICE);
	/* It leaves the bus first. */
	do {
		assert_int_equal(poll(&ends, 1, A_WHILE_MS), 1);
		r = latch_dispatch(latch, NULL, NULL);
	} while (r == 0);
	assert_int_equal(r, LATCH_ERR_SERVICE);
	assert_int_equal(latch_release(latch, id), LATCH_ERR_SERVICE);
	assert_null(latch_close(latch));
	latch = NULL;
	expect_away(waits);
	close(fd);
	close(server);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_latched_connection_is_told_of_its_break_over_tcp),
		TEST(a_latched_connection_is_told_of_its_break_over_udp_U5_U7),
		TEST(an_accepted_connection_has_a_latch_established_or_broken_U2),
		TEST(a_datagram_server_latches_a_socket_for_each_peer_U5),
		TEST(a_dual_stack_listener_has_two_latches),
		TEST(connect_waits_for_the_SA_and_connects_when_it_is_up_K25),
		TEST(what_pluto_fails_with_is_told_and_prefer_goes_on_K26_K42),
		TEST(a_wait_ends_as_it_was_told_K26),
		TEST(prefer_does_not_get_around_a_conflict_or_the_policy_K42),
		TEST(who_does_not_wait_is_told_by_the_session),
		TEST(every_refusal_has_its_name_and_leaves_no_latch_K42),
		TEST(a_request_that_no_SA_could_meet_is_refused_by_name),
		TEST(a_peer_that_is_named_is_met_or_the_connection_is_not_made_K41_K42),
		TEST(a_request_is_met_or_refused_K41),
		TEST(a_used_socket_is_latched_late_or_not_at_all),
		TEST(letting_go_knows_whose_latch_it_is_and_in_which_state),
		TEST(with_a_whole_journal_there_is_nothing_to_forget),
		TEST(list_shows_every_latch_once_in_the_order_of_ids),
		TEST(who_watches_sees_the_latches_of_another_session),
		TEST(two_hundred_calls_that_the_daemon_refuses_leave_it_as_it_was),
		cmocka_unit_test_setup(when_the_daemon_ends_every_call_says_so,
				       begin_without_resuming),
	};

	return cmocka_run_group_tests(tests, stage_set_up, stage_tear_down);
}
