/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CONF_FILE_H
#define PL_CONF_FILE_H

#include "core/pl_conf.h"
#include "daemon/pl_daemon.h"

/**
 * pl_conf_file_load() - read latch.conf; where nothing says otherwise there need be none
 * @ret:       written on success only; let go with pl_conf_clear()
 * @ret_error: what is wrong, with the line; written unless 0 is returned
 *
 * Return: 0, PL_E_BAD_CONFIG or a negative errno
 */
int pl_conf_file_load(struct pl_conf *ret,
		      char ret_error[static PL_DAEMON_ERROR_MAX]) PL_MUST_USE;

/**
 * pl_conf_file_reload() - read it again, and let what it says hold from now on
 * @conf:      in force; nobody keeps pointers into it. Unchanged unless 0 is returned
 * @ret_error: as above
 *
 * Return: 0; PL_E_BAD_CONFIG, for all that is wrong with the file; -ENOMEM
 */
int pl_conf_file_reload(struct pl_conf *conf,
			char ret_error[static PL_DAEMON_ERROR_MAX]) PL_MUST_USE;

#endif
