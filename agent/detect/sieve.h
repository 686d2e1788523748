/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve - one pass over text for all shapes at once: where a match without a
 * literal may lie.
 */
#ifndef AGENT_DETECT_SIEVE_H
#define AGENT_DETECT_SIEVE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/detect/pattern.h"
#include "lib/own.h"

enum { SIEVE_SHAPES_MAX = 1024 };

struct sieve;

/* sieve_new - @n shapes; the place in the array is the number told. */
int sieve_new(
    const struct shape *shapes, size_t n, struct sieve **out) MUST_CHECK;
void sieve_free(struct sieve *s);

typedef void sieve_fn(void *ctx, unsigned shape, size_t at);
/*
 * sieve_scan - calls @fn for every place from @from on, in ascending order,
 * where the bytes around it fit a shape as far as @text reaches.
 */
void sieve_scan(const struct sieve *s, const uint8_t *text, size_t len,
    size_t from, sieve_fn *fn, void *ctx);

/* ---- shared with the vector code ---- */

enum { SIEVE_FRONT = PATTERN_FRONT, SIEVE_BUCKETS = 8, SIEVE_BLOCK = 32 };

/*
 * What the first look needs: for the front places, which buckets a byte with
 * this low and high half may belong to; and by the kind of the byte before,
 * which buckets it rules out. A place may be reported that fits nothing.
 */
struct sieve_front {
	uint8_t low[SIEVE_FRONT][16], high[SIEVE_FRONT][16];
	/* Bits: digit 1, letter 2 and 4, underscore 8. */
	uint8_t kind_low[16], kind_high[16];
	uint8_t barred[16]; /* by the sum of bits */
};

/*
 * sieve_vector_blocks - looks at whole blocks of 32 places from @at on, as far
 * as @len - 32 - SIEVE_FRONT allows; stops at the first block with a place
 * that may fit. Returns where that block begins, its places as bits in *hits
 * and the buckets of each in @fit, or where it ended with *hits 0. @at is at least 1. NULL where the
 * processor has no such instructions.
 */
typedef size_t sieve_front_fn(const struct sieve_front *f, const uint8_t *text,
    size_t len, size_t at, uint32_t *hits, uint8_t fit[SIEVE_BLOCK]);
sieve_front_fn *sieve_vector_blocks(void);

#endif
