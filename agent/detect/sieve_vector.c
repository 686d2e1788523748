/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve_vector - the sieve's first look with AVX2, where there is one.
 *
 * Owns: all code of this room that is written for one processor. Everything
 * here has a plain twin in sieve.c that gives the same places or fewer.
 *
 * A byte is looked up by its halves, sixteen entries each, as in Langdale and
 * Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1.1.
 */
#include "agent/detect/sieve.h"

#ifdef __x86_64__

#include <immintrin.h>

#include "lib/own.h"

#define AVX2 __attribute__((target("avx2")))

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

AVX2 static inline __m256i
halves(__m256i v, __m256i low, __m256i high)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i h = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);

	return _mm256_and_si256(
	    _mm256_shuffle_epi8(low, _mm256_and_si256(v, nibble)),
	    _mm256_shuffle_epi8(high, h));
}

AVX2 static size_t
blocks(const struct sieve_front *f, const uint8_t *text, size_t len, size_t at,
    uint32_t *hits, uint8_t out[SIEVE_BLOCK])
{
	const __m256i kind_low = load_table(f->kind_low);
	const __m256i kind_high = load_table(f->kind_high);
	const __m256i barred = load_table(f->barred);
	const __m256i zero = _mm256_setzero_si256();
	__m256i low[SIEVE_FRONT], high[SIEVE_FRONT];

	for (unsigned i = 0; i < SIEVE_FRONT; i++) {
		low[i] = load_table(f->low[i]);
		high[i] = load_table(f->high[i]);
	}
	*hits = 0;
	for (; at + 32 + SIEVE_FRONT <= len; at += 32) {
		const uint8_t *p = text + at;
		__m256i kind = halves(load(p - 1), kind_low, kind_high);
		__m256i fit = halves(load(p), low[0], high[0]);

		for (unsigned i = 1; i < SIEVE_FRONT; i++)
			fit = _mm256_and_si256(
			    fit, halves(load(p + i), low[i], high[i]));
		fit =
		    _mm256_andnot_si256(_mm256_shuffle_epi8(barred, kind), fit);
		*hits = ~(uint32_t)_mm256_movemask_epi8(
		    _mm256_cmpeq_epi8(fit, zero));
		if (*hits != 0) {
			_mm256_storeu_si256((__m256i_u *)out, fit);
			break;
		}
	}
	return at;
}

sieve_front_fn *
sieve_vector_blocks(void)
{
	return __builtin_cpu_supports("avx2") != 0 ? blocks : NULL;
}

#else

sieve_front_fn *
sieve_vector_blocks(void)
{
	return NULL;
}

#endif
