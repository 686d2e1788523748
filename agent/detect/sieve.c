/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sieve - finds the places in text that look like the shape of a match.
 *
 * Owns: the tables of all shapes, and the order of looks. First each place is
 * held against eight buckets of shapes by its first bytes, 32 places at a
 * time where the processor can; what passes is held against every shape at
 * once, one bit a shape and one table a place, until no bit is left.
 * Never: knows a rule. A shape is what pattern.c derived from a pattern, so
 * that there is nothing here that could disagree with it.
 */
#include "agent/detect/sieve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"

struct sieve {
	size_t words; /* of 64 shapes */
	unsigned depth; /* places that say anything */
	uint64_t *before; /* [byte][word]; owned */
	uint64_t *at; /* [place][byte][word]; owned */
	uint8_t front[SIEVE_FRONT + 1][256]; /* buckets; last: byte before */
	struct sieve_front vector;
	sieve_front_fn *blocks;
};

/* ---- making ---- */

static const struct byteset *
front_set(const struct shape *s, unsigned place)
{
	return place < SIEVE_FRONT ? &s->at[place] : &s->before;
}

/* How many more bytes a bucket lets through with this shape in it. */
static double
cost(
    uint8_t front[SIEVE_FRONT + 1][256], unsigned bucket, const struct shape *s)
{
	double before = 1, after = 1;

	for (unsigned i = 0; i <= SIEVE_FRONT; i++) {
		unsigned old = 0, new = 0;

		for (unsigned c = 0; c < 256; c++) {
			bool has = (front[i][c] >> bucket & 1) != 0;

			/* Text is made of these. */
			if (c < 0x20 || c > 0x7e)
				continue;
			old += has;
			new += has || byteset_has(front_set(s, i), (uint8_t)c);
		}
		before *= old / 95.0;
		after *= new / 95.0;
	}
	return after - before;
}

static void
put_front(struct sieve *v, const struct shape *s)
{
	unsigned best = 0;
	double least = 2;

	for (unsigned b = 0; b < SIEVE_BUCKETS; b++) {
		double c = cost(v->front, b, s);

		if (c < least) {
			least = c;
			best = b;
		}
	}
	for (unsigned i = 0; i <= SIEVE_FRONT; i++)
		for (unsigned c = 0; c < 256; c++)
			if (byteset_has(front_set(s, i), (uint8_t)c))
				v->front[i][c] |= (uint8_t)(1U << best);
}

/* Which kinds of byte a bucket does not allow before its first place. */
static void
put_barred(struct sieve *v)
{
	static const char *const kinds[] = {"0123456789",
	    "abcdefghijklmnoABCDEFGHIJKLMNO", "pqrstuvwxyzPQRSTUVWXYZ", "_"};
	uint8_t barred[4] = {0xff, 0xff, 0xff, 0xff};
	struct sieve_front *f = &v->vector;

	for (unsigned k = 0; k < 4; k++)
		for (const char *c = kinds[k]; *c != '\0'; c++)
			barred[k] &=
			    (uint8_t)~v->front[SIEVE_FRONT][(uint8_t)*c];
	for (unsigned k = 0; k < 4; k++)
		f->barred[1U << k] = barred[k];
	for (unsigned i = 0; i < 10; i++)
		f->kind_low[i] |= 1;
	f->kind_high[3] |= 1;
	for (unsigned i = 1; i < 16; i++)
		f->kind_low[i] |= 2;
	f->kind_high[4] |= 2;
	f->kind_high[6] |= 2;
	for (unsigned i = 0; i < 11; i++)
		f->kind_low[i] |= 4;
	f->kind_high[5] |= 4;
	f->kind_high[7] |= 4;
	f->kind_low[15] |= 8;
	f->kind_high[5] |= 8;
}

static void
put_halves(struct sieve *v)
{
	for (unsigned i = 0; i < SIEVE_FRONT; i++) {
		for (unsigned c = 0; c < 256; c++) {
			v->vector.low[i][c & 15] |= v->front[i][c];
			v->vector.high[i][c >> 4] |= v->front[i][c];
		}
	}
	put_barred(v);
}

static void
put_tables(struct sieve *v, const struct shape *shapes, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint64_t bit = (uint64_t)1 << k % 64;

		for (unsigned c = 0; c < 256; c++) {
			if (byteset_has(&shapes[k].before, (uint8_t)c))
				v->before[c * v->words + k / 64] |= bit;
			for (unsigned i = 0; i < PATTERN_PLACES; i++) {
				size_t row = (size_t)i * 256 + c;

				if (byteset_has(&shapes[k].at[i], (uint8_t)c))
					v->at[row * v->words + k / 64] |= bit;
				else if (i >= v->depth)
					v->depth = i + 1;
			}
		}
	}
}

int
sieve_new(const struct shape *shapes, size_t n, struct sieve **out)
{
	struct sieve *v = calloc(1, sizeof *v);

	if (v == NULL)
		return -ENOMEM;
	must(n > 0 && n <= SIEVE_SHAPES_MAX);
	v->words = (n + 63) / 64;
	v->before = calloc(256 * v->words, sizeof *v->before);
	v->at = calloc((size_t)PATTERN_PLACES * 256 * v->words, sizeof *v->at);
	if (v->before == NULL || v->at == NULL) {
		sieve_free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		put_front(v, &shapes[i]);
	put_halves(v);
	put_tables(v, shapes, n);
	v->blocks = sieve_vector_blocks();
	*out = v;
	return 0;
}

void
sieve_free(struct sieve *v)
{
	if (v == NULL)
		return;
	free(v->before);
	free(v->at);
	free(v);
}

/* ---- looking ---- */

struct look {
	const struct sieve *v;
	const uint8_t *text;
	size_t len;
	sieve_fn *fn;
	void *ctx;
};

/* Holds one place against 64 shapes. */
static void
look_word(const struct look *l, size_t at, size_t word)
{
	const struct sieve *v = l->v;
	const uint64_t *row = v->at + word;
	size_t most = l->len - at < v->depth ? l->len - at : v->depth;
	uint64_t left =
	    at > 0 ? v->before[l->text[at - 1] * v->words + word] : UINT64_MAX;

	for (size_t i = 0; i < most && left != 0; i++) {
		left &= row[l->text[at + i] * v->words];
		row += 256 * v->words;
	}
	/* At the end of the text all shapes of a set are left, and more. */
	for (; left != 0; left &= left - 1)
		l->fn(l->ctx,
		    (unsigned)(word * 64 + (size_t)__builtin_ctzll(left)), at);
}

static void
look(const struct look *l, size_t at)
{
	for (size_t w = 0; w < l->v->words; w++)
		look_word(l, at, w);
}

/* The first look, a place at a time. */
static bool
may_fit(const struct sieve *v, const uint8_t *p)
{
	return (v->front[SIEVE_FRONT][p[-1]] & v->front[0][p[0]] &
		   v->front[1][p[1]] & v->front[2][p[2]] & v->front[3][p[3]]) !=
	       0;
}

void
sieve_scan(const struct sieve *v, const uint8_t *text, size_t len, size_t from,
    sieve_fn *fn, void *ctx)
{
	struct look l = {v, text, len, fn, ctx};
	size_t at = from;
	uint32_t hits;

	if (at == 0 && at < len)
		look(&l, at++);
	while (v->blocks != NULL && at + 32 + SIEVE_FRONT <= len) {
		at = v->blocks(&v->vector, text, len, at, &hits);
		if (hits == 0)
			break;
		for (; hits != 0; hits &= hits - 1)
			look(&l, at + (size_t)__builtin_ctz(hits));
		at += 32;
	}
	for (; at + SIEVE_FRONT <= len; at++)
		if (may_fit(v, text + at))
			look(&l, at);
	for (; at < len; at++)
		look(&l, at);
}
