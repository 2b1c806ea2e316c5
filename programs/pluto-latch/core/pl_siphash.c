/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SipHash-1-3 (Aumasson and Bernstein, 2012): one round per word, three at the end. Peers choose
 * their addresses and ports, and so the keys of our hash table; with a secret key they cannot
 * choose collisions. The shorter variant is meant for tables, whose hashes nobody sees.
 */

#include "core/pl_siphash.h"

#include <endian.h>
#include <string.h>

/* All of it in registers, and the input as words: a find in a large table waits for memory most of
 * the time, and the processor starts with the next one meanwhile only if the hash is short enough
 * for it to see that far, and does not wait for bytes on their way through memory. */
#define INLINE static inline __attribute__((always_inline))

struct state {
	uint64_t a, b, c, d;
};

INLINE uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

INLINE void sip_round(struct state *v)
{
	v->a += v->b;
	v->c += v->d;
	v->b = rotate(v->b, 13) ^ v->a;
	v->d = rotate(v->d, 16) ^ v->c;
	v->a = rotate(v->a, 32);
	v->c += v->b;
	v->a += v->d;
	v->b = rotate(v->b, 17) ^ v->c;
	v->d = rotate(v->d, 21) ^ v->a;
	v->c = rotate(v->c, 32);
}

INLINE uint64_t key_word(const uint8_t *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return le64toh(w);
}

uint64_t pl_siphash13(const uint8_t key[static 16], const uint64_t *words, size_t nr)
{
	uint64_t k0 = key_word(key), k1 = key_word(key + 8);
	struct state v = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};

	for (size_t i = 0; i < nr; i++) {
		v.d ^= words[i];
		sip_round(&v);
		v.a ^= words[i];
	}
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
