/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

/*
 * Ratios, not times: everything that is compared is measured in turn in one process, round by
 * round, and a ratio is taken within a round. A machine that changes its speed changes both.
 */

enum { BENCH_ROUNDS_MAX = 101 };

/**
 * struct bench_series - what one thing cost, round by round
 * @name: for people
 * @unit: of the values, "ns" unless set
 * @nr:   rounds
 */
struct bench_series {
	const char *name;
	const char *unit;
	double value[BENCH_ROUNDS_MAX];
	unsigned nr;
};

/* Nanoseconds of CPU time of this process, kernel included. */
uint64_t bench_cpu_ns(void);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_wall_ns(void);

/* A number that is the same in every run; below @roof. */
uint32_t bench_random(uint32_t roof);

/* One more round. */
void bench_note(struct bench_series *series, double value);

/* The quantile @q, 0 to 1, of @nr values; sorts them. */
double bench_quantile(double *values, unsigned nr, double q);

/* One line: median, best and worst round. */
void bench_show(const struct bench_series *series);

/* One line: the ratio of two series, round by round, beside its goal: at most, or at least. */
void bench_ratio_at_most(const char *group, const char *what, const struct bench_series *over,
			 const struct bench_series *under, double goal);
void bench_ratio_at_least(const char *group, const char *what, const struct bench_series *over,
			  const struct bench_series *under, double goal);

/* The same for what is no ratio. */
void bench_value_at_most(const char *group, const char *what, double value, double goal);

/* Print why and exit with 1 unless @is_fine. */
void bench_check(int is_fine, const char *what);

#endif
