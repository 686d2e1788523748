/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sip - SipHash-2-4.
 *
 * Owns: the function of the paper, nothing else.
 * Never: keeps a key or a value.
 */
#include "lib/sip.h"

#include <endian.h>
#include <string.h>

#include "lib/own.h"

static uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void
sip_rounds(uint64_t v[4], unsigned rounds)
{
	for (; rounds > 0; rounds--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static uint64_t
read_le64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return le64toh(x);
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
uint64_t
sip_hash(const uint8_t key[16], const uint8_t *v, size_t n)
{
	uint64_t k0 = read_le64(key);
	uint64_t k1 = read_le64(key + 8);
	uint64_t s[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
	    k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
	uint8_t rest[8] = {0};
	size_t at = 0;
	uint64_t m;

	for (; at + 8 <= n; at += 8) {
		m = read_le64(v + at);
		s[3] ^= m;
		sip_rounds(s, 2);
		s[0] ^= m;
	}
	if (n > at)
		memcpy(rest, v + at, n - at);
	rest[7] = (uint8_t)n;
	m = read_le64(rest);
	s[3] ^= m;
	sip_rounds(s, 2);
	s[0] ^= m;
	s[2] ^= 0xff;
	sip_rounds(s, 4);
	return s[0] ^ s[1] ^ s[2] ^ s[3];
}
