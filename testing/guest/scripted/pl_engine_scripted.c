/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An engine for tests of the seam, in the place of core/pl_engine.c: it gives the verdict that the
 * environment asks for, whatever the fact says, so that scenarios can watch the seam carry it out.
 * Never part of the product.
 *
 *   PL_SCRIPT_TS     "narrow PROTO PORT"        TSr and its protocol cut to one port
 *                    "narrow-range PROTO LO-HI" what pluto cannot hold
 *                    "widen"                    more than was proposed
 *                    "refuse"
 *   PL_SCRIPT_TS_FROM  number of the first request that PL_SCRIPT_TS is for; those before pass
 *   PL_SCRIPT_REKEY  "refuse": child rekeys
 *   PL_SCRIPT_CHILD  "refuse": at installation
 *   PL_SCRIPT_SA     "refuse": at the kernel
 * PROTO is tcp, udp or a number. Unset, everything is accepted.
 */

#include "core/pl_engine.h"
#include "daemon/pl_daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	return strcmp(name, "tcp") == 0 ? 6 : strcmp(name, "udp") == 0 ? 17 : (uint8_t)atoi(name);
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
	const char *script = getenv("PL_SCRIPT_TS");
	const char *from = getenv("PL_SCRIPT_TS_FROM");
	char proto[16];
	unsigned lo, hi;

	pl_engine_note(engine, fact);
	if (from != NULL && engine->count[PL_FACT_TS_REQUEST] < strtoull(from, NULL, 10))
		return PL_VERDICT_ACCEPT;
	if (script == NULL || script[0] == '\0')
		return PL_VERDICT_ACCEPT;
	if (sscanf(script, "narrow %15s %u", proto, &lo) == 2) {
		narrow(&fact->u.ts, proto_of(proto), lo, lo, ret);
		return PL_VERDICT_NARROW;
	}
	if (sscanf(script, "narrow-range %15s %u-%u", proto, &lo, &hi) == 3) {
		narrow(&fact->u.ts, proto_of(proto), lo, hi, ret);
		return PL_VERDICT_NARROW;
	}
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

enum pl_verdict_kind pl_engine_child_install(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_engine_note(engine, fact);
	return script_says("PL_SCRIPT_CHILD", "refuse") ? PL_VERDICT_REFUSE : PL_VERDICT_ACCEPT;
}

enum pl_verdict_kind pl_engine_kernel_change(struct pl_engine *engine, const struct pl_fact *fact)
{
	pl_engine_note(engine, fact);
	return fact->kind == PL_FACT_SA_ADD && script_says("PL_SCRIPT_SA", "refuse") ?
		       PL_VERDICT_REFUSE : PL_VERDICT_ACCEPT;
}

/* No guard and no bus: whatever happens is the script's doing. */
int pl_daemon_start(struct pl_engine *engine, pl_daemon_log *log, struct pl_daemon **ret,
		    char ret_error[static PL_DAEMON_ERROR_MAX])
{
	(void)engine;
	(void)log;
	(void)ret_error;
	*ret = NULL;
	return 0;
}

int pl_daemon_attach(struct pl_daemon *daemon, struct event_base *base)
{
	(void)daemon;
	(void)base;
	return 0;
}

struct pl_daemon *pl_daemon_free(struct pl_daemon *daemon)
{
	(void)daemon;
	return NULL;
}
