/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve_vector - the sieve's first look with AVX2, where there is one.
 *
 * Owns: with decode_vector.c, all code of this room that is for one processor.
 * Everything here has a plain twin in sieve.c that gives the same places.
 *
 * A table of sixteen entries is one instruction, as in Langdale and Lemire,
 * "Parsing Gigabytes of JSON per Second", 2019, section 3.1.1. So bytes become
 * classes first, one table for each high half; a class then says at each place
 * which buckets are left.
 */
#include "agent/detect/sieve.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#include "lib/own.h"

#define AVX2 __attribute__((target("avx2")))

enum {
	/* Blocks that are looked at together, so that a table is read once. */
	ABREAST = 4,
	ROW_FIRST = 2, /* the first high half with classes */
	ROWS = 8,
	HALVES = SIEVE_BUCKETS / 8,
};

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

/*
 * The classes of @n bytes, a multiple of 32. In its own row a byte becomes
 * 0x70 to 0x7f, anywhere else it has its highest bit set, for which the table
 * gives 0.
 */
AVX2 static void
classes(
    const struct sieve_front *f, const uint8_t *text, size_t n, uint8_t *out)
{
	const __m256i lift = _mm256_set1_epi8(0x70);
	__m256i row[ROWS], number[ROWS];

	for (int i = ROW_FIRST; i < ROWS; i++) {
		row[i] = load_table(f->class_of + 16 * i);
		number[i] = _mm256_set1_epi8((char)(16 * i));
	}
	for (size_t k = 0; k < n; k += 32) {
		__m256i v = load(text + k);
		__m256i c = _mm256_setzero_si256();

		for (int i = ROW_FIRST; i < ROWS; i++)
			c = _mm256_or_si256(
			    c, _mm256_shuffle_epi8(row[i],
				   _mm256_adds_epu8(
				       _mm256_xor_si256(v, number[i]), lift)));
		_mm256_storeu_si256((__m256i_u *)(out + k), c);
	}
}

/* Adds the places of a block whose buckets are not all gone. */
AVX2 static inline size_t
gather(
    __m256i low, __m256i high, uint32_t at, struct sieve_place *out, size_t n)
{
	uint8_t b[HALVES][SIEVE_BLOCK];
	uint32_t hits = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
	    _mm256_or_si256(low, high), _mm256_setzero_si256()));

	if (hits == 0)
		return n;
	_mm256_storeu_si256((__m256i_u *)b[0], low);
	_mm256_storeu_si256((__m256i_u *)b[1], high);
	for (; hits != 0; hits &= hits - 1) {
		unsigned i = (unsigned)__builtin_ctz(hits);

		out[n].at = at + i;
		out[n++].buckets = (uint16_t)(b[0][i] | b[1][i] << 8);
	}
	return n;
}

/* The buckets of @ABREAST blocks; @c are the classes from the byte before. */
AVX2 static inline void
fit(const struct sieve_front *f, const uint8_t *c, __m256i out[ABREAST][HALVES])
{
	for (int b = 0; b < ABREAST; b++)
		out[b][0] = out[b][1] = _mm256_set1_epi8(-1);
	for (int i = 0; i <= SIEVE_FRONT; i++) {
		__m256i low = load_table(f->fit[0][i]);
		__m256i high = load_table(f->fit[1][i]);

		for (int b = 0; b < ABREAST; b++) {
			__m256i v = load(c + i + 32 * b);

			out[b][0] = _mm256_and_si256(
			    out[b][0], _mm256_shuffle_epi8(low, v));
			out[b][1] = _mm256_and_si256(
			    out[b][1], _mm256_shuffle_epi8(high, v));
		}
	}
}

AVX2 static size_t
front(const struct sieve_front *f, const uint8_t *text, size_t at, size_t n,
    struct sieve_place out[SIEVE_STRETCH])
{
	/* Behind the classes there is what blocks abreast read too much. */
	uint8_t c[SIEVE_STRETCH + (ABREAST + 1) * SIEVE_BLOCK];
	size_t found = 0;

	must(n % SIEVE_BLOCK == 0 && n <= SIEVE_STRETCH);
	classes(f, text + at - 1, n + SIEVE_BLOCK, c);
	memset(c + n + SIEVE_BLOCK, 0, ABREAST * SIEVE_BLOCK);
	for (size_t k = 0; k < n; k += ABREAST * SIEVE_BLOCK) {
		__m256i left[ABREAST][HALVES];

		fit(f, c + k, left);
		for (size_t b = 0; b < ABREAST; b++)
			if (k + b * SIEVE_BLOCK < n)
				found = gather(left[b][0], left[b][1],
				    (uint32_t)(at + k + b * SIEVE_BLOCK), out,
				    found);
	}
	return found;
}

sieve_front_fn *
sieve_vector_front(void)
{
	return __builtin_cpu_supports("avx2") != 0 ? front : NULL;
}

#else

sieve_front_fn *
sieve_vector_front(void)
{
	return NULL;
}

#endif
