/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SipHash-1-3 (Aumasson and Bernstein, 2012): one round per word, three at the end. Peers choose
 * their addresses and ports, and so the keys of our hash table; with a secret key they cannot
 * choose collisions. The shorter variant is meant for tables, whose hashes nobody sees.
 */

#include "core/pl_siphash.h"

static uint64_t word(const uint8_t *at, size_t len)
{
	uint64_t w = 0;

	for (size_t i = 0; i < len; i++)
		w |= (uint64_t)at[i] << (8 * i);
	return w;
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_round(v);
	v[0] ^= w;
}

uint64_t pl_siphash13(const uint8_t key[static 16], const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t k0 = word(key, 8), k1 = word(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};

	for (size_t left = len; left >= 8; left -= 8, at += 8)
		absorb(v, word(at, 8));
	absorb(v, word(at, len % 8) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
