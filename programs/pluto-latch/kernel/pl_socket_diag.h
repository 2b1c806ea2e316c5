/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SOCKET_DIAG_H
#define PL_SOCKET_DIAG_H

#include "core/pl_ops.h"

/**
 * struct pl_diag - sockets to ask the kernel about sockets and routes
 */
struct pl_diag;

/**
 * pl_diag_open() - get ready to ask
 * @ret: close with pl_diag_close()
 *
 * Return: 0 or a negative errno
 */
int pl_diag_open(struct pl_diag **ret) PL_MUST_USE;

/**
 * pl_diag_close() - let go
 * @diag: NULL is fine
 *
 * Return: NULL
 */
struct pl_diag *pl_diag_close(struct pl_diag *diag);

/**
 * pl_diag_operations() - the operations of core/pl_ops.h, whose context is a struct pl_diag
 */
const struct pl_socket_ops *pl_diag_operations(void);

#endif
