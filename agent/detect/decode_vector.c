/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_vector - where words and escapes begin, with AVX2, where there is one.
 *
 * Owns: the twins of decode.c's loops for one processor; both give the same
 * places.
 *
 * Bytes are classed as in sieve_vector.c. That eleven places from one on are a
 * word's is asked of all places of a block at once, by shifts of its bits.
 */
#include "agent/detect/decode.h"

#ifdef __x86_64__

#include <immintrin.h>

#include "lib/own.h"

#define AVX2 __attribute__((target("avx2")))

enum { BLOCK = 32 };

/* Bits of the two halves of a byte that both have for a byte of the class. */
static const uint8_t WORD_LOW[16] = {0x1a, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e, 0x1e,
    0x1e, 0x1e, 0x1e, 0x1c, 0x05, 0x04, 0x05, 0x04, 0x0d};
static const uint8_t WORD_HIGH[16] = {0, 0, 1, 2, 4, 8, 4, 16};
static const uint8_t HEX_LOW[16] = {1, 3, 3, 3, 3, 3, 3, 1, 1, 1};
static const uint8_t HEX_HIGH[16] = {0, 0, 0, 1, 2, 0, 2};

AVX2 static inline __m256i
load_table(const uint8_t t[16])
{
	return _mm256_broadcastsi128_si256(
	    _mm_loadu_si128((const __m128i_u *)t));
}

AVX2 static inline __m256i
load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i_u *)p);
}

/* Not zero in each byte of the class. */
AVX2 static inline __m256i
class_of(__m256i v, __m256i low, __m256i high)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i h = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);

	return _mm256_and_si256(
	    _mm256_shuffle_epi8(low, _mm256_and_si256(v, nibble)),
	    _mm256_shuffle_epi8(high, h));
}

/* One bit for each byte that is not zero. */
AVX2 static inline uint32_t
bits(__m256i v)
{
	return ~(uint32_t)_mm256_movemask_epi8(
	    _mm256_cmpeq_epi8(v, _mm256_setzero_si256()));
}

AVX2 static inline __m256i
is(__m256i v, char c)
{
	return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

AVX2 static bool
tokens(const uint8_t *text, size_t len, size_t *from, size_t to,
    struct decode_head *head)
{
	const __m256i low = load_table(WORD_LOW);
	const __m256i high = load_table(WORD_HIGH);
	uint64_t prev = 0, next;
	size_t at = *from;

	if (at >= to || len < 2 * BLOCK || at > len - 2 * BLOCK)
		return false;
	next = bits(class_of(load(text + at), low, high));
	for (; at < to && at <= len - 2 * BLOCK; at += BLOCK) {
		uint64_t x = next;
		uint64_t two, run;

		next = bits(class_of(load(text + at + BLOCK), low, high));
		x |= next << BLOCK;
		two = x & x >> 1;
		run = two & two >> 2;
		run &= run >> 4;
		run &= two >> 8 & x >> 10;
		run &= ~(x << 1 | prev) & UINT32_MAX;
		for (; run != 0; run &= run - 1) {
			size_t i = at + (size_t)__builtin_ctzll(run);

			if (i >= to || !decode_maybe(text + i) ||
			    !decode_head(text + i, len - i, head))
				continue;
			*from = i;
			return true;
		}
		prev = x >> (BLOCK - 1) & 1;
	}
	*from = at < to ? at : to;
	return false;
}

/* Places of a block where an escape may begin, by three bytes. */
AVX2 static inline __m256i
escapes(const uint8_t *p, __m256i low, __m256i high)
{
	__m256i a = load(p);
	__m256i b = load(p + 1);
	__m256i qp = is(a, '=');
	__m256i two = _mm256_min_epu8(
	    class_of(b, low, high), class_of(load(p + 2), low, high));
	__m256i line = _mm256_or_si256(is(b, '\r'), is(b, '\n'));
	__m256i name = _mm256_or_si256(is(b, 'u'), is(b, 'x'));

	return _mm256_or_si256(
	    _mm256_or_si256(
		_mm256_and_si256(_mm256_or_si256(qp, is(a, '%')), two),
		_mm256_and_si256(qp, line)),
	    _mm256_or_si256(_mm256_and_si256(is(a, '\\'), name),
		_mm256_and_si256(is(a, '&'), is(b, '#'))));
}

AVX2 static bool
triggers(const uint8_t *text, size_t len, size_t *from, size_t to,
    struct decode_head *unused UNUSED)
{
	const __m256i low = load_table(HEX_LOW);
	const __m256i high = load_table(HEX_HIGH);
	size_t at = *from;

	/* Without a branch inside: what ends the loop is rare. */
	for (; at < to && len >= 2 * BLOCK + 2 && at <= len - 2 * BLOCK - 2;
	     at += 2 * BLOCK) {
		__m256i one = escapes(text + at, low, high);
		__m256i two = escapes(text + at + BLOCK, low, high);
		uint64_t hits;

		if (_mm256_testz_si256(
			_mm256_or_si256(one, two), _mm256_set1_epi8(-1)) != 0)
			continue;
		hits = bits(one) | (uint64_t)bits(two) << BLOCK;
		at += (size_t)__builtin_ctzll(hits);
		*from = at < to ? at : to;
		return at < to;
	}
	*from = at < to ? at : to;
	return false;
}

decode_front_fn *
decode_vector_tokens(void)
{
	return __builtin_cpu_supports("avx2") != 0 ? tokens : NULL;
}

decode_front_fn *
decode_vector_triggers(void)
{
	return __builtin_cpu_supports("avx2") != 0 ? triggers : NULL;
}

#else

decode_front_fn *
decode_vector_tokens(void)
{
	return NULL;
}

decode_front_fn *
decode_vector_triggers(void)
{
	return NULL;
}

#endif
