/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An engine for tests of the seam, in the place of core/pl_engine.c: it gives the verdict that the
 * environment asks for, whatever the fact says, so that scenarios can watch the seam carry it out.
 * Never part of the product.
 *
 *   PL_SCRIPT_TS     "narrow PROTO PORT"        TSr and its protocol cut to one port
 *                    "narrow-range PROTO LO-HI" a range of ports
 *                    "lists TS,TS... TS,TS..."  TSi and TSr; TS as pl_ts_text() writes it
 *                    "widen"                    more than was proposed
 *                    "refuse"
 *   PL_SCRIPT_TS_FROM  number of the first request that PL_SCRIPT_TS is for; those before pass
 *   PL_SCRIPT_REKEY  "refuse": child rekeys
 *   PL_SCRIPT_CHILD  "refuse": at installation
 *   PL_SCRIPT_SA     "refuse": at the kernel
 *   PL_SCRIPT_FIFO   a fifo; each line is what an engine would want from pluto:
 *                    "initiate TICKET PROTO LOCAL PORT REMOTE PORT [narrow]
 *                              [suite=ENCRYPT,BITS,INTEG]    INTEG may be left out
 *                              [peer=ID]"                    a DN without spaces
 *                    "cancel TICKET"
 *                    "delete CHILD"                          serial of the child SA
 *                    "ts NUMBER SCRIPT..."                   SCRIPT in the place of PL_SCRIPT_TS;
 *                                                            "ts NUMBER accept" ends that
 *                    "spoil NUMBER SCRIPT..."                the next message, see pl_spoil.h
 *                    what the call returns is in the log: "script: initiate 7: done"
 * PROTO is tcp, udp, icmp or a number. Unset, everything is accepted.
 */

#include "core/pl_engine.h"
#include "core/pl_error.h"
#include "daemon/pl_daemon.h"
#include "kernel/pl_policies.h"
#include "pl_spoil.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	const struct pl_ike_ops *ike;
	pl_daemon_log *log;
	struct event *event;
	FILE *fifo;
} wish;

static struct pl_ask kernel;

enum { LINE_MAX_BYTES = 4096 };

static char ts_script[LINE_MAX_BYTES];

struct pl_engine {
	pl_engine_observer *observer;
	void *observer_ctx;
	uint64_t count[PL_FACT_ROOF];
};

struct pl_engine *pl_engine_new(pl_engine_observer *observer, void *ctx)
{
	struct pl_engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL)
		return NULL;
	engine->observer = observer;
	engine->observer_ctx = ctx;
	return engine;
}

struct pl_engine *pl_engine_free(struct pl_engine *engine)
{
	free(engine);
	return NULL;
}

void pl_engine_note(struct pl_engine *engine, const struct pl_fact *fact)
{
	engine->count[fact->kind]++;
	if (engine->observer != NULL)
		engine->observer(engine->observer_ctx, fact);
}

bool pl_engine_heeds(const struct pl_engine *engine, enum pl_fact_kind kind)
{
	(void)engine;
	(void)kind;
	return true;
}

uint32_t pl_engine_reqid(struct pl_engine *engine, const struct pl_fact *fact)
{
	(void)engine;
	(void)fact;
	return 0;
}

uint64_t pl_engine_count(const struct pl_engine *engine, enum pl_fact_kind kind)
{
	return engine->count[kind];
}

static bool script_says(const char *name, const char *what)
{
	const char *value = getenv(name);

	return value != NULL && strcmp(value, what) == 0;
}

static uint8_t proto_of(const char *name)
{
	return strcmp(name, "tcp") == 0 ? 6 : strcmp(name, "udp") == 0 ? 17 :
	       strcmp(name, "icmp") == 0 ? 1 : (uint8_t)atoi(name);
}

static void narrow(const struct pl_ts_facts *ts, uint8_t proto, unsigned lo, unsigned hi,
		   struct pl_ts_verdict *ret)
{
	ret->tsi = ts->selected_tsi;
	ret->tsr = ts->selected_tsr;
	for (unsigned i = 0; i < ret->tsi.len; i++)
		ret->tsi.list[i].proto = proto;
	for (unsigned i = 0; i < ret->tsr.len; i++) {
		ret->tsr.list[i].proto = proto;
		ret->tsr.list[i].lo_port = (uint16_t)lo;
		ret->tsr.list[i].hi_port = (uint16_t)hi;
	}
}

/* ADDRESS-ADDRESS/PROTO/PORT-PORT */
static bool read_ts(const char *word, struct pl_ts *ret)
{
	char lo[INET6_ADDRSTRLEN], hi[INET6_ADDRSTRLEN];
	unsigned proto, lo_port, hi_port;
	int af = strchr(word, ':') == NULL ? AF_INET : AF_INET6;

	if (sscanf(word, "%45[^-]-%45[^/]/%u/%u-%u", lo, hi, &proto, &lo_port, &hi_port) != 5)
		return false;
	*ret = (struct pl_ts) {
		.af = af == AF_INET ? PL_AF_IP4 : PL_AF_IP6, .proto = (uint8_t)proto,
		.lo_port = (uint16_t)lo_port, .hi_port = (uint16_t)hi_port,
	};
	return inet_pton(af, lo, ret->lo) == 1 && inet_pton(af, hi, ret->hi) == 1;
}

static bool read_list(char *words, struct pl_ts_list *ret)
{
	char *rest = NULL;

	ret->len = 0;
	for (char *word = strtok_r(words, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		if (ret->len == PL_TS_MAX || !read_ts(word, &ret->list[ret->len++]))
			return false;
	}
	return true;
}

static bool read_lists(const char *script, struct pl_ts_verdict *ret)
{
	char tsi[1024], tsr[1024];

	return sscanf(script, "lists %1023s %1023s", tsi, tsr) == 2 &&
	       read_list(tsi, &ret->tsi) && read_list(tsr, &ret->tsr);
}

static void widen(const struct pl_ts_facts *ts, struct pl_ts_verdict *ret)
{
	ret->tsi = ts->selected_tsi;
	ret->tsr = ts->selected_tsr;
	for (unsigned i = 0; i < ret->tsr.len; i++) {
		memset(ret->tsr.list[i].lo, 0, sizeof(ret->tsr.list[i].lo));
		memset(ret->tsr.list[i].hi, 0xff, pl_ts_size(ret->tsr.list[i].af));
	}
}

enum pl_verdict_kind pl_engine_ts_request(struct pl_engine *engine, const struct pl_fact *fact,
					  struct pl_ts_verdict *ret)
{
	const char *script = ts_script[0] != '\0' ? ts_script : getenv("PL_SCRIPT_TS");
	const char *from = getenv("PL_SCRIPT_TS_FROM");
	char proto[16];
	unsigned lo, hi;

	pl_engine_note(engine, fact);
	if (fact->kind == PL_FACT_TS_PROPOSAL)
		return PL_VERDICT_ACCEPT;
	if (from != NULL && engine->count[PL_FACT_TS_REQUEST] < strtoull(from, NULL, 10))
		return PL_VERDICT_ACCEPT;
	if (script == NULL || script[0] == '\0' || strcmp(script, "accept") == 0)
		return PL_VERDICT_ACCEPT;
	if (sscanf(script, "narrow %15s %u", proto, &lo) == 2) {
		narrow(&fact->u.ts, proto_of(proto), lo, lo, ret);
		return PL_VERDICT_NARROW;
	}
	if (sscanf(script, "narrow-range %15s %u-%u", proto, &lo, &hi) == 3) {
		narrow(&fact->u.ts, proto_of(proto), lo, hi, ret);
		return PL_VERDICT_NARROW;
	}
	if (read_lists(script, ret))
		return PL_VERDICT_NARROW;
	if (strcmp(script, "widen") == 0) {
		widen(&fact->u.ts, ret);
		return PL_VERDICT_NARROW;
	}
	return PL_VERDICT_REFUSE;
}

enum pl_verdict_kind pl_engine_ts_other(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_engine_note(engine, fact);
	return fact->kind == PL_FACT_TS_REKEY && script_says("PL_SCRIPT_REKEY", "refuse") ?
		       PL_VERDICT_REFUSE : PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_suites(struct pl_engine *engine, const struct pl_fact *fact,
				      struct pl_suites *ret)
{
	(void)ret;
	pl_engine_note(engine, fact);
	return PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_engine_note(engine, fact);
	return script_says("PL_SCRIPT_CHILD", "refuse") ? PL_VERDICT_REFUSE : PL_VERDICT_ACCEPT;
}

const char *pl_engine_refusal(const struct pl_engine *engine)
{
	(void)engine;
	return NULL;
}

enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_engine_note(engine, fact);
	return fact->kind == PL_FACT_SA_ADD && script_says("PL_SCRIPT_SA", "refuse") ?
		       PL_VERDICT_REFUSE : PL_VERDICT_ACCEPT;
}

/* What the engine wants from pluto */

static void said(const char *verb, uint64_t number, int r)
{
	char text[96];

	snprintf(text, sizeof(text), "script: %s %" PRIu64 ": %s", verb, number,
		 r == 0 ? "done" : pl_error_word(r));
	wish.log(text);
}

static int read_tuple(char *words[static 5], struct pl_tuple *ret)
{
	int af = strchr(words[1], ':') == NULL ? AF_INET : AF_INET6;
	struct pl_tuple tuple = {
		.af = af == AF_INET ? PL_AF_IP4 : PL_AF_IP6,
		.proto = proto_of(words[0]),
		.local_port = (uint16_t)atoi(words[2]),
		.remote_port = (uint16_t)atoi(words[4]),
	};

	if (inet_pton(af, words[1], tuple.local) != 1 || inet_pton(af, words[3], tuple.remote) != 1)
		return PL_E_MALFORMED;
	return pl_tuple_connection(&tuple, ret);
}

static int read_suite(const char *word, struct pl_suite *ret)
{
	char encrypt[32], integ[32] = "";
	unsigned bits;

	if (sscanf(word, "%31[^,],%u,%31s", encrypt, &bits, integ) < 2)
		return PL_E_MALFORMED;
	return pl_suite_make(PL_PROTO_ESP, encrypt, bits, integ, false, ret);
}

static void initiate(uint64_t ticket, char *words[], unsigned nr_words)
{
	struct pl_initiate how = { .is_narrow = false };
	struct pl_tuple tuple;
	int r = nr_words < 5 ? PL_E_MALFORMED : read_tuple(words, &tuple);

	for (unsigned i = 5; r == 0 && i < nr_words; i++) {
		if (strcmp(words[i], "narrow") == 0) {
			how.is_narrow = true;
		} else if (strncmp(words[i], "suite=", 6) == 0) {
			r = read_suite(words[i] + 6, &how.suite);
		} else if (strncmp(words[i], "peer=", 5) == 0) {
			how.peer = words[i] + 5;
		} else {
			r = PL_E_MALFORMED;
		}
	}
	if (r == 0)
		r = wish.ike->initiate(NULL, ticket, &tuple, &how);
	said("initiate", ticket, r);
}

/* The words behind the number, as they were. */
static const char *join(char *words[], unsigned nr, char ret[static LINE_MAX_BYTES])
{
	ret[0] = '\0';
	for (unsigned i = 2; i < nr; i++) {
		strcat(ret, i == 2 ? "" : " ");
		strcat(ret, words[i]);
	}
	return ret;
}

static void carry_out(char *line)
{
	char *words[16], *rest = NULL, script[LINE_MAX_BYTES];
	unsigned nr = 0;
	uint64_t number;

	for (char *word = strtok_r(line, " \n", &rest); word != NULL && nr < 16;
	     word = strtok_r(NULL, " \n", &rest))
		words[nr++] = word;
	if (nr < 2)
		return;
	number = strtoull(words[1], NULL, 10);
	if (strcmp(words[0], "ts") == 0) {
		join(words, nr, ts_script);
		said("ts", number, 0);
	} else if (strcmp(words[0], "spoil") == 0) {
		said("spoil", number, pl_spoil_next(number, join(words, nr, script)) ?
			     0 : PL_E_MALFORMED);
	} else if (strcmp(words[0], "initiate") == 0) {
		initiate(number, words + 2, nr - 2);
	} else if (strcmp(words[0], "cancel") == 0) {
		wish.ike->cancel(NULL, number);
		said("cancel", number, 0);
	} else if (strcmp(words[0], "delete") == 0) {
		said("delete", number, wish.ike->delete_child(NULL, number));
	}
}

static void on_fifo(evutil_socket_t fd, short what, void *ctx)
{
	char line[LINE_MAX_BYTES];

	(void)fd;
	(void)what;
	(void)ctx;
	while (fgets(line, sizeof(line), wish.fifo) != NULL)
		carry_out(line);
	clearerr(wish.fifo);
}

/* No guard and no bus: whatever happens is the script's doing. */
int pl_daemon_start(struct pl_engine *engine, const struct pl_ike_ops *ike,
		    struct pl_identity_pool *identities, pl_daemon_log *log,
		    struct pl_daemon **ret, char ret_error[static PL_DAEMON_ERROR_MAX])
{
	(void)engine;
	(void)identities;
	(void)ret_error;
	wish.ike = ike;
	wish.log = log;
	*ret = NULL;
	return pl_ask_open(NETLINK_XFRM, &kernel);
}

int pl_daemon_put_policy(struct pl_daemon *daemon, const struct pl_policy *policy)
{
	(void)daemon;
	return pl_policies_put(&kernel, policy);
}

int pl_daemon_take_policy(struct pl_daemon *daemon, const struct pl_policy *policy)
{
	(void)daemon;
	return pl_policies_take(&kernel, policy);
}

int pl_daemon_attach(struct pl_daemon *daemon, struct event_base *base)
{
	const char *path = getenv("PL_SCRIPT_FIFO");
	int fd;

	(void)daemon;
	if (path == NULL)
		return 0;
	/* for writing, too: who ends to write is not the end of the file */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	wish.fifo = fd < 0 ? NULL : fdopen(fd, "r");
	if (wish.fifo == NULL)
		return 0;
	wish.event = event_new(base, fd, EV_READ | EV_PERSIST, on_fifo, NULL);
	return event_add(wish.event, NULL);
}

void pl_daemon_hear(struct pl_daemon *daemon)
{
	(void)daemon;
}

struct pl_daemon *pl_daemon_free(struct pl_daemon *daemon)
{
	(void)daemon;
	if (wish.event != NULL)
		event_free(wish.event);
	if (wish.fifo != NULL)
		fclose(wish.fifo);
	wish.event = NULL;
	wish.fifo = NULL;
	pl_ask_close(&kernel);
	return NULL;
}
