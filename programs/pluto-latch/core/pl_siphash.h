/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SIPHASH_H
#define PL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * pl_siphash13() - SipHash-1-3 of some bytes
 * @key:  secret, so that nobody can choose inputs that collide
 * @data: anything
 * @len:  in bytes
 */
uint64_t pl_siphash13(const uint8_t key[static 16], const void *data, size_t len);

#endif
