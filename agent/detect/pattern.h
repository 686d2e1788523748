/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern - a pattern of the subset as a tree, and what every match of it
 * must show: its width, a literal, the bytes at each place.
 *
 * What is told here holds for every match; it may hold for other text, too.
 */
#ifndef AGENT_DETECT_PATTERN_H
#define AGENT_DETECT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

enum {
	PATTERN_LITERAL_MAX = 16, /* bytes of a literal */
	PATTERN_PLACES = 24, /* bytes of a shape */
	PATTERN_FRONT = 12, /* of these the first, which are looked at first */
	PATTERN_SHAPES_MAX = 8, /* of one pattern */
};

/* A set of bytes. */
struct byteset {
	uint64_t w[4];
};

static inline bool
byteset_has(const struct byteset *s, uint8_t c)
{
	return (s->w[c / 64] >> c % 64 & 1) != 0;
}

/* bits_set - how many; without the processor's instruction, not by a call. */
static inline unsigned
bits_set(uint64_t v)
{
	v -= v >> 1 & UINT64_C(0x5555555555555555);
	v = (v & UINT64_C(0x3333333333333333)) +
	    (v >> 2 & UINT64_C(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(v * UINT64_C(0x0101010101010101) >> 56);
}

/* byteset_add - adds each byte of a text. */
static inline void
byteset_add(struct byteset *s, const char *text)
{
	for (const uint8_t *p = (const uint8_t *)text; *p != 0; p++)
		s->w[*p / 64] |= (uint64_t)1 << *p % 64;
}

/* A text that a match holds. */
struct literal {
	uint8_t text[PATTERN_LITERAL_MAX];
	uint8_t len;
	bool fold; /* ASCII letters of either case */
	/* Bytes from the start of the match to that of the literal. */
	uint32_t nearest, farthest;
};

/* Every match holds one of these. */
struct literals {
	struct literal *list; /* owned */
	size_t n;
	struct byteset lead; /* all bytes before the literal are of these */
	unsigned least; /* the shortest one's length */
};

/* What stands at each place from a point in the match on. */
struct shape {
	struct byteset before; /* the byte before the first place */
	struct byteset at[PATTERN_PLACES];
	uint32_t nearest, farthest; /* bytes from the match's start to it */
	struct byteset lead; /* all bytes in between are of these */
	/* Estimated shares of places in text: that look so, that begin so. */
	double rate, front;
};

/*
 * pattern_rate - the estimated share of a text's places that have a byte of
 * @before before them and bytes of the @n sets @at from there on.
 */
double pattern_rate(
    const struct byteset *before, const struct byteset *at, unsigned n);
/* pattern_rates - fills in both rates of a shape by its bytes. */
void pattern_rates(struct shape *s);
/* pattern_byte_rate - the estimated share of a text's bytes that are @c. */
double pattern_byte_rate(uint8_t c);

struct pattern;

/*
 * pattern_parse - reads a pattern that subset_check has passed.
 * Returns 0, -EBADMSG (what PCRE2 may know and the subset does not), -ENOMEM.
 */
int pattern_parse(
    const char *text, struct pattern **out, struct diag *why) MUST_CHECK;
void pattern_free(struct pattern *p);
void pattern_freep(struct pattern **p);
/* The least and greatest number of bytes of a match; UINT32_MAX: more. */
uint32_t pattern_least(const struct pattern *p);
uint32_t pattern_most(const struct pattern *p);
/*
 * pattern_literals - the best set of literals of which each match holds one.
 * @out: n is 0 if there is none; pattern_literals_done releases it.
 */
int pattern_literals(const struct pattern *p, struct literals *out) MUST_CHECK;
void pattern_literals_done(struct literals *l);

#endif
