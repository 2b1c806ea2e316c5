/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_DIGEST_H
#define PL_DIGEST_H

#include "core/pl_ops.h"

/* By NSS, which must have been initialised. */
extern const struct pl_digest_ops pl_digest_ops;

#endif
