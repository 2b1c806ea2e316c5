/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bench.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t bench_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t bench_wall_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* xorshift64*: quick, so that it costs nothing beside what is measured. */
uint32_t bench_random(uint32_t roof)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (uint32_t)(((x * 2685821657736338717ull) >> 32) * roof >> 32);
}

void bench_note(struct bench_series *series, double value)
{
	bench_check(series->nr < BENCH_ROUNDS_MAX, "too many rounds");
	series->value[series->nr++] = value;
}

static int compare(const void *a, const void *b)
{
	const double *one = a, *two = b;

	return (*one > *two) - (*one < *two);
}

double bench_quantile(double *values, unsigned nr, double q)
{
	bench_check(nr > 0, "nothing was measured");
	qsort(values, nr, sizeof(*values), compare);
	return values[(unsigned)(q * (nr - 1) + 0.5)];
}

void bench_show(const struct bench_series *series)
{
	struct bench_series s = *series;
	double median = bench_quantile(s.value, s.nr, 0.5);

	printf("    %-58s %10.4g %s  (%.4g to %.4g)\n", s.name, median,
	       s.unit == NULL ? "ns" : s.unit, s.value[0], s.value[s.nr - 1]);
}

static void ratio(const char *group, const char *what, const struct bench_series *over,
		  const struct bench_series *under, double goal, bool is_most)
{
	double ratios[BENCH_ROUNDS_MAX], median;

	bench_check(over->nr == under->nr, "rounds do not match");
	for (unsigned i = 0; i < over->nr; i++)
		ratios[i] = over->value[i] / under->value[i];
	median = bench_quantile(ratios, over->nr, 0.5);
	bench_show(over);
	bench_show(under);
	printf("%s  %-57s %10.4g     goal %s %g: %s  (%.4g to %.4g, %u rounds)\n", group, what,
	       median, is_most ? "<=" : ">=", goal,
	       (is_most ? median <= goal : median >= goal) ? "met" : "MISSED", ratios[0],
	       ratios[over->nr - 1], over->nr);
}

void bench_ratio_at_most(const char *group, const char *what, const struct bench_series *over,
			 const struct bench_series *under, double goal)
{
	ratio(group, what, over, under, goal, true);
}

void bench_ratio_at_least(const char *group, const char *what, const struct bench_series *over,
			  const struct bench_series *under, double goal)
{
	ratio(group, what, over, under, goal, false);
}

void bench_value_at_most(const char *group, const char *what, double value, double goal)
{
	printf("%s  %-57s %10.4g     goal <= %g: %s\n", group, what, value, goal,
	       value <= goal ? "met" : "MISSED");
}

void bench_check(int is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}
