/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PROGRAM_H
#define PROGRAM_H

#include <signal.h>

/* Of the program: what it says to --help and to who gets its arguments wrong. */
extern const char usage[];

/* Set by stop(). */
extern volatile sig_atomic_t stopped;

/**
 * stop() - a signal handler
 * @sig: any
 */
void stop(int sig);

/**
 * die() - end with 2 and the text of errno
 * @what: failed
 */
void die(const char *what) __attribute__((noreturn));

/**
 * bad_usage() - end with 2 and usage
 * @what:  is wrong
 * @value: as given
 */
void bad_usage(const char *what, const char *value) __attribute__((noreturn));

/**
 * number() - a decimal number; anything else is bad_usage()
 * @what: would be wrong
 * @text: digits and nothing behind them
 * @min:  smallest
 * @max:  largest
 */
long number(const char *what, const char *text, long min, long max);

#endif
