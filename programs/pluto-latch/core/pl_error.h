/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ERROR_H
#define PL_ERROR_H

#include "core/pl_base.h"

#define PL_ERROR_DBUS_PREFIX "org.libreswan.Latch1.Error."
#define PL_ERROR_LIB_PREFIX "LATCH_ERR_"

/**
 * struct pl_error_info - what one error is called, and what it means
 * @dbus:     full D-Bus error name
 * @lib:      the name that liblatch has for it
 * @sentence: for a person, with its full stop
 */
struct pl_error_info {
	const char *dbus;
	const char *lib;
	const char *sentence;
};

/**
 * pl_error_info() - look up one error
 * @error: enum pl_error, or a negative errno
 *
 * Return: NULL for PL_OK; PL_E_NO_MEMORY's for -ENOMEM, -EMFILE, -ENFILE, -ENOSPC and -ENOBUFS;
 * PL_E_FAILED's for every other negative errno and for a number that is no error.
 */
const struct pl_error_info *pl_error_info(int error);

/**
 * pl_strerror() - one sentence
 * @error: enum pl_error, or a negative errno
 */
const char *pl_strerror(int error);

/**
 * pl_error_word() - the last word of its D-Bus name
 * @error: enum pl_error but PL_OK, or a negative errno
 */
const char *pl_error_word(int error);

/**
 * pl_error_from_dbus_name() - the error behind a D-Bus name
 * @name: a full D-Bus error name, from anybody; NULL is fine
 *
 * Return: enum pl_error; PL_E_FAILED for a name that is not ours
 */
enum pl_error pl_error_from_dbus_name(const char *name);

#endif
