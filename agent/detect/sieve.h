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

enum {
	SIEVE_FRONT = PATTERN_FRONT,
	SIEVE_CLASSES = 16,
	SIEVE_BUCKETS = 16,
	SIEVE_BLOCK = 32,
	SIEVE_STRETCH = 2048, /* places that are looked at in one go */
};

/*
 * What the first look needs: a class for each byte, 0 for all but the 96 from
 * 0x20 on, and for each class and place the buckets of shapes that it may
 * belong to, eight in a byte. Row 0 is of the byte before the first place.
 */
struct sieve_front {
	uint8_t class_of[128];
	uint8_t fit[SIEVE_BUCKETS / 8][SIEVE_FRONT + 1][SIEVE_CLASSES];
};

/* A place that passed the first look, and its buckets. */
struct sieve_place {
	uint32_t at;
	uint16_t buckets;
};

/*
 * sieve_vector_front - looks at the @n places from @at on, @n a multiple of
 * SIEVE_BLOCK and at most SIEVE_STRETCH; the text reaches from the byte before
 * @at to SIEVE_BLOCK bytes behind the places. Returns how many of @out it
 * filled. NULL where the processor has no such instructions.
 */
typedef size_t sieve_front_fn(const struct sieve_front *f, const uint8_t *text,
    size_t at, size_t n, struct sieve_place out[SIEVE_STRETCH]);
sieve_front_fn *sieve_vector_front(void);

#endif
