/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the log says of breaks and of what ends them: each once. */

#include "bus/pl_bus.h"

#include "core/pl_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct {
	struct pl_conf conf;
	struct pl_bus *bus;
	unsigned nr;
	char last[512];
} stage;

static void hear(void *ctx, const char *text)
{
	(void)ctx;
	stage.nr++;
	snprintf(stage.last, sizeof(stage.last), "%s", text);
}

static int setup(void **state)
{
	(void)state;
	memset(&stage, 0, sizeof(stage));
	pl_conf_default(&stage.conf);
	stage.bus = pl_bus_new(&stage.conf, hear, NULL);
	assert_non_null(stage.bus);
	stage.nr = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pl_bus_free(stage.bus);
	pl_conf_clear(&stage.conf);
	return 0;
}

static void happens(enum pl_event event, enum pl_state from, enum pl_state to, const char *reason)
{
	struct pl_alert alert = {
		.id = 5, .event = event, .from = from, .to = to, .reason = reason,
		.tuple = { .af = PL_AF_IP4, .proto = PL_TUPLE_TCP, .local = { 192, 0, 2, 1 },
			   .remote = { 192, 0, 2, 2 }, .local_port = 22, .remote_port = 1024 },
	};

	pl_bus_owner_ops()->watch(stage.bus, &alert);
}

static void a_break_is_said_once_K19(void **state)
{
	(void)state;
	happens(PL_EVENT_CONFLICT_SA, PL_STATE_ESTABLISHED, PL_STATE_BROKEN, "because");
	assert_int_equal(stage.nr, 1);
	assert_non_null(strstr(stage.last, "latch 5, "));
	assert_non_null(strstr(stage.last, ": conflict-sa, now broken: because"));
	happens(PL_EVENT_CONFLICT_SA, PL_STATE_BROKEN, PL_STATE_BROKEN, NULL);
	assert_int_equal(stage.nr, 1);
	/* it does not come back from this: that is news, and no break */
	happens(PL_EVENT_PEER_DEAD, PL_STATE_BROKEN, PL_STATE_DEAD, NULL);
	assert_int_equal(stage.nr, 2);
	assert_non_null(strstr(stage.last, ": peer-dead, still broken"));
	happens(PL_EVENT_PEER_DEAD, PL_STATE_DEAD, PL_STATE_DEAD, NULL);
	assert_int_equal(stage.nr, 2);
}

static void what_mends_it_is_said_too(void **state)
{
	(void)state;
	happens(PL_EVENT_CLEARED, PL_STATE_BROKEN, PL_STATE_ESTABLISHED, NULL);
	assert_int_equal(stage.nr, 1);
	assert_non_null(strstr(stage.last, ": cleared, now established"));
	happens(PL_EVENT_RELEASE, PL_STATE_ESTABLISHED, PL_STATE_LINGERING, NULL);
	assert_int_equal(stage.nr, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_break_is_said_once_K19, setup, teardown),
		cmocka_unit_test_setup_teardown(what_mends_it_is_said_too, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
