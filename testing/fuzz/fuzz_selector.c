/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: the algebra of selectors. The input is two lists and a limit.
 *
 * Asserted: what the union, the meeting and the difference hold is what the naive model says,
 * point by point, and so of two selectors alone; that a canonical form is one, disjoint, and the
 * same for the same packets; that contains() is right about what it affirms.
 */

#include "core/pl_selector.h"
#include "input.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct point points[POINTS];

/* What can be said in so many selectors is said in the same ones again. */
static void check_form(const struct pl_ts_list *list, unsigned limit)
{
	struct pl_ts_list again;

	assert(list->len <= limit && limit <= PL_TS_MAX);
	assert(pl_selector_canonical(list, list->len, &again) == 0);
	assert(again.len == list->len);
	assert(memcmp(list->list, again.list, list->len * sizeof(list->list[0])) == 0);
	for (unsigned i = 0; i < list->len; i++) {
		struct pl_ts common;

		assert(pl_ts_is_valid(&list->list[i]));
		for (unsigned j = 0; j < i; j++)
			assert(!pl_selector_intersect(&list->list[i], &list->list[j], &common));
	}
}

static void check_union(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit)
{
	struct pl_ts_list either, other;

	if (pl_selector_union(a, b, limit, &either) != 0)
		return;
	check_form(&either, limit);
	assert(pl_selector_union(b, a, limit, &other) == 0 && other.len == either.len);
	assert(memcmp(either.list, other.list, either.len * sizeof(either.list[0])) == 0);
	assert(pl_selector_contains(&either, a) && pl_selector_contains(&either, b));
	for (unsigned i = 0; i < POINTS; i++)
		assert(point_is_in(&either, &points[i]) ==
		       (point_is_in(a, &points[i]) || point_is_in(b, &points[i])));
}

static void check_meet(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit)
{
	struct pl_ts_list both;

	if (pl_selector_meet(a, b, limit, &both) != 0)
		return;
	check_form(&both, limit);
	assert(pl_selector_contains(a, &both) && pl_selector_contains(b, &both));
	for (unsigned i = 0; i < POINTS; i++)
		assert(point_is_in(&both, &points[i]) ==
		       (point_is_in(a, &points[i]) && point_is_in(b, &points[i])));
}

static void check_subtract(const struct pl_ts_list *a, const struct pl_ts_list *b, unsigned limit)
{
	static struct pl_protos keep;
	struct pl_ts_list rest, fewer;

	pl_protos_add(&keep, PL_TUPLE_TCP);
	pl_protos_add(&keep, PL_TUPLE_UDP);
	if (pl_selector_subtract(a, b->list, b->len, NULL, limit, &rest) == 0) {
		check_form(&rest, limit);
		for (unsigned i = 0; i < POINTS; i++)
			assert(point_is_in(&rest, &points[i]) ==
			       (point_is_in(a, &points[i]) && !point_is_in(b, &points[i])));
	}
	if (pl_selector_subtract(a, b->list, b->len, &keep, limit, &fewer) != 0)
		return;
	check_form(&fewer, limit);
	for (unsigned i = 0; i < POINTS; i++) {
		bool is_left = point_is_in(a, &points[i]) && !point_is_in(b, &points[i]);

		if (pl_protos_has(&keep, points[i].proto))
			assert(point_is_in(&fewer, &points[i]) == is_left);
		else
			assert(!point_is_in(&fewer, &points[i]) || is_left);
	}
}

/* Of two selectors it is one. */
static void check_pairs(const struct pl_ts_list *a, const struct pl_ts_list *b)
{
	for (unsigned n = 0; n < a->len && n < b->len; n++) {
		struct pl_ts_list one = { .len = 1, .list = { a->list[n] } };
		struct pl_ts_list other = { .len = 1, .list = { b->list[n] } };
		struct pl_ts_list both = { .len = 1 };
		bool has = pl_selector_intersect(&a->list[n], &b->list[n], &both.list[0]);

		assert(!has || pl_ts_is_valid(&both.list[0]));
		for (unsigned i = 0; i < POINTS; i++)
			assert((has && point_is_in(&both, &points[i])) ==
			       (point_is_in(&one, &points[i]) && point_is_in(&other, &points[i])));
	}
}

/* What it affirms holds for every point. That it denies only what is wrong is said by check_union()
 * and check_meet(). */
static void check_contains(const struct pl_ts_list *a, const struct pl_ts_list *b)
{
	if (!pl_selector_contains(a, b))
		return;
	for (unsigned i = 0; i < POINTS; i++)
		assert(!point_is_in(b, &points[i]) || point_is_in(a, &points[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	unsigned limit = 1 + input_byte(&input) % PL_TS_MAX;
	struct pl_ts_list a, b;

	input_list(&input, &a);
	input_list(&input, &b);
	points_of(&a, &b, points);
	check_union(&a, &b, limit);
	check_meet(&a, &b, limit);
	check_subtract(&a, &b, limit);
	check_subtract(&b, &a, limit);
	check_pairs(&a, &b);
	check_contains(&a, &b);
	return 0;
}
