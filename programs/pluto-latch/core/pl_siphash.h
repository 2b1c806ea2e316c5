/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SIPHASH_H
#define PL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * pl_siphash13() - SipHash-1-3 of some bytes, as words
 * @key:   secret, so that nobody can choose inputs that collide
 * @words: little-endian; the last one has less than eight of the bytes, and in its highest byte how
 *         many there are in all (modulo 256)
 * @nr:    how many words, at least one
 */
uint64_t pl_siphash13(const uint8_t key[static 16], const uint64_t *words, size_t nr);

#endif
