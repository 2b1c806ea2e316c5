/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the seam keeps of an IKE SA, where it needs nothing of pluto: the peer's ID payload. */

#include "seam/pl_ike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static bool is_scarce;

void *__wrap_malloc(size_t size)
{
	return is_scarce ? NULL : __real_malloc(size);
}

/* 2 is ID_FQDN. */
static const uint8_t first[] = { 2, 0, 0, 0, 'e', 'a', 's', 't' }, second[] = { 2, 0, 0, 0, 'w' };

static struct pl_ike *with_first_id(void)
{
	struct pl_ike *note = pl_ike_make(7);

	assert_non_null(note);
	pl_ike_set_id(note, (struct pl_blob) { first, sizeof(first) });
	assert_int_equal(note->id_type, 2);
	assert_int_equal(note->id_len, 4);
	assert_memory_equal(note->id, "east", 4);
	return note;
}

/* Such an end has no identity: pl_ike_authenticated(). */
static void has_no_id(const struct pl_ike *note)
{
	assert_int_equal(note->id_type, 0);
	assert_int_equal(note->id_len, 0);
	assert_null(note->id);
}

static void the_peers_last_id_payload_holds(void **state)
{
	struct pl_ike *note = with_first_id();

	(void)state;
	pl_ike_set_id(note, (struct pl_blob) { second, sizeof(second) });
	assert_int_equal(note->id_len, 1);
	assert_memory_equal(note->id, "w", 1);
	pl_ike_drop(7);
	assert_null(pl_ike_find(7));
}

/* ID_NULL: RFC 7619. */
static void an_id_without_data_is_one(void **state)
{
	static const uint8_t null[] = { 13, 0, 0, 0 };
	struct pl_ike *note = with_first_id();

	(void)state;
	pl_ike_set_id(note, (struct pl_blob) { null, sizeof(null) });
	assert_int_equal(note->id_type, 13);
	assert_int_equal(note->id_len, 0);
	pl_ike_drop(7);
}

static void without_memory_for_another_id_the_peer_has_none(void **state)
{
	struct pl_ike *note = with_first_id();

	(void)state;
	is_scarce = true;
	pl_ike_set_id(note, (struct pl_blob) { second, sizeof(second) });
	is_scarce = false;
	has_no_id(note);
	pl_ike_drop(7);
}

static void an_id_that_is_too_short_is_none(void **state)
{
	struct pl_ike *note = with_first_id();

	(void)state;
	pl_ike_set_id(note, (struct pl_blob) { second, 3 });
	has_no_id(note);
	pl_ike_set_id(note, (struct pl_blob) { NULL, 0 });
	has_no_id(note);
	pl_ike_drop(7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_peers_last_id_payload_holds),
		cmocka_unit_test(an_id_without_data_is_one),
		cmocka_unit_test(without_memory_for_another_id_the_peer_has_none),
		cmocka_unit_test(an_id_that_is_too_short_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
